"""Journals: what is written is read back, the same bytes each time, and a damaged one says where and how."""

import errno
import gzip
import hashlib
import json
import os
import random
import subprocess
import sys
import typing

import msgspec
import pytest
from example_run import HOUR, RECORDS, SCENARIO
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness import __version__
from harness.journal import records
from harness.journal.format import JournalError
from harness.journal.reader import Journal
from harness.journal.sound import Order
from harness.journal.writer import Writer

KINDS = typing.get_args(records.AnyRecord)


def write(folder, batches, *, twin=None, finish=True, **options):
    folder.mkdir(parents=True, exist_ok=True)
    with Writer(folder, SCENARIO, **options) as writer:
        for batch in batches:
            writer.write(batch)
        if finish:
            writer.finish(12 * HOUR, twin=twin)
    return writer.path


def test_what_is_written_is_read_back(tmp_path):
    journal = Journal(write(tmp_path, [RECORDS[:5], [], RECORDS[5:]], twin={"energy_wh": 18_000}))
    assert journal.scenario == SCENARIO
    assert journal.harness == __version__
    assert list(journal.records()) == RECORDS
    assert journal.complete
    assert journal.cut is None
    assert journal.footer.total == len(RECORDS)
    assert journal.footer.records["loss"] == 2
    assert list(journal.footer.records) == sorted(journal.footer.records)
    assert journal.footer.end_ms == 12 * HOUR
    assert journal.footer.twin == {"energy_wh": 18_000}


def test_a_folder_stands_for_its_journal(tmp_path):
    write(tmp_path / "a", [RECORDS])
    write(tmp_path / "b", [RECORDS], pack_beyond_bytes=100)
    assert list(Journal(tmp_path / "a").records()) == list(Journal(tmp_path / "b").records())


def test_each_line_is_json_with_the_kind_the_time_and_the_charger(tmp_path):
    lines = [json.loads(line) for line in write(tmp_path, [RECORDS]).read_text().splitlines()]
    assert list(lines[0]) == ["harness", "schema", "scenario"]
    assert lines[1]["e"] == "plug-in"
    assert lines[1]["t"] == HOUR
    assert lines[1]["who"] == "anna"
    assert list(lines[-1]) == ["footer"]
    assert [line["e"] for line in lines[1:-1]] == [record.__struct_config__.tag for record in RECORDS]


def test_batches_do_not_show(tmp_path):
    whole = write(tmp_path / "whole", [RECORDS]).read_bytes()
    single = write(tmp_path / "single", [[record] for record in RECORDS]).read_bytes()
    assert whole == single


@pytest.mark.parametrize("threshold", [0, 2500, 3500])
def test_a_large_journal_is_compressed_and_holds_the_same_lines(tmp_path, threshold):
    plain = write(tmp_path / "plain", [[record] for record in RECORDS])
    packed = write(tmp_path / "packed", [[record] for record in RECORDS], pack_beyond_bytes=threshold)
    assert packed.name == "journal.jsonl.gz"
    assert [path.name for path in packed.parent.iterdir()] == [packed.name]
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert list(Journal(packed).lines()) == plain.read_bytes().splitlines()
    assert Journal(packed).complete


def test_equal_journals_are_equal_compressed_files(tmp_path):
    once = write(tmp_path / "once", [RECORDS] * 50, pack_beyond_bytes=10_000)
    again = write(tmp_path / "again", [RECORDS] * 50, pack_beyond_bytes=10_000)
    assert once.read_bytes() == again.read_bytes()


def test_a_journal_of_many_blocks_is_read_in_bounded_batches(tmp_path):
    journal = Journal(write(tmp_path, [[record] * 2_000 for record in RECORDS], pack_beyond_bytes=1 << 20))
    sizes = [len(batch) for batch in journal.batches()]
    assert sum(sizes) == 2_000 * len(RECORDS)
    assert len(sizes) > 3
    assert max(sizes) < sum(sizes) / 2
    assert journal.complete


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_wherever_it_is_cut_it_is_readable_up_to_there(tmp_path_factory, data):
    packed = data.draw(st.booleans())
    folder = tmp_path_factory.mktemp("cut")
    path = write(folder, [[record] for record in RECORDS], pack_beyond_bytes=0 if packed else 1 << 20)
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1 if not packed else len(whole) * 9 // 10
    path.write_bytes(whole[: data.draw(st.integers(header, len(whole) - (30 if packed else 1)))])
    journal = Journal(path)
    read = list(journal.records())
    assert read == RECORDS[: len(read)]
    assert not journal.complete
    assert journal.cut


def test_a_writer_that_never_finished_leaves_a_cut_off_journal(tmp_path):
    for folder, options in ((tmp_path / "plain", {}), (tmp_path / "packed", {"pack_beyond_bytes": 0})):
        journal = Journal(write(folder, [RECORDS], finish=False, **options))
        assert list(journal.records()) == RECORDS
        assert not journal.complete
        assert journal.cut == f"no footer after line {len(RECORDS) + 1}"


def test_the_header_is_on_disk_before_anything_happened(tmp_path):
    with Writer(tmp_path, SCENARIO) as writer:
        assert Journal(writer.path).scenario == SCENARIO


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"hello\n", "'hello"),
        (b"\x00\xff\xfe\n", "journal's header"),
        (b"{}\n", "'{}"),
        (b'{"harness":"9","schema":99,"scenario":{}}\n', "schema 99"),
        (b'{"harness":"9","schema":1,"scenario":{}}\n', "does not hold a scenario"),
        (b"harness: 1\ntitle: a scenario\n", "'harness: 1"),
        (b"\x1f\x8b\x08 no gzip at all", "compressed data are damaged"),
    ],
)
def test_what_is_no_journal_is_refused_with_what_was_found(tmp_path, content, found):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(JournalError) as caught:
        Journal(path)
    assert str(path) in str(caught.value)
    assert found in str(caught.value)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(JournalError, match=r"journal\.jsonl"):
        Journal(tmp_path)


def damage(path, change):
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))
    return Journal(path)


def garble(lines):
    lines[7] = b'{"e":"nonsense","t":1}\n'


def lengthen(lines):
    lines.append(lines[3])


def lengthen_without_end(lines):
    lines.append(b'{"e":')


def break_footer(lines):
    lines[-1] = b'{"footer":{"total":1}}\n'


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (garble, 8, "nonsense"),
        (lengthen, len(RECORDS) + 2, "footer"),
        (lengthen_without_end, len(RECORDS) + 3, "more after the footer"),
        (break_footer, len(RECORDS) + 2, "footer is damaged"),
    ],
)
def test_damage_is_named_with_its_line(tmp_path, change, line, says):
    journal = damage(write(tmp_path, [RECORDS]), change)
    with pytest.raises(JournalError) as caught:
        list(journal.batches())
    assert str(caught.value).startswith(f"{journal.path}:{line}: ")
    assert says in str(caught.value)


def resealed(lines):
    """The lines with a footer that was written for them."""
    footer = json.loads(lines[-1])["footer"]
    body = b"".join(lines[:-1])
    footer |= {"digest": hashlib.sha256(body).hexdigest(), "total": len(lines) - 2}
    return body + json.dumps({"footer": footer}, separators=(",", ":")).encode() + b"\n"


def in_line(number, old, new):
    def change(lines):
        assert old in lines[number - 1]
        lines[number - 1] = lines[number - 1].replace(old, new)

    return change


HEADERS = [
    (b'"America/Los_Angeles"', b'"Nowhere/Land"', "the zone 'Nowhere/Land', which there is not"),
    (b'"start":"2026', b'"start":"some 2026', "expected ISO 8601"),
    (b'"model":"plain-40"', b'"model":"plain-41"', "found the model 'plain-41' of 'anna', which the header does not hold"),
    (b'"name":"ben"', b'"count":1000000000,"name":"ben"', "found no chargers or too many"),
    (b'"name":"ben"', b'"name":"anna"', "found two chargers of one name"),
    (b'"name":"ben"', b'"name":"ben","shard":9', "found 'ben' on shard 9 of 1"),
    (b'"accepts_per_s":100', b'"shards":50000000,"accepts_per_s":100', "found 50000000 shards, expected at most 1000"),
    (b'"voltage_v":240', b'"voltage_v":0', "found a server or a supply of nothing"),
    (b'"duration_ms":43200000', b'"duration_ms":-1', "found a duration of -1 ms"),
]


@pytest.mark.parametrize(("old", "new", "says"), HEADERS)
def test_a_header_that_cannot_be_is_refused(tmp_path, old, new, says):
    path = write(tmp_path, [RECORDS])
    lines = path.read_bytes().splitlines(keepends=True)
    in_line(1, old, new)(lines)
    path.write_bytes(resealed(lines))
    with pytest.raises(JournalError) as caught:
        Journal(path)
    assert str(caught.value).startswith(f"{path}:1: the header's scenario cannot be: ")
    assert says in str(caught.value)


RECORD_CHANGES = [
    (in_line(4, b'"who":"anna"', b'"who":"zoe"'), 4, "found the charger 'zoe', which the header does not hold"),
    (in_line(7, b'"shard":1', b'"shard":7'), 7, "found shard 7 of 1"),
    (in_line(9, b'"t":7200000', b'"t":7199999'), 9, "found the time 7199999, expected one from 7200000"),
    (in_line(9, b'"t":7200000', b'"t":9223372036854775'), 9, "to 43200000 (the end of the run)"),
    (in_line(2, b'"t":3600000', b'"t":-5'), 2, "found the time -5, expected one from 0"),
    (in_line(len(RECORDS) + 2, b'"end_ms":43200000', b'"end_ms":1000'), len(RECORDS) + 2, "found 1000 ms as the end"),
]


@pytest.mark.parametrize(("change", "line", "says"), RECORD_CHANGES)
def test_a_record_that_cannot_be_is_refused_with_its_line(tmp_path, change, line, says):
    path = write(tmp_path, [RECORDS])
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(resealed(lines))
    with pytest.raises(JournalError) as caught:
        list(Journal(path).batches())
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert says in str(caught.value)


OF_CHARGERS = [record for record in RECORDS if record.who and not isinstance(record, records.Fault)]


@pytest.mark.parametrize("record", OF_CHARGERS, ids=[type(record).__name__ for record in OF_CHARGERS])
def test_only_what_is_of_the_run_may_be_of_no_charger(record):
    wrong = Order(SCENARIO).unsound([msgspec.structs.replace(record, who="")])
    assert wrong == (0, f"found '{record.__struct_config__.tag}' of no charger, expected whose it is")


@pytest.mark.parametrize(("first", "last", "count", "sound"), [
    (1, 5, 2, True), (5, 5, 1, True), (-1, 5, 2, False), (4, 3, 2, False), (1, 6, 2, False), (1, 2**62, 2, False), (1, 5, 0, False),
])  # fmt: skip
def test_attempts_lie_in_the_time_before_their_record(first, last, count, sound):
    wrong = Order(SCENARIO).unsound([records.Attempts(t=5, who="anna", first=first, last=last, count=count)])
    assert wrong == (None if sound else (0, f"found {count} attempts from {first} to {last}, expected some until 5 (now)"))


def test_a_journal_packed_in_several_members_is_read_to_its_end(tmp_path):
    path = write(tmp_path, [RECORDS])
    text = path.read_bytes()
    path.write_bytes(gzip.compress(text[:2000]) + gzip.compress(text[2000:]))
    assert list(Journal(path).records()) == RECORDS
    path.write_bytes(gzip.compress(text) + b"more")
    with pytest.raises(JournalError, match="compressed data are damaged"):
        list(Journal(path).records())


def test_two_runs_do_not_write_into_one_folder(tmp_path):
    with Writer(tmp_path, SCENARIO), pytest.raises(FileExistsError, match="another run's journal is here"):
        Writer(tmp_path, SCENARIO)
    packed = tmp_path / "packed"
    write(packed, [RECORDS], pack_beyond_bytes=0)
    with pytest.raises(FileExistsError, match="another run's journal is here"):
        Writer(packed, SCENARIO)


@pytest.mark.parametrize("change", [lambda lines: lines.pop(3), lambda lines: lines.insert(3, lines[3])])
def test_a_journal_changed_by_hand_is_found_out(tmp_path, change):
    path = write(tmp_path, [RECORDS])
    text = path.read_bytes()
    path.write_bytes(text.replace(b'"ma":27500', b'"ma":27501'))
    with pytest.raises(JournalError, match="changed"):
        list(Journal(path).batches())
    path.write_bytes(text)
    journal = damage(path, change)
    if path.read_bytes() != text:
        with pytest.raises(JournalError, match="changed"):
            list(journal.batches())


@given(st.lists(st.sampled_from(RECORDS), max_size=40), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_any_split_into_batches_reads_back(tmp_path_factory, chosen, seed):
    chosen.sort(key=lambda record: record.t)
    cuts = sorted(random.Random(seed).sample(range(len(chosen) + 1), k=min(3, len(chosen) + 1)))
    batches = [chosen[a:b] for a, b in zip([0, *cuts], [*cuts, len(chosen)], strict=True)]
    journal = Journal(write(tmp_path_factory.mktemp("split"), batches))
    assert list(journal.records()) == chosen
    assert journal.footer.total == len(chosen)


def test_every_kind_of_record_has_its_own_tag():
    tags = [kind.__struct_config__.tag for kind in KINDS]
    assert len(set(tags)) == len(KINDS)


def test_an_unwritable_folder_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="missing"):
        Writer(tmp_path / "missing", SCENARIO)


def test_a_disk_that_is_full_as_the_journal_is_packed_leaves_the_plain_one(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("harness.journal.writer._GzipFile.write", full)
    batches = [[record] * 100 for record in RECORDS]
    with pytest.raises(OSError, match=r"No space left on device: '.*journal\.jsonl'"):
        write(tmp_path, batches, pack_beyond_bytes=20_000)
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]
    assert not Journal(tmp_path).complete
    assert len(list(Journal(tmp_path).records())) >= 100


READ_AT_ONCE = """
import sys, threading
from harness.journal.reader import Journal
sys.setswitchinterval(1e-6)
together = threading.Barrier(8)
def read():
    together.wait()
    totals.append(Journal(sys.argv[1]).footer.total)
totals = []
threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(*totals)
"""


def test_several_threads_may_read_their_first_journal_at_once(tmp_path):
    """In a fresh process: the first time is what matters."""
    run = harness.run("answer-lost", out=tmp_path, html=False)
    done = subprocess.run([sys.executable, "-c", READ_AT_ONCE, str(run.journal)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, 8 * [str(run.outcome.records)])
