"""What came of a sweep: a figure for each cell of a grid and each seed, and what chance leaves of the differences between cells.

Of each cell there is the mean over its seeds, and the 95 % interval of that mean by Student's t. All cells have the same seeds, and so the
same cars: whether a cell differs from the worst one is told from the differences seed by seed, whose interval does not hold 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093,
    2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t with 1 to 30 degrees of freedom: 95 % lie within."""
_MORE_T = ((120, 1.980), (60, 2.000), (40, 2.021), (30, 2.042))
"""With at least so many; the next lower is taken, which is a little too wide."""
_DIGITS = 6

NEARLY_ALL = 0.9
"""Where the seeds do not tell so many of the other cells apart from the worst one, they do not tell which is the worst."""

Finding = Literal["nothing", "equal", "unsure", "gain", "harm"]
"""Nothing is measured; all cells are equal, or there is one; the seeds do not tell; no mean is worse than without the faults; the worst
cell is a harm."""

Place = tuple[int, int]
"""A cell: its row and its column."""


class Axis(Struct, frozen=True, kw_only=True):
    """One of the two things that a sweep varies."""

    path: str
    """What of the file it changes, as ``--set`` takes it."""
    values: tuple[str, ...]
    """The values, as ``--set`` takes them."""
    labels: tuple[str, ...]
    """The values as people read them."""
    title: str
    """What it is, with its unit."""
    says: str
    """A part of a sentence with ``{}`` for a label: ``crash begins at {}``."""
    measure: str = ""
    """What ``numbers`` count, with its unit, as the end of a column's name: ``minutes_after_start``."""
    numbers: tuple[float, ...] = ()
    """The values as numbers, where they are times or durations."""

    def of(self, number: int) -> str:
        """That part of a sentence about one of the values."""
        return self.says.replace("{}", self.labels[number])


class Cell(Struct, frozen=True, kw_only=True):
    """The runs of one cell."""

    values: tuple[float | None, ...]
    """The metric of each seed, in the order of the seeds; None where a run has none."""
    failed: int | None = None
    """How many runs failed a check; None: nobody looked."""
    checks: dict[str, int] = {}
    """Of how many runs each check failed, by its name."""
    outlasts: bool = False
    """The outage is not over when the run is."""

    @property
    def measured(self) -> list[float]:
        """The values that there are."""
        return [value for value in self.values if value is not None]

    @property
    def mean(self) -> float | None:
        """Their mean; None without any."""
        found = self.measured
        return _mean(found) if found else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean; None with less than two values."""
        return interval(self.measured)


class Grid(Struct, frozen=True, kw_only=True):
    """All cells of a sweep."""

    name: str
    """The scenario's name."""
    title: str
    metric: str
    unit: str
    says: str
    """What the metric is, in a sentence."""
    worse: Literal["higher", "lower"]
    difference: bool
    """Values are what the faults changed: the run's figure less that of the same run without them."""
    x: Axis
    y: Axis
    seeds: tuple[int, ...]
    rows: tuple[tuple[Cell, ...], ...]
    """A row for each value of ``y``, with a cell for each of ``x``."""
    long_enough: str = ""
    """The duration of a run that no outage of the sweep would outlast; empty where none does."""
    command: str = ""
    """What repeats the sweep."""
    look: str = ""
    """What runs a scenario as a cell has it, without the cell's own overrides; empty where overrides alone do not make one."""
    harness: str = ""

    def cell(self, place: Place) -> Cell:
        """The cell in a place."""
        return self.rows[place[0]][place[1]]

    def places(self) -> list[Place]:
        """All places, row by row."""
        return [(row, column) for row in range(len(self.y.labels)) for column in range(len(self.x.labels))]

    def badness(self, cell: Cell) -> float:
        """The mean, turned so that more is worse; of a cell without one less than any."""
        mean = cell.mean
        if mean is None:
            return -math.inf
        return mean if self.worse == "higher" else -mean


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the mean of a sample by Student's t; None with less than two values."""
    count = len(values)
    if count < 2:
        return None
    mean = math.fsum(values) / count
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    reach = _t(count - 1) * deviation / math.sqrt(count)
    return _rounded(mean - reach), _rounded(mean + reach)


def _t(freedom: int) -> float:
    if freedom <= len(_T):
        return _T[freedom - 1]
    return next(t for least, t in _MORE_T if freedom >= least)


def _mean(values: Sequence[float]) -> float:
    return _rounded(math.fsum(values) / len(values))


def _rounded(value: float) -> float:
    return round(value, _DIGITS) + 0.0  # never −0


def worst(grid: Grid) -> Place | None:
    """The cell whose mean is worst, the first of equals; None where nothing is measured, all are equal, or none costs anything. Whether
    the seeds tell it from chance says :func:`finding`."""
    known = [place for place in grid.places() if grid.cell(place).mean is not None]
    if len({grid.cell(place).mean for place in known}) < 2 or harmless(grid):
        return None
    return max(known, key=lambda place: (grid.badness(grid.cell(place)), -place[0], -place[1]))


def harmless(grid: Grid) -> bool:
    """Whether a difference is measured, and its mean is in no cell worse than without the faults."""
    known = [cell for row in grid.rows for cell in row if cell.mean is not None]
    return grid.difference and bool(known) and max(map(grid.badness, known)) <= 0


def alike(grid: Grid, place: Place) -> list[Place]:
    """The other cells that these seeds do not tell apart from one; none where there are no two seeds to tell by."""
    first = grid.cell(place)
    found = []
    for other in grid.places():
        pairs = zip(first.values, grid.cell(other).values, strict=True)
        differences = [one - two for one, two in pairs if one is not None and two is not None]
        reach = interval(differences)
        if other != place and reach is not None and reach[0] <= 0 <= reach[1]:
            found.append(other)
    return found


def finding(grid: Grid) -> Finding:
    """What may be said of a sweep: a cell is the worst only where the seeds tell it apart from some others and, of a difference, from 0."""
    known = [cell for row in grid.rows for cell in row if cell.mean is not None]
    place = worst(grid)
    if not known:
        return "nothing"
    if place is None:
        return "equal" if len({cell.mean for cell in known}) == 1 else "gain"
    cell = grid.cell(place)
    reach = cell.interval
    if reach is None or len(alike(grid, place)) >= NEARLY_ALL * (len(known) - 1):
        return "unsure"
    if not grid.difference:
        return "harm"
    return "unsure" if reach[0] <= 0 <= reach[1] else "harm"


def figure(value: float | None) -> str:
    """A mean or a bound for people: three significant digits, or as many as stand before the point; a dash where there is none."""
    if value is None:
        return "–"
    size = abs(value)
    text = f"{value:.{0 if size >= 99.95 else 1 if size >= 9.995 else 2}f}"
    return "0" if not text.strip("-0.") else (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")
