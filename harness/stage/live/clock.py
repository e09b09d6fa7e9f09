"""The wall clock as a stage's clock: scenario time runs ``speed`` times as fast, on asyncio's event loop.

Where idle time is skipped, time jumps to what is due next whenever nothing is under way.

What was asked for a moment is told that moment, also where the machine is a little late, so that a timer does not drift; what comes in from
outside is told the time at which it came. Either way time never goes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

from harness.stage.clock import DEADLINE, LAST, Sleeper

_END = LAST + 1
_ROUNDING = 1e-6
"""In ms: what is due now is due, whatever floating point makes of now."""


class LiveClock:
    """Milliseconds since the scenario's start, ``speed`` of them to each that passes. To be made where an event loop runs."""

    def __init__(self, speed: float = 1, *, quiet: Callable[[], bool] | None = None) -> None:
        """``quiet`` says whether nothing is under way; without it no time is skipped."""
        self.speed = speed
        self.now = 0
        self.woken: Callable[[Any], None] = lambda _: None
        self.latest_ms = 0.0
        """How late anything was done at the most, in real ms."""
        self._loop = asyncio.get_running_loop()
        self._zero = 0.0
        self.started = False
        self._due: list[tuple[int, int, int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = count().__next__
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._after: Callable[[int], None] | None = None
        self._quiet = quiet
        self._looks = False

    def at(self, when: int, order: int, place: int, do: Callable[..., None], *arguments: Any) -> None:
        """Have ``do(*arguments)`` called at ``when``, in its place among what is due in that millisecond; at once where that is past."""
        heappush(self._due, (max(when, self.now), order, place, self._number(), do, arguments))
        self._arm()

    def wake(self, when: int, sleeper: Sleeper) -> None:
        """Have :attr:`woken` called with a sleeper at ``when``, in its place among the deadlines of that millisecond."""
        self.at(when, DEADLINE, sleeper.place, self.woken, sleeper)

    def start(self) -> None:
        """Time begins to pass."""
        self._zero = self._loop.time()
        self.started = True

    async def run(self, until: int, after: Callable[[int], None] | None = None) -> None:
        """Let time pass up to ``until``, what is due then included. ``after`` is called with the time now and then.

        Raises what any callback raised, and what :meth:`fail` was told.
        """
        self._after = after
        self.at(until, _END, -1, self._finish)
        await self._over
        self.now = until

    def fail(self, problem: BaseException) -> None:
        """End the run with a problem."""
        if not self._over.done():
            self._over.set_exception(problem)

    def catch_up(self) -> int:
        """Something comes in: do what was due before it. Returns the time, which is :attr:`now` from here on; 0 before the start."""
        if not self.started:
            return self.now
        real = int((self._loop.time() - self._zero) * 1000 * self.speed + _ROUNDING)
        due = self._due
        try:
            while due and due[0][0] <= real and not self._over.done():
                when, _, _, _, do, arguments = heappop(due)
                self.latest_ms = max(self.latest_ms, (real - when) / self.speed)
                self.now = max(self.now, when)
                do(*arguments)
            if self._after is not None:
                self._after(self.now)
        except Exception as problem:
            self.fail(problem)
        self.now = max(self.now, real)
        return self.now

    def _finish(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _arm(self) -> None:
        if not self.started or self._over.done():
            return
        if self._quiet is not None:
            self.look()
        moment = self._zero + self._due[0][0] / 1000 / self.speed
        if self._timer is not None:
            if self._timer_at <= moment:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(moment, self._fire)
        self._timer_at = moment

    def look(self) -> None:
        """Something has ended that was under way: see, once all that happens now has, whether there is time to skip."""
        if self._quiet is not None and not self._looks:
            self._looks = True
            self._loop.call_soon(self._skip)

    def _skip(self) -> None:
        self._looks = False
        if self._over.done() or not self._due or self._quiet is None or not self._quiet():
            return
        idle_ms = self._due[0][0] - (self._loop.time() - self._zero) * 1000 * self.speed
        if idle_ms > 0:
            self._zero -= idle_ms / 1000 / self.speed
        self._fire()

    def _fire(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.catch_up()
        if self._due:
            self._arm()
