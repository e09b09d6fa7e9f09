"""A small scenario that is right, to change one thing in."""

from pathlib import Path

import pytest

from harness import scenario
from harness.scenario import ScenarioError

GOOD = Path(__file__).parent / "good.yaml"
HOUR = 3_600_000

SMALL = """\
harness: 1
title: Small
start: 2026-03-12 17:00
zone: America/Los_Angeles
duration: 24 h
server: juicenet
network: home-wifi
supply: {voltage: 240 V}
defaults: {car: leaf-40, tariff: pge-ev2-a, driver: commuter, model: juicebox-40, tou: {charge_in: [off-peak]}}
chargers:
  anna: {session: {plug_in: 18:10, needs: 18 kWh, leave: 07:00}}
"""


def small(old="", new="", *, more="", overrides=(), folder=None):
    """The small scenario read, with one text in it replaced and more text after it."""
    assert old in SMALL
    return scenario.loads(SMALL.replace(old, new, 1) + more, "small", overrides=overrides, folder=folder)


def refused(*args, **kwargs):
    """The messages with which the small scenario, changed so, is refused."""
    with pytest.raises(ScenarioError) as caught:
        small(*args, **kwargs)
    return [str(problem) for problem in caught.value.problems]
