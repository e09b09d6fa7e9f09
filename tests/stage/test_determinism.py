"""Same scenario, seed and version: same bytes, in any process, under any hash seed, on any Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from random_plans import drawn, lines, records_of

from harness import scenario
from harness.api import run
from harness.journal.records import PlugIn
from harness.values import Chargers

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
STREET = GOLDEN / "street.yaml"
NEEDED = "import msgspec, simpy, yaml, tzdata"
RUN_IT = "import sys; from harness.api import run; print(run(sys.argv[1], out=sys.argv[2], twin=False).outcome.digest)"


def fresh(python: str, folder: Path, hash_seed: int) -> str:
    """Run the street in a process of its own, its journal into ``folder``; returns the journal's digest."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, "-c", RUN_IT, str(STREET), str(folder)], env=environment, capture_output=True, text=True, check=False, cwd=folder
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def other_pythons() -> list[str]:
    """Interpreters of other versions than this one that have what a run needs."""
    names = [f"python3.{minor}" for minor in range(11, 20)]
    found = [path for name in names if (path := shutil.which(name))]
    found += [str(path) for path in sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin/python3"))]
    asked = f"{NEEDED}, sys; sys.exit(sys.version_info < (3, 11) or sys.version_info[:2] == {sys.version_info[:2]})"
    return [python for python in found if subprocess.run([python, "-c", asked], capture_output=True, check=False).returncode == 0]


def test_two_fresh_processes_with_different_hash_seeds_write_the_same_bytes(tmp_path):
    journals = []
    for hash_seed in (1, 2):
        folder = tmp_path / str(hash_seed)
        fresh(sys.executable, folder, hash_seed)
        journals.append((folder / "journal.jsonl").read_bytes())
    assert journals[0] == journals[1]


def test_another_seed_gives_another_journal():
    one, other = (run(STREET, seed=seed, twin=False).outcome.digest for seed in (11, 12))
    assert one != other


def test_another_python_gives_the_committed_digest(tmp_path):
    pythons = other_pythons()
    if not pythons:
        pytest.skip("no other Python with msgspec, simpy, PyYAML and tzdata is at hand")
    expected = (GOLDEN / "street.sha256").read_text().strip()
    found = {python: fresh(python, tmp_path / str(number), 3) for number, python in enumerate(pythons)}
    assert found == dict.fromkeys(pythons, expected)


def test_running_again_in_the_same_process_changes_nothing():
    loaded = drawn("juicebox-40", 5)
    assert lines(records_of(loaded)) == lines(records_of(loaded))


def test_another_charger_changes_no_others_draws():
    """Sessions and back-off are drawn for each charger by its name alone."""
    loaded = scenario.load(STREET)
    alone = replace(loaded, circuits=(), plan=())
    visitor = Chargers(name="a-visitor", model="waybox", network="home-wifi", car="leaf-40", tariff="pge-ev2-a")
    joined = replace(alone, chargers=(visitor, *alone.chargers))

    def sessions(records: list) -> list[str]:
        return sorted(lines([record for record in records if isinstance(record, PlugIn)]))

    assert sessions(records_of(joined)) == sessions(records_of(alone))


def test_a_longer_crowd_keeps_the_sessions_of_its_first_members():
    loaded = scenario.load(STREET, overrides=["chargers.homes.count=99", "circuits.street.capacity=900 A"])
    shorter = scenario.load(STREET)
    plugged = {record.t for record in records_of(loaded) if isinstance(record, PlugIn) and record.who == "homes-07"}
    assert plugged == {record.t for record in records_of(shorter) if isinstance(record, PlugIn) and record.who == "homes-07"}
    assert plugged
