"""A sweep from the first run to its reports: when would an outage hurt most?"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NoReturn

from msgspec.structs import replace

from harness import __version__
from harness.check.metrics import METRICS
from harness.files import write_whole
from harness.scenario.problems import ScenarioError, listed, nearest, refusal
from harness.search import sweep as search
from harness.search.axes import share_of
from harness.search.grid import Grid
from harness.search.pool import pool
from harness.search.store import CampaignError
from harness.workers import processors

CAMPAIGN_NAME = "runs.sqlite"
"""Where the runs of all sweeps of a scenario are kept, in its folder."""
REPORTS = ("sweep.html", "sweep.csv", "sweep.md")
"""What a sweep leaves in its own folder."""
_ROOT = Path("reports/sweeps")
_HOUR_MS = 3_600_000
_MOST_LETTERS = 80
_ARGUMENTS = {"set": "overrides"}
"""Options that are called otherwise in Python."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep that was made, or this machine's share of it."""

    grid: Grid | None
    """What came of it; None while runs of other shares are lacking."""
    folder: Path
    """Where its reports are."""
    campaign: Path
    """The file that keeps its runs."""
    runs: int
    """How many runs the cells of the whole sweep have; twins are not counted among them."""
    made: int
    """How many of these were made now."""
    twins: int
    """How many runs of twins were made now."""
    lacking: int
    """How many runs of cells are still to be made, by others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A sweep that is asked for, in the words of :func:`sweep`."""

    base: str | Path
    step: str = ""
    starts: str = ""
    durations: str = ""
    x: str = ""
    y: str = ""
    seeds: int = 20
    metric: str = "undelivered_energy"
    overrides: Sequence[str] = ()
    judge: bool = False
    jobs: int = 0
    dask: str = ""
    shard: str = ""
    merge: Sequence[str | Path] = ()
    out: str | Path | None = None
    campaign: str | Path | None = None
    progress: Callable[[int, int], None] | None = None


def sweep(
    base: str | Path,
    *,
    step: str = "",
    starts: str = "",
    durations: str = "",
    x: str = "",
    y: str = "",
    seeds: int = 20,
    metric: str = "undelivered_energy",
    overrides: Sequence[str] = (),
    judge: bool = False,
    jobs: int = 0,
    dask: str = "",
    shard: str = "",
    merge: Sequence[str | Path] = (),
    out: str | Path | None = None,
    campaign: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Run a scenario over a grid, each cell with many seeds, and tell in which cell it hurts most.

    ``base`` is a scenario's file or the name of a shipped one, changed by ``overrides``. By default its first step that takes the server
    away is begun at each half hour of a day and lasts from five minutes to sixteen hours; ``step`` names another step, ``starts`` and
    ``durations`` say other values. ``x`` and ``y``, each ``PATH=V1,V2,…``, put other axes in place of these two. ``metric`` is compared,
    and where it is a difference that from each seed's twin. ``judge`` counts the runs that failed a check, too.

    ``jobs`` is how many processes share the work, by default one for each processor; ``dask`` the address of a Dask cluster that does it
    instead. ``shard``, ``I/N``, makes only the I-th of N shares; ``merge`` takes in the runs that other campaign files keep. They are kept
    in ``campaign``, by default ``reports/sweeps/SCENARIO/runs.sqlite``, and never made twice. The reports go to ``out``, by default to a
    folder beside that file that is named after the metric, the axes and what else tells this sweep apart from others; with ``out`` the runs
    are kept there, too. ``progress`` is told how many runs are made, and how many there will be.

    Raises :class:`TypeError` for an argument of another type, :class:`harness.ScenarioError` for what cannot be swept,
    :class:`harness.search.store.CampaignError` for a campaign file that is of something else, :class:`harness.search.pool.PoolError` where
    Dask is not there, and :class:`OSError`.
    """
    asked = Asked(
        base=base, step=step, starts=starts, durations=durations, x=x, y=y, seeds=seeds, metric=metric, overrides=overrides, judge=judge,
        jobs=jobs, dask=dask, shard=shard, merge=merge, out=out, campaign=campaign, progress=progress,
    )  # fmt: skip
    _check_types(asked)
    try:
        return swept(asked)
    except ScenarioError as error:
        raise ScenarioError(
            replace(each, file=_in_python(each.file), message=_in_python(each.message), expected=_in_python(each.expected))
            for each in error.problems
        ) from None
    except CampaignError as error:
        raise CampaignError(_in_python(str(error))) from None


def _in_python(text: str) -> str:
    """A message that speaks of options, in the words of Python's arguments."""
    return re.sub(r"(?<![\w-])--([a-z]+)", lambda option: _ARGUMENTS.get(option[1], option[1]), text)


def _check_types(asked: Asked) -> None:
    path = "a path"
    _check("base", asked.base, isinstance(asked.base, str | Path), f"{path}, or the name of a shipped scenario")
    for name, such_as in (
        ("step", "upgrade"), ("starts", "17:00..07:00/1h` or `18:00,19:30"), ("durations", "1h,4h"), ("x", "server.accepts_per_s=20,50"),
        ("y", "defaults.model=juicebox-40,waybox"), ("metric", "undelivered_energy"), ("dask", "tcp://scheduler:8786"), ("shard", "1/2"),
    ):  # fmt: skip
        _check(name, getattr(asked, name), isinstance(getattr(asked, name), str), f"a text such as `{such_as}`")
    for name in ("seeds", "jobs"):
        value = getattr(asked, name)
        _check(name, value, isinstance(value, int) and not isinstance(value, bool), "a whole number")
    _check("judge", asked.judge, isinstance(asked.judge, bool), "True or False")
    _check("overrides", asked.overrides, _all_are(asked.overrides, str), "a list of texts such as `duration=48 h`")
    _check("merge", asked.merge, _all_are(asked.merge, str | Path), "a list of paths")
    for name in ("out", "campaign"):
        _check(name, getattr(asked, name), isinstance(getattr(asked, name), str | Path | None), f"{path} or None")
    _check("progress", asked.progress, asked.progress is None or callable(asked.progress), "what can be called with two numbers, or None")


def _all_are(given: Any, kind: Any) -> bool:
    return isinstance(given, list | tuple) and all(isinstance(each, kind) for each in given)


def _check(name: str, value: object, right: bool, expected: str) -> None:
    if not right:
        shown = repr(value)
        raise TypeError(f"{name}: found {shown if len(shown) <= 60 else f'{shown[:59]}…'}, expected {expected}")


def swept(asked: Asked) -> Sweep:
    """What :func:`sweep` does, for the command: messages speak of its options."""
    if asked.metric not in METRICS:
        suggestion = nearest(asked.metric, METRICS)
        raise refusal("--metric", f"no metric is called `{asked.metric}`", expected=listed(METRICS), suggestion=suggestion)
    if asked.jobs < 0:
        raise refusal("--jobs", "not so many", found=f"{asked.jobs}", expected="0, for one on each processor, or more")
    share = share_of(asked.shard)
    plan = search.planned(
        asked.base, overrides=asked.overrides, step=asked.step, starts=asked.starts, durations=asked.durations, x=asked.x, y=asked.y,
        seeds=asked.seeds, judged=asked.judge,
    )  # fmt: skip
    home = _ROOT / plan.base.name
    folder = Path(asked.out) if asked.out is not None else home / _name(asked, plan)
    path = Path(asked.campaign) if asked.campaign is not None else (home if asked.out is None else folder) / CAMPAIGN_NAME
    with pool(asked.jobs or processors(), asked.dask) as (executor, workers), _opened(path, "--campaign") as kept:
        for other in asked.merge:
            kept.add(_runs_of(Path(other), plan))
        made, twins = search.carry_out(plan, kept, executor, workers, metric=asked.metric, shard=share, progress=asked.progress)
        lacking, lacking_twins = search.lacking(plan, kept, asked.metric)
        grid = None if lacking or lacking_twins else _grid(asked, plan, kept)
    if grid is not None:
        _write(grid, folder)
    return Sweep(grid=grid, folder=folder, campaign=path, runs=search.runs_of(plan), made=made, twins=twins, lacking=lacking)


def _name(asked: Asked, plan: search.Plan) -> str:
    """What the folder of a sweep's reports is called: the same for the same sweep with more seeds, another for any other."""
    axes = [(axis.path, *axis.values) for axis in (plan.x, plan.y)]
    apart = repr((str(asked.base), asked.metric, axes, list(asked.overrides), asked.judge))
    paths = [axis.path.removeprefix("plan.") for axis in (plan.x, plan.y)]
    words = re.sub(r"[^A-Za-z0-9._]+", "-", f"{asked.metric}-by-{paths[0]}-and-{paths[1]}")[:_MOST_LETTERS].rstrip("-.")
    return f"{words}-{blake2b(apart.encode(), digest_size=4).hexdigest()}"


def _opened(path: Path, option: str, *, read_only: bool = False) -> search.Runs:
    try:
        return search.Runs(path, read_only=read_only)
    except CampaignError as problem:
        _refuse(option, str(problem))


def _refuse(option: str, why: str) -> NoReturn:
    raise CampaignError(f"{option}: {why}") from None


def _runs_of(path: Path, plan: search.Plan) -> list[search.Ran]:
    if not path.is_file():
        raise FileNotFoundError(2, "no such file", str(path))
    with _opened(path, "--merge", read_only=True) as other:
        if other.runs and not search.has_of(plan, other):
            _refuse(
                "--merge", f"{path}: no run of this sweep is kept here: its scenario, --set, axes and --judge must be as they were then"
            )
        return list(other.runs.values())


def _grid(asked: Asked, plan: search.Plan, kept: search.Runs) -> Grid:
    kind = METRICS[asked.metric]
    currency = next((tariff.currency for tariff in plan.base.tariffs.values()), "")
    over = [end_ms for cell, end_ms in zip(plan.cells, plan.ends_ms, strict=True) if end_ms > cell.duration_ms]
    again, look = _commands(asked, plan)
    return Grid(
        name=plan.base.name, title=plan.base.title, metric=asked.metric,
        unit=currency or kind.unit if kind.unit == "currency" else kind.unit,
        says=kind.doc, worse=kind.worse, difference=kind.difference, x=plan.x, y=plan.y, seeds=plan.seeds,
        rows=search.measured(plan, kept, asked.metric), harness=__version__, command=again, look=look,
        long_enough=f"{-(-max(over) // _HOUR_MS)} h" if over else "",
    )  # fmt: skip


def _commands(asked: Asked, plan: search.Plan) -> tuple[str, str]:
    """What makes the sweep again, and what runs a scenario as its cells have it but for the cell's own values; empty where nothing does."""
    given = {"--step": asked.step, "--starts": asked.starts, "--durations": asked.durations, "--x": asked.x, "--y": asked.y}
    options = [part for option, text in given.items() if text for part in (option, text)]
    sets = [part for text in asked.overrides for part in ("--set", text)]
    told = ["--seeds", str(asked.seeds), "--metric", asked.metric, *(["--judge"] if asked.judge else [])]
    base = str(asked.base)
    again = shlex.join(["harness", "sweep", base, *options, *sets, *told])
    return again, "" if plan.freed else shlex.join(["harness", "run", base, *sets])


def _write(grid: Grid, folder: Path) -> None:
    from harness.report import sweep as report
    from harness.report.html.sweep import render

    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(REPORTS, (render(grid), report.table(grid).encode(), report.render(grid).encode()), strict=True):
        write_whole(folder / name, content)
