"""What befalls a server that stays up, and what its responders do: capacity, queues, what it knows, which shard serves whom.

Theory of operation. Under a brown-out each shard has a line. A request that finds the shard busy stands in it until its turn comes, and is
lost where that would come later than its charger waits for a silent server. A turn costs as much whether or not anybody still waits for
the answer, which is what makes an overload feed itself. Connections have a queue of their own (:meth:`harness.world.server.Server.admit`).
"""

from __future__ import annotations

from itertools import cycle
from typing import Any, cast

from harness.journal.records import Fault, Moved
from harness.stage.clock import ARRIVAL
from harness.stage.director import Director
from harness.stage.port import BrownOut, Ongoing, Port, Waiting
from harness.stage.wire import Wire
from harness.world.messages import Request
from harness.world.server import Cause, Gate


class Capacity(Wire):
    """A run in progress: how much its server can do, and who does it. Faults are called with 1 when they begin, −1 when they are lifted."""

    director: Director

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lines: list[list[Waiting]] = [[] for _ in self.down]
        """What waits for its turn at each shard that cannot keep up."""
        self.free_at_us = [0] * len(self.down)
        """When each of them takes up the next."""

    # Brown-outs.

    def _server_brown_out(self, ongoing: Ongoing, by: int) -> None:
        given = ongoing.step.arguments
        if by > 0:
            ongoing.fault = BrownOut(self.clock.now, cast("int", given["answers_per_ks"]), cast("int", given.get("over_ms", 0)))
        self.concern(ongoing, by)
        with self._changing(ongoing.places):
            self._set_cause(ongoing, by, self.brown_outs)
            for shard in ongoing.shards:
                if not self.brown_outs[shard]:
                    self._drain_line(shard)

    def _process(self, port: Port, request: Request, epoch: int, spoilt: str = "") -> None:
        """The server takes a request up, once its turn comes. One for a connection has had its turn."""
        shard = port.account.shard
        if not self.brown_outs[shard] or request.action == "connect":
            super()._process(port, request, epoch, spoilt)
            return
        now = self.clock.now
        line = self.lines[shard]
        waits_us = self.free_at_us[shard] - now * 1000 + len(line) * self._turn_us(shard, now)
        if not line and waits_us <= 0:
            self.free_at_us[shard] = now * 1000 + self._turn_us(shard, now)
            super()._process(port, request, epoch, spoilt)
            return
        for cause in self.brown_outs[shard]:
            cause.applied += 1
        if waits_us <= port.charger.model.link.noticing_ms * 1000:
            line.append(Waiting(now, port.place, epoch, self._process, (port, request, epoch, spoilt)))
            if len(line) == 1:
                self._await_turn(shard)

    def _turn_us(self, shard: int, now: int) -> int:
        """How long a shard now takes for one request."""
        model = self.server.model
        per_ks = min(cause.per_ks(now, model.answers_per_s * 1000) for cause in self.brown_outs[shard])
        return 1_000_000_000 * model.shards // (per_ks * self.server.factor[shard])

    def _await_turn(self, shard: int) -> None:
        self.clock.at(max(self.clock.now, -(-self.free_at_us[shard] // 1000)), ARRIVAL, -1 - shard, self._next_in_line, shard)

    def _next_in_line(self, shard: int) -> None:
        """The next in line has its turn, unless the line has been another since."""
        now = self.clock.now
        line = self.lines[shard]
        if not line or self.free_at_us[shard] > now * 1000:
            return
        self.free_at_us[shard] += self._turn_us(shard, now)
        self._take_up(shard, line.pop(0))
        if line:
            self._await_turn(shard)

    def _take_up(self, shard: int, one: Waiting) -> None:
        """Process what has waited, unless its connection is gone by now or another shard serves its charger."""
        port = self.ports[one.place]
        if (one.epoch == port.epoch or not port.tcp) and not port.shut and port.account.shard == shard:
            super()._process(*one.arguments)

    def _drain_line(self, shard: int) -> None:
        """The shard can keep up again: it works through its line at once."""
        for one in self._left_in_line(shard):
            self._take_up(shard, one)

    def _stop_line(self, shard: int) -> None:
        """The shard hangs: what stands in line is among what it has taken in and not processed."""
        self.backlog[shard] += self._left_in_line(shard)

    def _left_in_line(self, shard: int) -> list[Waiting]:
        """There is no line any more. Returns who stood in it."""
        line, self.lines[shard] = self.lines[shard], []
        self.free_at_us[shard] = 0
        return line

    # What the server knows.

    def _server_stalled(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        if by > 0:
            ongoing.fault = Cause()
        self.concern(ongoing, by)
        self._set_cause(ongoing, by, self.server.stalled)
        for shard in ongoing.shards:
            self.server.work_through(now, shard)
        self.send_orders(now)

    def _server_authorisation_down(self, ongoing: Ongoing, by: int) -> None:
        if by > 0:
            ongoing.fault = Cause()
        self.concern(ongoing, by)
        self._set_cause(ongoing, by, self.server.refuses_tags)

    def _server_settings_wiped(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        step = ongoing.step
        struck: list[int] = []

        def wipe(port: Port) -> None:
            if self.server.wipe_settings(now, port.place):
                struck.append(port.place)
                self.recorder.emit(port.place, Fault(t=now, who=port.charger.name, step=step.id, do=step.do, edge="struck"))

        self._change(ongoing.places, wipe)
        if not struck:
            self.director.no_effect(step)

    # What responders do.

    def _server_admit(self, ongoing: Ongoing, by: int) -> None:
        if by > 0:
            ongoing.fault = Gate(cast("int", ongoing.step.arguments["accepts_per_ks"]))
        self.concern(ongoing, by)
        self._set_cause(ongoing, by, self.server.gates)
        for shard in ongoing.shards:
            self.server.set_pace(self.clock.now, shard)

    def _server_scale_out(self, ongoing: Ongoing, by: int) -> None:
        factor = cast("int", ongoing.step.arguments.get("factor", 2))
        self.concern(ongoing, by)
        for shard in ongoing.shards:
            now_factor = self.server.factor[shard]
            self.server.factor[shard] = now_factor * factor if by > 0 else now_factor // factor
            self.server.set_pace(self.clock.now, shard)

    def _server_failover(self, ongoing: Ongoing, by: int) -> None:
        """The chargers of a shard move to the others that work, one to each in turn."""
        now = self.clock.now
        others = [shard for shard, up in enumerate(self.server.up) if up and shard not in ongoing.shards]
        if not others or not ongoing.places:
            self.director.no_effect(ongoing.step)
            return
        for shard in ongoing.shards:
            self.backlog[shard] = [one for one in self.backlog[shard] if one.place < 0]
        turns = cycle(others)

        def move(port: Port) -> None:
            self.close_connection(port, now, "closed")
            self._move(port, next(turns))

        self._change(ongoing.places, move)

    def _move(self, port: Port, shard: int) -> None:
        """Another shard serves the charger from now on."""
        now = self.clock.now
        self.server.moved(now, port.place, shard)
        self.recorder.emit(port.place, Moved(t=now, who=port.charger.name, shard=shard + 1))
