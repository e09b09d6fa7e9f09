"""Logs of OCPP frames in the OCPP trace format 1.1: JSON Lines, a record for each frame.

Passwords are never written: the value of a setting that names a secret, and the password in an address, are replaced by ``***``, in
the payload and in the verbatim frame alike. Tags of drivers are kept, as transactions cannot be told apart without them.

A text that is no OCPP-J frame cannot be a record. It goes to ``NAME.unreadable.txt`` beside the log, one line each: time, charger,
direction, and the text as a JSON string, or only its length where it names a secret, which nobody could cut out of it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from gzip import GzipFile
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, TextIO, cast

import msgspec

from harness.units import counted

_FIRST_YEAR, _LAST_YEAR = 1970, 2200
"""No log of OCPP is of another year."""
SCHEMA_VERSION = "1.1"
Version = Literal["1.6", "2.0.1"]
Direction = Literal["cp-to-csms", "csms-to-cp"]
UP: Direction = "cp-to-csms"
DOWN: Direction = "csms-to-cp"
CALL, CALLRESULT, CALLERROR = "CALL", "CALLRESULT", "CALLERROR"

LONGEST_LINE_BYTES = 64 << 20
GREETING = "greeting"
"""In a record's ``meta``: it is of a virtual charger's registration before its run began, of which the run's journal has nothing."""
UNNAMED = "charger"
"""The charger of records that name none."""
HIDDEN = "***"
_SECRET = re.compile(r"authorization-?key|password|passphrase|secret|private-?key", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(\w+://[^\s/:@]*:)[^\s/@]+(?=@)")
_CALLS_REMEMBERED = 4096
_GZIP_MAGIC = b"\x1f\x8b"
_KINDS = {2: CALL, 3: CALLRESULT, 4: CALLERROR}
_ENCODE = msgspec.json.Encoder().encode


class TraceError(Exception):
    """A log that cannot be read. The message names file, line and column, what was found and what was expected."""


class Parts(NamedTuple):
    """An OCPP-J frame, taken apart."""

    kind: str
    id: str
    action: str = ""
    payload: Any = None
    error: dict[str, Any] | None = None


class Seen(NamedTuple):
    """A frame as it was seen. ``at`` is in ms since 1970, UTC; ``error`` is the code of a CALLERROR."""

    at: int
    charger: str
    version: Version
    up: bool
    """It went from the charger to the server."""
    kind: str
    id: str
    action: str
    """Of a CALL; of an answer where the log says it."""
    payload: dict[str, Any]
    error: str
    line: int
    greeting: bool = False
    """It is of a registration before the run began."""


def parts_of(text: str) -> Parts | None:
    """Take a frame apart; None: it is no CALL, CALLRESULT or CALLERROR of OCPP-J."""
    try:
        frame = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    match frame:
        case [2, str(id_), str(action), dict(payload)]:
            return Parts(CALL, id_, action, payload)
        case [3, str(id_), dict(payload)]:
            return Parts(CALLRESULT, id_, payload=payload)
        case [4, str(id_), str(code), str(text), dict(details)]:
            return Parts(CALLERROR, id_, error={"code": code, "description": text, "details": details})
    return None


def redacted(value: Any) -> Any:
    """The same without secrets; the very same object where there are none."""
    if isinstance(value, str):
        return _IN_ADDRESS.sub(rf"\1{HIDDEN}", value) if "@" in value else value
    if isinstance(value, list):
        items = [redacted(item) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if not isinstance(value, dict):
        return value
    hidden = _names_secret(value)
    made = {key: _hide(key, item, setting=hidden) for key, item in value.items()}
    return made if any(made[key] is not item for key, item in value.items()) else value


def _names_secret(value: dict[str, Any]) -> bool:
    """Whether an object is a setting whose name is that of a secret: ``key`` in OCPP 1.6, ``variable.name`` in 2.0.1."""
    variable = value.get("variable")
    names = (value.get("key"), variable.get("name") if isinstance(variable, dict) else None)
    return any(isinstance(name, str) and _SECRET.search(name) for name in names)


def _hide(key: str, item: Any, *, setting: bool) -> Any:
    is_value = setting and key in ("value", "attributeValue", "variableAttribute")
    if is_value and isinstance(item, list):
        return [{**each, "value": HIDDEN} if isinstance(each, dict) and "value" in each else each for each in item]
    if (is_value or _SECRET.search(key)) and isinstance(item, str):
        return HIDDEN
    # The pre-shared key of a virtual private network is called just that (SetNetworkProfile).
    return {**redacted(item), "key": HIDDEN} if key == "vpn" and isinstance(item, dict) and "key" in item else redacted(item)


def beside(log: Path) -> Path:
    """Where the texts go that are no frames, and so cannot be in a log."""
    return log.with_name(f"{log.name}.unreadable.txt")


class TraceWriter:
    """Appends frames to a log. Use it as a context manager. Raises :class:`OSError` where the file cannot be written."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.unreadable_path = beside(self.path)
        self.written = 0
        """How many frames are in the log."""
        self.unreadable = 0
        """How many texts were no frames."""
        self._file: BinaryIO = self.path.open("ab")
        self._rest: TextIO | None = None
        self._calls: dict[tuple[str, str, str], str] = {}
        """(charger, direction, message id) of calls that are not answered yet → action."""

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, time: str, charger: str, version: Version, direction: Direction, raw: str, *, greeting: bool = False) -> None:
        """Append a frame. ``time`` is ISO 8601 in UTC with milliseconds, ``raw`` the frame as it went over the wire; ``greeting``: it is of
        a registration before the run began."""
        parts = parts_of(raw)
        if parts is None:
            self._set_aside(time, charger, direction, raw)
            return
        key = (charger, direction, parts.id)
        if parts.kind == CALL:
            action = self._calls[key] = parts.action
            if len(self._calls) > _CALLS_REMEMBERED:
                del self._calls[next(iter(self._calls))]
        else:
            action = self._calls.pop((charger, UP if direction == DOWN else DOWN, parts.id), "")
        record: dict[str, Any] = {
            "schemaVersion": SCHEMA_VERSION, "timestamp": time, "transport": "json", "direction": direction, "messageType": parts.kind,
            "ocppVersion": version, "chargePointId": charger, "messageId": parts.id,
        }  # fmt: skip
        if action:
            record["action"] = action
        payload, error = redacted(parts.payload), redacted(parts.error)
        connector = _connector_of(payload)
        if connector is not None:
            record["connectorId"] = connector
        if payload is not None:
            record["payload"] = payload
        if error is not None:
            record["error"] = error
        untouched = payload is parts.payload and error is parts.error
        record["raw"] = raw if untouched else _frame(parts, payload, error)
        if greeting:
            record["meta"] = {GREETING: True}
        with self._named():
            self._file.write(_ENCODE(record) + b"\n")
        self.written += 1

    def _set_aside(self, time: str, charger: str, direction: str, raw: str) -> None:
        self.unreadable += 1
        if self._rest is None:
            self._rest = self.unreadable_path.open("a", encoding="utf-8")
        raw = raw.encode("utf-8", "backslashreplace").decode()
        shown = _ENCODE(_IN_ADDRESS.sub(rf"\1{HIDDEN}", raw)).decode()
        told = f"{len(raw)} characters that name a secret" if _SECRET.search(raw) else shown
        self._rest.write(f"{time} {_ENCODE(charger).decode()} {direction} {told}\n")

    def flush(self) -> None:
        """Have on disk what was written so far."""
        with self._named():
            self._file.flush()
            if self._rest is not None:
                self._rest.flush()

    def close(self) -> None:
        """Close the files. Closing twice does nothing more."""
        with self._named():
            self._file.close()
            if self._rest is not None:
                self._rest.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Give errors of writing, which come without it, the name of the file."""
        try:
            yield
        except OSError as problem:
            raise OSError(problem.errno, problem.strerror, str(self.path)) from None


def _frame(parts: Parts, payload: Any, error: dict[str, Any] | None) -> str:
    """The frame anew, with what was redacted."""
    number = next(number for number, kind in _KINDS.items() if kind == parts.kind)
    rest = [parts.action, payload] if parts.kind == CALL else [payload] if error is None else list(error.values())
    return _ENCODE([number, parts.id, *rest]).decode()


def _connector_of(payload: Any) -> int | None:
    """The connector that a payload names."""
    if not isinstance(payload, dict):
        return None
    evse = payload.get("evse")
    found = payload.get("connectorId", evse.get("connectorId") if isinstance(evse, dict) else None)
    return found if isinstance(found, int) else None


# Reading.


def read_trace(path: str | Path, *, warn: Callable[[str], None] = lambda _: None) -> list[Seen]:
    """All frames of a log, plain or gzip, in the order of their times; those of one time stay in the order of the file. Greetings are left
    out, as the journal of their run has nothing of them, unless there is nothing else.

    ``warn`` is told, in a sentence each, what was passed over: a last line that was cut off, SOAP, times without a zone. Raises
    :class:`TraceError` for a line that is no record, or a file without any, and :class:`OSError`.
    """
    path = Path(path)
    frames: list[Seen] = []
    reader = _Reader(path)
    for number, line, whole in _lines(path, warn):
        seen = reader.frame(number, line, whole=whole)
        if seen is not None:
            frames.append(seen)
    for told in reader.told():
        warn(told)
    if not frames:
        expected = f"a log in the OCPP trace format {SCHEMA_VERSION}, a JSON object on each line"
        raise TraceError(f"{path}:1:1: found no frame, expected {expected}")
    frames.sort(key=lambda seen: seen.at)
    return [seen for seen in frames if not seen.greeting] or frames


def _lines(path: Path, warn: Callable[[str], None]) -> Iterator[tuple[int, bytes, bool]]:
    """(number, line, whether its end is there) of the lines that are not empty."""
    with path.open("rb") as plain:
        packed = plain.read(2) == _GZIP_MAGIC
        plain.seek(0)
        stream = cast("BinaryIO", GzipFile(fileobj=plain)) if packed else plain
        number = 0
        while True:
            number += 1
            try:
                line = stream.readline(LONGEST_LINE_BYTES + 1)
            except EOFError:
                warn(f"{path}: the compressed file ends early, after line {number - 1}; what comes before is used")
                return
            except (zlib.error, OSError) as problem:
                if packed:
                    raise TraceError(f"{path}:{number}:1: found damaged gzip data ({problem}), expected a log") from None
                raise
            if not line:
                return
            if len(line) > LONGEST_LINE_BYTES:
                raise TraceError(f"{path}:{number}:1: found a line of more than {LONGEST_LINE_BYTES >> 20} MiB, expected a frame")
            text = (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).rstrip()
            if text:
                yield number, text, line.endswith(b"\n")


class _Reader:
    """Makes frames of lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._soap = 0
        self._zoneless = 0
        self._cut_at = 0

    def told(self) -> Iterator[str]:
        """What was passed over."""
        if self._cut_at:
            yield f"{self._path}:{self._cut_at}: the last line is cut off and was left out"
        if self._soap:
            yield f"{self._path}: {counted(self._soap, 'frames')} of OCPP over SOAP, left out"
        if self._zoneless:
            yield f"{self._path}: {counted(self._zoneless, 'timestamps')} without a zone, taken for UTC"

    def frame(self, number: int, line: bytes, *, whole: bool) -> Seen | None:
        """The frame of a line; None where it is to be passed over."""
        try:
            record = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            if not whole:
                self._cut_at = number
                return None
            place = re.search(r"\(byte (\d+)\)", str(problem))
            column = int(place[1]) + 1 if place else 1
            raise self._wrong(number, column, repr(line[column - 1 : column + 39].decode(errors="replace")), "JSON") from None
        if not isinstance(record, dict):
            raise self._wrong(number, 1, _kind(record), "an object, a frame in the OCPP trace format")
        return self._seen(number, line, record)

    def _seen(self, number: int, line: bytes, record: dict[str, Any]) -> Seen | None:
        def one_of(key: str, expected: tuple[str, ...], default: str | None = None) -> str:
            value = record.get(key, default)
            if not isinstance(value, str) or value not in expected:
                raise self._wrong(number, _column(line, key), _found(record, key), f"`{key}` {' or '.join(expected)}")
            return value

        def text(key: str, default: str = "") -> str:
            value = record.get(key, default)
            if value is None:
                return default
            if not isinstance(value, str):
                raise self._wrong(number, _column(line, key), _found(record, key), f"`{key}`, a text")
            return value

        if not text("schemaVersion").startswith("1."):
            found = _found(record, "schemaVersion")
            raise self._wrong(number, _column(line, "schemaVersion"), found, f'`schemaVersion` "{SCHEMA_VERSION}"')
        if one_of("transport", ("json", "soap")) == "soap":
            self._soap += 1
            return None
        up = one_of("direction", (UP, DOWN)) == UP
        kind = one_of("messageType", (CALL, CALLRESULT, CALLERROR))
        version = one_of("ocppVersion", ("1.6", "2.0.1"), "1.6")
        parts = parts_of(text("raw"))
        payload = record.get("payload")
        if payload is None:
            payload = parts.payload if parts is not None else None
        if not isinstance(payload, dict | None):
            raise self._wrong(number, _column(line, "payload"), _kind(payload), "`payload`, an object")
        action = text("action") or (parts.action if parts is not None else "")
        if kind == CALL and not action:
            raise self._wrong(number, 1, "a CALL without `action`", "its `action`")
        error = record.get("error")
        if kind == CALLERROR and not isinstance(error, dict):
            error = parts.error if parts is not None else None
            if error is None:
                raise self._wrong(number, _column(line, "error"), _found(record, "error"), "`error`, an object with its `code`")
        code = str(error.get("code", "")) if kind == CALLERROR and isinstance(error, dict) else ""
        id_ = text("messageId") or (parts.id if parts is not None else "")
        at = self._time(number, line, text("timestamp"))
        meta = record.get("meta")
        greeting = isinstance(meta, dict) and meta.get(GREETING) is True
        charger = text("chargePointId") or UNNAMED
        return Seen(at, charger, cast("Version", version), up, kind, id_, action, payload or {}, code, number, greeting)

    def _time(self, number: int, line: bytes, text: str) -> int:
        try:
            moment = datetime.fromisoformat(text)
            if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
                raise ValueError
        except ValueError:
            found = repr(text) if text else "no time"
            raise self._wrong(number, _column(line, "timestamp"), found, "`timestamp`, ISO 8601 such as 2026-03-12T19:30:00.000Z") from None
        if moment.tzinfo is None:
            self._zoneless += 1
            moment = moment.replace(tzinfo=UTC)
        return milliseconds(moment)

    def _wrong(self, number: int, column: int, found: str, expected: str) -> TraceError:
        return TraceError(f"{self._path}:{number}:{column}: found {found}, expected {expected}")


def milliseconds(moment: datetime) -> int:
    """The ms since 1970 of an aware time, rounded to the nearest."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + (since.microseconds + 500) // 1000


def _column(line: bytes, key: str) -> int:
    """Where a key stands in its line, as a column; 1 where it does not."""
    return line.find(f'"{key}"'.encode()) + 1 or 1


def _found(record: dict[str, Any], key: str) -> str:
    return repr(record[key])[:60] if key in record else f"no `{key}`"


def _kind(value: Any) -> str:
    kinds = {list: "a list", dict: "an object", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
