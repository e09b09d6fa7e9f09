"""Servers that stay up and fail all the same, and what responders do: live over real sockets as simulated. Takes some seconds."""

from __future__ import annotations

import json

import pytest
from alongside import HERE, SPEED, of

import harness
from harness.cli import main
from harness.journal import records as r


@pytest.mark.parametrize("name", ["stalled-consumer", "settings-wiped", "failover"])
def test_shipped_scenarios(name, tmp_path):
    code = main(["run", name, "--parity", "--direct", "--out", str(tmp_path)])
    found = json.loads((tmp_path / "parity.json").read_text())
    assert (code, found["differences"], [check for check in found["checks"] if check["agrees"] != "yes"]) == (0, [], [])


PLANS = {
    "a brown-out that ends": ["{id: slow, at: 15:07, do: server.brown-out, with: {answers: 0.04, over: 10 s}, for: 8 min}"],
    "a brown-out, a hang and more capacity": [
        "{id: slow, at: 15:07, do: server.brown-out, with: {answers: 0.05}, for: 10 min}",
        "{id: hang, at: 15:10, do: server.hang, for: 20 s}", "{id: more, at: 15:13, do: server.scale-out, with: {factor: 40}, for: 3 min}",
    ],
    "nobody knows the tags": [
        "{id: tags, at: 15:05:30, do: server.authorisation-down, for: 2 min}", "{at: 15:09, do: driver.swipe, to: [carla, dora]}",
    ],
    "chargers are admitted gradually": [
        "{id: crash, at: 15:08, do: server.crash, for: 30 s}",
        "{id: gently, at: 15:08, do: server.admit, with: {accepts: 0.02}, for: 10 min}",
    ],
}  # fmt: skip


@pytest.mark.parametrize("plan", PLANS)
def test_plans(plan):
    """On a machine that is busy elsewhere an answer of the line may fall to the other side of a charger's patience: three tries."""
    live = harness.Live(speed=SPEED, skip_idle=True, direct=True)
    for _ in range(3):
        run = harness.run(HERE / "messages.yaml", live=live, overrides=[f"plan=[{', '.join(PLANS[plan])}]"])
        found = harness.parity(run)
        differ = (found.differences, [check for check in found.checks if check.agrees == "no"])
        if differ == ([], []):
            break
    assert differ == ([], [])
    assert not [record for record in of(run, r.Fault) if record.edge == "no-effect"]
