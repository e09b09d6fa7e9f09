"""The kinds of fault and of human action, as data: what each means, what it takes, how it ends, and who can carry it.

A plan's step names a kind as ``family.kind``. The scenario reader checks steps against this catalogue, ``harness explain`` tells what
it says, and a stage refuses a step whose kind it is not among the carriers of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness import units

Unit = Literal["duration", "signed duration", "current", "energy", "flag", "word", "words", "count", "percentage", "rate"]

_SUFFIXES: dict[Unit, str] = {
    "duration": "_ms", "signed duration": "_ms", "current": "_ma", "energy": "_wh", "percentage": "_permille", "rate": "_per_ks",
}  # fmt: skip
_FORMATS: dict[Unit, Callable[[Any], str]] = {
    "duration": units.format_duration_ms, "signed duration": units.format_duration_ms, "current": units.format_current,
    "energy": units.format_energy, "percentage": units.format_permille, "rate": units.format_rate_per_ks,
    "flag": lambda value: "true" if value else "false",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a kind, written under ``with``.

    ``name`` is its name in files; in :class:`harness.values.Step` it stands under :attr:`key`, with its unit last.
    """

    name: str
    unit: Unit
    doc: str
    required: bool = False
    default: int | str | bool | tuple[str, ...] | None = None
    one_of: tuple[str, ...] = ()
    least: int = 1
    """The least that a duration, an energy, a percentage or a count may be, in ms, Wh, permille or as it is."""

    @property
    def key(self) -> str:
        """The argument's name with its unit, as resolved steps hold it."""
        return self.name.replace("-", "_") + _SUFFIXES.get(self.unit, "")

    def written(self, value: Any) -> str | list[str]:
        """A value as a file has it."""
        if self.unit in _FORMATS:
            return _FORMATS[self.unit](value)
        return list(value) if self.unit == "words" else str(value)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of step."""

    name: str
    """``family.kind``."""
    doc: str
    ends: Literal["must", "may", "never", "instant"]
    """must: needs for, until or times. may: with none of them it lasts to the end of the run. never: it cannot end.
    instant: it has no duration."""
    aims: Literal["server", "chargers", "one"]
    """What ``to`` names: the server (all, or one shard), any chargers (all of them by default), or chargers that must be named."""
    arguments: tuple[Argument, ...] = ()
    simulated: bool = True
    live: str = ""
    """How the live stage carries it."""
    response: bool = False
    """A responder does it to help: it is no fault."""
    outage: bool = False
    """It takes the server away from its targets."""
    keeps_waiting: bool = False
    """The server is there and answers late, with errors, or not each request: its chargers come to take it for lost."""
    keeps_out: bool = False
    """The server is up, and who comes back is not let in, or only by and by: nobody need be back before it ends."""
    moves: bool = False
    """It closes connections, for chargers to come back to another part of the server."""
    changes_capacity: bool = False
    """It changes how many connections or answers per second the server has to give."""
    on_each_message: bool = False
    """It acts on each message, routine ones too: while it acts, all of its targets' traffic happens and none is computed."""
    over: Literal["", "udp", "websocket"] = ""
    """Only chargers over this transport can feel it; empty: all can."""
    source: str = ""

    @property
    def family(self) -> str:
        """The part before the dot."""
        return self.name.partition(".")[0]

    def written(self, arguments: Mapping[str, Any], *, defaults: bool = False) -> dict[str, str | list[str]]:
        """The arguments of a resolved step as a file has them under ``with``; those that have their default only if they are wanted."""
        given = [argument for argument in self.arguments if argument.key in arguments]
        return {
            argument.name: argument.written(arguments[argument.key])
            for argument in given if defaults or arguments[argument.key] != argument.default
        }  # fmt: skip

    @property
    def action(self) -> bool:
        """Somebody does it, a driver or a responder: it is no fault."""
        return self.response or self.family == "driver"

    @property
    def one_shard(self) -> bool:
        """It happens to one shard, which its argument may name instead of ``to``."""
        return any(argument.name == "shard" for argument in self.arguments)

    @property
    def severs(self) -> bool:
        """Chargers lose the server by it, or may come to think that they have."""
        return self.outage or self.keeps_waiting or self.moves

    @property
    def hinders(self) -> bool:
        """The server does not register chargers and command them as ever: what either is bound to in time waits for its end."""
        return self.severs or self.keeps_out


_MESSAGE = (
    Argument("action", "word", "Only this message or command, by its name; absent: any.", default=""),
    Argument(
        "direction", "word", "request: from the charger. command: from the server.", default="request",
        one_of=("request", "command"),
    ),
    Argument("nth", "count", "Only from the n-th such message on.", default=1),
)  # fmt: skip

_SHARE = Argument("share", "percentage", "How many of the messages, each way.", required=True)
_INCIDENTS = "Incidents on Zaptec's and Easee's public status pages"

_KINDS = (
    Kind("server.crash", "The server dies: connections break, volatile memory is lost. At its end it restarts.", "may", "server",
         live="embedded server", outage=True),
    Kind("server.upgrade", "The server is taken down on purpose and comes back restarted.", "may", "server", (
        Argument("style", "word", "stop: all at once. drained: connections are closed one after the other, then it is down."
                 " rolling: shard by shard; the chargers of the shard that is down move to the others.",
                 default="stop", one_of=("stop", "drained", "rolling")),
        Argument("drain", "duration", "For drained: over how long connections are closed.", default=60_000),
    ), live="embedded server", outage=True),
    Kind("server.hang", "The server takes requests in and answers none; at its end it works through them.", "may", "server",
         live="embedded server", outage=True),
    Kind("server.slow", "The server answers late.", "may", "server",
         (Argument("delay", "duration", "How much later each answer is sent.", required=True),), live="embedded server",
         on_each_message=True, keeps_waiting=True),
    Kind("server.errors", "The server answers every request with an error.", "may", "server", live="embedded server",
         on_each_message=True, keeps_waiting=True),
    Kind("server.pending", "The server answers each registration Pending: the charger is not accepted, sends nothing else, and asks again"
         " later; meanwhile the server may configure it.", "may", "server",
         (Argument("interval", "duration", "After how long the charger is to ask again; it is told whole seconds, rounded up.",
                   default=60_000, least=1000),), live="embedded server", keeps_out=True,
         source="OCPP 1.6 §4.2, OCPP 2.0.1 B02"),
    Kind("server.shard-down", "One part of the server dies with its chargers' connections; the others go on.", "may", "server",
         (Argument("shard", "count", "Which part, counted from 1.", default=1),), live="embedded server", outage=True),
    Kind("server.restore-backup", "The server dies and comes back with the state that it had some time before.", "may", "server",
         (Argument("age", "duration", "How old the backup is when the step begins.", required=True),),
         live="embedded server", outage=True),
    Kind("server.wrong-clock", "The server's clock is wrong by an offset.", "may", "server",
         (Argument("offset", "signed duration", "How far ahead (or, negative, behind) it is.", required=True),),
         live="embedded server"),
    Kind("server.gone", "The server is shut down for good.", "never", "server", live="embedded server", outage=True,
         source="The shutdown of the North American JuiceNet servers announced for 2024-10-11"),
    Kind("server.credentials-wiped", "The server no longer knows its chargers' credentials: connections that are open go on, new ones are"
         " refused.", "may", "server", live="embedded server: HTTP 401", over="websocket", keeps_out=True,
         source="Incidents in which a configuration was wiped, on operators' status pages"),
    Kind("server.bans", "The server bans a charger for a while that connects too often within an hour; at its end all bans are lifted.",
         "may", "server", (
        Argument("limit", "count", "How many connections within an hour are not too many.", default=60),
        Argument("ban", "duration", "How long its connections are refused then.", required=True),
    ), live="embedded server", over="websocket", source="eMabler's release of 2025-06-19"),
    Kind("server.brown-out", "The server answers no more than so many requests per second: the others wait their turn, and are lost where"
         " it would come too late.", "may", "server", (
        Argument("answers", "rate", "How many requests are answered per second, by all shards together.", required=True),
        Argument("over", "duration", "Over how long the capacity falls to that, in a straight line.", default=0, least=0),
    ), live="embedded server", on_each_message=True, keeps_waiting=True, keeps_out=True, changes_capacity=True),
    Kind("server.stalled", "The server acknowledges at once what it has to book, and does so later: the messages wait in a queue, and are"
         " worked through when this ends.", "may", "server", live="embedded server", source=_INCIDENTS),
    Kind("server.authorisation-down", "Nobody can tell the server which tags are accepted: it refuses them all.", "may", "server",
         live="embedded server", source=_INCIDENTS),
    Kind("server.settings-wiped", "The server loses what it stores of its chargers' settings: time-of-use charging, amperage, overrides;"
         " not its books.", "instant", "server", live="embedded server", source=_INCIDENTS),
    Kind("server.admit", "A responder has the server let chargers in gradually.", "may", "server",
         (Argument("accepts", "rate", "How many connections are accepted per second, by all shards together.", required=True),),
         live="embedded server", response=True, keeps_out=True, changes_capacity=True, source=_INCIDENTS),
    Kind("server.scale-out", "A responder gives the server more capacity: more connections and answers per second.", "may", "server",
         (Argument("factor", "count", "How many times as many.", default=2, least=2),), live="embedded server", response=True,
         changes_capacity=True),
    Kind("server.failover", "A responder moves the chargers of a shard to the others.", "instant", "server",
         (Argument("shard", "count", "Which part, counted from 1.", default=1),), live="embedded server", response=True, moves=True),
    Kind("network.cut", "The path is cut: bytes are held (TCP) or lost (UDP); it heals without closing connections.", "may",
         "chargers", live="Toxiproxy: a latency without end", outage=True),
    Kind("network.black-hole", "The path swallows everything in silence; when it heals, connections close.", "may", "chargers",
         live="Toxiproxy: timeout 0", outage=True),
    Kind("network.latency", "Each message travels longer.", "may", "chargers",
         (Argument("delay", "duration", "How much longer, each way.", required=True),), live="Toxiproxy: latency",
         on_each_message=True),
    Kind("network.jitter", "Each message travels longer by a time of its own; over datagrams one may overtake another.", "may", "chargers",
         (Argument("most", "duration", "How much longer at the most, each way.", required=True),),
         live="Toxiproxy: latency with a jitter", on_each_message=True),
    Kind("network.bandwidth", "So much passes in a second, one message after the other.", "may", "chargers", (
        Argument("rate", "count", "How many bytes pass in a second, each way; live, in a real second, whole thousands.", required=True),
        Argument("size", "count", "How many bytes a message counts as (an assumption); live it has the size that it has.", default=500),
    ), live="Toxiproxy: bandwidth", on_each_message=True),
    Kind("network.loss", "Some datagrams are lost.", "may", "chargers", (_SHARE,), over="udp", on_each_message=True),
    Kind("network.duplicate", "Some datagrams arrive twice.", "may", "chargers", (_SHARE,), over="udp", on_each_message=True),
    Kind("network.reorder", "Some datagrams are overtaken by those sent after them.", "may", "chargers",
         (_SHARE, Argument("delay", "duration", "How much later those arrive.", required=True)), over="udp", on_each_message=True),
    Kind("network.reset", "Connections are reset once; the path stays.", "instant", "chargers", live="Toxiproxy: reset_peer",
         over="websocket"),
    Kind("network.dns-failure", "The server's name cannot be resolved: who is in touch stays so, and each new attempt fails at once.",
         "may", "chargers", live="virtual charger"),
    Kind("network.expired-certificate", "The certificate on the way to the server has expired: connections that are open go on, new ones"
         " fail.", "may", "chargers", live="virtual charger", over="websocket"),
    Kind("message.lose-answer", "The message is processed and its answer is lost.", "must", "chargers", _MESSAGE,
         live="the end that we own"),
    Kind("message.drop", "The message is lost.", "must", "chargers", _MESSAGE, live="the end that we own"),
    Kind("message.delay", "The message arrives later.", "must", "chargers",
         (*_MESSAGE, Argument("delay", "duration", "How much later.", required=True)), live="the end that we own"),
    Kind("message.repeat", "The message arrives twice.", "must", "chargers", _MESSAGE, live="the end that we own"),
    Kind("message.error-answer", "The message is answered with an error and not processed.", "must", "chargers", _MESSAGE,
         live="the end that we own"),
    Kind("station.power-cut", "The station loses mains: its plug is pulled, its breaker opens.", "may", "one",
         live="virtual charger"),
    Kind("station.reboot-loop", "The station restarts itself again and again, mains present.", "must", "one",
         (Argument("every", "duration", "From one restart to the next.", default=300_000),), live="virtual charger"),
    Kind("station.memory-loss", "The station loses all that it remembers, non-volatile memory included, and restarts.", "instant",
         "one", live="virtual charger"),
    Kind("station.clock-lost", "The station forgets the time of day.", "instant", "one", live="virtual charger"),
    Kind("station.unavailable", "The station is taken out of service: from the end of the transaction that is open, if one is, it"
         " charges no car until it is put back.", "may", "one", live="virtual charger",
         source="OCPP 1.6 §5.2, 2.0.1 G03 and G04: ChangeAvailability"),
    Kind("station.firmware-update", "The station installs new firmware: it is unavailable, then restarts.", "must", "one",
         live="virtual charger"),
    Kind("driver.plug-in", "A driver plugs a car in.", "instant", "one", (
        Argument("needs", "energy", "How much energy the car needs.", required=True),
        Argument("stay", "duration", "After how long the driver leaves.", required=True),
    ), live="virtual charger"),
    Kind("driver.unplug", "The driver unplugs the car.", "instant", "one", live="virtual charger"),
    Kind("driver.replug", "The driver unplugs the car and plugs it in again.", "instant", "one", (
        Argument("repeats", "count", "How often in a row.", default=1),
        Argument("pause", "duration", "How long the car is unplugged each time, and plugged in before the next.", default=3_000),
    ), live="virtual charger"),
    Kind("driver.override", "The driver asks in the app to charge now, in spite of time-of-use charging or a pause.", "instant", "one",
         live="embedded server"),
    Kind("driver.pause", "The driver asks in the app to stop charging for this stay, until the driver overrides.", "instant", "one",
         live="embedded server"),
    Kind("driver.set-amperage", "The driver chooses a current limit in the app.", "instant", "one",
         (Argument("amperage", "current", "The limit.", required=True),), live="embedded server"),
    Kind("driver.set-tou", "The driver changes time-of-use charging in the app.", "instant", "one", (
        Argument("on", "flag", "Whether time-of-use charging is on.", default=True),
        Argument("charge_in", "words", "The price levels at which the car may charge; absent: as before.", default=()),
    ), live="embedded server"),
    Kind("driver.swipe", "The driver shows a tag at the station.", "instant", "one",
         (Argument("tag", "word", "Which tag; absent: the charger's own.", default=""),), live="virtual charger"),
)  # fmt: skip

KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
"""The catalogue: ``family.kind`` → what it is."""

ONE_SHARD = frozenset(name for name, kind in KINDS.items() if kind.one_shard)
"""Kinds that happen to one shard: the first, where none is named."""

RESPONSES = frozenset(name for name, kind in KINDS.items() if kind.response)
"""Kinds of what responders do to help."""

MESSAGES = ("transaction-start", "transaction-end", "meter-values", "status", "registration", "authorise", "keepalive")
"""Messages that a charger sends, by their protocol-neutral names."""

COMMANDS = ("hold", "pause", "release", "amperage", "share", "schedule")
"""Commands that a server sends."""

__all__ = ["COMMANDS", "KINDS", "MESSAGES", "ONE_SHARD", "RESPONSES", "Argument", "Kind", "Unit"]
