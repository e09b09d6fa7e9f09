"""The harness from Python: exactly the documented names, and what they do."""

import re
import sys
import tomllib
import warnings
from pathlib import Path

import pytest

import harness
from harness.journal.reader import Journal

ROOT = Path(__file__).resolve().parents[2]


def test_the_documentation_has_exactly_the_public_names():
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## `harness\.(\w+)", text, re.MULTILINE)) == sorted(harness.__all__)


def test_every_public_name_is_there_and_documented():
    for name in set(harness.__all__) - {"__version__"}:
        assert getattr(harness, name).__doc__
    assert dir(harness) == sorted(harness.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        harness.nonsense  # noqa: B018


def test_the_documented_signatures_are_the_real_ones():
    import inspect

    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    for name in set(harness.__all__) - {"Run", "Scenario", "ScenarioError", "__version__"}:
        heading = re.search(rf"^## `harness\.{name}\((.*)\)`$", text, re.MULTILINE)
        parameters = inspect.signature(getattr(harness, name)).parameters.values()
        bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
        assert f"({heading[1]})" == str(inspect.Signature(bare)).replace("'", '"')


def test_the_version_is_that_of_the_distribution():
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["version"] == harness.__version__


def test_a_run_is_kept_only_on_request(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = harness.run("answer-lost")
    assert list(tmp_path.iterdir()) == []
    assert run.journal.is_file()
    assert next(run.records()).t >= 0
    folder = run.journal.parent
    del run
    assert not folder.exists()
    kept = harness.run("answer-lost", keep=True)
    assert kept.journal.parent.parent == Path("reports/runs/answer-lost")
    assert (kept.journal.parent.parent / "latest.txt").read_text() == f"{kept.journal.parent.name}\n"


def test_a_second_run_within_a_second_has_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = {harness.run("answer-lost", keep=True, twin=False).journal.parent for _ in range(3)}
    assert len(folders) == 3
    assert all((folder / "result.json").is_file() for folder in folders)


def test_the_same_seed_gives_the_same_journal_and_another_one_another(tmp_path):
    texts = []
    for number, seed in enumerate((1, 1, 2)):
        run = harness.run("server-upgrade", seed=seed, out=tmp_path / str(number))
        texts.append(run.journal.read_bytes())
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_a_loaded_scenario_runs_as_its_file_does(tmp_path):
    loaded = harness.load("answer-lost", seed=3, overrides=["duration=30 h"])
    assert loaded.duration_ms == 30 * 3_600_000
    one = harness.run(loaded, out=tmp_path / "one")
    other = harness.run("answer-lost", seed=3, overrides=["duration=30 h"], out=tmp_path / "other")
    assert one.outcome.digest == other.outcome.digest
    assert one.outcome.command == f"harness check {tmp_path / 'one'}"
    assert harness.run(loaded).outcome.command == ""
    assert other.outcome.command == "harness run answer-lost --seed 3 --set 'duration=30 h'"
    with pytest.raises(TypeError, match="overrides"):
        harness.run(loaded, overrides=["seed=2"])


def test_the_command_repeats_all_that_decides_the_run():
    run = harness.run("answer-lost", seed=3, overrides=["duration=30 h"], twin=False, simulate_all=True, strict=True)
    assert run.outcome.command == "harness run answer-lost --seed 3 --set 'duration=30 h' --no-twin --simulate-all --strict"


def test_the_command_of_a_compared_run_compares_again():
    from harness.api import repeat_command

    scenario = harness.load("answer-lost")
    live = harness.Live(skip_idle=True, direct=True, speed=2)
    assert repeat_command("answer-lost", scenario, [], live=live, parity=True) == (
        "harness run answer-lost --seed 4 --parity --speed 2 --direct"
    )
    assert repeat_command("answer-lost", scenario, [], live=live) == (
        "harness run answer-lost --seed 4 --live --speed 2 --skip-idle --direct"
    )  # fmt: skip


@pytest.mark.parametrize("live", [None, harness.Live(target="mine.yaml"), harness.Live(bench="bench.yaml")])
def test_only_a_live_run_with_both_ends_of_ours_is_compared(live):
    with pytest.raises(ValueError, match="parity is of live runs whose chargers and server are both ours"):
        harness.run("answer-lost", live=live, parity=True)


def test_a_run_is_never_overwritten(tmp_path):
    run = harness.run("answer-lost", out=tmp_path)
    before = run.journal.read_bytes()
    with pytest.raises(FileExistsError):
        harness.run("answer-lost", seed=99, out=tmp_path)
    assert run.journal.read_bytes() == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    harness.run("answer-lost", out=tmp_path / "other")


def test_a_run_shows_itself_briefly():
    run = harness.run("answer-lost")
    assert repr(run) == f"<Run 'answer-lost' seed=4 verdict='pass' journal='{run.journal}'>"


def test_judging_the_journal_again_gives_the_same(tmp_path):
    run = harness.run("faq-walkthrough", out=tmp_path)
    again = harness.judge(tmp_path)
    assert again.judgement == run.judgement
    assert again.scenario == run.scenario
    assert again.outcome.digest == run.outcome.digest


def test_without_a_twin_there_are_no_differences(tmp_path):
    harness.run("answer-lost", twin=False, out=tmp_path)
    assert Journal(tmp_path).footer.twin is None


def test_progress_is_told_up_to_the_end():
    seen = []
    run = harness.run("server-upgrade", progress=lambda now_ms, end_ms: seen.append((now_ms, end_ms)))
    assert seen == sorted(seen)
    assert {end_ms for _, end_ms in seen} == {2 * run.scenario.duration_ms}  # its twin's too
    assert run.scenario.duration_ms < seen[-1][0] <= 2 * run.scenario.duration_ms


def test_an_interruption_leaves_a_cut_off_journal_and_says_so(tmp_path):
    from harness.api import Interrupted

    def interrupt(now_ms, end_ms):
        if now_ms > end_ms // 4:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        # Enough of them that some records are handed on before the middle.
        harness.run("server-upgrade", overrides=["chargers.homes.count=1000", "circuits={}"], out=tmp_path, progress=interrupt)
    run = caught.value.run
    assert run.verdict == "interrupted"
    assert run.exit_code == 2
    journal = Journal(tmp_path)
    assert not journal.complete
    assert 0 < run.outcome.records == len(list(journal.records()))
    assert '"verdict": "interrupted"' in (tmp_path / "result.json").read_text()


def test_a_journal_half_written_is_judged_as_far_as_it_goes(tmp_path):
    run = harness.run("server-upgrade", out=tmp_path)
    text = run.journal.read_bytes()
    run.journal.write_bytes(text[: len(text) // 2])
    assert harness.judge(tmp_path).verdict == "interrupted"


def test_verify_finds_no_difference(tmp_path):
    run = harness.run("answer-lost", verify=True, out=tmp_path)
    assert run.outcome.digest == harness.run("answer-lost").outcome.digest
    assert (tmp_path / "report.md").is_file()


def test_two_journals_that_differ_are_told_by_their_first_event(tmp_path):
    from harness.api import NotRepeatableError, _compare

    harness.run("answer-lost", seed=1, out=tmp_path / "a")
    harness.run("answer-lost", seed=1, out=tmp_path / "b")
    path = tmp_path / "b" / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[9] = b'{"e":"settled","t":5}\n'
    path.write_bytes(b"".join(lines))
    with pytest.raises(NotRepeatableError, match=r'line 10 (.|\n)*"settled"'):
        _compare(Journal(tmp_path / "a"), Journal(tmp_path / "b"))


def test_to_let_go_of_a_run_is_nothing_to_warn_of(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = harness.run("answer-lost")
        folder = run.journal.parent
        del run
    assert not folder.exists()
    assert told == []
