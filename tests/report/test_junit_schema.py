"""JUnit files are what readers of Maven Surefire's reports expect: every kind of run, and every text, by a schema of its form."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

import harness
from harness.check.result import EXIT_CODES, CheckResult, Margin, Witness
from harness.report import junit
from harness.report.comparison import Agreement, Difference, Parity
from harness.report.outcome import Outcome
from harness.values import LiveRun

SCHEMAS = [Path(__file__).with_name("junit-suite.xsd"), *filter(None, [os.environ.get("SUREFIRE_XSD")])]
NASTY = (
    "\"quotes\" & 'apostrophes' <tags/> ]]> --> <!--", "a\nb\r\n\tc", "\x00\x1b[31m\x85\ufffe\uffff", "x" * 10_000, "", " ",
    "\u202egnitirw\u202c", "\ud83d", "\U0001f697 ǻ 中文",
)  # fmt: skip


@cache
def schemas() -> list[xmlschema.XMLSchema]:
    return [xmlschema.XMLSchema(schema) for schema in SCHEMAS]


def suites(document: bytes) -> list[ElementTree.Element]:
    """The suites of a document, each of them valid and rightly counted: the schema knows no element around several."""
    root = ElementTree.fromstring(document)
    assert root.tag == "testsuites"
    assert [child.tag for child in root] == ["testsuite"] * len(root)
    for suite in root:
        for schema in schemas():
            schema.validate(suite)
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
    for key in ("tests", "failures", "errors", "skipped"):
        assert int(root.get(key, "")) == sum(int(suite.get(key, "")) for suite in root)
    return list(root)


def outcomes_of(suite: ElementTree.Element) -> dict[str | None, str]:
    """Test case → what it says: failure, error, skipped or system-out."""
    return {case.get("name"): "".join(child.tag for child in case) for case in suite.iter("testcase")}


@cache
def ran(*overrides: str) -> Outcome:
    return harness.run("faq-walkthrough", overrides=list(overrides)).outcome


QUIRK = "models.juicebox-40.quirks=[renews-hold-offline]"
LONG = "plan.crash.for=9 h"
KNOWN = "expect.known_failures=[{check: can-always-charge, reason: 'a \"known\" <one>'}, {check: hold-ends-on-time, reason: known}]"
WARNS = tuple(f"models.juicebox-40.contract.{check}.severity=warn" for check in ("can-always-charge", "hold-ends-on-time"))


@pytest.mark.parametrize(
    ("overrides", "case", "says"),
    [
        pytest.param((), "can-always-charge", "system-out", id="passing"),
        pytest.param((QUIRK, LONG), "can-always-charge", "failure", id="failing"),
        pytest.param(("expect.exercised=[random-delay-applied]",), "the run", "error", id="unknown"),
        pytest.param((LONG,), "override-needed-after-recovery", "skipped", id="not exercised"),
        pytest.param((QUIRK, LONG, KNOWN), "can-always-charge", "skipped", id="known failures"),
        pytest.param((QUIRK, LONG, *WARNS), "hold-ends-on-time", "system-out", id="warnings"),
        pytest.param(("expect.limits={port_uptime: {min: 100 %}}",), "port_uptime", "failure", id="limits"),
    ],
)
def test_each_kind_of_run_is_valid(overrides, case, says):
    (suite,) = suites(junit.render([ran(*overrides)]))
    assert outcomes_of(suite)[case] == says


def test_a_run_that_was_cut_off_is_valid(tmp_path):
    journal = harness.run("faq-walkthrough", out=tmp_path).journal
    journal.write_bytes(journal.read_bytes()[:-1000])
    (suite,) = suites(junit.render([harness.judge(tmp_path).outcome]))
    assert outcomes_of(suite)["the run"] == "error"


def test_an_invalid_run_is_valid_xml():
    of = ran()
    judgement = msgspec.structs.replace(
        of.judgement, verdict="invalid", exit_code=EXIT_CODES["invalid"], reasons=["step cut: changed nothing"]
    )
    (suite,) = suites(junit.render([replace(of, judgement=judgement, live=LiveRun(speed=2, skipped_idle=True, through="toxiproxy"))]))
    assert outcomes_of(suite)["the run"] == "error"


@pytest.mark.parametrize(
    ("differences", "says"), [([], "system-out"), ([Difference(charger="anna", at_ms=5, simulated="a", live="b")], "failure")]
)
def test_a_compared_run_is_valid(differences, says):
    checks = [Agreement(check="clock-sane", simulated="pass", live="pass", agrees="yes")]
    found = Parity(holds=not differences, chargers=5, differences=differences, lags={}, checks=checks)
    live = LiveRun(speed=2, skipped_idle=True, through="toxiproxy", stations={"anna": "CP-1"})
    (suite,) = suites(junit.render([replace(ran(), live=live, parity=found)]))
    assert outcomes_of(suite)["parity"] == says


def test_several_runs_are_several_suites():
    found = suites(junit.render([ran(), ran(QUIRK, LONG), ran()]))
    assert [suite.get("failures") for suite in found] == ["0", "2", "0"]


def test_equal_runs_give_equal_files_whenever_they_were_made():
    assert junit.render([ran()]) == junit.render([harness.run("faq-walkthrough").outcome])
    (suite,) = suites(junit.render([ran()]))
    assert {case.get("time") for case in suite.iter("testcase")} == {"0"}


def everywhere(text: str) -> Outcome:
    """A run in which this stands wherever somebody else's words can."""
    witness = Witness(charger=text, t=5, rule=text, records=[])
    told = {"says": text, "why": text, "failing": [text], "margin": Margin(worst=1, bound=2, unit=text), "cancelled": 0, "pending": 0}
    checks = [
        CheckResult(name=text, verdict="fail", met=0, failed=1, witness=witness, **told),
        CheckResult(name=text, verdict="fail", met=0, failed=1, witness=witness, severity="warn", **told),
        CheckResult(name=text, verdict="fail", met=0, failed=1, known=text or "known", **told),
        CheckResult(name=text, verdict="pass", met=1, failed=0, **told),
        CheckResult(name=text, verdict="unknown", met=0, failed=0, **told),
    ]
    of = ran()
    judgement = msgspec.structs.replace(of.judgement, verdict="unknown", exit_code=EXIT_CODES["unknown"], reasons=[text], checks=checks)
    return replace(
        of,
        scenario=msgspec.structs.replace(of.scenario, name=text, title=text),
        judgement=judgement,
        command=text,
        digest=text,
        harness=text,
    )


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_no_text_makes_a_suite_invalid(text):
    (suite,) = suites(junit.render([everywhere(text)]))
    assert [child.tag for case in suite.iter("testcase") for child in case] == [
        "failure",
        "system-out",
        "skipped",
        "system-out",
        "skipped",
        "error",
    ]


@given(st.text(max_size=40))
def test_nor_does_any_other(text):
    suites(junit.render([everywhere(text)]))


PLAIN = """\
harness: 1
title: "A <quoted> & odd one"
start: 2026-03-12 17:00
zone: America/Los_Angeles
duration: 4 h
seed: 3
server: juicenet
network: home-wifi
supply: {voltage: 240 V}
defaults: {car: leaf-40, tariff: pge-ev2-a, model: juicebox-40}
chargers:
  anna: {session: {plug_in: 17:10, needs: 18 kWh, leave: 20:00}}
plan:
  - {id: upgrade, at: 18:00, do: server.upgrade, for: 1 h}
  - {at: 18:10, do: station.power-cut, to: anna, for: 20 s}
expect:
  limits:
    port_uptime: {min: 90 %}
"""


def test_all_of_a_gate_is_valid(tmp_path, monkeypatch):
    """With a run as it was, one that is worse, one that cannot be made, and one that the baseline does not have."""
    monkeypatch.chdir(tmp_path)
    suite = Path("suite")
    suite.mkdir()
    for name in ("same", "worse & <worse>", "broken"):
        (suite / f"{name}.yaml").write_text(PLAIN)

    def gated(**options):
        harness.gate([suite], "b.yaml", jobs=1, junit="j.xml", **options)
        found = suites(Path("j.xml").read_bytes())
        return {each.get("name", ""): outcomes_of(each)["the baseline"] for each in found}

    assert set(gated(update=True).values()) == {"failure"}  # that there was no baseline is one
    assert set(gated().values()) == {""}
    (suite / "worse & <worse>.yaml").write_text(PLAIN.replace("90 %", "100 %"))
    (suite / "broken.yaml").write_text("- [\n")
    (suite / "new.yaml").write_text(PLAIN)
    assert gated() == {
        "broken": "failure", "new seed 3": "failure", "same seed 3": "", "worse & <worse> seed 3": "failure",
    }  # fmt: skip
