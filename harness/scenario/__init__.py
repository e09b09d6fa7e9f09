"""Scenario and model files: reading them into values, with every error positioned and all of them at once.

:func:`load` reads a file, or a shipped scenario by name; :func:`loads` reads a text. What a file says is overruled by ``overrides`` in
their order (``--set``), and those by ``seed``. :func:`lint` gives errors and warnings without raising, :func:`schema` is the JSON Schema of
scenario, model, target and bench files, :func:`new` a commented text to start from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.scenario.problems import Problem, ScenarioError

if TYPE_CHECKING:
    from harness.scenario.nodes import Node
    from harness.scenario.resolve import Resolution
    from harness.values import Scenario


def load(source: str | Path, *, overrides: Sequence[str] = (), seed: int | None = None) -> Scenario:
    """Read a scenario: ``source`` is the path of a file, or the name of a shipped scenario.

    Each of ``overrides`` is ``path.to.key=value``, its value in YAML, applied to the file in order; a later one wins, and ``seed`` wins
    over all. Raises :class:`ScenarioError` with everything that is wrong.
    """
    path, shown = find(source)
    from harness.scenario.nodes import read_file

    return _resolve(read_file(path, shown), path.stem, path.parent, overrides, seed)


def loads(text: str, name: str, *, overrides: Sequence[str] = (), seed: int | None = None, folder: Path | None = None) -> Scenario:
    """Read a scenario from a text, as :func:`load` does; ``name`` is the scenario's, and paths in it are relative to ``folder``."""
    from harness.scenario.nodes import read_text

    return _resolve(read_text(text, f"{name}.yaml"), name, folder or Path(), overrides, seed)


def variants(
    source: str | Path,
    changes: Iterable[Sequence[str]],
    *,
    overrides: Sequence[str] = (),
    freed: Mapping[str, Collection[str]] | None = None,
) -> Iterator[Scenario | ScenarioError]:
    """Read a scenario once, and give it as each of ``changes`` makes it: further overrides; or what is wrong with it then.

    ``freed`` names keys of steps of the plan, by step id, that are left out before, such as an ``until`` where ``for`` is to be changed.
    Raises :class:`ScenarioError` where the file cannot be read or one of ``overrides`` cannot be applied.
    """
    from harness.scenario.overrides import without

    path, _ = find(source)
    root = tree(source, overrides)
    for step, keys in (freed or {}).items():
        root = without(root, step, keys)
    for texts in changes:
        try:
            yield _resolve(root, path.stem, path.parent, texts, None)
        except ScenarioError as error:
            yield error


def is_referred_to(source: str | Path, step: str, overrides: Sequence[str] = ()) -> bool:
    """Whether anything in a scenario is told relative to a step of its plan, such as ``upgrade.end + 10 min``.

    Raises :class:`ScenarioError` as :func:`variants` does.
    """
    from harness.scenario.overrides import says_any

    return says_any(tree(source, overrides), tuple(f"{step}.{edge}" for edge in ("start", "end", "recovered")))


def lint(path: str | Path) -> list[Problem]:
    """All that is wrong with a scenario, model, target or bench file, and doubtful (``severity`` ``warn``), in the order of the file."""
    from harness.scenario.linting import lint_file

    try:
        return lint_file(*find(path))
    except ScenarioError as error:
        return error.problems


def doubts(source: str | Path, overrides: Sequence[str] = (), seed: int | None = None) -> list[Problem]:
    """What lint would warn about in the scenario that :func:`load` gives for the same arguments; empty where it cannot be loaded.

    It takes about as long as loading, a few milliseconds.
    """
    try:
        path, shown = find(source)
        from harness.scenario.linting import warn
        from harness.scenario.nodes import read_file

        resolution = _resolution(read_file(path, shown), path.stem, path.parent, overrides)
    except ScenarioError:
        return []
    warn(resolution, seeded=seed is not None)
    return [problem for problem in resolution.problems.in_order() if problem.severity == "warn"]


def schema(kind: Literal["scenario", "model", "target", "bench"]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of scenario, model, target or bench files, with the texts that editors show."""
    from harness.scenario.jsonschema import json_schema

    return json_schema(kind)


def new(kind: Literal["scenario", "model", "target", "bench"], name: str) -> str:
    """A commented file to start from: a scenario that runs, a charger model that it could use, or what tells of a server of your own, or of
    a bench with your own chargers.

    Raises ValueError for a bad name.
    """
    from harness.scenario.beginnings import beginning

    return beginning(kind, name)


def find(source: str | Path) -> tuple[Path, str]:
    """The file that a path or a shipped scenario's name stands for, and how messages name it. Raises :class:`ScenarioError`."""
    path = Path(source)
    if path.is_file():
        if any("\ud800" <= sign <= "\udfff" for sign in path.name):  # which the scenario is called by
            raise ScenarioError([Problem(file=ascii(path.as_posix()), line=0, column=0, message="the file's name is not UTF-8")])
        return path, path.as_posix()
    from harness import shipped

    named = shipped.scenario_path(str(source))
    if named is not None:
        return named, named.relative_to(shipped.content_dir()).as_posix()
    from harness.scenario.problems import nearest

    what = "is a folder" if path.is_dir() else "no such file, and no shipped scenario of that name"
    known = [*shipped.scenario_names(), *shipped.scenario_names(shipped.LIVE)]
    raise ScenarioError([Problem(file=str(source), line=0, column=0, message=what, suggestion=nearest(str(source), known))])


def tree(source: str | Path, overrides: Sequence[str] = ()) -> Node:
    """The tree of a scenario's file, with overrides. Raises :class:`ScenarioError` as :func:`variants` does."""
    path, shown = find(source)
    from harness.scenario.nodes import read_file
    from harness.scenario.overrides import overridden

    return overridden(read_file(path, shown), overrides)


def _resolution(root: Node, name: str, folder: Path, overrides: Sequence[str]) -> Resolution:
    from harness.scenario.models import refuse_model
    from harness.scenario.overrides import overridden
    from harness.scenario.resolve import Resolution

    refuse_model(root)
    return Resolution(overridden(root, overrides), name, folder)


def _resolve(root: Node, name: str, folder: Path, overrides: Sequence[str], seed: int | None) -> Scenario:
    from harness.scenario.layout import MOST_SEED

    if seed is not None and not 0 <= seed <= MOST_SEED:
        raise ScenarioError(
            [Problem(file="--seed", line=0, column=0, message="`seed` is not right", found=f"`{seed}`",
                     expected=f"a whole number from 0 to {MOST_SEED}")]
        )  # fmt: skip
    resolution = _resolution(root, name, folder, overrides)
    if resolution.scenario is None:
        raise ScenarioError(resolution.problems.in_order())
    if seed is None:
        return resolution.scenario
    from msgspec.structs import replace

    return replace(resolution.scenario, seed=seed)


__all__ = ["Problem", "ScenarioError", "doubts", "find", "is_referred_to", "lint", "load", "loads", "new", "schema", "tree", "variants"]
