"""The server's end of all connections: the world's server behind a listening socket for each shard."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any, cast

from harness.stage.clock import ARRIVAL
from harness.stage.errors import ExperimentError
from harness.stage.live import frames, ocpp16, ocpp201
from harness.stage.live.codec import Payload, ServerEnd
from harness.stage.live.doorstep import REQUEST_S, Doorstep
from harness.stage.live.frames import FrameError
from harness.stage.live.lines import Attempt, Line, Ordered, Sent
from harness.stage.live.stage import HOST, LARGEST_FRAME, QUIET, TOO_BIG, LiveStage
from harness.stage.port import Port
from harness.world.messages import ACCEPTED, Answer, Command, Request

STRANGERS = 100
"""How many connections, beside two for each charger, may be open that have not asked for anything yet."""
_SUBPROTOCOLS: Any = ("ocpp2.0.1", "ocpp1.6")


class ServerSide(LiveStage):
    """A live run whose server is ours."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        new_id = count(1).__next__
        ends = {"ocpp1.6": ocpp16.ServerEnd, "ocpp2.0.1": ocpp201.ServerEnd}
        self._server_ends: list[ServerEnd] = [
            ends[port.charger.model.protocol](self.calendar, port.charger.model, new_id) for port in self.ports
        ]
        self._desks: list[Line | None] = [None] * len(self.ports)
        """The server's end of each charger's connection."""
        self._too_early: list[list[tuple[Command, int, str]]] = [[] for _ in self.ports]
        """Commands that name a plug-in whose transaction has no id yet."""
        self._doors: list[Any] = [None] * self.scenario.server.shards
        """What listens for each shard; None while nothing does."""
        self._at_the_door = asyncio.Lock()
        self._doorstep = Doorstep(2 * len(self.ports) + STRANGERS, self._may_hold)
        self._door_host = HOST
        self._tls: ssl.SSLContext | None = None
        self._door_ports = [0] * self.scenario.server.shards

    # What depends on whose the chargers are.

    def _attempt_of(self, port: Port, shard: int, request: Any) -> Attempt | None:
        """The attempt that a request for a connection is; None: one that was given up."""
        raise NotImplementedError

    def _epoch_of(self, port: Port, request: Any) -> int:
        """Which of the charger's connections has been opened by this request."""
        raise NotImplementedError

    def _sent(self, port: Port, frame: frames.Frame) -> Sent | None:
        """What is known of a request that came in beyond what its frame says; None: it is to be forgotten."""
        raise NotImplementedError

    def _line_of(self, port: Port) -> Line | None:
        return self._desks[port.place]

    def _gave(self, port: Port, frame: frames.Frame, payload: Payload | None) -> None:
        """A request was answered; None: by an error."""

    def _ordered(self, port: Port, id_: str, action: str, payload: Payload) -> None:
        """A command was sent."""

    def _obeyed(self, port: Port, frame: frames.Frame, payload: Payload | None) -> None:
        """The charger answered a command; None: by an error."""

    def _came(self, port: Port, desk: Line) -> None:
        """A charger's connection is open."""

    def _went(self, port: Port, desk: Line) -> None:
        """It is not any more."""

    # Doors.

    async def shut(self) -> None:
        """Close the doors, too."""
        await super().shut()
        for door in self._doors:
            if door is not None:
                door.close(close_connections=True)

    async def _open_door(self, shard: int) -> None:
        """Have a shard listen, where it listened before, unless it does or is down again by now."""
        from websockets.asyncio.server import serve

        async with self._at_the_door:
            if self.down[shard] or self._doors[shard] is not None:
                return
            # Named in full, asyncio turns Nagle off on what it accepts: a command after an answer would wait 40 ms otherwise.
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((self._door_host, self._door_ports[shard]))
                sock.listen(1024)
            except OSError as problem:
                sock.close()
                raise ExperimentError(
                    f"the embedded server cannot listen on {self._door_host}:{self._door_ports[shard]}: {problem.strerror}"
                ) from None
            self._door_ports[shard] = sock.getsockname()[1]
            options: dict[str, Any] = {} if self._tls is None else {"ssl": self._tls, "ssl_handshake_timeout": REQUEST_S}
            # The time that an attempt takes is the world's to say: the doorstep is for those who ask for nothing.
            options |= {"open_timeout": None, "create_connection": self._doorstep.connection}
            door = await serve(
                partial(self._serve, shard), sock=sock, process_request=partial(self._let_knock, shard), subprotocols=_SUBPROTOCOLS,
                select_subprotocol=self._agree, compression=None, ping_interval=None, close_timeout=1, max_size=LARGEST_FRAME,
                server_header=None, logger=QUIET, **options,
            )  # fmt: skip
            if self.down[shard]:
                door.close(close_connections=False)
            else:
                self._doors[shard] = door

    def _may_hold(self) -> bool:
        """Whether a proxy may hold what somebody said on a new connection."""
        return bool(self._chores) or any(ongoing.step.do.startswith("network.") for ongoing in self.director.ongoing.values())

    def _agree(self, connection: Any, offered: Sequence[Any]) -> Any:
        """A charger's connection speaks what its model does."""
        from websockets.exceptions import NegotiationError

        place = self.place_of.get(connection.request.path.rpartition("/")[2])
        wanted = None if place is None else self._server_ends[place].frames.subprotocol
        if wanted not in offered:
            self._disagreed(place, offered)
            raise NegotiationError(f"expected the subprotocol {wanted}")
        return wanted

    def _disagreed(self, place: int | None, offered: Sequence[Any]) -> None:
        """A connection was asked for in another language than the charger's."""

    async def _let_knock(self, shard: int, connection: Any, request: Any) -> Any:
        """A connection is asked for: the world's server decides."""
        place = self.place_of.get(request.path.rpartition("/")[2])
        if place is None:
            return connection.respond(404, "No such charger.\n")
        if not self._open:
            return None
        now = self.live_clock.catch_up()
        port = self.ports[place]
        attempt = self._attempt_of(port, shard, request)
        if attempt is None:
            return connection.respond(503, "This attempt was given up.\n")
        attempt.knocked = True
        self._lands(port, attempt.epoch)
        if not attempt.lost:
            self._arrive(port, attempt.request, attempt.epoch, now)
        if await attempt.decision:
            return None
        if self.wiped[shard]:
            return connection.respond(401, "No such credentials are known.\n")
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

    # What comes in, and what is said.

    async def _serve(self, shard: int, web_socket: Any) -> None:
        """Hear what a charger sends on a connection, to its end."""
        from websockets.exceptions import ConnectionClosed

        port = self.ports[self.place_of[web_socket.request.path.rpartition("/")[2]]]
        desk = Line(web_socket, self._epoch_of(port, web_socket.request), up=False)
        self._desks[port.place] = desk
        self._all_lines.add(desk)
        try:
            if not self._open:
                await self._greeted_by(port, web_socket)
            self._came(port, desk)
            while True:
                text = await web_socket.recv()
                self.live_clock.catch_up()
                self._lands(port, desk.epoch)
                try:
                    self._takes(port, desk, text)
                except Exception as problem:
                    self.live_clock.fail(problem)
        except ConnectionClosed as problem:
            if problem.sent is not None and problem.sent.code == TOO_BIG:
                self._finds(port, f"a frame of more than {LARGEST_FRAME} bytes", "")
        finally:
            desk.end()
            self._all_lines.discard(desk)
            if self._open:
                self._went(port, desk)

    async def _greeted_by(self, port: Port, web_socket: Any) -> None:
        """A charger registers before the start."""
        frame = frames.read(await web_socket.recv())
        end = self._server_ends[port.place]
        payload = end.result(Request("registration", 0), frame.payload, ACCEPTED, 0)
        answer = end.frames.result(frame.id, frame.action, cast("Payload", payload))
        self._keep(port, answer, up=False, greeting=True)
        await web_socket.send(answer)

    def _takes(self, port: Port, desk: Line, text: str | bytes) -> None:
        if desk.gone or desk.epoch != port.epoch:
            return
        frame = self._read(port, desk, self._server_ends[port.place].frames, text)
        if frame is None:
            return
        if frame.kind == frames.CALL:
            self._takes_call(port, desk, frame)
        else:
            self._takes_answer(port, desk, frame, text)

    def _takes_answer(self, port: Port, desk: Line, frame: frames.Frame, text: str | bytes) -> None:
        ordered: Ordered | None = desk.sent.pop(frame.id, None)
        if ordered is None:
            self._unasked(port, text)
            return
        if frame.kind == frames.CALLRESULT:
            try:
                self._server_ends[port.place].frames.check_result(ordered.action, frame.payload)
            except FrameError as problem:
                self._finds(port, str(problem), text)
        self._obeyed(port, frame, frame.payload if frame.kind == frames.CALLRESULT else None)
        self._acknowledged(port, ordered.order, desk.epoch)

    def _takes_call(self, port: Port, desk: Line, frame: frames.Frame) -> None:
        sent = self._sent(port, frame)
        if sent is not None:
            self._book(port, desk, frame, sent)

    def _book(self, port: Port, desk: Line, frame: frames.Frame, sent: Sent) -> None:
        """A request is taken in."""
        self._server_ends[port.place].take(sent.request, frame.payload)
        if sent.spoilt != "lose-answer":
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
        end = self._server_ends[port.place]
        payload = end.result(request, frame.payload, answer, now)
        self._gave(port, frame, payload)
        if payload is None:
            self._put(port, desk, frames.error(frame.id, "InternalError", "the server answers nothing but errors"))
            return
        self._put(port, desk, end.frames.result(frame.id, frame.action, payload))
        if request.action == "transaction-start":
            early, self._too_early[port.place] = self._too_early[port.place], []
            for order, its_epoch, spoilt in early:
                self._order(port, order, its_epoch, spoilt)

    def _order(self, port: Port, order: Command, epoch: int, spoilt: str) -> None:
        """The server sends a command."""
        desk = self._desks[port.place]
        if desk is None or desk.epoch != epoch or epoch != port.epoch:
            return
        end = self._server_ends[port.place]
        made = end.command(order, overrides_schedule=port.account.tou == "schedule")
        if made is None:
            self._too_early[port.place].append((order, epoch, spoilt))
            return
        action, payload = made
        id_ = f"s{self._message_id()}"
        desk.sent[id_] = Ordered(order, spoilt, action)
        self._put(port, desk, end.frames.call(id_, action, payload))
        self._ordered(port, id_, action, payload)

    # Faults.

    def close_connection(self, port: Port, now: int, cause: str) -> None:
        """The server's end closes a charger's connection."""
        desk, attempt = self._desks[port.place], self._attempts[port.place]
        if attempt is not None and attempt.knocked:
            self._decide(port, now, accepted=False)
        if desk is not None:
            desk.end()

    def _dies(self, shard: int) -> None:
        super()._dies(shard)
        door, self._doors[shard] = self._doors[shard], None
        if door is not None:
            door.close(close_connections=False)

    def _lives(self, shard: int) -> None:
        self._do_chore(self._open_door(shard))
