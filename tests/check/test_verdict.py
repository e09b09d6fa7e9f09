"""From results to a run's verdict and exit code."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from timeline import scenario

from harness.check.metrics import Shown, Totals
from harness.check.result import CheckResult, Judgement
from harness.check.verdict import judgement
from harness.journal import records as r
from harness.values import Expect, KnownFailure, Limit


def result(name: str = "can-always-charge", *, met: int = 0, failed: int = 0, cancelled: int = 0, **given) -> CheckResult:
    verdict = "fail" if failed else "pass" if met else "unknown"
    return CheckResult(name=name, says=name, verdict=verdict, met=met, failed=failed, cancelled=cancelled, pending=0, **given)


TWO = Totals(short_wh=[0, 0], peak_wh=[0, 0], micro=[0, 0], up_ms=99, down_ms=1)


def judge(*results: CheckResult, totals: Totals = TWO, twin: Totals | None = TWO, how: dict | None = None, **expect) -> Judgement:
    given = scenario(names=("anna", "ben"), expect=Expect(**expect))
    return judgement(given, results or [result(met=1)], totals=totals, twin=twin, **(how or {}))


def test_all_met_is_a_pass():
    judged = judge(result(met=2), result("tou-suspended", met=3))
    assert (judged.verdict, judged.exit_code, judged.reasons) == ("pass", 0, [])
    assert judged.behaviours == {
        "charging continues": 2, "TOU is suspended": 3, "unplugging clears the schedule": 0, "an override is needed after recovery": 0,
    }  # fmt: skip


def test_a_failed_check_fails_the_run():
    judged = judge(result(met=1, failed=2, failing=["anna"]))
    assert (judged.verdict, judged.exit_code) == ("fail", 1)
    assert judged.reasons == ["can-always-charge: failed 2 of 3"]


def test_a_warning_does_not_fail_the_run():
    assert judge(result(failed=1, severity="warn")).verdict == "pass"


def test_a_clause_that_was_not_exercised_stays_green_but_for_strict():
    results = (result(met=1), result("clock-sane", idle=["juicebox"]))
    assert (judge(*results).verdict, judge(*results).unexercised) == ("pass", ["juicebox: clock-sane"])
    strict = judge(*results, how={"strict": True})
    assert (strict.verdict, strict.exit_code) == ("unknown", 5)
    assert strict.reasons == ["juicebox: clock-sane: promised, and not exercised"]


def test_what_the_scenario_names_must_be_decided():
    judged = judge(result(met=1), result("clock-sane", cancelled=1, origin="scenario", why="ended early"))
    assert (judged.verdict, judged.exit_code, judged.reasons) == ("unknown", 5, ["clock-sane: ended early"])
    missing = judge(result(met=1), exercised=("clock-sane",))
    assert (missing.verdict, missing.exit_code) == ("unknown", 5)


def test_nothing_triggered_is_no_pass():
    judged = judge(result())
    assert (judged.verdict, judged.reasons) == ("unknown", ["nothing was triggered at all"])


def test_a_cut_off_journal_is_interrupted():
    judged = judge(result(failed=1), how={"complete": False})
    assert (judged.verdict, judged.exit_code) == ("interrupted", 2)


def test_a_step_that_changed_nothing_makes_a_live_run_invalid():
    totals = replace(TWO, no_effect=["cut"])
    assert (judge(totals=totals, how={"live": True}).exit_code, judge(totals=totals).exit_code) == (6, 0)
    assert judge(totals=totals).reasons == ["step cut: changed nothing"]


def test_a_step_that_never_fired_is_reported():
    judged = judge(totals=replace(TWO, never_fired=["late"]))
    assert (judged.verdict, judged.reasons) == ("pass", ["step late: never fired"])


def test_what_a_charger_contradicts_leaves_the_run_unknown():
    judged = judge(totals=replace(TWO, contradicted=["anna was said to be unplugged, and it reports Charging"]))
    assert (judged.verdict, judged.reasons) == ("unknown", ["anna was said to be unplugged, and it reports Charging"])


KNOWN = (KnownFailure(check="can-always-charge", charger="ben", reason="a bug we know", link="https://example.org/1"),)


def test_a_known_failure_keeps_the_run_green_until_it_passes():
    failing = judge(result(met=1, failed=1, failing=["ben"]), known_failures=KNOWN)
    assert (failing.verdict, failing.checks[0].known) == ("pass", "a bug we know")
    worse = judge(result(failed=2, failing=["anna", "ben"]), known_failures=KNOWN)
    assert (worse.verdict, worse.checks[0].known) == ("fail", "")
    passed = judge(result(met=2), known_failures=KNOWN)
    assert (passed.verdict, passed.exit_code) == ("fail", 1)
    assert passed.reasons == ["can-always-charge at ben: is listed as a known failure and passed (a bug we know)"]
    undecided = judge(result("clock-sane", met=1), result(), known_failures=KNOWN)
    assert undecided.verdict == "pass"


def test_a_known_failure_of_one_charger_does_not_hide_that_it_passed_there():
    judged = judge(result(met=1, failed=1, failing=["anna"]), known_failures=KNOWN)
    assert judged.verdict == "fail"
    assert len(judged.reasons) == 2


RUN = replace(TWO, short_wh=[3000, 200], drivers_short=2)


@pytest.mark.parametrize(
    ("limit", "verdict", "failing"),
    [
        (Limit(metric="undelivered_energy", maximum=3.2), "pass", []),
        (Limit(metric="undelivered_energy", maximum=3.1), "fail", []),
        (Limit(metric="undelivered_energy", maximum=3.0, per="driver"), "pass", []),
        (Limit(metric="undelivered_energy", maximum=0.5, per="driver"), "fail", ["anna"]),
        (Limit(metric="undelivered_energy", maximum=0.1, per="driver"), "fail", ["anna", "ben"]),
        (Limit(metric="port_uptime", minimum=97), "pass", []),
        (Limit(metric="port_uptime", minimum=99.5), "fail", []),
        (Limit(metric="drivers_short", minimum=1, maximum=2), "pass", []),
        (Limit(metric="time_to_recover_max", maximum=60), "unknown", []),
    ],
)
def test_limits_are_checks_too(limit, verdict, failing):
    judged = judge(totals=RUN, limits=(limit,))
    check = judged.checks[-1]
    assert (check.name, check.origin, check.verdict, check.failing) == (limit.metric, "limit", verdict, failing)
    assert judged.verdict == verdict


@pytest.mark.parametrize(
    ("limit", "verdict", "known"),
    [
        (Limit(metric="port_uptime", minimum=99.5), "pass", "old boxes"),
        (Limit(metric="undelivered_energy", maximum=0.5, per="driver"), "pass", "old boxes"),
        (Limit(metric="port_uptime", minimum=97), "fail", ""),
    ],
)
def test_a_known_failure_may_be_a_limit(limit, verdict, known):
    judged = judge(totals=RUN, limits=(limit,), known_failures=(KnownFailure(check=limit.metric, reason="old boxes"),))
    assert (judged.verdict, judged.checks[-1].known) == (verdict, known)


def test_a_limit_on_a_difference_needs_the_twin():
    judged = judge(totals=RUN, twin=None, limits=(Limit(metric="undelivered_energy", maximum=9),))
    assert (judged.verdict, judged.checks[-1].why) == ("unknown", "there is no twin to compare with")


def test_a_limit_says_by_how_much():
    judged = judge(totals=RUN, limits=(Limit(metric="undelivered_energy", maximum=0.5, per="driver"),))
    check = judged.checks[-1]
    assert check.says == "undelivered energy per driver is at most 0.5 kWh"
    assert (check.margin.worst, check.margin.bound, check.margin.unit) == (3.0, 0.5, "kWh")
    assert check.witness.charger == "anna"
    assert check.witness.rule == "undelivered energy per driver is at most 0.5 kWh; it is 3 kWh"


@pytest.mark.parametrize(
    ("lost", "most", "rule"),
    [
        (1, 0, "messages lost is at most 0 messages; it is 1 message"),
        (2, 1, "messages lost is at most 1 message; it is 2 messages"),
    ],
)
def test_a_limit_on_what_is_counted_is_told_in_good_grammar(lost, most, rule):
    check = judge(totals=replace(TWO, lost=lost), limits=(Limit(metric="messages_lost", maximum=most),)).checks[-1]
    assert check.witness.rule == rule


SHORT = {
    who: r.Stay(t=t, who=who, plug_in=1, ended="unplugged", wh=0, needs_wh=3000, full=False) for who, t in (("anna", 9_000), ("ben", 7_000))
}  # fmt: skip
LOST = r.Discard(t=5_000, who="ben", action="transaction-end", tx=2, why="attempts")


@pytest.mark.parametrize(
    ("limit", "twin_short", "witness"),
    [
        (Limit(metric="messages_lost", maximum=0), [0, 0], ("ben", 5_000, [LOST])),
        (Limit(metric="drivers_short", maximum=0), [0, 0], ("ben", 7_000, [SHORT["ben"]])),
        (Limit(metric="drivers_short", maximum=0), [0, 200], ("anna", 9_000, [SHORT["anna"]])),
        (Limit(metric="undelivered_energy", maximum=0), [0, 200], ("anna", 9_000, [SHORT["anna"]])),
        (Limit(metric="undelivered_energy", maximum=0, per="driver"), [0, 0], ("anna", 9_000, [SHORT["anna"]])),
        (Limit(metric="undelivered_energy", maximum=0, per="driver"), [3000, 0], ("ben", 7_000, [SHORT["ben"]])),
        (Limit(metric="drivers_short", minimum=3), [0, 0], ("", 172_800_000, [])),
        (Limit(metric="port_uptime", maximum=90), [0, 0], ("", 172_800_000, [])),
    ],
)
def test_a_broken_limit_shows_who_and_when_where_a_record_does(limit, twin_short, witness):
    shown = Shown(passed={"messages_lost": LOST}, short=SHORT)
    judged = judge(totals=replace(RUN, lost=3), twin=replace(TWO, short_wh=twin_short), limits=(limit,), how={"shown": shown})
    found = judged.checks[-1].witness
    assert (found.charger, found.t, found.records) == witness


def test_a_limit_that_only_warns():
    assert judge(totals=RUN, limits=(Limit(metric="drivers_short", maximum=0, severity="warn"),)).verdict == "pass"
