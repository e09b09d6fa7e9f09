"""What a search among random plans came to: as lines for the terminal, and as Markdown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import get_args

from harness.fault import KINDS
from harness.journal.records import State
from harness.report.escape import markdown
from harness.report.line import Line
from harness.search.found import COMPARED, Exploration, Finding, Outcome, Smallest, size
from harness.units import counted

_SERVER = ("up", "down", "hung")
_LINK = ("online", "offline")
_POWER = ("on", "booting", "off")


def lines(made: Exploration) -> Iterator[Line]:
    """What the terminal shows."""
    for finding in made.findings:
        yield (("✗ ", "fail"), (finding.check, "title"), (f"  {_often(finding)}", ""))
        yield ((f"    {finding.smallest.says} ({size(finding.smallest)})", ""),)
        yield (("    repeat ", "quiet"), (f"harness run {finding.file}", ""))
    never = _never(made)
    if never:
        yield (
            (
                f"{counted(len(made.situations), 'situations')} reached; {len(never)} of {_pairs()} pairs of step and state were not",
                "quiet",
            ),
        )
    yield ((verdict(made), "fail" if made.findings else "pass"),)


def shrunk_lines(check: str, steps: int, chargers: int, small: Smallest) -> Iterator[Line]:
    """What the terminal shows of a scenario that was made small."""
    yield ((check, "title"), (f" fails with {size(small)} of {steps} and {chargers}", ""))
    yield ((f"  {small.says}", ""),)
    yield ((f"  {small.rule}", ""),)
    tail = "" if small.complete else "; there may be a smaller one"
    yield ((f"  {counted(small.runs, 'runs')}{tail}", "quiet"),)


_STANDING = {"found": "pass", "survived": "fail", "no difference": "quiet", "not here": "quiet"}


def mutant_lines(found: Sequence[Outcome]) -> Iterator[Line]:
    """What the terminal shows of planted wrong behaviours: one line for each."""
    wide = max((len(outcome.mutant) for outcome in found), default=0)
    for outcome in found:
        style = _STANDING[outcome.standing]
        yield ((f"{outcome.mutant:{wide}}  ", "title"), (f"{outcome.standing:13}  ", style), (_became(outcome), ""))
    caught = [outcome.plans for outcome in found if outcome.found_by]
    survived = sum(outcome.standing == "survived" for outcome in found)
    middle = f", half of them within {sorted(caught)[len(caught) // 2]} plans" if caught else ""
    yield ((f"{len(caught)} of {len(found)} found{middle}; {survived} survived", "fail" if survived else "pass"),)


def _became(outcome: Outcome) -> str:
    if outcome.smallest is not None:
        return f"by {outcome.found_by} in plan {outcome.plans}; {size(outcome.smallest)}: {outcome.smallest.says}"
    if outcome.refused or not outcome.differed:
        return outcome.refused or "concerns nothing that is done here"
    return f"{outcome.differed} runs of {min(outcome.plans, COMPARED)} went otherwise, and no check minds"


def verdict(made: Exploration) -> str:
    """The last line: how many plans were tried, what failed, and why there were not more."""
    failed = f"{counted(len(made.findings), 'findings')}" if made.findings else "no check failed"
    early = f"; ended because {made.stopped}" if made.stopped else ""
    before = f", {made.plans - made.made} of them before" if made.made < made.plans else ""
    rate = f", {made.made / made.seconds:.0f} a second" if made.made and made.seconds > 0 else ""
    return f"{made.name}: {counted(made.plans, 'plans')} tried{before}{rate}: {failed}{early}"


def _often(finding: Finding) -> str:
    seeds = ", ".join(map(str, finding.seeds))
    more = ", …" if finding.plans > len(finding.seeds) else ""
    return f"in {counted(finding.plans, 'plans')}: seed{'s' if finding.plans > 1 else ''} {seeds}{more}"


def _states(situation: str) -> tuple[str, list[str]]:
    """The kind of step in a situation, and the states that it met."""
    kind, server, charger = situation.split(" | ")
    connector, link, power = charger.split(", ")
    return kind, [server, connector, link, power]


def _columns() -> list[str]:
    return [
        *(f"server {state}" for state in _SERVER), *get_args(State), *_LINK, *(f"power {state}" for state in _POWER),
    ]  # fmt: skip


def _kinds() -> list[str]:
    return sorted(kind.name for kind in KINDS.values() if kind.simulated)


def _pairs() -> int:
    return len(_kinds()) * len(_columns())


def _met(made: Exploration) -> dict[tuple[str, str], int]:
    """Kind of step and state → how many situations have both."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for situation in made.situations:
        kind, states = _states(situation)
        for state in states:
            found[kind, state] += 1
    return found


def _never(made: Exploration) -> list[tuple[str, str]]:
    met = _met(made)
    return [(kind, state) for kind in _kinds() for state in _columns() if (kind, state) not in met]


def render(made: Exploration) -> str:
    """The Markdown report."""
    return "\n".join((*_head(made), *_findings(made), *_put_to_the_test(made), *_situations(made))) + "\n"


def _head(made: Exploration) -> Iterator[str]:
    last = made.share.seed(made.plans - 1) if made.plans else made.share.first
    yield f"# {'❌' if made.findings else '✅'} harness explore: {markdown(verdict_counts(made))}"
    yield ""
    yield f"Seeds {made.share.first} to {last}{f', each {made.share.of}th' if made.share.of > 1 else ''}. Made with:"
    yield ""
    yield f"    {made.command}"


def verdict_counts(made: Exploration) -> str:
    """What was tried and what failed, without what differs from one making to the next."""
    failed = f"{counted(len(made.findings), 'findings')}" if made.findings else "no check failed"
    return f"{made.name}, {counted(made.plans, 'plans')}, {failed}"


def _findings(made: Exploration) -> Iterator[str]:
    yield from ("", "## What failed", "")
    if not made.findings:
        yield "Nothing."
        return
    yield "| check | in | takes | scenario |"
    yield "|---|---|---|---|"
    for finding in made.findings:
        told = f"{markdown(finding.smallest.says)} ({size(finding.smallest)})"
        yield f"| {markdown(finding.check)} | {_often(finding)} | {told} | `{finding.file}` |"


def _put_to_the_test(made: Exploration) -> Iterator[str]:
    yield from ("", "## How often each check was put to the test, by the kinds of step in the plan", "")
    yield "```text"
    yield made.coverage.table()
    yield "```"


def _situations(made: Exploration) -> Iterator[str]:
    met = _met(made)
    yield from ("", f"## {counted(len(made.situations), 'situations')}", "")
    yield "A situation is a kind of step that begins, with the states of the server and of a charger that it is about. So many have both:"
    yield ""
    yield f"| | {' | '.join(_columns())} |"
    yield f"|---|{'--:|' * len(_columns())}"
    for kind in _kinds():
        yield f"| {kind} | {' | '.join(str(met.get((kind, state), '·')) for state in _columns())} |"
