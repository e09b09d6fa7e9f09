"""Logs of real chargers, written by hand: what is found in them, and what stays unknown."""

import gzip
import re
from functools import reduce

import pytest
from logs import Log, charging_through, iso

import harness
from harness.journal import records as r
from harness.journal.reader import Journal


@pytest.fixture
def judged(tmp_path):
    """Import logs as one file; the run."""

    def imported(*logs, **options):
        return harness.import_log(logs[0].write(tmp_path / "log.jsonl", *logs[1:]), **options)

    return imported


def said(run, check):
    """``2 met``, ``1 failed, 1 cancelled`` or ``nothing``."""
    result = run.checks[check]
    counts = {name: getattr(result, name) for name in ("met", "failed", "cancelled", "pending")}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"


def of(run, kind, who="CP1"):
    return [record for record in run.records() if isinstance(record, kind) and record.who == who]


def clock(run, t):
    """A time of the run as ``hh:mm:ss``."""
    start = int(run.scenario.start[11:13]) * 3600 + int(run.scenario.start[14:16]) * 60
    seconds = start + t // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


# The outage of a charging car.


def test_a_car_that_charges_through_an_outage(judged):
    run = judged(charging_through())
    (loss,) = of(run, r.Loss)
    (recovery,) = of(run, r.Recovery)
    assert (clock(run, loss.t), clock(run, loss.by), loss.cause) == ("11:01:30", "11:10:00", "silence")
    assert (clock(run, recovery.t), recovery.blip) == ("12:58:00", False)
    assert of(run, r.Unseen) == []
    assert said(run, "charging-continues") == "1 met"
    assert said(run, "transactions-accounted") == "1 met"
    assert run.verdict == "pass"


def test_a_car_that_stopped_charging_at_the_loss(judged):
    run = judged(charging_through(stops_at="11:02"))
    assert said(run, "charging-continues") == "1 failed"
    assert clock(run, run.checks["charging-continues"].witness.t) == "11:10:00"
    assert run.exit_code == 1


def test_a_car_that_stopped_in_the_midst_of_the_outage(judged):
    assert said(judged(charging_through(stops_at="12:05")), "charging-continues") == "1 failed"


def test_a_car_that_stopped_before_the_loss_was_not_stopped_by_it(judged):
    """The register stood still from 11:00 on, and the charger was in touch until 11:01:30."""
    assert said(judged(charging_through(stops_at="11:00")), "charging-continues") == "nothing"


def test_a_car_that_stopped_about_the_loss_may_have_stopped_before(judged):
    """At the power of before, the register reached where it stood still half a minute before the charger was last in touch."""
    assert said(judged(charging_through(stops_at="11:01")), "charging-continues") == "1 cancelled"


def test_a_car_that_never_charged_again_may_have_been_full(judged):
    run = judged(charging_through(stops_at="12:05", resumes_at="20:00"))
    assert said(run, "charging-continues") == "1 cancelled"
    assert of(run, r.Unseen)


def test_a_pause_that_no_reading_shows_stays_unknown(judged):
    """Four minutes of the ten between two readings."""
    assert said(judged(charging_through(stops_at="11:33", resumes_at="11:37")), "charging-continues") == "1 cancelled"


def without_readings(log):
    log.frames = [frame for frame in log.frames if '"MeterValues"' not in frame[4]]
    return log


def test_without_readings_nothing_is_known_of_the_current(judged):
    """All there is of the outage is a heartbeat without an answer."""
    log = without_readings(charging_through()).at("11:05").up("Heartbeat")
    run = judged(log)
    (unseen,) = of(run, r.Unseen)
    assert (clock(run, unseen.t), clock(run, unseen.until)) == ("11:01:30", "12:58:00")
    assert said(run, "charging-continues") == "1 cancelled"
    assert run.checks["charging-continues"].why


def test_what_was_said_of_the_connector_when_the_server_was_lost_holds_no_longer_than_it_was_said(judged):
    """The charger said that a car had come, got no answer, and said nothing more of what followed."""
    log = Log().at("09:58").boot().at("09:58:01").status("Available").at("10:00").beat()
    log.at("10:05").up("StatusNotification", {"connectorId": 1, "status": "Preparing", "timestamp": iso("10:05")})
    log.at("11:58").beat().at("11:58:01").start(500, 7, "10:06").at("11:58:02").stop(3500, 7, "10:50").at("11:58:03").status("Available")
    run = judged(log)
    (shown,) = [record for record in of(run, r.Current) if record.state != "Available"]
    assert (clock(run, shown.t), shown.state) == ("10:05:00", "Preparing")
    assert [clock(run, record.t) for record in of(run, r.Unseen)][:2] == ["10:05:00", "10:06:00"]


@pytest.mark.parametrize(("reason", "says"), [("Other", "1 failed"), ("DeAuthorized", "1 failed"), ("Local", "1 cancelled")])
def test_a_transaction_that_the_charger_ended_by_itself_is_a_stop(judged, reason, says):
    log = charging_through()
    log.frames = [frame for frame in log.frames if frame[0] < iso("11:05")]
    log.at("12:58").beat().at("12:58:20").stop(7500, 7, "11:05", reason)
    assert said(judged(log), "charging-continues") == says


def test_a_state_from_before_the_end_of_a_transaction_tells_nothing_of_what_comes_after(judged):
    log = Log().at("09:58").boot().at("10:00").start(0, 7).at("10:00:05").status("Charging").at("10:30").stop(900, 7, reason="Local")
    run = judged(log.beats("10:31", "10:59").at("11:00").status("Available"))
    assert [(clock(run, record.t), record.ma > 0) for record in of(run, r.Current)] == [
        ("10:00:05", True), ("10:30:00", False), ("11:00:00", False),
    ]  # fmt: skip


def test_silence_alone_is_no_outage(judged):
    assert of(judged(without_readings(charging_through())), r.Loss) == []


def test_a_state_that_is_told_again_is_no_news(judged):
    """Asked for its status, the charger says since when it has been so."""
    log = without_readings(charging_through())
    log.frames = [frame for frame in log.frames if not iso("11:02") < frame[0] < iso("13:59")]
    log.beats("10:12", "13:52", 20).at("11:40").status("Charging", "10:00:08").at("13:55").status("Charging", "10:00:08")
    run = judged(log)
    assert of(run, r.Loss) == []
    assert of(run, r.Unseen) == []


def test_the_last_change_of_state_says_nothing_of_what_was_before_it(judged):
    """The charger says at its return since when the car takes nothing; whether it charged until then it does not say."""
    log = without_readings(charging_through()).at("12:58:30").status("SuspendedEV", "12:10")
    run = judged(log)
    assert [(clock(run, one.t), clock(run, one.until)) for one in of(run, r.Unseen)] == [("11:01:30", "12:10:00")]
    assert said(run, "charging-continues") == "1 cancelled"


def test_readings_that_come_together_tell_of_no_outage(judged):
    """A message each quarter of an hour, with the readings of the minutes before; and all of them once more with the end."""
    log = Log().at("09:58").boot().at("10:00").start(0, 7).at("10:00:05").status("Charging")
    values = []
    for quarter in range(1, 5):
        taken = [f"10:{minute:02}" for minute in range(quarter * 15 - 14, min(quarter * 15 + 1, 60))]
        values += [{"timestamp": iso(at), "sampledValue": [{"value": str(100 * int(at[3:]))}]} for at in taken]
        log.at(taken[-1]).up("MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": values[-len(taken) :]}).down()
    said_ = {"transactionId": 7, "meterStop": 6000, "timestamp": iso("11:00"), "reason": "EVDisconnected", "transactionData": values}
    run = judged(log.at("11:00").up("StopTransaction", said_).down().at("11:00:01").status("Available").beats("11:02", "11:20"))
    assert of(run, r.Loss) == []
    assert said(run, "transactions-accounted") == "1 met"


def test_the_operator_says_when_the_server_was_away(judged):
    run = judged(without_readings(charging_through()), lost="2026-03-12T11:02Z..2026-03-12T12:58Z")
    (loss,) = of(run, r.Loss)
    (recovery,) = of(run, r.Recovery)
    assert (clock(run, loss.t), loss.cause, clock(run, recovery.t)) == ("11:02:00", "told", "12:58:00")
    assert run.outcome.live.lost == "told"


def test_an_outage_that_is_told_and_that_the_charger_cannot_have_noticed_is_a_blip(judged):
    run = judged(Log().beats("10:00", "10:30"), lost="2026-03-12T10:10:40Z..2026-03-12T10:11:20Z")
    assert [record.blip for record in of(run, r.Recovery)] == [True]


def test_a_restart_after_a_silence_may_have_been_a_power_cut(judged):
    """Nothing flowed in the silence, and then the charger registered: nobody knows whether it had mains."""
    log = charging_through(stops_at="11:02")
    log.at("12:57:59").boot()
    run = judged(log)
    assert [record.cause for record in of(run, r.Power) if record.state == "booting"] == ["reboot", "reboot"]
    assert said(run, "charging-continues") == "1 cancelled"


# Transactions.


def offline_transaction(stamp="10:20", reason="EVDisconnected"):
    """A car comes and goes while the server is away from 10:02 to 11:58."""
    log = Log().at("09:58").boot().at("09:58:01").status("Available").at("10:00").beat().at("10:05").up("Heartbeat")
    log.at("11:58").beat().at("11:58:01").start(500, 7, stamp)
    log.at("11:58:02").meter(1500, 7, "10:30").at("11:58:03").meter(2500, 7, "10:40").at("11:58:04").stop(3500, 7, "10:50", reason)
    return log.at("11:58:05").status("Available").beats("12:00", "12:20", 5)


def test_a_transaction_of_the_outage_stands_at_its_own_time(judged):
    run = judged(offline_transaction())
    opened, closed = of(run, r.Transaction)
    assert (clock(run, opened.t), clock(run, closed.t)) == ("10:20:00", "10:50:00")
    (plug_in,) = of(run, r.PlugIn)
    (stay,) = of(run, r.Stay)
    assert (clock(run, plug_in.t), clock(run, stay.t), stay.wh) == ("10:20:00", "10:50:00", 3000)
    assert clock(run, of(run, r.Loss)[0].by) == "10:05:00"
    assert said(run, "transactions-accounted") == "1 met"
    assert said(run, "transactions-in-order") == "2 met"
    assert said(run, "clock-sane") == "4 cancelled"


def test_a_stamp_of_1970_is_found(judged):
    run = judged(offline_transaction(stamp="1970-01-01T00:03:00Z"))
    assert said(run, "clock-sane") == "1 failed, 3 cancelled"
    assert "s before the start" in run.checks["clock-sane"].witness.rule


def test_a_stamp_of_a_time_when_server_and_charger_were_in_touch_is_found(judged):
    log = offline_transaction().beats("12:25", "13:50", 5).at("14:00").status("Preparing").at("14:00:05").start(3500, 8, "12:27")
    run = judged(log.at("14:10").stop(4000, 8).at("14:10:01").status("Available").beats("14:15", "14:30", 5))
    assert said(run, "clock-sane") == "1 met, 1 failed, 4 cancelled"


def test_a_server_whose_clock_is_wrong_is_no_fault_of_the_charger(judged):
    """All of the charger's times are an hour ahead, as the server's are."""
    log = Log().at("09:58").up("BootNotification").down({"status": "Accepted", "currentTime": iso("10:58"), "interval": 300})
    log.at("10:00").start(0, 7, "11:00").at("10:30").stop(100, 7, "11:30").beats("10:40", "10:50")
    assert said(judged(log), "clock-sane") == "2 met"


def test_a_stop_that_never_came_is_found(judged):
    log = offline_transaction()
    log.frames = [frame for frame in log.frames if '"StopTransaction"' not in frame[4]]
    run = judged(log)
    assert said(run, "transactions-accounted") == "1 failed"
    assert "no end in the ledger" in run.checks["transactions-accounted"].witness.rule


def test_a_start_that_was_given_up_is_excused(judged):
    said_ = {"connectorId": 1, "idTag": "anna", "meterStart": 0, "timestamp": iso("10:00")}
    log = Log().at("09:59").boot()
    for at in ("10:00", "10:02", "10:05"):
        log.at(at).up("StartTransaction", said_)
    log.at("10:10").stop(900, -1).at("10:10:01").status("Available").beats("10:12", "10:30")
    run = judged(log)
    assert [record.number for record in of(run, r.Failed)] == [1, 2, 3]
    assert [record.action for record in of(run, r.Discard)] == ["transaction-start"]
    assert said(run, "transactions-accounted") == "1 met"


def test_a_start_that_was_given_up_too_early_is_found(judged):
    said_ = {"connectorId": 1, "idTag": "anna", "meterStart": 0, "timestamp": iso("10:00")}
    log = Log().at("09:59").boot().at("10:00").up("StartTransaction", said_)
    log.at("10:10").stop(900, -1).at("10:10:01").status("Available").beats("10:12", "10:30")
    run = judged(log)
    assert said(run, "transactions-accounted") == "1 failed"
    assert of(run, r.Discard) == []


def test_an_answer_that_comes_late_is_an_answer(judged):
    """After two minutes; by the model the charger gave the call up after 30 s, and others went on meanwhile."""
    log = Log().at("09:59").boot().at("10:00")
    log.up("StartTransaction", {"connectorId": 1, "idTag": "anna", "meterStart": 0, "timestamp": iso("10:00")})
    late = log._id
    log.beats("10:01", "10:01").at("10:02").frames.append(
        (iso("10:02"), "CP1", "1.6", "csms-to-cp", f'[3,"{late}",{{"transactionId":7,"idTagInfo":{{"status":"Accepted"}}}}]')
    )
    run = judged(log.at("10:30").stop(900, 7).at("10:30:01").status("Available").beats("10:32", "10:50"))
    assert said(run, "transactions-accounted") == "1 met"
    assert of(run, r.Loss) == []


def test_a_repeated_start_that_the_server_books_twice_is_found(judged):
    log = Log().at("09:59").boot().at("10:00").start(0, 7).at("10:01").start(0, 8, "10:00").at("10:30").stop(900, 8)
    run = judged(log.at("10:30:01").status("Available").beats("10:32", "10:50"))
    assert [record.repeat for record in of(run, r.Message) if record.action == "transaction-start"] == [False, True]
    assert "stands in the ledger twice" in run.checks["transactions-accounted"].witness.rule


def test_an_end_without_an_id_and_without_a_start_cannot_be_decided(judged):
    """Whether the start was given up as it should be, or never sent, or what the server books on such an end, nobody can tell."""
    log = offline_transaction()
    log.frames = [frame for frame in log.frames if '"StartTransaction"' not in frame[4]]
    log.frames = [(*rest, raw.replace('"transactionId":7', '"transactionId":-1')) for *rest, raw in log.frames]
    assert said(judged(log), "transactions-accounted") == "1 pending"


def test_an_end_that_came_before_its_start_is_out_of_order(judged):
    log = Log().at("09:58").boot().at("09:59").status("Available").at("10:02").up("Heartbeat").at("11:58").beat()
    log.at("11:58:01").stop(3500, -1, "10:50").at("11:58:02").start(500, 7, "10:20").beats("12:00", "12:20", 5)
    run = judged(log)
    assert said(run, "transactions-in-order") == "1 met, 1 failed"
    assert said(run, "transactions-accounted") == "1 pending"
    assert [(clock(run, record.t), record.edge) for record in of(run, r.Transaction)] == [("10:20:00", "open"), ("10:50:00", "close")]


def test_heartbeats_that_are_missing_tell_of_an_outage(judged):
    log = without_readings(charging_through()).beats("10:20", "11:00", 5)
    run = judged(log)
    (loss,) = of(run, r.Loss)
    assert (clock(run, loss.t), clock(run, loss.by)) == ("11:01:30", "11:06:30")


def test_what_ended_too_late_for_its_messages_to_come_is_pending(judged):
    log = Log().at("09:59").boot().at("10:00").start(0, 7).at("10:30").status("Available")
    assert said(judged(log), "transactions-accounted") == "1 pending"


def test_what_may_still_wait_in_the_queue_is_pending(judged):
    """The car left at 12:30, as the charger tells at its return; a minute later the log ends."""
    log = charging_through()
    log.frames = [frame for frame in log.frames if frame[0] <= iso("12:58:05")]
    log.at("12:58:30").status("Available", "12:30").at("12:59:30").beat()
    assert said(judged(log), "transactions-accounted") == "1 pending"


def test_messages_out_of_order_are_found(judged):
    log = offline_transaction()
    log.at("11:58:10").start(3500, 8, "10:10")
    run = judged(log)
    assert said(run, "transactions-in-order") == "2 met, 1 failed"


def test_a_message_before_acceptance_is_found(judged):
    log = Log().at("09:58").boot("Pending").at("09:58:10").status("Available").at("09:58:30").boot().at("09:59").status("Available")
    assert said(judged(log), "nothing-before-acceptance") == "1 failed"


def test_what_the_server_asked_for_before_acceptance_may_be_sent(judged):
    log = Log().at("09:58").boot("Pending").at("09:58:05").order("TriggerMessage", {"requestedMessage": "StatusNotification"})
    log.at("09:58:10").status("Available").at("09:58:30").boot().at("09:59").start(0, 7)
    assert said(judged(log), "nothing-before-acceptance") == "1 met"


# OCPP 2.0.1.


def outage_201(*, flag=True, seqs=(0, 1, 2, 3, 4), states=("SuspendedEVSE", "Charging"), end="12:20"):
    """A charger of OCPP 2.0.1 without its server from 10:32 to 11:58, which stops and starts charging in the meantime."""
    station = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
    log = Log(version="2.0.1").at("09:58").up("BootNotification", station)
    log.down({"status": "Accepted", "currentTime": iso("09:58"), "interval": 300})
    place = {"evseId": 1, "connectorId": 1}
    log.at("10:00").up("StatusNotification", {"timestamp": iso("10:00"), "connectorStatus": "Occupied", **place}).down()
    log.at("10:00:02").event("Started", seqs[0], state="EVConnected", wh=0)
    log.at("10:00:09").event("Updated", seqs[1], state="Charging", wh=0).beats("10:10", "10:30", 10)
    log.at("11:58").beat()
    log.at("11:58:01").event("Updated", seqs[2], stamp="10:45", state=states[0], wh=2000, offline=flag)
    log.at("11:58:02").event("Updated", seqs[3], stamp="11:35", state=states[1], wh=2000, offline=flag)
    late = {"stamp": end, "offline": flag} if end < "11:58" else {}
    log.at("12:20" if not late else "11:58:03").event("Ended", seqs[4], state="EVConnected", wh=3000, reason="EVDisconnected", **late)
    log.up("StatusNotification", {"timestamp": iso(end), "connectorStatus": "Available", **place}).down()
    return log.beats("12:25", "12:50", 5)


def test_a_state_that_was_told_later_shows_that_the_charger_stopped(judged):
    run = judged(outage_201())
    assert said(run, "charging-continues") == "1 failed"
    assert clock(run, run.checks["charging-continues"].witness.t) == "10:45:00"
    assert said(run, "no-sequence-gap") == "5 met"
    assert said(run, "transactions-accounted") == "1 met"
    assert run.scenario.models["ocpp201"].protocol == "ocpp2.0.1"


def test_a_car_that_stops_by_itself_is_not_stopped_by_the_charger(judged):
    assert said(judged(outage_201(states=("SuspendedEV", "Charging"))), "charging-continues") == "1 met"


def test_an_end_in_the_outage_that_does_not_say_offline_is_found(judged, tmp_path):
    assert said(judged(outage_201(end="11:50")), "offline-flag") == "2 met"
    (tmp_path / "log.jsonl").unlink()
    assert said(judged(outage_201(end="11:50", flag=False)), "offline-flag") == "1 met, 1 failed"


def test_an_event_that_says_offline_is_one_however_short_the_silence(judged):
    log = Log(version="2.0.1").beats("10:00", "10:10").at("10:11:00").event("Started", 0, stamp="10:10:40", wh=0, offline=True)
    log.frames[-1] = (iso("10:11:01"), *log.frames[-1][1:])
    run = judged(log)
    (loss,) = of(run, r.Loss)
    assert (clock(run, loss.t), clock(run, loss.by)) == ("10:10:30", "10:10:40")


def test_a_charger_that_is_just_back_need_not_say_offline(judged):
    """The transaction begins a moment before the first call after the outage."""
    log = Log(version="2.0.1").beats("10:00", "10:20", 5).at("10:25").up("Heartbeat")
    log.at("11:58").event("Started", 0, stamp="11:57:59.900", wh=0, offline=False)
    log.frames[-1] = (iso("11:58:20"), *log.frames[-1][1:])
    run = judged(log)
    assert of(run, r.Link)
    assert said(run, "offline-flag") == "nothing"


def test_a_gap_in_the_sequence_is_found(judged):
    assert said(judged(outage_201(seqs=(0, 1, 2, 4, 5))), "no-sequence-gap") == "4 met, 1 failed"


# Many chargers, and what surrounds a log.


def test_chargers_in_one_log_are_kept_apart(judged):
    other = outage_201()
    other.charger = "CP2"
    other.frames = [(at, "CP2", *rest) for at, _, *rest in other.frames]
    run = judged(charging_through(), other)
    assert {entry.name: entry.model for entry in run.scenario.chargers} == {"CP1": "ocpp16-strict", "CP2": "ocpp201"}
    assert run.outcome.live.protocols == ("ocpp1.6", "ocpp2.0.1")
    result = run.checks["charging-continues"]
    assert (result.met, result.failed, result.failing) == (1, 1, ["CP2"])
    assert [clock(run, record.t) for record in of(run, r.Loss, "CP2")] == ["10:30:30"]


def test_a_journal_that_was_imported_is_judged_again_to_the_same(judged, tmp_path):
    run = judged(charging_through(stops_at="11:02"), out=tmp_path / "run")
    again = harness.judge(tmp_path / "run")
    assert again.judgement == run.judgement
    assert again.outcome.live == run.outcome.live
    assert Journal(tmp_path / "run").live.peer == "log"


def test_the_same_log_gives_the_same_journal(tmp_path):
    plain = charging_through().write(tmp_path / "log.jsonl")
    packed = tmp_path / "log.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    first, second = (harness.import_log(path) for path in (plain, plain))
    assert first.outcome.digest == second.outcome.digest
    assert list(first.records()) == list(harness.import_log(packed).records())


def test_a_scenario_gives_models_and_contracts_by_name(judged, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "harness: 1\ntitle: Mine\nstart: 2026-01-01 08:00\nzone: Europe/Amsterdam\nduration: 1 h\nserver: csms\nnetwork: lte\n"
        "supply: {voltage: 230 V, phases: 3}\ndefaults: {car: id-3, tariff: octopus-go}\n"
        "chargers:\n  CP1: {model: waybox, session: {plug_in: 08:10, needs: 5 kWh, leave: 08:40}}\nplan: []\n"
        "expect:\n  exercised: [charging-continues, reconnects-in-time]\n"
        "  limits: {port_uptime: {min: 90 %}, messages_doubled: {max: 0}}\n"
        "  checks:\n    stays: {whenever: {message: transaction-start}, within: 1 s, then: {connected: true}}\n"
        "    draws: {never: {above: 10 A}}\n",
        encoding="utf-8",
    )
    run = judged(charging_through(), Log("CP2").at("10:00").boot(), scenario=path)
    assert {entry.name: (entry.model, entry.tariff) for entry in run.scenario.chargers} == {
        "CP1": ("waybox", "octopus-go"), "CP2": ("ocpp16-strict", "unknown"),
    }  # fmt: skip
    assert (run.scenario.zone, run.scenario.start) == ("Europe/Amsterdam", "2026-03-12T09:58:00Z")
    assert said(run, "charging-continues") == "1 met"
    assert said(run, "stays") == "1 met"
    assert (run.checks["draws"].verdict, said(run, "draws")) == ("unknown", "nothing")
    assert run.checks["port_uptime"].why == "cannot be decided: a log does not show it"
    assert run.checks["messages_doubled"].verdict == "pass"
    assert run.exit_code == 5
    assert any(reason.startswith("reconnects-in-time: cannot be decided") for reason in run.judgement.reasons)


def test_a_hold_and_a_schedule_are_read_off_the_wire(judged):
    profile = {
        "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative",
        "transactionId": 7,
        "chargingSchedule": {"duration": 3600, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0.0}]},
    }  # fmt: skip
    nightly = {
        "chargingProfileId": 2, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": {
            "duration": 86400, "startSchedule": "2026-03-01T16:00:00Z", "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}, {"startPeriod": 10800, "limit": 7000}],
        },
    }  # fmt: skip
    log = Log().at("09:58").boot().at("10:00").status("Preparing").at("10:00:05").start(1000, 7)
    log.at("10:05").order("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
    log.at("10:06").order("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": nightly})
    log.at("10:07").order("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": nightly}, "Rejected")
    log.at("10:30").order("ClearChargingProfile", {"id": 1}).at("20:00").beat()
    run = judged(log)
    hold, schedule, release = of(run, r.Command)
    assert (hold.command, hold.plug_in, hold.duration_ms) == ("hold", 1, 3_600_000)
    assert (schedule.command, schedule.on) == ("schedule", True)
    opens, closes = schedule.windows[1]
    assert (clock(run, opens), closes - opens) == ("16:00:00", 3 * 3_600_000)
    assert (release.command, release.plug_in) == ("release", 1)


WINDOW = {
    "chargingProfileId": 2, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "startSchedule": "2026-03-12T00:00:00Z", "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": 16}, {"startPeriod": 41_400, "limit": 0}, {"startPeriod": 45_000, "limit": 16},
        ],
    },
}  # fmt: skip
"""Nothing flows from 11:30 to 12:30."""


@pytest.mark.parametrize(("pause", "says"), [(("11:30", "12:30"), "2 met, 1 cancelled"), (("", "12:30"), "1 met, 1 failed, 1 cancelled")])
def test_a_schedule_that_was_sent_is_what_the_charger_is_judged_by(judged, pause, says):
    log = charging_through(stops_at=pause[0], resumes_at=pause[1])
    log.at("10:30").order("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": WINDOW})
    run = judged(log)
    assert said(run, "schedule-runs-offline") == says
    assert said(run, "charging-continues") == "1 cancelled"


def test_metrics_that_a_log_does_not_show_are_not_measured(judged):
    metrics = judged(charging_through()).metrics
    assert metrics["messages_late"].value == 0
    assert {name for name, metric in metrics.items() if metric.value is not None} <= {
        "peak_reconnects", "queue_drain_time", "messages_doubled", "messages_late",
    }  # fmt: skip
    assert all(metric.run is None for metric in metrics.values())


def test_connectors_of_one_charger_are_judged_each_for_itself(judged):
    """One car charges through the outage, the other is stopped at the loss."""
    one, other = charging_through(), charging_through(stops_at="11:02")
    second = (('"connectorId":1', '"connectorId":2'), ('nId":7', 'nId":8'))
    other.frames = [
        (at.replace(":00.", ":20."), charger, version, direction, reduce(lambda text, change: text.replace(*change), second, raw))
        for at, charger, version, direction, raw in other.frames if '"BootNotification"' not in raw
    ]  # fmt: skip
    for log, mark in ((one, "a"), (other, "b")):  # message ids are not given out twice
        log.frames = [(*rest, re.sub(r'^\[(\d),"', rf'[\1,"{mark}', raw)) for *rest, raw in log.frames]
    run = judged(one, other)
    assert run.scenario.names() == ["CP1:1", "CP1:2"]
    result = run.checks["charging-continues"]
    assert (result.met, result.failed, result.failing) == (1, 1, ["CP1:2"])
    assert said(run, "transactions-accounted") == "2 met"


def test_a_tag_at_a_charger_with_several_connectors_may_be_for_any_of_them(judged):
    log = Log().at("10:00").status("Preparing").up("StatusNotification", {"connectorId": 2, "status": "Preparing"}).down()
    run = judged(log.up("Authorize", {"idTag": "anna"}).down({"idTagInfo": {"status": "Accepted"}}))
    assert not [record for record in run.records() if isinstance(record, r.Message) and record.action == "authorise"]
