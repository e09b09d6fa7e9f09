"""A run as the Markdown skeleton of an incident review: what the journal knows is filled in, what only people know is a blank."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from harness.check.result import BEHAVIOURS, CheckResult, MetricValue
from harness.fault import RESPONSES
from harness.journal.records import AnyRecord, Fault, Power
from harness.report import parity
from harness.report.chronicle import Chronicle, Kept, Wave
from harness.report.clock import Clock
from harness.report.escape import fenced, markdown
from harness.report.outcome import (
    NO_COMMAND,
    Outcome,
    behaviour_verdict,
    called,
    counts_text,
    cut_note,
    exercised_text,
    invalid_note,
    is_expected,
    is_shown,
    margin_text,
    mark,
    number,
    repeat_label,
    sentence,
    stage_text,
    surroundings,
    unexercised,
)  # fmt: skip
from harness.report.words import tell, with_text
from harness.units import counted, format_duration_ms, joined, times, unit_for
from harness.values import ChargerModel, Clause, ServerModel, Step

FILE_NAME = "postmortem.md"
BLANK = "____ <!-- fill in -->"
"""What only people know. No text of a user can look like it: there each underscore is escaped."""

MOST_ROWS = 40
"""The most rows of the timeline."""
_SHARES = {"milestone": 12, "failure": 6, "step": 10, "server": 6, "deed": 4, "traffic": 2}
"""What is told in a timeline, the weightiest first, and how many rows each kind may have before others had theirs."""
_LEFT_OUT = {
    "milestone": "moments when chargers noticed or were back", "failure": "failures", "step": "beginnings and ends of steps",
    "server": "changes of the server", "deed": "things that drivers did", "traffic": "cars that came or left",
}  # fmt: skip
_MOST_LISTED = 40
"""The most entries of any list."""
_CHARGERS_NAMED = 20
_CLOSE = 0.8
"""A check that used more than this share of its bound was lucky."""
_VERDICTS = {
    "pass": "pass: all that was promised held", "fail": "fail", "unknown": "unknown", "invalid": "invalid: the experiment did not happen",
    "interrupted": "cut off: not a whole run",
}  # fmt: skip
_COSTS = {
    "undelivered_energy": (
        "of what drivers needed was not delivered", "more of what drivers needed was delivered", "drivers got as much energy",
    ),
    "drivers_short": ("more left without what they needed", "fewer left without what they needed", "as many had what they needed"),
    "extra_cost": ("more was paid for energy", "less was paid for energy", "they paid as much for it"),
}  # fmt: skip
"""Metric → what is said of more, of less and of as much as without the faults."""
_SIGNS = {"pass": "✅ held", "fail": "❌ failed", "unknown": "❔ never put to the test"}


class Row(NamedTuple):
    """A row of the timeline."""

    t: int
    kind: str
    told: str


def render(outcome: Outcome, chronicle: Chronicle) -> str:
    """The document. It depends on nothing but its arguments; ``chronicle`` has heard all records of the run."""
    clock = Clock(outcome.scenario)
    parts = (
        _head(outcome, chronicle), _summary(outcome), _impact(outcome, chronicle), _behaviours(outcome),
        _timeline(outcome, chronicle, clock), _detection(outcome, chronicle), _recovery(outcome, chronicle, clock),
        _root_cause(outcome, clock), _went_well(outcome), _went_wrong(outcome, clock), _lucky(outcome), _actions(), _appendix(outcome),
    )  # fmt: skip
    return "\n".join(line for part in parts for line in part) + "\n"


def _text(text: object, most: int = 600) -> str:
    """Text that somebody gave, which acts as no Markdown; what is longer is cut, visibly."""
    told = str(text)
    return markdown(told if len(told) <= most else f"{told[: most - 1]}…")


def _listed(items: Sequence[str], most: int = _MOST_LISTED) -> Iterator[str]:
    yield from (f"- {item}" for item in items[:most])
    if len(items) > most:
        yield f"- and {len(items) - most} more: `result.json` has all"


# The head.


def _head(outcome: Outcome, chronicle: Chronicle) -> Iterator[str]:
    scenario, judgement = outcome.scenario, outcome.judgement
    yield from (f"# Postmortem: {_text(scenario.title or scenario.name)}", "", f"> **{_made(outcome)}**")
    for note in (cut_note(outcome), invalid_note(outcome)):
        if note:
            yield from (">", f"> **{_text(note)}**")
    if stage := stage_text(outcome):
        yield from ("", _text(stage, 4000))
    yield from ("", "What only people know is a blank: look for four underscores in a row.", "", "| | |", "|---|---|")
    rows = {
        "Status": f"draft, {BLANK}",
        "Authors": BLANK,
        "Severity": BLANK,
        "When": _text(_when(outcome, chronicle)),
        "Verdict": _VERDICTS[judgement.verdict],
        "Scenario": _text(scenario.name),
        "Seed": str(scenario.seed),
        "Made by": f"harness {_text(outcome.harness)}, from a journal of {counted(outcome.records, 'records')}",
        "Digest of the journal": f"`{outcome.digest}`" if outcome.digest else "none: it was cut off",
    }
    if _of_a_log(outcome):
        del rows["Seed"]
    if stations := surroundings(outcome).get("stations"):
        rows["Stations"] = _text(stations, 2000)
    if outcome.parity is not None:
        rows["Against the simulated run"] = _text(parity.verdict(outcome.parity))
    yield from (f"| **{name}** | {value} |" for name, value in rows.items())
    if judgement.reasons:
        yield from ("", "Why the verdict is not pass:" if judgement.verdict != "pass" else "Worth a line:", "")
        yield from _listed([_text(Clock(scenario).translate(reason)) for reason in judgement.reasons])
    yield ""
    if outcome.command:
        label = "Repeat it" if repeat_label(outcome) == "repeat" else "Judge its journal again"
        yield from (f"{label}:", "", "```sh", fenced(outcome.command), "```")
    else:
        yield f"Repeat it: {NO_COMMAND}."


def _when(outcome: Outcome, chronicle: Chronicle) -> str:
    """From the first fault to the last charger's return, and by which clocks."""
    clock = Clock(outcome.scenario)
    began_ms = _began_ms(chronicle)
    first = "no fault" if began_ms is None else f"{_beginning(chronicle)} {clock.tell(began_ms)}"
    back_ms = [wave.back_ms[-1] for wave in chronicle.waves.values() if wave.back_ms]
    last = f", last charger back {clock.tell(max(back_ms))}" if back_ms else ""
    return f"{first}{last}. {clock.introduction()}"


def _beginning(chronicle: Chronicle) -> str:
    """What the timeline counts from."""
    return "first fault" if chronicle.first_fault_ms >= 0 else "first loss"


def _of_a_log(outcome: Outcome) -> bool:
    return outcome.live is not None and outcome.live.peer == "log"


def _made(outcome: Outcome) -> str:
    if outcome.live is None:
        return "SIMULATED: no car, driver or server of yours was in it. All below is what models of them did."
    if _of_a_log(outcome):
        return "IMPORTED FROM A LOG: all below is what its frames show."
    return "LIVE: made on purpose, with real software."


# Summary and impact.


def _summary(outcome: Outcome) -> Iterator[str]:
    yield from ("", "## Summary", "")
    yield " ".join(
        (_text(outcome.outline.sentence(outcome.scenario), 2000), _held_told(outcome), _checks_told(outcome), _cost_told(outcome))
    )


def _held_told(outcome: Outcome) -> str:
    """What became of the four behaviours, in a sentence."""
    by_verdict: dict[str, list[str]] = {"pass": [], "fail": [], "unknown": []}
    for name in BEHAVIOURS:
        if is_expected(outcome.judgement, name):
            by_verdict[behaviour_verdict(outcome.judgement, name)].append(f"“{name}”")
    words = {"pass": "held", "fail": "FAILED", "unknown": "was never put to the test"}
    parts = [f"{joined(names)} {words[verdict]}" for verdict, names in by_verdict.items() if names]
    if len(by_verdict["unknown"]) > 1:
        parts[-1] = parts[-1].replace(" was never", " were never")
    if others := [f"“{name}”" for name in BEHAVIOURS if not is_expected(outcome.judgement, name)]:
        parts.append(f"nobody here is held to {joined(others)}")
    return f"Of the four behaviours, {joined(parts)}."


def _checks_told(outcome: Outcome) -> str:
    """How many checks held and which did not, in a sentence."""
    marks = [(mark(result), result) for result in outcome.judgement.checks]
    held = counted(sum(kind == "pass" for kind, _ in marks), "checks") + " held"
    failed = [_text(result.name) for kind, result in marks if kind == "fail"]
    warned = sum(kind == "warn" for kind, _ in marks)
    if not failed:
        return f"{held}, and none failed{f'; {warned} more only warn or are known to fail' if warned else ''}."
    more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
    named = ", ".join(failed[:5]) + more if more else joined(failed)
    return f"{held}, and {len(failed)} FAILED: {named}."


def _cost_told(outcome: Outcome) -> str:
    """What it cost against the run without the faults, in a sentence."""
    parts = []
    for name, (more, less, same) in _COSTS.items():
        metric = outcome.judgement.metrics.get(name)
        if metric is None or metric.value is None:
            return f"What it cost, nobody knows: {_no_twin(outcome)}."
        figure = number(abs(metric.value))
        unit = _text(unit_for(abs(metric.value), metric.unit))
        parts.append(same if float(figure) == 0 else f"{figure} {unit} {more if metric.value > 0 else less}")
    return f"Against the same run without the faults, {joined(parts)}."


def _no_twin(outcome: Outcome) -> str:
    if _of_a_log(outcome):
        return "a log does not show what would have been without the outage"
    return "there is no run without the faults to compare with"


def _impact(outcome: Outcome, chronicle: Chronicle) -> Iterator[str]:
    outline, metrics = outcome.outline, outcome.judgement.metrics
    chargers = len(outcome.scenario.names())
    to_the_end = f", {outline.unrecovered} of them to the end" if outline.unrecovered else ""
    blips = f" ({counted(outline.blips, 'blips')} apart)" if outline.blips else ""
    rows = {
        "Chargers that lost their server": f"{len(outline.chargers)} of {chargers}{to_the_end}{blips}",
        "The longest outage of a charger": format_duration_ms(_rounded(outline.longest_ms)) if outline.outages else "none",
        "Charging sessions with an outage in them": f"{chronicle.sessions_affected} of {chronicle.sessions}",
    }
    for name, words in (
        ("undelivered_energy", "Energy that drivers needed and did not get"),
        ("drivers_short", "Drivers who left without what they needed"),
        ("peak_energy", "Energy at the dearest price"), ("extra_cost", "Cost of energy"),
    ):  # fmt: skip
        rows[f"{words}, against the run without the faults"] = _difference(outcome, metrics.get(name))
    for name, words in (
        ("messages_lost", "Messages that chargers gave up"), ("messages_doubled", "Messages that the server took in twice"),
        ("messages_late", "Messages of transactions taken in late"), ("port_uptime", "Time in which ports could dispense"),
    ):  # fmt: skip
        metric = metrics.get(name)
        rows[words] = "nobody knows" if metric is None or metric.value is None else f"{number(metric.value)}{' %' * (metric.unit == '%')}"
    rows["Customers who complained, and how many"] = BLANK
    rows["What it cost beyond that: support, compensation, reputation"] = BLANK
    yield from ("", "## Impact", "", "| what | how much |", "|---|---|")
    yield from (f"| {name} | {value} |" for name, value in rows.items())


def _difference(outcome: Outcome, metric: MetricValue | None) -> str:
    """A difference from the twin with the two figures behind it; without a twin nobody knows."""
    if metric is None or metric.value is None:
        here = f"{number(metric.run)} {_text(unit_for(metric.run, metric.unit))} in this run; " if metric and metric.run is not None else ""
        return f"nobody knows: {here}{_no_twin(outcome)}"
    sign = "+" if metric.value > 0 else "−" if metric.value < 0 else "±"
    both = f" ({number(metric.run)} with the faults, {number(metric.twin)} without)" if metric.twin is not None else ""
    return f"{sign}{number(abs(metric.value))} {_text(unit_for(metric.value, metric.unit))}{both}"


def _behaviours(outcome: Outcome) -> Iterator[str]:
    yield from ("", "## The four behaviours", "", "| behaviour | | how often |", "|---|---|---|")
    for name in BEHAVIOURS:
        sign = _SIGNS[behaviour_verdict(outcome.judgement, name)]
        yield f"| {name} | {sign} | {_text(exercised_text(outcome.judgement, name))} |"


# The timeline.


def _timeline(outcome: Outcome, chronicle: Chronicle, clock: Clock) -> Iterator[str]:
    rows, left_out = _chosen(_rows(outcome, chronicle, clock), chronicle)
    if outcome.judgement.verdict == "interrupted":
        rows.append(Row(outcome.outline.end_ms, "end", "**the journal ends here: the run was cut off**"))
    zero_ms = _began_ms(chronicle)
    yield from ("", "## Timeline", "", _text(clock.introduction()), "")
    if not rows:
        yield "Nothing happened that has a place here."
        return
    yield from (f"| when | after the {_beginning(chronicle)} | what |", "|---|--:|---|")
    for row in rows:
        after = "" if zero_ms is None or row.t < zero_ms else format_duration_ms(_rounded(row.t - zero_ms))
        yield f"| {clock.tell(row.t)} | {after} | {row.told} |"
    if left_out:
        told = "; ".join(f"{count} {_LEFT_OUT[kind]}" for kind, count in left_out.items())
        yield from ("", f"Left out here: {told}. `harness timeline` tells all, charger by charger.")
    yield from ("", f"What people did, and when: {BLANK}")


def _began_ms(chronicle: Chronicle) -> int | None:
    """When the first fault began, or where the plan has none the first charger lost its server."""
    first_ms = min((wave.first_ms for wave in chronicle.waves.values()), default=None)
    return chronicle.first_fault_ms if chronicle.first_fault_ms >= 0 else first_ms


def _chosen(rows: Sequence[Row], chronicle: Chronicle) -> tuple[list[Row], dict[str, int]]:
    """At most :data:`MOST_ROWS` rows in the order of time, and how many of each kind are left out.

    Each kind has its share first; what one does not need goes to the others, the weightiest first.
    """
    found = Counter(row.kind for row in rows)
    places = {kind: min(found[kind], share) for kind, share in _SHARES.items()}
    for kind in _SHARES:
        places[kind] += min(found[kind] - places[kind], MOST_ROWS - sum(places.values()))
    beyond = {kind: kept.count - len(kept.first) for kind, kept in _gathered(chronicle).items()}
    left_out = {kind: found[kind] - count + beyond.get(kind, 0) for kind, count in places.items()}
    chosen = [row for row, place in zip(rows, _places(rows), strict=True) if place < places[row.kind]]
    return sorted(chosen, key=lambda row: row.t), {kind: count for kind, count in left_out.items() if count}


def _places(rows: Sequence[Row]) -> Iterator[int]:
    """The place of each row among those of its kind."""
    counts = Counter[str]()
    for row in rows:
        yield counts[row.kind]
        counts[row.kind] += 1


def _gathered(chronicle: Chronicle) -> dict[str, Kept]:
    return {"step": chronicle.steps, "server": chronicle.servers, "deed": chronicle.deeds, "traffic": chronicle.traffic}


def _rows(outcome: Outcome, chronicle: Chronicle, clock: Clock) -> list[Row]:
    """All that could stand in the timeline; of one moment the step of the plan first."""
    rows = [
        Row(record.t, kind, _event(outcome, record, clock)) for kind, kept in _gathered(chronicle).items() for record in kept.first
    ]  # fmt: skip
    settled, began_ms = chronicle.settled, _began_ms(chronicle)
    if settled is not None and not settled.who and began_ms is not None and settled.t > began_ms:
        rows.append(Row(settled.t, "milestone", _event(outcome, settled, clock)))
    if chronicle.queued:
        told = f"the last message of a transaction from the outage is taken in, {counted(chronicle.queued, 'messages')} in all"
        rows.append(Row(chronicle.drained_ms, "milestone", told))
    waves = _waves(chronicle)
    for wave in waves:
        rows += _milestones(wave, f" ({_text(wave.step or f'cause: {wave.cause}')})" if len(waves) > 1 else "")
    for result in outcome.judgement.checks:
        if result.witness is not None:
            sign = "❌" if mark(result) == "fail" else "⚠️"
            rows.append(Row(result.witness.t, "failure", f"{sign} **{_text(result.name)}**{_witness(outcome, result, clock)}"))
    return rows


def _waves(chronicle: Chronicle) -> list[Wave]:
    """Those in which any charger lost its server for longer than a blip."""
    return [wave for wave in chronicle.waves.values() if wave.lost]


def _event(outcome: Outcome, record: AnyRecord, clock: Clock) -> str:
    told = tell(record, clock)
    if isinstance(record, Power) and not _of_a_log(outcome):
        told += ", and by no step of the plan"
    whose = f"{called(record.who, outcome.live)}: " if record.who else ""
    return f"**{_text(told)}**" if isinstance(record, Fault) else _text(f"{whose}{told}")


def _milestones(wave: Wave, of: str) -> Iterator[Row]:
    """When the first, the half and the last of the chargers noticed, and when they were back; and when it began, where no step tells."""
    if not wave.step:
        whose = "the charger loses its server" if wave.lost == 1 else f"the first of {wave.lost} chargers loses its server"
        yield Row(wave.first_ms, "milestone", f"{whose}{of}")
    for moments, does, have in ((wave.noticed_ms, "notices", "have noticed"), (wave.back_ms, "is back", "are back")):
        count = len(moments)
        if not count:
            continue
        if wave.lost == 1:
            yield Row(moments[0], "milestone", f"the charger that lost its server {does}{of}")
        elif count > 1 and moments[0] == moments[-1]:
            yield Row(moments[0], "milestone", f"{count} of {wave.lost} chargers that lost their server {have} at once{of}")
        else:
            yield Row(moments[0], "milestone", f"the first charger {does}, of {wave.lost} that lost their server{of}")
            half = (wave.lost + 1) // 2
            if 1 < half < count:
                yield Row(moments[half - 1], "milestone", f"half of them {have}: {half} of {wave.lost}{of}")
            if count > 1:
                yield Row(moments[-1], "milestone", f"the last charger {does}: {count} of {wave.lost} in all{of}")


def _rounded(ms: int) -> int:
    """To the second, where there is more than a minute."""
    return (ms + 500) // 1000 * 1000 if ms > 60_000 else ms


# How it was noticed, and how it ended.


def _detection(outcome: Outcome, chronicle: Chronicle) -> Iterator[str]:
    waves = _waves(chronicle)
    lost, noticed = sum(wave.lost for wave in waves), sum(len(wave.noticed_ms) for wave in waves)
    yield from ("", "## Detection", "", "What a *charger* notices is that its server does not answer. It tells nobody of it.", "")
    if lost:
        others = " The others were over before, or the station had no power or restarted." if noticed < lost else ""
        yield f"- Outages that the charger noticed: {noticed} of {lost}.{others}"
        yield from _spread(outcome, "time_to_notice", "From the loss until the charger noticed")
    else:
        yield "- No charger lost its server for longer than a blip, so there was nothing to notice."
    yield f"- When did your operators notice? {BLANK}"
    yield f"- By what: an alert, a customer, by chance? {BLANK}"
    yield f"- What would have told them sooner? {BLANK}"


def _spread(outcome: Outcome, name: str, words: str) -> Iterator[str]:
    found = [outcome.judgement.metrics.get(f"{name}_{part}") for part in ("p50", "p95", "max")]
    values = [metric.value for metric in found if metric is not None and metric.value is not None]
    if len(values) == len(found):
        half, most, last = (format_duration_ms(_rounded(round(value * 1000))) for value in values)
        yield f"- {words}: half of them within {half}, 19 of 20 within {most}, the last {last}."


def _recovery(outcome: Outcome, chronicle: Chronicle, clock: Clock) -> Iterator[str]:
    outline, metrics = outcome.outline, outcome.judgement.metrics
    waves = _waves(chronicle)
    lost, back = sum(wave.lost for wave in waves), sum(len(wave.back_ms) for wave in waves)
    yield from ("", "## Recovery", "")
    if lost:
        gone = f" {counted(outline.unrecovered, 'chargers')} had not heard from the server when it ended." if outline.unrecovered else ""
        yield f"- Outages that ended: {back} of {lost}.{gone}"
        since = "From the last return of server, path and power, else from the loss, until the charger heard from the server again"
        yield from _spread(outcome, "time_to_recover", since)
    else:
        yield "- No charger lost its server for longer than a blip, so there was nothing to recover."
    peak = metrics.get("peak_reconnects")
    if peak is not None and peak.value is not None:
        yield f"- The most chargers that the server met anew within one second: {number(peak.value)}."
    drain = metrics.get("queue_drain_time")
    if chronicle.queued and drain is not None and drain.value is not None:
        yield (
            f"- Messages of transactions that were older than the recovery: {chronicle.queued}, taken in at the longest"
            f" {format_duration_ms(_rounded(round(drain.value * 1000)))} after their charger was back."
        )
    if chronicle.overrides_after:
        yield f"- Overrides of drivers whose charger was back: {chronicle.overrides_after}."
    began_ms, settled = _began_ms(chronicle), chronicle.settled
    if began_ms is not None and (settled is None or settled.t <= began_ms):
        yield "- It was never all settled again."
    elif settled is not None:
        yield f"- {'The last charger was settled' if settled.who else 'All was settled again'} at {clock.tell(settled.t)}."
    for step in outcome.scenario.plan:
        if step.do in RESPONSES:
            yield f"- Responders: {_step(outcome, step, clock)}"
    yield f"- What did your operators do to end it, and what would have ended it sooner? {BLANK}"


def _root_cause(outcome: Outcome, clock: Clock) -> Iterator[str]:
    yield from ("", "## Root cause", "", f"Why: {BLANK}", "")
    steps = [step for step in outcome.scenario.plan if not (step.do.startswith("driver.") or step.do in RESPONSES)]
    if _of_a_log(outcome):
        yield "The log shows that the server was away, never why."
        return
    if not steps:
        yield "The plan of the scenario has no fault in it."
        return
    yield "What stands below is what the experiment did. Why it would happen to you, only you know."
    yield ""
    yield from _listed([_step(outcome, step, clock) for step in steps])


def _step(outcome: Outcome, step: Step, clock: Clock) -> str:
    """A step of the plan: what, when it acted, on whom, and with what."""
    edges = outcome.outline.edges.get(step.id, [])
    acted = " to ".join(clock.brief(edge) for edge in dict.fromkeys(edges[:2])) or "never"
    more = f" and {times(len(edges) // 2 - 1)} more" if len(edges) > 3 else ""
    given = with_text(step)
    return f"**{_text(step.id)}** ({_text(step.do)}), {_whom(step)}, {acted}{more}{_text(f'; {given}' if given else '')}"


def _whom(step: Step) -> str:
    named = _text(joined(step.to.names)) if step.to.names else "all chargers"
    if step.to.share_permille:
        return f"{step.to.share_permille / 10:g} % of {named}"
    return named if step.to.shard is None else f"shard {step.to.shard}"


# What held, what did not, and what might not have.


def _went_well(outcome: Outcome) -> Iterator[str]:
    yield from ("", "## What went well", "")
    held = [result for result in outcome.judgement.checks if result.verdict == "pass"]
    yield from _listed([f"**{_text(result.name)}** {_text(counts_text(result))}. {_text(sentence(result.says))}" for result in held])
    if not held:
        yield "No check held."
    yield f"- What people did well: {BLANK}"


def _went_wrong(outcome: Outcome, clock: Clock) -> Iterator[str]:
    yield from ("", "## What went wrong", "")
    failed = [result for result in outcome.judgement.checks if result.verdict == "fail"]
    yield from _listed([_failure(outcome, result, clock) for result in failed])
    if not failed:
        yield "- No check failed." if outcome.judgement.verdict != "interrupted" else "- No check had failed when the run was cut off."
    undecided = [result for result in outcome.judgement.checks if result.verdict == "unknown" and is_shown(result)]
    why = [counts_text(result).removeprefix("cannot be decided: ") for result in undecided]
    yield from _listed(
        [f"**{_text(result.name)}** could not be decided: {_text(told)}." for result, told in zip(undecided, why, strict=True)]
    )
    yield f"- What people did that did not help: {BLANK}"


def _failure(outcome: Outcome, result: CheckResult, clock: Clock) -> str:
    """A failed check: what it demands, how often and for whom it failed, and the first time."""
    kind = f" (a known failure: {_text(result.known)})" if result.known else " (it only warns)" if result.severity == "warn" else ""
    named = [called(name, outcome.live) for name in result.failing[:_CHARGERS_NAMED]]
    more = len(result.failing) - len(named)
    who = f" At {_text(', '.join(named), 2000)}{f' and {more} more' if more else ''}." if len(result.failing) > 1 else ""
    first = f" First at {clock.tell(result.witness.t)}{_witness(outcome, result, clock)}" if result.witness else ""
    return f"**{_text(result.name)}**{kind}: {_text(sentence(result.says))} It {_text(counts_text(result))}.{who}{first}"


def _witness(outcome: Outcome, result: CheckResult, clock: Clock) -> str:
    """`` at anna: the rule that was broken.``"""
    witness = result.witness
    if witness is None:
        return ""
    whose = f" at {_text(called(witness.charger, outcome.live))}" if witness.charger else ""
    return f"{whose}: {_text(sentence(clock.translate(witness.rule)))}"


def _lucky(outcome: Outcome) -> Iterator[str]:
    yield from ("", "## Where we were lucky", "", f"- {BLANK}", "")
    close = [result for result in outcome.judgement.checks if result.verdict == "pass" and _used(result) > _CLOSE]
    if close:
        own = "A bound may be what a model itself does, such as its start delay: to meet that exactly is no luck."
        yield from (f"Checks that used more than 80 % of their bound. {own}", "")
        yield from _listed([f"**{_text(result.name)}**: {_text(margin_text(result))}" for result in close])
    else:
        yield "No check that held used more than 80 % of its bound."
    yield ""
    missed = unexercised(outcome.judgement)
    if missed:
        yield from ("Promised, and never put to the test here:", "")
        yield from _listed([_text(clause) for clause in missed])
        yield ""


def _used(result: CheckResult) -> float:
    """How much of its bound a check used at the worst, as a share; 0 where that says nothing."""
    margin = result.margin
    if margin is None or margin.bound <= 0 or margin.worst <= 0:
        return 0
    at_least = result.origin == "limit" and " at least " in result.says and " at most " not in result.says
    return margin.bound / margin.worst if at_least else margin.worst / margin.bound


def _actions() -> Iterator[str]:
    yield from (
        "## Action items",
        "",
        "| what | kind (prevent, detect, mitigate, repair) | who | until when | ticket |",
        "|---|---|---|---|---|",
    )
    yield from [f"| {' | '.join(['____'] * 5)} |"] * 3


# The appendix.


def _appendix(outcome: Outcome) -> Iterator[str]:
    """On whose word that was promised which failed, and what was assumed of those who broke it."""
    scenario = outcome.scenario
    model_of = {member: entry.model for entry in scenario.chargers for member in entry.members()}
    failed = [result for result in outcome.judgement.checks if result.verdict == "fail"]
    concerned: dict[str, ChargerModel | ServerModel] = {}
    yield from ("", "## Appendix: models and their assumptions", "")
    if not failed:
        yield f"No check failed, so no assumption bears on a failure. The models: {_models(scenario.models.values(), scenario.server)}."
        return
    yield from ("What failed was promised on these words:", "")
    for result in failed:
        names = dict.fromkeys(model_of[name] for name in result.failing if name in model_of) or scenario.models
        models: list[ChargerModel | ServerModel] = [*(scenario.models[name] for name in names), scenario.server]
        concerned |= {model.name: model for model in models}
        clauses = {model.name: model.contract[result.name] for model in models if result.name in model.contract}
        yield f"- **{_text(result.name)}**" + ("" if clauses else ": by no contract; the scenario itself asks for it")
        yield from (f"  - {_text(name)}: {_words(clause)}" for name, clause in clauses.items())
    yield from ("", "What is assumed, and not known, of the models that are concerned:")
    for name, model in concerned.items():
        assumed = [f"{_text(path)}: {_text(claim.assumption)}" for path, claim in model.claims.items() if claim.assumption]
        yield from ("", f"**{_text(name)}** ({_text(model.title)})", "")
        yield from _listed(assumed or ["nothing"])


def _words(clause: Clause) -> str:
    unless = f" (assumes {_text(', '.join(clause.assumes))})" if clause.assumes else ""
    return (f"source: {_text(clause.source)}" if clause.source else f"assumption: {_text(clause.assumption) or 'none is given'}") + unless


def _models(models: Iterable[ChargerModel], server: ServerModel) -> str:
    everyone: list[ChargerModel | ServerModel] = [*models, server]
    told = [f"{_text(model.name)} ({counted(sum(bool(claim.assumption) for claim in model.claims.values()), 'assumptions')})"
            for model in everyone[:_MOST_LISTED]]  # fmt: skip
    return ", ".join(told) + (f" and {len(everyone) - _MOST_LISTED} more" if len(everyone) > _MOST_LISTED else "")
