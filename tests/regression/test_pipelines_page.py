"""What ``docs/pipelines.md`` says is so: its commands run, its files can be read, its table is that of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from suites import STREET

from harness import cli
from harness.regression import baseline
from harness.regression.changes import KINDS, Tolerance

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "pipelines.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^(?: +- (?:run: )?)?harness ((?:gate|run|compare) .*)$", PAGE, re.MULTILINE)


def test_the_table_of_what_turns_it_red_is_that_of_the_code():
    told = re.search(r"^\| kind \| worse, because \|\n\|---\|---\|\n(.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)[1]
    assert told.splitlines() == [f"| `{name}` | {kind.doc} |" for name, kind in KINDS.items() if kind.standing == "worse"]


def test_the_baseline_on_the_page_can_be_read(tmp_path):
    (tmp_path / "b.yaml").write_text(BLOCKS[0], encoding="utf-8")
    found = baseline.read(tmp_path / "b.yaml")
    assert baseline.render(found.head, found.rows).splitlines()[:10] == BLOCKS[0].splitlines()[:10]
    assert found.tolerances.of("server-upgrade", "time_to_recover_max") == Tolerance(amount=20)


@pytest.mark.parametrize("text", BLOCKS[1:], ids=["github", "gitlab"])
def test_the_workflows_on_the_page_are_yaml(text):
    assert isinstance(yaml.safe_load(text), dict)


def test_the_commands_on_the_page_do_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    Path("scenarios").mkdir()
    Path("scenarios/street.yaml").write_text(STREET)
    assert [command.split()[0] for command in COMMANDS] == ["gate", "gate", "gate", "gate", "run", "run", "compare"]
    for number, command in enumerate(COMMANDS):
        words = [f"runs-{number}" if word == "runs" else word for word in shlex.split(command, comments=True)]
        assert cli.main(words) == 0, command
