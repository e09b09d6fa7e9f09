"""The whole page: what a manager reads first, then all that an engineer needs, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.check.result import CheckResult
from harness.report.clock import Clock
from harness.report.html import first, sequence, tables
from harness.report.html.document import document
from harness.report.html.gather import Gatherer
from harness.report.html.text import name, say, tag
from harness.report.html.timeline import Timeline, chosen
from harness.report.outcome import Outcome, counts_text, mark, sentence

if TYPE_CHECKING:
    from harness.regression.changes import Changes


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
    body = first.screen(outcome, gathered, clock, changed) + "".join(
        tag("section", tag("h2", say(title)) + content, id=id_) for id_, title, content in sections if content
    )
    return document(scenario.title or scenario.name, body + timeline.data(), script="page.js")


def _pins(failures: list[CheckResult], clock: Clock, duration_ms: int) -> dict[str, str]:
    """For each charger the marks that lead from its lane to its failures, one for those of the same time."""
    groups: dict[tuple[str, int], list[tuple[int, float, str]]] = {}
    for place, check in enumerate(failures):
        assert check.witness is not None
        percent = 100 * min(check.witness.t, duration_ms) / max(1, duration_ms)
        words = f"{check.name} failed at {clock.tell(check.witness.t)}"
        groups.setdefault((check.witness.charger, round(percent)), []).append((place, percent, words))
    pins: dict[str, str] = {}
    for (charger, _), group in groups.items():
        place, percent, _ = group[0]
        words = "; ".join(told for _, _, told in group)
        shown = "✗" if len(group) == 1 else f"✗{len(group)}"
        pin = tag("a", shown, class_="pin", href=f"#failure-{place}", style=f"left:{percent:.3f}%", aria_label=words, title=words)
        pins[charger] = pins.get(charger, "") + pin
    return pins


# Failures.


def _failures(failures: list[CheckResult], gathered: Gatherer, clock: Clock) -> str:
    """Each failure with what went back and forth around it."""
    parts = []
    drawn: dict[tuple[str, int], int] = {}
    for place, (check, watched) in enumerate(zip(failures, gathered.watched, strict=True)):
        witness = watched.witness
        before = drawn.setdefault((witness.charger, witness.t), place)
        link = tag("a", f"What went back and forth is shown with {say(failures[before].name)}.", href=f"#failure-{before}")
        around = sequence.diagram(watched, clock) if before == place else tag("p", f"{say(clock.translate(witness.rule))} {link}")
        more = f" and {len(check.failing) - 1} more" if len(check.failing) > 1 else ""
        where = f"at {name(witness.charger)}{more}" if witness.charger else "of the fleet"
        counts = counts_text(check)
        text = f"{sentence(check.says)} {sentence(counts[:1].upper() + counts[1:])}"
        title = tag("h3", f"{first.sign(mark(check))} {say(check.name)}, {where}")
        parts.append(tag("article", title + tag("p", say(text, 900)) + around, id=f"failure-{place}"))
    return "".join(parts)
