"""Writing a journal while the run goes on: encoded, hashed and on disk batch by batch, in bounded memory."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EEXIST
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from harness import __version__
from harness.journal.format import PACKED_NAME, PLAIN_NAME, SCHEMA, Footer, Header, LastLine
from harness.journal.records import AnyRecord
from harness.values import LiveRun, Scenario

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

PACK_BEYOND_BYTES = 8 << 20
"""A journal larger than this is compressed. A smaller one stays readable by eye, ``grep`` and a diff."""

_TAKEN = "another run's journal is here"
_BUFFER_BYTES = 256 << 10
_COPY_BYTES = 1 << 20
_ZLIB_LEVEL = 1
"""The fastest: journals repeat themselves so much that higher levels gain little, and encoding is on the run's hot path."""


class _GzipFile:
    """A gzip stream without a name and a time in its header, so that equal journals are equal files under one zlib."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=_BUFFER_BYTES)
        self._packer = zlib.compressobj(_ZLIB_LEVEL, wbits=31)

    def write(self, data: bytes) -> None:
        self._file.write(self._packer.compress(data))

    def flush(self) -> None:
        self._file.write(self._packer.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def close(self) -> None:
        if self._file.closed:
            return
        try:
            self._file.write(self._packer.flush())
        finally:
            self._file.close()


class Writer:
    """Writes the journal of one run into ``folder``, which exists: ``journal.jsonl``, or ``journal.jsonl.gz`` once it is large.

    Records come in canonical order through :meth:`write`; :meth:`finish` adds the footer. A writer that is closed without it, as at
    an interruption, leaves a journal that readers recognise as cut off. Use it as a context manager. Raises :class:`OSError` where the
    disk is full or not writable; that is a :class:`FileExistsError` where a journal is there already, or is just being written.
    """

    def __init__(
        self, folder: Path, scenario: Scenario, *, live: LiveRun | None = None, pack_beyond_bytes: int = PACK_BEYOND_BYTES
    ) -> None:  # fmt: skip
        self.path = folder / PLAIN_NAME
        if (folder / PACKED_NAME).exists():
            raise FileExistsError(EEXIST, _TAKEN, str(folder / PACKED_NAME))
        try:
            self._file: BinaryIO | _GzipFile = self.path.open("xb", buffering=_BUFFER_BYTES)
        except FileExistsError:
            raise FileExistsError(EEXIST, _TAKEN, str(self.path)) from None
        self._pack_beyond_bytes: float = pack_beyond_bytes
        self._encoder = msgspec.json.Encoder()
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._counts: Counter[type[AnyRecord]] = Counter()
        self._helper: ThreadPoolExecutor | None = None
        self._under_way: Future[None] | None = None
        """What the helper writes; it works on one batch at a time, so that memory stays bounded and errors are found soon."""
        try:
            self._put(self._encoder.encode_lines([Header(harness=__version__, schema=SCHEMA, scenario=scenario, live=live)]))
            with self._named():
                self._file.flush()  # so that even a run that is killed at once says whose it was
        except BaseException:
            with suppress(OSError):
                self.close()
            self.path.unlink(missing_ok=True)  # without a whole header it tells of no run, and is in the way of the next
            raise

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, batch: Sequence[AnyRecord]) -> None:
        """Append a batch of records."""
        self.write_encoded(batch, self._encoder.encode_lines(batch))

    def write_encoded(self, batch: Sequence[AnyRecord], lines: bytes) -> None:
        """Append a batch of records that is encoded already, as ``lines``."""
        self._counts.update(map(type, batch))
        self._put(lines)

    def flush(self) -> None:
        """Have on disk what was written so far."""
        self._wait()
        with self._named():
            self._file.flush()

    def finish(self, end_ms: int, *, twin: Any = None, twin_wh: Sequence[int] = ()) -> Footer:
        """Write the footer and close. ``end_ms`` is the end of the run, ``twin`` the twin's totals, ``twin_wh`` its energy over time."""
        kinds = {str(kind.__struct_config__.tag): count for kind, count in self._counts.items()}
        footer = Footer(
            records=dict(sorted(kinds.items())),
            total=self._counts.total(),
            end_ms=end_ms,
            digest=self._digest(),
            twin=twin,
            twin_wh=list(twin_wh),
        )
        self._put(self._encoder.encode_lines([LastLine(footer)]))
        self.close()
        return footer

    def _digest(self) -> str:
        self._wait()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close the file as it is. Closing twice does nothing more."""
        try:
            self._wait()
        finally:
            if self._helper is not None:
                self._helper.shutdown()
            with self._named():
                self._file.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Give errors of writing, which come without it, the name of the file."""
        try:
            yield
        except OSError as problem:
            raise OSError(problem.errno, problem.strerror, str(self.path)) from None

    def _put(self, data: bytes) -> None:
        if self._helper is None:
            self._store(data)
        else:
            self._wait()
            self._under_way = self._helper.submit(self._store, data)

    def _wait(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def _store(self, data: bytes) -> None:
        self._hash.update(data)
        with self._named():
            self._file.write(data)
            self._bytes += len(data)
            if self._bytes > self._pack_beyond_bytes:
                self._pack()

    def _pack(self) -> None:
        """Go on in a compressed file; the plain one goes only when the other holds all of it."""
        self._file.close()
        packed = self.path.with_name(PACKED_NAME)
        file = _GzipFile(packed)
        try:
            with self.path.open("rb") as plain:
                while chunk := plain.read(_COPY_BYTES):
                    file.write(chunk)
            file.flush()
        except BaseException:
            with suppress(OSError):
                file.close()
            packed.unlink(missing_ok=True)  # the plain one has all of it
            raise
        self._file = file
        self.path.unlink()
        self.path = packed
        self._pack_beyond_bytes = float("inf")
        # Hashing and packing need no interpreter: from here on they go on beside the run.
        from concurrent.futures import ThreadPoolExecutor

        self._helper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
