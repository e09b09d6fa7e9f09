"""Logs written by hand: what charger and server say to each other, each line at a clock time of one day.

log = Log()
log.at("10:00").up("Heartbeat", {}).down({"currentTime": log.time("10:00")})
log.write(path)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from harness.stage.seen.trace import TraceWriter

DAY = "2026-03-12"


def iso(clock: str) -> str:
    """``10:00``, ``10:00:05`` or ``10:00:05.250`` of the day as OCPP writes it; what is a date already stays."""
    if "T" in clock:
        return clock
    whole, _, thousandths = clock.partition(".")
    return f"{DAY}T{whole if whole.count(':') == 2 else f'{whole}:00'}.{(thousandths or '000'):0<3}Z"


class Log:
    """A log of one or several chargers."""

    def __init__(self, charger: str = "CP1", version: str = "1.6") -> None:
        self.charger = charger
        self.version = version
        self.frames: list[tuple[str, str, str, str, str]] = []
        self._now = ""
        self._id = 0
        self._action = ""

    def at(self, clock: str) -> Log:
        """What follows is at this time."""
        self._now = iso(clock)
        return self

    def _frame(self, direction: str, frame: list[Any]) -> Log:
        raw = msgspec.json.encode(frame).decode()
        self.frames.append((self._now, self.charger, self.version, direction, raw))
        return self

    def up(self, action: str, payload: dict[str, Any] | None = None) -> Log:
        """The charger calls."""
        self._id += 1
        return self._frame("cp-to-csms", [2, str(self._id), action, payload or {}])

    def down(self, payload: dict[str, Any] | None = None) -> Log:
        """The server answers the last call."""
        return self._frame("csms-to-cp", [3, str(self._id), payload or {}])

    def refuse(self) -> Log:
        """The server answers it with an error."""
        return self._frame("csms-to-cp", [4, str(self._id), "InternalError", "no", {}])

    def order(self, action: str, payload: dict[str, Any], status: str = "Accepted") -> Log:
        """The server calls, and the charger answers at once."""
        self._id += 1
        self._frame("csms-to-cp", [2, f"s{self._id}", action, payload])
        return self._frame("cp-to-csms", [3, f"s{self._id}", {"status": status}])

    # Whole exchanges.

    def boot(self, status: str = "Accepted") -> Log:
        """A registration and its answer."""
        said = {"chargePointVendor": "Acme", "chargePointModel": "Box", "firmwareVersion": "1.2"}
        return self.up("BootNotification", said).down({"status": status, "currentTime": self._now, "interval": 300})

    def beat(self) -> Log:
        """A heartbeat."""
        return self.up("Heartbeat").down({"currentTime": self._now})

    def beats(self, first: str, last: str, every_min: int = 1) -> Log:
        """Heartbeats from one time to another."""
        (hours, minutes), (until_h, until_m) = (map(int, clock.split(":")[:2]) for clock in (first, last))
        for minute in range(hours * 60 + minutes, until_h * 60 + until_m + 1, every_min):
            self.at(f"{minute // 60:02}:{minute % 60:02}:30").beat()
        return self

    def status(self, state: str, stamp: str = "") -> Log:
        """A StatusNotification of OCPP 1.6."""
        stamped = iso(stamp) if stamp else self._now
        return self.up("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": state, "timestamp": stamped}).down()

    def start(self, wh: int, id_: int, stamp: str = "", tag: str = "anna") -> Log:
        """A StartTransaction that is answered."""
        said = {"connectorId": 1, "idTag": tag, "meterStart": wh, "timestamp": iso(stamp) if stamp else self._now}
        return self.up("StartTransaction", said).down({"transactionId": id_, "idTagInfo": {"status": "Accepted"}})

    def meter(self, wh: int, id_: int, stamp: str = "") -> Log:
        """A MeterValues with the register."""
        value = {"timestamp": iso(stamp) if stamp else self._now, "sampledValue": [{"value": str(wh)}]}
        return self.up("MeterValues", {"connectorId": 1, "transactionId": id_, "meterValue": [value]}).down()

    def stop(self, wh: int, id_: int, stamp: str = "", reason: str = "EVDisconnected") -> Log:
        """A StopTransaction that is answered."""
        said = {"transactionId": id_, "meterStop": wh, "timestamp": iso(stamp) if stamp else self._now, "reason": reason}
        return self.up("StopTransaction", said).down()

    def event(
        self, kind: str, seq: int, *, stamp: str = "", state: str = "", wh: int | None = None, offline: bool | None = None, id_: str = "t1",
        trigger: str = "ChargingStateChanged", reason: str = "",
    ) -> Log:  # fmt: skip
        """A TransactionEvent of OCPP 2.0.1 that is answered."""
        stamped = iso(stamp) if stamp else self._now
        info: dict[str, Any] = {"transactionId": id_}
        if state:
            info["chargingState"] = state
        if reason:
            info["stoppedReason"] = reason
        said: dict[str, Any] = {
            "eventType": kind, "timestamp": stamped, "triggerReason": trigger, "seqNo": seq, "transactionInfo": info,
        }  # fmt: skip
        if offline is not None:
            said["offline"] = offline
        if wh is not None:
            said["meterValue"] = [{"timestamp": stamped, "sampledValue": [{"value": wh, "measurand": "Energy.Active.Import.Register"}]}]
        return self.up("TransactionEvent", said).down({"idTokenInfo": {"status": "Accepted"}})

    def write(self, path: Path, *others: Log) -> Path:
        """Write the log, and others into the same file, by time."""
        frames = sorted((frame for log in (self, *others) for frame in log.frames), key=lambda frame: frame[0])
        with TraceWriter(path) as writer:
            for frame in frames:
                writer.write(*frame)  # type: ignore[arg-type]
        return path


def charging_through(*, stops_at: str = "", resumes_at: str = "13:00") -> Log:
    """A day at an OCPP 1.6 charger: a car charges 6 kW from 10:00 on, the server is away from 11:02 to 12:58, the car leaves at 14:00.

    Readings come every 10 min, those of the outage once the server is back. From ``stops_at`` to ``resumes_at`` nothing flows.
    """
    log = Log()
    log.at("09:58").boot().at("09:58:01").status("Available")
    log.at("10:00").status("Preparing").at("10:00:05").start(1000, 7).at("10:00:08").status("Charging")
    pause = (_minute(stops_at), _minute(resumes_at)) if stops_at else (0, 0)
    queued = []
    for minute in range(10, 240, 10):
        wh = _register(minute, pause)
        clock = f"{10 + minute // 60:02}:{minute % 60:02}"
        if 62 <= minute < 178:
            queued.append((wh, clock))
            continue
        if queued:
            log.at("12:58").beat()
            for number, (register, stamp) in enumerate(queued, start=1):
                log.at(f"12:58:{number:02}").meter(register, 7, stamp)
            queued = []
        log.at(clock).meter(wh, 7)
        if minute == 60:
            log.at("11:01:30").beat()
    log.at("14:00").stop(_register(240, pause), 7).at("14:00:01").status("Available")
    return log.beats("14:05", "14:40", 5)


def _minute(clock: str) -> int:
    hours, minutes = map(int, clock.split(":"))
    return hours * 60 + minutes - 600


def _register(minute: int, pause: tuple[int, int]) -> int:
    """The register so many minutes after ten, in Wh: 1000 at first, and 100 more each minute but for those of the pause."""
    paused = max(0, min(minute, pause[1]) - pause[0])
    return 1000 + 100 * (minute - paused)
