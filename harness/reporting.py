"""Reports of a journal that was saved, and of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness import api
from harness.api import Run
from harness.comparing import since
from harness.files import write_whole


def html_report(
    journal: str | Path, *, out: str | Path | None = None, strict: bool = False, ledger: str | Path = "", baseline: str | Path = ""
) -> Path:  # fmt: skip
    """Make the outage report of a saved journal, one HTML file, and return where it is: ``out``, or ``report.html`` beside the journal.

    ``journal``, ``strict`` and ``ledger`` are as in :func:`harness.judge`, which judges it anew, and strictly, too, where the
    ``result.json`` beside it tells that the run was; what raises there raises here, and :class:`OSError` where the file cannot be
    written. With a ``baseline``, a file that ``harness gate`` keeps or another run as :func:`harness.compare` takes it, the page tells
    what has changed since.
    """
    from harness.pages import page

    run = _judged(journal, strict=strict, ledger=ledger)
    changes = since(baseline, run) if baseline else None
    return _written(page(run.outcome, run.journal, changes=changes), "report.html", run, out)


def postmortem(journal: str | Path, *, out: str | Path | None = None, strict: bool = False, ledger: str | Path = "") -> Path:
    """Make the postmortem of a saved journal, the skeleton of an incident review as Markdown: what the journal knows is filled in, and
    what only people know is a blank. Returns where it is: ``out``, or ``postmortem.md`` beside the journal.

    The arguments, and what raises, are as in :func:`html_report`.
    """
    from harness import pages

    run = _judged(journal, strict=strict, ledger=ledger)
    return _written(pages.postmortem(run.outcome, run.journal), "postmortem.md", run, out)


def gallery(runs: Sequence[Run], folder: str | Path) -> Path:
    """Write ``index.html`` into a folder, which leads to the pages of runs that are kept below it, and return where it is.

    Raises :class:`ValueError` for a run that is kept elsewhere, and :class:`OSError` where the file cannot be written.
    """
    from harness.report.html.gallery import render

    path = Path(folder)
    pages = [(run.journal.parent.resolve().relative_to(path.resolve()) / "report.html").as_posix() for run in runs]
    write_whole(path / "index.html", render(zip(pages, (run.outcome for run in runs), strict=True)))
    return path / "index.html"


def _judged(journal: str | Path, *, strict: bool, ledger: str | Path) -> Run:
    """A run judged again, as strictly as it was. It is repeated as the result beside its journal says, where there is one."""
    from harness.pages import kept

    run = api.judge(journal, strict=strict, ledger=ledger)
    told = kept(run.journal, run.outcome.digest)
    if not told.command:
        return run
    if told.strict and not strict:
        run = api.judge(journal, strict=True, ledger=ledger)
    command = f"{told.command} --strict" if strict and not told.strict else told.command
    return replace(run, outcome=replace(run.outcome, command=command))


def _written(report: bytes, name: str, run: Run, out: str | Path | None) -> Path:
    path = run.journal.parent / name if out is None else Path(out)
    write_whole(path, report)
    return path
