"""A small scenario that passes, what its gate says, and runs made up of facts alone."""

from __future__ import annotations

from hypothesis import strategies as st

from harness.check.metrics import METRICS
from harness.check.result import BEHAVIOURS
from harness.regression.facts import CheckFact, Facts, Figure, Judged

STREET = """\
harness: 1
title: Anna pulls the plug
start: 2026-03-12 17:00
zone: America/Los_Angeles
duration: 24 h
seed: 3
server: juicenet
network: home-wifi
supply: {voltage: 240 V}
defaults: {car: leaf-40, tariff: pge-ev2-a, tou: {charge_in: [off-peak]}}
chargers:
  anna:
    model: juicebox-40
    session: {plug_in: 18:10, needs: 18 kWh, leave: 07:00}
plan:
  - {id: upgrade, at: 19:30, do: server.upgrade, for: 2 h}
  - {at: 20:00, do: station.power-cut, to: anna, for: 20 s}
expect:
  exercised: [unplug-clears-schedule]
  checks:
    anna-charges: {charger: anna, after: 20:10, then: {draws: true}, within: 1 min}
  limits:
    port_uptime: {min: 90 %}
"""
"""Anna's car is held, its station is unplugged while the server is away, and the car charges: all four behaviours but one."""

BROKEN = "models: {juicebox-40: {memory: {hold: [departure]}}}\n"
"""What breaks it: the hold outlives the power cut."""


def facts(**changes) -> Facts:
    """A run in which all is well."""
    given = {
        "verdict": "pass",
        "behaviours": dict.fromkeys(BEHAVIOURS, 2),
        "checks": {"clock-sane": CheckFact("pass"), "override-kept": CheckFact("unknown")},
        "limits": {"port_uptime": CheckFact("pass")},
        "metrics": {"undelivered_energy": Figure(2.0, "kWh"), "port_uptime": Figure(99.5, "%"), "queue_drain_time": Figure(None)},
    }
    return Facts(**{**given, **changes})


def judged(facts: Facts, **changes) -> Judged:
    """Such a run as it is compared."""
    given = {"source": "here", "scenario": "street", "seed": 3, "harness": "1.0", "peer": "", "reasons": []}
    return Judged(facts=facts, **{**given, **changes})


def _check_facts():
    counts = st.integers(1, 9)
    violated = ("fail", "warn", "known failure", "known failure passed")
    return st.one_of(st.sampled_from([CheckFact("pass"), CheckFact("unknown")]), st.builds(CheckFact, st.sampled_from(violated), counts))


def _figures(name):
    unit = {"currency": "EUR"}.get(METRICS[name].unit, METRICS[name].unit)
    values = st.one_of(st.integers(-(10**6), 10**6), st.integers(-(10**12), 10**12).map(lambda millionths: millionths / 1_000_000))
    return st.one_of(st.just(Figure(None)), st.builds(Figure, values, st.just(unit)))


ANY_FACTS = st.builds(
    Facts,
    verdict=st.sampled_from(["pass", "fail", "unknown"]),
    behaviours=st.dictionaries(st.sampled_from(list(BEHAVIOURS)), st.integers(0, 10**6)),
    checks=st.dictionaries(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True), _check_facts(), max_size=4),
    limits=st.dictionaries(st.sampled_from(list(METRICS)), _check_facts(), max_size=4),
    metrics=st.sets(st.sampled_from(list(METRICS)), max_size=5).flatmap(
        lambda names: st.fixed_dictionaries({name: _figures(name) for name in sorted(names)})
    ),
)
"""Whatever a run can come to."""
NAMES = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=12).filter(str.isprintable)
"""Whatever a scenario's file can be called."""
ROWS = st.dictionaries(st.tuples(NAMES, st.integers(0, 2**53)), ANY_FACTS, max_size=4)
