"""What went back and forth around a witness, as a sequence diagram."""

from __future__ import annotations

from collections.abc import Iterator

from harness.journal.records import Action, AnyRecord, Command, Discard, Failed, Message, Server
from harness.report.clock import Clock
from harness.report.html.gather import Watched
from harness.report.html.text import name, say, tag
from harness.report.words import tell


def diagram(watched: Watched, clock: Clock) -> str:
    """Two lifelines, the charger's and the server's, with a row for each record, and a mark where the rule was broken."""
    head = tag(
        "li", f'<span></span><b class="end">{name(watched.witness.charger or "all chargers")}</b><span></span><b class="end">server</b>',
        class_="ends", aria_hidden="true",
    )  # fmt: skip
    return tag("ol", head + "".join(_rows(watched, clock)), class_="sequence", aria_label="What went back and forth around it")


def _rows(watched: Watched, clock: Clock) -> Iterator[str]:
    for record in watched.earlier():
        yield _row(record, clock)
    here = clock.translate(watched.witness.rule)
    time = tag("span", say(clock.tell(watched.witness.t)), class_="time")
    yield tag("li", time + tag("span", f"✗ {say(here)}", class_="here"), class_="broken")
    for record in watched.after:
        yield _row(record, clock)


def _row(record: AnyRecord, clock: Clock) -> str:
    time = tag("span", say(clock.tell(record.t)), class_="time")
    words = say(tell(record, clock))
    if isinstance(record, Message):
        way = "up"
    elif isinstance(record, Command):
        way = "down"  # the record is of its acknowledgement, and the arrow is the command itself
        words = say(f"{tell(record, clock).removeprefix('acknowledges').lstrip(' :')} (acknowledged)")
    elif isinstance(record, Failed):
        way = "lost"
    else:
        side = "far" if isinstance(record, Server) else "near"
        who = "driver: " if isinstance(record, Action) else ""
        given_up = " given-up" if isinstance(record, Discard) else ""
        return tag("li", time + tag("span", f"{who}{words}", class_=f"note {side}{given_up}"))
    return tag("li", time + '<i class="life"></i>' + tag("span", tag("span", words), class_=f"arrow {way}") + '<i class="life"></i>')
