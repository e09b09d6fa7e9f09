"""A live run and the simulated run of the same scenario, charger by charger: what the tests here compare."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import harness
from harness.journal import records as r
from harness.journal.records import AnyRecord

HERE = Path(__file__).resolve().parent
SPEED = 8

STORY = {
    r.Current: lambda record: (record.state, record.reason),
    r.Link: lambda record: record.state,
    r.Command: lambda record: (record.command, record.result, record.plug_in, record.ma, record.on),
    r.Message: lambda record: (record.action, record.tx, record.seq, record.result, record.number, record.repeat),
    r.Transaction: lambda record: (record.edge, record.tx, record.plug_in),
    r.Power: lambda record: (record.state, record.cause),
    r.Loss: lambda record: (record.cause, record.step),
    r.Recovery: lambda record: record.blip,
    r.Action: lambda record: (record.action, record.outcome),
    r.Fault: lambda record: (record.step, record.edge),
}
"""Kind of record → what of it must be the same live and simulated: what happened, not when to the millisecond."""


def both(name: str, live: harness.Live, *overrides: str) -> tuple[harness.Run, harness.Run]:
    """A scenario of this folder, live and simulated."""
    gone_live = harness.run(HERE / f"{name}.yaml", live=live, overrides=overrides)
    return gone_live, harness.run(gone_live.scenario)


def story(run: harness.Run, kind: type, who: str) -> list[tuple[object, int]]:
    """What happened to a charger, and when; what follows on the same only once."""
    told = [(STORY[kind](record), record.t) for record in run.records() if isinstance(record, kind) and record.who == who]
    return [next(same) for _, same in groupby(told, key=lambda pair: pair[0])]


def of(run: harness.Run, kind: type, who: str = "") -> list[AnyRecord]:
    """A run's records of one kind about one charger."""
    return [record for record in run.records() if isinstance(record, kind) and record.who == who]


def counts(run: harness.Run) -> dict[str, tuple[str, int, int]]:
    """Check → verdict, met and failed."""
    return {result.name: (result.verdict, result.met, result.failed) for result in run.checks.values()}
