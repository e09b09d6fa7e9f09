"""The simulated stage: runs a scenario's world in virtual time and hands its records to a sink.

What faults and people do is in :mod:`harness.stage.base`; messages travel on :class:`harness.stage.wire.Wire`. Same scenario and seed,
same records, whatever the machine, and however much of the traffic is computed rather than simulated.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

from msgspec.structs import replace

from harness.fault import KINDS
from harness.stage.base import Progress, Stage
from harness.stage.clock import Clock
from harness.stage.errors import StageError
from harness.stage.recorder import Sink
from harness.values import Expect, Moment, Scenario


def run(
    scenario: Scenario, sink: Sink, *, simulate_all: bool = False, leg_by_leg: bool = False, progress: Progress | None = None
) -> None:  # fmt: skip
    """Run a scenario in virtual time. ``sink`` is called with batches of records in canonical order.

    ``simulate_all``: no traffic is computed, each keepalive, reading and attempt happens. ``leg_by_leg``: each message and each answer
    is on its way by itself, also where nothing can come between. Neither changes the records.

    ``progress`` is called now and then with the time reached, in ms. Raises :class:`StageError` where a step cannot be carried.
    """
    small = sum(max(1, entry.count) for entry in scenario.chargers) < 100
    with nullcontext() if small else without_collections():
        for step in scenario.plan:
            if step.do not in KINDS or not KINDS[step.do].simulated:
                raise StageError(f"step {step.id}: {step.do} cannot be simulated")
        clock = Clock()
        stage = Stage(scenario, sink, clock, simulate_all=simulate_all, leg_by_leg=leg_by_leg, progress=progress)
        stage.open()
        clock.run(scenario.duration_ms, stage.elapsed)
        stage.close()


@contextmanager
def without_collections() -> Iterator[None]:
    """No collection of garbage meanwhile: a run and its judging make no reference cycles, and so many small objects that each
    collection is dear."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def run_twin(scenario: Scenario, steps: Mapping[str, int], sink: Sink, *, progress: Progress | None = None) -> None:
    """Run a scenario's twin: see :func:`twin_of`."""
    run(twin_of(scenario, steps), sink, progress=progress)


def twin_of(scenario: Scenario, steps: Mapping[str, int]) -> Scenario:
    """A scenario's twin: the same seed without server, network, message and station steps.

    The drivers' steps are kept at the instants (ms) that ``steps`` gives by step id; one that never fired is left out.
    """
    plan = tuple(
        replace(step, at=Moment(offset_ms=steps[step.id]), when=None)
        for step in scenario.plan if step.do.startswith("driver.") and step.id in steps
    )  # fmt: skip
    return replace(scenario, plan=plan, expect=Expect(contract="none"))
