"""A charger's end of a WebSocket: the protocol of ``websockets`` without its I/O, on a bare asyncio transport.

Theory of operation. What a charger hears is handed to it as it comes in, so that a connection takes neither a task nor a queue; until
somebody hears, it is kept for :meth:`WebSocket.recv`. ``websockets`` has one for asyncio that takes twice the memory, for what no
charger needs: flow control, keepalives, streams of messages, and the headers of its handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from secrets import token_bytes
from typing import Any, cast

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import USER_AGENT
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from harness.stage.live.stage import LARGEST_FRAME, QUIET

_MESSAGE = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_CLOSING_S = 1.0
"""How long the far end has for its part of a closing."""


async def connect(url: str, subprotocol: str, headers: dict[str, str], **options: Any) -> WebSocket:
    """Open the WebSocket of a charger, and wait for it as long as it takes: whoever calls gives it up. No compression is offered and no
    redirect followed, as it may lead to somebody else's server.

    ``options`` are those of asyncio's ``create_connection``, such as ``ssl``. Raises :class:`OSError`, and
    :class:`websockets.exceptions.InvalidHandshake` for what came instead of a WebSocket.
    """
    uri = parse_uri(url)
    if uri.secure:
        options.setdefault("server_hostname", uri.host)
    options = {"host": uri.host, "port": uri.port, **options}
    _, made = await asyncio.get_running_loop().create_connection(lambda: WebSocket(uri, subprotocol, headers), **options)
    try:
        while made.state is State.CONNECTING and made.protocol.handshake_exc is None:
            await made.news()
        if made.protocol.handshake_exc is not None:
            raise made.protocol.handshake_exc
    except BaseException:
        made.transport.abort()
        raise
    return made


class WebSocket(asyncio.Protocol):
    """A WebSocket, from a charger's end."""

    __slots__ = ("_closed", "_door", "_heard", "_hearer", "_lost", "_news", "_part", "_patience", "_pings", "protocol", "transport")

    protocol: ClientProtocol
    transport: asyncio.Transport

    def __init__(self, uri: WebSocketURI, subprotocol: str, headers: dict[str, str]) -> None:
        self._door = (uri, Subprotocol(subprotocol), headers)
        self._news: asyncio.Future[None] | None = None
        """Done with whatever comes in next; None: nobody waits for it."""
        self._heard: list[str | bytes] = []
        """What came in and nobody has heard."""
        self._hearer: Callable[[str | bytes], None] | None = None
        self._lost: Callable[[ConnectionClosed], None] | None = None
        self._part: tuple[Opcode, bytearray] | None = None
        """What came in of a message that comes in several frames."""
        self._pings: dict[bytes, asyncio.Future[None]] = {}
        self._closed: ConnectionClosed | None = None
        """How it has ended."""
        self._patience: asyncio.TimerHandle | None = None
        """Until when the far end may take to close, once the protocol is at its end."""

    @property
    def state(self) -> State:
        """Whether it is open."""
        return self.protocol.state

    @property
    def subprotocol(self) -> Subprotocol | None:
        """What both ends speak."""
        return self.protocol.subprotocol

    def hear(self, hearer: Callable[[str | bytes], None], lost: Callable[[ConnectionClosed], None]) -> None:
        """From now on hand each message to ``hearer``, and how the connection ended to ``lost``."""
        self._hearer, self._lost = hearer, lost
        heard, self._heard = self._heard, []
        for message in heard:
            hearer(message)
        if self._closed is not None:
            self._end(self._closed)

    async def recv(self) -> str | bytes:
        """The next message, where nobody hears. Raises :class:`ConnectionClosed`."""
        while not self._heard:
            if self._closed is not None:
                raise self._closed
            await self.news()
        return self._heard.pop(0)

    async def ping(self) -> Awaitable[None]:
        """Ask the far end for a sign of life; what is returned is done when it has come. Raises :class:`ConnectionClosed`, either does."""
        if self.state is not State.OPEN:
            raise self._closed or ConnectionClosedError(None, None)
        mark = token_bytes(4)
        self.protocol.send_ping(mark)
        self.send_data()
        answered = self._pings[mark] = asyncio.get_running_loop().create_future()
        return answered

    async def close(self, code: int) -> None:
        """Close it as the protocol has it, or, where the far end does not do its part, without."""
        if self.state is State.OPEN:
            self.protocol.send_close(code)
            self.send_data()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_S):
                await self.wait_closed()
        self.transport.abort()

    async def wait_closed(self) -> None:
        """Wait until it is gone."""
        while self._closed is None:
            await self.news()

    async def news(self) -> None:
        """Wait until anything comes in, or the connection is gone."""
        if self._news is None:
            self._news = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._news])  # not the future itself: who gives up waiting would cancel it for all

    def send_data(self) -> None:
        """Send what the protocol has to say."""
        with suppress(OSError, RuntimeError):  # this end may be half closed
            for data in self.protocol.data_to_send():
                if data:
                    self.transport.write(data)
                elif self.transport.can_write_eof():
                    self.transport.write_eof()
                else:  # TLS
                    self.transport.close()

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection: ask for a WebSocket."""
        self.transport = cast("asyncio.Transport", transport)
        uri, subprotocol, headers = self._door
        self.protocol = ClientProtocol(uri, subprotocols=[subprotocol], max_size=LARGEST_FRAME, logger=QUIET)
        request = self.protocol.connect()
        request.headers.update(headers)
        request.headers.setdefault("User-Agent", USER_AGENT)
        self.protocol.send_request(request)
        self.send_data()

    def data_received(self, data: bytes) -> None:
        """Something came in."""
        self.protocol.receive_data(data)
        self._take()

    def eof_received(self) -> None:
        """Nothing comes in any more: asyncio closes this end, too."""
        self.protocol.receive_eof()
        self._take()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.protocol.receive_eof()
        closed = self.protocol.close_exc
        closed.__cause__ = exc or closed.__cause__
        if self._patience is not None:
            self._patience.cancel()
        self._end(closed)

    def _take(self) -> None:
        self.send_data()
        for event in self.protocol.events_received():
            if isinstance(event, Frame):
                self._frame(event)
            elif self.state is not State.CONNECTING:
                event.headers.clear()  # which the protocol keeps, and nobody asks for once it is open
        if self._patience is None and self.protocol.close_expected():
            self._patience = asyncio.get_running_loop().call_later(_CLOSING_S, self.transport.abort)
        self._tell()

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            answered = self._pings.pop(bytes(frame.data), None)
            if answered is not None and not answered.done():
                answered.set_result(None)
        elif frame.opcode in _MESSAGE:
            kind, data = self._part or (frame.opcode, bytearray())
            data += frame.data
            self._part = None if frame.fin else (kind, data)
            if frame.fin:
                self._message(kind, data)

    def _message(self, kind: Opcode, data: bytearray) -> None:
        try:
            message = data.decode() if kind is Opcode.TEXT else bytes(data)
        except UnicodeDecodeError as problem:
            self.protocol.fail(CloseCode.INVALID_DATA, problem.reason)
            self.send_data()
            return
        if self._hearer is not None:
            self._hearer(message)
        else:
            self._heard.append(message)

    def _tell(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.set_result(None)

    def _end(self, closed: ConnectionClosed) -> None:
        self._closed = closed
        lost, self._lost, self._hearer = self._lost, None, None
        for answered in self._pings.values():
            if not answered.done():
                answered.set_exception(closed)
                answered.exception()  # not every ping is waited for
        self._tell()
        if lost is not None:
            lost(closed)
