"""A comparison of a live run with the simulated one, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from harness.report.clock import Clock
from harness.report.comparison import Lag, Parity
from harness.units import counted, times
from harness.values import Scenario

if TYPE_CHECKING:
    from harness.report.line import Line

_TOLD = 5
"""So many chargers that went another way are told; parity.json has them all."""


def verdict(parity: Parity) -> str:
    """Whether the two agree, in a sentence without its full stop."""
    if parity.holds:
        return "live and simulated agree"
    differ = sum(check.agrees == "no" for check in parity.checks)
    counts = {"chargers": (len(parity.differences), parity.chargers), "checks": (differ, len(parity.checks))}
    told = [f"in {count} of {counted(of, things)}" for things, (count, of) in counts.items() if count]
    return f"live and simulated differ {' and '.join(told)}"


def lines(parity: Parity, scenario: Scenario) -> Iterator[Line]:
    """What the terminal shows of it, with :func:`verdict` before."""
    clock = Clock(scenario)
    alike = parity.chargers - len(parity.differences)
    yield ((f"  chargers  {alike} of {parity.chargers} through the same states and outages for the same reasons", ""),)
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
    document = {"schema": 1, **msgspec.to_builtins(parity)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
