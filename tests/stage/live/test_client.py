"""A charger's end of a WebSocket, against a server of ``websockets``: what comes in, how it ends, and how little it takes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

from harness.stage.live import client
from harness.stage.live.client import connect


@asynccontextmanager
async def talking(speak, **options):
    """A WebSocket to a server that does this on its end."""
    async with serve(speak, "127.0.0.1", 0, subprotocols=["ocpp1.6"], **options) as door:
        port = door.sockets[0].getsockname()[1]
        socket = await connect(f"ws://127.0.0.1:{port}/ocpp/anna", "ocpp1.6", {"X-Who": "anna"})
        try:
            yield socket
        finally:
            socket.transport.abort()


def test_messages_come_whole_and_in_order_whether_or_not_somebody_hears_yet():
    async def speak(server):
        await server.send("one")
        await server.send(["t", "w", "o"])
        await server.send(b"three")
        assert await server.recv() == "heard"
        await server.send(["fo", "ür"])
        await server.close(1000)

    async def run():
        async with talking(speak) as socket:
            first = await socket.recv()
            while len(socket._heard) < 2:
                await socket.news()
            heard, ended = [], asyncio.get_running_loop().create_future()
            socket.hear(heard.append, ended.set_result)
            socket.protocol.send_text(b"heard")
            socket.send_data()
            closed = await ended
            return first, heard, closed.rcvd.code

    assert asyncio.run(run()) == ("one", ["two", b"three", "foür"], 1000)


def test_it_offers_no_compression_and_says_who_it_is():
    async def speak(server):
        headers = server.request.headers
        await server.send(f"{headers.get('Sec-WebSocket-Extensions')} {headers['X-Who']} {server.subprotocol}")

    async def run():
        async with talking(speak) as socket:
            return await socket.recv(), socket.subprotocol

    assert asyncio.run(run()) == ("None anna ocpp1.6", "ocpp1.6")


def test_a_ping_is_answered_and_one_that_cannot_be_says_so():
    async def speak(server):
        await server.recv()
        server.transport.abort()

    async def run():
        async with talking(speak) as socket:
            await (await socket.ping())
            socket.protocol.send_text(b"go")
            socket.send_data()
            socket.transport.pause_reading()  # so that no answer comes before the end
            unanswered = await socket.ping()
            socket.transport.resume_reading()
            await socket.wait_closed()
            with pytest.raises(ConnectionClosed):
                await socket.ping()
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            return unanswered.done()

    assert asyncio.run(run())


@pytest.mark.parametrize(
    ("frame", "code"),
    [(Frame(Opcode.TEXT, b"\xff"), 1007), (Frame(Opcode.TEXT, b"x" * 2_000_000), 1009), (Frame(Opcode.CONT, b"x"), 1002)],
)
def test_what_is_no_message_ends_it_with_the_code_for_that(frame, code):
    async def speak(server):
        server.protocol.send_frame(frame)
        server.send_data()
        await server.wait_closed()

    async def run():
        async with talking(speak) as socket:
            ended = asyncio.get_running_loop().create_future()
            socket.hear(lambda message: pytest.fail(f"heard {message!r}"), ended.set_result)
            return (await ended).sent.code

    assert asyncio.run(run()) == code


def deaf(then=b""):
    """A far end that accepts, says something more, and does nothing any more."""

    async def speak(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        key = next(line for line in request.decode().split("\r\n") if line.startswith("Sec-WebSocket-Key")).partition(": ")[2]
        head = f"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
        writer.write(head.encode() + then)
        await reader.read()
        await reader.read()
        writer.close()

    return speak


@pytest.mark.parametrize(("said", "code"), [(b"\x88\x02\x03\xe8", 1000), (b"\xff\x00", 1002)])
def test_a_far_end_that_is_at_an_end_and_keeps_the_connection_is_lost(monkeypatch, said, code):
    monkeypatch.setattr(client, "_CLOSING_S", 0.01)

    async def run():
        door = await asyncio.start_server(deaf(said), "127.0.0.1", 0)
        socket = await connect(f"ws://127.0.0.1:{door.sockets[0].getsockname()[1]}/", "ocpp1.6", {})
        ended = asyncio.get_running_loop().create_future()
        socket.hear(lambda message: pytest.fail(f"heard {message!r}"), ended.set_result)
        async with asyncio.timeout(5):
            closed = await ended
        door.close()
        return closed.sent.code

    assert asyncio.run(run()) == code


def test_closing_does_not_wait_for_a_far_end_that_does_not_do_its_part(monkeypatch):
    monkeypatch.setattr(client, "_CLOSING_S", 0.01)

    async def run():
        door = await asyncio.start_server(deaf(), "127.0.0.1", 0)
        socket = await connect(f"ws://127.0.0.1:{door.sockets[0].getsockname()[1]}/", "ocpp1.6", {})
        await socket.close(1001)
        await socket.wait_closed()
        door.close()
        return socket.state.name

    assert asyncio.run(run()) == "CLOSED"


def test_a_handshake_that_is_refused_or_given_up_leaves_no_connection():
    gone = []

    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        gone.append(await reader.read())
        writer.close()

    async def keep_silent(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        gone.append(await reader.read())
        writer.close()

    async def end_at_once(reader, writer):
        gone.append(b"")
        writer.close()

    async def attempt(speak):
        door = await asyncio.start_server(speak, "127.0.0.1", 0)
        try:
            async with asyncio.timeout(0.2):
                await connect(f"ws://127.0.0.1:{door.sockets[0].getsockname()[1]}/", "ocpp1.6", {})
        except (InvalidHandshake, TimeoutError) as problem:
            return problem
        finally:
            while not gone:
                await asyncio.sleep(0)
            door.close()

    redirected = asyncio.run(attempt(refuse))
    assert isinstance(redirected, InvalidStatus)
    assert redirected.response.status_code == 302
    assert gone == [b""]
    gone.clear()
    assert isinstance(asyncio.run(attempt(keep_silent)), TimeoutError)
    assert gone == [b""]
    gone.clear()
    assert isinstance(asyncio.run(attempt(end_at_once)), InvalidHandshake)
