"""The books of a server that is not ours: what an export says of a run's chargers."""

from __future__ import annotations

import pytest

from harness.journal.books import BooksError, Start, read, records_of

START = "2026-03-12T12:00:00Z"
HEAD = "station,transaction,start,start_wh,stop,stop_wh\n"
STATIONS = {"anna": "CP-1", "ben": "CP-2"}


def booked(lines, *starts):
    """What stands in the books of anna, who told of ``starts``."""
    _, *ledgers = records_of(read(HEAD + lines, "books.csv"), {"anna": starts}, STATIONS, START, 90_000)
    return {ledger.who: ledger.entries for ledger in ledgers}


def test_a_transaction_is_known_by_its_id():
    assert booked("CP-1,7,2026-03-12T12:00:09Z,0,2026-03-12T12:01:00Z,64\n", Start(3, 2_000, 0, "7")) == {
        "anna": [(3, 9_000, 0, 60_000, 64)]
    }


def test_or_by_its_start_to_the_second():
    assert booked("CP-1,,2026-03-12T12:00:02Z,10,,\n", Start(3, 2_700, 10, "")) == {"anna": [(3, 2_700, 10, None, None)]}


def test_one_that_nobody_told_of_is_unknown_and_not_taken_for_another():
    assert booked("CP-1,8,2026-03-12T12:00:02Z,11,,\n", Start(3, 2_000, 10, "7")) == {"anna": [(-1, 2_000, 11, None, None)]}


def test_what_the_books_call_one_that_nobody_told_of_is_kept_for_each_charger():
    lines = "CP-1,8,2026-03-12T12:00:02Z,11,,\nCP-2,A-7,2026-03-12T12:00:02Z,0,,\nCP-1,,2026-03-12T12:00:04Z,12,,\n"
    _, *ledgers = records_of(read(HEAD + lines, "books.csv"), {"anna": [Start(3, 2_000, 10, "7")]}, STATIONS, START, 90_000)
    assert {ledger.who: ledger.called for ledger in ledgers} == {"anna": {-1: "8", -2: ""}, "ben": {-1: "A-7"}}


@pytest.mark.parametrize(
    "line", ["CP-9,7,2026-03-12T12:00:02Z,0,,\n", "CP-1,7,2026-03-11T12:00:00Z,0,,\n", "CP-1,9,2026-03-12T12:05:00Z,0,,\n"]
)
def test_other_stations_and_earlier_days_are_left_out_whatever_their_ids(line):
    assert booked(line, Start(3, 2_000, 0, "7")) == {}


def test_a_station_that_lost_the_time_is_found_in_1970():
    stamp = -1_773_316_800_000 + 12_000
    assert booked("CP-1,7,1970-01-01T00:00:12Z,0,,\n", Start(3, stamp, 0, "7")) == {"anna": [(3, stamp, 0, None, None)]}


def test_json_says_the_same():
    text = '[{"station": "CP-1", "transaction": 7, "start": "2026-03-12T12:00:02Z", "start_wh": 0, "stop": null, "stop_wh": null}]'
    assert read(text, "books.json") == read(HEAD + "CP-1,7,2026-03-12T12:00:02Z,0,,\n", "books.csv")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "books:1: found nothing, expected the columns"),
        (HEAD + "CP-1,7,noon,0,,\n", "books:2: found `noon` as start, expected a time"),
        (HEAD + "CP-1,7,2026-03-12T12:00:02Z,much,,\n", "books:2: found `much` as start_wh, expected an energy in Wh"),
        (HEAD + "CP-1,7,,,,\n", "books:2: expected a station, a start and its start_wh at the least"),
        ('{"station": 1}', "books: expected a JSON list of objects"),
        ("[{}]", "books: transaction 1: expected a station"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text, told):
    with pytest.raises(BooksError) as raised:
        read(text, "books")
    assert str(raised.value).startswith(told)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("CP-1,7,2026-03-12T12:00:02Z,1e999,,", "found `1e999` as start_wh"),
        (f"CP-1,7,2026-03-12T12:00:02Z,{'9' * 60},,", "as start_wh, expected an energy"),
        ("CP-1,7,9999-12-31T23:59:59Z,0,,", "as start, expected a time"),
        ("CP-1,7," + "x" * 200_000 + ",0,,", "field larger than field limit"),
    ],
)
def test_what_no_books_can_hold_is_told(row, says):
    with pytest.raises(BooksError, match=says):
        read(f"{HEAD}{row}\n", "books.csv")


def test_a_byte_order_mark_is_no_column():
    assert len(read(f"\ufeff{HEAD}CP-1,7,2026-03-12T12:00:02Z,0,,\n", "books.csv")) == 1


def test_how_the_books_could_be_read_is_told():
    lines = (
        "CP-1,7,2026-03-12T12:00:02,0,,", "CP-2,8,2026-03-12T12:00:02Z,0,2026-03-12 12:00:09,5", "CP-2,9,2026-03-12T13:00:02+01:00,0,,",
        "CP-1,5,2026-03-11 12:00:00,0,,", "CP-9,6,2026-03-12 12:00:02,0,,",
    )  # fmt: skip
    books, *ledgers = records_of(read(HEAD + "\n".join(lines), "books.csv"), {"anna": [Start(3, 2_000, 0, "7")]}, STATIONS, START, 90_000)
    assert (books.transactions, books.left_out, books.zoneless) == (4, 1, 3)
    assert [ledger.entries for ledger in ledgers] == [
        [(3, 2_000, 0, None, None)], [(-1, 2_000, 0, 9_000, 5), (-2, 2_000, 0, None, None)],
    ]  # fmt: skip
