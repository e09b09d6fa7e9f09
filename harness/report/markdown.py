"""A run as Markdown, fit for the summary of a CI job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.check.result import BEHAVIOURS, CheckResult
from harness.report import parity
from harness.report.clock import Clock
from harness.report.escape import fenced
from harness.report.escape import markdown as _text
from harness.report.outcome import (
    NO_COMMAND,
    VERIFIED,
    Outcome,
    behaviour_verdict,
    called,
    counts_text,
    cut_note,
    difference_text,
    invalid_note,
    is_shown,
    judged_by,
    margin_text,
    mark,
    number,
    repeat_label,
    sentence,
    stage_text,
    surroundings,
    unexercised,
    unexercised_text,
)  # fmt: skip
from harness.report.stays import charged, crowd, given_up, got, left, more, outages
from harness.report.travel import FORGETS, TRAVELS
from harness.report.words import tell
from harness.units import counted, times, unit_for
from harness.values import LiveRun

LARGEST_BYTES = 1_000_000
"""Under the 1 MiB that CI services take; what is beyond is cut, visibly."""

_MARKS = {"pass": "✅", "fail": "❌", "unknown": "❔", "warn": "⚠️"}
_RUN_MARKS = {"pass": "pass", "fail": "fail", "invalid": "fail", "unknown": "unknown", "interrupted": "unknown"}


def render(outcome: Outcome, *, largest_bytes: int = LARGEST_BYTES) -> str:
    """The report. Longer than ``largest_bytes`` it is cut at the end of a line, and says so."""
    parts = (_head, _behaviours, _checks, _failures, _chargers, _metrics, _parity, _travel, _foot)
    text = "\n".join(line for part in parts for line in part(outcome))
    return cut(text, "`result.json`", _repeat(outcome), largest_bytes=largest_bytes)


def cut(text: str, where: str, end: Iterable[str] = (), *, largest_bytes: int = LARGEST_BYTES) -> str:
    """A report; longer than ``largest_bytes`` it is cut at the end of a line, and says so and ``where`` all of it is before it ``end``s."""
    whole = text.encode()
    if len(whole) <= largest_bytes:
        return text
    note = f"\n\n**Truncated here: the whole report has {len(whole)} bytes. All of it is in {where}.**\n"
    note += "".join(f"\n{line}" for line in end) + "\n"
    kept = whole[: largest_bytes - len(note.encode()) - len("\n```")]
    kept = kept[: kept.rfind(b"\n")]
    fence = "\n```" if kept.count(b"\n```") % 2 else ""
    return kept.decode() + fence + note


def _head(outcome: Outcome) -> Iterator[str]:
    judgement = outcome.judgement
    yield f"# {_MARKS[_RUN_MARKS[judgement.verdict]]} {_text(outcome.scenario.name)}: {judgement.verdict}"
    yield ""
    yield f"**{_text(outcome.scenario.title)}**"
    yield ""
    if note := cut_note(outcome) or invalid_note(outcome):
        yield from (f"> **{_text(note)}**", "")
    if stage := stage_text(outcome):
        yield from (f"_{_text(stage)}_", "")
    for text in surroundings(outcome).values():
        yield from (_text(text), "")
    yield _text(outcome.outline.sentence(outcome.scenario))
    if judgement.reasons:
        yield ""
        yield from (f"- {_text(reason)}" for reason in judgement.reasons)


def _behaviours(outcome: Outcome) -> Iterator[str]:
    yield from ("", "## The four behaviours", "", "| | behaviour | exercised | by |", "|---|---|---|---|")
    for name in BEHAVIOURS:
        count = outcome.judgement.behaviours.get(name, 0)
        often = times(count) if count else unexercised_text(outcome.judgement, name)
        yield (
            f"| {_MARKS[behaviour_verdict(outcome.judgement, name)]} | {name} | {often} "
            f"| {_text(', '.join(judged_by(outcome.judgement, name)))} |"
        )


def _checks(outcome: Outcome) -> Iterator[str]:
    yield from ("", "## Checks", "", "| | check | held | failed | cancelled | pending | margin |", "|---|---|--:|--:|--:|--:|---|")
    for result in outcome.judgement.checks:
        if not is_shown(result):
            continue
        given_up = f"{result.given_up} of those that held with a message given up" if result.given_up else ""
        notes = given_up or margin_text(result) or _text(result.why)
        known = f"known failure: {_text(result.known)} " if result.known else ""
        yield (
            f"| {_MARKS[mark(result)]} | {_text(result.name)} | {result.met} | {result.failed} | {result.cancelled} | {result.pending} "
            f"| {known}{notes} |"
        )
    if idle := unexercised(outcome.judgement):
        yield ""
        yield f"Promised, not exercised: {_text('; '.join(idle))}."


def _chargers(outcome: Outcome) -> Iterator[str]:
    stays = outcome.stays
    if stays is None:
        return
    clock = Clock(outcome.scenario)
    yield from ("", "## Chargers", "")
    yield from ("| charger | plugged in | charged | energy | left | without its server |", "|---|---|---|---|---|---|")
    for share in stays.shares:
        rows = [
            (clock.brief(visit.plugged_ms), charged(visit, clock), got(visit) if visit.ended_ms >= 0 else "", left(visit, clock))
            for visit in share.visits
        ]
        if share.members:
            rows = [(crowd(share), "", got(share), "")]
        elif text := more(share, len(share.visits)):
            rows.append((text, "", "", ""))
        name = f"{share.name} ({share.members})" if share.members else called(share.name, outcome.live)
        without = outages(share, stays, clock)
        for cells in rows or [("no car came", "", "", "")]:
            yield f"| {_text(name)} | {' | '.join(map(_text, cells))} | {without} |"
            name = without = ""
    lost = [f"{share.name}: {text}" for share in stays.shares if (text := given_up(share))]
    if lost:
        yield from ("", "Messages of transactions that were given up:", "", *(f"- {_text(each)}." for each in lost))


def _metrics(outcome: Outcome) -> Iterator[str]:
    if not outcome.judgement.metrics:
        return
    yield from ("", "## Metrics", "", "Where two figures stand behind a value, it is their difference: what the faults changed.", "")
    yield from ("| metric | value | |", "|---|--:|---|")
    for name, metric in outcome.judgement.metrics.items():
        unit = _text(unit_for(metric.value, metric.unit))
        value = f"{number(metric.value)} {unit}" if metric.value is not None else "not measured"
        yield f"| {_text(name)} | {value} | {_text(difference_text(name, metric))} |"


def _failures(outcome: Outcome) -> Iterator[str]:
    failed = [result for result in outcome.judgement.checks if result.verdict == "fail"]
    if failed:
        yield from ("", "## Failures")
    clock = Clock(outcome.scenario)
    for result in failed:
        yield from _failure(result, clock, outcome.live)


def _failure(result: CheckResult, clock: Clock, live: LiveRun | None) -> Iterator[str]:
    yield from ("", f"### {_MARKS[mark(result)]} {_text(result.name)}", "")
    counts = counts_text(result)
    yield f"{_text(sentence(result.says))} {_text(counts[:1].upper() + counts[1:])}."
    if result.failing:
        who, more = unit_for(len(result.failing), "Chargers"), " and more" if len(result.failing) > 20 else ""
        yield from ("", f"{who}: {_text(', '.join(called(name, live) for name in result.failing[:20]))}{more}.")
    witness = result.witness
    if witness is None:
        return
    whose = f"{_text(called(witness.charger, live))}, " if witness.charger else ""
    yield from ("", f"**{whose}{clock.tell(witness.t)}**: {_text(clock.translate(witness.rule))}")
    if witness.records:
        told = [(clock.tell(record.t), record.who, tell(record, clock)) for record in witness.records]
        times_wide, names_wide = (max(len(row[column]) for row in told) for column in (0, 1))
        yield from ("", "```text")
        yield from (f"{time:{times_wide}}  {who:{names_wide}}  {fenced(event)}" for time, who, event in told)
        yield "```"


def _parity(outcome: Outcome) -> Iterator[str]:
    found = outcome.parity
    if found is None:
        return
    yield from ("", "## Parity", "", f"{_MARKS['pass' if found.holds else 'fail']} {parity.verdict(found)}.", "", "```text")
    yield from (fenced("".join(text for text, _ in line)) for line in parity.lines(found, outcome.scenario))
    yield "```"


def _travel(outcome: Outcome) -> Iterator[str]:
    """How the server's orders travelled, where the server was ours and the wire real."""
    live = outcome.live
    if live is None or live.peer not in ("embedded server", "your charger"):
        return
    for protocol in live.protocols:
        yield from ("", f"## What travelled in {protocol.replace('ocpp', 'OCPP ')}", "", "| order | message |", "|---|---|")
        yield from (f"| {order} | {message} |" for order, message in TRAVELS[protocol].items())
    yield from ("", FORGETS)


def _foot(outcome: Outcome) -> Iterator[str]:
    yield ""
    yield from _repeat(outcome)
    yield ""
    digest = f", digest `{outcome.digest}`" if outcome.digest else ""
    yield f"harness {outcome.harness}, seed {outcome.scenario.seed}, {counted(outcome.records, 'records')}{digest}"
    yield ""


def _repeat(outcome: Outcome) -> Iterator[str]:
    if outcome.verified:
        yield from (f"Verified: {VERIFIED}.", "")
    if not outcome.command:
        yield f"Repeat it: {NO_COMMAND}."
        return
    label = "Repeat it" if repeat_label(outcome) == "repeat" else "Judge its journal again"
    yield from (f"{label}:", "", "```sh", fenced(outcome.command), "```")
