"""Live runs: `python -m benchmarks.live`, a line each with name, figure, limit and ok or over. Needs Toxiproxy; takes about a minute."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.__main__ import Report

OUTAGE = Path(__file__).with_name("live.yaml")


def main() -> int:
    """A thousand chargers through an outage and back, over real sockets; 1 if anything is over its limit."""
    import harness
    from harness.journal.records import Link, Recovery

    report = Report()
    began = time.perf_counter()
    run = harness.run(OUTAGE, live=harness.Live(speed=20, skip_idle=True), twin=False)
    seconds = time.perf_counter() - began
    names = set(run.scenario.names())
    back = {record.who for record in run.records() if isinstance(record, Recovery)}
    online = {record.who: record.state for record in run.records() if isinstance(record, Link)}
    accounted = len(back & {who for who, state in online.items() if state == "online"})
    report.line("live: lost and back, every one", accounted, len(names), "chargers", least=True, note=f"{seconds:.1f} s")
    report.line("live: verdict", int(run.verdict == "pass"), 1, "", least=True, note=run.verdict)
    return int(report.over)


if __name__ == "__main__":
    sys.exit(main())
