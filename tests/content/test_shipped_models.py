"""The shipped models: each reads without a problem, each statement has its source, figures are the sources' own."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from shipped_models import MODELS, file_of, whole

from harness import shipped
from harness.scenario.nodes import Node, read_file
from harness.values import ChargerModel, Clause, DriverModel, ServerModel, Supply, VehicleModel
from harness.world.battery import UJ_PER_WH, Battery, CarType

ABOUT_THE_FILE = {"harness", "kind", "name", "extends", "claims", "contract"}


def leaves(node: Node, path: str = "") -> Iterator[str]:
    """The dotted path of each statement; a list is one, and so is an empty map."""
    if node.kind == "map" and node.entries:
        for key, (_, value) in node.entries.items():
            if path or key not in ABOUT_THE_FILE:
                yield from leaves(value, f"{path}.{key}" if path else key)
    else:
        yield path


def covers(claim: str, path: str) -> bool:
    return path == claim or path.startswith(claim + ".")


@pytest.mark.parametrize(("kind", "name"), MODELS)
def test_it_reads_without_a_problem(kind, name):
    assert whole(kind, name)[1].name == name


@pytest.mark.parametrize(("kind", "name"), MODELS)
def test_each_statement_has_a_claim_in_its_own_file(kind, name):
    """What an extending model changes needs a claim of its own: the extended model's is about another value."""
    tree = read_file(file_of(kind, name), name)
    claims = tree.at("claims").entries
    assert [path for path in leaves(tree) if not any(covers(claim, path) for claim in claims)] == []


@pytest.mark.parametrize(("kind", "name"), MODELS)
def test_each_claim_is_about_something_and_says_something(kind, name):
    tree = read_file(file_of(kind, name), name)
    statements = list(leaves(tree))
    for claim, (_, words) in tree.at("claims").entries.items():
        assert any(covers(claim, path) for path in statements), claim
        assert len(words.entries) == 1, claim
        assert all(key in ("source", "assumption") and len(node.text) > 5 for key, (_, node) in words.entries.items()), claim


def contracts() -> list[tuple[str, str, str, Clause]]:
    return [
        (kind, name, check, clause) for kind, name in MODELS if kind in ("charger", "server")
        for check, clause in whole(kind, name)[1].contract.items()
    ]  # fmt: skip


def test_each_clause_of_a_contract_says_whose_words_it_is():
    assert [f"{name}: {check}" for _, name, check, clause in contracts() if bool(clause.source) == bool(clause.assumption)] == []


def test_each_charger_and_server_has_a_contract():
    promised = {(kind, name) for kind, name, _, _ in contracts()}
    assert promised == {(kind, name) for kind, name in MODELS if kind in ("charger", "server")}


def test_shipped_models_do_nothing_wrong_on_purpose():
    for kind, name in MODELS:
        model = whole(kind, name)[1]
        if isinstance(model, ChargerModel | ServerModel):
            assert model.quirks == ()


def test_no_two_models_share_a_title():
    titles = [whole(kind, name)[0].at("title").text for kind, name in MODELS]
    assert len(set(titles)) == len(titles)


# Figures, written down here a second time from the sources.


@pytest.mark.parametrize(
    ("name", "usable_wh", "ac_w", "phases"),
    [
        ("leaf-40", 38_000, 6_600, 1), ("model-3-sr", 50_000, 11_000, 3), ("bolt", 58_000, 7_200, 1), ("kona-64", 64_000, 7_200, 1),
        ("id-3", 58_000, 11_000, 3), ("model-y-lr", 72_500, 11_000, 3), ("leaf-e-plus", 62_000, 6_600, 1), ("ioniq-5", 72_600, 11_000, 3),
        ("zoe-ze50", 52_000, 22_000, 3), ("e-208", 45_000, 7_400, 1), ("i3-120ah", 37_900, 11_000, 3),
    ],
)  # fmt: skip
def test_vehicles_have_the_figures_of_open_ev_data(name, usable_wh, ac_w, phases):
    car: VehicleModel = whole("vehicle", name)[1]
    assert (car.usable_wh, car.ac_w, car.phases) == (usable_wh, ac_w, phases)
    assert (car.minimum_ma, car.taper_from_permille, car.full_at_permille) == (6_000, 800, 990)


def test_no_vehicle_is_left_out_of_the_figures():
    assert shipped.model_names("vehicle") == [
        "bolt", "e-208", "i3-120ah", "id-3", "ioniq-5", "kona-64", "leaf-40", "leaf-e-plus", "model-3-sr", "model-y-lr", "zoe-ze50",
    ]  # fmt: skip


@pytest.mark.parametrize("name", shipped.model_names("vehicle"))
def test_a_vehicle_charges_at_its_full_power_until_the_taper_and_then_ever_slower(name):
    car: VehicleModel = whole("vehicle", name)[1]
    kind = CarType(car, Supply(voltage_v=230, phases=3), charger_phases=3)
    battery = Battery(kind, car.usable_wh)
    powers_mw, lengths_ms = [], []
    while not battery.full:
        ma, _, lasts_ms = battery.charge(40_000)
        battery.missing_uj -= battery.taken_uj(lasts_ms)
        powers_mw.append(ma * kind.volt_phases)
        lengths_ms.append(lasts_ms)
    assert car.ac_w * 1000 - kind.volt_phases < powers_mw[0] <= car.ac_w * 1000
    assert lengths_ms[0] == pytest.approx(car.usable_wh * 0.8 * UJ_PER_WH / powers_mw[0], abs=1)
    assert len(powers_mw) == 2
    # What is missing decays from a fifth of the battery, until the current falls under 6 A or the charge reaches 0.99.
    ends_at = max(0.05, 6_000 / kind.maximum_ma)
    assert lengths_ms[1] == pytest.approx(lengths_ms[0] / 4 * math.log(1 / ends_at), rel=0.001)


@pytest.mark.parametrize(
    ("name", "arrival_min", "stay_min", "energy_wh"),
    [
        ("commuter", [735, 1005, 1110, 1245, 1350], [90, 252, 660, 876, 1218], [3_300, 8_200, 19_400, 35_800, 51_400]),
        ("workplace", [364, 408, 454, 706, 915], [138, 246, 462, 576, 624], [5_000, 7_000, 11_700, 18_100, 31_500]),
    ],
)
def test_drivers_have_the_published_quantiles(name, arrival_min, stay_min, energy_wh):
    driver: DriverModel = whole("driver", name)[1]
    found = [[q.p10, q.p25, q.p50, q.p75, q.p90] for q in (driver.arrival_min, driver.stay_min, driver.energy_wh)]
    assert found == [arrival_min, stay_min, energy_wh]
    assert driver.no_trip_weekday_permille == 350


# What the sources say of memory, which the whole project turns on.


@pytest.mark.parametrize(
    ("name", "cell", "clears", "spares"),
    [
        ("juicebox-40", "hold", {"power-cycle", "departure"}, {"server-loss", "network-reboot"}),
        ("juicebox-40", "wire_rating", set(), {"power-cycle", "server-loss", "network-reboot"}),
        ("juicebox-40", "group_share", set(), {"power-cycle", "server-loss", "network-reboot"}),
        ("juicebox-40", "amperage", {"server-loss", "power-cycle"}, {"network-reboot"}),
        ("juicebox-v09u", "hold", {"server-loss", "power-cycle"}, set()),
        ("juicebox-v09u", "offline_amperage", set(), {"power-cycle", "server-loss"}),
        ("waybox", "schedule", {"power-cycle"}, {"server-loss", "departure"}),
        ("waybox", "wire_rating", set(), {"power-cycle", "server-loss"}),
        ("ocpp16-strict", "schedule", set(), {"power-cycle", "server-loss", "network-reboot"}),
        ("ocpp16-strict", "authorisation_list", set(), {"power-cycle"}),
        ("ocpp201", "schedule", set(), {"power-cycle", "server-loss", "network-reboot"}),
        ("uk-smart", "schedule", set(), {"power-cycle", "server-loss", "network-reboot"}),
        ("emporia", "hold", {"departure"}, {"server-loss", "network-reboot"}),  # paused stays paused
        ("emporia", "schedule", set(), {"server-loss", "network-reboot"}),
        ("evnex", "schedule", {"power-cycle"}, {"server-loss"}),  # full speed after a power cut
        ("evnex", "amperage", {"power-cycle"}, {"server-loss"}),
        ("easee", "amperage", {"network-reboot", "power-cycle"}, {"server-loss"}),  # dynamic limits are gone at a restart
        ("easee", "offline_amperage", set(), {"network-reboot", "power-cycle", "server-loss"}),
        ("wallbox-managed", "hold", {"server-loss"}, set()),  # it starts by itself
        ("zappi", "hold", {"departure"}, {"server-loss", "network-reboot"}),  # what the cloud said last stands
        ("flexecharge", "hold", {"departure", "power-cycle"}, {"server-loss"}),
        ("evc-net-edge", "hold", {"departure", "power-cycle"}, {"server-loss"}),
        ("evc-net-edge", "authorisation_list", set(), {"power-cycle"}),
        ("pod-point", "schedule", set(), {"power-cycle", "server-loss", "network-reboot"}),
        ("chargepoint-home", "schedule", set(), {"server-loss", "network-reboot"}),
        ("chargepoint-home", "override", {"departure"}, {"server-loss"}),
    ],
)
def test_memory_cells_are_cleared_by_what_the_source_says(name, cell, clears, spares):
    events = set(getattr(whole("charger", name)[1].memory, cell))
    assert clears <= events
    assert not spares & events


def test_juicenet_alone_forgets_overrides_at_a_restart():
    assert whole("server", "juicenet")[1].forgets_at_restart == ("override",)
    assert whole("server", "csms")[1].forgets_at_restart == ()


# What the sources say of nine more makers.

ADDRESSES = {
    "emporia": ("help.emporiaenergy.com 9084244", "help.emporiaenergy.com 12601628"),
    "evnex": ("community.evnex.io t/115",),
    "easee": ("developer.easee.com current-limits-and-control",),
    "flexecharge": ("support.flexecharge.com 17147060541980",),
    "wallbox-managed": ("chargehq.net kb wallbox-offline-charging-fix",),
    "zappi": ("support.myenergi.com",),
    "pod-point": ("pod-point.com smart-charge-point-regulations",),
    "evc-net-edge": ("edgedocs.evc-net.com",),
    "chargepoint-home": ("chargepoint.com how-schedule-charging-chargepoint-home",),
}
"""Where what is known of a maker was published."""


def sources_in(name: str) -> list[str]:
    """The sources that a model's own file names, of its clauses and of its other statements."""
    tree = read_file(file_of("charger", name), name)
    said = [clause for part in ("contract", "claims") for _, clause in tree.at(part).entries.values()]
    return [clause.at("source").text for clause in said if "source" in clause.entries]


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_maker_s_sources_are_where_it_was_published(name):
    sources = sources_in(name)
    assert [source for source in sources if not source.startswith(ADDRESSES[name])] == []
    assert [address for address in ADDRESSES[name] if not any(source.startswith(address) for source in sources)] == []


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("emporia", "charging-continues"), ("emporia", "pause-kept-offline"), ("emporia", "schedule-runs-offline"),
        ("emporia", "replug-overrides"), ("evnex", "unscheduled-after-power-cut"), ("easee", "offline-limit-applies"),
        ("easee", "current-within-limits"), ("flexecharge", "charging-continues"), ("flexecharge", "new-session-refused-offline"),
        ("wallbox-managed", "hold-lifted-after-loss"), ("wallbox-managed", "can-always-charge"), ("pod-point", "random-delay-at-return"),
        ("evc-net-edge", "unknown-tag-charges-offline"), ("chargepoint-home", "replug-overrides"),
    ],
)  # fmt: skip
def test_what_a_maker_says_itself_its_contract_promises_on_its_word(name, check):
    clause = whole("charger", name)[1].contract[check]
    assert clause.source.startswith(ADDRESSES[name])


def test_of_zappi_nothing_that_it_promises_in_an_outage_is_its_maker_s_word():
    """Its help says what the cloud sends, and what the box does not hold; what follows from that is taken to follow."""
    contract = whole("charger", "zappi")[1].contract
    assert [check for check, clause in contract.items() if clause.source] == []
    assert {"charging-continues", "pause-kept-offline"} <= set(contract)


@pytest.mark.parametrize(
    ("name", "new_car", "limit", "tou", "authorisation"),
    [
        ("emporia", "charges", "amperage", "schedule", "none"), ("evnex", "charges", "amperage", "schedule", "none"),
        ("easee", "charges", "lowest", "none", "none"), ("flexecharge", "refused", "amperage", "none", "required"),
        ("wallbox-managed", "charges", "amperage", "pause", "none"), ("zappi", "charges", "amperage", "pause", "none"),
        ("pod-point", "charges", "amperage", "schedule", "none"), ("evc-net-edge", "local-list", "amperage", "none", "required"),
        ("chargepoint-home", "charges", "amperage", "schedule", "none"),
    ],
)  # fmt: skip
def test_what_each_does_without_its_server(name, new_car, limit, tou, authorisation):
    model = whole("charger", name)[1]
    assert (model.server_loss.new_car, model.server_loss.limit) == (new_car, limit)
    assert (model.tou, model.authorisation) == (tou, authorisation)


def test_what_single_makers_do_and_no_other():
    models = {name: model for kind, name in MODELS if kind == "charger" for model in [whole(kind, name)[1]]}
    assert {name for name, model in models.items() if model.override_by_replug} == {"emporia", "chargepoint-home"}
    assert {name for name, model in models.items() if model.power_up.delay_at_return} == {"pod-point"}
    assert {name for name, model in models.items() if model.server_loss.new_car == "refused"} == {"flexecharge"}
    assert {name for name, model in models.items() if model.server_loss.unknown_tag == "charges"} == {"evc-net-edge"}
