"""What each network fault does through the real Toxiproxy is measured and journalled, and one that changes nothing makes the run invalid.

Takes some seconds: latencies and silences are waited for.
"""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from alongside import HERE, of

import harness
from harness.cli import main
from harness.journal import records as r
from harness.stage.live import probes
from harness.stage.live.probes import Probe, changed_nothing
from harness.stage.live.toxics import Toxiproxy

SCENARIO = HERE / "alone.yaml"
DELAY_MS = 300
STEPS = {
    "far": f"{{id: far, at: +1 s, do: network.latency, with: {{delay: {DELAY_MS} ms}}, for: 3 s}}",
    "cut": "{id: cut, at: +6 s, do: network.cut, for: 2 s}",
    "hole": "{id: hole, at: +10 s, do: network.black-hole, for: 8 s}",
    "reset": "{id: reset, at: +25 s, do: network.reset}",
}
EXPECT = ("duration=40 s", "expect.exercised=[]")
NOTICED_MS, LATE_MS = 3_000, 1_000
"""The keepalive timeout of the scenario's charger; and how late a busy machine may be."""


def live(toxiproxy: Toxiproxy) -> harness.Live:
    return harness.Live(skip_idle=True, toxiproxy=f"{toxiproxy.host}:{toxiproxy.port}")


@pytest.fixture(scope="module")
def run(toxiproxy):
    return harness.run(SCENARIO, live=live(toxiproxy), overrides=[f"plan=[{', '.join(STEPS.values())}]", *EXPECT])


def measured(run: harness.Run, step: str) -> dict[str, r.Measured]:
    """What was measured of a step, after each call."""
    return {record.call: record for record in of(run, r.Measured) if record.step == step}


def test_latency_is_what_was_asked_for_and_gone_afterwards(run):
    found = measured(run, "far")
    expected_ms = 2 * DELAY_MS
    assert (found["add"].what, found["add"].expected_ms) == ("answered", expected_ms)
    assert abs(found["add"].real_ms - expected_ms) <= max(expected_ms / 10, 5)
    assert (found["remove"].what, found["remove"].real_ms < DELAY_MS) == ("answered", True)


def test_a_cut_lets_nothing_through_until_it_heals(run):
    found = measured(run, "cut")
    assert (found["add"].what, found["add"].real_ms >= 1000 * probes.SILENCE_S) == ("silent", True)
    assert (found["remove"].what, found["remove"].real_ms < DELAY_MS) == ("answered", True)


def test_a_black_hole_is_silent_and_noticed_by_the_keepalives_timeout(run):
    found = measured(run, "hole")
    assert found["add"].what == "silent"
    (began_ms,) = (record.t for record in of(run, r.Loss, "anna") if record.step == "hole")
    noticed_ms = next(record.t for record in of(run, r.Link, "anna") if record.state == "offline" and record.t >= began_ms)
    assert NOTICED_MS - 1_000 <= noticed_ms - began_ms <= NOTICED_MS + LATE_MS  # the last answer was up to a keepalive earlier


def test_new_connections_are_reset(run):
    assert measured(run, "reset")["add"].what == "reset"
    (struck_ms,) = (record.t for record in of(run, r.Fault) if record.step == "reset" and record.edge == "start")
    (lost_ms,) = (record.t for record in of(run, r.Link, "anna") if record.state == "offline" and record.t >= struck_ms)
    assert lost_ms - struck_ms <= LATE_MS


def test_nothing_was_in_vain_and_the_report_tells_what_was_measured(run):
    assert run.verdict != "invalid"
    assert not [record for record in of(run, r.Fault) if record.edge == "no-effect"]
    told = run.outcome.outline.sentence(run.scenario)
    met = (
        r"far, a ping came back after [\d.]+ ms \(at least 600 ms\)", r"cut, a ping had no answer in [\d.]+ ms",
        r"hole, a ping had no answer in [\d.]+ ms", r"reset, a new connection was reset after [\d.]+ ms",
    )  # fmt: skip
    assert re.search(rf" Measured: {'; '.join(met)}\.$", told), told


@pytest.mark.parametrize("step", STEPS)
def test_a_toxic_that_does_nothing_makes_the_run_invalid(step, toxiproxy, tmp_path, monkeypatch, capsys):
    """The toxic is there, as Toxiproxy says, and touches no connection."""
    call = Toxiproxy._call

    def harmless(self, method, path, doing, **body):
        if "toxicity" in body.get("json", {}):
            body["json"]["toxicity"] = 0.0
        return call(self, method, path, doing, **body)

    monkeypatch.setattr(Toxiproxy, "_call", harmless)
    words = [word for override in (f"plan=[{STEPS[step]}]", *EXPECT) for word in ("--set", override)]
    address = f"{toxiproxy.host}:{toxiproxy.port}"
    out = str(tmp_path / "kept")
    assert main(["run", str(SCENARIO), "--live", "--skip-idle", "--toxiproxy", address, *words, "--out", out]) == 6
    told = capsys.readouterr().out
    assert told.count("INVALID: the experiment did not happen.") == 1
    assert told.count(f"step {step}: changed nothing") == 1
    result = json.loads((tmp_path / "kept" / "result.json").read_text())
    assert (result["verdict"], result["exit_code"]) == ("invalid", 6)
    assert main(["check", out]) == 6


@pytest.mark.parametrize(
    ("probe", "expected", "expected_ms", "in_vain"),
    [
        (Probe("answered", 89), "answered", 100, True),
        (Probe("answered", 91), "answered", 100, False),
        (Probe("answered", 9_000), "answered", 100, False),  # the machine was slow
        (Probe("answered", 6), "answered", 10, False),
        (Probe("silent", 1_000), "answered", 100, False),  # something else let nothing through
        (Probe("closed", 3), "answered", 100, False),
        (Probe("answered", 9_000), "silent", 0, True),
        (Probe("silent", 250), "silent", 0, False),
        (Probe("closed", 3), "silent", 0, False),
        (Probe("reset", 3), "reset", 0, False),
        (Probe("closed", 3), "reset", 0, False),
        (Probe("silent", 5_000), "reset", 0, True),
    ],
)
def test_what_shows_that_a_fault_changed_nothing(probe, expected, expected_ms, in_vain):
    assert changed_nothing(probe, expected, expected_ms) is in_vain


def test_a_door_at_which_nobody_listens_is_told_from_one_that_says_nothing():
    async def ask():
        async with await asyncio.start_server(lambda reader, writer: asyncio.sleep(1), "127.0.0.1", 0) as mute:
            port = mute.sockets[0].getsockname()[1]
            silent = await probes.knock(f"127.0.0.1:{port}", 0.05)
        return silent, await probes.knock(f"127.0.0.1:{port}", 0.05)

    assert [probe.what for probe in asyncio.run(ask())] == ["silent", "reset"]


FLEETING = {
    "faults that are lifted before anything can be measured": [
        "{id: far, at: +1 s, do: network.latency, with: {delay: 200 ms}, for: 20 ms}", "{id: cut, at: +3 s, do: network.cut, for: 20 ms}",
    ],
    "a latency under a cut": [
        "{id: cut, at: +1 s, do: network.cut, for: 2 s}",
        "{id: far, at: +1.1 s, do: network.latency, with: {delay: 200 ms}, for: 1 s}",
    ],
    "a cut that another ends": [
        "{id: cut, at: +1 s, do: network.cut, for: 1 s}", "{id: hole, at: +1.1 s, do: network.black-hole, for: 300 ms}",
    ],
    "faults while nobody is there": [
        "{id: crash, at: +1 s, do: server.crash, for: 20 s}",
        *(f"{{id: {name}, at: +10 s, do: network.{kind}, for: 2 s}}" for name, kind in (("cut", "cut"), ("hole", "black-hole"))),
        "{id: reset, at: +15 s, do: network.reset}",
    ],
}  # fmt: skip


@pytest.mark.parametrize("plan", FLEETING)
def test_what_cannot_be_measured_is_no_reason_to_doubt(plan, toxiproxy):
    run = harness.run(SCENARIO, live=live(toxiproxy), overrides=[f"plan=[{', '.join(FLEETING[plan])}]", *EXPECT])
    assert not [record for record in of(run, r.Fault) if record.edge == "no-effect"]
    assert run.verdict != "invalid"
