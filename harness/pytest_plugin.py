"""The pytest plugin: ``pytest scenarios/`` collects scenario files, and the fixture ``run_scenario`` runs scenarios in Python tests.

pytest loads this module whenever it starts, whoever's tests it is to run. So it imports nothing of the harness before there is a
scenario, and of a YAML file it looks only for what each scenario has at its left margin.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.api import Run

SUFFIXES = (".yaml", ".yml")
LARGEST_BYTES = 1 << 20
"""No scenario is larger: of a file that is, so much is looked at."""
VERSION = re.compile(rb"^(?:\xef\xbb\xbf)?([\"']?)harness\1[ \t]*:[ \t]+[\"']?\d", re.MULTILINE)
KEYS = ("start", "zone", "duration", "server", "supply", "chargers")
"""What each scenario has to have, and no other file of the harness has."""
_ANY_KEY = re.compile(rf"^(?:\xef\xbb\xbf)?([\"']?)(?:{'|'.join(KEYS)})\1[ \t]*:".encode(), re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that are about scenario files."""
    group = parser.getgroup("harness", "scenario files of harness")
    group.addoption("--harness-seed", type=int, metavar="N", help="the seed of all that is drawn; each file's own by default")
    group.addoption("--harness-out", metavar="DIR", help="keep journals and reports in DIR/SCENARIO/START-SEED; by default none are")
    group.addoption("--harness-strict", action="store_true", help="contract clauses that were not exercised fail instead of being skipped")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a scenario file: an item for each of its checks, and one for the run."""
    if file_path.suffix not in SUFFIXES or not looks_like_a_scenario(file_path):
        return None
    from harness.pytest_items import ScenarioFile

    collector: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
    return collector


def looks_like_a_scenario(path: Path) -> bool:
    """Whether a file has, at its left margin, ``harness: 1`` and a key that only scenarios have."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_BYTES)
    except OSError:
        return False
    return bool(VERSION.search(text) and _ANY_KEY.search(text))


@pytest.fixture
def run_scenario(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Run]:
    """A function that runs a scenario as ``harness.run`` does and returns its ``harness.Run``.

    The journal and the reports are kept below the test's ``tmp_path``, where no other place is named. If the test fails, its report
    tells of each run what failed in it, with the events that show it, and the command that repeats it.
    """
    numbers = count(1)

    def run(source: Any, **options: Any) -> Run:
        import harness
        from harness.pytest_items import about

        if not options.get("keep"):
            options.setdefault("out", tmp_path / f"run-{next(numbers)}")
        made = harness.run(source, **options)
        request.node.add_report_section("call", "harness", about(made))
        return made

    return run
