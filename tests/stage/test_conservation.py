"""What must hold in every run, whatever its plan: energy, transactions, times and the order of records.

Each law is looked for in the same random runs: some for each model, made once for all tests here.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from random_plans import MODELS, drawn, records_of

from harness.journal.records import Current, Ledger, Loss, PlugIn, Power, Recovery, Settled, Stay, Transaction
from harness.values import Scenario

RUNS = [(model, seed) for model in MODELS for seed in range(300, 312)]
HOURS = 30
HOUR_MS = 3_600_000


@cache
def run_of(model: str, seed: int) -> tuple[Scenario, list[Any]]:
    loaded = drawn(model, seed, hours=HOURS)
    return loaded, records_of(loaded)


def by_charger(model: str, seed: int, *kinds: type) -> dict[str, list[Any]]:
    loaded, records = run_of(model, seed)
    found: dict[str, list[Any]] = {name: [] for name in loaded.names()}
    for record in records:
        if record.who and isinstance(record, kinds):
            found[record.who].append(record)
    return found


def every(law):
    """Ask for a law in every run."""
    return pytest.mark.parametrize(("model", "seed"), RUNS, ids=str)(law)


@every
def test_records_stand_in_canonical_order(model, seed):
    loaded, records = run_of(model, seed)
    places = {"": -1, **{name: place for place, name in enumerate(loaded.names())}}
    stands = [(record.t, places[record.who]) for record in records]
    assert stands == sorted(stands)
    assert all(0 <= t <= loaded.duration_ms for t, _ in stands)


@every
def test_the_energy_that_left_a_charger_is_in_the_cars(model, seed):
    """Each figure is rounded down to whole watt-hours; what flows on after the last record is in the stay that the run's end cuts off."""
    loaded, _ = run_of(model, seed)
    stays = by_charger(model, seed, Stay)
    for name, currents in by_charger(model, seed, Current).items():
        delivered = sum(stay.wh for stay in stays[name])
        shown, flows_on = 0, 0.0
        if currents:
            last = currents[-1]
            shown = last.wh
            flows_on = last.ma / 1000 * loaded.supply.voltage_v * (loaded.duration_ms - last.t) / HOUR_MS
        assert delivered - flows_on - 1 <= shown <= delivered + len(stays[name])


@every
def test_no_car_takes_more_than_it_needs(model, seed):
    for stays in by_charger(model, seed, Stay).values():
        for stay in stays:
            assert 0 <= stay.wh <= stay.needs_wh
            assert stay.full is (stay.wh == stay.needs_wh) or stay.needs_wh - stay.wh <= 1


@every
def test_the_energy_by_price_is_the_energy(model, seed):
    for stays in by_charger(model, seed, Stay).values():
        for stay in stays:
            priced = sum(wh for _, _, wh in stay.by_price)
            assert 0 <= stay.wh - priced <= max(1, len(stay.by_price))


@every
def test_each_stay_ends_what_a_plug_in_began(model, seed):
    stays = by_charger(model, seed, Stay)
    for name, plugged in by_charger(model, seed, PlugIn).items():
        for came, left in zip(plugged, stays[name], strict=True):
            assert came.plug_in == left.plug_in
            assert left.needs_wh == (left.wh if left.ended == "replugged" else came.needs_wh)
        assert [record.plug_in for record in plugged] == list(range(1, len(plugged) + 1))
        moments = [record.t for pair in zip(plugged, stays[name], strict=True) for record in pair]
        assert moments == sorted(moments)


@every
def test_times_in_states_sum_to_the_duration(model, seed):
    """Without power or out of service it is Unavailable, with power and without a car Available, and else a car is connected to it."""
    loaded, _ = run_of(model, seed)
    for records in by_charger(model, seed, PlugIn, Stay, Power, Current).values():
        stated: Counter[str] = Counter()
        true: Counter[str] = Counter()
        state, connected, powered, closed, since = "Available", False, True, False, 0
        for record in [*records, None]:
            now = loaded.duration_ms if record is None else record.t
            stated["connected" if state not in ("Available", "Unavailable") else state] += now - since
            true["Unavailable" if closed or not powered else "connected" if connected else "Available"] += now - since
            since = now
            if isinstance(record, PlugIn | Stay):
                connected = isinstance(record, PlugIn)
            elif isinstance(record, Power):
                powered = record.state == "on"
            elif isinstance(record, Current):
                state, closed = record.state, record.reason == "out-of-service"
        assert stated == true
        assert stated.total() == loaded.duration_ms


@every
def test_current_flows_only_while_charging_and_gives_no_more_than_it_can(model, seed):
    loaded, _ = run_of(model, seed)
    for currents in by_charger(model, seed, Current).values():
        assert all((record.ma > 0) is (record.state == "Charging") for record in currents)
        for before, after in pairwise(currents):
            assert (before.ma, before.state, before.reason) != (after.ma, after.state, after.reason)
            at_most_wh = before.ma / 1000 * loaded.supply.voltage_v * (after.t - before.t) / HOUR_MS
            assert 0 <= after.wh - before.wh <= at_most_wh + 1


@every
def test_each_transaction_is_opened_once_closed_once_and_booked_at_most_once(model, seed):
    books = by_charger(model, seed, Ledger)
    for name, edges in by_charger(model, seed, Transaction).items():
        opened = [record.tx for record in edges if record.edge == "open"]
        closed = [record.tx for record in edges if record.edge == "close"]
        assert opened == list(range(1, len(opened) + 1))
        assert closed in (opened, opened[:-1])
        booked = [entry[0] for ledger in books[name] for entry in ledger.entries]
        assert len(booked) == len(set(booked))
        assert set(booked) <= set(opened)


@every
def test_every_loss_is_followed_by_its_recovery_or_by_the_end(model, seed):
    for edges in by_charger(model, seed, Loss, Recovery).values():
        for before, after in pairwise(edges):
            assert type(before) is not type(after)
        assert not edges or isinstance(edges[0], Loss)
        for loss, recovery in zip(edges[::2], edges[1::2], strict=False):
            assert recovery.since == loss.t < recovery.t


@every
def test_a_settled_run_has_nobody_in_an_outage(model, seed):
    _, records = run_of(model, seed)
    away: set[str] = set()
    for record in records:
        if isinstance(record, Loss):
            away.add(record.who)
        elif isinstance(record, Recovery):
            away.discard(record.who)
        elif isinstance(record, Settled):
            assert not away
