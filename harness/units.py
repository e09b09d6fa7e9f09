"""Quantities as people write them, read strictly and shown plainly.

Reading takes the text of a quantity with its unit (``1 h 30 min``, ``16 A``, ``18.5 kWh``, ``80 %``) and gives an integer in the unit
that values use (ms, mA, Wh, W, V, permille). What is not exactly a quantity is refused with :class:`UnitError`, which says
what would have been right: ``1:30`` is no duration, ``1h30`` neither, and ``16`` is no current. Arithmetic is decimal, never binary
floating point, and a value finer than the integer unit is refused instead of being rounded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

_DURATION_MS = {
    "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000,
    "d": 86_400_000, "day": 86_400_000, "days": 86_400_000,
}  # fmt: skip
_CURRENT_MA = {"A": 1_000, "mA": 1}
_ENERGY_WH = {"kWh": 1_000, "Wh": 1, "MWh": 1_000_000}
_POWER_W = {"kW": 1_000, "W": 1, "MW": 1_000_000}
_VOLTAGE_V = {"V": 1, "kV": 1_000}
_PERMILLE = {"%": 10}

_NUMBER = r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*([A-Za-z%]+)")
_DURATION = re.compile(rf"(?:([+-])\s*)?({_NUMBER}\s*[A-Za-z]+(?:\s+{_NUMBER}\s*[A-Za-z]+)*)")
_PRICE = re.compile(rf"(-?)({_NUMBER})\s*([A-Za-z]+)")
_CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?"
_WALL_TIME = re.compile(rf"(?:(?:day\s+([1-9][0-9]{{0,3}})|([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}))[ T]\s*)?{_CLOCK}(?:\s*([+-])({_CLOCK}))?")
_CLOCK_ONLY = re.compile(_CLOCK)

DURATION = "a duration such as `90 min`, `45 s` or `1 h 30 min`"
SIGNED_DURATION = "a duration such as `90 min` or `-5 min`"
CURRENT = "a current such as `16 A`"
ENERGY = "an energy such as `18 kWh`"
POWER = "a power such as `6.6 kW`"
VOLTAGE = "a voltage such as `240 V`"
PERCENT = "a percentage such as `80 %`"
RATE = "a number per second such as `20` or `0.5`"
CLOCK = "a clock time such as `18:30`"
WALL_TIME = "a clock time such as `18:30`, `day 3 19:30` or `2026-03-12 19:30`"
DATE = "a date such as `2026-03-12`"


class UnitError(ValueError):
    """A text is not the quantity that was expected.

    ``found`` is the text, ``expected`` says what would be right, ``suggestion`` is the nearest right text where there is one.
    """

    def __init__(self, found: str, expected: str, suggestion: str = "") -> None:
        super().__init__(f"found `{found}`, expected {expected}")
        self.found = found
        self.expected = expected
        self.suggestion = suggestion


class WallTime(Struct, frozen=True):
    """A local time as written: of the first such day (neither ``day`` nor ``on``), of the n-th day, or of a date."""

    seconds: int
    """Seconds of the day."""
    day: int | None = None
    """Counted from 1, the calendar day of the scenario's start."""
    on: date | None = None
    offset_s: int | None = None
    """The offset from UTC that was written, which tells the two occurrences of one clock reading apart."""

    def __str__(self) -> str:
        """As it would be written in a file."""
        clock = format_clock_s(self.seconds)
        before = f"day {self.day} " if self.day is not None else f"{self.on.isoformat()} " if self.on is not None else ""
        return before + clock + ("" if self.offset_s is None else " " + format_offset_s(self.offset_s))


def parse_duration_ms(text: str, *, signed: bool = False) -> int:
    """Read ``250 ms``, ``45 s``, ``90 min``, ``2 h``, ``30 days`` or a sum with falling units such as ``1 h 30 min``, in milliseconds.

    With ``signed`` a leading ``-`` or ``+`` is allowed. Raises :class:`UnitError`.
    """
    expected = SIGNED_DURATION if signed else DURATION
    match = _DURATION.fullmatch(text)
    if match is None or (match[1] and not signed):
        raise UnitError(text, expected)
    total, smallest = Fraction(0), None
    for number, unit in _QUANTITY.findall(match[2]):
        scale = _DURATION_MS.get(unit)
        if scale is None:
            raise UnitError(text, expected, _respelled(text, unit, _DURATION_MS))
        if smallest is not None and scale >= smallest:
            raise UnitError(text, f"{expected}, its units falling")
        smallest = scale
        total += Fraction(Decimal(number)) * scale
    if total.denominator != 1:
        raise UnitError(text, "a duration of whole milliseconds")
    return -int(total) if match[1] == "-" else int(total)


def parse_current_ma(text: str) -> int:
    """Read ``16 A`` or ``500 mA``, in milliamperes. Raises :class:`UnitError`."""
    return _parse(text, _CURRENT_MA, CURRENT)


def parse_energy_wh(text: str) -> int:
    """Read ``18 kWh`` or ``400 Wh``, in watt-hours. Raises :class:`UnitError`."""
    return _parse(text, _ENERGY_WH, ENERGY)


def parse_power_w(text: str) -> int:
    """Read ``6.6 kW`` or ``150 W``, in watts. Raises :class:`UnitError`."""
    return _parse(text, _POWER_W, POWER)


def parse_voltage_v(text: str) -> int:
    """Read ``240 V``, in volts. Raises :class:`UnitError`."""
    return _parse(text, _VOLTAGE_V, VOLTAGE)


def parse_permille(text: str) -> int:
    """Read ``80 %`` or ``97.5 %``, in permille, from 0 to 1000. Raises :class:`UnitError`."""
    value = _parse(text, _PERMILLE, PERCENT)
    if value > 1000:
        raise UnitError(text, "a percentage from `0 %` to `100 %`")
    return value


def parse_microprice(text: str, currency: str) -> int:
    """Read a price per kWh, ``41.099 c``, ``8.5 p`` or ``0.13 EUR``, in millionths of ``currency``. Raises :class:`UnitError`.

    ``c`` and ``p`` are hundredths of the currency; a price may be negative.
    """
    expected = f"a price per kWh such as `41.099 c`, `8.5 p` or `0.13 {currency}`"
    match = _PRICE.fullmatch(text)
    scale = {"c": 10_000, "p": 10_000, currency: 1_000_000}.get(match[3]) if match else None
    if match is None or scale is None:
        raise UnitError(text, expected)
    value = Fraction(Decimal(match[2])) * scale
    if value.denominator != 1:
        raise UnitError(text, f"a price of whole millionths of {currency}")
    return -int(value) if match[1] else int(value)


def parse_decimal(text: str) -> Decimal:
    """Read a plain number such as ``3`` or ``0.5``. Raises :class:`UnitError`."""
    if not re.fullmatch(_NUMBER, text):
        raise UnitError(text, "a number such as `3` or `0.5`")
    return Decimal(text)


def parse_rate_per_ks(text: str) -> int:
    """Read a number per second, ``20`` or ``0.5``, as so many per thousand seconds, one at least. Raises :class:`UnitError`."""
    value = parse_decimal(text) * 1000 if re.fullmatch(_NUMBER, text) else Decimal(0)
    if value < 1 or value != int(value):
        raise UnitError(text, f"{RATE}, of at least `0.001` and no finer")
    return int(value)


def parse_clock_s(text: str, *, midnight: bool = False) -> int:
    """Read ``18:30`` or ``18:30:15``, in seconds of the day; with ``midnight`` also ``24:00``. Raises :class:`UnitError`."""
    if midnight and text == "24:00":
        return 86_400
    match = _CLOCK_ONLY.fullmatch(text)
    if match is None:
        padded = f"0{text}"
        raise UnitError(text, CLOCK, padded if _CLOCK_ONLY.fullmatch(padded) else "")
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0)


def parse_wall_time(text: str) -> WallTime:
    """Read ``18:30``, ``day 3 19:30`` or ``2026-03-12 19:30``, each with or without an offset as in ``02:30 -07:00``.

    Raises :class:`UnitError`.
    """
    match = _WALL_TIME.fullmatch(text)
    if match is None:
        padded = re.sub(r"(^|\s)([0-9]:)", r"\g<1>0\2", text)
        raise UnitError(text, WALL_TIME, padded if _WALL_TIME.fullmatch(padded) else "")
    day, on, hours, minutes, seconds, sign, _, off_hours, off_minutes, off_seconds = match.groups()
    offset = None
    if sign:
        offset = (int(off_hours) * 3600 + int(off_minutes) * 60 + int(off_seconds or 0)) * (-1 if sign == "-" else 1)
    return WallTime(
        int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0),
        day=int(day) if day else None,
        on=parse_date(on) if on else None,
        offset_s=offset,
    )


def parse_date(text: str) -> date:
    """Read ``2026-03-12``, from 1970 to 2199. Raises :class:`UnitError`, also for a day that the calendar does not have."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise UnitError(text, DATE)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UnitError(text, "a date that exists") from None
    if not 1970 <= day.year <= 2199:
        raise UnitError(text, "a date from 1970 to 2199")
    return day


def parse_month_day(text: str) -> tuple[int, int]:
    """Read ``06-01`` as (month, day); ``02-29`` is allowed. Raises :class:`UnitError`."""
    match = re.fullmatch(r"([0-9]{2})-([0-9]{2})", text)
    if match:
        try:
            date(2024, int(match[1]), int(match[2]))
        except ValueError:
            raise UnitError(text, "a day of the year that exists") from None
        return int(match[1]), int(match[2])
    raise UnitError(text, "a month and day such as `06-01`")


def format_duration_ms(value_ms: int) -> str:
    """Show a duration: 3723000 → ``1 h 2 min 3 s``, 1250 → ``1.25 s``, 250 → ``250 ms``. :func:`parse_duration_ms` reads it back."""
    if value_ms < 0:
        return "-" + format_duration_ms(-value_ms)
    if value_ms < 1_000:
        return f"{value_ms} ms" if value_ms else "0 s"
    parts = []
    for unit in ("d", "h", "min"):
        count, value_ms = divmod(value_ms, _DURATION_MS[unit])
        if count:
            parts.append(f"{count} {unit}")
    if value_ms:
        parts.append(f"{_decimal(value_ms, 1_000)} s")
    return " ".join(parts)


def format_current(value_ma: int) -> str:
    """Show a current in amperes: 16000 → ``16 A``."""
    return f"{_decimal(value_ma, 1_000)} A"


def format_energy(value_wh: int) -> str:
    """Show an energy: 18400 → ``18.4 kWh``, 400 → ``400 Wh``."""
    return f"{_decimal(value_wh, 1_000)} kWh" if abs(value_wh) >= 1_000 else f"{value_wh} Wh"


def format_power(value_w: int) -> str:
    """Show a power: 6600 → ``6.6 kW``, 150 → ``150 W``."""
    return f"{_decimal(value_w, 1_000)} kW" if abs(value_w) >= 1_000 else f"{value_w} W"


def format_voltage(value_v: int) -> str:
    """Show a voltage: ``240 V``."""
    return f"{value_v} V"


def format_permille(value: int) -> str:
    """Show permille as a percentage: 975 → ``97.5 %``."""
    return f"{_decimal(value, 10)} %"


def format_rate_per_ks(value: int) -> str:
    """Show a number per thousand seconds as one per second: 500 → ``0.5``."""
    return _decimal(value, 1000)


def format_clock_s(seconds: int) -> str:
    """Show seconds of the day as a clock time, with its seconds where there are any."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours:02d}:{minutes:02d}" + (f":{rest:02d}" if rest else "")


def format_offset_s(offset_s: int) -> str:
    """Show an offset from UTC: -25200 → ``-07:00``."""
    return ("-" if offset_s < 0 else "+") + format_clock_s(abs(offset_s))


def whole_seconds_ms(value_ms: int) -> int:
    """In whole seconds, rounded up: an interval as OCPP tells it."""
    return -(-value_ms // 1000) * 1000


def unit_for(value: float | None, unit: str) -> str:
    """A unit, or what is counted, as it stands behind a figure: ``message`` behind 1, ``messages`` behind 2.

    Only a single word that is a plural changes: ``s``, ``kWh`` and ``per s`` stay as they are.
    """
    return unit.removesuffix("s") if value in (1, -1) and unit.isalpha() and len(unit) > 3 else unit


def counted(count: int, things: str) -> str:
    """So many of something: ``1 charger``, ``2 chargers``."""
    return f"{count} {unit_for(count, things)}"


def joined(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else ""


def times(count: int) -> str:
    """``once``, ``twice``, ``14 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _parse(text: str, scales: dict[str, int], expected: str) -> int:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UnitError(text, expected)
    number, unit = match.groups()
    if unit not in scales:
        raise UnitError(text, expected, _respelled(text, unit, scales))
    value = Fraction(Decimal(number)) * scales[unit]
    if value.denominator != 1:
        raise UnitError(text, f"{expected}, no finer than `{_finest(scales)}`")
    return int(value)


def _respelled(text: str, unit: str, scales: dict[str, int]) -> str:
    """The text with its unit in the right case, or without a plural or spelled out unit; empty where that helps nothing."""
    aliases = {"sec": "s", "secs": "s", "second": "s", "seconds": "s", "mins": "min", "minute": "min", "minutes": "min",
               "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "m": "min", "amp": "A", "amps": "A"}  # fmt: skip
    lower = {name.lower(): name for name in scales}
    right = lower.get(unit.lower()) or aliases.get(unit.lower(), "")
    return text.replace(unit, right) if right in scales else ""


def _finest(scales: dict[str, int]) -> str:
    unit, scale = min(scales.items(), key=lambda item: item[1])
    return f"1 {unit}" if scale == 1 else f"{_decimal(1, scale)} {unit}"


def _decimal(value: int, scale: int) -> str:
    """``value`` ÷ ``scale`` (a power of ten) in plain decimal notation without trailing zeros."""
    sign, (whole, rest) = "-" if value < 0 else "", divmod(abs(value), scale)
    digits = len(str(scale)) - 1
    return sign + str(whole) + (f".{rest:0{digits}d}".rstrip("0") if rest else "")
