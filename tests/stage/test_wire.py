"""Messages between one charger and its server: their order is that of their sending, and what is lost with a server does not count."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from random_plans import MODELS, base, records_of

from harness.journal.records import Command, Recovery
from harness.values import Moment, Step, Targets

HOUR = 3_600_000
KEEPALIVE_MS = 30_000
WAY_MS = 20
ASKS = Step(id="ask", do="driver.set-amperage", at=Moment(offset_ms=HOUR), to=Targets(names=("anna",)), arguments={"amperage_ma": 10_000})
"""What makes the server send anna, who speaks over datagrams, a command."""


@pytest.mark.parametrize("model", MODELS)
def test_of_two_commands_in_the_same_millisecond_the_later_arrives_later(model):
    anna = Targets(names=("anna",))
    plan = tuple(
        Step(id=f"s{amperage_ma}", do="driver.set-amperage", at=Moment(offset_ms=HOUR), to=anna, arguments={"amperage_ma": amperage_ma})
        for amperage_ma in (30_000, 11_000)
    )
    records = records_of(replace(base(model), duration_ms=2 * HOUR, plan=plan))
    assert [record.ma for record in records if isinstance(record, Command) and record.command == "amperage"] == [30_000, 11_000]


def test_a_command_of_the_millisecond_in_which_the_server_died_does_not_tell_that_it_is_back():
    """It comes from the server of before, though it arrives when that has restarted."""
    crash = Step(id="crash", do="server.crash", at=Moment(offset_ms=HOUR), for_ms=WAY_MS // 2)
    records = records_of(replace(base("juicebox-40"), duration_ms=2 * HOUR, plan=(ASKS, crash)))
    delivered = [record for record in records if isinstance(record, Command) and record.who == "anna"]
    (recovery,) = (record for record in records if isinstance(record, Recovery) and record.who == "anna")
    assert (delivered[0].sent, delivered[0].t) == (HOUR, HOUR + WAY_MS)
    # The answer to her next keepalive tells; the restarted server then sends what it stores.
    assert recovery.t == delivered[1].t > HOUR + WAY_MS


def test_an_acknowledgement_that_a_server_closed_to_its_charger_never_heard_does_not_count():
    """Draining begins with anna, while her acknowledgement is on its way; it ends before the server goes down."""
    drains = Step(
        id="upgrade", do="server.upgrade", at=Moment(offset_ms=HOUR + 3 * WAY_MS // 2), for_ms=60_000,
        arguments={"style": "drained", "drain_ms": 600_000},
    )  # fmt: skip
    records = records_of(replace(base("juicebox-40"), duration_ms=2 * HOUR, plan=(ASKS, drains)))
    delivered = [record for record in records if isinstance(record, Command) and record.who == "anna"]
    assert [(record.command, record.ma) for record in delivered] == [("amperage", 10_000), ("amperage", 10_000)]
    opens = HOUR + 3 * WAY_MS // 2 + 60_000
    assert delivered[0].t == HOUR + WAY_MS
    assert opens < delivered[1].t <= opens + KEEPALIVE_MS + 2 * WAY_MS  # with her next request
