"""What a page shows beyond the verdict, gathered from the records of a run in one pass: courses, series over time, the message ledger.

It is on the path of every report of a large fleet, so each kind of record has one handler, and each charger one small object.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

from harness.check.result import Witness
from harness.journal.energy import Bins, Drawn
from harness.journal.records import (
    Action,
    AnyRecord,
    Attempts,
    Command,
    Current,
    Discard,
    Failed,
    Fault,
    Link,
    Loss,
    Message,
    PlugIn,
    Power,
    Reason,
    Recovery,
    Return,
    Server,
    Settled,
    State,
    Stay,
    Transaction,
    Unseen,
)  # fmt: skip
from harness.values import Scenario

CLASSES: dict[State, str] = {
    "Charging": "charging", "SuspendedEVSE": "held", "SuspendedEV": "full", "Preparing": "waiting", "Finishing": "waiting",
    "Available": "free", "Unavailable": "off", "Faulted": "off",
}  # fmt: skip
"""State of a connector → how it is drawn."""
NOT_IDLE: frozenset[Reason] = frozenset({"vehicle-full", "no-car"})
"""Reasons for which no current flows that nobody minds."""
_CODE_BITS = 24
_SHOWN_BEFORE, _SHOWN_AFTER = 24, 8
"""Records of a charger that are kept before and after its witness."""
_TRANSACTION = ("transaction-start", "transaction-end")
_EVENTS_KEPT = 200
"""A driver's requests that are kept for each charger."""


class Stretch(NamedTuple):
    """A stretch of a charger's course in which nothing changed."""

    begins: int
    ends: int
    state: State
    reason: Reason
    ma: int


class Span(NamedTuple):
    """Something that lasted."""

    begins: int
    ends: int
    name: str
    note: str = ""


class Course(Drawn):
    """What became of one charger."""

    __slots__ = (
        "affected", "blips", "connected", "deeds", "idle_at", "idle_for", "index", "kind", "last_in", "longest_ms", "lost_at",
        "name", "needs_wh", "open_wh", "outages", "passed", "short_wh", "stays", "steps", "stuck", "took_wh", "tx_wh", "unseen", "waiting",
    )  # fmt: skip

    def __init__(self, index: int, name: str) -> None:
        super().__init__()
        self.index = index
        self.name = name
        self.steps = array("q")
        """When its state, current or reason changed, and to what."""
        self.outages: list[tuple[int, int]] = []
        """Since when and until when it was without its server, blips apart."""
        self.unseen: list[tuple[int, int]] = []
        """Since when and until when nothing tells what it draws."""
        self.blips = 0
        self.lost_at = -1
        self.longest_ms = 0
        """The longest outage."""
        self.kind = "free"
        self.idle_for: Reason | None = None
        """Why the car that is connected does not charge, where it should."""
        self.idle_at = 0
        self.connected = False
        self.affected = False
        """The car that is connected has lived through an outage."""
        self.passed = 0
        """Stays that ended in the present outage, of which nobody knows yet whether it is a blip."""
        self.stays = 0
        self.needs_wh = self.took_wh = self.short_wh = 0
        self.open_wh: dict[int, int] = {}
        """Transaction that is open → the register at its start."""
        self.tx_wh: dict[int, int] = {}
        """Transaction that is not accounted for yet → its energy."""
        self.waiting: set[tuple[int, str]] = set()
        self.stuck: set[int] = set()
        """Transactions of which a message was given up."""
        self.last_in = ("", -1)
        self.deeds: list[Action] = []

    @property
    def outage_ms(self) -> int:
        """How long it was without its server in all."""
        return sum(ends - begins for begins, ends in self.outages)


@dataclass(slots=True)
class Account:
    """The ledger of one kind of message."""

    taken_in: int = 0
    again: int = 0
    """Taken in more than once."""
    late: int = 0
    unanswered: int = 0
    """Transmissions that did not arrive, or were answered with an error."""
    answer_lost: int = 0
    """Transmissions that arrived, and whose answer did not."""
    given_up: int = 0

    @property
    def sent(self) -> int:
        """All transmissions."""
        return self.taken_in + self.again + self.unanswered


@dataclass(slots=True)
class Watched:
    """The records around a witness."""

    witness: Witness
    before: deque[AnyRecord] = field(default_factory=lambda: deque(maxlen=_SHOWN_BEFORE))
    after: list[AnyRecord] = field(default_factory=list)

    def earlier(self) -> list[AnyRecord]:
        """What came before the violation: the records that show it, however old, and those that went before it."""
        shown = [record for record in self.witness.records if record not in self.before and record not in self.after]
        return sorted([*shown, *self.before], key=lambda record: record.t)

    def take(self, record: AnyRecord) -> None:
        """A record of this charger, or of the server, goes by."""
        if record.t <= self.witness.t:
            self.before.append(record)
        elif len(self.after) < _SHOWN_AFTER:
            self.after.append(record)


class Highs:
    """The most and the least of a count that changes, in each bin."""

    def __init__(self, width_ms: int, first: int = 0) -> None:
        self._width_ms = width_ms
        self._first = self.now = first
        self._low: dict[int, int] = {}
        self._high: dict[int, int] = {}
        self._last: dict[int, int] = {}

    def change(self, t: int, by: int) -> None:
        """The count changes."""
        place = t // self._width_ms
        before = self.now
        self.now = now = before + by
        self._low[place] = min(self._low.get(place, before), now)
        self._high[place] = max(self._high.get(place, before), now)
        self._last[place] = now

    def bins(self, count: int) -> list[tuple[int, int]]:
        """(least, most) of each bin."""
        found = []
        now = self._first
        for place in range(count):
            found.append((min(now, self._low.get(place, now)), max(now, self._high.get(place, now))))
            now = self._last.get(place, now)
        return found


_OF_A_SEQUENCE = (
    Message, Command, Failed, Discard, Return, Link, Power, Loss, Recovery, Action, PlugIn, Stay, Current, Server, Transaction,
)  # fmt: skip
"""The kinds of record that stand in a sequence diagram."""


class Gatherer:
    """Gathers while records go by. :meth:`feed` it all batches, then :meth:`close` it."""

    def __init__(self, scenario: Scenario, witnesses: Iterable[Witness] = ()) -> None:
        self._scenario = scenario
        names = scenario.names()
        self.courses = {name: Course(index, name) for index, name in enumerate(names)}
        self.bins = Bins(scenario.duration_ms)
        width_ms = self.width_ms = self.bins.width_ms
        self.count = self.known = -(-scenario.duration_ms // width_ms)
        """How many bins there are, and of how many anything is known: of a run that was cut off not of all."""
        self._late_ms = {
            name: scenario.models[entry.model].link.answer_timeout_ms for entry in scenario.chargers for name in entry.members()
        }  # fmt: skip
        self._codes: dict[tuple[State, Reason, int], int] = {("Available", "no-car", 0): 0}
        self.online = Highs(width_ms, len(names))
        self.queue = Highs(width_ms)
        self._turns = {kind: [0] * (self.count + 2) for kind in dict.fromkeys(CLASSES.values())}
        """Kind of state → by how much more chargers are in it than in the bin before."""
        self._turns["free"][0] = len(names)
        self._tries = [0.0] * (self.count + 1)
        self._met: list[int] = [0] * (self.count + 1)
        self._second = self._in_second = -1
        self.ledger: dict[str, Account] = {}
        self.idle: dict[Reason, list[int]] = {}
        """Why cars that wanted energy were idle → for how long: with the server there, and without."""
        self.sessions = self.sessions_affected = 0
        self.steps: dict[str, Span] = {}
        self.servers: dict[int, list[Span]] = {number: [] for number in range(1, scenario.server.shards + 1)}
        self._server_since: dict[int, tuple[int, str]] = dict.fromkeys(self.servers, (0, "up"))
        self.settled: list[int] = []
        self.watched = [Watched(witness) for witness in witnesses]
        self._watchers: dict[str, list[Watched]] = {}
        for each in self.watched:
            self._watchers.setdefault(each.witness.charger, []).append(each)
        self.end_ms = scenario.duration_ms
        self._handlers: dict[type[AnyRecord], Callable[[Any, Any], None]] = {
            Current: self._current, PlugIn: self._plug_in, Stay: self._stay, Loss: self._loss, Recovery: self._recovery, Link: self._link,
            Return: self._return, Attempts: self._attempts, Transaction: self._transaction, Message: self._message,
            Failed: self._failed, Discard: self._discard, Action: self._action, Unseen: self._unseen,
        }  # fmt: skip
        self._of_the_run: dict[type[AnyRecord], Callable[[Any], None]] = {
            Fault: self._step, Server: self._server, Settled: self._settle,
        }  # fmt: skip

    def feed(self, batch: Sequence[AnyRecord]) -> None:
        """Take in a batch of records, in canonical order."""
        handlers, courses = self._handlers, self.courses
        for record in batch:
            handler = handlers.get(type(record))
            if handler is not None:
                handler(courses[record.who], record)
            elif not record.who and type(record) in self._of_the_run:
                self._of_the_run[type(record)](record)
        if self._watchers:
            self._watch(batch)

    def _watch(self, batch: Sequence[AnyRecord]) -> None:
        watchers = self._watchers
        for record in batch:
            if type(record) is Server:
                for each in self.watched:
                    each.take(record)
            elif record.who in watchers and type(record) in _OF_A_SEQUENCE:
                for each in watchers[record.who]:
                    each.take(record)

    # The course of a charger.

    def _current(self, course: Course, record: Current) -> None:
        t = record.t
        course.reached(t, record.wh, self.bins)
        key = (record.state, record.reason, record.ma)
        code = self._codes.setdefault(key, len(self._codes))
        course.steps.append(t << _CODE_BITS | code)
        kind = CLASSES[record.state]
        if kind != course.kind:
            place = -(-t // self.width_ms)
            self._turns[course.kind][place] -= 1
            self._turns[kind][place] += 1
            course.kind = kind
        if course.connected or course.idle_for is not None:
            self._idle_until(course, t)
            course.idle_for = record.reason if course.connected and not record.ma and record.reason not in NOT_IDLE else None

    def _idle_until(self, course: Course, t: int) -> None:
        """Account for the time since the last change."""
        if course.idle_for is not None:
            times = self.idle.setdefault(course.idle_for, [0, 0])
            times[course.lost_at >= 0] += t - course.idle_at
        course.idle_at = t

    def _plug_in(self, course: Course, record: PlugIn) -> None:
        course.came_wh = course.wh
        course.connected = True
        course.idle_at = record.t
        course.affected = False
        self.sessions += 1

    def _stay(self, course: Course, record: Stay) -> None:
        course.reached(record.t, course.came_wh + record.wh, self.bins)
        self._idle_until(course, record.t)
        course.idle_for = None
        course.connected = False
        course.stays += 1
        course.needs_wh += record.needs_wh
        course.took_wh += record.wh
        if record.ended == "unplugged" and not record.full and record.wh < record.needs_wh:
            course.short_wh += record.needs_wh - record.wh
        if course.affected:
            self.sessions_affected += 1
        elif course.lost_at >= 0:
            course.passed += 1

    def _loss(self, course: Course, record: Loss) -> None:
        self._idle_until(course, record.t)
        course.lost_at = record.t

    def _recovery(self, course: Course, record: Recovery) -> None:
        self._idle_until(course, record.t)
        course.lost_at = -1
        if record.blip:
            course.blips += 1
            course.passed = 0
            return
        self._outage(course, record.since, record.t)

    def _outage(self, course: Course, since: int, until: int) -> None:
        """It was no blip: those who lived through it are counted."""
        course.outages.append((since, until))
        self.sessions_affected += course.passed
        course.passed = 0
        course.affected = course.affected or course.connected

    def _unseen(self, course: Course, record: Unseen) -> None:
        course.unseen.append((record.t, record.until))

    def _link(self, course: Course, record: Link) -> None:
        self.online.change(record.t, 1 if record.state == "online" else -1)

    def _action(self, course: Course, record: Action) -> None:
        if len(course.deeds) < _EVENTS_KEPT:
            course.deeds.append(record)

    # Coming back.

    def _return(self, course: Course, record: Return) -> None:
        second = record.t // 1000
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        place = record.t // self.width_ms
        self._met[place] = max(self._met[place], self._in_second)

    def _attempts(self, course: Course, record: Attempts) -> None:
        """A series of attempts: spread evenly over its time."""
        first, last = record.first // self.width_ms, record.last // self.width_ms
        each = record.count / (last - first + 1)
        for place in range(first, last + 1):
            self._tries[place] += each

    # Messages.

    def _account(self, action: str) -> Account:
        found = self.ledger.get(action)
        if found is None:
            self.ledger[action] = found = Account()
        return found

    def _transaction(self, course: Course, record: Transaction) -> None:
        opens = record.edge == "open"
        course.waiting.add((record.tx, _TRANSACTION[not opens]))
        self.queue.change(record.t, 1)
        if opens:
            course.open_wh[record.tx] = record.wh
        else:
            course.tx_wh[record.tx] = record.wh - course.open_wh.pop(record.tx, record.wh)

    def _message(self, course: Course, record: Message) -> None:
        account = self._account(record.action)
        course.last_in = (record.action, record.sent)
        if record.repeat:
            account.again += 1
            return
        account.taken_in += record.count
        if record.action in _TRANSACTION:
            account.late += record.t - record.at > self._late_ms[course.name]
            self._told(course, record.t, record.tx, record.action)

    def _told(self, course: Course, t: int, tx: int, action: str) -> None:
        """A message waits no more."""
        key = (tx, action)
        if key in course.waiting:
            course.waiting.discard(key)
            self.queue.change(t, -1)
            if action == "transaction-end" and tx not in course.stuck and (tx, "transaction-start") not in course.waiting:
                course.tx_wh.pop(tx, None)

    def _failed(self, course: Course, record: Failed) -> None:
        account = self._account(record.action)
        if course.last_in == (record.action, record.sent):
            account.answer_lost += 1
        else:
            account.unanswered += 1

    def _discard(self, course: Course, record: Discard) -> None:
        self._account(record.action).given_up += record.count
        if record.action in _TRANSACTION:
            course.stuck.add(record.tx)
            self._told(course, record.t, record.tx, record.action)

    # The run itself.

    def _step(self, record: Fault) -> None:
        if record.edge == "start":
            self.steps[record.step] = Span(record.t, -1, record.step, record.do)
        elif record.edge == "end" and record.step in self.steps:
            self.steps[record.step] = self.steps[record.step]._replace(ends=record.t)

    def _server(self, record: Server) -> None:
        begins, state = self._server_since[record.shard]
        now = "up" if record.state in ("restarted", "restored") else record.state
        if now != state:
            self.servers[record.shard].append(Span(begins, record.t, state))
            self._server_since[record.shard] = (record.t, now)

    def _settle(self, record: Settled) -> None:
        self.settled.append(record.t)

    # The end.

    def close(self, end_ms: int) -> None:
        """The run is over, or was cut off, at ``end_ms``."""
        self.end_ms = end_ms
        self.known = max(1, -(-end_ms // self.width_ms))
        for course in self.courses.values():
            self._idle_until(course, end_ms)
            if course.lost_at >= 0:
                self._outage(course, course.lost_at, end_ms)
            self.sessions_affected += course.connected and course.affected
            course.longest_ms = max((ends - begins for begins, ends in course.outages), default=0)
        for shard, (begins, state) in self._server_since.items():
            self.servers[shard].append(Span(begins, end_ms, state))
        self.steps = {name: span if span.ends >= 0 else span._replace(ends=end_ms) for name, span in self.steps.items()}

    def course_of(self, course: Course) -> Iterator[Stretch]:
        """A charger's course, stretch by stretch; several changes in one millisecond are the last of them."""
        meanings = list(self._codes)
        begins, code = 0, 0
        for step in course.steps:
            t, following = step >> _CODE_BITS, step & ((1 << _CODE_BITS) - 1)
            if t > begins:
                yield Stretch(begins, t, *meanings[code])
            begins, code = t, following
        if self.end_ms > begins:
            yield Stretch(begins, self.end_ms, *meanings[code])

    def states(self) -> dict[str, list[int]]:
        """Kind of state → how many chargers are in it, at the beginning of each bin."""
        return {kind: list(accumulate(turns))[: self.known] for kind, turns in self._turns.items()}

    def least_online(self) -> list[int]:
        """The fewest chargers that took themselves to be online in each bin."""
        return [least for least, _ in self.online.bins(self.known)]

    def most_queued(self) -> list[int]:
        """The most messages of transactions that waited in each bin."""
        return [most for _, most in self.queue.bins(self.known)]

    def kw(self, wh: Sequence[int]) -> list[float]:
        """Energy of bins as their power, on the average."""
        return [each * 3600 / spent_ms for each, spent_ms in zip(wh, self._spent_ms(), strict=False)]

    def tries_per_s(self) -> list[float]:
        """Attempts to reach the server in each bin, per second on the average."""
        return [tries * 1000 / spent_ms for tries, spent_ms in zip(self._tries, self._spent_ms(), strict=False)]

    def _spent_ms(self) -> list[int]:
        """How much of each bin the run has spent: of the last one perhaps a part."""
        return [min(self.width_ms, max(1, self.end_ms - place * self.width_ms)) for place in range(self.known)]

    def met_per_s(self) -> list[int]:
        """The most chargers that the server met anew within one second of each bin."""
        return self._met[: self.known]

    def at_stake_wh(self) -> tuple[int, int]:
        """Energy of transactions of which a message was given up, and of those of which one still waits."""
        lost = waits = 0
        for course in self.courses.values():
            waiting = {tx for tx, _ in course.waiting}
            for tx, wh in course.tx_wh.items():
                if tx in course.stuck:
                    lost += wh
                elif tx in waiting:
                    waits += wh
            waits += sum(course.wh - wh for tx, wh in course.open_wh.items() if tx in waiting)
        return lost, waits
