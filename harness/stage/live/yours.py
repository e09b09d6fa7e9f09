"""What a run against a server of somebody's own can carry, and what becomes of its scenario."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec.structs import replace

from harness.fault import KINDS
from harness.stage.errors import StageError
from harness.stage.live.options import Live
from harness.values import Bench, CheckSpec, Scenario, ServerModel, Step, Target

FRAMES = "frames-valid"
"""The check that such a run adds to each scenario."""
_PROCESS = {
    "server.crash": ("stop", "start"), "server.gone": ("stop",), "server.upgrade": ("stop", "start"), "server.hang": ("pause", "resume"),
}  # fmt: skip
"""Kind of step → the target's commands that it takes."""
_AT_THE_BENCH = ("station.power-cut", "station.reboot-loop", "station.firmware-update", "station.unavailable")
_IN_THE_APP = {
    "driver.override": "override", "driver.pause": "pause", "driver.set-amperage": "set-amperage", "driver.set-tou": "set-tou",
}  # fmt: skip


def refuse(scenario: Scenario, target: Target, how: Live) -> None:
    """Raise :class:`StageError` for what cannot be carried against this server, and say which part and what it takes."""
    for step in scenario.plan:
        problem = next(_problems(step, target), "")
        if problem:
            raise StageError(f"step {step.id}: {step.do} {problem}")
    for name in dict.fromkeys(entry.driver for entry in scenario.chargers if entry.driver and entry.count):
        intervention = scenario.drivers[name].intervention
        if intervention is not None and "override" in intervention.tries and "override" not in target.operations:
            raise StageError(f"driver {name}: an override in the app needs `operations: {{override: …}}` in {target.file}")
    stations = target.stations(scenario.names())
    if len(set(stations.values())) < len(stations):
        raise StageError(f"the pattern of station ids in {target.file}, {target.station}, gives several chargers the same")
    if target.password_from and not os.environ.get(target.password_from):
        raise StageError(f"{target.file} takes the password from the environment variable {target.password_from}, which is not set")
    host = urlsplit(target.url.replace("{", "").replace("}", "")).hostname or ""
    if len(stations) > 1 and not how.i_own_this_server and not _is_loopback(host):
        raise StageError(
            f"{len(stations)} chargers against {host}, which is another machine: say --i-own-this-server if it is yours to load"
        )


def _problems(step: Step, target: Target) -> Iterator[str]:
    kind = step.do
    if kind in _IN_THE_APP and _IN_THE_APP[kind] not in target.operations:
        yield f"needs `operations: {{{_IN_THE_APP[kind]}: …}}` in {target.file}"
    if kind == "server.upgrade" and step.arguments.get("style", "stop") != "stop":
        yield "needs the embedded server unless its style is stop"
    if kind.startswith("server."):
        if kind not in _PROCESS:
            yield "needs the embedded server"
        for command in _PROCESS.get(kind, ()):
            if command not in target.commands:
                yield f"needs `commands: {{{command}: …}}` in {target.file}"
        if step.to.shard is not None:
            yield "aims at a shard, and your server is one"
    if kind == "message.error-answer":
        yield "needs the embedded server, which answers the error"
    if kind.startswith("message.") and step.arguments.get("direction") == "command":
        yield "acts on commands, which are your server's"


def refuse_bench(scenario: Scenario, bench: Bench, *, direct: bool) -> None:
    """Raise :class:`StageError` for what cannot be done with chargers at a bench, and say which part."""
    for step in scenario.plan:
        if step.do.startswith("station.") and step.do not in _AT_THE_BENCH:
            raise StageError(f"step {step.id}: {step.do} cannot be done to a real charger from outside")
        if step.do in ("network.dns-failure", "network.expired-certificate"):
            raise StageError(f"step {step.id}: {step.do} happens in the charger, and these are real ones")
        if step.do == "driver.replug":
            raise StageError(f"step {step.id}: {step.do} is too quick to be asked of a person: use driver.unplug and driver.plug-in")
        if step.to.shard is not None or KINDS[step.do].one_shard:
            raise StageError(f"step {step.id}: {step.do} aims at a shard, and before a bench the server is one")
    stations = [bench.station_of(name) for name in scenario.names()]
    if len(set(stations)) < len(stations):
        raise StageError("two chargers of the bench have the same station id")
    unknown = [name for name in bench.stations if name not in scenario.names()]
    if unknown:
        raise StageError(f"the bench names a charger {unknown[0]}, and the scenario has {', '.join(scenario.names()[:8])}")
    classes = 1 if direct else len(scenario.plan) + 1
    port = int(bench.listen.rpartition(":")[2])
    if port + classes > 65_536:
        raise StageError(f"the bench listens from port {port} up, which is too near the last one")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def ready(scenario: Scenario) -> Scenario:
    """The scenario as it runs against such a server: with the server in one piece, and each of its frames judged."""
    server: ServerModel = replace(scenario.server, shards=1)
    chargers = tuple(replace(entry, shard=None) for entry in scenario.chargers)
    named = {check.name for check in scenario.expect.checks}
    more = () if FRAMES in named else (CheckSpec(name=FRAMES, builtin=True),)
    expect = replace(scenario.expect, checks=(*scenario.expect.checks, *more))
    return replace(scenario, server=server, chargers=chargers, expect=expect)
