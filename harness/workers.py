"""Work spread over processes, one for each processor, that end with whoever started them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_PATIENCE_S = 10.0
"""How long a process that was told to end may take before it is killed."""
_LOOK_S = 1.0
"""How often an idle process looks whether whoever started it is still there."""


class Lost(NamedTuple):
    """In the place of an answer: the process ended without one."""

    code: int | None
    """The process's exit code; negative: the number of the signal that killed it."""


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(work: Callable[[Task], Answer], tasks: Sequence[Task], jobs: int) -> Iterator[tuple[int, Answer | Lost]]:
    """Have ``work`` done on each task, in so many processes; gives the place of each task and its answer, in the order of answers.

    What ``work`` raises is raised here. A process that is killed costs its own task alone. When this ends, however it does, so do the
    processes, and their temporary files are gone. For one job, or one task, no process is started.
    """
    if jobs <= 1 or len(tasks) <= 1:
        yield from ((place, work(task)) for place, task in enumerate(tasks))
        return
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="harness-") as scratch:
        team = _Team(work, scratch)
        try:
            yield from team.answers(tasks, jobs)
        finally:
            team.end()


class _Team:
    """The processes that share a list of tasks."""

    def __init__(self, work: Callable[[Any], Any], scratch: str) -> None:
        self._work = work
        self._scratch = scratch
        self._processes: dict[Any, BaseProcess] = {}
        """Our end of the pipe → the process at the other."""
        self._places: dict[Any, int] = {}
        """Our end of the pipe → the place of the task that is worked on there."""

    def answers(self, tasks: Sequence[Any], jobs: int) -> Iterator[tuple[int, Any]]:
        from multiprocessing.connection import wait

        waiting = iter(enumerate(tasks))
        for _ in range(min(jobs, len(tasks))):
            self._give(self._started(), *next(waiting))
        while self._places:
            for connection in wait(list(self._places)):
                place = self._places.pop(connection)
                answer = self._received(connection)
                following = next(waiting, None)
                if following is not None:
                    self._give(self._started() if isinstance(answer, Lost) else connection, *following)
                yield place, answer

    def _started(self) -> Connection:
        from multiprocessing import get_context

        context = get_context()
        ours, theirs = context.Pipe()
        process = context.Process(target=_labour, args=(theirs, self._work, self._scratch))
        process.start()
        theirs.close()
        self._processes[ours] = process
        return ours

    def _give(self, connection: Any, place: int, task: Any) -> None:
        connection.send(task)
        self._places[connection] = place

    def _received(self, connection: Any) -> Any:
        try:
            done, answer = connection.recv()
        except (EOFError, ConnectionResetError):
            process = self._processes.pop(connection)
            process.join()
            connection.close()
            return Lost(process.exitcode)
        if not done:
            raise answer
        return answer

    def end(self) -> None:
        """End all processes: politely, and then not."""
        for process in self._processes.values():
            process.terminate()
        for connection, process in self._processes.items():
            process.join(_PATIENCE_S)
            if process.is_alive():
                process.kill()
                process.join()
            connection.close()


def _labour(connection: Connection, work: Callable[[Any], Any], scratch: str) -> None:
    """The whole life of a worker."""
    import signal
    import tempfile

    # An interruption from the keyboard goes to all processes; the one that started this one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tempfile.tempdir = scratch
    starter = os.getppid()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        while True:
            # Other workers may hold the far end of this pipe, too, so that its end alone does not tell.
            while not connection.poll(_LOOK_S):
                if os.getppid() != starter:
                    return
            task = connection.recv()
            try:
                answer = (True, work(task))
            except Exception as problem:
                answer = (False, _sendable(problem))
            connection.send(answer)


def _sendable(problem: Exception) -> Exception:
    """The problem, or one that says the same where it does not survive its way to another process."""
    import pickle

    try:
        pickle.loads(pickle.dumps(problem))
    except Exception:
        return RuntimeError(f"{type(problem).__name__}: {problem}")
    return problem
