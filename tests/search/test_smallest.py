"""What a failing scenario is made small to: as few parts as it takes, at times that people would write."""

from __future__ import annotations

import pytest

from harness import scenario
from harness.search.shrink import Shrunk, shrink

TEXT = """
harness: 1
title: A run that fails
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: 30 h
seed: 30
server: {server}
network: home-wifi
supply: {{voltage: 240 V, phases: 1}}
defaults: {{model: {model}, car: leaf-40, tariff: pge-ev2-a, tou: {{charge_in: [off-peak]}}}}
chargers:
  anna: {{tag: A1, session: {{plug_in: +7 h 9 min 51.936 s, needs: 22 kWh, leave: +3 h 24 min 46.901 s}}}}
  ben: {{settings: {{wire_rating: 24 A}}, tag: B1, session: {{plug_in: +1 h 20.364 s, needs: 25 kWh, leave: +12 h 20 min 58.381 s}}}}
models: {{{model}: {{quirks: [{quirk}]}}}}
plan:
  - {{at: +2 h, do: station.clock-lost, to: ben}}
"""


def smallest(model: str, quirk: str, check: str, plan: str, server: str = "juicenet") -> Shrunk:
    shrunk = shrink(scenario.loads(TEXT.format(model=model, quirk=quirk, server=server) + plan, "failing"), check)
    assert shrunk is not None
    assert shrunk.complete
    return shrunk


def test_a_duration_that_may_be_no_shorter_is_round_and_stays_so():
    plan = "  - {id: crash, at: +7 h 45 min 51.712 s, do: server.crash, for: 3 h 17 min 2.123 s}\n"
    shrunk = smallest("juicebox-v09u", "swaps-amperages", "offline-limit-applies", plan)
    (step,) = shrunk.scenario.plan
    (entry,) = shrunk.scenario.chargers
    assert (step.id, step.for_ms) == ("crash", 600_000)
    assert [(entry.name, entry.tag, entry.tou)] == [("anna", "", None)]
    assert shrunk.runs < 100


def test_an_argument_goes_back_to_its_default_and_stays_there():
    plan = """\
  - {id: hang, at: +9 h 47 min 12.345 s, do: server.hang, for: 7 min 1 s}
  - {id: loop, at: +9 h 46 min 1.234 s, do: station.reboot-loop, to: anna, with: {every: 431.7 s}, for: 10 min}
"""
    shrunk = smallest("ocpp16-strict", "registers-only-once", "nothing-before-acceptance", plan, server="csms")
    assert [step.arguments for step in shrunk.scenario.plan if step.do == "station.reboot-loop"] == [{"every_ms": 300_000}]


def test_steps_that_must_meet_are_moved_together_to_a_round_time():
    plan = """\
  - {id: crash, at: +7 h 45 min 51.712 s, do: server.crash, for: 7 min 1 s}
  - {id: cut, at: +7 h 46 min 20.3 s, do: station.power-cut, to: anna, for: 20 s}
"""
    shrunk = smallest("juicebox-v09u", "forgets-offline-limit-at-boot", "offline-limit-applies", plan)
    assert [step.at.offset_ms % 1_800_000 for step in shrunk.scenario.plan if step.at] == [0, 0]
    assert shrunk.scenario.duration_ms <= 2 * 3_600_000


@pytest.mark.parametrize("shard", [1, 2])
def test_a_fault_of_one_part_of_the_server_becomes_one_of_all_of_it(shard):
    plan = f"  - {{id: crash, at: +8 h, do: server.crash, to: {{shard: {shard}}}, for: 2 h}}\n"
    text = TEXT.format(model="juicebox-40", quirk="no-backoff", server="juicenet") + plan
    shrunk = shrink(scenario.loads(text, "failing"), "reconnect-backs-off")
    assert shrunk is not None
    assert [step.to.shard for step in shrunk.scenario.plan] == [None]
    assert len(shrunk.scenario.chargers) == 1
