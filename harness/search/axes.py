"""What a sweep varies: the values of its two axes, from what the command says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from msgspec.structs import replace

from harness.fault import KINDS
from harness.report.clock import Clock
from harness.scenario.calendar import Calendar, ClockError, occurrences, utc_seconds
from harness.scenario.moments import EXPECTED_TIME, After, parse_time
from harness.scenario.problems import listed, nearest, refusal
from harness.search.grid import Axis
from harness.units import UnitError, format_duration_ms, parse_clock_s, parse_duration_ms
from harness.values import MOST_DURATION_MS, Scenario, Step
from harness.zones import zone

MOST_VALUES = 1000
"""So many values an axis may have."""
_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_MINUTES = (5, 15, 30, 60, 120, 180, 240, 360, 480, 600, 720, 960)
DURATIONS_MS = tuple(minutes * _MINUTE_MS for minutes in _MINUTES)
"""How long an outage lasts where nothing else is said."""
_RANGE = re.compile(r"(.+?)\.\.(.+?)/(.+)")
_EXPECTED_STARTS = f"{EXPECTED_TIME}, or a range of clock times such as `00:00..23:30/30 min`, several with commas between"
_EXPECTED_DURATIONS = "durations such as `30 min,1 h,4 h`, or a range such as `1 h..12 h/1 h`"


def share_of(text: str) -> tuple[int, int]:
    """Which share of how many, ``I/N``; without a text the whole. Raises :class:`ScenarioError`."""
    number, slash, many = text.partition("/")
    if not text:
        return 1, 1
    numbers = (number, many)
    if not slash or not all(each.isdecimal() and len(each) <= 6 for each in numbers) or not 1 <= int(number) <= int(many):
        found = text if len(text) <= 60 else f"{text[:59]}…"
        raise refusal("--shard", "not a share", found=f"`{found}`", expected="which of how many, such as `1/3`")
    return int(number), int(many)


def outage_of(base: Scenario, named: str = "") -> Step:
    """The step whose start and duration are swept: the one that is named, or the first that takes the server away and can end.

    Raises :class:`ScenarioError`.
    """
    if named:
        ids = [step.id for step in base.plan]
        if named not in ids:
            expected = listed(ids) or "a step of the plan, which is empty"
            raise refusal("--step", f"no step is called `{named}`", expected=expected, suggestion=nearest(named, ids))
        step = base.plan[ids.index(named)]
        if KINDS[step.do].ends in ("instant", "never"):
            why = "is an instant" if KINDS[step.do].ends == "instant" else "never ends"
            raise refusal("--step", f"`{named}` {why}, so it has no duration to sweep", expected="another step, or other axes (--x, --y)")
        return step
    for step in base.plan:
        if KINDS[step.do].outage and KINDS[step.do].ends == "may":
            return step
    expected = "a plan with one, or other axes (--x, --y)"
    raise refusal(base.name, "no step of the plan takes the server away and gives it back", expected=expected)


def starts(base: Scenario, step: Step, text: str = "") -> Axis:
    """The axis of a step's starts; without a text every half hour of a day by the local clock, from the scenario's start on.

    Raises :class:`ScenarioError`.
    """
    calendar = Calendar(zone(base.zone), utc_seconds(datetime.fromisoformat(base.start)))
    if text:
        found = [ms for item in _items("--starts", text) for ms in _starts(item, calendar)]
        late = next((ms for ms in found if ms >= base.duration_ms), None)
        if late is not None:
            over = f"the run is over after {format_duration_ms(base.duration_ms)}"
            raise refusal("--starts", over, found=f"a start {format_duration_ms(late)} after its beginning", expected="earlier starts")
    else:
        half_hours = (_occurrence(seconds, calendar) for seconds in range(0, 86_400, 1800))
        found = sorted(ms for ms in half_hours if ms < min(_DAY_MS, base.duration_ms))
    found = list(dict.fromkeys(found))
    _check_count("--starts", found)
    clock = Clock(base)
    told = [clock.brief(ms) for ms in found]
    brief = [text.partition(" ")[2] for text in told]
    return Axis(
        path=f"plan.{step.id}.at", values=tuple(f"+{format_duration_ms(ms)}" for ms in found),
        labels=tuple(brief if len(set(brief)) == len(brief) and "" not in brief else told),
        title=f"when {step.id} begins (local time, {base.zone}; the run begins {clock.brief(0)})", says=f"{step.id} begins at {{}}",
        measure="minutes_after_start", numbers=_minutes(found),
    )  # fmt: skip


def durations(step: Step, text: str = "") -> Axis:
    """The axis of a step's durations; without a text from five minutes to sixteen hours. Raises :class:`ScenarioError`."""
    found = [ms for item in _items("--durations", text) for ms in _durations(item)] if text else list(DURATIONS_MS)
    found = list(dict.fromkeys(found))
    _check_count("--durations", found)
    labels = tuple(map(format_duration_ms, found))
    return Axis(
        path=f"plan.{step.id}.for", values=labels, labels=labels, title=f"how long {step.id} lasts (hours and minutes)", says="lasts {}",
        measure="minutes", numbers=_minutes(found),
    )  # fmt: skip


def _minutes(found: Sequence[int]) -> tuple[float, ...]:
    return tuple(ms / _MINUTE_MS for ms in found)


def given(option: str, text: str) -> Axis:
    """Any other axis: ``PATH=V1,V2,…``, the path and each value as ``--set`` takes them. Raises :class:`ScenarioError`."""
    path, equals, values = text.partition("=")
    path = path.strip()
    found = list(dict.fromkeys(_items(option, values))) if path and equals else []
    if not found:
        raise refusal(option, "not an axis", found=f"`{text}`", expected="`PATH=V1,V2,…`, such as `chargers.homes.count=10,50,200`")
    if path == "seed":
        raise refusal(option, "each cell is run with the same seeds", found="`seed`", expected="--seeds, and another path here")
    _check_count(option, found)
    axis = Axis(path=path, values=tuple(found), labels=tuple(found), title=path, says=f"{path} is {{}}")
    try:
        return replace(axis, measure="minutes", numbers=_minutes([parse_duration_ms(value) for value in found]))
    except UnitError:
        return axis


def freed(step: Step | None, axes: Sequence[Axis]) -> dict[str, tuple[str, ...]]:
    """What of a step stands in the way of the axes that move or stretch it: a moment that it waits for, another end."""
    if step is None:
        return {}
    paths = {axis.path for axis in axes}
    keys = [key for key, there in (("when", step.when is not None),) if there and f"plan.{step.id}.at" in paths]
    ends = (("until", step.until is not None), ("times", step.times is not None))
    keys += [key for key, there in ends if there and f"plan.{step.id}.for" in paths]
    return {step.id: tuple(keys)} if keys else {}


def _check_count(option: str, found: Sequence[object]) -> None:
    if not 1 <= len(found) <= MOST_VALUES:
        raise refusal(option, "not so many values", found=f"{len(found)}", expected=f"1 to {MOST_VALUES}")


def _items(option: str, text: str) -> list[str]:
    """What stands between commas, brackets and quotes apart."""
    items, begun, depth, quote = [], 0, 0, ""
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        elif sign == "," and depth == 0:
            items.append(text[begun:place].strip())
            begun = place + 1
    items.append(text[begun:].strip())
    if not all(items):
        raise refusal(option, "a value is missing", found=f"`{text}`", expected="values with commas between them")
    return items


def _starts(item: str, calendar: Calendar) -> list[int]:
    """One start, or those of a range of clock times, which may go past midnight."""
    try:
        if match := _RANGE.fullmatch(item):
            first, last = (parse_clock_s(text.strip()) for text in match.groups()[:2])
            every_ms = _step_ms("--starts", match[3], item)
            last += 86_400 if last < first else 0
            if every_ms % 1000 or (last - first) * 1000 // every_ms >= MOST_VALUES:
                expected = f"whole seconds, and at most {MOST_VALUES} starts"
                raise refusal("--starts", "not such a range of starts", found=f"`{item}`", expected=expected)
            return [_occurrence(seconds % 86_400, calendar) for seconds in range(first, last + 1, every_ms // 1000)]
        time = parse_time(item)
        ms = time.ms if isinstance(time, After) else calendar.ms(time)
    except UnitError as error:
        raise refusal("--starts", "not a start", found=f"`{error.found}`", expected=_EXPECTED_STARTS, suggestion=error.suggestion) from None
    except ClockError as error:
        raise refusal("--starts", str(error), found=f"`{item}`", expected=error.expected) from None
    if ms < 0:
        raise refusal("--starts", "before the start of the run", found=f"`{item}`")
    return [ms]


def _occurrence(seconds: int, calendar: Calendar) -> int:
    """When clocks first show a time of day at or after the start, in ms; what a night of changed clocks leaves out comes a day later."""
    day: date = calendar.first_day
    while True:
        for instant in occurrences(datetime(day.year, day.month, day.day) + timedelta(seconds=seconds), calendar.tz):
            if instant >= calendar.start_s:
                return (instant - calendar.start_s) * 1000
        day += timedelta(days=1)


def _durations(item: str) -> list[int]:
    try:
        if match := _RANGE.fullmatch(item):
            first, last = (parse_duration_ms(text.strip()) for text in match.groups()[:2])
            every = _step_ms("--durations", match[3], item)
            found = list(range(first, last + 1, every)) if (last - first) // every < MOST_VALUES else []
        else:
            found = [parse_duration_ms(item)]
    except UnitError as error:
        raise refusal(
            "--durations", "not a duration", found=f"`{error.found}`", expected=_EXPECTED_DURATIONS, suggestion=error.suggestion
        ) from None
    if not found or not 0 < min(found) <= max(found) <= MOST_DURATION_MS:
        expected = f"{_EXPECTED_DURATIONS}, above zero and at most {format_duration_ms(MOST_DURATION_MS)}"
        raise refusal("--durations", "not a duration", found=f"`{item}`", expected=expected)
    return found


def _step_ms(option: str, text: str, item: str) -> int:
    step_ms = parse_duration_ms(text.strip())
    if step_ms < 1000:
        raise refusal(option, "the steps of the range are too short", found=f"`{item}`", expected="at least a second")
    return step_ms
