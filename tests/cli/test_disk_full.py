"""The disk is full while a run is recorded: one message, exit code 4, and what was written by then is a journal that was cut off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.journal.reader import Journal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files of a largest size are POSIX's")

ROOT = Path(__file__).resolve().parents[2]
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
from harness.cli import main
sys.exit(main(sys.argv[2:]))
"""


def run(folder: Path, largest_bytes: int) -> subprocess.CompletedProcess[str]:
    """A simulated run whose files can be so large; its journal has some 40 kB, half of which is the header."""
    words = [sys.executable, "-c", LIMITED, str(largest_bytes), "run", "flapping", "--out", str(folder / "kept")]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_what_was_written_is_there_and_cut_off(tmp_path, capsys):
    done = run(tmp_path, 30_000)
    journal = tmp_path / "kept" / "journal.jsonl"
    assert (done.returncode, done.stdout, done.stderr) == (4, "", f"harness: File too large: {journal}\n")
    assert [path.name for path in journal.parent.iterdir()] == [journal.name]
    kept = Journal(journal)
    assert not kept.complete
    assert len(list(kept.records())) > 50
    assert main(["check", str(journal)]) == 2
    assert "CUT OFF" in capsys.readouterr().out


def test_of_a_run_of_which_nothing_could_be_written_nothing_is_left(tmp_path):
    done = run(tmp_path, 1_000)
    assert (done.returncode, done.stderr) == (4, f"harness: File too large: {tmp_path / 'kept' / 'journal.jsonl'}\n")
    assert list((tmp_path / "kept").iterdir()) == []
    assert run(tmp_path, 1_000_000).returncode == 0  # the same folder, once there is room
