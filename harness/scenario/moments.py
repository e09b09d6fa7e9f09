"""Moments as files write them, before the run is known: ``18:10``, ``day 3 19:30``, ``+90 min``, ``upgrade.end + 10 min``."""

from __future__ import annotations

import re

from msgspec import Struct

from harness import units
from harness.scenario.forms import Scalar
from harness.units import UnitError, WallTime

EDGES = ("start", "end", "recovered")
EXPECTED_TIME = "a clock time such as `19:30`, `day 3 19:30` or `2026-03-12 19:30`, or `+90 min`"
EXPECTED_MOMENT = f"{EXPECTED_TIME} after the start, or relative to a step: `upgrade.end + 10 min`"

_RELATIVE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)\.([A-Za-z]+)(?:\s*([+-])\s*(\S.*))?")


class After(Struct, frozen=True):
    """So long after the scenario's start, or, of the end of something, after its beginning."""

    ms: int


class Relative(Struct, frozen=True):
    """So long after (or, negative, before) an edge of a step."""

    step: str
    edge: str
    offset_ms: int


def parse_time(text: str) -> WallTime | After:
    """Read a clock time or ``+90 min``. Raises :class:`UnitError`."""
    if text.startswith("+"):
        return After(units.parse_duration_ms(text[1:].strip()))
    try:
        return units.parse_wall_time(text)
    except UnitError as error:
        raise UnitError(text, EXPECTED_TIME, error.suggestion) from None


def parse_moment(text: str) -> WallTime | After | Relative:
    """Read a clock time, ``+90 min``, or ``STEP.EDGE`` with or without a duration added. Raises :class:`UnitError`."""
    match = _RELATIVE.fullmatch(text)
    if match is None:
        try:
            return parse_time(text)
        except UnitError as error:
            raise UnitError(text, EXPECTED_MOMENT if error.expected == EXPECTED_TIME else error.expected, error.suggestion) from None
    step, edge, sign, duration = match.groups()
    if edge not in EDGES:
        raise UnitError(text, f"`{step}.start`, `{step}.end` or `{step}.recovered`")
    offset_ms = units.parse_duration_ms(duration) if duration else 0
    return Relative(step, edge, -offset_ms if sign == "-" else offset_ms)


TIME = Scalar(parse_time, EXPECTED_TIME, {"type": "string", "examples": ["18:10", "day 2 07:00"]})
MOMENT = Scalar(parse_moment, EXPECTED_MOMENT, {"type": "string", "examples": ["19:30", "upgrade.end + 10 min"]})
