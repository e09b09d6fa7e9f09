"""What a failing scenario is made small to: as few parts as it takes, at times that people would write."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from harness import exploring, scenario
from harness.scenario.writing import in_effect
from harness.search import finding
from harness.search.finding import described, made_small
from harness.search.shrink import Shrunk, _cut, _fewer_chargers, _fewer_steps, _no_circuits, failure_of, shrink
from harness.search.space import Space, source
from harness.search.trial import Failure, failing, judged
from harness.values import Settings

TEXT = """
harness: 1
title: A run that fails
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: 30 h
seed: 30
server: {server}
network: home-wifi
supply: {{voltage: 240 V, phases: 1}}
defaults: {{model: {model}, car: leaf-40, tariff: pge-ev2-a, tou: {{charge_in: [off-peak]}}}}
chargers:
  anna: {{tag: A1, session: {{plug_in: +7 h 9 min 51.936 s, needs: 22 kWh, leave: +3 h 24 min 46.901 s}}}}
  ben: {{settings: {{wire_rating: 24 A}}, tag: B1, session: {{plug_in: +1 h 20.364 s, needs: 25 kWh, leave: +12 h 20 min 58.381 s}}}}
models: {{{model}: {{quirks: [{quirk}]}}}}
plan:
  - {{at: +2 h, do: station.clock-lost, to: ben}}
"""


def smallest(model: str, quirk: str, check: str, plan: str, server: str = "juicenet") -> Shrunk:
    shrunk = shrink(scenario.loads(TEXT.format(model=model, quirk=quirk, server=server) + plan, "failing"), check)
    assert shrunk is not None
    assert shrunk.complete
    return shrunk


def test_a_duration_that_may_be_no_shorter_is_round_and_stays_so():
    plan = "  - {id: crash, at: +7 h 45 min 51.712 s, do: server.crash, for: 3 h 17 min 2.123 s}\n"
    shrunk = smallest("juicebox-v09u", "swaps-amperages", "offline-limit-applies", plan)
    (step,) = shrunk.scenario.plan
    (entry,) = shrunk.scenario.chargers
    assert (step.id, step.for_ms) == ("crash", 600_000)
    assert [(entry.name, entry.tag, entry.tou)] == [("anna", "", None)]
    assert shrunk.runs < 100


def test_an_argument_goes_back_to_its_default_and_stays_there():
    plan = """\
  - {id: hang, at: +9 h 47 min 12.345 s, do: server.hang, for: 7 min 1 s}
  - {id: loop, at: +9 h 46 min 1.234 s, do: station.reboot-loop, to: anna, with: {every: 431.7 s}, for: 10 min}
"""
    shrunk = smallest("ocpp16-strict", "registers-only-once", "nothing-before-acceptance", plan, server="csms")
    assert [step.arguments for step in shrunk.scenario.plan if step.do == "station.reboot-loop"] == [{"every_ms": 300_000}]


def test_steps_that_must_meet_are_moved_together_to_a_round_time():
    plan = """\
  - {id: crash, at: +7 h 45 min 51.712 s, do: server.crash, for: 7 min 1 s}
  - {id: cut, at: +7 h 46 min 20.3 s, do: station.power-cut, to: anna, for: 20 s}
"""
    shrunk = smallest("juicebox-v09u", "forgets-offline-limit-at-boot", "offline-limit-applies", plan)
    assert [step.at.offset_ms % 1_800_000 for step in shrunk.scenario.plan if step.at] == [0, 0]
    assert shrunk.scenario.duration_ms <= 2 * 3_600_000


@pytest.mark.parametrize("shard", [1, 2])
def test_a_fault_of_one_part_of_the_server_becomes_one_of_all_of_it(shard):
    plan = f"  - {{id: crash, at: +8 h, do: server.crash, to: {{shard: {shard}}}, for: 2 h}}\n"
    text = TEXT.format(model="juicebox-40", quirk="no-backoff", server="juicenet") + plan
    shrunk = shrink(scenario.loads(text, "failing"), "reconnect-backs-off")
    assert shrunk is not None
    assert [step.to.shard for step in shrunk.scenario.plan] == [None]
    assert len(shrunk.scenario.chargers) == 1


# The same failure, and no other of the same check.

LATE = """
harness: 1
title: A car that does not go on
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: 12 h
server: juicenet
network: home-wifi
supply: {{voltage: 240 V, phases: 1}}
defaults: {{model: juicebox-40, car: leaf-40, tariff: pge-ev2-a, tou: off}}
models: {{juicebox-40: {{power_up: {{resumes: false}}}}}}
chargers:
  anna: {{session: {{plug_in: +1 h, needs: 20 kWh, leave: +10 h}}}}
plan:
  - {{id: cut, at: +2 h, do: station.power-cut, to: anna, for: 10 min}}
  - {{id: later, at: +3 h, do: server.crash, for: 2 h}}
expect: {{checks: {{goes-on: {{says: x, {goes_on}}}}}}}
"""


@pytest.mark.parametrize(
    "goes_on",
    [
        "after: cut.end, within: 30 min, then: {draws: true}",
        "during: later, sometimes: {draws: true}",
        "after: later.start, within: 1 h, then: {message: transaction-start}",
    ],
)
def test_a_car_that_does_not_charge_does_not_become_no_car(goes_on):
    shrunk = shrink(scenario.loads(LATE.format(goes_on=goes_on), "late"), "goes-on")
    assert shrunk is not None
    assert [len(entry.sessions) for entry in shrunk.scenario.chargers] == [1]
    assert "no car" not in shrunk.failure.rule


def test_where_no_car_was_there_at_first_none_need_be():
    text = LATE.format(goes_on="during: later, sometimes: {draws: true}").replace("plug_in: +1 h", "plug_in: +8 h")
    shrunk = shrink(scenario.loads(text, "late"), "goes-on")
    assert shrunk is not None
    assert shrunk.failure.rule == "the charger should draw current at some time while later acts; it never did, and no car was there"
    assert [entry.sessions for entry in shrunk.scenario.chargers] == [()]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("it should draw by +07:00:41.500, 41.5 s after +07:00:00", "it should draw by +1 d 00:01:00, 60 s after +1 d 00:00:00"),
        ("meter-values was sent at +01:00:00 by anna", "authorise was sent at +02:00:00.001 by ben"),
        ("the ledger's order is 2, 1", "the ledger's order is 4, 3, 2, 1"),
        ("transaction 1 stands in the ledger twice", "transaction 12 stands in the ledger 3 times"),
        ("it tells of an event at +00:10:00 and says 50 s before the start", "it tells of an event at +01:10:00 and says +01:09:00"),
        ("it took 1e+06 s", "it took 5 s"),
    ],
)  # fmt: skip
def test_what_differs_in_figures_and_names_alone_is_of_one_kind(one, two):
    assert Failure("anna", 0, one).kind == Failure("ben", 0, two).kind


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("it did not (SuspendedEVSE, 0 A)", "it did not (Available, 0 A)"),
        ("the hold ended at +01:00:00; the car did not draw", "the hold should stand until +01:00:00; the car drew 16 A before"),
        ("cats draw 1 A", "dogs draw 1 A"),
    ],
)
def test_what_says_something_else_is_of_another_kind(one, two):
    assert Failure("a", 0, one).kind != Failure("a", 0, two).kind


def test_a_day_on_which_a_plan_fails_in_another_way_is_not_taken_for_it(tmp_path, monkeypatch):
    plans = Space(source("juicebox-40", ["models.juicebox-40.quirks=[no-backoff]"]))
    dated = (seed for seed in range(1000) if plans.circumstance(seed).start)
    seed = next(seed for seed in dated if "reconnect-backs-off" in failing(judged(plans.plan((seed,)))))
    monkeypatch.setattr(finding, "failure_of", lambda plan, check, kind="": None if kind else failure_of(plan, check))
    assert f"start: {plans.circumstance(seed).start}" in made_small(plans, (seed,), "reconnect-backs-off", tmp_path).text


# The file.

OWN = """
harness: 1
title: A car that gets full
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: {duration}
server: juicenet
network: home-wifi
supply: {{voltage: 240 V, phases: 1}}
defaults: {{model: juicebox-40, car: leaf-40, tariff: pge-ev2-a, tou: off, settings: {{amperage: 8 A}}}}
chargers:
  anna: {{session: {{plug_in: +1 h, needs: 5 kWh, leave: +20 h}}}}
  ben: {{session: {{plug_in: +1 h, needs: 5 kWh, leave: +20 h}}}}
plan:
  - {{id: cut, at: +30 min, do: network.cut, to: ben, for: 1 min}}
expect: {{checks: {{never-full: {{says: x, {whom}, never: {{state: SuspendedEV}}}}}}}}
"""


def made(folder: Path, *, duration: str = "10 h", whom: str = "charger: anna") -> exploring.Shrinking:
    (folder / "full.yaml").write_text(OWN.format(duration=duration, whom=whom))
    return exploring.shrink(folder / "full.yaml", out=folder / "out" / "small.yaml")


@pytest.mark.parametrize("duration", ["10 h", "30 h"])
def test_what_is_taken_away_does_not_come_back_from_the_defaults(tmp_path, duration):
    small = made(tmp_path, duration=duration)
    found = scenario.load(small.file)
    assert [(entry.name, entry.settings) for entry in found.chargers] == [("anna", Settings())]
    assert list(failing(judged(found))) == [small.check]


def test_a_charger_that_a_check_names_stays(tmp_path):
    small = made(tmp_path, whom="chargers: [anna, ben]")
    assert "never-full" in failing(judged(scenario.load(small.file)))


def test_models_that_a_file_names_are_found_from_where_the_small_one_is(tmp_path):
    (tmp_path / "mine.yaml").write_text("harness: 1\nkind: charger\nname: mine\ntitle: Mine\nextends: juicebox-40\n")
    text = OWN.format(duration="10 h", whom="charger: anna").replace("model: juicebox-40", "model: ./mine.yaml")
    (tmp_path / "own.yaml").write_text(text)
    small = exploring.shrink(tmp_path / "own.yaml", out=tmp_path / "below" / "out" / "small.yaml")
    assert list(failing(judged(scenario.load(small.file)))) == ["never-full"]


def test_a_file_that_says_another_scenario_is_never_told_of(tmp_path):
    base = scenario.loads(OWN.format(duration="10 h", whom="charger: anna"), "full")
    shrunk = shrink(base, "never-full")
    with pytest.raises(AssertionError, match="says another scenario than the one in which never-full fails"):
        described(shrunk, "Made small.", tmp_path, lambda found, comment: OWN.format(duration="10 h", whom="charger: anna"))


# What is proposed.


def test_a_run_that_is_cut_is_the_run_that_is_read_with_that_duration():
    short, long = (scenario.loads(OWN.format(duration=duration, whom="charger: anna"), "full") for duration in ("10 h", "3 d"))
    assert len(long.local_days) > len(short.local_days)
    assert in_effect(_cut(long, short.duration_ms)) == in_effect(short)


def test_a_step_goes_only_with_those_that_are_told_relative_to_it():
    plan = "  - {id: a, at: +1 h, do: server.crash, for: 1 h}\n  - {id: b, at: a.end, do: server.crash, for: 1 h}\n"
    base = scenario.loads(TEXT.format(model="juicebox-40", quirk="", server="juicenet") + plan, "failing")
    left = [{step.id for step in proposal.plan} for proposal in _fewer_steps(base)]
    assert {"a", "b"} in left
    assert not [ids for ids in left if "b" in ids and "a" not in ids]


def test_a_plan_is_made_small_on_an_ordinary_day_without_tight_limits(tmp_path):
    plans = Space(source("juicebox-40", ["models.juicebox-40.quirks=[no-backoff]"]))
    tight = (seed for seed in range(1000) if (there := plans.circumstance(seed)).start and there.queue_limit and there.capacity_a)
    seed = next(seed for seed in tight if "reconnect-backs-off" in failing(judged(plans.plan((seed,)))))
    text = made_small(plans, (seed,), "reconnect-backs-off", tmp_path).text
    assert "start: 2026-03-12 08:00\n" in text
    assert "circuits:" not in text
    assert "limit" not in text


def test_a_check_that_only_warns_is_no_failure():
    text = OWN.format(duration="10 h", whom="charger: anna")
    assert list(failing(judged(scenario.loads(text, "full")))) == ["never-full"]
    assert failing(judged(scenario.loads(text.replace("says: x,", "says: x, severity: warn,"), "full"))) == {}


STREET = """
harness: 1
title: A street
start: 2026-03-12 08:00
zone: UTC
duration: 12 h
server: juicenet
network: home-wifi
supply: {voltage: 240 V, phases: 1}
defaults: {model: juicebox-40, car: leaf-40, tariff: pge-ev2-a, tou: off}
models: {juicebox-40: {quirks: [no-backoff]}}
chargers: {anna: {}, ben: {}, eve: {}}
circuits: {garage: {members: [anna], capacity: 20 A}, yard: {members: [ben, eve], capacity: 40 A}}
plan:
"""


def test_what_ends_with_a_step_that_is_gone_goes_too():
    plan = """\
  - {id: cut, at: +3 h, do: station.power-cut, to: anna, for: 10 min}
  - {id: crash, at: +2 h, do: server.crash, until: cut.end}
  - {id: loop, at: crash.end, do: station.reboot-loop, to: ben, for: 10 min}
  - {id: hang, at: +6 h, do: server.hang, for: 10 min}
"""
    without_anna = next(_fewer_chargers(scenario.loads(STREET + plan, "street")))
    assert [entry.name for entry in without_anna.chargers] == ["ben", "eve"]
    assert [step.id for step in without_anna.plan] == ["hang"]


def test_a_fault_that_ends_with_another_s_end_is_told_by_how_long_it_lasted():
    plan = """\
  - {id: cut, at: +3 h, do: station.power-cut, to: anna, for: 10 min}
  - {id: crash, at: +2 h, do: server.crash, until: cut.end}
"""
    text = STREET + plan + "expect: {checks: {stays-online: {says: x, charger: ben, never: {online: false}}}}\n"
    shrunk = shrink(scenario.loads(text, "street"), "stays-online")
    assert shrunk is not None
    assert [(step.do, step.until) for step in shrunk.scenario.plan] == [("server.crash", None)]
    assert [entry.name for entry in shrunk.scenario.chargers] == ["ben"]


def test_what_is_aimed_at_a_circuit_that_is_gone_is_aimed_at_its_members_or_goes_with_them():
    base = scenario.loads(STREET + "  - {id: cut, at: +1 h, do: network.cut, to: [garage, yard], for: 10 min}\n", "street")
    aims = [[step.to.names for step in proposal.plan] for proposal in _no_circuits(base)]
    assert aims == [[("anna", "ben", "eve")], [("anna", "yard")], [("garage", "ben", "eve")]]
    without_anna = next(_fewer_chargers(base))
    assert [step.to.names for step in without_anna.plan] == [("yard",)]
    shrunk = shrink(base, "reconnect-backs-off")
    assert shrunk is not None
    assert len(shrunk.scenario.chargers) == 1


CROWDED = """
harness: 1
title: A street on one circuit
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: 14 h
seed: 3
server: juicenet
network: home-wifi
supply: {voltage: 240 V, phases: 1}
defaults: {model: juicebox-40, car: leaf-40, tariff: pge-ev2-a}
models: {juicebox-40: {quirks: [forgets-share-at-power-up]}}
chargers:
  homes: {count: 6, driver: {extends: commuter, no_trip_weekday: 0 %}}
  anna: {session: {plug_in: 09:00, needs: 20 kWh, leave: 20:00}}
circuits: {feeder: {members: [homes, anna], capacity: 60 A}}
plan:
"""


def test_a_crowd_on_a_circuit_becomes_smaller_with_it():
    base = scenario.loads(CROWDED + "  - {id: cut, at: +6 h, do: network.cut, for: 10 min}\n", "street")
    found = [(len(each.names()), [(circuit.members, circuit.capacity_ma) for circuit in each.circuits]) for each in _fewer_chargers(base)]
    assert (6, [(("homes",), 51_000)]) in found, "without anna each of the others has as much room"
    assert (4, [(("homes", "anna"), 34_000)]) in found, "and so has each of half the crowd"
    least = replace(base, circuits=(replace(base.circuits[0], capacity_ma=42_000),))
    assert all(circuit.capacity_ma >= 6_000 * len(each.names()) for each in _fewer_chargers(least) for circuit in each.circuits)


def test_what_is_found_of_a_crowd_on_a_circuit_is_a_scenario(tmp_path):
    file = tmp_path / "street.yaml"
    file.write_text(CROWDED + "  - {id: power, at: +4 h, do: station.power-cut, to: homes, for: 10 min}\n")
    found = exploring.explore(file, plans=40, jobs=1, out=tmp_path / "out")
    assert found.findings
    assert all(each.check in failing(judged(scenario.load(each.file))) for each in found.findings)
    assert min(each.smallest.chargers for each in found.findings) <= 2
