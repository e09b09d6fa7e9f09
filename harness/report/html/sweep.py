"""The page of a sweep: the worst cell in a sentence, the grid as a heatmap, and the worst row as a curve with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.report.html.document import document
from harness.report.html.text import listed, name, plain, say, table, tag
from harness.report.sweep import (
    OUTLASTS,
    amount,
    commands,
    headline,
    map_title,
    metric_words,
    notes,
    others,
    rank,
    with_interval,
    worst_cells,
    worst_heading,
)  # fmt: skip
from harness.search.grid import Cell, Grid, Place, alike, figure, finding, worst
from harness.units import counted

_WIDE, _HIGH = 1000, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 24, 58
_TICKS = 4
_KEYS = 5
_MOST_LABELS = 16
_LONG_LABEL = 60
_MOST_FIGURES = 20
"""With so many columns there is room for a figure in each cell."""
_TIP_ROWS = 2
"""In so many rows on top what a cell says hangs below it, because above there is no room."""


def render(grid: Grid) -> bytes:
    """The page."""
    head = tag("p", "sweep: when would it hurt most?", class_="kind") + tag("h1", f"{name(grid.name)}: {say(grid.title)}")
    told = tag("p", say(headline(grid), 1000), class_="headline") + tag("p", say(others(grid), 2000))
    parts = [tag("header", head + told), tag("section", tag("h2", say(map_title(grid), 400)) + _map(grid), id="map")]
    if cells := worst_cells(grid):
        heads = ("which", f"mean, {say(grid.unit)}", "95 % interval", "lowest and highest seed")
        rows = table(heads, [[say(each) for each in row] for row in cells], "The worst first", aligned="lrll")
        parts.append(tag("section", tag("h2", say(worst_heading(grid))) + rows, id="worst"))
    place = worst(grid)
    if place is not None and len(grid.x.labels) > 1:
        parts.append(tag("section", tag("h2", _curve_title(grid, place)) + _curve(grid, place), id="curve"))
    parts.append(tag("section", tag("h2", "How to read it") + listed(say(note, 1000) for note in notes(grid)), id="reading"))
    told = "".join(tag("p", say(text)) + tag("pre", say(command, 4000), tabindex="0") for text, command in commands(grid))
    parts.append(tag("section", tag("h2", "Repeat it") + told + tag("p", f"harness {say(grid.harness)}", class_="hint"), id="repeat"))
    return document(f"{grid.name}: when would it hurt most?", "".join(parts), script="sweep.js", style="sweep.css")


# The heatmap.


class _Scale:
    """How much colour a mean has: as much for so much harm as for as much gain, and none where nothing changes."""

    def __init__(self, grid: Grid) -> None:
        means = [cell.mean for row in grid.rows for cell in row if cell.mean is not None] or [0.0]
        self.turn = 1 if grid.worse == "higher" else -1
        self.nothing = 0.0 if grid.difference or grid.worse == "higher" else max(means)
        """Where there is no colour: nothing at all, or the best that there is."""
        self.most = max(abs(mean - self.nothing) for mean in means)
        low, high = min(self.nothing, *means), max(self.nothing, *means)
        ends = {self.nothing, low, high}
        room = (high - low) / (2 * _KEYS)
        rounds = [mean for mean in _ticks(low, high, _KEYS) if min(abs(mean - end) for end in ends) > room and low < mean < high]
        self.keys = sorted({*rounds, *ends})
        """Figures for a key, from the lowest to the highest: the ends, where there is no colour, and round ones between them."""
        self.gains = any(self.turn * (mean - self.nothing) < 0 for mean in means)

    def much(self, mean: float) -> tuple[int, bool]:
        """From 0 to 100, and whether it is a gain."""
        over = self.turn * (mean - self.nothing)
        return (round(100 * abs(over) / self.most) if self.most else 0), over < 0


def _map(grid: Grid) -> str:
    scale = _Scale(grid)
    axes = tag("span", f"<b>→ across:</b> {say(grid.x.title)}") + tag("span", f"<b>↓ down:</b> {say(grid.y.title)}")
    many = "Each cell is one run" if len(grid.seeds) == 1 else f"Each cell is the mean of {counted(len(grid.seeds), 'runs')}"
    against = " less that of the same runs without the faults" if grid.difference else ""
    point = "Point at a cell, or go there with Tab and the arrow keys, for its figures."
    caption = say(f"{many}: {metric_words(grid)} ({grid.unit}){against}.", 600) + tag("span", f" {point}", class_="pointing")
    drawn = tag("p", axes, class_="axes") + _heatmap(grid, scale) + _key(grid, scale) + tag("p", caption, class_="hint")
    return tag("div", drawn, class_="map figures" if _has_figures(grid) else "map")


def _has_figures(grid: Grid) -> bool:
    return len(grid.x.labels) <= _MOST_FIGURES


def _heatmap(grid: Grid, scale: _Scale) -> str:
    place = worst(grid)
    same = set(alike(grid, place)) if place is not None and finding(grid) != "unsure" else set()
    wide = len(grid.x.labels)
    corner = tag("td", "", class_="corner")
    columns = "".join(
        tag("th", tag("span", say(label, _LONG_LABEL)), scope="col", class_="column here" if place and place[1] == number else "column")
        for number, label in enumerate(grid.x.labels)
    )
    rows = []
    for row, label in enumerate(grid.y.labels):
        head = tag("th", say(label, _LONG_LABEL), scope="row", class_="here" if place and place[0] == row else None)
        cells = "".join(_cell(grid, (row, column), scale, place, same) for column in range(wide))
        rows.append(tag("tr", head + cells, class_="high" if row < _TIP_ROWS else None))
        if place and place[0] == row:
            rows.append(_flag(grid, place))
    inner = tag("thead", tag("tr", corner + columns)) + tag("tbody", "".join(rows))
    heat = tag("table", inner, class_="heat", role="grid", aria_readonly="true", aria_label=plain(map_title(grid), 400))
    return tag("div", heat, class_="wide heatroom", role="region", aria_label="the heatmap", tabindex="0")


def _flag(grid: Grid, place: Place) -> str:
    """A row below that of the worst cell which says, right below it, what it is: it covers no other cell."""
    wide, column = len(grid.x.labels), place[1]
    text = say(f"{rank(grid)}: {grid.x.labels[column]}, {grid.y.labels[place[0]]}: {amount(grid, grid.cell(place).mean)}", 200)
    if 2 * column < wide:
        before = tag("td", "", colspan=column) if column else ""
        cells = before + tag("td", f"▲ {text}", colspan=wide - column)
    else:
        after = tag("td", "", colspan=wide - column - 1) if column + 1 < wide else ""
        cells = tag("td", f"{text} ▲", colspan=column + 1, class_="before") + after
    return tag("tr", tag("td", "") + cells, class_="flag", aria_hidden="true")


def _cell(grid: Grid, place: Place, scale: _Scale, first: Place | None, same: set[Place]) -> str:
    cell = grid.cell(place)
    classes = ["worst"] if place == first else ["alike"] if place in same else []
    if cell.mean is None:
        classes.append("none")
        style = None
    else:
        much, gained = scale.much(cell.mean)
        classes += ["gain"] if gained else []
        style = f"--much:{much}%"
    classes += ["over"] if cell.outlasts else []
    third = 3 * place[1] // len(grid.x.labels)
    classes += ["left"] if third == 0 else ["right"] if third == 2 else []
    focus = "0" if place == (first or (0, 0)) else "-1"
    shown = say(figure(cell.mean)) if _has_figures(grid) else ""
    return tag("td", shown, class_=" ".join(classes) or None, style=style, tabindex=focus, aria_label=_told(grid, place, first, same))


def _told(grid: Grid, place: Place, first: Place | None, same: set[Place]) -> str:
    cell = grid.cell(place)
    spread = f", of single seeds {figure(min(cell.measured))} to {figure(max(cell.measured))}" if len(cell.measured) > 1 else ""
    mark = " Not to be told apart from the worst." if place in same else ""
    if place == first:
        mark = f" {rank(grid)[:1].upper()}{rank(grid)[1:]}."
    checks = f": {', '.join(f'{check} in {many}' for check, many in cell.checks.items())}" if cell.checks else ""
    failed = f" {cell.failed} of {len(cell.values)} runs failed a check{checks}." if cell.failed is not None else ""
    over = " The run ends before the outage does." if cell.outlasts else ""
    where = f"{grid.x.labels[place[1]]}, {grid.y.labels[place[0]]}"
    return plain(f"{where}: {with_interval(grid, cell)}{spread}.{mark}{over}{failed}", 400)


def _key(grid: Grid, scale: _Scale) -> str:
    keys = []
    for mean in scale.keys:
        much, gained = scale.much(mean)
        keys.append(tag("span", tag("i", class_="gain" if gained else None, style=f"--much:{much}%") + say(amount(grid, mean))))
    if worst(grid) is not None:
        keys.append(tag("span", say(f"★ {rank(grid)}")))
        if finding(grid) != "unsure":
            keys.append(tag("span", tag("i", class_="alike") + "not to be told apart from the worst"))
    if any(cell.outlasts for row in grid.rows for cell in row):
        keys.append(tag("span", tag("i", class_="over") + f"{OUTLASTS} the run ends before the outage does"))
    if any(cell.mean is None for row in grid.rows for cell in row):
        keys.append(tag("span", tag("i", class_="none") + "not measured"))
    key = tag("p", tag("span", say(f"Mean {metric_words(grid)}:")) + "".join(keys), class_="scale")
    if not grid.difference:
        return key
    why = ": in an outage cars charge that would have waited for cheaper hours" if grid.metric == "undelivered_energy" else ""
    gains = f" Blue: better than without them{why}." if scale.gains else ""
    return key + tag("p", f"Red: worse than without the faults.{gains}", class_="hint")


# The curve.


def _curve_title(grid: Grid, place: Place) -> str:
    return say(f"The row of {rank(grid)}: {grid.y.of(place[0])}")


def _curve(grid: Grid, place: Place) -> str:
    row = grid.rows[place[0]]
    figures = [bound for cell in row for bound in (cell.mean, *(cell.interval or ())) if bound is not None]
    ticks = _ticks(min(0.0, *figures), max(0.0, *figures)) if grid.worse == "higher" else _ticks(min(figures), max(figures))
    low, high = ticks[0], ticks[-1]

    def x(column: int) -> float:
        return _LEFT + (column + 0.5) * (_WIDE - _LEFT - _RIGHT) / len(row)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HIGH - _TOP - _BOTTOM)

    parts = [
        f'<path class="{"zero" if tick == 0 else "grid"}" d="M{_LEFT} {y(tick):.1f}H{_WIDE - _RIGHT}"/>'
        f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" class="soft">{say(figure(tick))}</text>'
        for tick in ticks
    ]
    parts.append(f'<text x="{_LEFT - 8}" y="14" text-anchor="end">{say(grid.unit, 12)}</text>')
    every = -(-len(row) // _MOST_LABELS)
    parts += [
        f'<text x="{x(column):.1f}" y="{_HIGH - _BOTTOM + 20}" text-anchor="middle" class="soft">{say(label, 12)}</text>'
        for column, label in enumerate(grid.x.labels) if column % every == 0
    ]  # fmt: skip
    parts.append(f'<text x="{(_LEFT + _WIDE - _RIGHT) / 2:.0f}" y="{_HIGH - 10}" text-anchor="middle">{say(grid.x.title, 110)}</text>')
    for columns in _unbroken(row):
        parts += _stretch(columns, row, x, y)
    mean = row[place[1]].mean
    assert mean is not None
    parts.append(f'<circle class="star" cx="{x(place[1]):.1f}" cy="{y(mean):.1f}" r="6"/>')
    side = "end" if place[1] > len(row) / 2 else "start"
    shift = -12 if side == "end" else 12
    parts.append(
        f'<text x="{x(place[1]) + shift:.1f}" y="{max(14.0, y(mean) - 8):.1f}" text-anchor="{side}" font-weight="700">'
        f"{say(f'{grid.x.labels[place[1]]}: {amount(grid, mean)}', 60)}</text>"
    )
    label = f"Mean {metric_words(grid)} by {grid.x.title}, with its 95 % interval. {headline(grid)}"
    picture = tag("svg", "".join(parts), viewBox=f"0 0 {_WIDE} {_HIGH}", class_="curve", role="img", aria_label=plain(label, 1000))
    text = tag("p", say(f"Line: the mean over the seeds. Band: its 95 % interval. Dot: {rank(grid)}."), class_="hint")
    return tag("div", picture, class_="wide", role="region", aria_label="the row of the worst cell", tabindex="0") + text


def _stretch(columns: Sequence[int], row: Sequence[Cell], x: Callable[[int], float], y: Callable[[float], float]) -> list[str]:
    means = [(x(column), y(mean)) for column in columns if (mean := row[column].mean) is not None]
    reaches = [(x(column), reach) for column in columns if (reach := row[column].interval) is not None]
    upper = [f"{at:.1f} {y(reach[1]):.1f}" for at, reach in reaches]
    lower = [f"{at:.1f} {y(reach[0]):.1f}" for at, reach in reversed(reaches)]
    band = [f'<path class="reach" d="M{" L".join(upper + lower)}z"/>'] if len(reaches) > 1 else []
    line = " L".join(f"{at:.1f} {height:.1f}" for at, height in means)
    dots = [f'<circle class="dot" cx="{at:.1f}" cy="{height:.1f}" r="2.5"/>' for at, height in means]
    return [*band, f'<path class="mean" d="M{line}"/>', *dots]


def _unbroken(row: Sequence[Cell]) -> list[list[int]]:
    """The columns that have a mean, in stretches without a gap."""
    stretches: list[list[int]] = [[]]
    for column, cell in enumerate(row):
        if cell.mean is None:
            stretches.append([])
        else:
            stretches[-1].append(column)
    return [columns for columns in stretches if columns]


def _ticks(low: float, high: float, many: int = _TICKS) -> list[float]:
    """Round figures from below the lowest to above the highest."""
    spread = (high - low) or abs(high) or 1.0
    rough = spread / many
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * number, 9) for number in range(first, max(last, first + 1) + 1)]
