"""The field guide as one HTML file: choose a charger, read its card; all of them side by side below."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.answers import QUESTIONS
from harness.report.guide import (
    ABOUT,
    NOBODY,
    READ,
    SIGNS,
    TITLE,
    Cell,
    Guide,
    Row,
    Word,
    backing_text,
    promise_text,
    scenario_file,
    statement_text,
    word_text,
)
from harness.report.html.document import document
from harness.report.html.text import listed, name, say, tag

_MOST = 600
_CHOOSE, _READ, _ALL, _MADE = "choose.", "read.", "all.", "made."
"""Ids of parts of the page; a model's name, which is its card's id, has no dot."""


def render(made: Guide) -> bytes:
    """The page."""
    head = tag("p", "field guide", class_="kind") + tag("h1", say(TITLE)) + tag("p", say(ABOUT, _MOST))
    parts = [tag("header", head), _choice(made), _reading()]
    parts += [_card(made, row) for row in made.rows]
    parts.append(tag("section", tag("h2", "All side by side") + _table(made), id=_ALL))
    command = tag("pre", tag("code", say(made.command, 2000)), tabindex="0")
    origin = tag("h2", "How this was made") + command + tag("p", f"harness {say(made.harness)}", class_="hint")
    parts.append(tag("section", origin, id=_MADE))
    return document(TITLE, "".join(parts), style="guide.css")


def _choice(made: Guide) -> str:
    """Links to the cards: those that a maker's name leads to, and the others."""
    groups = (
        ("By its maker", [row for row in made.rows if row.maker]),
        ("By who runs it, by a standard or by law", [row for row in made.rows if not row.maker]),
    )
    lists = "".join(tag("h3", title) + listed(map(_link, rows)) for title, rows in groups if rows)
    beyond = tag("p", tag("a", "All side by side", href=f"#{_ALL}") + " · " + tag("a", "How to read an answer", href=f"#{_READ}"))
    return tag("nav", tag("h2", "Which charger is it?") + lists + beyond, id=_CHOOSE, aria_label="Which charger is it?")


def _link(row: Row) -> str:
    small = f"<small>{name(row.name)}{' · ' if row.maker else ''}{name(row.maker)}</small>"
    return tag("a", say(row.title) + small, href=f"#{row.anchor}", class_="failed" if row.failed else None)


def _reading() -> str:
    terms = "".join(tag("dt", say(word)) + tag("dd", f"{say(means, _MOST)}.") for word, means in READ)
    return tag("section", tag("h2", "How to read an answer") + tag("dl", terms, class_="reading"), id=_READ)


# A card.


def _card(made: Guide, row: Row) -> str:
    facts = [f"model {name(row.name)}"]
    facts += [f"made by {name(row.maker)}"] if row.maker else []
    facts += [f"a scenario of its own: {_linked(made, row.story)}"] if row.story else []
    failed = ""
    if row.failed:
        checks = say(", ".join(row.failed), _MOST)
        failed = tag("p", f'<b class="mark fail">{SIGNS["fail"]}</b> Its contract failed in this run: {checks}.', class_="broken")
    gist = listed(_in_short(row, cell) for cell in row.cells)
    answers = "".join(_answer(made, row, cell) for cell in row.cells)
    back = tag("p", tag("a", "↑ another charger", href=f"#{_CHOOSE}"), class_="up")
    head = tag("h2", say(row.title)) + tag("p", "; ".join(facts), class_="hint")
    return tag("article", head + failed + tag("div", gist, class_="gist") + tag("dl", answers) + back, id=row.anchor)


def _in_short(row: Row, cell: Cell) -> str:
    """A line that leads to the answer."""
    link = tag("a", say(cell.question.brief), href=f"#{_place(row, cell)}")
    return link + tag("span", f"<b>{say(cell.answer)}</b> <small>{say(cell.basis)}</small>")


def _place(row: Row, cell: Cell) -> str:
    return f"{row.anchor}.{cell.question.key}"


def _answer(made: Guide, row: Row, cell: Cell) -> str:
    """A question with its answer, what was checked, whose word it is, and what shows it."""
    badge = tag("span", say(cell.basis), class_=f"badge {_badge(cell)}")
    told = tag("p", f"<b>{say(cell.answer)}</b> {badge}", class_="answer")
    words = "".join(_words(cell))
    cars = say(", ".join(cell.cars), _MOST)
    shown = tag(
        "p", f"Checked: {_mark(cell)} {say(backing_text(cell), _MOST)}. Shown by {cars} in {_linked(made, made.scenario)}.", class_="hint"
    )
    return tag("div", tag("dt", say(cell.question.asks)) + tag("dd", told + words + shown), id=_place(row, cell))


def _words(cell: Cell) -> Iterator[str]:
    if not cell.promises:
        yield tag("p", f"{_begun(NOBODY)}.", class_="word")
    for word in cell.promises:
        yield tag("p", f"{_begun(promise_text(word))}: {_said(word)}", class_="word")
    for word in cell.statements:
        yield tag("p", f"{_begun(statement_text(word))}: {_said(word)}", class_="word")


def _begun(text: str) -> str:
    """The text as a sentence's begin."""
    return say(text[0].upper() + text[1:], _MOST)


def _said(word: Word) -> str:
    text = say(word_text(word), _MOST)
    return tag("em", text) if word.assumed else text


def _mark(cell: Cell) -> str:
    spoken = {"pass": "held", "fail": "failed", "unknown": "not exercised"}[cell.mark]
    return tag("span", SIGNS[cell.mark], class_=f"mark {cell.mark}", role="img", aria_label=spoken)


def _badge(cell: Cell) -> str:
    if cell.mark == "fail":
        return "fail"
    return {"source": "pass", "nobody's promise": "nobody"}.get(cell.basis, "unknown")


def _linked(made: Guide, scenario: str) -> str:
    return tag("a", say(scenario), href=scenario_file(scenario)) if scenario in made.links else tag("code", say(scenario))


# All side by side.


def _table(made: Guide) -> str:
    heads = "".join(tag("th", say(question.brief), scope="col") for question in QUESTIONS)
    rows = "".join(
        tag("tr", tag("th", tag("a", name(row.name), href=f"#{row.anchor}"), scope="row") + "".join(map(_short, row.cells)))
        for row in made.rows
    )
    caption = "What each charger does without its server, and whose word that is"
    head = tag("thead", tag("tr", tag("th", "charger", scope="col") + heads))
    inner = tag("caption", say(caption)) + head + tag("tbody", rows)
    return tag("div", tag("table", inner, class_="all"), class_="wide", tabindex="0", role="region", aria_label=caption)


def _short(cell: Cell) -> str:
    return tag(
        "td", f"{say(cell.answer)}<br><small>{_mark(cell)} {say(cell.basis)}</small>", class_="broken" if cell.mark == "fail" else None
    )
