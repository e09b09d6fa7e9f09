"""The records of a journal: what happened in a run, in the world's truth.

Each record is one line of JSON with ``e`` (its kind), ``t`` (milliseconds since the start) and ``who`` (a charger's name, or
empty for the world). Records stand in one canonical order: time, then actor (the world first, then chargers in the order of
the scenario), then the order in which that actor produced them. Whether routine traffic was computed or simulated leaves no trace.

What a check may use as *evidence* (DESIGN: the scenario's settings, messages delivered and acknowledged, actions, the current
drawn) and what only *explains* (an actor's own opinion) is marked on each record; checks that read an explaining field
fail a test.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

State = Literal["Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Faulted", "Unavailable"]
"""The connector's state in OCPP's words."""

Reason = Literal[
    "no-car", "unit-rating", "wire-rating", "load-group", "amperage", "offline-amperage", "vehicle", "vehicle-taper", "vehicle-full",
    "starting", "random-delay", "tou-hold", "tou-pause", "schedule", "not-authorised", "refused-offline", "waits-for-server",
    "tag-refused", "stopped-remotely", "not-resumed", "out-of-service", "no-mains", "booting", "updating", "reported", "metered",
]  # fmt: skip
"""What set the current; explains, is never evidence."""


class Record(Struct, kw_only=True, omit_defaults=True, tag_field="e", gc=False):
    """Base of all records. The collector of cycles need not look at them: they hold plain values only."""

    t: int
    who: str = ""


class PlugIn(Record, kw_only=True, tag="plug-in"):
    """A driver connected a car. Evidence."""

    plug_in: int
    """The charger's number for this stay of a car, kept over power cycles."""
    car: str
    needs_wh: int
    """Energy that the car can still take, which is what its driver needs."""
    leave: int
    """When the driver means to leave."""
    tag: str = ""


class Stay(Record, kw_only=True, tag="stay"):
    """The end of a stay: the car was unplugged, also to be plugged in again at once, or the run ended with it connected. Evidence."""

    plug_in: int
    ended: Literal["unplugged", "replugged", "run-over"]
    """replugged: its driver is about to plug it in again, and of what the car needs only what it got counts as this stay's."""
    wh: int
    """Energy delivered to the car in this stay, in truth."""
    needs_wh: int
    full: bool
    by_price: list[tuple[str, int, int]] = []
    """Energy by price: (level, price in millionths per kWh, Wh)."""


class Current(Record, kw_only=True, tag="current"):
    """The current drawn or the connector's state changed. ``ma`` and ``full`` are evidence; ``state`` is evidence for
    scenario-level checks on states; ``reason`` explains.

    During a taper ``ma`` is the current at its beginning, an upper bound until the next record.
    """

    ma: int
    state: State
    reason: Reason
    wh: int
    """The charger's energy in truth since the start of the run, rounded down."""
    full: bool = False
    """The car takes no more: full by its own truth."""


class Unseen(Record, kw_only=True, tag="unseen"):
    """Of a charger that is not ours: from now to ``until`` nothing tells what it drew, or why. Evidence that there is none."""

    until: int


class Power(Record, kw_only=True, tag="power"):
    """Power region. ``off``: mains lost. ``booting``: mains back, or an injected reboot began. ``on``: works. Evidence."""

    state: Literal["off", "booting", "on"]
    cause: Literal["mains", "reboot", "memory-loss", "firmware-update"] = "mains"
    """``mains`` for a loss and return of mains; otherwise an injected restart without mains loss."""


class Link(Record, kw_only=True, tag="link"):
    """The charger's own view of its link changed. Evidence for reconnection only."""

    state: Literal["offline", "online"]
    cause: Literal["silence", "closed", "reset", "power", "reboot", "connected", "registered"]


class Attempts(Record, kw_only=True, tag="attempts"):
    """A series of attempts to reach the server that ended now (success, loss of power, or the end of the run). Evidence.

    ``gaps`` are the times in ms from each failure to the next attempt, while the model's back-off still grows; of the further ones,
    whose back-off is constant, ``more`` counts them and ``least_gap`` is the smallest.
    """

    first: int
    last: int
    count: int
    gaps: list[int] = []
    more: int = 0
    least_gap: int = 0


class Loss(Record, kw_only=True, tag="loss"):
    """The charger lost its server, in truth. Evidence."""

    cause: str
    """The fault's kind (``server.upgrade``), or ``link`` where its link left online for another cause. Of a log: ``silence`` where it
    follows from the frames, ``told`` where the operator says so."""
    step: str = ""
    by: int = 0
    """Of a log, where ``t`` is the earliest: when it was lost at the latest; 0: at ``t``."""


class Recovery(Record, kw_only=True, tag="recovery"):
    """The charger heard from its server again, in truth; with the loss before it bounds an outage. Evidence."""

    blip: bool = False
    """The outage was shorter than the noticing bound and the link never left online."""
    since: int
    """When the outage began."""


class Return(Record, kw_only=True, tag="return"):
    """The server met this charger anew: a registration, a new connection, or its first request after a restart or a long
    silence. Evidence."""

    by: Literal["registration", "connection", "request"]


class Message(Record, kw_only=True, tag="message"):
    """The server took in a message that counts: transaction-start, transaction-end, authorise, registration, or queued
    meter-values. ``t`` is the moment of processing. Evidence.

    Routine traffic (keepalives, status and meter values on a healthy link) leaves no record.
    """

    action: Literal["transaction-start", "transaction-end", "authorise", "registration", "meter-values", "status"]
    sent: int
    """When the charger sent it."""
    at: int = 0
    """When the event happened that it tells of, in truth."""
    stamp: int = 0
    """When it says that the event happened, as ms since the scenario's start; 1970 is far below zero."""
    sure: bool = True
    """``at`` is known. Of a charger that is not ours, what it tells of the time of its silence has only the stamp's word for it."""
    number: int = 1
    """Which transmission of this message it was."""
    plug_in: int = 0
    tx: int = 0
    """The charger's number of the transaction."""
    seq: int = 0
    """OCPP 2.0.1 seqNo within the transaction."""
    wh: int = 0
    """The energy register in the message."""
    offline: bool = False
    """OCPP 2.0.1's flag: the event happened offline."""
    count: int = 1
    """For meter-values: how many readings this record stands for."""
    result: Literal["accepted", "pending", "rejected", "error"] = "accepted"
    repeat: bool = False
    """The server recognised it as one it had already."""
    id: str = ""
    """Live, with a server of your own: the id by which that server knows the transaction."""
    reason: Literal["", "DeAuthorized", "Remote"] = ""
    """For transaction-end: why, in OCPP's words, where neither the car's departure nor a loss of power or restart ended it."""
    answered: int = 0
    """When it was acknowledged, where the server processed it later than that; 0: at ``t``."""

    @property
    def remote(self) -> bool:
        """The end of a transaction that the server itself has ended."""
        return self.reason == "Remote"


class Failed(Record, kw_only=True, tag="failed"):
    """A transaction message, authorisation or registration got no good answer. Evidence that it was tried."""

    action: str
    sent: int
    number: int = 1
    tx: int = 0
    why: Literal["timeout", "error", "link-lost"]


class Discard(Record, kw_only=True, tag="discard"):
    """The charger gave a message up. Evidence."""

    action: str
    tx: int = 0
    why: Literal["attempts", "queue-full", "memory-cleared"]
    count: int = 1


class Transaction(Record, kw_only=True, tag="transaction"):
    """The charger opened or closed a transaction, in truth. Evidence."""

    tx: int
    plug_in: int
    edge: Literal["open", "close"]
    wh: int
    """The true energy register then."""
    sure: bool = True
    """Whether the server booked it can be told. Of a log it cannot, where an end came without an id before its start, if that ever came."""


class Ledger(Record, kw_only=True, tag="ledger"):
    """What the server's books hold for this charger when the run ends. Evidence."""

    entries: list[tuple[int, int, int, int | None, int | None]]
    """(charger's transaction number, start stamp, start register, stop stamp, stop register), in the order of booking.

    In the books of a server that is not ours, one that this charger never told of has a number below zero.
    """
    called: dict[int, str] = {}
    """Number below zero → the transaction's id in those books, which may be empty."""


class Books(Record, kw_only=True, tag="books"):
    """Live, with a server of your own: its books were read, at the end of the run or after it. Explains."""

    transactions: int
    """How many transactions of the run's stations stand in them."""
    left_out: int
    """How many of these are of other times than the run's, and no station of the run told of them."""
    zoneless: int = 0
    """How many of these have a time without its offset from UTC, which was taken for UTC."""


class Command(Record, kw_only=True, tag="command"):
    """The charger acknowledged a command of the server. ``t`` is the delivery. Evidence."""

    command: Literal["hold", "pause", "release", "amperage", "share", "schedule", "availability"]
    sent: int
    plug_in: int = 0
    """For hold, pause and release: the plug-in it names."""
    duration_ms: int = 0
    """For hold: how long, from delivery."""
    ma: int = 0
    """For amperage (0: no limit) and share."""
    on: bool = True
    """For schedule: whether the time-of-use schedule applies. For availability, which only a server of your own sets: in service or not."""
    result: Literal["accepted", "ignored"] = "accepted"
    """ignored: it named another plug-in or none."""
    origin: int = 0
    """The number of the driver's action that it carries out; 0: the server's own."""
    windows: list[tuple[int, int]] = []
    """For schedule, of a charger that is not ours: the hold windows that it was told; otherwise they are the scenario's."""


class Action(Record, kw_only=True, tag="action"):
    """A driver asked the server for something, in the app. Evidence.

    ``accepted``: the server took it in at ``t``. ``refused``: visibly not. ``doubt``: the driver got no answer; should the server
    take it in later, that is a record of its own with the same ``number`` and ``accepted``. ``none``: no such thing is possible now
    (no car).
    """

    action: Literal["override", "pause", "set-amperage", "set-tou", "swipe"]
    outcome: Literal["accepted", "refused", "doubt", "none"]
    number: int
    plug_in: int = 0
    ma: int = 0
    on: bool = False
    charge_in: list[str] = []
    tag: str = ""


class Fault(Record, kw_only=True, tag="step"):
    """A step of the plan began or ended, never fired, or changed nothing; or it struck: a message fault a message of this charger, the loss
    of settings those of this charger; or somebody at a bench said that a car was unplugged, and its charger contradicts that. Evidence.
    One record per charger concerned (``who``), and one with an empty ``who`` for the step itself."""

    step: str
    """Empty where it is not of the plan: the end of one of the scenario's sessions, at a bench."""
    do: str
    edge: Literal["start", "struck", "end", "recovered", "never-fired", "no-effect", "contradicted"]
    with_: dict[str, int | str | bool | list[str]] = {}
    """The step's arguments; of a strike, ``delay_ms`` where it delays; of a contradiction, ``why``."""


class Server(Record, kw_only=True, tag="server"):
    """The server, or one shard of it, changed. Evidence."""

    shard: int
    state: Literal["up", "down", "hung", "restarted", "restored"]
    back_to: int = 0
    """For ``restored``: the moment whose state came back."""


class Moved(Record, kw_only=True, tag="moved"):
    """The charger is served by another shard from now on. Evidence."""

    shard: int


class Proxied(Record, kw_only=True, tag="proxied"):
    """Live: Toxiproxy has put a network fault's toxic on a proxy, or taken it off; or a command has been run that starts, stops, pauses
    or resumes the server (then ``proxy`` is empty). ``t`` is when it was done. Explains."""

    proxy: str
    step: str
    call: Literal["add", "remove", "start", "stop", "pause", "resume"]


class Measured(Record, kw_only=True, tag="measured"):
    """Live: what a network fault's toxic really does, or what a proxy does once it is off: what became of a ping over one connection, or
    under a reset of a connection that was newly opened. ``t`` is when that was known. Explains; a fault that changed nothing is a
    :class:`Fault` record of its own."""

    proxy: str
    step: str
    call: Literal["add", "remove"]
    """After which call to Toxiproxy."""
    what: Literal["answered", "silent", "closed", "reset"]
    real_ms: float
    """After how long, on the wall clock; of silence, how long it was listened to."""
    expected: Literal["answered", "silent", "closed", "reset"]
    """What was to become of it; closed is as good as reset."""
    expected_ms: int = 0
    """How long an answer was to take at the least, on the wall clock."""


class Station(Record, kw_only=True, tag="station"):
    """Live, with a charger of your own: what it said of itself when it registered. Explains."""

    vendor: str
    model: str
    firmware: str = ""


class Finding(Record, kw_only=True, tag="finding"):
    """Live: what came in from the far end is no valid OCPP, or tells of a clock that is wrong; without ``who``: what was to be the server's
    books cannot be read. Evidence."""

    what: str
    """What is wrong with it, and where."""
    frame: str
    """What came in, at most its first 500 characters."""


class Settled(Record, kw_only=True, tag="settled"):
    """All faults lifted, all chargers online, all retries elapsed. Of a log each charger has its own (``who``). Evidence."""


AnyRecord = (
    PlugIn | Stay | Current | Power | Link | Attempts | Loss | Recovery | Return | Message | Failed | Discard | Transaction
    | Ledger | Books | Command | Action | Fault | Server | Moved | Proxied | Measured | Station | Finding | Settled | Unseen
)  # fmt: skip
