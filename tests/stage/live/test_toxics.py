"""The adapter of Toxiproxy, against the real one: each toxic does what a fault needs, and what goes wrong is said."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from harness import doctor
from harness.stage.live.toxics import OwnServer, Toxiproxy, ToxiproxyError, find

QUICK_S = 2.0


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that sends back what it gets, on each connection of its own."""
    door = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = door.accept()
            except OSError:
                return
            threading.Thread(target=repeat, args=(connection,), daemon=True).start()

    def repeat(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(4096):
                    connection.sendall(data)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{door.getsockname()[1]}"
    door.close()


@pytest.fixture
def proxy(toxiproxy: Toxiproxy, echo: str) -> Iterator[socket.socket]:
    """A connection through a proxy called ``p`` to the echo, over which something has passed."""
    host, _, port = toxiproxy.create("p", echo).rpartition(":")
    with socket.create_connection((host, int(port)), timeout=QUICK_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert round_trip_s(connection) < QUICK_S
        yield connection
    toxiproxy.restore()


def round_trip_s(connection: socket.socket) -> float:
    began = time.monotonic()
    connection.sendall(b"ping")
    assert connection.recv(4096) == b"ping"
    return time.monotonic() - began


def test_latency_is_on_both_ways(toxiproxy, proxy):
    before = min(round_trip_s(proxy) for _ in range(5))
    toxiproxy.add("p", "far", "latency", {"latency": 60, "jitter": 0})
    assert min(round_trip_s(proxy) for _ in range(5)) - before == pytest.approx(0.12, rel=0.1)
    toxiproxy.remove("p", "far")
    assert min(round_trip_s(proxy) for _ in range(5)) < 0.06


def test_a_cut_holds_bytes_and_heals(toxiproxy, proxy):
    toxiproxy.add("p", "cut", "latency", {"latency": 10**9, "jitter": 0})
    proxy.sendall(b"held")
    proxy.settimeout(0.1)
    with pytest.raises(TimeoutError):
        proxy.recv(4096)
    toxiproxy.remove("p", "cut")
    proxy.settimeout(QUICK_S)
    assert proxy.recv(4096) == b"held"
    assert round_trip_s(proxy) < QUICK_S


def test_a_black_hole_swallows_and_closes_as_it_heals(toxiproxy, proxy):
    toxiproxy.add("p", "hole", "timeout", {"timeout": 0})
    proxy.sendall(b"gone")
    proxy.settimeout(0.1)
    with pytest.raises(TimeoutError):
        proxy.recv(4096)
    toxiproxy.remove("p", "hole")
    proxy.settimeout(QUICK_S)
    assert proxy.recv(4096) == b""


def test_a_reset_ends_a_connection_as_soon_as_anything_passes(toxiproxy, proxy):
    toxiproxy.add("p", "reset", "reset_peer", {"timeout": 0})
    proxy.sendall(b"x")
    with suppress(ConnectionResetError):
        assert proxy.recv(4096) == b""
    toxiproxy.remove("p", "reset")


def test_a_proxy_that_a_killed_run_left_is_replaced(toxiproxy, echo):
    left = toxiproxy.create("left over", echo)
    again = Toxiproxy(f"{toxiproxy.host}:{toxiproxy.port}")
    assert again.create("left over", echo)
    again.restore()
    host, _, port = left.rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=QUICK_S)
    toxiproxy.restore()  # nothing of it is there any more, which is no error


def test_what_it_refuses_is_said_with_what_was_being_done(toxiproxy, proxy):
    with pytest.raises(ToxiproxyError, match="putting levitation on p"):
        toxiproxy.add("p", "up", "levitation", {})
    with pytest.raises(ToxiproxyError, match="taking far off p"):
        toxiproxy.remove("p", "far")


def test_its_version_is_told(toxiproxy):
    assert toxiproxy.version()


def test_one_of_our_own_is_gone_once_it_is_stopped(toxiproxy):
    binary = find()
    assert binary is not None
    own = OwnServer(binary)
    assert Toxiproxy(own.url).version()
    own.stop()
    assert own.process.poll() is not None
    with pytest.raises(ToxiproxyError, match="does not answer"):
        Toxiproxy(own.url).version()


def test_the_doctor_starts_one_to_see_whether_it_does(toxiproxy):
    version, problem = doctor.tried(find())
    assert (version, problem) == (toxiproxy.version(), "")


def test_two_of_them_do_not_mistake_each_other(toxiproxy, echo):
    """The library keeps its address in a class."""
    binary = find()
    assert binary is not None
    other = OwnServer(binary)
    try:
        second = Toxiproxy(other.url)
        second.create("only here", echo)
        toxiproxy.create("only there", echo)
        second.add("only here", "far", "latency", {"latency": 1})
        toxiproxy.add("only there", "far", "latency", {"latency": 1})
        with pytest.raises(ToxiproxyError):
            toxiproxy.add("only here", "far", "latency", {"latency": 1})
        second.restore()
        toxiproxy.restore()
    finally:
        other.stop()


# What is no Toxiproxy.


class Odd(BaseHTTPRequestHandler):
    """Answers /version as one that is no Toxiproxy, and all else with an error of its own."""

    def do_GET(self) -> None:
        self._say(200, b"2.4.0")

    def do_POST(self) -> None:
        self._say(500, b"out of order")

    do_DELETE = do_POST  # noqa: N815

    def _say(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def odd() -> Iterator[Toxiproxy]:
    server = HTTPServer(("127.0.0.1", 0), Odd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Toxiproxy(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_what_answers_and_is_no_toxiproxy_is_recognised(odd):
    with pytest.raises(ToxiproxyError, match=r"no Toxiproxy 2\.6 or later: b'2\.4\.0'"):
        odd.version()


def test_an_error_of_the_server_is_no_success(odd):
    with pytest.raises(ToxiproxyError, match="making the proxy p: HTTP 500 out of order"):
        odd.create("p", "127.0.0.1:1")


def test_where_nothing_listens_it_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ToxiproxyError, match=f"127.0.0.1:{port} does not answer"):
        Toxiproxy(f"http://127.0.0.1:{port}").version()


@pytest.mark.parametrize("url", ["", "http://", "http:///x", "127.0.0.1:99999", "http://[::1", "https://127.0.0.1:8474"])
def test_an_address_that_is_none_is_said_to_be_none(url):
    with pytest.raises(ToxiproxyError, match="as Toxiproxy's address"):
        Toxiproxy(url)
