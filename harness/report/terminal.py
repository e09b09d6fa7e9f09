"""A run as lines of styled text for the terminal. Styles are words; whoever prints decides what they look like."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from harness.check.result import BEHAVIOURS, CheckResult, Witness
from harness.report import parity
from harness.report.clock import Clock
from harness.report.line import Line
from harness.report.outcome import (
    NO_COMMAND,
    VERIFIED,
    Outcome,
    behaviour_verdict,
    called,
    counts_text,
    cut_note,
    difference_text,
    exercised_text,
    invalid_note,
    is_shown,
    mark,
    number,
    repeat_label,
    sentence,
    stage_text,
    surroundings,
    unexercised,
)  # fmt: skip
from harness.report.stays import Share, charged, crowd, given_up, got, left, more, outages
from harness.report.words import tell
from harness.units import unit_for
from harness.values import LiveRun

MARKS = {"pass": "✓", "fail": "✗", "unknown": "?", "warn": "!"}
RUN_STYLES = {"pass": "pass", "fail": "fail", "interrupted": "unknown", "unknown": "unknown", "invalid": "fail"}

_LEAST_ROOM = 24
"""Narrower than this no text is set beside another: it goes below."""
_FIGURE = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|d|A|kWh|Wh|%)\b|%)")
_NO_BREAK = "\N{NO-BREAK SPACE}"
_WITNESS_LINES = 24
_NAME_COLUMN = 28
_STAYS_TOLD = 3
_CHARGERS_NAMED = 12
"""So many chargers are told one by one; report.md has them all."""


def lines(outcome: Outcome, *, width: int = 80) -> list[Line]:
    """All that a run shows, in lines of at most ``width`` characters (but for words that are longer)."""
    return [
        *_head(outcome, width),
        *_behaviours(outcome, width),
        *_checks(outcome, width),
        *_failures(outcome, width),
        *_chargers(outcome, width),
        *_metrics(outcome, width),
        *_parity(outcome),
        *_foot(outcome, width),
    ]


def brief(outcome: Outcome, *, width: int = 80) -> list[Line]:
    """One of several runs: a line, and for one that did not pass why, the command that repeats it and where its report is."""
    judgement = outcome.judgement
    style = RUN_STYLES[judgement.verdict]
    counts = {verdict: sum(result.verdict == verdict for result in judgement.checks) for verdict in ("pass", "fail")}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "no checks"
    head: Line = (
        (f"{MARKS[style]} ", style),
        (f"{outcome.scenario.name:{_NAME_COLUMN}}", "title"),
        (f"  {judgement.verdict:11}", style),
        (f"  {told}", "quiet"),
    )
    if judgement.verdict == "pass":
        return [head, *_parity(outcome), *_places(outcome)]
    return [head, *_parity(outcome), *_reasons(outcome, width), *_repeat(outcome)]


def missing(source: str) -> Line:
    """One of several runs that could not be made; why was told on standard error."""
    return ((f"{MARKS['fail']} ", "fail"), (f"{source:{_NAME_COLUMN}}", "title"), ("  not run", "fail"))


def total(outcomes: Sequence[Outcome], wanted: int) -> Line:
    """The last line after several runs, of which ``wanted`` were asked for."""
    passed = sum(outcome.judgement.verdict == "pass" for outcome in outcomes)
    return ((f"{passed} of {wanted} scenarios passed", "pass" if passed == wanted else "fail"),)


def _beside(lead: Line, text: str, column: int, width: int, *, style: str = "", indent: str = "") -> Iterator[Line]:
    """``lead``, and from ``column`` on the text, its further lines indented more; below the lead where it does not fit beside."""
    used = sum(len(span) for span, _ in lead)
    if used > column or width - column < _LEAST_ROOM:
        yield lead
        lead, used, column = (), 0, 6
    first, *rest = _wrapped(text, width - column, indent) or [""]
    yield (*lead, (" " * (column - used) + first, style))
    yield from (((" " * column + line, style),) for line in rest)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """The text in lines; a figure stays on the line of its unit."""
    kept = _FIGURE.sub(_NO_BREAK, text)
    lines = textwrap.wrap(kept, max(width, _LEAST_ROOM), subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in lines]


def _head(outcome: Outcome, width: int) -> Iterator[Line]:
    name = outcome.scenario.name
    yield from _beside(((name, "title"),), outcome.scenario.title, len(name) + 2, width)
    yield from (((line, "unknown"),) for line in _wrapped(cut_note(outcome) or invalid_note(outcome), width))
    yield from (((line, "title"),) for line in _wrapped(stage_text(outcome), width))
    yield from (((line, "quiet"),) for text in surroundings(outcome).values() for line in _wrapped(text, width, "  "))
    yield from (((line, ""),) for line in _wrapped(outcome.outline.sentence(outcome.scenario), width))


def _behaviours(outcome: Outcome, width: int) -> Iterator[Line]:
    yield ()
    column = max(map(len, BEHAVIOURS))
    for name in BEHAVIOURS:
        verdict = behaviour_verdict(outcome.judgement, name)
        style = "" if outcome.judgement.behaviours.get(name, 0) else "quiet"
        lead = ((f"{MARKS[verdict]} ", verdict), (name, "title"))
        yield from _beside(lead, exercised_text(outcome.judgement, name), column + 4, width, style=style)


def _checks(outcome: Outcome, width: int) -> Iterator[Line]:
    shown = [result for result in outcome.judgement.checks if is_shown(result)]
    yield ()
    column = min(max((len(result.name) for result in shown), default=0), width // 2)
    for result in shown:
        yield from _check(result, column, width)
    if not shown:
        yield (("No check was triggered.", "unknown"),)
    idle = unexercised(outcome.judgement)
    if idle:
        text = f"Promised, not exercised: {'; '.join(idle)}"
        yield from (((line, "quiet"),) for line in _wrapped(text, width, "  "))


def _check(result: CheckResult, column: int, width: int) -> Iterator[Line]:
    style = mark(result)
    known = f"known failure ({result.known}): " if result.known else ""
    lead = ((f"{MARKS[style]} ", style), (result.name, ""))
    yield from _beside(lead, known + counts_text(result), column + 4, width, style="" if result.met or result.failed else "quiet")


def _failures(outcome: Outcome, width: int) -> Iterator[Line]:
    clock = Clock(outcome.scenario)
    shown: list[CheckResult] = []
    for result in outcome.judgement.checks:
        if result.verdict != "fail":
            continue
        style = mark(result)
        yield ()
        yield from _beside(((f"{MARKS[style]} {result.name}", style),), _whose(result, outcome.live), len(result.name) + 4, width)
        yield from (((f"  {line}", ""),) for line in _wrapped(sentence(result.says), width - 2))
        if result.witness:
            yield from _rule(result.witness, clock, outcome.live, width)
            before = next((other.name for other in shown if other.witness and other.witness.records == result.witness.records), "")
            yield from [((f"    the events of {before}", "quiet"),)] if before else _events(result.witness, clock, width)
            shown.append(result)


def _whose(result: CheckResult, live: LiveRun | None) -> str:
    names = result.failing
    return ", ".join(called(name, live) for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _rule(witness: Witness, clock: Clock, live: LiveRun | None, width: int) -> Iterator[Line]:
    where = f"{clock.tell(witness.t)}{f'  {called(witness.charger, live)}' if witness.charger else ''}: "
    yield from (((f"  {line}", "title"),) for line in _wrapped(where + clock.translate(witness.rule), width - 2, "  "))


def _events(witness: Witness, clock: Clock, width: int) -> Iterator[Line]:
    told = [
        (clock.tell(record.t), f"{record.who}: " if record.who not in {"", witness.charger} else "", tell(record, clock))
        for record in witness.records
    ]
    hidden = len(told) - _WITNESS_LINES
    if hidden > 0:
        # The beginning says how it came about, the end shows the violation.
        told[_WITNESS_LINES // 2 : -(_WITNESS_LINES // 2)] = [("", "", f"… {hidden} more {unit_for(hidden, 'events')}, all in result.json")]
    column = max((len(time) for time, _, _ in told), default=0)
    for time, who, event in told:
        yield from _beside(((f"    {time}", "quiet"),), who + event, column + 6, width)


def _chargers(outcome: Outcome, width: int) -> Iterator[Line]:
    """Each named charger's stays and outages, and each crowd's sums."""
    if outcome.stays is None:
        return
    clock = Clock(outcome.scenario)
    shares = outcome.stays.shares
    single = [share for share in shares if not share.members]
    shown = [share for share in shares if share.members or share in single[:_CHARGERS_NAMED]]
    yield ()
    names = {share.name: f"{share.name} ({share.members})" if share.members else called(share.name, outcome.live) for share in shown}
    column = min(max(map(len, names.values())), width // 3)
    for share in shown:
        told = _told(share, clock)
        without = outages(share, outcome.stays, clock)
        told += [f"without its server: {without}"] if without != "never" else []
        told += [f"gave up messages of transactions: {lost}"] if (lost := given_up(share)) else []
        lead: Line = ((f"  {names[share.name]}", "title"),)
        for text in told:
            yield from _beside(lead, text, column + 4, width, indent="  ")
            lead = ()
    beyond = len(single) - _CHARGERS_NAMED
    if beyond > 0:
        yield ((f"  and {beyond} more {unit_for(beyond, 'chargers')}, in report.md", "quiet"),)


def _told(share: Share, clock: Clock) -> list[str]:
    if share.members:
        return [f"{crowd(share)}; {got(share)}"]
    told = []
    for visit in share.visits[:_STAYS_TOLD]:
        energy = f"; {got(visit)}" if visit.ended_ms >= 0 else ""
        told.append(f"in {clock.brief(visit.plugged_ms)}, {charged(visit, clock, verb='charges')}{energy}; out {left(visit, clock)}")
    told += [text for text in (more(share, len(told)),) if text]
    return told or ["no car came"]


def _metrics(outcome: Outcome, width: int) -> Iterator[Line]:
    metrics = {name: metric for name, metric in outcome.judgement.metrics.items() if metric.value is not None}
    if not metrics:
        return
    yield ()
    column = max(map(len, metrics))
    figures = {name: number(metric.value) for name, metric in metrics.items()}
    right = max(map(len, figures.values()))
    for name, metric in metrics.items():
        figure = f"  {name:{column}}  {figures[name]:>{right}} {unit_for(metric.value, metric.unit)}"
        difference = difference_text(name, metric)
        if difference:
            yield from _beside(((figure, ""),), f"({difference})", len(figure) + 2, width, style="quiet")
        else:
            yield ((figure, ""),)


def _parity(outcome: Outcome) -> Iterator[Line]:
    """With ``--parity``: whether the live run agrees with the simulated one."""
    found = outcome.parity
    if found is None:
        return
    style = "pass" if found.holds else "fail"
    yield ()
    yield ((f"{MARKS[style]} parity", style), (f"  {parity.verdict(found)}", style))
    yield from parity.lines(found, outcome.scenario)


def _foot(outcome: Outcome, width: int) -> Iterator[Line]:
    verdict = outcome.judgement.verdict
    style = RUN_STYLES[verdict]
    yield ()
    yield ((f"{MARKS[style]} {verdict}", style),)
    yield from _reasons(outcome, width)
    yield from _repeat(outcome)


def _reasons(outcome: Outcome, width: int) -> Iterator[Line]:
    for reason in outcome.judgement.reasons:
        yield from (((f"  {line}", ""),) for line in _wrapped(reason, width - 2, "  "))


def _repeat(outcome: Outcome) -> Iterator[Line]:
    told = outcome.command or NO_COMMAND
    yield ((f"{repeat_label(outcome):8} ", "quiet"), (told, ""))
    yield from _places(outcome)


def _places(outcome: Outcome) -> Iterator[Line]:
    if outcome.verified:
        yield (("verified ", "quiet"), (f"{VERIFIED}, digest {outcome.digest}", ""))
    if outcome.folder:
        yield (("reports  ", "quiet"), (outcome.folder, ""))
