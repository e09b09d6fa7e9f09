"""Planted wrong behaviours: found in models however they are named, told as soon as they are known, and kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import scenario, shipped
from harness.cli import main
from harness.fault.mutants import MUTANTS
from harness.planting import mutants
from harness.report import planting as planting_report
from harness.scenario.problems import ScenarioError
from harness.search.trial import failing, judged

PLANS = 160


def test_each_wrong_behaviour_is_found_or_concerns_nothing(tmp_path):
    made = mutants("juicebox-40", names=["hold-never-ends-offline", "skips-random-delay"], plans=PLANS, jobs=1, out=tmp_path)
    assert [outcome.standing for outcome in made.outcomes] == ["found", "no difference"]
    found = made.outcomes[0]
    assert (found.found_by, found.smallest.steps, made.exit_code) == ("can-always-charge", 1, 0)


def test_one_that_nobody_minds_survives(tmp_path):
    made = mutants("juicebox-40", names=["sends-stop-twice"], plans=5, jobs=1, out=tmp_path)
    (outcome,) = made.outcomes
    assert (outcome.standing, outcome.differed > 0, made.exit_code) == ("survived", True, 1)


def test_a_wrong_behaviour_that_there_is_not_is_refused():
    with pytest.raises(ScenarioError, match=r"hold-never-ends: no such wrong behaviour: .*did you mean `hold-never-ends-offline`"):
        mutants("waybox", names=["hold-never-ends"])


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_base_that_fails_with_nothing_planted_is_refused(tmp_path, capsys, jobs):
    words = ["mutants", "juicebox-40", "sends-stop-twice", "skips-random-delay", "--plans", "100", "-j", jobs, "--out", str(tmp_path)]
    assert main([*words, "--set", "models.juicebox-40.power_up.resumes=false"]) == 4
    error = capsys.readouterr().err
    assert error.startswith("juicebox-40: `")
    assert "` fails without anything planted (seed " in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("given", [{"plans": -1}, {"plans": 0}, {"jobs": -1}])
def test_a_number_that_cannot_be_is_refused(given):
    with pytest.raises(ScenarioError, match=f"^{next(iter(given))}: not such a number"):
        mutants("waybox", **given)


# Wherever the model is.

STREET = (
    "harness: 1\ntitle: A street\nstart: 2026-03-12 08:00\nzone: UTC\nduration: 1 d\nserver: {server}\nnetwork: home-wifi\n"
    "supply: {{voltage: 240 V, phases: 1}}\ndefaults: {{model: {model}, car: leaf-40, tariff: pge-ev2-a}}\nmodels: {{{models}}}\n"
    "chargers: {{anna: {{tag: A}}}}\n"
)


def copied(folder: Path) -> Path:
    """A copy of a shipped model under another name."""
    path = shipped.model_path("charger", "juicebox-40")
    (folder / "mine.yaml").write_text(path.read_text().replace("name: juicebox-40", "name: mine"))
    return folder / "mine.yaml"


def extending(folder: Path) -> Path:
    (folder / "mine.yaml").write_text("harness: 1\nkind: charger\nname: mine\ntitle: Mine\nextends: juicebox-40\n")
    return folder / "mine.yaml"


def street(folder: Path, model: str = "./mine.yaml", models: str = "", server: str = "juicenet") -> Path:
    copied(folder)
    file = folder / "street.yaml"
    file.write_text(STREET.format(model=model, models=models, server=server))
    return file


BASES = {
    "a copied file": copied,
    "a file that extends": extending,
    "a shipped file by its path": lambda _: shipped.model_path("charger", "juicebox-40"),
    "a file in a scenario": street,
    "one of the scenario's": lambda folder: street(folder, "own", "own: {extends: ./mine.yaml}"),
    "one changed by the scenario": lambda folder: street(folder, "juicebox-40", "juicebox-40: {queue: {limit: 5}}"),
    "one changed in place": lambda folder: street(folder, "{extends: juicebox-40, queue: {limit: 5}}"),
}


@pytest.mark.parametrize("base", BASES)
def test_wherever_a_model_is_it_is_planted_in_and_what_shows_it_runs(base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = mutants(BASES[base](tmp_path), names=["no-backoff"], plans=5, jobs=1, out="found")
    (outcome,) = made.outcomes
    assert (outcome.standing, outcome.found_by, outcome.file) == ("found", "reconnect-backs-off", "found/no-backoff.yaml")
    assert "reconnect-backs-off" in failing(judged(scenario.load(outcome.file)))


def test_a_server_of_ones_own_is_planted_in(tmp_path):
    (tmp_path / "ours.yaml").write_text("harness: 1\nkind: server\nname: ours\ntitle: Ours\nextends: juicenet\n")
    base = street(tmp_path, server="./ours.yaml")
    (outcome,) = mutants(base, names=["repeats-doubtful-commands"], plans=3, jobs=1, out=tmp_path / "out").outcomes
    assert not outcome.refused


def test_where_nothing_can_be_planted_that_is_an_error(tmp_path, capsys, monkeypatch):
    from harness import planting
    from harness.search.found import Outcome

    monkeypatch.setattr(planting, "look_for", lambda task: Outcome(mutant=task.mutant, plans=0, refused="no room"))
    assert main(["mutants", "waybox", "no-backoff", "--out", str(tmp_path), "-j", "1"]) == 4
    told = capsys.readouterr()
    assert "not here       no room\n0 of 1 found; 0 survived; 1 not here\n" in told.out
    assert told.err == "harness: nothing could be planted here\n"


# What is kept.


def test_the_report_and_the_scenarios_are_kept_and_nothing_is_worked_out_twice(tmp_path, monkeypatch):
    from harness import planting

    names = ["no-backoff", "skips-random-delay", "sends-stop-twice"]
    made = mutants("juicebox-40", names=names, plans=3, jobs=1, out=tmp_path)
    report = (tmp_path / "mutants.md").read_text()
    assert "# harness mutants: juicebox-40, 1 of 3 found, half of them within 2 plans; 1 survived; 1 no difference\n" in report
    assert "    harness mutants juicebox-40 no-backoff skips-random-delay sends-stop-twice --plans 3\n" in report
    assert "[no-backoff.yaml](no-backoff.yaml)" in report
    shown = "".join(text for text, _ in planting_report.line(made.outcomes[0])).rstrip()
    assert f"\n{shown}\n" in Path(__file__).parents[2].joinpath("docs", "explore.md").read_text(), "as it says there"
    monkeypatch.setattr(planting, "look_for", None)
    again = mutants("juicebox-40", names=names, plans=3, jobs=1, out=tmp_path)
    assert again.outcomes == made.outcomes
    assert (tmp_path / "mutants.md").read_text() == report


def test_two_workers_find_what_one_does(tmp_path):
    names = ["sends-stop-twice", "no-backoff", "skips-random-delay"]
    one, two = (mutants("juicebox-40", names=names, plans=3, jobs=jobs, out=tmp_path / str(jobs)) for jobs in (1, 2))
    assert [outcome.mutant for outcome in two.outcomes] == names
    assert (tmp_path / "2" / "mutants.md").read_text() == (tmp_path / "1" / "mutants.md").read_text()
    assert [outcome.plans for outcome in two.outcomes] == [outcome.plans for outcome in one.outcomes]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_each_line_is_there_once_it_is_known_and_an_interruption_loses_none(tmp_path):
    # The other concerns nothing here: it is never found.
    words = ["mutants", "juicebox-40", "no-backoff", "skips-random-delay", "--plans", "1000000", "--out", str(tmp_path), "-j", "2"]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "harness", *words]
    with subprocess.Popen(command, env=buffered, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout.readline().startswith("no-backoff ")
            running.send_signal(signal.SIGINT)
            out, error = running.communicate(timeout=60)
        finally:
            running.kill()
    assert (running.returncode, out) == (2, "")
    assert error == "harness: interrupted; what is known is kept, and the same command goes on from there\n"
    assert "1 of 2 found, half of them within 2 plans; 0 survived; 1 not looked for yet" in (tmp_path / "mutants.md").read_text()
    assert (tmp_path / "no-backoff.yaml").exists()


# Names.


def test_every_name_that_is_planted_is_explained(capsys):
    for name in MUTANTS:
        assert main(["explain", name]) == 0
    assert "hold-lost-at-server-loss: a known wrong behaviour of chargers" in capsys.readouterr().out
    assert main(["list", "mutants"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(MUTANTS)


def test_names_may_come_after_options(tmp_path, capsys):
    words = ["mutants", "juicebox-40", "no-backoff", "--plans", "3", "--out", str(tmp_path), "-j", "1", "sends-stop-twice"]
    assert main(words) == 1
    assert "1 of 2 found" in capsys.readouterr().out
    assert main([*words, "--nothing", "no-backoff"]) == 4
    assert "mutants takes no `--nothing`" in capsys.readouterr().err


def test_without_arguments_only_the_base_is_missed(capsys):
    assert main(["mutants"]) == 4
    assert "required: BASE (see" in capsys.readouterr().err
