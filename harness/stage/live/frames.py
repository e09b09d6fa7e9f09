"""OCPP-J frames: arrays of JSON over a WebSocket, each checked against the official schema of its action, in both directions.

The schemas are those that the ``ocpp`` package ships.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

CALL, CALLRESULT, CALLERROR = 2, 3, 4

_LONGEST_ACTION = 50
_LONGEST_MESSAGE = 300
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


def error(id_: str, code: str, text: str) -> str:
    """A CALLERROR."""
    return _ENCODE([CALLERROR, id_, code, text, {}]).decode()


def read(text: str | bytes) -> Frame:
    """Read a frame. Its payload is checked by :class:`Schemas`, as only the caller knows what a CALLRESULT answers."""
    if isinstance(text, bytes):
        raise FrameError("a binary frame; OCPP-J's are texts")
    try:
        parts = _DECODE(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        raise FrameError(f"not JSON: {problem}") from None
    match parts:
        case [2, str(id_), str(action), dict(payload)]:
            return Frame(CALL, id_, action, payload)
        case [3, str(id_), dict(payload)]:
            return Frame(CALLRESULT, id_, "", payload)
        case [4, str(id_), str(code), str(), dict(details)]:
            return Frame(CALLERROR, id_, "", details, code)
    raise FrameError(f"no CALL, CALLRESULT or CALLERROR: {str(text)[:80]}")


class Schemas:
    """The frames of one version of OCPP, valid by its official schemas."""

    def __init__(self, version: str, folder: str, request_suffix: str) -> None:
        """``folder`` is the version's in the ``ocpp`` package, ``request_suffix`` what ends the name of a request's schema there."""
        self.version = version
        self.subprotocol = f"ocpp{version}"
        self.format_error = "FormationViolation" if version == "1.6" else "FormatViolation"
        """The code of a CALLERROR to what breaks its schema."""
        self._folder = folder
        self._request_suffix = request_suffix
        self._validators: dict[tuple[str, str], Any] = {}

    def knows(self, action: str) -> bool:
        """Whether this version has such an action."""
        try:
            self._validator(action, self._request_suffix)
        except FrameError:
            return False
        return True

    def call(self, id_: str, action: str, payload: dict[str, Any]) -> str:
        """A CALL. Raises :class:`FrameError` for a payload that breaks its schema."""
        self.check_call(action, payload)
        return _ENCODE([CALL, id_, action, payload]).decode()

    def result(self, id_: str, action: str, payload: dict[str, Any]) -> str:
        """The CALLRESULT to a CALL of this action. Raises :class:`FrameError` for a payload that breaks its schema."""
        self.check_result(action, payload)
        return _ENCODE([CALLRESULT, id_, payload]).decode()

    def check_call(self, action: str, payload: dict[str, Any]) -> None:
        """Check the payload of a CALL. Raises :class:`FrameError`, also for an action that this version has not."""
        self._check(action, self._request_suffix, payload)

    def check_result(self, action: str, payload: dict[str, Any]) -> None:
        """Check the payload of the CALLRESULT to a CALL of this action. Raises :class:`FrameError`."""
        self._check(action, "Response", payload)

    def _check(self, action: str, suffix: str, payload: dict[str, Any]) -> None:
        validator = self._validators.get((action, suffix)) or self._validator(action, suffix)
        if validator.is_valid(payload):
            return
        problem = next(iter(validator.iter_errors(payload)))
        where = "/".join(str(part) for part in problem.instance_path)
        raise FrameError(f"{action}{suffix}{': ' + where if where else ''}: {problem.message[:_LONGEST_MESSAGE]}")

    def _validator(self, action: str, suffix: str) -> Any:
        import jsonschema_rs
        import ocpp

        file = Path(ocpp.__file__).parent / self._folder / "schemas" / f"{action}{suffix}.json"
        if not action.isalpha() or len(action) > _LONGEST_ACTION or not file.is_file():
            raise FrameError(f"OCPP {self.version} has no action {action[:_LONGEST_ACTION]!r}")
        # What is saved with a byte order mark would not decode otherwise.
        schema = msgspec.json.decode(file.read_text(encoding="utf-8-sig").encode())
        return self._validators.setdefault((action, suffix), jsonschema_rs.validator_for(schema))


OCPP16 = Schemas("1.6", "v16", "")
OCPP201 = Schemas("2.0.1", "v201", "Request")
