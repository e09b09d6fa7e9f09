"""Whether current flowed in a stay, stretch by stretch, from states that a charger told and from its energy register.

In touch, a charger tells of each change of state, so the state tells whether current flows; a register that has not moved for a minute
outweighs it. In an outage only a state that the charger tells of later, or the register, says what happened: as much energy as before or
after in the same time means that current flowed throughout; none, where the car draws again later, that it was stopped. Of everything
else nothing is known.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from harness.journal.records import Reason, State
from harness.stage.seen.silence import Outage
from harness.values import ChargerModel, Supply
from harness.world.messages import Request

LEAST_MA = 6000
"""What a charging car draws at least (IEC 61851-1): taken where nothing was measured."""
STEADY_PERMILLE = 900
"""A stretch with at least this part of its neighbours' power has been charged throughout."""
STILL_MS = 60_000
"""A register that does not move for so long: no current flows. At 6 A and 230 V it moves by 23 Wh."""
TELLING_WH = 50
"""Where so much would have flowed at the power of before, and no more did than up to the loss, the current ceased with it."""
UNSTEADY = 1.1
"""By so much the power may have risen since."""
SAMPLE_LASTS_MS = 15 * 60_000
"""A measured current counts for so long."""
CONNECTED = frozenset({"Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"})
"""The states in which there is a car."""
OWN_DOING = frozenset({"Other", "DeAuthorized"})
"""Reasons for the end of a transaction that neither driver nor car nor mains had."""


class Fact(NamedTuple):
    """A state, or a current in mA, and when."""

    at: int
    what: Any
    coarse: bool = False
    """It says only that there is a car."""
    stays: bool = False
    """It was told later, or with the events of a transaction: it is not just what was so when the charger could still tell of it."""
    each: bool = False
    """It is one of those of which the charger tells each, be it later, as OCPP 2.0.1 has it: there was no other just before it."""


@dataclass(slots=True)
class Tx:
    """A transaction."""

    number: int
    key: tuple[Any, ...]
    """What tells it from others: start and register, or the charger's id."""
    plug_in: int
    at: int
    wh: int
    stamp: int
    ids: list[Any] = field(default_factory=list)
    """The ids under which the server booked it: one, if it is right."""
    end_at: int = -1
    end_wh: int = 0
    end_stamp: int = 0
    end_booked: bool = False
    reason: str = ""
    sure: bool = True
    """Whether the server booked it can be told."""
    request: Request | None = None


class Stretch(NamedTuple):
    """From one fact to the next, in one stay."""

    since: int
    until: int
    state: State
    draws: bool | None
    """None: nothing tells."""
    full: bool
    ma: int
    reason: Reason


class Registers:
    """All readings of a charger's energy register."""

    def __init__(self, readings: dict[int, int]) -> None:
        self.at = sorted(readings)
        self.wh = [readings[at] for at in self.at]

    def by(self, at: int) -> int:
        """The register as last read by then; as first read, before."""
        place = bisect_right(self.at, at)
        return self.wh[max(0, place - 1)] if self.wh else 0

    def since_first(self, at: int) -> int:
        """The energy up to then, from the first reading on."""
        return max(0, self.by(at) - self.wh[0]) if self.wh else 0


class Energy:
    """What the readings of the register in one stay tell."""

    def __init__(self, registers: Registers, since: int, until: int) -> None:
        places = slice(bisect_left(registers.at, since), bisect_right(registers.at, until))
        self.at = registers.at[places]
        self._wh = registers.wh[places]

    def _between(self, at: int) -> int:
        """The place of the reading at or before ``at`` that has one after it; −1: there is none."""
        place = bisect_right(self.at, at) - 1
        return place if 0 <= place < len(self.at) - 1 else -1

    def _power(self, place: int) -> float | None:
        """Wh per ms from one reading to the next."""
        if not 0 <= place < len(self.at) - 1:
            return None
        return (self._wh[place + 1] - self._wh[place]) / (self.at[place + 1] - self.at[place])

    def watts(self, at: int) -> int:
        """The mean power from the reading before to the one after; 0: there are no two."""
        return round(max(0.0, self._power(self._between(at)) or 0.0) * 3_600_000)

    def still(self, begins: int, ends: int) -> bool:
        """The register did not move over all of this stretch, and that tells something."""
        place = self._between(begins)
        return place >= 0 and ends - begins >= STILL_MS and self.at[place + 1] >= ends and self._power(place) == 0

    def flowed(self, begins: int, ends: int, lost_at: int, *, known: bool) -> bool | None:
        """Whether current flowed all through a stretch, or not at all; None: nobody can tell. ``lost_at``: only if it did at this time can
        it have ceased later. ``known``: that time is not just a bound."""
        place = self._between(begins)
        if place < 0 or self.at[place + 1] < ends:
            return None
        since = self.at[place]
        power = self._power(place) or 0.0
        before, after = self._power(place - 1), self._power(place + 1)
        if known and lost_at > since and before is not None and before * (ends - lost_at) >= TELLING_WH:
            moved = self._wh[place + 1] - self._wh[place]
            if 0 <= moved <= before * (lost_at - since) * UNSTEADY + 2:  # no more than flowed up to the loss
                return False if begins >= lost_at else None
        if power <= 0:
            return False if power == 0 and self.at[place + 1] - since >= STILL_MS else None
        if before is not None and before > 0 and after == 0:
            # It ceased within this stretch, which its end shows: no earlier than after so much time at the power of before.
            ceased = since + (self._wh[place + 1] - self._wh[place]) / before
            return True if ceased > lost_at else None
        around = [other for other in (before, after) if other is not None and other > 0]
        return True if around and power * 1000 >= min(around) * STEADY_PERMILLE else None


class Flow:
    """Puts the current of one charger's stays together."""

    def __init__(
        self, model: ChargerModel, supply: Supply, states: Sequence[Fact], currents: Sequence[Fact], registers: Registers,
        outages: Sequence[Outage],
    ) -> None:  # fmt: skip
        self._watts_per_ampere = supply.voltage_v * min(model.ratings.phases, supply.phases)
        self._most_ma = model.ratings.unit_rating_ma
        self._currents = sorted(currents, key=_at)
        self._registers = registers
        self._outages = outages
        self._said: list[Fact] = []
        for fact in sorted(states, key=_at):
            # A word that says only that there is a car does not outweigh a better one.
            if not (fact.coarse and self._said and self._said[-1].what in CONNECTED):
                self._said.append(fact)

    def stretches(self, since: int, until: int, transactions: list[Tx]) -> list[Stretch]:
        """A stay with its transactions, stretch by stretch."""
        energy = Energy(self._registers, since, until)
        edges = {since, until, *energy.at}
        edges.update(fact.at for fact in self._between(since, until))
        edges.update(at for tx in transactions for at in (tx.at, tx.end_at))
        first = bisect_left(self._outages, since, key=lambda outage: outage.until if outage.until is not None else until)
        for outage in self._outages[first:]:
            if outage.since >= until:
                break
            edges.update(at for at in (outage.since + 1, outage.until) if at is not None)
            edges.update(fact.at + 1 for fact in self._between(outage.since + 1, outage.until or until) if not fact.stays)
        ordered = sorted(at for at in edges if since <= at <= until)
        made = [self._stretch(begins, ends, energy, transactions) for begins, ends in pairwise(ordered)]
        again = False
        for place in range(len(made) - 1, -1, -1):
            stretch = made[place]
            if stretch.draws:
                again = True
            elif stretch.draws is False and stretch.reason == "metered" and not again:
                # Nothing flowed, and never did again: the car may have been full, as far as anyone can tell.
                made[place] = stretch._replace(draws=None)
        return made

    def _stretch(self, begins: int, ends: int, energy: Energy, transactions: list[Tx]) -> Stretch:
        fact = self._state_at(begins)
        outage = self._outage_at(begins)
        runs = any(tx.at <= begins and (tx.end_at < 0 or tx.end_at > begins) for tx in transactions)
        ended = max((tx.end_at for tx in transactions if 0 <= tx.end_at <= begins), default=-1)
        draws: bool | None
        reason: Reason = "reported"
        if fact is not None and not fact.coarse and (outage is None or self._holds(fact, begins, outage)):
            draws = fact.what == "Charging" and (runs or ended < fact.at) and not energy.still(begins, ends)
        elif not runs and any(tx.end_at == ended and tx.reason in OWN_DOING for tx in transactions):
            draws = False
        elif not runs:
            draws = None if outage is not None else False
        else:
            reason = "metered"
            known = outage is not None and outage.by == outage.since
            draws = energy.flowed(begins, ends, outage.since if outage is not None else begins, known=known)
            if draws is False and outage is not None and outage.restarted:
                draws = None  # without mains nobody can charge, and mains may have been away
        state: State = fact.what if fact is not None and fact.what in CONNECTED else "Charging" if draws else "Preparing"
        return Stretch(begins, ends, state, draws, state == "SuspendedEV", self._ma(begins, energy) if draws else 0, reason)

    def _between(self, since: int, until: int) -> list[Fact]:
        return self._said[bisect_left(self._said, since, key=_at) : bisect_left(self._said, until, key=_at)]

    def _holds(self, fact: Fact, at: int, outage: Outage) -> bool:
        """Whether what was last said of the connector tells something of ``at``, in an outage: as what was said then, or because the
        charger tells of each change later, be it of those up to now or of the next."""
        if fact.at > outage.since and (fact.stays or fact.at == at):
            return True
        place = bisect_right(self._said, at, key=_at)
        return place < len(self._said) and self._said[place].each and (outage.until is None or self._said[place].at < outage.until)

    def _outage_at(self, at: int) -> Outage | None:
        place = bisect_right(self._outages, at, key=lambda outage: outage.since) - 1
        outage = self._outages[place] if place >= 0 else None
        return outage if outage is not None and (outage.until is None or at < outage.until) else None

    def _state_at(self, at: int) -> Fact | None:
        """What the charger last said of its connector."""
        place = bisect_right(self._said, at, key=_at)
        return self._said[place - 1] if place else None

    def _ma(self, at: int, energy: Energy) -> int:
        """The current as it was measured, else as the energy has it on average, as far as the box can deliver that, else the least."""
        place = bisect_right(self._currents, at, key=_at)
        sample = self._currents[place - 1] if place else None
        if sample is not None and sample.what > 0 and at - sample.at <= SAMPLE_LASTS_MS:
            return int(sample.what)
        return max(LEAST_MA, min(energy.watts(at) * 1000 // self._watts_per_ampere, self._most_ma))


def _at(fact: Fact) -> int:
    return fact.at
