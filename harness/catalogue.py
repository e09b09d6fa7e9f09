"""All that has a name, for ``harness list`` and ``harness explain``: what each is, and who says so."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import get_args

from harness import shipped
from harness.check.catalogue import NAMES
from harness.check.metrics import METRICS
from harness.fault import KINDS, Argument, Kind
from harness.fault.quirks import CHARGER_QUIRKS, SERVER_QUIRKS
from harness.scenario.models import Library
from harness.scenario.nodes import Node, read_file
from harness.scenario.problems import Problems, ScenarioError
from harness.units import format_current, format_duration_ms, format_energy

_WIDTH = 100
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


def groups() -> dict[str, Callable[[], Mapping[str, str]]]:
    """What can be listed: group → a function that gives its names, each with a line about it."""
    return {
        "scenarios": _scenarios,
        "models": _models,
        "checks": lambda: NAMES,
        "metrics": lambda: {name: metric.doc for name, metric in METRICS.items()},
        "faults": lambda: {name: kind.doc for name, kind in KINDS.items()},
        "quirks": lambda: CHARGER_QUIRKS | SERVER_QUIRKS,
    }


def all_names() -> list[str]:
    """Every name that :func:`explain` knows."""
    return [*groups(), *(name for group in groups().values() for name in group())]


def explain(name: str) -> str | None:
    """What ``name`` means, in some lines; None where nothing is called so."""
    if name in groups():
        return "\n".join(f"{entry}: {text}" for entry, text in groups()[name]().items())
    if name in NAMES:
        return "\n".join(_check(name))
    if name in METRICS:
        return "\n".join(_metric(name))
    if name in KINDS:
        return "\n".join(_kind(KINDS[name]))
    for of, quirks in (("chargers", CHARGER_QUIRKS), ("servers", SERVER_QUIRKS)):
        if name in quirks:
            return "\n".join([f"{name}: a known wrong behaviour of {of}", "", *_wrapped(quirks[name])])
    if path := shipped.scenario_path(name):
        return "\n".join(_scenario(name, read_file(path, path.name)))
    for kind in get_args(shipped.ModelKind):
        if shipped.model_path(kind, name):
            return "\n".join(_model(kind, name))
    return None


def _scenarios() -> dict[str, str]:
    found = {}
    for name in shipped.scenario_names():
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


def _check(name: str) -> Iterator[str]:
    yield f"{name}: a check"
    yield ""
    yield from _wrapped(NAMES[name])
    promises = [(model, entry) for model, entry in _clauses() if name in entry.entries]
    if promises:
        yield ""
        yield "Promised by:"
    for model, contract in promises:
        clause = contract.get(name)
        assert clause is not None
        yield f"  {model}"
        yield from _wrapped(_claim(clause), 4)
        if (assumes := clause.get("assumes")) is not None:
            yield from _wrapped("not under " + ", ".join(item.text.removeprefix("no ") for item in assumes.items), 4)


def _metric(name: str) -> Iterator[str]:
    metric = METRICS[name]
    yield f"{name}: a metric, in {metric.unit}"
    yield ""
    yield from _wrapped(metric.doc)
    if metric.difference:
        yield from _wrapped("Its value is the run's figure less the twin's: the same run without its faults.")
    if metric.per_driver:
        yield from _wrapped("A limit on it may be `per: driver`.")


def _kind(kind: Kind) -> Iterator[str]:
    yield f"{kind.name}: a {'human action' if kind.family == 'driver' else 'fault'}"
    yield ""
    yield from _wrapped(" ".join([kind.doc, _AIMS[kind.aims], _ENDS[kind.ends]]))
    if kind.arguments:
        yield ""
        yield "with:"
    for argument in kind.arguments:
        yield from _wrapped(f"{argument.name} ({argument.unit}, {_default(argument)}): {argument.doc}", 2)
    if kind.live:
        yield ""
        yield from _wrapped(f"Against real systems it is carried by: {kind.live}.")
    if kind.source:
        yield from _wrapped(f"Source: {kind.source}")


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
    yield from _wrapped(_text(tree, "why"))
    yield ""
    yield f"Run it: harness run {name}"


def _model(kind: shipped.ModelKind, name: str) -> Iterator[str]:
    tree = _tree(kind, name)
    assert tree is not None
    yield f"{name}: a model of a {kind}; {_text(tree, 'title') or name}"
    for heading, key in (("It promises:", "contract"), ("Where its values come from:", "claims")):
        part = tree.get(key)
        if part is None or not part.entries:
            continue
        yield ""
        yield heading
        for entry, (_, value) in part.entries.items():
            yield f"  {entry}"
            yield from _wrapped(_claim(value), 4)


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


def _wrapped(text: str, indent: int = 0) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent, break_on_hyphens=False)
