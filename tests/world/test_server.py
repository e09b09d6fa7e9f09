"""The server: whom it meets anew, what it forgets, what it repeats, and its books."""

from __future__ import annotations

from typing import Any

import pytest
from built import HOUR, MINUTE, WINDOW, Office

from harness.journal.records import Action, Ledger, Message, Return
from harness.values import Timetable
from harness.world.messages import Command, Request
from harness.world.server import PATIENCE_MS, Cause, Deed, Gate

KEEPALIVE_MS = 30_000
IN_WINDOW = 3 * HOUR


def request(action: str, at: int, plug_in: int = 0, **values: Any) -> Request:
    made = Request(action, at, plug_in)  # type: ignore[arg-type]
    for name, value in values.items():
        setattr(made, name, value)
    return made


def start(at: int, *, plug_in: int = 1, tx: int = 1, wh: int = 0) -> Request:
    return request("transaction-start", at, plug_in, tx=tx, wh=wh)


def end_of(began: Request, at: int, *, wh: int = 5_000) -> Request:
    return request("transaction-end", at, began.plug_in, tx=began.tx, wh=wh, start=began, closes_stay=True)


def with_car(**changes: Any) -> Office:
    """A server that knows of one car, plugged in two minutes ago in the hold window, and has had all acknowledged."""
    office = Office(**changes)
    office.server.handle(IN_WINDOW - 2 * MINUTE, 0, start(IN_WINDOW - 2 * MINUTE))
    acknowledge(office, IN_WINDOW - 2 * MINUTE)
    return office


def acknowledge(office: Office, now: int) -> list[Command]:
    """Take what the server wants sent, and have all of it acknowledged."""
    orders = []
    while taken := office.server.take_out():
        for place, order in taken:
            orders.append(order)
            office.server.acknowledged(now, place, order)
    return orders


def keepalive(office: Office, now: int, plug_in: int = 1) -> list[tuple[int, str]]:
    office.server.handle(now, 0, request("keepalive", now, plug_in))
    return office.sent()


# Returns.


def test_a_registration_is_a_return():
    office = Office()
    office.server.handle(1_000, 0, request("registration", 1_000))
    assert [record.by for record in office.of(Return)] == ["registration"]
    assert [record.action for record in office.of(Message)] == ["registration"]


def test_the_first_request_on_a_new_connection_is_a_return():
    office = Office()
    office.server.handle(1_000, 0, request("connect", 1_000))
    assert office.of(Return) == []
    keepalive(office, 1_100, 0)
    keepalive(office, 31_100, 0)
    assert [(record.t, record.by) for record in office.of(Return)] == [(1_100, "connection")]


def test_over_datagrams_a_charger_that_was_offline_says_so():
    office = Office()
    office.server.handle(1_000, 0, request("keepalive", 1_000, anew=True))
    assert [record.by for record in office.of(Return)] == ["connection"]


def test_the_first_request_after_a_restart_is_a_return():
    office = Office()
    office.server.restarted(50_000, None)
    keepalive(office, 60_000, 0)
    keepalive(office, 90_000, 0)
    assert [(record.t, record.by) for record in office.of(Return)] == [(60_000, "request")]


def test_a_restart_of_one_shard_makes_only_its_own_chargers_return():
    office = Office(2, shards=2)
    office.server.restarted(50_000, 1)
    for place in (0, 1):
        office.server.handle(60_000, place, request("keepalive", 60_000))
    assert [record.who for record in office.of(Return)] == ["c1"]


@pytest.mark.parametrize(("silence_ms", "returns"), [(5 * MINUTE, 0), (5 * MINUTE + 1, 1)])
def test_a_silence_longer_than_the_noticing_bound_makes_a_return(silence_ms, returns):
    office = Office()
    keepalive(office, 60_000, 0)
    keepalive(office, 60_000 + silence_ms, 0)
    assert len(office.of(Return)) == returns


@pytest.mark.parametrize("action", ["registration", "keepalive"])
def test_word_of_a_car_that_has_left_since_comes_too_late(action):
    """A datagram that the network held back names the plug-in of before."""
    office = with_car()
    office.server.handle(IN_WINDOW, 0, start(IN_WINDOW, plug_in=2, tx=2))
    acknowledge(office, IN_WINDOW)
    office.server.handle(IN_WINDOW + MINUTE, 0, request(action, IN_WINDOW - MINUTE, 1, anew=True))
    assert [(order.name, order.plug_in) for order in acknowledge(office, IN_WINDOW + MINUTE)] == [("hold", 2)]


# What a return brings.


def test_at_a_return_the_server_sends_the_hold_with_the_time_that_is_left():
    office = with_car()
    office.server.handle(IN_WINDOW, 0, request("registration", IN_WINDOW, 1))
    (order,) = acknowledge(office, IN_WINDOW)
    assert (order.name, order.plug_in, order.duration_ms) == ("hold", 1, WINDOW[1] - IN_WINDOW)


def test_with_tou_off_it_sends_the_erasing_message():
    office = with_car(tou_on=False)
    office.server.handle(IN_WINDOW, 0, request("registration", IN_WINDOW, 1))
    assert [order.name for order in acknowledge(office, IN_WINDOW)] == ["release"]


def test_a_charger_that_runs_a_schedule_gets_it_whatever_the_time():
    office = Office(tou="schedule")
    office.server.handle(1_000, 0, request("registration", 1_000))
    (order,) = acknowledge(office, 1_000)
    assert (order.name, order.on, order.windows) == ("schedule", True, [WINDOW])


def test_a_chosen_amperage_and_the_share_come_with_a_return():
    office = Office(2, capacity_ma=40_000)
    office.server.asked(500, 0, Deed("set-amperage", 1, ma=16_000))
    acknowledge(office, 600)
    office.server.handle(1_000, 0, request("registration", 1_000))
    told = {order.name: order.ma for order in acknowledge(office, 1_000)}
    assert told == {"amperage": 16_000, "share": 20_000}


def test_a_plug_in_is_answered_with_what_applies_now():
    office = Office()
    office.server.handle(IN_WINDOW, 0, start(IN_WINDOW))
    assert office.sent() == [(0, "hold")]
    office = Office()
    office.server.handle(HOUR, 0, start(HOUR))
    assert office.sent() == []


@pytest.mark.parametrize(
    ("tou", "at_opening", "at_close"), [("hold", ["hold"], []), ("pause", ["pause"], ["release"]), ("schedule", [], [])]
)
def test_a_window_is_told_of_as_its_kind_of_charger_needs(tou, at_opening, at_close):
    office = Office(tou=tou)
    office.server.handle(HOUR, 0, start(HOUR))
    acknowledge(office, HOUR)
    said = []
    for edge in WINDOW:
        if office.server.deadline == edge:
            office.server.wake(edge)
        said.append([order.name for order in acknowledge(office, edge)])
    assert said == [at_opening, at_close]


def test_windows_are_the_shards_clock_ahead():
    office = Office()
    office.server.set_clock(0, 0, HOUR)
    assert office.server.deadline == WINDOW[0] - HOUR
    office.server.handle(WINDOW[0] - HOUR + MINUTE, 0, start(WINDOW[0] - HOUR + MINUTE))
    ((_, order),) = office.server.take_out()
    assert (order.name, order.duration_ms) == ("hold", WINDOW[1] - WINDOW[0] - MINUTE)


def test_who_has_no_car_is_told_nothing_when_a_window_opens():
    office = Office()
    office.server.wake(WINDOW[0])
    assert office.sent() == []


# Hold windows that are announced while the server works.

EVE = HOUR
"""When it becomes known that the window lasts two hours more."""
LONGER = (WINDOW[0], WINDOW[1] + 2 * HOUR)


def with_news(announced_ms: int = EVE, **changes: Any) -> Office:
    """A server that has one car at its charger and hears of more at some time."""
    office = Office(**changes)
    for account in office.server.accounts:
        account.timetable = Timetable([[WINDOW], [LONGER]], (announced_ms,))
    office.server.plan(-1)
    office.server.handle(0, 0, start(0))
    acknowledge(office, 0)
    return office


def test_a_stored_schedule_is_sent_anew_when_more_is_announced():
    office = with_news(tou="schedule")
    office.server.handle(EVE - 1, 0, request("registration", EVE - 1, 1))
    assert [order.windows for order in acknowledge(office, EVE - 1)] == [[WINDOW]]
    assert office.server.deadline == EVE
    office.server.wake(EVE)
    assert [(order.name, order.windows) for order in acknowledge(office, EVE)] == [("schedule", [LONGER])]


def test_nobody_hears_of_it_whose_time_of_use_charging_is_off():
    office = with_news(tou="schedule", tou_on=False)
    assert office.server.deadline > EVE
    office.server.wake(EVE)
    assert office.sent() == []


def test_a_hold_is_as_long_as_is_known_when_it_is_ordered():
    office = with_news()
    office.server.wake(EVE)
    assert office.sent() == []  # no hold stands that it would change
    office.server.wake(WINDOW[0])
    assert [order.duration_ms for order in acknowledge(office, WINDOW[0])] == [LONGER[1] - LONGER[0]]


def test_a_hold_that_stands_is_made_longer():
    office = with_news(IN_WINDOW)
    office.server.wake(WINDOW[0])
    assert [order.duration_ms for order in acknowledge(office, WINDOW[0])] == [WINDOW[1] - WINDOW[0]]
    assert office.server.deadline == IN_WINDOW
    office.server.wake(IN_WINDOW)
    assert [(order.name, order.duration_ms) for order in acknowledge(office, IN_WINDOW)] == [("hold", LONGER[1] - IN_WINDOW)]


def test_a_hold_that_no_window_has_any_more_is_lifted():
    office = with_car()
    office.server.accounts[0].timetable = Timetable([[WINDOW], []], (IN_WINDOW,))
    office.server.wake(IN_WINDOW)
    assert [order.name for order in acknowledge(office, IN_WINDOW)] == ["release"]


@pytest.mark.parametrize("tou", ["hold", "pause", "schedule"])
def test_a_server_that_hung_meanwhile_tells_it_then(tou):
    office = with_news(IN_WINDOW, tou=tou)
    office.server.wake(WINDOW[0])
    acknowledge(office, WINDOW[0])
    office.server.up[0] = False
    office.server.wake(IN_WINDOW)
    assert office.sent() == []
    office.server.up[0] = True
    office.server.resumed(IN_WINDOW + HOUR, 0, IN_WINDOW - HOUR)
    (order,) = acknowledge(office, IN_WINDOW + HOUR)
    assert (order.name, order.duration_ms, order.windows) == {
        "hold": ("hold", LONGER[1] - IN_WINDOW - HOUR, []), "pause": ("pause", 0, []), "schedule": ("schedule", 0, [LONGER]),
    }[tou]  # fmt: skip


def test_a_backup_from_before_holds_back_nothing_that_is_announced():
    office = with_news(tou="schedule")
    office.server.take_snapshot(0, "old")
    office.server.restarted(EVE + HOUR, None, restored="old")
    office.server.handle(EVE + 2 * HOUR, 0, request("keepalive", EVE + 2 * HOUR, 1))
    assert [order.windows for order in acknowledge(office, EVE + 2 * HOUR)] == [[LONGER]]


# Repeats.


def test_what_is_not_acknowledged_is_sent_again_with_each_request_once_the_patience_is_over():
    office = Office()
    office.server.handle(IN_WINDOW, 0, start(IN_WINDOW))
    assert office.sent() == [(0, "hold")]
    assert keepalive(office, IN_WINDOW + PATIENCE_MS - 1) == []
    again = IN_WINDOW + KEEPALIVE_MS
    office.server.handle(again, 0, request("keepalive", again, 1))
    ((_, order),) = office.server.take_out()
    assert (order.name, order.duration_ms) == ("hold", WINDOW[1] - again)
    assert keepalive(office, again + KEEPALIVE_MS) == [(0, "hold")]
    office.server.acknowledged(again + KEEPALIVE_MS + 80, 0, order)
    assert keepalive(office, again + 2 * KEEPALIVE_MS) == []


def test_a_hold_that_ran_out_unacknowledged_is_followed_by_the_erasing_message():
    office = Office()
    office.server.handle(IN_WINDOW, 0, start(IN_WINDOW))
    office.sent()
    assert keepalive(office, WINDOW[1] + MINUTE) == [(0, "release")]


def test_what_an_older_command_undid_is_said_again():
    """Datagrams: the older command was overtaken on its way, so the charger obeyed it last."""
    office = Office()
    office.server.asked(0, 0, Deed("set-amperage", 1, ma=10_000))
    ((_, older),) = office.server.take_out()
    office.server.asked(10_000, 0, Deed("set-amperage", 2, ma=20_000))
    ((_, newer),) = office.server.take_out()
    office.server.acknowledged(10_100, 0, newer)
    assert keepalive(office, 30_000, 0) == []
    office.server.acknowledged(31_000, 0, older)
    assert keepalive(office, 60_000, 0) == [(0, "amperage")]


def test_an_acknowledgement_of_an_older_amperage_does_not_settle_the_newer():
    office = Office()
    office.server.asked(0, 0, Deed("set-amperage", 1, ma=10_000))
    ((_, older),) = office.server.take_out()
    office.server.asked(10_000, 0, Deed("set-amperage", 2, ma=20_000))
    office.sent()
    office.server.acknowledged(10_100, 0, older)
    office.server.handle(20_000, 0, request("keepalive", 20_000))
    ((_, repeated),) = office.server.take_out()
    assert (repeated.ma, repeated.origin) == (20_000, 2)


# The app.


def test_an_override_releases_this_plug_in_and_no_other():
    office = with_car()
    office.server.asked(IN_WINDOW, 0, Deed("override", 9))
    (order,) = acknowledge(office, IN_WINDOW)
    assert (order.name, order.plug_in, order.origin) == ("release", 1, 9)
    assert [(record.outcome, record.plug_in) for record in office.of(Action)] == [("accepted", 1)]
    later = IN_WINDOW + HOUR
    office.server.handle(later, 0, request("registration", later, 1))
    assert [order.name for order in acknowledge(office, later)] == ["release"]
    office.server.handle(later + MINUTE, 0, end_of(start(IN_WINDOW - 2 * MINUTE), later + MINUTE))
    office.server.handle(later + HOUR, 0, start(later + HOUR, plug_in=2, tx=2))
    assert [order.name for order in acknowledge(office, later + HOUR)] == ["hold"]


@pytest.mark.parametrize("action", ["override", "pause"])
def test_without_a_car_an_override_or_a_pause_is_none(action):
    office = Office()
    office.server.asked(IN_WINDOW, 0, Deed(action, 1))
    assert ([record.outcome for record in office.of(Action)], office.sent()) == (["none"], [])


BEFORE = 30 * MINUTE
"""Before the hold window opens."""
every_kind = pytest.mark.parametrize("tou", ["hold", "pause", "schedule", "none"])


def asked(office: Office, *actions: str, at: int) -> list[tuple[str, int, int]]:
    """What the server tells a charger whose driver asks for one thing after the other: (command, plug-in, origin)."""
    for number, action in enumerate(actions, start=1):
        office.server.asked(at + number, 0, Deed(action, number))  # type: ignore[arg-type]
    return [(order.name, order.plug_in, order.origin) for order in acknowledge(office, at + 10)]


def with_early_car(tou: str, **changes: Any) -> Office:
    """A car that came before the window opened, all acknowledged."""
    office = Office(tou=tou, **changes)
    office.server.handle(BEFORE, 0, start(BEFORE))
    acknowledge(office, BEFORE)
    return office


def told_at_the_return(office: Office, now: int, plug_in: int = 1) -> list[str]:
    """What the driver's wishes and time-of-use charging come to at a registration, schedules left out."""
    office.server.handle(now, 0, request("registration", now, plug_in))
    return [order.name for order in acknowledge(office, now) if order.name != "schedule"]


@every_kind
def test_a_pause_is_told_at_once_names_its_plug_in_and_is_told_again_at_each_return(tou):
    office = with_early_car(tou)
    assert asked(office, "pause", at=HOUR) == [("pause", 1, 1)]
    assert [(record.action, record.outcome, record.plug_in) for record in office.of(Action)] == [("pause", "accepted", 1)]
    assert told_at_the_return(office, HOUR + MINUTE) == ["pause"]


@every_kind
def test_of_a_pause_and_an_override_the_later_counts(tou):
    office = with_early_car(tou)
    assert [name for name, *_ in asked(office, "pause", "override", at=HOUR)] == ["pause", "release"]
    assert told_at_the_return(office, HOUR + MINUTE) == ["release"]
    assert [name for name, *_ in asked(office, "pause", at=HOUR + 2 * MINUTE)] == ["pause"]
    assert told_at_the_return(office, HOUR + 3 * MINUTE) == ["pause"]


@every_kind
def test_a_pause_that_is_not_acknowledged_is_said_again(tou):
    office = with_early_car(tou)
    office.server.asked(HOUR, 0, Deed("pause", 1))
    assert office.sent() == [(0, "pause")]
    assert (0, "pause") in keepalive(office, HOUR + KEEPALIVE_MS)


@every_kind
def test_a_pause_outlives_a_restart_of_the_server_and_an_override_before_it_is_gone(tou):
    office = with_early_car(tou, forgets_at_restart=("override",))
    asked(office, "override", "pause", at=HOUR)
    office.server.restarted(HOUR + MINUTE, None)
    assert told_at_the_return(office, HOUR + 2 * MINUTE) == ["pause"]
    again = with_early_car(tou, forgets_at_restart=("override",))
    asked(again, "pause", "override", at=HOUR)
    again.server.restarted(HOUR + MINUTE, None)
    # Neither stands any more; without a window only a charger that is paused by its server is told anything.
    assert "pause" not in told_at_the_return(again, HOUR + 2 * MINUTE)
    assert (again.server.accounts[0].override, again.server.accounts[0].paused) == (0, 0)


@every_kind
@pytest.mark.parametrize(
    ("backup_at", "then"), [(0, []), (2, ["pause"]), (4, ["release"])], ids=["before the pause", "after it", "after the override"]
)
def test_a_restored_backup_knows_of_a_pause_what_it_knew(tou, backup_at, then):
    office = with_early_car(tou, forgets_at_restart=())
    for place, act in enumerate((None, "pause", None, "override", None)):
        if place == backup_at:
            office.server.take_snapshot(HOUR + place, "backup")
        if act is not None:
            office.server.asked(HOUR + place, 0, Deed(act, place))  # type: ignore[arg-type]
    acknowledge(office, HOUR + 10)
    office.server.restarted(HOUR + MINUTE, None, restored="backup")
    told = told_at_the_return(office, HOUR + 2 * MINUTE)
    assert told == (then or (["release"] if tou == "pause" else []))


@pytest.mark.parametrize("tou", ["hold", "pause"])
@pytest.mark.parametrize("edge", WINDOW)
def test_a_window_that_opens_or_closes_says_nothing_to_a_car_that_is_paused(tou, edge):
    office = with_early_car(tou)
    asked(office, "pause", at=HOUR)
    office.server.wake(edge)
    assert office.sent() == []
    office.server.resumed(edge + HOUR, 0, edge - HOUR)
    assert office.sent() == []
    assert told_at_the_return(office, edge + 2 * HOUR) == ["pause"]


@every_kind
def test_the_next_car_is_not_paused(tou):
    office = with_early_car(tou)
    asked(office, "pause", at=HOUR)
    office.server.handle(HOUR + MINUTE, 0, end_of(start(BEFORE), HOUR + MINUTE))
    office.server.handle(HOUR + 2 * MINUTE, 0, start(HOUR + 2 * MINUTE, plug_in=2, tx=2))
    acknowledge(office, HOUR + 2 * MINUTE)
    assert "pause" not in told_at_the_return(office, HOUR + 3 * MINUTE, 2)


@every_kind
def test_nor_is_one_that_came_while_the_charger_was_away(tou):
    office = with_early_car(tou)
    asked(office, "pause", at=HOUR)
    assert "pause" not in told_at_the_return(office, HOUR + 3 * MINUTE, 2)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("tou", ["hold", "pause"])
def test_a_pause_stands_whether_time_of_use_charging_is_on_or_off(tou, on):
    office = with_early_car(tou)
    asked(office, "pause", at=HOUR)
    office.server.asked(HOUR + MINUTE, 0, Deed("set-tou", 2, on=on))
    assert [order.name for order in acknowledge(office, HOUR + MINUTE)] == ["pause"]


def test_a_refused_pause_leaves_nothing_behind():
    office = with_car()
    office.server.refused(IN_WINDOW, 0, Deed("pause", 4))
    assert [(record.action, record.outcome) for record in office.of(Action)] == [("pause", "refused")]
    assert office.server.accounts[0].paused == 0
    wrong = with_car(quirks=("replays-refused-commands",))
    wrong.server.refused(IN_WINDOW, 0, Deed("pause", 4))
    wrong.server.restarted(IN_WINDOW + HOUR, None)
    assert wrong.server.accounts[0].paused == 1


@pytest.mark.parametrize(("forgets", "then"), [(("override",), "hold"), ((), "release")])
def test_an_override_is_forgotten_at_a_restart_or_kept(forgets, then):
    office = with_car(forgets_at_restart=forgets)
    office.server.asked(IN_WINDOW, 0, Deed("override", 1))
    acknowledge(office, IN_WINDOW)
    office.server.restarted(IN_WINDOW + HOUR, None)
    office.server.handle(IN_WINDOW + HOUR, 0, request("keepalive", IN_WINDOW + HOUR, 1))
    assert [order.name for order in acknowledge(office, IN_WINDOW + HOUR)] == [then]


def test_a_restart_forgets_what_the_model_says_and_nothing_else():
    office = Office(forgets_at_restart=("tou", "amperage", "ledger"))
    account = office.server.accounts[0]
    office.server.handle(0, 0, start(0))
    office.server.asked(10, 0, Deed("override", 1))
    office.server.asked(20, 0, Deed("set-amperage", 2, ma=10_000))
    office.server.restarted(HOUR, None)
    assert (account.tou_on, account.amperage_ma, account.entries, account.override, account.plug_in) == (False, 0, (), 1, 1)


def test_a_restarted_server_no_longer_knows_that_a_hold_was_not_acknowledged():
    office = Office()
    office.server.handle(IN_WINDOW, 0, start(IN_WINDOW))
    assert office.sent() == [(0, "hold")]
    office.server.restarted(IN_WINDOW + MINUTE, None)
    # Had it not restarted, it would now send the erasing message.
    assert keepalive(office, WINDOW[1] + MINUTE) == []


def test_a_hold_after_a_restart_carries_out_nobody_s_override():
    office = with_car(forgets_at_restart=("override",))
    office.server.asked(IN_WINDOW, 0, Deed("override", 9))
    ((_, lost),) = office.server.take_out()
    assert (lost.name, lost.origin) == ("release", 9)
    office.server.restarted(IN_WINDOW + MINUTE, None)
    office.server.handle(IN_WINDOW + HOUR, 0, request("keepalive", IN_WINDOW + HOUR, 1))
    assert [(order.name, order.origin) for order in acknowledge(office, IN_WINDOW + HOUR)] == [("hold", 0)]


def test_time_of_use_charging_can_be_switched_off_and_on_again():
    office = with_car()
    office.server.asked(IN_WINDOW, 0, Deed("set-tou", 1, on=False))
    assert [order.name for order in acknowledge(office, IN_WINDOW)] == ["release"]
    office.server.asked(IN_WINDOW + HOUR, 0, Deed("set-tou", 2, on=True, charge_in=("off-peak",), timetable=Timetable([[(0, 9 * HOUR)]])))
    (order,) = acknowledge(office, IN_WINDOW + HOUR)
    assert (order.name, order.duration_ms) == ("hold", 9 * HOUR - IN_WINDOW - HOUR)


def test_a_refused_request_is_seen_and_leaves_nothing_behind():
    office = with_car()
    office.server.refused(IN_WINDOW, 0, Deed("override", 4))
    assert [(record.outcome, record.number) for record in office.of(Action)] == [("refused", 4)]
    office.server.restarted(IN_WINDOW + HOUR, None)
    assert office.server.accounts[0].override == 0
    assert office.sent() == []


def test_the_wrong_server_carries_out_what_it_refused():
    office = with_car(quirks=("replays-refused-commands",))
    office.server.refused(IN_WINDOW, 0, Deed("override", 4))
    office.server.restarted(IN_WINDOW + HOUR, None)
    assert office.server.accounts[0].override == 1


def test_the_wrong_server_forgets_an_override_when_the_charger_goes_away():
    for quirks, kept in (((), 1), (("forgets-override-at-loss",), 0)):
        office = with_car(quirks=quirks)
        office.server.asked(IN_WINDOW, 0, Deed("override", 1))
        office.server.lost_sight(0)
        assert office.server.accounts[0].override == kept


# The books.


def booked(office: Office) -> list[tuple[int, int, int, int | None, int | None]]:
    office.server.ledger(100 * HOUR)
    return [entry for record in office.of(Ledger) for entry in record.entries]


def test_a_transaction_is_booked_once_however_often_its_messages_come():
    office = Office()
    began = start(HOUR, wh=100)
    ended = end_of(began, 2 * HOUR, wh=9_100)
    for message in (began, began, ended, began, ended, ended):
        office.server.handle(2 * HOUR, 0, message)
    assert booked(office) == [(1, HOUR, 100, 2 * HOUR, 9_100)]
    assert [record.repeat for record in office.of(Message)] == [False, True, False, True, True, True]


def test_a_repeat_is_recognised_by_start_time_and_register_not_by_its_number():
    office = Office()
    for tx, stamp, wh in ((1, HOUR, 0), (7, HOUR, 0), (1, HOUR + 1, 0), (1, HOUR, 1)):
        office.server.handle(2 * HOUR, 0, start(stamp, tx=tx, wh=wh))
    assert [entry[:3] for entry in booked(office)] == [(1, HOUR, 0), (1, HOUR + 1, 0), (1, HOUR, 1)]


def test_an_end_whose_start_never_came_books_nothing():
    office = Office()
    office.server.handle(2 * HOUR, 0, end_of(start(HOUR), 2 * HOUR))
    assert booked(office) == []


def test_the_wrong_server_books_a_repeat_as_a_new_transaction():
    office = Office(quirks=("books-repeats-twice",))
    began = start(HOUR)
    for _ in range(2):
        office.server.handle(HOUR, 0, began)
    assert len(booked(office)) == 2


def test_the_end_of_a_stay_is_the_end_of_its_car_and_a_late_repeat_is_not():
    office = Office()
    first = start(HOUR)
    last = end_of(first, 2 * HOUR)
    office.server.handle(HOUR, 0, first)
    office.server.handle(2 * HOUR, 0, last)
    assert office.server.accounts[0].plug_in == 0
    office.server.handle(IN_WINDOW, 0, start(IN_WINDOW, plug_in=2, tx=2))
    office.server.handle(IN_WINDOW + MINUTE, 0, last)
    assert office.server.accounts[0].plug_in == 2


def test_an_authorisation_is_answered_by_what_the_server_knows():
    for authorises, result in ((True, "accepted"), (False, "rejected")):
        office = Office(authorises=authorises)
        assert office.server.handle(0, 0, request("authorise", 0)).result == result
        assert [record.result for record in office.of(Message)] == [result]


def test_the_tag_of_an_account_is_accepted_until_it_is_revoked():
    office = Office()
    office.server.accounts[0].tag, office.server.accounts[0].tag_revoked_at = "mine", HOUR
    asking = request("authorise", 0)
    asking.tag = "mine"
    assert [office.server.handle(now, 0, asking).result for now in (HOUR - 1, HOUR)] == ["accepted", "rejected"]


@pytest.mark.parametrize(("tag", "result"), [("mine", "rejected"), ("other", "accepted"), ("", "accepted")])
def test_a_start_on_a_tag_that_is_not_accepted_is_answered_so_and_booked(tag, result):
    office = Office()
    office.server.accounts[0].tag, office.server.accounts[0].tag_revoked_at = "mine", HOUR
    begin = start(0)
    begin.tag = tag
    assert office.server.handle(HOUR, 0, begin).result == result
    assert [(record.action, record.result) for record in office.of(Message)] == [("transaction-start", result)]
    assert len(office.server.accounts[0].entries) == 1


# Backups.


def test_a_restore_brings_back_the_state_of_the_backup():
    office = Office()
    office.server.handle(0, 0, start(0))
    office.server.asked(100, 0, Deed("set-amperage", 1, ma=10_000))
    office.server.take_snapshot(HOUR, "backup")
    office.server.asked(2 * HOUR, 0, Deed("set-amperage", 2, ma=20_000))
    office.server.asked(2 * HOUR, 0, Deed("set-tou", 3, on=False))
    office.server.handle(2 * HOUR, 0, end_of(start(0), 2 * HOUR))
    office.server.handle(2 * HOUR, 0, start(2 * HOUR, plug_in=2, tx=2))
    office.server.restarted(3 * HOUR, None, restored="backup")
    account = office.server.accounts[0]
    assert (account.amperage_ma, account.tou_on, account.plug_in) == (10_000, True, 1)
    assert booked(office) == [(1, 0, 0, None, None)]


def test_a_plain_restart_brings_nothing_back():
    office = Office()
    office.server.take_snapshot(0, "backup")
    office.server.asked(HOUR, 0, Deed("set-amperage", 1, ma=10_000))
    office.server.restarted(2 * HOUR, None)
    assert office.server.accounts[0].amperage_ma == 10_000


# Capacity.


def test_connections_are_taken_in_one_after_the_other():
    office = Office(accepts_per_s=100, accept_queue=1000)
    assert [office.server.admit(5_000, 0) for _ in range(4)] == [5_000, 5_010, 5_020, 5_030]
    assert office.server.admit(9_000, 0) == 9_000


def test_more_than_may_wait_are_turned_away():
    office = Office(accepts_per_s=10, accept_queue=3)
    assert [office.server.admit(0, 0) for _ in range(6)] == [0, 100, 200, 300, None, None]
    assert office.server.admit(100, 0) == 400


def test_who_waited_when_a_shard_died_is_in_nobodys_way():
    office = Office(2, shards=2, accepts_per_s=20, accept_queue=1000)
    waiting = [[office.server.admit(0, shard) for _ in range(6)] for shard in (0, 1)]
    assert waiting[0][-1] == waiting[1][-1] == 500
    office.server.forget_waiting(100, 0)
    assert [office.server.admit(100, shard) for shard in (0, 1)] == [100, 600]


def test_shards_share_the_capacity():
    office = Office(2, shards=2, accepts_per_s=10, accept_queue=4)
    assert [office.server.admit(0, 0) for _ in range(4)] == [0, 200, 400, None]
    assert office.server.admit(0, 1) == 0


# Load groups.


def test_a_car_that_comes_lowers_the_others_first_and_is_raised_when_they_have_confirmed():
    office = Office(2, capacity_ma=40_000)
    office.server.handle(MINUTE, 0, start(MINUTE))
    ((place, lowering),) = office.server.take_out()
    assert (place, lowering.name, lowering.ma) == (1, "share", 6_000)
    office.server.acknowledged(MINUTE + 80, 1, lowering)
    ((place, raising),) = office.server.take_out()
    assert (place, raising.ma) == (0, 32_000)


def test_after_a_hang_a_shard_tells_of_the_windows_that_it_missed():
    office = Office()
    office.server.handle(HOUR, 0, start(HOUR))
    office.sent()
    office.server.resumed(WINDOW[0] + HOUR, 0, WINDOW[0] - HOUR)
    assert office.sent() == [(0, "hold")]
    office.server.resumed(WINDOW[0] + HOUR, 0, WINDOW[0] + MINUTE)
    assert office.sent() == []


# What is acknowledged and stands, and at which pace chargers are let in.


def stalled() -> Office:
    office = Office()
    office.server.stalled[0].append(Cause())
    return office


def test_a_stalled_server_learns_of_a_return_from_the_next_word_that_it_listens_to():
    office = stalled()
    began = 20 * MINUTE  # after a silence longer than any that a charger does not notice
    assert office.server.handle(began, 0, start(began)).result == "accepted"
    assert (office.of(Return), office.of(Message), office.sent()) == ([], [], [])
    keepalive(office, began + 1_000)
    assert [(record.t, record.by) for record in office.of(Return)] == [(began + 1_000, "request")]


def test_a_message_that_stands_twice_is_booked_once_and_what_was_changed_since_is_not():
    office = stalled()
    began = start(1_000)
    office.server.handle(1_100, 0, began)
    began.number = 2
    office.server.handle(61_100, 0, began)
    office.server.stalled[0].clear()
    office.server.work_through(2 * MINUTE, 0)
    office.server.ledger(3 * MINUTE)
    assert [(record.t, record.answered, record.number, record.repeat) for record in office.of(Message)] == [
        (2 * MINUTE, 1_100, 1, False), (2 * MINUTE, 61_100, 2, True),
    ]  # fmt: skip
    assert len(office.of(Ledger)[0].entries) == 1


def test_a_lifted_gate_leaves_as_many_waiting_and_not_for_as_long():
    server = Office().server
    gate = Gate(10)
    server.gates[0].append(gate)
    server.set_pace(0, 0)
    assert server.admit(0, 0) == 0
    assert server.admit(1_000, 0) is None  # its turn would be in 99 s
    assert gate.applied == 1
    server.gates[0].remove(gate)
    server.set_pace(1_000, 0)
    begins = server.admit(1_000, 0)
    assert begins is not None
    assert 1_000 <= begins < 2_000
