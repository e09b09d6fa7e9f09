"""The outage report as a reader meets it: opened in Chromium, pointed at, walked through with the keyboard, printed, on a phone."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

import harness
from harness import pages

SECTIONS = (
    "behaviours", "failed", "cost", "size", "timeline", "failures", "checks", "idle", "messages", "chargers", "plan", "metrics", "models",
    "repeat",
)  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """Pages: of a run that failed, of a long one, and of one that passed."""
    folder = tmp_path_factory.mktemp("pages")
    runs = {
        "failed": harness.run("faq-walkthrough", overrides=["models.juicebox-40.quirks=[renews-hold-offline]", "plan.crash.for=9 h"]),
        "street": harness.run("power-cut-in-outage", overrides=["chargers.homes.count=60", "circuits.street.capacity=500 A"]),
        "passed": harness.run("dst-night"),
    }
    made = {}
    for name, run in runs.items():
        made[name] = folder / f"{name}.html"
        made[name].write_bytes(pages.page(run.outcome, run.journal))
    return made


ALL = pytest.mark.parametrize("name", ["failed", "street", "passed"])


@ALL
def test_it_asks_for_nothing_beyond_the_file_and_complains_of_nothing(opened, files, name):
    page = opened.go(files[name])
    page.get_by_role("button", name="zoom in").click()
    page.locator(".lane").first.hover()
    assert opened.requests == [files[name].as_uri()]
    assert opened.complaints == []


@ALL
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(opened, files, name, scheme):
    opened.page.emulate_media(color_scheme=scheme)
    found = Axe().run(opened.go(files[name])).response["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found] == []


def lane(page, name: str):
    return page.get_by_role("slider", name=name, exact=True)


def test_pointing_at_a_lane_tells_why_the_car_charges_or_not(opened, files):
    page = opened.go(files["failed"])
    lane(page, "carla").scroll_into_view_if_needed()
    box = lane(page, "carla").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 5)  # a fifth of the 24 h from 14:00: 18:48
    tip = page.locator("#tip")
    assert tip.is_visible()
    told = tip.inner_text()
    assert told == "carla, Thu 17:10:00 to Thu 18:50:00\nSuspendedEVSE, no current: the server's hold stands\nwithout its server"
    page.mouse.move(5, 5)
    assert not tip.is_visible()


def test_the_keyboard_walks_from_change_to_change_and_says_the_reason(opened, files):
    page = opened.go(files["failed"])
    here = lane(page, "alice")
    here.focus()
    page.keyboard.press("Home")
    heard = [here.get_attribute("aria-valuetext")]
    for _ in range(5):
        page.keyboard.press("ArrowRight")
        heard.append(here.get_attribute("aria-valuetext"))
    assert len(set(heard)) == 6
    assert "no car is connected" in heard[0]
    assert any("Charging" in each for each in heard)
    assert page.locator("#told").text_content() == page.locator("#tip").text_content()
    page.keyboard.press("ArrowLeft")
    assert here.get_attribute("aria-valuetext") == heard[-2]
    page.keyboard.press("End")
    assert int(here.get_attribute("aria-valuenow")) > 0


def test_tab_reaches_what_can_be_used(opened, files):
    page = opened.go(files["failed"])
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.className || document.activeElement.tagName"))
    assert {"in", "whole", "scroller", "lane", "pin", "plot"} <= seen


def test_zoom_makes_the_track_wider_with_finer_labels_and_back(opened, files):
    page = opened.go(files["street"])
    track = page.locator(".track")
    labels = page.locator(".tick:visible")
    width, count = track.bounding_box()["width"], labels.count()
    page.get_by_role("button", name="zoom in").click()
    page.get_by_role("button", name="zoom in").click()
    assert track.bounding_box()["width"] > 3 * width
    assert labels.count() > count
    assert page.evaluate("document.querySelector('.scroller').scrollLeft") > 0
    page.get_by_role("button", name="show the whole run").click()
    assert track.bounding_box()["width"] == pytest.approx(width)
    page.locator(".scroller").focus()
    page.keyboard.press("+")
    assert track.bounding_box()["width"] > 1.5 * width


def test_panning_moves_the_lanes_and_leaves_their_names(opened, files):
    page = opened.go(files["street"])
    page.get_by_role("button", name="zoom in").click()
    before = lane(page, "wei").bounding_box()["x"]
    name = page.locator(".label", has_text="wei").bounding_box()["x"]
    page.evaluate("document.querySelector('.scroller').scrollLeft += 100")
    assert lane(page, "wei").bounding_box()["x"] == pytest.approx(before - 100, abs=1)
    assert page.locator(".label", has_text="wei").bounding_box()["x"] == pytest.approx(name, abs=1)


def column(page, number: int) -> list[str]:
    return page.locator(f"table.sortable tbody td:nth-child({number})").all_inner_texts()


def test_a_heading_sorts_the_chargers_by_its_column_and_again_the_other_way(opened, files):
    page = opened.go(files["street"])
    energy = page.get_by_role("button", name="energy", exact=True)
    energy.click()
    up = [float(text.split()[0]) for text in column(page, 5)]
    assert up == sorted(up)
    assert up[0] != up[-1]
    energy.press("Enter")
    assert [float(text.split()[0]) for text in column(page, 5)] == up[::-1]
    assert page.locator("th[aria-sort=descending]").count() == 1
    page.get_by_role("button", name="charger", exact=True).click()
    assert column(page, 1)[:3] == ["homes-01", "homes-02", "homes-03"]


def test_a_pin_leads_to_the_failure_with_its_sequence(opened, files):
    page = opened.go(files["failed"])
    page.locator("a.pin").first.click()
    assert re.fullmatch(r"#failure-\d+", page.evaluate("location.hash"))
    article = page.locator(page.evaluate("location.hash"))
    assert article.locator(".broken").count() == 1
    assert article.locator(".arrow").count() >= 1


@ALL
def test_a_phone_needs_no_scrolling_sideways(opened, files, name):
    opened.page.set_viewport_size({"width": 360, "height": 700})
    page = opened.go(files[name])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="zoom in").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_printed_it_has_every_section(opened, files, tmp_path):
    from pypdf import PdfReader

    page = opened.go(files["failed"])
    paper = tmp_path / "report.pdf"
    page.pdf(path=paper)
    text = " ".join(" ".join(sheet.extract_text() for sheet in PdfReader(paper).pages).split())
    text = unicodedata.normalize("NFKC", text)  # type has signs of its own for such as "fi"
    for id_ in SECTIONS:
        title = page.locator(f"section#{id_} > h2").inner_text()
        assert " ".join(title.split()) in text


def test_a_long_page_says_what_it_leaves_out(opened, files):
    text = opened.go(files["street"]).locator("#timeline").inner_text()
    told = re.search(r"(\d+) of 65 chargers have a lane", text)
    assert told
    assert int(told[1]) == opened.page.locator("#timeline .lane").count() - opened.page.locator("#timeline .s.fault").count() - 3
    assert f"The other {65 - int(told[1])} are in the plots" in text


def test_without_scripts_nothing_is_missing_but_what_hovering_tells(browser, files):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(files["failed"].as_uri())
    assert page.locator(".lane svg path").count() > 10
    assert page.locator("article").count() >= 1
    context.close()
