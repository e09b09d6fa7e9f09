"""Tariffs: rules from files, and their layout over local days, checked instant by instant against the wall clock."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import shipped
from harness.scenario.calendar import Calendar, utc_seconds
from harness.scenario.models import Library
from harness.scenario.nodes import Node, read_text
from harness.scenario.problems import Problems
from harness.scenario.tariff import lay_out
from harness.values import hold_windows
from harness.zones import zone

HOUR = 3_600_000
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


def rules(text):
    problems = Problems()
    found = Library(problems).value("tariff", read_text(text, "t"), "t")
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


ALL = {**{name: shipped_rules(name) for name in shipped.model_names("tariff")}, "weekdays": rules(WEEKDAYS)}


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
