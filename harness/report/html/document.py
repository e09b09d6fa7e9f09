"""The frame of every page: one file that fetches nothing."""

from __future__ import annotations

from pathlib import Path

from harness.report.html.text import say

_FOLDER = Path(__file__).parent


def document(title: str, body: str, *, script: str = "", style: str = "") -> bytes:
    """A whole page with this markup in it. ``script`` and ``style`` name files beside this one that it has, too: what makes its parts move,
    and how those look that only this page has."""
    # Nothing is fetched, whatever a text in it may try: no image, font, script or style but those that stand here.
    policy = "default-src 'none'; style-src 'unsafe-inline'" + ("; script-src 'unsafe-inline'" if script else "")
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<title>{say(title, 120)}</title>",
        f"<style>\n{_part('page.css')}{_part(style) if style else ''}</style>\n</head>\n<body>\n<main>",
        f"{body}\n</main>",
        f"<script>\n{_part(script)}</script>\n</body>\n</html>\n" if script else "</body>\n</html>\n",
    ]
    return "\n".join(parts).encode()


def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
