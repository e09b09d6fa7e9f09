"""The plan of a scenario: its steps, their moments and their targets, from what the file says to values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.fault import COMMANDS, KINDS, MESSAGES, Argument, Kind
from harness.scenario.calendar import Calendar, ClockError
from harness.scenario.forms import (
    CURRENT,
    DURATION,
    ENERGY,
    FAILED,
    NAME_FORM,
    PERCENT,
    RATE,
    SIGNED_DURATION,
    SWITCH,
    TEXT,
    Form,
    ListOf,
    Part,
    count_form,
    lowered,
    read,
    words_form,
)
from harness.scenario.moments import After, Relative
from harness.scenario.nodes import Node
from harness.scenario.problems import Problems, listed, nearest
from harness.scenario.roster import EVERYONE, Roster
from harness.units import WallTime, format_duration_ms
from harness.values import Moment, ServerModel, Step, Targets, Trigger

_FORMS: dict[str, Form] = {
    "duration": DURATION, "signed duration": SIGNED_DURATION, "current": CURRENT, "energy": ENERGY, "flag": SWITCH, "word": TEXT,
    "words": ListOf(NAME_FORM, lone=True), "percentage": PERCENT, "rate": RATE,
}  # fmt: skip
_OCPP_NAMES = {
    "StartTransaction": "transaction-start", "StopTransaction": "transaction-end", "MeterValues": "meter-values",
    "StatusNotification": "status", "BootNotification": "registration", "Authorize": "authorise", "Heartbeat": "keepalive",
}  # fmt: skip
"""What those who know OCPP call messages."""
_STRIKES = ("message.", "station.reboot-loop")
"""Kinds that strike again and again, and so can end by ``times``."""


def argument_form(argument: Argument) -> Form:
    """How an argument of a kind of step is written."""
    if argument.one_of:
        return words_form(*argument.one_of)
    if argument.unit == "count":
        return count_form(argument.least)
    return _FORMS[argument.unit]


class PlanReader:
    """Reads the steps of a plan; what it needs to know of the rest of the scenario it is given."""

    def __init__(
        self, parts: Sequence[Any], problems: Problems, *, calendar: Calendar, roster: Roster, server: ServerModel | None, known: set[str]
    ) -> None:
        self.parts: list[Part] = [part for part in parts if part is not FAILED]
        self.calendar = calendar
        self.roster = roster
        self.server = server
        self.problems = problems
        self.known = known
        """Names of entries and circuits that stand in the file but could not be read; their problems are noted already."""
        self.ids = [part.get("id", f"step-{place}") for place, part in enumerate(self.parts, start=1)]
        self.by_id = dict(zip(self.ids, self.parts, strict=True))
        self._absolute: dict[str, int | None] = {}

    def read(self) -> tuple[Step, ...]:
        """All steps in the order of the file; what is wrong is noted."""
        for place, step_id in enumerate(self.ids):
            if step_id in self.ids[:place]:
                self.problems.add(self.parts[place].at("id"), f"two steps are called `{step_id}`", expected="an id of its own")
        self._refuse_circles()
        steps = [self._step(step_id, part) for step_id, part in zip(self.ids, self.parts, strict=True)]
        return tuple(step for step in steps if step is not None)

    def moment(self, value: WallTime | After | Relative, node: Node, *, earliest_ms: int = 0) -> Moment | None:
        """A moment resolved, or None with the problem noted; a clock time is its first occurrence from ``earliest_ms`` on."""
        if isinstance(value, After):
            return Moment(offset_ms=value.ms)
        if isinstance(value, WallTime):
            try:
                offset_ms = self.calendar.ms(value, earliest_ms=earliest_ms)
            except ClockError as error:
                self.problems.add(node, str(error), found=node.shown, expected=error.expected)
                return None
            if offset_ms < 0:
                self.problems.add(node, "before the start of the run", found=node.shown)
                return None
            return Moment(offset_ms=offset_ms)
        return self._relative(value, node)

    def _relative(self, value: Relative, node: Node) -> Moment | None:
        part = self.by_id.get(value.step)
        if part is None:
            expected, meant = listed(self.ids) or "a step with that id", nearest(value.step, self.ids)
            self.problems.add(node, f"no step is called `{value.step}`", expected=expected, suggestion=meant)
            return None
        kind = KINDS.get(part.get("do", ""))
        if kind is not None and value.edge != "start" and not self._has_edge(part, kind, value.edge):
            why = "is an instant" if kind.ends == "instant" else "never ends"
            self.problems.add(node, f"`{value.step}` {why}, so it has no `{value.edge}`", expected=f"`{value.step}.start`")
            return None
        if value.offset_ms >= 0:
            return Moment(offset_ms=value.offset_ms, step=value.step, edge=value.edge)  # type: ignore[arg-type]
        base_ms = self.edge_ms(value.step, value.edge)
        if base_ms is None:
            if any(key in part.node.entries and key not in part for key in ("at", "for", "until")):
                return None  # what would tell is wrong itself, and noted already
            self.problems.add(
                node, f"nobody knows `{value.step}.{value.edge}` beforehand", found=node.shown, expected="a moment at or after it"
            )
            return None
        if base_ms + value.offset_ms < 0:
            self.problems.add(node, "before the start of the run", found=node.shown)
            return None
        return Moment(offset_ms=base_ms + value.offset_ms)

    def _has_edge(self, part: Part, kind: Kind, edge: str) -> bool:
        if kind.ends == "instant":
            return edge == "recovered" and kind.family != "driver"
        return kind.ends == "must" or (kind.ends == "may" and any(key in part.node.entries for key in ("for", "until", "times")))

    def edge_ms(self, step_id: str, edge: str) -> int | None:
        """When a step starts or ends, where the plan alone says so; None where only the run can tell."""
        key = f"{step_id}.{edge}"
        if key not in self._absolute:
            self._absolute[key] = None  # a circle, which is refused elsewhere, ends here
            self._absolute[key] = self._edge_ms(self.by_id[step_id], step_id, edge)
        return self._absolute[key]

    def _edge_ms(self, part: Part, step_id: str, edge: str) -> int | None:
        if edge == "recovered":
            return None
        if edge == "start":
            return self._value_ms(part.get("at"), 0)
        start_ms = self.edge_ms(step_id, "start")
        if "for" in part:
            return None if start_ms is None else start_ms + int(part.get("for"))
        return self._value_ms(part.get("until"), start_ms or 0)

    def _value_ms(self, value: WallTime | After | Relative | None, earliest_ms: int) -> int | None:
        if isinstance(value, After):
            return value.ms
        if isinstance(value, WallTime):
            try:
                return self.calendar.ms(value, earliest_ms=earliest_ms)
            except ClockError:
                return None
        if value is None or value.step not in self.by_id:
            return None
        base_ms = self.edge_ms(value.step, value.edge)
        return None if base_ms is None else base_ms + value.offset_ms

    def _refuse_circles(self) -> None:
        """A step may not, over any number of others, wait for itself."""
        waits: dict[str, list[str]] = {}
        for step_id, part in self.by_id.items():
            at, until = part.get("at"), part.get("until")
            waits[f"{step_id}.start"] = [f"{at.step}.{at.edge}"] if isinstance(at, Relative) else []
            waits[f"{step_id}.end"] = [f"{step_id}.start"] + ([f"{until.step}.{until.edge}"] if isinstance(until, Relative) else [])
            waits[f"{step_id}.recovered"] = [f"{step_id}.end"]
        done: set[str] = set()
        for begin in waits:
            path: list[str] = []
            stack = [(begin, False)]
            while stack:
                edge, left = stack.pop()
                if left:
                    path.pop()
                    done.add(edge)
                elif edge in path:
                    circle = " → ".join(f"`{one}`" for one in [*path[path.index(edge) :], edge])
                    part = self.by_id[edge.rpartition(".")[0]]
                    self.problems.add(part.at("at" if edge.endswith("start") else "until"), "steps wait for each other", found=circle)
                    return
                elif edge not in done:
                    path.append(edge)
                    stack += [(edge, True), *((below, False) for below in waits.get(edge, ()))]

    def _step(self, step_id: str, part: Part) -> Step | None:
        before = len(self.problems.found)
        kind = KINDS.get(part.get("do", ""))
        if kind is None:
            return None
        at = when = until = None
        if ("at" in part.node.entries) == ("when" in part.node.entries):
            found = "both" if "at" in part.node.entries else "neither"
            self.problems.add(part.node, f"the step `{step_id}` has {found} of `at` and `when`", expected="one of them")
        elif "at" in part:
            at = self.moment(part.get("at"), part.at("at"))
        elif "when" in part:
            when = self._trigger(part.get("when"))
        if "until" in part:
            start_ms = self.edge_ms(step_id, "start")
            until = self.moment(part.get("until"), part.at("until"), earliest_ms=start_ms or 0)
            if until is not None and not until.step and start_ms is not None and until.offset_ms <= start_ms:
                self.problems.add(part.at("until"), f"`{step_id}` ends before it begins", found=part.at("until").shown)
        self._check_end(step_id, part, kind)
        if kind.name == "server.restore-backup" and (at is not None or when is not None) and self.edge_ms(step_id, "start") is None:
            node = part.at("at" if at is not None else "when")
            expected = "a time, or a moment of a step whose times are known"
            self.problems.add(node, "nobody knows beforehand when the backup is to be made", found=node.shown, expected=expected)
        targets = self._targets(part, kind)
        arguments = self._arguments(part, kind)
        if len(self.problems.found) > before:
            return None
        return Step(
            id=step_id, do=kind.name, at=at, when=when, to=targets, arguments=arguments, for_ms=part.get("for"), until=until,
            times=part.get("times"), line=part.node.line,
        )  # fmt: skip

    def _check_end(self, step_id: str, part: Part, kind: Kind) -> None:
        """``for``, ``until`` and ``times``, by what the kind allows; what strikes so many times may end before that."""
        given = [key for key in ("for", "until", "times") if key in part.node.entries]
        if given[:2] == ["for", "until"]:
            self.problems.add(part.at(given[1]), f"`{step_id}` ends in two ways", found=listed(given), expected="one of them")
        elif kind.ends in {"instant", "never"} and given:
            why = "is an instant" if kind.ends == "instant" else "cannot end"
            self.problems.add(part.at(given[0]), f"`{kind.name}` {why}", found=f"`{given[0]}`", expected="nothing of the kind")
        elif kind.ends == "must" and not given:
            ways = "`for`, `until` or `times`" if kind.name.startswith(_STRIKES) else "`for` or `until`"
            self.problems.add(part.node, f"`{kind.name}` needs an end", expected=ways)
        elif "times" in given and not kind.name.startswith(_STRIKES):
            self.problems.add(part.at("times"), f"`{kind.name}` strikes once", found="`times`", expected="`for` or `until`")
        if part.get("for") == 0:
            self.problems.add(part.at("for"), f"`{step_id}` lasts no time", expected="a duration above zero")

    def _trigger(self, part: Part) -> Trigger | None:
        if ("message" in part.node.entries) == ("state" in part.node.entries):
            self.problems.add(part.node, "`when` waits for one thing", expected="`message` or `state`")
            return None
        source = part.get("from", "")
        unknown = not source or source in self.known or not self.roster.check(source, part.at("from"), self.problems, circuits=False)
        if not unknown and not self.roster.is_one(source):
            found = f"the crowd `{source}`"
            self.problems.add(part.at("from"), "one charger's message or state counts", found=found, expected="one of its members")
        return Trigger(
            message=part.get("message", ""), state=part.get("state", ""), source=source, nth=part.get("nth", 1),
            delay_ms=part.get("delay", 0),
        )  # fmt: skip

    def _targets(self, part: Part, kind: Kind) -> Targets:
        value: str | tuple[str, ...] | Part | None = part.get("to")
        if value is None:
            if kind.aims == "one" and "to" not in part.node.entries:
                self.problems.add(part.node, f"`{kind.name}` does not say whom it concerns", expected="`to`: a charger's name, or `all`")
            return Targets()
        if isinstance(value, Part):
            return self._share(value, kind)
        names = (value,) if isinstance(value, str) else value
        if names == (EVERYONE,):
            return Targets()
        if kind.aims == "server":
            self.problems.add(part.at("to"), f"`{kind.name}` happens to the server", found=part.at("to").shown,
                              expected="nothing, `all` or `{shard: 1}`")  # fmt: skip
            return Targets()
        if not names:
            self.problems.add(part.at("to"), "`to` names nobody", expected="at least one charger, or `all`")
        self._check_targets(names, part.at("to"))
        return Targets(names=tuple(names))

    def _check_targets(self, names: Sequence[str], node: Node) -> None:
        for place, name in enumerate(names):
            where = node.items[place] if node.kind == "list" else node
            if name == EVERYONE:
                self.problems.add(where, "`all` stands alone", expected="`to: all`, or names")
            elif name not in self.known:
                self.roster.check(name, where, self.problems)

    def _share(self, value: Part, kind: Kind) -> Targets:
        node = value.node
        if ("share" in node.entries) == ("shard" in node.entries):
            self.problems.add(node, "`to` is not right", expected="`{share: 30 %, of: homes}` or `{shard: 1}`")
            return Targets()
        if "shard" in value:
            shard = value.get("shard")
            if "of" in value:
                self.problems.add(value.at("of"), "a shard is what it is", found="`of`", expected="`of` with `share` only")
            if self.server is not None and shard > self.server.shards:
                self.problems.add(value.at("shard"), f"the server `{self.server.name}` has no such shard", found=f"`{shard}`",
                                  expected=f"1 to {self.server.shards}")  # fmt: skip
            return Targets(shard=shard)
        if kind.aims == "server":
            self.problems.add(node, f"`{kind.name}` happens to the server", found="a share of the chargers", expected="`{shard: 1}`")
        if value.get("share") == 0:
            self.problems.add(value.at("share"), "a share of nobody", expected="a percentage above zero")
        names = () if value.get("of") == (EVERYONE,) else value.get("of", ())
        self._check_targets(names, value.at("of"))
        return Targets(names=names, share_permille=value.get("share", 0))

    def _arguments(self, part: Part, kind: Kind) -> dict[str, int | str | bool | tuple[str, ...]]:
        """The step's ``with``, checked against the catalogue, with the defaults filled in."""
        node: Node | None = part.get("with")
        given = node.entries if node is not None and node.kind == "map" else {}
        if node is not None and node.kind != "map":
            self.problems.add(node, "`with` is not right", found=node.shown, expected="a map of the kind's arguments")
        names = [argument.name for argument in kind.arguments]
        for key, (key_node, _) in given.items():
            if key not in names:
                expected = listed(names) or "no arguments"
                self.problems.add(key_node, f"unknown argument `{key}` of `{kind.name}`", expected=expected, suggestion=nearest(key, names))
        values: dict[str, int | str | bool | tuple[str, ...]] = {}
        for argument in kind.arguments:
            if argument.name in given:
                value = read(argument_form(argument), given[argument.name][1], self.problems, argument.name)
                if value is not FAILED and argument.unit in ("duration", "energy", "percentage") and value < argument.least:
                    node_ = given[argument.name][1]
                    expected = "more than nothing" if argument.least == 1 else f"{format_duration_ms(argument.least)} or more"
                    self.problems.add(node_, f"`{argument.name}` is not right", found=node_.shown, expected=expected)
                elif value is not FAILED:
                    values[argument.key] = value
            elif argument.required:
                if not any(nearest(key, [argument.name]) for key in given if key not in names):
                    expected = f"`{argument.name}`: {lowered(argument.doc)}"
                    self.problems.add(node or part.node, f"`{kind.name}` needs `{argument.name}`", expected=expected)
            elif argument.default is not None:
                values[argument.key] = argument.default
        if kind.family == "message":
            self._check_action(given, values)
        if kind.one_shard and self.server is not None and values.get("shard", 1) > self.server.shards:  # type: ignore[operator]
            self.problems.add((node or part.node).at("shard"), f"the server `{self.server.name}` has no such shard",
                              found=f"`{values['shard']}`", expected=f"1 to {self.server.shards}")  # fmt: skip
        return values

    def _check_action(self, given: dict[str, tuple[Node, Node]], values: dict[str, Any]) -> None:
        """A message is one that goes in the step's direction."""
        names = COMMANDS if values.get("direction") == "command" else MESSAGES
        action = values.get("action")
        if action and action not in names:
            meant = _OCPP_NAMES[action] if _OCPP_NAMES.get(action) in names else nearest(action, names)
            other = " with `direction: command`" if action in COMMANDS else " without `direction: command`" if action in MESSAGES else ""
            self.problems.add(given["action"][1], "no such message" + (f" in this direction; it is one{other}" if other else ""),
                              found=f"`{action}`", expected=f"one of {listed(names)}", suggestion="" if other else meant)  # fmt: skip
