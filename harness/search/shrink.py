"""From a run that fails to the smallest that fails alike: fewer steps and chargers first, then shorter, rounder, plainer.

Theory of operation. A *reduction* proposes scenarios that are smaller in one respect, the boldest first. One that still breaks the same
check in the same way is kept and the reduction asked again; when no reduction has a proposal left that does, nothing more can be taken
away alone. All of it is determined: the same scenario gives the same result.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from harness.fault import KINDS
from harness.journal.records import Fault
from harness.search.trial import Failure, failing, judged
from harness.stage.errors import StageError
from harness.units import counted, joined, times
from harness.values import LEAST_SHARE_MA, Chargers, Circuit, Moment, Scenario, Session, Settings, Step, Targets

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
MOST_RUNS = 4_000
"""So many scenarios are tried at the most."""
_ROUND_MS = (HOUR_MS, 30 * MINUTE_MS, 10 * MINUTE_MS, 5 * MINUTE_MS, MINUTE_MS, 10_000, 1_000)
_LENGTHS_MS = (
    10_000, 30_000, MINUTE_MS, 2 * MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS,
    4 * HOUR_MS, 6 * HOUR_MS, 8 * HOUR_MS,
)  # fmt: skip
"""What durations are tried, the shortest first."""
_PLAIN_OUTAGE = "server.crash"
_NEEDS_WH = (5_000, 10_000, 20_000, 30_000)

Reduction = Callable[[Scenario], Iterator[Scenario]]


@dataclass(slots=True)
class Shrunk:
    """What became of a scenario."""

    scenario: Scenario
    check: str
    failure: Failure
    runs: int
    """How many scenarios were tried."""
    complete: bool = True
    """Nothing more can be taken away; False: the tries were used up before that was known."""


@dataclass(slots=True)
class _Search:
    """The smallest scenario so far, and how many were tried."""

    check: str
    smallest: Scenario
    failure: Failure
    most_runs: int
    runs: int = 0
    seen: set[bytes] = field(default_factory=set)
    """Stands for those that were tried: a reduction that is asked again proposes much of what it did before."""

    def fails(self, scenario: Scenario) -> bool:
        """Whether a scenario fails alike; then it is the smallest."""
        if self.runs >= self.most_runs:
            return False
        digest = blake2b(msgspec.msgpack.encode(scenario), digest_size=16).digest()
        if digest in self.seen:
            return False
        self.seen.add(digest)
        self.runs += 1
        failure = failure_of(scenario, self.check, self.failure.kind)
        if failure is None:
            return False
        self.smallest, self.failure = scenario, failure
        return True


def failure_of(scenario: Scenario, check: str, kind: str = "") -> Failure | None:
    """How a scenario breaks a check; None: it does not, or where a ``kind`` is given in another way, or it cannot be run."""
    try:
        failure = failing(judged(scenario)).get(check)
    except StageError:
        return None
    return failure if failure is not None and kind in ("", failure.kind) else None


def shrink(scenario: Scenario, check: str, *, most_runs: int = MOST_RUNS) -> Shrunk | None:
    """The smallest scenario found that breaks this check in the way in which ``scenario`` does; None: it does not break it."""
    failure = failure_of(scenario, check)
    if failure is None:
        return None
    search = _Search(check, scenario, failure, most_runs, runs=1)
    changed = True
    while changed and search.runs < most_runs:
        changed = False
        for reduction in _REDUCTIONS:
            while any(search.fails(proposal) for proposal in reduction(search.smallest)):
                changed = True
    return Shrunk(search.smallest, check, search.failure, search.runs, complete=search.runs < most_runs)


# Fewer.


def _at_fixed_times(scenario: Scenario) -> Iterator[Scenario]:
    """All steps at the times at which they fired and, where they end relative to another, for as long as they lasted, so that none needs
    another."""
    if all(map(_at_its_own_times, scenario.plan)):
        return
    fired = _Fired()
    judged(scenario, fired)
    steps = [fired.fixed(step) for step in scenario.plan]
    if all(map(_at_its_own_times, steps)):
        yield replace(scenario, plan=tuple(sorted(steps, key=lambda step: step.at.offset_ms if step.at else 0)))


def _at_its_own_times(step: Step) -> bool:
    return step.when is None and not any(moment.step for moment in _moments(step))


def _moments(step: Step) -> list[Moment]:
    """When a step begins, and when it ends, as far as the plan says so by moments."""
    return [moment for moment in (step.at, step.until) if moment is not None]


class _Fired:
    """Hears when each step began and ended."""

    def __init__(self) -> None:
        self._starts: dict[str, int] = {}
        self._ends: dict[str, int] = {}

    def feed(self, batch: Sequence[object]) -> None:
        for record in batch:
            if type(record) is Fault and not record.who and record.edge in ("start", "end"):
                (self._starts if record.edge == "start" else self._ends).setdefault(record.step, record.t)

    def fixed(self, step: Step) -> Step:
        """A step at the times at which it fired; one that never did, or never ended, as it was."""
        if step.id not in self._starts:
            return step
        start = self._starts[step.id]
        if step.until is not None and step.until.step and step.id in self._ends:
            step = replace(step, until=None, for_ms=self._ends[step.id] - start)
        return replace(step, at=Moment(offset_ms=start), when=None)


def _fewer_steps(scenario: Scenario) -> Iterator[Scenario]:
    """Without half of the steps, without a quarter … without one."""
    steps, needed = scenario.plan, _needed(scenario)
    size = len(steps)
    while size:
        for begins in range(0, len(steps), size):
            gone = steps[begins : begins + size]
            left = [*steps[:begins], *steps[begins + size :]]
            if not needed & {step.id for step in gone}:
                yield replace(scenario, plan=tuple(left))
        size //= 2


def _needed(scenario: Scenario) -> set[str]:
    """The steps relative to which others begin or end."""
    return {moment.step for step in scenario.plan for moment in _moments(step)}


def _one_for_two(scenario: Scenario) -> Iterator[Scenario]:
    """Without one of the faults that last, and another of them lasting as long as both did."""
    spans = {
        step.id: (step.at.offset_ms, step.at.offset_ms + step.for_ms)
        for step in scenario.plan if step.at is not None and not step.at.step and step.for_ms is not None
    }  # fmt: skip
    needed = _needed(scenario)
    for gone, kept in itertools.permutations(spans, 2):
        if gone in needed:
            continue
        begins, ends = min(spans[gone][0], spans[kept][0]), max(spans[gone][1], spans[kept][1])
        yield replace(scenario, plan=tuple(
            replace(step, at=Moment(offset_ms=begins), for_ms=ends - begins) if step.id == kept else step
            for step in scenario.plan if step.id != gone
        ))  # fmt: skip


def _fewer_chargers(scenario: Scenario) -> Iterator[Scenario]:
    """Without one of the chargers that no check names, its steps gone with it or handed to another, or a stay of another gone with it; or
    with half of a crowd."""
    judged_by_name = {name for check in scenario.expect.checks for name in check.chargers}
    for entry in scenario.chargers:
        if len(scenario.chargers) > 1 and not judged_by_name & {entry.name, *entry.members()}:
            yield _without(scenario, entry)
            tighter = _without(scenario, entry, as_tight=True)
            yield tighter
            yield from _fewer_stays(tighter)
            for heir in scenario.chargers:
                if heir is not entry and not heir.count:
                    yield _without(_handed(scenario, entry, heir), entry)
        if entry.count > 1:
            smaller = replace(entry, count=entry.count // 2)
            gone = set(entry.members()) - set(smaller.members())
            if not gone & _named(scenario):
                halved = _with(scenario, entry, smaller)
                yield halved
                if scenario.circuits:
                    yield replace(
                        halved, circuits=tuple(_as_tight(scenario, circuit, halved, circuit.members) for circuit in scenario.circuits)
                    )


def _handed(scenario: Scenario, entry: Chargers, heir: Chargers) -> Scenario:
    """The steps that are aimed at an entry are aimed at another, too."""
    gone = {entry.name, *entry.members()}

    def handed(step: Step) -> Step:
        names = tuple(dict.fromkeys((*step.to.names, heir.name)))
        return replace(step, to=replace(step.to, names=names)) if gone & set(step.to.names) else step

    return replace(scenario, plan=tuple(handed(step) for step in scenario.plan))


def _named(scenario: Scenario) -> set[str]:
    """Who is named in the plan, in circuits and in checks."""
    names = {name for step in scenario.plan for name in step.to.names}
    names |= {step.when.source for step in scenario.plan if step.when is not None}
    names |= {name for check in scenario.expect.checks for name in check.chargers}
    return names | {name for circuit in scenario.circuits for name in circuit.members}


def _without(scenario: Scenario, entry: Chargers, *, as_tight: bool = False) -> Scenario:
    """A scenario without an entry, and without what is about it alone; ``as_tight``: the others have as little room in their load group."""
    gone = {entry.name, *entry.members()}
    circuits = []
    for circuit in scenario.circuits:
        members = tuple(name for name in circuit.members if name not in gone)
        if members:
            circuits.append(_as_tight(scenario, circuit, scenario, members) if as_tight else replace(circuit, members=members))
        else:
            gone.add(circuit.name)
    steps = []
    for step in scenario.plan:
        names = tuple(name for name in step.to.names if name not in gone)
        source_gone = step.when is not None and step.when.source in gone
        if not source_gone and (names or not step.to.names):
            steps.append(replace(step, to=replace(step.to, names=names)))
    chargers = tuple(each for each in scenario.chargers if each is not entry)
    return replace(scenario, chargers=chargers, circuits=tuple(circuits), plan=_standing(steps))


def _as_tight(scenario: Scenario, circuit: Circuit, smaller: Scenario, members: tuple[str, ...]) -> Circuit:
    """A circuit with some of its members, as they are in a smaller scenario, in which each has as much room as before: whole amps."""
    before, after = _chargers_of(scenario, circuit.members), _chargers_of(smaller, members)
    capacity_ma = max(circuit.capacity_ma * after // before // 1000 * 1000, LEAST_SHARE_MA * after)
    return replace(circuit, members=members, capacity_ma=min(capacity_ma, circuit.capacity_ma))


def _chargers_of(scenario: Scenario, names: tuple[str, ...]) -> int:
    """How many chargers some names stand for."""
    counts = {entry.name: max(1, entry.count) for entry in scenario.chargers}
    return sum(counts.get(name, 1) for name in names)


def _standing(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Some steps less those that begin or end relative to one that is not among them: a fault without its end would be another."""
    left = {"", *(step.id for step in steps)}
    kept = tuple(step for step in steps if all(moment.step in left for moment in _moments(step)))
    return kept if len(kept) == len(steps) else _standing(kept)


def _fewer_stays(scenario: Scenario) -> Iterator[Scenario]:
    """Without one of the stays of a car."""
    for entry in scenario.chargers:
        for place in range(len(entry.sessions)):
            sessions = (*entry.sessions[:place], *entry.sessions[place + 1 :])
            yield _with(scenario, entry, replace(entry, sessions=sessions))


def _with(scenario: Scenario, entry: Chargers, other: Chargers) -> Scenario:
    return replace(scenario, chargers=tuple(other if each is entry else each for each in scenario.chargers))


def _no_circuits(scenario: Scenario) -> Iterator[Scenario]:
    """Without circuits, or without one of them; steps that are aimed at one are aimed at its members."""
    for gone in (scenario.circuits, *((circuit,) for circuit in scenario.circuits)):
        members = {circuit.name: circuit.members for circuit in gone}

        def aimed(step: Step, members: dict[str, tuple[str, ...]] = members) -> Step:
            names = dict.fromkeys(name for aim in step.to.names for name in members.get(aim, (aim,)))
            return replace(step, to=replace(step.to, names=tuple(names)))

        if gone:
            circuits = tuple(circuit for circuit in scenario.circuits if circuit not in gone)
            yield replace(scenario, circuits=circuits, plan=tuple(map(aimed, scenario.plan)))


def _plainer_chargers(scenario: Scenario) -> Iterator[Scenario]:
    """Without settings, without time-of-use charging, and without a tag."""
    for entry in scenario.chargers:
        if entry.settings != Settings():
            yield _with(scenario, entry, replace(entry, settings=Settings()))
        if entry.tou is not None:
            yield _with(scenario, entry, replace(entry, tou=None))
        if entry.tag:
            yield _with(scenario, entry, replace(entry, tag="", tag_listed=True, tag_barred=False))


def _plainer_steps(scenario: Scenario) -> Iterator[Scenario]:
    """Steps with fewer targets, at the whole server, of a plainer kind, and with the arguments that they have by default."""
    for place, step in enumerate(scenario.plan):
        if len(step.to.names) > 1:
            for name in step.to.names:
                yield _stepping(scenario, place, replace(step, to=Targets(names=(name,))))
        if step.to.shard is not None:
            yield _stepping(scenario, place, replace(step, to=Targets()))
        if KINDS[step.do].outage and step.do != _PLAIN_OUTAGE:
            yield _stepping(scenario, place, replace(step, do=_PLAIN_OUTAGE, to=Targets(), arguments={}))
        if step.times is not None and step.for_ms is not None:
            yield _stepping(scenario, place, replace(step, times=None))
        for argument in KINDS[step.do].arguments:
            if not argument.required and step.arguments.get(argument.key) not in (None, argument.default):
                plainer = {key: value for key, value in step.arguments.items() if key != argument.key}
                if argument.default is not None:
                    plainer[argument.key] = argument.default
                yield _stepping(scenario, place, replace(step, arguments=plainer))


def _stepping(scenario: Scenario, place: int, step: Step) -> Scenario:
    return replace(scenario, plan=(*scenario.plan[:place], step, *scenario.plan[place + 1 :]))


# Shorter and rounder.


def _shorter_steps(scenario: Scenario) -> Iterator[Scenario]:
    """Faults that last less long, for a time that people would write."""
    for place, step in enumerate(scenario.plan):
        if step.for_ms is not None:
            for lasts_ms in _LENGTHS_MS:
                if lasts_ms < step.for_ms:
                    yield _stepping(scenario, place, replace(step, for_ms=lasts_ms))
            if step.for_ms not in _LENGTHS_MS:  # else the two would take turns for ever
                for rounded_ms in _rounder(step.for_ms):
                    yield _stepping(scenario, place, replace(step, for_ms=rounded_ms))
        for argument in KINDS[step.do].arguments:
            value = step.arguments.get(argument.key)
            if argument.key.endswith("_ms") and isinstance(value, int) and value != argument.default:
                for rounded_ms in _rounder(value):
                    yield _stepping(scenario, place, replace(step, arguments={**step.arguments, argument.key: rounded_ms}))


def _rounder(value_ms: int) -> Iterator[int]:
    """The value rounded to more than it is, the roundest first, but at most doubled; only what is rounder than it is."""
    for unit_ms in _ROUND_MS:
        if value_ms % unit_ms == 0:
            return
        for rounded_ms in (value_ms // unit_ms * unit_ms, -(-value_ms // unit_ms) * unit_ms):
            if 0 < rounded_ms * value_ms <= 2 * value_ms * value_ms:  # a negative one stays negative
                yield rounded_ms


def _rounder_times(scenario: Scenario) -> Iterator[Scenario]:
    """Steps and stays at round times, and cars that need round amounts."""
    for place, step in enumerate(scenario.plan):
        if step.at is not None:
            for offset_ms in _rounder(step.at.offset_ms):
                yield _stepping(scenario, place, replace(step, at=replace(step.at, offset_ms=offset_ms)))
    for entry in scenario.chargers:
        for place, stay in enumerate(entry.sessions):
            for other in _rounder_stays(stay):
                sessions = (*entry.sessions[:place], other, *entry.sessions[place + 1 :])
                if all(one.leave_ms <= two.plug_in_ms for one, two in itertools.pairwise(sessions)):
                    yield _with(scenario, entry, replace(entry, sessions=sessions))


def _rounder_stays(stay: Session) -> Iterator[Session]:
    for plug_in_ms in _rounder(stay.plug_in_ms):
        if plug_in_ms < stay.leave_ms:
            yield replace(stay, plug_in_ms=plug_in_ms)
    lasts = stay.leave_ms - stay.plug_in_ms
    for lasts_ms in (*(hours * HOUR_MS for hours in (1, 2, 4, 8) if hours * HOUR_MS < lasts), *_rounder(lasts)):
        yield replace(stay, leave_ms=stay.plug_in_ms + lasts_ms)
    for needs_wh in _NEEDS_WH:
        if needs_wh < stay.needs_wh and stay.needs_wh not in _NEEDS_WH:
            yield replace(stay, needs_wh=needs_wh)


def _sooner(scenario: Scenario) -> Iterator[Scenario]:
    """All that happens sooner by some hours; or the steps alone, or with the stays, so much that the first is at a round time: what has to
    happen together can only be moved together."""
    steps_at = [step.at.offset_ms for step in scenario.plan if step.at is not None and not step.at.step]
    first_ms = min([*steps_at, *(stay.plug_in_ms for entry in scenario.chargers for stay in entry.sessions)], default=0)
    hours = first_ms // HOUR_MS
    for sooner in (hours, hours // 2, 1) if hours else ():
        if sooner:
            yield _moved(scenario, sooner * HOUR_MS, stays=True)
    for unit_ms in _ROUND_MS:
        by_ms = min(steps_at, default=0) % unit_ms
        if by_ms:
            yield _moved(scenario, by_ms, stays=False)
        if 0 < by_ms <= first_ms:
            yield _moved(scenario, by_ms, stays=True)


def _moved(scenario: Scenario, by_ms: int, *, stays: bool) -> Scenario:
    """The steps sooner by ``by_ms``, and with them the stays."""
    steps = tuple(
        step if step.at is None or step.at.step else replace(step, at=replace(step.at, offset_ms=step.at.offset_ms - by_ms))
        for step in scenario.plan
    )
    chargers = tuple(
        replace(
            entry,
            sessions=tuple(replace(stay, plug_in_ms=stay.plug_in_ms - by_ms, leave_ms=stay.leave_ms - by_ms) for stay in entry.sessions),
        )
        for entry in scenario.chargers
    )
    return replace(scenario, plan=steps, chargers=chargers if stays else scenario.chargers)


def _shorter_run(scenario: Scenario) -> Iterator[Scenario]:
    """A run that ends sooner, at a full hour after its last step."""
    last_ms = max((step.at.offset_ms for step in scenario.plan if step.at is not None), default=0)
    hours = scenario.duration_ms // HOUR_MS
    for shorter in (hours // 2, hours * 3 // 4, hours - 1):
        if 0 < shorter * HOUR_MS < scenario.duration_ms and shorter * HOUR_MS > last_ms:
            yield _cut(scenario, shorter * HOUR_MS)


def _cut(scenario: Scenario, duration_ms: int) -> Scenario:
    chargers = tuple(
        replace(entry, sessions=tuple(stay for stay in entry.sessions if stay.plug_in_ms < duration_ms)) for entry in scenario.chargers
    )
    days = tuple(day for day in scenario.local_days if day[0] < duration_ms)
    return replace(scenario, duration_ms=duration_ms, chargers=chargers, local_days=days)


def _plain_seed(scenario: Scenario) -> Iterator[Scenario]:
    if scenario.seed != 1:
        yield replace(scenario, seed=1)


_REDUCTIONS: tuple[Reduction, ...] = (
    _at_fixed_times, _fewer_steps, _one_for_two, _fewer_chargers, _fewer_stays, _no_circuits, _plainer_chargers, _plainer_steps, _sooner,
    _shorter_steps, _shorter_run, _rounder_times, _plain_seed,
)  # fmt: skip
"""The boldest first."""


# In words.


def ingredients(shrunk: Shrunk) -> str:
    """What the failure takes, in a sentence: without any part of it the check holds."""
    scenario = shrunk.scenario
    models = sorted({scenario.models[entry.model].name.partition("@")[0] for entry in scenario.chargers})
    with_ = ["time-of-use charging"] if any(entry.tou is not None and entry.tou.on for entry in scenario.chargers) else []
    with_ += ["settings of its own"] if any(entry.settings != Settings() for entry in scenario.chargers) else []
    with_ += ["a load group"] if scenario.circuits else []
    who = f"{counted(len(scenario.names()), 'chargers')} ({', '.join(models)})" + (f" with {joined(with_)}" if with_ else "")
    stays = sum(len(entry.sessions) or bool(entry.count) for entry in scenario.chargers)
    told = [*([counted(stays, "stays")] if stays > len(scenario.chargers) else []), *_steps(scenario)]
    return f"It takes {joined([who, *told])}."


def _steps(scenario: Scenario) -> list[str]:
    """Its steps, alike ones together."""
    kinds = Counter(f"{step.do} of {action}" if (action := step.arguments.get("action")) else step.do for step in scenario.plan)
    return [kind if count == 1 else f"{kind} {times(count)}" for kind, count in kinds.items()]
