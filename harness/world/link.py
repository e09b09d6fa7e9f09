"""A charger's link to its server: noticing a loss, and finding back.

Theory of operation. The link is *online* from the server's acceptance until it notices a loss: a closed connection, its own
power, or silence. Silence is measured by keepalives alone, which go out on a fixed grid from the moment of coming online:
when the last answered one lies ``offline_after`` back, the server is taken to be lost. Then attempts follow one another with
OCPP 2.0.1's back-off until one succeeds.

Three modes keep the cost down without a trace in what happens. *live*: each keepalive and each attempt is a timer of its own. *steady*: the
link is healthy, keepalives are answered, so none needs to happen; what would have been heard follows from the grid.
*dead*: the server cannot answer, so keepalives and attempts need not happen either: the moment of noticing is known, and
the attempts are caught up with from the link's own draws when something changes. Who carries messages decides the mode.
"""

from __future__ import annotations

from array import array
from typing import Literal

from harness.values import ChargerModel
from harness.world.chance import BACKOFF, FIRST_MIX, KEEPALIVE, MASK, ORDINAL_STEP, SECOND_MIX, below, stream

NEVER = 1 << 62

Mode = Literal["live", "steady", "dead"]


class Series:
    """A series of attempts, summed up as :class:`harness.journal.records.Attempts` holds it.

    In an outage each charger of a fleet has one, so its numbers stand in one array: the first and the last attempt, the least of the
    later gaps, and the first gaps.
    """

    __slots__ = ("count", "more", "numbers")

    def __init__(self, at: int) -> None:
        self.numbers = array("q", (at, at, 0))
        self.count = 1
        self.more = 0

    @property
    def first(self) -> int:
        """When the first attempt began."""
        return self.numbers[0]

    @property
    def last(self) -> int:
        """When the last one did."""
        return self.numbers[1]

    @property
    def least_gap(self) -> int:
        """The least of the gaps that are only counted, as ``more``; 0: there is none."""
        return self.numbers[2]

    @property
    def gaps(self) -> list[int]:
        """The first gaps between attempts, as many as may grow."""
        return self.numbers[_GAPS:].tolist()

    def add(self, at: int, gap_ms: int, growing: int) -> None:
        """One more attempt, ``gap_ms`` after the failure of the one before."""
        numbers = self.numbers
        numbers[1] = at
        self.count += 1
        if len(numbers) < _GAPS + growing:
            numbers.append(gap_ms)
        else:
            numbers[2] = gap_ms if not self.more else min(self.least_gap, gap_ms)
            self.more += 1


_GAPS = 3
"""Where in the numbers of a series the gaps begin."""


class Link:
    """The link region of a charger: ``off`` (the charger itself is), ``waiting``, ``trying``, ``online``."""

    __slots__ = (
        "answered_at",
        "asks_at",
        "draws",
        "failed_at",
        "keepalive_at",
        "key",
        "mode",
        "model",
        "next_at",
        "patience_ms",
        "pending",
        "phase",
        "quirks",
        "registers",
        "series",
        "state",
        "tried",
        "waits",
    )  # fmt: skip

    def __init__(self, model: ChargerModel, key: int) -> None:
        self.model = model.link
        self.quirks = model.quirks
        self.key = key
        self.state: Literal["off", "waiting", "trying", "online"] = "online"
        self.mode: Mode = "live"
        self.registers = False
        """The next connection must register: after a power-up or restart."""
        self.pending = False
        """trying: the server is in touch and has put the registration off."""
        self.asks_at = NEVER
        """When to ask again then."""
        self.phase = below(key, KEEPALIVE, 0, self.model.keepalive_ms) - self.model.keepalive_ms
        """A moment of the keepalive grid. Chargers online from the start came online at their own moments before it."""
        self.answered_at = self.phase
        self.keepalive_at = self.phase + self.model.keepalive_ms
        self.next_at = NEVER
        """waiting: the next attempt. trying: when it has failed for want of an answer."""
        self.waits = 0
        self.draws = 0
        self.tried = 0
        """How many attempts it has made in all."""
        self.failed_at = 0
        self.series: Series | None = None
        self.patience_ms = NEVER if "never-notices-half-open" in self.quirks else self.model.offline_after_ms

    @property
    def online(self) -> bool:
        """The charger takes itself to be online."""
        return self.state == "online"

    def deadline(self) -> int:
        """When the link next acts by itself, in ms since the start."""
        if self.state == "online":
            if self.mode == "steady":
                return NEVER
            notices_at = self.answered_at + self.patience_ms
            return notices_at if self.mode == "dead" or notices_at < self.keepalive_at else self.keepalive_at
        if self.state == "off" or (self.mode == "dead" and self.state == "waiting"):
            return NEVER
        return self.next_at

    def came_online(self, now: int) -> Series | None:
        """The server accepted. Returns the series of attempts that ended so."""
        self.state = "online"
        self.registers = self.pending = False
        self.asks_at = NEVER
        self.phase = self.answered_at = now
        self.keepalive_at = now + self.model.keepalive_ms
        self.waits = 0
        return self.end_series()

    def end_series(self) -> Series | None:
        """End the series of attempts and return it."""
        series, self.series = self.series, None
        return series

    def lost(self, now: int) -> None:
        """The server was found to be lost: wait, then try."""
        self.state = "waiting"
        self.next_at = now + self._wait_ms()

    def power_lost(self) -> Series | None:
        """The charger itself is off or restarts."""
        self.state = "off"
        self.pending = False
        self.asks_at = NEVER
        self.next_at = NEVER
        return self.end_series()

    def powered_up(self, now: int) -> None:
        """The charger works again: it tries at once, and must register."""
        self.registers = True
        self.state = "waiting"
        self.waits = 0
        self.next_at = now
        self.failed_at = now

    def attempt(self, now: int) -> None:
        """An attempt begins."""
        if self.series is None:
            self.series = Series(now)
        else:
            self.series.add(now, now - self.failed_at, self.model.backoff.repeat_times + 1)
        self.state = "trying"
        self.tried += 1
        self.next_at = now + self.model.answer_timeout_ms

    def attempt_failed(self, now: int, *, not_before: int = 0) -> None:
        """The attempt under way failed: wait for the next, which the server may want not before a certain time."""
        self.state = "waiting"
        self.pending = False
        self.asks_at = NEVER
        self.failed_at = now
        self.next_at = max(now + self._wait_ms(), not_before)

    def put_off(self, now: int, interval_ms: int) -> None:
        """The registration under way is neither accepted nor refused: ask again later, on the same connection."""
        self.pending = True
        self.asks_at = self.next_at = now + (interval_ms or self.model.backoff.wait_minimum_ms)

    def ask_again(self, now: int) -> None:
        """Register once more."""
        self.asks_at = NEVER
        self.next_at = now + self.model.answer_timeout_ms

    def _wait_ms(self) -> int:
        self.waits += 1
        self.draws += 1
        if "no-backoff" in self.quirks:
            return 1000
        random_ms = below(self.key, BACKOFF, self.draws, self.model.backoff.random_range_ms + 1)
        return self.model.backoff.base_ms(self.waits) + random_ms

    def catch_up(self, now: int, *, arrives_ms: int, fails_ms: int) -> int | None:
        """Do the attempts that were due before ``now`` while the server could not answer.

        An attempt reaches the far end ``arrives_ms`` after it began and is known to have failed ``fails_ms`` after. One whose
        arrival is not before ``now`` is left to happen; one that has arrived and not yet failed is left ``trying``: returns when it did.
        """
        if self.state != "waiting":
            return None
        if self.next_at < now - fails_ms:
            if self.series is None:
                began = self.next_at
                self.attempt(began)
                self.attempt_failed(began + fails_ms)
            self._fail_before(now - fails_ms, fails_ms)
        if self.next_at < now - arrives_ms:
            arrived_at = self.next_at + arrives_ms
            self.attempt(self.next_at)
            return arrived_at
        return None

    def _fail_before(self, before: int, fails_ms: int) -> None:
        """Do the attempts that began before ``before``, all of which failed: most of what a long outage does, so one tight loop, and
        the same draws as attempt by attempt."""
        series = self.series
        assert series is not None
        backoff = self.model.backoff
        base_ms, random_ms = backoff.base_ms(self.waits + 1), backoff.random_range_ms + 1
        largest_ms = backoff.wait_minimum_ms << backoff.repeat_times
        if "no-backoff" in self.quirks:
            base_ms, random_ms, largest_ms = 1000, 1, 1000
        numbers, gaps_end = series.numbers, _GAPS + backoff.repeat_times + 1
        least = series.least_gap if series.more else NEVER
        at, failed_at, last = self.next_at, self.failed_at, series.last
        count = more = 0
        draw = stream(self.key, BACKOFF, self.draws + 1)
        while at < before:
            count += 1
            gap = at - failed_at
            if len(numbers) < gaps_end:
                numbers.append(gap)
            else:
                more += 1
                if gap < least:
                    least = gap
            last, failed_at = at, at + fails_ms
            # The finaliser of chance.draw, written out: a call for each attempt would cost as much again.
            bits = draw & MASK
            bits = ((bits ^ (bits >> 30)) * FIRST_MIX) & MASK
            bits = ((bits ^ (bits >> 27)) * SECOND_MIX) & MASK
            at = failed_at + base_ms + (((bits ^ (bits >> 31)) * random_ms) >> 64)
            draw += ORDINAL_STEP
            if base_ms < largest_ms:
                base_ms *= 2
        series.count += count
        series.more += more
        numbers[1] = last
        numbers[2] = least if series.more else 0
        self.waits += count
        self.draws += count
        self.tried += count
        self.failed_at, self.next_at = failed_at, at

    def heard_by(self, now: int, round_trip_ms: int) -> None:
        """Account for the keepalives that a steady link has had answered before ``now``."""
        every = self.model.keepalive_ms
        last = self.phase + (now - 1 - round_trip_ms - self.phase) // every * every
        if last > self.phase and last + round_trip_ms > self.answered_at:
            self.answered_at = last + round_trip_ms
        self.keepalive_at = self.next_keepalive(now)

    def next_keepalive(self, now: int) -> int:
        """The first moment of the grid not before ``now``, and after the link came online."""
        every = self.model.keepalive_ms
        return self.phase + max(1, -((self.phase - now) // every)) * every
