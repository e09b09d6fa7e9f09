"""The simulated wire: messages travel leg by leg, or, where nothing can come between, in one go.

Theory of operation. A leg arrives its latency after it was sent, and its fate is decided on arrival: by the path (a cut holds bytes on
TCP and loses them on UDP, a black hole swallows), by the shard (down, hung, or shut to whoever connects anew), and by message faults. A
request whose whole exchange lies before the next thing that could change its fate is carried in one call, with the same times in its
records.

The same holds for routine traffic: a charger's link is *steady*, *dead* or *live* (:mod:`harness.world.link`), and this module
decides which. On leaving steady or dead, what would have been under way is put under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

from harness.journal.records import Loss, Recovery
from harness.stage.clock import ARRIVAL, SERVER, Timekeeper
from harness.stage.port import Bans, BrownOut, MessageFault, Ongoing, Port, Waiting
from harness.stage.recorder import Recorder
from harness.world.chance import below
from harness.world.group import Group
from harness.world.link import NEVER
from harness.world.messages import ERROR, Answer, Command, Request, RequestAction
from harness.world.server import Server

_CLOSE_GROUP = 12
"""What the members of a load group of at most so many are told may be carried in one go: in a larger one something always happens, and
to see that costs more than is saved."""


class Wire:
    """Carries what chargers and server say to each other. The plan's side of the stage is in its subclass."""

    def __init__(self, ports: list[Port], server: Server, recorder: Recorder, clock: Timekeeper, *, leg_by_leg: bool) -> None:
        self.clock = clock
        clock.woken = self._due
        self.ports = ports
        self.server = server
        self.recorder = recorder
        self.leg_by_leg = leg_by_leg
        self.next_change = NEVER
        """The next time that the plan may change something; −1: at any time."""
        shards = server.model.shards
        self.down = [0] * shards
        self.hung = [0] * shards
        self.hung_since = [0] * shards
        self.slow_ms = [0] * shards
        self.errors = [0] * shards
        self.wiped = [0] * shards
        """Causes for which a shard no longer knows its chargers' credentials."""
        self.bans: list[list[Bans]] = [[] for _ in range(shards)]
        self.brown_outs: list[list[BrownOut]] = [[] for _ in range(shards)]
        """Why each shard answers fewer requests than it could."""
        self.backlog: list[list[Waiting]] = [[] for _ in range(shards)]
        """What a hung shard has taken in and not processed."""
        self.held: dict[int, list[Waiting]] = {}
        """What cut paths hold, by the charger's place."""
        self.deaths = [0] * shards
        """How often each shard's process has ended."""
        self.hangs = [0] * shards
        """How often each shard has begun to hang."""
        self.evenly = len({port.latency_ms for port in ports}) == 1
        """All are as far from the server: attempts reach it in the order in which they are made."""
        self.attempts = 0
        """How many attempts to be let in are under way leg by leg; while any is, none is carried in one go past it."""
        self.awaited = False
        """Whether a step waits for a message."""
        self.away = 0
        """How many chargers are in an outage or not online."""
        self._server_armed = -1

    # What the plan's side adds.

    def noted(self, port: Port, now: int, action: str) -> None:
        """A request is about to be sent while a step waits for one."""

    def came_back(self, port: Port, now: int) -> None:
        """The charger is online and in no outage again, or no longer so."""

    def connects_too_often(self, port: Port, now: int) -> bool:
        """A charger asks for a connection: whether the server bans it for that."""
        raise NotImplementedError

    def served_by(self, shards: list[int]) -> list[int]:
        """The places that these shards serve now: a rolling upgrade or a failover moves chargers on."""
        return [port.place for port in self.ports if port.account.shard in shards]

    def concern(self, ongoing: Ongoing, by: int) -> None:
        """A step about shards begins (``by`` above 0) or is lifted: it concerns whom they serve, and until its end whom they served."""
        served = self.served_by(ongoing.shards)
        ongoing.places = served if by > 0 else sorted({*ongoing.places, *served})

    def _change(self, places: list[int], do: Callable[[Port], None]) -> None:
        """Do something to chargers that changes their path: what was computed is put under way before."""
        now = self.clock.now
        for place in places:
            port = self.ports[place]
            self.leave_mode(port, now)
            do(port)
            self.after(port, now)

    @contextmanager
    def _changing(self, places: list[int]) -> Iterator[None]:
        """Something changes for all of these at once: what was computed of them is put under way before, and afterwards each is looked
        after."""
        now = self.clock.now
        for place in places:
            self.leave_mode(self.ports[place], now)
        yield
        for place in places:
            self.after(self.ports[place], now)

    @staticmethod
    def _set_cause(ongoing: Ongoing, by: int, of_shard: Sequence[list[Any]]) -> None:
        """Have what counts for a step act on each of its shards, or no more."""
        for shard in ongoing.shards:
            if by > 0:
                of_shard[shard].append(ongoing.fault)
            else:
                of_shard[shard].remove(ongoing.fault)

    # The state of paths and shards.

    def path_open(self, port: Port) -> bool:
        """Whether bytes pass."""
        return not (port.cuts or port.holes)

    def closed(self, port: Port) -> bool:
        """Whether a new connection is refused, however well path and server are; what is open goes on."""
        return port.tcp and bool(port.distrusts or port.banned or self.wiped[port.account.shard])

    def reachable(self, port: Port) -> bool:
        """Whether the charger could be heard and answered: also by connecting anew, where it must."""
        shard = port.account.shard
        if port.cuts or port.holes or port.shut or self.down[shard] or self.hung[shard]:
            return False
        return port.charger.link.state != "waiting" or not (port.nameless or self.closed(port))

    def _undisturbed(self, port: Port, until: int) -> bool:
        """Whether nothing but latency lies between this charger and its server, and nothing else happens to either up to ``until``; nor to
        the other members of its load group, which may be told new shares by what it says."""
        if self.leg_by_leg or self.next_change <= until or self.server.deadline <= until or not self._is_calm(port, until):
            return False
        group = port.account.group
        return group is None or (len(group.members) <= _CLOSE_GROUP and all(
            other is port or (self._is_calm(other, until) and other.charger.link.state == "online" and not other.charger.out)
            for other in map(self.ports.__getitem__, group.members)
        ))  # fmt: skip

    def _is_calm(self, port: Port, until: int) -> bool:
        """The same of one charger and its part of the server alone."""
        if port.pending or port.driver.deadline <= until or port.charger.deadline <= until:
            return False
        shard = port.account.shard
        return not (
            port.legs or port.cuts or port.holes or port.shut
            or self.down[shard] or self.hung[shard] or self.slow_ms[shard] or self.errors[shard] or self.brown_outs[shard]
        )  # fmt: skip

    # Modes: which routine traffic happens, and which is computed.

    def leave_mode(self, port: Port, now: int) -> None:
        """Make the link live: put under way what was computed so far."""
        link = port.charger.link
        mode, link.mode = link.mode, "live"
        if mode == "live":
            return
        if not port.charger.routine:
            port.charger.begin_routine(now)
        way_ms = port.latency_ms
        every = link.model.keepalive_ms
        if mode == "steady":
            link.heard_by(now, 2 * way_ms)
            sent = link.phase + (now - 1 - way_ms - link.phase) // every * every
            if sent > link.phase:
                port.account.heard_at = max(port.account.heard_at, sent + way_ms)
            if now > link.keepalive_at - every > link.phase:
                self._put_under_way(port, link.keepalive_at - every, now)
            for sent in port.charger.unsaid(now - 2 * way_ms, now):
                self._put_under_way(port, sent, now, "status")
        elif link.state == "online":
            first = link.keepalive_at
            link.keepalive_at = max(first, link.next_keepalive(now))
            for sent in range(first, link.keepalive_at, every):
                keepalive, lands = self._routine(port, sent), max(sent + way_ms, port.behind_at)
                port.up_at = max(port.up_at, lands)
                if now > sent and lands >= now:
                    self._leg(port, lands, self._arrives, port, keepalive, port.epoch)
                elif self.hung[port.account.shard] and self.path_open(port) and not port.shut:
                    self._arrive(port, keepalive, port.epoch, lands)
                elif port.cuts and port.tcp and not port.holes:
                    held = Waiting(lands, port.place, port.epoch, self._arrives, (port, keepalive, port.epoch))
                    self.held.setdefault(port.place, []).append(held)
        elif link.state == "waiting":
            refused = port.tcp and self.path_open(port)
            hangs = bool(self.hung[port.account.shard]) and not (self.down[port.account.shard] or port.shut or self.closed(port))
            fails_ms = 2 * way_ms if refused and not hangs else link.model.answer_timeout_ms
            if port.nameless:
                link.catch_up(now, arrives_ms=0, fails_ms=0)
                return
            arrived_at = link.catch_up(now, arrives_ms=way_ms, fails_ms=fails_ms)
            if arrived_at is None:
                if link.next_at < now:
                    port.charger.attempt(link.next_at)
                    self.pump(port)
            elif fails_ms == 2 * way_ms:
                self._leg(port, arrived_at + way_ms, self._refused, port, port.epoch)

    def _routine(self, port: Port, sent: int, action: RequestAction = "keepalive") -> Request:
        return Request(action, sent, port.charger.plug_in if port.charger.battery is not None else 0)

    def _put_under_way(self, port: Port, sent: int, now: int, action: RequestAction = "keepalive") -> None:
        """A routine request that was sent by ``now`` and not answered before: have its next leg arrive."""
        way_ms = port.latency_ms
        if now > sent + 2 * way_ms:
            return
        request = self._routine(port, sent, action)
        if now <= sent + way_ms:
            self._leg(port, sent + way_ms, self._arrives, port, request, port.epoch)
        else:
            answer = self.server.answers[port.account.shard]
            self._leg(port, sent + 2 * way_ms, self._answered, port, request, answer, port.epoch, sent + way_ms)

    def enter_mode(self, port: Port, now: int) -> None:
        """Let routine traffic be computed where it may: slow, failing or far servers and faults on routine messages need all of it."""
        link = port.charger.link
        account = port.account
        if port.exact or self.slow_ms[account.shard] or self.errors[account.shard] or self.brown_outs[account.shard]:
            return
        if not self.reachable(port):
            if link.state in ("online", "waiting") and (port.tcp or not port.pending):  # a late datagram may yet end the outage
                link.mode = "dead"
                port.behind_at = port.up_at if port.tcp else 0
                shard = port.account.shard
                kept = not port.holes and (port.tcp if port.cuts else self.hung[shard] and not (self.down[shard] or port.shut))
                if not kept:
                    port.charger.routine = False
        elif (
            link.state == "online" and port.lost_at is None and not account.unsettled and not account.fresh
            and port.charger.clock_set and not port.pending and link.answered_at >= link.keepalive_at - link.model.keepalive_ms
            and link.keepalive_at + port.latency_ms <= account.heard_at + account.silence_ms  # the next is no return after a silence
        ):  # fmt: skip
            link.mode = "steady"
            port.charger.routine = False

    # Timers.

    def arm(self, port: Port) -> None:
        """Set a timer for what the charger or its driver does next, unless one is set that goes off before and will set it then.

        While a request is on its way to the server, its arrival sees to that, unless something is due before.
        """
        due = port.charger.deadline
        if port.driver.deadline < due:
            due = port.driver.deadline
        port.due = due
        now = self.clock.now
        if due < port.timer and not now < port.arrives < due:
            if port.timer < NEVER:
                port.later_timers = (*port.later_timers, port.timer)
            port.timer = due
            self.clock.wake(due if due > now else now, port)

    def _due(self, port: Port) -> None:
        if port.later_timers:
            port.timer, port.later_timers = port.later_timers[-1], port.later_timers[:-1]
        else:
            port.timer = NEVER
        now = self.clock.now
        if port.due > now:
            # The deadline has moved since.
            self.arm(port)
            return
        if port.driver.deadline <= now:
            self.driver_acts(port, now)
        port.charger.wake(now)
        self.after(port, now)

    def driver_acts(self, port: Port, now: int) -> None:
        """The driver does something by himself."""
        raise NotImplementedError

    def after(self, port: Port, now: int) -> None:
        """Something happened to this charger: carry away what it wants sent, keep the truth about outages, set its timer."""
        charger = port.charger
        link = charger.link
        if (link.state == "online") != port.seen_online or link.pending != port.seen_pending or port.lost_at != port.seen_lost_at:
            self._watch(port, now)
        if charger.out:
            upto = self.pump(port)
            if upto > now:
                now = upto
        if link.mode == "live" and not port.exact:
            self.enter_mode(port, now)
        self.arm(port)

    def _watch(self, port: Port, now: int) -> None:
        """Whether the charger is online, in truth and by its own lights."""
        link = port.charger.link
        online = link.state == "online"
        lost_touch = (port.seen_online or port.seen_pending) and not (online or link.pending)
        if lost_touch and port.lost_at is None and link.state != "off" and port.charger.power == "on":
            self.lose(port, now, "link", "")
        port.seen_online, port.seen_pending, port.seen_lost_at = online, link.pending, port.lost_at
        if port.lost_at is not None and not online:
            port.left_online = True
        away = port.lost_at is not None or not online
        if away != port.away:
            port.away = away
            self.away += 1 if away else -1
            self.came_back(port, now)

    def lose(self, port: Port, now: int, cause: str, step: str) -> None:
        """The charger's server is lost, in truth."""
        if port.lost_at is None:
            port.lost_at = now
            port.left_online = not port.charger.link.online
            self.recorder.emit(port.place, Loss(t=now, who=port.charger.name, cause=cause, step=step))
            if not self.down[port.account.shard]:
                self.server.lost_sight(port.place)

    def _heard(self, port: Port, now: int, processed_at: int) -> None:
        """The charger heard from its server: an outage ends, once its causes are gone."""
        since = port.lost_at
        if since is not None and processed_at > since and self.reachable(port):
            port.lost_at = None
            blip = not port.left_online and now - since < port.charger.model.link.noticing_ms
            self.recorder.emit(port.place, Recovery(t=now, who=port.charger.name, since=since, blip=blip))

    # Requests.

    def pump(self, port: Port) -> int:
        """Carry away what the charger wants sent. Returns up to when exchanges were carried in one go."""
        charger = port.charger
        upto = 0
        while charger.out:
            item, *rest = charger.out
            charger.out = tuple(rest)
            if isinstance(item, str):
                port.epoch += 1
                port.up_at = port.down_at = 0
                self.held.pop(port.place, None)
                continue
            attempt = charger.link.state != "online" and self._is_attempt(port, item)
            if attempt and self.fails_unresolved(port, item.sent):
                continue
            if self.awaited:
                self.noted(port, item.sent, item.action)
            way_ms = port.latency_ms
            arrives = item.sent + way_ms
            if attempt:
                watched = self.closed(port) or self.bans[port.account.shard]
                if not (charger.out or watched or self.attempts) and self.evenly and self._undisturbed(port, arrives):
                    upto = self._await_admission(port, item, arrives)
                else:
                    self._send(port, item, attempt=True)
            elif not charger.out and self._undisturbed(port, arrives + 2 * way_ms):
                upto = self._exchange(port, item, arrives)
            else:
                self._send(port, item)
        return upto

    @staticmethod
    def _is_attempt(port: Port, request: Request) -> bool:
        """Whether this is an attempt to be let in, which waits its turn at the server in the order of arrival."""
        if port.tcp:
            return request.action == "connect"
        return port.charger.link.state == "trying" and request.action in ("registration", "keepalive")

    @staticmethod
    def fails_unresolved(port: Port, now: int) -> bool:
        """Fail an attempt at once whose server's name is not resolved, and say so; one that was put off is in touch, and asks again."""
        if not port.nameless or port.charger.link.pending:
            return False
        port.charger.connect_failed(now)
        return True

    def _exchange(self, port: Port, request: Request, now: int) -> int:
        """Request, answer and the commands that follow, in one go; ``now`` is the arrival at the server."""
        way_ms = port.latency_ms
        charger = port.charger
        if charger.link.mode == "steady":
            port.account.heard_at = now
        answer = self.server.handle(now, port.place, request)
        orders = self.server.take_out() if self.server.out else ()
        back = now + way_ms
        self._give_answer(port, back, request, answer, now)
        if orders and port.account.group is not None:
            self._carry_out(orders, now, port)
            orders = ()
        for _, order in orders:
            self._give_order(port, back, order, now)
            self.server.acknowledged(back + way_ms, port.place, order)
        if (charger.link.state == "online") != port.seen_online or port.lost_at != port.seen_lost_at:
            self._watch(port, back)
        return back

    def _send(self, port: Port, request: Request, *, attempt: bool = False) -> None:
        """Put a request under way, leg by leg."""
        copies, delay_ms, lost = self._tampered(port, request.sent, "request", request.action) if port.faults else (1, 0, "")
        if lost == "drop":
            return
        arrives = max(self._gets_up(port, request.sent) + delay_ms, self.clock.now)
        lands = copies * [arrives + late_ms for late_ms in self._strays(port, request.sent)]
        if max(lands, default=0) < self.next_change and not self.leg_by_leg and self._lost_for_sure(port):
            return
        for each in lands:
            port.arrives = max(port.arrives, each)
            self.attempts += attempt
            self._leg(port, each, self._attempt_arrives if attempt else self._arrives, port, request, port.epoch, lost)

    def _leg(self, port: Port, arrives: int, do: Callable[..., None], *arguments: Any) -> None:
        """Have something that is under way arrive."""
        port.pending += 1
        self.clock.at(arrives, ARRIVAL, port.place, self._landed, port, do, arguments)

    @staticmethod
    def _landed(port: Port, do: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        port.pending -= 1
        do(*arguments)

    @staticmethod
    def _gets_up(port: Port, now: int) -> int:
        """When what the charger sends now gets to the server: on one TCP connection nothing overtakes what went before."""
        passed = now
        if port.pass_ms:
            passed = port.up_free_at = max(now, port.up_free_at) + port.pass_ms
        lands = passed + port.travel_ms(now)
        if port.tcp:
            lands = port.up_at = max(lands, port.up_at)
        return lands

    @staticmethod
    def _gets_down(port: Port, now: int) -> int:
        """When what the server sends now gets to the charger."""
        passed = now
        if port.pass_ms:
            passed = port.down_free_at = max(now, port.down_free_at) + port.pass_ms
        lands = passed + port.travel_ms(now)
        if port.tcp:
            lands = port.down_at = max(lands, port.down_at)
        return lands

    @staticmethod
    def _strays(port: Port, now: int) -> list[int]:
        """What becomes of a datagram that is sent now: by how much each copy of it is late that arrives."""
        late_ms, copies = 0, 1
        for strays in port.strays:
            if below(port.charger.key, strays.purpose, port.ordinal(now), 1000) >= strays.share_permille:
                continue
            strays.applied += 1
            if strays.kind == "loss":
                copies = 0
            elif strays.kind == "duplicate":
                copies *= 2
            else:
                late_ms += strays.late_ms
        return [late_ms] * copies

    def _lost_for_sure(self, port: Port) -> bool:
        """Whether what is sent now is lost without a trace, unless something changes before it arrives."""
        shard = port.account.shard
        return bool(port.holes) or (not port.tcp and bool(port.cuts or port.shut or self.down[shard]))

    def _tampered(self, port: Port, sent: int, direction: str, action: str) -> tuple[int, int, str]:
        """What message faults do to a message: how many copies arrive, how much later, and the worst else that becomes of it."""
        copies, delay_ms, lost = 1, 0, ""
        for fault in self._matching(port, sent, direction, action):
            if fault.kind == "repeat":
                copies = 2
                lost = lost or "repeat"  # neither copy is carried in one go past the other
            elif fault.kind == "delay":
                delay_ms += fault.delay_ms
            else:
                lost = fault.kind
        return copies, delay_ms, lost

    def _matching(self, port: Port, sent: int, direction: str, action: str) -> list[MessageFault]:
        """The message faults that act on this message; each counts it."""
        matching = []
        for fault in port.faults:
            if fault.direction != direction or fault.action not in ("", action) or action == "connect":
                continue
            fault.seen += 1
            if fault.seen < fault.nth or (fault.times is not None and fault.applied >= fault.times):
                continue
            fault.applied += 1
            matching.append(fault)
            self.fault_struck(port, fault, sent)
            if fault.applied == fault.times:
                self.fault_spent(fault)
        return matching

    def fault_struck(self, port: Port, fault: MessageFault, sent: int) -> None:
        """A message fault acts on a message that is sent now."""

    def fault_spent(self, fault: MessageFault) -> None:
        """A message fault has acted as often as it was to."""

    def _arrives(self, port: Port, request: Request, epoch: int, spoilt: str = "") -> None:
        """A request arrives at the server."""
        port.due = -1
        self._arrive(port, request, epoch, self.clock.now, spoilt)
        if port.due < 0:
            self.arm(port)

    def _attempt_arrives(self, port: Port, request: Request, epoch: int, spoilt: str) -> None:
        self.attempts -= 1
        self._arrives(port, request, epoch, spoilt)

    def _arrive(self, port: Port, request: Request, epoch: int, now: int, spoilt: str = "") -> None:
        shard = port.account.shard
        if port.tcp and epoch != port.epoch:
            return
        if port.holes:
            return
        if port.cuts:
            # A connection is not opened over a cut path: the attempt fails by its timeout (assumption).
            if port.tcp and request.action != "connect":
                self._hold(port, epoch, self._arrives, port, request, epoch, spoilt)
            return
        connects = port.tcp and request.action == "connect"
        if self.down[shard] or port.shut or (connects and self.closed(port)):
            if connects:
                self._turn_away(port, now)
            return
        attempt = self._is_attempt(port, request)
        if self.hung[shard]:
            # Nobody who waits to be let in is let in later: the far end has given up by then (assumption).
            if not attempt:
                self.backlog[shard].append(Waiting(now, port.place, epoch, self._process, (port, request, epoch, spoilt)))
            return
        if not attempt:
            self._process(port, request, epoch, spoilt)
        elif connects and self.bans[shard] and self.connects_too_often(port, now):
            self._turn_away(port, now)
        elif upto := self._await_admission(port, request, now, spoilt):
            self.after(port, upto)

    def _await_admission(self, port: Port, request: Request, now: int, spoilt: str = "") -> int:
        """An attempt reaches the server. Returns up to when it was carried in one go; 0: it was not."""
        begins = self.server.admit(now, port.account.shard)
        if begins is not None and begins > now:
            self._leg(port, begins, self._let_in, port, request, port.epoch, spoilt, self._turn_of(port))
        elif begins is None:
            if port.tcp:
                self._turn_away(port, now)
        elif not spoilt and self._undisturbed(port, now + 2 * port.latency_ms):
            return self._exchange(port, request, now)
        elif now > self.clock.now:
            self._leg(port, now, self._let_in, port, request, port.epoch, spoilt, self._turn_of(port))
        else:
            self._process(port, request, port.epoch, spoilt)
        return 0

    def _turn_away(self, port: Port, now: int) -> None:
        """The server refuses a connection."""
        self._leg(port, self._gets_down(port, now), self._refused, port, port.epoch)

    def _refused(self, port: Port, epoch: int) -> None:
        if epoch == port.epoch:
            port.charger.connect_failed(self.clock.now)
            self.after(port, self.clock.now)

    def _turn_of(self, port: Port) -> tuple[int, int, int]:
        """What must still be the same when an attempt's turn comes: its shard, and that it neither died nor began to hang meanwhile."""
        shard = port.account.shard
        return shard, self.deaths[shard], self.hangs[shard]

    def _let_in(self, port: Port, request: Request, epoch: int, spoilt: str, turn: tuple[int, int, int]) -> None:
        """The turn of an attempt has come, unless its shard has forgotten it or its connection is gone."""
        if (epoch == port.epoch or not port.tcp) and turn == self._turn_of(port):
            self._process(port, request, epoch, spoilt)

    def _process(self, port: Port, request: Request, epoch: int, spoilt: str = "") -> None:
        """The server takes a request up."""
        now = self.clock.now
        shard = port.account.shard
        if self.errors[shard] or spoilt == "error-answer":
            answer = ERROR
            port.account.heard_at = now
        else:
            if port.charger.link.mode == "steady":
                port.account.heard_at = now
            answer = self.server.handle(now, port.place, request)
        if spoilt != "lose-answer":
            self._leaves_when_ready(port, now, 0, self._answered, port, request, answer, epoch, now)
        self.send_orders(now)

    def _leaves_when_ready(self, port: Port, now: int, delay_ms: int, do: Callable[..., None], *arguments: Any) -> None:
        """The server sends something as soon as it is ready to, and a fault on the way delays it further."""
        shard = port.account.shard
        deaths, epoch = self.deaths[shard], port.epoch
        waits_in = (shard, deaths, epoch if port.tcp else 0)
        ready_at = now + self.slow_ms[shard]
        if port.waits_in == waits_in:
            ready_at = max(ready_at, port.ready_at)  # behind what it was slow with before
        if ready_at > now:
            port.waits_in, port.ready_at = waits_in, ready_at
            self._leg(port, ready_at, self._leaves, port, shard, deaths, epoch, delay_ms, do, arguments)
        else:
            self._put_down(port, now, delay_ms, do, *arguments)

    def _leaves(
        self, port: Port, shard: int, deaths: int, epoch: int, delay_ms: int, do: Callable[..., None], arguments: tuple[Any, ...]
    ) -> None:
        """A slow shard is ready to send something, unless its process has ended since or the connection is gone."""
        if self.deaths[shard] != deaths or (port.tcp and epoch != port.epoch):
            return
        now = self.clock.now
        if self.hung[shard]:
            rest = (port, shard, deaths, epoch, delay_ms, do, arguments)
            self.backlog[shard].append(Waiting(now, port.place, epoch, self._leaves, rest))
        else:
            self._put_down(port, now, delay_ms, do, *arguments)

    def _put_down(self, port: Port, now: int, delay_ms: int, do: Callable[..., None], *arguments: Any) -> None:
        """The server sends an answer or a command; on its arrival ``do`` is called."""
        lands = self._gets_down(port, now) + delay_ms
        for late_ms in self._strays(port, now):
            self._leg(port, lands + late_ms, do, *arguments)

    def _answered(self, port: Port, request: Request, answer: Answer, epoch: int, processed_at: int) -> None:
        """An answer arrives at the charger."""
        if port.tcp and epoch != port.epoch:
            return
        if port.holes or port.charger.power != "on":
            return
        if port.cuts:
            if port.tcp:
                self._hold(port, epoch, self._answered, port, request, answer, epoch, processed_at)
            return
        now = self.clock.now
        self._give_answer(port, now, request, answer, processed_at)
        self.after(port, now)

    def _give_answer(self, port: Port, now: int, request: Request, answer: Answer, processed_at: int) -> None:
        charger = port.charger
        if request.action == "connect":
            if answer.result == "accepted":
                charger.connected(now)
            else:
                charger.connect_failed(now)
            return
        charger.answer(now, request, answer)
        if port.lost_at is not None and request.action not in ("status", "meter-values") and charger.link.state == "online":
            self._heard(port, now, processed_at)

    # Commands.

    def send_orders(self, now: int) -> None:
        """Carry away what the server wants sent."""
        while self.server.out:
            shared = []
            for place, order in self.server.take_out():
                port = self.ports[place]
                if not (port.charger.link.state == "online" and self._undisturbed(port, now + 2 * port.latency_ms)):
                    self._send_order(port, now, order)
                elif port.account.group is not None:
                    shared.append((place, order))
                else:
                    arrives = now + port.latency_ms
                    self._give_order(port, arrives, order, now)
                    self.server.acknowledged(arrives + port.latency_ms, place, order)
                    self.after(port, arrives)
            if shared:
                self._carry_out(shared, now)
        if self.server.deadline != self._server_armed:
            self._server_armed = self.server.deadline
            if self._server_armed < NEVER:
                self.clock.at(max(self.clock.now, self._server_armed), SERVER, -1, self._server_due, self._server_armed)

    def _carry_out(self, orders: Sequence[tuple[int, Command]], now: int, asker: Port | None = None) -> None:
        """Commands to members of load groups with nothing but latency on their ways, their acknowledgements, and the commands that these
        give rise to: in one go as far as nothing else comes between, and the rest leg by leg. ``asker``: whose request is behind them, and
        who is looked after already."""
        numbers = count()
        under_way = [(now + self.ports[place].latency_ms, place, next(numbers), False, order) for place, order in orders]
        heapify(under_way)
        groups = {id(group): group for place, _ in orders if (group := self.ports[place].account.group) is not None}
        calm_until = min((self._calm_until(group, asker) for group in groups.values()), default=-1)
        if asker is not None and asker.charger.out:
            calm_until = -1  # what it says next is under way before it acknowledges anything
        told: dict[int, int] = {}
        while under_way and under_way[0][0] <= calm_until and under_way[0][0] < min(self.next_change, self.server.deadline):
            then, place, _, obeyed, order = heappop(under_way)
            port = self.ports[place]
            if obeyed:
                self.server.acknowledged(then, place, order)
                for other, further in self.server.take_out():
                    heappush(under_way, (then + self.ports[other].latency_ms, other, next(numbers), False, further))
            else:
                self._give_order(port, then, order, order.sent)
                heappush(under_way, (then + port.latency_ms, place, next(numbers), True, order))
                if port.lost_at != port.seen_lost_at:
                    self._watch(port, then)
                told[place] = then
                calm_until = -1 if port.charger.out else min(calm_until, port.charger.deadline - 1)
        for then, place, _, obeyed, order in sorted(under_way):
            port = self.ports[place]
            if obeyed:
                self._leg(port, then, self._acknowledged, port, order, port.epoch)
            else:
                self._leg(port, then, self._order_arrives, port, order, port.epoch, "")
        for place, then in told.items():
            if self.ports[place] is not asker:
                self.after(self.ports[place], then)

    def _calm_until(self, group: Group, asker: Port | None) -> int:
        """Up to when no member of a load group does anything by itself; −1 where one has said something already."""
        members = [self.ports[place] for place in group.members]
        if any(member.pending or (member.charger.out and member is not asker) for member in members):
            return -1
        return min(min(member.charger.deadline, member.driver.deadline) for member in members) - 1

    def _server_due(self, due: int) -> None:
        if due == self._server_armed:
            self._server_armed = -1
            self.server.wake(self.clock.now)
            self.send_orders(self.clock.now)

    def _send_order(self, port: Port, now: int, order: Command) -> None:
        self.leave_mode(port, now)
        copies, delay_ms, lost = self._tampered(port, now, "command", order.name)
        if lost not in ("drop", "error-answer"):
            for _ in range(copies):
                self._leaves_when_ready(port, now, delay_ms, self._order_arrives, port, order, port.epoch, lost)
        self.enter_mode(port, now)
        self.arm(port)

    def _order_arrives(self, port: Port, order: Command, epoch: int, spoilt: str) -> None:
        if (port.tcp and epoch != port.epoch) or port.holes:
            return
        if port.cuts:
            if port.tcp:
                self._hold(port, epoch, self._order_arrives, port, order, epoch, spoilt)
            return
        now = self.clock.now
        link = port.charger.link
        if port.charger.power != "on" or not (link.online or (link.pending and order.name == "amperage")):
            return  # one that is not accepted yet, as far as it knows, takes nothing but the configuration
        accepted = self._give_order(port, now, order, order.sent)
        if spoilt != "lose-answer":
            self._acknowledge(port, now, order, epoch, accepted=accepted)
        self.after(port, now)

    def _give_order(self, port: Port, now: int, order: Command, sent: int) -> bool:
        accepted = port.charger.command(now, order)
        if port.charger.link.online:  # one that is not accepted yet is not back
            self._heard(port, now, sent)
        return accepted

    def _acknowledge(self, port: Port, now: int, order: Command, epoch: int, *, accepted: bool) -> None:
        """The charger answers a command, whether it ``accepted`` it or not."""
        lands = self._gets_up(port, now)
        for late_ms in self._strays(port, now):
            self._leg(port, lands + late_ms, self._acknowledged, port, order, epoch)

    def _acknowledged(self, port: Port, order: Command, epoch: int) -> None:
        """A charger's acknowledgement arrives at the server."""
        shard = port.account.shard
        if (port.tcp and epoch != port.epoch) or port.holes or self.down[shard] or port.shut:
            return
        if port.cuts:
            if port.tcp:
                self._hold(port, epoch, self._acknowledged, port, order, epoch)
            return
        if self.hung[shard]:
            self.backlog[shard].append(Waiting(self.clock.now, port.place, epoch, self._acknowledged, (port, order, epoch)))
            return
        now = self.clock.now
        self.server.acknowledged(now, port.place, order)
        self.send_orders(now)
        self.after(port, now)

    # Connections.

    def close_connection(self, port: Port, now: int, cause: str) -> None:
        """The far end closes (or resets) the charger's connection, if there is one; the charger sees it when the word arrives."""
        if port.tcp and port.charger.link.state in ("online", "trying"):
            self._leg(port, self._gets_down(port, now), self._closed, port, port.epoch, cause)

    def _closed(self, port: Port, epoch: int, cause: str) -> None:
        if epoch != port.epoch or port.holes:
            return
        if port.cuts:
            self._hold(port, epoch, self._closed, port, epoch, cause)
            return
        now = self.clock.now
        self.leave_mode(port, now)
        port.charger.disconnected(now, cause)
        self.after(port, now)

    def _hold(self, port: Port, epoch: int, do: Callable[..., None], *arguments: Any) -> None:
        """A cut path holds what arrives on it."""
        self.held.setdefault(port.place, []).append(Waiting(self.clock.now, port.place, epoch, do, arguments))

    def release_held(self, port: Port, now: int) -> None:
        """A cut healed: what was held arrives."""
        for one in Waiting.in_order(self.held.pop(port.place, [])):
            self._leg(port, now, one.do, *one.arguments)
