"""What plans are drawn over: a base on its days and within its limits, and each plan a pure function of where it comes from."""

from __future__ import annotations

from functools import cache

import pytest

from harness import scenario
from harness.scenario.problems import ScenarioError
from harness.search.space import Circumstance, Space, source

SEEDS = range(300)


@cache
def strict() -> Space:
    return Space(source("ocpp16-strict"))


def test_the_same_ancestry_gives_the_same_plan_and_another_gives_another():
    again = Space(source("ocpp16-strict"))
    assert again.plan((3,)) == strict().plan((3,))
    assert again.plan((3, 1000)) == strict().plan((3, 1000))
    assert len({repr(strict().plan(ancestry).plan) for ancestry in ((3,), (4,), (3, 1000), (3, 1001), (3, 1000, 1001))}) == 5


def test_plans_take_place_on_nights_of_changed_clocks_at_a_seasons_end_and_on_an_ordinary_day():
    drawn = {strict().circumstance(seed).start for seed in SEEDS}
    assert drawn == {"", "2026-03-07 20:00", "2026-05-31 20:00", "2026-09-30 20:00", "2026-10-31 20:00"}


def test_a_zone_without_changes_and_a_tariff_without_seasons_leave_only_the_ordinary_day(tmp_path):
    file = tmp_path / "plain.yaml"
    file.write_text(
        "harness: 1\ntitle: Plain\nstart: 2026-03-12 08:00\nzone: UTC\nduration: 1 d\nserver: csms\nnetwork: ethernet\n"
        "supply: {voltage: 230 V, phases: 1}\ndefaults: {model: ocpp16-strict, car: bolt, tariff: {title: Flat, currency: EUR,"
        " levels: [day, night], windows: [{level: day, hours: 06:00-22:00}], otherwise: night,"
        " prices: {day: 30 c, night: 20 c}}}\nchargers: {anna: {tag: A}}\n"
    )
    plans = Space(source(file))
    assert plans.starts == ()
    assert {plans.circumstance(seed).start for seed in SEEDS} == {""}
    assert all(len(plans.plan((seed,)).chargers) == 1 for seed in range(20))


def test_durations_queues_and_load_groups_vary():
    drawn = [strict().base(strict().circumstance(seed)) for seed in SEEDS]
    assert len({base.duration_ms for base in drawn}) >= 3
    assert len({base.models["ocpp16-strict"].queue.limit for base in drawn}) >= 3
    assert len({circuit.capacity_ma for base in drawn for circuit in base.circuits}) >= 3
    assert any(not base.circuits for base in drawn)


def test_what_a_base_does_besides_is_left_out():
    plans = Space(source("faq-walkthrough"))
    assert plans.plain.plan == ()
    assert (plans.plain.expect.checks, plans.plain.expect.limits, plans.plain.expect.known_failures) == ((), (), ())
    assert [entry.name for entry in plans.plain.chargers] == [entry.name for entry in scenario.load("faq-walkthrough").chargers]


def test_a_model_stands_for_three_of_it_at_the_server_that_it_talks_to():
    for model, server in (("waybox", "juicenet"), ("ocpp201", "csms"), ("uk-smart", "csms"), ("juicebox-v09u", "juicenet")):
        plain = Space(source(model)).plain
        assert (len(plain.chargers), set(plain.models), plain.server.name) == (3, {model}, server)


def test_a_model_of_ones_own_is_a_base_too(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("harness: 1\nkind: charger\nname: mine\ntitle: Mine\nextends: uk-smart\nqueue: {limit: 7}\n")
    plain = Space(source(file)).plain
    assert [model.queue.limit for model in plain.models.values()] == [7]
    assert plain.server.name == "csms"


def test_overrides_change_the_base():
    assert Space(source("ocpp201", ["server.shards=2"])).plain.server.shards == 2


def test_what_is_wrong_with_a_base_is_said_of_its_file(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("harness: 1\ntitle: Bad\n")
    with pytest.raises(ScenarioError, match=r"bad\.yaml:1:1: `chargers` is missing"):
        source(file)
    with pytest.raises(ScenarioError, match="did you mean `waybox`"):
        source("wayboxx")


def test_a_limit_that_cannot_be_written_is_not_drawn(tmp_path):
    file = tmp_path / "changed.yaml"
    file.write_text(
        "harness: 1\ntitle: Changed in place\nstart: 2026-03-12 08:00\nzone: UTC\nduration: 1 d\nserver: csms\nnetwork: ethernet\n"
        "supply: {voltage: 230 V, phases: 1}\ndefaults: {car: bolt, tariff: pge-ev2-a}\n"
        "chargers: {anna: {tag: A, model: {extends: ocpp16-strict, queue: {limit: 9}}}}\n"
    )
    plans = Space(source(file))
    assert {plans.circumstance(seed).queue_limit for seed in SEEDS} == {0}
    assert plans.base(Circumstance()).models["ocpp16-strict@anna"].queue.limit == 9
