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


class Finding(Struct, kw_only=True):
    """Failures of one check that take the same."""

    check: str
    plans: int
    """How many plans it broke in."""
    seeds: list[int]
    """The first of them."""
    smallest: Smallest
    file: str = ""
    """Where the smallest scenario was written."""


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

    @property
    def standing(self) -> Literal["found", "survived", "no difference", "not here"]:
        """What that means."""
        if self.refused:
            return "not here"
        return "found" if self.found_by else "survived" if self.differed else "no difference"


def size(small: Smallest) -> str:
    """How large a scenario is, in words."""
    return f"{counted(small.steps, 'steps')}, {counted(small.chargers, 'chargers')}"
