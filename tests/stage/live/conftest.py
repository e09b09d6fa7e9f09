"""Tests that need a real Toxiproxy are left out, loudly, where there is none; with HARNESS_NEEDS_TOXIPROXY set, as in CI, they fail."""

from __future__ import annotations

import os

import pytest

from harness.stage.live.toxics import INSTALL, OwnServer, Toxiproxy, find


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what uses ``toxiproxy`` where there is none."""
    if find() is not None or os.environ.get("HARNESS_NEEDS_TOXIPROXY"):
        return
    left_out = pytest.mark.skip(reason=f"no Toxiproxy here, so nothing of it is tested: {INSTALL}")
    for item in items:
        if "toxiproxy" in getattr(item, "fixturenames", ()):
            item.add_marker(left_out)


@pytest.fixture(scope="module")
def toxiproxy():
    """A real Toxiproxy."""
    binary = find()
    assert binary is not None, f"no Toxiproxy here: {INSTALL}"
    own = OwnServer(binary)
    try:
        yield Toxiproxy(own.url)
    finally:
        own.stop()
