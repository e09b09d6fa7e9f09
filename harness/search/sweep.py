"""A sweep: the same scenario with two things varied, each cell of the grid run with the same seeds, and measured against its twins.

A run is known by what it follows from: the digest of its scenario and its seed. So one file may keep the runs of any sweeps, and whatever
was run is there when a sweep is asked for again, with more seeds, with other values or for another metric. A twin is a run like any other;
cells whose drivers do the same at the same instants share it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from harness import __version__, scenario
from harness.check.judge import Judge
from harness.check.metrics import METRICS, Meter, metrics
from harness.journal.records import AnyRecord, Fault
from harness.scenario.problems import ScenarioError, refusal
from harness.search import axes
from harness.search.grid import Axis, Cell
from harness.search.pool import in_order
from harness.search.store import Campaign, told
from harness.search.trial import failing
from harness.stage import simulated
from harness.units import parse_duration_ms
from harness.values import Expect, Moment, Scenario, Step

MOST_CELLS = 10_000
MOST_SEEDS = 10_000
MOST_RUNS = 1_000_000
_MOST_PER_TASK = 20
_CHARGER_DAYS_PER_TASK = 1000
"""A task takes about a quarter of a second: much longer than handing it over, and no loss where a sweep is killed."""
_DAY_MS = 86_400_000

Progress = Callable[[int, int], None]
"""Told how many runs are done, and how many there will be."""


class Plan(Struct, frozen=True, kw_only=True):
    """A sweep to be made."""

    base: Scenario
    x: Axis
    y: Axis
    cells: tuple[Scenario, ...]
    """Row by row, a row for each value of ``y``; without a seed of their own."""
    seeds: tuple[int, ...]
    judged: bool
    freed: bool
    """Something of the file stood in the way of an axis and was left out."""
    ends_ms: tuple[int, ...]
    """When the outage of each cell ends, as far as the plan says when it begins; 0 where it does not."""


class Ran(Struct, frozen=True, kw_only=True):
    """A run that was made."""

    cell: str
    """The digest of its scenario."""
    seed: int
    figures: dict[str, float | None]
    """Each metric of the run itself."""
    steps: dict[str, int] = {}
    """Drivers' step → when it fired, which is what the twin keeps."""
    failed: list[str] = []
    """The checks that failed, where they were looked at."""


class Task(Struct, frozen=True, kw_only=True):
    """Some runs of one scenario."""

    cell: str
    scenario: Scenario
    seeds: tuple[int, ...]
    judged: bool


def digest(scenario: Scenario) -> str:
    """Stands for all that the runs of a scenario follow from, but the seed."""
    plan = tuple(replace(step, line=0) for step in scenario.plan)
    return blake2b(msgspec.msgpack.encode(replace(scenario, seed=0, title="", why="", plan=plan)), digest_size=16).hexdigest()


def planned(
    source: str | Path, *, overrides: Sequence[str] = (), step: str = "", starts: str = "", durations: str = "", x: str = "", y: str = "",
    seeds: int = 20, judged: bool = False,
) -> Plan:  # fmt: skip
    """What a sweep of a scenario is: its axes and the scenario of each cell. Raises :class:`harness.ScenarioError`."""
    base = scenario.load(source, overrides=overrides)
    for option, text, other in (("--starts", starts, x), ("--durations", durations, y)):
        if text and other:
            raise refusal(option, f"this is an axis, and {'--x' if option == '--starts' else '--y'} puts another in its place")
    if step and x and y:
        raise refusal("--step", "both axes are of something else")
    if not 1 <= seeds <= MOST_SEEDS:
        raise refusal("--seeds", "not so many", found=f"{seeds}", expected=f"1 to {MOST_SEEDS}")
    outage = None if x and y else axes.outage_of(base, step)
    across = axes.given("--x", x) if x or outage is None else axes.starts(base, outage, starts)
    down = axes.given("--y", y) if y or outage is None else axes.durations(outage, durations)
    if across.path == down.path:
        raise refusal("--y", "both axes are of the same", found=f"`{down.path}`", expected="another path")
    size = len(across.values) * len(down.values)
    if size > MOST_CELLS or size * seeds > MOST_RUNS:
        found, expected = f"{size} cells, {size * seeds} runs", f"at most {MOST_CELLS} cells and {MOST_RUNS} runs"
        raise refusal("the grid", "too large", found=found, expected=expected)
    freed = axes.freed(outage, (across, down))
    if outage is None or x or y or scenario.is_referred_to(source, outage.id, overrides):
        cells = list(_resolved(source, overrides, freed, across, down))
    else:
        cells = list(_moved(base, outage, across, down))
    return Plan(
        base=base, x=across, y=down, seeds=tuple(range(1, seeds + 1)), judged=judged, freed=bool(freed),
        cells=tuple(replace(cell, seed=0, expect=cell.expect if judged else Expect(contract="none")) for cell in cells),
        ends_ms=tuple(0 if outage is None else _end_ms(cell, outage.id) for cell in cells),
    )  # fmt: skip


def _end_ms(made: Scenario, step: str) -> int:
    return next(
        (each.at.offset_ms + (each.for_ms or 0) for each in made.plan if each.id == step and each.at is not None and not each.at.step), 0
    )


def _moved(base: Scenario, step: Step, starts: Axis, durations: Axis) -> Iterator[Scenario]:
    """The cells of a step that nothing refers to: there is no need to read the file again for each."""
    place = base.plan.index(step)
    for duration in durations.values:
        for start in starts.values:
            at = Moment(offset_ms=parse_duration_ms(start.removeprefix("+")))
            moved = replace(step, at=at, when=None, for_ms=parse_duration_ms(duration), until=None, times=None)
            yield replace(base, plan=(*base.plan[:place], moved, *base.plan[place + 1 :]))


def _resolved(
    source: str | Path, overrides: Sequence[str], freed: Mapping[str, tuple[str, ...]], x: Axis, y: Axis
) -> Iterator[Scenario]:  # fmt: skip
    changes = [(f"{y.path}={down}", f"{x.path}={across}") for down in y.values for across in x.values]
    found = scenario.variants(source, changes, overrides=overrides, freed=freed)
    for (down, across), made in zip(changes, found, strict=True):
        if isinstance(made, ScenarioError):
            raise ScenarioError(
                replace(problem, file=problem.file if problem.line else "the grid", message=f"where {across} and {down}: {problem.message}")
                for problem in made.problems
            )
        yield made


_TABLES = "CREATE TABLE IF NOT EXISTS runs (cell TEXT, seed INTEGER, ran BLOB NOT NULL, PRIMARY KEY (cell, seed))"


class Runs(Campaign):
    """The runs of sweeps, of whatever scenarios, made by one version of the harness."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the file, or begin one, as :class:`harness.search.store.Campaign` does."""
        super().__init__(path, {"kind": "sweep", "harness": __version__}, _TABLES, read_only=read_only)
        self.runs: dict[tuple[str, int], Ran] = {}
        """All that are kept."""
        decoder = msgspec.msgpack.Decoder(Ran)
        with told(path):
            for (blob,) in self._connection.execute("SELECT ran FROM runs ORDER BY cell, seed"):
                ran = decoder.decode(blob)
                self.runs[ran.cell, ran.seed] = ran

    def add(self, runs: Iterable[Ran]) -> None:
        """Keep runs, all of them or none; of those that are there already nothing changes. Raises
        :class:`harness.search.store.CampaignError` where the file cannot be written."""
        new = {(ran.cell, ran.seed): ran for ran in runs if (ran.cell, ran.seed) not in self.runs}
        rows = [(cell, seed, msgspec.msgpack.encode(ran)) for (cell, seed), ran in new.items()]
        with told(self.path), self._transaction():
            # Another process that makes the same sweep may have been first, with the same result.
            self._connection.executemany("INSERT OR IGNORE INTO runs VALUES (?, ?, ?)", rows)
        self.runs.update(new)

    def missing(self, cell: str, seeds: Iterable[int]) -> tuple[int, ...]:
        """Of these seeds those that were not run."""
        return tuple(seed for seed in seeds if (cell, seed) not in self.runs)


def work(task: Task) -> list[Ran]:
    """Make the runs of a task."""
    return [_ran(task.cell, replace(task.scenario, seed=seed), judged=task.judged) for seed in task.seeds]


def _ran(cell: str, scenario: Scenario, *, judged: bool) -> Ran:
    meter = Meter(scenario)
    judge = Judge(scenario) if judged else None
    drivers = any(step.do.startswith("driver.") for step in scenario.plan)
    steps: dict[str, int] = {}

    def hear(batch: Sequence[AnyRecord]) -> None:
        meter.feed(batch)
        if judge is not None:
            judge.feed(batch)
        if drivers:
            fired = (each for each in batch if type(each) is Fault and each.edge == "start" and not each.who)
            steps.update({each.step: each.t for each in fired if each.do.startswith("driver.")})

    simulated.run(scenario, hear)
    failed = [] if judge is None else sorted(failing(judge.close(scenario.duration_ms)))
    return Ran(cell=cell, seed=scenario.seed, figures=_figures(meter, scenario.duration_ms), steps=steps, failed=failed)


def _figures(meter: Meter, end_ms: int) -> dict[str, float | None]:
    values = metrics(meter.close(end_ms), None)
    return {name: value.run if METRICS[name].difference else value.value for name, value in values.items()}


def carry_out(
    plan: Plan,
    kept: Runs,
    executor: Executor,
    workers: int,
    *,
    metric: str,
    shard: tuple[int, int] = (1, 1),
    progress: Progress | None = None,
) -> tuple[int, int]:
    """Make all runs that are not kept yet, and keep them as they come; returns how many were made, those of cells and those of twins.

    Of several machines each makes a share of the cells: ``shard`` says which, and of how many. Twins are run where the metric needs them.
    """
    share = [cell for number, cell in enumerate(plan.cells) if number % shard[1] == shard[0] - 1]
    of_cells = {digest(cell): cell for cell in share}
    todo = {cell: seeds for cell in of_cells if (seeds := kept.missing(cell, plan.seeds))}
    needs_twins = METRICS[metric].difference
    expected = sum(map(len, todo.values())) + (len(plan.seeds) if needs_twins else 0)
    done = 0

    def make(scenarios: Mapping[str, Scenario], wanted: Mapping[str, Sequence[int]], *, judged: bool) -> None:
        nonlocal done
        for answer in in_order(executor, workers, work, _tasks(scenarios, wanted, judged=judged)):
            kept.add(answer)
            done += len(answer)
            if progress is not None:
                progress(done, max(done, expected))

    make(of_cells, todo, judged=plan.judged)
    of_them = done
    if needs_twins:
        twins, wanted = _twins(of_cells, plan.seeds, kept)
        expected = done + sum(map(len, wanted.values()))
        make(twins, wanted, judged=False)
    return of_them, done - of_them


def _tasks(scenarios: Mapping[str, Scenario], wanted: Mapping[str, Sequence[int]], *, judged: bool) -> Iterator[Task]:
    for cell, seeds in wanted.items():
        made = scenarios[cell]
        charger_days = len(made.names()) * -(-made.duration_ms // _DAY_MS)
        many = max(1, min(_MOST_PER_TASK, _CHARGER_DAYS_PER_TASK // charger_days))
        for first in range(0, len(seeds), many):
            yield Task(cell=cell, scenario=made, seeds=tuple(seeds[first : first + many]), judged=judged)


def _twins(
    of_cells: Mapping[str, Scenario], seeds: Sequence[int], kept: Runs
) -> tuple[dict[str, Scenario], dict[str, list[int]]]:  # fmt: skip
    """The twins that are not kept yet, and with which seeds each is to be run."""
    twins: dict[str, Scenario] = {}
    wanted: dict[str, dict[int, None]] = {}
    names = _TwinNames()
    for cell, made in of_cells.items():
        for seed in seeds:
            name = names.of(cell, made, kept.runs[cell, seed].steps)
            if (name, seed) not in kept.runs:
                twins[name] = names.scenarios[name]
                wanted.setdefault(name, {})[seed] = None
    return twins, {name: list(seeds) for name, seeds in wanted.items()}


class _TwinNames:
    """The digest of each cell's twin, worked out once for the same instants of the drivers' steps."""

    def __init__(self) -> None:
        self.scenarios: dict[str, Scenario] = {}
        self._known: dict[tuple[str, tuple[tuple[str, int], ...]], str] = {}

    def of(self, cell: str, made: Scenario, steps: Mapping[str, int]) -> str:
        key = (cell, tuple(steps.items()))
        if key not in self._known:
            twin = simulated.twin_of(made, steps)
            name = self._known[key] = digest(twin)
            self.scenarios[name] = twin
        return self._known[key]


def runs_of(plan: Plan) -> int:
    """How many runs the cells of the whole sweep have."""
    return len({digest(cell) for cell in plan.cells}) * len(plan.seeds)


def lacking(plan: Plan, kept: Runs, metric: str) -> tuple[int, int]:
    """How many runs of the whole sweep are not kept yet, those of cells and those of twins: the latter are known when all cells are run."""
    of_cells = {digest(cell): cell for cell in plan.cells}
    missing = sum(len(kept.missing(cell, plan.seeds)) for cell in of_cells)
    if missing or not METRICS[metric].difference:
        return missing, 0
    return 0, sum(map(len, _twins(of_cells, plan.seeds, kept)[1].values()))


def has_of(plan: Plan, runs: Runs) -> bool:
    """Whether any run of the sweep's cells is kept there."""
    cells = {digest(cell) for cell in plan.cells}
    return any(cell in cells for cell, _ in runs.runs)


def measured(plan: Plan, kept: Runs, metric: str) -> tuple[tuple[Cell, ...], ...]:
    """The metric of all cells, row by row. Nothing may be lacking."""
    names = _TwinNames()
    difference = METRICS[metric].difference

    def value(cell: str, made: Scenario, seed: int) -> float | None:
        ran = kept.runs[cell, seed]
        own = ran.figures[metric]
        if own is None or not difference:
            return own
        twin = kept.runs[names.of(cell, made, ran.steps), seed].figures[metric]
        return None if twin is None else round(own - twin, 6)

    cells = []
    for made, end_ms in zip(plan.cells, plan.ends_ms, strict=True):
        name = digest(made)
        failed = [kept.runs[name, seed].failed for seed in plan.seeds] if plan.judged else None
        cells.append(
            Cell(
                values=tuple(value(name, made, seed) for seed in plan.seeds),
                failed=None if failed is None else sum(map(bool, failed)),
                checks=dict(sorted(Counter(check for checks in failed or () for check in checks).items())),
                outlasts=end_ms > made.duration_ms,
            )
        )
    wide = len(plan.x.values)
    return tuple(tuple(cells[first : first + wide]) for first in range(0, len(cells), wide))
