"""Chance, the same on every machine: draws keyed by (seed, actor, purpose, ordinal), by integer arithmetic alone.

An actor's key is made once from the seed and its name, so that adding an actor changes no other's draws, and a draw needs no
state but its ordinal.
"""

from __future__ import annotations

from hashlib import blake2b

MASK = (1 << 64) - 1
_PURPOSE_STEP = 0xD1342543DE82EF95
ORDINAL_STEP = 0x9E3779B97F4A7C15
FIRST_MIX = 0xBF58476D1CE4E5B9
SECOND_MIX = 0x94D049BB133111EB

BACKOFF, RANDOM_DELAY, TRIP, ARRIVAL, STAY, NEED, INTERVENES, SHARE, KEEPALIVE, JITTER, LOSS, DUPLICATE, REORDER = range(1, 14)
"""Purposes: each has a sequence of its own."""


def actor_key(seed: int, name: str) -> int:
    """The key of an actor: 64 bits that depend on the seed and on its name."""
    return int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "big")


def stream(key: int, purpose: int, ordinal: int) -> int:
    """Where the draws of a purpose begin at ``ordinal``, before they are mixed; the next is :data:`ORDINAL_STEP` further on."""
    return key + purpose * _PURPOSE_STEP + ordinal * ORDINAL_STEP


def draw(key: int, purpose: int, ordinal: int) -> int:
    """64 random bits for the ``ordinal``-th draw of this purpose (the finaliser of SplitMix64)."""
    x = (key + purpose * _PURPOSE_STEP + ordinal * ORDINAL_STEP) & MASK
    x = ((x ^ (x >> 30)) * FIRST_MIX) & MASK
    x = ((x ^ (x >> 27)) * SECOND_MIX) & MASK
    return x ^ (x >> 31)


def below(key: int, purpose: int, ordinal: int, bound: int) -> int:
    """A whole number from 0 to ``bound - 1``; 0 where ``bound`` is 0."""
    return (draw(key, purpose, ordinal) * bound) >> 64
