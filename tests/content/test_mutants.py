"""Known wrong behaviours, each planted in a scenario of its own in ``tests/mutants``, and the check that must find it.

A mutant's file differs from a right one in a single line, which ends in ``# right: VALUE``. As it stands, the check named here must
fail; with the right value the same scenario must pass, and the check must have been put to the test.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import scenario
from harness.api import run
from harness.fault.quirks import CHARGER_QUIRKS, SERVER_QUIRKS

FOLDER = Path(__file__).parent.parent / "mutants"
WRONG_LINE = re.compile(r"^(\w+): .*  # right: (.*)$", re.MULTILINE)

FOUND_BY = {
    "amperage-applied-late": "current-within-limits",
    "amperages-swapped": "offline-limit-applies",
    "availability-forgotten": "availability-kept",
    "boot-awaited-after-reconnect": "reconnects-in-time",
    "energy-restarts-at-zero": "transactions-accounted",
    "group-raised-before-lowering": "load-group-within-capacity",
    "group-share-forgotten": "settings-remembered",
    "half-open-never-noticed": "hold-lifted-after-loss",
    "hold-lost-at-server-loss": "hold-ends-on-time",
    "hold-never-ends-offline": "hold-ends-on-time",
    "hold-renewed-offline": "hold-ends-on-time",
    "hold-survives-power-cycle": "unplug-clears-schedule",
    "new-car-refused-offline": "can-always-charge",
    "no-back-off": "reconnect-backs-off",
    "not-resumed-after-power-up": "can-always-charge",
    "override-dropped-at-loss": "override-kept",
    "override-survives-restart": "override-needed-after-recovery",
    "queue-drops-oldest-start": "transactions-accounted",
    "queue-reordered": "transactions-in-order",
    "queue-sent-at-once": "transactions-accounted",
    "random-delay-skipped": "random-delay-applied",
    "refused-command-replayed": "tou-suspended",
    "repeats-booked-twice": "transactions-accounted",
    "resumes-above-wire-rating": "settings-remembered",
    "schedule-cleared-by-server-loss": "schedule-runs-offline",
    "stamps-1970": "clock-sane",
    "start-lost": "transactions-accounted",
    "stop-sent-twice": "transactions-accounted",
    "wire-rating-forgotten": "settings-remembered",
}
"""Mutant → the check meant for it."""


def text_of(mutant: str) -> str:
    return (FOLDER / f"{mutant}.yaml").read_text(encoding="utf-8")


def test_each_mutant_has_a_check_meant_for_it():
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == sorted(FOUND_BY)


def test_each_known_wrong_behaviour_is_planted_once():
    wrong = [line.group() for mutant in FOUND_BY for line in WRONG_LINE.finditer(text_of(mutant))]
    planted = [quirk for line in wrong for quirks in re.findall(r"quirks: \[(.*?)\]", line) for quirk in quirks.split(", ")]
    assert sorted(planted) == sorted([*CHARGER_QUIRKS, *SERVER_QUIRKS])


@pytest.mark.parametrize("mutant", FOUND_BY)
def test_a_mutant_is_wrong_in_one_line(mutant):
    assert len(WRONG_LINE.findall(text_of(mutant))) == 1


@pytest.mark.parametrize(("mutant", "check"), FOUND_BY.items())
def test_the_check_meant_for_it_finds_the_wrong_behaviour(mutant, check):
    result = run(scenario.loads(text_of(mutant), mutant), twin=False)
    assert result.exit_code == 1
    assert result.checks[check].verdict == "fail"
    assert result.checks[check].witness is not None


@pytest.mark.parametrize(("mutant", "check"), FOUND_BY.items())
def test_the_right_behaviour_passes_the_same_scenario(mutant, check):
    right = WRONG_LINE.sub(r"\1: \2", text_of(mutant))
    result = run(scenario.loads(right, mutant), twin=False)
    assert (result.judgement.reasons, result.exit_code) == ([], 0)
    assert result.checks[check].met >= 1
