"""A scenario's own checks: predicates on a charger's evidence, put together by the combinators."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from harness.check.catalogue import NAMES
from harness.check.combinators import End, Machine, after, always, during, leads_to, never, sometimes, until
from harness.check.decidable import Kind, own_cell
from harness.check.evidence import Evidence
from harness.check.obligation import FOREVER, Rule, Tally
from harness.check.words import moment, span
from harness.journal.records import Current, Fault
from harness.units import format_current
from harness.values import CheckSpec, Predicate, Scenario

Facts = tuple[Evidence, "OwnState"]


class Steps:
    """Which steps of the plan act now."""

    __slots__ = ("acting", "edges")

    def __init__(self) -> None:
        self.acting: set[str] = set()
        self.edges: dict[tuple[str, str], Fault] = {}
        """(step, edge) → the record of when that last happened."""

    def edge(self, record: Fault) -> None:
        """A step began or ended."""
        self.edges[record.step, record.edge] = record
        if record.edge == "start":
            self.acting.add(record.step)
        elif record.edge == "end":
            self.acting.discard(record.step)


def condition(predicate: Predicate) -> Callable[[Facts], bool]:
    """A predicate as a function of a charger's evidence at an instant. All its parts must hold together."""
    parts: list[Callable[[Evidence, OwnState], bool]] = []
    if predicate.state:
        parts.append(lambda ev, _: ev.state in predicate.state)
    if predicate.above_ma is not None:
        above_ma = predicate.above_ma
        parts.append(lambda ev, _: ev.ma > above_ma)
    if predicate.below_ma is not None:
        below_ma = predicate.below_ma
        parts.append(lambda ev, _: ev.ma < below_ma)
    levels: dict[str, Callable[[Evidence], bool]] = {
        "draws": lambda ev: ev.ma > 0,
        "connected": lambda ev: ev.connected,
        "online": lambda ev: ev.link_online,
        "powered": lambda ev: ev.mains and ev.up_from <= ev.t,
        "outage": lambda ev: ev.outage,
        "held": lambda ev: ev.connected and ev.held(ev.t),
    }
    for name, level in levels.items():
        wanted = getattr(predicate, name)
        if wanted is not None:
            parts.append(partial(_level, level, wanted))
    for kind in ("message", "command", "action"):
        what = getattr(predicate, kind)
        if what:
            parts.append(partial(_instant, (kind, what)))
    return lambda facts: all(part(*facts) for part in parts)


LEVELS: dict[str, tuple[str, str]] = {
    "connected": ("have a car", "have no car"), "online": ("be online", "be offline"), "powered": ("have power", "have no power"),
    "outage": ("be in an outage", "be in touch with its server"), "held": ("be held", "be free of a hold"),
}  # fmt: skip
"""A predicate's parts that are true or false → what they ask for, either way."""
THIRD_PERSON = {"be": "is", "draw": "draws", "have": "has", "send": "sends", "see": "sees"}


def wanted(predicate: Predicate) -> list[str]:
    """What a predicate asks for, part by part: ``be Charging``, ``draw more than 16 A``."""
    parts = [f"be {' or '.join(predicate.state)}"] if predicate.state else []
    if predicate.draws is not None:
        parts.append("draw current" if predicate.draws else "draw nothing")
    if predicate.above_ma is not None:
        parts.append(f"draw more than {format_current(predicate.above_ma)}")
    if predicate.below_ma is not None:
        parts.append(f"draw less than {format_current(predicate.below_ma)}")
    for name, (yes, no) in LEVELS.items():
        level = getattr(predicate, name)
        if level is not None:
            parts.append(yes if level else no)
    parts += [f"send {predicate.message}"] if predicate.message else []
    parts += [f"be told {predicate.command}"] if predicate.command else []
    parts += [f"see its driver ask for {predicate.action}"] if predicate.action else []
    return parts


def infinitive(predicate: Predicate) -> str:
    """``be Charging and draw more than 16 A``."""
    return " and ".join(wanted(predicate))


def third_person(predicate: Predicate) -> str:
    """``is Charging and draws more than 16 A``."""
    parts = [part.partition(" ") for part in wanted(predicate)]
    return " and ".join(f"{THIRD_PERSON[verb]} {rest}" for verb, _, rest in parts)


def past(predicate: Predicate) -> str:
    """The verb that a sentence about the past takes up again: ``was`` or ``did``."""
    return "was" if all(part.startswith("be ") for part in wanted(predicate)) else "did"


def found(ev: Evidence, predicate: Predicate, at: int) -> str:
    """What the charger did at ``at``, in brackets, where the predicate is about its connector or its current."""
    if not predicate.state and predicate.draws is None and predicate.above_ma is None and predicate.below_ma is None:
        return ""
    last = next((record for record in reversed(ev.log) if isinstance(record, Current) and record.t <= at), None)
    return f" ({last.state}, {format_current(last.ma)})" if last is not None else " (Available, no car yet)"


def alone(ev: Evidence, predicate: Predicate, end: End) -> str:
    """That no car was there all the while, where a predicate is about what a charger does for one."""
    other = sum(getattr(predicate, part) is not None for part in ("connected", "online", "powered", "outage"))
    assert ev.own is not None
    there = ev.own.car_until > end.began
    return "" if there or len(wanted(predicate)) == other else ", and no car was there"


def _level(level: Callable[[Evidence], bool], wanted: bool, ev: Evidence, _: OwnState) -> bool:
    return level(ev) == wanted


def _instant(event: tuple[str, str], _: Evidence, own: OwnState) -> bool:
    return event in own.events


class OwnCheck:
    """One check of a scenario's own."""

    def __init__(self, spec: CheckSpec, rule: Rule, steps: Steps) -> None:
        self.spec = spec
        self.rule = rule
        self._steps = steps

    def violation(self, ev: Evidence, end: End) -> str:
        """What was wanted of a charger, and what was found."""
        spec = self.spec
        during = f" while {spec.during} acts" if spec.during else ""
        at = moment(end.at)
        if spec.always is not None:
            state = found(ev, spec.always, end.at)
            return f"the charger should always {infinitive(spec.always)}{during}; at {at} it {past(spec.always)} not{state}"
        if spec.never is not None:
            state = found(ev, spec.never, end.at)
            return f"the charger should never {infinitive(spec.never)}{during}; at {at} it {past(spec.never)}{state}"
        if spec.sometimes is not None:
            nobody = alone(ev, spec.sometimes, end)
            return f"the charger should {infinitive(spec.sometimes)} at some time{during or ' of the run'}; it never did{nobody}"
        assert spec.then is not None
        due = end.began + spec.within_ms
        state = found(ev, spec.then, end.at)
        terms = f"within {span(spec.within_ms)}" if spec.within_ms else "at once"
        terms += f" and until it {third_person(spec.until)}" if spec.until is not None else ""
        what = f"after {moment(end.began)} the charger should {infinitive(spec.then)} {terms}{during}"
        if end.goal_from < 0:
            return f"{what}; by {moment(due)} it had not{state or alone(ev, spec.then, end)}"
        ceased = "ceased at" if end.at > due else "no longer did at"
        return f"{what}; it did from {moment(end.goal_from)} and {ceased} {at}{state}"

    def triggers(self, ev: Evidence, end: End) -> list[Fault]:
        """The edges of steps that this obligation hung on, but for those that stand among the charger's own records."""
        after_ = self.spec.after
        keys = [(after_.step, after_.edge)] if after_ is not None else []
        keys += [(self.spec.during, "start")] if self.spec.during else []
        edges = self._steps.edges
        own = {(record.step, record.edge, record.t) for record in ev.log if isinstance(record, Fault)}
        hung = [edges[key] for key in keys if key in edges and edges[key].t <= end.at]
        return [record for record in hung if (record.step, record.edge, record.t) not in own]

    def machine(self) -> Machine[Facts]:
        """The check's combinator for one charger."""
        spec = self.spec
        inner: Machine[Facts]
        if spec.always is not None:
            inner = always(condition(spec.always))
        elif spec.never is not None:
            inner = never(condition(spec.never))
        elif spec.sometimes is not None:
            inner = sometimes(condition(spec.sometimes))
        else:
            assert spec.then is not None
            goal = condition(spec.then)
            release = condition(spec.until) if spec.until is not None else None
            if spec.whenever is None:
                inner = after(goal, spec.within_ms, release)
            elif release is None:
                inner = leads_to(condition(spec.whenever), goal, spec.within_ms)
            else:
                inner = until(condition(spec.whenever), goal, release, spec.within_ms)
        if spec.during:
            acting, step = self._steps.acting, spec.during
            return during(lambda _: step in acting, inner)
        return inner


class OwnState:
    """The own checks of one charger."""

    __slots__ = ("car_until", "checks", "events", "machines", "opens")

    def __init__(self, checks: list[OwnCheck]) -> None:
        self.checks = checks
        self.car_until = -1
        """Until when a car was connected; the end of time while one is, −1 where none was."""
        self.machines = [check.machine() for check in checks]
        self.events: set[tuple[str, str]] = set()
        """What happened in this instant: (message, command or action; which)."""
        self.opens = [_first(check.spec) for check in checks]
        """When each next begins to judge; the end of time once it has, or while it is not known."""

    def happened(self, kind: str, what: str) -> None:
        """Note an event of this instant."""
        self.events.add((kind, what))

    def instant(self, ev: Evidence, t: int) -> None:
        """Feed the machines with the end of an instant."""
        if ev.connected:
            self.car_until = FOREVER
        elif self.car_until == FOREVER:
            self.car_until = t
        for place, machine in enumerate(self.machines):
            opens = self.opens[place]
            ends = machine.feed(t, (ev, self))
            if opens <= t:
                self.opens[place] = FOREVER
                ends += machine.open(t, (ev, self))
            self._count(ev, self.checks[place], ends)
        self.events.clear()

    def wake(self, ev: Evidence, t: int) -> int:
        """When the machines want an instant although nothing happens."""
        held = ev.held_until if t < ev.held_until else FOREVER
        powered = ev.up_from if t < ev.up_from else FOREVER
        return min(held, powered, *self.opens)

    def close(self, ev: Evidence, end_ms: int, *, complete: bool = True) -> None:
        """The run is over; not ``complete``: its journal was cut off here."""
        for check, machine in zip(self.checks, self.machines, strict=True):
            self._count(ev, check, machine.close(end_ms) if complete else machine.cut(end_ms))

    def _count(self, ev: Evidence, check: OwnCheck, ends: list[End]) -> None:
        rule = check.rule
        for end in ends:
            if rule.assumes & ev.touched:
                rule.cancelled(exempt=True)
            elif end.outcome == "met":
                rule.met()
                if end.bound_ms:
                    rule.near(end.took_ms / 1000, end.bound_ms / 1000, "s")
            elif end.outcome == "failed":
                bound = (end.bound_ms / 1000, "s") if end.bound_ms else None
                story = ev.story(end.began, end.at, *check.triggers(ev, end))
                rule.tally.fail(rule, ev.name, end.at, check.violation(ev, end), story, bound=bound)
            elif end.outcome == "pending":
                rule.pending()
            else:
                rule.cancelled()


def _first(spec: CheckSpec) -> int:
    """When a check begins to judge: at once, or at a moment; unknown as long as that depends on a step."""
    if spec.after is None:
        return 0
    return FOREVER if spec.after.step else spec.after.offset_ms


class OwnChecks:
    """All of a scenario's own checks."""

    def __init__(self, scenario: Scenario, tallies: dict[str, Tally], steps: Steps, kind: Kind = "simulated") -> None:
        self._checks: list[OwnCheck] = []
        for spec in scenario.expect.checks:
            if spec.builtin or spec.name in NAMES:
                continue
            tally = tallies[spec.name]
            assumes = frozenset(kind.removeprefix("no ").strip() for kind in spec.assumes)
            rule = Rule(tally, bound_ms=spec.within_ms, assumes=assumes, severity=spec.severity)
            predicates = (spec.whenever, spec.then, spec.until, spec.always, spec.never, spec.sometimes)
            tally.hidden = own_cell(kind, *predicates).why
            if tally.hidden:
                continue
            self._checks.append(OwnCheck(spec, rule, steps))

    def of(self, name: str, entry: str) -> OwnState | None:
        """The state for one charger, or None where no own check judges it."""
        checks = [check for check in self._checks if not check.spec.chargers or {name, entry} & set(check.spec.chargers)]
        return OwnState(checks) if checks else None

    def edge(self, record: Fault, own: OwnState) -> bool:
        """An edge of a step: sets the moments that wait for it. Returns whether anything of this charger depends on that step."""
        concerned = False
        for place, check in enumerate(own.checks):
            spec = check.spec
            concerned = concerned or spec.during == record.step
            if spec.after is not None and spec.after.step == record.step and spec.after.edge == record.edge:
                own.opens[place] = record.t + spec.after.offset_ms
                concerned = True
        return concerned
