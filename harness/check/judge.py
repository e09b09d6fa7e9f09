"""Judges a journal while its records go by: keeps each charger's evidence, starts and steps obligations, sums up.

Theory of operation. Records come in canonical order, so those of one charger at one millisecond stand together: an *instant*. Handlers,
one per kind of record, bring the evidence up to date; at the end of the instant the obligations that are alive are stepped, and
checks that see such an instant may start new ones. What changes by time alone (a hold runs out, a window opens) is an instant of its
own, made up for before the next record of that charger, and only where something judged depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from sys import intern
from typing import Any

from harness.check import bounds, messages
from harness.check import evidence as ev_
from harness.check.catalogue import NAMES
from harness.check.decidable import Kind, hidden
from harness.check.enrolment import judged, promised, promises
from harness.check.evidence import Duty, Evidence, Panel, Parked, Profile, Shard, Violation
from harness.check.groups import LoadGroup, first_share_ma
from harness.check.obligation import FOREVER, Outcome, Rule, Tally
from harness.check.outage import CHECKS, Check, SettingsConverge, troubled
from harness.check.own import OwnChecks, Steps
from harness.check.requests import Requests
from harness.check.result import CheckResult
from harness.check.starts import closed as starts_closed
from harness.check.starts import started
from harness.check.witness import LOG_LENGTH, in_force, prune
from harness.check.words import moment
from harness.fault import KINDS, ONE_SHARD
from harness.journal.records import (
    Action,
    AnyRecord,
    Attempts,
    Command,
    Current,
    Discard,
    Failed,
    Fault,
    Finding,
    Ledger,
    Link,
    Loss,
    Message,
    Moved,
    PlugIn,
    Power,
    Recovery,
    Return,
    Server,
    Settled,
    Stay,
    Transaction,
    Unseen,
)  # fmt: skip
from harness.units import whole_seconds_ms
from harness.values import Chargers, CheckSpec, Clause, Scenario, timetable

TRIGGERS = reduce(or_, (check.sees for check in CHECKS.values()), ev_.RECOVERY)
"""The flags of the instants at which a check may start an obligation."""
_HINDERS = frozenset(name for name, kind in KINDS.items() if kind.hinders)


class Judge:
    """Judges the journal of one run of a scenario.

    :meth:`feed` takes batches of records in canonical order, :meth:`close` gives a result per check. What a run of this ``kind`` does not
    show is not judged and ends unknown.
    """

    def __init__(self, scenario: Scenario, kind: Kind = "simulated", *, books: bool = True) -> None:
        """``books``: those of the server are known."""
        self._scenario = scenario
        self._kind = kind
        self._books = books
        self._unread = ""
        """Why the server's books could not be read, where they could not."""
        says = NAMES | {spec.name: spec.says for spec in scenario.expect.checks if spec.says}
        self._tallies = {name: Tally(name, says.get(name, name.replace("-", " "))) for name in judged(scenario)}
        """A result each, in their order."""
        self._rules: dict[tuple[str, str, str], Rule] = {}
        self._names = scenario.names()
        self._assumed: frozenset[str] = frozenset()
        self._shards = [Shard() for _ in range(scenario.server.shards)]
        self._steps = Steps()
        self._own = OwnChecks(scenario, self._tallies, self._steps, kind)
        self._groups: list[LoadGroup] = []
        self._chargers: dict[str, Evidence] = {}
        self._enrol()
        self._everyone = list(self._chargers.values())
        self._who = ""
        self._t = -1
        self._ev: Evidence | None = None
        self._handlers: dict[type, Callable[[Any, Any], None]] = {
            PlugIn: self._plugged_in, Stay: self._stay, Current: self._current, Power: self._power, Link: self._link,
            Attempts: self._attempts, Loss: self._lost, Recovery: self._recovered, Return: self._returned, Message: self._message,
            Failed: messages.failed, Discard: messages.discarded, Transaction: messages.transaction, Ledger: messages.booked,
            Command: self._command, Action: self._action, Fault: self._fault, Server: self._server, Moved: self._moved,
            Settled: self._settle, Finding: self._found, Unseen: self._unseen,
        }  # fmt: skip

    # Who is judged by what.

    def _enrol(self) -> None:
        """Make each charger's evidence, with the rules that judge it."""
        scenario = self._scenario
        named = {spec.name: spec for spec in scenario.expect.checks if spec.builtin}
        self._promised = promised(scenario)
        """What any contract that is judged holds."""
        shares = first_share_ma(scenario)
        profiles: dict[tuple[str, frozenset[str]], Profile] = {}
        panels: dict[tuple[str, str, frozenset[str]], Panel] = {}
        shards = scenario.shards()
        for entry in scenario.chargers:
            for name in entry.members():
                applied = frozenset(
                    key for key, spec in named.items() if not spec.chargers or name in spec.chargers or entry.name in spec.chargers
                )
                key = (entry.name, applied)
                if key not in profiles:
                    kind = (entry.model, entry.network, applied)
                    if kind not in panels:
                        panels[kind] = Panel(self._rules_of(entry, named, applied), CHECKS)
                    profiles[key] = Profile(scenario, entry, panels[kind], len(self._names))
                shard = self._shards[shards[len(self._chargers)] - 1]
                ev = Evidence(name, profiles[key], shard, shares.get(name, 0), profiles[key].panel)
                own = self._own.of(name, entry.name)
                if own is not None:
                    ev.own = own
                    ev.wake = own.wake(ev, -1)
                self._chargers[name] = ev
        for circuit in scenario.circuits:
            members = [
                self._chargers[name] for entry in scenario.chargers for name in entry.members()
                if name in circuit.members or entry.name in circuit.members
            ]  # fmt: skip
            group = LoadGroup(circuit.name, circuit.capacity_ma, members)
            self._groups.append(group)
            for ev in members:
                ev.groups = (*ev.groups, group)
        self._touched: dict[frozenset[str], frozenset[str]] = {}
        """Chargers touched by the same kinds of fault share the set of them."""
        self._assumed = frozenset(kind for rule in self._rules.values() for kind in rule.assumes)

    def _rules_of(self, entry: Chargers, named: dict[str, CheckSpec], applied: frozenset[str]) -> dict[str, Rule]:
        """The rules for chargers of one entry: its model's contract, then the server's, then what the scenario names."""
        scenario = self._scenario
        clauses = promises(scenario, entry)
        wanted = dict.fromkeys(clauses) | dict.fromkeys(sorted(applied))
        for name in scenario.expect.exercised:
            if name in NAMES and name not in self._promised and name not in named:
                wanted[name] = None
        rules = {
            name: self._rule(entry, name, clauses.get(name, (None, "")), named[name] if name in applied else None) for name in wanted
        }  # fmt: skip
        return {name: rule for name, rule in rules.items() if not rule.tally.hidden}

    def _rule(self, entry: Chargers, name: str, promise: tuple[Clause | None, str], spec: CheckSpec | None) -> Rule:
        scenario = self._scenario
        clause, promised_by = promise
        model = scenario.models[entry.model]
        key = (name, entry.model + "\0" + entry.network, "scenario" if spec is not None else promised_by)
        if key in self._rules:
            return self._rules[key]
        bound_ms = bounds.default_ms(name, model, scenario.server, scenario.networks[entry.network].latency_ms, len(self._names))
        bound_ma = None
        assumes: tuple[str, ...] = ()
        severity = "fail"
        for source in (clause, spec):
            if source is None:
                continue
            bound_ms = bound_ms if source.bound_ms is None else source.bound_ms
            bound_ma = bound_ma if source.bound_ma is None else source.bound_ma
            assumes = source.assumes or assumes
            severity = source.severity
        tally = self._tallies[name]
        tally.hidden = hidden(name, self._kind, books=self._books)
        kinds = frozenset(kind.removeprefix("no ").strip() for kind in assumes)
        rule = Rule(
            tally, bound_ms=bound_ms, bound_ma=bound_ma, assumes=kinds, severity=severity,  # type: ignore[arg-type]
            promised_by=promised_by,
        )  # fmt: skip
        self._rules[key] = rule
        return rule

    # Records.

    def feed(self, batch: Sequence[AnyRecord]) -> None:
        """Take the next records, in canonical order."""
        handlers = self._handlers
        chargers = self._chargers
        who, now, ev = self._who, self._t, self._ev
        for record in batch:
            t = record.t
            if record.who != who or t != now:
                if ev is not None:
                    self._end_instant(ev, now)
                who = record.who
                if t != now:
                    now = t
                ev = chargers.get(who)
                if ev is not None:
                    while ev.wake <= t:
                        self._wake(ev)
                    ev.was_ma = ev.ma
                    ev.flags = 0
                    if len(ev.log) > LOG_LENGTH:
                        prune(ev.log)
                    who = ev.name
            record.who, record.t = who, now  # one string for all that is kept of a charger, one number for all of a millisecond
            handler = handlers.get(type(record))
            if handler is not None:
                handler(ev, record)
        self._who, self._t, self._ev = who, now, ev

    def _plugged_in(self, ev: Evidence, record: PlugIn) -> None:
        ev.flags |= ev_.PLUGGED
        ev.connected = True
        if ev.mains and not (ev.live or ev.outage):
            ev.log.clear()
        ev.log.append(record)
        ev.plug_in = record.plug_in
        ev.plugged_at = record.t
        ev.full = False
        ev.drew = False
        if ev.over_failed:
            ev.over_failed = False
        swapped = not ev.mains and ev.car_at_off
        if swapped != ev.swapped:
            ev.swapped = swapped
        if ev.plugged_again(record.t):
            ev.released_at = record.t
        profile = ev.profile
        if profile.authorises:
            listed = profile.listed and record.tag == profile.entry.tag and not ev.list_lost
            ev.authorised_at = record.t if listed else -1

    def _stay(self, ev: Evidence, record: Stay) -> None:
        ev.log.append(record)
        messages.stayed(ev, record)
        rule = ev.panel.current
        if rule is not None and ev.drew and not ev.over_failed and ev.over_since < 0:
            rule.met()
        if record.ended != "run-over":
            ev.flags |= ev_.UNPLUGGED
            ev.unplugged_at = record.t if ev.works(record.t) else -FOREVER
            ev.connected = False
            ev.full = False
            ev.held_until = ev.released_at = ev.override_at = ev.paused_at = -1
            if ev.lifted_at >= 0 or ev.pause_unsure:
                ev.lifted_at, ev.pause_unsure = -1, False
            ev.held_by = ev.cut_hold = None
            ev.authorised_at = -1

    def _current(self, ev: Evidence, record: Current) -> None:
        ma = record.ma
        if ma != ev.ma:
            for group in ev.groups:
                group.changed(ev, record)
            if not ev.ma and ev.panel.starts and record.t > ev.unseen_until:
                started(ev, record)
            ev.ma = ma
            if ma:
                ev.drew = True
        ev.log.append(record)
        ev.state = record.state
        if record.full and not ev.full and ev.connected:
            ev.full = True

    def _power(self, ev: Evidence, record: Power) -> None:
        t = record.t
        ev.log.append(record)
        if record.state == "on":
            ev.flags |= ev_.UP
            ev.up_from = min(ev.up_from, t)
            ev.power = (*ev.power[-2:], record)
            return
        if record.state == "off":
            ev.flags |= ev_.MAINS_OFF
            ev.power = (record,)
            ev.mains = False
            ev.installs = None
            ev.car_at_off = ev.connected
            ev.cycled = True
            ev.cut_hold = (ev.held_by, ev.held_until) if ev.outage and ev.held_by is not None and ev.held(t) else None
            ev.held_until, ev.held_by = -1, None
            ev.up_from = FOREVER
            messages.restarted(ev, t, lost_power=True)
        else:
            injected = record.cause != "mains"
            ev.flags |= ev_.RESTART if injected else ev_.MAINS_ON
            ev.power = (record,) if injected else (*ev.power, record)
            ev.mains = True
            ev.up_from = FOREVER if record.cause == "firmware-update" else t + ev.profile.boot_ms
            if record.cause != "firmware-update":
                ev.installs = None
            ev.list_lost = ev.list_lost or record.cause == "memory-loss"
            messages.restarted(ev, t)
        ev.needs_registration = True
        ev.put_off, ev.put_off_until = None, -1
        ev.amperage_ma = ev.amperage_before = ev.amperage_told = 0
        ev.bind()

    def _link(self, ev: Evidence, record: Link) -> None:
        ev.flags |= ev_.LINKED
        ev.log.append(record)
        ev.link_online = record.state == "online"
        ev.link_at = record.t
        if record.cause == "registered":
            ev.needs_registration = False
        if "offline-flag" in ev.panel.rules:
            messages.link_changed(ev, record.t, online=ev.link_online)

    def _attempts(self, ev: Evidence, record: Attempts) -> None:
        ev.log.append(record)
        messages.attempts(ev, record)

    def _lost(self, ev: Evidence, record: Loss) -> None:
        ev.flags |= ev_.LOSS
        if ev.mains and not (ev.connected or ev.live):
            ev.log.clear()
        ev.log.append(record)
        ev.outage = True
        record.step = intern(record.step)
        ev.since = record.t
        ev.lost_by = max(record.t, record.by)
        ev.loss = record
        ev.cut_hold = None
        ev.amperage_before, ev.amperage_ma = ev.amperage_ma, 0
        ev.bind()

    def _recovered(self, ev: Evidence, record: Recovery) -> None:
        ev.outage = False
        ev.log.append(record)
        ev.flags |= ev_.RECOVERY
        if record.blip:
            ev.flags |= ev_.BLIP
            ev.amperage_ma = ev.amperage_ma or ev.amperage_before
            ev.bind()
        else:
            ev.recovered_at = record.t
            if ev.amperage_at == record.t:
                ev.amperage_ma = ev.amperage_before
                ev.bind()
        ev.amperage_before = 0

    def _returned(self, ev: Evidence, record: Return) -> None:
        if ev.connected:
            ev.announced = ev.plug_in

    def _message(self, ev: Evidence, record: Message) -> None:
        if record.action == "registration":
            self._registration(ev, record)
        elif record.sent >= ev.up_from:
            ev.needs_registration = False  # before it is accepted, and knows so, a charger says nothing else
        if record.action == "authorise" and record.result in ("accepted", "rejected"):
            self._judged_tag(ev, record)
            ev.asked_at = record.sent
            if ev.connected and record.sent != ev.unanswered_at:
                ev.authorised_at = record.t if record.result == "accepted" else -1
        elif record.action == "transaction-start" and record.answered:
            ev.announced = max(ev.announced, record.plug_in)  # what was answered then said nothing of its tag
        elif record.action == "transaction-start":
            self._judged_tag(ev, record)
            ev.announced = max(ev.announced, record.plug_in)
            if record.result == "accepted" and record.plug_in == ev.refused:
                ev.refused = 0
            if record.result == "rejected" and record.plug_in == ev.plug_in:
                ev.refused = record.plug_in
                ev.authorised_at = -1
            if ev.connected and ev.authorised_at < 0 and record.result == "accepted":
                ev.authorised_at = record.t  # the answer to a start is one to its tag, too
        elif record.remote and record.plug_in == ev.plug_in:  # the server itself has ended it
            ev.refused, ev.authorised_at = record.plug_in, -1
        messages.taken_in(ev, record)
        if "frames-valid" in ev.panel.rules:
            ev.panel.rules["frames-valid"].met()
        if ev.own is not None:
            ev.log.append(record)
            ev.own.happened("message", record.action)

    @staticmethod
    def _judged_tag(ev: Evidence, record: Message) -> None:
        """The server says of a tag whether it accepts it."""
        ev.barred = record.result == "rejected" and ev.profile.model.server_loss.cached_tags

    @staticmethod
    def _registration(ev: Evidence, record: Message) -> None:
        """A registration is accepted, or put off: then the charger is to ask again after as long as it is told. While a fault acts, the
        charger may never hear of it, and then registers once more."""
        if record.result == "accepted":
            ev.needs_registration = ev.needs_registration and troubled(ev)
            ev.put_off, ev.put_off_until = None, -1
        elif record.result == "pending":
            ev.put_off, ev.put_off_until = record, record.t + max(ev.shard.puts_off.values(), default=0)

    def _found(self, ev: Evidence | None, record: Finding) -> None:
        if ev is None:
            self._unread = record.what
            return
        rule = ev.panel.rules.get("frames-valid")
        if rule is not None:
            rule.tally.fail(rule, ev.name, record.t, f"{record.what}: {record.frame}", [record])

    def _command(self, ev: Evidence, record: Command) -> None:
        ev.flags |= ev_.COMMANDED
        ev.log.append(record)
        if record.plug_in:
            ev.announced = max(ev.announced, record.plug_in)  # the server knows the car that it names
        command = record.command
        if command in ("amperage", "share", "schedule"):
            ev.ordered_at = record.t
        if command == "amperage":
            ev.amperage_ack = ev.amperage_told = record.ma
            ev.amperage_at = record.t
            if ev.outage:
                # It was under way at the loss, or it ends the outage: what it binds shows at the recovery.
                ev.amperage_before = record.ma
            else:
                ev.amperage_ma = record.ma
                ev.bind()
        elif command == "share":
            ev.share_ma = record.ma
            ev.bind()
        elif command == "availability":
            ev.serves(record.t, in_service=record.on)
        elif command == "schedule":
            ev.scheduled = (record.windows or ev.timetable.at(record.sent)) if record.on else None
            ev.cycled = False
        elif ev.connected and record.plug_in == ev.plug_in:
            lasts_ms = FOREVER if command == "pause" else record.duration_ms if command == "hold" else 0
            if lasts_ms:
                ev.flags |= ev_.HELD
                ev.held_by = record
                ev.held_until = min(FOREVER, record.t + lasts_ms)
            else:
                ev.flags |= ev_.RELEASED
                ev.held_until = min(ev.held_until, record.t)
                if ev.lifted_at >= 0 and not (ev.outage or troubled(ev)):
                    ev.lifted_at = -1  # and the server hears so
                if ev.profile.schedules:
                    ev.released_at = record.t
        if ev.requests is not None:
            ev.requests.commanded(ev, record)
        if ev.own is not None:
            ev.own.happened("command", command)

    def _action(self, ev: Evidence, record: Action) -> None:
        ev.log.append(record)
        if ev.own is not None:
            ev.own.happened("action", record.action)
        rule = ev.panel.rules.get("tou-suspended")
        if rule is not None and (ev.outage or ev.requests is not None):
            if ev.requests is None:
                ev.requests = Requests(rule)
            ev.requests.asked(ev, record)
        if record.action == "swipe":
            profile = ev.profile
            listed = profile.listed and record.tag == profile.entry.tag and not ev.list_lost
            if ev.connected and listed and ev.authorised_at < 0 and ev.refused != ev.plug_in:
                ev.authorised_at = record.t
        elif record.outcome == "accepted":
            ev.flags |= ev_.ASKED
            self._accepted(ev, record)

    def _accepted(self, ev: Evidence, record: Action) -> None:
        """The server took in a request: what it stores changes."""
        ev.stores_anew(record.t)
        if record.action in ("override", "pause"):
            if ev.connected and record.plug_in in (0, ev.plug_in):
                overrides = record.action == "override"
                ev.lifted_at, ev.pause_unsure = (max(ev.paused_at, ev.lifted_at) if overrides else -1), False
                ev.override_at, ev.paused_at = (record.t, -1) if overrides else (-1, record.t)
                ev.flags |= ev_.OVERRIDDEN
            return
        if record.action == "set-amperage":
            ev.wanted_ma = record.ma
            return
        ev.flags |= ev_.TOU_CHANGED
        ev.tou_on = record.on and ev.profile.model.tou != "none"
        if record.charge_in:
            ev.timetable = timetable(ev.profile.tariff, tuple(record.charge_in), self._scenario.duration_ms)

    # Faults and the server.

    def _fault(self, ev: Evidence | None, record: Fault) -> None:
        kind = record.do
        if ev is None:
            self._steps.edge(record)
            for each in self._everyone:
                if each.own is not None and self._own.edge(record, each.own):
                    each.wake = min(each.wake, each.own.wake(each, record.t), record.t)
                    while each.wake <= record.t:
                        self._wake(each)
            if kind.startswith("server.") and record.edge in ("start", "end"):
                self._server_fault(record)
            return
        family = kind.partition(".")[0]
        if family == "driver" or record.edge not in ("start", "struck", "end"):
            return
        ev.flags |= ev_.FAULTED
        ev.log.append(record)
        if kind == "server.settings-wiped":
            self._wiped(ev, record.t)
            return
        if record.edge == "struck":
            ev.troubled_until = max(ev.troubled_until, record.t + int(record.with_.get("delay_ms", 0)))  # type: ignore[arg-type]
            return
        if ev.acting is None:
            ev.acting = set()
        if record.edge == "start":
            if family == "network":
                ev.acting.add(record.step)
            if kind == "station.unavailable":
                ev.closed_by |= {record.step}
                ev.serves(record.t, in_service=False)
            if kind == "station.firmware-update" and ev.mains:
                ev.installs = {record.step, *(ev.installs or ())}
            self._touch(ev, kind, record)
            return
        if kind == "station.unavailable":
            ev.closed_by -= {record.step}
            if not ev.closed_by:
                ev.serves(record.t, in_service=True)
        if record.step in ev.acting:
            ev.acting.discard(record.step)
            ev.troubled_until = max(ev.troubled_until, record.t)
        if ev.installs is not None:
            ev.installs.discard(record.step)
            if not ev.installs:
                ev.installs = None
                ev.up_from = min(ev.up_from, record.t + ev.profile.boot_ms)

    def _server_fault(self, record: Fault) -> None:
        """A fault of the server, or of the shard that it names, begins or ends."""
        number = record.with_.get("shard", 1 if record.do in ONE_SHARD else 0)
        shards = self._shards if not number else [self._shards[int(number) - 1]]  # type: ignore[arg-type]
        for shard in shards if record.do in _HINDERS else ():
            if record.edge == "start":
                shard.acting.add(record.step)
                if record.do == "server.pending":
                    shard.puts_off[record.step] = whole_seconds_ms(int(record.with_["interval_ms"]))  # type: ignore[arg-type]
            else:
                shard.acting.discard(record.step)
                shard.puts_off.pop(record.step, None)
                shard.back_at = record.t
        for ev in self._everyone:
            if ev.shard not in shards:
                continue
            if record.edge == "start":
                self._touch(ev, record.do, record)
            if ev.live or ev.outage or not ev.link_online:
                while ev.wake <= record.t:
                    self._wake(ev)
                ev.was_ma = ev.ma
                ev.flags = ev_.FAULTED
                self._end_instant(ev, record.t)

    def _touch(self, ev: Evidence, do: str, record: Fault) -> None:
        """A fault touches a charger: what is not promised under it is no longer judged."""
        kind = do.partition(".")[2]
        touched = ev.touched | {do, kind}
        ev.touched = self._touched.setdefault(touched, touched)
        if do not in self._assumed and kind not in self._assumed:
            return
        exempt = {name for name, rule in ev.panel.rules.items() if do in rule.assumes or kind in rule.assumes}
        if not exempt:
            return
        held = set()
        kept = []
        for duty in ev.live:
            if duty.rule.name not in exempt:
                kept.append(duty)
            elif not duty.silenced:
                held.add(duty.rule.name)
                outcome = duty.step(record.t, duty.level, "cancel")
                self._conclude(ev, duty, outcome, exempt=outcome == "cancelled")
        ev.live = tuple(kept)
        ev.busy = reduce(or_, (duty.check.bit for duty in kept), 0)
        for name in exempt - held:
            ev.panel.rules[name].cancelled(exempt=True)
        ev.panel = ev.panel.without(exempt, CHECKS)
        for group in ev.groups:
            group.exempt = group.exempt or "load-group-within-capacity" in exempt

    def _server(self, _: Evidence | None, record: Server) -> None:
        shard = self._shards[record.shard - 1]
        state = "up" if record.state in ("restarted", "restored") else record.state
        if state != shard.state:
            shard.state, shard.state_at = state, record.t
        if state != "up":
            return
        shard.back_at = record.t
        shard.log.append(record)  # that it went down, the losses of its chargers tell
        if len(shard.log) > LOG_LENGTH:
            prune(shard.log)
        if record.state == "up":
            return
        for ev in self._everyone:
            if ev.shard is shard:
                if record.state == "restored":
                    self._restored(ev, record)
                self._forgotten(ev, record.t)

    def _moved(self, ev: Evidence, record: Moved) -> None:
        ev.shard = self._shards[record.shard - 1]
        self._forgotten(ev, record.t)  # what the process before it would have forgotten at a restart did not come along
        ev.flags |= ev_.FAULTED
        ev.troubled_until = record.t  # its way to a server is another one from now on

    @staticmethod
    def _restored(ev: Evidence, record: Server) -> None:
        """The server of this charger is back with a backup's state: what that does not know is gone."""
        ev.restored_at = record.t
        ev.announced = -1  # it takes the car to be there that was there then
        while ev.changes and ev.changes[-1][0] > record.back_to:
            _, ev.tou_on, ev.timetable, ev.wanted_ma, override_at, paused_at = ev.changes.pop()
            # Of a car that is gone nothing stands.
            ev.override_at, ev.paused_at = (at if at >= ev.plugged_at else -1 for at in (override_at, paused_at))
            if ev.lifted_at >= 0:
                ev.lifted_at = -1

    @staticmethod
    def _forgotten(ev: Evidence, t: int) -> None:
        """Another process serves this charger, as its server restarted or it moved: what the one before forgets is gone."""
        ev.forgot_at = t
        forgets = ev.profile.forgets
        if "override" in forgets and not ev.in_doubt():
            Judge._override_lost(ev, t)
        if "tou" in forgets:
            ev.tou_on = False
        if "amperage" in forgets:
            ev.wanted_ma = 0

    @staticmethod
    def _wiped(ev: Evidence, t: int) -> None:
        """The server of this charger has lost what it stored of its settings."""
        ev.stores_anew(t)
        ev.flags |= ev_.TOU_CHANGED
        ev.wiped_at = ev.forgot_at = t
        ev.tou_on = False
        ev.wanted_ma = 0
        Judge._override_lost(ev, t)

    @staticmethod
    def _override_lost(ev: Evidence, t: int) -> None:
        """The server has forgotten the override: the pause that it lifted stands again, where the charger had not heard of that."""
        lifted_at = ev.lifted_at
        if lifted_at >= 0:
            if ev.override_at >= 0 and ev.held(t):
                ev.paused_at = lifted_at
            elif ev.override_at >= 0:
                ev.pause_unsure = True
            ev.lifted_at = -1
        ev.override_at = -1

    def _unseen(self, ev: Evidence, record: Unseen) -> None:
        """For a while nothing tells what the charger draws: what was to be seen of it then cannot be, and nothing new is asked."""
        ev.log.append(record)
        ev.unseen_until = max(ev.unseen_until, record.until)
        for duty in ev.live:
            if not duty.silenced:
                self._conclude(ev, duty, duty.step(record.t, duty.level, "cancel"))
        ev.live = ()
        ev.busy = 0
        ev.over_since = -1

    def _settle(self, only: Evidence | None, record: Settled) -> None:
        check = CHECKS[SettingsConverge.name]
        for ev in self._everyone if only is None else (only,):
            ev.settled_at = record.t
            if ev.lifted_at >= 0:
                ev.lifted_at = -1
            rule = ev.panel.rules.get(check.name)
            if rule is not None and not ev.busy & check.bit:
                ev.t = record.t
                ev.flags = 0
                self._start(ev, record.t, check, rule)

    # Instants.

    def _wake(self, ev: Evidence) -> None:
        """Evidence changes by time alone."""
        t = ev.wake
        ev.was_ma = ev.ma
        ev.flags = 0
        ev.wake = FOREVER
        self._end_instant(ev, t)

    def _end_instant(self, ev: Evidence, t: int) -> None:
        ev.t = t
        flags = ev.flags
        if ev.ma > ev.limit_ma or ev.over_since >= 0:
            self._over(ev, t)
        if ev.parked is not None:
            ev.parked = [(duty, outcome, ending or duty.check.ending(ev, t, duty)) for duty, outcome, ending in ev.parked]
        if ev.live:
            self._step(ev, t)
        if ev.outage or flags & TRIGGERS:
            self._see(ev, t, flags)
        if ev.own is not None:
            ev.own.instant(ev, t)
        if ev.outage or ev.live or ev.own is not None:
            self._plan_wake(ev, t)
        ev.done = 0
        if flags & ev_.RECOVERY and ev.calm():
            ev.log = in_force(ev.log)

    def _plan_wake(self, ev: Evidence, t: int) -> None:
        wake = FOREVER
        for duty in ev.live:
            if duty.until_at < wake:
                wake = duty.until_at
        if ev.outage and ev.connected:
            if t < ev.held_until:
                wake = min(wake, ev.held_until)
            if ev.tou_on:
                wake = min(wake, ev.next_edge(t, ev.timetable.at(t)), ev.timetable.next_announcement_ms(t) or FOREVER)
            if ev.scheduled is not None:
                wake = min(wake, ev.next_edge(t, ev.scheduled))
        if ev.own is not None:
            wake = min(wake, ev.own.wake(ev, t))
        ev.wake = wake if wake > t else FOREVER

    def _over(self, ev: Evidence, t: int) -> None:
        """The current is, or was until now, above the limit that binds."""
        rule = ev.panel.current
        if rule is None:
            return
        since = ev.over_since
        due = since + ev.profile.grace_ms
        if since >= 0 and due < t and not ev.over_failed:
            ev.over_failed = True
            drawn = f"{max(ev.was_ma, ev.ma) / 1000:g} A"
            text = f"from {moment(due)} on it drew {drawn}, above the least of the limits acknowledged, {ev.limit_ma / 1000:g} A"
            rule.tally.fail(rule, ev.name, due, text, ev.story(since, due))
        ev.over_since = (since if since >= 0 else t) if ev.ma > ev.limit_ma else -1

    def _step(self, ev: Evidence, t: int) -> None:
        """Bring each live obligation to the end of this instant."""
        kept: list[Duty] = []
        parked: list[Parked] = []
        losing = bool(ev.flags & ev_.LOSS)
        for duty in ev.live:
            check: Check = duty.check
            if duty.silenced:
                if not check.ending(ev, t, duty) and t < duty.until_at:
                    kept.append(duty)
                continue
            outcome = check.step(ev, t, duty)
            if not outcome:
                if losing and check.scope == "online":
                    parked.append((duty, duty.step(t, duty.level, "end"), ""))
                else:
                    kept.append(duty)
                continue
            self._conclude(ev, duty, outcome)
            if outcome == "failed":
                duty.silenced = True
                if not check.ending(ev, t, duty) and t < duty.until_at:
                    kept.append(duty)
            elif not check.again:
                ev.done |= check.bit
        if parked:
            ev.parked = parked
        if len(kept) != len(ev.live):
            ev.live = tuple(kept)
            ev.busy = reduce(or_, (duty.check.bit for duty in kept), 0)

    def _conclude(self, ev: Evidence, duty: Duty, outcome: Outcome, *, exempt: bool = False) -> None:
        """Count how an obligation ended; one of an outage only once it is known not to have been a blip."""
        if duty.check.scope == "outage" and ev.outage | bool(ev.flags & ev_.RECOVERY) and not exempt:
            if ev.outcomes is None:
                ev.outcomes = []
            ev.outcomes.append((duty, outcome, self._violation(ev, duty) if outcome == "failed" else None))
        else:
            self._count(ev, duty, outcome, exempt=exempt)

    @staticmethod
    def _violation(ev: Evidence, duty: Duty) -> Violation:
        """What an obligation that fails now has to tell."""
        check: Check = duty.check
        shown_to = ev.t if check.aftermath else duty.failed_at
        return check.text(ev, duty), ev.story(duty.began, max(shown_to, duty.failed_at), duty.record)

    def _count(self, ev: Evidence, duty: Duty, outcome: Outcome, violation: Violation | None = None, *, exempt: bool = False) -> None:
        rule = duty.rule
        if outcome == "met":
            bound = duty.bound()
            rule.met()
            if bound is not None:
                rule.near((duty.seen_ma if duty.limit_ma else max(0, duty.worst)) / 1000, *bound)
        elif outcome == "failed":
            text, records = violation or self._violation(ev, duty)
            rule.tally.fail(rule, ev.name, duty.failed_at, text, records, bound=duty.bound())
        elif outcome == "pending":
            rule.pending()
        else:
            rule.cancelled(exempt=exempt)

    def _see(self, ev: Evidence, t: int, flags: int) -> None:
        """Let the checks that see this instant start obligations; settle what a recovery decides."""
        if flags & ev_.RECOVERY:
            self._recovery(ev, t, blip=bool(flags & ev_.BLIP))
        if t < ev.unseen_until:
            return
        panel = ev.panel
        flags &= TRIGGERS
        if ev.connected or ev.was_ma:
            flags |= ev_.CAR
        for check, rule in panel.at(flags):
            if not (ev.busy | ev.done) & check.bit:
                self._start(ev, t, check, rule)
        if ev.outage and panel.spans and ev.wants():
            for check, rule in panel.spans:
                if not ev.busy & check.bit:
                    self._start(ev, t, check, rule)

    def _start(self, ev: Evidence, t: int, check: Check, rule: Rule) -> None:
        duty = check.start(ev, t, rule)
        if duty is None:
            return
        outcome = check.step(ev, t, duty)
        if outcome:
            self._conclude(ev, duty, outcome)
            duty.silenced = True
            if outcome != "failed":
                return
        ev.live = (*ev.live, duty)
        ev.busy = ev.busy | check.bit if ev.busy else check.bit  # mostly the latter, which is one number for all

    def _recovery(self, ev: Evidence, t: int, *, blip: bool) -> None:
        outcomes, ev.outcomes = ev.outcomes, None
        for duty, outcome, violation in outcomes or ():
            self._count(ev, duty, "cancelled" if blip else outcome, violation)
        parked, ev.parked = ev.parked, None
        for duty, outcome, ending in parked or ():
            if blip and ending == "cancel" and outcome == "met":
                self._count(ev, duty, "cancelled")
            elif blip and not ending and outcome != "failed" and t < duty.until_at:
                duty.resume(t, ev.since, level=duty.check.level(ev, duty))
                ev.live = (*ev.live, duty)
                ev.busy |= duty.check.bit
            else:
                self._count(ev, duty, outcome)
        if ev.requests is not None:
            ev.live = (*ev.live, *ev.requests.recovered(ev, t, blip=blip))

    # The end.

    def close(self, end_ms: int, *, complete: bool = True) -> list[CheckResult]:
        """The run is over at ``end_ms``: judge what is left and sum up, a result per check.

        Without ``complete`` the journal was cut off after a record of ``end_ms``: all that stands before that millisecond is known, of
        that millisecond itself perhaps only a part, and what is still open is pending.
        """
        if self._ev is not None and complete:
            self._end_instant(self._ev, self._t)
        self._ev = None
        for ev in self._everyone:
            while ev.wake < end_ms + complete:
                self._wake(ev)
            self._close(ev, end_ms, complete=complete)
        for group in self._groups:
            group.close(end_ms, complete=complete)
        if self._unread and "transactions-accounted" in self._tallies:
            self._tallies["transactions-accounted"].hidden = self._unread
        for rule in self._rules.values():
            if rule.name == "random-delay-applied":
                starts_closed(rule)
        named = set(self._scenario.expect.exercised) | {spec.name for spec in self._scenario.expect.checks}
        return [
            tally.result("scenario" if name in named else "contract", complete=complete) for name, tally in self._tallies.items()
        ]  # fmt: skip

    def _close(self, ev: Evidence, end_ms: int, *, complete: bool) -> None:
        ev.flags = 0
        ev.was_ma = ev.ma
        self._over(ev, end_ms)
        for duty in ev.live:
            if not duty.silenced:
                self._conclude(ev, duty, duty.close(end_ms))
        # Cut off in the midst of a recovery, or before its charger can have noticed the loss: this may be a blip.
        maybe_blip = not complete and (not ev.outage or (ev.link_online and end_ms - ev.since <= ev.profile.noticing_ms))
        for duty, outcome, violation in ev.outcomes or ():
            self._count(ev, duty, "pending" if maybe_blip else outcome, violation)
        for duty, outcome, _ in ev.parked or ():
            self._count(ev, duty, "pending" if maybe_blip else outcome)
        if ev.requests is not None:
            ev.requests.close(complete=complete)
        if ev.own is not None:
            ev.own.close(ev, end_ms, complete=complete)
        if not self._unread:
            messages.settle_accounts(ev, ev.settled_at, complete=complete)
        if ev.traffic is not None and ev.traffic.waits_for_acceptance and "nothing-before-acceptance" in ev.panel.rules:
            ev.panel.rules["nothing-before-acceptance"].pending()
