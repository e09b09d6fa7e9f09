"""The file that a suite of runs is compared with.

Its head is written by people: the version of the format, and the tolerances. Its facts, one a line, are written by
``harness gate --update``, which leaves the head as it is. A fact names its run itself, so that no two lines are the same and a
difference of two versions of the file can be read, and merged, line by line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

from msgspec import Struct

from harness.check.metrics import METRICS
from harness.check.result import BEHAVIOURS
from harness.regression.changes import Tolerance, figure_text
from harness.regression.facts import MOST_DIGITS, CheckFact, Facts, Figure, State
from harness.scenario.expectations import amount
from harness.scenario.forms import FAILED, NAME_FORM, Choice, Field, Form, MapOf, Raw, Record, Scalar, count_form, words_form
from harness.scenario.forms import read as read_form
from harness.scenario.layout import MOST_SEED
from harness.scenario.nodes import Node, read_file
from harness.scenario.problems import Problems, ScenarioError, listed, nearest
from harness.units import UnitError, parse_decimal

SCHEMA = 1
NEW_HEAD = f"""\
# What `harness gate` compares runs with. `harness gate … --update` rewrites the facts; all above them is yours.
schema: {SCHEMA}
tolerances:
  all: 0 %
"""
"""The head of a baseline that is written for the first time."""

_LARGER = 64
"""So many times a scenario's size a baseline may be: about a million facts."""
_EXPECTED = "`[scenario, seed, of, name, value]`"
_FACTS = re.compile(r"^facts[ \t]*:", re.MULTILINE)
_PLAIN = re.compile(r"-?[\w.](?:[\w./()% -]*[\w.)%])?", re.ASCII)
_CHECK_FACT = re.compile(r"(.+?)(?: \(([1-9][0-9]{0,9})\))?")
_FIGURE = re.compile(rf"(-?[0-9]{{1,{MOST_DIGITS}}}(\.[0-9]{{1,{MOST_DIGITS}}})?) (.+)")

Key = tuple[str, int]
"""A run: its scenario and its seed."""


class Tolerances(Struct, frozen=True):
    """How far metrics may change: by their names, and under ``all`` those that have no tolerance of their own."""

    suite: dict[str, Tolerance] = {}
    scenarios: dict[str, dict[str, Tolerance]] = {}

    def of(self, scenario: str, metric: str) -> Tolerance:
        """That of a metric: what is said of the scenario comes before what is said of all, and there the metric before ``all``."""
        given = (self.scenarios.get(scenario, {}), self.suite)
        return next((one[name] for one in given for name in (metric, "all") if name in one), Tolerance())


class Baseline(Struct, frozen=True, kw_only=True):
    """What runs are compared with."""

    head: str = NEW_HEAD
    """The text above the facts."""
    tolerances: Tolerances = Tolerances()
    rows: dict[Key, Facts] = {}


def render(head: str, rows: Mapping[Key, Facts]) -> str:
    """The file: the head as it is, and the facts in an order that no run and no version decides, their lines ended as the head's are."""
    end = "\r\n" if head.endswith("\r\n") else "\n"
    lines = [
        f"  - [{', '.join(map(_cell, (scenario, str(seed), *fact)))}]{end}"
        for (scenario, seed), facts in sorted(rows.items())
        for fact in _facts_of(facts)
    ]
    return f"{head}facts:{end}{''.join(lines)}" if lines else f"{head}facts: []{end}"


def _facts_of(facts: Facts) -> Iterator[tuple[str, str, str]]:
    yield "run", "verdict", facts.verdict
    yield from (("behaviour", name, str(count)) for name, count in sorted(facts.behaviours.items()))
    yield from (("check", name, str(fact)) for name, fact in sorted(facts.checks.items()))
    yield from (("limit", name, str(fact)) for name, fact in sorted(facts.limits.items()))
    yield from (("metric", name, f"{figure_text(one.value)} {one.unit}".rstrip()) for name, one in sorted(facts.metrics.items()))


def _cell(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def read(path: Path, suite: Collection[str] = (), *, anew: bool = False) -> Baseline:
    """Read a baseline. Raises :class:`ScenarioError` with all that is wrong with it.

    Tolerances may be of scenarios of the ``suite`` and of those that the facts are of; of the suite's alone where the facts are to be
    written ``anew``.
    """
    root = read_file(path, path.as_posix(), times=_LARGER)
    problems = Problems()
    facts = root.get("facts")
    rows = {} if facts is None else _read_facts(facts, problems)
    known = dict.fromkeys((*suite, *(() if anew else (scenario for scenario, _ in rows))))
    given = read_form(_form(known), root, problems, "the baseline")
    text = path.read_bytes().decode()  # with a byte order mark, where there is one: it is the head's
    begin = _FACTS.search(text)
    if facts is not None:
        key, _ = root.entries["facts"]
        if begin is None:
            problems.add(key, "`facts` does not begin its line", expected="it at the beginning of a line, below all else")
        for other, (node, _) in root.entries.items():
            if (node.line, node.column) > (key.line, key.column):
                problems.add(node, f"`{other}` stands below the facts, where all is written anew", expected="it above `facts`")
    if problems.any or given is FAILED or begin is None:
        raise ScenarioError(problems.in_order())
    tolerances: dict[str, Any] = given.get("tolerances", {})
    own = tolerances.pop("scenarios", {})
    return Baseline(head=text[: begin.start()], tolerances=Tolerances(tolerances, own), rows=rows)


def _form(scenarios: Iterable[str]) -> Record:
    """The form of the file, for tolerances of these scenarios."""
    every = (
        Field("all", _tolerance_form(""), "That of all metrics without one of their own.", attribute="all"),
        *(Field(name, _tolerance_form(kind.unit), kind.doc, attribute=name) for name, kind in METRICS.items()),
    )
    own = MapOf(Record("a scenario's tolerances", every, dict), "a scenario of the suite", lambda: scenarios)
    return Record("a baseline", (
        Field("schema", Scalar(_version, f"`{SCHEMA}`"), "The version of the format.", True, "schema"),
        Field("tolerances", Record("`tolerances`", (*every, Field("scenarios", own, "Those of a scenario.", attribute="scenarios")), dict),
              "How far metrics may change.", attribute="tolerances"),
        Field("facts", Raw(), "What runs came to.", True, "facts"),
    ), dict)  # fmt: skip


def _version(text: str) -> int:
    if text != str(SCHEMA):
        raise UnitError(text, f"`{SCHEMA}`, the version of the format that this program reads")
    return SCHEMA


def _tolerance_form(unit: str) -> Scalar:
    return Scalar(partial(_tolerance, unit=unit), "a percentage such as `10 %`" + (f", or an amount in {unit}" if unit else ""))


def _tolerance(text: str, unit: str) -> Tolerance:
    """A tolerance of a metric in that unit, or of all for none. Of what is measured in per cent, ``1 %`` is a point."""
    share = text.removesuffix("%").rstrip()
    try:
        if share != text:
            value = float(parse_decimal(share))
            return Tolerance(amount=value) if unit == "%" else Tolerance(percent=value)
        if not unit or text.startswith("-"):
            raise UnitError(text, "")
        return Tolerance(amount=amount(text, unit))
    except UnitError as error:
        absolute = f"{error.expected or f'an amount in {unit} that is not below zero'}, or " if unit and share == text else ""
        raise UnitError(text, f"{absolute}a percentage such as `10 %`", error.suggestion) from None


def _read_facts(node: Node, problems: Problems) -> dict[Key, Facts]:
    if node.kind != "list":
        problems.add(node, "`facts` is not right", found=node.shown, expected=f"a list of facts, each {_EXPECTED}")
        return {}
    found: dict[Key, dict[str, dict[str, Any]]] = {}
    first: dict[Key, Node] = {}
    for fact in node.items:
        cells = fact.items
        if len(cells) != 5 or any(cell.kind != "scalar" for cell in cells):
            what = fact.shown if fact.kind != "list" else f"{len(cells)} values" if len(cells) != 5 else "a list or a map in it"
            problems.add(fact, "a fact is not right", found=what, expected=_EXPECTED)
            continue
        seed = read_form(count_form(0, MOST_SEED), cells[1], problems, "seed")
        of = read_form(Choice(lambda: _FORMS, "one of"), cells[2], problems, "of")
        if seed is FAILED or of is FAILED:
            continue
        name = read_form(_FORMS[of][0], cells[3], problems, "name")
        value = FAILED if name is FAILED else read_form(_FORMS[of][1](name), cells[4], problems, name)
        if value is FAILED:
            continue
        key = (cells[0].text, seed)
        first.setdefault(key, fact)
        facts = found.setdefault(key, {kind: {} for kind in _FORMS})[of]
        if name in facts:
            problems.add(fact, f"the {of} `{name}` of `{key[0]}` with seed {seed} stands here twice", expected="it once")
        facts[name] = value
    for key, fact in first.items():
        if not found[key]["run"]:
            problems.add(fact, f"`{key[0]}` with seed {key[1]} has no verdict", expected=f"`[{key[0]}, {key[1]}, run, verdict, pass]`, too")
    return {
        key: Facts(verdict=facts["run"]["verdict"], behaviours=facts["behaviour"], checks=facts["check"], limits=facts["limit"],
                   metrics=facts["metric"])
        for key, facts in found.items() if facts["run"]
    }  # fmt: skip


def _check_fact(text: str) -> CheckFact:
    states: tuple[State, ...] = get_args(State)
    match = _CHECK_FACT.fullmatch(text)
    state = next((known for known in states if match and match[1] == known), None)
    if match is None or state is None:
        meant = nearest(match[1] if match else text, states)
        raise UnitError(text, f"one of {listed(states)}, and behind a violated one how often, such as `fail (3)`", meant)
    return CheckFact(state, int(match[2] or 0))


def _figure_form(metric: str) -> Scalar:
    unit = METRICS[metric].unit
    example = f"`1.5 {'USD' if unit == 'currency' else unit}`"

    def parse(text: str) -> Figure:
        if text == figure_text(None):
            return Figure(None)
        match = _FIGURE.fullmatch(text)
        if match is None or unit not in (match[3], "currency"):
            raise UnitError(text, f"a figure with its unit such as {example}, or `{figure_text(None)}`")
        return Figure(float(match[1]) if match[2] else int(match[1]), match[3])

    return Scalar(parse, f"a figure with its unit such as {example}")


_FORMS: dict[str, tuple[Form, Callable[[str], Form]]] = {
    "run": (words_form("verdict"), lambda _: words_form("pass", "fail", "unknown")),
    "behaviour": (Choice(lambda: BEHAVIOURS, "one of"), lambda _: count_form()),
    "check": (NAME_FORM, lambda _: Scalar(_check_fact, "a verdict")),
    "limit": (Choice(lambda: METRICS, "a metric"), lambda _: Scalar(_check_fact, "a verdict")),
    "metric": (Choice(lambda: METRICS, "a metric"), _figure_form),
}
"""What a fact is of → the forms of its name, and of its value."""
