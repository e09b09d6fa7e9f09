"""The outage of a run in one line, counted while the records go by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.fault import KINDS, RESPONSES
from harness.journal.records import AnyRecord, Books, Fault, Loss, Measured, Recovery, Station
from harness.report.clock import Clock
from harness.units import counted, format_duration_ms, joined, times, unit_for
from harness.values import Scenario

_STEPS_NAMED = 2
_STRUCK_NAMED = 4
"""So many chargers and kinds of fault are named where no charger lost its server."""
_MEASURED_NAMED = 4
_KEEPS_WAITING = frozenset(name for name, kind in KINDS.items() if kind.keeps_waiting)


@dataclass(slots=True)
class Outline:
    """What a run's outages were. :meth:`feed` it all batches, :meth:`close` it with the end of the run."""

    outages: int = 0
    blips: int = 0
    longest_ms: int = 0
    unrecovered: int = 0
    """Chargers without their server when the run ended."""
    chargers: set[str] = field(default_factory=set)
    """Who lost its server, blips apart."""
    causes: dict[str, str] = field(default_factory=dict)
    """Step → its kind, of the steps that took a server away, in order, and of those under which links left online; a loss without either is
    its own cause."""
    edges: dict[str, list[int]] = field(default_factory=dict)
    """Step → when it began and, where it did, ended; for each time that it acted."""
    driver_steps: dict[str, int] = field(default_factory=dict)
    """Step of a driver → when it fired, which is what the twin keeps."""
    struck: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    """Step of a fault → its kind, and the chargers that it struck by name: the first of them, and one more where there are more."""
    responses: dict[str, str] = field(default_factory=dict)
    """Step of responders → its kind."""
    measured: dict[str, Measured] = field(default_factory=dict)
    """Step of a network fault → what a probe met under it first."""
    stations: dict[str, str] = field(default_factory=dict)
    """Charger of somebody's own → what it said it is."""
    books: Books | None = None
    """How the books of somebody's own server could be read, where they were."""
    end_ms: int = 0
    _open: dict[str, int] = field(default_factory=dict)
    _waiting: dict[str, str] = field(default_factory=dict)
    """The steps that keep chargers waiting now, and their kinds."""

    def feed(self, batch: Sequence[AnyRecord]) -> None:
        """Take in a batch of records."""
        for record in batch:
            if type(record) in _COUNTED:  # one look-up: nearly all records are of other kinds
                _COUNTED[type(record)](self, record)

    def close(self, end_ms: int) -> None:
        """The run is over: who is still without its server counts as an outage up to here."""
        self.end_ms = end_ms
        for who, since_ms in self._open.items():
            self._count(who, end_ms - since_ms)
        self.unrecovered = len(self._open)
        self._open = {}

    def sentence(self, scenario: Scenario) -> str:
        """The outage in one line, with what responders did, and of a live run what was measured under its network faults."""
        return " ".join(filter(None, (self._outage_told(scenario), self._responses_told(), self._measured_told())))

    def _outage_told(self, scenario: Scenario) -> str:
        blips = counted(self.blips, "blips")
        if not self.outages:
            lost = f"No charger lost its server{f' for longer than a blip ({blips})' if self.blips else ''}."
            return " ".join([lost, *self._struck_told(scenario)])
        clock = Clock(scenario)
        named = [self._told(step, kind, clock) for step, kind in list(self.causes.items())[:_STEPS_NAMED]]
        more = len(self.causes) - len(named)
        what = ", ".join(named) + (f" and {more} more" if more else "")
        whose = "its" if len(self.chargers) == 1 else "their"
        who = f"{len(self.chargers)} of {counted(len(scenario.names()), 'chargers')} lost {whose} server"
        often = f" {times(self.outages)}" if self.outages > len(self.chargers) else ""
        end = f", {self.unrecovered} to the end" if self.unrecovered else ""
        told = f"{what}: {who}{often}, at the longest for {_rounded(self.longest_ms)}{end}{f', {blips}' if self.blips else ''}."
        return " ".join([told, *self._struck_told(scenario, family="message."), *self._acted_told()])

    def _acted_told(self) -> list[str]:
        """What else acted on server and path beside the steps that took the server away."""
        near = (kind for kind, _ in self.struck.values() if kind.startswith(("server.", "network.")))
        kinds = dict.fromkeys(kind for kind in near if kind not in self.causes.values())
        return [f"Beside it: {joined(list(kinds))}."] if kinds else []

    def _responses_told(self) -> str:
        kinds = dict.fromkeys(self.responses.values())
        return f"Responders: {joined(list(kinds))}." if kinds else ""

    def _lost(self, record: Loss) -> None:
        self._open[record.who] = record.t
        own = {record.step or record.cause: record.cause}
        for step, kind in (own if record.step else self._waiting or own).items():
            self.causes.setdefault(step, kind)

    def _recovered(self, record: Recovery) -> None:
        self._open.pop(record.who, None)
        if record.blip:
            self.blips += 1
        else:
            self._count(record.who, record.t - record.since)

    def _took_measure(self, record: Measured) -> None:
        if record.call == "add":
            self.measured.setdefault(record.step, record)

    def _measured_told(self) -> str:
        named = list(self.measured.values())[:_MEASURED_NAMED]
        beyond = len(self.measured) - len(named)
        more = f"; and {beyond} more" if beyond else ""
        return f"Measured: {'; '.join(map(_what_was_met, named))}{more}." if named else ""

    def _registered(self, record: Station) -> None:
        firmware = f" (firmware {record.firmware})" if record.firmware else ""
        self.stations[record.who] = f"{record.vendor} {record.model}{firmware}".strip()

    def _read_books(self, record: Books) -> None:
        self.books = record

    def _step(self, record: Fault) -> None:
        if not (record.do.startswith("driver.") or record.do in RESPONSES):
            self._note_struck(record)
        if record.who:
            return
        if record.do in RESPONSES:
            self._note_response(record)
        if record.edge in {"start", "end"}:
            self.edges.setdefault(record.step, []).append(record.t)
        if record.do in _KEEPS_WAITING and record.edge == "start":
            self._waiting[record.step] = record.do
        elif record.edge == "end":
            self._waiting.pop(record.step, None)
        if record.edge == "start" and record.do.startswith("driver."):
            self.driver_steps.setdefault(record.step, record.t)

    def _note_response(self, record: Fault) -> None:
        if record.edge == "start":
            self.responses.setdefault(record.step, record.do)
        elif record.edge == "no-effect":
            self.responses.pop(record.step, None)

    def _note_struck(self, record: Fault) -> None:
        """A step struck a charger when it began to act on it; a message fault of a number of times when the last of them was used up, and
        the loss of settings when they were lost."""
        if not record.who:
            if record.edge == "start":
                self.struck.setdefault(record.step, (record.do, []))
            elif record.edge == "no-effect":
                self.struck.pop(record.step, None)
            return
        names = self.struck.setdefault(record.step, (record.do, []))[1]
        edge = "end" if record.do.startswith("message.") else "struck" if record.do == "server.settings-wiped" else "start"
        if record.edge == edge and len(names) <= _STRUCK_NAMED and record.who not in names:
            names.append(record.who)

    def _struck_told(self, scenario: Scenario, family: str = "") -> list[str]:
        """What struck whom, and how often: a sentence for each kind of fault, or for each of a family."""
        how_often = {step.id: step.times for step in scenario.plan}
        by_kind: dict[str, list[str]] = {}
        for step, (kind, names) in self.struck.items():
            if kind in self.causes.values() or not kind.startswith(family):
                continue  # told already: it is where the blips came from
            count = how_often.get(step)
            often = "" if count is None else f" {times(count)}"
            by_kind.setdefault(kind, []).extend(f"{name}{often}" for name in names)
        told = []
        for kind, whom in list(by_kind.items())[:_STRUCK_NAMED]:
            more = " and more" if len(whom) > _STRUCK_NAMED else ""
            told.append(f"{kind} struck {', '.join(whom[:_STRUCK_NAMED])}{more}." if whom else f"{kind} acted.")
        beyond = len(by_kind) - _STRUCK_NAMED
        return [*told, f"So did {beyond} more {unit_for(beyond, 'kinds')} of fault."] if beyond > 0 else told

    def _count(self, who: str, outage_ms: int) -> None:
        self.outages += 1
        self.chargers.add(who)
        self.longest_ms = max(self.longest_ms, outage_ms)

    def _told(self, step: str, kind: str, clock: Clock) -> str:
        edges = self.edges.get(step)
        if not edges:
            return kind
        lasted = f" for {_rounded(edges[1] - edges[0])}" if len(edges) > 1 else ""
        return f"{kind} {clock.brief(edges[0])}{lasted}"


def _what_was_met(record: Measured) -> str:
    asked = "a new connection" if record.expected == "reset" else "a ping"
    least = f" (at least {record.expected_ms} ms)" if record.expected_ms else ""
    became = {
        "answered": f"came back after {record.real_ms:g} ms{least}", "silent": f"had no answer in {record.real_ms:g} ms",
        "closed": f"was closed after {record.real_ms:g} ms", "reset": f"was reset after {record.real_ms:g} ms",
    }[record.what]  # fmt: skip
    return f"{record.step}, {asked} {became}"


def _rounded(duration_ms: int) -> str:
    """A duration in whole seconds, where it has more than a minute."""
    return format_duration_ms(round(duration_ms, -3) if duration_ms > 60_000 else duration_ms)


_COUNTED: dict[type[AnyRecord], Callable[[Outline, Any], None]] = {
    Loss: Outline._lost,
    Recovery: Outline._recovered,
    Fault: Outline._step,
    Measured: Outline._took_measure,
    Station: Outline._registered,
    Books: Outline._read_books,
}
