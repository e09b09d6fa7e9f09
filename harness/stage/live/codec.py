"""How the world's messages travel in OCPP, and back: what all versions share. Pure: no I/O and no clock.

Each version has a :class:`ChargerEnd` and a :class:`ServerEnd`: :mod:`harness.stage.live.ocpp16` and
:mod:`harness.stage.live.ocpp201`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, ClassVar, Literal, NamedTuple

from harness.stage.live.frames import FrameError, Schemas
from harness.values import ChargerModel
from harness.world.charger import Charger
from harness.world.messages import ERROR, Answer, Command, Request, RequestAction, Result

AMPERAGE = "ChargeAmperage"
"""The key, or variable, of the current limit that is chosen in the app, in A; OCPP has none of its own."""
HOLD, SHARE, SCHEDULE, OVERRIDE = 1, 2, 3, 4
"""Ids of charging profiles."""

_TRIGGERED: dict[str, RequestAction] = {
    "BootNotification": "registration", "Heartbeat": "keepalive", "StatusNotification": "status", "MeterValues": "meter-values",
}  # fmt: skip
"""What a server may ask for → what is sent then."""
_RESULTS: dict[str, Result] = {"Accepted": "accepted", "Pending": "pending", "Rejected": "rejected"}
_LEAP_SECOND = re.compile(r"(T[0-9]{2}:[0-9]{2}):60")
"""RFC 3339 has it, Python's clocks have not."""
_FIRST_MS, _LAST_MS = -62_000_000_000_000, 253_000_000_000_000
"""The years that can be written, roughly."""
LARGEST_WH = 10**12
_MOST_MA = 10**7

Payload = dict[str, Any]


class UnusableError(Exception):
    """A command that is valid by its schema and cannot be obeyed; says why."""


def limit_ma(amperes: Any) -> int:
    """A current limit in A, as it came over the wire, in mA. Raises :class:`UnusableError` for what is none."""
    try:
        ma = float(amperes) * 1000
    except (TypeError, ValueError):
        raise UnusableError(f"found {amperes!r}, expected amperes") from None
    if not 0 <= ma <= _MOST_MA:
        raise UnusableError(f"found {amperes!r}, expected amperes from 0 up")
    return round(ma)


class Calendar:
    """Times of a run as OCPP writes them."""

    def __init__(self, start: str) -> None:
        self.epoch_ms = int(datetime.fromisoformat(start).timestamp() * 1000)

    def text(self, at: int) -> str:
        """``at`` is in ms since the scenario's start."""
        moment = datetime.fromtimestamp(min(max(self.epoch_ms + at, _FIRST_MS), _LAST_MS) / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def ms(self, text: str) -> int:
        """The ms since the scenario's start. Raises :class:`FrameError` for what is no time of these centuries."""
        try:
            moment = datetime.fromisoformat(_LEAP_SECOND.sub(r"\1:59", text))
        except (TypeError, ValueError):
            raise FrameError(f"found {text!r}, expected a time") from None
        if not 1 < moment.year < 9999:  # an hour more or less, and there is no such time
            raise FrameError(f"found {text!r}, expected a time of these centuries")
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000) - self.epoch_ms


class Profile(NamedTuple):
    """A charging profile, whatever version it travels in. Currents in mA, times in ms."""

    id: int
    purpose: str
    periods: list[tuple[int, int]]
    """(Time since ``begins``, limit)."""
    transaction: Any = None
    """The id of the transaction whose profile it is."""
    begins: int | None = None
    """Since the scenario's start; None: relative to when it is told, or to the transaction's start."""
    duration_ms: int | None = None
    level: int = 0

    @property
    def absolute(self) -> bool:
        """Whether its periods count from a time of day."""
        return self.transaction is None


class Served(NamedTuple):
    """What a charger does about a CALL that is no command of the world's."""

    payload: Payload
    """Of its CALLRESULT."""
    triggers: RequestAction | None = None
    """What it sends then."""
    resets: bool = False
    """It restarts then."""
    remote: Literal["", "start", "stop"] = ""
    """It begins or ends a transaction, if it can."""
    tag: str = ""
    in_service: bool | None = None
    """It is taken out of service (False) or put back."""
    remote_start_id: int | None = None
    """By which OCPP 2.0.1 tells the transaction that begins so."""


class RemoteStart(NamedTuple):
    """The server's request for a transaction, which the charger has accepted."""

    id: int | None
    """Its own, in OCPP 2.0.1."""
    tag: str
    plug_in: int


class ChargerEnd:
    """What a charger says and hears in one version of OCPP."""

    frames: ClassVar[Schemas]
    maximum: ClassVar[str]
    """The purpose of a profile that limits the whole charger."""

    def __init__(self, charger: Charger, calendar: Calendar) -> None:
        self.charger = charger
        self.calendar = calendar
        self.remote_start: RemoteStart | None = None
        """The server's request by which the next transaction begins, unless the server does not accept its tag."""
        self.tag = charger.kit.tag
        """What the driver shows; empty: nothing."""
        self._stands: Profile | None = None
        """The TxProfile that was set last and has no end: one of its transaction on a lower level has no effect."""

    def calls(self, request: Request, now: int) -> list[tuple[str, Payload]]:
        """The CALLs, each an action and its payload, that a request is that the charger makes ``now``."""
        raise NotImplementedError

    def boot(self) -> tuple[str, Payload]:
        """What registers the charger."""
        (call,) = self.calls(Request("registration", 0), 0)
        return call

    def answer(self, request: Request, payload: Payload, now: int) -> Answer:
        """What a CALLRESULT that came ``now`` says. The server's clock is compared half-way between request and answer."""
        offset_ms = 0
        if "currentTime" in payload:
            offset_ms = self.calendar.ms(payload["currentTime"]) - (now + request.sent) // 2
        result = _RESULTS.get(self.status(payload), "rejected")
        if request.action == "authorise" and result != "accepted":
            self.remote_start = None
        # An interval below zero says nothing, like 0.
        return Answer(result, offset_ms, interval_ms=max(0, payload.get("interval", 0)) * 1000 if result != "accepted" else 0)

    def status(self, payload: Payload) -> str:
        """The status of a CALLRESULT; one that has none accepts."""
        raise NotImplementedError

    def command(self, action: str, payload: Payload, now: int) -> Command | None:
        """The command that a CALL of the server means; None: this charger knows no such command."""
        raise NotImplementedError

    def reply(self, action: str, payload: Payload, *, accepted: bool) -> Payload:
        """The payload of the CALLRESULT to a command."""
        raise NotImplementedError

    def serve(self, action: str, payload: Payload) -> Served | None:
        """What this charger answers to a CALL that is no command of the world's; None: it has not implemented that. Here stands what all
        versions call alike."""
        if action == "TriggerMessage":
            triggered = _TRIGGERED.get(payload["requestedMessage"])
            return Served({"status": "Accepted" if triggered else "NotImplemented"}, triggered)
        if action == "ChangeAvailability":
            wanted = self.availability(payload)
            return Served({"status": "Rejected"}) if wanted is None else Served({"status": "Accepted"}, in_service=wanted)
        return Served({"status": "Accepted"}, resets=True) if action == "Reset" else None

    def availability(self, payload: Payload) -> bool | None:
        """Whether a ChangeAvailability puts this charger into service; None: it is of a connector that this one has not."""
        raise NotImplementedError

    def id_of(self, tx: int) -> str:
        """The id by which the server knows a transaction; empty: none yet."""
        raise NotImplementedError

    def plug_in_of(self, transaction: Any) -> int:
        """The plug-in of a transaction's id; −1: none of this charger's."""
        raise NotImplementedError

    def cleared(self, purpose: str | None, now: int) -> Command | None:
        """What it means that profiles are cleared."""
        if purpose == "TxDefaultProfile":
            return Command("schedule", now, on=False)
        if purpose == "TxProfile":
            self._stands = None
        return Command("release", now, plug_in=self.charger.plug_in) if purpose == "TxProfile" else None

    def set(self, profile: Profile, now: int) -> Command | None:
        """What a charging profile means."""
        periods = profile.periods
        if profile.purpose == self.maximum:
            return Command("share", now, ma=periods[0][1])
        if profile.purpose == "TxDefaultProfile":
            begins = now if profile.begins is None else profile.begins
            order = Command("schedule", now)
            edges = [(begins + at, limit) for at, limit in periods]
            order.windows = [(opens, closes) for (opens, limit), (closes, _) in pairwise(edges) if not limit]
            return order
        if profile.purpose != "TxProfile":
            return None
        stands = self._stands
        if stands is not None and stands.transaction == profile.transaction and profile.level < stands.level:
            profile = stands
        self._stands = profile if profile.duration_ms is None else None
        plug_in = self.plug_in_of(profile.transaction)
        if profile.periods[0][1]:
            return Command("release", now, plug_in=plug_in)
        if profile.duration_ms is None:
            return Command("pause", now, plug_in=plug_in)
        return Command("hold", now, plug_in=plug_in, duration_ms=profile.duration_ms)


class ServerEnd:
    """What a server says in one version of OCPP to the charger of one account."""

    frames: ClassVar[Schemas]
    maximum: ClassVar[str]

    def __init__(self, calendar: Calendar, model: ChargerModel, new_id: Callable[[], int]) -> None:
        """``new_id`` gives ids of transactions, where the server gives them."""
        self.calendar = calendar
        self._unit_ma = model.ratings.unit_rating_ma
        self.new_id = new_id
        self.interval_s = max(1, model.link.keepalive_ms // 1000)
        """How often the charger is to send a heartbeat; virtual ones follow their model."""
        self.starts: dict[Any, Request] = {}
        """The requests that told of transactions' starts, by id."""
        self.latest: dict[int, Any] = {}
        """Plug-in → the id of its latest transaction."""

    def take(self, request: Request, payload: Payload) -> None:
        """Have a request say what its frame said: what the server books is what came over the wire."""
        raise NotImplementedError

    def result(self, request: Request, payload: Payload, answer: Answer, now: int) -> Payload | None:
        """The payload of the CALLRESULT to a request that came with ``payload``; None: an error is answered."""
        if answer is ERROR:
            return None
        good = answer.result == "accepted"
        time = self.calendar.text(now + answer.clock_offset_ms)
        if request.action == "registration":
            status = next(status for status, result in _RESULTS.items() if result == answer.result)
            interval_s = self.interval_s if good else -(-answer.interval_ms // 1000)
            return {"status": status, "currentTime": time, "interval": interval_s}
        return {"currentTime": time} if request.action == "keepalive" else self.tag_result(request, payload, good=good)

    def tag_result(self, request: Request, payload: Payload, *, good: bool) -> Payload:
        """The payload of the CALLRESULT to any other request, which may tell of its tag."""
        raise NotImplementedError

    def command(self, order: Command, *, overrides_schedule: bool) -> tuple[str, Payload] | None:
        """The CALL that a command is; None: it has to wait until the transaction of its plug-in has an id."""
        name = order.name
        if name == "amperage":
            return self.amperage(order.ma)
        if name == "share":
            return self.profile(Profile(SHARE, self.maximum, [(0, order.ma)]))
        if name == "schedule":
            return self._windows(order) if order.on else self.clear("TxDefaultProfile")
        if name == "release" and not overrides_schedule:
            return self.clear("TxProfile")
        id_ = self.latest.get(order.plug_in)
        if id_ is None:
            return None
        # Where a stored schedule is to be overridden, the last word of the driver is one profile, which takes the place of the one before.
        profile_id, level = (OVERRIDE, 1) if overrides_schedule else (HOLD, 0)
        limit = self._unit_ma if name == "release" else 0
        lasts_ms = order.duration_ms if name == "hold" else None
        return self.profile(Profile(profile_id, "TxProfile", [(0, limit)], id_, duration_ms=lasts_ms, level=level))

    def _windows(self, order: Command) -> tuple[str, Payload]:
        begins = min((opens for opens, _ in order.windows), default=0)
        edges = [(edge - begins, limit) for opens, closes in order.windows for edge, limit in ((opens, 0), (closes, self._unit_ma))]
        return self.profile(Profile(SCHEDULE, "TxDefaultProfile", edges or [(0, self._unit_ma)], begins=begins))

    def schedule_of(self, profile: Profile) -> Payload:
        """The part of a profile that all versions write alike."""
        schedule: Payload = {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": at // 1000, "limit": limit / 1000} for at, limit in profile.periods],
        }
        if profile.begins is not None:
            schedule["startSchedule"] = self.calendar.text(profile.begins)
        if profile.duration_ms is not None:
            # Whole seconds, rounded up: a hold that ends a moment late still ends with its window.
            schedule["duration"] = -(-profile.duration_ms // 1000)
        return schedule

    def profile(self, profile: Profile) -> tuple[str, Payload]:
        """The CALL that sets a charging profile."""
        raise NotImplementedError

    def clear(self, purpose: str) -> tuple[str, Payload]:
        """The CALL that clears the profiles of a purpose."""
        raise NotImplementedError

    def amperage(self, ma: int) -> tuple[str, Payload]:
        """The CALL that sets the current limit."""
        raise NotImplementedError


def periods_of(schedule: Payload, calendar: Calendar) -> tuple[list[tuple[int, int]], int | None, int | None]:
    """Periods, begin and duration of a charging schedule as it came over the wire. Raises :class:`UnusableError` for one that cannot be
    obeyed."""
    if schedule["chargingRateUnit"] != "A":
        raise UnusableError(f"found a schedule in {schedule['chargingRateUnit']}, expected one in A")
    periods = [(period["startPeriod"] * 1000, limit_ma(period["limit"])) for period in schedule["chargingSchedulePeriod"]]
    if not periods:
        raise UnusableError("found a schedule without periods")
    try:
        begins = calendar.ms(schedule["startSchedule"]) if "startSchedule" in schedule else None
    except FrameError as problem:
        raise UnusableError(str(problem)) from None
    return periods, begins, schedule["duration"] * 1000 if "duration" in schedule else None


def register_wh(value: Any) -> int:
    """An energy register as it came over the wire. Raises :class:`FrameError` for what none can show."""
    if not isinstance(value, int | float) or not abs(value) < LARGEST_WH:
        raise FrameError(f"found {str(value)[:40]} as register, expected Wh")
    return round(value)
