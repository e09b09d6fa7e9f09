"""The shipped models, read once for all tests of the content."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from harness import shipped
from harness.scenario.models import Library
from harness.scenario.nodes import Node
from harness.scenario.problems import Problems

MODELS = [(kind, name) for kind in shipped.FOLDERS for name in shipped.model_names(kind)]


def file_of(kind: str, name: str) -> Path:
    path = shipped.model_path(kind, name)  # type: ignore[arg-type]
    assert path is not None
    return path


@cache
def whole(kind: str, name: str) -> tuple[Node, Any]:
    """The model's tree with what it extends merged in, and its value."""
    problems = Problems()
    library = Library(problems)
    tree = library.tree(kind, Node("scalar", "a test", 1, 1, text=name))  # type: ignore[arg-type]
    value = None if tree is None else library.value(kind, tree, name)  # type: ignore[arg-type]
    assert problems.found == []
    assert tree is not None
    return tree, value
