"""The checks of what chargers send and what the server books: accounting, OCPP's own rules, clocks, back-off.

Each keeps what it needs of a charger in a :class:`Traffic`, made at the charger's first transaction or restart.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from harness.check.evidence import Evidence
from harness.check.obligation import FOREVER, Rule
from harness.check.words import moment, span
from harness.journal.records import AnyRecord, Attempts, Discard, Failed, Ledger, Message, Stay, Transaction
from harness.units import times

METER_STEP_WH = 1
"""The resolution of the energy register."""

Entry = tuple[int, int, int, int | None, int | None]
"""A line of the server's books, see :class:`harness.journal.records.Ledger`."""

TRANSACTION_EVENTS = ("transaction-start", "transaction-end")

_ENCODER = msgspec.msgpack.Encoder()
_TRANSACTION = msgspec.msgpack.Decoder(tuple[int, int, int, int | None, int | None])
_STAY = msgspec.msgpack.Decoder(Stay)
_LEDGER = msgspec.msgpack.Decoder(Ledger)

Told = tuple[str, int]
"""A transaction message: its action, and the charger's number of the transaction."""


class Traffic:
    """What one charger sent, as far as the checks of messages need it."""

    __slots__ = (
        "accepted_at", "discards", "failures", "given_up", "last_at", "last_event", "last_sent", "ledger", "next_seq", "offline",
        "restarted_at", "seq_sent", "seq_tx", "stays", "transactions", "unsure", "waiting", "waits_for_acceptance",
    )  # fmt: skip

    def __init__(self) -> None:
        self.transactions: dict[int, bytes] = {}
        """Each transaction, encoded as all that is kept to the end of the run: it would take five times the room."""
        self.stays: list[bytes] = []
        self.ledger: bytes | None = None
        self.waiting: dict[Told, int] = {}
        """Starts and ends that the server has not taken in and the charger not given up, and when each came about."""
        self.failures: dict[Told, int] | None = None
        """How many transmissions of each got no good answer, lost links apart."""
        self.given_up: dict[int, set[str]] | None = None
        """Transaction → which of its messages the charger gave up as its queue's policy allows."""
        self.discards: dict[int, int] | None = None
        """Transaction → how many messages of it were given up."""
        self.unsure: set[int] | None = None
        """The transactions of which nobody can tell whether the server booked them."""
        self.last_at = -1
        self.last_sent = -1
        self.last_event = ("", -1)
        self.seq_tx = 0
        self.seq_sent = 0
        self.next_seq = 0
        self.restarted_at = -1
        self.accepted_at = FOREVER
        self.waits_for_acceptance = False
        self.offline: list[list[int]] | None = None
        """When the charger was offline by its own view: [from, to], the last possibly open."""

    def edges_of(self, who: str, tx: int) -> tuple[Transaction | None, Transaction | None]:
        """The records of a transaction's beginning and end."""
        kept = self.transactions.get(tx)
        if kept is None:
            return None, None
        t, plug_in, wh, end, end_wh = _TRANSACTION.decode(kept)
        opened = Transaction(t=t, who=who, tx=tx, plug_in=plug_in, edge="open", wh=wh)
        if end is None or end_wh is None:
            return opened, None
        return opened, Transaction(t=end, who=who, tx=tx, plug_in=plug_in, edge="close", wh=end_wh)


def traffic_of(ev: Evidence) -> Traffic:
    """The charger's traffic, made on first use."""
    traffic: Traffic | None = ev.traffic
    if traffic is None:
        ev.traffic = traffic = Traffic()
    return traffic


def _fail(ev: Evidence, rule: Rule, t: int, text: str, *records: AnyRecord | None) -> None:
    rule.tally.fail(rule, ev.name, t, text, [record for record in records if record is not None])


def taken_in(ev: Evidence, message: Message) -> None:
    """The server took in a message: apply the checks of messages."""
    rules = ev.panel.rules
    traffic = traffic_of(ev)
    action = message.action
    if traffic.restarted_at >= 0:
        _acceptance(ev, rules.get("nothing-before-acceptance"), traffic, message)
    if action not in TRANSACTION_EVENTS and action != "meter-values":
        return
    rule = rules.get("clock-sane")
    if rule is not None:
        off_ms = abs(message.stamp - message.at)
        if not message.sure:
            rule.cancelled()  # only the charger's own clock tells when that was
        elif off_ms > rule.bound_ms:
            text = f"{action} tells of an event at {moment(message.at)} and says {_stamp(message.stamp)}"
            rule.tally.fail(rule, ev.name, message.t, text, [message], bound=(rule.bound_ms / 1000, "s"))
        else:
            rule.met()
            rule.near(off_ms / 1000, rule.bound_ms / 1000, "s")
    traffic.waiting.pop((action, message.tx), None)
    if message.repeat:
        return
    numbered = ev.profile.model.protocol == "ocpp2.0.1"
    if action != "meter-values":
        rule = rules.get("transactions-in-order")
        if rule is not None:
            _order(ev, rule, traffic, message)
        rule = rules.get("offline-flag")
        if rule is not None and numbered:
            _flag(ev, rule, traffic, message)
    rule = rules.get("no-sequence-gap")
    if rule is not None and numbered:
        _sequence(ev, rule, traffic, message)


def _stamp(stamp: int) -> str:
    return moment(stamp) if stamp >= 0 else f"{-stamp // 1000} s before the start"


def _acceptance(ev: Evidence, rule: Rule | None, traffic: Traffic, message: Message) -> None:
    """After a power-up nothing is sent before the registration is accepted (OCPP 1.6 §4.2; 2.0.1 B02.FR.02)."""
    if message.action == "registration":
        if message.result == "accepted":
            traffic.accepted_at = min(traffic.accepted_at, message.t)
        return
    if message.sent < traffic.restarted_at or rule is None or not traffic.waits_for_acceptance:
        return
    traffic.waits_for_acceptance = False
    if message.sent < traffic.accepted_at:
        since = moment(traffic.restarted_at)
        text = f"{message.action} was sent at {moment(message.sent)}, before acceptance, after the restart at {since}"
        _fail(ev, rule, message.sent, text, *ev.power, message)
    else:
        rule.met()


def restarted(ev: Evidence, t: int, *, lost_power: bool = False) -> None:
    """The charger went down or began to boot: what it sends from now on waits for acceptance."""
    traffic = traffic_of(ev)
    rule = ev.panel.rules.get("nothing-before-acceptance")
    if traffic.waits_for_acceptance and rule is not None:
        rule.cancelled()
    traffic.waits_for_acceptance = not lost_power
    traffic.restarted_at = t
    traffic.accepted_at = FOREVER


def _order(ev: Evidence, rule: Rule, traffic: Traffic, message: Message) -> None:
    """In order is what was sent in order: one that a network held back, and that its charger has given up since, comes late."""
    if message.at < traffic.last_at and message.sent >= traffic.last_sent:
        text = f"{message.action} of an event at {moment(message.at)} came after one at {moment(traffic.last_at)}"
        _fail(ev, rule, message.t, text, traffic.edges_of(ev.name, message.tx)[0], message)
    else:
        if message.at >= traffic.last_at:
            traffic.last_at, traffic.last_sent = message.at, message.sent
        rule.met()


def link_changed(ev: Evidence, t: int, *, online: bool) -> None:
    """The charger's own view of its link changed; what it flags as offline follows from it."""
    traffic = traffic_of(ev)
    if traffic.offline is None:
        traffic.offline = []
    if online:
        if traffic.offline and traffic.offline[-1][1] == FOREVER:
            traffic.offline[-1][1] = t
    elif not traffic.offline or traffic.offline[-1][1] != FOREVER:
        traffic.offline.append([t, FOREVER])


def _flag(ev: Evidence, rule: Rule, traffic: Traffic, message: Message) -> None:
    """OCPP 2.0.1 E04.FR.03, E12.FR.02. An event between a loss and its being noticed is not judged, nor one sent again: E11.FR.07."""
    at = message.at
    spans = traffic.offline or ()
    if any(at in span_ for span_ in spans):
        return
    offline = any(begins < at < ends for begins, ends in spans)
    unsure = not offline and (message.number > 1 or message.sent > at or (ev.outage and at >= ev.since))
    if unsure:
        return
    if message.offline == offline:
        rule.met()
    else:
        says, was = ("offline" if flag else "online" for flag in (message.offline, offline))
        text = f"{message.action} of {moment(at)} says {says}; the charger was {was}"
        _fail(ev, rule, message.t, text, ev.loss, message)


def _sequence(ev: Evidence, rule: Rule, traffic: Traffic, message: Message) -> None:
    """OCPP 2.0.1 E01.FR.07: seqNo rises by one per event, so a gap is a loss; only what was given up may be missing.

    What a network held back until its charger had given it up counts as missing, however late it comes.
    """
    if message.sent < traffic.seq_sent:
        return
    traffic.seq_sent = message.sent
    expected = traffic.next_seq if message.tx == traffic.seq_tx else 0
    event = (message.action, message.at)
    if event == traffic.last_event:
        return  # Come twice, and taken in twice by a server that was restored to a time before its transaction.
    traffic.last_event = event
    lost = (traffic.discards or {}).get(message.tx, 0)
    traffic.seq_tx = message.tx
    traffic.next_seq = message.seq + message.count
    if expected <= message.seq <= expected + lost:
        rule.met()
        if traffic.discards and message.seq > expected:
            traffic.discards[message.tx] = lost - (message.seq - expected)
    else:
        upto = f" to {expected + lost}" if lost else ""
        text = f"transaction {message.tx}: {message.action} has seqNo {message.seq}, expected {expected}{upto}"
        _fail(ev, rule, message.t, text, traffic.edges_of(ev.name, message.tx)[0], message)


def transaction(ev: Evidence, record: Transaction) -> None:
    """The charger opened or closed a transaction."""
    traffic = traffic_of(ev)
    opens = record.edge == "open"
    if not record.sure:
        traffic.unsure = {record.tx, *(traffic.unsure or ())}
    if opens:
        traffic.transactions[record.tx] = _ENCODER.encode((record.t, record.plug_in, record.wh, None, None))
    elif (kept := traffic.transactions.get(record.tx)) is not None:
        traffic.transactions[record.tx] = _ENCODER.encode((*_TRANSACTION.decode(kept)[:3], record.t, record.wh))
    traffic.waiting["transaction-start" if opens else "transaction-end", record.tx] = record.t


def failed(ev: Evidence, record: Failed) -> None:
    """A transmission got no good answer. What the server said of a tag then counts for nothing: what the charger knows itself decides."""
    if record.action == "authorise":
        ev.unanswered_at = record.sent
        if ev.asked_at == record.sent and ev.connected:
            ev.authorised_at = ev.plugged_at if ev.profile.listed and not ev.list_lost else -1
    if record.action in TRANSACTION_EVENTS and record.why != "link-lost":
        traffic = traffic_of(ev)
        if traffic.failures is None:
            traffic.failures = {}
        key = (record.action, record.tx)
        traffic.failures[key] = traffic.failures.get(key, 0) + 1


def discarded(ev: Evidence, discard: Discard) -> None:
    """The charger gave a message up. A start or end may be, whatever the charger says of it: after its last attempt, or as the newest
    where so many wait that the queue is full. What wipes the queue's memory is a fault under which nothing is promised."""
    traffic = traffic_of(ev)
    if traffic.discards is None:
        traffic.discards = {}
    traffic.discards[discard.tx] = traffic.discards.get(discard.tx, 0) + discard.count
    if discard.action not in TRANSACTION_EVENTS:
        return
    key = (discard.action, discard.tx)
    if _tried_to_the_end(ev, traffic, key) or _no_room(ev, traffic, key, discard.t):
        if traffic.given_up is None:
            traffic.given_up = {}
        traffic.given_up.setdefault(discard.tx, set()).add(discard.action)
    traffic.waiting.pop(key, None)


def _tried_to_the_end(ev: Evidence, traffic: Traffic, key: Told) -> bool:
    """All the attempts that the model makes have failed."""
    attempts_ = ev.profile.model.queue.attempts
    return 0 < attempts_ <= (traffic.failures or {}).get(key, 0)


def _no_room(ev: Evidence, traffic: Traffic, key: Told, t: int) -> bool:
    """It is the newest, and what waits fills the queue: with it one whose answer may be under way, and readings that are sent now; in the
    instant of a recovery those of the whole outage."""
    if key[1] != max(traffic.transactions, default=0) or key not in traffic.waiting:
        return False
    queue = ev.profile.model.queue
    every_ms = queue.meter_interval_ms if queue.meter_values else 0
    first = min((*traffic.waiting.values(), ev.since if t == ev.recovered_at else t))
    readings = (t - first) // every_ms + 1 if every_ms else 0
    return len(traffic.waiting) + readings >= queue.limit


def attempts(ev: Evidence, record: Attempts) -> None:
    """A series of attempts ended: no gap may be under the model's back-off."""
    rule = ev.panel.rules.get("reconnect-backs-off")
    if rule is None or not (record.gaps or record.more):
        return
    backoff = ev.profile.model.link.backoff
    least = backoff.wait_minimum_ms
    most = least << backoff.repeat_times
    for gap in (*record.gaps, record.least_gap) if record.more else record.gaps:
        if gap < least:
            text = f"an attempt came {span(gap)} after the last had failed; the back-off is at least {span(least)}"
            rule.tally.fail(rule, ev.name, record.t, text, ev.story(record.first, record.t, ev.loss, record))
            return
        if least < most:
            least *= 2
    rule.met()


def stayed(ev: Evidence, stay: Stay) -> None:
    """A stay ended: its energy must be the sum of its transactions."""
    if "transactions-accounted" in ev.panel.rules:
        traffic_of(ev).stays.append(_ENCODER.encode(stay))


def booked(ev: Evidence, ledger: Ledger) -> None:
    """The server's books, as they are at the end of the run."""
    if "transactions-accounted" in ev.panel.rules:
        traffic_of(ev).ledger = _ENCODER.encode(ledger)


def settle_accounts(ev: Evidence, settled_at: int, *, complete: bool = True) -> None:
    """The run is over: compare the server's books with what happened. What was over by the last settling must be there.

    The books are written down at the end of a run only: one that was cut off before (not ``complete``) leaves all of it pending.
    """
    rule = ev.panel.rules.get("transactions-accounted")
    traffic: Traffic | None = ev.traffic
    if rule is None or traffic is None:
        return
    ledger = None if traffic.ledger is None else _LEDGER.decode(traffic.ledger)
    if ledger is None and not complete:
        for _ in traffic.transactions:
            rule.pending()
        return
    entries = ledger.entries if ledger is not None else []
    lines: dict[int, list[Entry]] = {}
    for entry in entries:
        lines.setdefault(entry[0], []).append(entry)
    good = set()
    plug_ins: dict[int, list[int]] = {}
    for tx in traffic.transactions:
        opened, closed = traffic.edges_of(ev.name, tx)
        assert opened is not None
        plug_ins.setdefault(opened.plug_in, []).append(tx)
        fault = _fault_of(opened, closed, (traffic.given_up or {}).get(tx, ()), lines.get(tx, []), settled_at)
        if tx in (traffic.unsure or ()):
            rule.pending()
        elif fault is None:
            good.add(tx)
            rule.met()
            rule.tally.given_up += tx in (traffic.given_up or {})
        elif fault:
            _fail(ev, rule, opened.t, f"transaction {tx} {fault}", opened, closed, ledger)
        else:
            rule.pending()
    order = [tx for tx in lines if tx in traffic.transactions]
    if order != sorted(order):
        _fail(ev, rule, ledger.t if ledger else 0, f"the ledger's order is {', '.join(map(str, order))}", ledger)
    for tx, of in lines.items():
        if tx not in traffic.transactions and ledger is not None:
            _fail(ev, rule, ledger.t, f"{_booked_as(of[0], ledger)} is in the ledger and never was", ledger)
    fine = {tx: lines[tx][0] for tx in good if tx in lines}
    for kept in traffic.stays:
        stay = _STAY.decode(kept)
        fault = _energy_fault(stay, plug_ins.get(stay.plug_in, []), fine)
        if fault:
            _fail(ev, rule, stay.t, fault, stay, ledger)


def _booked_as(entry: Entry, ledger: Ledger) -> str:
    """A booking by what the books say of it, where its charger has no number for it."""
    tx, start, start_wh, *_ = entry
    if tx >= 0:
        return f"transaction {tx}"
    id_ = ledger.called.get(tx, "")
    return f"{f'transaction {id_} of the books' if id_ else 'a transaction'}, begun at {_stamp(start)} at {start_wh} Wh,"


def _fault_of(
    opened: Transaction, closed: Transaction | None, given_up: Collection[str], entries: list[Entry], settled_at: int
) -> str | None:  # fmt: skip
    """What is wrong with the booking of a transaction; None: nothing; an empty string: it is too early to tell."""
    if len(entries) > 1:
        return f"stands in the ledger {times(len(entries))}"
    if not entries:
        if "transaction-start" in given_up:
            return None
        return "is not in the ledger" if opened.t < settled_at else ""
    _, _, start_wh, stop, stop_wh = entries[0]
    if abs(start_wh - opened.wh) > METER_STEP_WH:
        return f"is booked as begun at {start_wh} Wh; the register stood at {opened.wh} Wh"
    if closed is None:
        return None
    if stop is None or stop_wh is None:
        if "transaction-end" in given_up:
            return None
        return "has no end in the ledger" if closed.t < settled_at else ""
    if abs(stop_wh - closed.wh) > METER_STEP_WH:
        return f"is booked as ended at {stop_wh} Wh; the register stood at {closed.wh} Wh"
    return None


def _energy_fault(stay: Stay, own: list[int], booked: dict[int, Entry]) -> str:
    """What is wrong with the energy booked for one stay, where each of its own transactions is booked to its end."""
    total = 0
    for tx in own:
        entry = booked.get(tx)
        if entry is None or entry[4] is None:
            return ""
        total += entry[4] - entry[2]
    if not own or abs(total - stay.wh) <= METER_STEP_WH * (len(own) + 1):
        return ""
    return f"the transactions of plug-in {stay.plug_in} are booked with {total} Wh in all; {stay.wh} Wh were delivered"
