"""How to run live, as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.values import Bench, LiveRun, Scenario, Target

FASTEST = 1000
"""The most that a live run's speed can be; what its timeouts allow is less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """How to run live: each virtual charger a real OCPP client, a real server at the other end, Toxiproxy between them."""

    speed: float = 1
    """Scenario time passes so many times as fast as the wall clock: timeouts, toxics and the server's clock too."""
    skip_idle: bool = False
    """Time in which nothing is under way is skipped: no frame, no attempt, no toxic being put on."""
    toxiproxy: str = ""
    """The address of the API of a Toxiproxy that runs; empty: one is started for the run."""
    direct: bool = False
    """Nothing lies between chargers and server: no Toxiproxy, and no network faults."""
    ocpp: Literal["1.6", "2.0.1"] = "1.6"
    """What those chargers speak whose models speak another language than OCPP."""
    target: str | Path | Target = ""
    """Your server, by its target file; empty: the embedded server."""
    ledger: str | Path = ""
    """A file with the transactions in your server's books, read at the end of the run."""
    i_own_this_server: bool = False
    """More than one charger may connect to a server on another machine."""
    bench: str | Path | Bench = ""
    """Your chargers, by the file of their bench; empty: virtual chargers."""
    ask: Callable[[str], bool] | None = None
    """Has the person at the bench do something; returns whether it was done. Called in a thread of its own, and may take its time. None:
    nobody is there."""
    say: Callable[[str], None] | None = None
    """Tells the person at the bench something."""

    def __post_init__(self) -> None:
        """Raises :class:`ValueError` for what no run can be."""
        if not isinstance(self.speed, int | float) or not 0 < self.speed <= FASTEST:
            raise ValueError(f"found {self.speed!r} as speed, expected a number over 0 and up to {FASTEST}")
        if self.ocpp not in ("1.6", "2.0.1"):
            raise ValueError(f"found {self.ocpp!r} as ocpp, expected 1.6 or 2.0.1")
        if self.direct and self.toxiproxy:
            raise ValueError("direct is without Toxiproxy, and toxiproxy says where it is: give one of them")
        if self.target and (self.speed != 1 or self.skip_idle):
            raise ValueError("your server's time is the wall clock's: speed and skip_idle are of runs without a target")
        if self.bench and (self.target or self.speed != 1 or self.skip_idle):
            raise ValueError("your chargers' time is the wall clock's, and their server is the embedded one: no target, speed or skip_idle")
        if (self.ledger or self.i_own_this_server) and not self.target:
            raise ValueError("ledger and i_own_this_server are of runs with a target")

    @property
    def yours(self) -> Target | None:
        """Your server, once its file has been read."""
        return self.target if isinstance(self.target, Target) else None

    @property
    def at_bench(self) -> Bench | None:
        """The bench of your chargers, once its file has been read."""
        return self.bench if isinstance(self.bench, Bench) else None

    def of(self, scenario: Scenario) -> LiveRun:
        """What the journal of a scenario's run says of it."""
        protocols = tuple(sorted({scenario.models[entry.model].protocol for entry in scenario.chargers}))
        through: Literal["nothing", "toxiproxy"] = "nothing" if self.direct else "toxiproxy"
        target = self.yours
        bench = self.at_bench
        if bench is not None:
            stations = {name: bench.station_of(name) for name in scenario.names()}
            return LiveRun(
                speed=1, skipped_idle=False, through=through, protocols=protocols, peer="your charger", stations=stations
            )  # fmt: skip
        if target is None:
            return LiveRun(speed=self.speed, skipped_idle=self.skip_idle, through=through, protocols=protocols)
        return LiveRun(
            speed=1, skipped_idle=False, through=through, protocols=protocols, peer="your server", target=target.name,
            stations=target.stations(scenario.names()), books=bool(self.ledger or target.books),
        )  # fmt: skip
