"""Charge points of another making at a bench, in front of the server whose outage it is: what they did is found, and what they did wrong.

Takes half a minute: at a bench time is the wall clock's. The chargers, good and bad, stand beside one another, a run for each pair.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
import trustme
from alongside import HERE
from websockets.asyncio.client import connect

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "peers"))
from charge_point import Charger

import harness
from harness.cli import main
from harness.journal import records as r
from harness.report.outcome import stage_text
from harness.stage.errors import ExperimentError
from harness.stage.live.codec import Calendar
from harness.values import Bench

SCENARIO = HERE / "bench.yaml"
WRONGS = ("", "forgets", "stops", "1970")
STALLED = [
    "duration=14 s", "expect.exercised=[transactions-accounted]",
    "plan=[{at: +1 s, do: driver.plug-in, to: [anna, ben], with: {needs: 10 kWh, stay: 1 h}},"
    " {id: stalled, at: +500 ms, do: server.stalled, for: 5 s},"
    " {id: slow, at: +6 s, do: server.brown-out, with: {answers: 1.5}, for: 2 s}, {at: +3 s, do: driver.unplug, to: ben}]",
]  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


TOLD: dict[Path, list[str]] = {}
"""What the person at the bench was told, by the folder of the run."""


def serve(folder: Path, wrong: str, *, skips: tuple[str, ...] = (), lies: tuple[str, ...] = (), **options) -> harness.Run:
    """A run with two chargers that do this wrong, and a person who ``skips`` this and ``lies`` about that, of which ben's charger tells."""
    port = free_port()
    chargers: dict[str, Charger] = {}
    out = folder / (wrong or "good")
    told = TOLD[out] = []

    def say(text: str) -> None:
        told.append(text)
        if text.startswith("waiting for "):
            name, url = text.removeprefix("waiting for ").split(" at ")
            chargers[name] = Charger(url, wrong=wrong)

    def ask(text: str) -> bool:
        name, what = text.split(": ")
        if what in skips:
            return False
        if what in lies:
            if name == "ben":
                threading.Timer(0.5, chargers[name].report).start()
            return True
        if what == "give the station mains again":
            chargers[name] = Charger(chargers[name].url, wrong=wrong)
        else:
            deeds = {"plug the car in": Charger.plug_in, "unplug the car": Charger.unplug, "take the station off mains": Charger.stop}
            deeds[what](chargers[name])
        return True

    live = harness.Live(bench=Bench(listen=f"127.0.0.1:{port}"), ask=ask, say=say, direct=True)
    try:
        return harness.run(SCENARIO, live=live, out=out, **options)
    finally:
        for charger in chargers.values():
            charger.stop()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    with ThreadPoolExecutor(max_workers=len(WRONGS)) as beside:
        found = dict(zip(WRONGS, beside.map(lambda wrong: serve(folder, wrong), WRONGS), strict=True))
    for again in ("again", "once-more"):  # what stopped shows in some seconds of meter readings: a busy machine may blur them
        if not failing(found["stops"]):
            found["stops"] = serve(folder / again, "stops")
    return found


def failing(run: harness.Run) -> dict[str, list[str]]:
    return {name: check.failing for name, check in run.checks.items() if check.verdict == "fail"}


def test_good_ones_pass(runs):
    run = runs[""]
    assert (failing(run), run.verdict) == ({}, "pass")
    assert run.checks["charging-continues"].met == 2
    assert run.checks["transactions-accounted"].met == 2
    outages = [record for record in run.records() if isinstance(record, r.Loss)]
    assert [(record.who, record.cause, record.step) for record in outages] == [(who, "server.crash", "crash") for who in ("anna", "ben")]


def test_their_make_is_in_the_report(runs):
    stations = {
        (record.who, record.vendor, record.model, record.firmware) for record in runs[""].records() if isinstance(record, r.Station)
    }
    assert stations == {("anna", "Acme", "X1", "1.2"), ("ben", "Acme", "X1", "1.2")}


def test_the_person_is_told_what_happens(runs):
    told = [line for line in TOLD[runs[""].journal.parent] if not line.startswith(("waiting for", "all are"))]
    assert [line for line in told if line.startswith("step")] == ["step crash (server.crash) begins", "step crash (server.crash) ends"]
    bens = [line.removeprefix("ben").removeprefix(" (Acme X1)") for line in told if line.startswith("ben")]
    assert [line for line in bens if "transaction 1 ends" not in line] == [
        ": connected", ": registers, firmware 1.2", ": transaction 1 starts", ": disconnected", ": connected",
    ]  # fmt: skip
    (end,) = (line for line in bens if "transaction 1 ends" in line)
    assert end in (": transaction 1 ends", *(f": transaction 1 ends, {seconds} s ago" for seconds in range(5, 15)))  # it was queued
    assert told.index("ben: connected") < told.index("step crash (server.crash) begins") < told.index("ben (Acme X1): disconnected")


def test_what_the_embedded_server_has_acknowledged_unread_it_books_later(tmp_path):
    run = serve(tmp_path, "", overrides=STALLED)
    assert (failing(run), run.verdict) == ({}, "pass")
    books = {record.who: record.entries for record in run.records() if isinstance(record, r.Ledger)}
    assert {who: [entry[3] is not None for entry in entries] for who, entries in books.items()} == {"anna": [False], "ben": [True]}
    assert not [record for record in run.records() if isinstance(record, r.Fault) and record.edge == "no-effect"]


def test_what_was_queued_and_forgotten_is_missing(runs):
    assert failing(runs["forgets"]) == {"transactions-accounted": ["ben"]}


def test_those_that_stopped_without_their_server_are_found(runs):
    # Ben left while his charger was silent: whether his car was full by then nobody can tell.
    assert failing(runs["stops"]) == {"charging-continues": ["anna"]}


def test_the_time_of_1970_is_found(runs):
    assert failing(runs["1970"])["clock-sane"] == ["ben"]


def test_its_frames_are_kept_and_say_the_same(runs):
    run = runs["stops"]
    annas = [record for record in run.records() if record.who == "anna"]
    (lost_at,), (back_at,) = ([record.t for record in annas if isinstance(record, kind)] for kind in (r.Loss, r.Recovery))
    calendar = Calendar(run.scenario.start)
    lost = f"{calendar.text(lost_at)}..{calendar.text(back_at)}"
    imported = harness.import_log(run.journal.parent / "frames.jsonl", scenario=SCENARIO, lost=[lost])
    assert failing(imported) == {"charging-continues": ["anna"]}


SHORT = ("plan=[{id: pull, at: +1 s, do: station.power-cut, to: anna, for: 1 s}]", "duration=5 s", "expect.exercised=[]")


def test_mains_is_known_from_what_was_done(tmp_path):
    run = serve(tmp_path, "", overrides=SHORT)
    records = list(run.records())
    states = [(record.who, record.state) for record in records if isinstance(record, r.Power) and record.t >= 1000]
    assert states == [("anna", "off"), ("anna", "booting"), ("anna", "on")]  # before, it may still register as it came
    assert not [record for record in records if isinstance(record, r.Loss)]  # no outage: its own mains was away
    assert "anna is a Acme X1 (firmware 1.2)." in stage_text(run.outcome)


def test_what_was_skipped_never_happened(tmp_path):
    run = serve(tmp_path, "", skips=("take the station off mains", "give the station mains again"), overrides=SHORT)
    records = list(run.records())
    assert not [record for record in records if isinstance(record, r.Power) and record.state == "off"]
    assert "step pull: never fired" in run.judgement.reasons


BRISK = "models.acme.link={keepalive: 1 s, offline_after: 3 s, answer_timeout: 1 s, backoff: {wait_minimum: 0.5 s}}"


def test_an_unplugging_that_the_charger_contradicts_never_was(tmp_path):
    plug_in = "{at: +1 s, do: driver.plug-in, to: [anna, ben], with: {needs: 9 kWh, stay: 1 h}}"
    plan = f"plan=[{plug_in}, {{id: leave, at: +2 s, do: driver.unplug, to: [anna, ben]}}]"
    run = serve(tmp_path, "", lies=("unplug the car",), overrides=[BRISK, plan, "duration=5 s", "expect.exercised=[]"])
    contradictions = [record for record in run.records() if isinstance(record, r.Fault) and record.edge == "contradicted"]
    assert [(record.who, record.step, record.with_["why"]) for record in contradictions] == [
        ("anna", "leave", "its transaction goes on"), ("ben", "leave", "it reports Charging"),
    ]  # fmt: skip
    assert TOLD[run.journal.parent].count("ben (Acme X1): its car is said to be unplugged, and it reports Charging") == 1
    assert run.verdict == "unknown"
    assert "anna was said to be unplugged, and its transaction goes on (step leave)" in run.judgement.reasons


async def talk(url: str, *frames: str, subprotocols=("ocpp1.6",)) -> list:
    """What a bare connection is answered."""
    async with connect(url, subprotocols=subprotocols) as web_socket:
        answers = []
        for frame in frames:
            await web_socket.send(frame)
            answers.append(json.loads(await asyncio.wait_for(web_socket.recv(), 5)))
        return answers


def alone(say, **options) -> harness.Run:
    """A run of one charger for some seconds, in which nothing is done but what ``say`` does once it began, beside."""
    live = harness.Live(bench=Bench(listen=f"127.0.0.1:{free_port()}"), say=say, direct=True)
    return harness.run(SCENARIO, live=live, overrides=["chargers={anna: {}}", "plan=[]", "duration=4 s", "expect.exercised=[]"], **options)


def test_who_knocks_and_does_not_come_in_silences_nobody(tmp_path):
    chargers = []

    def say(text: str) -> None:
        if text.startswith("waiting"):
            chargers.append(Charger(text.partition(" at ")[2]))
        elif text.startswith("all are"):
            threading.Timer(1, knock).start()

    def knock() -> None:
        with suppress(OSError):
            urlopen(chargers[0].url.replace("ws:", "http:"), timeout=2)

    run = alone(say, out=tmp_path / "run")
    chargers[0].stop()
    frames = [json.loads(line) for line in (tmp_path / "run" / "frames.jsonl").read_text().splitlines()]
    beats = [frame for frame in frames if frame.get("action") == "Heartbeat" and frame["messageType"] == "CALLRESULT"]
    assert len(beats) >= 4  # one a second, to the end
    assert not [record for record in run.records() if isinstance(record, r.Loss)]


def test_a_second_connection_takes_the_place_of_the_first():
    heard = []

    def say(text: str) -> None:
        if text.startswith("waiting"):
            url = text.partition(" at ")[2]
            threading.Thread(target=lambda: heard.append(asyncio.run(two(url))), daemon=True).start()

    async def two(url: str) -> list:
        async with connect(url, subprotocols=["ocpp1.6"]) as first:
            await first.send(BEAT)
            await first.recv()
            answers = await talk(url, BEAT)
            await asyncio.wait_for(first.wait_closed(), 3)
            return answers

    alone(say)
    assert [answer[0] for answer in heard[0]] == [3]


BEAT = '[2, "1", "Heartbeat", {}]'


def test_the_time_is_told_while_the_others_are_waited_for():
    heard = []

    def say(text: str) -> None:
        if text.startswith("waiting for anna"):
            threading.Thread(target=lambda: heard.append(asyncio.run(talk(text.partition(" at ")[2], BEAT))), daemon=True).start()

    live = harness.Live(bench=Bench(listen=f"127.0.0.1:{free_port()}", patience_ms=1_000), say=say, direct=True)
    with pytest.raises(ExperimentError, match="ben did not come"):
        harness.run(SCENARIO, live=live)
    told = datetime.fromisoformat(heard[0][0][2]["currentTime"])
    assert abs((datetime.now(UTC) - told).total_seconds()) < 30


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        (["StartTransaction", {"connectorId": 1, "idTag": "a", "meterStart": 10**30, "timestamp": "2026-11-26T12:00:00Z"}], "as register"),
        (["StartTransaction", {"connectorId": 1, "idTag": "a", "meterStart": 0, "timestamp": "9999-12-31T23:59:59Z"}], "expected a time"),
        (["Levitate", {}], "no action"),
    ],
)
def test_what_no_charger_can_mean_is_a_finding(frame, what):
    def say(text: str) -> None:
        if text.startswith("waiting"):
            url = text.partition(" at ")[2]
            threading.Thread(target=lambda: asyncio.run(talk(url, BEAT, json.dumps([2, "2", *frame]))), daemon=True).start()

    run = alone(say)
    assert [what in record.what for record in run.records() if isinstance(record, r.Finding)] == [True]


def test_a_charger_that_speaks_several_languages_is_answered_in_its_models():
    heard = []

    def say(text: str) -> None:
        if text.startswith("waiting"):
            url = text.partition(" at ")[2]
            offered = ("ocpp2.0.1", "ocpp1.6")
            threading.Thread(target=lambda: heard.append(asyncio.run(talk(url, BEAT, subprotocols=offered))), daemon=True).start()

    run = alone(say)
    assert heard
    assert failing(run) == {}


def test_chargers_that_do_not_come(tmp_path):
    live = harness.Live(bench=Bench(listen=f"127.0.0.1:{free_port()}", patience_ms=200), direct=True)
    with pytest.raises(ExperimentError, match=r"anna, ben did not come within 0\.2 s"):
        harness.run(SCENARIO, live=live)


@pytest.mark.parametrize("given", ["a secret", "wrong"])
def test_certificate_and_password(given, tmp_path):
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "server.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "server.key"))
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    (tmp_path / "bench.yaml").write_text(
        f"harness: 1\nlisten: 127.0.0.1:{free_port()}\nstations: {{anna: CP-1}}\npassword: a secret\n"
        "certificate: server.pem\nkey: server.key\npatience: 2 s\n", encoding="utf-8",
    )  # fmt: skip
    chargers = []

    def say(text: str) -> None:
        if text.startswith("waiting for "):
            url = text.partition(" at ")[2]
            chargers.append(Charger(url, tls=trusted, headers=basic(url.rpartition("/")[2], given)))

    live = harness.Live(bench=tmp_path / "bench.yaml", say=say, direct=True)
    try:
        if given == "wrong":
            with pytest.raises(ExperimentError, match=r"anna, ben did not come within 2 s"):
                harness.run(SCENARIO, live=live, overrides=["plan=[]", "duration=1 s", "expect.exercised=[]"])
        else:
            run = harness.run(SCENARIO, live=live, overrides=["plan=[]", "duration=1 s", "expect.exercised=[]"])
            assert run.outcome.live.stations == {"anna": "CP-1", "ben": "ben"}
            assert failing(run) == {}
    finally:
        for charger in chargers:
            charger.stop()


def basic(station: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{station}:{password}".encode()).decode()}


def test_credentials_that_are_forgotten_keep_them_out_until_they_are_known_again(tmp_path):
    plan = "{id: wiped, at: +2 s, do: server.credentials-wiped, for: 7 s}, {id: crash, at: +3 s, do: server.crash, for: 1 s}"
    run = serve(tmp_path, "", overrides=[f"plan=[{plan}]", "duration=16 s", "expect.exercised=[]"])
    records = list(run.records())
    back = {record.who: record.t for record in records if isinstance(record, r.Recovery)}
    assert set(back) == {"anna", "ben"}
    assert min(back.values()) > 9_000
    assert not [record for record in records if isinstance(record, r.Fault) and record.edge == "no-effect"]


def test_an_address_that_is_taken(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["serve", str(SCENARIO), "--listen", address, "--direct", "--out", str(tmp_path / "run")]) == 6
    assert f"cannot listen on {address}: Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("do", "why"),
    [
        ("station.clock-lost", r"station\.clock-lost cannot be done to a real charger"),
        ("server.failover", r"server\.failover aims at a shard, and before a bench the server is one"),
        ("network.dns-failure", r"network\.dns-failure happens in the charger, and these are real ones"),
        ("driver.replug", r"driver\.replug is too quick to be asked of a person: use driver\.unplug and driver\.plug-in"),
    ],
)
def test_what_cannot_be_done_at_a_bench(do, why):
    live = harness.Live(bench=Bench(), direct=True)
    whom = "" if do.startswith("server.") else ", to: anna"
    with pytest.raises(harness.ScenarioError, match=why):
        harness.run(SCENARIO, live=live, overrides=[f"plan=[{{at: +1 s, do: {do}{whom}}}]"])
