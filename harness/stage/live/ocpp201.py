"""How the world's messages travel in OCPP 2.0.1, and back. Pure: no I/O and no clock.

| world | OCPP 2.0.1 |
|---|---|
| registration | BootNotification |
| keepalive | Heartbeat |
| status | StatusNotification where the connector's status is another (or nothing is); TransactionEvent with another chargingState |
| authorise | Authorize |
| transaction-start, transaction-end | TransactionEvent Started, Ended |
| meter-values | TransactionEvent Updated: the energy register; those of an outage in one event, which tells the register at its end |
| hold, pause | SetChargingProfile: a TxProfile of 0 A with a duration (pause: without), once the plug-in's transaction is known |
| release | ClearChargingProfile of TxProfiles; where a schedule is stored, a TxProfile that outranks it, as then a pause is |
| amperage | SetVariables of ChargingStation ``ChargeAmperage``, in A; 0: none |
| share | SetChargingProfile: a ChargingStationMaxProfile |
| schedule | SetChargingProfile: a TxDefaultProfile, 0 A in its hold windows; off: ClearChargingProfile of TxDefaultProfiles |

Each event of a transaction has its own seqNo, in the order in which they happened; one that was discarded leaves a gap.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from harness.stage.live import codec
from harness.stage.live.codec import AMPERAGE, Calendar, Payload, Profile, Served, limit_ma, periods_of, register_wh
from harness.stage.live.frames import OCPP201
from harness.world.charger import Charger
from harness.world.messages import Command, Request

_MAXIMUM = "ChargingStationMaxProfile"
_EVSE = {"id": 1, "connectorId": 1}
_BY_SERVER = {"DeAuthorized": "Deauthorized", "Remote": "RemoteStop"}
"""Why the server ended a transaction → the event's trigger."""
_VARIABLE = {"component": {"name": "ChargingStation"}, "variable": {"name": AMPERAGE}}
_CONNECTOR = {"Available": "Available", "Faulted": "Faulted", "Unavailable": "Unavailable"}
"""The connector's state in the world → its status; a car occupies it in all others."""
_CHARGING = {"Charging": "Charging", "SuspendedEV": "SuspendedEV", "SuspendedEVSE": "SuspendedEVSE"}
"""The connector's state → the transaction's chargingState; in all others a car is connected, and that is all."""


class ChargerEnd(codec.ChargerEnd):
    """What a charger says and hears."""

    frames = OCPP201
    maximum = _MAXIMUM

    def __init__(self, charger: Charger, calendar: Calendar) -> None:
        super().__init__(charger, calendar)
        self.prefix = ""
        """Makes the ids of transactions differ from those of other runs."""
        self._numbers: WeakKeyDictionary[Request, int] = WeakKeyDictionary()
        """The seqNo of each message of a transaction that may be sent again."""
        self._tx = 0
        """The transaction that is numbered now."""
        self._next = self._expected = 0
        """The next seqNo, and what the world counts its next message as: it does not count those that leave no record."""
        self._connector = "Available"
        self._charging = ""
        self._plug_ins: dict[str, int] = {}
        self._remote_starts: dict[int, int] = {}
        """Transaction → the id of the server's request by which it began."""

    def calls(self, request: Request, now: int) -> list[tuple[str, Payload]]:
        """A change of state is one or two CALLs, every other request is one."""
        charger = self.charger
        action = request.action
        if action == "registration":
            model = charger.model
            station = {
                "vendorName": (model.maker or "harness")[:50], "model": model.name.partition("@")[0][:20],
                "serialNumber": charger.name[:25],
            }  # fmt: skip
            return [("BootNotification", {"reason": "PowerUp", "chargingStation": station})]
        if action == "keepalive":
            return [("Heartbeat", {})]
        if action == "authorise":
            return [("Authorize", {"idToken": {"idToken": request.tag[:36], "type": "ISO14443"}})]
        if action == "status":
            return self._status(request)
        return [self._event(request, now)]

    def _status(self, request: Request) -> list[tuple[str, Payload]]:
        charger = self.charger
        calls = []
        connector = _CONNECTOR.get(charger.last_state, "Occupied")
        charging = _CHARGING.get(charger.last_state, "EVConnected")
        changes = charger.tx_plug_in and charging != self._charging
        if connector != self._connector or not changes:
            self._connector = connector
            stamp = self.calendar.text(request.stamp)
            calls.append(
                ("StatusNotification", {"timestamp": stamp, "connectorStatus": connector, "evseId": 1, "connectorId": 1})
            )  # fmt: skip
        if changes:
            calls.append(self._update(request, "ChargingStateChanged"))
        return calls

    def _event(self, request: Request, now: int) -> tuple[str, Payload]:
        if request.action == "meter-values":
            wh = request.wh if request.tx else self.charger.register_wh(now)
            event = self._update(request, "MeterValuePeriodic")
            return self._metered(event, request, wh, "Sample.Periodic")
        begins = request.action == "transaction-start"
        info: Payload = {"transactionId": self.id_of(request.tx)}
        if begins:
            self._plug_ins[info["transactionId"]] = request.plug_in
            self._charging = info["chargingState"] = _CHARGING.get(self.charger.last_state, "EVConnected")
            asked, self.remote_start = self.remote_start, None
            if asked is not None and asked.id is not None and (asked.tag, asked.plug_in) == (request.tag, request.plug_in):
                self._remote_starts[request.tx] = asked.id
            trigger = "Authorized" if request.tag or self.tag else "CablePluggedIn"
            if request.tx in self._remote_starts:
                trigger, info["remoteStartId"] = "RemoteStart", self._remote_starts[request.tx]
        else:
            info["stoppedReason"] = request.reason or ("EVDisconnected" if request.closes_stay else "PowerLoss")
            own = "EVCommunicationLost" if request.closes_stay else "AbnormalCondition"
            trigger = _BY_SERVER.get(request.reason, own)
        made = self._made(request, "Started" if begins else "Ended", trigger, info)
        if begins:
            tag = request.tag or self.tag
            made[1]["idToken"] = {"idToken": tag[:36], "type": "ISO14443"} if tag else {"idToken": "", "type": "NoAuthorization"}
        return self._metered(made, request, request.wh, "Transaction.Begin" if begins else "Transaction.End")

    def _update(self, request: Request, trigger: str) -> tuple[str, Payload]:
        info = {"transactionId": self.id_of(request.tx or self.charger.tx)}
        if not request.tx:  # of the present; what happened in an outage says nothing of the state now
            self._charging = info["chargingState"] = _CHARGING.get(self.charger.last_state, "EVConnected")
        return self._made(request, "Updated", trigger, info)

    def _made(self, request: Request, kind: str, trigger: str, info: Payload) -> tuple[str, Payload]:
        made: Payload = {
            "eventType": kind, "timestamp": self.calendar.text(request.stamp), "triggerReason": trigger, "seqNo": self._number(request),
            "transactionInfo": info, "evse": _EVSE,
        }  # fmt: skip
        if request.offline:
            made["offline"] = True
        return "TransactionEvent", made

    def _metered(self, event: tuple[str, Payload], request: Request, wh: int, context: str) -> tuple[str, Payload]:
        value = {
            "value": wh, "context": context, "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "Wh"},
        }  # fmt: skip
        event[1]["meterValue"] = [{"timestamp": self.calendar.text(request.stamp), "sampledValue": [value]}]
        return event

    def id_of(self, tx: int) -> str:
        """This charger's own."""
        return f"{self.prefix}{self.charger.name[:20]}-{tx}"

    def _number(self, request: Request) -> int:
        """The seqNo of an event. What the charger has queued happened before, and is numbered before."""
        if request in self._numbers:
            return self._numbers[request]
        queued = [message for message in self.charger.outbox.queue if message.tx and message not in self._numbers]
        for message in sorted(queued, key=lambda message: (message.tx, message.seq)):
            self._number_queued(message)
        if request.tx and request not in self._numbers:
            self._number_queued(request)
        if request.tx:
            return self._numbers[request]
        self._next += 1
        return self._next - 1

    def _number_queued(self, message: Request) -> None:
        if message.tx != self._tx:
            self._tx, self._next, self._expected = message.tx, 0, 0
        number = self._next + max(0, message.seq - self._expected)
        self._numbers[message] = number
        self._next, self._expected = number + 1, message.seq + message.count

    def status(self, payload: Payload) -> str:
        """The answer's own, or its token's."""
        return payload.get("status") or payload.get("idTokenInfo", {}).get("status") or "Accepted"

    def serve(self, action: str, payload: Payload) -> Served | None:
        """Variables, triggers and resets; what it has but cannot do it rejects."""
        if action == "GetVariables":
            return Served({"getVariableResult": [self._variable(data) for data in payload["getVariableData"]]})
        if action == "SetVariables":
            return Served(self.reply(action, payload, accepted=False))
        if action == "GetLocalListVersion":
            return Served({"versionNumber": 0})
        if action == "RequestStopTransaction" and payload["transactionId"] == self.id_of(self.charger.tx):
            return Served({"status": "Rejected"}, remote="stop")
        if action == "RequestStartTransaction":
            tag, start_id = payload["idToken"]["idToken"], payload["remoteStartId"]
            return Served({"status": "Rejected"}, remote="start", tag=tag, remote_start_id=start_id)
        if action in ("ClearCache", "RequestStopTransaction"):
            return Served({"status": "Rejected"})
        if action == "GetBaseReport":
            return Served({"status": "NotSupported"})
        if action == "GetTransactionStatus":
            return Served(self._transaction_status(payload.get("transactionId")))
        return super().serve(action, payload)

    def availability(self, payload: Payload) -> bool | None:
        """Of the charging station, its only EVSE, or that one's only connector."""
        asked = payload.get("evse", _EVSE)
        return payload["operationalStatus"] == "Operative" if {**_EVSE, **asked} == _EVSE else None

    def _transaction_status(self, id_: str | None) -> Payload:
        """Of one transaction, whether it goes on and whether messages of it wait for the server; of none, whether any message does."""
        waiting = {self.id_of(message.tx) for message in self.charger.outbox.queue if message.tx}
        if id_ is None:
            return {"messagesInQueue": bool(waiting)}
        goes_on = self.charger.tx_plug_in != 0 and id_ == self.id_of(self.charger.tx)
        return {"ongoingIndicator": goes_on, "messagesInQueue": id_ in waiting}

    def _variable(self, data: Payload) -> Payload:
        asked = {"component": data["component"], "variable": data["variable"]}
        if asked == _VARIABLE:
            return {"attributeStatus": "Accepted", "attributeValue": f"{self.charger.amperage_ma / 1000:g}", **asked}
        return {"attributeStatus": "UnknownVariable", **asked}

    def plug_in_of(self, transaction: Any) -> int:
        """By the id that this charger gave."""
        return self._plug_ins.get(transaction, -1)

    def command(self, action: str, payload: Payload, now: int) -> Command | None:
        """By the profile's purpose and periods, or by the variable."""
        if action == "SetVariables":
            (data, *more) = payload["setVariableData"]
            known = not more and {"component": data["component"], "variable": data["variable"]} == _VARIABLE
            return Command("amperage", now, ma=limit_ma(data["attributeValue"])) if known else None
        if action == "ClearChargingProfile":
            return self.cleared(payload.get("chargingProfileCriteria", {}).get("chargingProfilePurpose"), now)
        if action != "SetChargingProfile":
            return None
        profile = payload["chargingProfile"]
        periods, begins, duration_ms = periods_of(profile["chargingSchedule"][0], self.calendar)
        purpose, transaction = profile["chargingProfilePurpose"], profile.get("transactionId")
        set_ = Profile(profile["id"], purpose, periods, transaction, begins, duration_ms, profile["stackLevel"])
        return self.set(set_, now)

    def reply(self, action: str, payload: Payload, *, accepted: bool) -> Payload:
        """A status, for variables one each."""
        status = "Accepted" if accepted else "Unknown" if action == "ClearChargingProfile" else "Rejected"
        if action != "SetVariables":
            return {"status": status}
        results = [
            {"attributeStatus": status, "component": data["component"], "variable": data["variable"]} for data in payload["setVariableData"]
        ]
        return {"setVariableResult": results}


class ServerEnd(codec.ServerEnd):
    """What a server says to the charger of one account."""

    frames = OCPP201
    maximum = _MAXIMUM

    def take(self, request: Request, payload: Payload) -> None:
        """An end is matched with its start by the transaction id, which is the charger's own."""
        if request.action not in ("transaction-start", "transaction-end"):
            return
        request.stamp = self.calendar.ms(payload["timestamp"])
        if "meterValue" in payload:
            request.wh = register_wh(payload["meterValue"][0]["sampledValue"][0]["value"])
        id_ = payload["transactionInfo"]["transactionId"]
        if request.action == "transaction-end":
            request.start = self.starts.get(id_, request.start)
        else:
            self.starts.setdefault(id_, request)
            self.latest[request.plug_in] = id_

    def tag_result(self, request: Request, payload: Payload, *, good: bool) -> Payload:
        """Where a token was shown, its status."""
        return {"idTokenInfo": {"status": "Accepted" if good else "Invalid"}} if "idToken" in payload else {}

    def profile(self, profile: Profile) -> tuple[str, Payload]:
        """SetChargingProfile."""
        made: Payload = {
            "id": profile.id, "stackLevel": profile.level, "chargingProfilePurpose": profile.purpose,
            "chargingProfileKind": "Absolute" if profile.absolute else "Relative",
            "chargingSchedule": [{"id": profile.id, **self.schedule_of(profile)}],
        }  # fmt: skip
        if profile.transaction is not None:
            made["transactionId"] = profile.transaction
        return "SetChargingProfile", {"evseId": 0 if profile.absolute else 1, "chargingProfile": made}

    def clear(self, purpose: str) -> tuple[str, Payload]:
        """ClearChargingProfile."""
        return "ClearChargingProfile", {"chargingProfileCriteria": {"chargingProfilePurpose": purpose}}

    def amperage(self, ma: int) -> tuple[str, Payload]:
        """SetVariables."""
        return "SetVariables", {"setVariableData": [{"attributeValue": f"{ma / 1000:g}", **_VARIABLE}]}
