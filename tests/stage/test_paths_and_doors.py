"""Paths that jitter, are narrow or lose datagrams, and doors through which nobody gets in anew."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace
from random_plans import MODELS, base, lines, of, records_of

from harness.check.judge import Judge
from harness.journal.records import Attempts, Command, Fault, Link, Loss, Message, Recovery
from harness.values import Moment, Scenario, Session, Step, Targets

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
WAY_MS = 20
TCP, UDP = "ocpp16-strict", "juicebox-40"
DOORS: dict[str, dict[str, Any]] = {
    "network.dns-failure": {}, "network.expired-certificate": {}, "server.credentials-wiped": {},
}  # fmt: skip


def step(name: str, do: str, at: int, lasts: int | None = None, **arguments: Any) -> Step:
    return Step(id=name, do=do, at=Moment(offset_ms=at), for_ms=lasts, arguments=arguments)


def small(model: str, *plan: Step, hours: int = 4) -> Scenario:
    """Three chargers under a plan, each with a car from half an hour after the start on."""
    loaded = base(model)
    stay = Session(plug_in_ms=HOUR // 2, leave_ms=(hours - 1) * HOUR + HOUR // 2, needs_wh=30_000)
    chargers = tuple(replace(entry, sessions=(stay,)) for entry in loaded.chargers)
    return replace(loaded, duration_ms=hours * HOUR, plan=plan, chargers=chargers)


def agreed(loaded: Scenario) -> list[Any]:
    """The records of a run, which are the same however it is computed, and no check of which failed."""
    records = records_of(loaded)
    assert lines(records) == lines(records_of(loaded, simulate_all=True))
    assert lines(records) == lines(records_of(loaded, leg_by_leg=True))
    judge = Judge(loaded)
    judge.feed(records)
    assert [str(result) for result in judge.close(loaded.duration_ms) if result.failed] == []
    return records


def in_vain(records: list[Any]) -> list[str]:
    return [record.step for record in records if isinstance(record, Fault) and record.edge == "no-effect"]


# Doors.


@pytest.mark.parametrize("door", DOORS)
def test_who_is_in_touch_stays_so_and_who_must_come_anew_waits_until_the_door_opens(door):
    shut = step("shut", door, HOUR, 2 * HOUR)
    crash = step("crash", "server.crash", 2 * HOUR, MINUTE)
    records = agreed(small(TCP, shut, crash))
    (loss,) = of(records, Loss)
    assert (loss.t, loss.step) == (2 * HOUR, "crash")
    (recovery,) = of(records, Recovery)
    assert 3 * HOUR < recovery.t <= 3 * HOUR + base(TCP).models[TCP].link.backoff.largest_ms + 4 * WAY_MS
    assert in_vain(records) == []


@pytest.mark.parametrize("door", DOORS)
def test_a_door_that_nobody_tries_changes_nothing_and_the_run_says_so(door):
    records = agreed(small(TCP, step("shut", door, HOUR, HOUR), step("open-ended", door, 2 * HOUR)))
    assert of(records, Loss) == []
    assert in_vain(records) == ["shut", "open-ended"]


def test_without_a_name_an_attempt_fails_at_once_and_else_after_a_round_trip():
    def tries(door: str) -> Any:
        (series,) = of(agreed(small(TCP, step("shut", door, HOUR, HOUR), step("reset", "network.reset", HOUR + MINUTE))), Attempts)
        return series

    nameless, refused, unknown = map(tries, DOORS)
    assert refused == unknown
    assert nameless.gaps == refused.gaps  # which count from the failure
    failed = len(nameless.gaps) + nameless.more
    assert refused.last - nameless.last == failed * 2 * WAY_MS


@pytest.mark.parametrize("model", [TCP, UDP])
@pytest.mark.parametrize("second", ["server.crash", "server.hang", "network.cut", "network.black-hole", "station.power-cut"])
def test_doors_and_outages_that_meet_are_computed_as_they_are_simulated(model, second):
    for door in DOORS:
        for begins in (HOUR + MINUTE, HOUR + 7 * MINUTE + 13_331):
            plan = (
                step("crash", "server.crash", HOUR, 3 * MINUTE), step("shut", door, HOUR + 2 * MINUTE, 9 * MINUTE + 777),
                step("second", second, begins, 5 * MINUTE),
            )  # fmt: skip
            agreed(small(model, *plan))


def test_a_datagram_needs_the_name_too_but_no_certificate():
    crash = step("crash", "server.crash", 2 * HOUR, 10 * MINUTE)
    nameless = agreed(small(UDP, step("shut", "network.dns-failure", HOUR, 2 * HOUR), crash))
    assert of(nameless, Recovery)[0].t > 3 * HOUR
    records = agreed(small(UDP, step("shut", "network.expired-certificate", HOUR, 2 * HOUR), crash))
    assert of(records, Recovery)[0].t < 2 * HOUR + 20 * MINUTE
    assert in_vain(records) == ["shut"]


def test_a_registration_that_was_put_off_is_in_touch_and_needs_no_name():
    plan = (
        step("pending", "server.pending", HOUR, HOUR, interval_ms=MINUTE),
        Step(id="off", do="station.power-cut", at=Moment(offset_ms=HOUR + MINUTE), for_ms=MINUTE, to=Targets(names=("anna",))),
        step("nameless", "network.dns-failure", HOUR + 5 * MINUTE, 2 * HOUR),
    )
    for model in (TCP, UDP):
        accepted = next(record.t for record in of(agreed(small(model, *plan)), Link) if record.cause == "registered")
        assert 2 * HOUR < accepted <= 2 * HOUR + MINUTE + 4 * WAY_MS


def test_credentials_are_wiped_where_the_step_says_so():
    loaded = small(TCP, replace(step("wiped", "server.credentials-wiped", HOUR, HOUR), to=Targets(shard=1)),
                   step("reset", "network.reset", HOUR + MINUTE))  # fmt: skip
    server = replace(loaded.server, shards=2)
    chargers = tuple(replace(entry, shard=1 if entry.name == "anna" else 2) for entry in loaded.chargers)
    records = agreed(replace(loaded, server=server, chargers=chargers))
    assert of(records, Recovery)[0].t > 2 * HOUR
    assert of(records, Recovery, "ben")[0].t < HOUR + 3 * MINUTE


# Bans.


def resets(count: int, every: int, *, since: int = HOUR) -> list[Step]:
    return [step(f"reset-{since + number * every}", "network.reset", since + number * every) for number in range(count)]


def bans(limit: int, ban: int, *, at: int = HOUR - MINUTE, lasts: int = 6 * HOUR) -> Step:
    return step("bans", "server.bans", at, lasts, limit=limit, ban_ms=ban)


def struck(records: list[Any]) -> list[int]:
    return [record.t for record in of(records, Fault) if record.edge == "struck"]


def test_one_connection_too_many_within_the_hour_is_refused_for_the_ban():
    records = agreed(small(TCP, bans(3, HOUR), *resets(4, 10 * MINUTE), hours=8))
    (banned_at,) = struck(records)
    assert HOUR + 30 * MINUTE < banned_at < HOUR + 32 * MINUTE
    back = of(records, Recovery)[-1].t
    assert banned_at + HOUR < back < banned_at + HOUR + 3 * MINUTE


def test_as_many_connections_over_more_than_an_hour_are_none_too_many():
    records = agreed(small(TCP, bans(3, HOUR), *resets(6, 25 * MINUTE), hours=8))
    assert struck(records) == []
    assert in_vain(records) == ["bans"]


def test_the_end_of_the_bans_lifts_them_and_a_ban_begins_to_count_anew():
    lifted = agreed(small(TCP, bans(1, 5 * HOUR, lasts=HOUR), *resets(2, 5 * MINUTE), hours=8))
    assert HOUR < of(lifted, Recovery)[-1].t - (HOUR - MINUTE) < HOUR + 3 * MINUTE
    twice = agreed(small(TCP, bans(1, 5 * MINUTE), *resets(2, 5 * MINUTE), *resets(2, 5 * MINUTE, since=HOUR + 20 * MINUTE), hours=8))
    assert len(struck(twice)) == 2


def test_attempts_at_a_server_that_is_away_are_none_that_it_counts():
    crash = step("crash", "server.hang", HOUR, 50 * MINUTE)
    assert struck(agreed(small(TCP, bans(1, HOUR), crash, hours=8))) == []


# Paths.


def amperages(count: int, every: int) -> list[Step]:
    """A driver who changes the amperage again and again, which the server tells the charger each time."""
    return [step(f"set-{place}", "driver.set-amperage", HOUR + place * every, amperage_ma=6000 + place) for place in range(count)]


def test_on_one_connection_nothing_overtakes_however_long_each_message_travels():
    for model, overtakes in ((TCP, False), (UDP, True)):
        late = step("late", "network.jitter", HOUR // 2, HOUR, most_ms=8_000)
        deeds = amperages(30, 400)
        records = agreed(small(model, late, *deeds))
        sent = [record.sent for record in of(records, Command) if record.command == "amperage"]
        assert (sent != sorted(sent)) == overtakes
        delays = [record.t - record.sent for record in of(records, Command) if record.command == "amperage"]
        assert all(WAY_MS <= delay <= WAY_MS + 8_000 for delay in delays)
        assert len(set(delays)) > 10


def test_over_a_narrow_path_messages_pass_one_after_the_other():
    deeds = amperages(5, 1)
    narrow = step("narrow", "network.bandwidth", HOUR // 2, HOUR, rate=300, size=500)
    for model in (TCP, UDP):
        came = [record.t for record in of(agreed(small(model, narrow, *deeds)), Command) if record.command == "amperage"]
        assert came[0] >= HOUR + 1_667 + WAY_MS
        assert all(later - earlier >= 1_667 for earlier, later in pairwise(came))


def test_who_loses_every_datagram_has_lost_its_server_and_is_back_once_they_pass():
    records = agreed(small(UDP, step("lossy", "network.loss", HOUR, HOUR, share_permille=1000)))
    (loss,) = of(records, Loss)
    assert HOUR < loss.t <= HOUR + base(UDP).models[UDP].link.noticing_ms
    (recovery,) = of(records, Recovery)
    assert 2 * HOUR < recovery.t < 2 * HOUR + 3 * MINUTE
    assert in_vain(records) == []


def test_what_arrives_twice_is_booked_once():
    records = agreed(small(UDP, step("twice", "network.duplicate", 0, 4 * HOUR, share_permille=1000)))
    starts = [record for record in of(records, Message) if record.action == "transaction-start"]
    assert [record.repeat for record in starts] == [False, True]


def test_what_is_late_is_overtaken():
    deeds = amperages(20, SECOND)
    late = step("late", "network.reorder", HOUR // 2, HOUR, share_permille=300, delay_ms=4_000)
    records = agreed(small(UDP, late, *deeds))
    delays = {record.t - record.sent for record in of(records, Command) if record.command == "amperage"}
    assert delays == {WAY_MS, WAY_MS + 4_000}


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("network.loss", {"share_permille": 500}), ("network.duplicate", {"share_permille": 500}),
        ("network.reorder", {"share_permille": 500, "delay_ms": 5_000}),
    ],
)  # fmt: skip
def test_a_connection_hides_what_becomes_of_datagrams(kind, arguments):
    records = agreed(small(TCP, step("stray", kind, HOUR, HOUR, **arguments)))
    assert in_vain(records) == ["stray"]
    calm = {line for line in lines(records_of(small(TCP))) if '"settled"' not in line}
    assert calm <= set(lines(records))


@pytest.fixture
def sent(monkeypatch):
    """The requests that travel leg by leg."""
    from harness.stage.wire import Wire

    found: list[Any] = []
    send = Wire._send
    monkeypatch.setattr(Wire, "_send", lambda self, port, request, **how: found.append(request) or send(self, port, request, **how))
    return found


@pytest.mark.parametrize("model", MODELS)
def test_a_door_that_nobody_tries_costs_nothing(model, sent):
    """What is computed of a healthy link goes on being so."""
    records_of(small(model))
    calm = len(sent)
    records_of(small(model, step("name", "network.dns-failure", HOUR, HOUR), step("wiped", "server.credentials-wiped", HOUR, HOUR)))
    assert len(sent) - calm <= calm + 20


@pytest.mark.parametrize("door", DOORS)
def test_attempts_at_a_door_that_is_shut_are_computed(door, sent):
    records = records_of(small(TCP, step("shut", door, HOUR, 9 * HOUR), step("reset", "network.reset", HOUR + MINUTE), hours=12))
    assert of(records, Attempts)[0].count > 200
    assert len(sent) < 150
