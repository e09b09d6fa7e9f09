"""What a journal file looks like: a header, records, a footer, each one line of JSON.

The header is ``{"harness": VERSION, "schema": 1, "scenario": {…}}``, of a live run with ``"live": {…}`` besides; the records are those
of :mod:`harness.journal.records` in their canonical order, and the footer is ``{"footer": {…}}``. Nothing in the file describes the
machine or the moment of the run, so that the same scenario, seed and version, simulated, give the same bytes anywhere.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from harness.values import LiveRun, Scenario

SCHEMA = 1
"""The version of the format; it grows when a reader of the old one would misread the new one."""

PLAIN_NAME = "journal.jsonl"
PACKED_NAME = "journal.jsonl.gz"
FOOTER_START = b'{"footer":'


class JournalError(Exception):
    """A file that is no journal, or a damaged one. The message names the file and line, what was found and what was expected."""


class Header(Struct, kw_only=True, omit_defaults=True):
    """The first line."""

    harness: str
    schema: int
    scenario: Scenario
    live: LiveRun | None = None
    """How a live run was made; a simulated one has none."""


class Footer(Struct, kw_only=True):
    """What stands under ``footer`` in the last line; a journal without it was cut off."""

    records: dict[str, int]
    """How many records of each kind there are, by kind in alphabetical order."""
    total: int
    end_ms: int
    """The end of the run, since the scenario's start."""
    digest: str
    """SHA-256 over all uncompressed bytes before the footer's line, in hexadecimal."""
    twin: Any = None
    """The totals of the twin, as :mod:`harness.check.metrics` defines them; null where no twin was run."""
    twin_wh: list[int] = []
    """The energy of the twin's fleet over time, in bins as :mod:`harness.journal.energy` defines them; empty where no twin was run."""


class LastLine(Struct):
    """The last line."""

    footer: Footer
