"""The index of several runs: a row for each, which leads to its page."""

from __future__ import annotations

from collections.abc import Iterable

from harness.check.result import BEHAVIOURS
from harness.report.html.document import document
from harness.report.html.text import attributes, name, say, table, tag
from harness.report.outcome import Outcome, behaviour_verdict, unexercised_text

_SIGNS = {"pass": "✓", "fail": "✗", "unknown": "?", "invalid": "✗", "interrupted": "…"}


def render(runs: Iterable[tuple[str, Outcome]]) -> bytes:
    """The index of runs, each with the address of its page as seen from the index."""
    rows = [_row(address, outcome) for address, outcome in runs]
    head = ("scenario", "verdict", *BEHAVIOURS, "the outage")
    body = tag("header", tag("p", "outage reports", class_="kind") + tag("h1", f"{len(rows)} runs"))
    body += tag("section", table(head, rows, "All runs; a number says how often a behaviour was put to the test"))
    return document("outage reports", body)


def _row(address: str, outcome: Outcome) -> list[str]:
    scenario, judgement = outcome.scenario, outcome.judgement
    link = f"<a{attributes(href=address)}>{name(scenario.name)}</a><br><small>{say(scenario.title)}</small>"
    often = {each: judgement.behaviours.get(each, 0) or unexercised_text(judgement, each, "never") for each in BEHAVIOURS}
    behaviours = [_marked(behaviour_verdict(judgement, each), words) for each, words in often.items()]
    return [link, _marked(judgement.verdict, judgement.verdict), *behaviours, say(outcome.outline.sentence(scenario), 400)]


def _marked(verdict: str, words: object) -> str:
    return f'<b class="mark {verdict}">{_SIGNS[verdict]}</b> {say(words)}'
