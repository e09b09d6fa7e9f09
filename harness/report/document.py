"""A run as ``result.json``: the form that programs read, with a version and a JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from harness.check.result import CheckResult, CheckVerdict, Margin, RunVerdict, Witness
from harness.report.comparison import Parity
from harness.report.outcome import Machine, Outcome
from harness.values import LiveRun


class Check(Struct, kw_only=True):
    """A check and what became of its obligations."""

    name: str
    verdict: Annotated[CheckVerdict, Meta(description="Any obligation failed: fail; else any met: pass; else unknown.")]
    met: int
    failed: int
    cancelled: Annotated[int, Meta(description="Obligations whose premise ended before they were due.")]
    pending: Annotated[int, Meta(description="Obligations not yet due when the run ended.")]
    margin: Annotated[Margin | None, Meta(description="How near the worst met obligation came to its bound.")]
    witness: Annotated[Witness | None, Meta(description="The first violation and the records that show it, in time order.")]
    says: Annotated[str, Meta(description="What the check demands.")]
    exempt: Annotated[int, Meta(description="Of the cancelled ones, those ended by a fault under which this is not promised.")]
    severity: Literal["fail", "warn"]
    origin: Literal["contract", "scenario", "limit"]
    failing: Annotated[list[str], Meta(description="The chargers with a failed obligation.")]
    known: Annotated[str, Meta(description="The reason of the known failure that this is, or empty.")]
    why: Annotated[str, Meta(description="For unknown: why nothing could be decided.")]


class Metric(Struct, kw_only=True):
    """A metric; one with a twin is the run's figure less the twin's."""

    value: float | int | None
    unit: str
    run: float | int | None
    twin: float | int | None


class Journal(Struct, kw_only=True):
    """The journal that this is the judgement of."""

    records: int
    digest: Annotated[str, Meta(description="SHA-256 of its uncompressed lines before the footer; empty where it was cut off.")]


class Result(Struct, kw_only=True):
    """The result of a run."""

    schema: Annotated[Literal[1], Meta(description="The document's version; it grows when a reader of the old one would misread it.")]
    harness: Annotated[str, Meta(description="The version that ran it.")]
    scenario: Annotated[str, Meta(description="The scenario's name.")]
    title: str
    start: Annotated[str, Meta(description="The run's start, from which records count their milliseconds: UTC, ISO 8601.")]
    zone: Annotated[str, Meta(description="Whose local times the other reports tell.")]
    seed: int
    verdict: RunVerdict
    exit_code: int
    reasons: Annotated[list[str], Meta(description="Why the verdict is not pass.")]
    outage: Annotated[str, Meta(description="The outage in one line.")]
    behaviours: Annotated[dict[str, int], Meta(description="The four behaviours, and how often each was exercised.")]
    checks: list[Check]
    unexercised: Annotated[list[str], Meta(description="Contract clauses that nothing triggered.")]
    metrics: dict[str, Metric]
    command: Annotated[str, Meta(description="The command that repeats the run, or judges its journal again; empty where there is none.")]
    complete: Annotated[bool, Meta(description="The run came to its end; false: it was cut off, and this judges it as far as it went.")]
    live: Annotated[LiveRun | None, Meta(description="How a live run was made; null for a simulated one.")]
    parity: Annotated[Parity | None, Meta(description="What came of comparing it with the simulated run; null where it was not compared.")]
    verified: Annotated[bool, Meta(description="It was run in two fresh processes, which wrote the same journal.")]
    journal: Journal
    machine: Machine | None


def render(outcome: Outcome, machine: Machine | None) -> bytes:
    """The document. Without ``machine`` it is the same on every machine."""
    judgement = outcome.judgement
    result = Result(
        schema=1,
        harness=outcome.harness,
        scenario=outcome.scenario.name,
        title=outcome.scenario.title,
        start=outcome.scenario.start,
        zone=outcome.scenario.zone,
        seed=outcome.scenario.seed,
        verdict=judgement.verdict,
        exit_code=judgement.exit_code,
        reasons=judgement.reasons,
        outage=outcome.outline.sentence(outcome.scenario),
        behaviours=judgement.behaviours,
        checks=[_check(check) for check in judgement.checks],
        unexercised=judgement.unexercised,
        metrics={
            name: Metric(value=metric.value, unit=metric.unit, run=metric.run, twin=metric.twin)
            for name, metric in judgement.metrics.items()
        },
        command=outcome.command,
        complete=judgement.verdict != "interrupted",
        live=outcome.live,
        parity=outcome.parity,
        verified=outcome.verified,
        journal=Journal(records=outcome.records, digest=outcome.digest),
        machine=machine,
    )
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    return msgspec.json.schema(Result)


def _check(result: CheckResult) -> Check:
    return Check(**{field: getattr(result, field) for field in Check.__struct_fields__})
