"""What a kind of run cannot show is not judged: it neither passes nor fails, and says why."""

from typing import get_args

import pytest
from timeline import HOUR, MINUTE, SERVER, Timeline, scenario

from harness.check.catalogue import NAMES
from harness.check.decidable import KINDS, METRICS_OF_A_LOG, TABLE, Kind, cell, kind_of, own_cell
from harness.check.judge import Judge
from harness.check.metrics import METRICS
from harness.journal import records as r
from harness.values import CheckSpec, Expect, LiveRun, Predicate


def test_every_check_has_a_word_on_every_kind_of_run():
    assert list(TABLE) == list(NAMES)
    assert list(KINDS) == list(get_args(Kind))
    assert all(list(row) == list(KINDS) for row in TABLE.values())
    assert set(METRICS) >= METRICS_OF_A_LOG


def test_what_is_not_simply_decidable_says_why():
    assert all(bool(each.why) == (each.decision != "decidable") for row in TABLE.values() for each in row.values())
    ours = [row[kind].decision for name, row in TABLE.items() for kind in ("simulated", "embedded server") if name != "frames-valid"]
    assert set(ours) == {"decidable"}


@pytest.mark.parametrize("books", [True, False])
def test_what_takes_the_books_is_judged_where_they_are_known(books):
    judge = Judge(day().scenario, "your server", books=books)
    judge.feed(day().in_order())
    result = next(each for each in judge.close(day().scenario.duration_ms) if each.name == "transactions-accounted")
    assert result.hidden is not books


def test_the_kind_of_a_run_stands_in_its_journal():
    assert kind_of(None) == "simulated"
    for peer in KINDS:
        if peer != "simulated":
            assert kind_of(LiveRun(speed=1, skipped_idle=False, through="nothing", peer=peer)) == peer


def day():
    """A day on which a car stops at the loss of its server, without any limit, and comes back late."""
    line = Timeline()
    line.at("10:00").plug_in()
    line.at("10:01").draws(60)
    line.at("11:00").crash()
    line.at("11:01").idle()
    return line


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("check", NAMES)
def test_what_cannot_be_decided_is_unknown_whatever_the_records_say(check, kind):
    line = day()
    judge = Judge(line.scenario, kind)
    judge.feed(line.in_order())
    result = next(each for each in judge.close(line.scenario.duration_ms) if each.name == check)
    hidden = cell(check, kind).decision == "not-on-the-wire"
    assert result.hidden == hidden
    if hidden:
        assert result.verdict == "unknown"
        assert result.met + result.failed + result.cancelled + result.pending == 0
        assert result.why == f"cannot be decided: {cell(check, kind).why}"
        assert result.idle == []
    elif check in ("charging-continues", "current-within-limits"):
        assert result.verdict == "fail"


def test_own_checks_of_a_log_are_about_what_it_shows_each_time():
    seen = Predicate(message="transaction-start", connected=True)
    hidden = Predicate(draws=True)
    assert own_cell("log", seen, None).decision == "decidable"
    assert own_cell("log", seen, hidden).decision == "not-on-the-wire"
    assert own_cell("your charger", seen, hidden).decision == "decidable"


def test_a_check_of_ones_own_that_a_log_cannot_decide_is_unknown():
    spec = CheckSpec(name="always-draws", builtin=False, always=Predicate(draws=True))
    made = scenario(expect=Expect(checks=(spec,)))
    for kind, verdict in (("simulated", "fail"), ("log", "unknown")):
        judge = Judge(made, kind)
        judge.feed([r.PlugIn(t=HOUR, who="anna", plug_in=1, car="", needs_wh=0, leave=0)])
        result = next(each for each in judge.close(made.duration_ms) if each.name == "always-draws")
        assert result.verdict == verdict


# What nothing is known of in between.


def judged(*records, check="charging-continues"):
    made = scenario(server=SERVER)
    judge = Judge(made, "log")
    judge.feed(sorted(records, key=lambda record: record.t))
    result = next(each for each in judge.close(10 * HOUR) if each.name == check)
    return result.met, result.failed, result.cancelled


def current(t, ma):
    return r.Current(t=t, who="anna", ma=ma, state="Charging", reason="metered", wh=0)


BEGINS = (
    r.PlugIn(t=0, who="anna", plug_in=1, car="", needs_wh=0, leave=0),
    current(MINUTE, 16_000),
    r.Loss(t=HOUR, who="anna", cause="silence"),
    r.Recovery(t=3 * HOUR, who="anna", since=HOUR),
)


def test_a_stretch_of_which_nothing_is_known_ends_what_was_to_be_seen_in_it():
    assert judged(*BEGINS) == (1, 0, 0)
    assert judged(*BEGINS, r.Unseen(t=2 * HOUR, who="anna", until=3 * HOUR)) == (0, 0, 1)


def test_what_was_broken_before_stays_broken():
    broken = (*BEGINS, current(HOUR + MINUTE, 0), r.Unseen(t=2 * HOUR, who="anna", until=3 * HOUR))
    assert judged(*broken) == (0, 1, 0)


def test_nothing_new_is_asked_while_nothing_is_known_and_is_again_afterwards():
    unseen = r.Unseen(t=HOUR - 1, who="anna", until=2 * HOUR)
    assert judged(*BEGINS, unseen) == (0, 0, 0)
    assert judged(*BEGINS, unseen, current(2 * HOUR, 0), check="can-always-charge") == (0, 1, 0)


def test_a_loss_of_which_only_the_latest_time_is_known_leaves_the_charger_that_long_to_notice():
    """A car comes in the outage, draws half an hour later, and the server may have been lost just before it came, or when it drew."""
    outage = (r.Loss(t=HOUR, who="anna", cause="silence", by=0), r.Recovery(t=3 * HOUR, who="anna", since=HOUR))
    later = (r.Loss(t=HOUR, who="anna", cause="silence", by=2 * HOUR), outage[1])
    car = (r.PlugIn(t=HOUR + 30 * MINUTE, who="anna", plug_in=1, car="", needs_wh=0, leave=0), current(2 * HOUR, 16_000))
    assert judged(*outage, *car, check="can-always-charge") == (0, 1, 0)
    assert judged(*later, *car, check="can-always-charge") == (1, 0, 0)
