"""A charger that is not ours, watched call by call: what it means in the world, and that nothing it says stops the watching."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness.journal import records as r
from harness.report import markdown
from harness.stage.seen.observer import Observer
from harness.stage.seen.trace import TraceWriter

START = datetime(2026, 3, 12, 10, tzinfo=UTC)
SCENARIO = harness.load("answer-lost")
MINUTE = 60_000
HOUR = 60 * MINUTE


def since(text):
    try:
        return round((datetime.fromisoformat(text) - START).total_seconds() * 1000)
    except (TypeError, ValueError):
        return None


def iso(ms):
    return datetime.fromtimestamp(START.timestamp() + ms / 1000, UTC).isoformat().replace("+00:00", "Z")


@pytest.fixture
def watched():
    """An observer, and the records that it emits at the end."""
    records = []
    made = Observer(
        3, "CP1", SCENARIO.models["ocpp16-strict"], lambda place, record: records.append((place, record)), since=since, end_ms=10 * HOUR,
        supply=SCENARIO.supply,
    )  # fmt: skip
    return made, records


def exchange(observer, now, action, payload, answer=None):
    request = observer.call(now, action, payload)
    observer.answered(now + 50, action, answer or {})
    return request


def start(at, wh):
    return {"connectorId": 1, "idTag": "anna", "meterStart": wh, "timestamp": iso(at)}


def stop(id_, at, wh, reason="EVDisconnected"):
    return {"transactionId": id_, "meterStop": wh, "timestamp": iso(at), "reason": reason}


ACCEPTED = {"idTagInfo": {"status": "Accepted"}}


def test_calls_mean_requests_of_the_world(watched):
    observer, _ = watched
    boot = {"chargePointVendor": "Acme", "chargePointModel": "Box", "firmwareVersion": "1.2"}
    assert exchange(observer, 0, "BootNotification", boot, {"status": "Accepted"}).action == "registration"
    assert (observer.vendor, observer.model, observer.firmware) == ("Acme", "Box", "1.2")
    assert exchange(observer, 1000, "Heartbeat", {}).action == "keepalive"
    plugged = exchange(observer, 2000, "StatusNotification", {"connectorId": 1, "status": "Preparing", "timestamp": iso(2000)})
    assert (plugged.action, plugged.plug_in, observer.plug_in) == ("status", 1, 1)
    assert exchange(observer, 3000, "Authorize", {"idTag": "anna"}, ACCEPTED).tag == "anna"
    begun = exchange(observer, 4000, "StartTransaction", start(4000, 500), {"transactionId": 9, **ACCEPTED})
    assert (begun.action, begun.tx, begun.plug_in, begun.wh, begun.stamp) == ("transaction-start", 1, 1, 500, 4000)
    value = {"timestamp": iso(5000), "sampledValue": [{"value": "0.6", "unit": "kWh"}, {"value": "9.5", "measurand": "Current.Import"}]}
    read = exchange(observer, 5000, "MeterValues", {"connectorId": 1, "transactionId": 9, "meterValue": [value]})
    assert (read.action, read.tx, read.wh) == ("meter-values", 1, 600)
    ended = exchange(observer, 6000, "StopTransaction", stop(9, 6000, 700))
    assert (ended.action, ended.tx, ended.wh, ended.closes_stay, ended.start) == ("transaction-end", 1, 700, True, begun)
    assert observer.plug_in == 0
    assert observer.call(7000, "FirmwareStatusNotification", {"status": "Idle"}) is None


def test_the_next_car_has_the_next_number(watched):
    observer, records = watched
    for number, at in enumerate((0, HOUR), start=1):
        exchange(observer, at, "StartTransaction", start(at, 0), {"transactionId": number, **ACCEPTED})
        request = exchange(observer, at + MINUTE, "StopTransaction", stop(number, at + MINUTE, 100))
        assert (request.tx, request.plug_in) == (number, number)
    observer.finish(3 * HOUR)
    assert [(place, record.plug_in) for place, record in records if isinstance(record, r.PlugIn)] == [(3, 1), (3, 2)]


def test_a_repetition_is_the_same_transaction(watched):
    observer, records = watched
    first = observer.call(0, "StartTransaction", start(0, 0))
    again = exchange(observer, 2 * MINUTE, "StartTransaction", start(0, 0), {"transactionId": 1, **ACCEPTED})
    assert (first.tx, again.tx, first.number, again.number) == (1, 1, 1, 2)
    observer.finish(HOUR)
    failed = next(record for _, record in records if isinstance(record, r.Failed))
    assert (failed.action, failed.number, failed.why, failed.t) == ("transaction-start", 1, "timeout", 30_000)


def test_connections_that_are_seen_are_outages(watched):
    observer, records = watched
    exchange(observer, 0, "Heartbeat", {})
    observer.disconnected(MINUTE, "server.crash")
    observer.connected(10 * MINUTE)
    exchange(observer, 10 * MINUTE + 1000, "Heartbeat", {})
    observer.finish(HOUR)
    told = [record for _, record in records if isinstance(record, r.Loss | r.Recovery | r.Link | r.Return)]
    assert [(type(record).__name__, record.t) for record in told] == [
        ("Loss", MINUTE), ("Link", MINUTE + 150_000), ("Return", 10 * MINUTE), ("Link", 10 * MINUTE), ("Recovery", 10 * MINUTE + 1050),
    ]  # fmt: skip
    assert told[0].cause == "server.crash"


def test_a_call_that_was_under_way_when_the_connection_went_has_failed(watched):
    observer, records = watched
    exchange(observer, 0, "Heartbeat", {})
    observer.call(MINUTE, "StartTransaction", start(MINUTE, 0))
    observer.disconnected(MINUTE + 10)
    observer.finish(HOUR)
    assert [(record.t, record.why) for _, record in records if isinstance(record, r.Failed)] == [(MINUTE + 10, "link-lost")]


def test_loss_of_mains_is_known_where_a_transaction_was_ended_for_it(watched):
    """TC_032: the charger tells of it after it is back."""
    observer, records = watched
    exchange(observer, 0, "BootNotification", {}, {"status": "Accepted"})
    exchange(observer, MINUTE, "StartTransaction", start(MINUTE, 0), {"transactionId": 1, **ACCEPTED})
    exchange(observer, 30 * MINUTE, "BootNotification", {}, {"status": "Accepted"})
    exchange(observer, 31 * MINUTE, "StopTransaction", stop(1, 10 * MINUTE, 900, "PowerLoss"))
    observer.finish(HOUR)
    told = [(record.t, record.state, record.cause) for _, record in records if isinstance(record, r.Power)][2:]
    assert told == [(10 * MINUTE, "off", "mains"), (30 * MINUTE, "booting", "mains"), (30 * MINUTE, "on", "mains")]


def test_records_stand_in_the_order_of_their_times(watched):
    observer, records = watched
    exchange(observer, 0, "Heartbeat", {})
    exchange(observer, HOUR, "StartTransaction", start(10 * MINUTE, 0), {"transactionId": 1, **ACCEPTED})
    exchange(observer, HOUR + 1000, "StopTransaction", stop(1, 20 * MINUTE, 100))
    observer.finish(2 * HOUR)
    times = [record.t for _, record in records]
    assert times == sorted(times)
    assert {type(record) for _, record in records[:4]} >= {r.Loss, r.PlugIn, r.Transaction}


words = st.text(max_size=4) | st.sampled_from([iso(5 * MINUTE), "nan", "1e999"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
ACTIONS = [
    "BootNotification", "Heartbeat", "Authorize", "StatusNotification", "StartTransaction", "StopTransaction", "MeterValues",
    "TransactionEvent", "SetChargingProfile", "ClearChargingProfile", "ChangeConfiguration", "Nonsense",
]  # fmt: skip


def some(**fields):
    """An object with some of these fields, or anything else."""
    return st.fixed_dictionaries({}, optional=fields) | anything


def several(each):
    return st.lists(each, max_size=2) | anything


def mostly(*usual):
    return st.sampled_from(usual) | anything


UNIT = some(unit=mostly("kWh"), multiplier=anything)
SAMPLE = some(value=anything, unit=mostly("kWh"), measurand=mostly("Current.Import"), unitOfMeasure=UNIT, phase=anything)
PERIOD = st.fixed_dictionaries({"startPeriod": mostly(0, 60), "limit": mostly(0, 16)})
SCHEDULE = some(chargingSchedulePeriod=several(PERIOD), duration=anything, startSchedule=anything, chargingRateUnit=mostly("A"))
PROFILE = some(
    chargingProfilePurpose=mostly("TxProfile", "TxDefaultProfile", "ChargePointMaxProfile"), chargingSchedule=SCHEDULE,
    chargingProfileKind=mostly("Relative", "Absolute", "Recurring"), recurrencyKind=mostly("Daily"), transactionId=anything,
)  # fmt: skip
PLAIN = (
    "transactionId", "timestamp", "meterStart", "meterStop", "status", "idToken", "connectorStatus", "reason", "seqNo", "value", "id",
    "chargingProfileCriteria", "offline", "chargingStation", "evse", "connectorId", "idTagInfo", "currentTime",
)  # fmt: skip
KEYS = dict.fromkeys(PLAIN, anything) | {
    "eventType": mostly("Started", "Updated", "Ended"), "key": st.just("ChargeAmperage"), "csChargingProfiles": PROFILE,
    "transactionInfo": some(transactionId=mostly("t1"), chargingState=mostly("Charging", "Idle"), stoppedReason=anything),
    "meterValue": several(some(timestamp=anything, sampledValue=several(SAMPLE))),
}  # fmt: skip
said = st.fixed_dictionaries({}, optional=KEYS)
frames = st.tuples(
    st.sampled_from(["call", "answered", "command", "command_answered", "connected", "disconnected"]), st.sampled_from(ACTIONS), said
)


@settings(max_examples=25, deadline=None)
@given(st.lists(frames, min_size=1, max_size=12))
def test_whatever_a_log_says_it_is_imported_judged_and_told(tmp_path_factory, told):
    path = tmp_path_factory.mktemp("any") / "log.jsonl"
    kinds = {"call": ("cp-to-csms", 2), "answered": ("csms-to-cp", 3), "command": ("csms-to-cp", 2), "command_answered": ("cp-to-csms", 3)}
    with TraceWriter(path) as writer:
        writer.write(iso(0), "CP1", "1.6", "cp-to-csms", '[2,"0","Heartbeat",{}]')
        for place, (what, action, payload) in enumerate(told):
            if what in kinds:
                direction, kind = kinds[what]
                frame = [kind, str(place // 2), action, payload] if kind == 2 else [kind, str(place // 2), payload]
                writer.write(iso(place * 4 * MINUTE), "CP1", "1.6", direction, json.dumps(frame))
    run = harness.import_log(path)
    assert harness.judge(run.journal).judgement == run.judgement
    assert markdown.render(run.outcome)


@settings(max_examples=150, deadline=None)
@given(st.lists(frames, max_size=12))
def test_nothing_that_is_said_stops_the_watching(told):
    records = []
    observer = Observer(
        0, "CP1", SCENARIO.models["ocpp201"], lambda _, record: records.append(record), since=since, end_ms=10 * HOUR,
        supply=SCENARIO.supply,
    )  # fmt: skip
    for place, (what, action, payload) in enumerate(told):
        now = place * 4 * MINUTE
        if what == "connected":
            observer.connected(now)
        elif what == "disconnected":
            observer.disconnected(now)
        elif what.endswith("answered"):
            getattr(observer, what)(now, action, payload or None)
        else:
            getattr(observer, what)(now, action, payload)
    observer.finish(10 * HOUR)
    times = [record.t for record in records]
    assert times == sorted(times)
    assert all(0 <= t <= 10 * HOUR for t in times)
    assert msgspec.json.Decoder(r.AnyRecord).decode_lines(msgspec.json.Encoder().encode_lines(records)) == records


# A car that is said to be unplugged.

PLUGGED = [
    ("StatusNotification", {"connectorId": 1, "status": "Charging", "timestamp": iso(1 * MINUTE)}),
    ("StartTransaction", start(1 * MINUTE, 0)),
]
TOLD_AFTER = {
    "nothing": ([], "its transaction goes on"),
    "charging": ([("StatusNotification", {"connectorId": 1, "status": "Charging", "timestamp": iso(12 * MINUTE)})], "it reports Charging"),
    "waiting": ([("StatusNotification", {"connectorId": 1, "status": "SuspendedEV"})], "it reports SuspendedEV"),
    "late news of before": (
        [("StatusNotification", {"connectorId": 1, "status": "Charging", "timestamp": iso(10 * MINUTE)})], "its transaction goes on"
    ),
    "available": ([("StatusNotification", {"connectorId": 1, "status": "Available", "timestamp": iso(10 * MINUTE + 5_000)})], ""),
    "the end": ([("StopTransaction", stop(9, 10 * MINUTE + 5_000, 100))], ""),
    "an end of another kind": ([("StopTransaction", stop(9, 10 * MINUTE + 5_000, 100, "Local"))], ""),
    "another car": (
        [("StopTransaction", stop(9, 10 * MINUTE + 5_000, 100)),
         ("StatusNotification", {"connectorId": 1, "status": "Charging", "timestamp": iso(12 * MINUTE)})], ""
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD_AFTER)
def test_what_a_charger_tells_may_deny_that_its_car_was_unplugged(watched, name):
    """It was asked for after ten minutes, and said to be done half a minute later; the charger tells of it in the thirteenth."""
    observer, _ = watched
    for action, payload in PLUGGED:
        exchange(observer, MINUTE, action, payload, {"transactionId": 9, **ACCEPTED})
    asked, done = 10 * MINUTE, 10 * MINUTE + 30_000
    exchange(observer, done, "Heartbeat", {})
    told, denial = TOLD_AFTER[name]
    for action, payload in told:
        exchange(observer, 12 * MINUTE + 30_000, action, payload)
    assert observer.denies_unplugging(asked, done, patient=True) == denial
    assert observer.denies_unplugging(asked, done, patient=False) == (denial if denial.startswith("it reports") else "")
