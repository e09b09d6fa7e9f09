"""Load groups: the sum of the currents of a group never exceeds its circuit."""

from __future__ import annotations

from harness.check.evidence import Evidence
from harness.check.words import moment
from harness.journal.records import AnyRecord, Current
from harness.values import Scenario


def first_share_ma(scenario: Scenario) -> dict[str, int]:
    """Charger → the share of its circuit that it holds from the start."""
    shares: dict[str, int] = {}
    for circuit in scenario.circuits:
        members = {
            name: scenario.phases_of(entry) for entry in scenario.chargers for name in entry.members()
            if name in circuit.members or entry.name in circuit.members
        }  # fmt: skip
        shares |= dict(zip(members, circuit.even_shares_ma(list(members.values())), strict=True))
    return shares


class LoadGroup:
    """The chargers behind one circuit, and what they draw together."""

    __slots__ = (
        "capacity_ma", "drew", "exempt", "failed", "highest_ma", "members", "name", "over_since", "over_with", "several", "totals_ma",
    )  # fmt: skip

    def __init__(self, name: str, capacity_ma: int, members: list[Evidence]) -> None:
        self.name = name
        self.capacity_ma = capacity_ma
        self.members = members
        self.totals_ma = [0, 0, 0]
        """What they draw on each of the building's phases."""
        self.several = any(member.profile.phases != (0,) for member in members)
        self.highest_ma = 0
        self.drew = self.failed = self.exempt = False
        self.over_since = -1
        self.over_with: list[tuple[Evidence, AnyRecord]] = []
        """The changes of the millisecond in which the sum went over."""

    def changed(self, ev: Evidence, record: Current) -> None:
        """A member's current changes. Changes in one millisecond count together."""
        self._judge(record.t)
        totals_ma = self.totals_ma
        for phase in ev.profile.phases:
            totals_ma[phase] += record.ma - ev.ma
        most_ma = max(totals_ma)
        self.drew = self.drew or most_ma > 0
        if most_ma <= self.capacity_ma:
            self.highest_ma = max(self.highest_ma, most_ma)
            self.over_since = -1
            self.over_with = []
            return
        if self.over_since < 0:
            self.over_since = record.t
        if record.t == self.over_since and record.ma > ev.ma:
            self.over_with.append((ev, record))

    @property
    def _bound(self) -> tuple[float, str]:
        return self.capacity_ma / 1000, "A"

    def _judge(self, t: int) -> None:
        """The sum was over the capacity until ``t``: a violation, if that took any time."""
        if self.over_since < 0 or t <= self.over_since or self.exempt:
            return
        since = self.over_since
        if self.over_with:
            ev = self.over_with[0][0]
            rule = next((one.panel.rules[NAME] for one in self.members if NAME in one.panel.rules), None)
            if rule is not None:
                self.failed = True
                carries = f"its circuit carries {self.capacity_ma / 1000:g} A"
                most_ma = max(self.totals_ma)
                on = f" on phase {'RST'[self.totals_ma.index(most_ma)]}" if self.several else ""
                text = f"{self.name} drew {most_ma / 1000:g} A{on} from {moment(since)} on; {carries}"
                records = [record for _, record in self.over_with]
                rule.tally.fail(rule, ev.name, since, text, ev.story(since, since, *records), bound=self._bound)
        self.over_with = []

    def close(self, end_ms: int, *, complete: bool = True) -> None:
        """The run is over; not ``complete``: its journal was cut off here, and what has held so far is undecided."""
        self._judge(end_ms)
        rule = next((one.panel.rules[NAME] for one in self.members if NAME in one.panel.rules), None)
        if rule is not None and self.drew and not self.failed and not self.exempt:
            if not complete:
                rule.pending()
                return
            rule.met()
            rule.near(self.highest_ma / 1000, *self._bound)


NAME = "load-group-within-capacity"
