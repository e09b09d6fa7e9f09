"""Temporal combinators: small state machines over predicates, fed instant by instant.

A predicate is any function of the facts at an instant; its value holds until the next instant. Each machine is fed ``(t, facts)``
with ``t`` rising and yields how obligations ended. A scenario's own checks (:class:`harness.values.CheckSpec`) are built of these; the
built-in ones rest on the same :class:`harness.check.obligation.Obligation`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from harness.check.obligation import Obligation, Outcome

F = TypeVar("F")
Condition = Callable[[F], bool]


class End(NamedTuple):
    """How an obligation ended. ``took_ms`` of ``bound_ms`` where it had a bound in time; ``goal_from``: when its goal last
    became true, −1 if it never did."""

    outcome: Outcome
    began: int
    at: int
    took_ms: int = 0
    bound_ms: int = 0
    goal_from: int = -1


class Machine(Generic[F]):
    """A combinator in one scope. ``open`` begins the scope, ``shut`` ends it, ``close`` ends it because the run is over, and
    ``cut`` because what comes next is not known: what is open is then pending."""

    def open(self, t: int, facts: F) -> list[End]:
        """The scope begins."""
        raise NotImplementedError

    def feed(self, t: int, facts: F) -> list[End]:
        """An instant within the scope."""
        raise NotImplementedError

    def shut(self, t: int) -> list[End]:
        """The scope ends."""
        raise NotImplementedError

    def close(self, t: int) -> list[End]:
        """The run is over."""
        return self.shut(t)

    def cut(self, t: int) -> list[End]:
        """The records end here, and the run does not."""
        return [end if end.outcome == "cancelled" else end._replace(outcome="pending") for end in self.shut(t)]


class _Once(Machine[F]):
    """One obligation for each opening of the scope."""

    def __init__(self, condition: Condition[F]) -> None:
        self._condition = condition
        self._began = -1

    def open(self, t: int, facts: F) -> list[End]:
        self._began = t
        return self.feed(t, facts)


class _Always(_Once[F]):
    def feed(self, t: int, facts: F) -> list[End]:
        if self._began < 0 or self._condition(facts):
            return []
        began, self._began = self._began, -1
        return [End("failed", began, t)]

    def shut(self, t: int) -> list[End]:
        began, self._began = self._began, -1
        if began < 0:
            return []
        return [End("met" if t > began else "cancelled", began, t)]


class _Sometimes(_Once[F]):
    def feed(self, t: int, facts: F) -> list[End]:
        if self._began < 0 or not self._condition(facts):
            return []
        began, self._began = self._began, -1
        return [End("met", began, t)]

    def shut(self, t: int) -> list[End]:
        began, self._began = self._began, -1
        return [] if began < 0 else [End("failed", began, t)]


class _Response(Machine[F]):
    """Each time the trigger becomes true: the goal within the bound and, given ``until``, on from then until that."""

    def __init__(self, trigger: Condition[F] | None, goal: Condition[F], within_ms: int, until: Condition[F] | None) -> None:
        self._trigger = trigger
        self._goal = goal
        self._within_ms = within_ms
        self._until = until
        self._was = False
        self._open: list[Obligation] = []
        self._shut = True

    def open(self, t: int, facts: F) -> list[End]:
        self._shut = False
        self._was = False
        if self._trigger is None:
            return self._begin(t, facts)
        return self.feed(t, facts)

    def feed(self, t: int, facts: F) -> list[End]:
        ends: list[End] = []
        if self._open:
            level = self._goal(facts)
            over = self._until is not None and self._until(facts)
            ends = self._each(lambda one: one.step(t, level, "end" if over else ""), t)
        if self._trigger is not None and not self._shut:
            now = self._trigger(facts)
            if now and not self._was:
                ends += self._begin(t, facts)
            self._was = now
        return ends

    def _begin(self, t: int, facts: F) -> list[End]:
        level = self._goal(facts)
        one = Obligation(t, level=level, deadline=t + self._within_ms, once=self._until is None)
        if one.once and level:
            return [End("met", t, t, 0, self._within_ms)]
        self._open.append(one)
        return []

    def _each(self, step: Callable[[Obligation], Outcome], t: int) -> list[End]:
        ends, kept = [], []
        for one in self._open:
            outcome = step(one)
            if outcome:
                at = one.failed_at if outcome == "failed" else t
                ends.append(End(outcome, one.began, at, one.worst or t - one.began, self._within_ms, one.level_from))
            else:
                kept.append(one)
        self._open = kept
        return ends

    def shut(self, t: int) -> list[End]:
        """Nothing is triggered any more; what was goes on."""
        self._shut = True
        return []

    def close(self, t: int) -> list[End]:
        return self._each(lambda one: one.close(t), t)

    def cut(self, t: int) -> list[End]:
        return self.close(t)


def always(condition: Condition[F]) -> Machine[F]:
    """The condition holds at every instant of the scope."""
    return _Always(condition)


def never(condition: Condition[F]) -> Machine[F]:
    """The condition holds at no instant of the scope."""
    return _Always(lambda facts: not condition(facts))


def sometimes(condition: Condition[F]) -> Machine[F]:
    """The condition holds at some instant of the scope."""
    return _Sometimes(condition)


def leads_to(trigger: Condition[F], goal: Condition[F], within_ms: int) -> Machine[F]:
    """Whenever the trigger becomes true, the goal holds at some instant within the bound."""
    return _Response(trigger, goal, within_ms, None)


def until(trigger: Condition[F], goal: Condition[F], release: Condition[F], within_ms: int = 0) -> Machine[F]:
    """Whenever the trigger becomes true, the goal holds within the bound and from then on until the release."""
    return _Response(trigger, goal, within_ms, release)


def after(goal: Condition[F], within_ms: int, release: Condition[F] | None = None) -> Machine[F]:
    """From the moment at which the scope opens: the goal within the bound and, given a release, on until that."""
    return _Response(None, goal, within_ms, release)


class During(Machine[F]):
    """A combinator while a condition is true: each stretch of it is a scope."""

    def __init__(self, scope: Condition[F], inner: Machine[F]) -> None:
        self._scope = scope
        self._inner = inner
        self._inside = False

    def open(self, t: int, facts: F) -> list[End]:
        return self.feed(t, facts)

    def feed(self, t: int, facts: F) -> list[End]:
        inside = self._scope(facts)
        was, self._inside = self._inside, inside
        if inside and not was:
            return self._inner.feed(t, facts) + self._inner.open(t, facts)
        if was and not inside:
            return self._inner.shut(t) + self._inner.feed(t, facts)
        return self._inner.feed(t, facts)

    def shut(self, t: int) -> list[End]:
        was, self._inside = self._inside, False
        return self._inner.shut(t) if was else []

    def close(self, t: int) -> list[End]:
        self._inside = False
        return self._inner.close(t)

    def cut(self, t: int) -> list[End]:
        self._inside = False
        return self._inner.cut(t)


def during(scope: Condition[F], inner: Machine[F]) -> Machine[F]:
    """The inner combinator, in each stretch in which the scope's condition is true."""
    return During(scope, inner)
