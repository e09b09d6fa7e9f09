"""Scenario files under pytest: what is collected, how items end, and that their verdict is that of ``harness run``."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec import structs
from outages import FAILING, HELD, IDLE, RIGHT, WRONG, expecting

import harness
from harness import api, cli, pytest_plugin, shipped
from harness.scenario import Problem, ScenarioError
from harness.scenario.layout import SCENARIO
from harness.scenario.models import file_fields, model_form
from harness.scenario.nodes import MAX_BYTES
from harness.scenario.target import BENCH, TARGET

pytest_plugins = "pytester"

ROOT = Path(__file__).resolve().parents[2]
EVERY = IDLE | HELD | {"the run"}


@pytest.fixture
def project(pytester):
    """A project with the files that are given: path → text. Gives a function that runs pytest in it, and has the outcomes by item."""

    def run(files, *words):
        for name, text in files.items():
            path = pytester.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        recorder = pytester.inline_run("-p", "no:cacheprovider", "-p", "no:randomly", *words, no_reraise_ctrlc=True)
        outcomes = {}
        for report in recorder.getreports("pytest_runtest_logreport"):
            if report.when == "call":
                outcomes[report.nodeid] = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        return Project(int(recorder.ret), outcomes, recorder)

    return run


class Project:
    """What came of a run of pytest: exit code, outcome by node id, and everything that was reported."""

    def __init__(self, code, outcomes, recorder):
        self.code = code
        self.outcomes = outcomes
        self.recorder = recorder

    def ended(self, outcome):
        return {node.rpartition("::")[2] for node, found in self.outcomes.items() if found == outcome}

    def text(self, name):
        """What the report of a failed item says."""
        reports = [report for report in self.recorder.getfailures() if report.nodeid.endswith(f"::{name}")]
        (report,) = reports
        return str(report.longrepr)

    def warnings(self):
        return [str(call.warning_message.message) for call in self.recorder.getcalls("pytest_warning_recorded")]

    def collection_errors(self):
        return [report for report in self.recorder.getreports("pytest_collectreport") if report.failed]


@pytest.fixture
def runs(monkeypatch):
    """The scenarios that were run, in order."""
    made = []
    run = api.run

    def counted(source, **options):
        made.append(str(source))
        return run(source, **options)

    monkeypatch.setattr(api, "run", counted)
    return made


# Collecting.


def test_an_item_for_each_check_and_one_for_the_run_without_running_it(pytester, runs):
    (pytester.mkdir("scenarios") / "outage.yaml").write_text(expecting(RIGHT, "limits: {drivers_short: {max: 9}}"))
    result = pytester.runpytest_inprocess("scenarios", "--collect-only", "-q")
    listed = [line.removeprefix("scenarios/outage.yaml::") for line in result.outlines if "::" in line]
    assert set(listed) == EVERY | {"drivers_short"}
    assert listed[-2:] == ["drivers_short", "the run"]
    assert runs == []


def test_the_shipped_scenarios_are_all_collected(pytester):
    items, recorder = pytester.inline_genitems(f"--rootdir={ROOT}", ROOT / "scenarios")
    collected = {item.parent.nodeid.removeprefix("scenarios/").removesuffix(".yaml") for item in items}
    assert collected == {*shipped.scenario_names(), *shipped.scenario_names(shipped.LIVE)}
    assert not [report for report in recorder.getreports("pytest_collectreport") if report.failed]


def test_one_run_serves_all_items_of_a_file(project, runs):
    done = project({"a.yaml": RIGHT, "b.yml": WRONG})
    assert sorted(runs) == ["a.yaml", "b.yml"]
    assert len(done.outcomes) == 2 * len(EVERY)


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (["scenarios/outage.yaml::unplug-clears-schedule"], {"unplug-clears-schedule"}),
        (["scenarios/outage.yaml::the run"], {"the run"}),
        (["-k", "reconnect"], {"reconnects-in-time", "reconnect-backs-off"}),
        (["-k", "outage.yaml and unplug-clears-schedule"], {"unplug-clears-schedule"}),
    ],
)
def test_items_are_chosen_as_ever(project, words, chosen):
    done = project({"scenarios/outage.yaml": RIGHT}, *words)
    assert (done.ended("passed"), done.code) == (chosen, 0)
    assert len(done.outcomes) == len(chosen)


def test_files_of_one_name_and_names_of_any_script(project):
    files = {"a/outage.yaml": RIGHT, "b/outage.yaml": WRONG, "c/停電 Störung.yaml": RIGHT}
    done = project(files, "-k", "unplug-clears-schedule")
    assert done.outcomes == {
        "a/outage.yaml::unplug-clears-schedule": "passed",
        "b/outage.yaml::unplug-clears-schedule": "failed",
        "c/停電 Störung.yaml::unplug-clears-schedule": "passed",
    }
    assert "repeat: harness run b/outage.yaml --seed 1" in done.text("unplug-clears-schedule")


@pytest.mark.parametrize(
    "text",
    [
        RIGHT.replace("\n", "\r\n"), b"\xef\xbb\xbf" + RIGHT.encode(), "# A licence.\n" * 5000 + RIGHT, RIGHT.replace("harness: 1\n", "") +
        "harness: 1\n", RIGHT.replace("harness: 1", "harness : '1' # the format"), RIGHT.replace("harness: 1", "harness:\t1"),
        re.sub(r"(?m)^(\w+):", r'"\1":', RIGHT),
    ],
    ids=["Windows", "byte order mark", "long comment", "version last", "spaces and quotes", "tab", "keys in quotes"],
)  # fmt: skip
def test_a_scenario_is_known_however_it_is_written(project, text):
    assert project({"outage.yaml": text}, "outage.yaml::the run").outcomes == {"outage.yaml::the run": "passed"}


FOREIGN = {
    "nothing": "",
    "of something else": "version: 3\nservices: {harness: 1}\n",
    "of another harness": "harness: console\nplan: []\nserver: here\n",
    "without a version": RIGHT.replace("harness: 1\n", ""),
    "without anything else": "harness: 1\n",
    "in an indented text": "text: |\n  " + RIGHT.replace("\n", "\n  "),
    "bytes": b"\xff\xfe\x00harness: 1",
    "a bench": "harness: 1\nstations: {anna: CP-1}\n",
    "a target": "harness: 1\nurl: ws://127.0.0.1:9000/{station}\n",
}


def test_other_files_are_left_alone(project):
    models = {f"models/{path.name}": path.read_bytes() for path in (ROOT / "models").rglob("*.yaml")}
    files = {f"{name}.yaml": text for name, text in FOREIGN.items()} | models | {"outage.txt": RIGHT, "test_it.py": "def test(): pass"}
    done = project(files)
    assert done.outcomes == {"test_it.py::test": "passed"}
    assert done.collection_errors() == []


def test_what_tells_a_scenario_from_the_other_files_of_the_harness():
    others = [*TARGET.fields, *BENCH.fields]
    for kind in shipped.FOLDERS:
        others += [*model_form(kind).fields, *file_fields(kind)]
    assert not set(pytest_plugin.KEYS) & {field.key for field in others}
    assert set(pytest_plugin.KEYS) == {field.key for field in SCENARIO.fields if field.required} - {"harness", "title"}
    for name in [*shipped.scenario_names(), *shipped.scenario_names(shipped.LIVE)]:
        assert pytest_plugin.looks_like_a_scenario(shipped.scenario_path(name))


def test_as_much_of_a_file_is_looked_at_as_a_scenario_may_be_long():
    assert pytest_plugin.LARGEST_BYTES == MAX_BYTES


def test_a_file_that_cannot_be_looked_at_is_left_alone(tmp_path):
    assert not pytest_plugin.looks_like_a_scenario(tmp_path / "nowhere.yaml")


def test_a_file_that_cannot_be_read_is_one_error_with_the_usual_message(project):
    wrong = RIGHT.replace("model: juicebox-40", "model: juicebox-41").replace("do: server.crash", "do: server.crsh")
    done = project({"scenarios/wrong.yaml": wrong, "scenarios/right.yaml": RIGHT}, "scenarios", "--continue-on-collection-errors")
    (error,) = done.collection_errors()
    first, second = str(error.longrepr).splitlines()
    assert first.startswith("scenarios/wrong.yaml:10:19: no such charger model: found `juicebox-41`, expected one of `chargepoint-home`, ")
    assert first.endswith("; did you mean `juicebox-40`?")
    assert second.startswith("scenarios/wrong.yaml:14:32: ")
    assert second.endswith("; did you mean `server.crash`?")
    assert done.ended("passed") == HELD | {"the run"}
    assert done.code == 1
    assert project({}, "scenarios").code == 2  # nothing is run, as pytest has it


def test_of_a_newer_format_it_is_said_so(project):
    (error,) = project({"new.yaml": RIGHT.replace("harness: 1", "harness: 2")}).collection_errors()
    assert str(error.longrepr).startswith("new.yaml:1:10: ")


# How items end.


def test_what_held_passes_and_what_was_not_exercised_is_skipped(project):
    done = project({"outage.yaml": RIGHT})
    assert (done.code, done.ended("passed"), done.ended("skipped")) == (0, HELD | {"the run"}, IDLE)


def test_the_summary_names_what_was_skipped(pytester):
    pytester.makefile(".yaml", outage=RIGHT)
    result = pytester.runpytest_inprocess("-rs")
    result.stdout.fnmatch_lines(["SKIPPED * outage.yaml:1: override-kept: nothing triggered it"])


def test_a_failure_shows_the_events_and_the_command_that_repeats_it(project, monkeypatch, pytester, capsys):
    done = project({"scenarios/outage.yaml": WRONG})
    assert (done.code, done.ended("failed")) == (1, FAILING)
    lines = done.text("unplug-clears-schedule").splitlines()
    assert lines[0] == (
        "Thu 19:00:55 anna: loss of mains erases the hold: the car should draw within 5 s of the power-up at Thu 19:00:50; it did not"
    )
    assert "  Thu 19:00:00  anna  mains lost" in lines
    assert "failed once" in lines
    repeat = lines[-1].removeprefix("repeat: ")
    assert repeat == "harness run scenarios/outage.yaml --seed 1"
    monkeypatch.chdir(pytester.path)
    assert cli.main(shlex.split(repeat)[1:]) == 1
    assert "failed once" in capsys.readouterr().out


def test_the_command_is_right_from_any_folder(project, monkeypatch, pytester):
    project({"scenarios/outage.yaml": WRONG, "elsewhere/note.txt": ""}, "--collect-only")
    monkeypatch.chdir(pytester.path / "elsewhere")
    done = project({}, "../scenarios", "-k", "unplug-clears-schedule")
    assert done.text("unplug-clears-schedule").endswith("repeat: harness run ../scenarios/outage.yaml --seed 1")


KNOWN = (
    "known_failures: [{check: unplug-clears-schedule, reason: firmware 2, charger: anna}, {check: can-always-charge, reason: as well},"
    " {check: tou-suspended, reason: as well}]"
)


def test_a_known_failure_is_expected(project):
    files = {"outage.yaml": expecting(WRONG, KNOWN)}
    done = project(files)
    assert (done.code, done.ended("xfailed"), done.ended("failed")) == (0, FAILING, set())
    reasons = {report.wasxfail.removeprefix("reason: ") for report in done.recorder.getreports() if hasattr(report, "wasxfail")}
    assert reasons == {"firmware 2", "as well"}
    done = project(files, "--runxfail")
    assert (done.code, done.ended("failed")) == (1, FAILING)
    assert "  Thu 19:00:00  anna  mains lost" in done.text("unplug-clears-schedule")


def test_a_known_failure_that_passes_fails(project):
    done = project({"outage.yaml": expecting(RIGHT, KNOWN)})
    assert (done.code, done.ended("failed")) == (1, FAILING)
    assert done.text("unplug-clears-schedule").splitlines()[0] == (
        "[XPASS(strict)] unplug-clears-schedule at anna: is listed as a known failure and passed (firmware 2)"
    )


def test_a_violation_that_only_warns_passes_with_a_warning(project):
    soft = "checks: {unplug-clears-schedule: {severity: warn}, can-always-charge: {severity: warn}, tou-suspended: {severity: warn}}"
    done = project({"outage.yaml": expecting(WRONG, soft)})
    assert (done.code, done.ended("failed")) == (0, set())
    assert done.ended("passed") >= FAILING
    warned = done.warnings()
    assert len(warned) == 3
    assert any("loss of mains erases the hold" in text and "repeat: harness run outage.yaml" in text for text in warned)


def test_with_strict_what_was_not_exercised_fails(project):
    done = project({"outage.yaml": RIGHT}, "--harness-strict")
    assert (done.code, done.ended("failed"), done.ended("skipped")) == (1, IDLE, set())
    assert done.text("override-kept").splitlines()[0] == "juicenet: override-kept: promised, and not exercised"
    assert done.text("override-kept").endswith("repeat: harness run outage.yaml --seed 1 --strict")


def test_what_the_scenario_names_and_nothing_decided_fails(project):
    done = project({"outage.yaml": expecting(RIGHT, "exercised: [override-kept], contract: none")})
    assert (done.code, done.outcomes) == (1, {"outage.yaml::override-kept": "failed", "outage.yaml::the run": "passed"})
    assert done.text("override-kept").startswith("unknown: nothing triggered it\n")


def test_a_limit_that_is_broken_fails(project):
    done = project({"outage.yaml": expecting(RIGHT, "limits: {drivers_short: {min: 3}}")})
    assert (done.code, done.ended("failed")) == (1, {"drivers_short"})
    assert done.text("drivers_short").splitlines()[0].startswith("Fri 04:00:00: drivers short is at least 3 drivers; it is ")


def test_a_verdict_that_no_check_explains_fails_as_the_run(project):
    quiet = RIGHT[: RIGHT.index("plan:")]
    done = project({"outage.yaml": expecting(quiet, "contract: none")})
    assert done.outcomes == {"outage.yaml::the run": "failed"}
    assert done.text("the run") == "unknown: nothing was triggered at all\nrepeat: harness run outage.yaml --seed 1"


def test_an_experiment_that_did_not_happen_fails_as_the_run(project, monkeypatch):
    run = api.run

    def without_effect(source, **options):
        made = run(source, **options)
        judgement = structs.replace(made.judgement, verdict="invalid", exit_code=6, reasons=["step crash: changed nothing"])
        return replace(made, outcome=replace(made.outcome, judgement=judgement))

    monkeypatch.setattr(api, "run", without_effect)
    done = project({"outage.yaml": WRONG})
    assert done.ended("failed") == FAILING | {"the run"}
    assert "INVALID: the experiment did not happen" in done.text("the run")
    assert "step crash: changed nothing" in done.text("the run")


# What goes wrong around a run.


REFUSAL = ScenarioError([Problem(file="outage", line=0, column=0, message="step crash: server.crash cannot be simulated")])


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (REFUSAL, "outage: step crash: server.crash cannot be simulated"),
        (PermissionError(13, "Permission denied", "kept/here"), "Permission denied: kept/here"),
    ],
)
def test_what_stands_in_the_way_of_a_run_is_told_without_a_traceback(project, monkeypatch, problem, says):
    def refuse(source, **options):
        raise problem

    monkeypatch.setattr(api, "run", refuse)
    done = project({"outage.yaml": RIGHT})
    assert (done.code, done.ended("failed")) == (1, EVERY)
    assert done.text("the run") == done.text("override-kept") == says


@pytest.mark.parametrize("problem", [ZeroDivisionError("a defect"), pytest.fail.Exception("Timeout")])
def test_a_defect_or_a_timeout_has_its_traceback_and_is_met_once(project, monkeypatch, problem):
    met = []

    def ending(source, **options):
        met.append(source)
        raise problem

    monkeypatch.setattr(api, "run", ending)
    done = project({"outage.yaml": RIGHT})
    assert (done.code, done.ended("failed"), met) == (1, EVERY, ["outage.yaml"])
    assert "def ending" in done.text("charging-continues")
    assert done.text("the run") == f"{type(problem).__name__}: {problem} (see the first item that was run)"


def test_a_file_that_is_changed_meanwhile(project, monkeypatch, pytester):
    run = api.run

    def changing(source, **options):
        Path(source).write_text(expecting(RIGHT, "contract: none, exercised: [unplug-clears-schedule]"))
        return run(source, **options)

    monkeypatch.setattr(api, "run", changing)
    done = project({"outage.yaml": RIGHT})
    assert done.ended("passed") == {"unplug-clears-schedule", "the run"}
    assert done.text("override-kept") == "outage.yaml was changed after it was collected, and no run of it tells of this"


def test_ctrl_c_ends_the_session(project, monkeypatch):
    def interrupted(source, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "run", interrupted)
    assert project({"outage.yaml": RIGHT}).code == 2


# Options, and the rest of pytest.


def test_another_seed(project):
    done = project({"outage.yaml": WRONG}, "--harness-seed", "5")
    assert done.text("unplug-clears-schedule").endswith("repeat: harness run outage.yaml --seed 5")
    (error,) = project({}, "--harness-seed", "-5").collection_errors()
    assert str(error.longrepr).startswith("--seed: `seed` is not right: found `-5`")


def test_runs_are_kept_where_one_says(project, pytester):
    project({"a/outage.yaml": WRONG, "b/outage.yaml": RIGHT}, "--collect-only", "--harness-out", "kept")
    assert not (pytester.path / "kept").exists()
    for times in (1, 2):
        done = project({}, "--harness-out", "kept")
        folders = [path.parent for path in (pytester.path / "kept").glob("outage/*/result.json")]
        assert len(folders) == 2 * times
    told = done.text("unplug-clears-schedule").splitlines()[-1].removeprefix("reports: ")
    assert Path(told) in folders
    assert harness.judge(told).verdict == "fail"


def test_nothing_is_left_behind_without_being_asked_for(project, pytester, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(pytester.mkdir("temporary")))
    monkeypatch.setattr("tempfile.tempdir", None)
    project({"outage.yaml": RIGHT})
    assert sorted(path.name for path in pytester.path.iterdir()) == ["outage.yaml", "temporary"]
    assert list((pytester.path / "temporary").iterdir()) == []


def test_with_warnings_as_errors_all_is_as_ever(project):
    assert project({"outage.yaml": RIGHT}, "-W", "error").code == 0


def test_the_first_failure_ends_it_and_the_last_failed_come_again(pytester, runs):
    pytester.makefile(".yaml", a=WRONG, b=RIGHT)
    pytester.runpytest_inprocess("-x").assert_outcomes(failed=1, skipped=1)
    pytester.runpytest_inprocess().assert_outcomes(failed=3, passed=len(HELD) - 3 + 1 + len(HELD) + 1, skipped=2 * len(IDLE))
    pytester.runpytest_inprocess("--lf").assert_outcomes(failed=3)
    assert runs == ["a.yaml", "a.yaml", "b.yaml", "a.yaml"]


def test_junit_xml(pytester):
    (pytester.mkdir("scenarios") / "outage.yaml").write_text(expecting(WRONG, KNOWN.replace("unplug-clears-schedule", "override-kept")))
    pytester.runpytest_inprocess("--junitxml", "junit.xml")
    cases = {case.get("name"): case for case in ElementTree.parse(pytester.path / "junit.xml").iter("testcase")}
    assert cases.keys() == EVERY
    assert {case.get("classname") for case in cases.values()} == {"scenarios.outage.yaml"}
    assert "loss of mains erases the hold" in cases["unplug-clears-schedule"].find("failure").get("message")
    assert "repeat: harness run scenarios/outage.yaml --seed 1" in cases["unplug-clears-schedule"].find("failure").text
    assert cases["tou-suspended"].find("skipped").get("type") == "pytest.xfail"
    assert cases["tou-suspended"].find("skipped").get("message") == "as well"
    assert cases["charging-continues"].find("skipped").get("message") == "charging-continues: nothing triggered it"
    assert list(cases["the run"]) == []


@pytest.mark.parametrize("words", [["--dist", "loadfile"], []], ids=["loadfile", "load"])
def test_with_xdist(pytester, words):
    pytester.makefile(".yaml", a=WRONG, b=RIGHT)
    result = pytester.runpytest_subprocess("-n", "2", "--harness-out", "kept", *words)
    result.assert_outcomes(failed=3, passed=len(HELD) - 3 + 1 + len(HELD) + 1, skipped=2 * len(IDLE))
    result.stdout.fnmatch_lines(["*Thu 19:00:55 anna: loss of mains erases the hold*", "repeat: harness run a.yaml --seed 1"])
    kept = len(list((pytester.path / "kept").glob("*/*/result.json")))
    assert kept == 2 if words else 2 <= kept <= 4  # with loadfile each file is run once


def test_the_items_of_a_file_are_a_group_for_xdist(pytester):
    (pytester.mkdir("a") / "outage.yaml").write_text(RIGHT)
    (pytester.mkdir("b") / "outage.yaml").write_text(RIGHT)
    items, _ = pytester.inline_genitems()
    groups = {(item.parent.nodeid, *item.get_closest_marker("xdist_group").args) for item in items}
    assert groups == {("a/outage.yaml", "a/outage.yaml"), ("b/outage.yaml", "b/outage.yaml")}


def test_without_the_plugin(pytester):
    pytester.makefile(".yaml", outage=RIGHT)
    assert pytester.runpytest_inprocess("-p", "no:harness").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert pytester.runpytest_inprocess("-p", "no:harness", "--harness-strict").ret == pytest.ExitCode.USAGE_ERROR


def test_without_xdist_and_with_strict_markers(pytester):
    pytester.makefile(".yaml", outage=RIGHT)
    result = pytester.runpytest_subprocess("-p", "no:xdist", "--strict-markers")  # a process of its own: pytest remembers marks
    assert result.ret == pytest.ExitCode.OK


HEAVY = ["simpy", "yaml", "msgspec", "harness.api", "harness.scenario", "harness.pytest_items"]


def test_a_project_without_scenarios_imports_nothing_heavy(pytester):
    pytester.makefile(".yaml", other="services: {}\n")
    pytester.makeconftest(
        f"""
        import sys

        def pytest_unconfigure():
            print("PLUGIN", "harness.pytest_plugin" in sys.modules, [name for name in {HEAVY} if name in sys.modules])
        """
    )
    pytester.makepyfile("def test(): pass")
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["PLUGIN True []"])


# The fixture.


def test_a_test_in_python_runs_a_scenario(pytester):
    pytester.makefile(".yaml", outage=RIGHT)
    pytester.makepyfile(
        """
        def test_it(run_scenario, tmp_path):
            run = run_scenario("outage.yaml", seed=3)
            assert (run.verdict, run.scenario.seed) == ("pass", 3)
            assert run.journal.is_relative_to(tmp_path)
            assert run_scenario("outage.yaml").journal.parent != run.journal.parent
            assert run_scenario("outage.yaml", out=tmp_path / "mine").journal.parent == tmp_path / "mine"
        """
    )
    result = pytester.runpytest_inprocess("test_a_test_in_python_runs_a_scenario.py")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*harness run*")


def test_its_failure_tells_what_failed_in_the_run_and_how_to_repeat_it(pytester):
    pytester.makefile(".yaml", outage=WRONG)
    pytester.makepyfile("def test_it(run_scenario): assert run_scenario('outage.yaml', overrides=['seed=4']).verdict == 'pass'")
    result = pytester.runpytest_inprocess("-k", "test_it")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*Captured harness call*", "outage: fail", "unplug-clears-schedule: failed 1 of 1",
            "Thu 19:00:55 anna: loss of mains erases the hold*", "  Thu 19:00:00  anna  mains lost",
            "repeat: harness run outage.yaml --seed 4 --set seed=4", "reports: */run-1",
        ]
    )  # fmt: skip
    assert result.stdout.str().count("Captured harness call") == 1
