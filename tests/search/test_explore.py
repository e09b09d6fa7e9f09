"""Looking for trouble: a campaign finds the same however many work on it and however often it is killed; and what it finds is small."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from harness import scenario
from harness.cli import main
from harness.exploring import REGRESSIONS, explore, mutants, shrink
from harness.scenario.problems import ScenarioError
from harness.search.campaign import BATCH, Corpus, horizon
from harness.search.store import CampaignError
from harness.search.trial import Trial, failing, judged

WRONG = ("models.juicebox-40.quirks=[hold-never-ends-offline]",)
PLANS = 160
"""More than two batches of unguided plans, so that some change others."""


def report(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in {".md", ".yaml"}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return explore("juicebox-40", plans=PLANS, overrides=WRONG, jobs=1, out=folder), folder


def test_a_wrong_behaviour_is_found_and_grouped_by_check_and_cause(whole):
    found, _ = whole
    assert found.exit_code == 1
    assert [(finding.check, finding.smallest.causes) for finding in found.findings] == [
        ("can-always-charge", ("outage",)), ("hold-ends-on-time", ("outage",)),
    ]  # fmt: skip
    assert all(finding.plans > 1 for finding in found.findings)
    assert {(finding.smallest.steps, finding.smallest.chargers) for finding in found.findings} == {(1, 1)}


def test_what_is_found_runs_and_fails_alike(whole):
    found, _ = whole
    for finding in found.findings:
        assert finding.check in failing(judged(scenario.load(finding.file)))
        assert main(["run", finding.file, "--out", finding.file.removesuffix(".yaml")]) == 1


def test_a_finding_says_what_it_shows_and_what_it_takes(whole):
    found, _ = whole
    text = found.findings[0].smallest.text
    assert text.startswith("# Found among random plans over juicebox-40 (seed ")
    assert "why: It takes 1 charger (juicebox-40) with time-of-use charging and server.crash.\n" in text


def test_the_right_behaviour_fails_in_no_plan(tmp_path):
    found = explore("juicebox-40", plans=PLANS, jobs=1, out=tmp_path)
    assert (found.findings, found.exit_code, found.plans) == ([], 0, PLANS)
    assert sum(found.coverage.met.values()) > 0


def test_two_workers_find_what_one_does(whole, tmp_path):
    one, folder = whole
    two = explore("juicebox-40", plans=PLANS, overrides=WRONG, jobs=2, out=tmp_path)
    assert two.situations == one.situations
    assert {name: text.replace(bytes(tmp_path), bytes(folder)) for name, text in report(tmp_path).items()} == report(folder)


KILLED = """
import os, signal, sqlite3, sys
from harness.exploring import explore

folder, statements, plans, jobs, *wrong = sys.argv[1:]
connect, left = sqlite3.connect, int(statements)

def count(statement):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def watched(*arguments, **given):
    connection = connect(*arguments, **given)
    connection.set_trace_callback(count)
    return connection

sqlite3.connect = watched
explore("juicebox-40", plans=int(plans), overrides=wrong, jobs=int(jobs), out=folder)
"""
MOMENTS = (1, 5, 9, 60, 17, 40, 90, 31, 130, 72)
"""At which statement to the database the campaign is killed, ten times in a row: before, in, between and after what belongs together."""


@pytest.mark.parametrize(("jobs", "moments"), [(1, (72, 150, 9)), (2, MOMENTS)])
def test_a_campaign_that_is_killed_again_and_again_finds_what_it_does_undisturbed(whole, tmp_path, jobs, moments):
    numbers = []
    for moment in moments:
        words = [sys.executable, "-c", KILLED, tmp_path, moment, PLANS, jobs, *WRONG]
        done = subprocess.run([str(word) for word in words], check=False, capture_output=True, timeout=60)
        assert done.returncode == -signal.SIGKILL, done.stderr
        with closing(sqlite3.connect(tmp_path / "explore.sqlite")) as kept:
            there = kept.execute("SELECT count(*) FROM sqlite_master WHERE name = 'trials'").fetchone()[0]
            numbers.append(kept.execute("SELECT count(*) FROM trials").fetchone()[0] if there else 0)
    assert numbers == sorted(numbers)
    assert 0 < numbers[-1] < PLANS, numbers
    going_on = explore("juicebox-40", plans=PLANS, overrides=WRONG, jobs=2, out=tmp_path)
    assert going_on.made == PLANS - numbers[-1]
    assert {name: text.replace(bytes(tmp_path), bytes(whole[1])) for name, text in report(tmp_path).items()} == report(whole[1])


def test_more_plans_of_a_campaign_are_tried_after_those_that_were(tmp_path):
    explore("waybox", plans=20, jobs=1, out=tmp_path)
    more = explore("waybox", plans=50, jobs=1, out=tmp_path)
    assert (more.made, more.plans) == (30, 50)


def test_the_first_failure_ends_a_campaign_if_that_is_wanted(tmp_path):
    found = explore("juicebox-40", plans=10_000, overrides=WRONG, first_failure=True, jobs=1, out=tmp_path)
    assert found.stopped == "a plan failed"
    assert found.plans <= found.findings[0].seeds[0] + BATCH
    again = explore("juicebox-40", plans=10_000, overrides=WRONG, first_failure=True, jobs=1, out=tmp_path)
    assert (again.made, again.plans) == (0, found.plans)


def test_a_campaign_ends_when_its_time_is_up(tmp_path):
    found = explore("waybox", plans=10_000, most_seconds=0, jobs=1, out=tmp_path)
    assert (found.stopped, found.plans) == ("its time was up", 0)


def test_shares_try_different_seeds_which_together_are_all(tmp_path):
    seeds = []
    for part in ("1/2", "2/2"):
        explore("waybox", plans=10, shard=part, jobs=1, out=tmp_path / part)
        with sqlite3.connect(tmp_path / part / "explore.sqlite") as kept:
            seeds += [seed for (seed,) in kept.execute("SELECT seed FROM trials")]
    assert sorted(seeds) == list(range(20))


def test_another_campaigns_file_is_not_touched(tmp_path):
    explore("waybox", plans=5, jobs=1, out=tmp_path)
    with pytest.raises(CampaignError, match="another campaign is kept here"):
        explore("waybox", plans=5, first=7, jobs=1, out=tmp_path)


def test_findings_are_saved_as_regressions_on_request(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = explore("juicebox-40", plans=PLANS, overrides=WRONG, first_failure=True, save=True, jobs=1)
    files = sorted(path.name for path in REGRESSIONS.iterdir())
    assert files == [f"juicebox-40-{finding.check}.yaml" for finding in sorted(found.findings, key=lambda finding: finding.check)]


# Guidance.


def trial(number: int, *situations: str) -> Trial:
    return Trial(seed=number, ancestry=(number,), kinds=[], situations=list(situations))


def test_a_plan_that_reaches_a_new_situation_is_changed_later_and_another_is_not():
    corpus = Corpus()
    for number in range(64):
        corpus.add(number, trial(number, "a" if number < 40 else "b"))
    descents = {corpus.ancestry(number, number)[0] for number in range(128, 256) if len(corpus.ancestry(number, number)) > 1}
    assert descents == {0, 40}


def test_a_plan_follows_from_those_far_below_it():
    assert [horizon(number) for number in (0, 127, 128, 255, 256, 1023, 1024)] == [0, 0, 64, 64, 128, 256, 512]
    corpus = Corpus()
    for number in range(256):
        corpus.add(number, trial(number, str(number)))
    assert all(first < horizon(number) for number in range(128, 512) if (first := corpus.ancestry(number, number)[0]) != number)


# Making small.


def test_a_failing_scenario_is_made_small_and_written(tmp_path):
    small = shrink("faq-walkthrough", overrides=["models.juicebox-40.power_up.resumes=false"], out=tmp_path / "small.yaml")
    assert small.steps >= small.smallest.steps
    assert small.chargers > small.smallest.chargers == 1
    assert small.check in failing(judged(scenario.load(small.file)))


def test_nothing_to_make_small_is_said(tmp_path, capsys):
    assert main(["shrink", "faq-walkthrough", "--out", str(tmp_path / "x.yaml")]) == 4
    assert capsys.readouterr().err.startswith("faq-walkthrough: no check fails in it: expected a scenario that breaks a check")
    with pytest.raises(ScenarioError, match=r"--check: `hold-ends` does not fail in it: expected .*; did you mean `hold-ends-on-time`"):
        shrink("tests/mutants/hold-lost-at-server-loss.yaml", check="hold-ends", out=tmp_path / "x.yaml")


# Planted wrong behaviours.


def test_each_wrong_behaviour_is_found_survives_or_concerns_nothing():
    found = mutants("juicebox-40", names=["hold-never-ends-offline", "skips-random-delay"], plans=PLANS, jobs=1)
    assert [outcome.standing for outcome in found] == ["found", "no difference"]
    assert (found[0].found_by, found[0].smallest.steps) == ("can-always-charge", 1)


def test_one_that_nobody_minds_survives():
    (found,) = mutants("juicebox-40", names=["sends-stop-twice"], plans=5, jobs=1)
    assert (found.standing, found.differed > 0) == ("survived", True)


def test_a_wrong_behaviour_that_there_is_not_is_refused():
    with pytest.raises(ScenarioError, match=r"hold-never-ends: no such wrong behaviour: .*did you mean `hold-never-ends-offline`"):
        mutants("waybox", names=["hold-never-ends"])


# The commands.


def test_the_command_tells_what_it_found_and_where(tmp_path, capsys):
    assert main(["explore", "juicebox-40", "--first-failure", "--set", *WRONG, "--out", str(tmp_path), "-j", "1"]) == 1
    shown = capsys.readouterr().out
    assert "✗ can-always-charge  in " in shown
    assert f"repeat harness run {tmp_path}/can-always-charge.yaml" in shown
    assert "finding" in shown
    assert "; ended because a plan failed\n" in shown
    assert shown.endswith(f"{tmp_path}/explore.md\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--plans", "0"], "argument --plans: found '0', expected a number from 1 to"),
        (["--for", "ten minutes"], "argument --for: "),
        (["--first", "-1"], "argument --first"),
        (["--shard", "3/2"], "--shard: not a share: found `3/2`, expected which of how many, such as `1/3`"),
        (["--set", "chargers.anna.tag"], "--set #1: not an override"),
    ],
)
def test_bad_usage_is_one_line_and_ends_with_four(tmp_path, capsys, words, says):
    assert main(["explore", "waybox", "--out", str(tmp_path), *words]) == 4
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interruption_says_that_the_same_command_goes_on(tmp_path):
    words = [sys.executable, "-m", "harness", "explore", "waybox", "--plans", "100000", "--out", str(tmp_path), "-j", "1"]
    running = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    kept = tmp_path / "explore.sqlite-wal"
    while not (kept.exists() and kept.stat().st_size > 100_000):
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=60)
    assert (running.returncode, error) == (2, "harness: interrupted; what was tried is kept, and the same command goes on from there\n")


def test_a_dask_cluster_finds_what_one_process_does(whole, tmp_path):
    import distributed

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        found = explore("juicebox-40", plans=PLANS, overrides=WRONG, dask=cluster.scheduler_address, out=tmp_path)
    assert (found.made, found.workers) == (PLANS, 2)
    assert {name: text.replace(bytes(tmp_path), bytes(whole[1])) for name, text in report(tmp_path).items()} == report(whole[1])
