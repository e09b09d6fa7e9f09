"""Forms: what a part of a file may look like, as data.

A form is read in two ways: :func:`read` turns a node into a value and notes every problem on the way, and
:mod:`harness.scenario.jsonschema` turns it into JSON Schema. The forms of models follow from the structs of :mod:`harness.values`
(:func:`struct_form`): a field's unit suffix says how its quantity is written, and its description is the hover text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Meta, Struct

from harness import units
from harness.fault import COMMANDS, KINDS, MESSAGES
from harness.fault.quirks import CHARGER_QUIRKS, SERVER_QUIRKS
from harness.scenario.nodes import Node
from harness.scenario.problems import Problems, listed, nearest
from harness.units import UnitError
from harness.values import MOST_SHARDS, Claim, Clause, DriverModel, Predicate, Quantiles, ServerModel

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class _Failed:
    """The value of what could not be read; the problem is noted already."""

    def __repr__(self) -> str:
        return "FAILED"


FAILED: Final = _Failed()


class Scalar(Struct, frozen=True):
    """One value written as text; ``parse`` raises :class:`UnitError`."""

    parse: Callable[[str], Any]
    expected: str
    schema: dict[str, Any] = {}
    plain_only: bool = False
    """A quoted text is not one (``"true"`` is no switch)."""


class Choice(Struct, frozen=True):
    """One of some words; ``names`` are looked up when needed."""

    names: Callable[[], Iterable[str]]
    what: str


class ListOf(Struct, frozen=True):
    """A list of one kind of thing; with ``lone`` a single one may stand without brackets."""

    item: Form
    lone: bool = False


class MapOf(Struct, frozen=True):
    """A map from names to one kind of thing."""

    value: Form
    what: str
    """What a key is, for messages: ``a check``."""
    names: Callable[[], Iterable[str]] | None = None
    """The keys that exist; None: any name."""


class Either(Struct, frozen=True):
    """One of several forms, told apart by whether a scalar, a list or a map stands there."""

    expected: str
    scalar: Form | None = None
    list: Form | None = None
    map: Form | None = None


class Raw(Struct, frozen=True):
    """A part that is read later, when other parts are known; it is handed on as its node."""

    schema: dict[str, Any] = {}
    form: Form | None = None
    """The form that it is read by then, where that is always the same."""
    model: str = ""
    """It is a model of this kind: changes to one, or (``by_name``) also the name of one."""
    by_name: bool = False


class Field(Struct, frozen=True):
    """A key of a record."""

    key: str
    form: Form
    doc: str
    required: bool = False
    attribute: str = ""
    """The attribute of the struct; empty: the value is a dict of attributes (a key that stands for one of several)."""


class Record(Struct, frozen=True):
    """A map with known keys; ``make`` builds its value from attributes, without it the value is a :class:`Part`."""

    what: str
    """What messages call it; empty: by its key."""
    fields: tuple[Field, ...]
    make: Callable[..., Any] | None = None
    ignored: tuple[str, ...] = ()
    """Keys that another reader takes."""

    def field(self, key: str) -> Field | None:
        """The field of that key."""
        return next((candidate for candidate in self.fields if candidate.key == key), None)


Form = Scalar | Choice | ListOf | MapOf | Either | Raw | Record


class Part(Struct):
    """A record that was read but not yet given meaning: its values by key, and the node to point at in messages."""

    node: Node
    values: dict[str, Any]

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or ``default`` where it is absent or could not be read."""
        return self.values.get(key, default)

    def at(self, key: str) -> Node:
        """The node of a key's value, or the record's own."""
        return self.node.at(key)


def read(form: Form, node: Node, problems: Problems, name: str) -> Any:
    """The value of ``node`` by ``form``, or ``FAILED``; ``name`` is what messages call it. Every problem is noted."""
    if isinstance(form, Raw):
        return node
    if isinstance(form, Scalar):
        return _read_scalar(form, node, problems, name)
    if isinstance(form, Choice):
        return _read_choice(form, node, problems, name)
    if isinstance(form, Either):
        below = {"scalar": form.scalar, "list": form.list, "map": form.map}[node.kind]
        if below is None or node.is_null:
            problems.add(node, f"`{name}` is not right", found=node.shown, expected=form.expected)
            return FAILED
        return read(below, node, problems, name)
    if isinstance(form, ListOf):
        return _read_list(form, node, problems, name)
    if isinstance(form, MapOf):
        return _read_map(form, node, problems, name)
    return _read_record(form, node, problems, name)


def _read_scalar(form: Scalar, node: Node, problems: Problems, name: str) -> Any:
    if node.kind != "scalar" or node.is_null or (form.plain_only and not node.plain):
        found = f'the text `"{node.text}"`' if node.kind == "scalar" and not node.plain else node.shown
        problems.add(node, f"`{name}` is not right", found=found, expected=form.expected)
        return FAILED
    try:
        return form.parse(node.text)
    except UnitError as error:
        problems.add(node, f"`{name}` is not right", found=node.shown, expected=error.expected, suggestion=error.suggestion)
        return FAILED


def _read_choice(form: Choice, node: Node, problems: Problems, name: str) -> Any:
    names = list(form.names())
    if node.kind == "scalar" and node.text in names:
        return node.text
    suggestion = nearest(node.text, names) if node.kind == "scalar" and node.text else ""
    problems.add(node, f"`{name}` is not right", found=node.shown, expected=f"{form.what}: {listed(names)}", suggestion=suggestion)
    return FAILED


def _read_list(form: ListOf, node: Node, problems: Problems, name: str) -> Any:
    if node.kind != "list":
        if form.lone and not node.is_null:
            value = read(form.item, node, problems, name)
            return FAILED if value is FAILED else (value,)
        problems.add(node, f"`{name}` is not right", found=node.shown, expected="a list such as `[a, b]`")
        return FAILED
    values = [read(form.item, item, problems, name) for item in node.items]
    return FAILED if any(value is FAILED for value in values) else tuple(values)


def _read_map(form: MapOf, node: Node, problems: Problems, name: str) -> Any:
    if node.kind != "map":
        problems.add(node, f"`{name}` is not right", found=node.shown, expected=f"a map from {form.what} to its values")
        return FAILED
    values: dict[str, Any] = {}
    names = None if form.names is None else list(form.names())
    for key, (key_node, value_node) in node.entries.items():
        if names is not None and key not in names:
            expected = f"{form.what}: {listed(names)}"
            problems.add(key_node, f"unknown key `{key}` in `{name}`", expected=expected, suggestion=nearest(key, names))
            continue
        if names is None and not NAME.fullmatch(key):
            problems.add(key_node, f"`{key}` is not a name", expected="letters, digits, `-` and `_`, at most 64 of them")
            continue
        values[key] = read(form.value, value_node, problems, key)
    return values


def _read_record(form: Record, node: Node, problems: Problems, name: str) -> Any:
    if node.kind != "map":
        keys = listed([f.key for f in form.fields], most=6)
        what = form.what or f"`{name}`"
        problems.add(node, f"{what} is not right", found=node.shown, expected=f"a map with keys such as {keys}")
        return FAILED
    what = form.what or f"`{name}`"
    known = {candidate.key: candidate for candidate in form.fields}
    values: dict[str, Any] = {}
    complete = True
    for key, (key_node, value_node) in node.entries.items():
        if key in form.ignored:
            continue
        if key not in known:
            meant = nearest(key, [*known, *form.ignored])
            # `{source: Manual, 4.2}` has a key `4.2` without a value.
            hint = "; a text with a comma inside `{…}` must stand in quotes" if value_node.is_null and not meant else ""
            problems.add(key_node, f"unknown key `{key}` in {what}", expected=listed(known) + hint, suggestion=meant)
            complete = False
            continue
        value = read(known[key].form, value_node, problems, key)
        if value is FAILED:
            complete = False
            continue
        values[key] = value
    for missing in (candidate.key for candidate in form.fields if candidate.required and candidate.key not in node.entries):
        meant = next((key for key in node.entries if key not in known and nearest(key, [missing]) == missing), "")
        if not meant:
            problems.add(node, f"`{missing}` is missing in {what}", expected=f"`{missing}`: {lowered(known[missing].doc)}")
        complete = False
    if form.make is None:
        return Part(node, values)
    if not complete:
        return FAILED
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        arguments.update({known[key].attribute: value} if known[key].attribute else value)
    return form.make(**arguments)


def lowered(text: str) -> str:
    """A description as part of a sentence."""
    text = text.rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def _text(text: str) -> str:
    """A text in one line, however many it was written in."""
    return " ".join(text.split())


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise UnitError(text, "a name of letters, digits, `-` and `_`")
    return text


def _switch(text: str) -> bool:
    if text in {"true", "false"}:
        return text == "true"
    meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(text.lower(), text.lower())
    raise UnitError(text, "`true` or `false`", meant if meant in {"true", "false"} else "")


def count_form(least: int = 0, most: int = 10**9) -> Scalar:
    """A whole number from ``least`` to ``most``."""
    expected = f"a whole number from {least} to {most}" if most < 10**9 else f"a whole number of at least {least}"

    def parse(text: str) -> int:
        digits = re.fullmatch(r"0|[1-9][0-9]*", text) is not None
        if digits and (len(text) > 18 or int(text) > most):
            raise UnitError(text, expected if most < 10**9 else f"a whole number of at most {most}")
        if not digits or int(text) < least:
            stripped = text.replace("_", "").replace(",", "").lstrip("0")
            raise UnitError(text, expected, stripped if re.fullmatch(r"[1-9][0-9]{0,9}", stripped) and stripped != text else "")
        return int(text)

    return Scalar(parse, expected, {"type": "integer", "minimum": least, "maximum": most}, plain_only=True)


def quantity_form(parse: Callable[[str], int], expected: str, example: str) -> Scalar:
    """A quantity with its unit."""
    return Scalar(parse, expected, {"type": "string", "examples": [example]})


def words_form(*words: str) -> Choice:
    """One of fixed words."""
    return Choice(lambda: words, "one of")


TEXT = Scalar(_text, "a text", {"type": ["string", "number", "boolean"]})
NAME_FORM = Scalar(_name, "a name", {"type": "string", "pattern": f"^{NAME.pattern}$"})
SWITCH = Scalar(_switch, "`true` or `false`", {"type": "boolean"}, plain_only=True)
DURATION = quantity_form(units.parse_duration_ms, units.DURATION, "1 h 30 min")
SIGNED_DURATION = quantity_form(lambda text: units.parse_duration_ms(text, signed=True), units.SIGNED_DURATION, "-5 min")
CURRENT = quantity_form(units.parse_current_ma, units.CURRENT, "16 A")
ENERGY = quantity_form(units.parse_energy_wh, units.ENERGY, "18 kWh")
POWER = quantity_form(units.parse_power_w, units.POWER, "6.6 kW")
VOLTAGE = quantity_form(units.parse_voltage_v, units.VOLTAGE, "240 V")
PERCENT = quantity_form(units.parse_permille, units.PERCENT, "80 %")
RATE = Scalar(units.parse_rate_per_ks, units.RATE, {"type": "number", "minimum": 0.001}, plain_only=True)

_BY_SUFFIX = {"ms": DURATION, "ma": CURRENT, "wh": ENERGY, "w": POWER, "v": VOLTAGE, "permille": PERCENT}

_COUNTS = {
    "phases": count_form(1, 3),
    "connectors": count_form(1, 1),
    "shards": count_form(1, MOST_SHARDS),
    "accepts_per_s": count_form(1),
    "answers_per_s": count_form(1),
    "repeat_times": count_form(0, 16),
    "nth": count_form(1),
    "limit": count_form(1),
}
"""Counts whose range is not simply 0 upwards, by the name of their field."""


def _quantile_form(of: Scalar, scale: int) -> Record:
    """The five quantiles of a distribution, each written as ``of`` and divided by ``scale``."""

    def parse(text: str) -> int:
        value, rest = divmod(of.parse(text), scale)
        if rest:
            raise UnitError(text, f"{of.expected}, in whole minutes")
        return int(value)

    item = Scalar(parse, of.expected, of.schema)
    docs = {"p10": "10 % are below this.", "p25": "25 % are below this.", "p50": "Half are below this.", "p75": "75 % are below this.",
            "p90": "90 % are below this."}  # fmt: skip
    fields = tuple(Field(key, item, text, True, key) for key, text in docs.items())
    return Record("a distribution", fields, Quantiles)


STATES = (
    "Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Faulted", "Unavailable",
)  # fmt: skip
"""The connector's states in OCPP's words."""

ACTIONS = ("override", "pause", "set-amperage", "set-tou", "swipe")
"""What a driver does that a journal records as an action."""

_CLOCK_S = quantity_form(units.parse_clock_s, units.CLOCK, "18:30")
_SPECIAL: dict[tuple[type, str], Form] = {
    (DriverModel, "arrival_min"): _quantile_form(_CLOCK_S, 60),
    (DriverModel, "stay_min"): _quantile_form(DURATION, 60_000),
    (DriverModel, "energy_wh"): _quantile_form(ENERGY, 1),
    (Predicate, "state"): ListOf(words_form(*STATES), lone=True),
    (Predicate, "message"): words_form(*MESSAGES),
    (Predicate, "command"): words_form(*COMMANDS),
    (Predicate, "action"): words_form(*ACTIONS),
}
"""Fields whose form does not follow from their type and unit."""


def _split(attribute: str) -> tuple[str, str]:
    """A field's name as files write it, and its unit."""
    stem, _, unit = attribute.rpartition("_")
    return (stem, unit) if stem and unit in {*_BY_SUFFIX, "min"} and attribute != "accepts_per_s" else (attribute, "")


def check_names() -> Iterable[str]:
    """The names of the built-in checks."""
    from harness.check.catalogue import NAMES

    return NAMES


def _quirk_names(of: type) -> Callable[[], Iterable[str]]:
    return lambda: SERVER_QUIRKS if of is ServerModel else CHARGER_QUIRKS


def parse_exemption(text: str) -> str:
    """Read an entry of ``assumes``, ``no KIND`` or ``no FAMILY.KIND`` of the catalogue of faults. Raises :class:`UnitError`."""
    names = list(KINDS) + [kind.partition(".")[2] for kind in KINDS]
    word, _, kind = text.partition(" ")
    if word == "no" and kind.strip() in names:
        return f"no {kind.strip()}"
    meant = nearest((kind if word == "no" else text).strip(), names)
    raise UnitError(text, "`no` and a kind of fault, such as `no memory-loss`", f"no {meant}" if meant else "")


EXEMPTION = Scalar(parse_exemption, "such as `no memory-loss`", {"type": "string", "pattern": "^no ", "examples": ["no memory-loss"]})


def _bound(text: str) -> dict[str, int]:
    for attribute, parse in (("bound_ms", units.parse_duration_ms), ("bound_ma", units.parse_current_ma)):
        try:
            return {attribute: parse(text)}
        except UnitError:
            continue
    raise UnitError(text, "a duration such as `60 s`, or a current such as `16 A`")


BOUND = Scalar(_bound, "a duration or a current", {"type": "string", "examples": ["60 s", "16 A"]})


def _type_form(owner: type, attribute: str, kind: Any) -> Form:
    """The form of a struct's field, from its type and its name's unit."""
    if (owner, attribute) in _SPECIAL:
        return _SPECIAL[owner, attribute]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type_form(owner, attribute, arguments[0])
    if origin in {Union, UnionType}:
        return _type_form(owner, attribute, next(a for a in arguments if a is not NoneType))
    if origin is Literal:
        return words_form(*arguments)
    if origin is tuple:
        if attribute == "quirks":
            return ListOf(Choice(_quirk_names(owner), "a known wrong behaviour"))
        if attribute == "assumes":
            return ListOf(EXEMPTION)
        return ListOf(_type_form(owner, attribute, arguments[0]))
    if origin is dict:
        value = _type_form(owner, attribute, arguments[1])
        if arguments[1] is Claim:
            return Raw({"type": "object", "additionalProperties": _claim_schema()})
        return MapOf(value, "a check" if arguments[1] is Clause else "a name", check_names if arguments[1] is Clause else None)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return struct_form(kind)
    if kind is bool:
        return SWITCH
    if kind is int:
        _, unit = _split(attribute)
        return _BY_SUFFIX[unit] if unit else _COUNTS.get(attribute, count_form())
    return TEXT


def _claim_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {"type": "object", "properties": {"source": text, "assumption": text}, "additionalProperties": False, "minProperties": 1}


def _docs_of(kind: Any) -> str:
    if get_origin(kind) is Annotated:
        return next((meta.description or "" for meta in get_args(kind)[1:] if isinstance(meta, Meta)), "")
    return ""


@cache
def struct_form(struct: type[Struct]) -> Record:
    """The form of a struct: its keys without unit suffixes, their docs, and its maker."""
    hints = get_type_hints(struct, include_extras=True)
    fields: list[Field] = []
    names, defaults = struct.__struct_fields__, struct.__struct_defaults__
    for place, name in enumerate(names):
        kind = hints[name]
        key, _ = _split(name)
        required = place < len(names) - len(defaults) or defaults[place - len(names)] is NODEFAULT
        if any(candidate.key == key for candidate in fields):
            continue
        if key == "bound":
            fields.append(Field(key, BOUND, "The bound, in time or in current; without one the check's own default."))
        else:
            fields.append(Field(key, _type_form(struct, name, kind), _docs_of(kind), required, name))
    return Record("", tuple(fields), struct)
