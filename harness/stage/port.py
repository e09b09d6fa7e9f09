"""Where one charger meets the simulated stage: its path to the server, what is under way on it, and the outage it is in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from harness.values import Session, Step
from harness.world.chance import JITTER, below
from harness.world.charger import Charger
from harness.world.driver import NOBODY, Driver
from harness.world.link import NEVER, Link
from harness.world.server import Account, Cause

HOUR_MS = 3_600_000


class Waiting(NamedTuple):
    """Something that arrived and cannot go on: on a cut path, or at a server that hangs."""

    arrived_at: int
    place: int
    """The charger's; −1 for a driver's request in the app."""
    epoch: int
    """Over which connection it came."""
    do: Callable[..., None]
    arguments: tuple[Any, ...]

    @staticmethod
    def in_order(waiting: list[Waiting]) -> list[Waiting]:
        """By arrival: what was computed afterwards takes its place among what really came."""
        return sorted(waiting, key=lambda one: (one.arrived_at, one.place))


@dataclass(slots=True, eq=False)
class MessageFault:
    """A message fault at work."""

    step: Step
    kind: str
    action: str
    direction: str
    nth: int
    times: int | None
    delay_ms: int
    places: list[int]
    seen: int = 0
    applied: int = 0


@dataclass(slots=True, eq=False)
class Strays:
    """A fault at work by which some datagrams are lost, doubled or late."""

    kind: str
    """``loss``, ``duplicate`` or ``reorder``."""
    purpose: int
    """Of its draws."""
    share_permille: int
    late_ms: int
    applied: int = 0


@dataclass(slots=True, eq=False)
class Door:
    """A fault at work that lets nobody connect anew."""

    links: list[Link]
    """Those of its targets."""
    tried_before: int
    """How many attempts they had made as it began."""

    @property
    def applied(self) -> int:
        """How many attempts it has met."""
        return sum(link.tried for link in self.links) - self.tried_before


@dataclass(slots=True, eq=False)
class Bans:
    """A server at work that bans a charger for a while that connects too often."""

    step: Step
    limit: int
    ban_ms: int
    met_at: dict[int, list[int]] = field(default_factory=dict)
    """Place → when that charger has connected within the last hour, since it was last banned."""
    banned: list[int] = field(default_factory=list)
    """The places of those that are."""
    applied: int = 0

    def exceeds(self, place: int, now: int) -> bool:
        """A charger connects: whether that is once too often."""
        met_at = [*(at for at in self.met_at.pop(place, ()) if at > now - HOUR_MS), now]
        if len(met_at) <= self.limit:
            self.met_at[place] = met_at
        return len(met_at) > self.limit


class Effect(Protocol):
    """What counts how often a fault has acted."""

    @property
    def applied(self) -> int:
        """How often."""


class BrownOut(Cause):
    """A cause for which a shard answers no more than so many requests."""

    __slots__ = ("answers_per_ks", "over_ms", "since")

    def __init__(self, since: int, answers_per_ks: int, over_ms: int) -> None:
        super().__init__()
        self.since = since
        self.answers_per_ks = answers_per_ks
        """In a thousand seconds, all shards together."""
        self.over_ms = over_ms
        """Over how long the capacity falls to that."""

    def per_ks(self, now: int, own_per_ks: int) -> int:
        """The capacity that it leaves of a server's own."""
        lost = max(0, own_per_ks - self.answers_per_ks)
        passed_ms = now - self.since
        return own_per_ks - (lost if passed_ms >= self.over_ms else lost * passed_ms // self.over_ms)


class Port:
    """One charger on the stage."""

    __slots__ = (
        "account", "arrives", "away", "banned", "behind_at", "charger", "cuts", "distrusts", "down_at", "down_free_at", "drawn", "driver",
        "due", "epoch", "exact", "extra_ms", "faults", "holes", "jitter_ms", "latency_ms", "later_timers", "left_online", "legs",
        "lost_at", "nameless", "pass_ms", "pending", "place", "ready_at", "seen_lost_at", "seen_online", "seen_pending", "shut", "strays",
        "tcp", "timer", "up_at", "up_free_at", "waits_in",
    )  # fmt: skip

    def __init__(self, place: int, charger: Charger, account: Account, driver: Driver, latency_ms: int) -> None:
        self.place = place
        self.charger = charger
        self.account = account
        self.driver = driver
        self.latency_ms = latency_ms
        self.tcp = charger.model.link.transport == "websocket"
        self.due = NEVER
        """When the charger or its driver next does something."""
        self.timer = NEVER
        """The earliest time for which a timer is set."""
        self.later_timers: tuple[int, ...] = ()
        """The others, the earliest last."""
        self.arrives = -1
        """When the last request that was sent leg by leg arrives."""
        self.pending = 0
        """How many messages, answers and closings are under way, leg by leg: while any is, nothing is carried in one go past it."""
        self.up_at = 0
        self.down_at = 0
        """When what was last sent to the server, or to the charger, gets there: on one TCP connection nothing overtakes it."""
        self.behind_at = 0
        """Of a dead link: when what was sent to the server before it was dead gets there, at the latest."""
        self.ready_at = 0
        """When a slow server sends what it has for this charger last; what it has later comes behind that."""
        self.waits_in: tuple[int, int, int] | None = None
        """In which queue that waits: of a shard, one life of its process, and one connection."""
        self.epoch = 0
        """Which connection this is; messages of an earlier one are lost."""
        self.cuts = 0
        self.holes = 0
        self.shut = 0
        """Causes for which the server itself is closed to this charger alone: drained before its shard goes down."""
        self.extra_ms = 0
        self.jitter_ms = 0
        """By how much longer at the most each message travels, by chance."""
        self.pass_ms = 0
        """How long each message takes to pass a narrow path, one after the other."""
        self.up_free_at = self.down_free_at = 0
        """When what was last sent over it, to the server or to the charger, has passed."""
        self.strays: tuple[Strays, ...] = ()
        self.drawn = 0
        """The ordinal of the last draw about a message."""
        self.nameless = 0
        self.distrusts = 0
        self.banned = 0
        """Causes for which the charger cannot connect anew: it does not resolve its server's name, it does not trust the certificate,
        the server bans it."""
        self.exact = 0
        """Causes for which all traffic must be simulated, routine traffic too."""
        self.legs = 0
        """Causes for which messages must be carried leg by leg."""
        self.faults: tuple[MessageFault, ...] = ()
        self.lost_at: int | None = None
        """Since when the charger is in an outage, in truth."""
        self.left_online = False
        self.seen_online = True
        self.seen_pending = False
        self.seen_lost_at: int | None = None
        """Whether the charger was online, or its registration put off, and its outage, as last looked at."""
        self.away = False

    def joins(self, session: Session) -> None:
        """A session that the plan adds begins now."""
        if self.driver is NOBODY:
            self.driver = Driver(iter(()), None, 0)
        self.driver.joins(session)

    @property
    def delayed(self) -> bool:
        """Whether a fault of the path delays messages."""
        return bool(self.extra_ms or self.jitter_ms or self.pass_ms)

    def ordinal(self, now: int) -> int:
        """Of a draw about a message that is sent now. The draws of one millisecond do not move those of another."""
        self.drawn = max(self.drawn + 1, now << 5)
        return self.drawn

    def travel_ms(self, now: int) -> int:
        """How long a message that is sent now travels, one way."""
        jitter_ms = below(self.charger.key, JITTER, self.ordinal(now), self.jitter_ms + 1) if self.jitter_ms else 0
        return self.latency_ms + self.extra_ms + jitter_ms


@dataclass(slots=True)
class Ongoing:
    """A step that acts now."""

    step: Step
    places: list[int]
    shards: list[int] = field(default_factory=list)
    fault: Effect | None = None
    """What counts how often it has acted, where that is known."""
    shut: list[int] = field(default_factory=list)
    """For a draining upgrade: the places to which the server is closed already."""
    drained: bool = False
