"""Files of campaigns: what is none is never changed, what cannot be used is told in a sentence, and one process works on each."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from harness.cli import main
from harness.exploring import explore
from harness.search.store import CampaignError, Store
from harness.search.sweep import Runs
from harness.search.trial import Trial

IDENTITY = {"kind": "explore", "base": "street"}


def opened(path: Path) -> Store:
    return Store(path, IDENTITY, advice="take another")


def trial(seed: int, *situations: str) -> Trial:
    return Trial(seed=seed, ancestry=(seed,), kinds=[], situations=list(situations))


def changed(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return path


@pytest.fixture
def kept(tmp_path) -> Path:
    with opened(tmp_path / "kept.sqlite") as store:
        store.add([trial(0, "a"), trial(1, "a", "b"), trial(2)])
    return tmp_path / "kept.sqlite"


def test_what_was_kept_is_there(kept):
    with opened(kept) as store:
        assert [found.situations for found in store.trials()] == [["a"], ["a", "b"], []]


FOREIGN = {
    "tables of its own": "CREATE TABLE mine (x)",
    "a table campaign": "CREATE TABLE campaign (x)",
    "a table runs": "CREATE TABLE runs (cell TEXT)",
    "a table campaign with such columns": "CREATE TABLE campaign (key, value)",
}


@pytest.mark.parametrize("told", FOREIGN)
@pytest.mark.parametrize("use", [opened, Runs, lambda path: Runs(path, read_only=True)], ids=["explore", "sweep", "merge"])
def test_a_database_of_others_is_refused_and_stays_as_it_is(tmp_path, told, use):
    path = changed(tmp_path / "mine.sqlite", FOREIGN[told])
    before = path.read_bytes()
    with pytest.raises(CampaignError, match=r"mine\.sqlite: this is no campaign of the harness"):
        use(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["mine.sqlite"]


def test_what_is_read_only_to_be_merged_stays_as_it_is(tmp_path):
    with Runs(tmp_path / "runs.sqlite"):
        pass
    path = tmp_path / "runs.sqlite"
    before, mode = path.read_bytes(), tmp_path.stat().st_mode
    tmp_path.chmod(0o500)
    try:
        with Runs(path, read_only=True) as runs:
            assert runs.runs == {}
    finally:
        tmp_path.chmod(mode)
    assert path.read_bytes() == before
    (tmp_path / "empty").touch()
    with pytest.raises(CampaignError, match="this is no campaign of the harness"):
        Runs(tmp_path / "empty", read_only=True)


def test_an_empty_file_becomes_a_campaign(tmp_path):
    (tmp_path / "empty").touch()
    with opened(tmp_path / "empty") as store:
        assert store.trials() == []


def test_a_second_process_is_refused(kept):
    with opened(kept), pytest.raises(CampaignError, match="another process works on this campaign: wait until it has ended"):
        opened(kept)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trials SET trial = x'00' WHERE seed = 1",
        "UPDATE trials SET trial = 'text' WHERE seed = 1",
        "DELETE FROM situations WHERE told = 'b'",
    ],
)
def test_what_is_damaged_is_told_in_a_sentence(kept, statement):
    with opened(changed(kept, statement)) as store, pytest.raises(CampaignError, match=r"kept\.sqlite: this campaign is damaged \("):
        store.trials()


def test_a_table_that_is_missing_is_damage_and_leaves_the_file_free(kept):
    changed(kept, "ALTER TABLE situations RENAME TO others")
    with pytest.raises(CampaignError, match=r"damaged \(no such table: situations\): remove it") as first:
        opened(kept)
    changed(kept, "ALTER TABLE others RENAME TO situations")
    opened(kept).__exit__()
    assert first.value is not None, "it is still held, and what it holds keeps nobody out"


def test_damaged_pages_are_told_in_a_sentence(tmp_path):
    path = tmp_path / "kept.sqlite"
    with opened(path) as store:
        store.add([trial(seed, f"situation {seed}" * 20) for seed in range(200)])
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(CampaignError, match="this campaign is damaged"), opened(path) as store:
        store.trials()


def test_a_trial_that_is_missing_is_told(tmp_path, capsys):
    words = ["explore", "waybox", "--plans", "4", "-j", "1", "--out", str(tmp_path)]
    assert main(words) == 0
    changed(tmp_path / "explore.sqlite", "DELETE FROM trials WHERE seed = 2")
    capsys.readouterr()
    assert main(words) == 4
    assert "explore.sqlite: this campaign is damaged (the plan with seed 2 is missing): " in capsys.readouterr().err


def test_what_failures_came_to_is_told_where_it_is_damaged(kept):
    changed(kept, "INSERT INTO smallest VALUES ('key', x'00')")
    with opened(kept) as store, pytest.raises(CampaignError, match="this campaign is damaged"):
        store.smallest(Trial)


def test_a_path_that_cannot_be_opened_is_told(tmp_path):
    with pytest.raises(CampaignError, match="the file cannot be read or written"):
        opened(tmp_path)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
from harness.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("largest_bytes", [2_000, 60_000])
def test_a_full_disk_is_told_in_a_sentence(tmp_path, largest_bytes):
    words = ["explore", "waybox", "--plans", "64", "-j", "1", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(largest_bytes), *words], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 4
    assert done.stderr.startswith(f"harness: {tmp_path}/explore.sqlite: the file cannot be read or written (")
    assert explore("waybox", plans=64, jobs=1, out=tmp_path).plans == 64  # once there is room


def test_another_version_of_the_harness_is_another_campaign(tmp_path, monkeypatch):
    explore("waybox", plans=1, jobs=1, out=tmp_path)
    monkeypatch.setattr("harness.exploring.__version__", "99")
    with pytest.raises(CampaignError, match=r"another campaign is kept here\. Its harness is .*, and now it is 99: "):
        explore("waybox", plans=1, jobs=1, out=tmp_path)
