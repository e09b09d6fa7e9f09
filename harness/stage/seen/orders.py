"""What a server's commands mean to a charger that is not ours: the commands of the world, read off OCPP 1.6 and 2.0.1."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

from harness.journal.records import Command
from harness.stage.seen.meters import LARGEST

FOREVER_MS = 10 * 366 * 86_400_000
"""How far a schedule without an end is laid out: longer than any run."""
_PERIODS_MS = {"Daily": 86_400_000, "Weekly": 7 * 86_400_000}
_TX, _TX_DEFAULT = "TxProfile", "TxDefaultProfile"
_MAXIMA = ("ChargePointMaxProfile", "ChargingStationMaxProfile")
AMPERAGE_KEY = "ChargeAmperage"

Payload = dict[str, Any]


class Order(NamedTuple):
    """A command, and the transaction that it names; where it names none, the one under way is meant."""

    record: Command
    transaction: Any = None


class Orders:
    """Reads commands, and remembers what each profile was for, as it may be cleared by its number."""

    def __init__(self, since: Callable[[Any], int | None], end_ms: int) -> None:
        self._since = since
        self._end_ms = end_ms
        self._purposes: dict[Any, str] = {}

    def read(self, who: str, action: str, payload: Payload, sent: int, now: int) -> list[Order]:
        """What a command that was ``sent`` and accepted ``now`` means; nothing for most of them."""
        try:
            if action == "SetChargingProfile":
                return self._set(who, payload, sent, now)
            if action == "ClearChargingProfile":
                return self._cleared(who, payload, sent, now)
            if action == "ChangeConfiguration" and payload["key"] == AMPERAGE_KEY:
                return [Order(Command(t=now, who=who, command="amperage", sent=sent, ma=_ms(payload["value"])))]
            if action == "ChangeAvailability":
                on = payload.get("type", payload.get("operationalStatus")) == "Operative"
                return [Order(Command(t=now, who=who, command="availability", sent=sent, on=on))]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
            pass  # what is not as OCPP has it means nothing to us, whatever it did to the charger
        return []

    def _set(self, who: str, payload: Payload, sent: int, now: int) -> list[Order]:
        profile = payload.get("csChargingProfiles") or payload["chargingProfile"]
        schedule = profile["chargingSchedule"]
        schedule = schedule[0] if isinstance(schedule, list) else schedule
        periods = [(_ms(period["startPeriod"]), _sane(period["limit"])) for period in schedule["chargingSchedulePeriod"]]
        purpose = profile["chargingProfilePurpose"]
        self._purposes[profile.get("chargingProfileId", profile.get("id"))] = purpose
        lasts_ms = _ms(schedule["duration"]) if "duration" in schedule else None
        transaction = profile.get("transactionId")
        if purpose == _TX_DEFAULT:
            windows = self._windows(profile["chargingProfileKind"], profile.get("recurrencyKind", ""), schedule, periods, lasts_ms, now)
            if windows is None:
                return []
            return [Order(Command(t=now, who=who, command="schedule", sent=sent, windows=windows))]
        begins = self._since(schedule.get("startSchedule"))
        if profile["chargingProfileKind"] == "Recurring" or (begins is not None and begins > now):
            return []  # it orders something for later, which no command of the world does
        if begins is not None:
            periods = [(at - (now - begins), limit) for at, limit in periods]
            lasts_ms = lasts_ms - (now - begins) if lasts_ms is not None else None
            periods = periods[max((place for place, (at, _) in enumerate(periods) if at <= 0), default=0) :]
        first = periods[0][1]
        if first == 0 and purpose in (_TX, *_MAXIMA):
            until_ms = min((at for at, limit in periods if limit), default=lasts_ms)
            kind = "pause" if until_ms is None else "hold"
            return [Order(Command(t=now, who=who, command=kind, sent=sent, duration_ms=until_ms or 0), transaction)]  # type: ignore[arg-type]
        if purpose in _MAXIMA:
            if schedule.get("chargingRateUnit") != "A":
                return []  # on how many phases the power is drawn nobody says
            return [Order(Command(t=now, who=who, command="share", sent=sent, ma=round(first * 1000)))]
        return [Order(Command(t=now, who=who, command="release", sent=sent), transaction)]

    def _windows(
        self, kind: str, recurs: str, schedule: Payload, periods: list[tuple[int, float]], lasts_ms: int | None, now: int
    ) -> list[tuple[int, int]] | None:  # fmt: skip
        """The stretches in which a profile lets nothing flow; None: they cannot be told, as they begin with each transaction."""
        begins = self._since(schedule.get("startSchedule"))
        if kind == "Relative" and any(not limit for _, limit in periods):
            return None
        every_ms = _PERIODS_MS.get(recurs, 0) if kind == "Recurring" else 0
        whole_ms = lasts_ms if lasts_ms is not None else every_ms or FOREVER_MS
        begins = now if begins is None else begins
        if every_ms:
            begins -= -(-max(0, begins - now) // every_ms) * every_ms
            begins += max(0, now - begins) // every_ms * every_ms
        windows: list[tuple[int, int]] = []
        edges = [*periods, (whole_ms, -1.0)]
        while begins < self._end_ms or not windows:  # of a profile that recurs, as far as the run goes
            for (opens, limit), (closes, _) in pairwise(edges):
                if limit or closes <= opens:
                    continue
                if windows and windows[-1][1] == begins + opens:
                    windows[-1] = (windows[-1][0], begins + closes)
                else:
                    windows.append((begins + opens, begins + closes))
            if not every_ms or not any(not limit for _, limit in periods):
                break
            begins += every_ms
        return windows

    def _cleared(self, who: str, payload: Payload, sent: int, now: int) -> list[Order]:
        criteria = payload.get("chargingProfileCriteria") or payload
        id_ = payload.get("id", payload.get("chargingProfileId"))
        purpose = self._purposes.get(id_) if id_ is not None else criteria.get("chargingProfilePurpose")
        if purpose is None and id_ is not None:
            return []
        orders = []
        if purpose in (None, _TX, *_MAXIMA):
            orders.append(Order(Command(t=now, who=who, command="release", sent=sent)))
        if purpose in (None, _TX_DEFAULT):
            orders.append(Order(Command(t=now, who=who, command="schedule", sent=sent, on=False)))
        return orders


def _sane(value: Any) -> float:
    """A number that can be what it is said to be. Raises :class:`ValueError`."""
    number = float(value)
    if not abs(number) < LARGEST:
        raise ValueError(value)
    return number


def _ms(value: Any) -> int:
    """Seconds as ms, or amperes as mA."""
    return round(_sane(value) * 1000)
