"""The same scenario live and simulated: what happens is the same, and when is the same to a few real milliseconds.

Takes some seconds: that is what live means.
"""

from __future__ import annotations

import pytest
from alongside import HERE, SPEED, STORY, both, counts, of, story

import harness
from harness.journal import records as r
from harness.journal.reader import Journal
from harness.report import markdown

LATE_MS = 250 * SPEED
"""A quarter of a second, in scenario time: what a busy machine may be late."""
EARLY_MS = 400
"""What the network models' own latency takes, which is not added live, over some round trips."""


@pytest.fixture(scope="module")
def street(toxiproxy):
    return both("street", harness.Live(speed=SPEED, skip_idle=True, toxiproxy=f"http://{toxiproxy.host}:{toxiproxy.port}"))


@pytest.fixture(scope="module")
def messages():
    return both("messages", harness.Live(speed=SPEED, skip_idle=True, direct=True))


def agree(live: harness.Run, simulated: harness.Run, kind: type, who: str, *, late_ms: int = LATE_MS) -> None:
    lived, thought = story(live, kind, who), story(simulated, kind, who)
    assert [what for what, _ in lived] == [what for what, _ in thought]
    for (what, t), (_, expected) in zip(lived, thought, strict=True):
        assert -EARLY_MS <= t - expected <= late_ms, what


@pytest.mark.parametrize("kind", STORY)
@pytest.mark.parametrize("who", ["anna", "ben", "carla"])
def test_faults_of_network_and_server_through_toxiproxy(street, kind, who):
    agree(*street, kind, who)


@pytest.mark.parametrize("kind", STORY)
@pytest.mark.parametrize("who", ["anna", "ben", "carla", "dora"])
def test_faults_of_messages_server_and_stations(messages, kind, who):
    agree(*messages, kind, who)


def test_verdicts_are_the_same(street, messages):
    for live, simulated in (street, messages):
        assert live.verdict == simulated.verdict == "pass"
        assert counts(live) == counts(simulated)


@pytest.mark.parametrize("run", ["street", "messages"])
def test_the_books_are_the_same(run, request):
    live, simulated = (ledgers(one) for one in request.getfixturevalue(run))
    assert live.keys() == simulated.keys()
    for who, entries in live.items():
        for booked, expected in zip(entries, simulated[who], strict=True):
            assert booked[0] == expected[0]
            for wh, ought in zip(booked[1:], expected[1:], strict=True):
                assert wh == ought if ought is None else abs(wh - ought) <= NEAR_WH


NEAR_WH = LATE_MS * 7 // 3600 // 1000 + 1
"""What a charger of 7 kW delivers in the time that it may be late."""


def ledgers(run: harness.Run) -> dict[str, list[tuple[int, int, int | None]]]:
    """Charger → transaction, register at its start and at its end."""
    found = [record for record in run.records() if isinstance(record, r.Ledger)]
    return {record.who: [(tx, start_wh, stop_wh) for tx, _, start_wh, _, stop_wh in record.entries] for record in found}


def test_each_network_fault_was_put_on_a_proxy_and_taken_off(street):
    live, _ = street
    calls = [(record.step, record.proxy.rpartition("-all")[0] or record.proxy, record.call) for record in of(live, r.Proxied)]
    for step in ("cut", "hole", "far", "reset"):
        put_on = [proxy for name, proxy, call in calls if (name, call) == (step, "add")]
        assert put_on
        assert put_on == [proxy for name, proxy, call in calls if (name, call) == (step, "remove")]


def test_no_proxy_is_left_behind(street, toxiproxy):
    from toxiproxy.api import APIConsumer

    toxiproxy.version()
    assert APIConsumer.get("/proxies", timeout=5).json() == {}


OVERLAPS = {
    "a crash while nothing but errors is answered": [
        "{id: e, at: 14:52, do: server.errors, for: 8 min}", "{id: c, at: 14:54, do: server.crash, for: 1 min}",
    ],
    "down again before it listens": [
        "{id: c, at: 14:54, do: server.crash, for: 1 min}", "{id: d, at: c.end + 1 ms, do: server.crash, for: 1 min}",
    ],
    "two rolling upgrades at once": [
        "{id: a, at: 14:54, do: server.upgrade, with: {style: rolling}, for: 4 min}",
        "{id: b, at: 14:54, do: server.upgrade, with: {style: rolling}, for: 4 min}",
    ],
    "a crash within a cut": ["{id: x, at: 14:53, do: network.cut, for: 8 min}", "{id: c, at: 14:56:10, do: server.crash, for: 27 s}"],
    "an attempt over a cut path that heals": [
        "{id: x, at: 14:53, do: network.cut, for: 5 min}", "{id: far, at: 14:54, do: network.latency, with: {delay: 1 s}, for: 1 min}",
    ],
    "a server that dies behind a black hole": [
        "{id: x, at: 14:53, do: network.black-hole, for: 8 min}", "{id: c, at: 14:53:30, do: server.crash, for: 7 min}",
    ],
    "a reset within a cut": ["{id: x, at: 14:53, do: network.cut, for: 20 s}", "{id: r, at: 14:53:05, do: network.reset}"],
    "a reset within a black hole": ["{id: x, at: 14:53, do: network.black-hole, for: 1 min}", "{id: r, at: 14:53:05, do: network.reset}"],
    "mains lost within a cut": [
        "{id: x, at: 14:53, do: network.cut, for: 2 min}", "{id: p, at: 14:53:30, do: station.power-cut, to: anna, for: 10 s}",
    ],
    "faults that last no time to speak of": [
        "{id: x, at: 14:53, do: network.cut, for: 2 ms}", "{id: y, at: 14:54, do: network.latency, with: {delay: 1 s}, for: 1 ms}",
    ],
}  # fmt: skip
"""Faults that meet on the same chargers: each was once carried otherwise than it is simulated."""


@pytest.mark.parametrize("plan", OVERLAPS)
def test_faults_that_meet(plan, toxiproxy):
    address = f"{toxiproxy.host}:{toxiproxy.port}"
    live = harness.Live(speed=SPEED, skip_idle=True, toxiproxy=address)
    run = harness.run(HERE / "street.yaml", live=live, overrides=[f"plan=[{', '.join(OVERLAPS[plan])}]", "server.shards=2"])
    found = harness.parity(run)
    assert (found.differences, [check for check in found.checks if check.agrees == "no"]) == ([], [])
    assert found.lags["server back"].max_ms <= LATE_MS


@pytest.mark.parametrize("who", ["anna", "ben", "carla", "dora"])
def test_with_no_time_skipped_it_is_the_same(who):
    fast = 150
    live, simulated = both("messages", harness.Live(speed=fast, direct=True), "duration=3 min", "plan=[]")
    for kind in STORY:
        agree(live, simulated, kind, who, late_ms=250 * fast)


APP = [
    "{at: 15:07, do: driver.override, to: anna}", "{at: 15:08, do: driver.pause, to: anna}", "{at: 15:09, do: driver.replug, to: ben}",
    "{at: 15:10, do: driver.pause, to: [ben, carla]}", "{at: 15:11, do: driver.override, to: [anna, carla]}",
]  # fmt: skip


@pytest.mark.parametrize("model", ["emporia", "ocpp201"])
def test_what_drivers_ask_for_in_the_app_and_with_the_plug(model):
    """Of chargers that store a schedule: their pauses and overrides are profiles that take each other's place."""
    link = "link: {keepalive: 30 s, offline_after: 90 s, answer_timeout: 60 s}"
    names = ("anna", "ben", "carla")
    stay = "session: {plug_in: 15:06, needs: 18 kWh, leave: 15:26}"
    chargers = ", ".join(f"{name}: {{model: box, tag: {name}, {stay}}}" for name in names)
    overrides = [
        "duration=7 min", "circuits={}", f"models={{box: {{extends: {model}, {link}}}}}", f"chargers={{{chargers}}}",
        f"plan=[{', '.join(APP)}]",
    ]  # fmt: skip
    live, simulated = both("messages", harness.Live(speed=SPEED, skip_idle=True, direct=True), *overrides)
    for who in names:
        for kind in STORY:
            agree(live, simulated, kind, who)
    told = [record.command for record in of(live, r.Command, "anna") if record.command != "schedule"]
    assert told == ["release", "pause", "release"]


def test_a_run_without_a_twin_is_compared_with_one_without():
    limit = "expect={limits: {undelivered_energy: {max: 1 kWh, per: driver}}}"
    live = harness.Live(speed=SPEED, skip_idle=True, direct=True)
    run = harness.run(HERE / "messages.yaml", live=live, overrides=["duration=2 min", "plan=[]", limit], twin=False)
    assert run.checks["undelivered_energy"].verdict == "unknown"
    assert harness.parity(run).holds


def test_the_journal_says_that_it_is_live_and_is_judged_the_same_again(street):
    live, _ = street
    journal = Journal(live.journal)
    assert journal.live is not None
    assert (journal.live.speed, journal.live.skipped_idle, journal.live.through) == (SPEED, True, "toxiproxy")
    again = harness.judge(live.journal)
    assert counts(again) == counts(live)
    assert again.outcome.live == journal.live


def test_chargers_that_speak_juicenet_over_datagrams_speak_ocpp_over_websockets(street):
    live, _ = street
    assert harness.load(HERE / "street.yaml").models["box"].link.transport == "udp"
    assert live.scenario.models["box"].link.transport == "websocket"


def test_the_report_says_how_orders_travelled(messages):
    live, simulated = (markdown.render(run.outcome) for run in messages)
    assert "## What travelled in OCPP 1.6" in live
    assert "| hold | SetChargingProfile: a TxProfile of 0 A with a duration" in live
    assert "What travelled" not in simulated
