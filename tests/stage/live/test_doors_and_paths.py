"""Doors that are shut over real sockets, as they are simulated; jitter and bandwidth through the real Toxiproxy; what is refused.

Takes some seconds: that is what live means.
"""

from __future__ import annotations

import pytest
from alongside import HERE, SPEED, of

import harness
from harness.journal import records as r
from harness.scenario import ScenarioError
from harness.stage.live.server import ServerSide

LATE_MS = 250 * SPEED


@pytest.fixture(scope="module")
def doors():
    return harness.run(HERE / "doors.yaml", live=harness.Live(speed=SPEED, skip_idle=True, direct=True))


def test_doors_are_shut_as_they_are_simulated(doors):
    found = harness.parity(doors)
    assert (found.differences, [check for check in found.checks if check.agrees == "no"]) == ([], [])
    assert found.lags["server back"].max_ms <= LATE_MS
    assert doors.verdict == "pass"


@pytest.mark.parametrize("door", ["name", "certificate", "wiped", "bans"])
def test_each_of_them_kept_somebody_out(doors, door):
    opens = {"name": "15:11", "certificate": "15:11", "wiped": "15:18", "bans": "15:28"}[door]
    hours, minutes = map(int, opens.split(":"))
    opened_at = ((hours - 15) * 60 + minutes - 5) * 60_000
    who = "ben" if door == "certificate" else "anna"
    back = [record.t for record in of(doors, r.Recovery, who)]
    assert any(opened_at < t < opened_at + 3 * 60_000 for t in back)
    assert not [record for record in of(doors, r.Fault) if record.edge == "no-effect"]


def test_whose_credentials_are_wiped_is_told_401_and_who_is_banned_503(monkeypatch):
    told = []
    let_knock = ServerSide._let_knock

    async def listening(self, shard, connection, request):
        response = await let_knock(self, shard, connection, request)
        if response is not None:
            told.append((self.clock.now, response.status_code))
        return response

    monkeypatch.setattr(ServerSide, "_let_knock", listening)
    harness.run(HERE / "doors.yaml", live=harness.Live(speed=SPEED, skip_idle=True, direct=True))
    minutes = {status: {t // 60_000 for t, found in told if found == status} for _, status in told}
    assert set(minutes) == {401, 503}
    assert minutes[401] <= set(range(10, 13))
    assert minutes[503] <= set(range(20, 25))


def live(toxiproxy, speed: float = 1) -> harness.Live:
    return harness.Live(speed=speed, skip_idle=True, toxiproxy=f"{toxiproxy.host}:{toxiproxy.port}")


PATHS = (
    "{id: shaky, at: +1 s, do: network.jitter, with: {most: 300 ms}, for: 6 s}",
    "{id: narrow, at: +2 s, do: network.bandwidth, with: {rate: 1000}, for: 8 s}",
    "{id: reset, at: +4 s, do: network.reset}", "{id: cut, at: +5 s, do: network.cut, for: 1 s}",
)  # fmt: skip


def test_jitter_and_a_narrow_path_are_put_on_and_taken_off_also_where_faults_meet(toxiproxy):
    run = harness.run(
        HERE / "alone.yaml", live=live(toxiproxy), overrides=[f"plan=[{', '.join(PATHS)}]", "duration=20 s", "expect.exercised=[]"]
    )
    calls = {step: [record.call for record in of(run, r.Proxied) if record.step == step] for step in ("shaky", "narrow")}
    assert {step: (found.count("add"), found.count("remove")) for step, found in calls.items()} == {"shaky": (2, 2), "narrow": (2, 2)}
    assert {record.step for record in of(run, r.Measured) if record.what == "answered"} >= {"shaky"}
    assert run.verdict == "pass"
    assert of(run, r.Link, "anna")[-1].state == "online"


@pytest.mark.parametrize(
    ("step", "speed", "why"),
    [
        ("{id: x, at: +1 s, do: network.loss, with: {share: 10 %}, for: 1 s}", 1, "step x: network.loss cannot be carried live"),
        ("{id: x, at: +1 s, do: network.bandwidth, with: {rate: 300}, for: 1 s}", 1, "300 bytes per second at 1 times the speed are 300"),
        ("{id: x, at: +1 s, do: network.jitter, with: {most: 5 ms}, for: 1 s}", 2, "step x: a delay of 5 ms at 2 times the speed"),
        ("{id: x, at: +1 s, do: network.jitter, with: {most: 1 s}, for: 1 s}", 0, "step x: network.jitter needs Toxiproxy"),
    ],
)
def test_what_cannot_be_carried_is_refused_before_the_start(step, speed, why):
    how = harness.Live(speed=speed or 1, direct=not speed)
    with pytest.raises(ScenarioError, match=why):
        harness.run(HERE / "alone.yaml", live=how, overrides=[f"plan=[{step}]"])


def test_bytes_per_second_may_come_to_whole_thousands_by_the_speed(toxiproxy):
    narrow = "{id: narrow, at: +1 s, do: network.bandwidth, with: {rate: 500}, for: 2 s}"
    run = harness.run(HERE / "alone.yaml", live=live(toxiproxy, 2), overrides=[f"plan=[{narrow}]", "duration=6 s", "expect.exercised=[]"])
    assert len(of(run, r.Proxied)) == 4
