"""The commands: what they print, what they leave, and how they end."""

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness import api, scenario
from harness.check.result import BEHAVIOURS
from harness.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Call a command in an empty folder; gives (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def called(*words):
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return called


def test_a_run_shows_the_outage_the_behaviours_and_how_to_repeat_it(call, tmp_path):
    code, out, err = call("run", "faq-walkthrough")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("faq-walkthrough  ")
    assert [line for line in lines if line[2:].startswith(tuple(BEHAVIOURS))] == lines[3:7]
    assert all(line.startswith("✓") for line in lines[3:7])
    assert any(line.startswith("✓ settings-remembered") for line in lines)
    assert "\x1b" not in out
    repeat = next(line for line in lines if line.startswith("repeat")).removeprefix("repeat").split()
    assert repeat[:3] == ["harness", "run", "faq-walkthrough"]
    folder = tmp_path / lines[-1].removeprefix("reports").strip()
    assert sorted(path.name for path in folder.iterdir()) == ["journal.jsonl", "junit.xml", "report.html", "report.md", "result.json"]


def test_the_files_of_a_run_agree(call, tmp_path):
    call("run", "faq-walkthrough", "--out", "here")
    result = json.loads((tmp_path / "here" / "result.json").read_text())
    assert result["verdict"] == "pass"
    assert all(result["behaviours"][name] for name in BEHAVIOURS)
    cases = ElementTree.parse(tmp_path / "here" / "junit.xml").getroot()
    assert int(cases.get("tests")) == len(result["checks"]) + 1
    report = (tmp_path / "here" / "report.md").read_text()
    assert f"digest `{result['journal']['digest']}`" in report


STREET = """\
harness: 1
title: {title}
start: 2026-03-12 17:00
zone: America/Los_Angeles
duration: 12 h
server: juicenet
network: home-wifi
supply: {{voltage: 240 V}}
defaults: {{model: juicebox-40, car: leaf-40, tariff: pge-ev2-a}}
chargers:
  anna: {{session: {{plug_in: 18:10, needs: 8 kWh, leave: 22:00}}}}
plan:
  - {{id: upgrade, at: 19:30, do: server.upgrade, for: 1 h}}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file names that are no text")
def test_the_name_of_a_folder_may_be_no_text_and_that_of_a_scenario_may_not(call, tmp_path):
    folder = Path(os.fsdecode(b"no\xfftext"))
    folder.mkdir()
    file = folder / "street.yaml"
    file.write_text(STREET.format(title="street"))
    code, _, err = call("run", file, "--out", folder / "kept")
    assert (code, err) == (0, "")
    result = json.loads((folder / "kept" / "result.json").read_text())
    assert result["command"] == "harness run 'no?text/street.yaml' --seed 1"
    assert call("report", folder / "kept")[0] == call("report", folder / "kept", "--postmortem")[0] == 0
    assert call("gate", file, "--baseline", "b.yaml", "--update", "--junit", "j.xml")[0] == 0
    assert call("check", folder / "kept")[0] == 0
    other = file.rename(os.fsdecode(b"stre\xffet.yaml"))
    assert call("run", other) == (4, "", "'stre\\udcffet.yaml': the file's name is not UTF-8\n")
    assert not Path("reports").exists()


def test_no_text_of_a_file_makes_a_workflow_command_of_a_line_however_it_is_broken(call):
    Path("street.yaml").write_text(STREET.format(title="'" + "x" * 100 + " ::error file=README.md,line=1::pwned ##[error]x'"))
    code, out, _ = call("run", "street.yaml")
    assert code == 0
    assert "pwned" in out
    assert not [line for line in out.splitlines() if line.strip().startswith("::") or "##[" in line]


HOLD_SURVIVES = "models.juicebox-40.memory.hold=[departure]"


def test_a_broken_charger_fails_with_the_evidence_and_the_printed_command_repeats_it(call):
    code, out, _ = call("run", "faq-walkthrough", "--set", HOLD_SURVIVES)
    assert code == 1
    assert "✗ unplugging clears the schedule" in out
    assert "mains lost" in out
    assert "the station works" in out
    assert "do not charge for" in out
    repeat = shlex.split(next(line for line in out.splitlines() if line.startswith("repeat")).removeprefix("repeat"))
    again, once_more, _ = call(*repeat[1:])
    assert again == 1
    assert once_more.splitlines()[:-1] == out.splitlines()[:-1]


def test_a_journal_is_judged_again_without_its_scenario(call, tmp_path):
    _, first, _ = call("run", "faq-walkthrough", "--out", "here", "--set", HOLD_SURVIVES)
    code, again, _ = call("check", "here")
    assert code == 1
    assert again.splitlines()[:-1] == [line for line in first.splitlines() if not line.startswith(("repeat", "reports"))]
    (tmp_path / "moved.txt").write_bytes((tmp_path / "here" / "journal.jsonl").read_bytes())
    assert call("check", "moved.txt")[0] == 1


def test_a_cut_off_journal_is_said_to_be_one(call, tmp_path):
    call("run", "answer-lost", "--out", "here")
    journal = tmp_path / "here" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    code, out, err = call("check", journal)
    assert code == 2
    assert "interrupted" in out
    assert "cut off" in err


def test_several_scenarios_show_a_line_each_and_end_with_the_worst(call, tmp_path):
    code, out, err = call("run", "answer-lost", "nonsense", "faq-walkthrough", "--out", "all", "--no-twin")
    assert code == 4
    assert "nonsense" in err
    assert [line.split()[1] for line in out.splitlines() if line.startswith("✓")] == ["answer-lost", "faq-walkthrough"]
    assert out.splitlines()[-1] == "2 of 3 scenarios passed"
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["answer-lost", "faq-walkthrough", "index.html"]


def test_verify_says_what_it_proved(call):
    code, out, _ = call("run", "answer-lost", "--verify")
    assert code == 0
    assert "verified two fresh processes wrote the same journal, digest " in out.splitlines()[-2]


def test_an_interruption_ends_with_two_and_shows_what_there_was(call, monkeypatch):
    def stopped(real, *arguments, **options):
        def interrupt(now_ms, end_ms):
            if now_ms > end_ms // 2:
                raise KeyboardInterrupt

        return real(*arguments, **{**options, "progress": interrupt})

    real = api.run
    monkeypatch.setattr(api, "run", lambda *arguments, **options: stopped(real, *arguments, **options))
    code, out, _ = call("run", "server-upgrade", "answer-lost")
    assert code == 2
    assert "server-upgrade" in out
    assert "interrupted" in out
    assert "answer-lost" not in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_cancelled_job_leaves_the_reports_of_an_interrupted_run(call, monkeypatch, tmp_path, number):
    real = api.run

    def cancelled(*arguments, **options):
        return real(*arguments, **{**options, "progress": lambda now_ms, end_ms: os.kill(os.getpid(), number)})

    monkeypatch.setattr(api, "run", cancelled)
    before = signal.getsignal(number)
    code, out, _ = call("run", "server-upgrade", "--out", "here")
    assert (code, signal.getsignal(number)) == (2, before)
    assert "interrupted" in out
    assert json.loads((tmp_path / "here" / "result.json").read_text())["verdict"] == "interrupted"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rum"], "no such command: `rum`; did you mean `run`?"),
        (["run"], "required: SCENARIO"),
        ([], "required: COMMAND"),
        (["run", "x", "--sede", "1"], "run takes no `--sede`; did you mean `--seed`?"),
        (["run", "x", "--seed", "soon"], "invalid int value: 'soon'"),
        (["explain", "can-always-chrage"], "did you mean `can-always-charge`?"),
        (["list", "modles"], "did you mean `models`?"),
        (["explain", "waybox", "tpin"], "nothing is called `tpin`; did you mean `twin`?"),
        (["timeline"], "required: JOURNAL (see"),
        (["check", "nowhere.jsonl"], "No such file or directory: nowhere.jsonl"),
        (["run", "server-upgade"], "did you mean `server-upgrade`?"),
        (["run", "answer-lost", "--set", "nonsense"], "--set #1"),
        (["lint", "nowhere.yaml"], "nowhere.yaml"),
        (["new", "scenario", "a name"], "a name"),
        (["new", "senario", "x"], "invalid choice: 'senario'"),
    ],
)
def test_bad_usage_is_one_line_and_ends_with_four(call, words, says):
    code, out, err = call(*words)
    assert code == 4
    assert says in out + err
    assert len((out + err).splitlines()) == 1
    assert "Traceback" not in err


def test_a_file_that_is_no_journal_is_named_with_its_line(call, tmp_path):
    (tmp_path / "x.jsonl").write_text("harness: 1\n")
    code, _, err = call("check", "x.jsonl")
    assert code == 4
    assert err.startswith("harness: x.jsonl:1: found 'harness: 1")


def test_a_bad_scenario_shows_all_its_errors(call, tmp_path):
    (tmp_path / "bad.yaml").write_text("harness: 1\ntitle: x\nduraton: 2 h\nstart: never\n")
    code, out, err = call("run", "bad.yaml")
    assert code == 4
    assert out == ""
    assert "bad.yaml:3:1: " in err
    assert "bad.yaml:4:8: " in err


def test_no_place_to_write_is_one_line(call, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = call("run", "answer-lost", "--out", "file/below")
    assert code == 4
    assert err == "harness: Not a directory: file/below\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_no_room_for_the_journal_is_one_line(tmp_path):
    words, options = command("run", "answer-lost", "--out", "out")
    limited = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *words]
    done = subprocess.run(limited, capture_output=True, text=True, check=False, **{**options, "cwd": tmp_path})
    assert (done.returncode, done.stderr) == (4, "harness: File too large: out/journal.jsonl\n")


def test_no_room_for_the_reports_is_one_line(call, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    code, _, err = call("run", "answer-lost", "--out", "out")
    assert (code, err) == (4, "harness: No space left on device: out/result.json\n")


def test_an_internal_error_is_one_line_and_a_file_to_report(call, monkeypatch):
    def broken(*arguments, **options):
        raise ZeroDivisionError("the sky falls")

    monkeypatch.setattr(api, "load", broken)
    code, _, err = call("run", "answer-lost")
    assert code == 3
    assert len(err.splitlines()) == 1
    assert "ZeroDivisionError: the sky falls" in err
    report = Path(next(word for word in err.split() if "harness-error-" in word))
    assert "in broken" in report.read_text()
    report.unlink()
    with pytest.raises(ZeroDivisionError):
        main(["run", "answer-lost", "--debug"])


def test_runs_that_differ_are_a_defect(call, monkeypatch):
    def differ(*arguments):
        raise api.NotRepeatableError("two runs of answer-lost differ, first in line 3 of their journals")

    monkeypatch.setattr(api, "_compare", differ)
    code, _, err = call("run", "answer-lost", "--verify")
    assert code == 3
    assert "first in line 3" in err
    assert "please report it" in err


@pytest.mark.parametrize("group", ["scenarios", "models", "checks", "metrics", "faults", "quirks"])
def test_everything_that_is_listed_can_be_explained(call, group):
    code, out, _ = call("list", group)
    assert code == 0
    names = [line.split()[0] for line in out.splitlines()]
    assert len(names) > 2
    for name in names:
        code, told, _ = call("explain", name)
        assert code == 0
        assert len(told.strip()) > len(name) + 10
        assert name in told
    assert call("explain", group)[0] == 0


def test_list_shows_all_groups(call):
    _, out, _ = call("list")
    assert [line for line in out.splitlines() if line and not line.startswith(" ")] == [
        "scenarios", "models", "checks", "metrics", "faults", "quirks", "mutants", "words",
    ]  # fmt: skip


def test_explanations_name_their_sources(call):
    assert "FAQ" in call("explain", "unplug-clears-schedule")[1]
    assert "assumption:" in call("explain", "juicebox-40")[1]
    assert "delay (duration, required)" in call("explain", "server.slow")[1]
    assert "less the twin's" in call("explain", "undelivered_energy")[1]


def test_several_names_are_explained_one_after_the_other(call):
    code, out, _ = call("explain", "twin", "blip")
    assert code == 0
    assert [line.partition(":")[0] for line in out.splitlines() if ":" in line][:2] == ["twin", "blip"]
    assert call("explain", "charging", "continues")[0] == 0  # a name of two words


def test_what_is_new_is_written_once_and_passes_lint(call, tmp_path):
    for kind in ("scenario", "model", "target", "bench"):
        code, out, _ = call("new", kind, f"my-{kind}")
        assert (code, out) == (0, f"wrote my-{kind}.yaml; check it with `harness lint my-{kind}.yaml`\n")
        assert call("lint", f"my-{kind}.yaml")[0] == 0
        before = (tmp_path / f"my-{kind}.yaml").read_text()
        code, _, err = call("new", kind, f"my-{kind}")
        assert code == 4
        assert "exists already" in err
        assert (tmp_path / f"my-{kind}.yaml").read_text() == before


def test_lint_tells_warnings_from_errors(call, monkeypatch):
    def found(severity):
        return lambda path: [scenario.Problem(file=str(path), line=1, column=2, message="odd", severity=severity)]

    monkeypatch.setattr(scenario, "lint", found("warn"))
    assert call("lint", "a.yaml") == (0, "a.yaml:1:2: warning: odd\n", "")
    monkeypatch.setattr(scenario, "lint", found("fail"))
    assert call("lint", "a.yaml") == (4, "a.yaml:1:2: odd\n", "")


def test_a_run_warns_of_what_lint_would_and_goes_on(call):
    code, out, err = call("run", "faq-walkthrough", "--set", "plan.crash.at=day 2 20:00")
    assert code == 1
    assert "warning: `crash` comes after the end of the run" in err
    assert out.startswith("faq-walkthrough  ")


@pytest.mark.parametrize("kind", ["scenario", "model", "target", "bench", "result"])
def test_schemas_are_json(call, kind):
    code, out, _ = call("schema", kind)
    assert code == 0
    assert isinstance(json.loads(out), dict)


def command(*words, **options):
    return [sys.executable, "-m", "harness", *words], {"cwd": ROOT, "env": {**os.environ, **options}}


def test_a_closed_pipe_ends_quietly():
    words, options = command("list")
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


def test_a_terminal_that_knows_no_marks_gets_plain_ones(tmp_path):
    words, options = command("run", "faq-walkthrough", "--out", str(tmp_path), PYTHONIOENCODING="ascii")
    done = subprocess.run(words, capture_output=True, check=True, **options)
    assert b"+ charging continues" in done.stdout


def test_a_terminal_gets_colours_unless_it_wants_none(tmp_path):
    pty = pytest.importorskip("pty")
    shown = {}
    for name, options in {"colour": {"NO_COLOR": ""}, "plain": {"NO_COLOR": "1"}}.items():
        reader, writer = pty.openpty()
        words, settings = command("run", "faq-walkthrough", "--out", str(tmp_path / name), TERM="xterm-256color", COLUMNS="80", **options)
        process = subprocess.Popen(words, stdout=writer, stderr=subprocess.DEVNULL, **settings)
        os.close(writer)
        text = b""
        try:
            while chunk := os.read(reader, 65536):
                text += chunk
        except OSError:  # how Linux tells that the other end was closed
            pass
        os.close(reader)
        assert process.wait() == 0
        shown[name] = text.decode().replace("\r", "")
    assert "\x1b[32m✓ " in shown["colour"]
    assert "\x1b" not in shown["plain"]
    assert max(map(len, shown["plain"].splitlines()[:-2])) <= 80
