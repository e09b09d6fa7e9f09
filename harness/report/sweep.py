"""What came of a sweep: in sentences, as lines for the terminal, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.report.escape import markdown
from harness.report.line import Line
from harness.search.grid import Axis, Cell, Grid, Place, alike, figure, finding, harmless, worst
from harness.units import counted, unit_for

COLUMNS = ("seeds", "mean", "low", "high", "min", "max", "metric", "unit", "outlasts_run")
"""The columns of the CSV that follow those of the axes."""
JUDGED = ("failed_runs", "failed_checks")
"""Those that follow where the runs were judged."""
OUTLASTS = "†"
"""Marks a cell whose outage is not over when the run is."""
_MORE_SEEDS = 20
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
    if reach is None or reach[0] == reach[1]:
        return amount(grid, cell.mean)
    return f"{amount(grid, cell.mean)} (95 % interval {figure(reach[0])} to {figure(reach[1])} {grid.unit})"


def headline(grid: Grid) -> str:
    """What the sweep found, in a sentence: the worst cell, with its figure, its interval and their unit, that there is none, or that the
    seeds cannot tell."""
    found = finding(grid)
    place = worst(grid)
    if found == "nothing":
        return f"No run has a figure for {metric_words(grid)}: nothing to compare."
    if place is None:
        return _harmless(grid) if harmless(grid) and len(grid.places()) > 1 else _equal(grid)
    if found == "unsure":
        return _unsure(grid, place)
    begin = "It hurts most where" if grid.difference else "It is worst where"
    return f"{begin} {where(grid, place)}: {metric_words(grid)} {with_interval(grid, grid.cell(place))}{_over(grid, grid.cell(place))}."


def _over(grid: Grid, cell: Cell) -> str:
    against = " against the same runs without the faults" if grid.difference else ""
    many = len(cell.measured)
    return f"{against}, on average over {many} seeds" if many > 1 else f"{against}, with one seed"


def _harmless(grid: Grid) -> str:
    """Of cells none of which costs anything on average; in how many runs it did."""
    known = [cell for row in grid.rows for cell in row if cell.mean is not None]
    least, most = (figure(pick(cell.mean or 0.0 for cell in known)) for pick in (min, max))
    span = least if least == most else f"between {least} and {most}"
    told = f"{metric_words(grid)} is {span} {unit_for(0, grid.unit)} in each cell{_over(grid, known[0])}."
    runs = [value for cell in known for value in cell.measured]
    worse = sum(value > 0 if grid.worse == "higher" else value < 0 for value in runs)
    if not worse:
        return f"It hurts nowhere: {told}"
    return f"It hurts nowhere on average: {told} In {worse} of {len(runs)} runs it did."


def _equal(grid: Grid) -> str:
    """Of one cell, or of several that have the same mean."""
    place = next(place for place in grid.places() if grid.cell(place).mean is not None)
    cell = grid.cell(place)
    told = f"{metric_words(grid)} is {with_interval(grid, cell)}"
    if len(grid.places()) == 1:
        return f"There is one cell, and nothing to compare it with: where {where(grid, place)}, {told}{_over(grid, cell)}."
    return f"All cells are equal: {told} in each{_over(grid, cell)}."


def _unsure(grid: Grid, place: Place) -> str:
    cell = grid.cell(place)
    top = "highest" if grid.worse == "higher" else "lowest"
    asked = "where it hurts most" if grid.difference else "where it is worst"
    more = f"More seeds may: --seeds {max(_MORE_SEEDS, 4 * len(grid.seeds))}."
    if len(grid.seeds) < 2:
        told = f"The {top} figure, {amount(grid, cell.mean)} of {metric_words(grid)}, is where {where(grid, place)}"
        return f"One seed cannot tell {asked}. {told}, which may be chance. {more}"
    reach = cell.interval
    doubts = [] if reach is None or not grid.difference or not reach[0] <= 0 <= reach[1] else ["that interval holds 0"]
    if same := alike(grid, place):
        doubts.append(f"{len(same)} of {counted(len(grid.places()) - 1, 'other cells')} may be as bad")
    told = f"The {top} mean is where {where(grid, place)}: {metric_words(grid)} {with_interval(grid, cell)}"
    but = " and ".join(doubts or ["too few seeds have a figure"])
    return f"These {len(grid.seeds)} seeds cannot tell {asked}. {told}, but {but}. {more}"


def map_title(grid: Grid) -> str:
    """What the picture of the grid shows, in a sentence that is true without any other: the metric, its unit, the worst cell."""
    metric = f"{metric_words(grid).capitalize()} ({grid.unit})"
    place = worst(grid)
    if harmless(grid):
        return f"{metric} is nowhere worse than without the faults"
    if place is None:
        return f"{metric} does not tell the cells apart"
    told = f"{where(grid, place)}: {amount(grid, grid.cell(place).mean)}"
    if finding(grid) == "unsure":
        top = "highest" if grid.worse == "higher" else "lowest"
        return f"{metric}: too few seeds to tell the worst cell; the {top} mean is where {told}"
    return f"{metric} is worst where {told}"


def rank(grid: Grid) -> str:
    """What the first cell is: the worst, or only the one with the worst mean."""
    if finding(grid) != "unsure":
        return "the worst"
    return "the highest mean, perhaps by chance" if grid.worse == "higher" else "the lowest mean, perhaps by chance"


def others(grid: Grid) -> str:
    """Which cells these seeds do not tell apart from the worst; empty where the worst is not known."""
    place = worst(grid)
    if place is None or finding(grid) == "unsure":
        return ""
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
    same = ", the same in all cells" if len(grid.places()) > 1 else ""
    reckoned = f"Each cell is {counted(len(grid.seeds), 'runs')}, {seeds}{same}."
    if len(grid.seeds) > 1:
        reckoned += " The interval is that of the mean, by Student's t."
    if len(grid.seeds) > 1 and worst(grid) is not None:
        reckoned += (
            " A cell is as bad as the worst where the 95 % interval of its differences from it, seed by seed, holds 0;"
            f" of {counted(len(grid.places()), 'cells')} a few may seem different by chance alone."
        )
    found = [f"{metric_words(grid).capitalize()} ({grid.unit}): {grid.says[:1].lower()}{grid.says[1:]}{twin}", reckoned]
    if outlasting := sum(grid.cell(place).outlasts for place in grid.places()):
        found.append(
            f"{counted(outlasting, 'cells')}, marked {OUTLASTS}: the run ends before the outage does, and what comes later is not counted."
            f" --set 'duration={grid.long_enough}' makes the run long enough."
        )
    return [*found, *_judged(grid)]


def _judged(grid: Grid) -> Iterator[str]:
    cells = [cell for row in grid.rows for cell in row if cell.failed is not None]
    if not cells:
        return
    checks: Counter[str] = Counter()
    for cell in cells:
        checks.update(cell.checks)
    which = f" ({', '.join(f'{check} in {many}' for check, many in checks.most_common())})" if checks else ""
    failed = sum(cell.failed or 0 for cell in cells)
    yield f"Of {counted(len(cells) * len(grid.seeds), 'runs')}, {failed} failed a check{which}; limits are not looked at."


def share(shard: str, runs: int, made: int, twins: int, lacking: int) -> str:
    """What a share of a sweep made: of the runs of all cells those that were made now and that are lacking; and runs of twins."""
    also = f", and {counted(twins, 'runs')} of twins besides" if twins else ""
    left = f"{lacking} are lacking in this file"
    if not lacking:
        left = "none is lacking, but runs of twins are, which the command without --shard makes"
    return f"Share {shard}: of the {counted(runs, 'runs')} of the sweep's cells, {made} were made now{also}; {left}."


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


def commands(grid: Grid) -> list[tuple[str, str]]:
    """What to type: a sentence and the command, of those that there are."""
    single = f"The cell with {rank(grid)}:" if finding(grid) == "unsure" else "The worst cell, run on its own:"
    return [(text, command) for text, command in ((single, look(grid)), ("The sweep again:", grid.command)) if command]


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
    writer.writerow([*_columns(grid.x), *_columns(grid.y), *COLUMNS, *(JUDGED if judged else ())])
    for row, column in grid.places():
        cell = grid.cell((row, column))
        found = cell.measured
        low, high = cell.interval or (None, None)
        figures = (cell.mean, low, high, *((min(found), max(found)) if found else (None, None)))
        cells = [len(found), *map(_exact, figures), grid.metric, grid.unit, int(cell.outlasts)]
        failed = [cell.failed, "; ".join(f"{check}: {many}" for check, many in cell.checks.items())] if judged else []
        writer.writerow([*_of_axis(grid.x, column), *_of_axis(grid.y, row), *cells, *failed])
    return written.getvalue()


def _columns(axis: Axis) -> list[str]:
    return [axis.path, f"{axis.path}_{axis.measure}"] if axis.numbers else [axis.path]


def _of_axis(axis: Axis, number: int) -> list[str]:
    return [axis.labels[number], _exact(axis.numbers[number])] if axis.numbers else [axis.labels[number]]


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
    yield from ("", f"## {markdown(metric_words(grid).capitalize())}, mean ({markdown(grid.unit)})", "")
    yield from (f"Down: {markdown(down.title)}. Across: {markdown(across.title)}.", "")
    yield f"| | {' | '.join(map(markdown, across.labels))} |"
    yield f"|---|{'--:|' * len(across.labels)}"
    for number, label in enumerate(down.labels):
        places = [(each, number) if turned else (number, each) for each in range(len(across.labels))]
        cells = [f"**{_marked(grid.cell(each))}**" if each == place else _marked(grid.cell(each)) for each in places]
        yield f"| {markdown(label)} | {' | '.join(cells)} |"


def _marked(cell: Cell) -> str:
    return f"{figure(cell.mean)}{OUTLASTS if cell.outlasts else ''}"


def worst_cells(grid: Grid) -> list[tuple[str, str, str, str]]:
    """The ten cells whose means are worst: which, the mean, its interval, the lowest and the highest seed; empty where none is worse."""
    if worst(grid) is None:
        return []
    known = [place for place in grid.places() if grid.cell(place).mean is not None]
    ranked = sorted(known, key=lambda place: -grid.badness(grid.cell(place)))
    found = []
    for place in ranked[:_LISTED]:
        cell = grid.cell(place)
        reach = f"{figure(cell.interval[0])} to {figure(cell.interval[1])}" if cell.interval else "–"
        spread = f"{figure(min(cell.measured))} to {figure(max(cell.measured))}"
        found.append((where(grid, place) + (f" {OUTLASTS}" if cell.outlasts else ""), figure(cell.mean), reach, spread))
    return found


def worst_heading(grid: Grid) -> str:
    """What stands above the worst cells."""
    if finding(grid) != "unsure":
        return "The worst cells"
    return f"The {'highest' if grid.worse == 'higher' else 'lowest'} means, which these seeds do not tell from chance"


def _worst_ten(grid: Grid) -> Iterator[str]:
    if not (cells := worst_cells(grid)):
        return
    yield from ("", f"## {worst_heading(grid)}", "")
    yield from (f"| | mean, {markdown(grid.unit)} | 95 % interval | lowest and highest seed |", "|---|--:|---|---|")
    for which, *figures in cells:
        yield f"| {markdown(which)} | {' | '.join(figures)} |"


def _foot(grid: Grid) -> Iterator[str]:
    for text, command in commands(grid):
        yield from ("", text, "", "```sh", " ".join(command.replace("```", "'''").split("\n")), "```")
    yield from ("", f"harness {grid.harness}", "")
