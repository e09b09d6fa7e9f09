"""Stations of one and of three phases behind one circuit, and limits that differ from phase to phase."""

import pytest

from harness import scenario
from harness.check.judge import Judge
from harness.journal.records import Current
from harness.scenario.problems import ScenarioError
from harness.stage import simulated

STREET = """
harness: 1
title: Three stations of one phase each, on a circuit of three
start: 2026-03-12 16:00
zone: Europe/Berlin
duration: 12 h
seed: 1
server: csms
network: ethernet
supply: {voltage: 230 V, phases: 3}
defaults: {model: uk-smart, car: CAR, tariff: octopus-go}
chargers:
  anna: {session: {plug_in: 17:00, needs: 20 kWh, leave: 03:00}}
  ben: {session: {plug_in: 17:00, needs: 20 kWh, leave: 03:00}, settings: {phase_rotation: ROTATION}}
  carla: {session: {plug_in: 17:00, needs: 20 kWh, leave: 03:00}, settings: {phase_rotation: TRS}}
circuits:
  house: {members: [anna, ben, carla], capacity: 16 A}
plan:
  - {id: crash, at: 18:00, do: server.crash, for: 1 h}
expect:
  checks: {load-group-within-capacity: {}}
"""


def run(tmp_path, text, *overrides):
    file = tmp_path / "street.yaml"
    file.write_text(text.replace("CAR", "leaf-40"), encoding="utf-8")
    found = scenario.load(file, overrides=overrides)
    records = []
    simulated.run(found, records.extend)
    judge = Judge(found)
    judge.feed(records)
    highest = {name: max(record.ma for record in records if isinstance(record, Current) and record.who == name) for name in found.names()}
    return highest, {result.name: result for result in judge.close(found.duration_ms)}


def test_stations_on_phases_of_their_own_have_all_that_these_carry(tmp_path):
    highest, results = run(tmp_path, STREET.replace("ROTATION", "STR"))
    assert set(highest.values()) == {16_000}
    assert (results["load-group-within-capacity"].met, results["load-group-within-capacity"].failed) == (1, 0)


def test_stations_on_one_phase_share_it(tmp_path):
    highest, _ = run(tmp_path, STREET.replace("ROTATION", "RST"))
    assert highest == {"anna": 8_000, "ben": 8_000, "carla": 16_000}


def test_more_on_a_phase_than_it_carries_is_seen_on_that_phase(tmp_path):
    text = STREET.replace("ROTATION", "RST").replace("server: csms", "server: {extends: csms, quirks: [raises-share-before-lowering]}")
    anna, ben, rest = text.split("17:00", 2)
    sessions = f"{anna}16:30{ben}18:30{rest}"
    cut = sessions.replace("do: server.crash,", "do: network.cut, to: anna,")
    _, results = run(tmp_path, cut)
    failed = results["load-group-within-capacity"].witness
    assert failed is not None
    assert "on phase R from" in failed.rule


def test_more_stations_on_a_phase_than_can_charge_there_are_refused(tmp_path):
    text = STREET.replace("ROTATION", "RST").replace("capacity: 16 A", "capacity: 10 A")
    with pytest.raises(ScenarioError) as caught:
        run(tmp_path, text)
    assert "10 A for 2 of them on one phase, 5 A each" in str(caught.value)


@pytest.mark.parametrize(("car", "highest_ma"), [("leaf-40", 16_000), ("id-3", 10_000)])
def test_of_limits_by_phase_the_lowest_of_those_that_the_car_uses_applies(tmp_path, car, highest_ma):
    text = STREET.replace("ROTATION", "RST").replace("uk-smart, car: CAR", f"easee, car: {car}")
    text = text.replace("at: 18:00, do: server.crash, for: 1 h", "at: +0 s, do: server.gone")
    text = text[: text.index("circuits:")] + text[text.index("plan:") : text.index("expect:")] + "expect:\n  contract: each-maker\n"
    highest, results = run(tmp_path, text)
    assert set(highest.values()) == {highest_ma}
    assert (results["offline-limit-applies"].met, results["offline-limit-applies"].failed) == (3, 0)


@pytest.mark.parametrize(("limit", "highest_ma"), [("lowest", 8_000), ("offline-amperage", 16_000)])
def test_the_lowest_of_all_limits_may_apply_without_a_server(tmp_path, limit, highest_ma):
    text = STREET.replace("ROTATION", "RST").replace("uk-smart, car: CAR", "easee, car: leaf-40, settings: {amperage: 8 A}")
    text = text.replace("at: 18:00, do: server.crash, for: 1 h", "at: +0 s, do: server.gone")
    text = text[: text.index("circuits:")] + text[text.index("plan:") : text.index("expect:")] + "expect:\n  contract: each-maker\n"
    highest, _ = run(tmp_path, text, f"models.easee.server_loss.limit={limit}")
    assert set(highest.values()) == {highest_ma}
