"""harness: a resilience chaos-testing harness for EV chargers.

    import harness

    run = harness.run("server-upgrade", seed=7)
    print(run.verdict, run.metrics["undelivered_energy"].value)

The names below are all there is to the public interface; ``docs/python.md`` describes them. They are imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api import Run, import_log, judge, load, parity, run
    from harness.comparing import compare
    from harness.exploring import explore, shrink
    from harness.gating import gate
    from harness.reporting import html_report, postmortem
    from harness.scenario import ScenarioError
    from harness.stage.live.options import Live
    from harness.sweeping import sweep
    from harness.values import Scenario

__version__ = "0.1.0"

__all__ = [
    "Live", "Run", "Scenario", "ScenarioError", "__version__", "compare", "explore", "gate", "html_report", "import_log", "judge", "load",
    "mutants", "parity", "postmortem", "run", "shrink", "sweep",
]  # fmt: skip

_HOMES = {
    "Live": "harness.stage.live.options",
    "Run": "harness.api",
    "compare": "harness.comparing",
    "explore": "harness.exploring",
    "gate": "harness.gating",
    "html_report": "harness.reporting",
    "import_log": "harness.api",
    "judge": "harness.api",
    "load": "harness.api",
    "mutants": "harness.planting",
    "parity": "harness.api",
    "postmortem": "harness.reporting",
    "run": "harness.api",
    "shrink": "harness.exploring",
    "Scenario": "harness.values",
    "ScenarioError": "harness.scenario",
    "sweep": "harness.sweeping",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
