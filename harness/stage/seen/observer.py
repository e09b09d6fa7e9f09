"""A charger that is not ours, watched from the wire: what its frames tell of it. Pure: no I/O and no clock.

Theory of operation. An observer is fed every call and answer of one charger with the time at which it was seen, in ms since the start. At
once it says what request of the world a call means, with numbers of plug-ins and transactions that it gives out itself. All else it
only notes: what the charger did while it was silent comes out when it sends what it had queued, so the records of the journal are made
at the end, by :class:`harness.stage.seen.history.History`, and stand at the times of the events.

When an event happened, only the charger knows. Its word is taken where it can be true: about now, or in a time of silence, or before
the first frame. Where it cannot, the event counts as having happened at the nearest time at which it could have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, cast, get_args

from harness.journal.records import Failed, Message, Record, Return, State
from harness.stage.seen.flow import Fact, Tx
from harness.stage.seen.history import History
from harness.stage.seen.meters import LARGEST, readings
from harness.stage.seen.orders import Order, Orders, Payload
from harness.stage.seen.silence import Boot, Contacts, Queued
from harness.values import ChargerModel, Supply
from harness.world.messages import Request, RequestAction

Emit = Callable[[int, Record], None]
Since = Callable[[Any], int | None]
"""A time as OCPP writes it → ms since the start; None: it is none."""

TOLERANCE_MS = 10_000
"""An event is told of at once where no more than this lies between."""
FIRST_OCPP = "2015-10-08T00:00:00Z"
"""When OCPP 1.6 was published: nobody sent a message before."""

_STATES = frozenset(get_args(State))
_STATES_201: dict[str, State] = {
    "Occupied": "Preparing", "Reserved": "Available", "EVConnected": "Preparing", "Idle": "Available",
}  # fmt: skip
"""Words of OCPP 2.0.1, and OCPP 1.6's Reserved, for what has another name in the journal."""
_WITH_A_CAR = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
"""The states in which a cable is in for sure; others may stay for a while when it is out."""
_LATE_REMEMBERED = 256
_COUNTED = frozenset({"transaction-start", "transaction-end", "authorise", "registration"})
"""Messages whose failure is told."""


class Pending(NamedTuple):
    """A call that is not answered yet."""

    sent: int
    action: str
    message: Message | None = None
    tx: Tx | None = None
    records: bool = True
    """Its message belongs into the journal; that of routine traffic does not."""


class Observer:
    """What the frames of one charger tell.

    ``emit`` is given the records at :meth:`finish`, in the order of their times, with ``place``. ``since`` reads times. Times are ms
    since the start. Message ids tell calls apart where several are under way; without, an answer is that to the last call.
    """

    def __init__(
        self, place: int, name: str, model: ChargerModel, emit: Emit, *, since: Since, end_ms: int, supply: Supply
    ) -> None:  # fmt: skip
        self.name = name
        self.vendor = self.model = self.firmware = ""
        """What the charger said of itself when it registered."""
        self.plug_in = 0
        """The number of the car that is connected now; 0: there is none."""
        self._history = History(name, model, supply)
        self._contacts: Contacts = self._history.contacts
        self._place = place
        self._emit = emit
        self._since = since
        self._timeout_ms = model.link.answer_timeout_ms
        self._noticing_ms = model.link.noticing_ms
        self._first_ocpp = since(FIRST_OCPP) or 0
        self._plug_ins = 0
        self._last_state = ("", 0)
        """What the charger last said of its connector, and since when that was."""
        self._gone_at = -1
        self._ahead_ms = 0
        """How far the server's clock, by which the charger sets its own, is ahead of the times of the frames."""
        self._orders = Orders(since, end_ms)
        self._calls: dict[str, Pending] = {}
        self._late: dict[str, Pending] = {}
        """Calls that were not answered in time, by the model, and may be yet."""
        self._commands: dict[str, tuple[int, str, Payload]] = {}
        self._by_id: dict[Any, Tx] = {}
        """The server's id of a transaction, in OCPP 2.0.1 the charger's → that transaction."""
        self._by_key: dict[tuple[Any, ...], Tx] = {}
        self._times_sent: dict[tuple[Any, ...], int] = {}
        self._taken: set[tuple[Any, ...]] = set()
        self._connected_at = -1
        self._awaits_acceptance = False
        self._triggered: set[str] = set()
        """Calls that the server asked for."""

    # The connection, where it is seen.

    def connected(self, now: int) -> None:
        """The charger opened a connection."""
        self._contacts.connection(now)
        self._history.note(Return(t=now, who=self.name, by="connection"))
        self._connected_at = now

    def disconnected(self, now: int, cause: str = "link") -> None:
        """Its connection is gone, for a cause as :class:`harness.journal.records.Loss` has it."""
        self._contacts.connection(now, cause)
        for pending in self._calls.values():
            self._failed(pending, now, "link-lost")
        self._calls.clear()
        self._commands.clear()

    def mains(self, now: int, *, on: bool) -> None:
        """Whoever is beside the charger says that it lost mains, or has it again."""
        self._history.mains.append((now, on))

    def away(self, since: int, until: int) -> None:
        """Whoever runs the server says that it was not there for this charger."""
        self._contacts.told.append((since, until))

    def knows(self, transaction: Any) -> bool:
        """Whether a transaction id is one of this charger's."""
        return _name(transaction) in self._by_id

    def denies_unplugging(self, asked: int, done: int, *, patient: bool) -> str:
        """What the charger tells that cannot be so if its car was unplugged between these two times, in words; empty: nothing.

        ``patient``: it has had the time to tell of its transaction's end, so that one that goes on tells something, too.
        """
        facts = sorted(self._history.states, key=lambda fact: fact.at)
        before = [fact.what for fact in facts if fact.at <= asked]
        since = [fact.what for fact in facts if fact.at > asked]
        transactions = self._history.transactions
        if "Available" in (*before[-1:], *since) or any(tx.reason == "EVDisconnected" and tx.end_at >= asked for tx in transactions):
            return ""
        if facts and facts[-1].at > done and facts[-1].what in _WITH_A_CAR:
            return f"it reports {facts[-1].what}"
        goes_on = any(tx.at <= done and tx.end_at < 0 for tx in transactions)
        return "its transaction goes on" if patient and goes_on else ""

    # The charger's calls.

    def call(self, now: int, action: str, payload: Payload, id_: str = "") -> Request | None:
        """The charger called. Returns the request that this means in the world; None: none."""
        self._expire(now, id_)
        handler = _CALLS.get(action)
        request, pending = handler(self, now, payload) if handler is not None else (None, Pending(now, action))
        if request is not None:
            request.sent = now
        self._calls[id_] = pending
        return request

    def _expire(self, now: int, id_: str) -> None:
        """Calls that were not answered in time, or are called again by the same id, have failed."""
        for key, pending in list(self._calls.items()):
            due = pending.sent + self._timeout_ms
            if key == id_ or due <= now:
                self._failed(pending, min(due, now), "timeout")
                del self._calls[key]
                if key != id_:
                    self._late[key] = pending
                    if len(self._late) > _LATE_REMEMBERED:
                        del self._late[next(iter(self._late))]

    def _failed(self, pending: Pending, t: int, why: Literal["timeout", "error", "link-lost"]) -> None:
        if why != "error":
            self._contacts.unanswered.append(pending.sent)
        message = pending.message
        if message is not None and message.action in _COUNTED:
            self._history.note(
                Failed(t=t, who=self.name, action=message.action, sent=message.sent, number=message.number, tx=message.tx, why=why)
            )

    def answered(self, now: int, action: str, payload: Payload | None, id_: str = "") -> None:
        """The server answered a call; ``payload`` None: with an error."""
        pending = self._calls.pop(id_, None)
        if pending is None and (pending := self._late.pop(id_, None)) is not None:
            self._contacts.unanswered.remove(pending.sent)  # the charger waits longer than its model says
        self._contacts.seen(now, pending.sent if pending is not None else now)
        if pending is None or (action and pending.action != action):
            return  # it was sent before the first frame, or has been given up since
        self._set_clock(now, payload)
        if payload is None:
            self._failed(pending, now, "error")
            return
        info = payload.get("idTagInfo") or payload.get("idTokenInfo")
        status = payload.get("status") or (info.get("status") if isinstance(info, dict) else None) or "Accepted"
        accepted = status == "Accepted"
        if pending.action == "BootNotification" and accepted:
            self._awaits_acceptance = False
            self._triggered.clear()
            self._history.note(Return(t=now, who=self.name, by="registration"))
        if pending.tx is not None:
            self._booked(pending, payload)
        message = pending.message
        if message is not None and pending.records:
            key = _identity(message)
            message.t = now
            message.repeat = key in self._taken
            message.result = "accepted" if accepted or message.action == "transaction-end" else "rejected"
            self._taken.add(key)
            self._history.note(message)

    def _set_clock(self, now: int, payload: Payload | None) -> None:
        told = self._since(payload.get("currentTime")) if payload else None
        if told is not None:
            self._ahead_ms = told - now

    def _booked(self, pending: Pending, payload: Payload) -> None:
        """The server took in a start or an end."""
        tx, message = cast("Tx", pending.tx), cast("Message", pending.message)
        if message.action == "transaction-start":
            id_ = _name(payload.get("transactionId")) or tx.key
            if id_ not in tx.ids:
                tx.ids.append(id_)
                self._by_id[id_] = tx
        elif message.action == "transaction-end":
            tx.end_booked = True

    def _boot(self, now: int, payload: Payload) -> tuple[Request, Pending]:
        station = payload.get("chargingStation")
        said = station if isinstance(station, dict) else payload
        self.vendor = str(said.get("chargePointVendor") or said.get("vendorName") or "")
        self.model = str(said.get("chargePointModel") or said.get("model") or "")
        self.firmware = str(said.get("firmwareVersion") or "")
        reason = str(payload.get("reason") or "")
        if not self._awaits_acceptance:
            restarted = reason != "Triggered" and "BootNotification" not in self._triggered
            boots = self._contacts.boots
            fresh = self._connected_at >= 0 and (not boots or self._connected_at > boots[-1].at)
            before = self._connected_at if fresh else self._contacts.last_sight
            boots.append(Boot(before, now, fresh, reason, restarted))
            self._awaits_acceptance = restarted
        message = self._message("registration", now, now, now, sure=True)
        return Request("registration", now, self.plug_in), Pending(now, "BootNotification", message)

    def _heartbeat(self, now: int, payload: Payload) -> tuple[Request, Pending]:
        self._contacts.beats.append(now)
        return Request("keepalive", now, self.plug_in), Pending(now, "Heartbeat")

    def _authorize(self, now: int, payload: Payload) -> tuple[Request, Pending]:
        request = Request("authorise", now, self.plug_in)
        token = payload.get("idToken")
        request.tag = str(payload.get("idTag") or (token.get("idToken") if isinstance(token, dict) else "") or "")
        return request, Pending(now, "Authorize", self._message("authorise", now, now, now, sure=True))

    def _status(self, now: int, payload: Payload) -> tuple[Request, Pending]:
        word = str(payload.get("status") or payload.get("connectorStatus") or "")
        state = _STATES_201.get(word, word)
        stamp = self._since(payload.get("timestamp"))
        last_state, last_at = self._last_state
        if stamp is None or (state == last_state and stamp <= last_at + TOLERANCE_MS):
            stamp, at, sure = now, now, False  # it says when the state began of which it has told before
        else:
            stamp, at, sure = self._when(payload.get("timestamp"), now)
            at = at if abs(at - stamp) <= TOLERANCE_MS else now
        if state in _STATES and payload.get("connectorId") != 0:
            self._last_state = state, at
            self._in_state(at, cast("State", state), coarse=word == "Occupied", stays=now - at > TOLERANCE_MS)
        request = Request("status", at, self.plug_in)
        request.stamp = stamp
        early = self._awaits_acceptance and "StatusNotification" not in self._triggered
        message = self._message("status", now, at, stamp, sure=sure)
        return request, Pending(now, "StatusNotification", message, records=early)

    # Transactions.

    def _start(self, now: int, payload: Payload) -> tuple[Request, Pending]:
        stamp, at, sure = self._when(payload.get("timestamp"), now)
        wh = _whole(payload.get("meterStart"))
        tx = self._opened(("1.6", _name(payload.get("timestamp")), wh), at, wh, stamp)
        message = self._message("transaction-start", now, at, stamp, sure=sure, tx=tx, wh=wh)
        return self._request("transaction-start", message, tx), Pending(now, "StartTransaction", message, tx)

    def _stop(self, now: int, payload: Payload) -> tuple[Request, Pending]:
        stamp, at, sure = self._when(payload.get("timestamp"), now)
        wh = _whole(payload.get("meterStop"))
        tx = self._by_id.get(_name(payload.get("transactionId")))
        if tx is None and payload.get("transactionId", -1) == -1:
            # OCPP 1.6 errata 3.18: no id could be had. Then it ends the last one that the server never answered.
            tx = next((known for known in reversed(self._history.transactions) if not known.ids), None)
            told = any((known.end_stamp, known.end_wh) == (stamp, wh) for known in self._history.orphans)
            if tx is None and not told:  # its start was not told either: it may come yet
                reason = str(payload.get("reason") or "Local")
                self._history.orphans.append(Tx(0, (), 0, at, wh, stamp, end_at=at, end_wh=wh, end_stamp=stamp, reason=reason))
        if tx is not None:
            self._closed(tx, at, wh, stamp, str(payload.get("reason") or "Local"))
        self._metered(payload.get("transactionData"), now, (stamp, at))
        message = self._message("transaction-end", now, at, stamp, sure=sure, tx=tx, wh=wh)
        request = self._request("transaction-end", message, tx)
        request.closes_stay = payload.get("reason") == "EVDisconnected"
        return request, Pending(now, "StopTransaction", message, tx)

    def _meter(self, now: int, payload: Payload) -> tuple[Request, Pending]:
        tx = self._by_id.get(_name(payload.get("transactionId")))
        stamp, at, sure, wh, count = self._metered(payload.get("meterValue"), now) or (now, now, True, 0, 0)
        message = self._message("meter-values", now, at, stamp, sure=sure, tx=tx, wh=wh, count=max(1, count))
        queued = now - at > self._noticing_ms
        return self._request("meter-values", message, tx), Pending(now, "MeterValues", message, tx, records=queued)

    def _event(self, now: int, payload: Payload) -> tuple[Request, Pending]:
        """OCPP 2.0.1's TransactionEvent."""
        stamp, at, sure = self._when(payload.get("timestamp"), now)
        info = payload.get("transactionInfo")
        info = info if isinstance(info, dict) else {}
        id_ = _name(info.get("transactionId"))
        kind = payload.get("eventType")
        metered = self._metered(payload.get("meterValue"), now, (stamp, at))
        wh = metered[3] if metered else None
        tx = self._by_id.get(id_)
        if kind == "Started" and tx is None:
            tx = self._opened(("2.0.1", id_), at, wh or 0, stamp)
            self._by_id[id_] = tx
        offline = payload.get("offline") is True
        if offline:
            self._contacts.queued.append(Queued(at, now, flagged=True))
        state = str(info.get("chargingState") or "")
        state = _STATES_201.get(state, state)
        if state in _STATES:
            self._in_state(at, cast("State", state), stays=True, each=True)
        if kind == "Ended" and tx is not None:
            left = payload.get("triggerReason") in ("EVCommunicationLost", "EVDeparted")
            reason = "EVDisconnected" if left else str(info.get("stoppedReason") or "Local")
            self._closed(tx, at, tx.wh if wh is None else wh, stamp, reason)
        if tx is not None and wh is not None:
            self._history.read(at, wh)
        action: RequestAction = {"Started": "transaction-start", "Ended": "transaction-end"}.get(str(kind), "meter-values")  # type: ignore[assignment]
        message = self._message(
            action, now, at, stamp, sure=sure, tx=tx, wh=wh or 0, seq=_whole(payload.get("seqNo")), offline=offline,
        )  # fmt: skip
        request = self._request(action, message, tx)
        request.closes_stay = tx is not None and tx.reason == "EVDisconnected"
        return request, Pending(now, "TransactionEvent", message, tx, records=tx is not None)

    def _opened(self, key: tuple[Any, ...], at: int, wh: int, stamp: int) -> Tx:
        """The transaction of a start: a new one, or the one of which this is told again."""
        history = self._history
        known = self._by_key.get(key)
        if known is not None:
            return known
        if self.plug_in and at >= self._gone_at:
            plug_in = self.plug_in
        else:  # of a car that came, and perhaps left, in a silence
            self._plug_ins += 1
            plug_in = self._plug_ins
            if at >= self._gone_at:
                self.plug_in = plug_in
        tx = Tx(len(history.transactions) + 1, key, plug_in, at, wh, stamp)
        self._by_key[key] = tx
        history.transactions.append(tx)
        history.read(at, wh)
        for orphan in history.orphans:
            if orphan.end_at >= at and orphan.end_wh >= wh:  # that it ended was told before
                history.orphans.remove(orphan)
                self._closed(tx, orphan.end_at, orphan.end_wh, orphan.end_stamp, orphan.reason)
                tx.sure = False
                break
        return tx

    def _closed(self, tx: Tx, at: int, wh: int, stamp: int, reason: str) -> None:
        if tx.end_at >= 0:
            return
        tx.end_at, tx.end_wh, tx.end_stamp, tx.reason = max(at, tx.at), wh, stamp, reason
        self._history.read(tx.end_at, wh)
        if reason == "EVDisconnected" and tx.plug_in == self.plug_in:
            self.plug_in, self._gone_at = 0, at

    def _metered(self, values: Any, now: int, event: tuple[int, int] | None = None) -> tuple[int, int, bool, int, int] | None:
        """Note readings. Returns (stamp, time, whether that is known, last register, how many); None: there are none.

        ``event``: the stamp and the time of what they are told with; otherwise the last of them is what the message tells of. Earlier
        ones may have waited for it though nothing was wrong.
        """
        found = readings(values)
        if not found:
            return None
        stamp, at, sure = self._when(found[-1].stamp, now) if event is None else (*event, True)
        for reading in found:
            said = self._since(reading.stamp)
            read_at = at if said is None else min(now, at + said - stamp)
            if reading.wh is not None:
                self._history.read(read_at, reading.wh)
            if reading.ma is not None:
                self._history.currents.append(Fact(read_at, reading.ma))
        registers = [reading.wh for reading in found if reading.wh is not None]
        return stamp, at, sure, registers[-1] if registers else 0, len(found)

    # The server's commands.

    def command(self, now: int, action: str, payload: Payload, id_: str = "") -> None:
        """The server called the charger."""
        self._commands[id_] = (now, action, payload)

    def command_answered(self, now: int, action: str, payload: Payload | None, id_: str = "") -> None:
        """The charger answered a command; ``payload`` None: with an error."""
        ordered = self._commands.pop(id_, None)
        self._contacts.seen(now, ordered[0] if ordered is not None else now)
        if ordered is None or payload is None or payload.get("status") not in ("Accepted", "Scheduled"):
            return
        sent, action, said = ordered
        if action in ("TriggerMessage", "ExtendedTriggerMessage"):
            self._triggered.add(str(said.get("requestedMessage")))
        for order in self._orders.read(self.name, action, said, sent, now):
            self._ordered(order)

    def _ordered(self, order: Order) -> None:
        record = order.record
        tx = self._by_id.get(_name(order.transaction)) if order.transaction is not None else None
        if record.command in ("hold", "pause", "release"):
            record.plug_in = tx.plug_in if tx is not None else 0 if order.transaction is not None else self.plug_in
        self._history.note(record)

    # What all of it rests on.

    def _in_state(self, at: int, state: State, *, coarse: bool = False, stays: bool = False, each: bool = False) -> None:
        """The connector was in a state; the flags are those of :class:`harness.stage.seen.flow.Fact`."""
        if state == "Available":
            self.plug_in, self._gone_at = 0, max(at, self._gone_at)
        elif state not in ("Unavailable", "Faulted") and not self.plug_in and at >= self._gone_at:
            self._plug_ins += 1
            self.plug_in = self._plug_ins
        self._history.states.append(Fact(at, state, coarse, stays, each))

    def _when(self, text: Any, now: int) -> tuple[int, int, bool]:
        """(what the charger says, when it can have been, whether that is known) of an event that is told of now."""
        said = self._since(text)
        if said is None:
            return now, now, False
        stamp = said - self._ahead_ms if abs(self._ahead_ms) > TOLERANCE_MS else said
        if abs(stamp - now) <= TOLERANCE_MS:
            return stamp, min(stamp, now), True
        if stamp > now or stamp < self._first_ocpp:
            return stamp, now, True
        at = self._contacts.nearest(stamp, now)
        if abs(at - stamp) > TOLERANCE_MS:
            return stamp, at, True
        if now - stamp > self._noticing_ms:
            self._contacts.queued.append(Queued(stamp, now))
        return stamp, stamp, False

    def _message(
        self, action: RequestAction, now: int, at: int, stamp: int, *, sure: bool, tx: Tx | None = None, wh: int = 0, seq: int = 0,
        offline: bool = False, count: int = 1,
    ) -> Message:  # fmt: skip
        message = Message(
            t=now, who=self.name, action=action, sent=now, at=at, stamp=stamp, sure=sure, plug_in=tx.plug_in if tx else self.plug_in,  # type: ignore[arg-type]
            tx=tx.number if tx else 0, wh=wh, seq=seq, offline=offline, count=count,
        )  # fmt: skip
        key = _identity(message)
        if message.action in ("transaction-start", "transaction-end"):
            message.number = self._times_sent[key] = self._times_sent.get(key, 0) + 1
        return message

    @staticmethod
    def _request(action: RequestAction, message: Message, tx: Tx | None) -> Request:
        """The request of the world that a message is."""
        request = Request(action, message.at, message.plug_in)
        request.stamp, request.wh, request.seq, request.tx = message.stamp, message.wh, message.seq, message.tx
        request.offline, request.count, request.number, request.stamped = message.offline, message.count, message.number, True
        if tx is not None:
            if action == "transaction-start":
                tx.request = request
            elif action == "transaction-end":
                request.start = tx.request
        return request

    def finish(self, end_ms: int) -> None:
        """Nothing more will be seen: emit all records, in the order of their times."""
        self._expire(end_ms, "\0")
        for record in self._history.told_by(end_ms):
            self._emit(self._place, record)


_CALLS: dict[str, Callable[[Observer, int, Payload], tuple[Request, Pending]]] = {
    "BootNotification": Observer._boot, "Heartbeat": Observer._heartbeat, "Authorize": Observer._authorize,
    "StatusNotification": Observer._status, "StartTransaction": Observer._start, "StopTransaction": Observer._stop,
    "MeterValues": Observer._meter, "TransactionEvent": Observer._event,
}  # fmt: skip
"""Call → what it means. The two versions call differently where they mean different things."""


def _identity(message: Message) -> tuple[Any, ...]:
    """What tells a message from another, and not from its repetition."""
    if not message.tx:
        return (message.action, message.sent)
    return (message.action, message.tx, message.seq, message.stamp if message.action == "meter-values" else 0)


def _whole(value: Any) -> int:
    return round(value) if isinstance(value, int | float) and abs(value) < LARGEST else 0


def _name(value: Any) -> str:
    """An id, of whatever it is made; empty: there is none."""
    return str(value) if isinstance(value, int | str) else ""
