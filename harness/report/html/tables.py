"""The tables of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.fault import RESPONSES
from harness.report.clock import Clock
from harness.report.html.gather import Course, Gatherer
from harness.report.html.text import listed, name, say, table, tag
from harness.report.outcome import NO_COMMAND, Outcome, difference_text, is_shown, margin_text, mark, number, repeat_label, unexercised
from harness.report.travel import FORGETS, TRAVELS
from harness.report.words import REASONS, with_text
from harness.units import format_duration_ms, format_energy, unit_for
from harness.values import Claim, Clause, Moment, Scenario, Step

MOST_ROWS = 250
_SIGNS = {"pass": "✓", "fail": "✗", "unknown": "?", "warn": "!"}


def _marked(verdict: str) -> str:
    return f'<b class="mark {verdict}">{_SIGNS[verdict]}</b> {verdict}'


def checks(outcome: Outcome) -> str:
    """Each check with its four counts and its margin."""
    rows = [
        [
            _marked(mark(check)), f"<b>{say(check.name)}</b><br><small>{say(check.says)}</small>",
            str(check.met) + (f"<br><small>{check.given_up} given up</small>" if check.given_up else ""), str(check.failed),
            str(check.cancelled) + (f"<br><small>{check.exempt} exempt</small>" if check.exempt else ""), str(check.pending),
            say(margin_text(check) or (check.why if check.verdict == "unknown" else "")),
            say(", ".join(check.failing[:5]) + (f" and {len(check.failing) - 5} more" if len(check.failing) > 5 else "")),
        ]
        for check in outcome.judgement.checks if is_shown(check)
    ]  # fmt: skip
    head = ("verdict", "check", "held", "failed", "cancelled", "pending", "margin", "failed at")
    note = (
        "Given up: of such a transaction the charger gave up a message, as its model does. Cancelled: its premise ended before it was due."
        " Exempt: cancelled by a fault under which it is not promised."
        " Pending: not due when the run ended."
    )  # fmt: skip
    missed = unexercised(outcome.judgement)
    rest = tag("h3", "Promised, and not put to the test") + listed(say(clause) for clause in missed) if missed else ""
    return table(head, rows, "What each check found", aligned="llrrrrll") + tag("p", note, class_="hint") + rest


def idle(gathered: Gatherer) -> str:
    """For how long cars that wanted energy got none, by reason."""
    if not gathered.idle:
        return ""
    rows = [
        [say(REASONS[reason]), f"{there / 3_600_000:.2f}", f"{away / 3_600_000:.2f}"]
        for reason, (there, away) in sorted(gathered.idle.items(), key=lambda item: -sum(item[1]))
    ]  # fmt: skip
    head = ("reason", "hours with the server there", "hours without it")
    return table(head, rows, "Time in which a connected car that was not full drew nothing, of all cars together", aligned="lrr")


def messages(gathered: Gatherer) -> str:
    """The ledger of messages, and the energy at stake."""
    rows = [
        [say(action), *(str(figure) for figure in (
            account.sent, account.taken_in, account.late, account.again, account.unanswered, account.answer_lost, account.given_up,
        ))]
        for action, account in gathered.ledger.items()
    ]  # fmt: skip
    head = ("message", "sent", "taken in", "of these late", "taken in again", "no good answer", "answer lost", "given up")
    lost_wh, waits_wh = gathered.at_stake_wh()
    waits = sum(len(course.waiting) for course in gathered.courses.values())
    note = (
        f"Energy at stake: {format_energy(lost_wh)} of transactions of which a message was given up. Waiting when the run ended:"
        f" {waits}, of transactions with {format_energy(waits_wh)}. Late: taken in later than the answer timeout after its event."
        " Readings, keepalives and states on a healthy link are not counted."
    )
    if not rows:
        return tag("p", "No message that counts was sent.")
    return table(head, rows, "Messages that count, by kind", aligned="lrrrrrrr") + tag("p", say(note, 1000), class_="hint")


def chargers(outcome: Outcome, gathered: Gatherer, shown: list[Course]) -> str:
    """A row for each charger, the failing and extreme ones of many; the page's script sorts them."""
    failing: dict[str, list[str]] = {}
    for check in outcome.judgement.checks:
        for each in check.failing if check.verdict == "fail" else ():
            failing.setdefault(each, []).append(check.name)
    model_of = {member: entry.model for entry in outcome.scenario.chargers for member in entry.members()}
    courses = dict.fromkeys([*shown, *(gathered.courses[each] for each in failing if each in gathered.courses), *gathered.courses.values()])
    rows = [_charger(course, model_of[course.name], failing.get(course.name, [])) for course in list(courses)[:MOST_ROWS]]
    head = ("charger", "model", "failed", "sessions", "energy", "short", "outages", "without server", "longest")
    buttons = [tag("button", say(word), type="button") for word in head]
    left_out = len(courses) - len(rows)
    note = tag("p", f"{left_out} more chargers are left out here; those that failed come first.", class_="hint") if left_out else ""
    cells = "".join(tag("th", button, scope="col", class_=None if place < 3 else "r") for place, button in enumerate(buttons))
    caption = tag("caption", "What became of each charger; a heading sorts by its column")
    inner = caption + tag("thead", tag("tr", cells)) + tag("tbody", "".join(rows))
    return tag("div", tag("table", inner, class_="sortable"), class_="wide", tabindex="0", role="region", aria_label="chargers") + note


def _charger(course: Course, model: str, failed: list[str]) -> str:
    figures = (
        (course.stays, str(course.stays)), (course.took_wh, _kwh(course.took_wh)), (course.short_wh, _kwh(course.short_wh)),
        (len(course.outages), str(len(course.outages))), (course.outage_ms, _lasted(course.outage_ms)),
        (course.longest_ms, _lasted(course.longest_ms)),
    )  # fmt: skip
    words = "".join(tag("td", text) for text in (name(course.name), say(model), say(", ".join(failed))))
    return tag("tr", words + "".join(tag("td", text, class_="r", data_v=value) for value, text in figures))


def _kwh(wh: int) -> str:
    return f"{wh / 1000:.2f} kWh"


def _lasted(duration_ms: int) -> str:
    return format_duration_ms(round(duration_ms, -3))


def plan(scenario: Scenario, gathered: Gatherer, clock: Clock) -> str:
    """The steps of the plan, and what became of each."""
    if not scenario.plan:
        return tag("p", "The plan has no steps.")
    rows = []
    for step in scenario.plan:
        span = gathered.steps.get(step.id)
        acted = f"{clock.brief(span.begins)} to {clock.brief(span.ends)}" if span else "never"
        given = with_text(step)
        what = f"{step.do}, by responders" if step.do in RESPONSES else step.do
        rows.append([say(step.id), say(what), say(_when(step, clock)), say(_whom(step)), say(given), say(acted)])
    return table(("step", "what", "when", "whom", "with", "acted"), rows, "What was done, in the plan's order")


def _when(step: Step, clock: Clock) -> str:
    if step.when is not None:
        what = step.when.message or f"state {step.when.state}"
        return f"at {what}" + (f" of {step.when.source}" if step.when.source else "")
    return _moment(step.at, clock) if step.at is not None else ""


def _moment(at: Moment, clock: Clock) -> str:
    if not at.step:
        return clock.brief(at.offset_ms)
    return f"{format_duration_ms(at.offset_ms)} after {at.step}.{at.edge}" if at.offset_ms else f"{at.step}.{at.edge}"


def _whom(step: Step) -> str:
    parts = [", ".join(step.to.names)] if step.to.names else []
    parts += [f"{step.to.share_permille / 10:g} %"] if step.to.share_permille else []
    parts += [f"shard {step.to.shard}"] if step.to.shard is not None else []
    return " of ".join(reversed(parts)) or "all"


def metrics(outcome: Outcome) -> str:
    """All metrics; those compared with the twin with both figures."""
    rows = [
        [say(key), say(number(metric.value)), say(unit_for(metric.value, metric.unit)), say(difference_text(key, metric))]
        for key, metric in outcome.judgement.metrics.items() if metric.value is not None or metric.run is not None
    ]  # fmt: skip
    return table(("metric", "value", "unit", "the run and its twin"), rows, "All metrics", aligned="lrll")


def models(scenario: Scenario) -> str:
    """Each model with what it promises, and with what it states: on whose word, or as whose assumption."""
    parts = [tag("p", "An assumption is marked as one: no source was found for it, or none says it in so many words.", class_="hint")]
    for kind, found in (
        ("charger", scenario.models), ("server", {scenario.server.name: scenario.server}), ("network", scenario.networks),
        ("vehicle", scenario.vehicles), ("driver", scenario.drivers),
    ):  # fmt: skip
        for key, model in found.items():
            parts.append(tag("h3", f"{kind} {name(key)} <small>{say(getattr(model, 'title', ''))}</small>"))
            contract: Mapping[str, Clause] = getattr(model, "contract", {})
            rows = [*_promises(contract), *_claims(model.claims)]
            parts.append(table(("statement", "kind", "source, or why it was assumed"), rows, f"{kind} {key}") if rows else "")
    return "".join(parts)


def _promises(contract: Mapping[str, Clause]) -> Iterator[list[str]]:
    for check, clause in contract.items():
        unless = f" (assumes {', '.join(clause.assumes)})" if clause.assumes else ""
        yield [f"promises <b>{say(check)}</b>{say(unless)}", *_whose(clause.source, clause.assumption)]


def _claims(claims: Mapping[str, Claim]) -> Iterator[list[str]]:
    for path, claim in claims.items():
        yield [say(path), *_whose(claim.source, claim.assumption)]


def _whose(source: str, assumption: str) -> list[str]:
    return ["source", say(source, 500)] if source else ["<b>assumption</b>", say(assumption, 500)]


def origin(outcome: Outcome) -> str:
    """The command that repeats the run, and what identifies it."""
    command = tag("p", NO_COMMAND)
    if outcome.command:
        command = tag("p", f"To {repeat_label(outcome)}:") + tag("pre", tag("code", say(outcome.command, 2000)))
    facts = [
        ["harness", say(outcome.harness)], ["scenario", say(outcome.scenario.name)], ["seed", str(outcome.scenario.seed)],
        ["time zone", say(outcome.scenario.zone)], ["records in the journal", str(outcome.records)],
        ["digest of the journal", tag("code", say(outcome.digest or "none: it was cut off"))],
    ]  # fmt: skip
    travels = ""
    if outcome.live is not None and outcome.live.peer in {"embedded server", "your charger"}:
        for protocol in outcome.live.protocols:
            rows = [[say(meaning), say(way, 600)] for meaning, way in TRAVELS[protocol].items()]
            travels += table(("what is meant", "what travels"), rows, f"How it travels in {protocol}")
        travels += tag("p", FORGETS, class_="hint")
    return command + table(("what", "value"), facts, "What identifies this run") + travels
