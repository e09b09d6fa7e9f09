"""The field guide: what each charger model does when its cloud is gone, each answer made from a run.

A model's cars are those that it has in the scenario `the-makers-compared`; a model of one's own gets those of a shipped one that asks for
cards and knows hours as it does. Each car is run and judged by itself, so that a check's result tells of this car and of no other.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from harness import __version__, scenario, shipped
from harness.files import write_whole
from harness.report.answers import QUESTIONS, Question
from harness.report.guide import UNSAID, Backing, Cell, Guide, Row, Word, anchors, render, scenario_file
from harness.report.html import guide as page
from harness.report.observed import Car
from harness.scenario import writing
from harness.scenario.models import Library, is_path
from harness.scenario.nodes import Node
from harness.scenario.problems import Problems, ScenarioError
from harness.scenario.resolve import Resolution
from harness.search.trial import judged
from harness.values import ChargerModel, Claim, Scenario, hold_windows

SCENARIO = "the-makers-compared"
_LIKE = {(False, True): "juicebox-40", (True, True): "ocpp16-strict", (False, False): "easee", (True, False): "flexecharge"}
"""Whether a model asks for cards, and whether it knows hours → the shipped model whose cars one's own has."""
_OWN_SCENARIO = "outage-{}"
FILES = ("guide.html", "guide.md")


def guide(models: Sequence[str] = (), *, out: str | Path = "reports") -> Guide:
    """Make the field guide of charger models, shipped ones by name and one's own by the path of a file; all shipped ones by default. It is
    written to ``guide.html`` and ``guide.md`` in the folder ``out``.

    Raises :class:`ScenarioError` for a model that there is not or that cannot be read, and :class:`OSError` where the files cannot be
    written.
    """
    made = made_of(models or shipped.model_names("charger"), Path(out), models)
    Path(out).mkdir(parents=True, exist_ok=True)
    for name, content in zip(FILES, (page.render(made), render(made).encode()), strict=True):
        write_whole(Path(out) / name, content)
    return made


def made_of(names: Sequence[str], folder: Path, given: Sequence[str] = ()) -> Guide:
    """The guide of these models, as it is for a folder; ``given`` are the names that were typed."""
    root = scenario.tree(SCENARIO)
    found = [_Charger(root, name) for name in names]
    rows = [each.row(anchor) for each, anchor in zip(found, anchors([each.name for each in found]), strict=True)]
    linked = [name for name in (SCENARIO, *(row.story for row in rows)) if name and (folder / scenario_file(name)).is_file()]
    command = shlex.join(["harness", "guide", *given])
    return Guide(rows=tuple(rows), scenario=SCENARIO, links=tuple(linked), harness=__version__, command=command)


class _Charger:
    """One charger model, and what its cars went through."""

    def __init__(self, root: Node, reference: str) -> None:
        tree = _tree(reference)
        self._is_own = is_path(reference)
        self.name = Path(reference).stem if self._is_own else reference
        self._scenario = _fleet(root, reference, self.name, _read(tree, self.name))
        (self._model,) = self._scenario.models.values()
        self._tree = tree
        self._cars: dict[str, Car] = {}
        self.failed: list[str] = []
        for entry in self._scenario.chargers:
            self._run(entry.name.removeprefix(f"{self.name}-"))

    def _run(self, role: str) -> None:
        """Run and judge the car of a role, alone."""
        alone = _alone(self._scenario, f"{self.name}-{role}")
        (entry,) = alone.chargers
        tou = entry.tou
        windows = hold_windows(alone.tariffs[entry.tariff], tou.charge_in, alone.duration_ms) if tou is not None and tou.on else []
        car = Car(entry, self._model, alone.duration_ms, windows)
        car.checks = {result.name: result for result in judged(alone, car)}
        self._cars[role] = car
        failed = (name for name, result in car.checks.items() if result.verdict == "fail" and result.severity == "fail")
        self.failed += [name for name in failed if name not in self.failed]

    def row(self, anchor: str) -> Row:
        """Its row."""
        cells = tuple(self._cell(question) for question in QUESTIONS)
        story = _OWN_SCENARIO.format(self.name)
        has_story = not self._is_own and shipped.scenario_path(story) is not None
        return Row(anchor, self.name, self._model.title, self._model.maker, cells, tuple(self.failed), story if has_story else "")

    def _cell(self, question: Question) -> Cell:
        cars = [self._cars[role] for role in question.roles if role in self._cars] or [self._cars["charging"]]
        backings = _backings(question, cars, self._model)
        clauses = {backing.check: self._model.contract[backing.check] for backing in backings}
        promises: dict[tuple[str, bool], list[str]] = {}
        for check, clause in clauses.items():
            promises.setdefault((clause.source or clause.assumption, not clause.source), []).append(check)
        told = tuple(Word(", ".join(checks), text, assumed) for (text, assumed), checks in promises.items())
        statements = [self._statement(path) for path in question.paths(cars[0])]
        if not told and not statements:
            statements = [Word("whole file", UNSAID, assumed=True)]
        names = tuple(car.entry.name for car in cars)
        answer = question.answer(self._cars)
        return Cell(question, answer.told, answer.advice, backings, told, tuple(statements), names)

    def _statement(self, path: str) -> Word:
        """Whose word one of the model's statements is. Where a model extends another, the other's claims are about other values."""
        file = self._tree.at(*path.split(".")).file
        covering = [
            claim for claim in self._model.claims
            if (path == claim or path.startswith(f"{claim}.")) and self._tree.at("claims", claim).file == file
        ]  # fmt: skip
        found = self._model.claims[max(covering, key=len)] if covering else Claim(assumption=UNSAID)
        return Word(path, found.source or found.assumption, not found.source)


def _backings(question: Question, cars: Sequence[Car], model: ChargerModel) -> tuple[Backing, ...]:
    """What the checks of its contract found that speak of a question: those that were exercised, or all where none was."""
    found = []
    for checks in (question.checks, question.otherwise):
        for check in checks:
            results = [car.checks[check] for car in cars if check in car.checks and check in model.contract]
            if results:
                met, failed = sum(result.met for result in results), sum(result.failed for result in results)
                found.append(Backing(check, "fail" if failed else "pass" if met else "unknown", met, failed))
        if exercised := tuple(backing for backing in found if backing.verdict != "unknown"):
            return exercised
    return tuple(found)


def _tree(reference: str) -> Node:
    """The whole tree of a charger model. Raises :class:`ScenarioError`."""
    problems = Problems()
    tree = Library(problems).tree("charger", Node("scalar", "harness guide", 0, 0, text=reference))
    if tree is None:
        raise ScenarioError(problems.in_order())
    return tree


def _read(tree: Node, name: str) -> ChargerModel:
    problems = Problems()
    model: ChargerModel | None = Library(problems).value("charger", tree, name)
    if model is None:
        raise ScenarioError(problems.in_order())
    return model


def _fleet(root: Node, reference: str, name: str, model: ChargerModel) -> Scenario:
    """The scenario with this model's cars alone. Raises :class:`ScenarioError`."""
    like = name if reference == name else _LIKE[model.authorisation == "required", model.tou != "none"]
    cars = {
        f"{name}-{key.removeprefix(f'{like}-')}": writing.put(entry, ("model",), reference)
        for key, (_, entry) in root.at("chargers").entries.items() if entry.at("model").text == like
    }  # fmt: skip
    steps = []
    for step in root.at("plan").items:
        whom = [f"{name}-{each.text.removeprefix(f'{like}-')}" for each in step.at("to").items]
        steps.append(writing.put(step, ("to",), [each for each in whom if each in cars]) if whom else step)
    for path, value in ((("chargers",), cars), (("plan",), steps), (("expect",), {"contract": "each-maker"})):
        root = writing.put(root, path, value)
    resolution = Resolution(root, SCENARIO, Path())
    if resolution.scenario is None:
        raise ScenarioError(resolution.problems.in_order())
    return resolution.scenario


def _alone(fleet: Scenario, name: str) -> Scenario:
    """The scenario with one of its chargers, and those steps of its plan that are about it."""
    plan = tuple(
        replace(step, to=replace(step.to, names=(name,) if step.to.names else ()))
        for step in fleet.plan if not step.to.names or name in step.to.names
    )  # fmt: skip
    return replace(fleet, chargers=tuple(entry for entry in fleet.chargers if entry.name == name), plan=plan)
