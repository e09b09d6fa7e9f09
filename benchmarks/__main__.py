"""Runs the benchmarks: a line each with name, figure, limit and ok or over; exit 1 if any is over. Takes about seven minutes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.exploring import explore

REFERENCE_RATE = 800_000
"""Events per second of a bare simpy loop of 10,000 processes on the machine that the limits were written for."""

DIGEST = Path(__file__).with_name("workload.digest")
HEAVY = ("simpy", "yaml", "rich", "asyncio")


def measure(*words: str) -> dict[str, Any]:
    """One measurement in a fresh process."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.measure", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"benchmarks.measure {' '.join(words)} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def beside_bare(*words: str) -> tuple[dict[str, Any], float]:
    """A measurement, and the bare loop's rate just before and after it as a share of the reference.

    Machines are noisy: of three such pairs it is the one in the middle.
    """
    pairs = []
    for _ in range(3):
        rates = [measure("bare")["rate"] for _ in range(2)]
        answer = measure(*words)
        rates += [measure("bare")["rate"] for _ in range(2)]
        pairs.append((answer, statistics.mean(rates) / REFERENCE_RATE))
    return sorted(pairs, key=lambda pair: pair[0]["seconds"] * pair[1])[1]


class Report:
    """Prints a line per figure and remembers whether any is over."""

    def __init__(self) -> None:
        self.over = False

    def line(self, name: str, figure: float, limit: float, unit: str, *, least: bool = False, note: str = "") -> None:
        """``least``: the limit is a lower one."""
        fine = figure >= limit if least else figure <= limit
        self.over = self.over or not fine
        bound = "at least" if least else "at most"
        print(f"{'ok  ' if fine else 'over'}  {name:<34} {figure:>9,.4g} {unit:<16} {bound} {limit:,.4g}{note and '  ' + note}", flush=True)


def fleets(report: Report) -> None:
    """A week of 10,000 chargers; doubling; and every message simulated."""
    week, speed = beside_bare("fleet", "10000", "7")
    rate = week["charger_days"] / week["seconds"]
    note = f"computed: keepalives, readings, statuses, attempts at a dead server; bare loop {speed * REFERENCE_RATE / 1e6:.2f} M/s"
    report.line("a fleet: 10,000 chargers, 7 days", rate, 5000 * speed, "charger-days/s", least=True, note=note)
    report.line("a fleet: peak memory", week["peak_mib"], 200, "MiB", note="both processes, shared pages once")
    same = DIGEST.exists() and DIGEST.read_text().strip() == week["digest"]
    report.line("a fleet: journal as committed", int(same), 1, "", least=True, note=week["digest"][:16])
    sizes = (("5000", "2"), ("10000", "2"), ("5000", "4"))
    once, chargers, days = (statistics.median(measure("fleet", *size)["seconds"] for _ in range(3)) for size in sizes)
    report.line("b twice the chargers", chargers / once, 2.3, "× the time")
    report.line("b twice the days", days / once, 2.3, "× the time")
    every, speed = beside_bare("fleet", "1000", "2", "all")
    computed = measure("fleet", "1000", "2")
    rate = every["charger_days"] / every["seconds"]
    report.line("e every message simulated", rate, 2000 * speed, "charger-days/s", least=True, note="1,000 chargers, 2 days")
    report.line("e same records as computed", int(every["digest"] == computed["digest"]), 1, "", least=True)


def storm(report: Report) -> None:
    """An hour's outage of 100,000 chargers, until all are back; and of 10,000."""
    large, speed = beside_bare("storm", "100000")
    tenth = statistics.median(measure("storm", "10000")["processor_s"] for _ in range(3))
    note = f"30 s at {REFERENCE_RATE / 1e6} M/s; bare loop {speed * REFERENCE_RATE / 1e6:.2f} M/s"
    report.line("h a storm of 100,000 chargers", large["seconds"], 30 / speed, "s", note=note)
    report.line("h a storm: peak memory", large["peak_mib"], 400, "MiB", note="both processes, shared pages once")
    report.line("h a storm: ten times the chargers", large["processor_s"] / tenth, 11, "× the time", note="of the processors")
    report.line("h a storm: lost and back, every one", large["back"], 100_000, "chargers", least=True)
    report.line("h a storm: verdict", int(large["verdict"] == "pass"), 1, "", least=True, note=large["verdict"])


def pages(report: Report) -> None:
    """The page of a street for a day, and of 10,000 chargers for a week."""
    street = measure("page", "20", "1")
    report.line("f page of 20 chargers, a day", street["bytes"] / 1000, 300, "kB")
    fleet = measure("page", "10000", "7")
    report.line("f page of 10,000 chargers, 7 days", fleet["bytes"] / 1e6, 2, "MB")
    report.line("f making it", fleet["ratio"], 5, "× its decoding", note=f"which took {fleet['decoding_s']:.1f} s")
    if fleet["opens_s"] is not None:
        report.line("f opening it in Chromium", fleet["opens_s"], 3, "s")


def small(report: Report) -> None:
    """A day of three chargers; starting up."""
    day, speed = beside_bare("small-day")
    report.line("c three chargers, a day", day["seconds"] * 1000, 1.5 / speed, "ms", note=f"1.5 ms at {REFERENCE_RATE / 1e6} M/s")
    command = [sys.executable, "-m", "harness"]
    report.line("d harness --help", _times_bare([*command, "--help"]), 9, "× python -c pass")
    smallest = str(Path(__file__).with_name("smallest.yaml"))
    report.line("d the smallest run", _times_bare([*command, "run", smallest, "--no-twin"]), 18, "× python -c pass")
    traced = [sys.executable, "-X", "importtime", *command[1:], "--help"]
    imported = subprocess.run(traced, capture_output=True, text=True, check=True).stderr
    modules = {line.rpartition("|")[2].strip() for line in imported.splitlines()}
    heavy = [name for name in HEAVY if name in modules]
    report.line("d heavy modules at --help", len(heavy), 0, "", note=", ".join(heavy))


def exploring(report: Report) -> None:
    """Random plans of three chargers, here, in two processes, and on a Dask cluster of two."""
    turns = [measure("plans") for _ in range(3)]
    plans = sorted(turns, key=lambda turn: turn["seconds"] * turn["bare_rate"])[1]
    speed = plans["bare_rate"] / REFERENCE_RATE
    note = f"500 at {REFERENCE_RATE / 1e6} M/s; bare loop between them {plans['bare_rate'] / 1e6:.2f} M/s"
    report.line("g random plans of three chargers", plans["plans"] / plans["seconds"], 500 * speed, "plans/s", least=True, note=note)
    with tempfile.TemporaryDirectory() as folder:
        pairs = [[_explored(f"{folder}/{turn}-{jobs}", jobs) for jobs in (1, 2)] for turn in range(3)]
        one, two = map(min, zip(*pairs, strict=True))  # the quickest are the least disturbed
        report.line("g two workers", one / two, 1.8, "× one", least=True)
        from distributed import LocalCluster

        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
            there = cluster.scheduler_address
            pairs = [[_explored(f"{folder}/{turn}-{bool(who)}", 2, who) for who in (there, "")] for turn in range(5)]
        dask, here = map(min, zip(*pairs, strict=True))
        report.line("g a Dask cluster of two", dask / here, 1.1, "× two workers here")


def _explored(folder: str, jobs: int, dask: str = "") -> float:
    """How long a campaign takes in so many processes, in seconds."""
    return explore("ocpp16-strict", plans=6000, jobs=jobs, dask=dask, out=folder).seconds


def plugin(report: Report) -> None:
    """What the pytest plugin costs a project that has no scenarios: whole sessions with it and without, and its import alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test(): pass\n")
        for number in range(20):
            Path(folder, f"other-{number}.yaml").write_text("services: {}\n" * 100)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", folder, folder]
        pairs = [(_seconds(command), _seconds([*command, "-p", "no:harness"])) for _ in range(21)]
    more = min(with_it for with_it, _ in pairs) - min(without for _, without in pairs)  # the quickest are the least disturbed
    report.line("f pytest where no scenario is", more * 1000, 20, "ms more")
    traced = [sys.executable, "-X", "importtime", "-c", "import pytest, harness.pytest_plugin"]
    *_, last = subprocess.run(traced, capture_output=True, text=True, check=True).stderr.splitlines()
    report.line("f the import of the plugin", int(last.split("|")[1]) / 1000, 20, "ms")


def _times_bare(command: list[str], times: int = 11) -> float:
    """How much longer a command takes as a whole process than `python -c pass` just before it: the median of some such pairs."""
    return statistics.median(_seconds(command) / bare for bare in (_seconds([sys.executable, "-c", "pass"]) for _ in range(times)))


def _seconds(command: list[str]) -> float:
    """How long a process takes. Its byte code is at hand, as pip leaves it on installing."""
    cached = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=cached)
    return time.perf_counter() - began


PARTS = {"small": small, "plugin": plugin, "pages": pages, "fleets": fleets, "storm": storm, "exploring": exploring}


def main(names: list[str]) -> int:
    """Run all benchmarks, or the parts that are named; 1 if any is over its limit."""
    report = Report()
    for name in names or PARTS:
        PARTS[name](report)
    return int(report.over)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
