"""Plans and expectations: moments, targets, arguments, ends, checks and limits."""

import pytest
from small_scenario import HOUR, refused, small

from harness.scenario.expectations import amount
from harness.units import UnitError
from harness.values import CheckSpec, KnownFailure, Limit, Moment, Predicate, Targets, Trigger

MINUTE = 60_000
MORE = "  homes: {count: 12}\ncircuits:\n  house: {members: [anna], capacity: 40 A}\n"


def steps(*lines):
    return small(more=MORE + "plan:\n" + "".join(f"  - {line}\n" for line in lines)).plan


def wrong(*lines):
    return refused(more=MORE + "plan:\n" + "".join(f"  - {line}\n" for line in lines))


def expect(text, plan=""):
    return small(more=f"plan:\n  - {{id: cut, at: 19:30, do: network.cut, for: 1 h}}\n{plan}expect:\n{text}").expect


CRASH = "{id: crash, at: 19:30, do: server.crash, for: 2 h}"


@pytest.mark.parametrize(
    ("at", "moment"),
    [
        ("19:30", Moment(offset_ms=150 * MINUTE)),
        ("day 2 07:00", Moment(offset_ms=14 * HOUR)),
        ("2026-03-13 07:00", Moment(offset_ms=14 * HOUR)),
        ("+90 min", Moment(offset_ms=90 * MINUTE)),
        ("crash.start", Moment(offset_ms=0, step="crash", edge="start")),
        ("crash.end + 10 min", Moment(offset_ms=10 * MINUTE, step="crash", edge="end")),
        ("crash.recovered", Moment(offset_ms=0, step="crash", edge="recovered")),
        ("crash.start - 10 min", Moment(offset_ms=140 * MINUTE)),
        ("crash.end - 10 min", Moment(offset_ms=260 * MINUTE)),
    ],
)
def test_moments(at, moment):
    assert steps(CRASH, f"{{at: {at}, do: driver.override, to: anna}}")[1].at == moment


def test_until_is_the_first_occurrence_after_the_step_began():
    (step,) = steps("{at: 19:30, do: server.hang, until: 18:00}")
    assert step.until == Moment(offset_ms=25 * HOUR)


def test_steps_may_end_each_other():
    first, second = steps(
        "{id: a, at: 19:30, do: server.hang, until: b.end + 1 min}", "{id: b, at: a.start + 5 min, do: network.cut, for: 1 min}"
    )
    assert (first.until, second.at) == (Moment(offset_ms=MINUTE, step="b", edge="end"), Moment(offset_ms=5 * MINUTE, step="a"))


def test_circles_are_found_however_long():
    (message,) = wrong(*(f"{{id: s{n}, at: s{(n + 1) % 5}.recovered, do: server.hang, for: 1 min}}" for n in range(5)))
    assert "steps wait for each other" in message


@pytest.mark.parametrize(
    ("to", "targets"),
    [
        ("all", Targets()),
        ("anna", Targets(names=("anna",))),
        ("[anna, homes-03]", Targets(names=("anna", "homes-03"))),
        ("homes", Targets(names=("homes",))),
        ("house", Targets(names=("house",))),
        ("{share: 30 %, of: homes}", Targets(names=("homes",), share_permille=300)),
        ("{share: 30 %}", Targets(share_permille=300)),
        ("{shard: 2}", Targets(shard=2)),
    ],
)
def test_targets(to, targets):
    assert steps(f"{{at: 19:30, do: network.cut, to: {to}, for: 1 h}}")[0].to == targets


@pytest.mark.parametrize(
    ("kind", "given", "arguments"),
    [
        ("server.upgrade, for: 1 h", "{style: drained, drain: 30 s}", {"style": "drained", "drain_ms": 30_000}),
        ("server.upgrade, for: 1 h", "{}", {"style": "stop", "drain_ms": 60_000}),
        ("server.wrong-clock, for: 1 h", "{offset: -5 min}", {"offset_ms": -300_000}),
        ("driver.set-amperage, to: anna", "{amperage: 16 A}", {"amperage_ma": 16_000}),
        ("driver.plug-in, to: anna", "{needs: 9 kWh, stay: 2 h}", {"needs_wh": 9_000, "stay_ms": 2 * HOUR}),
        ("driver.set-tou, to: anna", "{on: false}", {"on": False, "charge_in": ()}),
        ("driver.set-tou, to: anna", "{charge_in: [off-peak]}", {"on": True, "charge_in": ("off-peak",)}),
        ("message.drop, times: 2", "{action: hold, direction: command}", {"action": "hold", "direction": "command", "nth": 1}),
    ],
)
def test_arguments_stand_in_integer_units_with_their_defaults(kind, given, arguments):
    assert steps(f"{{at: 19:30, do: {kind}, with: {given}}}")[0].arguments == arguments


def test_a_backup_is_made_in_good_time_so_its_restoring_is_known_beforehand():
    restore = "do: server.restore-backup, for: 5 min, with: {age: 1 h}"
    steps(CRASH, f"{{at: crash.end + 1 h, {restore}}}")
    for unknown in ("at: crash.recovered + 1 h", "when: {message: transaction-start}"):
        (message,) = wrong(CRASH, f"{{{unknown}, {restore}}}")
        assert "nobody knows beforehand when the backup is to be made" in message


def test_triggers():
    (step,) = steps("{when: {message: transaction-end, from: anna, nth: 2, delay: 5 s}, do: message.lose-answer, times: 1}")
    assert step.when == Trigger(message="transaction-end", source="anna", nth=2, delay_ms=5_000)
    (message,) = wrong("{when: {state: Charging, from: homes}, do: server.hang, for: 1 min}")
    assert "one charger's message or state counts: found the crowd `homes`" in message
    (message,) = wrong("{when: {nth: 1}, do: server.hang, for: 1 min}")
    assert "`when` waits for one thing" in message


def test_a_step_knows_its_line():
    assert steps(CRASH)[0].line == 16


def test_a_step_of_a_charger_that_is_wrong_is_not_wrong_itself():
    (message,) = refused("18 kWh", "18 kW", more="plan:\n  - {at: 20:00, do: station.power-cut, to: anna, for: 1 min}\n")
    assert "`needs` is not right" in message


def test_checks():
    found = expect(
        "  checks:\n"
        "    reconnects-in-time: {within: 5 min, severity: warn, assumes: [no cut], charger: anna}\n"
        "    settings-remembered: {amperage: 16 A}\n"
        "    mine: {after: cut.end, within: 60 s, chargers: [anna], becomes: Charging, until: {state: [SuspendedEV, Finishing]}}\n"
        "    quiet: {never: {above: 20 A, outage: true}, during: cut, says: quiet}\n"
    )
    assert found.checks == (
        CheckSpec(name="reconnects-in-time", builtin=True, bound_ms=300_000, severity="warn", assumes=("no cut",), chargers=("anna",)),
        CheckSpec(name="settings-remembered", builtin=True, bound_ma=16_000),
        CheckSpec(
            name="mine", builtin=False, after=Moment(offset_ms=0, step="cut", edge="end"), within_ms=60_000, chargers=("anna",),
            then=Predicate(state=("Charging",)), until=Predicate(state=("SuspendedEV", "Finishing")),
        ),
        CheckSpec(name="quiet", builtin=False, never=Predicate(above_ma=20_000, outage=True), during="cut", says="quiet"),
    )  # fmt: skip


def test_limits_are_in_the_metrics_unit():
    found = expect(
        "  limits:\n"
        "    undelivered_energy: {max: 500 Wh, per: driver}\n"
        "    port_uptime: {min: 97 %, severity: warn}\n"
        "    time_to_recover_p95: {max: 5 min}\n"
        "    drivers_short: {max: 3}\n"
        "    extra_cost: {min: -1.5 USD, max: 2}\n"
    )
    assert found.limits == (
        Limit(metric="undelivered_energy", maximum=0.5, per="driver"),
        Limit(metric="port_uptime", minimum=97.0, severity="warn"),
        Limit(metric="time_to_recover_p95", maximum=300.0),
        Limit(metric="drivers_short", maximum=3.0),
        Limit(metric="extra_cost", minimum=-1.5, maximum=2.0),
    )


@pytest.mark.parametrize(
    ("text", "unit"), [("3 s", "drivers"), ("three", "drivers"), ("5 min", "kWh"), ("5", "s"), ("1 usd", "currency"), ("-", "%")]
)
def test_amounts_that_are_none(text, unit):
    with pytest.raises(UnitError):
        amount(text, unit)


def test_known_failures_and_what_is_exercised():
    found = expect(
        "  contract: none\n  exercised: [charging-continues, mine]\n  checks: {mine: {always: {powered: true}}}\n"
        "  limits: {drivers_short: {max: 0}}\n"
        "  known_failures: [{check: mine, charger: anna, reason: it is so}, {check: drivers_short, reason: r, link: https://example.org/1}]\n"
    )
    assert (found.contract, found.exercised) == ("none", ("charging-continues", "mine"))
    assert found.known_failures == (
        KnownFailure(check="mine", charger="anna", reason="it is so"),
        KnownFailure(check="drivers_short", reason="r", link="https://example.org/1"),
    )


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("{becomes: Charging, after: cut.end, whenever: {draws: true}}", "`mine` has two triggers"),
        ("{never: {draws: true}, within: 1 min}", "`within` does not go with `never`"),
        ("{always: {message: status}}", "an instant cannot go on"),
        ("{always: {draws: true}, amperage: 16 A}", "`amperage` is for built-in checks"),
        ("{always: {draws: true}, charger: anna, chargers: [anna]}", "both `charger` and `chargers`"),
        ("{always: {draws: true}, charger: house}", "no such charger: found `house`"),
    ],
)
def test_checks_that_make_no_sense(check, message):
    messages = refused(more=MORE + f"plan:\n  - {{id: cut, at: 19:30, do: network.cut, for: 1 h}}\nexpect: {{checks: {{mine: {check}}}}}\n")
    assert len(messages) == 1
    assert message in messages[0]
