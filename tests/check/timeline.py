"""Hand-written timelines: a day written down as it happened, and what every check says of it.

    line = Timeline()
    line.at("18:10").plug_in()
    line.at("18:10:01").hold(until="24:00")
    line.at("19:30").crash()
    assert line.judged() == {"hold-ends-on-time": "1 met"}

Clock times count from the midnight at which the timeline starts; ``1 06:00`` is six in the morning of the next day. The charger is one
like the juicebox-40; its hold window is 15:00 to 24:00 each day, its noticing bound 5 min 10 s, its boot 30 s, its start delay 5 s.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from harness.check.catalogue import NAMES
from harness.check.decidable import Kind
from harness.check.judge import Judge
from harness.check.result import CheckResult
from harness.journal import records as r
from harness.values import (
    Backoff,
    ChargerModel,
    Chargers,
    Circuit,
    Clause,
    Expect,
    Link,
    Memory,
    NetworkModel,
    Period,
    PowerUp,
    Queue,
    Ratings,
    Replug,
    Scenario,
    ServerLoss,
    ServerModel,
    Settings,
    Supply,
    Tariff,
    Tou,
    VehicleModel,
)  # fmt: skip

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

JUICEBOX = ChargerModel(
    name="juicebox", title="A charger like the juicebox-40", protocol="juicenet", tou="hold",
    ratings=Ratings(unit_rating_ma=40_000, wire_rating_ma=40_000),
    link=Link(
        transport="udp", keepalive_ms=30_000, offline_after_ms=300_000, answer_timeout_ms=10_000,
        backoff=Backoff(wait_minimum_ms=30_000, random_range_ms=10_000, repeat_times=2),
    ),
    memory=Memory(hold=("departure", "power-cycle")),
    server_loss=ServerLoss(),
    power_up=PowerUp(boot_ms=30_000, start_delay_ms=5_000),
    queue=Queue(limit=100, attempts=3, interval_ms=60_000),
)  # fmt: skip

WAYBOX = replace(JUICEBOX, name="waybox", tou="schedule", memory=Memory(schedule=("power-cycle",)))
V09U = replace(
    JUICEBOX, name="v09u", tou="pause", ratings=Ratings(unit_rating_ma=40_000, wire_rating_ma=40_000, offline_amperage_ma=16_000),
    server_loss=ServerLoss(limit="offline-amperage"),
)  # fmt: skip
UK = replace(WAYBOX, name="uk", power_up=PowerUp(boot_ms=30_000, start_delay_ms=5_000, random_delay_ms=600_000))
POD = replace(UK, name="pod", power_up=replace(UK.power_up, delay_at_return=True))
PLUG = replace(WAYBOX, name="plug", override_by_replug=Replug(within_ms=10_000))
TAGGED = replace(JUICEBOX, name="tagged", tou="none", authorisation="required", server_loss=ServerLoss(limit="amperage"))
OCPP201 = replace(JUICEBOX, name="ocpp201", protocol="ocpp2.0.1", tou="schedule", authorisation="required")

SERVER = ServerModel(name="server", title="Server", accepts_per_s=100, accept_queue=1000, answers_per_s=1000)


def ms(clock: str | int) -> int:
    """``18:10``, ``18:10:05`` or ``1 06:00`` as ms since the timeline's midnight."""
    if isinstance(clock, int):
        return clock
    day, _, time = clock.rpartition(" ")
    hours, minutes, seconds = ([float(part) for part in time.split(":")] + [0.0])[:3]
    return int(day or 0) * DAY + round((hours * 3600 + minutes * 60 + seconds) * SECOND)


def tariff(days: int = 3) -> Tariff:
    """Peak from 15:00 to 24:00, off-peak otherwise."""
    periods = [Period(start_ms=-9 * HOUR, level="peak", microprice=500_000)]
    for day in range(days):
        periods.append(Period(start_ms=day * DAY, level="off", microprice=200_000))
        periods.append(Period(start_ms=day * DAY + 15 * HOUR, level="peak", microprice=500_000))
    periods.append(Period(start_ms=days * DAY, level="off", microprice=200_000))
    return Tariff(name="tou", currency="USD", levels=("peak", "off"), periods=tuple(periods))


def scenario(
    *models: ChargerModel, names: Iterable[str] = ("anna",), tou: bool = True, settings: Settings | None = None, car_w: int = 6600,
    server: ServerModel = SERVER, circuits: tuple[Circuit, ...] = (), clauses: dict[str, Clause] | None = None,
    expect: Expect | None = None, tag: str = "", tag_listed: bool = True, days: int = 2,
) -> Scenario:  # fmt: skip
    """A small scenario; each charger's model promises everything in the catalogue, or ``clauses``."""
    contract = dict.fromkeys(NAMES, Clause()) if clauses is None else clauses
    each = [replace(model, contract=contract) for model in models or (JUICEBOX,)]
    entries = [
        Chargers(
            name=name, model=each[min(place, len(each) - 1)].name, network="net", car="leaf", tariff="tou", tag=tag, tag_listed=tag_listed,
            tou=Tou(charge_in=("off",)) if tou else None, settings=settings or Settings(),
        ) for place, name in enumerate(names)
    ]  # fmt: skip
    return Scenario(
        name="timeline", title="A timeline", start="2026-03-12T00:00:00Z", zone="UTC", duration_ms=days * DAY, seed=1, server=server,
        supply=Supply(voltage_v=240), networks={"net": NetworkModel(name="net", title="Net", latency_ms=20)},
        models={model.name: model for model in each},
        vehicles={"leaf": VehicleModel(name="leaf", title="Leaf", usable_wh=38_000, ac_w=car_w, phases=1)},
        tariffs={"tou": tariff(days + 1)}, drivers={}, local_days=tuple((day * DAY, DAY, day) for day in range(days)),
        chargers=tuple(entries), circuits=circuits, expect=expect or Expect(),
    )  # fmt: skip


class Timeline:
    """Records written by hand, of one charger unless ``who`` says otherwise."""

    def __init__(self, given: Scenario | None = None, *, kind: Kind = "simulated", **settings: Any) -> None:
        self.scenario = given or scenario(**settings)
        self.kind: Kind = kind
        self.records: list[r.AnyRecord] = []
        self._names = self.scenario.names()
        self._plug_ins = dict.fromkeys(self._names, 0)
        self._lost: dict[str, int] = {}
        self._wh = dict.fromkeys(self._names, 0)
        self._number = 0

    def at(self, clock: str | int, who: str = "") -> Moment:
        """What happened at a time, at a charger (the first, if none is named)."""
        return Moment(self, ms(clock), who or self._names[0])

    def in_order(self) -> list[r.AnyRecord]:
        """The records in canonical order."""
        place = {"": -1} | {name: index for index, name in enumerate(self._names)}
        return sorted(self.records, key=lambda record: (record.t, place[record.who]))

    def results(self, end: str | int | None = None, *, batch: int = 7) -> dict[str, CheckResult]:
        """Judge the timeline. The batches' size must not matter."""
        judge = Judge(self.scenario, self.kind)
        records = self.in_order()
        for first in range(0, len(records), batch):
            judge.feed(records[first : first + batch])
        return {result.name: result for result in judge.close(self.scenario.duration_ms if end is None else ms(end))}

    def judged(self, end: str | int | None = None) -> dict[str, str]:
        """Check → what it counted, for each check that anything triggered."""
        said = {}
        for name, result in self.results(end).items():
            counts = {"met": result.met, "failed": result.failed, "cancelled": result.cancelled, "pending": result.pending}
            text = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
            if text:
                said[name] = text
        return said


class Moment:
    """What happens at one time. Each method adds its records and returns the moment, so that they chain."""

    def __init__(self, line: Timeline, t: int, who: str) -> None:
        self.line = line
        self.t = t
        self.who = who

    def add(self, *records: r.AnyRecord) -> Moment:
        self.line.records.extend(records)
        return self

    # The car.

    def plug_in(self, *, tag: str = "", needs_wh: int = 30_000) -> Moment:
        line = self.line
        line._plug_ins[self.who] += 1
        plug_in = line._plug_ins[self.who]
        return self.add(r.PlugIn(t=self.t, who=self.who, plug_in=plug_in, car="leaf", needs_wh=needs_wh, leave=self.t + DAY, tag=tag))

    def unplug(self, *, wh: int = 10_000) -> Moment:
        stay = r.Stay(t=self.t, who=self.who, plug_in=self.line._plug_ins[self.who], ended="unplugged", wh=wh, needs_wh=30_000, full=False)
        return self.add(stay).current(0, state="Available")

    def current(self, ma: int, *, full: bool = False, state: r.State | None = None, reason: r.Reason = "vehicle") -> Moment:
        shown: r.State = state or ("Charging" if ma else "SuspendedEVSE")
        return self.add(r.Current(t=self.t, who=self.who, ma=ma, state=shown, reason=reason, wh=0, full=full))

    def draws(self, amperes: float = 27.5) -> Moment:
        return self.current(round(amperes * 1000))

    def idle(self) -> Moment:
        return self.current(0)

    def full(self) -> Moment:
        return self.current(0, full=True, state="SuspendedEV")

    # Power and link.

    def off(self) -> Moment:
        return self.add(r.Power(t=self.t, who=self.who, state="off")).current(0, state="Unavailable", reason="no-mains")

    def on(self, *, boot_ms: int = 30_000) -> Moment:
        return self.add(
            r.Power(t=self.t, who=self.who, state="booting"), r.Power(t=self.t + boot_ms, who=self.who, state="on")
        )  # fmt: skip

    def restart(self, *, boot_ms: int = 30_000) -> Moment:
        self.add(r.Power(t=self.t, who=self.who, state="booting", cause="reboot"))
        self.add(r.Power(t=self.t + boot_ms, who=self.who, state="on", cause="reboot"))
        return self.current(0, state="Unavailable", reason="booting")

    def offline(self, cause: Any = "silence") -> Moment:
        return self.add(r.Link(t=self.t, who=self.who, state="offline", cause=cause))

    def online(self, cause: Any = "connected") -> Moment:
        return self.add(r.Link(t=self.t, who=self.who, state="online", cause=cause))

    # The outage.

    def lost(self, cause: str = "server.crash", step: str = "fault") -> Moment:
        self.line._lost[self.who] = self.t
        return self.add(r.Loss(t=self.t, who=self.who, cause=cause, step=step))

    def recovers(self, *, blip: bool = False) -> Moment:
        return self.add(r.Recovery(t=self.t, who=self.who, since=self.line._lost[self.who], blip=blip))

    def fault(self, do: str, edge: Any = "start", step: str = "fault", *, world: bool = False) -> Moment:
        return self.add(r.Fault(t=self.t, who="" if world else self.who, step=step, do=do, edge=edge))

    def crash(self, do: str = "server.crash") -> Moment:
        """The server goes down, and everyone loses it."""
        self.fault(do, world=True).add(r.Server(t=self.t, shard=1, state="down"))
        for name in self.line._names:
            self.line.at(self.t, name).lost(do)
        return self

    def back(self, do: str = "server.crash", state: Any = "restarted", back_to: int = 0) -> Moment:
        """The server is back."""
        return self.add(r.Server(t=self.t, shard=1, state=state, back_to=back_to)).fault(do, "end", world=True)

    def cut(self) -> Moment:
        """Only this charger's path is cut."""
        return self.fault("network.cut").lost("network.cut")

    def heals(self) -> Moment:
        return self.fault("network.cut", "end")

    # Commands and actions.

    def command(self, command: Any, *, sent: int | None = None, **given: Any) -> Moment:
        given.setdefault("plug_in", self.line._plug_ins[self.who])
        sent = self.t - 20 if sent is None else sent
        return self.add(r.Command(t=self.t, who=self.who, command=command, sent=sent, **given))

    def hold(self, until: str, *, sent: int | None = None) -> Moment:
        return self.command("hold", duration_ms=ms(until) - self.t, sent=sent)

    def release(self, origin: int = 0) -> Moment:
        return self.command("release", origin=origin)

    def action(self, action: Any, outcome: Any = "accepted", *, number: int = 0, **given: Any) -> Moment:
        if not number:
            self.line._number += 1
            number = self.line._number
        given.setdefault("plug_in", self.line._plug_ins[self.who])
        return self.add(r.Action(t=self.t, who=self.who, action=action, outcome=outcome, number=number, **given))

    def override(self, outcome: Any = "accepted") -> Moment:
        return self.action("override", outcome)

    def settled(self) -> Moment:
        return self.add(r.Settled(t=self.t))

    # Messages.

    def opens(self, tx: int, wh: int = 0) -> Moment:
        plug_in = self.line._plug_ins[self.who]
        return self.add(r.Transaction(t=self.t, who=self.who, tx=tx, plug_in=plug_in, edge="open", wh=wh))

    def closes(self, tx: int, wh: int = 0) -> Moment:
        plug_in = self.line._plug_ins[self.who]
        return self.add(r.Transaction(t=self.t, who=self.who, tx=tx, plug_in=plug_in, edge="close", wh=wh))

    def message(self, action: Any, *, tx: int = 0, at: str | int | None = None, **given: Any) -> Moment:
        happened = self.t - 20 if at is None else ms(at)
        given.setdefault("stamp", happened)
        given.setdefault("sent", self.t - 20)
        plug_in = self.line._plug_ins[self.who]
        return self.add(r.Message(t=self.t, who=self.who, action=action, tx=tx, at=happened, plug_in=plug_in, **given))

    def ledger(self, *entries: tuple[int, int, int, int | None, int | None], called: dict[int, str] | None = None) -> Moment:
        return self.add(r.Ledger(t=self.t, who=self.who, entries=list(entries), called=called or {}))
