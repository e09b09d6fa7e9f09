"""Comparing a live run with the simulated one: states and reasons in their order, times apart, verdicts, and what is too close to tell."""

from __future__ import annotations

import pytest

from harness.check.result import CheckResult, Margin
from harness.journal.records import Current, Loss, Recovery
from harness.report.comparison import Parity, compare


def current(t: int, state: str, reason: str, *, ma: int = 0, who: str = "anna") -> Current:
    return Current(t=t, who=who, ma=ma, state=state, reason=reason, wh=0)  # type: ignore[arg-type]


SIMULATED = [
    current(0, "Preparing", "starting"),
    current(5_000, "Charging", "vehicle", ma=27_500),
    current(90_000, "SuspendedEV", "vehicle-full"),
]


def check(verdict: str, worst: float | None = None, *, unit: str = "s") -> CheckResult:
    margin = None if worst is None else Margin(worst=worst, bound=60, unit=unit)
    return CheckResult(name="c", says="", verdict=verdict, met=1, failed=0, cancelled=0, pending=0, margin=margin)  # type: ignore[arg-type]


def compared(live: list[Current], one: CheckResult | None = None, other: CheckResult | None = None) -> Parity:
    checks = ({"c": one}, {"c": other}) if one and other else ({}, {})
    return compare(["anna", "ben"], live, SIMULATED, *checks)


def late(ms: int) -> list[Current]:
    return [current(record.t + ms, record.state, record.reason, ma=record.ma) for record in SIMULATED]


def test_the_same_states_for_the_same_reasons_agree_however_late():
    parity = compared(late(300))
    assert parity.holds
    assert (parity.chargers, parity.differences) == (2, [])
    assert {state: (lag.count, lag.p50_ms, lag.max_ms) for state, lag in parity.lags.items()} == {
        "all": (3, 300, 300), "Charging": (1, 300, 300), "Preparing": (1, 300, 300), "SuspendedEV": (1, 300, 300),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("live", "holds"),
    [
        ([Loss(t=1_100, who="ben", cause="server.crash"), Recovery(t=9_000, who="ben", since=1_100)], True),
        ([Loss(t=1_000, who="ben", cause="server.crash")], False),
        ([Loss(t=1_000, who="ben", cause="link"), Recovery(t=9_000, who="ben", since=1_000)], False),
        ([Loss(t=1_000, who="ben", cause="server.crash"), Recovery(t=9_000, who="ben", since=1_000, blip=True)], False),
        ([], False),
    ],
)
def test_outages_and_their_causes_must_be_the_same(live, holds):
    simulated = [Loss(t=1_000, who="ben", cause="server.crash"), Recovery(t=9_500, who="ben", since=1_000)]
    parity = compare(["anna", "ben"], live, simulated, {}, {})
    assert parity.holds is holds
    if holds:
        assert (parity.lags["server lost"].max_ms, parity.lags["server back"].max_ms) == (100, 500)


def test_how_far_apart_is_told_as_quantiles():
    live = [current(record.t + ms, record.state, record.reason) for record, ms in zip(SIMULATED, (10, -20, 900), strict=True)]
    lag = compared(live).lags["all"]
    assert (lag.count, lag.p50_ms, lag.p95_ms, lag.max_ms) == (3, 20, 20, 900)


def test_another_current_in_the_same_state_is_no_difference():
    more = [*late(0), current(95_000, "SuspendedEV", "vehicle-full", ma=1)]
    assert compared(more).holds


@pytest.mark.parametrize(
    ("live", "at_ms", "simulated", "lived"),
    [
        (SIMULATED[:2], 90_000, "SuspendedEV (vehicle-full)", "nothing more"),
        ([*SIMULATED, current(99_000, "Available", "no-car")], 99_000, "nothing more", "Available (no-car)"),
        ([SIMULATED[0], current(4_000, "SuspendedEVSE", "tou-hold")], 4_000, "Charging (vehicle)", "SuspendedEVSE (tou-hold)"),
        ([SIMULATED[0], current(5_000, "Charging", "amperage"), SIMULATED[2]], 5_000, "Charging (vehicle)", "Charging (amperage)"),
    ],
)
def test_the_first_difference_is_told_with_its_charger(live, at_ms, simulated, lived):
    parity = compared(live)
    assert not parity.holds
    (difference,) = parity.differences
    assert (difference.charger, difference.at_ms, difference.simulated, difference.live) == ("anna", at_ms, simulated, lived)


@pytest.mark.parametrize(
    ("one", "other", "agrees"),
    [
        (check("pass"), check("pass"), "yes"),
        (check("fail"), check("fail"), "yes"),
        (check("pass"), check("fail"), "no"),
        (check("pass"), check("unknown"), "no"),
        (check("pass", 59.8), check("fail"), "too close to tell"),
        (check("fail"), check("pass", 59.8), "too close to tell"),
        (check("pass", 59.5), check("fail"), "no"),
        (check("unknown"), check("pass", 59.8), "no"),
        (check("pass", 59.8, unit="A"), check("fail"), "no"),
    ],
)
def test_verdicts_that_differ_within_what_was_measured_are_too_close_to_tell(one, other, agrees):
    parity = compared(late(300), one, other)
    assert [each.agrees for each in parity.checks] == [agrees]
    assert parity.holds is (agrees != "no")
