"""OCPP 1.6 frames: valid by the official schemas, and meaning at one end what was meant at the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness
from harness.journal.records import Record
from harness.stage.build import Windows, build
from harness.stage.live import frames
from harness.stage.live.frames import FrameError
from harness.stage.live.ocpp16 import Calendar, ChargerEnd, ServerEnd
from harness.stage.plan import Cast
from harness.world.charger import Charger
from harness.world.messages import ACCEPTED, ERROR, REJECTED, Command, Request

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


def ends() -> tuple[ChargerEnd, ServerEnd]:
    numbers = iter(range(100, 200))
    return ChargerEnd(charger(), CALENDAR), ServerEnd(CALENDAR, 40_000, lambda: next(numbers))


def request(action: str, **values: object) -> Request:
    made = Request(action, NOW, 1)  # type: ignore[arg-type]
    for name, value in values.items():
        setattr(made, name, value)
    return made


START_OF_1 = request("transaction-start", tx=1, wh=1_200)


def started() -> tuple[ChargerEnd, ServerEnd]:
    """Both ends after the first transaction's start was answered."""
    at_charger, at_server = ends()
    _, payload = at_charger.call(START_OF_1, NOW)
    answer = at_server.result(START_OF_1, payload, ACCEPTED, NOW)
    assert answer is not None
    at_charger.answer(START_OF_1, answer, NOW)
    return at_charger, at_server


def delivered(order: Command, *, overrides_schedule: bool = False) -> Command | None:
    """A command as it comes in at the charger, over the wire."""
    at_charger, at_server = started()
    made = at_server.command(order, overrides_schedule=overrides_schedule)
    assert made is not None
    frame = frames.read(frames.call("1", *made))
    frames.check(frame.action, frame.payload)
    frames.result("1", frame.action, ChargerEnd.reply(frame.action, accepted=True))
    frames.result("1", frame.action, ChargerEnd.reply(frame.action, accepted=False))
    return at_charger.command(frame.action, frame.payload, NOW)


# Requests and their answers.

REQUESTS = [
    request("registration"), request("keepalive"), request("status"), request("authorise", tag="anna"), START_OF_1,
    request("transaction-end", tx=1, wh=5_000, closes_stay=True), request("meter-values", tx=1, wh=3_000), request("meter-values"),
]  # fmt: skip


@pytest.mark.parametrize("one", REQUESTS, ids=lambda one: one.action)
@pytest.mark.parametrize("answer", [ACCEPTED, REJECTED])
def test_requests_and_answers_are_valid_and_say_what_they_mean(one, answer):
    at_charger, at_server = started()
    frame = frames.read(frames.call("7", *at_charger.call(one, NOW)))
    payload = at_server.result(one, frame.payload, answer, NOW)
    assert payload is not None
    reply = frames.read(frames.result("7", frame.action, payload))
    can_be_rejected = one.action in ("registration", "authorise", "transaction-start")
    expected = answer.result if can_be_rejected else "accepted"
    assert at_charger.answer(one, reply.payload, NOW).result == expected


def test_an_error_is_answered_with_no_result():
    at_charger, at_server = ends()
    assert at_server.result(START_OF_1, at_charger.call(START_OF_1, NOW)[1], ERROR, NOW) is None


def test_a_repeated_start_has_the_id_that_it_had_and_another_start_another():
    at_charger, at_server = ends()
    _, payload = at_charger.call(START_OF_1, NOW)
    ids = [(at_server.result(START_OF_1, payload, ACCEPTED, NOW) or {})["transactionId"] for _ in range(2)]
    assert ids[0] == ids[1]
    other = request("transaction-start", tx=2, wh=1_300)
    assert (at_server.result(other, at_charger.call(other, NOW)[1], ACCEPTED, NOW) or {})["transactionId"] != ids[0]


def test_an_end_names_the_transaction_and_minus_one_where_its_start_was_never_answered():
    end = request("transaction-end", tx=1, wh=5_000)
    assert started()[0].call(end, NOW)[1]["transactionId"] == 100
    assert ends()[0].call(end, NOW)[1]["transactionId"] == -1


def test_the_server_books_what_the_frames_say():
    _, at_server = started()
    heard = request("transaction-end", tx=1, wh=5_000, start=request("transaction-start", tx=9, wh=77))
    said = {"transactionId": 100, "meterStop": 4_321, "timestamp": CALENDAR.text(NOW + 5_000), "reason": "Local"}
    at_server.take(heard, said)
    assert (heard.wh, heard.stamp, heard.start) == (4_321, NOW + 5_000, START_OF_1)
    anew = request("transaction-start", tx=2, wh=1)
    at_server.take(anew, {"connectorId": 1, "idTag": "x", "meterStart": 44, "timestamp": CALENDAR.text(7)})
    assert (anew.wh, anew.stamp) == (44, 7)


@pytest.mark.parametrize(("closes_stay", "reason"), [(True, "EVDisconnected"), (False, "PowerLoss")])
def test_why_a_transaction_ended(closes_stay, reason):
    end = request("transaction-end", tx=1, closes_stay=closes_stay)
    assert started()[0].call(end, NOW)[1]["reason"] == reason


@given(st.integers(-3_600_000, 3_600_000), st.integers(0, 2_000))
def test_the_servers_clock_is_read_off_an_answer_half_way_between(offset_ms, way_ms):
    at_charger, at_server = ends()
    one = Request("keepalive", NOW)
    answer = type(ACCEPTED)("accepted", offset_ms)
    payload = at_server.result(one, {}, answer, NOW + way_ms)
    assert payload is not None
    assert at_charger.answer(one, payload, NOW + 2 * way_ms).clock_offset_ms == offset_ms


def test_a_reading_tells_the_register_as_it_is_now():
    at_charger, _ = started()
    at_charger.charger.wake(NOW - 1_700_000)
    _, payload = at_charger.call(request("meter-values"), NOW)
    (value,) = payload["meterValue"][0]["sampledValue"]
    assert int(value["value"]) == at_charger.charger.register_wh(NOW) > at_charger.charger.register_wh(NOW - 60_000)


@given(st.integers(-(10**12), 10**12))
def test_times_survive_the_way_there_and_back(at):
    assert CALENDAR.ms(CALENDAR.text(at)) == at


# Commands.


@given(st.integers(1, 10**9))
def test_a_hold_lasts_as_long_as_meant_in_whole_seconds(duration_ms):
    order = delivered(Command("hold", NOW, plug_in=1, duration_ms=duration_ms))
    assert order is not None
    assert (order.name, order.plug_in) == ("hold", 1)
    assert duration_ms <= order.duration_ms < duration_ms + 1000


@given(st.integers(0, 80_000).map(lambda tenths: tenths * 100))
@pytest.mark.parametrize("name", ["amperage", "share"])
def test_a_limit_arrives_as_it_was_meant(name, ma):
    order = delivered(Command(name, NOW, ma=ma))
    assert order is not None
    assert (order.name, order.ma) == (name, ma)


@given(st.lists(st.integers(-86_400, 864_000), min_size=2, max_size=20, unique=True).filter(lambda edges: len(edges) % 2 == 0))
def test_a_schedule_arrives_window_by_window(edges):
    order = Command("schedule", NOW)
    ordered = sorted(edge * 1000 for edge in edges)
    order.windows = list(zip(ordered[::2], ordered[1::2], strict=True))
    arrived = delivered(order)
    assert arrived is not None
    assert (arrived.name, arrived.on, arrived.windows) == ("schedule", True, order.windows)


@pytest.mark.parametrize("overrides_schedule", [False, True])
@pytest.mark.parametrize(("name", "on"), [("release", True), ("pause", True), ("schedule", False)])
def test_other_commands_arrive_as_what_they_are(name, on, overrides_schedule):
    arrived = delivered(Command(name, NOW, plug_in=1, on=on), overrides_schedule=overrides_schedule)
    assert arrived is not None
    assert (arrived.name, arrived.on) == (name, on)
    if name != "schedule":
        assert arrived.plug_in == 1


def test_a_hold_waits_until_the_transaction_of_its_plug_in_has_an_id():
    _, at_server = ends()
    assert at_server.command(Command("hold", NOW, plug_in=1, duration_ms=1000), overrides_schedule=False) is None


def test_a_hold_for_a_transaction_that_the_charger_does_not_know_names_no_plug_in_of_its():
    _, at_server = started()
    made = at_server.command(Command("hold", NOW, plug_in=1, duration_ms=1000), overrides_schedule=False)
    assert made is not None
    stranger = ends()[0].command(*made, NOW)
    assert stranger is not None
    assert stranger.plug_in == -1


def test_a_command_without_a_meaning_here_is_none():
    assert ends()[0].command("UnlockConnector", {"connectorId": 1}, NOW) is None


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
    with pytest.raises(FrameError, match=says):
        frames.check(name, payload)


def test_frames_read_as_they_were_written():
    assert frames.read(frames.call("1", "Heartbeat", {})) == (2, "1", "Heartbeat", {}, "")
    assert frames.read(frames.error("2", "InternalError", "no")) == (4, "2", "", {}, "InternalError")
