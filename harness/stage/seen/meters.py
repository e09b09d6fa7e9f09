"""What the sampled values of OCPP 1.6 and 2.0.1 say: the energy register, and the current."""

from __future__ import annotations

from typing import Any, NamedTuple

REGISTER = "Energy.Active.Import.Register"
CURRENT = "Current.Import"
LARGEST = 1e12
"""No register, current, duration or sequence number is larger: what is makes no sense."""


class Reading(NamedTuple):
    """A reading; ``stamp`` is its time as the charger wrote it. None: it does not say."""

    stamp: Any
    wh: int | None
    ma: int | None


def readings(meter_values: Any) -> list[Reading]:
    """The readings of a ``meterValue``, in its order. What cannot be understood is left out."""
    found = []
    for value in meter_values if isinstance(meter_values, list) else ():
        samples = value.get("sampledValue") if isinstance(value, dict) else None
        sampled = [sample for sample in samples if isinstance(sample, dict)] if isinstance(samples, list) else []
        whole = [_number(sample) for sample in sampled if sample.get("measurand", REGISTER) == REGISTER and "phase" not in sample]
        # Of several phases the one that carries most: what a limit is about.
        current = [number for sample in sampled if sample.get("measurand") == CURRENT if (number := _number(sample)) is not None]
        wh = next((round(number) for number in whole if number is not None), None)
        found.append(Reading(value.get("timestamp") if isinstance(value, dict) else None, wh, _milli(current)))
    return found


def _milli(current: list[float]) -> int | None:
    return round(max(current) * 1000) if current else None


def _number(sample: dict[str, Any]) -> float | None:
    """The value in Wh or A; None: it is none."""
    unit = sample.get("unitOfMeasure") or {}
    name = sample.get("unit") or (unit.get("unit") if isinstance(unit, dict) else None) or ""
    power = unit.get("multiplier", 0) if isinstance(unit, dict) else 0
    try:
        number = float(sample["value"]) * 10.0 ** int(power) * (1000 if name == "kWh" else 1)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < LARGEST else None
