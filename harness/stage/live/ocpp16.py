"""How the world's messages travel in OCPP 1.6, and back. Pure: no I/O and no clock.

| world | OCPP 1.6 |
|---|---|
| registration | BootNotification |
| keepalive | Heartbeat |
| status | StatusNotification |
| authorise | Authorize |
| transaction-start, transaction-end | StartTransaction, StopTransaction; −1 where no transaction id could be had (errata 3.18) |
| meter-values | MeterValues: the energy register; the readings of an outage in one message, which tells the register at its end |
| hold, pause | SetChargingProfile: a TxProfile of 0 A with a duration (pause: without), once the plug-in's StartTransaction is answered |
| release | ClearChargingProfile of TxProfiles; where a stored schedule holds the car, a TxProfile that outranks it |
| amperage | ChangeConfiguration of ``ChargeAmperage``, in A; 0: none |
| share | SetChargingProfile: a ChargePointMaxProfile |
| schedule | SetChargingProfile: a TxDefaultProfile, 0 A in its hold windows; off: ClearChargingProfile of TxDefaultProfiles |

A charger that keeps profiles would conform; one whose memory forgets them, as a JuiceBox forgets its hold, knowingly does not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from harness.world.charger import Charger
from harness.world.messages import ERROR, Answer, Command, Request

AMPERAGE_KEY = "ChargeAmperage"
NO_TRANSACTION = -1
_HOLD, _SHARE, _SCHEDULE, _OVERRIDE = 1, 2, 3, 4
_TX, _TX_DEFAULT, _MAXIMUM = "TxProfile", "TxDefaultProfile", "ChargePointMaxProfile"

Payload = dict[str, Any]


class Calendar:
    """Times of a run as OCPP writes them."""

    def __init__(self, start: str) -> None:
        self._epoch_ms = int(datetime.fromisoformat(start).timestamp() * 1000)

    def text(self, at: int) -> str:
        """``at`` is in ms since the scenario's start."""
        moment = datetime.fromtimestamp((self._epoch_ms + at) / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def ms(self, text: str) -> int:
        """The ms since the scenario's start."""
        return round(datetime.fromisoformat(text).timestamp() * 1000) - self._epoch_ms


class ChargerEnd:
    """What a charger says and hears."""

    def __init__(self, charger: Charger, calendar: Calendar) -> None:
        self.charger = charger
        self.calendar = calendar
        self._ids: dict[int, int] = {}
        """The charger's number of a transaction → the id that the server gave it."""
        self._plug_ins: dict[int, int] = {}
        """That id → the plug-in."""

    def call(self, request: Request, now: int) -> tuple[str, Payload]:
        """The action and payload of a request that is sent ``now``."""
        charger = self.charger
        action = request.action
        stamp = self.calendar.text(request.stamp)
        if action == "registration":
            model = charger.model
            return "BootNotification", {
                "chargePointVendor": (model.maker or "harness")[:20], "chargePointModel": model.name.partition("@")[0][:20],
                "chargePointSerialNumber": charger.name[:25],
            }  # fmt: skip
        if action == "keepalive":
            return "Heartbeat", {}
        if action == "status":
            return "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": charger.last_state, "timestamp": stamp}
        if action == "authorise":
            return "Authorize", {"idTag": request.tag[:20]}
        if action == "transaction-start":
            return "StartTransaction", {
                "connectorId": 1, "idTag": (charger.kit.tag or charger.name)[:20], "meterStart": request.wh, "timestamp": stamp,
            }  # fmt: skip
        if action == "transaction-end":
            reason = "EVDisconnected" if request.closes_stay else "PowerLoss"
            return "StopTransaction", {
                "transactionId": self._ids.get(request.tx, NO_TRANSACTION), "meterStop": request.wh, "timestamp": stamp, "reason": reason,
            }  # fmt: skip
        value = {
            "value": str(request.wh if request.tx else charger.register_wh(now)),
            "measurand": "Energy.Active.Import.Register",
            "unit": "Wh",
        }
        return "MeterValues", {
            "connectorId": 1, "transactionId": self._ids.get(request.tx or charger.tx, NO_TRANSACTION),
            "meterValue": [{"timestamp": stamp, "sampledValue": [value]}],
        }  # fmt: skip

    def answer(self, request: Request, payload: Payload, now: int) -> Answer:
        """What a CALLRESULT that came ``now`` says. The server's clock is compared half-way between request and answer."""
        offset_ms = 0
        if "currentTime" in payload:
            offset_ms = self.calendar.ms(payload["currentTime"]) - (now + request.sent) // 2
        status = payload.get("status") or payload.get("idTagInfo", {}).get("status") or "Accepted"
        if request.action == "transaction-start":
            self._ids[request.tx] = payload["transactionId"]
            self._plug_ins[payload["transactionId"]] = request.plug_in
        return Answer("accepted" if status == "Accepted" else "rejected", offset_ms)

    def command(self, action: str, payload: Payload, now: int) -> Command | None:
        """The command that a CALL of the server means; None: this charger knows no such command."""
        current = self.charger.plug_in
        if action == "ChangeConfiguration" and payload["key"] == AMPERAGE_KEY:
            return Command("amperage", now, ma=round(float(payload["value"]) * 1000))
        if action == "ClearChargingProfile":
            purpose = payload.get("chargingProfilePurpose")
            if purpose == _TX_DEFAULT:
                return Command("schedule", now, on=False)
            return Command("release", now, plug_in=current) if purpose == _TX else None
        if action != "SetChargingProfile":
            return None
        profile = payload["csChargingProfiles"]
        schedule = profile["chargingSchedule"]
        periods = schedule["chargingSchedulePeriod"]
        purpose = profile["chargingProfilePurpose"]
        if purpose == _MAXIMUM:
            return Command("share", now, ma=round(periods[0]["limit"] * 1000))
        if purpose == _TX_DEFAULT:
            return self._schedule(now, schedule, periods)
        plug_in = self._plug_ins.get(profile.get("transactionId", NO_TRANSACTION), -1)
        if periods[0]["limit"]:
            return Command("release", now, plug_in=plug_in)
        if "duration" not in schedule:
            return Command("pause", now, plug_in=plug_in)
        return Command("hold", now, plug_in=plug_in, duration_ms=schedule["duration"] * 1000)

    def _schedule(self, now: int, schedule: Payload, periods: list[Payload]) -> Command:
        begins = self.calendar.ms(schedule["startSchedule"])
        order = Command("schedule", now)
        edges = [(begins + period["startPeriod"] * 1000, period["limit"]) for period in periods]
        order.windows = [(opens, closes) for (opens, limit), (closes, _) in pairwise(edges) if not limit]
        return order

    @staticmethod
    def reply(action: str, *, accepted: bool) -> Payload:
        """The payload of the CALLRESULT to a command."""
        return {"status": "Accepted" if accepted else "Unknown" if action == "ClearChargingProfile" else "Rejected"}


class ServerEnd:
    """What a server says to the charger of one account."""

    def __init__(self, calendar: Calendar, unit_rating_ma: int, new_id: Callable[[], int]) -> None:
        self.calendar = calendar
        self._unit_a = unit_rating_ma / 1000
        self._new_id = new_id
        self._ids: dict[tuple[str, int], int] = {}
        """Transactions by their start's stamp and register, as the books tell them apart."""
        self._starts: dict[int, Request] = {}
        """The requests that told of those starts, by id."""
        self._latest: dict[int, int] = {}
        """Plug-in → the id of its latest transaction."""

    def take(self, request: Request, payload: Payload) -> None:
        """Have a request say what its frame said: what the server books is what came over the wire.

        An end is matched with its start by the transaction id; with −1, which OCPP wants answered as usual, by what the request knows.
        """
        if request.action == "transaction-start":
            request.stamp, request.wh = self.calendar.ms(payload["timestamp"]), payload["meterStart"]
        elif request.action == "transaction-end":
            request.stamp, request.wh = self.calendar.ms(payload["timestamp"]), payload["meterStop"]
            known = self._starts.get(payload["transactionId"])
            if known is not None:
                request.start = known

    def result(self, request: Request, payload: Payload, answer: Answer, now: int) -> Payload | None:
        """The payload of the CALLRESULT to a request that came with ``payload``; None: an error is answered."""
        if answer is ERROR:
            return None
        action = request.action
        good = answer.result == "accepted"
        time = self.calendar.text(now + answer.clock_offset_ms)
        if action == "registration":
            return {"status": "Accepted" if good else "Rejected", "currentTime": time, "interval": 0}
        if action == "keepalive":
            return {"currentTime": time}
        if action == "authorise":
            return {"idTagInfo": {"status": "Accepted" if good else "Invalid"}}
        if action != "transaction-start":
            return {}
        key = (payload["timestamp"], payload["meterStart"])
        if key not in self._ids:
            self._ids[key] = self._new_id()
            self._starts[self._ids[key]] = request
        self._latest[request.plug_in] = self._ids[key]
        return {"idTagInfo": {"status": "Accepted" if good else "Invalid"}, "transactionId": self._ids[key]}

    def command(self, order: Command, *, overrides_schedule: bool) -> tuple[str, Payload] | None:
        """The CALL that a command is; None: it has to wait until the transaction of its plug-in has an id."""
        name = order.name
        if name == "amperage":
            return "ChangeConfiguration", {"key": AMPERAGE_KEY, "value": f"{order.ma / 1000:g}"}
        if name == "share":
            return self._profile(_SHARE, _MAXIMUM, [(0, order.ma / 1000)], kind="Absolute", connector=0)
        if name == "schedule":
            if not order.on:
                return "ClearChargingProfile", {"chargingProfilePurpose": _TX_DEFAULT}
            return self._windows(order)
        if name == "release" and not overrides_schedule:
            return "ClearChargingProfile", {"connectorId": 1, "chargingProfilePurpose": _TX}
        id_ = self._latest.get(order.plug_in)
        if id_ is None:
            return None
        if name == "release":
            return self._profile(_OVERRIDE, _TX, [(0, self._unit_a)], transaction=id_, level=1)
        # Whole seconds, rounded up: a hold that ends a moment late still ends with its window.
        seconds = -(-order.duration_ms // 1000) if name == "hold" else None
        return self._profile(_HOLD, _TX, [(0, 0.0)], transaction=id_, seconds=seconds)

    def _windows(self, order: Command) -> tuple[str, Payload]:
        begins = min((opens for opens, _ in order.windows), default=0)
        periods = [(edge, limit) for opens, closes in order.windows for edge, limit in ((opens, 0.0), (closes, self._unit_a))]
        action, payload = self._profile(
            _SCHEDULE,
            _TX_DEFAULT,
            [((edge - begins) // 1000, limit) for edge, limit in periods] or [(0, self._unit_a)],
            kind="Absolute",
            connector=0,
        )
        payload["csChargingProfiles"]["chargingSchedule"]["startSchedule"] = self.calendar.text(begins)
        return action, payload

    @staticmethod
    def _profile(
        id_: int, purpose: str, periods: list[tuple[int, float]], *, kind: str = "Relative", connector: int = 1,
        transaction: int | None = None, level: int = 0, seconds: int | None = None,
    ) -> tuple[str, Payload]:  # fmt: skip
        schedule: Payload = {
            "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": at, "limit": limit} for at, limit in periods],
        }  # fmt: skip
        if seconds is not None:
            schedule["duration"] = seconds
        profile: Payload = {
            "chargingProfileId": id_, "stackLevel": level, "chargingProfilePurpose": purpose, "chargingProfileKind": kind,
            "chargingSchedule": schedule,
        }  # fmt: skip
        if transaction is not None:
            profile["transactionId"] = transaction
        return "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": profile}
