"""What each item of a scenario file has to tell, from made-up judgements: together they say what ``harness run`` says."""

from __future__ import annotations

from example_run import RECORDS, SCENARIO
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.check.metrics import Totals
from harness.check.result import CheckResult, Witness
from harness.check.verdict import judgement
from harness.pytest_items import MOST_CHARGERS, THE_RUN, tell
from harness.report.outcome import Outcome
from harness.report.outline import Outline
from harness.values import Expect, KnownFailure

NAMES = ["can-always-charge", "clock-sane", "override-kept"]
CHARGERS = SCENARIO.names()
TOTALS = Totals(short_wh=[0] * len(CHARGERS), peak_wh=[0] * len(CHARGERS), micro=[0] * len(CHARGERS), up_ms=99, down_ms=1)


@st.composite
def results(draw, name):
    verdict = draw(st.sampled_from(["pass", "fail", "unknown"]))
    failing = draw(st.lists(st.sampled_from(CHARGERS), min_size=1, unique=True)) if verdict == "fail" else []
    return CheckResult(
        name=name, says=name, verdict=verdict, met=int(verdict == "pass"), failed=len(failing), failing=failing, pending=0,
        cancelled=draw(st.integers(0, 1)), severity=draw(st.sampled_from(["fail", "warn"])),
        origin=draw(st.sampled_from(["contract", "scenario", "limit"])), idle=draw(st.sampled_from([[], ["plain-40"]])),
    )  # fmt: skip


KNOWN = st.builds(KnownFailure, check=st.sampled_from(NAMES), charger=st.sampled_from(["", *CHARGERS]), reason=st.just("known"))


def outcome(checks, *, strict=False, known=(), totals=TOTALS, **how):
    scenario = replace(SCENARIO, expect=Expect(known_failures=tuple(known)))
    judged = judgement(scenario, checks, totals=totals, strict=strict, **how)
    return Outcome(scenario=scenario, judgement=judged, outline=Outline(), harness="0", records=0, digest="", command="harness run tiny")


@given(
    checks=st.tuples(*map(results, NAMES)), known=st.lists(KNOWN, max_size=3), strict=st.booleans(), live=st.booleans(),
    complete=st.booleans(), no_effect=st.booleans(),
)  # fmt: skip
def test_an_item_fails_exactly_where_the_run_does(checks, known, strict, live, complete, no_effect):
    totals = replace(TOTALS, no_effect=["cut"] if no_effect else [])
    made = outcome(checks, strict=strict, known=known, totals=totals, live=live, complete=complete)
    told = tell(made, strict=strict)
    assert list(told) == [*NAMES, THE_RUN]
    assert any(each.outcome == "fail" for each in told.values()) == (made.judgement.exit_code != 0)
    assert all(bool(each.text) == (each.outcome != "pass") for each in told.values())
    assert all(each.text.endswith("repeat: harness run tiny") for each in told.values() if each.outcome == "fail")
    judged = made.judgement
    if judged.verdict in ("invalid", "interrupted"):
        assert told[THE_RUN].outcome == "fail"
    elif "nothing was triggered at all" not in judged.reasons:  # whatever else there is, a check says itself
        assert told[THE_RUN].outcome == "pass"


def check(verdict="pass", **given):
    counts = {"met": 1, "failed": 0, "cancelled": 0, "pending": 0}
    return CheckResult(name="clock-sane", says="Times are true.", verdict=verdict, **{**counts, **given})


def test_with_strict_each_maker_s_promise_must_have_been_exercised():
    told = tell(outcome([check(idle=["plain-40"])], strict=True), strict=True)
    assert [each.outcome for each in told.values()] == ["fail", "pass"]
    assert told["clock-sane"].text.startswith("plain-40: clock-sane: promised, and not exercised\n")
    assert tell(outcome([check(idle=["plain-40"])]), strict=False)["clock-sane"].outcome == "pass"


def test_a_limit_on_what_could_not_be_measured_fails():
    limit = replace(check("unknown", met=0, origin="limit", why="there is no twin to compare with"), name="extra_cost")
    told = tell(outcome([check(), limit]), strict=False)
    assert [each.outcome for each in told.values()] == ["pass", "fail", "pass"]
    assert told["extra_cost"].text.startswith("unknown: there is no twin to compare with\n")


def test_of_many_chargers_some_are_named():
    names = [f"homes-{number}" for number in range(1000)]
    text = tell(outcome([check("fail", met=0, failed=1000, failing=names)]), strict=False)["clock-sane"].text
    assert f"chargers: {', '.join(names[:MOST_CHARGERS])} and {1000 - MOST_CHARGERS} more" in text.splitlines()


def test_a_failure_begins_with_what_happened():
    witness = Witness(charger="anna", t=0, rule="it drew at +02:30:40", records=RECORDS[:1])
    made = outcome([check("fail", failed=1, failing=["anna"], witness=witness)])
    lines = tell(made, strict=False)["clock-sane"].text.splitlines()
    assert lines[0] == "Thu 17:00:00 anna: it drew at Thu 19:30:40"
    assert lines[2:] == ["clock-sane: Times are true.", "failed once, held once", "chargers: anna", "repeat: harness run tiny"]
