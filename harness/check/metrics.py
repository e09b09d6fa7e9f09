"""The metrics of a run: what the outage cost, and how the fleet came back."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any, Literal

from msgspec import Struct

from harness.check.result import MetricValue
from harness.fault import KINDS
from harness.journal.records import AnyRecord, Current, Discard, Fault, Link, Loss, Message, Moved, Power, Recovery, Return, Server, Stay
from harness.units import whole_seconds_ms
from harness.values import ChargerModel, Scenario


class MetricKind(Struct, frozen=True, kw_only=True):
    """What a metric measures."""

    unit: str
    doc: str
    difference: bool = False
    """The value is the run's figure less the twin's: the same run without its faults."""
    per_driver: bool = False
    """A limit on it may be ``per: driver``."""
    worse: Literal["higher", "lower"] = "higher"
    """Which way it gets worse."""


_RECOVERY = (
    "From the last return of server, path and power, or the end of what kept the charger out, until it heard from the server again;"
    " from the loss where none of these came first"
)

METRICS: dict[str, MetricKind] = {
    "undelivered_energy": MetricKind(
        unit="kWh", doc="Energy that drivers needed and did not have when they left.", difference=True, per_driver=True
    ),
    "drivers_short": MetricKind(unit="drivers", doc="How many drivers left without the energy they needed.", difference=True),
    "peak_energy": MetricKind(unit="kWh", doc="Energy delivered at the tariff's dearest price level.", difference=True, per_driver=True),
    "extra_cost": MetricKind(unit="currency", doc="What the energy cost at the tariff's prices.", difference=True, per_driver=True),
    "time_to_notice_p50": MetricKind(unit="s", doc="From a loss until the charger took itself to be offline: median."),
    "time_to_notice_p95": MetricKind(unit="s", doc="From a loss until the charger took itself to be offline: 95th percentile."),
    "time_to_notice_max": MetricKind(unit="s", doc="From a loss until the charger took itself to be offline: longest."),
    "time_to_recover_p50": MetricKind(unit="s", doc=f"{_RECOVERY}: median."),
    "time_to_recover_p95": MetricKind(unit="s", doc=f"{_RECOVERY}: 95th percentile."),
    "time_to_recover_max": MetricKind(unit="s", doc=f"{_RECOVERY}: longest."),
    "peak_reconnects": MetricKind(unit="per s", doc="The most chargers that the server met anew within one second."),
    "queue_drain_time": MetricKind(
        unit="s", doc="From a recovery until the last queued transaction message of that charger was taken in: longest."
    ),
    "messages_lost": MetricKind(unit="messages", doc="Messages that chargers gave up."),
    "messages_doubled": MetricKind(unit="messages", doc="Messages that the server took in more than once."),
    "messages_late": MetricKind(unit="messages", doc="Transaction messages taken in later than the answer timeout after their event."),
    "port_uptime": MetricKind(
        unit="%", doc="Share of the run in which a port could dispense, as 23 CFR 680.116 computes it; loss of mains apart.", worse="lower"
    ),
}
"""Name → what it measures. Percentiles are of the nearest rank."""


_KEEPS_OUT = frozenset(name for name, kind in KINDS.items() if kind.keeps_out)


class Totals(Struct, kw_only=True):
    """What a run adds up to: all that its metrics are made of. Also the twin's part of a journal's footer.

    The lists ``short_wh``, ``peak_wh`` and ``micro`` hold a number per charger, in the order of the scenario, each a sum over its stays.
    """

    short_wh: list[int] = []
    """Energy needed and not had at departure."""
    peak_wh: list[int] = []
    """Energy at the dearest price level."""
    micro: list[int] = []
    """What the energy cost, in millionths of the currency."""
    drivers_short: int = 0
    notice_ms: tuple[int, int, int] | None = None
    """Time to notice: p50, p95, longest; None: there was nothing to notice."""
    recover_ms: tuple[int, int, int] | None = None
    peak_reconnects: int = 0
    drain_ms: int | None = None
    lost: int = 0
    doubled: int = 0
    late: int = 0
    up_ms: int = 0
    """Time in which ports could dispense, all together."""
    down_ms: int = 0
    """Time in which they could not, less what 23 CFR 680.116 excludes."""
    never_fired: list[str] = []
    """Steps of the plan that never fired."""
    no_effect: list[str] = []
    """Steps that changed nothing."""
    contradicted: list[str] = []
    """What was said to be done at a bench, and what contradicts it."""


class Shown(Struct, kw_only=True):
    """The records that show why a limit is broken."""

    passed: dict[str, AnyRecord] = {}
    """Metric → the first record with which it was over its limit's maximum; of metrics that only grow."""
    short: dict[str, Stay] = {}
    """Charger → its first stay without the energy that was needed; only where that has a limit."""


class _Uptime:
    """How long a port could not dispense; made once there is anything that may keep it from that."""

    __slots__ = ("alone", "closed", "down_ms", "draws", "excluded", "powered", "since")

    def __init__(self) -> None:
        self.powered = True
        self.alone = False
        """It takes itself to be offline."""
        self.draws = False
        self.closed = False
        """It is out of service."""
        self.excluded = False
        """That it cannot dispense is not counted: there is no mains."""
        self.since = 0
        self.down_ms = 0


class Meter:
    """Adds up a run while its records go by; ``shown`` has the records that show why limits are broken."""

    def __init__(self, scenario: Scenario) -> None:
        names = scenario.names()
        self._scenario = scenario
        self._totals = Totals(short_wh=[0] * len(names), peak_wh=[0] * len(names), micro=[0] * len(names))
        self._firsts: dict[str, int] = {}
        """Entry → the place of its first charger."""
        # By the chargers' places, as of a crowd an object for each would take more than all else here.
        self._models: list[ChargerModel] = []
        self._dearest: list[str] = []
        self._shards = scenario.shards()
        self._lost_at = array("q", [-1]) * len(names)
        self._left_at = array("q", [-1]) * len(names)
        """When the charger took itself to be offline in this outage."""
        self._recovered_at = array("q", [-1]) * len(names)
        for entry in scenario.chargers:
            members = max(1, entry.count)
            self._firsts[entry.name] = len(self._models)
            self._models += [scenario.models[entry.model]] * members
            self._dearest += [scenario.tariffs[entry.tariff].levels[0]] * members
        self._uptimes: dict[int, _Uptime] = {}
        self._notices = array("q")
        self._recoveries = array("q")
        self._back_at: dict[int, int] = {}
        """When each shard last came back."""
        self._lifted: dict[str, int] = {}
        self._most = {limit.metric: limit.maximum for limit in scenario.expect.limits if limit.maximum is not None}
        self.shown = Shown()
        self._second = -1
        self._in_second = 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            Stay: self._stay, Loss: self._loss, Link: self._link, Recovery: self._recovery, Return: self._return, Message: self._message,
            Discard: self._discard, Power: self._power, Server: self._server, Moved: self._moved, Fault: self._fault,
        }  # fmt: skip
        closes = any(step.do == "station.unavailable" for step in scenario.plan)
        if closes or any(_needs_server(scenario.models[entry.model]) for entry in scenario.chargers):
            self._handlers[Current] = self._current  # nearly all records are of this kind, and nobody else needs it

    def feed(self, batch: Sequence[AnyRecord]) -> None:
        """Take the next records, in canonical order."""
        handlers = self._handlers
        for record in batch:
            handler = handlers.get(type(record))
            if handler is not None:
                handler(record)

    def _place(self, who: str) -> int:
        """The place of a charger: its entry's, or, of a crowd's member, by its number. To look it up each would have to be kept."""
        first = self._firsts.get(who)
        if first is None:
            crowd, _, number = who.rpartition("-")
            first = self._firsts[crowd] + int(number) - 1
        return first

    def _reaches(self, metric: str, figure: float, record: AnyRecord) -> None:
        """A metric has grown to this figure."""
        if metric in self._most and figure > self._most[metric]:
            self.shown.passed.setdefault(metric, record)

    def _stay(self, record: Stay) -> None:
        totals, index = self._totals, self._place(record.who)
        if record.ended == "unplugged" and not record.full and record.wh < record.needs_wh:
            totals.short_wh[index] += record.needs_wh - record.wh
            totals.drivers_short += 1
            if "drivers_short" in self._most or "undelivered_energy" in self._most:
                self.shown.short.setdefault(record.who, record)
        for level, price, wh in record.by_price:
            totals.micro[index] += wh * price // 1000
            if level == self._dearest[index]:
                totals.peak_wh[index] += wh

    def _loss(self, record: Loss) -> None:
        place = self._place(record.who)
        self._lost_at[place] = record.t
        self._left_at[place] = record.t if record.cause == "link" else -1

    def _link(self, record: Link) -> None:
        place = self._place(record.who)
        if _needs_server(self._models[place]):
            self._accounted(place, record.t).alone = record.state == "offline"
        lost_at = self._lost_at[place]
        if record.state == "offline" and lost_at >= 0 and self._left_at[place] < 0 and record.cause not in ("power", "reboot"):
            self._left_at[place] = record.t
            self._notices.append(record.t - lost_at)
            self._reaches("time_to_notice_max", (record.t - lost_at) / 1000, record)

    def _recovery(self, record: Recovery) -> None:
        place = self._place(record.who)
        if not record.blip:
            back_at = min(record.t, max(record.since, self._back_at.get(self._shards[place], 0), self._lifted.get(record.who, 0)))
            self._recoveries.append(record.t - back_at)
            self._reaches("time_to_recover_max", (record.t - back_at) / 1000, record)
            self._recovered_at[place] = record.t
        self._lost_at[place] = -1

    def _return(self, record: Return) -> None:
        second = record.t // 1000
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        self._totals.peak_reconnects = max(self._totals.peak_reconnects, self._in_second)
        self._reaches("peak_reconnects", self._in_second, record)

    def _message(self, record: Message) -> None:
        totals = self._totals
        totals.doubled += record.repeat
        self._reaches("messages_doubled", totals.doubled, record)
        if record.action not in ("transaction-start", "transaction-end", "meter-values"):
            return
        place = self._place(record.who)
        late_ms = self._models[place].link.answer_timeout_ms
        totals.late += not record.repeat and record.action != "meter-values" and record.t - record.at > late_ms
        self._reaches("messages_late", totals.late, record)
        recovered_at = self._recovered_at[place]
        if record.at < recovered_at:
            totals.drain_ms = max(totals.drain_ms or 0, record.t - recovered_at)
            self._reaches("queue_drain_time", totals.drain_ms / 1000, record)

    def _discard(self, record: Discard) -> None:
        self._totals.lost += record.count
        self._reaches("messages_lost", self._totals.lost, record)

    def _power(self, record: Power) -> None:
        """Without power, and until booted, a port cannot dispense; loss of mains is excluded as the utility's."""
        port = self._accounted(self._place(record.who), record.t)
        port.powered = record.state == "on"
        port.excluded = record.state == "off"

    def _accounted(self, place: int, t: int) -> _Uptime:
        """A port's uptime, with all accounted for up to now."""
        port = self._uptimes.get(place)
        if port is None:
            port = self._uptimes[place] = _Uptime()
        dispenses = port.powered and not port.closed and (port.draws or not port.alone)
        if not dispenses and not port.excluded:
            port.down_ms += t - port.since
        port.since = t
        return port

    def _current(self, record: Current) -> None:
        place = self._place(record.who)
        known = self._uptimes.get(place)
        closed = record.state == "Unavailable" and (known is None or known.powered)
        if closed != (known is not None and known.closed) or _needs_server(self._models[place]):
            port = self._accounted(place, record.t)
            port.draws = record.ma > 0
            port.closed = closed

    def _server(self, record: Server) -> None:
        if record.state in ("up", "restarted", "restored"):
            self._back_at[record.shard] = record.t

    def _moved(self, record: Moved) -> None:
        self._shards[self._place(record.who)] = record.shard
        self._lifted[record.who] = record.t  # from now on a server is there for it

    def _fault(self, record: Fault) -> None:
        if record.who:
            if record.edge == "end" and not record.do.startswith("driver."):
                self._lifted[record.who] = record.t
            elif record.edge == "struck" and record.do == "server.bans":
                self._lifted[record.who] = record.t + int(record.with_.get("delay_ms", 0))  # type: ignore[arg-type]
            elif record.edge == "contradicted":
                of = f" (step {record.step})" if record.step else ""
                self._totals.contradicted.append(f"{record.who} was said to be unplugged, and {record.with_['why']}{of}")
        elif record.edge == "never-fired":
            self._totals.never_fired.append(record.step)
        elif record.edge == "no-effect" and record.step not in self._totals.no_effect:
            self._totals.no_effect.append(record.step)
        elif record.edge == "end" and record.do in _KEEPS_OUT:
            # A charger whose registration was put off asks again after the interval that it was told.
            back_at = record.t + whole_seconds_ms(int(record.with_.get("interval_ms", 0)))  # type: ignore[arg-type]
            shard = record.with_.get("shard")
            shards = [int(shard)] if shard else range(1, self._scenario.server.shards + 1)  # type: ignore[arg-type]
            for each in shards:
                self._back_at[each] = max(self._back_at.get(each, 0), back_at)

    def close(self, end_ms: int) -> Totals:
        """The run is over: the totals."""
        totals = self._totals
        totals.down_ms += sum(self._accounted(place, end_ms).down_ms for place in self._uptimes)
        totals.up_ms = end_ms * len(self._models) - totals.down_ms
        totals.notice_ms = _percentiles(self._notices)
        totals.recover_ms = _percentiles(self._recoveries)
        return totals


def _needs_server(model: ChargerModel) -> bool:
    """Whether a charger turns new cars away while it takes itself to be offline."""
    return model.server_loss.new_car in ("waits", "refused")


def _percentiles(samples: array[int]) -> tuple[int, int, int] | None:
    """The median, the 95th percentile (nearest rank) and the longest."""
    if not samples:
        return None
    ranked = sorted(samples)
    p50, p95 = (ranked[(len(ranked) * share + 99) // 100 - 1] for share in (50, 95))
    return p50, p95, ranked[-1]


def metrics(totals: Totals, twin: Totals | None, currency: str = "") -> dict[str, MetricValue]:
    """The metrics of a run, by name; those that compare with the twin are None without one."""
    values: dict[str, MetricValue] = {}
    for name, kind in METRICS.items():
        unit = currency or kind.unit if kind.unit == "currency" else kind.unit
        own = _figure(name, totals)
        if not kind.difference:
            values[name] = MetricValue(value=own, unit=unit)
        elif twin is None:
            values[name] = MetricValue(value=None, unit=unit, run=own)
        else:
            other = _figure(name, twin)
            assert own is not None
            assert other is not None
            values[name] = MetricValue(value=round(own - other, 6), unit=unit, run=own, twin=other)
    return values


def _figure(name: str, totals: Totals) -> float | int | None:
    if name in PER_CHARGER:
        field, divisor = PER_CHARGER[name]
        whole: int = sum(getattr(totals, field))
        return round(whole / divisor, 6)
    if name.startswith("time_to_"):
        spread = totals.notice_ms if "notice" in name else totals.recover_ms
        return None if spread is None else spread[("p50", "p95", "max").index(name[-3:])] / 1000
    if name == "queue_drain_time":
        return None if totals.drain_ms is None else totals.drain_ms / 1000
    if name == "port_uptime":
        whole = totals.up_ms + totals.down_ms
        return round(100 * totals.up_ms / whole, 4) if whole else None
    plain: dict[str, int] = {
        "drivers_short": totals.drivers_short, "peak_reconnects": totals.peak_reconnects, "messages_lost": totals.lost,
        "messages_doubled": totals.doubled, "messages_late": totals.late,
    }  # fmt: skip
    return plain[name]


PER_CHARGER: dict[str, tuple[str, int]] = {
    "undelivered_energy": ("short_wh", 1000), "peak_energy": ("peak_wh", 1000), "extra_cost": ("micro", 1_000_000),
}  # fmt: skip
"""Metric that may be limited per driver → the list of :class:`Totals` that it is summed from, and what divides its numbers."""


def per_driver(name: str, totals: Totals, twin: Totals) -> list[float]:
    """A metric for each charger's drivers, in the order of the scenario: the run's figure less the twin's."""
    field, divisor = PER_CHARGER[name]
    return [(own - other) / divisor for own, other in zip(getattr(totals, field), getattr(twin, field), strict=True)]
