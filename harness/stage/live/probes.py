"""What a network fault really does: asked on the very path that it acts on, over one connection of each proxy.

A probe is a WebSocket ping, or a connection that is opened and closed again: no message of the world's, so nothing counts it. Whether a
fault has changed nothing is judged so that no slow machine makes a run invalid: what takes longer than it should is no objection, and
what was closed or did not answer cannot have come through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

Asked = Literal["answered", "silent", "closed", "reset"]
"""What became of a probe. ``silent``: nothing came back for as long as was waited."""

SILENCE_S = 0.25
"""How long is waited for what must not come."""
PATIENCE_S = 5.0
"""How long, at the most, for what must."""
_SHARE_LESS, _MS_LESS = 0.1, 5.0
"""A delay may measure less than it is by this share of it, or by so many ms."""


@dataclass(slots=True)
class Probe:
    """What became of a probe, and after how many real ms."""

    what: Asked = "answered"
    real_ms: float = 0.0


async def ping(socket: Any, patience_s: float) -> Probe:
    """Ask the far end of a WebSocket for a sign of life."""
    from websockets.exceptions import ConnectionClosed

    with _timed() as probe:
        try:
            async with asyncio.timeout(patience_s):
                await (await socket.ping())
        except TimeoutError:
            probe.what = "silent"
        except ConnectionClosed:
            probe.what = "closed"
    return probe


async def closing(socket: Any, patience_s: float) -> Probe:
    """Wait until a WebSocket is closed."""
    with _timed() as probe:
        try:
            async with asyncio.timeout(patience_s):
                await socket.wait_closed()
            probe.what = "closed"
        except TimeoutError:
            probe.what = "silent"
    return probe


async def knock(address: str, patience_s: float) -> Probe:
    """Open a connection to ``host:port`` and say as little as there is, which no server takes for a request."""
    host, _, port = address.rpartition(":")
    writer = None
    with _timed() as probe:
        try:
            async with asyncio.timeout(patience_s):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(b"G")
                probe.what = "answered" if await reader.read(1) else "closed"
        except TimeoutError:
            probe.what = "silent"
        except OSError:
            probe.what = "reset"
    if writer is not None:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return probe


def changed_nothing(probe: Probe, expected: Asked, expected_ms: float) -> bool:
    """Whether a probe under a fault shows that it does not act; ``expected_ms`` is the least that an answer takes under it."""
    if expected == "answered":
        return probe.what == "answered" and probe.real_ms < expected_ms - max(_SHARE_LESS * expected_ms, _MS_LESS)
    return probe.what == "answered" or (expected == "reset" and probe.what == "silent")


@contextmanager
def _timed() -> Iterator[Probe]:
    loop = asyncio.get_running_loop()
    began_s, probe = loop.time(), Probe()
    yield probe
    probe.real_ms = round((loop.time() - began_s) * 1000, 1)
