"""Random plans: a pure function from a base scenario and a seed to a scenario with sessions and steps of its own.

Every kind of step that can be simulated is drawn, also two at once and during another's recovery; what a contract does not promise under
a kind it says in ``assumes``, and nothing is left out here to avoid an alarm. Faults are over some time before the run is,
so that what must hold after recovery can be judged (only ``server.gone`` never ends).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

from msgspec.structs import replace

from harness.fault import COMMANDS, KINDS, MESSAGES, Argument, Kind
from harness.values import Chargers, Moment, Scenario, Session, Step, Targets
from harness.world.chance import actor_key, below

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

Item = TypeVar("Item")
Given = dict[str, int | str | bool | tuple[str, ...]]


class Dice:
    """Draws in sequence from a seed, the same on every machine."""

    def __init__(self, seed: int, purpose: str = "plan") -> None:
        self._key = actor_key(seed, purpose)
        self._count = 0

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound - 1``."""
        self._count += 1
        return below(self._key, 0, self._count, bound)

    def between(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases."""
        return self.below(100) < percent

    def of(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.below(len(items))]

    def duration_ms(self, most_ms: int = 5 * HOUR_MS) -> int:
        """A duration on the scale of blips, pauses or outages, each as likely."""
        low, high = self.of(((1_000, 90_000), (2 * MINUTE_MS, 12 * MINUTE_MS), (20 * MINUTE_MS, 5 * HOUR_MS)))
        return self.between(min(low, most_ms // 2), min(high, most_ms))


_MOST_BUSY_MS = 20 * MINUTE_MS
_OFTEN = ("", "keepalive", "status", "meter-values")


def _most_ms(kind: Kind, given: Given) -> int:
    """How long a step may last. What makes much happen all the time, as it acts on each message or restarts a station again and again,
    shows in minutes what it does, and would cost as much in an hour as a day without it."""
    busy = kind.on_each_message or kind.name == "station.reboot-loop" or (kind.family == "message" and given["action"] in _OFTEN)
    return _MOST_BUSY_MS if busy else 5 * HOUR_MS


def generate(base: Scenario, seed: int) -> Scenario:
    """A scenario drawn from ``seed`` over ``base``: its chargers, with sessions and a plan of their own.

    Crowds keep their drawn sessions, under the new seed. The base should last at least 12 h.
    """
    dice = Dice(seed)
    chargers = tuple(entry if entry.count else replace(entry, sessions=_sessions(dice, base, entry)) for entry in base.chargers)
    plan = _plan(dice, replace(base, chargers=chargers))
    return replace(base, name=f"{base.name}-{seed}", seed=seed, chargers=chargers, plan=plan)


def _sessions(dice: Dice, base: Scenario, entry: Chargers) -> tuple[Session, ...]:
    usable_wh = base.vehicles[entry.car].usable_wh
    sessions: list[Session] = []
    begins = dice.between(0, 4 * HOUR_MS)
    while begins < base.duration_ms - HOUR_MS and len(sessions) < 3:
        leaves = begins + dice.between(20 * MINUTE_MS, 14 * HOUR_MS)
        needs_wh = min(1000 * dice.between(1, min(30, usable_wh // 1000)), usable_wh)
        sessions.append(Session(plug_in_ms=begins, leave_ms=leaves, needs_wh=needs_wh))
        begins = leaves + dice.between(MINUTE_MS, 4 * HOUR_MS)
    return tuple(sessions)


def mutate(plan: Scenario, seed: int) -> Scenario:
    """A scenario drawn from another: the same chargers and stays, its plan with one to three changes. A pure function of both."""
    dice = Dice(seed, "mutation")
    steps = list(plan.plan)
    for _ in range(dice.between(1, 3)):
        steps = _changed(dice, steps, plan)
    return replace(plan, seed=seed, plan=tuple(steps))


def _changed(dice: Dice, steps: list[Step], plan: Scenario) -> list[Step]:
    """The plan with a step more, or another that is gone, moved or of another length."""
    latest = plan.duration_ms - 3 * HOUR_MS
    way = dice.of(("more", "gone", "moved", "longer")) if steps else "more"
    if way == "more":
        new = _draw(dice, _kinds(dice, plan), steps, [], latest, plan)[0]
        taken = {step.id for step in steps}
        return [*steps, replace(new, id=next(name for number in range(len(steps) + 1, 10**6) if (name := f"s{number}") not in taken))]
    place = dice.below(len(steps))
    step = steps[place]
    free = not any(other.at is not None and other.at.step == step.id for other in steps)
    if way == "gone":
        return [*steps[:place], *steps[place + 1 :]] if free else steps
    if way == "moved" and step.at is not None:
        far_ms = dice.of((1_000, MINUTE_MS, 10 * MINUTE_MS, HOUR_MS))
        most_ms = latest - MINUTE_MS if not step.at.step else 8 * MINUTE_MS
        offset_ms = min(max(0, step.at.offset_ms + dice.between(-far_ms, far_ms)), most_ms)
        step = replace(step, at=replace(step.at, offset_ms=offset_ms))
    elif step.for_ms is not None:
        step = replace(step, for_ms=min(step.for_ms, dice.duration_ms()))
    return [*steps[:place], step, *steps[place + 1 :]]


def felt(base: Scenario) -> list[Kind]:
    """The kinds of step that can be simulated and that some charger of a base can feel."""
    transports = {"", *(base.models[entry.model].link.transport for entry in base.chargers)}
    return [kind for kind in KINDS.values() if kind.simulated and kind.over in transports]


def _kinds(dice: Dice, base: Scenario) -> tuple[Kind, ...]:
    """The kinds that are drawn from: some families are off, and in the others some kinds. What is left meets more often than it would among
    all."""
    families: dict[str, list[Kind]] = {}
    for kind in felt(base):
        families.setdefault(kind.family, []).append(kind)
    on = [kinds for kinds in families.values() if dice.chance(75)]
    return tuple(kind for kinds in on for kind in kinds if dice.chance(70)) or tuple(felt(base))


def _plan(dice: Dice, base: Scenario) -> tuple[Step, ...]:
    kinds = _kinds(dice, base)
    latest = base.duration_ms - 3 * HOUR_MS
    steps = _story(dice, base, latest, 1) if dice.chance(85) else []
    steps += _story(dice, base, latest, len(steps) + 1) if dice.chance(40) else []
    spans = [(step.at.offset_ms, step.at.offset_ms + (step.for_ms or 0)) for step in steps if step.at is not None]
    for _ in range(dice.between(0, 5) if steps else dice.between(1, 7)):
        step, span = _draw(dice, kinds, steps, spans, latest, base)
        steps.append(step)
        spans.append(span)
    return tuple(_flapping(dice, steps, latest) if dice.chance(12) else steps)


_OUTAGES = tuple(kind.name for kind in KINDS.values() if kind.simulated and kind.outage and kind.ends == "may")
_SECOND_FAULTS_MS = ((1_000, 90_000), (2 * MINUTE_MS, 12 * MINUTE_MS))
_SECOND_OUTAGES_MS = ((6 * MINUTE_MS, 30 * MINUTE_MS), (20 * MINUTE_MS, 3 * HOUR_MS))
_SOON_MS = 15 * MINUTE_MS
_LARGE_WH = 8_000
"""So soon, and needing so much, a car is neither gone nor full when the second step of a story comes."""
_TRIES = 6
"""So often a car and a time are drawn, until it is to wait for cheaper hours then, or is not: much of what goes wrong does so there."""
_CUTS = ("network.cut", "network.black-hole")
_IN_OUTAGE = (
    "station.power-cut", "station.reboot-loop", "station.clock-lost", "driver.set-tou", "driver.override", "driver.set-amperage",
    "driver.swipe", "driver.replug", "driver.pause",
)  # fmt: skip


class Story(NamedTuple):
    """Two steps that meet one car in an order within one stay: what is seldom met by chance."""

    firsts: tuple[str, ...]
    seconds: tuple[str, ...]
    times: int = 1
    """How often it stands among the others."""
    held: bool = True
    """The car is to wait for cheaper hours when it begins; otherwise it is to charge."""
    after: bool = False
    """The second begins within a minute of the end of the first; otherwise while that acts."""


_STORIES = tuple(
    story for story in (
        Story(_OUTAGES, ("station.power-cut",), times=3),
        Story(_OUTAGES, _IN_OUTAGE, times=2),
        Story(("driver.override",), _CUTS, times=11),
        Story(("driver.override",), _OUTAGES),
        Story(("driver.set-tou",), _OUTAGES, times=2),
        Story(("driver.pause",), _OUTAGES, times=2, held=False),
        Story(_OUTAGES, ("driver.replug",), times=4),
        Story(_OUTAGES, ("station.clock-lost",)),
        Story(("station.unavailable",), ("station.power-cut", "station.reboot-loop", "station.firmware-update"), times=2),
        Story(("server.pending",), ("station.power-cut", "station.reboot-loop"), times=2),
        Story(("network.dns-failure",), ("server.crash", "network.black-hole", "station.power-cut"), held=False),
        Story(_CUTS, ("server.restore-backup",), times=4, held=False),
        Story(("station.power-cut", "station.reboot-loop"), ("station.power-cut", "station.reboot-loop"), after=True),
    ) for _ in range(story.times)
)  # fmt: skip


def _story(dice: Dice, base: Scenario, latest: int, number: int) -> list[Step]:
    """Two steps that meet the same car, the second while the first acts or soon after it; none where there is no such car. ``number``: the
    first's."""
    stays = [
        (entry, stay) for entry in base.chargers if not entry.count for stay in entry.sessions
        if stay.plug_in_ms < latest - HOUR_MS and stay.leave_ms - stay.plug_in_ms > 2 * HOUR_MS and stay.needs_wh >= _LARGE_WH
    ]  # fmt: skip
    if not stays:
        return []
    story = dice.of(_STORIES)
    first, second = KINDS[dice.of(story.firsts)], KINDS[dice.of(story.seconds)]
    for _ in range(_TRIES):
        entry, stay = dice.of(stays)
        until = min(stay.leave_ms, latest) if story.held else stay.plug_in_ms + HOUR_MS  # by then it is not full
        begins = dice.between(stay.plug_in_ms + 1_000, until - MINUTE_MS)
        if _is_held(base, entry, begins) == story.held:
            break
    most_ms = latest - MINUTE_MS - begins
    if story.after:
        lasts_ms = min(dice.between(1_000, 10 * MINUTE_MS), most_ms)
        meets = min(begins + lasts_ms + dice.between(0, MINUTE_MS), latest - MINUTE_MS)
    else:
        lasts_ms = 2 * HOUR_MS if first.ends == "instant" else min(dice.between(10 * MINUTE_MS, 9 * HOUR_MS), latest - begins)
        meets = begins + dice.between(0, min(dice.of((lasts_ms, _SOON_MS)), most_ms))
    then_ms = dice.between(*dice.of(_SECOND_OUTAGES_MS if second.outage else _SECOND_FAULTS_MS))
    return [
        _told(dice, base, f"s{number}", first, entry.name, begins, lasts_ms),
        _told(dice, base, f"s{number + 1}", second, entry.name, meets, min(then_ms, latest - meets)),
    ]


def _is_held(base: Scenario, entry: Chargers, t: int) -> bool:
    """Whether the price level at a time is none at which a charger's car is to charge."""
    if entry.tou is None or not entry.tou.on:
        return False
    level = next(period.level for period in reversed(base.tariffs[entry.tariff].periods) if period.start_ms <= t)
    return level not in entry.tou.charge_in


def _told(dice: Dice, base: Scenario, id_: str, kind: Kind, name: str, at_ms: int, lasts_ms: int) -> Step:
    return Step(
        id=id_, do=kind.name, at=Moment(offset_ms=at_ms), to=Targets() if kind.aims == "server" else Targets(names=(name,)),
        arguments=_arguments(dice, kind, base), for_ms=None if kind.ends in ("instant", "never") else max(1_000, lasts_ms),
    )  # fmt: skip


def _draw(
    dice: Dice, kinds: tuple[Kind, ...], steps: Sequence[Step], spans: Sequence[tuple[int, int]], latest: int, base: Scenario
) -> tuple[Step, tuple[int, int]]:  # fmt: skip
    """One more step, and when it acts."""
    kind = dice.of(kinds)
    start, at = _start(dice, steps[: len(spans)], spans, latest)
    given = _arguments(dice, kind, base)
    most_ms = _most_ms(kind, given)
    lasts_ms = None if kind.ends in ("instant", "never") else max(1_000, min(dice.duration_ms(most_ms), latest - start))
    times = dice.between(1, 3) if kind.family == "message" and dice.chance(50) else None
    step = Step(
        id=f"s{len(steps) + 1}", do=kind.name, at=at, to=_targets(dice, kind, base), arguments=given, for_ms=lasts_ms, times=times,
    )  # fmt: skip
    return step, (start, start + (lasts_ms or 0))


def _flapping(dice: Dice, steps: list[Step], latest: int) -> list[Step]:
    """The plan with one of its faults that last coming again and again, each time for a short while."""
    lasting = [step for step in steps if step.for_ms is not None and step.times is None and step.at is not None and not step.at.step]
    if not lasting:
        return steps
    step = dice.of(lasting)
    assert step.at is not None
    at_ms = step.at.offset_ms
    more = []
    for number in range(dice.between(2, 5)):
        at_ms += dice.between(5_000, 5 * MINUTE_MS)
        lasts_ms = dice.between(5_000, 2 * MINUTE_MS)
        if at_ms + lasts_ms < latest:
            more.append(replace(step, id=f"{step.id}-{number + 2}", at=Moment(offset_ms=at_ms), for_ms=lasts_ms))
        at_ms += lasts_ms
    return [replace(each, for_ms=min(each.for_ms, 2 * MINUTE_MS)) if each is step and each.for_ms else each for each in steps] + more


def _start(dice: Dice, steps: Sequence[Step], spans: Sequence[tuple[int, int]], latest: int) -> tuple[int, Moment]:
    """Some time; or while an earlier step acts; or in its recovery."""
    way = dice.below(100) if steps else 0
    if way < 40:
        start = dice.between(30 * MINUTE_MS, latest - MINUTE_MS)
        return start, Moment(offset_ms=start)
    place = dice.below(len(steps))
    begins, ends = spans[place]
    if way < 80:
        offset = dice.between(0, max(0, min(ends, latest - MINUTE_MS) - begins))
        return begins + offset, Moment(offset_ms=offset, step=steps[place].id, edge="start")
    offset = min(dice.between(0, 8 * MINUTE_MS), max(0, latest - MINUTE_MS - ends))
    edge: Literal["start", "end"] = "start" if KINDS[steps[place].do].ends in ("never", "instant") else "end"
    return ends + offset, Moment(offset_ms=offset, step=steps[place].id, edge=edge)


def _targets(dice: Dice, kind: Kind, base: Scenario) -> Targets:
    if kind.aims == "server":
        share = 70 if kind.ends == "never" else 30  # after the end of all of it nothing is to be seen
        return Targets(shard=dice.between(1, base.server.shards)) if dice.chance(share) else Targets()
    names = base.names()
    if dice.chance(30):
        return Targets(names=tuple(names) if kind.aims == "one" else ())
    return Targets(names=(dice.of(names),))


def _arguments(dice: Dice, kind: Kind, base: Scenario) -> Given:
    given: Given = {}
    for argument in kind.arguments:
        if argument.required or dice.chance(70):
            given[argument.key] = _argument(dice, kind, argument, base)
        elif argument.default is not None:
            given[argument.key] = argument.default
    if kind.family == "message":
        given["action"] = dice.of(("", *(COMMANDS if given.get("direction") == "command" else MESSAGES)))
    return given


_DURATIONS_MS = {
    "delay": (200, 45_000),
    "drain": (10_000, 5 * MINUTE_MS),
    "age": (10 * MINUTE_MS, 6 * HOUR_MS),
    "ban": (MINUTE_MS, HOUR_MS),
    "every": (2 * MINUTE_MS, 10 * MINUTE_MS),
    "interval": (MINUTE_MS, 15 * MINUTE_MS),
    "most": (200, 45_000),
    "pause": (1_000, 15_000),
    "stay": (20 * MINUTE_MS, 10 * HOUR_MS),
    "over": (1_000, 30 * MINUTE_MS),
}
_COUNTS = {"rate": (20, 5_000), "size": (100, 2_000), "limit": (1, 5)}


_RATES_PER_KS = ((5, 100), (100, 2_000))
"""Few chargers have a capacity to share that leaves some of them waiting."""


def _argument(dice: Dice, kind: Kind, argument: Argument, base: Scenario) -> int | str | bool | tuple[str, ...]:
    if argument.one_of:
        return dice.of(argument.one_of)
    if argument.unit == "duration":
        return dice.between(*_DURATIONS_MS[argument.name])
    if argument.unit == "signed duration":
        return dice.between(MINUTE_MS, 4 * HOUR_MS) * dice.of((-1, 1))
    if argument.unit == "current":
        return 1000 * dice.between(6, 40)
    if argument.unit == "energy":
        return 1000 * dice.between(1, 30)
    if argument.unit == "flag":
        return dice.chance(50)
    if argument.unit == "count":
        most = base.server.shards if argument.name == "shard" else argument.least + 1
        return dice.between(*_COUNTS.get(argument.name, (argument.least, most)))
    if argument.unit == "percentage":
        return 10 * dice.between(1, 60)
    if argument.unit == "rate":
        return dice.between(*dice.of(_RATES_PER_KS))
    if argument.unit == "words":
        return _levels(dice, base.chargers[0], base)
    return ""


def _levels(dice: Dice, entry: Chargers, base: Scenario) -> tuple[str, ...]:
    """Some of the tariff's cheaper price levels."""
    levels = base.tariffs[entry.tariff].levels
    return tuple(levels[dice.between(1, len(levels) - 1) :])
