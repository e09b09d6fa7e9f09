"""Tariff rules as a file gives them (:class:`TariffRules`), and laying them out over a run's local days.

The file format: ``currency``; ``levels``, dearest first; optional ``seasons`` (name → ``from``/``to`` as month-day, both included);
``windows``, a list of ``{level, hours: 16:00-21:00 or a list of such, days: daily|weekdays|weekends, seasons: [...]}``;
``otherwise``, the level of the hours that no window names; ``prices`` per kWh (season → level → price, or level → price without
seasons); ``holidays``, dates that count as weekend; ``colours``, where a day's prices follow from a colour that is announced, and
``days``, the dates of each colour but the usual one. ``docs/models.md`` shows one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness import units
from harness.scenario.calendar import Calendar, utc_seconds
from harness.scenario.forms import (
    FAILED,
    NAME_FORM,
    TEXT,
    Field,
    ListOf,
    MapOf,
    Part,
    Raw,
    Record,
    Scalar,
    read,
    words_form,
)
from harness.scenario.nodes import Node
from harness.scenario.problems import Problems, listed, nearest
from harness.units import UnitError, format_clock_s
from harness.values import Period, Tariff

DAY_S = 86_400
WHOLE_YEAR = "all year"
KINDS_OF_DAY = ("weekday", "weekend")
ONE_COLOUR = "any day"
NO_COLOURS = "the days of this tariff have no colours"
_DAY = timedelta(days=1)

Spans = tuple[tuple[int, str], ...]
"""The levels of a day: (second of the day, level from then on), the first at 0."""


class Colours(Struct, frozen=True):
    """The colours of days, on which prices depend besides season and weekday; of most tariffs there is but one."""

    names: tuple[str, ...] = (ONE_COLOUR,)
    otherwise: str = ONE_COLOUR
    """The colour of each day that ``dated`` does not have."""
    begins_s: int = 0
    """The second of the day from which a day's colour applies, until the same on the next day."""
    announced_s: int | None = None
    """The second of the day before at which a day's colour is announced; None: it is known from the start."""
    dated: dict[date, str] = {}


class TariffRules(Struct, frozen=True):
    """A tariff without a calendar: what each minute of each kind of day costs, in each season."""

    name: str
    currency: str
    levels: tuple[str, ...]
    seasons: dict[tuple[int, int], str]
    """(month, day) → season, for all 366 days."""
    days: dict[tuple[str, str, str], Spans]
    """(season, weekday or weekend, colour) → the levels of such a day."""
    microprices: dict[tuple[str, str], int]
    """(season, level) → price per kWh in millionths of the currency."""
    holidays: frozenset[date]
    colours: Colours

    def levels_on(self, day: date) -> tuple[str, Spans]:
        """A date's season, and its levels with the second of the day from which each applies."""
        return self._levels_on(day, self.colours.dated)

    def presumed_on(self, day: date) -> Spans:
        """The levels that a date is taken to have as long as no colour is announced."""
        return self._levels_on(day, {})[1]

    def _levels_on(self, day: date, dated: dict[date, str]) -> tuple[str, Spans]:
        season = self.seasons[day.month, day.day]
        kind = "weekend" if day.weekday() >= 5 or day in self.holidays else "weekday"
        early, late = (self.days[season, kind, dated.get(each, self.colours.otherwise)] for each in (day - _DAY, day))
        return season, _joined(early, late, self.colours.begins_s)

    def season_ends(self) -> set[tuple[int, int]]:
        """The last days of its seasons, as (month, day); none where there is only one."""
        days = sorted(self.seasons)
        return {day for day, following in zip(days, [*days[1:], days[0]], strict=True) if self.seasons[day] != self.seasons[following]}


def _joined(early: Spans, late: Spans, second: int) -> Spans:
    """The levels of a day that has those of ``early`` before a second of it, and then those of ``late``."""
    if early is late:
        return late
    then = [level for begin, level in late if begin <= second][-1]
    return (*(span for span in early if span[0] < second), (second, then), *(span for span in late if span[0] > second))


def lay_out(rules: TariffRules, calendar: Calendar, duration_ms: int) -> Tariff:
    """The tariff over a run, from two days before its start to two days after its end.

    Each instant has the level that its wall-clock reading has: where clocks go back an hour is charged twice alike, where
    they go forward the hour left out is not charged at all.
    """
    first, last = calendar.start_s - 2 * DAY_S, calendar.start_s + -(-duration_ms // 1000) + 2 * DAY_S
    periods: list[Period] = []
    for begin_s, end_s, offset_s in _stretches(calendar, first, last):
        for local_s, span in _changes(rules, begin_s + offset_s, end_s + offset_s):
            start_ms = (local_s - offset_s - calendar.start_s) * 1000
            announced_ms = _announced_ms(rules, calendar, span.coloured) if span.presumed else 0
            presumed = span.presumed if announced_ms > 0 else ""
            period = Period(
                start_ms=start_ms, level=span.level, microprice=span.microprice, presumed=presumed, announced_ms=max(0, announced_ms)
            )
            if not periods or replace(period, start_ms=periods[-1].start_ms) != periods[-1]:
                periods.append(period)
    # Readers take the last period to begin beyond the end: it is repeated there if nothing changes after the run.
    if periods[-1].start_ms <= duration_ms:
        end_ms = (last - calendar.start_s) * 1000
        periods.append(replace(periods[-1], start_ms=end_ms))
    return Tariff(name=rules.name, currency=rules.currency, levels=rules.levels, periods=tuple(periods))


def _announced_ms(rules: TariffRules, calendar: Calendar, day: date) -> int:
    """When a day's colour is announced, by the clock of the day before: where that time comes twice, the first; in a gap, after it."""
    before = day - _DAY
    local = datetime(before.year, before.month, before.day, tzinfo=calendar.tz) + timedelta(seconds=rules.colours.announced_s or 0)
    return (utc_seconds(local) - calendar.start_s) * 1000


def _stretches(calendar: Calendar, first_s: int, last_s: int) -> Iterator[tuple[int, int, int]]:
    """[``first_s``, ``last_s``) cut where the offset from UTC changes: (begin, end, offset), in seconds."""
    begin = first_s
    while begin < last_s:
        offset, end = _offset_s(calendar, begin), min(begin + DAY_S, last_s)
        while end < last_s and _offset_s(calendar, end) == offset:
            end = min(end + DAY_S, last_s)
        if _offset_s(calendar, end) != offset:
            low = max(begin, end - DAY_S)
            while end - low > 1:
                middle = (low + end) // 2
                low, end = (middle, end) if _offset_s(calendar, middle) == offset else (low, middle)
        yield begin, end, offset
        begin = end


def _offset_s(calendar: Calendar, instant_s: int) -> int:
    offset = datetime.fromtimestamp(instant_s, calendar.tz).utcoffset()
    assert offset is not None  # a ZoneInfo always has one
    return offset // timedelta(seconds=1)


class _Span(Struct, frozen=True):
    """A part of a day at one level."""

    second: int
    level: str
    microprice: int
    presumed: str
    """The level that it is taken to have until its day's colour is announced; empty: its level is known all along."""
    coloured: date
    """The day whose colour it has."""


def _spans_of(rules: TariffRules, day: date) -> list[_Span]:
    """A day's parts, in order."""
    season, levels = rules.levels_on(day)
    colours = rules.colours
    is_announced = colours.announced_s is not None and (day in colours.dated or day - _DAY in colours.dated)
    presumed = rules.presumed_on(day) if is_announced else levels
    found = []
    for second in sorted({begin for begin, _ in (*levels, *presumed)} | ({colours.begins_s} if is_announced else set())):
        level, taken_for = ([each for begin, each in spans if begin <= second][-1] for spans in (levels, presumed))
        found.append(_Span(
            second, level, rules.microprices[season, level], taken_for if taken_for != level else "",
            day if second >= colours.begins_s else day - _DAY,
        ))  # fmt: skip
    return found


def _changes(rules: TariffRules, begin_s: int, end_s: int) -> Iterator[tuple[int, _Span]]:
    """The levels over a stretch of local time without a change of clocks, each with the moment from which it applies."""
    day = datetime.fromtimestamp(begin_s, UTC).date()
    midnight_s = begin_s - begin_s % DAY_S
    while midnight_s < end_s:
        spans = _spans_of(rules, day)
        for place, span in enumerate(spans):
            until = spans[place + 1].second if place + 1 < len(spans) else DAY_S
            if midnight_s + until > begin_s and midnight_s + span.second < end_s:
                yield max(midnight_s + span.second, begin_s), span
        day, midnight_s = day + _DAY, midnight_s + DAY_S


def _parse_hours(text: str) -> tuple[int, int]:
    begin, dash, end = text.partition("-")
    expected = "hours such as `16:00-21:00`"
    if not dash:
        raise UnitError(text, expected)
    try:
        span = units.parse_clock_s(begin.strip()), units.parse_clock_s(end.strip(), midnight=True)
    except UnitError:
        raise UnitError(text, expected) from None
    if span[0] == span[1]:
        raise UnitError(text, f"{expected}, not an empty stretch")
    return span


HOURS = Scalar(_parse_hours, "hours such as `16:00-21:00`", {"type": "string", "examples": ["16:00-21:00"]})
MONTH_DAY = Scalar(units.parse_month_day, "a month and day such as `06-01`", {"type": "string", "examples": ["06-01"]})
CLOCK = Scalar(units.parse_clock_s, units.CLOCK, {"type": "string", "examples": ["06:00"]})
DATE = Scalar(units.parse_date, units.DATE, {"type": "string", "examples": ["2026-07-04"]})

_SEASON = Record("a season", (
    Field("from", MONTH_DAY, "Its first day.", True),
    Field("to", MONTH_DAY, "Its last day, included.", True),
))  # fmt: skip
_WINDOW = Record("a window", (
    Field("level", NAME_FORM, "The price level.", True),
    Field("hours", ListOf(HOURS, lone=True), "The local hours, `16:00-21:00` or a list of such.", True),
    Field("days", words_form("daily", "weekdays", "weekends"), "The days on which it applies; absent: daily."),
    Field("seasons", ListOf(NAME_FORM, lone=True), "The seasons in which it applies; absent: all."),
    Field("colours", ListOf(NAME_FORM, lone=True), "The colours of the days on which it applies; absent: all."),
))  # fmt: skip
_COLOURS = Record("`colours`", (
    Field("names", ListOf(NAME_FORM), "The colours that a day may have.", True),
    Field("otherwise", NAME_FORM, "The colour of each day that `days` does not name.", True),
    Field("begins", CLOCK, "The local time from which a day's colour applies, until the same on the next day; absent: midnight."),
    Field("announced", CLOCK, "The local time on the day before at which a day's colour is announced; absent: known from the start."),
))  # fmt: skip
_PRICES = {"type": "object", "description": "level → price per kWh, or season → level → price", "examples": [{"peak": "41.099 c"}]}
TARIFF = Record("a tariff", (
    Field("name", NAME_FORM, "The tariff's name, the same as its file's."),
    Field("title", TEXT, "The tariff's full name.", True),
    Field("currency", NAME_FORM, "The currency's code, such as USD.", True),
    Field("levels", ListOf(NAME_FORM), "The price levels, dearest first.", True),
    Field("seasons", MapOf(_SEASON, "a season"), "Seasons, which together cover each day of the year once; absent: all year."),
    Field("windows", ListOf(_WINDOW), "When which level applies.", True),
    Field("otherwise", NAME_FORM, "The level of all hours that no window names."),
    Field("prices", Raw(_PRICES), "Prices per kWh.", True),
    Field("holidays", ListOf(DATE), "Dates that count as weekend."),
    Field("colours", _COLOURS, "The colours of days, where prices depend on them; absent: all days are alike."),
    Field("days", MapOf(ListOf(DATE, lone=True), "a colour"), "The dates of each colour; all others have `colours.otherwise`."),
    Field("claims", Raw({"type": "object"}), "Where each statement comes from."),
))  # fmt: skip


def read_rules(form: Record, node: Node, name: str, problems: Problems) -> TariffRules | None:
    """The rules in a tariff's tree, named ``name``, or None with the problems noted; ``form`` is ``TARIFF``, less a file's own keys."""
    before = len(problems.found)
    part = read(form, node, problems, name)
    if part is FAILED or len(problems.found) > before:
        return None
    seasons = _seasons(part, problems)
    names = list(dict.fromkeys(seasons.values())) or [WHOLE_YEAR]
    levels: tuple[str, ...] = part.get("levels")
    colours = _colours(part, problems)
    days = _days(part, names, colours.names, problems)
    _check_windows(part, names, colours.names, problems)
    microprices = _prices(part, names, days, problems)
    if len(problems.found) > before:
        return None
    return TariffRules(
        name=name, currency=part.get("currency"), levels=levels, seasons=seasons, days=days,
        microprices=microprices, holidays=frozenset(part.get("holidays", ())), colours=colours,
    )  # fmt: skip


def _seasons(part: Part, problems: Problems) -> dict[tuple[int, int], str]:
    """Which season each day of the year is in; every one of the 366 must be in exactly one."""
    year = [(day.month, day.day) for day in (date(2024, 1, 1) + n * _DAY for n in range(366))]
    if "seasons" not in part:
        return dict.fromkeys(year, WHOLE_YEAR)
    found: dict[tuple[int, int], str] = {}
    for name, season in part.get("seasons").items():
        begin, end = season.get("from"), season.get("to")
        inside = [day for day in year if (begin <= day <= end if begin <= end else day >= begin or day <= end)]
        twice = next((day for day in inside if day in found), None)
        if twice:
            problems.add(season.node, f"the seasons `{found[twice]}` and `{name}` both have the day {twice[0]:02d}-{twice[1]:02d}")
        found.update(dict.fromkeys(inside, name))
    missing = next((day for day in year if day not in found), None)
    if missing:
        problems.add(part.at("seasons"), f"no season has the day {missing[0]:02d}-{missing[1]:02d}", expected="each day in one season")
    return found


def _colours(part: Part, problems: Problems) -> Colours:
    """The colours of days, and the dates that have another than the usual one; no date has two."""
    given: Part | None = part.get("colours")
    if given is None:
        if "days" in part:
            problems.add(part.node.entries["days"][0], NO_COLOURS, expected="`colours`, which names them")
        return Colours()
    names: tuple[str, ...] = given.get("names")
    if given.get("otherwise") not in names:
        _unknown(problems, given.at("otherwise"), "colour", given.get("otherwise"), names)
    dated: dict[date, str] = {}
    for colour, days in part.get("days", {}).items():
        key_node, value = part.at("days").entries[colour]
        if colour not in names:
            _unknown(problems, key_node, "colour", colour, names)
            continue
        for place, day in enumerate(days):
            if day in dated:
                twice = f"`{colour}` twice" if dated[day] == colour else f"both `{dated[day]}` and `{colour}`"
                problems.add(value.items[place] if value.items else value, f"{day} is {twice}", expected="each date once")
            dated[day] = colour
    return Colours(
        names=names, otherwise=given.get("otherwise"), begins_s=given.get("begins", 0), announced_s=given.get("announced"), dated=dated,
    )  # fmt: skip


def _check_windows(part: Part, seasons: list[str], colours: tuple[str, ...], problems: Problems) -> None:
    levels = part.get("levels")
    for window in part.get("windows"):
        if window.get("level") not in levels:
            _unknown(problems, window.at("level"), "level", window.get("level"), levels)
        for season in window.get("seasons", ()):
            if season not in seasons:
                _unknown(problems, window.at("seasons"), "season", season, seasons)
        for colour in window.get("colours", ()):
            if "colours" not in part:
                problems.add(window.at("colours"), NO_COLOURS, expected="`colours`, which names them")
            elif colour not in colours:
                _unknown(problems, window.at("colours"), "colour", colour, colours)
        for begin, end in window.get("hours"):
            if end < begin and window.get("days", "daily") != "daily":
                problems.add(
                    window.at("hours"), f"`{format_clock_s(begin)}-{format_clock_s(end)}` passes midnight on some days only",
                    expected="two windows, which say on which days each half applies",
                )  # fmt: skip
    if "otherwise" in part and part.get("otherwise") not in levels:
        _unknown(problems, part.at("otherwise"), "level", part.get("otherwise"), levels)


def _unknown(problems: Problems, node: Node, what: str, name: str, names: Any) -> None:
    problems.add(node, f"no such {what}", found=f"`{name}`", expected=f"one of {listed(names)}", suggestion=nearest(name, names))


def _days(part: Part, seasons: list[str], colours: tuple[str, ...], problems: Problems) -> dict[tuple[str, str, str], Spans]:
    """The levels of each kind of day in each season. An overlap or a gap is noted once, for the first such day."""
    days: dict[tuple[str, str, str], Spans] = {}
    noted: set[tuple[int, int]] = set()
    for season, kind, colour in product(seasons, KINDS_OF_DAY, colours):
        spans = [span for window in part.get("windows") if _applies(window, season, kind, colour) for span in _spans(window)]
        spans.sort(key=lambda span: span[:2])
        where = " ".join(word for word in (season, colour, kind) if word not in (WHOLE_YEAR, ONE_COLOUR))
        reached = 0
        for begin, end, _, node in [*spans, (DAY_S, DAY_S, "", part.at("windows"))]:
            if begin < reached and (reached, begin) not in noted:
                noted.add((reached, begin))
                message = f"two windows both have {format_clock_s(begin)} on a {where}"
                problems.add(node, message, expected="windows that do not overlap")
            elif begin > reached and "otherwise" not in part and (reached, begin) not in noted:
                noted.add((reached, begin))
                gap = f"{format_clock_s(reached)}-{format_clock_s(begin) if begin < DAY_S else '24:00'}"
                problems.add(part.at("windows"), f"no window has {gap} on a {where}", expected="windows for all hours, or `otherwise`")
            reached = max(reached, end)
        days[season, kind, colour] = _levels(spans, part.get("otherwise", ""))
    return days


def _applies(window: Part, season: str, kind: str, colour: str) -> bool:
    """Whether a window applies on such days."""
    on_such_days = window.get("days", "daily") in ("daily", f"{kind}s")
    return on_such_days and season in window.get("seasons", (season,)) and colour in window.get("colours", (colour,))


def _spans(window: Part) -> Iterator[tuple[int, int, str, Node]]:
    """The stretches of a day that a window has: (from, until, level, the window); one past midnight is two."""
    for begin, end in window.get("hours"):
        for low, high in [(begin, end)] if begin < end else [(begin, DAY_S), (0, end)]:
            if low < high:
                yield low, high, window.get("level"), window.node


def _levels(spans: list[tuple[int, int, str, Node]], otherwise: str) -> Spans:
    """The levels of windows that do not overlap, with ``otherwise`` between them."""
    result: list[tuple[int, str]] = []
    reached = 0
    for begin, end, level, _ in spans:
        if begin > reached:
            result.append((reached, otherwise))
        result.append((begin, level))
        reached = end
    if reached < DAY_S:
        result.append((reached, otherwise))
    return tuple(result)


def _prices(part: Part, seasons: list[str], days: dict[tuple[str, str, str], Spans], problems: Problems) -> dict[tuple[str, str], int]:
    """(season, level) → price. Each level that occurs has one, and prices do not rise along the levels."""
    levels = part.get("levels")
    found: dict[tuple[str, str], int] = {}
    table = part.at("prices")
    for season in seasons:
        node = table if "seasons" not in part else table.get(season)
        if node is None or node.kind != "map":
            at, season_found = (node, node.shown) if node else (table, "nothing")
            problems.add(at, f"no prices for `{season}`", found=season_found, expected=f"a map such as `{{{levels[0]}: 41.099 c}}`")
            continue
        for level, (key_node, value) in node.entries.items():
            if level not in levels:
                _unknown(problems, key_node, "level", level, levels)
                continue
            try:
                found[season, level] = units.parse_microprice(value.text, part.get("currency"))
            except UnitError as error:
                problems.add(value, f"the price of `{level}` is not right", found=value.shown, expected=error.expected)
        used = {level for (of, _, _), spans in days.items() if of == season for _, level in spans if level}
        for level in levels:
            if level in used and level not in node.entries:
                problems.add(node, f"no price for `{level}`, which has hours", expected=f"`{level}: 41.099 c`")
        known = [(found[season, level], level) for level in levels if (season, level) in found]
        for (dearer, above), (cheaper, below) in pairwise(known):
            if cheaper > dearer:
                problems.add(node, f"`{below}` is dearer than `{above}`, which `levels` puts before it", expected="the dearest first")
    if "seasons" in part and table.kind == "map":
        for key, (key_node, _) in table.entries.items():
            if key not in seasons:
                _unknown(problems, key_node, "season", key, seasons)
    return found
