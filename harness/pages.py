"""Makes the page of a run that was judged, or its postmortem: one more pass over its journal, which holds all that is on it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from harness.journal.reader import Journal

if TYPE_CHECKING:
    from harness.regression.changes import Changes
    from harness.report.outcome import Outcome


def page(outcome: Outcome, journal: Path, *, changes: Changes | None = None) -> bytes:
    """The outage report as one HTML file, with what has changed since a baseline where there is one.

    Raises :class:`harness.journal.format.JournalError` where the journal cannot be read.
    """
    from harness.report.html.gather import Gatherer
    from harness.report.html.page import render

    opened = Journal(journal)
    gathered = Gatherer(outcome.scenario, [check.witness for check in outcome.judgement.checks if check.witness is not None])
    with _without_collections():
        for batch in opened.batches():
            gathered.feed(batch)
    footer = opened.footer
    gathered.close(outcome.outline.end_ms)
    return render(outcome, gathered, footer.twin_wh if footer is not None else (), changes)


def postmortem(outcome: Outcome, journal: Path) -> bytes:
    """The skeleton of an incident review, as Markdown.

    Raises :class:`harness.journal.format.JournalError` where the journal cannot be read.
    """
    from harness.report.chronicle import Chronicle
    from harness.report.postmortem import render

    chronicle = Chronicle()
    with _without_collections():
        for batch in Journal(journal).batches():
            chronicle.feed(batch)
    chronicle.close()
    return render(outcome, chronicle).encode(errors="replace")  # a command may hold the name of a file that is no text


def kept_command(journal: Path, digest: str) -> str:
    """The command that repeats the run of a journal, as the result beside it tells; empty where none of this journal's is there."""
    try:
        kept = _KEPT.decode((journal.parent / "result.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return ""
    return kept.command if digest and kept.journal.digest == digest else ""


class _Digest(msgspec.Struct):
    digest: str


class _Kept(msgspec.Struct):
    """What of a ``result.json`` matters here."""

    command: str
    journal: _Digest


_KEPT = msgspec.json.Decoder(_Kept)


@contextmanager
def _without_collections() -> Iterator[None]:
    """No collection of garbage meanwhile: gathering makes no reference cycles, and so many small objects that each one is dear."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
