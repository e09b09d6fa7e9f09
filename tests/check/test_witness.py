"""What a witness holds: what was in force at the trigger and all that bears on the violation, and not more than a reader takes in."""

from __future__ import annotations

from timeline import OCPP201, SECOND, Timeline, ms, scenario

from harness.check.witness import LOG_LENGTH, MOST, story
from harness.journal import records as r
from harness.values import CheckSpec, Clause, Expect


def current(t: int, ma: int) -> r.Current:
    return r.Current(t=t, who="anna", ma=ma, state="Charging" if ma else "SuspendedEVSE", reason="vehicle", wh=0)


def hold(t: int) -> r.Command:
    return r.Command(t=t, who="anna", command="hold", sent=t, plug_in=1, duration_ms=1000)


def test_of_what_came_before_only_what_was_in_force_is_told():
    log = [hold(1), current(2, 10), hold(3), current(4, 0), r.Link(t=5, who="anna", state="offline", cause="silence"), current(20, 10)]
    assert [record.t for record in story(log, 10, 20)] == [3, 4, 20]


def test_what_comes_after_the_violation_is_not_told_unless_asked_for():
    later = current(30, 10)
    assert [record.t for record in story([hold(1), current(20, 0), later], 10, 25)] == [1, 20]
    assert [record.t for record in story([hold(1), current(20, 0), later], 10, 25, extra=[later, None])] == [1, 20, 30]


def test_of_too_much_what_says_least_goes_first():
    restless = [current(t, 10_000 + t) for t in range(100, 200)]
    log = [hold(1), *restless[:50], r.Recovery(t=150, who="anna", since=10), hold(151), *restless[51:], current(300, 0)]
    told = story(log, 100, 300)
    assert len(told) == MOST
    assert [type(record).__name__ for record in told[:2]] == ["Command", "Current"]
    assert {150, 151} <= {record.t for record in told}
    assert (told[-1].t, told[-1].ma) == (300, 0)


def test_what_is_remembered_of_a_charger_is_bounded_and_keeps_both_ends():
    line = Timeline(scenario(clauses={"can-always-charge": Clause()}))
    line.at("08:00").plug_in().draws()
    line.at("09:00").crash()
    for second in range(500):
        line.at(ms("10:00") + second * SECOND).draws(10 + second % 7)
    line.at("11:00").idle()
    line.at("12:00").draws()
    witness = line.results()["can-always-charge"].witness
    assert witness.t == ms("11:00")
    assert len(witness.records) <= MOST < LOG_LENGTH
    assert [type(record).__name__ for record in witness.records[:3]] == ["PlugIn", "Current", "Loss"]
    assert witness.records[-1].t == ms("11:00")


def test_a_late_reconnection_shows_the_server_s_return_and_the_attempts():
    line = Timeline(scenario(clauses={"reconnects-in-time": Clause()}))
    line.at("10:00").crash()
    line.at("10:05:10").offline()
    line.at("11:00").back()
    tries = r.Attempts(t=ms("12:00"), who="anna", first=ms("10:05:30"), last=ms("12:00"), count=9)
    line.at("12:00").add(tries).online("registered").recovers()
    witness = line.results()["reconnects-in-time"].witness
    assert [type(record).__name__ for record in witness.records] == ["Loss", "Server", "Attempts", "Link", "Recovery"]
    assert witness.rule.endswith("but at +12:00:00")


def test_what_a_failure_in_an_outage_says_is_what_was_so_then():
    """It counts only once the outage is known not to have been a blip; by then the current is another."""
    line = Timeline(scenario(clauses={"hold-ends-on-time": Clause()}))
    line.at("17:00").plug_in().hold("24:00").idle()
    line.at("18:00").crash()
    line.at("19:00").draws(16)
    line.at("19:30").draws(27.5)
    line.at("20:00").back()
    line.at("20:01").online().recovers()
    assert line.results()["hold-ends-on-time"].witness.rule.endswith("the car drew 16 A before")


def test_a_failed_check_shows_the_margin_of_the_bound_that_was_broken():
    """Two makers, two bounds: a narrow miss of one says nothing about how near the other came."""
    spec = CheckSpec(name="can-always-charge", builtin=True, bound_ms=60_000, chargers=("ben",))
    line = Timeline(scenario(names=("anna", "ben"), clauses={"can-always-charge": Clause(bound_ms=450_000)}, expect=Expect(checks=(spec,))))
    line.at("08:00").crash()
    for name, seconds in (("anna", 125), ("ben", 90)):
        line.at("10:00", name).plug_in()
        line.at(ms("10:00") + seconds * SECOND, name).draws()
        line.at("12:00", name).unplug()
    failed = line.results()["can-always-charge"]
    assert (failed.failing, failed.margin) == (["ben"], None)
    line.at("13:00", "ben").plug_in()
    line.at("13:00:40", "ben").draws()
    line.at("14:00", "ben").unplug()
    margin = line.results()["can-always-charge"].margin
    assert (margin.worst, margin.bound, margin.unit) == (40.0, 60.0, "s")


def test_a_check_that_holds_shows_the_nearest_of_all_bounds():
    spec = CheckSpec(name="can-always-charge", builtin=True, bound_ms=60_000, chargers=("ben",))
    line = Timeline(
        scenario(OCPP201, names=("anna", "ben"), clauses={"can-always-charge": Clause(bound_ms=450_000)}, expect=Expect(checks=(spec,)))
    )
    line.at("08:00").crash()
    for name, seconds in (("anna", 125), ("ben", 50)):
        line.at("10:00", name).plug_in().message("authorise", result="accepted")
        line.at(ms("10:00") + seconds * SECOND, name).draws()
        line.at("12:00", name).unplug()
    margin = line.results()["can-always-charge"].margin
    assert margin.bound == 60.0
