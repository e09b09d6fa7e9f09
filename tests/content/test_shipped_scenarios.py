"""The shipped scenarios: each reads without a doubt, says what it shows, and ends as it expects."""

from __future__ import annotations

from functools import cache

import pytest

from harness import scenario, shipped
from harness.api import Run, run
from harness.check import decidable
from harness.check.enrolment import results
from harness.check.result import BEHAVIOURS
from harness.journal import records as r

ISSUED = {
    "answer-lost", "dst-night", "faq-walkthrough", "flapping", "juicebox-vs-waybox-vs-ocpp", "off-peak-rush", "power-cut-in-outage",
    "reconnect-storm", "restored-backup", "server-gone-for-good", "server-upgrade", "shard-down", "tempo-red-day", "the-makers-compared",
    "outage-chargepoint-home", "outage-easee", "outage-emporia", "outage-evc-net-edge", "outage-evnex", "outage-flexecharge",
    "outage-pod-point", "outage-wallbox-managed", "outage-zappi", "overnight-home-500", "slow-leak",
    "expired-certificate", "half-open-path", "lossy-udp", "reconnect-ban",
}  # fmt: skip
LIVE = {
    "live/answers-lost", "live/bad-charger-1970", "live/bad-charger-disorder", "live/bad-charger-long-queue", "live/bad-charger-repeats",
    "live/bad-charger-unknown-session", "live/everybody-back-at-once", "live/half-open", "live/path-cut-in-a-session",
    "live/power-cut-offline", "live/server-restarts", "live/whole-session-offline",
}  # fmt: skip
LONGEST_LIVE_MS = 5 * 60_000
ALL = [*shipped.scenario_names(), *shipped.scenario_names(shipped.LIVE)]
SMALLER = {"reconnect-storm": ["chargers.town.count=180", "chargers.night-owls.count=120"]}
"""What the tests leave out of a scenario to stay quick."""


PLANTED = (
    ("emporia", "memory.hold=[departure, server-loss, power-cycle, memory-loss]", "pause-kept-offline"),
    ("emporia", "memory.schedule=[server-loss, memory-loss]", "schedule-runs-offline"),
    ("emporia", "memory.schedule=[power-cycle, memory-loss]", "eve-still-waits-after-the-power-cut"),
    ("emporia", "quirks=[ignores-replug-offline]", "replug-overrides"),
    ("evnex", "memory.schedule=[memory-loss]", "unscheduled-after-power-cut"),
    ("evnex", "memory.schedule=[server-loss, power-cycle, memory-loss]", "schedule-runs-offline"),
    ("evnex", "memory.amperage=[memory-loss]", "carl-charges-at-full-speed"),
    ("easee", "server_loss.limit=wire-rating", "offline-limit-applies"),
    ("easee", "server_loss.new_car=refused", "can-always-charge"),
    ("easee", "quirks=[raises-to-offline-amperage]", "dag-has-no-more-than-his-circuit"),
    ("flexecharge", "server_loss.new_car=charges", "new-session-refused-offline"),
    ("flexecharge", "server_loss.new_car=waits", "bo-must-show-his-card-again"),
    ("flexecharge", "power_up.resumes=false", "dorte-goes-on-after-the-power-cut"),
    ("wallbox-managed", "memory.hold=[departure, network-reboot, power-cycle, memory-loss]", "hold-lifted-after-loss"),
    ("wallbox-managed", "server_loss.new_car=waits", "can-always-charge"),
    ("zappi", "memory.hold=[departure, server-loss, power-cycle, memory-loss]", "pause-kept-offline"),
    ("zappi", "memory.hold=[departure, memory-loss]", "dee-charges-once-it-was-off"),
    ("pod-point", "quirks=[skips-delay-at-return]", "random-delay-at-return"),
    ("pod-point", "quirks=[skips-random-delay]", "random-delay-applied"),
    ("pod-point", "memory.schedule=[power-cycle, memory-loss]", "schedule-survives-power-cycle"),
    ("evc-net-edge", "server_loss.unknown_tag=waits", "unknown-tag-charges-offline"),
    ("evc-net-edge", "server_loss.new_car=waits", "can-always-charge"),
    ("chargepoint-home", "quirks=[ignores-replug-offline]", "replug-overrides"),
    ("chargepoint-home", "override_by_replug.within=5 min", "drew-still-waits"),
    ("chargepoint-home", "memory.schedule=[server-loss, memory-loss]", "schedule-runs-offline"),
)
"""A maker's charger that does otherwise than its maker says, and what finds it in the scenario of that maker."""


@cache
def ran(name: str) -> Run:
    return run(scenario.load(name, overrides=SMALLER.get(name, [])))


def test_the_shipped_outages_are_all_there():
    assert set(shipped.scenario_names()) >= ISSUED
    assert set(shipped.scenario_names(shipped.LIVE)) >= LIVE


@pytest.mark.parametrize("name", shipped.scenario_names(shipped.LIVE))
def test_one_for_a_server_of_your_own_is_short_and_asks_nothing_that_ocpp_does_not_carry(name):
    loaded = scenario.load(name)
    assert loaded.duration_ms <= LONGEST_LIVE_MS
    assert {model.protocol for model in loaded.models.values()} <= {"ocpp1.6", "ocpp2.0.1"}
    assert {model.authorisation for model in loaded.models.values()} == {"none"}
    hidden = {check: decidable.hidden(check, "your server", books=True) for check in loaded.expect.exercised}
    assert set(hidden.values()) == {""}


@pytest.mark.parametrize("name", shipped.scenario_names(shipped.LIVE))
def test_all_is_settled_before_its_end_so_that_what_is_missing_from_the_books_fails(name):
    records = list(ran(name).records())
    settled = max((record.t for record in records if isinstance(record, r.Settled)), default=-1)
    assert settled > max(record.t for record in records if isinstance(record, r.Transaction))


@pytest.mark.parametrize("name", ALL)
def test_it_raises_no_doubt(name):
    path = shipped.scenario_path(name)
    assert path is not None
    assert [str(problem) for problem in scenario.lint(path)] == []


@pytest.mark.parametrize("name", ALL)
def test_it_says_what_it_shows_and_expects(name):
    loaded = scenario.load(name)
    assert loaded.why.count(". ") >= 1
    assert loaded.expect.exercised
    assert loaded.plan


@pytest.mark.parametrize("name", ALL)
def test_it_passes_and_exercises_what_it_is_about(name):
    result = ran(name)
    assert (result.judgement.reasons, result.exit_code) == ([], 0)
    for check in result.scenario.expect.exercised:
        assert result.checks[check].met >= 1, check


def test_no_two_scenarios_share_a_title_or_a_folder_for_their_reports():
    assert len({name.rpartition("/")[2] for name in ALL}) == len(ALL)
    titles = [scenario.load(name).title for name in ALL]
    assert len(set(titles)) == len(titles)


def test_each_check_that_a_shipped_model_promises_is_met_in_some_scenario():
    """A clause that no shipped scenario puts to the test is a promise on paper."""
    promised = {
        check for name in shipped.scenario_names()
        for model in (*ran(name).scenario.models.values(), ran(name).scenario.server) for check in model.contract
    }  # fmt: skip
    met = {check for name in shipped.scenario_names() for check, result in ran(name).checks.items() if result.met}
    assert sorted(promised - met) == []


def test_the_walkthrough_shows_each_of_the_four_behaviours_and_settings_remembered():
    result = ran("faq-walkthrough")
    assert set(result.judgement.behaviours) == set(BEHAVIOURS)
    assert all(count >= 1 for count in result.judgement.behaviours.values())
    assert result.checks["settings-remembered"].met >= 1


def test_in_the_walkthrough_a_hold_that_survives_a_power_cycle_is_found_with_its_witness():
    loaded = scenario.load("faq-walkthrough", overrides=["models.juicebox-40.memory.hold=[departure, memory-loss]"])
    result = run(loaded)
    failed = result.checks["unplug-clears-schedule"]
    assert (result.exit_code, failed.verdict) == (1, "fail")
    assert failed.witness is not None
    assert failed.witness.charger == "carla"
    kinds = [type(record).__name__ for record in failed.witness.records]
    assert "Power" in kinds
    assert "Command" in kinds  # the hold that outlived the power cycle
    assert [record.t for record in failed.witness.records] == sorted(record.t for record in failed.witness.records)


def test_the_same_plug_pulled_at_three_makers_has_three_outcomes():
    result = ran("juicebox-vs-waybox-vs-ocpp")
    first_draw: dict[str, int] = {}
    for record in result.records():
        if type(record).__name__ == "Current" and record.ma:
            first_draw.setdefault(record.who, record.t)
    hour = 3_600_000
    plug_pulled, midnight = 3 * hour, 8 * hour
    for at_once in ("juicebox", "waybox"):
        assert plug_pulled < first_draw[at_once] <= plug_pulled + 90_000
    for waits in ("ocpp", "juicebox-untouched", "waybox-untouched", "ocpp-untouched"):
        assert midnight <= first_draw[waits] <= midnight + 30_000


def test_what_the_slow_leak_costs_the_books_is_what_its_queue_had_no_room_for():
    assert ran("slow-leak").judgement.metrics["messages_lost"].value == 40
    roomy = run(scenario.load("slow-leak", overrides=["models.queue-of-32.queue.limit=48"]))
    assert roomy.judgement.metrics["messages_lost"].value == 24  # those that were given up after three attempts
    assert roomy.checks["messages_lost"].verdict == "fail"


def test_the_night_without_the_cloud_hurts_nobody_whose_charger_keeps_the_hours_itself():
    for_all = [f"chargers.{name}.model=pod-point" for name in ("zappis", "wallboxes", "zoe", "wes")]
    kept = run(scenario.load("overnight-home-500", overrides=for_all))
    metrics = kept.judgement.metrics
    assert (metrics["undelivered_energy"].value, metrics["drivers_short"].value, metrics["extra_cost"].value) == (0, 0, 0)


@pytest.mark.parametrize("name", ALL)
def test_which_results_there_will_be_is_known_before_the_run(name):
    names = results(scenario.load(name))
    assert names == [result.name for result in ran(name).judgement.checks]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("maker", "wrong", "found_by"), PLANTED)
def test_a_charger_that_does_otherwise_than_its_maker_says_fails_in_the_makers_scenario(maker, wrong, found_by):
    result = run(scenario.load(f"outage-{maker}", overrides=[f"models.{maker}.{wrong}"]))
    assert result.exit_code == 1
    assert result.checks[found_by].verdict == "fail"


def test_each_shipped_charger_is_compared_with_the_same_cars():
    compared = scenario.load("the-makers-compared")
    cars: dict[str, set[str]] = {name: set() for name in shipped.model_names("charger")}
    for entry in compared.chargers:
        model = entry.model
        cars[model].add(entry.name.removeprefix(f"{model}-"))
    for name, found in cars.items():
        model = compared.models[name]
        expected = {"charging", "arrives", "paused", "unplugged", "replugged", "limited"}
        expected |= {"held"} if model.tou != "none" else set()
        expected |= {"stranger"} if model.authorisation == "required" else set()
        assert found == expected, name
