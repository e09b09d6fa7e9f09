"""Reports of a made-up run: what each shows, to the letter where people read it, and that nothing in a run can break its form."""

import json
from xml.etree import ElementTree

import msgspec
import pytest
from example_run import HOUR, MINUTE, RECORDS, SCENARIO
from hypothesis import given
from hypothesis import strategies as st

from harness.check.result import BEHAVIOURS, EXIT_CODES, CheckResult, Judgement, Margin, MetricValue, Witness
from harness.report import document, junit, markdown, terminal, timeline
from harness.report.clock import Clock
from harness.report.comparison import Agreement, Difference, Parity
from harness.report.html import tables
from harness.report.line import COLOURS
from harness.report.outcome import (
    Machine,
    Outcome,
    counts_text,
    difference_text,
    margin_text,
    sentence,
    stage_text,
    stations_text,
    surroundings,
    unexercised,
)
from harness.report.outline import Outline
from harness.report.stays import Stays
from harness.values import LiveRun

WITNESS = Witness(
    charger="anna",
    t=150 * MINUTE + 40_000,
    rule="anna's station was unplugged and forgot nothing: no current 45 s after its power-up.",
    records=[record for record in RECORDS if record.who == "anna"][2:9],
)
CHECKS = [
    CheckResult(
        name="can-always-charge", says="During an outage a car draws.", verdict="pass", met=14, failed=0, cancelled=0, pending=0,
        margin=Margin(worst=41.0, bound=60.0, unit="s"),
    ),
    CheckResult(
        name="unplug-clears-schedule", says="A station unplugged from the wall forgets its hold.", verdict="fail", met=1, failed=1,
        cancelled=2, pending=1, witness=WITNESS, failing=["anna"],
    ),
    CheckResult(
        name="override-needed-after-recovery", says="After recovery a car is held again.", verdict="unknown", met=0, failed=0,
        cancelled=0, pending=0, origin="scenario", why="no car was connected at recovery",
    ),
    CheckResult(
        name="clock-sane", says="Times are true.", verdict="fail", met=0, failed=1, cancelled=0, pending=0, severity="warn",
        failing=["ben"],
    ),
    CheckResult(
        name="transactions-accounted", says="Each transaction once.", verdict="fail", met=0, failed=1, cancelled=0, pending=0,
        known="a retried stop is counted twice", failing=["ben"],
    ),
    CheckResult(name="override-kept", says="It stands.", verdict="unknown", met=0, failed=0, cancelled=0, pending=0),
]  # fmt: skip


def outcome(*, verdict="fail", checks=CHECKS, reasons=("unplug-clears-schedule failed once",), scenario=SCENARIO, **changes):
    outline = Outline()
    outline.feed(RECORDS)
    outline.close(scenario.duration_ms)
    stays = Stays(scenario)
    stays.feed(RECORDS)
    judgement = Judgement(
        verdict=verdict,
        exit_code=EXIT_CODES[verdict],
        reasons=list(reasons),
        behaviours=dict(zip(BEHAVIOURS, (14, 0, 2, 0), strict=True)),
        checks=list(checks),
        unexercised=["plain-40: override-kept"],
        metrics={
            "undelivered_energy": MetricValue(value=0.25, unit="kWh", run=1.5, twin=1.25),
            "time_to_recover_max": MetricValue(value=9, unit="s"),
            "port_uptime": MetricValue(value=None, unit="%"),
        },
    )
    given = {
        "harness": "0.1.0", "records": len(RECORDS), "digest": "ab" * 32, "command": "harness run tiny --seed 7", "folder": "out",
        "outline": outline, "stays": stays,
    }  # fmt: skip
    return Outcome(scenario=scenario, judgement=judgement, **{**given, **changes})


def told(lines):
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


TERMINAL = """\
tiny  A tiny outage
server.upgrade Thu 19:00 for 2 h: 2 of 2 chargers lost their server, at the
longest for 2 h 9 s.

✓ charging continues                    exercised 14 times, by can-always-charge
? TOU is suspended                      nobody here is held to it
✗ unplugging clears the schedule        exercised twice, by
                                        unplug-clears-schedule
? an override is needed after recovery  not exercised

✓ can-always-charge               held 14 times, worst 41 s of 60 s
✗ unplug-clears-schedule          failed once, held once, 2 cancelled, 1 pending
? override-needed-after-recovery  no car was connected at recovery
! clock-sane                      failed once
! transactions-accounted          known failure (a retried stop is counted
                                  twice): failed once
Promised, not exercised: plain-40: override-kept

✗ unplug-clears-schedule  anna
  A station unplugged from the wall forgets its hold.
  Thu 19:30:40  anna: anna's station was unplugged and forgot nothing: no
    current 45 s after its power-up.
    Thu 18:00:00.080  acknowledges a hold: do not charge for 6 h, until Fri
                      00:00:00.080 (plug-in 1)
    Thu 18:00:00.080  draws nothing (SuspendedEVSE): the server's hold stands
    Thu 19:00:00      loses its server (server.upgrade, step upgrade)
    Thu 19:05:00      takes itself to be offline: the server is silent
    Thu 19:30:00      step pull-plug (station.power-cut) begins
    Thu 19:30:00      mains lost
    Thu 19:30:00      draws nothing (Unavailable): no mains

! clock-sane  ben
  Times are true.

! transactions-accounted  ben
  Each transaction once.

  anna  in Thu 18:00, charges from Thu 19:30:45, after 1 h 30 min 45 s: the
          server's hold stands; 18 of 18 kWh; out Fri 04:00, with what it needed
        without its server: Thu 19:00 to Thu 21:00:04
  ben   no car came
        without its server: Thu 19:00 to Thu 21:00:09

  undelivered_energy   0.25 kWh  (1.5 with the faults, 1.25 without)
  time_to_recover_max     9 s

✗ fail
  unplug-clears-schedule failed once
repeat   harness run tiny --seed 7
reports  out"""


def test_the_terminal_shows_it_all_in_eighty_columns():
    lines = terminal.lines(outcome(), width=80)
    assert told(lines) == TERMINAL
    assert max(len(line) for line in told(lines).splitlines()) <= 80
    assert {style for line in lines for _, style in line} <= {"", *COLOURS}


@given(st.integers(40, 160))
def test_no_line_is_wider_than_the_terminal_but_for_names_and_commands(width):
    for line in told(terminal.lines(outcome(), width=width)).splitlines():
        assert len(line) <= width or line.startswith(("repeat", "reports", "  messages_")), line


def test_one_of_anything_is_no_plural():
    one = msgspec.structs.replace(WITNESS, records=RECORDS[:1] * 25)
    failed = msgspec.structs.replace(CHECKS[1], witness=one)
    single = outcome(checks=[failed], records=1)
    assert "… 1 more event, all in result.json" in told(terminal.lines(single))
    assert ", 1 record, digest" in markdown.render(single)
    assert "\nCharger: anna.\n" in markdown.render(single)
    assert "charger: anna\n" in junit.render([single]).decode()
    crowded = msgspec.structs.replace(
        SCENARIO, chargers=tuple(msgspec.structs.replace(SCENARIO.chargers[0], name=f"c{place}") for place in range(13))
    )
    many = outcome(checks=CHECKS[:1], stays=Stays(crowded))
    assert "  and 1 more charger, in report.md" in told(terminal.lines(many))


def test_a_long_witness_keeps_its_beginning_and_its_end():
    long = msgspec.structs.replace(WITNESS, records=[*RECORDS[:1], *RECORDS[7:8] * 60, *RECORDS[-1:]])
    failed = msgspec.structs.replace(CHECKS[1], witness=long)
    text = told(terminal.lines(outcome(checks=[failed])))
    assert "a car (leaf-40) is plugged in" in text
    assert "… 38 more events, all in result.json" in text
    assert "18 kWh of the 18 kWh" in text


def test_the_same_events_are_shown_once():
    text = told(terminal.lines(outcome(checks=[CHECKS[1], msgspec.structs.replace(CHECKS[1], name="tou-suspended")])))
    assert text.count("mains lost") == 1
    assert "    the events of unplug-clears-schedule\n" in text


def test_one_of_several_runs_is_a_line_and_what_to_look_at():
    assert told(terminal.brief(outcome(verdict="pass"))).splitlines() == [
        "✓ tiny                          pass         1 pass, 3 fail",
        "reports  out",
    ]
    assert told(terminal.brief(outcome())).splitlines() == [
        "✗ tiny                          fail         1 pass, 3 fail",
        "  unplug-clears-schedule failed once",
        "repeat   harness run tiny --seed 7",
        "reports  out",
    ]
    assert told([terminal.total([outcome(), outcome(verdict="pass")], 3)]) == "1 of 3 scenarios passed"


def test_behaviours_that_nobody_is_held_to_are_neither_kept_nor_broken_nor_untested():
    text = markdown.render(outcome())
    assert "| TOU is suspended | nobody here is held to it |" in text
    assert "| an override is needed after recovery | not exercised |" in text


def test_the_markdown_says_the_same():
    text = markdown.render(outcome())
    assert text.startswith("# ❌ tiny: fail\n\n**A tiny outage**\n\nserver.upgrade Thu 19:00 for 2 h: 2 of 2 chargers lost their server")
    order = [text.index(part) for part in ("## The four behaviours", "## Checks", "## Failures", "## Chargers", "## Metrics", "Repeat it:")]
    assert order == sorted(order)
    assert "| ✅ | charging continues | 14 times | can-always-charge |" in text
    assert "| ❌ | unplugging clears the schedule | twice | unplug-clears-schedule |" in text
    assert "| ✅ | can-always-charge | 14 | 0 | 0 | 0 | worst 41 s of 60 s |" in text
    assert "| undelivered\\_energy | 0.25 kWh | 1.5 with the faults, 1.25 without |" in text
    assert "| port\\_uptime | not measured |  |" in text
    assert (
        "| anna | Thu 18:00 | from Thu 19:30:45, after 1 h 30 min 45 s: the server's hold stands | 18 of 18 kWh"
        " | Fri 04:00, with what it needed | Thu 19:00 to Thu 21:00:04 |"
    ) in text
    assert "| ben | no car came |  |  |  | Thu 19:00 to Thu 21:00:09 |" in text
    assert "Thu 19:30:00      anna  mains lost" in text
    assert "```sh\nharness run tiny --seed 7\n```" in text


def test_markdown_beyond_the_limit_is_cut_visibly_and_still_says_how_to_repeat_it():
    many = [msgspec.structs.replace(CHECKS[1], witness=msgspec.structs.replace(WITNESS, records=RECORDS * 60))] * 30
    whole = markdown.render(outcome(checks=many), largest_bytes=10_000_000)
    cut = markdown.render(outcome(checks=many), largest_bytes=50_000)
    assert len(whole.encode()) > 1_000_000
    assert len(markdown.render(outcome(checks=many)).encode()) <= 1_000_000
    assert len(cut.encode()) <= 50_000
    assert f"Truncated here: the whole report has {len(whole.encode())} bytes" in cut
    assert cut.count("\n```") % 2 == 0
    assert cut.endswith("```sh\nharness run tiny --seed 7\n```\n")


def test_text_of_a_user_cannot_act_as_markup():
    nasty = msgspec.structs.replace(SCENARIO, title="a | b <script> `x`\n# c", name="t*i*ny")
    text = markdown.render(outcome(scenario=nasty, command="harness run '```\nrm'"))
    assert "**a \\| b &lt;script> \\`x\\` # c**" in text
    assert "\n# c" not in text
    assert "# ❌ t\\*i\\*ny: fail" in text
    assert text.count("```") % 2 == 0


def cases(document):
    return {case.get("name"): case for case in ElementTree.fromstring(document).iter("testcase")}


def test_junit_has_a_case_for_each_check_and_one_for_the_run():
    document = junit.render([outcome(), outcome(verdict="pass", checks=CHECKS[:1])])
    root = ElementTree.fromstring(document)
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "9", "failures": "1", "errors": "0", "skipped": "3",
    }  # fmt: skip
    suite = root[0]
    properties = {entry.get("name"): entry.get("value") for entry in suite.iter("property")}
    assert properties["seed"] == "7"
    assert properties["command"] == "harness run tiny --seed 7"
    found = cases(junit.render([outcome()]))
    assert list(found) == [check.name for check in CHECKS] + ["the run"]
    assert found["unplug-clears-schedule"].find("failure").get("message") == WITNESS.rule
    assert "Thu 19:30:00  anna  mains lost" in found["unplug-clears-schedule"].find("failure").text
    skipped = found["override-needed-after-recovery"].find("skipped").get("message")
    assert skipped == "unknown: no car was connected at recovery"
    assert found["transactions-accounted"].find("skipped").get("message") == "known failure: a retried stop is counted twice"
    assert found["clock-sane"].find("failure") is None
    assert found["clock-sane"].find("system-out").text.startswith("warning: ")
    assert found["can-always-charge"].find("system-out").text == "held 14 times, worst 41 s of 60 s"
    assert found["the run"].find("error") is None


@pytest.mark.parametrize("verdict", ["invalid", "interrupted", "unknown", "fail"])
def test_junit_is_red_where_no_check_says_why(verdict):
    found = cases(junit.render([outcome(verdict=verdict, checks=CHECKS[:1], reasons=["the server was never reached"])]))
    error = found["the run"].find("error")
    assert error.get("message") == verdict
    assert error.text.endswith("the server was never reached")
    assert ("CUT OFF" in error.text) == (verdict == "interrupted")


@given(st.text())
def test_no_text_makes_bad_xml(text):
    check = msgspec.structs.replace(CHECKS[1], name=text, says=text, witness=msgspec.structs.replace(WITNESS, rule=text, charger=text))
    scenario = msgspec.structs.replace(SCENARIO, name=text)
    document = junit.render([outcome(scenario=scenario, checks=[check], reasons=[text], command=text)])
    assert len(cases(document)) >= 1


def test_the_document_has_its_promised_top():
    machine = Machine(python="3.11.7", platform="Linux x86_64", started="2026-01-01T00:00:00Z", seconds=0.5)
    read = json.loads(document.render(outcome(), machine))
    assert {key: read[key] for key in ("schema", "harness", "scenario", "seed", "verdict", "exit_code")} == {
        "schema": 1, "harness": "0.1.0", "scenario": "tiny", "seed": 7, "verdict": "fail", "exit_code": 1,
    }  # fmt: skip
    assert read["journal"] == {"records": len(RECORDS), "digest": "ab" * 32}
    assert read["machine"]["seconds"] == 0.5
    assert [check["name"] for check in read["checks"]] == [check.name for check in CHECKS]
    for check in read["checks"]:
        assert {"name", "verdict", "met", "failed", "cancelled", "pending", "margin", "witness"} <= set(check)
    assert read["checks"][0]["margin"] == {"worst": 41.0, "bound": 60.0, "unit": "s"}
    assert read["checks"][1]["witness"]["records"][0]["e"] == "command"
    assert read["metrics"]["undelivered_energy"] == {"value": 0.25, "unit": "kWh", "run": 1.5, "twin": 1.25}
    assert list(read["behaviours"]) == list(BEHAVIOURS)


def test_the_document_fits_its_schema():
    schema = document.schema()["$defs"]["Result"]
    read = json.loads(document.render(outcome(), None))
    assert set(read) == set(schema["required"]) == set(schema["properties"])
    assert msgspec.json.decode(document.render(outcome(), None), type=document.Result).scenario == "tiny"


def test_the_outline_counts_outages_blips_and_those_without_an_end():
    from harness.journal.records import Fault, Loss, Recovery

    outline = Outline()
    outline.feed([
        Fault(t=HOUR, step="cut", do="network.cut", edge="start"),
        Loss(t=HOUR, who="anna", cause="network.cut", step="cut"),
        Fault(t=HOUR + 1000, step="cut", do="network.cut", edge="end"),
        Recovery(t=HOUR + 2000, who="anna", since=HOUR, blip=True),
        Fault(t=2 * HOUR, step="override", do="driver.override", edge="start"),
        Fault(t=2 * HOUR, who="anna", step="override", do="driver.override", edge="start"),
    ])  # fmt: skip
    assert outline.driver_steps == {"override": 2 * HOUR}
    assert outline.outages == 0
    assert outline.sentence(SCENARIO) == "No charger lost its server for longer than a blip (1 blip)."
    outline.feed([Loss(t=3 * HOUR, who="ben", cause="server.gone", step="end"), Loss(t=3 * HOUR, who="anna", cause="link")])
    outline.close(12 * HOUR)
    assert outline.unrecovered == 2
    assert outline.longest_ms == 9 * HOUR
    assert outline.sentence(SCENARIO) == (
        "network.cut Thu 18:00 for 1 s, server.gone and 1 more: 2 of 2 chargers lost their server, at the longest for 9 h,"
        " 2 to the end, 1 blip."
    )


def test_one_charger_loses_its_server_and_several_theirs():
    from harness.journal.records import Loss, Recovery

    outline = Outline()
    for start in (HOUR, 3 * HOUR):
        outline.feed([Loss(t=start, who="anna", cause="link"), Recovery(t=start + HOUR, who="anna", since=start)])
    assert outline.sentence(SCENARIO) == "link: 1 of 2 chargers lost its server twice, at the longest for 1 h."
    alone = msgspec.structs.replace(SCENARIO, chargers=SCENARIO.chargers[:1])
    assert outline.sentence(alone) == "link: 1 of 1 charger lost its server twice, at the longest for 1 h."


def test_links_that_leave_online_under_a_server_that_keeps_them_waiting_name_it():
    from harness.journal.records import Fault, Loss, Recovery

    outline = Outline()
    outline.feed([Fault(t=HOUR, step="slow", do="server.brown-out", edge="start"), Loss(t=2 * HOUR, who="anna", cause="link")])
    outline.feed([Recovery(t=3 * HOUR, who="anna", since=2 * HOUR), Fault(t=4 * HOUR, step="slow", do="server.brown-out", edge="end")])
    told = "server.brown-out Thu 18:00 for 3 h: 1 of 2 chargers lost its server, at the longest for 1 h."
    assert outline.sentence(SCENARIO) == told
    outline.feed([Loss(t=5 * HOUR, who="anna", cause="link"), Recovery(t=6 * HOUR, who="anna", since=5 * HOUR)])
    assert outline.sentence(SCENARIO).startswith("server.brown-out Thu 18:00 for 3 h, link: ")


def test_the_loss_of_settings_says_whose():
    from harness.journal.records import Fault

    outline = Outline()
    wiped = [Fault(t=HOUR, step="wiped", do="server.settings-wiped", edge=edge) for edge in ("start", "end")]
    outline.feed([*wiped, Fault(t=HOUR, who="anna", step="wiped", do="server.settings-wiped", edge="struck")])
    assert outline.sentence(SCENARIO) == "No charger lost its server. server.settings-wiped struck anna."


def test_faults_that_take_no_server_away_say_whom_they_struck():
    from harness.journal.records import Fault

    def step(name, kind, who, *edges):
        return [Fault(t=HOUR, who=whose, step=name, do=kind, edge=edge) for edge in edges for whose in ("", *who)]

    steps = [msgspec.structs.replace(SCENARIO.plan[0], id="stop", do="message.lose-answer", times=1, for_ms=None)]
    steps.append(msgspec.structs.replace(steps[0], id="start", times=3))
    scenario = msgspec.structs.replace(SCENARIO, plan=tuple(steps))
    outline = Outline()
    outline.feed(step("stop", "message.lose-answer", ["anna"], "start", "end"))
    outline.feed(step("start", "message.lose-answer", ["ben"], "start", "end"))
    outline.feed(step("dull", "message.delay", ["ben"], "start", "end") + step("dull", "message.delay", [], "no-effect"))
    outline.feed(step("ask", "driver.override", ["ben"], "start"))
    assert outline.sentence(scenario) == "No charger lost its server. message.lose-answer struck anna once, ben 3 times."


def test_beside_an_outage_stand_the_messages_that_were_struck_and_no_other_fault():
    from harness.journal.records import Fault, Loss, Recovery

    outline = Outline()
    for kind, who in (("message.drop", "anna"), ("station.power-cut", "ben")):
        outline.feed([Fault(t=HOUR, who=who, step=kind, do=kind, edge=edge) for edge in ("start", "end")])
    outline.feed([Loss(t=HOUR, who="anna", cause="link"), Recovery(t=2 * HOUR, who="anna", since=HOUR)])
    assert outline.sentence(SCENARIO) == ("link: 1 of 2 chargers lost its server, at the longest for 1 h. message.drop struck anna.")


def test_what_responders_do_is_told_as_theirs_and_as_no_fault():
    from harness.journal.records import Fault, Loss, Recovery

    steps = [("gone", "server.stalled"), ("gently", "server.admit"), ("idle", "server.failover"), ("more", "server.scale-out")]
    outline = Outline()
    outline.feed([Fault(t=HOUR, step=name, do=do, edge="start") for name, do in steps])
    outline.feed([Fault(t=HOUR, step="idle", do="server.failover", edge="no-effect")])
    told = "Responders: server.admit and server.scale-out."
    assert outline.sentence(SCENARIO) == f"No charger lost its server. server.stalled acted. {told}"
    outline.feed([Loss(t=HOUR, who="anna", cause="link"), Recovery(t=2 * HOUR, who="anna", since=HOUR)])
    lost = "link: 1 of 2 chargers lost its server, at the longest for 1 h."
    assert outline.sentence(SCENARIO) == f"{lost} Beside it: server.stalled. {told}"


def test_a_cut_off_run_is_marked_as_one_in_every_report():
    run = outcome(verdict="interrupted", reasons=["the journal was cut off"])
    note = "CUT OFF: this is not a whole run."
    assert note in told(terminal.lines(run, width=120))
    assert f"> **{note}" in markdown.render(run)
    assert note in junit.render([run]).decode()
    assert json.loads(document.render(run, None))["complete"] is False
    assert json.loads(document.render(outcome(), None))["complete"] is True
    assert note not in markdown.render(outcome())


def test_an_experiment_that_did_not_happen_is_marked_so_in_every_report():
    run = outcome(verdict="invalid", reasons=["step cut: changed nothing"])
    note = "INVALID: the experiment did not happen."
    assert note in told(terminal.lines(run, width=160))
    assert f"> **{note}" in markdown.render(run)
    assert note in junit.render([run]).decode()
    assert note not in markdown.render(outcome())


def test_what_was_measured_under_network_faults_follows_the_outage():
    from harness.journal.records import Measured

    outline = Outline()
    met = [("far", "answered", 201.5, 200), ("cut", "silent", 250.0, 0), ("hole", "closed", 3.0, 0), ("reset", "reset", 1.2, 0)]
    for step, what, real_ms, least_ms in [*met, ("again", "silent", 250.0, 0)]:
        expected = "answered" if least_ms else "reset" if step == "reset" else "silent"
        record = Measured(t=0, proxy="p", step=step, call="add", what=what, real_ms=real_ms, expected=expected, expected_ms=least_ms)
        outline.feed([record, msgspec.structs.replace(record, call="remove", what="answered"), record])
    assert outline.sentence(SCENARIO) == (
        "No charger lost its server. Measured: far, a ping came back after 201.5 ms (at least 200 ms); cut, a ping had no answer in 250 ms;"
        " hole, a ping was closed after 3 ms; reset, a new connection was reset after 1.2 ms; and 1 more."
    )


def test_what_was_verified_is_said_in_every_report():
    run = outcome(verdict="pass", verified=True)
    assert "verified two fresh processes wrote the same journal, digest abab" in told(terminal.lines(run))
    assert "Verified: two fresh processes wrote the same journal." in markdown.render(run)
    assert json.loads(document.render(run, None))["verified"] is True
    assert "verified" not in told(terminal.lines(outcome()))


def test_a_run_that_no_command_repeats_says_so():
    assert "repeat   run from Python" in told(terminal.lines(outcome(command="")))
    assert "Repeat it: run from Python" in markdown.render(outcome(command=""))
    kept = outcome(command="harness check out")
    assert "judge again harness check out" in told(terminal.lines(kept))
    assert "Judge its journal again:\n\n```sh\nharness check out\n```" in markdown.render(kept)


def test_sentences_do_not_run_together():
    own = msgspec.structs.replace(CHECKS[1], says="Anna charges")
    assert "Anna charges. Failed once, held once, 2 cancelled" in markdown.render(outcome(checks=[own]))
    assert sentence("Does she?") == "Does she?"


def test_a_limit_says_which_way_it_goes_and_a_failure_shows_no_comfortable_margin_as_its_own():
    limit = CheckResult(
        name="port_uptime", says="port uptime is at least 97 %", verdict="pass", met=1, failed=0, cancelled=0, pending=0,
        margin=Margin(worst=99.998, bound=97, unit="%"), origin="limit",
    )  # fmt: skip
    assert margin_text(limit) == "worst 99.998 % of at least 97 %"
    most = msgspec.structs.replace(limit, says="undelivered energy is at most 2 kWh", failed=1, met=0)
    assert margin_text(most) == "worst 99.998 % of at most 97 %"
    failed = msgspec.structs.replace(CHECKS[0], verdict="fail", failed=1)
    assert margin_text(failed) == "worst of those that held 41 s of 60 s"
    assert margin_text(msgspec.structs.replace(failed, met=0)) == ""


def test_a_difference_is_told_by_its_two_figures():
    metric = MetricValue(value=-2.095, unit="kWh", run=83.76, twin=85.855)
    said = "83.76 with the faults, 85.855 without"
    assert difference_text("undelivered_energy", metric) == f"{said}: 2.095 kWh more delivered than without them"
    assert difference_text("peak_energy", metric) == said


def test_a_crowd_is_summed_up_and_a_long_story_is_cut():
    from harness.journal.records import Loss, PlugIn, Recovery, Stay
    from harness.report.stays import more, outages

    anna, ben = SCENARIO.chargers
    scenario = msgspec.structs.replace(SCENARIO, chargers=(msgspec.structs.replace(anna, name="homes", count=2), ben))
    stays = Stays(scenario)
    for day in range(20):
        at = day * 24 * HOUR
        for who in ("homes-1", "homes-2", "ben"):
            stays.feed([PlugIn(t=at, who=who, plug_in=day + 1, car="x", needs_wh=2000, leave=at + HOUR)])
        for who, wh in (("homes-1", 2000), ("homes-2", 500), ("ben", 2000)):
            stays.feed([Stay(t=at + HOUR, who=who, plug_in=day + 1, ended="unplugged", wh=wh, needs_wh=2000, full=False)])
    stays.feed([Loss(t=HOUR, who=who, cause="server.crash") for who in ("homes-1", "homes-2", "ben")])
    stays.feed([Recovery(t=3 * HOUR, who="homes-1", since=HOUR)])
    homes, single = stays.shares
    clock = Clock(scenario)
    assert (homes.stays, homes.wh, homes.short, homes.visits) == (40, 50_000, 20, [])
    assert outages(homes, stays, clock) == "twice in all, at the longest for 2 h, 1 to the end"
    assert outages(single, stays, clock) == "from Thu 18:00 to the end"
    assert len(single.visits) == 10
    assert more(single, 10) == "and 10 more stays; all 20: 40 of 40 kWh, 0 left short"


def test_messages_that_were_given_up_are_told_with_whose_they_were_and_why():
    from harness.journal.records import Discard

    stays = Stays(SCENARIO)
    lost = [("transaction-start", "attempts", 1), ("transaction-end", "queue-full", 2), ("meter-values", "queue-full", 9)]
    stays.feed([Discard(t=HOUR, who="anna", action=action, why=why, count=count) for action, why, count in lost])
    run = outcome(stays=stays)
    says = "1 start, as all attempts had failed; 2 ends and 9 readings, as its queue was full"
    assert f"that were given up:\n\n- anna: {says}.\n" in markdown.render(run)
    assert f"gave up messages of transactions: {says}" in told(terminal.lines(run, width=200))
    assert "given up" not in markdown.render(outcome())


def test_promises_never_tested_are_told_by_those_models_together_that_share_them():
    run = outcome()
    run.judgement.unexercised = ["a: one", "b: one", "a: two", "b: two", "c: one"]
    assert unexercised(run.judgement) == ["a, b: one, two", "c: one"]
    tried = CheckResult(name="three", says="It holds.", verdict="unknown", met=0, failed=0, cancelled=2, pending=0, why="2 ended before")
    judgement = outcome(checks=[tried]).judgement
    judgement.unexercised = ["a: one", "a: three"]
    assert unexercised(judgement) == ["a: one, three (2 ended before)"]
    assert "Promised, not exercised: a, b: one, two; c: one.\n" in markdown.render(run)
    assert "Promised, not exercised: a, b: one, two; c: one\n" in told(terminal.lines(run, width=200))


def test_a_check_that_holds_as_messages_were_given_up_by_policy_says_how_often():
    result = CheckResult(
        name="transactions-accounted", says="Each transaction stands in the ledger once.", verdict="pass", met=120, failed=0, cancelled=0,
        pending=0, given_up=32,
    )  # fmt: skip
    assert counts_text(result) == "held 120 times (32 with a message given up)"
    run = outcome(checks=[result])
    assert "| transactions-accounted | 120 | 0 | 0 | 0 | 32 of those that held with a message given up |" in markdown.render(run)
    assert "120<br><small>32 given up</small>" in tables.checks(run)


AGREES = Parity(holds=True, chargers=2, differences=[], lags={}, checks=[Agreement(check="c", simulated="pass", live="pass", agrees="yes")])


def test_a_run_that_agrees_with_the_simulated_one_says_so_in_every_report():
    run = outcome(verdict="pass", checks=CHECKS[:1], reasons=[], parity=AGREES)
    shown = told(terminal.lines(run))
    assert "\n✓ parity  live and simulated agree\n  chargers  2 of 2 through the same states" in shown
    assert "✓ parity  live and simulated agree" in told(terminal.brief(run))
    assert "## Parity\n\n✅ live and simulated agree.\n\n```text\n  chargers  2 of 2" in markdown.render(run)
    document_ = junit.render([run])
    properties = {entry.get("name"): entry.get("value") for entry in ElementTree.fromstring(document_).iter("property")}
    assert properties["parity"] == "live and simulated agree"
    assert cases(document_)["parity"].find("system-out").text.startswith("  chargers  2 of 2")
    assert json.loads(document.render(run, None))["parity"]["holds"] is True
    assert json.loads(document.render(outcome(), None))["parity"] is None


def test_a_run_that_differs_from_the_simulated_one_is_a_failure_of_its_own():
    at = Difference(charger="anna", at_ms=HOUR, simulated="Charging (vehicle)", live="nothing more")
    checks = [*AGREES.checks, Agreement(check="d", simulated="pass", live="fail", agrees="no")]
    differs = msgspec.structs.replace(AGREES, holds=False, differences=[at], checks=checks)
    run = outcome(checks=CHECKS[:1], reasons=["parity: …"], parity=differs)
    assert "✗ parity  live and simulated differ in 1 of 2 chargers and in 1 of 2 checks\n" in told(terminal.lines(run))
    failure = cases(junit.render([run]))["parity"].find("failure")
    assert failure.get("message") == "live and simulated differ in 1 of 2 chargers and in 1 of 2 checks"
    assert "anna Thu 18:00:00: simulated Charging (vehicle), live nothing more" in failure.text
    assert cases(junit.render([run]))["the run"].find("error") is None


AT_YOUR_SERVER = LiveRun(
    speed=1, skipped_idle=False, through="toxiproxy", peer="your server", target="mine", stations={"anna": "CP-0001", "ben": "ben"},
)  # fmt: skip


def test_a_live_run_names_the_stations_and_whose_clocks_tell_its_times():
    run = outcome(live=AT_YOUR_SERVER)
    stations = "Station ids: anna is CP-0001."
    times = "Times are those of America/Los_Angeles (PDT, UTC-07:00), from 2026-03-12 17:00:00."
    shown = told(terminal.lines(run, width=120))
    assert shown.splitlines()[1:4] == [stage_text(run), stations, times]
    assert "✗ unplug-clears-schedule  anna (CP-0001)\n" in shown
    assert "Thu 19:30:40  anna (CP-0001): anna's station was unplugged" in shown
    assert "\n  anna (CP-0001)  in Thu 18:00, charges" in shown
    assert "\n  ben             no car came" in shown
    text = markdown.render(run)
    assert "\n\n{}\n\n{}\n\nserver.upgrade".format(stations, times.replace("_", "\\_")) in text
    assert "\nCharger: anna (CP-0001).\n\n**anna (CP-0001), Thu 19:30:40**" in text
    assert "| anna (CP-0001) | Thu 18:00 |" in text
    document_ = junit.render([run])
    properties = {entry.get("name"): entry.get("value") for entry in ElementTree.fromstring(document_).iter("property")}
    assert (properties["stations"], properties["times"]) == (stations, times)
    assert "charger: anna (CP-0001)\nThu 19:30:40 anna (CP-0001): " in cases(document_)["unplug-clears-schedule"].find("failure").text
    read = json.loads(document.render(run, None))
    assert (read["start"], read["zone"], read["live"]["stations"]["anna"]) == ("2026-03-13T00:00:00Z", "America/Los_Angeles", "CP-0001")


def test_times_in_the_books_that_were_taken_for_utc_are_told_in_every_report():
    from harness.journal.records import Books

    outline = Outline()
    outline.feed([*RECORDS, Books(t=12 * HOUR, transactions=12, left_out=0, zoneless=1)])
    run = outcome(live=AT_YOUR_SERVER, outline=outline)
    note = "Of 12 transactions in its books 1 gave times without an offset from UTC, which were taken for UTC."
    assert note in told(terminal.lines(run, width=300))
    assert note in markdown.render(run)
    assert note in junit.render([run]).decode()
    assert "offset from UTC" not in stage_text(outcome(live=AT_YOUR_SERVER))


def test_a_simulated_run_needs_neither():
    assert surroundings(outcome()) == {}
    assert "Times are those" not in told(terminal.lines(outcome())) + markdown.render(outcome())


def test_of_many_stations_the_first_are_named():
    names = [f"homes-{number:03}" for number in range(1, 201)]
    live = msgspec.structs.replace(AT_YOUR_SERVER, stations={name: f"CP-{name[-3:]}" for name in names})
    text = stations_text(live, names)
    assert text.startswith("Station ids: homes-001 is CP-001, homes-002 is CP-002, ")
    assert text.endswith("homes-008 is CP-008, and 192 more, all in result.json.")
    assert stations_text(live, ["homes-199"]) == "Station ids: homes-199 is CP-199."
    assert stations_text(msgspec.structs.replace(live, stations={name: name for name in names}), names) == ""


def test_a_timeline_says_first_what_it_takes_to_read_it():
    times = "Times are those of America/Los_Angeles (PDT, UTC-07:00), from 2026-03-12 17:00:00."
    assert list(timeline.head(SCENARIO, None, ["anna", "ben"])) == [times]
    assert list(timeline.head(SCENARIO, AT_YOUR_SERVER, ["anna", "ben"])) == [times, "Station ids: anna is CP-0001."]


def test_a_timeline_tells_a_charger_and_the_world_in_order():
    names = timeline.whose(SCENARIO, ["anna"])
    lines = list(timeline.lines(SCENARIO, RECORDS, names))
    assert lines[0] == "Thu 18:00:00      anna  a car (leaf-40) is plugged in; it needs 18 kWh by Fri 04:00"
    assert "Thu 19:00:00            the server (shard 1) is down" in lines
    assert not any("ben" in line for line in lines)
    assert sum("pull-plug" in line for line in lines) == 2
    assert timeline.whose(SCENARIO, []) == ["anna", "ben"]
    with pytest.raises(KeyError):
        timeline.whose(SCENARIO, ["cleo"])
