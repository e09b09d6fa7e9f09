"""Whether a suite of runs is worse than its baseline."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from harness.regression.baseline import Baseline, Key
from harness.regression.changes import NOTHING, Change, differences, still
from harness.regression.facts import Facts

_LEFT_OUT = ("invalid", "interrupted")
"""Verdicts of which no baseline is made."""


class Ran(Struct, frozen=True, kw_only=True):
    """A run of the suite, or why there is none."""

    scenario: str
    seed: int | None
    """None: the file could not be read, and so its own seed is not known."""
    file: str
    command: str = ""
    """What repeats it."""
    facts: Facts | None = None
    reasons: list[str] = []
    """Why its verdict is not pass."""
    trouble: str = ""
    """Why it could not be run, where it could not."""
    line: int = 0
    """Where in the file that is."""


class Row(Struct, kw_only=True):
    """A run of the suite or of the baseline, and what became of it."""

    scenario: str
    seed: int | None
    file: str = ""
    """The scenario's; empty where the suite has it no more."""
    command: str = ""
    reasons: list[str] = []
    regressions: list[Change] = []
    """What turns the gate red."""
    remarks: list[Change] = []
    """What is better, or worth a line."""

    @property
    def label(self) -> str:
        """How it is called."""
        return self.scenario if self.seed is None else f"{self.scenario} seed {self.seed}"


class Gate(Struct, kw_only=True):
    """What came of a gate."""

    baseline: str
    """The baseline's file."""
    rows: list[Row]
    """In the order of scenarios and seeds."""
    runs: int
    """How many runs of the suite there were."""
    written: bool | None = None
    """Whether the baseline was written anew; None: that was not asked for, or there was nothing to change."""
    updating: bool = False
    """The baseline was to be written anew: what is worse is accepted."""

    @property
    def regressions(self) -> list[tuple[Row, Change]]:
        """All that is worse."""
        return [(row, change) for row in self.rows for change in row.regressions]

    @property
    def remarks(self) -> list[tuple[Row, Change]]:
        """All that is better, or worth a line."""
        return [(row, change) for row in self.rows for change in row.remarks]

    @property
    def exit_code(self) -> int:
        """0 where nothing is worse, or the baseline was to be written anew and could be; else 1."""
        return int(bool(self.written is False if self.updating else self.regressions))


def judge(suite: Sequence[Ran], baseline: Baseline, *, strict: bool = False) -> list[Row]:
    """Compare each run of a suite with its row of the baseline; ``strict`` makes what fails as it did a regression."""
    rows = [_row(run, baseline, strict=strict) for run in suite]
    made = {(run.scenario, run.seed) for run in suite}
    unread = {run.scenario for run in suite if run.seed is None}
    rows += [
        Row(scenario=scenario, seed=seed, regressions=[_of_run("not run", facts.verdict, NOTHING)])
        for (scenario, seed), facts in baseline.rows.items()
        if (scenario, seed) not in made and scenario not in unread
    ]
    return sorted(rows, key=lambda row: (row.scenario, row.seed or 0))


def recorded(suite: Sequence[Ran]) -> dict[Key, Facts] | None:
    """The rows of a new baseline; None where a run was not made, or shows nothing."""
    rows = {
        (run.scenario, run.seed): run.facts
        for run in suite
        if run.seed is not None and run.facts is not None and run.facts.verdict not in _LEFT_OUT
    }
    return rows if len(rows) == len(suite) else None


def _row(run: Ran, baseline: Baseline, *, strict: bool) -> Row:
    before = None if run.seed is None else baseline.rows.get((run.scenario, run.seed))
    regressions: list[Change] = []
    remarks: list[Change] = []
    if run.facts is None:
        regressions = [_of_run("could not be run", before.verdict if before else NOTHING, run.trouble, run.line)]
    elif before is None:
        regressions = [_of_run("no baseline", NOTHING, run.facts.verdict)]
    else:
        found = list(differences(before, run.facts, lambda metric: baseline.tolerances.of(run.scenario, metric)))
        regressions = [change for change in found if change.standing == "worse"]
        if run.facts.verdict not in _LEFT_OUT and any(change.of in ("check", "limit") for change in regressions):
            regressions = [change for change in regressions if change.of != "run"]  # a check says what the run's verdict comes from
        remarks = [change for change in found if change.standing in ("better", "told")]
        as_before = list(still(before, run.facts))
        regressions += as_before if strict else []
        remarks += [] if strict else as_before
    return Row(
        scenario=run.scenario, seed=run.seed, file=run.file, command=run.command, reasons=run.reasons, regressions=regressions,
        remarks=remarks,
    )  # fmt: skip


def _of_run(kind: str, before: str, after: str, line: int = 0) -> Change:
    return Change(of="run", name="verdict", kind=kind, before=before, after=after, line=line)
