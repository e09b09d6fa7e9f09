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
    "adds-second-hold": "hold-ends-on-time",
    "amperage-applied-late": "current-within-limits",
    "amperages-swapped": "offline-limit-applies",
    "availability-forgotten": "availability-kept",
    "awaits-acceptance-for-ever": "reconnects-in-time",
    "boot-awaited-after-reconnect": "reconnects-in-time",
    "drops-in-flight-at-loss": "transactions-accounted",
    "energy-restarts-at-zero": "transactions-accounted",
    "flags-pending-as-online": "offline-flag",
    "forgets-amperage-at-release": "current-within-limits",
    "forgets-closing-in-charge": "availability-kept",
    "forgets-offline-limit-at-boot": "offline-limit-applies",
    "forgets-waiting-car": "can-always-charge",
    "forgets-wire-rating-in-boot": "settings-remembered",
    "frees-share-at-loss": "load-group-within-capacity",
    "group-raised-before-lowering": "load-group-within-capacity",
    "group-share-forgotten": "settings-remembered",
    "half-open-never-noticed": "hold-lifted-after-loss",
    "hold-lost-at-server-loss": "hold-ends-on-time",
    "hold-never-ends-offline": "hold-ends-on-time",
    "hold-renewed-offline": "hold-ends-on-time",
    "hold-survives-power-cycle": "unplug-clears-schedule",
    "hold-survives-server-loss": "hold-lifted-after-loss",
    "holds-whole-window": "settings-converge",
    "ignores-amperage-while-starting": "current-within-limits",
    "ignores-release-on-return": "override-kept",
    "ignores-replug-offline": "replug-overrides",
    "keeps-first-schedule": "schedule-runs-offline",
    "keeps-hold-for-next-car": "can-always-charge",
    "keeps-old-utc-offset": "schedule-runs-offline",
    "keeps-schedule-in-cut-online": "unscheduled-after-power-cut",
    "lifts-pause-once": "hold-lifted-after-loss",
    "loses-end-at-limit": "transactions-accounted",
    "loses-schedule-while-holding": "schedule-survives-power-cycle",
    "new-car-charged-offline": "new-session-refused-offline",
    "new-car-refused-offline": "can-always-charge",
    "new-car-waits-offline": "can-always-charge",
    "no-back-off": "reconnect-backs-off",
    "not-resumed-after-power-up": "can-always-charge",
    "numbers-readings-once": "no-sequence-gap",
    "offline-limit-ignored": "offline-limit-applies",
    "override-dropped-at-loss": "override-kept",
    "override-survives-restart": "override-needed-after-recovery",
    "queue-drops-oldest-start": "transactions-accounted",
    "queue-reordered": "transactions-in-order",
    "queue-sent-at-once": "transactions-accounted",
    "raises-to-offline-amperage": "current-within-limits",
    "random-delay-skipped": "random-delay-applied",
    "refused-command-replayed": "tou-suspended",
    "registers-only-once": "nothing-before-acceptance",
    "repeats-booked-twice": "transactions-accounted",
    "repeats-doubtful-commands": "tou-suspended",
    "restores-first-shares": "load-group-within-capacity",
    "resumes-above-wire-rating": "settings-remembered",
    "schedule-cleared-by-server-loss": "schedule-runs-offline",
    "schedule-forgotten-at-power-up": "schedule-survives-power-cycle",
    "schedule-survives-power-cycle": "unscheduled-after-power-cut",
    "skips-delay-at-power-up": "random-delay-applied",
    "skips-delay-at-return": "random-delay-at-return",
    "stamps-1970": "clock-sane",
    "stamps-repeats-anew": "clock-sane",
    "start-lost": "transactions-accounted",
    "stop-sent-twice": "transactions-accounted",
    "stops-at-swipe-offline": "charging-continues",
    "times-hold-by-clock": "hold-ends-on-time",
    "unknown-tag-waits-offline": "unknown-tag-charges-offline",
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
