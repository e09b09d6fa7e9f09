"""Commands of a target file or of a bench: run without a shell, and never longer than they may take."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO, NamedTuple

COMMAND_S = 60.0
"""How long a command may take."""
_LARGEST_OUTPUT = 64 << 20
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
    """Run a command; it never outlives its time. What it leaves running, as a start of a server may, is not waited for."""
    with TemporaryFile() as printed, TemporaryFile() as complaint:  # a pipe would stay open as long as what was left running
        try:
            process = await asyncio.create_subprocess_exec(
                *words, stdin=asyncio.subprocess.DEVNULL, stdout=printed, stderr=complaint, start_new_session=True
            )
        except OSError as problem:
            return Ended(127, "", problem.strerror or str(problem))
        try:
            async with asyncio.timeout(patience_s):
                code = await process.wait()
        except TimeoutError:
            return Ended(TIMED_OUT, "", f"did not end within {patience_s:g} s")
        finally:
            if process.returncode is None:
                _kill(process.pid)
                await process.wait()
        return Ended(code, _text(printed), _text(complaint))


def _kill(pid: int) -> None:
    """End a command that takes too long, with all that it has begun."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL) if hasattr(os, "killpg") else os.kill(pid, signal.SIGTERM)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_LARGEST_OUTPUT).decode(errors="replace")
