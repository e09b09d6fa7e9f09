"""What a sweep's reports say, on a grid made by hand."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from harness.report import sweep as report
from harness.report.html.sweep import render
from harness.search.grid import Axis, Cell, Grid, alike, figure, interval, worst

X = Axis(path="plan.crash.at", values=("+0 s", "+1 h", "+2 h"), labels=("17:00", "18:00", "19:00"),
         title="when crash begins (local time)", says="crash begins at {}")  # fmt: skip
Y = Axis(path="plan.crash.for", values=("1 h", "4 h"), labels=("1 h", "4 h"), title="how long crash lasts (hours)", says="lasts {}")


def cell(*values: float | None, failed: int | None = None) -> Cell:
    return Cell(values=values, failed=failed)


GRID = Grid(
    name="street", title="A street", metric="undelivered_energy", unit="kWh", says="Energy that drivers needed and did not have.",
    worse="higher", difference=True, x=X, y=Y, seeds=(1, 2, 3, 4, 5), harness="9.9",
    rows=(
        (cell(0, 0, 0, 0, 0), cell(1, 2, 3, 4, 5), cell(-4, -2, -3, -1, -5)),
        (cell(0, 1, 0, 1, 0), cell(11, 12, 13, 14, 15), cell(14, 10, 15, 11, 13)),
    ),
    command="harness sweep street", look="harness run street",
)  # fmt: skip


def test_the_interval_of_a_mean_is_students():
    assert interval((1, 2, 3, 4, 5)) == (1.037072, 4.962928)  # 3 ± 2.776 · √2.5 / √5
    assert interval((2, 2, 2)) == (2, 2)
    assert interval((1,)) is None
    wide = interval([0, 1] * 50)
    assert wide == (0.399496, 0.600504)  # with 99 degrees of freedom that of 60 is taken


def test_the_worst_cell_is_named_with_its_interval_and_those_that_may_be_as_bad():
    assert worst(GRID) == (1, 1)
    assert report.headline(GRID) == (
        "It hurts most where crash begins at 18:00 and lasts 4 h: undelivered energy +13 kWh (95 % interval 11 to 15 kWh)"
        " against the same runs without the faults, on average over 5 seeds."
    )
    assert alike(GRID, (1, 1)) == [(1, 2)]
    assert report.others(GRID) == "As bad, as far as these seeds can tell, is one other cell: lasts 4 h: 19:00."


def test_cells_are_told_apart_seed_by_seed():
    """The intervals of the two means overlap widely, but every seed is worse in one of them."""
    rows = ((cell(1, 10, 20, 30, 40), cell(2, 11, 21, 31, 41), cell(0, 0, 0, 0, 0)), GRID.rows[0])
    assert alike(replace(GRID, rows=rows), (0, 1)) == []


def test_of_two_cells_with_the_same_values_the_first_is_the_worst_and_the_other_as_bad():
    rows = ((cell(0, 0, 0, 0, 0), cell(3, 4, 3, 4, 3), cell(3, 4, 3, 4, 3)), GRID.rows[0][:1] * 3)
    grid = replace(GRID, rows=rows)
    assert worst(grid) == (0, 1)
    assert alike(grid, (0, 1)) == [(0, 2)]


def test_neighbours_are_told_as_a_stretch():
    same = cell(1, 2, 3, 2, 1)
    assert report.others(replace(GRID, rows=((same, same, same), (cell(1, 2, 3, 2, 2), same, cell(0, 0, 0, 0, 0))))) == (
        "As bad, as far as these seeds can tell, are 4 other cells: lasts 1 h: 17:00 to 19:00; lasts 4 h: 18:00."
    )


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (((cell(0), cell(0), cell(0)), (cell(0), cell(0), cell(0))), "It makes no difference: undelivered energy is 0 kWh in every cell."),
        (((cell(None), cell(None), cell(None)),) * 2, "No run has a figure for undelivered energy: nothing to compare."),
        (((cell(-1), cell(-2), cell(-3)),) * 2, "It hurts nowhere. The least is gained where crash begins at 17:00 and lasts 1 h: "),
    ],
)
def test_a_sweep_without_harm_says_so(rows, says):
    grid = replace(GRID, rows=rows, seeds=(1,))
    assert report.headline(grid).startswith(says)
    assert render(grid)
    assert report.render(grid)


def test_where_less_is_worse_the_least_is_the_worst():
    grid = replace(GRID, metric="port_uptime", unit="%", worse="lower", difference=False)
    assert worst(grid) == (0, 2)
    assert report.headline(grid).startswith("It is worst where crash begins at 19:00 and lasts 1 h: port uptime −3 % (95 %")


def test_one_seed_has_no_interval():
    one = replace(GRID, seeds=(1,), rows=tuple(tuple(cell(each.values[0]) for each in row) for row in GRID.rows))
    assert "(95 %" not in report.headline(one)
    assert report.others(one).startswith("One seed says nothing about chance")
    assert report.table(one).splitlines()[2] == "18:00,1 h,1,1,,,1,1,undelivered_energy,kWh"


def test_the_csv_has_a_row_for_each_cell():
    assert report.table(GRID).splitlines() == [
        "x,y,seeds,mean,low,high,min,max,metric,unit",
        "17:00,1 h,5,0,0,0,0,0,undelivered_energy,kWh",
        "18:00,1 h,5,3,1.037072,4.962928,1,5,undelivered_energy,kWh",
        "19:00,1 h,5,-3,-4.962928,-1.037072,-5,-1,undelivered_energy,kWh",
        "17:00,4 h,5,0.4,-0.279978,1.079978,0,1,undelivered_energy,kWh",
        "18:00,4 h,5,13,11.037072,14.962928,11,15,undelivered_energy,kWh",
        "19:00,4 h,5,12.6,10.025644,15.174356,10,15,undelivered_energy,kWh",
    ]


def test_the_markdown_has_the_means_the_worst_in_bold_and_how_to_look_at_it():
    text = report.render(GRID)
    assert "| 18:00 | 3 | **13** |" in text
    assert "| crash begins at 18:00 and lasts 4 h | 13 | 11 to 15 | 11 to 15 |" in text
    assert "harness run street --seed 5 --set 'plan.crash.at=+1 h' --set 'plan.crash.for=4 h'\n" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.004, "0"),
        (-0.004, "0"),
        (1.256, "1.26"),
        (12.34, "12.3"),
        (99.96, "100"),
        (-1234.5, "−1234"),
        (10.0, "10"),
    ],
)
def test_figures_have_three_digits(value, text):
    assert figure(value) == text


class Elements(HTMLParser):
    """Start tags with their attributes."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_tells_the_figures_of_each_cell_and_marks_the_worst():
    cells = [given for tag, given in Elements(render(GRID)).found if tag == "td"]
    assert len(cells) == 6
    assert cells[4]["class"] == "worst"
    assert cells[4]["aria-label"] == "18:00, 4 h: +13 kWh (95 % interval 11 to 15 kWh), of single seeds 11 to 15. The worst."
    assert cells[4]["style"] == "--much:100%"
    assert "alike" in cells[5]["class"]
    assert cells[2]["class"].split() == ["gain", "right"]
    assert [each["tabindex"] for each in cells].count("0") == 1


def test_the_page_names_axes_and_unit_and_fetches_nothing():
    page = render(GRID).decode()
    assert "Undelivered energy in kWh, by when crash begins and how long crash lasts" in page
    assert "when crash begins (local time) →" in page
    assert "how long crash lasts (hours) ↓" in page
    assert not re.search(r"https?://|url\(|@import", page)
    assert "default-src 'none'" in page


def test_no_text_is_markup():
    nasty = "<script>alert(1)</script>\"'"
    axis = replace(X, labels=(nasty, "b", "c"), title=nasty, says=f"{nasty} {{}}", path=nasty, values=(nasty, "b", "c"))
    grid = replace(GRID, name=nasty, title=nasty, x=axis, y=replace(Y, title=nasty, labels=(nasty, "b")), unit=nasty, command=nasty)
    names = [tag for tag, _ in Elements(render(grid)).found]
    assert names.count("script") == 1
    assert "<script>" not in "".join(report.render(grid).split("```")[::2])


def test_what_was_not_measured_is_shown_as_that():
    grid = replace(GRID, rows=((cell(1, 1, 1, 1, 1), cell(*[None] * 5), cell(2, 3, 2, 3, 2)), GRID.rows[0]))
    assert "18:00,1 h,0,,,,,,undelivered_energy,kWh" in report.table(grid)
    cells = [given for tag, given in Elements(render(grid)).found if tag == "td"]
    assert cells[1]["class"].split() == ["none"]
    assert cells[1]["aria-label"] == "18:00, 1 h: not measured."
