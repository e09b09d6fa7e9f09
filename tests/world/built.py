"""Builders for the tests of the world: one actor at a time, driven by hand with times."""

from __future__ import annotations

from typing import Any

from example_run import HOUR, MINUTE, MODEL
from msgspec.structs import replace

from harness.journal.records import Record
from harness.values import ChargerModel, Circuit, Period, ServerModel, Settings, Supply, Timetable, VehicleModel
from harness.world.battery import CarType
from harness.world.charger import Charger, Kit
from harness.world.group import Group
from harness.world.server import Account, Server

LEAF = VehicleModel(name="leaf-40", title="Leaf", usable_wh=38_000, ac_w=6_600, phases=1)
MAINS = Supply(voltage_v=240)
FLAT = (Period(start_ms=-24 * HOUR, level="flat", microprice=200_000), Period(start_ms=1000 * HOUR, level="flat", microprice=200_000))
EPOCH_MS = 1_773_360_000_000
WINDOW = (2 * HOUR, 8 * HOUR)
"""When a hold window of the tests is open."""


def model_like(part: str = "", **changes: Any) -> ChargerModel:
    """The plain charger of the examples with some of its values, or of the values of one part, changed."""
    if part:
        return replace(MODEL, **{part: replace(getattr(MODEL, part), **changes)})
    return replace(MODEL, **changes)


class Bench:
    """A charger on the bench, and the records that it wrote."""

    def __init__(
        self, model: ChargerModel = MODEL, *, settings: Settings | None = None, car: VehicleModel = LEAF, share_ma: int = 0,
        windows: list[tuple[int, int]] | None = None, tag: str = "", tag_listed: bool = True, tag_barred: bool = False,
        periods: tuple[Period, ...] = FLAT,
    ) -> None:  # fmt: skip
        self.records: list[Any] = []
        kit = Kit(
            model, CarType(car, MAINS, model.ratings.phases), periods, windows, settings or Settings(), epoch_ms=EPOCH_MS, tag=tag,
            tag_listed=tag_listed, tag_barred=tag_barred,
        )  # fmt: skip
        self.charger = Charger(0, "anna", kit, 12345, share_ma, self._emit)
        self.charger.link.mode = "steady"  # its keepalives are answered

    def _emit(self, place: int, record: Record) -> None:
        assert place == 0
        self.records.append(record)

    def of(self, kind: type) -> list[Any]:
        """The records of one kind."""
        return [record for record in self.records if isinstance(record, kind)]

    def take(self) -> list[Any]:
        """Take what the charger wants sent: the action of each request, or ``drop``."""
        out, self.charger.out = self.charger.out, ()
        return [item if isinstance(item, str) else item.action for item in out]

    def requests(self) -> list[Any]:
        """Take the requests that the charger wants sent."""
        out, self.charger.out = self.charger.out, ()
        return [item for item in out if not isinstance(item, str)]

    def until(self, when: int) -> None:
        """Let time pass: wake the charger at each of its deadlines up to ``when``."""
        while self.charger.deadline <= when:
            self.charger.wake(self.charger.deadline)

    @property
    def reason(self) -> str:
        """Why the current is what it is."""
        return self.charger.last_reason

    def why(self, now: int) -> tuple[int, str, str]:
        """What may flow, why, and the connector's state."""
        ma, reason, state, _ = self.charger.allowed(now)
        return ma, reason, state


def offline(bench: Bench, now: int) -> None:
    """The charger's server closes the connection."""
    bench.charger.disconnected(now, "closed")
    bench.take()


class Office:
    """A server with accounts for some chargers, and the records that it wrote."""

    def __init__(
        self, chargers: int = 1, *, model: ServerModel | None = None, tou: str = "hold", windows: tuple[tuple[int, int], ...] = (WINDOW,),
        tou_on: bool = True, capacity_ma: int = 0, **changes: Any,
    ) -> None:  # fmt: skip
        self.records: list[Any] = []
        plain = ServerModel(name="plain", title="Plain", accepts_per_s=100, accept_queue=100, answers_per_s=1000)
        self.model = replace(model or plain, **changes)
        accounts = []
        for place in range(chargers):
            account = Account(place, f"c{place}", shard=place % self.model.shards, tou=tou, silence_ms=5 * MINUTE)
            account.tou_on = tou_on
            account.timetable = Timetable([list(windows)])
            accounts.append(account)
        groups = []
        if capacity_ma:
            limits = dict.fromkeys(range(chargers), 32_000)
            circuit = Circuit(name="house", members=(), capacity_ma=capacity_ma)
            groups = [Group(circuit, dict.fromkeys(range(chargers), (0,)), limits, {}, self.model.quirks)]
            for account in accounts:
                account.group = groups[0]
        self.server = Server(self.model, accounts, groups, lambda _, record: self.records.append(record))

    def of(self, kind: type) -> list[Any]:
        """The records of one kind."""
        return [record for record in self.records if isinstance(record, kind)]

    def sent(self) -> list[tuple[int, str]]:
        """Take what the server wants sent: (charger, command)."""
        return [(place, order.name) for place, order in self.server.take_out()]
