"""What random plans put to the test: how often each check was met and failed under a plan that contains each kind of step.

A check that is never met or failed under a kind has said nothing about it, however many plans passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from harness.units import counted

Pair = tuple[str, str]
"""A check and a kind of step."""


class Coverage:
    """Counts of decided obligations by check and kind of step, over any number of judged plans."""

    def __init__(self) -> None:
        self.plans: Counter[str] = Counter()
        """Kind → how many plans contain it."""
        self.met: Counter[Pair] = Counter()
        self.failed: Counter[Pair] = Counter()
        self.held: Counter[str] = Counter()
        """Check → how many of its obligations held, each counted once."""
        self.broken: Counter[str] = Counter()

    def add(self, kinds: Iterable[str], met: Mapping[str, int], failed: Mapping[str, int]) -> None:
        """Count a judged run: the obligations of each check that held and that were broken, once for each kind that its plan contains."""
        kinds = sorted(set(kinds))
        self.plans.update(kinds)
        self.held.update(met)
        self.broken.update(failed)
        for counts, decided in ((self.met, met), (self.failed, failed)):
            for check, count in decided.items():
                for kind in kinds:
                    counts[check, kind] += count

    def checks(self) -> list[str]:
        """The checks that were decided at least once, in alphabetical order."""
        return sorted({check for counts in (self.met, self.failed) for (check, _), count in counts.items() if count})

    def missing(self, check: str) -> list[str]:
        """The kinds of step that were in a plan, but in none in which this check was decided."""
        return sorted(kind for kind in self.plans if not self.met[check, kind] + self.failed[check, kind])

    def table(self) -> str:
        """The counts as text: a row for each check with a column for each kind, met and, where there are any, ``/failed``."""
        kinds = sorted(self.plans)
        rows = [["check", *(str(number) for number in range(1, len(kinds) + 1))]]
        rows += [[check, *(self._cell(check, kind) for kind in kinds)] for check in self.checks()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        key = [f"{number:3}  {kind} ({counted(self.plans[kind], 'plans')})" for number, kind in enumerate(kinds, 1)]
        return "\n".join([*("  ".join(_padded(row, widths)) for row in rows), "", *key])

    def _cell(self, check: str, kind: str) -> str:
        met, failed = self.met[check, kind], self.failed[check, kind]
        return f"{met}/{failed}" if failed else str(met or "·")


def _padded(row: list[str], widths: list[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
