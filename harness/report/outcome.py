"""What reports are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from harness.check.result import BEHAVIOURS, CheckResult, Judgement
from harness.report.outline import Outline
from harness.values import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run that was judged: all that a report tells."""

    scenario: Scenario
    judgement: Judgement
    outline: Outline
    harness: str
    """The version that ran it."""
    records: int
    """How many records its journal holds."""
    digest: str
    """The journal's digest; empty where it was cut off."""
    command: str
    """The command that repeats it."""
    folder: str = ""
    """Where its files are; empty where none were kept."""


class Machine(Struct, frozen=True, kw_only=True):
    """What describes the machine and the moment, not the run."""

    python: str
    platform: str
    started: Annotated[str, Meta(description="UTC, ISO 8601.")]
    seconds: Annotated[float, Meta(description="How long running and judging took.")]


def mark(result: CheckResult) -> str:
    """``pass``, ``fail``, ``unknown``, or ``warn`` for a violation that does not fail the run."""
    return "warn" if result.verdict == "fail" and (result.severity == "warn" or result.known) else result.verdict


def behaviour_verdict(judgement: Judgement, name: str) -> str:
    """The verdict on one of the four behaviours: that of its checks, or unknown where none was exercised."""
    verdicts = {result.verdict for result in judgement.checks if result.name in BEHAVIOURS[name]}
    if "fail" in verdicts:
        return "fail"
    return "pass" if judgement.behaviours.get(name, 0) else "unknown"


def times(count: int) -> str:
    """``once``, ``twice``, ``14 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def number(value: float | None) -> str:
    """A figure for people: at most three decimals, none that say nothing; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def margin_text(result: CheckResult) -> str:
    """``worst 41 s of 60 s``, or nothing."""
    margin = result.margin
    if margin is None:
        return ""
    return f"worst {number(margin.worst)} {margin.unit} of {number(margin.bound)} {margin.unit}"


def counts_text(result: CheckResult) -> str:
    """``failed twice, held 14 times, 3 cancelled (1 exempt), 1 pending, worst 41 s of 60 s``."""
    parts = [f"failed {times(result.failed)}"] if result.failed else []
    parts += [f"held {times(result.met)}"] if result.met else []
    exempt = f" ({result.exempt} not promised under a fault)" if result.exempt else ""
    parts += [f"{result.cancelled} cancelled{exempt}"] if result.cancelled else []
    parts += [f"{result.pending} pending"] if result.pending else []
    parts += [margin_text(result)] if result.margin else []
    if result.verdict == "unknown" and result.why:
        parts.insert(0, result.why)
    return ", ".join(parts) or "nothing triggered it"
