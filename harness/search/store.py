"""A campaign on disk: one SQLite file, to which results are only ever added, so that a campaign that is killed goes on where it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import msgspec

from harness.search.trial import Trial

_IDENTITY = "CREATE TABLE IF NOT EXISTS campaign (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
_OPTIONS = "CREATE TABLE IF NOT EXISTS options (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
_TABLES = """
CREATE TABLE IF NOT EXISTS situations (id INTEGER PRIMARY KEY, told TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS trials (seed INTEGER PRIMARY KEY, trial BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS smallest (key TEXT PRIMARY KEY, found BLOB NOT NULL);
"""
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Trial)


_DIGEST = "'s digest"
"""So ends what a campaign's results follow from where it is no text that people know."""


class CampaignError(Exception):
    """A file that is no campaign, or another one. The message says what to do."""


class Campaign:
    """The file of a campaign, whatever it keeps. Use it as a context manager."""

    def __init__(
        self, path: Path, identity: Mapping[str, str], tables: str, *, options: Mapping[str, str] | None = None,
        advice: str = "name another file, or remove it",
    ) -> None:  # fmt: skip
        """Open the campaign in ``path``, or begin one there. ``identity`` is what its results follow from: the campaign that is there must
        have the same, or :class:`CampaignError` is raised, which tells in which of the ``options`` that were given then and now the two
        differ, and gives the ``advice``. ``tables`` makes those that are not there yet."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = sqlite3.connect(path, isolation_level=None)
            # A process that is killed loses no transaction that was committed; a machine that loses power may lose the latest.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_IDENTITY + _OPTIONS + tables)
        except sqlite3.DatabaseError as problem:
            raise CampaignError(f"{path}: this is no campaign of the harness ({problem})") from None
        self._check(identity, options or {}, advice)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _check(self, identity: Mapping[str, str], options: Mapping[str, str], advice: str) -> None:
        kept = dict(self._connection.execute("SELECT key, value FROM campaign"))
        if not kept:
            with self._transaction():
                self._connection.executemany("INSERT INTO campaign VALUES (?, ?)", identity.items())
                self._connection.executemany("INSERT INTO options VALUES (?, ?)", options.items())
        elif kept != dict(identity):
            other = next(key for key in {**kept, **identity} if kept.get(key) != identity.get(key))
            told = _differs(other, kept, identity)
            if options and other.endswith(_DIGEST):
                given = dict(self._connection.execute("SELECT key, value FROM options"))
                option = next((key for key in options if given.get(key) != options[key]), "")
                told = _differs(option, given, options) if option else f"Its {other.removesuffix(_DIGEST)} has changed since"
            raise CampaignError(f"{self.path}: another campaign is kept here. {told}: {advice}")

    def _transaction(self) -> Any:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection  # commits when it is left, and takes back what an error cut short


def _differs(what: str, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    return f"Its {what} is {before.get(what) or 'nothing'}, and now it is {now.get(what) or 'nothing'}"


class Store(Campaign):
    """The trials of a campaign."""

    def __init__(
        self, path: Path, identity: Mapping[str, str], *, advice: str, options: Mapping[str, str] | None = None
    ) -> None:  # fmt: skip
        """Open the campaign in ``path``, or begin one there, as :class:`Campaign` does."""
        super().__init__(path, identity, _TABLES, options=options, advice=advice)
        self._numbers = {told: number for number, told in self._connection.execute("SELECT id, told FROM situations")}

    def add(self, trials: Iterable[Trial]) -> None:
        """Keep trials, all of them or none."""
        with self._transaction():
            for trial in trials:
                for told in trial.situations:
                    if told not in self._numbers:
                        cursor = self._connection.execute("INSERT INTO situations (told) VALUES (?)", (told,))
                        self._numbers[told] = cursor.lastrowid or 0
                small = msgspec.structs.replace(trial, situations=[str(self._numbers[told]) for told in trial.situations])
                self._connection.execute("INSERT INTO trials VALUES (?, ?)", (trial.seed, _ENCODER.encode(small)))

    def trials(self) -> Iterator[Trial]:
        """All trials, by seed."""
        told = {str(number): text for text, number in self._numbers.items()}
        for (blob,) in self._connection.execute("SELECT trial FROM trials ORDER BY seed"):
            trial = _DECODER.decode(blob)
            trial.situations = [told[number] for number in trial.situations]
            yield trial

    def smallest(self) -> dict[str, bytes]:
        """What failures came to when they were made small, by what they are known by."""
        return dict(self._connection.execute("SELECT key, found FROM smallest"))

    def keep(self, key: str, found: bytes) -> None:
        """Keep what a failure came to."""
        self._connection.execute("INSERT OR REPLACE INTO smallest VALUES (?, ?)", (key, found))
