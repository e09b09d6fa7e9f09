"""What there is for live runs on this machine, what is missing, and how to get it.

What is found is a plain value each, made by the probers at the end of this module; what is said of it is a pure function of that value.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness import __version__
from harness.scenario.problems import ScenarioError
from harness.scenario.target import OF_A_CHARGER, OF_AN_OPERATION, load_bench, load_target
from harness.stage.errors import ExperimentError
from harness.stage.live import approach
from harness.stage.live.approach import PATIENCE_S, NotAgreedError, Place
from harness.stage.live.bench import tls as bench_tls
from harness.stage.live.frames import OCPP16, OCPP201
from harness.stage.live.run import FILES_BESIDE, FILES_PER_CHARGER, MOST_CHARGERS
from harness.stage.live.toxics import BINARY, INSTALL, VERSION, OwnServer, Toxiproxy, ToxiproxyError, cache, find
from harness.units import counted
from harness.values import Bench, Target

OLDEST_PYTHON = (3, 11)
_SOMEBODY = "anna"
"""The charger that is tried where the target file names stations after chargers: the first of most scenarios that are shipped."""
_RELEASE = f"https://github.com/Shopify/toxiproxy/releases/download/v{VERSION}"
_IMAGE = f"ghcr.io/shopify/toxiproxy:{VERSION}"
_BUILT_BY_GO = "git"
"""What a Toxiproxy says of itself that `go install` made."""
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at. ``fail`` is in the way of live runs; ``unknown`` may be, or cannot be known from here."""

    mark: Literal["pass", "fail", "unknown"]
    text: str
    advice: tuple[str, ...] = ()
    """What to do about it, one thing a line."""


@dataclass(frozen=True, slots=True)
class Where:
    """What kind of machine this is."""

    system: str
    """``Linux``, ``Darwin`` or ``Windows``, as Python calls it."""
    machine: str
    container: bool


def diagnose(
    *, toxiproxy: str | None = None, target: str | None = None, station: str | None = None, bench: str | None = None
) -> Iterator[Diagnosis]:  # fmt: skip
    """Look at all there is to live runs: a Toxiproxy that runs at the URL ``toxiproxy`` instead of one that is started, your server by its
    target file, at which ``station`` is tried, and the bench of your chargers by its file."""
    here = where()
    yield of_python(sys.version_info[:3])
    if toxiproxy is None:
        yield of_binary(find(), *tried(find()), here)
    else:
        yield of_running(toxiproxy, *asked(toxiproxy), here)
    yield of_open_files(most_open_files())
    yield of_loopback(loopback_problem())
    yield of_schemas(schema_problem())
    if target is not None:
        yield from of_target(target, station)
    if bench is not None:
        yield from of_bench(bench)


def can_run(found: Iterable[Diagnosis]) -> bool:
    """Whether live runs can be made."""
    return all(one.mark != "fail" for one in found)


# What is said of what was found.


def of_python(version: tuple[int, ...]) -> Diagnosis:
    """The Python that runs this, and the harness."""
    text = f"harness {__version__} on Python {'.'.join(map(str, version))}"
    if version[:2] >= OLDEST_PYTHON:
        return Diagnosis("pass", text)
    return Diagnosis("fail", text, (f"install Python {'.'.join(map(str, OLDEST_PYTHON))} or later, and the harness into it",))


def how_to_get_toxiproxy(here: Where) -> tuple[str, ...]:
    """The ways to a Toxiproxy on such a machine, the shortest first."""
    architecture = _MACHINES.get(here.machine.lower(), "")
    asset = f"toxiproxy-server-{here.system.lower()}-{architecture}"
    ways = []
    if here.container:
        ways.append(f"in a container: `COPY --from={_IMAGE} /toxiproxy /usr/local/bin/{BINARY}` in your image's Dockerfile")
    if here.system == "Darwin":
        ways.append("macOS: `brew install toxiproxy`")
    elif here.system == "Windows":
        ways.append(f"Windows: download {_RELEASE}/toxiproxy-server-windows-amd64.exe as {BINARY}.exe into a folder of PATH")
    elif here.system == "Linux" and architecture:
        ways.append(f"Linux: `curl -fLo ~/.local/bin/{BINARY} {_RELEASE}/{asset} && chmod +x ~/.local/bin/{BINARY}`, on PATH")
    ways.append(f"with Go: `{INSTALL}`, and name the binary {BINARY}")
    if here.system == "Linux" and not here.container:
        ways.append(f"with Docker: `docker run --rm --network host {_IMAGE}`, and give --toxiproxy http://127.0.0.1:8474")
    return (*ways, "or leave network faults out by --direct")


def of_binary(binary: Path | None, version: str, problem: str, here: Where) -> Diagnosis:
    """Toxiproxy's server on this machine: where it is, and what came of starting it."""
    if binary is None:
        return Diagnosis("fail", f"Toxiproxy: no {BINARY} on PATH, none in {cache()}", how_to_get_toxiproxy(here))
    if problem:
        return Diagnosis("fail", f"Toxiproxy at {binary}: {problem}", ("get another one:", *how_to_get_toxiproxy(here)))
    return _of_version(version, f"at {binary} starts and answers")


def of_running(url: str, version: str, problem: str, here: Where) -> Diagnosis:
    """A Toxiproxy that is said to run somewhere."""
    if problem:
        start = f"start one: `{BINARY}`, or in a container with the host's network `docker run --rm --network host {_IMAGE}`"
        return Diagnosis("fail", problem, (start,) if find() else (start, *how_to_get_toxiproxy(here)))
    return _of_version(version, f"at {url} answers")


def _of_version(version: str, text: str) -> Diagnosis:
    if version == _BUILT_BY_GO:
        return Diagnosis("pass", f"Toxiproxy, built by Go and so without a version, {text}")
    if version == VERSION:
        return Diagnosis("pass", f"Toxiproxy {version} {text}")
    return Diagnosis(
        "unknown", f"Toxiproxy {version} {text}", (f"{VERSION} is what is tested; should faults act otherwise than told, use that",)
    )


def of_open_files(limit: int | None) -> Diagnosis:
    """How many files may be open, None for as many as there are, and how many chargers that is enough for."""
    if limit is None:
        return Diagnosis("pass", f"open files: no limit, so {MOST_CHARGERS} chargers, the most that run live")
    chargers = max(0, min(MOST_CHARGERS, (limit - FILES_BESIDE) // FILES_PER_CHARGER))
    text = f"open files: {limit} at the most, enough for {counted(chargers, 'chargers')}"
    if chargers == MOST_CHARGERS:
        return Diagnosis("pass", f"{text}, the most that run live")
    needed = MOST_CHARGERS * FILES_PER_CHARGER + FILES_BESIDE
    advice = (f"for {MOST_CHARGERS} raise the hard limit to {needed}: see `ulimit -Hn`, LimitNOFILE of systemd, `docker run --ulimit`",)
    return Diagnosis("unknown" if chargers else "fail", text, advice)


def of_loopback(problem: str) -> Diagnosis:
    """Whether sockets of loopback work."""
    if problem:
        advice = ("allow sockets on 127.0.0.1: a sandbox, a firewall, or a network namespace whose `lo` is down is in the way",)
        return Diagnosis("fail", f"loopback: {problem}", advice)
    return Diagnosis("pass", "loopback: sockets open, listen and connect")


def of_schemas(problem: str) -> Diagnosis:
    """Whether OCPP's schemas can be loaded."""
    if problem:
        advice = ("install the harness anew: `pip install --force-reinstall ev-outage-harness`",)
        return Diagnosis("fail", f"OCPP schemas: {problem}", advice)
    return Diagnosis("pass", "OCPP schemas: 1.6 and 2.0.1 load")


def of_target(file: str, station: str | None = None) -> Iterator[Diagnosis]:
    """Your server, by its target file: whether that can be used, the password and the programs are there, and the server can be reached,
    lets a station in and is ready."""
    try:
        target = load_target(file)
    except ScenarioError as refusal:
        yield from _of_problems(refusal, "target")
        return
    yield Diagnosis("pass", f"target {file}: readable")
    password = not target.password_from or bool(os.environ.get(target.password_from))
    if target.password_from:
        yield of_password(target.password_from, given=password)
    yield from of_programs(programs_of(target))
    problem = connection_problem(target)
    yield of_server(target, problem)
    if password and not problem:
        place = place_of(target, station)
        found = {schemas.version: handshake_problem(target, place, schemas.subprotocol) for schemas in (OCPP16, OCPP201)}
        yield of_handshakes(place.station, found)
    if target.ready:
        yield of_readiness(target.ready, readiness_problem(target.ready))


def of_bench(file: str) -> Iterator[Diagnosis]:
    """The bench of your chargers, by its file: whether that can be used, its certificate and programs are there, its address is free."""
    try:
        bench = load_bench(file)
    except ScenarioError as refusal:
        yield from _of_problems(refusal, "bench's")
        return
    yield Diagnosis("pass", f"bench {file}: readable")
    if bench.certificate:
        yield of_certificate(bench, certificate_problem(bench))
    yield from of_programs({f"commands.{name}": words[0] for name, words in bench.commands.items()})
    yield of_address(bench.listen, listening_problem(bench.listen))


def _of_problems(refusal: ScenarioError, whose: str) -> Iterator[Diagnosis]:
    for problem in refusal.problems:
        yield Diagnosis("fail", str(problem), (f"mend the {whose} file, or give the path of another",))


def of_programs(programs: Mapping[str, str]) -> Iterator[Diagnosis]:
    """The programs that a file's commands run: what names one → that program."""
    missing = {name: program for name, program in programs.items() if shutil.which(program) is None}
    for name, program in missing.items():
        advice = f"install {program}, or mend its path, which counts from the folder in which `harness` is called"
        yield Diagnosis("fail", f"{name}: there is no program {program}", (advice,))
    if programs and not missing:
        yield Diagnosis("pass", f"commands: {', '.join(dict.fromkeys(programs.values()))} can be run")


def of_certificate(bench: Bench, problem: str) -> Diagnosis:
    """The certificate that a bench shows to its chargers."""
    if problem:
        return Diagnosis("fail", f"certificate: {problem}", ("give the chain and its key as PEM files: `certificate` and `key`",))
    return Diagnosis("pass", f"certificate: {bench.certificate} and its key load")


def of_address(listen: str, problem: str) -> Diagnosis:
    """Where chargers of a bench connect."""
    if problem:
        return Diagnosis("fail", f"listening on {listen}: {problem}", ("free that port, or give an address of this machine as `listen`",))
    return Diagnosis("pass", f"listening on {listen}: the address is free")


def of_password(variable: str, *, given: bool) -> Diagnosis:
    """The environment variable that holds the password."""
    if given:
        return Diagnosis("pass", f"password: the environment variable {variable} is set")
    return Diagnosis("fail", f"password: the environment variable {variable} is not set", (f"set it: `export {variable}=…`",))


def of_server(target: Target, problem: str) -> Diagnosis:
    """Whether the server can be reached."""
    how = "TLS" if target.url.startswith("wss:") else "TCP"
    if not problem:
        return Diagnosis("pass", f"your server: {target.url} takes {how} connections")
    text = f"your server: {target.url}: {problem}"
    if target.elsewhere:
        return Diagnosis("unknown", text, ("by `toxiproxy` this machine need not reach it, but Toxiproxy must: see that it does",))
    advice = ["start your server, or mend `url`"]
    if how == "TLS":
        advice.append("where its certificate is of your own authority, give that as `ca`")
    return Diagnosis("fail", text, tuple(advice))


def of_handshakes(station: str, found: Mapping[str, BaseException | None]) -> Diagnosis:
    """Whether the server lets a station in: version of OCPP → why not, None where it does."""
    refused = {version: problem for version, problem in found.items() if problem is not None}
    spoken = [version for version in found if version not in refused]
    reasons: dict[str, list[str]] = {}
    for version, problem in refused.items():
        reasons.setdefault(approach.reason(problem), []).append(version)
    why = "; ".join(f"OCPP {' or '.join(versions)}: {reason}" for reason, versions in reasons.items())
    if not refused:
        return Diagnosis("pass", f"handshake: {station} is let in with OCPP {' and '.join(spoken)}")
    if spoken:
        other = "ocpp16-strict" if "1.6" in spoken else "ocpp201"
        return Diagnosis(
            "unknown", f"handshake: {station} is let in with OCPP {spoken[0]}, and not with another ({why})",
            (f"run with --ocpp {spoken[0]}, and have models that say another extend {other}: --set models.NAME.extends={other}",),
        )  # fmt: skip
    helps = dict.fromkeys(approach.advice(problem) or "see what your server's log says" for problem in refused.values())
    hidden = all(isinstance(problem, NotAgreedError) for problem in refused.values())  # one that names none may speak all the same
    advice = (*helps, "or try another station by --station ID")
    return Diagnosis("unknown" if hidden else "fail", f"handshake: {station} is not let in ({why})", advice)


def of_readiness(url: str, problem: str) -> Diagnosis:
    """Whether the server says that it is ready."""
    if problem:
        return Diagnosis("fail", f"readiness: {url}: {problem}", ("wait until your server is ready, or mend `ready`",))
    return Diagnosis("pass", f"readiness: {url} says that it is ready")


# What is found.


def where() -> Where:
    """This machine."""
    marks = (Path("/.dockerenv"), Path("/run/.containerenv"))
    container = any(mark.exists() for mark in marks) or "KUBERNETES_SERVICE_HOST" in os.environ
    return Where(platform.system(), platform.machine(), container)


def tried(binary: Path | None) -> tuple[str, str]:
    """Start a Toxiproxy, ask for its version and stop it: its version, or what is wrong with it."""
    if binary is None:
        return "", ""
    try:
        own = OwnServer(binary)
    except ToxiproxyError:
        return "", "it does not start to listen"
    except OSError as problem:
        return "", f"it cannot be started: {(problem.strerror or str(problem)).lower()}"
    try:
        return asked(own.url)
    finally:
        own.stop()


def asked(url: str) -> tuple[str, str]:
    """Ask a Toxiproxy that runs: its version, or what is wrong with it."""
    try:
        return Toxiproxy(url).version(), ""
    except ToxiproxyError as problem:
        return "", str(problem)


def most_open_files() -> int | None:
    """How many files this process may open at the most; None for any number."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard


def loopback_problem() -> str:
    """Why sockets of loopback do not work; empty: they do."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as door, socket.create_connection(door.getsockname(), timeout=PATIENCE_S):
            door.settimeout(PATIENCE_S)
            door.accept()[0].close()
    except OSError as problem:
        return (problem.strerror or str(problem)).lower()
    return ""


def schema_problem() -> str:
    """Why OCPP's schemas cannot be loaded; empty: they can."""
    from harness.stage.live.frames import OCPP16, OCPP201

    try:
        missing = [f"OCPP {schemas.version} lacks its own" for schemas in (OCPP16, OCPP201) if not schemas.knows("BootNotification")]
    except (ImportError, OSError, ValueError) as problem:
        return str(problem)
    return ", ".join(missing)


def place_of(target: Target, station: str | None) -> Place:
    """The charger that is tried at a target."""
    return Place(charger=_SOMEBODY, number=1, station=station or target.stations([_SOMEBODY])[_SOMEBODY])


def programs_of(target: Target) -> dict[str, str]:
    """The programs that a target's commands, operations and books run, by what names them."""
    filled = dict.fromkeys(OF_AN_OPERATION, "") | dict.fromkeys(OF_A_CHARGER, _SOMEBODY) | {"number": 1}
    calls = {f"commands.{name}": words for name, words in target.commands.items()}
    calls |= {f"operations.{name}": words for name, words in target.operations.items()}
    calls |= {"books": target.books}
    return {name: words[0].format(**filled) for name, words in calls.items() if words}


def connection_problem(target: Target) -> str:
    """Why the target's server takes no connection; empty: it does. Where TLS is spoken, its certificate is looked at, too."""
    try:
        asyncio.run(approach.touch(target, approach.tls(target)))
    except (OSError, UnicodeError) as problem:
        return approach.reason(problem)
    return ""


def handshake_problem(target: Target, place: Place, subprotocol: str) -> BaseException | None:
    """Why the target's server does not let a station in; None: it does."""
    return asyncio.run(approach.knock(target, approach.tls(target), place, subprotocol))


def certificate_problem(bench: Bench) -> str:
    """Why a bench's certificate cannot be used; empty: it can."""
    try:
        bench_tls(bench)
    except (ExperimentError, OSError) as problem:
        return str(problem)
    return ""


def listening_problem(listen: str) -> str:
    """Why nothing can listen at an address; empty: something can."""
    host, _, port = listen.rpartition(":")
    try:
        socket.getaddrinfo(host, port, socket.AF_INET)  # what is wrong with a name only this tells
        socket.create_server((host, int(port))).close()
    except (OSError, UnicodeError) as problem:
        return approach.reason(problem)
    return ""


def readiness_problem(url: str) -> str:
    """Why a URL does not say that a server is ready; empty: it does."""
    import requests

    with suppress(requests.RequestException), requests.get(url, timeout=PATIENCE_S, stream=True) as response:
        return "" if response.ok else f"HTTP {response.status_code}"  # whatever comes after its head is not waited for
    return "it does not answer"
