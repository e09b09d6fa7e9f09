"""A live run in front of real chargers: the world's server behind a socket of ours, its outages, and prompts to a person at the bench.

Theory of operation. What chargers do is watched from the wire (:mod:`harness.stage.seen.observer`): a charger's frame is fed to its
observer, which says what request of the world it is, and that goes to the world's server as if a virtual charger had sent it. What the
charger did comes out at the end, when it has told what it had queued; so nothing is handed on before. Losses and recoveries, the server's
doings and the plan's steps are known here and need not be inferred. In the place of the virtual charger stands a :class:`Shadow` that does
nothing by itself.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.journal.records import Command as CommandRecord
from harness.journal.records import Current as CurrentRecord
from harness.journal.records import Fault, Finding, Message, PlugIn, Power, Record, Return, Station, Stay, Transaction, Unseen
from harness.journal.records import Link as LinkRecord
from harness.stage.base import Progress
from harness.stage.clock import ARRIVAL
from harness.stage.director import retries_ms
from harness.stage.errors import ExperimentError
from harness.stage.live import commands, frames
from harness.stage.live.clock import LiveClock
from harness.stage.live.codec import Payload
from harness.stage.live.frames import Frame, FrameError
from harness.stage.live.lines import Attempt, Line, Sent
from harness.stage.live.options import Live
from harness.stage.live.server import ServerSide
from harness.stage.live.stage import HOST
from harness.stage.live.toxics import Toxiproxy
from harness.stage.port import Ongoing, Port
from harness.stage.recorder import Sink
from harness.stage.seen.observer import TOLERANCE_MS, Observer
from harness.stage.seen.trace import TraceWriter
from harness.units import format_duration_ms
from harness.values import Bench, Scenario, Step
from harness.world.charger import Charger
from harness.world.link import NEVER
from harness.world.messages import Request

SEEN = (PlugIn, Stay, CurrentRecord, Unseen, Power, Transaction, Message, CommandRecord, Return)
"""The records that are the observers' to make; all others are known here."""
_BACKGROUND = frozenset({
    "DiagnosticsStatusNotification", "FirmwareStatusNotification", "LogStatusNotification", "NotifyChargingLimit",
    "NotifyEvent", "NotifyMonitoringReport", "NotifyReport", "ReportChargingProfiles", "SecurityEventNotification",
})  # fmt: skip
"""Calls that are answered by an empty payload and mean nothing here."""
DEEDS = {
    "driver.plug-in": "plug-in", "driver.unplug": "unplug", "driver.swipe": "swipe", "station.power-cut": "power-off",
    "station.reboot-loop": "restart", "station.firmware-update": "restart", "station.unavailable": "out-of-service",
}  # fmt: skip
"""Kind of step → what is to be done at the bench."""
POWER_ON = "power-on"
_UNDO = {"power-off": POWER_ON, "out-of-service": "in-service"}
"""What is done, and what is done at the step's end."""


@dataclass(slots=True)
class Unplugging:
    """Somebody at the bench says that a car is unplugged: between when that was asked for and when it was said to be done."""

    asked: int
    done: int
    step: str
    doubted: bool = False
    """The person has been told that the charger contradicts it."""


class Shadow(Charger):
    """What stands for a real charger where the stage asks for one: it does nothing by itself."""

    __slots__ = ()

    @property
    def deadline(self) -> int:
        """Never."""
        return NEVER

    def wake(self, now: int) -> None:
        """Nothing is due."""

    def finish(self, now: int) -> None:
        """Nothing is to be settled."""


class BenchStage(ServerSide):
    """A live run in front of real chargers."""

    charger_class = Shadow
    own_time = False

    def __init__(
        self, scenario: Scenario, sink: Sink, clock: LiveClock, *, bench: Bench, ask: Callable[[str], bool], say: Callable[[str], None],
        toxiproxy: Toxiproxy | None, trace: TraceWriter | None = None, progress: Progress | None = None,
    ) -> None:  # fmt: skip
        super().__init__(scenario, sink, clock, toxiproxy=toxiproxy, trace=trace, progress=progress)
        self.bench = bench
        self._say = say
        self._asking = asyncio.Lock()
        self._question = ask
        emit = self.recorder.emit
        self._emit = emit
        self._losses: list[list[tuple[int, int]]] = [[] for _ in self.ports]
        """Each charger's outages: since when, until when."""

        def known(place: int, record: Record) -> None:
            if not isinstance(record, SEEN):
                emit(place, record)

        self.server.emit = known
        self.place_of = {bench.station_of(port.charger.name): port.place for port in self.ports}

        def seen(place: int, record: Record) -> None:
            before_start = isinstance(record, Power) and record.t == 0  # it registered while the others were waited for
            if isinstance(record, SEEN) and not before_start:
                emit(place, record)

        self._observers = [
            Observer(
                port.place, port.charger.name, port.charger.model, seen, since=self._since, end_ms=scenario.duration_ms,
                supply=scenario.supply,
            ) for port in self.ports
        ]  # fmt: skip
        for port in self.ports:
            port.charger.link.state = "waiting"
            port.seen_online = False
            port.exact += 1
        self._pulling: set[int] = set()
        """Where somebody is taking a station off mains."""
        self._unplugged: dict[int, Unplugging] = {}
        """Place → the last unplugging of its car, until another is plugged in."""
        self._met = asyncio.Event()
        """Every charger is connected."""

    def _since(self, text: Any) -> int | None:
        try:
            return self.calendar.ms(text)
        except FrameError:
            return None

    # Before and after.

    async def prepare(self) -> None:
        """Open the door, put the proxies before it, say where it is, and wait until every charger has come."""
        host, _, port = self.bench.listen.rpartition(":")
        if self.toxiproxy is None:
            self._door_host, self._door_ports[0] = host, int(port)
        if self.bench.certificate:
            self._tls = tls(self.bench)
        await self._open_door(0)
        await self._put_proxies([f"{HOST}:{self._door_ports[0]}"], "harness")
        self._open = True
        for each in self.ports:
            self._say(f"waiting for {each.charger.name} at {self._address_of(each)}")
        try:
            async with asyncio.timeout(self.bench.patience_ms / 1000):
                await self._met.wait()
        except TimeoutError:
            missing = [each.charger.name for each in self.ports if not each.charger.link.online]
            raise ExperimentError(f"{', '.join(missing)} did not come within {self.bench.patience_ms / 1000:g} s") from None
        self._say("all are connected: the scenario begins")
        self._spawn(self.watch())

    def _address_of(self, port: Port) -> str:
        host = self.bench.listen.rpartition(":")[0]
        address = self._proxies.get((self._classes[port.place], 0), f"{host}:{self._door_ports[0]}")
        return f"{'wss' if self.bench.certificate else 'ws'}://{address}/{self.bench.station_of(port.charger.name)}"

    def _make_proxies(self, upstreams: list[str]) -> None:
        """Each class of chargers has a port of its own, from that on which to listen upwards."""
        assert self.toxiproxy is not None
        host, _, number = self.bench.listen.rpartition(":")
        for place, class_ in enumerate(dict.fromkeys(self._classes)):
            listen = f"{host}:{int(number) + place}"
            self._proxies[class_, 0] = self.toxiproxy.create(f"{self._proxy_names[0]}-{class_}", upstreams[0], listen=listen)

    def elapsed(self, now: int) -> None:
        """Nothing is handed on before the end: what chargers did in a silence they tell afterwards."""
        if self.progress is not None:
            self.progress(now)
        if self.trace is not None:
            self.trace.flush()

    def close(self) -> None:
        """The run is over: have the observers tell."""
        end = self.scenario.duration_ms
        for port, observer in zip(self.ports, self._observers, strict=True):
            self._look_back(port, end)
            if port.lost_at is not None:
                self._losses[port.place].append((port.lost_at, end))
            for since, until in self._losses[port.place]:
                observer.away(since, until)
            observer.finish(end)
        super().close()

    # Chargers come, and go.

    async def _let_knock(self, shard: int, connection: Any, request: Any) -> Any:
        station = request.path.rpartition("/")[2]
        place = self.place_of.get(station)
        if self.bench.password and place is not None:
            password = self.bench.password.format(charger=self.ports[place].charger.name, station=station)
            wanted = "Basic " + base64.b64encode(f"{station}:{password}".encode()).decode()
            if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), wanted.encode()):
                self._say(f"{station} gave a wrong password, or none")
                return connection.respond(401, "The password is wrong.\n")
        elif place is None:
            self._say(f"{station or 'a charger without a station id'} came, and is none of {', '.join(self.place_of)}")
        return await super()._let_knock(shard, connection, request)

    def _attempt_of(self, port: Port, shard: int, request: Any) -> Attempt | None:
        attempt = self._attempts[port.place] = Attempt(Request("connect", self.clock.now), port.epoch, self._loop.create_future())
        port.charger.link.tried += 1
        return attempt

    def _epoch_of(self, port: Port, request: Any) -> int:
        """A connection is open: it takes the place of the one before, if there is one still."""
        former = self._desks[port.place]
        if former is not None and not former.gone:
            self._went(port, former)
            former.drop()
        port.epoch += 1
        self._too_early[port.place].clear()
        return port.epoch

    def _disagreed(self, place: int | None, offered: Sequence[Any]) -> None:
        if place is not None:
            wanted = self._server_ends[place].frames.subprotocol
            spoken = ", ".join(offered) or "nothing"
            self._say(f"{self.ports[place].charger.name} speaks {spoken}, and its model {wanted}: see --ocpp")

    def _unasked(self, port: Port, text: str | bytes) -> None:
        self._finds(port, "an answer to a call that was not made, or is answered already", text)

    def _shown(self, port: Port) -> str:
        """A charger by its name, and its make once it has told of that."""
        observer = self._observers[port.place]
        make = f"{observer.vendor} {observer.model}".strip()
        return f"{port.charger.name} ({make})" if make else port.charger.name

    def _came(self, port: Port, desk: Line) -> None:
        now = self.live_clock.catch_up()
        port.charger.link.state = "online"
        port.charger.power = "on"
        self._emit(port.place, LinkRecord(t=now, who=port.charger.name, state="online", cause="connected"))
        self._observers[port.place].connected(now)
        self._say(f"{self._shown(port)}: connected")
        self.after(port, now)
        if all(each.charger.link.online for each in self.ports):
            self._met.set()

    def _went(self, port: Port, desk: Line) -> None:
        if desk.epoch != port.epoch or not port.charger.link.online:
            return
        now = self.live_clock.catch_up()
        if port.place in self._pulling and port.charger.power == "on":
            self._mains_gone(port, now)  # the plug is pulled before anybody says so
        port.charger.link.state = "waiting" if port.charger.power == "on" else "off"
        self._emit(port.place, LinkRecord(t=now, who=port.charger.name, state="offline", cause="closed"))
        self._observers[port.place].disconnected(now)
        self._say(f"{self._shown(port)}: disconnected")
        self.after(port, now)

    def _heard(self, port: Port, now: int, processed_at: int) -> None:
        since = port.lost_at
        super()._heard(port, now, processed_at)
        if since is not None and port.lost_at is None:
            self._losses[port.place].append((since, now))

    def _arrive(self, port: Port, request: Request, epoch: int, now: int, spoilt: str = "") -> None:
        if self.live_clock.started or request.action != "connect":
            super()._arrive(port, request, epoch, now, spoilt)
        else:  # no time passes yet, so nobody can wait for a turn
            self.server.handle(now, port.place, request)
            self._decide(port, now, accepted=True)

    # What they say, and what is said to them.

    def _takes(self, port: Port, desk: Line, text: str | bytes) -> None:
        self._keep(port, text, up=True)
        super()._takes(port, desk, text)

    def _finds(self, port: Port, problem: str, text: str | bytes) -> None:
        shown = text if isinstance(text, str) else text.decode(errors="replace")
        self._emit(port.place, Finding(t=self.clock.now, who=port.charger.name, what=problem, frame=shown[:500]))

    def _sent(self, port: Port, frame: Frame) -> Sent | None:
        now = self.clock.now
        desk = self._desks[port.place]
        assert desk is not None
        observer = self._observers[port.place]
        request = observer.call(now, frame.action, frame.payload, frame.id)
        if frame.action == "BootNotification":
            self._emit(port.place, Station(
                t=now, who=observer.name, vendor=observer.vendor, model=observer.model, firmware=observer.firmware
            ))  # fmt: skip
        self._tell_of(port, now, frame.action, request)
        if request is None:
            self._background(port, desk, frame)
            return None
        copies, delay_ms, spoilt = self._tampered(port, now, "request", request.action) if port.faults else (1, 0, "")
        sent = Sent(request, spoilt, frame.action, now)
        if spoilt == "drop":
            return None
        if copies == 1 and not delay_ms:
            return sent
        for _ in range(copies):
            self.clock.at(now + delay_ms, ARRIVAL, port.place, self._book, port, desk, frame, sent)
        return None

    def _tell_of(self, port: Port, now: int, action: str, request: Request | None) -> None:
        """Tell the person at the bench of what a charger has just told."""
        if action == "BootNotification":
            firmware = self._observers[port.place].firmware
            self._say(f"{self._shown(port)}: registers{', firmware ' if firmware else ''}{firmware}")
        if request is not None and request.number == 1 and request.action in ("transaction-start", "transaction-end"):
            edge = "starts" if request.action == "transaction-start" else "ends"
            late_ms = (now - request.stamp) // 1000 * 1000
            ago = f", {format_duration_ms(late_ms)} ago" if TOLERANCE_MS < late_ms <= now else ""
            self._say(f"{self._shown(port)}: transaction {request.tx or 'unknown'} {edge}{ago}")
        said = self._unplugged.get(port.place)
        if said is not None and not said.doubted and (why := self._denial(port, said, patient=False)):
            said.doubted = True
            self._say(f"{self._shown(port)}: its car is said to be unplugged, and {why}")

    def _book(self, port: Port, desk: Line, frame: Frame, sent: Sent) -> None:
        told = sent.request.stamp, sent.request.wh
        try:
            super()._book(port, desk, frame, sent)
        except FrameError as problem:
            self._finds(port, str(problem), json.dumps(frame.payload))
            code = self._server_ends[port.place].frames.format_error
            self._put(port, desk, frames.error(frame.id, code, str(problem)[:255]))
        sent.request.stamp, sent.request.wh = told  # the observer has read more than virtual chargers say

    def _background(self, port: Port, desk: Line, frame: Frame) -> None:
        end = self._server_ends[port.place]
        if frame.action == "DataTransfer":
            reply = end.frames.result(frame.id, frame.action, {"status": "UnknownVendorId"})
        elif frame.action in _BACKGROUND:
            reply = end.frames.result(frame.id, frame.action, {})
        else:
            reply = frames.error(frame.id, "NotImplemented", f"{frame.action} is not implemented")
        self._put(port, desk, reply)

    def _gave(self, port: Port, frame: Frame, payload: Payload | None) -> None:
        now = self.clock.now
        self._observers[port.place].answered(now, frame.action, payload, frame.id)
        if payload is not None:
            self._heard(port, now, now)
            self.after(port, now)

    def _ordered(self, port: Port, id_: str, action: str, payload: Payload) -> None:
        self._observers[port.place].command(self.clock.now, action, payload, id_)

    def _obeyed(self, port: Port, frame: Frame, payload: Payload | None) -> None:
        now = self.clock.now
        self._observers[port.place].command_answered(now, "", payload, frame.id)
        self._heard(port, now, now)

    # What is done at the bench.

    def act(self, step: Step, places: list[int]) -> None:
        """A driver's step: in the app, or at the bench."""
        if step.do in DEEDS:
            for place in places:
                self._spawn(self._do_at_bench(self.ports[place], DEEDS[step.do], step))
        else:
            super().act(step, places)

    def driver_acts(self, port: Port, now: int) -> None:
        """A session of the scenario begins or ends."""
        doing = port.driver.wake(now, draws=False, full=False)
        if doing is None:
            return
        deed, _ = doing
        if deed in ("plug-in", "unplug"):
            self._spawn(self._do_at_bench(port, deed, None))

    def _at_the_bench(self, ongoing: Ongoing, by: int) -> None:
        deed = DEEDS[ongoing.step.do]
        if by > 0 or deed in _UNDO:
            for place in ongoing.places:
                self._spawn(self._do_at_bench(self.ports[place], deed if by > 0 else _UNDO[deed], ongoing.step))

    _station_power_cut = _station_reboot_loop = _station_firmware_update = _station_unavailable = _at_the_bench

    async def _do_at_bench(self, port: Port, deed: str, step: Step | None) -> None:
        """Have something done at the bench: by a command, or by the person there."""
        name, station = port.charger.name, self.bench.station_of(port.charger.name)
        if deed == "power-off":
            self._pulling.add(port.place)
        command = self.bench.commands.get(deed)
        asked = self.live_clock.catch_up()
        if deed == "plug-in":
            self._look_back(port, asked)
        if command is not None:
            words = [word.format(charger=name, station=station) for word in command]
            ended = await commands.run(words, commands.COMMAND_S)
            if ended.code:
                raise ExperimentError(f"the bench's command to {deed} {name}, {words[0]}, {ended.how}")
            done = True
        else:
            async with self._asking:
                asked = self.live_clock.catch_up()
                done = await self._person(f"{name}: {_WORDS[deed]}")
        now = self.live_clock.catch_up()
        self._pulling.discard(port.place)
        if not done:
            if step is not None:
                self._emit(-1, Fault(t=now, step=step.id, do=step.do, edge="never-fired"))
            self._say(f"{name}: skipped")
        elif deed == "unplug":
            self._unplugged[port.place] = Unplugging(asked, now, step.id if step is not None else "")
        elif deed == "power-off" and port.charger.power == "on":
            self._mains_gone(port, now)
        elif deed == POWER_ON:
            self._observers[port.place].mains(now, on=True)

    def _denial(self, port: Port, said: Unplugging, *, patient: bool) -> str:
        """What of the charger's words contradicts that its car was unplugged; empty: nothing."""
        return self._observers[port.place].denies_unplugging(said.asked, said.done, patient=patient)

    def _look_back(self, port: Port, now: int) -> None:
        """Another car comes, or the run is over: journal it where the charger contradicts that its last car was unplugged."""
        said = self._unplugged.pop(port.place, None)
        if said is None:
            return
        lately = max([said.done, *(until for _, until in self._losses[port.place])])
        patient = port.lost_at is None and port.charger.link.online and now - lately >= retries_ms(port.charger.model)
        if why := self._denial(port, said, patient=patient):
            who = port.charger.name
            self._emit(port.place, Fault(t=now, who=who, step=said.step, do="driver.unplug", edge="contradicted", with_={"why": why}))

    def _mains_gone(self, port: Port, now: int) -> None:
        port.charger.power = "off"
        self._observers[port.place].mains(now, on=False)
        if not port.charger.link.online:
            port.charger.link.state = "off"

    async def _person(self, text: str) -> bool:
        """Ask the person at the bench, who may take long, and may never answer."""
        answer: asyncio.Future[bool] = self._loop.create_future()

        def settle(done: bool) -> None:
            if not answer.done():
                answer.set_result(done)

        def ask() -> None:
            done = self._question(text)
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(partial(settle, done))

        threading.Thread(target=ask, daemon=True, name="bench").start()
        return await answer

    # Faults.

    def begin(self, ongoing: Ongoing) -> None:
        """A fault begins to act, and the person at the bench is told, who else is asked to do it."""
        if ongoing.step.do not in DEEDS:
            self._say(f"step {ongoing.step.id} ({ongoing.step.do}) begins")
        super().begin(ongoing)

    def lift(self, ongoing: Ongoing) -> None:
        """A fault is lifted."""
        if ongoing.step.do not in DEEDS:
            self._say(f"step {ongoing.step.id} ({ongoing.step.do}) ends")
        super().lift(ongoing)

    def _network_reset(self, ongoing: Ongoing, by: int) -> None:
        lines = [desk for place in ongoing.places if (desk := self._desks[place]) is not None and not desk.gone]
        if lines:
            self._do_chore(self._in_turn(self._reset(ongoing, lines)))
        else:
            self.director.no_effect(ongoing.step)


def tls(bench: Bench) -> ssl.SSLContext:
    """How a bench speaks TLS. Raises :class:`ExperimentError` where its certificate and key are none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(bench.certificate, bench.key)
    except ssl.SSLError as problem:
        raise ExperimentError(f"{bench.certificate} and {bench.key} are no certificate with its key: {problem.reason}") from None
    return context


_WORDS = {
    "plug-in": "plug the car in", "unplug": "unplug the car", "swipe": "show the tag", "power-off": "take the station off mains",
    "power-on": "give the station mains again", "restart": "restart the station",
    "out-of-service": "take the station out of service", "in-service": "put the station back into service",
}  # fmt: skip
"""What is to be done, as the person is told."""


def _nobody(text: str) -> bool:
    return False


def _unheard(text: str) -> None:
    return None


async def play(
    scenario: Scenario, sink: Sink, how: Live, *, toxiproxy: Toxiproxy | None, begin: Callable[[Scenario], None],
    trace: TraceWriter | None = None, progress: Progress | None = None,
) -> None:  # fmt: skip
    """Run a scenario in front of real chargers, from the first connection to the last record."""
    assert how.at_bench is not None
    stage = BenchStage(
        scenario, sink, LiveClock(1), bench=how.at_bench, ask=how.ask or _nobody, say=how.say or _unheard, toxiproxy=toxiproxy,
        trace=trace, progress=progress,
    )  # fmt: skip
    await stage.play(begin)
