"""The commands. What they do is done by :mod:`harness.api` and told by :mod:`harness.report`; here is only how they are called.

``harness --help`` and everything else that is typed often must start at once: nothing beyond argparse is imported up here.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from harness import __version__

if TYPE_CHECKING:
    from harness.api import Run
    from harness.regression.gate import Gate
    from harness.report.line import Line
    from harness.stage.live.options import Live

USAGE_ERROR = 4
INTERNAL_ERROR = 3
INTERRUPTED = 2
INVALID = 6
_MOST_JOBS = 1024
_MOST_SEEDS = 10_000
_MOST_PLANS = 10_000_000
_MOST_SEED = 2**62
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
        raise _UsageError(f"{message} (see `{self.prog} --help`)")


class _UsageError(Exception):
    pass


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    _mend_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    try:
        return _call([word for word in words if word != "--debug"], debug=debug)
    except SystemExit as ending:  # argparse, after --help and --version
        return ending.code if isinstance(ending.code, int) else 0
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except Exception as problem:
        if debug and not isinstance(problem, _UsageError):
            raise
        return _explain_failure(problem)


def _call(words: list[str], *, debug: bool) -> int:
    parser, commands = _parsers()
    first = next((word for word in words if not word.startswith("-")), None)
    if first is not None and first not in commands:
        raise _UsageError(f"no such command: `{first}`{_did_you_mean(first, commands)}")
    arguments, unknown = parser.parse_known_args(words)
    if unknown:
        known = [option for action in commands[arguments.command]._actions for option in action.option_strings]
        raise _UsageError(f"{arguments.command} takes no `{unknown[0]}`{_did_you_mean(unknown[0].partition('=')[0], known)}")
    arguments.debug = debug
    run: Callable[[argparse.Namespace], int] = arguments.run
    code = run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _mute(sys.stdout)
    return code


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

    _run_options(command("run", _run, "run scenarios, simulated or live, and judge them"))
    _serve_options(command("serve", _serve, "put a server and its outages in front of your chargers, and judge them"))
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
    _gate_options(command("gate", _gate, "run a suite of scenarios, and exit with 1 where any is worse than a committed baseline"))
    _explore_options(command("explore", _explore, "try random plans over a scenario or a model, and make small what fails"))
    _shrink_options(command("shrink", _shrink, "make a scenario that breaks a check as small as it gets while it still does"))
    _mutants_options(command("mutants", _mutants, "plant known wrong behaviours in a base, and tell which of them random plans find"))
    _sweep_options(command("sweep", _sweep, "tell when an outage would hurt most: a scenario over a grid of starts and durations"))
    _import_options(command("import", _import, "turn a log of OCPP frames into a journal, and judge what it shows"))
    timeline = command("timeline", _timeline, "tell what happened to chargers, event by event, from a saved journal")
    timeline.add_argument("journal", metavar="JOURNAL", help=_JOURNAL)
    timeline.add_argument(
        "chargers", nargs="*", metavar="CHARGER", default=[], help="a charger or a crowd; all that are not of a crowd by default"
    )
    explain = command("explain", _explain, "tell what a name means, with its source")
    explain.add_argument(
        "name", nargs="+", metavar="NAME",
        help="a check, behaviour, model, metric, fault kind, quirk, scenario, word of a report or a model file, or the path of a file",
    )  # fmt: skip
    listing = command("list", _list, "list what there is")
    groups = "scenarios, models, checks, metrics, faults, quirks or words; all by default"
    listing.add_argument("what", nargs="?", metavar="WHAT", help=groups)
    _doctor_options(command("doctor", _doctor, "tell what there is for live runs, what is missing, and how to get it"))
    lint = command("lint", _lint, "check scenario, model, target and bench files without running them")
    lint.add_argument("files", nargs="+", metavar="FILE")
    new = command("new", _new, "write a commented start of a file")
    new.add_argument("kind", choices=("scenario", "model", "target", "bench"))
    new.add_argument("name", metavar="NAME", help="its name; the file is NAME.yaml")
    schema = command("schema", _schema, "print a JSON Schema, for completion and hover texts in editors")
    schema.add_argument("kind", choices=("scenario", "model", "target", "bench", "result"))
    return parser, dict(below.choices)


def _doctor_options(doctor: argparse.ArgumentParser) -> None:
    doctor.add_argument("--toxiproxy", metavar="URL", help="the API of a Toxiproxy that runs; by default one is started, and stopped again")
    doctor.add_argument("--target", metavar="FILE", help="look at your server, too, which this file tells of")
    doctor.add_argument("--station", metavar="ID", help="with --target: the station that is tried; by default that of a charger anna")
    doctor.add_argument("--bench", metavar="FILE", help="look at the bench of your chargers, too, which this file tells of")


def _gate_options(gate: argparse.ArgumentParser) -> None:
    gate.add_argument("suite", nargs="+", metavar="SCENARIO", help="a file, a folder of them, or the name of a shipped scenario")
    gate.add_argument("--baseline", required=True, metavar="FILE", help="what runs are compared with")
    gate.add_argument(
        "--update", action="store_true", help="write the baseline anew, but for its tolerances; exits with 1 only where it cannot"
    )
    gate.add_argument(
        "--seeds", type=_seeds, default=(), metavar="N..M", help="run each with these seeds, such as 1..5 or 1,7; its own by default"
    )
    gate.add_argument("--strict", action="store_true", help="what fails as the baseline says is a regression, too")
    gate.add_argument("-j", "--jobs", type=_jobs, default=0, metavar="N", help="how many processes; one for each processor by default")
    gate.add_argument(
        "--out", metavar="DIR", help="where the journal and the reports of each run go, into SCENARIO/seed-N; not kept by default"
    )
    gate.add_argument("--junit", metavar="FILE", help="where all runs go as JUnit XML, each with its regressions")


def _explore_options(explore: argparse.ArgumentParser) -> None:
    explore.add_argument(
        "base", metavar="BASE",
        help="a scenario (a file, or a shipped one's name), whose plan and stays are replaced; or a charger model, for three of them",
    )  # fmt: skip
    explore.add_argument("--plans", type=_count, default=1000, metavar="N", help="how many plans; 1000 by default")
    explore.add_argument("--for", type=_time, dest="most_seconds", metavar="TIME", help="end after this time, such as 10min")
    explore.add_argument("--first-failure", action="store_true", help="end once a plan failed")
    explore.add_argument("--first", type=_seed, default=0, metavar="SEED", help="the first seed; 0 by default")
    _set_option(explore)
    _campaign_options(explore)
    explore.add_argument("--out", metavar="DIR", help="where trials, findings and report go; reports/explore/BASE by default")
    explore.add_argument("--save", action="store_true", help="write the findings to scenarios/regressions, too, to be committed")


def _campaign_options(command: argparse.ArgumentParser) -> None:
    _pool_options(command)
    command.add_argument("--shard", default="", metavar="I/N", help="only the I-th of N shares, for a matrix of jobs")


def _pool_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("-j", "--jobs", type=_jobs, default=0, metavar="N", help="how many processes; one for each processor by default")
    command.add_argument("--dask", default="", metavar="ADDRESS", help="have the work done by the Dask cluster there")


def _set_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help="change a value of the file; may be given often"
    )


def _shrink_options(shrink: argparse.ArgumentParser) -> None:
    shrink.add_argument("base", metavar="SCENARIO", help="a file, or the name of a shipped scenario")
    shrink.add_argument("--check", default="", metavar="NAME", help="the check that it is to break; by default the first that fails")
    shrink.add_argument("--seed", type=_seed, metavar="N", help="replaces the scenario's seed")
    _set_option(shrink)
    shrink.add_argument("--out", metavar="FILE", help="where the small one goes; reports/shrunk/SCENARIO-CHECK.yaml by default")
    shrink.add_argument("--save", action="store_true", help="write it to scenarios/regressions instead, to be committed")


def _mutants_options(mutants: argparse.ArgumentParser) -> None:
    mutants.add_argument("base", metavar="BASE", help="a scenario or a charger model, as for explore")
    mutants.add_argument("names", nargs="*", metavar="NAME", help="which wrong behaviours (`harness list quirks`); all by default")
    mutants.add_argument("--plans", type=_count, default=2000, metavar="N", help="how many plans for each; 2000 by default")
    _set_option(mutants)
    _pool_options(mutants)


def _sweep_options(sweep: argparse.ArgumentParser) -> None:
    sweep.add_argument("base", metavar="SCENARIO", help="a file, or the name of a shipped scenario (`harness list scenarios`)")
    sweep.add_argument("--step", default="", metavar="ID", help="the step that is moved; by default the first that takes the server away")
    sweep.add_argument(
        "--starts", default="", metavar="TIMES",
        help="when it begins, by the local clock, such as 17:00..07:00/30min or 18:00,19:30; every half hour of a day by default",
    )  # fmt: skip
    sweep.add_argument(
        "--durations", default="", metavar="TIMES", help="how long it lasts, such as 30min,2h,8h; by default from 5 min to 16 h"
    )
    sweep.add_argument("--x", default="", metavar="PATH=V1,V2,…", help="another axis in place of the starts, its path as --set takes it")
    sweep.add_argument("--y", default="", metavar="PATH=V1,V2,…", help="another axis in place of the durations")
    sweep.add_argument("--seeds", type=_count, default=20, metavar="N", help="run each cell with the seeds 1 to N; 20 by default")
    sweep.add_argument("--metric", default="undelivered_energy", metavar="NAME", help="what is compared (`harness list metrics`)")
    _set_option(sweep)
    sweep.add_argument("--judge", action="store_true", help="count the runs that failed a check, too, which takes longer")
    _campaign_options(sweep)
    sweep.add_argument("--merge", action="append", default=[], metavar="FILE", help="take in the runs that another campaign file keeps")
    sweep.add_argument("--out", metavar="DIR", help="where the reports go; reports/sweeps/SCENARIO by default")
    sweep.add_argument(
        "--campaign", metavar="FILE", help="the file that keeps the runs, so that none is made twice; DIR/sweep.sqlite by default"
    )


def _serve_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("source", metavar="FILE", help="a scenario file, or the name of a shipped one; its chargers are yours, by name")
    serve.add_argument("--bench", metavar="FILE", help="station ids, where to listen, and what does things in the place of a person")
    serve.add_argument("--listen", metavar="HOST:PORT", help="where chargers connect; 127.0.0.1:9000 by default")
    serve.add_argument("--toxiproxy", metavar="URL", default="", help="the API of a Toxiproxy that runs; by default one is started")
    serve.add_argument("--direct", action="store_true", help="without Toxiproxy, and so without network faults")
    serve.add_argument(
        "--ocpp", choices=("1.6", "2.0.1"), default="1.6", help="what those speak whose models say no version; 1.6 by default"
    )
    serve.add_argument("--seed", type=int, metavar="N", help="replaces the scenario's seed")
    serve.add_argument(
        "--set", action="append", default=[], dest="overrides", metavar="PATH=VALUE", help="change a value of the file; may be given often"
    )
    serve.add_argument("--strict", action="store_true", help="contract clauses that were not exercised count")
    serve.add_argument("--out", metavar="DIR", help="where the journal, the frames and the reports go, a folder that holds no other run")


def _import_options(importing: argparse.ArgumentParser) -> None:
    importing.add_argument("log", metavar="LOG", help="a log in the OCPP trace format 1.1 (JSON Lines), plain or gzip")
    importing.add_argument(
        "--out",
        metavar="DIR",
        help="where journal and reports go, a folder that holds no other run; reports/runs/LOG/START-1 by default",
    )
    importing.add_argument(
        "--scenario", metavar="FILE",
        help="models, tariffs, settings and contracts by the chargers' names; without it they are taken for chargers that follow OCPP",
    )  # fmt: skip
    importing.add_argument(
        "--lost", action="append", default=[], metavar="FROM..TO",
        help="when the server was away, in ISO 8601, such as 2026-03-12T19:30Z..2026-03-12T21:30Z; may be given several times. "
        "`inferred`, the default: only what the frames show",
    )  # fmt: skip
    importing.add_argument("--strict", action="store_true", help="contract clauses that were not exercised count")


def _run_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("sources", nargs="+", metavar="SCENARIO", help="a file, or the name of a shipped scenario (`harness list scenarios`)")
    run.add_argument("--seed", type=int, metavar="N", help="the seed of all that is drawn; the file's own by default")
    run.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides",
        help="change a value of the file, such as models.juicebox-40.power_up.boot='1 min'; may be given several times, the last one wins",
    )  # fmt: skip
    run.add_argument("--verify", action="store_true", help="run twice in fresh processes and compare the journals")
    run.add_argument("--strict", action="store_true", help="contract clauses that were not exercised count")
    run.add_argument(
        "--out", metavar="DIR",
        help="where the journal and the reports go, a folder that holds no other run; reports/runs/SCENARIO/START-SEED by default",
    )  # fmt: skip
    run.add_argument(
        "--no-twin", action="store_true",
        help="do not run the scenario again without its faults: differences are not measured, and limits on them stay unknown (exit 5)",
    )  # fmt: skip
    run.add_argument("--simulate-all", action="store_true", help="simulate every message and every attempt instead of computing some")
    live = run.add_argument_group("live", "on the wall clock, with real OCPP clients and a real WebSocket server, through Toxiproxy")
    live.add_argument("--live", action="store_true", help="run live instead of simulated")
    live.add_argument(
        "--parity", action="store_true", help="run live with idle time skipped, and simulated, and say whether the two agree; exit 1 if not"
    )
    live.add_argument("--speed", type=_speed, metavar="N", help="scenario time passes N times as fast as the wall clock; 1 by default")
    live.add_argument("--skip-idle", action="store_true", help="skip the time in which nothing is under way")
    live.add_argument("--toxiproxy", metavar="URL", help="the API of a Toxiproxy that runs; by default one is started for the run")
    live.add_argument("--direct", action="store_true", help="without Toxiproxy, and so without network faults")
    live.add_argument("--target", metavar="FILE", help="run against your server, which this file tells of")
    live.add_argument("--ledger", metavar="FILE", help="with --target: the transactions in your server's books, as CSV or JSON")
    live.add_argument("--i-own-this-server", action="store_true", help="with --target: load a server on another machine with many chargers")
    live.add_argument(
        "--ocpp", choices=("1.6", "2.0.1"), help="what those chargers speak whose models speak another language; 1.6 by default"
    )


def _speed(text: str) -> float:
    from harness.stage.live.options import FASTEST, Live

    try:
        return Live(speed=float(text)).speed
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number over 0 and up to {FASTEST}") from None


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_JOBS:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 1 to {_MOST_JOBS}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_PLANS:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 1 to {_MOST_PLANS}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) > _MOST_SEED:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 0 to {_MOST_SEED}")
    return int(text)


def _time(text: str) -> float:
    from harness.units import UnitError, parse_duration_ms

    try:
        return parse_duration_ms(text) / 1000
    except UnitError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _seeds(text: str) -> Sequence[int]:
    """``1..5``, ``1,7`` or both mixed."""
    found: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        if not first.isdecimal() or (dots and not last.isdecimal()) or not 0 <= int(last or first) - int(first) < _MOST_SEEDS:
            raise argparse.ArgumentTypeError(f"found {text!r}, expected such as 1..5 or 1,7, rising, at most {_MOST_SEEDS} at once")
        found += range(int(first), int(last or first) + 1)
    return found


def _live(arguments: argparse.Namespace) -> Live | None:
    """How to run live, as the options say."""
    from harness.stage.live.options import Live

    given = {
        "--speed": arguments.speed is not None, "--skip-idle": arguments.skip_idle, "--toxiproxy": arguments.toxiproxy is not None,
        "--direct": arguments.direct, "--ocpp": arguments.ocpp is not None,
        "--target": arguments.target is not None, "--ledger": arguments.ledger is not None,
        "--i-own-this-server": arguments.i_own_this_server,
    }  # fmt: skip
    if not (arguments.live or arguments.parity):
        for option, is_given in given.items():
            if is_given:
                raise _UsageError(f"{option} is of live runs: say --live, too")
        return None
    for option, is_given in (("--verify", arguments.verify), ("--simulate-all", arguments.simulate_all)):
        if is_given:
            raise _UsageError(f"{option} is of simulated runs, and this one is --live")
    if arguments.toxiproxy == "":
        raise _UsageError("--toxiproxy is empty: expected such as http://127.0.0.1:8474, or leave it out")
    if arguments.direct and arguments.toxiproxy:
        raise _UsageError("--direct is without Toxiproxy, and --toxiproxy says where it is: say one of them")
    if arguments.target is None:
        for option in ("--ledger", "--i-own-this-server"):
            if given[option]:
                raise _UsageError(f"{option} is of runs against your server: say --target FILE, too")
    elif arguments.parity or arguments.speed or arguments.skip_idle:
        raise _UsageError("your server's time is the wall clock's: --target goes with neither --parity nor --speed nor --skip-idle")
    return Live(
        speed=arguments.speed or 1,
        skip_idle=arguments.skip_idle,
        toxiproxy=arguments.toxiproxy or "",
        direct=arguments.direct,
        ocpp=arguments.ocpp or "1.6",
        target=arguments.target or "",
        ledger=arguments.ledger or "",
        i_own_this_server=arguments.i_own_this_server,
    )


def _run(arguments: argparse.Namespace) -> int:
    arguments.live = _live(arguments)
    with _StoppedPolitely():
        return _run_all(arguments)


class _StoppedPolitely:
    """A CI service that cancels a job, or a terminal that closes, interrupts like Ctrl-C: the reports tell what there was by then."""

    def __enter__(self) -> None:
        import signal

        numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        try:
            self._before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
        except ValueError:  # not the main thread, whose matter signals are
            self._before = {}

    def __exit__(self, *_: object) -> None:
        import signal

        for number, handler in self._before.items():
            signal.signal(number, handler)


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
        _complain(str(doubt), prefix=False)
    try:
        with _Progress(source) as progress:
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
        _complain(f"{', '.join(lost)}: a limit on the difference from a run without the faults, which --no-twin left out; run without it")


def _check(arguments: argparse.Namespace) -> int:
    from harness import api
    from harness.journal.reader import Journal

    run = api.judge(arguments.journal, strict=arguments.strict, ledger=arguments.ledger or "")
    _print_run(run)
    if run.verdict == "interrupted":
        _complain(f"this journal was cut off: {Journal(arguments.journal).cut}")
    return run.exit_code


def _report(arguments: argparse.Namespace) -> int:
    from harness import reporting

    given = {"out": arguments.out, "strict": arguments.strict, "ledger": arguments.ledger or ""}
    if arguments.postmortem and arguments.baseline:
        raise _UsageError("--baseline is of the page, and --postmortem is asked for")
    if arguments.postmortem:
        _say(str(reporting.postmortem(arguments.journal, **given)))
    else:
        _say(str(reporting.html_report(arguments.journal, **given, baseline=arguments.baseline or "")))
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from harness.comparing import compare
    from harness.report import changes

    found = compare(arguments.before, arguments.after)
    if arguments.format == "html":
        from harness.report.html.changes import render

        _say(render(found).decode())
    elif arguments.format == "markdown":
        _say(changes.render(found))
    else:
        _print(changes.lines(found))
    return found.exit_code


def _gate(arguments: argparse.Namespace) -> int:
    from harness.gating import gate
    from harness.report import gate as report

    with _StoppedPolitely(), _Progress("gate") as progress:
        found = gate(
            arguments.suite, arguments.baseline, seeds=arguments.seeds, update=arguments.update, strict=arguments.strict,
            jobs=arguments.jobs, out=arguments.out, junit=arguments.junit, progress=progress if sys.stderr.isatty() else None,
        )  # fmt: skip
    _print(report.lines(found))
    _tell_github(found)
    return found.exit_code


def _explore(arguments: argparse.Namespace) -> int:
    from harness.exploring import REPORT_NAME, explore
    from harness.report import exploration as report

    given = {name: value for name, value in vars(arguments).items() if name not in ("base", "command", "debug", "run")}
    try:
        with _StoppedPolitely(), _Progress("explore", things="plans") as progress:
            found = explore(arguments.base, **given, progress=progress if sys.stderr.isatty() else None)
    except KeyboardInterrupt:
        _complain("interrupted; what was tried is kept, and the same command goes on from there")
        return INTERRUPTED
    _print(report.lines(found))
    _say(os.path.join(found.folder, REPORT_NAME))
    return found.exit_code


def _shrink(arguments: argparse.Namespace) -> int:
    from harness.exploring import shrink
    from harness.report import exploration as report

    if arguments.save and arguments.out:
        raise _UsageError("--save says where the scenario goes, and so does --out: say one of them")
    given = {name: value for name, value in vars(arguments).items() if name not in ("base", "command", "debug", "run")}
    with _StoppedPolitely():
        found = shrink(arguments.base, **given)
    _print(report.shrunk_lines(found.check, found.steps, found.chargers, found.smallest))
    _say(found.file)
    return 0


def _mutants(arguments: argparse.Namespace) -> int:
    from harness.exploring import mutants
    from harness.report import exploration as report

    given = {name: value for name, value in vars(arguments).items() if name not in ("base", "command", "debug", "run")}
    with _StoppedPolitely(), _Progress("mutants", things="wrong behaviours") as progress:
        found = mutants(arguments.base, **given, progress=progress if sys.stderr.isatty() else None)
    _print(report.mutant_lines(found))
    return int(any(outcome.standing == "survived" for outcome in found))


def _sweep(arguments: argparse.Namespace) -> int:
    from harness.report import sweep as report
    from harness.sweeping import REPORTS, sweep

    given = {name: value for name, value in vars(arguments).items() if name not in ("base", "command", "debug", "run")}
    try:
        with _StoppedPolitely(), _Progress("sweep", things="runs") as progress:
            found = sweep(arguments.base, **given, progress=progress if sys.stderr.isatty() else None)
    except KeyboardInterrupt:
        _complain("interrupted; what was run is kept, and the same command goes on from there")
        return INTERRUPTED
    if found.grid is None:
        _say(f"{found.made} runs made and kept in {found.campaign}; {found.lacking} of the sweep are left to other shares")
        return 0
    _print(report.lines(found.grid))
    for name in REPORTS:
        _say(str(found.folder / name))
    return 0


def _tell_github(found: Gate) -> None:
    """Inside GitHub Actions: annotations in the log, and the job's summary. What cannot be told there changes no verdict."""
    from harness.report import gate as report

    if os.environ.get("GITHUB_ACTIONS") and found.exit_code:
        for line in report.workflow_commands(found, os.environ.get("GITHUB_WORKSPACE") or os.getcwd()):
            _put(sys.stdout, line, commands=True)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with open(summary, "a", encoding="utf-8") as file:
                file.write(report.render(found))
        except OSError as problem:
            _complain(f"the job's summary could not be written: {problem.strerror}: {summary}")


def _import(arguments: argparse.Namespace) -> int:
    from harness import api

    run = api.import_log(
        arguments.log, out=arguments.out, keep=True, scenario=arguments.scenario, lost=arguments.lost, strict=arguments.strict,
        warn=lambda text: _complain(text, prefix=False),
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
            raise _UsageError(f"found {arguments.listen} as --listen, expected a host and a port such as 192.168.1.5:9000") from None
    if arguments.direct and arguments.toxiproxy:
        raise _UsageError("--direct is without Toxiproxy, and --toxiproxy says where it is: say one of them")
    live = Live(
        bench=bench, ask=_ask, say=_tell, toxiproxy=arguments.toxiproxy, direct=arguments.direct, ocpp=arguments.ocpp
    )  # fmt: skip
    with _StoppedPolitely():
        try:
            run = api.run(
                arguments.source, out=arguments.out, keep=True, seed=arguments.seed, overrides=arguments.overrides, strict=arguments.strict,
                live=live,
            )  # fmt: skip
        except api.Interrupted as interruption:
            # What chargers did comes out at the end of a run, so its journal holds next to nothing; the frames are there.
            frames = interruption.run.journal.parent / api.FRAMES_NAME
            _complain(f"interrupted; `harness import {frames} --scenario {arguments.source}` judges what came until then")
            return INTERRUPTED
    _print_run(run)
    return run.exit_code


def _tell(text: str) -> None:
    """Tell the person at the bench something."""
    _say(f"» {text}")
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _mute(sys.stdout)


def _ask(text: str) -> bool:
    """Have the person at the bench do something. Enter: done; anything else, or nobody there: skipped."""
    _tell(f"{text}, then press Enter (s and Enter: skip)")
    answer = sys.stdin.readline()
    return answer == "\n"


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
        raise _UsageError(f"{scenario.name} has no charger `{name}`{_did_you_mean(name, known)}") from None
    if not names:
        raise _UsageError(f"all chargers of {scenario.name} belong to a crowd: name one, such as `{scenario.names()[0]}`")
    for line in (*timeline.head(scenario, journal.live, names), ""):
        _say(line)
    for line in timeline.lines(scenario, journal.records(), names):
        _say(line)
    if not journal.complete:
        _complain(f"this journal was cut off: {journal.cut}")
        return INTERRUPTED
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    from harness import catalogue

    width = min(_width(), 100)
    together = " ".join(arguments.name)  # the four behaviours are names of several words
    texts = [catalogue.explain(together, width=width)]
    names = [together]
    if texts == [None]:
        names = arguments.name
        texts = [catalogue.explain(name, width=width) for name in names]
    for name, text in zip(names, texts, strict=True):
        if text is None:
            raise _UsageError(f"nothing is called `{name}`{_did_you_mean(name, catalogue.all_names())}; see `harness list`")
    _say("\n\n".join(text for text in texts if text))
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from harness import catalogue

    groups = catalogue.groups()
    if arguments.what is not None and arguments.what not in groups:
        near = _did_you_mean(arguments.what, groups)
        raise _UsageError(f"nothing to list called `{arguments.what}`{near} (there are {', '.join(groups)})")
    wanted = [arguments.what] if arguments.what else list(groups)
    for number, group in enumerate(wanted):
        entries = groups[group]()
        if len(wanted) > 1:
            _say(("\n" if number else "") + group)
        column = max(map(len, entries), default=0)
        for name, text in entries.items():
            _say(_entry(name, text, column))
    return 0


def _entry(name: str, text: str, column: int) -> str:
    """A name and what it means: broken to the width of a terminal, in one line for a pipe, where each line is to be a name."""
    line = f"  {name:{column}}  {text}"
    if not sys.stdout.isatty():
        return line
    import textwrap

    indent = " " * (column + 4 if column + 4 < _width() // 2 else 6)
    return textwrap.fill(line, _width(), subsequent_indent=indent, break_on_hyphens=False)


def _doctor(arguments: argparse.Namespace) -> int:
    from harness import doctor
    from harness.report.terminal import MARKS

    if arguments.station and not arguments.target:
        raise _UsageError("--station is tried at your server: say --target FILE, too")
    found = []
    looked_at = {"toxiproxy": arguments.toxiproxy, "target": arguments.target, "station": arguments.station, "bench": arguments.bench}
    for one in doctor.diagnose(**looked_at):
        _print([((f"{MARKS[one.mark]} ", one.mark), (one.text, "")), *(((f"    {way}", ""),) for way in one.advice)])
        found.append(one)
    if doctor.can_run(found):
        _print([(("Live runs can be made.", "pass"),)])
        return 0
    _print([(("Live runs cannot be made as it is: see what is marked ✗.", "fail"),)])
    return INVALID


def _lint(arguments: argparse.Namespace) -> int:
    from harness import scenario
    from harness.units import counted

    problems = [problem for file in arguments.files for problem in scenario.lint(Path(file))]
    for problem in problems:
        _say(str(problem))
    failed = sum(problem.severity == "fail" for problem in problems)
    if not problems:
        _say(f"{counted(len(arguments.files), 'files')}: nothing to complain about")
    return USAGE_ERROR if failed else 0


def _new(arguments: argparse.Namespace) -> int:
    from harness import scenario

    path = Path(arguments.name)
    path = path if path.suffix == ".yaml" else path.with_name(f"{path.name}.yaml")
    try:
        text = scenario.new(arguments.kind, path.stem)
    except ValueError as problem:
        raise _UsageError(str(problem)) from None
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _UsageError(f"{path} exists already; nothing was written") from None
    _say(f"wrote {path}; check it with `harness lint {path}`")
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    import json

    if arguments.kind == "result":
        from harness.report import document

        found: dict[str, Any] = document.schema()
    else:
        from harness import scenario

        found = scenario.schema(arguments.kind)
    _say(json.dumps(found, indent=2))
    return 0


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _print_run(run: Run) -> None:
    from harness.report import terminal

    _print(terminal.lines(run.outcome, width=_width()))


def _print_brief(source: str, run: Run | None) -> None:
    """One of several runs: a line and where its reports are, and where it did not pass what to look at."""
    from harness.report import terminal

    _print(terminal.brief(run.outcome, width=_width()) if run else [terminal.missing(source)])


def _print_total(runs: Sequence[Run], wanted: int) -> None:
    from harness.report import terminal

    _print([terminal.total([run.outcome for run in runs], wanted)])


def _width() -> int:
    """The width of the terminal; into a pipe one that is read well in the log of a job."""
    if not sys.stdout.isatty():
        return 120
    import shutil

    return max(40, min(shutil.get_terminal_size().columns, 120))


def _print(lines: Iterable[Line]) -> None:
    """Print styled lines: with colours on a terminal, else as plain text."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        for line in lines:
            _say("".join(text for text, _ in line).rstrip())
        return
    from rich.console import Console
    from rich.text import Text

    from harness.report.line import COLOURS

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        try:
            console.print(Text.assemble(*((_clean(text), COLOURS.get(style, "")) for text, style in line)))
        except BrokenPipeError:
            _mute(sys.stdout)


def _say(text: str) -> None:
    _put(sys.stdout, text)


def _complain(text: str, *, prefix: bool = True) -> None:
    _put(sys.stderr, f"harness: {text}" if prefix else text)


def _clean(text: str) -> str:
    """Text that may come from a file, without what a terminal would obey: an escape sequence could paint another verdict."""
    from harness.report.escape import printable

    return printable(text)


def _put(stream: TextIO, text: str, *, commands: bool = False) -> None:
    """Print, whatever the stream can encode, and whether or not anybody still reads it: what a command found out is its exit code.

    ``commands``: the text is a command to a CI service, which text of others never is.
    """
    from harness.report.escape import logged

    text = _clean(text) if commands else logged(_clean(text))
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, plain in (("✓", "+"), ("✗", "x"), ("–", "-"), ("…", "..."), ("→", "->")):
            text = text.replace(sign, plain)
        text = text.encode(encoding, "replace").decode(encoding)
    try:
        print(text, file=stream)
    except BrokenPipeError:
        _mute(stream)


def _mute(stream: TextIO) -> None:
    """Whoever read our output is gone: let nothing more be written there, not even by the interpreter's end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _mend_streams() -> None:
    """A stream that was closed before the start is None: what is printed there is lost, and that is all."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _explain_failure(problem: Exception) -> int:
    """One clear line for what went wrong; returns the exit code."""
    if isinstance(problem, _UsageError):
        _complain(str(problem))
        return USAGE_ERROR
    if isinstance(problem, OSError):
        place = f": {problem.filename}" if problem.filename else ""
        _complain(f"{problem.strerror or problem}{place}")
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
        _complain(f"the experiment did not happen: {problem}")
        return INVALID
    if isinstance(problem, ScenarioError):
        _complain(str(problem), prefix=False)
        return USAGE_ERROR
    if isinstance(problem, JournalError | TraceError | LostError | BooksError | ResultError | CampaignError | PoolError):
        _complain(str(problem))
        return USAGE_ERROR
    if isinstance(problem, NotRepeatableError):
        _complain(f"{problem}\nThis is a defect of the harness: please report it with these lines and the scenario.")
        return INTERNAL_ERROR
    return _crashed(problem)


def _crashed(problem: Exception) -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="harness-error-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(f"harness {__version__}, python {sys.version}\n{sys.argv}\n\n")
        traceback.print_exception(problem, file=file)
    _complain(
        f"internal error: {type(problem).__name__}: {problem}. This is a defect of the harness: please report it with {file.name}"
        " and the scenario (--debug shows the traceback here)"
    )
    return INTERNAL_ERROR


class _Progress:
    """A bar on standard error for runs of more than a second, on a terminal; gone once its ``with`` is left."""

    _PATIENCE_S = 1.0
    _EVERY_S = 0.1

    def __init__(self, source: str, *, things: str = "") -> None:
        """``things``: what is counted, where it is not time, such as ``runs``; then it tells how many of them are made in a second, too."""
        import time

        self._source = source
        self._things = things
        self._now = time.monotonic
        self._bar: Any = None
        self._task: Any = None
        self._begun = self._now()
        self._due = self._begun + self._PATIENCE_S

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, now_ms: int, end_ms: int) -> None:
        now = self._now()
        if now < self._due:
            return
        self._due = now + self._EVERY_S
        if self._bar is None:
            self._start()
        rate = f"{now_ms} of {end_ms} {self._things}, {now_ms / (now - self._begun):.0f} a second" if self._things else ""
        self._bar.update(self._task, completed=now_ms, total=end_ms, rate=rate)

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("left"))
        counted = (TextColumn("{task.fields[rate]}"),) if self._things else ()
        self._bar = Progress(*columns, *counted, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self._source, total=None, rate="")
        self._bar.start()
