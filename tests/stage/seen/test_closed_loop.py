"""The frames of a live run, written down and imported, say of it what its own journal says, as far as frames can."""

import json
from pathlib import Path

import pytest

import harness
from harness.check.decidable import cell
from harness.journal import records as r

STREET = Path(__file__).resolve().parent / "seen_street.yaml"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A live run, without anything between chargers and server, and the import of its frames."""
    folder = tmp_path_factory.mktemp("loop") / "run"
    run = harness.run(STREET, live=harness.Live(speed=8, skip_idle=True, direct=True), twin=False, out=folder)
    return run, harness.import_log(folder / "frames.jsonl", scenario=STREET)


def test_no_check_says_the_opposite(both):
    run, imported = both
    for name, result in imported.checks.items():
        of_run = run.checks[name]
        if cell(name, "log").decision == "not-on-the-wire":
            assert result.verdict == "unknown"
        assert set(result.failing) <= set(of_run.failing), name
        assert result.met <= of_run.met, name


def test_what_chargers_did_wrong_is_found_in_their_frames(both):
    run, imported = both
    for check, who in (("transactions-in-order", "carla"), ("clock-sane", "emil")):
        assert run.checks[check].failing == imported.checks[check].failing == [who]


def test_what_nobody_can_tell_from_frames_stays_undecided(both):
    """The end of a transaction without an id, before its start or without one: that the books lack it only the server knows."""
    run, imported = both
    assert run.checks["transactions-accounted"].failing == ["carla", "dora"]
    assert imported.checks["transactions-accounted"].pending == 2


@pytest.mark.parametrize("who", ["anna", "ben", "carla", "dora", "emil"])
def test_outages_are_found(both, who):
    (lost,), (found,) = ([record for record in each.records() if isinstance(record, r.Loss) and record.who == who] for each in both)
    (back,), (heard,) = ([record for record in each.records() if isinstance(record, r.Recovery) and record.who == who] for each in both)
    assert found.t <= lost.t
    assert abs(back.t - heard.t) < 2000


@pytest.mark.parametrize("who", ["anna", "ben"])
def test_transactions_and_stays_are_those_of_the_run(both, who):
    def told(each):
        transactions = [record for record in each.records() if isinstance(record, r.Transaction) and record.who == who]
        stays = [record for record in each.records() if isinstance(record, r.Stay) and record.who == who]
        return [(one.tx, one.edge, one.wh) for one in transactions], [(one.plug_in, one.ended, one.wh) for one in stays]

    run, imported = both
    assert told(imported) == told(run)


def test_how_chargers_registered_before_the_start_is_in_the_log_and_not_imported(both):
    run, imported = both
    frames = [json.loads(line) for line in (run.journal.parent / "frames.jsonl").read_text().splitlines()]
    greetings = [frame for frame in frames if frame.get("meta") == {"greeting": True}]
    for who in run.scenario.names():
        own = [(frame["action"], frame["messageType"], frame["direction"]) for frame in greetings if frame["chargePointId"] == who]
        assert own == [("BootNotification", "CALL", "cp-to-csms"), ("BootNotification", "CALLRESULT", "csms-to-cp")]
    assert imported.outcome.live.frames == len(frames) - len(greetings)
