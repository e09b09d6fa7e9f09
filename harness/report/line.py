"""A line for the terminal: texts, each with its style."""

from __future__ import annotations

Span = tuple[str, str]
"""Text and its style: a key of :data:`COLOURS`, or empty."""
Line = tuple[Span, ...]

COLOURS = {
    "pass": "green",
    "fail": "bold red",
    "unknown": "yellow",
    "warn": "yellow",
    "title": "bold",
    "quiet": "dim",
}
"""Style → colour, the same in every report."""
