"""What travels between a charger and its server: small typed values named after OCPP's actions, protocol-neutral."""

from __future__ import annotations

from typing import Literal

RequestAction = Literal[
    "connect", "registration", "keepalive", "status", "meter-values", "authorise", "transaction-start", "transaction-end"
]
Result = Literal["accepted", "pending", "rejected", "error"]
"""What becomes of a request; only a registration can be pending."""
CommandName = Literal["hold", "pause", "release", "amperage", "share", "schedule"]

ROUTINE = frozenset({"keepalive", "status", "meter-values"})
"""Requests that on a healthy link change nothing and leave no record."""

BOOKED = frozenset({"transaction-start", "transaction-end", "meter-values", "status"})
"""Requests that tell the server something, and ask nothing of it."""

COMPUTED = ROUTINE | {"registration"}
"""Requests that may be computed and not sent: those, and over datagrams the attempts to register at a server that is dead."""


class Request:
    """A request of a charger, and what it carries.

    ``connect`` is the opening of a connection, which is no message but can fail like one.
    """

    stamped = False
    """The stamp was given, at the first sending, and stays."""
    number = 1
    tx = 0
    seq = 0
    wh = 0
    start: Request | None = None
    """For transaction-end: the message that told of the start."""
    count = 1
    offline = False
    unset = False
    """The charger's clock was not set when the event happened."""
    anew = False
    """The charger had taken itself to be offline: over datagrams, what a new connection is over TCP (assumption)."""
    answered = 0
    """When it was acknowledged, where it is processed later than that."""
    taken_in = False
    """The server has processed it before, whether or not its answer arrived."""
    closes_stay = False
    """For transaction-end: the car left."""
    tag = ""
    id = ""
    """The id by which a server that is not ours knows its transaction."""
    """For authorise: the tag asked about. For transaction-start: the tag that it began with, where one is needed."""
    reason: Literal["", "DeAuthorized", "Remote"] = ""
    """For transaction-end: why, in OCPP's words, where neither the car's departure nor a loss of power or restart ended it."""
    # What most requests leave as it is stands in the class: making them is among the hottest lines of a run.

    def __init__(self, action: RequestAction, at: int, plug_in: int = 0) -> None:
        self.action = action
        self.at = at
        """When the event happened that it tells of."""
        self.plug_in = plug_in
        self.sent = at
        self.stamp = at
        """When it says that the event happened."""

    def __repr__(self) -> str:
        return f"<{self.action} at {self.at} tx {self.tx} plug-in {self.plug_in}>"


class Command:
    """A command of the server."""

    __slots__ = ("duration_ms", "ma", "name", "on", "origin", "plug_in", "sent", "windows")

    def __init__(
        self, name: CommandName, sent: int, *, plug_in: int = 0, duration_ms: int = 0, ma: int = 0, on: bool = True, origin: int = 0
    ) -> None:
        self.name: CommandName = name
        self.sent = sent
        self.plug_in = plug_in
        self.duration_ms = duration_ms
        self.ma = ma
        self.on = on
        self.windows: list[tuple[int, int]] = []
        """For schedule: the hold windows, as the server's clock counts them."""
        self.origin = origin

    def __repr__(self) -> str:
        return f"<{self.name} plug-in {self.plug_in} {self.duration_ms} ms {self.ma} mA sent {self.sent}>"


class Answer:
    """A server's answer to a request."""

    __slots__ = ("clock_offset_ms", "interval_ms", "result")

    def __init__(self, result: Result, clock_offset_ms: int = 0, *, interval_ms: int = 0) -> None:
        self.result: Result = result
        self.clock_offset_ms = clock_offset_ms
        """How far the server's clock is ahead of the true time."""
        self.interval_ms = interval_ms
        """Of a registration that was not accepted: after how long the charger may ask again; 0: it chooses."""


ACCEPTED = Answer("accepted")
REJECTED = Answer("rejected")
ERROR = Answer("error")
