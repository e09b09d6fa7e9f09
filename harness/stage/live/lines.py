"""One WebSocket of one charger, seen from either end: what was sent on it and waits for its answer, and its queue of frames."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from harness.world.messages import Command, Request


@dataclass(slots=True, eq=False)
class Sent:
    """A request under way: what its frame cannot say of it, by which the journal tells plug-ins and transactions apart."""

    request: Request
    spoilt: str
    """What a message fault does to it at the server's end; empty: nothing."""
    action: str
    """The OCPP action."""
    processed_at: int = -1


@dataclass(slots=True, eq=False)
class Ordered:
    """A command under way, with what its frame cannot say of it."""

    order: Command
    spoilt: str
    action: str


@dataclass(slots=True, eq=False)
class Attempt:
    """A connection that a charger asks for, until the server has said yes or no."""

    request: Request
    epoch: int
    decision: asyncio.Future[bool]
    processed_at: int = 0
    lost: bool = False
    """Its path was closed while it was on its way: it is never answered, whatever a proxy held of it (as when simulated)."""
    knocked: bool = False
    """It has reached the server."""
    dialling: asyncio.Task[None] | None = None


@dataclass(slots=True, eq=False)
class Line:
    """A connection, from one of its ends."""

    socket: Any
    epoch: int
    sent: dict[str, Any] = field(default_factory=dict)
    """Message id → :class:`Sent` at the charger's end, :class:`Ordered` at the server's."""
    asked: dict[Request, list[Any]] = field(default_factory=dict)
    """At the server's end: requests that wait for its answer, each with its frames and what is known of them (:class:`Sent`)."""
    heard: dict[Command, tuple[str, str]] = field(default_factory=dict)
    """At the charger's end: commands that wait for its answer, with message id and OCPP action."""
    gone: bool = False
    """It has ended, as this end knows."""
    _frames: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _writer: asyncio.Task[None] | None = None

    def send(self, frame: str) -> None:
        """Send a frame after those before it. On a connection that is gone it is lost, as is what a dead peer never reads."""
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write())
        self._frames.put_nowait(frame)

    async def _write(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                await self.socket.send(await self._frames.get())
        except ConnectionClosed:
            return

    def fall_silent(self) -> None:
        """Send nothing any more, though the TCP connection stays."""
        self.gone = True
        if self._writer is not None:
            self._writer.cancel()

    def end(self) -> None:
        """Close the TCP connection at once, without the WebSocket's parting words, which a dead peer would keep us waiting for."""
        self.fall_silent()
        self.socket.transport.close()
