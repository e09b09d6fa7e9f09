"""What plans are drawn over: a base on its days and within its limits, and each plan a pure function of where it comes from."""

from __future__ import annotations

from functools import cache

import pytest

from harness import scenario, shipped
from harness.scenario.problems import ScenarioError
from harness.search.space import Circumstance, Space, doubts, source

SEEDS = range(300)


@cache
def strict() -> Space:
    return Space(source("ocpp16-strict"))


def test_the_same_ancestry_gives_the_same_plan_and_another_gives_another():
    again = Space(source("ocpp16-strict"))
    assert again.plan((3,)) == strict().plan((3,))
    assert again.plan((3, 1000)) == strict().plan((3, 1000))
    assert len({repr(strict().plan(ancestry).plan) for ancestry in ((3,), (4,), (3, 1000), (3, 1001), (3, 1000, 1001))}) == 5


def test_plans_take_place_on_nights_of_changed_clocks_at_a_seasons_end_and_on_an_ordinary_day():
    drawn = {strict().circumstance(seed).start for seed in SEEDS}
    assert drawn == {"", "2026-03-07 20:00", "2026-05-31 20:00", "2026-09-30 20:00", "2026-10-31 20:00"}


def test_a_zone_without_changes_and_a_tariff_without_seasons_leave_only_the_ordinary_day(tmp_path):
    file = tmp_path / "plain.yaml"
    file.write_text(
        "harness: 1\ntitle: Plain\nstart: 2026-03-12 08:00\nzone: UTC\nduration: 1 d\nserver: csms\nnetwork: ethernet\n"
        "supply: {voltage: 230 V, phases: 1}\ndefaults: {model: ocpp16-strict, car: bolt, tariff: {title: Flat, currency: EUR,"
        " levels: [day, night], windows: [{level: day, hours: 06:00-22:00}], otherwise: night,"
        " prices: {day: 30 c, night: 20 c}}}\nchargers: {anna: {tag: A}}\n"
    )
    plans = Space(source(file))
    assert plans.starts == ()
    assert {plans.circumstance(seed).start for seed in SEEDS} == {""}
    assert all(len(plans.plan((seed,)).chargers) == 1 for seed in range(20))


def test_durations_queues_and_load_groups_vary():
    drawn = [strict().base(strict().circumstance(seed)) for seed in SEEDS]
    assert len({base.duration_ms for base in drawn}) >= 3
    assert len({base.models["ocpp16-strict"].queue.limit for base in drawn}) >= 3
    assert len({circuit.capacity_ma for base in drawn for circuit in base.circuits}) >= 3
    assert any(not base.circuits for base in drawn)


def test_what_a_base_does_besides_is_left_out():
    plans = Space(source("faq-walkthrough"))
    assert plans.plain.plan == ()
    assert (plans.plain.expect.checks, plans.plain.expect.limits, plans.plain.expect.known_failures) == ((), (), ())
    assert [entry.name for entry in plans.plain.chargers] == [entry.name for entry in scenario.load("faq-walkthrough").chargers]


def test_a_model_stands_for_three_of_it_at_the_server_that_it_talks_to():
    for model, server in (("waybox", "juicenet"), ("ocpp201", "csms"), ("uk-smart", "csms"), ("juicebox-v09u", "juicenet")):
        plain = Space(source(model)).plain
        assert (len(plain.chargers), set(plain.models), plain.server.name) == (3, {model}, server)


def test_a_model_of_ones_own_is_a_base_too(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("harness: 1\nkind: charger\nname: mine\ntitle: Mine\nextends: uk-smart\nqueue: {limit: 7}\n")
    plain = Space(source(file)).plain
    assert [model.queue.limit for model in plain.models.values()] == [7]
    assert plain.server.name == "csms"


def test_overrides_change_the_base():
    assert Space(source("ocpp201", ["server.shards=2"])).plain.server.shards == 2


def test_what_is_wrong_with_a_base_is_said_of_its_file(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("harness: 1\ntitle: Bad\n")
    with pytest.raises(ScenarioError, match=r"bad\.yaml:1:1: `chargers` is missing"):
        source(file)
    with pytest.raises(ScenarioError, match="did you mean `waybox`"):
        source("wayboxx")


OWN = "harness: 1\nkind: charger\nname: {name}\ntitle: Mine\nextends: uk-smart\n"
STREET = (
    "harness: 1\ntitle: A street\nstart: 2026-03-12 08:00\nzone: UTC\nduration: 1 d\nserver: csms\nnetwork: ethernet\n"
    "supply: {{voltage: 230 V, phases: 1}}\ndefaults: {{car: bolt, tariff: pge-ev2-a{defaults}}}\n"
    "chargers: {{anna: {{tag: A{anna}}}, ben: {{tag: B{ben}}}}}\n"
)


def street(folder, **models: str):
    file = folder / "street.yaml"
    file.write_text(STREET.format_map({"defaults": "", "anna": "", "ben": ""} | {who: f", model: {told}" for who, told in models.items()}))
    return file


def names_of(plans: Space) -> list[str]:
    return [entry.model for entry in plans.plain.chargers]


def test_a_model_that_is_changed_in_place_is_changed_further_by_its_name(tmp_path):
    plans = Space(source(street(tmp_path, anna="{extends: ocpp16-strict, queue: {limit: 9}}", ben="ocpp16-strict")))
    assert names_of(plans) == ["ocpp16-strict-anna", "ocpp16-strict"]
    assert plans.base(Circumstance()).models["ocpp16-strict-anna"].queue.limit == 9
    there = Circumstance(queue_limit=2)
    assert {model.queue.limit for model in plans.base(there).models.values()} == {2}
    assert scenario.loads(plans.text(there, plans.base(there), folder=tmp_path), "street", folder=tmp_path) == plans.base(there)


def test_a_models_file_has_a_name_that_no_other_model_has(tmp_path):
    for name in ("mine", "uk-smart"):
        (tmp_path / f"{name}.yaml").write_text(OWN.format(name=name))
    assert names_of(Space(source(street(tmp_path, defaults="./mine.yaml")))) == ["mine", "mine"]
    assert names_of(Space(source(street(tmp_path, anna="./uk-smart.yaml", ben="./mine.yaml")))) == ["uk-smart-2", "mine"]
    assert names_of(Space(source(tmp_path / "uk-smart.yaml")))[0] == "uk-smart-2"


def test_a_shipped_model_by_its_path_is_the_one_of_that_name():
    path = shipped.model_path("charger", "waybox")
    assert Space(source(path)).plain == Space(source("waybox")).plain


def test_a_model_of_ones_own_is_changed_as_a_shipped_one_is(tmp_path):
    (tmp_path / "mine.yaml").write_text(OWN.format(name="mine"))
    plans = Space(source(tmp_path / "mine.yaml", ["models.mine.quirks=[no-backoff]"]))
    assert plans.plain.models["mine"].quirks == ("no-backoff",)


def test_what_an_override_names_is_relative_to_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    (tmp_path / "mine.yaml").write_text(OWN.format(name="mine"))
    monkeypatch.chdir(tmp_path)
    file = street(tmp_path / "below", defaults="uk-smart")
    assert names_of(Space(source(file.relative_to(tmp_path), ["defaults.model=./mine.yaml"]))) == ["mine", "mine"]


def test_a_change_to_a_model_that_nothing_is_is_doubted(tmp_path):
    (doubt,) = doubts("juicebox-40", ["models.waybox.quirks=[no-backoff]"])
    assert str(doubt) == "--set #1: warning: no charger is a `waybox`"
    assert doubts("juicebox-40", ["models.juicebox-40.quirks=[no-backoff]"]) == []
    assert [doubt.message for doubt in doubts(street(tmp_path, defaults="uk-smart"), ["models.waybox.quirks=[]"])] == [
        "no charger is a `waybox`"
    ]  # fmt: skip
