"""Reports of a made-up run: what each shows, to the letter where people read it, and that nothing in a run can break its form."""

import json
from xml.etree import ElementTree

import msgspec
import pytest
from example_run import HOUR, MINUTE, RECORDS, SCENARIO
from hypothesis import given
from hypothesis import strategies as st

from harness.check.result import BEHAVIOURS, EXIT_CODES, CheckResult, Judgement, Margin, MetricValue, Witness
from harness.report import document, junit, markdown, terminal
from harness.report.outcome import Machine, Outcome
from harness.report.outline import Outline

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
    }  # fmt: skip
    return Outcome(scenario=scenario, judgement=judgement, outline=outline, **{**given, **changes})


def told(lines):
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


TERMINAL = """\
tiny  A tiny outage
server.upgrade Thu 19:00 for 2 h: 2 of 2 chargers lost their server, at the
longest for 2 h 9 s.

✓ charging continues                    exercised 14 times
? TOU is suspended                      not exercised
✗ unplugging clears the schedule        exercised twice
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
    Thu 18:00:00.080  acknowledges: do not charge for 6 h (plug-in 1)
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

  undelivered_energy   0.25 kWh  (1.5 less 1.25 without faults)
  time_to_recover_max     9 s

✗ fail
  unplug-clears-schedule failed once
repeat   harness run tiny --seed 7
reports  out"""


def test_the_terminal_shows_it_all_in_eighty_columns():
    lines = terminal.lines(outcome(), width=80)
    assert told(lines) == TERMINAL
    assert max(len(line) for line in told(lines).splitlines()) <= 80
    assert {style for line in lines for _, style in line} <= {"", *terminal.COLOURS}


@given(st.integers(40, 160))
def test_no_line_is_wider_than_the_terminal_but_for_names_and_commands(width):
    for line in told(terminal.lines(outcome(), width=width)).splitlines():
        assert len(line) <= max(width, 75), line


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
    assert told(terminal.brief(outcome(verdict="pass"))).splitlines() == ["✓ tiny                          pass         1 pass, 3 fail"]
    assert told(terminal.brief(outcome())).splitlines() == [
        "✗ tiny                          fail         1 pass, 3 fail",
        "  unplug-clears-schedule failed once",
        "repeat   harness run tiny --seed 7",
        "reports  out",
    ]
    assert told([terminal.total([outcome(), outcome(verdict="pass")], 3)]) == "1 of 3 scenarios passed"


def test_the_markdown_says_the_same():
    text = markdown.render(outcome())
    assert text.startswith("# ❌ tiny: fail\n\n**A tiny outage**\n\nserver.upgrade Thu 19:00 for 2 h: 2 of 2 chargers lost their server")
    order = [text.index(part) for part in ("## The four behaviours", "## Checks", "## Metrics", "## Failures", "Repeat it:")]
    assert order == sorted(order)
    assert "| ✅ | charging continues | 14 times |" in text
    assert "| ❌ | unplugging clears the schedule | twice |" in text
    assert "| ✅ | can-always-charge | 14 | 0 | 0 | 0 | worst 41 s of 60 s |" in text
    assert "| undelivered\\_energy | 0.25 kWh | 1.5 | 1.25 |" in text
    assert "| port\\_uptime | not measured |  |  |" in text
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
    assert error.text == "the server was never reached"


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
