"""Checks judge by evidence alone, and every check of the catalogue is judged, from both sides."""

from __future__ import annotations

import ast
import inspect
import itertools
from pathlib import Path

import pytest
import test_messages
import test_timelines
from msgspec.structs import replace
from timeline import JUICEBOX, Timeline, ms, scenario

import harness.check
from harness.check.catalogue import NAMES
from harness.check.judge import Judge
from harness.journal import records as r
from harness.values import Clause

EXPLAINS = {"reason"}
"""Fields that only explain: an actor's own opinion."""

MODULES = sorted(Path(inspect.getfile(harness.check)).parent.glob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_no_check_reads_what_only_explains(module):
    tree = ast.parse(module.read_text())
    # A known failure of a scenario has a reason too; that is the scenario's word, and only the verdict reads it.
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not read & (EXPLAINS if module.name != "verdict.py" else set())


def an_evening_with_everything() -> Timeline:
    line = Timeline(scenario())
    line.at("13:00").plug_in().opens(1).message("transaction-start", tx=1)
    line.at("13:00:05").draws()
    line.at("14:00").crash()
    line.at("14:05:10").offline()
    line.at("15:00").idle()
    line.at("16:00").off()
    line.at("16:01").on()
    line.at("16:01:35").draws()
    line.at("18:00").back()
    line.at("18:00:30").online("registered").recovers().hold("24:00").idle()
    line.at("19:00").override().release()
    line.at("19:00:05").draws()
    line.at("20:00").closes(1).unplug()
    line.at("20:01").add(r.Discard(t=ms("20:01"), who="anna", action="transaction-end", tx=1, why="attempts"))
    line.at("21:00").settled()
    return line


@pytest.mark.parametrize(("kind", "opinion"), [(r.Current, {"reason": "no-car"}), (r.Discard, {"why": "memory-cleared"})])
def test_what_a_charger_says_for_itself_changes_nothing(kind, opinion):
    line = an_evening_with_everything()
    before = line.results()
    assert any(isinstance(record, kind) for record in line.records)
    for place, record in enumerate(line.records):
        if isinstance(record, kind):
            line.records[place] = replace(record, **opinion)
    after = line.results()
    assert any(result.failed for result in before.values())
    for name, result in before.items():
        other = after[name]
        assert replace(result, witness=None) == replace(other, witness=None)
        assert (result.witness is None) == (other.witness is None)


def test_batches_do_not_matter():
    line = an_evening_with_everything()
    assert line.results(batch=1) == line.results(batch=1000) == line.results(batch=3)


def test_judging_twice_gives_the_same():
    line = an_evening_with_everything()
    assert line.results() == line.results()


def test_chargers_do_not_disturb_each_other():
    alone = an_evening_with_everything().judged()
    line = an_evening_with_everything()
    two = Timeline(scenario(names=("anna", "ben")))
    for record in line.records:
        two.records.append(record)
        if record.who:
            two.records.append(replace(record, who="ben"))
    doubled = {name: {kind: 2 * count for kind, count in counts(said).items()} for name, said in alone.items()}
    assert {name: counts(said) for name, said in two.judged().items()} == doubled


def counts(said: str) -> dict[str, int]:
    return {kind: int(count) for count, kind in (part.split() for part in said.split(", "))}


class Seen:
    """What all timelines of the other test modules made of each check."""

    met: set[str]
    failed: set[str]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Run every hand-written timeline again and note which checks passed and which failed on any."""
    found = Seen()
    found.met, found.failed = set(), set()
    original = Judge.close

    def noting(judge, end_ms):
        results = original(judge, end_ms)
        found.met |= {result.name for result in results if result.met}
        found.failed |= {result.name for result in results if result.failed}
        return results

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Judge, "close", noting)
        for module in (test_timelines, test_messages):
            for test in vars(module).values():
                if callable(test) and getattr(test, "__name__", "").startswith("test_"):
                    run_each(test)
    return found


def run_each(test) -> None:
    cases: list[list[dict]] = []
    for mark in getattr(test, "pytestmark", []):
        names, rows = mark.args
        cases.append([dict(zip((names,), (row,), strict=True) if isinstance(names, str) else zip(names, row, strict=True)) for row in rows])
    for given in itertools.product(*cases):
        test(**{name: value for case in given for name, value in case.items()})


@pytest.mark.parametrize("name", NAMES)
def test_each_check_passes_somewhere_and_fails_somewhere(seen, name):
    assert name in seen.met
    assert name in seen.failed


def test_a_promise_that_is_not_made_is_not_judged():
    line = Timeline(scenario(JUICEBOX, clauses={"clock-sane": Clause()}))
    line.at("10:00").plug_in()
    line.at("11:00").crash()
    assert set(line.results()) == {"clock-sane"}
