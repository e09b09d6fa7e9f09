"""Writing scenario files: a file's tree with another plan, other stays and other values, as text that people read.

:func:`varied` lays what a scenario differs in from the one that its base file gives over that file's tree; :func:`text` writes a tree. What
is written so is read back as the same scenario.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness import shipped, units
from harness.fault import KINDS
from harness.scenario.fleet import model_name
from harness.scenario.layout import SCENARIO
from harness.scenario.models import is_path
from harness.scenario.nodes import Node, merge, read_text
from harness.values import Chargers, Moment, Scenario, Session, Settings, Step, Targets, Trigger

WIDE = 120
"""A map or a list that fits into such a line stands in one."""
_PLAIN = re.compile(r"[A-Za-z0-9+./-](?:[A-Za-z0-9 _.:/%+()-]*[A-Za-z0-9_./%+)-])?")
"""A text that needs no quotes, wherever it stands."""
_NAME_FILES = ("model", "server", "network", "car", "tariff", "driver", "extends")
"""Keys whose value may be the path of a model's file."""
_BLOCKS = ("defaults", "models", "chargers", "circuits", "plan", "expect", "limits", "checks", "known_failures")
"""Keys whose maps and lists have a line for each entry."""


# From values to trees.


def node(value: Any) -> Node:
    """The tree of a text, of a map or of a list of such."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Mapping):
        return Node("map", "", 0, 0, entries={key: (_scalar(key), node(below)) for key, below in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Node("list", "", 0, 0, items=[node(item) for item in value])
    return _scalar(str(value))


def _scalar(value: str) -> Node:
    return Node("scalar", "", 0, 0, text=value)


def put(root: Node, path: Sequence[str], value: Any) -> Node:
    """The tree with a value under a path of keys, which is made where it is missing; None takes the key away. What names a model there
    becomes one that extends it."""
    key, *below = path
    if root.kind == "scalar":
        root = Node("map", "", 0, 0, entries={"extends": (_scalar("extends"), root)})
    entries = dict(root.entries)
    if value is None and not below:
        entries.pop(key, None)
    else:
        key_node, there = entries.get(key, (_scalar(key), Node("map", "", 0, 0)))
        entries[key] = (key_node, put(there, below, value) if below else node(value))
    return replace(root, entries=entries)


def step(given: Step) -> dict[str, Any]:
    """A step as a file has it."""
    kind = KINDS[given.do]
    told: dict[str, Any] = {"id": given.id}
    if given.at is not None:
        told["at"] = moment(given.at)
    if given.when is not None:
        told["when"] = _trigger(given.when)
    told["do"] = given.do
    if (whom := _targets(given.to)) != "all" or kind.aims == "one":
        told["to"] = whom
    if arguments := kind.written(given.arguments):
        told["with"] = arguments
    if given.for_ms is not None:
        told["for"] = units.format_duration_ms(given.for_ms)
    if given.until is not None:
        told["until"] = moment(given.until)
    if given.times is not None:
        told["times"] = str(given.times)
    return told


def moment(at: Moment) -> str:
    """A moment as a file has it: since the start, or since an edge of a step."""
    offset = units.format_duration_ms(at.offset_ms)
    if not at.step:
        return f"+{offset}"
    return f"{at.step}.{at.edge}" + (f" + {offset}" if at.offset_ms else "")


def _trigger(when: Trigger) -> dict[str, str]:
    told = {"message": when.message} if when.message else {"state": when.state}
    told |= {"from": when.source} if when.source else {}
    told |= {"nth": str(when.nth)} if when.nth != 1 else {}
    return told | ({"delay": units.format_duration_ms(when.delay_ms)} if when.delay_ms else {})


def _targets(to: Targets) -> Any:
    if to.shard is not None:
        return {"shard": str(to.shard)}
    names: Any = to.names[0] if len(to.names) == 1 else list(to.names)
    if to.share_permille:
        return {"share": units.format_permille(to.share_permille), **({"of": names} if to.names else {})}
    return names if to.names else "all"


def session(given: Session) -> dict[str, str]:
    """A stay as a file has it: from the start, and from its beginning."""
    return {
        "plug_in": f"+{units.format_duration_ms(given.plug_in_ms)}", "needs": units.format_energy(given.needs_wh),
        "leave": f"+{units.format_duration_ms(given.leave_ms - given.plug_in_ms)}",
    }  # fmt: skip


def _settings(given: Settings) -> dict[str, str]:
    found = {name.removesuffix("_ma"): getattr(given, name) for name in given.__struct_fields__ if name.endswith("_ma")}
    return {name: units.format_current(value) for name, value in found.items() if value is not None}


# From a base file to another scenario.


def varied(root: Node, base: Scenario, found: Scenario) -> Node:
    """The tree of ``base``'s file with all that ``found`` differs in: title, why, seed, duration, chargers that are gone, their stays,
    time-of-use charging, tags and settings, circuits that are gone, and the plan. Start, server and models are those of the tree."""
    for key in ("title", "why"):
        if getattr(found, key) != getattr(base, key):
            root = put(root, (key,), getattr(found, key) or None)
    root = put(root, ("seed",), str(found.seed))
    if found.duration_ms != base.duration_ms:
        root = put(root, ("duration",), units.format_duration_ms(found.duration_ms))
    root = _chargers(root, base, found)
    kept = {circuit.name: circuit for circuit in found.circuits}
    for circuit in base.circuits:
        if circuit.name not in kept:
            root = put(root, ("circuits", circuit.name), None)
        elif kept[circuit.name] != circuit:
            root = put(root, ("circuits", circuit.name, "members"), list(kept[circuit.name].members))
            root = put(root, ("circuits", circuit.name, "capacity"), units.format_current(kept[circuit.name].capacity_ma))
    if base.circuits and not kept:
        root = put(root, ("circuits",), None)
    return put(root, ("plan",), [step(each) for each in found.plan])


def _chargers(root: Node, base: Scenario, found: Scenario) -> Node:
    kept = {entry.name: entry for entry in found.chargers}
    for entry in base.chargers:
        if entry.name not in kept:
            root = put(root, ("chargers", entry.name), None)
    changed = {entry.name: dict(_changed(entry, kept[entry.name])) for entry in base.chargers if entry.name in kept}
    for key in dict.fromkeys(key for values in changed.values() for key in values):
        root = _spelled_out(root, key)
    for name, values in changed.items():
        for key, value in values.items():
            root = put(root, ("chargers", name, key), value)
    return root


def _spelled_out(root: Node, key: str) -> Node:
    """The tree in which each charger itself says what it had from ``defaults`` under a key: only there can it be taken away."""
    default = root.at("defaults").get(key)
    if default is None:
        return root
    for name, (_, entry) in root.at("chargers").entries.items():
        own = entry.get(key)
        root = put(root, ("chargers", name, key), default if own is None else merge(default, own))
    return put(root, ("defaults", key), None)


def in_effect(scenario: Scenario) -> Scenario:
    """A scenario as far as its run follows from it: whatever it is called, without models that nothing uses, without prices after its end,
    and wherever the steps of its plan stand. A file that is written is right where it is read back as the same in effect."""
    used = {name: {getattr(entry, name) for entry in scenario.chargers} for name in ("network", "model", "car", "tariff", "driver")}
    tariffs = {
        name: replace(tariff, periods=tuple(period for period in tariff.periods if period.start_ms <= scenario.duration_ms))
        for name, tariff in scenario.tariffs.items() if name in used["tariff"]
    }  # fmt: skip
    return replace(
        scenario, title="", why="", plan=tuple(replace(step, line=0) for step in scenario.plan), tariffs=tariffs,
        networks={name: model for name, model in scenario.networks.items() if name in used["network"]},
        models={name: model for name, model in scenario.models.items() if name in used["model"]},
        vehicles={name: model for name, model in scenario.vehicles.items() if name in used["car"]},
        drivers={name: model for name, model in scenario.drivers.items() if name in used["driver"]},
    )  # fmt: skip


def _changed(before: Chargers, now: Chargers) -> Iterator[tuple[str, Any]]:
    """What is written of an entry otherwise than before; None: it is not written any more."""
    if now.count != before.count:
        yield "count", str(now.count) if now.count else None
    if now.driver != before.driver:
        yield "driver", now.driver or None
    if now.sessions != before.sessions:
        one = len(now.sessions) == 1
        yield "session", session(now.sessions[0]) if one else None
        yield "sessions", [session(each) for each in now.sessions] if now.sessions and not one else None
    if now.tou != before.tou:
        yield "tou", "off" if now.tou is None else {"charge_in": list(now.tou.charge_in), **({} if now.tou.on else {"on": "false"})}
    if now.settings != before.settings:
        yield "settings", _settings(now.settings) or None
    if now.tag != before.tag:
        yield "tag", now.tag or None
    for key, usual in (("tag_listed", True), ("tag_barred", False)):
        if getattr(now, key) != getattr(before, key):
            yield key, None if getattr(now, key) == usual else str(not usual).lower()
    if now.tag_revoked_ms != before.tag_revoked_ms:
        yield "tag_revoked", None if now.tag_revoked_ms is None else f"+{units.format_duration_ms(now.tag_revoked_ms)}"


def with_named_models(root: Node) -> Node:
    """The tree with each charger model that is a file, or that is changed in place, entered in ``models`` under a name of its own: there it
    can be changed further."""
    chargers = root.get("chargers")
    places = [("defaults", "model"), *(("chargers", name, "model") for name in (chargers.entries if chargers is not None else ()))]
    names: dict[str, str] = {}
    for place in places:
        above = root.at(*place[:-1])
        reference = above.get("model") if above.kind == "map" else None
        if reference is None or (reference.kind == "scalar" and not is_path(reference.text)):
            continue
        same = reference.text or ".".join(place)
        if same not in names:
            names[same] = _free_name(root, model_name(reference, place[-2]).replace("@", "-"))
            changes = reference if reference.kind == "map" else {"extends": reference}
            root = put(root, ("models", names[same]), changes)
        root = put(root, place, names[same])
    return root


def _free_name(root: Node, wanted: str) -> str:
    """A name for a charger model that no other has."""
    models = root.get("models")
    taken = {*shipped.model_names("charger"), *(models.entries if models is not None else ())}
    return next(name for number in itertools.count(1) if (name := wanted if number == 1 else f"{wanted}-{number}") not in taken)


def moved(root: Node, before: Path, after: Path) -> Node:
    """The tree as it is to be in a file of another folder: what it names relative to its own is named relative to that one. What stands in
    no file, such as an override, names files relative to the current folder."""
    if root.kind == "map":
        moves = {key: _moved_file if key in _NAME_FILES and below.kind == "scalar" else moved for key, (_, below) in root.entries.items()}
        return replace(root, entries={key: (node_, moves[key](below, before, after)) for key, (node_, below) in root.entries.items()})
    return replace(root, items=[moved(item, before, after) for item in root.items]) if root.kind == "list" else root


def _moved_file(name: Node, before: Path, after: Path) -> Node:
    if not is_path(name.text) or os.path.isabs(name.text):
        return name
    return replace(name, text=Path(os.path.relpath((before if name.line else Path()) / name.text, after)).as_posix())


def text_moved(content: str, before: Path, after: Path) -> str:
    """What :func:`text` gave for a file in one folder, for a file in another."""
    comment = [line[2:] for line in content.splitlines() if line.startswith("#")]
    return text(moved(read_text(content, ""), before, after), comment=comment)


# From trees to text.


def text(root: Node, *, comment: Sequence[str] = ()) -> str:
    """The tree as a file, below a comment: a line for each key, in the order in which the format tells of them."""
    lines = [f"# {_in_one_line(line)}".rstrip() for line in comment]
    order = [field.key for field in SCENARIO.fields]
    for key, (_, value) in sorted(root.entries.items(), key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order)):
        lines += _lines(key, value, 0)
    return "\n".join(lines) + "\n"


def _in_one_line(words: str) -> str:
    """A text whose line breaks, and whatever else cannot be shown, are escaped: what a file's name holds is no line of the file."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in words)


def _lines(key: str, value: Node, depth: int) -> list[str]:
    begins = f"{'  ' * depth}{_quoted(key)}:"
    if value.kind == "scalar" and key == "why" and len(value.text) > WIDE and value.text.isprintable():
        return [f"{begins} >", *_folded(value.text, depth + 1)]
    flow = f"{begins} {_flow(value)}"
    is_block = key in _BLOCKS and value.kind != "scalar" and (value.entries or value.items)
    if value.kind == "scalar" or (not is_block and len(flow) <= WIDE) or not (value.entries or value.items):
        return [flow]
    if value.kind == "list":
        return [begins, *(f"{'  ' * (depth + 1)}- {_flow(item)}" for item in value.items)]
    return [begins, *(line for name, (_, below) in value.entries.items() for line in _lines(name, below, depth + 1))]


def _folded(words: str, depth: int) -> list[str]:
    import textwrap

    indent = "  " * depth
    return textwrap.wrap(words, WIDE, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _flow(value: Node) -> str:
    if value.kind == "list":
        return f"[{', '.join(_flow(item) for item in value.items)}]"
    if value.kind == "map":
        return "{" + ", ".join(f"{_quoted(key)}: {_flow(below)}" for key, (_, below) in value.entries.items()) + "}"
    return "" if value.is_null and not value.text else _quoted(value.text, plain=value.plain)


def _quoted(value: str, *, plain: bool = True) -> str:
    """A text as YAML has it on one line."""
    fits = _PLAIN.fullmatch(value) and ": " not in value and not value.startswith("- ") and value not in {"~", "null", "-"}
    if fits or (plain and value in {"~", "null"}):
        return value
    import json

    return json.dumps(value, ensure_ascii=False)  # YAML reads JSON's texts as JSON does
