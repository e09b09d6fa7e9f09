"""A load group: chargers behind one circuit, and the server's books of who may draw how much.

Theory of operation. Each member has a stored share of at least 6 A from the start. The server counts each member at the most that it
may remember: the share that it last confirmed, or a larger one sent since and not confirmed. The sum of these never exceeds
the circuit, so a silent member is never a surprise. When cars come and go, shares are lowered first; one is raised only when every
lowering is confirmed and every member's memory is known. After a restart nothing is confirmed until each member has answered; after
a restore the books are old, so each member is first brought down to the floor.

All sums are those on a phase: a member counts on each that its station stands on. It has one share for all of them, as a car draws the
same on each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.values import LEAST_SHARE_MA as FLOOR_MA
from harness.values import Circuit


class Group:
    """The server's books of one load group. Members are given by their indices."""

    __slots__ = (
        "_divided", "_divided_for", "active", "at_most", "capacity_ma", "confirmed", "first", "floored", "forgetful", "limits",
        "members", "on", "phases", "quirks", "remembered", "share", "waits",
    )  # fmt: skip

    def __init__(
        self, circuit: Circuit, phases: Mapping[int, tuple[int, ...]], limits: dict[int, int], forgetful: dict[int, int],
        quirks: tuple[str, ...],
    ) -> None:  # fmt: skip
        """``phases``: its members, and what each stands on; ``limits``: the most each can use; ``forgetful``: what a member draws offline
        whose model forgets its share."""
        self.members = tuple(phases)
        self.phases = dict(phases)
        self.on: dict[int, list[int]] = {}
        """Who stands on each phase."""
        for member, its in phases.items():
            for phase in its:
                self.on.setdefault(phase, []).append(member)
        self.capacity_ma = circuit.capacity_ma
        self.limits = limits
        self.forgetful = forgetful
        self.quirks = quirks
        self.first = dict(zip(self.members, circuit.even_shares_ma(list(phases.values())), strict=True))
        """What each member has from the start."""
        self.share = dict(self.first)
        """What each member was last told."""
        self.remembered = dict(self.first)
        """The largest share that each may remember."""
        self.at_most = {member: max(share, forgetful.get(member, 0)) for member, share in self.first.items()}
        """The most that each may draw: by what it remembers, or, where it may have forgotten, without a share."""
        self.confirmed = set(self.members)
        self.waits: dict[int, int] = {}
        """Shares sent and not confirmed."""
        self.active: set[int] = set()
        self.floored = False
        """The books are old: only the floor is safe."""
        self._divided_for: frozenset[int] = frozenset()
        self._divided: dict[int, int] = {}
        """The targets as last worked out, and for whom."""

    def targets(self) -> dict[int, int]:
        """What each member ought to have: those with a car share what the others' floor leaves."""
        if not self.active or self.floored:
            return dict.fromkeys(self.members, FLOOR_MA) if self.floored else dict(self.share)
        if self._divided_for != self.active:
            self._divided_for = frozenset(self.active)
            self._divided = self._divide()
        return self._divided

    def _divide(self) -> dict[int, int]:
        """The targets while these members have a car, and no other."""
        evens = {phase: self._even(there) for phase, there in self.on.items()}
        return {
            member: max(FLOOR_MA, min(self.limits[member], *(evens[phase] for phase in self.phases[member])))
            if member in self.active else FLOOR_MA
            for member in self.members
        }  # fmt: skip

    def _even(self, there: list[int]) -> int:
        """What each member with a car may have on the phase of these, where they all have the same."""
        active = [self.forgetful.get(member, 0) for member in there if member in self.active]
        spare = self.capacity_ma - sum(max(FLOOR_MA, self.forgetful.get(member, 0)) for member in there if member not in self.active)
        even = max(FLOOR_MA, spare // max(1, len(active)) // 1000 * 1000)
        while even > FLOOR_MA and sum(max(even, draws) for draws in active) > spare:
            even -= 1000
        return even

    def to_send(self) -> list[tuple[int, int]]:
        """The shares to send now: (member, mA). Lowerings first; raises only when all lowerings are confirmed."""
        targets = self.targets()
        lowered = [
            (member, targets[member]) for member in self.members
            if targets[member] < self.remembered[member] and self.waits.get(member) != targets[member]
        ]  # fmt: skip
        pending = lowered or any(share < self.remembered[member] for member, share in self.waits.items())
        unknown = len(self.confirmed) < len(self.members)
        if (pending or unknown) and "raises-share-before-lowering" not in self.quirks:
            return lowered
        spare = {phase: self.capacity_ma - sum(self.at_most[member] for member in there) for phase, there in self.on.items()}
        raised = []
        for member in self.members:
            if targets[member] <= self.remembered[member] or member in self.waits:
                continue
            more = max(0, targets[member] - self.at_most[member])
            if more <= min(spare[phase] for phase in self.phases[member]) or "raises-share-before-lowering" in self.quirks:
                raised.append((member, targets[member]))
                for phase in self.phases[member]:
                    spare[phase] -= more
        return lowered + raised

    def sent(self, member: int, share_ma: int) -> None:
        """A share goes out: from now on the member may remember it."""
        self.waits[member] = share_ma
        self.share[member] = share_ma
        self.remembered[member] = max(self.remembered[member], share_ma)
        self.at_most[member] = max(self.at_most[member], share_ma)

    def acknowledged(self, member: int, share_ma: int) -> None:
        """The member confirmed a share."""
        self.confirmed.add(member)
        if self.waits.get(member) == share_ma:
            del self.waits[member]
            self.remembered[member] = share_ma
            self.at_most[member] = max(share_ma, self.forgetful.get(member, 0))
            if self.floored and len(self.confirmed) == len(self.members) and not self.waits:
                self.floored = False

    def freed(self, member: int) -> None:
        """Wrongly: a member that went away counts as one without a car, which remembers the floor."""
        self.active.discard(member)
        self.remembered[member] = self.at_most[member] = FLOOR_MA

    def restarted(self, members: Sequence[int], *, restored: bool) -> None:
        """The server lost what it knew of these members: none is confirmed; after a restore the books are old too."""
        for member in members:
            if member in self.at_most:
                self.confirmed.discard(member)
                self.waits.pop(member, None)
        if restored and "restores-first-shares" in self.quirks:
            self.share, self.remembered, self.at_most = (dict(self.first) for _ in range(3))
        elif restored:
            self.floored = True
            self.confirmed.clear()
            self.waits.clear()
            self.remembered = dict.fromkeys(self.members, self.capacity_ma)
            self.at_most = dict(self.remembered)

    def to_repeat(self, member: int) -> int:
        """The share that a member is told when it returns."""
        return FLOOR_MA if self.floored else self.share[member]
