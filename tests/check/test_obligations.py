"""Obligations and combinators against a reference that looks at the whole history."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.check.combinators import after, always, during, leads_to, never, sometimes, until
from harness.check.obligation import Obligation

HORIZON = 30

instants = st.lists(
    st.tuples(st.integers(0, HORIZON), st.booleans(), st.booleans(), st.booleans()), unique_by=lambda instant: instant[0], max_size=12
).map(sorted)
"""(time, goal, trigger, release) at rising times. Each value holds until the next instant."""


def value(history, t, place, before=False):
    """A signal's value at ``t``, or just before it: looked up in the whole history."""
    known = [instant for instant in history if (instant[0] < t if before else instant[0] <= t)]
    return known[-1][place] if known else False


def outcome_of(history, began, deadline, ended, *, early, over):
    """How an obligation that began at ``began`` ends, judged millisecond by millisecond with hindsight."""
    last = ended if ended is not None else over
    for t in range(deadline, last):
        if not value(history, t, 1):
            return "failed", t
    if ended is None:
        return "pending", over
    reached = ended > began and value(history, ended, 1, before=True)
    return ("met" if reached and (early or ended > deadline) else "cancelled"), ended


@given(instants, st.integers(0, 10), st.booleans(), st.integers(0, HORIZON))
def test_an_obligation_agrees_with_hindsight(history, bound, early, ends_at):
    began = history[0][0] if history else 0
    over = HORIZON + 5
    ended = next((t for t, *_ in history if t >= max(ends_at, began)), None)
    one = Obligation(began, level=value(history, began, 1), deadline=began + bound, early=early)
    result, at = "", over
    for t, goal, _, _ in history:
        if not result and t >= began and (ended is None or t <= ended):
            result = one.step(t, goal, "end" if t == ended else "")
            at = one.failed_at if result == "failed" else t
    if not result:
        result = one.close(over)
        at = one.failed_at if result == "failed" else over
    assert (result, at) == outcome_of(history, began, began + bound, ended, early=early, over=over)


@given(instants, st.integers(0, 10))
def test_a_goal_wanted_once_agrees_with_hindsight(history, bound):
    began = history[0][0] if history else 0
    one = Obligation(began, level=value(history, began, 1), deadline=began + bound, once=True)
    result = ""
    for t, goal, _, _ in history:
        result = result or one.step(t, goal)
    result = result or one.close(HORIZON + 20)
    reached = any(value(history, t, 1) for t in range(began, began + bound + 1))
    assert result == ("met" if reached else "failed")


def run(machine, history, over):
    """Feed a machine with a history whose facts are the instants themselves, from time 0 on."""
    facts = (0, False, False, False)
    first = history[0] if history and history[0][0] == 0 else facts
    ends = machine.open(0, first)
    for instant in history:
        if instant[0] > 0:
            ends += machine.feed(instant[0], instant)
    return ends + machine.close(over)


def goal(facts):
    return facts[1]


def trigger(facts):
    return facts[2]


def release(facts):
    return facts[3]


def rises(history):
    """When the trigger becomes true."""
    return [t for t, _, now, _ in history if now and not value(history, t, 2, before=True)]


@given(instants, st.integers(0, 10))
def test_leads_to_agrees_with_hindsight(history, within):
    over = HORIZON + 20
    ends = run(leads_to(trigger, goal, within), history, over)
    expected = [
        ("met" if any(value(history, t, 1) for t in range(began, began + within + 1)) else "failed", began) for began in rises(history)
    ]
    assert sorted((end.outcome, end.began) for end in ends) == sorted(expected)


@given(instants, st.integers(0, 10))
def test_until_agrees_with_hindsight(history, within):
    over = HORIZON + 20
    ends = run(until(trigger, goal, release, within), history, over)
    expected = []
    for began in rises(history):
        ended = next((t for t, _, _, now in history if now and t > began), None)
        expected.append((outcome_of(history, began, began + within, ended, early=True, over=over)[0], began))
    assert sorted((end.outcome, end.began) for end in ends) == sorted(expected)


@given(instants)
def test_always_never_and_sometimes_agree_with_hindsight(history):
    over = HORIZON + 20
    values = [False if not history or history[0][0] > 0 else history[0][1]] + [now for t, now, *_ in history if t > 0]
    assert [end.outcome for end in run(always(goal), history, over)] == ["met" if all(values) else "failed"]
    assert [end.outcome for end in run(never(goal), history, over)] == ["failed" if any(values) else "met"]
    assert [end.outcome for end in run(sometimes(goal), history, over)] == ["met" if any(values) else "failed"]


@given(instants)
def test_during_judges_each_stretch_by_itself(history):
    over = HORIZON + 20
    ends = run(during(release, sometimes(goal)), history, over)
    stretches = [t for t, *_, now in history if now and not value(history, t, 3, before=True)]
    expected = []
    for began in stretches:
        inside = []
        for t, now, _, still in (instant for instant in history if instant[0] >= began):
            if not still:
                break
            inside.append((t, now))
        expected.append("met" if any(now for _, now in inside) else "failed")
    assert [end.outcome for end in sorted(ends, key=lambda end: end.began)] == expected


def test_after_waits_for_its_moment():
    machine = after(goal, 10)
    assert machine.feed(3, (3, True, False, False)) == []
    assert [end.outcome for end in machine.open(5, (5, False, False, False))] == []
    assert [(end.outcome, end.took_ms) for end in machine.feed(12, (12, True, False, False))] == [("met", 7)]
    late = after(goal, 10, release)
    late.open(5, (5, False, False, False))
    assert [(end.outcome, end.at) for end in late.feed(16, (16, True, False, False))] == [("failed", 15)]
