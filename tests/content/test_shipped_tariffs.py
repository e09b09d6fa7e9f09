"""The shipped tariffs at single instants: what the utilities' sheets say, worked out by hand."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, datetime

import pytest
from msgspec.structs import replace
from shipped_models import whole

from harness.scenario.calendar import Calendar, utc_seconds
from harness.scenario.tariff import lay_out
from harness.values import Tariff, hold_windows
from harness.zones import zone

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
TEMPO = whole("tariff", "edf-tempo")[1]
COLOURS = {
    date(2026, 2, 12): "red", date(2026, 2, 13): "white", date(2026, 2, 14): "red", date(2026, 3, 28): "red", date(2026, 10, 24): "white",
}  # fmt: skip
"""The days of edf-tempo that are not blue here."""


def laid_out(name: str, start: datetime, days: int = 1) -> Tariff:
    rules = replace(TEMPO, colours=replace(TEMPO.colours, dated=COLOURS)) if name == "edf-tempo" else whole("tariff", name)[1]
    return lay_out(rules, Calendar(start.tzinfo, utc_seconds(start)), days * DAY_MS)  # type: ignore[arg-type]


def at(name: str, place: str, instant: str, *, fold: int = 0) -> tuple[str, float]:
    """The level and the price in hundredths per kWh at a local time."""
    moment = datetime.fromisoformat(instant).replace(tzinfo=zone(place), fold=fold)
    tariff = laid_out(name, moment)
    period = tariff.periods[bisect_right([p.start_ms for p in tariff.periods], 0) - 1]
    return period.level, period.microprice / 10_000


@pytest.mark.parametrize(
    ("instant", "level", "cents"),
    [
        ("2026-07-15 14:59", "off-peak", 22.558), ("2026-07-15 15:00", "part-peak", 42.760), ("2026-07-15 15:59", "part-peak", 42.760),
        ("2026-07-15 16:00", "peak", 53.809), ("2026-07-15 20:59", "peak", 53.809), ("2026-07-15 21:00", "part-peak", 42.760),
        ("2026-07-15 23:59", "part-peak", 42.760), ("2026-07-16 00:00", "off-peak", 22.558),
        ("2026-01-14 03:00", "off-peak", 22.558), ("2026-01-14 15:30", "part-peak", 39.428), ("2026-01-14 18:00", "peak", 41.099),
        ("2026-01-17 18:00", "peak", 41.099), ("2026-12-25 18:00", "peak", 41.099),
        ("2026-05-31 18:00", "peak", 41.099), ("2026-06-01 18:00", "peak", 53.809), ("2026-09-30 18:00", "peak", 53.809),
        ("2026-10-01 18:00", "peak", 41.099),
    ],
)  # fmt: skip
def test_pge_ev2_a(instant, level, cents):
    assert at("pge-ev2-a", "America/Los_Angeles", instant) == (level, cents)


@pytest.mark.parametrize(
    ("instant", "level", "cents"),
    [
        # A Wednesday and a Saturday in summer.
        ("2026-07-15 05:59", "super-off-peak", 13.090), ("2026-07-15 06:00", "off-peak", 49.627),
        ("2026-07-15 10:00", "super-off-peak", 13.090), ("2026-07-15 14:00", "off-peak", 49.627), ("2026-07-15 16:00", "peak", 80.205),
        ("2026-07-15 21:00", "off-peak", 49.627), ("2026-07-18 08:00", "super-off-peak", 13.090), ("2026-07-18 14:00", "off-peak", 49.627),
        ("2026-07-18 20:59", "peak", 80.205),
        # The same in winter, and the first and last days of the seasons.
        ("2026-01-14 00:00", "super-off-peak", 12.332), ("2026-01-14 07:00", "off-peak", 46.566),
        ("2026-01-14 13:59", "super-off-peak", 12.332),
        ("2026-01-14 19:00", "peak", 52.383), ("2026-01-18 09:00", "super-off-peak", 12.332),
        ("2026-10-31 18:00", "peak", 80.205), ("2026-11-01 18:00", "peak", 52.383),
    ],
)  # fmt: skip
def test_sdge_ev_tou_5(instant, level, cents):
    assert at("sdge-ev-tou-5", "America/Los_Angeles", instant) == (level, cents)


@pytest.mark.parametrize(
    ("instant", "level", "cents"),
    [
        # A Wednesday and a Saturday in summer.
        ("2026-07-15 00:00", "off-peak", 26.698), ("2026-07-15 08:00", "off-peak", 26.698), ("2026-07-15 15:59", "off-peak", 26.698),
        ("2026-07-15 16:00", "on-peak", 59.291), ("2026-07-15 20:59", "on-peak", 59.291), ("2026-07-15 21:00", "off-peak", 26.698),
        ("2026-07-18 15:59", "off-peak", 26.698), ("2026-07-18 16:00", "mid-peak", 40.182), ("2026-07-18 20:59", "mid-peak", 40.182),
        ("2026-07-18 21:00", "off-peak", 26.698),
        # The same in winter.
        ("2026-01-14 07:59", "off-peak", 24.633), ("2026-01-14 08:00", "super-off-peak", 24.633),
        ("2026-01-14 15:59", "super-off-peak", 24.633), ("2026-01-14 16:00", "mid-peak", 56.646), ("2026-01-14 20:59", "mid-peak", 56.646),
        ("2026-01-14 21:00", "off-peak", 24.633), ("2026-01-18 08:00", "super-off-peak", 24.633), ("2026-01-18 16:00", "mid-peak", 56.646),
        # The first and last days of the seasons.
        ("2026-05-31 18:00", "mid-peak", 56.646), ("2026-06-01 18:00", "on-peak", 59.291), ("2026-09-30 18:00", "on-peak", 59.291),
        ("2026-10-01 18:00", "mid-peak", 56.646), ("2026-10-01 00:00", "off-peak", 24.633),
    ],
)  # fmt: skip
def test_sce_tou_d_prime(instant, level, cents):
    assert at("sce-tou-d-prime", "America/Los_Angeles", instant) == (level, cents)


@pytest.mark.parametrize(
    ("instant", "level", "pence"),
    [
        ("2026-03-12 00:29", "standard", 28), ("2026-03-12 00:30", "off-peak", 8.5), ("2026-03-12 05:29", "off-peak", 8.5),
        ("2026-03-12 05:30", "standard", 28), ("2026-07-18 12:00", "standard", 28),
    ],
)  # fmt: skip
def test_octopus_go(instant, level, pence):
    assert at("octopus-go", "Europe/London", instant) == (level, pence)


@pytest.mark.parametrize(
    ("instant", "level", "pence"),
    [
        ("2026-03-12 23:29", "standard", 28), ("2026-03-12 23:30", "off-peak", 7), ("2026-03-13 00:00", "off-peak", 7),
        ("2026-03-13 05:29", "off-peak", 7), ("2026-03-13 05:30", "standard", 28), ("2026-07-18 12:00", "standard", 28),
    ],
)  # fmt: skip
def test_intelligent_octopus_go(instant, level, pence):
    assert at("intelligent-octopus-go", "Europe/London", instant) == (level, pence)


@pytest.mark.parametrize(
    ("instant", "level", "cents"),
    [
        # A blue day, and the red, white and red days after it: each from 06:00 to 06:00.
        ("2026-02-11 05:59", "blue-hc", 13.25), ("2026-02-11 06:00", "blue-hp", 16.12), ("2026-02-11 21:59", "blue-hp", 16.12),
        ("2026-02-11 22:00", "blue-hc", 13.25), ("2026-02-12 00:00", "blue-hc", 13.25), ("2026-02-12 05:59", "blue-hc", 13.25),
        ("2026-02-12 06:00", "red-hp", 70.60), ("2026-02-12 21:59", "red-hp", 70.60), ("2026-02-12 22:00", "red-hc", 15.75),
        ("2026-02-13 05:59", "red-hc", 15.75), ("2026-02-13 06:00", "white-hp", 18.71), ("2026-02-13 22:00", "white-hc", 14.99),
        ("2026-02-14 05:59", "white-hc", 14.99), ("2026-02-14 06:00", "red-hp", 70.60), ("2026-02-15 05:59", "red-hc", 15.75),
        ("2026-02-15 06:00", "blue-hp", 16.12), ("2026-07-18 12:00", "blue-hp", 16.12), ("2026-07-18 23:00", "blue-hc", 13.25),
        # The nights in which clocks change belong to the days before them.
        ("2026-03-29 01:59", "red-hc", 15.75), ("2026-03-29 03:00", "red-hc", 15.75), ("2026-03-29 06:00", "blue-hp", 16.12),
        ("2026-10-25 02:30", "white-hc", 14.99), ("2026-10-25 06:00", "blue-hp", 16.12),
    ],
)  # fmt: skip
def test_edf_tempo(instant, level, cents):
    assert at("edf-tempo", "Europe/Paris", instant) == (level, cents)


def off_peak_hours(name: str, place: str, start: str, levels: tuple[str, ...]) -> float:
    """How long cheap charging lasts in the 24 h after a local time."""
    moment = datetime.fromisoformat(start).replace(tzinfo=zone(place))
    held = hold_windows(laid_out(name, moment), levels, DAY_MS)
    return 24 - sum(min(closes, DAY_MS) - max(opens, 0) for opens, closes in held if closes > 0 and opens < DAY_MS) / HOUR_MS


@pytest.mark.parametrize(
    ("name", "place", "start", "hours"),
    [
        ("octopus-go", "Europe/London", "2026-03-28 12:00", 4),  # 01:00 becomes 02:00
        ("octopus-go", "Europe/London", "2026-03-12 12:00", 5),
        ("octopus-go", "Europe/London", "2026-10-24 12:00", 6),  # 02:00 becomes 01:00
        ("intelligent-octopus-go", "Europe/London", "2026-03-28 12:00", 5),
        ("intelligent-octopus-go", "Europe/London", "2026-03-12 12:00", 6),
        ("intelligent-octopus-go", "Europe/London", "2026-10-24 12:00", 7),
        ("edf-tempo", "Europe/Paris", "2026-03-28 12:00", 7),  # 02:00 becomes 03:00
        ("edf-tempo", "Europe/Paris", "2026-03-12 12:00", 8),
        ("edf-tempo", "Europe/Paris", "2026-10-24 12:00", 9),  # 03:00 becomes 02:00
    ],
)
def test_a_night_is_as_long_as_its_clocks_make_it(name, place, start, hours):
    moment = datetime.fromisoformat(start).replace(tzinfo=zone(place))
    levels = tuple(level for level in laid_out(name, moment).levels if level.endswith(("off-peak", "-hc")))
    assert off_peak_hours(name, place, start, levels) == hours


@pytest.mark.parametrize(
    ("name", "start", "closes", "hours"),
    [
        ("pge-ev2-a", "2026-03-07 15:00", "2026-03-08 15:00", 14),  # off-peak from midnight, an hour of it left out
        ("pge-ev2-a", "2026-03-12 15:00", "2026-03-13 15:00", 15),
        ("pge-ev2-a", "2026-10-31 15:00", "2026-11-01 15:00", 16),  # and an hour of it twice
        ("sce-tou-d-prime", "2026-03-07 16:00", "2026-03-08 16:00", 18),  # off-peak from 21:00
        ("sce-tou-d-prime", "2026-03-12 16:00", "2026-03-13 16:00", 19),
        ("sce-tou-d-prime", "2026-10-31 16:00", "2026-11-01 16:00", 20),
    ],
)
def test_a_californian_night_is_as_long_as_its_clocks_make_it(name, start, closes, hours):
    tz = zone("America/Los_Angeles")
    opens_at, closes_at = (datetime.fromisoformat(text).replace(tzinfo=tz) for text in (start, closes))
    windows = hold_windows(laid_out(name, opens_at, days=2), ("off-peak", "super-off-peak"), 2 * DAY_MS)
    next_opening = next(opens for opens, _ in windows if opens > 0)
    first_close = next(end for _, end in windows if end > 0)
    assert next_opening == (utc_seconds(closes_at) - utc_seconds(opens_at)) * 1000
    assert (next_opening - first_close) / HOUR_MS == hours


@pytest.mark.parametrize("fold", [0, 1])
def test_both_occurrences_of_a_repeated_hour_cost_the_same(fold):
    assert at("octopus-go", "Europe/London", "2026-10-25 01:30", fold=fold) == ("off-peak", 8.5)
    assert at("sdge-ev-tou-5", "America/Los_Angeles", "2026-11-01 01:30", fold=fold) == ("super-off-peak", 12.332)
    assert at("sce-tou-d-prime", "America/Los_Angeles", "2026-11-01 01:30", fold=fold) == ("off-peak", 24.633)
    assert at("intelligent-octopus-go", "Europe/London", "2026-10-25 01:30", fold=fold) == ("off-peak", 7)
    assert at("edf-tempo", "Europe/Paris", "2026-10-25 02:30", fold=fold) == ("white-hc", 14.99)
