"""What differs between two runs, as a part of a page and as a page of its own."""

from __future__ import annotations

from harness.regression.changes import Change, Changes
from harness.report.changes import MARKS, before_and_after, of_what, verdict_text
from harness.report.html.document import document
from harness.report.html.text import listed, name, say, table, tag

_CLASSES = {"worse": "fail", "better": "pass", "told": "warn", "quiet": "unknown"}


def section(changes: Changes) -> str:
    """Markup: what is worse, better or otherwise than before, and how much is as it was."""
    before = changes.before
    parts = [
        tag("p", f"Compared with {name(before.scenario)}, seed {before.seed}, verdict {say(before.facts.verdict)}: {say(before.source)}")
    ]
    parts += [listed(say(note) for note in changes.notes)] if changes.notes else []
    parts.append(tag("p", f'<b class="mark {"fail" if changes.worse else "pass"}">{say(verdict_text(changes))}</b>'))
    shown = [*changes.changes, *changes.still_failing]
    if shown:
        parts.append(table(("", "what", "change", "before and after"), map(_row, shown), "What is not as it was, or fails as it did"))
    parts.append(
        tag("p", f"As before: {changes.unchanged['checks']} checks and limits, {changes.unchanged['metrics']} metrics.", class_="hint")
    )
    return "".join(parts)


def _row(change: Change) -> list[str]:
    sign = f'<b class="mark {_CLASSES[change.standing]}">{MARKS[change.standing].sign}</b>'
    return [sign, say(of_what(change)), say(change.kind), say(before_and_after(change))]


def render(changes: Changes) -> bytes:
    """A page of its own."""
    after = changes.after
    head = tag("p", "comparison of two runs", class_="kind") + tag("h1", name(after.scenario))
    told = tag("p", f"seed {after.seed}, verdict {say(after.facts.verdict)}: {say(after.source)}")
    body = tag("header", head + told) + tag("section", tag("h2", "What has changed") + section(changes), id="change")
    return document(f"{after.scenario}: what has changed", body)
