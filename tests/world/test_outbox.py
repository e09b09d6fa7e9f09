"""The queue of transaction messages: order, retries, what is given up, and in which order."""

from __future__ import annotations

from typing import Any

import pytest
from built import model_like
from hypothesis import given
from hypothesis import strategies as st

from harness.journal.records import Discard, Failed
from harness.world.link import NEVER
from harness.world.messages import Request
from harness.world.outbox import Outbox


class Shelf:
    """An outbox and the records that it wrote."""

    def __init__(self, *, quirks: tuple[str, ...] = (), **rules: Any) -> None:
        self.records: list[Any] = []
        model = model_like("queue", **{"limit": 100, "attempts": 3, "interval_ms": 60_000, **rules})
        self.outbox = Outbox(model_like(queue=model.queue, quirks=quirks), "anna", self.records.append)

    def put(self, action: str, now: int = 0, *, count: int = 1, tx: int = 1) -> Request:
        message = Request(action, now)  # type: ignore[arg-type]
        message.count, message.tx = count, tx
        self.outbox.put(now, message)
        return message

    def told(self, kind: type) -> list[Any]:
        return [record for record in self.records if isinstance(record, kind)]

    def fails(self, now: int) -> None:
        """The message in flight gets no answer."""
        assert self.outbox.next_to_send(now) is not None
        self.outbox.overdue(self.outbox.deadline)


def test_messages_leave_in_order_one_at_a_time():
    shelf = Shelf()
    first, second = shelf.put("transaction-start"), shelf.put("transaction-end", 5)
    assert shelf.outbox.next_to_send(10) is first
    assert shelf.outbox.next_to_send(20) is None
    shelf.outbox.answered(first, 30, good=True)
    assert shelf.outbox.next_to_send(30) is second
    shelf.outbox.answered(second, 40, good=True)
    assert (shelf.outbox.queue, shelf.outbox.deadline, shelf.records) == ([], NEVER, [])


def test_only_the_answer_to_what_is_in_flight_counts():
    shelf = Shelf()
    first, second = shelf.put("transaction-start"), shelf.put("transaction-end")
    shelf.outbox.next_to_send(0)
    shelf.outbox.answered(second, 10, good=True)
    assert shelf.outbox.in_flight is first
    shelf.outbox.answered(first, 10, good=True)
    shelf.outbox.answered(first, 20, good=False)
    assert (shelf.outbox.queue, shelf.told(Failed)) == ([second], [])


def test_the_next_attempt_waits_attempts_times_interval_and_the_last_gives_up():
    """OCPP 1.6 §3.7.1: three attempts at 60 s wait 60, then 120 s, and then the message is discarded."""
    shelf = Shelf(attempts=3, interval_ms=60_000)
    message = shelf.put("transaction-start")
    shelf.put("transaction-end")
    shelf.fails(0)
    failed_at = shelf.told(Failed)[-1].t
    assert (failed_at, shelf.outbox.deadline) == (5_000, 65_000)
    assert shelf.outbox.next_to_send(64_999) is None
    shelf.outbox.overdue(65_000)
    shelf.fails(65_000)
    assert shelf.outbox.deadline == 70_000 + 120_000
    shelf.outbox.overdue(190_000)
    shelf.fails(190_000)
    assert [record.number for record in shelf.told(Failed)] == [1, 2, 3]
    assert [(record.action, record.why) for record in shelf.told(Discard)] == [("transaction-start", "attempts")]
    assert message not in shelf.outbox.queue
    following = shelf.outbox.next_to_send(195_000)
    assert following is not None
    assert (following.action, following.number) == ("transaction-end", 1)


def test_an_error_counts_as_an_attempt_and_says_so():
    shelf = Shelf(attempts=1)
    message = shelf.put("transaction-end")
    shelf.outbox.next_to_send(0)
    shelf.outbox.answered(message, 80, good=False)
    assert [record.why for record in shelf.records] == ["error", "attempts"]


def test_attempts_without_end_wait_the_same_each_time_and_never_give_up():
    shelf = Shelf(attempts=0, interval_ms=30_000)
    shelf.put("transaction-start")
    now = 0
    for _ in range(50):
        shelf.fails(now)
        assert shelf.outbox.deadline == shelf.told(Failed)[-1].t + 30_000
        now = shelf.outbox.deadline
        shelf.outbox.overdue(now)
    assert (len(shelf.outbox.queue), shelf.told(Discard)) == (1, [])


def test_losing_the_link_costs_no_attempt_and_no_wait():
    shelf = Shelf(attempts=2)
    message = shelf.put("transaction-start")
    for now in range(0, 100_000, 10_000):
        assert shelf.outbox.next_to_send(now) is message
        shelf.outbox.link_lost(now + 100)
    assert message.number == 1
    assert {record.why for record in shelf.told(Failed)} == {"link-lost"}


def test_a_full_queue_counts_readings_out_first():
    shelf = Shelf(limit=10)
    shelf.put("transaction-start")
    readings = shelf.put("meter-values", count=9)
    shelf.put("transaction-end", 7)
    assert [message.action for message in shelf.outbox.queue] == ["transaction-start", "meter-values", "transaction-end"]
    assert readings.count == 8
    assert [(record.action, record.why, record.count) for record in shelf.told(Discard)] == [("meter-values", "queue-full", 1)]


def test_a_queue_full_of_starts_and_ends_refuses_the_newest():
    shelf = Shelf(limit=2)
    kept = [shelf.put("transaction-start", tx=1), shelf.put("transaction-end", tx=1)]
    shelf.put("transaction-start", tx=2)
    assert shelf.outbox.queue == kept
    assert [(record.action, record.tx, record.why) for record in shelf.records] == [("transaction-start", 2, "queue-full")]


def test_readings_under_way_are_not_counted_out():
    """The server may be booking them: given up as well, they would count twice."""
    shelf = Shelf(limit=3)
    readings = shelf.put("meter-values", count=2)
    assert shelf.outbox.next_to_send(0) is readings
    shelf.put("transaction-end", tx=1)
    shelf.put("transaction-start", tx=2)
    assert readings.count == 2
    assert [(record.action, record.tx) for record in shelf.told(Discard)] == [("transaction-start", 2)]


def test_readings_for_which_there_is_no_room_are_not_kept():
    shelf = Shelf(limit=1)
    shelf.put("transaction-start")
    shelf.put("meter-values", count=4)
    assert [message.action for message in shelf.outbox.queue] == ["transaction-start"]
    assert sum(record.count for record in shelf.told(Discard)) == 4


actions = st.sampled_from(["transaction-start", "transaction-end", "meter-values"])
moves = st.lists(st.one_of(st.tuples(actions, st.integers(1, 5)), st.sampled_from(["send", "answer", "lose"])), max_size=40)


@given(limit=st.integers(1, 12), moves=moves)
def test_no_start_or_end_is_given_up_while_a_reading_could_be(limit, moves):
    shelf = Shelf(limit=limit)
    outbox = shelf.outbox
    put = taken = 0
    for now, move in enumerate(moves):
        before = len(shelf.records)
        if move == "send":
            outbox.next_to_send(now)
        elif move == "answer" and outbox.in_flight is not None:
            taken += outbox.in_flight.count
            outbox.answered(outbox.in_flight, now, good=True)
        elif move == "lose":
            outbox.link_lost(now)
        elif isinstance(move, tuple):
            action, count = move
            count = count if action == "meter-values" else 1
            put += count
            shelf.put(action, now, count=count)
        new = [record for record in shelf.records[before:] if isinstance(record, Discard)]
        if any(record.action != "meter-values" for record in new):
            assert all(message.action != "meter-values" or message is outbox.in_flight for message in outbox.queue)
        assert sum(message.count for message in outbox.queue) <= limit
    given_up = sum(record.count for record in shelf.told(Discard))
    assert put == taken + given_up + sum(message.count for message in outbox.queue)


@given(st.lists(actions, max_size=20))
def test_what_is_left_stands_in_the_order_of_its_events(put):
    shelf = Shelf(limit=5)
    for now, action in enumerate(put):
        shelf.put(action, now)
    assert [message.at for message in shelf.outbox.queue] == sorted(message.at for message in shelf.outbox.queue)


def test_clearing_the_memory_gives_all_up():
    shelf = Shelf()
    shelf.put("transaction-start")
    shelf.put("transaction-end")
    shelf.outbox.next_to_send(0)
    shelf.outbox.clear(100)
    assert [record.why for record in shelf.told(Discard)] == ["memory-cleared", "memory-cleared"]
    assert (shelf.outbox.queue, shelf.outbox.in_flight, shelf.outbox.deadline) == ([], None, NEVER)


@pytest.mark.parametrize(
    ("quirk", "left"), [("reorders-queue", ["transaction-end", "transaction-start"]), ("drops-oldest-when-full", ["transaction-end"])]
)
def test_known_wrong_behaviours_do_what_their_names_say(quirk, left):
    shelf = Shelf(quirks=(quirk,), limit=1 if quirk == "drops-oldest-when-full" else 2)
    shelf.put("transaction-start")
    shelf.put("transaction-end")
    sent = []
    while (message := shelf.outbox.next_to_send(0)) is not None:
        sent.append(message.action)
        shelf.outbox.answered(message, 0, good=True)
    assert sent == left
