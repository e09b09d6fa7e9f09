"""Reads what is somebody's own: the file of a server (a target), and that of a bench with chargers. Neither says anything of the outage."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from string import Formatter
from typing import Any
from urllib.parse import SplitResult, urlsplit

from harness.scenario.forms import DURATION, FAILED, TEXT, Field, Form, ListOf, MapOf, Record, Scalar
from harness.scenario.forms import read as read_form
from harness.scenario.layout import SCENARIO
from harness.scenario.models import VERSION
from harness.scenario.nodes import Node, read_file
from harness.scenario.problems import Problem, Problems, ScenarioError
from harness.units import UnitError
from harness.values import Bench, Target

COMMANDS = {
    "stop": "Ends the server's process.", "start": "Starts it again.",
    "pause": "Keeps it from answering, its connections left open.", "resume": "Lets it go on.",
}  # fmt: skip
"""What can be done to the server's process, by the target's own commands."""
OPERATIONS = {
    "override": "A driver overrides the schedule.", "pause": "A driver stops the charge.",
    "set-amperage": "A driver sets a limit, `{amperage}` in A.",
    "set-tou": "A driver turns charging by time of use `{on}` (true or false), at the price levels `{charge_in}`.",
}  # fmt: skip
"""What a driver can do in the app, by the target's own commands."""
OF_A_CHARGER = ("charger", "number", "station")
"""What may stand in braces where a charger is meant: its name in the scenario, its place there from 1, its station id."""
OF_AN_OPERATION = (*OF_A_CHARGER, "tag", "amperage", "on", "charge_in")


_WIDTH = re.compile(r"0?[1-9]d?")
"""How a number may be written: with so many digits."""


def _parts_of(text: str) -> SplitResult:
    """The parts of a URL; of one that is none, or has no possible port, they are empty."""
    try:
        parts = urlsplit(text)
        return urlsplit("") if parts.port == 0 else parts
    except ValueError:
        return urlsplit("")


def _pattern(known: Iterable[str], what: str) -> Scalar:
    names = list(known)
    expected = f"a text with {what} such as {{{names[-1]}}}"

    def parse(text: str) -> str:
        try:
            parts = [(name, form, conversion) for _, name, form, conversion in Formatter().parse(text) if name is not None]
        except ValueError:
            parts = [("", "", None)]
        if any(
            name not in names or conversion or (form and not (name == "number" and _WIDTH.fullmatch(form)))
            for name, form, conversion in parts
        ):
            raise UnitError(text, f"in braces only {', '.join(f'{{{name}}}' for name in names)}")
        return text

    return Scalar(parse, expected, {"type": "string"})


def _url(text: str) -> str:
    parts = _parts_of(text)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or "{station}" not in parts.path:
        raise UnitError(text, "the WebSocket of one station, such as `ws://127.0.0.1:9000/ocpp/{station}`")
    _pattern(OF_A_CHARGER, "a charger").parse(text)
    return text


def address(text: str) -> str:
    """Read ``server:9000``, a host and a port. Raises :class:`UnitError`."""
    host, _, port = text.rpartition(":")
    if not _may_be_host(host) or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
        raise UnitError(text, "a host and a port such as `server:9000`")
    return text


def _may_be_host(name: str) -> bool:
    try:
        return bool(name.encode("idna"))
    except UnicodeError:  # a part of it is empty, or too long
        return False


def _ports(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", text)
    if found is None or not 0 < int(found[1]) <= int(found[2]) < 65_536:
        raise UnitError(text, "a range of ports such as `21000-21099`")
    return int(found[1]), int(found[2])


def _http(text: str) -> str:
    parts = _parts_of(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UnitError(text, "a URL such as `http://127.0.0.1:8080/health`")
    return text


def _scalar(parse: Callable[[str], Any], example: str) -> Scalar:
    return Scalar(parse, f"such as `{example}`", {"type": "string", "examples": [example]})


def _words(known: Iterable[str] = ("station",)) -> Form:
    return ListOf(_pattern(known, "a charger"))


def _each(docs: Mapping[str, str], key: str, known: Iterable[str] = ("station",)) -> Record:
    return Record(f"`{key}`", tuple(Field(name, _words(known), doc, attribute=name) for name, doc in docs.items()), dict)


_TOXIPROXY = Record(
    "`toxiproxy`",
    (
        Field("upstream", _scalar(address, "server:9000"), "The address at which Toxiproxy reaches the server; by default that of `url`.",
              attribute="upstream"),
        Field("listen", TEXT, "On which address of its own machine Toxiproxy listens; by default where its API does.", attribute="listen"),
        Field("reach", TEXT, "At which host chargers reach Toxiproxy; by default where its API is.", attribute="reach"),
        Field("ports", _scalar(_ports, "21000-21099"), "The ports on which Toxiproxy listens; by default any free one.", attribute="ports"),
    ),
    dict,
)  # fmt: skip

TARGET = Record(
    "the target",
    (
        Field("harness", VERSION, "The version of the file format.", True, attribute="harness"),
        Field("url", _scalar(_url, "ws://127.0.0.1:9000/ocpp/{station}"), "Where a station connects.", True, "url"),
        Field("station", _pattern(OF_A_CHARGER[:2], "a charger"), "A charger's station id; by default its name.", attribute="station"),
        Field("tag", _pattern(OF_A_CHARGER, "a charger"), "The tag of a charger for which the scenario has none; by default its name.",
              attribute="tag"),
        Field("password", _pattern(OF_A_CHARGER, "a charger"), "The station's password (basic authentication).", attribute="password"),
        Field("password_from", TEXT, "The environment variable that holds it instead.", attribute="password_from"),
        Field("ca", TEXT, "The certificate of your own authority, a PEM file beside this one, for `wss`.", attribute="ca"),
        Field("toxiproxy", _TOXIPROXY, "How Toxiproxy lies between, where that is not on one machine.", attribute=""),
        Field("ready", _scalar(_http, "http://127.0.0.1:8080/health"), "What answers 2xx once it is ready; by default a connection does.",
              attribute="ready"),
        Field("ready_timeout", DURATION, "How long to wait for that; 30 s by default.", attribute="ready_timeout_ms"),
        Field("commands", _each(COMMANDS, "commands"), "What starts, stops, pauses and resumes your server's process.",
              attribute="commands"),
        Field("operations", _each(OPERATIONS, "operations", OF_AN_OPERATION), "What a driver does in your app.", attribute="operations"),
        Field("books", _words(), "What prints the transactions in your books, as CSV or JSON.", attribute="books"),
    ),
    dict,
)  # fmt: skip


DEEDS = {
    "plug-in": "Connects a car.", "unplug": "Disconnects it.", "swipe": "Shows the driver's tag.",
    "power-off": "Takes the station off mains.", "power-on": "Gives it mains again.", "restart": "Restarts the station.",
    "out-of-service": "Takes the station out of service.", "in-service": "Puts it back into service.",
}  # fmt: skip
"""What is done at a bench, by the bench's own commands or by the person there."""

BENCH = Record(
    "the bench",
    (
        Field("harness", VERSION, "The version of the file format.", True, attribute="harness"),
        Field("listen", _scalar(address, "127.0.0.1:9000"), "Where chargers connect; 127.0.0.1:9000 by default.", attribute="listen"),
        Field("stations", MapOf(TEXT, "a charger"), "The station ids of chargers whose names are not their ids.", attribute="stations"),
        Field("password", _pattern(("charger", "station"), "a charger"), "What stations must give (basic authentication).",
              attribute="password"),
        Field("certificate", TEXT, "The server's certificate chain, a PEM file beside this one; with it chargers speak TLS.",
              attribute="certificate"),
        Field("key", TEXT, "The private key of `certificate`, a PEM file beside this one.", attribute="key"),
        Field("patience", DURATION, "How long to wait for all chargers before the start; 10 min by default.", attribute="patience_ms"),
        Field("commands", _each(DEEDS, "commands", ("charger", "station")), "What does it in the place of a person.", attribute="commands"),
    ),
    dict,
)  # fmt: skip


def is_bench(root: Node) -> bool:
    """Whether a file tells of a bench: it has more of a bench's keys than of a scenario's."""
    return sum((BENCH.field(key) is not None) - (SCENARIO.field(key) is not None) for key in root.entries) > 0


def load_bench(path: str | Path) -> Bench:
    """Read the file of a bench with real chargers. Raises :class:`ScenarioError` with all that is wrong with it."""
    path = Path(path)
    problems = Problems()
    root = read_file(path, path.as_posix())
    given = read_form(BENCH, root, problems, "the bench")
    if problems.any or given is FAILED:
        raise ScenarioError(problems.in_order())
    del given["harness"]
    for name in ("certificate", "key"):
        if ("key" in given) != ("certificate" in given):
            problems.add(root, "`certificate` and `key` go together", expected="both, or neither")
        elif name in given:
            given[name] = str(path.parent / given[name])
            if not Path(given[name]).is_file():
                problems.add(root.at(name), "no such file", found=f"`{given[name]}`", expected="a PEM file beside the bench's")
    if problems.any:
        raise ScenarioError(problems.in_order())
    return Bench(file=path.as_posix(), **given)


def is_target(root: Node) -> bool:
    """Whether a file tells of a server: it has its ``url``, which nothing else has."""
    return root.kind == "map" and "url" in root.entries


def load_target(path: str | Path) -> Target:
    """Read a target file. Raises :class:`ScenarioError` with all that is wrong with it."""
    path = Path(path)
    root = read_file(path, path.as_posix())
    problems = Problems()
    given = read_form(TARGET, root, problems, "the target")
    if problems.any or given is FAILED:
        raise ScenarioError(problems.in_order())
    del given["harness"]
    if "ca" in given:
        given["ca"] = str(path.parent / given["ca"])
        if not Path(given["ca"]).is_file():
            problems.add(root.at("ca"), "no such file", found=f"`{given['ca']}`", expected="a PEM file beside the target file")
    if "password" in given and "password_from" in given:
        problems.add(root.at("password_from"), "`password` is given already", expected="one of the two")
    for one, other in (("stop", "start"), ("start", "stop"), ("pause", "resume"), ("resume", "pause")):
        if one in given.get("commands", {}) and other not in given["commands"]:
            problems.add(root.at("commands"), f"`{other}` is missing", expected=f"`{other}`, which undoes `{one}`")
    if problems.any:
        raise ScenarioError(problems.in_order())
    return Target(name=path.stem, file=path.as_posix(), **given)


__all__ = ["COMMANDS", "OPERATIONS", "Problem", "is_bench", "is_target", "load_bench", "load_target"]
