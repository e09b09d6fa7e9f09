"""One WebSocket of one charger, seen from either end: what was sent on it and waits for its answer, and its queue of frames."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from harness.stage.live.frames import Frame
from harness.world.messages import Command, Request


@dataclass(slots=True, eq=False)
class Sent:
    """A request under way: what its frame cannot say of it, by which the journal tells plug-ins and transactions apart."""

    request: Request
    spoilt: str
    """What a message fault does to it at the server's end; empty: nothing."""
    action: str
    """The OCPP action."""
    processed_at: int = 0
    """When the server processed it; until that is known, when it was sent."""


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
    up: bool
    """Its end is the charger's: what is sent on it goes up to the server."""
    sent: dict[str, Any] = field(default_factory=dict)
    """Message id → :class:`Sent` at the charger's end, :class:`Ordered` at the server's."""
    asked: dict[Request, list[Any]] = field(default_factory=dict)
    """At the server's end: requests that wait for its answer, each with its frames and what is known of them (:class:`Sent`)."""
    called: dict[str, Frame] = field(default_factory=dict)
    """The calls that came in on it, by message id."""
    heard: dict[Command, Frame] = field(default_factory=dict)
    """At the charger's end: commands that wait for its answer, and their frames."""
    gone: bool = False
    """It has ended, as this end knows."""

    def send(self, frame: str) -> None:
        """Send a frame after those before it. On a connection that is gone it is lost, as is what a dead peer never reads."""
        from websockets.protocol import State

        if not self.gone and self.socket.state is State.OPEN:
            # Past the socket's own `send`, which waits for a peer that reads slowly: that would take a task and a queue a connection.
            self.socket.protocol.send_text(frame.encode())
            self.socket.send_data()

    def end(self) -> None:
        """Send nothing any more, and tell the far end so; the socket goes once that has closed, too.

        It is only half closed until then, because a proxy cannot take a toxic off a connection that holds bytes for an end that
        reads no more: Toxiproxy 2.12 waits for ever.
        """
        self.gone = True
        with suppress(OSError, RuntimeError):
            self.socket.transport.write_eof()

    def drop(self) -> None:
        """Have done with the socket at once."""
        self.end()
        self.socket.transport.abort()
