"""The commands. What they do is done by :mod:`harness.api` and told by :mod:`harness.report`; here is only how they are called.

``harness --help`` and everything else that is typed often must start at once: nothing beyond argparse is imported up here.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from harness import __version__
from harness.console import (
    Progress,
    StoppedPolitely,
    UsageError,
    ask,
    complain,
    did_you_mean,
    mend_streams,
    mute,
    put,
    say,
    show,
    tell,
    width,
)
from harness.options import (
    doctor_options,
    explore_options,
    gate_options,
    guide_options,
    import_options,
    live_of,
    mutants_options,
    run_options,
    serve_options,
    shrink_options,
    sweep_options,
)

if TYPE_CHECKING:
    from harness.api import Run
    from harness.regression.gate import Gate

USAGE_ERROR = 4
INTERNAL_ERROR = 3
INTERRUPTED = 2
INVALID = 6
_WORST_LAST = (0, 5, 1, 6, 4, 3, 2)
"""Exit codes by weight: of several runs the weightiest counts."""

_JOURNAL = "a journal, the folder of a run, or the folder of a scenario's runs (its latest.txt names the run)"
_EPILOG = """\
exit codes:
  0  pass
  1  a check or limit failed, or a known failure passed
  2  interrupted
  3  internal error
  4  bad usage or file
  5  something that the scenario names stayed unknown, or nothing was triggered at all
  6  invalid: the experiment did not happen
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors end with our exit code and go to standard error in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see `{self.prog} --help`)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    mend_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    try:
        return _call([word for word in words if word != "--debug"], debug=debug)
    except SystemExit as ending:  # argparse, after --help and --version
        return ending.code if isinstance(ending.code, int) else 0
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except Exception as problem:
        if debug and not isinstance(problem, UsageError):
            raise
        return _explain_failure(problem)


def _call(words: list[str], *, debug: bool) -> int:
    parser, commands = _parsers()
    first = next((word for word in words if not word.startswith("-")), None)
    if first is not None and first not in commands:
        raise UsageError(f"no such command: `{first}`{did_you_mean(first, commands)}")
    arguments, unknown = parser.parse_known_args(words)
    unknown = _taken(arguments, unknown, commands)
    if unknown:
        known = [option for action in commands[arguments.command]._actions for option in action.option_strings]
        raise UsageError(f"{arguments.command} takes no `{unknown[0]}`{did_you_mean(unknown[0].partition('=')[0], known)}")
    arguments.debug = debug
    _import_uninterrupted()
    run: Callable[[argparse.Namespace], int] = arguments.run
    code = run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        mute(sys.stdout)
    return code


def _import_uninterrupted() -> None:
    """Import what an interruption in the midst of its import would leave broken, so that the process crashes or goes on: the C part of
    msgspec, which every command needs. The interruption waits for that."""
    import signal

    if not hasattr(signal, "pthread_sigmask"):
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        import msgspec  # noqa: F401
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _taken(arguments: argparse.Namespace, words: list[str], commands: Mapping[str, argparse.ArgumentParser]) -> list[str]:
    """Give the command the names that came after its options, where it takes any number of them: the parser takes only those before.
    Returns the words from the first option on that there is not."""
    actions = commands[arguments.command]._actions
    several = next((each.dest for each in actions if not each.option_strings and each.nargs in ("*", "+")), None)
    if several is None:
        return words
    upto = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    setattr(arguments, several, [*getattr(arguments, several), *words[:upto]])
    return words[upto:]


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = _Parser(
        prog="harness",
        description="Take the server away from virtual EV chargers, and see with evidence what still works.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"harness {__version__}")
    below = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        made = below.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
        made.set_defaults(run=run)
        made.add_argument("--debug", action="store_true", help="on an internal error, show its traceback")
        return made

    run_options(command("run", _run, "run scenarios, simulated or live, and judge them"))
    serve_options(command("serve", _serve, "put a server and its outages in front of your chargers, and judge them"))
    check = command("check", _check, "judge a saved journal again")
    check.add_argument("journal", metavar="JOURNAL", help=_JOURNAL)
    check.add_argument("--strict", action="store_true", help="contract clauses that were not exercised count")
    check.add_argument("--ledger", metavar="FILE", help="of a run against your server: its books, exported since, as CSV or JSON")
    report = command("report", _report, "make the outage report of a saved journal, one HTML file, or its postmortem")
    report.add_argument("journal", metavar="JOURNAL", help=_JOURNAL)
    report.add_argument(
        "--postmortem", action="store_true", help="make the skeleton of an incident review instead, as Markdown with blanks to fill in"
    )
    report.add_argument("--out", metavar="FILE", help="where it goes; report.html or postmortem.md beside the journal by default")
    report.add_argument("--baseline", metavar="FILE", help="tell what has changed since: a baseline of `harness gate`, or another run")
    report.add_argument("--strict", action="store_true", help="contract clauses that were not exercised count")
    report.add_argument("--ledger", metavar="FILE", help="of a run against your server: its books, exported since, as CSV or JSON")
    compare = command(
        "compare", _compare, "tell what is worse, better or otherwise in one run than in another; exits with 1 where anything is worse"
    )
    compare.add_argument("before", metavar="A", help=f"{_JOURNAL}, or a result.json")
    compare.add_argument("after", metavar="B", help="the run that is compared with it, named likewise")
    compare.add_argument("--format", choices=("terminal", "markdown", "html"), default="terminal", help="terminal by default")
    gate_options(command("gate", _gate, "run a suite of scenarios, and exit with 1 where any is worse than a committed baseline"))
    explore_options(command("explore", _explore, "try random plans over a scenario or a model, and make small what fails"))
    shrink_options(command("shrink", _shrink, "make a scenario that breaks a check as small as it gets while it still does"))
    mutants_options(command("mutants", _mutants, "plant known wrong behaviours in a base, and tell which of them random plans find"))
    sweep_options(command("sweep", _sweep, "tell when an outage would hurt most: a scenario over a grid of starts and durations"))
    guide_options(command("guide", _guide, "make the field guide: what each charger does when its cloud is gone, measured in its model"))
    import_options(command("import", _import, "turn a log of OCPP frames into a journal, and judge what it shows"))
    timeline = command("timeline", _timeline, "tell what happened to chargers, event by event, from a saved journal")
    timeline.add_argument("journal", metavar="JOURNAL", help=_JOURNAL)
    timeline.add_argument(
        "chargers", nargs="*", metavar="CHARGER", default=[], help="a charger or a crowd; all that are not of a crowd by default"
    )
    explain = command("explain", _explain, "tell what a name means, with its source")
    explain.add_argument(
        "name", nargs="+", metavar="NAME",
        help="a check, behaviour, model, metric, fault kind, quirk, mutant, scenario, word of a report or of a model file, or a file",
    )  # fmt: skip
    listing = command("list", _list, "list what there is")
    groups = "scenarios, models, checks, metrics, faults, quirks, mutants or words; all by default"
    listing.add_argument("what", nargs="?", metavar="WHAT", help=groups)
    doctor_options(command("doctor", _doctor, "tell what there is for live runs, what is missing, and how to get it"))
    lint = command("lint", _lint, "check scenario, model, target and bench files without running them")
    lint.add_argument("files", nargs="+", metavar="FILE")
    new = command("new", _new, "write a commented start of a file")
    new.add_argument("kind", choices=("scenario", "model", "target", "bench"))
    new.add_argument("name", metavar="NAME", help="its name; the file is NAME.yaml")
    schema = command("schema", _schema, "print a JSON Schema, for completion and hover texts in editors")
    schema.add_argument("kind", choices=("scenario", "model", "target", "bench", "result"))
    return parser, dict(below.choices)


def _run(arguments: argparse.Namespace) -> int:
    arguments.live = live_of(arguments)
    with StoppedPolitely():
        return _run_all(arguments)


def _run_all(arguments: argparse.Namespace) -> int:
    if len(arguments.sources) == 1:
        run, code = _run_one(arguments, arguments.sources[0], arguments.out)
        if run:
            _print_run(run)
            _warn_of_no_twin(arguments, run)
        return code
    from harness.reporting import gallery

    codes = []
    runs = []
    for source, out in zip(arguments.sources, _places(arguments.sources, arguments.out), strict=True):
        run, code = _run_one(arguments, source, out)
        _print_brief(source, run)
        if run:
            _warn_of_no_twin(arguments, run)
            runs.append(run)
        codes.append(code)
        if code == INTERRUPTED:
            break
    _print_total(runs, len(arguments.sources))
    if arguments.out and runs:
        gallery(runs, arguments.out)
    return max(codes, key=_WORST_LAST.index)


def _places(sources: Sequence[str], out: str | None) -> list[str | None]:
    """A folder below ``out`` for each of several scenarios, named after its file, and numbered where another has that name."""
    if out is None:
        return [None] * len(sources)
    stems = [Path(source).stem for source in sources]
    names: list[str] = []
    for stem in stems:
        name, number = stem, 1
        while name in names or (number > 1 and name in stems):
            number += 1
            name = f"{stem}-{number}"
        names.append(name)
    return [os.path.join(out, name) for name in names]


def _run_one(arguments: argparse.Namespace, source: str, out: str | None) -> tuple[Run | None, int]:
    """Run one scenario; what goes wrong is told here, so that other files still have their turn."""
    from harness import api, scenario

    for doubt in scenario.doubts(source, arguments.overrides, arguments.seed):
        complain(str(doubt), prefix=False)
    try:
        with Progress(source) as progress:
            run = api.run(
                source,
                out=out,
                keep=True,
                seed=arguments.seed,
                overrides=arguments.overrides,
                twin=not arguments.no_twin,
                simulate_all=arguments.simulate_all,
                strict=arguments.strict,
                verify=arguments.verify,
                live=arguments.live,
                parity=arguments.parity,
                progress=progress if sys.stderr.isatty() else None,
            )
    except api.Interrupted as interruption:
        return interruption.run, INTERRUPTED
    except Exception as problem:
        if arguments.debug:
            raise
        return None, _explain_failure(problem)
    return run, run.exit_code


def _warn_of_no_twin(arguments: argparse.Namespace, run: Run) -> None:
    """Say why limits stay unknown that ``--no-twin`` took the measure from."""
    unknown = [result.name for result in run.judgement.checks if result.origin == "limit" and result.verdict == "unknown"]
    lost = [name for name in unknown if name in run.metrics and run.metrics[name].run is not None]
    if arguments.no_twin and lost:
        complain(f"{', '.join(lost)}: a limit on the difference from a run without the faults, which --no-twin left out; run without it")


def _check(arguments: argparse.Namespace) -> int:
    from harness import api
    from harness.journal.reader import Journal

    run = api.judge(arguments.journal, strict=arguments.strict, ledger=arguments.ledger or "")
    _print_run(run)
    if run.verdict == "interrupted":
        complain(f"this journal was cut off: {Journal(arguments.journal).cut}")
    return run.exit_code


def _report(arguments: argparse.Namespace) -> int:
    from harness import reporting

    given = {"out": arguments.out, "strict": arguments.strict, "ledger": arguments.ledger or ""}
    if arguments.postmortem and arguments.baseline:
        raise UsageError("--baseline is of the page, and --postmortem is asked for")
    if arguments.postmortem:
        say(str(reporting.postmortem(arguments.journal, **given)))
    else:
        say(str(reporting.html_report(arguments.journal, **given, baseline=arguments.baseline or "")))
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from harness.comparing import compare
    from harness.report import changes

    found = compare(arguments.before, arguments.after)
    if arguments.format == "html":
        from harness.report.html.changes import render

        say(render(found).decode())
    elif arguments.format == "markdown":
        say(changes.render(found))
    else:
        show(changes.lines(found))
    return found.exit_code


def _gate(arguments: argparse.Namespace) -> int:
    from harness.gating import gate
    from harness.report import gate as report

    with StoppedPolitely(), Progress("gate") as progress:
        found = gate(
            arguments.suite, arguments.baseline, seeds=arguments.seeds, update=arguments.update, strict=arguments.strict,
            jobs=arguments.jobs, out=arguments.out, junit=arguments.junit, progress=progress if sys.stderr.isatty() else None,
        )  # fmt: skip
    show(report.lines(found))
    _tell_github(found)
    return found.exit_code


def _explore(arguments: argparse.Namespace) -> int:
    from harness.exploring import REPORT_NAME, explore
    from harness.report import exploration as report

    _warn_of_unused_models(arguments)
    given = {name: value for name, value in vars(arguments).items() if name not in ("base", "command", "debug", "run")}
    try:
        with StoppedPolitely(), Progress("explore", things="plans") as progress:
            found = explore(arguments.base, **given, progress=progress if sys.stderr.isatty() else None)
    except KeyboardInterrupt:
        complain("interrupted; what was tried is kept: the same command goes on from there, and with --plans 1 it reports on that")
        return INTERRUPTED
    show(report.lines(found))
    say(os.path.join(found.folder, REPORT_NAME))
    return found.exit_code


def _shrink(arguments: argparse.Namespace) -> int:
    from harness.exploring import shrink
    from harness.report import exploration as report

    if arguments.save and arguments.out:
        raise UsageError("--save says where the scenario goes, and so does --out: say one of them")
    given = {name: value for name, value in vars(arguments).items() if name not in ("base", "command", "debug", "run")}
    with StoppedPolitely():
        found = shrink(arguments.base, **given)
    show(report.shrunk_lines(found.check, found.steps, found.chargers, found.smallest, found.file))
    if not found.new:
        say(f"{found.file} is there already, and says the same")
    return 0


def _mutants(arguments: argparse.Namespace) -> int:
    from harness.planting import REPORT_NAME, mutants
    from harness.report import planting as report

    _warn_of_unused_models(arguments)
    given = {name: value for name, value in vars(arguments).items() if name not in ("base", "command", "debug", "run")}
    try:
        with StoppedPolitely():
            found = mutants(arguments.base, **given, hear=lambda outcome: show([report.line(outcome)], flush=True))
    except KeyboardInterrupt:
        complain("interrupted; what is known is kept, and the same command goes on from there")
        return INTERRUPTED
    show([report.total(found)])
    say(os.path.join(found.folder, REPORT_NAME))
    if found.exit_code == USAGE_ERROR:
        complain("nothing could be planted here")
    return found.exit_code


def _warn_of_unused_models(arguments: argparse.Namespace) -> None:
    """As `harness run` warns, of a base whose plan and expectations count for nothing."""
    from harness.search.space import doubts

    for doubt in doubts(arguments.base, arguments.overrides):
        complain(str(doubt), prefix=False)


def _sweep(arguments: argparse.Namespace) -> int:
    from harness.report import sweep as report
    from harness.sweeping import REPORTS, Asked, swept

    given = {name: value for name, value in vars(arguments).items() if name not in ("base", "command", "debug", "run")}
    try:
        with StoppedPolitely(), Progress("sweep", things="runs") as progress:
            found = swept(Asked(base=arguments.base, **given, progress=progress if sys.stderr.isatty() else None))
    except KeyboardInterrupt:
        complain("interrupted; what was run is kept, and the same command goes on from there")
        return INTERRUPTED
    if found.grid is None:
        say(report.share(arguments.shard, found.runs, found.made, found.twins, found.lacking))
        say(str(found.campaign))
        return 0
    show(report.lines(found.grid))
    for name in REPORTS:
        say(str(found.folder / name))
    return 0


def _tell_github(found: Gate) -> None:
    """Inside GitHub Actions: annotations in the log, and the job's summary. What cannot be told there changes no verdict."""
    from harness.report import gate as report

    if os.environ.get("GITHUB_ACTIONS") and found.exit_code:
        for line in report.workflow_commands(found, os.environ.get("GITHUB_WORKSPACE") or os.getcwd()):
            put(sys.stdout, line, commands=True)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with open(summary, "a", encoding="utf-8") as file:
                file.write(report.render(found))
        except OSError as problem:
            complain(f"the job's summary could not be written: {problem.strerror}: {summary}")


def _import(arguments: argparse.Namespace) -> int:
    from harness import api

    run = api.import_log(
        arguments.log, out=arguments.out, keep=True, scenario=arguments.scenario, lost=arguments.lost, strict=arguments.strict,
        warn=lambda text: complain(text, prefix=False),
    )  # fmt: skip
    _print_run(run)
    return run.exit_code


def _serve(arguments: argparse.Namespace) -> int:
    from msgspec.structs import replace

    from harness import api
    from harness.scenario.target import address, load_bench
    from harness.stage.live.options import Live
    from harness.units import UnitError
    from harness.values import Bench

    bench = load_bench(arguments.bench) if arguments.bench else Bench()
    if arguments.listen:
        try:
            bench = replace(bench, listen=address(arguments.listen))
        except UnitError:
            raise UsageError(f"found {arguments.listen} as --listen, expected a host and a port such as 192.168.1.5:9000") from None
    if arguments.direct and arguments.toxiproxy:
        raise UsageError("--direct is without Toxiproxy, and --toxiproxy says where it is: say one of them")
    live = Live(
        bench=bench, ask=ask, say=tell, toxiproxy=arguments.toxiproxy, direct=arguments.direct, ocpp=arguments.ocpp
    )  # fmt: skip
    with StoppedPolitely():
        try:
            run = api.run(
                arguments.source, out=arguments.out, keep=True, seed=arguments.seed, overrides=arguments.overrides, strict=arguments.strict,
                live=live,
            )  # fmt: skip
        except api.Interrupted as interruption:
            # What chargers did comes out at the end of a run, so its journal holds next to nothing; the frames are there.
            frames = interruption.run.journal.parent / api.FRAMES_NAME
            complain(f"interrupted; `harness import {frames} --scenario {arguments.source}` judges what came until then")
            return INTERRUPTED
    _print_run(run)
    return run.exit_code


def _guide(arguments: argparse.Namespace) -> int:
    from harness.guiding import FILES, guide
    from harness.report import guide as report

    made = guide(arguments.models, out=arguments.out)
    show(report.lines(made))
    show([report.total(made)])
    say(f"wrote {' and '.join(os.path.join(arguments.out, name) for name in FILES)}")
    return made.exit_code


def _timeline(arguments: argparse.Namespace) -> int:
    from harness.journal.reader import Journal
    from harness.report import timeline

    journal = Journal(arguments.journal)
    scenario = journal.scenario
    known = [*(entry.name for entry in scenario.chargers), *scenario.names()]
    try:
        names = timeline.whose(scenario, arguments.chargers)
    except KeyError as unknown:
        name = unknown.args[0]
        raise UsageError(f"{scenario.name} has no charger `{name}`{did_you_mean(name, known)}") from None
    if not names:
        raise UsageError(f"all chargers of {scenario.name} belong to a crowd: name one, such as `{scenario.names()[0]}`")
    for line in (*timeline.head(scenario, journal.live, names), ""):
        say(line)
    for line in timeline.lines(scenario, journal.records(), names):
        say(line)
    if not journal.complete:
        complain(f"this journal was cut off: {journal.cut}")
        return INTERRUPTED
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    from harness import catalogue

    wide = min(width(), 100)
    together = " ".join(arguments.name)  # the four behaviours are names of several words
    texts = [catalogue.explain(together, width=wide)]
    names = [together]
    if texts == [None]:
        names = arguments.name
        texts = [catalogue.explain(name, width=wide) for name in names]
    for name, text in zip(names, texts, strict=True):
        if text is None:
            raise UsageError(f"nothing is called `{name}`{did_you_mean(name, catalogue.all_names())}; see `harness list`")
    say("\n\n".join(text for text in texts if text))
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from harness import catalogue

    groups = catalogue.groups()
    if arguments.what is not None and arguments.what not in groups:
        near = did_you_mean(arguments.what, groups)
        raise UsageError(f"nothing to list called `{arguments.what}`{near} (there are {', '.join(groups)})")
    wanted = [arguments.what] if arguments.what else list(groups)
    for number, group in enumerate(wanted):
        entries = groups[group]()
        if len(wanted) > 1:
            say(("\n" if number else "") + group)
        column = max(map(len, entries), default=0)
        for name, text in entries.items():
            say(_entry(name, text, column))
    return 0


def _entry(name: str, text: str, column: int) -> str:
    """A name and what it means: broken to the width of a terminal, in one line for a pipe, where each line is to be a name."""
    line = f"  {name:{column}}  {text}"
    if not sys.stdout.isatty():
        return line
    import textwrap

    indent = " " * (column + 4 if column + 4 < width() // 2 else 6)
    return textwrap.fill(line, width(), subsequent_indent=indent, break_on_hyphens=False)


def _doctor(arguments: argparse.Namespace) -> int:
    from harness import doctor
    from harness.report.terminal import MARKS

    if arguments.station and not arguments.target:
        raise UsageError("--station is tried at your server: say --target FILE, too")
    found = []
    looked_at = {"toxiproxy": arguments.toxiproxy, "target": arguments.target, "station": arguments.station, "bench": arguments.bench}
    for one in doctor.diagnose(**looked_at):
        show([((f"{MARKS[one.mark]} ", one.mark), (one.text, "")), *(((f"    {way}", ""),) for way in one.advice)])
        found.append(one)
    if doctor.can_run(found):
        show([(("Live runs can be made.", "pass"),)])
        return 0
    show([(("Live runs cannot be made as it is: see what is marked ✗.", "fail"),)])
    return INVALID


def _lint(arguments: argparse.Namespace) -> int:
    from harness import scenario
    from harness.units import counted

    problems = [problem for file in arguments.files for problem in scenario.lint(Path(file))]
    for problem in problems:
        say(str(problem))
    failed = sum(problem.severity == "fail" for problem in problems)
    if not problems:
        say(f"{counted(len(arguments.files), 'files')}: nothing to complain about")
    return USAGE_ERROR if failed else 0


def _new(arguments: argparse.Namespace) -> int:
    from harness import scenario

    path = Path(arguments.name)
    path = path if path.suffix == ".yaml" else path.with_name(f"{path.name}.yaml")
    try:
        text = scenario.new(arguments.kind, path.stem)
    except ValueError as problem:
        raise UsageError(str(problem)) from None
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists already; nothing was written") from None
    say(f"wrote {path}; check it with `harness lint {path}`")
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    import json

    if arguments.kind == "result":
        from harness.report import document

        found: dict[str, Any] = document.schema()
    else:
        from harness import scenario

        found = scenario.schema(arguments.kind)
    say(json.dumps(found, indent=2))
    return 0


def _print_run(run: Run) -> None:
    from harness.report import terminal

    show(terminal.lines(run.outcome, width=width()))


def _print_brief(source: str, run: Run | None) -> None:
    """One of several runs: a line and where its reports are, and where it did not pass what to look at."""
    from harness.report import terminal

    show(terminal.brief(run.outcome, width=width()) if run else [terminal.missing(source)])


def _print_total(runs: Sequence[Run], wanted: int) -> None:
    from harness.report import terminal

    show([terminal.total([run.outcome for run in runs], wanted)])


def _explain_failure(problem: Exception) -> int:
    """One clear line for what went wrong; returns the exit code."""
    if _was_interrupted(problem):
        complain("interrupted")
        return INTERRUPTED
    if isinstance(problem, UsageError):
        complain(str(problem))
        return USAGE_ERROR
    if isinstance(problem, OSError):
        place = f": {problem.filename}" if problem.filename else ""
        complain(f"{problem.strerror or problem}{place}")
        return USAGE_ERROR
    from harness.api import NotRepeatableError
    from harness.importing import LostError
    from harness.journal.books import BooksError
    from harness.journal.format import JournalError
    from harness.regression.facts import ResultError
    from harness.scenario import ScenarioError
    from harness.search.pool import PoolError
    from harness.search.store import CampaignError
    from harness.stage.errors import ExperimentError
    from harness.stage.seen.trace import TraceError

    if isinstance(problem, ExperimentError):
        complain(f"the experiment did not happen: {problem}")
        return INVALID
    if isinstance(problem, ScenarioError):
        complain(str(problem), prefix=False)
        return USAGE_ERROR
    if isinstance(problem, JournalError | TraceError | LostError | BooksError | ResultError | CampaignError | PoolError):
        complain(str(problem))
        return USAGE_ERROR
    if isinstance(problem, NotRepeatableError):
        complain(f"{problem}\nThis is a defect of the harness: please report it with these lines and the scenario.")
        return INTERNAL_ERROR
    return _crashed(problem)


def _was_interrupted(problem: BaseException | None) -> bool:
    """Whether an interruption is behind a problem: one in the midst of an import may come out as what it broke there."""
    while problem is not None and not isinstance(problem, KeyboardInterrupt):
        problem = problem.__cause__ or problem.__context__
    return problem is not None


def _crashed(problem: Exception) -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="harness-error-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(f"harness {__version__}, python {sys.version}\n{sys.argv}\n\n")
        traceback.print_exception(problem, file=file)
    complain(
        f"internal error: {type(problem).__name__}: {problem}. This is a defect of the harness: please report it with {file.name}"
        " and the scenario (--debug shows the traceback here)"
    )
    return INTERNAL_ERROR
