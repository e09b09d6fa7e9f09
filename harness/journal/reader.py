"""Reading a journal: in batches, in bounded memory, and as far as it goes where it was cut off."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from harness.journal.format import FOOTER_START, PACKED_NAME, PLAIN_NAME, SCHEMA, Footer, Header, JournalError, LastLine
from harness.journal.records import AnyRecord
from harness.journal.sound import Order, unsound_scenario
from harness.values import Scenario

_CHUNK_BYTES = 1 << 20
_LONGEST_LINE_BYTES = 64 << 20
_BROKEN = "its last line is broken off"
_GZIP_MAGIC = b"\x1f\x8b"
_LATEST_NAME = "latest.txt"
"""Beside the runs of a scenario: the name of the newest one's folder."""


class _SchemaOnly(msgspec.Struct):
    schema: int


# Made once, on importing: several threads that have msgspec lay out a type at the same time crash it (seen with 0.22).
_SCHEMA = msgspec.json.Decoder(_SchemaOnly)
_HEADER = msgspec.json.Decoder(Header)
_LAST_LINE = msgspec.json.Decoder(LastLine)
_RECORDS = msgspec.json.Decoder(AnyRecord)


class Journal:
    """A journal on disk.

    ``source`` is the file, the folder of a run, or a folder of runs whose ``latest.txt`` names one. Opening reads the header and raises
    :class:`JournalError` where the file is no journal, and :class:`OSError` where it cannot be read. :meth:`batches` may be
    called any number of times; each reads the file anew.
    """

    def __init__(self, source: str | Path) -> None:
        self.path = _find(Path(source))
        self._footer: Footer | None = None
        self._cut: str | None = None
        self._read = False
        header = self._read_header()
        if doubt := unsound_scenario(header.scenario):
            raise self._error(1, f"the header's scenario cannot be: {doubt}")
        self.scenario: Scenario = header.scenario
        self.live = header.live
        """How a live run was made; None for a simulated one."""
        self.harness = header.harness
        """The version that wrote it."""

    @property
    def footer(self) -> Footer | None:
        """The footer, or None where the journal was cut off. Reads the file to its end the first time."""
        self._read_through()
        return self._footer

    @property
    def complete(self) -> bool:
        """The run came to its end and all of its journal is here."""
        return self.footer is not None

    @property
    def cut(self) -> str | None:
        """Where and how the journal was cut off, in words; None for a complete one."""
        self._read_through()
        return self._cut

    def records(self) -> Iterator[AnyRecord]:
        """All records in their order."""
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[AnyRecord]]:
        """All records in their order, as lists of some thousands.

        Ends early, and without an error, where the journal was cut off. Raises :class:`JournalError` at a line that no cut can
        explain, and at the end where the records are not those that the footer was written for.
        """
        digest = hashlib.sha256()
        order = Order(self.scenario)
        line, total = 1, 0
        self._footer, self._cut, self._read = None, None, False
        blocks = self._blocks()
        digest.update(next(blocks, b""))
        for block in blocks:
            if self._footer is not None:
                raise self._error(line + 1, "found more after the footer, expected the end")
            body = self._split_footer(block, line)
            digest.update(body)
            batch = self._decode(body, line + 1)
            if wrong := order.unsound(batch):
                raise self._error(line + 1 + wrong[0], wrong[1])
            line += len(batch)
            total += len(batch)
            if batch:
                yield batch
        if self._footer is None:
            self._cut = self._cut or f"no footer after line {line}"
        elif self._cut == _BROKEN:
            raise self._error(line + 2, "found more after the footer, expected the end")
        elif self._footer.digest != digest.hexdigest() or self._footer.total != total:
            raise self._error(line + 1, "the records are not those that this footer was written for: the file was changed")
        elif not order.last_ms <= self._footer.end_ms <= self.scenario.duration_ms:
            raise self._error(line + 1, f"found {self._footer.end_ms} ms as the end, not from the last record to the run's length")
        else:
            self._cut = None
        self._read = True

    def lines(self) -> Iterator[bytes]:
        """The uncompressed lines as they stand in the file, header and footer included, without their line ends."""
        for block in self._blocks():
            yield from block.splitlines()

    def _read_through(self) -> None:
        if not self._read:
            for _ in self.batches():
                pass

    def _read_header(self) -> Header:
        head = next(self._blocks(), b"")
        try:
            schema = _SCHEMA.decode(head).schema
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            if self.path.suffix in {".yaml", ".yml"}:
                raise JournalError(
                    f"{self.path}: this is a scenario or a model, not a journal: simulate it with `harness run`, and judge what that leaves"
                ) from None
            found = "an empty file" if not head else repr(head[:60].decode(errors="replace"))
            raise self._error(1, f"found {found}, expected a journal's header ({problem})") from None
        if schema != SCHEMA:
            raise self._error(1, f"found a journal of schema {schema}, expected schema {SCHEMA}: use the version that wrote it")
        try:
            return _HEADER.decode(head)
        except msgspec.DecodeError as problem:
            raise self._error(1, f"the header does not hold a scenario: {problem}") from None

    def _split_footer(self, block: bytes, line: int) -> bytes:
        """Take the footer off the end of a block of whole lines."""
        start = block.rfind(b"\n", 0, len(block) - 1) + 1
        if not block.startswith(FOOTER_START, start):
            return block
        try:
            self._footer = _LAST_LINE.decode(block[start:]).footer
        except msgspec.DecodeError as problem:
            raise self._error(line + block.count(b"\n"), f"the footer is damaged: {problem}") from None
        return block[:start]

    def _decode(self, body: bytes, first_line: int) -> list[AnyRecord]:
        try:
            return _RECORDS.decode_lines(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            for number, text in enumerate(body.split(b"\n"), first_line):
                try:
                    _RECORDS.decode(text)
                except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                    found = repr(text[:60].decode(errors="replace"))
                    raise self._error(number, f"found {found}, expected a record ({problem})") from None
            raise

    def _blocks(self) -> Iterator[bytes]:
        """The header's line, then blocks of whole lines. What follows the last line end was cut off in the writing."""
        rest = b""
        headed = False
        for chunk in self._chunks():
            whole, end, tail = chunk.rpartition(b"\n")
            if not end:
                rest += chunk
                if len(rest) > _LONGEST_LINE_BYTES:
                    raise JournalError(f"{self.path}: found a line of more than {_LONGEST_LINE_BYTES >> 20} MiB, expected a journal")
                continue
            block = rest + whole + end
            rest = tail
            if not headed:
                head, end, block = block.partition(b"\n")
                headed = True
                yield head + end
            if block:
                yield block
        if rest:
            self._cut = _BROKEN
            if not headed:
                yield rest

    def _chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            packed = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            if packed:
                yield from self._unpacked(file)
                return
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk

    def _unpacked(self, file: BinaryIO) -> Iterator[bytes]:
        unpacker = zlib.decompressobj(wbits=31)
        data = file.read(_CHUNK_BYTES)
        while data:
            if unpacker.eof:  # packed in several members, one after the other
                unpacker = zlib.decompressobj(wbits=31)
            try:
                chunk = unpacker.decompress(data, _CHUNK_BYTES)
            except zlib.error as problem:
                raise JournalError(f"{self.path}: the compressed data are damaged: {problem}") from None
            if chunk:
                yield chunk
            data = unpacker.unconsumed_tail or unpacker.unused_data or file.read(_CHUNK_BYTES)
        if tail := unpacker.flush():
            yield tail
        if not unpacker.eof:
            self._cut = "its compressed data end early"

    def _error(self, line: int, text: str) -> JournalError:
        return JournalError(f"{self.path}:{line}: {text}")


def run_folder(source: Path) -> Path:
    """The folder of the newest run where ``source`` is a folder of runs, and anything else as it is."""
    if source.name == _LATEST_NAME:
        source = source.parent
    latest = source / _LATEST_NAME
    if not latest.is_file() or any((source / name).is_file() for name in (PLAIN_NAME, PACKED_NAME)):
        return source
    name = latest.read_text(encoding="utf-8", errors="replace").strip()
    # One name of a folder beside it, never a path: the file may have come with the folder from elsewhere.
    if name and Path(name).name == name and name != ".." and not (source / name / _LATEST_NAME).exists():
        return source / name
    raise JournalError(f"{latest}: found {name[:60]!r}, expected the name of a run's folder beside it")


def _find(source: Path) -> Path:
    """The journal in the folder of a run, that of the newest one in a folder of runs, or the file itself."""
    source = run_folder(source)
    if source.exists() and not (source.is_dir() or source.is_file()):
        raise JournalError(f"{source}: found a pipe or a device, expected a file: a journal is read more than once")
    if not source.is_dir():
        return source
    for name in (PLAIN_NAME, PACKED_NAME):
        if (source / name).is_file():
            return source / name
    raise JournalError(f"{source}: found a folder without {PLAIN_NAME} or {PACKED_NAME}, expected a run's folder or a journal")
