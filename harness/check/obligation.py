"""Obligations: what a trigger demands, and how each ends.

Theory of operation. A signal is a level that holds from one instant to the next, seen at the end of each instant. An obligation
demands that its goal's level be true at its deadline and from then on (or, ``once``, at any instant up to the deadline), until it
ends. No timer is needed: at each later instant of its charger, and at the close of the run, the stretch since the last one is
judged as a whole.

An obligation ends *met*, *failed*, *cancelled* (its premise ended before its goal was due, or it ended in the instant in which it
began) or *pending* (the run was over first).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from harness.check.result import NOT_TRIGGERED, CheckResult, Margin, Witness
from harness.journal.records import AnyRecord
from harness.units import counted

FOREVER = 1 << 62
"""Later than any time."""

Bound = tuple[float, str]
"""A bound and its unit."""
Outcome = Literal["", "met", "failed", "cancelled", "pending"]
Ending = Literal["", "end", "cancel"]
"""What an instant means for an obligation: nothing; its until-event came; its premise is gone."""


class Obligation:
    """One obligation over a level that changes at instants. Times in ms since the start."""

    __slots__ = ("base", "began", "deadline", "early", "failed_at", "level", "level_from", "once", "since", "worst")

    def __init__(self, began: int, *, level: bool, deadline: int, base: int | None = None, once: bool = False, early: bool = True) -> None:
        """``level``: whether the goal holds from ``began`` on. ``base``: from when the time to the goal counts, for the margin.
        ``early``: an end before the deadline meets the obligation if the goal holds by then; otherwise it cancels it."""
        self.began = began
        self.deadline = deadline
        self.base = began if base is None else base
        self.once = once
        self.early = early
        self.level = level
        self.since = began
        self.failed_at = -1
        self.level_from = began if level else -1
        """When the goal's level last became true; −1: it never was."""
        self.worst = 0
        """The longest that it took from the base to the goal."""

    def step(self, t: int, level: bool, ending: Ending = "") -> Outcome:
        """Come to the end of the instant ``t`` with the goal at ``level``. Returns how the obligation ended, or an empty string."""
        if not self.level:
            broken = max(self.deadline, self.since)
            if broken < t:
                self.failed_at = broken
                return "failed"
        elif self.once:
            return "met"
        if ending:
            due = self.early or t > self.deadline
            return "met" if ending == "end" and self.level and due and t > self.began else "cancelled"
        if level != self.level:
            self.level = level
            self.since = t
            if level:
                self.level_from = t
                self.worst = max(self.worst, t - self.base)
        return "met" if self.once and level else ""

    def close(self, t: int) -> Outcome:
        """The run is over at ``t``."""
        return self.step(t, self.level) or "pending"


class Tally:
    """The counts of one check over all chargers that it judges, and its first violation."""

    __slots__ = (
        "broken", "cancelled", "exempt", "failed", "failing", "given_up", "hard", "hidden", "met", "name",
        "pending", "rules", "says", "troubled", "witness",
    )  # fmt: skip

    def __init__(self, name: str, says: str) -> None:
        self.name = name
        self.says = says
        self.met = self.failed = self.cancelled = self.pending = self.exempt = self.given_up = 0
        self.hard = 0
        """Of the failed ones, those under a rule of severity ``fail``."""
        self.troubled = 0
        """How many times it would have been triggered, had not a fault still acted that may keep chargers waiting."""
        self.hidden = ""
        """Why nothing that this kind of run shows decides it; empty: what it shows does."""
        self.failing: dict[str, None] = {}
        self.witness: Witness | None = None
        self.rules: list[Rule] = []
        self.broken: tuple[Rule, Bound | None] | None = None
        """Whose violation the witness shows, and the bound that it broke."""

    def fail(
        self, rule: Rule, charger: str, t: int, text: str, records: Sequence[AnyRecord], *, bound: Bound | None = None
    ) -> None:  # fmt: skip
        """Count a failed obligation and keep the earliest violation, with its witnesses in time order."""
        self.failed += 1
        self.hard += rule.severity == "fail"
        rule.exercised += 1
        self.failing[charger] = None
        if self.witness is None or t < self.witness.t:
            kept = {id(record): record for record in sorted(records, key=lambda record: record.t)}
            self.broken = (rule, bound)
            self.witness = Witness(charger=charger, t=t, rule=text, records=list(kept.values()))

    def result(self, origin: Literal["contract", "scenario"], *, complete: bool = True) -> CheckResult:
        """What the check found; ``complete``: in the whole of the run."""
        verdict: Literal["pass", "fail", "unknown"] = "fail" if self.failed else "pass" if self.met else "unknown"
        soft = all(rule.severity == "warn" for rule in self.rules) or (self.failed > 0 and not self.hard)
        idle: dict[str, bool] = {}
        for rule in self.rules:
            if rule.promised_by and not self.hidden:
                idle[rule.promised_by] = idle.get(rule.promised_by, True) and not rule.exercised
        return CheckResult(
            name=self.name, says=self.says, verdict=verdict, met=self.met, failed=self.failed, cancelled=self.cancelled,
            pending=self.pending, margin=self._margin(), witness=self.witness, exempt=self.exempt, given_up=self.given_up,
            severity="warn" if soft else "fail",
            origin=origin, failing=list(self.failing), why=self._why(complete=complete) if verdict == "unknown" else "",
            idle=[model for model, unused in idle.items() if unused], hidden=bool(self.hidden),
        )  # fmt: skip

    def _margin(self) -> Margin | None:
        """How near the nearest met obligation came to its bound, by ratio; of a failed check only of the bound that was broken."""
        if self.broken is not None:
            rule, bound = self.broken
            return _nearest({bound: rule.margins[bound]}) if bound is not None and bound in rule.margins else None
        return _nearest(*(rule.margins for rule in self.rules))

    def _why(self, *, complete: bool) -> str:
        if self.hidden:
            return f"cannot be decided: {self.hidden}"
        if self.exempt:
            return f"a fault under which it is not promised ended {self.exempt} of {counted(self.cancelled + self.pending, 'triggers')}"
        if self.pending:
            return f"{self.pending} triggered and still undecided when the {'run ended' if complete else 'journal was cut off'}"
        if self.cancelled:
            return f"{self.cancelled} triggered, and ended before anything was due or could be shown"
        if self.troubled:
            return f"{self.troubled} came back while a step still acted that may keep them waiting"
        return NOT_TRIGGERED


def _nearest(*margins: dict[Bound, float]) -> Margin | None:
    found = None
    for near in margins:
        for (bound, unit), worst in near.items():
            if bound > 0 and (found is None or worst * found.bound > found.worst * bound):
                found = Margin(worst=worst, bound=bound, unit=unit)
    return found


class Rule:
    """A check as it applies to some chargers: its bounds, what it assumes, and where it counts."""

    __slots__ = ("assumes", "bound_ma", "bound_ms", "exercised", "margins", "memo", "name", "promised_by", "severity", "tally")

    def __init__(
        self, tally: Tally, *, bound_ms: int, bound_ma: int | None = None, assumes: frozenset[str] = frozenset(),
        severity: Literal["fail", "warn"] = "fail", promised_by: str = "",
    ) -> None:  # fmt: skip
        self.tally = tally
        self.name = tally.name
        self.bound_ms = bound_ms
        self.bound_ma = bound_ma
        self.assumes = assumes
        self.severity = severity
        self.promised_by = promised_by
        """The model whose contract this is; empty where the scenario names the check."""
        self.exercised = 0
        self.margins: dict[Bound, float] = {}
        """Bound → the worst figure of an obligation that was met within it."""
        self.memo: Any = None
        """What the check remembers of all chargers under this rule."""
        tally.rules.append(self)

    def met(self) -> None:
        """Count an obligation that was met."""
        self.tally.met += 1
        self.exercised += 1

    def near(self, worst: float, bound: float, unit: str) -> None:
        """Note how near an obligation that was met came to its bound."""
        key = (bound, unit)
        if worst >= self.margins.get(key, 0):
            self.margins[key] = worst

    def cancelled(self, *, exempt: bool = False) -> None:
        """Count an obligation that was cancelled; ``exempt``: by a fault under which it is not promised."""
        self.tally.cancelled += 1
        self.tally.exempt += exempt

    def pending(self) -> None:
        """Count an obligation that the end of the run left open."""
        self.tally.pending += 1
