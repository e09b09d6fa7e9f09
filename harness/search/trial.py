"""One plan tried: run in memory, judged, and what it came to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from harness.check.judge import Judge
from harness.check.result import CheckResult
from harness.fault import MESSAGES, ONE_SHARD
from harness.journal.records import AnyRecord, Current, Fault, Link, Moved, Power, Server
from harness.stage import simulated
from harness.values import Scenario

_FIGURE = r"(?:[+-]?\d[\d:.]*(?: d \d[\d:.]*)?(?:e[+-]\d+)?(?: s before the start| times)?|\b(?:once|twice)\b)"
_FIGURES = re.compile(rf"{_FIGURE}(?:, {_FIGURE})*")
_MESSAGES = re.compile(rf"\b(?:{'|'.join(MESSAGES)})\b")


class Failure(Struct, frozen=True):
    """A check that failed in a trial: whose and when first, and by which rule."""

    charger: str
    t: int
    rule: str

    @property
    def kind(self) -> str:
        """Its rule without figures, and without the names of the charger and of messages. Where it is the same, the same was demanded and
        the same was found: a check may fail in several ways, as a car that begins late and one that never came both draw nothing in time.
        """
        rule = re.sub(rf"\b{re.escape(self.charger)}\b", "…", self.rule) if self.charger else self.rule
        return _FIGURES.sub("#", _MESSAGES.sub("…", rule))


class Trial(Struct, kw_only=True):
    """What a plan came to."""

    seed: int
    ancestry: tuple[int, ...]
    """The seeds that make the plan: the first draws it, each further one changes it."""
    kinds: list[str]
    """The kinds of step that its plan contains."""
    met: dict[str, int] = {}
    """Check → how many of its obligations held."""
    broken: dict[str, int] = {}
    """Check → how many of its obligations were broken."""
    failures: dict[str, Failure] = {}
    situations: list[str] = []
    """What kinds of step met which states of chargers and server."""


class Situations:
    """Notes in which situation each step of a run begins: its kind, the server's state, and the regions of each charger it is about."""

    def __init__(self, scenario: Scenario) -> None:
        names = scenario.names()
        self._shards = dict(zip(names, scenario.shards(), strict=True))
        self._states = dict.fromkeys(names, "Available")
        self._links = dict.fromkeys(names, "online")
        self._power = dict.fromkeys(names, "on")
        self._servers = dict.fromkeys(range(1, scenario.server.shards + 1), "up")
        self.seen: set[str] = set()

    def feed(self, batch: Sequence[AnyRecord]) -> None:
        """Take in a batch of records, in canonical order."""
        for record in batch:
            kind = type(record)
            if kind is Current:
                self._states[record.who] = record.state  # type: ignore[union-attr]
            elif kind is Link:
                self._links[record.who] = record.state  # type: ignore[union-attr]
            elif kind is Power:
                self._power[record.who] = record.state  # type: ignore[union-attr]
            elif kind is Server:
                state = record.state  # type: ignore[union-attr]
                self._servers[record.shard] = "up" if state in ("restarted", "restored") else state  # type: ignore[union-attr]
            elif kind is Moved:
                self._shards[record.who] = record.shard  # type: ignore[union-attr]
            elif kind is Fault and record.edge == "start":  # type: ignore[union-attr]
                self._begins(record)

    def _begins(self, record: Any) -> None:
        if record.who:
            whose = [record.who]
        elif record.do.startswith("server."):
            shard = record.with_.get("shard", 1 if record.do in ONE_SHARD else 0)
            whose = [who for who in self._states if shard in (0, self._shards[who])]
        else:
            whose = []
        for who in whose:
            server = self._servers[self._shards[who]]
            self.seen.add(f"{record.do} | server {server} | {self._states[who]}, {self._links[who]}, power {self._power[who]}")


def judged(scenario: Scenario, *listeners: Any) -> list[CheckResult]:
    """The results of a scenario's checks in a simulated run, of which nothing is kept; ``listeners`` hear its records, too."""
    judge = Judge(scenario)

    def hear(batch: Sequence[AnyRecord]) -> None:
        judge.feed(batch)
        for listener in listeners:
            listener.feed(batch)

    with simulated.without_collections():
        simulated.run(scenario, hear)
    return judge.close(scenario.duration_ms)


def failing(results: Sequence[CheckResult]) -> dict[str, Failure]:
    """Check → its first failure, of those that fail a run."""
    found = {}
    for result in results:
        if result.verdict == "fail" and result.severity == "fail" and result.witness is not None:
            found[result.name] = Failure(result.witness.charger, result.witness.t, result.witness.rule)
    return found


def tried(scenario: Scenario, ancestry: tuple[int, ...]) -> Trial:
    """Try a plan."""
    situations = Situations(scenario)
    results = judged(scenario, situations)
    return Trial(
        seed=ancestry[-1], ancestry=ancestry, kinds=sorted({step.do for step in scenario.plan}),
        met={result.name: result.met for result in results if result.met},
        broken={result.name: result.failed for result in results if result.failed},
        failures=failing(results), situations=sorted(situations.seen),
    )  # fmt: skip
