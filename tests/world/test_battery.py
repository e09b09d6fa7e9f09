"""The battery: the closed form against a numerical integration in fine steps."""

from __future__ import annotations

import math

import pytest
from built import LEAF, MAINS
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.values import Supply
from harness.world.battery import UJ_PER_WH, Battery, CarType, exp_negative, ln

LEAF_240V = CarType(LEAF, MAINS, 1)
STEP_MS = 10_000

limits_ma = st.integers(6_000, 40_000)
needs_wh = st.integers(1, 37_600)


def charge_for(battery: Battery, limit_ma: int, elapsed_ms: int) -> int:
    """Charge for so long, as a charger does it: from one change to the next. Returns the energy taken in µJ."""
    before = battery.missing_uj
    while elapsed_ms and not battery.full:
        _, _, lasts_ms = battery.charge(limit_ma)
        step_ms = min(lasts_ms, elapsed_ms)
        battery.missing_uj -= battery.taken_uj(step_ms)
        elapsed_ms -= step_ms
    return before - battery.missing_uj


def integrated_uj(kind: CarType, missing_uj: float, limit_ma: int, elapsed_ms: int) -> float:
    """The same by the midpoint rule in steps of ten seconds."""

    def power_mw(missing: float) -> float:
        return min(limit_ma * kind.volt_phases, kind.maximum_mw * min(1.0, missing / kind.taper_uj))

    begins = missing_uj
    left_ms = elapsed_ms
    while left_ms and missing_uj > kind.full_uj:
        step_ms = min(STEP_MS, left_ms)
        middle = missing_uj - power_mw(missing_uj) * step_ms / 2
        missing_uj -= power_mw(middle) * step_ms
        left_ms -= step_ms
    return begins - max(missing_uj, kind.full_uj)


@given(needs=needs_wh, limit_ma=limits_ma, minutes=st.integers(1, 12 * 60))
def test_the_closed_form_agrees_with_an_integration_in_fine_steps(needs, limit_ma, minutes):
    battery = Battery(LEAF_240V, needs)
    expected = integrated_uj(LEAF_240V, battery.missing_uj, limit_ma, minutes * 60_000)
    assert charge_for(battery, limit_ma, minutes * 60_000) == pytest.approx(expected, abs=0.1 * UJ_PER_WH)


@given(needs=needs_wh, limit_ma=limits_ma, first_ms=st.integers(1, 10**8), then_ms=st.integers(1, 10**8))
def test_looking_in_between_changes_nothing_but_the_rounding(needs, limit_ma, first_ms, then_ms):
    at_once, in_two = Battery(LEAF_240V, needs), Battery(LEAF_240V, needs)
    whole = charge_for(at_once, limit_ma, first_ms + then_ms)
    assert charge_for(in_two, limit_ma, first_ms) + charge_for(in_two, limit_ma, then_ms) == pytest.approx(whole, abs=1_000)


@given(needs=needs_wh, limit_ma=limits_ma, elapsed_ms=st.integers(0, 10**11))
def test_no_more_is_taken_than_there_is_room_for(needs, limit_ma, elapsed_ms):
    battery = Battery(LEAF_240V, needs)
    room_uj = battery.missing_uj - LEAF_240V.full_uj
    battery.charge(limit_ma)
    assert 0 <= battery.taken_uj(elapsed_ms) <= room_uj
    assert charge_for(battery, limit_ma, elapsed_ms) <= room_uj


@given(needs=needs_wh, limit_ma=limits_ma)
def test_charge_says_for_how_long_it_goes_on_so(needs, limit_ma):
    """Constant up to the taper's beginning and not a millisecond beyond; the taper up to full."""
    battery = Battery(LEAF_240V, needs)
    ma, tapers, lasts_ms = battery.charge(limit_ma)
    assert lasts_ms > 0
    if not tapers:
        bend_uj = max(LEAF_240V.full_uj, LEAF_240V.taper_uj * ma // LEAF_240V.maximum_ma)
        assert battery.missing_uj - battery.taken_uj(lasts_ms) <= bend_uj
        assert battery.missing_uj - battery.taken_uj(lasts_ms - 1) > bend_uj
        return
    room_uj = battery.missing_uj - LEAF_240V.full_uj
    assert battery.taken_uj(lasts_ms) == room_uj
    assert lasts_ms < 3 or battery.taken_uj(lasts_ms - 2) < room_uj


@given(needs=needs_wh, limit_ma=limits_ma)
def test_the_current_stays_within_the_limit_and_what_the_car_takes(needs, limit_ma):
    ma, _, _ = Battery(LEAF_240V, needs).charge(limit_ma)
    assert 0 < ma <= min(limit_ma, LEAF_240V.maximum_ma)


def test_a_leaf_at_240_v_takes_27_and_a_half_amperes():
    assert LEAF_240V.maximum_ma == 27_500
    assert Battery(LEAF_240V, 18_000).charge(40_000)[:2] == (27_500, False)


def test_a_full_charge_of_a_low_battery_takes_as_long_as_reckoned_by_hand():
    """20 kWh to the taper's end: at 6.6 kW down to 20 % missing, then ln(0.2 / 0.01) time constants of 7.6 kWh at 6.6 kW."""
    kind = CarType(replace(LEAF, minimum_ma=1), MAINS, 1)
    battery = Battery(kind, 20_000)
    _, tapers, constant_ms = battery.charge(40_000)
    battery.missing_uj -= battery.taken_uj(constant_ms)
    _, tapers_then, taper_ms = battery.charge(40_000)
    battery.missing_uj -= battery.taken_uj(taper_ms)
    assert (tapers, tapers_then, battery.full) == (False, True, True)
    assert constant_ms == pytest.approx((20_000 + 380 - 7_600) / 6_600 * 3_600_000, abs=2)
    assert taper_ms == pytest.approx(math.log(20) * 7_600 / 6_600 * 3_600_000, abs=2)


def test_full_is_where_the_taper_falls_under_the_least_current_or_at_99_percent():
    early = CarType(replace(LEAF, minimum_ma=11_000), MAINS, 1)
    assert early.full_uj == early.taper_uj * 11_000 // 27_500
    late = CarType(replace(LEAF, minimum_ma=100), MAINS, 1)
    assert late.full_uj == 380 * UJ_PER_WH


def test_needs_beyond_an_empty_battery_are_cut_to_what_fits():
    assert Battery(LEAF_240V, 100_000).missing_uj == LEAF_240V.capacity_uj
    assert Battery(LEAF_240V, 0).full


@pytest.mark.parametrize(
    ("car_phases", "building", "box", "phases", "maximum_ma"),
    [(3, 3, 3, 3, 15_942), (3, 1, 3, 1, 15_942), (3, 3, 1, 1, 15_942), (1, 3, 3, 1, 47_826)],
)
def test_the_least_of_car_building_and_box_sets_the_phases(car_phases, building, box, phases, maximum_ma):
    kind = CarType(replace(LEAF, ac_w=11_000, phases=car_phases), Supply(voltage_v=230, phases=building), box)
    assert (kind.phases, kind.maximum_ma, kind.volt_phases) == (phases, maximum_ma, 230 * phases)


@given(st.floats(0, 700))
def test_exp_negative_agrees_with_the_library(x):
    assert abs(exp_negative(x) - math.exp(-x)) <= 1e-14


@given(st.floats(0, 5))
def test_exp_negative_keeps_its_digits_where_tapers_are(x):
    assert exp_negative(x) == pytest.approx(math.exp(-x), rel=1e-14, abs=0)


@given(st.floats(1e-6, 1e9))
def test_ln_agrees_with_the_library(x):
    assert ln(x) == pytest.approx(math.log(x), rel=1e-14, abs=1e-14)


@given(needs_wh, limits_ma, st.integers(1, 40_000_000_000_000))
def test_so_much_energy_takes_so_long(wh, limit_ma, energy_uj):
    battery = Battery(LEAF_240V, wh)
    _, _, lasts_ms = battery.charge(limit_ma)
    takes_ms = battery.takes_ms(energy_uj, lasts_ms)
    assert battery.taken_uj(takes_ms - 1) < energy_uj
    assert battery.taken_uj(takes_ms) >= energy_uj or takes_ms == lasts_ms
