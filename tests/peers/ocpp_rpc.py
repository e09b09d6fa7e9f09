"""The peer that ocpp-rpc is: where it is built, and a run of it.

python tests/peers/ocpp_rpc.py      builds it, once, into the cache, where Node is
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
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

    def __init__(self, password: str = "") -> None:
        self.process = subprocess.Popen(
            ["node", str(HERE / "server.js")], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "NODE_PATH": str(modules()), "PEER_PASSWORD": password},
        )  # fmt: skip
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def page(self, name: str) -> list[dict[str, object]]:
        """What it knows: ``books`` or ``problems``."""
        with urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=10) as answer:
            found: list[dict[str, object]] = json.load(answer)
        return found

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(timeout=10)


if __name__ == "__main__":
    sys.exit(build())
