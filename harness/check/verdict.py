"""From results to the verdict of a run, and its exit code."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from harness.check.decidable import METRICS_OF_A_LOG, Kind
from harness.check.metrics import METRICS, Shown, Totals, metrics, per_driver
from harness.check.result import (
    BEHAVIOURS,
    EXIT_CODES,
    KNOWN_PASSED,
    CheckResult,
    Judgement,
    Margin,
    MetricValue,
    RunVerdict,
    Witness,
)
from harness.journal.records import AnyRecord
from harness.units import unit_for
from harness.values import KnownFailure, Limit, Scenario


def judgement(
    scenario: Scenario, results: Sequence[CheckResult], *, totals: Totals, twin: Totals | None = None, shown: Shown | None = None,
    strict: bool = False, complete: bool = True, live: bool = False, kind: Kind = "simulated",
) -> Judgement:  # fmt: skip
    """The verdict of a run from the results of its checks and its totals.

    ``strict``: contract clauses that nothing exercised count as unknown. ``complete``: the journal has its end. ``live``: the run was
    live, so that a step that changed nothing makes it invalid. ``kind``: what the run could show. ``shown``: the records
    that show why limits are broken.
    """
    currency = next((tariff.currency for tariff in scenario.tariffs.values()), "")
    values = metrics(totals, twin, currency)
    if kind == "log":
        values = {name: value if name in METRICS_OF_A_LOG else MetricValue(value=None, unit=value.unit) for name, value in values.items()}
    limits = [
        _limit(
            scenario, limit, values[limit.metric], totals, twin, shown or Shown(),
            hidden=kind == "log" and limit.metric not in METRICS_OF_A_LOG,
        ) for limit in scenario.expect.limits
    ]  # fmt: skip
    checks = [_known(scenario, result) for result in (*results, *limits)]
    unexercised = [f"{model}: {result.name}" for result in results for model in result.idle]
    verdict, reasons = _verdict(scenario, checks, totals, complete=complete, live=live)
    if strict and unexercised and verdict in ("pass", "unknown"):
        verdict = "unknown"
        reasons += [f"{clause}: promised, and not exercised" for clause in unexercised]
    by_name = {result.name: result for result in results}
    behaviours = {
        said: sum(by_name[name].met + by_name[name].failed for name in names if name in by_name) for said, names in BEHAVIOURS.items()
    }
    return Judgement(
        verdict=verdict, exit_code=EXIT_CODES[verdict], reasons=reasons, behaviours=behaviours, checks=checks, unexercised=unexercised,
        metrics=values,
    )  # fmt: skip


def _verdict(
    scenario: Scenario, checks: list[CheckResult], totals: Totals, *, complete: bool, live: bool
) -> tuple[RunVerdict, list[str]]:  # fmt: skip
    invalid = [f"step {step}: changed nothing" for step in totals.no_effect]
    notes = [f"step {step}: never fired" for step in totals.never_fired]
    passed = [reason for known in scenario.expect.known_failures if (reason := known_and_passed(scenario, known, checks))]
    failed = [
        f"{check.name}: failed {check.failed} of {check.failed + check.met}"
        for check in checks if check.verdict == "fail" and check.severity == "fail" and not check.known
    ]  # fmt: skip
    unknown = [f"{check.name}: {check.why}" for check in checks if check.verdict == "unknown" and check.origin != "contract"]
    judged = {check.name for check in checks}
    unknown += [f"{name}: no contract holds it and nothing judged it" for name in scenario.expect.exercised if name not in judged]
    unknown += totals.contradicted
    if not any(check.met or check.failed or check.cancelled or check.pending for check in checks if check.origin != "limit"):
        unknown.append("nothing was triggered at all")
    reasons = [*invalid, *passed, *failed, *unknown, *notes]
    if not complete:
        return "interrupted", ["the journal was cut off", *reasons]
    if live and invalid:
        return "invalid", reasons
    if failed or passed:
        return "fail", reasons
    return ("unknown" if unknown else "pass"), reasons


def _members(scenario: Scenario, name: str) -> set[str]:
    """The chargers that a name stands for: an entry's members, or that charger; all of them for no name."""
    return {
        member for entry in scenario.chargers for member in entry.members() if name in ("", entry.name, member)
    }  # fmt: skip


def _known(scenario: Scenario, result: CheckResult) -> CheckResult:
    """Mark a failure as known where known failures account for every charger that failed, or for the fleet as a whole."""
    known = [failure for failure in scenario.expect.known_failures if failure.check == result.name]
    if result.verdict != "fail" or not known:
        return result
    expected: set[str] = set().union(*(_members(scenario, failure.charger) for failure in known))
    reasons = dict.fromkeys(failure.reason for failure in known)
    return replace(result, known="; ".join(reasons)) if expected.issuperset(result.failing) else result


def known_and_passed(scenario: Scenario, known: KnownFailure, checks: Sequence[CheckResult]) -> str:
    """Why a known failure must be taken off the list; empty: it failed, or nothing decided."""
    result = next((check for check in checks if check.name == known.check), None)
    if result is None or result.verdict == "unknown" or _members(scenario, known.charger) & set(result.failing):
        return ""
    if result.verdict == "fail" and not result.failing:
        return ""  # a limit on the fleet as a whole, which names no charger
    where = f" at {known.charger}" if known.charger else ""
    return f"{known.check}{where}: {KNOWN_PASSED} ({known.reason})"


def _limit(
    scenario: Scenario, limit: Limit, value: MetricValue, totals: Totals, twin: Totals | None, shown: Shown, *, hidden: bool = False
) -> CheckResult:  # fmt: skip
    """A bound on a metric as the result of a check."""
    kind = METRICS[limit.metric]
    bounds = [f"at least {limit.minimum:g}"] if limit.minimum is not None else []
    bounds += [f"at most {limit.maximum:g}"] if limit.maximum is not None else []
    bound = limit.maximum if limit.maximum is not None else limit.minimum
    assert bound is not None
    each = " per driver" if limit.per == "driver" else ""
    says = f"{limit.metric.replace('_', ' ')}{each} is {' and '.join(bounds)} {unit_for(bound, value.unit)}"
    if limit.per == "driver" and kind.per_driver:
        figures = [] if twin is None else per_driver(limit.metric, totals, twin)
    else:
        figures = [] if value.value is None else [float(value.value)]
    if not figures:
        why = "there is no twin to compare with" if kind.difference else "there was nothing to measure"
        if hidden:
            why = "cannot be decided: a log does not show it"
        return CheckResult(
            name=limit.metric, says=says, verdict="unknown", met=0, failed=0, cancelled=0, pending=0, severity=limit.severity,
            origin="limit", why=why,
        )  # fmt: skip
    broken = [place for place, figure in enumerate(figures) if not _within(limit, figure)]
    names = scenario.names() if limit.per == "driver" else [""]
    witness = None
    if broken:
        figure, first = figures[broken[0]], names[broken[0]]
        rule = f"{says}; it is {figure:g} {unit_for(figure, value.unit)}"
        over = limit.maximum is not None and figure > limit.maximum
        record = _first_over(scenario, limit, first, totals, twin, shown) if over else None
        if record is None:
            witness = Witness(charger=first, t=scenario.duration_ms, rule=rule)
        else:
            witness = Witness(charger=record.who, t=record.t, rule=rule, records=[record])
    worst = max(figures) if limit.maximum is not None else min(figures)
    return CheckResult(
        name=limit.metric, says=says, verdict="fail" if broken else "pass", met=len(figures) - len(broken), failed=len(broken),
        cancelled=0, pending=0, margin=Margin(worst=worst, bound=bound, unit=value.unit), witness=witness, severity=limit.severity,
        origin="limit", failing=[names[place] for place in broken] if limit.per == "driver" else [],
    )  # fmt: skip


def _first_over(
    scenario: Scenario, limit: Limit, charger: str, totals: Totals, twin: Totals | None, shown: Shown
) -> AnyRecord | None:  # fmt: skip
    """The first record that shows a figure over its maximum, of one charger or, where none is named, of all; None where no record does.

    Who was short without the faults, too, shows nothing of a difference.
    """
    if limit.metric in ("drivers_short", "undelivered_energy") and twin is not None:
        shorter = {
            name for name, own, other in zip(scenario.names(), totals.short_wh, twin.short_wh, strict=True)
            if own > other and charger in ("", name)
        }  # fmt: skip
        return min((stay for who, stay in shown.short.items() if who in shorter), key=lambda stay: stay.t, default=None)
    return shown.passed.get(limit.metric)


def _within(limit: Limit, figure: float) -> bool:
    return (limit.minimum is None or figure >= limit.minimum) and (limit.maximum is None or figure <= limit.maximum)
