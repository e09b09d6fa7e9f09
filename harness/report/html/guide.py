"""The field guide as one HTML file: choose a charger, read its card; all of them side by side below."""

from __future__ import annotations

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
    about_text,
    advice_texts,
    backing_text,
    groups,
    scenario_file,
    site,
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
    parts = [tag("header", head), _choice(made)]
    parts += [_card(made, row) for row in made.rows]
    parts += [_reading(), tag("section", tag("h2", "All side by side") + _table(made), id=_ALL)]
    command = tag("pre", tag("code", say(made.command, 2000)), tabindex="0")
    origin = tag("h2", "How this was made") + command + tag("p", f"harness {say(made.harness)}", class_="hint")
    parts.append(tag("section", origin, id=_MADE))
    return document(TITLE, "".join(parts), style="guide.css")


def _choice(made: Guide) -> str:
    """Links to the cards."""
    lists = "".join(tag("h3", title) + listed(map(_link, rows)) for title, rows in groups(made))
    beyond = tag("p", tag("a", "All side by side", href=f"#{_ALL}") + " · " + tag("a", "How to read an answer", href=f"#{_READ}"))
    return tag("nav", tag("h2", "Which charger is it?") + lists + beyond, id=_CHOOSE, aria_label="Which charger is it?")


def _link(row: Row) -> str:
    called, beyond = row.called
    return tag("a", say(called) + (f" <small>{say(beyond)}</small>" if beyond else ""), href=f"#{row.anchor}",
               class_="failed" if row.failed else None)  # fmt: skip


def _reading() -> str:
    terms = "".join(tag("dt", say(word)) + tag("dd", f"{say(means, _MOST)}.") for word, means in READ)
    return tag("section", tag("h2", "How to read an answer") + tag("dl", terms, class_="reading"), id=_READ)


# A card.


def _card(made: Guide, row: Row) -> str:
    failed = ""
    if row.failed:
        checks = say(", ".join(row.failed), _MOST)
        failed = tag("p", f'<b class="mark fail">{SIGNS["fail"]}</b> Its contract failed in this run: {checks}.', class_="broken")
    gist = listed(_in_short(row, cell) for cell in row.cells)
    todo = tag("h3", "What you can do") + listed(say(sentence) for sentence in advice_texts(row))
    sources = f" Sources: {'; '.join(map(_source, row.sources))}." if row.sources else ""
    known = tag("h3", "Where this is known from") + tag("p", say(row.known_from) + sources)
    answers = "".join(_answer(made, row, cell) for cell in row.cells)
    facts = [f"model {name(row.name)}"]
    facts += [f"made by {name(row.maker)}"] if row.maker else []
    facts += [f"a scenario of its own: {_linked(made, row.story)}"] if row.story else []
    foot = tag("p", "; ".join(facts), class_="hint") + tag("p", tag("a", "↑ another charger", href=f"#{_CHOOSE}"), class_="up")
    return tag(
        "article",
        tag("h2", say(row.title)) + failed + tag("div", gist, class_="gist") + tag("div", todo, class_="todo")
        + tag("div", known, class_="known") + tag("dl", answers) + foot,
        id=row.anchor,
    )  # fmt: skip


def _in_short(row: Row, cell: Cell) -> str:
    """A line that leads to the answer."""
    link = tag("a", say(cell.question.asks), href=f"#{_place(row, cell)}")
    return link + tag("span", f"<b>{_begun(cell.answer)}</b> <small>{say(cell.basis)}</small>")


def _place(row: Row, cell: Cell) -> str:
    return f"{row.anchor}.{cell.question.key}"


def _answer(made: Guide, row: Row, cell: Cell) -> str:
    """A question with its answer, what the owner can do, whose word it is, what was checked, and what shows it."""
    badge = tag("span", say(cell.basis), class_=f"badge {_badge(cell)}")
    told = tag("p", f"<b>{_begun(cell.answer)}</b> {badge}", class_="answer")
    todo = "".join(tag("p", say(sentence), class_="do") for sentence in cell.advice)
    nobody = "" if cell.promises else tag("p", f"{_begun(NOBODY)}.", class_="word")
    words = "".join(tag("p", f"{_said(word)} <small>{say(about_text(word), _MOST)}</small>", class_="word") for word in cell.words)
    cars = say(", ".join(cell.cars), _MOST)
    shown = tag("p", f"{_mark(cell)} {say(backing_text(cell), _MOST)}. Shown by {cars} in {_linked(made, made.scenario)}.", class_="hint")
    return tag("div", tag("dt", say(cell.question.asks)) + tag("dd", told + todo + nobody + words + shown), id=_place(row, cell))


def _begun(text: str) -> str:
    """The text as a sentence's begin."""
    return say(text[0].upper() + text[1:], _MOST)


def _said(word: Word) -> str:
    return tag("em", _begun(word_text(word))) if word.assumed else f"Stated: {_source(word.text)}"


def _source(text: str) -> str:
    """A source; where it begins with a site, that is a link."""
    at = site(text)
    link = tag("a", say(at), href=f"https://{at}", rel="noreferrer") if at else ""
    return link + say(text[len(at) :], _MOST)


def _mark(cell: Cell) -> str:
    spoken = {"pass": "held", "fail": "failed", "unknown": "not checked"}[cell.mark]
    return tag("span", SIGNS[cell.mark], class_=f"mark {cell.mark}", role="img", aria_label=spoken)


def _badge(cell: Cell) -> str:
    if cell.mark == "fail":
        return "fail"
    return {"stated": "pass", "inferred": "nobody"}.get(cell.basis, "unknown")


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
