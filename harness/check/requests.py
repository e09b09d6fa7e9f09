"""What becomes of a driver's requests in the app during an outage: the second half of ``tou-suspended``.

With the server down a request is refused visibly, and no later message carries *that* request. In doubt (a hang, a lost answer) it takes
effect at most once. Accepted while only the charger is cut off, it is in effect within the bound after the recovery, unless a
restart of the server forgot it, a later request replaced it, or its car is gone, the one that the server took it to be about.
"""

from __future__ import annotations

from harness.check import evidence as ev_
from harness.check.evidence import Duty, Evidence
from harness.check.obligation import Ending, Rule
from harness.check.outage import Check, wait_for_calm
from harness.check.words import moment
from harness.journal.records import Action, AnyRecord, Command


def subject(asked: Action) -> str:
    """What a request is about: a later one about the same takes its place. An override and a pause undo each other."""
    return "override" if asked.action == "pause" else asked.action


def forgotten(ev: Evidence, asked: Action) -> bool:
    """A restart of the server, a backup that came back, or the loss of its settings made it forget what it had taken in."""
    if asked.t <= ev.wiped_at:
        return True
    if ev.forgot_at < asked.t:
        return False
    cell = {"set-amperage": "amperage", "set-tou": "tou"}.get(asked.action, asked.action)
    return cell == "override" or cell in ev.profile.forgets or ev.restored_at > asked.t


class Request:
    """A request made during an outage."""

    __slots__ = ("accepted", "asked", "closed", "pending", "plug_in")

    def __init__(self, asked: Action, plug_in: int) -> None:
        self.asked = asked
        self.plug_in = plug_in
        """Which car the server took it to be about, if about any: it may not know yet that that one has gone."""
        self.accepted = 0
        """How often the server has taken it in."""
        self.pending = asked.outcome == "accepted"
        """The server took it in, and the charger could not be told."""
        self.closed = False


class Requests:
    """The requests that a charger's driver made during outages."""

    __slots__ = ("rule", "seen")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.seen: list[Request] = []

    def asked(self, ev: Evidence, action: Action) -> None:
        """A driver asked for something, or the server took in later what had been in doubt."""
        for request in self.seen:
            if request.asked.number == action.number:
                self._again(ev, request, action)
                return
        if not ev.outage or action.outcome == "none" or action.action == "swipe":
            return
        request = Request(action, ev.announced if action.action in ("override", "pause") else 0)
        self.seen.append(request)
        if ev.shard.state == "down" and ev.shard.state_at < action.t and action.outcome != "refused":
            self._fail(ev, request, f"the server was down and the {action.action} was not refused visibly", action)

    def _again(self, ev: Evidence, request: Request, action: Action) -> None:
        if action.outcome != "accepted":
            return
        request.accepted += 1
        if request.asked.outcome == "refused":
            self._fail(ev, request, f"a refused {action.action} was carried out after all, at {moment(action.t)}", action)
        elif request.accepted > 1:
            self._fail(ev, request, f"a {action.action} in doubt was carried out more than once", action)

    def commanded(self, ev: Evidence, command: Command) -> None:
        """The charger acknowledged a command."""
        if not command.origin:
            return
        for request in self.seen:
            if request.asked.number == command.origin and request.asked.outcome == "refused":
                text = f"a refused {request.asked.action} reached the charger at {moment(command.t)}"
                self._fail(ev, request, text, command)

    def recovered(self, ev: Evidence, t: int, *, blip: bool) -> list[Duty]:
        """The outage is over: what the server took in must now come into effect."""
        duties = []
        last = {subject(request.asked): request for request in self.seen if request.pending}
        for request in self.seen:
            if request.closed:
                continue
            replaced = request.pending and last[subject(request.asked)] is not request
            of_another = request.plug_in != 0 and (request.plug_in != ev.plug_in or not ev.connected)
            lost = request.pending and (of_another or forgotten(ev, request.asked))
            if (blip and request.asked.t >= ev.since) or replaced or lost:
                request.closed = True
                self.rule.cancelled()
            elif request.pending:
                request.closed = True
                rule = self.rule
                bound_ms = EFFECT.bound_ms(ev)
                level = EFFECT.in_effect(ev, request.asked)
                duty = Duty(EFFECT, rule, t, level=level, base=t, bound_ms=bound_ms, once=True, record=request.asked)
                EFFECT.excuse(ev, duty)
                duties.append(duty)
        self.seen = [request for request in self.seen if not request.closed]
        return duties

    def close(self, *, complete: bool = True) -> None:
        """The run is over: what was refused stayed refused, what was in doubt happened at most once.

        Of a run that was cut off (not ``complete``) nobody knows yet.
        """
        for request in self.seen:
            if request.closed:
                continue
            if request.pending or not complete:
                self.rule.pending()
            else:
                self.rule.met()

    def _fail(self, ev: Evidence, request: Request, text: str, record: AnyRecord) -> None:
        if not request.closed:
            request.closed = True
            story = ev.story(request.asked.t, record.t, request.asked, record)
            self.rule.tally.fail(self.rule, ev.name, record.t, text, story)


class _Effect(Check):
    """A request that the server took in while the charger was cut off is in effect after the recovery."""

    name = "tou-suspended"
    scope = "online"

    @staticmethod
    def bound_ms(ev: Evidence) -> int:
        """The charger is told at its return, or with its next request."""
        link = ev.profile.model.link
        return link.keepalive_ms + link.answer_timeout_ms + 4 * ev.profile.latency_ms + ev.profile.queueing_ms

    def in_effect(self, ev: Evidence, asked: Action) -> bool:
        """Whether the charger has acknowledged, since the request, what it comes to."""
        if asked.action == "set-amperage":
            return ev.amperage_ma == asked.ma
        if asked.action == "pause" or (asked.action == "set-tou" and ev.paused_at >= 0 and not ev.profile.schedules):
            return ev.held(ev.t)
        if ev.profile.schedules:
            return ev.released_at > asked.t if asked.action == "override" else (ev.scheduled is not None) == ev.tou_on
        if asked.action == "override" or not ev.tou_on:
            return not ev.held(ev.t)
        return ev.held(ev.t) or ev.window(ev.t) is None or ev.override_at >= 0 or not ev.wants()

    def level(self, ev: Evidence, duty: Duty) -> bool:
        assert isinstance(duty.record, Action)
        return self.in_effect(ev, duty.record)

    def ending(self, ev: Evidence, t: int, duty: Duty) -> Ending:
        gone = ev_.UNPLUGGED | ev_.MAINS_OFF | ev_.ASKED | ev_.RESTART
        asked = duty.record
        assert isinstance(asked, Action)
        unsure = asked.action == "set-tou" and "wrong-clock" in ev.touched  # nobody knows which window the server takes to be open
        return "cancel" if unsure or (t > duty.began and ev.flags & gone) or forgotten(ev, asked) else ""

    def excuse(self, ev: Evidence, duty: Duty) -> None:
        wait_for_calm(ev, duty)

    def text(self, ev: Evidence, duty: Duty) -> str:
        asked = duty.record
        assert isinstance(asked, Action)
        return f"the server took in {asked.action} while the charger was cut off; it should be in effect by {moment(duty.deadline)}"


EFFECT = _Effect()
