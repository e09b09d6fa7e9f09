"""Hand-written timelines: what every check says of each, and why. See :mod:`timeline` for how they are written.

All chargers promise the whole catalogue here, so a charger like the juicebox-40 is also judged by what other makers promise: that
``hold-lifted-after-loss`` fails where a hold stands offline is right. Checks that nothing triggers are not listed.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from timeline import JUICEBOX, OCPP201, PLUG, POD, TAGGED, UK, V09U, WAYBOX, Timeline, ms, scenario

from harness.journal import records as r
from harness.values import Backoff, ChargerModel, Circuit, Clause, Replug, ServerLoss, Settings

OUTAGE = (
    "charging-continues", "can-always-charge", "hold-ends-on-time", "tou-suspended", "unplug-clears-schedule",
    "override-needed-after-recovery", "override-kept",
)  # fmt: skip
"""What the juicebox-40 and its server promise about outages."""


def juicebox(*names: str, **given) -> Timeline:
    """A charger like the juicebox-40 that promises what these names say."""
    return Timeline(clauses=dict.fromkeys(names or OUTAGE, Clause()), **given)


def held_evening(*names: str, **given) -> Timeline:
    """A car plugged in at 18:10 and held until midnight."""
    line = juicebox(*names, **given)
    line.at("18:10").plug_in()
    line.at("18:10:01").hold("24:00").idle()
    return line


# A hold and its end.


def test_a_hold_ends_offline():
    line = held_evening()
    line.at("23:00").crash()
    line.at("1 00:00:05").draws()
    line.at("1 02:00").full()
    assert line.judged() == {
        "can-always-charge": "1 met",  # from the hold's end on
        "hold-ends-on-time": "1 met",  # no current before midnight, current 5 s after
    }


def test_a_hold_that_never_ends_offline():
    line = held_evening()
    line.at("23:00").crash()
    line.at("1 06:00").unplug()
    assert line.judged() == {"can-always-charge": "1 failed", "hold-ends-on-time": "1 failed"}
    witness = line.results()["hold-ends-on-time"].witness
    assert (witness.charger, witness.t) == ("anna", 24 * 3600_000 + 5000)
    assert [type(record).__name__ for record in witness.records] == ["PlugIn", "Command", "Current", "Loss"]


def test_a_hold_that_ends_too_early():
    line = held_evening()
    line.at("20:00").crash()
    line.at("21:00").draws()
    line.at("1 02:00").full()
    assert line.judged() == {
        "can-always-charge": "1 met",  # it draws well before it must
        "hold-ends-on-time": "1 failed",
    }


def test_a_hold_s_end_and_the_deadline_are_exact():
    line = held_evening("hold-ends-on-time")
    line.at("23:00").crash()
    line.at("1 00:00:05").draws()
    line.at("1 02:00").full()
    result = line.results()["hold-ends-on-time"]
    assert (result.met, result.margin.worst, result.margin.bound) == (1, 5.0, 5.0)
    late = held_evening("hold-ends-on-time")
    late.at("23:00").crash()
    late.at(24 * 3600_000 + 5001).draws()
    assert late.judged() == {"hold-ends-on-time": "1 failed"}


def test_the_hold_and_the_loss_in_one_instant():
    line = held_evening("hold-ends-on-time", "can-always-charge")
    line.at("1 00:00").crash()  # the hold runs out in the millisecond of the loss: nobody is held
    line.at("1 00:00:05").draws()
    line.at("1 02:00").full()
    assert line.judged() == {"can-always-charge": "1 met"}


def test_a_held_car_leaves():
    line = held_evening()
    line.at("19:30").crash()
    line.at("20:00").unplug()
    assert line.judged() == {"hold-ends-on-time": "1 met"}  # nothing flowed until the departure


def test_an_erasing_message_under_way_at_the_loss_ends_the_hold():
    line = held_evening("hold-ends-on-time")
    line.at("19:30").cut()
    line.at("19:30:01").release()
    line.at("19:30:06").draws()
    line.at("23:00").unplug()
    assert line.judged() == {"hold-ends-on-time": "1 met"}  # nothing flowed until the message came


@pytest.mark.parametrize(("draws_at", "says"), [("1 02:00:05", "1 met"), ("1 00:00:05", "1 failed")])
def test_a_hold_under_way_at_the_loss_takes_the_place_of_the_one_before(draws_at, says):
    line = held_evening("hold-ends-on-time")
    line.at("19:30").cut()
    line.at("19:30:01").hold("1 02:00", sent=ms("19:29:59"))
    line.at(draws_at).draws()
    line.at("1 06:00").full()
    assert line.judged() == {"hold-ends-on-time": says}


# Charging goes on.


def test_charging_goes_on_through_an_outage():
    line = juicebox()
    line.at("10:00").plug_in()
    line.at("10:00:05").draws()
    line.at("11:00").crash()
    line.at("13:00").back()
    line.at("13:00:20").recovers()
    line.at("14:00").unplug()
    assert line.judged() == {"charging-continues": "1 met", "can-always-charge": "1 met"}


def test_charging_stops_at_the_loss():
    line = juicebox()
    line.at("10:00").plug_in()
    line.at("10:00:05").draws()
    line.at("11:00").crash().idle()
    line.at("13:00").back()
    line.at("13:00:20").recovers()
    assert line.judged() == {"charging-continues": "1 failed", "can-always-charge": "1 failed"}
    assert line.results()["charging-continues"].witness.t == 11 * 3600_000


def test_charging_stops_in_the_outage_and_the_second_check_waits_for_the_noticing():
    line = juicebox()
    line.at("10:00").plug_in()
    line.at("10:00:05").draws()
    line.at("11:00").crash()
    line.at("11:04").idle()
    line.at("11:05:14").draws()
    line.at("13:00").back()
    line.at("13:00:20").recovers()
    assert line.judged() == {
        "charging-continues": "1 failed",  # it stopped
        "can-always-charge": "1 met",  # which may be so until the loss counts as noticed at 11:05:10, and 5 s more
    }


@pytest.mark.parametrize(("sent", "says"), [("10:59:59", "1 cancelled"), ("11:00:00", "1 cancelled"), ("11:00:30", "1 failed")])
def test_only_a_hold_sent_before_the_loss_or_as_it_came_is_an_excuse(sent, says):
    hour, minute, second = map(int, sent.split(":"))
    line = juicebox("charging-continues")
    line.at("10:00").plug_in()
    line.at("10:00:05").draws()
    line.at("11:00").crash()
    line.at("11:00:31").hold("12:00", sent=(hour * 3600 + minute * 60 + second) * 1000).idle()
    line.at("13:00").unplug()
    assert line.judged() == {"charging-continues": says}


@pytest.mark.parametrize(("origin", "says"), [(1, "1 cancelled"), (0, "1 failed")])
def test_a_pause_that_the_driver_asked_for_is_an_excuse_whenever_it_comes(origin, says):
    """Sent into a path that is cut, it arrives as that heals, when the server itself is gone by then."""
    line = juicebox("charging-continues")
    line.at("10:00").plug_in()
    line.at("10:00:05").draws()
    line.at("11:00").crash()
    line.at("11:00:31").command("pause", sent=(11 * 3600 + 20) * 1000, origin=origin).idle()
    line.at("13:00").unplug()
    assert line.judged() == {"charging-continues": says}


def test_an_injected_restart_is_an_excuse_for_its_boot_and_the_start_delay():
    line = juicebox("charging-continues", "can-always-charge")
    line.at("10:00").plug_in()
    line.at("10:00:05").draws()
    line.at("11:00").crash()
    line.at("12:00").restart()
    line.at("12:00:35").draws()
    line.at("13:00").full()
    assert line.judged() == {"charging-continues": "1 met", "can-always-charge": "1 met"}
    late = juicebox("charging-continues", "can-always-charge")
    late.at("10:00").plug_in()
    late.at("10:00:05").draws()
    late.at("11:00").crash()
    late.at("12:00").restart()
    late.at("12:00:36").draws()
    late.at("13:00").full()
    assert late.judged() == {"charging-continues": "1 failed", "can-always-charge": "1 failed"}


def test_a_charger_that_never_boots_is_no_excuse():
    line = juicebox("can-always-charge")
    line.at("10:00").plug_in()
    line.at("10:00:05").draws()
    line.at("11:00").crash()
    line.at("12:00").off()
    line.at("12:01").on(boot_ms=3600_000)
    line.at("14:00").unplug()
    assert line.judged() == {"can-always-charge": "1 met, 1 failed"}
    assert line.results()["can-always-charge"].witness.t == (12 * 3600 + 60 + 30 + 5) * 1000


def test_a_car_plugged_in_during_the_outage():
    line = juicebox()
    line.at("17:00").crash()
    line.at("18:00").plug_in()
    line.at("18:00:05").draws()
    line.at("19:00").back()
    line.at("19:00:30").recovers().hold("24:00").idle()
    line.at("20:00").unplug()
    assert line.judged() == {
        "can-always-charge": "1 met",
        "tou-suspended": "1 met",  # a hold window is open, and does not stop it
        "override-needed-after-recovery": "1 met",  # from the recovery on the window holds again
    }


def test_a_car_refused_offline():
    line = juicebox()
    line.at("17:00").crash()
    line.at("18:00").plug_in().idle()
    line.at("19:00").unplug()
    assert line.judged() == {"can-always-charge": "1 failed", "tou-suspended": "1 failed"}


def test_nobody_can_ask_for_current_before_the_loss_is_noticed():
    line = juicebox("can-always-charge")
    line.at("10:00").crash()
    line.at("10:01").plug_in().idle()
    line.at("10:04").unplug()
    assert line.judged() == {"can-always-charge": "1 cancelled"}  # nothing was due yet


def test_who_is_not_authorised_wants_nothing():
    line = Timeline(scenario(OCPP201, tag="card", tag_listed=False, clauses={"can-always-charge": Clause()}))
    line.at("08:00").crash()
    line.at("10:00").plug_in(tag="card").idle()
    line.at("12:00").unplug()
    assert line.judged() == {}
    listed = Timeline(scenario(OCPP201, tag="card", clauses={"can-always-charge": Clause()}))
    listed.at("08:00").crash()
    listed.at("10:00").plug_in(tag="card").idle()
    listed.at("12:00").unplug()
    assert listed.judged() == {"can-always-charge": "1 failed"}  # its tag is on the list that the charger holds


@pytest.mark.parametrize(("draws_at", "says"), [("11:00:05", "1 met"), ("11:00:06", "1 failed")])
def test_who_shows_a_tag_later_may_charge_from_then_on(draws_at, says):
    line = Timeline(scenario(OCPP201, tag="card", clauses={"can-always-charge": Clause()}))
    line.at("08:00").crash()
    line.at("10:00").plug_in()
    line.at("11:00").action("swipe", tag="card")
    line.at(draws_at).draws()
    line.at("12:00").full()
    assert line.judged() == {"can-always-charge": says}


@pytest.mark.parametrize(("cause", "says"), [("memory-loss", {}), ("reboot", {"can-always-charge": "1 failed"})])
@pytest.mark.parametrize("shown_at", ["10:00", "11:00"])
def test_a_charger_that_lost_its_list_of_tags_knows_none(shown_at, cause, says):
    line = Timeline(scenario(OCPP201, tag="card", clauses={"can-always-charge": Clause()}))
    for clock, state in (("07:00", "booting"), ("07:00:30", "on")):
        line.at(clock).add(r.Power(t=ms(clock), who="anna", state=state, cause=cause))
    line.at("08:00").crash()
    if shown_at == "10:00":
        line.at("10:00").plug_in(tag="card")
    else:
        line.at("10:00").plug_in()
        line.at("11:00").action("swipe", tag="card")
    line.at("12:00").unplug()
    assert line.judged() == says


@pytest.mark.parametrize(
    ("result", "begun", "wants"), [("accepted", "now", True), ("rejected", "now", False), ("rejected", "before", True)]
)
@pytest.mark.parametrize("shows_it_again", [False, True])
def test_whose_tag_the_server_refused_when_told_of_the_start_wants_nothing(result, begun, wants, shows_it_again):
    """A transaction that began before is of another car."""
    line = Timeline(scenario(OCPP201, tag="card", clauses={"can-always-charge": Clause()}))
    line.at("05:00").plug_in(tag="card")
    if begun == "before":
        line.at("06:00").unplug()
        line.at("06:30").plug_in(tag="card")
    line.at("07:00").draws()
    told = r.Message(t=ms("07:01"), who="anna", action="transaction-start", sent=ms("07:01"), plug_in=1, tx=1, result=result)
    line.at("07:01").add(told).idle()
    line.at("08:00").crash()
    if shows_it_again:
        line.at("09:00").action("swipe", tag="card")
    line.at("12:00").unplug()
    assert line.judged() == ({"can-always-charge": "1 failed"} if wants else {})


@pytest.mark.parametrize(("share_ma", "says"), [(6_000, {}), (8_000, {"can-always-charge": "1 failed"})])
def test_who_has_less_of_the_load_group_than_the_car_can_charge_with_wants_nothing(share_ma, says):
    given = scenario(clauses={"can-always-charge": Clause()}, circuits=(Circuit(name="street", members=("anna",), capacity_ma=20_000),))
    line = Timeline(replace(given, vehicles={"leaf": replace(given.vehicles["leaf"], minimum_ma=8_000)}))
    line.at("08:00").command("share", ma=share_ma)
    line.at("09:00").crash()
    line.at("10:00").plug_in()
    line.at("12:00").unplug()
    assert line.judged() == says


def test_a_full_car_needs_nothing():
    line = juicebox()
    line.at("10:00").plug_in()
    line.at("10:00:05").draws()
    line.at("11:00").full()
    line.at("12:00").crash()
    line.at("14:00").unplug()
    assert line.judged() == {}


# Windows.


def test_a_window_opens_in_the_outage():
    line = juicebox()
    line.at("13:00").plug_in()
    line.at("13:00:05").draws()
    line.at("14:00").crash()
    line.at("17:00").back()
    line.at("17:00:30").recovers().hold("24:00").idle()
    line.at("18:00").unplug()
    assert line.judged() == {
        "charging-continues": "1 met",
        "can-always-charge": "1 met",
        "tou-suspended": "1 met",  # 15:00 passes without a stop
        "override-needed-after-recovery": "1 met",
    }


def test_a_window_that_opens_stops_the_car():
    line = juicebox()
    line.at("13:00").plug_in()
    line.at("13:00:05").draws()
    line.at("14:00").crash()
    line.at("15:00").idle()
    line.at("17:00").unplug()
    assert line.judged() == {"charging-continues": "1 failed", "can-always-charge": "1 failed", "tou-suspended": "1 failed"}


def test_windows_that_open_one_after_the_other_count_each():
    line = juicebox("tou-suspended")
    line.at("13:00").plug_in()
    line.at("13:00:05").draws()
    line.at("14:00").crash()
    line.at("1 16:00").unplug()
    assert line.judged() == {"tou-suspended": "2 met"}


# Overrides.


def test_an_override_before_the_outage_of_the_path_is_kept():
    line = held_evening()
    line.at("19:00").override().release()
    line.at("19:00:05").draws()
    line.at("19:30").cut()
    line.at("21:00").heals()
    line.at("21:00:10").recovers().release()
    line.at("23:00").unplug()
    assert line.judged() == {
        "charging-continues": "1 met",
        "can-always-charge": "1 met",
        "tou-suspended": "1 met",
        "override-kept": "1 met",
    }


def test_an_override_dropped_while_only_the_path_was_cut():
    line = held_evening("override-kept", "override-needed-after-recovery")
    line.at("19:00").override().release()
    line.at("19:00:05").draws()
    line.at("19:30").cut()
    line.at("21:00").heals()
    line.at("21:00:10").recovers().hold("24:00").idle()
    line.at("23:00").unplug()
    assert line.judged() == {"override-kept": "1 failed"}


def test_an_override_is_needed_again_after_a_restart_of_the_server():
    line = held_evening()
    line.at("19:00").override().release()
    line.at("19:00:05").draws()
    line.at("19:30").crash()
    line.at("21:00").back()
    line.at("21:00:10").recovers().hold("24:00").idle()
    line.at("22:00").override().release()
    line.at("22:00:05").draws()
    line.at("1 07:00").unplug()
    assert line.judged() == {
        "charging-continues": "1 met",
        "can-always-charge": "1 met",
        "tou-suspended": "1 met",
        "override-needed-after-recovery": "2 met",  # held until the override; drawing after it
    }


def test_an_override_that_survives_the_restart_of_the_server():
    line = held_evening("override-needed-after-recovery", "override-kept")
    line.at("19:00").override().release()
    line.at("19:00:05").draws()
    line.at("19:30").crash()
    line.at("21:00").back()
    line.at("21:00:10").recovers().release()
    line.at("23:00").unplug()
    assert line.judged() == {"override-needed-after-recovery": "1 failed"}


def test_an_override_after_recovery_that_does_nothing():
    line = held_evening("override-needed-after-recovery")
    line.at("19:30").crash()
    line.at("21:00").back()
    line.at("21:00:10").recovers()
    line.at("22:00").override()
    line.at("23:00").unplug()
    assert line.judged() == {"override-needed-after-recovery": "1 met, 1 failed"}


def test_too_little_of_the_window_is_left():
    line = held_evening("override-needed-after-recovery")
    line.at("19:30").crash()
    line.at("23:58").back()
    line.at("23:59:30").recovers()
    assert line.judged() == {}


def test_an_override_in_the_very_millisecond_in_which_the_server_went_down():
    line = held_evening("tou-suspended")
    line.at("19:30").cut()
    line.at("20:00").add(r.Server(t=ms("20:00"), shard=1, state="down")).override()
    line.at("20:30").back()
    line.at("21:00").heals()
    line.at("21:00:10").recovers().hold("24:00")
    line.at("23:00").unplug()
    assert line.judged() == {"tou-suspended": "1 cancelled"}  # it was taken in, and forgotten by the restart


def test_an_override_during_the_outage_is_refused_while_the_server_is_down():
    line = held_evening("tou-suspended")
    line.at("19:30").crash()
    line.at("20:00").override("refused")
    line.at("21:00").back()
    line.at("21:00:10").recovers().hold("24:00")
    line.at("23:00").unplug()
    assert line.judged() == {"tou-suspended": "1 met"}


@pytest.mark.parametrize("outcome", ["accepted", "doubt"])
def test_a_server_that_is_down_must_refuse_visibly(outcome):
    line = held_evening("tou-suspended")
    line.at("19:30").crash()
    line.at("20:00").override(outcome)
    line.at("23:00").unplug()
    assert line.judged() == {"tou-suspended": "1 failed"}


def test_a_refused_command_is_replayed():
    line = held_evening("tou-suspended")
    line.at("19:30").crash()
    line.at("20:00").action("set-amperage", "refused", number=7, ma=10_000)
    line.at("21:00").back().action("set-amperage", "accepted", number=7, ma=10_000)
    line.at("21:00:10").recovers().command("amperage", ma=10_000, origin=7)
    assert line.judged() == {"tou-suspended": "1 failed"}
    assert "refused set-amperage" in line.results()["tou-suspended"].witness.rule


def test_a_lost_answer_leaves_a_request_in_doubt_once():
    line = held_evening("tou-suspended")
    line.at("19:30").fault("server.hang", world=True).lost("server.hang")
    line.at("20:00").action("override", "doubt", number=3)
    line.at("21:00").fault("server.hang", "end", world=True).action("override", "accepted", number=3)
    line.at("21:00:01").recovers().release(origin=3)
    line.at("21:00:06").draws()
    assert line.judged() == {"tou-suspended": "1 met"}
    line.at("21:10").action("override", "accepted", number=3)
    assert line.judged() == {"tou-suspended": "1 failed"}


def test_what_the_server_took_in_while_only_the_charger_was_cut_off():
    line = held_evening("tou-suspended")
    line.at("19:30").cut()
    line.at("20:00").override()
    line.at("21:00").heals()
    line.at("21:00:10").recovers().release(origin=1)
    line.at("21:00:15").draws()
    assert line.judged() == {"tou-suspended": "1 met"}


def test_what_the_server_took_in_never_comes_into_effect():
    line = held_evening("tou-suspended")
    line.at("19:30").cut()
    line.at("20:00").action("set-amperage", ma=10_000)
    line.at("21:00").heals()
    line.at("21:00:10").recovers()
    line.at("23:00").unplug()
    assert line.judged() == {"tou-suspended": "1 failed"}
    forgotten = held_evening("tou-suspended")
    forgotten.at("19:30").cut()
    forgotten.at("20:00").action("set-amperage", ma=10_000)
    forgotten.at("20:30").back(state="restored", back_to=0)
    forgotten.at("21:00").heals()
    forgotten.at("21:00:10").recovers()
    forgotten.at("23:00").unplug()
    assert forgotten.judged() == {"tou-suspended": "1 cancelled"}  # the backup knows nothing of it


# Power cycles.


def test_pulling_the_plug_clears_the_hold():
    line = held_evening()
    line.at("19:30").crash()
    line.at("20:00").off()
    line.at("20:00:20").on()
    line.at("20:00:55").draws()
    line.at("1 02:00").full()
    assert line.judged() == {
        "can-always-charge": "1 met",
        "hold-ends-on-time": "1 met",  # nothing flowed until mains was lost
        "tou-suspended": "1 met",
        "unplug-clears-schedule": "1 met",
    }


def test_a_hold_survives_the_power_cycle():
    line = held_evening()
    line.at("19:30").crash()
    line.at("20:00").off()
    line.at("20:00:20").on()
    line.at("1 00:00:05").draws()
    line.at("1 02:00").full()
    assert line.judged() == {
        "can-always-charge": "1 failed",
        "hold-ends-on-time": "1 met",
        "tou-suspended": "1 failed",
        "unplug-clears-schedule": "1 failed",
    }
    witness = line.results()["unplug-clears-schedule"].witness
    assert [type(record).__name__ for record in witness.records] == ["PlugIn", "Command", "Loss", "Power", "Current", "Power", "Power"]
    assert witness.records[1].command == "hold"


def test_a_power_cycle_that_began_before_the_outage():
    line = held_evening()
    line.at("19:29:50").off()
    line.at("19:30").crash()
    line.at("19:31").on()
    line.at("19:35:15").draws()
    line.at("1 02:00").full()
    assert line.judged() == {
        "can-always-charge": "1 met",
        "tou-suspended": "1 met",
    }  # no hold stood at the loss, and mains was not lost during the outage


def test_a_power_cycle_that_outlasts_the_outage():
    line = held_evening()
    line.at("19:30").crash()
    line.at("20:59").off()
    line.at("21:00").back()
    line.at("21:01").on()
    line.at("21:01:31").recovers().hold("24:00")
    line.at("22:00").unplug()
    assert line.judged() == {
        "can-always-charge": "1 cancelled",
        "hold-ends-on-time": "1 met",
        "tou-suspended": "1 cancelled",
        "unplug-clears-schedule": "1 cancelled",  # the recovery came before anything was due
        "override-needed-after-recovery": "1 met",
    }


def test_a_hold_that_would_have_run_out_by_the_power_up():
    line = held_evening("unplug-clears-schedule")
    line.at("19:30").crash()
    line.at("23:59").off()
    line.at("23:59:40").on()
    line.at("1 02:00").unplug()
    assert line.judged() == {}


# Two outages, swaps, blips, exemptions.


def test_a_second_outage_before_the_hold_arrives():
    line = juicebox()
    line.at("18:00").plug_in()
    line.at("18:00:05").draws()
    line.at("19:00").crash()
    line.at("20:00").back()
    line.at("20:00:10").recovers()
    line.at("20:00:20").crash()
    line.at("22:00").unplug()
    assert line.judged() == {
        "charging-continues": "2 met",
        "can-always-charge": "2 met",
        "tou-suspended": "2 met",
        "override-needed-after-recovery": "1 cancelled",  # the next loss came before the hold was due
    }


def test_a_swap_of_cars_without_mains_cancels_what_nobody_can_know():
    line = held_evening("override-needed-after-recovery", "override-kept")
    line.at("19:00").override().release()
    line.at("19:00:05").draws()
    line.at("19:30").cut().off()
    line.at("19:40").unplug().plug_in()
    line.at("19:50").on()
    line.at("21:00").heals()
    line.at("21:00:10").recovers()
    assert line.judged() == {}


def test_a_swap_with_mains_ends_the_override():
    line = held_evening("override-needed-after-recovery", "override-kept")
    line.at("19:00").override().release()
    line.at("19:00:05").draws()
    line.at("19:30").cut()
    line.at("19:40").unplug()
    line.at("19:41").plug_in()
    line.at("19:41:05").draws()
    line.at("21:00").heals()
    line.at("21:00:10").recovers().hold("24:00").idle()
    line.at("23:00").unplug()
    assert line.judged() == {"override-needed-after-recovery": "1 met"}


def test_a_hold_for_another_plug_in_is_none():
    line = held_evening("hold-ends-on-time", "can-always-charge")
    line.at("19:00").unplug()
    line.at("19:01").plug_in().command("hold", plug_in=1, duration_ms=3600_000, result="ignored")
    line.at("19:01:05").draws()
    line.at("19:30").crash()
    line.at("22:00").unplug()
    assert line.judged() == {"can-always-charge": "1 met"}


def test_in_a_blip_nothing_but_safety_and_accounting_counts():
    line = juicebox(*OUTAGE, "current-within-limits", settings=Settings(amperage_ma=20_000))
    line.at("13:00").plug_in()
    line.at("13:00:05").draws(20)
    line.at("14:00").lost("network.cut").idle()
    line.at("14:01").recovers(blip=True)
    line.at("14:02").draws(20)
    line.at("14:30").unplug()
    assert line.judged() == {
        "charging-continues": "1 cancelled",  # it stopped, but that was a blip
        "can-always-charge": "1 cancelled",
        "current-within-limits": "1 met",
    }


def test_an_amperage_binds_through_a_blip_and_not_through_an_outage():
    def drawing_more(blip: bool) -> dict[str, str]:
        line = juicebox("current-within-limits", settings=Settings(amperage_ma=20_000))
        line.at("13:00").plug_in()
        line.at("13:00:05").draws(20)
        line.at("14:00").lost("network.cut")
        line.at("14:01").recovers(blip=blip)
        line.at("14:02").draws(27.5)
        line.at("14:30").unplug()
        return line.judged()

    assert drawing_more(blip=True) == {"current-within-limits": "1 failed"}
    assert drawing_more(blip=False) == {"current-within-limits": "1 met"}


@pytest.mark.parametrize(("amperes", "says"), [(16, "1 met"), (27.5, "1 failed")])
def test_an_amperage_whose_delivery_ends_the_outage_binds_from_then_on(amperes, says):
    line = juicebox("current-within-limits")
    line.at("13:00").plug_in()
    line.at("13:00:05").draws()
    line.at("14:00").cut()
    line.at("14:20").heals()
    line.at("14:20:10").command("amperage", ma=16_000).recovers().draws(amperes)
    line.at("15:00").unplug()
    assert line.judged() == {"current-within-limits": says}


def test_a_share_whose_delivery_ends_the_outage_does_not_bring_back_the_amperage_from_before():
    line = juicebox("current-within-limits", settings=Settings(amperage_ma=16_000))
    line.at("13:00").plug_in()
    line.at("13:00:05").draws(16)
    line.at("14:00").cut()
    line.at("14:05").draws(27.5)
    line.at("14:20").heals()
    line.at("14:20:10").command("share", ma=32_000).recovers()
    line.at("14:21").unplug()
    assert line.judged() == {"current-within-limits": "1 met"}


def test_a_running_bound_restarts_at_the_end_of_a_blip():
    line = juicebox("override-needed-after-recovery")
    line.at("18:00").plug_in()
    line.at("18:00:05").draws()
    line.at("19:00").crash()
    line.at("20:00").back()
    line.at("20:00:10").recovers()  # held by 20:00:55.081
    line.at("20:00:40").lost("network.cut")
    line.at("20:01:20").recovers(blip=True)  # held by 20:02:05.081
    line.at("20:02").hold("24:00").idle()
    line.at("22:00").unplug()
    assert line.judged() == {"override-needed-after-recovery": "1 met"}


def test_a_restart_within_a_blip_forgets_an_override():
    line = held_evening("override-needed-after-recovery", "override-kept")
    line.at("19:00").crash()
    line.at("20:00").back()
    line.at("20:00:10").recovers().hold("24:00")
    line.at("20:30").override().release()
    line.at("20:30:05").draws()
    line.at("21:00").crash()
    line.at("21:01").back()
    line.at("21:01:10").recovers(blip=True).hold("24:00").idle()
    line.at("22:00").unplug()
    # Held until the driver asked; that the car drew from then on ended with the server's memory, in no one's fault.
    assert line.judged() == {"override-needed-after-recovery": "1 met, 1 cancelled"}


def test_an_override_within_a_blip_ends_the_wait_for_one():
    line = held_evening("override-needed-after-recovery")
    line.at("19:00").crash()
    line.at("20:00").back()
    line.at("20:00:10").recovers().hold("24:00")
    line.at("21:00").cut()
    line.at("21:00:30").override()
    line.at("21:01").heals()
    line.at("21:01:10").recovers(blip=True).release()
    line.at("21:01:15").draws()
    line.at("22:00").unplug()
    assert line.judged() == {"override-needed-after-recovery": "1 met"}


def test_a_blip_in_a_hold_changes_nothing():
    line = held_evening("override-needed-after-recovery")
    line.at("19:00").crash()
    line.at("20:00").back()
    line.at("20:00:10").recovers().hold("24:00")
    line.at("23:59:50").lost("network.cut")
    line.at("1 00:00:04").recovers(blip=True)
    line.at("1 00:00:05").draws()
    line.at("1 02:00").unplug()
    assert line.judged() == {"override-needed-after-recovery": "1 met"}


def test_a_fault_under_which_it_is_not_promised():
    clauses = {"can-always-charge": Clause(assumes=("no memory-loss",)), "charging-continues": Clause()}
    line = Timeline(clauses=clauses)
    line.at("10:00").plug_in()
    line.at("10:00:05").draws()
    line.at("11:00").crash()
    line.at("12:00").fault("station.memory-loss").restart()
    line.at("13:00").draws()
    line.at("14:00").full()
    assert line.judged() == {"can-always-charge": "1 cancelled", "charging-continues": "1 failed"}
    exempt = line.results()["can-always-charge"]
    assert (exempt.exempt, exempt.verdict) == (1, "unknown")
    assert exempt.why == "a fault under which it is not promised ended 1 of 1 trigger"


def test_nothing_is_judged_after_an_exempt_fault():
    line = Timeline(clauses={"charging-continues": Clause(assumes=("no station.memory-loss",))})
    line.at("09:00").fault("station.memory-loss").restart()
    line.at("10:00").plug_in()
    line.at("10:00:05").draws()
    line.at("11:00").crash().idle()
    line.at("14:00").unplug()
    assert line.judged() == {"charging-continues": "1 cancelled"}


# Other makers.


def test_a_stored_schedule_runs_offline():
    line = Timeline(scenario(WAYBOX, clauses=dict.fromkeys(("schedule-runs-offline", "charging-continues", "tou-suspended"), Clause())))
    line.at("13:00").plug_in()
    line.at("13:00:05").draws()
    line.at("14:00").crash()
    line.at("15:00").idle()
    line.at("1 00:00:05").draws()
    line.at("1 06:00").unplug()
    assert line.judged() == {
        "charging-continues": "1 cancelled",  # what stopped the car had been sent before the loss
        "tou-suspended": "1 failed",  # this maker does not promise it, and a scenario that asks is told
        "schedule-runs-offline": "2 met, 1 cancelled",  # held, and let go; that it drew before shows nothing
    }


def test_a_stored_schedule_is_lost_with_the_server():
    line = Timeline(scenario(WAYBOX, clauses={"schedule-runs-offline": Clause()}))
    line.at("13:00").plug_in()
    line.at("13:00:05").draws()
    line.at("14:00").crash()
    line.at("1 06:00").unplug()
    assert line.judged() == {"schedule-runs-offline": "1 met, 1 failed, 1 cancelled"}  # it drew in the window, and after it


def power_cut_under_a_schedule(*, draws_at: str) -> dict[str, str]:
    clauses = dict.fromkeys(("schedule-survives-power-cycle", "unscheduled-after-power-cut", "schedule-runs-offline"), Clause())
    line = Timeline(scenario(WAYBOX, clauses=clauses))
    line.at("16:00").plug_in().idle()
    line.at("17:00").crash()
    line.at("18:00").off()
    line.at("18:01").on()
    line.at(draws_at).draws()
    line.at("1 06:00").unplug()
    return line.judged()


def test_a_power_cut_frees_the_car_or_the_schedule_survives():
    assert power_cut_under_a_schedule(draws_at="18:01:35") == {
        "schedule-runs-offline": "1 met",
        "schedule-survives-power-cycle": "1 met, 1 failed",
        "unscheduled-after-power-cut": "1 met",
    }
    assert power_cut_under_a_schedule(draws_at="1 00:00:05") == {
        "schedule-runs-offline": "1 met",
        "schedule-survives-power-cycle": "2 met",
        "unscheduled-after-power-cut": "1 failed",
    }


@pytest.mark.parametrize(("unplugs", "says"), [("14:00", "1 cancelled"), ("15:00", "1 cancelled"), ("15:01", "1 met")])
def test_that_a_car_draws_when_its_schedule_would_let_it_shows_nothing(unplugs, says):
    line = Timeline(scenario(WAYBOX, clauses={"unscheduled-after-power-cut": Clause()}))
    line.at("12:00").plug_in()
    line.at("12:00:05").draws()
    line.at("13:00").crash()
    line.at("13:30").off()
    line.at("13:31").on()
    line.at("13:31:35").draws()
    line.at(unplugs).unplug()
    assert line.judged() == {"unscheduled-after-power-cut": says}


@pytest.mark.parametrize(("draws_at", "says"), [("19:35:15", "1 met"), ("19:35:16", "1 failed")])
def test_a_pause_is_lifted_after_the_loss(draws_at, says):
    line = Timeline(scenario(V09U, clauses={"hold-lifted-after-loss": Clause()}))
    line.at("18:00").plug_in()
    line.at("18:00:01").command("pause")
    line.at("19:30").crash()
    line.at(draws_at).draws()
    line.at("22:00").unplug()
    assert line.judged() == {"hold-lifted-after-loss": says}


@pytest.mark.parametrize(("amperes", "says"), [(16, "1 met"), (24, "1 failed")])
def test_the_offline_amperage_applies_once_the_loss_is_noticed(amperes, says):
    line = Timeline(scenario(V09U, clauses={"offline-limit-applies": Clause()}))
    line.at("10:00").plug_in()
    line.at("10:00:05").draws()
    line.at("11:00").crash()
    line.at("11:05").draws(amperes)
    line.at("14:00").unplug()
    assert line.judged() == {"offline-limit-applies": says}


def uk_start(delay_s: int, *names: str) -> dict[str, str]:
    line = Timeline(scenario(UK, names=names or ("anna",), tou=False, clauses={"random-delay-applied": Clause()}))
    for name in names or ("anna",):
        line.at("10:00", name).plug_in()
        line.at(10 * 3600_000 + (delay_s + 5) * 1000, name).draws()
        line.at("12:00", name).unplug()
    return line.judged()


def test_each_start_is_delayed_at_random():
    assert uk_start(300) == {"random-delay-applied": "1 met"}
    assert uk_start(620) == {"random-delay-applied": "1 failed"}
    assert uk_start(0) == {"random-delay-applied": "1 pending"}  # one may be chance
    assert uk_start(0, "anna", "ben") == {"random-delay-applied": "1 failed"}  # two are not


# A pause that the driver asks for.


def paused(*names: str, model: ChargerModel = V09U, settings: Settings | None = None, since: str = "19:00") -> Timeline:
    """A car that drew from 14:00 on and was paused at ``since``."""
    line = Timeline(scenario(model, clauses=dict.fromkeys(names or ("pause-kept-offline",), Clause()), settings=settings))
    line.at("14:00").plug_in()
    line.at("14:00:05").draws()
    line.at(since).action("pause").command("pause").idle()
    return line


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (lambda line: line.at("19:35:15").unplug(), "1 cancelled"),  # the loss is noticed by 19:35:10; who lifts a pause draws 5 s later
        (lambda line: line.at("19:35:16").unplug(), "1 met"),
        (lambda line: line.at("19:35:16").off(), "1 met"),
        (lambda line: line.at("19:33").recovers(), "1 cancelled"),
        (lambda line: line.at("19:40").recovers().release().draws(), "1 met"),
        (lambda line: line.at("19:40").draws(), "1 failed"),
        (lambda line: line.at("19:30:01").draws(), "1 failed"),
        (lambda line: line.at("19:31").release().draws(), "1 cancelled"),  # the word was under way at the loss
        (lambda line: line.at("19:36").release().draws(), "1 met"),
        (lambda line: line.at("19:40").restart(), "1 cancelled"),  # what a restart makes of a pause is the model's to say
        (lambda line: line.at("19:40").fault("station.unavailable"), "1 cancelled"),
        (lambda line: line.at("19:31").draws().recovers(blip=True), "1 cancelled"),
    ],
)
def test_a_pause_is_kept_offline(happens, says):
    line = paused()
    line.at("19:30").crash()
    happens(line)
    assert line.judged() == {"pause-kept-offline": says}


def test_who_lifts_a_pause_is_told_what_it_drew():
    line = paused()
    line.at("19:30").crash()
    line.at("19:40").draws(16)
    line.at("19:50").idle()
    witness = line.results()["pause-kept-offline"].witness
    assert (witness.t, witness.rule) == (ms("19:40"), "paused before the loss at +19:30:00, the car should not charge; it drew 16 A")


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (lambda line: line.at("19:30").crash(), {"pause-kept-offline": "1 met"}),
        (lambda line: line.at("19:20").release() and line.at("19:30").crash(), {}),
        (lambda line: line.at("19:20").full() and line.at("19:30").crash(), {}),
        (lambda line: line.at("19:20").unplug().plug_in() and line.at("19:30").crash(), {}),  # a pause is for one stay
        (lambda line: line.at("19:20").release().hold("24:00") and line.at("19:30").crash(), {}),  # an order with an end of its own
        (lambda line: line.at("18:59:59").crash(), {}),  # it was sent before the loss and came after it: none stood at the loss
        (lambda line: line.at("19:00").crash(), {"pause-kept-offline": "1 met"}),
    ],
)
def test_a_pause_that_stands_at_the_loss_is_to_be_kept(before, says):
    line = paused()
    before(line)
    line.at("22:00").unplug()
    assert line.judged() == says


def test_who_could_not_charge_anyway_shows_no_pause():
    little = paused(model=replace(V09U, server_loss=ServerLoss(limit="amperage")), settings=Settings(amperage_ma=5_000))
    little.at("19:30").crash()
    little.at("22:00").unplug()
    assert little.judged() == {}


@pytest.mark.parametrize(("leaves", "says"), [("23:00", "1 cancelled"), ("1 00:00:05", "1 cancelled"), ("1 00:00:06", "1 met")])
def test_where_a_schedule_holds_the_car_as_well_a_pause_shows_when_its_window_has_closed(leaves, says):
    line = paused(model=WAYBOX)
    line.at("19:30").crash()
    line.at(leaves).unplug()
    assert line.judged() == {"pause-kept-offline": says}


def test_where_the_driver_had_overridden_the_schedule_a_pause_shows_in_its_window_too():
    line = paused(model=WAYBOX)
    line.at("19:10").override().release()
    line.at("19:10:05").draws()
    line.at("19:20").action("pause").command("pause").idle()
    line.at("19:30").crash()
    line.at("19:40").unplug()
    assert line.judged() == {"pause-kept-offline": "1 met"}


def test_under_a_pause_nothing_is_owed_to_a_car():
    line = paused("can-always-charge", "charging-continues", "tou-suspended", "schedule-runs-offline", model=WAYBOX, since="14:20")
    line.at("14:30").crash()
    line.at("1 06:00").unplug()
    said = line.judged()
    assert "failed" not in " ".join(said.values())


def test_a_pause_while_the_server_is_down_is_refused_visibly():
    line = held_evening("tou-suspended")
    line.at("19:30").crash()
    line.at("20:00").action("pause", "refused", number=7)
    line.at("21:00").back()
    line.at("21:00:10").recovers().hold("24:00")
    assert line.judged() == {"tou-suspended": "1 met"}
    line.at("21:10").command("pause", origin=7)
    assert line.judged() == {"tou-suspended": "1 failed"}
    taken = held_evening("tou-suspended")
    taken.at("19:30").crash()
    taken.at("20:00").action("pause")
    taken.at("23:00").unplug()
    assert taken.judged() == {"tou-suspended": "1 failed"}


def test_a_pause_in_doubt_happens_at_most_once():
    line = held_evening("tou-suspended")
    line.at("19:30").fault("server.hang", world=True).lost("server.hang")
    line.at("20:00").action("pause", "doubt", number=3)
    line.at("21:00").fault("server.hang", "end", world=True).action("pause", number=3)
    line.at("21:00:01").recovers().command("pause", origin=3)
    assert line.judged() == {"tou-suspended": "1 met"}
    line.at("21:10").action("pause", number=3)
    assert line.judged() == {"tou-suspended": "1 failed"}


@pytest.mark.parametrize(
    ("in_the_cut", "at_the_return", "says"),
    [
        (["pause"], "pause", "1 met"),
        (["pause"], "release", "1 failed"),
        (["pause", "override"], "release", "1 met, 1 cancelled"),  # the later of two takes the place of the other
        (["override", "pause"], "pause", "1 met, 1 cancelled"),
        (["override", "pause"], "release", "1 failed, 1 cancelled"),
        (["pause", "pause"], "pause", "1 met, 1 cancelled"),
        (["pause", "set-tou"], "pause", "2 met"),  # without time-of-use charging a pause stands as well
    ],
)
def test_a_pause_that_the_server_took_in_while_only_the_path_was_cut(in_the_cut, at_the_return, says):
    line = Timeline(clauses={"tou-suspended": Clause()})
    line.at("08:00").plug_in().message("transaction-start", tx=1)
    line.at("08:00:05").draws()
    line.at("09:00").cut()
    for place, action in enumerate(in_the_cut):
        line.at(ms("09:10") + place).action(action, on=False)
    line.at("10:00").heals()
    line.at("10:00:10").recovers().command(at_the_return)
    line.at("11:00").full()
    assert line.judged() == {"tou-suspended": says}


@pytest.mark.parametrize("action", ["pause", "override"])
@pytest.mark.parametrize("next_car", [False, True])
def test_what_was_asked_for_a_car_that_has_gone_is_owed_to_none(action, next_car):
    line = Timeline(clauses={"tou-suspended": Clause()})
    line.at("08:00").plug_in().message("transaction-start", tx=1)
    line.at("09:00").cut()
    line.at("09:10").action(action)
    line.at("09:20").unplug()
    if next_car:
        line.at("09:30").plug_in()
    line.at("10:00").heals()
    line.at("10:00:10").recovers()
    assert line.judged() == {"tou-suspended": "1 cancelled"}


def test_a_restored_backup_forgets_a_pause_that_the_charger_could_not_be_told_of():
    line = held_evening("tou-suspended")
    line.at("19:30").cut()
    line.at("20:00").action("pause")
    line.at("20:30").back(state="restored", back_to=ms("19:00"))
    line.at("21:00").heals()
    line.at("21:00:10").recovers()
    assert line.judged() == {"tou-suspended": "1 cancelled"}


CONVERGES = pytest.mark.parametrize(
    ("told", "held", "says"),
    [
        (["pause"], True, "1 met"),
        (["pause"], False, "1 failed"),
        (["pause", "override"], False, "1 met"),
        (["pause", "override"], True, "1 failed"),
        (["override", "pause"], True, "1 met"),
        ([], True, "1 failed"),
        ([], False, "1 met"),
    ],
)


@CONVERGES
@pytest.mark.parametrize("model", [JUICEBOX, V09U, WAYBOX, replace(JUICEBOX, tou="none")], ids=lambda model: model.tou)
def test_server_and_charger_agree_on_a_pause_outside_all_windows(model, told, held, says):
    line = Timeline(scenario(model, clauses={"settings-converge": Clause()}, tou=model.tou != "none"))
    line.at("08:00").plug_in().message("transaction-start", tx=1)
    for place, action in enumerate(told):
        line.at(ms("09:00") + place).action(action)
    line.at("09:01").command("pause" if held else "release")
    line.at("09:10").settled()
    assert line.judged() == {"settings-converge": says}


def test_a_pause_outlives_a_restart_of_the_server_and_an_override_does_not():
    for asked, command, says in (("pause", "pause", "1 met"), ("override", "pause", "1 met"), ("override", "release", "1 failed")):
        line = Timeline(
            scenario(V09U, clauses={"settings-converge": Clause()}, server=replace(scenario().server, forgets_at_restart=("override",)))
        )
        line.at("18:00").plug_in().message("transaction-start", tx=1)
        line.at("19:00").action(asked)
        line.at("20:00").crash()
        line.at("20:10").back()
        line.at("20:10:10").recovers().command(command)
        line.at("20:15").settled()
        assert line.judged() == {"settings-converge": says}


@pytest.mark.parametrize(
    ("back_to", "command", "says"),
    [
        ("08:30", "release", "1 met"), ("08:30", "pause", "1 failed"),  # of the pause at nine it knows nothing
        ("09:30", "pause", "1 met"), ("09:30", "release", "1 failed"),  # of the override at ten it knows nothing
        ("10:30", "release", "1 met"), ("10:30", "pause", "1 failed"),
    ],
)  # fmt: skip
def test_of_a_pause_a_restored_server_knows_what_the_backup_knew(back_to, command, says):
    line = Timeline(scenario(V09U, clauses={"settings-converge": Clause()}))
    line.at("08:00").plug_in().message("transaction-start", tx=1)
    line.at("09:00").action("pause").command("pause")
    line.at("10:00").override().release()
    line.at("11:00").crash("server.restore-backup")
    line.at("11:10").back("server.restore-backup", state="restored", back_to=ms(back_to))
    line.at("11:10:10").recovers().command(command).add(r.Return(t=ms("11:10:10"), who="anna", by="connection"))
    line.at("11:15").settled()
    assert line.judged() == {"settings-converge": says}


def test_a_pause_that_a_backup_knew_is_not_for_the_car_that_came_since():
    line = Timeline(scenario(V09U, clauses={"settings-converge": Clause()}))
    line.at("08:00").plug_in().message("transaction-start", tx=1)
    line.at("09:00").action("pause").command("pause")
    line.at("10:00").override().release()
    line.at("10:10").unplug()
    line.at("10:20").plug_in().message("transaction-start", tx=2)
    line.at("11:00").crash("server.restore-backup")
    line.at("11:10").back("server.restore-backup", state="restored", back_to=ms("09:30"))
    line.at("11:10:10").recovers().release().add(r.Return(t=ms("11:10:10"), who="anna", by="connection"))
    line.at("11:15").settled()
    assert line.judged() == {"settings-converge": "1 met"}


# New sessions, unknown tags, the plug.


def came_in_an_outage(at: str | int, name: str, model: ChargerModel = TAGGED, settings: Settings | None = None, **given) -> Timeline:
    """A server lost at ten, which is noticed by 10:05:10, and a car that comes with a tag that is on no list."""
    given = {"tag": "card", "tag_listed": False, **given}
    line = Timeline(scenario(model, clauses={name: Clause()}, settings=settings, **given))
    line.at("10:00").crash()
    line.at(at).plug_in(tag="card")
    return line


def refused(at: str | int = "11:00", **given) -> Timeline:
    return came_in_an_outage(at, "new-session-refused-offline", **given)


@pytest.mark.parametrize(("at", "says"), [("10:05:09", {}), ("10:05:10", {"new-session-refused-offline": "1 met"})])
def test_a_car_that_comes_before_the_loss_is_noticed_may_be_taken(at, says):
    line = refused(at)
    line.at("12:00").unplug()
    assert line.judged() == says


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (lambda line: line.at("11:00:15").unplug(), "1 cancelled"),  # whoever takes it draws 10 s and 5 s after
        (lambda line: line.at("11:00:16").unplug(), "1 met"),
        (lambda line: line.at("11:30").off(), "1 met"),
        (lambda line: line.at("11:30").restart(), "1 met"),
        (lambda line: line.at("11:30").recovers().draws(), "1 met"),
        (lambda line: line.at("11:30").draws(), "1 failed"),
        (lambda line: line.at("11:29:59").draws() and line.at("11:30").recovers(), "1 failed"),
        (lambda line: line.at("11:30").fault("station.unavailable"), "1 cancelled"),
        (lambda line: line.at("11:00:10").recovers(), "1 cancelled"),
    ],
)
def test_a_new_session_is_refused_offline(happens, says):
    line = refused()
    happens(line)
    assert line.judged() == {"new-session-refused-offline": says}


@pytest.mark.parametrize(("at", "says"), [("10:31:29", {}), ("10:31:30", {"new-session-refused-offline": "1 met"})])
def test_who_comes_in_the_boot_is_no_new_session(at, says):
    line = refused(at)
    line.at("10:30").off()
    line.at("10:31").on()
    line.at("12:00").unplug()
    assert line.judged() == says


def test_who_could_not_charge_anyway_shows_no_refusal():
    closed = refused()
    closed.at("10:30").fault("station.unavailable")
    little = refused(settings=Settings(amperage_ma=5_000))
    shared = refused(circuits=(Circuit(name="street", members=("anna",), capacity_ma=20_000),))
    shared.at("09:00").command("share", ma=5_000)
    for line in (closed, little, shared):
        line.at("12:00").unplug()
        assert line.judged() == {}


@pytest.mark.parametrize(("leaves", "says"), [("23:00", "1 cancelled"), ("1 00:00:06", "1 met")])
def test_a_refusal_that_a_schedule_hides_shows_when_its_window_has_closed(leaves, says):
    line = refused("16:00", model=WAYBOX)
    line.at(leaves).unplug()
    assert line.judged() == {"new-session-refused-offline": says}


def unknown_tag(at: str = "11:00", **given) -> Timeline:
    return came_in_an_outage(at, "unknown-tag-charges-offline", **given)


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (lambda line: line.at("11:00:15").draws() and line.at("12:00").full(), "1 met"),
        (lambda line: line.at("11:00:16").draws() and line.at("12:00").full(), "1 failed"),
        (lambda line: line.at("12:00").unplug(), "1 failed"),
        (lambda line: line.at("11:00:15").draws() and line.at("12:00").idle() and line.at("13:00").unplug(), "1 failed"),
        (lambda line: line.at("11:00:15").draws() and line.at("12:00").recovers().idle(), "1 met"),
        (lambda line: line.at("11:00:14").unplug(), "1 cancelled"),
        (lambda line: line.at("11:00:14").recovers(), "1 cancelled"),
        (lambda line: line.at("11:00:10").restart(), "1 cancelled"),
        (lambda line: line.at("11:00:10").off(), "1 cancelled"),
        (lambda line: line.at("11:00:10").fault("station.unavailable"), "1 cancelled"),
    ],
)
def test_an_unknown_tag_charges_offline(happens, says):
    line = unknown_tag()
    happens(line)
    assert line.judged() == {"unknown-tag-charges-offline": says}


@pytest.mark.parametrize(("at", "says"), [("10:05:09", {}), ("10:05:10", {"unknown-tag-charges-offline": "1 failed"})])
def test_of_a_car_that_comes_before_the_loss_is_noticed_the_server_may_be_asked(at, says):
    line = unknown_tag(at)
    line.at("12:00").unplug()
    assert line.judged() == says


def test_a_tag_that_is_known_or_cannot_help_is_owed_nothing():
    listed = unknown_tag(tag_listed=True)
    nameless = unknown_tag(tag="")
    little = unknown_tag(settings=Settings(amperage_ma=5_000))
    for line in (listed, nameless, little):
        line.at("12:00").unplug()
        assert line.judged() == {}


@pytest.mark.parametrize("told_by", ["authorise", "transaction-start"])
@pytest.mark.parametrize(
    ("cached", "results", "says"),
    [
        (True, ["rejected"], {}), (False, ["rejected"], {"unknown-tag-charges-offline": "1 failed"}),
        (True, ["rejected", "accepted"], {"unknown-tag-charges-offline": "1 failed"}),
    ],
)  # fmt: skip
def test_a_tag_that_the_server_refused_is_known_to_a_charger_that_keeps_its_answers(told_by, cached, results, says):
    line = unknown_tag(model=replace(TAGGED, server_loss=ServerLoss(limit="amperage", unknown_tag="charges", cached_tags=cached)))
    for place, result in enumerate(results):
        told = r.Message(t=ms("07:00") + place, who="anna", action=told_by, sent=ms("07:00"), result=result)
        line.at("07:00").add(told)
    line.at("12:00").unplug()
    assert line.judged() == says


def replugged(at: str | int = "17:00:10", *, times: int = 1, until: str = "20:00", lost: str = "16:00", **given) -> Timeline:
    """A car held by the stored schedule from 15:30 on, unplugged at 17:00 and plugged in again."""
    model = replace(PLUG, override_by_replug=Replug(times=times, within_ms=10_000))
    line = Timeline(scenario(model, clauses=dict.fromkeys(("replug-overrides", "schedule-runs-offline"), Clause()), **given))
    line.at("15:30").plug_in().idle()
    line.at(lost).crash()
    line.at("17:00").unplug()
    line.at(at).plug_in()
    line.at(until).unplug()
    return line


def overrides(line: Timeline) -> str:
    return line.judged().get("replug-overrides", "")


@pytest.mark.parametrize(
    ("draws_at", "says"), [("17:00:15", "1 met"), ("17:00:16", "1 failed"), ("19:59", "1 failed"), ("17:00:10", "1 met")]
)
def test_a_car_that_is_plugged_in_again_charges_in_spite_of_its_schedule(draws_at, says):
    line = replugged()
    line.at(draws_at).draws()
    assert line.judged() == {"replug-overrides": says, "schedule-runs-offline": "1 met"}  # as long as the first stay lasted


@pytest.mark.parametrize(("at", "says"), [("17:00:10", "1 failed"), (ms("17:00:10") + 1, "")])
def test_only_who_is_plugged_in_again_soon_enough_overrides(at, says):
    assert overrides(replugged(at)) == says


@pytest.mark.parametrize(
    ("again", "says"),
    [
        ([], ""),
        ([("17:00:20", "17:00:25")], "1 failed"),
        ([("17:00:20", "17:00:31")], ""),
        ([("17:00:20", "17:00:31"), ("17:01", "17:01:05")], ""),
    ],
)
def test_where_the_model_wants_it_twice_it_takes_two_in_a_row(again, says):
    line = replugged("17:00:05", times=2)
    for out, back in again:
        line.at(out).unplug()
        line.at(back).plug_in()
    assert overrides(line) == says


def test_a_plug_in_the_dark_or_in_the_boot_orders_nothing():
    dark = replugged()
    dark.at("16:59").off()
    dark.at("17:00:05").on()
    assert overrides(dark) == ""
    booting = replugged()
    booting.at("17:00:03").off()
    booting.at("17:00:05").on()
    assert overrides(booting) == ""


@pytest.mark.parametrize(("draws_at", "says"), [("17:04:25", "1 met"), ("17:04:26", "1 failed")])
def test_before_the_loss_must_have_been_noticed_the_plug_need_not_help(draws_at, says):
    line = replugged(lost="16:59:10")
    line.at(draws_at).draws()
    assert overrides(line) == says


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (lambda line: line.at("18:00").full(), "1 met"),
        (lambda line: line.at("18:00").recovers().command("schedule").idle(), "1 met"),
        (lambda line: line.at("18:00").off(), "1 met"),
        (lambda line: line.at("18:00").restart(), "1 cancelled"),
        (lambda line: line.at("18:00").command("schedule").idle(), "1 cancelled"),
        (lambda line: line.at("18:00").idle(), "1 failed"),
    ],
)
def test_how_the_order_of_the_plug_ends(happens, says):
    line = replugged()
    line.at("17:00:15").draws()
    happens(line)
    assert overrides(line) == says


@pytest.mark.parametrize(("draws_at", "says"), [("23:59:59", "1 met"), ("1 00:00:01", "1 cancelled")])
def test_at_the_end_of_its_window_nothing_is_left_to_override(draws_at, says):
    line = replugged("23:59:57", until="1 02:00")
    line.records = [record for record in line.records if record.t != ms("17:00")]
    line.at("23:59:50").add(r.Stay(t=ms("23:59:50"), who="anna", plug_in=1, ended="unplugged", wh=0, needs_wh=30_000, full=False))
    line.at(draws_at).draws()
    assert overrides(line) == says


def test_the_plug_of_another_model_or_outside_a_window_or_of_one_that_may_draw_too_little_orders_nothing_to_be_shown():
    assert overrides(replugged(settings=Settings(amperage_ma=5_000))) == "1 failed"  # this one forgets its amperage without a server
    model = replace(PLUG, server_loss=ServerLoss(limit="amperage"))
    little = Timeline(scenario(model, clauses={"replug-overrides": Clause()}, settings=Settings(amperage_ma=5_000)))
    other = Timeline(scenario(WAYBOX, clauses={"replug-overrides": Clause()}))
    morning = Timeline(scenario(PLUG, clauses={"replug-overrides": Clause()}))
    for line, hour in ((little, "17"), (other, "17"), (morning, "10")):
        line.at("08:00").plug_in()
        line.at("09:00").crash()
        line.at(f"{hour}:00").unplug()
        line.at(f"{hour}:00:05").plug_in()
        line.at(f"{hour}:50").unplug()
        assert line.judged() == {}


# The delay at the return.


def returns(*, blip: bool = False) -> Timeline:
    """A car that drew when the server was lost at eleven; it is back at 12:00:20."""
    line = Timeline(scenario(POD, tou=False, clauses=dict.fromkeys(("random-delay-at-return", "random-delay-applied"), Clause())))
    line.at("10:00").plug_in()
    line.at("10:05:05").draws()
    line.at("11:00").crash()
    line.at("11:05:10").offline()
    line.at("12:00").back()
    line.at("12:00:10").online()
    line.at("12:00:20").recovers(blip=blip)
    return line


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (lambda line: line.at("12:00:20").idle(), {"random-delay-at-return": "1 met", "random-delay-applied": "1 met"}),
        (lambda line: line.at(ms("12:00:20") + 1).idle(), {"random-delay-at-return": "1 failed", "random-delay-applied": "1 met"}),
        (lambda line: line.at("13:00").unplug(), {"random-delay-at-return": "1 failed", "random-delay-applied": "1 met"}),
        (lambda line: line.at("12:00:20").unplug(), {"random-delay-applied": "1 met"}),
        (lambda line: line.at("12:00:20").full(), {"random-delay-applied": "1 met"}),
        (lambda line: line.at("12:00:15").idle(), {"random-delay-applied": "1 met"}),  # none was charging when the server was back
    ],
)
def test_a_charge_stops_when_the_server_is_back(happens, says):
    line = returns()
    happens(line)
    assert line.judged() == says


def test_a_blip_is_no_return():
    line = returns(blip=True)
    line.at("13:00").unplug()
    assert line.judged() == {"random-delay-applied": "1 met"}


@pytest.mark.parametrize(("delay_s", "says"), [(300, "2 met"), (620, "1 met, 1 failed"), (0, "1 met, 1 pending")])
def test_from_the_return_on_the_delay_is_as_long_as_any(delay_s, says):
    line = returns()
    line.at("12:00:20").idle()
    line.at(ms("12:00:20") + (delay_s + 5) * 1000).draws()
    line.at("14:00").unplug()
    assert line.judged() == {"random-delay-at-return": "1 met", "random-delay-applied": says}


def test_a_start_after_a_restart_that_ended_a_pause_counts_for_nothing():
    """By what was delivered the pause stands yet: from when the start was permitted nobody knows."""
    line = Timeline(scenario(UK, names=("anna", "ben"), tou=False, clauses={"random-delay-applied": Clause()}))
    for name in ("anna", "ben"):
        line.at("10:00", name).plug_in()
        line.at("10:01", name).command("pause")
        line.at("11:00", name).restart()
        line.at("11:03", name).draws()
    assert line.judged() == {}


# Settings and limits.


@pytest.mark.parametrize(("amperes", "says"), [(24, "1 met"), (27.5, "1 failed")])
def test_the_wire_rating_is_remembered(amperes, says):
    line = juicebox("settings-remembered", settings=Settings(wire_rating_ma=24_000))
    line.at("10:00").plug_in()
    line.at("10:00:05").draws(24)
    line.at("11:00").crash()
    line.at("12:00").off()
    line.at("12:01").on()
    line.at("12:01:35").draws(amperes)
    line.at("14:00").unplug()
    assert line.judged() == {"settings-remembered": says}


def test_a_car_that_cannot_draw_more_shows_nothing():
    line = juicebox("settings-remembered")
    line.at("10:00").plug_in()
    line.at("12:00").off()
    line.at("12:01").on()
    line.at("12:01:35").draws(27.5)
    line.at("14:00").unplug()
    assert line.judged() == {}


def out_of_service(*, again: str = "12:00") -> Timeline:
    """A car comes at ten to a station that is out of service from nine until two, and restarts at ``again``."""
    line = juicebox("availability-kept", "can-always-charge")
    line.at("09:00").fault("station.unavailable", step="closed")
    line.at("09:30").crash()
    line.at("10:00").plug_in()
    line.at(again).restart()
    line.at("14:00").fault("station.unavailable", "end", step="closed")
    return line


@pytest.mark.parametrize(
    ("draws_at", "says"),
    [
        ("14:00:05", {"availability-kept": "1 met", "can-always-charge": "1 met"}),
        ("12:00:35", {"availability-kept": "1 failed", "can-always-charge": "1 met"}),
        ("13:59:59", {"availability-kept": "1 failed", "can-always-charge": "1 met"}),
        ("14:00:06", {"availability-kept": "1 met", "can-always-charge": "1 failed"}),  # five seconds after its return into service
    ],
)
def test_a_station_out_of_service_is_so_after_a_restart(draws_at, says):
    line = out_of_service()
    line.at(draws_at).draws()
    line.at("20:00").unplug()
    assert line.judged() == says


def test_a_car_that_came_after_the_restart_shows_it_too():
    line = out_of_service(again="09:45")
    line.at("13:00").draws()
    assert line.judged()["availability-kept"] == "1 failed"


def test_without_a_restart_nothing_is_to_be_remembered():
    line = out_of_service(again="08:00")
    line.at("13:00").draws()
    assert "availability-kept" not in line.judged()


@pytest.mark.parametrize(("gone_at", "says"), [("12:00:30", "1 cancelled"), ("12:00:40", "1 met")])
def test_a_car_that_leaves_before_it_could_have_drawn_shows_nothing(gone_at, says):
    line = out_of_service()
    line.at(gone_at).unplug()
    assert line.judged()["availability-kept"] == says


def test_the_server_may_take_a_station_out_of_service_and_put_it_back():
    line = juicebox("availability-kept", "can-always-charge")
    line.at("10:00").plug_in()
    line.at("11:00").command("availability", on=False)
    line.at("11:30").crash()
    line.at("12:00").restart()
    line.at("13:00").back()
    line.at("13:00:10").recovers()
    line.at("14:00").command("availability", on=True)
    line.at("14:00:05").draws()
    assert line.judged() == {"availability-kept": "1 met"}


def closes(line: Timeline, step: str, begins: str, ends: str) -> None:
    line.at(begins).fault("station.unavailable", step=step)
    line.at(ends).fault("station.unavailable", "end", step=step)


@pytest.mark.parametrize(
    ("server_says", "step", "says"),
    [
        ([("09:30", True)], ("09:00", "14:00"), {"can-always-charge": "1 met"}),
        ([("08:30", False)], ("09:00", "09:30"), {"can-always-charge": "1 met"}),
        ([("09:30", True), ("09:40", False)], ("09:00", "14:00"), {"availability-kept": "1 failed", "can-always-charge": "1 met"}),
        ([("09:30", False)], ("08:30", "09:00"), {"availability-kept": "1 failed"}),
    ],
)
def test_of_a_step_and_the_server_a_station_obeys_who_spoke_last(server_says, step, says):
    """A car comes at ten, and draws where the station is in service; at twelve the station restarts, and draws in any case."""
    line = juicebox("availability-kept", "can-always-charge")
    closes(line, "closed", *step)
    for clock, on in server_says:
        line.at(clock).command("availability", on=on)
    line.at("09:50").crash()
    line.at("10:00").plug_in()
    if "availability-kept" not in says:
        line.at("10:00:05").draws()
    line.at("12:00").restart()
    line.at("12:00:35").draws()
    line.at("20:00").unplug()
    assert line.judged() == says


def test_a_step_within_another_neither_puts_the_station_back_nor_excuses_that_it_forgot():
    line = juicebox("availability-kept", "can-always-charge")
    closes(line, "longer", "09:00", "19:00")
    line.at("09:30").restart()
    closes(line, "shorter", "10:00", "10:30")
    line.at("11:00").plug_in()
    line.at("11:00:10").draws()
    line.at("20:00").unplug()
    assert line.judged() == {"availability-kept": "1 failed"}


def test_a_command_before_the_car_draws_ends_what_was_to_be_remembered():
    line = juicebox("settings-remembered", settings=Settings(wire_rating_ma=24_000))
    line.at("10:00").plug_in()
    line.at("12:00").off()
    line.at("12:01").on()
    line.at("12:01:32").command("amperage", ma=24_000)
    line.at("12:01:35").draws(24)
    assert line.judged() == {"settings-remembered": "1 cancelled"}


def test_an_amperage_binds_from_its_acknowledgement():
    line = juicebox("current-within-limits")
    line.at("10:00").plug_in()
    line.at("10:00:05").draws(27.5)
    line.at("11:00").command("amperage", ma=16_000).draws(16)
    line.at("12:00").unplug()
    assert line.judged() == {"current-within-limits": "1 met"}
    late = juicebox("current-within-limits")
    late.at("10:00").plug_in()
    late.at("10:00:05").draws(27.5)
    late.at("11:00").command("amperage", ma=16_000)
    late.at("11:05").draws(16)
    late.at("12:00").unplug()
    assert late.judged() == {"current-within-limits": "1 failed"}
    assert late.results()["current-within-limits"].witness.t == 11 * 3600_000


def test_an_amperage_no_longer_binds_after_a_power_up():
    line = juicebox("current-within-limits", settings=Settings(amperage_ma=16_000))
    line.at("10:00").plug_in()
    line.at("10:00:05").draws(16)
    line.at("11:00").off()
    line.at("11:01").on()
    line.at("11:01:35").draws(27.5)
    line.at("12:00").unplug()
    assert line.judged() == {"current-within-limits": "1 met"}


@pytest.mark.parametrize(("acknowledged", "says"), [(True, "1 met"), (False, "1 failed")])
def test_settings_converge_once_all_is_settled(acknowledged, says):
    line = juicebox("settings-converge")
    line.at("10:00").crash()
    line.at("12:00").back().action("set-amperage", ma=16_000)
    moment = line.at("12:00:10").recovers()
    if acknowledged:
        moment.command("amperage", ma=16_000)
    line.at("12:05").settled()
    assert line.judged() == {"settings-converge": says}


@pytest.mark.parametrize(("told_ma", "says"), [(16_000, "1 met"), (10_000, "1 failed")])
def test_a_restored_server_stores_what_it_stored_at_the_time_of_the_backup(told_ma, says):
    line = juicebox("settings-converge")
    line.at("09:00").action("set-amperage", ma=16_000).command("amperage", ma=16_000)
    line.at("10:30").action("set-amperage", ma=24_000).command("amperage", ma=24_000)
    line.at("11:00").action("set-amperage", ma=10_000).command("amperage", ma=10_000)
    line.at("12:00").crash("server.restore-backup")
    line.at("13:00").back("server.restore-backup", state="restored", back_to=ms("10:00"))
    line.at("13:00:10").recovers().command("amperage", ma=told_ma)
    line.at("13:05").settled()
    assert line.judged() == {"settings-converge": says}


def test_a_hold_that_should_not_stand_when_all_is_settled():
    line = held_evening("settings-converge")
    line.at("18:10:01").message("transaction-start", tx=1)
    line.at("19:00").override()
    line.at("19:10").settled()
    assert line.judged() == {"settings-converge": "1 failed"}
    assert "a hold stands that should not" in line.results()["settings-converge"].witness.rule


# Reconnection.


def reconnecting(online_at: str | None) -> dict[str, str]:
    line = juicebox("reconnects-in-time")
    line.at("10:00").crash()
    line.at("10:05:10").offline()
    line.at("12:00").back()
    if online_at:
        line.at(online_at).online().recovers()
    return line.judged("1 00:00")


def test_a_charger_finds_back_in_time():
    # Noticing 310 s, largest back-off 130 s, answer timeout 10 s, latencies 80 ms, 1 charger at 100 per second: 450.09 s.
    assert reconnecting("12:07:30") == {"reconnects-in-time": "1 met"}
    assert reconnecting("12:07:31") == {"reconnects-in-time": "1 failed"}
    assert reconnecting(None) == {"reconnects-in-time": "1 failed"}


def test_online_in_its_own_eyes_alone_is_not_online():
    line = juicebox("reconnects-in-time")
    line.at("10:00").crash()
    line.at("12:00").back()
    assert line.judged("1 00:00") == {"reconnects-in-time": "1 failed"}  # half-open, never noticed


def test_after_a_power_up_a_charger_registers():
    line = juicebox("reconnects-in-time")
    line.at("10:00").off().offline("power")
    line.at("10:01").on()
    line.at("10:01:31").online("registered")
    assert line.judged() == {"reconnects-in-time": "1 met"}
    plain = juicebox("reconnects-in-time")
    plain.at("10:00").off().offline("power")
    plain.at("10:01").on()
    plain.at("10:01:31").online("connected")
    assert plain.judged() == {"reconnects-in-time": "1 failed"}


def test_another_fault_ends_the_wait_for_a_reconnection():
    line = juicebox("reconnects-in-time")
    line.at("10:00").crash()
    line.at("10:05:10").offline()
    line.at("12:00").back()
    line.at("12:01").fault("network.cut")
    line.at("14:00").heals()
    line.at("14:01").online().recovers()
    assert line.judged() == {"reconnects-in-time": "1 met, 1 cancelled"}


@pytest.mark.parametrize(("online_at", "says"), [("12:12:30", "1 met"), ("12:12:31", "1 failed")])
def test_the_wait_for_a_reconnection_begins_anew_with_a_message_that_a_fault_struck(online_at, says):
    line = juicebox("reconnects-in-time")
    line.at("10:00").crash()
    line.at("10:05:10").offline()
    line.at("12:00").back()
    line.at("12:05").fault("message.drop", "struck", step="drop")
    line.at(online_at).online().recovers()  # 450.09 s after the strike, not after the server came back
    assert line.judged("1 00:00") == {"reconnects-in-time": says}


@pytest.mark.parametrize(("online_at", "says"), [("12:08:00", "1 met"), ("12:08:01", "1 failed")])
def test_a_charger_that_restarts_as_its_server_comes_back_has_the_time_of_its_boot_as_well(online_at, says):
    line = juicebox("reconnects-in-time")
    line.at("10:00").crash()
    line.at("10:05:10").offline()
    line.at("12:00").back().restart()
    line.at(online_at).online("registered").recovers()  # 450.09 s after 12:00:30
    assert line.judged("1 00:00") == {"reconnects-in-time": says}


def test_an_update_that_begins_as_the_server_comes_back_only_puts_the_reconnection_off():
    line = juicebox("reconnects-in-time")
    line.at("10:00").crash()
    line.at("10:05:10").offline()
    line.at("12:00").back()
    installs(line, "12:00", "update")
    line.at("12:10").fault("station.firmware-update", "end", step="update")
    line.at("12:10:30").add(r.Power(t=ms("12:10:30"), who="anna", state="on"))
    assert line.judged("1 00:00") == {"reconnects-in-time": "1 failed"}  # it never came back


def put_off(*, told_s: int, again: str = "", online_at: str = "") -> Timeline:
    """The registration of a charger that restarts at 10:05 is put off once, in a step that ends at 10:30; ``again`` another step ends.

    The step asks for a little less than what the charger is told, which is whole seconds.
    """
    line = juicebox("reconnects-in-time")
    pending = r.Fault(t=ms("10:00"), step="pending", do="server.pending", edge="start", with_={"interval_ms": told_s * 1000 - 400})
    line.at("10:00").add(pending)
    line.at("10:04").off().offline("power")
    line.at("10:05").on()
    line.at("10:06").message("registration", result="pending")
    line.at("10:30").add(replace(pending, t=ms("10:30"), edge="end"))
    if again:
        line.at(again).fault("server.errors", "end", step="errors", world=True)
    if online_at:
        line.at(online_at).message("registration").online("registered")
    return line


@pytest.mark.parametrize("again", ["", "11:00"])
@pytest.mark.parametrize(("online_at", "says"), [("12:13:30", "1 met"), ("12:13:31", "1 failed"), ("", "1 failed")])
def test_a_charger_that_was_put_off_has_until_it_is_to_ask_again_whatever_befalls_the_server_meanwhile(again, online_at, says):
    line = put_off(told_s=7200, again=again, online_at=online_at)  # 450.09 s after 12:06
    assert line.judged("1 00:00") == {"reconnects-in-time": says}
    witness = line.results("1 00:00")["reconnects-in-time"].witness
    assert (says == "1 failed") == (witness is not None)
    if witness is not None:
        assert [record.result for record in witness.records if isinstance(record, r.Message)] == ["pending"]  # why it had so long
        assert "it was to ask again, at +12:06:00" in witness.rule


def test_one_that_was_not_put_off_has_no_longer_for_it():
    """It asked for the first time after the step."""
    line = put_off(told_s=7200, online_at="11:00")
    line.records = [record for record in line.records if not isinstance(record, r.Message)]
    assert line.judged("1 00:00") == {"reconnects-in-time": "1 failed"}


def test_once_accepted_or_restarted_it_has_no_longer_for_what_it_was_told_before():
    accepted = put_off(told_s=7200, online_at="10:35")
    accepted.at("10:40").crash()
    accepted.at("10:50").back()
    assert accepted.judged("1 00:00") == {"reconnects-in-time": "1 met, 1 failed"}
    assert "not online by +10:57:30" in accepted.results("1 00:00")["reconnects-in-time"].witness.rule
    restarted = put_off(told_s=7200)
    restarted.at("10:40").restart()
    restarted.at("10:48:01").message("registration").online("registered")  # more than 450.09 s after 10:40:30
    assert restarted.judged("1 00:00") == {"reconnects-in-time": "1 failed, 1 cancelled"}


# Firmware.


def installs(line: Timeline, clock: str, step: str) -> None:
    """An update begins, and with it the station stops."""
    restart = r.Power(t=ms(clock), who="anna", state="booting", cause="firmware-update")
    line.at(clock).fault("station.firmware-update", step=step).add(restart).idle()


@pytest.mark.parametrize("short", ["restart", "power cut"])
def test_an_update_that_was_cut_short_no_longer_excuses_a_charger_that_does_not_boot(short):
    line = juicebox("can-always-charge")
    line.at("10:00").crash()
    line.at("11:00").plug_in()
    line.at("11:00:05").draws()
    installs(line, "12:00", "long")
    if short == "restart":
        line.at("12:10").restart()
    else:
        line.at("12:09:30").off()
        line.at("12:10").on()
    line.at("12:10:35").draws()
    installs(line, "12:30", "brief")
    line.at("13:00").fault("station.firmware-update", "end", step="brief")
    line.at("14:00").fault("station.firmware-update", "end", step="long")
    line.at("14:30").unplug()
    # The second update is over at 13:00, half a minute later the charger should have booted, and 5 s later the car should draw.
    assert line.results()["can-always-charge"].witness.t == ms("13:00:35")


def test_clauses_with_bounds_of_their_own():
    model = replace(JUICEBOX, link=replace(JUICEBOX.link, backoff=Backoff(wait_minimum_ms=1000, random_range_ms=0, repeat_times=0)))
    line = Timeline(scenario(model, clauses={"can-always-charge": Clause(bound_ms=60_000)}))
    line.at("10:00").crash()
    line.at("11:00").plug_in()
    line.at("11:01").draws()
    line.at("12:00").unplug()
    result = line.results()["can-always-charge"]
    assert (result.met, result.margin.worst, result.margin.bound) == (1, 60.0, 60.0)
