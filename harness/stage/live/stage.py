"""The live stage: what the simulated one does, with its messages as OCPP frames on real sockets.

Theory of operation. World, faults and the truth about outages are those of :class:`harness.stage.base.Stage`; what differs is how a
message gets across. A request leaves as a frame on its charger's WebSocket, goes through a Toxiproxy proxy, and comes in at the
embedded server, which is the world's server behind a listening socket for each shard. There the frame is read and checked, the world's
server answers, and answer and commands come back the same way. Network faults are toxics; message faults act in the end that sends.
What the frames cannot say (the numbers by which the journal tells plug-ins and transactions apart) is found by message id, as both
ends are here.

Every callback from outside begins with :meth:`LiveClock.catch_up`, so that what was due before it has happened.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, cast

from harness.journal.records import Proxied
from harness.stage.base import Progress, Stage
from harness.stage.clock import ARRIVAL
from harness.stage.errors import ExperimentError
from harness.stage.live import frames
from harness.stage.live.clock import LiveClock
from harness.stage.live.lines import Attempt, Line, Ordered, Sent
from harness.stage.live.ocpp16 import Calendar, ChargerEnd, Payload, ServerEnd
from harness.stage.live.toxics import Toxiproxy
from harness.stage.port import Ongoing, Port
from harness.stage.recorder import Sink
from harness.values import Scenario
from harness.world.messages import ACCEPTED, ERROR, Answer, Command, Request

SUBPROTOCOL = "ocpp1.6"
HOST = "127.0.0.1"
EPOCH_HEADER = "X-Harness-Connection"
"""Tells the embedded server which of a charger's attempts a connection is: one may come in late, after the charger gave it up."""
_GREETING_S = 60.0
_GREETINGS_AT_ONCE = 100
_FOR_EVER_MS = 10**9
"""A latency of eleven days holds bytes as a bandwidth of 0 does, and hands them on at once when it is taken off. A toxic before one of
bandwidth 0 that holds bytes cannot be taken off: Toxiproxy 2.12 waits for ever."""
_RESET_S = 1.0
_LOOK_S = 2.0
_LARGEST_FRAME = 1 << 20


_QUIET = logging.getLogger("harness.live")
"""The WebSockets' own log: connections that break are what these runs are about, and told by their journal."""
_QUIET.propagate = False
_QUIET.addHandler(logging.NullHandler())

_CLIENT: dict[str, Any] = {
    "subprotocols": [SUBPROTOCOL], "compression": None, "ping_interval": None, "open_timeout": None, "close_timeout": 1,
    "max_size": _LARGEST_FRAME, "proxy": None, "logger": _QUIET,
}  # fmt: skip


class LiveStage(Stage):
    """A live run in progress."""

    def __init__(
        self, scenario: Scenario, sink: Sink, clock: LiveClock, *, toxiproxy: Toxiproxy | None, progress: Progress | None = None
    ) -> None:  # fmt: skip
        super().__init__(scenario, sink, clock, simulate_all=True, leg_by_leg=True, progress=progress)
        self.live_clock = clock
        self.toxiproxy = toxiproxy
        self._helper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="toxiproxy")
        """Calls Toxiproxy, one call after the other, off the event loop."""
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        """Whose turn with Toxiproxy it is: what a fault puts on is on before its end takes it off."""
        self._tasks: set[asyncio.Task[None]] = set()
        calendar = Calendar(scenario.start)
        new_id = count(1).__next__
        self._place_of = {port.charger.name: port.place for port in self.ports}
        self._charger_ends = [ChargerEnd(port.charger, calendar) for port in self.ports]
        self._server_ends = [ServerEnd(calendar, port.charger.model.ratings.unit_rating_ma, new_id) for port in self.ports]
        self._lines: list[Line | None] = [None] * len(self.ports)
        """Each charger's end of its connection."""
        self._desks: list[Line | None] = [None] * len(self.ports)
        """The server's end."""
        self._attempts: list[Attempt | None] = [None] * len(self.ports)
        self._too_early: list[list[tuple[Command, int, str]]] = [[] for _ in self.ports]
        """Commands that name a plug-in whose transaction has no id yet."""
        self._message_id = count(1).__next__
        self._doors: list[Any] = [None] * scenario.server.shards
        """What listens for each shard; None while nothing does."""
        self._at_the_door = asyncio.Lock()
        self._door_ports = [0] * scenario.server.shards
        self._classes = self._classify()
        self._proxies: dict[tuple[str, int], str] = {}
        """(class, shard) → the address at which its chargers reach the shard."""
        self._handed_on_s = 0.0
        self._aloft: dict[int, int] = {}
        """Place → how much is under way between that charger and the server: frames, attempts on their way, closings."""
        self._all_lines: set[Line] = set()
        """Both ends of all connections that are not closed yet."""
        self._chores = 0
        """What is being done to proxies and doors."""
        self._open = False

    # Before and after.

    async def prepare(self) -> None:
        """Open the doors, put the proxies before them, and have every charger connected, as the world is when a scenario starts."""
        from websockets.exceptions import ConnectionClosed, InvalidHandshake

        for shard in range(len(self._doors)):
            await self._open_door(shard)
        if self.toxiproxy is not None:
            await self._loop.run_in_executor(self._helper, self._make_proxies)
        try:
            async with asyncio.timeout(_GREETING_S):
                some = asyncio.Semaphore(_GREETINGS_AT_ONCE)
                await asyncio.gather(*(self._greet(port, some) for port in self.ports))
        except (OSError, EOFError, InvalidHandshake, ConnectionClosed) as problem:
            raise ExperimentError(f"the chargers did not get through to the embedded server before the start: {problem!r}") from None
        self._open = True
        self._spawn(self.watch())

    async def watch(self) -> None:
        """Look now and then whether Toxiproxy still answers. Raises :class:`ToxiproxyError` once it does not."""
        while self.toxiproxy is not None:
            await asyncio.sleep(_LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Look once: a run whose Toxiproxy died tells of that, not of chargers."""
        if self.toxiproxy is not None:
            await self._loop.run_in_executor(self._helper, self.toxiproxy.version)

    async def shut(self) -> None:
        """End all connections and listeners, and take the proxies away."""
        self._open = False
        for line in tuple(self._all_lines):
            line.drop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*tuple(self._tasks), return_exceptions=True)
        for door in self._doors:
            if door is not None:
                door.close(close_connections=True)
        if self.toxiproxy is not None:
            await self._loop.run_in_executor(self._helper, self.toxiproxy.restore)
        self._helper.shutdown()

    def quiet(self) -> bool:
        """Whether nothing is under way but what cannot arrive, as its path is cut or swallows it."""
        return not self._chores and not any(self.path_open(self.ports[place]) for place in self._aloft)

    def _rises(self, port: Port) -> None:
        """Something gets under way."""
        self._aloft[port.place] = self._aloft.get(port.place, 0) + 1

    def _lands(self, port: Port, epoch: int) -> None:
        """It arrived; what belongs to an earlier connection was given up with it."""
        under_way = self._aloft.get(port.place, 0)
        if epoch != port.epoch or not under_way:
            return
        if under_way > 1:
            self._aloft[port.place] = under_way - 1
        else:
            del self._aloft[port.place]
            self.live_clock.look()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _do_chore(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something to proxies or doors meanwhile."""
        self._chores += 1
        self._spawn(work).add_done_callback(self._chore_done)

    def _chore_done(self, task: asyncio.Task[None]) -> None:
        self._chores -= 1
        self.live_clock.look()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self.live_clock.fail(problem)

    # Doors and proxies.

    async def _open_door(self, shard: int) -> None:
        """Have a shard listen, where it listened before, unless it does or is down again by now."""
        from websockets.asyncio.server import serve
        from websockets.typing import Subprotocol

        async with self._at_the_door:
            if self.down[shard] or self._doors[shard] is not None:
                return
            # Named in full, asyncio turns Nagle off on what it accepts: a command after an answer would wait 40 ms otherwise.
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((HOST, self._door_ports[shard]))
                sock.listen(1024)
            except OSError as problem:
                sock.close()
                raise ExperimentError(
                    f"the embedded server cannot listen on {HOST}:{self._door_ports[shard]}: {problem.strerror}"
                ) from None
            self._door_ports[shard] = sock.getsockname()[1]
            door = await serve(
                partial(self._serve, shard), sock=sock, process_request=partial(self._let_knock, shard),
                subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None, ping_interval=None, open_timeout=None, close_timeout=1,
                max_size=_LARGEST_FRAME, server_header=None, logger=_QUIET,
            )  # fmt: skip
            if self.down[shard]:
                door.close(close_connections=False)
            else:
                self._doors[shard] = door

    def _classify(self) -> list[str]:
        """The class of each charger: those on whom the same network faults ever act share proxies."""
        acting: list[list[str]] = [[] for _ in self.ports]
        for number, step in enumerate(self.scenario.plan):
            if step.do.startswith("network."):
                for place in self.director.concerned(step):
                    acting[place].append(str(number))
        return ["-".join(numbers) or "all" for numbers in acting]

    def _make_proxies(self) -> None:
        assert self.toxiproxy is not None
        for name in dict.fromkeys(self._classes):
            for shard, port in enumerate(self._door_ports):
                made = self.toxiproxy.create(f"harness-{port}-{name}", f"{HOST}:{port}")
                self._proxies[name, shard] = made

    def _url(self, port: Port) -> str:
        shard = port.account.shard
        address = self._proxies.get((self._classes[port.place], shard)) or f"{HOST}:{self._door_ports[shard]}"
        return f"ws://{address}/ocpp/{port.charger.name}"

    def _proxies_of(self, ongoing: Ongoing) -> list[str]:
        """The proxies of a fault's targets: those of all shards, as chargers may move."""
        classes = dict.fromkeys(self._classes[place] for place in ongoing.places)
        return [f"harness-{port}-{name}" for name in classes for port in self._door_ports]

    def _toxic(self, ongoing: Ongoing, by: int, kind: str, attributes: dict[str, int]) -> None:
        """Put a toxic on the proxies of a fault's targets, or take it off."""
        self._do_chore(self._in_turn(self._add(ongoing, kind, attributes) if by > 0 else self._remove(ongoing)))

    async def _in_turn(self, work: Coroutine[Any, Any, None]) -> None:
        async with self._turn:
            await work

    async def _add(self, ongoing: Ongoing, kind: str, attributes: dict[str, int]) -> None:
        assert self.toxiproxy is not None
        for proxy in self._proxies_of(ongoing):
            await self._told(self.toxiproxy.add, proxy, ongoing.step.id, kind, attributes)

    async def _remove(self, ongoing: Ongoing) -> None:
        assert self.toxiproxy is not None
        for proxy in self._proxies_of(ongoing):
            await self._told(self.toxiproxy.remove, proxy, ongoing.step.id)

    async def _told(self, do: Callable[..., None], proxy: str, step: str, *arguments: Any) -> None:
        """Have Toxiproxy do something, and journal it."""
        await self._loop.run_in_executor(self._helper, do, proxy, step, *arguments)
        now = self.live_clock.catch_up()
        self.recorder.emit(-1, Proxied(t=now, proxy=proxy, step=step, call="add" if arguments else "remove"))

    # Connecting.

    async def _greet(self, port: Port, some: asyncio.Semaphore) -> None:
        """The charger's connection from before the start: it has registered and is known."""
        from websockets.asyncio.client import connect

        self._attempts[port.place] = Attempt(Request("connect", 0), 0, self._loop.create_future())
        async with some:
            web_socket = await connect(self._url(port), **_CLIENT, additional_headers={EPOCH_HEADER: "0"})
            action, payload = self._charger_ends[port.place].call(Request("registration", 0), 0)
            await web_socket.send(frames.call("0", action, payload))
            frames.check(f"{action}Response", frames.read(await web_socket.recv()).payload)
        self._hold_line(port, Line(web_socket, 0))

    def _hold_line(self, port: Port, line: Line) -> None:
        self._all_lines.add(line)
        self._lines[port.place] = line
        self._spawn(self._listen(port, line))

    async def _dial(self, port: Port, attempt: Attempt) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake

        try:
            web_socket = await connect(self._url(port), **_CLIENT, additional_headers={EPOCH_HEADER: str(attempt.epoch)})
        except (OSError, EOFError, InvalidHandshake):
            self.live_clock.catch_up()
            self._lands(port, attempt.epoch)
            if not attempt.lost:
                self._refused(port, attempt.epoch)
            return
        now = self.live_clock.catch_up()
        self._lands(port, attempt.epoch)
        line = Line(web_socket, attempt.epoch)
        if port.epoch != attempt.epoch:
            line.drop()
            return
        self._hold_line(port, line)
        self._give_answer(port, now, attempt.request, ACCEPTED, attempt.processed_at)
        self.after(port, now)

    async def _let_knock(self, shard: int, connection: Any, request: Any) -> Any:
        """A connection is asked for: the world's server decides."""
        place = self._place_of[request.path.rpartition("/")[2]]
        attempt = self._attempts[place]
        if not self._open:
            return None
        now = self.live_clock.catch_up()
        port = self.ports[place]
        if attempt is None or str(attempt.epoch) != request.headers[EPOCH_HEADER] or port.account.shard != shard:
            return connection.respond(503, "This attempt was given up.\n")
        attempt.knocked = True
        self._lands(port, attempt.epoch)
        if not attempt.lost:
            self._arrive(port, attempt.request, attempt.epoch, now)
        if await attempt.decision:
            return None
        return connection.respond(503, "The server takes no more connections now.\n")

    def _turn_away(self, port: Port, now: int) -> None:
        self._decide(port, now, accepted=False)

    def _decide(self, port: Port, now: int, *, accepted: bool) -> None:
        attempt = self._attempts[port.place]
        if attempt is not None and not attempt.decision.done():
            attempt.processed_at = now
            if attempt.knocked:
                self._rises(port)
            attempt.decision.set_result(accepted)

    # The charger's end.

    def pump(self, port: Port) -> int:
        """Carry away what the charger wants sent. Nothing is carried ahead of time."""
        out = port.charger.out
        while out:
            item = out.pop(0)
            if isinstance(item, str):
                self._hang_up(port)
                continue
            if self.awaited:
                self.noted(port, item.sent, item.action)
            if item.action == "connect":
                self._attempts[port.place] = attempt = Attempt(item, port.epoch, self._loop.create_future())
                attempt.lost = not self.path_open(port)
                self._rises(port)
                attempt.dialling = self._spawn(self._dial(port, attempt))
            else:
                self._send(port, item)
        return 0

    def _hang_up(self, port: Port) -> None:
        """The charger ends its connection, or its attempt to have one."""
        port.epoch += 1
        port.held.clear()
        attempt, self._attempts[port.place] = self._attempts[port.place], None
        if attempt is not None:
            attempt.decision.cancel()
            if attempt.dialling is not None:
                attempt.dialling.cancel()
        self._too_early[port.place].clear()
        self._aloft.pop(port.place, None)
        self.live_clock.look()
        line, self._lines[port.place] = self._lines[port.place], None
        if line is not None:
            line.end()

    def _send(self, port: Port, request: Request, *, attempt: bool = False) -> None:
        copies, delay_ms, spoilt = self._tampered(port, request.sent, "request", request.action) if port.faults else (1, 0, "")
        if spoilt == "drop":
            return
        if delay_ms:
            self.clock.at(self.clock.now + delay_ms, ARRIVAL, port.place, self._transmit, port, request, port.epoch, copies, spoilt)
        else:
            self._transmit(port, request, port.epoch, copies, spoilt)

    def _transmit(self, port: Port, request: Request, epoch: int, copies: int, spoilt: str) -> None:
        line = self._lines[port.place]
        if line is None or line.epoch != epoch:
            return
        action, payload = self._charger_ends[port.place].call(request, self.clock.now)
        for _ in range(copies):
            id_ = f"c{self._message_id()}"
            line.sent[id_] = Sent(request, spoilt, action)
            self._put(port, line, frames.call(id_, action, payload))

    def _put(self, port: Port, line: Line, frame: str) -> None:
        """Send a frame from either end."""
        self._rises(port)
        line.send(frame)

    async def _listen(self, port: Port, line: Line) -> None:
        """Hear what the server sends on a connection, to its end."""
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                text = await line.socket.recv()
                self.live_clock.catch_up()
                self._lands(port, line.epoch)
                if line.epoch == port.epoch and not line.gone:
                    self._hears(port, line, frames.read(text))
        except ConnectionClosed as problem:
            cause = "reset" if isinstance(problem.__cause__, ConnectionResetError) else "closed"
        finally:
            line.end()
            self._all_lines.discard(line)
        if self._open and line.epoch == port.epoch:
            self.live_clock.catch_up()
            self._closed(port, line.epoch, cause)

    def _hears(self, port: Port, line: Line, frame: frames.Frame) -> None:
        end = self._charger_ends[port.place]
        now = self.clock.now
        if frame.kind == frames.CALL:
            frames.check(frame.action, frame.payload)
            order = end.command(frame.action, frame.payload, now)
            desk = self._desks[port.place]
            ordered: Ordered | None = desk.sent.get(frame.id) if desk is not None and desk.epoch == line.epoch else None
            if order is None or ordered is None:
                self._put(port, line, frames.error(frame.id, "NotImplemented", f"no meaning for {frame.action}"))
                return
            order.sent, order.origin = ordered.order.sent, ordered.order.origin
            line.heard[order] = frame.id, frame.action
            self._order_arrives(port, order, line.epoch, ordered.spoilt)
            return
        sent: Sent | None = line.sent.pop(frame.id, None)
        if sent is None:
            return  # the second answer to a request that a fault sent twice
        if frame.kind == frames.CALLERROR:
            answer = ERROR
        else:
            frames.check(f"{sent.action}Response", frame.payload)
            answer = end.answer(sent.request, frame.payload, now)
        self._answered(port, sent.request, answer, line.epoch, sent.processed_at)

    def _acknowledge(self, port: Port, now: int, order: Command, epoch: int, *, accepted: bool) -> None:
        line = self._lines[port.place]
        if line is not None and line.epoch == epoch:
            id_, action = line.heard.pop(order)
            self._put(port, line, frames.result(id_, action, ChargerEnd.reply(action, accepted=accepted)))

    # The server's end.

    async def _serve(self, shard: int, web_socket: Any) -> None:
        """Hear what a charger sends on a connection, to its end."""
        from websockets.exceptions import ConnectionClosed

        port = self.ports[self._place_of[web_socket.request.path.rpartition("/")[2]]]
        desk = Line(web_socket, int(web_socket.request.headers[EPOCH_HEADER]))
        self._desks[port.place] = desk
        self._all_lines.add(desk)
        try:
            if desk.epoch == 0:
                await self._greeted_by(web_socket)
            while True:
                text = await web_socket.recv()
                self.live_clock.catch_up()
                self._lands(port, desk.epoch)
                try:
                    self._takes(port, desk, frames.read(text))
                except Exception as problem:
                    self.live_clock.fail(problem)
        except ConnectionClosed:
            return
        finally:
            desk.end()
            self._all_lines.discard(desk)

    async def _greeted_by(self, web_socket: Any) -> None:
        frame = frames.read(await web_socket.recv())
        end = self._server_ends[0]
        payload = end.result(Request("registration", 0), frame.payload, ACCEPTED, 0)
        await web_socket.send(frames.result(frame.id, frame.action, cast("Payload", payload)))

    def _takes(self, port: Port, desk: Line, frame: frames.Frame) -> None:
        if desk.gone or desk.epoch != port.epoch:
            return
        if frame.kind != frames.CALL:
            ordered: Ordered | None = desk.sent.pop(frame.id, None)
            if ordered is not None:
                if frame.kind == frames.CALLRESULT:
                    frames.check(f"{ordered.action}Response", frame.payload)
                self._acknowledged(port, ordered.order, desk.epoch)
            return
        frames.check(frame.action, frame.payload)
        line = self._lines[port.place]
        sent: Sent | None = None if line is None else line.sent.get(frame.id)
        if sent is None:
            return  # the charger has given it up since
        self._server_ends[port.place].take(sent.request, frame.payload)
        desk.asked.setdefault(sent.request, []).append((frame, sent))
        self._arrive(port, sent.request, desk.epoch, self.clock.now, sent.spoilt)

    def _put_down(self, port: Port, now: int, delay_ms: int, do: Callable[..., None], *arguments: Any) -> None:
        if delay_ms:
            self.clock.at(now + delay_ms, ARRIVAL, port.place, self._put_down, port, now + delay_ms, 0, do, *arguments)
        elif do == self._answered:
            request, answer, epoch, processed_at = arguments[1:]
            self._give_back(port, now, request, answer, epoch, processed_at)
        else:
            self._order(port, *arguments[1:])

    def _give_back(self, port: Port, now: int, request: Request, answer: Answer, epoch: int, processed_at: int) -> None:
        """The server answers a request."""
        if request.action == "connect":
            self._decide(port, processed_at, accepted=answer.result == "accepted")
            return
        desk = self._desks[port.place]
        if desk is None or desk.epoch != epoch or not desk.asked.get(request):
            return
        frame, sent = desk.asked[request].pop(0)
        sent.processed_at = processed_at
        payload = self._server_ends[port.place].result(request, frame.payload, answer, now)
        if payload is None:
            self._put(port, desk, frames.error(frame.id, "InternalError", "the server answers nothing but errors"))
            return
        self._put(port, desk, frames.result(frame.id, frame.action, payload))
        if request.action == "transaction-start":
            early, self._too_early[port.place] = self._too_early[port.place], []
            for order, its_epoch, spoilt in early:
                self._order(port, order, its_epoch, spoilt)

    def _order(self, port: Port, order: Command, epoch: int, spoilt: str) -> None:
        """The server sends a command."""
        desk = self._desks[port.place]
        if desk is None or desk.epoch != epoch or epoch != port.epoch:
            return
        made = self._server_ends[port.place].command(order, overrides_schedule=port.account.tou == "schedule")
        if made is None:
            self._too_early[port.place].append((order, epoch, spoilt))
            return
        action, payload = made
        id_ = f"s{self._message_id()}"
        desk.sent[id_] = Ordered(order, spoilt, action)
        self._put(port, desk, frames.call(id_, action, payload))

    # Faults: the world's part is the base's, the wire's is here.

    def close_connection(self, port: Port, now: int, cause: str) -> None:
        """The server's end closes a charger's connection."""
        desk, line, attempt = self._desks[port.place], self._lines[port.place], self._attempts[port.place]
        if attempt is not None and attempt.knocked:
            self._decide(port, now, accepted=False)
        if line is not None and line.gone:
            # It went while its path swallowed even that.
            self.clock.at(now, ARRIVAL, port.place, self._closed, port, line.epoch, cause)
        elif line is not None:
            self._rises(port)
        if desk is not None:
            desk.end()

    def _dies(self, shard: int) -> None:
        super()._dies(shard)
        door, self._doors[shard] = self._doors[shard], None
        if door is not None:
            door.close(close_connections=False)

    def _lives(self, shard: int) -> None:
        self._do_chore(self._open_door(shard))

    def _path(self, ongoing: Ongoing, by: int, cause: str) -> None:
        if by > 0:
            for place in ongoing.places:
                if (attempt := self._attempts[place]) is not None:
                    attempt.lost = True
        super()._path(ongoing, by, cause)

    def _network_cut(self, ongoing: Ongoing, by: int) -> None:
        super()._network_cut(ongoing, by)
        self._toxic(ongoing, by, "latency", {"latency": _FOR_EVER_MS, "jitter": 0})

    def _network_black_hole(self, ongoing: Ongoing, by: int) -> None:
        super()._network_black_hole(ongoing, by)
        self._toxic(ongoing, by, "timeout", {"timeout": 0})

    def _network_latency(self, ongoing: Ongoing, by: int) -> None:
        super()._network_latency(ongoing, by)
        delay_ms = cast("int", ongoing.step.arguments["delay_ms"])
        self._toxic(ongoing, by, "latency", {"latency": round(delay_ms / self.live_clock.speed), "jitter": 0})

    def _network_reset(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        ports = [self.ports[place] for place in ongoing.places]
        # Over a path that lets nothing through the toxic would never see anything to reset; behind another that delays what passes,
        # Toxiproxy would wait for ever to take that one off again. There the charger's end does it.
        shut = [port.place for port in ports if port.extra_ms or not self.path_open(port)]
        lines = [line for place in ongoing.places if place not in shut and (line := self._lines[place]) is not None]
        self._change(shut, lambda port: port.charger.disconnected(now, "reset"))
        if lines:
            self._do_chore(self._in_turn(self._reset(ongoing, lines)))

    async def _reset(self, ongoing: Ongoing, lines: list[Line]) -> None:
        """The toxic resets a connection once anything passes: have a ping do so, and take the toxic off when all are gone."""
        from websockets.exceptions import ConnectionClosed

        await self._add(ongoing, "reset_peer", {"timeout": 0})
        for line in lines:
            with suppress(ConnectionClosed):
                await line.socket.ping()
        with suppress(TimeoutError):
            async with asyncio.timeout(_RESET_S):
                await asyncio.gather(*(line.socket.wait_closed() for line in lines))
        await self._remove(ongoing)

    def elapsed(self, now: int) -> None:
        """Hand the records on every second, so that a run that is killed leaves what there was."""
        real_s = self._loop.time()
        if real_s - self._handed_on_s >= 1:
            self._handed_on_s = real_s
            self.recorder.hand_on(now)
            if self.progress is not None:
                self.progress(now)


async def play(
    scenario: Scenario, sink: Sink, *, speed: float, skip_idle: bool, toxiproxy: Toxiproxy | None, progress: Progress | None = None
) -> None:  # fmt: skip
    """Run a scenario on the wall clock, ``speed`` times as fast as it says, from the first connection to the last record.

    ``skip_idle``: time in which nothing is under way does not pass but is skipped.
    """

    def quiet() -> bool:
        return stage.quiet()

    clock = LiveClock(speed, quiet=quiet if skip_idle else None)
    stage = LiveStage(scenario, sink, clock, toxiproxy=toxiproxy, progress=progress)
    try:
        await stage.prepare()
        clock.start()
        stage.open()
        await clock.run(scenario.duration_ms, stage.elapsed)
        await stage.look()
        stage.close()
    finally:
        await stage.shut()
