"""What each kind of run lets one decide: check × kind of run, as data.

A simulated run shows everything. The farther a run is from that, the more of it only the wire tells: a charger that is not ours tells what
it did in an outage when it sends what it had queued, if at all, and what never travels in a message nobody else can see. A check whose
evidence is not on the wire is not judged: it ends unknown and says why, and neither passes nor fails.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from harness.check.catalogue import NAMES
from harness.values import LiveRun, Predicate

Kind = Literal["simulated", "embedded server", "your server", "your charger", "log"]
Decision = Literal["decidable", "after-replay", "with-books", "not-on-the-wire"]

KINDS: dict[Kind, str] = {
    "simulated": "our chargers and our server, computed",
    "embedded server": "our chargers and our server, over real sockets",
    "your server": "our chargers, a server of yours",
    "your charger": "chargers of yours, our server",
    "log": "nothing of ours: frames that were written down between a charger and a server",
}
"""Kind of run → what is ours in it."""


class Cell(NamedTuple):
    """What can be decided, and, where it is not simply decidable, on what that hangs."""

    decision: Decision
    why: str = ""


YES = Cell("decidable")
_REPLAY = Cell("after-replay", "what the charger did without its server shows in what it tells later: states, and the energy register")
_QUEUE = Cell("after-replay", "the charger's queue brings it once the server is back")
_APP = Cell("not-on-the-wire", "what drivers asked for in the app does not pass between charger and server")
_MAINS = Cell("not-on-the-wire", "no message tells when mains was lost and came back")
_BENCH = Cell("after-replay", "mains is known from what was done at the bench, the current from what the charger tells later")
_RATINGS = Cell("not-on-the-wire", "what the box and its wiring may carry is in no message")
_BOOKS = Cell("with-books", "the books of the server are its own, and were not given")
_STORED = Cell("not-on-the-wire", "what the server stores is its own")
_READINGS = Cell("not-on-the-wire", "chargers are not read at the same instants, so their currents cannot be added up")
_REFUSED = Cell("not-on-the-wire", "an attempt that does not get through reaches nobody who could write it down")
_NO_WIRE = Cell("not-on-the-wire", "nothing was on any wire")
_OURS = Cell("not-on-the-wire", "both ends are ours")
_AS_THEY_ARE = Cell("not-on-the-wire", "the frames of a log are read as they are")
_BACK = Cell("not-on-the-wire", "no message tells when server and path were back")


def _row(your_server: Cell = YES, your_charger: Cell = YES, log: Cell = YES) -> dict[Kind, Cell]:
    return {"simulated": YES, "embedded server": YES, "your server": your_server, "your charger": your_charger, "log": log}


TABLE: dict[str, dict[Kind, Cell]] = {
    "charging-continues": _row(YES, _REPLAY, _REPLAY),
    "can-always-charge": _row(YES, _REPLAY, _REPLAY),
    "hold-ends-on-time": _row(YES, _REPLAY, _REPLAY),
    "tou-suspended": _row(_APP, _REPLAY, _APP),
    "unplug-clears-schedule": _row(YES, _BENCH, _MAINS),
    "override-needed-after-recovery": _row(_APP, YES, _APP),
    "override-kept": _row(_APP, YES, _APP),
    "settings-remembered": _row(YES, _REPLAY, _RATINGS),
    "availability-kept": _row(YES, _BENCH, _MAINS),
    "current-within-limits": _row(YES, _REPLAY, _RATINGS),
    "load-group-within-capacity": _row(YES, _READINGS, _READINGS),
    "transactions-accounted": _row(_BOOKS, _QUEUE, _QUEUE),
    "reconnects-in-time": _row(YES, YES, _BACK),
    "reconnect-backs-off": _row(YES, _REFUSED, _REFUSED),
    "settings-converge": _row(_STORED, YES, _STORED),
    "clock-sane": _row(YES, _QUEUE, _QUEUE),
    "schedule-runs-offline": _row(YES, _REPLAY, _REPLAY),
    "schedule-survives-power-cycle": _row(YES, _BENCH, _MAINS),
    "hold-lifted-after-loss": _row(YES, _REPLAY, _REPLAY),
    "offline-limit-applies": _row(YES, _REPLAY, _RATINGS),
    "unscheduled-after-power-cut": _row(YES, _BENCH, _MAINS),
    "random-delay-applied": _row(YES, _REPLAY, _RATINGS._replace(why="the longest random delay is in no message")),
    "random-delay-at-return": _row(YES, _REPLAY, _REPLAY),
    "pause-kept-offline": _row(YES, _REPLAY, _REPLAY),
    "new-session-refused-offline": _row(YES, _REPLAY, _REPLAY),
    "unknown-tag-charges-offline": _row(YES, _REPLAY, _REPLAY),
    "replug-overrides": _row(YES, _REPLAY, _REPLAY),
    "nothing-before-acceptance": _row(),
    "transactions-in-order": _row(YES, _QUEUE, _QUEUE),
    "offline-flag": _row(YES, _QUEUE, _QUEUE),
    "no-sequence-gap": _row(YES, _QUEUE, _QUEUE),
    "frames-valid": {
        "simulated": _NO_WIRE,
        "embedded server": _OURS,
        "your server": YES,
        "your charger": YES,
        "log": _AS_THEY_ARE,
    },
}
"""Check → kind of run → what can be decided."""
assert TABLE.keys() == NAMES.keys()

METRICS_OF_A_LOG = frozenset({"peak_reconnects", "queue_drain_time", "messages_doubled", "messages_late"})
"""The metrics that a log gives; the others need to know when the server was back, what drivers needed, or when a charger was up."""

_OWN = Cell("not-on-the-wire", "a log shows the connector's state, its current and the charger's power only now and then")
_SEEN_PARTS = frozenset({"connected", "outage", "message", "command"})
"""The parts of a predicate that a log shows whenever they change."""


def kind_of(live: LiveRun | None) -> Kind:
    """The kind of a run, as its journal says how it was made."""
    return "simulated" if live is None else live.peer


def cell(check: str, kind: Kind) -> Cell:
    """What can be decided of a built-in check."""
    return TABLE[check][kind]


def hidden(check: str, kind: Kind, *, books: bool) -> str:
    """Why a built-in check cannot be judged; empty: it can. ``books``: those of the server are known."""
    decision, why = cell(check, kind)
    return why if decision == "not-on-the-wire" or (decision == "with-books" and not books) else ""


def own_cell(kind: Kind, *predicates: Predicate | None) -> Cell:
    """What can be decided of a scenario's own check over these predicates."""
    if kind != "log":
        return YES
    default = Predicate()
    parts = {
        name for each in predicates if each is not None for name in Predicate.__struct_fields__
        if getattr(each, name) != getattr(default, name)
    }  # fmt: skip
    return YES if parts <= _SEEN_PARTS else _OWN
