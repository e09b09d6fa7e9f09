"""OCPP frames of each version: valid by the official schemas, and meaning at one end what was meant at the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness
from harness.journal.records import Record
from harness.stage.build import Windows, build
from harness.stage.live import frames, ocpp16, ocpp201
from harness.stage.live.codec import Calendar, ChargerEnd, RemoteStart, ServerEnd
from harness.stage.live.frames import OCPP16, OCPP201, FrameError
from harness.stage.plan import Cast
from harness.world.charger import Charger
from harness.world.messages import ACCEPTED, ERROR, REJECTED, Answer, Command, CommandName, Request

START = "2026-03-12T14:50:00-07:00"
NOW = 3_600_000
CALENDAR = Calendar(START)


def charger() -> Charger:
    """One that has plugged in once and draws."""
    scenario = harness.load("faq-walkthrough")
    heard: list[tuple[int, Record]] = []
    ports, _ = build(scenario, Cast(scenario), Windows(scenario), lambda place, record: heard.append((place, record)))
    made = ports[0].charger
    made.plugged_in(NOW - 1_800_000, 30_000, NOW * 10)
    return made


def request(action: str, **values: object) -> Request:
    made = Request(action, NOW, 1)  # type: ignore[arg-type]
    for name, value in values.items():
        setattr(made, name, value)
    return made


START_OF_1 = request("transaction-start", tx=1, wh=1_200)


class Version:
    """Both ends in one version of OCPP."""

    def __init__(self, charger_end: type[ChargerEnd], server_end: type[ServerEnd]) -> None:
        self.charger_end = charger_end
        self.server_end = server_end
        self.frames = charger_end.frames

    def ends(self) -> tuple[ChargerEnd, ServerEnd]:
        numbers = iter(range(100, 200))
        made = charger()
        return self.charger_end(made, CALENDAR), self.server_end(CALENDAR, made.model, lambda: next(numbers))

    def told(self, at_charger: ChargerEnd, one: Request) -> frames.Frame:
        """A request's last frame, over the wire."""
        calls = at_charger.calls(one, NOW)
        heard = [frames.read(self.frames.call("7", *call)) for call in calls]
        for frame in heard:
            self.frames.check_call(frame.action, frame.payload)
        return heard[-1]

    def answered(self, at_server: ServerEnd, one: Request, frame: frames.Frame, answer: Answer = ACCEPTED) -> frames.Frame:
        """The answer to it, over the wire."""
        at_server.take(one, frame.payload)
        payload = at_server.result(one, frame.payload, answer, NOW)
        assert payload is not None
        reply = frames.read(self.frames.result("7", frame.action, payload))
        self.frames.check_result(frame.action, reply.payload)
        return reply

    def started(self) -> tuple[ChargerEnd, ServerEnd]:
        """Both ends after the first transaction's start was answered."""
        at_charger, at_server = self.ends()
        reply = self.answered(at_server, START_OF_1, self.told(at_charger, START_OF_1))
        at_charger.answer(START_OF_1, reply.payload, NOW)
        return at_charger, at_server

    def delivered(self, order: Command, *, overrides_schedule: bool = False) -> Command | None:
        """A command as it comes in at the charger, over the wire."""
        at_charger, at_server = self.started()
        made = at_server.command(order, overrides_schedule=overrides_schedule)
        assert made is not None
        frame = frames.read(self.frames.call("1", *made))
        for accepted in (True, False):
            reply = at_charger.reply(frame.action, frame.payload, accepted=accepted)
            self.frames.result("1", frame.action, reply)
        return at_charger.command(frame.action, frame.payload, NOW)


VERSIONS = {
    "1.6": Version(ocpp16.ChargerEnd, ocpp16.ServerEnd),
    "2.0.1": Version(ocpp201.ChargerEnd, ocpp201.ServerEnd),
}
in_each_version = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)


# Requests and their answers.

REQUESTS = [
    request("registration"), request("keepalive"), request("status"), request("authorise", tag="anna"), START_OF_1,
    request("transaction-end", tx=1, wh=5_000, closes_stay=True), request("meter-values", tx=1, wh=3_000), request("meter-values"),
]  # fmt: skip


@pytest.mark.parametrize("one", REQUESTS, ids=lambda one: one.action)
@pytest.mark.parametrize("answer", [ACCEPTED, REJECTED])
@in_each_version
def test_requests_and_answers_are_valid_and_say_what_they_mean(version, one, answer):
    at_charger, at_server = version.started()
    frame = version.told(at_charger, one)
    reply = version.answered(at_server, one, frame, answer)
    can_be_rejected = one.action in ("registration", "authorise", "transaction-start")
    expected = answer.result if can_be_rejected else "accepted"
    assert at_charger.answer(one, reply.payload, NOW).result == expected


@in_each_version
@pytest.mark.parametrize("told", [Answer("pending", interval_ms=90_000), Answer("rejected", interval_ms=600_000), ACCEPTED])
def test_a_registration_that_is_not_accepted_says_when_to_ask_again(version, told):
    at_charger, at_server = version.ends()
    registration = request("registration")
    reply = version.answered(at_server, registration, version.told(at_charger, registration), told)
    heard = at_charger.answer(registration, reply.payload, NOW)
    assert (heard.result, heard.interval_ms) == (told.result, told.interval_ms)
    heartbeat_ms = charger().model.link.keepalive_ms
    assert reply.payload["interval"] * 1000 == (heartbeat_ms if told is ACCEPTED else told.interval_ms)


@in_each_version
@pytest.mark.parametrize(("interval", "heard_ms"), [(-5, 0), (0, 0), (5, 5_000)])
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_an_interval_below_zero_counts_as_none(version, status, interval, heard_ms):
    at_charger, _ = version.ends()
    reply = {"status": status, "currentTime": CALENDAR.text(NOW), "interval": interval}
    assert at_charger.answer(request("registration"), reply, NOW).interval_ms == heard_ms


@in_each_version
def test_an_error_is_answered_with_no_result(version):
    at_charger, at_server = version.ends()
    assert at_server.result(START_OF_1, version.told(at_charger, START_OF_1).payload, ERROR, NOW) is None


def test_a_repeated_start_has_the_id_that_it_had_and_another_start_another():
    version = VERSIONS["1.6"]
    at_charger, at_server = version.ends()
    frame = version.told(at_charger, START_OF_1)
    ids = [version.answered(at_server, START_OF_1, frame).payload["transactionId"] for _ in range(2)]
    assert ids[0] == ids[1]
    other = request("transaction-start", tx=2, wh=1_300)
    assert version.answered(at_server, other, version.told(at_charger, other)).payload["transactionId"] != ids[0]


def test_an_end_names_the_transaction_and_minus_one_where_its_start_was_never_answered():
    version = VERSIONS["1.6"]
    end = request("transaction-end", tx=1, wh=5_000)
    assert version.told(version.started()[0], end).payload["transactionId"] == 100
    assert version.told(version.ends()[0], end).payload["transactionId"] == -1


@in_each_version
def test_the_server_books_what_the_frames_say(version):
    at_charger, at_server = version.started()
    said = version.told(at_charger, request("transaction-end", tx=1, wh=4_321, at=NOW, stamp=NOW + 5_000))
    heard = request("transaction-end", tx=1, wh=5_000, start=request("transaction-start", tx=9, wh=77))
    at_server.take(heard, said.payload)
    assert (heard.wh, heard.stamp, heard.start) == (4_321, NOW + 5_000, START_OF_1)
    anew = request("transaction-start", tx=2, wh=1)
    at_server.take(anew, version.told(at_charger, request("transaction-start", tx=2, wh=44, stamp=7)).payload)
    assert (anew.wh, anew.stamp) == (44, 7)


@pytest.mark.parametrize(("closes_stay", "reason"), [(True, "EVDisconnected"), (False, "PowerLoss")])
def test_why_a_transaction_ended(closes_stay, reason):
    end = request("transaction-end", tx=1, closes_stay=closes_stay)
    old, new = (version.told(version.started()[0], end).payload for version in VERSIONS.values())
    assert (old["reason"], new["transactionInfo"]["stoppedReason"]) == (reason, reason)


@given(st.integers(-3_600_000, 3_600_000), st.integers(0, 2_000))
@in_each_version
def test_the_servers_clock_is_read_off_an_answer_half_way_between(version, offset_ms, way_ms):
    at_charger, at_server = version.ends()
    one = Request("keepalive", NOW)
    payload = at_server.result(one, {}, Answer("accepted", offset_ms), NOW + way_ms)
    assert payload is not None
    assert at_charger.answer(one, payload, NOW + 2 * way_ms).clock_offset_ms == offset_ms


@in_each_version
def test_a_reading_tells_the_register_as_it_is_now(version):
    at_charger, _ = version.started()
    at_charger.charger.wake(NOW - 1_700_000)
    (value,) = version.told(at_charger, request("meter-values")).payload["meterValue"][0]["sampledValue"]
    assert int(value["value"]) == at_charger.charger.register_wh(NOW) > at_charger.charger.register_wh(NOW - 60_000)


@given(st.integers(-(10**12), 10**12))
def test_times_survive_the_way_there_and_back(at):
    assert CALENDAR.ms(CALENDAR.text(at)) == at


# What OCPP 2.0.1 alone has: numbers of events, and states in transactions.


def numbers(calls: list[tuple[str, dict[str, Any]]]) -> list[int]:
    return [payload["seqNo"] for action, payload in calls if action == "TransactionEvent"]


def test_events_are_numbered_as_they_happened_and_a_repeated_one_keeps_its_number():
    at_charger, _ = VERSIONS["2.0.1"].ends()
    charger = at_charger.charger
    start = charger.outbox.queue[0]
    assert start.action == "transaction-start"
    queued = request("meter-values", tx=1, seq=1, wh=9, count=3)
    charger.outbox.queue.append(queued)
    routine = request("meter-values")
    assert numbers(at_charger.calls(routine, NOW)) == [2]  # what waits in the queue happened before it
    assert numbers(at_charger.calls(start, NOW)) == [0]
    assert numbers(at_charger.calls(queued, NOW)) == [1]
    assert numbers(at_charger.calls(start, NOW + 60_000)) == [0]
    assert numbers(at_charger.calls(request("transaction-end", tx=1, seq=4), NOW)) == [3]
    assert numbers(at_charger.calls(request("transaction-start", tx=2, seq=0), NOW)) == [0]


def test_what_was_discarded_leaves_a_gap():
    at_charger, _ = VERSIONS["2.0.1"].ends()
    at_charger.calls(at_charger.charger.outbox.queue[0], NOW)
    assert numbers(at_charger.calls(request("transaction-end", tx=1, seq=3), NOW)) == [3]


def test_a_change_of_state_is_told_of_connector_and_transaction_each_where_it_changed():
    at_charger, _ = VERSIONS["2.0.1"].started()
    charger = at_charger.charger

    def told(state: str) -> list[tuple[str, str]]:
        charger.last_state = state
        calls = at_charger.calls(request("status"), NOW)
        return [(action, payload.get("connectorStatus") or payload["transactionInfo"]["chargingState"]) for action, payload in calls]

    assert told("Charging") == [("StatusNotification", "Occupied"), ("TransactionEvent", "Charging")]
    assert told("SuspendedEVSE") == [("TransactionEvent", "SuspendedEVSE")]
    assert told("SuspendedEVSE") == [("StatusNotification", "Occupied")]
    charger.tx_plug_in = 0
    assert told("Available") == [("StatusNotification", "Available")]


@pytest.mark.parametrize("offline", [True, False])
def test_what_happened_offline_says_so(offline):
    at_charger, _ = VERSIONS["2.0.1"].ends()
    (call,) = at_charger.calls(request("transaction-end", tx=1, offline=offline), NOW)
    assert call[1].get("offline", False) is offline


def test_a_transaction_that_the_server_began_names_its_request_also_when_told_again():
    at_charger, _ = VERSIONS["2.0.1"].ends()
    at_charger.remote_start = RemoteStart(41, "boss", 1)
    started = request("transaction-start", tx=1, wh=1_200, tag="boss")
    first, again = (at_charger.calls(started, NOW)[0][1] for _ in range(2))
    assert first["triggerReason"] == again["triggerReason"] == "RemoteStart"
    assert first["transactionInfo"]["remoteStartId"] == again["transactionInfo"]["remoteStartId"] == 41
    (ended,) = at_charger.calls(request("transaction-end", tx=1, reason="Remote"), NOW)
    assert (ended[1]["triggerReason"], ended[1]["transactionInfo"]["stoppedReason"]) == ("RemoteStop", "Remote")
    (next_,) = at_charger.calls(request("transaction-start", tx=2, tag="boss"), NOW)
    assert "remoteStartId" not in next_[1]["transactionInfo"]


@pytest.mark.parametrize(("answer", "tag", "plug_in"), [("Invalid", "boss", 1), ("", "driver", 1), ("", "boss", 2)])
def test_a_transaction_that_the_server_asked_for_in_vain_lends_its_name_to_no_other(answer, tag, plug_in):
    """Its tag was refused, or its answer never came and another driver's transaction, or another car's, is the next."""
    at_charger, _ = VERSIONS["2.0.1"].ends()
    at_charger.remote_start = RemoteStart(41, "boss", 1)
    if answer:
        at_charger.answer(request("authorise", tag="boss"), {"idTokenInfo": {"status": answer}}, NOW)
    (call,) = at_charger.calls(request("transaction-start", tx=1, tag=tag, plug_in=plug_in), NOW)
    assert call[1]["triggerReason"] == "Authorized"
    assert "remoteStartId" not in call[1]["transactionInfo"]


# Commands.


@given(st.integers(1, 10**9))
@in_each_version
def test_a_hold_lasts_as_long_as_meant_in_whole_seconds(version, duration_ms):
    order = version.delivered(Command("hold", NOW, plug_in=1, duration_ms=duration_ms))
    assert order is not None
    assert (order.name, order.plug_in) == ("hold", 1)
    assert duration_ms <= order.duration_ms < duration_ms + 1000


@given(st.integers(0, 80_000).map(lambda tenths: tenths * 100))
@pytest.mark.parametrize("name", ["amperage", "share"])
@in_each_version
def test_a_limit_arrives_as_it_was_meant(version, name, ma):
    order = version.delivered(Command(name, NOW, ma=ma))
    assert order is not None
    assert (order.name, order.ma) == (name, ma)


@given(st.lists(st.integers(-86_400, 864_000), min_size=2, max_size=20, unique=True).filter(lambda edges: len(edges) % 2 == 0))
@in_each_version
def test_a_schedule_arrives_window_by_window(version, edges):
    order = Command("schedule", NOW)
    ordered = sorted(edge * 1000 for edge in edges)
    order.windows = list(zip(ordered[::2], ordered[1::2], strict=True))
    arrived = version.delivered(order)
    assert arrived is not None
    assert (arrived.name, arrived.on, arrived.windows) == ("schedule", True, order.windows)


@pytest.mark.parametrize("overrides_schedule", [False, True])
@pytest.mark.parametrize(("name", "on"), [("release", True), ("pause", True), ("schedule", False)])
@in_each_version
def test_other_commands_arrive_as_what_they_are(version, name, on, overrides_schedule):
    arrived = version.delivered(Command(name, NOW, plug_in=1, on=on), overrides_schedule=overrides_schedule)
    assert arrived is not None
    assert (arrived.name, arrived.on) == (name, on)
    if name != "schedule":
        assert arrived.plug_in == 1


def profile_in(call: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """The charging profile of a CALL, in either version."""
    _, payload = call
    return payload.get("csChargingProfiles") or payload["chargingProfile"]


def asked_for(version: Version, *names: CommandName, overrides_schedule: bool) -> list[tuple[str, dict[str, Any]]]:
    """What the server says when a driver asks for one thing after the other."""
    _, at_server = version.started()
    made = [at_server.command(Command(name, NOW, plug_in=1), overrides_schedule=overrides_schedule) for name in names]
    assert all(made)
    return made  # type: ignore[return-value]


@pytest.mark.parametrize("first", ["pause", "release"])
@in_each_version
def test_a_pause_and_an_override_take_each_others_place_where_a_schedule_is_stored(version, first):
    """A charger that keeps both would go by the one on the higher level, whichever was said last."""
    then = "release" if first == "pause" else "pause"
    one, other = (profile_in(call) for call in asked_for(version, first, then, overrides_schedule=True))
    key = "id" if "id" in one else "chargingProfileId"
    assert (one[key], one["stackLevel"]) == (other[key], other["stackLevel"])
    assert one["stackLevel"] > 0  # above the schedule's


@in_each_version
def test_where_no_schedule_is_stored_a_release_clears_the_pause(version):
    pause, release = asked_for(version, "pause", "release", overrides_schedule=False)
    assert profile_in(pause)["stackLevel"] == 0
    assert release[0] == "ClearChargingProfile"


@pytest.mark.parametrize("overrides_schedule", [False, True])
@pytest.mark.parametrize("names", [("pause", "release"), ("release", "pause"), ("pause", "release", "pause")])
@in_each_version
def test_the_charger_obeys_what_the_driver_asked_for_last(version, names, overrides_schedule):
    at_charger, _ = version.started()
    heard = [at_charger.command(*call, NOW) for call in asked_for(version, *names, overrides_schedule=overrides_schedule)]
    assert [order and order.name for order in heard] == list(names)


@pytest.mark.parametrize(
    ("levels", "cleared", "obeyed"),
    [((1, 0), False, "release"), ((1, 1), False, "pause"), ((0, 1), False, "pause"), ((1, 0), True, "pause")],
)
@in_each_version
def test_of_two_profiles_of_a_transaction_a_charger_goes_by_the_one_on_the_higher_level(version, levels, cleared, obeyed):
    """As another's server may send them: first one that lets the car charge, then one of 0 A."""
    at_charger, at_server = version.started()
    release, pause = asked_for(version, "release", "pause", overrides_schedule=True)
    for call, level in zip((release, pause), levels, strict=True):
        profile_in(call)["stackLevel"] = level
    at_charger.command(*release, NOW)
    if cleared:
        at_charger.command(*at_server.clear("TxProfile"), NOW)
    order = at_charger.command(*pause, NOW)
    assert order is not None
    assert (order.name, order.plug_in) == (obeyed, 1)


@in_each_version
def test_a_hold_with_an_end_outranks_nothing_that_comes_later(version):
    """When it is over the charger has forgotten its level, too."""
    at_charger, at_server = version.started()
    held = at_server.command(Command("hold", NOW, plug_in=1, duration_ms=1000), overrides_schedule=True)
    (pause,) = asked_for(version, "pause", overrides_schedule=False)
    assert held is not None
    assert [at_charger.command(*call, NOW).name for call in (held, pause)] == ["hold", "pause"]  # type: ignore[union-attr]


@in_each_version
def test_a_hold_waits_until_the_transaction_of_its_plug_in_has_an_id(version):
    _, at_server = version.ends()
    assert at_server.command(Command("hold", NOW, plug_in=1, duration_ms=1000), overrides_schedule=False) is None


@in_each_version
def test_a_hold_for_a_transaction_that_the_charger_does_not_know_names_no_plug_in_of_its(version):
    _, at_server = version.started()
    made = at_server.command(Command("hold", NOW, plug_in=1, duration_ms=1000), overrides_schedule=False)
    assert made is not None
    stranger = version.ends()[0].command(*made, NOW)
    assert stranger is not None
    assert stranger.plug_in == -1


@in_each_version
def test_a_command_without_a_meaning_here_is_none(version):
    assert version.ends()[0].command("UnlockConnector", {"connectorId": 1}, NOW) is None


@pytest.mark.parametrize(
    ("version", "asked", "in_service"),
    [
        (VERSIONS["1.6"], {"connectorId": 0, "type": "Inoperative"}, False),
        (VERSIONS["1.6"], {"connectorId": 1, "type": "Operative"}, True),
        (VERSIONS["1.6"], {"connectorId": 2, "type": "Operative"}, None),
        (VERSIONS["2.0.1"], {"operationalStatus": "Inoperative"}, False),
        (VERSIONS["2.0.1"], {"operationalStatus": "Inoperative", "evse": {"id": 1}}, False),
        (VERSIONS["2.0.1"], {"operationalStatus": "Operative", "evse": {"id": 1, "connectorId": 1}}, True),
        (VERSIONS["2.0.1"], {"operationalStatus": "Inoperative", "evse": {"id": 2}}, None),
    ],
)
def test_availability_is_of_the_charger_or_of_its_only_connector(version, asked, in_service):
    served = version.ends()[0].serve("ChangeAvailability", asked)
    assert (served.in_service, served.payload["status"]) == (in_service, "Rejected" if in_service is None else "Accepted")


# Frames.


@pytest.mark.parametrize("text", ["", "{", "[]", "[2]", '[2,"1","Heartbeat"]', '[9,"1",{}]', "null", "[3,1,{}]", '[4,"1","x"]', "[" * 400])
def test_what_is_no_frame_is_said_to_be_none(text):
    with pytest.raises(FrameError):
        frames.read(text)


@pytest.mark.parametrize(
    ("name", "payload", "says"),
    [
        ("StartTransaction", {"connectorId": 1}, "idTag"),
        ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Sleeping"}, "status"),
        ("HeartbeatResponse", {"currentTime": "noon"}, "currentTime.*date-time"),
        ("HeartbeatResponse", {"currentTime": "2026-03-12T14:50:00Z", "more": 1}, "more"),
        ("Levitate", {}, "no action 'Levitate'"),
        ("../../etc/passwd", {}, "no action"),
    ],
)
def test_a_payload_that_breaks_its_schema_is_told_with_where(name, payload, says):
    action = name.removesuffix("Response")
    check = OCPP16.check_call if action == name else OCPP16.check_result
    with pytest.raises(FrameError, match=says):
        check(action, payload)


def test_each_version_has_its_own_schemas():
    OCPP16.check_call("StartTransaction", {"connectorId": 1, "idTag": "a", "meterStart": 0, "timestamp": CALENDAR.text(0)})
    with pytest.raises(FrameError, match=r"2\.0\.1 has no action 'StartTransaction'"):
        OCPP201.check_call("StartTransaction", {})


def test_frames_read_as_they_were_written():
    assert frames.read(OCPP16.call("1", "Heartbeat", {})) == (2, "1", "Heartbeat", {}, "")
    assert frames.read(frames.error("2", "InternalError", "no")) == (4, "2", "", {}, "InternalError")
