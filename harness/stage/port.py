"""Where one charger meets the simulated stage: its path to the server, what is under way on it, and the outage it is in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.values import Session, Step
from harness.world.charger import Charger
from harness.world.driver import NOBODY, Driver
from harness.world.link import NEVER
from harness.world.server import Account, PutOff


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


class Port:
    """One charger on the stage."""

    __slots__ = (
        "account", "arrives", "away", "charger", "cuts", "down_at", "driver", "due", "epoch", "exact", "extra_ms", "faults", "holes",
        "latency_ms", "later_timers", "left_online", "legs", "lost_at", "pending", "place", "ready_at", "seen_lost_at", "seen_online",
        "seen_pending", "shut", "tcp", "timer", "up_at", "waits_in",
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
    def way_ms(self) -> int:
        """How long a message travels now, one way."""
        return self.latency_ms + self.extra_ms


@dataclass(slots=True)
class Ongoing:
    """A step that acts now."""

    step: Step
    places: list[int]
    shards: list[int] = field(default_factory=list)
    fault: MessageFault | PutOff | None = None
    """What counts how often it has acted, where that is known."""
    shut: list[int] = field(default_factory=list)
    """For a draining upgrade: the places to which the server is closed already."""
    drained: bool = False
