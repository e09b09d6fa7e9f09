"""Charging profiles and settings, as the commands of the world that they are."""

from datetime import UTC, datetime

import pytest

from harness.stage.seen.orders import Orders

START = datetime(2026, 3, 12, tzinfo=UTC)
HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 10 * HOUR


def since(text):
    return None if text is None else round((datetime.fromisoformat(text) - START).total_seconds() * 1000)


def profile(purpose, periods, kind="Relative", unit="A", **more):
    schedule = {
        "chargingRateUnit": unit, "chargingSchedulePeriod": [{"startPeriod": at, "limit": limit} for at, limit in periods],
    } | {key: more.pop(key) for key in ("duration", "startSchedule") if key in more}  # fmt: skip
    return {"chargingProfileId": 1, "chargingProfilePurpose": purpose, "chargingProfileKind": kind, "chargingSchedule": schedule, **more}


def read(action, payload, end_ms=2 * DAY):
    orders = Orders(since, end_ms).read("CP1", action, payload, NOW - 50, NOW)
    assert all((order.record.t, order.record.sent, order.record.who) == (NOW, NOW - 50, "CP1") for order in orders)
    return orders


def told(made):
    (order,) = read("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": made})
    record = order.record
    return record.command, record.duration_ms, record.ma


@pytest.mark.parametrize(("made", "expected"), [
    (profile("TxProfile", [(0, 0)], duration=60), ("hold", 60_000, 0)),
    (profile("TxProfile", [(0, 0)]), ("pause", 0, 0)),
    (profile("TxProfile", [(0, 0), (90, 16)]), ("hold", 90_000, 0)),
    (profile("TxProfile", [(0, 0)], "Absolute", duration=7200, startSchedule="2026-03-12T09:00:00Z"), ("hold", HOUR, 0)),
    (profile("TxProfile", [(0, 16), (1800, 0)], "Absolute", startSchedule="2026-03-12T09:00:00Z"), ("pause", 0, 0)),
    (profile("TxProfile", [(0, 16)]), ("release", 0, 0)),
    (profile("ChargePointMaxProfile", [(0, 12.5)], "Absolute"), ("share", 0, 12_500)),
    (profile("ChargePointMaxProfile", [(0, 0)], "Absolute"), ("pause", 0, 0)),
])  # fmt: skip
def test_a_profile_that_is_a_command(made, expected):
    assert told(made) == expected


@pytest.mark.parametrize("made", [
    profile("TxProfile", [(0, 0)], "Absolute", startSchedule="2026-03-12T11:00:00Z"),
    profile("TxProfile", [(0, 0)], "Recurring", recurrencyKind="Daily", startSchedule="2026-03-12T00:00:00Z"),
    profile("ChargePointMaxProfile", [(0, 3000)], "Absolute", unit="W"),
    profile("TxDefaultProfile", [(0, 0)]),
    profile("TxProfile", []),
    profile("TxProfile", [(0, 1e300)]),
    {},
])  # fmt: skip
def test_a_profile_that_no_command_of_the_world_is(made):
    assert read("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": made}) == []


def windows(made, end_ms=2 * DAY):
    (order,) = read("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": made}, end_ms)
    assert (order.record.command, order.record.on) == ("schedule", True)
    return [(opens / HOUR, closes / HOUR) for opens, closes in order.record.windows]


def test_an_absolute_schedule_has_its_windows_where_they_are():
    made = profile("TxDefaultProfile", [(0, 0), (3600, 16), (7200, 0)], "Absolute", startSchedule="2026-03-12T09:00:00Z", duration=10_800)
    assert windows(made) == [(9, 10), (11, 12)]


@pytest.mark.parametrize("day", [1, 12, 20])
def test_a_daily_schedule_has_them_each_day_whenever_it_begins(day):
    made = profile(
        "TxDefaultProfile", [(0, 0), (3600, 16)], "Recurring", recurrencyKind="Daily", startSchedule=f"2026-03-{day:02}T09:00:00Z"
    )
    assert windows(made) == [(9, 10), (33, 34)]


def test_windows_that_meet_are_one():
    made = profile("TxDefaultProfile", [(0, 0), (3600, 0)], "Recurring", recurrencyKind="Daily", startSchedule="2026-03-12T00:00:00Z")
    assert windows(made) == [(0, 48)]


def test_a_profile_is_cleared_by_its_number_or_its_purpose():
    orders = Orders(since, DAY)
    orders.read("CP1", "SetChargingProfile", {"csChargingProfiles": profile("TxProfile", [(0, 0)])}, NOW, NOW)

    def cleared(payload):
        return [(order.record.command, order.record.on) for order in orders.read("CP1", "ClearChargingProfile", payload, NOW, NOW)]

    assert cleared({"id": 1}) == [("release", True)]
    assert cleared({"id": 5}) == []
    assert cleared({"chargingProfilePurpose": "TxDefaultProfile"}) == [("schedule", False)]
    assert cleared({"chargingProfileCriteria": {"chargingProfilePurpose": "TxProfile"}}) == [("release", True)]
    assert cleared({}) == [("release", True), ("schedule", False)]


def test_the_amperage_of_our_own_chargers():
    (order,) = read("ChangeConfiguration", {"key": "ChargeAmperage", "value": "16"})
    assert (order.record.command, order.record.ma) == ("amperage", 16_000)
    assert read("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "300"}) == []
