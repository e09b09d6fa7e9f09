"""What is known of each charger from evidence alone: settings, messages delivered and acknowledged, actions, the current drawn.

Theory of operation. The records of one charger at one millisecond are an *instant*. :class:`Evidence` holds levels, as they are at the
end of the last instant, and the :data:`flags <LOSS>` of what happened in it. Nothing here reads what only explains: a reason for
a current, a link's own view of why it left. Mains, boot and noticing count at the latest at the model's bounds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from harness.check.obligation import FOREVER, Ending, Obligation, Outcome, Rule
from harness.check.witness import story
from harness.journal.records import AnyRecord, Command, Loss, Message, Power
from harness.values import Chargers, Scenario, Timetable, timetable

PLUGGED = 1
UNPLUGGED = 2
CAR = 4
"""A car is connected, or drew until now."""
MAINS_OFF = 8
MAINS_ON = 16
UP = 32
"""The boot has ended."""
RESTART = 64
"""An injected restart, mains present."""
LOSS = 128
RECOVERY = 256
BLIP = 512
"""The recovery ends a blip."""
HELD = 1024
"""A hold or pause was delivered."""
RELEASED = 2048
COMMANDED = 4096
"""Any command was delivered."""
ASKED = 8192
"""A driver asked for something in the app."""
OVERRIDDEN = 16384
"""The server accepted an override, or a pause in its place."""
TOU_CHANGED = 32768
LINKED = 65536
FAULTED = 131072

Windows = Sequence[tuple[int, int]]
Parked = tuple["Duty", Outcome, Ending]
"""An obligation that a loss ended, how it ended then, and what has come since that would have ended it without the loss."""
Violation = tuple[str, list[AnyRecord]]
"""What should have happened and what did, and the records that show it."""


class Panel:
    """The rules that judge a charger, laid out for speed. Chargers of one profile share one, less what a fault exempts."""

    __slots__ = ("_at", "_checks", "current", "rules", "spans", "starts")

    def __init__(self, rules: dict[str, Rule], checks: dict[str, Any]) -> None:
        self.rules = rules
        self.current = rules.get("current-within-limits")
        self.starts = "random-delay-applied" in rules
        self._checks = [(checks[name], rule) for name, rule in rules.items() if name in checks]
        self.spans = tuple((check, rule) for check, rule in self._checks if check.spans)
        """Checks that see every instant of an outage."""
        self._at: dict[int, tuple[tuple[Any, Rule], ...]] = {}

    def at(self, flags: int) -> tuple[tuple[Any, Rule], ...]:
        """The checks that may start an obligation at an instant with these flags; without :data:`CAR` those that need no car."""
        found = self._at.get(flags)
        if found is None:
            self._at[flags] = found = tuple(
                (check, rule) for check, rule in self._checks if check.sees & flags and (flags & CAR or not check.needs_car)
            )
        return found

    def without(self, names: set[str], checks: dict[str, Any]) -> Panel:
        """The panel less some rules."""
        return Panel({name: rule for name, rule in self.rules.items() if name not in names}, checks)


class Profile:
    """What chargers of one entry share: model, delays, limits, hold windows, and the rules that judge them."""

    __slots__ = (
        "alone_ma", "amperage_ma", "authorises", "boot_ms", "entry", "forgets", "grace_ms", "latency_ms", "listed",
        "minimum_ma", "model", "noticing_ms", "offline_ma", "panel", "phases", "queueing_ms", "schedules", "start_ms", "tariff",
        "timetable", "tou_on", "unit_ma", "unknown", "wire_ma",
    )  # fmt: skip

    def __init__(self, scenario: Scenario, entry: Chargers, panel: Panel, chargers: int) -> None:
        model = scenario.models[entry.model]
        vehicle = scenario.vehicles[entry.car]
        ratings, settings = model.ratings, entry.settings
        phases = min(ratings.phases, vehicle.phases, scenario.supply.phases)
        self.phases = settings.phases_of(phases, scenario.supply)
        """The building's phases that the car draws on."""
        limits = panel.current
        self.entry = entry
        self.model = model
        self.panel = panel
        self.latency_ms = scenario.networks[entry.network].latency_ms
        self.queueing_ms = chargers * 1000 // scenario.server.answers_per_s
        self.noticing_ms = model.link.noticing_ms
        self.boot_ms = model.power_up.boot_ms
        self.start_ms = model.power_up.start_delay_ms + model.power_up.random_delay_ms
        self.unit_ma = (limits and limits.bound_ma) or ratings.unit_rating_ma
        self.grace_ms = limits.bound_ms if limits else 0
        self.wire_ma = ratings.wire_rating_ma if settings.wire_rating_ma is None else settings.wire_rating_ma
        self.offline_ma = settings.offline_ma(ratings, phases)
        self.amperage_ma = settings.amperage_ma or 0
        self.minimum_ma = vehicle.minimum_ma
        self.alone_ma = min(ratings.unit_rating_ma, vehicle.ac_w * 1000 // (scenario.supply.voltage_v * phases))
        """What the car would draw if nothing but the unit limited it."""
        self.authorises = model.authorisation == "required"
        self.listed = entry.tag_listed and not entry.tag_barred and bool(entry.tag)
        self.unknown = bool(entry.tag) and not entry.tag_listed and not entry.tag_barred
        self.schedules = model.tou == "schedule"
        self.forgets = frozenset(scenario.server.forgets_at_restart)
        self.tariff = scenario.tariffs[entry.tariff]
        self.tou_on = entry.tou is not None and entry.tou.on and model.tou != "none"
        charge_in = entry.tou.charge_in if entry.tou is not None else ()
        self.timetable = timetable(self.tariff, charge_in, scenario.duration_ms) if entry.tou is not None else Timetable()


class Shard:
    """A part of the server, as its records tell."""

    __slots__ = ("acting", "back_at", "log", "puts_off", "state", "state_at")

    def __init__(self) -> None:
        self.acting: set[str] = set()
        """The steps of the plan that trouble it now."""
        self.puts_off: dict[str, int] = {}
        """Those of them by which it accepts no registration, and after how long each wants to be asked again."""
        self.state = "up"
        self.state_at = -1
        """Since when it has been in this state."""
        self.back_at = -1
        """When it last came back, or the last trouble ended."""
        self.log: list[AnyRecord] = []
        """Its last changes."""


_NEVER_YET = -FOREVER


class Evidence:
    """One charger's evidence. Levels are as at the end of the last instant."""

    __slots__ = (
        "__dict__", "amperage_before", "amperage_ma", "announced", "authorised_at", "busy", "connected", "cut_hold", "done", "drew",
        "flags", "forgot_at", "full", "held_by", "held_until", "limit_ma", "link_at", "link_online", "live", "log", "loss",
        "lost_by", "ma", "mains", "name", "outage", "outcomes", "over_since", "override_at", "panel", "parked",
        "paused_at", "plug_in", "plugged_at", "profile", "recovered_at", "released_at", "scheduled", "settled_at", "shard", "share_ma",
        "since", "state", "t", "timetable", "tou_on", "touched", "traffic", "troubled_until", "unplugged_at", "up_from",
        "wake", "wanted_ma", "was_ma",
    )  # fmt: skip

    # What hardly any charger ever has otherwise stands in the class: of a crowd each has an evidence of its own.
    own: Any = None
    """What the scenario's own checks saw of it."""
    in_service: bool = True
    """What it was told last, by a step of the plan or by its server."""
    over_failed: bool = False
    """Its current was above its limit for too long in this stay."""
    swapped: bool = False
    """The car came while there was no mains, in the place of another: nobody can know."""
    replugs: int = 0
    """How many times in a row a car was plugged in again as soon as its model wants it, to charge now."""
    asked_at: int = -1
    """When the charger sent the question about a tag that its server answered last."""
    unanswered_at: int = -1
    """When it sent the last one to which it got no answer in time."""
    refused: int = 0
    """The last plug-in of whose tag the server said, told of a transaction's start, that it is not accepted."""
    barred: bool = False
    """The charger keeps the server's answers about tags, and the last about this driver's was no."""
    list_lost: bool = False
    """The list of tags is no longer what was delivered."""
    power: tuple[Power, ...] = ()
    """The records of the last loss and return of power."""
    car_at_off: bool = False
    cycled: bool = False
    """Mains was lost since a schedule was last acknowledged."""
    restored_at: int = -1
    lifted_at: int = -1
    """When the server accepted the pause that an override has lifted since, and all was not settled after that."""
    pause_unsure: bool = False
    """It forgot such an override, and nobody can tell whether it had heard by then that the charger obeyed it: if not, the pause stands
    again."""
    wiped_at: int = -1
    """When its server last lost its settings, without going down."""
    needs_registration: bool = False
    put_off: Message | None = None
    """The registration that its server has put off last since its last restart."""
    put_off_until: int = -1
    """When it was told to ask again."""
    acting: set[str] | None = None
    """The steps of the plan that trouble this charger now."""
    installs: set[str] | None = None
    """Those of them that install firmware, and have neither been cut short by a restart nor by loss of mains."""
    closed_by: frozenset[str] = frozenset()
    """The steps that act now and take it out of service: the last of them to end puts it back."""
    service_at: int = -1
    """When it was last taken out of service, or put back."""
    unseen_until: int = -1
    """Up to when nothing tells what the charger draws."""
    ordered_at: int = -1
    """When the last schedule or limit was acknowledged."""
    amperage_ack: int = 0
    """The amperage last acknowledged."""
    amperage_at: int = -1
    """When that was."""
    amperage_told: int = 0
    """The amperage acknowledged since the last power-up; 0: none."""
    changes: list[tuple[int, bool, Timetable, int, int, int]] | None = None
    """What the server stored before each accepted change: (when it changed, time-of-use on, hold windows, amperage, when it had accepted
    the override and the pause that stood)."""
    groups: tuple[Any, ...] = ()
    requests: Any = None

    def __init__(self, name: str, profile: Profile, shard: Shard, share_ma: int, panel: Panel) -> None:
        self.name = name
        self.profile = profile
        self.shard = shard
        self.share_ma = share_ma
        """The share of its load group last acknowledged; 0: it is in none."""
        self.panel = panel
        """The rules that judge this charger: its profile's, less those that a fault has exempted."""
        self.t = 0
        self.flags = 0
        self.wake = FOREVER
        """When evidence next changes by time alone, as far as anything judged depends on it."""
        self.connected = False
        self.plug_in = 0
        self.plugged_at = 0
        self.unplugged_at = _NEVER_YET
        """When a car was last unplugged from the station while it worked."""
        self.full = False
        self.authorised_at = -1
        self.ma = 0
        self.was_ma = 0
        """The current before this instant."""
        self.state = "Available"
        self.announced = 0
        """The last plug-in that the server was told of, by a transaction's start or at a return."""
        self.drew = False
        """Current has flowed in this stay."""
        self.mains = True
        self.up_from = 0
        """From when it counts as working."""
        self._never_disturbed()
        self._as_installed()

    def _never_disturbed(self) -> None:
        """No outage yet, nor anything judged."""
        self.outage = False
        self.since = 0
        """When the outage began."""
        self.lost_by = 0
        """When its server was lost at the latest: from then on the charger has so long to notice."""
        self.loss: Loss | None = None
        self.recovered_at = -1
        self.forgot_at = -1
        """When its server last restarted or was restored."""
        self.link_online = True
        self.link_at = 0
        self.troubled_until = 0
        self.settled_at = -1
        """When all was last settled."""
        self.touched: frozenset[str] = frozenset()
        """The kinds of fault that have touched this charger."""
        self.log: list[AnyRecord] = []
        """What bore on this charger since its car came, at most :data:`harness.check.witness.LOG_LENGTH` records or a few more."""
        self.live: tuple[Duty, ...] = ()
        self.busy = 0
        """The bits of the checks that have an obligation in ``live``."""
        self.done = 0
        """The bits of the checks that start no obligation in this instant, as one has just ended."""
        self.parked: list[Parked] | None = None
        """What the loss ended, unless it turns out to be a blip."""
        self.outcomes: list[tuple[Duty, Outcome, Violation | None]] | None = None
        """What this outage has yielded, until it is known not to be a blip."""
        self.over_since = -1
        """Since when the current has been above its limit; −1: it is not."""
        self.traffic: Any = None

    def _as_installed(self) -> None:
        """No command yet: the settings are those of the scenario."""
        profile = self.profile
        self.held_by: Command | None = None
        self.held_until = -1
        self.cut_hold: tuple[Command, int] | None = None
        """The hold that loss of mains erased in this outage, and when it would have ended."""
        self.released_at = -1
        """When a charger with a stored schedule acknowledged that it is to charge this car now."""
        self.override_at = -1
        """When the server accepted the override of this plug-in, as long as it remembers it."""
        self.paused_at = -1
        """When the server accepted the pause of this plug-in, as long as it is to stand."""
        self.tou_on = profile.tou_on
        self.timetable = profile.timetable
        self.scheduled: Windows | None = profile.timetable.at(0) if profile.schedules and profile.tou_on else None
        """The hold windows of the schedule last acknowledged; None: it is off."""
        self.amperage_ma = profile.amperage_ma
        """The amperage that binds; 0: none does."""
        self.wanted_ma = profile.amperage_ma
        """The amperage that the server stores."""
        self.amperage_before = 0
        """The amperage that bound before the loss, or came in during the outage."""
        self.limit_ma = 0
        """The limit that binds now."""
        if profile.amperage_ma:
            self.amperage_ack = self.amperage_told = profile.amperage_ma
        self.bind()

    # Levels.

    def bind(self) -> None:
        """Find the limit that binds now: unit, wiring, load group and amperage."""
        limit_ma = min(self.profile.unit_ma, self.profile.wire_ma)
        if self.share_ma:
            limit_ma = min(limit_ma, self.share_ma)
        if self.amperage_ma:
            limit_ma = min(limit_ma, self.amperage_ma)
        self.limit_ma = limit_ma

    def wants(self) -> bool:
        """A car is connected that may charge, can take more, and has mains, a share to charge with and a station in service."""
        return self.in_service and self.hungry()

    def hungry(self) -> bool:
        """The same, whether or not the station is in service."""
        return (
            self.connected and self.mains and not self.full and (not self.share_ma or self.share_ma >= self.profile.minimum_ma)
            and (not self.profile.authorises or self.authorised_at >= 0)
        )  # fmt: skip

    def serves(self, t: int, *, in_service: bool) -> None:
        """The station is taken out of service, or put back: whoever said so last is obeyed, be it a step or the server."""
        if in_service != self.in_service:
            self.in_service = in_service
            self.service_at = t

    def configured(self) -> bool:
        """Put off by its server, and so not online, it was told an amperage during this outage: that is in force, whatever applies
        offline."""
        return self.outage and not self.link_online and self.amperage_at > max(self.since, self.link_at)

    def held(self, t: int) -> bool:
        """A hold or pause stands: delivered for this plug-in, not run out, not erased."""
        return t < self.held_until

    def held_from_before(self, t: int) -> bool:
        """A standing hold that was sent before the loss, or as it came: later ones are no excuse, but those that the driver asked for."""
        if self.held_by is None or t >= self.held_until:
            return False
        return self.held_by.sent <= self.since or self.held_by.origin > 0

    def window(self, t: int, windows: Windows | None = None) -> tuple[int, int] | None:
        """The hold window that is open at ``t``, of the tariff as the server knows it or of those given."""
        windows = self.timetable.at(t) if windows is None else windows
        place = bisect_right(windows, (t, FOREVER)) - 1
        return windows[place] if place >= 0 and t < windows[place][1] else None

    def next_edge(self, t: int, windows: Windows) -> int:
        """When a window next opens or closes after ``t``."""
        place = bisect_right(windows, (t, FOREVER))
        closes = windows[place - 1][1] if place else -1
        if closes > t:
            return closes
        return windows[place][0] if place < len(windows) else FOREVER

    def override(self) -> int:
        """When the override of this plug-in was accepted that no restart of the server came after; −1: there is none."""
        return self.override_at if self.override_at > self.forgot_at else -1

    def stores_anew(self, t: int) -> None:
        """What the server stores changes: what it was is kept, as a backup may bring it back."""
        if self.changes is None:
            self.changes = []
        self.changes.append((t, self.tou_on, self.timetable, self.wanted_ma, self.override_at, self.paused_at))

    def in_doubt(self) -> bool:
        """An override was accepted in the very instant of a restart: nobody can tell which came first."""
        return self.override_at == self.forgot_at >= 0

    def plugged_again(self, t: int) -> bool:
        """A car is plugged in: whether that is, by the model, its driver's order to charge now."""
        rule = self.profile.model.override_by_replug
        if rule is None or not self.works(t):
            return False
        self.replugs = self.replugs + 1 if t - self.unplugged_at <= rule.within_ms else 0
        return self.replugs >= rule.times

    def works(self, t: int) -> bool:
        """Mains is there, and the boot is over; in the millisecond in which it ends, once that is recorded."""
        return self.mains and (t > self.up_from or (t == self.up_from and bool(self.flags & UP)))

    def overridden(self) -> bool:
        """The charger acknowledged, for this plug-in, that it is to charge in spite of its stored schedule, or was told so by the plug."""
        return self.released_at >= 0

    def calm(self) -> bool:
        """No car is there and nothing is under way: what is yet to go wrong begins later than now."""
        busy = self.connected or self.outage or self.live or self.parked or self.requests is not None or self.own is not None
        return self.mains and self.link_online and not busy

    def story(self, began: int, at: int, *extra: AnyRecord | None) -> list[AnyRecord]:
        """The records that show what went wrong between ``began`` and ``at``, with ``extra`` in any case."""
        return story([*self.shard.log, *self.log], began, at, extra=extra)


class Duty(Obligation):
    """An obligation of one charger under one rule.

    ``draws``: the goal is that current flows (otherwise what it is depends on the check). ``until_at``: a known end. ``limit_ma``: the
    current allowed. A goal is due ``bound_ms`` after ``base``.
    """

    __slots__ = ("bound_ms", "check", "draws", "from_ms", "limit_ma", "record", "rule", "seen_ma", "shows", "silenced", "until_at")

    def __init__(
        self, check: Any, rule: Rule, began: int, *, level: bool, base: int, bound_ms: int, draws: bool = False, once: bool = False,
        early: bool = True, until_at: int = FOREVER, limit_ma: int = 0, record: AnyRecord | None = None,
    ) -> None:  # fmt: skip
        super().__init__(began, level=level, deadline=base + bound_ms, base=base, once=once, early=early)
        self.check = check
        self.rule = rule
        self.from_ms = base
        self.bound_ms = bound_ms
        self.draws = draws
        self.until_at = until_at
        self.limit_ma = limit_ma
        self.seen_ma = 0
        self.shows = True
        """Being met, it has shown what is promised; otherwise a charger that breaks the promise would have met it too."""
        self.record = record
        """What triggered it, where that is not among the usual witnesses."""
        self.silenced = False
        """Its outcome is counted; it stands only so that the same stretch of time triggers nothing again."""

    def bound(self) -> tuple[float, str] | None:
        """The bound that it is measured against, with its unit; None: it has none, or only a known end."""
        if self.limit_ma:
            return self.limit_ma / 1000, "A"
        return (self.bound_ms / 1000, "s") if self.bound_ms and (self.draws or self.once) else None

    def demand(self, t: int, base: int, bound_ms: int, *, level: bool) -> None:
        """From now on the goal is that the car draws ``bound_ms`` after ``base``."""
        self.draws = True
        self.level, self.since = level, t
        self.base = self.from_ms = base
        self.bound_ms = bound_ms
        self.deadline = base + bound_ms
        self.until_at = FOREVER

    def resume(self, t: int, since: int, *, level: bool) -> None:
        """A blip that began at ``since`` is over: a bound that was running then runs anew."""
        if self.deadline >= since:
            self.base = self.from_ms = t
            self.deadline = t + self.bound_ms
        self.level, self.since = level, t
