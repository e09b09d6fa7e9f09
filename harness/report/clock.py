"""Times of a run as the clocks of its place show them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from harness.values import Scenario
from harness.zones import zone

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEK_MS = 6 * 86_400_000


_SINCE_START = re.compile(r"\+(?:(\d+) d )?(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?")
"""How checks write a moment: days, hours, minutes and seconds since the start (:func:`harness.check.words.moment`)."""


class Clock:
    """Tells milliseconds since a scenario's start as local time.

    A weekday names the day in runs of less than a week, a date in longer ones. Where the clocks are changed during the run the
    zone's abbreviation is added, because one reading then stands for two moments.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._start = datetime.fromisoformat(scenario.start)
        self._zone = zone(scenario.zone)
        self._dated = scenario.duration_ms > _WEEK_MS
        self._named = self._local(0).utcoffset() != self._local(scenario.duration_ms).utcoffset()

    def tell(self, t_ms: int) -> str:
        """``Thu 19:30:05``; thousandths only where there are any."""
        local = self._local(t_ms)
        thousandths = f".{local.microsecond // 1000:03d}" if local.microsecond else ""
        return self._day(local) + f" {local:%H:%M:%S}{thousandths}" + (f" {local:%Z}" if self._named else "")

    def brief(self, t_ms: int) -> str:
        """``Thu 19:30``: the seconds only where there are any."""
        local = self._local(t_ms)
        if local.second or local.microsecond:
            return self.tell(t_ms)
        return self._day(local) + f" {local:%H:%M}" + (f" {local:%Z}" if self._named else "")

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
        if self._dated:
            return f"{local.day} {_MONTHS[local.month - 1]}"
        return _WEEKDAYS[local.weekday()]
