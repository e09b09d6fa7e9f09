"""Starts of charging are spread by a random delay (UK SI 2021/1467, regulation 11)."""

from __future__ import annotations

from harness.check.evidence import RELEASED, Evidence
from harness.check.obligation import Rule
from harness.check.words import moment, span
from harness.journal.records import Current

CLOCK_FAULTS = frozenset(("wrong-clock", "clock-lost"))
"""Under these a charger may take the hour for another."""

QUICK_SHARE = 6000
"""A start that comes within this part of the longest delay is quick. Now and then one is, by chance; many are not."""


class Starts:
    """The starts of the chargers under one rule."""

    __slots__ = ("failed", "quick", "seen")

    def __init__(self) -> None:
        self.seen = 0
        self.quick = 0
        self.failed = False

    def conspicuous(self) -> bool:
        """More quick starts than chance gives: two, and one more for each twenty starts."""
        return self.quick > 1 + self.seen // 20


def started(ev: Evidence, record: Current) -> None:
    """Current begins to flow: was that delayed, and not too long?"""
    profile = ev.profile
    longest_ms = profile.model.power_up.random_delay_ms
    if not longest_ms or ev.flags & RELEASED or ev.released_at >= 0 or ev.override_at >= 0:
        return  # its owner may override the delay
    if ev.held(record.t):
        return  # an injected restart made it forget the hold, or it does not obey: from when it was permitted nobody knows
    if ev.scheduled is not None and (ev.window(record.t, ev.scheduled) is not None or ev.touched & CLOCK_FAULTS):
        return  # by its clock it was permitted at a time that nobody else knows
    rule = ev.panel.rules["random-delay-applied"]
    if rule.memo is None:
        rule.memo = Starts()
    starts: Starts = rule.memo
    closed_at = max((closes for _, closes in ev.scheduled or () if closes <= record.t), default=-1)
    returned_at = max(ev.link_at, ev.recovered_at) if profile.model.power_up.delay_at_return and ev.link_online else -1
    surely = max(ev.plugged_at, ev.up_from, ev.authorised_at, closed_at, ev.held_until, returned_at)
    permitted = max(surely, ev.ordered_at, ev.service_at)  # these may have permitted it, or may have changed nothing
    delayed_ms = record.t - surely - profile.model.power_up.start_delay_ms
    slack_ms = profile.model.link.answer_timeout_ms + 2 * profile.latency_ms + (profile.noticing_ms if ev.outage else 0)
    bound = (longest_ms / 1000, "s")
    starts.seen += 1
    if record.t - permitted > rule.bound_ms + slack_ms:
        text = f"permitted at {moment(permitted)}, the car drew {span(delayed_ms)} later; at most {span(longest_ms)} were due"
        rule.tally.fail(rule, ev.name, record.t, text, ev.story(permitted, record.t, record), bound=bound)
    elif delayed_ms * QUICK_SHARE <= longest_ms + 2 * profile.latency_ms * QUICK_SHARE:
        starts.quick += 1
        if starts.conspicuous():
            starts.failed = True
            text = f"the start at {moment(record.t)} is one of {starts.quick} of {starts.seen} that came without a random delay"
            rule.tally.fail(rule, ev.name, record.t, text, ev.story(permitted, record.t, record), bound=bound)
    else:
        rule.met()
        rule.near(delayed_ms / 1000, *bound)


def closed(rule: Rule) -> None:
    """The run is over: quick starts that chance explains are left undecided."""
    starts: Starts | None = rule.memo
    if starts is not None and not starts.failed:
        for _ in range(starts.quick):
            rule.pending()
