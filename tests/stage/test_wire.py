"""Messages between one charger and its server: their order is that of their sending."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from random_plans import MODELS, base, records_of

from harness.journal.records import Command
from harness.values import Moment, Step, Targets

HOUR = 3_600_000


@pytest.mark.parametrize("model", MODELS)
def test_of_two_commands_in_the_same_millisecond_the_later_arrives_later(model):
    anna = Targets(names=("anna",))
    plan = tuple(
        Step(id=f"s{amperage_ma}", do="driver.set-amperage", at=Moment(offset_ms=HOUR), to=anna, arguments={"amperage_ma": amperage_ma})
        for amperage_ma in (30_000, 11_000)
    )
    records = records_of(replace(base(model), duration_ms=2 * HOUR, plan=plan))
    assert [record.ma for record in records if isinstance(record, Command) and record.command == "amperage"] == [30_000, 11_000]
