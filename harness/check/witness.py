"""Which records show a violation: what was in force at its trigger, and what happened from there to the violation."""

from __future__ import annotations

from collections.abc import Iterable

from harness.journal.records import (
    Action,
    AnyRecord,
    Command,
    Current,
    Link,
    Loss,
    PlugIn,
    Power,
    Recovery,
    Server,
    Stay,
)  # fmt: skip

MOST = 12
"""As many records as a reader takes in."""
LOG_LENGTH = 16
"""As many as are kept of a charger; of more, those in the middle go."""


def prune(log: list[AnyRecord]) -> None:
    """Shorten a log that has grown too long: how it began is kept, and what came last."""
    del log[LOG_LENGTH // 4 : LOG_LENGTH // 2]


def story(log: Iterable[AnyRecord], began: int, at: int, *, extra: Iterable[AnyRecord | None] = ()) -> list[AnyRecord]:
    """At most :data:`MOST` records that bear on what went wrong between ``began`` and ``at``, in time order.

    They are what was in force at ``began`` and all that happened from then to ``at``, with ``extra`` in any case. Where that is too
    much, what says the least about charging goes first (the station's opinion of its link, a current that only changes its
    strength), and the earliest of that; the first and the last record stay, as do those of both instants.
    """
    given = {id(record): record for record in extra if record is not None}
    known = {id(record): record for record in log if record.t <= at}
    ordered = sorted((known | given).values(), key=_order)
    chosen = {id(record) for record in in_force([record for record in ordered if record.t < began])} | set(given)
    told = [record for record in ordered if record.t >= began or id(record) in chosen]
    kept = {id(record) for record in [*told[:1], *told[-1:]]} | set(given)
    weights = _weights(told)
    droppable = sorted(
        (place for place, record in enumerate(told) if id(record) not in kept),
        key=lambda place: (weights[place] + 3 * (told[place].t in (began, at)), place),
    )
    dropped = set(droppable[: max(0, len(told) - MOST)])
    return [record for place, record in enumerate(told) if place not in dropped]


def _order(record: AnyRecord) -> tuple[int, bool]:
    """The canonical order: what happened to the world comes first in its millisecond."""
    return record.t, record.who != ""


def in_force(before: list[AnyRecord]) -> list[AnyRecord]:
    """Of what came before a trigger, the latest of each kind that still mattered then."""
    latest: dict[str, AnyRecord] = {}
    for record in before:
        kind = _slot(record)
        if kind:
            latest[kind] = record
    loss, server = latest.get("Loss"), latest.get("Server")
    if server is not None and (loss is None or server.t < loss.t):
        del latest["Server"]
    return list(latest.values())


def _slot(record: AnyRecord) -> str:
    """In what place a later record takes over from this one; empty: what is past does not bear on what comes."""
    if isinstance(record, Command):
        return record.command if record.command in ("amperage", "share", "schedule") else "hold"
    if isinstance(record, Power):
        return f"power {record.state}"
    if isinstance(record, PlugIn | Stay):
        return "car"
    if isinstance(record, Current | Loss | Action | Server):
        return type(record).__name__
    return ""


def _weights(told: list[AnyRecord]) -> list[int]:
    """How much each record says about what went wrong."""
    weights, drew = [], -1
    for record in told:
        weight = 2
        if isinstance(record, Current):
            weight = 2 if (record.ma > 0) != drew else 1
            drew = record.ma > 0
        elif isinstance(record, PlugIn | Loss | Recovery | Server) or (isinstance(record, Power) and record.state != "on"):
            weight = 4
        elif isinstance(record, Action) or (isinstance(record, Command) and _slot(record) == "hold"):
            weight = 3
        elif isinstance(record, Link):
            weight = 0
        weights.append(weight)
    return weights
