"""All that has a name, for ``harness list`` and ``harness explain``: what each is, and who says so."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct

from harness import shipped
from harness.check.catalogue import EXPLANATIONS, NAMES
from harness.check.metrics import METRICS
from harness.check.result import BEHAVIOURS
from harness.fault import KINDS, Argument, Kind
from harness.fault.mutants import MUTANTS, Mutant
from harness.fault.quirks import CHARGER_QUIRKS, SERVER_QUIRKS
from harness.glossary import MEMORY_EVENTS, WORDS
from harness.scenario.models import Library, is_path
from harness.scenario.nodes import Node, read_file
from harness.scenario.problems import Problem, Problems, ScenarioError
from harness.units import format_current, format_duration_ms, format_energy
from harness.values import ChargerModel, DriverModel, NetworkModel, ServerModel, VehicleModel

_LABEL = re.compile(r" *[\w.-]+( bound)?: |  [\w.-]+ \([^)]*\): ")
"""How a line begins that says what something is: ``When: ``, ``  link.keepalive: ``, ``  delay (duration, required): ``."""
_ENDS = {
    "must": "It needs `for`, `until` or `times`.",
    "may": "It lasts `for` or `until`, or else to the end of the run.",
    "never": "It does not end.",
    "instant": "It is an instant.",
}
_AIMS = {
    "server": "It concerns the server.",
    "chargers": "It concerns the chargers named in `to`, or all.",
    "one": "It concerns the chargers that `to` must name.",
}
_OVER = {
    "": "",
    "udp": "Only those feel it that speak over datagrams.",
    "websocket": "Only those feel it that hold a connection.",
}


def groups() -> dict[str, Callable[[], Mapping[str, str]]]:
    """What can be listed: group → a function that gives its names, each with a line about it."""
    return {
        "scenarios": _scenarios,
        "models": _models,
        "checks": lambda: NAMES,
        "metrics": lambda: {name: metric.doc for name, metric in METRICS.items()},
        "faults": lambda: {name: kind.doc for name, kind in KINDS.items()},
        "quirks": lambda: CHARGER_QUIRKS | SERVER_QUIRKS,
        "mutants": lambda: {name: mutant.says for name, mutant in MUTANTS.items()},
        "words": lambda: WORDS,
    }


def all_names() -> list[str]:
    """Every name that :func:`explain` knows."""
    listed = (name for group in groups().values() for name in group())
    return [*groups(), *listed, *BEHAVIOURS, *MEMORY_EVENTS, *(path.rpartition(".")[2] for path in _vocabulary())]


def explain(name: str, *, width: int = 100) -> str | None:
    """What ``name`` means, in lines of at most ``width`` characters; None where nothing is called so.

    ``name`` may be the path of a scenario or model file. Raises :class:`ScenarioError` for a file that cannot be read.
    """
    lines = _file(name) if is_path(name) and not shipped.scenario_path(name) else _explained(name)
    return None if lines is None else "\n".join(folded for line in lines for folded in _fold(line, width))


def _explained(name: str) -> Iterator[str] | None:
    if name in groups():
        return (f"{entry}: {text}" for entry, text in groups()[name]().items())
    if name in NAMES:
        return _check(name)
    if name in METRICS:
        return _metric(name)
    if name in KINDS:
        return _kind(KINDS[name])
    for of, quirks in (("chargers", CHARGER_QUIRKS), ("servers", SERVER_QUIRKS)):
        if name in quirks:
            return iter((f"{name}: a known wrong behaviour of {of}", "", quirks[name]))
    if name in MUTANTS:
        return _mutant(MUTANTS[name])
    if path := shipped.scenario_path(name):
        return _scenario(name, read_file(path, path.name))
    for kind in get_args(shipped.ModelKind):
        if shipped.model_path(kind, name):
            return _model(kind, name, name)
    for behaviour in BEHAVIOURS:
        if name.lower() == behaviour.lower():
            return _behaviour(behaviour)
    if name in WORDS:
        return iter((f"{name}: a word of reports and scenarios", "", WORDS[name]))
    return _word(name)


def _file(name: str) -> Iterator[str]:
    """A scenario or a model by its path."""
    path = Path(name)
    tree = read_file(path, name)
    if tree.get("kind") is None:
        return _scenario(name, tree)
    kind = _text(tree, "kind")
    if kind not in get_args(shipped.ModelKind):
        raise ScenarioError([Problem(file=name, line=1, column=1, message=f"no such kind of model: `{kind}`")])
    return _model(cast(shipped.ModelKind, kind), name if path.is_absolute() else f"./{path}", name)


def _fold(line: str, width: int) -> list[str]:
    """A line, broken to the width with its own indentation; what belongs to a label hangs below it."""
    indent = line[: len(line) - len(line.lstrip())]
    if _LABEL.match(line):
        indent += "  "
    return textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False) or [""]


def _scenarios() -> dict[str, str]:
    found = {}
    for name in (*shipped.scenario_names(), *shipped.scenario_names(shipped.LIVE)):
        path = shipped.scenario_path(name)
        assert path is not None
        found[name] = _text(read_file(path, path.name), "title")
    return found


def _models() -> dict[str, str]:
    return {
        name: f"{kind}: {_text(tree, 'title') or name}"
        for kind in get_args(shipped.ModelKind)
        for name in shipped.model_names(kind)
        if (tree := _tree(kind, name)) is not None
    }


def _behaviour(name: str) -> Iterator[str]:
    yield f"{name}: one of the four behaviours that every report shows first; not every maker promises it"
    yield ""
    yield "It is as its checks are:"
    for check in BEHAVIOURS[name]:
        yield f"  {check}"
        yield f"    {NAMES[check]}"
    yield ""
    yield f"See: harness explain {BEHAVIOURS[name][0]}"


def _check(name: str) -> Iterator[str]:
    yield f"{name}: a check"
    yield ""
    yield NAMES[name]
    yield ""
    meaning = EXPLANATIONS[name]
    for label, text in (
        ("When", meaning.trigger), ("Then", meaning.follows), ("Evidence", meaning.evidence), ("Default bound", meaning.bound),
        ("Source", meaning.source),
    ):  # fmt: skip
        yield f"{label}: {text}"
    shown = [behaviour for behaviour, checks in BEHAVIOURS.items() if name in checks]
    yield from (f"Judges the behaviour: {behaviour}" for behaviour in shown)
    promises = [(model, entry) for model, entry in _clauses() if name in entry.entries]
    if promises:
        yield ""
        yield "Promised by:"
    for model, contract in promises:
        clause = contract.get(name)
        assert clause is not None
        yield f"  {model}"
        yield f"    {_claim(clause)}"
        if (assumes := clause.get("assumes")) is not None:
            yield "    not under " + ", ".join(item.text.removeprefix("no ") for item in assumes.items)


def _metric(name: str) -> Iterator[str]:
    metric = METRICS[name]
    yield f"{name}: a metric, in {metric.unit}"
    yield ""
    yield metric.doc
    yield f"It is worse the {metric.worse} it is."
    if metric.difference:
        yield "Its value is the run's figure less the twin's: the same run without its faults."
    if metric.per_driver:
        yield "A limit on it may be `per: driver`."


def _kind(kind: Kind) -> Iterator[str]:
    yield f"{kind.name}: a {'human action' if kind.action else 'fault'}"
    yield ""
    yield " ".join(filter(None, [kind.doc, _AIMS[kind.aims], _ENDS[kind.ends], _OVER[kind.over]]))
    if kind.arguments:
        yield ""
        yield "with:"
    for argument in kind.arguments:
        yield " " * 2 + f"{argument.name} ({argument.unit}, {_default(argument)}): {argument.doc}"
    yield ""
    yield f"Live (`harness run --live`) it is carried by: {kind.live}." if kind.live else "It cannot be carried live."
    if kind.source:
        yield f"Source: {kind.source}"


def _mutant(mutant: Mutant) -> Iterator[str]:
    yield f"{mutant.name}: a known wrong behaviour of {mutant.of}s, which `harness mutants` plants"
    yield ""
    yield mutant.says
    what = f"that says `{mutant.value or '[]'}`"
    if mutant.adds or mutant.removes:
        what = f"with `{mutant.adds}`" if mutant.adds else f"without `{mutant.removes}`"
    yield f"It is no quirk, but a model's `{mutant.path}` {what}."


def _default(argument: Argument) -> str:
    if argument.required:
        return "required"
    value = argument.default
    if isinstance(value, bool):
        return f"{'yes' if value else 'no'} by default"
    if isinstance(value, int):
        show = {"duration": format_duration_ms, "signed duration": format_duration_ms, "current": format_current, "energy": format_energy}
        return f"{show.get(argument.unit, str)(value)} by default"
    return f"{value} by default" if value else "optional"


def _scenario(name: str, tree: Node) -> Iterator[str]:
    yield f"{name}: a scenario; {_text(tree, 'title')}"
    yield ""
    yield _text(tree, "why")
    yield ""
    yield f"Run it: harness run {name}"
    if name.startswith(f"{shipped.LIVE}/"):
        yield f"Run it against your server: harness run {name} --live --target FILE"


def _model(kind: shipped.ModelKind, name: str, shown: str) -> Iterator[str]:
    tree = _tree(kind, name)
    assert tree is not None
    yield f"{shown}: a model of a {kind}; {_text(tree, 'title') or shown}"
    contract = tree.get("contract")
    if contract is not None and contract.entries:
        yield from ("", "It promises:")
        for entry, (_, clause) in contract.entries.items():
            yield f"  {entry}"
            yield f"    {_claim(clause)}"
    claims = tree.get("claims")
    if claims is not None and claims.entries:
        yield from ("", "Its values, and where they come from:")
        for path, (_, claim) in claims.entries.items():
            yield f"  {path}: {_shown(_at(tree, path))} — {_claim(claim)}"


def _at(tree: Node, path: str) -> Node | None:
    """The value under a dotted path; None where there is none."""
    found: Node | None = tree
    for key in path.split("."):
        found = found.get(key) if found is not None else None
    return found


def _shown(node: Node | None) -> str:
    """A value as it would be written in one line of a file."""
    if node is None:
        return "not given"
    if node.kind == "list":
        return f"[{', '.join(map(_shown, node.items))}]"
    if node.kind == "map":
        return f"{{{', '.join(f'{key}: {_shown(value)}' for key, (_, value) in node.entries.items())}}}"
    return " ".join(node.text.split())


def _tree(kind: shipped.ModelKind, name: str) -> Node | None:
    """The file of a shipped model with all that it extends. Raises :class:`ScenarioError` where it is broken."""
    problems = Problems()
    tree = Library(problems).tree(kind, Node("scalar", "", 0, 0, text=name))
    if problems.any:
        raise ScenarioError(problems.in_order())
    return tree


def _clauses() -> Iterator[tuple[str, Node]]:
    """The contracts of all shipped chargers and servers."""
    kinds: tuple[shipped.ModelKind, ...] = ("charger", "server")
    for kind in kinds:
        for name in shipped.model_names(kind):
            tree = _tree(kind, name)
            contract = tree.get("contract") if tree else None
            if contract is not None:
                yield name, contract


def _claim(node: Node) -> str:
    source, assumption = _text(node, "source"), _text(node, "assumption")
    return "; ".join(filter(None, (source, f"assumption: {assumption}" if assumption else ""))) or "no source given"


def _text(node: Node, key: str) -> str:
    value = node.get(key)
    return " ".join(value.text.split()) if value is not None and value.kind == "scalar" else ""


_SUFFIXES = ("_permille", "_ms", "_ma", "_wh", "_min")
"""Units at the end of a resolved field's name, which files write behind the quantity."""


def _vocabulary() -> dict[str, str]:
    """The words of model files: ``kind: path`` → what it means, as editors show it."""
    forms: dict[str, type[Struct]] = {
        "charger": ChargerModel, "server": ServerModel, "network": NetworkModel, "vehicle": VehicleModel, "driver": DriverModel,
    }  # fmt: skip
    return {f"{kind}.{path}": text for kind, form in forms.items() for path, text in _fields(form)}


def _fields(form: type[Struct], above: str = "") -> Iterator[tuple[str, str]]:
    for name, hint in get_type_hints(form, include_extras=True).items():
        if get_origin(hint) is not Annotated:
            continue
        inner, *notes = get_args(hint)
        path = above + next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), name)
        yield path, next(note.description or "" for note in notes if isinstance(note, Meta))
        below: Any = inner
        if isinstance(below, type) and issubclass(below, Struct):
            yield from _fields(below, f"{path}.")


def _word(name: str) -> Iterator[str] | None:
    """A word of model files: a field by its path or the end of it, or an event that clears memory."""
    found = {path: text for path, text in _vocabulary().items() if path.endswith(f".{name}")}
    if not found and name not in MEMORY_EVENTS:
        return None
    return _told_word(name, found)


def _told_word(name: str, found: Mapping[str, str]) -> Iterator[str]:
    if name in MEMORY_EVENTS:
        yield f"{name}: an event that can clear a charger's memory"
        yield ""
        yield MEMORY_EVENTS[name]
    for path, text in found.items():
        kind, _, place = path.partition(".")
        yield f"{place}: in the file of a {kind}"
        yield f"  {text}"
        if place.startswith("memory."):
            yield "  It is cleared by the events that are listed for it: " + ", ".join(MEMORY_EVENTS) + "."
