"""Tests that need a real Toxiproxy, or a server of another making, are left out, loudly, where there is none; with HARNESS_NEEDS_TOXIPROXY
and HARNESS_NEEDS_PEERS set, as in CI, they fail."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "peers"))
from ocpp_rpc import Peer, modules

from harness.stage.live.toxics import INSTALL, OwnServer, Toxiproxy, find


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what uses ``toxiproxy`` or ``ocpp_rpc`` where there is none."""
    lacking = {}
    if find() is None and not os.environ.get("HARNESS_NEEDS_TOXIPROXY"):
        lacking["toxiproxy"] = f"no Toxiproxy here, so nothing of it is tested: {INSTALL}"
    if not (modules() / "ocpp-rpc").is_dir() and not os.environ.get("HARNESS_NEEDS_PEERS"):
        lacking["ocpp_rpc"] = "no ocpp-rpc here, so no server of another making is tested: ./.ci/test builds it where Node is"
    for item in items:
        for name, reason in lacking.items():
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason=reason))


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


@pytest.fixture
def ocpp_rpc(tmp_path):
    """A real server of another making, which wants a password."""
    peer = Peer(tmp_path, password="a secret of the test")
    try:
        yield peer
    finally:
        peer.stop()
