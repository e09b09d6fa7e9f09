"""Whether a live run and the simulated run of the same scenario agree: states, reasons, verdicts, and how far apart in time.

Chargers are compared one by one. What must be the same is the sequence of connector states and of the reasons that set the current,
and that of outages with their causes; how far apart in time each was is measured. A check whose verdict differs, and whose margin is
smaller than that (at the 95th percentile), is too close to tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from harness.check.result import CheckResult, CheckVerdict
from harness.journal.records import AnyRecord, Current, Loss, Recovery

Stage = tuple[str, str, int]
"""A connector's state and the reason that set its current, or an outage's beginning or end and its cause; and when, in ms."""

_LOST, _BACK = "server lost", "server back"


class Lag(Struct, kw_only=True):
    """How far apart in time the same thing happened live and simulated, in ms."""

    count: int
    p50_ms: int
    p95_ms: int
    max_ms: int


class Difference(Struct, kw_only=True):
    """Where a charger first went another way."""

    charger: str
    at_ms: int
    simulated: str
    live: str


class Agreement(Struct, kw_only=True):
    """A check in both runs."""

    check: str
    simulated: CheckVerdict
    live: CheckVerdict
    agrees: Literal["yes", "no", "too close to tell"]


class Parity(Struct, kw_only=True):
    """What came of a comparison."""

    holds: bool
    """Whether the two agree; what is too close to tell is no disagreement."""
    chargers: int
    differences: list[Difference]
    lags: dict[str, Lag]
    """State that was entered, or outage's edge → how far apart; of the chargers that went the same way. ``all``: of all states."""
    checks: list[Agreement]


def compare(
    names: Sequence[str], live: Iterable[AnyRecord], simulated: Iterable[AnyRecord],
    live_checks: Mapping[str, CheckResult], simulated_checks: Mapping[str, CheckResult],
) -> Parity:  # fmt: skip
    """Compare two runs of one scenario, by their records and by what its checks say of each."""
    differences = []
    apart: dict[str, list[int]] = defaultdict(list)
    lived, thought = _stories(live), _stories(simulated)
    for name in names:
        both = [(lived[kind, name], thought[kind, name]) for kind in (Current, Loss)]
        different = [found for pair in both if (found := _first_difference(name, *pair)) is not None]
        if different:
            differences.append(min(different, key=lambda found: found.at_ms))
            continue
        for one, other in both:
            for (state, _, t), (_, _, expected) in zip(one, other, strict=True):
                apart[state].append(abs(t - expected))
    every = [ms for all_ms in apart.values() for ms in all_ms]
    noise_s = _lag(every).p95_ms / 1000 if every else 0.0
    checks = [_agreement(live_checks[name], simulated_checks[name], noise_s) for name in live_checks]
    return Parity(
        holds=not differences and all(check.agrees != "no" for check in checks),
        chargers=len(names),
        differences=differences,
        lags={state: _lag(ms) for state, ms in [("all", every), *sorted(apart.items())] if ms},
        checks=checks,
    )


def _stories(records: Iterable[AnyRecord]) -> dict[tuple[type, str], list[Stage]]:
    """What each charger went through: under Current its connector (a current that merely changes within a state is none of it), under
    Loss its outages."""
    stories: dict[tuple[type, str], list[Stage]] = defaultdict(list)
    for record in records:
        if isinstance(record, Current):
            own = stories[Current, record.who]
            if not own or own[-1][:2] != (record.state, record.reason):
                own.append((record.state, record.reason, record.t))
        elif isinstance(record, Loss):
            stories[Loss, record.who].append((_LOST, record.cause, record.t))
        elif isinstance(record, Recovery):
            stories[Loss, record.who].append((_BACK, "after a blip" if record.blip else "after an outage", record.t))
    return stories


def _first_difference(name: str, live: list[Stage], simulated: list[Stage]) -> Difference | None:
    for place in range(max(len(live), len(simulated))):
        one = live[place] if place < len(live) else None
        other = simulated[place] if place < len(simulated) else None
        if one is None or other is None or one[:2] != other[:2]:
            at_ms = min(stage[2] for stage in (one, other) if stage is not None)
            return Difference(charger=name, at_ms=at_ms, simulated=_told(other), live=_told(one))
    return None


def _told(stage: Stage | None) -> str:
    return "nothing more" if stage is None else f"{stage[0]} ({stage[1]})"


def _lag(apart: list[int]) -> Lag:
    ordered = sorted(apart)
    last = len(ordered) - 1
    return Lag(count=len(ordered), p50_ms=ordered[last // 2], p95_ms=ordered[last * 95 // 100], max_ms=ordered[last])


def _agreement(live: CheckResult, simulated: CheckResult, noise_s: float) -> Agreement:
    agrees: Literal["yes", "no", "too close to tell"] = "yes" if live.verdict == simulated.verdict else "no"
    if agrees == "no" and {live.verdict, simulated.verdict} == {"pass", "fail"}:
        margin = live.margin if live.verdict == "pass" else simulated.margin
        if margin is not None and margin.unit == "s" and abs(margin.bound - margin.worst) <= noise_s:
            agrees = "too close to tell"
    return Agreement(check=live.name, simulated=simulated.verdict, live=live.verdict, agrees=agrees)
