"""What a charger did, put together from what was seen of it: stays, transactions, outages, restarts, and what the server booked."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

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
    Record,
    Recovery,
    Return,
    Settled,
    Stay,
    Transaction,
    Unseen,
)
from harness.stage.seen.flow import CONNECTED, Fact, Flow, Registers, Tx
from harness.stage.seen.silence import Contacts, Outage
from harness.values import ChargerModel, Supply

_ORDER: dict[type[Record], int] = {
    Power: 0, Transaction: 1, Stay: 2, PlugIn: 3, Unseen: 5, Current: 6, Return: 7, Recovery: 8, Link: 9, Loss: 10, Message: 11,
    Command: 12, Failed: 13, Discard: 14, Settled: 15, Ledger: 16,
}  # fmt: skip
"""Records of one millisecond, in this order; but a transaction opens after its car has come."""
_CUT_BEFORE_MS = 60_000
"""A charger that loses mains may still have ended its transaction when it was last in touch."""


@dataclass(slots=True)
class Visit:
    """A car's stay. ``until`` None: it is still there."""

    number: int
    since: int
    until: int | None = None


class History:
    """Collects what is seen of a charger; :meth:`told_by` makes records of it."""

    def __init__(self, name: str, model: ChargerModel, supply: Supply) -> None:
        attempts, interval_ms = model.queue.attempts or 2, model.queue.interval_ms
        self.name = name
        self.states: list[Fact] = []
        self.currents: list[Fact] = []
        self.transactions: list[Tx] = []
        self.orphans: list[Tx] = []
        """Of each only the end is known: it came without an id, and no start before it."""
        self.mains: list[tuple[int, bool]] = []
        """When mains was lost (False) and came back (True), where somebody beside the charger tells."""
        self._model = model
        self._supply = supply
        self._patience_ms = interval_ms * attempts * (attempts - 1) // 2 + attempts * model.link.answer_timeout_ms
        """How long a message may wait for the attempts of those before it."""
        self.contacts = Contacts(model.link.noticing_ms, self._patience_ms)
        self._readings: dict[int, int] = {}
        self._records: list[Record] = []

    def note(self, record: Record) -> None:
        """Keep a record as it is."""
        self._records.append(record)

    def read(self, at: int, wh: int) -> None:
        """The register stood at ``wh``."""
        self._readings[at] = wh

    def told_by(self, end_ms: int) -> list[Record]:
        """All records, in the order of their times, none before 0 or after ``end_ms``."""
        registers = Registers(self._readings)
        outages = list(self.contacts.outages(end_ms))
        visits = self._visits(end_ms)
        self._number(visits)
        records = [*self._records, *self._of_outages(outages), *self._of_boots(), *self._of_books(outages, end_ms), *self._given_up()]
        records += self._of_transactions(visits, registers, end_ms)
        flow = Flow(self._model, self._supply, self.states, self.currents, registers, outages)
        for visit in visits:
            records += self._of_visit(visit, flow, registers, end_ms)
        for record in records:
            record.t = min(max(record.t, 0), end_ms)
        records.sort(key=lambda record: (record.t, _rank(record)))
        return records

    def _visits(self, end_ms: int) -> list[Visit]:
        """The stays of cars, in order of time."""
        facts = [(state.at, state.what == "Available") for state in self.states if state.what in CONNECTED or state.what == "Available"]
        for tx in self.transactions:
            facts.append((tx.at, False))
            if tx.reason == "EVDisconnected":
                facts.append((tx.end_at, True))
        visits: list[Visit] = []
        current: Visit | None = None
        for at, leaves in sorted(facts):
            if not leaves and current is None and at <= end_ms:
                current = Visit(len(visits) + 1, at)
                visits.append(current)
            elif leaves and current is not None:
                current.until = at
                current = None
        return visits

    def _number(self, visits: list[Visit]) -> None:
        """Give each transaction, message and command the number of its stay."""
        starts = [visit.since for visit in visits]

        def stay_at(at: int) -> int:
            place = bisect_right(starts, at) - 1
            until = visits[place].until if place >= 0 else 0
            return visits[place].number if place >= 0 and (until is None or at <= until) else 0

        for tx in self.transactions:
            tx.plug_in = stay_at(tx.at)
        for record in self._records:
            if isinstance(record, Message):
                record.plug_in = self.transactions[record.tx - 1].plug_in if record.tx else stay_at(record.at)
            elif isinstance(record, Command) and record.plug_in:
                record.plug_in = stay_at(record.t)

    def _of_outages(self, outages: list[Outage]) -> Iterator[Record]:
        returns = sorted(record.t for record in self._records if isinstance(record, Return))
        for outage in outages:
            yield Loss(t=outage.since, who=self.name, cause=outage.cause, by=outage.by if outage.by > outage.since else 0)
            # By then at the latest, by its model, the charger takes itself to be offline.
            noticed_at = outage.by + self._model.link.noticing_ms
            offline = outage.noticed and (outage.until is None or noticed_at < outage.back_at)
            if offline:
                yield Link(t=noticed_at, who=self.name, state="offline", cause="silence")
            if outage.until is None:
                continue
            yield Recovery(t=outage.until, who=self.name, since=outage.since, blip=not outage.noticed)
            if bisect_right(returns, outage.since) == bisect_right(returns, outage.until):
                yield Return(t=outage.until, who=self.name, by="request")
            if offline:
                yield Link(t=outage.back_at, who=self.name, state="online", cause="registered" if outage.restarted else "connected")

    def _of_boots(self) -> Iterator[Record]:
        """Restarts, at the latest time that is possible; a loss of mains where a transaction was ended for it."""
        cuts = sorted(tx.end_at for tx in self.transactions if tx.reason == "PowerLoss")
        told = list(self._of_mains())
        yield from told
        known = [record.t for record in told if record.state == "on"]
        for boot in self.contacts.boots:
            if not boot.restarted:
                continue
            at = boot.restart_at if boot.known else boot.at
            if boot.at in known:
                continue
            place = bisect_right(cuts, at) - 1
            cut = cuts[place] if place >= 0 and cuts[place] >= boot.restart_at - _CUT_BEFORE_MS else None
            cause: Literal["mains", "reboot", "firmware-update"] = "reboot"
            if cut is not None:
                cause = "mains"
                yield Power(t=cut, who=self.name, state="off")
            elif boot.reason == "FirmwareUpdate":
                cause = "firmware-update"
            yield Power(t=at, who=self.name, state="booting", cause=cause)
            yield Power(t=at, who=self.name, state="on", cause=cause)

    def _of_mains(self) -> Iterator[Power]:
        """Losses of mains that somebody saw. The charger works again when it registers, or at the latest when it is in touch again."""
        for at, on in self.mains:
            yield Power(t=at, who=self.name, state="booting" if on else "off")
            if not on:
                continue
            boots = [boot.at for boot in self.contacts.boots if boot.at >= at]
            sights = [sight for sight in self.contacts.sights if sight >= at]
            if boots or sights:
                yield Power(t=min(boots or sights), who=self.name, state="on")

    def _of_transactions(self, visits: list[Visit], registers: Registers, end_ms: int) -> Iterator[Record]:
        for place, tx in enumerate(self.transactions):
            yield Transaction(t=tx.at, who=self.name, tx=tx.number, plug_in=tx.plug_in, edge="open", wh=tx.wh, sure=tx.sure)
            at, wh = tx.end_at, tx.end_wh
            if at < 0:
                # Its end was never told. When the car left, or another transaction began, it was over.
                left = visits[tx.plug_in - 1].until if tx.plug_in else None
                following = self.transactions[place + 1].at if place + 1 < len(self.transactions) else None
                at = min((moment for moment in (left, following) if moment is not None), default=-1)
                wh = max(tx.wh, registers.by(at))
            if 0 <= at <= end_ms:
                yield Transaction(t=at, who=self.name, tx=tx.number, plug_in=tx.plug_in, edge="close", wh=wh, sure=tx.sure)
        for number, tx in enumerate(self.orphans, start=len(self.transactions) + 1):
            yield Transaction(t=tx.end_at, who=self.name, tx=number, plug_in=0, edge="open", wh=tx.end_wh, sure=False)

    def _of_books(self, outages: list[Outage], end_ms: int) -> Iterator[Record]:
        """The server's books, as its answers tell, and from when on all that happened before must be in them."""
        if not (self.transactions or self.orphans):
            return
        entries = [
            (tx.number, tx.stamp, tx.wh, tx.end_stamp if tx.end_booked else None, tx.end_wh if tx.end_booked else None)
            for tx in self.transactions for _ in tx.ids
        ]  # fmt: skip
        yield Ledger(t=end_ms, who=self.name, entries=entries)
        settled_at = self.contacts.last_sight - self._patience_ms
        for outage in reversed(outages):
            if outage.until is not None and outage.until <= settled_at:
                break
            settled_at = min(settled_at, outage.since - 1)  # what was queued then may not all have come yet
        if settled_at > 0:
            yield Settled(t=settled_at, who=self.name)

    def _given_up(self) -> Iterator[Record]:
        """Messages that no answer ever came to, after as many attempts as the model makes."""
        attempts = self._model.queue.attempts
        tries: dict[tuple[str, int], list[int]] = {}
        for record in self._records:
            if isinstance(record, Failed) and record.tx:
                tries.setdefault((record.action, record.tx), []).append(record.t)
        for (action, number), failures in tries.items():
            tx = self.transactions[number - 1]
            booked = bool(tx.ids) if action == "transaction-start" else tx.end_booked
            if not booked and 0 < attempts <= len(failures):
                yield Discard(t=max(failures), who=self.name, action=action, tx=number, why="attempts")

    def _of_visit(self, visit: Visit, flow: Flow, registers: Registers, end_ms: int) -> Iterator[Record]:
        gone = visit.until is not None and visit.until <= end_ms
        until = visit.until if visit.until is not None and gone else end_ms
        own = [tx for tx in self.transactions if tx.plug_in == visit.number]
        yield PlugIn(t=visit.since, who=self.name, plug_in=visit.number, car="", needs_wh=0, leave=0)
        full = False
        last: tuple[str, int] | None = None
        for stretch in flow.stretches(visit.since, until, own):
            if stretch.draws is None:
                yield Unseen(t=stretch.since, who=self.name, until=stretch.until)
                last = None
                continue
            full = stretch.full
            shown = (stretch.state, stretch.ma // 500)
            if shown != last:
                last = shown
                yield Current(
                    t=stretch.since, who=self.name, ma=stretch.ma, state=stretch.state, reason=stretch.reason,
                    wh=registers.since_first(stretch.since), full=full,
                )  # fmt: skip
        if gone:
            yield Current(t=until, who=self.name, ma=0, state="Available", reason="no-car", wh=registers.since_first(until))
        wh = sum((tx.end_wh if tx.end_at >= 0 else max(tx.wh, registers.by(until))) - tx.wh for tx in own)
        ended: Literal["unplugged", "run-over"] = "unplugged" if gone else "run-over"
        yield Stay(t=until, who=self.name, plug_in=visit.number, ended=ended, wh=max(0, wh), needs_wh=0, full=full)


def _rank(record: Record) -> int:
    return 4 if isinstance(record, Transaction) and record.edge == "open" else _ORDER[type(record)]
