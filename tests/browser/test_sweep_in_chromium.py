"""The page of a sweep in a real Chromium: no requests, the figures of cells on hover and by the keyboard, axe."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from msgspec.structs import replace

from harness.report.html.sweep import render
from harness.search.grid import Axis, Cell, Grid

HOURS = tuple(f"{17 + half // 2}:{30 * (half % 2):02d}" for half in range(14))


def grid() -> Grid:
    x = Axis(path="plan.crash.at", values=HOURS, labels=HOURS, title="when crash begins (local time)", says="crash begins at {}")
    y = Axis(path="plan.crash.for", values=("1 h", "2 h", "4 h"), labels=("1 h", "2 h", "4 h"), title="how long crash lasts (hours)",
             says="lasts {}")  # fmt: skip
    rows = [[Cell(values=tuple(float(row * column + seed - 4) for seed in range(3))) for column in range(14)] for row in range(3)]
    rows[2][5] = Cell(values=(50.0, 51.0, 52.0))
    rows[0][0] = Cell(values=(-50.0, -51.0, -52.0))
    return Grid(
        name="street", title="A street", metric="undelivered_energy", unit="kWh", says="Energy that was not had.", worse="higher",
        difference=True, x=x, y=y, seeds=(1, 2, 3), rows=tuple(map(tuple, rows)), command="harness sweep street",
        look="harness run street", harness="9.9",
    )  # fmt: skip


@pytest.fixture
def page(opened, tmp_path):
    file: Path = tmp_path / "sweep.html"
    file.write_bytes(render(grid()))
    return opened.go(file)


def tip(locator) -> str:
    return locator.evaluate("cell => getComputedStyle(cell, '::after').content")


def test_it_opens_without_a_request_or_a_complaint(opened, page):
    assert len(opened.requests) == 1
    assert opened.complaints == []
    assert page.locator(".headline").inner_text().startswith("It hurts most where crash begins at 19:30 and lasts 4 h: undelivered energy")


def test_pointing_at_a_cell_shows_its_figures(page):
    cell = page.locator("table.heat tbody tr").nth(1).locator("td").nth(3)
    cell.hover()
    assert "18:30, 2 h: 0 kWh (95 % interval" in tip(cell)


def test_the_arrow_keys_go_from_the_worst_cell_to_the_others(page):
    page.locator("td.worst").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    focused = page.locator("td:focus")
    assert focused.get_attribute("aria-label").startswith("20:00, 2 h: +3 kWh")
    assert "20:00, 2 h" in tip(focused)
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert page.locator("td:focus").get_attribute("aria-label").startswith("23:30, 2 h")


def test_the_worst_cell_is_the_reddest(page):
    cells = page.locator("table.heat td")
    colours = cells.evaluate_all("cells => cells.map(cell => getComputedStyle(cell).backgroundColor)")
    worst = page.locator("td.worst").evaluate("cell => getComputedStyle(cell).backgroundColor")
    assert colours.count(worst) == 1


def test_a_wide_grid_scrolls_by_itself_on_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_at_500_pixels_what_explains_the_picture_is_not_cut(page):
    page.set_viewport_size({"width": 500, "height": 900})
    for selector in (".headline", "#map h2", ".axes span", ".scale span", "#map .hint"):
        for box in [each.bounding_box() for each in page.locator(selector).all()]:
            assert box["x"] + box["width"] <= 500
    assert page.locator(".axes span").count() == 2
    for axis in page.locator(".axes span").all():
        assert axis.bounding_box()["height"] < 60


def test_the_worst_cell_is_labelled_right_below_it_without_pointing(page):
    label = page.locator("tr.flag td", has_text="the worst")
    assert label.inner_text() == "▲ the worst: 19:30, 4 h: +51 kWh"
    worst, told = page.locator("td.worst").bounding_box(), label.bounding_box()
    assert abs(told["x"] - worst["x"]) < 4
    assert 0 <= told["y"] - worst["y"] - worst["height"] < 8


def test_a_grid_of_a_whole_day_fits_on_paper(opened, tmp_path):
    labels = tuple(f"{half // 2:02d}:{30 * (half % 2):02d}" for half in range(48))
    x = replace(grid().x, labels=labels, values=labels)
    rows = tuple(tuple(Cell(values=(float(column), 1.0 + column, 2.0 + column)) for column in range(48)) for _ in range(3))
    (tmp_path / "day.html").write_bytes(render(replace(grid(), x=x, rows=rows)))
    page = opened.go(tmp_path / "day.html")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 1000})
    box = page.locator("table.heat").bounding_box()
    assert box["x"] + box["width"] <= 720
    assert not page.locator(".pointing").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(opened, page, scheme):
    opened.page.emulate_media(color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found] == []


@pytest.mark.parametrize("gain", [0.0, -3.0])
def test_where_no_cell_costs_anything_none_is_marked(opened, tmp_path, gain):
    rows = tuple(tuple(Cell(values=(gain * row, 0.0, gain * row)) for _ in HOURS) for row in range(3))
    (tmp_path / "flat.html").write_bytes(render(replace(grid(), rows=rows)))
    page = opened.go(tmp_path / "flat.html")
    assert opened.complaints == []
    assert page.locator(".headline").inner_text().startswith("It hurts nowhere: undelivered energy is ")
    assert page.locator("td.worst, td.alike, tr.flag, th.here, .star, #worst, #curve").count() == 0
    assert "worst" not in page.locator("body").inner_text()
    assert page.locator("td[tabindex='0']").count() == 1
    page.locator("td[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("td:focus").get_attribute("aria-label").startswith("17:30, 1 h: 0 kWh")
    assert Axe().run(page).response["violations"] == []
