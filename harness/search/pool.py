"""Where the work of a campaign is done: in this process, on this machine's processors, or on a Dask cluster, behind one interface."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import RawValue
from threading import Thread, current_thread, main_thread
from typing import Any, TypeVar

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_AHEAD = 4
"""So many tasks for each worker are under way or wait."""
_LOOK_S = 1.0
"""How often a process looks whether the one that started it is still there."""

_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "pthread_sigmask") else ()
"""What may interrupt a command, where it can be held back."""


class PoolError(Exception):
    """There is no such pool. The message says why."""


class _Here(Executor):
    """Does each task at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as problem:
            future.set_exception(problem)
        return future


@contextmanager
def pool(jobs: int, dask: str = "") -> Iterator[tuple[Executor, int]]:
    """Who works, and how many of them: so many processes, this one where that is one, or the workers of the Dask cluster at an address.

    Raises :class:`PoolError` where Dask is not installed or its cluster cannot be reached, and where a process of this machine is lost.
    """
    if dask:
        with _dask(dask) as found:
            yield found
    elif jobs <= 1:
        yield _Here(), 1
    else:
        over = RawValue("b", 0)
        executor = _Processes(jobs, initializer=_begin, initargs=(over,))
        try:
            yield executor, jobs
        except BrokenExecutor:
            raise PoolError("a process that worked was ended from outside; perhaps there was no memory left") from None
        finally:
            over.value = 1  # before anything else: a second interruption may cut the rest short
            executor.shutdown(wait=True, cancel_futures=True)


class _Processes(ProcessPoolExecutor):
    """The processes of this machine. They are started as tasks come, and an interruption waits for that: one that has just begun would
    die of it, and what is raised in the midst of starting may be lost."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with _held_back():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _held_back() -> Iterator[None]:
    """Interruptions that come meanwhile are taken up afterwards. It is their handlers that wait: which thread the system gives a signal to
    is not ours to say, but handlers are called in the main thread only."""
    caught: list[int] = []
    before: dict[int, Any] = {}
    if current_thread() is main_thread():
        before = {number: handler for number in _INTERRUPTIONS if (handler := signal.getsignal(number)) is not None}
    for number in before:
        signal.signal(number, lambda number, _: caught.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in caught:
            signal.raise_signal(number)


def _begin(over: Any) -> None:
    """An interruption from the keyboard goes to all processes; the one that started this one decides what it means. Once that is ``over``
    this one ends, whatever it works on. Where that one is killed, this one ends, too: its executor would wait for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if _INTERRUPTIONS:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # so the executor ends those that are left when one is lost
    Thread(target=_end_with, args=(os.getppid(), over), daemon=True).start()


def _end_with(starter: int, over: Any) -> None:
    while os.getppid() == starter and not over.value:
        time.sleep(_LOOK_S)
    os._exit(1)


@contextmanager
def _dask(address: str) -> Iterator[tuple[Executor, int]]:
    try:
        from distributed import Client
    except ImportError:
        raise PoolError("Dask is not installed: pip install distributed") from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as problem:
        raise PoolError(f"no Dask cluster at {address}: {problem}") from None
    with client:
        yield client.get_executor(), max(1, sum(client.nthreads().values()))


def in_order(executor: Executor, workers: int, work: Callable[[Task], Answer], tasks: Iterable[Task | None]) -> Iterator[Answer]:
    """Have the work done on each task; gives the answers in the order of the tasks, however many work on them. A few tasks are always under
    way, and no more of them are taken than that; in this process one. Where there is None instead of a task, the next depends on an answer
    to come."""
    most = 1 if isinstance(executor, _Here) else _AHEAD * workers
    waiting: deque[Future[Answer]] = deque()
    try:
        for task in tasks:
            if task is not None:
                waiting.append(executor.submit(work, task))
            if task is None or len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _answers(done: Iterable[Future[Answer]]) -> Iterator[Answer]:
    """What was answered, before what was raised."""
    yield from (future.result() for future in sorted(done, key=lambda future: future.exception() is not None))


def as_done(executor: Executor, workers: int, work: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[Answer]:
    """Have the work done on each task; gives each answer once it is there."""
    under_way: set[Future[Answer]] = set()
    try:
        for task in tasks:
            under_way.add(executor.submit(work, task))
            if len(under_way) >= workers:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from _answers(done)
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from _answers(done)
    finally:
        for future in under_way:
            future.cancel()
