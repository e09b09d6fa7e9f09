"""What is wrong with a file: problems with their positions, collected until all of them are known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from harness.scenario.nodes import Node
    from harness.values import Severity


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a file, or (``severity`` ``warn``) that is doubtful.

    ``line`` and ``column`` count from 1; both are 0 where the place is not a file but an option such as ``--set #2``.
    """

    file: str
    line: int
    column: int
    message: str
    found: str = ""
    expected: str = ""
    suggestion: str = ""
    severity: Severity = "fail"

    def __str__(self) -> str:
        """``file:line:column: message``, with all that is known in one line."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = f"{place}: {'warning: ' if self.severity == 'warn' else ''}{self.message}"
        if self.found or self.expected:
            found = f"found {self.found}" if self.found else ""
            expected = f"expected {self.expected}" if self.expected else ""
            text += ": " + ", ".join(part for part in (found, expected) if part)
        return text + (f"; did you mean `{self.suggestion}`?" if self.suggestion else "")


class ScenarioError(Exception):
    """A scenario or model file cannot be used; ``problems`` says all that is wrong with it, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[list[Problem]]]:
        """As it is handed to another process: its message alone would not make it again."""
        return ScenarioError, (self.problems,)


class Problems:
    """Collects problems while a file is read."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    @property
    def any(self) -> bool:
        """Whether anything found so far prevents the use of the file."""
        return any(problem.severity == "fail" for problem in self.found)

    def add(
        self, node: Node, message: str, *, found: str = "", expected: str = "", suggestion: str = "", severity: Severity = "fail"
    ) -> None:
        """Note a problem at ``node``; the same one at the same place (a default that many entries share) is kept once."""
        problem = Problem(
            file=node.file, line=node.line, column=node.column, message=message, found=found, expected=expected,
            suggestion=suggestion, severity=severity,
        )  # fmt: skip
        if problem not in self.found:
            self.found.append(problem)

    def warn(self, node: Node, message: str) -> None:
        """Note a doubt at ``node``."""
        self.add(node, message, severity="warn")

    def in_order(self) -> list[Problem]:
        """All of them, file by file as first met, and by position within each."""
        files = list(dict.fromkeys(problem.file for problem in self.found))
        return sorted(self.found, key=lambda problem: (files.index(problem.file), problem.line, problem.column))


_OTHERWISE = {"within": "bound", "bound": "within"}
"""What a scenario calls the one, a model's contract calls the other."""


def nearest(name: str, names: Iterable[str]) -> str:
    """The name that ``name`` was probably meant to be; empty where none is near."""
    candidates = list(names)
    folded = {candidate.lower().replace("_", "-"): candidate for candidate in candidates}
    key = name.lower().replace("_", "-").replace(" ", "-")
    if key in folded:
        return folded[key]
    close = get_close_matches(key, folded, n=1, cutoff=0.6)
    if close:
        return folded[close[0]]
    last = {candidate.rpartition(".")[2]: candidate for candidate in folded}  # `crash` for `server.crash`
    close = [_OTHERWISE[key]] if _OTHERWISE.get(key) in folded else get_close_matches(key, last, n=1, cutoff=0.75)
    return folded[last[close[0]]] if close else ""


def listed(names: Iterable[str], *, most: int = 12) -> str:
    """Names in code quotes for a message, cut after ``most``."""
    candidates = list(names)
    text = ", ".join(f"`{name}`" for name in candidates[:most])
    return text + (f" and {len(candidates) - most} more" if len(candidates) > most else "")


def refusal(what: str, message: str, *, found: str = "", expected: str = "", suggestion: str = "") -> ScenarioError:
    """What is wrong with something that is in no file: an option, a suite."""
    return ScenarioError([Problem(file=what, line=0, column=0, message=message, found=found, expected=expected, suggestion=suggestion)])
