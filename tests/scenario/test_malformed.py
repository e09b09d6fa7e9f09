"""Malformed files: each gives its positioned messages, all of them, quickly, and nothing but them.

``malformed/expected.txt`` has every message in full; one that is long ends there with ``…``.
"""

import time
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import scenario
from harness.scenario import ScenarioError

FOLDER = Path(__file__).parent / "malformed"
FILES = sorted(FOLDER.glob("*.yaml"))
EXPECTED = defaultdict(list)
for _line in (FOLDER / "expected.txt").read_text(encoding="utf-8").splitlines():
    EXPECTED[_line.partition(":")[0]].append(_line)


def problems_of(path):
    return [problem for problem in scenario.lint(path) if problem.severity == "fail"]


def test_there_are_enough_of_them():
    assert len(FILES) >= 60
    assert {path.name for path in FILES} == set(EXPECTED)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_messages(path, monkeypatch):
    monkeypatch.chdir(FOLDER)
    times, found = [], []
    while not times or (times[-1] >= 0.2 and len(times) < 3):  # a busy machine is not the reader's fault
        begun = time.perf_counter()
        found = [str(problem) for problem in problems_of(path.name)]
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.2
    expected = EXPECTED[path.name]
    assert len(found) == len(expected), found
    for message, wanted in zip(found, expected, strict=True):
        assert message.startswith(wanted.removesuffix("…")) if wanted.endswith("…") else message == wanted


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_loading_refuses_it(path):
    with pytest.raises(ScenarioError) as caught:
        scenario.load(path)
    assert all(problem.line >= 1 and problem.column >= 1 for problem in caught.value.problems)


GOOD = (Path(__file__).parent / "good.yaml").read_text(encoding="utf-8")
PIECES = ("null", "[]", "{}", "''", "-1", "upgrade.end", "+1 h", "all", "homes-03", "{a: b}", "[a, b]", "\n", ":", "99999999999 h", "0 s")


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=3))
def test_no_damage_gives_anything_but_problems(damage):
    text = GOOD
    for begin, length, piece in damage:
        text = text[:begin] + piece + text[begin + length :]
    problems = []
    try:
        scenario.loads(text, "damaged")
    except ScenarioError as error:
        problems = error.problems
        assert problems
    assert all(str(problem).startswith("damaged.yaml:") for problem in problems if problem.file == "damaged.yaml")
