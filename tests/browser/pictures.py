"""Make the pictures of the README anew: ``python tests/browser/pictures.py``.

Each is a part of a golden page as Chromium shows it, and holds the digest of that page's journal under ``digest``, so that a test can
tell whether it still shows what the harness does.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"
PICTURES = {
    "first-screen.png": ("faq-walkthrough", "header, #behaviours, #cost, #size"),
    "timeline.png": ("power-cut-in-outage", "#timeline .scroller"),
}
"""Picture → whose golden page, and which parts of it."""
WIDE = 1120
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEY = b"digest\0"


def chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The parts of a PNG file: their kinds and what they hold."""
    place = len(_SIGNATURE)
    while place < len(picture):
        (length,) = struct.unpack_from(">I", picture, place)
        yield picture[place + 4 : place + 8], picture[place + 8 : place + 8 + length]
        place += length + 12


def with_digest(picture: bytes, digest: str) -> bytes:
    """The picture with a digest in its text."""
    body = _KEY + digest.encode("ascii")
    text = struct.pack(">I", len(body)) + b"tEXt" + body + struct.pack(">I", zlib.crc32(b"tEXt" + body))
    head = len(_SIGNATURE) + 25  # the signature and the header, which comes first
    return picture[:head] + text + picture[head:]


def digest_in(picture: bytes) -> str:
    """The digest that a picture holds; empty: none."""
    return next(
        (body.removeprefix(_KEY).decode("ascii") for kind, body in chunks(picture) if kind == b"tEXt" and body.startswith(_KEY)), ""
    )


def digest_of(scenario: str) -> str:
    """The digest of the golden journal of a shipped scenario."""
    result = json.loads((ROOT / "reports" / scenario / "result.json").read_text(encoding="utf-8"))
    return str(result["journal"]["digest"])


def main() -> None:
    """Make all of them."""
    from chromium import find
    from conftest import QUIET
    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=[*QUIET])
        page = browser.new_page(viewport={"width": WIDE, "height": 800})
        for file, (scenario, parts) in PICTURES.items():
            page.goto((ROOT / "reports" / scenario / "report.html").as_uri())
            boxes = [part.bounding_box() for part in page.locator(parts).all()]
            top = min(box["y"] for box in boxes if box) - 2
            bottom = max(box["y"] + box["height"] for box in boxes if box) + 4
            clip = {"x": 0, "y": max(0, top), "width": WIDE, "height": bottom - max(0, top)}
            picture = page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]
            (FOLDER / file).write_bytes(with_digest(picture, digest_of(scenario)))
            print((FOLDER / file).relative_to(ROOT))
        browser.close()


if __name__ == "__main__":
    main()
