"""The form of a scenario file, as data: its keys, how each is written, and what editors show about it."""

from __future__ import annotations

from collections.abc import Iterable

from harness import units
from harness.fault import KINDS, MESSAGES
from harness.scenario.forms import (
    CURRENT,
    DURATION,
    ENERGY,
    EXEMPTION,
    NAME_FORM,
    PERCENT,
    STATES,
    SWITCH,
    TEXT,
    Choice,
    Either,
    Field,
    ListOf,
    MapOf,
    Raw,
    Record,
    Scalar,
    count_form,
    struct_form,
    words_form,
)
from harness.scenario.models import VERSION_FIELD
from harness.scenario.moments import MOMENT, TIME
from harness.shipped import ModelKind
from harness.values import MOST_CHARGERS, MOST_DURATION_MS, Predicate, Settings, Supply

MOST_SEED = 2**53
"""Ten years: what a run lays out (tariffs, local days) must have an end."""


def _metric_names() -> Iterable[str]:
    from harness.check.metrics import METRICS

    return METRICS


def _model(kind: ModelKind) -> Raw:
    """A model by its name or path, or changes to one in place."""
    return Raw(model=kind, by_name=True)


_names = ListOf(NAME_FORM, lone=True)
_severity = words_form("fail", "warn")

_SESSION = Record("a session", (
    Field("plug_in", TIME, "When the car is plugged in: a clock time is its first occurrence after the start.", True),
    Field("needs", ENERGY, "How much energy the car needs.", True),
    Field("leave", TIME, "When it leaves: a clock time is its first occurrence after plugging in, `+8 h` counts from there.", True),
    Field("repeat", words_form("daily"), "daily: again on each following day until the run ends."),
))  # fmt: skip

_TOU = Record("time-of-use charging", (
    Field("charge_in", _names, "The price levels at which the car may charge."),
    Field("on", SWITCH, "Whether time-of-use charging is on."),
))  # fmt: skip

SHARED = (
    Field("model", _model("charger"), "The charger model: its name, a path such as `./mine.yaml`, or changes `{extends: NAME, …}`."),
    Field("network", _model("network"), "The path between the charger and its server."),
    Field("car", _model("vehicle"), "The car that is plugged in."),
    Field("tariff", _model("tariff"), "The driver's tariff."),
    Field("driver", _model("driver"), "Who drives. A crowd's sessions are drawn from it; a single charger's only acts if named there."),
    Field("tou", Either("`off`, or a map such as `{charge_in: [off-peak]}`", scalar=words_form("off"), map=_TOU),
          "Time-of-use charging: charge only at these price levels."),
    Field("settings", struct_form(Settings), "What was set before the run."),
    Field("shard", count_form(1), "Which part of the server serves it, counted from 1; absent: dealt out evenly."),
    Field("tag", TEXT, "The tag that the driver shows."),
    Field("tag_listed", SWITCH, "Whether the tag is on the list that the charger keeps for use without a server."),
    Field("tag_barred", SWITCH, "Whether that list says that the tag may not charge (Invalid, Blocked, Expired)."),
    Field("tag_revoked", TIME, "When the server ceases to accept the tag; `+0 s`: it never does. Absent: it goes on accepting it."),
)  # fmt: skip

DEFAULTS = Record("`defaults`", SHARED)
CHARGER = Record("a charger", (
    Field("count", count_form(1, MOST_CHARGERS), "How many: a crowd, whose members are NAME-1, NAME-2 …; absent: one charger called NAME."),
    *SHARED,
    Field("session", _SESSION, "Its one stay of a car."),
    Field("sessions", ListOf(_SESSION), "Its stays of cars, in order."),
))  # fmt: skip

_CIRCUIT = Record("a circuit", (
    Field("members", _names, "The chargers behind it: entries, or single members of a crowd.", True),
    Field("capacity", CURRENT, "The current per phase that it carries.", True),
))  # fmt: skip

_TRIGGER = Record("`when`", (
    Field("message", words_form(*MESSAGES), "The charger's message that sets the step off."),
    Field("state", words_form(*STATES), "The connector's state that sets the step off."),
    Field("from", NAME_FORM, "The charger whose message or state counts; absent: any target of the step."),
    Field("nth", count_form(1), "Only the n-th such occasion."),
    Field("delay", DURATION, "How long after it the step fires."),
))  # fmt: skip
_SHARE = Record("`to`", (
    Field("share", PERCENT, "A share of the chargers, drawn once from the seed."),
    Field("of", _names, "Of which: entries, members or circuits; absent: all."),
    Field("shard", count_form(1), "The chargers that this part of the server serves."),
))  # fmt: skip
TARGETS = Either(
    "`all`, a name, a list of names, `{share: 30 %, of: homes}` or `{shard: 1}`", scalar=NAME_FORM, list=ListOf(NAME_FORM), map=_SHARE
)
STEP = Record("a step", (
    Field("id", NAME_FORM, "The step's name; absent: step-1, step-2 … by its place."),
    Field("at", MOMENT, "When it fires: a time, or relative to another step's start, end or recovery."),
    Field("when", _TRIGGER, "What it waits for, instead of a time."),
    Field("do", Choice(lambda: KINDS, "a kind of step"), "What happens: a fault or a human action, `family.kind`.", True),
    Field("to", TARGETS, "Whom it concerns; absent: all."),
    Field("with", Raw({"type": "object"}), "The kind's own arguments."),
    Field("for", DURATION, "How long it lasts."),
    Field("until", MOMENT, "When it ends."),
    Field("times", count_form(1), "How often it strikes before it ends."),
))  # fmt: skip

_predicate = struct_form(Predicate)
CHECK = Record("a check", (
    Field("within", DURATION, "The bound in time."),
    Field("amperage", CURRENT, "The bound in current, of a built-in check."),
    Field("assumes", ListOf(EXEMPTION), "Fault kinds under which it is not demanded, such as `no memory-loss`."),
    Field("charger", NAME_FORM, "The charger judged."),
    Field("chargers", ListOf(NAME_FORM), "The chargers judged; absent: all."),
    Field("severity", _severity, "warn: a violation is shown and does not fail the run."),
    Field("says", TEXT, "What the check demands, in one line."),
    Field("after", MOMENT, "The moment that sets it off."),
    Field("during", NAME_FORM, "The id of a step: only while it acts."),
    Field("whenever", _predicate, "Each time that this becomes true sets it off."),
    Field("then", _predicate, "What must be true within the bound."),
    Field("becomes", ListOf(words_form(*STATES), lone=True), "Short for `then: {state: …}`."),
    Field("until", _predicate, "`then` must go on holding until this."),
    Field("always", _predicate, "What must be true all the time."),
    Field("never", _predicate, "What must never be true."),
    Field("sometimes", _predicate, "What must be true at least once."),
))  # fmt: skip
_AMOUNT = Scalar(lambda text: text, "an amount in the metric's unit", {"type": ["string", "number"]})
LIMIT = Record("a limit", (
    Field("max", _AMOUNT, "The most that is right, in the metric's unit."),
    Field("min", _AMOUNT, "The least that is right, in the metric's unit."),
    Field("per", words_form("driver", "fleet"), "driver: it holds for each driver; fleet: for all together."),
    Field("severity", _severity, "warn: a violation is shown and does not fail the run."),
))  # fmt: skip
_KNOWN_FAILURE = Record("a known failure", (
    Field("check", NAME_FORM, "The check that fails.", True),
    Field("charger", NAME_FORM, "Where it fails; absent: anywhere."),
    Field("reason", TEXT, "Why it fails.", True),
    Field("link", TEXT, "Where this is followed up."),
))  # fmt: skip
_EXPECT = Record("`expect`", (
    Field("contract", words_form("each-maker", "none"), "each-maker: each charger is judged by its own model's contract."),
    Field("exercised", _names, "Checks that must have been put to the test at least once."),
    Field("checks", MapOf(CHECK, "a check"), "Built-in checks by name, with other bounds, and one's own."),
    Field("limits", MapOf(LIMIT, "a metric", _metric_names), "Bounds on metrics."),
    Field("known_failures", ListOf(_KNOWN_FAILURE), "Failures that keep the run green until they pass."),
))  # fmt: skip


_START = "a date and a clock time such as `2026-03-12 17:00`"


def _zone(text: str) -> str:
    from harness.scenario.problems import nearest
    from harness.zones import zone, zone_names

    try:
        zone(text)
    except KeyError:
        raise units.UnitError(text, "a time zone such as `America/Los_Angeles`", nearest(text, zone_names())) from None
    return text


def _start(text: str) -> units.WallTime:
    try:
        wall = units.parse_wall_time(text)
    except units.UnitError as error:
        raise units.UnitError(text, _START if error.expected == units.WALL_TIME else error.expected, error.suggestion) from None
    if wall.on is None:
        raise units.UnitError(text, _START)
    return wall


def _run_length(text: str) -> int:
    value_ms = units.parse_duration_ms(text)
    if not 0 < value_ms <= MOST_DURATION_MS:
        raise units.UnitError(text, f"a duration above zero, at most {units.format_duration_ms(MOST_DURATION_MS)}")
    return value_ms


SCENARIO = Record("a scenario", (
    VERSION_FIELD,
    Field("title", TEXT, "What happens, in one line.", True),
    Field("why", TEXT, "What the scenario shows."),
    Field("start", Scalar(_start, _START, {"type": "string", "examples": ["2026-03-12 17:00"]}),
          "The start in local time.", True),
    Field("zone", Scalar(_zone, "a time zone such as `America/Los_Angeles`", {"type": "string", "examples": ["America/Los_Angeles"]}),
          "The time zone of all local times.", True),
    Field("duration", Scalar(_run_length, units.DURATION, DURATION.schema), "How long the run lasts.", True),
    Field("seed", count_form(0, MOST_SEED), "Where all chance comes from; another seed gives another crowd. Absent: 1."),
    Field("server", _model("server"), "The server.", True),
    Field("network", _model("network"), "The path between chargers and server, where a charger names no other."),
    Field("supply", struct_form(Supply), "The building's mains.", True),
    Field("defaults", Raw(form=DEFAULTS), "What holds for all chargers that do not say otherwise."),
    Field("models", MapOf(Raw(model="charger"), "a charger model"), "Changes to charger models by name, or new ones with `extends`."),
    Field("chargers", MapOf(Raw(form=CHARGER), "a charger"), "The chargers: single ones, and crowds with a `count`.", True),
    Field("circuits", MapOf(_CIRCUIT, "a circuit"), "Load groups: chargers behind one circuit."),
    Field("plan", ListOf(STEP), "What goes wrong and what people do: a list of steps."),
    Field("expect", _EXPECT, "What must hold."),
))  # fmt: skip
