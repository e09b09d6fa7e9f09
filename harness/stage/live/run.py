"""A live run from outside: what can be carried, and the Toxiproxy that it goes through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal, TypeVar

from msgspec.structs import replace

from harness.fault import KINDS
from harness.stage.base import Progress
from harness.stage.errors import ExperimentError, StageError
from harness.stage.live import bench, embedded, target, yours
from harness.stage.live.options import Live
from harness.stage.live.stage import TOXIC_RATE
from harness.stage.live.toxics import BINARY, INSTALL, OwnServer, Toxiproxy, ToxiproxyError, cache, find
from harness.stage.recorder import Sink
from harness.stage.seen.trace import TraceWriter, beside
from harness.units import format_duration_ms
from harness.values import Scenario

SHORTEST_TOXIC_MS = 5
SHORTEST_TIMEOUT_MS = 250
MOST_CHARGERS = 2_000
"""With the embedded server, which is in the same process and keeps it busy."""
MOST_CHARGERS_ALONE = 5_000
"""Against your server."""
FILES_PER_CHARGER = 4
"""The charger's end and the server's, or two of Toxiproxy, which has its own count; twice that while a connection is replaced."""
FILES_PER_CHARGER_ALONE = 2
"""The same where only the charger's end is here: against your server, with no Toxiproxy between."""
FILES_BESIDE = 200


_DELAYS = {"network.latency": "delay_ms", "network.jitter": "most_ms"}
"""Kind of step → its argument that Toxiproxy delays by."""

OCPP: tuple[Literal["ocpp1.6", "ocpp2.0.1"], ...] = ("ocpp1.6", "ocpp2.0.1")
"""What is spoken live."""


_Done = TypeVar("_Done")
Begin = Callable[[Scenario], None]


def over_websockets(scenario: Scenario, ocpp: str) -> Scenario:
    """The scenario as its chargers are live: those that speak JuiceNet over datagrams speak this version of OCPP over WebSockets."""
    (otherwise,) = (protocol for protocol in OCPP if protocol == f"ocpp{ocpp}")
    models = {
        name: replace(
            model, link=replace(model.link, transport="websocket"), protocol=model.protocol if model.protocol in OCPP else otherwise
        )
        for name, model in scenario.models.items()
    }
    return replace(scenario, models=models)


def refuse(scenario: Scenario, speed: float, *, direct: bool, yours: bool = False) -> None:
    """Raise :class:`StageError` where the live stage cannot carry a scenario so fast, and say which part. ``yours``: your server."""
    chargers = sum(max(1, entry.count) for entry in scenario.chargers)
    most = MOST_CHARGERS_ALONE if yours else MOST_CHARGERS
    if chargers > most:
        raise StageError(f"{chargers} chargers are more than the {most} that run live{' against your server' if yours else ''}")
    for step in scenario.plan:
        if step.do not in KINDS or not KINDS[step.do].live:
            raise StageError(f"step {step.id}: {step.do} cannot be carried live")
        if direct and KINDS[step.do].live.startswith("Toxiproxy"):
            raise StageError(f"step {step.id}: {step.do} needs Toxiproxy; it cannot be carried with --direct")
        rate = step.arguments.get("rate") if step.do == "network.bandwidth" else None
        if isinstance(rate, int) and rate * speed % TOXIC_RATE:
            raise StageError(
                f"step {step.id}: {rate} bytes per second at {speed:g} times the speed are {rate * speed:g} in a real one, and Toxiproxy"
                f" lets whole thousands pass"
            )
    models = [scenario.models[name] for name in sorted({entry.model for entry in scenario.chargers})]
    limits = [
        (delay_ms, SHORTEST_TOXIC_MS, f"step {step.id}: a delay") for step in scenario.plan
        if step.do in _DELAYS and isinstance(delay_ms := step.arguments.get(_DELAYS[step.do]), int)
    ]  # fmt: skip
    for model in models:
        limits.append((model.link.answer_timeout_ms, SHORTEST_TIMEOUT_MS, f"model {model.name}: a link.answer_timeout"))
        limits.append((model.link.offline_after_ms, SHORTEST_TIMEOUT_MS, f"model {model.name}: a link.offline_after"))
    given_ms, least_ms, whose = min(limits, key=lambda limit: limit[0] / limit[1])
    fastest = given_ms / least_ms
    if speed > fastest:
        fast = f" at {speed:g} times the speed" if speed != 1 else ""
        raise StageError(
            f"{whose} of {format_duration_ms(given_ms)}{fast} is under {least_ms} ms; "
            f"the most for this scenario is --speed {int(fastest) if fastest >= 1 else fastest:g}"
        )


def prepare(scenario: Scenario, how: Live) -> Scenario:
    """The scenario as it runs live. What can be found wrong before anything is written is found here.

    Raises :class:`StageError` for what cannot be carried, and :class:`ExperimentError` where Toxiproxy or the machine's limits fail.
    """
    refuse(scenario, how.speed, direct=how.direct, yours=how.yours is not None)
    if how.at_bench is not None:
        yours.refuse_bench(scenario, how.at_bench, direct=how.direct)
        scenario = yours.ready(scenario)
    if how.yours is not None:
        yours.refuse(scenario, how.yours, how)
        scenario = yours.ready(scenario)
    alone = how.yours is not None and (how.direct or bool(how.toxiproxy))
    _raise_file_limit(FILES_PER_CHARGER_ALONE if alone else FILES_PER_CHARGER, len(scenario.names()))
    if how.toxiproxy:
        Toxiproxy(how.toxiproxy).version()
    elif not how.direct:
        _binary()
    return over_websockets(scenario, how.ocpp)


def run(scenario: Scenario, sink: Sink, how: Live, *, begin: Begin, frames: Path | None = None, progress: Progress | None = None) -> None:
    """Run a scenario that :func:`prepare` gave on the wall clock; its frames are kept in the file ``frames``.

    ``begin`` is told the scenario as it begins, before the first record is handed on.

    Raises :class:`ExperimentError` where the surroundings fail. Whatever happens, listeners, connections and proxies are gone
    afterwards, and a Toxiproxy that was started for the run is stopped.
    """
    if frames is not None:
        for left in (frames, beside(frames)):  # by a try that did not come to its start
            left.unlink(missing_ok=True)
    own = None if how.direct or how.toxiproxy else OwnServer(_binary())
    try:
        proxies = None if how.direct else Toxiproxy(own.url if own else how.toxiproxy)
        play = bench.play if how.at_bench else target.play if how.yours else embedded.play
        with TraceWriter(frames) if frames is not None else nullcontext() as trace:
            work = play(scenario, sink, how, toxiproxy=proxies, begin=begin, trace=trace, progress=progress)
            _run_to_its_end(work, run_fast if how.yours else asyncio.run)
    finally:
        if own is not None:
            own.stop()


async def _interrupted_once(work: Coroutine[Any, Any, None]) -> None:
    """Some work, of whose interruption in one of its tasks the command tells, and not the event loop with a traceback besides."""

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), KeyboardInterrupt):
            loop.default_exception_handler(context)

    asyncio.get_running_loop().set_exception_handler(handle)
    await work


def _run_to_its_end(work: Coroutine[Any, Any, None], run_loop: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    """Run an event loop for it; where one runs already, as in a notebook, in a thread beside."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        run_loop(_interrupted_once(work))
        return
    with ThreadPoolExecutor(max_workers=1) as beside:
        beside.submit(run_loop, _interrupted_once(work)).result()


def run_fast(work: Coroutine[Any, Any, _Done]) -> _Done:
    """Run an event loop for some work: uvloop where it exists, which takes half the processor's time for a frame.

    It is for chargers alone: a door that closes and opens again while connections stay is not carried by it as asyncio does.
    """
    try:
        from uvloop import new_event_loop
    except ImportError:  # Windows
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


def _raise_file_limit(each: int, chargers: int) -> None:
    """Let this process, and the Toxiproxy that it starts, open as many files as there are connections to be."""
    needed = each * chargers + FILES_BESIDE
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        enough = max(0, (hard - FILES_BESIDE) // each)
        raise ExperimentError(
            f"{chargers} chargers need {needed} open files, and at most {hard} are allowed, enough for {enough} chargers: see `ulimit -Hn`"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _binary() -> Path:
    binary = find()
    if binary is None:
        raise ToxiproxyError(
            f"Toxiproxy's server is not here: no {BINARY} on PATH, none in {cache()}. Install it (see docs/live.md; with Go: `{INSTALL}`, "
            f"and name the binary {BINARY}), give the address of one that runs by --toxiproxy URL, or leave network faults out by --direct"
        )
    return binary
