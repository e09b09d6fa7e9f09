"""The harness from Python: load a scenario, run it, judge a journal. The commands use nothing else."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from errno import EEXIST
from functools import cached_property, partial
from itertools import count, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from harness import __version__
from harness.check.result import EXIT_CODES, CheckResult, Judgement, MetricValue, RunVerdict
from harness.files import write_whole
from harness.journal.format import PACKED_NAME, PLAIN_NAME, Footer, JournalError
from harness.journal.reader import Journal
from harness.journal.records import AnyRecord, Books, Finding, Ledger
from harness.journal.writer import Writer
from harness.report.outcome import Machine, Outcome
from harness.report.outline import Outline
from harness.report.stays import Stays
from harness.stage.live.options import Live
from harness.values import LiveRun, Scenario

if TYPE_CHECKING:
    from subprocess import Popen

    from harness.check.metrics import Totals
    from harness.report.comparison import Parity
    from harness.scenario import ScenarioError
    from harness.stage.errors import StageError

Progress = Callable[[int, int], None]
"""Told now and then how far a run is, and how far it will go: milliseconds of the scenario, and of its twin after it."""

REPORTS = ("result.json", "junit.xml", "report.md", "report.html")
"""The files that a run leaves beside its journal."""
FRAMES_NAME = "frames.jsonl"
"""Beside the journal of a live run: its raw frames, in the OCPP trace format 1.1, without secrets."""
PARITY_NAME = "parity.json"
"""Beside the reports of a live run that was compared with the simulated one: what came of it."""
_TAKEN = "the evidence of another run is kept there; name another folder, or remove it first"


class NotRepeatableError(Exception):
    """Two runs of one scenario differed. The message names the first event that does: a defect of the harness."""


class Interrupted(KeyboardInterrupt):
    """A run was interrupted from the keyboard. ``run`` is what it had recorded by then, judged: its verdict is ``interrupted``."""

    def __init__(self, run: Run) -> None:
        super().__init__("the run was interrupted")
        self.run = run


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Run:
    """A run that was judged."""

    outcome: Outcome
    """What reports are made of: the judgement, the outage in figures, the command that repeats it."""
    journal: Path
    """The journal's file."""
    machine: Machine
    """What describes the machine and the moment, not the run."""
    _keeper: Any = None
    """Holds the temporary folder of a run without ``out`` for as long as the run is held."""

    def __repr__(self) -> str:
        """Short: a run holds a whole scenario."""
        return f"<Run {self.scenario.name!r} seed={self.scenario.seed} verdict={self.verdict!r} journal={str(self.journal)!r}>"

    @property
    def scenario(self) -> Scenario:
        """The scenario, fully resolved."""
        return self.outcome.scenario

    @property
    def judgement(self) -> Judgement:
        """All that judging yielded."""
        return self.outcome.judgement

    @property
    def verdict(self) -> RunVerdict:
        """``pass``, ``fail``, ``unknown``, ``invalid`` or ``interrupted``."""
        return self.judgement.verdict

    @property
    def exit_code(self) -> int:
        """The exit code that ``harness run`` gives for this verdict."""
        return self.judgement.exit_code

    @property
    def checks(self) -> dict[str, CheckResult]:
        """Name → result of each check, in the order of reports."""
        return {result.name: result for result in self.judgement.checks}

    @property
    def metrics(self) -> dict[str, MetricValue]:
        """Name → value of each metric."""
        return self.judgement.metrics

    def records(self) -> Iterator[AnyRecord]:
        """The journal's records in their order, read from its file."""
        return Journal(self.journal).records()


def load(source: str | Path, *, seed: int | None = None, overrides: Sequence[str] = ()) -> Scenario:
    """Read a scenario: a file, or a shipped one by its name.

    ``seed`` replaces the file's, ``overrides`` are ``path=value`` as with ``--set``. Raises :class:`harness.ScenarioError`, which lists
    all that is wrong with the file.
    """
    from harness import scenario as reader

    return reader.load(source, overrides=overrides, seed=seed)


def run(
    scenario: Scenario | str | Path,
    *,
    out: str | Path | None = None,
    keep: bool = False,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    twin: bool = True,
    simulate_all: bool = False,
    strict: bool = False,
    verify: bool = False,
    live: Live | None = None,
    parity: bool = False,
    html: bool = True,
    progress: Progress | None = None,
) -> Run:
    """Run a scenario and judge it: simulated, or with ``live`` on the wall clock through real software.

    ``scenario`` is a loaded one, a file, or the name of a shipped one; ``seed`` and ``overrides`` are as in :func:`load`, and a loaded
    one takes no overrides. The journal and the reports go into the folder ``out``, or with ``keep`` into
    ``reports/runs/SCENARIO/START-SEED/``; without either they are not kept, and the journal lives as long as the result.
    ``twin`` runs the scenario once more without its faults, to tell what the outage cost. ``simulate_all`` computes no
    traffic away. ``strict`` makes contract clauses that were not exercised count. ``verify`` runs it in two fresh processes,
    compares their journals and raises :class:`NotRepeatableError` where they differ. Both are of simulated runs only, and refused with
    ``live`` by a :class:`ValueError`. ``parity`` skips the idle time of a live run and then compares it, as :func:`parity` does: its
    reports tell what came of that, and a run that differs fails. Without ``live``, and with a ``target`` or ``bench``, it is refused, too.
    ``html`` False leaves out the page among the reports, which of a large fleet takes some seconds.

    Raises :class:`harness.ScenarioError` for a file that cannot be used and :class:`OSError` where ``out`` cannot be written; that is a
    :class:`FileExistsError` where ``out`` holds a run already, which is never overwritten. An interruption from the keyboard leaves a
    journal that is recognised as cut off, and is raised as :class:`Interrupted`. Where what surrounds a live run fails,
    :class:`harness.stage.errors.ExperimentError` says that the experiment did not happen.
    """
    live = _agreeing(live, simulated=simulate_all or verify, parity=parity)
    resolved = _resolved(scenario, seed, overrides)
    if live is not None:
        twin = twin and not live.bench  # what real cars would have done without the faults, nobody knows
        resolved, live = _made_ready(resolved, live)
    folder = Path(out) if out is not None else new_folder(resolved) if keep else None
    source = _source(scenario)
    if source:
        command = repeat_command(source, resolved, overrides, twin=twin, simulate_all=simulate_all, strict=strict, live=live, parity=parity)
    else:  # what the file was changed by when it was loaded nobody knows any more
        command = check_command(folder, strict=strict) if folder else ""
    case = _Case(resolved, command, strict=strict, keep_in=folder, html=html)
    try:
        if verify:
            order = _Order(scenario=scenario if isinstance(scenario, Scenario) else None, source=source, seed=seed,
                           overrides=list(overrides), twin=twin, simulate_all=simulate_all)  # fmt: skip
            _record_twice(order, case.folder)
            return case.judged_from(Journal(case.folder), verified=True)
        if live is not None:
            recorded = _recorded_live(case, resolved, live, twin=twin, progress=progress)
        else:
            judging, journal, footer = _record(
                resolved, case.folder, twin=twin, simulate_all=simulate_all, listening=_Judging, progress=progress
            )  # fmt: skip
            recorded = case.judged(judging, journal, footer)
    except KeyboardInterrupt as stop:
        try:
            journal_so_far = Journal(case.folder)
        except (JournalError, OSError):
            raise stop from None
        # The judging may have been stopped half-way through a batch; the journal is whole up to its last line.
        raise Interrupted(case.of(journal_so_far.scenario).judged_from(journal_so_far)) from None
    return _compared(recorded, html=html) if parity else recorded


def _agreeing(live: Live | None, *, simulated: bool, parity: bool) -> Live | None:
    """How to run live, where what was asked for agrees."""
    if live is not None and simulated:
        raise ValueError("verify and simulate_all are of simulated runs, not of live ones")
    if not parity:
        return live
    if live is None or live.target or live.bench:
        raise ValueError("parity is of live runs whose chargers and server are both ours")
    return replace(live, skip_idle=True)


def _recorded_live(case: _Case, scenario: Scenario, live: Live, *, twin: bool, progress: Progress | None) -> Run:
    """Run a scenario that was made ready live, and judge it."""
    from harness.stage.errors import ExperimentError

    recording = _LiveRecording(case.folder, live)
    judging, journal, footer = recording.record(scenario, twin=twin, progress=progress)
    assert recording.scenario is not None
    run = case.of(recording.scenario).judged(judging, journal, footer, live=live.of(scenario))
    if recording.unread:
        folder = journal.parent
        raise ExperimentError(
            f"{recording.unread}; the rest is kept in {folder}, and `harness check {folder} --ledger FILE` judges it with others"
        )
    return run


def _made_ready(scenario: Scenario, live: Live) -> tuple[Scenario, Live]:
    """The scenario as it runs live, and how. What cannot be carried is refused here, before anything is written."""
    from harness.scenario.target import load_bench, load_target
    from harness.stage.errors import StageError
    from harness.stage.live.run import prepare

    if isinstance(live.target, str | Path) and live.target:
        live = replace(live, target=load_target(live.target))
    if isinstance(live.bench, str | Path) and live.bench:
        live = replace(live, bench=load_bench(live.bench))
    try:
        return prepare(scenario, live), live
    except StageError as refusal:
        raise _refused(scenario, refusal) from None


def _refused(scenario: Scenario, refusal: StageError) -> ScenarioError:
    """A stage's refusal, as what it is to the user: something wrong with the scenario."""
    from harness.scenario import Problem, ScenarioError

    return ScenarioError([Problem(file=scenario.name, line=0, column=0, message=str(refusal))])


def judge(journal: str | Path, *, strict: bool = False, ledger: str | Path = "") -> Run:
    """Judge a saved journal again. It needs no other file: neither the scenario nor its models.

    ``journal`` is the file or the folder of a run. One that was cut off is judged as far as it goes, with the verdict
    ``interrupted``. ``ledger`` is a file with the transactions in the books of a server of your own, exported after the run: they are
    judged instead of those that the run read. Raises :class:`harness.journal.format.JournalError` for what is no journal, and
    :class:`harness.journal.books.BooksError` for books that cannot be read.
    """
    opened = Journal(journal)
    _refuse_unknown_names(opened)
    case = _Case(opened.scenario, check_command(journal, strict=strict, ledger=ledger), strict=strict)
    if not ledger:
        return case.judged_from(opened)
    from harness.journal import books

    return case.judged_from(opened, ledgers=books.exported(opened, books.text_of(Path(ledger)), str(ledger)))


def import_log(
    log: str | Path,
    *,
    out: str | Path | None = None,
    keep: bool = False,
    scenario: str | Path | None = None,
    lost: str | Sequence[str] = "inferred",
    strict: bool = False,
    warn: Callable[[str], None] | None = None,
) -> Run:
    """Turn a log of OCPP frames into a journal, and judge it as far as the frames show what happened.

    ``log`` is a file in the OCPP trace format 1.1, plain or gzip. ``scenario``, a file or a shipped one by name, gives models, tariffs,
    settings and contracts by the chargers' names; without it they are taken for chargers that follow OCPP. ``lost`` says when the
    server was away, as ``FROM..TO`` in ISO 8601, one or several; outages that the frames show are found besides. ``out``, ``keep`` and
    ``strict`` are as in :func:`run`. ``warn`` is told what of the log could not be used.

    Raises :class:`harness.stage.seen.trace.TraceError` for a log that cannot be read, :class:`harness.importing.LostError` for a ``lost``
    that cannot, :class:`harness.ScenarioError`, and :class:`OSError`.
    """
    from harness.importing import import_trace

    given = import_trace(log, scenario=scenario, lost=[lost] if isinstance(lost, str) else lost, warn=warn or (lambda _: None))
    folder = Path(out) if out is not None else new_folder(given.scenario) if keep else None
    case = _Case(given.scenario, check_command(folder, strict=strict) if folder else "", strict=strict, keep_in=folder)
    judging = _Judging(given.scenario, given.how)
    with Writer(case.folder, given.scenario, live=given.how) as journal:
        journal.write(given.records)
        judging.feed(given.records)
        footer = journal.finish(given.end_ms)
    return case.judged(judging, journal.path, footer, live=given.how)


def parity(live_run: Run) -> Parity:
    """Whether a live run agrees with the simulated run of its scenario, which is made for it.

    Raises :class:`ValueError` for a run that was not live.
    """
    from harness.report.comparison import compare

    if live_run.outcome.live is None or live_run.outcome.live.peer == "log":
        made = "simulated" if live_run.outcome.live is None else "imported from a log"
        raise ValueError(f"parity is of a live run, and this one was {made}")
    footer = Journal(live_run.journal).footer
    simulated = run(live_run.scenario, twin=footer is not None and footer.twin is not None)  # limits need one in both or in neither
    return compare(live_run.scenario.names(), live_run.records(), simulated.records(), live_run.checks, simulated.checks)


def _compared(run: Run, *, html: bool) -> Run:
    """A live run with what came of comparing it, told in its reports."""
    from harness.report import parity as shown

    found = parity(run)
    judgement = run.judgement
    if not found.holds:
        verdict: RunVerdict = "invalid" if run.verdict == "invalid" else "fail"
        reasons = [*judgement.reasons, f"parity: {shown.verdict(found)}"]
        judgement = msgspec.structs.replace(judgement, verdict=verdict, exit_code=EXIT_CODES[verdict], reasons=reasons)
    run = replace(run, outcome=replace(run.outcome, judgement=judgement, parity=found))
    if run.outcome.folder:
        write_whole(Path(run.outcome.folder) / PARITY_NAME, shown.render(found))
        _write_reports(run, Path(run.outcome.folder), html=html)
    return run


def _refuse_unknown_names(journal: Journal) -> None:
    """A journal of this schema may still name checks or metrics that this version does not know."""
    from harness.check.catalogue import NAMES
    from harness.check.metrics import METRICS

    scenario = journal.scenario
    contracts = [scenario.server.contract, *(model.contract for model in scenario.models.values())]
    checks = [name for contract in contracts for name in contract] + [spec.name for spec in scenario.expect.checks if spec.builtin]
    for kind, names, known in (("check", checks, NAMES), ("metric", [limit.metric for limit in scenario.expect.limits], METRICS)):
        for name in names:
            if name not in known:
                wrote = f"it was written by harness {journal.harness}"
                raise JournalError(f"{journal.path}:1: found the {kind} {name!r}, which harness {__version__} does not know; {wrote}")


def new_folder(scenario: Scenario, *, root: Path = Path("reports/runs")) -> Path:
    """Make the default folder for a run that starts now, ``root/SCENARIO/START-SEED``, and name it in ``latest.txt`` beside it."""
    parent = root / scenario.name
    parent.mkdir(parents=True, exist_ok=True)
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{scenario.seed}"
    for number in count(1):
        folder = parent / (stem if number == 1 else f"{stem}-{number}")
        with suppress(FileExistsError):
            folder.mkdir()
            break
    write_whole(parent / "latest.txt", f"{folder.name}\n".encode())
    return folder


def repeat_command(
    source: str, resolved: Scenario, overrides: Sequence[str], *, twin: bool = True, simulate_all: bool = False, strict: bool = False,
    live: Live | None = None, parity: bool = False,
) -> str:  # fmt: skip
    """The one-line command that repeats the run of a file, or of a shipped scenario: with all that decides its journal and verdict."""
    sets = [part for override in overrides for part in ("--set", override)]
    flags = {"--no-twin": not twin, "--simulate-all": simulate_all, "--strict": strict}
    given = [flag for flag, on in flags.items() if on]
    bench = None if live is None else live.at_bench
    if live is not None and bench is not None:
        del given[:]
        given += ["--strict"] if strict else []
        given += ["--bench", bench.file] if bench.file else []
        given += ["--listen", bench.listen]
    elif live is not None:
        given += ["--parity"] if parity else ["--live"]
        given += [] if live.yours else ["--speed", f"{live.speed:g}"]
        given += ["--skip-idle"] if live.skip_idle and not parity else []
        given += ["--target", live.yours.file] if live.yours else []
        given += ["--ledger", str(live.ledger)] if live.ledger else []
        given += ["--i-own-this-server"] if live.i_own_this_server else []
    if live is not None:
        given += ["--direct"] if live.direct else []
        given += ["--ocpp", live.ocpp] if live.ocpp != "1.6" else []
        given += ["--toxiproxy", live.toxiproxy] if live.toxiproxy else []
    return _joined("serve" if bench else "run", source, "--seed", str(resolved.seed), *sets, *given)


def check_command(journal: str | Path, *, strict: bool = False, ledger: str | Path = "") -> str:
    """The one-line command that judges a journal again."""
    given = [*(["--strict"] if strict else []), *(["--ledger", str(ledger)] if ledger else [])]
    return _joined("check", str(journal), *given)


def _joined(*words: str) -> str:
    """A command of ours; the name of a file may be no text, which no report could hold."""
    import shlex

    return shlex.join(["harness", *words]).encode(errors="replace").decode()


class _Listener:
    """Hears the records of a run while they go by."""

    def __init__(self, scenario: Scenario) -> None:
        self.outline = Outline()

    def feed(self, batch: Sequence[AnyRecord]) -> None:
        self.outline.feed(batch)


class _Judging(_Listener):
    """Judges while the records go by."""

    def __init__(self, scenario: Scenario, live: LiveRun | None = None) -> None:
        from harness.check.decidable import kind_of
        from harness.check.judge import Judge
        from harness.check.metrics import Meter

        super().__init__(scenario)
        self.stays = Stays(scenario)
        self.kind = kind_of(live)
        self.judge = Judge(scenario, self.kind, books=live is None or live.books)
        self.meter = Meter(scenario)
        self.last_ms = 0
        self.records = 0

    def feed(self, batch: Sequence[AnyRecord]) -> None:
        if batch:
            super().feed(batch)
            self.judge.feed(batch)
            self.meter.feed(batch)
            self.stays.feed(batch)
            self.last_ms = batch[-1].t
            self.records += len(batch)


class _Borrowed:
    """A temporary folder that goes when this does, without a word: to let go of a run is no mistake that a warning should tell of."""

    def __init__(self) -> None:
        from shutil import rmtree
        from tempfile import mkdtemp
        from weakref import finalize

        self.name = mkdtemp(prefix="harness-")
        finalize(self, rmtree, self.name, ignore_errors=True)


class _Case:
    """One run from its first moment to its reports: where it is kept, how it is repeated, how long it takes."""

    def __init__(self, scenario: Scenario, command: str, *, strict: bool, keep_in: Path | None = None, html: bool = True) -> None:
        self._html = html
        self._scenario = scenario
        self._command = command
        self._strict = strict
        self._keep_in = keep_in
        self._keeper: _Borrowed | None = None
        self._started = datetime.now(UTC)
        self._from = time.monotonic()

    def of(self, scenario: Scenario) -> _Case:
        """The same case, of a scenario that began later than it says."""
        self._scenario = scenario
        return self

    @cached_property
    def folder(self) -> Path:
        """Where the journal is to go, made when first asked for; a temporary folder where nothing is to be kept.

        Raises :class:`FileExistsError` where a run is kept there already: its evidence is not ours to destroy.
        """
        if self._keep_in is None:
            self._keeper = _Borrowed()
            return Path(self._keeper.name)
        self._keep_in.mkdir(parents=True, exist_ok=True)
        if any((self._keep_in / name).is_file() for name in (PLAIN_NAME, PACKED_NAME, *REPORTS)):
            raise FileExistsError(EEXIST, _TAKEN, str(self._keep_in))
        return self._keep_in

    def judged_from(self, journal: Journal, *, verified: bool = False, ledgers: Sequence[Books | Ledger] | None = None) -> Run:
        """Judge what stands in a journal; with ``ledgers`` by those books, and none that stand there."""
        live = journal.live
        if live is not None and ledgers is not None:
            live = msgspec.structs.replace(live, books=True)
        judging = _Judging(journal.scenario, live)
        for batch in journal.batches():
            judging.feed(batch if ledgers is None else [record for record in batch if not _of_books(record)])
        judging.feed(ledgers or ())
        return self.judged(judging, journal.path, journal.footer, journal.harness, verified=verified, live=live)

    def judged(
        self, judging: _Judging, journal: Path, footer: Footer | None, version: str = __version__, *, verified: bool = False,
        live: LiveRun | None = None,
    ) -> Run:  # fmt: skip
        """Close the judging and write the reports. Without a footer the run was cut off after its last record."""
        from harness.check.verdict import judgement

        end_ms = footer.end_ms if footer else judging.last_ms
        judging.outline.close(end_ms)
        twin = None if footer is None or footer.twin is None else _twin_of(footer.twin, self._scenario, journal)
        outcome = Outcome(
            scenario=self._scenario,
            judgement=judgement(
                self._scenario,
                judging.judge.close(end_ms, complete=footer is not None),
                totals=judging.meter.close(end_ms),
                twin=twin,
                shown=judging.meter.shown,
                strict=self._strict,
                complete=footer is not None,
                live=live is not None,
                kind=judging.kind,
            ),
            outline=judging.outline,
            harness=version,
            records=judging.records,
            digest=footer.digest if footer else "",
            command=self._command,
            folder=str(self._keep_in or ""),
            stays=judging.stays,
            verified=verified,
            live=live,
        )
        run = Run(outcome=outcome, journal=journal, machine=self._machine(), _keeper=self._keeper)
        if self._keep_in is not None:
            _write_reports(run, self._keep_in, html=self._html)
        return run

    def _machine(self) -> Machine:
        import platform

        return Machine(
            python=platform.python_version(),
            platform=f"{platform.system()} {platform.machine()}",
            started=f"{self._started:%Y-%m-%dT%H:%M:%SZ}",
            seconds=round(time.monotonic() - self._from, 3),
        )


def _of_books(record: AnyRecord) -> bool:
    """Whether a record tells of the server's books."""
    return isinstance(record, Books | Ledger) or (isinstance(record, Finding) and not record.who)


def _twin_of(kept: Any, scenario: Scenario, journal: Path) -> Totals:
    """The twin's totals as a footer holds them. Raises :class:`JournalError` where they are none of this scenario."""
    from harness.check.metrics import Totals

    try:
        totals = msgspec.convert(kept, Totals, from_attributes=True)
    except msgspec.ValidationError as problem:
        raise JournalError(f"{journal}: the footer's twin is damaged: {problem}") from None
    if {len(totals.short_wh), len(totals.peak_wh), len(totals.micro)} != {len(scenario.names())}:
        raise JournalError(f"{journal}: the footer's twin has not the chargers of the header")
    return totals


def _write_reports(run: Run, folder: Path, *, html: bool) -> None:
    from harness.report import document, junit, markdown

    write_whole(folder / "result.json", document.render(run.outcome, run.machine))
    write_whole(folder / "junit.xml", junit.render([run.outcome]))
    write_whole(folder / "report.md", markdown.render(run.outcome).encode())
    if html:
        from harness.pages import page

        write_whole(folder / "report.html", page(run.outcome, run.journal))


class _Order(msgspec.Struct, kw_only=True):
    """What a fresh process is to run."""

    scenario: Scenario | None
    source: str
    seed: int | None
    overrides: list[str]
    twin: bool
    simulate_all: bool


def _resolved(scenario: Scenario | str | Path, seed: int | None, overrides: Sequence[str]) -> Scenario:
    if not isinstance(scenario, Scenario):
        return load(scenario, seed=seed, overrides=overrides)
    if overrides:
        raise TypeError("overrides change a file while it is loaded: pass them to harness.load, or pass run() the file")
    return scenario if seed is None else msgspec.structs.replace(scenario, seed=seed)


def _source(scenario: Scenario | str | Path) -> str:
    return "" if isinstance(scenario, Scenario) else str(scenario)


_Heard = TypeVar("_Heard", bound=_Listener)


def _record(
    scenario: Scenario,
    folder: Path,
    *,
    twin: bool,
    simulate_all: bool,
    listening: Callable[[Scenario], _Heard],
    progress: Progress | None = None,
) -> tuple[_Heard, Path, Footer]:
    """Simulate a scenario into a journal while a listener hears it; returns that listener, the journal's file and its footer."""
    from harness.stage import apart, simulated
    from harness.stage.errors import StageError

    with Writer(folder, scenario) as journal:
        whole_ms = scenario.duration_ms * (2 if twin else 1)
        tell = progress and partial(_tell, progress, whole_ms, 0)
        try:
            if apart.is_worth(scenario):
                with apart.running(scenario, simulate_all=simulate_all) as encoded, simulated.without_collections():
                    listener = listening(scenario)
                    decoder = msgspec.json.Decoder(AnyRecord)
                    for lines in encoded:
                        batch = decoder.decode_lines(lines)
                        journal.write_encoded(batch, lines)
                        listener.feed(batch)
                        if tell:
                            tell(batch[-1].t)
            else:
                listener = listening(scenario)

                def sink(batch: Sequence[AnyRecord]) -> None:
                    journal.write(batch)
                    listener.feed(batch)

                simulated.run(scenario, sink, simulate_all=simulate_all, progress=tell)
        except StageError as refusal:
            raise _refused(scenario, refusal) from None
        tell = progress and partial(_tell, progress, whole_ms, scenario.duration_ms)
        totals, wh = _twin(scenario, listener.outline.driver_steps, tell) if twin else (None, ())
        footer = journal.finish(scenario.duration_ms, twin=totals, twin_wh=wh)
    return listener, journal.path, footer


class _LiveRecording:
    """A live run on its way into a journal, which is begun when the run is."""

    def __init__(self, folder: Path, live: Live) -> None:
        self._folder = folder
        self._live = live
        self.scenario: Scenario | None = None
        """The scenario as it began: against real software that is when all were there."""
        self.unread = ""
        """Why the server's books could not be read, where they could not."""

    def record(self, scenario: Scenario, *, twin: bool, progress: Progress | None = None) -> tuple[_Judging, Path, Footer]:
        """Run a scenario; returns who judged meanwhile, the journal's file and its footer."""
        from harness.stage.live.run import run

        whole_ms = scenario.duration_ms * (2 if twin else 1)
        tell = progress and partial(_tell, progress, whole_ms, 0)
        with ExitStack() as self._open:
            run(scenario, self._sink, self._live, begin=self._begin, frames=self._folder / FRAMES_NAME, progress=tell)
            assert self.scenario is not None
            tell = progress and partial(_tell, progress, whole_ms, scenario.duration_ms)
            totals, wh = _twin(self.scenario, self._listener.outline.driver_steps, tell) if twin else (None, ())
            footer = self._journal.finish(scenario.duration_ms, twin=totals, twin_wh=wh)
        return self._listener, self._journal.path, footer

    def _begin(self, scenario: Scenario) -> None:
        how = self._live.of(scenario)
        self.scenario = scenario
        self._listener = _Judging(scenario, how)
        self._journal = self._open.enter_context(Writer(self._folder, scenario, live=how))

    def _sink(self, batch: Sequence[AnyRecord]) -> None:
        self._journal.write(batch)
        self._journal.flush()  # what it saw cannot be had again
        self._listener.feed(batch)
        for record in batch:
            if isinstance(record, Finding) and not record.who:
                self.unread = record.what


def _tell(progress: Progress, whole_ms: int, before_ms: int, now_ms: int) -> None:
    progress(before_ms + now_ms, whole_ms)


def _twin(scenario: Scenario, driver_steps: dict[str, int], tell: Callable[[int], None] | None) -> tuple[Totals, Sequence[int]]:
    """The twin's totals and its energy over time: the same run without its faults, the drivers' steps at the instants they had."""
    from harness.check.metrics import Meter
    from harness.journal.energy import Energy
    from harness.stage import simulated

    meter = Meter(scenario)
    energy = Energy(scenario.names(), scenario.duration_ms)

    def hear(batch: Sequence[AnyRecord]) -> None:
        meter.feed(batch)
        energy.feed(batch)

    simulated.run_twin(scenario, driver_steps, hear, progress=tell)
    return meter.close(scenario.duration_ms), energy.wh()


def _record_twice(order: _Order, folder: Path) -> None:
    """Run in two fresh processes side by side, one journal into ``folder``; raise :class:`NotRepeatableError` where the two differ."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="harness-") as other:
        folders = (folder, Path(other))
        processes = [_fresh(order, each, hash_seed) for hash_seed, each in enumerate(folders, start=1)]
        try:
            answers = [process.communicate() for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait()
        for process, (_, errors) in zip(processes, answers, strict=True):
            if process.returncode:
                whole = errors.decode(errors="replace").strip()
                failure = RuntimeError(f"a fresh process ended with {process.returncode}: {whole.rpartition(chr(10))[2]}")
                failure.add_note(whole)
                raise failure
        _compare(*map(Journal, folders))


def _fresh(order: _Order, folder: Path, hash_seed: int) -> Popen[bytes]:
    from subprocess import DEVNULL, PIPE, Popen
    from tempfile import TemporaryFile

    with TemporaryFile() as given:
        given.write(msgspec.json.encode(order))
        given.seek(0)
        package_root = str(Path(__file__).resolve().parents[1])
        paths = os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH"))))
        return Popen(
            [sys.executable, "-c", "import harness.api; harness.api._record_ordered()", str(folder.resolve())],
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": paths},
            stdin=given,
            stdout=DEVNULL,
            stderr=PIPE,
        )


def _record_ordered() -> None:
    """The whole work of a fresh process: read an order from standard input, simulate it into the folder named as argument."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=_Order)
    scenario = _resolved(order.scenario or order.source, order.seed, order.overrides)
    _record(scenario, Path(sys.argv[1]), twin=order.twin, simulate_all=order.simulate_all, listening=_Listener)


def _compare(first: Journal, second: Journal) -> None:
    for number, (one, other) in enumerate(zip_longest(first.lines(), second.lines(), fillvalue=b"(nothing)"), start=1):
        if one != other:
            raise NotRepeatableError(
                f"two runs of {first.scenario.name} differ, first in line {number} of their journals:\n"
                f"  one    {one.decode(errors='replace')[:400]}\n"
                f"  other  {other.decode(errors='replace')[:400]}"
            )
