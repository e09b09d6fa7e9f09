"""The server: what it stores, what a restart makes it forget, what it tells a charger that returns, and its books.

Theory of operation. For each charger the server keeps an account: settings made in the app, the override of one plug-in, the
transactions. A *return* is a registration, a new connection, or the first request after a restart of the server or after a silence
longer than the charger's noticing bound; then the server sends what applies now. A command counts as carried out when the
charger has acknowledged it; until then it is sent again, with what applies by then, at each next request.

A repeated transaction message is recognised by charger, start time and start register, never by a message id, and booked once.

A stalled shard acknowledges what it has to book and lets it stand in a queue that outlives restarts; nothing is learnt from it until it is
worked through, in the order of arrival.

Like the charger, the server does no I/O: what it wants to send stands in :attr:`Server.out` as (charger, command), and at
:attr:`Server.deadline` it wants :meth:`Server.wake`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from copy import copy
from types import MappingProxyType
from typing import Literal

from harness.journal.records import Action, Ledger, Message, Record, Return
from harness.values import ServerModel, Timetable
from harness.world.group import Group
from harness.world.link import NEVER
from harness.world.messages import ACCEPTED, BOOKED, REJECTED, ROUTINE, Answer, Request, Result
from harness.world.messages import Command as Order


class Entry:
    """A transaction in the books."""

    __slots__ = ("start", "start_wh", "stop", "stop_wh", "tx")

    def __init__(self, tx: int, start: int, start_wh: int) -> None:
        self.tx = tx
        self.start = start
        self.start_wh = start_wh
        self.stop: int | None = None
        self.stop_wh: int | None = None


class Account:
    """What the server stores of one charger."""

    __slots__ = (
        "amperage_ma", "charge_in", "entries", "fresh", "group", "heard_at", "index", "lifts", "name", "obeyed", "origins", "override",
        "paused", "plug_in", "shard", "silence_ms", "stands_at", "tag", "tag_revoked_at", "tells_amperage", "timetable", "tou", "tou_on",
        "unaccepted", "unsettled",
    )  # fmt: skip

    def __init__(self, index: int, name: str, *, shard: int, tou: str, silence_ms: int) -> None:
        self.index = index
        self.name = name
        self.shard = shard
        self.tou = tou
        """How time-of-use charging reaches this charger: hold, pause, schedule or none."""
        self.silence_ms = silence_ms
        self.tou_on = False
        self.charge_in: tuple[str, ...] = ()
        self.timetable = _NO_WINDOWS
        self.amperage_ma = 0
        self.tells_amperage = False
        self.override = 0
        """The plug-in that is to charge now; 0: none."""
        self.paused = 0
        """The plug-in that is not to charge until its driver says so; 0: none."""
        self.lifts = 0
        """The plug-in whose pause its override lifts, until the charger has acknowledged that: forgotten before, it leaves the pause."""
        self.plug_in = 0
        """The plug-in that is connected, as far as the server knows; 0: none."""
        self.group: Group | None = None
        self.tag = ""
        """The tag of the charger's driver."""
        self.tag_revoked_at = NEVER
        """From when on the server does not accept it. It accepts every other tag that it hears of."""
        self.heard_at = 0
        self.unaccepted = False
        """Its registration was put off, and none has been accepted since: of its settings it is told the amperage alone."""
        self.fresh: Literal["", "connection", "request"] = ""
        """The next request is a return: on a new connection, or after a restart of the server; empty: it is none."""
        self.unsettled: Mapping[str, int] = _NOTHING
        """What was sent and not acknowledged (tou, override, amperage, share), and when."""
        self.origins: Mapping[str, int] = _NOTHING
        """For each of these, the number of the driver's action behind it."""
        self.obeyed = -1
        """When the latest of the commands was sent that are acknowledged, shares apart."""
        self.entries: tuple[Entry, ...] = ()
        self.stands_at = -1
        """The shard in whose queue messages of this charger stand: later ones stand behind them; −1: in none."""

    @property
    def ordered(self) -> bool:
        """It waits for cheaper hours by the server's orders; what its driver asks for travels as one of them."""
        return self.tou in ("hold", "pause")

    def awaits(self, topic: str, now: int) -> None:
        """Something was sent on a topic that the charger is to acknowledge."""
        self.unsettled = {**self.unsettled, topic: now}

    def settles(self, topic: str) -> None:
        """The charger has acknowledged what applies on a topic, or there is nothing to acknowledge any more."""
        if topic in self.unsettled:
            self.unsettled = without(self.unsettled, topic)
        self.forgets_origin(topic)

    def forgets_origin(self, topic: str) -> None:
        """What applies on a topic is no longer what its driver asked for."""
        if topic in self.origins:
            self.origins = without(self.origins, topic)


_NO_WINDOWS = Timetable()
_NOTHING: Mapping[str, int] = MappingProxyType({})
"""Shared by all accounts that wait for nothing, which is nearly all of them: these are made anew at a change, never changed."""


def without(kept: Mapping[str, int], topic: str) -> Mapping[str, int]:
    """All that is kept of other topics."""
    return {other: value for other, value in kept.items() if other != topic} or _NOTHING


PATIENCE_MS = 5_000
"""A command is not sent again while its acknowledgement may still be under way (assumption)."""

_TOPICS = ("tou", "override", "amperage", "share")

Backup = tuple[bool, tuple[str, ...], Timetable, int, int, int, int, tuple[Entry, ...]]
"""What a backup holds of an account."""


class Deed:
    """What a driver asks of the server in the app."""

    __slots__ = ("action", "charge_in", "ma", "number", "on", "timetable")

    def __init__(
        self, action: Literal["override", "pause", "set-amperage", "set-tou"], number: int, *, ma: int = 0, on: bool = True,
        charge_in: tuple[str, ...] = (), timetable: Timetable | None = None,
    ) -> None:  # fmt: skip
        self.action: Literal["override", "pause", "set-amperage", "set-tou"] = action
        self.number = number
        self.ma = ma
        self.on = on
        self.charge_in = charge_in
        self.timetable = timetable
        """For set-tou with other price levels: the hold windows that follow."""


def open_window(windows: list[tuple[int, int]], clock: int) -> tuple[int, int] | None:
    """The hold window that is open at a time of the server's clock."""
    return next(((opens, closes) for opens, closes in windows if opens <= clock < closes), None)


class Cause:
    """Why a shard does not do what it usually does."""

    __slots__ = ("applied",)

    def __init__(self) -> None:
        self.applied = 0
        """How often it was why."""


class PutOff(Cause):
    """A cause for which a shard accepts no registration."""

    __slots__ = ("interval_ms",)

    def __init__(self, interval_ms: int) -> None:
        super().__init__()
        self.interval_ms = interval_ms
        """After how long a charger is to ask again."""


class Gate(Cause):
    """A cause for which a shard lets no more than so many connections in."""

    __slots__ = ("accepts_per_ks",)

    def __init__(self, accepts_per_ks: int) -> None:
        super().__init__()
        self.accepts_per_ks = accepts_per_ks
        """In a thousand seconds, all shards together."""


class Server:
    """The server and its accounts, in the order of the chargers."""

    __slots__ = (
        "_kept", "accounts", "answers", "clock_offset_ms", "deadline", "emit", "factor", "free_at_us", "gates", "groups", "model", "out",
        "put_off", "queue_us", "quirks", "refuses_tags", "slot_us", "snapshots", "stalled", "standing", "up",
    )  # fmt: skip

    def __init__(self, model: ServerModel, accounts: list[Account], groups: list[Group], emit: Callable[[int, Record], None]) -> None:
        self.model = model
        self.quirks = model.quirks
        self.accounts = accounts
        self.groups = groups
        self.emit = emit
        self.out: list[tuple[int, Order]] = []
        self.clock_offset_ms = [0] * model.shards
        """How far each shard's clock is ahead of the true time."""
        self.answers = [ACCEPTED] * model.shards
        """What a request is answered that is taken in, by shard."""
        self.gates: list[list[Gate]] = [[] for _ in range(model.shards)]
        """Why each shard lets chargers in more slowly than it could."""
        self.factor = [1] * model.shards
        """How many times its own capacity each shard has."""
        self.slot_us = [max(1, 1_000_000 * model.shards // model.accepts_per_s)] * model.shards
        """How long each shard takes for one connection."""
        self.queue_us = self.slot_us[0] * model.accept_queue // model.shards
        """So long a connection waits at the most: for a full queue, at the server's own pace."""
        self.stalled: list[list[Cause]] = [[] for _ in range(model.shards)]
        """Why each shard acknowledges what it has to book and does not book it."""
        self.standing: list[list[tuple[int, int, Request]]] = [[] for _ in range(model.shards)]
        """What it has acknowledged so: when, whose, and the message."""
        self.refuses_tags: list[list[Cause]] = [[] for _ in range(model.shards)]
        """Why each shard accepts no tag."""
        self.put_off: list[list[PutOff]] = [[] for _ in range(model.shards)]
        """Why each shard accepts no registration now; it accepts them where there is no cause."""
        self.free_at_us = [0] * model.shards
        self.up = [True] * model.shards
        """Which shards work by themselves; one that is down or hangs does not."""
        self._kept: list[tuple[int, Deed]] = []
        self.snapshots: dict[str, tuple[int, list[Backup]]] = {}
        """Backups by the step that is to restore them: when each was made, and what it holds."""
        self.deadline = NEVER
        self.plan(-1)

    # Time-of-use charging.

    def plan(self, now: int) -> None:
        """Find the next moment after ``now`` at which a hold window opens, closes or is announced where a charger must be told so."""
        self.deadline = NEVER
        seen: set[tuple[str, int, int]] = set()
        for account in self.accounts:
            kind = (account.tou, id(account.timetable), account.shard)
            if account.tou_on and kind not in seen:
                seen.add(kind)
                self._plan_for(now, account)

    def _plan_anew(self, now: int) -> None:
        """The same after a change; what is due right now is still to be done, and finds the next moment itself."""
        if self.deadline > now:
            self.plan(now)

    def _plan_for(self, now: int, account: Account) -> None:
        """Be awake at the next such moment of one account, too."""
        if not account.tou_on or account.tou == "none":
            return
        announced_ms = account.timetable.next_announcement_ms(now)
        if announced_ms is not None:
            self.deadline = min(self.deadline, announced_ms)
        if account.tou == "schedule":
            return
        edges = [edge for window in account.timetable.at(now) for edge in (window if account.tou == "pause" else window[:1])]
        offset_ms = self.clock_offset_ms[account.shard]
        place = bisect_right(edges, now + offset_ms)
        if place < len(edges):
            self.deadline = min(self.deadline, edges[place] - offset_ms)

    def wake(self, now: int) -> None:
        """A hold window opens, closes or is announced: tell the chargers for which that changes what applies, or what they store."""
        news: dict[tuple[str, int, int], bool] = {}
        for account in self.accounts:
            if not account.tou_on or account.tou == "none" or not self.up[account.shard]:
                continue
            if account.tou != "schedule" and account.plug_in in (0, account.override, account.paused):
                continue
            kind = (account.tou, id(account.timetable), account.shard)
            if kind not in news:
                news[kind] = self._is_news(now, account)
            if news[kind]:
                account.awaits("tou", now)  # so that a hold is lifted, too, that no window has any more
                self._tell(now, account, "tou")
        self.plan(now)

    def _is_news(self, now: int, account: Account) -> bool:
        """Whether what happens now to the hold windows of an account is for its charger to know."""
        timetable = account.timetable
        announced = now in timetable.announced_ms
        if account.tou == "schedule":
            return announced
        clock, windows = now + self.clock_offset_ms[account.shard], timetable.at(now)
        if any(opens == clock or (closes == clock and account.tou == "pause") for opens, closes in windows):
            return True
        return announced and open_window(timetable.at(now - 1), clock) != open_window(windows, clock)

    def resumed(self, now: int, shard: int, since: int) -> None:
        """A shard that hung since ``since`` works again: it does what it missed."""
        self._replay(now)
        for account in self.accounts:
            if account.shard != shard or not account.tou_on or account.tou == "none":
                continue
            announced = any(since <= at <= now for at in account.timetable.announced_ms)
            if account.tou == "schedule":
                if announced:
                    self._tell(now, account, "tou")
                continue
            if account.plug_in in (0, account.override, account.paused):
                continue
            edges = (edge - self.clock_offset_ms[shard] for window in account.timetable.at(now) for edge in window)
            if announced:
                account.awaits("tou", now)
            if announced or any(since <= edge <= now for edge in edges):
                self._tell(now, account, "tou")
        self.work_through(now, shard)

    def _applies(self, now: int, account: Account) -> Order | None:
        """The time-of-use command that applies to the connected car now; None: no hold applies."""
        if not account.ordered or not account.plug_in:
            return None
        if account.paused == account.plug_in:
            return Order("pause", now, plug_in=account.plug_in)
        if not account.tou_on or account.override == account.plug_in:
            return Order("release", now, plug_in=account.plug_in)
        clock = now + self.clock_offset_ms[account.shard]
        window = open_window(account.timetable.at(now), clock)
        if window is not None:
            if account.tou == "pause":
                return Order("pause", now, plug_in=account.plug_in)
            begins = window[0] if "holds-whole-window" in self.quirks else clock
            return Order("hold", now, plug_in=account.plug_in, duration_ms=window[1] - begins)
        return Order("release", now, plug_in=account.plug_in) if account.tou == "pause" or "tou" in account.unsettled else None

    def _tell(self, now: int, account: Account, topic: str) -> None:
        """Send what applies now on a topic, and remember that it is not acknowledged. Whoever is not accepted is told when it is."""
        if account.unaccepted and topic != "amperage":
            return
        order: Order | None = None
        if topic == "tou" and account.tou != "schedule":
            order = self._applies(now, account)  # and whatever the driver has asked for with it
        elif topic == "tou":
            order = Order("schedule", now, on=account.tou_on)
            order.windows = account.timetable.at(now)
        elif topic == "override":
            if account.plug_in and account.plug_in == account.override:
                order = Order("release", now, plug_in=account.override)
            elif account.plug_in and account.plug_in == account.paused:
                order = Order("pause", now, plug_in=account.paused)
        elif topic == "amperage":
            order = Order("amperage", now, ma=account.amperage_ma)
        elif account.group is not None:
            share_ma = account.group.to_repeat(account.index)
            account.group.sent(account.index, share_ma)
            order = Order("share", now, ma=share_ma)
        if order is None:
            account.settles(topic)
            return
        order.origin = account.origins.get(topic, 0)
        account.awaits(topic, now)
        self.out.append((account.index, order))

    def acknowledged(self, now: int, index: int, order: Order) -> None:
        """The charger's acknowledgement of a command came in."""
        account = self.accounts[index]
        name = order.name
        if name == "share":
            assert account.group is not None
            account.settles("share")
            account.group.acknowledged(index, order.ma)
            self._balance(now, account.group)
            return
        of_driver = name in ("release", "pause") and not account.ordered
        topic = "amperage" if name == "amperage" else "override" if of_driver else "tou"
        if order.sent < account.obeyed:
            # Overtaken on its way by a newer command, and obeyed after it: what applies now is to be said again.
            account.awaits(topic, account.unsettled.get(topic, now))
            return
        account.obeyed = order.sent
        if name == "release":
            account.lifts = 0
        if topic != "amperage" or order.ma == account.amperage_ma:
            account.settles(topic)

    def take_out(self) -> list[tuple[int, Order]]:
        """Take what the server wants sent."""
        out, self.out = self.out, []
        return out

    # Requests.

    def admit(self, now: int, shard: int) -> int | None:
        """A connection or registration arrives: when it will be taken in, or None where too many wait already."""
        begins_us = max(now * 1000, self.free_at_us[shard])
        if begins_us > now * 1000:
            for gate in self.gates[shard]:
                gate.applied += 1
        if begins_us - now * 1000 > self.queue_us:
            return None
        self.free_at_us[shard] = begins_us + self.slot_us[shard]
        return -(-begins_us // 1000)

    def set_pace(self, now: int, shard: int) -> None:
        """What a shard can take in has changed. Whoever waits keeps his turn; the next comes after as many as wait, at the new pace."""
        per_ks = min([self.model.accepts_per_s * 1000 * self.factor[shard], *(gate.accepts_per_ks for gate in self.gates[shard])])
        slot_us = max(1, 1_000_000_000 * self.model.shards // per_ks)
        waits_us = max(0, self.free_at_us[shard] - now * 1000)
        self.free_at_us[shard] = now * 1000 + waits_us * slot_us // self.slot_us[shard]
        self.slot_us[shard] = slot_us

    def forget_waiting(self, now: int, shard: int) -> None:
        """Whoever waited to be taken in by this shard is forgotten, and takes nobody's turn."""
        self.free_at_us[shard] = now * 1000

    def handle(self, now: int, index: int, request: Request) -> Answer:
        """Process a request. Commands that it gives rise to stand in :attr:`out`."""
        account = self.accounts[index]
        action = request.action
        answer = self.answers[account.shard]
        silent = now - account.heard_at > account.silence_ms
        account.heard_at = now
        if action in ROUTINE and not (silent or account.unsettled or account.fresh or request.anew or request.tx):
            return answer  # nothing to book, and nothing to tell: most of what chargers say
        if action in BOOKED and (self.stalled[account.shard] or account.stands_at >= 0):
            return self._acknowledge(now, account, request, silent=silent)
        told: set[str] = set()
        repeats = [topic for topic, sent in account.unsettled.items() if now - sent >= PATIENCE_MS]
        if action == "connect":
            account.fresh = "connection"
            return answer
        if request.anew:
            account.fresh = "connection"
        if action == "registration" and self.put_off[account.shard]:
            return self._put_off(now, account, request)
        if action == "registration" or account.fresh or silent:
            told = self._returned(now, account, request)
        if action == "transaction-start":
            if request.tag and not self._accepts(now, account, request.tag):
                answer = REJECTED
            if self._book_start(now, account, request, answer.result) and "tou" not in told and account.tou != "schedule":
                told.add("tou")
                self._tell(now, account, "tou")
        elif action == "transaction-end":
            self._book_end(now, account, request)
        elif action == "authorise":
            answer = answer if self._accepts(now, account, request.tag) else REJECTED
            self._note(now, account, request, result=answer.result)
        elif action == "meter-values" and request.tx:
            self._note(now, account, request, repeat=request.taken_in)
        request.taken_in = True
        for topic in repeats:
            if topic not in told:
                self._tell(now, account, topic)
        return answer

    def _put_off(self, now: int, account: Account, request: Request) -> Answer:
        """Accept the charger later, after the longest time that any cause asks for, and tell it its settings now."""
        account.unaccepted = True
        causes = self.put_off[account.shard]
        for cause in causes:
            cause.applied += 1
        self._note(now, account, request, result="pending")
        if account.tells_amperage:
            self._tell(now, account, "amperage")
        return Answer("pending", self.clock_offset_ms[account.shard], interval_ms=max(cause.interval_ms for cause in causes))

    def _acknowledge(self, now: int, account: Account, request: Request, *, silent: bool) -> Answer:
        """Answer a message and let it stand until it is worked through. Not even that the charger has returned is learnt from it: that the
        next other request tells."""
        answer, action = self.answers[account.shard], request.action
        if silent and not account.fresh:
            account.fresh = "request"
        if request.tx or action not in ROUTINE:  # news of the connector, and readings on a healthy link, are not booked
            if account.stands_at < 0:
                account.stands_at = account.shard
            for cause in self.stalled[account.stands_at]:
                cause.applied += 1
            kept = copy(request)
            kept.answered = now
            self.standing[account.stands_at].append((now, account.index, kept))
            request.taken_in = True
        return answer

    def work_through(self, now: int, shard: int) -> None:
        """Book what a shard has acknowledged, unless it is still stalled or does not work."""
        if self.stalled[shard] or not self.up[shard]:
            return
        standing, self.standing[shard] = self.standing[shard], []
        for _, index, request in sorted(standing, key=lambda one: one[:2]):
            account = self.accounts[index]
            account.stands_at = -1
            if request.action == "transaction-start":
                if self._book_start(now, account, request, "accepted") and account.tou != "schedule":
                    self._tell(now, account, "tou")
            elif request.action == "transaction-end":
                self._book_end(now, account, request)
            else:
                self._note(now, account, request, repeat=request.taken_in)

    def _accepts(self, now: int, account: Account, tag: str) -> bool:
        refusals = self.refuses_tags[account.shard]
        for cause in refusals:
            cause.applied += 1
        if refusals:
            return False
        return self.model.authorises and (tag != account.tag or now < account.tag_revoked_at)

    def _returned(self, now: int, account: Account, request: Request) -> set[str]:
        by: Literal["registration", "connection", "request"] = account.fresh or "request"
        if request.action == "registration":
            by = "registration"
            account.unaccepted = False
            self._note(now, account, request)
        account.fresh = ""
        self._connected(now, account, request.plug_in)
        self.emit(account.index, Return(t=now, who=account.name, by=by))
        topics = {"tou", "override"}
        if account.tells_amperage:
            topics.add("amperage")
        if account.group is not None:
            topics.add("share")
        for topic in _TOPICS:
            if topic in topics and not (topic == "override" and account.ordered):
                self._tell(now, account, topic)
        return topics

    def _connected(self, now: int, account: Account, plug_in: int) -> None:
        """The charger says which plug-in is connected (0: none)."""
        if plug_in == account.plug_in:
            return
        if plug_in and plug_in < account.plug_in:
            return
        account.plug_in = plug_in
        for topic in ("tou", "override"):
            account.forgets_origin(topic)  # what was asked for the car before is not what this one is told
        group = account.group
        if group is not None:
            if plug_in:
                group.active.add(account.index)
            else:
                group.active.discard(account.index)
            self._balance(now, group)

    def _balance(self, now: int, group: Group) -> None:
        for member, share_ma in group.to_send():
            account = self.accounts[member]
            if account.unaccepted:
                continue
            group.sent(member, share_ma)
            account.awaits("share", now)
            self.out.append((member, Order("share", now, ma=share_ma)))

    def _note(
        self, now: int, account: Account, request: Request, *,
        result: Result = "accepted", repeat: bool = False,
    ) -> None:  # fmt: skip
        self.emit(
            account.index,
            Message(
                t=now, who=account.name, action=request.action, sent=request.sent, at=request.at, stamp=request.stamp,  # type: ignore[arg-type]
                number=request.number, plug_in=request.plug_in, tx=request.tx, seq=request.seq, wh=request.wh, offline=request.offline,
                count=request.count, result=result, repeat=repeat, reason=request.reason, id=request.id, answered=request.answered,
            ),
        )  # fmt: skip

    # The books.

    def _find(self, account: Account, start: int, start_wh: int) -> Entry | None:
        for entry in reversed(account.entries):
            if entry.start == start and entry.start_wh == start_wh:
                return entry
        return None

    def _book_start(self, now: int, account: Account, request: Request, result: Result) -> bool:
        """Book a transaction's start, whatever becomes of its tag; says whether it tells of a plug-in that the server did not know."""
        known = self._find(account, request.stamp, request.wh)
        if known is None or "books-repeats-twice" in self.quirks:
            account.entries = (*account.entries, Entry(request.tx, request.stamp, request.wh))
        self._note(now, account, request, result=result, repeat=known is not None)
        is_news = request.plug_in > account.plug_in and known is None
        if is_news:
            self._connected(now, account, request.plug_in)
        return is_news

    def _book_end(self, now: int, account: Account, request: Request) -> None:
        start = request.start
        entry = None if start is None else self._find(account, start.stamp, start.wh)
        repeat = entry is not None and entry.stop is not None
        if entry is not None and not repeat:
            entry.stop, entry.stop_wh = request.stamp, request.wh
        elif entry is not None and "books-repeats-twice" in self.quirks:
            again = Entry(request.tx, entry.start, entry.start_wh)
            account.entries = (*account.entries, again)
            again.stop, again.stop_wh = request.stamp, request.wh
        self._note(now, account, request, repeat=repeat)
        if request.closes_stay and request.plug_in == account.plug_in:
            self._connected(now, account, 0)
        if request.closes_stay and request.plug_in == account.override:
            account.override = 0
        if request.closes_stay and request.plug_in == account.paused:
            account.paused = 0

    def ledger(self, now: int) -> None:
        """Journal the books of each charger that has any."""
        for account in self.accounts:
            if account.entries:
                entries = [(entry.tx, entry.start, entry.start_wh, entry.stop, entry.stop_wh) for entry in account.entries]
                self.emit(account.index, Ledger(t=now, who=account.name, entries=entries))

    # The app.

    def asked(self, now: int, index: int, deed: Deed) -> None:
        """A driver's request in the app is processed."""
        account = self.accounts[index]
        if deed.action in ("override", "pause"):
            if not account.plug_in:
                self._done(now, account, deed, "none")
                return
            overrides = deed.action == "override"
            account.lifts = account.plug_in if overrides and account.plug_in in (account.lifts, account.paused) else 0
            account.override, account.paused = (account.plug_in, 0) if overrides else (0, account.plug_in)
            topic = "tou" if account.ordered else "override"
        elif deed.action == "set-amperage":
            account.amperage_ma = deed.ma
            account.tells_amperage = True
            topic = "amperage"
        else:
            account.tou_on = deed.on
            if deed.timetable is not None:
                account.timetable, account.charge_in = deed.timetable, deed.charge_in
            account.awaits("tou", now)
            topic = "tou"
            self._plan_for(now, account)
        account.origins = {**account.origins, topic: deed.number}
        self._done(now, account, deed, "accepted")
        self._tell(now, account, topic)

    def _done(self, now: int, account: Account, deed: Deed, outcome: Literal["accepted", "refused", "doubt", "none"]) -> None:
        self.emit(
            account.index,
            Action(
                t=now, who=account.name, action=deed.action, outcome=outcome, number=deed.number, plug_in=account.plug_in, ma=deed.ma,
                on=deed.on, charge_in=list(deed.charge_in),
            ),
        )  # fmt: skip

    def refused(self, now: int, index: int, deed: Deed) -> None:
        """The app could not reach the server: the driver sees it."""
        self._done(now, self.accounts[index], deed, "refused")
        if "replays-refused-commands" in self.quirks:
            self._kept.append((index, deed))

    def doubted(self, now: int, index: int, deed: Deed) -> None:
        """The app got no answer, though the server may process the request yet."""
        self._done(now, self.accounts[index], deed, "doubt")
        if "repeats-doubtful-commands" in self.quirks:
            self._kept.append((index, deed))

    # Restarts.

    def lost_sight(self, index: int) -> None:
        """The charger went away while the server runs."""
        if "forgets-override-at-loss" in self.quirks:
            self.accounts[index].override = 0
        if "frees-share-at-loss" in self.quirks and (group := self.accounts[index].group) is not None:
            group.freed(index)

    def take_snapshot(self, now: int, name: str) -> None:
        """Make the backup that a later restore brings back."""
        backups: list[Backup] = [
            (
                account.tou_on, account.charge_in, account.timetable, account.amperage_ma, account.override, account.paused,
                account.plug_in, tuple(copy(entry) for entry in account.entries),
            )
            for account in self.accounts
        ]  # fmt: skip
        self.snapshots[name] = (now, backups)

    def restarted(self, now: int, shard: int | None, *, restored: str = "") -> None:
        """The server (or one shard) starts again, with the state of a backup where one is ``restored``: what it forgets is gone, each
        charger's next request is a return."""
        if restored:
            for account, kept in zip(self.accounts, self.snapshots[restored][1], strict=True):
                if shard is not None and account.shard != shard:
                    continue
                (
                    account.tou_on, account.charge_in, account.timetable, account.amperage_ma, account.override, account.paused,
                    account.plug_in, account.entries,
                ) = kept  # fmt: skip
                account.lifts = 0
        members = []
        for account in self.accounts:
            if shard is not None and account.shard != shard:
                continue
            members.append(account.index)
            self._forget(account)
        for group in self.groups:
            group.restarted(members, restored=bool(restored))
        self._replay(now)
        self._plan_anew(now)
        for each in range(self.model.shards) if shard is None else (shard,):
            self.work_through(now, each)

    def _forget(self, account: Account) -> None:
        """A new process serves this charger from now on: what a restart forgets is gone, and its next request is a return."""
        account.fresh = "request"
        account.unsettled = account.origins = _NOTHING
        forgets = self.model.forgets_at_restart
        if "override" in forgets:
            self._forget_override(account)
        if "tou" in forgets:
            account.tou_on = False
        if "amperage" in forgets:
            account.amperage_ma = 0
        if "ledger" in forgets:
            account.entries = ()

    @staticmethod
    def _forget_override(account: Account) -> None:
        """An override is lost; a pause that it lifts, and of whose end the charger has not said that it heard, stands again."""
        if account.lifts and account.lifts == account.override:
            account.paused = account.lifts
        account.override = account.lifts = 0

    def moved(self, now: int, index: int, shard: int) -> None:
        """Another shard serves the charger: what the process before it would forget at a restart does not come along."""
        account = self.accounts[index]
        account.shard = shard
        if account.stands_at >= 0 and not self.up[account.stands_at]:
            self._hand_over(account)
        self._forget(account)
        if account.group is not None:
            account.group.restarted([index], restored=False)
        self._plan_for(now, account)
        self.work_through(now, shard)

    def _hand_over(self, account: Account) -> None:
        """What stands in the queue of a shard that does not work goes along with the charger that moves."""
        standing = self.standing[account.stands_at]
        self.standing[account.shard] += [one for one in standing if one[1] == account.index]
        self.standing[account.stands_at] = [one for one in standing if one[1] != account.index]
        account.stands_at = account.shard

    def wipe_settings(self, now: int, index: int) -> bool:
        """What is stored of the charger's settings is lost; the books are not. Its next request is a return. Says whether any were set."""
        account = self.accounts[index]
        had = bool(account.tou_on or account.amperage_ma or account.override)
        account.tou_on = False
        account.amperage_ma = 0
        self._forget_override(account)
        account.fresh = account.fresh or "request"
        for topic in ("tou", "override", "amperage"):
            account.settles(topic)
        return had

    def _replay(self, now: int) -> None:
        """Wrongly: carry out what drivers were told could not be done, or could be in doubt."""
        kept, self._kept = self._kept, []
        for index, deed in kept:
            again = Deed(deed.action, deed.number, ma=deed.ma, on=deed.on, charge_in=deed.charge_in, timetable=deed.timetable)
            self.asked(now, index, again)

    def set_clock(self, now: int, shard: int, offset_ms: int) -> None:
        """A shard's clock is ahead of the true time by ``offset_ms``."""
        self.clock_offset_ms[shard] = offset_ms
        self.answers[shard] = Answer("accepted", offset_ms) if offset_ms else ACCEPTED
        self._plan_anew(now)
