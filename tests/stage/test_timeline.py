"""When the steps of a plan begin and end, and whom they concern."""

from __future__ import annotations

import pytest
from example_run import HOUR, MINUTE, SCENARIO
from msgspec.structs import replace

from harness.stage.plan import Cast, Timeline
from harness.values import Chargers, Circuit, Moment, Step, Targets, Trigger


def step(name: str, at: Moment | None, **values) -> Step:
    return Step(id=name, do="server.crash", at=at, **values)


def after(other: str, edge: str, offset_ms: int = 0) -> Moment:
    return Moment(offset_ms=offset_ms, step=other, edge=edge)  # type: ignore[arg-type]


def test_times_follow_from_one_another_in_whatever_order_they_stand():
    timeline = Timeline([
        step("third", after("second", "end", MINUTE)),
        step("second", after("first", "start", HOUR), for_ms=10 * MINUTE),
        step("first", Moment(offset_ms=HOUR), until=after("third", "start", 5 * MINUTE)),
    ])  # fmt: skip
    assert timeline.starts == {"first": HOUR, "second": 2 * HOUR, "third": 2 * HOUR + 11 * MINUTE}
    assert timeline.ends == {"first": 2 * HOUR + 16 * MINUTE, "second": 2 * HOUR + 10 * MINUTE}


def test_what_waits_for_a_recovery_or_a_message_is_not_known_from_the_start():
    waits = Step(id="waits", do="server.crash", when=Trigger(message="transaction-end"), for_ms=MINUTE)
    timeline = Timeline([waits, step("first", Moment(offset_ms=0), for_ms=MINUTE), step("then", after("first", "recovered"))])
    assert (set(timeline.starts), set(timeline.ends)) == ({"first"}, {"first"})
    timeline.recoveries["first"] = 3 * MINUTE
    assert timeline.moment(after("first", "recovered", MINUTE)) == 4 * MINUTE
    assert [other.id for other in timeline.waits_on("first", "recovered")] == ["then"]
    assert timeline.waits_on("first", "end") == []


def test_an_edge_knows_the_steps_that_end_on_it():
    other = step("other", Moment(offset_ms=0), until=after("first", "end"))
    timeline = Timeline([step("first", Moment(offset_ms=0), for_ms=MINUTE), other])
    assert timeline.ends_on("first", "end") == [other]
    assert timeline.ends["other"] == MINUTE


def test_nothing_begins_before_the_start():
    timeline = Timeline([step("first", Moment(offset_ms=MINUTE)), step("before", after("first", "start", -HOUR))])
    assert timeline.starts["before"] == 0


def test_a_step_without_an_end_has_none():
    assert Timeline([step("gone", Moment(offset_ms=0))]).ends == {}


def crowd(seed: int = 7) -> Cast:
    anna, ben = SCENARIO.chargers
    homes = Chargers(name="homes", count=100, model="plain-40", network="home", car="leaf-40", tariff="flat")
    circuits = (Circuit(name="street", members=("homes-003", "anna"), capacity_ma=100_000),)
    return Cast(replace(SCENARIO, seed=seed, chargers=(anna, homes, ben), circuits=circuits))


@pytest.mark.parametrize(
    ("names", "places"),
    [
        ((), list(range(102))), (("anna",), [0]), (("ben",), [101]), (("homes",), list(range(1, 101))), (("homes-003",), [3]),
        (("street",), [0, 3]), (("ben", "street", "anna", "homes-003"), [0, 3, 101]),
    ],
)  # fmt: skip
def test_a_name_is_an_entry_a_member_or_a_circuit(names, places):
    assert crowd().of(Targets(names=names)) == places


def test_a_share_is_drawn_once_from_the_seed():
    chosen = crowd().of(Targets(names=("homes",), share_permille=250))
    assert len(chosen) == 25
    assert set(chosen) <= set(range(1, 101))
    assert chosen == sorted(chosen) == crowd().of(Targets(names=("homes",), share_permille=250))
    assert chosen != crowd(seed=8).of(Targets(names=("homes",), share_permille=250))


def test_a_larger_share_contains_the_smaller():
    small, large = (set(crowd().of(Targets(share_permille=permille))) for permille in (100, 300))
    assert small < large


def test_a_share_is_never_nobody():
    assert len(crowd().of(Targets(names=("homes",), share_permille=1))) == 1
