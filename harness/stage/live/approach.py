"""The way to a server of somebody's own: where a station of its target file connects and with what, and why that did not come about."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlsplit

from harness.values import Scenario, Target

PATIENCE_S = 5.0
"""How long a server may take for a connection."""
_WAITING_DOES_NOT_MEND = (301, 302, 303, 307, 308, 400, 401, 403, 404)
"""HTTP statuses."""


class NotAgreedError(Exception):
    """The handshake came about, and no subprotocol was agreed on: a server says so that it speaks none of those it was offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How one charger of a run is called at the target."""

    charger: str
    number: int
    station: str

    def fill(self, pattern: str, **more: Any) -> str:
        """A pattern of the target file for this charger."""
        return pattern.format(charger=self.charger, number=self.number, station=self.station, **more)


def places(target: Target, scenario: Scenario) -> list[Place]:
    """How the chargers of a scenario are called at a target, in their order."""
    stations = target.stations(scenario.names())
    return [Place(charger=name, number=number, station=stations[name]) for number, name in enumerate(stations, start=1)]


def address(target: Target) -> tuple[str, int]:
    """Host and port of a target's server."""
    parts = urlsplit(target.url.replace("{", "").replace("}", ""))
    return parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)


def tls(target: Target) -> ssl.SSLContext | None:
    """How to speak TLS with a target's server, and whom to trust; None: it speaks none. Raises :class:`ssl.SSLError` where its authority's
    file is none."""
    if not target.url.startswith("wss:"):
        return None
    context = ssl.create_default_context(cafile=target.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def door(target: Target, place: Place) -> tuple[str, dict[str, str]]:
    """The URL at which a station connects, and the headers that say who it is."""
    password = os.environ.get(target.password_from, "") if target.password_from else place.fill(target.password)
    headers = {}
    if password:
        headers["Authorization"] = f"Basic {base64.b64encode(f'{place.station}:{password}'.encode()).decode()}"
    quoted = replace(place, charger=quote(place.charger, safe=""), station=quote(place.station, safe=""))
    return quoted.fill(target.url), headers


async def touch(target: Target, context: ssl.SSLContext | None) -> None:
    """Connect to a target's server, shake hands where it speaks TLS, and leave. Raises :class:`OSError`, of which those of TLS, of names
    and of time are, or :class:`UnicodeError` for a name that none can be."""
    host, port = address(target)
    async with asyncio.timeout(PATIENCE_S):
        _, writer = await asyncio.open_connection(host, port, ssl=context)
    writer.transport.abort()


async def knock(target: Target, context: ssl.SSLContext | None, place: Place, subprotocol: str) -> BaseException | None:
    """Connect to a target's server as a station does, and leave as one does. Returns why it was not let in; None: it was."""
    from websockets.exceptions import WebSocketException

    from harness.stage.live.client import connect

    url, headers = door(target, place)
    try:
        async with asyncio.timeout(PATIENCE_S):
            web_socket = await connect(url, subprotocol, headers, **({"ssl": context} if context else {}))
    except (OSError, EOFError, UnicodeError, WebSocketException) as problem:
        return problem
    agreed = web_socket.subprotocol is not None
    await web_socket.close(1000)
    return None if agreed else NotAgreedError()


def hopeless(problem: BaseException) -> bool:
    """Whether a connection that did not come about will not by waiting, either."""
    import socket

    from websockets.exceptions import InvalidStatus, NegotiationError

    if isinstance(problem, InvalidStatus):
        return problem.response.status_code in _WAITING_DOES_NOT_MEND
    if isinstance(problem, ssl.SSLError):
        return not isinstance(problem, ssl.SSLEOFError)  # closed in the midst, as by a proxy before a server that is not up yet
    return isinstance(problem, (socket.gaierror, UnicodeError, NegotiationError, NotAgreedError))


def reason(problem: BaseException) -> str:
    """Why a connection did not come about, in words."""
    import socket

    from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus, NegotiationError

    if isinstance(problem, InvalidStatus):
        return f"HTTP {problem.response.status_code}"
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {problem.verify_message}"
    if isinstance(problem, ssl.SSLError):
        return f"no TLS: {problem.reason or problem.__class__.__name__}"
    if isinstance(problem, UnicodeError):
        return "its name is none that can be resolved"
    if isinstance(problem, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    if isinstance(problem, NegotiationError):
        return f"the subprotocol is not agreed on: {problem}"
    if isinstance(problem, NotAgreedError):
        return "no subprotocol was agreed on"
    if isinstance(problem, (InvalidMessage, EOFError)):
        return "the connection was closed, or what answers is no WebSocket"
    if isinstance(problem, ConnectionClosed):
        return "the connection was closed"
    if isinstance(problem, OSError):
        told = os.strerror(problem.errno) if problem.errno else str(problem)  # asyncio puts its own words there
        return told.lower() or "the connection was closed"
    return str(problem) or type(problem).__name__


def advice(problem: BaseException) -> str:
    """What to do about a handshake that was refused; empty: nobody knows."""
    from websockets.exceptions import InvalidStatus

    status = problem.response.status_code if isinstance(problem, InvalidStatus) else 0
    if 300 <= status < 400:
        return "give the address to which it redirects as `url`: no redirect is followed"
    if status >= 500:
        return "wait until your server is ready, or see what its log says"
    return {
        400: "see in your server's log what it misses: a subprotocol, a header, another path in `url`",
        401: "give the station's password as `password` or `password_from`; its user is the station id",
        403: "let your server admit the station",
        404: "mend the path of `url`, or let your server know the station",
    }.get(status, "")


def may_speak_another(problem: BaseException) -> bool:
    """Whether a handshake may have been refused for the version of OCPP that was offered."""
    from websockets.exceptions import InvalidStatus, NegotiationError

    bad_request = isinstance(problem, InvalidStatus) and problem.response.status_code == 400
    return bad_request or isinstance(problem, NegotiationError | NotAgreedError)
