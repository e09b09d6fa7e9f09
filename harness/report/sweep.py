"""What came of a sweep: in sentences, as lines for the terminal, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.report.escape import markdown
from harness.report.line import Line
from harness.search.grid import Axis, Cell, Grid, Place, alike, figure, worst
from harness.units import counted, unit_for

COLUMNS = ("x", "y", "seeds", "mean", "low", "high", "min", "max", "metric", "unit")
"""The columns of the CSV; ``failed`` follows where the runs were judged."""
_ROWS_NAMED = 6
"""Cells like the worst are told of so many rows."""
_LISTED = 10


def metric_words(grid: Grid) -> str:
    """The metric's name as words."""
    return grid.metric.replace("_", " ")


def amount(grid: Grid, value: float | None) -> str:
    """A value with its unit; a difference with its sign."""
    if value is None:
        return "not measured"
    sign = "+" if grid.difference and value > 0 else ""
    return f"{sign}{figure(value)} {unit_for(value, grid.unit)}"


def where(grid: Grid, place: Place) -> str:
    """Which cell: ``crash begins at 18:30 and lasts 4 h``."""
    row, column = place
    return f"{grid.x.of(column)} and {grid.y.of(row)}"


def with_interval(grid: Grid, cell: Cell) -> str:
    """A cell's mean with its interval."""
    reach = cell.interval
    if reach is None:
        return amount(grid, cell.mean)
    return f"{amount(grid, cell.mean)} (95 % interval {figure(reach[0])} to {figure(reach[1])} {grid.unit})"


def headline(grid: Grid) -> str:
    """What the sweep found, in a sentence: the worst cell, with its figure, its interval and their unit."""
    place = worst(grid)
    if place is None:
        means = {cell.mean for row in grid.rows for cell in row} - {None}
        if not means:
            return f"No run has a figure for {metric_words(grid)}: nothing to compare."
        return f"It makes no difference: {metric_words(grid)} is {amount(grid, means.pop())} in every cell."
    cell = grid.cell(place)
    begin = "It is worst where"
    if grid.difference:
        begin = "It hurts most where" if grid.badness(cell) > 0 else "It hurts nowhere. The least is gained where"
    against = " against the same runs without the faults" if grid.difference else ""
    seeds = f"on average over {counted(len(cell.measured), 'seeds')}"
    return f"{begin} {where(grid, place)}: {metric_words(grid)} {with_interval(grid, cell)}{against}, {seeds}."


def others(grid: Grid) -> str:
    """Which cells these seeds do not tell apart from the worst; empty where no cell is the worst."""
    place = worst(grid)
    if place is None:
        return ""
    if len(grid.seeds) < 2:
        return "One seed says nothing about chance: more are needed to tell which cells are as bad."
    found = alike(grid, place)
    if not found:
        return "These seeds tell every other cell apart from it."
    rows: dict[int, list[int]] = {}
    for row, column in found:
        rows.setdefault(row, []).append(column)
    named = list(rows.items())[:_ROWS_NAMED]
    told = [f"{grid.y.of(row)}: {', '.join(_stretches(grid.x, columns))}" for row, columns in named]
    more = f"; and in {counted(len(rows) - _ROWS_NAMED, 'rows')} more" if len(rows) > _ROWS_NAMED else ""
    many = "is one other cell" if len(found) == 1 else f"are {len(found)} other cells"
    return f"As bad, as far as these seeds can tell, {many}: {'; '.join(told)}{more}."


def _stretches(axis: Axis, columns: Sequence[int]) -> Iterator[str]:
    """Columns that follow each other as a range."""
    begins = columns[0]
    for column, following in pairwise([*columns, len(axis.labels) + 1]):
        if following != column + 1:
            yield axis.labels[begins] if begins == column else f"{axis.labels[begins]} to {axis.labels[column]}"
            begins = following


def notes(grid: Grid) -> list[str]:
    """What must be known to read the figures right."""
    seeds = f"seeds {grid.seeds[0]} to {grid.seeds[-1]}" if len(grid.seeds) > 1 else f"seed {grid.seeds[0]}"
    twin = " Told is what the faults changed: the run's figure less that of its twin, the same run without them." if grid.difference else ""
    found = [
        f"{metric_words(grid).capitalize()}, in {grid.unit}: {grid.says[:1].lower()}{grid.says[1:]}{twin}",
        f"Each cell is {counted(len(grid.seeds), 'runs')}, {seeds}, the same in all cells."
        " The interval is that of the mean, by Student's t."
        " A cell is as bad as the worst where the 95 % interval of its differences from it, seed by seed, holds 0;"
        f" of {counted(len(grid.places()), 'cells')} a few may seem different by chance alone.",
    ]
    if grid.outlasting:
        found.append(
            f"In {counted(grid.outlasting, 'cells')} the run is over before the outage is, and what comes later is not counted:"
            " --set duration=… makes it longer."
        )
    failed = [cell.failed for row in grid.rows for cell in row if cell.failed is not None]
    if failed:
        found.append(f"Of {counted(len(failed) * len(grid.seeds), 'runs')}, {sum(failed)} failed a check; limits are not looked at.")
    return found


def look(grid: Grid) -> str:
    """The command that runs the worst cell with the seed that is worst in it; empty where there is none."""
    place = worst(grid)
    if place is None or not grid.look:
        return ""
    values = grid.cell(place).values
    turned = [(value if grid.worse == "higher" else -value, -number) for number, value in enumerate(values) if value is not None]
    seed = grid.seeds[-max(turned)[1]]
    sets = (f"{grid.x.path}={grid.x.values[place[1]]}", f"{grid.y.path}={grid.y.values[place[0]]}")
    return f"{grid.look} {shlex.join(['--seed', str(seed), '--set', sets[0], '--set', sets[1]])}"


def lines(grid: Grid) -> Iterator[Line]:
    """What the terminal shows."""
    yield ((headline(grid), "title"),)
    if text := others(grid):
        yield ((text, ""),)
    for note in notes(grid):
        yield ((note, "quiet"),)


def table(grid: Grid) -> str:
    """The grid as CSV: a row for each cell. What was not measured is empty, and so is the interval of a single value."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    judged = any(cell.failed is not None for row in grid.rows for cell in row)
    writer.writerow((*COLUMNS, "failed") if judged else COLUMNS)
    for row, column in grid.places():
        cell = grid.cell((row, column))
        found = cell.measured
        low, high = cell.interval or (None, None)
        figures = (cell.mean, low, high, *((min(found), max(found)) if found else (None, None)))
        cells = [grid.x.labels[column], grid.y.labels[row], len(found), *map(_exact, figures), grid.metric, grid.unit]
        writer.writerow([*cells, cell.failed] if judged else cells)
    return written.getvalue()


def _exact(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def render(grid: Grid) -> str:
    """The grid as Markdown."""
    return "\n".join((*_head(grid), *_means(grid), *_worst_ten(grid), *_foot(grid)))


def _head(grid: Grid) -> Iterator[str]:
    yield from (f"# When would it hurt most? {markdown(grid.name)}", "", f"**{markdown(headline(grid))}**", "")
    if text := others(grid):
        yield from (markdown(text), "")
    yield from (f"- {markdown(note)}" for note in notes(grid))


def _means(grid: Grid) -> Iterator[str]:
    """The means as a table: what has more values goes down, where there is room for it."""
    place = worst(grid)
    turned = len(grid.x.labels) > len(grid.y.labels)
    down, across = (grid.x, grid.y) if turned else (grid.y, grid.x)
    yield from ("", f"## {markdown(metric_words(grid).capitalize())}, mean in {markdown(grid.unit)}", "")
    yield from (f"Down: {markdown(down.title)}. Across: {markdown(across.title)}.", "")
    yield f"| | {' | '.join(map(markdown, across.labels))} |"
    yield f"|---|{'--:|' * len(across.labels)}"
    for number, label in enumerate(down.labels):
        places = [(each, number) if turned else (number, each) for each in range(len(across.labels))]
        cells = [f"**{figure(grid.cell(each).mean)}**" if each == place else figure(grid.cell(each).mean) for each in places]
        yield f"| {markdown(label)} | {' | '.join(cells)} |"


def _worst_ten(grid: Grid) -> Iterator[str]:
    if worst(grid) is None:
        return
    ranked = sorted((each for each in grid.places() if grid.cell(each).mean is not None), key=lambda each: -grid.badness(grid.cell(each)))
    yield from ("", "## The worst cells", "")
    yield from (f"| | mean, {markdown(grid.unit)} | 95 % interval | lowest and highest seed |", "|---|--:|---|---|")
    for place in ranked[:_LISTED]:
        cell = grid.cell(place)
        reach = f"{figure(cell.interval[0])} to {figure(cell.interval[1])}" if cell.interval else "–"
        spread = f"{figure(min(cell.measured))} to {figure(max(cell.measured))}"
        yield f"| {markdown(where(grid, place))} | {figure(cell.mean)} | {reach} | {spread} |"


def _foot(grid: Grid) -> Iterator[str]:
    for text, command in (("The worst cell, run on its own:", look(grid)), ("The sweep again:", grid.command)):
        if command:
            yield from ("", text, "", "```sh", " ".join(command.replace("```", "'''").split("\n")), "```")
    yield from ("", f"harness {grid.harness}", "")
