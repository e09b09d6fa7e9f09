"""The field guide: what each charger does when its cloud is gone, as lines for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.check.result import CheckVerdict
from harness.report.answers import QUESTIONS, Question
from harness.report.escape import markdown
from harness.report.line import Line
from harness.units import counted, times

NOBODY = "measured in this model; nobody promises it"
UNSAID = "no source: the model's file does not say whose word it is"
SIGNS = {"pass": "✓", "fail": "✗", "unknown": "?"}

Basis = Literal["source", "partly assumption", "assumption", "nobody's promise"]


@dataclass(frozen=True, slots=True)
class Word:
    """Whose word something is: a source's, or an assumption's."""

    about: str
    """The checks of a contract, or the path of a model's statement."""
    text: str
    assumed: bool


@dataclass(frozen=True, slots=True)
class Backing:
    """What a check of the contract found at the cars that show an answer."""

    check: str
    verdict: CheckVerdict
    met: int
    failed: int


@dataclass(frozen=True, slots=True)
class Cell:
    """The answer to one question for one charger: as it was measured, what was checked, whose word it is, and what shows it."""

    question: Question
    answer: str
    backings: tuple[Backing, ...]
    promises: tuple[Word, ...]
    """The contract's clauses; none where nobody promises it."""
    statements: tuple[Word, ...]
    """What the model says of it, from which the answer follows."""
    cars: tuple[str, ...]
    """The scenario's chargers that show it."""

    @property
    def mark(self) -> CheckVerdict:
        """fail where a check failed, pass where one held, else unknown."""
        verdicts = {backing.verdict for backing in self.backings}
        return "fail" if "fail" in verdicts else "pass" if "pass" in verdicts else "unknown"

    @property
    def basis(self) -> Basis:
        """Whether the contract's clauses and the model's statements have a source; nobody's promise where there are no clauses."""
        if not self.promises:
            return "nobody's promise"
        assumed = {word.assumed for word in (*self.promises, *self.statements)}
        return "assumption" if assumed == {True} else "source" if assumed == {False} else "partly assumption"


@dataclass(frozen=True, slots=True)
class Row:
    """One charger model."""

    anchor: str
    name: str
    title: str
    maker: str
    cells: tuple[Cell, ...]
    failed: tuple[str, ...]
    """The checks of its contract that failed, whether a question is about them or not."""
    story: str
    """The shipped scenario that is about this model alone; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """All rows, and how they were made."""

    rows: tuple[Row, ...]
    scenario: str
    links: tuple[str, ...]
    """The scenarios whose files lie where links from the guide lead."""
    harness: str
    command: str

    @property
    def exit_code(self) -> int:
        """1 where a check of a contract failed, else 0."""
        return int(any(row.failed for row in self.rows))


TITLE = "What does this charger do when its cloud is gone?"
ABOUT = (
    "Each answer was measured in a run of a model of the charger, made with this version; none is written by hand. A model is a file"
    " that says how a charger behaves: it is not the device, and your firmware may do otherwise."
)
SETTING = (
    "The server is lost at 08:30 and is back at 15:00. Energy is cheap from 10:00 to 14:00 and dear before and after; a car that keeps to"
    " hours is to charge in the cheap ones only. Cars are there from 07:00, and one comes at 08:45. At 09:00 a station's plug is pulled"
    " for 20 s, at 09:15 a car's."
)
READ = (
    ("the outage", SETTING.removesuffix(".")),
    ("source", "a maker's help, a standard, a law or somebody who looked at the device says so; it is named"),
    ("assumption", "no source was found that says so; the model assumes it, and says why"),
    (NOBODY, "no clause of the model's contract speaks of it; the answer follows from what the model says, which is named"),
    ("✓ held, ✗ failed, ? not exercised", "what the contract's checks found at the cars that show the answer, whether that is yes or no"),
)
"""How to read it: a word, and what it means."""
_PATHS = {
    "link.backoff": "how it tries again", "link.offline_after": "when it notices the loss",
    "memory.amperage": "what clears the app's limit",
    "memory.hold": "what ends a hold or pause", "memory.schedule": "what clears the schedule", "override_by_replug": "an override by plug",
    "power_up.delay_at_return": "a delay at the return", "power_up.resumes": "after a power cut",
    "ratings.offline_amperage": "its figure", "ratings.offline_amperages": "its figures", "server_loss.limit": "the limit without a server",
    "server_loss.new_car": "a car that comes", "server_loss.unknown_tag": "unknown cards", "tou": "how hours reach it",
}  # fmt: skip
"""A model's statement → what it is about, in an owner's words."""


def backing_text(cell: Cell) -> str:
    """``charging-continues held once, can-always-charge held once``, or ``not exercised``."""
    parts = []
    for backing in cell.backings:
        found = [f"failed {times(backing.failed)}"] if backing.failed else []
        found += [f"held {times(backing.met)}"] if backing.met else []
        parts.append(f"{backing.check} {', '.join(found) or 'not exercised'}")
    return "; ".join(parts) or "not exercised, as no clause of the contract speaks of it"


def word_text(word: Word) -> str:
    """The word as text, an assumption said to be one."""
    return f"assumption: {word.text}" if word.assumed else word.text


def promise_text(word: Word) -> str:
    """What a clause of a contract is introduced with."""
    return f"{'taken as promised' if word.assumed else 'promised'} ({word.about})"


def statement_text(word: Word) -> str:
    """What a statement of a model is introduced with: ``the model, on unknown cards (server_loss.unknown_tag)``."""
    return f"the model, on {_PATHS[word.about]} ({word.about})" if word.about in _PATHS else "the model"


def scenario_file(name: str) -> str:
    """Where a scenario's file lies, seen from the guide."""
    return f"../scenarios/{name}.yaml"


def total(made: Guide) -> Line:
    """What the terminal shows at the end."""
    failed = [f"{row.name}: {check}" for row in made.rows for check in row.failed]
    if failed:
        return ((f"{counted(len(failed), 'checks')} of contracts failed: {', '.join(failed)}", "fail"),)
    return ((f"{counted(len(made.rows), 'models')}: no check of a contract failed", "pass"),)


def lines(made: Guide) -> Iterator[Line]:
    """What the terminal shows: for each model a line for each question."""
    wide = max(len(question.brief) for question in QUESTIONS)
    most = max((len(cell.answer) for row in made.rows for cell in row.cells), default=0)
    for row in made.rows:
        yield ((row.name, "title"), (f"  {row.title}", ""))
        for cell in row.cells:
            told = f"{cell.question.brief:{wide}}  {cell.answer:{most}}"
            yield ((f"  {told}  ", ""), (f"{SIGNS[cell.mark]} ", cell.mark), (cell.basis, "quiet"))
        yield ()


def render(made: Guide) -> str:
    """The Markdown page."""
    return "\n".join(_page(made)) + "\n"


def _page(made: Guide) -> Iterator[str]:
    yield from (f"# {TITLE}", "", ABOUT, "")
    yield from (f"- **{word}**: {means}." for word, means in READ)
    yield ""
    yield f"| charger | {' | '.join(question.brief for question in QUESTIONS)} |"
    yield f"|---|{'---|' * len(QUESTIONS)}"
    for row in made.rows:
        told = (f"{markdown(cell.answer)} ({SIGNS[cell.mark]} {cell.basis})" for cell in row.cells)
        yield f"| [{markdown(row.title)}](#{row.anchor}) | {' | '.join(told)} |"
    for row in made.rows:
        yield from ("", f'<a id="{row.anchor}"></a>', "", f"## {markdown(row.title)}", "")
        yield from _row(made, row)
    yield from ("", "## How this was made", "", "```sh", made.command, "```", "", f"harness {made.harness}")


def _row(made: Guide, row: Row) -> Iterator[str]:
    told = f"Model `{row.name}`" + (f", made by {markdown(row.maker)}" if row.maker else "") + "."
    if row.story:
        told += f" A scenario of its own: {_linked(made, row.story)}."
    yield told
    if row.failed:
        yield f"\n**Failed in this run:** {', '.join(row.failed)}."
    yield ""
    yield "| question | answer, as measured | checked | whose word it is | shown by |"
    yield "|---|---|---|---|---|"
    for cell in row.cells:
        shown = f"{_linked(made, made.scenario)}: {', '.join(markdown(car) for car in cell.cars)}"
        yield (
            f"| {cell.question.asks} | **{markdown(cell.answer)}** | {SIGNS[cell.mark]} {markdown(backing_text(cell))}"
            f" | {'<br>'.join(_words(cell))} | {shown} |"
        )


def _words(cell: Cell) -> Iterator[str]:
    if not cell.promises:
        yield NOBODY
    yield from (f"{promise_text(word)}: {markdown(word_text(word))}" for word in cell.promises)
    yield from (f"{statement_text(word)}: {markdown(word_text(word))}" for word in cell.statements)


def _linked(made: Guide, scenario: str) -> str:
    return f"[{scenario}]({scenario_file(scenario)})" if scenario in made.links else f"`{scenario}`"


def anchors(names: Sequence[str]) -> list[str]:
    """An anchor for each of some names, all different."""
    found: list[str] = []
    for name in names:
        number, anchor = 1, name
        while anchor in found:
            number += 1
            anchor = f"{name}-{number}"
        found.append(anchor)
    return found
