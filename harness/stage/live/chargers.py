"""The chargers' end of all connections: each virtual charger is an OCPP client with a WebSocket of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from harness.stage.clock import ARRIVAL
from harness.stage.live import frames, ocpp16, ocpp201
from harness.stage.live.codec import ChargerEnd, Payload, UnusableError
from harness.stage.live.frames import FrameError
from harness.stage.live.lines import Attempt, Line, Sent
from harness.stage.live.stage import LARGEST_FRAME, TOO_BIG, LiveStage
from harness.stage.port import Ongoing, Port
from harness.world.messages import ACCEPTED, ERROR, Answer, Command, Request

if TYPE_CHECKING:
    from websockets.exceptions import ConnectionClosed

EPOCH_HEADER = "X-Harness-Connection"
"""Tells the embedded server which of a charger's attempts a connection is: one may come in late, after the charger gave it up."""


class ChargerSide(LiveStage):
    """A live run whose chargers are ours."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        ends = {"ocpp1.6": ocpp16.ChargerEnd, "ocpp2.0.1": ocpp201.ChargerEnd}
        self._charger_ends: list[ChargerEnd] = [ends[port.charger.model.protocol](port.charger, self.calendar) for port in self.ports]
        self._lines: list[Line | None] = [None] * len(self.ports)
        """Each charger's end of its connection."""
        self._former: list[list[Line]] = [[] for _ in self.ports]
        """Each charger's ends of its connections before that, as far as the far end may not have closed them."""

    # What depends on whose the server is.

    def _where(self, port: Port) -> tuple[str, dict[str, str], dict[str, Any]]:
        """Where the charger finds its server: a URL, headers, and what else opening a connection takes."""
        raise NotImplementedError

    def _recall(self, port: Port, line: Line, frame: frames.Frame, order: Command) -> str:
        """Give a command that came in what is known of it beyond its frame. Returns what a message fault does to its answer."""
        raise NotImplementedError

    def _called(self, port: Port, line: Line, frame: frames.Frame) -> None:
        """A CALL came in that is no command of the world's."""
        self._put(port, line, frames.error(frame.id, "NotImplemented", f"no meaning for {frame.action}"))

    def _answer_came(self, port: Port, request: Request, answer: Answer) -> None:
        """An answer came in, whether or not a fault lets the charger have it."""

    def _line_of(self, port: Port) -> Line | None:
        return self._lines[port.place]

    # Connecting.

    async def _connect(self, port: Port, epoch: int) -> Any:
        from harness.stage.live.client import connect

        url, headers, options = self._where(port)
        subprotocol = self._charger_ends[port.place].frames.subprotocol
        return await connect(url, subprotocol, {EPOCH_HEADER: str(epoch), **headers}, **options)

    def _hold_line(self, port: Port, line: Line) -> None:
        self._all_lines.add(line)
        self._lines[port.place] = line
        if self.path_open(port) and not port.delayed and not self._chores:  # a toxic may hold bytes for them: see Line.end
            former, self._former[port.place] = self._former[port.place], []
            for one in former:
                one.drop()
        line.socket.hear(partial(self._comes_in, port, line), partial(self._is_gone, port, line))

    async def _dial(self, port: Port, attempt: Attempt) -> None:
        from websockets.exceptions import WebSocketException

        try:
            web_socket = await self._connect(port, attempt.epoch)
        except (OSError, EOFError, WebSocketException):
            self.live_clock.catch_up()
            self._lands(port, attempt.epoch)
            if not attempt.lost:
                self._refused(port, attempt.epoch)
            return
        now = self.live_clock.catch_up()
        self._lands(port, attempt.epoch)
        line = Line(web_socket, attempt.epoch, up=True)
        if port.epoch != attempt.epoch:
            line.drop()
            return
        self._hold_line(port, line)
        self._give_answer(port, now, attempt.request, ACCEPTED, attempt.processed_at)
        self.after(port, now)

    def pump(self, port: Port) -> int:
        """Carry away what the charger wants sent. Nothing is carried ahead of time."""
        charger = port.charger
        while charger.out:
            item, *rest = charger.out
            charger.out = tuple(rest)
            if isinstance(item, str):
                self._hang_up(port)
                continue
            if item.action == "connect" and self.fails_unresolved(port, item.sent):
                continue
            if self.awaited:
                self.noted(port, item.sent, item.action)
            if item.action == "connect" and port.distrusts:
                # As a handshake fails on a certificate that has expired; no TLS is spoken here.
                if self.path_open(port):
                    self._leg(port, self.clock.now + 2 * port.extra_ms, self._refused, port, port.epoch)
            elif item.action == "connect":
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
        self.held.pop(port.place, None)
        attempt, self._attempts[port.place] = self._attempts[port.place], None
        if attempt is not None:
            attempt.decision.cancel()
            if attempt.dialling is not None:
                attempt.dialling.cancel()
        self._aloft.pop(port.place, None)
        self.live_clock.look()
        line, self._lines[port.place] = self._lines[port.place], None
        if line is not None:
            line.end()
            self._former[port.place].append(line)

    def _send(self, port: Port, request: Request, *, attempt: bool = False) -> None:
        copies, delay_ms, spoilt = self._tampered(port, request.sent, "request", request.action) if port.faults else (1, 0, "")
        if spoilt == "drop":
            return
        calls = copies * self._charger_ends[port.place].calls(request, self.clock.now)
        if delay_ms:
            self.clock.at(self.clock.now + delay_ms, ARRIVAL, port.place, self._transmit, port, request, port.epoch, calls, spoilt)
        else:
            self._transmit(port, request, port.epoch, calls, spoilt)

    def _transmit(self, port: Port, request: Request, epoch: int, calls: list[tuple[str, Payload]], spoilt: str) -> None:
        line = self._lines[port.place]
        if line is None or line.epoch != epoch:
            return
        schemas = self._charger_ends[port.place].frames
        for action, payload in calls:
            id_ = f"c{self._message_id()}"
            line.sent[id_] = Sent(request, spoilt, action, self.clock.now)
            self._put(port, line, schemas.call(id_, action, payload))

    def _comes_in(self, port: Port, line: Line, text: str | bytes) -> None:
        """The server sent something on a connection."""
        self.live_clock.catch_up()
        self._lands(port, line.epoch)
        if line.epoch == port.epoch and not line.gone:
            try:
                self._hears(port, line, text)
            except Exception as problem:
                self.live_clock.fail(problem)

    def _is_gone(self, port: Port, line: Line, closed: ConnectionClosed) -> None:
        """A connection has ended."""
        if closed.sent is not None and closed.sent.code == TOO_BIG:
            self._finds(port, f"a frame of more than {LARGEST_FRAME} bytes", "")
        line.end()
        self._all_lines.discard(line)
        if self._open and line.epoch == port.epoch:
            self.live_clock.catch_up()
            self._closed(port, line.epoch, "reset" if isinstance(closed.__cause__, ConnectionResetError) else "closed")

    def _hears(self, port: Port, line: Line, text: str | bytes) -> None:
        frame = self._read(port, line, self._charger_ends[port.place].frames, text)
        if frame is None:
            return
        if frame.kind == frames.CALL:
            self._hears_call(port, line, frame)
        else:
            self._hears_answer(port, line, frame, text)

    def _hears_call(self, port: Port, line: Line, frame: frames.Frame) -> None:
        end = self._charger_ends[port.place]
        try:
            order = end.command(frame.action, frame.payload, self.clock.now)
        except UnusableError:
            payload = end.reply(frame.action, frame.payload, accepted=False)
            self._put(port, line, end.frames.result(frame.id, frame.action, payload))
            return
        if order is None:
            self._called(port, line, frame)
            return
        spoilt = self._recall(port, line, frame, order)
        line.heard[order] = frame
        self._order_arrives(port, order, line.epoch, spoilt)

    def _hears_answer(self, port: Port, line: Line, frame: frames.Frame, text: str | bytes) -> None:
        sent: Sent | None = line.sent.pop(frame.id, None)
        if sent is None:
            self._unasked(port, text)
            return
        end = self._charger_ends[port.place]
        answer = ERROR
        if frame.kind == frames.CALLRESULT:
            try:
                end.frames.check_result(sent.action, frame.payload)
                answer = end.answer(sent.request, frame.payload, self.clock.now)
            except FrameError as problem:
                self._finds(port, str(problem), text)
        self._answer_came(port, sent.request, answer)
        if sent.spoilt != "lose-answer":
            self._answered(port, sent.request, answer, line.epoch, sent.processed_at)

    def _acknowledge(self, port: Port, now: int, order: Command, epoch: int, *, accepted: bool) -> None:
        line = self._lines[port.place]
        if line is not None and line.epoch == epoch:
            frame = line.heard.pop(order)
            end = self._charger_ends[port.place]
            payload = end.reply(frame.action, frame.payload, accepted=accepted)
            self._put(port, line, end.frames.result(frame.id, frame.action, payload))

    # Faults.

    def close_connection(self, port: Port, now: int, cause: str) -> None:
        """The server's end, or a proxy, closes a charger's connection."""
        line = self._lines[port.place]
        if line is not None and line.gone:
            # It went while its path swallowed even that.
            self.clock.at(now, ARRIVAL, port.place, self._closed, port, line.epoch, cause)
        elif line is not None:
            self._rises(port)
        super().close_connection(port, now, cause)

    def _path(self, ongoing: Ongoing, by: int, cause: str) -> None:
        if by > 0:
            for place in ongoing.places:
                if (attempt := self._attempts[place]) is not None:
                    attempt.lost = True
        super()._path(ongoing, by, cause)

    def _network_reset(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        ports = [self.ports[place] for place in ongoing.places]
        # Over a path that lets nothing through the toxic would never see anything to reset; behind another that delays what passes,
        # Toxiproxy would wait for ever to take that one off again. There the charger's end does it.
        shut = [port.place for port in ports if port.delayed or not self.path_open(port)]
        lines = [line for place in ongoing.places if place not in shut and (line := self._lines[place]) is not None]
        self._change(shut, lambda port: port.charger.disconnected(now, "reset"))
        if lines:
            self._do_chore(self._in_turn(self._reset(ongoing, lines)))
