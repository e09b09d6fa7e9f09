"""How an outage went, gathered from the records of a run in one pass: when chargers noticed and were back, what people did meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.fault import RESPONSES
from harness.journal.records import Action, AnyRecord, Fault, Link, Loss, Message, PlugIn, Power, Recovery, Server, Settled, Stay

_MOST_KEPT = 40
_MOST_TRAFFIC = 8
"""Cars come and go all the time."""
_OF_A_TRANSACTION = ("transaction-start", "transaction-end", "meter-values")


@dataclass(slots=True)
class Kept:
    """Records of one kind: the first of them, and how many there were."""

    most: int = _MOST_KEPT
    first: list[AnyRecord] = field(default_factory=list)
    count: int = 0

    def add(self, record: AnyRecord) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < self.most:
            self.first.append(record)


@dataclass(slots=True)
class Wave:
    """What one step of the plan did to the chargers that lost their server by it, blips apart; or losses of one cause without a step."""

    step: str
    cause: str
    first_ms: int
    """When the first charger lost its server, for a blip or for longer."""
    lost: int = 0
    noticed_ms: list[int] = field(default_factory=list)
    """When each charger that noticed did; in order once all is closed."""
    back_ms: list[int] = field(default_factory=list)
    """When each that came back did; in order."""


class _Charger:
    """What is known of a charger at this moment."""

    __slots__ = ("affected", "back_ms", "connected", "cut", "noticed_ms", "passed", "wave")

    def __init__(self) -> None:
        self.wave: Wave | None = None
        """The outage that it is in."""
        self.noticed_ms = -1
        self.back_ms = -1
        self.connected = False
        self.affected = False
        """The car that is connected has lived through an outage."""
        self.passed = 0
        """Stays that ended in the present outage, of which nobody knows yet whether it is a blip."""
        self.cut = False
        """A step of the plan keeps mains from it."""


class Chronicle:
    """Gathers while records go by. :meth:`feed` it all batches, then :meth:`close` it."""

    def __init__(self) -> None:
        self.waves: dict[tuple[str, str], Wave] = {}
        """Step and cause → their wave, in the order of the first losses."""
        self.steps = Kept()
        """Where the plan's faults and what responders do began and ended, not the drivers' own steps."""
        self.first_fault_ms = -1
        """When the first fault of the plan began; -1: there was none."""
        self.servers = Kept()
        self.deeds = Kept()
        """What drivers asked for while their charger had lost its server, and mains lost then by no step of the plan."""
        self.traffic = Kept(_MOST_TRAFFIC)
        """Cars that came and left meanwhile."""
        self.drained_ms = -1
        """When the last message of a transaction was taken in that was older than its charger's recovery; -1: there was none."""
        self.queued = 0
        """How many such messages there were."""
        self.settled: Settled | None = None
        """When all was settled last; of a log, when the last charger was that was."""
        self.overrides_after = 0
        """Overrides that the server accepted of drivers whose charger was back."""
        self.sessions = 0
        self.sessions_affected = 0
        """Stays of a car, a part of which lay in an outage, blips apart."""
        self._chargers: dict[str, _Charger] = {}
        self._begun: dict[str, int] = {}
        self._handlers: dict[type[AnyRecord], Callable[[Any], None]] = {
            Loss: self._loss, Link: self._link, Recovery: self._recovery, PlugIn: self._plug_in, Stay: self._stay, Action: self._action,
            Power: self._power, Message: self._message, Fault: self._fault, Server: self.servers.add, Settled: self._settled,
        }  # fmt: skip

    def feed(self, batch: Sequence[AnyRecord]) -> None:
        """Take in a batch of records, in canonical order."""
        handlers = self._handlers
        for record in batch:
            handler = handlers.get(type(record))
            if handler is not None:
                handler(record)

    def close(self) -> None:
        """The run is over, or was cut off: who has not come back has no blip."""
        for charger in self._chargers.values():
            if charger.wave is not None:
                self._outage_counts(charger)
            self.sessions_affected += charger.connected and charger.affected
        for wave in self.waves.values():
            wave.noticed_ms.sort()  # they came in the order of recoveries

    def _of(self, who: str) -> _Charger:
        found = self._chargers.get(who)
        if found is None:
            self._chargers[who] = found = _Charger()
        return found

    def _loss(self, record: Loss) -> None:
        charger = self._of(record.who)
        charger.wave = self.waves.setdefault((record.step, record.cause), Wave(record.step, record.cause, record.t))
        charger.noticed_ms = -1

    def _link(self, record: Link) -> None:
        charger = self._of(record.who)
        # A station without power, or that restarts, drops its link without having noticed anything.
        if charger.wave is not None and record.state == "offline" and charger.noticed_ms < 0 and record.cause not in ("power", "reboot"):
            charger.noticed_ms = record.t

    def _recovery(self, record: Recovery) -> None:
        charger = self._of(record.who)
        wave = charger.wave
        if wave is None:
            return
        if not record.blip:
            self._outage_counts(charger)
            wave.back_ms.append(record.t)
            charger.back_ms = record.t
        charger.passed = 0
        charger.wave = None

    def _outage_counts(self, charger: _Charger) -> None:
        """It is no blip: those who lived through it are counted."""
        assert charger.wave is not None
        charger.wave.lost += 1
        if charger.noticed_ms >= 0:
            charger.wave.noticed_ms.append(charger.noticed_ms)
        self.sessions_affected += charger.passed
        charger.affected = charger.affected or charger.connected

    def _plug_in(self, record: PlugIn) -> None:
        charger = self._of(record.who)
        self.sessions += 1
        charger.connected, charger.affected = True, False
        if charger.wave is not None:
            self.traffic.add(record)

    def _stay(self, record: Stay) -> None:
        charger = self._of(record.who)
        if charger.affected:
            self.sessions_affected += 1
        elif charger.wave is not None:
            charger.passed += 1
        charger.connected = charger.affected = False
        if charger.wave is not None and record.ended != "run-over":
            self.traffic.add(record)

    def _action(self, record: Action) -> None:
        charger = self._of(record.who)
        if charger.wave is not None:
            self.deeds.add(record)
        elif charger.back_ms >= 0 and record.action == "override" and record.outcome == "accepted":
            self.overrides_after += 1

    def _power(self, record: Power) -> None:
        charger = self._of(record.who)
        if record.state == "off" and charger.wave is not None and not charger.cut:
            self.deeds.add(record)

    def _message(self, record: Message) -> None:
        if record.action in _OF_A_TRANSACTION and not record.repeat and record.at < self._of(record.who).back_ms:
            self.drained_ms = record.t
            self.queued += record.count

    def _fault(self, record: Fault) -> None:
        if record.who:
            if record.do == "station.power-cut":
                self._of(record.who).cut = record.edge == "start"
        elif not record.do.startswith("driver.") and record.edge in ("start", "end"):
            if record.edge == "start":
                self._begun[record.step] = record.t
                if self.first_fault_ms < 0 and record.do not in RESPONSES:
                    self.first_fault_ms = record.t
            elif self._begun.get(record.step) == record.t:
                return  # an instant: that it began says it all
            self.steps.add(record)

    def _settled(self, record: Settled) -> None:
        self.settled = record
