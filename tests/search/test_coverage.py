"""Counting what random plans put to the test."""

from __future__ import annotations

from harness import scenario
from harness.search.coverage import Coverage
from harness.search.trial import Situations
from harness.stage import simulated

SHARDED = """
harness: 1
title: Two parts of a server
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: 14 h
seed: 1
server: {extends: csms, shards: 2}
network: home-wifi
supply: {voltage: 240 V}
defaults: {model: ocpp16-strict, car: leaf-40, tariff: pge-ev2-a}
chargers: {anna: {tag: A1}, ben: {tag: B1, session: {plug_in: +1 h, needs: 20 kWh, leave: +12 h}}}
plan:
  - {id: part, at: +2 h, do: server.shard-down, for: 3 h}
  - {id: failover, at: +3 h, do: server.failover, with: {shard: 1}}
  - {id: cut, at: +4 h, do: network.cut, to: anna, for: 10 min}
"""


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


def test_a_step_meets_whom_it_is_about_and_the_part_of_the_server_that_serves_them():
    loaded = scenario.loads(SHARDED, "sharded")
    assert loaded.shards() == [1, 2], "anna's goes down"
    seen = Situations(loaded)
    simulated.run(loaded, seen.feed)
    assert {text for text in seen.seen if text.startswith(("server.shard-down", "network.cut"))} == {
        "server.shard-down | server up | Available, online, power on",
        "network.cut | server up | Available, online, power on",  # by then the other part serves her
    }
