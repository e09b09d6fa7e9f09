"""Text of others, made inert: for Markdown as GitHub reads it, for a fence, for a terminal and for a job's log."""

from __future__ import annotations

import re
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.report.escape import fenced, logged, markdown, printable

ON_GITHUB = re.compile(
    r"@\w|#\d|\bGH-\d|\w://|www\.\w|:[a-z0-9_+-]*[a-z_+-][a-z0-9_+-]*:|:100:|:1234:|\$.*\$", re.IGNORECASE | re.ASCII
)  # fmt: skip
"""What GitHub makes a mention, a link, a picture or a formula of, where it finds it in one piece of text."""


def pieces(text: str) -> list[str]:
    """What a reader of Markdown makes of a text: its pieces between elements."""
    tokens = [child for token in MarkdownIt("commonmark").enable("table").parse(text) for child in token.children or ()]
    return ["".join(token.content for token in group) for kind, group in groupby(tokens, lambda token: token.type) if kind == "text"]


@pytest.mark.parametrize(
    "text",
    [
        "ask @octocat", "owner/repo#1", "#1", "GH-12", "see https://example.invalid/x", "HTTP://example.invalid", "www.example.invalid",
        "octo@example.invalid", ":tada:", "a :heavy_check_mark: b", ":+1:", "1:100:2", "$x^2$", "$$x$$", "$`x`$",
    ],
)  # fmt: skip
def test_what_github_finds_in_a_text_it_does_not_find(text):
    assert ON_GITHUB.search(text)
    assert not any(ON_GITHUB.search(piece) for piece in pieces(markdown(text)))
    assert "".join(pieces(markdown(text))) == text


@given(st.text("@#$:/.-w1aGHhtps_`\\<& ", min_size=1, max_size=30).filter(str.strip))
def test_nor_in_any_other(text):
    assert not any(ON_GITHUB.search(piece) for piece in pieces(markdown(text)))


@pytest.mark.parametrize("text", ["Thu 19:30:45.250", "+1 d 04:50:55", "C#", "a: b", "100 % @ 5", "e.g. x", "-5", "Rs. 3: 4"])
def test_plain_words_and_times_stay_as_they_are(text):
    assert markdown(text) == text


def test_what_begins_a_line_makes_no_block_of_it():
    for text in ("= b", "===", "+ b", "- b", "# b", "1. b", "> b"):
        assert [token.type for token in MarkdownIt("commonmark").parse(f"above\n{markdown(text)}")] == [
            "paragraph_open", "inline", "paragraph_close",
        ]  # fmt: skip


def test_in_a_fence_it_is_one_line_that_obeys_nothing():
    assert fenced("a\r\nb\u2028c\x1b]0;x\x07\x1b[2J \u202ed ```") == "a  b c�]0;x��[2J �d '''"


def test_words_that_need_joiners_keep_them():
    persian = "می\u200cخواهم \U0001f468\u200d\U0001f469 e\u0301\xad"
    assert printable(persian) == persian
    assert printable("a\tb\n\x1b[31m\r\u202e\udcff") == "a\tb\n�[31m���"


@pytest.mark.parametrize("text", ["::error::x", "  ::error::x", "ok\n \t::set-output name=a::b", "x ##[error]y", "\n\n::debug::x"])
def test_no_line_of_a_log_is_a_workflow_command(text):
    assert not re.search(r"(?m)^\s*::|##\[", logged(text))
    assert logged(text).replace(" ", "") == text.replace(" ", "")


def test_other_lines_of_a_log_stay_as_they_are():
    text = "a::b  :x: ## [y] 19:30\n: c"
    assert logged(text) == text
