"""What a campaign found: failures by check and by what they take, each with the smallest scenario that shows it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from hashlib import blake2b
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from harness import scenario
from harness.fault import KINDS
from harness.scenario import writing
from harness.search.found import Finding, Smallest
from harness.search.pool import in_order
from harness.search.shrink import Shrunk, failure_of, ingredients, shrink
from harness.search.space import Circumstance, Source, Space, space
from harness.search.store import Store
from harness.search.trial import Trial
from harness.values import Scenario, Step

_LOOKED_AT = 8
"""Of failures that look alike the one with the shortest plan among so many is made small."""
_SEEDS_NAMED = 5
ORIGIN = "Found among random plans over"
"""So begins the comment of a finding's file."""


class Task(Struct, frozen=True):
    """A failing plan that is to be made small."""

    source: Source
    check: str
    ancestries: list[tuple[int, ...]]
    """Plans that fail alike."""
    folder: str
    """Where its file is to be."""


def smallest(task: Task) -> Smallest:
    """Make the shortest of some plans that fail alike as small as can be."""
    plans = space(task.source)
    ancestry = min(task.ancestries, key=lambda each: len(plans.plan(each).plan))
    return made_small(plans, ancestry, task.check, Path(task.folder))


def made_small(plans: Space, ancestry: tuple[int, ...], check: str, folder: Path) -> Smallest:
    """Make a plan that breaks a check as small as can be; its file is to be in ``folder``."""
    there, plan = _plainest(plans, plans.circumstance(ancestry[0]), plans.plan(ancestry), check)
    shrunk = shrink(plan, check)
    assert shrunk is not None, "the same plan fails each time"
    origin = f"{ORIGIN} {plans.source.name} (seed {ancestry[-1]}), and made small."
    return described(shrunk, origin, folder, lambda found, comment: plans.text(there, found, folder=folder, comment=comment))


def described(shrunk: Shrunk, origin: str, folder: Path, write: Callable[[Scenario, tuple[str, ...]], str]) -> Smallest:
    """What a scenario came to; ``write`` makes the file of a scenario, which is to be in ``folder``, below a comment."""
    says = ingredients(shrunk)
    found = replace(shrunk.scenario, title=f"{shrunk.check} fails", why=says)
    text = write(found, (origin, *_wrapped(shrunk.failure.rule)))
    folder.mkdir(parents=True, exist_ok=True)  # else nothing is found relative to it
    if writing.in_effect(scenario.loads(text, found.name, folder=folder)) != writing.in_effect(found):
        raise AssertionError(f"the file that was written of {found.name} says another scenario than the one in which {shrunk.check} fails")
    return Smallest(
        steps=len(found.plan), chargers=len(found.names()), causes=tuple(sorted({_cause(step) for step in found.plan})), says=says,
        rule=shrunk.failure.rule, runs=shrunk.runs, complete=shrunk.complete, text=text,
    )  # fmt: skip


def _plainest(plans: Space, there: Circumstance, plan: Scenario, check: str) -> tuple[Circumstance, Scenario]:
    """The plan on an ordinary day and without tight limits, as far as it fails alike there, too."""
    failure = failure_of(plan, check)
    assert failure is not None, "the same plan fails each time"
    for without in ({"start": ""}, {"queue_limit": 0}, {"capacity_a": 0}):
        plainer = replace(there, **without)
        base = plans.base(plainer)
        moved = replace(base, name=plan.name, seed=plan.seed, plan=plan.plan, chargers=plan.chargers)
        if plainer != there and failure_of(moved, check, failure.kind) is not None:
            there, plan = plainer, moved
    return there, plan


def _cause(step: Step) -> str:
    return "outage" if KINDS[step.do].outage else step.do


def _wrapped(rule: str) -> list[str]:
    """A rule that was broken, for a file's comment."""
    import textwrap

    return textwrap.wrap(f"Broken: {rule}", 110)


def findings(
    source: Source, trials: Iterable[Trial], store: Store, executor: Executor, workers: int, folder: Path
) -> list[Finding]:  # fmt: skip
    """The findings among trials, in the order of their first seeds. What was made small before is taken from the store."""
    alike: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        for check, failure in trial.failures.items():
            alike.setdefault((check, failure.kind), []).append(trial)
    written = stamp(source, folder)
    tasks = {
        f"{check} {members[0].seed} {_key(members)} {written}": Task(
            source, check, [trial.ancestry for trial in members[:_LOOKED_AT]], str(folder.absolute())
        )
        for (check, _), members in alike.items()
    }  # fmt: skip
    known = store.smallest(Smallest)
    lacking = [key for key in tasks if key not in known]
    for key, found in zip(lacking, in_order(executor, workers, smallest, [tasks[key] for key in lacking]), strict=True):
        store.keep(key, found)
        known[key] = found
    return _grouped([(task.check, members, known[key]) for (key, task), members in zip(tasks.items(), alike.values(), strict=True)])


def stamp(source: Source, folder: Path) -> str:
    """Stands for what a file in a folder says of the files that a base names."""
    way = os.path.relpath(source.folder, folder)
    return blake2b(f"{way}\n{source.text}".encode(), digest_size=8).hexdigest()


def _key(members: Sequence[Trial]) -> str:
    return ",".join(str(trial.seed) for trial in members[:_LOOKED_AT])


def _grouped(found: Sequence[tuple[str, list[Trial], Smallest]]) -> list[Finding]:
    """One finding for all failures of a check whose smallest plans have the same causes."""
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[list[Trial], Smallest]]] = {}
    for check, members, small in found:
        groups.setdefault((check, small.causes), []).append((members, small))
    made = []
    for (check, _), parts in groups.items():
        seeds = sorted({trial.seed for members, _ in parts for trial in members})
        small = min((small for _, small in parts), key=lambda each: (each.steps, each.chargers, len(each.text)))
        made.append((seeds, Finding(check=check, plans=len(seeds), seeds=seeds[:_SEEDS_NAMED], smallest=small)))
    made.sort(key=lambda each: (each[0][0], each[1].check))
    first: dict[tuple[str, tuple[int, ...]], str] = {}
    for seeds, finding in made:
        check = first.setdefault((finding.smallest.says, tuple(seeds)), finding.check)
        finding.alike = check if check != finding.check else ""
    return [finding for _, finding in made]


def file_names(found: Sequence[Finding]) -> list[str]:
    """A name for the file of each finding: that of its check, numbered where there are several."""
    many = Counter(finding.check for finding in found)
    seen: Counter[str] = Counter()
    names = []
    for finding in found:
        seen[finding.check] += 1
        names.append(f"{finding.check}-{seen[finding.check]}.yaml" if many[finding.check] > 1 else f"{finding.check}.yaml")
    return names
