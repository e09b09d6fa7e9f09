"""Quantities: read strictly, shown plainly, and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import units
from harness.units import UnitError, WallTime


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("250 ms", 250),
        ("45 s", 45_000),
        ("1.5 s", 1_500),
        ("90 min", 5_400_000),
        ("2 h", 7_200_000),
        ("1 h 30 min", 5_400_000),
        ("1 h 2 min 3 s", 3_723_000),
        ("30 days", 30 * 86_400_000),
        ("1 day", 86_400_000),
        ("2 d 12 h", 216_000_000),
        ("30s", 30_000),
        ("0 s", 0),
    ],
)
def test_durations(text, ms):
    assert units.parse_duration_ms(text) == ms


@pytest.mark.parametrize(
    "text",
    ["", "90", "1:30", "1h30", "1 h 30", "30 min 1 h", "1 h 1 h", "-5 min", "+5 min", "1.2.3 s", "0.5 ms", "05 s", "1e3 s", "٣ s", " 5 s"],
)
def test_what_is_no_duration(text):
    with pytest.raises(UnitError) as caught:
        units.parse_duration_ms(text)
    assert caught.value.found == text
    assert "a duration" in caught.value.expected


def test_a_signed_duration():
    assert units.parse_duration_ms("-5 min", signed=True) == -300_000
    assert units.parse_duration_ms("5 min", signed=True) == 300_000


def test_the_message_says_what_was_found_and_expected():
    with pytest.raises(UnitError, match=r"found `1:30`, expected a duration such as `90 min`"):
        units.parse_duration_ms("1:30")


@pytest.mark.parametrize(
    ("parse", "text", "suggestion"),
    [
        (units.parse_duration_ms, "24 hours", "24 h"),
        (units.parse_duration_ms, "5 Min", "5 min"),
        (units.parse_energy_wh, "18 kwh", "18 kWh"),
        (units.parse_current_ma, "16 amps", "16 A"),
        (units.parse_wall_time, "8:10", "08:10"),
        (units.parse_wall_time, "day 2 8:10", "day 2 08:10"),
    ],
)
def test_the_nearest_right_text_is_offered(parse, text, suggestion):
    with pytest.raises(UnitError) as caught:
        parse(text)
    assert caught.value.suggestion == suggestion
    parse(suggestion)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (units.parse_current_ma, "16 A", 16_000),
        (units.parse_current_ma, "500 mA", 500),
        (units.parse_current_ma, "9.523 A", 9_523),
        (units.parse_energy_wh, "18 kWh", 18_000),
        (units.parse_energy_wh, "400 Wh", 400),
        (units.parse_power_w, "6.6 kW", 6_600),
        (units.parse_voltage_v, "240 V", 240),
        (units.parse_permille, "97.5 %", 975),
        (units.parse_permille, "80%", 800),
    ],
)
def test_quantities(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (units.parse_current_ma, "16"),
        (units.parse_current_ma, "16 kWh"),
        (units.parse_current_ma, "0.0001 A"),
        (units.parse_energy_wh, "18 kW"),
        (units.parse_power_w, "-1 W"),
        (units.parse_voltage_v, "0.5 V"),
        (units.parse_permille, "101 %"),
        (units.parse_permille, "0.8"),
        (units.parse_clock_s, "24:00"),
        (units.parse_clock_s, "7:30"),
        (units.parse_wall_time, "day 0 07:30"),
        (units.parse_wall_time, "2026-02-30 07:30"),
        (units.parse_wall_time, "1 07:30"),
        (units.parse_date, "12.03.2026"),
        (units.parse_date, "0001-01-01"),
        (units.parse_month_day, "06-31"),
        (units.parse_decimal, "1,5"),
    ],
)
def test_what_is_refused(parse, text):
    with pytest.raises(UnitError):
        parse(text)


def test_prices_are_exact_millionths():
    assert units.parse_microprice("41.099 c", "USD") == 410_990
    assert units.parse_microprice("8.5 p", "GBP") == 85_000
    assert units.parse_microprice("0.1325 EUR", "EUR") == 132_500
    assert units.parse_microprice("-2 c", "EUR") == -20_000
    for wrong in ("41.099", "41 USD", "0.00001 c"):
        with pytest.raises(UnitError):
            units.parse_microprice(wrong, "EUR")


def test_wall_times():
    assert units.parse_wall_time("18:10") == WallTime(18 * 3600 + 600)
    assert units.parse_wall_time("day 3 19:30").day == 3
    assert units.parse_wall_time("2026-03-12 19:30").on == units.parse_date("2026-03-12")
    assert units.parse_wall_time("02:30 -07:00").offset_s == -7 * 3600


@pytest.mark.parametrize("text", ["18:10", "18:10:05", "day 3 19:30", "2026-03-12 02:30 -07:00", "02:30 +10:30"])
def test_a_wall_time_is_shown_as_it_is_written(text):
    assert str(units.parse_wall_time(text)) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 s"), (250, "250 ms"), (1_250, "1.25 s"), (3_723_000, "1 h 2 min 3 s"), (-300_000, "-5 min"), (90_000_000, "1 d 1 h")],
)
def test_durations_for_people(ms, text):
    assert units.format_duration_ms(ms) == text


def test_other_quantities_for_people():
    assert units.format_current(16_000) == "16 A"
    assert units.format_current(9_523) == "9.523 A"
    assert units.format_energy(18_400) == "18.4 kWh"
    assert units.format_energy(400) == "400 Wh"
    assert units.format_power(6_600) == "6.6 kW"
    assert units.format_voltage(240) == "240 V"
    assert units.format_permille(975) == "97.5 %"


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_a_shown_duration_is_read_back(ms):
    assert units.parse_duration_ms(units.format_duration_ms(ms), signed=True) == ms


@given(st.integers(min_value=0, max_value=10**9))
def test_other_shown_quantities_are_read_back(value):
    assert units.parse_current_ma(units.format_current(value)) == value
    assert units.parse_energy_wh(units.format_energy(value)) == value
    assert units.parse_power_w(units.format_power(value)) == value


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "messages", "messages"), (1, "messages", "message"), (2, "messages", "messages"), (-1, "drivers", "driver"),
        (1.0, "drivers", "driver"), (1.5, "drivers", "drivers"), (None, "messages", "messages"),
        (1, "s", "s"), (1, "per s", "per s"), (1, "kWh", "kWh"), (1, "GBP", "GBP"), (1, "%", "%"),
    ],
)  # fmt: skip
def test_a_unit_behind_its_figure(value, unit, text):
    assert units.unit_for(value, unit) == text


def test_what_is_counted_has_its_number():
    assert [units.counted(count, "chargers") for count in (0, 1, 2)] == ["0 chargers", "1 charger", "2 chargers"]
    assert [units.times(count) for count in (1, 2, 3)] == ["once", "twice", "3 times"]
