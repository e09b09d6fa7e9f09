"""What an owner asks about an outage, and the answers, each made from what cars went through in a run and from nothing else.

The cars are those of one model in the scenario `the-makers-compared`, by their role there: `charging`, `held`, `arrives` …
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.report.observed import NEVER, Car
from harness.units import format_current, format_duration_ms

Cars = Mapping[str, Car]
SOON_MS = 15 * 60_000
"""A start within this is one at once: it takes boot, the car's handshake and the longest usual random delay."""
AT_RETURN_MS = 60_000
"""By then a server that is back has said again what it stores."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question in an owner's words, and what answers it."""

    key: str
    brief: str
    asks: str
    roles: tuple[str, ...]
    """The cars that show the answer; those that a model has of them."""
    checks: tuple[str, ...]
    """The checks that speak of it, where a contract has them."""
    paths: Callable[[Car], tuple[str, ...]]
    """The statements of the model that the answer follows from."""
    answer: Callable[[Cars], str]
    otherwise: tuple[str, ...] = ()
    """The checks that speak of it where none of those was exercised."""


def _goes_on(cars: Cars) -> str:
    car = cars["charging"]
    before = car.ma(car.lost_ms)
    if not before:
        return "not shown: it did not charge before"
    leaves = car.over_ms if car.unplugged_ms == NEVER else min(car.over_ms, car.unplugged_ms)
    stopped = car.first(car.lost_ms, leaves, draws=False)
    if stopped is not None:
        return "yes, until full" if stopped == car.full_ms else f"no: stops after {_lasting(stopped - car.lost_ms)}"
    noticed = car.ma(min(car.lost_ms + car.model.link.noticing_ms, car.over_ms - 1))
    return "yes, as before" if noticed == before else f"yes, at {_amps(noticed)}"


def _new_car(cars: Cars) -> str:
    known = _comes(cars["arrives"])
    if "stranger" not in cars:
        return known
    unknown = _comes(cars["stranger"])
    if unknown == known:
        return f"{known}, whatever the card"
    return f"{known}; unknown card: {unknown.partition(':')[0]}"


def _comes(car: Car) -> str:
    first = car.first(car.plugged_ms, car.over_ms)
    if first is None:
        later = car.first(car.over_ms, car.end_ms)
        return "no: not until the server is back" if later is not None else "no: refused"
    closes = car.closes_after(car.plugged_ms)
    if first - car.plugged_ms <= SOON_MS:
        return "yes, at once"
    return "yes, in the cheap hours" if closes is not None and first >= closes else f"yes, after {_lasting(first - car.plugged_ms)}"


def _hours(cars: Cars) -> str:
    car = cars.get("held")
    if car is None:
        always = cars["charging"].first(cars["charging"].lost_ms, cars["charging"].over_ms, draws=False) is None
        return "none in it: charges at any price" if always else "none in it"
    closes = car.closes_after(car.lost_ms)
    if car.ma(car.lost_ms) or closes is None:
        return "not shown: it did not wait before"
    first = car.first(car.lost_ms, car.over_ms)
    if first is None:
        return "no: waits in cheap hours, too"
    if first < closes:
        return "no: charges at any price"
    dear = car.opens_after(closes)
    if dear is not None and not car.ma(dear + AT_RETURN_MS):
        return "yes: stored schedule runs on"
    return "no: only a wait already ordered"


def _pause(cars: Cars) -> str:
    car = cars["paused"]
    if car.ma(car.lost_ms):
        return "not shown: it was not paused"
    first = car.first(car.lost_ms, car.over_ms)
    return "no: stays paused" if first is None else f"yes, {_lasting(first - car.lost_ms)} after the loss"


def _plug(cars: Cars) -> str:
    car = cars["unplugged"]
    return _helped(car, car.dark_ms, car.powered_ms)


def _replug(cars: Cars) -> str:
    car = cars["replugged"]
    return _helped(car, car.unplugged_ms, car.plugged_ms)


def _helped(car: Car, out_ms: int, in_ms: int) -> str:
    """What it did for a car that a plug was pulled and put in again."""
    first = car.first(in_ms, car.over_ms)
    soon = first is not None and first - in_ms <= SOON_MS
    if car.ma(out_ms - 1):
        return "not needed: charges before and after" if soon else "no: it ends the charge"
    return "yes: then charges at once" if soon else "no: waits as before"


def _limit(cars: Cars) -> str:
    car = cars["limited"]
    alone = car.ma(car.dark_ms - 1)
    again = car.ma(min(car.powered_ms + SOON_MS, car.over_ms - 1))
    if again != alone:
        return f"{_amps(alone)}; after a power cut {_amps(again)}"
    return f"{_amps(alone)}{_which(car, alone)}"


def _which(car: Car, ma: int) -> str:
    """Which of the settings a current is."""
    settings, ratings = car.entry.settings, car.model.ratings
    if ma == settings.amperage_ma:
        return ", as set in the app"
    if ma == (settings.wire_rating_ma or ratings.wire_rating_ma):
        return ", all that the wiring bears"
    return ", its offline limit" if ma in {settings.offline_amperage_ma, ratings.offline_amperage_ma, *ratings.offline_amperages_ma} else ""


def _returned(cars: Cars) -> str:
    held = False
    for car in cars.values():
        out_of_turn = car.entry.tou is not None and car.entry.tou.on and car.closes_after(car.over_ms) is not None
        held = held or bool(out_of_turn and car.ma(car.over_ms - 1) and not car.ma(car.over_ms + AT_RETURN_MS))
    delay = _delay(cars["charging"])
    if held:
        return "yes: held again in dear hours" + (f"; a delay of {_lasting(delay)}" if delay else "")
    return f"no, but a delay of {_lasting(delay)}" if delay else "no: charging goes on"


def _delay(car: Car) -> int:
    """For how long a car that was charging and may charge is stopped when the server is back, if it goes on after that."""
    if not car.ma(car.up_ms - 1):
        return 0
    stopped = car.first(car.up_ms, car.over_ms + AT_RETURN_MS, draws=False)
    again = None if stopped is None else car.first(stopped, car.end_ms)
    return 0 if stopped is None or again is None else again - stopped


def _soon(cars: Cars) -> str:
    if any(car.back_ms == NEVER for car in cars.values()):
        return "not in this run"
    slowest = max(car.back_ms - car.up_ms for car in cars.values())
    bounds = [check.margin.bound for car in cars.values() if (check := car.checks.get("reconnects-in-time")) and check.margin]
    within = f"; bound: {_lasting(round(max(bounds) * 1000))}" if bounds else ""
    return f"in {_lasting(slowest)}{within}"


def _lasting(ms: int) -> str:
    """A duration to the second."""
    return format_duration_ms((ms + 500) // 1000 * 1000)


def _amps(ma: int) -> str:
    return format_current(ma)


def _stored(car: Car) -> str:
    return "memory.schedule" if car.model.tou == "schedule" else "memory.hold"


def _offline(car: Car) -> tuple[str, ...]:
    """Where the limit without a server stands, where one applies."""
    if car.model.server_loss.limit not in ("offline-amperage", "lowest"):
        return ()
    return ("ratings.offline_amperages" if car.model.ratings.offline_amperages_ma else "ratings.offline_amperage",)


def _after_replug(car: Car) -> str:
    return "override_by_replug" if car.model.override_by_replug else _stored(car)


QUESTIONS = (
    Question(
        "charging", "car that charges", "Does a car that is charging go on?", ("charging",),
        ("charging-continues", "can-always-charge", "offline-limit-applies"),
        lambda car: ("server_loss.limit", *offline) if (offline := _offline(car)) else (), _goes_on,
    ),
    Question(
        "new-car", "car that comes", "Does a car that comes now charge?", ("arrives", "stranger"),
        (
            "can-always-charge", "new-session-refused-offline", "unknown-tag-charges-offline", "schedule-runs-offline",
            "random-delay-applied",
        ),
        lambda car: ("server_loss.new_car", *(("server_loss.unknown_tag",) if car.model.server_loss.unknown_tag != "waits" else ())),
        _new_car,
    ),
    Question(
        "cheap-hours", "cheap hours", "Do cheap hours (time-of-use) still hold?", ("held",),
        ("schedule-runs-offline", "hold-ends-on-time", "hold-lifted-after-loss", "pause-kept-offline", "tou-suspended"),
        lambda car: ("tou", *(() if car.model.tou == "none" else (_stored(car),))), _hours,
    ),
    Question(
        "pause", "pause", "Does a pause from the app end by itself?", ("paused",),
        ("pause-kept-offline", "hold-lifted-after-loss"), lambda car: ("memory.hold",), _pause,
    ),
    Question(
        "power-cycle", "pull its plug", "Does pulling the station's plug (a power cycle) help?", ("unplugged",),
        ("unplug-clears-schedule", "unscheduled-after-power-cut", "schedule-survives-power-cycle"),
        lambda car: ("power_up.resumes",) if car.model.tou == "none" else (_stored(car),), _plug,
    ),
    Question(
        "replug", "plug in again", "Does plugging the car in again help?", ("replugged",),
        ("replug-overrides", "new-session-refused-offline", "schedule-runs-offline", "can-always-charge"),
        lambda car: ("server_loss.new_car",) if car.model.tou == "none" else (_after_replug(car),), _replug,
    ),
    Question(
        "current", "which current", "Which current limit applies, with 12 A chosen in the app and wiring for 26 A?", ("limited",),
        ("offline-limit-applies", "current-within-limits", "settings-remembered"),
        lambda car: ("server_loss.limit", *_offline(car), "memory.amperage"), _limit,
    ),
    Question(
        "return", "server back", "When the server is back: must the driver override again, is there a random delay?",
        ("charging", "held", "arrives", "unplugged", "replugged"),
        ("override-needed-after-recovery", "random-delay-at-return"),
        lambda car: ("tou", *(("power_up.delay_at_return",) if car.model.power_up.delay_at_return else ())), _returned,
        ("settings-converge",),
    ),
    Question(
        "back-within", "back online", "How soon is it back online, once the server is?",
        ("charging", "held", "arrives", "stranger", "paused", "unplugged", "replugged", "limited"),
        ("reconnects-in-time",), lambda car: ("link.backoff", "link.offline_after"), _soon,
    ),
)  # fmt: skip
