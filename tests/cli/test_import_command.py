"""``harness import``: what it prints and leaves, and one clear line for all that can be wrong."""

import json

import pytest

from harness.cli import main

FRAME = {
    "schemaVersion": "1.1", "timestamp": "2026-03-12T10:00:00.000Z", "transport": "json", "direction": "cp-to-csms", "messageType": "CALL",
    "chargePointId": "CP1", "messageId": "1", "action": "Heartbeat", "payload": {},
}  # fmt: skip
LOG = [
    FRAME,
    {**FRAME, "direction": "csms-to-cp", "messageType": "CALLRESULT", "payload": {"currentTime": "2026-03-12T10:00:00.000Z"}},
    {**FRAME, "messageId": "2", "action": "StatusNotification", "payload": {"connectorId": 1, "status": "Preparing"}},
    {**FRAME, "timestamp": "2026-03-12T11:00:00.000Z", "messageId": "3"},
]  # fmt: skip


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Call a command in a folder with ``log.jsonl``; gives (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(frame) + "\n" for frame in LOG), encoding="utf-8")

    def called(*words):
        code = main(list(words))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return called


def test_an_import_leaves_what_a_run_leaves(call, tmp_path):
    code, out, err = call("import", "log.jsonl")
    assert (code, err) == (5, "")
    lines = out.splitlines()
    assert lines[0].startswith("log  A log of OCPP frames: log.jsonl")
    assert lines[1].startswith("Imported from a log of 4 frames, OCPP 1.6: its outages follow from the frames.")
    assert any(line.startswith("? reconnect-backs-off") and "cannot be decided: an attempt that" in line for line in lines)
    folder = tmp_path / lines[-1].removeprefix("reports").strip()
    assert sorted(path.name for path in folder.iterdir()) == ["journal.jsonl", "junit.xml", "report.html", "report.md", "result.json"]
    result = json.loads((folder / "result.json").read_text())
    assert (result["live"]["peer"], result["live"]["frames"], result["live"]["lost"]) == ("log", 4, "inferred")
    assert "cannot be decided" in (folder / "report.md").read_text()
    assert "cannot be decided" in (folder / "junit.xml").read_text()
    again = call("check", folder.relative_to(tmp_path).as_posix())
    assert again == (code, "\n".join(lines[:-1]) + "\n", "")


def test_the_timeline_of_an_import(call):
    call("import", "log.jsonl", "--out", "here")
    code, out, err = call("timeline", "here", "CP1")
    assert (code, err) == (0, "")
    first, second, *rest = out.splitlines()
    assert (first, second) == ("Times are those of UTC, from 2026-03-12 10:00:00.", "")
    assert rest
    assert "a car is plugged in" in out


def test_an_outage_that_is_told(call):
    code, out, _ = call("import", "log.jsonl", "--lost", "2026-03-12T10:30Z..2026-03-12T10:50Z", "--lost", "inferred")
    assert "and from what was told of them" in out
    assert "told: 1 of 1 charger lost its server" in out
    assert code == 5


def test_what_was_left_out_is_said(call, tmp_path):
    with (tmp_path / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"schemaVersion": "1.1", "timest')
    assert call("import", "log.jsonl")[2] == "log.jsonl:5: the last line is cut off and was left out\n"


WRONG = [
    (["import", "none.jsonl"], "No such file or directory: none.jsonl"),
    (["import", "."], "Is a directory: ."),
    (["import", "bad.jsonl"], "bad.jsonl:1:1: found a list, expected an object, a frame in the OCPP trace format"),
    (["import", "log.jsonl", "--lost", "yesterday"], "found 'yesterday' as an outage, expected FROM..TO in ISO 8601"),
    (["import", "log.jsonl", "--lost", "2026-03-12T10:50Z..2026-03-12T10:30Z"], "ends before it begins"),
    (["import", "log.jsonl", "--scenario", "none.yaml"], "none.yaml: no such file"),
    (["import", "log.jsonl", "--out", "taken"], "the evidence of another run is kept there"),
    (["import", "long.jsonl"], "the frames are from 2001-01-01 to 2026-03-12, expected at most 3660 days"),
    (["import", "log.jsonl", "--colour"], "import takes no `--colour`"),
    (["import"], "the following arguments are required: LOG"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "says"), WRONG, ids=[" ".join(words[1:]) or "nothing" for words, _ in WRONG])
def test_what_is_wrong_is_one_clear_line(call, tmp_path, words, says):
    (tmp_path / "bad.jsonl").write_text("[1]\n")
    early = json.dumps({**FRAME, "timestamp": "2001-01-01T00:00:00Z"})
    (tmp_path / "long.jsonl").write_text(f"{early}\n{json.dumps(FRAME)}\n")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "report.md").write_text("mine")
    code, out, err = call(*words)
    assert (code, out) == (4, "")
    assert says in err
    assert err.count("\n") == 1


def test_parity_is_not_of_an_import(call, tmp_path):
    import harness

    run = harness.import_log(tmp_path / "log.jsonl")
    with pytest.raises(ValueError, match="this one was imported from a log"):
        harness.parity(run)
