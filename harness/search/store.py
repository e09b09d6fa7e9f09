"""A campaign on disk: one SQLite file, to which results are only ever added, so that a campaign that is killed goes on where it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
from msgspec import Struct

from harness.search.trial import Trial

_COLUMNS = "(key TEXT PRIMARY KEY, value TEXT NOT NULL)"
_IDENTITY = f"CREATE TABLE IF NOT EXISTS campaign {_COLUMNS}; CREATE TABLE IF NOT EXISTS options {_COLUMNS};"
_TABLES = """
CREATE TABLE IF NOT EXISTS situations (id INTEGER PRIMARY KEY, told TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS trials (seed INTEGER PRIMARY KEY, trial BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS smallest (key TEXT PRIMARY KEY, found BLOB NOT NULL);
"""
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Trial)
_PATIENCE_S = 5.0
"""How long a file is waited for that another process writes to."""

Found = TypeVar("Found", bound=Struct)

_DIGEST = "'s digest"
"""So ends what a campaign's results follow from where it is no text that people know."""


class CampaignError(Exception):
    """A file that is no campaign, or another one, or that cannot be used. The message says what to do."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Whatever is wrong with a campaign's file raises :class:`CampaignError`."""
    try:
        yield
    except sqlite3.OperationalError as problem:
        if problem.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise CampaignError(f"{path}: another process works on this campaign: wait until it has ended") from None
        if problem.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # the statement does not suit the file: a table is missing, or another
            raise damaged(path, str(problem)) from None
        raise CampaignError(f"{path}: the file cannot be read or written ({problem})") from None
    except (sqlite3.Error, msgspec.MsgspecError, LookupError, TypeError, ValueError) as problem:
        if getattr(problem, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            raise CampaignError(f"{path}: this is no campaign of the harness ({problem})") from None
        raise damaged(path, str(problem)) from None


def damaged(path: Path, why: str) -> CampaignError:
    """That a campaign's file does not hold what it must."""
    return CampaignError(f"{path}: this campaign is damaged ({why}): remove it, or put back a copy of it")


def _reading(path: Path, patience_s: float) -> sqlite3.Connection:
    """A connection that writes nothing to the file."""
    # Without a log beside it nobody writes to it as we do, and SQLite needs no files of its own to read it.
    alone = not path.with_name(f"{path.name}-wal").exists()
    address = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=patience_s)


class Campaign:
    """The file of a campaign, whatever it keeps. Use it as a context manager."""

    def __init__(
        self, path: Path, identity: Mapping[str, str], tables: str, *, options: Mapping[str, str] | None = None,
        advice: str = "name another file, or remove it", alone: bool = False, read_only: bool = False,
    ) -> None:  # fmt: skip
        """Open the campaign in ``path``, or begin one there. ``identity`` is what its results follow from: the campaign that is there must
        have the same, or :class:`CampaignError` is raised, which tells in which of the ``options`` that were given then and now the two
        differ, and gives the ``advice``. ``tables`` makes those that a new one has. ``alone``: no other process may have it open.
        ``read_only``: it must be there, and nothing is written. A file that is no campaign is never changed."""
        self.path = path
        self._patience_s = 0 if alone else _PATIENCE_S
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        with told(path):
            there = path.exists() and self._is_there(identity, options or {}, advice)
            if read_only:
                if not there:
                    raise CampaignError(f"{path}: this is no campaign of the harness (it is empty)")
                self._connection = _reading(path, self._patience_s)
                return
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=self._patience_s)
            try:
                if alone:
                    self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                # A process that is killed loses no transaction that was committed; a machine that loses power may lose the latest.
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
                with self._transaction():  # which takes the lock, too
                    if not there:
                        self._begin(identity, options or {}, tables)
                self._opened()
            except BaseException:
                self._connection.close()
                raise

    def _opened(self) -> None:
        """The file is there, and is this campaign's: read what is needed of it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _is_there(self, identity: Mapping[str, str], options: Mapping[str, str], advice: str) -> bool:
        """Whether the file holds this campaign; False: it is empty. Raises :class:`CampaignError` where it holds anything else."""
        with closing(_reading(self.path, self._patience_s)) as connection:
            tables = dict(connection.execute("SELECT name, sql FROM sqlite_master"))
            if not tables:
                return False
            if not all((tables.get(name) or "").endswith(_COLUMNS) for name in ("campaign", "options")):
                raise CampaignError(f"{self.path}: this is no campaign of the harness (it has other tables)")
            kept, given = (dict(connection.execute(f"SELECT key, value FROM {name}")) for name in ("campaign", "options"))
        if kept != dict(identity):
            other = next(key for key in {**kept, **identity} if kept.get(key) != identity.get(key))
            says = _differs(other, kept, identity)
            if options and other.endswith(_DIGEST):
                option = next((key for key in options if given.get(key) != options[key]), "")
                says = _differs(option, given, options) if option else f"Its {other.removesuffix(_DIGEST)} has changed since"
            raise CampaignError(f"{self.path}: another campaign is kept here. {says}: {advice}")
        return True

    def _begin(self, identity: Mapping[str, str], options: Mapping[str, str], tables: str) -> None:
        for statement in filter(str.strip, (_IDENTITY + tables).split(";")):
            self._connection.execute(statement)
        # Another process may have begun the same.
        self._connection.executemany("INSERT OR IGNORE INTO campaign VALUES (?, ?)", identity.items())
        self._connection.executemany("INSERT OR IGNORE INTO options VALUES (?, ?)", options.items())

    def _transaction(self) -> Any:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection  # commits when it is left, and takes back what an error cut short


def _differs(what: str, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    return f"Its {what} is {before.get(what) or 'nothing'}, and now it is {now.get(what) or 'nothing'}"


class Store(Campaign):
    """The trials of a campaign, which one process at a time works on."""

    def __init__(
        self, path: Path, identity: Mapping[str, str], *, advice: str, options: Mapping[str, str] | None = None
    ) -> None:  # fmt: skip
        """Open the campaign in ``path``, or begin one there, as :class:`Campaign` does."""
        super().__init__(path, identity, _TABLES, options=options, advice=advice, alone=True)

    def _opened(self) -> None:
        self._numbers: dict[str, int] = {text: number for number, text in self._connection.execute("SELECT id, told FROM situations")}

    def add(self, trials: Iterable[Trial]) -> None:
        """Keep trials, all of them or none."""
        with told(self.path), self._transaction():
            for trial in trials:
                for situation in trial.situations:
                    if situation not in self._numbers:
                        cursor = self._connection.execute("INSERT INTO situations (told) VALUES (?)", (situation,))
                        self._numbers[situation] = cursor.lastrowid or 0
                small = msgspec.structs.replace(trial, situations=[str(self._numbers[situation]) for situation in trial.situations])
                self._connection.execute("INSERT INTO trials VALUES (?, ?)", (trial.seed, _ENCODER.encode(small)))

    def trials(self) -> list[Trial]:
        """All trials, by seed."""
        situations = {str(number): text for text, number in self._numbers.items()}
        found = []
        with told(self.path):
            for (blob,) in self._connection.execute("SELECT trial FROM trials ORDER BY seed"):
                trial = _DECODER.decode(blob)
                if unknown := [number for number in trial.situations if number not in situations]:
                    raise damaged(self.path, f"the situation {unknown[0]} is missing")
                trial.situations = [situations[number] for number in trial.situations]
                found.append(trial)
        return found

    def smallest(self, kind: type[Found]) -> dict[str, Found]:
        """What failures came to when they were made small, by what they are known by."""
        with told(self.path):
            rows = self._connection.execute("SELECT key, found FROM smallest")
            return {key: msgspec.msgpack.decode(blob, type=kind) for key, blob in rows}

    def keep(self, key: str, found: Struct) -> None:
        """Keep what a failure came to."""
        with told(self.path):
            self._connection.execute("INSERT OR REPLACE INTO smallest VALUES (?, ?)", (key, _ENCODER.encode(found)))
