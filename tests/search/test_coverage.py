"""Counting what random plans put to the test."""

from __future__ import annotations

from example_run import HOUR, SCENARIO
from msgspec.structs import replace

from harness.check.result import CheckResult
from harness.search.coverage import Coverage
from harness.values import Moment, Step


def result(name: str, met: int = 0, failed: int = 0) -> CheckResult:
    return CheckResult(name=name, says="", verdict="pass", met=met, failed=failed, cancelled=3, pending=2)


def plan(*kinds: str):
    steps = tuple(Step(id=f"s{number}", do=kind, at=Moment(offset_ms=HOUR)) for number, kind in enumerate(kinds))
    return replace(SCENARIO, plan=steps)


def test_obligations_count_once_for_each_kind_in_the_plan():
    coverage = Coverage()
    coverage.add(plan("network.cut", "network.cut", "server.crash"), [result("a", met=2), result("b", failed=1)])
    coverage.add(plan("server.crash"), [result("a", met=5)])
    assert coverage.plans == {"network.cut": 1, "server.crash": 2}
    assert (coverage.met["a", "network.cut"], coverage.met["a", "server.crash"]) == (2, 7)
    assert (coverage.failed["b", "network.cut"], coverage.failed["b", "server.crash"], coverage.failed["a", "server.crash"]) == (1, 1, 0)


def test_a_check_that_nothing_decided_is_not_shown():
    coverage = Coverage()
    coverage.add(plan("server.crash"), [result("idle"), result("met", met=1)])
    assert coverage.checks() == ["met"]


def test_the_table_shows_met_failed_and_what_was_not_put_to_the_test():
    coverage = Coverage()
    coverage.add(plan("network.cut"), [result("charging-continues", met=12)])
    coverage.add(plan("server.crash"), [result("clock-sane", met=3, failed=1)])
    assert coverage.table() == (
        "check                1    2\n"
        "charging-continues  12    ·\n"
        "clock-sane           ·  3/1\n"
        "\n"
        "  1  network.cut (1 plan)\n"
        "  2  server.crash (1 plan)"
    )


def test_an_empty_table_is_its_heading():
    assert Coverage().table() == "check\n"
