"""What one car went through in an outage, gathered while the records go by: what a guide's answers are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from harness.check.result import CheckResult
from harness.journal.records import AnyRecord, Current, Loss, PlugIn, Power, Recovery, Server, Stay
from harness.values import ChargerModel, Chargers

NEVER = -1


@dataclass(slots=True)
class Car:
    """A car at its charger in a run of one outage. Times are ms since the start; -1: it never happened."""

    entry: Chargers
    model: ChargerModel
    end_ms: int
    """When the run ends."""
    windows: Sequence[tuple[int, int]] = ()
    """The hours in which time-of-use charging, where it is on, would have the car wait."""
    checks: Mapping[str, CheckResult] = field(default_factory=dict)
    """Check → what it found at this car."""
    lost_ms: int = NEVER
    up_ms: int = NEVER
    """When the server was there again."""
    back_ms: int = NEVER
    """When the charger heard from it again."""
    plugged_ms: int = NEVER
    """When the car was last plugged in."""
    unplugged_ms: int = NEVER
    """When it was first unplugged."""
    dark_ms: int = NEVER
    """When mains was lost."""
    powered_ms: int = NEVER
    """When the charger had booted after that."""
    full_ms: int = NEVER
    _currents: list[tuple[int, int]] = field(default_factory=lambda: [(NEVER, 0)])

    def feed(self, batch: Sequence[AnyRecord]) -> None:
        """Take in a batch of records, in canonical order."""
        for record in batch:
            self._take(record)

    def _take(self, record: AnyRecord) -> None:
        match record:
            case Current(t=t, ma=ma):
                self._currents.append((t, ma))
                if record.full and self.full_ms == NEVER:
                    self.full_ms = t
            case PlugIn(t=t):
                self.plugged_ms = t
            case Stay(t=t) if self.unplugged_ms == NEVER:
                self.unplugged_ms = t
            case Loss(t=t) if self.lost_ms == NEVER:
                self.lost_ms = t
            case Recovery(t=t):
                self.back_ms = t
            case Server(t=t, state="restarted" | "up"):
                self.up_ms = t
            case Power(t=t, state="off"):
                self.dark_ms = t
            case Power(t=t, state="on"):
                self.powered_ms = t

    @property
    def over_ms(self) -> int:
        """When its outage was over: with its recovery, or with the run."""
        return self.end_ms if self.back_ms == NEVER else self.back_ms

    def ma(self, t_ms: int) -> int:
        """The current at a time, the changes of that millisecond included."""
        return next((ma for t, ma in reversed(self._currents) if t <= t_ms), 0)

    def first(self, since_ms: int, until_ms: int, *, draws: bool = True) -> int | None:
        """When current first flowed (or, ``draws`` false, did not flow) between two times, the second excluded; None: never."""
        for (begins, ma), (ends, _) in pairwise([*self._currents, (self.end_ms, 0)]):
            if begins < until_ms and ends > since_ms and bool(ma) == draws:
                return max(begins, since_ms)
        return None

    def opens_after(self, t_ms: int) -> int | None:
        """When the first hours begin after a time in which it would have to wait; None: none begin before its outage is over."""
        return next((opens for opens, _ in self.windows if t_ms <= opens < self.over_ms), None)

    def closes_after(self, t_ms: int) -> int | None:
        """When the hours end that are open at a time; None: none are."""
        return next((closes for opens, closes in self.windows if opens <= t_ms < closes), None)
