"""What must hold of a journal beyond the types of its lines, so that nothing that reads one needs to doubt it.

A journal may come from anywhere: copied, cut, edited. What :mod:`harness.journal.writer` wrote is sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from harness.journal.records import AnyRecord, Attempts, Books, Fault, Finding, Measured, Moved, Proxied, Server, Settled
from harness.values import MOST_CHARGERS, MOST_DURATION_MS, MOST_SHARDS, Scenario
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
    if server.shards > MOST_SHARDS:
        yield f"found {server.shards} shards, expected at most {MOST_SHARDS}"
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
        self._known = set(scenario.names())
        self._shards = scenario.server.shards
        self._end_ms = scenario.duration_ms
        self._doubts: dict[type[AnyRecord], Callable[[Any], str]] = {Server: self._shard, Moved: self._shard, Attempts: self._attempts}
        self.last_ms = 0

    def unsound(self, batch: Sequence[AnyRecord]) -> tuple[int, str] | None:
        """The place in the batch of the first record that cannot be, and why; None: there is none."""
        last_ms, end_ms, known, doubts = self.last_ms, self._end_ms, self._known, self._doubts
        for place, record in enumerate(batch):
            t = record.t
            if not last_ms <= t <= end_ms:
                return place, f"found the time {t}, expected one from {last_ms} (the record before) to {end_ms} (the end of the run)"
            if record.who not in known:
                if record.who:
                    return place, f"found the charger {record.who!r}, which the header does not hold"
                if type(record) not in _OF_THE_RUN:
                    return place, f"found {type(record).__struct_config__.tag!r} of no charger, expected whose it is"
            doubt = doubts.get(type(record))
            if doubt is not None and (wrong := doubt(record)):
                return place, wrong
            last_ms = t
        self.last_ms = last_ms
        return None

    def _shard(self, record: Server | Moved) -> str:
        return "" if 1 <= record.shard <= self._shards else f"found shard {record.shard} of {self._shards}"

    def _attempts(self, record: Attempts) -> str:
        if 0 <= record.first <= record.last <= record.t and record.count > 0:
            return ""
        return f"found {record.count} attempts from {record.first} to {record.last}, expected some until {record.t} (now)"


_OF_THE_RUN = (Fault, Server, Settled, Finding, Books, Proxied, Measured)
"""The kinds of record that may be of no charger."""
