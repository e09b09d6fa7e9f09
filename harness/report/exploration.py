"""What a search among random plans came to: as lines for the terminal, and as Markdown."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import get_args

from harness.fault import KINDS
from harness.journal.records import State
from harness.report.escape import markdown
from harness.report.line import Line
from harness.search.found import Exploration, Finding, Saved, Smallest, size
from harness.units import counted

_SERVER = ("up", "down", "hung")
_LINK = ("online", "offline")
_POWER = ("on", "booting", "off")


def lines(made: Exploration) -> Iterator[Line]:
    """What the terminal shows."""
    for finding in made.findings:
        often = _twins(finding) if finding.alike else f"in {_often(finding)}"
        yield (("✗ ", "fail"), (finding.check, "title"), (f"  {often}", ""))
        if not finding.alike:
            yield ((f"    {finding.smallest.says} ({size(finding.smallest)})", ""),)
        yield (("    repeat ", "quiet"), (f"harness run {shlex.quote(finding.file)}", ""))
        if finding.saved is not None:
            yield ((f"    {_kept(finding.saved)}", "quiet"),)
    never = _never(made)
    if never:
        yield (
            (
                f"{counted(len(made.situations), 'situations')} reached; {len(never)} of {_pairs()} pairs of a step and a state never met",
                "quiet",
            ),
        )
    yield ((verdict(made), "fail" if made.findings else "pass"),)


def _twins(finding: Finding) -> str:
    """That a finding is another's in other words, as far as one can tell."""
    same = "the same plan" if finding.plans == 1 else f"the same {finding.plans} plans"
    return f"in {same} as {finding.alike}, and takes the same: perhaps the same trouble"


def _kept(saved: Saved) -> str:
    return f"saved as {saved.file}" if saved.new else f"{saved.file} is there already, and says the same"


def shrunk_lines(check: str, steps: int, chargers: int, small: Smallest, file: str) -> Iterator[Line]:
    """What the terminal shows of a scenario that was made small."""
    yield ((check, "title"), (f" fails with {size(small)} of {steps} and {chargers}", ""))
    yield ((f"  {small.says}", ""),)
    yield ((f"  {small.rule}", ""),)
    tail = "" if small.complete else "; there may be a smaller one"
    yield ((f"  {counted(small.runs, 'runs')}{tail}", "quiet"),)
    yield (("  repeat ", "quiet"), (f"harness run {shlex.quote(file)}", ""))


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
    return f"{counted(finding.plans, 'plans')}: seed{'s' if finding.plans > 1 else ''} {seeds}{more}"


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
    yield f"# {'❌' if made.findings else '✅'} harness explore: {markdown(verdict_counts(made))}"
    yield ""
    each = f", one in {made.share.of}" if made.share.of > 1 else ""
    seeds = f"Seeds {made.share.seed(0)} to {made.share.seed(made.plans - 1)}{each}" if made.plans else "No plan is of this share"
    yield f"{seeds}. Made with:"
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
    yield "| check | failed in | takes | scenario |"
    yield "|---|---|---|---|"
    for finding in made.findings:
        takes = f"{markdown(finding.smallest.says)} ({size(finding.smallest)})"
        often = _twins(finding) if finding.alike else _often(finding)
        yield f"| {markdown(finding.check)} | {markdown(often)} | {'' if finding.alike else takes} | `{finding.file}` |"


def _put_to_the_test(made: Exploration) -> Iterator[str]:
    coverage = made.coverage
    yield from ("", "## What was put to the test", "")
    yield "How often what each check asks of chargers held and was broken, the seldomest first. Of a check and a kind of step that is named"
    yield "beside it nothing is known together: more `--plans`, or a scenario written for it, may put it to the test."
    yield ""
    yield "| check | held | broken | never decided in a plan with |"
    yield "|---|--:|--:|---|"
    for check in sorted({*made.promised, *coverage.checks()}, key=lambda name: (coverage.held[name] + coverage.broken[name], name)):
        decided = coverage.held[check] + coverage.broken[check]
        missing = _some(coverage.missing(check)) if decided else "any: **never put to the test**"
        yield f"| {check} | {coverage.held[check]} | {coverage.broken[check] or '·'} | {missing} |"


_NAMED = 6


def _some(kinds: Sequence[str]) -> str:
    """Kinds of step by their names; of many how many."""
    return ", ".join(kinds) if len(kinds) <= _NAMED else f"{len(kinds)} kinds, below"


def _situations(made: Exploration) -> Iterator[str]:
    met = _met(made)
    never = _never(made)
    yield from ("", f"## {counted(len(made.situations), 'situations')}", "")
    yield "A situation is a kind of step that begins, with the states of the server and of a charger that it is about."
    seen = {state for _, state in met}
    unseen = [state for state in _columns() if state not in seen]
    if unseen:
        yield from ("", f"In no situation: {', '.join(unseen)}.")
    yield ""
    yield "| step | situations | never met |"
    yield "|---|--:|---|"
    for kind in _kinds():
        count = sum(situation.startswith(f"{kind} | ") for situation in made.situations)
        states = [state for other, state in never if other == kind and state in seen]
        yield f"| {kind} | {count or '**none**'} | {', '.join(states) if count else 'any'} |"
    yield from ("", "## All figures", "")
    yield "How often each check held (`/` was broken) in plans that have a step of each kind; the numbers of the kinds are below."
    yield from ("", "```text", made.coverage.table(), "```", "")
    yield "In how many situations each kind of step met each state:"
    yield ""
    yield f"| | {' | '.join(_columns())} |"
    yield f"|---|{'--:|' * len(_columns())}"
    for kind in _kinds():
        yield f"| {kind} | {' | '.join(str(met.get((kind, state), '·')) for state in _columns())} |"
