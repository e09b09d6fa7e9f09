"""OCPP-J frames: arrays of JSON over a WebSocket, each checked against the official schema of its action, in both directions.

The schemas are those that the ``ocpp`` package ships.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

CALL, CALLRESULT, CALLERROR = 2, 3, 4

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder().decode


class FrameError(Exception):
    """What came is no OCPP-J frame, or its payload breaks the schema of its action; says how."""


class Frame(NamedTuple):
    """A frame. ``action`` is empty but for a CALL; ``payload`` is that of a CALLERROR's details, and ``error`` its code."""

    kind: int
    id: str
    action: str
    payload: dict[str, Any]
    error: str = ""


def call(id_: str, action: str, payload: dict[str, Any]) -> str:
    """A CALL, valid by its schema."""
    check(action, payload)
    return _ENCODE([CALL, id_, action, payload]).decode()


def result(id_: str, action: str, payload: dict[str, Any]) -> str:
    """The CALLRESULT to a CALL of this action, valid by its schema."""
    check(f"{action}Response", payload)
    return _ENCODE([CALLRESULT, id_, payload]).decode()


def error(id_: str, code: str, text: str) -> str:
    """A CALLERROR."""
    return _ENCODE([CALLERROR, id_, code, text, {}]).decode()


def read(text: str | bytes) -> Frame:
    """Read a frame. Its payload is checked by :func:`check`, as only the caller knows what a CALLRESULT answers."""
    try:
        parts = _DECODE(text)
    except msgspec.DecodeError as problem:
        raise FrameError(f"not JSON: {problem}") from None
    match parts:
        case [2, str(id_), str(action), dict(payload)]:
            return Frame(CALL, id_, action, payload)
        case [3, str(id_), dict(payload)]:
            return Frame(CALLRESULT, id_, "", payload)
        case [4, str(id_), str(code), str(), dict(details)]:
            return Frame(CALLERROR, id_, "", details, code)
    raise FrameError(f"no CALL, CALLRESULT or CALLERROR: {str(text)[:80]}")


def check(name: str, payload: dict[str, Any]) -> None:
    """Check a payload against the schema of this name: an action, or an action with ``Response``. Raises :class:`FrameError`."""
    problem = next(iter(_validator(name).iter_errors(payload)), None)
    if problem is not None:
        where = "/".join(str(part) for part in problem.instance_path)
        raise FrameError(f"{name}{': ' + where if where else ''}: {problem.message}")


@cache
def _validator(name: str) -> Any:
    import jsonschema_rs
    import ocpp

    file = Path(ocpp.__file__).parent / "v16" / "schemas" / f"{name}.json"
    if not name.isalpha() or not file.is_file():
        raise FrameError(f"OCPP 1.6 has no action {name.removesuffix('Response')!r}")
    # What is saved with a byte order mark would not decode otherwise.
    return jsonschema_rs.validator_for(msgspec.json.decode(file.read_text(encoding="utf-8-sig").encode()))
