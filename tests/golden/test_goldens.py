"""The reports that are shipped are those that the scenarios give today."""

from __future__ import annotations

from difflib import unified_diff

import pytest
from goldens import (
    BEHAVIOURS_PAGE,
    CHECKS_PAGE,
    DECIDABLE_PAGE,
    DIGEST,
    INDEX,
    REPORTS,
    SMALLEST,
    behaviours_page,
    checks_page,
    decidable_page,
    guide,
    index,
    reports_of,
    smallest_of,
    street_digest,
)  # fmt: skip

from harness import scenario, shipped
from harness.search.trial import failing, judged

ANEW = "if this is meant, run `python tests/golden/goldens.py` and look at `git diff reports`"
SHOWN_LINES = 40


@pytest.mark.parametrize("name", shipped.scenario_names())
def test_a_shipped_scenario_gives_its_golden_reports(name):
    for path, content in reports_of(name).items():
        shown = path.relative_to(REPORTS.parent).as_posix()
        golden = path.read_bytes() if path.is_file() else b""
        if content != golden:
            lines = (text.decode().splitlines() for text in (golden, content))
            diff = list(unified_diff(*lines, f"{shown} as committed", f"{shown} as it is now", lineterm="", n=1))
            more = f"\n… and {len(diff) - SHOWN_LINES} lines more" if len(diff) > SHOWN_LINES else ""
            pytest.fail(f"{shown} differs; {ANEW}\n" + "\n".join(diff[:SHOWN_LINES]) + more, pytrace=False)


def test_no_report_is_left_of_a_scenario_that_is_gone():
    kept = {path.name for path in REPORTS.iterdir() if path.is_dir()} - {"runs", "explore", "shrunk", "sweeps"}
    assert kept == set(shipped.scenario_names())


def test_the_gallery_lists_what_is_there():
    assert index() == INDEX.read_bytes(), ANEW


def test_the_field_guide_is_what_the_models_do_today():
    for path, content in guide().items():
        assert content == path.read_bytes(), f"{path.name} differs; {ANEW}"


def test_the_page_about_checks_says_what_they_say_of_themselves():
    assert checks_page() == CHECKS_PAGE.read_bytes(), ANEW


def test_the_page_about_what_can_be_decided_says_what_the_data_says():
    assert decidable_page() == DECIDABLE_PAGE.read_bytes(), ANEW


def test_the_page_about_each_charger_answers_as_the_field_guide_does():
    page = behaviours_page()
    assert page == BEHAVIOURS_PAGE.read_bytes(), ANEW
    rows = [line for line in page.decode().splitlines() if line.startswith("| Does it help to pull the station's plug? |")]
    assert len(rows) == 2
    assert "| yes, then it charges at once |" in rows[0]


def test_the_digest_of_a_small_journal_is_the_committed_one():
    assert street_digest() == DIGEST.read_text().strip(), ANEW


@pytest.mark.parametrize("mutant", SMALLEST)
def test_a_wrong_behaviour_is_found_and_made_as_small_as_is_committed(mutant):
    ((path, content),) = smallest_of(mutant).items()
    assert content.decode() == path.read_text(encoding="utf-8"), ANEW
    small = scenario.load(path)
    check = small.title.removesuffix(" fails")
    assert check in failing(judged(small))
    assert len(small.plan) <= 4
    assert len(small.names()) <= 2
