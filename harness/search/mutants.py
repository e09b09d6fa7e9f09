"""Planted wrong behaviours as a measure: which of them random plans and the contract's checks find, how soon, and by how small a plan.

One that is not found either made no difference to any run, and so concerns nothing that this base does; or it did, and what it broke
is promised by nobody or not looked at: a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from harness.fault.quirks import CHARGER_QUIRKS, SERVER_QUIRKS
from harness.journal.records import AnyRecord
from harness.scenario import writing
from harness.scenario.nodes import read_text
from harness.scenario.problems import ScenarioError
from harness.search.campaign import Corpus
from harness.search.finding import made_small
from harness.search.found import COMPARED, Outcome
from harness.search.space import Source, Space, space
from harness.search.trial import tried
from harness.stage import simulated
from harness.values import Scenario

_ENCODER = msgspec.json.Encoder()


class Mutant(Struct, frozen=True, kw_only=True):
    """A wrong behaviour that can be planted in any charger model, or in any server model."""

    name: str
    says: str
    of: Literal["charger", "server"]
    path: str = "quirks"
    """The field of the model that says so."""
    value: str | tuple[str, ...] = ()
    adds: str = ""
    """What the field's list has besides; with ``removes`` in place of ``value``."""
    removes: str = ""

    def told(self, model: Struct) -> str | tuple[str, ...]:
        """What the field says in a model in which this is planted."""
        if not (self.adds or self.removes):
            return self.value
        found: Any = model
        for part in self.path.split("."):
            found = getattr(found, part)
        return tuple(each for each in dict.fromkeys((*found, self.adds)) if each and each != self.removes)


def _quirk(name: str, says: str, of: Literal["charger", "server"]) -> Mutant:
    return Mutant(name=name, says=says, of=of, value=(name,))


MUTANTS = {
    mutant.name: mutant
    for mutant in (
        *(_quirk(name, says, "charger") for name, says in CHARGER_QUIRKS.items()),
        *(_quirk(name, says, "server") for name, says in SERVER_QUIRKS.items()),
        Mutant(name="hold-lost-at-server-loss", says="The loss of the server ends a hold.", of="charger",
               path="memory.hold", adds="server-loss"),
        Mutant(name="hold-survives-power-cycle", says="A hold is not forgotten when the station is unplugged.", of="charger",
               path="memory.hold", removes="power-cycle"),
        Mutant(name="schedule-lost-at-server-loss", says="The loss of the server clears the stored schedule.", of="charger",
               path="memory.schedule", adds="server-loss"),
        Mutant(name="wire-rating-lost-at-power-cycle", says="A power cycle clears the wire rating.", of="charger",
               path="memory.wire_rating", adds="power-cycle"),
        Mutant(name="availability-lost-at-power-cycle", says="A power cycle puts the station back into service.", of="charger",
               path="memory.availability", adds="power-cycle"),
        Mutant(name="new-car-refused-offline", says="Without its server the charger takes no new car.", of="charger",
               path="server_loss.new_car", value="refused"),
        Mutant(name="not-resumed-after-power-up", says="A charge that a power cut ended is not resumed.", of="charger",
               path="power_up.resumes", value="false"),
        Mutant(name="override-survives-restart", says="A restart of the server forgets no override.", of="server",
               path="forgets_at_restart"),
    )
}  # fmt: skip
"""All that can be planted, by name."""


class Task(Struct, frozen=True):
    """A wrong behaviour to be looked for."""

    source: Source
    mutant: str
    plans: int


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
    """Try plans until one breaks a check, and make that small."""
    try:
        plans = Space(planted(task.source, MUTANTS[task.mutant]))
    except ScenarioError as error:
        return Outcome(mutant=task.mutant, plans=0, refused=error.problems[0].message)
    corpus = Corpus()
    for number in range(task.plans):
        ancestry = corpus.ancestry(number, number)
        plan = plans.plan(ancestry)
        trial = tried(plan, ancestry)
        if trial.failures:
            check = min(trial.failures, key=lambda name: (trial.failures[name].t, name))
            return Outcome(mutant=task.mutant, found_by=check, plans=number + 1, smallest=made_small(plans, ancestry, check, Path()))
        corpus.add(number, trial)
    right = space(task.source)
    ancestries = [(number,) for number in range(min(task.plans, COMPARED))]
    differed = sum(_digest(plans.plan(ancestry)) != _digest(right.plan(ancestry)) for ancestry in ancestries)
    return Outcome(mutant=task.mutant, plans=task.plans, differed=differed)


def _digest(plan: Scenario) -> bytes:
    """Stands for all that happens in a run."""
    digest = blake2b(digest_size=16)

    def hear(batch: Sequence[AnyRecord]) -> None:
        digest.update(_ENCODER.encode_lines(list(batch)))

    simulated.run(plan, hear)
    return digest.digest()
