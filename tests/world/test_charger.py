"""The charger: what each event makes it forget, why what current flows, and how it starts, stops and starts again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from built import EPOCH_MS, HOUR, LEAF, MINUTE, Bench, model_like, offline
from msgspec.structs import replace

from harness.journal.records import Command as Acknowledged
from harness.journal.records import Current, Discard, Failed, PlugIn, Power, Stay, Transaction
from harness.values import Memory, Period, PowerUp, Ratings, ServerLoss, Settings, TagRefused
from harness.world.battery import UJ_PER_WH
from harness.world.charger import LATE_AMPERAGE_MS, Charger
from harness.world.link import NEVER
from harness.world.messages import ACCEPTED, ERROR, REJECTED, Answer, Command, Request

START_DELAY_MS = 5_000
BOOT_MS = 20_000
LEAVE = 100 * HOUR


def hold(now: int, lasts_ms: int, plug_in: int = 1) -> Command:
    return Command("hold", now, plug_in=plug_in, duration_ms=lasts_ms)


def release(now: int, plug_in: int = 1) -> Command:
    return Command("release", now, plug_in=plug_in)


def charging(bench: Bench, now: int = 0, needs_wh: int = 20_000) -> Charger:
    """Plug a car in and wait until it charges."""
    bench.charger.plugged_in(now, needs_wh, LEAVE)
    bench.until(now + START_DELAY_MS)
    return bench.charger


def power_cycle(bench: Bench, now: int, lasts_ms: int = 10_000) -> int:
    """Pull the station's plug and put it back. Returns when it has booted."""
    bench.charger.power_lost(now)
    bench.charger.power_restored(now + lasts_ms)
    booted = now + lasts_ms + BOOT_MS
    bench.charger.wake(booted)
    return booted


def connect(bench: Bench, now: int) -> int:
    """Let the next attempt succeed. Returns when."""
    charger = bench.charger
    at = max(now, charger.link.next_at)
    bench.take()
    charger.attempt(at)
    (request,) = bench.requests()
    charger.answer(at + 80, request, ACCEPTED)
    return at + 80


# Memory: each event clears exactly the cells that list it.

EVENTS: dict[str, Callable[[Bench], None]] = {
    "departure": lambda bench: bench.charger.unplugged(HOUR),
    "server-loss": lambda bench: bench.charger.disconnected(HOUR, "closed"),
    "network-reboot": lambda bench: bench.charger.restart(HOUR, "network-reboot", "reboot"),
    "power-cycle": lambda bench: bench.charger.power_lost(HOUR),
    "memory-loss": lambda bench: bench.charger.restart(HOUR, "memory-loss", "memory-loss"),
}

CELLS: dict[str, Callable[[Charger], bool]] = {
    "hold": lambda charger: charger.hold_until > HOUR,
    "schedule": lambda charger: charger.schedule is not None,
    "override": lambda charger: charger.overridden == 1,
    "amperage": lambda charger: charger.amperage_ma == 13_000,
    "wire_rating": lambda charger: charger.wire_ma == 24_000,
    "group_share": lambda charger: charger.share_ma == 18_000,
    "offline_amperage": lambda charger: charger.offline_ma == 15_000,
    "authorisation_list": lambda charger: charger.has_list,
    "authorisation_cache": lambda charger: charger.cache == {"mine": True},
    "message_queue": lambda charger: charger.outbox.queue != [],
    "clock": lambda charger: charger.clock_set,
    "availability": lambda charger: not charger.in_service,
}
"""Memory cell → whether it still holds what :func:`all_remembered` put there."""


def all_remembered(**cells: tuple[str, ...]) -> Bench:
    """A charger with something in each of its memory cells."""
    memory = Memory(**{"override": (), **cells})
    bench = Bench(
        model_like(tou="schedule", memory=memory, server_loss=ServerLoss(cached_tags=True)), share_ma=18_000, windows=[(0, 3 * HOUR)],
        settings=Settings(amperage_ma=13_000, wire_rating_ma=24_000, offline_amperage_ma=15_000),
    )  # fmt: skip
    charger = bench.charger
    charger.plugged_in(0, 20_000, LEAVE)
    charger.command(100, release(100))
    charger.command(200, hold(200, 9 * HOUR))
    charger.cache["mine"] = True
    charger.set_availability(300, in_service=False)
    assert all(holds(charger) for holds in CELLS.values())
    return bench


def test_every_memory_cell_and_event_of_a_model_is_in_the_tables():
    assert set(CELLS) == set(Memory.__struct_fields__)
    assert set(EVENTS) == set(Bench().charger.kit.cleared_by)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_cleared_by_the_event_that_it_lists(cell, event):
    bench = all_remembered(**{cell: (event,)})
    EVENTS[event](bench)
    assert [name for name, holds in CELLS.items() if not holds(bench.charger)] == [cell]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_outlives_the_events_that_it_does_not_list(cell, event):
    bench = all_remembered(**{cell: tuple(other for other in EVENTS if other != event)})
    EVENTS[event](bench)
    assert all(holds(bench.charger) for holds in CELLS.values())


UPDATES: list[tuple[str, Callable[[Charger], None], int]] = [
    ("a shorter update within changes nothing", lambda it: it.restart(MINUTE, "network-reboot", "firmware-update", MINUTE), HOUR),
    ("a longer one puts the boot off", lambda it: it.restart(MINUTE, "network-reboot", "firmware-update", 2 * HOUR), 2 * HOUR + MINUTE),
    ("a restart cuts it short", lambda it: it.restart(MINUTE, "network-reboot", "reboot"), MINUTE),
    ("loss of mains does", lambda it: (it.power_lost(MINUTE), it.power_restored(2 * MINUTE)), 2 * MINUTE),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("then", "installs_until"), [update[1:] for update in UPDATES], ids=[update[0] for update in UPDATES])
def test_new_firmware_is_installed_before_the_charger_boots(then, installs_until):
    charger = Bench().charger
    charger.restart(0, "network-reboot", "firmware-update", HOUR)
    then(charger)
    assert charger.boots_at == installs_until + BOOT_MS
    charger.wake(charger.boots_at)
    later = 3 * HOUR
    charger.restart(later, "network-reboot", "firmware-update", MINUTE)
    assert charger.boots_at == later + MINUTE + BOOT_MS


def test_memory_is_lost_without_mains_too_and_without_a_restart():
    bench = all_remembered(hold=("memory-loss",))
    bench.charger.power_lost(HOUR)
    before = len(bench.of(Power))
    bench.charger.restart(HOUR + 1, "memory-loss", "memory-loss")
    assert not CELLS["hold"](bench.charger)
    assert (bench.charger.power, len(bench.of(Power))) == ("off", before)


def test_a_cleared_wire_rating_leaves_the_units_own():
    bench = all_remembered(wire_rating=("power-cycle",))
    bench.charger.power_lost(HOUR)
    assert bench.charger.wire_ma == bench.charger.model.ratings.unit_rating_ma


def test_what_was_queued_in_cleared_memory_is_given_up_and_journalled():
    bench = all_remembered(message_queue=("power-cycle",))
    bench.charger.power_lost(HOUR)
    assert {record.why for record in bench.of(Discard)} == {"memory-cleared"}


# What current may flow, and why.


def unpowered(bench: Bench) -> None:
    bench.charger.power_lost(0)


def rebooting(bench: Bench) -> None:
    bench.charger.restart(0, "network-reboot", "reboot")


def nothing(bench: Bench) -> None:
    pass


def with_car(bench: Bench) -> None:
    bench.charger.plugged_in(0, 20_000, LEAVE)


def with_full_car(bench: Bench) -> None:
    bench.charger.plugged_in(0, 0, LEAVE)


def with_car_offline(bench: Bench) -> None:
    offline(bench, 0)
    with_car(bench)


def held(bench: Bench) -> None:
    with_car(bench)
    bench.charger.command(0, hold(0, HOUR))


def paused(bench: Bench) -> None:
    with_car(bench)
    bench.charger.command(0, Command("pause", 0, plug_in=1))


def after_a_power_cycle(bench: Bench) -> None:
    with_car(bench)
    power_cycle(bench, 0)


REQUIRED: dict[str, Any] = {"authorisation": "required"}
LIMITS = Settings(wire_rating_ma=30_000, amperage_ma=10_000, offline_amperage_ma=12_000)

REASONS: list[tuple[str, dict[str, Any], dict[str, Any], Callable[[Bench], None], int, str]] = [
    ("no-mains", {}, {}, unpowered, 0, "Unavailable"),
    ("booting", {}, {}, rebooting, 0, "Unavailable"),
    ("no-car", {}, {}, nothing, 0, "Available"),
    ("not-authorised", REQUIRED, {}, with_car, 0, "Preparing"),
    ("not-authorised", REQUIRED, {"tag": "mine"}, with_car, 0, "Preparing"),
    ("refused-offline", {"server_loss": ServerLoss(new_car="refused")}, {}, with_car_offline, 0, "Preparing"),
    ("waits-for-server", {"server_loss": ServerLoss(new_car="waits")}, {}, with_car_offline, 0, "Preparing"),
    ("not-resumed", {"power_up": PowerUp(boot_ms=BOOT_MS, start_delay_ms=5_000, resumes=False)}, {}, after_a_power_cycle, 0, "Finishing"),
    ("vehicle-full", {}, {}, with_full_car, 0, "SuspendedEV"),
    ("tou-hold", {}, {}, held, 0, "SuspendedEVSE"),
    ("tou-pause", {"tou": "pause"}, {}, paused, 0, "SuspendedEVSE"),
    ("schedule", {"tou": "schedule"}, {"windows": [(0, HOUR)]}, with_car, 0, "SuspendedEVSE"),
    ("unit-rating", {"ratings": Ratings(unit_rating_ma=40_000, wire_rating_ma=40_000)}, {}, with_car, 40_000, "Charging"),
    ("wire-rating", {}, {}, with_car, 32_000, "Charging"),
    ("wire-rating", {}, {"settings": Settings(wire_rating_ma=20_000)}, with_car, 20_000, "Charging"),
    ("load-group", {}, {"share_ma": 9_000, "settings": LIMITS}, with_car, 9_000, "Charging"),
    ("amperage", {}, {"share_ma": 11_000, "settings": LIMITS}, with_car, 10_000, "Charging"),
    ("wire-rating", {}, {"settings": LIMITS}, with_car_offline, 30_000, "Charging"),
    ("offline-amperage", {"server_loss": ServerLoss(limit="offline-amperage")}, {"settings": LIMITS}, with_car_offline, 12_000, "Charging"),
    ("amperage", {"server_loss": ServerLoss(limit="amperage")}, {"settings": LIMITS}, with_car_offline, 10_000, "Charging"),
]  # fmt: skip
"""Reason, changes of the model, what the bench is given, what happens, mA, and the connector's state."""


@pytest.mark.parametrize(("reason", "changes", "given", "happens", "ma", "state"), REASONS)
def test_the_current_and_its_reason(reason, changes, given, happens, ma, state):
    bench = Bench(model_like(**changes), **given)
    happens(bench)
    assert bench.why(MINUTE) == (ma, reason, state)


def test_what_it_says_it_draws_follows_what_it_may():
    bench = Bench()
    charger = charging(bench)
    assert [(record.t, record.ma, record.state, record.reason) for record in bench.of(Current)] == [
        (0, 0, "Preparing", "starting"), (5_000, 27_500, "Charging", "vehicle"),
    ]  # fmt: skip
    bench.until(10 * HOUR)
    reasons = [(record.reason, record.full) for record in bench.of(Current)]
    assert reasons == [("starting", False), ("vehicle", False), ("vehicle-taper", False), ("vehicle-full", True)]
    assert (charger.ma, bench.of(Current)[-1].state) == (0, "SuspendedEV")


def test_a_limit_under_the_cars_least_current_lets_nothing_flow():
    bench = Bench(settings=Settings(amperage_ma=5_000))
    charging(bench)
    assert (bench.charger.ma, bench.of(Current)[-1].state, bench.reason) == (0, "SuspendedEVSE", "amperage")


def test_a_car_that_wakes_up_for_a_change_of_the_limit_does_not_start_anew():
    bench = Bench()
    charger = charging(bench)
    charger.command(HOUR, Command("amperage", HOUR, ma=10_000))
    assert (charger.ma, bench.reason) == (10_000, "amperage")


# Holds.


def test_a_hold_stands_for_its_duration_from_its_delivery():
    bench = Bench()
    charger = charging(bench)
    charger.command(MINUTE, hold(MINUTE - 100, HOUR))
    assert charger.ma == 0
    bench.until(MINUTE + HOUR - 1)
    assert bench.reason == "tou-hold"
    bench.until(MINUTE + HOUR + START_DELAY_MS)
    assert [(record.t, record.reason) for record in bench.of(Current)][-2:] == [
        (MINUTE + HOUR, "starting"), (MINUTE + HOUR + START_DELAY_MS, "vehicle"),
    ]  # fmt: skip


def test_a_hold_outlives_the_servers_loss_and_ends_by_itself():
    bench = Bench()
    charger = charging(bench)
    charger.command(MINUTE, hold(MINUTE, HOUR))
    offline(bench, 2 * MINUTE)
    bench.until(MINUTE + HOUR - 1)
    assert charger.ma == 0
    bench.until(MINUTE + HOUR + START_DELAY_MS)
    assert charger.ma == 27_500


def test_a_release_erases_the_hold():
    bench = Bench()
    charger = charging(bench)
    charger.command(MINUTE, hold(MINUTE, HOUR))
    charger.command(2 * MINUTE, release(2 * MINUTE))
    bench.until(2 * MINUTE + START_DELAY_MS)
    assert charger.ma == 27_500


def test_a_later_hold_takes_the_place_of_the_earlier():
    bench = Bench()
    charger = charging(bench)
    charger.command(MINUTE, hold(MINUTE, 5 * HOUR))
    charger.command(2 * MINUTE, hold(2 * MINUTE, MINUTE))
    bench.until(3 * MINUTE + START_DELAY_MS)
    assert charger.ma == 27_500


@pytest.mark.parametrize("name", ["hold", "pause", "release"])
def test_what_names_another_plug_in_or_none_is_ignored(name):
    bench = Bench()
    charger = charging(bench)
    assert not charger.command(MINUTE, Command(name, MINUTE, plug_in=7, duration_ms=HOUR))
    charger.unplugged(2 * MINUTE)
    assert not charger.command(3 * MINUTE, Command(name, 3 * MINUTE, plug_in=1, duration_ms=HOUR))
    assert [record.result for record in bench.of(Acknowledged)] == ["ignored", "ignored"]
    assert charger.hold_until < 0


def test_a_pause_lasts_until_told_otherwise():
    bench = Bench(model_like(tou="pause"))
    charger = charging(bench)
    charger.command(MINUTE, Command("pause", MINUTE, plug_in=1))
    bench.until(50 * HOUR)
    assert charger.ma == 0
    charger.command(50 * HOUR, release(50 * HOUR))
    bench.until(50 * HOUR + START_DELAY_MS)
    assert charger.ma == 27_500


def test_a_stored_schedule_runs_by_the_chargers_own_clock():
    bench = Bench(model_like(tou="schedule"), windows=[(HOUR, 2 * HOUR)])
    charger = charging(bench)
    charger.clock_offset_ms = 10 * MINUTE
    offline(bench, MINUTE)
    charger.clock_lost(MINUTE)
    bench.until(90 * MINUTE)
    assert charger.ma == 27_500  # without the time of day there is no schedule
    charger.clock_set = True
    assert bench.why(50 * MINUTE - 1)[1] == "wire-rating"
    assert bench.why(50 * MINUTE)[1] == "schedule"
    assert bench.why(110 * MINUTE - 1)[1] == "schedule"
    assert bench.why(110 * MINUTE)[1] == "wire-rating"


def test_an_override_lifts_the_stored_schedule_for_this_plug_in_alone():
    bench = Bench(model_like(tou="schedule", memory=Memory()), windows=[(0, 9 * HOUR)])
    charger = charging(bench)
    charger.command(MINUTE, release(MINUTE))
    assert bench.why(MINUTE)[1] == "wire-rating"
    charger.unplugged(HOUR)
    charger.plugged_in(2 * HOUR, 10_000, LEAVE)
    assert bench.why(2 * HOUR)[1] == "schedule"


def test_a_schedule_can_be_sent_and_taken_back():
    bench = Bench(model_like(tou="schedule"))
    charger = charging(bench)
    order = Command("schedule", HOUR)
    order.windows = [(0, 2 * HOUR)]
    charger.command(HOUR, order)
    assert bench.reason == "schedule"
    charger.command(HOUR + MINUTE, Command("schedule", HOUR + MINUTE, on=False))
    assert bench.reason == "starting"


# The random delay.


def delayed(**changes: Any) -> Bench:
    return Bench(model_like("power_up", random_delay_ms=600_000, **changes))


def test_a_random_delay_stands_before_each_start_and_is_drawn_anew():
    bench = delayed()
    charger = bench.charger
    charger.plugged_in(0, 20_000, LEAVE)
    delays = []
    for begins in (0, 2 * HOUR, 4 * HOUR):
        if begins:
            charger.command(begins - HOUR, hold(begins - HOUR, HOUR))
        bench.until(begins + 605_000)
        drawn = next(record.t for record in bench.of(Current) if record.t >= begins and record.ma)
        delays.append(drawn - begins - START_DELAY_MS)
    assert all(0 <= delay <= 600_000 for delay in delays)
    assert len(set(delays)) == 3
    assert [record.reason for record in bench.of(Current)][:3] == ["random-delay", "starting", "vehicle"]


def returned(*quirks: str) -> tuple[Bench, int]:
    """A charger that delays at its return, with a car that charges, whose connection has just opened again. Also when."""
    model = replace(model_like("power_up", random_delay_ms=600_000, delay_at_return=True), quirks=quirks)
    bench = Bench(replace(model, link=replace(model.link, transport="websocket")))
    bench.charger.plugged_in(0, 30_000, LEAVE)
    bench.until(600_000 + START_DELAY_MS)
    offline(bench, HOUR)
    at = bench.charger.link.next_at
    bench.charger.attempt(at)
    bench.charger.connected(at + 40)
    assert bench.charger.link.online
    assert bench.charger.ma > 0  # the server has not said a word yet
    return bench, at + 40


def word(bench: Bench, now: int, kind: str) -> None:
    """The server says something: it answers what the charger sent, or commands."""
    if kind == "command":
        bench.charger.command(now, Command("share", now, ma=30_000))
    else:
        (keepalive,) = [request for request in bench.requests() if request.action == "keepalive"]
        bench.charger.answer(now, keepalive, ACCEPTED)


@pytest.mark.parametrize("kind", ["answer", "command"])
def test_with_the_server_s_first_word_a_charge_begins_anew_where_the_model_says_so(kind):
    bench, now = returned()
    word(bench, now + 80, kind)
    assert (bench.charger.ma, bench.reason) == (0, "random-delay")
    bench.until(now + 80 + 600_000 + START_DELAY_MS)
    assert bench.charger.ma > 0
    word(bench, now + HOUR, "command")  # later ones change nothing
    assert bench.charger.ma > 0


@pytest.mark.parametrize("kind", ["answer", "command"])
def test_the_wrong_charger_goes_on_when_the_server_is_back(kind):
    bench, now = returned("skips-delay-at-return")
    word(bench, now + 80, kind)
    assert bench.charger.ma > 0


def test_an_override_cuts_the_random_delay_short():
    bench = delayed()
    charger = bench.charger
    charger.plugged_in(0, 20_000, LEAVE)
    assert bench.reason == "random-delay"
    charger.command(1_000, release(1_000))
    bench.until(1_000 + START_DELAY_MS)
    assert charger.ma == 27_500


def test_a_charger_that_skips_the_delay_starts_at_once():
    model = replace(model_like("power_up", random_delay_ms=600_000), quirks=("skips-random-delay",))
    bench = Bench(model)
    assert charging(bench).ma == 27_500


# Authorisation.


def asking(new_car: str = "local-list", *, tag: str = "mine", tag_listed: bool = True, is_offline: bool = False, **memory: Any) -> Bench:
    model = model_like(authorisation="required", server_loss=ServerLoss(new_car=new_car), memory=Memory(**memory))  # type: ignore[arg-type]
    bench = Bench(model, tag=tag, tag_listed=tag_listed)
    if is_offline:
        offline(bench, 0)
    bench.charger.plugged_in(0, 20_000, LEAVE)
    return bench


@pytest.mark.parametrize(
    ("answer", "authorised", "reason"),
    [(ACCEPTED, "yes", "starting"), (REJECTED, "rejected", "tag-refused"), (ERROR, "no", "not-authorised")],
)
def test_the_servers_answer_decides(answer, authorised, reason):
    bench = asking()
    (request,) = bench.requests()
    assert (request.action, request.tag, bench.reason) == ("authorise", "mine", "not-authorised")
    bench.charger.answer(100, request, answer)
    assert (bench.charger.authorised, bench.reason) == (authorised, reason)
    assert bool(bench.of(Transaction)) is (authorised == "yes")


@pytest.mark.parametrize(
    ("new_car", "listed", "charges"),
    [("charges", False, True), ("local-list", True, True), ("local-list", False, False), ("waits", True, False), ("refused", True, False)],
)
@pytest.mark.parametrize("how", ["offline", "no answer"])
def test_without_the_server_the_model_decides(new_car, listed, charges, how):
    bench = asking(new_car, tag_listed=listed, is_offline=how == "offline")
    if how == "no answer":
        bench.until(5_000)
        assert [record.why for record in bench.of(Failed)] == ["timeout"]
    bench.until(5_000 + START_DELAY_MS)
    assert (bench.charger.ma > 0) is charges


KNOWN: list[tuple[str, bool, bool, Answer | None, str, str]] = [
    ("the list accepts", True, False, None, "waits", "yes"),
    ("the list bars", True, True, None, "waits", "rejected"),
    ("the list outranks a cache that accepts", True, True, ACCEPTED, "charges", "rejected"),
    ("the list outranks a cache that does not", True, False, REJECTED, "waits", "yes"),
    ("the cache accepts", False, False, ACCEPTED, "waits", "yes"),
    ("the cache does not, whatever becomes of unknown tags", False, False, REJECTED, "charges", "rejected"),
    ("an error is no answer to remember", False, False, ERROR, "charges", "yes"),
    ("an unknown tag waits", False, False, None, "waits", "no"),
    ("an unknown tag charges", False, False, None, "charges", "yes"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("listed", "barred", "cached", "unknown_tag", "authorised"), [row[1:] for row in KNOWN], ids=[row[0] for row in KNOWN]
)
def test_of_list_cache_and_rule_the_first_that_knows_a_tag_decides(listed, barred, cached, unknown_tag, authorised):
    rules = ServerLoss(new_car="local-list", cached_tags=True, unknown_tag=unknown_tag)
    bench = Bench(model_like(authorisation="required", server_loss=rules), tag="mine", tag_listed=listed, tag_barred=barred)
    bench.charger.plugged_in(0, 20_000, LEAVE)
    if cached is not None:
        bench.charger.answer(10, bench.requests()[0], cached)
        bench.charger.unplugged(20)
        bench.charger.plugged_in(30, 20_000, LEAVE)
    offline(bench, 40)
    assert bench.charger.authorised == authorised


def refused_after_the_fact(*, needs_wh: int = 20_000, **rules: Any) -> Bench:
    """A charge that began on an accepted tag an hour ago; now the server answers its start, and accepts the tag no more."""
    patient = replace(model_like().link, answer_timeout_ms=2 * HOUR)
    bench = Bench(model_like(authorisation="required", tag_refused=TagRefused(**rules), link=patient), tag="mine")
    charger = bench.charger
    charger.plugged_in(0, needs_wh, LEAVE)
    charger.answer(0, bench.requests()[0], ACCEPTED)
    (begin,) = bench.requests()
    assert (begin.action, begin.tag) == ("transaction-start", "mine")
    bench.until(HOUR)
    charger.answer(HOUR, begin, REJECTED)
    return bench


def test_a_transaction_whose_tag_is_not_accepted_after_all_stops():
    bench = refused_after_the_fact()
    assert (bench.charger.ma, bench.reason, bench.charger.last_state) == (0, "tag-refused", "Finishing")
    assert [(record.edge, record.t) for record in bench.of(Transaction)] == [("open", 0), ("close", HOUR)]
    assert [(request.action, request.reason) for request in bench.requests()] == [("transaction-end", "DeAuthorized")]


def test_or_goes_on_without_energy_until_the_car_leaves():
    bench = refused_after_the_fact(transaction="suspends")
    charger = bench.charger
    assert (charger.ma, bench.reason, charger.last_state, charger.tx_plug_in) == (0, "tag-refused", "SuspendedEVSE", 1)
    charger.swiped(HOUR + MINUTE, "mine")
    power_cycle(bench, HOUR + 2 * MINUTE)
    bench.until(2 * HOUR)
    assert (charger.ma, bench.reason) == (0, "tag-refused")
    charger.unplugged(2 * HOUR)
    charger.plugged_in(2 * HOUR, 20_000, LEAVE)
    assert bench.reason == "starting"  # without the server, its list lets the next car in


@pytest.mark.parametrize(("energy_wh", "needs_wh"), [(7_000, 20_000), (7_000, 7_500), (3_000, 20_000)], ids=["flat", "taper", "passed"])
@pytest.mark.parametrize("transaction", ["stops", "suspends"])
def test_some_energy_may_be_delivered_first(transaction, energy_wh, needs_wh):
    bench = refused_after_the_fact(needs_wh=needs_wh, transaction=transaction, energy_wh=energy_wh)
    bench.until(3 * HOUR)
    charger = bench.charger
    ends = [record for record in bench.of(Current) if record.reason == "tag-refused"]
    assert [record.wh for record in ends] == [max(energy_wh, charger.energy_uj // UJ_PER_WH)]
    assert charger.energy_uj // UJ_PER_WH == (6_590 if energy_wh == 3_000 else energy_wh)
    assert (charger.tx_plug_in == 1) is (transaction == "suspends")


def test_what_may_be_delivered_first_is_of_one_transaction():
    """A power cycle ends it, and of the next one's tag the server has said nothing yet."""
    bench = refused_after_the_fact(energy_wh=8_000)
    power_cycle(bench, HOUR)
    bench.until(3 * HOUR)
    assert bench.charger.ma > 0
    assert bench.charger.register_wh(3 * HOUR) > 8_000


def test_the_answer_to_a_start_is_about_that_transaction():
    bench = Bench(model_like(authorisation="required"), tag="mine")
    charger = bench.charger
    charger.plugged_in(0, 20_000, LEAVE)
    charger.answer(0, bench.requests()[0], ACCEPTED)
    (first,) = bench.requests()
    online = connect(bench, power_cycle(bench, 1_000))
    assert charger.outbox.in_flight is first
    charger.answer(online + 100, first, REJECTED)
    assert (charger.tx, charger.tx_plug_in) == (2, 1)


def test_an_answer_that_comes_too_late_counts_for_nothing():
    bench = Bench(model_like(authorisation="required"), tag="mine")
    bench.charger.plugged_in(0, 20_000, LEAVE)
    bench.charger.answer(0, bench.requests()[0], ACCEPTED)
    (begin,) = bench.requests()
    bench.until(6_000)
    assert [record.why for record in bench.of(Failed)] == ["timeout"]
    bench.charger.answer(6_000, begin, REJECTED)
    assert bench.charger.ma == 27_500


def test_the_answer_to_a_start_is_remembered_too():
    rules = ServerLoss(new_car="local-list", cached_tags=True)
    bench = Bench(model_like(authorisation="required", server_loss=rules), tag="mine", tag_listed=False)
    charger = bench.charger
    charger.plugged_in(0, 20_000, LEAVE)
    charger.answer(0, bench.requests()[0], ACCEPTED)
    charger.answer(100, bench.requests()[0], REJECTED)
    assert charger.cache == {"mine": False}


def test_a_car_that_is_full_before_is_full():
    bench = refused_after_the_fact(needs_wh=7_500, energy_wh=9_000)
    bench.until(3 * HOUR)
    assert (bench.reason, bench.charger.tx_plug_in) == ("vehicle-full", 1)


def test_where_no_tag_is_needed_none_has_to_be_on_the_list():
    bench = Bench(model_like(server_loss=ServerLoss(new_car="local-list")), tag="mine", tag_listed=False)
    with_car_offline(bench)
    bench.until(START_DELAY_MS)
    assert bench.charger.ma == 27_500


def test_a_list_that_was_lost_lets_nobody_in():
    bench = asking("local-list", authorisation_list=("memory-loss",))
    bench.charger.restart(100, "memory-loss", "memory-loss")
    bench.until(100 + BOOT_MS + START_DELAY_MS)
    assert bench.charger.ma == 0


def test_a_car_that_waited_for_the_server_is_let_in_when_it_is_back():
    bench = Bench(model_like(server_loss=ServerLoss(new_car="waits")))
    with_car_offline(bench)
    bench.until(MINUTE)
    assert bench.reason == "waits-for-server"
    online = connect(bench, MINUTE)
    bench.until(online + START_DELAY_MS)
    assert bench.charger.ma == 27_500


def test_who_was_authorised_stays_so_over_a_power_cycle():
    bench = asking()
    (request,) = bench.requests()
    bench.charger.answer(100, request, ACCEPTED)
    booted = power_cycle(bench, HOUR)
    bench.until(booted + START_DELAY_MS)
    assert bench.charger.ma == 27_500


def test_another_tag_can_be_shown():
    bench = asking(tag="")
    assert bench.requests() == []
    bench.charger.swiped(MINUTE, "found")
    (request,) = bench.requests()
    assert (request.action, request.tag) == ("authorise", "found")
    bench.charger.answer(MINUTE + 100, request, ACCEPTED)
    bench.charger.swiped(2 * MINUTE, "another")
    assert "authorise" not in bench.take()


def test_a_driver_who_was_refused_may_show_another_tag():
    bench = asking(tag="unknown")
    (request,) = bench.requests()
    bench.charger.answer(100, request, REJECTED)
    bench.charger.swiped(MINUTE, "known")
    (request,) = bench.requests()
    assert (request.action, request.tag) == ("authorise", "known")
    bench.charger.answer(MINUTE + 100, request, ACCEPTED)
    bench.until(MINUTE + 100 + START_DELAY_MS)
    assert bench.charger.ma == 27_500


def test_out_of_service_it_neither_asks_for_a_tag_nor_begins_on_the_servers_word():
    bench = asking(tag="")
    charger = bench.charger
    assert charger.set_availability(0, in_service=False)
    charger.swiped(MINUTE, "found")
    assert not charger.remote_start(2 * MINUTE, "boss")
    assert bench.requests() == []
    charger.set_availability(3 * MINUTE, in_service=True)
    assert charger.remote_start(4 * MINUTE, "boss")
    (request,) = bench.requests()
    assert (request.action, request.tag) == ("authorise", "boss")


def test_a_power_cut_while_the_server_is_asked_does_not_leave_the_car_waiting_for_the_answer():
    bench = asking("local-list")
    assert bench.take() == ["authorise"]
    booted = power_cycle(bench, 100)
    # The answer is lost with the power. Without the server after the boot, the list decides anew.
    bench.until(booted + START_DELAY_MS)
    assert bench.charger.ma == 27_500


def test_a_tag_is_asked_about_again_after_a_power_cut_that_lost_the_answer():
    bench = asking("waits")
    assert bench.take() == ["authorise"]
    connect(bench, power_cycle(bench, 100))
    assert "authorise" in bench.take()


def test_nobody_asks_for_a_tag_where_none_is_needed():
    bench = Bench(tag="mine")
    with_car(bench)
    assert bench.take() == ["transaction-start"]


# Power.


def test_a_power_cut_stops_the_car_and_it_resumes_after_the_boot_and_the_start_delay():
    bench = Bench()
    charger = charging(bench)
    booted = power_cycle(bench, HOUR)
    assert [(record.t, record.state) for record in bench.of(Power)] == [(HOUR, "off"), (HOUR + 10_000, "booting"), (booted, "on")]
    bench.until(booted + START_DELAY_MS)
    assert (charger.ma, charger.plug_in) == (27_500, 1)
    draws = [(record.t, record.ma) for record in bench.of(Current) if record.t >= HOUR]
    assert [ma for _, ma in draws] == [0, 0, 0, 27_500]
    assert draws[-1][0] == booted + START_DELAY_MS


def test_a_charger_without_power_does_nothing():
    bench = Bench()
    charging(bench)
    bench.charger.power_lost(HOUR)
    assert bench.take()[-1] == "drop"
    assert bench.charger.deadline == NEVER
    bench.charger.power_lost(HOUR + 1)
    assert len(bench.of(Power)) == 1


def test_who_plugs_in_without_power_is_charged_once_it_is_back():
    bench = Bench()
    bench.charger.power_lost(0)
    bench.charger.plugged_in(MINUTE, 20_000, LEAVE)
    assert bench.of(Transaction) == []
    bench.charger.power_restored(2 * MINUTE)
    bench.until(2 * MINUTE + BOOT_MS + START_DELAY_MS)
    assert bench.charger.ma == 27_500
    assert len(bench.of(Transaction)) == 1


def test_a_car_taken_away_without_power_ends_its_stay():
    bench = Bench()
    charging(bench)
    bench.charger.power_lost(HOUR)
    bench.charger.unplugged(HOUR + MINUTE)
    bench.charger.power_restored(2 * HOUR)
    bench.until(2 * HOUR + BOOT_MS)
    assert bench.reason == "no-car"
    assert [record.ended for record in bench.of(Stay)] == ["unplugged"]


# Transactions and energy.


def test_a_transaction_opens_at_the_plug_in_and_closes_with_the_cars_energy():
    bench = Bench()
    charger = charging(bench)
    charger.unplugged(HOUR)
    opened, closed = bench.of(Transaction)
    assert (opened.t, opened.edge, opened.wh, closed.t, closed.edge) == (0, "open", 0, HOUR, "close")
    (stay,) = bench.of(Stay)
    assert closed.wh == stay.wh == 6_600 * (HOUR - START_DELAY_MS) // HOUR


def test_a_held_car_has_a_transaction_too():
    bench = Bench()
    held(bench)
    assert [record.edge for record in bench.of(Transaction)] == ["open"]


def test_a_power_cut_ends_one_transaction_and_begins_another():
    bench = Bench()
    charging(bench)
    booted = power_cycle(bench, HOUR)
    edges = [(record.tx, record.edge, record.t) for record in bench.of(Transaction)]
    assert edges == [(1, "open", 0), (1, "close", HOUR), (2, "open", booted)]
    (plugged,) = bench.of(PlugIn)
    assert {record.plug_in for record in bench.of(Transaction)} == {plugged.plug_in}


def test_energy_is_split_where_the_price_changes():
    periods = (
        Period(start_ms=-HOUR, level="off", microprice=1), Period(start_ms=HOUR, level="peak", microprice=5),
        Period(start_ms=2 * HOUR, level="off", microprice=1), Period(start_ms=500 * HOUR, level="off", microprice=1),
    )  # fmt: skip
    bench = Bench(periods=periods)
    charging(bench, 0)
    bench.charger.unplugged(3 * HOUR)
    (stay,) = bench.of(Stay)
    by_price = {(level, price): wh for level, price, wh in stay.by_price}
    assert by_price[("peak", 5)] == 6_600
    assert by_price[("off", 1)] == pytest.approx(2 * 6_600, abs=6_600 * START_DELAY_MS / HOUR + 1)


def test_a_stay_tells_what_was_needed_and_given():
    bench = Bench()
    charging(bench, needs_wh=3_000)
    bench.charger.unplugged(20 * HOUR)
    (stay,) = bench.of(Stay)
    assert (stay.wh, stay.needs_wh, stay.full) == (3_000, 3_000, True)
    charging(bench, 30 * HOUR, needs_wh=20_000)
    bench.charger.finish(31 * HOUR)
    last = bench.of(Stay)[-1]
    assert (last.ended, last.needs_wh, last.full) == ("run-over", 20_000, False)
    assert last.wh < last.needs_wh
    assert bench.charger.energy_uj // UJ_PER_WH == 3_000 + last.wh


# The link and the clock.


@pytest.mark.parametrize(("protocol", "flagged"), [("ocpp2.0.1", True), ("ocpp1.6", False), ("juicenet", False)])
def test_what_happened_offline_is_flagged_where_the_protocol_has_a_flag(protocol, flagged):
    bench = Bench(model_like(protocol=protocol))
    with_car_offline(bench)
    connect(bench, HOUR)
    (start,) = bench.requests()
    assert (start.action, start.offline) == ("transaction-start", flagged)


def test_messages_wait_for_the_link_and_leave_in_order():
    bench = Bench()
    with_car_offline(bench)
    bench.charger.unplugged(HOUR)
    assert bench.take() == []
    connect(bench, HOUR)
    (first,) = bench.requests()
    assert (first.action, first.at) == ("transaction-start", 0)
    bench.charger.answer(2 * HOUR, first, ACCEPTED)
    (second,) = bench.requests()
    assert (second.action, second.start) == ("transaction-end", first)


def test_a_power_up_registers_and_a_plain_reconnect_does_not():
    bench = Bench()
    offline(bench, 0)
    bench.charger.attempt(bench.charger.link.next_at)
    assert bench.take() == ["keepalive"]
    booted = power_cycle(bench, HOUR)
    bench.take()
    bench.charger.attempt(booted)
    assert bench.take() == ["registration"]


def test_readings_taken_offline_are_counted_where_the_model_keeps_them():
    rules = {"meter_values": True, "meter_interval_ms": 15 * MINUTE}
    bench = Bench(model_like("queue", **rules))
    charging(bench)
    offline(bench, 20 * MINUTE)
    connect(bench, 2 * HOUR + MINUTE)
    assert [message.count for message in bench.charger.outbox.queue if message.action == "meter-values"] == [7]


def test_a_registration_sets_the_clock_as_the_server_has_it():
    bench = Bench()
    bench.charger.clock_lost(0)
    booted = power_cycle(bench, 0)
    bench.take()
    bench.charger.attempt(booted)
    (request,) = bench.requests()
    bench.charger.answer(booted + 80, request, Answer("accepted", 3_000))
    assert (bench.charger.clock_set, bench.charger.clock_offset_ms) == (True, 3_000)


def test_a_refused_registration_is_a_failed_attempt():
    bench = Bench()
    booted = power_cycle(bench, 0)
    bench.take()
    bench.charger.attempt(booted)
    (request,) = bench.requests()
    bench.charger.answer(booted + 80, request, REJECTED)
    assert (bench.charger.link.state, bench.take()) == ("waiting", ["drop"])


def asks_to_register(bench: Bench) -> tuple[int, Request]:
    """Let the charger boot and ask to be accepted. Returns when it asked, and its request."""
    booted = power_cycle(bench, 0)
    bench.take()
    bench.charger.attempt(booted)
    (request,) = bench.requests()
    return booted, request


def test_one_that_is_refused_for_a_while_is_silent_for_as_long():
    bench = Bench()
    asked, request = asks_to_register(bench)
    bench.charger.answer(asked + 80, request, Answer("rejected", interval_ms=HOUR))
    assert (bench.charger.link.state, bench.charger.deadline) == ("waiting", asked + 80 + HOUR)


def test_one_that_is_put_off_asks_again_on_the_same_connection_by_the_servers_clock():
    bench = Bench()
    bench.charger.clock_lost(0)
    asked, request = asks_to_register(bench)
    bench.charger.answer(asked + 80, request, Answer("pending", 3_000, interval_ms=HOUR))
    assert (bench.charger.clock_set, bench.charger.clock_offset_ms) == (True, 3_000)
    assert (bench.take(), bench.charger.deadline) == ([], asked + 80 + HOUR)
    bench.until(asked + 80 + HOUR)
    assert bench.take() == ["registration"]


@pytest.mark.parametrize(("quirks", "stamp"), [((), 0), (("stamps-1970",), -EPOCH_MS)])
def test_what_happened_under_an_unset_clock_is_stamped_when_it_is_set_again(quirks, stamp):
    bench = Bench(model_like(quirks=quirks))
    offline(bench, 0)
    bench.charger.clock_lost(0)
    bench.charger.plugged_in(0, 20_000, LEAVE)
    connect(bench, HOUR)
    (request,) = bench.requests()
    assert (request.action, request.stamp) == ("transaction-start", stamp)


# Known wrong behaviours that a single charger shows.


def test_wrong_holds():
    for quirk, expected in (("renews-hold-offline", 0), ("hold-never-ends-offline", 0), ("", 27_500)):
        bench = Bench(model_like(quirks=(quirk,)))
        charger = charging(bench)
        charger.command(MINUTE, hold(MINUTE, HOUR))
        offline(bench, 2 * MINUTE)
        bench.until(MINUTE + HOUR + 30_000)
        assert charger.ma == expected


def test_a_late_amperage_is_late_by_five_minutes():
    bench = Bench(model_like(quirks=("applies-amperage-late",)))
    charger = charging(bench)
    charger.command(HOUR, Command("amperage", HOUR, ma=10_000))
    bench.until(HOUR + LATE_AMPERAGE_MS - 1)
    assert charger.ma == 27_500
    bench.until(HOUR + LATE_AMPERAGE_MS)
    assert charger.ma == 10_000


def test_a_forgotten_wire_rating_binds_again_when_the_server_speaks():
    bench = Bench(model_like(quirks=("resumes-at-unit-rating",)), settings=Settings(wire_rating_ma=10_000), car=replace(LEAF, ac_w=9_600))
    charger = charging(bench)
    assert charger.ma == 10_000
    booted = power_cycle(bench, HOUR)
    bench.until(booted + START_DELAY_MS)
    assert charger.ma == 40_000
    charger.command(2 * HOUR, Command("amperage", 2 * HOUR, ma=0))
    assert charger.ma == 10_000


@pytest.mark.parametrize(("quirk", "ends"), [("", 1), ("sends-stop-twice", 2)])
def test_an_end_is_reported_once_or_wrongly_twice(quirk, ends):
    bench = Bench(model_like(quirks=(quirk,)))
    charging(bench)
    bench.charger.unplugged(HOUR)
    assert [message.action for message in bench.charger.outbox.queue].count("transaction-end") == ends


def test_a_register_that_restarts_loses_what_was_delivered_before():
    for quirks, wh in (((), True), (("register-restarts-at-power-up",), False)):
        bench = Bench(model_like(quirks=quirks))
        charging(bench)
        power_cycle(bench, HOUR)
        assert bool(bench.charger.outbox.queue[-1].wh) is wh
