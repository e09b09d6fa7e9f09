"""Small scenarios to draw random plans over, and what tests of whole runs share."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
from msgspec.structs import replace

from harness import scenario
from harness.fault import KINDS
from harness.journal.records import AnyRecord
from harness.search.generator import HOUR_MS, MINUTE_MS, Dice, generate
from harness.stage.simulated import run
from harness.values import Chargers, Circuit, Moment, Scenario, Session, Step, TagRefused, Targets

MODELS = (
    "juicebox-40", "juicebox-v09u", "waybox", "ocpp16-strict", "ocpp201", "uk-smart", "emporia", "evnex", "easee", "flexecharge",
    "wallbox-managed", "zappi", "pod-point", "evc-net-edge", "chargepoint-home",
)  # fmt: skip

BASE = """
harness: 1
title: Three chargers under a random plan
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: {hours} h
seed: 1
server: {server}
network: home-wifi
supply: {{voltage: 240 V, phases: 1}}
defaults: {{model: {model}, car: leaf-40, tariff: pge-ev2-a, tou: {{charge_in: [off-peak]}}}}
chargers:
  anna: {{tag: A1}}
  ben: {{settings: {{wire_rating: 24 A}}, tag: B1}}
  carla: {{settings: {{amperage: 16 A}}, tag: C1}}
"""
CIRCUIT = """
circuits:
  house: {members: [anna, ben], capacity: 50 A}
"""


def server_of(model: str) -> str:
    """The server that a charger talks to."""
    return "juicenet" if model.startswith("juicebox") or model == "waybox" else "csms"


@cache
def base(model: str, *, grouped: bool = False, hours: int = 30) -> Scenario:
    """Three chargers of a model, with the server that it talks to; two of them on one circuit where ``grouped``."""
    text = BASE.format(model=model, server=server_of(model), hours=hours) + (CIRCUIT if grouped else "")
    return scenario.loads(text, name=f"random-{model}")


def drawn(model: str, seed: int, *, hours: int = 30) -> Scenario:
    """A random plan; every other seed has a load group."""
    return generate(base(model, grouped=bool(seed % 2), hours=hours), seed)


TEMPO = """
harness: 1
title: Three chargers on a tariff whose days are announced
start: 2026-02-12 {start}
zone: Europe/Paris
duration: 30 h
seed: 1
server: {server}
network: home-wifi
supply: {{voltage: 230 V, phases: 1}}
defaults:
  model: {model}
  car: leaf-40
  tariff: {{extends: edf-tempo, days: {days}}}
  tou: {{charge_in: {levels}}}
chargers: {{anna: {{tag: A1}}, ben: {{tag: B1}}, carla: {{tag: C1}}}}
"""
ANNOUNCED_LEVELS = (
    "[blue-hc, white-hc]", "[blue-hc, white-hc, blue-hp]", "[blue-hc, blue-hp]", "[blue-hc, blue-hp, white-hc, white-hp]",
    "[red-hp, red-hc, white-hp, white-hc]",
)  # fmt: skip
"""Price levels for which it matters which colour a day turns out to have; in the last of them a hold ends sooner than was thought."""


def announced(model: str, seed: int) -> Scenario:
    """A random plan over days whose colours become known while the run goes on."""
    dice = Dice(seed + 3_000_000)
    drawn_days = {f"2026-02-{day}": dice.of(("red", "white", "blue", "red")) for day in (12, 13, 14)}
    days = {colour: [day for day, found in drawn_days.items() if found == colour] for colour in ("red", "white")}
    text = TEMPO.format(
        start=dice.of(("05:00", "08:00", "10:30", "20:00")), server=server_of(model),
        model=model, days=days, levels=dice.of(ANNOUNCED_LEVELS),
    )  # fmt: skip
    return generate(scenario.loads(text, "announced"), seed)


INVENTED = """
harness: 1
title: Chargers of several makers, with links and limits of their own
start: {start}
zone: America/Los_Angeles
duration: {hours} h
seed: 1
server: {{extends: juicenet, shards: {shards}, accepts_per_s: {accepts}, accept_queue: {waiting}}}
network: {{extends: ethernet, latency: {latency} ms}}
supply: {{voltage: 240 V, phases: 1}}
defaults: {{car: {car}, tariff: pge-ev2-a}}
chargers:
"""


def invented(seed: int, *, roomy: bool = False) -> Scenario:
    """Up to four chargers of several makers with links, queues and settings of their own, on a small server of several shards. Where
    it is ``roomy`` the server never turns anyone away, and so must keep every maker's bounds."""
    dice = Dice(seed)
    shards = dice.of((1, 1, 2, 3))
    text = INVENTED.format(
        start=dice.of(("2026-03-12 08:00", "2026-03-07 20:00", "2026-10-31 20:00")), hours=dice.of((14, 24, 30)), shards=shards,
        accepts=dice.of((100, 1000) if roomy else (1, 2, 5, 100)), waiting=1000 if roomy else dice.of((0, 1, 5, 1000)),
        latency=dice.of((1, 20, 300)), car=dice.of(("leaf-40", "bolt", "model-3-sr")),
    )  # fmt: skip
    names = ("anna", "ben", "carla", "dave")[: dice.between(2, 4)]
    text += "".join(_invented_charger(dice, name, shards) for name in names)
    if dice.chance(50):
        members = names[: dice.between(1, len(names))]
        text += f"circuits: {{house: {{members: [{', '.join(members)}], capacity: {dice.of((20, 32, 45)) * len(members)} A}}}}\n"
    return scenario.loads(text, "invented")


def _invented_charger(dice: Dice, name: str, shards: int) -> str:
    parts = [f"extends: {dice.of(MODELS)}"]
    if dice.chance(50):
        keepalive, wait = dice.of((5, 10, 30, 60)), dice.of((1, 5, 30))
        backoff = f"{{wait_minimum: {wait} s, random_range: {dice.of((0, 1, 20))} s, repeat_times: {dice.of((0, 1, 4))}}}"
        silence, patience = keepalive * dice.of((2, 3, 10)), dice.of((2, 5, 10, 30))
        parts.append(f"link: {{keepalive: {keepalive} s, offline_after: {silence} s, answer_timeout: {patience} s, backoff: {backoff}}}")
    if dice.chance(30):
        parts.append(f"queue: {{limit: {dice.of((2, 3, 10))}, attempts: {dice.of((0, 1, 3))}, interval: {dice.of((1, 60))} s}}")
    if dice.chance(20):
        parts.append(f"power_up: {{boot: {dice.of((1, 30, 300))} s}}")
    settings = [f"wire_rating: {dice.of((16, 24, 32))} A"] if dice.chance(50) else []
    settings += [f"amperage: {dice.of((6, 10, 16))} A"] if dice.chance(40) else []
    tou = dice.of(("{charge_in: [off-peak]}", "{charge_in: [off-peak, part-peak]}", "off", "{on: false, charge_in: [off-peak]}"))
    shard = f", shard: {dice.between(1, shards)}" if dice.chance(50) else ""
    return f"  {name}: {{model: {{{', '.join(parts)}}}, tag: {name}, tou: {tou}, settings: {{{', '.join(settings)}}}{shard}}}\n"


def crowded(seed: int, *, roomy: bool = False) -> Scenario:
    """A plan twice as long as usual, all of it within an hour or less, of which many steps are short, with a car at each charger."""
    base_ = invented(seed, roomy=roomy)
    dice = Dice(seed + 1_000_000)
    begins = dice.between(2 * HOUR_MS, base_.duration_ms - 8 * HOUR_MS)
    steps: list[Step] = []
    for step in (*generate(base_, seed).plan, *generate(base_, seed + 1_000_000).plan):
        if step.do == "server.gone" and dice.chance(70):
            continue
        at_ms = begins + dice.below(dice.of((1, MINUTE_MS, 10 * MINUTE_MS, HOUR_MS)))
        lasts_ms = dice.between(*dice.of(((1, 5_000), (1_000, 2 * MINUTE_MS), (MINUTE_MS, HOUR_MS))))
        for_ms = None if step.for_ms is None else lasts_ms
        steps.append(replace(step, id=f"s{len(steps) + 1}", at=Moment(offset_ms=at_ms), for_ms=for_ms))

    def stay() -> Session:
        comes = max(0, begins - dice.between(0, 90 * MINUTE_MS))
        leaves = begins + dice.between(10 * MINUTE_MS, 5 * HOUR_MS)
        return Session(plug_in_ms=comes, leave_ms=leaves, needs_wh=1000 * dice.between(2, 30))

    chargers = tuple(replace(entry, sessions=(stay(),)) for entry in base_.chargers)
    return replace(base_, name=f"crowded-{seed}", seed=seed, chargers=chargers, plan=tuple(steps))


def jostling(seed: int) -> Scenario:
    """Chargers of one circuit, near and far from the server, whose cars come and go within a moment of one another; now and then a fault
    begins in just that moment."""
    dice = Dice(seed, "jostling")
    calm = base(dice.of(MODELS), hours=14)
    capacity_ma = 1000 * dice.of((50, 60, 75))
    names = calm.names()
    moments = [HOUR_MS * hour for hour in range(1, 9)]

    def near(t: int) -> int:
        return t + dice.below(dice.of((1, 50, 1_000)))

    def stays() -> tuple[Session, ...]:
        chosen = [t for t in moments if dice.chance(70)]
        return tuple(
            Session(plug_in_ms=near(comes), leave_ms=near(leaves) - 2_000, needs_wh=1000 * dice.between(1, 12))
            for comes, leaves in pairwise(chosen)
        )

    def step(number: int) -> Step:
        do = dice.of((*_SUDDEN, "server.errors"))
        lasts_ms = dice.between(10, dice.of((90_000, HOUR_MS))) if KINDS[do].ends == "may" else None
        whom = Targets() if do.startswith("server.") else Targets(names=(dice.of(names),))
        return Step(id=f"s{number}", do=do, at=Moment(offset_ms=near(dice.of(moments))), to=whom, for_ms=lasts_ms)

    networks = {name: replace(calm.networks[calm.chargers[0].network], name=name, latency_ms=ms) for name, ms in FAR.items()}
    chargers = tuple(replace(entry, sessions=stays(), network=dice.of(list(FAR))) for entry in calm.chargers)
    return replace(
        calm, name=f"jostling-{seed}", seed=seed, networks=networks, chargers=chargers, plan=tuple(map(step, range(dice.below(4)))),
        circuits=(Circuit(name="house", members=tuple(names), capacity_ma=capacity_ma),),
    )  # fmt: skip


_SUDDEN = ("network.cut", "network.black-hole", "network.reset", "driver.override", "driver.unplug", "station.power-cut")
FAR = {"near": 1, "wired": 20, "far": 300}


def with_tags(plan: Scenario) -> Scenario:
    """The same plan with tags that the server accepts no more from some moment of a stay on, that lists bar or do not hold, and with
    chargers that do with them what their makers may choose."""
    dice = Dice(plan.seed + 2_000_000)
    models = {}
    for name, model in plan.models.items():
        cached, unknown = dice.chance(50), dice.of(("waits", "charges"))
        if "unknown-tag-charges-offline" in model.contract:
            unknown = "charges"  # so much its maker promises
        rules = replace(model.server_loss, cached_tags=cached, unknown_tag=unknown)
        refused = TagRefused(transaction=dice.of(("stops", "suspends")), energy_wh=dice.of((0, 500, 3_000)))
        memory = replace(model.memory, authorisation_cache=dice.of(((), ("power-cycle",), ("memory-loss",))))
        models[name] = replace(model, server_loss=rules, tag_refused=refused, memory=memory)

    def tagged(entry: Chargers) -> Chargers:
        revoked_ms = dice.of([stay.plug_in_ms for stay in entry.sessions] or [0]) + dice.of((0, 1, 30, 5_000, 10 * MINUTE_MS))
        return replace(entry, tag_listed=dice.chance(80), tag_barred=dice.chance(10), tag_revoked_ms=revoked_ms)

    return replace(plan, models=models, chargers=tuple(tagged(entry) for entry in plan.chargers))


def step(name: str, do: str, at: int, lasts: int | None = None, *, to: Targets | None = None, **arguments: Any) -> Step:
    """A step; where it does not say whom it concerns it is anna, or the whole server."""
    whom = to or Targets(names=() if do.startswith("server") else ("anna",))
    return Step(id=name, do=do, at=Moment(offset_ms=at), for_ms=lasts, to=whom, arguments=arguments)


def small(
    *plan: Step, model: str = "juicebox-40", hours: int = 4, stay: tuple[int, int] | None = None, **changes: Any
) -> Scenario:  # fmt: skip
    """Three chargers of a model under a plan, from ``stay`` on with a car at each."""
    loaded = replace(base(model), duration_ms=hours * HOUR_MS, plan=plan, **changes)
    if stay is None:
        return loaded
    session = Session(plug_in_ms=stay[0], leave_ms=stay[1], needs_wh=30_000)
    return replace(loaded, chargers=tuple(replace(entry, sessions=(session,)) for entry in loaded.chargers))


def of(records: list[Any], kind: type, who: str = "anna") -> list[Any]:
    """The records of a kind of one charger."""
    return [record for record in records if isinstance(record, kind) and record.who == who]


def records_of(loaded: Scenario, *, simulate_all: bool = False, leg_by_leg: bool = False) -> list[Any]:
    """All records of a run, in their order."""
    records: list[AnyRecord] = []
    run(loaded, records.extend, simulate_all=simulate_all, leg_by_leg=leg_by_leg)
    return records


def lines(records: list[AnyRecord]) -> list[str]:
    """The records as a journal has them, one line each: what a test compares and shows."""
    return [msgspec.json.encode(record).decode() for record in records]
