"""Accounting, OCPP's own rules, clocks, back-off and load groups, each from both sides, on hand-written timelines."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from timeline import JUICEBOX, OCPP201, Timeline, ms, scenario

from harness.journal import records as r
from harness.values import ChargerModel, Circuit, Clause

START, END = ms("10:00"), ms("12:00")


def only(check: str, model: ChargerModel = JUICEBOX, **given) -> Timeline:
    """A timeline of chargers that promise one thing."""
    return Timeline(scenario(model, clauses={check: Clause()}, **given))


def one_transaction(*entries, settled: bool = True, **given) -> Timeline:
    """A stay of two hours with one transaction of 10 kWh, settled afterwards, and what the ledger holds of it."""
    line = only("transactions-accounted", **given)
    line.at("10:00").plug_in().opens(1, wh=500)
    line.at("10:00:05").draws()
    line.at("12:00").closes(1, wh=10_500).unplug(wh=10_000)
    if settled:
        line.at("13:00").settled()
    line.at("1 00:00").ledger(*entries)
    return line


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([(1, START, 500, END, 10_500)], "1 met"),
        ([(1, START, 500, END, 10_501)], "1 met"),  # one meter step
        ([(1, START, 500, END, 10_502)], "1 failed"),
        ([(1, START, 0, END, 10_000)], "1 failed"),  # the register began again at zero
        ([], "1 failed"),
        ([(1, START, 500, None, None)], "1 failed"),
        ([(1, START, 500, END, 10_500), (1, START, 500, END, 10_500)], "1 failed"),
        ([(1, START, 500, END, 10_500), (9, START, 500, END, 10_500)], "1 met, 1 failed"),  # one that never was
    ],
)
def test_each_transaction_is_booked_once_with_its_energy(entries, says):
    assert one_transaction(*entries).judged("1 00:00") == {"transactions-accounted": says}


def test_before_all_is_settled_nobody_can_tell():
    assert one_transaction(settled=False).judged("1 00:00") == {"transactions-accounted": "1 pending"}


WHYS = ("attempts", "queue-full", "memory-cleared")


def given_up(line: Timeline, clock: str, action: str, tx: int = 1, why: str = "attempts") -> Timeline:
    line.at(clock).add(r.Discard(t=ms(clock), who="anna", action=action, tx=tx, why=why))
    return line


@pytest.mark.parametrize("why", WHYS)
@pytest.mark.parametrize(("failures", "says"), [(["error", "timeout", "error"], "1 met"), (["error", "link-lost", "timeout"], "1 failed")])
def test_a_message_may_be_given_up_after_the_models_last_attempt_whatever_the_charger_says(failures, says, why):
    line = one_transaction()
    for minute, failure in enumerate(failures):
        at = f"10:0{minute + 1}"
        line.at(at).add(r.Failed(t=ms(at), who="anna", action="transaction-start", tx=1, sent=START, number=minute + 1, why=failure))
    given_up(line, "11:00", "transaction-start", why=why)
    assert line.judged("1 00:00") == {"transactions-accounted": says}
    result = line.results("1 00:00")["transactions-accounted"]
    assert result.given_up == result.met, "it is told how many of those that held the books need not show"


@pytest.mark.parametrize("why", WHYS)
@pytest.mark.parametrize(("limit", "says"), [(3, "2 met"), (4, "1 met, 1 failed")])
def test_the_newest_message_may_be_given_up_where_so_many_wait_that_the_queue_is_full(limit, says, why):
    line = only("transactions-accounted", replace(JUICEBOX, queue=replace(JUICEBOX.queue, limit=limit)))
    line.at("10:00").plug_in().opens(1).closes(1)
    line.at("11:00").opens(2)  # the third that waits; one more may have been taken in and wait for its answer
    given_up(line, "11:00", "transaction-start", 2, why)
    line.at("12:00").closes(2).unplug()
    line.at("13:00").settled()
    line.at("1 00:00").ledger((1, START, 0, START, 0))
    assert line.judged("1 00:00") == {"transactions-accounted": says}


def test_a_full_queue_may_not_drop_an_older_start():
    line = one_transaction((2, ms("14:00"), 10_500, ms("15:00"), 12_000))
    line.at("13:59").plug_in()
    line.at("14:00").opens(2, wh=10_500)
    given_up(line, "14:00", "transaction-start", 1, "queue-full")
    line.at("15:00").closes(2, wh=12_000).unplug(wh=1_500)
    line.at("16:00").settled()
    assert line.judged("1 00:00") == {"transactions-accounted": "1 met, 1 failed"}


@pytest.mark.parametrize(
    ("number", "called", "at", "told"),
    [
        (7, {}, "12:00", "transaction 7"),
        (-1, {-1: "4711"}, "12:00", "transaction 4711 of the books, begun at +12:00:00 at 11 Wh,"),
        (-1, {-1: ""}, "12:00", "a transaction, begun at +12:00:00 at 11 Wh,"),
        (-1, {-1: "4711"}, -30_000, "transaction 4711 of the books, begun at 30 s before the start at 11 Wh,"),
    ],
)
def test_a_booking_that_no_charger_told_of_is_told_as_the_books_have_it(number, called, at, told):
    line = one_transaction()
    line.at("1 00:00").ledger((1, START, 500, END, 10_500), (number, ms(at), 11, None, None), called=called)
    witness = line.results("1 00:00")["transactions-accounted"].witness
    assert witness.rule == f"{told} is in the ledger and never was"


def test_the_ledger_s_order_and_the_energy_of_a_stay():
    def booked(*entries, wh):
        line = only("transactions-accounted")
        line.at("10:00").plug_in().opens(1)
        line.at("11:00").closes(1, wh=5_000)
        line.at("11:01").opens(2, wh=5_000)
        line.at("12:00").closes(2, wh=9_000).unplug(wh=wh)
        line.at("13:00").settled()
        line.at("1 00:00").ledger(*entries)
        return line.judged("1 00:00")

    first, second = (1, START, 0, ms("11:00"), 5_000), (2, ms("11:01"), 5_000, END, 9_000)
    assert booked(first, second, wh=9_000) == {"transactions-accounted": "2 met"}
    assert booked(second, first, wh=9_000) == {"transactions-accounted": "2 met, 1 failed"}
    assert booked(first, second, wh=9_500) == {"transactions-accounted": "2 met, 1 failed"}


@pytest.mark.parametrize(("gap", "says"), [([30_000, 60_000, 120_000], "1 met"), ([30_000, 59_000], "1 failed"), ([1000], "1 failed")])
def test_attempts_back_off(gap, says):
    line = only("reconnect-backs-off")
    line.at("10:00").add(r.Attempts(t=START, who="anna", first=0, last=1, count=len(gap) + 1, gaps=gap))
    assert line.judged() == {"reconnect-backs-off": says}


@pytest.mark.parametrize(("least", "says"), [(120_000, "1 met"), (60_000, "1 failed")])
def test_later_attempts_keep_the_largest_wait(least, says):
    line = only("reconnect-backs-off")
    attempts = r.Attempts(t=START, who="anna", first=0, last=1, count=9, gaps=[30_000, 60_000, 120_000], more=5, least_gap=least)
    line.at("10:00").add(attempts)
    assert line.judged() == {"reconnect-backs-off": says}


def test_one_attempt_shows_no_back_off():
    line = only("reconnect-backs-off")
    line.at("10:00").add(r.Attempts(t=START, who="anna", first=0, last=0, count=1))
    assert line.judged() == {}


@pytest.mark.parametrize(
    ("stamp", "says"), [(START, "1 met"), (START + 10_000, "1 met"), (START - 10_001, "1 failed"), (-(10**12), "1 failed")]
)
def test_messages_carry_the_time_of_their_event(stamp, says):
    line = only("clock-sane")
    line.at("10:01").message("transaction-start", tx=1, at="10:00", stamp=stamp)
    assert line.judged() == {"clock-sane": says}


@pytest.mark.parametrize(("sent", "says"), [("10:02:00", "1 met"), ("10:01:40", "1 failed"), ("09:59", "1 pending")])
def test_nothing_is_sent_before_acceptance(sent, says):
    line = only("nothing-before-acceptance")
    line.at("10:00").off()
    line.at("10:01").on()
    line.at("10:01:50").message("registration", sent=ms("10:01:45"))
    line.at("10:02:10").message("transaction-end", tx=1, at="10:00", sent=ms(sent))
    assert line.judged() == {"nothing-before-acceptance": says}  # what was sent before the power cut is another matter


def test_a_registration_that_was_not_accepted_permits_nothing():
    line = only("nothing-before-acceptance")
    line.at("10:01").restart()
    line.at("10:01:50").message("registration", result="pending")
    line.at("10:02").message("transaction-end", tx=1)
    assert line.judged() == {"nothing-before-acceptance": "1 failed"}


@pytest.mark.parametrize(("second", "says"), [("11:00", "2 met"), ("09:00", "1 met, 1 failed")])
def test_transactions_arrive_in_the_order_of_their_events(second, says):
    line = only("transactions-in-order")
    line.at("12:00").message("transaction-start", tx=1, at="10:00")
    line.at("12:01").message("transaction-end", tx=1, at=second)
    line.at("12:02").message("transaction-start", tx=1, at="10:00", repeat=True)  # a repetition is no event
    assert line.judged() == {"transactions-in-order": says}


@pytest.mark.parametrize(
    ("at", "flag", "says"),
    [
        ("09:00", False, "1 met"), ("09:00", True, "1 failed"), ("11:00", True, "1 met"), ("11:00", False, "1 failed"),
        ("10:02", False, ""), ("10:02", True, ""), ("12:00", False, ""), ("12:00", True, ""),
    ],
)  # fmt: skip
def test_the_offline_flag_tells_where_an_event_happened(at, flag, says):
    line = only("offline-flag", OCPP201)
    line.at("10:00").crash()
    line.at("10:05").offline()
    sent = "12:00" if at != "09:00" else "09:00"
    line.at("12:00").online().recovers()
    line.at(sent).message("transaction-start", tx=1, at=at, offline=flag, sent=ms(sent))
    # Between the loss and its being noticed nobody can tell, nor in the very millisecond of coming back.
    assert line.judged() == ({"offline-flag": says} if says else {})


def sequence(*messages: tuple[int, int], discards: int = 0) -> dict[str, str]:
    line = only("no-sequence-gap", OCPP201)
    if discards:
        line.at("10:30").add(r.Discard(t=ms("10:30"), who="anna", action="meter-values", tx=1, why="queue-full", count=discards))
    for place, (seq, count) in enumerate(messages):
        action = "transaction-start" if not place else "meter-values"
        line.at(f"11:{place:02d}").message(action, tx=1, seq=seq, count=count)
    return line.judged()


def test_sequence_numbers_have_no_gap_but_what_was_given_up():
    assert sequence((0, 1), (1, 4), (5, 1)) == {"no-sequence-gap": "3 met"}
    assert sequence((0, 1), (2, 1)) == {"no-sequence-gap": "1 met, 1 failed"}
    assert sequence((1, 1)) == {"no-sequence-gap": "1 failed"}
    assert sequence((0, 1), (3, 1), discards=2) == {"no-sequence-gap": "2 met"}
    assert sequence((0, 1), (3, 1), (6, 1), discards=2) == {"no-sequence-gap": "2 met, 1 failed"}


def test_a_message_that_a_restored_server_takes_in_anew_is_no_gap():
    """The backup is from before the transaction, so the server does not know the repetition for one."""
    line = only("no-sequence-gap", OCPP201)
    line.at("11:00").message("transaction-start", tx=1, at="11:00", seq=0)
    line.at("11:20").message("transaction-start", tx=1, at="11:00", seq=0, number=2)
    line.at("12:00").message("transaction-end", tx=1, at="12:00", seq=1)
    assert line.judged() == {"no-sequence-gap": "2 met"}


def test_a_message_that_was_given_up_and_comes_after_its_successors_is_neither_a_gap_nor_its_end():
    line = only("no-sequence-gap", OCPP201)
    line.at("11:00").message("transaction-start", tx=1, at="11:00", seq=0)
    line.at("11:30").add(r.Discard(t=ms("11:30"), who="anna", action="transaction-end", tx=1, why="attempts", count=1))
    line.at("11:31").message("transaction-start", tx=2, at="11:31", seq=0)
    line.at("11:40").message("transaction-end", tx=1, at="11:29", seq=1, sent=ms("11:29"))
    line.at("11:50").message("transaction-end", tx=2, at="11:50", seq=1)
    assert line.judged() == {"no-sequence-gap": "3 met"}


def group(ben_at: str, amperes: float) -> Timeline:
    """Two cars behind a circuit of 40 A; anna draws 27.5 A until 11:00, then 12 A."""
    circuits = (Circuit(name="street", members=("anna", "ben"), capacity_ma=40_000),)
    line = only("load-group-within-capacity", names=("anna", "ben"), circuits=circuits)
    for name in ("anna", "ben"):
        line.at("09:00", name).plug_in()
    line.at("10:00", "anna").draws(27.5)
    line.at("11:00", "anna").draws(12)
    line.at(ben_at, "ben").draws(amperes)
    return line


def test_a_group_keeps_within_its_circuit():
    assert group("10:30", 12.5).judged() == {"load-group-within-capacity": "1 met"}
    assert group("11:00", 27.5).judged() == {"load-group-within-capacity": "1 met"}  # changes in one millisecond count together
    line = group("10:59:59", 27.5)
    assert line.judged() == {"load-group-within-capacity": "1 failed"}
    witness = line.results()["load-group-within-capacity"].witness
    assert (witness.charger, witness.t) == ("ben", ms("10:59:59"))
    assert "street drew 55 A" in witness.rule
    assert "carries 40 A" in witness.rule


def test_a_group_that_draws_still_more_has_failed_once_by_the_change_that_brought_it_over():
    line = group("10:30", 27.5)
    line.at("10:45", "anna").draws(30)
    assert line.judged() == {"load-group-within-capacity": "1 failed"}
    witness = line.results()["load-group-within-capacity"].witness
    assert (witness.charger, witness.t) == ("ben", ms("10:30"))


def test_a_group_that_never_drew_shows_nothing():
    circuits = (Circuit(name="street", members=("anna",), capacity_ma=40_000),)
    assert only("load-group-within-capacity", circuits=circuits).judged() == {}


def test_the_share_binds_from_the_start_and_from_its_acknowledgement():
    circuits = (Circuit(name="street", members=("anna", "ben"), capacity_ma=40_000),)
    line = only("current-within-limits", names=("anna", "ben"), circuits=circuits)
    line.at("09:00").plug_in()
    line.at("09:01").draws(20)
    line.at("10:00").command("share", ma=16_000).draws(16)
    line.at("11:00").unplug()
    assert line.judged() == {"current-within-limits": "1 met"}
    line.at("10:30").draws(20)
    assert line.judged() == {"current-within-limits": "1 failed"}


def test_only_ocpp_2_has_flags_and_numbers_to_judge():
    for check in ("offline-flag", "no-sequence-gap"):
        line = only(check)
        line.at("09:00").message("transaction-start", tx=1, seq=7, offline=True)
        assert line.judged() == {}


def test_what_is_no_valid_ocpp_fails_and_each_valid_answer_counts():
    line = Timeline(scenario(clauses={"frames-valid": Clause()}), kind="your server")
    message = r.Message(t=START, who="anna", action="registration", sent=START, at=START, stamp=START)
    line.at("10:00").add(message)
    assert line.judged() == {"frames-valid": "1 met"}
    line.at("10:01").add(r.Finding(t=ms("10:01"), who="anna", what="not JSON", frame="hello"))
    assert line.judged() == {"frames-valid": "1 met, 1 failed"}
