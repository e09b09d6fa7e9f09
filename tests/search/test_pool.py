"""Who does the work: no more of it ahead than is worth it, and an interruption, however often it comes, ends all who work."""

from __future__ import annotations

import os
import signal
import time

import pytest

from harness.search.pool import as_done, in_order, pool

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


def test_in_this_process_nothing_is_done_before_it_is_asked_for():
    done: list[int] = []
    with pool(1) as (executor, workers):
        answers = in_order(executor, workers, done.append, range(10))
        next(answers)
        assert done == [0]
        next(answers)
        assert done == [0, 1]


def test_what_was_answered_is_given_before_what_was_raised():
    def halve(number: int) -> int:
        return 12 // number

    with pool(1) as (executor, _):
        answers = as_done(executor, 4, halve, [3, 0, 2, 1])
        assert sorted(next(answers) for _ in range(3)) == [4, 6, 12]
        with pytest.raises(ZeroDivisionError):
            next(answers)


def test_an_interruption_from_the_keyboard_is_not_for_those_who_work():
    with pool(2) as (executor, _):
        under_way = [executor.submit(signal.raise_signal, number) for number in (signal.SIGINT, signal.SIGHUP)]
        assert [future.exception(timeout=60) for future in under_way] == [None, None]


def test_an_interruption_waits_until_those_who_work_have_begun(monkeypatch):
    """One that comes while processes start is raised once all of them have, and they have none of it."""
    fork = os.fork

    def interrupted() -> int:
        number = fork()
        if number:
            os.kill(os.getpid(), signal.SIGINT)
        return number

    with pool(2) as (executor, _):
        monkeypatch.setattr(os, "fork", interrupted)
        with pytest.raises(KeyboardInterrupt):
            executor.submit(int)
        monkeypatch.undo()
        assert len(executor._processes) == 2
        assert executor.submit(abs, -1).result(timeout=60) == 1


def test_a_second_interruption_ends_those_who_work_too(monkeypatch):
    """It comes while they are waited for, which is not to keep them alive."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    workers = pool(2)
    executor, _ = workers.__enter__()
    under_way = [executor.submit(time.sleep, 600) for _ in range(2)]
    processes = list(executor._processes.values())
    monkeypatch.setattr(executor, "shutdown", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            workers.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        executor._executor_manager_thread.join(timeout=60)  # it takes note of their end, too: whoever comes second learns nothing
        assert all(process.exitcode is not None for process in processes)
    finally:
        for process in processes:
            process.kill()
    assert all(future.exception() is not None for future in under_way)
