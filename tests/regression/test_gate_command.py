"""``harness gate`` and ``harness compare`` as commands: what they print, what they tell a CI service, and how they end."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from suites import BROKEN, STREET, facts, judged

import harness
from harness import gating
from harness.cli import main
from harness.regression.changes import Change, compare
from harness.regression.facts import CheckFact, Figure
from harness.regression.gate import Gate, Row
from harness.report import changes as changes_report
from harness.report import gate as gate_report
from harness.report.escape import annotation, annotation_property


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Call a command in a folder that holds ``street.yaml`` and its baseline ``b.yaml``; gives (exit code, output, errors)."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    Path("street.yaml").write_text(STREET)

    def called(*words):
        code = main(list(words))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    assert called("gate", "street.yaml", "--baseline", "b.yaml", "--update") == (
        0,
        "! street seed 3  no baseline: the baseline does not have this run, whose verdict is pass\n1 run, 1 new: b.yaml written anew\n",
        "",
    )
    return called


GATE = ("gate", "street.yaml", "--baseline", "b.yaml", "-j", "1")


def break_street():
    Path("street.yaml").write_text(STREET.replace("{min: 90 %}", "{min: 100 %}"))


WORSE = "limit port_uptime: new failure: pass → fail (1)"


def test_a_green_gate_is_one_line(call):
    assert call(*GATE) == (0, "1 run, no regression\n", "")
    assert call(*GATE, "--update") == (0, "1 run: b.yaml is as it was\n", "")


def test_a_red_gate_names_scenario_check_before_and_after(call):
    break_street()
    assert call(*GATE) == (1, f"✗ street seed 3  {WORSE}\n    repeat harness run street.yaml --seed 3\n1 run, 1 regression\n", "")


def test_what_is_better_is_told_with_what_to_do(call):
    text = Path("b.yaml").read_text()
    Path("b.yaml").write_text(re.sub(r"(time_to_notice_max), .*\]", r"\1, 1000 s]", text))
    code, out, _ = call(*GATE)
    assert code == 0
    assert re.fullmatch(
        r"✓ street seed 3  metric time_to_notice_max: better: 1000 → [\d.]+ s \(-[\d.]+ s, -[\d.]+ %\); update the baseline\n"
        r"1 run, no regression, 1 better\n", out,
    )  # fmt: skip


def test_a_run_that_fails_as_before_is_told(call):
    break_street()
    call(*GATE, "--update")
    assert call(*GATE) == (0, "! street seed 3  limit port_uptime: still failing: fail (1)\n1 run, no regression\n", "")
    code, out, _ = call(*GATE, "--strict")
    assert (code, out.splitlines()[0]) == (1, "✗ street seed 3  limit port_uptime: still failing: fail (1)")


def test_several_seeds(call):
    code, out, _ = call(*GATE, "--seeds", "3,5..7", "--update")
    assert (code, out.splitlines()[-1]) == (0, "4 runs, 3 new: b.yaml written anew")
    assert call(*GATE, "--seeds", "3,5..7")[0] == 0


def test_github_is_told(call, monkeypatch, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("what other steps wrote\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    break_street()
    code, out, _ = call(*GATE)
    assert code == 1
    line = STREET.splitlines().index("    port_uptime: {min: 90 %}") + 1
    assert out.splitlines()[-1] == f"::error file=street.yaml,line={line},title=street seed 3%3A new failure::{WORSE}"
    assert summary.read_text() == (
        "what other steps wrote\n"
        "# ❌ harness gate: 1 run, 1 regression\n"
        "\n"
        "## Regressions\n"
        "\n"
        "| scenario | seed | | what | | before | after | change |\n"
        "|---|--:|---|---|---|--:|--:|---|\n"
        "| street | 3 | ❌ | limit port\\_uptime | new failure | pass | fail (1) |  |\n"
    )
    assert "::error" not in call(*GATE, "--update")[1]
    Path("street.yaml").write_text("- [\n")
    code, out, _ = call(*GATE, "--update")
    assert code == 1
    assert "✗ street  could not be run: " in out
    assert "::error file=street.yaml,line=2," in out
    assert "b.yaml was not written, because a run could not be made or shows nothing\n" in out


def test_files_are_called_as_the_workspace_calls_them(call, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path.parent))
    break_street()
    assert f"::error file={tmp_path.name}/street.yaml,line=" in call(*GATE)[1]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "elsewhere"))
    assert "::error title=street seed 3%3A new failure::limit" in call(*GATE)[1]


def test_a_summary_that_cannot_be_written_changes_no_verdict(call, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "no/such/folder.md")
    assert call(*GATE) == (
        0, "1 run, no regression\n", "harness: the job's summary could not be written: No such file or directory: no/such/folder.md\n",
    )  # fmt: skip


def test_what_an_annotation_must_not_hold_is_escaped():
    assert annotation("100 %: a, b\r\n") == "100 %25: a, b%0D%0A"
    assert annotation_property("100 %: a, b\r\n") == "100 %25%3A a%2C b%0D%0A"


def test_a_file_that_cannot_be_read_is_pointed_at(call, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    Path("street.yaml").write_text(STREET.replace("server: juicenet", "server: juice, net"))
    code, out, _ = call(*GATE)
    assert code == 1
    assert out.splitlines()[0].startswith("✗ street  could not be run: street.yaml:7:9: ")
    assert out.splitlines()[-1].startswith(
        "::error file=street.yaml,line=7,title=street%3A could not be run::could not be run: street.yaml:7:9:"
    )


def test_what_a_file_says_begins_no_line_of_the_log(call):
    Path("street.yaml").write_text(STREET.replace("server: juicenet", 'server: "x\\n::error::all is lost"'))
    code, out, _ = call(*GATE)
    assert code == 1
    assert "::error::all is lost" in out
    assert not [line for line in out.splitlines() if line.lstrip().startswith("::")]


def test_junit_of_a_run_that_could_not_be_made(call):
    Path("street.yaml").write_text("- [\n")
    assert call(*GATE, "--junit", "j.xml")[0] == 1
    suites = ElementTree.parse("j.xml").getroot()
    assert (suites.get("failures"), suites.find("testsuite").get("name")) == ("1", "street")
    assert "could not be run: street.yaml" in suites.find(".//failure").get("message")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["gate", "street.yaml"], "the following arguments are required: --baseline"),
        ([*GATE, "--seeds", "5..1"], "found '5..1', expected such as 1..5 or 1,7, rising, at most 10000 at once"),
        ([*GATE, "--seeds", "1..100001"], "found '1..100001', expected"),
        ([*GATE, "--seeds", ""], "found '', expected"),
        ([*GATE, "--jobs", "0"], "found '0', expected a number from 1 to 1024"),
        (["gate", "nowhere.yaml", "--baseline", "b.yaml"], "nowhere.yaml: no such file, and no shipped scenario of that name"),
        (["gate", "street.yaml", "--baseline", "c.yaml"], "c.yaml: no such baseline"),
        ([*GATE, "--junit", "no/such/j.xml"], "No such file or directory: no/such/j.xml"),
        (["compare", "street.yaml", "b.yaml"], "street.yaml: this is a scenario or a model, not a journal"),
        (["compare", "nowhere.json", "b.yaml"], "No such file or directory: nowhere.json"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(call, words, says):
    code, out, err = call(*words)
    assert (code, out) == (4, "")
    assert says in err


def test_a_mistake_in_the_baseline_has_its_place(call):
    text = Path("b.yaml").read_text()
    Path("b.yaml").write_text(text.replace("  all: 0 %", "  undelivred_energy: 1 kWh"))
    code, _, err = call(*GATE)
    assert code == 4
    assert err.startswith("b.yaml:4:3: unknown key `undelivred_energy` in `tolerances`: expected ")
    assert err.endswith("; did you mean `undelivered_energy`?\n")


def test_an_interruption_ends_with_two(call, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(gating, "gate", interrupted)
    assert call(*GATE) == (2, "", "harness: interrupted\n")


def test_two_runs_are_compared_wherever_they_are(call, tmp_path):
    main(["run", "street.yaml", "--out", "a"])
    Path("street.yaml").write_text(STREET + BROKEN)
    main(["run", "street.yaml", "--out", "b", "--seed", "4"])
    call("list", "words")
    told = [call("compare", *pair) for pair in (("a", "b"), ("a/journal.jsonl", "b/result.json"), ("a/result.json", "b/journal.jsonl"))]
    assert [code for code, _, _ in told] == [1, 1, 1]
    assert len({out.split("\n\n", 1)[1] for _, out, _ in told}) == 1
    assert "✗ check unplug-clears-schedule " in told[0][1]
    assert "note    another seed: 3 before, 4 after\n" in told[0][1]
    Path("b/journal.jsonl").unlink()
    assert call("compare", "a", "b")[0] == 1
    Path("a/result.json").unlink()
    assert call("compare", "a", "a/journal.jsonl")[0] == 0


def test_the_newest_of_a_scenario_s_runs_is_compared(call):
    main(["run", "street.yaml"])
    call("list", "words")
    code, out, _ = call("compare", "reports/runs/street", "reports/runs/street/latest.txt")
    assert code == 0
    assert out.endswith("\n✓ nothing is worse\n")


def test_runs_are_compared_from_python(call):
    run = harness.run("street.yaml")
    assert harness.compare(run, run).changes == []
    assert harness.compare(run, run).unchanged == {"checks": len(run.checks), "metrics": len(run.metrics)}


BEFORE = facts(
    verdict="fail", checks={"a": CheckFact("pass"), "b": CheckFact("fail", 2), "c": CheckFact("fail", 1), "d": CheckFact("pass")}
)
AFTER = facts(
    verdict="fail",
    behaviours={**BEFORE.behaviours, "TOU is suspended": 0},
    checks={"a": CheckFact("fail", 3), "b": CheckFact("pass"), "c": CheckFact("fail", 1), "d": CheckFact("pass")},
    metrics={"undelivered_energy": Figure(2.5, "kWh"), "port_uptime": Figure(99.75, "%"), "queue_drain_time": Figure(4, "s")},
)
FOUND = compare(judged(BEFORE, source="old"), judged(AFTER, source="new|er", harness="1.1"))


def test_a_comparison_on_the_terminal_to_the_letter():
    assert ["".join(text for text, _ in line).rstrip() for line in changes_report.lines(FOUND)] == [
        "before  street seed 3  fail  old",
        "after   street seed 3  fail  new|er",
        "note    another version of harness: 1.0 before, 1.1 after",
        "",
        "✗ behaviour TOU is suspended  never exercised now  2 → 0",
        "✗ check a                     new failure          pass → fail (3)",
        "✓ check b                     fixed                fail (2) → pass",
        "✗ metric undelivered_energy   worse                2 → 2.5 kWh (+0.5 kWh, +25 %)",
        "✓ metric port_uptime          better               99.5 → 99.75 % (+0.25 points, +0.251 %)",
        "! metric queue_drain_time     measured now         not measured → 4 s",
        "! check c                     still failing        fail (1)",
        "",
        "As before: 2 checks and limits, 0 metrics.",
        "✗ 3 worse, 2 better",
    ]


def test_a_comparison_as_markdown_to_the_letter():
    assert changes_report.render(FOUND).splitlines() == [
        "# ❌ harness compare: 3 worse, 2 better",
        "",
        "| | scenario | seed | verdict | |",
        "|---|---|--:|---|---|",
        "| before | street | 3 | fail | old |",
        "| after | street | 3 | fail | new\\|er |",
        "",
        "- another version of harness: 1.0 before, 1.1 after",
        "",
        "| | what | | before | after | change |",
        "|---|---|---|--:|--:|---|",
        "| ❌ | behaviour TOU is suspended | never exercised now | 2 | 0 |  |",
        "| ❌ | check a | new failure | pass | fail (3) |  |",
        "| ✅ | check b | fixed | fail (2) | pass |  |",
        "| ❌ | metric undelivered\\_energy | worse | 2 kWh | 2.5 kWh | +0.5 kWh, +25 % |",
        "| ✅ | metric port\\_uptime | better | 99.5 % | 99.75 % | +0.25 points, +0.251 % |",
        "| ⚠️ | metric queue\\_drain\\_time | measured now | not measured | 4 s |  |",
        "| ⚠️ | check c | still failing | fail (1) | fail (1) |  |",
        "",
        "As before: 2 checks and limits, 0 metrics.",
    ]


def test_a_comparison_may_be_printed_as_markdown(call):
    main(["run", "street.yaml", "--out", "a"])
    call("list", "words")
    assert call("compare", "a", "a", "--format", "markdown")[1].startswith("# ✅ harness compare: nothing is worse\n")


def test_a_summary_of_very_many_changes_is_cut():
    change = Change(of="check", name="x", kind="gone", before="pass", after="–")
    rows = [Row(scenario=f"street-{number}", seed=1, regressions=[change]) for number in range(600)]
    text = gate_report.render(Gate(baseline="b.yaml", rows=rows, runs=600))
    assert text.count("| gone |") == 500
    assert text.endswith("\nAnd 100 more.\n")


def test_a_summary_of_changes_that_take_much_room_is_cut_below_what_ci_services_take():
    change = Change(of="check", name="x" * 60, kind="could not be run", before="pass", after="*" * 2000)
    rows = [Row(scenario=f"street-{number}", seed=1, regressions=[change]) for number in range(400)]
    text = gate_report.render(Gate(baseline="b.yaml", rows=rows, runs=400))
    assert 900_000 < len(text.encode()) <= 1_000_000
    assert re.search(r"\|\n\n\*\*Truncated here: the whole report has \d+ bytes\. All of it is in the job's log\.\*\*\n\n?$", text)
