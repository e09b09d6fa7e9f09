"""Tests that open pages in a real browser are left out, loudly, where there is none; with HARNESS_NEEDS_CHROMIUM set, as in CI, they
fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import find
from playwright.sync_api import Browser, Page, sync_playwright

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
"""What keeps Chromium from anything but the page; as root it knows no sandbox."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a module, and gone after it: while it is there, no test of its thread can have an event loop of its own."""
    found = find()
    if found is None:
        if os.environ.get("HARNESS_NEEDS_CHROMIUM"):
            pytest.fail("there is no Chromium: python tests/browser/chromium.py gets one")
        pytest.skip("NO CHROMIUM: python tests/browser/chromium.py gets one")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=[*QUIET])
        yield launched
        launched.close()


class Opened:
    """A page that is open, and what it asked for and complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def go(self, file: Path) -> Page:
        """Open a file."""
        self.page.goto(file.as_uri())
        return self.page


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """A new page."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    yield Opened(page)
    page.close()
