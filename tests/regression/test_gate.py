"""The gate: everything that turns it red, each by a run that is worse than its baseline; what does not; and the laws of both."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from suites import BROKEN, ROWS, STREET, facts

import harness
from harness import gating
from harness.check.metrics import METRICS
from harness.regression.baseline import Baseline
from harness.regression.facts import CheckFact
from harness.regression.gate import Gate, Ran, judge, recorded
from harness.scenario import ScenarioError


@pytest.fixture
def street(tmp_path, monkeypatch):
    """A folder ``suite`` with the scenario ``street``, whose baseline ``b.yaml`` was written."""
    monkeypatch.chdir(tmp_path)
    Path("suite").mkdir()
    file = Path("suite/street.yaml")
    file.write_text(STREET)
    assert gate(update=True).exit_code == 0
    return file


def gate(*suite, **options):
    return harness.gate(suite or ["suite"], "b.yaml", **{"jobs": 1, **options})


def worse(found):
    """What turned a gate red."""
    return [(row.label, change.of, change.name, change.kind, change.before, change.after) for row, change in found.regressions]


def also(found):
    return [(row.label, change.of, change.name, change.kind, change.before, change.after) for row, change in found.remarks]


def rewrite(path, old, new):
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def test_what_did_not_change_is_green_and_its_baseline_the_same_to_the_byte(street):
    before = Path("b.yaml").read_bytes()
    found = gate()
    assert (found.exit_code, found.runs, found.regressions, found.remarks) == (0, 1, [], [])
    assert gate(update=True).written is None
    assert Path("b.yaml").read_bytes() == before


def test_a_check_that_fails(street):
    street.write_text(STREET + BROKEN)
    found = gate()
    assert found.exit_code == 1
    assert ("street seed 3", "check", "unplug-clears-schedule", "new failure", "pass", "fail (1)") in worse(found)
    assert not [change for change in worse(found) if change[1] == "run"]  # the checks say why


def test_a_metric_beyond_its_tolerance(street):
    rewrite("b.yaml", "time_to_notice_max, ", "time_to_notice_max, 1 s]  # was ")
    ((label, of, name, kind, before, _),) = worse(gate())
    assert (label, of, name, kind, before) == ("street seed 3", "metric", "time_to_notice_max", "worse", "1")
    rewrite("b.yaml", "  all: 0 %\n", "  time_to_notice_max: 10 min\n")
    assert gate().exit_code == 0
    rewrite("b.yaml", "  time_to_notice_max: 10 min\n", "  time_to_notice_max: 10 min\n  scenarios: {street: {time_to_notice_max: 1 s}}\n")
    assert gate().exit_code == 1


def test_a_check_that_turned_unknown_and_a_behaviour_that_is_exercised_no_more(street):
    rewrite(street, "  - {at: 20:00, do: station.power-cut, to: anna, for: 20 s}\n", "")
    found = worse(gate())
    assert ("street seed 3", "check", "unplug-clears-schedule", "newly unknown", "pass", "unknown") in found
    assert ("street seed 3", "behaviour", "unplugging clears the schedule", "never exercised now", "1", "0") in found


def test_a_check_that_vanished(street):
    rewrite(street, "    anna-charges: ", "    anna-draws: ")
    found = gate()
    assert worse(found) == [("street seed 3", "check", "anna-charges", "gone", "pass", "–")]
    assert also(found) == [("street seed 3", "check", "anna-draws", "added", "–", "pass")]


def test_a_scenario_that_vanished(street):
    street.rename("suite/lane.yaml")
    assert worse(gate()) == [
        ("lane seed 3", "run", "verdict", "no baseline", "–", "pass"),
        ("street seed 3", "run", "verdict", "not run", "pass", "–"),
    ]


def test_a_scenario_without_a_baseline(street):
    Path("suite/lane.yaml").write_text(STREET)
    assert worse(gate()) == [("lane seed 3", "run", "verdict", "no baseline", "–", "pass")]


def test_another_seed_is_another_run(street):
    assert worse(gate(seeds=[1, 2])) == [
        ("street seed 1", "run", "verdict", "no baseline", "–", "pass"),
        ("street seed 2", "run", "verdict", "no baseline", "–", "pass"),
        ("street seed 3", "run", "verdict", "not run", "pass", "–"),
    ]
    assert gate(seeds=[1, 2, 2], update=True).runs == 2
    assert gate(seeds=[2, 1]).exit_code == 0


KNOWN = "  known_failures:\n    - {check: unplug-clears-schedule, reason: the hold outlives a power cut}\n"


def test_a_known_failure_that_passes(street):
    street.write_text(STREET + KNOWN + BROKEN)
    gate(update=True)
    assert gate().exit_code == 0
    street.write_text(STREET + KNOWN)
    assert (
        "street seed 3",
        "check",
        "unplug-clears-schedule",
        "known failure passes",
        "known failure (1)",
        "known failure passed",
    ) in worse(gate())
    street.write_text(STREET)  # taken off the list
    assert ("street seed 3", "check", "unplug-clears-schedule", "fixed", "known failure (1)", "pass") in also(gate())


def test_a_limit_that_fails(street):
    rewrite(street, "{min: 90 %}", "{min: 100 %}")
    assert worse(gate()) == [("street seed 3", "limit", "port_uptime", "new failure", "pass", "fail (1)")]


@pytest.mark.parametrize("verdict", ["invalid", "interrupted"])
def test_an_invalid_and_an_interrupted_run(verdict):
    run = Ran(scenario="street", seed=3, file="street.yaml", facts=facts(verdict=verdict))
    found = Gate(baseline="b.yaml", rows=judge([run], Baseline(rows={("street", 3): facts()})), runs=1)
    assert worse(found) == [("street seed 3", "run", "verdict", verdict, "pass", verdict)]
    assert found.exit_code == 1
    assert recorded([run]) is None


def test_a_file_that_cannot_be_read(street):
    before = Path("b.yaml").read_bytes()
    rewrite(street, "server: juicenet", "server: juicenett")
    found = gate()
    (label, _, _, kind, _, after), = worse(found)  # fmt: skip
    assert (label, kind) == ("street", "could not be run")
    assert after.startswith("suite/street.yaml:7:9: no such server model: found `juicenett`")
    assert found.regressions[0][1].line == 7
    found = gate(update=True)
    assert (found.exit_code, found.written, Path("b.yaml").read_bytes()) == (1, False, before)


def test_a_run_in_which_the_harness_fails(street, monkeypatch):
    def broken(*arguments, **options):
        raise ZeroDivisionError("the sky falls")

    monkeypatch.setattr("harness.api.run", broken)
    ((_, _, _, kind, _, after),) = worse(gate())
    assert kind == "could not be run"
    assert "ZeroDivisionError: the sky falls" in after


def test_a_run_whose_process_was_killed_costs_only_itself(street, monkeypatch):
    Path("suite/lane.yaml").write_text(STREET)
    gate(update=True)
    real = gating._done

    def killed(task):
        if task.scenario == "street":
            os.kill(os.getpid(), signal.SIGKILL)
        return real(task)

    monkeypatch.setattr(gating, "_done", killed)
    ((label, _, _, kind, _, after),) = worse(gate(jobs=2))
    assert (label, kind) == ("street", "could not be run")
    assert "signal 9" in after


def test_what_fails_as_before_is_told_and_red_only_if_strict(street):
    street.write_text(STREET + BROKEN)
    gate(update=True)
    found = gate()
    assert found.exit_code == 0
    assert ("street seed 3", "check", "unplug-clears-schedule", "still failing", "fail (1)", "fail (1)") in also(found)
    found = gate(strict=True)
    assert found.exit_code == 1
    assert ("street seed 3", "check", "unplug-clears-schedule", "still failing", "fail (1)", "fail (1)") in worse(found)


def test_a_run_that_is_unknown_as_before_is_red_only_if_strict(street):
    rewrite(street, "exercised: [unplug-clears-schedule]", "exercised: [override-kept]")
    gate(update=True)
    assert also(gate()) == [("street seed 3", "run", "verdict", "still unknown", "unknown", "unknown")]
    assert gate(strict=True).exit_code == 1


def test_a_verdict_that_no_check_explains_is_told_with_its_reasons(street):
    rewrite(street, "exercised: [unplug-clears-schedule]", "exercised: [unplug-clears-schedule, schedule-survives-power-cycle]")
    found = gate()
    assert worse(found)[-1] == ("street seed 3", "run", "verdict", "worse", "pass", "unknown")
    assert found.rows[0].reasons == ["schedule-survives-power-cycle: nothing triggered it"]


def test_a_metric_that_gets_better_is_told_and_green(street):
    rewrite("b.yaml", "time_to_notice_max, ", "time_to_notice_max, 9999 s]  # was ")
    found = gate()
    assert found.exit_code == 0
    assert [remark[:4] for remark in also(found)] == [("street seed 3", "metric", "time_to_notice_max", "better")]


def test_an_update_accepts_what_is_worse_and_keeps_what_people_wrote(street):
    rewrite("b.yaml", "  all: 0 %\n", "  all: 1 %  # for now\n")
    street.write_text(STREET + BROKEN)
    found = gate(update=True)
    assert (found.exit_code, found.written) == (0, True)
    assert len(found.regressions) > 1
    assert "  all: 1 %  # for now\n" in Path("b.yaml").read_text()
    assert gate().exit_code == 0


def test_a_baseline_that_is_not_there(street):
    Path("b.yaml").unlink()
    with pytest.raises(ScenarioError, match=r"^b.yaml: no such baseline: expected a file that `harness gate … --update` wrote$"):
        gate()


def test_regressions_point_at_the_lines_that_speak_of_them(street):
    lines = STREET.splitlines()
    rewrite(street, "{min: 90 %}", "{min: 100 %}")
    rewrite(street, "within: 1 min}", "within: 1 min, severity: warn}")
    rewrite(street, "then: {draws: true}", "then: {draws: false}")
    places = {change.name: change.line for _, change in gate().regressions}
    wanted = {name: place for place, line in enumerate(lines, 1) for name in ("anna-charges", "port_uptime") if f" {name}:" in line}
    assert {name: places[name] for name in wanted} == wanted


def test_the_suite_of_a_folder_is_all_its_scenarios_and_nothing_else(street):
    for name in ("models/acme.yaml", "deep/er/lane.yml", "deep/notes.txt", ".hidden/x.yaml", "broken.yaml"):
        path = Path("suite", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text({"acme.yaml": "harness: 1\nkind: charger\nname: acme\n", "broken.yaml": "- [\n"}.get(path.name, STREET))
    Path("b.yaml").rename("suite/b.yaml")
    assert list(gating.members_of(["suite"])) == ["broken", "deep/er/lane", "street"]
    assert list(gating.members_of(["suite/street.yaml", "server-upgrade", "live/server-restarts"])) == [
        "street", "server-upgrade", "live/server-restarts",
    ]  # fmt: skip
    assert len(gating.members_of(["suite", "suite/street.yaml"])) == 3


def test_a_suite_that_cannot_be_is_refused_before_anything_runs(street):
    Path("lane").mkdir()
    with pytest.raises(ScenarioError, match=r"^lane: a folder without a scenario"):
        gate("lane")
    Path("lane/street.yaml").write_text(STREET)
    with pytest.raises(ScenarioError, match=r"another scenario of the suite is called `street`, too: suite/street.yaml"):
        gate("suite", "lane/street.yaml")
    with pytest.raises(ScenarioError, match=r"no such file, and no shipped scenario of that name; did you mean `server-upgrade`"):
        gate("server-upgrad")


def test_each_run_is_kept_and_told_in_junit(street):
    Path("suite/lane.yaml").write_text(STREET)
    assert gate(out="kept", junit="j.xml", seeds=[3, 4], jobs=2).exit_code == 1
    kept = sorted(path.relative_to("kept").as_posix() for path in Path("kept").rglob("result.json"))
    assert kept == [f"{name}/seed-{seed}/result.json" for name in ("lane", "street") for seed in (3, 4)]
    suites = ElementTree.parse("j.xml").getroot()
    assert [suite.get("name") for suite in suites] == ["lane seed 3", "lane seed 4", "street seed 3", "street seed 4"]
    failed = [suite.get("name") for suite in suites if suite.find("testcase[@name='the baseline']/failure") is not None]
    assert failed == ["lane seed 3", "lane seed 4", "street seed 4"]
    names = [(case.get("classname"), case.get("name")) for case in suites.iter("testcase")]
    assert len(set(names)) == len(names) == int(suites.get("tests"))
    assert int(suites.get("failures")) == 3


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"junit": "no/such/j.xml"}, "No such file or directory: 'no/such/j.xml'"), ({"junit": "suite"}, "Is a directory: 'suite'"),
        ({"baseline": "no/such/b.yaml", "update": True}, "No such file or directory: 'no/such/b.yaml'"),
    ],
)  # fmt: skip
def test_where_a_file_cannot_be_written_nothing_is_run(street, asked, says, monkeypatch):
    monkeypatch.setattr("harness.api.run", lambda *words, **options: pytest.fail("a run was made"))
    with pytest.raises(OSError, match=says):
        harness.gate(["suite"], **{"baseline": "b.yaml", "jobs": 1, **asked})


def test_a_junit_file_that_cannot_be_written_costs_no_baseline(street, monkeypatch):
    Path("b.yaml").unlink()

    def full(path, content):
        if path.name == "j.xml":
            raise OSError(28, "No space left on device", "j.xml")
        path.write_bytes(content)

    monkeypatch.setattr(gating, "write_whole", full)
    with pytest.raises(OSError, match="No space left"):
        gate(update=True, junit="j.xml")
    assert "[street, 3, run, verdict, pass]" in Path("b.yaml").read_text()


def test_a_run_that_is_kept_there_already_is_not_overwritten(street):
    gate(out="kept")
    with pytest.raises(FileExistsError):
        gate(out="kept")


def test_an_interruption_ends_all_processes(street):
    Path("suite/lane.yaml").write_text(STREET)

    def interrupt(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gate(jobs=2, progress=interrupt)
    assert multiprocessing.active_children() == []


def test_how_far_it_is_is_told(street):
    told = []
    gate(jobs=2, seeds=[1, 2, 3], progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def ran(rows):
    return [Ran(scenario=scenario, seed=seed, file="", facts=found) for (scenario, seed), found in rows.items()]


@settings(max_examples=40)
@given(ROWS)
def test_a_gate_is_green_once_its_baseline_was_updated(rows):
    judged = judge(ran(rows), Baseline(rows=recorded(ran(rows))))
    assert not [row for row in judged if row.regressions]
    strict = judge(ran(rows), Baseline(rows=rows), strict=True)
    assert {(row.scenario, row.seed) for row in strict if row.regressions} >= {
        key for key, found in rows.items() if found.verdict != "pass"
    }


@settings(max_examples=40)
@given(ROWS, ROWS)
def test_each_run_of_either_side_has_its_row(before, after):
    rows = judge(ran(after), Baseline(rows=before))
    assert {(row.scenario, row.seed) for row in rows} == before.keys() | after.keys()
    assert {(row.scenario, row.seed) for row in rows if row.regressions} >= before.keys() ^ after.keys()


def test_a_check_that_fails_more_often(street):
    before, after = (facts(verdict="fail", checks={"x": CheckFact("fail", count)}) for count in (2, 3))
    rows = judge(ran({("street", 1): after}), Baseline(rows={("street", 1): before}))
    assert [change.kind for change in rows[0].regressions] == ["fails more often"]


def test_all_metrics_are_in_a_baseline(street):
    text = Path("b.yaml").read_text()
    assert all(f"[street, 3, metric, {name}, " in text for name in METRICS)
