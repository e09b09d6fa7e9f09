"""A server of OCPP 1.6 in a process of its own, for chargers to be measured against; it answers each call and keeps books over restarts.

    python -m benchmarks.peer FOLDER start|stop|books|serve

``start`` comes back once it listens, on the port that it had before; ``stop`` kills it; ``books`` prints its transactions, as a target
file's commands have it. It knows nothing of the harness but how an event loop is run.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.stage.live.run import run_fast

START_S = 20.0
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}


class Books:
    """The transactions, each a line when it starts and another when it ends; a repeated one is the same."""

    def __init__(self, file: Path) -> None:
        self._rows: dict[int, dict[str, Any]] = {}
        self._ids: dict[tuple[Any, ...], int] = {}
        if file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                self._take(json.loads(line))
        self._next = itertools.count(len(self._rows) + 1)
        self._file = file.open("a", encoding="utf-8", buffering=1)

    def _take(self, row: dict[str, Any]) -> None:
        kept = self._rows.setdefault(row["transaction"], row)
        kept.update(row)
        self._ids[kept["station"], kept["start"], kept["start_wh"]] = row["transaction"]

    def started(self, station: str, start: str, wh: int) -> int:
        """The id of a transaction."""
        id_ = self._ids.get((station, start, wh))
        if id_ is None:
            id_ = next(self._next)
            self._write({"station": station, "transaction": id_, "start": start, "start_wh": wh, "stop": None, "stop_wh": None})
        return id_

    def stopped(self, id_: int, stop: str, wh: int) -> None:
        """A transaction is over; one that is not known is let pass."""
        row = self._rows.get(id_)
        if row is not None and row["stop"] is None:
            self._write({"transaction": id_, "stop": stop, "stop_wh": wh})

    def _write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row) + "\n")
        self._take(row)

    def rows(self) -> list[dict[str, Any]]:
        """All of them, as `books` of a target file prints them."""
        return list(self._rows.values())


def answers(books: Books) -> Callable[[str, str, dict[str, Any]], dict[str, Any]]:
    """What is answered to (station, action, payload)."""

    def answer(station: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if action in ("BootNotification", "Heartbeat"):
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            return {"currentTime": now, **({"status": "Accepted", "interval": 300} if action == "BootNotification" else {})}
        if action == "StartTransaction":
            return {**ACCEPTED, "transactionId": books.started(station, payload["timestamp"], payload["meterStart"])}
        if action == "StopTransaction":
            books.stopped(payload["transactionId"], payload["timestamp"], payload["meterStop"])
        return ACCEPTED if action == "Authorize" else {}

    return answer


async def serve(folder: Path) -> None:
    """Answer on the port that the folder names, or on a free one, which it names from then on."""
    from websockets.asyncio.server import serve as listen
    from websockets.exceptions import ConnectionClosed

    answer = answers(Books(folder / "books.jsonl"))

    async def speak(socket: Any) -> None:
        station = socket.request.path.rpartition("/")[2]
        try:
            while True:
                kind, id_, *rest = json.loads(await socket.recv())
                if kind == 2:
                    await socket.send(json.dumps([3, id_, answer(station, *rest)]))
        except ConnectionClosed:
            return

    named = folder / "port"
    port = int(named.read_text()) if named.exists() else 0
    async with listen(
        speak, "127.0.0.1", port, subprotocols=["ocpp1.6"], compression=None, ping_interval=None, backlog=4096, reuse_address=True
    ) as door:
        named.write_text(str(door.sockets[0].getsockname()[1]))
        (folder / "pid").write_text(str(os.getpid()))
        await asyncio.get_running_loop().create_future()


def start(folder: Path) -> int:
    """Have it run, and come back once it listens. Returns its port."""
    (folder / "pid").unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.peer", str(folder), "serve"]
    log = (folder / "log").open("a")
    root = Path(__file__).parents[1]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=root)
    until = time.monotonic() + START_S
    while not (folder / "pid").exists():
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"the peer did not start:\n{(folder / 'log').read_text()}")
        time.sleep(0.02)
    return int((folder / "port").read_text())


def stop(folder: Path) -> None:
    """Kill it, and come back once it is gone."""
    number = int((folder / "pid").read_text())
    os.kill(number, signal.SIGKILL)
    while Path(f"/proc/{number}/fd").exists() and Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)


def main(folder: Path, what: str) -> None:
    """One of the four."""
    if what == "start":
        start(folder)
    elif what == "stop":
        stop(folder)
    elif what == "books":
        print(json.dumps(Books(folder / "books.jsonl").rows()))
    elif what == "serve":
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a file for each charger
        run_fast(serve(folder))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
