"""The simulated stage: runs a scenario's world in virtual time and hands its records to a sink.

The plan is carried out here; messages travel on :class:`harness.stage.wire.Wire`. Same scenario and seed, same records, whatever the
machine, and however much of the traffic is computed rather than simulated.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from heapq import heappop, heappush
from typing import cast

from msgspec.structs import replace

from harness.fault import KINDS
from harness.journal.records import Action, Current, Fault, Record, Server, Settled
from harness.stage.build import Windows, build
from harness.stage.clock import LAST, PLAN
from harness.stage.plan import Cast, Timeline
from harness.stage.port import MessageFault, Ongoing, Port
from harness.stage.recorder import Recorder, Sink
from harness.stage.wire import Wire
from harness.values import Expect, Moment, Scenario, Session, Step
from harness.world.link import NEVER
from harness.world.messages import ROUTINE
from harness.world.server import Deed

Progress = Callable[[int], None]


class StageError(Exception):
    """The stage cannot carry a step of the plan; says which."""


def run(
    scenario: Scenario, sink: Sink, *, simulate_all: bool = False, leg_by_leg: bool = False, progress: Progress | None = None
) -> None:  # fmt: skip
    """Run a scenario in virtual time. ``sink`` is called with batches of records in canonical order.

    ``simulate_all``: no traffic is computed, each keepalive, reading and attempt happens. ``leg_by_leg``: each message and each answer
    is on its way by itself, also where nothing can come between. Neither changes the records.

    ``progress`` is called now and then with the time reached, in ms. Raises :class:`StageError` where a step cannot be carried.
    """
    small = sum(max(1, entry.count) for entry in scenario.chargers) < 100
    with nullcontext() if small else without_collections():
        _Stage(scenario, sink, simulate_all=simulate_all, leg_by_leg=leg_by_leg, progress=progress).run()


@contextmanager
def without_collections() -> Iterator[None]:
    """No collection of garbage meanwhile: a run and its judging make no reference cycles, and so many small objects that each
    collection is dear."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def run_twin(scenario: Scenario, steps: Mapping[str, int], sink: Sink, *, progress: Progress | None = None) -> None:
    """Run a scenario's twin: the same seed without server, network, message and station steps.

    The drivers' steps are kept at the instants (ms) that ``steps`` gives by step id; one that never fired is left out.
    """
    plan = tuple(
        replace(step, at=Moment(offset_ms=steps[step.id]), when=None)
        for step in scenario.plan if step.do.startswith("driver.") and step.id in steps
    )  # fmt: skip
    run(replace(scenario, plan=plan, expect=Expect(contract="none")), sink, progress=progress)


class _Stage(Wire):
    """A run in progress: the plan's side."""

    def __init__(
        self, scenario: Scenario, sink: Sink, *, simulate_all: bool, leg_by_leg: bool, progress: Progress | None
    ) -> None:  # fmt: skip
        for step in scenario.plan:
            if step.do not in KINDS or not KINDS[step.do].simulated:
                raise StageError(f"step {step.id}: {step.do} cannot be simulated")
        self.scenario = scenario
        self.cast = Cast(scenario)
        self.windows = Windows(scenario)
        self.timeline = Timeline(scenario.plan)
        self.progress = progress
        recorder = Recorder(sink)
        self.state_triggers = [step for step in scenario.plan if step.when is not None and step.when.state]
        self.message_triggers = [step for step in scenario.plan if step.when is not None and step.when.message]
        emit = self._emit_watching if self.state_triggers else recorder.emit
        ports, server = build(scenario, self.cast, self.windows, emit)
        super().__init__(ports, server, recorder, leg_by_leg=leg_by_leg)
        self.awaited = bool(self.message_triggers)
        self.simulate_all = simulate_all
        self.loose = [step for step in scenario.plan if step.id not in self.timeline.starts]
        """Steps whose start becomes known only during the run."""
        self.seen: dict[str, int] = {}
        self.ongoing: dict[str, Ongoing] = {}
        self.begun: set[str] = set()
        self.over: set[str] = set()
        self.recovering: dict[str, set[int]] = {}
        self.recovered_at: dict[str, int] = {}
        self.back_at = 0
        self.deeds = 0
        self.last_step = 0
        self.settles = 0
        self.changes = [scenario.duration_ms]
        """When the plan is to do something, and the end: a heap."""
        self.retries_ms = max(_retries_ms(scenario, name) for name in {entry.model for entry in scenario.chargers})

    def _emit_watching(self, place: int, record: Record) -> None:
        self.recorder.emit(place, record)
        if isinstance(record, Current):
            for step in self.state_triggers:
                when = step.when
                assert when is not None
                if record.state == when.state and step.id not in self.begun and place in self._sources(step):
                    self._triggered(step, max(record.t, self.clock.now))

    def run(self) -> None:
        """From the start to the end."""
        end = self.scenario.duration_ms
        self._schedule_plan()
        waited_for = {
            place for step in self.message_triggers if step.when is not None and step.when.message in ROUTINE
            for place in self._sources(step)
        }  # fmt: skip
        for port in self.ports:
            if self.simulate_all or port.place in waited_for:
                port.exact += 1
                port.charger.begin_routine(0)
            else:
                port.charger.link.mode = "steady"
            self.arm(port)
        self.send_orders(0)
        self._plan_settling(0)
        self.clock.run(end)
        for port in self.ports:
            self.leave_mode(port, end)
            port.charger.finish(end)
            self.recorder.flush(end)
        self.server.ledger(end)
        self._close_plan(end)
        self.recorder.close(end)

    def _elapsed(self, now: int) -> None:
        self.recorder.flush(now)
        if self.progress is not None:
            self.progress(now)

    # The plan.

    def _schedule_plan(self) -> None:
        for step in self.scenario.plan:
            start = self.timeline.starts.get(step.id)
            if start is not None:
                self._schedule(step, start)
                if step.do == "server.restore-backup":
                    backup_at = max(0, start - cast("int", step.arguments["age_ms"]))
                    self.clock.at(backup_at, PLAN, -1, self.server.take_snapshot, backup_at)
        self._foresee()

    def _foresee(self) -> None:
        """Work out when the plan next changes anything: messages are carried in one go only up to then."""
        unforeseen = any(step.id not in self.begun and step.id not in self.timeline.starts for step in self.loose)
        self.next_change = -1 if unforeseen else self.changes[0]

    def _schedule(self, step: Step, start: int) -> None:
        if start <= self.scenario.duration_ms:
            self._at(start, self._begin, step)

    def _at(self, moment: int, do: Callable[..., None], *arguments: object) -> None:
        """Have the plan do something later; messages must not be carried across that moment."""
        moment = max(moment, self.clock.now)
        heappush(self.changes, moment)
        self.clock.at(moment, PLAN, -1, self._turn, do, *arguments)

    def _turn(self, do: Callable[..., None], *arguments: object) -> None:
        self.next_change = heappop(self.changes)  # the plan's turns come in time order
        do(*arguments)
        self._foresee()

    def _concerned(self, step: Step) -> list[int]:
        """The places of a step's targets."""
        kind = KINDS[step.do]
        if kind.aims == "server":
            return self._served_by(self._shards_of(step))
        if step.when is not None and not step.to.names and not step.to.share_permille and step.when.source:
            return self.cast.of_names([step.when.source])
        return self.cast.of(step.to)

    def _served_by(self, shards: Sequence[int]) -> list[int]:
        """The places that these shards serve now: a rolling upgrade moves chargers on."""
        return [port.place for port in self.ports if port.account.shard in shards]

    def _shards_of(self, step: Step) -> list[int]:
        if step.do == "server.shard-down":
            return [(step.to.shard or cast("int", step.arguments.get("shard", 1))) - 1]
        return list(range(self.server.model.shards)) if step.to.shard is None else [step.to.shard - 1]

    def _sources(self, step: Step) -> list[int]:
        assert step.when is not None
        return self.cast.of_names([step.when.source]) if step.when.source else self._concerned(step)

    def noted(self, port: Port, now: int, action: str) -> None:
        """A message is about to be sent: does a step wait for it?"""
        for step in self.message_triggers:
            when = step.when
            assert when is not None
            if when.message == action and step.id not in self.begun and port.place in self._sources(step):
                self._triggered(step, now)

    def _triggered(self, step: Step, now: int) -> None:
        when = step.when
        assert when is not None
        self.seen[step.id] = self.seen.get(step.id, 0) + 1
        if self.seen[step.id] != when.nth:
            return
        start = now + when.delay_ms
        self._fired(step, start)
        if start <= self.clock.now and step.do.startswith("message."):
            # The message that it waited for is the first that it acts on.
            self._begin(step)
        else:
            self._at(start, self._begin, step)

    def _fired(self, step: Step, start: int) -> None:
        self.begun.add(step.id)
        self.timeline.starts[step.id] = start

    def _begin(self, step: Step) -> None:
        """A step begins, or, for an action, happens."""
        now = self.clock.now
        self._fired(step, now)
        places = self._concerned(step)
        self._note(step, "start", places)
        self.last_step = now
        self.settles += 1
        kind = KINDS[step.do]
        if kind.family == "driver":
            self._act(step, places)
        else:
            ongoing = Ongoing(step, places, self._shards_of(step) if kind.aims == "server" else [])
            self.ongoing[step.id] = ongoing
            getattr(self, "_" + step.do.replace(".", "_").replace("-", "_"))(ongoing, 1)
            if kind.ends == "instant":
                self._finish_step(step)
            else:
                self._schedule_end(step)
        self._follow(step.id, "start", now)
        if kind.family == "driver":
            self._finish_step(step)
        self._foresee()
        self._plan_settling(now)

    def _schedule_end(self, step: Step) -> None:
        end = self.timeline.end_of(step)
        if end is not None and step.id in self.ongoing:
            self.timeline.ends[step.id] = end
            self._at(max(end, self.clock.now), self._end, step)

    def _end(self, step: Step) -> None:
        """A fault is lifted."""
        ongoing = self.ongoing.get(step.id)
        if ongoing is None:
            return
        getattr(self, "_" + step.do.replace(".", "_").replace("-", "_"))(ongoing, -1)
        self._finish_step(step)
        self._foresee()

    def _finish_step(self, step: Step) -> None:
        now = self.clock.now
        ongoing = self.ongoing.pop(step.id, None)
        self.over.add(step.id)
        self.timeline.ends[step.id] = now
        self.last_step = now
        self.settles += 1
        if ongoing is not None:
            self._note(step, "end", ongoing.places)
            if ongoing.fault is not None and not ongoing.fault.applied:
                self._note(step, "no-effect", [])
            self.recovering[step.id] = {place for place in ongoing.places if self.ports[place].away}
        else:
            self.recovering[step.id] = set()
        self._follow(step.id, "end", now)
        self._check_recovered(step.id, now)
        self._plan_settling(now)

    def _follow(self, step: str, edge: str, now: int) -> None:
        """Steps that begin or end relative to this edge now know when."""
        for other in self.timeline.waits_on(step, edge):
            start = self.timeline.moment(cast("Moment", other.at))
            if other.id not in self.begun and start is not None and self.timeline.starts.get(other.id) is None:
                self.timeline.starts[other.id] = max(start, now)
                self._schedule(other, max(start, now))
        for other in self.timeline.ends_on(step, edge):
            self._schedule_end(other)

    def _check_recovered(self, step: str, now: int) -> None:
        if self.recovering.get(step):
            return
        del self.recovering[step]
        self.timeline.recoveries[step] = now
        kept = self.timeline.steps[step]
        if KINDS[kept.do].family != "driver":
            self._note(kept, "recovered", [], now)
        self._follow(step, "recovered", now)

    def came_back(self, port: Port, now: int) -> None:
        """The charger is back, or away again: steps and the settling of the run follow."""
        self.settles += 1
        if not port.away:
            # Exchanges carried in one go come ahead of time, so the last to be back need not be the last to be seen.
            self.back_at = max(self.back_at, now)
            for step in [step for step, places in self.recovering.items() if port.place in places]:
                self.recovering[step].discard(port.place)
                self.recovered_at[step] = max(now, self.recovered_at.get(step, 0))
                self._check_recovered(step, self.recovered_at[step])
            if not self.away:
                self._plan_settling(self.back_at)

    def _plan_settling(self, now: int) -> None:
        if not self.away and not self.ongoing:
            self.clock.at(max(now, self.last_step + self.retries_ms), LAST, -1, self._settle, self.settles)

    def _settle(self, settles: int) -> None:
        if settles == self.settles and not self.away and not self.ongoing:
            self.settles += 1
            self.recorder.emit(-1, Settled(t=self.clock.now))

    def _note(self, step: Step, edge: str, places: list[int], at: int | None = None) -> None:
        """Journal an edge of a step: once for the step, and for each charger that it concerns; the server's concern all of its shard."""
        now = self.clock.now if at is None else at
        with_ = {name: list(value) if isinstance(value, tuple) else value for name, value in step.arguments.items()}
        if KINDS[step.do].aims == "server" and step.to.shard is not None:
            with_["shard"] = step.to.shard
        self.recorder.emit(-1, Fault(t=now, step=step.id, do=step.do, edge=edge, with_=with_))  # type: ignore[arg-type]
        if KINDS[step.do].aims != "server":
            for place in places:
                name = self.cast.names[place]
                self.recorder.emit(place, Fault(t=now, who=name, step=step.id, do=step.do, edge=edge))  # type: ignore[arg-type]

    def _close_plan(self, end: int) -> None:
        for step in self.scenario.plan:
            edge = ""
            if step.id not in self.begun:
                edge = "never-fired"
            elif step.id in self.ongoing:
                fault = self.ongoing[step.id].fault
                edge = "no-effect" if fault is not None and not fault.applied else ""
            if edge:
                self.recorder.emit(-1, Fault(t=end, step=step.id, do=step.do, edge=edge))  # type: ignore[arg-type]

    # Faults. Each is called with 1 when it begins and −1 when it is lifted.

    def _change(self, places: list[int], do: Callable[[Port], None]) -> None:
        """Do something to chargers that changes their path: what was computed is put under way before."""
        now = self.clock.now
        for place in places:
            port = self.ports[place]
            self.leave_mode(port, now)
            do(port)
            self.after(port, now)

    def _lose_all(self, ongoing: Ongoing) -> None:
        now = self.clock.now
        for place in ongoing.places:
            self.lose(self.ports[place], now, ongoing.step.do, ongoing.step.id)

    def _shards_down(self, ongoing: Ongoing, by: int, *, restored: bool = False) -> None:
        """Take shards down, or bring them back restarted."""
        now = self.clock.now
        for shard in ongoing.shards:
            ongoing.places = self._served_by([shard])
            for place in ongoing.places:
                self.leave_mode(self.ports[place], now)
            if by > 0:
                self._lose_all(ongoing)
            self.down[shard] += by
            self.server.up[shard] = not (self.down[shard] or self.hung[shard])
            if by > 0 and self.down[shard] == 1:
                self.backlog[shard].clear()
                self._server_state(shard, "down")
                for place in ongoing.places:
                    self.close_connection(self.ports[place], now, "closed")
            elif by < 0 and not self.down[shard]:
                self.server.restarted(now, shard, restored=restored)
                self._server_state(shard, "restored" if restored else "restarted")
                if self.hung[shard]:
                    self._server_state(shard, "hung")
            for place in ongoing.places:
                self.after(self.ports[place], now)
        ongoing.places = self._served_by(ongoing.shards)
        self.send_orders(now)

    def _server_state(self, shard: int, state: str) -> None:
        back_to = self.server.snapshot_at if state == "restored" else 0
        self.recorder.emit(-1, Server(t=self.clock.now, shard=shard + 1, state=state, back_to=back_to))  # type: ignore[arg-type]

    def _server_crash(self, ongoing: Ongoing, by: int) -> None:
        self._shards_down(ongoing, by)

    _server_gone = _server_shard_down = _server_crash

    def _server_restore_backup(self, ongoing: Ongoing, by: int) -> None:
        if by > 0 and self.server.snapshot is None:
            self.server.take_snapshot(self.clock.now)
        self._shards_down(ongoing, by, restored=by < 0)

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
            self._at(now + drain_ms * turn // len(ongoing.places), self._shut, ongoing, place)
        self._at(now + drain_ms, self._drained, ongoing)

    def _shut(self, ongoing: Ongoing, place: int) -> None:
        if self.ongoing.get(ongoing.step.id) is ongoing:
            port = self.ports[place]
            now = self.clock.now
            self.leave_mode(port, now)
            self.lose(port, now, ongoing.step.do, ongoing.step.id)
            port.shut += 1
            ongoing.shut.append(place)
            self.close_connection(port, now, "closed")
            self.after(port, now)

    def _drained(self, ongoing: Ongoing) -> None:
        if self.ongoing.get(ongoing.step.id) is ongoing:
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
        end = self.timeline.end_of(ongoing.step)
        each_ms = ((self.scenario.duration_ms if end is None else end) - now) // len(ongoing.shards)
        for turn, shard in enumerate(list(ongoing.shards)):
            self._at(now + each_ms * turn, self._roll_one, ongoing, shard)

    def _roll_one(self, ongoing: Ongoing, shard: int) -> None:
        now = self.clock.now
        following = (shard + 1) % self.server.model.shards
        self.server.restarted(now, shard)
        self._server_state(shard, "restarted")
        for port in self.ports:
            if port.account.shard == shard:
                self.leave_mode(port, now)
                self.lose(port, now, ongoing.step.do, ongoing.step.id)
                self.close_connection(port, now, "closed")
                port.account.shard = following
                self.after(port, now)
        self.send_orders(now)

    def _server_hang(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        ongoing.places = self._served_by(ongoing.shards)
        for place in ongoing.places:
            self.leave_mode(self.ports[place], now)
        if by > 0:
            self._lose_all(ongoing)
        for shard in ongoing.shards:
            self.hung[shard] += by
            self.server.up[shard] = not (self.down[shard] or self.hung[shard])
            if by > 0 and self.hung[shard] == 1 and not self.down[shard]:
                self._server_state(shard, "hung")
            if self.server.up[shard]:
                self._server_state(shard, "up")
                self.server.resumed(now, shard, self.timeline.starts[ongoing.step.id])
                backlog, self.backlog[shard] = self.backlog[shard], []
                for do, port, epoch, arguments in backlog:
                    # What came over a connection that is gone by now is dropped with it (assumption).
                    if port is None or epoch == port.epoch:
                        do(*arguments)
        for place in ongoing.places:
            self.after(self.ports[place], now)
        self.send_orders(now)

    def _server_slow(self, ongoing: Ongoing, by: int) -> None:
        delay_ms = cast("int", ongoing.step.arguments["delay_ms"])
        self._degrade(ongoing, self.slow_ms, by * delay_ms)

    def _server_errors(self, ongoing: Ongoing, by: int) -> None:
        self._degrade(ongoing, self.errors, by)

    def _degrade(self, ongoing: Ongoing, of_shard: list[int], amount: int) -> None:
        now = self.clock.now
        ongoing.places = self._served_by(ongoing.shards)
        for place in ongoing.places:
            self.leave_mode(self.ports[place], now)
        for shard in ongoing.shards:
            of_shard[shard] += amount
        for place in ongoing.places:
            self.after(self.ports[place], now)

    def _server_wrong_clock(self, ongoing: Ongoing, by: int) -> None:
        offset_ms = cast("int", ongoing.step.arguments["offset_ms"])
        for shard in ongoing.shards:
            self.server.set_clock(self.clock.now, shard, self.server.clock_offset_ms[shard] + by * offset_ms)
        self.send_orders(self.clock.now)

    def _network_cut(self, ongoing: Ongoing, by: int) -> None:
        self._path(ongoing, by, "cuts")

    def _network_black_hole(self, ongoing: Ongoing, by: int) -> None:
        self._path(ongoing, by, "holes")

    def _path(self, ongoing: Ongoing, by: int, cause: str) -> None:
        now = self.clock.now

        def change(port: Port) -> None:
            if by > 0:
                self.lose(port, now, ongoing.step.do, ongoing.step.id)
            setattr(port, cause, getattr(port, cause) + by)
            if by < 0 and cause == "holes" and port.charger.link.online:
                self.close_connection(port, now, "closed")
            elif by < 0 and not (port.cuts or port.holes):
                self.release_held(port, now)

        self._change(ongoing.places, change)

    def _network_latency(self, ongoing: Ongoing, by: int) -> None:
        delay_ms = cast("int", ongoing.step.arguments["delay_ms"])

        def change(port: Port) -> None:
            port.extra_ms += by * delay_ms
            port.exact += by

        self._change(ongoing.places, change)

    def _network_reset(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        self._change(ongoing.places, lambda port: port.charger.disconnected(now, "reset") if port.tcp else None)
        if not any(self.ports[place].tcp for place in ongoing.places):
            self._note(ongoing.step, "no-effect", [])

    def _message(self, ongoing: Ongoing, by: int) -> None:
        step = ongoing.step
        if by > 0:
            given = step.arguments
            ongoing.fault = MessageFault(
                step, step.do.partition(".")[2], str(given.get("action", "")), str(given.get("direction", "request")),
                cast("int", given.get("nth", 1)), step.times, cast("int", given.get("delay_ms", 0)), ongoing.places,
            )  # fmt: skip
        fault = ongoing.fault
        assert fault is not None

        touches_routine = fault.action == "" or fault.action in ROUTINE

        def change(port: Port) -> None:
            port.legs += by
            if touches_routine:
                port.exact += by
            if by > 0:
                port.faults.append(fault)
            else:
                port.faults.remove(fault)

        if by > 0 and step.when is not None and step.when.message and step.id not in self.timeline.ends:
            # Begun by the very message that is being sent: only what comes from now on is touched, that message first.
            for place in ongoing.places:
                change(self.ports[place])
        else:
            self._change(ongoing.places, change)

    _message_lose_answer = _message_drop = _message_delay = _message_repeat = _message_error_answer = _message

    def fault_spent(self, fault: MessageFault) -> None:
        """A message fault has acted as often as it was to: it ends when this millisecond is over."""
        self.clock.at(self.clock.now, LAST, -1, self._end, fault.step)

    def _station_power_cut(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now

        def change(port: Port) -> None:
            if by > 0:
                port.charger.power_lost(now)
            elif not self._unpowered(port.place, ongoing):
                port.charger.power_restored(now)

        self._change(ongoing.places, change)

    def _unpowered(self, place: int, ended: Ongoing) -> bool:
        """Whether another power cut still keeps mains away."""
        return any(
            other is not ended and other.step.do == "station.power-cut" and place in other.places for other in self.ongoing.values()
        )

    def _station_reboot_loop(self, ongoing: Ongoing, by: int) -> None:
        if by < 0:
            return
        now = self.clock.now
        self._change(ongoing.places, lambda port: port.charger.restart(now, "network-reboot", "reboot"))
        again = now + cast("int", ongoing.step.arguments.get("every_ms", 300_000))
        self._at(again, self._reboot_again, ongoing)

    def _reboot_again(self, ongoing: Ongoing) -> None:
        if self.ongoing.get(ongoing.step.id) is ongoing and self.clock.now < self.timeline.ends.get(ongoing.step.id, NEVER):
            self._station_reboot_loop(ongoing, 1)

    def _station_memory_loss(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        self._change(ongoing.places, lambda port: port.charger.restart(now, "memory-loss", "memory-loss"))

    def _station_clock_lost(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        self._change(ongoing.places, lambda port: port.charger.clock_lost(now))

    def _station_firmware_update(self, ongoing: Ongoing, by: int) -> None:
        if by < 0:
            return
        now = self.clock.now
        end = self.timeline.end_of(ongoing.step)
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
        elif not any(port.place in other.places and other.step.do == "station.power-cut" for other in self.ongoing.values()):
            self._change([port.place], lambda one: one.charger.power_restored(now))

    def _number(self) -> int:
        self.deeds += 1
        return self.deeds

    def _act(self, step: Step, places: list[int]) -> None:
        """A driver's step of the plan."""
        now = self.clock.now
        given = step.arguments
        kind = step.do.partition(".")[2]
        for place in places:
            port = self.ports[place]
            charger = port.charger
            if kind in ("plug-in", "unplug") and (kind == "plug-in") == (charger.battery is not None):
                self._note(step, "no-effect", [])
            elif kind == "plug-in":
                session = Session(plug_in_ms=now, leave_ms=now + cast("int", given["stay_ms"]), needs_wh=cast("int", given["needs_wh"]))
                port.driver.joins(session)
                charger.plugged_in(now, session.needs_wh, session.leave_ms)
            elif kind == "unplug":
                port.driver.leaves()
                charger.unplugged(now)
            elif kind == "swipe":
                tag = str(given.get("tag") or charger.kit.tag)
                number = self._number()
                self.recorder.emit(place, Action(t=now, who=charger.name, action="swipe", outcome="accepted", number=number, tag=tag))
                charger.swiped(now, tag)
            else:
                self._ask(port, self._deed(port, kind, step))
            self.after(port, now)

    def _deed(self, port: Port, kind: str, step: Step) -> Deed:
        given = step.arguments
        if kind == "override":
            return Deed("override", self._number())
        if kind == "set-amperage":
            return Deed("set-amperage", self._number(), ma=cast("int", given["amperage_ma"]))
        charge_in = cast("tuple[str, ...]", given.get("charge_in", ())) or port.account.charge_in
        entry = next(entry for entry in self.scenario.chargers if port.charger.name in entry.members())
        windows = self.windows.of(entry.tariff, charge_in) if charge_in else None
        return Deed("set-tou", self._number(), on=bool(given.get("on", True)), charge_in=charge_in, windows=windows)

    def _ask(self, port: Port, deed: Deed) -> None:
        """A driver asks the server for something in the app, which has a way to it of its own."""
        now = self.clock.now
        shard = port.account.shard
        if self.down[shard] or self.errors[shard]:
            self.server.refused(now, port.place, deed)
        elif self.hung[shard]:
            self.server.doubted(now, port.place, deed)
            self.backlog[shard].append((self._asked, None, 0, (port.place, deed)))
        elif self.slow_ms[shard]:
            self._at(now + self.slow_ms[shard], self._asked, port.place, deed)
        else:
            self._asked(port.place, deed)

    def _asked(self, place: int, deed: Deed) -> None:
        now = self.clock.now
        if self.down[self.ports[place].account.shard]:
            self.server.refused(now, place, deed)
            return
        self.server.asked(now, place, deed)
        self.send_orders(now)


def _retries_ms(scenario: Scenario, model: str) -> int:
    """How long a charger of this model may go on retrying a message."""
    charger = scenario.models[model]
    rules = charger.queue
    waits = rules.interval_ms * (rules.attempts * (rules.attempts - 1) // 2 if rules.attempts else 1)
    return waits + max(1, rules.attempts) * charger.link.answer_timeout_ms + charger.link.keepalive_ms
