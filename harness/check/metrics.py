"""The metrics of a run: what the outage cost, and how the fleet came back."""

from __future__ import annotations

from msgspec import Struct


class MetricKind(Struct, frozen=True, kw_only=True):
    """What a metric measures."""

    unit: str
    doc: str
    difference: bool = False
    """The value is the run's figure less the twin's: the same run without its faults."""
    per_driver: bool = False
    """A limit on it may be ``per: driver``."""


METRICS: dict[str, MetricKind] = {
    "undelivered_energy": MetricKind(
        unit="kWh", doc="Energy that drivers needed and did not have when they left.", difference=True, per_driver=True
    ),
    "drivers_short": MetricKind(unit="drivers", doc="How many drivers left without the energy they needed.", difference=True),
    "peak_energy": MetricKind(
        unit="kWh", doc="Energy delivered at the tariff's dearest price level.", difference=True, per_driver=True
    ),
    "extra_cost": MetricKind(unit="currency", doc="What the energy cost at the tariff's prices.", difference=True, per_driver=True),
    "time_to_notice_p50": MetricKind(unit="s", doc="From a loss until the charger took itself to be offline: median."),
    "time_to_notice_p95": MetricKind(unit="s", doc="From a loss until the charger took itself to be offline: 95th percentile."),
    "time_to_notice_max": MetricKind(unit="s", doc="From a loss until the charger took itself to be offline: longest."),
    "time_to_recover_p50": MetricKind(
        unit="s", doc="From server, path and power being back until the charger heard from the server again: median."
    ),
    "time_to_recover_p95": MetricKind(
        unit="s", doc="From server, path and power being back until the charger heard from the server again: 95th percentile."
    ),
    "time_to_recover_max": MetricKind(
        unit="s", doc="From server, path and power being back until the charger heard from the server again: longest."
    ),
    "peak_reconnects": MetricKind(unit="per s", doc="The most chargers that the server met anew within one second."),
    "queue_drain_time": MetricKind(
        unit="s", doc="From a recovery until the last queued transaction message of that charger was taken in: longest."
    ),
    "messages_lost": MetricKind(unit="messages", doc="Messages that chargers gave up."),
    "messages_doubled": MetricKind(unit="messages", doc="Messages that the server took in more than once."),
    "messages_late": MetricKind(unit="messages", doc="Transaction messages taken in later than the answer timeout after their event."),
    "port_uptime": MetricKind(unit="%", doc="Share of the run in which a port could dispense, as 23 CFR 680.116 computes it."),
}
"""Name → what it measures. Percentiles are of the nearest rank."""
