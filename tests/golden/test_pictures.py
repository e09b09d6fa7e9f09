"""The pictures of the README show what the harness does today."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from pictures import FOLDER, PICTURES, digest_in, digest_of, with_digest  # noqa: E402

ANEW = "if this is meant, run `python tests/browser/pictures.py` after the goldens, and look at the pictures"


@pytest.mark.parametrize("file", PICTURES)
def test_a_picture_is_of_the_golden_journal(file):
    scenario, _ = PICTURES[file]
    assert digest_in((FOLDER / file).read_bytes()) == digest_of(scenario), ANEW


def test_the_readme_shows_each():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [file for file in PICTURES if f"docs/pictures/{file}" not in readme] == []


def test_a_digest_is_read_as_it_was_written():
    picture = (FOLDER / next(iter(PICTURES))).read_bytes()
    assert digest_in(with_digest(picture, "a" * 64)) == "a" * 64
