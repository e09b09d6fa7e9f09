"""OCPP's own test cases about being offline, each as a small simulated run, on what its journal shows.

Which cases there are, and why some have no test here, ``docs/ocpp-offline-cases.md`` says; the last tests hold page and tests together.
Ids and purposes are as public test kits name them. A car comes, the server crashes for an hour from 09:00, and something happens.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from random_plans import lines, records_of

from harness import scenario
from harness.check.judge import Judge
from harness.check.result import CheckResult
from harness.journal.records import Attempts, Command, Current, Discard, Failed, Fault, Ledger, Link, Message, Stay, Transaction
from harness.stage.build import Windows, build
from harness.stage.live.codec import Calendar
from harness.stage.live.frames import OCPP201
from harness.stage.live.ocpp201 import ChargerEnd
from harness.stage.plan import Cast
from harness.values import Scenario
from harness.world.messages import ACCEPTED, Request

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ocpp-offline-cases.md"
MINUTE = 60_000
HOUR = 60 * MINUTE
STARTS = 8 * HOUR
"""The run begins at 08:00: what ``clock`` counts from."""

OUTAGE = "  - {id: crash, at: 09:00, do: server.crash, for: 1 h}\n"
BEFORE, DURING = "08:10", "09:10"
"""When the car comes: before the outage, or during it."""

RUN = """\
harness: 1
title: One charger without its server
start: 2026-03-12 08:00
zone: America/Los_Angeles
duration: 10 h
seed: 1
server: {server}
network: ethernet
supply: {{voltage: 240 V}}
models: {{{model}: {{{changes}}}}}
defaults: {{model: {model}, car: leaf-40, tariff: pge-ev2-a}}
chargers:
  anna: {{tag: A1, {charger}}}
plan:
{plan}"""

SERVERS = dict.fromkeys(("juicebox-40", "juicebox-v09u", "waybox"), "juicenet")
"""What chargers talk to that do not speak OCPP."""

COVERED: dict[str, str] = {}
"""Case → its test, as pytest names it."""


@pytest.fixture
def case(request: pytest.FixtureRequest) -> str:
    """The case of OCPP that a test is of."""
    return str(request.param)


def covers(*cases: str) -> Any:
    """Make a test that of these cases: it runs once for each."""

    def mark(test: Any) -> Any:
        for one in cases:
            assert one not in COVERED, f"{one} has two tests"
            COVERED[one] = f"{test.__name__}[{one}]"
        return pytest.mark.parametrize("case", cases, indirect=True)(pytest.mark.usefixtures("case")(test))

    return mark


def clock(hours: int, minutes: int = 0) -> int:
    """A time of the run's day, in ms since its start."""
    return hours * HOUR + minutes * MINUTE - STARTS


def stay(plug_in: str, leave: str = "13:00", needs: str = "30 kWh") -> str:
    return f"{{plug_in: {plug_in}, needs: {needs}, leave: {leave}}}"


def read(model: str, charger: str, plan: str = OUTAGE, changes: str = "") -> Scenario:
    return scenario.loads(RUN.format(model=model, server=SERVERS.get(model, "csms"), charger=charger, plan=plan, changes=changes), "case")


BEGINS = Current(t=0, ma=0, state="Available", reason="no-car", wh=0)
"""How the charger is before anything happens to it."""


class Journal:
    """The records of a run, which is the same however its traffic is made."""

    def __init__(self, model: str, charger: str, plan: str = OUTAGE, changes: str = "") -> None:
        self.loaded = loaded = read(model, charger, plan, changes)
        self.records = records_of(loaded)
        for way in ({"simulate_all": True}, {"leg_by_leg": True}):
            assert lines(self.records) == lines(records_of(loaded, **way))

    def results(self) -> dict[str, CheckResult]:
        """What the checks say of it."""
        judge = Judge(self.loaded)
        judge.feed(self.records)
        return {result.name: result for result in judge.close(self.loaded.duration_ms)}

    def verdict(self, check: str) -> str:
        """What a check says of it."""
        return self.results()[check].verdict

    def of(self, kind: type) -> list[Any]:
        """The records of one kind."""
        return [record for record in self.records if isinstance(record, kind)]

    def messages(self, *actions: str) -> list[Message]:
        """What the server took in, of these actions or of all of a transaction."""
        wanted = actions or ("transaction-start", "meter-values", "transaction-end")
        return [record for record in self.of(Message) if record.action in wanted]

    def one(self, action: str) -> Message:
        """The only such message."""
        (message,) = self.messages(action)
        return message

    @property
    def back_at(self) -> int:
        """When the charger was online again, for the first time."""
        return next(record.t for record in self.of(Link) if record.state == "online")

    def at(self, t: int) -> Current:
        """The current and the connector's state at a time."""
        return [BEGINS, *(record for record in self.of(Current) if record.t <= t)][-1]

    def draws(self, begins: int, ends: int) -> bool:
        """Whether current flows all the time from ``begins`` to ``ends``."""
        between = [record.ma for record in self.of(Current) if begins < record.t <= ends]
        return min([self.at(begins).ma, *between]) > 0

    def drew(self, begins: int, ends: int) -> bool:
        """Whether any does."""
        between = [record.ma for record in self.of(Current) if begins < record.t <= ends]
        return max([self.at(begins).ma, *between]) > 0


# The link is lost in a transaction, or a transaction begins or ends without it.


@covers("TC_036")
def test_a_transaction_goes_on_without_the_server_and_its_readings_come_later():
    run = Journal("ocpp16-strict", f"session: {stay(BEFORE)}")
    assert run.draws(clock(8, 11), clock(11))
    readings = run.one("meter-values")
    assert (readings.t > run.back_at > clock(10), readings.count, readings.tx) == (True, 4, 1)
    assert [record.edge for record in run.of(Transaction)] == ["open", "close"]


@covers("TC_037_1")
def test_a_transaction_that_began_offline_is_told_of_when_the_server_is_back():
    run = Journal("ocpp16-strict", f"session: {stay(DURING)}")
    began = run.one("transaction-start")
    assert (began.at, began.stamp, began.result) == (clock(9, 10), clock(9, 10), "accepted")
    assert began.t > run.back_at > clock(10)
    assert run.draws(clock(9, 11), clock(12))


@covers("TC_037_2")
def test_a_tag_that_turns_out_to_be_invalid_may_suspend_the_transaction():
    run = Journal("ocpp16-strict", f"tag_revoked: 09:00, session: {stay(DURING)}", changes="tag_refused: {transaction: suspends}")
    began = run.one("transaction-start")
    assert (began.at, began.result) == (clock(9, 10), "rejected")
    assert run.draws(clock(9, 11), clock(10))
    answered = began.t + 1_000
    assert (run.at(answered).state, run.drew(answered, clock(13))) == ("SuspendedEVSE", False)
    assert (run.one("transaction-end").at, run.one("transaction-end").reason) == (clock(13), "")


@covers("TC_037_3")
def test_a_tag_that_turns_out_to_be_invalid_may_stop_the_transaction():
    run = Journal("ocpp16-strict", f"tag_revoked: 09:00, session: {stay(DURING)}", changes="tag_refused: {transaction: stops}")
    began, ended = run.one("transaction-start"), run.one("transaction-end")
    assert (began.result, ended.reason) == ("rejected", "DeAuthorized")
    assert 0 < ended.at - began.t < 1_000
    assert (run.at(ended.t).state, run.drew(ended.t, clock(13))) == ("Finishing", False)
    (booked,) = run.of(Ledger)
    assert [(tx, stop) for tx, _, _, stop, _ in booked.entries] == [(1, ended.at)]


@covers("TC_038")
def test_a_transaction_that_ended_offline_is_told_of_when_the_server_is_back():
    run = Journal("ocpp16-strict", f"session: {stay(BEFORE, '09:30')}")
    ended = run.one("transaction-end")
    assert (ended.at, ended.stamp, ended.reason) == (clock(9, 30), clock(9, 30), "")
    assert ended.t > run.back_at > clock(10)


@covers("TC_039")
def test_a_whole_transaction_offline_is_told_of_in_order():
    run = Journal("ocpp16-strict", f"session: {stay(DURING, '09:40')}")
    assert [(record.action, record.at) for record in run.messages("transaction-start", "transaction-end")] == [
        ("transaction-start", clock(9, 10)), ("transaction-end", clock(9, 40)),
    ]  # fmt: skip
    (booked,) = run.of(Ledger)
    (gone,) = run.of(Stay)
    assert booked.entries == [(1, clock(9, 10), 0, clock(9, 40), gone.wh)]


@covers("TC_032_2")
def test_a_transaction_that_a_power_failure_ended_is_told_of_after_the_boot():
    run = Journal("ocpp16-strict", f"session: {stay(BEFORE)}", "  - {at: 09:00, do: station.power-cut, to: anna, for: 10 min}\n")
    told = [record for record in run.of(Message) if record.t > clock(9)]
    assert [record.action for record in told][:2] == ["registration", "transaction-end"]
    assert (told[1].at, told[1].reason, told[1].tx) == (clock(9), "", 1)
    (booked,) = run.of(Ledger)
    assert booked.entries[0][3] == clock(9)


@covers("TC_E_40")
def test_of_an_outage_within_a_transaction_no_event_is_missing():
    run = Journal("ocpp201", f"session: {stay(BEFORE)}")
    began, readings, ended = run.messages()
    assert (began.offline, readings.offline, ended.offline) == (False, True, False)
    assert [record.seq for record in (began, readings, ended)] == [0, 1, 1 + readings.count]
    assert (readings.count, readings.t > run.back_at) == (4, True)
    assert run.draws(clock(8, 11), clock(11))


@covers("TC_E_43")
def test_a_transaction_wholly_offline_is_replayed_in_order_and_flagged():
    run = Journal("ocpp201", f"session: {stay(DURING, '09:50')}")
    told = run.messages()
    assert [record.action for record in told] == ["transaction-start", "meter-values", "transaction-end"]
    assert all(record.offline for record in told)
    assert min(record.t for record in told) > run.back_at
    assert [record.seq for record in told] == [0, 1, 1 + told[1].count]


@covers("TC_E_44")
def test_an_end_offline_is_replayed_and_flagged():
    run = Journal("ocpp201", f"session: {stay(BEFORE, '09:30')}")
    began, _, ended = run.messages()
    assert (began.offline, ended.offline, ended.at) == (False, True, clock(9, 30))
    assert ended.t > run.back_at


# Tags: what the server says afterwards, and what the charger knows without it.

CACHED = "server_loss: {cached_tags: true}"
TWICE = f"sessions: [{stay(BEFORE, '08:40')}, {stay(DURING)}]"
"""The driver comes with the server there, and again without it."""

INVALID_AFTERWARDS = {
    "TC_C_15": ("suspends", "10 kWh", "SuspendedEVSE"),
    "TC_C_16": ("stops", "0 Wh", "Finishing"),
    "TC_C_17": ("suspends", "0 Wh", "SuspendedEVSE"),
    "TC_C_18": ("stops", "10 kWh", "Finishing"),
}
"""What StopTxOnInvalidId and MaxEnergyOnInvalidId say, and the state that follows."""


@covers(*INVALID_AFTERWARDS)
def test_a_cached_tag_that_is_invalid_on_reconnect(case):
    transaction, energy, state = INVALID_AFTERWARDS[case]
    run = Journal(
        "ocpp201", f"tag_listed: false, tag_revoked: 09:00, {TWICE}",
        changes=f"{CACHED}, tag_refused: {{transaction: {transaction}, energy: {energy}}}",
    )  # fmt: skip
    began = run.messages("transaction-start")[1]
    assert (began.at, began.offline, began.result) == (clock(9, 10), True, "rejected")
    stopped = next(record for record in run.of(Current) if record.t > began.t and not record.ma)
    assert (stopped.state, run.drew(stopped.t, clock(13))) == (state, False)
    if energy == "0 Wh":
        assert stopped.t - began.t < 1_000
    else:
        assert run.draws(began.t, stopped.t - 1)
        assert stopped.wh - began.wh == 10_000
    ended = run.messages("transaction-end")[1]
    assert (ended.at, ended.reason) == ((stopped.t, "DeAuthorized") if transaction == "stops" else (clock(13), ""))


@covers("TC_C_21")
def test_offline_a_tag_on_the_list_charges():
    run = Journal("ocpp201", f"tag_listed: true, session: {stay(DURING)}")
    assert run.draws(clock(9, 11), clock(10))


@covers("TC_C_22", "TC_C_23", "TC_C_24")
def test_offline_a_tag_that_the_list_bars_does_not_charge():
    """The world tells Invalid, Blocked and Expired not apart. Unknown tags may charge, and this one is known."""
    run = Journal("ocpp201", f"tag_barred: true, session: {stay(DURING)}", changes="server_loss: {unknown_tag: charges}")
    assert not run.drew(clock(9), clock(13))
    assert run.messages() == []


@covers("TC_C_25")
def test_offline_the_list_outranks_the_cache():
    barred = Journal("ocpp201", f"tag_barred: true, {TWICE}", changes=CACHED)
    assert barred.draws(clock(8, 11), clock(8, 39))  # the server accepted it, and so says the cache
    assert not barred.drew(clock(9), clock(13))
    listed = Journal("ocpp201", f"tag_revoked: +0 s, {TWICE}", changes=CACHED)
    assert not listed.drew(clock(8), clock(9))  # the server did not accept it, and so says the cache
    assert listed.draws(clock(9, 11), clock(10))


@covers("TC_C_26")
def test_offline_an_unknown_tag_charges_where_that_is_allowed():
    unknown = f"tag_listed: false, session: {stay(DURING)}"
    allowed = Journal("ocpp201", unknown, changes="server_loss: {unknown_tag: charges}")
    assert allowed.draws(clock(9, 11), clock(11))
    assert allowed.one("transaction-start").offline
    waits = Journal("ocpp201", unknown)
    assert not waits.drew(clock(9), clock(10))
    assert waits.draws(clock(11), clock(12))  # the server has been asked


REBOOT = "  - {at: 08:45, do: station.power-cut, to: anna, for: 1 min}\n" + OUTAGE


@covers("TC_C_32")
def test_the_cache_outlives_a_reboot():
    charger = f"tag_listed: false, {TWICE}"
    assert Journal("ocpp201", charger, REBOOT, changes=CACHED).draws(clock(9, 11), clock(10))
    forgets = f"{CACHED}, memory: {{authorisation_cache: [power-cycle]}}"
    assert not Journal("ocpp201", charger, REBOOT, changes=forgets).drew(clock(9), clock(10))


@covers("TC_D_07")
def test_the_list_outlives_a_reboot():
    charger = f"session: {stay(DURING)}"
    assert Journal("ocpp201", charger, REBOOT).draws(clock(9, 11), clock(10))
    forgets = "memory: {authorisation_list: [power-cycle, memory-loss]}"
    assert not Journal("ocpp201", charger, REBOOT, changes=forgets).drew(clock(9), clock(10))


# Coming back.

WATCHED = "  - {id: watch, at: 08:30, do: message.delay, to: anna, with: {action: status, delay: 1 ms}, for: 4 h}\n"
"""A fault that strikes each status, which otherwise leaves no record."""


def statuses(run: Journal) -> list[int]:
    """When the charger sent its status, until 10:00."""
    return [record.t for record in run.of(Fault) if record.edge == "struck" and record.t < clock(10)]


def lost_for(minutes: int) -> str:
    return f"{WATCHED}  - {{id: crash, at: 09:00, do: server.crash, for: {minutes} min}}\n"


@covers("TC_B_51")
def test_after_more_than_the_threshold_offline_the_status_is_sent_again():
    run = Journal("ocpp201", f"session: {stay(BEFORE)}", lost_for(20))
    assert statuses(run) == [run.back_at]
    assert run.at(clock(9)) == run.at(run.back_at)  # though nothing changed


@covers("TC_B_52")
def test_after_less_only_what_changed():
    same = Journal("ocpp201", f"session: {stay(BEFORE)}", lost_for(2))
    assert same.back_at < clock(9, 5)
    assert statuses(same) == []
    changed = Journal("ocpp201", f"session: {stay('09:01')}", lost_for(2))
    assert changed.back_at in statuses(changed)


@covers("TC_B_57")
def test_attempts_to_reconnect_back_off_and_begin_anew_after_a_success():
    run = Journal(
        "ocpp201", f"session: {stay(BEFORE)}",
        OUTAGE + "  - {id: again, at: 11:00, do: server.crash, for: 30 min}\n",
    )  # fmt: skip
    backoff = read("ocpp201", f"session: {stay(BEFORE)}").models["ocpp201"].link.backoff
    for attempts, lost_at in zip(run.of(Attempts), (clock(9), clock(11)), strict=True):
        waits = [attempts.first - lost_at, *attempts.gaps]
        assert len(waits) > backoff.repeat_times
        for place, wait_ms in enumerate(waits, start=1):
            assert 0 <= wait_ms - backoff.base_ms(place) <= backoff.random_range_ms + 10  # and the way there
        assert attempts.count > len(attempts.gaps) + 1
        assert attempts.least_gap >= backoff.base_ms(len(waits))


WAYS = {
    "TC_E_41": ("drop", "timeout"),
    "TC_E_50": ("error-answer", "error"),
    "TC_E_42": ("drop", "timeout"),
    "TC_E_51": ("error-answer", "error"),
}
"""What becomes of the message each time, and how the charger sees it."""


def failing(case: str, times: int) -> Journal:
    """A run in which so many transmissions of a start fail."""
    kind = WAYS[case][0]
    plan = f"  - {{at: 08:00, do: message.{kind}, to: anna, with: {{action: transaction-start}}, times: {times}}}\n"
    run = Journal("ocpp201", f"session: {stay(BEFORE, '09:00')}", plan)
    failures = run.of(Failed)
    assert [(record.number, record.why) for record in failures] == [(number, WAYS[case][1]) for number in range(1, times + 1)]
    waits = [later.sent - earlier.t for earlier, later in pairwise(failures)]
    assert waits == [MINUTE * number for number in range(1, times)]
    return run


@covers("TC_E_41", "TC_E_50")
def test_after_its_last_attempt_a_message_is_given_up_and_the_next_is_sent(case):
    run = failing(case, 3)
    assert [(record.action, record.why) for record in run.of(Discard)] == [("transaction-start", "attempts")]
    assert [record.action for record in run.messages()] == ["transaction-end"]


@covers("TC_E_42", "TC_E_51")
def test_a_message_that_succeeds_before_its_last_attempt_counts(case):
    run = failing(case, 2)
    assert run.of(Discard) == []
    assert run.one("transaction-start").number == 3
    assert [record.action for record in run.messages()] == ["transaction-start", "transaction-end"]


@covers("TC_K_56")
def test_offline_the_stored_default_profile_applies_to_a_new_transaction():
    """The default profile is the stored schedule, no current from 15:00 on; the limit of the whole charger stands, too."""
    run = Journal(
        "ocpp201", f"tou: {{charge_in: [off-peak]}}, settings: {{amperage: 10 A}}, session: {stay('14:00', '17:30')}",
        "  - {id: crash, at: 09:00, do: server.gone}\n",
    )  # fmt: skip
    assert {record.ma for record in run.of(Current) if clock(14, 1) < record.t < clock(15)} | {run.at(clock(14, 1)).ma} == {10_000}
    assert (run.at(clock(15)).state, run.drew(clock(15), clock(17, 30))) == ("SuspendedEVSE", False)


# A registration that is put off.

PENDING = """\
  - {id: pending, at: 08:20, do: server.pending, for: 30 min, with: {interval: 4 min}}
  - {id: cut, at: 08:30, do: station.power-cut, to: anna, for: 1 min}
"""


@covers("TC_002")
def test_a_charger_whose_registration_is_pending_is_configured_and_says_nothing_else():
    run = Journal("ocpp16-strict", f"settings: {{amperage: 10 A}}, session: {stay(BEFORE)}", PENDING)
    asked = run.messages("registration")
    assert [record.result for record in asked] == [*["pending"] * 5, "accepted"]
    gaps = [after.sent - before.t for before, after in pairwise(asked)]
    assert all(0 <= gap - 4 * MINUTE < 1_000 for gap in gaps)  # it counts from the answer's arrival
    put_off = [record.t for record in run.of(Command) if clock(8, 31) < record.t < asked[-1].t]
    assert len(put_off) == 5
    assert {record.ma for record in run.of(Command) if record.t in put_off} == {10_000}
    told = [record.sent for record in run.of(Message) if record.action != "registration" and record.sent > clock(8, 30)]
    assert min(told) > asked[-1].t
    assert run.verdict("nothing-before-acceptance") == "pass"


@pytest.mark.parametrize("lost", ["server.crash", "network.black-hole", "network.reset"])
def test_one_that_loses_its_server_meanwhile_begins_anew(lost):
    lasts = "" if lost == "network.reset" else ", for: 10 min"
    run = Journal("ocpp16-strict", f"session: {stay(BEFORE)}", PENDING + f"  - {{id: lost, at: 08:35, do: {lost}{lasts}}}\n")
    asked = run.messages("registration")
    assert [record.result for record in asked][-2:] == ["pending", "accepted"]
    assert run.back_at > clock(8, 50)
    assert run.verdict("reconnects-in-time") == "pass"


TOLD = """\
  - {id: pending, at: 08:20, do: server.pending, for: 2 h, with: {interval: 5 min}}
  - {id: cut, at: 08:20, do: station.power-cut, to: anna, for: 1 min}
"""
CRASHED = """\
  - {id: crash, at: 08:20, do: server.crash, for: 40 min}
  - {id: cut, at: 08:30, do: station.power-cut, to: anna, for: 1 min}
  - {id: pending, at: 09:00, do: server.pending, for: 2 h, with: {interval: 5 min}}
"""
ANSWERS_ERRORS = "  - {id: errors, at: 09:40, do: server.errors, for: 10 min}\n"


@pytest.mark.parametrize(
    ("model", "amperage", "plan", "holds"),
    [
        ("juicebox-40", 10, TOLD, "current-within-limits"), ("juicebox-40", 10, TOLD + ANSWERS_ERRORS, "can-always-charge"),
        ("juicebox-v09u", 10, TOLD, "current-within-limits"), ("waybox", 10, TOLD, "current-within-limits"),
        ("juicebox-40", 10, CRASHED, "can-always-charge"), ("juicebox-40", 5, CRASHED, "settings-converge"),
        ("juicebox-v09u", 32, CRASHED, "current-within-limits"),
    ],
)  # fmt: skip
def test_the_amperage_that_it_is_told_with_the_answer_is_in_force_until_it_loses_its_server(model, amperage, plan, holds):
    run = Journal(model, f"settings: {{amperage: {amperage} A}}, session: {stay('09:05', leave='16:00')}", plan)
    told = [record.t for record in run.of(Command) if record.command == "amperage" and clock(8, 22) < record.t < clock(9, 30)]
    assert told
    assert all(record.result == "pending" for record in run.messages("registration")[:2])
    assert run.at(max(told[-1], clock(9, 20))).ma == (0 if amperage < 6 else min(amperage * 1000, 27_500))
    if plan.endswith(ANSWERS_ERRORS):
        assert run.at(clock(9, 49)).ma == 27_500
    results = run.results()
    assert [name for name, result in results.items() if result.failed] == []
    assert results[holds].met


@pytest.mark.parametrize(("comes", "cancelled"), [("08:50", 1), ("09:20", 0)])
def test_what_it_was_told_takes_the_place_of_its_offline_limit_from_then_on(comes, cancelled):
    run = Journal("juicebox-v09u", f"settings: {{amperage: 32 A}}, session: {stay(comes)}", CRASHED)
    told_at = next(record.t for record in run.of(Command) if record.command == "amperage" and record.t > clock(9))
    assert clock(9) < told_at < clock(9, 20)
    assert run.at(clock(9)).ma == (24_000 if cancelled else 0)
    assert run.at(clock(9, 21)).ma == 27_500
    result = run.results()["offline-limit-applies"]
    assert (result.failed, result.cancelled) == (0, cancelled)


@pytest.mark.parametrize(
    ("lost_at", "then"), [("09:40", "  - {id: again, at: 09:40, do: station.power-cut, to: anna, for: 1 min}\n"), ("11:00", "")]
)
def test_what_it_is_told_so_applies_no_more_after_a_power_cut_or_in_a_later_outage(lost_at, then):
    crash = f"  - {{id: crash, at: {lost_at}, do: server.crash, for: 1 h}}\n"
    run = Journal("juicebox-v09u", f"settings: {{amperage: 10 A}}, session: {stay('09:05', leave='16:00')}", TOLD + crash + then)
    assert run.at(clock(9, 39)).ma == 10_000
    lost = clock(int(lost_at[:2]), int(lost_at[3:]))
    alone = next(record for record in run.of(Current) if record.t > lost and record.ma)
    assert alone.ma == 24_000
    assert then or alone.t in [record.t for record in run.of(Link) if record.state == "offline"]  # as soon as it notices


def test_one_that_is_put_off_and_told_nothing_keeps_to_its_offline_limit():
    run = Journal("juicebox-v09u", f"session: {stay('08:50')}", CRASHED)
    assert run.messages("registration")[0].result == "pending"
    assert run.draws(clock(8, 51), run.back_at)
    assert run.at(run.back_at - 1).ma == 24_000
    assert run.results()["offline-limit-applies"].met


CUT_AT_TEN = "  - {{id: cut, at: 10:00, do: station.power-cut, to: anna, for: {minutes} min}}\n"


def test_it_asks_when_it_was_told_to_whatever_befalls_the_server_meanwhile():
    pending = "  - {id: pending, at: 10:00, do: server.pending, for: 30 min, with: {interval: 2 h}}\n"
    errors = "  - {id: errors, at: 11:00, do: server.errors, for: 1 min}\n"
    run = Journal("ocpp16-strict", "", pending + CUT_AT_TEN.format(minutes=1) + errors)
    assert clock(12, 1) < run.back_at < clock(12, 2)
    assert run.verdict("reconnects-in-time") == "pass"


def test_of_two_causes_for_which_it_is_put_off_the_one_counts_that_asks_for_more_time():
    """Together they do not ask for more."""
    both = "".join(f"  - {{id: {name}, at: 10:00, do: server.pending, for: 30 min, with: {{interval: {told} min}}}}\n"
                   for name, told in (("longer", 30), ("shorter", 20)))  # fmt: skip
    run = Journal("ocpp16-strict", "", both + CUT_AT_TEN.format(minutes=28))
    asked = run.messages("registration")
    assert [record.result for record in asked] == ["pending", "accepted"]
    assert 30 * MINUTE <= asked[1].t - asked[0].t < 31 * MINUTE
    assert run.verdict("reconnects-in-time") == "pass"


def test_it_is_told_whole_seconds():
    pending = "  - {id: pending, at: 10:00, do: server.pending, for: 5 min, with: {interval: 30.2 s}}\n"
    run = Journal("ocpp16-strict", "", pending + CUT_AT_TEN.format(minutes=1))
    first, second, *_ = run.messages("registration")
    assert 0 <= second.sent - first.t - 31_000 < 1_000


@pytest.mark.parametrize(("asks", "in_vain"), [("", True), (CUT_AT_TEN.format(minutes=1), False)])
def test_a_step_that_meets_no_registration_has_changed_nothing(asks, in_vain):
    pending = "  - {id: pending, at: 10:00, do: server.pending, for: 30 min}\n"
    run = Journal("ocpp16-strict", "", pending + asks)
    assert ("no-effect" in [record.edge for record in run.of(Fault) if record.step == "pending"]) == in_vain


# What was taken out of service.

UNAVAILABLE = "  - {id: closed, at: 08:20, do: station.unavailable, to: anna, for: 3 h}\n"
POWER_CUT = "  - {id: cut, at: 09:30, do: station.power-cut, to: anna, for: 1 min}\n"
RESTART = "  - {id: reboot, at: 09:30, do: station.reboot-loop, to: anna, for: 1 s}\n"


@covers("TC_034", "TC_G_18", "TC_G_19", "TC_G_21")
def test_what_was_made_unavailable_is_so_after_a_restart_until_it_is_put_back(case):
    """Station, EVSE and connector are one here. The power fails, or it reboots, while the server is away."""
    model, again = ("ocpp16-strict", POWER_CUT) if case == "TC_034" else ("ocpp201", RESTART)
    given = (model, f"session: {stay(DURING)}", OUTAGE + UNAVAILABLE + again)
    run = Journal(*given)
    assert [run.at(clock(*time)).state for time in ((8, 19), (8, 21), (9, 40), (10, 30))] == ["Available", *["Unavailable"] * 3]
    assert not run.drew(clock(8), clock(11, 20))
    assert run.draws(clock(11, 21), clock(12, 59))
    assert run.verdict("availability-kept") == "pass"
    forgetful = Journal(*given, changes="memory: {availability: [power-cycle, network-reboot]}")
    assert forgetful.verdict("availability-kept") == "fail"


def test_out_of_service_an_open_transaction_goes_on_until_it_ends():
    run = Journal("ocpp16-strict", f"session: {stay(BEFORE, '10:00')}", UNAVAILABLE)
    assert run.draws(clock(8, 11), clock(9, 59))
    assert (run.at(clock(10, 1)).state, run.at(clock(11, 21)).state) == ("Unavailable", "Available")


# What the charger says when it is asked.


class Asked:
    """An OCPP 2.0.1 charger with a transaction, which is asked about it."""

    def __init__(self) -> None:
        loaded = read("ocpp201", f"session: {stay(BEFORE)}")
        ports, _ = build(loaded, Cast(loaded), Windows(loaded), lambda place, record: None)
        self.charger = ports[0].charger
        self.end = ChargerEnd(self.charger, Calendar(loaded.start))
        self.charger.plugged_in(MINUTE, 30_000, 5 * HOUR)
        self.answer("authorise")

    def answer(self, action: str) -> None:
        """Have the server accept what the charger has just said, which is this."""
        (request,) = [one for one in self.charger.out if isinstance(one, Request) and one.action == action]
        self.charger.out = ()
        self.charger.answer(request.sent, request, ACCEPTED)

    def status(self, *tx: int) -> dict[str, bool]:
        """The answer to GetTransactionStatus, of a transaction or of none."""
        asked = {"transactionId": self.end.id_of(tx[0])} if tx else {}
        served = self.end.serve("GetTransactionStatus", asked)
        assert served is not None
        OCPP201.check_result("GetTransactionStatus", served.payload)
        return served.payload


@covers("TC_E_29", "TC_E_30", "TC_E_31", "TC_E_32", "TC_E_33", "TC_E_34")
def test_the_status_of_a_transaction_says_whether_messages_of_it_wait(case):
    """A message waits from its event to its answer."""
    it = Asked()
    waits, ended, of_one = case in ("TC_E_29", "TC_E_31", "TC_E_33"), case in ("TC_E_31", "TC_E_32"), case < "TC_E_33"
    if ended:
        it.answer("transaction-start")
        it.charger.unplugged(HOUR)
    if not waits:
        it.answer("transaction-end" if ended else "transaction-start")
    asked = it.status(1) if of_one else it.status()
    assert asked == ({"ongoingIndicator": not ended} if of_one else {}) | {"messagesInQueue": waits}
    assert it.status(2) == {"ongoingIndicator": False, "messagesInQueue": False}  # of one that never was


# The page and the tests.

ROW = re.compile(r"^\| (TC_\w+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
IDS = (
    "TC_002", "TC_032_1", "TC_032_2", "TC_034", "TC_036", "TC_037_1", "TC_037_2", "TC_037_3", "TC_038", "TC_039",
    "TC_B_51", "TC_B_52", "TC_B_57", *(f"TC_C_{number}" for number in (*range(15, 19), *range(21, 27), 32)), "TC_D_07",
    *(f"TC_E_{number}" for number in (*range(29, 35), *range(40, 46), 50, 51, *range(112, 117))), "TC_G_18", "TC_G_19", "TC_G_21",
    "TC_K_56", "TC_N_22", "TC_N_23",
)  # fmt: skip
"""OCPP's test cases about being offline."""


def page() -> dict[str, str]:
    """Case → what the page says covers it, or why nothing does."""
    rows = [(case, verdict) for case, _, verdict in ROW.findall(PAGE.read_text(encoding="utf-8"))]
    assert len(dict(rows)) == len(rows), "a case stands on the page twice"
    return dict(rows)


def test_each_case_stands_on_the_page_once():
    assert sorted(page()) == sorted(IDS)


def test_the_page_names_the_test_of_each_case_that_has_one_and_says_why_of_the_others():
    said = page()
    named = {case: verdict.split("`")[1] for case, verdict in said.items() if verdict.startswith("`")}
    assert named == COVERED
    whys = [verdict for case, verdict in said.items() if case not in COVERED]
    assert [why for why in whys if not re.fullmatch(r"not applicable: .+", why)] == []


def test_every_test_of_a_case_is_one_that_pytest_finds():
    assert [test for test in COVERED.values() if not callable(globals().get(test.partition("[")[0]))] == []
