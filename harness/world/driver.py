"""The driver: comes, plugs in, looks whether the car charges, and leaves.

A driver of the story has exactly the sessions that the scenario pins; one of the crowd draws a session a day from its model's
quantiles. A drawn stay that would begin before the last one ended does not take place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

from harness.values import DriverModel, Quantiles, Session
from harness.world.chance import ARRIVAL, INTERVENES, NEED, STAY, TRIP, below, draw
from harness.world.link import NEVER

Deed = Literal["plug-in", "unplug", "override", "power-cycle", "power-back"]

POWER_CYCLE_MS = 20_000
"""How long a driver leaves the station unplugged: 15 to 20 s (Enel X Waybox help, article 360052704872)."""


def from_quantiles(quantiles: Quantiles, bits: int) -> int:
    """A value for 64 random bits, by linear interpolation between the percentiles; the tails are cut off at the 10th and 90th."""
    points = ((0, quantiles.p10), (150, quantiles.p25), (400, quantiles.p50), (650, quantiles.p75), (800, quantiles.p90))
    place = (bits * 800) >> 64
    fraction = bits * 800 & ((1 << 64) - 1)
    for (low, value), (high, following) in pairwise(points):
        if place < high:
            within = ((place - low) << 64) + fraction
            return value + ((following - value) * within >> 64) // (high - low)
    return quantiles.p90


class DrawnSessions:
    """The sessions of a driver of the crowd over local days (midnight, length, weekday), in order."""

    # No generator: of those a crowd would have one for each driver, and one takes five times the memory.
    __slots__ = ("_day", "_days", "_free_from", "_key", "_model")

    def __init__(self, model: DriverModel, days: Sequence[tuple[int, int, int]], key: int) -> None:
        self._model = model
        self._days = days
        self._key = key
        self._day = 0
        self._free_from = 0

    def __iter__(self) -> DrawnSessions:
        return self

    def __next__(self) -> Session:
        model, key = self._model, self._key
        for number in range(self._day, len(self._days)):
            midnight, _length, weekday = self._days[number]
            stays_home = model.no_trip_weekend_permille if weekday >= 5 else model.no_trip_weekday_permille
            if below(key, TRIP, number, 1000) < stays_home:
                continue
            arrives = midnight + from_quantiles(model.arrival_min, draw(key, ARRIVAL, number)) * 60_000
            if arrives < self._free_from:
                continue
            leaves = arrives + from_quantiles(model.stay_min, draw(key, STAY, number)) * 60_000
            self._day = number + 1
            self._free_from = leaves + 60_000
            return Session(plug_in_ms=arrives, leave_ms=leaves, needs_wh=from_quantiles(model.energy_wh, draw(key, NEED, number)))
        self._day = len(self._days)
        raise StopIteration


class Driver:
    """One charger's driver. At :attr:`deadline` call :meth:`wake`, which says what the driver does then."""

    __slots__ = ("_key", "_looks_at", "_looks_ordinal", "_model", "_next", "_power_back_at", "_sessions", "_tries", "connected", "deadline")

    def __init__(self, sessions: Iterator[Session], model: DriverModel | None, key: int) -> None:
        self._sessions = sessions
        self._model = model
        self._key = key
        self._next = next(sessions, None)
        self.connected: Session | None = None
        self._looks_at = NEVER
        self._looks_ordinal = 0
        self._tries: tuple[str, ...] = ()
        self._power_back_at = NEVER
        self.deadline = NEVER if self._next is None else self._next.plug_in_ms

    def joins(self, session: Session) -> None:
        """A session that the plan adds begins now."""
        self.connected = session
        self._plan()

    def leaves(self) -> None:
        """The plan ends the session now."""
        self.connected = None
        self._looks_at = NEVER
        self._plan()

    def _plan(self) -> None:
        if self.connected is not None:
            ends = self.connected.leave_ms
        else:
            ends = NEVER if self._next is None else self._next.plug_in_ms
        self.deadline = min(ends, self._looks_at, self._power_back_at)

    def wake(self, now: int, *, draws: bool, full: bool) -> tuple[Deed, Session | None] | None:
        """What the driver does now. ``draws`` and ``full`` are what the driver can see at the station and in the car."""
        deed: tuple[Deed, Session | None] | None = None
        if self._power_back_at <= now:
            self._power_back_at = NEVER
            deed = ("power-back", None)
        elif self.connected is not None and self.connected.leave_ms <= now:
            self.connected = None
            self._looks_at = NEVER
            deed = ("unplug", None)
        elif self._looks_at <= now:
            deed = self._look(now, satisfied=draws or full)
        elif self.connected is None and self._next is not None and self._next.plug_in_ms <= now:
            deed = self._arrive(now)
        self._plan()
        return deed

    def _arrive(self, now: int) -> tuple[Deed, Session | None] | None:
        session, self._next = self._next, next(self._sessions, None)
        assert session is not None
        if session.leave_ms <= now:
            return None
        self.connected = session
        rule = None if self._model is None else self._model.intervention
        self._looks_ordinal += 1
        if rule is not None and below(self._key, INTERVENES, self._looks_ordinal, 1000) < rule.share_permille:
            self._looks_at = now + rule.after_ms
            self._tries = tuple(rule.tries)
        return "plug-in", session

    def _look(self, now: int, *, satisfied: bool) -> tuple[Deed, Session | None] | None:
        self._looks_at = NEVER
        assert self._model is not None
        rule = self._model.intervention
        if satisfied or not self._tries or rule is None:
            return None
        tried, self._tries = self._tries[0], self._tries[1:]
        self._looks_at = now + rule.patience_ms
        if tried == "override":
            return "override", None
        if tried == "power-cycle":
            self._power_back_at = now + POWER_CYCLE_MS
            return "power-cycle", None
        self.connected = None
        self._looks_at = NEVER
        return "unplug", None


NOBODY = Driver(iter(()), None, 0)
"""The driver of chargers that no car comes to; shared by them."""
