"""Makes the page of a run that was judged, or its postmortem: one more pass over its journal, which holds all that is on it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from harness.journal.reader import Journal
from harness.regression.facts import is_ours

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
    return render(outcome, chronicle).encode()


class _Digest(msgspec.Struct):
    digest: str


class Kept(msgspec.Struct):
    """What of the ``result.json`` beside a journal matters here."""

    command: str = ""
    """The command that repeats its run."""
    journal: _Digest = msgspec.field(default_factory=lambda: _Digest(""))

    @property
    def strict(self) -> bool:
        """Whether contract clauses that were not exercised count there."""
        return "--strict" in self.command.split()


_KEPT = msgspec.json.Decoder(Kept)


def kept(journal: Path, digest: str) -> Kept:
    """What the result beside a journal tells of it; nothing where none of this journal's is there, or its command is none of ours."""
    try:
        found = _KEPT.decode((journal.parent / "result.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return Kept()
    return found if digest and found.journal.digest == digest and is_ours(found.command) else Kept()


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
