"""Commands of a target file or of a bench: run without a shell, and never longer than they may take."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

COMMAND_S = 60.0
"""How long a command may take."""
OPERATION_S = 15.0
"""How long a driver waits for the app."""
TIMED_OUT = -1000
"""The exit code of a command that was ended because it took too long."""


class Ended(NamedTuple):
    """What came of a command."""

    code: int
    printed: str
    complaint: str

    @property
    def how(self) -> str:
        """How it failed, in words."""
        why = (self.complaint or self.printed).strip()[-200:]
        return why if self.code == TIMED_OUT else f"ended with {self.code}: {why}"


async def run(words: Sequence[str], patience_s: float) -> Ended:
    """Run a command; it never outlives its time."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as problem:
        return Ended(127, "", problem.strerror or str(problem))
    try:
        async with asyncio.timeout(patience_s):
            printed, complaint = await process.communicate()
    except TimeoutError:
        return Ended(TIMED_OUT, "", f"did not end within {patience_s:g} s")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ended(process.returncode or 0, printed.decode(errors="replace"), complaint.decode(errors="replace"))
