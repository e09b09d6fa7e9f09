"""What befalls a server that stays up, and what its responders do: brown-outs, stalled queues, lost settings, admission, failover."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace
from random_plans import base, lines, of, records_of, small, step

from harness import scenario
from harness.check.judge import Judge
from harness.journal.records import (
    Action,
    Attempts,
    Command,
    Current,
    Failed,
    Fault,
    Ledger,
    Link,
    Loss,
    Message,
    Moved,
    Recovery,
    Return,
)
from harness.values import Scenario, Session, Step, Targets

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
WINDOW_OPENS = 7 * HOUR
"""The hold window of the small scenarios opens at 15:00, and they begin at 08:00."""
ANNA = Targets(names=("anna",))


def failing(loaded: Scenario, records: list[Any]) -> list[str]:
    judge = Judge(loaded)
    judge.feed(records)
    return [result.name for result in judge.close(loaded.duration_ms) if result.verdict == "fail"]


STREET = """
harness: 1
title: A street under one server
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: 6 h
seed: 3
server: {{extends: csms, accepts_per_s: {accepts}, accept_queue: {queue}}}
network: ethernet
supply: {{voltage: 240 V, phases: 1}}
defaults: {{model: {model}, car: leaf-40, tariff: pge-ev2-a, tag: T1}}
chargers: {{homes: {{count: {count}, sessions: []}}}}
"""


def street(*plan: Step, count: int = 30, model: str = "ocpp16-strict", accepts: int = 100, queue: int = 500) -> Scenario:
    """Chargers without cars: nothing but what they say to stay online."""
    text = STREET.format(count=count, model=model, accepts=accepts, queue=queue)
    return replace(scenario.loads(text, "street"), plan=plan)


def lost(records: list[Any]) -> list[Any]:
    return [record for record in records if isinstance(record, Loss)]


def effects(records: list[Any], name: str) -> list[str]:
    return [record.edge for record in records if isinstance(record, Fault) and record.step == name and not record.who]


# Brown-outs. Thirty chargers say that they are there once a minute: one each two seconds.


def test_a_capacity_above_the_load_costs_nobody_his_server():
    records = records_of(street(step("slow", "server.brown-out", HOUR, HOUR, answers_per_ks=2_000)))
    assert lost(records) == []


def test_a_capacity_below_the_keepalives_makes_answers_late_and_then_chargers_lose_their_server():
    records = records_of(street(step("slow", "server.brown-out", HOUR, 2 * HOUR, answers_per_ks=400)))
    losses = lost(records)
    assert losses
    assert losses[0].t > HOUR + 2 * MINUTE  # the line has to grow first
    assert {record.cause for record in losses} == {"link"}


def test_an_overload_breeds_connections_that_outlive_its_cause_until_it_is_lifted():
    calm, storm = (
        records_of(street(step("slow", "server.brown-out", HOUR, 2 * HOUR, answers_per_ks=400), *more))
        for more in ((step("more", "server.scale-out", HOUR + 5 * SECOND, 3 * HOUR, factor=2),), ())
    )
    assert lost(calm) == []
    again = [record for record in storm if isinstance(record, Link) and record.state == "offline"]
    assert len(again) > 3 * len(lost(storm))  # they come back, and lose it again before anything is answered
    recovered = [record for record in storm if isinstance(record, Recovery) and record.t >= 3 * HOUR]
    assert len({record.who for record in recovered}) == len({record.who for record in lost(storm)})


def test_the_capacity_falls_in_a_straight_line():
    """From 2000 a second to almost none within an hour, it is short of one each two seconds only in the last."""
    at_once, slowly = (
        records_of(street(step("slow", "server.brown-out", HOUR, 2 * HOUR, answers_per_ks=100, over_ms=over_ms))) for over_ms in (0, HOUR)
    )
    assert HOUR < lost(at_once)[0].t < HOUR + 10 * MINUTE
    assert 2 * HOUR < lost(slowly)[0].t < 2 * HOUR + 10 * MINUTE


@pytest.mark.parametrize("model", ["ocpp16-strict", "juicebox-40"])
def test_each_answer_of_a_brown_out_comes_when_its_turn_has(model):
    """Three say two things each in one instant, that a car is there and with whose tag or from when: each second one has its turn after
    so many."""
    session = Session(plug_in_ms=HOUR + MINUTE, leave_ms=3 * HOUR, needs_wh=10_000)
    loaded = street(step("slow", "server.brown-out", HOUR, 2 * HOUR, answers_per_ks=5_000), count=3, model=model)
    loaded = replace(loaded, chargers=tuple(replace(entry, sessions=(session,)) for entry in loaded.chargers))
    asks = [record.t for record in records_of(loaded) if isinstance(record, Message) and record.action != "transaction-end"][:3]
    assert [later - asks[0] for later in asks] == [0, 400, 800]


def test_a_brown_out_that_has_nobody_wait_changes_nothing():
    records = records_of(street(step("slow", "server.brown-out", HOUR, HOUR, answers_per_ks=1_000_000), count=1))
    assert effects(records, "slow")[:3] == ["start", "end", "no-effect"]


@pytest.mark.parametrize("meanwhile", ["server.crash", "server.hang", "server.errors"])
def test_whoever_stands_in_line_is_not_answered_by_a_server_that_dies_or_hangs(meanwhile):
    plan = (
        step("slow", "server.brown-out", HOUR, 3 * HOUR, answers_per_ks=300), step("then", meanwhile, 2 * HOUR, 20 * MINUTE),
    )  # fmt: skip
    loaded = street(*plan)
    records = records_of(loaded)
    assert lines(records) == lines(records_of(loaded, simulate_all=True)) == lines(records_of(loaded, leg_by_leg=True))
    assert failing(loaded, records) == []
    if meanwhile != "server.errors":
        assert not [r for r in records if isinstance(r, Return) and 2 * HOUR < r.t < 2 * HOUR + 20 * MINUTE]


BUSY = 2 * HOUR - 20 * SECOND
"""When cars come to chargers whose server has a line by then."""


def busy(*more: Step, model: str = "ocpp201", lasts: int = 3 * HOUR) -> Scenario:
    """Thirty chargers whose cars come twenty seconds before two hours are over, to a server that answers two a second: a line of half a
    minute."""
    loaded = street(step("slow", "server.brown-out", HOUR, lasts, answers_per_ks=2_000), *more, model=model)
    session = Session(plug_in_ms=BUSY, leave_ms=5 * HOUR, needs_wh=10_000)
    return replace(loaded, chargers=tuple(replace(entry, sessions=(session,)) for entry in loaded.chargers))


def test_in_the_line_of_a_busy_server_everybody_has_his_turn():
    asked = [record for record in records_of(busy()) if isinstance(record, Message) and record.action == "authorise"]
    assert len({record.who for record in asked}) == 30
    assert asked[-1].t - asked[0].t > 10 * SECOND


@pytest.mark.parametrize("model", ["ocpp201", "juicebox-40"])
@pytest.mark.parametrize("kind", ["server.crash", "server.hang"])
def test_a_server_that_goes_away_books_nothing_of_what_stands_in_its_line_until_it_is_back(kind, model):
    begins, lasts = 2 * HOUR - 15 * SECOND, 20 * MINUTE
    loaded = busy(step("away", kind, begins, lasts), model=model)
    records = records_of(loaded)
    authorised = [r for r in records if isinstance(r, Message) and r.action in ("authorise", "transaction-start")]
    assert [r for r in authorised if r.t < begins]
    assert not [r for r in authorised if begins <= r.t < begins + lasts]
    assert len({r.who for r in authorised if r.action == "transaction-start"}) == 30
    assert failing(loaded, records) == []


def test_when_a_brown_out_ends_the_rest_of_the_line_is_answered_at_once():
    records = records_of(busy(lasts=HOUR - 15 * SECOND))
    ends = 2 * HOUR - 15 * SECOND
    asked = [r.t for r in records if isinstance(r, Message) and r.action == "authorise"]
    assert len(asked) == 30
    assert sum(t < ends for t in asked) < 15
    assert sum(t == ends for t in asked) > 15


def test_a_busy_shard_does_nothing_more_for_chargers_that_another_serves_by_now():
    begins = 2 * HOUR - 15 * SECOND
    loaded = busy(step("move", "server.failover", begins, shard=1), model="juicebox-40")
    loaded = replace(loaded, server=replace(loaded.server, shards=2), chargers=tuple(replace(entry, shard=1) for entry in loaded.chargers))
    records = records_of(loaded)
    left_waiting = [r for r in records if isinstance(r, Message) and r.sent < begins <= r.t]
    assert left_waiting == []
    assert len({r.who for r in records if isinstance(r, Message) and r.action == "transaction-start"}) == 30
    assert failing(loaded, records) == []


def test_a_hung_shard_forgets_what_it_took_in_from_chargers_that_have_moved_on():
    plan = (step("hang", "server.hang", HOUR, 2 * HOUR, to=Targets(shard=1)), step("move", "server.failover", HOUR + 3 * MINUTE, shard=1))
    loaded = small(*plan, hours=6, stay=(HOUR + MINUTE, 5 * HOUR))
    loaded = replace(loaded, chargers=tuple(replace(entry, shard=1) for entry in loaded.chargers))
    records = records_of(loaded)
    began = [(r.t < 2 * HOUR, r.repeat) for r in of(records, Message) if r.action == "transaction-start"]
    assert began == [(True, False)]
    assert failing(loaded, records) == []


# Stalled.


def stalled(*more: Step, model: str = "ocpp16-strict", stays: tuple[int, int] = (HOUR + MINUTE, 2 * HOUR)) -> Scenario:
    return small(step("stalled", "server.stalled", HOUR, 3 * HOUR), *more, model=model, hours=8, stay=stays)


@pytest.mark.parametrize("model", ["ocpp16-strict", "ocpp201", "juicebox-40"])
def test_what_a_stalled_server_acknowledges_it_books_when_it_is_over_once_and_in_order(model):
    loaded = stalled(model=model)
    records = records_of(loaded)
    booked = [(r.t, r.action, r.answered) for r in of(records, Message) if r.action.startswith("transaction")]
    assert [entry[:2] for entry in booked] == [(4 * HOUR, "transaction-start"), (4 * HOUR, "transaction-end")]
    assert all(HOUR < answered < 4 * HOUR for _, _, answered in booked)
    assert of(records, Failed) == []
    assert len(of(records, Ledger)[0].entries) == 1
    assert failing(loaded, records) == []


def test_the_queue_of_a_stalled_server_outlives_its_restart():
    loaded = stalled(step("crash", "server.crash", 3 * HOUR, 10 * MINUTE))
    records = records_of(loaded)
    assert [r.t for r in of(records, Message) if r.action.startswith("transaction")] == [4 * HOUR, 4 * HOUR]
    assert failing(loaded, records) == []


def test_a_server_that_is_down_when_the_stall_ends_works_its_queue_through_when_it_is_back():
    loaded = stalled(step("crash", "server.crash", 3 * HOUR, 2 * HOUR))
    records = records_of(loaded)
    assert [r.t for r in of(records, Message) if r.action.startswith("transaction")] == [5 * HOUR, 5 * HOUR]
    assert failing(loaded, records) == []


def test_a_stalled_server_does_not_know_of_a_car_and_tells_it_nothing_until_it_does():
    comes = WINDOW_OPENS + MINUTE
    plan = (
        step("stalled", "server.stalled", WINDOW_OPENS, 2 * HOUR),
        step("ask", "driver.pause", WINDOW_OPENS + HOUR),
    )  # fmt: skip
    records = records_of(small(*plan, hours=12, stay=(comes, 11 * HOUR)))
    assert [record.outcome for record in of(records, Action)] == ["none"]
    assert next((r.sent, r.command) for r in of(records, Command)) == (WINDOW_OPENS + 2 * HOUR, "hold")
    draws = [(record.t, record.ma > 0) for record in of(records, Current)]
    assert (comes + 5 * SECOND, True) in draws
    assert (WINDOW_OPENS + 2 * HOUR + 20, False) in draws


def test_a_message_stands_behind_those_of_its_charger_also_where_another_shard_serves_it():
    plan = (
        step("stalled", "server.stalled", HOUR, 3 * HOUR, to=Targets(shard=1)),
        step("move", "server.failover", 90 * MINUTE, shard=1),
    )  # fmt: skip
    loaded = small(*plan, model="juicebox-40", hours=8, stay=(HOUR + MINUTE, 2 * HOUR))
    records = records_of(loaded)
    moved = {record.who for record in records if isinstance(record, Moved)}
    for who in moved:
        assert [r.t for r in of(records, Message, who) if r.action.startswith("transaction")] == [4 * HOUR, 4 * HOUR]
    assert moved
    assert failing(loaded, records) == []


def test_a_stall_in_which_nothing_was_to_be_booked_changes_nothing():
    records = records_of(small(step("stalled", "server.stalled", HOUR, HOUR)))
    assert "no-effect" in effects(records, "stalled")


# Tags and settings.


def test_with_the_authorisation_down_every_tag_is_refused_and_again_accepted_after_it():
    plan = (
        step("down", "server.authorisation-down", HOUR, HOUR), step("again", "driver.swipe", 2 * HOUR + MINUTE),
    )  # fmt: skip
    loaded = small(*plan, model="ocpp16-strict", hours=6, stay=(HOUR + MINUTE, 5 * HOUR))
    loaded = replace(loaded, chargers=tuple(replace(entry, tag_listed=False) for entry in loaded.chargers))
    records = records_of(loaded)
    asked = [(r.t < 2 * HOUR, r.result) for r in of(records, Message) if r.action == "authorise"]
    assert asked == [(True, "rejected"), (False, "accepted")]
    assert not any(record.ma for record in of(records, Current) if record.t < 2 * HOUR)
    assert any(record.ma for record in of(records, Current))
    assert failing(loaded, records) == []


def test_a_server_whose_settings_are_wiped_tells_each_charger_with_its_next_word_that_nothing_applies():
    wiped = WINDOW_OPENS + HOUR
    loaded = small(step("wiped", "server.settings-wiped", wiped), hours=12, stay=(6 * HOUR, 11 * HOUR))
    records = records_of(loaded)
    (anna,) = [record for record in of(records, Return) if record.t > wiped]
    assert anna.t <= wiped + 31 * SECOND
    assert [(r.command, r.sent == anna.t) for r in of(records, Command) if r.t > wiped] == [("release", True)]
    assert [r.command for r in of(records, Command, "carla") if r.t > wiped and r.command == "amperage" and r.ma == 0] == ["amperage"]
    assert [record.edge for record in of(records, Fault)] == ["struck"]
    assert failing(loaded, records) == []


def test_an_override_is_among_what_is_wiped_and_the_judge_knows_it():
    plan = (
        step("ask", "driver.override", WINDOW_OPENS + MINUTE), step("wiped", "server.settings-wiped", WINDOW_OPENS + 2 * MINUTE),
        step("on", "driver.set-tou", WINDOW_OPENS + 5 * MINUTE, on=True), step("cut", "network.cut", WINDOW_OPENS + HOUR, HOUR),
    )  # fmt: skip
    loaded = small(*plan, hours=12, stay=(6 * HOUR, 11 * HOUR))
    records = records_of(loaded)
    assert failing(loaded, records) == []
    assert of(records, Command)[-1].command == "hold"


def test_wiping_what_was_never_set_changes_nothing():
    loaded = small(step("wiped", "server.settings-wiped", HOUR))
    unset = (replace(entry, tou=None, settings=replace(entry.settings, amperage_ma=None)) for entry in loaded.chargers)
    loaded = replace(loaded, chargers=tuple(unset))
    assert "no-effect" in effects(records_of(loaded), "wiped")


# Responders.


def back(records: list[Any], after: int) -> list[int]:
    return sorted(record.t for record in records if isinstance(record, Recovery) and record.t >= after)


def test_chargers_that_are_admitted_gradually_come_back_no_faster_than_that():
    crash = step("crash", "server.crash", HOUR, 10 * MINUTE)
    ends = HOUR + 10 * MINUTE
    at_once = back(records_of(street(crash)), ends)
    gently = back(records_of(street(crash, step("gently", "server.admit", HOUR, 2 * HOUR, accepts_per_ks=100))), ends)
    assert len(at_once) == len(gently) == 30
    assert at_once[-1] - at_once[0] < 3 * MINUTE
    assert all(later - earlier >= 10 * SECOND - 1 for earlier, later in pairwise(gently))


def test_who_was_made_to_wait_has_a_bound_again_once_nobody_is():
    loaded = street(step("crash", "server.crash", HOUR, 10 * MINUTE), step("gently", "server.admit", HOUR, 20 * MINUTE, accepts_per_ks=10))
    records = records_of(loaded)
    assert failing(loaded, records) == []
    assert len(back(records, HOUR)) == 30


def test_a_scaled_out_server_lets_more_in():
    crash = step("crash", "server.crash", HOUR, 10 * MINUTE)
    one, three = (
        records_of(street(crash, *more, accepts=1, queue=1000, model="juicebox-40"))
        for more in ((), (step("more", "server.scale-out", HOUR, 2 * HOUR, factor=3),))
    )
    assert len({record.t // SECOND for record in back_records(three)}) < len({record.t // SECOND for record in back_records(one)})


def back_records(records: list[Any]) -> list[Any]:
    return [record for record in records if isinstance(record, Recovery)]


@pytest.mark.parametrize("model", ["juicebox-40", "ocpp16-strict"])
def test_the_chargers_of_a_dead_shard_are_served_by_the_others_once_they_are_moved(model):
    plan = (
        step("dead", "server.shard-down", HOUR, 3 * HOUR, shard=2), step("move", "server.failover", HOUR + 30 * MINUTE, shard=2),
    )  # fmt: skip
    loaded = small(*plan, model=model, hours=6, server=replace(base(model).server, shards=3))
    records = records_of(loaded)
    away = {record.who for record in lost(records)}
    moved = [record for record in records if isinstance(record, Moved)]
    assert {record.who for record in moved} == away != set()
    assert {record.shard for record in moved} <= {1, 3}
    bound = HOUR + 36 * MINUTE
    assert all(HOUR + 30 * MINUTE <= record.t < bound for record in records if isinstance(record, Recovery))
    assert failing(loaded, records) == []


def test_what_a_process_had_in_memory_does_not_come_along_to_another_shard():
    plan = (step("ask", "driver.override", WINDOW_OPENS + MINUTE), step("move", "server.failover", WINDOW_OPENS + HOUR, shard=1))
    loaded = small(*plan, hours=12, stay=(6 * HOUR, 11 * HOUR))
    loaded = replace(loaded, chargers=tuple(replace(entry, shard=1) for entry in loaded.chargers))
    records = records_of(loaded)
    assert [r.command for r in of(records, Command)][-2:] == ["release", "hold"]
    assert failing(loaded, records) == []


def test_chargers_that_nobody_else_can_serve_stay_where_they_are():
    plan = (step("crash", "server.crash", HOUR, HOUR), step("move", "server.failover", HOUR + MINUTE, shard=1))
    records = records_of(small(*plan))
    assert "no-effect" in effects(records, "move")
    assert not [record for record in records if isinstance(record, Moved)]
    assert of(records, Attempts)
