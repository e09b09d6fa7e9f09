"""What is typed often starts at once: what each command imports, seen from a fresh interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main

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


# Interrupted before it begins, and once it is over.


def interrupted(when, *words):
    begin = f"import atexit, os, runpy, signal, sys\nsys.argv = ['harness', *{words!r}]"
    script = f"{begin}\n{when}\nrunpy.run_module('harness', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)"


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("module", ["harness.cli", "msgspec", "msgspec._core", "datetime", "harness.values"])
def test_an_interruption_while_modules_are_imported_ends_with_two(module):
    """What msgspec needs of datetime it asks for in C, and takes no notice of an exception there."""
    when = f"""
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            {INTERRUPT}
sys.meta_path.insert(0, Finder())
"""
    assert interrupted(when, "run", "of-no-such-name") == (2, "", "harness: interrupted\n")


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interruption_once_the_command_is_over_changes_nothing():
    code, out, error = interrupted(f"atexit.register(lambda: {INTERRUPT})", "list", "metrics")
    assert (code, error) == (0, "")
    assert "undelivered_energy" in out


def test_an_interruption_that_comes_out_as_what_it_broke_ends_with_two(capsys, monkeypatch):
    def broken(*_):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as interruption:
            raise RuntimeError("a class could not be made") from interruption

    monkeypatch.setattr("harness.cli._list", broken)
    assert main(["list"]) == 2
    assert capsys.readouterr().err == "harness: interrupted\n"
