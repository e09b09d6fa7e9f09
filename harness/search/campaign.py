"""A search for trouble: many random plans over one base, tried in the order of their seeds and kept, guided by what they reached.

Theory of operation. Every other plan changes one that reached a *situation* first. Which one that may be depends on its number alone: it is
among those below a bound that lies a quarter to a half of the way up to that (:func:`horizon`), so that many can be tried at once. Thus the
same campaign tries the same plans on any number of workers, and goes on after it was killed as if it had not been: what is on disk is
always the trials up to some number.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor

from msgspec import Struct

from harness.search.found import Share
from harness.search.generator import Dice
from harness.search.pool import in_order
from harness.search.space import Source, space
from harness.search.store import Store, damaged
from harness.search.trial import Trial, tried
from harness.stage import simulated

BATCH = 16
"""So many plans are one task of a worker at first, or fewer where there are more chargers than :data:`_TASK` allows."""
_TASK = 192
"""A task later is so many chargers times plans: what it costs beside its plans is little then."""
_FIRST = 64
"""So many plans are changed from no other, and so are those up to twice as many."""
_DEEPEST = 12
"""So many changes lead to a plan at the most; making it again takes longer with each."""


class Task(Struct, frozen=True):
    """Plans that one worker tries."""

    source: Source
    ancestries: list[tuple[int, ...]]


def work(task: Task) -> list[Trial]:
    """Try the plans of a task."""
    plans = space(task.source)
    with simulated.without_collections():
        return [tried(plans.plan(ancestry), ancestry) for ancestry in task.ancestries]


def horizon(number: int) -> int:
    """Below which number the plans lie from which the one with this number may be changed."""
    return 0 if number < 2 * _FIRST else 1 << (number.bit_length() - 2)


class Corpus:
    """The plans that reached a situation first, in the order of their numbers."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        """Situation → how many plans reached it."""
        self._numbers: list[int] = []
        self._ancestries: list[tuple[int, ...]] = []

    def add(self, number: int, trial: Trial) -> None:
        """Take in the trial with the next number."""
        new = False
        for situation in trial.situations:
            count = self.seen.get(situation, 0)
            self.seen[situation] = count + 1
            new = new or not count
        if new and len(trial.ancestry) <= _DEEPEST:
            self._numbers.append(number)
            self._ancestries.append(trial.ancestry)

    def ancestry(self, number: int, seed: int) -> tuple[int, ...]:
        """The plan with this number: a new one, or one that was kept, changed."""
        from bisect import bisect_left

        known = bisect_left(self._numbers, horizon(number))
        dice = Dice(seed, "ancestry")
        return (*dice.of(self._ancestries[:known]), seed) if known and dice.chance(50) else (seed,)


class Campaign:
    """The trials of a campaign so far, and those to come."""

    def __init__(self, source: Source, share: Share, store: Store, hear: Callable[[Trial], None]) -> None:
        """``hear`` is given each trial, those that are there already at once."""
        self.source = source
        self.share = share
        self.corpus = Corpus()
        self._store = store
        self._hear = hear
        self._largest = max(1, _TASK // len(space(source).plain.names()))
        self._known = 0
        for trial in store.trials():
            if trial.seed != share.seed(self._known):
                raise damaged(store.path, f"the plan with seed {share.seed(self._known)} is missing")
            self._take(trial)

    def _take(self, trial: Trial) -> None:
        self.corpus.add(self._known, trial)
        self._known += 1
        self._hear(trial)

    @property
    def tried(self) -> int:
        """How many plans were tried, here and before."""
        return self._known

    def run(self, executor: Executor, workers: int, plans: int) -> Generator[list[Trial], None, None]:
        """Try the plans up to this number, and keep them; gives them batch by batch. Close it to end before."""
        for trials in in_order(executor, workers, work, self._tasks(plans)):
            self._store.add(trials)
            for trial in trials:
                self._take(trial)
            yield trials

    def _tasks(self, plans: int) -> Iterator[Task | None]:
        """What is to be tried, in order; None: what comes next depends on a trial that is still under way."""
        number = self._known
        while number < plans:
            upto = min(number + min(self._largest, max(BATCH, number // 8)), plans)
            while horizon(upto - 1) > self._known:
                yield None
            ancestries = [self.corpus.ancestry(each, self.share.seed(each)) for each in range(number, upto)]
            yield Task(self.source, ancestries)
            number = upto
