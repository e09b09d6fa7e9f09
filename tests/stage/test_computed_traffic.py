"""Computed traffic leaves the records, and so the verdicts, that simulated traffic leaves.

Keepalives, readings and attempts that cannot change anything are worked out instead of happening one by one. Here each run is made
twice, once with all of them happening. Takes some seconds: simulating all of it is what computing it saves.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from random_plans import MODELS, announced, base, crowded, drawn, jostling, lines, records_of, with_tags

from harness import scenario, shipped
from harness.check.judge import Judge
from harness.journal.records import Attempts, Command, Link, Message, Recovery, Transaction
from harness.values import Moment, Scenario, Session, Step, Targets

MINUTE = 60_000
HOUR = 60 * MINUTE
TWO_DAYS_MS = 48 * HOUR
SMALLER = {
    "reconnect-storm": ["chargers.town.count=60", "chargers.night-owls.count=40"],
    "overnight-home-500": ["chargers.zappis.count=60", "chargers.wallboxes.count=60", "chargers.pods.count=60"],
}
"""What is cut away to stay quick."""

PLANS = 60
CROWDED = 96


def verdicts(loaded: Scenario, records: list) -> list[object]:
    judge = Judge(loaded)
    judge.feed(records)
    return list(judge.close(loaded.duration_ms))


def agree(loaded: Scenario) -> None:
    computed = records_of(loaded)
    happening = records_of(loaded, simulate_all=True)
    assert lines(computed) == lines(happening)
    assert verdicts(loaded, computed) == verdicts(loaded, happening)


def agree_leg_by_leg(loaded: Scenario) -> None:
    assert lines(records_of(loaded)) == lines(records_of(loaded, leg_by_leg=True))


@pytest.mark.parametrize("name", [*shipped.scenario_names(), *shipped.scenario_names(shipped.LIVE)])
def test_in_every_shipped_scenario(name):
    loaded = scenario.load(name, overrides=SMALLER.get(name, []))
    loaded = replace(loaded, duration_ms=min(loaded.duration_ms, TWO_DAYS_MS))
    assert len(loaded.names()) <= 200
    agree(loaded)


@pytest.mark.parametrize("model", MODELS)
def test_under_random_plans(model):
    for seed in range(PLANS // len(MODELS)):
        agree(drawn(model, seed, hours=24))


@pytest.mark.parametrize("first", range(0, CROWDED, 8))
def test_under_plans_in_which_much_happens_at_once(first):
    for seed in range(first, first + 8):
        loaded = crowded(seed)
        agree(loaded)
        agree_leg_by_leg(loaded)


JOSTLING = 64


@pytest.mark.parametrize("first", range(0, JOSTLING, 16))
def test_when_the_cars_of_one_circuit_come_and_go_within_a_moment(first):
    """One share's acknowledgement gives rise to another's: all of it in one go, unless something comes between."""
    for seed in range(first, first + 16):
        agree(jostling(seed))
        agree_leg_by_leg(jostling(seed))


TIES = {
    "an answer after which more is sent, and a share": """
defaults: {model: zappi, car: leaf-40, tariff: pge-ev2-a}
chargers:
  anna: {session: {plug_in: 08:30, needs: 30 kWh, leave: 20:00}}
  ben: {settings: {wire_rating: 24 A}}
circuits: {house: {members: [anna, ben], capacity: 50 A}}
plan:
  - {at: "09:00", do: driver.plug-in, to: ben, with: {needs: 7 kWh, stay: 1 h}}
  - {at: "10:05", do: driver.plug-in, to: ben, with: {needs: 7 kWh, stay: 2 h}}
  - {at: "09:50", do: server.errors, for: 1 h}
""",
    "two shares for one who is back with the first": """
defaults: {model: juicebox-v09u, car: leaf-40, tariff: pge-ev2-a}
chargers:
  anna: {network: {extends: ethernet, latency: 20 ms}}
  ben: {network: {extends: ethernet, latency: 300 ms}}
  carla: {network: {extends: ethernet, latency: 1 ms}, session: {plug_in: 09:00, needs: 20 kWh, leave: 20:00}}
circuits: {house: {members: [anna, ben, carla], capacity: 60 A}}
plan:
  - {id: down, at: "09:30", do: server.restore-backup, for: 4 s, with: {age: 1 h}}
""",
}
"""What happens in one millisecond to members of a circuit: found by random plans, made small."""


@pytest.mark.parametrize("tie", TIES)
def test_in_the_order_in_which_it_would_happen_leg_by_leg(tie):
    for seed in range(1, 4):
        head = f"harness: 1\ntitle: A tie\nstart: 2026-03-12 08:00\nzone: America/Los_Angeles\nduration: 14 h\nseed: {seed}\n"
        server = "juicenet" if "juicebox" in TIES[tie] else "csms"
        place = f"server: {server}\nnetwork: {{extends: ethernet, latency: 20 ms}}\nsupply: {{voltage: 240 V, phases: 1}}"
        loaded = scenario.loads(head + place + TIES[tie], "tie")
        agree(loaded)
        agree_leg_by_leg(loaded)


ALONE = """
harness: 1
title: Something within a moment of what the car says
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: 14 h
seed: 1
server: {extends: csms, shards: 2}
network: {extends: ethernet, latency: 20 ms}
supply: {voltage: 240 V}
defaults: {model: ocpp16-strict, car: leaf-40, tariff: pge-ev2-a}
chargers:
  anna: {tag: A1, session: {plug_in: +1 h, needs: 20 kWh, leave: +10 h}}
  ben: {model: waybox, session: {plug_in: +1 h, needs: 20 kWh, leave: +10 h}}
plan:
"""


@pytest.mark.parametrize(
    "step",
    [
        "{{at: +12 h, do: server.restore-backup, for: 5 min, with: {{age: {age} ms}}}}",  # made within a moment of the plug-in
        "{{at: +{moment} ms, do: server.upgrade, for: 5 min, with: {{style: rolling}}}}",  # begun within a moment of the unplug
    ],
    ids=["backup", "rolling"],
)
def test_what_the_plan_does_within_a_moment_of_messages_is_foreseen(step):
    for off_ms in (-40, -20, -10, 0, 1, 10, 20, 40):
        done = step.format(age=11 * HOUR - off_ms, moment=10 * HOUR + off_ms)
        loaded = scenario.loads(f"{ALONE}  - {done}", "alone")
        agree(loaded)
        agree_leg_by_leg(loaded)


ANNOUNCED = 8


@pytest.mark.parametrize("model", MODELS)
def test_on_a_tariff_whose_days_are_announced(model):
    for seed in range(ANNOUNCED):
        loaded = announced(model, seed)
        agree(loaded)
        agree_leg_by_leg(loaded)


TAGGED = ("ocpp16-strict", "ocpp201")


@pytest.mark.parametrize("model", TAGGED)
def test_with_tags_that_the_server_accepts_no_more(model):
    refused = 0
    for seed in range(12):
        for loaded in (with_tags(drawn(model, seed, hours=24)), with_tags(crowded(seed))):
            agree(loaded)
            agree_leg_by_leg(loaded)
            refused += sum(isinstance(record, Message) and record.result == "rejected" for record in records_of(loaded))
    assert refused > 12


def test_a_computed_keepalive_was_there_before_a_reading_that_was_sent_later():
    """In a hang, where the first word that the server takes up afterwards is a return: what it answers depends on whose turn is first."""
    plan = (
        Step(id="wiped", do="server.settings-wiped", at=Moment(offset_ms=2 * HOUR + MINUTE)),
        Step(id="hang", do="server.hang", at=Moment(offset_ms=2 * HOUR + MINUTE), for_ms=17 * MINUTE),
    )
    loaded = replace(base("ocpp16-strict", hours=24), duration_ms=4 * HOUR, plan=plan)
    stay = Session(plug_in_ms=HOUR, leave_ms=4 * HOUR, needs_wh=30_000)
    models = {name: replace(model, link=replace(model.link, offline_after_ms=HOUR)) for name, model in loaded.models.items()}
    agree(replace(loaded, models=models, chargers=tuple(replace(entry, sessions=(stay,)) for entry in loaded.chargers)))


def second_loss(model: str, kind: str, offset_ms: int) -> Scenario:
    """Two outages, the second so long after the recovery from the first."""
    whom = Targets() if kind.startswith("server") else Targets(names=("anna",))
    plan = (
        Step(id="first", do="server.crash", at=Moment(offset_ms=HOUR), for_ms=20 * MINUTE),
        Step(id="second", do=kind, at=Moment(offset_ms=offset_ms, step="first", edge="recovered"), for_ms=20 * MINUTE, to=whom),
    )
    return replace(base(model, hours=24), duration_ms=3 * HOUR, plan=plan)


WEBSOCKET = [model for model in MODELS if next(iter(base(model).models.values())).link.transport == "websocket"]
DATAGRAMS = [model for model in MODELS if model not in WEBSOCKET]


@pytest.mark.parametrize("kind", ["server.crash", "server.hang", "network.cut", "network.black-hole"])
@pytest.mark.parametrize("model", WEBSOCKET)
def test_when_the_server_is_lost_again_before_a_keepalive_was_answered(model, kind):
    for offset_ms in (100, 5_000, 20_000, 45_000):
        agree(second_loss(model, kind, offset_ms))


@pytest.mark.parametrize("kind", ["server.crash", "server.hang", "network.cut", "network.black-hole"])
@pytest.mark.parametrize("model", DATAGRAMS)
def test_over_datagrams_too(model, kind):
    for offset_ms in (100, 3_000, 8_000):
        agree(second_loss(model, kind, offset_ms))


# Found by random plans, made small.


@pytest.mark.parametrize("model", DATAGRAMS)
def test_when_mains_is_lost_while_an_attempt_is_under_way(model):
    crash = Step(id="crash", do="server.crash", at=Moment(offset_ms=HOUR), for_ms=2 * HOUR)
    calm = replace(base(model, hours=24), duration_ms=4 * HOUR, plan=(crash,))
    attempt_at = next(record.first for record in records_of(calm) if isinstance(record, Attempts) and record.who == "anna")
    cut = Step(id="cut", do="station.power-cut", at=Moment(offset_ms=attempt_at + 1_000), for_ms=MINUTE, to=Targets(names=("anna",)))
    agree(replace(calm, plan=(crash, cut)))


@pytest.mark.parametrize("model", WEBSOCKET)
def test_when_the_keepalives_lost_last_almost_as_long_as_the_silence_that_is_noticed(model):
    """The last lost keepalive's successor goes out in time, and its answer comes too late."""
    plain = replace(base(model, hours=24), duration_ms=2 * HOUR)
    drop = Step(
        id="drop", do="message.drop", at=Moment(offset_ms=HOUR), for_ms=HOUR // 2, to=Targets(names=("anna",)), times=2,
        arguments={"action": "keepalive", "direction": "request", "nth": 1},
    )  # fmt: skip
    agree(replace(plain, plan=(drop,)))


@pytest.mark.parametrize("model", MODELS)
def test_when_a_hung_server_dies_while_attempts_wait_for_its_answer(model):
    for dies_after_ms in (133_817, 190_000, 250_000):
        plan = (
            Step(id="hang", do="server.hang", at=Moment(offset_ms=HOUR), for_ms=5 * MINUTE),
            Step(id="gone", do="server.gone", at=Moment(offset_ms=HOUR + dies_after_ms)),
        )
        agree(replace(base(model, hours=24), duration_ms=3 * HOUR, plan=plan))


@pytest.mark.parametrize("model", MODELS)
def test_when_a_command_is_sent_in_the_very_millisecond_that_its_server_hangs(model):
    """Its acknowledgement is lost, so it is sent again after the recovery, as the answer to the same request."""
    plan = (
        Step(id="reset", do="network.reset", at=Moment(offset_ms=HOUR), to=Targets(names=("ben",))),
        Step(id="off", do="driver.set-tou", at=Moment(offset_ms=HOUR), to=Targets(names=("anna",)), arguments={"on": False}),
        Step(id="hang", do="server.hang", at=Moment(offset_ms=HOUR), for_ms=5 * MINUTE),
    )
    loaded = replace(base(model, hours=24), duration_ms=3 * HOUR, plan=plan)
    agree_leg_by_leg(loaded)


@pytest.mark.parametrize("model", WEBSOCKET)
def test_when_the_first_keepalives_after_a_registration_are_lost(model):
    whom = Targets(names=("anna",))
    plan = (
        Step(id="cut", do="station.power-cut", at=Moment(offset_ms=HOUR), for_ms=MINUTE, to=whom),
        Step(
            id="drop", do="message.drop", at=Moment(offset_ms=HOUR), for_ms=HOUR, to=whom, times=2,
            arguments={"action": "keepalive", "direction": "request", "nth": 1},
        ),
    )  # fmt: skip
    agree(replace(base(model, hours=24), duration_ms=3 * HOUR, plan=plan))


@pytest.mark.parametrize("model", WEBSOCKET)
def test_when_the_server_behind_a_cut_path_crashes_between_attempts(model):
    """There is no connection to close, so nothing is held that could break the first attempt after the cut."""
    whom = Targets(names=("anna",))
    for crashes_after_ms in range(30 * MINUTE, 34 * MINUTE, 20_000):
        plan = (
            Step(id="cut", do="network.cut", at=Moment(offset_ms=HOUR), for_ms=HOUR, to=whom),
            Step(id="crash", do="server.crash", at=Moment(offset_ms=HOUR + crashes_after_ms), for_ms=MINUTE),
        )
        agree(replace(base(model, hours=24), duration_ms=3 * HOUR, plan=plan))


@pytest.mark.parametrize("model", MODELS)
def test_when_a_command_follows_answers_that_a_hung_server_owed(model):
    """They arrive in the order in which they left, though the command could be carried in one go."""
    base_ = base(model, hours=24)
    stay = Session(plug_in_ms=HOUR + 30_000, leave_ms=20 * HOUR, needs_wh=30_000)
    chargers = tuple(replace(entry, sessions=(stay,)) for entry in base_.chargers)
    hang = Step(id="hang", do="server.hang", at=Moment(offset_ms=HOUR), for_ms=100_000)
    loaded = replace(base_, chargers=chargers, duration_ms=3 * HOUR, plan=(hang,))
    agree_leg_by_leg(loaded)


@pytest.mark.parametrize("model", MODELS)
def test_when_a_registration_comes_twice_at_once(model):
    whom = Targets(names=("anna",))
    plan = (
        Step(id="cut", do="station.power-cut", at=Moment(offset_ms=HOUR), for_ms=MINUTE, to=whom),
        Step(
            id="twice", do="message.repeat", at=Moment(offset_ms=HOUR), for_ms=HOUR, to=whom, times=1,
            arguments={"action": "registration", "direction": "request", "nth": 1},
        ),
    )  # fmt: skip
    agree_leg_by_leg(replace(base(model, hours=24), duration_ms=3 * HOUR, plan=plan))


@pytest.mark.parametrize("model", MODELS)
def test_when_a_cut_path_held_a_keepalive_behind_a_command(model):
    """The car begins to charge on the command, and the status that tells of it follows the keepalive."""
    whom = Targets(names=("anna",))
    plan = (
        Step(id="off", do="driver.set-tou", at=Moment(offset_ms=10 * HOUR), to=whom, arguments={"on": False}),
        Step(id="cut", do="network.cut", at=Moment(offset_ms=10 * HOUR), for_ms=70_000, to=whom),
    )
    stay = Session(plug_in_ms=9 * HOUR, leave_ms=20 * HOUR, needs_wh=30_000)
    chargers = tuple(replace(entry, sessions=(stay,)) for entry in base(model, hours=24).chargers)
    agree_leg_by_leg(replace(base(model, hours=24), chargers=chargers, duration_ms=11 * HOUR, plan=plan))


@pytest.mark.parametrize("model", DATAGRAMS)
def test_when_the_server_is_back_while_an_attempt_is_on_its_way_to_it(model):
    crash = Step(id="crash", do="server.crash", at=Moment(offset_ms=HOUR), for_ms=HOUR)
    calm = replace(base(model, hours=24), duration_ms=3 * HOUR, plan=(crash,))
    attempts = next(record for record in records_of(calm) if isinstance(record, Attempts) and record.who == "anna")
    agree_leg_by_leg(replace(calm, plan=(replace(crash, for_ms=attempts.last - HOUR + 1),)))


@pytest.mark.parametrize("model", MODELS)
def test_a_rolling_upgrade_moves_chargers_to_a_shard_that_hangs_and_they_come_back_with_it(model):
    plan = (
        Step(id="hang", do="server.hang", at=Moment(offset_ms=HOUR), for_ms=HOUR, to=Targets(shard=1)),
        Step(id="roll", do="server.upgrade", at=Moment(offset_ms=HOUR + MINUTE), for_ms=20 * MINUTE, arguments={"style": "rolling"}),
    )
    loaded = replace(base(model, hours=24), duration_ms=4 * HOUR, plan=plan)
    agree(loaded)
    back = {record.who for record in records_of(loaded) if isinstance(record, Recovery) and record.t >= 2 * HOUR}
    assert back == {"anna", "ben", "carla"}


def test_when_a_command_is_sent_while_the_word_that_its_connection_closes_is_on_the_way():
    """The command is lost with the connection, and the charger is told anew over the next one: it acknowledges one, not two."""
    opens = 7 * HOUR  # the hold window
    base_ = base("juicebox-40", hours=24)
    model = base_.models["juicebox-40"]
    over_websocket = replace(model, link=replace(model.link, transport="websocket"))
    lte = {name: replace(network, latency_ms=50) for name, network in base_.networks.items()}
    stay = Session(plug_in_ms=6 * HOUR + MINUTE, leave_ms=20 * HOUR, needs_wh=30_000)  # no reading is due as the window opens
    chargers = tuple(replace(entry, sessions=(stay,)) for entry in base_.chargers)
    roll = Step(id="roll", do="server.upgrade", at=Moment(offset_ms=opens - 10), for_ms=HOUR, arguments={"style": "rolling"})
    loaded = replace(
        base_, models={"juicebox-40": over_websocket}, networks=lte, chargers=chargers, duration_ms=opens + HOUR // 3, plan=(roll,)
    )
    agree(loaded)
    agree_leg_by_leg(loaded)
    annas = [record for record in records_of(loaded) if record.who == "anna"]
    online_again = next(record.t for record in annas if isinstance(record, Link) and record.state == "online")
    (hold,) = (record for record in annas if isinstance(record, Command))
    assert hold.sent > online_again


@pytest.mark.parametrize("model", MODELS)
def test_when_a_fault_on_messages_begins_in_the_very_millisecond_that_a_reading_is_due(model):
    """The fault acts on that reading, as the plan comes first within a millisecond."""
    base_ = base(model, hours=24)
    every = base_.models[model].queue.meter_interval_ms or HOUR
    stay = Session(plug_in_ms=HOUR, leave_ms=20 * HOUR, needs_wh=30_000)
    base_ = replace(base_, chargers=tuple(replace(entry, sessions=(stay,)) for entry in base_.chargers), duration_ms=3 * HOUR)
    opened = next(record.t for record in records_of(base_) if isinstance(record, Transaction) and record.who == "anna")
    whom = Targets(names=("anna",))
    counts = {"direction": "request", "nth": 1}
    plan = (Step(id="twice", do="message.repeat", at=Moment(offset_ms=opened + every), for_ms=MINUTE, to=whom, arguments=counts, times=1),)
    loaded = replace(base_, plan=plan)
    agree(loaded)
    agree_leg_by_leg(loaded)


@pytest.mark.parametrize("model", MODELS)
def test_when_what_one_shard_catches_up_with_after_a_hang_tells_the_charger_of_another(model):
    """Else that charger would be taken for one whose server still hangs, and never be heard of again."""
    base_ = base(model, grouped=True, hours=24)
    comes = Session(plug_in_ms=HOUR + 20_000, leave_ms=3 * HOUR, needs_wh=5_000)
    chargers = tuple(replace(entry, sessions=(comes,) if entry.name == "anna" else ()) for entry in base_.chargers)
    hang = Step(id="hang", do="server.hang", at=Moment(offset_ms=HOUR), for_ms=30_000)
    server = replace(base_.server, shards=2)
    loaded = replace(base_, chargers=chargers, server=server, duration_ms=2 * HOUR, plan=(hang,))
    agree(loaded)
    ends = [record.t for record in records_of(loaded) if isinstance(record, Recovery)]
    assert max(ends) < HOUR + 60_000
    assert not any(isinstance(record, Link) for record in records_of(loaded))


@pytest.mark.parametrize("delay_ms", [4_000, 40_000])
@pytest.mark.parametrize("kind", ["server.hang", "network.cut"])
def test_when_what_a_far_server_was_sent_before_is_still_on_its_way_as_it_is_lost(kind, delay_ms):
    """What follows on the same connection overtakes nothing, computed or not."""
    whom = Targets(names=("anna",))
    plan = (
        Step(id="far", do="network.latency", at=Moment(offset_ms=HOUR), for_ms=2_000, to=whom, arguments={"delay_ms": delay_ms}),
        Step(id="closed", do="station.unavailable", at=Moment(offset_ms=HOUR + 500), for_ms=30 * MINUTE, to=whom),
        Step(id="lost", do=kind, at=Moment(offset_ms=HOUR + 2_100), for_ms=8_000, to=Targets() if kind == "server.hang" else whom),
    )
    strict = base("ocpp16-strict", hours=24)
    model = strict.models["ocpp16-strict"]
    eager = replace(model, link=replace(model.link, keepalive_ms=5_000, offline_after_ms=15_000, answer_timeout_ms=10_000))
    loaded = replace(strict, models={"ocpp16-strict": eager}, duration_ms=2 * HOUR, plan=plan)
    silent = any(isinstance(record, Link) and record.cause == "silence" for record in records_of(loaded))
    assert silent == (delay_ms > 10_000)
    agree(loaded)
    agree_leg_by_leg(loaded)
