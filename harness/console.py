"""What the command says to people and programs: lines, complaints, progress, questions; and when it is asked to stop.

Nothing beyond the standard library's lightest is imported up here, as every command needs this at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from harness.report.line import Line


class UsageError(Exception):
    """What was typed cannot be done; the message says why."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question for what was probably meant; empty where nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def tell(text: str) -> None:
    """Tell the person at the bench something."""
    say(f"» {text}")
    _flush()


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        mute(sys.stdout)


def ask(text: str) -> bool:
    """Have the person at the bench do something. Enter: done; anything else, or nobody there: skipped."""
    tell(f"{text}, then press Enter (s and Enter: skip)")
    answer = sys.stdin.readline()
    return answer == "\n"


def width() -> int:
    """The width of the terminal; into a pipe one that is read well in the log of a job."""
    if not sys.stdout.isatty():
        return 120
    import shutil

    return max(40, min(shutil.get_terminal_size().columns, 120))


def show(lines: Iterable[Line], *, flush: bool = False) -> None:
    """Print styled lines: with colours on a terminal, else as plain text. With ``flush`` they are there at once, wherever they go."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        for line in lines:
            say("".join(text for text, _ in line).rstrip())
        if flush:
            _flush()
        return
    from rich.console import Console
    from rich.text import Text

    from harness.report.line import COLOURS

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        try:
            console.print(Text.assemble(*((_clean(text), COLOURS.get(style, "")) for text, style in line)))
        except BrokenPipeError:
            mute(sys.stdout)


def say(text: str) -> None:
    """Print to standard output."""
    put(sys.stdout, text)


def complain(text: str, *, prefix: bool = True) -> None:
    """Print to standard error, by default with the name of the command before it."""
    put(sys.stderr, f"harness: {text}" if prefix else text)


def _clean(text: str) -> str:
    """Text that may come from a file, without what a terminal would obey: an escape sequence could paint another verdict."""
    from harness.report.escape import printable

    return printable(text)


def put(stream: TextIO, text: str, *, commands: bool = False) -> None:
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
        mute(stream)


def mute(stream: TextIO) -> None:
    """Whoever read our output is gone: let nothing more be written there, not even by the interpreter's end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def mend_streams() -> None:
    """A stream that was closed before the start is None: what is printed there is lost, and that is all."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


class StoppedPolitely:
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


class Progress:
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

    def __enter__(self) -> Progress:
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
