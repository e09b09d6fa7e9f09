"""Times of a run as the clocks of its place show them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cached_property

from harness.units import format_offset_s
from harness.values import Scenario
from harness.zones import zone

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY_MS = 86_400_000
_MOST_WEEKDAYS_MS = 6 * _DAY_MS
"""A run that lasts longer may see one weekday twice, as it seldom begins at midnight."""

_SINCE_START = re.compile(r"\+(?:(\d+) d )?(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?")
"""How checks write a moment: days, hours, minutes and seconds since the start (:func:`harness.check.words.moment`)."""


class Clock:
    """Tells milliseconds since a scenario's start as local time.

    A weekday names the day in runs of up to six days, a date in longer ones. Where the clocks are changed during the run the
    zone's abbreviation is added, because one reading then stands for two moments.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._start = datetime.fromisoformat(scenario.start)
        self._zone = zone(scenario.zone)
        self.dated = scenario.duration_ms > _MOST_WEEKDAYS_MS
        """A date names the day, not a weekday."""

    @cached_property
    def _offsets(self) -> list[str]:
        """The offsets from UTC that the clocks of the place have during the run, each once."""
        days = (*range(0, self._scenario.duration_ms, _DAY_MS), self._scenario.duration_ms)
        return list(dict.fromkeys(_offset(self._local(t_ms)) for t_ms in days))

    @cached_property
    def named(self) -> bool:
        """The clocks are changed during the run, so that the zone's abbreviation is told."""
        return len(self._offsets) > 1

    def introduction(self) -> str:
        """Whose clocks tell the times, and from when on: ``Times are those of Asia/Tokyo (JST, UTC+09:00), from 2026-03-12 17:00:00.``"""
        offsets = ", then ".join(self._offsets)
        where = self._scenario.zone if self._scenario.zone == offsets else f"{self._scenario.zone} ({offsets})"
        return f"Times are those of {where}, from {self._local(0):%Y-%m-%d %H:%M:%S}."

    def tell(self, t_ms: int) -> str:
        """``Thu 19:30:05``; thousandths only where there are any."""
        local = self._local(t_ms)
        thousandths = f".{local.microsecond // 1000:03d}" if local.microsecond else ""
        return self._day(local) + f" {local:%H:%M:%S}{thousandths}" + (f" {local:%Z}" if self.named else "")

    def brief(self, t_ms: int) -> str:
        """``Thu 19:30``: the seconds only where there are any."""
        local = self._local(t_ms)
        if local.second or local.microsecond:
            return self.tell(t_ms)
        return self._day(local) + f" {local:%H:%M}" + (f" {local:%Z}" if self.named else "")

    def wall_ms(self, t_ms: int) -> int:
        """The time of day that the clocks show, in ms since midnight."""
        local = self._local(t_ms)
        return ((local.hour * 60 + local.minute) * 60 + local.second) * 1000 + local.microsecond // 1000

    def translate(self, text: str) -> str:
        """A sentence of a check, its moments since the start (``+1 d 04:50:55``) told as local time."""
        return _SINCE_START.sub(self._translated, text)

    def _translated(self, match: re.Match[str]) -> str:
        days, hours, minutes, seconds, thousandths = (int(part or 0) for part in match.groups())
        return self.tell((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + thousandths)

    def _local(self, t_ms: int) -> datetime:
        try:
            return (self._start + timedelta(milliseconds=t_ms)).astimezone(self._zone)
        except OverflowError:  # what a station says may be of any year; there is none beyond these
            return datetime(9998 if t_ms > 0 else 2, 1, 1, tzinfo=self._zone)

    def _day(self, local: datetime) -> str:
        if self.dated:
            return f"{local.day} {_MONTHS[local.month - 1]}"
        return _WEEKDAYS[local.weekday()]


def _offset(local: datetime) -> str:
    """``CET, UTC+01:00``; without a name where the zone has none."""
    offset = local.utcoffset() or timedelta()
    told = f"UTC{format_offset_s(int(offset.total_seconds()))}" if offset else "UTC"
    name = f"{local:%Z}"
    return told if name == told or name[0] in "+-" else f"{name}, {told}"
