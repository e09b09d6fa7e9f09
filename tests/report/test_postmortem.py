"""The postmortem: that its facts are the journal's, that what only people know is a blank, and that no text in it acts as Markdown."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import msgspec
import pytest
from example_run import HOUR, MINUTE, RECORDS, SCENARIO
from hypothesis import assume, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import harness
from harness import pages, scenario
from harness.check.result import CheckResult, Margin
from harness.cli import main
from harness.journal import records as r
from harness.report import postmortem
from harness.report.chronicle import Chronicle, Wave
from harness.report.escape import markdown
from harness.report.outcome import unexercised
from harness.values import LiveRun, Scenario

SECTIONS = (
    "Summary", "Impact", "The four behaviours", "Timeline", "Detection", "Recovery", "Root cause", "What went well", "What went wrong",
    "Where we were lucky", "Action items", "Appendix: models and their assumptions",
)  # fmt: skip
NASTY = (
    "<script>alert(1)</script>", "a | b | c", "**bold** _thin_ `code` ~~gone~~", "[link](https://example.invalid) ![picture](x.png)",
    "# heading", "1. one", "1)", "> quoted", "- item", "+", "---", "- - -", "=== ==", "a\nb\r\n\n# c\n\n    d", "```", "____", "\\\\",
    "<!-- fill in -->", "&lt;b&gt; &#42;&#42;", "\u202egnitirw\u202c \x00\x1b[31m", "x" * 10_000, "<https://example.invalid>",
    "@octocat #1 https://example.invalid :tada: $x^2$", "<span>", "</span>", "$",
)  # fmt: skip


@cache
def ran(name: str = "faq-walkthrough", *overrides: str, twin: bool = True) -> harness.Run:
    return harness.run(name, overrides=list(overrides), twin=twin)


@cache
def failed() -> harness.Run:
    return ran("faq-walkthrough", "models.juicebox-40.quirks=[renews-hold-offline]", "plan.crash.for=9 h")


def written(run: harness.Run, **changes) -> str:
    return pages.postmortem(replace(run.outcome, **changes), run.journal).decode()


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The rows of the timeline: when, how long after the first fault, what."""
    table = re.findall(r"^\| (.*) \|$", section(text, "Timeline"), re.MULTILINE)
    return [row.split(" | ") for row in table[1:]]


def heard(*records: r.AnyRecord) -> Chronicle:
    chronicle = Chronicle()
    chronicle.feed(records)
    chronicle.close()
    return chronicle


def test_it_has_the_sections_of_an_incident_review_in_their_order():
    for run in (ran(), failed(), ran("answer-lost")):
        assert tuple(re.findall(r"^## (.*)$", written(run), re.MULTILINE)) == SECTIONS


def test_the_head_says_what_it_is_of_and_how_to_repeat_it():
    run = ran()
    head = written(run).partition("\n## ")[0]
    assert head.startswith(
        "# Postmortem: The maker's FAQ, one driver for each sentence\n\n> **SIMULATED: no car, driver or server of yours"
    )
    for fact in ("| **Seed** | 1 |", f"`{run.outcome.digest}`", f"harness {harness.__version__}", "\n```sh\nharness run faq-walkthrough"):
        assert fact in head
    assert "first fault Thu 18:00:00, last charger back Thu 20:02:02.450. Times are those of America/Los\\_Angeles" in head


@pytest.mark.parametrize(("peer", "says"), [("your server", "LIVE: made on purpose"), ("log", "IMPORTED FROM A LOG")])
def test_it_is_marked_as_what_it_is(peer, says):
    live = LiveRun(speed=1, skipped_idle=False, through="nothing", peer=peer, lost="inferred")
    text = written(ran(), live=live)
    assert f"\n> **{says}" in text
    assert "SIMULATED" not in text
    assert ("| **Seed** |" in text) == (peer != "log")  # chance had no part in a log


def test_the_summary_is_few_sentences_with_the_verdicts_and_the_cost_in_them():
    told = section(written(ran()), "Summary")
    cost = ran().metrics["extra_cost"].value
    assert "5 of 5 chargers lost their server, at the longest for " in told
    assert "Of the four behaviours, “charging continues”, “TOU is suspended”, “unplugging clears the schedule” and" in told
    assert ", and none failed. Against the same run without the faults, " in told
    assert f" {cost:.3f}".rstrip("0") + " USD more was paid for energy." in told
    told = section(written(failed()), "Summary")
    assert "“charging continues” FAILED and “an override is needed after recovery” was never put to the test." in told
    assert "2 FAILED: can-always-charge and hold-ends-on-time." in told


def test_the_summary_says_which_behaviours_no_maker_here_promises():
    told = section(written(ran("outage-wallbox-managed", twin=False)), "Summary")
    assert "Of the four behaviours, “charging continues” held and nobody here is held to “TOU is suspended”, “unplugging clears" in told


def test_without_a_twin_nobody_knows_what_it_cost():
    text = written(ran("faq-walkthrough", twin=False))
    assert "What it cost, nobody knows: there is no run without the faults to compare with." in section(text, "Summary")
    assert section(text, "Impact").count("| nobody knows: ") == 4
    live = LiveRun(speed=1, skipped_idle=False, through="nothing", peer="log")
    text = written(ran("faq-walkthrough", twin=False), live=live)
    assert "nobody knows: a log does not show what would have been without the outage." in section(text, "Summary")


def test_what_only_people_know_is_a_blank():
    text = written(failed())
    assert "- When did your operators notice? ____ <!-- fill in -->" in section(text, "Detection")
    assert section(text, "Root cause").startswith("Why: ____ <!-- fill in -->\n")
    assert section(text, "Where we were lucky").startswith("- ____ <!-- fill in -->\n")
    assert section(text, "Action items").count("| ____ | ____ | ____ | ____ | ____ |") == 3
    assert not re.search(r"^\s*_{3,}\s*$", text, re.MULTILINE)  # which would be a line across the page


# The timeline.


def test_the_timeline_tells_in_order_when_chargers_noticed_and_were_back():
    told = [what for _, _, what in rows(written(ran()))]
    order = (
        "**step crash (server.crash) begins**", "the first charger notices, of 5", "half of them have noticed: 3 of 5",
        "the last charger notices: 5 of 5", "dora: the driver asks in the app to charge now: refused", "**step crash (server.crash) ends**",
        "the server (shard 1) has restarted", "the first charger is back, of 5", "half of them are back: 3 of 5",
        "the last charger is back: 5 of 5", "the last message of a transaction from the outage is taken in", "all is settled",
    )  # fmt: skip
    places = [next(place for place, what in enumerate(told) if what.startswith(each)) for each in order]
    assert places == sorted(places)


def test_times_are_local_and_counted_from_the_first_fault():
    when = {what: (time, after) for time, after, what in rows(written(ran()))}
    assert when["**step crash (server.crash) begins**"] == ("Thu 18:00:00", "0 s")
    assert when["**step crash (server.crash) ends**"] == ("Thu 20:00:00", "2 h")


def test_a_failure_stands_where_it_was_seen():
    failing = [(time, what) for time, _, what in rows(written(failed())) if "❌" in what]
    assert failing[0][0] == "Fri 00:00:05.020"
    assert failing[0][1].startswith("❌ **can-always-charge** at dora: the car should draw by Fri 00:00:05.020")
    assert len(failing) == 2


def test_what_is_left_out_of_a_long_timeline_is_counted():
    run = ran("server-gone-for-good")
    text = written(run)
    traffic = sum(type(record).__name__ in ("PlugIn", "Stay") for record in run.records())
    (left_out,) = re.findall(r"Left out here: .*?(\d+) cars that came or left", text)
    assert 8 < len(rows(text)) <= postmortem.MOST_ROWS
    assert 500 < int(left_out) < traffic


@given(st.lists(st.tuples(st.sampled_from(list(postmortem._SHARES)), st.integers(0, 10**6)), max_size=200))
def test_no_timeline_is_longer_and_none_shorter_than_it_need_be(drawn):
    found = [postmortem.Row(t, kind, "") for kind, t in drawn]
    chosen, left_out = postmortem._chosen(found, heard())
    assert len(chosen) == min(len(found), postmortem.MOST_ROWS)
    assert len(chosen) + sum(left_out.values()) == len(found)
    assert [row.t for row in chosen] == sorted(row.t for row in chosen)


def test_without_a_plan_it_counts_from_the_first_loss():
    """As of a log: nothing in it tells what took the server away, nor who took mains from a station."""
    records = [
        r.Loss(t=HOUR, who="anna", cause="silence"), r.Loss(t=HOUR + 9, who="ben", cause="silence"),
        r.Power(t=HOUR + MINUTE, who="anna", state="off"), r.Recovery(t=2 * HOUR, who="anna", since=HOUR),
        r.Settled(t=3 * HOUR, who="anna"),
    ]  # fmt: skip
    live = LiveRun(speed=1, skipped_idle=False, through="nothing", peer="log")
    made = harness.run(msgspec.structs.replace(SCENARIO, plan=()), twin=False).outcome
    text = postmortem.render(replace(made, live=live), heard(*records))
    assert "| when | after the first loss | what |" in text
    assert [what for _, _, what in rows(text)] == [
        "the first of 2 chargers loses its server", "anna: mains lost", "the first charger is back, of 2 that lost their server",
    ]  # fmt: skip
    assert "first loss Thu 18:00:00, last charger back Thu 19:00:00." in text
    assert "- The last charger was settled at Thu 20:00:00." in text
    assert "The log shows that the server was away, never why." in text


# What is gathered.


def wave(chronicle: Chronicle) -> Wave:
    (found,) = chronicle.waves.values()
    return found


def test_noticing_and_coming_back_are_the_chargers_own():
    found = heard(*RECORDS)
    assert wave(found) == Wave("upgrade", "server.upgrade", 2 * HOUR, 2, [2 * HOUR + 300_000], [4 * HOUR + 4_000, 4 * HOUR + 9_000])
    assert (found.sessions, found.sessions_affected) == (1, 1)
    assert found.settled == r.Settled(t=4 * HOUR + 9_000)


def lost(who: str, t: int = HOUR) -> r.Loss:
    return r.Loss(t=t, who=who, cause="server.crash", step="crash")


def test_who_loses_power_has_noticed_nothing():
    off = r.Link(t=HOUR + 5, who="anna", state="offline", cause="power")
    assert wave(heard(lost("anna"), off)).noticed_ms == []
    assert wave(heard(lost("anna"), r.Link(t=HOUR + 5, who="anna", state="offline", cause="silence"))).noticed_ms == [HOUR + 5]


def test_a_blip_is_no_outage():
    found = heard(lost("anna"), lost("ben"), r.Recovery(t=HOUR + 9, who="anna", since=HOUR, blip=True))
    assert wave(found).lost == 1


def stay(t: int, who: str = "anna") -> r.Stay:
    return r.Stay(t=t, who=who, plug_in=1, ended="unplugged", wh=1, needs_wh=2, full=False)


def plugged(t: int, who: str = "anna") -> r.PlugIn:
    return r.PlugIn(t=t, who=who, plug_in=1, car="leaf", needs_wh=2, leave=9 * HOUR)


def back(t: int, *, blip: bool = False) -> r.Recovery:
    return r.Recovery(t=t, who="anna", since=HOUR, blip=blip)


@pytest.mark.parametrize(
    ("records", "affected"),
    [
        pytest.param([plugged(5), lost("anna"), stay(HOUR + 5), back(2 * HOUR)], 1, id="left in the outage"),
        pytest.param([lost("anna"), plugged(HOUR + 1), stay(HOUR + 5), back(2 * HOUR)], 1, id="came and left in the outage"),
        pytest.param([plugged(5), lost("anna"), back(2 * HOUR), stay(3 * HOUR)], 1, id="left after it"),
        pytest.param([plugged(5), lost("anna")], 1, id="still there, and without the server"),
        pytest.param([plugged(5), lost("anna"), stay(HOUR + 5)], 1, id="left, and the server never came back"),
        pytest.param([plugged(5), lost("anna"), back(HOUR + 9, blip=True), stay(3 * HOUR)], 0, id="a blip"),
        pytest.param([lost("anna"), plugged(HOUR + 1), stay(HOUR + 5), back(HOUR + 9, blip=True)], 0, id="within a blip"),
        pytest.param([plugged(5), stay(9), lost("anna"), back(2 * HOUR), plugged(3 * HOUR)], 0, id="before and after it"),
        pytest.param([plugged(5), lost("anna"), back(2 * HOUR), lost("anna", 3 * HOUR), stay(4 * HOUR)], 1, id="two outages, one session"),
    ],
)
def test_a_session_is_affected_when_an_outage_was_in_it(records, affected):
    assert heard(*records).sessions_affected == affected


def test_what_drivers_did_in_the_outage_is_kept_and_what_the_plan_did_is_not_theirs():
    cut = r.Fault(t=HOUR + 1, who="anna", step="pull", do="station.power-cut", edge="start")
    off = r.Power(t=HOUR + 1, who="anna", state="off")
    asked = r.Action(t=HOUR + 2, who="anna", action="override", outcome="refused", number=1)
    assert heard(lost("anna"), cut, off).deeds.first == []
    assert heard(lost("anna"), off, asked).deeds.first == [off, asked]
    assert heard(asked, lost("anna")).deeds.count == 0


def test_an_override_after_the_recovery_is_counted():
    asked = r.Action(t=3 * HOUR, who="anna", action="override", outcome="accepted", number=1)
    assert heard(lost("anna"), back(2 * HOUR), asked).overrides_after == 1
    assert heard(asked).overrides_after == 0


def test_the_queue_is_drained_when_the_last_older_message_is_taken_in():
    def taken(t, at):
        return r.Message(t=t, who="anna", action="transaction-end", sent=t, at=at, stamp=at, tx=1)

    found = heard(lost("anna"), back(2 * HOUR), taken(2 * HOUR + 5, HOUR), taken(2 * HOUR + 7, HOUR + 1), taken(3 * HOUR, 3 * HOUR))
    assert (found.drained_ms, found.queued) == (2 * HOUR + 7, 2)


def test_an_instant_is_told_once():
    edges = [r.Fault(t=HOUR, step="reset", do="network.reset", edge=edge) for edge in ("start", "end")]
    assert heard(*edges).steps.first == edges[:1]


# What held, and what did not.


def test_failed_checks_are_told_with_their_witness_and_on_whose_word_they_were_promised():
    text = written(failed())
    wrong = section(text, "What went wrong")
    assert "- **hold-ends-on-time**: A hold that was in memory at the loss lasts to its own end, and not longer. It failed once" in wrong
    assert "First at Fri 00:00:05.020 at dora: the hold ended at Fri 00:00:00.020" in wrong
    assert "- **override-needed-after-recovery** could not be decided: nothing triggered it." in wrong
    assert "hold-ends-on-time" not in section(text, "What went well")
    words = section(text, SECTIONS[-1])
    assert "  - juicebox-40: assumption: The FAQ has drivers pull the plug to end a hold" in words
    assert "- power\\_up.boot: No source; long for a microcontroller" in words
    assert "No check failed, so no assumption bears on a failure. The models: juicebox-40 (" in section(written(ran()), SECTIONS[-1])


def test_what_held_is_told_with_counts_and_margins():
    assert "- **can-always-charge** held 4 times, worst 5 s of 5 s. During an outage a car that wants energy" in section(
        written(ran()), "What went well"
    )


def test_near_misses_and_promises_never_tested_are_luck():
    lucky = section(written(ran()), "Where we were lucky")
    assert "- **can-always-charge**: worst 5 s of 5 s\n" in lucky
    assert "reconnects-in-time" not in lucky.partition("Promised, and never put to the test")[0]
    for clause in unexercised(ran().judgement):
        assert f"\n- {clause}\n" in lucky


@pytest.mark.parametrize(
    ("worst", "bound", "says", "used"),
    [
        (81.0, 100.0, "it is over", 0.81), (0.0, 0.0, "lost is at most 0 messages", 0), (0.5, 2.0, "it is over", 0.25),
        (99.0, 90.0, "port uptime is at least 90 %", 90 / 99), (-3.0, 5.0, "extra cost is at most 5 USD", 0),
    ],
)  # fmt: skip
def test_how_much_of_a_bound_was_used(worst, bound, says, used):
    origin = "limit" if " at " in says else "contract"
    margin = Margin(worst=worst, bound=bound, unit="s")
    result = CheckResult(name="x", says=says, verdict="pass", met=1, failed=0, cancelled=0, pending=0, origin=origin, margin=margin)
    assert postmortem._used(result) == pytest.approx(used)


def test_the_plans_steps_are_what_the_experiment_did():
    cause = section(written(ran("closed-for-repair")), "Root cause")
    assert "- **crash** (server.crash), all chargers, Thu 18:00 to Thu 22:00\n" in cause
    assert "- **restart** (station.reboot-loop), yard, Thu 20:00 to Thu 20:00:01; every: 5 min\n" in cause
    assert "driver." not in section(written(ran("flapping")), "Root cause")


def test_what_responders_did_is_told_under_recovery_and_neither_causes_nor_begins_anything():
    text = written(ran("faq-walkthrough", "plan.crash.do=server.scale-out", "plan.crash.at=14:30"))
    assert "- Responders: **crash** (server.scale-out), all chargers, Thu 14:30 to Thu 16:30; factor: 2\n" in section(text, "Recovery")
    assert "scale-out" not in section(text, "Root cause")
    began = next(row for row in rows(text) if "carla-pulls-the-plug" in row[2])
    assert (began[0], began[1]) == ("Thu 18:50:00", "0 s")
    (responded,) = [row for row in rows(text) if "scale-out) begins" in row[2]]
    assert responded == ["Thu 14:30:00", "", "**responders' step crash (server.scale-out) begins**"]
    assert "first fault Thu 18:50:00" in text


# Where it comes from, and where it goes.


def test_equal_runs_give_equal_bytes_from_a_run_and_from_its_folder(tmp_path):
    run = harness.run("answer-lost", out=tmp_path / "one", html=False)
    harness.run("answer-lost", out=tmp_path / "two", html=False)
    first = harness.postmortem(tmp_path / "one")
    assert first == tmp_path / "one" / "postmortem.md"
    assert first.read_bytes() == harness.postmortem(tmp_path / "two", out=tmp_path / "p.md").read_bytes()
    assert first.read_text() == written(run)


def test_a_journal_alone_is_judged_again(tmp_path):
    harness.run("answer-lost", out=tmp_path, html=False)
    (tmp_path / "result.json").unlink()
    assert "Judge its journal again:\n\n```sh\nharness check " in harness.postmortem(tmp_path).read_text()


def test_a_run_that_was_cut_off_says_so_first_and_in_its_timeline(tmp_path):
    whole = ran("power-cut-in-outage").journal.read_bytes().splitlines(keepends=True)
    (tmp_path / "journal.jsonl").write_bytes(b"".join(whole[: len(whole) // 2]))
    text = harness.postmortem(tmp_path).read_text()
    assert "> **CUT OFF: this is not a whole run." in text.partition("\n## ")[0]
    assert rows(text)[-1][2] == "**the journal ends here: the run was cut off**"
    assert "chargers had not heard from the server when it ended." in section(text, "Recovery")
    assert "No check had failed when the run was cut off." in section(text, "What went wrong")


def test_the_command_makes_it_instead_of_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    harness.run("answer-lost", out=tmp_path / "run", html=False)
    assert main(["report", "run", "--postmortem"]) == 0
    assert capsys.readouterr().out == "run/postmortem.md\n"
    assert not (tmp_path / "run" / "report.html").exists()
    assert main(["report", "run", "--postmortem", "--out", "mine.md"]) == 0
    assert (tmp_path / "mine.md").read_bytes() == (tmp_path / "run" / "postmortem.md").read_bytes()
    assert main(["report", "run", "--postmortem", "--out", "no/such/mine.md"]) == 4
    assert capsys.readouterr().err == "harness: No such file or directory: no/such/mine.md\n"
    assert main(["report", "nothing", "--postmortem"]) == 4


def test_an_outage_of_nobody_has_a_postmortem_too():
    text = written(ran("answer-lost"))
    assert "- No charger lost its server for longer than a blip, so there was nothing to notice." in text
    quiet = msgspec.structs.replace(SCENARIO, plan=())
    run = harness.run(quiet, twin=False)
    assert "no fault. Times are" in written(run)
    assert "The plan of the scenario has no fault in it." in written(run)
    assert "Nothing happened that has a place here." in written(run)


# Text from elsewhere.


@cache
def plain_scenario() -> Scenario:
    """One that fails, drivers in it that ask for things."""
    return scenario.loads(
        """\
harness: 1
title: plain
start: 2026-03-12 16:00
zone: America/Los_Angeles
duration: 6 h
seed: 1
server: juicenet
network: ethernet
supply: {voltage: 240 V}
models: {juicebox-40: {server_loss: {new_car: refused}}}
defaults: {model: juicebox-40, car: bolt, tariff: pge-ev2-a, tou: {charge_in: [off-peak]}}
chargers:
  anna: {session: {plug_in: 18:30, needs: 20 kWh, leave: 21:00}}
  ben: {session: {plug_in: 17:30, needs: 20 kWh, leave: 21:00}}
plan:
  - {id: crash, at: 18:00, do: server.crash, for: 2 h}
  - {id: asks, at: 18:40, do: driver.override, to: anna}
""",
        "plain",
    )


def renamed(text: str) -> str:
    """The postmortem of a run in which this stands wherever somebody else's words can."""
    given_ = plain_scenario()
    chargers = tuple(msgspec.structs.replace(entry, name=f"{text}{place}") for place, entry in enumerate(given_.chargers))
    plan = (msgspec.structs.replace(given_.plan[0], id=text),)
    models = {
        key: msgspec.structs.replace(
            model, name=text, title=text,
            claims={text: msgspec.structs.replace(next(iter(model.claims.values())), source="", assumption=text)},
            contract={name: msgspec.structs.replace(clause, source=text) for name, clause in model.contract.items()},
        )
        for key, model in given_.models.items()
    }  # fmt: skip
    changed = msgspec.structs.replace(given_, title=text, name=text, chargers=chargers, plan=plan, models=models)
    run = harness.run(changed, twin=False)
    live = LiveRun(speed=1, skipped_idle=False, through="nothing", peer="your server", target=text, stations={f"{text}0": text})
    return written(run, live=live, command=f"harness run {text}")


def shape(text: str) -> list[str]:
    """All that a reader of Markdown makes of it but for the words, and for what keeps GitHub from finding something in them."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    kinds = []
    for token in tokens:
        inner = (child for child in token.children or () if child.content not in ("<span>", "</span>"))
        kinds += [token.type, *(child.type for child in inner if child.type != "text")]
    return kinds


@cache
def plainly() -> tuple[str, list[str]]:
    text = renamed("plain")
    return text, shape(text)


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_no_text_acts_as_markdown_or_looks_like_a_blank(text):
    plain, kinds = plainly()
    found = renamed(text)
    fenced = re.compile(r"^```sh\n.*?\n```$", re.MULTILINE | re.DOTALL)
    assert shape(found) == kinds
    assert fenced.sub("", found).count("____") == plain.count("____")
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", fenced.sub("", found))
    assert len(found) < 60_000


@given(st.text(min_size=1, max_size=40).filter(str.strip))
def test_nor_does_any_other(text):
    told = renamed(text)
    assume("noticed at once" not in told)  # draws follow names, and so does whether two take one row or two
    assert shape(told) == plainly()[1]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_text_is_inert_also_where_it_begins_a_line(text):
    assert shape(f"above\n{markdown(text)}\n\n- {markdown(text)}") == [
        "paragraph_open", "inline", "softbreak", "paragraph_close",
        "bullet_list_open", "list_item_open", "paragraph_open", "inline", "paragraph_close", "list_item_close", "bullet_list_close",
    ]  # fmt: skip


def test_minutes_are_whole_seconds_in_the_margin():
    assert postmortem._rounded(MINUTE + 400) == MINUTE
    assert postmortem._rounded(1_250) == 1_250
