"""Looking for trouble: a campaign finds the same however many work on it and however often it is killed; and what it finds is small."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from harness import scenario, shipped
from harness.cli import main
from harness.exploring import REGRESSIONS, explore, shrink
from harness.report.exploration import lines
from harness.scenario.problems import ScenarioError
from harness.search import finding
from harness.search.campaign import BATCH, Corpus, horizon
from harness.search.found import Smallest
from harness.search.pool import pool
from harness.search.space import source, space
from harness.search.store import CampaignError, Store
from harness.search.trial import Failure, Trial, failing, judged

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


def test_the_documentation_shows_what_is_printed(whole):
    found, folder = whole
    shown = "".join("".join(text for text, _ in line) + "\n" for line in lines(found)).replace(str(folder), "reports/explore/juicebox-40")
    page = (Path(__file__).resolve().parents[2] / "docs" / "explore.md").read_text(encoding="utf-8")
    block = page.partition("```console\n")[2].partition("```")[0]
    command, *told = block.splitlines()
    assert command == f"$ harness explore juicebox-40 --plans {PLANS} --set '{WRONG[0]}'"
    without_rate = re.compile(r", \d+ a second")
    assert [without_rate.sub("", line) for line in told[:-1]] == without_rate.sub("", shown).splitlines()


def test_what_is_found_runs_and_fails_alike(whole):
    found, _ = whole
    for each in found.findings:
        assert each.check in failing(judged(scenario.load(each.file)))
        assert main(["run", each.file, "--out", each.file.removesuffix(".yaml")]) == 1


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


def test_a_campaign_that_is_over_did_not_end_early_whatever_else_would_have_ended_it(tmp_path):
    for limits in ({}, {"first_failure": True}, {"most_seconds": 0}):
        found = explore("juicebox-40", plans=5, overrides=WRONG, jobs=1, out=tmp_path, **limits)
        assert (found.plans, bool(found.findings), found.stopped) == (5, True, "")


def test_the_report_names_the_seeds_that_were_tried_and_the_command_that_makes_it(tmp_path):
    given = {"shard": "2/3", "first": 10, "jobs": 1, "out": tmp_path}
    explore("waybox", plans=12, **given)
    for plans in (12, 3):  # what is kept stays
        explore("waybox", plans=plans, **given)
        report_text = (tmp_path / "explore.md").read_text()
        assert "Seeds 11 to 20, one in 3. Made with:\n\n    harness explore waybox --plans " in report_text
        told = int(report_text.partition(" --plans ")[2].split()[0])
        assert len(range(1, told, 3)) == 4
    explore("waybox", plans=1, shard="2/3", jobs=1, out=tmp_path / "none")
    assert "No plan is of this share. Made with:" in (tmp_path / "none" / "explore.md").read_text()


def test_a_campaign_ends_when_its_time_is_up(tmp_path):
    found = explore("waybox", plans=10_000, most_seconds=0, jobs=1, out=tmp_path)
    assert (found.stopped, found.plans) == ("its time was up", 0)


def test_shares_try_different_seeds_which_together_are_all(tmp_path):
    seeds = []
    for part in ("1/2", "2/2"):
        explore("waybox", plans=21, shard=part, jobs=1, out=tmp_path / part)
        with sqlite3.connect(tmp_path / part / "explore.sqlite") as kept:
            seeds += [seed for (seed,) in kept.execute("SELECT seed FROM trials")]
    assert sorted(seeds) == list(range(21))


def test_another_campaigns_file_is_not_touched(tmp_path):
    explore("waybox", plans=5, jobs=1, out=tmp_path)
    with pytest.raises(CampaignError, match=r"another campaign is kept here\. Its first seed is 0, and now it is 7: give another"):
        explore("waybox", plans=5, first=7, jobs=1, out=tmp_path)


def test_what_another_campaign_was_given_is_told_as_it_was_given(tmp_path):
    other = "duration=20 h"
    explore("waybox", plans=5, overrides=[other], jobs=1, out=tmp_path)
    says = r"Its --set is `duration=20 h`, and now it is nothing: give another folder with --out, or remove it$"
    with pytest.raises(CampaignError, match=says):
        explore("waybox", plans=5, jobs=1, out=tmp_path)


def own_box(folder: Path, **more: str) -> Path:
    """A scenario with a charger that backs off from nothing, each in a file of its own."""
    told = {"harness": "1", "kind": "charger", "name": "badbox", "title": "Bad", "extends": "juicebox-40", "quirks": "[no-backoff]"} | more
    (folder / "badbox.yaml").write_text("".join(f"{key}: {value}\n" for key, value in told.items()))
    (folder / "base.yaml").write_text(
        "harness: 1\ntitle: A street\nstart: 2026-03-12 08:00\nzone: UTC\nduration: 1 d\nserver: juicenet\nnetwork: home-wifi\n"
        "supply: {voltage: 240 V, phases: 1}\ndefaults: {model: ./badbox.yaml, car: leaf-40, tariff: pge-ev2-a}\n"
        "chargers: {anna: {tag: A}}\n"
    )
    return folder / "base.yaml"


def test_a_base_that_has_changed_is_another_campaigns(tmp_path):
    base = own_box(tmp_path)
    explore(base, plans=5, jobs=1, out=tmp_path / "out")
    own_box(tmp_path, quirks="[]")
    with pytest.raises(CampaignError, match=r"Its base has changed since: give another folder with --out"):
        explore(base, plans=5, jobs=1, out=tmp_path / "out")


def test_who_works_elsewhere_must_have_the_same_files(tmp_path, monkeypatch):
    """As on a cluster: in another process, that has read the base before, or that begins in another folder."""
    given = source(own_box(tmp_path))
    space(given)
    own_box(tmp_path, quirks="[loses-start]")
    monkeypatch.setattr("harness.search.space._KEPT", {})
    with pytest.raises(ScenarioError, match="the files that it names are not as they were where the search was begun"):
        space(given)
    changed = source(own_box(tmp_path, quirks="[loses-start]"))
    assert space(changed).plain.models != space(source(own_box(tmp_path))).plain.models
    monkeypatch.chdir(tmp_path)
    there = source(Path("base.yaml"))
    monkeypatch.chdir("/")
    monkeypatch.setattr("harness.search.space._KEPT", {})
    assert space(there).digest == there.digest


def test_a_finding_that_was_kept_names_files_from_where_its_folder_is_now(tmp_path):
    base = own_box(tmp_path)
    explore(base, plans=20, jobs=1, out=tmp_path / "out")
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "out").rename(tmp_path / "a" / "b" / "out")
    found = explore(base, plans=20, jobs=1, out=tmp_path / "a" / "b" / "out")
    assert found.made == 0
    assert found.findings[0].check in failing(judged(scenario.load(found.findings[0].file)))


def test_a_base_whose_other_seasons_have_changed_is_another_campaigns(tmp_path):
    tariff = shipped.model_path("tariff", "pge-ev2-a").read_text()
    base = own_box(tmp_path)
    base.write_text(base.read_text().replace("tariff: pge-ev2-a", "tariff: ./pge-ev2-a.yaml"))
    (tmp_path / "pge-ev2-a.yaml").write_text(tariff)
    explore(base, plans=1, jobs=1, out=tmp_path / "out")
    assert "06-01" in tariff
    (tmp_path / "pge-ev2-a.yaml").write_text(tariff.replace("06-01", "05-01").replace("05-31", "04-30"))
    with pytest.raises(CampaignError, match="Its base has changed since"):
        explore(base, plans=1, jobs=1, out=tmp_path / "out")


def test_a_base_whose_files_name_holds_a_line_break_is_written_about_in_one_line(tmp_path):
    base = own_box(tmp_path).rename(tmp_path / "a\nb: 1.yaml")
    found = explore(base, plans=60, first_failure=True, jobs=1, out=tmp_path / "out")
    assert found.findings[0].check in failing(judged(scenario.load(found.findings[0].file)))


def test_findings_are_saved_as_regressions_on_request(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = explore("juicebox-40", plans=PLANS, overrides=WRONG, first_failure=True, save=True, jobs=1)
    files = sorted(path.name for path in REGRESSIONS.iterdir())
    assert files == [f"juicebox-40-{finding.check}.yaml" for finding in sorted(found.findings, key=lambda finding: finding.check)]
    assert [str(REGRESSIONS / name) for name in files] == sorted(finding.saved.file for finding in found.findings)


def test_a_saved_finding_names_files_from_where_it_stands(tmp_path, monkeypatch):
    base = own_box(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = explore(base.name, plans=60, first_failure=True, save=True, jobs=1, out="e11")
    (each,) = found.findings
    for file in (each.file, each.saved.file):
        assert each.check in failing(judged(scenario.load(file)))
    assert "extends: ../../badbox.yaml" in Path(each.saved.file).read_text()


def test_saving_writes_over_no_other_finding(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    REGRESSIONS.mkdir(parents=True)
    there = REGRESSIONS / "small-can-always-charge.yaml"
    there.write_text("another")
    assert main(["explore", "juicebox-40", "--first-failure", "--set", *WRONG, "--out", "out", "-j", "1"]) == 1
    os.rename("out/can-always-charge.yaml", "small.yaml")
    capsys.readouterr()
    for says in (
        "repeat harness run scenarios/regressions/small-can-always-charge-2.yaml\n",
        "-2.yaml is there already, and says the same\n",
    ):
        assert main(["shrink", "small.yaml", "--save"]) == 0
        assert capsys.readouterr().out.endswith(says)
    assert (there.read_text(), len(list(REGRESSIONS.iterdir()))) == ("another", 2)


def test_files_of_others_beside_the_findings_stay(tmp_path):
    others = tmp_path / "mine.yaml"
    others.write_text("harness: 1\n")
    explore("waybox", plans=5, jobs=1, out=tmp_path)
    assert others.exists()


def test_an_own_finding_that_is_none_any_more_is_taken_away(tmp_path):
    for name in ("gone.yaml", "gone-2.yaml"):
        (tmp_path / name).write_text("# Found among random plans over waybox (seed 7), and made small.\nharness: 1\n")
    explore("waybox", plans=1, jobs=1, out=tmp_path)
    assert [path.name for path in tmp_path.glob("*.yaml")] == []


def test_what_a_planted_behaviour_was_found_by_stays(tmp_path):
    planted = tmp_path / "no-backoff.yaml"
    planted.write_text("# Found among random plans over waybox-no-backoff (seed 7), and made small.\nharness: 1\n")
    explore("waybox", plans=1, jobs=1, out=tmp_path)
    assert planted.exists()


def test_a_failure_is_made_small_anew_once_a_plan_with_fewer_steps_fails_alike(tmp_path, monkeypatch):
    def small(task: finding.Task) -> Smallest:
        rule = f"{len(task.ancestries)} plans"
        return Smallest(steps=1, chargers=1, causes=(), says="", rule=rule, text="", runs=1, complete=True)

    def failed(seed: int, charger: str) -> Trial:
        failures = {"c": Failure(charger=charger, t=seed, rule=f"{charger} did nothing at {seed}")}
        return Trial(seed=seed, ancestry=(seed,), kinds=[], failures=failures)

    def rules(*trials: Trial) -> list[str]:
        given = source("waybox")
        with Store(tmp_path / "kept.sqlite", {"kind": "explore"}, advice="") as store, pool(1) as workers:
            return [each.smallest.rule for each in finding.findings(given, trials, store, *workers, tmp_path)]

    monkeypatch.setattr(finding, "smallest", small)
    assert rules(failed(3, "anna")) == ["1 plans"]
    monkeypatch.setattr(finding, "smallest", None)
    assert rules(failed(3, "anna")) == ["1 plans"]  # as it was kept
    monkeypatch.setattr(finding, "smallest", small)
    assert rules(failed(3, "anna"), failed(12, "ben")) == ["2 plans"]
    assert rules(failed(3, ""), failed(12, "")) == ["2 plans"]  # of nobody


def test_findings_in_the_same_plans_that_take_the_same_are_told_together(whole):
    found, folder = whole
    one, other = found.findings
    assert (one.alike, other.alike) == ("", "can-always-charge")
    assert f"in the same {one.plans} plans as can-always-charge, and takes the same" in (folder / "explore.md").read_text()


def test_the_report_tells_what_was_seldom_or_never_put_to_the_test(tmp_path):
    explore("juicebox-40", plans=8, jobs=1, out=tmp_path)
    text = (tmp_path / "explore.md").read_text()
    rows = text.partition("## What was put to the test")[2].partition("\n## ")[0].splitlines()
    asked = [int(row.split("|")[2]) for row in rows if row.startswith("| ") and not row.startswith("| check")]
    assert asked == sorted(asked)
    assert asked[0] == 0
    assert "| any: **never put to the test** |" in text
    assert "| seeds" not in text


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"plans": 0}, "plans: not such a number: found 0, expected 1 to"),
        ({"jobs": -3}, "jobs: "),
        ({"first": -1}, "first: "),
        ({"first": 2**53}, "first: "),
    ],
)
def test_a_number_that_cannot_be_is_refused(tmp_path, given, says):
    with pytest.raises(ScenarioError, match=f"^{says}"):
        explore("waybox", out=tmp_path, **given)


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
    with pytest.raises(ScenarioError, match=r"`hold-ends` does not fail in it: expected .*; did you mean `hold-ends-on-time`"):
        shrink("tests/mutants/hold-lost-at-server-loss.yaml", check="hold-ends", out=tmp_path / "x.yaml")


def test_a_limit_cannot_be_made_small_and_that_is_said(tmp_path):
    with pytest.raises(ScenarioError, match="`undelivered_energy` is a limit, which cannot be made small"):
        shrink("tests/mutants/hold-lost-at-server-loss.yaml", check="undelivered_energy", out=tmp_path / "x.yaml")


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


def test_a_change_to_a_model_that_nothing_is_is_warned_of(tmp_path, capsys):
    words = ["juicebox-40", "--plans", "1", "--set", "models.waybox.quirks=[no-backoff]", "--out", str(tmp_path), "-j", "1"]
    main(["explore", *words])
    assert capsys.readouterr().err == "--set #1: warning: no charger is a `waybox`\n"


def test_an_interruption_says_that_the_same_command_goes_on(tmp_path, capsys, monkeypatch):
    add = Store.add

    def interrupted(store: Store, trials: list[Trial]) -> None:
        add(store, trials)
        os.kill(os.getpid(), signal.SIGINT)

    words = ["explore", "waybox", "--plans", "20", "--out", str(tmp_path), "-j", "1"]
    with monkeypatch.context() as patched:
        patched.setattr(Store, "add", interrupted)
        assert main(words) == 2
    assert (
        capsys.readouterr().err
        == "harness: interrupted; what was tried is kept: the same command goes on from there, and with --plans 1 it reports on that\n"
    )
    assert explore("waybox", plans=20, jobs=1, out=tmp_path).made == 20 - BATCH


def test_a_dask_cluster_finds_what_one_process_does(whole, tmp_path):
    import distributed

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        found = explore("juicebox-40", plans=PLANS, overrides=WRONG, dask=cluster.scheduler_address, out=tmp_path)
    assert (found.made, found.workers) == (PLANS, 2)
    assert {name: text.replace(bytes(tmp_path), bytes(whole[1])) for name, text in report(tmp_path).items()} == report(whole[1])
