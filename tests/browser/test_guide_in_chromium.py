"""The field guide in a real Chromium: no requests, a charger's card by link and by keyboard, a phone, print, axe."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from harness import guiding, shipped
from harness.report.answers import QUESTIONS
from harness.report.html.guide import render


@cache
def whole() -> bytes:
    return render(guiding.made_of(shipped.model_names("charger"), Path("reports")))


@pytest.fixture
def page(opened, tmp_path):
    file: Path = tmp_path / "guide.html"
    file.write_bytes(whole())
    return opened.go(file)


def test_it_opens_without_a_request_or_a_complaint(opened, page):
    assert len(opened.requests) == 1
    assert opened.complaints == []
    assert page.locator("article").count() == len(shipped.model_names("charger"))


def test_an_owner_chooses_a_charger_and_reads_its_card(page):
    page.get_by_role("link", name="zappi with Octopus").click()
    card = page.locator("article:target")
    assert page.url.endswith("#zappi")
    assert card.locator("h2").bounding_box()["y"] < 100
    assert card.locator("dt").all_inner_texts() == [question.asks for question in QUESTIONS]
    assert card.locator("dd").get_by_text("No, it does not start by itself, not even in cheap hours").is_visible()
    card.get_by_role("link", name="another charger").click()
    assert page.get_by_role("heading", name="Which charger is it?").is_visible()


def test_what_happens_stands_on_the_first_screen_of_a_phone_and_leads_to_whose_word_it_is(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("link", name="zappi with Octopus").click()
    lines = page.locator("#zappi .gist li")
    assert lines.count() == len(QUESTIONS)
    last = lines.last.bounding_box()
    assert last["y"] + last["height"] <= 844
    assert page.locator("#zappi .todo h3").bounding_box()["y"] < 844
    lines.get_by_role("link", name="already waits").click()
    assert page.locator("[id='zappi.cheap-hours'] .word").first.bounding_box()["y"] < 400


def test_the_keyboard_leads_to_a_card(page):
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("article:target h2").inner_text().startswith("ChargePoint Home")


def test_a_link_from_elsewhere_opens_at_the_card(opened, tmp_path):
    file = tmp_path / "guide.html"
    file.write_bytes(whole())
    opened.page.goto(f"{file.as_uri()}#evnex")
    assert opened.page.locator("#evnex h2").bounding_box()["y"] < 100


def test_a_phone_scrolls_down_only_and_reads_answers_below_questions(page):
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    question = page.locator("#evnex dt").first.bounding_box()
    answer = page.locator("#evnex dd").first.bounding_box()
    assert answer["y"] >= question["y"] + question["height"]
    assert answer["width"] > 300


def test_on_paper_each_charger_begins_a_page_and_the_table_fits(page):
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    table = page.locator("table.all").bounding_box()
    assert table["x"] + table["width"] <= 720
    assert not page.locator("nav").is_visible()
    assert page.locator("#zappi").evaluate("card => getComputedStyle(card).breakBefore") == "page"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(opened, page, scheme):
    opened.page.emulate_media(color_scheme=scheme)
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found] == []


def test_a_charger_that_breaks_its_contract_is_told_apart(opened, tmp_path):
    model = tmp_path / "mine.yaml"
    model.write_text("harness: 1\nkind: charger\nname: mine\nextends: zappi\nmemory: {hold: [server-loss]}\n", encoding="utf-8")
    (tmp_path / "guide.html").write_bytes(render(guiding.made_of([str(model)], tmp_path)))
    page = opened.go(tmp_path / "guide.html")
    assert "Its contract failed in this run: pause-kept-offline" in page.locator("#mine .broken").first.inner_text()
    assert page.locator("#mine .badge.fail").count() == 2
    assert Axe().run(page).response["violations"] == []
