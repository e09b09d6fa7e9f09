"""The link: noticing by silence, back-off, and attempts caught up with as if each had happened."""

from __future__ import annotations

import itertools

import pytest
from built import model_like
from hypothesis import given
from hypothesis import strategies as st

from harness.values import Backoff
from harness.values import Link as LinkRules
from harness.world.link import NEVER, Link

KEY = 987654321
STEADY_BACKOFF = Backoff(wait_minimum_ms=10_000, random_range_ms=0, repeat_times=3)


def link_with(*, key: int = KEY, quirks: tuple[str, ...] = (), **changes) -> Link:
    rules = model_like("link", **changes)
    return Link(model_like(link=rules.link, quirks=quirks), key)


def failing_attempts(link: Link, count: int) -> list[int]:
    """Make so many attempts, each failing at once; returns when each began."""
    began = []
    for _ in range(count):
        began.append(link.next_at)
        link.attempt(link.next_at)
        link.attempt_failed(began[-1])
    return began


@given(key=st.integers(0, 2**64 - 1))
def test_a_charger_online_from_the_start_stands_somewhere_on_its_own_grid(key):
    link = link_with(key=key)
    assert link.online
    assert -30_000 <= link.answered_at < 0 <= link.keepalive_at < 30_000


def test_a_lost_server_is_noticed_when_the_last_answer_lies_the_silence_back():
    link = link_with(keepalive_ms=30_000, offline_after_ms=300_000)
    link.came_online(1_000)
    assert link.deadline() == 31_000  # the next keepalive
    link.mode = "dead"
    assert link.deadline() == 301_000
    link.answered_at = 61_040
    assert link.deadline() == 361_040


def test_a_steady_link_needs_no_timer():
    link = link_with()
    link.mode = "steady"
    assert link.deadline() == NEVER


def test_a_half_open_connection_may_never_be_noticed():
    link = link_with(quirks=("never-notices-half-open",))
    link.mode = "dead"
    assert link.deadline() > 1000 * 365 * 86_400_000


@pytest.mark.parametrize(("told_ms", "asks_at"), [(90_000, 91_000), (0, 11_000)])
def test_a_registration_that_is_put_off_is_tried_again_when_the_server_says_or_after_the_least_wait(told_ms, asks_at):
    link = link_with(backoff=STEADY_BACKOFF)
    link.powered_up(0)
    link.attempt(0)
    link.put_off(1_000, told_ms)
    assert (link.pending, link.asks_at, link.deadline()) == (True, asks_at, asks_at)


@pytest.mark.parametrize(("not_before", "next_at"), [(0, 10_000), (4_000, 10_000), (60_000, 60_000)])
def test_an_attempt_that_failed_is_followed_by_none_before_the_back_off_nor_before_the_server_wants_it(not_before, next_at):
    link = link_with(backoff=STEADY_BACKOFF)
    link.powered_up(0)
    link.attempt(0)
    link.attempt_failed(0, not_before=not_before)
    assert (link.state, link.next_at) == ("waiting", next_at)


def test_waits_double_up_to_a_bound_and_then_stay():
    link = link_with(backoff=STEADY_BACKOFF)
    link.lost(0)
    began = failing_attempts(link, 6)
    assert began[0] == 10_000
    assert [then - now for now, then in itertools.pairwise(began)] == [20_000, 40_000, 80_000, 80_000, 80_000]
    assert link.next_at - began[-1] == STEADY_BACKOFF.largest_ms


@given(key=st.integers(0, 2**64 - 1), random_range_ms=st.integers(0, 60_000), repeat_times=st.integers(0, 8))
def test_each_wait_has_its_random_part_within_the_range(key, random_range_ms, repeat_times):
    backoff = Backoff(wait_minimum_ms=5_000, random_range_ms=random_range_ms, repeat_times=repeat_times)
    link = link_with(key=key, backoff=backoff)
    link.lost(0)
    began = [0, *failing_attempts(link, 12)]
    for attempt, (now, then) in enumerate(itertools.pairwise(began), start=1):
        assert backoff.base_ms(attempt) <= then - now <= backoff.base_ms(attempt) + random_range_ms
        assert then - now <= backoff.largest_ms


def test_success_starts_the_back_off_over_and_yields_the_series():
    link = link_with(backoff=STEADY_BACKOFF)
    link.lost(0)
    failing_attempts(link, 6)
    link.attempt(400_000)
    series = link.came_online(400_100)
    assert series is not None
    assert (series.first, series.last, series.count) == (10_000, 400_000, 7)
    assert (series.gaps, series.more, series.least_gap) == ([20_000, 40_000, 80_000, 80_000], 2, 80_000)
    assert (link.state, link.answered_at, link.series) == ("online", 400_100, None)
    link.lost(500_000)
    assert link.next_at == 510_000


def test_an_attempt_without_an_answer_fails_after_the_timeout():
    link = link_with(answer_timeout_ms=5_000)
    link.lost(0)
    link.attempt(20_000)
    assert (link.state, link.deadline()) == ("trying", 25_000)


def test_after_a_power_up_it_tries_at_once_and_must_register():
    link = link_with()
    link.power_lost()
    assert link.deadline() == NEVER
    link.powered_up(70_000)
    assert (link.state, link.next_at, link.registers) == ("waiting", 70_000, True)
    link.attempt(70_000)
    link.came_online(70_100)
    assert not link.registers


def test_the_power_ends_a_series():
    link = link_with(backoff=STEADY_BACKOFF)
    link.lost(0)
    failing_attempts(link, 2)
    series = link.power_lost()
    assert series is not None
    assert series.count == 2
    assert link.power_lost() is None


def test_without_back_off_each_attempt_follows_after_a_second():
    link = link_with(quirks=("no-backoff",))
    link.lost(0)
    assert failing_attempts(link, 4) == [1_000, 2_000, 3_000, 4_000]


def test_while_the_server_is_dead_attempts_need_no_timer():
    link = link_with()
    link.lost(0)
    link.mode = "dead"
    assert link.deadline() == NEVER


link_rules = st.builds(
    LinkRules, transport=st.sampled_from(["udp", "websocket"]), keepalive_ms=st.integers(1_000, 300_000),
    offline_after_ms=st.just(300_000), answer_timeout_ms=st.integers(1_000, 60_000),
    backoff=st.builds(
        Backoff, wait_minimum_ms=st.integers(100, 120_000), random_range_ms=st.integers(0, 60_000), repeat_times=st.integers(0, 10),
    ),
)  # fmt: skip


def state_of(link: Link) -> list[object]:
    series = link.series
    summary = None if series is None else [getattr(series, name) for name in series.__slots__]
    return [summary, *(getattr(link, name) for name in link.__slots__ if name not in ("series", "model", "backoff"))]


@given(
    rules=link_rules, key=st.integers(0, 2**64 - 1), quirks=st.sampled_from([(), ("no-backoff",)]), rebooted=st.booleans(),
    arrives_ms=st.integers(0, 500), then_ms=st.integers(0, 60_000), looks=st.lists(st.integers(0, 3_000_000), min_size=1, max_size=4),
)  # fmt: skip
def test_catching_up_is_attempt_by_attempt(rules, key, quirks, rebooted, arrives_ms, then_ms, looks):
    """However often one looks, what was caught up with is what would have happened. An attempt that arrives from ``now`` on is left to
    happen, and one that is known to have failed from ``now`` on is left under way."""
    model = model_like(link=rules, quirks=quirks)
    caught_up, happened = Link(model, key), Link(model, key)
    fails_ms = arrives_ms + then_ms
    for link in (caught_up, happened):
        if rebooted:
            link.power_lost()
            link.powered_up(1_000)
        else:
            link.lost(1_000)
    for now in sorted(looks):
        fail_before(caught_up, now, fails_ms)
        caught_up.catch_up(now, arrives_ms=arrives_ms, fails_ms=fails_ms)
    now = max(looks)
    while happened.state == "waiting" and happened.next_at + arrives_ms < now:
        happened.attempt(happened.next_at)
        fail_before(happened, now, fails_ms)
    assert state_of(caught_up) == state_of(happened)


def fail_before(link: Link, now: int, fails_ms: int) -> None:
    """The attempt under way, if any, fails when it does, if that is before ``now``."""
    if link.state == "trying" and link.series is not None and link.series.last + fails_ms < now:
        link.attempt_failed(link.series.last + fails_ms)


@given(rules=link_rules, key=st.integers(0, 2**64 - 1), now=st.integers(1, 3_000_000), round_trip_ms=st.integers(0, 900))
def test_what_a_steady_link_heard_follows_from_the_grid(rules, key, now, round_trip_ms):
    computed, asked = Link(model_like(link=rules), key), Link(model_like(link=rules), key)
    computed.mode = "steady"
    computed.heard_by(now, round_trip_ms)
    while asked.keepalive_at + round_trip_ms < now:
        asked.answered_at = asked.keepalive_at + round_trip_ms
        asked.keepalive_at += rules.keepalive_ms
    while asked.keepalive_at < now:
        asked.keepalive_at += rules.keepalive_ms
    assert (computed.keepalive_at, computed.answered_at) == (asked.keepalive_at, asked.answered_at)


@pytest.mark.parametrize(("now", "expected"), [(0, 40_000), (40_000, 40_000), (40_001, 70_000), (99_999, 100_000)])
def test_the_next_keepalive_stands_on_the_grid(now, expected):
    link = link_with(keepalive_ms=30_000)
    link.came_online(10_000)
    assert link.next_keepalive(now) == expected
