"""The chargers of a scenario, their sessions and their circuits: from what the file says to values."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness.scenario.calendar import Calendar, ClockError
from harness.scenario.forms import FAILED, Part, read
from harness.scenario.layout import CHARGER, DEFAULTS
from harness.scenario.models import Library, is_path
from harness.scenario.moments import After
from harness.scenario.nodes import Node, merge
from harness.scenario.problems import Problems, listed, nearest
from harness.scenario.roster import EVERYONE, Roster
from harness.scenario.tariff import TariffRules, lay_out
from harness.shipped import ModelKind
from harness.units import WallTime, counted, format_current, format_duration_ms
from harness.values import (
    LEAST_SHARE_MA,
    MOST_CHARGERS,
    ChargerModel,
    Chargers,
    Circuit,
    DriverModel,
    NetworkModel,
    ServerModel,
    Session,
    Settings,
    Supply,
    Tariff,
    Tou,
    VehicleModel,
)

_KINDS: dict[str, ModelKind] = {
    "model": "charger", "network": "network", "car": "vehicle", "tariff": "tariff", "driver": "driver",
}  # fmt: skip
_DAY = timedelta(days=1)


class Fleet(Struct):
    """What the chargers of a scenario use, by name, in the order of first use."""

    entries: list[Chargers] = []
    circuits: list[Circuit] = []
    models: dict[str, ChargerModel] = {}
    networks: dict[str, NetworkModel] = {}
    vehicles: dict[str, VehicleModel] = {}
    tariffs: dict[str, Tariff] = {}
    drivers: dict[str, DriverModel] = {}
    season_ends: set[tuple[int, int]] = set()
    """The last days of the tariffs' seasons, as (month, day)."""

    def roster(self) -> Roster:
        """The names of all of them."""
        return Roster(self.entries, [circuit.name for circuit in self.circuits])


def model_name(reference: Node, owner: str) -> str:
    """The name of the model that ``reference`` stands for; changed in place it is that of the model and of who changed it."""
    if reference.kind == "map":
        own, base = reference.get("name"), reference.get("extends")
        if own is not None:
            return own.text
        return owner if base is None else f"{_stem(base.text)}@{owner}"
    return _stem(reference.text)


def _stem(text: str) -> str:
    return text.rpartition("/")[2].rpartition(".")[0] if is_path(text) else text


class FleetReader:
    """Reads ``defaults``, ``chargers`` and ``circuits``."""

    def __init__(self, root: Part, library: Library, calendar: Calendar, duration_ms: int, server: ServerModel | None) -> None:
        self.root = root
        self.library = library
        self.problems: Problems = library.problems
        self.calendar = calendar
        self.duration_ms = duration_ms
        self.server = server
        self.fleet = Fleet()
        self._sources: dict[tuple[ModelKind, str], Any] = {}
        self._values: dict[tuple[ModelKind, int], Any] = {}

    def read(self) -> Fleet:
        """All of it; what could not be read is left out, with its problem noted."""
        defaults: Node | None = self.root.get("defaults")
        if defaults is not None:
            read(DEFAULTS, defaults, self.problems, "defaults")
        for name, node in self.root.get("chargers", {}).items():
            entry = self._entry(name, node, defaults)
            if entry is not None:
                self.fleet.entries.append(entry)
        if "chargers" in self.root and not self.root.node.at("chargers").entries:
            self.problems.add(self.root.at("chargers"), "there are no chargers", expected="at least one")
        if sum(max(1, entry.count) for entry in self.fleet.entries) > MOST_CHARGERS:
            self.problems.add(self.root.at("chargers"), "too many chargers", expected=f"at most {MOST_CHARGERS} in all")
        self._check_names()
        self._read_circuits()
        return self.fleet

    def _entry(self, name: str, node: Node, defaults: Node | None) -> Chargers | None:
        if node.kind != "map":
            read(CHARGER, node, self.problems, name)
            return None
        before = len(self.problems.found)
        part = read(CHARGER, _with_defaults(defaults, self.root, node), self.problems, name)
        if part is FAILED:
            return None
        count = part.get("count", 0)
        own = set(node.entries)
        owners = {key: name if key in own else "defaults" if defaults and key in defaults.entries else "scenario" for key in _KINDS}
        if not count and "driver" not in own:
            part.values.pop("driver", None)
        found = {key: self._model(part, key, owners[key], required=key != "driver") for key in _KINDS}
        model, car, tariff = found["model"], found["car"], found["tariff"]
        sessions = self._sessions(part, count, car)
        tou = self._tou(part, tariff)
        settings: Settings = part.get("settings", Settings())
        self._check_settings(part, settings, model)
        self._check_fit(part, model, found["network"], car)
        self._check_shard(part)
        tag_revoked_ms = self._time(part.get("tag_revoked"), part.at("tag_revoked"), 0) if "tag_revoked" in part else None
        if count and not (part.get("driver") or "session" in part or "sessions" in part):
            expected = "`driver`: its sessions are drawn from it; or `sessions`, the same for each member"
            self.problems.add(node, f"`driver` is missing in the crowd `{name}`", expected=expected)
        # A model under `defaults` has its problem noted once, and is missing for every entry.
        missing = any(found[key] is None for key in _KINDS if key != "driver" or "driver" in part)
        if missing or len(self.problems.found) > before:
            return None
        return Chargers(
            name=name, count=count, model=model.name, network=found["network"].name, car=car.name, tariff=tariff.name,
            driver=found["driver"].name if found["driver"] else "", tou=tou, settings=settings, sessions=sessions,
            shard=part.get("shard"), tag=part.get("tag", ""), tag_listed=part.get("tag_listed", True),
            tag_barred=part.get("tag_barred", False), tag_revoked_ms=tag_revoked_ms,
        )  # fmt: skip

    def _model(self, part: Part, key: str, owner: str, *, required: bool) -> Any:
        """The model under a key, entered in the fleet; None where there is none or it is wrong."""
        kind = _KINDS[key]
        reference: Node | None = part.get(key)
        if reference is None:
            if required and key not in part.node.entries:
                self.problems.add(part.node, f"`{key}` is missing in a charger", expected=f"`{key}`, here or under `defaults`")
            return None
        name = model_name(reference, owner)
        # A reference in `defaults` is one node that all entries share: it is read once.
        seen = (kind, id(reference))
        if seen not in self._values:
            same = (kind, name) if reference.kind == "scalar" else None
            if same is not None and same in self._sources and self._sources[same][0] == reference.text:
                self._values[seen] = self._sources[same][1]
            else:
                self._values[seen] = self._read_model(kind, reference, name)
        return self._values[seen]

    def _read_model(self, kind: ModelKind, reference: Node, name: str) -> Any:
        tree = self.library.tree(kind, reference)
        value = None if tree is None else self.library.value(kind, tree, name)
        if isinstance(value, TariffRules):
            self.fleet.season_ends |= value.season_ends()
            value = lay_out(value, self.calendar, self.duration_ms)
        if value is None:
            return None
        tables: dict[str, dict[str, Any]] = {
            "charger": self.fleet.models, "network": self.fleet.networks, "vehicle": self.fleet.vehicles,
            "tariff": self.fleet.tariffs, "driver": self.fleet.drivers,
        }  # fmt: skip
        table = tables[kind]
        if table.setdefault(name, value) != value:
            self.problems.add(reference, f"two different {kind} models are called `{name}`", expected="a `name` of its own for one")
            return None
        if reference.kind == "scalar":
            self._sources[kind, name] = (reference.text, value)
        return value

    def _sessions(self, part: Part, count: int, car: VehicleModel | None) -> tuple[Session, ...]:
        if "session" in part and "sessions" in part:
            self.problems.add(part.at("session"), "both `session` and `sessions`", expected="one of them")
        if count and part.get("driver") and ("session" in part or "sessions" in part):
            key = "session" if "session" in part else "sessions"
            expected = "no sessions, no `driver`, or no `count`"
            self.problems.add(part.at(key), "a crowd draws its sessions from its `driver`", expected=expected)
            return ()
        written: tuple[Part, ...] = part.get("sessions", (part.get("session"),) if "session" in part else ())
        sessions: list[Session] = []
        for session in written:
            if "plug_in" not in session or "leave" not in session or "needs" not in session:
                continue
            if not session.get("needs"):
                self.problems.add(session.at("needs"), "a session without a need", expected="an energy above zero")
            elif car is not None and session.get("needs") > car.usable_wh:
                found, most = session.at("needs").shown, f"at most its {car.usable_wh / 1000:g} kWh"
                self.problems.add(session.at("needs"), f"more than the battery of `{car.name}` holds", found=found, expected=most)
            for stay in self._stays(session):
                if sessions and stay.plug_in_ms < sessions[-1].leave_ms:
                    self.problems.add(session.at("plug_in"), "a car is plugged in while another still is", expected="sessions in order")
                    break
                sessions.append(stay)
        return tuple(sessions)

    def _stays(self, session: Part) -> list[Session]:
        """The stays that a session stands for: one, or one a day."""
        needs_wh = session.get("needs")
        plug_in, leave = session.get("plug_in"), session.get("leave")
        daily = session.get("repeat") == "daily"
        if daily and not (isinstance(plug_in, WallTime) and plug_in.on is None and _repeats(leave)):
            self.problems.add(
                session.at("repeat"), "only clock times can repeat", expected="`plug_in` and `leave` such as `18:10`, or `leave: +8 h`"
            )
            return []
        stays: list[Session] = []
        while True:
            plug_in_ms = self._time(plug_in, session.at("plug_in"), 0)
            leave_ms = None if plug_in_ms is None else self._time(leave, session.at("leave"), plug_in_ms, after=True)
            if plug_in_ms is None or leave_ms is None:
                return stays
            if plug_in_ms < 0:
                self.problems.add(session.at("plug_in"), "before the start of the run", found=session.at("plug_in").shown)
                return stays
            if leave_ms <= plug_in_ms:
                self.problems.add(session.at("leave"), "the car leaves before it comes", found=session.at("leave").shown)
                return stays
            if stays and plug_in_ms >= self.duration_ms:
                return stays
            stays.append(Session(plug_in_ms=plug_in_ms, leave_ms=leave_ms, needs_wh=needs_wh))
            if not daily:
                return stays
            on = self.calendar.date_of(plug_in_ms) + _DAY
            plug_in = WallTime(plug_in.seconds, on=on, offset_s=plug_in.offset_s)

    def _time(self, value: WallTime | After, node: Node, earliest_ms: int, *, after: bool = False) -> int | None:
        if isinstance(value, After):
            return earliest_ms + value.ms
        try:
            return self.calendar.ms(value, earliest_ms=earliest_ms, strictly=after)
        except ClockError as error:
            self.problems.add(node, str(error), found=node.shown, expected=error.expected)
            return None

    def _tou(self, part: Part, tariff: Tariff | None) -> Tou | None:
        value: Part | str | None = part.get("tou")
        if value is None or isinstance(value, str):
            return None
        if "charge_in" not in value:
            if value.get("on", True) and "charge_in" not in value.node.entries:
                self.problems.add(value.node, "time-of-use charging has no `charge_in`", expected="the levels at which the car may charge")
            return None
        for level in value.get("charge_in"):
            if tariff is not None and level not in tariff.levels:
                self.problems.add(
                    value.at("charge_in"), f"the tariff `{tariff.name}` has no level `{level}`",
                    expected=f"some of {listed(tariff.levels)}", suggestion=nearest(level, tariff.levels),
                )  # fmt: skip
        return Tou(charge_in=value.get("charge_in"), on=value.get("on", True))

    def _check_fit(self, part: Part, model: ChargerModel | None, network: NetworkModel | None, car: VehicleModel | None) -> None:
        """The charger's patience is longer than its network's way, and the car can charge from this mains."""
        if model is not None and network is not None and model.link.answer_timeout_ms <= 2 * network.latency_ms:
            self.problems.add(
                part.node, f"no answer would ever reach `{model.name}` over `{network.name}` in time",
                found=f"an `answer_timeout` of {format_duration_ms(model.link.answer_timeout_ms)}",
                expected=f"more than the way there and back, {format_duration_ms(2 * network.latency_ms)}",
            )  # fmt: skip
        supply: Supply | None = self.root.get("supply")
        voltage_v = supply.voltage_v if supply is not None else 0
        if car is not None and voltage_v and car.ac_w * 1000 // (car.phases * voltage_v) < car.minimum_ma:
            self.problems.add(
                part.node, f"`{car.name}` cannot charge from {voltage_v} V", found=f"{car.ac_w} W on {counted(car.phases, 'phases')}",
                expected=f"at least its least current, {format_current(car.minimum_ma)}",
            )  # fmt: skip

    def _check_settings(self, part: Part, settings: Settings, model: ChargerModel | None) -> None:
        if model is None or "settings" not in part:
            return
        most = model.ratings.wire_rating_ma
        if settings.wire_rating_ma is not None and settings.wire_rating_ma > most:
            node = part.node.at("settings", "wire_rating")
            found = format_current(settings.wire_rating_ma)
            self.problems.add(
                node, f"a wire rating above what `{model.name}` allows", found=f"`{found}`", expected=f"at most {format_current(most)}"
            )

    def _check_shard(self, part: Part) -> None:
        shard = part.get("shard")
        if shard is not None and self.server is not None and shard > self.server.shards:
            self.problems.add(
                part.at("shard"), f"the server `{self.server.name}` has no such shard", found=f"`{shard}`",
                expected=f"1 to {self.server.shards}",
            )  # fmt: skip

    def _check_names(self) -> None:
        """No two chargers have one name, and none has a name that means something else."""
        roster = self.fleet.roster()
        nodes = self.root.node.at("chargers").entries
        for entry in self.fleet.entries:
            node = nodes[entry.name][0]
            if entry.name == EVERYONE:
                self.problems.add(node, "`all` stands for all chargers", expected="another name")
            if roster.crowd_of(entry.name) is not None:
                self.problems.add(node, f"the name `{entry.name}` is also that of a member of a crowd", expected="another name")

    def _read_circuits(self) -> None:
        roster = Roster(self.fleet.entries)
        taken: dict[str, str] = {}
        for name, part in self.root.get("circuits", {}).items():
            node = self.root.node.at("circuits").entries[name][0]
            if part is FAILED or "members" not in part or "capacity" not in part:
                continue
            if name == EVERYONE or roster.entry_of(name) is not None:
                self.problems.add(node, f"the name `{name}` is taken", expected="another name for the circuit")
                continue
            right = [self._is_member(member, part, roster) for member in part.get("members")]
            if not all(right):
                continue
            chargers = [one for member in part.get("members") for one in roster.chargers_of(member)]
            for one in chargers:
                if one in taken:
                    where = f"in `{taken[one]}`" if taken[one] != name else "twice"
                    self.problems.add(part.at("members"), f"`{one}` is already {where}", expected="each charger on one circuit")
                    break
                taken[one] = name
            self._check_sum(name, part, chargers, roster)
            self.fleet.circuits.append(Circuit(name=name, members=part.get("members"), capacity_ma=part.get("capacity")))

    def _is_member(self, name: str, part: Part, roster: Roster) -> bool:
        if name in self.root.node.at("chargers").entries and name not in roster.entries:
            return False  # its own problem is noted already
        return roster.check(name, part.at("members"), self.problems, circuits=False)

    def _check_sum(self, name: str, part: Part, chargers: list[str], roster: Roster) -> None:
        """A group's members, each at the most that it may remember without the server, must fit the circuit."""
        capacity_ma = part.get("capacity")
        if not chargers:
            self.problems.add(part.at("members"), f"the circuit `{name}` has no members", expected="at least one charger")
            return
        entries = [entry for one in chargers if (entry := roster.entry_of(one)) is not None]  # they were looked up before
        supply = self.root.get("supply", Supply(voltage_v=1))
        phases = [entry.settings.phases_of(self.fleet.models[entry.model].ratings.phases, supply) for entry in entries]
        beside = Counter(phase for each in phases for phase in each)
        most = max(beside.values())
        share_ma = capacity_ma // most
        if share_ma < LEAST_SHARE_MA:
            of_them = f"{most} of them" if len(beside) == 1 else f"{most} of them on one phase"
            self.problems.add(
                part.at("capacity"), f"too little for the circuit `{name}`",
                found=f"{format_current(capacity_ma)} for {of_them}, {format_current(share_ma)} each",
                expected=f"at least {format_current(LEAST_SHARE_MA * most)}, 6 A each",
            )  # fmt: skip
            return
        totals_ma: Counter[int] = Counter()
        forgetful = {}
        for entry, its in zip(entries, phases, strict=True):
            model = self.fleet.models[entry.model]
            draws_ma = min(capacity_ma // beside[phase] for phase in its)
            if {"power-cycle", "server-loss"} & set(model.memory.group_share):
                draws_ma = forgetful[model.name] = offline_limit_ma(model, entry.settings)
            totals_ma.update(dict.fromkeys(its, draws_ma))
        total_ma = max(totals_ma.values())
        if total_ma > capacity_ma:
            which = ", ".join(f"`{model}` then draws up to {format_current(limit)}" for model, limit in forgetful.items())
            self.problems.add(
                part.at("capacity"), f"the circuit `{name}` can be overloaded: without the server members forget their share ({which})",
                found=f"up to {format_current(total_ma)} on {format_current(capacity_ma)}",
                expected="a larger capacity, fewer members, or a lower wire rating in their `settings`",
            )  # fmt: skip


def offline_limit_ma(model: ChargerModel, settings: Settings) -> int:
    """The most that a charger draws without its server and without a share of a load group, in mA."""
    ratings = model.ratings
    wire_ma = settings.wire_rating_ma if settings.wire_rating_ma is not None else ratings.wire_rating_ma
    limit_ma = min(ratings.unit_rating_ma, wire_ma)
    stored_ma = settings.offline_ma(ratings, 1)  # a car of one phase may draw the most
    if model.server_loss.limit in ("offline-amperage", "lowest") and stored_ma:
        limit_ma = min(limit_ma, stored_ma)
    return limit_ma


def _repeats(leave: WallTime | After) -> bool:
    return isinstance(leave, After) or (leave.day is None and leave.on is None)


def _with_defaults(defaults: Node | None, root: Part, node: Node) -> Node:
    """An entry laid over ``defaults`` and the scenario's ``network``: maps of settings are merged, models replaced."""
    entries = {}
    network = root.node.entries.get("network")
    if network is not None:
        entries["network"] = network
    if defaults is not None and defaults.kind == "map":
        entries.update(defaults.entries)
    for key, pair in node.entries.items():
        below = entries.get(key)
        entries[key] = (pair[0], merge(below[1], pair[1])) if below and key in {"tou", "settings"} else pair
    return replace(node, entries=entries)
