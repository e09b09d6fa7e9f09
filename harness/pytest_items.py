"""Scenario files as pytest sees them: a collector for each file, an item for each check, and one for the run as a whole.

The items follow from the scenario alone, so collecting runs nothing. The first of them that is run runs the scenario, once for all of
them; what is kept of that run is what each item has to tell.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from harness import api
from harness.check.enrolment import results
from harness.check.result import CheckResult
from harness.check.verdict import known_and_passed
from harness.report.clock import Clock
from harness.report.outcome import Outcome, counts_text, cut_note, invalid_note, mark, repeat_label, sentence
from harness.report.words import witnessed
from harness.scenario import ScenarioError

THE_RUN = "the run"
"""The item that fails where the verdict does and no check says why."""
MOST_CHARGERS = 12
"""So many of those at which a check failed are named."""


class HarnessWarning(UserWarning):
    """A violation that does not fail a run: of severity ``warn``."""


class Told(NamedTuple):
    """What an item has to tell after the run."""

    outcome: Literal["pass", "warn", "skip", "xfail", "fail"]
    text: str = ""
    reason: str = ""
    """Of a known failure, why it fails."""


class ScenarioFile(pytest.File):
    """A scenario file. Its items share one run, which the first of them makes."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._told: defaultdict[str, Told] | None = None
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(self.nodeid))  # for --dist loadgroup: one worker, one run

    @property
    def _source(self) -> str:
        """The file as one would type it here."""
        try:
            return Path(os.path.relpath(self.path)).as_posix()
        except ValueError:  # it is on another drive
            return self.path.as_posix()

    def collect(self) -> Iterator[pytest.Item]:
        """An item for each result that the run will have, in their order, then one for the run."""
        try:
            scenario = api.load(self._source, seed=self.config.option.harness_seed)
        except ScenarioError as problem:
            raise self.CollectError(str(problem)) from None
        for name in (*results(scenario), THE_RUN):
            yield ScenarioItem.from_parent(self, name=name)

    def told(self, name: str) -> Told:
        """What an item has to tell; runs the scenario if no other item did. What ends that run is raised once: a defect, a timeout."""
        if self._told is None:
            try:
                self._told = self._ran()
            except BaseException as end:
                again = f"{type(end).__name__}: {end} (see the first item that was run)"
                self._told = defaultdict(lambda: Told("fail", again))
                raise
        return self._told[name]

    def _ran(self) -> defaultdict[str, Told]:
        given = self.config.option
        options: dict[str, Any] = {"seed": given.harness_seed, "strict": given.harness_strict}
        try:
            if given.harness_out:
                root = self.config.invocation_params.dir / given.harness_out
                options["out"] = api.new_folder(api.load(self._source, seed=given.harness_seed), root=root)
            outcome = api.run(self._source, **options).outcome
        except ScenarioError as problem:  # it was changed, or no stage can carry it
            refusal = str(problem)
        except OSError as problem:
            refusal = f"{problem.strerror or problem}: {problem.filename}"
        else:
            changed = f"{self._source} was changed after it was collected, and no run of it tells of this"
            return defaultdict(lambda: Told("fail", changed), tell(outcome, strict=given.harness_strict))
        return defaultdict(lambda: Told("fail", refusal))


class ScenarioItem(pytest.Item):
    """A check of a scenario, or its run as a whole."""

    parent: ScenarioFile

    def runtest(self) -> None:
        """Tell how the check went in the run that all items of the file share."""
        told = self.parent.told(self.name)
        if told.outcome == "skip":
            raise _skipped(told.text)
        if told.outcome == "warn":
            self.warn(HarnessWarning(told.text))
        if told.outcome == "xfail":
            pytest.xfail(told.reason)  # does nothing with --runxfail
        if told.outcome in ("xfail", "fail"):
            pytest.fail(told.text, pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands, and the headline of its failure."""
        return self.path, 0, f"{self.parent.nodeid}: {self.name}"


def _skipped(reason: str) -> BaseException:
    """Skips an item; the summary is to name its file instead of this one."""
    skipped = pytest.skip.Exception(reason)
    skipped._use_item_location = True
    return skipped


def tell(outcome: Outcome, *, strict: bool) -> dict[str, Told]:
    """What each item of a run has to tell. One at least fails where ``harness run`` does not exit with 0, and none where it does."""
    judgement = outcome.judgement
    told = {result.name: _of_check(outcome, result, strict=strict) for result in judgement.checks}
    explained = judgement.verdict in ("fail", "unknown") and any(each.outcome == "fail" for each in told.values())
    told[THE_RUN] = Told("pass")
    if judgement.verdict != "pass" and not explained:
        reasons = filter(None, (cut_note(outcome), invalid_note(outcome), *judgement.reasons))
        told[THE_RUN] = Told("fail", "\n".join([f"{judgement.verdict}: {'; '.join(reasons)}", *_repeat(outcome)]))
    return told


def _of_check(outcome: Outcome, result: CheckResult, *, strict: bool) -> Told:
    scenario, checks = outcome.scenario, outcome.judgement.checks
    listed = [known for known in scenario.expect.known_failures if known.check == result.name]
    passed = [reason for known in listed if (reason := known_and_passed(scenario, known, checks))]
    why = [f"[XPASS(strict)] {reason}" for reason in passed]
    if mark(result) == "unknown" and result.origin != "contract":
        why.append(f"unknown: {counts_text(result)}")
    elif strict and mark(result) != "fail":
        why += [f"{model}: {result.name}: promised, and not exercised" for model in result.idle]
    if mark(result) == "fail" or why:
        return Told("fail", _failure(outcome, result, why))
    if result.known:
        return Told("xfail", _failure(outcome, result), result.known)
    if result.verdict == "unknown":
        return Told("skip", f"{result.name}: {counts_text(result)}")
    return Told("warn", _failure(outcome, result)) if mark(result) == "warn" else Told("pass")


def _failure(outcome: Outcome, result: CheckResult, why: Sequence[str] = ()) -> str:
    return "\n".join([*why, *_violation(outcome, result), *_repeat(outcome)])


def _violation(outcome: Outcome, result: CheckResult) -> list[str]:
    """The first violation of a check with its events, then what it demands and how often it was held."""
    shown = witnessed(result.witness, Clock(outcome.scenario)) if result.witness else []
    more = len(result.failing) - MOST_CHARGERS
    whose = ", ".join(result.failing[:MOST_CHARGERS]) + (f" and {more} more" if more > 0 else "")
    return [*shown, f"{result.name}: {sentence(result.says)}", counts_text(result), *([f"chargers: {whose}"] if whose else [])]


def _repeat(outcome: Outcome) -> list[str]:
    """The command that repeats the run, and where its files are, where they were kept."""
    rows = {repeat_label(outcome): outcome.command, "reports": outcome.folder}
    return [f"{label}: {text}" for label, text in rows.items() if text]


def about(run: api.Run) -> str:
    """A run told in the report of a test that made it: its verdict, each failure with the events that show it, how to repeat it."""
    failed = [result for result in run.judgement.checks if result.verdict == "fail"]
    violations = [line for result in failed for line in _violation(run.outcome, result)]
    head = f"{run.scenario.name}: {run.verdict}"
    return "\n".join([head, *run.judgement.reasons, *violations, *_repeat(run.outcome)])
