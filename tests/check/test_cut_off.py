"""A journal that was cut off is judged as far as it goes: what is open is pending, and nothing fails for want of records."""

from __future__ import annotations

import pytest
from timeline import Timeline, ms, scenario

import harness
from harness.check.judge import Judge
from harness.check.result import CheckResult
from harness.stage import simulated
from harness.values import CheckSpec, Circuit, Expect, Predicate, Scenario


def cut(given: Scenario, records: list, length: int) -> dict[str, CheckResult]:
    """What the first records say."""
    judge = Judge(given)
    judge.feed(records[:length])
    return {result.name: result for result in judge.close(records[length - 1].t, complete=False)}


@pytest.mark.parametrize("name", ["faq-walkthrough", "answer-lost", "flapping"])
def test_wherever_a_passing_run_is_cut_off_nothing_fails(name):
    given = harness.load(name)
    records: list = []
    simulated.run(given, records.extend)
    whole = Judge(given)
    whole.feed(records)
    met = {result.name: result.met for result in whole.close(given.duration_ms) if not result.failed}
    assert met["transactions-accounted"]
    for length in range(1, len(records), max(1, len(records) // 60)):
        results = cut(given, records, length)
        assert not [(length, check) for check in met if results[check].failed or results[check].met > met[check]]


def test_without_the_books_transactions_are_pending():
    line = Timeline()
    line.at("13:00").plug_in().opens(1).message("transaction-start", tx=1)
    line.at("15:00").closes(1).unplug(wh=0)
    line.at("18:00").settled()
    result = cut(line.scenario, line.in_order(), len(line.records))["transactions-accounted"]
    assert (result.verdict, result.failed, result.pending) == ("unknown", 0, 1)
    assert result.why == "1 triggered and still undecided when the journal was cut off"
    assert line.results()["transactions-accounted"].failed == 1  # a run to its end without books is another matter


@pytest.mark.parametrize("name", ["sometimes", "always"])
def test_what_could_still_come_is_pending(name):
    spec = CheckSpec(name="mine", builtin=False, **{name: Predicate(draws=name == "sometimes")})
    line = Timeline(scenario(clauses={}, expect=Expect(checks=(spec,))))
    line.at("13:00").plug_in()
    line.at("14:00").hold("24:00")
    result = cut(line.scenario, line.in_order(), 2)["mine"]
    assert (result.met, result.failed, result.pending) == (0, 0, 1)


def test_half_a_millisecond_is_not_judged():
    spec = CheckSpec(name="mine", builtin=False, never=Predicate(draws=True, held=True))
    line = Timeline(scenario(clauses={}, expect=Expect(checks=(spec,))))
    line.at("13:00").plug_in().draws()
    line.at("14:00").hold("24:00").idle()
    assert cut(line.scenario, line.in_order(), 3)["mine"].failed == 0
    assert line.results()["mine"].met == 1


def test_what_may_have_been_a_blip_is_pending():
    line = Timeline()
    line.at("13:00").plug_in().draws()
    line.at("13:30").crash()
    line.at("13:31").idle()
    line.at("13:32").command("share", ma=20_000)
    assert cut(line.scenario, line.in_order(), len(line.records))["charging-continues"].pending == 1
    line.at("14:30").command("share", ma=16_000)
    assert cut(line.scenario, line.in_order(), len(line.records))["charging-continues"].failed == 1


def test_what_was_broken_before_the_cut_has_failed():
    line = Timeline(scenario(names=("anna", "ben"), circuits=(Circuit(name="street", members=("anna", "ben"), capacity_ma=40_000),)))
    line.at("10:00", "anna").plug_in().draws()
    assert cut(line.scenario, line.in_order(), 2)["load-group-within-capacity"].pending == 1
    line.at("10:30", "ben").plug_in().draws()
    line.at("11:00", "ben").idle()
    result = cut(line.scenario, line.in_order(), len(line.records))["load-group-within-capacity"]
    assert (result.failed, result.witness.t) == (1, ms("10:30"))


def test_a_request_may_still_be_carried_out_after_the_cut():
    line = Timeline()
    line.at("13:00").plug_in().draws()
    line.at("13:30").crash()
    line.at("13:40").override("refused")
    line.at("13:50").command("share", ma=20_000)
    assert cut(line.scenario, line.in_order(), len(line.records))["tou-suspended"].pending == 1
    assert line.results("14:00")["tou-suspended"].met == 1
