"""The queue of messages that must reach the server: transactions, and readings taken while it was away.

Theory of operation. Messages leave in the order of their events, one at a time; the next goes when the one before is answered.
A transaction message that gets no good answer is sent again after attempts × interval, and discarded after the model's last
attempt (OCPP 1.6 §3.7.1, OCPP 2.0.1 E13); losing the link costs no attempt. Readings are counted, not kept one by one; a full queue
drops readings first, then refuses the newest message, so that starts and ends are the last to go.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.journal.records import Discard, Failed
from harness.values import ChargerModel
from harness.world.link import NEVER
from harness.world.messages import Request


class Outbox:
    """A charger's queue of messages that wait for the server's answer."""

    __slots__ = ("deadline", "emit", "in_flight", "queue", "quirks", "rules", "timeout_ms", "who")

    def __init__(self, model: ChargerModel, who: str, emit: Callable[[Discard | Failed], None]) -> None:
        self.rules = model.queue
        self.quirks = model.quirks
        self.timeout_ms = model.link.answer_timeout_ms
        self.who = who
        self.emit = emit
        self.queue: list[Request] = []
        self.in_flight: Request | None = None
        self.deadline = NEVER
        """In flight: when the answer is overdue. Otherwise: when the head may be sent again."""

    def put(self, now: int, request: Request) -> None:
        """Append a message, within the queue's limit."""
        queue = self.queue
        over = sum(message.count for message in queue) + request.count - self.rules.limit
        if over == 0 and request.action == "transaction-end" and "loses-end-at-limit" in self.quirks:
            return
        if over > 0:
            over = self._drop_readings(now, over, request)
        if over > 0 and request.count > 0:
            if "drops-oldest-when-full" in self.quirks:
                dropped = queue.pop(0)
                if dropped is self.in_flight:
                    self.in_flight, self.deadline = None, NEVER
            else:
                dropped = request
            self._discard(now, dropped, "queue-full")
            if dropped is request:
                return
        if request.count > 0:
            queue.append(request)

    def _drop_readings(self, now: int, over: int, arriving: Request) -> int:
        for message in (*self.queue, arriving):
            if message.action != "meter-values" or message is self.in_flight:
                continue
            count = min(over, message.count)
            message.count -= count
            over -= count
            self.emit(Discard(t=now, who=self.who, action="meter-values", tx=message.tx, why="queue-full", count=count))
            if not over:
                break
        self.queue[:] = [message for message in self.queue if message.count > 0]
        return over

    def _discard(self, now: int, message: Request, why: str) -> None:
        self.emit(Discard(t=now, who=self.who, action=message.action, tx=message.tx, why=why, count=message.count))  # type: ignore[arg-type]

    def next_to_send(self, now: int) -> Request | None:
        """The message that goes out now, if one may: it is in flight from here on."""
        if self.in_flight is not None or not self.queue or (self.deadline != NEVER and now < self.deadline):
            return None
        if "reorders-queue" in self.quirks:
            self.queue.reverse()
        message = self.queue[0]
        message.sent = now
        if "sends-queue-at-once" in self.quirks:
            return self.queue.pop(0)
        self.in_flight = message
        self.deadline = now + self.timeout_ms
        return message

    def answered(self, message: Request, now: int, *, good: bool) -> None:
        """An answer to this message came in; one to another than that in flight is late and ignored."""
        if message is not self.in_flight:
            return
        if good:
            self.queue.remove(message)
            self.in_flight, self.deadline = None, NEVER
        else:
            self._failed(now, "error")

    def overdue(self, now: int) -> None:
        """The deadline passed: the answer in flight is missing, or a message may be sent again."""
        if self.in_flight is not None:
            self._failed(now, "timeout")
        else:
            self.deadline = NEVER

    def _failed(self, now: int, why: str) -> None:
        message = self.in_flight
        assert message is not None
        self.emit(Failed(t=now, who=self.who, action=message.action, sent=message.sent, number=message.number, tx=message.tx, why=why))  # type: ignore[arg-type]
        self.in_flight, self.deadline = None, NEVER
        if self.rules.attempts and message.number >= self.rules.attempts:
            self.queue.remove(message)
            self._discard(now, message, "attempts")
            return
        # Where the model sends without end, its waits do not grow without end either.
        self.deadline = now + self.rules.interval_ms * (message.number if self.rules.attempts else 1)
        message.number += 1

    def link_lost(self, now: int) -> None:
        """The link is gone: what was in flight waits for the next one, at no cost of an attempt."""
        message = self.in_flight
        if message is not None:
            self.emit(
                Failed(t=now, who=self.who, action=message.action, sent=message.sent, number=message.number, tx=message.tx, why="link-lost")
            )
            self.in_flight = None
            if "drops-in-flight-at-loss" in self.quirks:
                self.queue.remove(message)
        self.deadline = NEVER

    def clear(self, now: int) -> None:
        """The memory that holds the queue was cleared."""
        for message in self.queue:
            self._discard(now, message, "memory-cleared")
        self.queue.clear()
        self.in_flight, self.deadline = None, NEVER
