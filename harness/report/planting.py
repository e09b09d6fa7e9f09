"""What became of planted wrong behaviours: as lines for the terminal, and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from os.path import basename
from statistics import median_low

from harness.fault.mutants import MUTANTS
from harness.report.escape import markdown
from harness.report.line import Line
from harness.search.found import COMPARED, Outcome, Planting, size
from harness.units import counted

_STANDING = {"found": "pass", "survived": "fail", "no difference": "quiet", "not here": "quiet"}
_MEANS = {
    "survived": "runs went otherwise than without it, and no check minds",
    "found": "a check of the contract failed",
    "no difference": "no run went otherwise: it concerns nothing that this base does",
    "not here": "it cannot be planted",
}
"""What is told of each kind of outcome, and in which order."""


def line(outcome: Outcome) -> Line:
    """What the terminal shows of one planted wrong behaviour."""
    wide = max(map(len, MUTANTS))
    standing = (f"{outcome.standing:13}  ", _STANDING[outcome.standing])
    return ((f"{outcome.mutant:{wide}}  ", "title"), standing, (_became(outcome), ""))


def total(made: Planting) -> Line:
    """What the terminal shows at the end."""
    return ((told(made), "fail" if made.exit_code else "pass"),)


def told(made: Planting) -> str:
    """How many were found, how soon, and how many were not, in a sentence."""
    caught = sorted(outcome.plans for outcome in made.outcomes if outcome.found_by)
    counts = Counter(outcome.standing for outcome in made.outcomes)
    middle = f", half of them within {counted(median_low(caught), 'plans')}" if caught else ""
    others = "".join(f"; {counts[standing]} {standing}" for standing in ("no difference", "not here") if counts[standing])
    lacking = f"; {made.sought - len(made.outcomes)} not looked for yet" if len(made.outcomes) < made.sought else ""
    return f"{counts['found']} of {made.sought} found{middle}; {counts['survived']} survived{others}{lacking}"


def _became(outcome: Outcome) -> str:
    if outcome.smallest is not None:
        return f"by {outcome.found_by} in plan {outcome.plans}; {size(outcome.smallest)}: {outcome.smallest.says}"
    if outcome.refused or not outcome.differed:
        return outcome.refused or "concerns nothing that is done here"
    runs = min(outcome.plans, COMPARED)
    return f"not found in {counted(outcome.plans, 'plans')}; {outcome.differed} of the first {runs} went otherwise, and no check minds"


def render(made: Planting) -> str:
    """The Markdown report."""
    return "\n".join(_report(made)) + "\n"


def _report(made: Planting) -> Iterator[str]:
    yield f"# harness mutants: {markdown(made.name)}, {told(made)}"
    yield ""
    yield f"Each was looked for in up to {made.plans} plans. Made with:"
    yield ""
    yield f"    {made.command}"
    for standing, means in _MEANS.items():
        outcomes = [outcome for outcome in made.outcomes if outcome.standing == standing]
        if outcomes:
            yield from ("", f"## {standing.capitalize()}: {means}", "")
            yield from _table(outcomes)


def _table(outcomes: list[Outcome]) -> Iterator[str]:
    if outcomes[0].standing == "found":
        yield "| wrong behaviour | found by | in plan | takes | scenario |"
        yield "|---|---|--:|---|---|"
    else:
        yield "| wrong behaviour | |"
        yield "|---|---|"
    for outcome in outcomes:
        what = f"`{outcome.mutant}`: {markdown(MUTANTS[outcome.mutant].says)}"
        if outcome.smallest is None:
            yield f"| {what} | {markdown(_became(outcome))} |"
        else:
            takes = f"{markdown(outcome.smallest.says)} ({size(outcome.smallest)})"
            yield f"| {what} | {outcome.found_by} | {outcome.plans} | {takes} | [{basename(outcome.file)}]({basename(outcome.file)}) |"
