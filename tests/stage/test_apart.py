"""A run in a process of its own: the same bytes, and no failure of that process goes unnoticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from harness import api, scenario
from harness.journal.reader import Journal
from harness.stage import apart, simulated
from harness.stage.errors import StageError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def day():
    return scenario.load("server-upgrade")


def _run_apart(scenario):
    with apart.running(scenario) as lines:
        return b"".join(lines)


def test_the_records_are_those_of_a_run_in_this_process(day):
    encoder = msgspec.json.Encoder()
    here = bytearray()
    simulated.run(day, lambda batch: here.extend(encoder.encode_lines(batch)))
    assert _run_apart(day) == bytes(here)


def test_journal_and_judgement_are_the_same_either_way(day, tmp_path, monkeypatch):
    digests, verdicts = [], []
    for worth in (False, True):
        monkeypatch.setattr(apart, "is_worth", lambda _, worth=worth: worth)
        run = api.run(day, out=tmp_path / str(worth))
        digests.append(Journal(run.journal).footer.digest)
        verdicts.append(run.judgement)
    assert digests[0] == digests[1]
    assert verdicts[0] == verdicts[1]


def test_only_large_runs_are_worth_it(day):
    assert not apart.is_worth(day)
    large = scenario.load("server-upgrade", overrides=["chargers.homes.count=3000", "circuits={}"])
    assert apart.is_worth(large) == (os.cpu_count() != 1)


def test_a_step_that_cannot_be_carried_is_refused(day):
    strange = msgspec.structs.replace(day, plan=(msgspec.structs.replace(day.plan[0], do="server.levitates"),))
    with pytest.raises(StageError, match=r"server\.levitates"):
        _run_apart(strange)


def test_a_failure_over_there_is_told_with_its_traceback(day, monkeypatch):
    def fails(*_, **__):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(simulated, "run", fails)
    with pytest.raises(RuntimeError, match="planted"):
        _run_apart(day)


ABANDONED = """
import os, signal
from harness import scenario
from harness.stage import apart
large = scenario.load("server-upgrade", overrides=["chargers.homes.count=1000", "circuits={}", "duration=4 d"])
with apart.running(large) as lines:
    next(lines)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_whose_reader_was_killed_ends_too():
    # It holds the standard output that it was born with: that closes once both are gone.
    done = subprocess.run([sys.executable, "-c", ABANDONED], cwd=ROOT, stdout=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL


def test_a_killed_process_is_noticed(day, monkeypatch):
    monkeypatch.setattr(simulated, "run", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(RuntimeError, match="killed"):
        _run_apart(day)
