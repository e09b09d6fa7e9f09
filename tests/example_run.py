"""A small scenario and the records of a made-up run of it, written by hand: what tests of journals and reports work on."""

from harness.journal import records as r
from harness.values import (
    Backoff,
    ChargerModel,
    Chargers,
    Link,
    Memory,
    Moment,
    NetworkModel,
    Period,
    PowerUp,
    Queue,
    Ratings,
    Scenario,
    ServerLoss,
    ServerModel,
    Session,
    Step,
    Supply,
    Targets,
    Tariff,
    VehicleModel,
)

MINUTE = 60_000
HOUR = 60 * MINUTE

MODEL = ChargerModel(
    name="plain-40",
    title="Plain 40",
    protocol="juicenet",
    tou="hold",
    ratings=Ratings(unit_rating_ma=40_000, wire_rating_ma=32_000),
    link=Link(
        transport="udp",
        keepalive_ms=30_000,
        offline_after_ms=300_000,
        answer_timeout_ms=5_000,
        backoff=Backoff(wait_minimum_ms=10_000, random_range_ms=5_000, repeat_times=3),
    ),
    memory=Memory(hold=("departure", "power-cycle")),
    server_loss=ServerLoss(),
    power_up=PowerUp(boot_ms=20_000, start_delay_ms=5_000),
    queue=Queue(limit=100, attempts=3, interval_ms=60_000),
)

SCENARIO = Scenario(
    name="tiny",
    title="A tiny outage",
    start="2026-03-13T00:00:00Z",
    zone="America/Los_Angeles",
    duration_ms=12 * HOUR,
    seed=7,
    server=ServerModel(name="plain", title="Plain", accepts_per_s=100, accept_queue=100, answers_per_s=1000),
    supply=Supply(voltage_v=240),
    networks={"home": NetworkModel(name="home", title="Home", latency_ms=20)},
    models={"plain-40": MODEL},
    vehicles={"leaf-40": VehicleModel(name="leaf-40", title="Leaf", usable_wh=38_000, ac_w=6_600, phases=1)},
    tariffs={
        "flat": Tariff(
            name="flat",
            currency="USD",
            levels=("flat",),
            periods=(
                Period(start_ms=-24 * HOUR, level="flat", microprice=225_580),
                Period(start_ms=48 * HOUR, level="flat", microprice=225_580),
            ),
        )
    },
    drivers={},
    local_days=((-17 * HOUR, 24 * HOUR, 3), (7 * HOUR, 24 * HOUR, 4)),
    chargers=(
        Chargers(
            name="anna",
            model="plain-40",
            network="home",
            car="leaf-40",
            tariff="flat",
            sessions=(Session(plug_in_ms=HOUR, leave_ms=11 * HOUR, needs_wh=18_000),),
        ),
        Chargers(name="ben", model="plain-40", network="home", car="leaf-40", tariff="flat"),
    ),
    plan=(
        Step(id="upgrade", do="server.upgrade", at=Moment(offset_ms=2 * HOUR), arguments={"style": "stop"}, for_ms=2 * HOUR),
        Step(id="pull-plug", do="station.power-cut", at=Moment(offset_ms=150 * MINUTE), to=Targets(names=("anna",)), for_ms=20_000),
    ),
)

RECORDS: list[r.AnyRecord] = [
    r.PlugIn(t=HOUR, who="anna", plug_in=1, car="leaf-40", needs_wh=18_000, leave=11 * HOUR),
    r.Transaction(t=HOUR, who="anna", tx=1, plug_in=1, edge="open", wh=0),
    r.Command(t=HOUR + 80, who="anna", command="hold", sent=HOUR + 60, plug_in=1, duration_ms=6 * HOUR),
    r.Current(t=HOUR + 80, who="anna", ma=0, state="SuspendedEVSE", reason="tou-hold", wh=0),
    r.Fault(t=2 * HOUR, step="upgrade", do="server.upgrade", edge="start", with_={"style": "stop"}),
    r.Server(t=2 * HOUR, shard=1, state="down"),
    r.Loss(t=2 * HOUR, who="anna", cause="server.upgrade", step="upgrade"),
    r.Loss(t=2 * HOUR, who="ben", cause="server.upgrade", step="upgrade"),
    r.Link(t=2 * HOUR + 300_000, who="anna", state="offline", cause="silence"),
    r.Fault(t=150 * MINUTE, step="pull-plug", do="station.power-cut", edge="start"),
    r.Fault(t=150 * MINUTE, who="anna", step="pull-plug", do="station.power-cut", edge="start"),
    r.Power(t=150 * MINUTE, who="anna", state="off"),
    r.Current(t=150 * MINUTE, who="anna", ma=0, state="Unavailable", reason="no-mains", wh=0),
    r.Fault(t=150 * MINUTE + 20_000, step="pull-plug", do="station.power-cut", edge="end"),
    r.Power(t=150 * MINUTE + 20_000, who="anna", state="booting"),
    r.Power(t=150 * MINUTE + 40_000, who="anna", state="on"),
    r.Current(t=150 * MINUTE + 45_000, who="anna", ma=27_500, state="Charging", reason="vehicle", wh=0),
    r.Fault(t=4 * HOUR, step="upgrade", do="server.upgrade", edge="end"),
    r.Server(t=4 * HOUR, shard=1, state="restarted"),
    r.Return(t=4 * HOUR + 4_000, who="anna", by="request"),
    r.Recovery(t=4 * HOUR + 4_000, who="anna", since=2 * HOUR),
    r.Recovery(t=4 * HOUR + 9_000, who="ben", since=2 * HOUR),
    r.Settled(t=4 * HOUR + 9_000),
    r.Stay(t=11 * HOUR, who="anna", plug_in=1, ended="unplugged", wh=18_000, needs_wh=18_000, full=False),
]
