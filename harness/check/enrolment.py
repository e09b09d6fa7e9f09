"""Which checks judge a scenario, known before it runs: those that makers promise, and those that the scenario names."""

from __future__ import annotations

from harness.check.catalogue import NAMES
from harness.values import Chargers, Clause, Scenario


def promises(scenario: Scenario, entry: Chargers) -> dict[str, tuple[Clause, str]]:
    """Check → the clause that promises it of an entry's chargers, and whose it is: the server's, overruled by the charger model's."""
    if scenario.expect.contract != "each-maker":
        return {}
    model = scenario.models[entry.model]
    clauses = {name: (clause, scenario.server.name) for name, clause in scenario.server.contract.items()}
    return clauses | {name: (clause, model.name) for name, clause in model.contract.items()}


def promised(scenario: Scenario) -> set[str]:
    """The checks that any contract holds."""
    one_of_each = {entry.model: entry for entry in scenario.chargers}
    return {name for entry in one_of_each.values() for name in promises(scenario, entry)}


def judged(scenario: Scenario) -> list[str]:
    """The checks that a run of the scenario has a result for, in the order of its results."""
    expect = scenario.expect
    names = promised(scenario)
    names |= {spec.name for spec in expect.checks} | {name for name in expect.exercised if name in NAMES}
    order = {name: place for place, name in enumerate(NAMES)}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def results(scenario: Scenario) -> list[str]:
    """The names of all results that a run's judgement has, in their order: the checks, then the limits."""
    return [*judged(scenario), *(limit.metric for limit in scenario.expect.limits)]
