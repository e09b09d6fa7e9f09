"""The peer that ocpp-rpc is: where it is built, and a run of it.

python tests/peers/ocpp_rpc.py      builds it, once, into the cache, where Node is
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

from harness.stage.live.toxics import cache

HERE = Path(__file__).resolve().parent / "ocpp-rpc"
VERSION = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]["ocpp-rpc"]


def modules() -> Path:
    """Where its modules are, or would be."""
    return cache().parent / f"ocpp-rpc-{VERSION}" / "node_modules"


def build() -> str:
    """Have it there. Returns why it is not; empty: it is."""
    if (modules() / "ocpp-rpc").is_dir():
        return ""
    if shutil.which("npm") is None:
        return "NO OCPP-RPC: Node is not here, so the tests against a server of another making are left out"
    print(f"building ocpp-rpc {VERSION}, once", flush=True)
    modules().parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "package.json", modules().parent)
    call = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    if subprocess.run(call, cwd=modules().parent, check=False).returncode:
        return "NO OCPP-RPC: npm could not build it, so the tests against a server of another making are left out"
    return ""


class Peer:
    """The server, running on a port of loopback."""

    def __init__(self, folder: Path, *, password: str = "", wrong: str = "") -> None:
        """``folder`` keeps its books over a restart, ``wrong`` is the one thing that it does wrong, see ``server.js``."""
        settings = {"NODE_PATH": modules(), "PEER_PASSWORD": password, "PEER_WRONG": wrong, "PEER_BOOKS": folder / "books.json"}
        self._settings = [f"{name}={value}" for name, value in settings.items()]
        self._pid = folder / "pid"
        self.process = subprocess.Popen(["env", *self._settings, "node", str(HERE / "server.js")], stdout=subprocess.PIPE, text=True)
        self._pid.write_text(str(self.process.pid))
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def commands(self) -> dict[str, list[str]]:
        """What crashes it and starts it again, as a target file has it."""
        start = f"node {HERE / 'server.js'} {self.port} >/dev/null 2>&1 & echo $! >{self._pid}"
        return {"stop": ["sh", "-c", f"kill -9 $(cat {self._pid})"], "start": ["env", *self._settings, "sh", "-c", start]}

    def page(self, name: str) -> list[dict[str, object]]:
        """What it knows: ``books`` or ``problems``."""
        with urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=10) as answer:
            found: list[dict[str, object]] = json.load(answer)
        return found

    def stop(self) -> None:
        """End it."""
        with suppress(ProcessLookupError):
            os.kill(int(self._pid.read_text()), signal.SIGTERM)
        self.process.wait(timeout=10)


if __name__ == "__main__":
    sys.exit(build())
