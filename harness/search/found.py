"""What searches among random plans come to, as plain values."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from harness.search.coverage import Coverage
from harness.units import counted

COMPARED = 300
"""In so many plans one that was not found is looked for differences."""


class Share(Struct, frozen=True):
    """Which of the seeds of a campaign are tried: those from ``first`` on, or each ``of``-th of them."""

    first: int = 0
    part: int = 1
    of: int = 1

    def seed(self, number: int) -> int:
        """The seed of the plan with this number, from 0."""
        return self.first + self.part - 1 + number * self.of

    def plans(self, whole: int) -> int:
        """How many plans of a whole campaign are of this share."""
        return len(range(self.part - 1, whole, self.of))

    def whole(self, plans: int) -> int:
        """The least number of plans of a whole campaign of which so many are of this share."""
        return (plans - 1) * self.of + self.part if plans else 0


class Smallest(Struct, frozen=True):
    """What one failing plan came to."""

    steps: int
    chargers: int
    causes: tuple[str, ...]
    """The kinds of its steps, in alphabetical order, all that take the server away as one."""
    says: str
    """What it takes, in a sentence."""
    rule: str
    """What was broken at the witness."""
    text: str
    """The scenario's file."""
    runs: int
    complete: bool


class Saved(Struct, frozen=True):
    """A scenario that was saved to stay."""

    file: str
    new: bool
    """It was written now; False: the same was there."""


class Finding(Struct, kw_only=True):
    """Failures of one check that take the same."""

    check: str
    plans: int
    """How many plans it broke in."""
    seeds: list[int]
    """The first of them."""
    smallest: Smallest
    alike: str = ""
    """The check of an earlier finding in the same plans that takes the same."""
    file: str = ""
    """Where the smallest scenario was written."""
    saved: Saved | None = None
    """Where it was saved besides, to stay."""


class Exploration(Struct, kw_only=True):
    """What came of a campaign, or of this machine's share of it."""

    name: str
    share: Share
    plans: int
    """How many plans were tried, before and now."""
    made: int
    """How many of them now."""
    seconds: float
    """How long that took."""
    workers: int
    stopped: str
    """Why it ended before all plans were tried; empty: they were."""
    findings: list[Finding]
    coverage: Coverage
    promised: list[str]
    """The checks that the contracts in the base promise."""
    situations: dict[str, int]
    """What kinds of step met which states → in how many plans."""
    folder: str
    command: str

    @property
    def exit_code(self) -> int:
        """1 where any check failed, else 0."""
        return int(bool(self.findings))


class Outcome(Struct, kw_only=True):
    """What became of a planted wrong behaviour."""

    mutant: str
    found_by: str = ""
    """The check that failed first; empty: none did."""
    plans: int
    """How many plans were tried, the one that failed included."""
    smallest: Smallest | None = None
    differed: int = 0
    """Not found: in how many of some plans the run was another than without it."""
    refused: str = ""
    """Why it cannot be planted here."""
    file: str = ""
    """Where the smallest scenario was written."""

    @property
    def standing(self) -> Literal["found", "survived", "no difference", "not here"]:
        """What that means."""
        if self.refused:
            return "not here"
        return "found" if self.found_by else "survived" if self.differed else "no difference"


class Planting(Struct, kw_only=True):
    """What became of planted wrong behaviours, as far as it is known."""

    name: str
    outcomes: list[Outcome]
    sought: int
    """How many were to be looked for."""
    plans: int
    """In how many plans each."""
    folder: str
    command: str

    @property
    def exit_code(self) -> int:
        """4 where none could be planted, 1 where any survived, else 0."""
        standings = {outcome.standing for outcome in self.outcomes}
        return 4 if standings == {"not here"} else int("survived" in standings)


def size(small: Smallest) -> str:
    """How large a scenario is, in words."""
    return f"{counted(small.steps, 'steps')}, {counted(small.chargers, 'chargers')}"
