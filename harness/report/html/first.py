"""The first screen of the page: for whoever has a minute and has never seen such a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.check.result import BEHAVIOURS, CheckResult, Judgement, MetricValue
from harness.fault import RESPONSES
from harness.report import parity
from harness.report.clock import Clock
from harness.report.html.gather import Gatherer, Span
from harness.report.html.text import name, say, tag
from harness.report.outcome import (
    Outcome,
    behaviour_verdict,
    cut_note,
    invalid_note,
    is_expected,
    judged_by,
    mark,
    sentence,
    stage_text,
    surroundings,
    unexercised_text,
)  # fmt: skip
from harness.units import counted, format_duration_ms, times, unit_for

if TYPE_CHECKING:
    from harness.regression.changes import Changes

SIGNS = {"pass": "✓", "fail": "✗", "unknown": "?", "warn": "!", "invalid": "✗", "interrupted": "…"}
_VERDICTS = {
    "pass": "PASS", "fail": "FAIL", "unknown": "UNKNOWN", "invalid": "INVALID: the experiment did not happen",
    "interrupted": "CUT OFF: not a whole run",
}  # fmt: skip
_MEANS = {
    "charging continues": "With the server away, a car that charges goes on, and one that comes can charge.",
    "TOU is suspended": "With the server away, time-of-use (TOU) charging, which waits for cheap hours, keeps no car from charging.",
    "unplugging clears the schedule": "With the server away, a station that loses mains forgets that its car was to wait, and charges it.",
    "an override is needed after recovery": "With the server back, cars wait for the cheap hours again, until their drivers override that.",
}
"""Each of the four behaviours, for those who do not know it: what it is where it is promised."""
_COSTS = {
    "undelivered_energy": ("more missing to drivers when they left", "more that reached drivers who needed it", "missing to drivers"),
    "drivers_short": ("more who left with less than needed", "more who left with what they needed", "left with less than needed"),
    "peak_energy": ("more charged at the dearest price", "less charged at the dearest price", "charged at the dearest price"),
    "extra_cost": ("more paid for energy by all drivers", "less paid for energy by all drivers", "paid for energy by all drivers"),
}  # fmt: skip
"""Metric → what is said of a rise, of a fall, and of the figure itself."""
_KEPT = {"pass": "kept", "fail": "BROKEN", "unknown": "never put to the test"}
_SAFETY = ("current-within-limits", "load-group-within-capacity", "settings-remembered")
"""What is told first, as it may harm more than a driver's morning."""
_FAILURES_FIRST = 5
_NAMED = 6
_STEPS_NAMED = 4


def sign(verdict: str) -> str:
    """The mark of a verdict."""
    return f'<b class="mark {verdict}">{SIGNS[verdict]}</b>'


def screen(outcome: Outcome, gathered: Gatherer, clock: Clock, changed: Changes | None) -> str:
    """What was tested and what came of it; the four behaviours; what failed; how large the outage was, and what it cost."""
    size, cost = _size(outcome, gathered), _cost(outcome.judgement)
    parts = [
        ("behaviours", "Four behaviours that a maker may promise of chargers without their server",
         tag("ul", "".join(_behaviour(outcome.judgement, each) for each in BEHAVIOURS), class_="four")),
        ("failed", *_failures(outcome, gathered, clock)),
        ("cost", "What the faults cost: this run, less the same run without them", tag("ul", cost, class_="figures") if cost else ""),
        ("size", "How large the outage was", tag("ul", size, class_="figures")),
        ("change", "Since the baseline", _changes(changed) if changed else ""),
    ]  # fmt: skip
    sections = (tag("section", tag("h2", title) + content, id=id_) for id_, title, content in parts if content)
    return tag("header", _head(outcome, gathered, clock)) + "".join(sections)


def _changes(changed: Changes) -> str:
    from harness.report.html import changes

    return changes.section(changed)


def _head(outcome: Outcome, gathered: Gatherer, clock: Clock) -> str:
    scenario, live = outcome.scenario, outcome.live
    made, real = "SIMULATED", "no real charger, car or server took part"
    if live is not None:
        made, real = ("IMPORTED FROM A LOG", "") if live.peer == "log" else ("LIVE", "with real software")
    verdict = outcome.judgement.verdict
    lines = [
        tag(
            "p",
            f"{tag('span', made, class_='made')} {' · '.join(filter(None, (real, 'outage report', name(scenario.name))))}",
            class_="kind",
        ),
        tag("h1", name(scenario.title or scenario.name, 200)),
        tag("p", f"{sign(verdict)} {_VERDICTS[verdict]}{_how_many(outcome.judgement, len(gathered.courses))}", class_=f"verdict {verdict}"),
        tag("p", say(clock.translate(outcome.outline.sentence(scenario)), 1000), class_="outage"),
    ]
    notes = [_plan(gathered, clock), cut_note(outcome), invalid_note(outcome), stage_text(outcome), *surroundings(outcome).values()]
    notes += [f"Against the simulated run: {parity.verdict(outcome.parity)}."] if outcome.parity else []
    lines += [tag("p", say(note, 2000), class_="note-line") for note in notes if note]
    lines += [tag("p", say(scenario.why, 4000), id="why")] if scenario.why else []
    return "".join(lines)


def _how_many(judgement: Judgement, chargers: int) -> str:
    """How many checks failed, at how many chargers; nothing where none did."""
    failed = [check for check in judgement.checks if mark(check) == "fail"]
    decided = sum(check.verdict != "unknown" for check in judgement.checks)
    broke = len({each for check in failed for each in check.failing})
    where = f", at {broke} of {counted(chargers, 'chargers')}" if broke else ""
    return f": {len(failed)} of {counted(decided, 'checks')} failed{where}" if failed else ""


def _plan(gathered: Gatherer, clock: Clock) -> str:
    """The faults that acted and what responders did, with the times."""
    spans = gathered.steps.values()
    faults = [span for span in spans if not (span.note.startswith("driver.") or span.note in RESPONSES)]
    responses = [span for span in spans if span.note in RESPONSES]
    return " ".join(_acted(label, acted, clock) for label, acted in (("Faults", faults), ("Responders", responses)) if acted)


def _acted(label: str, acted: list[Span], clock: Clock) -> str:
    told = [f"{span.note.replace('.', ' ').replace('-', ' ')} {_lasted(span.begins, span.ends, clock)}" for span in acted[:_STEPS_NAMED]]
    more = len(acted) - len(told)
    return f"{label}: {'; '.join(told)}{f'; and {more} more' if more > 0 else ''}."


def _lasted(begins: int, ends: int, clock: Clock) -> str:
    if ends <= begins:
        return f"at {clock.brief(begins)}"
    return f"{clock.brief(begins)} to {clock.brief(ends)} ({format_duration_ms(ends - begins)})"


def _behaviour(judgement: Judgement, behaviour: str) -> str:
    verdict = behaviour_verdict(judgement, behaviour)
    count, names = judgement.behaviours.get(behaviour, 0), judged_by(judgement, behaviour)
    failed = sum(check.failed for check in judgement.checks if check.name in names)
    unexercised = unexercised_text(judgement, behaviour, "not exercised in this run")
    told = f"put to the test {times(count)}" + (f", broken {times(failed)}" if failed else "") if count else unexercised
    by = f"; judged by {' and '.join(names)}" if names else ""
    badge = tag("span", _KEPT[verdict], class_=f"badge {verdict}") if is_expected(judgement, behaviour) else ""
    words = f"<b>{say(behaviour)}</b> {badge}<br>{_MEANS[behaviour]}<br><small>{say(told + by)}</small>"
    return tag("li", sign(verdict) + tag("span", words))


# What failed.


def _failures(outcome: Outcome, gathered: Gatherer, clock: Clock) -> tuple[str, str]:
    """A title, and what failed, for whom and when; nothing where nothing did."""
    judgement = outcome.judgement
    failed = sorted((check for check in judgement.checks if mark(check) in {"fail", "warn"}), key=lambda check: check.name not in _SAFETY)
    others = [] if failed or judgement.verdict == "pass" else judgement.reasons[:_FAILURES_FIRST]
    rows: list[str] = []
    seen: dict[frozenset[str], str] = {}
    for check in failed[:_FAILURES_FIRST]:
        whose = frozenset(check.failing)
        rows.append(_failure(check, clock, len(gathered.courses), seen.get(whose, "")))
        seen.setdefault(whose, check.name)
    rows += [tag("li", say(clock.translate(reason), 600)) for reason in others]
    more = len(failed) - _FAILURES_FIRST
    rows += [tag("li", f"and {more} more, below")] if more > 0 else []
    return "What failed" if failed else "Why the verdict is not pass", tag("ul", "".join(rows), class_="failed") if rows else ""


def _failure(check: CheckResult, clock: Clock, chargers: int, same_as: str) -> str:
    """A failure in two sentences: who broke what, and what happened the first time."""
    witness, failing = check.witness, sorted(check.failing)
    who = "The run as a whole broke this"
    if failing:
        who = f"{len(failing)} of {counted(chargers, 'chargers')} broke this"
    told = f"<b>{who}: {say(sentence(check.says))}</b>"
    if failing and same_as:
        same = "The same charger" if len(failing) == 1 else f"The same {len(failing)} chargers"
        told += f" {same} as for {say(same_as)}."
    elif failing:
        more = len(failing) - _NAMED
        told += f" They are {', '.join(map(name, failing[:_NAMED]))}{f' and {more} more' if more > 0 else ''}." if len(failing) > 1 else ""
    if witness:
        first = f"First at {name(witness.charger)}, {say(clock.tell(witness.t))}: " if failing else ""
        told += f" {first}{say(sentence(clock.translate(witness.rule)), 600)}"
    known = f" (a known failure: {check.known})" if check.known else " (a warning)" if mark(check) == "warn" else ""
    return tag("li", sign(mark(check)) + tag("span", f'{told}{say(known)} <a href="#checks">{say(check.name)}</a>'))


# Figures.


def _figure(value: str, words: str, note: str = "") -> str:
    small = f"<small>{say(note)}</small>" if note else ""
    return tag("li", f"<b>{say(value)}</b><p>{say(words)}</p>{small}")


def _size(outcome: Outcome, gathered: Gatherer) -> str:
    outline, metrics = outcome.outline, outcome.judgement.metrics
    longest = format_duration_ms(round(outline.longest_ms, -3)) if outline.outages else "none"
    short = "not counting losses too short to be noticed" if outline.blips else ""
    rows = [
        _figure(longest, "without the server, the charger that was longest"),
        _figure(f"{len(outline.chargers)} of {len(gathered.courses)}", "chargers lost their server", short),
        _figure(f"{gathered.sessions_affected} of {gathered.sessions}", "charging sessions were without the server for a while"),
    ]
    for key, words, since in (
        ("time_to_notice", "for half of them to notice the loss", "from the loss"),
        ("time_to_recover", "for half of them to be in touch again", "from the last return of server, path and power, else from the loss"),
    ):
        values = [metrics[f"{key}_{part}"].value for part in ("p50", "p95", "max") if f"{key}_{part}" in metrics]
        if len(values) == 3 and values[0] is not None:
            median, most, slowest = map(_short, values)
            rows.append(_figure(median, words, f"95 % within {most}, the slowest within {slowest}, {since}"))
    return "".join(rows)


def _short(seconds: float | None) -> str:
    """A duration as precise as it is worth."""
    if seconds is None:
        return "–"
    return format_duration_ms(round(seconds) * 1000 if seconds >= 10 else round(seconds * 1000))


def _cost(judgement: Judgement) -> str:
    return "".join(_difference(judgement.metrics[key], words) for key, words in _COSTS.items() if key in judgement.metrics)


def _difference(metric: MetricValue, words: tuple[str, str, str]) -> str:
    """How much more or less than without the faults."""
    more, less, itself = words
    if metric.value is None:
        return _figure(_rounded(metric.run, metric.unit), itself, "in this run; nobody knows what it had been without the faults")
    value = round(metric.value, 2 if metric.unit.isupper() else 1)
    both = f"{_rounded(metric.run, metric.unit)} {itself} with the faults, {_rounded(metric.twin, metric.unit)} without"
    if not value:
        return _figure("no change", itself, both)
    return _figure(_rounded(abs(value), metric.unit), more if value > 0 else less, both)


def _rounded(value: float | None, unit: str) -> str:
    """To a tenth, money to a hundredth."""
    if value is None:
        return "–"
    text = f"{value:.2f}" if unit.isupper() else f"{value:.1f}".removesuffix(".0")
    return f"{text} {unit_for(float(text), unit)}"
