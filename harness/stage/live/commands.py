"""Commands of a target file or of a bench: run without a shell, and never longer than they may take."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

COMMAND_S = 60.0
"""How long a command may take."""
OPERATION_S = 15.0
"""How long a driver waits for the app."""
TIMED_OUT = -1000
"""The exit code of a command that was ended because it took too long."""


async def run(words: Sequence[str], patience_s: float) -> tuple[int, str]:
    """Run a command. Returns its exit code and what it printed; it never outlives its time."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as problem:
        return 127, problem.strerror or str(problem)
    try:
        async with asyncio.timeout(patience_s):
            printed, _ = await process.communicate()
    except TimeoutError:
        return TIMED_OUT, f"nothing within {patience_s:g} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, printed.decode(errors="replace")
