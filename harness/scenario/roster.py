"""Who there is in a scenario: entries, the members of crowds, and circuits, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.scenario.nodes import Node
from harness.scenario.problems import Problems, nearest
from harness.values import Chargers

EVERYONE = "all"


class Roster:
    """Looks names up; a crowd's members are never listed, so a large one costs nothing."""

    def __init__(self, entries: Sequence[Chargers], circuits: Sequence[str] = ()) -> None:
        self.entries = {entry.name: entry for entry in entries}
        self.circuits = tuple(circuits)

    def entry_of(self, name: str) -> Chargers | None:
        """The entry of that name, or the crowd whose member it is."""
        return self.entries.get(name) or self.crowd_of(name)

    def crowd_of(self, name: str) -> Chargers | None:
        """The crowd that has a member of that name."""
        stem, _, digits = name.rpartition("-")
        crowd = self.entries.get(stem)
        if crowd is None or not digits.isascii() or not digits.isdecimal() or len(digits) != len(str(crowd.count)):
            return None
        return crowd if 1 <= int(digits) <= crowd.count else None

    def is_one(self, name: str) -> bool:
        """Whether a name is that of one charger."""
        entry = self.entry_of(name)
        return entry is not None and (not entry.count or entry.name != name)

    def check(self, name: str, node: Node, problems: Problems, *, circuits: bool = True) -> bool:
        """Whether there is such a charger, crowd or (with ``circuits``) circuit; if not, the problem is noted."""
        if self.entry_of(name) is not None or (circuits and name in self.circuits):
            return True
        crowds = [entry for entry in self.entries.values() if entry.count]
        names = [*self.entries, *(self.circuits if circuits else ())]
        stem = name.rpartition("-")[0]
        crowd = next((c for c in crowds if c.name == stem), None)
        if crowd is not None:
            first, last = f"{stem}-{1:0{len(str(crowd.count))}d}", f"{stem}-{crowd.count}"
            problems.add(node, "no such charger", found=f"`{name}`", expected=f"`{first}` to `{last}`")
        else:
            what = "charger or circuit" if circuits else "charger"
            problems.add(node, f"no such {what}", found=f"`{name}`", expected="one of this file", suggestion=nearest(name, names))
        return False

    def chargers_of(self, name: str) -> Iterator[str]:
        """The single chargers that an entry's or a member's name stands for."""
        entry = self.entries.get(name)
        if entry is None:
            yield name
        else:
            yield from entry.members()
