"""Finding and reading models: shipped ones by name, one's own by path, variants by ``extends``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness import shipped
from harness.scenario.forms import FAILED, NAME_FORM, Field, Record, Scalar, count_form, read, struct_form, words_form
from harness.scenario.nodes import Node, merge, read_file
from harness.scenario.problems import Problem, Problems, ScenarioError, listed, nearest
from harness.scenario.tariff import TARIFF, TariffRules, read_rules
from harness.shipped import ModelKind
from harness.units import UnitError, format_duration_ms
from harness.values import ChargerModel, Claim, DriverModel, NetworkModel, Quantiles, ServerModel, VehicleModel

FORMAT_VERSION = 1
STRUCTS: dict[ModelKind, type[Struct]] = {
    "charger": ChargerModel,
    "server": ServerModel,
    "network": NetworkModel,
    "vehicle": VehicleModel,
    "driver": DriverModel,
}
"""The struct of each kind of model; a tariff's is laid out over a run first."""

HEADER = ("harness", "kind", "extends")
"""Keys of a model file that are about the file, not the model."""

MOST_EXTENDS = 10


def _version(text: str) -> int:
    if text != str(FORMAT_VERSION):
        raise UnitError(text, f"`{FORMAT_VERSION}`, the version of the format that this program reads")
    return FORMAT_VERSION


VERSION = Scalar(_version, f"`{FORMAT_VERSION}`", {"const": FORMAT_VERSION})
VERSION_FIELD = Field("harness", VERSION, "The version of the file format.", True)


def model_form(kind: ModelKind) -> Record:
    """The form of a model of a kind, with the file's own keys ignored."""
    form = TARIFF if kind == "tariff" else struct_form(STRUCTS[kind])
    return replace(form, ignored=HEADER)


def file_fields(kind: ModelKind) -> tuple[Field, ...]:
    """The keys that a model file has besides the model's own."""
    return (
        VERSION_FIELD,
        Field("kind", words_form(kind), "What the file describes.", True),
        Field("extends", NAME_FORM, "Another model of this kind, by name or path, that this one starts from."),
    )


_trees: dict[str, tuple[tuple[int, int], Node]] = {}
"""Parsed model files of this process, by path, with the size and time of change of the file that was read."""


def model_tree(path: Path, shown: str) -> Node:
    """The tree of a model file, parsed once per process unless the file changes. Raises :class:`ScenarioError`."""
    try:
        status = path.stat()
    except OSError:
        return read_file(path, shown)
    stamp = (status.st_mtime_ns, status.st_size)
    known = _trees.get(str(path))
    if known is None or known[0] != stamp or known[1].file != shown:
        known = _trees[str(path)] = (stamp, read_file(path, shown))
    return known[1]


def is_path(text: str) -> bool:
    """Whether the name of a model is the path of a file."""
    return "/" in text or text.endswith((".yaml", ".yml"))


def is_model(root: Node) -> bool:
    """Whether a file describes a model: it states its ``kind``, which no scenario does."""
    return root.kind == "map" and "kind" in root.entries and "chargers" not in root.entries


def refuse_model(root: Node) -> None:
    """Raise :class:`ScenarioError` where a model's file stands in a scenario's place."""
    if not is_model(root):
        return
    kind = root.entries["kind"][1].text
    keys = {"charger": "model", "vehicle": "car"}
    known = kind in shipped.FOLDERS
    what, key = (f"a {kind} model", keys.get(kind, kind)) if known else ("a model", "model")
    message = f"this is {what}, not a scenario; name it in a scenario's `{key}:`"
    raise ScenarioError([Problem(file=root.file, line=root.line, column=root.column, message=message)])


class Library:
    """The models that one scenario uses; every problem with them is noted in ``problems``."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.patches: dict[str, Node] = {}
        """The scenario's ``models``: charger models by name, changed or new."""
        self.folders: dict[str, Path] = {}
        """Shown name of a file → its folder, against which it names paths."""
        self.used_patches: set[str] = set()
        self._broken: set[str] = set()

    def tree(self, kind: ModelKind, reference: Node) -> Node | None:
        """The whole tree of the model that ``reference`` (a name, a path, or a map with changes) stands for, or None with the
        problem noted."""
        return self._tree(kind, reference, [])

    def value(self, kind: ModelKind, tree: Node, name: str) -> Any:
        """The value in a whole tree, named ``name``; None with the problems noted."""
        before = len(self.problems.found)
        form = model_form(kind)
        if kind == "tariff":
            _claims(form, tree, self.problems)
            rules = read_rules(form, tree, name, self.problems)
            return rules if len(self.problems.found) == before else None
        named = replace(tree, entries={**tree.entries, "name": _name_entry(tree, name)})
        value = read(form, named, self.problems, name)
        claims = _claims(form, tree, self.problems)
        if value is FAILED or len(self.problems.found) > before:
            return None
        if claims:
            value = replace(value, claims=claims)
        _check_value(value, tree, self.problems)
        return value if len(self.problems.found) == before else None

    def _tree(self, kind: ModelKind, reference: Node, seen: list[str]) -> Node | None:
        if reference.kind == "scalar" and not reference.is_null:
            return self._named(kind, reference, seen)
        if reference.kind != "map":
            self.problems.add(reference, f"not a {kind} model", found=reference.shown, expected="a name, a path, or a map with `extends`")
            return None
        base = reference.get("extends")
        if base is None:
            return reference
        if base.kind != "scalar" or base.is_null:
            self.problems.add(base, "`extends` is not right", found=base.shown, expected=f"the name or the path of a {kind} model")
            return None
        below = self._named(kind, base, seen)
        if below is None:
            return None
        return merge(below, replace(reference, entries={k: v for k, v in reference.entries.items() if k != "extends"}))

    def _named(self, kind: ModelKind, node: Node, seen: list[str]) -> Node | None:
        name = node.text
        if name in seen:
            self.problems.add(node, "models extend each other in a circle", found=" → ".join(f"`{s}`" for s in [*seen, name]))
            return None
        if len(seen) >= MOST_EXTENDS:
            self.problems.add(node, "too many models extend one another", expected=f"at most {MOST_EXTENDS}, one after the other")
            return None
        if kind == "charger" and name in self.patches:
            return self._patched(name, node, seen)
        if is_path(name):
            return self._from_path(kind, node, [*seen, name])
        path = shipped.model_path(kind, name)
        if path is None:
            names = [*(self.patches if kind == "charger" else ()), *shipped.model_names(kind)]
            expected = f"one of {listed(names)}, or a path such as `./mine.yaml`"
            self.problems.add(node, f"no such {kind} model", found=node.shown, expected=expected, suggestion=nearest(name, names))
            return None
        return self._from_file(kind, path, path.relative_to(shipped.content_dir()).as_posix(), node, [*seen, name])

    def _patched(self, name: str, node: Node, seen: list[str]) -> Node | None:
        """A model that the scenario's ``models`` changes (no ``extends``, but a shipped model of that name) or defines."""
        patch = self.patches[name]
        self.used_patches.add(name)
        path = shipped.model_path("charger", name)
        if path is None or patch.get("extends") is not None:
            return self._tree("charger", patch, [*seen, name])
        below = self._from_file("charger", path, path.relative_to(shipped.content_dir()).as_posix(), node, [*seen, name])
        return None if below is None else merge(below, patch)

    def _from_path(self, kind: ModelKind, node: Node, seen: list[str]) -> Node | None:
        if not node.text.endswith((".yaml", ".yml")):
            self.problems.add(node, "not a model file", found=node.shown, expected="a path that ends in `.yaml`")
            return None
        path = self.folders.get(node.file, Path()) / node.text
        if not path.is_file():
            beside = "its path is relative to this file" if node.line else "its path is relative to the current folder"
            self.problems.add(node, "no such file", found=node.shown, expected=f"a {kind} model; {beside}")
            return None
        return self._from_file(kind, path, path.as_posix(), node, seen)

    def _from_file(self, kind: ModelKind, path: Path, shown: str, node: Node, seen: list[str]) -> Node | None:
        """The whole tree of a model file; its own problems are noted once, however often it is named."""
        try:
            tree = model_tree(path, shown)
        except ScenarioError as error:
            self._note(error.problems)
            return None
        self.folders[shown] = path.parent
        if not self._check_header(kind, tree, path):
            return None
        return self._tree(kind, tree, seen)

    def _note(self, problems: list[Problem]) -> None:
        for problem in problems:
            if problem not in self.problems.found:
                self.problems.found.append(problem)

    def _check_header(self, kind: ModelKind, tree: Node, path: Path) -> bool:
        """A model file says its version, its kind and its own name."""
        before = len(self.problems.found)
        if tree.file in self._broken:
            return False
        if tree.kind != "map":
            self.problems.add(tree, "not a model file", found=tree.shown, expected="a map that begins with `harness: 1`")
        elif "kind" not in tree.entries and "chargers" in tree.entries:
            self.problems.add(tree, f"this is a scenario, not a {kind} model", expected=f"a file with `kind: {kind}`")
        else:
            form = Record("a model file", (*file_fields(kind)[:2], Field("name", NAME_FORM, "The file's name without .yaml.", True)))
            header = {key: pair for key, pair in tree.entries.items() if form.field(key)}
            part = read(form, replace(tree, entries=header), self.problems, "model")
            name = part.get("name", path.stem)
            if name != path.stem:
                self.problems.add(tree.at("name"), "a model has the name of its file", found=f"`{name}`", expected=f"`{path.stem}`")
        if len(self.problems.found) > before:
            self._broken.add(tree.file)
            return False
        return True


def _name_entry(tree: Node, name: str) -> tuple[Node, Node]:
    node = replace(tree.at("name"), kind="scalar", text=name, plain=False, entries={}, items=[])
    return node, node


_CLAIM = struct_form(Claim)


def _claims(form: Record, tree: Node, problems: Problems) -> dict[str, Claim]:
    """The claims of a model: each is for a path that the form has, and gives a source or an assumption."""
    node = tree.get("claims")
    if node is None:
        return {}
    if node.kind != "map":
        problems.add(node, "`claims` is not right", found=node.shown, expected="a map from a path to `{source: …}` or `{assumption: …}`")
        return {}
    claims: dict[str, Claim] = {}
    for path, (key_node, value) in node.entries.items():
        _check_path(form, path, key_node, problems)
        claim = read(_CLAIM, value, problems, path)
        if claim is FAILED:
            continue
        if not claim.source and not claim.assumption:
            problems.add(value, f"the claim about `{path}` is empty", expected="`source` or `assumption`")
        claims[path] = claim
    return claims


def _check_path(form: Record, path: str, node: Node, problems: Problems) -> None:
    """A dotted path of keys that a model may have."""
    here: Any = form
    for key in path.split("."):
        if not isinstance(here, Record):
            return  # below a map or a list any name may stand
        candidate = here.field(key)
        if candidate is None:
            names = [f.key for f in here.fields]
            message = f"a claim about `{path}`, which is no part of a model"
            problems.add(node, message, expected=listed(names), suggestion=nearest(key, names))
            return
        here = candidate.form


_ABOVE_ZERO: dict[type, tuple[tuple[str, ...], ...]] = {
    ChargerModel: (
        ("ratings", "unit_rating_ma"), ("ratings", "wire_rating_ma"), ("link", "keepalive_ms"), ("link", "answer_timeout_ms"),
        ("link", "backoff", "wait_minimum_ms"), ("queue", "interval_ms"),
    ),
    VehicleModel: (("usable_wh",), ("ac_w",), ("minimum_ma",)),
}  # fmt: skip
"""Kind of model → its quantities that cannot be zero."""


def _check_value(value: Any, tree: Node, problems: Problems) -> None:
    """What the form cannot say: figures that contradict each other."""
    if isinstance(value, DriverModel):
        for key in ("arrival", "stay", "energy"):
            quantiles: Quantiles = getattr(value, {"arrival": "arrival_min", "stay": "stay_min", "energy": "energy_wh"}[key])
            row = [quantiles.p10, quantiles.p25, quantiles.p50, quantiles.p75, quantiles.p90]
            if row != sorted(row):
                problems.add(tree.at(key), f"the quantiles of `{key}` fall", expected="each at least the one before it")
    for path in _ABOVE_ZERO.get(type(value), ()):
        found = value
        for name in path:
            found = getattr(found, name)
        if found < 1:
            keys = [name.rpartition("_")[0] if name == path[-1] else name for name in path]
            node = tree.at(*keys)
            problems.add(node, f"`{keys[-1]}` is not right", found=node.shown, expected="more than nothing")
    if isinstance(value, ChargerModel):
        link = value.link
        if link.offline_after_ms <= link.keepalive_ms:
            problems.add(
                tree.at("link", "offline_after"), "a healthy link would be taken for a lost one",
                found=f"offline after {format_duration_ms(link.offline_after_ms)} of silence",
                expected=f"more than the keepalive, {format_duration_ms(link.keepalive_ms)}",
            )  # fmt: skip


__all__ = ["FORMAT_VERSION", "Library", "TariffRules", "count_form", "file_fields", "is_path", "model_form", "model_tree"]
