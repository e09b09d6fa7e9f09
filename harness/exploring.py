"""Looking for trouble nobody wrote down: random plans over a base, tried against its contract, and what breaks made small."""

from __future__ import annotations

import itertools
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from harness import __version__
from harness.check.metrics import METRICS
from harness.files import write_whole
from harness.scenario.problems import listed, nearest, refusal
from harness.scenario.writing import text_moved
from harness.search.axes import share_of
from harness.search.campaign import Campaign
from harness.search.coverage import Coverage
from harness.search.finding import ORIGIN, described, file_names, findings
from harness.search.found import Exploration, Saved, Share, Smallest
from harness.search.pool import pool
from harness.search.shrink import shrink as search_shrink
from harness.search.space import Source, about, read_base, resolved, source, space
from harness.search.store import Store
from harness.search.trial import Trial, failing, judged
from harness.values import Scenario
from harness.workers import processors

CAMPAIGN_NAME = "explore.sqlite"
"""Where the trials of a campaign are kept, in its folder."""
REPORT_NAME = "explore.md"
REGRESSIONS = Path("scenarios/regressions")
"""Where findings are saved that are to stay."""
MOST_PLANS = 10_000_000
MOST_SEED = 2**52
"""The seeds after it, too, are such as a scenario's file may have."""
MOST_JOBS = 1024
ADVICE = "give another folder with --out, or remove it"
_ROOT = Path("reports/explore")
_SHRUNK = Path("reports/shrunk")


def explore(
    base: str | Path,
    *,
    plans: int = 1000,
    overrides: Sequence[str] = (),
    first: int = 0,
    shard: str = "",
    first_failure: bool = False,
    most_seconds: float | None = None,
    jobs: int = 0,
    dask: str = "",
    out: str | Path | None = None,
    save: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Exploration:
    """Try random plans over a base against its contract, until so many were tried, or ``most_seconds`` went by, or one failed
    (``first_failure``); make small what failed, and write it.

    ``base`` is a scenario (a file, or a shipped one's name), whose plan and stays are replaced, or a charger model, which stands for three
    such chargers; ``overrides`` change it as ``--set`` does. Seeds count from ``first``; ``shard``, ``I/N``, tries each N-th of the plans.
    ``jobs`` is how many processes share the work, by default one for each processor; ``dask`` the address of a Dask cluster that does it
    instead. The same campaign finds the same, however many work on it. Its trials are kept in ``explore.sqlite`` in the folder ``out``, by
    default ``reports/explore/BASE/``; one that was interrupted goes on there. ``save`` writes the findings to ``scenarios/regressions/``,
    too, over no file that is there. ``progress`` is told how many plans were tried, and how many there are.

    Raises :class:`harness.ScenarioError` for a base that cannot be used, :class:`harness.search.store.CampaignError` for a campaign file of
    something else, :class:`harness.search.pool.PoolError` where Dask is not there, and :class:`OSError`.
    """
    refuse_beyond("plans", plans, 1, MOST_PLANS)
    refuse_beyond("first", first, 0, MOST_SEED)
    refuse_beyond("jobs", jobs, 0, MOST_JOBS)
    share = Share(first, *share_of(shard))
    own = share.plans(plans)
    given = source(base, overrides)
    folder = Path(out) if out is not None else _ROOT / (given.name if share.of == 1 else f"{given.name}-{share.part}-of-{share.of}")
    seen = _Seen()
    began = time.monotonic()
    options = {"--set": _listed_code(overrides)}
    with (
        pool(jobs or processors(), dask) as (executor, workers),
        Store(folder / CAMPAIGN_NAME, _identity(given, share), options=options, advice=ADVICE) as store,
    ):
        campaign = Campaign(given, share, store, seen.take)
        before = campaign.tried
        stopped = ""
        batches = campaign.run(executor, workers, own)
        while campaign.tried < own and not stopped:
            if first_failure and seen.failing:
                stopped = "a plan failed"
            elif most_seconds is not None and time.monotonic() - began >= most_seconds:
                stopped = "its time was up"
            elif next(batches, None) is None:
                break
            elif progress is not None:
                progress(campaign.tried, own)
        batches.close()
        took_s = time.monotonic() - began
        found = findings(given, seen.failing, store, executor, workers, folder)
    made = Exploration(
        name=given.name, share=share, plans=campaign.tried, made=campaign.tried - before, seconds=took_s, workers=workers, stopped=stopped,
        findings=found, coverage=seen.coverage, promised=_promised(space(given).plain), situations=campaign.corpus.seen, folder=str(folder),
        command=_command(base, max(plans, share.whole(campaign.tried)), overrides, share),
    )  # fmt: skip
    _write(made, folder, save=save)
    return made


def refuse_beyond(what: str, number: int, least: int, most: int) -> None:
    """Raise :class:`harness.ScenarioError` for a number that is too small or too large."""
    if not least <= number <= most:
        raise refusal(what, "not such a number", found=f"{number}", expected=f"{least} to {most}")


class Shrinking(Struct, kw_only=True):
    """What came of making a scenario small."""

    check: str
    steps: int
    chargers: int
    """How many it had before."""
    smallest: Smallest
    file: str
    """Where the small one is."""
    new: bool = True
    """It was written now; False: the same was saved there."""


def shrink(
    base: str | Path, *, check: str = "", overrides: Sequence[str] = (), seed: int | None = None, out: str | Path | None = None,
    save: bool = False,
) -> Shrinking:  # fmt: skip
    """Make a scenario that breaks a check as small as it gets while it still breaks that check, and write it.

    ``base`` is its file, or the name of a shipped one, changed by ``overrides`` and ``seed``; ``check`` is by default the first that fails.
    The file is ``out``, by default ``reports/shrunk/SCENARIO-CHECK.yaml``; with ``save`` it has the next such name that is free below
    ``scenarios/regressions``. A limit cannot be made small: what it is on is of the whole run and of its twin.

    Raises :class:`harness.ScenarioError` for a scenario that cannot be used, or in which nothing fails; and :class:`OSError`.
    """
    from harness.scenario import writing

    root, name, folder = read_base(base, overrides)
    if seed is not None:
        root = writing.put(root, ("seed",), str(seed))
    failed = failing(judged(resolved(root, name, folder)))
    if not failed:
        expected = "a scenario that breaks a check, such as those that `harness explore` writes; limits cannot be made small"
        raise refusal(str(base), "no check fails in it", expected=expected)
    if check and check not in failed:
        why = f"`{check}` is a limit, which cannot be made small" if check in METRICS else f"`{check}` does not fail in it"
        raise refusal(str(base), why, expected=listed(failed), suggestion=nearest(check, failed))
    wanted = check or next(iter(failed))
    root = about(root, wanted)
    whole = resolved(root, name, folder)
    shrunk = search_shrink(whole, wanted)
    assert shrunk is not None, "it failed with more expected of it"
    path = REGRESSIONS / f"{name}-{wanted}.yaml" if save else Path(out) if out is not None else _SHRUNK / f"{name}-{wanted}.yaml"

    def write(found: Scenario, comment: tuple[str, ...]) -> str:
        return writing.text(writing.moved(writing.varied(root, whole, found), folder, path.parent), comment=comment)

    found = described(shrunk, f"Made small from {name}.", path.parent, write)
    kept = _saved(found.text, path) if save else Saved(put(found.text, path), new=True)
    return Shrinking(
        check=wanted, steps=len(whole.plan), chargers=len(whole.names()), smallest=found, file=kept.file, new=kept.new
    )  # fmt: skip


class _Seen:
    """What the trials of a campaign came to."""

    def __init__(self) -> None:
        self.coverage = Coverage()
        self.failing: list[Trial] = []

    def take(self, trial: Trial) -> None:
        self.coverage.add(trial.kinds, trial.met, trial.broken)
        if trial.failures:
            self.failing.append(trial)


def _identity(given: Source, share: Share) -> dict[str, str]:
    return {
        "kind": "explore", "base": given.name, "base's digest": space(given).digest, "harness": __version__,
        "first seed": str(share.first), "share": f"{share.part}/{share.of}",
    }  # fmt: skip


def _promised(base: Scenario) -> list[str]:
    """The checks that the contracts of its chargers and its server promise."""
    contracts = [base.server.contract, *(model.contract for model in base.models.values())]
    return sorted({check for contract in contracts for check in contract})


def _listed_code(texts: Sequence[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def _command(base: str | Path, plans: int, overrides: Sequence[str], share: Share) -> str:
    options = [part for text in overrides for part in ("--set", text)]
    options += ["--first", str(share.first)] if share.first else []
    options += ["--shard", f"{share.part}/{share.of}"] if share.of > 1 else []
    return shlex.join(["harness", "explore", str(base), "--plans", str(plans), *options])


def _write(made: Exploration, folder: Path, *, save: bool) -> None:
    """The findings, each a scenario, and the report. A finding of an earlier, shorter campaign that is none any more is taken away."""
    from harness.report.exploration import render

    names = file_names(made.findings)
    for old in folder.glob("*.yaml"):
        if old.name not in names and old.read_bytes().startswith(f"# {ORIGIN} {made.name} ".encode()):
            old.unlink()
    for finding, name in zip(made.findings, names, strict=True):
        finding.file = put(finding.smallest.text, folder / name)
        if save:
            text = text_moved(finding.smallest.text, folder, REGRESSIONS)
            finding.saved = _saved(text, REGRESSIONS / f"{made.name}-{finding.check}.yaml")
    write_whole(folder / REPORT_NAME, render(made).encode())


def put(text: str, path: Path) -> str:
    """Write a scenario; gives the name of its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())
    return path.as_posix()


def _saved(text: str, path: Path) -> Saved:
    """Write a scenario that is to stay, under the first such name that is free, or that it has already."""
    for number in itertools.count(1):
        place = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        if not place.exists():
            return Saved(put(text, place), new=True)
        if place.read_bytes() == text.encode():
            return Saved(place.as_posix(), new=False)
    raise AssertionError("numbers end")
