"""The load group: under no interleaving may what the members remember exceed the circuit."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.values import Circuit
from harness.world.group import FLOOR_MA, Group


def group_of(members: int, capacity_ma: int, *, limit_ma: int = 32_000, quirks: tuple[str, ...] = ()) -> Group:
    return books(capacity_ma, dict.fromkeys(range(members), limit_ma), quirks=quirks)


def books(
    capacity_ma: int, limits: dict[int, int], *, forgetful: dict[int, int] | None = None, phases: dict[int, tuple[int, ...]] | None = None,
    quirks: tuple[str, ...] = (),
) -> Group:  # fmt: skip
    """The books of a group whose members stand on one phase, unless said otherwise."""
    circuit = Circuit(name="house", members=(), capacity_ma=capacity_ma)
    return Group(circuit, phases or dict.fromkeys(limits, (0,)), limits, forgetful or {}, quirks)


def carry_out(group: Group) -> list[tuple[int, int]]:
    """Deliver and confirm all that the server wants sent, until it wants nothing more. Returns what was sent."""
    sent: list[tuple[int, int]] = []
    while orders := group.to_send():
        assert len(sent) < 100, "the server never has done"
        for member, share_ma in orders:
            group.sent(member, share_ma)
        for member, share_ma in orders:
            group.acknowledged(member, share_ma)
        sent += orders
    return sent


def test_at_the_start_the_circuit_is_shared_evenly_in_whole_amperes():
    group = group_of(3, 50_000)
    assert group.share == {0: 16_000, 1: 16_000, 2: 16_000}


def test_those_with_a_car_share_what_the_floor_of_the_others_leaves():
    group = group_of(3, 50_000)
    group.active = {0}
    assert group.targets() == {0: 32_000, 1: FLOOR_MA, 2: FLOOR_MA}
    group.active = {0, 2}
    assert group.targets() == {0: 22_000, 1: FLOOR_MA, 2: 22_000}


def test_a_share_is_no_more_than_the_member_can_use():
    group = group_of(2, 60_000, limit_ma=16_000)
    group.active = {0}
    assert group.targets() == {0: 16_000, 1: FLOOR_MA}


def test_without_any_car_nothing_is_sent():
    assert group_of(2, 32_000).to_send() == []


def test_a_raise_waits_until_every_lowering_is_confirmed():
    group = group_of(3, 48_000)
    group.active = {0}
    assert group.to_send() == [(1, FLOOR_MA), (2, FLOOR_MA)]
    group.sent(1, FLOOR_MA)
    group.sent(2, FLOOR_MA)
    group.acknowledged(1, FLOOR_MA)
    assert group.to_send() == []
    group.acknowledged(2, FLOOR_MA)
    assert group.to_send() == [(0, 32_000)]


def test_a_raise_waits_until_every_memory_is_known():
    group = group_of(2, 40_000)
    group.active = {0}
    carry_out(group)
    group.restarted([0, 1], restored=False)
    group.active = {0, 1}
    assert group.to_send() == [(0, 20_000)]
    group.sent(0, 20_000)
    group.acknowledged(0, 20_000)
    assert group.to_send() == []
    group.acknowledged(1, FLOOR_MA)
    assert group.to_send() == [(1, 20_000)]


def test_after_a_restore_all_come_down_to_the_floor_before_one_is_raised():
    group = group_of(2, 40_000)
    group.active = {0}
    group.restarted([0, 1], restored=True)
    assert group.to_repeat(0) == FLOOR_MA
    assert carry_out(group)[:2] == [(0, FLOOR_MA), (1, FLOOR_MA)]
    assert group.share == {0: 32_000, 1: FLOOR_MA}


def test_an_old_confirmation_does_not_confirm_a_newer_share():
    group = group_of(2, 40_000)
    group.active = {0}
    group.sent(1, 10_000)
    group.sent(1, FLOOR_MA)
    group.acknowledged(1, 10_000)
    assert group.at_most[1] == 20_000


def test_a_member_that_forgets_its_share_counts_at_what_it_draws_without_one():
    group = books(54_000, {0: 32_000, 1: 22_000}, forgetful={1: 22_000})
    group.active = {0}
    carry_out(group)
    assert group.at_most[1] == 22_000
    assert group.share == {0: 32_000, 1: FLOOR_MA}


def test_the_wrong_server_raises_at_once():
    group = group_of(2, 40_000, quirks=("raises-share-before-lowering",))
    group.active = {0}
    assert group.to_send() == [(1, FLOOR_MA), (0, 32_000)]


@pytest.mark.parametrize("capacity_ma", [18_000, 40_000, 70_000, 200_000])
def test_once_all_is_confirmed_everyone_has_what_he_ought_to(capacity_ma):
    group = group_of(3, capacity_ma)
    for active in ({0}, {0, 1, 2}, {2}, {1, 2}, {0}):
        group.active = active
        carry_out(group)
        assert group.share == group.targets()
        assert sum(group.share.values()) <= capacity_ma


def test_members_on_different_phases_take_nothing_from_one_another():
    group = books(32_000, dict.fromkeys(range(3), 32_000), phases={0: (0,), 1: (1,), 2: (2,)})
    assert group.first == dict.fromkeys(range(3), 32_000)
    group.active = {0, 1, 2}
    carry_out(group)
    assert group.share == dict.fromkeys(range(3), 32_000)


def test_a_station_on_three_phases_has_what_the_fullest_of_them_leaves():
    group = books(40_000, dict.fromkeys(range(4), 32_000), phases={0: (0, 1, 2), 1: (0,), 2: (0,), 3: (1,)})
    assert group.first == {0: 13_000, 1: 13_000, 2: 13_000, 3: 20_000}
    group.active = {0, 1, 3}
    carry_out(group)
    assert group.share == {0: 17_000, 1: 17_000, 2: FLOOR_MA, 3: 20_000}
    group.active = {3}
    carry_out(group)
    assert group.share == {0: FLOOR_MA, 1: FLOOR_MA, 2: FLOOR_MA, 3: 32_000}


class Interleavings(RuleBasedStateMachine):
    """The server's books against what members really remember.

    Orders to one member arrive in the order in which they were sent, or are lost; so do acknowledgements. A restart breaks
    connections: acknowledgements under way are lost with them, while an order under way may still arrive.
    """

    @initialize(members=st.integers(2, 4), spare_ma=st.integers(0, 40_000), data=st.data())
    def build(self, members: int, spare_ma: int, data: st.DataObject) -> None:
        limits = {member: 1000 * data.draw(st.integers(6, 40)) for member in range(members)}
        forgetful = {member: limits[member] for member in range(members) if data.draw(st.booleans())}
        self.phases = {member: data.draw(st.sampled_from([(0,), (1,), (0, 1, 2)])) for member in range(members)}
        self.group = books(FLOOR_MA * members + spare_ma, limits, forgetful=forgetful, phases=self.phases)
        while self.most(self.group.at_most) > self.group.capacity_ma:  # a scenario with such a group is refused
            self.group = books(self.group.capacity_ma + 1000, limits, forgetful=forgetful, phases=self.phases)
        self.remembers = dict(self.group.share)
        self.orders: dict[int, deque[int]] = {member: deque() for member in range(members)}
        self.answers: dict[int, deque[int]] = {member: deque() for member in range(members)}
        self.members = members

    def most(self, draws: dict[int, int]) -> int:
        """The sum on the phase that has most to carry."""
        return max(sum(ma for member, ma in draws.items() if phase in self.phases[member]) for phase in range(3))

    def send(self, orders: list[tuple[int, int]]) -> None:
        for member, share_ma in orders:
            assert share_ma >= FLOOR_MA
            self.group.sent(member, share_ma)
            self.orders[member].append(share_ma)

    @rule(member=st.integers(0, 3), comes=st.booleans())
    def car(self, member: int, comes: bool) -> None:
        (self.group.active.add if comes else self.group.active.discard)(member % self.members)
        self.send(self.group.to_send())

    @rule(member=st.integers(0, 3), arrives=st.booleans())
    def order(self, member: int, arrives: bool) -> None:
        orders = self.orders[member % self.members]
        if orders:
            share_ma = orders.popleft()
            if arrives:
                self.remembers[member % self.members] = share_ma
                self.answers[member % self.members].append(share_ma)

    @rule(member=st.integers(0, 3), arrives=st.booleans())
    def answer(self, member: int, arrives: bool) -> None:
        answers = self.answers[member % self.members]
        if answers:
            share_ma = answers.popleft()
            if arrives:
                self.group.acknowledged(member % self.members, share_ma)
                self.send(self.group.to_send())

    @rule(member=st.integers(0, 3))
    def returns(self, member: int) -> None:
        self.send([(member % self.members, self.group.to_repeat(member % self.members))])

    @rule(member=st.integers(0, 3))
    def forgets(self, member: int) -> None:
        member %= self.members
        if member in self.group.forgetful:
            self.remembers[member] = self.group.forgetful[member]

    @rule(restored=st.booleans(), whole=st.booleans())
    def restart(self, restored: bool, whole: bool) -> None:
        for member in range(self.members if whole else 1):
            self.answers[member].clear()
        self.group.restarted(range(self.members if whole else 1), restored=restored)

    @precondition(lambda self: hasattr(self, "group"))
    @invariant()
    def the_circuit_is_never_exceeded(self) -> None:
        worst = {member: max(self.remembers[member], *self.orders[member], 0) for member in self.remembers}
        assert self.most(worst) <= self.group.capacity_ma

    def teardown(self) -> None:
        """In the end, with nothing lost any more, everybody gets what he ought to."""
        if not hasattr(self, "group") or self.group.forgetful:
            return
        for _ in range(6):
            for member in range(self.members):
                self.returns(member)
            for member in range(self.members):
                while self.orders[member] or self.answers[member]:
                    self.order(member, True)
                    self.answer(member, True)
        assert self.remembers == self.group.share == self.group.targets()


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
