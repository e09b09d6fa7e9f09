"""The whole measurement of the search: `python -m benchmarks.search [PLANS]` writes `docs/search-results.md`.

Each shipped charger model is tried on 20,000 random plans (or PLANS), which must break nothing, and each planted wrong behaviour is looked
for in up to 2,000 plans over the model that it is of. Takes twenty minutes on two quiet cores. Exits with 1 where anything is not as
it is to be.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from harness import __version__
from harness.exploring import explore
from harness.search.coverage import Coverage
from harness.search.found import Outcome
from harness.search.generator import felt
from harness.search.mutants import MUTANTS, Task, look_for
from harness.search.mutants import planted as planted_in
from harness.search.pool import in_order, pool
from harness.search.space import source, space
from harness.shipped import model_names
from harness.values import ChargerModel, Scenario
from harness.workers import processors

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "search-results.md"
PLANS = 20_000
MUTANT_PLANS = 2_000
LEAST = 20
"""So often, in 20,000 plans, each check is to be put to the test under each kind of step that its contract does not exempt."""
MEDIAN = 100
_MODEL = re.compile(r"defaults: \{model: ([\w-]+)")
_VARIANT = re.compile(r"models: \{([\w-]+): \{extends: ([\w-]+)")
_QUIRK = re.compile(r"quirks: \[([\w-]+)")


def conforming(plans: int) -> Iterator[tuple[str, str, bool]]:
    """For each model what came of its plans, as a row of a table, what was seldom put to the test, and whether all is well."""
    for model in model_names("charger"):
        folder = ROOT / "reports" / "explore" / f"search-{model}"
        shutil.rmtree(folder, ignore_errors=True)  # what was tried before may have been of other code
        found = explore(model, plans=plans, out=folder)
        plain = space(source(model)).plain
        seldom = list(_seldom(plain, plain.models[model], found.coverage, LEAST * plans / PLANS))
        rate = found.made / found.seconds
        row = f"| {model} | {found.plans:,} | {len(found.findings)} | {len(found.situations)} | {len(seldom)} | {rate:.0f} |"
        print(row, flush=True)
        broken = [f"- {model}: {finding.check}, seeds {finding.seeds}: {finding.smallest.says}" for finding in found.findings]
        rare = [f"- {model}: {check} under {kind}: {count}" for check, kind, count in seldom]
        yield row, "\n".join([*broken, *rare]), not broken and not rare


def _seldom(plain: Scenario, model: ChargerModel, coverage: Coverage, least: float) -> Iterator[tuple[str, str, int]]:
    for check, clause in sorted({**plain.server.contract, **model.contract}.items()):
        if check == "override-kept" and model.tou == "none":
            continue  # where nothing is held, there is nothing to override
        exempt = {assumed.removeprefix("no ") for assumed in clause.assumes}
        for kind in felt(plain):
            count = coverage.met[check, kind.name]
            if kind.name.partition(".")[2] not in exempt and count < least:
                yield check, kind.name, count


def planted() -> list[Task]:
    """Each wrong behaviour with the model that its planted scenario has."""
    tasks = []
    for file in sorted((ROOT / "tests" / "mutants").glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        model, variant = _MODEL.search(text), _VARIANT.search(text)
        assert model is not None
        given = source(variant[2] if variant and variant[1] == model[1] else model[1])
        *others, quirk = _QUIRK.findall(text) or [file.stem]
        for other in others:  # where it takes two to do wrong
            given = planted_in(given, MUTANTS[other])
        tasks.append(Task(given, quirk, MUTANT_PLANS))
    return tasks


def mutants() -> Iterator[Outcome]:
    """What became of each planted wrong behaviour."""
    with pool(processors()) as (executor, workers):
        for outcome in in_order(executor, workers, look_for, planted()):
            print(_row(outcome), flush=True)
            yield outcome


def _row(outcome: Outcome) -> str:
    if outcome.smallest is None:
        return f"| {outcome.mutant} | **{outcome.standing}** | {outcome.plans} | | |"
    small = outcome.smallest
    return f"| {outcome.mutant} | {outcome.found_by} | {outcome.plans} | {small.steps} | {small.chargers} |"


def main(words: list[str]) -> int:
    """Measure, write, and say whether all is as it is to be."""
    plans = int(words[0]) if words else PLANS
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    rows, remarks, well = zip(*conforming(plans), strict=True)
    found = list(mutants())
    middle = statistics.median(outcome.plans for outcome in found)
    large = [outcome.mutant for outcome in found if outcome.smallest and (outcome.smallest.steps > 4 or outcome.smallest.chargers > 2)]
    missed = [outcome.mutant for outcome in found if not outcome.found_by]
    RESULTS.write_text(
        "\n".join([
            "# What the search finds, and what it does not", "",
            f"Made by `python -m benchmarks.search`, {datetime.now(UTC).date().isoformat()}, harness {__version__}, commit {commit}.", "",
            "## Right chargers", "",
            "Each shipped charger model under random plans, as `harness explore MODEL` draws them. Nothing may fail, and each check is to"
            f" be put to the test at least {LEAST} times in {PLANS:,} plans that contain each kind of step which its contract does not"
            " exempt.", "",
            "| model | plans | findings | situations | pairs put to the test too seldom | plans a second |", "|---|--:|--:|--:|--:|--:|",
            *rows, "", *filter(None, remarks), "",
            "## Wrong chargers and servers", "",
            f"Each planted wrong behaviour (`tests/mutants`), looked for in up to {MUTANT_PLANS:,} plans over its plain model:"
            f" {len(found) - len(missed)} of {len(found)} found, half of them within {middle:.0f} plans.", "",
            "| wrong behaviour | found by | in plan | steps of the smallest scenario | its chargers |", "|---|---|--:|--:|--:|",
            *map(_row, found), "",
        ]),
        encoding="utf-8",
    )  # fmt: skip
    return int(not all(well) or bool(missed) or bool(large) or middle >= MEDIAN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
