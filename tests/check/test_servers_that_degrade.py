"""Hand-written timelines: what the checks say while a server is up and not quite itself, and what its responders' steps change."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from timeline import SERVER, TAGGED, Timeline, scenario

from harness.journal import records as r
from harness.values import Clause


def held_evening(*names: str, **given) -> Timeline:
    """A car plugged in at 18:10 and held until midnight."""
    line = Timeline(clauses=dict.fromkeys(names, Clause()), **given)
    line.at("18:10").plug_in()
    line.at("18:10:01").hold("24:00").idle()
    return line


# Settings that are wiped.


@pytest.mark.parametrize(("wiped", "says"), [(True, {}), (False, {"override-needed-after-recovery": "1 failed"})])
def test_a_car_whose_server_has_lost_its_settings_need_not_be_held_after_an_outage(wiped, says):
    line = held_evening("override-needed-after-recovery")
    if wiped:
        line.at("19:00").fault("server.settings-wiped", "struck")
    line.at("19:00:20").release()
    line.at("19:00:25").draws()
    line.at("20:00").cut()
    line.at("21:00").heals()
    line.at("21:00:10").recovers()
    line.at("23:00").unplug()
    assert line.judged() == says


@pytest.mark.parametrize(("told_ma", "says"), [(0, "1 met"), (16_000, "1 failed")])
def test_after_the_loss_of_settings_server_and_charger_agree_on_none(told_ma, says):
    line = held_evening("settings-converge")
    line.at("18:30").action("set-amperage", ma=16_000).command("amperage", ma=16_000)
    line.at("19:00").fault("server.settings-wiped", "struck")
    line.at("19:00:20").command("amperage", ma=told_ma).release()
    line.at("19:30").settled()
    assert line.judged() == {"settings-converge": says}


def test_what_a_driver_asked_for_before_the_loss_of_settings_need_not_come_into_effect():
    line = held_evening("tou-suspended")
    line.at("19:30").cut()
    line.at("20:00").action("set-amperage", ma=10_000)
    line.at("20:30").fault("server.settings-wiped", "struck")
    line.at("21:00").heals()
    line.at("21:00:10").recovers().command("amperage", ma=0)
    line.at("23:00").unplug()
    assert line.judged()["tou-suspended"] == "1 cancelled"


def test_a_backup_from_before_the_loss_brings_the_settings_back():
    line = held_evening("override-needed-after-recovery")
    line.at("19:00").fault("server.settings-wiped", "struck")
    line.at("19:00:20").release()
    line.at("19:00:25").draws()
    line.at("20:00").crash("server.restore-backup")
    line.at("20:30").back("server.restore-backup", "restored", back_to=18 * 3_600_000 + 30 * 60_000)
    line.at("20:30:10").recovers()
    line.at("23:00").unplug()
    assert line.judged() == {"override-needed-after-recovery": "1 failed"}  # on again, so it should have been held


# Another shard.


@pytest.mark.parametrize(("moved", "says"), [(True, {"override-needed-after-recovery": "1 met"}), (False, {"override-kept": "1 failed"})])
def test_an_override_does_not_come_along_to_another_shard(moved, says):
    line = held_evening("override-needed-after-recovery", "override-kept", server=replace(SERVER, shards=2))
    line.at("19:00").override().release()
    line.at("19:00:05").draws()
    line.at("19:30").lost("server.shard-down")
    if moved:
        line.at("20:00").add(r.Moved(t=20 * 3_600_000, who="anna", shard=2))
    line.at("20:00:30").recovers().hold("24:00").idle()
    line.at("23:59").unplug()
    assert line.judged() == says


# Bounds.


@pytest.mark.parametrize(
    ("do", "says"),
    [
        ("server.brown-out", {}), ("server.admit", {}),  # answers, or connections, have to wait
        ("server.stalled", {"reconnects-in-time": "1 failed"}), ("server.scale-out", {"reconnects-in-time": "1 failed"}),
        ("server.authorisation-down", {"reconnects-in-time": "1 failed"}),
    ],
)  # fmt: skip
def test_whose_server_answers_as_ever_must_be_back_in_time(do, says):
    line = Timeline(clauses={"reconnects-in-time": Clause()})
    line.at("10:00").crash()
    line.at("10:00").offline("closed")
    line.at("10:30").fault(do, step="other", world=True).back()
    line.at("12:00").online().recovers()
    assert line.judged("1 00:00") == says
    why = line.results("1 00:00")["reconnects-in-time"].why
    assert why == ("" if says else "1 came back while a step still acted that may keep them waiting")


def test_once_it_is_lifted_the_bound_runs():
    line = Timeline(clauses={"reconnects-in-time": Clause()})
    line.at("10:00").crash()
    line.at("10:00").offline("closed")
    line.at("10:30").fault("server.admit", step="other", world=True).back()
    line.at("11:30").fault("server.admit", "end", step="other", world=True)
    assert line.judged("1 00:00") == {"reconnects-in-time": "1 failed"}


# Tags.


@pytest.mark.parametrize(("answered", "says"), [(0, {"can-always-charge": "1 failed"}), (18 * 3_600_000, {})])
def test_a_start_that_was_acknowledged_unread_says_nothing_of_its_tag(answered, says):
    """Booked hours later, it tells the charger nothing: what it knows of the tag is what it was answered."""
    line = Timeline(scenario(TAGGED, clauses={"can-always-charge": Clause()}, tag="A", tag_listed=False))
    line.at("18:10").plug_in(tag="A").idle()
    line.at("18:10:01").message("authorise", result="rejected")
    line.at("19:00").message("transaction-start", tx=1, at="17:59:59", answered=answered)
    line.at("19:30").crash()
    line.at("23:00").unplug()
    assert line.judged() == says
