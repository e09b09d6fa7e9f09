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
| release | ClearChargingProfile of TxProfiles; where a schedule is stored, a TxProfile that outranks it, as then a pause is |
| amperage | ChangeConfiguration of ``ChargeAmperage``, in A; 0: none |
| share | SetChargingProfile: a ChargePointMaxProfile |
| schedule | SetChargingProfile: a TxDefaultProfile, 0 A in its hold windows; off: ClearChargingProfile of TxDefaultProfiles |

A charger that keeps profiles would conform; one whose memory forgets them, as a JuiceBox forgets its hold, knowingly does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.stage.live import codec
from harness.stage.live.codec import AMPERAGE, Calendar, Payload, Profile, Served, limit_ma, periods_of, register_wh
from harness.stage.live.frames import OCPP16
from harness.values import ChargerModel
from harness.world.charger import Charger
from harness.world.messages import Answer, Command, Request

NO_TRANSACTION = -1
_MAXIMUM = "ChargePointMaxProfile"


class ChargerEnd(codec.ChargerEnd):
    """What a charger says and hears."""

    frames = OCPP16
    maximum = _MAXIMUM

    def __init__(self, charger: Charger, calendar: Calendar) -> None:
        super().__init__(charger, calendar)
        self._ids: dict[int, int] = {}
        """The charger's number of a transaction → the id that the server gave it."""
        self._plug_ins: dict[int, int] = {}
        """That id → the plug-in."""

    def calls(self, request: Request, now: int) -> list[tuple[str, Payload]]:
        """Each request is one CALL."""
        return [self._call(request, now)]

    def _call(self, request: Request, now: int) -> tuple[str, Payload]:
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
                "connectorId": 1, "idTag": (request.tag or self.tag or charger.name)[:20], "meterStart": request.wh, "timestamp": stamp,
            }  # fmt: skip
        if action == "transaction-end":
            reason = request.reason or ("EVDisconnected" if request.closes_stay else "PowerLoss")
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
        """Also learns the id that a transaction was given."""
        if request.action == "transaction-start":
            self._ids[request.tx] = payload["transactionId"]
            self._plug_ins[payload["transactionId"]] = request.plug_in
        return super().answer(request, payload, now)

    def status(self, payload: Payload) -> str:
        """The answer's own, or its tag's."""
        return payload.get("status") or payload.get("idTagInfo", {}).get("status") or "Accepted"

    def id_of(self, tx: int) -> str:
        """The server's, known with its answer."""
        return str(self._ids.get(tx, ""))

    def serve(self, action: str, payload: Payload) -> Served | None:
        """Configuration, triggers and resets; what it has but cannot do it rejects."""
        if action == "GetConfiguration":
            known = self._configuration()
            wanted = payload.get("key") or list(known)
            keys = [{"key": key, "readonly": key != AMPERAGE, "value": known[key]} for key in wanted if key in known]
            unknown = [key for key in wanted if key not in known]
            return Served({"configurationKey": keys, **({"unknownKey": unknown} if unknown else {})})
        if action == "ChangeConfiguration":
            return Served({"status": "Rejected" if payload["key"] in self._configuration() else "NotSupported"})
        if action == "GetLocalListVersion":
            return Served({"listVersion": 0})
        if action == "RemoteStopTransaction" and str(payload["transactionId"]) == self.id_of(self.charger.tx):
            return Served({"status": "Rejected"}, remote="stop")
        if action == "RemoteStartTransaction":
            return Served({"status": "Rejected"}, remote="start", tag=payload["idTag"])
        if action in ("ClearCache", "RemoteStopTransaction"):
            return Served({"status": "Rejected"})
        if action in ("UnlockConnector", "SendLocalList"):
            return Served({"status": "NotSupported"})
        return super().serve(action, payload)

    def availability(self, payload: Payload) -> bool | None:
        """Of the charger (connector 0) or of its only connector."""
        return payload["type"] == "Operative" if payload["connectorId"] in (0, 1) else None

    def _configuration(self) -> dict[str, str]:
        model = self.charger.model
        return {
            "HeartbeatInterval": str(model.link.keepalive_ms // 1000), "NumberOfConnectors": "1",
            "MeterValueSampleInterval": str(model.queue.meter_interval_ms // 1000),
            "TransactionMessageAttempts": str(model.queue.attempts),
            "TransactionMessageRetryInterval": str(model.queue.interval_ms // 1000),
            "LocalAuthorizeOffline": "true" if model.server_loss.new_car in ("charges", "local-list") else "false",
            "ChargeProfileMaxStackLevel": "1", "ChargingScheduleAllowedChargingRateUnit": "Current",
            "SupportedFeatureProfiles": "Core,RemoteTrigger,SmartCharging", AMPERAGE: f"{self.charger.amperage_ma / 1000:g}",
        }  # fmt: skip

    def plug_in_of(self, transaction: Any) -> int:
        """By the id that the server gave."""
        return self._plug_ins.get(transaction, -1)

    def command(self, action: str, payload: Payload, now: int) -> Command | None:
        """By the profile's purpose and periods, or by the key."""
        if action == "ChangeConfiguration" and payload["key"] == AMPERAGE:
            return Command("amperage", now, ma=limit_ma(payload["value"]))
        if action == "ClearChargingProfile":
            return self.cleared(payload.get("chargingProfilePurpose"), now)
        if action != "SetChargingProfile":
            return None
        profile = payload["csChargingProfiles"]
        periods, begins, duration_ms = periods_of(profile["chargingSchedule"], self.calendar)
        purpose, transaction = profile["chargingProfilePurpose"], profile.get("transactionId")
        set_ = Profile(profile["chargingProfileId"], purpose, periods, transaction, begins, duration_ms, profile["stackLevel"])
        return self.set(set_, now)

    def reply(self, action: str, payload: Payload, *, accepted: bool) -> Payload:
        """All commands are answered by a status."""
        return {"status": "Accepted" if accepted else "Unknown" if action == "ClearChargingProfile" else "Rejected"}


class ServerEnd(codec.ServerEnd):
    """What a server says to the charger of one account."""

    frames = OCPP16
    maximum = _MAXIMUM

    def __init__(self, calendar: Calendar, model: ChargerModel, new_id: Callable[[], int]) -> None:
        super().__init__(calendar, model, new_id)
        self._ids: dict[tuple[str, int], int] = {}
        """Transactions by their start's stamp and register, as the books tell them apart."""

    def take(self, request: Request, payload: Payload) -> None:
        """An end is matched with its start by the transaction id; with −1, which is to be answered as usual, by what the request knows."""
        if request.action == "transaction-start":
            request.stamp, request.wh = self.calendar.ms(payload["timestamp"]), register_wh(payload["meterStart"])
        elif request.action == "transaction-end":
            request.stamp, request.wh = self.calendar.ms(payload["timestamp"]), register_wh(payload["meterStop"])
            request.start = self.starts.get(payload["transactionId"], request.start)

    def tag_result(self, request: Request, payload: Payload, *, good: bool) -> Payload:
        """A transaction's start is given its id with its answer."""
        info = {"idTagInfo": {"status": "Accepted" if good else "Invalid"}}
        if request.action == "authorise":
            return info
        if request.action != "transaction-start":
            return {}
        key = (payload["timestamp"], payload["meterStart"])
        if key not in self._ids:
            self._ids[key] = self.new_id()
            self.starts[self._ids[key]] = request
        self.latest[request.plug_in] = self._ids[key]
        return {**info, "transactionId": self._ids[key]}

    def profile(self, profile: Profile) -> tuple[str, Payload]:
        """SetChargingProfile."""
        made: Payload = {
            "chargingProfileId": profile.id, "stackLevel": profile.level, "chargingProfilePurpose": profile.purpose,
            "chargingProfileKind": "Absolute" if profile.absolute else "Relative", "chargingSchedule": self.schedule_of(profile),
        }  # fmt: skip
        if profile.transaction is not None:
            made["transactionId"] = profile.transaction
        return "SetChargingProfile", {"connectorId": 0 if profile.absolute else 1, "csChargingProfiles": made}

    def clear(self, purpose: str) -> tuple[str, Payload]:
        """ClearChargingProfile."""
        return "ClearChargingProfile", {"chargingProfilePurpose": purpose, **({"connectorId": 1} if purpose == "TxProfile" else {})}

    def amperage(self, ma: int) -> tuple[str, Payload]:
        """ChangeConfiguration."""
        return "ChangeConfiguration", {"key": AMPERAGE, "value": f"{ma / 1000:g}"}
