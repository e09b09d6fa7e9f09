"""The charger: independent regions, named memory cells, and one function that says what current may flow, and why.

Theory of operation. The charger knows no clock and does no I/O. Whoever runs it calls an input with the time (mains lost, car
plugged in, answer, command …) or :meth:`Charger.wake` at its :attr:`Charger.deadline`, then carries away what stands in
:attr:`Charger.out`: requests to send (``connect`` among them) and :data:`DROP`, to close the connection. What happened is
told to ``emit`` as journal records.

Regions: power (off, booting, on), the link (:mod:`harness.world.link`), the connector (OCPP's states), the clock
(set, unset, or off by the server's error). Memory cells and what clears each come from the model: an event clears the
cells that list it, and nothing else does.

:meth:`Charger.allowed` is the one place that decides on the current: first the reasons why none may flow, in order, then the lowest
of the limits. Each change is journalled with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, get_args

from harness.journal.records import (
    Attempts,
    Command,
    Current,
    Failed,
    Link,
    PlugIn,
    Power,
    Reason,
    Record,
    State,
    Stay,
    Transaction,
)  # fmt: skip
from harness.values import ChargerModel, Memory, MemoryEvent, Period, Settings
from harness.world.battery import UJ_PER_WH, Battery, CarType
from harness.world.chance import RANDOM_DELAY, below
from harness.world.link import NEVER, Series
from harness.world.link import Link as LinkRegion
from harness.world.messages import Answer, Request
from harness.world.messages import Command as Order
from harness.world.outbox import Outbox

LONG_AGO = -NEVER
DROP = "drop"
"""An output: the charger closes its connection."""

LATE_AMPERAGE_MS = 300_000
"""How late the quirk applies-amperage-late is."""
SETTLES_MS = 10_000
"""How long after a reconnect the quirk ignores-release-on-return ignores a release."""
DAY_MS = 86_400_000
CLOCKS_CHANGE_MS = 7_200_000
"""How long after midnight the quirk keeps-old-utc-offset takes the clocks to change."""


class Kit:
    """What chargers of one entry share: their model and what was laid out for it."""

    __slots__ = (
        "car",
        "cleared_by",
        "days",
        "epoch_ms",
        "model",
        "nothing_queued",
        "periods",
        "settings",
        "tag",
        "tag_barred",
        "tag_listed",
        "windows",
    )

    def __init__(
        self, model: ChargerModel, car: CarType, periods: Sequence[Period], windows: list[tuple[int, int]] | None,
        settings: Settings, *, epoch_ms: int, tag: str = "", tag_listed: bool = True, tag_barred: bool = False,
        days: Sequence[tuple[int, int, int]] = (),
    ) -> None:  # fmt: skip
        self.model = model
        self.car = car
        self.periods = periods
        self.windows = windows
        """The hold windows of a stored schedule; None: time-of-use charging is off at the start."""
        self.settings = settings
        self.epoch_ms = epoch_ms
        """The scenario's start in ms since 1970."""
        self.days = days
        """The local days: (midnight, length, weekday)."""
        self.tag = tag
        self.tag_listed = tag_listed
        self.tag_barred = tag_barred
        """The list that holds it says that it may not charge."""
        self.nothing_queued = Outbox(model, "", lambda _: None)
        """The queue of each that has never had anything to queue."""
        self.cleared_by = _cleared_by(model.memory)


@lru_cache(maxsize=64)
def _cleared_by(memory: Memory) -> dict[str, tuple[str, ...]]:
    """Event → the cells of a charger's memory that it clears."""
    cells = memory.__struct_fields__
    return {event: tuple(cell for cell in cells if event in getattr(memory, cell)) for event in get_args(MemoryEvent)}


class Charger:
    """One charger. Inputs are methods that take the time first; outputs are :attr:`out`, :attr:`deadline` and records."""

    __slots__ = (
        "_allows_at", "_asked", "_changed_at", "_drawing_since", "_held_again_ms", "_next_energy", "_next_late", "_next_reading",
        "_period", "_ready_at", "_told", "amperage_ma", "authorised", "battery", "boots_at", "cache", "clock_offset_ms",
        "clock_set", "configured", "delays", "emit", "energy_uj", "has_list", "hold_plug_in", "hold_until", "in_service", "index",
        "installs_until", "key", "kit", "last_ma", "last_reason", "last_state", "late_ma", "link", "lost_link_at", "ma", "model",
        "name", "offline_ma", "out", "outbox", "overridden", "plug_in", "power", "quirks", "readings_from",
        "refused_at_uj", "register_base_uj", "replugs",
        "resumes", "returned", "routine", "schedule", "seq", "share_ma", "suspended", "tag", "tapers", "tx",
        "tx_at", "tx_from_uj", "tx_plug_in", "tx_start", "unlimited", "unplugged_at", "wire_ma",
    )  # fmt: skip

    def __init__(self, index: int, name: str, kit: Kit, key: int, share_ma: int, emit: Callable[[int, Record], None]) -> None:
        model = kit.model
        self.index = index
        self.name = name
        self.kit = kit
        self.model = model
        self.quirks = model.quirks
        self.key = key
        self.emit = emit
        self.out: tuple[Request | str, ...] = ()

        self.power = "on"
        self.boots_at = NEVER
        self.installs_until = 0
        """Until when new firmware is installed, or was."""
        self.link = LinkRegion(model, key)
        self.configured = False
        """The server that puts its registration off has told it an amperage, which is in force as long as it does."""
        self.outbox = kit.nothing_queued
        self.clock_set = True
        self.clock_offset_ms = 0
        self.lost_link_at = NEVER
        self.returned = False
        """It is online again, and the server has not yet said a word."""

        self._fill_memory(share_ma)
        self.late_ma = 0
        self._next_late = NEVER
        self._next_reading = NEVER
        self._changed_at = LONG_AGO
        """When the server was last taken to be told of a change, without a message that did."""
        self.routine = False
        """Status and readings are sent on a healthy link too; begun by :meth:`begin_routine`, ended by setting it."""

        self.plug_in = 0
        self.unplugged_at = LONG_AGO
        self.replugs = 0
        """How many times in a row a car has been plugged in again so soon that it counts."""
        self.battery: Battery | None = None
        self.authorised = "no"
        """May the car charge: no, asking, yes, refused (as it came without the server), or rejected (its tag is)."""
        self.tag = ""
        """The tag by which it may."""
        self.suspended = False
        """The server does not accept that tag: the transaction goes on without energy."""
        self.refused_at_uj = NEVER
        """The server does not accept that tag: at this energy the transaction stops or goes on without."""
        self._asked: Request | None = None
        self.resumes = True
        self._ready_at = self._allows_at = NEVER
        self.delays = 0
        self.ma = 0
        self.tapers = False
        self._drawing_since = 0
        self._next_energy = NEVER
        self.energy_uj = 0
        self.register_base_uj = 0
        self._period = 0
        self.last_ma, self.last_state, self.last_reason = 0, "Available", "no-car"
        self._told = "Available"
        """The connector's state as the server was last told."""

        self.tx = self.tx_at = self.tx_from_uj = 0
        self.tx_plug_in = 0
        """The plug-in of the open transaction; 0: none is open."""
        self.tx_start: Request | None = None
        self.seq = self.readings_from = 0

    def _fill_memory(self, share_ma: int) -> None:
        """Remember what installation and server have set before the start."""
        kit, model = self.kit, self.model
        settings = kit.settings
        self.hold_until = -1
        self.hold_plug_in = 0
        self._held_again_ms = 0
        self.schedule: list[tuple[int, int]] | None = kit.windows if model.tou == "schedule" else None
        self.overridden = 0
        """The plug-in that may charge in spite of the stored schedule."""
        self.amperage_ma = settings.amperage_ma or 0
        self.wire_ma = model.ratings.wire_rating_ma if settings.wire_rating_ma is None else settings.wire_rating_ma
        self.offline_ma = settings.offline_ma(model.ratings, kit.car.phases)
        if "swaps-amperages" in model.quirks:
            self.amperage_ma, self.offline_ma = self.offline_ma, self.amperage_ma
        self.share_ma = share_ma
        self.has_list = True
        self.in_service = True
        """False: it begins no transaction until it is put back into service."""
        self.cache: dict[str, bool] | None = {} if model.server_loss.cached_tags else None
        """Whether the server accepted each tag when it was last asked; None: that is not kept."""
        self.unlimited = False

    def _queue(self, now: int, request: Request) -> None:
        """Have a message wait for its turn to be sent."""
        if self.outbox is self.kit.nothing_queued:
            self.outbox = Outbox(self.model, self.name, self._tell)
        self.outbox.put(now, request)

    def _tell(self, record: Record) -> None:
        self.emit(self.index, record)

    @property
    def deadline(self) -> int:
        """When the charger next acts by itself."""
        # The hottest lines of a run: comparisons, as calls of min cost as much as all the rest.
        due = self._next_energy
        if self.boots_at < due:
            due = self.boots_at
        if self.outbox.deadline < due:
            due = self.outbox.deadline
        if self._next_late < due:
            due = self._next_late
        if self.routine and self._next_reading < due:
            due = self._next_reading
        link = self.link
        if link.mode != "steady" or link.state != "online":
            link_due = link.deadline()
            if link_due < due:
                due = link_due
        return due

    def wake(self, now: int) -> None:
        """Do what is due at ``now``."""
        if self.boots_at <= now:
            self._booted(now)
        if self._next_late <= now:
            self._next_late = NEVER
            self.amperage_ma = self.late_ma
            self._evaluate(now)
        if self._next_energy <= now:
            self._evaluate(now)
        if self._next_reading <= now:
            self._next_reading = NEVER
            if self.tx_plug_in and self.routine:
                self._plan_reading(now)
                if self.link.online:
                    self.out += (Request("meter-values", now, self.plug_in),)
        if self.outbox.deadline <= now:
            self.outbox.overdue(now)
            self._send_queued(now)
        link = self.link
        if link.deadline() > now:
            return
        if link.state == "online":
            if link.answered_at + link.patience_ms <= now:
                self._server_lost(now, "silence")
            else:
                link.keepalive_at += link.model.keepalive_ms
                self.out += (self._request("keepalive", now),)
        elif link.asks_at <= now:
            link.ask_again(now)
            self.out += (self._request("registration", now),)
        elif link.state == "trying":
            self._attempt_failed(now)
        else:
            self.attempt(now)

    # Power.

    def power_lost(self, now: int) -> None:
        """Mains is lost: the charger is off, volatile memory is gone."""
        if self.power == "off":
            return
        was_on = self.power == "on"
        self.power = "off"
        self.boots_at = NEVER
        self.installs_until = 0
        self.emit(self.index, Power(t=now, who=self.name, state="off"))
        self._stopped(now, "power-cycle", "power", was_on=was_on)

    def power_restored(self, now: int) -> None:
        """Mains is back: the charger boots."""
        if self.power == "off":
            self.power = "booting"
            self.boots_at = now + self.model.power_up.boot_ms
            self.emit(self.index, Power(t=now, who=self.name, state="booting"))
            self._evaluate(now)

    def restart(self, now: int, event: MemoryEvent, cause: str, pause_ms: int = 0) -> None:
        """The charger restarts without losing mains (``cause`` reboot, memory-loss, firmware-update), ``pause_ms`` before it boots."""
        if self.power == "off":
            if event == "memory-loss":
                self._clear(now, event)
            return
        was_on = self.power == "on"
        self.power = "booting"
        # An update that begins while another is installed puts the boot off until both are; anything else cuts it short.
        self.installs_until = max(now + pause_ms, self.installs_until if cause == "firmware-update" else 0)
        self.boots_at = self.installs_until + self.model.power_up.boot_ms
        self.emit(self.index, Power(t=now, who=self.name, state="booting", cause=cause))  # type: ignore[arg-type]
        self._stopped(now, event, "reboot", was_on=was_on)

    def _stopped(self, now: int, event: MemoryEvent, cause: str, *, was_on: bool) -> None:
        self._settle(now)
        was_online = self.link.online
        self.configured = False
        self._end_series(now, self.link.power_lost())
        self.outbox.link_lost(now)
        if was_on:
            if self.tx_plug_in and "forgets-closing-in-charge" in self.quirks:
                self.in_service = True
            self._close_transaction(now, closes_stay=False)
        elif "forgets-wire-rating-in-boot" in self.quirks:
            self.wire_ma = self.model.ratings.unit_rating_ma
        if "loses-schedule-while-holding" in self.quirks and self.last_reason == "schedule":
            self.schedule = None
        self._asked = None
        if self.authorised == "asking":
            self.authorised = "no"
        if was_online:
            self.lost_link_at = now
            self.emit(self.index, Link(t=now, who=self.name, state="offline", cause=cause))  # type: ignore[arg-type]
        self.out = (DROP,)
        self._clear(now, event)
        self._ready_at = NEVER
        self._next_late = NEVER
        self._evaluate(now)

    def _booted(self, now: int) -> None:
        self.power = "on"
        self.boots_at = NEVER
        self.emit(self.index, Power(t=now, who=self.name, state="on"))
        self.resumes = self.model.power_up.resumes
        self.unlimited = "resumes-at-unit-rating" in self.quirks
        if "forgets-share-at-power-up" in self.quirks:
            self.share_ma = 0
        if "register-restarts-at-power-up" in self.quirks:
            self.register_base_uj = self.energy_uj
        self.link.powered_up(now)
        if self.battery is not None:
            self._admit(now)
        self._evaluate(now)

    # Memory.

    def _clear(self, now: int, event: MemoryEvent) -> None:
        for cell in self.kit.cleared_by[event]:
            if cell == "hold":
                # The link has drawn one wait by its first loss, and more by any other.
                if event != "server-loss" or self.link.draws == 1 or "lifts-pause-once" not in self.quirks:
                    self.hold_until = -1
            elif cell == "schedule":
                if self.lost_link_at != now or "keeps-schedule-in-cut-online" not in self.quirks:
                    self.schedule = None
            elif cell == "override":
                self.overridden = 0
            elif cell == "amperage":
                self.amperage_ma = 0
            elif cell == "wire_rating":
                self.wire_ma = self.model.ratings.unit_rating_ma
            elif cell == "group_share":
                self.share_ma = 0
            elif cell == "offline_amperage":
                self.offline_ma = 0
            elif cell == "authorisation_list":
                self.has_list = False
            elif cell == "authorisation_cache":
                if self.cache is not None:
                    self.cache = {}
            elif cell == "message_queue":
                self.outbox.clear(now)
            elif cell == "clock":
                self.clock_set = False
            elif cell == "availability":
                self.in_service = True

    def clock_lost(self, now: int) -> None:
        """The charger forgets the time of day."""
        self.clock_set = False
        self._evaluate(now)

    def set_availability(self, now: int, *, in_service: bool) -> bool:
        """The charger is taken out of service or put back. Returns whether at once: an open transaction goes on to its end."""
        self.in_service = in_service
        if self.power == "on" and self.battery is not None and in_service and "forgets-waiting-car" not in self.quirks:
            self._admit(now)
        self._evaluate(now)
        return in_service or not self.tx_plug_in

    # The car.

    def plugged_in(self, now: int, needs_wh: int, leave_ms: int) -> None:
        """A driver connects a car that can take ``needs_wh`` and means to leave at ``leave_ms``."""
        self.plug_in += 1
        if "keeps-hold-for-next-car" in self.quirks:
            self.hold_plug_in = self.plug_in
        self.battery = Battery(self.kit.car, needs_wh)
        self.resumes = True
        self.authorised = "no"
        self.suspended = False
        self.emit(
            self.index,
            PlugIn(
                t=now, who=self.name, plug_in=self.plug_in, car=self.kit.car.name, needs_wh=self.battery.needs_wh, leave=leave_ms,
                tag=self.kit.tag,
            )
        )  # fmt: skip
        if self.power == "on":
            self._plugged_again(now)
            self._admit(now)
        self._evaluate(now)

    def _plugged_again(self, now: int) -> None:
        """Often enough, and each time soon enough, that is the driver's order to charge now."""
        rule = self.model.override_by_replug
        if rule is None:
            return
        self.replugs = self.replugs + 1 if now - self.unplugged_at <= rule.within_ms else 0
        ignored = "ignores-replug-offline" in self.quirks and not self.link.online
        if self.replugs >= rule.times and not ignored:
            self.overridden = self.plug_in

    def unplugged(self, now: int, *, again: bool = False) -> None:
        """The driver takes the car away; ``again``: to plug it in again at once."""
        if self.battery is None:
            return
        self._settle(now)
        if self.power == "on":
            self._close_transaction(now, closes_stay=True)
        self._end_stay(now, "replugged" if again else "unplugged")
        self.unplugged_at = now if self.power == "on" else LONG_AGO
        self.battery = None
        self.authorised = "no"
        self._asked = None
        if self.link.online or "keeps-hold-for-next-car" not in self.quirks:
            self._clear(now, "departure")
        self._ready_at = NEVER
        self._evaluate(now)

    def swiped(self, now: int, tag: str) -> None:
        """The driver shows a tag."""
        shows = self.battery is not None and self.power == "on" and self.in_service
        if "stops-at-swipe-offline" in self.quirks and shows and self.tx_plug_in and not self.link.online:
            self._stop(now, "")
        elif shows and self.authorised in ("no", "refused", "rejected", "stopped"):
            self._show_tag(now, tag)
            self._evaluate(now)

    def remote_stop(self, now: int) -> bool:
        """The server ends the open transaction. Returns whether there was one."""
        if not self.tx_plug_in or not self.link.online:
            return False
        self._stop(now, "Remote")
        return True

    def _stop(self, now: int, reason: Literal["", "Remote"]) -> None:
        self._settle(now)
        self.authorised = "stopped"
        self._close_transaction(now, closes_stay=False, reason=reason)
        self._evaluate(now)

    def remote_start(self, now: int, tag: str) -> bool:
        """The server begins a transaction, on a tag. Returns whether one can begin: a car is connected, none goes on, and the server has
        accepted the charger."""
        if self.battery is None or self.tx_plug_in or not (self.link.online and self.in_service) or self.authorised == "asking":
            return False
        if self.model.authorisation == "required":
            self.authorised = "no"
            self._show_tag(now, tag)
        else:
            self._authorise(now, tag)
        self._evaluate(now)
        return True

    def finish(self, now: int) -> None:
        """The run is over: settle the accounts of what still goes on."""
        self._settle(now)
        if self.battery is not None:
            self._end_stay(now, "run-over")
        self._end_series(now, self.link.end_series())

    def _end_stay(self, now: int, ended: str) -> None:
        battery = self.battery
        assert battery is not None
        missing_uj = 0 if ended == "replugged" else max(0, battery.missing_uj - battery.kind.full_uj)
        self.emit(
            self.index,
            Stay(
                t=now, who=self.name, plug_in=self.plug_in, ended=ended, wh=battery.stay_uj // UJ_PER_WH,  # type: ignore[arg-type]
                needs_wh=(battery.stay_uj + missing_uj) // UJ_PER_WH, full=battery.full,
                by_price=[(level, price, uj // UJ_PER_WH) for (level, price), uj in battery.priced_uj.items()],
            )
        )  # fmt: skip

    def _admit(self, now: int) -> None:
        """May this car charge? Decided at plug-in, at a power-up, when the link comes or goes while it is open, and back in service."""
        if not self.in_service:
            return
        rule = self.model.server_loss.new_car
        if self.authorised == "yes":
            self._open_transaction(now)
        elif self.model.authorisation == "required":
            if self.kit.tag and self.authorised == "no":
                self._show_tag(now, self.kit.tag)
        elif self.link.online or rule in ("charges", "local-list"):
            self._authorise(now)
        elif rule == "refused":
            self.authorised = "refused"

    def _authorise(self, now: int, tag: str = "") -> None:
        self.authorised = "yes"
        self.tag = tag
        self._open_transaction(now)

    def _show_tag(self, now: int, tag: str) -> None:
        if self.link.online:
            if self._asked is None:
                self.authorised = "asking"
                self._asked = request = self._request("authorise", now)
                request.tag = tag
                request.number = 1
                self.out += (request,)
                self._next_energy = min(self._next_energy, now + self.model.link.answer_timeout_ms)
            return
        self._asked = None
        self.authorised = "refused" if self.model.server_loss.new_car == "refused" else "no"
        self._decide_alone(now, tag)

    def _decide_alone(self, now: int, tag: str) -> None:
        """What the charger knows itself decides about a tag: the list before the cache, and either before the rule for unknown tags."""
        rules = self.model.server_loss
        accepted: bool | None = None
        if rules.new_car == "charges":
            accepted = True
        elif rules.new_car == "local-list":
            if self.has_list and self.kit.tag_listed and tag == self.kit.tag:
                accepted = not self.kit.tag_barred
            elif self.cache is not None:
                accepted = self.cache.get(tag)
            if accepted is None and rules.unknown_tag == "charges":
                accepted = True
        if accepted:
            self._authorise(now, tag)
        elif accepted is False:
            self.authorised = "rejected"

    # What current may flow, and why.

    def allowed(self, now: int) -> tuple[int, Reason, State, int]:
        """The most current that may flow now, in mA per phase; what sets it; the connector's state; and until when it stands.

        A function of memory, power, link and time alone; the car's own limits come in :meth:`_evaluate`.
        """
        if self.power == "off":
            return 0, "no-mains", "Unavailable", NEVER
        if self.power == "booting":
            installs = now < self.installs_until
            return 0, "updating" if installs else "booting", "Unavailable", self.installs_until if installs else NEVER
        if not (self.in_service or self.tx_plug_in):
            return 0, "out-of-service", "Unavailable", NEVER
        battery = self.battery
        if battery is None:
            return 0, "no-car", "Available", NEVER
        if self.authorised != "yes":
            return self._why_not_authorised(now)
        if self.suspended:
            return 0, "tag-refused", "SuspendedEVSE", NEVER
        if not self.resumes:
            return 0, "not-resumed", "Finishing", NEVER
        if battery.full:
            return 0, "vehicle-full", "SuspendedEV", NEVER
        if self.hold_plug_in == self.plug_in and now < self.hold_until:
            return 0, "tou-hold" if self.hold_until < NEVER else "tou-pause", "SuspendedEVSE", self.hold_until
        until = NEVER
        if self.schedule is not None and self.clock_set and self.overridden != self.plug_in:
            held, until = self._scheduled(now)
            if held:
                return 0, "schedule", "SuspendedEVSE", until
        ma, reason = self._limit()
        return ma, reason, "Charging", until

    def _why_not_authorised(self, now: int) -> tuple[int, Reason, State, int]:
        if self.authorised == "asking" and self._asked is not None:
            return 0, "not-authorised", "Preparing", self._asked.sent + self.model.link.answer_timeout_ms
        if self.authorised == "refused":
            return 0, "refused-offline", "Preparing", NEVER
        if self.authorised == "stopped":
            return 0, "stopped-remotely", "Finishing", NEVER
        if self.authorised == "rejected":
            ended = self.tx_start is not None and self.tx_start.plug_in == self.plug_in
            return 0, "tag-refused", "Finishing" if ended else "Preparing", NEVER
        if self.model.authorisation == "none":
            return 0, "waits-for-server", "Preparing", NEVER
        return 0, "not-authorised", "Preparing", NEVER

    def _scheduled(self, now: int) -> tuple[bool, int]:
        """Whether the stored schedule holds the car now, by the charger's own clock, and until when."""
        offset = self.clock_offset_ms
        if "keeps-old-utc-offset" in self.quirks:
            offset += sum(length_ms - DAY_MS for midnight, length_ms, _ in self.kit.days if midnight + CLOCKS_CHANGE_MS <= now)
        assert self.schedule is not None
        for opens, closes in self.schedule:
            if now + offset < opens:
                return False, opens - offset
            if now + offset < closes:
                return True, closes - offset
        return False, NEVER

    def _limit(self) -> tuple[int, Reason]:
        ma = self.model.ratings.unit_rating_ma
        reason: Reason = "unit-rating"
        if self.unlimited:
            return ma, reason
        if self.wire_ma < ma:
            ma, reason = self.wire_ma, "wire-rating"
        if self.share_ma and self.share_ma < ma:
            ma, reason = self.share_ma, "load-group"
        rule = self.model.server_loss.limit
        there = self.link.state == "online" or (self.link.pending and self.configured)
        if (there or rule in ("amperage", "lowest")) and self.amperage_ma and self.amperage_ma < ma:
            ma, reason = self.amperage_ma, "amperage"
        if not there and rule in ("offline-amperage", "lowest") and self.offline_ma and self._offline_limits(ma):
            ma, reason = self.offline_ma, "offline-amperage"
        return ma, reason

    def _offline_limits(self, ma: int) -> bool:
        """Whether the stored offline amperage sets the limit, where the others come to ``ma``."""
        if "forgets-offline-limit-at-boot" in self.quirks and self.link.registers:
            return False
        return self.offline_ma < ma or "raises-to-offline-amperage" in self.quirks

    def _evaluate(self, now: int) -> None:
        """Settle the energy so far, then let flow what may flow from now on."""
        self._settle(now)
        if 0 < self.hold_until <= now:
            self._hold_ran_out(now)
        if self.authorised == "asking" and self._asked is not None and now >= self._asked.sent + self.model.link.answer_timeout_ms:
            self._answer_missing(now)
        if self.energy_uj >= self.refused_at_uj:
            self._end_refused(now)
        limit_ma, reason, state, until = self.allowed(now)
        ma = 0
        tapers = False
        if state == "Charging":
            if self._ready_at == NEVER:
                self._ready_at = self._begins_at(now)
            if now < self._ready_at:
                delayed = now < self._allows_at
                reason, state = ("random-delay", "SuspendedEVSE") if delayed else ("starting", "Preparing")
                until = min(until, self._allows_at if delayed else self._ready_at)
            else:
                battery = self.battery
                assert battery is not None
                if battery.kind.maximum_ma < limit_ma:
                    limit_ma, reason = battery.kind.maximum_ma, "vehicle"
                if limit_ma < battery.kind.minimum_ma:
                    state = "SuspendedEVSE"
                else:
                    ma, tapers, lasts_ms = battery.charge(limit_ma)
                    if self.refused_at_uj < NEVER:
                        lasts_ms = battery.takes_ms(self.refused_at_uj - self.energy_uj, lasts_ms)
                    until = min(until, now + lasts_ms)
                    if tapers:
                        reason = "vehicle-taper"
        else:
            self._ready_at = NEVER
        self.ma, self.tapers = ma, tapers
        self._drawing_since = now
        self._next_energy = until
        if ma != self.last_ma or state != self.last_state or reason != self.last_reason:
            self._changed(now, ma, state, reason)

    def _begins_at(self, now: int) -> int:
        """When a charge permitted from now on begins: after the random delay, where there is one, and the start delay."""
        rules = self.model.power_up
        self._allows_at = now
        skips = "skips-random-delay" in self.quirks or ("skips-delay-at-power-up" in self.quirks and self.link.registers)
        if rules.random_delay_ms and not skips:
            self.delays += 1
            self._allows_at = now + below(self.key, RANDOM_DELAY, self.delays, rules.random_delay_ms + 1)
        return self._allows_at + rules.start_delay_ms

    def _changed(self, now: int, ma: int, state: State, reason: Reason) -> None:
        self.last_ma, self.last_state, self.last_reason = ma, state, reason
        battery = self.battery
        self.emit(
            self.index,
            Current(
                t=now, who=self.name, ma=ma, state=state, reason=reason, wh=self.energy_uj // UJ_PER_WH,
                full=battery is not None and battery.full,
            )
        )  # fmt: skip
        if self.link.online and state != self._told:
            self._tell_state(now)

    def _tell_state(self, now: int) -> None:
        """The server is to know the connector's state; as all routine traffic, it hears of it or is taken to have."""
        self._told = self.last_state
        if self.routine:
            self.out += (self._request("status", now),)
        else:
            self._changed_at = now

    def unsaid(self, after: int, upto: int) -> list[int]:
        """When in this time it would have sent a status or a reading, had routine traffic been sent; one due right now is not sent yet."""
        moments = [self._changed_at] if after < self._changed_at <= upto else []
        every = self.model.queue.meter_interval_ms
        if self.tx_plug_in and every:
            reading_at = self.tx_at + (upto - 1 - self.tx_at) // every * every
            if reading_at > max(after, self.tx_at):
                moments.append(reading_at)
        return moments

    def begin_routine(self, now: int) -> None:
        """Routine traffic is sent from now on."""
        self.routine = True
        if self.tx_plug_in:
            self._plan_reading(max(now - 1, self.tx_at))  # one due right now is not sent yet

    def _plan_reading(self, now: int) -> None:
        every = self.model.queue.meter_interval_ms
        self._next_reading = self.tx_at + ((now - self.tx_at) // every + 1) * every if every else NEVER

    def _hold_ran_out(self, now: int) -> None:
        if not self.link.online:
            if "hold-never-ends-offline" in self.quirks or ("times-hold-by-clock" in self.quirks and not self.clock_set):
                self.hold_until = NEVER
                return
            if "renews-hold-offline" in self.quirks:
                self.hold_until = now + self._held_again_ms
                return
        self.hold_until = -1

    def _settle(self, now: int) -> None:
        """Account for the energy taken since the last change, split where the price changed."""
        battery = self.battery
        since = self._drawing_since
        if not self.ma or battery is None or now <= since:
            return
        periods = self.kit.periods
        place = self._period
        while periods[place + 1].start_ms <= since:
            place += 1
        taken = 0
        while True:
            edge = periods[place + 1].start_ms
            upto = battery.taken_uj(min(edge, now) - since)
            bucket = (periods[place].level, periods[place].microprice)
            battery.priced_uj[bucket] = battery.priced_uj.get(bucket, 0) + upto - taken
            taken = upto
            if edge >= now:
                break
            place += 1
        self._period = place
        battery.missing_uj -= taken
        if battery.missing_uj - battery.kind.full_uj < self.ma * battery.kind.volt_phases:
            # Less than a millisecond's worth is missing: the rounding of the last deadline, not a charge to come.
            taken += battery.missing_uj - battery.kind.full_uj
            battery.missing_uj = battery.kind.full_uj
        self.energy_uj += taken
        battery.stay_uj += taken
        self._drawing_since = now

    # Transactions.

    def register_wh(self, now: int) -> int:
        """What the energy register shows now, in Wh."""
        battery = self.battery
        flowing_uj = battery.taken_uj(now - self._drawing_since) if self.ma and battery is not None else 0
        return (self.energy_uj + flowing_uj - self.register_base_uj) // UJ_PER_WH

    def _register_wh(self) -> int:
        return (self.energy_uj - self.register_base_uj) // UJ_PER_WH

    def _open_transaction(self, now: int) -> None:
        if self.tx_plug_in or not self.in_service:
            return
        self.tx += 1
        self.tx_plug_in = self.plug_in
        self.tx_at = now
        self.tx_from_uj = self.energy_uj
        self.seq = 0
        self.readings_from = now
        self.emit(
            self.index, Transaction(t=now, who=self.name, tx=self.tx, plug_in=self.plug_in, edge="open", wh=self.energy_uj // UJ_PER_WH)
        )
        self.tx_start = request = self._request("transaction-start", now)
        request.wh = self._register_wh()
        if self.tag:
            request.tag = self.tag
        if self.routine:
            self._plan_reading(now)
        if "loses-start" not in self.quirks or self.link.online:
            self._queue(now, request)
        self._send_queued(now)

    def _tag_refused(self, now: int) -> None:
        """The server does not accept the tag of the open transaction."""
        self.refused_at_uj = self.tx_from_uj + self.model.tag_refused.energy_wh * UJ_PER_WH
        self._evaluate(now)

    def _end_refused(self, now: int) -> None:
        """Nothing more may be delivered on a tag that the server does not accept."""
        self.refused_at_uj = NEVER
        if self.model.tag_refused.transaction == "suspends":
            self.suspended = True
        else:
            self.authorised = "rejected"
            self._close_transaction(now, closes_stay=False, reason="DeAuthorized")

    def _close_transaction(self, now: int, *, closes_stay: bool, reason: Literal["", "DeAuthorized", "Remote"] = "") -> None:
        if not self.tx_plug_in:
            return
        self._count_readings(now)
        self.emit(
            self.index, Transaction(t=now, who=self.name, tx=self.tx, plug_in=self.tx_plug_in, edge="close", wh=self.energy_uj // UJ_PER_WH)
        )
        for _ in range(2 if "sends-stop-twice" in self.quirks else 1):
            request = self._request("transaction-end", now)
            request.plug_in = self.tx_plug_in
            request.wh = self._register_wh()
            request.start = self.tx_start
            request.closes_stay = closes_stay
            request.reason = reason
            self._queue(now, request)
        self.tx_plug_in = 0
        self.refused_at_uj = NEVER
        self._next_reading = NEVER
        self._send_queued(now)

    def _count_readings(self, now: int) -> None:
        """Queue the readings taken since the server last answered, where the model keeps them."""
        rules = self.model.queue
        if not (rules.meter_values and rules.meter_interval_ms and self.tx_plug_in) or self.lost_link_at == NEVER:
            return
        since = max(self.lost_link_at, self.readings_from)
        every = rules.meter_interval_ms
        count = (now - self.tx_at) // every - max(0, since - self.tx_at) // every
        self.readings_from = now
        if count > 0:
            request = self._request("meter-values", now)
            request.count = count
            request.offline = self.model.protocol == "ocpp2.0.1"  # the readings are of the outage, though the link is online by now
            request.wh = self.register_wh(now)
            self.seq += 0 if "numbers-readings-once" in self.quirks else count - 1
            self._queue(now, request)

    def _request(self, action: str, now: int) -> Request:
        request = Request(action, now, self.plug_in if self.battery is not None else 0)  # type: ignore[arg-type]
        if action in ("transaction-start", "transaction-end", "meter-values"):
            request.tx = self.tx
            request.seq = self.seq
            self.seq += 1
        if self.link.state != "online" and self.model.protocol == "ocpp2.0.1":
            request.offline = not (self.link.pending and "flags-pending-as-online" in self.quirks)
        if not self.clock_set:
            request.unset = True
        return request

    def _send_queued(self, now: int) -> None:
        if not self.outbox.queue or not self.link.online:
            return
        while (request := self.outbox.next_to_send(now)) is not None:
            if not request.stamped:
                # The time of an event under an unset clock is put together when the clock is set again, from the monotonic timer.
                request.stamped = True
                request.stamp = request.at + self.clock_offset_ms
                if request.unset and "stamps-1970" in self.quirks:
                    request.stamp = request.at - self.kit.epoch_ms
            elif "stamps-repeats-anew" in self.quirks and request.number > 1:
                request.stamp = now + self.clock_offset_ms
            self.out += (request,)

    # The link.

    def connected(self, now: int) -> None:
        """The connection that was asked for is open."""
        if self.link.state != "trying":
            return
        if self.link.registers and not ("registers-only-once" in self.quirks and self.link.waits):
            self.out += (self._request("registration", now),)
        elif "awaits-boot-after-reconnect" not in self.quirks:
            self._online(now, "connected")

    def connect_failed(self, now: int) -> None:
        """The connection that was asked for was refused."""
        if self.link.state == "trying":
            self._attempt_failed(now)

    def disconnected(self, now: int, cause: str) -> None:
        """The far end closed (``closed``) or reset (``reset``) the connection."""
        if self.link.state == "online":
            self._server_lost(now, cause)
        elif "awaits-acceptance-for-ever" in self.quirks and self.link.pending:
            self.link.asks_at = self.link.next_at = NEVER
        elif self.link.state == "trying":
            self._attempt_failed(now)

    def answer(self, now: int, request: Request, answer: Answer) -> None:
        """The server's answer to a request came in."""
        link = self.link
        action = request.action
        accepted = answer.result == "accepted"
        if action == "keepalive":
            if link.state == "online":
                link.answered_at = now
                if not self.clock_set:
                    self._sets_clock(now, answer)
            elif link.state == "trying" and accepted and not link.registers and self.model.link.transport == "udp":
                self._online(now, "connected")
        elif action == "registration":
            if link.state == "trying" and link.registers:
                self._registered(now, answer)
        elif action == "authorise":
            if request is self._asked:
                self._asked = None
                self.authorised = "no"
                self._remember(request.tag, answer)
                if accepted:
                    self._authorise(now, request.tag)
                elif answer.result == "rejected":
                    self.authorised = "rejected"
                self._evaluate(now)
        else:
            in_flight = request is self.outbox.in_flight
            self.outbox.answered(request, now, good=answer.result != "error")
            if in_flight and request.tag:
                self._remember(request.tag, answer)
                if answer.result == "rejected" and self.tx_plug_in and request.tx == self.tx:
                    self._tag_refused(now)
            self._send_queued(now)
        self._heard(now)

    def _heard(self, now: int) -> None:
        """The server has said something: with the first word after a return a charge that goes on may begin anew."""
        if self.returned and self.link.online:
            self.returned = False
            if "skips-delay-at-return" not in self.quirks:
                self._ready_at = NEVER
                self._link_changed(now)

    def _remember(self, tag: str, answer: Answer) -> None:
        if self.cache is not None and answer.result != "error":
            self.cache[tag] = answer.result == "accepted"

    def _registered(self, now: int, answer: Answer) -> None:
        if answer.result == "error":
            self._attempt_failed(now)
        elif answer.result == "rejected":
            self._attempt_failed(now, not_before=now + answer.interval_ms)
        elif answer.result == "pending":
            self.link.put_off(now, answer.interval_ms)
            self._sets_clock(now, answer)
        else:
            self.clock_offset_ms = answer.clock_offset_ms
            self.clock_set = True
            self._online(now, "registered")

    def _sets_clock(self, now: int, answer: Answer) -> None:
        self.clock_set = True
        self.clock_offset_ms = answer.clock_offset_ms
        self._evaluate(now)

    def command(self, now: int, order: Order) -> bool:
        """The server's command came in. Returns whether it was accepted; naming another plug-in, it is ignored."""
        self.unlimited = False
        name = order.name
        accepted = True
        if name in ("hold", "pause", "release"):
            accepted = self.battery is not None and order.plug_in == self.plug_in
        if accepted:
            self._obey(now, order)
        self.emit(
            self.index,
            Command(
                t=now, who=self.name, command=name, sent=order.sent, plug_in=order.plug_in, duration_ms=order.duration_ms, ma=order.ma,
                on=order.on, result="accepted" if accepted else "ignored", origin=order.origin,
            )
        )  # fmt: skip
        if accepted:
            self._evaluate(now)
        self._heard(now)
        return accepted

    def _obey(self, now: int, order: Order) -> None:
        name = order.name
        if name == "hold":
            stands_ms = max(0, self.hold_until - now) if "adds-second-hold" in self.quirks else 0
            self.hold_plug_in, self.hold_until = order.plug_in, now + order.duration_ms + stands_ms
            self._held_again_ms = order.duration_ms
        elif name == "pause":
            self.hold_plug_in, self.hold_until = order.plug_in, NEVER
        elif name == "release":
            if "ignores-release-on-return" in self.quirks and now - self.link.phase < SETTLES_MS:
                return
            if "forgets-amperage-at-release" in self.quirks and now < self.hold_until:
                self.amperage_ma = 0
            self.hold_until = -1
            self._allows_at = now
            if self.model.tou == "schedule":
                self.overridden = order.plug_in  # also where no schedule is on now: one may come
            if self._ready_at != NEVER:
                self._ready_at = min(self._ready_at, now + self.model.power_up.start_delay_ms)
        elif name == "amperage":
            if "ignores-amperage-while-starting" in self.quirks and now < self._ready_at < NEVER:
                return
            self.configured = self.link.pending
            if "applies-amperage-late" in self.quirks:
                self.late_ma, self._next_late = order.ma, now + LATE_AMPERAGE_MS
            elif "swaps-amperages" in self.quirks:
                self.offline_ma = order.ma
            else:
                self.amperage_ma = order.ma
        elif name == "share":
            self.share_ma = order.ma
        elif not order.on:
            self.schedule = None
        elif self.schedule is None or "keeps-first-schedule" not in self.quirks:
            self.schedule = order.windows

    def attempt(self, now: int) -> None:
        """Begin an attempt to reach the server."""
        self.link.attempt(now)
        if self.model.link.transport == "udp":
            request = self._request("registration" if self.link.registers else "keepalive", now)
            request.anew = True
            self.out += (request,)
        else:
            self.out += (self._request("connect", now),)

    def _attempt_failed(self, now: int, *, not_before: int = 0) -> None:
        self.link.attempt_failed(now, not_before=not_before)
        if self.configured:
            self.configured = False
            self._link_changed(now)
        self.out += (DROP,)

    def _end_series(self, now: int, series: Series | None) -> None:
        if series is not None:
            self.emit(
            self.index,
                Attempts(
                    t=now, who=self.name, first=series.first, last=series.last, count=series.count, gaps=series.gaps,
                    more=series.more, least_gap=series.least_gap,
                )
            )  # fmt: skip

    def _online(self, now: int, cause: str) -> None:
        self._end_series(now, self.link.came_online(now))
        self.emit(self.index, Link(t=now, who=self.name, state="online", cause=cause))  # type: ignore[arg-type]
        self._count_readings(now)
        if self.model.link.transport == "websocket":
            self.out += (self._request("keepalive", now),)
            threshold_ms = self.model.queue.status_after_ms
            if cause == "registered" or self.last_state != self._told or 0 < threshold_ms < now - self.lost_link_at:
                self._tell_state(now)
        self.lost_link_at = NEVER
        if self.battery is not None and self.authorised == "no":
            self._admit(now)
        self._send_queued(now)
        self.returned = self.model.power_up.delay_at_return
        self._link_changed(now)

    def _link_changed(self, now: int) -> None:
        """Without a car the link decides nothing about the current."""
        if self.battery is not None:
            self._evaluate(now)

    def _server_lost(self, now: int, cause: str) -> None:
        """The charger notices that its server is lost."""
        self.lost_link_at = self.link.answered_at if cause == "silence" else now
        self.link.lost(now)
        self.emit(self.index, Link(t=now, who=self.name, state="offline", cause=cause))  # type: ignore[arg-type]
        self.out += (DROP,)
        self.outbox.link_lost(now)
        self._clear(now, "server-loss")
        if self._asked is not None:
            self._answer_missing(now)
        elif self.battery is not None and self.authorised == "no":
            self._admit(now)
        self._link_changed(now)

    def _answer_missing(self, now: int) -> None:
        """The answer to an authorisation is overdue, or its link is gone: what the charger knows itself decides."""
        asked = self._asked
        assert asked is not None
        self._asked = None
        why: Literal["timeout", "link-lost"] = "timeout" if self.link.online else "link-lost"
        self.emit(self.index, Failed(t=now, who=self.name, action="authorise", sent=asked.sent, why=why))
        self.authorised = "no"
        self._decide_alone(now, asked.tag)
