"""What plans are drawn over: a base without its own plan, on the days and within the limits on which things go wrong.

A plan is known by its *ancestry*: the seed that drew it, and those that changed it since. Ancestry → scenario is a pure function of the
base; so is the file that says the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from harness import scenario, shipped
from harness.scenario import writing
from harness.scenario.linting import warn_of_unused
from harness.scenario.models import is_model, model_tree
from harness.scenario.nodes import Node, read_file, read_text
from harness.scenario.overrides import overridden
from harness.scenario.problems import Problem, ScenarioError, nearest, refusal
from harness.scenario.resolve import Resolution
from harness.search.generator import HOUR_MS, Dice, generate, mutate
from harness.units import format_current, format_duration_ms
from harness.values import Circuit, Scenario
from harness.zones import zone

SHORTEST_MS = 14 * HOUR_MS
"""A run is at least so long: what must hold after recovery takes its time."""
_DURATIONS_MS = (SHORTEST_MS, 24 * HOUR_MS, 30 * HOUR_MS)
_EVE = "20:00"
"""When a run begins whose night is the one that counts."""
_QUEUES = (2, 3, 10)
_AMPS_EACH = (12, 16, 20, 32)
_GROUP = "group"

_PLAIN = """
harness: 1
title: Three chargers under a random plan
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: 24 h
seed: 1
server: {server}
network: home-wifi
supply: {{voltage: 240 V, phases: 1}}
defaults: {{model: juicebox-40, car: leaf-40, tariff: pge-ev2-a, tou: {{charge_in: [off-peak]}}}}
chargers:
  anna: {{tag: A1}}
  ben: {{settings: {{wire_rating: 24 A}}, tag: B1}}
  carla: {{settings: {{amperage: 16 A}}, tag: C1, tag_listed: false}}
"""


class Source(Struct, frozen=True):
    """The file of a base, as far as plans are drawn over it: without its plan, stays of single chargers, and expectations of its own."""

    name: str
    text: str
    folder: str
    """Against which it names files; absolute."""
    digest: str = ""
    """Stands for all that plans over it follow from, where that is known."""


class Circumstance(Struct, frozen=True):
    """When a plan takes place and within which limits; what is empty is as the base says."""

    start: str = ""
    duration_ms: int = 0
    queue_limit: int = 0
    capacity_a: int = 0
    """Of a load group of all chargers that the base names, where it has none."""


def source(base: str | Path, overrides: Sequence[str] = ()) -> Source:
    """The base that a scenario (a file, or a shipped one's name) stands for, or a charger model (likewise), which stands for three such
    chargers. Raises :class:`ScenarioError`."""
    root, name, folder = _tree_of(base, overrides)
    resolved(root, name, folder)  # what is wrong with the file itself is told of it as it stands
    text = writing.text(writing.moved(writing.with_named_models(_bare(root)), folder, folder))
    made = Space(Source(name, text, str(folder.absolute())))
    made.source = replace(made.source, digest=made.digest)
    _keep(made)
    return made.source


def doubts(base: str | Path, overrides: Sequence[str] = ()) -> list[Problem]:
    """The warnings about what a base says of charger models that nothing in it is. Raises :class:`ScenarioError`."""
    root, name, folder = _tree_of(base, overrides)
    resolution = Resolution(root, name, folder)
    warn_of_unused(resolution)
    return [problem for problem in resolution.problems.in_order() if problem.severity == "warn"]


def _tree_of(base: str | Path, overrides: Sequence[str]) -> tuple[Node, str, Path]:
    """The tree of a base with overrides, its name, and the folder against which it names files."""
    model = _model(base)
    if model is None:
        _refuse_unknown(base)
        return read_base(base, overrides)
    name, protocol = model
    root = read_text(_PLAIN.format(server="csms" if protocol.startswith("ocpp") else "juicenet"), f"{name}.yaml")
    root = writing.put(root, ("defaults", "model"), name if _is_shipped(base, name) else str(base))
    return overridden(writing.with_named_models(root), overrides), name, Path()


def _is_shipped(base: str | Path, name: str) -> bool:
    """Whether a charger model is a shipped one, by its name or by the path of its file."""
    path = shipped.model_path("charger", name)
    return path is not None and (str(base) == name or Path(base).resolve() == path.resolve())


def _refuse_unknown(base: str | Path) -> None:
    known = [*shipped.scenario_names(), *shipped.model_names("charger")]
    if not Path(base).exists() and str(base) not in known and shipped.scenario_path(str(base)) is None:
        message = "no such file, and no shipped scenario or charger model of that name"
        raise refusal(str(base), message, suggestion=nearest(str(base), known))


def read_base(base: str | Path, overrides: Sequence[str]) -> tuple[Node, str, Path]:
    """The tree of a scenario's file with overrides, its name, and its folder. Raises :class:`ScenarioError`."""
    path, _ = scenario.find(base)
    return scenario.tree(base, overrides), path.stem, path.parent


def about(root: Node, check: str) -> Node:
    """The tree of a scenario that expects nothing beyond its contract but what it says of one check."""
    expect = root.get("expect")
    if expect is None:
        return root
    for key in ("exercised", "limits", "known_failures"):
        root = writing.put(root, ("expect", key), None)
    checks = expect.get("checks")
    others = [name for name in checks.entries if name != check] if checks is not None else []
    for name in others:
        root = writing.put(root, ("expect", "checks", name), None)
    return writing.put(root, ("expect", "checks"), None) if checks is not None and len(others) == len(checks.entries) else root


def _model(base: str | Path) -> tuple[str, str] | None:
    """The name and the protocol of the charger model that a base stands for; None: it is a scenario."""
    path = Path(base)
    if path.is_file():
        root = read_file(path, path.as_posix())
        return (path.stem, _protocol(root)) if is_model(root) else None
    if str(base) in shipped.model_names("charger"):
        found = shipped.model_path("charger", str(base))
        assert found is not None
        return str(base), _protocol(model_tree(found, found.name))
    return None


def _protocol(root: Node) -> str:
    own = root.get("protocol")
    if own is not None:
        return own.text
    below = root.get("extends")
    found = _model(below.text) if below is not None else None
    return found[1] if found is not None else ""


def _bare(root: Node) -> Node:
    """The tree without what plans replace."""
    for key in ("plan", "why"):
        root = writing.put(root, (key,), None)
    root = writing.put(root, ("expect",), {"contract": "each-maker"})
    chargers = root.get("chargers")
    for name, (_, entry) in chargers.entries.items() if chargers is not None else ():
        if "count" not in entry.entries:
            for key in ("session", "sessions"):
                root = writing.put(root, ("chargers", name, key), None)
    return root


def _resolution(root: Node, name: str, folder: str | Path) -> tuple[Resolution, Scenario]:
    resolution = Resolution(root, name, Path(folder))
    if resolution.scenario is None:
        raise ScenarioError(resolution.problems.in_order())
    return resolution, resolution.scenario


def resolved(root: Node, name: str, folder: str | Path) -> Scenario:
    """The scenario that a tree stands for. Raises :class:`ScenarioError`."""
    return _resolution(root, name, folder)[1]


class Space:
    """All plans over one base."""

    def __init__(self, given: Source) -> None:
        self.source = given
        self._root = read_text(given.text, f"{given.name}.yaml")
        resolution, self.plain = _resolution(self._root, given.name, given.folder)
        self._days: dict[tuple[str, int], Scenario | None] = {}
        self.starts = _eves(self.plain, resolution.season_ends)
        named = [entry.name for entry in self.plain.chargers if not entry.count]
        self._members = tuple(named) if len(named) > 1 and not self.plain.circuits else ()
        capacities = (amps * len(self._members) for amps in _AMPS_EACH if self._members)
        self._capacities = tuple(amps for amps in capacities if self._carries(amps))

    @cached_property
    def digest(self) -> str:
        """Stands for all that plans over this base follow from, but their seeds: also for what its models say of the other days that are
        drawn, such as the prices of another season."""
        days = [Circumstance(start, duration_ms) for start in ("", *self.starts) for duration_ms in (0, *_DURATIONS_MS)]
        return hashlib.blake2b(msgspec.msgpack.encode([self.base(day) for day in days]), digest_size=16).hexdigest()

    def _carries(self, capacity_a: int) -> bool:
        """Whether a load group of its chargers may have such a circuit: it must carry what they draw at worst without a server."""
        try:
            resolved(self.tree(Circumstance(capacity_a=capacity_a)), self.source.name, self.source.folder)
        except ScenarioError:
            return False
        return True

    def circumstance(self, seed: int) -> Circumstance:
        """When the plan of a seed takes place, and within which limits."""
        dice = Dice(seed, "circumstance")
        start = dice.of(self.starts) if self.starts and dice.chance(50) else ""
        duration_ms = dice.of(_DURATIONS_MS) if dice.chance(60) or self.plain.duration_ms < SHORTEST_MS else 0
        queue_limit = dice.of(_QUEUES) if dice.chance(40) else 0
        capacity_a = dice.of(self._capacities) if self._capacities and dice.chance(50) else 0
        return Circumstance(start, duration_ms, queue_limit, capacity_a)

    def plan(self, ancestry: tuple[int, ...]) -> Scenario:
        """The plan that the first seed draws and each further one changes."""
        first, *others = ancestry
        plan = generate(self.base(self.circumstance(first)), first)
        for seed in others:
            plan = mutate(plan, seed)
        return replace(plan, name=f"{self.source.name}-{ancestry[-1]}")

    def base(self, there: Circumstance) -> Scenario:
        """The base, as it is at a time and within limits."""
        day = (there.start, there.duration_ms)
        if day not in self._days:
            try:
                self._days[day] = resolved(self._on(day), self.source.name, self.source.folder)
            except ScenarioError:
                self._days[day] = None
        # What the file says of times may not fit another day: then it stays on its own.
        found = self._days[day] or self.plain
        if there.queue_limit:
            models = {name: replace(model, queue=replace(model.queue, limit=there.queue_limit)) for name, model in found.models.items()}
            found = replace(found, models=models)
        if there.capacity_a:
            found = replace(found, circuits=(Circuit(name=_GROUP, members=self._members, capacity_ma=there.capacity_a * 1000),))
        return found

    def _on(self, day: tuple[str, int]) -> Node:
        start, duration_ms = day
        root = writing.put(self._root, ("start",), start) if start else self._root
        return writing.put(root, ("duration",), format_duration_ms(duration_ms)) if duration_ms else root

    def tree(self, there: Circumstance) -> Node:
        """The file that says what :meth:`base` gives."""
        day = (there.start, there.duration_ms)
        root = self._on(day) if self._days.get(day) is not None else self._root
        for name in self.plain.models if there.queue_limit else ():
            root = writing.put(root, ("models", name, "queue", "limit"), str(there.queue_limit))
        if there.capacity_a:
            group = {"members": list(self._members), "capacity": format_current(there.capacity_a * 1000)}
            root = writing.put(root, ("circuits",), {_GROUP: group})
        return root

    def text(self, there: Circumstance, found: Scenario, *, folder: Path, comment: tuple[str, ...] = ()) -> str:
        """A scenario that a plan in this circumstance led to, as a file in ``folder``."""
        base = self.base(there)
        root = writing.varied(self.tree(there), base, found)
        return writing.text(writing.moved(root, Path(self.source.folder), folder), comment=comment)


def _eves(plain: Scenario, season_ends: set[tuple[int, int]]) -> tuple[str, ...]:
    """The evenings before clocks change and before a season of a tariff ends, in the year in which the base begins."""
    tz = zone(plain.zone)
    year = datetime.fromisoformat(plain.start).astimezone(tz).year
    days = [date(year, 1, 1) + timedelta(days=number) for number in range(365)]
    changes = [day for day in days if _offset(day, tz) != _offset(day + timedelta(days=1), tz)]
    eves = {day - timedelta(days=1) for day in changes} | {date(year, month, day) for month, day in season_ends if (month, day) != (2, 29)}
    return tuple(f"{day.isoformat()} {_EVE}" for day in sorted(eves))


def _offset(day: date, tz: ZoneInfo) -> timedelta | None:
    return datetime(day.year, day.month, day.day, tzinfo=tz).utcoffset()


_KEPT: dict[Source, Space] = {}
_MOST_KEPT = 8


def _keep(made: Space) -> None:
    _KEPT[made.source] = made
    if len(_KEPT) > _MOST_KEPT:
        del _KEPT[next(iter(_KEPT))]


def space(given: Source) -> Space:
    """The space over a base, made once in each process. Raises :class:`ScenarioError` where the files that the base names are not here as
    they were where it was read: another machine works on it, or they have changed since."""
    if given not in _KEPT:
        made = Space(given)
        if given.digest not in ("", made.digest):
            message = "the files that it names are not as they were where the search was begun"
            raise refusal(given.name, message, expected="the same files at the same place on each machine, and left alone meanwhile")
        _keep(made)
    return _KEPT[given]
