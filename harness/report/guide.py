"""The field guide: what each charger does when its cloud is gone, as lines for the terminal and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.check.result import CheckVerdict
from harness.report.answers import QUESTIONS, Question
from harness.report.escape import markdown
from harness.report.line import Line
from harness.units import counted, times

NOBODY = "nobody promises it; it follows from what is said of the charger"
UNSAID = "no source: the model's file does not say whose word it is"
SIGNS = {"pass": "✓", "fail": "✗", "unknown": "?"}
_NAME_MOST = 70

Basis = Literal["stated", "partly assumption", "assumption", "inferred"]


@dataclass(frozen=True, slots=True)
class Word:
    """Whose word something is: a source's, or an assumption's."""

    about: str
    """The checks of a contract, or the path of a model's statement."""
    text: str
    assumed: bool

    @property
    def who(self) -> str:
        """Who says it: what stands before the first colon of a source, shortened where it is long; empty for an assumption."""
        found = "" if self.assumed else self.text.partition(": ")[0]
        return found if len(found) <= _NAME_MOST else f"{found[: _NAME_MOST - 1]}…"


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
    advice: tuple[str, ...]
    """What the owner can do about it."""
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
        """Whether the contract's clauses and the model's statements have a source. Without clauses nobody has stated the answer itself."""
        assumed = {word.assumed for word in (*self.promises, *self.statements)}
        if assumed == {True}:
            return "assumption"
        if not self.promises:
            return "inferred"
        return "stated" if assumed == {False} else "partly assumption"

    @property
    def words(self) -> tuple[Word, ...]:
        """Whose word it is, each text once, with all that it is about; sources first."""
        about: dict[tuple[str, bool], list[str]] = {}
        for word in (*self.promises, *self.statements):
            about.setdefault((word.text, word.assumed), []).append(word.about)
        found = [Word(", ".join(abouts), text, assumed) for (text, assumed), abouts in about.items()]
        return tuple(sorted(found, key=lambda word: word.assumed))


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

    @property
    def called(self) -> tuple[str, str]:
        """What it is called, and which of that name it is, with its maker where the name is not the maker's. Who says so is left out."""
        if not self.maker:  # what it is called is then how it is run
            return self.title, ""
        head, beyond = _TITLE.fullmatch(self.title).groups()  # type: ignore[union-attr]  # it matches any text
        return head, ", ".join(filter(None, (beyond.strip(), "" if self.maker.lower() in head.lower() else self.maker)))

    @property
    def advice(self) -> dict[str, Basis]:
        """What its owner can do, each sentence once, and how it is known: the last of the answers that say it is the one about it."""
        return {sentence: cell.basis for cell in self.cells for sentence in cell.advice}

    @property
    def known_from(self) -> str:
        """How many of the answers are on somebody's word: ``Of 9 answers: 4 stated, 5 assumed.``."""
        counts = {basis: sum(cell.basis == basis for cell in self.cells) for basis in _TOLD}
        told = ", ".join(f"{count} {_TOLD[basis]}" for basis, count in counts.items() if count)
        return f"Of {counted(len(self.cells), 'answers')}: {told}."

    @property
    def sources(self) -> tuple[str, ...]:
        """Who is behind the answers, each once."""
        return tuple(dict.fromkeys(word.who for cell in self.cells for word in cell.words if word.who))


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


_TITLE = re.compile(r"(.*?)((?: (?:under|with) .*?)?)(?:, as (?:its|the) .*)?", re.DOTALL)
_SITE = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?P<last>[a-z]{2,})"  # labels of a host
    r"(?P<path>/[\w./~%?=&#-]*[\w/~=-]|/)?"
    r"(?=[:,;.]?(?:\s|$))",  # and nothing more, lest a part of an address be taken for the whole
    re.ASCII,
)
_FILES = {"csv", "docx", "html", "json", "md", "pdf", "py", "txt", "xlsx", "yaml", "yml", "zip"}
"""How names of files end that would else be taken for a host's."""
_TOLD: dict[Basis, str] = {
    "stated": "stated", "partly assumption": "partly assumed", "inferred": "inferred", "assumption": "assumed",
}  # fmt: skip
TITLE = "What does this charger do when its cloud is gone?"
ABOUT = (
    "Pick your charger: its card says what happens, what you can do, and who says so. All answers come from a simulated outage of a model"
    " of the charger, none from the device itself: your firmware may do otherwise."
)
SETTING = (
    "The server is lost at 08:30 and is back at 15:00. Energy is cheap from 10:00 to 14:00 and dear before and after; a car that keeps to"
    " hours is to charge in the cheap ones only. Cars are there from 07:00, and one comes at 08:45. At 09:00 a station's plug is pulled"
    " for 20 s, at 09:15 a car's."
)
READ = (
    ("stated", "a maker's help, a standard, a law or somebody who looked at the device says so; it is named"),
    ("assumption", "no source was found that says so; the model assumes it, and says why"),
    ("partly assumption", "a source says a part of it, and the rest is assumed; both are told apart"),
    ("inferred", NOBODY),
    ("✓ held, ✗ failed, ? not checked", "what the checks found at the cars that show the answer, whether that is yes or no"),
    ("a link in a source", "it leads to what the source names; where that is a host alone, to the site only, not to the page there"),
    ("the outage", SETTING.removesuffix(".")),
)
"""How to read it: a word, and what it means."""
NOTHING = "Nothing: it charges on its own."
_ALL, _READ = "all", "read"
"""Anchors in the Markdown."""
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
    """``charging-continues held once, can-always-charge held once``, or ``not checked``."""
    parts = []
    for backing in cell.backings:
        found = [f"failed {times(backing.failed)}"] if backing.failed else []
        found += [f"held {times(backing.met)}"] if backing.met else []
        parts.append(f"{backing.check} {', '.join(found) or 'not put to the test'}")
    return "; ".join(parts) or "not checked, as no promise speaks of it"


def advice_texts(row: Row) -> list[str]:
    """What its owner can do, with how sure that is where it is not simply stated."""
    told = [sentence if basis == "stated" else f"{sentence.removesuffix('.')} ({basis})." for sentence, basis in row.advice.items()]
    return told or [NOTHING]


def site(text: str) -> str:
    """The host, with its path if it has one, that a source begins with; empty where it begins with something else."""
    found = _SITE.match(text)
    return found[0] if found and (found["path"] or found["last"] not in _FILES) else ""


def word_text(word: Word) -> str:
    """The word as text, an assumption said to be one."""
    return f"assumption: {word.text}" if word.assumed else f"stated: {word.text}"


def about_text(word: Word) -> str:
    """What the word is about, and where it stands in the model's file: ``(unknown cards: server_loss.unknown_tag)``."""
    told = dict.fromkeys(_PATHS[each] for each in word.about.split(", ") if each in _PATHS)
    return f"({', '.join(told)}{': ' if told else ''}{word.about})"


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
    """What the terminal shows: for each model a line for each question, and what its owner can do."""
    wide = max(len(question.brief) for question in QUESTIONS)
    most = max((len(cell.answer) for row in made.rows for cell in row.cells), default=0)
    for row in made.rows:
        yield ((row.name, "title"), (f"  {row.title}", ""))
        for cell in row.cells:
            told = f"{cell.question.brief:{wide}}  {cell.answer:{most}}"
            yield ((f"  {told}  ", ""), (f"{SIGNS[cell.mark]} ", cell.mark), (cell.basis, "quiet"))
        for sentence in advice_texts(row):
            yield ((f"  → {sentence}", ""),)
        yield ()


def render(made: Guide) -> str:
    """The Markdown page."""
    return "\n".join(_page(made)) + "\n"


def _page(made: Guide) -> Iterator[str]:
    yield from (f"# {TITLE}", "", ABOUT, "")
    for _, rows in groups(made):
        yield from (_chosen(*row.called, row.anchor) for row in rows)
    yield from ("", f"[All side by side](#{_ALL}) · [How to read an answer](#{_READ})")
    for row in made.rows:
        yield from ("", f'<a id="{row.anchor}"></a>', "", f"## {markdown(row.title)}", "")
        yield from _row(made, row)
    yield from ("", f'<a id="{_READ}"></a>', "", "## How to read an answer", "")
    yield from (f"- **{word}**: {means}." for word, means in READ)
    yield from ("", f'<a id="{_ALL}"></a>', "", "## All side by side", "")
    yield f"| charger | {' | '.join(question.brief for question in QUESTIONS)} |"
    yield f"|---|{'---|' * len(QUESTIONS)}"
    for row in made.rows:
        told = (f"{markdown(cell.answer)} ({SIGNS[cell.mark]} {cell.basis})" for cell in row.cells)
        yield f"| [{markdown(row.title)}](#{row.anchor}) | {' | '.join(told)} |"
    yield from ("", "## How this was made", "", "```sh", made.command, "```", "", f"harness {made.harness}")


def _chosen(called: str, beyond: str, anchor: str) -> str:
    return f"- [**{markdown(called)}**](#{anchor})" + (f" {markdown(beyond)}" if beyond else "")


def groups(made: Guide) -> list[tuple[str, list[Row]]]:
    """The chargers as an owner looks for them: those that a maker's name leads to, and the others; without a group that is empty."""
    found = (
        ("By its maker", [row for row in made.rows if row.maker]),
        ("By who runs it, by a standard or by law", [row for row in made.rows if not row.maker]),
    )
    return [(title, rows) for title, rows in found if rows]


def _row(made: Guide, row: Row) -> Iterator[str]:
    if row.failed:
        yield from (f"**Failed in this run:** {', '.join(row.failed)}.", "")
    yield from ("**What you can do:**", "", *(f"- {markdown(sentence)}" for sentence in advice_texts(row)), "")
    told = f" Sources: {'; '.join(map(_source, row.sources))}." if row.sources else ""
    yield f"**Where this is known from:** {markdown(row.known_from)}{told}"
    yield ""
    yield "| question | answer | stated or assumed | whose word it is | checked | shown by |"
    yield "|---|---|---|---|---|---|"
    for cell in row.cells:
        shown = f"{_linked(made, made.scenario)}: {', '.join(markdown(car) for car in cell.cars)}"
        yield (
            f"| {cell.question.asks} | **{markdown(cell.answer)}** | {cell.basis} | {'<br>'.join(_words(cell))}"
            f" | {SIGNS[cell.mark]} {markdown(backing_text(cell))} | {shown} |"
        )
    told = f"Model `{row.name}`" + (f", made by {markdown(row.maker)}" if row.maker else "") + "."
    yield from ("", f"{told} A scenario of its own: {_linked(made, row.story)}." if row.story else told)


def _source(text: str) -> str:
    """A source, with a link where it begins with a site; the table below, where it stands again and again, is read more easily without."""
    at, shown = site(text), markdown(text)
    named = markdown(at)  # with which all of it begins: no sign of a site is inert by what follows the site
    return f"[{named}](https://{at}){shown.removeprefix(named)}" if at else shown


def _words(cell: Cell) -> Iterator[str]:
    if not cell.promises:
        yield NOBODY
    yield from (f"{markdown(word_text(word))} <sub>{markdown(about_text(word))}</sub>" for word in cell.words)


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
