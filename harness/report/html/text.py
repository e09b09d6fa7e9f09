"""Text on its way into a page: whatever a scenario, a model or the wire says comes out as text, never as markup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from harness.report.escape import printable

MOST_LETTERS = 300
"""What is longer is cut, visibly."""
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def plain(text: object, most: int = MOST_LETTERS) -> str:
    """The text without what cannot be printed or would disturb what stands beside it; not yet fit for markup."""
    shown = printable(str(text).replace("\r\n", "\n"))
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def say(text: object, most: int = MOST_LETTERS) -> str:
    """The text, fit to stand in an element or in an attribute."""
    return plain(text, most).translate(_MARKUP)


def name(text: object, most: int = 60) -> str:
    """A name that somebody gave, kept apart from the direction of the text around it."""
    return f"<bdi>{say(text, most)}</bdi>"


def attributes(**given: object) -> str:
    """Attributes of an element; an underscore stands for a hyphen, a trailing one for nothing; None leaves one out."""
    return "".join(f' {key.rstrip("_").replace("_", "-")}="{say(value, 4000)}"' for key, value in given.items() if value is not None)


def tag(element: str, content: str = "", **given: object) -> str:
    """An element with markup as its content."""
    return f"<{element}{attributes(**given)}>{content}</{element}>"


def listed(items: Iterable[str]) -> str:
    """A list of markup."""
    return tag("ul", "".join(tag("li", item) for item in items))


def table(head: Iterable[str], rows: Iterable[Iterable[str]], caption: str, *, class_: str | None = None, aligned: str = "") -> str:
    """A table of markup. ``aligned``: a letter for each column, ``l`` for text or ``r`` for figures."""
    sides = [*aligned] + ["l"] * 40
    heads = "".join(tag("th", cell, scope="col", class_="r" if side == "r" else None) for cell, side in zip(head, sides, strict=False))
    body = "".join(
        "<tr>" + "".join(tag("td", cell, class_="r" if side == "r" else None) for cell, side in zip(row, sides, strict=False)) + "</tr>"
        for row in rows
    )
    inner = f"<caption>{say(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"
    return tag("div", tag("table", inner, class_=class_), class_="wide", tabindex="0", role="region", aria_label=caption)


def data(id_: str, value: Any) -> str:
    """A value for the page's script, which nothing in it can end."""
    text = msgspec.json.encode(value).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f'<script type="application/json" id="{id_}">{text}</script>'
