"""What cannot be carried is refused before a live run begins, and what surrounds it and fails is told in one message."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from alongside import HERE

import harness
from harness.cli import main
from harness.journal.reader import Journal
from harness.stage.live.run import _run_to_its_end
from harness.stage.live.toxics import OwnServer, find

ROOT = HERE.parents[2]
STREET = str(HERE / "street.yaml")
MESSAGES = str(HERE / "messages.yaml")

CROWD = "chargers.crowd={count: 3000, model: box, driver: commuter}"


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code and what is said of a run that does not happen."""
    code = main(["run", *words])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return code, captured.err.strip()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("wrong", [{"speed": 0}, {"speed": float("nan")}, {"speed": "fast"}, {"direct": True, "toxiproxy": "x"}])
def test_no_live_run_can_be_so(wrong):
    with pytest.raises(ValueError, match=r"expected a number over 0|give one of them"):
        harness.Live(**wrong)


def test_a_run_within_an_event_loop_has_one_of_its_own():
    async def notebook() -> harness.Run:
        return harness.run(MESSAGES, live=harness.Live(speed=8, skip_idle=True, direct=True), overrides=["duration=2 min", "plan=[]"])

    assert asyncio.run(notebook()).outcome.live is not None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([STREET, "--live", "--direct"], "step cut: network.cut needs Toxiproxy; it cannot be carried with --direct"),
        (
            [MESSAGES, "--live", "--direct", "--speed", "250"],
            "model box: a link.answer_timeout of 1 min at 250",
        ),
        ([STREET, "--live", "--set", "plan.far.with.delay=100 ms", "--speed", "60"], "the most for this scenario is --speed 20"),
        (
            [MESSAGES, "--live", "--direct", "--set", CROWD],
            "are more than the 2000 that run live",
        ),
        ([MESSAGES, "--speed", "3"], "--speed is of live runs: say --live, too"),
        ([MESSAGES, "--direct"], "--direct is of live runs"),
        ([MESSAGES, "--live", "--verify"], "--verify is of simulated runs"),
        ([MESSAGES, "--live", "--direct", "--toxiproxy", "x"], "say one of them"),
        ([MESSAGES, "--live", "--toxiproxy", ""], "--toxiproxy is empty"),
        ([MESSAGES, "--live", "--speed", "0"], "a number over 0"),
        ([MESSAGES, "--live", "--speed", "fast"], "a number over 0"),
    ],
)
def test_what_cannot_be_carried(capsys, words, says):
    code, said = refused(capsys, *words, "--out", "kept")
    assert code == 4
    assert says in said
    assert not Path("kept").exists()  # nothing is in the way of the next try


def test_without_toxiproxy_it_says_how_to_get_one(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code, said = refused(capsys, STREET, "--live", "--speed", "100")
    assert code == 6
    assert said.startswith("harness: the experiment did not happen: Toxiproxy's server is not here")
    for way in ("go install github.com/Shopify/toxiproxy", "--toxiproxy URL", "--direct"):
        assert way in said


def test_a_toxiproxy_that_is_not_there_is_named(capsys):
    code, said = refused(capsys, STREET, "--live", "--speed", "100", "--toxiproxy", "http://127.0.0.1:1")
    assert (code, "Toxiproxy at 127.0.0.1:1 does not answer" in said) == (6, True)


def test_what_is_of_simulated_runs_is_refused_from_python_too():
    with pytest.raises(ValueError, match="of simulated runs"):
        harness.run(MESSAGES, live=harness.Live(direct=True), verify=True)


def test_a_toxiproxy_that_dies_in_the_middle_ends_the_run(tmp_path, toxiproxy):
    """Its death is a failure of the surroundings, not a finding about chargers; what happened before it is kept."""
    binary = find()
    assert binary is not None
    own = OwnServer(binary)
    run = started(tmp_path, "--speed", "60", "--toxiproxy", own.url)
    wait_for(lambda: len(lines_of(tmp_path / "kept" / "journal.jsonl")) > 1)
    own.process.kill()
    _, err = run.communicate(timeout=20)
    own.stop()
    assert run.returncode == 6, err.decode()
    assert "does not answer" in err.decode()
    assert not Journal(tmp_path / "kept").complete


def started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """A live run of the street in a process of its own."""
    command = [sys.executable, "-m", "harness", "run", STREET, "--live", *words, "--out", "kept"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, env=environment)


def wait_for(sign: Callable[[], object]) -> None:
    """Look until a sign of another process is there: nothing tells of it by itself."""
    until = time.monotonic() + 20
    while not sign():
        assert time.monotonic() < until
        time.sleep(0.02)


def lines_of(journal: Path) -> list[str]:
    """What stands in a journal so far."""
    return journal.read_text().splitlines() if journal.exists() else []


def children(of: int) -> list[int]:
    """The processes that a process has started."""
    return [int(word) for word in Path(f"/proc/{of}/task/{of}/children").read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="how a child learns of its parent's death is Linux's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind_by_a_run_that_is_stopped(tmp_path, number, toxiproxy):
    """Stopped politely, or killed: its own Toxiproxy goes with it, and its journal is recognised as cut off."""
    run = started(tmp_path, "--speed", "60")
    journal = tmp_path / "kept" / "journal.jsonl"
    wait_for(lambda: len(lines_of(journal)) > 1)
    (proxy,) = children(run.pid)
    run.send_signal(number)
    out, err = run.communicate(timeout=5)
    assert run.returncode == (2 if number == signal.SIGINT else -signal.SIGKILL), err.decode()
    wait_for(lambda: not Path(f"/proc/{proxy}").exists())
    kept = Journal(journal)
    assert not kept.complete
    assert list(kept.records())
    if number == signal.SIGINT:
        assert "interrupted" in out.decode()


@pytest.mark.parametrize(("what", "times"), [(KeyboardInterrupt(), 0), (ValueError("x"), 1)])
def test_an_interrupt_that_falls_into_a_task_is_not_told_by_the_event_loop_too(what, times, caplog):
    async def fails():
        raise what

    async def work():
        task = asyncio.ensure_future(fails())
        await asyncio.wait([task])

    with suppress(KeyboardInterrupt):
        _run_to_its_end(work(), asyncio.run)
    gc.collect()
    assert caplog.text.count("Task exception was never retrieved") == times
