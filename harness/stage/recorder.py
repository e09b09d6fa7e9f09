"""Puts a run's records in their one canonical order: time, actor, then the order in which the actor produced them.

A healthy exchange of messages is computed in one go, so records may come ahead of time, but never behind what was handed on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from itertools import count
from typing import cast

from harness.journal.records import AnyRecord, Record

Sink = Callable[[list[AnyRecord]], None]

BATCH = 4096
"""How many records wait before they are handed on, and how many are handed on at once; bounds memory in a burst."""


_LAST = 1 << 60


class Recorder:
    """Collects records and hands them to a sink in batches."""

    __slots__ = ("_full_at", "_waiting", "emit", "sink")

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self._waiting: list[tuple[int, int, int, Record]] = []
        self._full_at = BATCH
        self.emit: Callable[[int, Record], None] = self._taker()
        """Take in a record of the actor at a place (−1: the world): the hottest call of a run."""

    def _taker(self) -> Callable[[int, Record], None]:
        append, number = self._waiting.append, count().__next__

        def emit(place: int, record: Record) -> None:
            append((record.t, place, number(), record))

        return emit

    def emit_last(self, place: int, ordinal: int, record: Record) -> None:
        """Take in a record that follows the actor's others of that millisecond, in the order of ``ordinal`` among such."""
        self._waiting.append((record.t, place, _LAST + ordinal, record))

    def flush(self, now: int) -> None:
        """Hand on what lies before ``now``, if enough waits."""
        if len(self._waiting) >= self._full_at:
            self.hand_on(now)
            self._full_at = len(self._waiting) + BATCH

    def hand_on(self, before: int) -> None:
        """Hand on what lies before this time."""
        waiting = self._waiting
        waiting.sort()
        cut = bisect_left(waiting, (before,))
        for start in range(0, cut, BATCH):
            self.sink(cast("list[AnyRecord]", [entry[3] for entry in waiting[start : min(cut, start + BATCH)]]))
        del waiting[:cut]

    def close(self, end: int) -> None:
        """The run is over: hand on the rest, up to and including ``end``."""
        self.hand_on(end + 1)
        self._waiting.clear()
