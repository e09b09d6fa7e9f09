"""Carries a scenario's plan out, on whatever stage: when each step begins and ends, and what follows from that.

Theory of operation. The director knows the steps and their moments; the stage (a :class:`Carrier`) knows how a fault acts and lets
time pass. A step begins at its moment, at a message or at a state that it waits for; it ends at its own end, when the stage says
that it has struck as often as it was to, or at once. Either edge is journalled, and may be what other steps begin or end by. Once no
fault acts and nobody is away, retries are waited for, and the run is settled.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol, cast

from harness.fault import KINDS
from harness.journal.records import Fault, Settled
from harness.stage.clock import LAST, PLAN, Timekeeper
from harness.stage.plan import Cast, Timeline
from harness.stage.port import Ongoing
from harness.stage.recorder import Recorder
from harness.values import ChargerModel, Moment, Scenario, Step


class Carrier(Protocol):
    """What a director needs of its stage."""

    next_change: int
    """Set by the director: the next time that the plan may change something; −1: at any time."""

    def begin(self, ongoing: Ongoing) -> None:
        """A fault begins to act."""

    def lift(self, ongoing: Ongoing) -> None:
        """A fault is lifted."""

    def act(self, step: Step, places: list[int]) -> None:
        """A driver's step happens."""

    def served_by(self, shards: list[int]) -> list[int]:
        """The places that these shards serve now."""

    def feels(self, step: Step, place: int) -> bool:
        """Whether a step can do anything to a charger."""

    def is_away(self, place: int) -> bool:
        """Whether a charger is in an outage or not online."""

    def anyone_away(self) -> bool:
        """Whether any charger is."""


class _Missing:
    """The chargers that a step has left away, until they are back: a byte for each."""

    __slots__ = ("_flags", "count")

    def __init__(self, places: list[int]) -> None:
        self.count = len(places)
        self._flags = bytearray(max(places, default=-1) + 1)
        for place in places:
            self._flags[place] = True

    def found(self, place: int) -> bool:
        """One is back; says whether it was missing."""
        if place >= len(self._flags) or not self._flags[place]:
            return False
        self._flags[place] = False
        self.count -= 1
        return True


class Director:
    """The plan of a run in progress."""

    def __init__(self, scenario: Scenario, cast: Cast, clock: Timekeeper, recorder: Recorder, carrier: Carrier) -> None:
        self.scenario = scenario
        self.cast = cast
        self.clock = clock
        self.recorder = recorder
        self.carrier = carrier
        self.timeline = Timeline(scenario.plan)
        self.message_triggers = [step for step in scenario.plan if step.when is not None and step.when.message]
        self.ongoing: dict[str, Ongoing] = {}
        """The faults that act now, by step."""
        self._state_triggers = [step for step in scenario.plan if step.when is not None and step.when.state]
        self._loose = [step for step in scenario.plan if step.id not in self.timeline.starts]
        """Steps whose start becomes known only during the run."""
        self._seen: dict[str, int] = {}
        self._begun: set[str] = set()
        self._missed: set[str] = set()
        """Steps whose end was past when they were to begin."""
        self._recovering: dict[str, _Missing] = {}
        self._recovered_at: dict[str, int] = {}
        self._back_at = 0
        self._last_step = 0
        self._settles = 0
        self._changes = [scenario.duration_ms]
        """When the plan is to do something, and the end: a heap."""
        self._retries_ms = max(retries_ms(scenario.models[name]) for name in {entry.model for entry in scenario.chargers})

    # What the stage tells.

    def start(self) -> None:
        """The run begins."""
        for step in self.scenario.plan:
            start = self.timeline.starts.get(step.id)
            if start is not None:
                self._schedule(step, start)
        self._foresee()
        self._plan_settling(0)

    def message_sent(self, place: int, now: int, action: str) -> None:
        """A charger is about to send a message: does a step wait for it?"""
        for step in self.message_triggers:
            when = step.when
            assert when is not None
            if when.message == action and step.id not in self._begun and place in self.sources(step):
                self._triggered(step, now)

    def state_entered(self, place: int, t: int, state: str) -> None:
        """A charger's connector is in this state from ``t`` on: does a step wait for it?"""
        for step in self._state_triggers:
            when = step.when
            assert when is not None
            if state == when.state and step.id not in self._begun and place in self.sources(step):
                self._triggered(step, max(t, self.clock.now))

    def came_back(self, place: int, now: int, *, away: bool) -> None:
        """A charger is back, or away again: steps and the settling of the run follow."""
        self._settles += 1
        if away:
            return
        # Exchanges carried in one go come ahead of time, so the last to be back need not be the last to be seen.
        self._back_at = max(self._back_at, now)
        for step, missing in tuple(self._recovering.items()):
            if missing.found(place):
                latest = self._recovered_at[step] = max(now, self._recovered_at.get(step, 0))
                if not missing.count:
                    self._check_recovered(step, latest)
        if not self.carrier.anyone_away():
            self._plan_settling(self._back_at)

    def struck(self, step: Step, place: int, sent: int, delay_ms: int) -> None:
        """A fault strikes this charger: a message of it, which comes so much later, or its connections, for so long."""
        with_: dict[str, int | str | bool | list[str]] = {"delay_ms": delay_ms} if delay_ms else {}
        self.recorder.emit(place, Fault(t=sent, who=self.cast.names[place], step=step.id, do=step.do, edge="struck", with_=with_))

    def spent(self, step: Step) -> None:
        """A fault has struck as often as it was to: it ends when this millisecond is over."""
        self.clock.at(self.clock.now, LAST, -1, self._end, step)

    def no_effect(self, step: Step) -> None:
        """A step changed nothing."""
        self._note(step, "no-effect", [])

    def close(self, end: int) -> None:
        """The run is over: say which steps never fired or changed nothing."""
        for step in self.scenario.plan:
            edge = ""
            if step.id not in self._begun or step.id in self._missed:
                edge = "never-fired"
            elif step.id in self.ongoing:
                fault = self.ongoing[step.id].fault
                edge = "no-effect" if fault is not None and not fault.applied else ""
            if edge:
                self.recorder.emit(-1, Fault(t=end, step=step.id, do=step.do, edge=edge))  # type: ignore[arg-type]

    # What the stage asks.

    def at(self, moment: int, do: Callable[..., None], *arguments: object) -> None:
        """Have the plan do something later; messages must not be carried across that moment."""
        moment = max(moment, self.clock.now)
        heappush(self._changes, moment)
        self.carrier.next_change = min(self.carrier.next_change, moment)
        self.clock.at(moment, PLAN, -1, self._turn, do, *arguments)

    def acts(self, ongoing: Ongoing) -> bool:
        """Whether a fault that began still acts."""
        return self.ongoing.get(ongoing.step.id) is ongoing

    def sources(self, step: Step) -> list[int]:
        """The places of the chargers whose messages or states a step waits for."""
        assert step.when is not None
        return self.cast.of_names([step.when.source]) if step.when.source else self.concerned(step)

    def _turn(self, do: Callable[..., None], *arguments: object) -> None:
        self.carrier.next_change = heappop(self._changes)  # the plan's turns come in time order
        do(*arguments)
        self._foresee()

    def _foresee(self) -> None:
        """Work out when the plan next changes anything: messages are carried in one go only up to then."""
        unforeseen = any(step.id not in self._begun and step.id not in self.timeline.starts for step in self._loose)
        self.carrier.next_change = -1 if unforeseen else self._changes[0]

    # Whom a step concerns.

    def concerned(self, step: Step) -> list[int]:
        """The places of the chargers that a step is about."""
        kind = KINDS[step.do]
        if kind.aims == "server":
            return self.carrier.served_by(self._shards_of(step))
        if step.when is not None and not step.to.names and not step.to.share_permille and step.when.source:
            return self.cast.of_names([step.when.source])
        return self.cast.of(step.to)

    def _shards_of(self, step: Step) -> list[int]:
        if KINDS[step.do].one_shard:
            return [(step.to.shard or cast("int", step.arguments.get("shard", 1))) - 1]
        return list(range(self.scenario.server.shards)) if step.to.shard is None else [step.to.shard - 1]

    # Beginnings.

    def _schedule(self, step: Step, start: int) -> None:
        if start <= self.scenario.duration_ms:
            self.at(start, self._begin, step)

    def _triggered(self, step: Step, now: int) -> None:
        when = step.when
        assert when is not None
        self._seen[step.id] = self._seen.get(step.id, 0) + 1
        if self._seen[step.id] != when.nth:
            return
        start = now + when.delay_ms
        self._fired(step, start)
        if start <= self.clock.now and step.do.startswith("message."):
            # The message that it waited for is the first that it acts on.
            self._begin(step)
        else:
            self.at(start, self._begin, step)

    def _fired(self, step: Step, start: int) -> None:
        self._begun.add(step.id)
        self.timeline.starts[step.id] = start

    def _begin(self, step: Step) -> None:
        """A step begins, or, for an action, happens."""
        now = self.clock.now
        self._fired(step, now)
        until = None if step.until is None else self.timeline.moment(step.until)
        if until is not None and until <= now:
            self._missed.add(step.id)
            return
        places = self.concerned(step)
        self._note(step, "start", places)
        self._last_step = now
        self._settles += 1
        kind = KINDS[step.do]
        if kind.family == "driver":
            self.carrier.act(step, places)
        else:
            ongoing = Ongoing(step, places, self._shards_of(step) if kind.aims == "server" else [])
            self.ongoing[step.id] = ongoing
            self.carrier.begin(ongoing)
            if kind.ends == "instant":
                self._finish(step)
            else:
                self._schedule_end(step)
        self._follow(step.id, "start", now)
        if kind.family == "driver":
            self._finish(step)
        self._foresee()
        self._plan_settling(now)

    # Ends.

    def _schedule_end(self, step: Step) -> None:
        end = self.timeline.end_of(step)
        if end is not None and step.id in self.ongoing:
            self.timeline.ends[step.id] = end
            self.at(max(end, self.clock.now), self._end, step)

    def _end(self, step: Step) -> None:
        """A fault is lifted, unless it was before."""
        ongoing = self.ongoing.get(step.id)
        if ongoing is not None:
            self.carrier.lift(ongoing)
            self._finish(step)
            self._foresee()

    def _finish(self, step: Step) -> None:
        now = self.clock.now
        ongoing = self.ongoing.pop(step.id, None)
        self.timeline.ends[step.id] = now
        self._last_step = now
        self._settles += 1
        self._recovering[step.id] = _Missing([])
        if ongoing is not None:
            self._note(step, "end", ongoing.places)
            if ongoing.fault is not None and not ongoing.fault.applied:
                self.no_effect(step)
            self._recovering[step.id] = _Missing([place for place in ongoing.places if self.carrier.is_away(place)])
        self._follow(step.id, "end", now)
        self._check_recovered(step.id, now)
        self._plan_settling(now)

    def _follow(self, step: str, edge: str, now: int) -> None:
        """Steps that begin or end relative to this edge now know when."""
        for other in self.timeline.waits_on(step, edge):
            start = self.timeline.moment(cast("Moment", other.at))
            if other.id not in self._begun and start is not None and self.timeline.starts.get(other.id) is None:
                self.timeline.starts[other.id] = max(start, now)
                self._schedule(other, max(start, now))
        for other in self.timeline.ends_on(step, edge):
            self._schedule_end(other)

    def _check_recovered(self, step: str, now: int) -> None:
        if self._recovering[step].count:
            return
        del self._recovering[step]
        self.timeline.recoveries[step] = now
        kept = self.timeline.steps[step]
        if KINDS[kept.do].family != "driver":
            # In the plan's order where several recover at once, however their targets' messages were carried.
            record = Fault(t=now, step=step, do=kept.do, edge="recovered", with_=self._arguments(kept))
            self.recorder.emit_last(-1, list(self.timeline.steps).index(step), record)
        self._follow(step, "recovered", now)

    # Settling.

    def _plan_settling(self, now: int) -> None:
        if not self.ongoing and not self.carrier.anyone_away():
            # Not in the millisecond of the last recovery: in a journal's order the run itself stands before its chargers.
            self.clock.at(max(now + 1, self._last_step + self._retries_ms), LAST, -1, self._settle, self._settles)

    def _settle(self, settles: int) -> None:
        if settles == self._settles and not self.ongoing and not self.carrier.anyone_away():
            self._settles += 1
            self.recorder.emit(-1, Settled(t=self.clock.now))

    @staticmethod
    def _arguments(step: Step) -> dict[str, int | str | bool | list[str]]:
        """A step's arguments as its records hold them."""
        with_ = {name: list(value) if isinstance(value, tuple) else value for name, value in step.arguments.items()}
        if KINDS[step.do].aims == "server" and step.to.shard is not None:
            with_["shard"] = step.to.shard
        return with_

    def _note(self, step: Step, edge: str, places: list[int]) -> None:
        """Journal an edge of a step: once for the step, and for each charger that it concerns; the server's concern all of its shard."""
        now = self.clock.now
        with_ = self._arguments(step)
        self.recorder.emit(-1, Fault(t=now, step=step.id, do=step.do, edge=edge, with_=with_))  # type: ignore[arg-type]
        if KINDS[step.do].aims != "server":
            for place in places:
                if self.carrier.feels(step, place):
                    name = self.cast.names[place]
                    self.recorder.emit(place, Fault(t=now, who=name, step=step.id, do=step.do, edge=edge))  # type: ignore[arg-type]


def retries_ms(model: ChargerModel) -> int:
    """How long a charger of this model may go on retrying a message."""
    rules = model.queue
    waits = rules.interval_ms * (rules.attempts * (rules.attempts - 1) // 2 if rules.attempts else 1)
    return waits + max(1, rules.attempts) * model.link.answer_timeout_ms + model.link.keepalive_ms
