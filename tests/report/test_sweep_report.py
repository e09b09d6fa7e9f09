"""What a sweep's reports say, on a grid made by hand."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from harness.report import sweep as report
from harness.report.html.sweep import render
from harness.search import axes
from harness.search.grid import Axis, Cell, Grid, alike, figure, finding, interval, worst

X = Axis(path="plan.crash.at", values=("+0 s", "+1 h", "+2 h"), labels=("17:00", "18:00", "19:00"),
         title="when crash begins (local time)", says="crash begins at {}",
         measure="minutes_after_start", numbers=(0, 60, 120))  # fmt: skip
Y = Axis(path="plan.crash.for", values=("1 h", "4 h"), labels=("1 h", "4 h"), title="how long crash lasts (hours)", says="lasts {}",
         measure="minutes", numbers=(60, 240))  # fmt: skip


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


AGAINST = "against the same runs without the faults, on average over 2 seeds."
EACH = f"kWh in each cell {AGAINST}"


def told(grid: Grid) -> tuple[str, str, str]:
    """What people read of a sweep: on the terminal, in Markdown, on the page."""
    terminal = "\n".join("".join(text for text, _ in line) for line in report.lines(grid))
    return terminal, report.render(grid), re.sub(r"(?s)<(style|script).*?</\1>", "", render(grid).decode())


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ((cell(0, 0), cell(0, 0), cell(0, 0)), f"It hurts nowhere: undelivered energy is 0 {EACH}"),
        ((cell(-1, -1), cell(-2, -2), cell(-3, -3)), f"It hurts nowhere: undelivered energy is between −3 and −1 {EACH}"),
        ((cell(0, 0), cell(0, 0), cell(0, -1)), f"It hurts nowhere: undelivered energy is between −0.5 and 0 {EACH}"),
        (
            (cell(0, 0), cell(1, -1), cell(2, -3)),
            f"It hurts nowhere on average: undelivered energy is between −0.5 and 0 {EACH} In 4 of 12 runs it did.",
        ),
    ],
)
def test_where_no_cell_costs_anything_that_is_said_and_none_is_called_the_worst(row, says):
    grid = replace(GRID, rows=(row, row), seeds=(1, 2))
    assert worst(grid) is None
    for text in told(grid):
        assert says in text
        assert not re.search(r"worst|hurts most|highest|★|▲|alike", text)
    assert report.render(grid).count("**") == 2
    assert "<h2>Undelivered energy (kWh) is nowhere worse than without the faults</h2>" in render(grid).decode()
    assert [each["tabindex"] for each in cells_of(grid)].count("0") == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (cell(3, 3), f"All cells are equal: undelivered energy is +3 kWh in each {AGAINST}"),
        (cell(None, None), "No run has a figure for undelivered energy: nothing to compare."),
    ],
)
def test_where_cells_are_not_told_apart_none_is_called_the_worst(given, says):
    grid = replace(GRID, rows=((given,) * 3,) * 2, seeds=(1, 2))
    assert worst(grid) is None
    for text in told(grid):
        assert says in text
        assert not re.search(r"worst cell|hurts most|highest|★|▲|alike", text)
    assert "<h2>Undelivered energy (kWh) does not tell the cells apart</h2>" in render(grid).decode()


def test_what_no_fault_has_changed_is_no_harm_also_with_one_seed():
    one = replace(GRID, seeds=(1,), rows=((cell(0), cell(-1), cell(0)),) * 2)
    assert finding(one) == "gain"
    assert report.headline(one) == (
        "It hurts nowhere: undelivered energy is between −1 and 0 kWh in each cell against the same runs without the faults, with one seed."
    )


def test_where_less_is_worse_the_least_is_the_worst():
    grid = replace(GRID, metric="port_uptime", unit="%", worse="lower", difference=False)
    assert worst(grid) == (0, 2)
    assert report.headline(grid).startswith("It is worst where crash begins at 19:00 and lasts 1 h: port uptime −3 % (95 %")


def test_one_seed_has_no_interval_and_names_no_worst_cell():
    one = replace(GRID, seeds=(1,), rows=tuple(tuple(cell(each.values[0]) for each in row) for row in GRID.rows))
    assert finding(one) == "unsure"
    assert report.headline(one) == (
        "One seed cannot tell where it hurts most. The highest figure, +14 kWh of undelivered energy, is where crash begins at 19:00"
        " and lasts 4 h, which may be chance. More seeds may: --seeds 20."
    )
    assert report.others(one) == ""
    assert "Student" not in report.render(one)
    assert report.table(one).splitlines()[2] == "18:00,60,1 h,60,1,1,,,1,1,undelivered_energy,kWh,0"


def test_a_worst_cell_whose_interval_holds_0_is_not_told_as_a_fact():
    noisy = replace(GRID, rows=((cell(0, 0, 0, 0, 0),) * 3, (cell(0, 0, 0, 0, 0), cell(40, -20, 30, -10, 5), cell(-9, -8, -9, -8, -9))))
    assert finding(noisy) == "unsure"
    assert report.headline(noisy) == (
        "These 5 seeds cannot tell where it hurts most. The highest mean is where crash begins at 18:00 and lasts 4 h: undelivered energy"
        " +9 kWh (95 % interval −22.8 to 40.8 kWh), but that interval holds 0 and 5 of 5 other cells may be as bad."
        " More seeds may: --seeds 20."
    )
    assert "★ the highest mean, perhaps by chance" in render(noisy).decode()
    assert "alike" not in " ".join(given.get("class") or "" for tag, given in Elements(render(noisy)).found if tag == "td")
    assert "## The highest means, which these seeds do not tell from chance" in report.render(noisy)


def test_where_nearly_all_cells_may_be_as_bad_none_is_told_as_the_worst():
    same = replace(GRID, difference=False, rows=((cell(5, 6, 7, 6, 5), cell(6, 5, 7, 6, 5), cell(7, 6, 5, 6, 5.5)),) * 2)
    assert report.headline(same).startswith("These 5 seeds cannot tell where it is worst. The highest mean is where crash begins at 19:00")
    assert "but 5 of 5 other cells may be as bad. More seeds may: --seeds 20." in report.headline(same)
    many = replace(same, seeds=tuple(range(30)), rows=((cell(*[5, 6] * 15), cell(*[6, 5] * 14, 6, 6), cell(*[6, 5] * 15)),) * 2)
    assert "--seeds 120" in report.headline(many)


def test_one_cell_is_compared_with_nothing():
    one = replace(
        GRID, x=replace(X, labels=("17:00",)), y=replace(Y, labels=("1 h",)), rows=((cell(-5, -6, -7, -6, -5),),)
    )  # fmt: skip
    assert report.headline(one) == (
        "There is one cell, and nothing to compare it with: where crash begins at 17:00 and lasts 1 h, undelivered energy is −5.8 kWh"
        " (95 % interval −6.84 to −4.76 kWh) against the same runs without the faults, on average over 5 seeds."
    )
    assert "as bad as the worst" not in report.render(one)
    assert render(one)


def test_which_checks_failed_is_told():
    row = (replace(cell(1, failed=1), checks={"fed": 1}), cell(2, failed=0), cell(3, failed=1))
    judged = replace(GRID, seeds=(1,), rows=(row, row))
    assert "Of 6 runs, 4 failed a check (fed in 2); limits are not looked at." in report.notes(judged)
    assert "1 of 1 runs failed a check: fed in 1." in render(judged).decode()


def test_cells_whose_outage_outlasts_the_run_are_told_of_once_and_marked():
    over = replace(cell(1, 2, 3, 4, 5), outlasts=True)
    grid = replace(GRID, rows=((GRID.rows[0][0], over, over), GRID.rows[1]), long_enough="26 h")
    text = report.render(grid)
    assert text.count("the run ends before the outage does") == 1
    assert "2 cells, marked †" in text
    assert "--set 'duration=26 h' makes the run long enough" in text
    assert "| 18:00 | 3† |" in text
    assert [row.rpartition(",")[2] for row in report.table(grid).splitlines()[1:]] == ["0", "1", "1", "0", "0", "0"]
    assert [place for place, given in enumerate(cells_of(grid)) if "over" in (given["class"] or "").split()] == [1, 2]


def test_the_csv_has_a_row_for_each_cell():
    assert report.table(GRID).splitlines() == [
        "plan.crash.at,plan.crash.at_minutes_after_start,plan.crash.for,plan.crash.for_minutes,"
        "seeds,mean,low,high,min,max,metric,unit,outlasts_run",
        "17:00,0,1 h,60,5,0,0,0,0,0,undelivered_energy,kWh,0",
        "18:00,60,1 h,60,5,3,1.037072,4.962928,1,5,undelivered_energy,kWh,0",
        "19:00,120,1 h,60,5,-3,-4.962928,-1.037072,-5,-1,undelivered_energy,kWh,0",
        "17:00,0,4 h,240,5,0.4,-0.279978,1.079978,0,1,undelivered_energy,kWh,0",
        "18:00,60,4 h,240,5,13,11.037072,14.962928,11,15,undelivered_energy,kWh,0",
        "19:00,120,4 h,240,5,12.6,10.025644,15.174356,10,15,undelivered_energy,kWh,0",
    ]


def test_an_axis_of_durations_has_numbers_and_another_has_not():
    assert (axes.given("--x", "duration=90 min,2 h").measure, axes.given("--x", "duration=90 min,2 h").numbers) == ("minutes", (90, 120))
    assert axes.given("--x", "defaults.model=waybox,juicebox-40").numbers == ()


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


def cells_of(grid: Grid) -> list[dict[str, str | None]]:
    """Those of the heatmap."""
    return [given for tag, given in Elements(render(grid)).found if tag == "td" and "aria-label" in given]


def test_the_page_tells_the_figures_of_each_cell_and_marks_the_worst():
    cells = cells_of(GRID)
    assert len(cells) == 6
    assert cells[4]["class"] == "worst"
    assert cells[4]["aria-label"] == "18:00, 4 h: +13 kWh (95 % interval 11 to 15 kWh), of single seeds 11 to 15. The worst."
    assert cells[4]["style"] == "--much:100%"
    assert "alike" in cells[5]["class"]
    assert cells[2]["class"].split() == ["gain", "right"]
    assert [each["tabindex"] for each in cells].count("0") == 1


def test_the_page_names_axes_and_unit_and_fetches_nothing():
    page = render(GRID).decode()
    assert "<h2>Undelivered energy (kWh) is worst where crash begins at 18:00 and lasts 4 h: +13 kWh</h2>" in page
    assert "▲ the worst: 18:00, 4 h: +13 kWh" in page
    assert "<b>→ across:</b> when crash begins (local time)" in page
    assert "<b>↓ down:</b> how long crash lasts (hours)" in page
    assert not re.search(r"https?://|url\(|@import", page)
    assert "default-src 'none'" in page


def test_harm_and_gain_have_as_much_colour_for_as_many_units():
    """A gain that is larger than the worst harm leaves the harm pale, rather than as strong as itself."""
    grid = replace(GRID, rows=((cell(*[-40] * 5), cell(*[10] * 5), cell(*[-10] * 5)), (cell(*[0] * 5), cell(*[5] * 5), cell(*[-20] * 5))))
    assert [given["style"] for given in cells_of(grid)] == [f"--much:{much}%" for much in (100, 25, 25, 0, 12, 50)]
    key = [given["style"] for tag, given in Elements(render(grid)).found if tag == "i" and "style" in given]
    assert key == [f"--much:{much}%" for much in (100, 75, 50, 25, 0, 25)]
    for told in ("−40 kWh", "−20 kWh", "0 kWh", "+10 kWh"):
        assert f"</i>{told}</span>" in render(grid).decode()


def test_the_page_has_the_worst_cells_as_a_table_and_figures_in_cells_where_there_is_room():
    page = render(GRID).decode()
    assert '<td>crash begins at 18:00 and lasts 4 h</td><td class="r">13</td><td>11 to 15</td><td>11 to 15</td>' in page
    assert ">12.6</td>" in page
    labels = tuple(f"{number}" for number in range(48))
    rows = ((cell(1, 2, 3, 4, 5),) * 48, (cell(7, 8, 7, 8, 7),) * 48)
    wide = replace(GRID, x=replace(X, labels=labels, values=labels, numbers=()), rows=rows)
    assert ">7.4</td>" not in render(wide).decode().partition("The worst first")[0]


def test_no_text_is_markup():
    nasty = "<script>alert(1)</script>\"'"
    axis = replace(X, labels=(nasty, "b", "c"), title=nasty, says=f"{nasty} {{}}", path=nasty, values=(nasty, "b", "c"))
    grid = replace(GRID, name=nasty, title=nasty, x=axis, y=replace(Y, title=nasty, labels=(nasty, "b")), unit=nasty, command=nasty)
    names = [tag for tag, _ in Elements(render(grid)).found]
    assert names.count("script") == 1
    assert "<script>" not in "".join(report.render(grid).split("```")[::2])


def test_what_was_not_measured_is_shown_as_that():
    grid = replace(GRID, rows=((cell(1, 1, 1, 1, 1), cell(*[None] * 5), cell(2, 3, 2, 3, 2)), GRID.rows[0]))
    assert "18:00,60,1 h,60,0,,,,,,undelivered_energy,kWh,0" in report.table(grid)
    cells = cells_of(grid)
    assert cells[1]["class"].split() == ["none"]
    assert cells[1]["aria-label"] == "18:00, 1 h: not measured."
