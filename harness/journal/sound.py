"""What must hold of a journal beyond the types of its lines, so that nothing that reads one needs to doubt it.

A journal may come from anywhere: copied, cut, edited. What :mod:`harness.journal.writer` wrote is sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from harness.journal.records import AnyRecord, Moved, Server
from harness.values import MOST_CHARGERS, MOST_DURATION_MS, Scenario
from harness.zones import zone


def unsound_scenario(scenario: Scenario) -> str:
    """What is wrong with a header's scenario; empty: nothing."""
    return next(_doubts(scenario), "")


def _doubts(scenario: Scenario) -> Iterator[str]:
    if sum(max(1, entry.count) for entry in scenario.chargers) > MOST_CHARGERS or not scenario.chargers:
        yield f"found no chargers or too many, expected 1 to {MOST_CHARGERS}"
    if not 0 < scenario.duration_ms <= MOST_DURATION_MS:
        yield f"found a duration of {scenario.duration_ms} ms, expected at most {MOST_DURATION_MS}"
    try:
        zone(scenario.zone)
    except KeyError:
        yield f"found the zone {scenario.zone!r}, which there is not"
    try:
        if datetime.fromisoformat(scenario.start).tzinfo is None:
            yield f"found the start {scenario.start!r}, expected one with its offset from UTC"
    except ValueError:
        yield f"found the start {scenario.start!r}, expected ISO 8601"
    server = scenario.server
    if min(server.shards, server.accepts_per_s, server.answers_per_s, scenario.supply.voltage_v, scenario.supply.phases) < 1:
        yield "found a server or a supply of nothing"
    for entry in scenario.chargers:
        named = (
            ("model", entry.model, scenario.models), ("network", entry.network, scenario.networks), ("car", entry.car, scenario.vehicles),
            ("tariff", entry.tariff, scenario.tariffs),
        )  # fmt: skip
        for kind, name, known in named:
            if name not in known:
                yield f"found the {kind} {name!r} of {entry.name!r}, which the header does not hold"
        if entry.shard is not None and not 1 <= entry.shard <= server.shards:
            yield f"found {entry.name!r} on shard {entry.shard} of {server.shards}"
    for tariff in scenario.tariffs.values():
        if not tariff.periods or not tariff.levels:
            yield f"found the tariff {tariff.name!r} without periods"
    names = scenario.names()
    if len(set(names)) < len(names):
        yield "found two chargers of one name"


class Order:
    """Follows the records of one journal and says what is wrong with one."""

    def __init__(self, scenario: Scenario) -> None:
        self._known = {"", *scenario.names()}
        self._shards = scenario.server.shards
        self._end_ms = scenario.duration_ms
        self.last_ms = 0

    def unsound(self, batch: Sequence[AnyRecord]) -> tuple[int, str] | None:
        """The place in the batch of the first record that cannot be, and why; None: there is none."""
        last_ms, end_ms, known = self.last_ms, self._end_ms, self._known
        for place, record in enumerate(batch):
            t = record.t
            if not last_ms <= t <= end_ms:
                return place, f"found the time {t}, expected one from {last_ms} (the record before) to {end_ms} (the end of the run)"
            if record.who not in known:
                return place, f"found the charger {record.who!r}, which the header does not hold"
            if type(record) in _OF_SHARDS and not 1 <= record.shard <= self._shards:  # type: ignore[union-attr]
                return place, f"found shard {record.shard} of {self._shards}"  # type: ignore[union-attr]
            last_ms = t
        self.last_ms = last_ms
        return None


_OF_SHARDS = (Server, Moved)
