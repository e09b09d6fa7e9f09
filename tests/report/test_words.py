"""Records in plain words, and times as the clocks of the place show them."""

import typing

import msgspec
import pytest
from example_run import HOUR, RECORDS, SCENARIO
from hypothesis import given
from hypothesis import strategies as st

from harness.check.words import moment
from harness.journal import records as r
from harness.report.clock import Clock
from harness.report.words import REASONS, tell, with_text
from harness.values import Step

CLOCK = Clock(SCENARIO)

SAID = [
    (r.PlugIn(t=0, plug_in=1, car="leaf-40", needs_wh=18_400, leave=HOUR, tag="anna"),
     "a car (leaf-40) is plugged in; it needs 18.4 kWh by Thu 18:00, tag anna"),
    (r.Stay(t=0, plug_in=1, ended="run-over", wh=900, needs_wh=2000, full=True),
     "the run ends with the car connected: 900 Wh of the 2 kWh it needed, full"),
    (r.Current(t=0, ma=16_000, state="Charging", reason="wire-rating", wh=0), "draws 16 A (Charging): limited by the wire rating"),
    (r.Current(t=0, ma=0, state="SuspendedEVSE", reason="tou-hold", wh=0), "draws nothing (SuspendedEVSE): the server's hold stands"),
    (r.PlugIn(t=0, plug_in=1, car="", needs_wh=0, leave=0), "a car is plugged in"),
    (r.Stay(t=0, plug_in=1, ended="unplugged", wh=900, needs_wh=0, full=False), "the car is unplugged: 900 Wh"),
    (r.Unseen(t=0, until=HOUR), "until Thu 18:00:00 nothing tells what it draws"),
    (r.Power(t=0, state="off"), "mains lost"),
    (r.Power(t=0, state="booting"), "mains back, the station boots"),
    (r.Power(t=0, state="booting", cause="reboot"), "the station restarts, mains present"),
    (r.Power(t=0, state="on"), "the station works"),
    (r.Link(t=0, state="offline", cause="silence"), "takes itself to be offline: the server is silent"),
    (r.Attempts(t=HOUR, first=0, last=HOUR, count=12), "has tried 12 times to reach the server, Thu 17:00:00 to Thu 18:00:00"),
    (r.Loss(t=0, cause="link"), "loses its server (link)"),
    (r.Recovery(t=HOUR, since=0), "hears from its server again after 1 h"),
    (r.Recovery(t=5000, since=0, blip=True), "hears from its server again after 5 s, without having noticed"),
    (r.Return(t=0, by="registration"), "the server meets the charger anew, by a registration"),
    (r.Message(t=9000, action="transaction-end", sent=8000, at=4000, stamp=1000, number=2, tx=3, wh=1200, offline=True, repeat=True),
     "the server takes in transaction-end (transaction 3, register 1.2 kWh, event of Thu 17:00:04, stamped -3 s off,"
     " 2nd transmission, marked offline, recognised as a repeat)"),
    (r.Message(t=0, action="registration", sent=0, result="pending"), "the server takes in registration (pending)"),
    (r.Message(t=0, action="transaction-end", sent=0, tx=3, reason="DeAuthorized"),
     "the server takes in transaction-end (transaction 3, register 0 Wh, reason DeAuthorized)"),
    (r.Message(t=0, action="status", sent=0), "the server takes in status"),
    (r.Message(t=9000, action="transaction-start", sent=0, tx=1, answered=1000),
     "the server takes in transaction-start (transaction 1, register 0 Wh, acknowledged Thu 17:00:01)"),
    (r.Fault(t=0, step="wiped", do="server.settings-wiped", edge="struck"), "its server loses its settings (step wiped)"),
    (r.Message(t=9000, action="meter-values", sent=9000, at=1, stamp=1, sure=False),
     "the server takes in meter-values (register 0 Wh, event of Thu 17:00:00.001 by its own clock)"),
    (r.Failed(t=0, action="transaction-start", sent=0, number=4, tx=1, why="timeout"),
     "transaction-start of transaction 1 failed: no answer (4th transmission)"),
    (r.Discard(t=0, action="meter-values", why="queue-full", count=3), "gives up 3 × meter-values: the queue is full"),
    (r.Transaction(t=0, tx=1, plug_in=1, edge="open", wh=0), "opens transaction 1 at register 0 Wh"),
    (r.Ledger(t=0, entries=[]), "the server's ledger holds no transaction"),
    (r.Ledger(t=0, entries=[(1, 0, 0, 5, 1500), (2, 6, 1500, None, None)]),
     "the server's ledger holds transaction 1 (0 Wh to 1.5 kWh), 2 (1.5 kWh to open)"),
    (r.Ledger(t=0, entries=[(1, 0, 0, 5, 1500), (-1, 2000, 11, 9000, 64)], called={-1: "4711"}),
     "the server's ledger holds transaction 1 (0 Wh to 1.5 kWh), and the books' 4711"
     " (of Thu 17:00:02, 11 Wh to 64 Wh), which this charger never began"),
    (r.Ledger(t=0, entries=[(-1, 2000, 11, None, None), (-2, 2000, 11, None, None)], called={-1: "", -2: "A-7"}),
     "the server's ledger holds one without an id (of Thu 17:00:02, 11 Wh to open),"
     " the books' A-7 (of Thu 17:00:02, 11 Wh to open), which this charger never began"),
    (r.Books(t=0, transactions=1, left_out=0), "your server's books are read: 1 transaction of these stations"),
    (r.Books(t=0, transactions=12, left_out=3, zoneless=9),
     "your server's books are read: 12 transactions of these stations, 3 from outside of the run,"
     " 9 with times without an offset from UTC, taken for UTC"),
    (r.Command(t=0, command="hold", sent=0, plug_in=2, duration_ms=HOUR, result="ignored"),
     "acknowledges a hold: do not charge for 1 h, until Thu 18:00:00 (plug-in 2), and ignores it"),
    (r.Command(t=0, command="amperage", sent=0), "acknowledges the amperage (no limit)"),
    (r.Action(t=0, action="override", outcome="refused", number=1), "the driver asks in the app to charge now: refused"),
    (r.Action(t=0, action="set-tou", outcome="accepted", number=1, on=True, charge_in=["off-peak"]),
     "the driver turns time-of-use charging on (off-peak): the server accepts"),
    (r.Fault(t=0, step="upgrade", do="server.upgrade", edge="recovered"),
     "step upgrade (server.upgrade) is over: its targets are online again"),
    (r.Server(t=0, shard=2, state="restored", back_to=0), "the server (shard 2) is back with its state of Thu 17:00:00"),
    (r.Server(t=0, shard=1, state="hung"), "the server (shard 1) hangs"),
    (r.Moved(t=0, who="anna", shard=2), "the charger moves on to shard 2"),
    (r.Proxied(t=0, proxy="p", step="cut", call="add"), "Toxiproxy puts the fault on p (step cut)"),
    (r.Proxied(t=0, proxy="", step="", call="stop"), "your server: the command to stop it has been run"),
    (r.Measured(t=0, proxy="p", step="far", call="add", what="answered", real_ms=101.5, expected="answered", expected_ms=100),
     "under the fault, a ping through p is answered after 101.5 ms, 100 ms at the least were expected (step far)"),
    (r.Measured(t=0, proxy="p", step="cut", call="add", what="silent", real_ms=250.0, expected="silent"),
     "under the fault, a ping through p stays without an answer for 250 ms (step cut)"),
    (r.Measured(t=0, proxy="p", step="cut", call="add", what="closed", real_ms=3.0, expected="silent"),
     "under the fault, a ping through p ends with its connection after 3 ms (step cut)"),
    (r.Measured(t=0, proxy="p", step="reset", call="add", what="reset", real_ms=1.0, expected="reset"),
     "under the fault, a new connection through p is reset after 1 ms (step reset)"),
    (r.Measured(t=0, proxy="p", step="hole", call="remove", what="closed", real_ms=2.0, expected="closed"),
     "with the fault off, the connection through p is closed after 2 ms (step hole)"),
    (r.Finding(t=0, who="anna", what="not JSON", frame="x"), "what came over the wire is wrong: not JSON"),
    (r.Fault(t=0, who="anna", step="leave", do="driver.unplug", edge="contradicted", with_={"why": "it reports Charging"}),
     "its car was said to be unplugged (step leave), and the charger contradicts that: it reports Charging"),
    (r.Station(t=0, who="anna", vendor="Acme", model="X1", firmware="1.2"), "the charger is a Acme X1, firmware 1.2"),
    (r.Settled(t=0, who="anna"), "all is settled here: it is online, and all retries are over"),
    (r.Fault(t=0, step="more", do="server.scale-out", edge="start"), "responders' step more (server.scale-out) begins"),
    (r.Settled(t=0), "all is settled: no fault acts, all are online, all retries are over"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "words"), SAID)
def test_a_record_in_words(record, words):
    assert tell(record, CLOCK) == words


def test_every_kind_of_record_is_told():
    assert {type(record) for record, _ in SAID} == set(typing.get_args(r.AnyRecord))


def test_every_reason_has_words():
    assert set(REASONS) == set(typing.get_args(r.Reason))


def test_no_sentence_breaks_a_line():
    assert not any("\n" in tell(record, CLOCK) for record in RECORDS)


def test_the_day_is_a_weekday_within_a_week_and_a_date_beyond():
    assert CLOCK.tell(0) == "Thu 17:00:00"
    assert CLOCK.brief(30_000) == "Thu 17:00:30"
    month = Clock(msgspec.structs.replace(SCENARIO, duration_ms=30 * 24 * HOUR, start="2026-06-01T00:00:00Z"))
    assert month.brief(24 * HOUR) == "1 Jun 17:00"


def test_moments_in_the_sentences_of_checks_are_told_as_local_time():
    text = CLOCK.translate("it should draw by +04:50:55, 5 s after +04:50:50.250, and +5 A or +1:00 are no moments")
    assert text == "it should draw by Thu 21:50:55, 5 s after Thu 21:50:50.250, and +5 A or +1:00 are no moments"
    assert Clock(msgspec.structs.replace(SCENARIO, duration_ms=40 * 24 * HOUR)).translate("+5 d 01:00:00") == "17 Mar 18:00:00"


@given(st.integers(0, 40 * 24 * HOUR))
def test_whatever_moment_a_check_writes_is_understood(t_ms):
    assert CLOCK.translate(f"not so at {moment(t_ms)}.") == f"not so at {CLOCK.tell(t_ms)}."


def test_in_a_night_of_changing_clocks_the_zone_is_named():
    clock = Clock(msgspec.structs.replace(SCENARIO, start="2026-11-01T07:30:00Z"))
    assert clock.brief(HOUR) == "Sun 01:30 PDT"
    assert clock.brief(2 * HOUR) == "Sun 01:30 PST"


@pytest.mark.parametrize(
    ("zone", "start", "hours", "clocks"),
    [
        ("America/Los_Angeles", "2026-03-13T00:00:00Z", 12, "America/Los_Angeles (PDT, UTC-07:00), from 2026-03-12 17:00:00"),
        ("America/Sao_Paulo", "2026-03-13T00:00:00Z", 12, "America/Sao_Paulo (UTC-03:00), from 2026-03-12 21:00:00"),
        ("Asia/Kolkata", "2026-03-13T00:00:00Z", 12, "Asia/Kolkata (IST, UTC+05:30), from 2026-03-13 05:30:00"),
        ("UTC", "2026-03-13T00:00:00Z", 12, "UTC, from 2026-03-13 00:00:00"),
        (
            "Europe/Amsterdam", "2026-10-24T22:00:00Z", 12,
            "Europe/Amsterdam (CEST, UTC+02:00, then CET, UTC+01:00), from 2026-10-25 00:00:00",
        ),
        (
            "Europe/Amsterdam", "2026-01-01T00:00:00Z", 8_760,
            "Europe/Amsterdam (CET, UTC+01:00, then CEST, UTC+02:00), from 2026-01-01 01:00:00",
        ),
    ],
)  # fmt: skip
def test_whose_clocks_tell_the_times(zone, start, hours, clocks):
    scenario = msgspec.structs.replace(SCENARIO, zone=zone, start=start, duration_ms=hours * HOUR)
    assert Clock(scenario).introduction() == f"Times are those of {clocks}."


@pytest.mark.parametrize(
    ("do", "given", "says"),
    [
        ("server.restore-backup", {"age_ms": 10_800_000}, "age: 3 h"),
        ("server.admit", {"accepts_per_ks": 1500}, "accepts: 1.5"),
        ("network.loss", {"share_permille": 125}, "share: 12.5 %"),
        ("server.crash", {}, ""),
        ("later.kind", {"what_ms": 1000}, "what_ms: 1000"),  # of a journal of another version
    ],
)
def test_what_a_step_was_given_is_told_as_its_file_has_it(do, given, says):
    assert with_text(Step(id="s", do=do, arguments=given)) == says
