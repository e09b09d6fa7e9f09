"""A run in a process of its own: the same bytes, and no failure of that process goes unnoticed."""

from __future__ import annotations

import os
import signal

import msgspec
import pytest

from harness import api, scenario
from harness.journal.reader import Journal
from harness.stage import apart, simulated


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
    with pytest.raises(simulated.StageError, match=r"server\.levitates"):
        _run_apart(strange)


def test_a_failure_over_there_is_told_with_its_traceback(day, monkeypatch):
    def fails(*_, **__):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(simulated, "run", fails)
    with pytest.raises(RuntimeError, match="planted"):
        _run_apart(day)


def test_a_killed_process_is_noticed(day, monkeypatch):
    monkeypatch.setattr(simulated, "run", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(RuntimeError, match="killed"):
        _run_apart(day)
