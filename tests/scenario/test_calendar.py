"""Local time: first occurrences, gaps and folds, local days, and zones that are not the machine's."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.calendar import Calendar, ClockError, occurrences, resolve, utc_seconds
from harness.units import WallTime, parse_wall_time
from harness.zones import zone, zone_names

LOS_ANGELES = "America/Los_Angeles"
ZONES = (LOS_ANGELES, "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu", "UTC")
HOUR = 3_600_000


def calendar(start, name=LOS_ANGELES):
    wall = parse_wall_time(start)
    return Calendar(zone(name), resolve(wall.on, wall, zone(name)))


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("17:00", 0),
        ("18:00", 1),
        ("16:00", 23),
        ("day 1 20:00", 3),
        ("day 2 07:00", 14),
        ("2026-03-14 17:00", 48),
        ("day 1 16:00", -1),
    ],
)
def test_clock_times_count_from_the_start(text, hours):
    assert calendar("2026-03-12 17:00").ms(parse_wall_time(text)) == hours * HOUR


def test_the_first_occurrence_after_a_moment():
    evening = calendar("2026-03-12 17:00")
    assert evening.ms(parse_wall_time("18:10"), earliest_ms=2 * HOUR) == 24 * HOUR + 70 * 60_000
    assert evening.ms(parse_wall_time("18:00"), earliest_ms=HOUR) == HOUR
    assert evening.ms(parse_wall_time("18:00"), earliest_ms=HOUR, strictly=True) == 25 * HOUR


def test_a_time_in_the_gap_needs_its_offset():
    night = calendar("2026-03-07 17:00")
    with pytest.raises(ClockError, match="2026-03-08 02:30 does not exist in America/Los_Angeles"):
        night.ms(parse_wall_time("02:30"))
    assert night.ms(parse_wall_time("02:30 -08:00")) == night.ms(parse_wall_time("03:30"))
    assert night.ms(parse_wall_time("03:00")) == 9 * HOUR


def test_a_time_that_occurs_twice_needs_its_offset():
    night = calendar("2026-10-31 17:00")
    with pytest.raises(ClockError, match="2026-11-01 01:30 occurs twice") as caught:
        night.ms(parse_wall_time("01:30"))
    assert caught.value.expected == "`01:30 -07:00` or `01:30 -08:00`, with its offset"
    assert night.ms(parse_wall_time("01:30 -08:00")) - night.ms(parse_wall_time("01:30 -07:00")) == HOUR
    assert night.ms(parse_wall_time("02:00")) == 10 * HOUR


def test_an_offset_that_never_applies_is_refused():
    with pytest.raises(ClockError, match=r"the offset \+01:00 does not apply"):
        calendar("2026-03-12 17:00").ms(parse_wall_time("18:00 +01:00"))


def test_local_days_over_both_nights():
    assert calendar("2026-03-07 17:00").local_days(48 * HOUR) == (
        (-17 * HOUR, 24 * HOUR, 5), (7 * HOUR, 23 * HOUR, 6), (30 * HOUR, 24 * HOUR, 0),
    )  # fmt: skip
    assert [length for _, length, _ in calendar("2026-10-31 17:00").local_days(48 * HOUR)] == [24 * HOUR, 25 * HOUR, 24 * HOUR]


def test_a_day_that_the_run_only_reaches_is_not_touched():
    assert len(calendar("2026-03-12 00:00").local_days(24 * HOUR)) == 1


def test_a_day_that_begins_after_a_gap_at_midnight():
    havana = calendar("2026-03-07 12:00", "America/Havana")  # clocks go from 00:00 to 01:00 on the 8th
    days = havana.local_days(48 * HOUR)
    assert [length for _, length, _ in days] == [24 * HOUR, 23 * HOUR, 24 * HOUR]
    assert datetime.fromtimestamp(havana.start_s + days[1][0] // 1000, havana.tz).strftime("%d %H:%M") == "08 01:00"


def test_zones_are_those_of_the_package(monkeypatch):
    zone.cache_clear()
    monkeypatch.setattr("zoneinfo.TZPATH", ())
    assert zone("Europe/Berlin").key == "Europe/Berlin"
    assert LOS_ANGELES in zone_names()
    for wrong in ("Europe/Berlim", "../../etc/passwd", "/etc/localtime", "", "Europe", "zone.tab"):
        with pytest.raises(KeyError):
            zone(wrong)


@given(st.sampled_from(ZONES), st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)))
def test_occurrences_show_that_time_and_no_other_does(name, local):
    local = local.replace(microsecond=0)
    tz = zone(name)
    found = occurrences(local, tz)
    around = utc_seconds(local.replace(tzinfo=UTC))
    # Every offset in use is a multiple of 15 minutes, so these are all the instants that could show this time.
    candidates = [around + quarter * 900 for quarter in range(-60, 61)]
    assert found == [s for s in candidates if datetime.fromtimestamp(s, tz).replace(tzinfo=None) == local]


@given(st.sampled_from(ZONES), st.dates(date(2025, 1, 2), date(2027, 12, 30)), st.integers(1, 90))
def test_local_days_tile_the_run(name, first, days):
    tz = zone(name)
    start = utc_seconds(datetime(first.year, first.month, first.day, 12, tzinfo=tz).astimezone(UTC))
    tiles = Calendar(tz, start).local_days(days * 24 * HOUR)
    assert tiles[0][0] <= 0 < tiles[0][0] + tiles[0][1]
    assert tiles[-1][0] < days * 24 * HOUR <= tiles[-1][0] + tiles[-1][1]
    for place, ((begin, length, weekday), (after, _, _)) in enumerate(pairwise(tiles)):
        assert begin + length == after
        assert weekday == (first + timedelta(days=place)).weekday()


@given(st.sampled_from(ZONES), st.integers(0, 86_399), st.integers(0, 5 * 24 * HOUR))
def test_the_first_occurrence_is_the_first(name, second, earliest_ms):
    here = Calendar(zone(name), utc_seconds(datetime(2026, 6, 10, 9, tzinfo=UTC)))  # no clocks change in June
    found = here.ms(WallTime(second), earliest_ms=earliest_ms)
    assert earliest_ms <= found < earliest_ms + 24 * HOUR
    shown = datetime.fromtimestamp(here.start_s + found / 1000, here.tz)
    assert shown.hour * 3600 + shown.minute * 60 + shown.second == second
