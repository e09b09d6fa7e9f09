"""Work spread over processes: every answer once, whatever becomes of a process, and nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from pathlib import Path

import pytest

from harness.workers import Lost, processors, spread


def doubled(number):
    return 2 * number


def where(number):
    """What a process is, and where its temporary files go."""
    Path(tempfile.mkdtemp()).joinpath("left").write_text("behind")
    return os.getpid(), tempfile.gettempdir()


def killed_at_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refused_at_three(number):
    if number == 3:
        raise OSError(28, "No space left on device", "out")
    return number


class HardToTellError(Exception):
    """One that another process cannot be told of: it is made of two words, and holds what cannot travel."""

    def __init__(self, one, other):
        super().__init__(f"{one} {other}")
        self.held = lambda: None


class HardToMakeError(Exception):
    """One that arrives nowhere: it is told of by one word, and made of two."""

    def __init__(self, one, other):
        super().__init__(f"{one} {other}")


def hard_to_tell(number):
    raise (HardToTellError if number % 2 else HardToMakeError)("all is", "lost")


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_each_task_has_its_answer(jobs):
    tasks = list(range(9))
    assert sorted(spread(doubled, tasks, jobs)) == [(place, 2 * task) for place, task in enumerate(tasks)]
    assert list(spread(doubled, [], jobs)) == []
    assert multiprocessing.active_children() == []


def test_the_work_is_shared_and_temporary_files_are_gone():
    found = [answer for _, answer in spread(where, list(range(20)), 2)]
    assert len({process for process, _ in found}) <= 2
    assert os.getpid() not in {process for process, _ in found}
    (folder,) = {folder for _, folder in found}
    assert folder != tempfile.gettempdir()
    assert not Path(folder).exists()


def test_one_job_is_done_here():
    assert dict(spread(where, [1, 2], 1)).keys() == {0, 1}
    assert {answer[0] for _, answer in spread(where, [1, 2], 1)} == {os.getpid()}


def test_a_killed_process_costs_its_own_task_alone():
    found = dict(spread(killed_at_three, list(range(6)), 2))
    assert found == {0: 0, 1: 1, 2: 2, 3: Lost(-signal.SIGKILL), 4: 4, 5: 5}


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_work_raises_ends_all_of_it(jobs):
    with pytest.raises(OSError, match="No space left on device"):
        list(spread(refused_at_three, list(range(20)), jobs))
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(("first", "kind"), [(1, "HardToTellError"), (2, "HardToMakeError")])
def test_what_it_raises_is_told_also_where_that_cannot_leave_its_process(first, kind):
    with pytest.raises(RuntimeError, match=f"^{kind}: all is lost$"):
        list(spread(hard_to_tell, [first, first + 2], 2))


def test_whoever_stops_asking_leaves_no_process():
    for _ in spread(doubled, list(range(20)), 2):
        break
    assert multiprocessing.active_children() == []


def test_there_is_a_processor():
    assert processors() >= 1
