"""Steps of a plan that meet: one within another, one that ends what another began, one that comes too late to begin."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from random_plans import base, lines, of, records_of, small, step

from harness.journal.records import Action, Attempts, Command, Current, Fault, Link, Power, Server
from harness.values import DriverModel, Intervention, Moment, Quantiles, Step, Targets, Trigger

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
WINDOW_OPENS = 7 * HOUR
"""The hold window of the small scenarios opens at 15:00, and they begin at 08:00."""
WAY_MS = 20
ANNA = Targets(names=("anna",))


def power(records: list[Any], who: str = "anna") -> list[tuple[int, str]]:
    """When the charger went off, and when it began to boot."""
    return [(record.t, record.state) for record in of(records, Power, who) if record.state != "on"]


# Power.


@pytest.mark.parametrize("ends", [2 * HOUR, 3 * HOUR])
def test_mains_is_back_when_the_last_of_two_power_cuts_ends(ends):
    long, short = step("long", "station.power-cut", HOUR, 2 * HOUR), step("short", "station.power-cut", 90 * MINUTE, ends - 90 * MINUTE)
    assert power(records_of(small(long, short))) == [(HOUR, "off"), (3 * HOUR, "booting")]


def test_a_driver_who_puts_the_plug_back_has_no_mains_while_the_breaker_is_open():
    minutes = Quantiles(p10=0, p25=0, p50=0, p75=0, p90=0)
    impatient = DriverModel(
        name="impatient", title="Pulls the plug of a car that is held", arrival_min=minutes, stay_min=minutes, energy_wh=minutes,
        intervention=Intervention(share_permille=1000, after_ms=20 * MINUTE, tries=("power-cycle",)),
    )  # fmt: skip
    comes = WINDOW_OPENS + MINUTE
    pulls = comes + 20 * MINUTE
    breaker = step("breaker", "station.power-cut", pulls + 10 * SECOND, HOUR)
    loaded = small(breaker, hours=10, stay=(comes, 20 * HOUR), drivers={"impatient": impatient})
    anna, *others = loaded.chargers
    alone = records_of(replace(loaded, plan=(), chargers=(replace(anna, count=1, driver="impatient"), *others)))
    assert power(alone, "anna-1") == [(pulls, "off"), (pulls + 20 * SECOND, "booting")]
    meeting = records_of(replace(loaded, chargers=(replace(anna, count=1, driver="impatient"), *others)))
    assert power(meeting, "anna-1") == [(pulls, "off"), (pulls + 10 * SECOND + HOUR, "booting")]


@pytest.mark.parametrize(("minutes", "restarts"), [(5, 1), (9, 2), (10, 2), (11, 3)])
def test_a_reboot_loop_restarts_the_station_no_more_once_it_is_over(minutes, restarts):
    loop = step("loop", "station.reboot-loop", HOUR, minutes * MINUTE, every_ms=5 * MINUTE)
    assert power(records_of(small(loop))) == [(HOUR + turn * 5 * MINUTE, "booting") for turn in range(restarts)]


@pytest.mark.parametrize(("begins", "ends"), [(70 * MINUTE, 80 * MINUTE), (2 * HOUR, 3 * HOUR + 30 * MINUTE)])
def test_a_station_is_back_in_service_when_the_last_of_the_steps_ends_that_took_it_out(begins, ends):
    long, other = step("long", "station.unavailable", HOUR, 2 * HOUR), step("other", "station.unavailable", begins, ends - begins)
    records = records_of(small(long, other))
    assert [(record.t, record.state) for record in of(records, Current)] == [(HOUR, "Unavailable"), (max(3 * HOUR, ends), "Available")]


# The server.


def test_a_request_in_the_app_that_a_slow_server_has_not_taken_up_when_it_dies_is_refused():
    asks, takes_up = HOUR + MINUTE, HOUR + MINUTE + 30 * SECOND
    records = records_of(small(
        step("slow", "server.slow", HOUR, 10 * MINUTE, delay_ms=30 * SECOND), step("ask", "driver.set-amperage", asks, amperage_ma=10_000),
        step("crash", "server.crash", asks + 10 * SECOND, HOUR),
    ))  # fmt: skip
    assert [(record.t, record.outcome) for record in of(records, Action)] == [(takes_up, "refused")]
    assert of(records, Command) == []


@pytest.mark.parametrize(
    ("meanwhile", "lasts", "outcomes"),
    [
        ("server.crash", 5 * SECOND, [(30, "refused")]),  # the process that was asked is no more
        ("server.errors", HOUR, [(30, "refused")]),
        ("server.hang", 5 * SECOND, [(30, "accepted")]),
        ("server.hang", MINUTE, [(30, "doubt"), (70, "accepted")]),
    ],
)
def test_what_becomes_of_a_request_that_a_slow_server_has_not_taken_up_when_more_befalls_it(meanwhile, lasts, outcomes):
    asks = HOUR + MINUTE
    records = records_of(small(
        step("slow", "server.slow", HOUR, 10 * MINUTE, delay_ms=30 * SECOND), step("ask", "driver.set-amperage", asks, amperage_ma=10_000),
        step("more", meanwhile, asks + 10 * SECOND, lasts),
    ))  # fmt: skip
    assert [((record.t - asks) // SECOND, record.outcome) for record in of(records, Action)] == outcomes


@pytest.mark.parametrize(
    ("meanwhile", "lasts", "delivered_s"),
    [("server.errors", 5, [60]), ("server.crash", 5, []), ("server.hang", 5, [60]), ("server.hang", 60, [105])],
)
def test_a_command_that_a_slow_server_has_not_sent_yet_dies_with_it_and_waits_while_it_hangs(meanwhile, lasts, delivered_s):
    asks = HOUR + MINUTE
    records = records_of(small(
        step("slow", "server.slow", HOUR, 10 * MINUTE, delay_ms=30 * SECOND), step("ask", "driver.set-amperage", asks, amperage_ma=10_000),
        step("more", meanwhile, asks + 45 * SECOND, lasts * SECOND),
    ))  # fmt: skip
    taken_up = asks + 30 * SECOND
    assert [record.t for record in of(records, Action)] == [taken_up]
    delivered = [record.t for record in of(records, Command) if record.sent == taken_up]
    assert delivered == [asks + after * SECOND + WAY_MS for after in delivered_s]


def test_an_answer_that_was_long_under_way_when_the_server_died_puts_its_charger_online_once_more():
    """As over datagrams it may: it is taken for the answer to the attempt that runs. However the run is computed."""
    far = step("far", "network.latency", HOUR, 4 * MINUTE, delay_ms=3 * MINUTE)
    run = small(far, step("crash", "server.crash", HOUR + 4 * MINUTE + SECOND, HOUR))
    records = records_of(run)
    links = [(record.t, record.state) for record in of(records, Link)]
    assert [state for _, state in links] == ["offline", "online", "offline", "online"]
    online, offline = links[1][0], links[2][0]
    assert HOUR + 6 * MINUTE < online < HOUR + 7 * MINUTE
    assert offline == online + 5 * MINUTE  # nothing more is heard
    assert lines(records) == lines(records_of(run, simulate_all=True)) == lines(records_of(run, leg_by_leg=True))


def test_who_waits_to_be_let_in_is_forgotten_when_the_server_dies_meanwhile():
    """All three boot at once, and the server lets in one a second."""
    all_three = Targets(names=("anna", "ben", "carla"))
    boots = HOUR + MINUTE + 30 * SECOND
    plan = (
        step("cut", "station.power-cut", HOUR, MINUTE, to=all_three),
        step("crash", "server.crash", boots + 1500, 100),  # carla's turn would come half a second later
    )
    records = records_of(small(*plan, server=replace(base("juicebox-40").server, shards=1, accepts_per_s=1)))
    registered = {name: next(record.t for record in of(records, Link, name) if record.state == "online") for name in all_three.names}
    assert (registered["anna"], registered["ben"]) == (boots + 2 * WAY_MS, boots + 1000 + 2 * WAY_MS)
    assert registered["carla"] > boots + 10 * SECOND  # her attempt has failed for want of an answer before the next
    assert [record.count for record in of(records, Attempts, "carla")] == [2]


def test_what_a_hung_server_missed_reaches_back_to_the_first_of_two_hangs_that_overlap():
    """The hold window opens in the first, before the second begins; and the chargers notice neither."""
    records = records_of(small(
        step("first", "server.hang", WINDOW_OPENS - MINUTE, 2 * MINUTE),
        step("second", "server.hang", WINDOW_OPENS + 30 * SECOND, 90 * SECOND),
        hours=8, stay=(6 * HOUR, 20 * HOUR),
    ))  # fmt: skip
    works_again = WINDOW_OPENS + 2 * MINUTE
    assert [(record.command, record.t) for record in of(records, Command)] == [("hold", works_again + WAY_MS)]
    assert of(records, Link) == []


def test_a_hung_server_that_was_closed_to_a_charger_meanwhile_owes_it_no_answer():
    """All three notice the silence that began with the hang: none hears of its end."""
    closes = step("upgrade", "server.upgrade", HOUR, HOUR, style="drained", drain_ms=4 * MINUTE)
    run = small(step("hang", "server.hang", HOUR, 3 * MINUTE), closes)
    records = records_of(run)
    for name in ("anna", "ben", "carla"):
        assert HOUR + 4 * MINUTE < of(records, Link, name)[0].t <= HOUR + 5 * MINUTE + 2 * WAY_MS
    assert lines(records) == lines(records_of(run, simulate_all=True)) == lines(records_of(run, leg_by_leg=True))


def test_a_backup_restored_within_a_longer_crash_is_what_the_server_comes_back_with():
    records = records_of(small(
        step("ask", "driver.set-amperage", HOUR, amperage_ma=10_000),
        step("restore", "server.restore-backup", 2 * HOUR, 10 * MINUTE, age_ms=90 * MINUTE),
        step("crash", "server.crash", 2 * HOUR + 5 * MINUTE, HOUR),
    ))  # fmt: skip
    ends = 3 * HOUR + 5 * MINUTE
    assert [(record.t, record.state, record.back_to) for record in of(records, Server, "") if record.shard == 1] == [
        (2 * HOUR, "down", 0), (ends, "restored", HOUR // 2),
    ]  # fmt: skip
    # The backup is from before the driver asked for an amperage, so now there is none.
    assert [record.ma for record in of(records, Command) if record.command == "amperage"] == [10_000, 0]


# What never begins.


def test_a_step_whose_end_is_past_when_it_could_begin_never_fires():
    waits = Step(id="late", do="server.crash", when=Trigger(message="transaction-start", source="anna"), until=Moment(offset_ms=HOUR))
    comes_too_late = records_of(small(waits, stay=(2 * HOUR, 3 * HOUR)))
    assert [record.edge for record in of(comes_too_late, Fault, "")] == ["never-fired"]
    assert of(comes_too_late, Server, "") == []
    in_time = records_of(small(waits, stay=(HOUR // 2, 3 * HOUR)))
    assert [record.edge for record in of(in_time, Fault, "")] == ["start", "end", "recovered"]
