"""From the tree of a scenario file to the resolved :class:`~harness.values.Scenario`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from harness.scenario.calendar import Calendar, ClockError, resolve
from harness.scenario.expectations import ExpectReader
from harness.scenario.fleet import FleetReader, model_name
from harness.scenario.forms import FAILED, Part, read
from harness.scenario.layout import SCENARIO
from harness.scenario.models import Library
from harness.scenario.nodes import Node
from harness.scenario.plan import PlanReader
from harness.scenario.problems import Problems
from harness.units import WallTime
from harness.values import Expect, Scenario, ServerModel, Supply
from harness.zones import zone

DEFAULT_SEED = 1
_FALLBACK_MS = 86_400_000


class Resolution:
    """A scenario file as far as it could be read: the value where all is right, and what linting looks at."""

    def __init__(self, root: Node, name: str, folder: Path) -> None:
        self.problems = Problems()
        self.library = Library(self.problems)
        self.library.folders[root.file] = folder
        self.scenario: Scenario | None = None
        self.part: Part | None = None
        self.plan: PlanReader | None = None
        self.season_ends: set[tuple[int, int]] = set()
        part = read(SCENARIO, root, self.problems, "the scenario")
        if part is not FAILED:
            self.part = part
            self.scenario = self._resolve(part, name)

    def _resolve(self, part: Part, name: str) -> Scenario | None:
        patches: dict[str, Node] = part.get("models", {})
        self.library.patches = patches
        supply: Supply | None = part.get("supply")
        if supply is not None and supply.voltage_v < 1:
            node = part.node.at("supply", "voltage")
            self.problems.add(node, "`voltage` is not right", found=node.shown, expected="more than nothing")
        calendar = self._calendar(part)
        duration_ms: int = part.get("duration", _FALLBACK_MS)
        server = self._server(part)
        fleet = FleetReader(part, self.library, calendar, duration_ms, server).read()
        for patch in patches:
            self._check_patch(patch)
        unread = {*part.node.at("chargers").entries, *part.node.at("circuits").entries} if "chargers" in part.node.entries else set()
        self.season_ends = fleet.season_ends
        roster = fleet.roster()
        known = unread - {*roster.entries, *roster.circuits}
        self.plan = PlanReader(part.get("plan", ()), self.problems, calendar=calendar, roster=roster, server=server, known=known)
        steps = self.plan.read()
        expect = Expect()
        if "expect" in part:
            currency = next((tariff.currency for tariff in fleet.tariffs.values()), "")
            expect = ExpectReader(self.plan, self.problems, currency).read(part.get("expect"))
        if self.problems.any or server is None:
            return None
        return Scenario(
            name=name,
            title=part.get("title"),
            why=part.get("why", "").strip(),
            start=datetime.fromtimestamp(calendar.start_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            zone=part.get("zone"),
            duration_ms=duration_ms,
            seed=part.get("seed", DEFAULT_SEED),
            server=server,
            supply=part.get("supply"),
            networks=fleet.networks,
            models=fleet.models,
            vehicles=fleet.vehicles,
            tariffs=fleet.tariffs,
            drivers=fleet.drivers,
            local_days=calendar.local_days(duration_ms),
            chargers=tuple(fleet.entries),
            circuits=tuple(fleet.circuits),
            plan=steps,
            expect=expect,
        )

    def _calendar(self, part: Part) -> Calendar:
        """The run's calendar; where zone or start are wrong some calendar, so that the rest of the file is still checked."""
        tz = zone(part.get("zone", "UTC"))
        start: WallTime | None = part.get("start")
        if start is not None and start.on is not None:
            try:
                return Calendar(tz, resolve(start.on, start, tz))
            except ClockError as error:
                self.problems.add(part.at("start"), str(error), found=part.at("start").shown, expected=error.expected)
        return Calendar(zone("UTC"), resolve(date(2026, 1, 1), WallTime(0), zone("UTC")))

    def _server(self, part: Part) -> ServerModel | None:
        reference: Node | None = part.get("server")
        tree = None if reference is None else self.library.tree("server", reference)
        if tree is None or reference is None:
            return None
        value: Any = self.library.value("server", tree, model_name(reference, "scenario"))
        return value if isinstance(value, ServerModel) else None

    def _check_patch(self, name: str) -> None:
        """A change to a model that no charger uses is still checked, so that its errors show."""
        if name in self.library.used_patches:
            return
        patch = self.library.patches[name]
        tree = self.library.tree("charger", Node("scalar", patch.file, patch.line, patch.column, text=name))
        self.library.used_patches.discard(name)
        if tree is not None:
            self.library.value("charger", tree, name)
