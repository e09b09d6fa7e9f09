"""The checks of what a charger does while its server is away, and after it is back.

Theory of operation. Each check sees the instants of a charger that may concern it (:attr:`Check.sees`) and starts obligations there;
the obligations are then stepped at every later instant, each asking its check whether its goal holds and whether it is over.

``scope`` says how long an obligation may outlive an outage. ``outage``: it belongs to one outage, and counts for nothing should that turn
out to be a blip. ``online``: the next loss ends it; a blip only restarts its running bound. ``always``: neither matters to it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from harness.check import evidence as ev_
from harness.check.evidence import Duty, Evidence
from harness.check.obligation import FOREVER, Ending, Outcome, Rule
from harness.check.words import moment, span

LEAVES = ev_.UNPLUGGED | ev_.MAINS_OFF | ev_.RECOVERY
"""The car is gone, mains is gone, or the outage is over."""


class Check:
    """A check that follows chargers from instant to instant."""

    name: ClassVar[str]
    scope: ClassVar[Literal["outage", "online", "always"]] = "outage"
    sees: ClassVar[int] = 0
    """The flags of the instants at which it may start an obligation."""
    spans: ClassVar[bool] = False
    """It sees every instant of an outage at which a car wants energy."""
    needs_car: ClassVar[bool] = True
    """It starts an obligation only with a car that is connected, or was until now."""
    again: ClassVar[bool] = True
    """It may start an obligation in the instant in which one ends."""
    aftermath: ClassVar[bool] = False
    """What ended a violation is shown with it."""
    bit: int = 0
    """Its place among the checks that have obligations."""

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        """The obligation that this instant starts."""
        raise NotImplementedError

    def level(self, ev: Evidence, duty: Duty) -> bool:
        """Whether the goal holds now."""
        return ev.ma > 0

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        """What this instant means for an obligation that is not yet at its known end."""
        raise NotImplementedError

    def step(self, ev: Evidence, t: int, duty: Duty) -> Outcome:
        """Bring an obligation to the end of this instant."""
        ending = self.ending(ev, t, duty)
        if not ending and t >= duty.until_at:
            ending = "end"
        outcome = duty.step(t, self.level(ev, duty), ending)
        if not outcome:
            self.excuse(ev, duty)
        return "cancelled" if outcome == "met" and not duty.shows else outcome

    def excuse(self, ev: Evidence, duty: Duty) -> None:
        """An injected restart is an excuse until its boot has ended and the start delay is over."""
        if duty.draws:
            bound_ms = duty.bound_ms if ev.up_from <= duty.from_ms else max(duty.bound_ms, ev.profile.start_ms)
            duty.base = max(duty.from_ms, ev.up_from)
            duty.deadline = duty.base + bound_ms

    def text(self, ev: Evidence, duty: Duty) -> str:
        """What should have happened and what did."""
        since = moment(duty.base)
        if duty.draws:
            erased = "; its hold counts as erased, as mains was lost" if ev.cut_hold is not None else ""
            drew = f"the car should draw by {moment(duty.deadline)}, {span(duty.bound_ms)} after {since}, and go on"
            return f"{drew}; it drew nothing then{erased}"
        return f"no current should flow from {moment(duty.deadline)} on; it drew {ev.was_ma / 1000:g} A"


def starved(ev: Evidence) -> bool:
    """The limit that applies offline, set before the loss or as its registration was put off, is less than the car charges with."""
    profile = ev.profile
    kind = profile.model.server_loss.limit
    chosen = ev.amperage_ack if kind in ("amperage", "lowest") or ev.configured() else 0
    stored = profile.offline_ma if kind in ("offline-amperage", "lowest") and not ev.configured() else 0
    return 0 < chosen < profile.minimum_ma or 0 < stored < profile.minimum_ma


def troubled(ev: Evidence) -> bool:
    """A fault acts on the charger's path or its server."""
    return bool(ev.acting) or bool(ev.shard.acting) or ev.shard.state != "up"


def wait_for_calm(ev: Evidence, duty: Duty) -> None:
    """A bound that is running does not run while a fault acts, nor from a restart to the registration after it, which the server's orders
    follow; it runs anew from then, or from a message that was struck."""
    running = not duty.level and ev.t <= duty.deadline
    if troubled(ev) or ev.needs_registration:
        if running or ev.flags & ev_.RESTART:
            duty.deadline = FOREVER
    elif duty.deadline == FOREVER or (running and ev.troubled_until > duty.base):
        calm_from = max(ev.t, ev.troubled_until)
        duty.base = max(calm_from, ev.up_from) if duty.draws else calm_from
        duty.deadline = duty.base + duty.bound_ms


def draws_from(ev: Evidence) -> int:
    """The latest of plug-in, noticing, power-up, authorisation, the hold's end and the return into service: from then on a car may draw
    offline."""
    asks_ms = ev.profile.model.link.answer_timeout_ms if ev.profile.authorises else 0  # before its own list decides
    return max(
        ev.plugged_at + asks_ms, ev.lost_by + ev.profile.noticing_ms, ev.up_from, ev.authorised_at, ev.held_until,
        ev.service_at + asks_ms,
    )  # fmt: skip


def offline(ev: Evidence, t: int) -> bool:
    """In an outage that the charger must have noticed by now, and working."""
    return ev.outage and ev.works(t) and t >= ev.lost_by + ev.profile.noticing_ms


def too_little(ev: Evidence) -> bool:
    """Its limit or its share is less than the car charges with: whatever else lets it, it draws nothing."""
    return starved(ev) or 0 < ev.share_ma < ev.profile.minimum_ma


def would_draw_by(ev: Evidence, base: int) -> int:
    """When a charger that, wrongly, lets the car charge from ``base`` on draws at the latest: not before its stored schedule does."""
    window = ev.window(base, ev.scheduled) if ev.scheduled is not None and not ev.overridden() else None
    return (base if window is None else window[1]) + ev.profile.start_ms


def charge_ending(ev: Evidence, t: int) -> Ending:
    """When a demand to draw during an outage is over."""
    if ev.flags & LEAVES or ev.full:
        return "end"
    if not ev.wants() or ev.held_from_before(t) or starved(ev):
        return "cancel"
    return ""


class ChargingContinues(Check):
    """A car draws at its charger's loss → it keeps drawing."""

    name = "charging-continues"
    sees = ev_.LOSS

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        if not ev.was_ma:
            return None
        return Duty(self, rule, t, level=True, base=t, bound_ms=0, draws=True)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if ev.scheduled is not None and not ev.overridden() and ev.window(t, ev.scheduled) is not None and not ev.flags & LEAVES:
            return "cancel"
        return charge_ending(ev, t)

    def text(self, ev: Evidence, duty: Duty) -> str:
        return f"the car drew when the server was lost at {moment(duty.began)} and should go on; it stopped"


class CanAlwaysCharge(Check):
    """During an outage a car wants energy and has no standing hold → it draws."""

    name = "can-always-charge"
    spans = True

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        if not ev.wants() or ev.held_from_before(t) or starved(ev):
            return None
        return Duty(self, rule, t, level=ev.ma > 0, base=draws_from(ev), bound_ms=rule.bound_ms, draws=True)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        return charge_ending(ev, t)


class HoldEndsOnTime(Check):
    """A car is held at loss → no current until the hold's own end; then it draws."""

    name = "hold-ends-on-time"
    sees = ev_.LOSS

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        hold = ev.held_by
        if hold is None or hold.command != "hold" or not ev.held(t) or not ev.wants():
            return None
        return Duty(self, rule, t, level=not ev.ma, base=t, bound_ms=0, draws=False, until_at=ev.held_until)

    def level(self, ev: Evidence, duty: Duty) -> bool:
        return (ev.ma > 0) == duty.draws

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if duty.draws:
            return charge_ending(ev, t)
        if ev.flags & ev_.HELD:
            duty.until_at = ev.held_until
        return "end" if ev.flags & (LEAVES | ev_.RELEASED) else ""

    def step(self, ev: Evidence, t: int, duty: Duty) -> Outcome:
        if duty.draws or t < duty.until_at:
            return super().step(ev, t, duty)
        wants = ev.wants() and not ev.flags & LEAVES
        outcome = duty.step(t, duty.level, "" if wants else "end")
        if not outcome:
            duty.demand(t, max(t, ev.up_from), duty.rule.bound_ms, level=ev.ma > 0)
        return outcome

    def text(self, ev: Evidence, duty: Duty) -> str:
        if duty.draws:
            return f"the hold ended at {moment(duty.from_ms)} and the car should draw within {span(duty.bound_ms)}; it did not"
        return f"the hold should stand until {moment(duty.until_at)}; the car drew {ev.was_ma / 1000:g} A before"


class TouSuspended(Check):
    """A hold window is open during the outage on a car without a standing hold → it draws on.

    The other half of this check, what becomes of commands, is in :mod:`harness.check.requests`.
    """

    name = "tou-suspended"
    spans = True

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        if not ev.tou_on or not ev.wants() or ev.held_from_before(t) or starved(ev):
            return None
        window = ev.window(t)
        if window is None:
            return None
        return Duty(
            self, rule, t, level=ev.ma > 0, base=max(draws_from(ev), window[0]), bound_ms=rule.bound_ms, draws=True, until_at=window[1]
        )

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        return charge_ending(ev, t) or ("cancel" if not ev.tou_on else "")

    def text(self, ev: Evidence, duty: Duty) -> str:
        return f"no hold window should stop this car during the outage; from {moment(duty.failed_at)} it drew nothing"


class UnplugClearsSchedule(Check):
    """Mains lost during the outage under a hold that would still stand → the car draws after power-up."""

    name = "unplug-clears-schedule"
    sees = ev_.MAINS_ON

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        if ev.cut_hold is None or not ev.outage or ev.cut_hold[1] <= ev.up_from or not ev.wants() or starved(ev):
            return None
        return Duty(self, rule, t, level=ev.ma > 0, base=ev.up_from, bound_ms=rule.bound_ms, draws=True)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        return charge_ending(ev, t)

    def text(self, ev: Evidence, duty: Duty) -> str:
        return (
            f"loss of mains erases the hold: the car should draw within {span(duty.bound_ms)} of the power-up at {moment(duty.base)};"
            " it did not"
        )


class _Schedule(Check):
    """The stored schedule applies: held in its windows, charging outside them."""

    spans = True
    cycled: ClassVar[bool]

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        windows = ev.scheduled
        if windows is None or ev.cycled != self.cycled or ev.overridden() or not ev.wants() or starved(ev):
            return None
        window = ev.window(t, windows)
        if window is not None:
            return Duty(self, rule, t, level=not ev.ma, base=t, bound_ms=0, draws=False, until_at=window[1])
        closed = max((closes for _, closes in windows if closes <= t), default=-1)
        base = max(draws_from(ev), closed)
        until_at = ev.next_edge(t, windows)
        duty = Duty(self, rule, t, level=ev.ma > 0, base=base, bound_ms=rule.bound_ms, draws=True, until_at=until_at)
        duty.shows = closed == t  # outside a window a charger without a schedule draws too: only that a hold has ended tells
        return duty

    def level(self, ev: Evidence, duty: Duty) -> bool:
        return (ev.ma > 0) == duty.draws

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if ev.flags & LEAVES or ev.full:
            return "end"
        return "cancel" if not ev.wants() or ev.flags & (ev_.COMMANDED | ev_.RESTART) else ""

    def text(self, ev: Evidence, duty: Duty) -> str:
        if duty.draws:
            return f"outside its hold windows the schedule lets the car draw by {moment(duty.deadline)}; it did not"
        return f"the schedule holds the car until {moment(duty.until_at)}; it drew {ev.was_ma / 1000:g} A"


class ScheduleRunsOffline(_Schedule):
    """During an outage the stored schedule goes on."""

    name = "schedule-runs-offline"
    cycled = False


class ScheduleSurvivesPowerCycle(_Schedule):
    """After a power cycle during an outage the stored schedule still applies."""

    name = "schedule-survives-power-cycle"
    cycled = True


class UnscheduledAfterPowerCut(Check):
    """After a power cut during an outage the car charges, whatever the schedule says."""

    name = "unscheduled-after-power-cut"
    sees = ev_.MAINS_ON

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        if not ev.outage or not ev.cycled or not ev.tou_on or not ev.wants() or starved(ev):
            return None
        return Duty(self, rule, t, level=ev.ma > 0, base=ev.up_from, bound_ms=rule.bound_ms, draws=True)

    def step(self, ev: Evidence, t: int, duty: Duty) -> Outcome:
        # Outside its windows a schedule would let the car draw as well.
        duty.shows = ev.window(duty.base) is not None or ev.next_edge(duty.base, ev.timetable.at(t)) < t
        return super().step(ev, t, duty)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        return charge_ending(ev, t)


class HoldLiftedAfterLoss(Check):
    """A car is held or paused at loss → once the loss is noticed it draws."""

    name = "hold-lifted-after-loss"
    sees = ev_.LOSS

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        if not ev.held(t) or not ev.wants() or starved(ev):
            return None
        return Duty(self, rule, t, level=ev.ma > 0, base=ev.lost_by + ev.profile.noticing_ms, bound_ms=rule.bound_ms, draws=True)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if ev.flags & LEAVES or ev.full:
            return "end"
        return "" if ev.wants() else "cancel"

    def excuse(self, ev: Evidence, duty: Duty) -> None:
        """A charger that an injected restart stopped has to notice the loss anew."""
        if ev.up_from > duty.began:
            duty.base = max(duty.from_ms, ev.up_from + ev.profile.noticing_ms)
            duty.deadline = duty.base + duty.bound_ms

    def text(self, ev: Evidence, duty: Duty) -> str:
        return f"the loss is noticed by {moment(duty.base)}; the pause should be lifted and the car draw {span(duty.bound_ms)} later"


class Idle(Check):
    """No current flows."""

    def level(self, ev: Evidence, duty: Duty) -> bool:
        return not ev.ma


class _IdleOffline(Idle):
    """No current flows while the server is away. It shows something only once a charger that lets the car charge would have begun."""

    def charges_from(self, ev: Evidence) -> int:
        """From when such a charger lets it charge."""
        raise NotImplementedError

    def step(self, ev: Evidence, t: int, duty: Duty) -> Outcome:
        if not ev.flags & (LEAVES | ev_.RESTART):
            duty.from_ms = would_draw_by(ev, self.charges_from(ev))
        duty.shows = t > duty.from_ms
        return super().step(ev, t, duty)


class PauseKeptOffline(_IdleOffline):
    """A pause stands at loss → no current until it is lifted, or the car or mains is gone, or the server is back."""

    name = "pause-kept-offline"
    sees = ev_.LOSS

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        pause = ev.held_by
        if pause is None or pause.command != "pause" or not ev.held(t) or not ev.wants() or too_little(ev):
            return None
        return Duty(self, rule, t, level=not ev.ma, base=t, bound_ms=0)

    def charges_from(self, ev: Evidence) -> int:
        return ev.lost_by + ev.profile.noticing_ms

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if ev.flags & (LEAVES | ev_.RELEASED):
            return "end"
        return "cancel" if not ev.wants() or too_little(ev) or ev.flags & ev_.RESTART else ""

    def text(self, ev: Evidence, duty: Duty) -> str:
        return f"paused before the loss at {moment(duty.began)}, the car should not charge; it drew {ev.was_ma / 1000:g} A"


class NewSessionRefusedOffline(_IdleOffline):
    """A car is plugged in once the loss must have been noticed → it draws nothing until the server is back."""

    name = "new-session-refused-offline"
    sees = ev_.PLUGGED

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        if not offline(ev, t) or not ev.in_service or too_little(ev):
            return None
        return Duty(self, rule, t, level=not ev.ma, base=t, bound_ms=0)

    def charges_from(self, ev: Evidence) -> int:
        return draws_from(ev)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if ev.flags & (LEAVES | ev_.RESTART):
            return "end"
        return "cancel" if not ev.in_service or too_little(ev) else ""

    def text(self, ev: Evidence, duty: Duty) -> str:
        return f"plugged in at {moment(duty.began)}, in an outage, the car should wait for the server; it drew {ev.was_ma / 1000:g} A"


class UnknownTagChargesOffline(Check):
    """A car comes in an outage with a tag that the charger does not know → it draws."""

    name = "unknown-tag-charges-offline"
    sees = ev_.PLUGGED

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        if not ev.profile.unknown or not offline(ev, t) or not self.may(ev, t):
            return None
        return Duty(self, rule, t, level=ev.ma > 0, base=draws_from(ev), bound_ms=rule.bound_ms, draws=True)

    @staticmethod
    def may(ev: Evidence, t: int) -> bool:
        """Nothing but its tag keeps the car from charging."""
        return ev.in_service and ev.mains and not ev.barred and not too_little(ev) and not ev.held_from_before(t)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if ev.flags & LEAVES or ev.full:
            return "end"
        return "" if self.may(ev, t) and not ev.flags & ev_.RESTART else "cancel"

    def text(self, ev: Evidence, duty: Duty) -> str:
        return f"without its server the charger should take any tag: the car should draw by {moment(duty.deadline)}; it drew nothing then"


class ReplugOverrides(Check):
    """In an outage, in a window of the stored schedule, the plug gives the order to charge now → the car draws."""

    name = "replug-overrides"
    sees = ev_.PLUGGED

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        window = ev.window(t, ev.scheduled) if ev.scheduled is not None else None
        if not ev.outage or ev.released_at != t or window is None or not ev.wants() or starved(ev):
            return None
        return Duty(self, rule, t, level=ev.ma > 0, base=draws_from(ev), bound_ms=rule.bound_ms, draws=True, until_at=window[1])

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        ending = charge_ending(ev, t)
        return "cancel" if not ending and ev.flags & (ev_.RESTART | ev_.COMMANDED) else ending

    def text(self, ev: Evidence, duty: Duty) -> str:
        by = moment(duty.deadline)
        return f"plugged in again at {moment(duty.began)} to charge now, the car should draw by {by}; it drew nothing then"


class RandomDelayAtReturn(Idle):
    """A car draws when the server is back → it stops for a random delay."""

    name = "random-delay-at-return"
    scope = "online"
    sees = ev_.LINKED | ev_.RECOVERY

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        if not ev.link_online or ev.outage or ev.flags & ev_.BLIP or not ev.was_ma or not ev.wants():
            return None
        return Duty(self, rule, t, level=not ev.ma, base=t, bound_ms=rule.bound_ms, once=True)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if t > duty.began and (ev.flags & (ev_.UNPLUGGED | ev_.MAINS_OFF | ev_.RESTART) or ev.full):
            return "cancel"
        return ""

    def text(self, ev: Evidence, duty: Duty) -> str:
        return f"the server is back at {moment(duty.began)}: the charge should stop for a random delay; it went on"


class Within(Check):
    """The current stays within a limit. Met only where the car drew, as otherwise nothing was shown."""

    def level(self, ev: Evidence, duty: Duty) -> bool:
        return ev.ma <= duty.limit_ma

    def step(self, ev: Evidence, t: int, duty: Duty) -> Outcome:
        if ev.was_ma and t > duty.deadline:
            duty.seen_ma = max(duty.seen_ma, ev.was_ma)
        duty.shows = duty.seen_ma > 0
        return super().step(ev, t, duty)

    def text(self, ev: Evidence, duty: Duty) -> str:
        drawn = f"{max(ev.was_ma, ev.ma) / 1000:g} A"
        return f"the current should stay within {duty.limit_ma / 1000:g} A from {moment(duty.deadline)} on; it was {drawn}"


class OfflineLimitApplies(Within):
    """Once the loss is noticed the current stays within the stored offline amperage."""

    name = "offline-limit-applies"
    spans = True

    @staticmethod
    def connected(ev: Evidence) -> bool:
        """Its connection is open again: with that the server says that it is back, though it has not answered anything yet."""
        return ev.profile.model.link.transport == "websocket" and ev.link_online and ev.link_at > ev.since

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        limit_ma = rule.bound_ma or ev.profile.offline_ma
        if not limit_ma or not ev.wants() or ev.configured() or ev.profile.alone_ma <= limit_ma or self.connected(ev):
            return None
        base = max(t, ev.lost_by + ev.profile.noticing_ms)
        return Duty(self, rule, t, level=ev.ma <= limit_ma, base=base, bound_ms=0, early=False, limit_ma=limit_ma)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if ev.flags & LEAVES or ev.full or self.connected(ev):
            return "end"
        return "cancel" if ev.configured() else ""


class SettingsRemembered(Within):
    """Power-up with a car that alone would draw more → its current is bound by what was set before."""

    name = "settings-remembered"
    scope = "always"
    sees = ev_.MAINS_ON | ev_.RESTART

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        wire_ma, share_ma = ev.profile.wire_ma, ev.share_ma
        limit_ma = rule.bound_ma or (min(wire_ma, share_ma) if share_ma else wire_ma)
        if not ev.wants() or ev.profile.alone_ma <= limit_ma:
            return None
        return Duty(self, rule, t, level=ev.ma <= limit_ma, base=t, bound_ms=0, limit_ma=limit_ma)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        again = t > duty.began and ev.flags & ev_.RESTART
        return "end" if again or ev.flags & (ev_.COMMANDED | ev_.UNPLUGGED | ev_.MAINS_OFF) or ev.full else ""


class AvailabilityKept(Idle):
    """Power-up of a station that is out of service, a car connected → no current until it is put back."""

    name = "availability-kept"
    scope = "always"
    sees = ev_.MAINS_ON | ev_.RESTART | ev_.PLUGGED

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        if ev.in_service or ev.up_from <= ev.service_at or not ev.hungry():
            return None
        return Duty(self, rule, t, level=not ev.ma, base=t, bound_ms=0)

    def step(self, ev: Evidence, t: int, duty: Duty) -> Outcome:
        duty.shows = t > max(duty.began, ev.up_from) + ev.profile.start_ms  # a charger that has forgotten it draws by then
        return super().step(ev, t, duty)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if ev.in_service or ev.flags & (ev_.UNPLUGGED | ev_.MAINS_OFF) or (t > duty.began and ev.flags & ev_.RESTART):
            return "end"
        return "" if ev.hungry() else "cancel"

    def text(self, ev: Evidence, duty: Duty) -> str:
        return f"out of service before its restart, the station should charge no car until it is put back; it drew {ev.ma / 1000:g} A"


class _Override(Check):
    """What the server's memory of an override means after a recovery."""

    scope = "online"

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if ev.flags & (ev_.UNPLUGGED | ev_.MAINS_OFF):
            return "end"
        if ev.forgot_at > duty.began or ev.flags & ev_.TOU_CHANGED:
            return "cancel"
        if not duty.draws:
            return "end" if ev.flags & ev_.OVERRIDDEN else ""
        if ev.full or (ev.flags & ev_.OVERRIDDEN and ev.paused_at >= 0):
            return "end"
        return "" if ev.wants() and not 0 < ev.amperage_ma < ev.profile.minimum_ma else "cancel"

    def level(self, ev: Evidence, duty: Duty) -> bool:
        return (ev.ma > 0) == duty.draws

    def excuse(self, ev: Evidence, duty: Duty) -> None:
        if duty.deadline < FOREVER:
            running_anew = (duty.base, duty.deadline)
            super().excuse(ev, duty)
            if duty.deadline < running_anew[1]:  # a message that was struck before has moved it further
                duty.base, duty.deadline = running_anew
        wait_for_calm(ev, duty)

    def window_left(self, ev: Evidence, t: int, rule: Rule) -> int:
        """The end of the hold window that is open and has at least the bound left; 0: there is none."""
        window = ev.window(t) if ev.tou_on and ev.wants() and not ev.swapped else None
        if window is None:
            return 0
        closes = min(window[1], ev.timetable.next_announcement_ms(t) or window[1])  # what is announced then may end it sooner
        return closes if closes - t >= rule.bound_ms else 0

    def drawing(self, ev: Evidence, t: int, rule: Rule, until_at: int) -> Duty:
        """The demand that an override be followed."""
        base = max(t, ev.up_from)
        return Duty(self, rule, t, level=ev.ma > 0, base=base, bound_ms=rule.bound_ms, draws=True, until_at=until_at)


class OverrideNeededAfterRecovery(_Override):
    """After recovery in a hold window the car is held again; a new override lets it draw."""

    name = "override-needed-after-recovery"
    sees = ev_.RECOVERY | ev_.OVERRIDDEN | ev_.MAINS_ON

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        closes = 0 if ev.outage or ev.flags & ev_.BLIP else self.window_left(ev, t, rule)
        if not closes:
            return None
        override_at = ev.override()
        if override_at < 0:
            if ev.in_doubt() or not ev.flags & ev_.RECOVERY:
                return None
            return Duty(self, rule, t, level=not ev.ma, base=t, bound_ms=rule.bound_ms, early=False, until_at=closes)
        if ev.recovered_at < 0 or override_at < ev.recovered_at:
            return None
        return self.drawing(ev, t, rule, closes)

    def text(self, ev: Evidence, duty: Duty) -> str:
        if duty.draws:
            return f"the driver overrode after the recovery: the car should draw by {moment(duty.deadline)} and go on; it did not"
        return (
            f"after the recovery at {moment(duty.began)} the car should be held from {moment(duty.deadline)} on, until its driver"
            f" overrides; it drew at {moment(duty.failed_at)}"
        )


class OverrideKept(_Override):
    """The server kept its memory → an earlier override still stands after recovery."""

    name = "override-kept"
    sees = ev_.RECOVERY

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        closes = 0 if ev.outage or ev.flags & ev_.BLIP or ev.override() < 0 else self.window_left(ev, t, rule)
        return self.drawing(ev, t, rule, closes) if closes else None

    def text(self, ev: Evidence, duty: Duty) -> str:
        return f"the server still knows the override: the car should draw by {moment(duty.deadline)} and go on; it did not"


class SettingsConverge(Check):
    """All is settled → server and charger agree on every setting. Whoever learns of the settling asks it to start."""

    name = "settings-converge"
    scope = "online"

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        if not ev.mains or ev.outage:
            return None
        return Duty(self, rule, t, level=not disagreement(ev, t), base=t, bound_ms=rule.bound_ms, once=True)

    def level(self, ev: Evidence, duty: Duty) -> bool:
        return not disagreement(ev, ev.t)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        changes = ev_.UNPLUGGED | ev_.PLUGGED | ev_.MAINS_OFF | ev_.RESTART | ev_.ASKED | ev_.FAULTED
        return "cancel" if ev.flags & changes and t > duty.began else ""

    def text(self, ev: Evidence, duty: Duty) -> str:
        return f"settled at {moment(duty.began)}, server and charger should agree by {moment(duty.deadline)}: {disagreement(ev, ev.t)}"


def disagreement(ev: Evidence, t: int) -> str:
    """In what the server and the charger differ, as far as what was accepted and acknowledged tells; empty: in nothing."""
    if ev.wanted_ma != ev.amperage_told:
        return f"the server stores an amperage of {ev.wanted_ma / 1000:g} A, the charger last acknowledged {ev.amperage_told / 1000:g} A"
    ordered = ev.profile.model.tou in ("hold", "pause")
    if ev.profile.schedules and (ev.scheduled is not None) != ev.tou_on:
        return f"time-of-use charging is {'on' if ev.tou_on else 'off'} at the server and not so at the charger"
    unknown = ev.swapped or ev.announced != ev.plug_in or ev.in_doubt() or ev.pause_unsure or (ordered and "wrong-clock" in ev.touched)
    if unknown or not ev.wants():
        return ""
    should = ev.paused_at >= 0 or (ordered and ev.tou_on and ev.override_at < 0 and ev.window(t) is not None)
    if should != ev.held(t):
        return "the car should be held and no hold stands" if should else "a hold stands that should not"
    return ""


class ReconnectsInTime(Check):
    """Server, path and power are back → the charger is online, registered if it restarted, within the bound."""

    name = "reconnects-in-time"
    aftermath = True
    needs_car = False
    scope = "always"
    again = False
    sees = ev_.RECOVERY | ev_.LINKED | ev_.FAULTED | ev_.MAINS_ON | ev_.UP | ev_.RESTART

    def start(self, ev: Evidence, t: int, rule: Rule) -> Duty | None:
        back = ev.flags & ev_.RECOVERY
        if back and not ev.flags & ev_.BLIP and troubled(ev):
            rule.tally.troubled += 1
        if not ev.mains or troubled(ev) or ev.flags & ev_.BLIP or (self.online(ev) and not back):
            return None
        since = ev.since if ev.outage or back else ev.link_at
        base = max(since, ev.troubled_until, ev.shard.back_at, ev.put_off_until, ev.up_from)
        if base >= FOREVER:
            return None
        return Duty(self, rule, min(base, t), level=False, base=base, bound_ms=rule.bound_ms, once=True, record=ev.put_off)

    @staticmethod
    def online(ev: Evidence) -> bool:
        """In touch with the server in truth, and registered since the last restart."""
        return not ev.outage and ev.link_online and not ev.needs_registration

    def level(self, ev: Evidence, duty: Duty) -> bool:
        return self.online(ev)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        if ev.flags & (ev_.MAINS_OFF | ev_.BLIP) or troubled(ev):
            return "cancel"
        return "cancel" if t > duty.began and ev.flags & ev_.RESTART else ""

    def excuse(self, ev: Evidence, duty: Duty) -> None:
        duty.base = max(duty.from_ms, ev.up_from, ev.troubled_until)
        duty.deadline = duty.base + duty.bound_ms

    def text(self, ev: Evidence, duty: Duty) -> str:
        late = f", but at {moment(ev.t)}" if self.online(ev) else ""
        since = "server, path and power were back" + (", and it was to ask again," if duty.record is not None else "")
        return f"{since} at {moment(duty.base)}; the charger was not online by {moment(duty.deadline)}{late}"


CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        ChargingContinues(), CanAlwaysCharge(), HoldEndsOnTime(), TouSuspended(), UnplugClearsSchedule(), ScheduleRunsOffline(),
        ScheduleSurvivesPowerCycle(), UnscheduledAfterPowerCut(), HoldLiftedAfterLoss(), OfflineLimitApplies(), SettingsRemembered(),
        AvailabilityKept(), OverrideNeededAfterRecovery(), OverrideKept(), SettingsConverge(), ReconnectsInTime(), PauseKeptOffline(),
        NewSessionRefusedOffline(), UnknownTagChargesOffline(), ReplugOverrides(), RandomDelayAtReturn(),
    )
}  # fmt: skip
"""Name → check."""
for _place, _check in enumerate(CHECKS.values()):
    _check.bit = 1 << _place
