"""Sweeps: which cells there are, what each comes to, and that a sweep goes on where it was stopped and is the same however it was made."""

from __future__ import annotations

import csv
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import harness
from harness import scenario
from harness.cli import main
from harness.search import axes
from harness.search.grid import Cell, Grid, alike, worst
from harness.search.pool import PoolError, in_order, pool
from harness.search.store import CampaignError
from harness.search.sweep import Runs, Task, planned, work
from harness.sweeping import REPORTS

STREET = """
harness: 1
title: A charger that charges nobody without its server
start: 2026-03-12 15:00
zone: America/Los_Angeles
duration: 24 h
server: csms
network: ethernet
supply: {voltage: 240 V, phases: 1}
defaults: {model: ocpp16-strict, car: leaf-40, tariff: pge-ev2-a, driver: commuter}
chargers:
  rosa: {tag: rosa, tag_listed: false, session: {plug_in: 18:10, needs: 12 kWh, leave: 22:00}}
  homes: {count: 3, tag: home, tag_listed: false}
plan:
  - {id: pull-plug, at: 16:00, do: station.power-cut, to: rosa, for: 20 s}
  - {id: crash, at: 19:30, do: server.crash, for: 2 h}
"""
GRID = {"starts": "15:30,18:00,21:30", "durations": "30 min,4 h", "seeds": 3, "jobs": 1}
RUNS = 3 * 2 * 3
"""Those of the cells."""
TWINS = 3
"""One for each seed."""


@pytest.fixture
def street(tmp_path) -> Path:
    path = tmp_path / "street.yaml"
    path.write_text(STREET, encoding="utf-8")
    return path


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert old in STREET
    path = tmp_path / "changed.yaml"
    path.write_text(STREET.replace(old, new), encoding="utf-8")
    return path


def reports(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in REPORTS]


def kept(campaign: Path) -> int:
    with sqlite3.connect(campaign) as connection:
        return connection.execute("SELECT count(*) FROM runs").fetchone()[0]


# Axes.


def test_by_default_each_half_hour_of_a_day_by_the_local_clock_from_the_start_on(street):
    plan = planned(street)
    assert plan.x.labels[:2] == ("15:00", "15:30")
    assert plan.x.labels[-1] == "14:30"
    assert len(plan.x.labels) == 48
    assert plan.x.path == "plan.crash.at"
    assert plan.y.labels == ("5 min", "15 min", "30 min", "1 h", "2 h", "3 h", "4 h", "6 h", "8 h", "10 h", "12 h", "16 h")
    assert len(plan.cells) == 48 * 12
    assert plan.seeds == tuple(range(1, 21))
    crash = plan.cells[2 * 48 + 3].plan[1]
    assert (crash.at.offset_ms, crash.for_ms) == (90 * 60_000, 30 * 60_000)


def test_the_night_the_clocks_go_forward_has_no_half_hour_that_no_clock_shows():
    base = scenario.loads(STREET.replace("2026-03-12", "2026-03-07"), "night")
    labels = axes.starts(base, base.plan[1]).labels
    assert not [label for label in labels if label.startswith("02:")]
    assert (labels[0], labels[-1], len(labels)) == ("15:00 PST", "14:30 PDT", 46)
    late = scenario.loads(STREET.replace("2026-03-12", "2026-10-31"), "night")
    assert [label for label in axes.starts(late, late.plan[1]).labels if label.startswith("01:")] == ["01:00 PDT", "01:30 PDT"]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("22:00..01:00/1h", ("22:00", "23:00", "00:00", "01:00")),
        ("+90 min,day 2 07:00", ("16:30", "07:00")),
        ("15:30,15:30", ("15:30",)),
    ],
)
def test_starts_are_written_as_clock_times_and_ranges_of_them(text, labels):
    base = scenario.loads(STREET, "street")
    assert axes.starts(base, base.plan[1], text).labels == labels


def test_starts_that_one_clock_reading_does_not_tell_apart_have_their_day():
    base = scenario.loads(STREET, "street", overrides=["duration=48 h"])
    assert axes.starts(base, base.plan[1], "16:00,day 2 16:00").labels == ("Thu 16:00", "Fri 16:00")


def test_a_range_of_durations():
    base = scenario.loads(STREET, "street")
    assert axes.durations(base.plan[1], "1h..2h/30min,8 h").labels == ("1 h", "1 h 30 min", "2 h", "8 h")


def test_any_two_paths_are_axes_too(street):
    plan = planned(street, x="chargers.homes.count=1,2", y="defaults.tariff=pge-ev2-a,{extends: pge-ev2-a}", seeds=1)
    assert [len(cell.names()) for cell in plan.cells] == [2, 3, 2, 3]
    assert plan.y.labels == ("pge-ev2-a", "{extends: pge-ev2-a}")


def test_what_the_step_waited_for_and_ended_by_gives_way_to_the_axes(tmp_path):
    path = changed(tmp_path, "at: 19:30, do: server.crash, for: 2 h", "when: {message: status}, do: server.crash, until: 23:00")
    plan = planned(path, starts="17:00", durations="1 h")
    crash = plan.cells[0].plan[1]
    assert (crash.at.offset_ms, crash.for_ms, crash.until, crash.when) == (2 * 3_600_000, 3_600_000, None, None)


def test_a_step_that_others_refer_to_takes_them_along(tmp_path):
    path = tmp_path / "before.yaml"
    path.write_text(STREET + "  - {at: crash.end - 10 min, do: driver.unplug, to: rosa}\n", encoding="utf-8")
    plan = planned(path, starts="17:00,20:00", durations="1 h")
    assert [cell.plan[2].at.offset_ms for cell in plan.cells] == [170 * 60_000, 350 * 60_000]


def test_cells_are_what_overrides_would_make_of_the_file(street):
    plan = planned(street, starts="17:00,20:00", durations="1 h,2 h", judged=True)
    sets = [(f"plan.crash.at={start}", f"plan.crash.for={lasts}") for lasts in plan.y.values for start in plan.x.values]
    assert [cell.plan for cell in plan.cells] == [scenario.load(street, overrides=texts).plan for texts in sets]


# Figures.


def test_the_worst_cell_is_the_outage_that_keeps_the_car_from_charging(street, tmp_path):
    found = harness.sweep(street, **GRID, out=tmp_path / "out")
    place = worst(found.grid)
    assert place == (1, 1)
    assert found.grid.x.labels[1] == "18:00"
    assert found.grid.cell(place).mean >= 12
    assert found.grid.cell((0, 0)).mean == 0
    assert (found.runs, found.made, found.twins) == (RUNS, RUNS, TWINS)


def test_each_figure_is_that_of_the_run_on_its_own(tmp_path):
    """Also where drivers do something relative to the outage, so that each cell has a twin of its own."""
    relative = "  - {at: crash.end + 10 min, do: driver.unplug, to: rosa}\n"
    path = tmp_path / "relative.yaml"
    path.write_text(STREET + relative, encoding="utf-8")
    given = {**GRID, "starts": "17:00,20:00", "metric": "extra_cost"}
    found = harness.sweep(path, **given, out=tmp_path / "out").grid
    for row, duration in enumerate(found.y.values):
        for column, start in enumerate(found.x.values):
            for number, seed in enumerate(found.seeds):
                alone = harness.run(path, seed=seed, overrides=[f"plan.crash.at={start}", f"plan.crash.for={duration}"])
                assert found.cell((row, column)).values[number] == alone.metrics["extra_cost"].value


def test_runs_that_failed_a_check_are_counted_where_asked_for(tmp_path):
    path = changed(tmp_path, "plan:", "expect:\n  checks: {fed: {never: {draws: true}, charger: rosa}}\nplan:")
    found = harness.sweep(path, **GRID, judge=True, out=tmp_path / "out").grid
    assert found.cell((0, 0)).failed == 3
    assert found.cell((1, 1)).failed == 0  # nobody charges then
    assert found.cell((0, 0)).checks == {"fed": 3}
    with (tmp_path / "out" / "sweep.csv").open(encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert (row["failed_runs"], row["failed_checks"]) == ("3", "fed: 3")
    assert "Of 18 runs, 15 failed a check (fed in 15); limits are not looked at." in (tmp_path / "out" / "sweep.md").read_text(
        encoding="utf-8"
    )


def test_cells_with_the_same_figures_are_alike():
    axis = axes.given("--x", "a=1,2,3")
    cells = tuple(Cell(values=values) for values in ((3.0, 4.0), (3.0, 4.0), (1.0, 2.0)))
    grid = Grid(
        name="g", title="", metric="m", unit="", says="", worse="higher", difference=False, x=axis, y=axes.given("--y", "b=1"),
        seeds=(1, 2), rows=(cells,),
    )  # fmt: skip
    assert alike(grid, (0, 0)) == [(0, 1)]


def test_cells_whose_outage_outlasts_the_run_are_marked_and_the_run_that_would_be_long_enough_is_told(street, tmp_path):
    found = harness.sweep(street, starts="18:00,12:00", durations="1 h,4 h", seeds=1, jobs=1, out=tmp_path / "out").grid
    assert [[cell.outlasts for cell in row] for row in found.rows] == [[False, False], [False, True]]
    assert found.long_enough == "25 h"
    longer = harness.sweep(
        street, starts="12:00", durations="4 h", seeds=1, jobs=1, overrides=["duration=25 h"], out=tmp_path / "longer"
    ).grid
    assert (longer.rows[0][0].outlasts, longer.long_enough) == (False, "")


# Kept, stopped, gone on with.


def test_nothing_that_was_run_is_run_again(street, tmp_path):
    out = tmp_path / "out"

    def made(**given: object) -> tuple[int, int]:
        found = harness.sweep(street, **{**GRID, **given}, out=out)
        return found.made, found.twins

    assert made() == (RUNS, TWINS)
    assert made() == (0, 0)
    assert made(metric="port_uptime") == (0, 0)
    assert made(seeds=4) == (3 * 2, 1)
    assert made(starts="15:30,19:00") == (2 * 3, 0)
    assert kept(out / "runs.sqlite") == RUNS + TWINS + 7 + 6


def test_sweeps_of_a_scenario_keep_apart_and_share_their_runs(street, tmp_path, monkeypatch):
    """Each has its own reports; with what was changed (``--set``), with other axes or another metric none is in the way of another."""
    monkeypatch.chdir(tmp_path)
    small = {"starts": "15:30,18:00", "durations": "4 h", "seeds": 1, "jobs": 1}
    first = harness.sweep(street, **small)
    others = [
        harness.sweep(street, **small, overrides=["chargers.homes.count=2"]),
        harness.sweep(street, **small, metric="port_uptime"),
        harness.sweep(street, **small, judge=True),
        harness.sweep(street, **{**small, "starts": "15:30"}),
        harness.sweep(street, x="defaults.car=leaf-40", y="chargers.homes.count=2,3", seeds=1, jobs=1),
    ]
    assert len({found.folder for found in (first, *others)}) == 6
    assert {found.campaign for found in (first, *others)} == {Path("reports/sweeps/street/runs.sqlite")}
    assert [found.made for found in others[1:4]] == [0, 2, 0]
    again = harness.sweep(street, **{**small, "seeds": 2})
    assert (again.folder, again.made) == (first.folder, 2)
    assert first.folder.name.startswith("undelivered_energy-by-crash.at-and-crash.for-")


def test_a_twin_is_never_taken_for_the_judged_run_of_a_cell_without_faults(tmp_path):
    path = changed(tmp_path, "plan:", "expect:\n  checks: {fed: {never: {draws: true}, charger: rosa}}\nplan:")
    given = {"seeds": 1, "jobs": 1, "judge": True, "campaign": tmp_path / "runs.sqlite"}
    harness.sweep(path, starts="15:30", durations="30 min", **given, out=tmp_path / "first")
    quiet = harness.sweep(path, x="chargers.homes.count=3", y="plan=[]", **given, out=tmp_path / "second").grid
    assert quiet.cell((0, 0)).failed == 1


def test_one_and_two_workers_leave_the_same_bytes(street, tmp_path):
    harness.sweep(street, **GRID, out=tmp_path / "one")
    harness.sweep(street, **{**GRID, "jobs": 2}, out=tmp_path / "two")
    assert reports(tmp_path / "one") == reports(tmp_path / "two")


def test_so_does_a_dask_cluster(street, tmp_path):
    """Takes some seconds: a cluster is started."""
    import distributed

    given = {"protocol": "tcp://", "host": "127.0.0.1", "dashboard_address": None, "processes": False}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **given) as cluster:
        harness.sweep(street, **GRID, dask=cluster.scheduler_address, out=tmp_path / "dask")
    harness.sweep(street, **GRID, out=tmp_path / "here")
    assert reports(tmp_path / "dask") == reports(tmp_path / "here")


def test_a_sweep_that_is_interrupted_goes_on_where_it_was(street, tmp_path):
    def interrupt(done: int, _: int) -> None:
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        harness.sweep(street, **GRID, out=tmp_path / "stopped", progress=interrupt)
    before = kept(tmp_path / "stopped" / "runs.sqlite")
    assert 8 <= before < RUNS + TWINS
    rest = harness.sweep(street, **GRID, out=tmp_path / "stopped")
    assert rest.made + rest.twins == RUNS + TWINS - before
    harness.sweep(street, **GRID, out=tmp_path / "whole")
    assert reports(tmp_path / "stopped") == reports(tmp_path / "whole")


KILLED = """
import os, signal, sys, harness
def kill(done, whole):
    if done >= 8:
        os.kill(os.getpid(), signal.SIGKILL)
given = {"starts": "15:30,18:00,21:30", "durations": "30 min,4 h", "seeds": 3}
harness.sweep(sys.argv[1], **given, jobs=int(sys.argv[3]), out=sys.argv[2], progress=kill)
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_sweep_that_is_killed_goes_on_where_it_was(street, tmp_path, jobs):
    words = [sys.executable, "-c", KILLED, street, tmp_path / "killed", str(jobs)]
    # Its output ends when the last process that holds it does: those that worked for it end, too.
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "sweep.html").exists()
    before = kept(tmp_path / "killed" / "runs.sqlite")
    assert 8 <= before < RUNS + TWINS
    rest = harness.sweep(street, **GRID, out=tmp_path / "killed")
    assert rest.made + rest.twins == RUNS + TWINS - before
    harness.sweep(street, **GRID, out=tmp_path / "whole")
    assert reports(tmp_path / "killed") == reports(tmp_path / "whole")


def test_shares_that_were_made_apart_are_put_together(street, tmp_path):
    first = harness.sweep(street, **GRID, shard="1/2", out=tmp_path / "first")
    second = harness.sweep(street, **GRID, shard="2/2", out=tmp_path / "second")
    assert (first.grid, first.runs, first.made, first.twins, first.lacking) == (None, 18, 9, 3, 9)
    assert not (tmp_path / "first" / "sweep.html").exists()
    together = harness.sweep(street, **GRID, merge=[first.campaign, second.campaign], out=tmp_path / "together")
    assert together.made == 0
    harness.sweep(street, **GRID, out=tmp_path / "whole")
    assert reports(tmp_path / "together") == reports(tmp_path / "whole")


def test_two_sweeps_may_write_to_one_file(street, tmp_path):
    plan = planned(street, starts="15:30", durations="30 min", seeds=2)
    with Runs(tmp_path / "kept.sqlite") as one, Runs(tmp_path / "kept.sqlite") as other:
        task = Task(cell="c", scenario=plan.cells[0], seeds=(1, 2), judged=False)
        one.add(work(task))
        other.add(work(task))
    assert kept(tmp_path / "kept.sqlite") == 2


def test_a_process_that_is_lost_is_told_in_a_sentence():
    with pytest.raises(PoolError, match="a process that worked was ended from outside"), pool(2) as (executor, workers):
        list(in_order(executor, workers, os._exit, [1]))


def test_a_file_that_cannot_be_written_is_told_in_a_sentence(street, tmp_path):
    plan = planned(street, starts="15:30", durations="30 min", seeds=1)
    with Runs(tmp_path / "kept.sqlite") as runs:
        runs._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(CampaignError, match=r"kept\.sqlite: the file cannot be read or written \("):
            runs.add(work(Task(cell="c", scenario=plan.cells[0], seeds=(1,), judged=False)))


def test_the_runs_of_another_version_are_refused_and_the_option_is_named(street, tmp_path, monkeypatch, capsys):
    words = ["sweep", str(street), "--starts", "15:30", "--durations", "1h", "--seeds", "1", "-j", "1", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    monkeypatch.setattr("harness.search.sweep.__version__", "99")
    assert main(words) == 4
    error = capsys.readouterr().err
    assert error.startswith("harness: --campaign: ")
    assert "another campaign is kept here. Its harness is" in error


def test_what_is_no_campaign_is_refused(street, tmp_path):
    note = tmp_path / "note.txt"
    note.write_text("not a database, and longer than the head of one would be: " + "x" * 100)
    with pytest.raises(CampaignError, match=r"^campaign: .*this is no campaign of the harness"):
        harness.sweep(street, **GRID, campaign=note)


@pytest.mark.parametrize("option", ["campaign", "merge"])
def test_a_database_of_others_is_left_as_it_is(street, tmp_path, option):
    mine = tmp_path / "mine.sqlite"
    with closing(sqlite3.connect(mine)) as connection:
        connection.execute("CREATE TABLE runs (distance REAL)")
    before = mine.read_bytes()
    with pytest.raises(CampaignError, match=rf"^{option}: .*this is no campaign of the harness"):
        harness.sweep(street, **GRID, **{option: [mine] if option == "merge" else mine}, out=tmp_path / "out")
    assert mine.read_bytes() == before


def test_a_file_without_a_run_of_the_sweep_is_not_merged(street, tmp_path):
    other = harness.sweep(street, **GRID, overrides=["chargers.homes.count=2"], out=tmp_path / "other")
    with pytest.raises(CampaignError, match=r"^merge: .*runs\.sqlite: no run of this sweep is kept here: its scenario, overrides, axes"):
        harness.sweep(street, **GRID, merge=[other.campaign], out=tmp_path / "out")


# The command.


def test_the_command_names_the_worst_cell_and_its_files(street, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", str(street), "--starts", "15:30,18:00", "--durations", "30min,4h", "--seeds", "2", "-j", "1"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("It hurts most where crash begins at 18:00 and lasts 4 h: undelivered energy +")
    (folder,) = Path("reports/sweeps/street").glob("undelivered_energy-by-crash.at-and-crash.for-*")
    assert printed[-3:] == [f"{folder}/{name}" for name in REPORTS]
    rows = list(csv.DictReader((tmp_path / printed[-2]).read_text(encoding="utf-8").splitlines()))
    columns = ("plan.crash.at", "plan.crash.at_minutes_after_start", "plan.crash.for", "plan.crash.for_minutes", "seeds")
    assert [tuple(row[column] for column in columns) for row in rows] == [
        ("15:30", "30", "30 min", "30", "2"), ("18:00", "180", "30 min", "30", "2"),
        ("15:30", "30", "4 h", "240", "2"), ("18:00", "180", "4 h", "240", "2"),
    ]  # fmt: skip


def test_a_share_counts_the_runs_of_cells_and_names_the_twins_apart(street, tmp_path, capsys):
    words = ["sweep", str(street), "--starts", "15:30,18:00", "--durations", "30min,4h", "--seeds", "2", "-j", "1"]
    for shard, file in (("1/2", "one.sqlite"), ("2/2", "two.sqlite")):
        assert main([*words, "--shard", shard, "--campaign", str(tmp_path / file), "--out", str(tmp_path / "out")]) == 0
        assert capsys.readouterr().out.splitlines() == [
            f"Share {shard}: of the 8 runs of the sweep's cells, 4 were made now, and 2 runs of twins besides; 4 are lacking in this file.",
            str(tmp_path / file),
        ]


def test_an_interrupted_command_says_that_it_goes_on(street, tmp_path, capsys, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("harness.search.sweep.carry_out", interrupted)
    assert main(["sweep", str(street), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "harness: interrupted; what was run is kept, and the same command goes on from there\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--step", "crush"], "--step: no step is called `crush`: expected `pull-plug`, `crash`; did you mean `crash`?"),
        (["--starts", "7 pm"], "--starts: not a start: found `7 pm`, expected a clock time"),
        (["--starts", "17:00..18:00/0 s"], "--starts: the steps of the range are too short"),
        (
            ["--starts", "17:00..18:00/1500 ms"],
            "--starts: not such a range of starts: found `17:00..18:00/1500 ms`, expected whole seconds",
        ),
        (["--starts", "00:00..23:59/1 s"], "--starts: not such a range of starts: found"),
        (["--starts", "day 3 07:00"], "--starts: the run is over after 1 d: found a start 1 d 16 h after its beginning"),
        (["--durations", "0 min"], "--durations: not a duration: found `0 min`, expected"),
        (["--durations", "99999999999h"], "--durations: not a duration: found `99999999999h`, expected"),
        (["--durations", "1h..99999999999h/99999999998h"], "above zero and at most "),
        (["--durations", "2 hours"], "did you mean `2 h`?"),
        (["--durations", "1 h,,2 h"], "--durations: a value is missing"),
        (["--x", "chargers.homes.count"], "--x: not an axis: found `chargers.homes.count`, expected `PATH=V1,V2,…`"),
        (["--x", "seed=1,2"], "--x: each cell is run with the same seeds: found `seed`"),
        (["--x", "duration=30 h", "--starts", "18:00"], "--starts: this is an axis, and --x puts another in its place"),
        (["--x", "duration=30 h", "--y", "duration=40 h"], "--y: both axes are of the same: found `duration`"),
        (["--x", "chargers.homs.count=2", "--durations", "1 h"], "the grid: where chargers.homs.count=2 and plan.crash.for=1 h: no `homs`"),
        (["--metric", "drivers"], "--metric: no metric is called `drivers`"),
        (["--seeds", "0"], "argument --seeds: found '0', expected a number from 1 to 10000"),
        (["--shard", "3/2"], "--shard: not a share: found `3/2`, expected which of how many, such as `1/3`"),
        (["--shard", f"{'1' * 5000}/3"], "--shard: not a share: found `1"),
        (["--merge", "nowhere.sqlite"], "harness: no such file: nowhere.sqlite"),
    ],
)
def test_bad_usage_is_one_line_and_ends_with_four(street, tmp_path, capsys, words, says):
    assert main(["sweep", str(street), "--out", str(tmp_path / "out"), *words]) == 4
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_without_dask_there_is_no_cluster(street, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["sweep", str(street), "--dask", "tcp://127.0.0.1:1", "--out", str(tmp_path / "out")]) == 4
    assert capsys.readouterr().err == "harness: Dask is not installed: pip install distributed\n"
    assert not (tmp_path / "out").exists(), "the folder is free for another"


def test_a_plan_that_gives_no_server_back_needs_other_axes(tmp_path, capsys):
    path = changed(tmp_path, "do: server.crash, for: 2 h", "do: server.gone")
    assert main(["sweep", str(path), "--out", str(tmp_path / "out")]) == 4
    assert "no step of the plan takes the server away and gives it back: expected a plan with one" in capsys.readouterr().err
    assert main(["sweep", str(path), "--step", "crash", "--out", str(tmp_path / "out")]) == 4
    assert "--step: `crash` never ends, so it has no duration to sweep" in capsys.readouterr().err


# Arguments in Python.


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"base": 7}, "base: found 7, expected a path"),
        ({"step": 1}, "step: found 1, expected a text such as `upgrade`"),
        ({"starts": ["18:00"]}, "starts: found ['18:00'], expected a text such as `17:00..07:00/1h` or `18:00,19:30`"),
        ({"durations": 60}, "durations: found 60, expected a text such as `1h,4h`"),
        ({"x": {"defaults.car": "leaf-40"}}, "x: found {'defaults.car': 'leaf-40'}, expected a text such as"),
        ({"y": None}, "y: found None, expected a text"),
        ({"seeds": "20"}, "seeds: found '20', expected a whole number"),
        ({"seeds": True}, "seeds: found True, expected a whole number"),
        ({"metric": None}, "metric: found None, expected a text such as `undelivered_energy`"),
        ({"overrides": "duration=48 h"}, "overrides: found 'duration=48 h', expected a list of texts"),
        ({"overrides": [1]}, "overrides: found [1], expected a list of texts"),
        ({"judge": "yes"}, "judge: found 'yes', expected True or False"),
        ({"jobs": 1.5}, "jobs: found 1.5, expected a whole number"),
        ({"dask": 1}, "dask: found 1, expected a text"),
        ({"shard": (1, 2)}, "shard: found (1, 2), expected a text such as `1/2`"),
        ({"merge": "one.sqlite"}, "merge: found 'one.sqlite', expected a list of paths"),
        ({"out": 1}, "out: found 1, expected a path or None"),
        ({"campaign": 1}, "campaign: found 1, expected a path or None"),
        ({"progress": 1}, "progress: found 1, expected what can be called"),
    ],
)
def test_an_argument_of_another_type_is_a_type_error_that_names_it(street, given, says):
    with pytest.raises(TypeError) as error:
        harness.sweep(**{"base": street, **given})
    assert str(error.value).startswith(says)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"step": "crush"}, "step: no step is called `crush`: expected `pull-plug`, `crash`; did you mean `crash`?"),
        ({"starts": "7 pm"}, "starts: not a start: found `7 pm`, expected"),
        ({"durations": "0 min"}, "durations: not a duration: found `0 min`"),
        ({"x": "duration=30 h", "starts": "18:00"}, "starts: this is an axis, and x puts another in its place"),
        ({"step": "pull-plug", "x": "a=1", "y": "b=1"}, "step: both axes are of something else"),
        ({"x": "seed=1,2"}, "x: each cell is run with the same seeds: found `seed`, expected seeds, and another path here"),
        ({"seeds": 0}, "seeds: not so many: found 0, expected 1 to 10000"),
        ({"metric": "drivers"}, "metric: no metric is called `drivers`"),
        ({"jobs": -1}, "jobs: not so many: found -1"),
        ({"shard": "3/2"}, "shard: not a share: found `3/2`"),
        ({"overrides": ["chargers.homs.count=2"]}, "overrides #1: "),
    ],
)
def test_in_python_what_is_wrong_is_told_of_arguments_not_of_options(street, tmp_path, given, says):
    with pytest.raises(harness.ScenarioError) as error:
        harness.sweep(street, **given, out=tmp_path / "out")
    assert str(error.value).startswith(says)
    assert "--" not in str(error.value)
