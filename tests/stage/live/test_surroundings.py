"""What fails around a live run while it goes on: one message, what happened by then is kept, and nothing is left behind.

Takes some seconds: what hangs has to be waited for.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alongside import HERE

import harness
from harness.cli import main
from harness.journal import records as r
from harness.journal.reader import Journal
from harness.journal.writer import Writer
from harness.stage.live.chargers import ChargerSide
from harness.stage.live.server import ServerSide
from harness.stage.live.toxics import Toxiproxy

ROOT = HERE.parents[2]
ALONE, STREET = str(HERE / "alone.yaml"), str(HERE / "street.yaml")
ENDS_WITHIN_S = 5.0


def proxies(toxiproxy: Toxiproxy) -> dict[str, object]:
    """What proxies there are at a Toxiproxy."""
    from toxiproxy.api import APIConsumer

    toxiproxy.version()
    found: dict[str, object] = APIConsumer.get("/proxies", timeout=5).json()
    return found


# Somebody takes the embedded server's port while it is down.


def test_a_port_that_is_taken_as_the_server_comes_back(toxiproxy, tmp_path, monkeypatch, capsys):
    takers = []

    def dies(self, shard):
        goes_down(self, shard)
        self._loop.call_soon(take, self._loop, self._door_ports[shard])

    def take(loop, port):
        taker = socket.socket()
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taker.bind(("127.0.0.1", port))
            taker.listen()
        except OSError:  # the server's own door is not quite closed yet
            taker.close()
            loop.call_soon(take, loop, port)
        else:
            takers.append(taker)

    goes_down = ServerSide._dies
    monkeypatch.setattr(ServerSide, "_dies", dies)
    plan = "plan=[{id: crash, at: +1 s, do: server.crash, for: 500 ms}]"
    out, address = str(tmp_path / "kept"), f"{toxiproxy.host}:{toxiproxy.port}"
    code = main(["run", ALONE, "--live", "--toxiproxy", address, "--set", plan, "--set", "expect.exercised=[]", "--out", out])
    told = capsys.readouterr().err.splitlines()[-1]
    ports = [taker.getsockname()[1] for taker in takers]
    for taker in takers:
        taker.close()
    assert code == 6
    told_of = "harness: the experiment did not happen: the embedded server cannot listen on 127.0.0.1:{}: Address already in use"
    assert told in [told_of.format(port) for port in ports]
    assert not Journal(out).complete
    assert proxies(toxiproxy) == {}


# The disk is full.

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
from harness.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="files of a largest size are POSIX's")
def test_a_disk_that_is_full(toxiproxy, tmp_path):
    words = ["run", STREET, "--live", "--skip-idle", "--speed", "8", "--toxiproxy", f"{toxiproxy.host}:{toxiproxy.port}"]
    words += ["--out", str(tmp_path / "kept")]
    command = [sys.executable, "-c", LIMITED, "28000", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    journal, frames = tmp_path / "kept" / "journal.jsonl", tmp_path / "kept" / "frames.jsonl"
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr in [f"harness: File too large: {full}\n" for full in (journal, frames)]
    assert {path.name for path in journal.parent.iterdir()} == {journal.name, frames.name}  # no reports
    assert not Journal(journal).complete
    assert proxies(toxiproxy) == {}


def test_a_disk_that_is_full_for_the_journal_alone(toxiproxy, tmp_path, monkeypatch, capsys):
    def store_until_full(self, data):
        if len(stored) == 2:  # the header, and what happened in the first second or more
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        store(self, data)
        stored.append(data)

    stored, store = [], Writer._store
    monkeypatch.setattr(Writer, "_store", store_until_full)
    out, address = str(tmp_path / "kept"), f"{toxiproxy.host}:{toxiproxy.port}"
    assert main(["run", STREET, "--live", "--skip-idle", "--speed", "8", "--toxiproxy", address, "--out", out]) == 4
    assert capsys.readouterr() == ("", f"harness: No space left on device: {tmp_path / 'kept' / 'journal.jsonl'}\n")
    assert not Journal(out).complete
    assert list(Journal(out).records())
    assert proxies(toxiproxy) == {}


# A server that stops reading, and one that goes on.


class Server:
    """A server of somebody's own, in a thread: it accepts each station, and then answers, or reads nothing more on that connection."""

    def __init__(self, *, reads: bool) -> None:
        self.reads = reads
        self.met = 0
        """How many connections there were."""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    async def _run(self) -> None:
        from websockets.asyncio.server import serve

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with serve(self._speak, "127.0.0.1", 0, subprotocols=["ocpp1.6"], compression=None, close_timeout=0.1) as door:
            self.port = door.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()
            for connection in door.connections:
                connection.transport.abort()

    async def _speak(self, connection) -> None:
        from websockets.exceptions import ConnectionClosed

        self.met += 1
        now = datetime.now(UTC).isoformat()
        answers = {"BootNotification": {"status": "Accepted", "currentTime": now, "interval": 300}, "Heartbeat": {"currentTime": now}}
        with suppress(ConnectionClosed):
            if not self.reads and self.met > 1:
                connection.transport.pause_reading()
            async for text in connection:
                _, id_, action, *_ = json.loads(text)
                await connection.send(json.dumps([3, id_, answers.get(action, {})]))
                if not self.reads:
                    connection.transport.pause_reading()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)


@pytest.fixture(params=["reads", "does not read"])
def server(request):
    one = Server(reads=request.param == "reads")
    yield one
    one.stop()


@pytest.fixture
def target(server, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(f"harness: 1\nurl: ws://127.0.0.1:{server.port}/{{station}}\n", encoding="utf-8")
    return file


BACKOFF = "{wait_minimum: 100 ms, random_range: 0 s, repeat_times: 0}"
LINK = f"{{keepalive: 250 ms, offline_after: 500 ms, answer_timeout: 250 ms, backoff: {BACKOFF}}}"
BRISK = (f"models.box.link={LINK}", "plan=[]", "expect.exercised=[]")


@pytest.mark.parametrize("server", ["does not read"], indirect=True)
@pytest.mark.parametrize("direct", [False, True], ids=["through Toxiproxy", "direct"])
def test_one_that_does_not_read_is_noticed_and_takes_no_more_and_more_connections(server, target, toxiproxy, monkeypatch, direct):
    held, hold = [], ChargerSide._hold_line

    def counted(self, port, line):
        hold(self, port, line)
        held.append(len(self._all_lines))

    monkeypatch.setattr(ChargerSide, "_hold_line", counted)
    live = harness.Live(target=target, direct=direct, toxiproxy="" if direct else f"{toxiproxy.host}:{toxiproxy.port}")
    run = harness.run(ALONE, live=live, overrides=[*BRISK, "duration=6 s"])
    noticed = [record.cause for record in run.records() if isinstance(record, r.Link) and record.state == "offline"]
    assert set(noticed) == {"silence"}
    assert len(noticed) >= 4
    assert server.met == len(held) >= 5
    assert max(held) <= 2


@pytest.mark.skipif(sys.platform == "win32", reason="how a process is interrupted is another matter there")
def test_interrupted_it_ends_soon_and_leaves_no_proxy(server, target, toxiproxy, tmp_path):
    words = ["run", ALONE, "--live", "--target", str(target), "--toxiproxy", f"{toxiproxy.host}:{toxiproxy.port}"]
    words += [word for override in (*BRISK, "duration=10 min") for word in ("--set", override)]
    command = [sys.executable, "-m", "harness", *words, "--out", "kept"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environment, text=True)
    await_records(tmp_path / "kept" / "journal.jsonl")
    assert proxies(toxiproxy)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=ENDS_WITHIN_S)
    assert run.returncode == 2, err
    assert "interrupted" in out
    assert "Traceback" not in err
    assert not Journal(tmp_path / "kept").complete
    assert proxies(toxiproxy) == {}


def await_records(journal: Path) -> None:
    """Look until another process has written some: nothing tells of it by itself."""
    until = time.monotonic() + 20
    while not journal.exists() or len(journal.read_text().splitlines()) < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
