"""What judging a journal yields: the result of each check, the metrics, and the verdict of the run."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from harness.journal.records import AnyRecord

CheckVerdict = Literal["pass", "fail", "unknown"]
RunVerdict = Literal["pass", "fail", "interrupted", "unknown", "invalid"]

EXIT_CODES: dict[RunVerdict, int] = {"pass": 0, "fail": 1, "interrupted": 2, "unknown": 5, "invalid": 6}
"""A run's verdict → the command's exit code (3 is an internal error, 4 bad usage or a bad file)."""

NOT_TRIGGERED = "nothing triggered it"
"""Why a check is mostly unknown."""
KNOWN_PASSED = "is listed as a known failure and passed"
"""How a run's reasons say so, behind the check's name and perhaps the charger's: ``CHECK at CHARGER: is listed …``."""

BEHAVIOURS: dict[str, tuple[str, ...]] = {
    "charging continues": ("charging-continues", "can-always-charge"),
    "TOU is suspended": ("tou-suspended",),
    "unplugging clears the schedule": ("unplug-clears-schedule", "unscheduled-after-power-cut"),
    "an override is needed after recovery": ("override-needed-after-recovery",),
}
"""The four behaviours that every run and report shows first → the checks that judge each."""


class Witness(Struct, kw_only=True, omit_defaults=True):
    """The first violation of a check: whose, when, which rule, and the records that show it, in time order."""

    charger: str
    t: int
    rule: str
    """One sentence: what should have happened and what did."""
    records: list[AnyRecord] = []


class Margin(Struct, kw_only=True):
    """How near the worst met obligation came to its bound: 118 of 120 s."""

    worst: float
    bound: float
    unit: str


class CheckResult(Struct, kw_only=True, omit_defaults=True):
    """The result of one check over all chargers that it judged."""

    name: str
    says: str
    """What the check demands, in one line."""
    verdict: CheckVerdict
    met: int
    failed: int
    cancelled: int
    pending: int
    margin: Margin | None = None
    witness: Witness | None = None
    exempt: int = 0
    """Of the cancelled ones, those ended by a fault under which the contract does not promise this."""
    given_up: int = 0
    """Of the met ones, those of transactions of which the charger gave up a message as its model gives up: the books need not show it."""
    severity: Literal["fail", "warn"] = "fail"
    origin: Literal["contract", "scenario", "limit"] = "contract"
    """contract: a clause of a model. scenario: named under ``checks`` or ``exercised``. limit: a bound on a metric."""
    failing: list[str] = []
    """The chargers with a failed obligation."""
    known: str = ""
    """The reason of the known failure that this result is, where it is one."""
    why: str = ""
    """For unknown: why nothing could be decided."""
    hidden: bool = False
    """What such a run shows does not decide it: it is unknown, and was not judged. See :mod:`harness.check.decidable`."""
    idle: list[str] = []
    """The models whose contract promises this and on whose chargers nothing exercised it."""


class MetricValue(Struct, kw_only=True, omit_defaults=True):
    """A metric of the run; ``value`` None: it could not be measured."""

    value: float | int | None
    unit: str
    run: float | int | None = None
    """Of a metric that is a difference from the twin: the run's own figure."""
    twin: float | int | None = None
    """And the twin's."""


class Judgement(Struct, kw_only=True):
    """All that judging a journal yields."""

    verdict: RunVerdict
    exit_code: int
    reasons: list[str]
    """Why the verdict is not pass, one line each."""
    behaviours: dict[str, int]
    """The four behaviours → how often each was exercised (obligations met or failed)."""
    checks: list[CheckResult]
    unexercised: list[str]
    """Contract clauses that nothing triggered: ``model: check``."""
    metrics: dict[str, MetricValue]
