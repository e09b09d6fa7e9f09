"""The page about pytest: its scenario, its test and its commands are true, the last two commands of a charger that is not right."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

pytest_plugins = "pytester"

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


(SCENARIO,) = blocks("yaml")
IGNORING, TEST = blocks("python")
COMMANDS = blocks("console")
FORGETFUL = SCENARIO + "models: {juicebox-40: {memory: {hold: [departure, memory-loss]}}}\n"


@pytest.fixture
def project(pytester):
    (pytester.mkdir("scenarios") / "outage.yaml").write_text(SCENARIO)
    pytester.makepyfile(test_bill=TEST)
    return pytester


@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_commands(project, number):
    if number >= 2:
        (project.path / "scenarios" / "outage.yaml").write_text(FORGETFUL)
    command, *shown = COMMANDS[number].splitlines()
    assert command.startswith("$ pytest ")
    result = project.runpytest_inprocess(*shlex.split(command.removeprefix("$ pytest ")), "-p", "no:randomly")
    wanted = "\n".join(shown).replace("[", "[[]").replace("…", "*").splitlines()
    result.stdout.fnmatch_lines([line for line in wanted if line != "*"])


def test_the_test_on_the_page(project):
    project.runpytest_inprocess("test_bill.py").assert_outcomes(passed=1)


def test_files_are_kept_out(project):
    (project.path / "scenarios" / "conftest.py").write_text(IGNORING)
    assert project.runpytest_inprocess("scenarios").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    (project.path / "scenarios" / "conftest.py").unlink()
    assert project.runpytest_inprocess("scenarios", "--ignore-glob=*.yaml").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_the_options_are_on_the_page(project):
    told = set(re.findall(r"^\| `(--harness-\w+)", PAGE, re.MULTILINE))
    assert told == set(re.findall(r"^  (--harness-\w+)", project.runpytest_inprocess("--help").stdout.str(), re.MULTILINE))
