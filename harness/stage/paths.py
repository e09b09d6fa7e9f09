"""What faults do to the paths between chargers and server, and to the doors at their ends.

A path is cut, swallows, delays, loses. A door lets nobody in anew: what is established goes on, and a charger that must connect is
*barred*: its name is not resolved (it fails at once), its connection is refused (after a round trip, also by a server that hangs, as what
refuses it stands before that: an assumption), or its server bans it. Each handler is called with 1 when a fault begins and −1 when it is
lifted.
"""

from __future__ import annotations

from typing import cast

from harness.fault import KINDS
from harness.stage.clock import PLAN
from harness.stage.director import Director
from harness.stage.port import Bans, Door, Ongoing, Port, Strays
from harness.stage.wire import Wire
from harness.values import Step
from harness.world.chance import DUPLICATE, LOSS, REORDER


class Paths(Wire):
    """Faults of paths and doors."""

    director: Director

    def _degrade(self, ongoing: Ongoing, of_shard: list[int], amount: int) -> None:
        """Change something about shards: what was computed of their chargers is put under way before."""
        self.concern(ongoing, amount)
        with self._changing(ongoing.places):
            for shard in ongoing.shards:
                of_shard[shard] += amount

    # Paths.

    def _network_cut(self, ongoing: Ongoing, by: int) -> None:
        self._path(ongoing, by, "cuts")

    def _network_black_hole(self, ongoing: Ongoing, by: int) -> None:
        self._path(ongoing, by, "holes")

    def _path(self, ongoing: Ongoing, by: int, cause: str) -> None:
        now = self.clock.now

        def change(port: Port) -> None:
            if by > 0:
                self.lose(port, now, ongoing.step.do, ongoing.step.id)
            setattr(port, cause, getattr(port, cause) + by)
            if by < 0 and cause == "holes" and port.charger.link.online:
                self.close_connection(port, now, "closed")
            elif by < 0 and not (port.cuts or port.holes):
                self.release_held(port, now)

        self._change(ongoing.places, change)

    def _network_reset(self, ongoing: Ongoing, by: int) -> None:
        now = self.clock.now
        self._change(ongoing.places, lambda port: port.charger.disconnected(now, "reset") if port.tcp else None)

    def _network_latency(self, ongoing: Ongoing, by: int) -> None:
        self._delay(ongoing, by, "extra_ms", cast("int", ongoing.step.arguments["delay_ms"]))

    def _network_jitter(self, ongoing: Ongoing, by: int) -> None:
        self._delay(ongoing, by, "jitter_ms", cast("int", ongoing.step.arguments["most_ms"]))

    def _network_bandwidth(self, ongoing: Ongoing, by: int) -> None:
        size, rate = (cast("int", ongoing.step.arguments[key]) for key in ("size", "rate"))
        self._delay(ongoing, by, "pass_ms", -(-1000 * size // rate))

    def _delay(self, ongoing: Ongoing, by: int, cause: str, ms: int) -> None:
        """Delay messages; where several faults do, their times add up."""

        def change(port: Port) -> None:
            setattr(port, cause, getattr(port, cause) + by * ms)
            port.legs += by
            port.exact += by

        self._change(ongoing.places, change)

    def _network_loss(self, ongoing: Ongoing, by: int) -> None:
        self._stray(ongoing, by, LOSS)

    def _network_duplicate(self, ongoing: Ongoing, by: int) -> None:
        self._stray(ongoing, by, DUPLICATE)

    def _network_reorder(self, ongoing: Ongoing, by: int) -> None:
        self._stray(ongoing, by, REORDER)

    def _stray(self, ongoing: Ongoing, by: int, purpose: int) -> None:
        """Let datagrams go astray. A connection mends that by itself, as a delay that is too short to matter (assumption)."""
        given = ongoing.step.arguments
        places = [port.place for port in self.feeling(ongoing)]
        if by > 0 and places:
            kind = ongoing.step.do.partition(".")[2]
            ongoing.fault = Strays(kind, purpose, cast("int", given["share_permille"]), cast("int", given.get("delay_ms", 0)))
        fault = cast("Strays", ongoing.fault)

        def change(port: Port) -> None:
            port.legs += by
            port.exact += by
            if by > 0:
                port.strays = (*port.strays, fault)
            else:
                port.strays = tuple(other for other in port.strays if other is not fault)

        self._change(places, change)

    # Doors.

    def _network_dns_failure(self, ongoing: Ongoing, by: int) -> None:
        self._change(ongoing.places, lambda port: setattr(port, "nameless", port.nameless + by))
        self._shut_door(ongoing, by)

    def _network_expired_certificate(self, ongoing: Ongoing, by: int) -> None:
        self._change(ongoing.places, lambda port: setattr(port, "distrusts", port.distrusts + by))
        self._shut_door(ongoing, by)

    def _server_credentials_wiped(self, ongoing: Ongoing, by: int) -> None:
        self._degrade(ongoing, self.wiped, by)
        self._shut_door(ongoing, by)

    def _shut_door(self, ongoing: Ongoing, by: int) -> None:
        """From now on it is known whether anybody meets a door that is shut."""
        links = [port.charger.link for port in self.feeling(ongoing)]
        if by > 0 and links:
            ongoing.fault = Door(links, sum(link.tried for link in links))

    def feeling(self, ongoing: Ongoing) -> list[Port]:
        """The targets of a step that have the transport that it takes to feel it."""
        return [self.ports[place] for place in ongoing.places if self.feels(ongoing.step, place)]

    def feels(self, step: Step, place: int) -> bool:
        """Whether a charger has the transport that it takes to feel a step."""
        over = KINDS[step.do].over
        return not over or self.ports[place].tcp == (over == "websocket")

    def _server_bans(self, ongoing: Ongoing, by: int) -> None:
        given = ongoing.step.arguments
        if by > 0:
            ongoing.fault = Bans(ongoing.step, cast("int", given["limit"]), cast("int", given["ban_ms"]))
        bans = ongoing.fault
        assert isinstance(bans, Bans)
        self._set_cause(ongoing, by, self.bans)
        if by < 0:
            for place in tuple(bans.banned):
                self._pardon(bans, place)

    def connects_too_often(self, port: Port, now: int) -> bool:
        """A charger asks for a connection: whether the server bans it for that."""
        strict = [bans for bans in self.bans[port.account.shard] if bans.exceeds(port.place, now)]
        for bans in strict:
            bans.applied += 1
            bans.banned.append(port.place)
            port.banned += 1
            self.director.struck(bans.step, port.place, now, bans.ban_ms)
            self.clock.at(now + bans.ban_ms, PLAN, -1, self._pardon, bans, port.place)
        return bool(strict)

    def _pardon(self, bans: Bans, place: int) -> None:
        """A ban is over, unless it was lifted before."""
        if place in bans.banned:
            bans.banned.remove(place)
            self._change([place], lambda port: setattr(port, "banned", port.banned - 1))
