"""A suite of scenarios run on all processors, and compared with its committed baseline."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from msgspec import Struct
from msgspec.structs import replace

from harness import scenario, workers
from harness.files import write_whole
from harness.regression import baseline as baselines
from harness.regression.changes import Change
from harness.regression.facts import read
from harness.regression.gate import Gate, Ran, Row, judge, recorded
from harness.scenario.problems import Problem, ScenarioError

if TYPE_CHECKING:
    from harness.scenario.nodes import Node

MOST_RUNS = 100_000
"""So many runs a suite may have."""
_OF_A_SCENARIO = ("start", "zone", "duration", "chargers")
"""A YAML file of a folder that has none of these keys is something else: a model, a target, a workflow, a baseline."""


class _Task(Struct, frozen=True, kw_only=True):
    """A run to be made."""

    scenario: str
    source: str
    file: str
    seed: int | None
    out: str
    junit: bool


class _Done(Struct, kw_only=True):
    """A run that was made, or could not be."""

    ran: Ran
    suite: Element | None = None
    """Its part of the JUnit file, where one is wanted."""


def gate(
    suite: Sequence[str | Path],
    baseline: str | Path,
    *,
    seeds: Sequence[int] = (),
    update: bool = False,
    strict: bool = False,
    jobs: int = 0,
    out: str | Path | None = None,
    junit: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Gate:
    """Run a suite, simulated, and compare each run with a baseline file; what is worse than there turns the gate red.

    ``suite`` names scenario files, folders of them, and shipped scenarios; ``seeds`` are run of each, by default its own one. ``update``
    writes the baseline anew, but for its tolerances, unless a run could not be made. ``strict`` makes what fails as the baseline says
    a regression, too. ``jobs`` is how many processes share the work: by default one for each processor, and for 1 none but this one.
    ``out`` is a folder for the folder of each run, ``SCENARIO/seed-N``; ``junit`` a file for all runs as JUnit XML. ``progress`` is
    told how many runs were made, and how many there are.

    Raises :class:`harness.ScenarioError` for a suite or a baseline that cannot be used (a single scenario that cannot is a
    regression), and :class:`OSError` where a file cannot be written.
    """
    members = members_of(suite)
    path = Path(baseline)
    for written in ([path] if update else []) + ([Path(junit)] if junit is not None else []):
        _refuse_no_place(written)  # before all runs are made, not after
    if path.exists():
        before = baselines.read(path, members, anew=update)
    elif update:
        before = baselines.Baseline()
    else:
        raise _refusal(path.as_posix(), "no such baseline", expected="a file that `harness gate … --update` wrote")
    tasks = [
        _Task(scenario=name, source=source, file=file, seed=seed, junit=junit is not None,
              out=str(Path(out, name)) if out is not None else "")
        for name, (source, file) in members.items() for seed in dict.fromkeys(seeds or (None,))
    ]  # fmt: skip
    if len(tasks) > MOST_RUNS:
        raise _refusal("the suite", f"too large: {len(tasks)} runs", expected=f"at most {MOST_RUNS}")
    done = _all_done(tasks, jobs or workers.processors(), progress)
    rows = judge([each.ran for each in done], before, strict=strict)
    found = Gate(baseline=path.as_posix(), rows=rows, runs=len(done), updating=update)
    for row in rows:
        row.regressions = _placed(row)
    if update:
        found.written = _write_baseline(path, before, [each.ran for each in done])
    if junit is not None:
        from harness.report.gate import junit_document

        suites = {(each.ran.scenario, each.ran.seed): each.suite for each in done}
        write_whole(Path(junit), junit_document((row, suites.get((row.scenario, row.seed))) for row in rows))
    return found


def _refuse_no_place(path: Path) -> None:
    """Raise :class:`OSError` where no such file can be written."""
    trouble = errno.EISDIR if path.is_dir() else 0 if path.parent.is_dir() else errno.ENOENT
    if trouble:
        raise OSError(trouble, os.strerror(trouble), str(path))


def _write_baseline(path: Path, before: baselines.Baseline, suite: Sequence[Ran]) -> bool | None:
    rows = recorded(suite)
    if rows is None:
        return False
    text = baselines.render(before.head, rows).encode()
    if path.is_file() and path.read_bytes() == text:
        return None
    write_whole(path, text)
    return True


def members_of(suite: Sequence[str | Path]) -> dict[str, tuple[str, str]]:
    """The scenarios of a suite, by name: what runs each, and its file. Raises :class:`ScenarioError` where two have one name.

    A file is called by its name, one in a folder by its path there, both without the ending; a shipped scenario has its own name.
    """
    found: dict[str, tuple[str, str]] = {}
    for given in suite:
        for name, source, file in _named(given):
            if name in found and not Path(file).samefile(found[name][1]):
                raise _refusal(file, f"another scenario of the suite is called `{name}`, too: {found[name][1]}", expected="another name")
            if not name.isprintable():
                raise _refusal(ascii(file), "a name that cannot be shown")
            found[name] = (source, file)
    return found


def _named(given: str | Path) -> list[tuple[str, str, str]]:
    """Name, source and file of each scenario that something stands for."""
    folder = Path(given)
    if not folder.is_dir():
        path, _ = scenario.find(given)
        return [(folder.stem if folder.is_file() else str(given), str(given), path.as_posix())]
    files = [
        path
        for path in sorted(folder.rglob("*.y*ml"))
        if path.suffix in (".yaml", ".yml") and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    found = [(path.relative_to(folder).with_suffix("").as_posix(), str(path), path.as_posix()) for path in files if _may_be_scenario(path)]
    if not found:
        raise _refusal(str(given), "a folder without a scenario", expected="YAML files with keys such as `chargers`")
    return found


def _may_be_scenario(path: Path) -> bool:
    """Whether a file of a folder is run. One that cannot be read is: somebody wants to know."""
    root = _tree(path)
    return root is None or root.kind != "map" or any(key in root.entries for key in _OF_A_SCENARIO)


def _tree(path: Path) -> Node | None:
    from harness.scenario.nodes import read_file

    try:
        return read_file(path, path.as_posix())
    except ScenarioError:
        return None


def _refusal(what: str, message: str, *, expected: str = "") -> ScenarioError:
    return ScenarioError([Problem(file=what, line=0, column=0, message=message, expected=expected)])


def _all_done(tasks: Sequence[_Task], jobs: int, progress: Callable[[int, int], None] | None) -> list[_Done]:
    """Make all runs, in their order."""
    found: dict[int, _Done] = {}
    for place, answer in workers.spread(_done, tasks, jobs):
        found[place] = _lost(tasks[place], answer) if isinstance(answer, workers.Lost) else answer
        if progress:
            progress(len(found), len(tasks))
    return [found[place] for place in range(len(tasks))]


def _done(task: _Task) -> _Done:
    """Make a run, wherever that is; what is wrong with a scenario is an answer."""
    from harness import api
    from harness.report import document, junit

    try:
        resolved = api.load(task.source, seed=task.seed)
        out = Path(task.out, f"seed-{resolved.seed}") if task.out else None
        run = api.run(task.source, seed=resolved.seed, out=out)
    except ScenarioError as error:
        first = error.problems[0]
        told = "\n".join(" ".join(str(problem).split()) for problem in error.problems)  # what a file says begins no line of a log
        return _not_run(task, told, line=first.line if first.file == task.file else 0)
    except OSError:
        raise  # there is no place to write: of no use to the others either
    except Exception as problem:
        told = " ".join(f"internal error: {type(problem).__name__}: {problem}".split())
        return _not_run(task, f"{told}. This is a defect of the harness: please report it")
    judged = read(document.render(run.outcome, None), task.file)
    return _Done(
        ran=Ran(scenario=task.scenario, seed=resolved.seed, file=task.file, command=run.outcome.command, facts=judged.facts,
                reasons=judged.reasons),
        suite=junit.suite_of(run.outcome) if task.junit else None,
    )  # fmt: skip


def _lost(task: _Task, lost: workers.Lost) -> _Done:
    cause = f"signal {-lost.code}" if lost.code and lost.code < 0 else f"exit code {lost.code}"
    return _not_run(task, f"the process that ran it ended early ({cause}); perhaps there was no memory left")


def _not_run(task: _Task, trouble: str, *, line: int = 0) -> _Done:
    return _Done(ran=Ran(scenario=task.scenario, seed=task.seed, file=task.file, trouble=trouble, line=line))


def _placed(row: Row) -> list[Change]:
    """The regressions of a row, each with the line in which the scenario's file speaks of it, if it does."""
    root = _tree(Path(row.file)) if row.file and row.regressions else None
    if root is None:
        return row.regressions
    return [replace(change, line=change.line or _line(root, change)) for change in row.regressions]


def _line(root: Node, change: Change) -> int:
    below = root.get("expect")
    group = below and below.get("checks" if change.of == "check" else "limits")
    entry = group and group.entries.get(change.name)
    return entry[0].line if entry else 0
