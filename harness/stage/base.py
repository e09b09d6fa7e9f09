"""What faults and people do to chargers, server and paths, whatever carries the messages: the base of all stages.

:class:`harness.stage.director.Director` carries the plan out and says which fault acts when; here is what each does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal, cast

from msgspec.structs import replace

from harness.fault import KINDS
from harness.journal.records import Action, Current, Record
from harness.journal.records import Server as ServerRecord
from harness.stage.build import Windows, build
from harness.stage.capacity import Capacity
from harness.stage.clock import Timekeeper
from harness.stage.director import Director
from harness.stage.paths import Paths
from harness.stage.plan import Cast
from harness.stage.port import MessageFault, Ongoing, Port, Waiting
from harness.stage.recorder import Recorder, Sink
from harness.units import whole_seconds_ms
from harness.values import Scenario, Session, Step
from harness.world.charger import Charger
from harness.world.link import NEVER
from harness.world.messages import COMPUTED
from harness.world.server import Deed, PutOff, Server

Progress = Callable[[int], None]


class Stage(Paths, Capacity):
    """A run in progress: what faults and people do to chargers, server and paths."""

    server_class: ClassVar[type[Server]] = Server
    charger_class: ClassVar[type[Charger]] = Charger
    """What server and chargers are."""

    def __init__(
        self, scenario: Scenario, sink: Sink, clock: Timekeeper, *, simulate_all: bool = False, leg_by_leg: bool = False,
        progress: Progress | None = None,
    ) -> None:  # fmt: skip
        cast_ = Cast(scenario)
        self.scenario = scenario
        self.windows = Windows(scenario)
        self.progress = progress
        self.simulate_all = simulate_all
        self.tariffs = [entry.tariff for entry in scenario.chargers for _ in entry.members()]
        self.deeds = 0
        self.restores: dict[int, str] = {}
        """Shards that are down and come back with a backup's state: the step that restored it."""
        recorder = Recorder(sink)
        watched = any(step.when is not None and step.when.state for step in scenario.plan)
        ports, server = build(
            scenario, cast_, self.windows, self._emit_watching if watched else recorder.emit, self.server_class, self.charger_class
        )
        super().__init__(ports, server, recorder, clock, leg_by_leg=leg_by_leg)
        self.director = Director(scenario, cast_, self.clock, recorder, self)
        self.awaited = bool(self.director.message_triggers)

    def _emit_watching(self, place: int, record: Record) -> None:
        self.recorder.emit(place, record)
        if isinstance(record, Current):
            self.director.state_entered(place, record.t, record.state)

    def open(self) -> None:
        """The run begins."""
        director = self.director
        director.start()
        self._plan_backups()
        waited_for = {
            place for step in director.message_triggers if step.when is not None and step.when.message in COMPUTED
            for place in director.sources(step)
        }  # fmt: skip
        for port in self.ports:
            if self.simulate_all or port.place in waited_for:
                port.exact += 1
                port.charger.begin_routine(0)
            else:
                port.charger.link.mode = "steady"
            self.arm(port)
        self.send_orders(0)

    def close(self) -> None:
        """The run is over: settle all accounts and hand on the rest of the records."""
        end = self.scenario.duration_ms
        for port in self.ports:
            self.leave_mode(port, end)
            port.charger.finish(end)
            self.recorder.flush(end)
        self.server.ledger(end)
        self.director.close(end)
        self.recorder.close(end)

    def _plan_backups(self) -> None:
        """A backup that is restored later is made in good time, where that time is known."""
        for step in self.scenario.plan:
            start = self.director.timeline.starts.get(step.id)
            if step.do == "server.restore-backup" and start is not None:
                backup_at = max(0, start - cast("int", step.arguments["age_ms"]))
                self.director.at(backup_at, self.server.take_snapshot, backup_at, step.id)

    def elapsed(self, now: int) -> None:
        """Time has passed up to ``now``: hand on what is settled, and say how far the run is."""
        self.recorder.flush(now)
        if self.progress is not None:
            self.progress(now)

    # What the director asks for.

    def begin(self, ongoing: Ongoing) -> None:
        """A fault begins to act."""
        self._act(ongoing, 1)
        if KINDS[ongoing.step.do].over and ongoing.fault is None and not self.feeling(ongoing):
            self.director.no_effect(ongoing.step)

    def lift(self, ongoing: Ongoing) -> None:
        """A fault is lifted."""
        self._act(ongoing, -1)

    def _act(self, ongoing: Ongoing, by: int) -> None:
        """What a kind does stands in a method that is called as it is, with 1 when it begins and −1 when it is lifted."""
        getattr(self, "_" + ongoing.step.do.replace(".", "_").replace("-", "_"))(ongoing, by)

    def is_away(self, place: int) -> bool:
        """Whether a charger is in an outage or not online."""
        return self.ports[place].away

    def anyone_away(self) -> bool:
        """Whether any charger is."""
        return self.away > 0

    # What the wire tells.

    def noted(self, port: Port, now: int, action: str) -> None:
        """A message is about to be sent: does a step wait for it?"""
        self.director.message_sent(port.place, now, action)

    def came_back(self, port: Port, now: int) -> None:
        """The charger is back, or away again."""
        self.director.came_back(port.place, now, away=port.away)

    def fault_struck(self, port: Port, fault: MessageFault, sent: int) -> None:
        """A message fault acts on a message that is sent now."""
        self.director.struck(fault.step, port.place, sent, fault.delay_ms)

    def fault_spent(self, fault: MessageFault) -> None:
        """A message fault has acted as often as it was to."""
        self.director.spent(fault.step)

    # Faults. Each is called with 1 when it begins and −1 when it is lifted.

    def _lose_all(self, step: Step, places: list[int]) -> None:
        for place in places:
            self.lose(self.ports[place], self.clock.now, step.do, step.id)

    def _shards_down(self, ongoing: Ongoing, by: int) -> None:
        """Take shards down, or bring them back restarted, with the state of the backup that was restored last meanwhile."""
        now = self.clock.now
        for shard in ongoing.shards:
            places = self.served_by([shard])
            with self._changing(places):
                if by > 0:
                    self._lose_all(ongoing.step, places)
                self.down[shard] += by
                self.server.up[shard] = not (self.down[shard] or self.hung[shard])
                if by > 0 and self.down[shard] == 1:
                    self._dies(shard)
                    self._server_state(shard, "down")
                    for place in places:
                        self.close_connection(self.ports[place], now, "closed")
                elif by < 0 and not self.down[shard]:
                    self._lives(shard)
                    restored = self.restores.pop(shard, "")
                    self.server.restarted(now, shard, restored=restored)
                    self._server_state(shard, "restored" if restored else "restarted", restored)
                    if self.hung[shard]:
                        self._server_state(shard, "hung")
        self.concern(ongoing, by)
        self.send_orders(now)

    def _dies(self, shard: int) -> None:
        """A shard's process ends: what it had under way is gone with it."""
        self.deaths[shard] += 1
        self.backlog[shard].clear()
        self._left_in_line(shard)
        self.server.forget_waiting(self.clock.now, shard)

    def _lives(self, shard: int) -> None:
        """A shard's process begins again."""

    def _server_state(self, shard: int, state: str, restored: str = "") -> None:
        back_to = self.server.snapshots[restored][0] if restored else 0
        self.recorder.emit(-1, ServerRecord(t=self.clock.now, shard=shard + 1, state=state, back_to=back_to))  # type: ignore[arg-type]

    def _server_crash(self, ongoing: Ongoing, by: int) -> None:
        self._shards_down(ongoing, by)

    _server_gone = _server_shard_down = _server_crash

    def _server_restore_backup(self, ongoing: Ongoing, by: int) -> None:
        name = ongoing.step.id
        if by > 0 and name not in self.server.snapshots:
            self.server.take_snapshot(self.clock.now, name)
        if by < 0:
            self.restores.update(dict.fromkeys(ongoing.shards, name))
        self._shards_down(ongoing, by)

    def _server_upgrade(self, ongoing: Ongoing, by: int) -> None:
        style = ongoing.step.arguments.get("style", "stop")
        if style == "rolling" and self.server.model.shards > 1:
            self._roll(ongoing, by)
        elif style == "drained" and by > 0:
            self._drain(ongoing)
        elif style == "drained" and not ongoing.drained:
            self._reopen(ongoing)
        else:
            self._shards_down(ongoing, by)

    def _drain(self, ongoing: Ongoing) -> None:
        """Close connections one after the other, then go down."""
        now = self.clock.now
        drain_ms = cast("int", ongoing.step.arguments.get("drain_ms", 60_000))
        for turn, place in enumerate(ongoing.places):
            self.director.at(now + drain_ms * turn // len(ongoing.places), self._shut, ongoing, place)
        self.director.at(now + drain_ms, self._drained, ongoing)

    def _shut(self, ongoing: Ongoing, place: int) -> None:
        if self.director.acts(ongoing):
            port = self.ports[place]
            now = self.clock.now
            self.leave_mode(port, now)
            self.lose(port, now, ongoing.step.do, ongoing.step.id)
            port.shut += 1
            ongoing.shut.append(place)
            self.close_connection(port, now, "closed")
            self.after(port, now)

    def _drained(self, ongoing: Ongoing) -> None:
        if self.director.acts(ongoing):
            ongoing.drained = True
            self._shards_down(ongoing, 1)
            self._reopen(ongoing)

    def _reopen(self, ongoing: Ongoing) -> None:
        """The server is no longer closed to single chargers: it is down by now, or the upgrade ended before it was."""
        shut, ongoing.shut = ongoing.shut, []
        self._change(shut, lambda port: setattr(port, "shut", port.shut - 1))

    def _roll(self, ongoing: Ongoing, by: int) -> None:
        """Upgrade one shard after the other; the chargers of the one that is down move on to the next."""
        if by < 0:
            return
        now = self.clock.now
        end = self.director.timeline.end_of(ongoing.step)
        each_ms = ((self.scenario.duration_ms if end is None else end) - now) // len(ongoing.shards)
        first, *others = ongoing.shards
        self._roll_one(ongoing, first)
        for turn, shard in enumerate(others, start=1):
            self.director.at(now + each_ms * turn, self._roll_one, ongoing, shard)

    def _roll_one(self, ongoing: Ongoing, shard: int) -> None:
        """One shard restarts; its chargers move on to the next that is not down, and stay where all are. That one hangs nobody sees."""
        now = self.clock.now
        others = [(shard + turn) % self.server.model.shards for turn in range(1, self.server.model.shards)]
        following = next((other for other in others if not self.down[other]), shard)
        if not self.down[shard]:
            self._dies(shard)
            self._lives(shard)
            self.server.restarted(now, shard)
            self._server_state(shard, "restarted")
        for port in self.ports:
            if port.account.shard == shard:
                self.leave_mode(port, now)
                self.lose(port, now, ongoing.step.do, ongoing.step.id)
                self.close_connection(port, now, "closed")
                if following != shard:
                    self._move(port, following)
                self.after(port, now)
        self.send_orders(now)

    def _server_hang(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        self.concern(ongoing, by)
        with self._changing(ongoing.places):
            if by > 0:
                self._lose_all(ongoing.step, ongoing.places)
            for shard in ongoing.shards:
                self.hung[shard] += by
                self.server.up[shard] = not (self.down[shard] or self.hung[shard])
                if by > 0 and self.hung[shard] == 1:
                    self.hangs[shard] += 1
                    self._stop_line(shard)
                    self.server.forget_waiting(now, shard)
                    self.hung_since[shard] = now
                    if not self.down[shard]:
                        self._server_state(shard, "hung")
            # Only now, as what one shard catches up with may have it tell the chargers of another.
            for shard in ongoing.shards:
                if self.server.up[shard]:
                    self._server_state(shard, "up")
                    self.server.resumed(now, shard, self.hung_since[shard])
                    backlog, self.backlog[shard] = self.backlog[shard], []
                    for one in Waiting.in_order(backlog):
                        # What came over a connection that is gone by now, or before the server was closed to its charger, is dropped
                        # (assumption).
                        port = None if one.place < 0 else self.ports[one.place]
                        if port is None or (one.epoch == port.epoch and not port.shut):
                            one.do(*one.arguments)
        self.send_orders(now)

    def _server_slow(self, ongoing: Ongoing, by: int) -> None:
        delay_ms = cast("int", ongoing.step.arguments["delay_ms"])
        self._degrade(ongoing, self.slow_ms, by * delay_ms)

    def _server_errors(self, ongoing: Ongoing, by: int) -> None:
        self._degrade(ongoing, self.errors, by)

    def _server_pending(self, ongoing: Ongoing, by: int) -> None:
        if by > 0:
            ongoing.fault = PutOff(whole_seconds_ms(cast("int", ongoing.step.arguments["interval_ms"])))
        self.concern(ongoing, by)
        self._set_cause(ongoing, by, self.server.put_off)

    def _server_wrong_clock(self, ongoing: Ongoing, by: int) -> None:
        offset_ms = cast("int", ongoing.step.arguments["offset_ms"])
        for shard in ongoing.shards:
            self.server.set_clock(self.clock.now, shard, self.server.clock_offset_ms[shard] + by * offset_ms)
        self.send_orders(self.clock.now)

    def _message(self, ongoing: Ongoing, by: int) -> None:
        step = ongoing.step
        if by > 0:
            given = step.arguments
            ongoing.fault = MessageFault(
                step, step.do.partition(".")[2], str(given.get("action", "")), str(given.get("direction", "request")),
                cast("int", given.get("nth", 1)), step.times, cast("int", given.get("delay_ms", 0)), ongoing.places,
            )  # fmt: skip
        fault = ongoing.fault
        assert isinstance(fault, MessageFault)

        touches_computed = fault.action == "" or fault.action in COMPUTED

        def change(port: Port) -> None:
            port.legs += by
            if touches_computed:
                port.exact += by
            if by > 0:
                port.faults = (*port.faults, fault)
            else:
                port.faults = tuple(other for other in port.faults if other is not fault)

        if by > 0 and step.when is not None and step.when.message and step.id not in self.director.timeline.ends:
            # Begun by the very message that is being sent: only what comes from now on is touched, that message first.
            for place in ongoing.places:
                change(self.ports[place])
        else:
            self._change(ongoing.places, change)

    _message_lose_answer = _message_drop = _message_delay = _message_repeat = _message_error_answer = _message

    def _station_power_cut(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now

        def change(port: Port) -> None:
            if by > 0:
                port.charger.power_lost(now)
            elif not self._still("station.power-cut", port.place, but=ongoing):
                port.charger.power_restored(now)

        self._change(ongoing.places, change)

    def _still(self, do: str, place: int, *, but: Ongoing | None = None) -> bool:
        """Whether a step of this kind acts on a charger, ``but`` one that ends now."""
        return any(place in other.places for other in self.director.ongoing.values() if other is not but and other.step.do == do)

    def _station_reboot_loop(self, ongoing: Ongoing, by: int) -> None:
        if by < 0:
            return
        now = self.clock.now
        self._change(ongoing.places, lambda port: port.charger.restart(now, "network-reboot", "reboot"))
        again = now + cast("int", ongoing.step.arguments.get("every_ms", 300_000))
        self.director.at(again, self._reboot_again, ongoing)

    def _reboot_again(self, ongoing: Ongoing) -> None:
        if self.director.acts(ongoing) and self.clock.now < self.director.timeline.ends.get(ongoing.step.id, NEVER):
            self._station_reboot_loop(ongoing, 1)

    def _station_memory_loss(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        self._change(ongoing.places, lambda port: port.charger.restart(now, "memory-loss", "memory-loss"))

    def _station_clock_lost(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        self._change(ongoing.places, lambda port: port.charger.clock_lost(now))

    def _station_unavailable(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now

        def change(port: Port) -> None:
            if by > 0 or not self._still("station.unavailable", port.place, but=ongoing):
                port.charger.set_availability(now, in_service=by < 0)

        self._change(ongoing.places, change)

    def _station_firmware_update(self, ongoing: Ongoing, by: int) -> None:
        if by < 0:
            return
        now = self.clock.now
        end = self.director.timeline.end_of(ongoing.step)
        pause_ms = 0 if end is None else end - now
        self._change(ongoing.places, lambda port: port.charger.restart(now, "network-reboot", "firmware-update", pause_ms))

    # What people do.

    def driver_acts(self, port: Port, now: int) -> None:
        """The driver does something by himself."""
        charger = port.charger
        full = charger.battery is not None and charger.battery.full
        doing = port.driver.wake(now, draws=charger.ma > 0, full=full)
        if doing is None:
            return
        deed, session = doing
        if deed == "plug-in":
            assert session is not None
            charger.plugged_in(now, session.needs_wh, session.leave_ms)
        elif deed == "unplug":
            charger.unplugged(now)
        elif deed == "override":
            self._ask(port, Deed("override", self._number()))
        elif deed == "power-cycle":
            self._change([port.place], lambda one: one.charger.power_lost(now))
        elif not self._still("station.power-cut", port.place):
            self._change([port.place], lambda one: one.charger.power_restored(now))

    def _number(self) -> int:
        self.deeds += 1
        return self.deeds

    def act(self, step: Step, places: list[int]) -> None:
        """A driver's step of the plan."""
        now = self.clock.now
        given = step.arguments
        kind = step.do.partition(".")[2]
        in_vain = 0
        for place in places:
            port = self.ports[place]
            charger = port.charger
            if kind in ("plug-in", "unplug", "replug") and (kind == "plug-in") == (charger.battery is not None):
                in_vain += 1
            elif kind == "plug-in":
                session = Session(plug_in_ms=now, leave_ms=now + cast("int", given["stay_ms"]), needs_wh=cast("int", given["needs_wh"]))
                port.joins(session)
                charger.plugged_in(now, session.needs_wh, session.leave_ms)
            elif kind == "unplug":
                port.driver.leaves()
                charger.unplugged(now)
            elif kind == "replug":
                self._unplug_for(port, port.driver.connected, cast("int", given["pause_ms"]), cast("int", given["repeats"]))
            elif kind == "swipe":
                tag = str(given.get("tag") or charger.kit.tag)
                number = self._number()
                self.recorder.emit(place, Action(t=now, who=charger.name, action="swipe", outcome="accepted", number=number, tag=tag))
                charger.swiped(now, tag)
            else:
                self._ask(port, self._deed(port, kind, step))
            self.after(port, now)
        if in_vain == len(places):
            self.director.no_effect(step)

    def _unplug_for(self, port: Port, session: Session | None, pause_ms: int, times: int) -> None:
        """The driver of this session unplugs the car for a moment, and again after as long, so many times."""
        battery = port.charger.battery
        if session is None or battery is None or port.driver.connected is not session:
            return  # meanwhile the car is gone, or another is there
        now = self.clock.now
        port.driver.leaves()
        port.charger.unplugged(now, again=now + pause_ms < session.leave_ms)
        self.after(port, now)
        rest = replace(session, plug_in_ms=now + pause_ms, needs_wh=battery.needs_wh)
        self.director.at(now + pause_ms, self._plug_again, port, rest, pause_ms, times - 1)

    def _plug_again(self, port: Port, rest: Session, pause_ms: int, times: int) -> None:
        now = self.clock.now
        if port.charger.battery is not None or rest.leave_ms <= now:
            return  # another car is there, or it was time to go
        port.joins(rest)
        port.charger.plugged_in(now, rest.needs_wh, rest.leave_ms)
        self.after(port, now)
        if times:
            self.director.at(now + pause_ms, self._unplug_for, port, rest, pause_ms, times)

    def _deed(self, port: Port, kind: str, step: Step) -> Deed:
        given = step.arguments
        if kind in ("override", "pause"):
            return Deed(cast("Literal['override', 'pause']", kind), self._number())
        if kind == "set-amperage":
            return Deed("set-amperage", self._number(), ma=cast("int", given["amperage_ma"]))
        charge_in = cast("tuple[str, ...]", given.get("charge_in", ())) or port.account.charge_in
        timetable = self.windows.of(self.tariffs[port.place], charge_in) if charge_in else None
        return Deed("set-tou", self._number(), on=bool(given.get("on", True)), charge_in=charge_in, timetable=timetable)

    def _ask(self, port: Port, deed: Deed) -> None:
        """A driver asks the server for something in the app, which has a way to it of its own."""
        slow_ms = self.slow_ms[port.account.shard]
        if slow_ms and self.server.up[port.account.shard]:
            self.director.at(self.clock.now + slow_ms, self._asked, port, deed, self.deaths[port.account.shard])
        else:
            self._asked(port, deed, self.deaths[port.account.shard])

    def _asked(self, port: Port, deed: Deed, deaths: int) -> None:
        """The server takes such a request up; one whose process has ended since it was asked answers nothing any more."""
        now = self.clock.now
        shard = port.account.shard
        if self.down[shard] or self.errors[shard] or self.deaths[shard] != deaths:
            self.server.refused(now, port.place, deed)
        elif self.hung[shard]:
            self.server.doubted(now, port.place, deed)
            self.backlog[shard].append(Waiting(now, -1, 0, self._taken_up, (port.place, deed)))
        else:
            self._taken_up(port.place, deed)

    def _taken_up(self, place: int, deed: Deed) -> None:
        now = self.clock.now
        self.server.asked(now, place, deed)
        self.send_orders(now)
