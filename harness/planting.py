"""Known wrong behaviours planted in a base, one at a time: which of them do random plans and its contract find?"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from harness import __version__
from harness.exploring import ADVICE, MOST_JOBS, MOST_PLANS, put, refuse_beyond
from harness.fault.mutants import MUTANTS
from harness.files import write_whole
from harness.scenario.problems import listed, nearest, refusal
from harness.search.finding import stamp
from harness.search.found import Outcome, Planting
from harness.search.mutants import Task, look_for
from harness.search.pool import as_done, pool
from harness.search.space import source, space
from harness.search.store import Store
from harness.workers import processors

OUTCOMES_NAME = "mutants.sqlite"
"""Where outcomes are kept, in the folder of the report."""
REPORT_NAME = "mutants.md"
_ROOT = Path("reports/mutants")


def mutants(
    base: str | Path, *, names: Sequence[str] = (), plans: int = 2000, overrides: Sequence[str] = (), jobs: int = 0, dask: str = "",
    out: str | Path | None = None, hear: Callable[[Outcome], None] | None = None,
) -> Planting:  # fmt: skip
    """Plant known wrong behaviours in a base, one at a time, and tell which of them random plans and its contract find.

    ``base``, ``overrides``, ``jobs`` and ``dask`` are as for :func:`harness.explore`; ``names`` are those that are planted, by default all;
    each is looked for in up to ``plans`` plans. The charger models of the base have it, or its server. ``hear`` is given each outcome once
    it is known. Report and smallest scenarios are in ``out``, by default ``reports/mutants/BASE/``, as far as outcomes are known at any
    time; those that are there already, of the same base and as many plans, are not worked out again.

    Raises what :func:`harness.explore` does.
    """
    refuse_beyond("plans", plans, 1, MOST_PLANS)
    refuse_beyond("jobs", jobs, 0, MOST_JOBS)
    for name in names:
        if name not in MUTANTS:
            raise refusal(name, "no such wrong behaviour", expected=listed(MUTANTS), suggestion=nearest(name, MUTANTS))
    given = source(base, overrides)
    wanted = list(dict.fromkeys(names)) or list(MUTANTS)
    folder = Path(out) if out is not None else _ROOT / given.name
    made = Planting(
        name=given.name, outcomes=[], sought=len(wanted), plans=plans, folder=str(folder), command=_command(base, names, plans, overrides)
    )  # fmt: skip
    identity = {"kind": "mutants", "harness": __version__}
    with pool(jobs or processors(), dask) as workers, Store(folder / OUTCOMES_NAME, identity, advice=ADVICE) as store:
        known = store.smallest(Outcome)
        keys = {name: f"{space(given).digest} {plans} {name} {stamp(given, folder)}" for name in wanted}

        def take(outcome: Outcome) -> None:
            made.outcomes.append(outcome)
            made.outcomes.sort(key=lambda each: wanted.index(each.mutant))
            _write(made, outcome, folder)
            if hear is not None:
                hear(outcome)

        for name in wanted:
            if keys[name] in known:
                take(known[keys[name]])
        tasks = [Task(given, name, plans, str(folder.absolute())) for name in wanted if keys[name] not in known]
        for outcome in as_done(*workers, look_for, tasks):
            store.keep(keys[outcome.mutant], outcome)
            take(outcome)
    return made


def _command(base: str | Path, names: Sequence[str], plans: int, overrides: Sequence[str]) -> str:
    options = [part for text in overrides for part in ("--set", text)]
    return shlex.join(["harness", "mutants", str(base), *names, "--plans", str(plans), *options])


def _write(made: Planting, outcome: Outcome, folder: Path) -> None:
    from harness.report.planting import render

    if outcome.smallest is not None:
        outcome.file = put(outcome.smallest.text, folder / f"{outcome.mutant}.yaml")
    write_whole(folder / REPORT_NAME, render(made).encode())
