"""What is doubtful about a scenario or model file, though it can be read: warnings besides the errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

from harness.fault import KINDS
from harness.scenario.contradictions import contradictions
from harness.scenario.forms import Part, Record
from harness.scenario.models import Library, is_model, is_path, model_form
from harness.scenario.nodes import Node, read_file
from harness.scenario.plan import PlanReader
from harness.scenario.problems import Problem, Problems, listed, nearest
from harness.scenario.resolve import DEFAULT_SEED, Resolution
from harness.scenario.target import is_bench, is_target, load_bench, load_target
from harness.shipped import ModelKind
from harness.units import format_clock_s, format_current, format_duration_ms, parse_date
from harness.values import ChargerModel, Chargers, CheckSpec, Predicate, Scenario, Settings, Step

_BARE_CLOCK = re.compile(r"[0-9:]+")
_HALF_A_DAY_MS = 12 * 3_600_000
_LONG_STAY_MS = 20 * 3_600_000
_NEEDS_CAR = ("driver.unplug", "driver.replug", "driver.override", "driver.pause", "driver.swipe")
_OUTAGES = frozenset(name for name, kind in KINDS.items() if kind.severs)
_POWER_CUTS = frozenset({"station.power-cut"})
_RESTARTS = frozenset({"station.power-cut", "station.reboot-loop", "station.memory-loss", "station.firmware-update"})

_TRIGGERED_BY: dict[str, tuple[frozenset[str], ...]] = {
    "charging-continues": (_OUTAGES,),
    "can-always-charge": (_OUTAGES,),
    "hold-ends-on-time": (_OUTAGES,),
    "tou-suspended": (_OUTAGES,),
    "unplug-clears-schedule": (_OUTAGES, _POWER_CUTS),
    "override-needed-after-recovery": (_OUTAGES,),
    "override-kept": (_OUTAGES, frozenset({"driver.override"})),
    "settings-remembered": (_RESTARTS,),
    "reconnects-in-time": (_OUTAGES | _RESTARTS | {"network.reset"},),
    "reconnect-backs-off": (_OUTAGES,),
    "schedule-runs-offline": (_OUTAGES,),
    "schedule-survives-power-cycle": (_OUTAGES, _POWER_CUTS),
    "hold-lifted-after-loss": (_OUTAGES,),
    "offline-limit-applies": (_OUTAGES,),
    "unscheduled-after-power-cut": (_OUTAGES, _POWER_CUTS),
    "pause-kept-offline": (_OUTAGES,),
    "new-session-refused-offline": (_OUTAGES,),
    "unknown-tag-charges-offline": (_OUTAGES,),
    "replug-overrides": (_OUTAGES, frozenset({"driver.replug", "driver.plug-in"})),
    "random-delay-at-return": (_OUTAGES | {"network.reset"},),
}
"""Check → the kinds of step that it takes, one of each group."""

_NEEDS_TOU = frozenset(
    {"hold-ends-on-time", "tou-suspended", "unplug-clears-schedule", "override-needed-after-recovery", "override-kept",
     "schedule-runs-offline", "schedule-survives-power-cycle", "unscheduled-after-power-cut", "replug-overrides"}
)  # fmt: skip


def lint_file(path: Path, shown: str) -> list[Problem]:
    """Errors and warnings of a file; a map with ``kind`` is a model, one with ``url`` a target, one with a bench's keys a bench, anything
    else a scenario. Raises :class:`ScenarioError` where the file is not even YAML."""
    root = read_file(path, shown)
    if is_target(root):
        load_target(path)
        return []
    if is_model(root):
        return _lint_model(root, path)
    if is_bench(root):
        load_bench(path)
        return []
    resolution = Resolution(root, path.stem, path.parent)
    warn(resolution, seeded=False)
    return resolution.problems.in_order()


def warn(resolution: Resolution, *, seeded: bool) -> None:
    """Note every doubt about a scenario that can be read; ``seeded``: a seed is given besides the file."""
    if resolution.scenario is not None and resolution.part is not None and resolution.plan is not None:
        _ScenarioLint(resolution.scenario, resolution.part, resolution.plan, resolution.library).warn(seeded=seeded)


def warn_of_unused(resolution: Resolution) -> None:
    """Note each charger model that a scenario changes or defines, and that no charger is."""
    if resolution.part is not None:
        _warn_of_unused(resolution.part, resolution.library)


def _warn_of_unused(part: Part, library: Library) -> None:
    for name in library.patches:
        if name not in library.used_patches:
            library.problems.warn(part.node.at("models").entries[name][0], f"no charger is a `{name}`")


def _lint_model(root: Node, path: Path) -> list[Problem]:
    problems = Problems()
    node = root.entries["kind"][1]
    kinds: tuple[ModelKind, ...] = get_args(ModelKind)
    kind = next((known for known in kinds if known == node.text), None)
    if kind is None:
        problems.add(node, "no such kind of model", found=node.shown, expected=f"one of {listed(kinds)}",
                     suggestion=nearest(node.text, kinds))  # fmt: skip
        return problems.in_order()
    library = Library(problems)
    here = Node("scalar", root.file, 1, 1, text=str(path) if is_path(str(path)) else f"./{path}")
    tree = library.tree(kind, here)
    value = None if tree is None else library.value(kind, tree, path.stem)
    if value is not None:
        _warn_unclaimed(model_form(kind), root, problems)
    if isinstance(value, ChargerModel):
        for where, message in contradictions(value, Settings().offline_ma(value.ratings, value.ratings.phases)):
            problems.warn(root.at(*where), message)
    return problems.in_order()


def _warn_unclaimed(form: Record, root: Node, problems: Problems) -> None:
    """Each statement of a model has a claim: for itself, or for something above or below it. Clauses bring their own."""
    claims = set(root.at("claims").entries) if "claims" in root.entries else set()
    for key, (key_node, value) in root.entries.items():
        if form.field(key) is None or key in {"name", "claims", "contract", "title", "quirks"}:
            continue
        for path, node in _unclaimed(claims, key, key_node, value):
            problems.warn(node, f"no claim covers `{path}`: its source, or the assumption that stands in for one")
    for key, (key_node, clause) in root.at("contract").entries.items() if "contract" in root.entries else ():
        if not clause.is_null and clause.get("source") is None and clause.get("assumption") is None:
            problems.warn(key_node, f"nobody is said to promise `{key}`: its `source`, or the `assumption` that stands in for one")


def _unclaimed(claims: set[str], path: str, key: Node, value: Node) -> Iterator[tuple[str, Node]]:
    """The paths that neither have a claim nor lie below one that has, each with its key; of a whole part, the part alone."""
    if path in claims:
        return
    if not any(claim.startswith(f"{path}.") for claim in claims):
        yield path, key
        return
    for name, (below_key, below) in value.entries.items():
        yield from _unclaimed(claims, f"{path}.{name}", below_key, below)


class _ScenarioLint:
    """The warnings about one scenario that can be read."""

    def __init__(self, scenario: Scenario, part: Part, plan: PlanReader, library: Library) -> None:
        self.scenario = scenario
        self.part = part
        self.plan = plan
        self.library = library
        self.problems = library.problems
        self.entries = {entry.name: entry for entry in scenario.chargers}

    def warn(self, *, seeded: bool) -> None:
        """Note every doubt; ``seeded``: the file needs no seed."""
        self._warn_chargers()
        self._warn_days()
        self._warn_models()
        self._warn_known_failures()
        for step in self.scenario.plan:
            self._warn_step(step)
        self._warn_checks()
        _warn_of_unused(self.part, self.library)
        if not seeded and "seed" not in self.part and any(entry.count for entry in self.scenario.chargers):
            self.problems.warn(self.part.node, f"no `seed` is given, though crowds are drawn from it; {DEFAULT_SEED} is used")

    def _warn_chargers(self) -> None:
        for entry in self.scenario.chargers:
            node = self.part.node.at("chargers").entries[entry.name][0]
            model = self.scenario.models[entry.model]
            if model.authorisation == "required" and not entry.tag:
                self.problems.warn(
                    node, f"`{entry.model}` asks for a tag and `{entry.name}` shows none: it will never charge; give it one by `tag`"
                )
            self._warn_tag(entry, model, node)
            wire_ma, least_ma = entry.settings.wire_rating_ma, self.scenario.vehicles[entry.car].minimum_ma
            if wire_ma is not None and wire_ma < least_ma:
                most, least = format_current(wire_ma), format_current(least_ma)
                self.problems.warn(node, f"`{entry.name}` will never charge: its wire rating is {most}, and `{entry.car}` needs {least}")
            if entry.tou is not None and entry.tou.on and model.tou == "none":
                self.problems.warn(node, f"`{entry.model}` knows no time-of-use charging: `tou` changes nothing for `{entry.name}`")
            late = [session for session in entry.sessions if session.plug_in_ms >= self.scenario.duration_ms]
            if late:
                self.problems.warn(node, f"a session of `{entry.name}` begins after the end of the run")
            self._warn_sessions(entry, self.part.node.at("chargers", entry.name))
            if not entry.count and not entry.sessions and not self._plugs_in(entry):
                self.problems.warn(node, f"no car ever comes to `{entry.name}`")

    def _warn_tag(self, entry: Chargers, model: ChargerModel, node: Node) -> None:
        """What is said of a tag and changes nothing."""
        said = [key for key, says in (("tag_barred", entry.tag_barred), ("tag_revoked", entry.tag_revoked_ms is not None)) if says]
        own = self.part.node.at("chargers", entry.name)
        if entry.tag_revoked_ms is not None and "tag_revoked" in own.entries:
            self._warn_wrapped(own.at("tag_revoked"), f"the tag of `{entry.name}` is revoked", 0, entry.tag_revoked_ms)
        for key in said:
            if not entry.tag or model.authorisation != "required":
                why = "it shows no `tag`" if not entry.tag else f"`{entry.model}` asks for none"
                self.problems.warn(node, f"`{key}` changes nothing for `{entry.name}`: {why}")
            elif key == "tag_barred" and (not entry.tag_listed or model.server_loss.new_car != "local-list"):
                why = f"`{entry.model}` asks no list" if entry.tag_listed else "its tag is not on the list"
                self.problems.warn(node, f"`{key}` changes nothing for `{entry.name}`: {why}")

    def _warn_sessions(self, entry: Chargers, node: Node) -> None:
        """Sessions whose clock times may mean another day than their writer does; a repeated one ends with the run."""
        written = [node.entries["session"][1]] if "session" in node.entries else node.at("sessions").items
        if any("repeat" in session.entries for session in written):
            return
        for session, stay in zip(written, entry.sessions, strict=True):
            if stay.plug_in_ms < self.scenario.duration_ms:
                self._warn_wrapped(session.at("plug_in"), f"the car of `{entry.name}` comes", 0, stay.plug_in_ms)
            if stay.plug_in_ms < self.scenario.duration_ms < stay.leave_ms:
                leaves = f"the car of `{entry.name}` leaves after the end of the run, on {self._shown(stay.leave_ms)}"
                self.problems.warn(session.at("leave"), f"{leaves}: what it then has is not judged")
            elif stay.leave_ms - stay.plug_in_ms > _LONG_STAY_MS:
                self._warn_wrapped(session.at("leave"), f"the car of `{entry.name}` leaves", stay.plug_in_ms, stay.leave_ms)

    def _warn_wrapped(self, node: Node, what: str, earliest_ms: int, at_ms: int) -> None:
        """A bare clock time whose next occurrence is more than half a day off, on another day: it may be meant to be past."""
        calendar = self.plan.calendar
        wrapped = _BARE_CLOCK.fullmatch(node.text) and at_ms - earliest_ms > _HALF_A_DAY_MS
        if wrapped and calendar.date_of(at_ms) != calendar.date_of(earliest_ms):
            shown = self._shown(at_ms)
            self.problems.warn(node, f"{what} on {shown}, the first {node.text} after; write `{shown}` if that is meant")

    def _shown(self, at_ms: int) -> str:
        """A moment as a file would write it: ``day 2 16:30``."""
        calendar = self.plan.calendar
        local = datetime.fromtimestamp(calendar.start_s + at_ms // 1000, calendar.tz)
        return f"day {(local.date() - calendar.first_day).days + 1} {format_clock_s((local.hour * 60 + local.minute) * 60 + local.second)}"

    def _warn_days(self) -> None:
        """Colours of days that the scenario gives its tariff, all of them outside the run: the year may be wrong."""
        calendar, root = self.plan.calendar, self.part.node
        first, last = calendar.first_day, calendar.date_of(self.scenario.duration_ms)
        for node in (root.at("defaults"), *(below for _, below in root.at("chargers").entries.values())):
            tariff = node.get("tariff")
            days = tariff.get("days") if tariff is not None else None
            if days is None:
                continue
            colours = [value for _, value in days.entries.values() if not value.is_null]
            dates = [parse_date(item.text) for value in colours for item in (value.items if value.kind == "list" else [value])]
            # The day before the first lasts until its tariff's days begin.
            if dates and not any(first - timedelta(days=1) <= date <= last for date in dates):
                self.problems.warn(days, f"none of these days is in the run, which goes from {first} to {last}")

    def _warn_models(self) -> None:
        """Models that contradict themselves, each where a charger first uses it."""
        found: set[tuple[str, str]] = set()
        for entry in self.scenario.chargers:
            model = self.scenario.models[entry.model]
            stored_ma = entry.settings.offline_ma(model.ratings, model.ratings.phases)
            for _, message in contradictions(model, stored_ma):
                if (entry.model, message) not in found:
                    found.add((entry.model, message))
                    self.problems.warn(self.part.node.at("chargers").entries[entry.name][0], f"the model `{entry.model}`: {message}")

    def _warn_known_failures(self) -> None:
        """A known failure of what nothing judges keeps nothing green."""
        expect = self.scenario.expect
        judged = [*(check.name for check in expect.checks), *(limit.metric for limit in expect.limits)]
        if expect.contract == "each-maker":
            contracts = [self.scenario.server.contract, *(model.contract for model in self.scenario.models.values())]
            judged += [name for contract in contracts for name in contract]
        for place, failure in enumerate(expect.known_failures):
            if failure.check not in judged:
                node: Node = self.part.node.at("expect", "known_failures").items[place].at("check")
                self.problems.add(node, f"nothing judges `{failure.check}`: no contract has it, nor `checks`, nor `limits`",
                                  suggestion=nearest(failure.check, judged), severity="warn")  # fmt: skip

    def _plugs_in(self, entry: Chargers) -> bool:
        return any(step.do == "driver.plug-in" and (not step.to.names or entry.name in self._singles(step)) for step in self.scenario.plan)

    def _singles(self, step: Step) -> list[str]:
        """The entries and members that a step names, circuits resolved."""
        circuits = {circuit.name: circuit.members for circuit in self.scenario.circuits}
        return [one for name in step.to.names for one in circuits.get(name, (name,))]

    def _concerned(self, step: Step) -> list[Chargers]:
        """The entries that a step concerns, as far as it names any."""
        named = set(self._singles(step))
        return [entry for entry in self.scenario.chargers if not named or entry.name in named or not named.isdisjoint(entry.members())]

    def _warn_step(self, step: Step) -> None:
        part = self.plan.by_id[step.id]
        over = KINDS[step.do].over
        if over and over not in {self.scenario.models[entry.model].link.transport for entry in self._concerned(step)}:
            what = "speaks over datagrams" if over == "udp" else "holds a connection, they speak over datagrams"
            self.problems.warn(part.at("do"), f"`{step.id}` will do nothing: none of its targets {what}")
        if step.when is not None and step.when.state == "Faulted":
            self.problems.warn(part.at("when"), f"`{step.id}` waits for `Faulted`, and no charger here ever is")
        start_ms = self.plan.edge_ms(step.id, "start")
        if start_ms is None:
            return
        if start_ms >= self.scenario.duration_ms:
            length = format_duration_ms(self.scenario.duration_ms)
            self.problems.warn(part.node, f"`{step.id}` comes after the end of the run, which lasts {length}")
            return
        if "at" in part:
            self._warn_wrapped(part.at("at"), f"`{step.id}` comes", 0, start_ms)
        end_ms = self.plan.edge_ms(step.id, "end") if "until" in part else None
        if end_ms is not None:
            self._warn_wrapped(part.at("until"), f"`{step.id}` ends", start_ms, end_ms)
        if why := self._changes_nothing(step):
            self.problems.warn(part.at("do"), f"`{step.id}` will change nothing: {why}")
        if step.do not in (*_NEEDS_CAR, "driver.plug-in"):
            return
        for name in self._singles(step):
            entry = self.entries.get(name)
            if entry is None or entry.count:
                crowd = entry or next((one for one in self.scenario.chargers if name in one.members()), None)
                if crowd is not None and not crowd.driver:
                    continue  # nothing about it is drawn; each member would have to be looked at
                self.problems.warn(part.at("to"), f"whether `{name}` has a car then is drawn from the seed: `{step.do}` may find none")
            elif self._has_car(entry, start_ms) == (step.do == "driver.plug-in"):
                state = "already has a car" if step.do == "driver.plug-in" else "has no car"
                self.problems.warn(part.at("to"), f"`{name}` {state} when `{step.id}` comes: `{step.do}` will do nothing")

    def _changes_nothing(self, step: Step) -> str:
        """Why nobody can feel a step that happens to the server; empty: somebody may."""
        server, models = self.scenario.server, self.scenario.models
        if step.do == "server.failover" and server.shards == 1:
            return f"the server `{server.name}` is in one piece, so there is nowhere to move to"
        if step.do == "server.brown-out" and int(step.arguments["answers_per_ks"]) >= 1000 * server.answers_per_s:  # type: ignore[arg-type]
            return f"the server `{server.name}` answers {server.answers_per_s} a second"
        if step.do == "server.admit" and int(step.arguments["accepts_per_ks"]) >= 1000 * server.accepts_per_s:  # type: ignore[arg-type]
            return f"the server `{server.name}` accepts {server.accepts_per_s} a second"
        tags = any(entry.tag and models[entry.model].authorisation == "required" for entry in self.scenario.chargers)
        if step.do == "server.authorisation-down" and not tags:
            return "no charger asks for a tag and is shown one"
        steps = {each.do for each in self.scenario.plan}
        stored = steps & {"driver.set-tou", "driver.set-amperage", "driver.override"} or any(
            (entry.tou is not None and entry.tou.on) or entry.settings.amperage_ma for entry in self.scenario.chargers
        )
        if step.do == "server.settings-wiped" and not stored:
            return "the server stores no settings: neither time-of-use charging, nor amperage, nor overrides"
        return ""

    def _has_car(self, entry: Chargers, at_ms: int) -> bool:
        """Whether a car is connected at a moment, by the pinned sessions and the steps before it whose time is known."""
        stays = [(session.plug_in_ms, session.leave_ms) for session in entry.sessions]
        for step in self.scenario.plan:
            begin_ms = self.plan.edge_ms(step.id, "start")
            if begin_ms is None or begin_ms >= at_ms or (step.to.names and entry.name not in self._singles(step)):
                continue
            if step.do == "driver.plug-in":
                stays.append((begin_ms, begin_ms + int(step.arguments["stay_ms"])))  # type: ignore[arg-type]
            elif step.do == "driver.unplug":
                stays = [(begin, min(end, begin_ms) if begin <= begin_ms else end) for begin, end in stays]
        return any(begin <= at_ms < end for begin, end in stays)

    def _warn_checks(self) -> None:
        """A check that the scenario names and that nothing in it can put to the test."""
        steps = {step.do for step in self.scenario.plan}
        holds = any(entry.tou for entry in self.scenario.chargers) or "driver.set-tou" in steps
        models = self.scenario.models.values()
        expect = self.scenario.expect
        for check in expect.checks:
            self._warn_own(check)
        named = dict.fromkeys([*expect.exercised, *(check.name for check in expect.checks if check.builtin)])
        for name in named:
            missing = [group for group in _TRIGGERED_BY.get(name, ()) if not group & steps]
            node = self._named_at(name)
            if missing:
                self.problems.warn(node, f"nothing in the plan can trigger `{name}`: it takes {listed(sorted(missing[0]), most=4)}")
            elif name in ("hold-lifted-after-loss", "pause-kept-offline") and not (holds or "driver.pause" in steps):
                self.problems.warn(node, f"nothing can trigger `{name}`: there is neither time-of-use charging nor `driver.pause`")
            elif name in _NEEDS_TOU and not holds:
                self.problems.warn(node, f"nothing can trigger `{name}`: no charger has time-of-use charging (`tou`)")
            elif name == "random-delay-applied" and not any(model.power_up.random_delay_ms for model in models):
                self.problems.warn(node, f"nothing can trigger `{name}`: no model has a `random_delay`")
            elif name == "replug-overrides" and not any(model.override_by_replug for model in models):
                self.problems.warn(node, f"nothing can trigger `{name}`: no model has an `override_by_replug`")
            elif name == "load-group-within-capacity" and not self.scenario.circuits:
                self.problems.warn(node, f"nothing can trigger `{name}`: there are no `circuits`")

    def _warn_own(self, check: CheckSpec) -> None:
        """One of the scenario's own checks that can hardly mean what it says."""
        for key in ("whenever", "then", "until", "always", "sometimes"):
            predicate: Predicate | None = getattr(check, key)
            if predicate is not None and set(predicate.state) == {"Faulted"}:
                self.problems.warn(self._named_at(check.name), f"`{check.name}` waits for `Faulted`, and no charger here ever is")
        if check.then is not None and "within" not in self.part.node.at("expect", "checks", check.name).entries:
            self.problems.warn(self._named_at(check.name), f"`{check.name}` has no `within`: it must hold at once")

    def _named_at(self, name: str) -> Node:
        expect: Node = self.part.node.at("expect")
        checks = expect.at("checks").entries
        if name in checks:
            return checks[name][0]
        exercised = expect.at("exercised")
        return next((item for item in (exercised, *exercised.items) if item.text == name), expect)
