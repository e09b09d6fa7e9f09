"""Virtual time on simpy: what is due in the same millisecond shares one simpy timeout.

Within a millisecond things happen in a fixed order, whatever order they were asked for in: steps of the plan, then the server's own
deadlines, then arrivals of messages, then each charger's and driver's deadlines by the charger's place, then the accounts of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol

import simpy

PLAN, SERVER, ARRIVAL, DEADLINE, LAST = range(5)

Entry = tuple[int, int, int, Callable[..., None], tuple[Any, ...]]


class Sleeper(Protocol):
    """Whoever has deadlines."""

    place: int


LOOK_EVERY = 32
"""After how many milliseconds in which anything happened ``after`` is called."""


class Timekeeper(Protocol):
    """What a stage needs of its clock, virtual or real."""

    @property
    def now(self) -> int:
        """Milliseconds since the scenario's start."""

    def at(self, when: int, order: int, place: int, do: Callable[..., None], *arguments: Any) -> None:
        """Have ``do(*arguments)`` called at ``when``, in its place within that millisecond."""

    woken: Callable[[Any], None]
    """What is called with whoever is woken."""

    def wake(self, when: int, sleeper: Sleeper) -> None:
        """Have :attr:`woken` called with a sleeper at ``when``, in its place among the deadlines of that millisecond."""


class Clock:
    """Virtual milliseconds since the scenario's start. One simpy event takes its turn in each busy millisecond: making
    it anew for each would cost as much again."""

    def __init__(self) -> None:
        self._environment = simpy.Environment()
        self._times: list[int] = []
        self._due: dict[int, Entry | Sleeper | list[Entry | Sleeper]] = {}
        """What is due when; most milliseconds have one thing to do. A sleeper stands for itself, as a fleet has one for each charger."""
        self._number = count().__next__
        self._over = False
        self.now = 0
        self.woken: Callable[[Any], None] = self._nobody

    def at(self, when: int, order: int, place: int, do: Callable[..., None], *arguments: Any) -> None:
        """Have ``do(*arguments)`` called at ``when``, which is now or later, in its place within that millisecond.

        Once :meth:`run` is over nothing is due any more.
        """
        self._put(when, (order, place, self._number(), do, arguments))

    def wake(self, when: int, sleeper: Sleeper) -> None:
        """Have :attr:`woken` called with a sleeper at ``when``, in its place among the deadlines of that millisecond."""
        self._put(when, sleeper)

    def _put(self, when: int, entry: Entry | Sleeper) -> None:
        if self._over:
            return
        due = self._due
        if when not in due:
            due[when] = entry
            heappush(self._times, when)
        elif isinstance(entries := due[when], list):
            entries.append(entry)
        else:
            due[when] = [entries, entry]

    def _placed(self, number: int, entry: Entry | Sleeper) -> Entry:
        return entry if isinstance(entry, tuple) else (DEADLINE, entry.place, number, self.woken, (entry,))

    @staticmethod
    def _nobody(_: Any) -> None:
        """Nobody sleeps."""

    def run(self, until: int, after: Callable[[int], None] | None = None) -> None:
        """Let time pass up to ``until``, what is due then included.

        ``after`` is called with the time now and then, when all that was due in a millisecond is done.
        """
        environment, times, due = self._environment, self._times, self._due
        busy = 0

        def tick(turn: simpy.Event) -> None:
            nonlocal busy
            now = self.now = times[0]
            while times and times[0] == now:
                heappop(times)
                entries = due.pop(now)
                if isinstance(entries, tuple):
                    entries[3](*entries[4])
                elif isinstance(entries, list):
                    for _, _, _, do, arguments in sorted(map(self._placed, count(), entries)):
                        do(*arguments)
                else:
                    self.woken(entries)
            busy += 1
            if after is not None and busy % LOOK_EVERY == 0:
                after(now)
            if times and times[0] <= until:
                turn.callbacks = callbacks
                environment.schedule(turn, delay=times[0] - now)

        callbacks: list[Callable[[Any], None]] = [tick]
        if times and times[0] <= until:
            environment.timeout(times[0]).callbacks.append(tick)
            environment.run()
        self.now = until
        self._over = True
