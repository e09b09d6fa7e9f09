"""Outages of a charger that is not ours, as they follow from what was seen of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

_LATE_MS = 3_600_000
"""So long after its return a charger may still begin to tell of its silence, whatever its model says of attempts and intervals."""

_BACK_BEFORE_MS = 10_000
"""So long before its first call a charger may have been connected again, where its connections are not seen."""
_REGULAR, _MISSED = 5, 3
"""After so many heartbeats in a row, a silence of so many times the longest pause between two of them is no chance."""


class Boot(NamedTuple):
    """A registration that tells of a restart."""

    restart_at: int
    """Where ``known`` its connection, which came after the restart; else when it was last in touch, which was before."""
    at: int
    known: bool
    reason: str = ""
    restarted: bool = True
    """It is not just that the server asked it to register."""


class Queued(NamedTuple):
    """An event that was told of later than it happened."""

    at: int
    sent: int
    flagged: bool = False
    """The charger itself says that it was offline then."""


class Outage(NamedTuple):
    """From ``since`` to ``until``; None: to the end. ``by``: when it had begun at the latest."""

    since: int
    by: int
    until: int | None
    cause: str
    restarted: bool
    noticed: bool
    """The charger noticed: it lasted longer than its noticing bound, or the charger connected anew."""
    back_at: int
    """When the charger may have been connected again at the earliest."""


class Contacts:
    """When a charger and its server were in touch, and what tells that they were not. Times in ms since the start."""

    def __init__(self, noticing_ms: int, patience_ms: int) -> None:
        self.sights: list[int] = []
        """When charger and server were in touch: an answer was given or taken."""
        self._asked: dict[int, int] = {}
        """When what was answered then was asked."""
        self.unanswered: list[int] = []
        """Calls to which no answer came."""
        self.queued: list[Queued] = []
        self.beats: list[int] = []
        """When it sent a heartbeat."""
        self.boots: list[Boot] = []
        self.told: list[tuple[int, int]] = []
        """Outages of which whoever runs the server tells."""
        self._connections: list[tuple[int, str]] = []
        """When the connection came (no cause) and went."""
        self._sends_queued_at = -1 << 60
        """When the charger last told of something that happened before."""
        self._queued_from = 0
        """The earliest of what it may still be telling of."""
        self._noticing_ms = noticing_ms
        self._patience_ms = max(patience_ms, _LATE_MS)

    def seen(self, now: int, asked: int) -> None:
        """Something that was asked before is answered now."""
        self.sights.append(now)
        self._asked[now] = min(asked, self._asked.get(now, asked))

    @property
    def last_sight(self) -> int:
        """When charger and server were last in touch; −1: never."""
        return self.sights[-1] if self.sights else -1

    def connection(self, now: int, cause: str = "") -> None:
        """The connection came, or with a ``cause`` went."""
        self._connections.append((now, cause))

    def nearest(self, stamp: int, now: int) -> int:
        """The time nearest to ``stamp`` at which an event that is told of ``now`` can have happened: the time itself, if it can.

        It cannot while charger and server were in touch: it would have been told of then, or once what waited before it was sent.
        """
        recent = now - self._noticing_ms
        if stamp >= recent:
            return stamp
        if now - self._sends_queued_at > self._patience_ms:
            self._queued_from = recent
        for place in range(len(self.sights) - 1, -1, -1):
            ends = self.sights[place + 1] if place + 1 < len(self.sights) else now
            if now - ends > self._patience_ms:
                break
            if ends - self.sights[place] > self._noticing_ms or self._out_at(ends):
                self._queued_from = min(self._queued_from, self.sights[place])
        else:
            self._queued_from = min(self._queued_from, stamp)  # nobody knows what was before the first sight
        waits_since = self.unanswered[-1] if self.unanswered else now
        if now - waits_since <= self._patience_ms:
            self._queued_from = min(self._queued_from, waits_since)
        self._sends_queued_at = now
        return max(stamp, self._queued_from)

    def _out_at(self, at: int) -> bool:
        """Whether the connection was gone, where it is seen at all."""
        place = bisect_right(self._connections, at, key=lambda edge: edge[0])
        return place > 0 and bool(self._connections[place - 1][1])

    def outages(self, end_ms: int) -> Iterator[Outage]:
        """The silences that were outages, in order."""
        sights, unanswered, queued = sorted(self.sights), sorted(self.unanswered), sorted(self.queued)
        beats = _Rhythm(self.beats)
        boots = sorted((boot for boot in self.boots if boot.restarted), key=lambda boot: boot.at)
        lost = [(at, cause) for at, cause in self._connections if cause]
        for place, before in enumerate(sights):
            until = sights[place + 1] if place + 1 < len(sights) else None
            after = end_ms + 1 if until is None else until
            long = after - before > self._noticing_ms
            restart = bisect_right(boots, before, key=lambda boot: boot.at)
            restarted = restart < len(boots) and boots[restart].at <= after
            gone = bisect_left(lost, before, key=lambda edge: edge[0])
            signs = list(self._signs(unanswered, queued, before, after, long=long, last=until is None))
            if long and until is not None and (missed := beats.missed(before, after)) is not None:
                signs.append(missed)
            said = next((begins for begins, ends in self.told if before <= begins < after or (long and begins < before < ends)), None)
            if said is not None:
                since = by = max(said, before + 1)
                cause = "told"
            elif gone < len(lost) and lost[gone][0] <= after:
                since = by = max(lost[gone][0], before + 1)
                cause = lost[gone][1]
            elif signs or (restarted and long):
                since, by, cause = before + 1, min(signs, default=after), "silence"
            else:
                continue
            if since < after:
                noticed = after - since > self._noticing_ms or restarted or cause not in ("told", "silence")
                yield Outage(since, by, until, cause, restarted, noticed, self._back_at(since, after))

    def _back_at(self, since: int, until: int) -> int:
        """When the charger was connected again at the earliest: when it was, where that is seen, else shortly before it spoke."""
        came = [at for at, cause in self._connections if not cause and since <= at <= until]
        return came[-1] if came else max(since, self._asked.get(until, until) - _BACK_BEFORE_MS)

    def _signs(self, unanswered: list[int], queued: list[Queued], before: int, after: int, *, long: bool, last: bool) -> Iterator[int]:
        """Times between two sights at which the charger could not reach its server."""
        if long:
            yield from unanswered[bisect_right(unanswered, before) : bisect_left(unanswered, after)]
        for event in queued[bisect_right(queued, before, key=_at) : bisect_left(queued, after, key=_at)]:
            if event.flagged or last or event.sent >= after or event.sent - event.at > self._noticing_ms:
                yield event.at


class _Rhythm:
    """The heartbeats of a charger: where they came regularly, those that are missing tell."""

    def __init__(self, beats: list[int]) -> None:
        self._beats = sorted(beats)

    def missed(self, since: int, until: int) -> int | None:
        """When the first of several heartbeats that were missing between two times was due; None: none were."""
        place = bisect_right(self._beats, since)
        lately = self._beats[max(0, place - _REGULAR) : place]
        if len(lately) < _REGULAR:
            return None
        every_ms = max(later - earlier for earlier, later in pairwise(lately))
        return lately[-1] + every_ms if until - lately[-1] > _MISSED * every_ms else None


def _at(event: Queued) -> int:
    return event.at
