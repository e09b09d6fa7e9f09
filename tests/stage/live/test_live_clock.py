"""The wall clock as a stage's clock: what is due is done in order and told its own moment, what comes in is told when it came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from harness.stage.clock import ARRIVAL, DEADLINE, PLAN
from harness.stage.live.clock import LiveClock


class Wall:
    """An event loop's clock, moved by hand; timers are only written down."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.timers: list[float] = []

    def time(self) -> float:
        return self.seconds

    def call_at(self, when: float, do: Callable[[], None]) -> Any:
        self.timers.append(when)

        class Handle:
            cancelled = False

            def when(self) -> float:
                return when

            def cancel(self) -> None:
                self.cancelled = True

        return Handle()


@pytest.fixture
def made():
    """A clock at ten times the speed, and the wall that it hangs on."""
    wall = Wall()

    async def make() -> LiveClock:
        return LiveClock(10)

    clock = asyncio.run(make())
    clock._loop = wall  # type: ignore[assignment]
    clock.start()
    return clock, wall


def test_what_is_due_is_done_in_order_and_told_its_own_moment_though_it_is_late(made):
    clock, wall = made
    happened: list[tuple[str, int]] = []
    for name, when, order in (("later", 700, PLAN), ("deadline", 500, DEADLINE), ("arrival", 500, ARRIVAL), ("not yet", 1_100, PLAN)):
        clock.at(when, order, 0, lambda name=name: happened.append((name, clock.now)))
    wall.seconds += 0.1
    assert clock.catch_up() == 1_000
    assert happened == [("arrival", 500), ("deadline", 500), ("later", 700)]
    assert clock.latest_ms == pytest.approx(50)


def test_what_comes_in_finds_done_what_was_due_before_it(made):
    clock, wall = made
    clock.at(200, PLAN, 0, lambda: clock.at(clock.now + 100, PLAN, 0, happened.append, "what followed"))
    happened: list[str] = []
    wall.seconds += 0.04
    assert clock.catch_up() == 400
    assert happened == ["what followed"]


def test_time_never_goes_back(made):
    clock, wall = made
    wall.seconds += 1
    assert clock.catch_up() == 10_000
    wall.seconds -= 0.5
    assert clock.catch_up() == 10_000
    told: list[int] = []
    clock.at(3_000, PLAN, 0, lambda: told.append(clock.now))  # past: at once
    clock.catch_up()
    wall.seconds += 0.6
    clock.catch_up()
    assert told == [10_000]


def test_one_timer_waits_for_the_earliest(made):
    clock, wall = made
    clock.at(5_000, PLAN, 0, print)
    clock.at(9_000, PLAN, 0, print)
    clock.at(1_000, PLAN, 0, print)
    assert wall.timers == [0.5, 0.1]


def test_a_run_ends_at_its_time_with_what_is_due_then():
    async def run() -> list[str]:
        clock = LiveClock(1_000)
        clock.start()
        clock.at(20, PLAN, 0, happened.append, "at the end")
        clock.at(21, PLAN, 0, happened.append, "after the end")
        await clock.run(20)
        assert clock.now == 20
        return happened

    happened: list[str] = []
    assert asyncio.run(run()) == ["at the end"]


def test_what_a_callback_raises_ends_the_run():
    async def run() -> None:
        clock = LiveClock(1_000)
        clock.start()
        clock.at(5, PLAN, 0, [].pop)
        await clock.run(60_000)

    with pytest.raises(IndexError):
        asyncio.run(run())


def test_idle_time_is_skipped_and_time_passes_while_anything_is_under_way():
    """An hour is over in an instant, but for what is under way."""

    async def run() -> list[tuple[str, int]]:
        clock = LiveClock(1, quiet=lambda: not under_way)
        clock.start()

        def lands() -> None:
            under_way.clear()
            happened.append(("lands", clock.catch_up()))
            clock.look()

        def rises() -> None:
            under_way.append("a frame")
            happened.append(("rises", clock.now))
            asyncio.get_running_loop().call_later(0.05, lands)

        clock.at(1_800_000, PLAN, 0, rises)
        clock.at(1_800_010, PLAN, 0, lambda: happened.append(("due meanwhile", clock.now)))
        clock.at(3_500_000, PLAN, 0, lambda: happened.append(("later", clock.now)))
        await clock.run(3_600_000)
        return happened

    under_way: list[str] = []
    happened: list[tuple[str, int]] = []
    (first, second, third, last) = asyncio.run(run())
    assert (first, second, last) == (("rises", 1_800_000), ("due meanwhile", 1_800_010), ("later", 3_500_000))
    assert third[0] == "lands"
    assert 1_800_045 <= third[1] < 1_810_000
