"""A sweep from the first run to its reports: when would an outage hurt most?"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import __version__
from harness.check.metrics import METRICS
from harness.files import write_whole
from harness.scenario.problems import listed, nearest, refusal
from harness.search import sweep as search
from harness.search.axes import share_of
from harness.search.grid import Grid
from harness.search.pool import pool
from harness.workers import processors

CAMPAIGN_NAME = "sweep.sqlite"
"""Where the runs of a sweep are kept, in its folder."""
REPORTS = ("sweep.html", "sweep.csv", "sweep.md")
"""What a sweep leaves beside it."""
_ROOT = Path("reports/sweeps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep that was made, or this machine's share of it."""

    grid: Grid | None
    """What came of it; None while runs of other shares are lacking."""
    folder: Path
    """Where its reports are."""
    campaign: Path
    """The file that keeps its runs."""
    made: int
    """How many runs were made now."""
    lacking: int
    """How many runs are still to be made, by others."""


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
    in ``campaign``, by default ``sweep.sqlite`` in the folder of the reports, and never made twice. The folder is ``out``, by default
    ``reports/sweeps/SCENARIO/``. ``progress`` is told how many runs are made, and how many there will be.

    Raises :class:`harness.ScenarioError` for what cannot be swept, :class:`harness.search.store.CampaignError` for a campaign file that is
    of something else, :class:`harness.search.pool.PoolError` where Dask is not there, and :class:`OSError`.
    """
    if metric not in METRICS:
        raise refusal("--metric", f"no metric is called `{metric}`", expected=listed(METRICS), suggestion=nearest(metric, METRICS))
    share = share_of(shard)
    plan = search.planned(
        base, overrides=overrides, step=step, starts=starts, durations=durations, x=x, y=y, seeds=seeds, judged=judge
    )  # fmt: skip
    folder = Path(out) if out is not None else _ROOT / plan.base.name
    path = Path(campaign) if campaign is not None else folder / CAMPAIGN_NAME
    with search.Runs(path, plan.identity()) as kept:
        for other in merge:
            kept.add(_runs_of(Path(other), plan))
        with pool(jobs or processors(), dask) as (executor, workers):
            made = search.carry_out(plan, kept, executor, workers, metric=metric, shard=share, progress=progress)
        lacking = search.lacking(plan, kept, metric)
        grid = None if lacking else _grid(plan, kept, metric)
    if grid is not None:
        given = {"--step": step, "--starts": starts, "--durations": durations, "--x": x, "--y": y}
        options = [part for option, text in given.items() if text for part in (option, text)]
        sets = [part for text in overrides for part in ("--set", text)]
        told = ["--seeds", str(seeds), "--metric", metric, *(["--judge"] if judge else [])]
        grid = _with_commands(grid, plan, str(base), options, sets, told)
        _write(grid, folder)
    return Sweep(grid=grid, folder=folder, campaign=path, made=made, lacking=lacking)


def _runs_of(path: Path, plan: search.Plan) -> list[search.Ran]:
    if not path.is_file():
        raise FileNotFoundError(2, "no such file", str(path))
    with search.Runs(path, plan.identity()) as other:
        return list(other.runs.values())


def _grid(plan: search.Plan, kept: search.Runs, metric: str) -> Grid:
    kind = METRICS[metric]
    currency = next((tariff.currency for tariff in plan.base.tariffs.values()), "")
    return Grid(
        name=plan.base.name, title=plan.base.title, metric=metric, unit=currency or kind.unit if kind.unit == "currency" else kind.unit,
        says=kind.doc, worse=kind.worse, difference=kind.difference, x=plan.x, y=plan.y, seeds=plan.seeds,
        rows=search.measured(plan, kept, metric), outlasting=plan.outlasting, harness=__version__,
    )  # fmt: skip


def _with_commands(
    grid: Grid, plan: search.Plan, base: str, options: Sequence[str], sets: Sequence[str], told: Sequence[str]
) -> Grid:  # fmt: skip
    from msgspec.structs import replace

    again = shlex.join(["harness", "sweep", base, *options, *sets, *told])
    return replace(grid, command=again, look="" if plan.freed else shlex.join(["harness", "run", base, *sets]))


def _write(grid: Grid, folder: Path) -> None:
    from harness.report import sweep as report
    from harness.report.html.sweep import render

    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(REPORTS, (render(grid), report.table(grid).encode(), report.render(grid).encode()), strict=True):
        write_whole(folder / name, content)
