"""A large simulated run beside its judging: the world in a process of its own, its records coming back encoded.

Simulating and judging cost about the same each, and share nothing but the records, so a fleet takes hardly more than half the time on
two cores. The bytes are those of a journal; nothing else about the run changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from harness.stage import simulated
from harness.stage.errors import StageError
from harness.values import Scenario

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

WORTH_CHARGER_DAYS = 1_500
"""From how large a run on a process of its own is worth its start: about half a second of work."""

_PIPE_BYTES = 1 << 20
"""What Linux allows without privileges; its default is a sixteenth of that, less than a batch of records."""

_LINES, _REFUSED, _BROKEN = b"L", b"R", b"B"


def is_worth(scenario: Scenario) -> bool:
    """Whether the run is large and there is a second processor."""
    chargers = sum(max(1, entry.count) for entry in scenario.chargers)
    return chargers * scenario.duration_ms >= WORTH_CHARGER_DAYS * 86_400_000 and (os.cpu_count() or 1) > 1


@contextmanager
def running(scenario: Scenario, *, simulate_all: bool = False) -> Iterator[Iterator[bytes]]:
    """Run a scenario as :func:`harness.stage.simulated.run` does, from now on; gives its records in canonical order as lines of JSON.

    Taking them raises :class:`harness.stage.errors.StageError` where a step cannot be carried, and :class:`RuntimeError`, with the
    other process's traceback, where it failed.
    """
    import multiprocessing

    context = multiprocessing.get_context()
    ours, theirs = context.Pipe(duplex=False)
    _widen(theirs)
    process = context.Process(target=_work, args=(ours, theirs, scenario, simulate_all), daemon=True)
    process.start()
    theirs.close()
    try:
        yield _received(ours)
    finally:
        ours.close()
        process.terminate()
        process.join()


def _received(ours: Connection) -> Iterator[bytes]:
    try:
        while (message := ours.recv_bytes()) != _LINES:
            kind, rest = message[:1], message[1:]
            if kind == _REFUSED:
                raise StageError(rest.decode())
            if kind == _BROKEN:
                raise RuntimeError(f"the simulating process failed:\n{rest.decode()}")
            yield rest
    except EOFError:
        raise RuntimeError("the simulating process was killed") from None


def _widen(pipe: Connection) -> None:
    """Let the pipe hold a batch or two more, where the system can: outages come in bursts, and neither process waits for the other's."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _work(far_end: Connection, connection: Connection, scenario: Scenario, simulate_all: bool) -> None:
    import signal
    import traceback

    # With this end of the pipe held here too, nobody would tell this process that the other one was killed.
    far_end.close()
    # An interruption from the keyboard goes to both processes; the one that judges decides what it means, and ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    encoder = msgspec.json.Encoder()
    try:
        simulated.run(scenario, lambda batch: connection.send_bytes(_LINES + encoder.encode_lines(batch)), simulate_all=simulate_all)
        connection.send_bytes(_LINES)
    except StageError as refusal:
        connection.send_bytes(_REFUSED + str(refusal).encode())
    except BrokenPipeError:
        return
    except Exception:
        connection.send_bytes(_BROKEN + traceback.format_exc().encode())
