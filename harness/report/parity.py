"""A comparison of a live run with the simulated one, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from harness.report.clock import Clock
from harness.report.comparison import Lag, Parity
from harness.report.terminal import Line
from harness.units import times
from harness.values import Scenario

_TOLD = 5
"""So many chargers that went another way are told; parity.json has them all."""


def lines(parity: Parity, scenario: Scenario) -> Iterator[Line]:
    """What the terminal shows of it."""
    clock = Clock(scenario)
    style = "pass" if parity.holds else "fail"
    yield ()
    yield ((("✓" if parity.holds else "✗") + " parity", style), (f"  live and simulated {'agree' if parity.holds else 'differ'}", style))
    alike = parity.chargers - len(parity.differences)
    yield (("", ""), (f"  chargers  {alike} of {parity.chargers} through the same states and outages for the same reasons", ""))
    for difference in parity.differences[:_TOLD]:
        yield (
            (f"    {difference.charger} {clock.tell(difference.at_ms)}: simulated {difference.simulated}, live {difference.live}", "fail"),
        )
    if len(parity.differences) > _TOLD:
        yield ((f"    and {len(parity.differences) - _TOLD} more", "quiet"),)
    same = sum(check.agrees == "yes" for check in parity.checks)
    yield ((f"  checks    {same} of {len(parity.checks)} with the same verdict", ""),)
    for check in parity.checks:
        if check.agrees != "yes":
            note = "too close to tell" if check.agrees != "no" else "differs"
            yield (
                (f"    {check.check}: simulated {check.simulated}, live {check.live} ({note})", "unknown" if note[0] == "t" else "fail"),
            )
    for state, lag in parity.lags.items():
        yield ((f"  {'apart' if state == 'all' else '':9} {state:14} {_told(lag)}", "" if state == "all" else "quiet"),)


def _told(lag: Lag) -> str:
    return f"{times(lag.count)}, p50 {lag.p50_ms} ms, p95 {lag.p95_ms} ms, at most {lag.max_ms} ms"


def render(parity: Parity) -> bytes:
    """``parity.json``."""
    document = {"schema": 1, "holds": parity.holds, **msgspec.to_builtins(parity)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
