"""What differs between two runs, as lines for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from harness.regression.changes import Change, Changes, Standing, figure_text
from harness.report.escape import markdown
from harness.report.line import Line


class Mark(NamedTuple):
    """How a change is marked."""

    sign: str
    style: str
    emoji: str


MARKS: dict[Standing, Mark] = {
    "worse": Mark("✗", "fail", "❌"),
    "better": Mark("✓", "pass", "✅"),
    "told": Mark("!", "warn", "⚠️"),
    "quiet": Mark("·", "quiet", ""),
}
"""How a change stands → how it is marked."""


def told(change: Change) -> str:
    """A change in one line: ``check settings-remembered: new failure: pass → fail (3)``."""
    if change.kind == "could not be run":
        return f"{change.kind}: {change.after}"
    if change.kind == "no baseline":
        return f"{change.kind}: the baseline does not have this run, whose verdict is {change.after}"
    if change.kind == "not run":
        return f"{change.kind}: the baseline has this run, whose verdict was {change.before}, and the suite does not"
    return f"{of_what(change)}: {change.kind}: {before_and_after(change)}"


def of_what(change: Change) -> str:
    """``check settings-remembered``; of the run itself ``verdict``."""
    return change.name if change.of == "run" else f"{change.of} {change.name}"


def before_and_after(change: Change) -> str:
    """``pass → fail (3)``, or ``-2.095 → 1.2 kWh (+3.295 kWh, +157.279 %, tolerance 0.5 kWh)``."""
    if change.before == change.after:
        return change.after
    if change.difference is None:
        return f"{_with_unit(change.before, change.unit)} → {_with_unit(change.after, change.unit)}"
    return f"{change.before} → {_with_unit(change.after, change.unit)} ({difference_text(change)})"


def difference_text(change: Change) -> str:
    """``+3.295 kWh, +157.279 %, tolerance 0.5 kWh``; empty where there is no difference to tell."""
    if change.difference is None:
        return ""
    unit = "points" if change.unit == "%" else change.unit
    parts = [f"{_signed(change.difference)} {unit}"]
    parts += [] if change.percent is None else [f"{_signed(round(change.percent, 3))} %"]
    parts += [f"tolerance {change.tolerance}"] if change.tolerance else []
    return ", ".join(parts)


def _signed(value: float) -> str:
    return f"+{figure_text(value)}" if value > 0 else figure_text(value)


def _with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}" if unit and text[-1:].isdecimal() else text


def lines(changes: Changes) -> Iterator[Line]:
    """What the terminal shows."""
    for when, run in (("before", changes.before), ("after", changes.after)):
        yield (
            (f"{when:8}", "quiet"),
            (f"{run.scenario} seed {run.seed}", "title"),
            (f"  {run.facts.verdict}  ", ""),
            (run.source, "quiet"),
        )
    yield from ((("note    ", "quiet"), (note, "unknown")) for note in changes.notes)
    shown = [*changes.changes, *changes.still_failing]
    if shown:
        yield ()
        of_wide, kind_wide = max(len(of_what(change)) for change in shown), max(len(change.kind) for change in shown)
        for change in shown:
            mark = MARKS[change.standing]
            yield (
                (f"{mark.sign} ", mark.style), (f"{of_what(change):{of_wide}}  ", ""), (f"{change.kind:{kind_wide}}  ", mark.style),
                (before_and_after(change), ""),
            )  # fmt: skip
    yield ()
    yield ((_kept(changes), "quiet"),)
    mark = MARKS["worse" if changes.worse else "better"]
    yield ((f"{mark.sign} {verdict_text(changes)}", mark.style),)


def _kept(changes: Changes) -> str:
    return f"As before: {changes.unchanged['checks']} checks and limits, {changes.unchanged['metrics']} metrics."


def verdict_text(changes: Changes) -> str:
    """``2 worse, 1 better``."""
    better = sum(change.standing == "better" for change in changes.changes)
    counts = [f"{len(changes.worse)} worse" if changes.worse else "nothing is worse", f"{better} better" if better else ""]
    return ", ".join(filter(None, counts))


def render(changes: Changes) -> str:
    """The Markdown."""
    return "\n".join(_markdown(changes))


def _markdown(changes: Changes) -> Iterator[str]:
    yield f"# {MARKS['worse' if changes.worse else 'better'].emoji} harness compare: {verdict_text(changes)}"
    yield from ("", "| | scenario | seed | verdict | |", "|---|---|--:|---|---|")
    for when, run in (("before", changes.before), ("after", changes.after)):
        yield f"| {when} | {markdown(run.scenario)} | {run.seed} | {run.facts.verdict} | {markdown(run.source)} |"
    yield ""
    yield from (f"- {markdown(note)}" for note in changes.notes)
    if changes.changes or changes.still_failing:
        yield from ("", *HEAD)
        yield from (f"| {row(change)} |" for change in (*changes.changes, *changes.still_failing))
    yield from ("", _kept(changes))


HEAD = ("| | what | | before | after | change |", "|---|---|---|--:|--:|---|")
"""The head of a table of changes."""


def row(change: Change) -> str:
    """The cells of a change in a Markdown table."""
    before, after = (_with_unit(text, change.unit) for text in (change.before, change.after))
    return " | ".join(
        (MARKS[change.standing].emoji, *map(markdown, (of_what(change), change.kind, before, after, difference_text(change))))
    )
