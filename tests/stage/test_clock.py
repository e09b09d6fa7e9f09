"""Virtual time: what is due in one millisecond happens in one order, whatever order it was asked for in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.stage.clock import ARRIVAL, DEADLINE, LAST, PLAN, SERVER, Clock

orders = st.sampled_from([PLAN, SERVER, ARRIVAL, DEADLINE, LAST])


@given(st.lists(st.tuples(st.integers(0, 5), orders, st.integers(-1, 3)), max_size=30))
def test_time_then_order_then_place_then_who_asked_first(asked):
    clock = Clock()
    happened: list[tuple[int, int, int, int]] = []
    for number, (when, order, place) in enumerate(asked):
        clock.at(when, order, place, lambda *what: happened.append((clock.now, *what)), order, place, number)
    clock.run(10)
    assert happened == sorted((when, order, place, number) for number, (when, order, place) in enumerate(asked))


def test_the_order_is_plan_server_arrivals_deadlines_accounts():
    assert PLAN < SERVER < ARRIVAL < DEADLINE < LAST


def test_what_is_asked_for_in_the_same_millisecond_still_happens_in_it():
    clock = Clock()
    happened: list[str] = []

    def plan() -> None:
        happened.append("plan")
        clock.at(clock.now, ARRIVAL, 0, happened.append, "arrival")
        clock.at(clock.now, LAST, -1, happened.append, "accounts")
        clock.at(clock.now, PLAN, -1, happened.append, "another step")

    clock.at(7, PLAN, -1, plan)
    clock.at(7, DEADLINE, 0, happened.append, "deadline")
    clock.run(7)
    assert happened == ["plan", "deadline", "another step", "arrival", "accounts"]


def test_the_end_is_included_and_nothing_after_it():
    clock = Clock()
    happened: list[int] = []
    for when in (0, 10, 11):
        clock.at(when, PLAN, -1, happened.append, when)
    clock.run(10)
    clock.at(10, PLAN, -1, happened.append, 12)
    assert (happened, clock.now) == ([0, 10], 10)


def test_time_that_nothing_needs_still_passes():
    clock = Clock()
    clock.run(1_000)
    assert clock.now == 1_000


def test_now_and_then_it_says_how_far_it_is():
    told: list[int] = []
    clock = Clock()
    for when in range(1, 101):
        clock.at(when, PLAN, -1, abs, when)
    clock.run(100, told.append)
    assert told
    assert told == sorted(told)
