"""Logs of frames: written and read they are the same, secrets apart; what cannot be read is said with its place."""

import gzip
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import Log

from harness.stage.seen.trace import HIDDEN, TraceError, TraceWriter, read_trace, redacted

AT = "2026-03-12T10:00:00.000Z"
AT_MS = 1_773_309_600_000

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
payloads = st.dictionaries(names, values, max_size=4)
frames = st.one_of(
    st.tuples(st.just(2), names, names, payloads),
    st.tuples(st.just(3), names, payloads),
    st.tuples(st.just(4), names, names, names, payloads),
)
seen = st.tuples(st.integers(0, 4_000_000_000), names, st.sampled_from(["1.6", "2.0.1"]), st.booleans(), frames)


def iso(ms):
    return f"2026-03-12T{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}Z"


@settings(max_examples=60)
@given(st.lists(seen, min_size=1, max_size=12))
def test_what_is_written_is_read_back_in_the_order_of_time(tmp_path_factory, told):
    path = tmp_path_factory.mktemp("trace") / "log.jsonl"
    told = [(ms % 86_400_000, *rest) for ms, *rest in told]
    with TraceWriter(path) as writer:
        for ms, charger, version, up, frame in told:
            writer.write(iso(ms), charger, version, "cp-to-csms" if up else "csms-to-cp", json.dumps(frame))
    assert writer.unreadable == 0
    found = read_trace(path)
    midnight = AT_MS - 10 * 3_600_000
    for read, (ms, charger, version, up, frame) in zip(found, sorted(told, key=lambda each: each[0]), strict=True):
        assert (read.at - midnight, read.charger, read.version, read.up) == (ms, charger, version, up)
        assert (read.kind, read.id) == ({2: "CALL", 3: "CALLRESULT", 4: "CALLERROR"}[frame[0]], frame[1])
        if frame[0] == 4:
            assert read.error == redacted(frame[2])
        else:
            assert read.payload == redacted(frame[-1])
        if frame[0] == 2:
            assert read.action == frame[2]


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_record_says_what_the_frame_says(tmp_path):
    log = Log().at("10:00").status("Available").at("10:01").up("Heartbeat").refuse()
    call, answer, _, error = records(log.write(tmp_path / "log.jsonl"))
    assert call["schemaVersion"] == "1.1"
    assert (call["timestamp"], call["direction"], call["messageType"], call["transport"]) == (AT, "cp-to-csms", "CALL", "json")
    assert (call["ocppVersion"], call["chargePointId"], call["connectorId"], call["messageId"]) == ("1.6", "CP1", 1, "1")
    assert json.loads(call["raw"])[3] == call["payload"]
    assert (answer["action"], answer["messageType"], answer["payload"]) == ("StatusNotification", "CALLRESULT", {})
    assert (error["action"], error["messageType"]) == ("Heartbeat", "CALLERROR")
    assert error["error"] == {"code": "InternalError", "description": "no", "details": {}}


def test_an_answer_is_to_the_call_of_its_own_charger_and_direction(tmp_path):
    path = tmp_path / "log.jsonl"
    with TraceWriter(path) as writer:
        for charger, direction, action in (
            ("A", "cp-to-csms", "Heartbeat"),
            ("B", "cp-to-csms", "Authorize"),
            ("A", "csms-to-cp", "Reset"),
        ):
            writer.write(AT, charger, "1.6", direction, json.dumps([2, "1", action, {}]))
        for charger, direction in (("A", "cp-to-csms"), ("B", "csms-to-cp"), ("A", "csms-to-cp")):
            writer.write(AT, charger, "1.6", direction, '[3,"1",{}]')
    assert [record["action"] for record in records(path)][3:] == ["Reset", "Authorize", "Heartbeat"]


SECRETS = [
    ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "s3cret-s3cret"}),
    ("SetVariables", {"setVariableData": [
        {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}, "attributeValue": "s3cret-s3cret"},
    ]}),
    ("NotifyReport", {"reportData": [{"variable": {"name": "BasicAuthPassword"}, "variableAttribute": [{"value": "s3cret-s3cret"}]}]}),
    ("SetNetworkProfile", {"connectionData": {"basicAuthPassword": "s3cret-s3cret", "vpn": {"key": "s3cret-s3cret", "user": "u"}}}),
    ("UpdateFirmware", {"location": "ftp://user:s3cret-s3cret@files.example/new.bin"}),
]  # fmt: skip


@pytest.mark.parametrize(("action", "payload"), SECRETS, ids=[action for action, _ in SECRETS])
def test_passwords_are_never_written(tmp_path, action, payload):
    path = tmp_path / "log.jsonl"
    with TraceWriter(path) as writer:
        writer.write(AT, "CP1", "1.6", "csms-to-cp", json.dumps([2, "1", action, payload]))
        writer.write(AT, "CP1", "1.6", "csms-to-cp", json.dumps([2, "1", action, payload])[:-3])
    written = path.read_text() + writer.unreadable_path.read_text()
    assert "s3cret" not in written
    assert HIDDEN in records(path)[0]["raw"]
    assert json.loads(records(path)[0]["raw"])[3] == records(path)[0]["payload"]


def test_tags_and_all_else_are_kept_to_the_letter(tmp_path):
    raw = '[2, "1",  "Authorize", {"idTag": "anna"}]'
    path = tmp_path / "log.jsonl"
    with TraceWriter(path) as writer:
        writer.write(AT, "CP1", "1.6", "cp-to-csms", raw)
    assert records(path)[0]["raw"] == raw


@pytest.mark.parametrize("text", ["", "hello", "[]", '{"a": 1}', '[5, "1", {}]', '[2, 1, "Heartbeat", {}]', '[3, "1", []]', "\ud800"])
def test_what_is_no_frame_goes_beside_the_log(tmp_path, text):
    path = tmp_path / "log.jsonl"
    with TraceWriter(path) as writer:
        writer.write(AT, "CP1", "1.6", "cp-to-csms", text)
    assert (writer.written, writer.unreadable) == (0, 1)
    assert writer.unreadable_path.read_text().startswith(f'{AT} "CP1" cp-to-csms "')


def test_a_packed_log_is_read_as_it_is(tmp_path):
    plain = Log().at("10:00").boot().beat().write(tmp_path / "log.jsonl")
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_trace(packed) == read_trace(plain)


def test_greetings_are_left_out_unless_there_is_nothing_else(tmp_path):
    path = tmp_path / "log.jsonl"
    with TraceWriter(path) as writer:
        writer.write(AT, "CP1", "1.6", "cp-to-csms", '[2,"1","BootNotification",{}]', greeting=True)
    assert [(frame.action, frame.greeting) for frame in read_trace(path)] == [("BootNotification", True)]
    with TraceWriter(path) as writer:
        writer.write(AT, "CP1", "1.6", "cp-to-csms", '[2,"2","Heartbeat",{}]')
    assert [(frame.action, frame.greeting) for frame in read_trace(path)] == [("Heartbeat", False)]


def test_frames_out_of_order_are_put_in_order_and_those_of_one_time_stay(tmp_path):
    path = tmp_path / "log.jsonl"
    lines = Log().at("10:00").up("First").up("Second").at("09:00").up("Before").write(path).read_text().splitlines()
    path.write_text("\n".join([lines[1], lines[2], lines[0]]) + "\n")
    assert [frame.action for frame in read_trace(path)] == ["Before", "First", "Second"]


def test_a_line_of_ten_megabytes(tmp_path):
    path = Log().at("10:00").up("DataTransfer", {"vendorId": "x", "data": "x" * 10_000_000}).write(tmp_path / "log.jsonl")
    assert len(read_trace(path)[0].payload["data"]) == 10_000_000


RECORD = {
    "schemaVersion": "1.1",
    "timestamp": AT,
    "transport": "json",
    "direction": "cp-to-csms",
    "messageType": "CALL",
    "action": "Heartbeat",
}


def line(**changes):
    record = {key: value for key, value in {**RECORD, **changes}.items() if value is not ...}
    return json.dumps(record)


def test_only_what_is_required_is_needed_and_the_unknown_is_ignored(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(f"\ufeff\n{line(meta={'x': 1}, colour='red')}\n\n", encoding="utf-8")
    (frame,) = read_trace(path)
    assert (frame.at, frame.charger, frame.version, frame.action, frame.payload) == (AT_MS, "charger", "1.6", "Heartbeat", {})


def test_a_payload_that_stands_in_the_raw_frame_only(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(line(action=..., raw='[2,"7","Authorize",{"idTag":"anna"}]') + "\n")
    (frame,) = read_trace(path)
    assert (frame.id, frame.action, frame.payload) == ("7", "Authorize", {"idTag": "anna"})


WRONG = [
    ("[1]", 1, "found a list, expected an object"),
    ('{"schemaVersion": }', 19, "expected JSON"),
    (line(schemaVersion="2.0"), 2, "found '2.0', expected `schemaVersion` \"1.1\""),
    (line(schemaVersion=...), 1, "found no `schemaVersion`"),
    (line(timestamp="yesterday"), 26, "found 'yesterday', expected `timestamp`, ISO 8601"),
    (line(timestamp=5), 26, "found 5, expected `timestamp`, a text"),
    (line(direction="up"), 88, "found 'up', expected `direction` cp-to-csms or csms-to-cp"),
    (line(messageType="PING"), 115, "expected `messageType` CALL or CALLRESULT or CALLERROR"),
    (line(action=...), 1, "found a CALL without `action`"),
    (line(messageType="CALLERROR"), 1, "found no `error`"),
    (line(payload=[1]), 161, "found a list, expected `payload`, an object"),
    (line(ocppVersion="2.1"), 161, "found '2.1', expected `ocppVersion` 1.6 or 2.0.1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "column", "says"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_a_wrong_line_is_told_with_its_place(tmp_path, text, column, says):
    path = tmp_path / "log.jsonl"
    path.write_text(f"{line()}\n{text}\n{line()}\n")
    with pytest.raises(TraceError) as told:
        read_trace(path)
    assert str(told.value).startswith(f"{path}:2:{column}: ")
    assert says in str(told.value)


@pytest.mark.parametrize("content", [b"", b"\n\n", line().encode()[:30]])
def test_a_log_without_frames_is_none(tmp_path, content):
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    with pytest.raises(TraceError, match="found no frame, expected a log"):
        read_trace(path)


@given(st.data())
@settings(max_examples=40)
def test_a_log_that_is_cut_off_anywhere_is_read_up_to_there(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    whole = Log().at("10:00").boot().beat().beat().write(folder / "log.jsonl").read_bytes()
    first = whole.index(b"\n") + 1
    cut = data.draw(st.integers(first, len(whole)))
    path = folder / "cut.jsonl"
    path.write_bytes(whole[:cut])
    warnings = []
    found = read_trace(path, warn=warnings.append)
    lines = whole[:cut].split(b"\n")
    assert len(found) in (len(lines) - 1, len(lines))
    assert bool(warnings) == (len(found) == len(lines) - 1 and lines[-1] != b"")
    assert all("the last line is cut off" in warning for warning in warnings)


def test_a_packed_log_that_is_cut_off_is_read_up_to_there(tmp_path):
    path = tmp_path / "log.gz"
    lines = b"".join(msgspec.json.encode({**RECORD, "messageId": str(number)}) + b"\n" for number in range(5000))
    path.write_bytes(gzip.compress(lines)[:-2000])
    warnings = []
    assert 0 < len(read_trace(path, warn=warnings.append)) < 5000
    assert "ends early" in warnings[0]


def test_damaged_gzip_is_said(tmp_path):
    path = tmp_path / "log.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00" + b"\xff" * 50)
    with pytest.raises(TraceError, match="damaged gzip data"):
        read_trace(path)


def test_what_is_left_out_is_said(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join([line(transport="soap"), line(timestamp=AT[:-1]), line()]) + "\n")
    warnings = []
    assert [frame.at for frame in read_trace(path, warn=warnings.append)] == [AT_MS, AT_MS]
    assert "1 frame of OCPP over SOAP, left out" in warnings[0]
    assert "1 timestamp without a zone, taken for UTC" in warnings[1]
