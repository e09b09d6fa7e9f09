"""A charger with several connectors, watched as one charger for each: its frames are shared out among their observers.

What concerns the whole charger, as its registration does, all of them hear of; that it was in touch with its server, too.
"""

from __future__ import annotations

from typing import Any

from harness.stage.seen.observer import Observer
from harness.stage.seen.orders import Payload
from harness.world.messages import Request


def connector_of(payload: Payload) -> int:
    """The connector that a payload names, in OCPP 2.0.1 the EVSE; 0: none, or the whole charger."""
    evse = payload.get("evse")
    named = evse.get("id") if isinstance(evse, dict) else payload.get("evseId", payload.get("connectorId"))
    return named if isinstance(named, int) and named > 0 else 0


class Station:
    """The observers of one charger's connectors, by number. Its methods are those of :class:`Observer`."""

    def __init__(self, observers: dict[int, Observer]) -> None:
        self.observers = observers

    def call(self, now: int, action: str, payload: Payload, id_: str = "") -> Request | None:
        """The charger called."""
        request = None
        for observer, concerned in self._shared(action, payload):
            request = (observer.call(now, action, payload, id_) if concerned else observer.call(now, "", {}, id_)) or request
        return request

    def answered(self, now: int, action: str, payload: Payload | None, id_: str = "") -> None:
        """The server answered a call."""
        for observer in self.observers.values():
            observer.answered(now, "", payload, id_)

    def command(self, now: int, action: str, payload: Payload, id_: str = "") -> None:
        """The server called the charger."""
        for observer, concerned in self._shared(action, payload):
            observer.command(now, action if concerned else "", payload, id_)

    def command_answered(self, now: int, action: str, payload: Payload | None, id_: str = "") -> None:
        """The charger answered a command."""
        for observer in self.observers.values():
            observer.command_answered(now, "", payload, id_)

    def connected(self, now: int) -> None:
        """The charger opened a connection."""
        for observer in self.observers.values():
            observer.connected(now)

    def disconnected(self, now: int, cause: str = "link") -> None:
        """Its connection is gone."""
        for observer in self.observers.values():
            observer.disconnected(now, cause)

    def away(self, since: int, until: int) -> None:
        """The server was not there for this charger."""
        for observer in self.observers.values():
            observer.away(since, until)

    def finish(self, end_ms: int) -> None:
        """Nothing more will be seen: emit all records."""
        for observer in self.observers.values():
            observer.finish(end_ms)

    def _shared(self, action: str, payload: Payload) -> list[tuple[Observer, bool]]:
        """Each observer, and whether the message concerns it."""
        if len(self.observers) == 1:
            return [(observer, True) for observer in self.observers.values()]
        named = connector_of(payload) or self._connector_with(payload)
        # A tag that is shown at a charger with several connectors may be meant for any of them.
        everyone = not named and action != "Authorize"
        return [(observer, everyone or number == named) for number, observer in self.observers.items()]

    def _connector_with(self, payload: Payload) -> int:
        """The connector whose transaction a payload names; −1: it names one that nobody knows; 0: none."""
        info = payload.get("transactionInfo")
        transaction: Any = info.get("transactionId") if isinstance(info, dict) else payload.get("transactionId")
        if transaction is None:
            return 0
        return next((number for number, observer in self.observers.items() if observer.knows(transaction)), -1)
