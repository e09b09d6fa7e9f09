"""Files are written whole: through links, with the mode that they had, and what is no file is never replaced by one."""

from __future__ import annotations

import os
import re
import stat
import sys
import threading

import pytest

from harness.files import write_whole

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, modes and pipes are POSIX's")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_has_the_mode_that_any_new_file_has(tmp_path):
    write_whole(tmp_path / "page", b"new")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "page").read_bytes() == b"new"
    assert (tmp_path / "page").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_file_that_is_there_keeps_its_mode(tmp_path):
    page = tmp_path / "page"
    page.write_bytes(b"old")
    page.chmod(0o640)
    write_whole(page, b"new")
    assert (page.read_bytes(), stat.S_IMODE(page.stat().st_mode), names(tmp_path)) == (b"new", 0o640, ["page"])


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "page").write_bytes(b"old")
    link, nowhere = tmp_path / "link", tmp_path / "nowhere"
    link.symlink_to("kept/page")
    nowhere.symlink_to("kept/new")
    write_whole(link, b"new")
    write_whole(nowhere, b"newer")
    assert link.is_symlink()
    assert nowhere.is_symlink()
    assert (tmp_path / "kept" / "page").read_bytes() == b"new"
    assert (tmp_path / "kept" / "new").read_bytes() == b"newer"
    assert names(tmp_path / "kept") == ["new", "page"]


def test_a_pipe_is_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"report")
    reader.join(10)
    assert heard == [b"report"]
    assert pipe.is_fifo()


def test_a_link_to_a_device_or_to_a_pipe_of_this_process_is_written_through(tmp_path):
    null, out = tmp_path / "null", tmp_path / "out"
    null.symlink_to(os.devnull)
    write_whole(null, b"report")
    assert null.is_char_device()
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader:
        out.symlink_to(f"/dev/fd/{write}")
        write_whole(out, b"report")
        os.close(write)
        assert reader.read() == b"report"
    assert out.is_symlink()


def test_any_name_that_a_file_may_have_can_be_written(tmp_path):
    write_whole(tmp_path / ("x" * 255), b"whole")
    assert (tmp_path / ("x" * 255)).read_bytes() == b"whole"


@pytest.mark.parametrize("name", ["", "gone/page", "x" * 256], ids=["a folder", "in no folder", "too long"])
def test_where_a_file_cannot_be_written_the_error_names_it_and_nothing_is_left(tmp_path, name):
    with pytest.raises(OSError, match=re.escape(str(tmp_path / name))) as caught:
        write_whole(tmp_path / name, b"whole")
    assert caught.value.filename == str(tmp_path / name)
    assert names(tmp_path) == []
