"""Scenario files that are written: what is read back is the scenario that was meant, whatever was drawn or taken away."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from random_plans import MODELS

from harness import scenario, shipped
from harness.scenario import writing
from harness.scenario.nodes import read_file, read_text
from harness.search.space import Space, source
from harness.values import Scenario, Settings, Tou

PLANS = 12


def without_lines(made: Scenario) -> Scenario:
    return replace(made, plan=tuple(replace(step, line=0) for step in made.plan))


@pytest.mark.parametrize("model", MODELS)
def test_a_drawn_plan_is_read_back_as_it_was_meant(model):
    plans = Space(source(model))
    for seed in range(PLANS):
        ancestry = (seed,) if seed % 2 else (seed, seed + 1000)
        drawn = plans.plan(ancestry)
        text = plans.text(plans.circumstance(seed), drawn, folder=Path())
        assert without_lines(scenario.loads(text, drawn.name)) == without_lines(drawn)


@pytest.mark.parametrize("name", shipped.scenario_names())
def test_a_shipped_scenario_is_read_back_as_it_was(name):
    path = shipped.scenario_path(name)
    text = writing.text(read_file(path, path.name), comment=["What it is."])
    assert text.startswith("# What it is.\nharness: 1\n")
    assert without_lines(scenario.loads(text, name, folder=path.parent)) == without_lines(scenario.load(name))


@pytest.mark.parametrize(
    "title", ["plain", "with: a colon", "# no comment", "'quoted' \"twice\"", "yes", "12 h", "~", "{a}", "- b", "-", "--- x", "ä\tb", ""]
)
def test_any_text_is_written_so_that_it_is_read_back(title):
    root = writing.put(read_text("x: 1", "a file"), ("title",), title)
    assert read_text(writing.text(root), "a file").entries["title"][1].text == title


def test_models_that_a_file_names_by_path_are_found_from_another_folder():
    root = read_text("defaults: {model: mine/box.yaml, car: bolt}\nserver: {extends: ../server.yaml}\nnetwork: /etc/net.yaml", "a file")
    moved = writing.text(writing.moved(root, Path("suite"), Path("suite/regressions")))
    expected = "server: {extends: ../../server.yaml}\nnetwork: /etc/net.yaml\ndefaults:\n  model: ../mine/box.yaml\n  car: bolt\n"
    assert moved == expected


def test_what_is_put_below_a_models_name_changes_a_copy_of_that_model():
    root = writing.put(read_text("server: csms", "a file"), ("server", "shards"), "2")
    assert writing.text(root) == "server: {extends: csms, shards: 2}\n"


def test_a_key_that_is_put_as_nothing_is_gone():
    assert writing.text(writing.put(read_text("a: 1\nb: 2", "a file"), ("a",), None)) == "b: 2\n"


def test_a_comment_stays_one_whatever_it_holds():
    root = read_text("a: 1", "a file")
    assert writing.text(root, comment=["from x\ny: 2\u2028z\r.yaml"]) == "# from x\\ny: 2\\u2028z\\r.yaml\na: 1\n"


DEFAULTS = """
harness: 1
title: Two chargers
start: 2026-03-12 08:00
zone: UTC
duration: 10 h
server: csms
network: ethernet
supply: {voltage: 240 V, phases: 1}
defaults:
  model: ocpp16-strict
  car: leaf-40
  tariff: pge-ev2-a
  tou: {charge_in: [off-peak], on: false}
  settings: {amperage: 8 A, wire_rating: 16 A}
  tag: T
  tag_listed: false
  tag_barred: true
  tag_revoked: +1 h
chargers: {anna: {}, ben: {tou: {on: true}, settings: {amperage: 10 A}}, carla: {tou: off, tag: C}}
"""


@pytest.mark.parametrize(
    "now",
    [
        {"settings": Settings()}, {"settings": Settings(amperage_ma=6_000)}, {"tou": None}, {"tou": Tou(charge_in=("peak",))}, {"tag": ""},
        {"tag_listed": True}, {"tag_barred": False}, {"tag_revoked_ms": None},
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_a_charger_has_no_more_does_not_come_back_from_the_defaults(place, now):
    base = scenario.loads(DEFAULTS, "two")
    chargers = tuple(replace(entry, **now) if number == place else entry for number, entry in enumerate(base.chargers))
    found = replace(base, chargers=chargers)
    text = writing.text(writing.varied(read_text(DEFAULTS, "a file"), base, found))
    assert scenario.loads(text, "two") == found
