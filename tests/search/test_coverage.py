"""Counting what random plans put to the test."""

from __future__ import annotations

from harness.search.coverage import Coverage


def test_obligations_count_once_for_each_kind_in_the_plan():
    coverage = Coverage()
    coverage.add(["network.cut", "network.cut", "server.crash"], {"a": 2}, {"b": 1})
    coverage.add(["server.crash"], {"a": 5}, {})
    assert coverage.plans == {"network.cut": 1, "server.crash": 2}
    assert (coverage.met["a", "network.cut"], coverage.met["a", "server.crash"]) == (2, 7)
    assert (coverage.failed["b", "network.cut"], coverage.failed["b", "server.crash"], coverage.failed["a", "server.crash"]) == (1, 1, 0)


def test_a_check_that_nothing_decided_is_not_shown():
    coverage = Coverage()
    coverage.add(["server.crash"], {"idle": 0, "met": 1}, {"idle": 0})
    assert coverage.checks() == ["met"]


def test_the_table_shows_met_failed_and_what_was_not_put_to_the_test():
    coverage = Coverage()
    coverage.add(["network.cut"], {"charging-continues": 12}, {})
    coverage.add(["server.crash"], {"clock-sane": 3}, {"clock-sane": 1})
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
