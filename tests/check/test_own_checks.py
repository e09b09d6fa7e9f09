"""A scenario's own checks, and built-in ones with other bounds, chargers or severity."""

from __future__ import annotations

import pytest
from timeline import JUICEBOX, WAYBOX, Timeline, ms, scenario

from harness.values import CheckSpec, Clause, Expect, Moment, Predicate


def own(**given) -> Timeline:
    """An evening with an outage and a pulled plug, judged by one check of the scenario's own."""
    spec = CheckSpec(name="mine", builtin=False, says="what I want", **given)
    line = Timeline(scenario(clauses={}, expect=Expect(checks=(spec,))))
    line.at("18:00").plug_in()
    line.at("18:00:01").hold("24:00").idle()
    line.at("19:30").crash()
    line.at("19:35:10").offline()
    line.at("20:00").fault("station.power-cut", step="pull", world=True).off()
    line.at("20:00:20").fault("station.power-cut", "end", step="pull", world=True).on()
    line.at("20:00:55").draws()
    line.at("21:30").back()
    line.at("21:31").online().recovers().message("registration")
    line.at("21:32").hold("24:00").idle()
    line.at("22:00").override().release()
    line.at("22:00:05").draws()
    line.at("1 07:00").unplug()
    return line


CHARGES = Predicate(state=("Charging",))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"after": Moment(offset_ms=0, step="pull", edge="end"), "then": CHARGES, "within_ms": 60_000}, "1 met"),
        ({"after": Moment(offset_ms=0, step="pull", edge="end"), "then": CHARGES, "within_ms": 30_000}, "1 failed"),
        ({"after": Moment(offset_ms=60_000, step="pull", edge="end"), "then": CHARGES}, "1 met"),
        ({"after": Moment(offset_ms=20 * 3600_000), "then": CHARGES, "within_ms": 60_000}, "1 met"),
        ({"after": Moment(offset_ms=0, step="never"), "then": CHARGES}, None),
        ({"always": Predicate(below_ma=30_000)}, "1 met"),
        ({"always": Predicate(below_ma=20_000)}, "1 failed"),
        ({"never": Predicate(above_ma=30_000)}, "1 met"),
        ({"never": Predicate(draws=True, outage=True)}, "1 failed"),
        ({"never": Predicate(draws=True, held=True)}, "1 met"),
        ({"sometimes": Predicate(draws=True, online=False)}, "1 met"),
        ({"sometimes": Predicate(powered=False)}, "1 met"),
        ({"sometimes": Predicate(message="authorise")}, "1 failed"),
        ({"sometimes": Predicate(message="registration")}, "1 met"),
        ({"whenever": Predicate(action="override"), "then": CHARGES, "within_ms": 5000}, "1 met"),
        ({"whenever": Predicate(action="override"), "then": CHARGES, "within_ms": 4999}, "1 failed"),
        ({"whenever": Predicate(command="hold"), "then": Predicate(draws=False)}, "2 met"),
        ({"whenever": Predicate(held=True), "then": Predicate(draws=False), "until": Predicate(held=False)}, "2 met"),
        ({"whenever": Predicate(outage=True), "then": Predicate(draws=False), "until": Predicate(outage=False)}, "1 failed"),
        ({"whenever": Predicate(connected=True), "then": CHARGES, "within_ms": 7200_000, "until": Predicate(connected=False)}, "1 failed"),
        ({"during": "pull", "always": Predicate(draws=False)}, "1 met"),
        ({"during": "pull", "sometimes": Predicate(draws=True)}, "1 failed"),
        ({"during": "fault", "sometimes": Predicate(draws=True)}, "1 met"),
    ],
)
def test_own_checks_over_the_combinators(given, says):
    assert own(**given).judged().get("mine") == says


def test_what_an_own_check_shows():
    line = own(after=Moment(offset_ms=0, step="pull", edge="end"), then=CHARGES, within_ms=60_000)
    result = line.results()["mine"]
    assert (result.says, result.origin, result.margin.worst, result.margin.bound) == ("what I want", "scenario", 35.0, 60.0)


PULLED = Moment(offset_ms=0, step="pull", edge="end")
AT_END = Predicate(state=("SuspendedEV", "Finishing"))


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (
            {"after": PULLED, "then": CHARGES, "within_ms": 60_000, "until": AT_END},
            "after +20:00:20 the charger should be Charging within 60 s and until it is SuspendedEV or Finishing;"
            " it did from +20:00:55 and ceased at +21:32:00 (SuspendedEVSE, 0 A)",
        ),
        (
            {"after": PULLED, "then": CHARGES, "within_ms": 30_000},
            "after +20:00:20 the charger should be Charging within 30 s; by +20:00:50 it had not (Unavailable, 0 A)",
        ),
        (
            {"whenever": Predicate(held=True), "then": Predicate(draws=False), "until": Predicate(connected=False)},
            "after +18:00:01 the charger should draw nothing at once and until it has no car;"
            " it did from +18:00:01 and ceased at +20:00:55 (Charging, 27.5 A)",
        ),
        (
            {"after": Moment(offset_ms=20 * 3600_000), "then": Predicate(online=False), "within_ms": 7200_000, "until": AT_END},
            "after +20:00:00 the charger should be offline within 7200 s and until it is SuspendedEV or Finishing;"
            " it did from +20:00:00 and no longer did at +22:00:00",
        ),
        (
            {"always": Predicate(below_ma=20_000)},
            "the charger should always draw less than 20 A; at +20:00:55 it did not (Charging, 27.5 A)",
        ),
        (
            {"never": Predicate(draws=True, outage=True)},
            "the charger should never draw current and be in an outage; at +20:00:55 it did (Charging, 27.5 A)",
        ),
        ({"sometimes": Predicate(message="authorise")}, "the charger should send authorise at some time of the run; it never did"),
        (
            {"during": "pull", "sometimes": Predicate(draws=True)},
            "the charger should draw current at some time while pull acts; it never did",
        ),
    ],
)
def test_a_broken_own_check_says_what_was_wanted_and_what_was_found(given, rule):
    assert own(**given).results()["mine"].witness.rule == rule


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"sometimes": Predicate(draws=True)}, "; it never did, and no car was there"),
        ({"sometimes": Predicate(outage=True)}, "; it never did"),
        ({"sometimes": Predicate(outage=True, draws=True)}, "; it never did, and no car was there"),
        (
            {"after": Moment(offset_ms=20 * 3600_000), "then": Predicate(message="authorise"), "within_ms": 60_000},
            "; by +20:01:00 it had not, and no car was there",
        ),
    ],
)
def test_that_nobody_was_there_is_said_where_it_matters(given, says):
    spec = CheckSpec(name="mine", builtin=False, **given)
    line = Timeline(scenario(clauses={}, expect=Expect(checks=(spec,))))
    assert line.results()["mine"].witness.rule.endswith(says)


@pytest.mark.parametrize(("leaves", "says"), [("20:30", "it had not"), ("20:00", "it had not, and no car was there")])
def test_who_was_there_for_a_part_of_the_time_was_there(leaves, says):
    spec = CheckSpec(
        name="mine", builtin=False, after=Moment(offset_ms=20 * 3600_000), then=Predicate(message="authorise"), within_ms=3600_000
    )
    line = Timeline(scenario(clauses={}, expect=Expect(checks=(spec,))))
    line.at("18:00").plug_in()
    line.at(leaves).unplug()
    assert line.results()["mine"].witness.rule.endswith(says)


def test_the_witness_of_an_own_check_tells_all_that_lies_between_trigger_and_violation():
    line = own(after=PULLED, then=CHARGES, within_ms=60_000, until=AT_END)
    records = line.results()["mine"].witness.records
    told = [(record.t, record.who, type(record).__name__) for record in records]
    assert len(told) <= 12
    assert told == sorted(told, key=lambda one: one[0])
    expected = [
        ("18:00:01", "anna", "Command"), ("19:30", "anna", "Loss"), ("20:00", "anna", "Power"), ("20:00:20", "", "Fault"),
        ("20:00:20", "anna", "Power"), ("20:00:55", "anna", "Current"), ("21:30", "", "Server"), ("21:31", "anna", "Recovery"),
        ("21:32", "anna", "Command"), ("21:32", "anna", "Current"),
    ]  # fmt: skip
    assert [one for one in told if one in [(ms(clock), who, kind) for clock, who, kind in expected]] == [
        (ms(clock), who, kind) for clock, who, kind in expected
    ]
    assert records[-1].ma == 0


def test_an_own_check_judges_the_chargers_it_names():
    spec = CheckSpec(name="mine", builtin=False, chargers=("ben",), always=Predicate(draws=False))
    line = Timeline(scenario(names=("anna", "ben"), clauses={}, expect=Expect(checks=(spec,))))
    line.at("10:00", "anna").draws()
    assert line.judged() == {"mine": "1 met"}
    line.at("11:00", "ben").draws()
    result = line.results()["mine"]
    assert (result.failed, result.failing) == (1, ["ben"])


def charged_offline(*, spec: CheckSpec | None = None, assumes: tuple[str, ...] = (), late_s: int = 20) -> Timeline:
    """Two makers' chargers; each car draws late in the outage. Only the first maker promises anything."""
    expect = Expect(checks=(spec,) if spec is not None else ())
    given = scenario(JUICEBOX, WAYBOX, names=("anna", "ben"), clauses={"can-always-charge": Clause(assumes=assumes)}, expect=expect)
    given.models["waybox"] = WAYBOX
    line = Timeline(given)
    line.at("08:00").crash()
    for name in ("anna", "ben"):
        line.at("10:00", name).plug_in()
        line.at(36_000_000 + late_s * 1000, name).draws()
        line.at("12:00", name).unplug()
    return line


def test_a_clause_judges_its_own_maker_s_chargers():
    result = charged_offline().results()["can-always-charge"]
    assert (result.failed, result.failing, result.origin) == (1, ["anna"], "contract")


def test_a_check_named_in_the_scenario_judges_all_with_its_own_bound():
    line = charged_offline(spec=CheckSpec(name="can-always-charge", builtin=True))
    assert line.results()["can-always-charge"].failing == ["anna", "ben"]
    wide = charged_offline(spec=CheckSpec(name="can-always-charge", builtin=True, bound_ms=30_000, says="soon enough"))
    result = wide.results()["can-always-charge"]
    assert (result.met, result.failed, result.origin, result.says) == (2, 0, "scenario", "soon enough")


def test_a_check_named_for_some_chargers_leaves_the_others_their_contract():
    spec = CheckSpec(name="can-always-charge", builtin=True, bound_ms=30_000, chargers=("ben",))
    result = charged_offline(spec=spec).results()["can-always-charge"]
    assert (result.met, result.failing) == (1, ["anna"])


def test_a_warning_is_marked_as_one():
    spec = CheckSpec(name="can-always-charge", builtin=True, severity="warn")
    result = charged_offline(spec=spec).results()["can-always-charge"]
    assert (result.verdict, result.severity) == ("fail", "warn")


def test_what_nothing_exercised_is_told_by_maker():
    line = Timeline(scenario(JUICEBOX, WAYBOX, names=("anna", "ben"), clauses={"can-always-charge": Clause(), "clock-sane": Clause()}))
    line.at("08:00").crash()
    line.at("10:00", "ben").plug_in()
    line.at("10:00:05", "ben").draws()
    line.at("12:00", "ben").unplug()
    results = line.results()
    assert results["can-always-charge"].idle == ["juicebox"]
    assert results["clock-sane"].idle == ["juicebox", "waybox"]
    assert results["clock-sane"].why == "nothing triggered it"
