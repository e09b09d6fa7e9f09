"""Records leave in one canonical order, though some are made ahead of their time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.journal.records import Record
from harness.stage.recorder import BATCH, Recorder


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(-1, 3)), max_size=60))
def test_time_then_actor_then_the_order_in_which_he_made_them(made):
    batches: list[list[Record]] = []
    recorder = Recorder(batches.append)
    for number, (t, place) in enumerate(made):
        recorder.emit(place, Record(t=t, who=f"{place} {number:02}"))
    recorder.close(20)
    order = sorted((t, place, number) for number, (t, place) in enumerate(made))
    assert [record.who for batch in batches for record in batch] == [f"{place} {number:02}" for _, place, number in order]


def test_few_records_wait_and_many_are_handed_on_up_to_now():
    batches: list[list[Record]] = []
    recorder = Recorder(batches.append)
    recorder.emit(0, Record(t=1))
    recorder.flush(5)
    assert batches == []
    for t in range(2, BATCH + 2):
        recorder.emit(0, Record(t=t))
    recorder.flush(1_000)
    (batch,) = batches
    assert [record.t for record in batch] == list(range(1, 1_000))
    recorder.close(10_000)
    assert [record.t for record in batches[1]] == list(range(1_000, BATCH + 2))


def test_what_was_computed_for_after_the_end_did_not_happen():
    batches: list[list[Record]] = []
    recorder = Recorder(batches.append)
    for t in (9, 10, 11):
        recorder.emit(0, Record(t=t))
    recorder.close(10)
    assert [record.t for batch in batches for record in batch] == [9, 10]
