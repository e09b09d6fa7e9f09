"""A strict YAML reader: from text to a tree of nodes that know where they stand.

YAML is read by its events, so that nothing is interpreted behind a file's back: every plain scalar is kept as its text, and
the type of the field decides what it means. ``18:30`` is a clock time where one is expected and never 1110, ``no`` is a text and
never False, ``010`` is refused where a count is expected. What a scenario has no use for is refused, each with its place: tags,
anchors and aliases, merge keys, duplicate keys, keys that are not plain texts, several documents, tabs in indentation, files
over 1 MiB, nesting deeper than 20, and bytes that are not UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from harness.scenario.problems import Problem, Problems, ScenarioError

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
_TOO_DEEP = f"nested too deeply: expected at most {MAX_DEPTH} levels"
MAX_NODES = 100_000
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What escapes in quotes can smuggle in: control characters, changes of writing direction, halves of surrogate pairs."""

_HINTS = {
    "mapping values are not allowed": "a text that contains `: ` must stand in quotes",
    "could not find expected ':'": "a key is missing its `:`",
    "did not find expected key": "check the indentation and the brackets around here",
    "did not find expected ',' or '}'": "a `{` is not closed, or a `,` is missing",
    "did not find expected ',' or ']'": "a `[` is not closed, or a `,` is missing",
    "found character that cannot start any token": "a text that begins with a special character must stand in quotes",
    "found unexpected end of stream": "a quote is not closed",
}


class Node(Struct):
    """A piece of a file: a scalar with its ``text``, a list with its ``items``, or a map with its ``entries``.

    ``entries`` maps a key to (the key's own node, its value). ``line`` and ``column`` count from 1.
    """

    kind: Literal["scalar", "list", "map"]
    file: str
    line: int
    column: int
    text: str = ""
    plain: bool = True
    items: list[Node] = []
    entries: dict[str, tuple[Node, Node]] = {}

    @property
    def is_null(self) -> bool:
        """Nothing was written, or ``null``."""
        return self.kind == "scalar" and self.plain and self.text in {"", "~", "null"}

    @property
    def shown(self) -> str:
        """What stands here, for an error message."""
        if self.kind == "list":
            return "a list"
        if self.kind == "map":
            return "a map"
        if self.is_null:
            return "nothing"
        return f"`{self.text if len(self.text) <= 60 else self.text[:57] + '…'}`"

    def get(self, key: str) -> Node | None:
        """The value under a key of a map."""
        pair = self.entries.get(key)
        return pair[1] if pair else None

    def at(self, *path: str) -> Node:
        """The node under a path of keys, or the nearest one above it that exists: where to point in a message."""
        node = self
        for key in path:
            below = node.get(key)
            if below is None:
                break
            node = below
        return node


def read_file(path: Path, shown: str, *, times: int = 1) -> Node:
    """Read a YAML file into its tree; ``shown`` is how messages name the file. One that programs write may be so many ``times`` as large
    as one for people. Raises :class:`ScenarioError`."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_BYTES * times else b""
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise ScenarioError([Problem(file=shown, line=0, column=0, message=f"the file cannot be read: {reason}")]) from None
    if size > MAX_BYTES * times:
        problem = Problem(
            file=shown, line=1, column=1, message="the file is too large", found=f"{size} bytes", expected=f"at most {MAX_BYTES * times}"
        )
        raise ScenarioError([problem])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        problem = Problem(
            file=shown, line=line, column=column, message="the file is not UTF-8", found=f"the byte 0x{data[error.start]:02x}"
        )
        raise ScenarioError([problem]) from None
    return read_text(text, shown, times=times)


def read_text(text: str, shown: str, *, times: int = 1) -> Node:
    """Read YAML text into its tree; ``shown`` names it in messages, ``times`` is as for :func:`read_file`. Raises :class:`ScenarioError`
    with all that is wrong."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES * times:
        problem = Problem(file=shown, line=1, column=1, message="the text is too large", expected=f"at most {MAX_BYTES * times} bytes")
        raise ScenarioError([problem])
    return _Builder(text, shown, MAX_NODES * times).build()


def merge(base: Node, over: Node) -> Node:
    """``over`` laid over ``base``: maps are merged key by key, anything else replaces, null takes a key away."""
    if base.kind != "map" or over.kind != "map":
        return over
    entries = dict(base.entries)
    for key, (key_node, value) in over.entries.items():
        if value.is_null:
            entries.pop(key, None)
            continue
        below = entries.get(key)
        entries[key] = (key_node, merge(below[1], value) if below else _without_nulls(value))
    return replace(over, entries=entries)


def _without_nulls(node: Node) -> Node:
    if node.kind != "map" or not any(value.is_null or value.kind == "map" for _, value in node.entries.values()):
        return node
    kept = {key: (key_node, _without_nulls(value)) for key, (key_node, value) in node.entries.items() if not value.is_null}
    return replace(node, entries=kept)


class _Builder:
    """Builds the tree of one text from the events of the YAML parser."""

    def __init__(self, text: str, file: str, most_nodes: int) -> None:
        self.text = text
        self.file = file
        self.most_nodes = most_nodes
        self.problems = Problems()
        self.nodes = 0

    def build(self) -> Node:
        import yaml

        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._refuse_tabs()
        root: Node | None = None
        try:
            events = iter(yaml.parse(self.text, Loader=loader))
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                    self._refuse(event, "a second document begins", expected="one document per file")
                    break
                if isinstance(event, yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent | yaml.AliasEvent):
                    root = self._node(event, events, 1)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            message = (error.problem or "the text cannot be read").removeprefix("block ")
            hint = next((text for start, text in _HINTS.items() if start in message), "")
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            if "nesting depth" in message:  # the parser's own bound, far beyond ours, found before anything was handed to us
                self._note(line, column, _TOO_DEEP)
            elif all(problem.line != line for problem in self.problems.found):  # a tab's line says enough already
                self._note(line, column, f"not YAML: {message}" + (f"; {hint}" if hint else ""))
        except yaml.reader.ReaderError as error:
            before = self.text[: error.position] if isinstance(error.position, int) else ""
            self._note(before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1, "a control character that no text may contain")
        if root is None and not self.problems.found:
            self._note(1, 1, "the file is empty")
        if self.problems.found or root is None:
            raise ScenarioError(self.problems.in_order())
        return root

    def _refuse_tabs(self) -> None:
        for number, line in enumerate(self.text.split("\n"), start=1):
            if "\t" in line[: len(line) - len(line.lstrip())] and line.strip():
                self._note(number, line.index("\t") + 1, "a tab in the indentation", expected="spaces")

    def _note(self, line: int, column: int, message: str, *, found: str = "", expected: str = "") -> None:
        self.problems.add(Node("scalar", self.file, line, column), message, found=found, expected=expected)

    def _refuse(self, event: Any, message: str, *, found: str = "", expected: str = "") -> None:
        self._note(event.start_mark.line + 1, event.start_mark.column + 1, message, found=found, expected=expected)

    def _stop(self, event: Any, message: str, **details: str) -> ScenarioError:
        self._refuse(event, message, **details)
        return ScenarioError(self.problems.in_order())

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        """The node that begins with ``event``; takes its own events off ``events``."""
        import yaml

        if depth > MAX_DEPTH:
            raise self._stop(event, _TOO_DEEP)
        self.nodes += 1
        if self.nodes > self.most_nodes:
            raise self._stop(event, "too many values in one file", expected=f"at most {self.most_nodes}")
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, "an alias", found=f"`*{event.anchor}`", expected="the value itself, or `extends` for models")
            return Node("scalar", self.file, line, column)
        if event.anchor is not None:
            self._refuse(event, "an anchor", found=f"`&{event.anchor}`", expected="the value alone")
        if event.tag is not None:
            self._refuse(event, "a tag", found=f"`{event.tag}`", expected="the value alone")
        if isinstance(event, yaml.ScalarEvent):
            if not event.value.isprintable() and (control := _CONTROL.search(event.value)):
                self._refuse(event, "a control character", found=f"U+{ord(control[0]):04X}", expected="text that can be shown")
            return Node("scalar", self.file, line, column, text=event.value, plain=event.implicit[0] and not event.style)
        if isinstance(event, yaml.SequenceStartEvent):
            node = Node("list", self.file, line, column)
            while not isinstance(event := next(events), yaml.SequenceEndEvent):
                node.items.append(self._node(event, events, depth + 1))
            return node
        node = Node("map", self.file, line, column)
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            self._entry(node, self._node(event, events, depth + 1), self._node(next(events), events, depth + 1))
        return node

    def _entry(self, node: Node, key: Node, value: Node) -> None:
        if key.kind != "scalar" or key.is_null:
            self.problems.add(key, "a key must be a text", found=key.shown)
        elif key.text == "<<" and key.plain:
            self.problems.add(key, "a merge key", found="`<<`", expected="`extends` for models, `defaults` for chargers")
        elif key.text in node.entries:
            first = node.entries[key.text][0]
            self.problems.add(key, f"the key `{key.text}` stands here twice", expected=f"it once (first in line {first.line})")
        else:
            node.entries[key.text] = (key, value)
