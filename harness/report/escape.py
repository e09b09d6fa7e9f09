"""Text of a file or a user, made inert for where it is shown."""

import re

_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Control characters but for white space, marks that turn the direction of the text around them, and what is no character at all."""

_BEGINS_A_BLOCK = re.compile(r"(\d{0,9})([#>]|[-+.)](?= |$)|-+$|=+$)")
"""What at the beginning of a line makes it a heading, a quotation, an item of a list or a line across the page."""


def markdown(text: str) -> str:
    """In one line, and such that it acts neither as Markdown nor as HTML, wherever it stands."""
    escaped = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text).replace("&", "&amp;").replace("<", "&lt;")
    for sign in "\\`*_[]|~":
        escaped = escaped.replace(sign, f"\\{sign}")
    line = " ".join(escaped.split())
    marker = _BEGINS_A_BLOCK.match(line)
    return f"{marker[1]}\\{line[marker.start(2) :]}" if marker else line


def annotation(text: str) -> str:
    """The message of a workflow command of GitHub Actions."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def annotation_property(text: str) -> str:
    """A property of a workflow command of GitHub Actions."""
    return annotation(text).replace(":", "%3A").replace(",", "%2C")
