"""The examples in the documentation are right as they stand."""

import re
from pathlib import Path

import pytest
from small_scenario import GOOD, SMALL

from harness import scenario

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page):
    """The YAML examples of a page, in order."""
    return re.findall(r"^```yaml\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def faults(path):
    return [str(problem) for problem in scenario.lint(path) if problem.severity == "fail"]


def test_the_scenario_on_the_page_is_the_one_that_is_tested():
    written = blocks("scenarios.md")[0]
    assert re.sub(r" *#.*", "", written) == re.sub(r" *#.*", "", GOOD.read_text(encoding="utf-8"))


def test_changed_models_on_the_page():
    found = scenario.loads(SMALL + blocks("scenarios.md")[1] + "plan: []\n", "page")
    assert found.models["juicebox-40"].memory.hold == ("departure", "memory-loss")


def test_checks_on_the_page():
    plan = "plan:\n  - {id: upgrade, at: 19:30, do: server.upgrade, for: 2 h}\n"
    plan += "  - {id: pull-plug, at: 20:00, do: station.power-cut, to: anna, for: 20 s}\n"
    checks = "".join(f"  {line}" for line in blocks("scenarios.md")[2].splitlines(keepends=True))
    found = scenario.loads(SMALL + "  homes: {count: 3}\n" + plan + "expect:\n" + checks, "page").expect.checks
    assert [check.builtin for check in found] == [False, False]


@pytest.mark.parametrize("text", [text for text in blocks("models.md") if "\nkind:" in text])
def test_models_on_the_page(tmp_path, text):
    name = re.search(r"^name: (\S+)", text, re.MULTILINE)[1]
    path = tmp_path / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    assert faults(path) == []


def test_the_walk_from_manual_to_contract(tmp_path):
    clauses = next(text for text in blocks("models.md") if text.startswith("contract:"))
    text = scenario.new("model", "acme-20")
    (tmp_path / "acme-20.yaml").write_text(re.sub(r"^contract:.*?(?=^claims:)", clauses, text, flags=re.M | re.S), encoding="utf-8")
    path = tmp_path / "acme-outage.yaml"
    path.write_text(next(text for text in blocks("models.md") if "acme-outage" in text), encoding="utf-8")
    assert faults(path) == []
    assert list(scenario.load(path).models["acme-20"].contract) == ["can-always-charge", "settings-remembered"]
    broken = scenario.load(path, overrides=["chargers.bench.model.server_loss.new_car=refused"])
    assert broken.models["acme-20@bench"].server_loss.new_car == "refused"
