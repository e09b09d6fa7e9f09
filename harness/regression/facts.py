"""What is compared of a run: its verdict, behaviours, checks, limits and metrics, as its ``result.json`` tells them."""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from harness.check.result import KNOWN_PASSED, CheckVerdict, RunVerdict

State = Literal["pass", "fail", "unknown", "warn", "known failure", "known failure passed"]
"""A check's verdict, and whether its failure fails the run: it does not where the check only warns, or the failure is a known one."""

SCHEMA = 1
"""The version of ``result.json`` that is read."""


class ResultError(Exception):
    """A file that is no ``result.json``, or one of another version. The message names the file."""


class CheckFact(Struct, frozen=True):
    """What became of a check or a limit."""

    state: State
    failed: int = 0
    """How many of its obligations failed."""

    def __str__(self) -> str:
        """``pass``, or ``fail (3)`` where three obligations failed."""
        return f"{self.state} ({self.failed})" if self.failed else self.state


MOST_DIGITS = 15
"""So many digits before its point a figure may have; no metric has nearly as many, and beyond them differences would be wrong."""
_MOST = 10**MOST_DIGITS


class Figure(Struct, frozen=True):
    """The value of a metric; None, and without a unit: it could not be measured."""

    value: Annotated[float, Meta(gt=-_MOST, lt=_MOST)] | Annotated[int, Meta(gt=-_MOST, lt=_MOST)] | None
    unit: str = ""


class Facts(Struct, frozen=True, kw_only=True):
    """What a run came to, without where, when and by which version it was made."""

    verdict: RunVerdict
    behaviours: dict[str, int] = {}
    """The four behaviours → how often each was exercised."""
    checks: dict[str, CheckFact] = {}
    limits: dict[str, CheckFact] = {}
    """Limits by the metric that each bounds."""
    metrics: dict[str, Figure] = {}


class Judged(Struct, frozen=True, kw_only=True):
    """A run, as it is compared."""

    source: str
    """Where it was read."""
    scenario: str
    seed: int
    harness: str
    """The version that ran it."""
    peer: str
    """Who was at the other end of a live run; empty for a simulated one."""
    reasons: list[str]
    """Why the verdict is not pass."""
    facts: Facts
    command: str = ""
    """What repeats the run, or judges its journal again."""


class _Version(Struct):
    schema: int


class _Live(Struct):
    peer: str


class _Check(Struct):
    name: str
    verdict: CheckVerdict
    failed: int
    severity: str
    origin: str
    known: str

    def fact(self, reasons: list[str]) -> CheckFact:
        if self.verdict == "fail" and self.severity == "fail" and not self.known:
            return CheckFact("fail", self.failed)
        # One charger's known failure may pass where another's goes on failing.
        if any(re.match(rf"{re.escape(self.name)}(?: at \S+)?: {KNOWN_PASSED}", reason) for reason in reasons):
            return CheckFact("known failure passed", self.failed)
        if self.verdict == "fail":
            return CheckFact("known failure" if self.known else "warn", self.failed)
        return CheckFact(self.verdict)


class _Result(Struct):
    """As much of ``result.json`` as is compared; what else stands there may be of any version."""

    harness: str
    scenario: str
    seed: int
    verdict: RunVerdict
    reasons: list[str]
    behaviours: dict[str, int]
    checks: list[_Check]
    metrics: dict[str, Figure]
    live: _Live | None
    command: str = ""


_VERSION = msgspec.json.Decoder(_Version)
_RESULT = msgspec.json.Decoder(_Result)


def is_ours(command: str) -> bool:
    """Whether a command is one that the harness could have written: a ``result.json`` may come from anywhere, and people run what it says.

    That is a command of the harness in one line, whose words a shell takes as they are.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    repeats = words[:2] in (["harness", "run"], ["harness", "serve"], ["harness", "check"])
    return repeats and command.isprintable() and shlex.join(words) == command


def read(text: bytes, source: str) -> Judged:
    """Read a ``result.json``; ``source`` is how messages name it. Raises :class:`ResultError`."""
    try:
        schema = _VERSION.decode(text).schema
        if schema != SCHEMA:
            raise ResultError(f"{source}: found a result of version {schema}, expected {SCHEMA}")
        result = _RESULT.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ResultError(f"{source}: not the result of a run: {problem}") from None
    facts = {check.name: check.fact(result.reasons) for check in result.checks if check.origin != "limit"}
    metrics = {name: Figure(None) if figure.value is None else figure for name, figure in result.metrics.items()}
    limits = {check.name: check.fact(result.reasons) for check in result.checks if check.origin == "limit"}
    return Judged(
        source=source,
        scenario=result.scenario,
        seed=result.seed,
        harness=result.harness,
        peer=result.live.peer if result.live else "",
        reasons=result.reasons,
        facts=Facts(verdict=result.verdict, behaviours=result.behaviours, checks=facts, limits=limits, metrics=metrics),
        command=result.command if is_ours(result.command) else "",
    )
