"""Shipped scenarios live, through the real Toxiproxy, and simulated: the two agree.

Each takes some seconds: that is what it costs to have a day's messages cross real sockets, one after the other.
"""

from __future__ import annotations

import json

import pytest

from harness.cli import main

SCENARIOS = ("faq-walkthrough", "server-upgrade", "power-cut-in-outage", "shard-down", "restored-backup", "dst-night", "flapping")
WITH_CHARGERS_OF_2_0_1 = ("answer-lost", "juicebox-vs-waybox-vs-ocpp")


@pytest.mark.parametrize(
    ("name", "ocpp"), [*((name, "1.6") for name in SCENARIOS + WITH_CHARGERS_OF_2_0_1), ("faq-walkthrough", "2.0.1"), ("flapping", "2.0.1")]
)
def test_live_and_simulated_agree(name, ocpp, tmp_path, toxiproxy, capsys):
    address = f"{toxiproxy.host}:{toxiproxy.port}"
    code = main(["run", name, "--parity", "--ocpp", ocpp, "--toxiproxy", address, "--out", str(tmp_path)])
    told = capsys.readouterr().out
    found = json.loads((tmp_path / "parity.json").read_text())
    assert (code, found["differences"], [check for check in found["checks"] if check["agrees"] != "yes"]) == (0, [], [])
    assert "✓ parity  live and simulated agree" in told
    assert found["lags"]["all"]["p50_ms"] < 1_000


def test_an_error_of_use_is_told_before_anything_runs(capsys):
    assert main(["run", "flapping", "--parity", "--verify"]) == 4
    assert "--verify is of simulated runs" in capsys.readouterr().err
