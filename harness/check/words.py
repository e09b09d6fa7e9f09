"""Times and spans in the sentences of checks."""

from __future__ import annotations


def moment(t_ms: int) -> str:
    """A time since the start: ``+1 d 02:30:05.250``; days and fractions only where there are any."""
    seconds, ms = divmod(t_ms, 1000)
    days, seconds = divmod(seconds, 86_400)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}" + (f".{ms:03d}" if ms else "")
    return f"+{days} d {clock}" if days else f"+{clock}"


def span(ms: int) -> str:
    """A length of time in seconds: ``5 s``, ``0.25 s``."""
    return f"{ms / 1000:g} s"
