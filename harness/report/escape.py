"""Text of a file or a user, made inert for where it is shown."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""Control characters but for tabs and line ends, marks that turn the direction of the text around them, and what is no character at all.

Joiners are none of them: words of some languages are not written without.
"""

_ACTS = re.compile(
    r"[\\`*_\[\]|~&<]"  # in Markdown and HTML; further, on GitHub:
    r"|@(?=\w)"  # a mention, an address
    r"|#(?=\d)|(?<=\bGH)-(?=\d)"  # an issue
    r"|:(?=//)|(?<=www)\."  # a link
    r"|:(?=[a-z0-9_+-]+:)(?!\d\d:)"  # an emoji, which no time of day is
    r"|\$",  # a formula
    re.IGNORECASE,
)
_BEGINS_A_BLOCK = re.compile(r"(\d{0,9})([#>]|[-+.)](?= |$)|-+$|=+$)")
"""What at the beginning of a line makes it a heading, a quotation, an item of a list or a line across the page."""
_COMMAND = re.compile(r"^\s*:(?=:)|##(?=\[)", re.MULTILINE)
"""What makes a line of a log a workflow command of GitHub Actions."""


def printable(text: str) -> str:
    """Text without what a terminal or a browser would obey, or what turns the text beside it; tabs and line ends stay."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def markdown(text: str) -> str:
    """In one line, and such that it acts neither as Markdown nor as HTML, wherever it stands, nor as what GitHub finds in a text."""
    line = _ACTS.sub(_inert, printable(" ".join(text.split())))
    marker = _BEGINS_A_BLOCK.match(line)
    return f"{marker[1]}\\{line[marker.start(2) :]}" if marker else line


def _inert(match: re.Match[str]) -> str:
    sign = match[0]
    if sign in "&<":
        return "&amp;" if sign == "&" else "&lt;"
    # What GitHub finds, it finds in the text that came of the Markdown, where nothing is escaped any more; but not across elements.
    return f"<span>{sign}</span>" if sign in "@#-:.$" else f"\\{sign}"


def fenced(text: str) -> str:
    """In one line inside a fence, which it must not close."""
    return printable(re.sub(r"\s", " ", text)).replace("```", "'''")


def logged(text: str) -> str:
    """Lines of a log, none of which is a workflow command of GitHub Actions."""
    return _COMMAND.sub(r"\g<0> ", text)


def annotation(text: str) -> str:
    """The message of a workflow command of GitHub Actions."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def annotation_property(text: str) -> str:
    """A property of a workflow command of GitHub Actions."""
    return annotation(text).replace(":", "%3A").replace(",", "%2C")
