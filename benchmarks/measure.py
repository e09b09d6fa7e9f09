"""One measurement in a fresh process: `python -m benchmarks.measure WHAT [ARGUMENT...]` prints one line of JSON."""

from __future__ import annotations

import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

WORKLOAD = Path(__file__).with_name("workload.yaml")
STORM = Path(__file__).with_name("storm.yaml")


class BareLoop:
    """A bare simpy loop: so many processes that do nothing but wait, each a little out of step with the others."""

    def __init__(self, processes: int = 10_000) -> None:
        import simpy

        self._environment = simpy.Environment()
        self._events = 0
        self._seconds = 0.0
        for number in range(processes):
            self._environment.process(self._wait(1000 + number * 7919 % 997))  # type: ignore[arg-type]
        self._environment.run(1)

    def _wait(self, each: int) -> object:
        while True:
            yield self._environment.timeout(each)
            self._events += 1

    def run(self, rounds: int) -> None:
        """Go on for so many rounds, in each of which a process waits once or twice."""
        began = time.perf_counter()
        self._environment.run(self._environment.now + rounds * 1500)
        self._seconds += time.perf_counter() - began

    @property
    def rate(self) -> float:
        """Events per second, over all that it ran."""
        return self._events / self._seconds


def bare_loop(rounds: int = 60) -> dict[str, float]:
    """The rate of a bare loop."""
    loop = BareLoop()
    loop.run(rounds)
    return {"rate": loop.rate}


def fleet(chargers: int, days: int, simulate_all: bool = False) -> dict[str, object]:
    """The workload, its journal on disk and judged while it runs."""
    import harness

    scenario = harness.load(WORKLOAD, overrides=[f"chargers.homes.count={chargers}", f"duration={days} d"])
    with tempfile.TemporaryDirectory() as folder, _PeakMemory() as memory:
        began = time.perf_counter()
        run = harness.run(scenario, out=folder, twin=False, simulate_all=simulate_all, html=False)
        seconds = time.perf_counter() - began
        footer = json.loads(run.journal.read_bytes().splitlines()[-1]) if run.journal.suffix == ".jsonl" else _packed_footer(run.journal)
    return {
        "seconds": seconds, "charger_days": chargers * days, "peak_mib": memory.peak_mib, "records": footer["footer"]["records"],
        "digest": footer["footer"]["digest"], "verdict": run.verdict,
    }  # fmt: skip


def storm(chargers: int) -> dict[str, object]:
    """An hour's outage of so many chargers, until all are back: its journal on disk and judged while it runs."""
    import harness

    scenario = harness.load(STORM, overrides=[f"chargers.town.count={chargers}"])
    with tempfile.TemporaryDirectory() as folder, _PeakMemory() as memory:
        began = time.perf_counter()
        run = harness.run(scenario, out=folder, twin=False, html=False)
        seconds = time.perf_counter() - began
    outline = run.outcome.outline
    back = len(outline.chargers) if outline.outages == chargers and not outline.unrecovered else 0
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    processor_s = sum(each.ru_utime + each.ru_stime for each in used)
    return {
        "seconds": seconds, "processor_s": processor_s, "peak_mib": memory.peak_mib, "back": back, "verdict": run.verdict,
        "records": run.outcome.records, "digest": run.outcome.digest,
    }  # fmt: skip


class _PeakMemory:
    """The most memory that this process and its children held together, pages that they share counted once."""

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _PeakMemory:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            children = [str(child.pid) for child in multiprocessing.active_children()]
            self.peak_mib = max(self.peak_mib, sum(_proportional_mib(process) for process in ("self", *children)))


def _proportional_mib(process: str) -> float:
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        # Not Linux, or the process is gone: what this one held at the most.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 if process == "self" else 0.0
    return int(next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))) / 1024


def _packed_footer(path: Path) -> dict[str, dict[str, object]]:
    import gzip

    last = b""
    with gzip.open(path) as lines:
        for line in lines:
            last = line
    footer: dict[str, dict[str, object]] = json.loads(last)
    return footer


def page(chargers: int, days: int) -> dict[str, object]:
    """The page of the workload: its size, how long it takes beside the decoding of its journal, and how long Chromium takes to open it."""
    import harness
    from harness import pages
    from harness.journal.reader import Journal

    scenario = harness.load(WORKLOAD, overrides=[f"chargers.homes.count={chargers}", f"duration={days} d"])
    with tempfile.TemporaryDirectory() as folder:
        run = harness.run(scenario, out=folder, html=False)
        pairs = []
        for _ in range(3):
            began = time.perf_counter()
            for _ in Journal(run.journal).batches():
                pass
            decoded = time.perf_counter()
            made = pages.page(run.outcome, run.journal)
            pairs.append(((time.perf_counter() - decoded) / (decoded - began), decoded - began))
        ratio, decoding = sorted(pairs)[1]
        file = Path(folder) / "report.html"
        file.write_bytes(made)
        return {"bytes": len(made), "ratio": ratio, "decoding_s": decoding, "opens_s": _opening_s(file)}


def _opening_s(file: Path) -> float | None:
    """Until Chromium has loaded a page and painted it; None: there is none."""
    import shutil

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=found, args=quiet)
        tab = browser.new_page()
        began = time.perf_counter()
        tab.goto(file.as_uri())
        tab.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")
        opened = time.perf_counter() - began
        browser.close()
    return opened


def small_day(times: int = 40) -> dict[str, float]:
    """A day of three chargers with an outage, warm, YAML apart: the median, in seconds."""
    import harness
    from harness.check.judge import Judge
    from harness.stage import simulated

    scenario = harness.load(WORKLOAD, overrides=["chargers.homes.count=3", "duration=1 d"])
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        judge = Judge(scenario)
        simulated.run(scenario, judge.feed)
        judge.close(scenario.duration_ms)
        taken.append(time.perf_counter() - began)
    return {"seconds": statistics.median(taken[times // 4 :])}


def plans(tasks: int = 10) -> dict[str, float]:
    """Random plans as a worker of `harness explore` tries them: of each shipped charger model so many tasks, once all its days are read. A
    bare loop runs between them, in another process, so that its rate is that of the same machine in the same seconds."""
    from harness.search.campaign import BATCH, Task, work
    from harness.search.space import source
    from harness.shipped import model_names

    seconds = 0.0
    models = model_names("charger")
    with ProcessPoolExecutor(max_workers=1) as beside:
        for model in models:
            base = source(model)
            work(Task(base, [(10_000 + seed,) for seed in range(BATCH)]))
            for first in range(0, tasks * BATCH, BATCH):
                began = time.perf_counter()
                work(Task(base, [(seed,) for seed in range(first, first + BATCH)]))
                seconds += time.perf_counter() - began
                bare_rate = beside.submit(_bare_turn).result()
    return {"seconds": seconds, "plans": tasks * BATCH * len(models), "bare_rate": bare_rate}


@lru_cache(maxsize=1)
def _loop() -> BareLoop:
    return BareLoop()


def _bare_turn() -> float:
    """Let the bare loop of this process go on for a round; returns its rate so far."""
    _loop().run(1)
    return _loop().rate


def main(words: list[str]) -> None:
    """Do what the words ask for and print the outcome."""
    what, *rest = words
    if what == "bare":
        answer: dict[str, object] = dict(bare_loop())
    elif what == "fleet":
        answer = fleet(int(rest[0]), int(rest[1]), simulate_all="all" in rest)
    elif what == "storm":
        answer = storm(int(rest[0]))
    elif what == "page":
        answer = page(int(rest[0]), int(rest[1]))
    elif what == "plans":
        answer = dict(plans())
    elif what == "small-day":
        answer = dict(small_day())
    else:
        raise SystemExit(f"no measurement is called {what}")
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
