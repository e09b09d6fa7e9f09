"""The resolved values of a scenario: what every layer agrees on, in integer units, with no file behind it.

A scenario file names models and writes quantities with units; reading it gives one :class:`Scenario`, in which every
model is spelled out and every quantity is an integer whose unit is the last word of its name (``_ms`` milliseconds,
``_ma`` milliamperes per phase, ``_wh`` watt-hours, ``_w`` watts, ``_v`` volts, ``_permille``). The same value is the header of a
journal, so that judging a journal opens no other file.

In files the unit suffix is dropped and the quantity carries its unit: ``boot_ms`` is written ``boot: 30 s``. The first
string of ``Meta(description=...)`` is the hover text of editors and the text of ``harness explain``.

Times are milliseconds since the scenario's start unless said otherwise.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Meta, Struct

MemoryEvent = Literal["departure", "server-loss", "network-reboot", "power-cycle", "memory-loss"]
Severity = Literal["fail", "warn"]


MOST_CHARGERS = 1_000_000
MOST_DURATION_MS = 3_660 * 86_400_000
MOST_SHARDS = 1_000


def doc(text: str) -> Meta:
    """The description of a field, shown by editors and by ``harness explain``."""
    return Meta(description=text)


class Value(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all resolved values: immutable, comparable, written to JSON without its defaults."""


class Claim(Value, frozen=True, kw_only=True):
    """Where a statement of a model comes from: a source, or an assumption said to be one."""

    source: Annotated[str, doc("Who says so: a document, an address, a section.")] = ""
    assumption: Annotated[str, doc("Why this value was assumed where no source gives one.")] = ""


class Backoff(Value, frozen=True, kw_only=True):
    """How long a charger waits between attempts to reach its server (OCPP 2.0.1, RetryBackOff*)."""

    wait_minimum_ms: Annotated[int, doc("Wait before the first repetition (RetryBackOffWaitMinimum).")]
    random_range_ms: Annotated[int, doc("A random time up to this is added to each wait (RetryBackOffRandomRange).")]
    repeat_times: Annotated[int, doc("How often the wait doubles before it stays constant (RetryBackOffRepeatTimes).")]

    def base_ms(self, attempt: int) -> int:
        """The wait without its random part before repetition ``attempt`` (1 for the first)."""
        return self.wait_minimum_ms << min(attempt - 1, self.repeat_times)

    @property
    def largest_ms(self) -> int:
        """The longest wait that can stand between two attempts."""
        return (self.wait_minimum_ms << self.repeat_times) + self.random_range_ms


class Link(Value, frozen=True, kw_only=True):
    """How the charger talks to its server, and how it finds out that the server is gone."""

    transport: Annotated[
        Literal["udp", "websocket"],
        doc("udp: datagrams, which are lost while the path is down. websocket: over TCP, where loss is delay."),
    ]
    keepalive_ms: Annotated[int, doc("A request goes out this often when nothing else does; its answer shows life.")]
    offline_after_ms: Annotated[int, doc("Silence from the server after which the charger takes itself to be offline.")]
    answer_timeout_ms: Annotated[int, doc("A request without an answer for so long has failed.")]
    backoff: Annotated[Backoff, doc("The waits between attempts to reconnect.")]

    @property
    def noticing_ms(self) -> int:
        """The latest that a loss is noticed: the silence, and the answer that was still under way."""
        return self.offline_after_ms + self.answer_timeout_ms


class Memory(Value, frozen=True, kw_only=True):
    """Named memory cells, each with the events that clear it. An empty list: nothing clears it."""

    hold: Annotated[tuple[MemoryEvent, ...], doc("The server's order not to charge, and how long it lasts.")] = ()
    schedule: Annotated[tuple[MemoryEvent, ...], doc("The charging schedule that the charger runs by its own clock.")] = ()
    override: Annotated[tuple[MemoryEvent, ...], doc("The order to charge now in spite of the stored schedule, for one plug-in.")] = (
        "departure",
    )
    amperage: Annotated[tuple[MemoryEvent, ...], doc("The current limit chosen in the app.")] = ()
    wire_rating: Annotated[tuple[MemoryEvent, ...], doc("The wire rating set at installation.")] = ()
    group_share: Annotated[tuple[MemoryEvent, ...], doc("This charger's share of its load group's circuit.")] = ()
    offline_amperage: Annotated[tuple[MemoryEvent, ...], doc("The limit that applies without a server.")] = ()
    authorisation_list: Annotated[tuple[MemoryEvent, ...], doc("The tags that may charge without asking.")] = ()
    authorisation_cache: Annotated[tuple[MemoryEvent, ...], doc("The server's last answer about each tag, with `cached_tags`.")] = ()
    message_queue: Annotated[tuple[MemoryEvent, ...], doc("Transaction messages that wait for the server.")] = ()
    clock: Annotated[tuple[MemoryEvent, ...], doc("The time of day.")] = ()
    availability: Annotated[tuple[MemoryEvent, ...], doc("That it was taken out of service.")] = ()


class Ratings(Value, frozen=True, kw_only=True):
    """What the box and its installation can carry."""

    unit_rating_ma: Annotated[int, doc("The most the unit can deliver per phase.")]
    wire_rating_ma: Annotated[int, doc("The most its wiring may carry; a charger's settings may lower it.")]
    offline_amperage_ma: Annotated[int, doc("The limit stored for use without a server; 0: none is stored.")] = 0
    offline_amperages_ma: Annotated[
        tuple[int, ...], doc("The same for each phase of the unit, where they differ: the lowest of those that the car uses applies.")
    ] = ()
    phases: Annotated[int, doc("How many phases the unit can use.")] = 1
    connectors: Annotated[int, doc("How many cars can be connected at once; one is all that a charger of a scenario has.")] = 1


class ServerLoss(Value, frozen=True, kw_only=True):
    """What the charger does once it has noticed that the server is away."""

    new_car: Annotated[
        Literal["charges", "waits", "refused", "local-list"],
        doc("A car plugged in now: charges; waits for the server; is refused; or charges if its tag is on the local list."),
    ] = "charges"
    limit: Annotated[
        Literal["wire-rating", "offline-amperage", "amperage", "lowest"],
        doc(
            "Which limit applies: the wire rating; the stored offline amperage; still the amperage chosen in the app; or the lowest of all."
        ),
    ] = "wire-rating"
    cached_tags: Annotated[
        bool, doc("With `new_car: local-list`: of a tag that is not on the list, the server's last answer decides (authorisation cache).")
    ] = False
    unknown_tag: Annotated[
        Literal["waits", "charges"],
        doc("With `new_car: local-list`: a tag that neither list nor cache knows waits for the server; or charges."),
    ] = "waits"


class TagRefused(Value, frozen=True, kw_only=True):
    """What the charger does when the server, told of a transaction's start, does not accept its tag."""

    transaction: Annotated[
        Literal["stops", "suspends"],
        doc("The transaction: stops (StopTransactionOnInvalidId, StopTxOnInvalidId); or stays open without energy."),
    ] = "stops"
    energy_wh: Annotated[int, doc("Before that it may go on until it has delivered so much in all (MaxEnergyOnInvalidId).")] = 0


class PowerUp(Value, frozen=True, kw_only=True):
    """What happens from the return of mains until the charger works again, and before each start of charging."""

    boot_ms: Annotated[int, doc("From the return of mains until the charger works.")]
    start_delay_ms: Annotated[int, doc("From permission to charge until current flows: contactor and handshake with the car.")]
    random_delay_ms: Annotated[int, doc("A random delay up to this before each start of charging (UK SI 2021/1467).")] = 0
    delay_at_return: Annotated[
        bool, doc("When the server is back a charge that goes on stops for a random delay, as if it began anew.")
    ] = False
    resumes: Annotated[bool, doc("A car that was charging when mains failed charges again afterwards.")] = True


class Queue(Value, frozen=True, kw_only=True):
    """What happens to messages that cannot be sent now."""

    limit: Annotated[int, doc("How many messages the queue holds.")]
    attempts: Annotated[int, doc("How often a transaction message is sent before it is discarded; 0: without end.")]
    interval_ms: Annotated[int, doc("Wait after the n-th failed attempt is n times this; where attempts are without end, once this.")]
    meter_values: Annotated[bool, doc("Meter values wait in the queue too; otherwise they are lost while offline.")] = False
    meter_interval_ms: Annotated[int, doc("How often meter values are sent during a transaction; 0: never.")] = 0
    status_after_ms: Annotated[int, doc("After an absence longer than this all connectors report their status (OfflineThreshold).")] = 0


class Clause(Value, frozen=True, kw_only=True):
    """One promise of a contract: a check, its bound, when it is not promised, and whose words it is."""

    bound_ms: Annotated[int | None, doc("The bound in time; without one the check's own default, derived from the model.")] = None
    bound_ma: Annotated[int | None, doc("The bound in current.")] = None
    assumes: Annotated[
        tuple[str, ...], doc("Fault kinds under which the promise does not hold, each written `no KIND`, such as `no memory-loss`.")
    ] = ()
    severity: Annotated[Severity, doc("warn: a violation is shown and does not fail the run.")] = "fail"
    source: Annotated[str, doc("Who promises it.")] = ""
    assumption: Annotated[str, doc("Why it is taken to be promised where no source says so.")] = ""


class Replug(Value, frozen=True, kw_only=True):
    """A driver's way to charge now without app or server: the car is unplugged and plugged in again, so often and so quickly."""

    times: Annotated[int, doc("How many times in a row the car is plugged in again.")] = 1
    within_ms: Annotated[int, doc("Each time within this of its being unplugged.")]


class ChargerModel(Value, frozen=True, kw_only=True):
    """A kind of charger: ratings, link, memory, behaviour without a server, and what its maker promises."""

    name: str
    title: Annotated[str, doc("The charger's full name.")]
    maker: Annotated[str, doc("Who makes it.")] = ""
    protocol: Annotated[Literal["juicenet", "ocpp1.6", "ocpp2.0.1"], doc("The language it speaks to its server.")]
    tou: Annotated[
        Literal["hold", "pause", "schedule", "none"],
        doc(
            "How time-of-use charging reaches the car. hold: one message, 'do not charge for so long'. pause: 'do not charge'"
            " until told otherwise. schedule: stored in the charger and run by its own clock. none: not at all."
        ),
    ]
    ratings: Annotated[Ratings, doc("What the box and its installation can carry.")]
    link: Annotated[Link, doc("How it talks to its server and notices its loss.")]
    memory: Annotated[Memory, doc("Its memory cells and what clears each.")]
    server_loss: Annotated[ServerLoss, doc("What it does without its server.")]
    power_up: Annotated[PowerUp, doc("What it does when power comes back, and before each start.")]
    queue: Annotated[Queue, doc("What it does with messages that cannot be sent.")]
    authorisation: Annotated[
        Literal["none", "required"], doc("none: whoever plugs in may charge. required: a tag must be accepted first.")
    ] = "none"
    tag_refused: Annotated[TagRefused, doc("What it does when the server, told of a transaction's start, does not accept its tag.")] = (
        TagRefused()
    )
    override_by_replug: Annotated[
        Replug | None, doc("What a driver does with the plug to charge now in spite of the stored schedule; absent: nothing helps.")
    ] = None
    quirks: Annotated[
        tuple[str, ...], doc("Known wrong behaviours, each by name (`harness explain quirks`); a right charger has none.")
    ] = ()
    contract: Annotated[dict[str, Clause], doc("What the maker promises: check name → clause.")] = {}
    claims: Annotated[dict[str, Claim], doc("Where each statement comes from: path in this file → source or assumption.")] = {}


class ServerModel(Value, frozen=True, kw_only=True):
    """A server: what it stores, what a restart makes it forget, and how much it can take."""

    name: str
    title: Annotated[str, doc("The server's full name.")]
    shards: Annotated[int, doc("How many parts serve the chargers; each charger belongs to one.")] = 1
    accepts_per_s: Annotated[int, doc("How many connections and registrations it accepts per second, all shards together.")]
    accept_queue: Annotated[int, doc("How many may wait to be accepted; more are turned away.")]
    answers_per_s: Annotated[int, doc("How many requests it can answer per second, all shards together.")]
    forgets_at_restart: Annotated[
        tuple[Literal["override", "tou", "amperage", "ledger"], ...], doc("What is lost when the server restarts.")
    ] = ("override",)
    authorises: Annotated[bool, doc("The server knows the scenario's tags and accepts them.")] = True
    quirks: Annotated[tuple[str, ...], doc("Known wrong behaviours, each by name; a right server has none.")] = ()
    contract: Annotated[dict[str, Clause], doc("What the server promises: check name → clause.")] = {}
    claims: Annotated[dict[str, Claim], doc("Where each statement comes from.")] = {}


class NetworkModel(Value, frozen=True, kw_only=True):
    """The path between a charger and its server."""

    name: str
    title: Annotated[str, doc("The network's full name.")]
    latency_ms: Annotated[int, doc("The time a message travels, one way.")]
    claims: Annotated[dict[str, Claim], doc("Where each statement comes from.")] = {}


class VehicleModel(Value, frozen=True, kw_only=True):
    """A car: its battery, its on-board charger and how charging ends."""

    name: str
    title: Annotated[str, doc("The car's full name.")]
    usable_wh: Annotated[int, doc("The energy its battery can use.")]
    ac_w: Annotated[int, doc("The most its on-board charger takes.")]
    phases: Annotated[int, doc("How many phases its on-board charger uses.")]
    minimum_ma: Annotated[int, doc("The lowest current it charges with.")] = 6000
    taper_from_permille: Annotated[int, doc("State of charge from which the power falls linearly to zero at full.")] = 800
    full_at_permille: Annotated[int, doc("State of charge taken to be full.")] = 990
    claims: Annotated[dict[str, Claim], doc("Where each statement comes from.")] = {}


class Quantiles(Value, frozen=True, kw_only=True):
    """A distribution by its 10th, 25th, 50th, 75th and 90th percentile; drawn by linear interpolation between them."""

    p10: int
    p25: int
    p50: int
    p75: int
    p90: int


class Intervention(Value, frozen=True, kw_only=True):
    """What a driver does who finds that the car is not charging."""

    share_permille: Annotated[int, doc("The share of drivers who look.")]
    after_ms: Annotated[int, doc("How long after plugging in they look.")]
    tries: Annotated[tuple[Literal["override", "power-cycle", "give-up"], ...], doc("What they try, in this order, until the car charges.")]
    patience_ms: Annotated[int, doc("How long they wait for each to work.")] = 300_000


class DriverModel(Value, frozen=True, kw_only=True):
    """How people come, stay and need energy. Quantiles in minutes of the day, minutes and watt-hours."""

    name: str
    title: Annotated[str, doc("Who they are.")]
    arrival_min: Annotated[Quantiles, doc("Time of day of plugging in.")]
    stay_min: Annotated[Quantiles, doc("How long the car stays connected.")]
    energy_wh: Annotated[Quantiles, doc("How much energy the car needs.")]
    no_trip_weekday_permille: Annotated[int, doc("The share of weekdays without a trip, and so without a session.")] = 0
    no_trip_weekend_permille: Annotated[int, doc("The share of weekend days without a trip.")] = 0
    intervention: Annotated[Intervention | None, doc("What they do when the car is not charging; absent: nothing.")] = None
    claims: Annotated[dict[str, Claim], doc("Where each statement comes from.")] = {}


class Period(Value, frozen=True, kw_only=True):
    """One stretch of a tariff: from its start until the next one's, at one price."""

    start_ms: int
    level: str
    microprice: int
    """Price of a kilowatt-hour in millionths of the tariff's currency."""
    presumed: str = ""
    """The level that is taken to apply until ``level`` is announced; empty: ``level`` is known from the start."""
    announced_ms: int = 0
    """When it is announced."""


class Tariff(Value, frozen=True, kw_only=True):
    """A tariff laid out over the run: periods in order, the first at or before 0, the last beyond the end."""

    name: str
    currency: str
    levels: tuple[str, ...]
    """Price levels, dearest first."""
    periods: tuple[Period, ...]


class Supply(Value, frozen=True, kw_only=True):
    """The building's mains."""

    voltage_v: Annotated[int, doc("Voltage between a phase and its return.")]
    phases: Annotated[int, doc("How many phases the building has.")] = 1


class Tou(Value, frozen=True, kw_only=True):
    """Time-of-use charging: charge only at these price levels."""

    charge_in: Annotated[tuple[str, ...], doc("The price levels at which the car may charge.")]
    on: Annotated[bool, doc("Whether time-of-use charging is on.")] = True


class Settings(Value, frozen=True, kw_only=True):
    """What was set for a charger before the run: at installation, on the dashboard, in the app."""

    wire_rating_ma: Annotated[int | None, doc("The wire rating set at installation.")] = None
    offline_amperage_ma: Annotated[int | None, doc("The limit stored for use without a server.")] = None
    amperage_ma: Annotated[int | None, doc("The current limit chosen in the app.")] = None
    phase_rotation: Annotated[
        Literal["RST", "RTS", "SRT", "STR", "TRS", "TSR"],
        doc("Which of the building's phases R, S and T the station's first, second and third stand on (OCPP's ConnectorPhaseRotation)."),
    ] = "RST"

    def phases_of(self, used: int, supply: Supply) -> tuple[int, ...]:
        """The building's phases, from 0, that the station's first ``used`` stand on."""
        there = [phase for phase in map("RST".index, self.phase_rotation) if phase < supply.phases]
        return tuple(there[:used])

    def offline_ma(self, ratings: Ratings, used: int) -> int:
        """The limit that is stored for use without a server, for a car that uses the first ``used`` phases; 0: none is."""
        if self.offline_amperage_ma is not None:
            return self.offline_amperage_ma
        return min(ratings.offline_amperages_ma[:used], default=ratings.offline_amperage_ma)


class Session(Value, frozen=True, kw_only=True):
    """One stay of a car: plugged in, in need of energy, gone."""

    plug_in_ms: int
    leave_ms: int
    needs_wh: int


class Chargers(Value, frozen=True, kw_only=True):
    """One charger, or a crowd of them alike, as one entry of a scenario's ``chargers``.

    ``count`` 0 is a single charger called ``name``; a crowd's members are ``name-1``, ``name-2`` … with leading zeros so that
    they sort. A crowd's sessions are drawn from its driver model; a single charger has exactly ``sessions``.
    """

    name: str
    count: int = 0
    model: str
    network: str
    car: str
    tariff: str
    driver: str = ""
    tou: Tou | None = None
    settings: Settings = Settings()
    sessions: tuple[Session, ...] = ()
    shard: int | None = None
    tag: str = ""
    """The driver's tag; empty: none is shown."""
    tag_listed: bool = True
    """The tag is on the list that the charger keeps for use without a server."""
    tag_barred: bool = False
    """That list says that the tag may not charge: OCPP's Invalid, Blocked or Expired."""
    tag_revoked_ms: int | None = None
    """From when on the server does not accept the tag; None: it does."""

    def members(self) -> list[str]:
        """The names of the chargers of this entry, in order."""
        return list(_members(self.name, self.count)) if self.count else [self.name]


@lru_cache(maxsize=16)
def _members(crowd: str, count: int) -> tuple[str, ...]:
    """Kept, so that all who ask for the names of a fleet share them."""
    width = len(str(count))
    return tuple(f"{crowd}-{number:0{width}d}" for number in range(1, count + 1))


LEAST_SHARE_MA = 6_000
"""The lowest share of a load group: less current no car charges with (IEC 61851-1)."""


class Circuit(Value, frozen=True, kw_only=True):
    """A load group: chargers behind one circuit."""

    name: str
    members: tuple[str, ...]
    """Names of entries or of single members."""
    capacity_ma: int
    """What each of its phases carries."""

    def even_shares_ma(self, phases: Sequence[Sequence[int]]) -> list[int]:
        """For members that stand on these phases each, an even share of what those carry, in whole amperes, of at least 6 A."""
        beside = Counter(phase for each in phases for phase in each)
        evens = {phase: max(LEAST_SHARE_MA, self.capacity_ma // count // 1000 * 1000) for phase, count in beside.items()}
        return [min(evens[phase] for phase in each) for each in phases]


class Moment(Value, frozen=True, kw_only=True):
    """When a step fires: at a time, or relative to another step's edge.

    ``step`` empty: at ``offset_ms`` since the start. Otherwise ``offset_ms`` after that step's ``edge``: ``start``, ``end`` (the fault
    is lifted) or ``recovered`` (the step's targets are online again).
    """

    offset_ms: int
    step: str = ""
    edge: Literal["start", "end", "recovered"] = "start"


class Trigger(Value, frozen=True, kw_only=True):
    """A step that waits for a message or for a state of a target."""

    message: str = ""
    state: str = ""
    source: str = ""
    """The charger whose message or state counts; empty: any of the step's targets."""
    nth: int = 1
    delay_ms: int = 0


class Targets(Value, frozen=True, kw_only=True):
    """Whom a step concerns. Exactly one of the four is set; ``everyone`` otherwise."""

    names: tuple[str, ...] = ()
    """Entries, members or circuits, by name."""
    share_permille: int = 0
    """A share, drawn once from the seed, of ``names`` (or of all chargers where that is empty)."""
    shard: int | None = None


class Step(Value, frozen=True, kw_only=True):
    """One step of a plan: a fault or a human action."""

    id: str
    do: str
    """``family.kind``, see :mod:`harness.fault`."""
    at: Moment | None = None
    when: Trigger | None = None
    to: Targets = Targets()
    arguments: dict[str, int | str | bool | tuple[str, ...]] = {}
    """The step's ``with``, in integer units under the names that :mod:`harness.fault` gives."""
    for_ms: int | None = None
    until: Moment | None = None
    times: int | None = None
    line: int = 0
    """Where the step stands in its file, for messages."""


class Predicate(Value, frozen=True, kw_only=True):
    """A condition on one charger, all given parts together. A part about a state holds over time; ``message``, ``command``
    and ``action`` are instants."""

    state: Annotated[tuple[str, ...], doc("The connector is in one of these OCPP states.")] = ()
    draws: Annotated[bool | None, doc("Current flows.")] = None
    above_ma: Annotated[int | None, doc("The current per phase is above this.")] = None
    below_ma: Annotated[int | None, doc("The current per phase is below this.")] = None
    connected: Annotated[bool | None, doc("A car is connected.")] = None
    online: Annotated[bool | None, doc("The charger takes itself to be online.")] = None
    powered: Annotated[bool | None, doc("The charger has power and has booted.")] = None
    outage: Annotated[bool | None, doc("The charger is in an outage.")] = None
    held: Annotated[bool | None, doc("A delivered hold stands.")] = None
    message: Annotated[str, doc("The server takes in this message of the charger.")] = ""
    command: Annotated[str, doc("The charger acknowledges this command.")] = ""
    action: Annotated[str, doc("The driver does this.")] = ""


class CheckSpec(Value, frozen=True, kw_only=True):
    """A check that the scenario asks for: a built-in one with other bounds, or one's own over the combinators.

    A name from the catalogue with ``bound_ms``/``bound_ma`` is that check. Otherwise exactly one of ``always``, ``never``,
    ``sometimes``, ``then`` is set: ``then`` must hold within ``within_ms`` of the trigger (``whenever``, or the moment ``after``), and
    with ``until`` it must go on holding until that.
    """

    name: str
    builtin: bool
    says: str = ""
    bound_ms: int | None = None
    bound_ma: int | None = None
    assumes: tuple[str, ...] = ()
    chargers: tuple[str, ...] = ()
    """Entries or members judged; empty: all."""
    severity: Severity = "fail"
    after: Moment | None = None
    during: str = ""
    """Id of a step: only while it acts."""
    whenever: Predicate | None = None
    then: Predicate | None = None
    until: Predicate | None = None
    always: Predicate | None = None
    never: Predicate | None = None
    sometimes: Predicate | None = None
    within_ms: int = 0


class Limit(Value, frozen=True, kw_only=True):
    """A bound on a metric, which is a check too. Values are in the metric's unit."""

    metric: str
    minimum: float | None = None
    maximum: float | None = None
    per: Literal["driver", "fleet"] = "fleet"
    severity: Severity = "fail"


class KnownFailure(Value, frozen=True, kw_only=True):
    """A failure that is expected: it keeps a run green, and turns it red once it passes."""

    check: str
    charger: str = ""
    reason: str
    link: str = ""


class Expect(Value, frozen=True, kw_only=True):
    """What the scenario expects of a run."""

    contract: Literal["each-maker", "none"] = "each-maker"
    exercised: tuple[str, ...] = ()
    checks: tuple[CheckSpec, ...] = ()
    limits: tuple[Limit, ...] = ()
    known_failures: tuple[KnownFailure, ...] = ()


class Target(Value, frozen=True, kw_only=True):
    """A server of somebody's own, as its target file tells: all that is the server's, and nothing of the outage.

    Texts with ``{station}``, ``{charger}`` and ``{number}`` are patterns.
    """

    name: str
    file: str
    url: str
    """Where a station connects, with ``{station}``."""
    station: str = "{charger}"
    tag: str = "{charger}"
    password: str = ""
    password_from: str = ""
    """The environment variable that holds the password."""
    ca: str = ""
    """The file of an authority's certificate; empty: those that the machine trusts."""
    upstream: str = ""
    """``host:port`` at which Toxiproxy reaches the server; empty: those of ``url``."""
    listen: str = ""
    reach: str = ""
    """At which host chargers reach Toxiproxy; empty: where its API is."""
    ports: tuple[int, int] | None = None
    ready: str = ""
    """What answers 2xx once the server is ready; empty: an open port is enough."""
    ready_timeout_ms: int = 30_000
    commands: dict[str, tuple[str, ...]] = {}
    operations: dict[str, tuple[str, ...]] = {}
    books: tuple[str, ...] = ()
    """The command that prints the transactions in the server's books."""

    @property
    def elsewhere(self) -> bool:
        """Toxiproxy is somewhere else, and reaches the server from there; this machine need not."""
        return bool(self.upstream or self.listen or self.reach or self.ports)

    def stations(self, chargers: Sequence[str]) -> dict[str, str]:
        """Charger → the id of its station, for all chargers of a scenario in their order."""
        return {name: self.station.format(charger=name, number=number) for number, name in enumerate(chargers, start=1)}


class Bench(Value, frozen=True, kw_only=True):
    """A bench with real chargers, as its file tells."""

    file: str = ""
    listen: str = "127.0.0.1:9000"
    """``host:port`` at which chargers connect; each class of chargers that network faults part from others has the next port."""
    stations: dict[str, str] = {}
    """Charger → its station id, where that is not its name."""
    password: str = ""
    """What stations must give (basic authentication), a pattern with ``{station}`` and ``{charger}``; empty: nothing is asked."""
    certificate: str = ""
    """The server's certificate chain, a PEM file; with ``key``. Empty: no TLS."""
    key: str = ""
    patience_ms: int = 600_000
    """How long to wait for all chargers before the start."""
    commands: dict[str, tuple[str, ...]] = {}
    """What does at the bench what a person would be asked to do otherwise: a relay, a vehicle simulator."""

    def station_of(self, charger: str) -> str:
        """The station id of a charger."""
        return self.stations.get(charger, charger)


class LiveRun(Struct, frozen=True, kw_only=True):
    """How a live run went through real software, or from what log a journal was imported; a simulated run has none."""

    speed: float
    """Scenario time passed so many times as fast as the wall clock."""
    skipped_idle: bool
    """Time in which nothing was under way was skipped."""
    through: Literal["toxiproxy", "nothing"]
    """What lay between chargers and server; through nothing there were no network faults."""
    protocols: tuple[str, ...] = ("ocpp1.6",)
    """What the chargers spoke, each once."""
    peer: Literal["embedded server", "your server", "your charger", "log"] = "embedded server"
    """Who was at the other end; ``log``: nothing was run, and all there is are frames that were written down."""
    target: str = ""
    """The name of the target file; empty for the embedded server."""
    stations: dict[str, str] = {}
    """Charger → the id of its station at your server."""
    books: bool = True
    """Whether the server's books are known; your own are where they were given."""
    frames: int = 0
    """Of a log: how many frames it holds."""
    lost: Literal["", "inferred", "told"] = ""
    """Of a log: whether its outages follow from the frames, or some of them from what whoever ran the server says."""


class Scenario(Value, frozen=True, kw_only=True):
    """A scenario with everything spelled out; also the header of its journal."""

    name: str
    title: str
    why: str = ""
    start: str
    """The start as UTC, ISO 8601, ``2026-03-13T00:00:00Z``."""
    zone: str
    duration_ms: int
    seed: int
    server: ServerModel
    supply: Supply
    networks: dict[str, NetworkModel]
    models: dict[str, ChargerModel]
    vehicles: dict[str, VehicleModel]
    tariffs: dict[str, Tariff]
    drivers: dict[str, DriverModel]
    local_days: tuple[tuple[int, int, int], ...]
    """For each local calendar day the run touches: (its local midnight in ms since the start, which may be negative,
    its length in ms, its weekday with Monday 0)."""
    chargers: tuple[Chargers, ...]
    circuits: tuple[Circuit, ...] = ()
    plan: tuple[Step, ...] = ()
    expect: Expect = Expect()

    def names(self) -> list[str]:
        """The names of all chargers, in order; a charger's place here is its index."""
        return [name for entry in self.chargers for name in entry.members()]

    def phases_of(self, entry: Chargers) -> tuple[int, ...]:
        """The building's phases, from 0, that the stations of an entry stand on, whatever their cars use."""
        return entry.settings.phases_of(self.models[entry.model].ratings.phases, self.supply)

    def shards(self) -> list[int]:
        """The shard of the server that each charger belongs to at the start, counted from 1; by turns where none is given."""
        places = range(sum(max(1, entry.count) for entry in self.chargers))
        given = [entry.shard for entry in self.chargers for _ in range(max(1, entry.count))]
        return [given[place] or place % self.server.shards + 1 for place in places]


class Timetable:
    """The hold windows of time-of-use charging, as they are known at a time: some days' levels may be announced while a run goes on."""

    __slots__ = ("_known", "announced_ms")

    def __init__(self, known: Sequence[list[tuple[int, int]]] = ([],), announced_ms: Sequence[int] = ()) -> None:
        self._known = known
        self.announced_ms = announced_ms
        """When windows are announced that were not known before, in order; ``known`` is what is known before the first and from each on."""

    def at(self, t_ms: int) -> list[tuple[int, int]]:
        """All windows, past and to come, as they are known at a time."""
        return self._known[bisect_right(self.announced_ms, t_ms)]

    def next_announcement_ms(self, t_ms: int) -> int | None:
        """When windows are next announced after a time; None: never."""
        place = bisect_right(self.announced_ms, t_ms)
        return self.announced_ms[place] if place < len(self.announced_ms) else None


def timetable(tariff: Tariff, charge_in: tuple[str, ...], end_ms: int) -> Timetable:
    """The hold windows (:func:`hold_windows`) of charging in some levels of a tariff, as known at the start and after each announcement."""
    known, announced_ms = [hold_windows(tariff, charge_in, end_ms, known_ms=0)], []
    for t_ms in sorted({period.announced_ms for period in tariff.periods if period.presumed}):
        windows = hold_windows(tariff, charge_in, end_ms, known_ms=t_ms)
        if windows != known[-1]:
            known.append(windows)
            announced_ms.append(t_ms)
    return Timetable(known, tuple(announced_ms))


def hold_windows(tariff: Tariff, charge_in: tuple[str, ...], end_ms: int, *, known_ms: int | None = None) -> list[tuple[int, int]]:
    """The hold windows of time-of-use charging: maximal unbroken stretches of the levels not in ``charge_in``, by what is announced
    until ``known_ms``, or as they turn out to be.

    Returns (opens, closes) in ms since the start, in order; the first may open before 0 and the last close after
    ``end_ms``, as far as the tariff is laid out.
    """
    windows: list[tuple[int, int]] = []
    opened: int | None = None
    for period in tariff.periods:
        is_known = known_ms is None or not period.presumed or period.announced_ms <= known_ms
        held = (period.level if is_known else period.presumed) not in charge_in
        if held and opened is None:
            opened = period.start_ms
        elif not held and opened is not None:
            windows.append((opened, period.start_ms))
            opened = None
    if opened is not None:
        windows.append((opened, max(end_ms, opened) + 86_400_000))
    return windows
