"""What a charger did, put together from what was seen of it: stays, transactions, outages, and the current where anything tells of it.

Theory of operation. The *facts* are states of the connector and readings of the energy register, each at the time of its event, be it told
of at once or after a silence. *Outages* follow from the frames: from the last time that charger and server are known to have been in
touch to the next, where between the two lie a restart, a connection, calls without an answer, or events that were told of only later.

The current is put together *stretch* by stretch, between one fact and the next. In touch, a charger tells of each change of state, so the
state tells whether current flows; a register that has not moved for a minute outweighs it. In an outage only a state that the charger tells
of later, or the register, says what happened: as much energy as before or after in the same time means that current flowed throughout;
none, where the car draws again later, that it was stopped. Everything else stays unseen, and says so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from harness.journal.records import (
    Command,
    Current,
    Discard,
    Failed,
    Ledger,
    Link,
    Loss,
    Message,
    PlugIn,
    Power,
    Reason,
    Record,
    Recovery,
    Return,
    Settled,
    State,
    Stay,
    Transaction,
    Unseen,
)
from harness.values import ChargerModel, Supply
from harness.world.messages import Request

LEAST_MA = 6000
"""What a charging car draws at least (IEC 61851-1): taken where nothing was measured."""
STEADY_PERMILLE = 900
"""A stretch with at least this part of its neighbours' power has been charged throughout."""
STILL_MS = 60_000
"""A register that does not move for so long: no current flows. At 6 A it moves more than 20 Wh."""
SAMPLE_LASTS_MS = 15 * 60_000
"""A measured current counts for so long."""
_ORDER = {
    Power: 0, Transaction: 1, Stay: 2, PlugIn: 3, Unseen: 5, Current: 6, Return: 7, Recovery: 8, Link: 9, Loss: 10, Message: 11,
    Command: 12, Failed: 13, Discard: 14, Settled: 15, Ledger: 16,
}  # fmt: skip
"""Records of one millisecond, in this order; a transaction opens after its car has come."""
_CONNECTED = frozenset({"Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"})


class Fact(NamedTuple):
    """A state, a register in Wh or a current in mA, and when."""

    at: int
    what: Any
    plug_in: int = 0
    coarse: bool = False


@dataclass(slots=True)
class Tx:
    """A transaction."""

    number: int
    key: tuple[Any, ...]
    """What tells it from others: start and register, or the charger's id."""
    plug_in: int
    at: int
    wh: int
    stamp: int
    ids: list[Any] = field(default_factory=list)
    """The ids under which the server booked it: one, if it is right."""
    end_at: int = -1
    end_wh: int = 0
    end_stamp: int = 0
    end_booked: bool = False
    reason: str = ""
    request: Request | None = None


@dataclass(slots=True)
class Boot:
    """A registration that tells of a restart."""

    restart_at: int
    """The latest time at which the charger is known to have been something else than new: its connection, or its last sight."""
    at: int
    reason: str
    known: bool
    """``restart_at`` is its connection."""
    accepted_at: int = -1


class Outage(NamedTuple):
    """From ``since`` to ``until``; None: to the end."""

    since: int
    until: int | None
    cause: str
    restarted: bool
    noticed: bool
    """The charger noticed: it was longer than the noticing bound, or it connected anew."""


@dataclass(slots=True)
class Visit:
    """A car's stay."""

    number: int
    since: int
    until: int | None = None


class Stretch(NamedTuple):
    """From one fact to the next, in one stay."""

    since: int
    until: int
    state: State | None
    draws: bool | None
    """None: nothing tells."""
    full: bool
    ma: int
    reason: Reason


class History:
    """Collects what is seen of a charger; :meth:`told_by` makes records of it."""

    def __init__(self, name: str, model: ChargerModel, supply: Supply) -> None:
        self.name = name
        self.states: list[Fact] = []
        self.currents: list[Fact] = []
        self.transactions: list[Tx] = []
        self.boots: list[Boot] = []
        self.sights: list[int] = []
        """When charger and server were in touch: an answer was given or taken."""
        self.called: list[int] = []
        self.unanswered: list[int] = []
        """Calls to which no answer came, or an error."""
        self.queued: list[tuple[int, int]] = []
        """(when it happened, when it was told) of events that the charger told of later, or marked as offline."""
        self.told: list[tuple[int, int]] = []
        """Outages of which whoever runs the server tells."""
        self._model = model
        self._watts_per_ampere = supply.voltage_v * min(model.ratings.phases, supply.phases)
        self._registers: dict[int, int] = {}
        self._records: list[Record] = []
        self._connections: list[tuple[int, str]] = []
        """When the connection came (no cause) and went."""
        self._read_at: list[int] = []
        """When the register was read, in order; made at the end."""
        self._said: list[Fact] = []
        """What was said of the connector, in order of time: a word that only says that there is a car does not outweigh a better one."""
        self._noticing_ms = model.link.noticing_ms

    # Collecting.

    def note(self, record: Record) -> None:
        """Keep a record as it is."""
        self._records.append(record)

    def read(self, at: int, wh: int) -> None:
        """The register stood at ``wh``."""
        self._registers[at] = wh

    def connected(self, now: int) -> None:
        """The connection came."""
        self._connections.append((now, ""))

    def disconnected(self, now: int, cause: str) -> None:
        """The connection went."""
        self._connections.append((now, cause))

    @property
    def last_sight(self) -> int:
        """When charger and server were last in touch; before that, when the charger was first heard."""
        return self.sights[-1] if self.sights else self.called[0] if self.called else 0

    def nearest(self, stamp: int, now: int) -> int:
        """The time nearest to ``stamp`` at which an event that is told of ``now`` can have happened: the time itself, if it can.

        Not while charger and server were in touch: it would have been told of then.
        """
        first = self.sights[0] if self.sights else now
        if stamp <= first or stamp >= now - self._noticing_ms or any(sent <= stamp for sent in self.unanswered[-1:]):
            return stamp
        place = bisect_left(self.sights, stamp)
        before, after = self.sights[place - 1], self.sights[place] if place < len(self.sights) else now
        if after - before > self._noticing_ms or self._out_at(stamp):
            return stamp
        gaps = [
            edge for one, other in zip(self.sights, [*self.sights[1:], now], strict=True) if other - one > self._noticing_ms
            for edge in (one, other)
        ]  # fmt: skip
        return min((*gaps, first, now - self._noticing_ms), key=lambda edge: abs(edge - stamp))

    def _out_at(self, at: int) -> bool:
        """Whether the connection was gone, where it is seen at all."""
        place = bisect_right(self._connections, at, key=lambda edge: edge[0])
        return place > 0 and bool(self._connections[place - 1][1])

    # Putting together.

    def told_by(self, end_ms: int) -> list[Record]:
        """All records, in the order of their times, none before 0 or after ``end_ms``."""
        self.sights.sort()
        self.currents.sort()
        self._read_at = sorted(self._registers)
        for fact in sorted(self.states, key=lambda fact: fact.at):
            if not (fact.coarse and self._said and self._said[-1].what in _CONNECTED):
                self._said.append(fact)
        outages = list(self._outages(end_ms))
        visits = self._visits(end_ms)
        self._number(visits)
        records = [*self._records, *self._of_outages(outages), *self._of_boots(outages), *self._of_books(outages, end_ms)]
        records += self._of_transactions(visits, end_ms)
        for visit in visits:
            records += self._of_visit(visit, outages, end_ms)
        for record in records:
            record.t = min(max(record.t, 0), end_ms)
        records.sort(key=lambda record: (record.t, _rank(record)))
        return records

    def _outages(self, end_ms: int) -> Iterator[Outage]:
        """The silences that were outages."""
        if not self.sights:
            return
        told = sorted(self.told)
        edges = [*self.sights, end_ms + 1]
        for place, before in enumerate(self.sights):
            after = edges[place + 1]
            last = place + 1 == len(self.sights)
            until = None if last else after
            went = next(((at, cause) for at, cause in self._connections if cause and before <= at <= after), None)
            boot = next((boot for boot in self.boots if before < boot.at <= after and boot.reason != "Triggered"), None)
            long = after - before > self._noticing_ms
            said = next((begins for begins, ends in told if before <= begins < after or (long and begins < before < ends)), None)
            if said is not None:
                since, cause = max(said, before + 1), "told"
            elif went is not None:
                since, cause = max(went[0], before + 1), went[1]
            elif self._silent(before, after, last=last) or (boot is not None and long):
                since, cause = before + 1, "silence"
            else:
                continue
            if since > end_ms or (until is not None and since >= until):
                continue
            noticed = (end_ms if until is None else until) - since > self._noticing_ms or boot is not None or went is not None
            yield Outage(since, until, cause, restarted=boot is not None, noticed=noticed)

    def _silent(self, before: int, after: int, *, last: bool) -> bool:
        """Whether between two sights the charger could not reach its server, as far as the frames tell."""
        if any(before < at < after and (sent >= after or last or sent - at > self._noticing_ms) for at, sent in self.queued):
            return True
        if after - before <= self._noticing_ms:
            return False
        return any(before < sent < after for sent in self.unanswered)

    def _visits(self, end_ms: int) -> list[Visit]:
        """The stays of cars, in order of time."""
        facts: list[tuple[int, int, Literal["in", "out"], int]] = [
            (state.at, 1, "in" if state.what in _CONNECTED else "out", state.plug_in)
            for state in self.states if state.what in _CONNECTED or state.what == "Available"
        ]  # fmt: skip
        for tx in self.transactions:
            facts.append((tx.at, 0, "in", tx.plug_in))
            if tx.reason == "EVDisconnected":
                facts.append((tx.end_at, 2, "out", tx.plug_in))
        visits: list[Visit] = []
        current: Visit | None = None
        for at, _, kind, number in sorted(facts):
            if kind == "in" and current is None and at <= end_ms:
                current = Visit(number or len(visits) + 1, at)
                visits.append(current)
            elif kind == "out" and current is not None:
                current.until = at
                current = None
        return visits

    def _number(self, visits: list[Visit]) -> None:
        """Give each stay a number of its own, and each transaction, message and command that of its stay."""
        for number, visit in enumerate(visits, start=1):
            visit.number = number
        starts = [visit.since for visit in visits]
        by_tx: dict[int, int] = {}
        for tx in self.transactions:
            place = bisect_right(starts, tx.at) - 1
            by_tx[tx.number] = tx.plug_in = visits[place].number if place >= 0 else 0
        for record in self._records:
            if isinstance(record, Message):
                record.plug_in = by_tx.get(record.tx, 0) or _at(visits, record.at)
            elif isinstance(record, Command) and record.plug_in:
                record.plug_in = _at(visits, record.t)

    def _of_outages(self, outages: list[Outage]) -> Iterator[Record]:
        for outage in outages:
            yield Loss(t=outage.since, who=self.name, cause=outage.cause)
            noticed_at = outage.since + self._noticing_ms
            # By then at the latest, by its model, the charger takes itself to be offline.
            offline = outage.noticed and (outage.until is None or noticed_at < outage.until)
            if offline:
                yield Link(t=noticed_at, who=self.name, state="offline", cause="silence")
            if outage.until is None:
                continue
            yield Recovery(t=outage.until, who=self.name, since=outage.since, blip=not outage.noticed)
            if not outage.restarted and not any(isinstance(one, Return) and outage.since < one.t <= outage.until for one in self._records):
                yield Return(t=outage.until, who=self.name, by="request")
            if offline:
                yield Link(t=outage.until, who=self.name, state="online", cause="registered" if outage.restarted else "connected")

    def _of_boots(self, outages: list[Outage]) -> Iterator[Record]:
        """Restarts, at the latest time that is possible; a loss of mains where a transaction was ended for it."""
        for boot in self.boots:
            if boot.reason == "Triggered":
                continue
            at = boot.restart_at if boot.known else boot.at
            cuts = (tx.end_at for tx in self.transactions if tx.reason == "PowerLoss")
            cut = max((cut for cut in cuts if boot.restart_at - STILL_MS <= cut <= at), default=-1)
            cause: Literal["mains", "reboot", "firmware-update"] = "mains" if cut >= 0 else "reboot"
            if boot.reason == "FirmwareUpdate":
                cause = "firmware-update"
            if cut >= 0:
                yield Power(t=cut, who=self.name, state="off")
            yield Power(t=max(at, cut), who=self.name, state="booting", cause=cause)
            yield Power(t=max(at, cut), who=self.name, state="on", cause=cause)

    def _of_transactions(self, visits: list[Visit], end_ms: int) -> Iterator[Record]:
        for place, tx in enumerate(self.transactions):
            yield Transaction(t=tx.at, who=self.name, tx=tx.number, plug_in=tx.plug_in, edge="open", wh=tx.wh)
            at, wh = tx.end_at, tx.end_wh
            if at < 0:
                # Its end was never told. When the car left, or another transaction began, it was over.
                left = next((visit.until for visit in visits if visit.number == tx.plug_in), None)
                following = next((other.at for other in self.transactions[place + 1 :]), None)
                at = min((moment for moment in (left, following) if moment is not None), default=-1)
                wh = max(tx.wh, self._register_at(at))
            if 0 <= at <= end_ms:
                yield Transaction(t=at, who=self.name, tx=tx.number, plug_in=tx.plug_in, edge="close", wh=wh)

    def _of_books(self, outages: list[Outage], end_ms: int) -> Iterator[Record]:
        """The server's books, as its answers tell, and from when on all that happened before must be in them."""
        entries = [
            (tx.number, tx.stamp, tx.wh, tx.end_stamp if tx.end_booked else None, tx.end_wh if tx.end_booked else None)
            for tx in self.transactions for _ in tx.ids
        ]  # fmt: skip
        if self.transactions:
            yield Ledger(t=end_ms, who=self.name, entries=entries)
        queue = self._model.queue
        attempts = queue.attempts or 2
        patience_ms = queue.interval_ms * attempts * (attempts - 1) // 2 + attempts * self._model.link.answer_timeout_ms
        settled_at = self.last_sight - patience_ms
        away = [outage for outage in outages if outage.until is None or outage.until > settled_at]
        if settled_at > 0:
            at = min((outage.since - 1 for outage in away), default=settled_at)
            if at > 0:
                yield Settled(t=at, who=self.name)
        yield from self._given_up(attempts)

    def _given_up(self, attempts: int) -> Iterator[Discard]:
        """Messages that no answer ever came to, after as many attempts as the model makes."""
        if not self._model.queue.attempts:
            return
        tries: dict[tuple[str, int], list[int]] = {}
        for record in self._records:
            if isinstance(record, Failed) and record.tx and record.action in ("transaction-start", "transaction-end"):
                tries.setdefault((record.action, record.tx), []).append(record.t)
        for (action, number), failures in tries.items():
            tx = self.transactions[number - 1]
            booked = bool(tx.ids) if action == "transaction-start" else tx.end_booked
            if not booked and len(failures) >= attempts:
                yield Discard(t=max(failures), who=self.name, action=action, tx=number, why="attempts")

    # Stays, and the current in them.

    def _of_visit(self, visit: Visit, outages: list[Outage], end_ms: int) -> Iterator[Record]:
        until = end_ms if visit.until is None else visit.until
        yield PlugIn(t=visit.since, who=self.name, plug_in=visit.number, car="", needs_wh=0, leave=0)
        first_wh = self._register_at(0) if not self._read_at else self._registers[self._read_at[0]]
        full = False
        last: tuple[bool | None, State, int] | None = None
        for stretch in self._stretches(visit.since, until, outages):
            if stretch.draws is None:
                yield Unseen(t=stretch.since, who=self.name, until=stretch.until)
                last = None
                continue
            full = stretch.full
            shown: tuple[bool | None, State, int] = (stretch.draws, stretch.state or "Charging", stretch.ma // 500)
            if shown != last:
                last = shown
                yield Current(
                    t=stretch.since, who=self.name, ma=stretch.ma, state=shown[1], reason=stretch.reason,
                    wh=max(0, self._register_at(stretch.since) - first_wh), full=full,
                )  # fmt: skip
        wh = sum(tx.end_wh - tx.wh for tx in self.transactions if tx.plug_in == visit.number and tx.end_at >= 0)
        gone = visit.until is not None and visit.until <= end_ms
        if gone:
            yield Current(
                t=until, who=self.name, ma=0, state="Available", reason="no-car", wh=max(0, self._register_at(until) - first_wh)
            )  # fmt: skip
        ended: Literal["unplugged", "run-over"] = "unplugged" if gone else "run-over"
        yield Stay(t=until, who=self.name, plug_in=visit.number, ended=ended, wh=max(0, wh), needs_wh=0, full=full)

    def _register_at(self, at: int) -> int:
        """The register as last read by then."""
        place = bisect_right(self._read_at, at)
        return self._registers[self._read_at[place - 1]] if place else 0

    def _stretches(self, since: int, until: int, outages: list[Outage]) -> list[Stretch]:
        """A stay, stretch by stretch."""
        edges = {since, until}
        read = self._read_at[bisect_left(self._read_at, since) : bisect_right(self._read_at, until)]
        told = (*read, *(state.at for state in self._said), *(at for tx in self.transactions for at in (tx.at, tx.end_at)))
        out = (at for outage in outages for at in (outage.since + 1, outage.until) if at is not None)
        edges.update(at for at in (*told, *out) if since < at < until)
        energy = Energy(read, [self._registers[at] for at in read])
        made = [self._stretch(begins, ends, outages, energy) for begins, ends in pairwise(sorted(edges))]
        again = False
        for place in range(len(made) - 1, -1, -1):
            stretch = made[place]
            if stretch.draws:
                again = True
            elif stretch.reason == "metered" and not again:
                # Nothing flowed, and never did again: the car may have been full, as far as anyone can tell.
                made[place] = stretch._replace(draws=None)
        return made

    def _stretch(self, begins: int, ends: int, outages: list[Outage], energy: Energy) -> Stretch:
        outage = next((one for one in outages if one.since <= begins and (one.until is None or begins < one.until)), None)
        fact = self._state_at(begins)
        state: State | None = fact.what if fact is not None else None
        full = state == "SuspendedEV"
        idle = not any(tx.at <= begins and (tx.end_at < 0 or tx.end_at > begins) for tx in self.transactions)
        ma = self._ma(begins, energy)
        if outage is not None and (fact is None or fact.at < outage.since):
            draws = None if idle and not self._out_of_sight(begins, outage) else energy.flowed(begins, ends)
            if draws is False and outage.restarted:
                draws = None  # without mains nobody can charge, and mains may have been away
            if idle and draws is False:
                draws = None
            return Stretch(begins, ends, state, draws, full, ma if draws else 0, "metered")
        if state is not None and not (fact is not None and fact.coarse):
            draws = state == "Charging"
            if draws and ends - begins >= STILL_MS and energy.still(begins, ends):
                draws = False
            return Stretch(begins, ends, state, draws, full, ma if draws else 0, "reported")
        if idle:
            return Stretch(begins, ends, state, False, full, 0, "reported")
        draws = energy.flowed(begins, ends)
        return Stretch(begins, ends, state, draws, full, ma if draws else 0, "metered")

    def _out_of_sight(self, at: int, outage: Outage) -> bool:
        """Whether a transaction is known to have been under way at some time of this outage up to ``at``."""
        return any(outage.since <= tx.end_at <= at for tx in self.transactions)

    def _state_at(self, at: int) -> Fact | None:
        """What the charger last said of its connector."""
        place = bisect_right(self._said, at, key=lambda fact: fact.at)
        return self._said[place - 1] if place else None

    def _ma(self, at: int, energy: Energy) -> int:
        place = bisect_right(self.currents, at, key=lambda fact: fact.at)
        sample = self.currents[place - 1] if place else None
        if sample is not None and sample.what > 0 and at - sample.at <= SAMPLE_LASTS_MS:
            return int(sample.what)
        return max(LEAST_MA, energy.watts(at) * 1000 // self._watts_per_ampere)


class Energy:
    """What the readings of the register in one stay tell."""

    def __init__(self, at: list[int], wh: list[int]) -> None:
        self._at = at
        self._wh = wh

    def _between(self, at: int) -> int:
        """The place of the reading at or before ``at`` that has one after it; −1: there is none."""
        place = bisect_right(self._at, at) - 1
        return place if 0 <= place < len(self._at) - 1 else -1

    def _power(self, place: int) -> float | None:
        """Wh per ms from one reading to the next."""
        if not 0 <= place < len(self._at) - 1:
            return None
        return (self._wh[place + 1] - self._wh[place]) / (self._at[place + 1] - self._at[place])

    def watts(self, at: int) -> int:
        """The mean power from the reading before to the one after; 0: there are no two."""
        return round(max(0.0, self._power(self._between(at)) or 0.0) * 3_600_000)

    def still(self, begins: int, ends: int) -> bool:
        """The register did not move over all of this stretch, and that tells something."""
        place = self._between(begins)
        return place >= 0 and self._at[place + 1] >= ends and self._power(place) == 0

    def flowed(self, begins: int, ends: int) -> bool | None:
        """Whether current flowed all through a stretch, or not at all; None: nobody can tell."""
        place = self._between(begins)
        if place < 0 or self._at[place + 1] < ends:
            return None
        power = self._power(place) or 0.0
        if power <= 0:
            return False if power == 0 and self._at[place + 1] - self._at[place] >= STILL_MS else None
        before, after = self._power(place - 1), self._power(place + 1)
        if before is not None and before > 0 and after == 0:
            return True  # it ceased within this stretch, which its end shows
        around = [other for other in (before, after) if other is not None and other > 0]
        if not around:
            return None
        return True if power * 1000 >= min(around) * STEADY_PERMILLE else None


def _at(visits: list[Visit], at: int) -> int:
    """The number of the stay at this time; 0: there was none."""
    return next((visit.number for visit in visits if visit.since <= at and (visit.until is None or at <= visit.until)), 0)


def _rank(record: Record) -> int:
    if isinstance(record, Transaction):
        return 1 if record.edge == "close" else 4
    return _ORDER[type(record)]
