"""What each charger of a large crowd holds in memory, when it has done nothing yet and as its server comes back from an outage.

Bytes as Python itself counts them, so that runs hardly differ; the difference between two crowds leaves out what does not grow with them.
Counting slows a run down: these take some seconds together.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from harness import scenario
from harness.check.judge import Judge
from harness.check.metrics import Meter
from harness.journal.records import AnyRecord
from harness.report.outline import Outline
from harness.report.stays import Stays
from harness.stage import simulated
from harness.stage.base import Stage
from harness.stage.clock import Clock
from harness.values import Scenario

CROWD = """
harness: 1
title: A crowd without cars
start: 2026-03-12 17:00
zone: America/Los_Angeles
duration: 30 min
seed: 1
server: {extends: juicenet, accepts_per_s: 1000}
network: ethernet
supply: {voltage: 240 V}
defaults: {model: juicebox-40, car: leaf-40, tariff: pge-ev2-a, driver: {extends: commuter, no_trip_weekday: 100 %}}
chargers:
  town: {count: 2}
plan:
  - {id: crash, at: +10 min, do: server.crash, for: 15 min}
"""
START_MS, BACK_MS = 0, 1_500_000
MARGIN = 1.03 if sys.version_info[:2] == (3, 11) else 1.15
"""A list more for each charger is over it. The figures are CPython 3.11's; other versions count a little differently."""


def each(what: str, upto_ms: int) -> float:
    """How many bytes each charger more takes, counted in a process of its own: what ran before would weigh in."""
    done = subprocess.run([sys.executable, __file__, what, str(upto_ms)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def counted(crowd: Scenario, ready: Callable[[Scenario], Callable[[], object]]) -> float:
    """How many bytes each charger more takes of what comes of a call that was made ready."""
    taken = []
    for count in (10, 500, 1500):  # the first fills what is kept for good
        (entry,) = crowd.chargers
        make = ready(replace(crowd, chargers=(replace(entry, count=count),)))
        gc.collect()
        tracemalloc.start()
        with simulated.without_collections():
            held = make()
        taken.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        del held
    return (taken[2] - taken[1]) / 1000


def staged(crowd: Scenario, upto_ms: int) -> Callable[[], Stage]:
    """The stage of a run that has come so far, its records handed on."""
    crowd.names()

    def make() -> Stage:
        clock = Clock()
        stage = Stage(crowd, lambda _: None, clock)
        stage.open()
        clock.run(upto_ms, stage.elapsed)
        stage.recorder.hand_on(upto_ms + 1)
        return stage

    return make


def judged(crowd: Scenario, upto_ms: int) -> Callable[[], list[object]]:
    """All that listens to a run, when it has heard so much of it, as it comes from another process."""
    lines: list[bytes] = []
    encoder, decoder = msgspec.json.Encoder(), msgspec.json.Decoder(AnyRecord)
    simulated.run(crowd, lambda batch: lines.append(encoder.encode_lines([record for record in batch if record.t <= upto_ms])))

    def make() -> list[object]:
        listening = [Judge(crowd), Meter(crowd), Outline(), Stays(crowd)]
        for batch in lines:
            records = decoder.decode_lines(batch)
            for listener in listening:
                listener.feed(records)
        return list(listening)

    return make


@pytest.mark.parametrize(("upto_ms", "bytes_each"), [(START_MS, 1478), (BACK_MS, 1938)])
def test_a_charger_on_the_stage(upto_ms, bytes_each):
    assert each("staged", upto_ms) <= bytes_each * MARGIN


@pytest.mark.parametrize(("upto_ms", "bytes_each"), [(START_MS, 887), (BACK_MS, 1222)])
def test_a_charger_that_is_judged(upto_ms, bytes_each):
    assert each("judged", upto_ms) <= bytes_each * MARGIN


def test_of_a_charger_that_does_nothing_the_judge_keeps_nothing_of_its_own_that_mostly_stands_in_the_class():
    """What it would keep so is dearer the more kinds of it other chargers have, which no count of a small crowd shows."""
    crowd = scenario.loads(CROWD, "crowd")
    judge = Judge(crowd)
    simulated.run(crowd, judge.feed)
    assert [vars(ev) for ev in judge._everyone] == [{}, {}]


if __name__ == "__main__":
    _, asked, until = sys.argv
    make_ready = {"staged": staged, "judged": judged}[asked]
    print(counted(scenario.loads(CROWD, "crowd"), lambda larger: make_ready(larger, int(until))))
