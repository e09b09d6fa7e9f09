"""Records told in plain words, for witnesses: one short sentence each, without its time and its charger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.check.result import Witness
from harness.fault import KINDS, RESPONSES
from harness.journal import records as r
from harness.report.clock import Clock
from harness.units import counted, format_current, format_duration_ms, format_energy, times
from harness.values import Step

REASONS: dict[r.Reason, str] = {
    "no-car": "no car is connected",
    "unit-rating": "limited by the unit rating",
    "wire-rating": "limited by the wire rating",
    "load-group": "limited by its share of the load group",
    "amperage": "limited by the amperage chosen in the app",
    "offline-amperage": "limited by the stored offline amperage",
    "vehicle": "limited by the car",
    "vehicle-taper": "the car is nearly full and takes less and less",
    "vehicle-full": "the car is full",
    "starting": "the start of charging is under way",
    "random-delay": "it waits for its random delay",
    "tou-hold": "the server's hold stands",
    "tou-pause": "it is paused until the server lets it go",
    "schedule": "its own schedule does not allow it now",
    "not-authorised": "no accepted tag",
    "refused-offline": "new cars are refused without the server",
    "waits-for-server": "it waits for the server",
    "tag-refused": "the tag is not accepted",
    "stopped-remotely": "the server ended the transaction",
    "not-resumed": "it does not resume after the power-up",
    "out-of-service": "the station is out of service",
    "no-mains": "no mains",
    "booting": "the station is booting",
    "updating": "the station is installing firmware",
    "reported": "the charger says so",
    "metered": "its meter says so",
}
"""What set the current → in words."""

_LINK_CAUSES = {
    "silence": "the server is silent",
    "closed": "the connection was closed",
    "reset": "the connection was reset",
    "power": "no power",
    "reboot": "it restarts",
    "connected": "connected",
    "registered": "registered",
}
_SERVER_STATES = {"up": "is up", "down": "is down", "hung": "hangs", "restarted": "has restarted"}
_ORDINALS = {2: "2nd", 3: "3rd"}


def tell(record: r.AnyRecord, clock: Clock) -> str:
    """What the record says, as a sentence without its time and its charger."""
    return _TELLERS[type(record)](record, clock)


def witnessed(witness: Witness, clock: Clock, called: str = "") -> list[str]:
    """The rule that was broken, when and at whose charger, which may be ``called`` otherwise; below it the events that show it, a line
    each."""
    whose = f" {called or witness.charger}" if witness.charger else ""
    rule = f"{clock.tell(witness.t)}{whose}: {clock.translate(witness.rule)}"
    return [rule, *(f"  {clock.tell(record.t)}  {record.who}  {tell(record, clock)}" for record in witness.records)]


def _plug_in(record: r.PlugIn, clock: Clock) -> str:
    tag = f", tag {record.tag}" if record.tag else ""
    if not record.needs_wh:  # of a log nobody knows whose car it was
        return f"a car is plugged in{tag}"
    return f"a car ({record.car}) is plugged in; it needs {format_energy(record.needs_wh)} by {clock.brief(record.leave)}{tag}"


def _stay(record: r.Stay, clock: Clock) -> str:
    ends = {"unplugged": "the car is unplugged", "replugged": "the car is unplugged, to be plugged in again"}
    end = ends.get(record.ended, "the run ends with the car connected")
    full = ", full" if record.full else ""
    if not record.needs_wh or record.ended == "replugged":
        return f"{end}: {format_energy(record.wh)}{full}"
    return f"{end}: {format_energy(record.wh)} of the {format_energy(record.needs_wh)} it needed{full}"


def _current(record: r.Current, clock: Clock) -> str:
    drawn = f"draws {format_current(record.ma)}" if record.ma else "draws nothing"
    return f"{drawn} ({record.state}): {REASONS[record.reason]}"


def _unseen(record: r.Unseen, clock: Clock) -> str:
    return f"until {clock.tell(record.until)} nothing tells what it draws"


def _power(record: r.Power, clock: Clock) -> str:
    if record.state == "off":
        return "mains lost"
    if record.state == "on":
        return "the station works"
    causes = {
        "mains": "mains back, the station boots",
        "reboot": "the station restarts, mains present",
        "memory-loss": "the station loses all its memory and restarts",
        "firmware-update": "the station restarts into new firmware",
    }
    return causes[record.cause]


def _link(record: r.Link, clock: Clock) -> str:
    return f"takes itself to be {record.state}: {_LINK_CAUSES[record.cause]}"


def _attempts(record: r.Attempts, clock: Clock) -> str:
    return f"has tried {times(record.count)} to reach the server, {clock.tell(record.first)} to {clock.tell(record.last)}"


def _loss(record: r.Loss, clock: Clock) -> str:
    step = f", step {record.step}" if record.step else ""
    return f"loses its server ({record.cause}{step})"


def _recovery(record: r.Recovery, clock: Clock) -> str:
    blip = ", without having noticed" if record.blip else ""
    return f"hears from its server again after {format_duration_ms(record.t - record.since)}{blip}"


def _return(record: r.Return, clock: Clock) -> str:
    return f"the server meets the charger anew, by a {record.by}"


def _message(record: r.Message, clock: Clock) -> str:
    notes = [f"transaction {record.tx}"] if record.tx else []
    notes += [f"register {format_energy(record.wh)}"] if record.action.startswith(("transaction", "meter")) else []
    by = "" if record.sure else " by its own clock"
    notes += [f"event of {clock.tell(record.at)}{by}"] if record.at and record.at != record.t else []
    notes += [f"stamped {format_duration_ms(record.stamp - record.at)} off"] if record.at and record.stamp != record.at else []
    notes += [f"{_ordinal(record.number)} transmission"] if record.number > 1 else []
    notes += [counted(record.count, "readings")] if record.count > 1 else []
    notes += ["marked offline"] if record.offline else []
    notes += [f"acknowledged {clock.tell(record.answered)}"] if record.answered else []
    notes += ["recognised as a repeat"] if record.repeat else []
    notes += [f"reason {record.reason}"] if record.reason else []
    notes += [record.result] if record.result != "accepted" else []
    return f"the server takes in {record.action}" + (f" ({', '.join(notes)})" if notes else "")


def _failed(record: r.Failed, clock: Clock) -> str:
    why = {"timeout": "no answer", "error": "an error as answer", "link-lost": "the link was lost"}[record.why]
    tx = f" of transaction {record.tx}" if record.tx else ""
    return f"{record.action}{tx} failed: {why} ({_ordinal(record.number)} transmission)"


def _discard(record: r.Discard, clock: Clock) -> str:
    why = {"attempts": "all attempts failed", "queue-full": "the queue is full", "memory-cleared": "its memory was cleared"}[record.why]
    what = record.action if record.count == 1 else f"{record.count} × {record.action}"
    return f"gives up {what}" + (f" of transaction {record.tx}" if record.tx else "") + f": {why}"


def _transaction(record: r.Transaction, clock: Clock) -> str:
    return f"{record.edge}s transaction {record.tx} at register {format_energy(record.wh)}"


def _ledger(record: r.Ledger, clock: Clock) -> str:
    if not record.entries:
        return "the server's ledger holds no transaction"
    known = [f"{number} ({_register(start)} to {_register(stop)})" for number, _, start, _, stop in record.entries if number >= 0]
    unknown = [
        f"{_unknown(record.called.get(number, ''))} (of {clock.tell(at)}, {_register(start)} to {_register(stop)})"
        for number, at, start, _, stop in record.entries if number < 0
    ]  # fmt: skip
    parts = [f"transaction {', '.join(known)}"] if known else []
    parts += [f"{', '.join(unknown)}, which this charger never began"] if unknown else []
    return f"the server's ledger holds {', and '.join(parts)}"


def _books(record: r.Books, clock: Clock) -> str:
    notes = [f", {record.left_out} from outside of the run"] if record.left_out else []
    notes += [f", {record.zoneless} with times without an offset from UTC, taken for UTC"] if record.zoneless else []
    return f"your server's books are read: {counted(record.transactions, 'transactions')} of these stations{''.join(notes)}"


def _unknown(id_: str) -> str:
    return f"the books' {id_}" if id_ else "one without an id"


def _command(record: r.Command, clock: Clock) -> str:
    what = {
        "hold": f"acknowledges a hold: do not charge for {format_duration_ms(record.duration_ms)}, until "
        f"{clock.tell(record.t + record.duration_ms)}",
        "pause": "acknowledges a pause: do not charge until told otherwise",
        "release": "acknowledges: charge, no hold stands",
        "amperage": f"acknowledges the amperage {format_current(record.ma) if record.ma else '(no limit)'}",
        "share": f"acknowledges the load group's share {format_current(record.ma)}",
        "schedule": f"acknowledges its schedule, {'on' if record.on else 'off'}",
        "availability": f"is {'put back into' if record.on else 'taken out of'} service by the server",
    }[record.command]
    plug_in = f" (plug-in {record.plug_in})" if record.plug_in else ""
    return what + plug_in + (", and ignores it" if record.result == "ignored" else "")


def _action(record: r.Action, clock: Clock) -> str:
    what = {
        "override": "asks in the app to charge now",
        "pause": "asks in the app to stop charging",
        "set-amperage": f"chooses {format_current(record.ma)} in the app",
        "set-tou": "turns time-of-use charging " + (f"on ({', '.join(record.charge_in)})" if record.on else "off"),
        "swipe": f"shows tag {record.tag}",
    }[record.action]
    outcome = {
        "accepted": "the server accepts",
        "refused": "refused",
        "doubt": "no answer comes",
        "none": "not possible now",
    }[record.outcome]
    return f"the driver {what}: {outcome}"


def _fault(record: r.Fault, clock: Clock) -> str:
    if record.edge == "contradicted":
        of = f" (step {record.step})" if record.step else ""
        return f"its car was said to be unplugged{of}, and the charger contradicts that: {record.with_['why']}"
    if record.edge == "struck" and record.do == "server.settings-wiped":
        return f"its server loses its settings (step {record.step})"
    edge = {
        "start": "begins",
        "end": "ends",
        "recovered": "is over: its targets are online again",
        "never-fired": "never fired",
        "no-effect": "changed nothing",
        "struck": "bans the charger" if record.do == "server.bans" else "strikes a message",
    }[record.edge]
    whose = "responders' " if record.do in RESPONSES else ""
    return f"{whose}step {record.step} ({record.do}) {edge}"


def _server(record: r.Server, clock: Clock) -> str:
    if record.state == "restored":
        return f"the server (shard {record.shard}) is back with its state of {clock.tell(record.back_to)}"
    return f"the server (shard {record.shard}) {_SERVER_STATES[record.state]}"


def _moved(record: r.Moved, clock: Clock) -> str:
    return f"the charger moves on to shard {record.shard}"


def _proxied(record: r.Proxied, clock: Clock) -> str:
    if not record.proxy:
        return f"your server: the command to {record.call} it has been run"
    done = "puts the fault on" if record.call == "add" else "takes the fault off"
    return f"Toxiproxy {done} {record.proxy} (step {record.step})"


def _measured(record: r.Measured, clock: Clock) -> str:
    under = "under the fault" if record.call == "add" else "with the fault off"
    asked = "a new connection" if record.expected == "reset" else "the connection" if record.expected == "closed" else "a ping"
    became = {
        "answered": "is answered after", "silent": "stays without an answer for", "reset": "is reset after",
        "closed": "ends with its connection after" if asked == "a ping" else "is closed after",
    }[record.what]  # fmt: skip
    least = f", {record.expected_ms} ms at the least were expected" if record.expected_ms else ""
    return f"{under}, {asked} through {record.proxy} {became} {record.real_ms:g} ms{least} (step {record.step})"


def _station(record: r.Station, clock: Clock) -> str:
    firmware = f", firmware {record.firmware}" if record.firmware else ""
    return f"the charger is a {record.vendor} {record.model}{firmware}"


def _finding(record: r.Finding, clock: Clock) -> str:
    if not record.who:
        return record.what
    return f"what came over the wire is wrong: {record.what}"


def _settled(record: r.Settled, clock: Clock) -> str:
    if record.who:
        return "all is settled here: it is online, and all retries are over"
    return "all is settled: no fault acts, all are online, all retries are over"


def _ordinal(number: int) -> str:
    return _ORDINALS.get(number, f"{number}th") if number > 1 else "1st"


def _register(wh: int | None) -> str:
    return "open" if wh is None else format_energy(wh)


_TELLERS: dict[type[r.AnyRecord], Callable[[Any, Clock], str]] = {
    r.PlugIn: _plug_in,
    r.Stay: _stay,
    r.Current: _current,
    r.Unseen: _unseen,
    r.Power: _power,
    r.Link: _link,
    r.Attempts: _attempts,
    r.Loss: _loss,
    r.Recovery: _recovery,
    r.Return: _return,
    r.Message: _message,
    r.Failed: _failed,
    r.Discard: _discard,
    r.Transaction: _transaction,
    r.Ledger: _ledger,
    r.Books: _books,
    r.Command: _command,
    r.Action: _action,
    r.Fault: _fault,
    r.Server: _server,
    r.Moved: _moved,
    r.Proxied: _proxied,
    r.Measured: _measured,
    r.Station: _station,
    r.Finding: _finding,
    r.Settled: _settled,
}


def with_text(step: Step) -> str:
    """What a step of the plan was given, as its file has it, defaults too: ``age: 3 h, shard: 1``; or nothing."""
    given = KINDS[step.do].written(step.arguments, defaults=True) if step.do in KINDS else step.arguments
    return ", ".join(f"{name}: {', '.join(value) if isinstance(value, list | tuple) else value}" for name, value in given.items())
