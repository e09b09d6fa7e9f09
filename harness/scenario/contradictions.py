"""What a charger model says in one place and takes back in another: fields that do nothing, and promises that its own fields break."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.values import ChargerModel, TagRefused

Where = tuple[str, ...]
"""The keys that lead to a place in a model's file."""
Holds = Callable[[ChargerModel], bool]


def _tou(*kinds: str) -> Holds:
    return lambda model: model.tou in kinds


def _cleared(cell: str, event: str) -> Holds:
    return lambda model: event in getattr(model.memory, cell)


_NEVER_TRIGGERED: dict[str, tuple[Holds, str]] = {
    "hold-ends-on-time": (_tou("hold"), "only a charger with `tou: hold` is given holds that end"),
    "unplug-clears-schedule": (
        _tou("hold", "pause"), "it takes a hold or pause of the server; of a stored schedule `unscheduled-after-power-cut` says it"
    ),
    "hold-lifted-after-loss": (_tou("hold", "pause"), "it takes a hold or pause of the server"),
    "schedule-runs-offline": (_tou("schedule"), "only a charger with `tou: schedule` stores one"),
    "schedule-survives-power-cycle": (_tou("schedule"), "only a charger with `tou: schedule` stores one"),
    "unscheduled-after-power-cut": (_tou("hold", "pause", "schedule"), "it takes time-of-use charging, and `tou: none` knows none"),
    "tou-suspended": (_tou("hold", "pause", "schedule"), "it takes time-of-use charging, and `tou: none` knows none"),
    "override-needed-after-recovery": (_tou("hold", "pause", "schedule"), "it takes time-of-use charging, and `tou: none` knows none"),
    "override-kept": (_tou("hold", "pause", "schedule"), "it takes time-of-use charging, and `tou: none` knows none"),
    "offline-limit-applies": (
        lambda model: model.server_loss.limit in ("offline-amperage", "lowest"), "it takes `limit: offline-amperage` or `lowest`"
    ),
    "replug-overrides": (
        lambda model: model.tou == "schedule" and model.override_by_replug is not None,
        "it takes a stored schedule (`tou: schedule`) and an `override_by_replug`",
    ),
    "random-delay-at-return": (lambda model: model.power_up.delay_at_return, "it takes `delay_at_return: true` under `power_up`"),
    "random-delay-applied": (lambda model: model.power_up.random_delay_ms > 0, "it takes a `random_delay`"),
    "offline-flag": (lambda model: model.protocol == "ocpp2.0.1", "only OCPP 2.0.1 has the flag"),
    "no-sequence-gap": (lambda model: model.protocol == "ocpp2.0.1", "only OCPP 2.0.1 numbers its messages so"),
}  # fmt: skip
"""Check → what a charger must be for anything to trigger it, and why."""

_BROKEN: tuple[tuple[str, Holds, str], ...] = (
    (
        "can-always-charge", lambda model: model.tou == "schedule" and "server-loss" not in model.memory.schedule,
        "it promises current whatever the tariff says, but with `tou: schedule` the stored schedule goes on holding cars without the"
        " server: `schedule-runs-offline` says that",
    ),
    (
        "tou-suspended", lambda model: model.tou == "schedule" and "server-loss" not in model.memory.schedule,
        "the stored schedule goes on holding cars without the server",
    ),
    ("schedule-runs-offline", _cleared("schedule", "server-loss"), "`memory.schedule` is cleared by `server-loss`"),
    ("schedule-survives-power-cycle", _cleared("schedule", "power-cycle"), "`memory.schedule` is cleared by `power-cycle`"),
    (
        "unscheduled-after-power-cut", lambda model: model.tou == "schedule" and "power-cycle" not in model.memory.schedule,
        "`memory.schedule` is not cleared by `power-cycle`",
    ),
    (
        "unplug-clears-schedule", lambda model: model.tou in ("hold", "pause") and "power-cycle" not in model.memory.hold,
        "`memory.hold` is not cleared by `power-cycle`",
    ),
    ("hold-ends-on-time", _cleared("hold", "server-loss"), "`memory.hold` is cleared by `server-loss`, before the hold's own end"),
    (
        "hold-lifted-after-loss", lambda model: model.tou in ("hold", "pause") and "server-loss" not in model.memory.hold,
        "`memory.hold` is not cleared by `server-loss`",
    ),
    ("settings-remembered", _cleared("wire_rating", "power-cycle"), "`memory.wire_rating` is cleared by `power-cycle`"),
    ("settings-remembered", _cleared("group_share", "power-cycle"), "`memory.group_share` is cleared by `power-cycle`"),
)  # fmt: skip
"""A check, what about a charger breaks it, and how to say so."""


def _about_tags(model: ChargerModel) -> Iterator[tuple[Where, str]]:
    """Fields about tags that do nothing."""
    asks, rules = model.authorisation == "required", model.server_loss
    if model.tag_refused != TagRefused() and not asks:
        yield ("tag_refused",), "`tag_refused` without `authorisation: required`: the server is told of no tag that it could refuse"
    for key, says in (("cached_tags", rules.cached_tags), ("unknown_tag", rules.unknown_tag != "waits")):
        if says and not (asks and rules.new_car == "local-list"):
            yield ("server_loss", key), f"`{key}` counts only with `authorisation: required` and `new_car: local-list`"
    if model.memory.authorisation_cache and not rules.cached_tags:
        yield ("memory", "authorisation_cache"), "`memory.authorisation_cache` is not used without `cached_tags` under `server_loss`"


def contradictions(model: ChargerModel, offline_amperage_ma: int | None) -> Iterator[tuple[Where, str]]:
    """All contradictions of a model: where, and what it is. ``offline_amperage_ma`` is what is stored in the charger."""
    if model.server_loss.limit in ("offline-amperage", "lowest") and not offline_amperage_ma:
        yield ("server_loss", "limit"), "`limit: offline-amperage` without an `offline_amperage` under `ratings` limits nothing"
    orders, schedule = model.memory.hold, model.memory.schedule
    if model.tou in {"hold", "pause"} and schedule and not orders:
        yield ("memory",), f"`tou: {model.tou}` is kept in `memory.hold`, which nothing clears here; `memory.schedule` is not used"
    if model.tou == "schedule" and orders and not schedule:
        yield ("memory",), "`tou: schedule` is kept in `memory.schedule`, which nothing clears here; `memory.hold` is not used"
    yield from _about_tags(model)
    for name in model.contract:
        where = ("contract", name)
        triggered, why = _NEVER_TRIGGERED.get(name, (None, ""))
        if triggered is not None and not triggered(model):
            yield where, f"nothing can trigger `{name}` here: {why}"
            continue
        for check, broken, why in _BROKEN:
            if check == name and broken(model):
                yield where, f"`{name}` is promised and cannot hold: {why}"
