"""What is typed often starts at once: what each command imports, seen from a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ["simpy", "yaml", "rich", "asyncio", "msgspec", "harness.api", "zoneinfo", "difflib"]

SCRIPT = """
import sys
sys.argv = ["harness", *{words!r}]
sys.stdout = open({void!r}, "w")
from harness.cli import main
code = main()
print(code, *(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""


def imported(words, heavy, tmp_path):
    script = SCRIPT.format(words=words, heavy=heavy, void=str(tmp_path / "void"))
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    code, *found = done.stderr.split()
    return int(code), found


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(words, tmp_path):
    assert imported(words, HEAVY, tmp_path) == (0, [])


def test_a_plain_run_imports_no_rich(tmp_path):
    words = ["run", "answer-lost", "--out", str(tmp_path / "out"), "--no-twin"]
    _, found = imported(words, ["rich", "asyncio", "requests"], tmp_path)
    assert found == []


def test_import_harness_imports_none_of_its_parts():
    script = "import sys, harness; print(*(name for name in sys.modules if name.startswith(('harness.', 'msgspec', 'yaml'))))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
