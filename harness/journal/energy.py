"""The energy of a fleet over time, in bins of one width, as the records of a run tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

from harness.journal.records import AnyRecord, Current, PlugIn, Stay

MOST_BINS = 480
_SECOND_MS, _MINUTE_MS, _HOUR_MS = 1000, 60_000, 3_600_000
_WIDTHS_MS = (
    *(count * _SECOND_MS for count in (1, 2, 5, 10, 15, 30)), *(count * _MINUTE_MS for count in (1, 2, 3, 5, 10, 15, 20, 30)),
    *(count * _HOUR_MS for count in (1, 2, 3, 6, 12)),
)  # fmt: skip
_DAY_MS = 24 * _HOUR_MS


def bin_ms(duration_ms: int) -> int:
    """How wide the bins of a run of this length are: a width that people count in, and at most :data:`MOST_BINS` of them."""
    for width_ms in _WIDTHS_MS:
        if width_ms * MOST_BINS >= duration_ms:
            return width_ms
    return -(-duration_ms // (MOST_BINS * _DAY_MS)) * _DAY_MS


class Bins:
    """Energy, spread evenly over the time in which it flowed and added up by bins. In Wh."""

    def __init__(self, duration_ms: int) -> None:
        self.width_ms = bin_ms(duration_ms)
        count = -(-duration_ms // self.width_ms)
        self._part = [0.0] * (count + 1)
        self._whole = [0.0] * (count + 2)
        """By how much more each bin has than the one before of what flowed through the whole of it."""

    def add(self, begins_ms: int, ends_ms: int, wh: float) -> None:
        """So much flowed between two moments."""
        width_ms, part = self.width_ms, self._part
        first, last = begins_ms // width_ms, ends_ms // width_ms
        if first == last:
            part[first] += wh
            return
        wh_per_ms = wh / (ends_ms - begins_ms)
        part[first] += wh_per_ms * ((first + 1) * width_ms - begins_ms)
        part[last] += wh_per_ms * (ends_ms - last * width_ms)
        through = wh_per_ms * width_ms
        self._whole[first + 1] += through
        self._whole[last] -= through

    def wh(self) -> list[int]:
        """The energy of each bin, rounded."""
        return [round(part + whole) for part, whole in zip(self._part[:-1], accumulate(self._whole), strict=False)]


class Drawn:
    """What is known of one charger's energy: its register, since when, and what it was when its car came."""

    __slots__ = ("came_wh", "t", "wh")

    def __init__(self) -> None:
        self.t = self.wh = self.came_wh = 0

    def reached(self, t: int, wh: int, bins: Bins) -> None:
        """The register stands at ``wh`` now: what is more than before has flowed since the last record."""
        if wh > self.wh:
            bins.add(self.t, t, wh - self.wh)
            self.wh = wh
        self.t = t


class Energy:
    """Adds up the energy of all chargers while the records of a run go by."""

    def __init__(self, chargers: Iterable[str], duration_ms: int) -> None:
        self._chargers = {name: Drawn() for name in chargers}
        self._bins = Bins(duration_ms)
        self._handlers: dict[type[AnyRecord], Callable[[Drawn, Any], None]] = {
            Current: self._current, PlugIn: self._plug_in, Stay: self._stay,
        }  # fmt: skip

    def feed(self, batch: Sequence[AnyRecord]) -> None:
        """Take in a batch of records, in canonical order."""
        handlers, chargers = self._handlers, self._chargers
        for record in batch:
            handler = handlers.get(type(record))
            if handler is not None:
                handler(chargers[record.who], record)

    def wh(self) -> list[int]:
        """The fleet's energy in each bin of the run."""
        return self._bins.wh()

    def _current(self, drawn: Drawn, record: Current) -> None:
        drawn.reached(record.t, record.wh, self._bins)

    def _plug_in(self, drawn: Drawn, record: PlugIn) -> None:
        drawn.came_wh = drawn.wh

    def _stay(self, drawn: Drawn, record: Stay) -> None:
        drawn.reached(record.t, drawn.came_wh + record.wh, self._bins)
