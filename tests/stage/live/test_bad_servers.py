"""Servers that misbehave, and surroundings that fail around a run against your server: one clear message, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from types import SimpleNamespace

import pytest
import trustme
from alongside import HERE
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

import harness
from harness.cli import main
from harness.journal import records as r
from harness.journal.reader import Journal
from harness.stage.errors import ExperimentError
from harness.stage.live import approach
from harness.stage.live import target as targets
from harness.stage.live.codec import Calendar
from harness.stage.live.frames import Frame

SCENARIO = HERE / "alone.yaml"
NOW = "now"
"""Stands for the time at which it is answered."""
ACCEPTED = {"status": "Accepted", "currentTime": NOW, "interval": 300}
GOOD = {
    "BootNotification": ACCEPTED, "Heartbeat": {"currentTime": NOW}, "StatusNotification": {}, "MeterValues": {}, "StopTransaction": {},
    "StartTransaction": {"idTagInfo": {"status": "Accepted"}, "transactionId": 7}, "Authorize": {"idTagInfo": {"status": "Accepted"}},
}  # fmt: skip


class Bad:
    """A server on a port of loopback, in a thread of its own, that answers as ``answers`` says."""

    def __init__(self, answers=None, *, tls=None, status=None, location="", first=(), after=(), after_start=(), speaks="ocpp1.6"):
        self.answers = {**GOOD, **(answers or {})}
        self.first = first
        self.speaks = speaks
        """Its subprotocol; empty: it names none, and closes."""
        self.after = after
        self.after_start = after_start
        self.heard = []
        self.books = ""
        self._sockets = set()
        self.status = status
        self.location = location
        self._tls = tls
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    async def _run(self):
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        spoken = [self.speaks] if self.speaks else None
        options = {"subprotocols": spoken, "ssl": self._tls, "compression": None, "max_size": None, "process_request": self._knock}
        async with serve(self._speak, "127.0.0.1", 0, **options) as door:
            self.port = door.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()

    async def _knock(self, connection, request):
        if request.path == "/books":
            for socket in self._sockets:
                await socket.send('[2, "z", "ClearCache", {}]')
            return connection.respond(HTTPStatus.OK, self.books)
        if self.status is None:
            return None
        answer = connection.respond(self.status, "no\n")
        if self.location:
            answer.headers["Location"] = self.location
        return answer

    async def _speak(self, socket):
        self._sockets.add(socket)
        with suppress(ConnectionClosed):
            if not self.speaks:
                await socket.close(1002)
            for more in self.first:
                await socket.send(more)
            await self._talk(socket)
        self._sockets.discard(socket)

    async def _talk(self, socket):
        async for text in socket:
            _, id_, action, *_ = frame = json.loads(text)
            self.heard.append(frame)
            if frame[0] != 2:
                continue
            answer = self.answers[action]
            if answer is not None:
                told = json.dumps([3, id_, answer]).replace(json.dumps(NOW), json.dumps(datetime.now(UTC).isoformat()))
                await socket.send(answer if isinstance(answer, str) else told)
            if action == "StartTransaction":
                first, self.after_start = self.after_start, ()
                for more in first:
                    await socket.send(more)
            if action == "StatusNotification":
                for more in self.after:
                    await socket.send(more)

    def stop(self):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)


@pytest.fixture
def served():
    made = []

    def serve_so(*arguments, **options):
        made.append(Bad(*arguments, **options))
        return made[-1]

    yield serve_so
    for one in made:
        one.stop()


LONG = "ready_timeout: 10 min\n"
"""What goes wrong at once does not wait so long."""
BARE = ("plan=[]", "duration=1 s", "expect.exercised=[]")
"""A run of a second in which the server answers, and no more."""


def target(folder, port, *, scheme="ws", host="127.0.0.1", more=""):
    file = folder / "mine.yaml"
    soon = "" if LONG in more else "ready_timeout: 1 s\n"
    file.write_text(f"harness: 1\nurl: {scheme}://{host}:{port}/{{station}}\n{soon}{more}", encoding="utf-8")
    return file


def against(file, *overrides, out=None, **options):
    return harness.run(SCENARIO, live=harness.Live(target=file, direct=True, **options), overrides=overrides, out=out)


def test_a_good_one_passes(served, tmp_path):
    run = against(target(tmp_path, served().port), "plan=[]", "expect.exercised=[]")
    assert run.checks["frames-valid"].failed == 0


# Before the start: exit code 6, and why.


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({**ACCEPTED, "status": "Pending"}, "its BootNotification is answered Pending"),
        ({**ACCEPTED, "status": "Rejected"}, "its BootNotification is answered Rejected"),
        ({**ACCEPTED, "status": "Perhaps"}, "answered with no valid frame: BootNotificationResponse: status"),
        ("hello", "answered with no valid frame: not JSON"),
        ("[4, 2]", "answered with no valid frame: no CALL, CALLRESULT or CALLERROR"),
        (None, "no answer in time"),
        ("x" * 10_000_000, "the connection was closed"),
    ],
)
def test_one_that_never_accepts(served, tmp_path, answer, why, capsys):
    file = target(tmp_path, served({"BootNotification": answer}).port)
    assert main(["run", str(SCENARIO), "--live", "--direct", "--target", str(file), "--out", str(tmp_path / "run")]) == 6
    told = capsys.readouterr().err
    assert told.startswith("harness: the experiment did not happen: your server did not accept anna at ws://127.0.0.1:")
    assert why in told
    assert len(told.splitlines()) == 1


def test_one_that_wants_a_password(served, tmp_path):
    with pytest.raises(ExperimentError, match="before the start: HTTP 401; give the station's password"):
        against(target(tmp_path, served(status=HTTPStatus.UNAUTHORIZED).port))


def test_one_that_is_not_there(tmp_path):
    with pytest.raises(ExperimentError, match="connection refused"):
        against(target(tmp_path, 9))


def through(toxiproxy, file, *overrides):
    return harness.run(SCENARIO, live=harness.Live(target=file, toxiproxy=f"{toxiproxy.host}:{toxiproxy.port}"), overrides=overrides)


def test_one_that_is_not_there_behind_toxiproxy(toxiproxy, tmp_path):
    with pytest.raises(ExperimentError, match=r"your server cannot be reached at 127\.0\.0\.1:9: connection refused"):
        through(toxiproxy, target(tmp_path, 9))


def test_one_whose_certificate_is_not_good_behind_toxiproxy(served, toxiproxy, tmp_path):
    with pytest.raises(ExperimentError, match=r"cannot be reached at 127\.0\.0\.1:\d+: its certificate is not good"):
        through(toxiproxy, target(tmp_path, secured(tmp_path, served), scheme="wss", more=LONG))


@pytest.mark.parametrize(
    ("host", "why"), [("nowhere.invalid", "its name cannot be resolved"), (f"{'a' * 70}.example", "its name is none that can be resolved")]
)
def test_one_whose_name_nobody_knows(toxiproxy, tmp_path, host, why):
    with pytest.raises(ExperimentError, match=why):
        through(toxiproxy, target(tmp_path, 80, host=host, more=LONG))


def test_one_that_comes_up_late_is_waited_for(served, tmp_path, monkeypatch):
    async def not_yet(*arguments):
        if refusals:
            raise refusals.pop()
        await touch(*arguments)

    refusals = [ConnectionRefusedError(), ConnectionResetError(), TimeoutError(), ssl.SSLEOFError()]
    touch = approach.touch
    monkeypatch.setattr(approach, "touch", not_yet)
    monkeypatch.setattr(targets, "_AGAIN_S", 0.001)
    assert findings(against(target(tmp_path, served().port), *BARE)) == []
    assert refusals == []


def test_one_that_only_toxiproxy_reaches(served, toxiproxy, tmp_path):
    file = target(tmp_path, 9, more=f"toxiproxy: {{upstream: '127.0.0.1:{served().port}'}}\n")
    assert findings(through(toxiproxy, file, *BARE)) == []
    file = target(tmp_path, 9, more="toxiproxy: {upstream: '127.0.0.1:9'}\n")
    with pytest.raises(ExperimentError, match=r"the connection was closed.*; see whether Toxiproxy reaches it at 127\.0\.0\.1:9"):
        through(toxiproxy, file)


def test_an_authority_that_is_none(tmp_path):
    with pytest.raises(ExperimentError, match=r"mine\.yaml is no authority's certificate: no TLS: "):
        against(target(tmp_path, 9, scheme="wss", more="ca: mine.yaml\n"))


@pytest.mark.parametrize(("speaks", "ocpp"), [("ocpp1.6", "2.0.1"), ("ocpp2.0.1", "1.6"), ("", "1.6")])
def test_one_that_speaks_another_version(served, tmp_path, speaks, ocpp):
    other = "1.6" if ocpp == "2.0.1" else "2.0.1"
    why = "HTTP 400" if speaks else "no subprotocol was agreed on"
    with pytest.raises(ExperimentError, match=rf"{why}; if it does not speak OCPP {ocpp}: --ocpp {other}, or another model .* have box"):
        against(target(tmp_path, served(speaks=speaks).port, more=LONG), ocpp=ocpp)


def test_one_that_is_not_ready(served, tmp_path):
    port = served(status=HTTPStatus.SERVICE_UNAVAILABLE).port
    with pytest.raises(ExperimentError, match="did not say within 1 s that it is ready"):
        against(target(tmp_path, port, more=f"ready: http://127.0.0.1:{port}/health\n"))


# Certificates.


def secured(folder, served, **validity):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", **validity).configure_cert(context)
    return served(tls=context).port


def test_a_certificate_of_your_own_authority_is_taken(served, tmp_path):
    run = against(target(tmp_path, secured(tmp_path, served), scheme="wss", more="ca: ca.pem\n"), "plan=[]", "expect.exercised=[]")
    assert run.checks["frames-valid"].failed == 0


def test_and_through_toxiproxy(served, toxiproxy, tmp_path):
    file = target(tmp_path, secured(tmp_path, served), scheme="wss", more="ca: ca.pem\n")
    live = harness.Live(target=file, toxiproxy=f"{toxiproxy.host}:{toxiproxy.port}")
    run = harness.run(SCENARIO, live=live, overrides=["plan=[]", "expect.exercised=[]"])
    assert run.checks["frames-valid"].failed == 0


def test_one_that_has_expired_is_not(served, tmp_path):
    port = secured(tmp_path, served, not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime.now(UTC) - timedelta(days=1))
    with pytest.raises(ExperimentError, match="its certificate is not good: certificate has expired"):
        against(target(tmp_path, port, scheme="wss", more="ca: ca.pem\n"))


def test_one_of_an_unknown_authority_is_not(served, tmp_path):
    with pytest.raises(ExperimentError, match="its certificate is not good"):
        against(target(tmp_path, secured(tmp_path, served), scheme="wss"))


# The frames from before the start.


def kept(folder):
    return [json.loads(line) for line in (folder / "frames.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_frames_of_the_greeting_are_kept_without_secrets(served, tmp_path):
    secret = '[2, "k", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "s3cret"}]'
    run = against(target(tmp_path, served(first=(secret,)).port), *BARE, out=tmp_path / "run")
    frames = kept(tmp_path / "run")
    greeting = [(frame["action"], frame["messageType"]) for frame in frames if frame.get("meta") == {"greeting": True}]
    assert greeting == [("BootNotification", "CALL"), ("ChangeConfiguration", "CALL"), ("BootNotification", "CALLRESULT")]
    assert "s3cret" not in (tmp_path / "run" / "frames.jsonl").read_text(encoding="utf-8")
    start = datetime.fromisoformat(run.scenario.start)
    times = [datetime.fromisoformat(frame["timestamp"]) for frame in frames]
    assert times == sorted(times)
    assert all((moment < start) == ("meta" in frame) for moment, frame in zip(times, frames, strict=True))
    imported = harness.import_log(tmp_path / "run" / "frames.jsonl", scenario=SCENARIO)
    assert {check.name: check.failing for check in imported.checks.values() if check.failed} == {}
    assert all(check.met <= run.checks[check.name].met for check in imported.checks.values() if check.name in run.checks)


def test_those_of_a_run_that_did_not_begin_are_kept_until_the_next_try(served, tmp_path):
    for status in ("Rejected", "Pending"):
        file = target(tmp_path, served({"BootNotification": {**ACCEPTED, "status": status}}).port)
        with pytest.raises(ExperimentError, match=status):
            against(file, out=tmp_path / "run")
        assert {frame["payload"].get("status") for frame in kept(tmp_path / "run")} == {None, status}


# In the midst of a run: findings, and the run goes on.


def findings(run):
    return [record.what for record in run.records() if isinstance(record, r.Finding)]


@pytest.mark.parametrize(
    ("answers", "after", "what"),
    [
        ({"StatusNotification": "hello"}, (), "not JSON"),
        ({"StatusNotification": {"status": "Accepted"}}, (), "StatusNotificationResponse: "),
        ({}, ('{"a": 1}',), "no CALL, CALLRESULT or CALLERROR"),
        ({}, ('[2, "9", "Levitate", {}]',), "no action 'Levitate'"),
        ({}, ('[2, "9", "Reset", {"type": "Gentle"}]',), "Reset: type"),
        ({}, ("x" * 2_000_000,), "a frame of more than 1048576 bytes"),
        ({}, ('[3, "never-asked", {}]',), "an answer to a call that was not made"),
        ({}, ('[2, "9", "ClearCache", {}]', '[2, "9", "Reset", {"type": "Hard"}]'), "is that of an earlier call"),
        ({}, (b'[2,"9","ClearCache",{}]',), "a binary frame"),
        ({}, (b"\xff\xfe",), "a binary frame"),
        ({}, ("[" * 100_000,), "not JSON"),
        ({}, (f'[2, "9", "{"A" * 300}", {{}}]',), "has no action"),
        ({"Heartbeat": {"currentTime": "0000-01-01T00:00:00Z"}}, (), "expected a time"),
    ],
    ids=[
        "garbage",
        "answer",
        "frame",
        "action",
        "payload",
        "size",
        "unasked",
        "id",
        "binary",
        "bytes",
        "deep",
        "long-action",
        "year-0",
    ],
)
def test_what_is_no_valid_ocpp_is_a_finding(served, tmp_path, answers, after, what):
    run = against(target(tmp_path, served(answers, after=after).port), "plan=[]", "expect.exercised=[]")
    assert findings(run)
    assert all(what in found for found in findings(run))
    assert (run.verdict, run.checks["frames-valid"].verdict) == ("fail", "fail")
    assert Journal(run.journal).complete


UNUSABLE = {
    "no amperes": ("ChangeConfiguration", {"key": "ChargeAmperage", "value": "abc"}),
    "endless": ("ChangeConfiguration", {"key": "ChargeAmperage", "value": "1e999"}),
    "negative": ("ChangeConfiguration", {"key": "ChargeAmperage", "value": "-5"}),
    "no periods": ("SetChargingProfile", {"chargingSchedulePeriod": []}),
    "below zero": ("SetChargingProfile", {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": -5.0}]}),
    "too much": ("SetChargingProfile", {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1e300}]}),
    "watts": ("SetChargingProfile", {"chargingRateUnit": "W"}),
    "no time": ("SetChargingProfile", {"startSchedule": "9999-12-31T23:59:59Z"}),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_command_that_is_valid_and_cannot_be_obeyed_is_rejected(served, tmp_path, name):
    action, given = UNUSABLE[name]
    if action == "SetChargingProfile":
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}], **given}
        profile = {
            "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "ChargePointMaxProfile", "chargingProfileKind": "Absolute",
            "chargingSchedule": schedule,
        }  # fmt: skip
        given = {"connectorId": 0, "csChargingProfiles": profile}
    server = served(after=(json.dumps([2, "x", action, given]),))
    run = against(target(tmp_path, server.port), "plan=[]", "expect.exercised=[]")
    assert [frame[2] for frame in server.heard if frame[0] == 3] == [{"status": "Rejected"}]
    assert {name: check.failing for name, check in run.checks.items() if check.failed} == {}


def test_a_leap_second_is_a_time(served, tmp_path):
    run = against(target(tmp_path, served({"Heartbeat": {"currentTime": "2026-06-30T23:59:60Z"}}).port), "plan=[]", "expect.exercised=[]")
    assert ["the server's clock is" in found for found in findings(run)] == [True]  # and that it is of another day is all that is wrong


LONG_AGO = {"currentTime": "2020-01-01T00:00:00Z"}


@pytest.mark.parametrize("action", ["BootNotification", "Heartbeat"])
def test_a_server_whose_clock_is_wrong_is_found(served, tmp_path, action):
    run = against(target(tmp_path, served({action: {**GOOD[action], **LONG_AGO}}).port), "plan=[]", "duration=2 s", "expect.exercised=[]")
    (found,) = findings(run)  # once, however often it tells the time
    assert found.startswith(f"{action}: the server's clock is ")
    assert found.endswith(" behind this machine's")
    assert (run.verdict, run.checks["frames-valid"].failing) == ("fail", ["anna"])


@pytest.mark.parametrize(
    ("told", "waited_s", "off"),
    [
        ("12:00:10", 0, ""), ("12:00:11.5", 0, "11 s ahead of"), ("11:59:50", 0, ""), ("11:59:49", 0, "11 s behind"),
        ("11:59:30", 20, ""), ("11:59:29", 20, "11 s behind"),  # of any moment since it was asked
    ],
)  # fmt: skip
def test_a_clock_may_be_ten_seconds_off(told, waited_s, off):
    found = []
    stage = SimpleNamespace(
        calendar=Calendar("2026-03-12T11:00:00Z"), clock=SimpleNamespace(now=3_600_000), _clocks_found=set(),
        _finds=lambda port, what, text: found.append(what),
    )  # fmt: skip
    answer = Frame(3, "1", "", {"currentTime": f"2026-03-12T{told}Z"})
    targets.TargetStage._look_at_clock(stage, SimpleNamespace(place=0), "Heartbeat", answer, waited_s * 1000, "")
    assert found == ([f"Heartbeat: the server's clock is {off} this machine's"] if off else [])


def test_a_redirect_is_not_followed(served, tmp_path):
    with pytest.raises(ExperimentError, match="HTTP 302"):
        against(target(tmp_path, served(status=HTTPStatus.FOUND, location="http://127.0.0.1:1/elsewhere").port))


def test_books_that_cannot_be_read_leave_the_rest(served, tmp_path, capsys):
    file = target(tmp_path, served().port, more=f"books: {SAYS}\"print('hello')\"]\n")
    folder = tmp_path / "run"
    assert main(["run", str(SCENARIO), "--live", "--direct", "--target", str(file), "--out", str(folder)]) == 6
    told = capsys.readouterr().err
    assert "the books cannot be read" in told
    assert f"`harness check {folder} --ledger FILE`" in told
    judged = harness.judge(folder)
    assert judged.checks["transactions-accounted"].hidden
    assert Journal(judged.journal).complete
    books = tmp_path / "books.csv"
    books.write_text("station,transaction,start,start_wh,stop,stop_wh\n", encoding="utf-8")
    assert harness.judge(folder, ledger=books).checks["transactions-accounted"].verdict == "fail"


def test_a_call_that_is_not_understood_is_answered_so(served, tmp_path):
    calls = (
        '[2, "a", "Levitate", {}]', '[2, "b", "Reset", {"type": "Gentle"}]', '[2, "c", "GetDiagnostics", {"location": "ftp://x"}]',
        '[2, "d", "GetConfiguration", {"key": ["HeartbeatInterval", "Colour"]}]',
        '[2, "e", "TriggerMessage", {"requestedMessage": "Heartbeat"}]', '[2, "f", "ClearCache", {}]',
    )  # fmt: skip
    server = served(after=calls)
    against(target(tmp_path, server.port), "plan=[]", "expect.exercised=[]")
    told = {frame[1]: frame for frame in server.heard if frame[0] in (3, 4)}
    assert [told[id_][2] for id_ in "abc"] == ["NotImplemented", "FormationViolation", "NotImplemented"]
    assert told["d"][2] == {"configurationKey": [{"key": "HeartbeatInterval", "readonly": True, "value": "1"}], "unknownKey": ["Colour"]}
    assert told["e"][2] == {"status": "Accepted"}
    assert told["f"][2] == {"status": "Rejected"}


def test_the_server_ends_a_transaction_and_begins_another(served, tmp_path):
    calls = ('[2, "stop", "RemoteStopTransaction", {"transactionId": 7}]', '[2, "start", "RemoteStartTransaction", {"idTag": "boss"}]')
    server = served(after_start=calls)
    plan = "plan=[{at: +0.2 s, do: driver.plug-in, to: anna, with: {needs: 9 kWh, stay: 1 h}}]"
    run = against(target(tmp_path, server.port), plan, "expect.exercised=[]")
    told = {frame[1]: frame[2] for frame in server.heard if frame[0] == 3}
    assert told == {"stop": {"status": "Accepted"}, "start": {"status": "Accepted"}}
    calls = [(frame[2], frame[3].get("reason"), frame[3].get("idTag")) for frame in server.heard if "Transaction" in str(frame[2])]
    assert calls == [("StartTransaction", None, "anna"), ("StopTransaction", "Remote", None), ("StartTransaction", None, "boss")]
    assert {name: check.failing for name, check in run.checks.items() if check.failed} == {}


def test_the_server_takes_a_charger_out_of_service_and_puts_it_back(served, tmp_path):
    """At once where no transaction is open, else at its end: this one goes on."""
    change = '[2, "{}", "ChangeAvailability", {{"connectorId": 1, "type": "{}"}}]'
    calls = [change.format("before", "Inoperative"), change.format("back", "Operative")]
    server = served(after=calls, after_start=[change.format("later", "Inoperative")])
    plan = "plan=[{at: +0.2 s, do: driver.plug-in, to: anna, with: {needs: 9 kWh, stay: 1 h}}]"
    run = against(target(tmp_path, server.port), plan, "expect.exercised=[]")
    told = [(frame[1], frame[2]["status"]) for frame in server.heard if frame[0] == 3]
    assert told[:2] == [("before", "Accepted"), ("back", "Accepted")]
    assert ("later", "Scheduled") in told
    assert [record.on for record in run.records() if isinstance(record, r.Command)][:2] == [False, True]
    assert {name: check.failing for name, check in run.checks.items() if check.failed} == {}


def test_what_the_server_cannot_begin_or_end_is_rejected(served, tmp_path):
    calls = ('[2, "stop", "RemoteStopTransaction", {"transactionId": 99}]', '[2, "start", "RemoteStartTransaction", {"idTag": "boss"}]')
    server = served(after=calls)
    against(target(tmp_path, server.port), "plan=[]", "expect.exercised=[]")
    told = {frame[1]: frame[2] for frame in server.heard if frame[0] == 3}
    assert told == {"stop": {"status": "Rejected"}, "start": {"status": "Rejected"}}


# What the target's own commands do.

SAYS = f"['{sys.executable}', -c, "


def test_a_driver_asks_your_app(served, tmp_path):
    marks = tmp_path / "marks"
    more = f"""operations:
  override: {SAYS}"import sys; open(sys.argv[1], 'a').write(sys.argv[2])", '{marks}', '{{station}}']
  set-amperage: {SAYS}"import sys; sys.exit(3)"]
"""
    steps = (
        "{at: +0.2 s, do: driver.plug-in, to: anna, with: {needs: 9 kWh, stay: 1 h}}",
        "{at: +1 s, do: driver.override, to: anna}",
        "{at: +1 s, do: driver.set-amperage, to: anna, with: {amperage: 10 A}}",
    )
    plan = f"plan=[{', '.join(steps)}]"
    run = against(target(tmp_path, served().port, more=more), plan, "expect.exercised=[]")
    actions = {record.action: record.outcome for record in run.records() if isinstance(record, r.Action)}
    assert actions == {"override": "accepted", "set-amperage": "refused"}
    assert marks.read_text() == "anna"


def process_commands(marks):
    """All four, each leaving its name."""
    write = "import sys; open(sys.argv[1], 'a').write(sys.argv[2])"
    names = ("stop", "start", "pause", "resume")
    return "commands:\n" + "".join(f"  {name}: {SAYS}\"{write}\", '{marks}', '{name} ']\n" for name in names)


def test_commands_stop_and_start_your_server(served, tmp_path):
    marks = tmp_path / "marks"
    plan = "plan=[{id: crash, at: +1 s, do: server.crash, for: 1 s}, {id: hang, at: +3 s, do: server.hang, for: 1 s}]"
    more = process_commands(marks)
    run = against(target(tmp_path, served().port, more=more), plan, "duration=5 s", "expect.exercised=[]")
    assert marks.read_text() == "stop start pause resume "
    calls = [record.call for record in run.records() if isinstance(record, r.Proxied)]
    assert calls == ["stop", "start", "pause", "resume"]
    losses = [record.cause for record in run.records() if isinstance(record, r.Loss)]
    assert losses == ["server.crash", "server.hang"]


def test_it_is_back_once_its_command_has_started_it(served, tmp_path):
    more = f"commands:\n  stop: ['{sys.executable}', -c, '']\n  start: {SAYS}'import threading; threading.Event().wait(1)']\n"
    plan = "plan=[{id: crash, at: +0.5 s, do: server.crash, for: 0.5 s}]"
    run = against(target(tmp_path, served().port, more=more), plan, "duration=4 s", "expect.exercised=[]")
    started = next(record.t for record in run.records() if isinstance(record, r.Proxied) and record.call == "start")
    back = next(record.t for record in run.records() if isinstance(record, r.Server) and record.state == "restarted")
    assert back >= started >= 2000


@pytest.mark.parametrize(
    ("kind", "calls"), [("server.gone", "stop start "), ("server.crash", "stop start "), ("server.hang", "pause resume ")]
)
def test_what_runs_is_left_running(served, tmp_path, kind, calls):
    marks = tmp_path / "marks"
    plan = f"plan=[{{id: x, at: +1 s, do: {kind}}}]"
    against(target(tmp_path, served().port, more=process_commands(marks)), plan, "expect.exercised=[]")
    assert marks.read_text() == calls


def test_a_command_that_fails_ends_the_experiment(served, tmp_path):
    more = f"commands:\n  stop: {SAYS}\"import sys; sys.exit('no such unit')\"]\n  start: [no-such-command-here]\n"
    plan = "plan=[{id: crash, at: +1 s, do: server.crash, for: 1 s}]"
    with pytest.raises(ExperimentError, match=r"command to stop your server, .*, ended with 1: no such unit"):
        against(target(tmp_path, served().port, more=more), plan)


# Books.


def test_books_in_a_file(served, tmp_path):
    started, books = served(), tmp_path / "books.csv"
    books.write_text("station,transaction,start,start_wh,stop,stop_wh\nbob,1,2020-01-01T00:00:00Z,0,,\n", encoding="utf-8")
    run = against(target(tmp_path, started.port), ledger=books)
    assert run.checks["transactions-accounted"].verdict == "fail"  # anna's is not there
    assert "is not in the ledger" in run.checks["transactions-accounted"].witness.rule


def test_what_comes_in_while_the_books_are_read_does_not_move_them_past_the_end(served, tmp_path):
    server = served()
    server.books = f"station,transaction,start,start_wh,stop,stop_wh\nanna,7,{datetime.now(UTC).isoformat()},0,,\n"
    read = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
    run = against(target(tmp_path, server.port, more=f"books: {SAYS}'{read}', 'http://127.0.0.1:{server.port}/books']\n"))
    assert [record.t for record in run.records() if isinstance(record, r.Ledger)] == [run.scenario.duration_ms]
    assert any(frame[:2] == [3, "z"] for frame in server.heard)


def test_books_that_are_exported_later(served, tmp_path, capsys):
    kept, books = tmp_path / "run", tmp_path / "books.csv"
    live = harness.Live(target=target(tmp_path, served().port), direct=True)
    run = harness.run(SCENARIO, live=live, out=kept)
    assert (run.verdict, run.checks["transactions-accounted"].verdict) == ("unknown", "unknown")
    assert main(["check", str(kept)]) == 5
    ended = next(record for record in run.records() if isinstance(record, r.Transaction) and record.edge == "close")
    line = f"anna,7,{run.scenario.start},0,{run.scenario.start},{ended.wh}\n"
    books.write_text(f"station,transaction,start,start_wh,stop,stop_wh\n{line}", encoding="utf-8")
    capsys.readouterr()
    assert main(["check", str(kept), "--ledger", str(books)]) == 0
    assert f"harness check {kept} --ledger {books}" in capsys.readouterr().out
    books.write_text(f"station,transaction,start,start_wh,stop,stop_wh\n{line}{line}", encoding="utf-8")
    assert harness.judge(kept, ledger=books).checks["transactions-accounted"].witness.rule.endswith("stands in the ledger twice")
    books.write_text(f"station,transaction,start,start_wh,stop,stop_wh\n{line.replace('Z,', ',')}", encoding="utf-8")
    assert main(["check", str(kept), "--ledger", str(books)]) == 0
    assert "1 gave times without an offset from UTC, which were taken for UTC" in " ".join(capsys.readouterr().out.split())
    other = line.replace(",7,", ",4711,").replace(",0,", ",9,")
    books.write_text(f"station,transaction,start,start_wh,stop,stop_wh\n{line}{other}", encoding="utf-8")
    told = harness.judge(kept, ledger=books).checks["transactions-accounted"].witness
    assert told.rule == "transaction 4711 of the books, begun at +00:00:00 at 9 Wh, is in the ledger and never was"


def test_books_of_a_run_that_had_its_own_server(tmp_path, capsys):
    (tmp_path / "books.csv").touch()
    harness.run("live/half-open", out=tmp_path / "run")
    assert main(["check", str(tmp_path / "run"), "--ledger", str(tmp_path / "books.csv")]) == 4
    assert "is of a run whose server's books are known" in capsys.readouterr().err


def test_books_that_cannot_be_read(served, tmp_path):
    books = tmp_path / "books.csv"
    books.write_text("station,begin\n", encoding="utf-8")
    with pytest.raises(ExperimentError, match=r"books\.csv:1: found station, begin, expected the columns .*: transaction is missing"):
        against(target(tmp_path, served().port), "plan=[]", "expect.exercised=[]", ledger=books)


# What cannot be carried is refused before anything is written.


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ("{id: x, at: +1 s, do: server.crash, for: 1 s}", r"needs `commands: \{stop: …\}`"),
        ("{id: x, at: +1 s, do: server.slow, for: 1 s, with: {delay: 1 s}}", "needs the embedded server"),
        ("{id: x, at: +1 s, do: server.brown-out, with: {answers: 1}}", "needs the embedded server"),
        ("{id: x, at: +1 s, do: server.failover}", "needs the embedded server"),
        ("{id: x, at: +1 s, do: driver.override, to: anna}", r"needs `operations: \{override: …\}`"),
        ("{id: x, at: +1 s, do: driver.pause, to: anna}", r"needs `operations: \{pause: …\}`"),
        ("{id: x, at: +1 s, do: message.error-answer, to: anna, times: 1}", "which answers the error"),
        (
            "{id: x, at: +1 s, do: message.drop, to: anna, times: 1, with: {direction: command}}",
            "acts on commands, which are your server's",
        ),
    ],
)
def test_what_takes_more_than_the_target_has(tmp_path, plan, why):
    with pytest.raises(harness.ScenarioError, match=why):
        against(target(tmp_path, 9), f"plan=[{plan}]")


def test_many_chargers_against_another_machine_take_your_word(tmp_path):
    with pytest.raises(
        harness.ScenarioError, match=r"3 chargers against central\.example, which is another machine: say --i-own-this-server"
    ):
        against(target(tmp_path, 80, host="central.example"), "chargers.more={count: 2, model: box, sessions: []}")


@pytest.mark.parametrize("options", [["--speed", "2"], ["--skip-idle"], ["--parity"]])
def test_your_servers_time_is_the_wall_clocks(tmp_path, options, capsys):
    assert main(["run", str(SCENARIO), "--live", "--target", str(target(tmp_path, 9)), *options]) == 4
    assert "your server's time is the wall clock's" in capsys.readouterr().err
