"""Time zones from the pinned ``tzdata`` package and never from the machine, so that a run is the same everywhere."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")


def zone_names() -> list[str]:
    """The names of all zones."""
    return (_data() / "zones").read_text(encoding="ascii").split()


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises KeyError where there is none."""
    if not _NAME.fullmatch(name):
        raise KeyError(name)
    try:
        with _data().joinpath("zoneinfo", *name.split("/")).open("rb") as stream:
            return ZoneInfo.from_file(stream, key=name)
    except (OSError, ValueError):
        raise KeyError(name) from None


@cache
def _data() -> Path:
    """Where the ``tzdata`` package lies; looked up by its name, since it has nothing to import."""
    spec = find_spec("tzdata")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("the package tzdata, which harness requires, is not installed")
    return Path(spec.submodule_search_locations[0])
