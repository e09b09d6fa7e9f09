"""Random plans: the same for the same seed, of every kind, also two at once and in recovery, and never one that cannot be run."""

from __future__ import annotations

from functools import cache
from itertools import combinations, permutations

import pytest
from msgspec.structs import replace
from random_plans import MODELS, base, drawn, records_of

from harness.fault import KINDS
from harness.journal.records import Fault
from harness.search.generator import HOUR_MS, MINUTE_MS, generate
from harness.values import Scenario

SEEDS = range(400)


@cache
def plans() -> list[Scenario]:
    return [drawn(("ocpp16-strict", "juicebox-40")[seed // 2 % 2], seed) for seed in SEEDS]


@cache
def spans() -> list[list[tuple[str, int, int]]]:
    """For each of some plans: step, start and end of what has both, as it happened."""
    happened = []
    for plan in plans()[:100]:
        edges = [record for record in records_of(plan) if isinstance(record, Fault) and not record.who]
        ends = {record.step: record.t for record in edges if record.edge == "end"}
        happened.append([(record.step, record.t, ends[record.step]) for record in edges if record.edge == "start" and record.step in ends])
    return happened


def test_the_same_seed_gives_the_same_plan_and_another_gives_another():
    assert drawn("waybox", 3) == drawn("waybox", 3)
    assert len({repr(plan.plan) for plan in plans()}) == len(SEEDS)


def test_every_kind_that_can_be_simulated_is_drawn():
    assert {step.do for plan in plans() for step in plan.plan} == {kind.name for kind in KINDS.values() if kind.simulated}


def test_every_argument_of_every_kind_takes_more_than_one_value():
    seen: dict[tuple[str, str], set[object]] = {}
    for plan in plans():
        for step in plan.plan:
            for name, value in step.arguments.items():
                seen.setdefault((step.do, name), set()).add(value)
    one_shard = {(kind, "shard") for kind in KINDS if KINDS[kind].one_shard}
    alike = {key for key, values in seen.items() if len(values) < 2}
    assert alike - one_shard - {("driver.swipe", "tag")} == set()


def test_steps_overlap_and_follow_on_each_others_ends():
    overlapping = [plan for plan in spans() if any(one[1] < other[2] and other[1] < one[2] for one, other in combinations(plan, 2))]
    in_recovery = [plan for plan in spans() if any(0 <= other[1] - one[2] <= 8 * MINUTE_MS for one, other in permutations(plan, 2))]
    assert len(overlapping) > 25
    assert len(in_recovery) > 10


def test_faults_are_over_some_time_before_the_run_is():
    latest = plans()[0].duration_ms - 3 * HOUR_MS
    # Each lasts a second at least, also where one begins with another's end.
    assert all(end <= latest + 1_000 * len(plan) for plan in spans() for _, _, end in plan)


def test_each_step_ends_as_its_kind_allows():
    for plan in plans():
        for step in plan.plan:
            ends = KINDS[step.do].ends
            assert (step.for_ms is None) is (ends in ("instant", "never"))
            assert step.for_ms is None or step.for_ms >= 1_000


@pytest.mark.parametrize("model", MODELS)
def test_cars_come_and_go_one_after_the_other(model):
    for seed in range(50):
        for entry in drawn(model, seed).chargers:
            edges = [moment for session in entry.sessions for moment in (session.plug_in_ms, session.leave_ms)]
            assert edges == sorted(set(edges))
            assert entry.sessions


def test_a_crowd_keeps_its_own_sessions():
    single = base("waybox")
    crowd = replace(single, chargers=(replace(single.chargers[0], count=5),))
    assert generate(crowd, 1).chargers == crowd.chargers
    assert generate(crowd, 1).seed == 1


def test_a_car_needs_no_more_than_it_can_take():
    single = base("waybox")
    small = replace(single, vehicles={name: replace(car, usable_wh=600) for name, car in single.vehicles.items()})
    needs = {stay.needs_wh for seed in range(20) for entry in generate(small, seed).chargers for stay in entry.sessions}
    assert needs == {600}
