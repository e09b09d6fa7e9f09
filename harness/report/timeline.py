"""What happened to some chargers, told record by record in the words of witnesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.journal.records import AnyRecord, Fault
from harness.report.clock import Clock
from harness.report.outcome import stations_text
from harness.report.words import tell
from harness.values import LiveRun, Scenario

_TIME_COLUMN = 16


def whose(scenario: Scenario, wanted: Iterable[str]) -> list[str]:
    """The chargers that names stand for: a crowd's name for its members, no name for all chargers that are not of a crowd.

    Raises :class:`KeyError` with the first name that is neither a charger's nor a crowd's.
    """
    entries = {entry.name: entry.members() for entry in scenario.chargers}
    everyone = set(scenario.names())
    found: list[str] = []
    for name in wanted:
        if name not in entries and name not in everyone:
            raise KeyError(name)
        found += entries.get(name, [name])
    return found or [entry.name for entry in scenario.chargers if not entry.count]


def head(scenario: Scenario, live: LiveRun | None, names: Sequence[str]) -> Iterator[str]:
    """By which clocks the times are told, and under which station ids these chargers were on the wire, where those are not their names."""
    yield Clock(scenario).introduction()
    if stations := stations_text(live, names):
        yield stations


def lines(scenario: Scenario, records: Iterable[AnyRecord], names: Iterable[str]) -> Iterator[str]:
    """One line for each event of these chargers and of the world (the server, the steps of the plan), in the journal's order."""
    clock = Clock(scenario)
    shown = {*names, ""}
    column = max(len(name) for name in shown)
    for record in records:
        if record.who not in shown or (isinstance(record, Fault) and record.who and not record.do.startswith("message.")):
            continue  # that a step concerns a charger is told once, by the step itself
        yield f"{clock.tell(record.t):{_TIME_COLUMN}}  {record.who:{column}}  {tell(record, clock)}"
