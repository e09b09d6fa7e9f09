"""A driver who unplugs the car and plugs it in again: once, several times, and with what comes between."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from random_plans import base, of, records_of

from harness.check.judge import Judge
from harness.check.metrics import Meter
from harness.journal.records import Current, Fault, PlugIn, Stay
from harness.values import Moment, Scenario, Session, Step, Targets

SECOND = 1000
HOUR = 3_600_000
COMES, LEAVES = HOUR, 4 * HOUR
AT = 2 * HOUR
IN_WINDOW = 8 * HOUR
"""The hold window opens at 15:00, seven hours after the start."""


def replugging(
    model: str = "emporia", *, at: int = AT, repeats: int = 1, pause_ms: int = 3 * SECOND, stays: tuple[tuple[int, int, int], ...] = (),
    more: tuple[Step, ...] = (),
) -> Scenario:  # fmt: skip
    """A car at anna's from one to four hours after the start, or ``stays`` (begin, end, Wh), and one that is plugged in again."""
    step = Step(
        id="again", do="driver.replug", at=Moment(offset_ms=at), to=Targets(names=("anna",)),
        arguments={"repeats": repeats, "pause_ms": pause_ms},
    )  # fmt: skip
    plain = base(model)
    anna, *others = plain.chargers
    sessions = tuple(Session(plug_in_ms=comes, leave_ms=leaves, needs_wh=wh) for comes, leaves, wh in stays or ((COMES, LEAVES, 30_000),))
    alone = (replace(anna, sessions=sessions), *(replace(other, sessions=()) for other in others))
    return replace(plain, duration_ms=12 * HOUR, plan=(*more, step), chargers=alone)


def stays(records: list[Any]) -> list[tuple[int, int]]:
    """Each stay's begin and end."""
    return [(came.t, left.t) for came, left in zip(of(records, PlugIn), of(records, Stay), strict=True)]


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_a_car_is_unplugged_and_plugged_in_again_as_often_as_the_step_says(repeats):
    pause = 3 * SECOND
    edges = [COMES, *(AT + place * pause for place in range(2 * repeats)), LEAVES]
    records = records_of(replugging(repeats=repeats))
    assert stays(records) == list(zip(edges[::2], edges[1::2], strict=True))
    assert not [record for record in records if isinstance(record, Fault) and record.edge == "no-effect"]


@pytest.mark.parametrize("pause_ms", [1, SECOND, 60 * SECOND])
def test_it_stays_unplugged_for_as_long_as_the_step_says(pause_ms):
    assert stays(records_of(replugging(pause_ms=pause_ms))) == [(COMES, AT), (AT + pause_ms, LEAVES)]


def test_what_the_car_still_needs_it_needs_afterwards_and_it_leaves_when_it_would_have_left():
    before, after = of(records_of(replugging(at=90 * 60_000)), PlugIn)
    (whole, rest) = of(records_of(replugging(at=90 * 60_000)), Stay)
    assert after.leave == before.leave == LEAVES
    assert before.needs_wh - whole.wh - after.needs_wh in (0, 1)  # whole Wh, rounded down
    assert (whole.ended, rest.ended) == ("replugged", "unplugged")


def test_no_driver_has_left_short_who_has_only_replugged():
    plan = replugging(stays=((0, 7 * HOUR, 5_000),), at=10 * 60_000)
    meter = Meter(plan)
    meter.feed(records_of(plan))
    assert meter.close(plan.duration_ms).drivers_short == 0
    (left, gone) = of(records_of(plan), Stay)
    assert left.needs_wh == left.wh < 5_000
    assert left.wh + gone.wh in (4_999, 5_000)


def test_a_full_car_is_full_afterwards():
    records = records_of(replugging(stays=((0, LEAVES, 2_000),), at=3 * HOUR))
    assert [record.needs_wh for record in of(records, PlugIn)] == [2_000, 0]
    assert [record.t for record in of(records, Current) if record.ma and record.t > 3 * HOUR] == []


@pytest.mark.parametrize("late_ms", [0, 1])
def test_who_is_due_to_leave_meanwhile_does_not_plug_in_again(late_ms):
    records = records_of(replugging(at=LEAVES - 3 * SECOND + late_ms))
    assert stays(records) == [(COMES, LEAVES - 3 * SECOND + late_ms)]
    assert [record.ended for record in of(records, Stay)] == ["unplugged"]


def test_who_leaves_before_the_second_time_is_not_unplugged_twice():
    records = records_of(replugging(at=LEAVES - 5 * SECOND, repeats=2))
    assert stays(records) == [(COMES, LEAVES - 5 * SECOND), (LEAVES - 2 * SECOND, LEAVES)]


def test_another_car_that_comes_meanwhile_keeps_the_place():
    other = AT + SECOND
    records = records_of(replugging(stays=((COMES, other, 30_000), (other, 5 * HOUR, 9_000)), pause_ms=2 * SECOND))
    assert stays(records) == [(COMES, AT), (other, 5 * HOUR)]
    assert of(records, PlugIn)[1].needs_wh == 9_000


def test_another_car_is_not_unplugged_in_the_place_of_one_that_has_left():
    leaves = AT + 4 * SECOND  # after it was plugged in again, before it would be unplugged a second time
    records = records_of(replugging(stays=((COMES, leaves, 30_000), (leaves + 1, 5 * HOUR, 9_000)), repeats=2))
    assert stays(records) == [(COMES, AT), (AT + 3 * SECOND, leaves), (leaves + 1, 5 * HOUR)]


def test_without_a_car_nothing_comes_of_it():
    records = records_of(replugging(at=5 * HOUR))
    assert stays(records) == [(COMES, LEAVES)]
    assert "no-effect" in [record.edge for record in records if isinstance(record, Fault) and record.step == "again"]


# What the charger makes of it.


def held(model: str = "emporia", *, at: int = IN_WINDOW, **given: Any) -> list[Any]:
    """A car that comes in the hold window and is plugged in again at ``at``, an hour after the server was lost."""
    crash = Step(id="crash", do="server.crash", at=Moment(offset_ms=IN_WINDOW - HOUR // 2), for_ms=4 * HOUR)
    stay = (IN_WINDOW - HOUR // 4, 12 * HOUR, 9_000)
    return records_of(replugging(model, at=at, stays=(stay,), more=(*given.pop("more", ()), crash), **given))


def began(records: list[Any]) -> list[int]:
    return [record.t for record in of(records, Current) if record.ma][:1]


@pytest.mark.parametrize("model", ["emporia", "chargepoint-home"])
@pytest.mark.parametrize(("pause_ms", "overrides"), [(1, True), (10_000, True), (10_001, False)])
def test_who_is_quick_enough_charges_in_spite_of_the_schedule(model, pause_ms, overrides):
    assert began(held(model, pause_ms=pause_ms)) == ([IN_WINDOW + pause_ms + 5_000] if overrides else [])


def test_who_plugs_in_again_too_late_after_having_been_quick_is_held_again():
    again = Step(
        id="late", do="driver.replug", at=Moment(offset_ms=IN_WINDOW + HOUR), to=Targets(names=("anna",)),
        arguments={"repeats": 1, "pause_ms": 60_000},
    )  # fmt: skip
    drawn = [(record.t, record.ma > 0) for record in of(held(more=(again,)), Current) if record.t >= IN_WINDOW + 8_000]
    assert drawn[0] == (IN_WINDOW + 8_000, True)
    assert (drawn[-1][0] >= IN_WINDOW + HOUR, drawn[-1][1]) == (True, False)


@pytest.mark.parametrize("model", ["evnex", "zappi", "waybox"])
def test_the_plug_of_another_make_orders_nothing(model):
    without = replugging(model, at=5 * HOUR)
    assert without.models[model].override_by_replug is None
    assert began(held(model)) == ([] if model != "zappi" else [IN_WINDOW - HOUR // 4 + 5_000])  # this one knows of no window


def cut(at: int, lasts_ms: int) -> Step:
    return Step(id="dark", do="station.power-cut", at=Moment(offset_ms=at), for_ms=lasts_ms, to=Targets(names=("anna",)))


@pytest.mark.parametrize(
    ("mains_back_before_ms", "overrides"),
    [(30_001, True), (29_999, False), (27_000, False)],
)
def test_a_charger_that_is_dark_or_boots_does_not_see_the_plug(mains_back_before_ms, overrides):
    """It boots in half a minute; the car is out at IN_WINDOW and in 3 s later."""
    records = held(more=(cut(IN_WINDOW - 60_000, 60_000 - mains_back_before_ms),))
    assert bool(began(records)) == overrides


@pytest.mark.parametrize("model", ["emporia", "chargepoint-home"])
@pytest.mark.parametrize("booted_at", range(IN_WINDOW - 1, IN_WINDOW + 3_002, 1_000))
@pytest.mark.parametrize("off_ms", [0, 1, 2])
def test_the_check_takes_the_same_plugs_for_orders_as_the_charger(model, booted_at, off_ms):
    """Also in the very millisecond in which the boot ends."""
    boot_ms = 30_000
    crash = Step(id="crash", do="server.crash", at=Moment(offset_ms=IN_WINDOW - HOUR), for_ms=4 * HOUR)
    dark = cut(IN_WINDOW - 60_000, booted_at + off_ms - boot_ms - IN_WINDOW + 60_000)
    run = replugging(model, at=IN_WINDOW, stays=((IN_WINDOW - HOUR // 4, 12 * HOUR, 9_000),), more=(crash, dark))
    judge = Judge(run)
    judge.feed(records_of(run))
    assert [result.name for result in judge.close(run.duration_ms) if result.failed] == []
