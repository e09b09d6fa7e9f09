"""What all live stages share: real time, and the proxies that lie between chargers and server.

Theory of operation. World, faults and the truth about outages are those of :class:`harness.stage.base.Stage`; what differs is how a
message gets across: as a frame on a WebSocket that goes through a Toxiproxy proxy. Network faults are toxics; message faults act in the
end that sends. Which ends are ours is for the subclasses: :class:`harness.stage.live.chargers.ChargerSide` has the chargers' ends of all
connections, :class:`harness.stage.live.server.ServerSide` the server's. Where both are ours a run needs nothing external
(:mod:`harness.stage.live.embedded`).

Every callback from outside begins with :meth:`LiveClock.catch_up`, so that what was due before it has happened.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal, cast

from msgspec.structs import replace

from harness.journal.records import Measured, Proxied
from harness.stage.base import Progress, Stage
from harness.stage.live import frames, probes
from harness.stage.live.clock import LiveClock
from harness.stage.live.codec import Calendar
from harness.stage.live.frames import Frame, FrameError, Schemas
from harness.stage.live.lines import Attempt, Line
from harness.stage.live.toxics import Toxiproxy
from harness.stage.port import Ongoing, Port
from harness.stage.recorder import Sink
from harness.stage.seen.trace import DOWN, UP, TraceWriter, Version
from harness.values import Scenario

HOST = "127.0.0.1"
LARGEST_FRAME = 1 << 20
TOO_BIG = 1009
"""The code by which a WebSocket is closed on a frame that is too big (RFC 6455 §7.4.1)."""
_FOR_EVER_MS = 10**9
"""A latency of eleven days holds bytes as a bandwidth of 0 does, and hands them on at once when it is taken off. A toxic before one of
bandwidth 0 that holds bytes cannot be taken off: Toxiproxy 2.12 waits for ever."""
TOXIC_RATE = 1000
"""Toxiproxy counts a bandwidth in so many bytes per second."""
_LOOK_S = 2.0
_RESET_S = 1.0

QUIET = logging.getLogger("harness.live")
"""The WebSockets' own log: connections that break are what these runs are about, and told by their journal."""
QUIET.propagate = False
QUIET.addHandler(logging.NullHandler())


class LiveStage(Stage):
    """A live run in progress."""

    own_time = True
    """Its time is its own; otherwise, with software that is not ours, that of the wall clock, and it begins when all are there."""

    def __init__(
        self, scenario: Scenario, sink: Sink, clock: LiveClock, *, toxiproxy: Toxiproxy | None,
        trace: TraceWriter | None = None, progress: Progress | None = None,
    ) -> None:  # fmt: skip
        super().__init__(scenario, sink, clock, simulate_all=True, leg_by_leg=True, progress=progress)
        self.live_clock = clock
        self.toxiproxy = toxiproxy
        self.trace = trace
        """Where the frames are kept."""
        self.calendar = Calendar(scenario.start)
        self._helper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="toxiproxy")
        """Calls Toxiproxy, one call after the other, off the event loop."""
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        """Whose turn with Toxiproxy it is: what a fault puts on is on before its end takes it off."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._attempts: list[Attempt | None] = [None] * len(self.ports)
        """The attempt of each charger that the server has not decided on yet."""
        self._message_id = count(1).__next__
        self.place_of = {port.charger.name: port.place for port in self.ports}
        self._classes = self._classify()
        self._proxy_names: list[str] = []
        """Of each shard, what the names of its proxies begin with."""
        self._proxies: dict[tuple[str, int], str] = {}
        """(class, shard) → the address at which its chargers reach the shard."""
        self._handed_on_s = 0.0
        self._aloft: dict[int, int] = {}
        """Place → how much is under way between that charger and the server: frames, attempts on their way, closings."""
        self._all_lines: set[Line] = set()
        """The ends of connections that are ours and not closed yet."""
        self._chores = 0
        """What is being done to proxies and doors."""
        self._open = False
        self._calls: Counter[str] = Counter()
        """Proxy → how often a toxic has been put on it or taken off."""
        self._in_vain: set[str] = set()
        """Steps that were seen to change nothing."""

    # Before and after.

    async def prepare(self) -> None:
        """Have everything as it is when a scenario starts, and every charger connected."""
        raise NotImplementedError

    async def play(self, begin: Callable[[Scenario], None]) -> None:
        """Run the scenario, from the first connection to the last record; ``begin`` is told the scenario as it begins."""
        try:
            await self.prepare()
            if not self.own_time:
                start = int(time.time()) + 1
                await asyncio.sleep(start - time.time())
                self.calendar.epoch_ms = start * 1000
                self.scenario = replace(self.scenario, start=datetime.fromtimestamp(start, UTC).isoformat().replace("+00:00", "Z"))
            begin(self.scenario)
            self.live_clock.start()
            self.open()
            await self.live_clock.run(self.scenario.duration_ms, self.elapsed)
            await self.look()
            await self.wind_up()
            self.close()
        finally:
            await self.shut()

    async def wind_up(self) -> None:
        """The time is over, and the records are not closed yet."""

    async def watch(self) -> None:
        """Look now and then whether Toxiproxy still answers. Raises :class:`ToxiproxyError` once it does not."""
        while self.toxiproxy is not None:
            await asyncio.sleep(_LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Look once: a run whose Toxiproxy died tells of that, not of chargers."""
        if self.toxiproxy is not None:
            await self._loop.run_in_executor(self._helper, self.toxiproxy.version)

    async def shut(self) -> None:
        """End all connections and listeners, and take the proxies away."""
        self._open = False
        for line in tuple(self._all_lines):
            line.drop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*tuple(self._tasks), return_exceptions=True)
        if self.toxiproxy is not None:
            await self._loop.run_in_executor(self._helper, self.toxiproxy.restore)
        self._helper.shutdown()

    def close_connection(self, port: Port, now: int, cause: str) -> None:
        """The far end closes a charger's connection: where an end is ours, it does so, or sees it."""

    def _line_of(self, port: Port) -> Line | None:
        """An end of a charger's connection that is ours."""
        return None

    # What is under way.

    def quiet(self) -> bool:
        """Whether nothing is under way but what cannot arrive, as its path is cut or swallows it."""
        return not self._chores and not any(self.path_open(self.ports[place]) for place in self._aloft)

    def _rises(self, port: Port) -> None:
        """Something gets under way."""
        self._aloft[port.place] = self._aloft.get(port.place, 0) + 1

    def _lands(self, port: Port, epoch: int) -> None:
        """It arrived; what belongs to an earlier connection was given up with it."""
        under_way = self._aloft.get(port.place, 0)
        if epoch != port.epoch or not under_way:
            return
        if under_way > 1:
            self._aloft[port.place] = under_way - 1
        else:
            del self._aloft[port.place]
            self.live_clock.look()

    def _put(self, port: Port, line: Line, frame: str) -> None:
        """Send a frame from either end."""
        self._keep(port, frame, up=line.up)
        self._rises(port)
        line.send(frame)

    def _finds(self, port: Port, problem: str, text: str | bytes) -> None:
        """What came in from the far end is no valid frame."""
        raise NotImplementedError

    def _unasked(self, port: Port, text: str | bytes) -> None:
        """An answer came in to a call that was not made, or is answered already."""

    def _read(self, port: Port, line: Line, schemas: Schemas, text: str | bytes) -> Frame | None:
        """A frame that came in; None: it is no valid one, which is told, and if it is a CALL answered."""
        try:
            frame = frames.read(text)
        except FrameError as problem:
            self._finds(port, str(problem), text)
            return None
        if frame.kind == frames.CALL:
            known = line.called.setdefault(frame.id, frame)
            if known != frame:  # a repeated call may bear its id again
                self._finds(port, f"the message id {frame.id[:40]!r} is that of an earlier call, which was another", text)
            try:
                schemas.check_call(frame.action, frame.payload)
            except FrameError as problem:
                self._finds(port, str(problem), text)
                code = schemas.format_error if schemas.knows(frame.action) else "NotImplemented"
                self._put(port, line, frames.error(frame.id, code, str(problem)[:255]))
                return None
        return frame

    def _keep(self, port: Port, text: str | bytes, *, up: bool, greeting: bool = False) -> None:
        """Write a frame into the log of frames, as it is sent by an end of ours or comes in from one that is not."""
        self._tell_time()
        if self.trace is not None:
            raw = text if isinstance(text, str) else text.decode(errors="replace")
            version: Version = "2.0.1" if port.charger.model.protocol == "ocpp2.0.1" else "1.6"
            self.trace.write(self.calendar.text(self.clock.now), port.charger.name, version, UP if up else DOWN, raw, greeting=greeting)

    def _tell_time(self) -> None:
        """No time of the scenario passes before its start: by the wall clock, where that is its time, it is now."""
        if not self.own_time and not self.live_clock.started:
            self.calendar.epoch_ms = int(time.time() * 1000)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _do_chore(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something to proxies or doors meanwhile."""
        self._chores += 1
        self._spawn(work).add_done_callback(self._chore_done)

    def _chore_done(self, task: asyncio.Task[None]) -> None:
        self._chores -= 1
        self.live_clock.look()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self.live_clock.fail(problem)

    # Proxies.

    def _classify(self) -> list[str]:
        """The class of each charger: those on whom the same network faults ever act share proxies."""
        acting: list[list[str]] = [[] for _ in self.ports]
        for number, step in enumerate(self.scenario.plan):
            if step.do.startswith("network."):
                for place in self.director.concerned(step):
                    acting[place].append(str(number))
        return ["-".join(numbers) or "all" for numbers in acting]

    async def _put_proxies(self, upstreams: list[str], name: str) -> None:
        """Put proxies before each shard's address, one for each class of chargers."""
        self._proxy_names = [f"{name}-{upstream.rpartition(':')[2]}-{number}" for number, upstream in enumerate(upstreams)]
        if self.toxiproxy is not None:
            await self._loop.run_in_executor(self._helper, self._make_proxies, upstreams)

    def _make_proxies(self, upstreams: list[str]) -> None:
        assert self.toxiproxy is not None
        for class_ in dict.fromkeys(self._classes):
            for shard, upstream in enumerate(upstreams):
                self._proxies[class_, shard] = self.toxiproxy.create(f"{self._proxy_names[shard]}-{class_}", upstream)

    def _proxies_of(self, ongoing: Ongoing) -> list[str]:
        """The proxies of a fault's targets: those of all shards, as chargers may move."""
        classes = dict.fromkeys(self._classes[place] for place in ongoing.places)
        return [f"{name}-{class_}" for class_ in classes for name in self._proxy_names]

    def _toxic(
        self, ongoing: Ongoing, by: int, kind: str, attributes: dict[str, int], *, expected: probes.Asked, after: probes.Asked = "answered"
    ) -> None:  # fmt: skip
        """Put a toxic on the proxies of a fault's targets, under which a ping is expected to fare so, or take it off."""
        if by > 0:
            self._do_chore(self._put_on(ongoing, kind, attributes, expected))
        else:
            self._do_chore(self._take_off(ongoing, after))

    async def _put_on(self, ongoing: Ongoing, kind: str, attributes: dict[str, int], expected: probes.Asked) -> None:
        await self._in_turn(self._add(ongoing, kind, attributes))
        # Not in that turn: what is measured does not delay what comes next. Where another fault lets nothing through, there is nothing to
        # measure.
        own = 0 if expected == "answered" else 1
        lines = self._probed(port for port in self._targets(ongoing) if port.cuts + port.holes == own)
        calls = [self._calls[proxy] for proxy in lines]
        mean_ms, jitter_ms = attributes.get("latency", 0), attributes.get("jitter", 0)
        least_ms = 2 * (mean_ms - jitter_ms) if expected == "answered" else 0
        patience_s = 2 * (mean_ms + jitter_ms) / 1000 + 1 if expected == "answered" else probes.SILENCE_S
        found = await asyncio.gather(*(probes.ping(line.socket, patience_s) for line in lines.values()))
        now = self.live_clock.catch_up()
        if not self.director.acts(ongoing):
            return  # what came back may have come since
        for proxy, probe, before in zip(lines, found, calls, strict=True):
            if self._calls[proxy] == before:  # where another toxic comes or goes, Toxiproxy hands on at once what this one held
                self._measured(now, ongoing, proxy, "add", probe, expected, least_ms)

    async def _take_off(self, ongoing: Ongoing, expected: probes.Asked) -> None:
        await self._in_turn(self._remove(ongoing))
        lines = self._probed(port for port in self._targets(ongoing) if self.path_open(port))
        # Nothing is sent to an end that is about to close: it would answer with a reset.
        ask = probes.closing if expected == "closed" else probes.ping
        found = await asyncio.gather(*(ask(line.socket, probes.PATIENCE_S) for line in lines.values()))
        now = self.live_clock.catch_up()
        for proxy, probe in zip(lines, found, strict=True):
            self._measured(now, ongoing, proxy, "remove", probe, expected)

    def _targets(self, ongoing: Ongoing) -> Iterator[Port]:
        return (self.ports[place] for place in ongoing.places)

    def _proxy_of(self, port: Port) -> str:
        return f"{self._proxy_names[port.account.shard]}-{self._classes[port.place]}"

    def _probed(self, ports: Iterable[Port]) -> dict[str, Line]:
        """Proxy → a connection through it, of those that these chargers have."""
        lines: dict[str, Line] = {}
        for port in ports:
            line = self._line_of(port)
            if line is not None and not line.gone:
                lines.setdefault(self._proxy_of(port), line)
        return lines

    def _measured(
        self, now: int, ongoing: Ongoing, proxy: str, call: Literal["add", "remove"], probe: probes.Probe, expected: probes.Asked,
        expected_ms: int = 0,
    ) -> None:  # fmt: skip
        """Journal what became of a probe, and whether a fault was seen to change nothing."""
        step = ongoing.step
        self.recorder.emit(
            -1,
            Measured(
                t=now, proxy=proxy, step=step.id, call=call, what=probe.what, real_ms=probe.real_ms, expected=expected,
                expected_ms=expected_ms,
            ),
        )  # fmt: skip
        if call == "add" and step.id not in self._in_vain and probes.changed_nothing(probe, expected, expected_ms):
            self._in_vain.add(step.id)
            self.director.no_effect(step)

    async def _in_turn(self, work: Coroutine[Any, Any, None]) -> None:
        async with self._turn:
            await work

    async def _add(self, ongoing: Ongoing, kind: str, attributes: dict[str, int]) -> None:
        assert self.toxiproxy is not None
        for proxy in self._proxies_of(ongoing):
            await self._told(self.toxiproxy.add, proxy, ongoing.step.id, kind, attributes)

    async def _remove(self, ongoing: Ongoing) -> None:
        assert self.toxiproxy is not None
        for proxy in self._proxies_of(ongoing):
            await self._told(self.toxiproxy.remove, proxy, ongoing.step.id)

    async def _told(self, do: Callable[..., None], proxy: str, step: str, *arguments: Any) -> None:
        """Have Toxiproxy do something, and journal it."""
        self._calls[proxy] += 1
        await self._loop.run_in_executor(self._helper, do, proxy, step, *arguments)
        now = self.live_clock.catch_up()
        self.recorder.emit(-1, Proxied(t=now, proxy=proxy, step=step, call="add" if arguments else "remove"))

    def _network_cut(self, ongoing: Ongoing, by: int) -> None:
        super()._network_cut(ongoing, by)
        self._toxic(ongoing, by, "latency", {"latency": _FOR_EVER_MS, "jitter": 0}, expected="silent")

    def _network_black_hole(self, ongoing: Ongoing, by: int) -> None:
        super()._network_black_hole(ongoing, by)
        self._toxic(ongoing, by, "timeout", {"timeout": 0}, expected="silent", after="closed")

    def _network_latency(self, ongoing: Ongoing, by: int) -> None:
        super()._network_latency(ongoing, by)
        delay_ms = cast("int", ongoing.step.arguments["delay_ms"])
        real_ms = round(delay_ms / self.live_clock.speed)
        self._toxic(ongoing, by, "latency", {"latency": real_ms, "jitter": 0}, expected="answered")

    def _network_jitter(self, ongoing: Ongoing, by: int) -> None:
        super()._network_jitter(ongoing, by)
        half_ms = round(cast("int", ongoing.step.arguments["most_ms"]) / self.live_clock.speed / 2)  # Toxiproxy's lies on both sides
        self._toxic(ongoing, by, "latency", {"latency": half_ms, "jitter": half_ms}, expected="answered")

    def _network_bandwidth(self, ongoing: Ongoing, by: int) -> None:
        super()._network_bandwidth(ongoing, by)
        real_rate = cast("int", ongoing.step.arguments["rate"]) * self.live_clock.speed
        self._toxic(ongoing, by, "bandwidth", {"rate": round(real_rate / TOXIC_RATE)}, expected="answered")

    async def _reset(self, ongoing: Ongoing, lines: list[Line]) -> None:
        """The toxic resets a connection once anything passes: have a ping do so, and take the toxic off when all are gone."""
        from websockets.exceptions import ConnectionClosed

        through = {self._proxy_of(port): port for port in self._targets(ongoing) if self._line_of(port) in lines}
        await self._add(ongoing, "reset_peer", {"timeout": 0})
        for line in lines:
            with suppress(ConnectionClosed):
                await line.socket.ping()
        with suppress(TimeoutError):
            async with asyncio.timeout(_RESET_S):
                await asyncio.gather(*(line.socket.wait_closed() for line in lines))
        # Those that were open see a close, as at a server that ends; what a reset is, new connections see.
        addresses = [self._proxies[self._classes[port.place], port.account.shard] for port in through.values()]
        found = await asyncio.gather(*(probes.knock(address, probes.PATIENCE_S) for address in addresses))
        now = self.live_clock.catch_up()
        for proxy, probe in zip(through, found, strict=True):
            self._measured(now, ongoing, proxy, "add", probe, "reset")
        await self._remove(ongoing)

    def elapsed(self, now: int) -> None:
        """Hand the records on every second, so that a run that is killed leaves what there was."""
        real_s = self._loop.time()
        if real_s - self._handed_on_s >= 1:
            self._handed_on_s = real_s
            self.recorder.hand_on(now)
            if self.trace is not None:
                self.trace.flush()
            if self.progress is not None:
                self.progress(now)
