"""Those who connect to the embedded server and say nothing: they are dropped in time, there are only so many, and nobody else is hurt."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from alongside import HERE
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

import harness
from harness.stage.live import doorstep
from harness.stage.live.clock import LiveClock
from harness.stage.live.doorstep import Doorstep
from harness.stage.live.embedded import Embedded
from harness.stage.live.run import over_websockets

SOON_S = 0.05
PATIENCE_S = 5


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(doorstep, "REQUEST_S", SOON_S)


@asynccontextmanager
async def door(step, decide=None):
    """A port with a doorstep; ``decide`` is waited for before anybody is let in who has asked."""

    async def speak(connection):
        async for text in connection:
            await connection.send(text)

    async def knock(connection, request):
        if decide is not None:
            await decide.wait()

    async with serve(speak, "127.0.0.1", 0, process_request=knock, open_timeout=None, create_connection=step.connection) as opened:
        yield opened.sockets[0].getsockname()[1]


async def dropped(reader):
    """Whether the far end has closed, waited for; False: it says nothing for long."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("said", [b"", b"G", b"GET /anna HTTP/1.1\r\nHost: x\r\n"], ids=["nothing", "a letter", "half a request"])
def test_who_never_asks_is_dropped(said):
    async def see():
        async with door(Doorstep(10, lambda: False)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            assert await dropped(reader)
            writer.close()

    asyncio.run(see())


def test_who_has_asked_may_wait_for_as_long_as_the_answer_takes():
    async def see():
        decide = asyncio.Event()
        async with door(Doorstep(10, lambda: False), decide) as port:
            asking = asyncio.ensure_future(connect(f"ws://127.0.0.1:{port}/anna", proxy=None).connect())
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await dropped(reader)  # so long had the other to wait, too
            writer.close()
            decide.set()
            async with await asking as web_socket:
                await web_socket.send("hello")
                assert await web_socket.recv() == "hello"

    asyncio.run(see())


def test_while_a_proxy_may_hold_what_they_say_they_stay():
    async def see():
        looks = []
        held = [True, True, True, False]
        step = Doorstep(10, lambda: looks.append(held[0]) or held.pop(0))
        async with door(step) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await dropped(reader)
            assert looks == [True, True, True, False]
            writer.close()

    asyncio.run(see())


def test_one_too_many_is_dropped_at_once(monkeypatch):
    monkeypatch.setattr(doorstep, "REQUEST_S", 10 * PATIENCE_S)

    async def see():
        step = Doorstep(2, lambda: False)
        async with door(step) as port:
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            assert await dropped(silent[2][0])
            for _, writer in silent:
                writer.close()
            while step._waiting:
                await asyncio.sleep(0)
            async with connect(f"ws://127.0.0.1:{port}/anna", proxy=None) as web_socket:
                await web_socket.send("hello")
                assert await web_socket.recv() == "hello"

    asyncio.run(see())


def test_the_embedded_server_has_a_doorstep():
    async def see():
        stage = Embedded(over_websockets(harness.load(HERE / "messages.yaml"), "1.6"), lambda batch: None, LiveClock(), toxiproxy=None)
        await stage.prepare()
        reader, writer = await asyncio.open_connection("127.0.0.1", stage._door_ports[0])
        assert await dropped(reader)
        assert len([line for line in stage._all_lines if not line.gone]) == 2 * len(stage.ports)  # its chargers are still there
        writer.close()
        await stage.shut()

    asyncio.run(see())
