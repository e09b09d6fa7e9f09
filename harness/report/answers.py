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
DARK_MS = 20_000
"""For so long a station's plug is pulled in the scenario."""
AT_RETURN_MS = 60_000
"""By then a server that is back has said again what it stores."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What happens, and what an owner can do about it."""

    told: str
    advice: tuple[str, ...] = ()
    """Sentences, each of which says when it applies; none where there is nothing to do."""


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
    answer: Callable[[Cars], Answer]
    otherwise: tuple[str, ...] = ()
    """The checks that speak of it where none of those was exercised."""


_PAUSED = "If an outage is announced, do not leave it paused: nothing ended the pause while the server was away."
_UNPAUSED = "If it must not charge, unplug the car: a pause ends by itself once the server is gone."
_NO_HOURS = "To pay less, plug in when energy is cheap: it knows no hours to wait for."
_COMES_DEAR = "To pay less, plug in when energy is cheap: a car that comes without the server does not wait for that."
_STARTS_DEAR = "To pay less, unplug a car that already waits: it starts by itself once the server is gone, at any price."
_GOES_ON_DEAR = "To pay less, unplug when the cheap hours end: a car that waited before goes on in dear ones without the server."


def _goes_on(cars: Cars) -> Answer:
    car = cars["charging"]
    before = car.ma(car.lost_ms)
    if not before:
        return Answer("not shown: it did not charge before")
    leaves = car.over_ms if car.unplugged_ms == NEVER else min(car.over_ms, car.unplugged_ms)
    stopped = car.first(car.lost_ms, leaves, draws=False)
    if stopped is not None:
        if stopped == car.full_ms:
            return Answer("yes, until the car is full")
        return Answer(f"no, it stops after {_lasting(stopped - car.lost_ms)}", ("Do not rely on it while its server is away.",))
    noticed = car.ma(min(car.lost_ms + car.model.link.noticing_ms, car.over_ms - 1))
    if noticed == before:
        return Answer("yes, it goes on as before")
    slower = ("Allow more time: without its server it charges with less current.",) if noticed < before else ()
    return Answer(f"yes, at {_amps(noticed)} instead of {_amps(before)}", slower)


def _new_car(cars: Cars) -> Answer:
    car = cars["arrives"]
    known = _comes(car)
    if "stranger" not in cars:
        return Answer(known, _on_arrival(cars, car))
    unknown = _comes(cars["stranger"])
    if unknown == known:
        return Answer(f"{known}, whatever the card", _on_arrival(cars, car))
    use = "Use a card that the charger knows already: an unknown one is not taken without the server."
    return Answer(f"{known}; unknown card: {unknown.partition(',')[0]}", (*_on_arrival(cars, car), use))


def _comes(car: Car) -> str:
    first = car.first(car.plugged_ms, car.over_ms)
    if first is None:
        later = car.first(car.over_ms, car.end_ms)
        return "no, not until the server is back" if later is not None else "no, it is refused"
    closes = car.closes_after(car.plugged_ms)
    if first - car.plugged_ms <= SOON_MS:
        return "yes, at once" if closes is None else "yes, at once, at any price"
    return "yes, in the cheap hours" if closes is not None and first >= closes else f"yes, after {_lasting(first - car.plugged_ms)}"


def _on_arrival(cars: Cars, car: Car) -> tuple[str, ...]:
    """What who comes in the outage can do."""
    first = car.first(car.plugged_ms, car.over_ms)
    if first is None:
        return ("Charge elsewhere, or wait for the server: it takes no new car without it.",)
    if car.closes_after(car.plugged_ms) is None:
        return ()
    return (_COMES_DEAR,) if first - car.plugged_ms <= SOON_MS else _ways(cars)


def _ways(cars: Cars) -> tuple[str, ...]:
    """What gets a car that waits charged at once: what did so in this run."""
    return (*_pull(cars), *_plug_in_again(cars))


def _pull(cars: Cars) -> tuple[str, ...]:
    return tuple(f"If your car waits and you need it now: {how}." for how in _by_pulling(cars))


def _plug_in_again(cars: Cars) -> tuple[str, ...]:
    return tuple(f"If your car waits and you need it now: {how}." for how in _by_plugging_in(cars))


def _stuck(cars: Cars) -> str:
    """What the owner of a car can do that was held at the loss and does not start by itself."""
    what = "A car that already waits when the server goes does not start by itself, not even in the cheap hours"
    hows = ", or ".join((*_by_pulling(cars), *_by_plugging_in(cars)))
    return f"{what}: to have it charged, {hows}." if hows else f"{what}: if you need it before the server is back, charge elsewhere."


def _by_pulling(cars: Cars) -> tuple[str, ...]:
    return (f"pull the station's plug, or switch off its mains, for {_lasting(DARK_MS)}",) if _helped(*_pulled(cars)) == _YES else ()


def _by_plugging_in(cars: Cars) -> tuple[str, ...]:
    if _helped(*_plugged_again(cars)) != _YES:
        return ()
    order = cars["replugged"].model.override_by_replug
    soon = f" within {_lasting(order.within_ms)}" if order is not None else ""
    return (f"unplug the car and plug it in again{soon}",)


def _hours(cars: Cars) -> Answer:
    car = cars.get("held")
    if car is None:
        always = cars["charging"].first(cars["charging"].lost_ms, cars["charging"].over_ms, draws=False) is None
        serves = cars["arrives"].first(cars["arrives"].plugged_ms, cars["arrives"].over_ms) is not None
        told = "it knows no hours: it charges at any price" if always else "it knows no hours"
        return Answer(told, (_NO_HOURS,) if always and serves else ())
    closes = car.closes_after(car.lost_ms)
    if car.ma(car.lost_ms) or closes is None:
        return Answer("not shown: it did not wait before")
    first = car.first(car.lost_ms, car.over_ms)
    if first is None:
        return Answer("no, it does not start by itself, not even in cheap hours", (_stuck(cars),))
    if first < closes:
        return Answer("no, it starts by itself, at any price", (_STARTS_DEAR,))
    dear = car.opens_after(closes)
    if dear is not None and not car.ma(dear + AT_RETURN_MS):
        return Answer("yes, it keeps to cheap hours by itself", _ways(cars))
    return Answer("only until a wait already ordered is over", (*_ways(cars), _GOES_ON_DEAR))


def _pause(cars: Cars) -> Answer:
    car = cars["paused"]
    if car.ma(car.lost_ms):
        return Answer("not shown: it was not paused")
    first = car.first(car.lost_ms, car.over_ms)
    if first is None:
        return Answer("no, it stays paused", (_PAUSED,))
    return Answer(f"yes, once it notices the loss: here after {_lasting(first - car.lost_ms)}", (_UNPAUSED,))


_YES = "yes, then it charges at once"


def _pulled(cars: Cars) -> tuple[Car, int, int]:
    return cars["unplugged"], cars["unplugged"].dark_ms, cars["unplugged"].powered_ms


def _plugged_again(cars: Cars) -> tuple[Car, int, int]:
    return cars["replugged"], cars["replugged"].unplugged_ms, cars["replugged"].plugged_ms


def _plug(cars: Cars) -> Answer:
    told = _helped(*_pulled(cars))
    return Answer(told, _pull(cars) or (("Leave the station on: a power cut ends the charge.",) if told == _ENDS else ()))


def _replug(cars: Cars) -> Answer:
    told = _helped(*_plugged_again(cars))
    keep = "Do not unplug before you are done: the car would not be charged again without the server."
    return Answer(told, _plug_in_again(cars) or ((keep,) if told == _ENDS else ()))


_ENDS = "no, it ends the charge"


def _helped(car: Car, out_ms: int, in_ms: int) -> str:
    """What it did for a car that a plug was pulled and put in again."""
    first = car.first(in_ms, car.over_ms)
    soon = first is not None and first - in_ms <= SOON_MS
    if car.ma(out_ms - 1):
        return "not needed: it charges before and after" if soon else _ENDS
    return _YES if soon else "no, it waits as before"


def _limit(cars: Cars) -> Answer:
    car = cars["limited"]
    alone = car.ma(car.dark_ms - 1)
    again = car.ma(min(car.powered_ms + SOON_MS, car.over_ms - 1))
    chosen = car.entry.settings.amperage_ma
    safe = (
        ("If your wiring bears less than the charger can draw, have that set in the charger itself: the app's limit is not kept.",)
        if chosen is not None and max(alone, again) > chosen else ()
    )  # fmt: skip
    if again != alone:
        return Answer(f"{_amps(alone)}; after a power cut {_amps(again)}", safe)
    return Answer(f"{_amps(alone)}{_which(car, alone)}", safe)


def _which(car: Car, ma: int) -> str:
    """Which of the settings a current is."""
    settings, ratings = car.entry.settings, car.model.ratings
    if ma == settings.amperage_ma:
        return ", as chosen in the app"
    if ma == (settings.wire_rating_ma or ratings.wire_rating_ma):
        return ", all that the wiring bears"
    return ", its offline limit" if ma in {settings.offline_amperage_ma, ratings.offline_amperage_ma, *ratings.offline_amperages_ma} else ""


def _returned(cars: Cars) -> Answer:
    held = False
    for car in cars.values():
        out_of_turn = car.entry.tou is not None and car.entry.tou.on and car.closes_after(car.over_ms) is not None
        held = held or bool(out_of_turn and car.ma(car.over_ms - 1) and not car.ma(car.over_ms + AT_RETURN_MS))
    delay = _delay(cars["charging"])
    stops = f"it stops for {_lasting(delay)} and goes on" if delay else ""
    if held:
        again = "When the server is back, a car that charges in dear hours is made to wait again: if you need it, ask in the app."
        return Answer(f"in dear hours it waits again{f'; else {stops}' if stops else ''}", (again,))
    return Answer(stops or "it goes on")


def _delay(car: Car) -> int:
    """For how long a car that was charging and may charge is stopped when the server is back, if it goes on after that."""
    if not car.ma(car.up_ms - 1):
        return 0
    stopped = car.first(car.up_ms, car.over_ms + AT_RETURN_MS, draws=False)
    again = None if stopped is None else car.first(stopped, car.end_ms)
    return 0 if stopped is None or again is None else again - stopped


def _soon(cars: Cars) -> Answer:
    if any(car.back_ms == NEVER for car in cars.values()):
        return Answer("not in this run")
    slowest = max(car.back_ms - car.up_ms for car in cars.values())
    bounds = [check.margin.bound for car in cars.values() if (check := car.checks.get("reconnects-in-time")) and check.margin]
    if not bounds:
        return Answer(f"after {_lasting(slowest)}")
    return Answer(f"within {_lasting(round(max(bounds) * 1000))}; here {_lasting(slowest)}")


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
        "charging", "a car that charges", "Does a car that is charging go on?", ("charging",),
        ("charging-continues", "can-always-charge", "offline-limit-applies"),
        lambda car: ("server_loss.limit", *offline) if (offline := _offline(car)) else (), _goes_on,
    ),
    Question(
        "new-car", "a car that comes", "Does a car that comes then charge?", ("arrives", "stranger"),
        (
            "can-always-charge", "new-session-refused-offline", "unknown-tag-charges-offline", "schedule-runs-offline",
            "random-delay-applied",
        ),
        lambda car: ("server_loss.new_car", *(("server_loss.unknown_tag",) if car.model.server_loss.unknown_tag != "waits" else ())),
        _new_car,
    ),
    Question(
        "cheap-hours", "a car that waits", "Does a car that already waits keep to cheap hours?", ("held",),
        ("schedule-runs-offline", "hold-ends-on-time", "hold-lifted-after-loss", "pause-kept-offline", "tou-suspended"),
        lambda car: ("tou", *(() if car.model.tou == "none" else (_stored(car),))), _hours,
    ),
    Question(
        "pause", "a pause", "Does a pause from the app end by itself?", ("paused",),
        ("pause-kept-offline", "hold-lifted-after-loss"), lambda car: ("memory.hold",), _pause,
    ),
    Question(
        "power-cycle", "pull the station's plug", "Does it help to pull the station's plug?", ("unplugged",),
        ("unplug-clears-schedule", "unscheduled-after-power-cut", "schedule-survives-power-cycle"),
        lambda car: ("power_up.resumes",) if car.model.tou == "none" else (_stored(car),), _plug,
    ),
    Question(
        "replug", "plug the car in again", "Does it help to plug the car in again?", ("replugged",),
        ("replug-overrides", "new-session-refused-offline", "schedule-runs-offline", "can-always-charge"),
        lambda car: ("server_loss.new_car",) if car.model.tou == "none" else (_after_replug(car),), _replug,
    ),
    Question(
        "current", "which current", "The app says 12 A, the wire bears 26 A: which?", ("limited",),
        ("offline-limit-applies", "current-within-limits", "settings-remembered"),
        lambda car: ("server_loss.limit", *_offline(car), "memory.amperage"), _limit,
    ),
    Question(
        "return", "server back", "What happens when the server is back?",
        ("charging", "held", "arrives", "unplugged", "replugged"),
        ("override-needed-after-recovery", "random-delay-at-return"),
        lambda car: ("tou", *(("power_up.delay_at_return",) if car.model.power_up.delay_at_return else ())), _returned,
        ("settings-converge",),
    ),
    Question(
        "back-within", "back online", "When is it online again after that?",
        ("charging", "held", "arrives", "stranger", "paused", "unplugged", "replugged", "limited"),
        ("reconnects-in-time",), lambda car: ("link.backoff", "link.offline_after"), _soon,
    ),
)  # fmt: skip
