"""Two hundred virtual chargers against a server that is not ours, through an outage: no frame that it faults, and complete books.

Takes three quarters of a minute: against your server time is the wall clock's.
"""

from __future__ import annotations

import sys

import pytest
from alongside import HERE

import harness
from harness.journal import records as r

SCENARIO = HERE / "yours.yaml"
READ = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"


@pytest.fixture
def street(ocpp_rpc, toxiproxy, tmp_path, monkeypatch):
    monkeypatch.setenv("THEIR_SECRET", "a secret of the test")
    target = tmp_path / "theirs.yaml"
    target.write_text(
        f"""
harness: 1
url: ws://127.0.0.1:{ocpp_rpc.port}/ocpp/{{station}}
station: CP-{{number:04}}
password_from: THEIR_SECRET
ready: http://127.0.0.1:{ocpp_rpc.port}/health
books: ['{sys.executable}', -c, '{READ}', 'http://127.0.0.1:{ocpp_rpc.port}/books']
""",
        encoding="utf-8",
    )
    return target


def test_two_hundred_chargers_through_an_outage(street, ocpp_rpc, toxiproxy, tmp_path):
    live = harness.Live(target=street, toxiproxy=f"{toxiproxy.host}:{toxiproxy.port}")
    run = harness.run(SCENARIO, live=live, out=tmp_path / "run")
    assert ocpp_rpc.page("problems") == []
    assert {name: (check.verdict, check.failed) for name, check in run.checks.items() if check.failed} == {}
    assert (run.verdict, run.judgement.reasons) == ("pass", [])
    counts = {name: run.checks[name].met for name in ("charging-continues", "transactions-accounted", "frames-valid")}
    assert counts["charging-continues"] == 200
    assert counts["transactions-accounted"] == 203
    assert counts["frames-valid"] >= 2 * 203 + 1
    books = ocpp_rpc.page("books")
    assert len(books) == 203
    assert all(entry["stop_wh"] is not None for entry in books)
    assert {entry["station"] for entry in books} == {f"CP-{number:04}" for number in range(1, 201)}
    records = list(run.records())
    ledgers = [record for record in records if isinstance(record, r.Ledger)]
    assert sum(len(ledger.entries) for ledger in ledgers) == 203
    repeats = [record for record in records if isinstance(record, r.Message) and record.action == "transaction-end" and record.repeat]
    assert len(repeats) == 20  # their answers were lost, so they were sent again
    header = run.outcome.live
    assert header is not None
    assert "ben is CP-0002" in (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert (header.peer, header.target, header.books, header.stations["ben"]) == ("your server", "theirs", True, "CP-0002")
