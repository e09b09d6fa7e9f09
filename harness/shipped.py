"""Where the models and scenarios lie that come with the package.

Installed from a wheel they are data beside this module, in ``content/models`` and ``content/scenarios``; in a checkout they are the
folders ``models`` and ``scenarios`` at its root.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

ModelKind = Literal["charger", "server", "network", "vehicle", "tariff", "driver"]

FOLDERS: dict[ModelKind, str] = {
    "charger": "chargers",
    "server": "servers",
    "network": "networks",
    "vehicle": "vehicles",
    "tariff": "tariffs",
    "driver": "drivers",
}
"""A kind of model → its folder."""

LIVE: Literal["live"] = "live"
"""The folder of the scenarios that are short and need nothing of their server but OCPP."""


@cache
def content_dir() -> Path:
    """The folder that holds ``models`` and ``scenarios``."""
    package = Path(__file__).resolve().parent
    installed = package / "content"
    return installed if installed.is_dir() else package.parent


def models_dir(kind: ModelKind) -> Path:
    """The folder of the shipped models of a kind."""
    return content_dir() / "models" / FOLDERS[kind]


def scenarios_dir() -> Path:
    """The folder of the shipped scenarios."""
    return content_dir() / "scenarios"


def model_path(kind: ModelKind, name: str) -> Path | None:
    """The file of a shipped model, or None where there is none of that name."""
    return _file(models_dir(kind), name)


def scenario_path(name: str) -> Path | None:
    """The file of a shipped scenario, or None where there is none of that name."""
    folder, _, own = name.rpartition("/")
    return _file(scenarios_dir() / folder, own) if folder in ("", LIVE) else None


def model_names(kind: ModelKind) -> list[str]:
    """The names of the shipped models of a kind, sorted."""
    return _names(models_dir(kind))


def scenario_names(folder: Literal["", "live"] = "") -> list[str]:
    """The names of the shipped scenarios, sorted; in ``live`` are those made for a run against a server of somebody's own."""
    return [f"{folder}/{name}" if folder else name for name in _names(scenarios_dir() / folder)]


def _file(folder: Path, name: str) -> Path | None:
    if not name or "/" in name or "\\" in name or name.startswith("."):
        return None
    path = folder / f"{name}.yaml"
    return path if path.is_file() else None


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))
