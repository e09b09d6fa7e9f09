"""From a log of OCPP frames to the scenario and the records of a journal: who is in it, and what the frames tell of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from harness.journal.records import AnyRecord, Record
from harness.scenario import load, loads
from harness.scenario.calendar import Calendar
from harness.stage.seen.observer import Observer
from harness.stage.seen.station import Station, connector_of
from harness.stage.seen.trace import CALL, Seen, TraceError, Version, milliseconds, read_trace
from harness.values import MOST_DURATION_MS, Chargers, LiveRun, NetworkModel, Period, Scenario, Tariff, VehicleModel
from harness.zones import zone

INFERRED = "inferred"
"""For an outage: it follows from the frames."""
_MODELS: dict[Version, str] = {"1.6": "ocpp16-strict", "2.0.1": "ocpp201"}
_UNKNOWN = "unknown"
_MOST_CONNECTORS = 64
_MINUTE_MS = 60_000
_DAY_MS = 86_400_000

_GENERIC = """\
harness: 1
title: A log of OCPP frames
start: 2026-01-01 00:00
zone: UTC
duration: 1 h
server: csms
network: lte
supply: {voltage: 230 V, phases: 3}
defaults: {car: id-3, tariff: octopus-go}
chargers:
  one: {model: ocpp16-strict}
  two: {model: ocpp201}
plan: []
"""
"""What is taken for known where no scenario says more: the models."""


class LostError(ValueError):
    """A stretch of time that cannot be read; says what was found and what is expected."""


class Imported(NamedTuple):
    """A log as a journal holds it."""

    scenario: Scenario
    how: LiveRun
    records: list[AnyRecord]
    end_ms: int


def import_trace(
    log: str | Path, *, scenario: str | Path | None = None, lost: Sequence[str] = (), warn: Callable[[str], None] = lambda _: None
) -> Imported:  # fmt: skip
    """Read a log and put together what it tells.

    ``scenario`` gives models, tariffs, settings and contracts by the chargers' names. ``lost``: when the server was away, each
    ``FROM..TO`` in ISO 8601. Raises :class:`harness.stage.seen.trace.TraceError`, :class:`harness.ScenarioError`, :class:`LostError`
    and :class:`OSError`.
    """
    spans = [_span(text) for text in lost if text != INFERRED]
    frames = read_trace(log, warn=warn)
    start = frames[0].at // _MINUTE_MS * _MINUTE_MS
    end_ms = frames[-1].at - start
    if end_ms >= MOST_DURATION_MS:
        first, last = (datetime.fromtimestamp(frame.at / 1000, UTC).date().isoformat() for frame in (frames[0], frames[-1]))
        raise LostError(f"{log}: the frames are from {first} to {last}, expected at most {MOST_DURATION_MS // _DAY_MS} days")
    versions: dict[str, Version] = {}
    connectors: dict[str, dict[int, None]] = {}
    for frame in frames:
        versions.setdefault(frame.charger, frame.version)
        if frame.up and frame.kind == CALL and (number := connector_of(frame.payload)):
            connectors.setdefault(frame.charger, {})[number] = None
    for charger, numbers in connectors.items():
        if len(numbers) > _MOST_CONNECTORS:
            raise TraceError(f"{log}: {charger} has {len(numbers)} connectors, expected at most {_MOST_CONNECTORS}")
    names = {charger: _named(charger, sorted(connectors.get(charger, {}))) for charger in versions}
    resolved = _scenario(Path(log), scenario, start, end_ms + 1, versions, names)
    away = [(begins - start, ends - start) for begins, ends in spans]
    protocols = sorted({f"ocpp{version}" for version in versions.values()})
    how = LiveRun(
        speed=1, skipped_idle=False, through="nothing", protocols=tuple(protocols),
        peer="log", frames=len(frames), lost="told" if spans else "inferred",
    )  # fmt: skip
    return Imported(resolved, how, _observed(resolved, names, frames, start, away), end_ms + 1)


def _named(charger: str, connectors: list[int]) -> dict[int, str]:
    """Connector → the name of what stands for it in the journal: the charger itself, if it has only one."""
    return {number: f"{charger}:{number}" for number in connectors} if len(connectors) > 1 else {1: charger}


def _span(text: str) -> tuple[int, int]:
    """A stretch ``FROM..TO`` in ms since 1970."""
    first, dots, last = text.partition("..")
    expected = "FROM..TO in ISO 8601, such as 2026-03-12T19:30Z..2026-03-12T21:30Z"
    try:
        begins, ends = (_instant(part) for part in (first, last))
    except ValueError:
        raise LostError(f"found {text!r} as an outage, expected {expected}") from None
    if not dots or begins >= ends:
        raise LostError(f"found {text!r} as an outage, which ends before it begins, expected {expected}")
    return begins, ends


def _instant(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return milliseconds(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def _since(start: int) -> Callable[[Any], int | None]:
    """Reads OCPP's times, as ms since ``start``."""

    def since(text: Any) -> int | None:
        try:
            return _instant(text) - start
        except (TypeError, ValueError):
            return None

    return since


def _observed(
    scenario: Scenario, names: dict[str, dict[int, str]], frames: list[Seen], start: int, away: list[tuple[int, int]]
) -> list[AnyRecord]:  # fmt: skip
    """What the frames tell of each charger, in the order of a journal."""
    found: list[tuple[int, int, int, AnyRecord]] = []

    def emit(place: int, record: Record) -> None:
        found.append((record.t, place, len(found), record))  # type: ignore[arg-type]

    end_ms = frames[-1].at - start
    observers: dict[str, Observer] = {}
    for place, entry in enumerate(scenario.chargers):
        model = scenario.models[entry.model]
        observers[entry.name] = Observer(place, entry.name, model, emit, since=_since(start), end_ms=end_ms, supply=scenario.supply)
    stations = {
        charger: Station({number: observers[name] for number, name in connectors.items()}) for charger, connectors in names.items()
    }  # fmt: skip
    for station in stations.values():
        for span in away:
            station.away(*span)
    for frame in frames:
        _feed(stations[frame.charger], frame, frame.at - start)
    for station in stations.values():
        station.finish(end_ms)
    return [record for *_, record in sorted(found, key=lambda entry: entry[:3])]


def _feed(station: Station, frame: Seen, now: int) -> None:
    payload = None if frame.error else frame.payload
    if frame.kind == CALL:
        called = station.call if frame.up else station.command
        called(now, frame.action, frame.payload, frame.id)
    elif frame.up:
        station.command_answered(now, frame.action, payload, frame.id)
    else:
        station.answered(now, frame.action, payload, frame.id)


# The scenario.


def _scenario(
    log: Path, source: str | Path | None, start: int, duration_ms: int, versions: dict[str, Version], names: dict[str, dict[int, str]]
) -> Scenario:  # fmt: skip
    """The scenario of a journal that is imported: no plan, and the chargers that the log names."""
    if source is None:
        base = loads(_GENERIC, _name(log))
    else:
        own = load(source)
        minutes = -(-max(duration_ms, own.duration_ms) // _MINUTE_MS)
        local = datetime.fromtimestamp(start / 1000, zone(own.zone)).isoformat(" ", "minutes")
        base = load(source, overrides=[f"start={local[:-6]} {local[-6:]}", f"duration={minutes} min"])
    begins = datetime.fromtimestamp(start / 1000, UTC)
    given = {member: entry for entry in base.chargers for member in entry.members()} if source is not None else {}
    models, entries = dict(base.models), []
    generic = loads(_GENERIC, "generic").models
    for charger, version in versions.items():
        entry = given.get(charger)
        if entry is None:
            model = _MODELS[version]
            models.setdefault(model, generic[model])
            entry = Chargers(name=charger, model=model, network=_UNKNOWN, car=_UNKNOWN, tariff=_UNKNOWN)
        entries += [replace(entry, name=name, count=0, driver="", sessions=(), shard=None) for name in names[charger].values()]
    title = f"A log of OCPP frames: {log.name}"
    return replace(
        base, name=_name(log), title=title if source is None else f"{base.title}: {log.name}", start=f"{begins:%Y-%m-%dT%H:%M:%SZ}",
        duration_ms=duration_ms, server=replace(base.server, shards=1), models={entry.model: models[entry.model] for entry in entries},
        networks={**base.networks, _UNKNOWN: NetworkModel(name=_UNKNOWN, title="An unknown network", latency_ms=1000)},
        vehicles={**base.vehicles, _UNKNOWN: VehicleModel(name=_UNKNOWN, title="An unknown car", usable_wh=100_000, ac_w=22_000, phases=3)},
        tariffs={**(base.tariffs if source is not None else {}), _UNKNOWN: _flat(duration_ms)}, drivers={},
        local_days=Calendar(zone(base.zone), start // 1000).local_days(duration_ms), chargers=tuple(entries), circuits=(), plan=(),
    )  # fmt: skip


def _flat(duration_ms: int) -> Tariff:
    """A tariff that nobody knows."""
    edges = (-_DAY_MS, duration_ms + _DAY_MS)
    return Tariff(
        name=_UNKNOWN, currency="", levels=(_UNKNOWN,), periods=tuple(Period(start_ms=at, level=_UNKNOWN, microprice=0) for at in edges)
    )  # fmt: skip


def _name(log: Path) -> str:
    """A scenario's name, of the file's: what a folder can be called, too."""
    stem = log.name.removesuffix(".gz")
    stem = stem.rpartition(".")[0] or stem
    return "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in stem).strip("-") or "log"
