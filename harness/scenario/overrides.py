"""Overrides of a file, as ``--set path.to.key=value`` gives them: each changes the file's tree before anything is read from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from harness.scenario.nodes import Node, read_text
from harness.scenario.problems import Problem, ScenarioError, listed, nearest
from harness.shipped import model_names

MODEL_KEYS = ("model", "server", "network", "car", "tariff", "driver")
"""Keys whose value names a model; an override below such a name changes a copy of that model."""


def override(root: Node, text: str, number: int) -> Node:
    """The tree with one override ``path.to.key=value`` applied; ``number`` counts them for messages.

    The value is YAML. A path goes through maps by key and through lists by ``id``, by ``name`` or by place from 1; maps that are
    missing on the way are made, and going below the name of a model changes a copy of that model, also where a charger has it from
    ``defaults``. A charger, circuit or model that does not exist is only made where it is given whole. Raises :class:`ScenarioError`.
    """
    return _Override(root, text, number).applied()


def overridden(root: Node, texts: Sequence[str]) -> Node:
    """The tree with overrides applied, one after the other. Raises :class:`ScenarioError`."""
    for number, text in enumerate(texts, start=1):
        root = override(root, text, number)
    return root


def without(root: Node, step: str, keys: Collection[str]) -> Node:
    """The tree with these keys of a step of its plan left out; the step is named as in an override, and is there."""
    key, plan = root.entries["plan"]
    place = _place(plan, step)
    assert place is not None
    kept = {name: pair for name, pair in plan.items[place].entries.items() if name not in keys}
    items = [replace(item, entries=kept) if number == place else item for number, item in enumerate(plan.items)]
    return replace(root, entries={**root.entries, "plan": (key, replace(plan, items=items))})


def says_any(node: Node, beginnings: tuple[str, ...]) -> bool:
    """Whether a text in the tree begins with one of these."""
    below = (*node.items, *(value for _, value in node.entries.values()))
    return node.text.startswith(beginnings) or any(says_any(each, beginnings) for each in below)


class _Override:
    """One override of a file."""

    def __init__(self, root: Node, text: str, number: int) -> None:
        self.root = root
        self.where = f"--set #{number}"
        path, equals, value_text = text.partition("=")
        self.path = path.strip()
        self.keys = self.path.split(".")
        if not equals or not all(self.keys):
            raise self._refusal("not an override", found=f"`{text}`", expected="`path.to.key=value`")
        try:
            self.value = _relocated(read_text(value_text.strip() or "null", self.where), self.where)
        except ScenarioError as error:
            raise ScenarioError(replace(problem, line=0, column=0) for problem in error.problems) from None

    def applied(self) -> Node:
        """The whole tree, changed."""
        return self._change(self.root, 0)

    def _refusal(self, message: str, *, found: str = "", expected: str = "", suggestion: str = "") -> ScenarioError:
        problem = Problem(file=self.where, line=0, column=0, message=message, found=found, expected=expected, suggestion=suggestion)
        return ScenarioError([problem])

    def _change(self, node: Node, depth: int) -> Node:
        """The node at this depth of the path, with what lies further down the path changed."""
        if depth == len(self.keys):
            return self.value
        if node.kind == "list":
            return self._change_item(node, depth)
        key = self.keys[depth]
        if node.kind == "scalar" and not node.is_null:
            above = ".".join(self.keys[:depth])
            if self.keys[depth - 1] not in MODEL_KEYS:
                raise self._refusal(f"`{above}` is {node.shown} and has nothing below it", found=f"`{self.path}`")
            node = replace(node, kind="map", text="", entries={"extends": (node, node)})
        elif node.kind == "scalar":
            node = Node("map", self.where, 0, 0)
        pair = node.entries.get(key)
        if pair is None and depth == 1 and len(self.keys) > 2:
            self._refuse_unknown(node, key)
        if pair is None and depth == 2 and self.keys[0] == "chargers" and key in MODEL_KEYS and len(self.keys) > 3:
            pair = self._inherited(key)
        key_node, below = pair or (Node("scalar", self.where, 0, 0, text=key), Node("scalar", self.where, 0, 0))
        return replace(node, entries={**node.entries, key: (key_node, self._change(below, depth + 1))})

    def _change_item(self, node: Node, depth: int) -> Node:
        key = self.keys[depth]
        place = _place(node, key)
        if place is None:
            names = [name.text for item in node.items if (name := item.get("id") or item.get("name"))]
            raise self._refusal(
                f"no `{key}` in the list `{'.'.join(self.keys[:depth])}`",
                expected=f"an id in it or a place from 1 to {len(node.items)}", suggestion=nearest(key, names),
            )  # fmt: skip
        items = list(node.items)
        items[place] = self._change(items[place], depth + 1)
        return replace(node, items=items)

    def _inherited(self, key: str) -> tuple[Node, Node] | None:
        """What a charger that names no model of its own takes from ``defaults``, or its network from the scenario."""
        defaults = self.root.get("defaults")
        return (defaults.entries.get(key) if defaults else None) or self.root.entries.get(key)

    def _refuse_unknown(self, node: Node, key: str) -> None:
        """A misspelt name must not quietly make another charger, circuit or model."""
        family = self.keys[0]
        if family in {"chargers", "circuits"}:
            raise self._refusal(
                f"no `{key}` in `{family}`", found=f"`{self.path}`",
                expected=f"{listed(node.entries)}; a new one is given whole, as `{family}.{key}={{…}}`",
                suggestion=nearest(key, node.entries),
            )  # fmt: skip
        names = [*node.entries, *model_names("charger")]
        if family == "models" and key not in names and self.keys[2] != "extends":
            raise self._refusal(
                "no such charger model", found=f"`{key}`",
                expected=f"one of {listed(names)}; a new one begins with `models.{key}.extends=NAME`", suggestion=nearest(key, names),
            )  # fmt: skip


def _place(node: Node, key: str) -> int | None:
    """Which item of a list a path names: by its id, its name, or its place from 1 (also as ``step-3``, a step's default id)."""
    for place, item in enumerate(node.items):
        name = item.get("id") or item.get("name")
        if name is not None and name.text == key:
            return place
    digits = key.removeprefix("step-")
    place = int(digits) - 1 if digits.isdecimal() and len(digits) < 10 else -1
    if not 0 <= place < len(node.items) or (key != digits and node.items[place].get("id")):
        return None
    return place


def _relocated(node: Node, file: str) -> Node:
    """The same tree without positions: an override has none in a file."""
    return replace(
        node, file=file, line=0, column=0,
        items=[_relocated(item, file) for item in node.items],
        entries={key: (_relocated(name, file), _relocated(value, file)) for key, (name, value) in node.entries.items()},
    )  # fmt: skip
