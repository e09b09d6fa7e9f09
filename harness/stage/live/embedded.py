"""A live run in which nothing is external: virtual chargers, and the world's server behind real sockets.

What the frames cannot say (the numbers by which the journal tells plug-ins and transactions apart) is found by message id, as both
ends are here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from harness.stage.base import Progress
from harness.stage.errors import ExperimentError
from harness.stage.live import frames
from harness.stage.live.chargers import EPOCH_HEADER, ChargerSide
from harness.stage.live.clock import LiveClock
from harness.stage.live.frames import Frame, FrameError
from harness.stage.live.lines import Attempt, Line, Ordered, Sent
from harness.stage.live.options import Live
from harness.stage.live.server import ServerSide
from harness.stage.live.stage import HOST
from harness.stage.live.toxics import Toxiproxy
from harness.stage.port import Port
from harness.stage.recorder import Sink
from harness.stage.seen.trace import TraceWriter
from harness.values import Scenario
from harness.world.messages import Command, Request

_GREETING_S = 60.0
_GREETINGS_AT_ONCE = 100


class Embedded(ChargerSide, ServerSide):
    """A live run of which both ends are ours."""

    async def prepare(self) -> None:
        """Open the doors, put the proxies before them, and have every charger connected, as the world is when a scenario starts."""
        from websockets.exceptions import ConnectionClosed, InvalidHandshake

        for shard in range(len(self._doors)):
            await self._open_door(shard)
        await self._put_proxies([f"{HOST}:{port}" for port in self._door_ports], "harness")
        try:
            async with asyncio.timeout(_GREETING_S):
                some = asyncio.Semaphore(_GREETINGS_AT_ONCE)
                await asyncio.gather(*(self._greet(port, some) for port in self.ports))
        except (OSError, EOFError, InvalidHandshake, ConnectionClosed) as problem:
            raise ExperimentError(f"the chargers did not get through to the embedded server before the start: {problem!r}") from None
        self._open = True
        self._spawn(self.watch())

    async def _greet(self, port: Port, some: asyncio.Semaphore) -> None:
        """The charger's connection from before the start: it has registered and is known."""
        self._attempts[port.place] = Attempt(Request("connect", 0), 0, self._loop.create_future())
        end = self._charger_ends[port.place]
        async with some:
            line = Line(await self._connect(port, 0), 0, up=True)
            action, payload = end.boot()
            call = end.frames.call("0", action, payload)
            self._keep(port, call, up=True, greeting=True)
            line.send(call)
            end.frames.check_result(action, frames.read(await line.socket.recv()).payload)
        self._hold_line(port, line)

    # What each side asks of the other.

    def _where(self, port: Port) -> tuple[str, dict[str, str], dict[str, Any]]:
        shard = port.account.shard
        address = self._proxies.get((self._classes[port.place], shard)) or f"{HOST}:{self._door_ports[shard]}"
        return f"ws://{address}/ocpp/{port.charger.name}", {}, {}

    def _finds(self, port: Port, problem: str, text: str | bytes) -> None:
        raise FrameError(f"the embedded server: {problem}: {text!r}")  # both ends are ours: a defect

    def _recall(self, port: Port, line: Line, frame: Frame, order: Command) -> str:
        desk = self._desks[port.place]
        ordered: Ordered | None = desk.sent.get(frame.id) if desk is not None and desk.epoch == line.epoch else None
        if ordered is None:
            return ""  # the server's end is gone by now, and so will this one be
        order.sent, order.origin = ordered.order.sent, ordered.order.origin
        return ordered.spoilt

    def _attempt_of(self, port: Port, shard: int, request: Any) -> Attempt | None:
        attempt = self._attempts[port.place]
        if attempt is None or self._epoch_of(port, request) != attempt.epoch or port.account.shard != shard:
            return None
        return attempt

    def _epoch_of(self, port: Port, request: Any) -> int:
        return int(request.headers[EPOCH_HEADER])

    def _sent(self, port: Port, frame: Frame) -> Sent | None:
        line = self._lines[port.place]
        return None if line is None else line.sent.get(frame.id)  # None: the charger has given it up since

    def _hang_up(self, port: Port) -> None:
        self._too_early[port.place].clear()
        super()._hang_up(port)


async def play(
    scenario: Scenario, sink: Sink, how: Live, *, toxiproxy: Toxiproxy | None, begin: Callable[[Scenario], None],
    trace: TraceWriter | None = None, progress: Progress | None = None,
) -> None:  # fmt: skip
    """Run a scenario against the embedded server, from the first connection to the last record."""

    def quiet() -> bool:
        return stage.quiet()

    clock = LiveClock(how.speed, quiet=quiet if how.skip_idle else None)
    stage = Embedded(scenario, sink, clock, toxiproxy=toxiproxy, trace=trace, progress=progress)
    await stage.play(begin)
