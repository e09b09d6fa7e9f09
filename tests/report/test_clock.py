"""Times as the clocks of a place show them, on the nights when those are changed, too."""

from __future__ import annotations

import json
import re
from datetime import datetime

import msgspec
import pytest
from example_run import HOUR, MINUTE, SCENARIO

from harness.report.clock import Clock
from harness.report.html.gather import Gatherer
from harness.report.html.timeline import Timeline
from harness.scenario.calendar import Calendar
from harness.zones import zone

DAY = 24 * HOUR


def at(start: str, place: str, days: float):
    """A scenario of so many days that begins there and then."""
    begins = datetime.fromisoformat(start).replace(tzinfo=zone(place))
    lasts_ms = int(days * DAY)
    return msgspec.structs.replace(
        SCENARIO, start=begins.isoformat(), zone=place, duration_ms=lasts_ms,
        local_days=Calendar(zone(place), int(begins.timestamp())).local_days(lasts_ms),
    )  # fmt: skip


def timeline(scenario) -> Timeline:
    return Timeline(scenario, Gatherer(scenario), (), ())


def test_where_the_clocks_are_changed_twice_both_readings_have_their_zone():
    clock = Clock(at("2026-06-01 08:00", "America/Los_Angeles", 365))
    before = int(
        (datetime.fromisoformat("2026-11-01 01:10-07:00") - datetime.fromisoformat("2026-06-01 08:00-07:00")).total_seconds() * 1000
    )
    assert [clock.tell(before), clock.tell(before + HOUR)] == ["1 Nov 01:10:00 PDT", "1 Nov 01:10:00 PST"]
    assert clock.brief(before) == "1 Nov 01:10 PDT"


def test_where_they_are_not_no_zone_is_told():
    assert Clock(at("2026-06-01 08:00", "America/Los_Angeles", 90)).tell(0) == "1 Jun 08:00:00"
    assert Clock(at("2026-06-01 08:00", "Asia/Tokyo", 400)).tell(0) == "1 Jun 08:00:00"


@pytest.mark.parametrize(("days", "told", "dated"), [(6, "Thu 17:00:00", False), (6.01, "12 Mar 17:00:00", True)])
def test_a_weekday_names_a_day_only_where_no_other_has_it_on_the_page_too(days, told, dated):
    scenario = at("2026-03-12 17:00", "Asia/Tokyo", days)
    assert Clock(scenario).tell(0) == told
    shown = timeline(scenario)
    shown.section([], {})
    assert json.loads(re.search(">(.*)<", shown.data())[1])["dated"] is dated


def test_the_page_tells_the_zone_where_the_clocks_are_changed():
    shown = timeline(at("2026-10-31 17:00", "America/Los_Angeles", 1))
    shown.section([], {})
    assert json.loads(re.search(">(.*)<", shown.data())[1])["offsets"] == [[0, -7 * 3600, " PDT"], [9 * 3600, -8 * 3600, " PST"]]


@pytest.mark.parametrize(
    ("start", "place", "every_ms", "told"),
    [
        ("2026-03-07 23:00", "America/Los_Angeles", 3 * HOUR, ["00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"]),
        ("2026-03-07 23:00", "America/Los_Angeles", 6 * HOUR, ["00:00", "06:00", "12:00", "18:00"]),
        ("2026-11-01 00:00", "America/Los_Angeles", 6 * HOUR, ["00:00", "06:00", "12:00", "18:00"]),
        ("2026-10-03 22:30", "Australia/Lord_Howe", 6 * HOUR, ["00:00", "06:00", "12:00", "18:00"]),
        ("2026-03-12 05:00", "Asia/Tokyo", 6 * HOUR, ["06:00", "12:00", "18:00", "00:00"]),
    ],
)  # fmt: skip
def test_an_axis_has_round_times_of_day_on_each_day(start, place, every_ms, told):
    shown = timeline(at(start, place, 1))
    moments = shown._moments(every_ms)
    assert moments == sorted(set(moments))
    assert [re.search(r"\d\d:\d\d", shown.clock.brief(t))[0] for t in moments] == told


@pytest.mark.parametrize(
    ("start", "hours"), [("2026-03-08 00:00", [0, 1, 3, 4]), ("2026-11-01 00:00", [0, 1, 1, 2, 3])],
)  # fmt: skip
def test_an_hour_that_never_comes_has_no_place_and_one_that_comes_twice_has_two(start, hours):
    shown = timeline(at(start, "America/Los_Angeles", 1))
    found = [t for t in shown._moments(30 * MINUTE) if t % HOUR == 0][: len(hours)]
    assert [shown.clock.wall_ms(t) // HOUR for t in found] == hours
    assert [found[place + 1] - found[place] for place in range(len(found) - 1)] == [HOUR] * (len(found) - 1)
