"""Live runs: `python -m benchmarks.live [CHARGERS]`, a line each with name, figure, limit and ok or over; exit 1 if any is over.

A thousand chargers and their server in one process, through Toxiproxy, which is needed; then 5,000, or as many as are asked for, with their
server in another process. Takes two and a half minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import peer
from benchmarks.__main__ import Report

OUTAGE = Path(__file__).with_name("live.yaml")
TOWN = Path(__file__).with_name("town.yaml")
CHARGERS = 5_000
PEAK_MIB = 200
ROOT = Path(__file__).parents[1]


def both_ends(report: Report) -> None:
    """A thousand chargers through an outage and back, over real sockets, idle time skipped; their server is in the same process."""
    import harness

    began = time.perf_counter()
    run = harness.run(OUTAGE, live=harness.Live(speed=20, skip_idle=True), twin=False)
    seconds = time.perf_counter() - began
    names = run.scenario.names()
    accounted = came_back(names, run.records())
    report.line("live: lost and back, every one", accounted, len(names), "chargers", least=True, note=f"{seconds:.1f} s")
    report.line("live: verdict", int(run.verdict == "pass"), 1, "", least=True, note=run.verdict)


def town(report: Report, chargers: int) -> None:
    """A town of chargers whose server is killed in the midst of their sessions, and started again; what the chargers' process takes."""
    with tempfile.TemporaryDirectory() as folder:
        ran = _run_town(Path(folder), chargers)
        print(f"      {chargers:,} chargers in a process of their own, {ran.seconds:.0f} s in all, {ran.cpu_s:.0f} s of the processor")
        if ran.result is None:
            raise SystemExit(f"the run ended with exit code {ran.code}:\n{ran.said}")
        checks = {check["name"]: check for check in ran.result["checks"]}
        last = f"the last {ran.result['metrics']['time_to_recover_max']['value']:.0f} s after the server"
        report.line("town: lost and back, every one", ran.accounted, chargers, "chargers", least=True, note=last)
        for name in ("reconnects-in-time", "transactions-accounted"):
            met = checks[name]["met"] * (checks[name]["verdict"] == "pass")
            report.line(f"town: {name}", met, chargers, "chargers", least=True)
        report.line("town: verdict", int(ran.result["verdict"] == "pass"), 1, "", least=True, note=ran.result["verdict"])
        report.line("town: peak memory of the chargers", ran.peak_mib, PEAK_MIB, "MiB", note="page, reports and twin included")


@dataclass(frozen=True, slots=True)
class _Ran:
    """A run of the command, as it ended."""

    code: int
    said: str
    result: dict[str, Any] | None
    accounted: int
    peak_mib: float
    cpu_s: float
    seconds: float


def _run_town(folder: Path, chargers: int) -> _Ran:
    """`harness run`, as anybody would, in a process of its own, whose peak is the kernel's figure."""
    port = peer.start(folder)
    try:
        target, out, said = folder / "peer.yaml", folder / "run", folder / "said"
        do = {what: [sys.executable, "-m", "benchmarks.peer", str(folder), what] for what in ("stop", "start", "books")}
        target.write_text(json.dumps({
            "harness": 1, "url": f"ws://127.0.0.1:{port}/ocpp/{{station}}", "ready_timeout": "60 s",
            "commands": {"stop": do["stop"], "start": do["start"]}, "books": do["books"],
        }), encoding="utf-8")  # fmt: skip
        command = [
            sys.executable, "-m", "harness", "run", str(TOWN), "--live", "--direct", "--target", str(target), "--out", str(out),
            "--set", f"chargers.town.count={chargers}",
        ]  # fmt: skip
        began = time.perf_counter()
        with said.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT)
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
    finally:
        peer.stop(folder)
    result, accounted = None, 0
    if (out / "result.json").is_file():
        from harness.journal.reader import Journal

        result = json.loads((out / "result.json").read_bytes())
        journal = Journal(out)
        accounted = came_back(journal.scenario.names(), journal.records())
    cpu_s = used.ru_utime + used.ru_stime
    return _Ran(process.returncode, said.read_text(encoding="utf-8"), result, accounted, used.ru_maxrss / 1024, cpu_s, seconds)


def came_back(names: Any, records: Any) -> int:
    """How many of these chargers lost their server, heard from it again as often, and were online at the last."""
    from harness.journal.records import Link, Loss, Recovery

    lost: Counter[str] = Counter()
    back: Counter[str] = Counter()
    link: dict[str, str] = {}
    for record in records:
        if isinstance(record, Loss):
            lost[record.who] += 1
        elif isinstance(record, Recovery):
            back[record.who] += 1
        elif isinstance(record, Link):
            link[record.who] = record.state
    return sum(0 < lost[name] == back[name] and link.get(name) == "online" for name in names)


def main(words: list[str]) -> int:
    """Both, or the town alone with so many chargers; 1 if anything is over its limit."""
    report = Report()
    if not words:
        both_ends(report)
    elif len(words) > 1 or not words[0].isdecimal():
        raise SystemExit(__doc__)
    town(report, int(words[0]) if words else CHARGERS)
    return int(report.over)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
