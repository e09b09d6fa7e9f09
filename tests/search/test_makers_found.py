"""Five wrong behaviours of each shipped charger, planted one at a time, are found by a few dozen random plans and the contract's checks.

Which five: those that break what the maker is known for, each by another check where the contract has so many, as a driver or an
operator would meet it: what becomes of a car that is held or paused, of one that comes in the outage, of a limit, of what loss
of mains clears, of what is booked. Each takes milliseconds to a second, as the plans stop at the first that fails; nothing is
made small here.
"""

from __future__ import annotations

import pytest
from random_plans import MODELS

from harness.fault.mutants import MUTANTS
from harness.search.mutants import planted
from harness.search.space import Space, source
from harness.search.trial import tried

PLANS = 150
"""The one that takes most takes 57."""

FOUND_BY = {
    "juicebox-40": {
        "hold-lost-at-server-loss": "hold-ends-on-time", "hold-never-ends-offline": "can-always-charge",
        "hold-survives-power-cycle": "can-always-charge", "new-car-refused-offline": "can-always-charge",
        "wire-rating-forgotten": "current-within-limits",
    },
    "juicebox-v09u": {
        "hold-survives-server-loss": "hold-lifted-after-loss", "new-car-refused-offline": "can-always-charge",
        "offline-limit-ignored": "offline-limit-applies", "swaps-amperages": "current-within-limits", "no-backoff": "reconnect-backs-off",
    },
    "waybox": {
        "schedule-cleared-by-server-loss": "schedule-runs-offline", "schedule-survives-power-cycle": "unscheduled-after-power-cut",
        "wire-rating-forgotten": "current-within-limits", "loses-start": "transactions-accounted", "no-backoff": "reconnect-backs-off",
    },
    "ocpp16-strict": {
        "schedule-cleared-by-server-loss": "schedule-runs-offline", "schedule-forgotten-at-power-up": "schedule-survives-power-cycle",
        "reorders-queue": "transactions-in-order", "loses-start": "transactions-accounted",
        "registers-only-once": "nothing-before-acceptance",
    },
    "ocpp201": {
        "schedule-cleared-by-server-loss": "schedule-runs-offline", "schedule-forgotten-at-power-up": "schedule-survives-power-cycle",
        "numbers-readings-once": "no-sequence-gap", "registers-only-once": "nothing-before-acceptance",
        "loses-start": "transactions-accounted",
    },
    "uk-smart": {
        "skips-random-delay": "random-delay-applied", "schedule-cleared-by-server-loss": "schedule-runs-offline",
        "schedule-forgotten-at-power-up": "schedule-survives-power-cycle", "resumes-at-unit-rating": "current-within-limits",
        "loses-start": "transactions-accounted",
    },
    "emporia": {
        "hold-lost-at-server-loss": "pause-kept-offline", "ignores-replug-offline": "replug-overrides",
        "schedule-cleared-by-server-loss": "schedule-runs-offline", "wire-rating-forgotten": "current-within-limits",
        "no-backoff": "reconnect-backs-off",
    },
    "evnex": {
        "schedule-survives-power-cycle": "unscheduled-after-power-cut", "schedule-cleared-by-server-loss": "schedule-runs-offline",
        "wire-rating-forgotten": "current-within-limits", "resumes-at-unit-rating": "current-within-limits",
        "no-backoff": "reconnect-backs-off",
    },
    "easee": {
        "offline-limit-ignored": "offline-limit-applies", "swaps-amperages": "offline-limit-applies",
        "forgets-offline-limit-at-boot": "offline-limit-applies", "new-car-refused-offline": "can-always-charge",
        "raises-to-offline-amperage": "current-within-limits",
    },
    "flexecharge": {
        "new-car-charged-offline": "new-session-refused-offline", "resumes-at-unit-rating": "current-within-limits",
        "loses-start": "transactions-accounted", "register-restarts-at-power-up": "transactions-accounted",
        "no-backoff": "reconnect-backs-off",
    },
    "wallbox-managed": {
        "hold-survives-server-loss": "hold-lifted-after-loss", "lifts-pause-once": "hold-lifted-after-loss",
        "new-car-waits-offline": "can-always-charge", "not-resumed-after-power-up": "can-always-charge",
        "resumes-at-unit-rating": "current-within-limits",
    },
    "zappi": {
        "hold-lost-at-server-loss": "pause-kept-offline", "forgets-amperage-at-release": "current-within-limits",
        "wire-rating-forgotten": "current-within-limits", "reorders-queue": "transactions-accounted", "no-backoff": "reconnect-backs-off",
    },
    "pod-point": {
        "skips-delay-at-return": "random-delay-at-return", "skips-random-delay": "random-delay-applied",
        "schedule-cleared-by-server-loss": "schedule-runs-offline", "schedule-forgotten-at-power-up": "schedule-survives-power-cycle",
        "resumes-at-unit-rating": "current-within-limits",
    },
    "evc-net-edge": {
        "unknown-tag-waits-offline": "unknown-tag-charges-offline", "new-car-refused-offline": "unknown-tag-charges-offline",
        "not-resumed-after-power-up": "can-always-charge", "resumes-at-unit-rating": "current-within-limits",
        "loses-start": "transactions-accounted",
    },
    "chargepoint-home": {
        "ignores-replug-offline": "replug-overrides", "schedule-cleared-by-server-loss": "schedule-runs-offline",
        "wire-rating-forgotten": "current-within-limits", "reorders-queue": "transactions-accounted", "no-backoff": "reconnect-backs-off",
    },
}  # fmt: skip
"""Model → wrong behaviour → a check that finds it."""


def test_each_shipped_charger_has_five():
    assert sorted(FOUND_BY) == sorted(MODELS)
    assert {len(found) for found in FOUND_BY.values()} == {5}


@pytest.mark.parametrize(("model", "mutant", "check"), [(model, *pair) for model, found in FOUND_BY.items() for pair in found.items()])
def test_a_few_dozen_plans_find_it(model, mutant, check):
    plans = Space(planted(source(model), MUTANTS[mutant]))
    broken = (tried(plans.plan((number,)), (number,)).failures for number in range(PLANS))
    assert any(check in failures for failures in broken)
