"""The options of the commands, and how their values are read."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.console import UsageError

if TYPE_CHECKING:
    from harness.stage.live.options import Live

_MOST_JOBS = 1024
_MOST_SEEDS = 10_000
_MOST_PLANS = 10_000_000
_MOST_SEED = 2**52


def doctor_options(doctor: argparse.ArgumentParser) -> None:
    """Those of `harness doctor`."""
    doctor.add_argument("--toxiproxy", metavar="URL", help="the API of a Toxiproxy that runs; by default one is started, and stopped again")
    doctor.add_argument("--target", metavar="FILE", help="look at your server, too, which this file tells of")
    doctor.add_argument("--station", metavar="ID", help="with --target: the station that is tried; by default that of a charger anna")
    doctor.add_argument("--bench", metavar="FILE", help="look at the bench of your chargers, too, which this file tells of")


def gate_options(gate: argparse.ArgumentParser) -> None:
    """Those of `harness gate`."""
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


def guide_options(guide: argparse.ArgumentParser) -> None:
    """Those of `harness guide`."""
    guide.add_argument(
        "models", nargs="*", metavar="MODEL", default=[],
        help="a shipped charger model, by name, or the file of your own; all shipped ones by default",
    )  # fmt: skip
    guide.add_argument("--out", metavar="DIR", default="reports", help="where guide.html and guide.md go; reports by default")


def explore_options(explore: argparse.ArgumentParser) -> None:
    """Those of `harness explore`."""
    explore.add_argument(
        "base", metavar="BASE",
        help="a scenario (a file, or a shipped one's name), whose plan and stays are replaced; or a charger model, for three of them",
    )  # fmt: skip
    explore.add_argument(
        "--plans", type=_count, default=1000, metavar="N", help="how many plans, those of all shares together; 1000 by default"
    )
    explore.add_argument("--for", type=_time, dest="most_seconds", metavar="TIME", help="end after this time, such as 10min")
    explore.add_argument("--first-failure", action="store_true", help="end once a plan failed")
    explore.add_argument("--first", type=_seed, default=0, metavar="SEED", help="the first seed; 0 by default")
    _set_option(explore)
    _campaign_options(explore)
    explore.add_argument("--out", metavar="DIR", help="where trials, findings and report go; reports/explore/BASE by default")
    explore.add_argument(
        "--save", action="store_true", help="write the findings to scenarios/regressions, too, to be committed; over no file"
    )


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


def shrink_options(shrink: argparse.ArgumentParser) -> None:
    """Those of `harness shrink`."""
    shrink.add_argument("base", metavar="SCENARIO", help="a file, or the name of a shipped scenario")
    shrink.add_argument(
        "--check", default="", metavar="NAME", help="the check that it is to break, no limit; by default the first that fails"
    )
    shrink.add_argument("--seed", type=_seed, metavar="N", help="replaces the scenario's seed")
    _set_option(shrink)
    shrink.add_argument("--out", metavar="FILE", help="where the small one goes; reports/shrunk/SCENARIO-CHECK.yaml by default")
    shrink.add_argument("--save", action="store_true", help="write it to scenarios/regressions instead, to be committed; over no file")


def mutants_options(mutants: argparse.ArgumentParser) -> None:
    """Those of `harness mutants`."""
    mutants.add_argument("base", metavar="BASE", help="a scenario or a charger model, as for explore")
    mutants.add_argument(
        "names", nargs="*", metavar="NAME", default=[], help="which wrong behaviours (`harness list mutants`); all by default"
    )
    mutants.add_argument("--plans", type=_count, default=2000, metavar="N", help="how many plans for each; 2000 by default")
    _set_option(mutants)
    _pool_options(mutants)
    mutants.add_argument("--out", metavar="DIR", help="where outcomes, smallest scenarios and report go; reports/mutants/BASE by default")


def sweep_options(sweep: argparse.ArgumentParser) -> None:
    """Those of `harness sweep`."""
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
    sweep.add_argument("--out", metavar="DIR", help="where the reports go; a folder of this sweep below reports/sweeps/SCENARIO by default")
    sweep.add_argument(
        "--campaign", metavar="FILE",
        help="the file that keeps the runs, so that none is made twice; reports/sweeps/SCENARIO/runs.sqlite or DIR/runs.sqlite by default",
    )  # fmt: skip


def serve_options(serve: argparse.ArgumentParser) -> None:
    """Those of `harness serve`."""
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


def import_options(importing: argparse.ArgumentParser) -> None:
    """Those of `harness import`."""
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


def run_options(run: argparse.ArgumentParser) -> None:
    """Those of `harness run`."""
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


def live_of(arguments: argparse.Namespace) -> Live | None:
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
                raise UsageError(f"{option} is of live runs: say --live, too")
        return None
    for option, is_given in (("--verify", arguments.verify), ("--simulate-all", arguments.simulate_all)):
        if is_given:
            raise UsageError(f"{option} is of simulated runs, and this one is --live")
    if arguments.toxiproxy == "":
        raise UsageError("--toxiproxy is empty: expected such as http://127.0.0.1:8474, or leave it out")
    if arguments.direct and arguments.toxiproxy:
        raise UsageError("--direct is without Toxiproxy, and --toxiproxy says where it is: say one of them")
    if arguments.target is None:
        for option in ("--ledger", "--i-own-this-server"):
            if given[option]:
                raise UsageError(f"{option} is of runs against your server: say --target FILE, too")
    elif arguments.parity or arguments.speed or arguments.skip_idle:
        raise UsageError("your server's time is the wall clock's: --target goes with neither --parity nor --speed nor --skip-idle")
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
