"""Planted wrong behaviours as a measure: which of them random plans and the contract's checks find, how soon, and by how small a plan.

One that is not found either made no difference to any run, and so concerns nothing that this base does; or it did, and what it broke
is promised by nobody or not looked at: a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct

from harness.fault.mutants import MUTANTS, Mutant
from harness.journal.records import AnyRecord
from harness.scenario import writing
from harness.scenario.nodes import read_text
from harness.scenario.problems import ScenarioError, refusal
from harness.search.campaign import Corpus
from harness.search.finding import made_small
from harness.search.found import COMPARED, Outcome
from harness.search.space import Source, Space, space
from harness.search.trial import failing, judged, tried
from harness.stage import simulated
from harness.values import Scenario

_ENCODER = msgspec.json.Encoder()


class Task(Struct, frozen=True):
    """A wrong behaviour to be looked for."""

    source: Source
    mutant: str
    plans: int
    folder: str = ""
    """Where the file of the smallest scenario is to be."""


def planted(given: Source, mutant: Mutant) -> Source:
    """The base with a wrong behaviour in all its charger models, or in its server. Raises :class:`harness.ScenarioError`."""
    plain = space(given).plain
    root = read_text(given.text, f"{given.name}.yaml")
    models: dict[tuple[str, ...], Struct] = {("server",): plain.server}
    if mutant.of == "charger":
        models = {("models", name): model for name, model in plain.models.items()}
    for where, model in models.items():
        told = mutant.told(model)
        root = writing.put(root, (*where, *mutant.path.split(".")), told if isinstance(told, str) else list(told))
    return Source(f"{given.name}-{mutant.name}", writing.text(root), given.folder)


def look_for(task: Task) -> Outcome:
    """Try plans until one breaks a check, and make that small. Raises :class:`harness.ScenarioError` where the base breaks one in that plan
    without anything planted: then nothing can be told."""
    try:
        plans = Space(planted(task.source, MUTANTS[task.mutant]))
    except ScenarioError as error:
        return Outcome(mutant=task.mutant, plans=0, refused=error.problems[0].message)
    right = space(task.source)
    corpus = Corpus()
    for number in range(task.plans):
        ancestry = corpus.ancestry(number, number)
        plan = plans.plan(ancestry)
        trial = tried(plan, ancestry)
        if trial.failures:
            _refuse_wrong(right, ancestry)
            check = min(trial.failures, key=lambda name: (trial.failures[name].t, name))
            return Outcome(
                mutant=task.mutant, found_by=check, plans=number + 1, smallest=made_small(plans, ancestry, check, Path(task.folder))
            )
        corpus.add(number, trial)
    ancestries = [(number,) for number in range(min(task.plans, COMPARED))]
    differed = sum(_digest(plans.plan(ancestry)) != _digest(right.plan(ancestry)) for ancestry in ancestries)
    return Outcome(mutant=task.mutant, plans=task.plans, differed=differed)


def _refuse_wrong(right: Space, ancestry: tuple[int, ...]) -> None:
    """Refuse a base that breaks a check itself in a plan."""
    failed = failing(judged(right.plan(ancestry)))
    if failed:
        raise refusal(
            right.source.name, f"`{next(iter(failed))}` fails without anything planted (seed {ancestry[-1]})",
            expected="a base that breaks no check itself: `harness explore` finds, and makes small, what does",
        )  # fmt: skip


def _digest(plan: Scenario) -> bytes:
    """Stands for all that happens in a run."""
    digest = blake2b(digest_size=16)

    def hear(batch: Sequence[AnyRecord]) -> None:
        digest.update(_ENCODER.encode_lines(list(batch)))

    simulated.run(plan, hear)
    return digest.digest()
