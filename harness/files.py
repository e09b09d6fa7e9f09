"""Writing a file so that nobody ever reads half of it."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all; of one that is there already its mode stays.

    A link is followed. What is no file, such as a pipe or a terminal, is written into. Raises :class:`OSError` that names the file.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            _replace(Path(os.path.realpath(path)), content)
    except OSError as problem:  # an error of writing comes without the name of the file, one of a draft with another's
        raise OSError(problem.errno, problem.strerror, str(path)) from None


def _replace(path: Path, content: bytes) -> None:
    # A name that is short, whatever the file's is, and that no other thread and no other machine on the same disk takes.
    draft = path.with_name(f".harness-{os.urandom(8).hex()}")
    try:
        draft.write_bytes(content)
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
