"""Local time: from what a clock on the wall shows to milliseconds since the scenario's start, and back.

Zones come from the pinned ``tzdata`` package and never from the machine, so that a run is the same everywhere.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from harness.units import WallTime, format_clock_s, format_offset_s

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


class ClockError(ValueError):
    """A local time that cannot be told apart or does not exist; the message says why, ``expected`` what to write instead."""

    def __init__(self, message: str, expected: str) -> None:
        super().__init__(message)
        self.expected = expected


def utc_seconds(moment: datetime) -> int:
    """Seconds since 1970 of an aware time."""
    return (moment - _EPOCH) // timedelta(seconds=1)


def occurrences(local: datetime, tz: ZoneInfo) -> list[int]:
    """The instants (seconds since 1970) at which clocks in ``tz`` show ``local``: none in a gap, two in a fold, else one."""
    found = []
    for fold in (0, 1):
        instant = local.replace(tzinfo=tz, fold=fold).astimezone(UTC)
        if instant.astimezone(tz).replace(tzinfo=None) == local and utc_seconds(instant) not in found:
            found.append(utc_seconds(instant))
    return found


def resolve(on: date, wall: WallTime, tz: ZoneInfo) -> int:
    """The instant (seconds since 1970) of a wall time on a date. Raises :class:`ClockError` where it is not exactly one."""
    local = datetime(on.year, on.month, on.day) + timedelta(seconds=wall.seconds)
    text = f"{on.isoformat()} {format_clock_s(wall.seconds)}"
    if wall.offset_s is not None:
        instant = local.replace(tzinfo=UTC) - timedelta(seconds=wall.offset_s)
        offsets = sorted({_offset_s(instant + shift, tz) for shift in (-_DAY, timedelta(0), _DAY)})
        if wall.offset_s not in offsets:
            shown = " or ".join(f"`{format_offset_s(offset)}`" for offset in offsets)
            raise ClockError(f"the offset {format_offset_s(wall.offset_s)} does not apply in {tz.key} on {on.isoformat()}", shown)
        return utc_seconds(instant)
    instants = occurrences(local, tz)
    if len(instants) == 1:
        return instants[0]
    clock = format_clock_s(wall.seconds)
    offsets = [_offset_s(local.replace(tzinfo=tz, fold=fold).astimezone(UTC), tz) for fold in (0, 1)]
    shown = " or ".join(f"`{clock} {format_offset_s(offset)}`" for offset in sorted(set(offsets), reverse=True))
    why = "occurs twice" if instants else "does not exist"
    raise ClockError(f"{text} {why} in {tz.key}, where clocks change that night", f"{shown}, with its offset")


def _offset_s(instant: datetime, tz: ZoneInfo) -> int:
    offset = instant.astimezone(tz).utcoffset()
    assert offset is not None  # a ZoneInfo always has one
    return offset // timedelta(seconds=1)


class Calendar(Struct, frozen=True):
    """The local calendar of a run: a zone and the start."""

    tz: ZoneInfo
    start_s: int
    """Seconds since 1970 of the scenario's start."""

    @property
    def first_day(self) -> date:
        """The calendar day of the start, which is day 1."""
        return datetime.fromtimestamp(self.start_s, self.tz).date()

    def ms(self, wall: WallTime, *, earliest_ms: int = 0, strictly: bool = False) -> int:
        """Milliseconds since the start of a wall time; without day or date its first occurrence at or after ``earliest_ms``
        (after it, with ``strictly``). Raises :class:`ClockError`."""
        if wall.on is not None:
            return self._ms(wall.on, wall)
        first = self.first_day
        if wall.day is not None:
            return self._ms(first + (wall.day - 1) * _DAY, wall)
        day = datetime.fromtimestamp(self.start_s + earliest_ms / 1000, self.tz).date() - _DAY
        while True:
            local = datetime(day.year, day.month, day.day, tzinfo=self.tz) + timedelta(seconds=wall.seconds)
            latest_ms = max(utc_seconds(local.replace(fold=fold).astimezone(UTC)) for fold in (0, 1)) * 1000 - self.start_s * 1000
            if latest_ms >= earliest_ms + strictly:
                value = self._ms(day, wall)
                if value >= earliest_ms + strictly:
                    return value
            day += _DAY

    def day_ms(self, day: date) -> int:
        """When a local day begins: midnight, or the end of the gap where clocks skip midnight."""
        midnight = datetime(day.year, day.month, day.day)
        instants = occurrences(midnight, self.tz)
        if instants:
            return (instants[0] - self.start_s) * 1000
        # Midnight falls in a gap: its reading by the offset in force before the gap is the jump plus the rest of the gap,
        # so the jump is the first instant whose local date is this day.
        low = utc_seconds(midnight.replace(tzinfo=UTC)) - 86_400 * 2
        high = low + 86_400 * 4
        while high - low > 1:
            middle = (low + high) // 2
            if datetime.fromtimestamp(middle, self.tz).date() >= day:
                high = middle
            else:
                low = middle
        return (high - self.start_s) * 1000

    def local_days(self, duration_ms: int) -> tuple[tuple[int, int, int], ...]:
        """Each local day that [0, ``duration_ms``) touches: (its midnight, its length, its weekday with Monday 0), in ms."""
        days = []
        day, begin = self.first_day, self.day_ms(self.first_day)
        while begin < duration_ms:
            after = self.day_ms(day + _DAY)
            days.append((begin, after - begin, day.weekday()))
            day, begin = day + _DAY, after
        return tuple(days)

    def _ms(self, on: date, wall: WallTime) -> int:
        return (resolve(on, wall, self.tz) - self.start_s) * 1000

    def date_of(self, instant_ms: int) -> date:
        """The local date at a moment of the run."""
        return datetime.fromtimestamp(self.start_s + instant_ms // 1000, self.tz).date()
