"""Shipped scenarios live, through the real Toxiproxy, and simulated: the two agree.

Each takes some seconds: that is what it costs to have a day's messages cross real sockets, one after the other.
"""

from __future__ import annotations

import json

import msgspec
import pytest
from alongside import HERE

from harness import api
from harness.cli import main
from harness.report.comparison import Difference

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
    result = json.loads((tmp_path / "result.json").read_text())
    assert {"schema": 1, **result["parity"]} == found
    assert f" --parity --speed 1{' --ocpp 2.0.1' if ocpp == '2.0.1' else ''} --toxiproxy" in result["command"]


def test_a_live_run_that_differs_fails_and_all_its_reports_say_so(tmp_path, monkeypatch, capsys):
    really = api.parity

    def found(run):
        at = Difference(charger="anna", at_ms=60_000, simulated="Charging (vehicle)", live="nothing more")
        return msgspec.structs.replace(really(run), holds=False, differences=[at])

    monkeypatch.setattr(api, "parity", found)
    words = ["--parity", "--direct", "--speed", "8", "--set", "plan=[]", "--set", "duration=2 min", "--set", "expect.exercised=[]"]
    assert main(["run", str(HERE / "messages.yaml"), *words, "--out", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "✗ parity  live and simulated differ in 1 of " in told
    assert "\n✗ fail\n" in told
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["verdict"], result["exit_code"], result["parity"]["holds"]) == ("fail", 1, False)
    assert result["reasons"][-1].startswith("parity: live and simulated differ")
    assert "live and simulated differ" in (tmp_path / "junit.xml").read_text()
    assert "live and simulated differ" in (tmp_path / "report.md").read_text()


def test_an_error_of_use_is_told_before_anything_runs(capsys):
    assert main(["run", "flapping", "--parity", "--verify"]) == 4
    assert "--verify is of simulated runs" in capsys.readouterr().err
