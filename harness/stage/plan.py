"""When the steps of a plan begin and end, and whom they concern; shared by all stages.

A moment is known from the start (a time, or relative to a step whose own times are known), or becomes known during the run (after
``recovered``, or after a step that waits for a message or state).
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.values import Moment, Scenario, Step, Targets
from harness.world.chance import SHARE, actor_key, draw


class Timeline:
    """The moments of a plan's steps as far as they are known."""

    def __init__(self, plan: Sequence[Step]) -> None:
        self.steps = {step.id: step for step in plan}
        self.starts: dict[str, int] = {}
        self.ends: dict[str, int] = {}
        self.recoveries: dict[str, int] = {}
        while sum(self._learn(step) for step in plan):
            pass

    def _learn(self, step: Step) -> bool:
        """Find out a step's start and end, where that is possible by now; says whether that brought anything new."""
        known = len(self.starts) + len(self.ends)
        if step.id not in self.starts and step.at is not None:
            start = self.moment(step.at)
            if start is not None:
                self.starts[step.id] = max(0, start)
        if step.id not in self.ends and step.id in self.starts:
            end = self.end_of(step)
            if end is not None:
                self.ends[step.id] = max(0, end)
        return len(self.starts) + len(self.ends) > known

    def moment(self, moment: Moment) -> int | None:
        """The time of a moment in ms, or None while it is not known."""
        if not moment.step:
            return moment.offset_ms
        known = {"start": self.starts, "end": self.ends, "recovered": self.recoveries}[moment.edge]
        base = known.get(moment.step)
        return None if base is None else base + moment.offset_ms

    def end_of(self, step: Step) -> int | None:
        """When a step ends, or None while that is not known or it has no end."""
        start = self.starts.get(step.id)
        if step.until is not None:
            return self.moment(step.until)
        if step.for_ms is not None and start is not None:
            return start + step.for_ms
        return None

    def waits_on(self, step: str, edge: str) -> list[Step]:
        """The steps whose start is relative to this edge of a step."""
        return [
            other for other in self.steps.values()
            if other.at is not None and other.at.step == step and other.at.edge == edge
        ]  # fmt: skip

    def ends_on(self, step: str, edge: str) -> list[Step]:
        """The steps whose end is relative to this edge of a step."""
        return [
            other for other in self.steps.values()
            if other.until is not None and other.until.step == step and other.until.edge == edge
        ]  # fmt: skip


class Cast:
    """Which chargers a name in a scenario means, by their places."""

    def __init__(self, scenario: Scenario) -> None:
        self.names = scenario.names()
        self.seed = scenario.seed
        self._places: dict[str, Sequence[int]] = {}
        """Of entries and circuits, and of the single members that were asked for."""
        first = 0
        for entry in scenario.chargers:
            following = first + max(1, entry.count)
            self._places[entry.name] = range(first, following)
            first = following
        for circuit in scenario.circuits:
            self._places[circuit.name] = self.of_names(circuit.members)

    def of_names(self, names: Sequence[str]) -> list[int]:
        """The places of entries, members or circuits, each once, in order."""
        return sorted({place for name in names for place in self._of_name(name)})

    def _of_name(self, name: str) -> Sequence[int]:
        if name not in self._places:
            self._places[name] = (self.names.index(name),)
        return self._places[name]

    def of(self, targets: Targets) -> list[int]:
        """The places of a step's targets; ``shard`` is the server's matter and means all here."""
        places = self.of_names(targets.names) if targets.names else list(range(len(self.names)))
        if not targets.share_permille:
            return places
        ranked = sorted(places, key=lambda place: draw(actor_key(self.seed, self.names[place]), SHARE, 0))
        return sorted(ranked[: max(1, len(places) * targets.share_permille // 1000)])
