"""What became of each charger: its stays, and the outages that it lived through, gathered while the records go by.

A charger that the scenario names has each of its stays; of a crowd only sums are kept, so that memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.journal.records import AnyRecord, Current, Discard, Loss, PlugIn, Reason, Recovery, Stay
from harness.report.clock import Clock
from harness.report.words import REASONS
from harness.units import counted, format_duration_ms, joined, times, unit_for
from harness.values import Scenario

_STAYS_KEPT = 10
"""Stays told one by one for a named charger; later ones only count in its sums."""
_WORTH_A_WORD_MS = 60_000
"""A wait shorter than this before the first current is no wait that a driver notices."""
_MESSAGES = {"transaction-start": "starts", "transaction-end": "ends", "meter-values": "readings"}
_GIVEN_UP = {"queue-full": "its queue was full", "attempts": "all attempts had failed", "memory-cleared": "its memory was cleared"}


@dataclass(slots=True)
class Visit:
    """One stay of a car at a named charger."""

    plugged_ms: int
    needs_wh: int
    drew_ms: int = -1
    """When current first flowed; -1: never."""
    waited_for: Reason | None = None
    """What stood longest in the way of the first current."""
    ended_ms: int = -1
    """When the stay ended; -1: the journal was cut off before."""
    unplugged: bool = False
    """It ended with the car unplugged, not with the run."""
    again: bool = False
    """The car was plugged in again at once."""
    wh: int = 0
    full: bool = False
    _waits: dict[Reason, int] = field(default_factory=dict)

    @property
    def short_wh(self) -> int:
        """Energy that was needed and not had when the car left."""
        return self.needs_wh - self.wh if self.unplugged and not (self.again or self.full) and self.wh < self.needs_wh else 0


@dataclass(slots=True)
class Share:
    """What became of one entry of the scenario: a named charger, or a crowd."""

    name: str
    members: int
    """How many chargers a crowd has; 0: a single one."""
    visits: list[Visit] = field(default_factory=list)
    """A named charger's first stays."""
    stays: int = 0
    needs_wh: int = 0
    wh: int = 0
    short: int = 0
    """Stays that ended with less energy than was needed."""
    full: int = 0
    losses: int = 0
    blips: int = 0
    recoveries: int = 0
    longest_ms: int = 0
    """The longest outage that ended."""
    lost_ms: int = -1
    """Of a named charger: when it first lost its server, blips apart."""
    back_ms: int = -1
    """And when it last heard from it again."""
    given_up: dict[str, dict[str, int]] = field(default_factory=dict)
    """Why → which messages it gave up, and how many of them."""


class Stays:
    """Gathers what became of each charger. :meth:`feed` it all batches."""

    def __init__(self, scenario: Scenario) -> None:
        self.shares = [Share(entry.name, entry.count) for entry in scenario.chargers]
        self._named = {share.name: share for share in self.shares}
        self._open: dict[str, tuple[Visit, Reason | None, int]] = {}
        """Named charger → its car's stay, what stands in the way of current, and since when."""
        self._lost: dict[str, int] = {}
        handlers: dict[type[AnyRecord], Callable[[Any], None]] = {
            Stay: self._stay, Loss: self._loss, Recovery: self._recovery, Discard: self._discard
        }  # fmt: skip
        if any(not share.members for share in self.shares):
            handlers |= {PlugIn: self._plug_in, Current: self._current}
        self._handlers = handlers

    def _share(self, who: str) -> Share:
        """Of the charger itself, or of the crowd that it is a member of."""
        return self._named.get(who) or self._named[who.rpartition("-")[0]]

    def feed(self, batch: Sequence[AnyRecord]) -> None:
        """Take in a batch of records, in canonical order."""
        handlers = self._handlers
        for record in batch:
            handler = handlers.get(type(record))  # one look-up: nearly all records of a fleet are of other kinds
            if handler is not None:
                handler(record)

    def _plug_in(self, record: PlugIn) -> None:
        share = self._share(record.who)
        if share.members:
            return
        visit = Visit(record.t, record.needs_wh)
        if len(share.visits) < _STAYS_KEPT:
            share.visits.append(visit)
        self._open[record.who] = (visit, None, record.t)

    def _current(self, record: Current) -> None:
        found = self._open.get(record.who)
        if found is None:
            return
        visit, reason, since = found
        if visit.drew_ms >= 0:
            return
        if reason is not None:
            visit._waits[reason] = visit._waits.get(reason, 0) + record.t - since
        if record.ma:
            visit.drew_ms = record.t
            visit.waited_for = _longest(visit._waits)
        self._open[record.who] = (visit, record.reason, record.t)

    def _stay(self, record: Stay) -> None:
        share = self._share(record.who)
        short = record.ended == "unplugged" and not record.full and record.wh < record.needs_wh
        share.stays += 1
        share.needs_wh += record.needs_wh
        share.wh += record.wh
        share.short += short
        share.full += record.full
        found = self._open.pop(record.who, None)
        if found is None:
            return
        visit, reason, since = found
        visit.ended_ms, visit.unplugged, visit.again = record.t, record.ended != "run-over", record.ended == "replugged"
        visit.wh, visit.full = record.wh, record.full
        if visit.drew_ms < 0 and reason is not None:
            visit._waits[reason] = visit._waits.get(reason, 0) + record.t - since
            visit.waited_for = _longest(visit._waits)

    def _loss(self, record: Loss) -> None:
        share = self._share(record.who)
        share.losses += 1
        if not share.members:
            self._lost[record.who] = record.t

    def _recovery(self, record: Recovery) -> None:
        share = self._share(record.who)
        lost_ms = self._lost.pop(record.who, -1)
        if record.blip:
            share.losses -= 1
            share.blips += 1
            return
        share.recoveries += 1
        share.longest_ms = max(share.longest_ms, record.t - record.since)
        if not share.members:
            share.lost_ms = lost_ms if share.lost_ms < 0 else share.lost_ms
            share.back_ms = record.t

    def _discard(self, record: Discard) -> None:
        messages = self._share(record.who).given_up.setdefault(record.why, {})
        messages[record.action] = messages.get(record.action, 0) + record.count

    def lost_since(self, share: Share) -> int:
        """When a named charger lost the server that it never heard from again; -1 where it did."""
        return self._lost.get(share.name, -1)


def charged(visit: Visit, clock: Clock, *, verb: str = "") -> str:
    """When current first flowed and what it waited for: ``from Fri 00:00:05, after 5 h 29 min: the server's hold stands``."""
    why = f": {REASONS[visit.waited_for]}" if visit.waited_for else ""
    if visit.drew_ms < 0:
        return f"{'never' if visit.ended_ms >= 0 else 'not yet'} {verb}".rstrip() + why
    waited_ms = visit.drew_ms - visit.plugged_ms
    wait = f", after {format_duration_ms(_rounded(waited_ms))}{why}" if waited_ms >= _WORTH_A_WORD_MS else ""
    return f"{verb} from {clock.brief(_rounded(visit.drew_ms))}{wait}".lstrip()


def got(share_or_visit: Share | Visit) -> str:
    """``12.3 of 18 kWh``; of a log, where nobody knows what was needed, ``12.3 kWh``."""
    if not share_or_visit.needs_wh:
        return f"{_kwh(share_or_visit.wh)} kWh"
    return f"{_kwh(share_or_visit.wh)} of {_kwh(share_or_visit.needs_wh)} kWh"


def left(visit: Visit, clock: Clock) -> str:
    """How the stay ended: ``Fri 07:00, short of 2.1 kWh``."""
    if visit.ended_ms < 0:
        return "unknown: the journal ends before"
    if not visit.unplugged:
        return "still connected at the end" + (", full" if visit.full else "")
    if visit.again:
        return f"{clock.brief(visit.ended_ms)}, and in again"
    if not visit.needs_wh:
        return clock.brief(visit.ended_ms)
    state = "full" if visit.full else f"short of {_kwh(visit.short_wh)} kWh" if visit.short_wh else "with what it needed"
    return f"{clock.brief(visit.ended_ms)}, {state}"


def outages(share: Share, stays: Stays, clock: Clock) -> str:
    """When a charger, or how often a crowd, was without its server."""
    blips = counted(share.blips, "blips") if share.blips else ""
    lost = [_crowd_outages(share) if share.members else _own_outages(share, stays, clock)] if share.losses else []
    return ", ".join(filter(None, [*lost, blips])) or "never"


def _crowd_outages(share: Share) -> str:
    longest = f", at the longest for {format_duration_ms(_rounded(share.longest_ms))}" if share.recoveries else ""
    gone = share.losses - share.recoveries
    return f"{times(share.losses)} in all{longest}" + (f", {gone} to the end" if gone else "")


def _own_outages(share: Share, stays: Stays, clock: Clock) -> str:
    since_ms = stays.lost_since(share)
    gone = f"from {clock.brief(_rounded(since_ms))} to the end" if since_ms >= 0 else ""
    if not share.recoveries:
        return gone
    first, last = clock.brief(_rounded(share.lost_ms)), clock.brief(_rounded(share.back_ms))
    if share.recoveries == 1:
        text = f"{first} to {last}"
    else:
        longest = format_duration_ms(_rounded(share.longest_ms))
        text = f"{times(share.recoveries)} between {first} and {last}, at the longest for {longest}"
    return ", ".join(filter(None, (text, gone)))


def crowd(share: Share) -> str:
    """A crowd's stays in one line: ``17 stays, 6 left short, 3 full``."""
    parts = [counted(share.stays, "stays")]
    parts += [f"{share.short} left short"] if share.short else []
    parts += [f"{share.full} full"] if share.full else []
    return ", ".join(parts)


def given_up(share: Share) -> str:
    """Which messages of transactions it gave up, and why: ``8 starts and 8 ends, as its queue was full``; empty where there are none."""
    return "; ".join(
        f"{joined([counted(count, _MESSAGES.get(action, action)) for action, count in messages.items()])}, as {_GIVEN_UP[why]}"
        for why, messages in share.given_up.items()
    )


def more(share: Share, told: int) -> str:
    """What is said of a named charger's stays beyond the ``told`` ones; empty where there are none."""
    beyond = share.stays - told
    return f"and {beyond} more {unit_for(beyond, 'stays')}; all {share.stays}: {got(share)}, {share.short} left short" if beyond > 0 else ""


def _longest(waits: dict[Reason, int]) -> Reason | None:
    return max(waits.items(), key=lambda entry: entry[1])[0] if waits else None


def _rounded(ms: int) -> int:
    """To the second; what is shorter than a second is not worth a place in a table."""
    return (ms + 500) // 1000 * 1000


def _kwh(wh: int) -> str:
    return f"{wh / 1000:.2f}".rstrip("0").rstrip(".")
