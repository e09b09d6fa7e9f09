"""Two runs compared, wherever their results are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from harness.regression.changes import Changes
from harness.regression.changes import compare as changes_of
from harness.regression.facts import Judged, read

if TYPE_CHECKING:
    from harness.api import Run

_RESULT = "result.json"


def compare(before: Run | str | Path, after: Run | str | Path) -> Changes:
    """Compare two runs: what is worse, what is better, and what else differs.

    Each is a run, or the folder of one, its journal, or its ``result.json``. A folder is compared by its ``result.json``, as it was judged
    when it ran; a journal is judged now. Raises :class:`harness.regression.facts.ResultError` for what is no result,
    :class:`harness.journal.format.JournalError` for what is no journal, and :class:`OSError`.
    """
    return changes_of(_judged(before), _judged(after))


def since(baseline: str | Path, run: Run) -> Changes:
    """What has changed in a run since a baseline: a file that ``harness gate`` keeps, or another run as :func:`compare` takes it.

    Raises what that raises, and :class:`harness.ScenarioError` for a baseline file that cannot be used or does not have this run.
    """
    path = Path(baseline)
    if path.suffix not in {".yaml", ".yml"}:
        return compare(path, run)
    from harness.regression import baseline as baselines
    from harness.scenario.problems import Problem, ScenarioError

    scenario = run.scenario
    rows = baselines.read(path, [scenario.name]).rows
    facts = rows.get((scenario.name, scenario.seed))
    if facts is None:
        has = f"the runs of {', '.join(sorted({name for name, _ in rows})[:8])}" if rows else "no runs"
        raise ScenarioError([
            Problem(file=str(path), line=0, column=0, message="no such run in this baseline",
                    expected=f"one of {scenario.name} with seed {scenario.seed}", found=has)
        ])  # fmt: skip
    after = _judged(run)
    return changes_of(msgspec.structs.replace(after, facts=facts, source=str(path)), after)


def _judged(source: Run | str | Path) -> Judged:
    from harness import api
    from harness.journal.reader import run_folder
    from harness.report import document

    if isinstance(source, api.Run):
        return read(document.render(source.outcome, None), str(source.journal))
    path = run_folder(Path(source))
    result = path / _RESULT
    if path.suffix == ".json" or result.is_file():
        return read((result if result.is_file() else path).read_bytes(), str(source))
    return read(document.render(api.judge(path).outcome, None), str(source))
