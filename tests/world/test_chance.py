"""Chance: fixed draws, the same everywhere; each actor's draws are its own."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.world.chance import (
    ARRIVAL,
    BACKOFF,
    FIRST_MIX,
    MASK,
    ORDINAL_STEP,
    SECOND_MIX,
    actor_key,
    below,
    draw,
    stream,
)  # fmt: skip

words = st.integers(0, 2**64 - 1)
purposes = st.integers(1, 9)
ordinals = st.integers(0, 10**6)


def test_draws_are_those_of_splitmix64():
    """The generator's published outputs for seed 0."""
    assert [draw(0, 0, ordinal) for ordinal in (1, 2, 3, 4)] == [
        0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seed", "name", "key"),
    [
        (7, "anna", 0x07006CF114333B9C), (7, "ben", 0xCBA8B8FB85D5983B), (8, "anna", 0x71A92FE7DF2D586E),
        (-1, "homes-01", 0x0D67DC3F44AEA4E5),
    ],
)  # fmt: skip
def test_keys_are_fixed(seed, name, key):
    """As ``printf '7/anna' | b2sum -l 64`` gives them."""
    assert actor_key(seed, name) == key


def test_keys_of_actors_and_seeds_differ():
    keys = {actor_key(seed, f"homes-{number}") for seed in range(20) for number in range(500)}
    assert len(keys) == 10_000


@given(key=words, purpose=purposes, ordinal=ordinals, bound=st.integers(1, 10**9))
def test_below_stays_below(key, purpose, ordinal, bound):
    assert 0 <= below(key, purpose, ordinal, bound) < bound


@given(key=words, purpose=purposes, ordinal=ordinals)
def test_below_nothing_is_nothing(key, purpose, ordinal):
    assert below(key, purpose, ordinal, 0) == 0


@given(key=words, purpose=purposes, ordinal=ordinals, number=st.integers(0, 10**6))
def test_a_stream_is_draw_by_draw(key, purpose, ordinal, number):
    """Mixed as a draw is, a stream gives the draws from its ordinal on."""
    bits = stream(key, purpose, ordinal) + number * ORDINAL_STEP & MASK
    bits = (bits ^ bits >> 30) * FIRST_MIX & MASK
    bits = (bits ^ bits >> 27) * SECOND_MIX & MASK
    assert bits ^ bits >> 31 == draw(key, purpose, ordinal + number)


def test_draws_are_spread_evenly_and_purposes_do_not_repeat_each_other():
    key = actor_key(1, "anna")
    counts = Counter(below(key, BACKOFF, ordinal, 10) for ordinal in range(10_000))
    assert all(abs(count - 1_000) < 150 for count in counts.values())  # five standard deviations
    alike = sum(below(key, BACKOFF, ordinal, 10) == below(key, ARRIVAL, ordinal, 10) for ordinal in range(10_000))
    assert abs(alike - 1_000) < 150
