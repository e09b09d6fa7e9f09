"""Each shipped charger keeps its own contract under two hundred random plans; what it does not promise it says in ``assumes``.

Takes a second or two for each model: the plans are whole runs of 30 hours with three chargers.
"""

from __future__ import annotations

from collections import Counter

import pytest

from harness import scenario, shipped
from harness.api import run
from harness.search.generator import generate

PLANS = 200
SERVERS = {"juicenet": "juicenet", "ocpp1.6": "csms", "ocpp2.0.1": "csms"}
"""Protocol → the shipped server that speaks it."""

BASE = """
harness: 1
title: Three chargers, two of them on one circuit
start: 2026-03-12 12:00
zone: America/Los_Angeles
duration: 30 h
server: {server}
network: home-wifi
supply: {{voltage: 240 V, phases: 1}}
defaults: {{model: {model}, car: leaf-40, tariff: pge-ev2-a, tou: {{charge_in: [off-peak]}}, tag: shown}}
chargers:
  anna: {{}}
  ben: {{tou: off, settings: {{wire_rating: 20 A}}}}
  carla: {{settings: {{amperage: 16 A}}}}
circuits:
  house: {{members: [anna, ben], capacity: 30 A}}
"""


def base_for(model):
    protocol = scenario.loads(BASE.format(model=model, server="csms"), "protocol").models[model].protocol
    return scenario.loads(BASE.format(model=model, server=SERVERS[protocol]), "random")


@pytest.mark.parametrize("model", shipped.model_names("charger"))
def test_a_shipped_charger_keeps_its_contract(model):
    base = base_for(model)
    broken: list[str] = []
    decided: Counter[str] = Counter()
    for seed in range(PLANS):
        drawn = generate(base, seed)
        kinds = {step.do for step in drawn.plan}
        for name, result in run(drawn, twin=False).checks.items():
            decided.update({f"{name} under {kind}": result.met for kind in kinds if result.met})
            if result.witness is not None:
                broken.append(f"seed {seed}, {name}, {result.witness.charger}: {result.witness.rule}")
    print(*(f"{count:6} {pair}" for pair, count in sorted(decided.items())), sep="\n")  # shown with -s, and on a failure
    assert broken == []
    assert decided
