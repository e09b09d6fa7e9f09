"""Metrics: what is added up, and what is the difference from the twin."""

from __future__ import annotations

import msgspec
import pytest
from timeline import DAY, Timeline, ms, scenario

from harness.check.metrics import METRICS, Meter, Shown, Totals, metrics
from harness.fault import KINDS
from harness.journal import records as r
from harness.values import Expect, Limit


def totals(line: Timeline, end: str = "2 00:00", *, batch: int = 5) -> Totals:
    meter = Meter(line.scenario)
    records = line.in_order()
    for first in range(0, len(records), batch):
        meter.feed(records[first : first + batch])
    return meter.close(ms(end))


def figures(line: Timeline, twin: Timeline | None = None, end: str = "2 00:00") -> dict[str, float | int | None]:
    values = metrics(totals(line, end), None if twin is None else totals(twin, end), "USD")
    return {name: value.value for name, value in values.items()}


def evening(*stays: tuple[str, int, bool, str]) -> Timeline:
    """Stays of (who, Wh delivered, full, how it ended), each needing 20 kWh, 4 of them at the dearest price."""
    line = Timeline(scenario(names=("anna", "ben")))
    for who, wh, full, ended in stays:
        prices = [("peak", 500_000, min(wh, 4000)), ("off", 200_000, max(0, wh - 4000))]
        stay = r.Stay(t=ms("1 07:00"), who=who, plug_in=1, ended=ended, wh=wh, needs_wh=20_000, full=full, by_price=prices)
        line.at("1 07:00", who).add(stay)
    return line


def test_energy_and_cost_are_the_difference_from_the_twin():
    run = evening(("anna", 12_000, False, "unplugged"), ("ben", 20_000, True, "unplugged"))
    twin = evening(("anna", 19_000, False, "unplugged"), ("ben", 20_000, True, "unplugged"))
    values = metrics(totals(run), totals(twin), "USD")
    energy = values["undelivered_energy"]
    assert (energy.value, energy.run, energy.twin, energy.unit) == (7.0, 8.0, 1.0, "kWh")
    assert values["drivers_short"].value == 0  # anna is short in both
    assert values["peak_energy"].value == 0
    cost = values["extra_cost"]
    assert (cost.value, cost.run, cost.unit) == (-1.4, 3.6 + 5.2, "USD")


def test_a_full_car_and_one_that_has_not_left_are_not_short():
    line = evening(("anna", 19_800, True, "unplugged"), ("ben", 1_000, False, "run-over"))
    assert (sum(totals(line).short_wh), totals(line).drivers_short) == (0, 0)


def test_without_a_twin_there_is_no_difference():
    values = metrics(totals(evening(("anna", 12_000, False, "unplugged"))), None)
    assert (values["undelivered_energy"].value, values["undelivered_energy"].run) == (None, 8.0)


def outages(*seconds: int) -> Timeline:
    """Each second of the list: a charger that notices after so long, and is back so long after the server."""
    names = [f"c{place:02d}" for place in range(len(seconds))]
    line = Timeline(scenario(names=names))
    line.at("10:00").crash()
    for name, after_s in zip(names, seconds, strict=True):
        line.at(ms("10:00") + after_s * 1000, name).offline()
        back = ms("12:00") + after_s * 1000
        line.at(back, name).recovers().online().add(r.Return(t=back, who=name, by="request"))
    line.at("12:00").back()
    return line


def test_times_are_percentiles_of_the_nearest_rank():
    values = figures(outages(*range(1, 21)))
    for what in ("notice", "recover"):
        assert [values[f"time_to_{what}_{rank}"] for rank in ("p50", "p95", "max")] == [10.0, 19.0, 20.0]


def test_recovery_of_a_path_counts_from_the_end_of_its_fault():
    line = Timeline(scenario())
    line.at("10:00").cut()
    line.at("11:00").heals()
    line.at("11:00:07").recovers()
    assert figures(line)["time_to_recover_max"] == 7.0


@pytest.mark.parametrize("do", [name for name, kind in KINDS.items() if kind.keeps_out])
@pytest.mark.parametrize(("back", "counted_s"), [("10:40", 600), ("11:00:07", 7)])
def test_recovery_counts_from_the_end_of_what_keeps_chargers_out_and_before_that_from_the_loss(do, back, counted_s):
    line = Timeline(scenario())
    line.at("10:00").fault(do, world=True)
    line.at("10:30").lost("link")
    line.at("11:00").fault(do, "end", world=True)
    line.at(back).recovers()
    assert figures(line)["time_to_recover_max"] == counted_s


def test_a_blip_is_no_outage_to_recover_from():
    line = Timeline(scenario())
    line.at("10:00").cut()
    line.at("10:01").heals().recovers(blip=True)
    values = figures(line)
    assert (values["time_to_recover_max"], values["time_to_notice_max"]) == (None, None)


def test_the_peak_of_reconnects_is_of_one_second():
    assert figures(outages(1, 1, 1, 2, 3))["peak_reconnects"] == 3


def test_messages_lost_doubled_late_and_the_queue_s_drain():
    line = Timeline(scenario())
    line.at("10:00").crash()
    line.at("12:00").back().recovers()
    line.at("12:00:30").message("transaction-start", tx=1, at="11:00")
    line.at("12:01").message("transaction-start", tx=1, at="11:00", repeat=True)
    line.at("12:02").message("transaction-end", tx=1, at="12:01:59")
    line.at("12:03").add(r.Discard(t=ms("12:03"), who="anna", action="meter-values", why="queue-full", count=3))
    values = figures(line)
    expected = {"messages_lost": 3, "messages_doubled": 1, "messages_late": 1, "queue_drain_time": 60.0}
    assert {name: values[name] for name in expected} == expected


def shown(line: Timeline, **most: float) -> Shown:
    """What shows that limits are broken: metric → its maximum."""
    limits = tuple(Limit(metric=metric, maximum=maximum) for metric, maximum in most.items())
    line.scenario = msgspec.structs.replace(line.scenario, expect=Expect(limits=limits))
    meter = Meter(line.scenario)
    meter.feed(line.in_order())
    return meter.shown


@pytest.mark.parametrize(
    ("metric", "maximum", "clock"),
    [
        ("messages_lost", 0, "12:03"), ("messages_lost", 3, "12:04"), ("messages_lost", 4, ""),
        ("messages_doubled", 0, "12:01"), ("messages_late", 0, "12:00:30"), ("messages_late", 1, ""),
        ("queue_drain_time", 45, "12:01"), ("queue_drain_time", 60, ""), ("time_to_recover_max", 4, "12:00:05"),
        ("time_to_notice_max", 300, "10:05:01"), ("peak_reconnects", 0, "12:00:05"), ("peak_reconnects", 1, ""),
    ],
)  # fmt: skip
def test_the_record_with_which_a_count_passes_its_limit_is_kept(metric, maximum, clock):
    line = Timeline(scenario())
    line.at("10:00").crash()
    line.at("10:05:01").offline()
    line.at("12:00").back()
    line.at("12:00:05").recovers().online().add(r.Return(t=ms("12:00:05"), who="anna", by="request"))
    line.at("12:00:30").message("transaction-start", tx=1, at="11:00")
    line.at("12:01").message("transaction-start", tx=1, at="11:00", repeat=True)
    line.at("12:01:05").message("transaction-end", tx=1, at="11:30", repeat=True)
    line.at("12:03").add(r.Discard(t=ms("12:03"), who="anna", action="meter-values", why="queue-full", count=3))
    line.at("12:04").add(r.Discard(t=ms("12:04"), who="anna", action="transaction-end", tx=1, why="attempts"))
    if (metric, maximum) == ("queue_drain_time", 60):
        line.records = [record for record in line.records if record.t != ms("12:01:05")]
    record = shown(line, **{metric: maximum}).passed.get(metric)
    assert (None if record is None else (record.t, record.who)) == ((ms(clock), "anna") if clock else None)


def test_who_was_short_is_kept_only_where_that_has_a_limit():
    line = evening(("anna", 12_000, False, "unplugged"), ("ben", 20_000, True, "unplugged"))
    assert list(shown(line, drivers_short=0).short) == ["anna"]
    assert list(shown(line, undelivered_energy=0).short) == ["anna"]
    assert shown(line, messages_lost=0).short == {}


def test_uptime_excludes_the_loss_of_mains_and_counts_the_boot():
    line = Timeline(scenario(days=1))
    line.at("10:00").off()
    line.at("11:00").on(boot_ms=36 * 60_000)
    down = 36 * 60_000
    assert figures(line, end="1 00:00")["port_uptime"] == pytest.approx(100 * (DAY - down) / DAY)


def test_a_restart_without_loss_of_mains_is_downtime():
    line = Timeline(scenario())
    line.at("10:00").restart(boot_ms=3600_000)
    assert figures(line, end="1 00:00")["port_uptime"] == pytest.approx(100 * 23 / 24, abs=1e-4)


def test_totals_are_json_and_batches_do_not_matter():
    line = outages(5, 6)
    whole, pieces = totals(line, batch=1000), totals(line, batch=1)
    assert whole == pieces
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(whole)), Totals) == whole


def test_every_metric_is_measured_and_has_its_unit():
    values = metrics(Totals(), Totals())
    assert list(values) == list(METRICS)
    assert {name: value.unit for name, value in values.items()} == {name: kind.unit for name, kind in METRICS.items()}
