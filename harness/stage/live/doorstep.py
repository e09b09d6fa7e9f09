"""Who has connected to the embedded server and not said yet what for: such a connection is dropped in time, and there are only so many.

How long a server takes to let somebody in who has asked is for the world to say, as long as it likes; this is about those who do not ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Any

REQUEST_S = 60.0
"""How long a connection may take to ask for what it wants: a charger asks at once."""


class Doorstep:
    """The connections that have not asked for anything yet."""

    def __init__(self, most: int, held: Callable[[], bool]) -> None:
        """``most``: so many may stand there. ``held`` says whether a fault of the network may hold what they say; then they stay longer, as
        what a charger has asked is not to be lost, nor a proxy to have bytes in its hands for an end that is gone."""
        self._most = most
        self._held = held
        self._waiting: set[Any] = set()

    def connection(self, *arguments: Any, **options: Any) -> Any:
        """Make a WebSocket server's connection that stands here at first."""
        made = _connection_class()(*arguments, **options)
        made.doorstep = self
        return made

    def came(self, connection: Any) -> None:
        """A connection is open; one too many is dropped."""
        if len(self._waiting) >= self._most:
            connection.transport.abort()
            return
        self._waiting.add(connection)
        self._look_later(connection)

    def left(self, connection: Any) -> None:
        """It has asked, or is gone."""
        self._waiting.discard(connection)

    def _look_later(self, connection: Any) -> None:
        asyncio.get_running_loop().call_later(REQUEST_S, self._look, connection)

    def _look(self, connection: Any) -> None:
        if connection not in self._waiting:
            return
        if self._held():
            self._look_later(connection)
        else:
            connection.transport.abort()


@cache
def _connection_class() -> Any:
    from websockets.asyncio.server import ServerConnection

    class Connection(ServerConnection):
        """Tells the doorstep when it comes, and when it has asked."""

        doorstep: Doorstep

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.doorstep.came(self)

        def process_event(self, event: Any) -> None:
            if self.request is None:
                self.doorstep.left(self)
            super().process_event(event)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self.doorstep.left(self)

    return Connection
