"""Small scenarios to draw random plans over, and what tests of whole runs share."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from harness import scenario
from harness.journal.records import AnyRecord
from harness.search.generator import generate
from harness.stage.simulated import run
from harness.values import Scenario

MODELS = ("juicebox-40", "juicebox-v09u", "waybox", "ocpp16-strict", "ocpp201", "uk-smart")

BASE = """
harness: 1
title: Three chargers under a random plan
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: {hours} h
seed: 1
server: {server}
network: home-wifi
supply: {{voltage: 240 V, phases: 1}}
defaults: {{model: {model}, car: leaf-40, tariff: pge-ev2-a, tou: {{charge_in: [off-peak]}}}}
chargers:
  anna: {{tag: A1}}
  ben: {{settings: {{wire_rating: 24 A}}, tag: B1}}
  carla: {{settings: {{amperage: 16 A}}, tag: C1}}
"""
CIRCUIT = """
circuits:
  house: {members: [anna, ben], capacity: 50 A}
"""


@cache
def base(model: str, *, grouped: bool = False, hours: int = 30) -> Scenario:
    """Three chargers of a model, with the server that it talks to; two of them on one circuit where ``grouped``."""
    server = "juicenet" if model.startswith("juicebox") or model == "waybox" else "csms"
    text = BASE.format(model=model, server=server, hours=hours) + (CIRCUIT if grouped else "")
    return scenario.loads(text, name=f"random-{model}")


def drawn(model: str, seed: int, *, hours: int = 30) -> Scenario:
    """A random plan; every other seed has a load group."""
    return generate(base(model, grouped=bool(seed % 2), hours=hours), seed)


def records_of(loaded: Scenario, *, simulate_all: bool = False) -> list[Any]:
    """All records of a run, in their order."""
    records: list[AnyRecord] = []
    run(loaded, records.extend, simulate_all=simulate_all)
    return records


def lines(records: list[AnyRecord]) -> list[str]:
    """The records as a journal has them, one line each: what a test compares and shows."""
    return [msgspec.json.encode(record).decode() for record in records]
