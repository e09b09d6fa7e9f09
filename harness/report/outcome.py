"""What reports are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from harness.check.result import BEHAVIOURS, NOT_TRIGGERED, CheckResult, Judgement, MetricValue
from harness.report.clock import Clock
from harness.report.comparison import Parity
from harness.report.outline import Outline
from harness.report.stays import Stays
from harness.units import counted, times, unit_for
from harness.values import LiveRun, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run that was judged: all that a report tells."""

    scenario: Scenario
    judgement: Judgement
    outline: Outline
    harness: str
    """The version that ran it."""
    records: int
    """How many records its journal holds."""
    digest: str
    """The journal's digest; empty where it was cut off."""
    command: str
    """The command that repeats it, or where none can (``harness check``) judges its journal again; empty where there is neither."""
    folder: str = ""
    """Where its files are; empty where none were kept."""
    stays: Stays | None = None
    """What became of each charger."""
    verified: bool = False
    """It was run in two fresh processes, which wrote the same journal."""
    live: LiveRun | None = None
    """How a live run was made; None for a simulated one."""
    parity: Parity | None = None
    """What came of comparing a live run with the simulated one; None where they were not compared."""


class Machine(Struct, frozen=True, kw_only=True):
    """What describes the machine and the moment, not the run."""

    python: str
    platform: str
    started: Annotated[str, Meta(description="UTC, ISO 8601.")]
    seconds: Annotated[float, Meta(description="How long running and judging took.")]


def is_shown(result: CheckResult) -> bool:
    """Whether a check has a place of its own: not one that a contract promises, and that nothing exercised."""
    return result.verdict != "unknown" or result.origin != "contract" or result.hidden


def mark(result: CheckResult) -> str:
    """``pass``, ``fail``, ``unknown``, or ``warn`` for a violation that does not fail the run."""
    return "warn" if result.verdict == "fail" and (result.severity == "warn" or result.known) else result.verdict


def behaviour_verdict(judgement: Judgement, name: str) -> str:
    """The verdict on one of the four behaviours: that of its checks, or unknown where none was exercised."""
    verdicts = {result.verdict for result in judgement.checks if result.name in BEHAVIOURS[name]}
    if "fail" in verdicts:
        return "fail"
    return "pass" if judgement.behaviours.get(name, 0) else "unknown"


def is_expected(judgement: Judgement, name: str) -> bool:
    """Whether any charger of the run is held to one of the four behaviours, by its maker's promise or by the scenario."""
    return any(result.name in BEHAVIOURS[name] for result in judgement.checks)


def judged_by(judgement: Judgement, name: str) -> list[str]:
    """The checks that exercised one of the four behaviours."""
    return [result.name for result in judgement.checks if result.name in BEHAVIOURS[name] and result.met + result.failed]


def exercised_text(judgement: Judgement, name: str) -> str:
    """``exercised 5 times, by can-always-charge``, ``not exercised``, or that nobody is held to it."""
    count = judgement.behaviours.get(name, 0)
    by = judged_by(judgement, name)
    return f"exercised {times(count)}" + (f", by {' and '.join(by)}" if by else "") if count else unexercised_text(judgement, name)


def unexercised_text(judgement: Judgement, name: str, words: str = "not exercised") -> str:
    """``words``, of a behaviour that nothing exercised, or that nobody in the run is held to it."""
    return words if is_expected(judgement, name) else "nobody here is held to it"


def repeat_label(outcome: Outcome) -> str:
    """What the outcome's command does: ``repeat`` the run, or ``judge again`` where no command can run it."""
    return "judge again" if outcome.command.startswith("harness check ") else "repeat"


_STATIONS_NAMED = 8


def stage_text(outcome: Outcome) -> str:
    """How a live run was made, in a sentence; empty for a simulated one."""
    live = outcome.live
    if live is None:
        return ""
    spoken = " and ".join(protocol.replace("ocpp", "OCPP ") for protocol in live.protocols)
    if live.peer == "log":
        told = "its outages follow from the frames" + (", and from what was told of them" if live.lost == "told" else "")
        return f"Imported from a log of {counted(live.frames, 'frames')}, {spoken}: {told}. What the frames do not show is unknown."
    speed = "on the wall clock" if live.speed == 1 else f"{live.speed:g} times as fast as the wall clock"
    speed += ", idle time skipped" if live.skipped_idle else ""
    through = "through Toxiproxy" if live.through == "toxiproxy" else "without Toxiproxy, so without network faults"
    if live.peer == "your charger":
        named = outcome.outline.stations
        made = "".join(f" {name} is a {what}." for name, what in list(named.items())[:_STATIONS_NAMED])
        more = len(named) - _STATIONS_NAMED
        rest = f" {more} more." if more > 0 else ""
        return f"Your chargers, {speed}: {spoken} over WebSockets to the embedded server, {through}.{made}{rest}"
    peer = f"your server ({live.target})" if live.target else f"the {live.peer}"
    books = "" if live.books else " Its books were not given: what it accounts for is not verifiable."
    read = outcome.outline.books
    if read is not None and read.zoneless:
        many = counted(read.transactions, "transactions")
        books = f" Of {many} in its books {read.zoneless} gave times without an offset from UTC, which were taken for UTC."
    return f"Live, {speed}: {spoken} over WebSockets to {peer}, {through}.{books}"


def called(name: str, live: LiveRun | None) -> str:
    """A charger as it is called in the scenario and, where that is another name, on the wire: ``anna (CP-0001)``."""
    station = name if live is None else live.stations.get(name, name)
    return name if station == name else f"{name} ({station})"


def stations_text(live: LiveRun | None, names: Sequence[str]) -> str:
    """Under which station ids these chargers were on the wire, in a sentence; empty where the ids are their names."""
    ids = {} if live is None else live.stations
    others = [name for name in names if ids.get(name, name) != name]
    if not others:
        return ""
    told = [f"{name} is {ids[name]}" for name in others[:_STATIONS_NAMED]]
    more = len(others) - _STATIONS_NAMED
    return f"Station ids: {', '.join(told)}{f', and {more} more, all in result.json' if more > 0 else ''}."


def surroundings(outcome: Outcome) -> dict[str, str]:
    """What it takes to find a live run again in what the other end wrote down: ``stations``, where they have ids of their own, and by which
    clocks ``times`` are told. Empty for a simulated run.
    """
    if outcome.live is None:
        return {}
    stations = stations_text(outcome.live, outcome.scenario.names())
    return {**({"stations": stations} if stations else {}), "times": Clock(outcome.scenario).introduction()}


NO_COMMAND = "run from Python, from a scenario loaded there: no command repeats it"
VERIFIED = "two fresh processes wrote the same journal"


def cut_note(outcome: Outcome) -> str:
    """That the run was cut off, and where; empty for one that came to its end."""
    if outcome.judgement.verdict != "interrupted":
        return ""
    clock = Clock(outcome.scenario)
    reached, end = clock.brief(outcome.outline.end_ms), clock.brief(outcome.scenario.duration_ms)
    return f"CUT OFF: this is not a whole run. Its journal ends at {reached}, and the run was to last until {end}."


def invalid_note(outcome: Outcome) -> str:
    """That the experiment did not happen; empty for one that did."""
    if outcome.judgement.verdict != "invalid":
        return ""
    return "INVALID: the experiment did not happen. A step was to change something and did not, so nothing here tells of it."


def sentence(text: str) -> str:
    """The text with a full stop, where it ends with none."""
    text = text.strip()
    return text if not text or text[-1] in ".!?…" else f"{text}."


def number(value: float | None) -> str:
    """A figure for people: at most three decimals, none that say nothing; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def difference_text(name: str, metric: MetricValue) -> str:
    """The two figures behind a difference from the twin, in words; empty where there is no twin."""
    if metric.twin is None or metric.value is None:
        return ""
    text = f"{number(metric.run)} with the faults, {number(metric.twin)} without"
    if name == "undelivered_energy" and metric.value < 0:
        text += f": {number(-metric.value)} {metric.unit} more delivered than without them"
    return text


def margin_text(result: CheckResult) -> str:
    """``worst 41 s of 60 s``, of a limit ``worst 98 % of at least 97 %``; or nothing.

    The margin of a check is that of the obligations that held: beside a failure it says so.
    """
    margin = result.margin
    if margin is None or (result.origin != "limit" and result.failed and not result.met):
        return ""
    limit = ("at most " if " at most " in result.says else "at least ") if result.origin == "limit" else ""
    held = " of those that held" if result.failed and result.origin != "limit" else ""
    of = f"{number(margin.bound)} {unit_for(margin.bound, margin.unit)}"
    return f"worst{held} {number(margin.worst)} {unit_for(margin.worst, margin.unit)} of {limit}{of}"


def unexercised(judgement: Judgement) -> list[str]:
    """The promises that nothing put to the test, those models together of which they are the same: ``a, b: this, that``."""
    why = {result.name: f" ({result.why})" for result in judgement.checks if result.why not in ("", NOT_TRIGGERED)}
    of: dict[str, list[str]] = {}
    for clause in judgement.unexercised:
        model, _, check = clause.partition(": ")
        of.setdefault(model, []).append(check + why.get(check, ""))
    sharing: dict[tuple[str, ...], list[str]] = {}
    for model, checks in of.items():
        sharing.setdefault(tuple(checks), []).append(model)
    return [f"{', '.join(models)}: {', '.join(checks)}" for checks, models in sharing.items()]


def counts_text(result: CheckResult) -> str:
    """``failed twice, held 14 times, 3 cancelled (1 exempt), 1 pending, worst 41 s of 60 s``."""
    parts = [f"failed {times(result.failed)}"] if result.failed else []
    given_up = f" ({result.given_up} with a message given up)" if result.given_up else ""
    parts += [f"held {times(result.met)}{given_up}"] if result.met else []
    exempt = f" ({result.exempt} not promised under a fault)" if result.exempt else ""
    parts += [f"{result.cancelled} cancelled{exempt}"] if result.cancelled else []
    parts += [f"{result.pending} pending"] if result.pending else []
    parts += [margin] if (margin := margin_text(result)) else []
    if result.verdict == "unknown" and result.why:
        parts.insert(0, result.why)
    return ", ".join(parts) or NOT_TRIGGERED
