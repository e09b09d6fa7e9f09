"""What the doctor says of what there is for live runs: of each thing that can be missing what to do, and never a traceback."""

from __future__ import annotations

import base64
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from harness import doctor
from harness.cli import main
from harness.doctor import Where, readiness_problem
from harness.stage.live.approach import NotAgreedError
from harness.stage.live.toxics import BINARY, INSTALL, VERSION
from harness.values import Target

MACHINES = {
    "Linux": (Where("Linux", "x86_64", False), ["toxiproxy-server-linux-amd64", "docker run --rm --network host", INSTALL, "--direct"]),
    "Linux on ARM": (Where("Linux", "aarch64", False), ["toxiproxy-server-linux-arm64"]),
    "a rare machine": (Where("Linux", "riscv64", False), [INSTALL, "--direct"]),
    "macOS": (Where("Darwin", "arm64", False), ["brew install toxiproxy", INSTALL]),
    "Windows": (Where("Windows", "AMD64", False), ["toxiproxy-server-windows-amd64.exe", INSTALL]),
    "a container": (Where("Linux", "x86_64", True), [f"COPY --from=ghcr.io/shopify/toxiproxy:{VERSION} /toxiproxy", INSTALL]),
}
HERE = MACHINES["Linux"][0]


@pytest.mark.parametrize("name", MACHINES)
def test_how_to_get_toxiproxy_on(name):
    here, ways = MACHINES[name]
    told = "\n".join(doctor.how_to_get_toxiproxy(here))
    assert all(way in told for way in ways)
    assert ("docker run" in told) == (here.system == "Linux" and not here.container)
    assert doctor.of_binary(None, "", "", here).advice == doctor.how_to_get_toxiproxy(here)


ELSEWHERE = Target(name="t", file="t.yaml", url="ws://localhost:9000/{station}", upstream="csms:9000")


def refusal(status: int) -> InvalidStatus:
    return InvalidStatus(Response(status, "", Headers()))


@pytest.mark.parametrize(
    ("status", "way"),
    [(302, "no redirect is followed"), (400, "log"), (401, "`password`"), (403, "admit the station"), (404, "`url`"), (503, "is ready")],
)
def test_what_helps_against_a_refusal(status, way):
    assert any(way in line for line in doctor.of_handshakes("CP1", {"1.6": refusal(status)}).advice)


@pytest.mark.parametrize(
    ("diagnosis", "mark", "says"),
    [
        (doctor.of_python((3, 11, 7)), "pass", "on Python 3.11.7"),
        (doctor.of_python((3, 9, 1)), "fail", "on Python 3.9.1"),
        (doctor.of_binary(Path("t"), VERSION, "", HERE), "pass", f"Toxiproxy {VERSION} at t starts and answers"),
        (doctor.of_binary(Path("t"), "git", "", HERE), "pass", "Toxiproxy, built by Go and so without a version, at t starts"),
        (doctor.of_binary(Path("t"), "2.9.0", "", HERE), "unknown", "Toxiproxy 2.9.0 at t"),
        (doctor.of_binary(Path("t"), "", "it does not start to listen", HERE), "fail", "Toxiproxy at t: it does not start"),
        (doctor.of_running("u", VERSION, "", HERE), "pass", f"Toxiproxy {VERSION} at u answers"),
        (doctor.of_open_files(None), "pass", "no limit, so 2000 chargers"),
        (doctor.of_open_files(20_000), "pass", "enough for 2000 chargers"),
        (doctor.of_open_files(1_024), "unknown", "1024 at the most, enough for 206 chargers"),
        (doctor.of_open_files(100), "fail", "enough for 0 chargers"),
        (doctor.of_loopback(""), "pass", "loopback"),
        (doctor.of_loopback("operation not permitted"), "fail", "loopback: operation not permitted"),
        (doctor.of_schemas(""), "pass", "1.6 and 2.0.1 load"),
        (doctor.of_schemas("OCPP 1.6 lacks its own"), "fail", "OCPP 1.6 lacks its own"),
        (doctor.of_handshakes("CP1", {"1.6": None, "2.0.1": None}), "pass", "CP1 is let in with OCPP 1.6 and 2.0.1"),
        (
            doctor.of_handshakes("CP1", {"1.6": None, "2.0.1": refusal(400)}),
            "unknown",
            "in with OCPP 1.6, and not with another (OCPP 2.0.1: HTTP 400)",
        ),
        (
            doctor.of_handshakes("CP1", {"1.6": refusal(401), "2.0.1": refusal(401)}),
            "fail",
            "CP1 is not let in (OCPP 1.6 or 2.0.1: HTTP 401)",
        ),
        (doctor.of_handshakes("CP1", {"1.6": refusal(400), "2.0.1": refusal(404)}), "fail", "(OCPP 1.6: HTTP 400; OCPP 2.0.1: HTTP 404)"),
        (doctor.of_handshakes("CP1", {"1.6": NotAgreedError()}), "unknown", "(OCPP 1.6: no subprotocol was agreed on)"),
        (doctor.of_server(ELSEWHERE, "connection refused"), "unknown", "connection refused"),
        (doctor.of_password("SECRET", given=True), "pass", "SECRET is set"),
        (doctor.of_password("SECRET", given=False), "fail", "SECRET is not set"),
    ],
)
def test_what_is_said_of_what_is_found(diagnosis, mark, says):
    assert diagnosis.mark == mark
    assert says in diagnosis.text
    assert bool(diagnosis.advice) == (mark != "pass")


def lines(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    code = main(["doctor", *words])
    captured = capsys.readouterr()
    assert captured.err == ""
    return code, captured.out.splitlines()


@pytest.fixture
def answering() -> Iterator[str]:
    """Something that says it is a Toxiproxy of the version that is tested, and that it is ready; and at /busy that it is not."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = f'{{"version": "{VERSION}"}}'.encode()
            self.send_response(503 if self.path == "/busy" else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_all_is_there(capsys, answering):
    code, told = lines(capsys, "--toxiproxy", answering)
    assert (code, told[-1]) == (0, "Live runs can be made.")
    assert f"✓ Toxiproxy {VERSION} at {answering} answers" in told
    assert not [line for line in told if line.startswith("✗")]


def test_there_is_no_toxiproxy(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code, told = lines(capsys)
    assert (code, told[-1]) == (6, "Live runs cannot be made as it is: see what is marked ✗.")
    assert [line for line in told if line.startswith(f"✗ Toxiproxy: no {BINARY} on PATH")]
    assert any(INSTALL in line for line in told)


@pytest.mark.skipif(sys.platform == "win32", reason="what makes a file a program is another matter there")
@pytest.mark.parametrize(("program", "why"), [("#!/bin/sh\nexit 1\n", "does not start to listen"), ("nonsense", "cannot be started: exec")])
def test_what_is_called_toxiproxy_and_is_none(capsys, monkeypatch, tmp_path, program, why):
    (tmp_path / BINARY).write_text(program)
    (tmp_path / BINARY).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    code, told = lines(capsys)
    assert code == 6
    assert [line for line in told if line.startswith("✗ Toxiproxy at") and why in line]


@pytest.mark.parametrize("url", ["127.0.0.1:1", "", "127.0.0.1:99999", "ftp://127.0.0.1"])
def test_the_toxiproxy_that_is_named_is_not_there(capsys, url):
    code, told = lines(capsys, "--toxiproxy", url)
    assert code == 6
    assert [line for line in told if line.startswith("✗") and ("does not answer" in line or "as Toxiproxy's address" in line)]


# Your server.


@pytest.fixture
def target(tmp_path, monkeypatch):
    """Writes a target file; gives its path."""
    monkeypatch.setenv("THEIR_SECRET", "a secret of the test")

    def written(url: str, more: str = "") -> str:
        (tmp_path / "mine.yaml").write_text(f"harness: 1\nurl: {url}/{{station}}\n{more}", encoding="utf-8")
        return str(tmp_path / "mine.yaml")

    return written


class Csms:
    """A server that knows one station with its password and speaks this version; in a thread of its own."""

    def __init__(self, version: str, tls: ssl.SSLContext | None = None) -> None:
        self.came: list[str] = []
        self.left: list[int] = []
        self._door = serve(
            self._speak, "127.0.0.1", 0, subprotocols=[Subprotocol(version)], ssl=tls, process_request=self._knock, ping_interval=None
        )  # fmt: skip
        self.address = f"127.0.0.1:{self._door.socket.getsockname()[1]}"
        threading.Thread(target=self._door.serve_forever, daemon=True).start()

    def _knock(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/health":
            return connection.respond(200, "")
        if request.path != "/CP-0001":
            return connection.respond(404, "")
        wanted = "Basic " + base64.b64encode(b"CP-0001:a secret of the test").decode()
        return None if request.headers.get("Authorization") == wanted else connection.respond(401, "")

    def _speak(self, connection: ServerConnection) -> None:
        self.came.append(str(connection.subprotocol))
        for _ in connection:
            """Nothing is said."""
        self.left.append(connection.close_code or 0)

    def stop(self) -> None:
        self._door.shutdown()


@pytest.fixture
def csms() -> Iterator[Csms]:
    one = Csms("ocpp1.6")
    yield one
    one.stop()


STATION = "station: CP-{number:04}\n"


def test_your_server_is_there(capsys, answering, target, csms):
    file = target(f"ws://{csms.address}", f"{STATION}ready: http://{csms.address}/health\npassword_from: THEIR_SECRET\n")
    code, told = lines(capsys, "--toxiproxy", answering, "--target", file)
    assert code == 0
    assert told[-7:-1] == [
        f"✓ target {file}: readable", "✓ password: the environment variable THEIR_SECRET is set",
        f"✓ your server: ws://{csms.address}/{{station}} takes TCP connections",
        "? handshake: CP-0001 is let in with OCPP 1.6, and not with another (OCPP 2.0.1: HTTP 400)",
        "    run with --ocpp 1.6, and have models that say another extend ocpp16-strict: --set models.NAME.extends=ocpp16-strict",
        f"✓ readiness: http://{csms.address}/health says that it is ready",
    ]  # fmt: skip
    assert (csms.came, csms.left) == (["ocpp1.6"], [1000])


@pytest.mark.parametrize(("more", "words", "why"), [
    (STATION, (), "CP-0001 is not let in (OCPP 1.6 or 2.0.1: HTTP 401)"),
    ("password_from: THEIR_SECRET\n", (), "anna is not let in (OCPP 1.6 or 2.0.1: HTTP 404)"),
    (STATION, ("--station", "CP-9"), "CP-9 is not let in (OCPP 1.6 or 2.0.1: HTTP 404)"),
])  # fmt: skip
def test_your_server_lets_nobody_in(capsys, answering, target, csms, more, words, why):
    code, told = lines(capsys, "--toxiproxy", answering, "--target", target(f"ws://{csms.address}", more), *words)
    assert code == 6
    assert f"✗ handshake: {why}" in told


def test_programs_that_are_not_there(capsys, answering, target, csms, tmp_path):
    more = f"""password: a secret of the test
commands: {{stop: [no-such-program, csms], start: ['{sys.executable}', -m, csms]}}
operations: {{override: [./no-such-app, '{{station}}']}}
"""
    code, told = lines(capsys, "--toxiproxy", answering, "--target", target(f"ws://{csms.address}", STATION + more))
    assert code == 6
    assert [line for line in told if line.startswith("✗")] == [
        "✗ commands.stop: there is no program no-such-program", "✗ operations.override: there is no program ./no-such-app",
    ]  # fmt: skip


# The bench of your chargers.


def test_a_bench(capsys, answering, tmp_path):
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "server.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "server.key"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        file = tmp_path / "bench.yaml"
        file.write_text(
            f"harness: 1\nlisten: {address}\ncertificate: server.pem\nkey: server.key\ncommands: {{unplug: ['{sys.executable}']}}\n"
        )
        code, told = lines(capsys, "--toxiproxy", answering, "--bench", str(file))
    assert code == 6
    assert f"✗ listening on {address}: address already in use" in told
    assert f"✓ commands: {sys.executable} can be run" in told
    code, told = lines(capsys, "--toxiproxy", answering, "--bench", str(file))
    assert (code, f"✓ listening on {address}: the address is free" in told) == (0, True)
    (tmp_path / "server.key").write_text("no key")
    code, told = lines(capsys, "--toxiproxy", answering, "--bench", str(file))
    assert code == 6
    assert [line for line in told if line.startswith("✗ certificate: ") and "are no certificate with its key" in line]


def test_a_bench_at_a_name_that_leads_nowhere(capsys, answering, tmp_path):
    (tmp_path / "bench.yaml").write_text("harness: 1\nlisten: nowhere.invalid:9000\n")
    code, told = lines(capsys, "--toxiproxy", answering, "--bench", str(tmp_path / "bench.yaml"))
    assert code == 6
    assert "✗ listening on nowhere.invalid:9000: its name cannot be resolved" in told


@pytest.mark.parametrize("listen", ["é.é..:9000", f"{'a' * 70}.example:9000", "127.0.0.1:99999", "9000"])
def test_where_nothing_can_listen_serve_says_so(capsys, listen):
    assert main(["serve", "faq-walkthrough", "--listen", listen]) == 4
    assert capsys.readouterr().err == (
        f"harness: found {listen} as --listen, expected a host and a port such as 192.168.1.5:9000\n"
    )  # fmt: skip


def test_a_server_whose_answer_never_ends_is_ready():
    class Endless(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while not over.wait(0.01):
                    self.wfile.write(b"data: x\n\n")

        def log_message(self, *_):
            pass

    over = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        looking = threading.Thread(target=lambda: found.append(readiness_problem(f"http://127.0.0.1:{server.server_port}/")), daemon=True)
        found = []
        looking.start()
        looking.join(10)
        told = list(found)
        over.set()
        server.shutdown()
    assert told == [""]


def test_a_station_is_tried_at_a_server(capsys):
    assert main(["doctor", "--station", "CP-1"]) == 4
    assert "--station is tried at your server: say --target FILE, too" in capsys.readouterr().err


def test_your_server_is_not_there_nor_its_password(capsys, answering, target, monkeypatch):
    monkeypatch.delenv("THEIR_SECRET")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    file = target(f"ws://127.0.0.1:{port}", f"ready: http://{answering}/busy\npassword_from: THEIR_SECRET\n")
    code, told = lines(capsys, "--toxiproxy", answering, "--target", file)
    assert code == 6
    assert "✗ password: the environment variable THEIR_SECRET is not set" in told
    assert f"✗ your server: ws://127.0.0.1:{port}/{{station}}: connection refused" in told
    assert f"✗ readiness: http://{answering}/busy: HTTP 503" in told


@pytest.mark.parametrize(("host", "why"), [("nowhere.invalid", "cannot be resolved"), (f"{'a' * 70}.example", "can")])
def test_your_servers_name_leads_nowhere(capsys, answering, target, host, why):
    code, told = lines(capsys, "--toxiproxy", answering, "--target", target(f"ws://{host}"))
    assert code == 6
    assert [line for line in told if line.startswith(f"✗ your server: ws://{host}") and why in line]


def test_a_target_file_that_is_none(capsys, answering, tmp_path):
    code, told = lines(capsys, "--toxiproxy", answering, "--target", str(tmp_path / "nowhere.yaml"))
    assert code == 6
    assert [line for line in told if line.startswith("✗") and "nowhere.yaml: the file cannot be read" in line]


@pytest.mark.parametrize(
    ("ca", "code", "says"),
    [("ca: ca.pem\n", 0, "takes TLS connections"), ("", 6, "its certificate is not good"), ("ca: mine.yaml\n", 6, "no TLS: ")],
    ids=["known", "unknown", "no authority"],
)
def test_a_server_that_speaks_tls(capsys, answering, target, tmp_path, ca, code, says):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    one = Csms("ocpp1.6", tls=context)
    file = target(f"wss://{one.address}", f"{STATION}password_from: THEIR_SECRET\n{ca}")
    found, told = lines(capsys, "--toxiproxy", answering, "--target", file)
    one.stop()
    assert found == code
    assert [line for line in told if says in line]
    assert bool([line for line in told if "CP-0001 is let in with OCPP 1.6" in line]) == (code == 0)
