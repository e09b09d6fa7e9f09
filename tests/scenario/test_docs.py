"""The examples in the documentation are right as they stand."""

import json
import re
import shlex
from pathlib import Path

import pytest
from small_scenario import GOOD, SMALL

from harness import api, cli, scenario, shipped
from harness.check.catalogue import NAMES
from harness.journal import books
from harness.journal.format import PLAIN_NAME
from harness.report.answers import QUESTIONS
from harness.scenario.forms import Record
from harness.scenario.nodes import read_file
from harness.scenario.target import BENCH, TARGET

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


def test_each_file_that_a_run_leaves_is_on_the_page():
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([\w.]+)` \|", page[page.index("## What a run leaves") :], re.M))
    unreadable = f"{api.FRAMES_NAME}.unreadable.txt"
    assert {PLAIN_NAME, api.FRAMES_NAME, unreadable, api.PARITY_NAME, *api.REPORTS} == {name for name in told if "." in name}
    assert api.FRAMES_NAME in YOUR_SERVER


YOUR_SERVER = (DOCS / "your-server.md").read_text(encoding="utf-8")


def test_each_key_of_a_target_is_on_the_page():
    told = re.findall(r"^\| `([\w.-]+)` \|", re.search(r"^\| key \| meaning.*?\n\n", YOUR_SERVER, re.M | re.S)[0], re.M)
    keys = []
    for field in TARGET.fields:
        parts = field.form.fields if isinstance(field.form, Record) else ()
        keys += [f"{field.key}.{part.key}" for part in parts] or [field.key]
    assert told == keys


@pytest.mark.parametrize("text", [text for text in blocks("your-server.md") if "\nurl:" in text])
def test_targets_on_the_page(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    assert faults(path) == []


@pytest.mark.parametrize("text", blocks("your-chargers.md"))
def test_benches_on_the_page(tmp_path, text):
    for name in ("server.pem", "server.key"):
        (tmp_path / name).touch()
    path = tmp_path / "bench.yaml"
    path.write_text(text, encoding="utf-8")
    assert faults(path) == []
    assert {field.key for field in BENCH.fields} == set(read_file(path, "bench.yaml").entries)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_books_on_the_page(form):
    text = re.search(rf"^```{form}\n(.*?)^```", YOUR_SERVER, re.M | re.S)[1]
    assert [booking.start_ms for booking in books.read(text, "page")]


def test_scenarios_for_a_server_of_your_own_are_on_the_page():
    told = re.findall(r"^\| `(live/[\w-]+)`", YOUR_SERVER, re.M)
    assert sorted(told) == shipped.scenario_names(shipped.LIVE)


WALK = re.search(r"## A charger, from its manual.*?(?=^## )", (DOCS / "models.md").read_text(encoding="utf-8"), re.M | re.S)[0]
COMMANDS = [shlex.split(line)[1:] for text in re.findall(r"^```sh\n(.*?)^```", WALK, re.M | re.S) for line in text.splitlines()]
CLAUSES = next(text for text in blocks("models.md") if text.startswith("contract:"))


FORGETS_AT_ONCE = ["run", "acme-outage.yaml", "--set", "defaults.model.memory.schedule=[server-loss]"]


@pytest.mark.parametrize("clauses", ["as the template has them", CLAUSES], ids=["template", "pasted"])
def test_the_walk_from_manual_to_contract(tmp_path, monkeypatch, capsys, clauses):
    """The commands of the page in their order, its blocks saved under the names that it gives them."""
    monkeypatch.chdir(tmp_path)
    new, lint, whole, broken = COMMANDS
    assert cli.main(new) == 0
    if clauses == CLAUSES:
        model = tmp_path / "acme-20.yaml"
        pasted = re.sub(r"^contract:.*?(?=^claims:)", CLAUSES, model.read_text(encoding="utf-8"), flags=re.M | re.S)
        model.write_text(pasted, encoding="utf-8")
    assert cli.main(lint) == 0
    assert "nothing to complain about" in capsys.readouterr().out
    outage = next(text for text in blocks("models.md") if text.startswith("# acme-outage.yaml"))
    (tmp_path / "acme-outage.yaml").write_text(outage, encoding="utf-8")
    assert [str(problem) for problem in scenario.lint("acme-outage.yaml")] == []

    assert cli.main(whole) == 0
    result = latest(tmp_path)
    promised = set(scenario.load("acme-outage.yaml").models["acme-20"].contract)
    assert promised == {check["name"] for check in result["checks"] if check["met"] and check["verdict"] == "pass"} & promised
    survives = "schedule-survives-power-cycle"
    for words, broken_checks in ((broken, [survives]), (FORGETS_AT_ONCE, ["schedule-runs-offline", survives])):
        assert cli.main(words) == 1
        assert [check["name"] for check in latest(tmp_path)["checks"] if check["verdict"] == "fail"] == broken_checks


def test_a_maker_is_added_in_an_hour(tmp_path, monkeypatch, capsys):
    """The model of the page has no fault, and its row is what the page says of it."""
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "guide.md").read_text(encoding="utf-8")
    (model,) = blocks("guide.md")
    Path("acme-home.yaml").write_text(model, encoding="utf-8")
    assert [str(problem) for problem in scenario.lint("acme-home.yaml")] == []
    command = re.search(r"^harness (guide acme-home.*)", page, re.M)[1]
    assert cli.main(shlex.split(command)) == 0
    shown = capsys.readouterr().out
    assert re.search(r"which current +26 A, all that the wiring bears +✓ partly assumption", shown)
    assert re.search(r"pull the station's plug +yes, then it charges at once +✓ stated", shown)
    assert Path("acme-guide", "guide.html").is_file()


def test_each_question_of_the_guide_is_one_to_ask_the_maker():
    table = re.search(r"^\| ask \|.*?\n\n", (DOCS / "guide.md").read_text(encoding="utf-8"), re.M | re.S)[0]
    assert len(table.strip().splitlines()) - 2 == len(QUESTIONS)
    named = set(re.findall(r"[a-z]+(?:-[a-z]+)+", table)) & set(NAMES)
    assert named <= {check for question in QUESTIONS for check in question.checks}


def latest(folder):
    """The result of the last run."""
    runs = folder / "reports" / "runs" / "acme-outage"
    return json.loads((runs / (runs / "latest.txt").read_text(encoding="utf-8").strip() / "result.json").read_text(encoding="utf-8"))
