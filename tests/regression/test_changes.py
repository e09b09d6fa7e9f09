"""What a change is called, whether it is worse, and the laws of comparing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites import ANY_FACTS, facts, judged

from harness.check.metrics import METRICS
from harness.regression.changes import KINDS, Tolerance, compare, differences, still
from harness.regression.facts import CheckFact, Facts, Figure, ResultError, read

PASS, FAIL, UNKNOWN = CheckFact("pass"), CheckFact("fail", 1), CheckFact("unknown")
WARN, KNOWN, PASSED = CheckFact("warn", 1), CheckFact("known failure", 1), CheckFact("known failure passed")


def only(before, after, tolerance=None):
    """The one change between two runs."""
    (change,) = differences(before, after, tolerance and (lambda _: tolerance))
    return change


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (PASS, FAIL, "new failure"), (UNKNOWN, FAIL, "new failure"), (KNOWN, FAIL, "new failure"), (WARN, FAIL, "new failure"),
        (None, FAIL, "new failure"), (PASS, WARN, "new failure"), (PASS, KNOWN, "new failure"),
        (FAIL, PASS, "fixed"), (KNOWN, PASS, "fixed"), (WARN, PASS, "fixed"),
        (PASS, UNKNOWN, "newly unknown"), (FAIL, UNKNOWN, "newly unknown"),
        (UNKNOWN, PASS, "newly known"),
        (PASS, None, "gone"), (FAIL, None, "gone"), (UNKNOWN, None, "gone"),
        (None, PASS, "added"), (None, UNKNOWN, "added"), (None, KNOWN, "added"),
        (KNOWN, PASSED, "known failure passes"), (PASS, PASSED, "known failure passes"), (None, PASSED, "new failure"),
        (FAIL, KNOWN, "tolerated now"), (FAIL, WARN, "tolerated now"),
        (FAIL, CheckFact("fail", 2), "fails more often"), (CheckFact("fail", 3), CheckFact("fail", 2), "fails less often"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("of", ["check", "limit"])
def test_what_became_of_a_check_or_a_limit(of, before, after, kind):
    was, now = ({"x": fact} if fact else {} for fact in (before, after))
    change = only(Facts(verdict="pass", **{f"{of}s": was}), Facts(verdict="pass", **{f"{of}s": now}))
    assert (change.of, change.name, change.kind) == (of, "x", kind)


@pytest.mark.parametrize("fact", [PASS, UNKNOWN, WARN, KNOWN])
def test_what_is_as_it_was_is_no_change(fact):
    same = Facts(verdict="pass", checks={"x": fact})
    assert list(differences(same, same)) == []
    assert list(still(same, same)) == []


@pytest.mark.parametrize("fact", [FAIL, PASSED])
def test_what_fails_as_it_did_is_told(fact):
    same = Facts(verdict="fail", checks={"x": fact})
    assert list(differences(same, same)) == []
    assert [(change.name, change.kind) for change in still(same, same)] == [("x", "still failing")]


def test_a_run_that_is_unknown_as_before_is_told():
    same = Facts(verdict="unknown")
    assert [(change.of, change.kind) for change in still(same, same)] == [("run", "still unknown")]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [(3, 0, "never exercised now"), (0, 3, "exercised now"), (3, 2, "exercised otherwise")],
)
def test_what_became_of_a_behaviour(before, after, kind):
    was, now = (facts(behaviours={"TOU is suspended": count}) for count in (before, after))
    assert only(was, now).kind == kind


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("pass", "fail", "worse"), ("pass", "unknown", "worse"), ("unknown", "fail", "worse"), ("fail", "pass", "better"),
        ("pass", "invalid", "invalid"), ("fail", "invalid", "invalid"), ("pass", "interrupted", "interrupted"),
    ],
)  # fmt: skip
def test_what_became_of_the_verdict(before, after, kind):
    assert only(facts(verdict=before), facts(verdict=after)).kind == kind


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_knows_which_way_is_worse(name):
    one, more = (facts(metrics={name: Figure(value, METRICS[name].unit)}) for value in (50.0, 60.0))
    up, down = only(one, more), only(more, one)
    assert (up.kind, down.kind) == (("better", "worse") if name == "port_uptime" else ("worse", "better"))
    assert (up.difference, up.percent) == (10.0, 20.0)


def energy(value, unit="kWh"):
    return facts(metrics={} if value is ... else {"undelivered_energy": Figure(value, unit if value is not None else "")})


@pytest.mark.parametrize(
    ("before", "after", "kind", "shown"),
    [
        (0, 0.5, "worse", ("0", "0.5")),
        (-2.5, -3, "better", ("-2.5", "-3")),
        (1, None, "not measured now", ("1", "not measured")),
        (None, 1, "measured now", ("not measured", "1")),
        (..., 1, "added", ("–", "1")),
        (1, ..., "gone", ("1", "–")),
    ],
)
def test_what_became_of_a_metric(before, after, kind, shown):
    change = only(energy(before), energy(after))
    assert (change.kind, (change.before, change.after), change.unit) == (kind, shown, "kWh")
    assert change.percent is None or before


def test_figures_in_other_units_are_not_compared():
    assert only(energy(1, "USD"), energy(1, "EUR")).kind == "another unit"


def test_nothing_is_said_against_a_metric_of_another_version():
    was, now = (facts(metrics={"sunshine": Figure(value, "h")}) for value in (1, 2))
    assert (only(was, now).kind, only(was, now).standing) == ("changed", "quiet")


@pytest.mark.parametrize(
    ("tolerance", "before", "after", "kind"),
    [
        (Tolerance(amount=0.5), 2.0, 2.5, "within tolerance"),
        (Tolerance(amount=0.5), 2.0, 2.500001, "worse"),
        (Tolerance(amount=0.2), 0.9, 1.1, "within tolerance"),  # 0.20000000000000007 in binary
        (Tolerance(percent=10), -2.0, -1.8, "within tolerance"),
        (Tolerance(percent=10), -2.0, -1.7, "worse"),
        (Tolerance(percent=10), 0, 0.001, "worse"),
        (Tolerance(amount=0.5), 2.0, 1.6, "within tolerance"),
        (Tolerance(amount=0.5), 2.0, 1.0, "better"),
        (Tolerance(), 2.0, 2.000001, "worse"),
    ],
)
def test_tolerances(tolerance, before, after, kind):
    assert only(energy(before), energy(after), tolerance).kind == kind


@given(ANY_FACTS)
def test_a_run_compared_with_itself_has_changed_in_nothing(any_facts):
    found = compare(judged(any_facts), judged(any_facts))
    assert (found.changes, found.notes, found.exit_code) == ([], [], 0)


@given(ANY_FACTS, ANY_FACTS)
def test_what_is_better_one_way_is_worse_the_other_way(one, other):
    there, back = list(differences(one, other)), list(differences(other, one))
    assert {(change.of, change.name) for change in there} == {(change.of, change.name) for change in back}
    better = {change.name for change in there if change.of == "metric" and change.kind == "better"}
    assert better == {change.name for change in back if change.of == "metric" and change.kind == "worse"}
    assert all(change.kind in KINDS for change in there)


@given(ANY_FACTS, ANY_FACTS, st.floats(0, 10**7), st.floats(0, 1000))
def test_a_tolerance_only_ever_forgives(one, other, amount, percent):
    given_none = {change.name for change in differences(one, other) if change.kind == "worse"}
    for tolerance in (Tolerance(amount=amount), Tolerance(percent=percent)):
        found = {change.name for change in differences(one, other, lambda _, given=tolerance: given) if change.kind == "worse"}
        assert found <= given_none


def test_what_else_differs_is_a_note():
    found = compare(judged(facts()), judged(facts(), scenario="lane", seed=4, harness="2.0", peer="embedded server"))
    assert found.exit_code == 0
    assert found.notes == [
        "another scenario: street before, lane after",
        "another seed: 3 before, 4 after",
        "another version of harness: 1.0 before, 2.0 after",
        "another kind of run: simulated before, live after",
    ]
    found = compare(judged(facts(), peer="embedded server"), judged(facts(), peer="your server"))
    assert found.notes == ["another peer: embedded server before, your server after"]


def result(**changes):
    given = {
        "schema": 1, "harness": "9.9", "scenario": "street", "seed": 3, "verdict": "fail", "reasons": [], "behaviours": {}, "checks": [],
        "metrics": {}, "live": None, "something": "new",
    }  # fmt: skip
    return json.dumps({**given, **changes}).encode()


def check(**changes):
    return {"name": "x", "verdict": "fail", "failed": 1, "severity": "fail", "origin": "contract", "known": "", "new": 1, **changes}


@pytest.mark.parametrize(
    ("given", "reasons", "state"),
    [
        (check(), [], "fail"),
        (check(severity="warn"), [], "warn"),
        (check(known="a known defect"), [], "known failure"),
        (check(verdict="pass", failed=0), [], "pass"),
        (check(verdict="pass", failed=0), ["x: is listed as a known failure and passed (why)"], "known failure passed"),
        (check(known="y"), ["x at anna: is listed as a known failure and passed (why)"], "known failure passed"),
        (check(), ["x at anna: is listed as a known failure and passed (why)"], "fail"),
        (check(verdict="pass", failed=0), ["xy: is listed as a known failure and passed (why)"], "pass"),
    ],
)
def test_what_a_result_says_of_a_check(given, reasons, state):
    assert read(result(checks=[given], reasons=reasons), "r").facts.checks["x"].state == state


def test_limits_are_no_checks():
    found = read(result(checks=[check(name="port_uptime", origin="limit"), check(name="port_uptime")]), "r").facts
    assert set(found.limits) == set(found.checks) == {"port_uptime"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{", "r.json: not the result of a run: Input data was truncated"),
        (b"\xff", "r.json: not the result of a run: "),
        (b"{}", "r.json: not the result of a run: Object missing required field `schema`"),
        (result(schema=2), "r.json: found a result of version 2, expected 1"),
        (
            result(metrics={"peak_energy": {"value": 10**400, "unit": "kWh"}}),
            "r.json: not the result of a run: Expected `int` <",
        ),
        (result(metrics={"peak_energy": {"value": -1e300, "unit": "kWh"}}), "r.json: not the result of a run: Expected `float` >"),
        (result(verdict="maybe"), "r.json: not the result of a run: Invalid enum value 'maybe' - at `$.verdict`"),
    ],
)
def test_what_is_no_result_is_said_to_be_none(text, says):
    with pytest.raises(ResultError) as caught:
        read(text, "r.json")
    assert str(caught.value).startswith(says)
