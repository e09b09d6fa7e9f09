"""Tariffs: rules from files, and their layout over local days, checked instant by instant against the wall clock."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harness import shipped
from harness.scenario.calendar import Calendar, utc_seconds
from harness.scenario.models import Library
from harness.scenario.nodes import Node, read_text
from harness.scenario.problems import Problems
from harness.scenario.tariff import lay_out
from harness.values import hold_windows, timetable
from harness.zones import zone

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

WEEKDAYS = """\
title: Weekdays differ, the night passes midnight
currency: EUR
levels: [high, middle, low]
seasons: {warm: {from: 04-01, to: 09-30}, cold: {from: 10-01, to: 03-31}}
windows:
  - {level: low, hours: 23:30-05:30}
  - {level: high, hours: [07:00-11:00, 17:00-21:00], days: weekdays}
  - {level: high, hours: 17:00-18:00, days: weekends, seasons: cold}
otherwise: middle
prices: {warm: {high: 40 c, middle: 30 c, low: 0.08 EUR}, cold: {high: 50 c, middle: 30 c, low: 8 c}}
holidays: [2026-12-25]
"""


TEMPO = """\
extends: edf-tempo
days: {red: [2026-02-12, 2026-02-13, 2026-03-29, 2026-10-25], white: [2026-02-14, 2026-03-28, 2026-10-24]}
"""


def rules(text):
    library = Library(problems := Problems())
    tree = library.tree("tariff", read_text(text, "t"))
    found = library.value("tariff", tree, "t")
    assert found is not None, [str(problem) for problem in problems.found]
    return found


def shipped_rules(name):
    library = Library(Problems())
    tree = library.tree("tariff", Node("scalar", "t", 1, 1, text=name))
    return library.value("tariff", tree, name)


def starting(*local, zone_name="America/Los_Angeles"):
    tz = zone(zone_name)
    return Calendar(tz, utc_seconds(datetime(*local, tzinfo=tz).astimezone(UTC)))


def level_at(tariff, ms):
    return [period for period in tariff.periods if period.start_ms <= ms][-1]


def naive(found, calendar, ms):
    """The level of an instant by what a clock on the wall shows then."""
    local = datetime.fromtimestamp(calendar.start_s + ms // 1000, calendar.tz)
    season, spans = found.levels_on(local.date())
    second = local.hour * 3600 + local.minute * 60 + local.second
    level = [level for begin, level in spans if begin <= second][-1]
    return level, found.microprices[season, level]


ALL = {**{name: shipped_rules(name) for name in shipped.model_names("tariff")}, "weekdays": rules(WEEKDAYS), "tempo": rules(TEMPO)}


@settings(deadline=None)
@given(
    st.sampled_from(sorted(ALL)),
    st.sampled_from(["America/Los_Angeles", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    st.integers(1, 10),
    st.data(),
)
def test_each_instant_has_the_level_of_its_wall_clock(name, zone_name, start, days, data):
    calendar = Calendar(zone(zone_name), utc_seconds(start.replace(tzinfo=UTC)))
    tariff = lay_out(ALL[name], calendar, days * DAY)
    for ms in data.draw(st.lists(st.integers(-2 * DAY, (days + 2) * DAY - 1000), min_size=1, max_size=20)):
        period = level_at(tariff, ms)
        assert (period.level, period.microprice) == naive(ALL[name], calendar, ms)


colours = st.sampled_from(["blue", "white", "red"])


@settings(deadline=None)
@given(
    st.sampled_from(["Europe/Paris", "Australia/Lord_Howe"]), st.sampled_from([(2026, 2, 10), (2026, 3, 27), (2026, 10, 23)]),
    st.lists(colours, min_size=9, max_size=9), st.sampled_from([0, 6, 22]), st.data(),
)  # fmt: skip
def test_each_minute_has_one_level_and_it_is_of_its_colour_days_colour(zone_name, first, drawn, begins, data):
    """From one beginning of a colour day to the next only levels of that colour, hp from 06:00 to 22:00 and hc otherwise."""
    days = {date(*first) + timedelta(days=place - 2): colour for place, colour in enumerate(drawn)}
    named = {colour: [str(day) for day, found in days.items() if found == colour] for colour in ("white", "red")}
    found = rules(f"{{extends: edf-tempo, colours: {{begins: '{begins:02d}:00'}}, days: {named}}}")
    calendar = starting(*first, zone_name=zone_name)
    tariff = lay_out(found, calendar, 4 * DAY)
    for minute in data.draw(st.lists(st.integers(-DAY // MINUTE, 5 * DAY // MINUTE), min_size=1, max_size=30)):
        local = datetime.fromtimestamp(calendar.start_s + minute * 60, calendar.tz)
        colour = days[local.date() - timedelta(days=local.hour < begins)]
        assert level_at(tariff, minute * MINUTE).level == f"{colour}-{'hp' if 6 <= local.hour < 22 else 'hc'}"


@settings(deadline=None)
@given(
    st.sampled_from(["Europe/Paris", "America/Los_Angeles"]), st.sampled_from([(2026, 2, 10), (2026, 3, 27), (2026, 10, 23)]),
    st.lists(colours, min_size=9, max_size=9), st.sets(st.sampled_from(ALL["tempo"].levels), min_size=1), st.integers(-DAY, 5 * DAY),
)  # fmt: skip
def test_at_any_time_known_are_the_colours_announced_by_then_and_all_other_days_are_blue(zone_name, first, drawn, charge_in, t_ms):
    days = {date(*first) + timedelta(days=place - 2): colour for place, colour in enumerate(drawn) if colour != "blue"}
    calendar = starting(*first, zone_name=zone_name)
    tempo = ALL["tempo"]

    def windows(dated, known_ms=None):
        laid_out = lay_out(replace(tempo, colours=replace(tempo.colours, dated=dated)), calendar, 4 * DAY)
        if known_ms is None:
            return hold_windows(laid_out, tuple(charge_in), 4 * DAY)
        return timetable(laid_out, tuple(charge_in), 4 * DAY).at(known_ms)

    def announced(day):
        eve = day - timedelta(days=1)
        return datetime(eve.year, eve.month, eve.day, 11, tzinfo=calendar.tz).timestamp() - calendar.start_s

    known = {day: colour for day, colour in days.items() if announced(day) * 1000 <= max(0, t_ms)}
    assert windows(days, t_ms) == windows(known)
    assert windows(days, 6 * DAY) == windows(days)


def test_what_was_announced_before_the_start_is_known_from_the_start():
    tempo = rules("{extends: edf-tempo, days: {red: [2026-02-12, 2026-02-13]}}")
    tariff = lay_out(tempo, starting(2026, 2, 11, 18, zone_name="Europe/Paris"), 2 * DAY)
    told = {(period.level, period.presumed, period.announced_ms / HOUR) for period in tariff.periods if period.level.startswith("red")}
    assert told == {("red-hp", "", 0), ("red-hc", "", 0), ("red-hp", "blue-hp", 17), ("red-hc", "blue-hc", 17)}


def test_days_whose_colour_changes_no_hold_are_no_news():
    tempo = rules("{extends: edf-tempo, days: {white: [2026-02-12, 2026-02-13]}}")
    tariff = lay_out(tempo, starting(2026, 2, 10, zone_name="Europe/Paris"), 4 * DAY)
    assert timetable(tariff, ("blue-hc", "white-hc", "red-hc"), 4 * DAY).announced_ms == ()
    assert timetable(tariff, ("blue-hc",), 4 * DAY).announced_ms == (35 * HOUR, 59 * HOUR)


@given(st.sampled_from(sorted(ALL)), st.integers(1, 20 * DAY))
@settings(deadline=None)
def test_periods_cover_the_run_and_two_days_around(name, duration_ms):
    tariff = lay_out(ALL[name], starting(2026, 3, 5), duration_ms)
    starts = [period.start_ms for period in tariff.periods]
    assert starts[0] == -2 * DAY
    assert starts == sorted(set(starts))
    assert starts[-1] > duration_ms


def test_a_tariff_of_one_level_still_ends_beyond_the_run():
    flat = rules("{title: Flat, currency: EUR, levels: [flat], windows: [], otherwise: flat, prices: {flat: 30 c}}")
    tariff = lay_out(flat, starting(2026, 3, 12), DAY)
    assert [period.start_ms for period in tariff.periods] == [-2 * DAY, 3 * DAY]
    assert hold_windows(tariff, ("flat",), DAY) == []


def test_ev2a_is_one_hold_from_three_to_midnight():
    tariff = lay_out(shipped_rules("pge-ev2-a"), starting(2026, 3, 12), DAY)
    assert (15 * HOUR, 24 * HOUR) in hold_windows(tariff, ("off-peak",), DAY)


def test_the_night_without_two_oclock():
    tariff = lay_out(shipped_rules("octopus-go"), starting(2026, 3, 28, 12, zone_name="Europe/London"), DAY)
    night = [period.start_ms for period in tariff.periods if 0 <= period.start_ms < DAY]
    assert night == [12 * HOUR + HOUR // 2, 16 * HOUR + HOUR // 2]  # 00:30 to 05:30, less the hour left out


def test_the_night_with_two_one_oclocks():
    tariff = lay_out(shipped_rules("octopus-go"), starting(2026, 10, 24, 12, zone_name="Europe/London"), DAY)
    night = [period.start_ms for period in tariff.periods if 0 <= period.start_ms < DAY]
    assert night == [12 * HOUR + HOUR // 2, 18 * HOUR + HOUR // 2]  # an hour more


def test_a_boundary_in_the_doubled_hour_comes_twice():
    text = WEEKDAYS.replace("23:30-05:30", "[00:00-01:30, 22:00-24:00]")
    tariff = lay_out(rules(text), starting(2026, 11, 1), DAY)
    assert [(p.start_ms / HOUR, p.level) for p in tariff.periods if 0 < p.start_ms <= 3 * HOUR] == [
        (1.5, "middle"), (2.0, "low"), (2.5, "middle"),
    ]  # fmt: skip


def test_seasons_weekends_and_holidays():
    found = rules(WEEKDAYS)
    christmas = lay_out(found, starting(2026, 12, 25), DAY)
    assert level_at(christmas, 8 * HOUR).level == "middle"
    assert level_at(christmas, 17 * HOUR).level == "high"
    assert level_at(christmas, 19 * HOUR).level == "middle"
    friday = lay_out(found, starting(2026, 9, 25), DAY)
    assert (level_at(friday, 8 * HOUR).level, level_at(friday, 8 * HOUR).microprice) == ("high", 400_000)
    assert level_at(friday, 32 * HOUR).level == "middle"


@pytest.mark.parametrize("name", shipped.model_names("tariff"))
def test_shipped_tariffs_are_whole(name):
    found = shipped_rules(name)
    assert len(found.seasons) == 366
    assert all(spans[0][0] == 0 for spans in found.days.values())
