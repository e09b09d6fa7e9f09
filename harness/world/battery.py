"""A car's battery while it charges: exact energy between changes, without time steps.

Energy is counted in microjoules (milliwatts × milliseconds) as integers. Up to the taper's beginning the power is constant; from there
it falls in proportion to what is missing to a full battery, so that what is missing decays exponentially. As acnportal models
it (FACTS: vehicles): constant to a state of charge of 0.8, then linear to zero at full. A taper to zero never ends: full is
a given state of charge, or the current falling under the car's minimum.

``exp`` and ``ln`` are made of IEEE additions, multiplications and divisions alone, because the C library's differ in the last bit from
machine to machine, and a journal must not.
"""

from __future__ import annotations

from bisect import bisect_left
from math import frexp, ldexp

from harness.values import Supply, VehicleModel

UJ_PER_WH = 3_600_000_000

_LN2 = 0.6931471805599453


def exp_negative(x: float) -> float:
    """e to the power −x, for x ≥ 0, by argument reduction and a Taylor series."""
    halvings = int(x / _LN2)
    rest = x - halvings * _LN2
    term = total = 1.0
    for n in range(1, 20):
        term *= -rest / n
        total += term
    return ldexp(total, -halvings)


def ln(x: float) -> float:
    """The natural logarithm of x > 0, by the series of the inverse hyperbolic tangent."""
    mantissa, exponent = frexp(x)
    y = (mantissa - 1.0) / (mantissa + 1.0)
    square = y * y
    power, total = y, 0.0
    for n in range(1, 60, 2):
        total += power / n
        power *= square
    return 2.0 * total + exponent * _LN2


class CarType:
    """What a car of one model is on one supply, with one number of phases: constants shared by all its batteries."""

    __slots__ = ("capacity_uj", "full_uj", "maximum_ma", "maximum_mw", "minimum_ma", "name", "phases", "taper_uj", "volt_phases")

    def __init__(self, vehicle: VehicleModel, supply: Supply, charger_phases: int) -> None:
        self.name = vehicle.name
        self.phases = min(vehicle.phases, supply.phases, charger_phases)
        self.volt_phases = supply.voltage_v * self.phases
        self.maximum_ma = vehicle.ac_w * 1000 // (vehicle.phases * supply.voltage_v)
        self.maximum_mw = self.maximum_ma * self.volt_phases
        self.minimum_ma = vehicle.minimum_ma
        self.capacity_uj = vehicle.usable_wh * UJ_PER_WH
        self.taper_uj = self.capacity_uj * (1000 - vehicle.taper_from_permille) // 1000
        at_minimum_uj = self.taper_uj * vehicle.minimum_ma // self.maximum_ma
        self.full_uj = max(self.capacity_uj * (1000 - vehicle.full_at_permille) // 1000, at_minimum_uj)
        """What is missing to the brim when the car counts as full."""


class Battery:
    """One car's battery during a stay."""

    __slots__ = ("_power_mw", "_taper_rate", "kind", "missing_uj", "priced_uj", "stay_uj")

    def __init__(self, kind: CarType, needs_wh: int) -> None:
        self.kind = kind
        self.missing_uj = min(kind.full_uj + needs_wh * UJ_PER_WH, kind.capacity_uj)
        self.stay_uj = 0
        """What it has taken in this stay."""
        self.priced_uj: dict[tuple[str, int], int] = {}
        """The same by what it cost: (level, price)."""
        self._power_mw = 0
        self._taper_rate = 0.0

    @property
    def full(self) -> bool:
        """The car takes no more."""
        return self.missing_uj <= self.kind.full_uj

    @property
    def needs_wh(self) -> int:
        """What the car can still take, rounded down."""
        return max(0, self.missing_uj - self.kind.full_uj) // UJ_PER_WH

    def charge(self, limit_ma: int) -> tuple[int, bool, int]:
        """Begin to charge with at most this current.

        Returns the current per phase in mA at the beginning, whether it tapers, and for how many ms it goes on so.
        """
        kind = self.kind
        power_mw = min(limit_ma, kind.maximum_ma) * kind.volt_phases
        bend_uj = max(kind.taper_uj * power_mw // kind.maximum_mw, kind.full_uj)
        if self.missing_uj > bend_uj:
            self._power_mw, self._taper_rate = power_mw, 0.0
            return power_mw // kind.volt_phases, False, -((bend_uj - self.missing_uj) // power_mw)
        self._taper_rate = kind.maximum_mw / kind.taper_uj
        lasts_ms = int(ln(self.missing_uj / kind.full_uj) / self._taper_rate) + 1
        return min(limit_ma, kind.maximum_ma * self.missing_uj // kind.taper_uj), True, lasts_ms

    def takes_ms(self, energy_uj: int, most_ms: int) -> int:
        """After how many ms since :meth:`charge` so much energy is taken; at most ``most_ms``."""
        return bisect_left(range(most_ms), energy_uj, key=self.taken_uj)

    def taken_uj(self, elapsed_ms: int) -> int:
        """The energy taken in so many ms since :meth:`charge`, not more than up to full."""
        room_uj = self.missing_uj - self.kind.full_uj
        if self._taper_rate:
            taken = round(self.missing_uj * (1.0 - exp_negative(self._taper_rate * elapsed_ms)))
        else:
            taken = self._power_mw * elapsed_ms
        return min(taken, room_uj)
