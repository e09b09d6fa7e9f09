"""The whole page: what a manager reads first, then all that an engineer needs, in one file."""

from __future__ import annotations

from collections.abc import Sequence

from harness.check.result import BEHAVIOURS, CheckResult, MetricValue
from harness.regression.changes import Changes
from harness.report import parity
from harness.report.clock import Clock
from harness.report.html import changes, sequence, tables
from harness.report.html.document import document
from harness.report.html.gather import Gatherer
from harness.report.html.text import name, say, tag
from harness.report.html.timeline import Timeline, chosen
from harness.report.outcome import (
    Outcome,
    behaviour_verdict,
    counts_text,
    cut_note,
    exercised_text,
    invalid_note,
    mark,
    number,
    sentence,
    stage_text,
    surroundings,
)  # fmt: skip
from harness.units import format_duration_ms, unit_for

_SIGNS = {"pass": "✓", "fail": "✗", "unknown": "?", "warn": "!", "invalid": "✗", "interrupted": "…"}
_VERDICTS = {
    "pass": "PASS", "fail": "FAIL", "unknown": "UNKNOWN", "invalid": "INVALID: the experiment did not happen",
    "interrupted": "CUT OFF: not a whole run",
}  # fmt: skip
_FAILURES_FIRST = 5
"""So many failures are told on the first screen."""


def render(outcome: Outcome, gathered: Gatherer, twin_wh: Sequence[int] = (), changed: Changes | None = None) -> bytes:
    """The page. It depends on nothing but its arguments: a run, what was gathered of it, the twin's energy over time, and what has
    changed since a baseline."""
    scenario = outcome.scenario
    clock = Clock(scenario)
    timeline = Timeline(scenario, gathered, twin_wh, outcome.outline.causes)
    shown = chosen(scenario, gathered, outcome.judgement)
    failures = [check for check in outcome.judgement.checks if check.witness is not None]
    drawn = timeline.section(shown, _pins(failures, clock, scenario.duration_ms))
    sections = [
        ("timeline", "What happened, and why a car charged or not", drawn),
        ("failures", "Failures", _failures(failures, gathered, clock)),
        ("checks", "Checks", tables.checks(outcome)),
        ("idle", "Why cars that wanted energy did not charge", tables.idle(gathered)),
        ("messages", "Messages", tables.messages(gathered)),
        ("chargers", "Chargers", tables.chargers(outcome, gathered, shown)),
        ("plan", "The plan", tables.plan(scenario, gathered, clock)),
        ("metrics", "All figures", tables.metrics(outcome)),
        ("models", "Models, their assumptions and sources", tables.models(scenario)),
        ("repeat", "How this was made, and how to repeat it", tables.origin(outcome)),
    ]
    body = _first_screen(outcome, gathered, clock, changed) + "".join(
        tag("section", tag("h2", say(title)) + content, id=id_) for id_, title, content in sections if content
    )
    return document(scenario.title or scenario.name, body + timeline.data(), script=True)


def _pins(failures: list[CheckResult], clock: Clock, duration_ms: int) -> dict[str, str]:
    """For each charger the marks that lead from its lane to its failures, those of one moment beside each other."""
    pins: dict[str, str] = {}
    near: dict[tuple[str, int], int] = {}
    for place, check in enumerate(failures):
        assert check.witness is not None
        charger, percent = check.witness.charger, 100 * min(check.witness.t, duration_ms) / max(1, duration_ms)
        beside = near[charger, round(percent)] = near.get((charger, round(percent)), -1) + 1
        style = f"left:{percent:.3f}%;margin-left:{1.4 * beside - 0.65:.2f}rem"
        words = f"{check.name} failed at {clock.tell(check.witness.t)}"
        pin = tag("a", "✗", class_="pin", href=f"#failure-{place}", style=style, aria_label=words, title=words)
        pins[charger] = pins.get(charger, "") + pin
    return pins


# The first screen.


def _first_screen(outcome: Outcome, gathered: Gatherer, clock: Clock, changed: Changes | None) -> str:
    scenario, judgement = outcome.scenario, outcome.judgement
    live = outcome.live
    made = "SIMULATED" if live is None else "IMPORTED FROM A LOG" if live.peer == "log" else "LIVE, with real software"
    verdict = judgement.verdict
    head = (
        tag("p", tag("span", made, class_="made") + f" outage report · {name(scenario.name)}", class_="kind")
        + tag("h1", name(scenario.title or scenario.name, 200))
        + tag("p", f'<b class="mark {verdict}">{_SIGNS[verdict]}</b> {_VERDICTS[verdict]}', class_=f"verdict {verdict}")
        + tag("p", say(clock.translate(outcome.outline.sentence(scenario)), 1000), class_="outage")
    )  # fmt: skip
    notes = [cut_note(outcome), invalid_note(outcome), stage_text(outcome), *surroundings(outcome).values()]
    notes += [f"Against the simulated run: {parity.verdict(outcome.parity)}."] if outcome.parity else []
    head += "".join(tag("p", say(note, 2000), class_="note-line") for note in notes if note)
    behaviours = "".join(_behaviour(outcome, each) for each in BEHAVIOURS)
    parts = [
        ("behaviours", "The four behaviours", tag("ul", behaviours, class_="four")),
        ("failed", *_told_failures(outcome, clock)),
        ("cost", "What it cost, against the same run without the faults", _cost(outcome, gathered)),
        ("change", "Since the baseline", changes.section(changed) if changed else ""),
        ("why", "What was tested, and why", tag("p", say(scenario.why, 4000)) if scenario.why else ""),
    ]
    sections = (tag("section", tag("h2", title) + content, id=id_) for id_, title, content in parts if content)
    return tag("header", head) + "".join(sections)


def _behaviour(outcome: Outcome, behaviour: str) -> str:
    verdict = behaviour_verdict(outcome.judgement, behaviour)
    words = {"pass": "held", "fail": "FAILED", "unknown": "never put to the test"}[verdict]
    told = f"<b>{say(behaviour)}</b> {words}<br><small>{say(exercised_text(outcome.judgement, behaviour))}</small>"
    return tag("li", _sign(verdict) + tag("span", told))


def _sign(verdict: str) -> str:
    return f'<b class="mark {verdict}">{_SIGNS[verdict]}</b>'


def _told_failures(outcome: Outcome, clock: Clock) -> tuple[str, str]:
    """A title, and what failed, for whom and when, in a sentence each; nothing where nothing did."""
    judgement = outcome.judgement
    failed = [check for check in judgement.checks if mark(check) in {"fail", "warn"}]
    others = [] if failed or judgement.verdict == "pass" else judgement.reasons[:_FAILURES_FIRST]
    rows = [_told_failure(check, clock) for check in failed[:_FAILURES_FIRST]]
    rows += [tag("li", say(clock.translate(reason), 600)) for reason in others]
    more = len(failed) - _FAILURES_FIRST
    rows += [tag("li", f"and {more} more, below")] if more > 0 else []
    return "What failed" if failed else "Why the verdict is not pass", tag("ul", "".join(rows), class_="failed") if rows else ""


def _told_failure(check: CheckResult, clock: Clock) -> str:
    witness = check.witness
    who, when = "the fleet as a whole", "."
    if check.failing:
        who = name(check.failing[0])
    if len(check.failing) > 1:
        who = f"{len(check.failing)} chargers" + (f" ({name(witness.charger)} first)" if witness else "")
    if witness and check.failing:
        when = sentence(f", first at {clock.tell(witness.t)}: {clock.translate(witness.rule)}")
    known = f" (a known failure: {check.known})" if check.known else " (a warning)" if mark(check) == "warn" else ""
    told = f'<b>{say(sentence(check.says))}</b> Not so for {who}{say(when, 600)}{say(known)} <a href="#checks">{say(check.name)}</a>'
    return tag("li", _sign(mark(check)) + tag("span", told))


def _figure(value: str, unit: str, words: str, note: str = "") -> str:
    small = f"<small>{say(note)}</small>" if note else ""
    return tag("li", f'<b>{say(value)}</b> <span class="unit">{say(unit)}</span><p>{say(words)}</p>{small}')


def _cost(outcome: Outcome, gathered: Gatherer) -> str:
    outline = outcome.outline
    metrics = outcome.judgement.metrics
    chargers = len(gathered.courses)
    rows = [
        _figure(format_duration_ms(round(outline.longest_ms, -3)) if outline.outages else "none", "", "the longest outage of a charger"),
        _figure(f"{len(outline.chargers)} of {chargers}", "", "chargers lost their server", "blips apart"),
        _figure(f"{gathered.sessions_affected} of {gathered.sessions}", "", "charging sessions had an outage in them"),
    ]
    compared = (
        ("undelivered_energy", "energy that drivers needed and did not get"), ("drivers_short", "who left without the energy they needed"),
        ("peak_energy", "energy at the dearest price"), ("extra_cost", "paid for energy"),
    )  # fmt: skip
    rows += [_difference(metrics[key], words) for key, words in compared if key in metrics]
    for key, words in (("time_to_notice", "until chargers noticed the loss"), ("time_to_recover", "until chargers were back")):
        values = [metrics[f"{key}_{part}"].value for part in ("p50", "p95", "max") if f"{key}_{part}" in metrics]
        if len(values) == 3:
            median, most, longest = (_lasts(value) for value in values)
            rows.append(_figure(median, "", f"{words}, half of them", f"19 of 20 within {most}, the last {longest}"))
    return tag("ul", "".join(rows), class_="figures")


def _lasts(seconds: float | None) -> str:
    return "–" if seconds is None else format_duration_ms(round(seconds) * 1000 if seconds >= 60 else round(seconds * 1000))


def _difference(metric: MetricValue, words: str) -> str:
    unit = unit_for(metric.value, metric.unit)
    if metric.value is None:
        return _figure(number(metric.run), unit, words, "in this run; there is none without the faults to compare with")
    both = f"{number(metric.run)} with the faults, {number(metric.twin)} without them"
    value = round(metric.value, 2)
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return _figure(f"{sign}{number(abs(value))}", unit, words, both)


# Failures.


def _failures(failures: list[CheckResult], gathered: Gatherer, clock: Clock) -> str:
    """Each failure with what went back and forth around it."""
    parts = []
    for place, (check, watched) in enumerate(zip(failures, gathered.watched, strict=True)):
        witness = watched.witness
        more = f" and {len(check.failing) - 1} more" if len(check.failing) > 1 else ""
        where = f"at {name(witness.charger)}{more}" if witness.charger else "of the fleet"
        counts = counts_text(check)
        text = f"{sentence(check.says)} {sentence(counts[:1].upper() + counts[1:])}"
        title = tag("h3", f"{_sign(mark(check))} {say(check.name)}, {where}")
        parts.append(tag("article", title + tag("p", say(text, 900)) + sequence.diagram(watched, clock), id=f"failure-{place}"))
    return "".join(parts)
