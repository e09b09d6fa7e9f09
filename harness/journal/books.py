"""The transactions in the books of a server that is not ours, as its operator exports them, and what they say of a run.

Either form has, for each transaction: ``station``, ``transaction`` (its id at the server), ``start`` and ``stop`` (ISO 8601), ``start_wh``
and ``stop_wh`` (the energy register); the stop's two are empty, or null, while it goes on. CSV has these as its first line, in any
order; JSON is a list of such objects. What else is there is ignored, and so is what began more than a minute before the run or after
it, unless a station of the run told of it so: it may have lost the time.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from harness.journal.reader import Journal
from harness.journal.records import Books, Ledger, Message, Transaction

COLUMNS = ("station", "transaction", "start", "start_wh", "stop", "stop_wh")
NEAR_MS = 1_000
"""Books may keep whole seconds."""
BEFORE_MS = 60_000
_LARGEST_WH = 10**12


class BooksError(Exception):
    """What was exported cannot be read; says where and what was expected."""


class Booking(Struct, frozen=True):
    """A transaction in the books. Times in ms since 1970."""

    station: str
    transaction: str
    start_ms: int
    start_wh: int
    stop_ms: int | None
    stop_wh: int | None
    zoneless: bool = False
    """A time of it came without its offset from UTC, and was taken for UTC."""


class Start(NamedTuple):
    """The start of a transaction, as its charger told it. ``stamp`` in ms since the run's start."""

    tx: int
    stamp: int
    wh: int
    id: str
    """The transaction's id at the server; empty: not known."""


def text_of(path: Path) -> str:
    """The text of a file of books. Raises :class:`BooksError` for what is no text, and :class:`OSError` for what cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise BooksError(f"{path}: no text in UTF-8: {problem}") from None


def exported(journal: Journal, text: str, shown: str) -> list[Books | Ledger]:
    """What books that were exported after a run say of its chargers; ``shown`` is how messages name them. Raises :class:`BooksError`."""
    live = journal.live
    if live is None or live.peer != "your server":
        raise BooksError(f"{journal.path} is of a run whose server's books are known: `ledger` is of runs against a server of your own")
    starts: dict[str, dict[int, Start]] = {}
    now = 0
    for record in journal.records():
        now = record.t
        if isinstance(record, Transaction) and record.edge == "open":
            # One whose start was never answered is known by when it began.
            starts.setdefault(record.who, {})[record.tx] = Start(record.tx, record.t, record.wh, "")
        elif isinstance(record, Message) and record.action == "transaction-start":
            starts.setdefault(record.who, {})[record.tx] = Start(record.tx, record.stamp, record.wh, record.id)
    told = {charger: list(of.values()) for charger, of in starts.items()}
    return records_of(read(text, shown), told, live.stations, journal.scenario.start, now)


def read(text: str, shown: str) -> list[Booking]:
    """Read books; ``shown`` is how messages name them. Raises :class:`BooksError`."""
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith(("[", "{")):
        rows = _json(text, shown)
    else:
        reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            found = ", ".join(reader.fieldnames or ()) or "nothing"
            raise BooksError(f"{shown}:1: found {found}, expected the columns {', '.join(COLUMNS)}: {missing[0]} is missing")
        try:
            rows = [(f"{shown}:{reader.line_num}", row) for row in reader]
        except csv.Error as problem:
            raise BooksError(f"{shown}:{reader.line_num}: {problem}") from None
    return [_booking(row, where) for where, row in rows]


def _json(text: str, shown: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        rows = msgspec.json.decode(text, type=list[dict[str, Any]])
    except (msgspec.DecodeError, msgspec.ValidationError) as problem:
        raise BooksError(f"{shown}: expected a JSON list of objects with {', '.join(COLUMNS)}: {problem}") from None
    return [(f"{shown}: transaction {number}", row) for number, row in enumerate(rows, start=1)]


def _booking(row: Mapping[str, Any], where: str) -> Booking:
    def value(name: str) -> str:
        found = row.get(name)
        return "" if found is None else str(found).strip()

    def whole(name: str) -> int | None:
        if not value(name):
            return None
        try:
            found = float(value(name))
            if not abs(found) < _LARGEST_WH:
                raise ValueError
            return round(found)
        except ValueError:
            raise BooksError(f"{where}: found `{value(name)[:40]}` as {name}, expected an energy in Wh") from None

    def moment(name: str) -> datetime | None:
        if not value(name):
            return None
        try:
            time = datetime.fromisoformat(value(name))
            if not 1 < time.year < 9999:
                raise ValueError
        except ValueError:
            raise BooksError(f"{where}: found `{value(name)}` as {name}, expected a time such as 2026-03-12T22:50:00Z") from None
        return time

    start, start_wh, stop = moment("start"), whole("start_wh"), moment("stop")
    if not value("station") or start is None or start_wh is None:
        raise BooksError(f"{where}: expected a station, a start and its start_wh at the least")
    zoneless = start.tzinfo is None or (stop is not None and stop.tzinfo is None)
    stop_ms = None if stop is None else _milliseconds(stop)
    return Booking(value("station"), value("transaction"), _milliseconds(start), start_wh, stop_ms, whole("stop_wh"), zoneless)


def _milliseconds(time: datetime) -> int:
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def records_of(
    bookings: Iterable[Booking], starts: Mapping[str, Sequence[Start]], stations: Mapping[str, str], start: str, now: int
) -> list[Books | Ledger]:  # fmt: skip
    """What the books say of a run's chargers, as its journal holds it: first how they could be read.

    ``starts``: charger → the starts that it told of. ``stations``: charger → station id, for all chargers.
    ``start`` is the run's, ISO 8601. A transaction is known by its id, else by its start; one that is not has a number below zero.
    """
    epoch_ms = round(datetime.fromisoformat(start).timestamp() * 1000)
    charger_of = {station: charger for charger, station in stations.items()}
    found: dict[str, Ledger] = {}
    books = Books(t=now, transactions=0, left_out=0)
    for booking in bookings:
        charger = charger_of.get(booking.station)
        if charger is None:
            continue
        books.transactions += 1
        books.zoneless += booking.zoneless
        begun = booking.start_ms - epoch_ms
        told = _told(booking, begun, starts.get(charger, ()))
        before = begun < -BEFORE_MS and (told is None or abs(begun - told.stamp) > NEAR_MS)
        if before or (begun > now and told is None):  # of an earlier or a later run of the same stations
            books.left_out += 1
            continue
        ledger = found.setdefault(charger, Ledger(t=now, who=charger, entries=[]))
        number = -1 - len(ledger.called) if told is None else told.tx
        if told is None:
            ledger.called[number] = booking.transaction
        elif abs(begun - told.stamp) <= NEAR_MS:
            begun = told.stamp
        ended = None if booking.stop_ms is None else booking.stop_ms - epoch_ms
        ledger.entries.append((number, begun, booking.start_wh, ended, booking.stop_wh))
    return [books, *(found[charger] for charger in stations if charger in found)]


def _told(booking: Booking, begun: int, starts: Sequence[Start]) -> Start | None:
    """The start that a booking is of."""
    by_id = [start for start in starts if start.id and start.id == booking.transaction]
    by_start = [start for start in starts if abs(start.stamp - begun) <= NEAR_MS and start.wh == booking.start_wh]
    return next(iter(by_id or by_start), None)
