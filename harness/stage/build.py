"""Builds a world from a scenario: chargers, drivers, server and load groups, in the order of the scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from harness.journal.records import Record
from harness.stage.plan import Cast
from harness.stage.port import Port
from harness.values import Chargers, Scenario, Session, Timetable, timetable
from harness.world.battery import CarType
from harness.world.chance import actor_key
from harness.world.charger import Charger, Kit
from harness.world.driver import NOBODY, DrawnSessions, Driver
from harness.world.group import Group
from harness.world.link import NEVER
from harness.world.server import Account, Server

Emit = Callable[[int, Record], None]


class Windows:
    """Hold windows by tariff and price levels, each worked out once."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._known: dict[tuple[str, tuple[str, ...]], Timetable] = {}

    def of(self, tariff: str, charge_in: tuple[str, ...]) -> Timetable:
        """The hold windows of charging in these levels of this tariff."""
        key = (tariff, charge_in)
        if key not in self._known:
            self._known[key] = timetable(self._scenario.tariffs[tariff], charge_in, self._scenario.duration_ms)
        return self._known[key]


def kit_of(scenario: Scenario, entry: Chargers, windows: Windows) -> Kit:
    """What the chargers of an entry share."""
    model = scenario.models[entry.model]
    stored = windows.of(entry.tariff, entry.tou.charge_in).at(0) if entry.tou is not None and entry.tou.on else None
    return Kit(
        model,
        CarType(scenario.vehicles[entry.car], scenario.supply, model.ratings.phases),
        scenario.tariffs[entry.tariff].periods,
        stored,
        entry.settings,
        epoch_ms=int(datetime.fromisoformat(scenario.start).timestamp() * 1000),
        tag=entry.tag,
        tag_listed=entry.tag_listed,
        tag_barred=entry.tag_barred,
        days=scenario.local_days,
    )


def sessions_of(scenario: Scenario, entry: Chargers, key: int) -> Iterator[Session]:
    """A charger's sessions: pinned where the entry has any or is a single one, drawn for a crowd."""
    if entry.sessions or not entry.count or not entry.driver:
        return iter(entry.sessions)
    return DrawnSessions(scenario.drivers[entry.driver], scenario.local_days, key)


def groups_of(scenario: Scenario, cast: Cast) -> list[Group]:
    """The load groups of the scenario's circuits."""
    entries = [entry for entry in scenario.chargers for _ in entry.members()]
    groups = []
    for circuit in scenario.circuits:
        phases: dict[int, tuple[int, ...]] = {}
        limits: dict[int, int] = {}
        forgetful: dict[int, int] = {}
        for place in cast.of_names([circuit.name]):
            entry = entries[place]
            model = scenario.models[entry.model]
            phases[place] = scenario.phases_of(entry)
            wire = entry.settings.wire_rating_ma or model.ratings.wire_rating_ma
            limits[place] = min(model.ratings.unit_rating_ma, wire)
            if {"power-cycle", "server-loss"} & set(model.memory.group_share):
                forgetful[place] = limits[place]
        groups.append(Group(circuit, phases, limits, forgetful, scenario.server.quirks))
    return groups


def build(
    scenario: Scenario, cast: Cast, windows: Windows, emit: Emit, server: type[Server] = Server,
    charger_class: type[Charger] = Charger,
) -> tuple[list[Port], Server]:  # fmt: skip
    """All chargers on their ports, and the server with an account for each; everything known and online at the start."""
    groups = groups_of(scenario, cast)
    group_of = {place: group for group in groups for place in group.members}
    ports: list[Port] = []
    accounts: list[Account] = []
    shards = scenario.shards()
    place = 0
    for entry in scenario.chargers:
        kit = kit_of(scenario, entry, windows)
        latency_ms = scenario.networks[entry.network].latency_ms
        silence_ms = kit.model.link.noticing_ms
        for name in entry.members():
            key = actor_key(scenario.seed, name)
            group = group_of.get(place)
            charger = charger_class(place, name, kit, key, group.share[place] if group is not None else 0, emit)
            account = Account(place, name, shard=shards[place] - 1, tou=kit.model.tou, silence_ms=silence_ms)
            account.group = group
            account.tag = entry.tag
            account.tag_revoked_at = NEVER if entry.tag_revoked_ms is None else entry.tag_revoked_ms
            if entry.tou is not None:
                account.tou_on = entry.tou.on and kit.model.tou != "none"
                account.charge_in = entry.tou.charge_in
                account.timetable = windows.of(entry.tariff, entry.tou.charge_in)
            if entry.settings.amperage_ma:
                account.amperage_ma = entry.settings.amperage_ma
                account.tells_amperage = True
            model = scenario.drivers[entry.driver] if entry.driver and entry.count else None
            driver = Driver(sessions_of(scenario, entry, key), model, key)
            accounts.append(account)
            ports.append(Port(place, charger, account, NOBODY if driver.deadline == NEVER else driver, latency_ms))
            place += 1
    return ports, server(scenario.server, accounts, groups, emit)
