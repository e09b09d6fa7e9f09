"""A live run against a server of somebody's own: virtual chargers are its clients, and what it stores nobody here knows.

What the server took in is known by its answers alone, at the moment they come; what it books is read off its books. Faults of the server
itself are the target file's commands, what drivers do in the app are its operations.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from harness.journal import books
from harness.journal.records import Command as CommandRecord
from harness.journal.records import Finding, Proxied, Return
from harness.stage.base import Progress
from harness.stage.errors import ExperimentError
from harness.stage.live import approach, commands, frames, ocpp201
from harness.stage.live.chargers import ChargerSide
from harness.stage.live.clock import LiveClock
from harness.stage.live.codec import Payload, RemoteStart
from harness.stage.live.frames import Frame, FrameError
from harness.stage.live.lines import Line, Sent
from harness.stage.live.options import Live
from harness.stage.live.toxics import Toxiproxy
from harness.stage.port import Ongoing, Port
from harness.stage.recorder import Sink
from harness.stage.seen.trace import TraceWriter
from harness.units import counted, format_duration_ms
from harness.values import Scenario, Target
from harness.world.link import NEVER
from harness.world.messages import Answer, Command, Request
from harness.world.server import Account, Deed, Server, without

_GREETINGS_AT_ONCE = 50
_AGAIN_S = 0.5
_GOODBYE_S = 2.0
_LONGEST_WAIT_S = 10
CLOCK_TOLERANCE_MS = 10_000
"""How far a server's clock may be from this machine's."""
_RESTARTS = ("server.crash", "server.upgrade")
_UNDOES = {"stop": "start", "pause": "resume"}
_TOPICS = {
    "override": ("release",), "pause": ("pause",), "set-amperage": ("amperage",), "set-tou": ("hold", "pause", "release", "schedule"),
}  # fmt: skip
"""What a driver does in the app → the commands that carry it out."""


class Elsewhere(Server):
    """A server that is not ours: it is never asked to process anything, and tells nobody anything."""

    __slots__ = ()

    def plan(self, now: int) -> None:
        """Nothing is planned here."""
        self.deadline = NEVER

    def _tell(self, now: int, account: Account, topic: str) -> None:
        account.unsettled = without(account.unsettled, topic)

    def resumed(self, now: int, shard: int, since: int) -> None:
        """It knows by itself what it missed."""

    def ledger(self, now: int) -> None:
        """Its books are read elsewhere."""

    def took_in(self, now: int, index: int, request: Request, answer: Answer) -> None:
        """It has answered a request that counts."""
        self._note(now, self.accounts[index], request, result=answer.result, repeat=request.taken_in)
        request.taken_in = answer.result == "accepted"


class TargetStage(ChargerSide):
    """A live run against your server."""

    server_class = Elsewhere
    own_time = False

    def __init__(
        self, scenario: Scenario, sink: Sink, clock: LiveClock, *, target: Target, toxiproxy: Toxiproxy | None,
        ledger: Path | None = None, trace: TraceWriter | None = None, progress: Progress | None = None,
    ) -> None:  # fmt: skip
        super().__init__(scenario, sink, clock, toxiproxy=toxiproxy, trace=trace, progress=progress)
        self.target = target
        self.ledger_file = ledger
        self.places = approach.places(target, scenario)
        self._starts: dict[str, dict[int, Request]] = {}
        """Charger → transaction → the request that told of its start, by which the books are read."""
        self._wanted: list[dict[str, int]] = [{} for _ in self.ports]
        """What drivers have asked for in the app and no command has carried out: what it was → its number."""
        self._anew = [False] * len(self.ports)
        """Whether the charger has a new connection, and no answer yet."""
        self._owed = ""
        """The command that undoes what was last done to the server's process; empty: it runs."""
        self._clocks_found: set[int] = set()
        """The places of chargers whose server's clock was found wrong."""
        try:
            self._ssl = approach.tls(target)
        except ssl.SSLError as problem:
            raise ExperimentError(f"{target.ca} is no authority's certificate: {approach.reason(problem)}") from None
        for port, place in zip(self.ports, self.places, strict=True):
            end = self._charger_ends[port.place]
            end.tag = port.charger.kit.tag or place.fill(target.tag)
            if isinstance(end, ocpp201.ChargerEnd):
                end.prefix = f"{int(time.time() * 1000):x}-"

    # Before and after.

    async def prepare(self) -> None:
        """Wait until the server is ready, put the proxies before it, and have every charger connected and accepted."""
        target = self.target
        host, port = approach.address(target)
        if self.toxiproxy is None or not target.elsewhere:
            await self._reach_it(f"{host}:{port}")
        if target.ready:
            await self._wait_ready()
        await self._put_proxies([target.upstream or f"{host}:{port}"], f"harness-{target.name}")
        some = asyncio.Semaphore(_GREETINGS_AT_ONCE)
        greetings = [asyncio.ensure_future(self._greet(port, some)) for port in self.ports]
        try:
            await asyncio.gather(*greetings)
        finally:
            for greeting in greetings:
                greeting.cancel()
        self._open = True
        self._spawn(self.watch())

    async def _reach_it(self, address: str) -> None:
        """Wait until the server takes a connection that goes straight to it. Behind a proxy all that goes wrong looks like a close."""
        until = self._loop.time() + self.target.ready_timeout_ms / 1000
        while True:
            try:
                await approach.touch(self.target, self._ssl)
                return
            except (OSError, UnicodeError) as problem:
                if approach.hopeless(problem) or self._loop.time() + _AGAIN_S > until:
                    raise ExperimentError(f"your server cannot be reached at {address}: {approach.reason(problem)}") from None
            await asyncio.sleep(_AGAIN_S)

    def _make_proxies(self, upstreams: list[str]) -> None:
        assert self.toxiproxy is not None
        listen, reach = self.target.listen or self.toxiproxy.host, self.target.reach or self.toxiproxy.host
        ports = iter(range(self.target.ports[0], self.target.ports[1] + 1) if self.target.ports else ())
        for class_ in dict.fromkeys(self._classes):
            port = next(ports, 0)
            if self.target.ports and not port:
                range_ = counted(len(range(*self.target.ports)) + 1, "ports")
                raise ExperimentError(f"the target's range of {range_} is too small for this plan's targets")
            made = self.toxiproxy.create(f"{self._proxy_names[0]}-{class_}", upstreams[0], listen=f"{listen}:{port}")
            self._proxies[class_, 0] = f"{reach}:{made.rpartition(':')[2]}"

    async def _wait_ready(self) -> None:
        import requests

        def ask() -> bool:
            with suppress(requests.RequestException), requests.get(self.target.ready, timeout=2, stream=True) as answered:
                return bool(answered.ok)  # whatever comes after its head is not waited for
            return False

        until = self._loop.time() + self.target.ready_timeout_ms / 1000
        while not await asyncio.to_thread(ask):
            if self._loop.time() > until:
                raise ExperimentError(f"{self.target.ready} did not say within {self.target.ready_timeout_ms / 1000:g} s that it is ready")
            await asyncio.sleep(_AGAIN_S)

    async def _greet(self, port: Port, some: asyncio.Semaphore) -> None:
        """The charger's connection from before the start: the server has accepted it."""
        from websockets.exceptions import WebSocketException

        until = self._loop.time() + self.target.ready_timeout_ms / 1000
        end = self._charger_ends[port.place]
        line: Line | None
        while True:
            wait_s, line, hopeless = _AGAIN_S, None, False
            try:
                async with some, asyncio.timeout(self.target.ready_timeout_ms / 1000):
                    line = Line(await self._connect(port, 0), 0, up=True)
                    self._all_lines.add(line)
                    answered = await self._register(port, line)
                    if end.status(answered) == "Accepted":
                        break
                    why = f"its BootNotification is answered {end.status(answered)}"
                    wait_s = max(float(min(answered.get("interval", 0), _LONGEST_WAIT_S)), _AGAIN_S)
            except (OSError, EOFError, WebSocketException, TimeoutError) as problem:
                why, hopeless = self._why_not(port, line, problem)
            except (FrameError, ValueError) as problem:
                why = f"its BootNotification is answered with no valid frame: {problem}"
            if line is not None:
                line.drop()
                self._all_lines.discard(line)
            if hopeless or self._loop.time() + wait_s > until:
                place = self.places[port.place]
                url = place.fill(self.target.url)
                raise ExperimentError(f"your server did not accept {place.station} at {url} before the start: {why}")
            await asyncio.sleep(wait_s)
        self._hold_line(port, line)
        port.charger.out += (Request("status", 0),)

    async def _register(self, port: Port, line: Line) -> Payload:
        """Send a BootNotification and wait for its answer; other frames meanwhile are left unanswered. Raises :class:`FrameError`."""
        end, id_ = self._charger_ends[port.place], "b1"
        action, payload = end.boot()
        call = end.frames.call(id_, action, payload)
        self._keep(port, call, up=True, greeting=True)
        sent_s = self._loop.time()
        line.send(call)
        while True:
            text = await line.socket.recv()
            self._keep(port, text, up=False, greeting=True)
            frame = frames.read(text)
            if frame.id == id_ and frame.kind == frames.CALLERROR:
                raise FrameError(f"CALLERROR {frame.error}")
            if frame.id == id_ and frame.kind == frames.CALLRESULT:
                end.frames.check_result(action, frame.payload)
                self._look_at_clock(port, action, frame, int((self._loop.time() - sent_s) * 1000), text)
                return frame.payload

    def _why_not(self, port: Port, line: Line | None, problem: BaseException) -> tuple[str, bool]:
        """Why a charger did not get in, with what may help, and whether waiting does not."""
        from websockets.exceptions import ConnectionClosed

        if line is not None and (not isinstance(problem, ConnectionClosed) or line.socket.subprotocol is not None):
            return approach.reason(problem), False
        refusal = problem if line is None else approach.NotAgreedError()
        why, helps = approach.reason(refusal), approach.advice(refusal)
        if approach.may_speak_another(refusal):
            spoken, model = self._charger_ends[port.place].frames.version, port.charger.model.name
            other = "1.6" if spoken == "2.0.1" else "2.0.1"
            helps = f"if it does not speak OCPP {spoken}: --ocpp {other}, or another model for the chargers that have {model}"
        elif not helps and self.toxiproxy is not None and self.target.elsewhere:
            helps = f"see whether Toxiproxy reaches it{' at ' if self.target.upstream else ''}{self.target.upstream}"
        return f"{why}; {helps}" if helps else why, approach.hopeless(refusal)

    def open(self) -> None:
        """The run begins: what the chargers tell a server that has accepted them goes out."""
        for port in self.ports:
            self.pump(port)
        super().open()

    async def shut(self) -> None:
        """Close the connections as a charger does that is taken out of service, and leave the server running if it ever ran."""
        self._open = False
        for line in self._all_lines:
            line.gone = True
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await asyncio.gather(*(line.socket.close(1001) for line in tuple(self._all_lines)), return_exceptions=True)
        await super().shut()
        if self._owed in self.target.commands:
            await self._call(self._owed)

    async def wind_up(self) -> None:
        """Read the books, where there are any. What else was seen is kept, whatever becomes of them."""
        try:
            await self._read_books()
        except ExperimentError as problem:
            self.recorder.emit(-1, Finding(t=self.scenario.duration_ms, what=str(problem), frame=""))

    async def _read_books(self) -> None:
        target = self.target
        if self.ledger_file is not None:
            try:
                text, shown = books.text_of(self.ledger_file), str(self.ledger_file)
            except (OSError, books.BooksError) as problem:
                raise ExperimentError(f"the books in {self.ledger_file} cannot be read: {problem}") from None
        elif target.books:
            ended = await commands.run([self.places[0].fill(word) for word in target.books], commands.COMMAND_S)
            text, shown = ended.printed, target.books[0]
            if ended.code:
                raise ExperimentError(f"the target's command for its books, {shown}, {ended.how}")
        else:
            return
        try:
            stations = {place.charger: place.station for place in self.places}
            end = self.scenario.duration_ms  # what comes in meanwhile moves the clock on, and is of no run
            starts = {
                who: [books.Start(tx, told.stamp, told.wh, self._charger_ends[self.place_of[who]].id_of(tx)) for tx, told in of.items()]
                for who, of in self._starts.items()
            }
            for record in books.records_of(books.read(text, shown), starts, stations, self.scenario.start, end):
                self.recorder.emit(self.place_of.get(record.who, -1), record)
        except books.BooksError as problem:
            raise ExperimentError(f"the books cannot be read: {problem}") from None

    # What the chargers' side asks.

    def _where(self, port: Port) -> tuple[str, dict[str, str], dict[str, Any]]:
        url, headers = approach.door(self.target, self.places[port.place])
        options: dict[str, Any] = {} if self._ssl is None else {"ssl": self._ssl}
        proxy = self._proxies.get((self._classes[port.place], 0))
        if proxy is not None:
            host, _, number = proxy.rpartition(":")
            options |= {"host": host, "port": int(number)}
        return url, headers, options

    def _send(self, port: Port, request: Request, *, attempt: bool = False) -> None:
        if request.action == "transaction-start":
            self._starts.setdefault(port.charger.name, {})[request.tx] = request
        super()._send(port, request, attempt=attempt)

    def _hears(self, port: Port, line: Line, text: str | bytes) -> None:
        self._keep(port, text, up=False)
        super()._hears(port, line, text)

    def _recall(self, port: Port, line: Line, frame: Frame, order: Command) -> str:
        order.sent = self.clock.now
        for action, number in self._wanted[port.place].items():
            if order.name in _TOPICS[action]:
                order.origin = self._wanted[port.place].pop(action) if number else 0
                break
        return ""

    def _unasked(self, port: Port, text: str | bytes) -> None:
        self._finds(port, "an answer to a call that was not made, or is answered already", text)

    def _finds(self, port: Port, problem: str, text: str | bytes) -> None:
        shown = text if isinstance(text, str) else text.decode(errors="replace")
        self.recorder.emit(port.place, Finding(t=self.clock.now, who=port.charger.name, what=problem[:500], frame=shown[:500]))

    def _called(self, port: Port, line: Line, frame: Frame) -> None:
        end = self._charger_ends[port.place]
        served = end.serve(frame.action, frame.payload)
        if served is None:
            self._put(port, line, frames.error(frame.id, "NotImplemented", f"{frame.action} is not implemented"))
            return
        payload, now = served.payload, self.clock.now
        if served.remote:
            charger = port.charger
            done = charger.remote_start(now, served.tag) if served.remote == "start" else charger.remote_stop(now)
            payload = {**payload, "status": "Accepted" if done else "Rejected"}
            if done and served.remote == "start":
                end.remote_start = RemoteStart(served.remote_start_id, served.tag, charger.plug_in)
        if served.in_service is not None:
            at_once = port.charger.set_availability(now, in_service=served.in_service)
            payload = {**payload, "status": "Accepted" if at_once else "Scheduled"}
            self.recorder.emit(
                port.place, CommandRecord(t=now, who=port.charger.name, command="availability", sent=now, on=served.in_service)
            )
        self._put(port, line, end.frames.result(frame.id, frame.action, payload))
        self.after(port, now)
        if served.triggers:
            port.charger.out += (Request(served.triggers, self.clock.now, port.charger.plug_in if port.charger.battery else 0),)
            self.after(port, self.clock.now)
        if served.resets:
            now = self.clock.now
            self._change([port.place], lambda one: one.charger.restart(now, "network-reboot", "reboot"))

    def _hears_answer(self, port: Port, line: Line, frame: Frame, text: str | bytes) -> None:
        sent: Sent | None = line.sent.get(frame.id)
        if sent is not None and frame.kind == frames.CALLERROR:
            self._finds(port, f"{sent.action} is valid, and answered with the error {frame.error}", text)
        if sent is not None and frame.kind == frames.CALLRESULT and sent.action in ("BootNotification", "Heartbeat"):
            with suppress(FrameError):  # what is no time is found all the same
                self._look_at_clock(port, sent.action, frame, self.clock.now - sent.processed_at, text)
        super()._hears_answer(port, line, frame, text)

    def _look_at_clock(self, port: Port, action: str, frame: Frame, waited_ms: int, text: str | bytes) -> None:
        """Find, once for each charger, that the server's clock is wrong: its time is that of some moment since the call was sent."""
        ahead_ms = self.calendar.ms(frame.payload.get("currentTime", "")) - self.clock.now
        off_ms = max(ahead_ms, min(ahead_ms + waited_ms, 0))
        if abs(off_ms) > CLOCK_TOLERANCE_MS and port.place not in self._clocks_found:
            self._clocks_found.add(port.place)
            way = "ahead of" if off_ms > 0 else "behind"
            off = format_duration_ms(abs(off_ms) // 1000 * 1000)
            self._finds(port, f"{action}: the server's clock is {off} {way} this machine's", text)

    def _answer_came(self, port: Port, request: Request, answer: Answer) -> None:
        now = self.clock.now
        server = self.server
        assert isinstance(server, Elsewhere)
        if self._anew[port.place] and answer.result == "accepted":
            self._anew[port.place] = False
            by: Literal["registration", "connection"] = "registration" if request.action == "registration" else "connection"
            self.recorder.emit(port.place, Return(t=now, who=port.charger.name, by=by))
        if request.tx:
            request.id = self._charger_ends[port.place].id_of(request.tx)
        if answer.result != "error" and (request.tx or request.action in ("registration", "authorise")):
            server.took_in(now, port.place, request, answer)
        server.accounts[port.place].plug_in = port.charger.plug_in if port.charger.battery is not None else 0

    def _give_answer(self, port: Port, now: int, request: Request, answer: Answer, processed_at: int) -> None:
        if request.action == "connect":
            self._anew[port.place] = True
        super()._give_answer(port, now, request, answer, processed_at)

    # What the server does, and what is done to it.

    def _dies(self, shard: int) -> None:
        super()._dies(shard)
        self._do_chore(self._in_turn(self._command("stop")))

    def lift(self, ongoing: Ongoing) -> None:
        """A fault is lifted; one that took the server's process away, once it is there again."""
        if ongoing.step.do in _RESTARTS:
            self._do_chore(self._in_turn(self._restart(ongoing)))
        else:
            super().lift(ongoing)

    async def _restart(self, ongoing: Ongoing) -> None:
        if self.down[0] == 1:
            await self._command("start")
            if self.target.ready:
                await self._wait_ready()
        self.live_clock.catch_up()
        super().lift(ongoing)
        if self.down[0] and not self._owed:  # it went down anew while it started
            await self._command("stop")

    def _server_hang(self, ongoing: Ongoing, by: int) -> None:
        super()._server_hang(ongoing, by)
        self._do_chore(self._in_turn(self._command("pause" if by > 0 else "resume")))

    async def _call(self, name: str) -> None:
        """Run a command of the target."""
        words = [self.places[0].fill(word) for word in self.target.commands[name]]
        self._owed = _UNDOES.get(name, "")
        ended = await commands.run(words, commands.COMMAND_S)
        if ended.code:
            self._owed = ""
            raise ExperimentError(f"the target's command to {name} your server, {words[0]}, {ended.how}")

    async def _command(self, name: str) -> None:
        """Run a command of the target, and journal it."""
        await self._call(name)
        self.recorder.emit(-1, Proxied(t=self.live_clock.catch_up(), proxy="", step="", call=name))  # type: ignore[arg-type]

    def _asked(self, port: Port, deed: Deed, deaths: int) -> None:
        self._spawn(self._operate(port, deed))

    async def _operate(self, port: Port, deed: Deed) -> None:
        """A driver does something in your app."""
        place = self.places[port.place]
        more = {
            "tag": self._charger_ends[port.place].tag, "amperage": f"{deed.ma / 1000:g}", "on": "true" if deed.on else "false",
            "charge_in": ",".join(deed.charge_in),
        }  # fmt: skip
        words = [place.fill(word, **more) for word in self.target.operations[deed.action]]
        self._wanted[port.place][deed.action] = deed.number
        code = (await commands.run(words, commands.OPERATION_S)).code
        now = self.live_clock.catch_up()
        if code == 0:
            self.server.asked(now, port.place, deed)
        elif code == commands.TIMED_OUT:
            self.server.doubted(now, port.place, deed)
        else:
            self._wanted[port.place].pop(deed.action, None)
            self.server.refused(now, port.place, deed)


async def play(
    scenario: Scenario, sink: Sink, how: Live, *, toxiproxy: Toxiproxy | None, begin: Callable[[Scenario], None],
    trace: TraceWriter | None = None, progress: Progress | None = None,
) -> None:  # fmt: skip
    """Run a scenario against your server, from the first connection to the last record."""
    assert how.yours is not None
    ledger = Path(how.ledger) if how.ledger else None
    stage = TargetStage(
        scenario, sink, LiveClock(1), target=how.yours, toxiproxy=toxiproxy, ledger=ledger, trace=trace, progress=progress
    )  # fmt: skip
    await stage.play(begin)
