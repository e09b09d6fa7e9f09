"""Drivers: draws from quantiles, sessions that do not overlap, and what they do when the car does not charge."""

from __future__ import annotations

import itertools

import pytest
from example_run import HOUR, MINUTE
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.values import DriverModel, Intervention, Quantiles, Session
from harness.world.chance import actor_key
from harness.world.driver import POWER_CYCLE_MS, DrawnSessions, Driver, from_quantiles
from harness.world.link import NEVER

DAY = 24 * HOUR
COMMUTER = DriverModel(
    name="commuter", title="A commuter",
    arrival_min=Quantiles(p10=735, p25=1005, p50=1110, p75=1245, p90=1350),
    stay_min=Quantiles(p10=90, p25=252, p50=660, p75=876, p90=1218),
    energy_wh=Quantiles(p10=3_300, p25=8_200, p50=19_400, p75=35_800, p90=51_400),
    no_trip_weekday_permille=350, no_trip_weekend_permille=510,
)  # fmt: skip
HELPLESS = replace(
    COMMUTER,
    intervention=Intervention(
        share_permille=1000, after_ms=20 * MINUTE, tries=("override", "power-cycle", "give-up"), patience_ms=5 * MINUTE
    ),
)
STAY = Session(plug_in_ms=HOUR, leave_ms=10 * HOUR, needs_wh=10_000)
LAST_BITS = 2**64 - 1

bits = st.integers(0, LAST_BITS)
quantiles = st.lists(st.integers(0, 10**6), min_size=5, max_size=5).map(
    lambda values: Quantiles(**dict(zip(("p10", "p25", "p50", "p75", "p90"), sorted(values), strict=True)))
)


def days(count: int, first_weekday: int = 0) -> list[tuple[int, int, int]]:
    return [(number * DAY - 17 * HOUR, DAY, (first_weekday + number) % 7) for number in range(count)]


@given(quantiles, bits)
def test_a_drawn_value_lies_between_the_10th_and_the_90th_percentile(quantiles, one):
    assert quantiles.p10 <= from_quantiles(quantiles, one) <= quantiles.p90


@given(quantiles, bits, bits)
def test_more_bits_never_give_less(quantiles, one, other):
    low, high = sorted((one, other))
    assert from_quantiles(quantiles, low) <= from_quantiles(quantiles, high)


@pytest.mark.parametrize(("eighths", "value"), [(0, 3_300), (4, 19_400), (2, 10_440), (5, 25_960)])
def test_percentiles_are_met_and_what_lies_between_is_interpolated(eighths, value):
    """The 10th to the 90th percentile are 800 permille: an eighth of the bits is a tenth of all drivers."""
    assert from_quantiles(COMMUTER.energy_wh, eighths * 2**61) == pytest.approx(value, abs=1)


def test_the_tails_are_cut_off():
    assert from_quantiles(COMMUTER.energy_wh, LAST_BITS) == pytest.approx(51_400, abs=1)


@given(st.integers(0, 2**64 - 1), st.integers(0, 6))
def test_drawn_stays_follow_one_another_and_begin_in_the_run(key, first_weekday):
    sessions = list(DrawnSessions(COMMUTER, days(28, first_weekday), key))
    assert all(session.plug_in_ms >= 0 and session.leave_ms > session.plug_in_ms for session in sessions)
    assert all(before.leave_ms < after.plug_in_ms for before, after in itertools.pairwise(sessions))
    arrivals = [(session.plug_in_ms + 17 * HOUR) % DAY // MINUTE for session in sessions]
    assert all(735 <= minute <= 1350 for minute in arrivals)


def test_a_share_of_the_days_sees_no_trip():
    """Nobody stays overnight here, so that only the trips count."""
    short = replace(COMMUTER, stay_min=Quantiles(p10=10, p25=10, p50=10, p75=10, p90=10))
    weekdays = weekend = 0
    for number in range(100):
        for session in DrawnSessions(short, days(71)[1:], actor_key(1, f"homes-{number}")):
            day = (session.plug_in_ms + 17 * HOUR) // DAY % 7
            weekend += day >= 5
            weekdays += day < 5
    assert weekdays == pytest.approx(0.65 * 100 * 50, rel=0.05)
    assert weekend == pytest.approx(0.49 * 100 * 20, rel=0.05)


def wakes(driver: Driver, until: int, *, draws: bool = False, full: bool = False) -> list[tuple[int, str]]:
    """What the driver does at each deadline up to ``until``; what is overdue is done at once."""
    deeds = []
    now = 0
    while driver.deadline <= until:
        now = max(now, driver.deadline)
        deed = driver.wake(now, draws=draws, full=full)
        if deed is not None:
            deeds.append((now, deed[0]))
    return deeds


def test_a_driver_of_the_story_has_exactly_the_pinned_sessions():
    second = replace(STAY, plug_in_ms=12 * HOUR, leave_ms=13 * HOUR)
    driver = Driver(iter([STAY, second]), None, 1)
    assert wakes(driver, DAY) == [(HOUR, "plug-in"), (10 * HOUR, "unplug"), (12 * HOUR, "plug-in"), (13 * HOUR, "unplug")]
    assert driver.deadline == NEVER


def test_a_driver_whose_car_charges_does_nothing_more():
    for seen in ({"draws": True}, {"full": True}):
        assert wakes(Driver(iter([STAY]), HELPLESS, 1), DAY, **seen) == [(HOUR, "plug-in"), (10 * HOUR, "unplug")]


def test_a_driver_whose_car_does_not_charge_tries_one_thing_after_the_other():
    driver = Driver(iter([STAY]), HELPLESS, 1)
    looks = HOUR + 20 * MINUTE
    assert wakes(driver, DAY) == [
        (HOUR, "plug-in"), (looks, "override"), (looks + 5 * MINUTE, "power-cycle"), (looks + 5 * MINUTE + POWER_CYCLE_MS, "power-back"),
        (looks + 10 * MINUTE, "unplug"),
    ]  # fmt: skip


def test_a_driver_whom_the_override_helped_is_content():
    driver = Driver(iter([STAY]), HELPLESS, 1)
    looks = HOUR + 20 * MINUTE
    assert wakes(driver, looks) == [(HOUR, "plug-in"), (looks, "override")]
    assert wakes(driver, DAY, draws=True) == [(10 * HOUR, "unplug")]


def test_only_a_share_of_drivers_looks():
    half = replace(HELPLESS, intervention=replace(HELPLESS.intervention, share_permille=500))
    looked = sum(
        any(deed == "override" for _, deed in wakes(Driver(iter([STAY]), half, actor_key(1, f"homes-{number}")), DAY))
        for number in range(1000)
    )
    assert 420 < looked < 580


def test_a_session_of_the_plan_takes_the_place_of_the_drivers_own():
    driver = Driver(iter([STAY]), None, 1)
    driver.joins(Session(plug_in_ms=0, leave_ms=2 * HOUR, needs_wh=1_000))
    assert wakes(driver, DAY) == [(2 * HOUR, "unplug"), (2 * HOUR, "plug-in"), (10 * HOUR, "unplug")]


def test_a_session_that_would_be_over_already_does_not_take_place():
    driver = Driver(iter([STAY]), None, 1)
    driver.joins(Session(plug_in_ms=0, leave_ms=11 * HOUR, needs_wh=1_000))
    assert wakes(driver, DAY) == [(11 * HOUR, "unplug")]


def test_the_plan_can_end_a_stay():
    driver = Driver(iter([STAY]), HELPLESS, 1)
    wakes(driver, HOUR)
    driver.leaves()
    assert (driver.connected, driver.deadline) == (None, NEVER)
