"""What differs between two runs, and whether it is worse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from harness.check.metrics import METRICS
from harness.regression.facts import CheckFact, Facts, Figure, Judged

Standing = Literal["worse", "better", "told", "quiet"]
"""worse: a regression. better: a reason to update a baseline. told: neither, and worth a line. quiet: of interest beside others only."""


class Kind(NamedTuple):
    """What a change of some kind means."""

    standing: Standing
    doc: str


KINDS: dict[str, Kind] = {
    "new failure": Kind("worse", "a check or limit is violated, and was not"),
    "fails more often": Kind("worse", "it failed before, and more of its obligations fail now"),
    "newly unknown": Kind("worse", "nothing decides any more what was decided"),
    "known failure passes": Kind("worse", "the scenario lists it as a known failure, and it passes: take it off the list"),
    "gone": Kind("worse", "a check, limit or metric is not there any more"),
    "never exercised now": Kind("worse", "one of the four behaviours was exercised, and is not any more"),
    "worse": Kind("worse", "a metric, beyond its tolerance, or the run's verdict"),
    "not measured now": Kind("worse", "a metric had a value, and has none"),
    "another unit": Kind("worse", "a metric is in another unit, so that nothing can be said"),
    "invalid": Kind("worse", "the experiment did not happen"),
    "interrupted": Kind("worse", "the run did not come to its end"),
    "could not be run": Kind("worse", "the file cannot be read or carried out, or the harness failed"),
    "no baseline": Kind("worse", "the suite has a run that the baseline does not have"),
    "not run": Kind("worse", "the baseline has a run that the suite does not have"),
    "fixed": Kind("better", "a check or limit was violated, and holds"),
    "fails less often": Kind("better", "it fails as before, and fewer of its obligations do"),
    "newly known": Kind("better", "nothing decided it before, and it holds"),
    "better": Kind("better", "a metric, beyond its tolerance, or the run's verdict"),
    "added": Kind("told", "a check, limit or metric was not there before"),
    "tolerated now": Kind("told", "it fails as before, and does not fail the run any more"),
    "exercised now": Kind("told", "one of the four behaviours was never exercised, and is"),
    "measured now": Kind("told", "a metric had no value, and has one"),
    "still failing": Kind("told", "it fails as before"),
    "still unknown": Kind("told", "the run's verdict is unknown, as before"),
    "exercised otherwise": Kind("quiet", "one of the four behaviours was exercised more or less often"),
    "changed": Kind("quiet", "a metric of which it is not known which way is worse"),
    "within tolerance": Kind("quiet", "a metric changed by no more than its tolerance"),
}
"""Kind of change → how it stands and what it means."""

_VERDICTS = ("pass", "unknown", "fail", "invalid", "interrupted")
"""From good to bad."""
_FAILS_THE_RUN = ("fail", "known failure passed")
_VIOLATED = (*_FAILS_THE_RUN, "warn", "known failure")
_MADE = {"": "simulated", "log": "from a log"}
"""How a run was made, by who was at the other end."""
_LIVE = "live"
NOTHING = "–"
"""What stands for what is not there."""


class Tolerance(Struct, frozen=True):
    """How far a metric may change: by an amount in its unit, or by a percentage of what it was."""

    amount: float = 0.0
    percent: float = 0.0

    def allows(self, before: float, difference: float) -> bool:
        """Whether a metric that was ``before`` may differ so much."""
        return abs(difference) <= round(self.amount + abs(before) * self.percent / 100, 6)

    def text(self, unit: str) -> str:
        """``10 %`` or ``0.5 kWh``; empty for none."""
        if self.percent:
            return f"{self.percent:g} %"
        return f"{self.amount:g} {unit}" if self.amount else ""


class Change(Struct, frozen=True, kw_only=True):
    """Something that is not as it was, or that fails as it did."""

    of: Literal["run", "behaviour", "check", "limit", "metric"]
    name: str
    kind: str
    """A key of :data:`KINDS`."""
    before: str
    after: str
    unit: str = ""
    """Of a metric."""
    difference: float | None = None
    """Of a metric: after less before."""
    percent: float | None = None
    """That difference, of what the metric was; None where that was zero."""
    tolerance: str = ""
    """Of a metric that was given one: how much it might have changed."""
    line: int = 0
    """Where the scenario's file speaks of it; 0 where it does not."""

    @property
    def standing(self) -> Standing:
        """Whether it is worse or better, told, or quiet."""
        return KINDS[self.kind].standing


class Changes(Struct, frozen=True, kw_only=True):
    """What came of comparing two runs."""

    before: Judged
    after: Judged
    notes: list[str]
    """What else than the charger's behaviour may explain a change, one line each."""
    changes: list[Change]
    """What is not as it was; nothing for a run and itself."""
    still_failing: list[Change]
    unchanged: dict[str, int]
    """``checks`` (limits among them) and ``metrics`` → how many are as they were."""

    @property
    def worse(self) -> list[Change]:
        """The changes for the worse."""
        return [change for change in self.changes if change.standing == "worse"]

    @property
    def exit_code(self) -> int:
        """1 where anything is worse, else 0."""
        return 1 if self.worse else 0


def compare(before: Judged, after: Judged) -> Changes:
    """Compare two runs, every difference counting."""
    changes = list(differences(before.facts, after.facts))
    still_failing = list(still(before.facts, after.facts))
    named = {(change.of, change.name) for change in (*changes, *still_failing)}
    kept = {of: sum((of, name) not in named for name in names) for of, names in (
        ("check", after.facts.checks), ("limit", after.facts.limits), ("metric", after.facts.metrics),
    )}  # fmt: skip
    return Changes(
        before=before, after=after, notes=list(_notes(before, after)), changes=changes, still_failing=still_failing,
        unchanged={"checks": kept["check"] + kept["limit"], "metrics": kept["metric"]},
    )  # fmt: skip


def _notes(before: Judged, after: Judged) -> Iterator[str]:
    for what, one, other in (
        ("scenario", before.scenario, after.scenario),
        ("seed", before.seed, after.seed),
        ("version of harness", before.harness, after.harness),
        ("kind of run", _MADE.get(before.peer, _LIVE), _MADE.get(after.peer, _LIVE)),
        ("peer", before.peer or after.peer, after.peer or before.peer),
    ):
        if one != other:
            yield f"another {what}: {one} before, {other} after"
    commands = (before.command, after.command)
    same_run = (before.scenario, before.seed) == (after.scenario, after.seed)
    if same_run and before.command != after.command and all(command.startswith("harness run ") for command in commands):
        yield f"made otherwise: by `{before.command}` before, by `{after.command}` after"


def differences(before: Facts, after: Facts, tolerance: Callable[[str], Tolerance] | None = None) -> Iterator[Change]:
    """What is not as it was; ``tolerance`` says how far a metric of that name may change."""
    if before.verdict != after.verdict:
        yield Change(of="run", name="verdict", kind=_run_kind(before, after), before=before.verdict, after=after.verdict)
    for name in _names(before.behaviours, after.behaviours):
        one, other = before.behaviours.get(name, 0), after.behaviours.get(name, 0)
        if one != other:
            kind = "exercised otherwise" if one and other else "exercised now" if other else "never exercised now"
            yield Change(of="behaviour", name=name, kind=kind, before=str(one), after=str(other))
    for of, name, was, now in _checks(before, after):
        if kind := _kind(was, now):
            yield Change(of=of, name=name, kind=kind, before=str(was or NOTHING), after=str(now or NOTHING))
    for name in _names(before.metrics, after.metrics):
        yield from _metric(name, before.metrics.get(name), after.metrics.get(name), tolerance and tolerance(name))


def still(before: Facts, after: Facts) -> Iterator[Change]:
    """What fails as it did; where no check does, the run whose verdict is as little a pass as it was."""
    found = False
    for of, name, was, now in _checks(before, after):
        if was == now is not None and now.state in _FAILS_THE_RUN:
            found = True
            yield Change(of=of, name=name, kind="still failing", before=str(was), after=str(now))
    if before.verdict == after.verdict != "pass" and not found:
        kind = "still unknown" if after.verdict == "unknown" else "still failing"
        yield Change(of="run", name="verdict", kind=kind, before=before.verdict, after=after.verdict)


def _names(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """All names, in the order of the later run."""
    return list(dict.fromkeys((*after, *before)))


def _checks(before: Facts, after: Facts) -> Iterator[tuple[Literal["check", "limit"], str, CheckFact | None, CheckFact | None]]:
    """All checks and limits, each as it was and as it is now."""
    for name in _names(before.checks, after.checks):
        yield "check", name, before.checks.get(name), after.checks.get(name)
    for name in _names(before.limits, after.limits):
        yield "limit", name, before.limits.get(name), after.limits.get(name)


def _run_kind(before: Facts, after: Facts) -> str:
    if after.verdict in ("invalid", "interrupted"):
        return after.verdict
    return "worse" if _VERDICTS.index(after.verdict) > _VERDICTS.index(before.verdict) else "better"


def _kind(before: CheckFact | None, after: CheckFact | None) -> str:
    """What became of a check; empty where nothing did."""
    if before == after:
        return ""
    if after is None:
        return "gone"
    if before is None:
        return "new failure" if after.state in _FAILS_THE_RUN else "added"
    if before.state == after.state:
        return "fails more often" if after.failed > before.failed else "fails less often"
    if after.state == "unknown":
        return "newly unknown"
    if after.state == "known failure passed":
        return "known failure passes"
    if after.state == "pass":
        return "newly known" if before.state == "unknown" else "fixed"
    if after.state == "fail" or before.state not in _VIOLATED:
        return "new failure"
    return "tolerated now"


def _metric(name: str, before: Figure | None, after: Figure | None, tolerance: Tolerance | None) -> Iterator[Change]:
    was, now = (NOTHING if one is None else figure_text(one.value) for one in (before, after))
    unit = next((one.unit for one in (after, before) if one and one.unit), "")
    if before is None or after is None:
        yield Change(of="metric", name=name, kind="gone" if after is None else "added", before=was, after=now, unit=unit)
        return
    if before == after:
        return
    if before.value is None or after.value is None:
        kind = "not measured now" if after.value is None else "measured now"
        yield Change(of="metric", name=name, kind=kind, before=was, after=now, unit=unit)
        return
    if before.unit != after.unit:
        yield Change(of="metric", name=name, kind="another unit", before=f"{was} {before.unit}", after=f"{now} {after.unit}")
        return
    difference = round(after.value - before.value, 6)
    if tolerance and tolerance.allows(before.value, difference):
        kind = "within tolerance"
    elif name not in METRICS:
        kind = "changed"
    else:
        kind = "worse" if (difference > 0) == (METRICS[name].worse == "higher") else "better"
    yield Change(
        of="metric",
        name=name,
        kind=kind,
        before=was,
        after=now,
        unit=unit,
        difference=difference,
        percent=round(100 * difference / abs(before.value), 6) if before.value else None,
        tolerance=tolerance.text(unit) if tolerance else "",
    )


def figure_text(value: float | int | None) -> str:
    """A figure with all its decimals, of which a metric has at most six."""
    if value is None:
        return "not measured"
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
