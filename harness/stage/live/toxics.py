"""Toxiproxy, the real one, behind one adapter of ``toxiproxy-python``.

The library keeps its state in a class, waits without end, takes a 5xx for success and does not escape names (it has more such: see
docs/live.md). So this adapter calls its ``APIConsumer`` alone, one call at a time, with a timeout, and looks at every answer.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from harness.stage.errors import ExperimentError

BINARY = "toxiproxy-server"
VERSION = "2.12.0"
"""The version that this was made and is tested with."""
INSTALL = f"go install github.com/Shopify/toxiproxy/v2/cmd/server@v{VERSION}"
TIMEOUT_S = 5.0
_START_S = 10.0


class ToxiproxyError(ExperimentError):
    """Toxiproxy is not there, or did not do what it was told; says which call."""


class Toxiproxy:
    """A Toxiproxy server, ours or somebody's. Not to be used by two threads at once."""

    def __init__(self, url: str) -> None:
        """``url`` is that of its API."""
        try:
            parts = urlsplit(url if "//" in url else f"//{url}")
            host, port = parts.hostname, parts.port or 8474
        except ValueError:  # of brackets that do not match, of a port that is none
            host = None
        if not host or parts.scheme not in ("", "http"):
            raise ToxiproxyError(f"found {url!r} as Toxiproxy's address, expected such as http://127.0.0.1:8474")
        self.host, self.port = host, port
        self._made: list[str] = []

    def version(self) -> str:
        """Its version. Raises :class:`ToxiproxyError` where nothing answers, or something else does."""
        content = self._call("get", "/version", "asking for its version")
        try:
            return str(json.loads(content)["version"])
        except (ValueError, KeyError, TypeError):
            raise ToxiproxyError(f"what answers at {self.host}:{self.port} is no Toxiproxy 2.6 or later: {content[:60]!r}") from None

    def create(self, name: str, upstream: str, *, listen: str = "") -> str:
        """Make a proxy to ``upstream``; returns the ``host:port`` at which it listens: ``listen``, by default any port where its API is."""
        body = {"name": name, "upstream": upstream, "listen": listen or f"{self.host}:0", "enabled": True}
        with suppress(ToxiproxyError):  # one that a run left which was killed: its upstream is ours now
            self._call("delete", f"/proxies/{quote(name, safe='')}", f"deleting an old proxy {name}")
        content = self._call("post", "/proxies", f"making the proxy {name}", json=body)
        self._made.append(name)
        return str(json.loads(content)["listen"])

    def add(self, proxy: str, name: str, kind: str, attributes: dict[str, int]) -> None:
        """Put a toxic on both directions of a proxy."""
        for stream in ("upstream", "downstream"):
            body = {"name": f"{name}-{stream}", "type": kind, "stream": stream, "toxicity": 1.0, "attributes": attributes}
            self._call("post", f"/proxies/{quote(proxy, safe='')}/toxics", f"putting {kind} on {proxy}", json=body)

    def remove(self, proxy: str, name: str) -> None:
        """Take a toxic off again."""
        for stream in ("upstream", "downstream"):
            self._call(
                "delete", f"/proxies/{quote(proxy, safe='')}/toxics/{quote(f'{name}-{stream}', safe='')}", f"taking {name} off {proxy}"
            )

    def restore(self) -> None:
        """Delete the proxies that were made here. Never raises: it is called when all else has failed."""
        while self._made:
            name = self._made.pop()
            with suppress(ToxiproxyError):
                self._call("delete", f"/proxies/{quote(name, safe='')}", f"deleting the proxy {name}")

    def _call(self, method: str, path: str, doing: str, **body: Any) -> bytes:
        import requests
        from toxiproxy.api import APIConsumer
        from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

        APIConsumer.host, APIConsumer.port = self.host, self.port  # class-level: another one may have been used since
        try:
            response = getattr(APIConsumer, method)(path, timeout=TIMEOUT_S, **body)
        except (InvalidToxic, NotFound, ProxyExists) as refusal:
            raise ToxiproxyError(f"Toxiproxy at {self.host}:{self.port}, {doing}: {refusal}") from None
        except requests.RequestException as problem:
            raise ToxiproxyError(f"Toxiproxy at {self.host}:{self.port} does not answer, {doing}: {type(problem).__name__}") from None
        if response.status_code >= 300:
            raise ToxiproxyError(f"Toxiproxy at {self.host}:{self.port}, {doing}: HTTP {response.status_code} {response.text[:80]}")
        content: bytes = response.content
        return content


def find() -> Path | None:
    """Where Toxiproxy's server is: on PATH, or where the tests built it."""
    found = shutil.which(BINARY)
    if found:
        return Path(found)
    built = cache() / BINARY
    return built if built.is_file() else None


def cache() -> Path:
    """The folder of a Toxiproxy that was built for the tests."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "ev-outage-harness" / f"toxiproxy-{VERSION}"


class OwnServer:
    """A Toxiproxy server of our own on a free port of loopback, for one run."""

    def __init__(self, binary: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._binary = binary
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [str(binary), "-host", "127.0.0.1", "-port", str(port)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no thread is about yet
        )  # fmt: skip
        self._await(port)

    def _await(self, port: int) -> None:
        import time

        until = time.monotonic() + _START_S
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.02)
        self.stop()
        raise ToxiproxyError(f"{self._binary} did not begin to listen within {_START_S:g} s")

    def stop(self) -> None:
        """End it. It goes with this process, too, if that is killed (on Linux)."""
        self.process.terminate()
        try:
            self.process.wait(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _die_with_parent() -> None:
    """Have the kernel end this child when its parent dies, however that happens."""
    import ctypes

    pdeathsig, sigterm = 1, 15
    ctypes.CDLL(None).prctl(pdeathsig, sigterm)
