"""Runs as JUnit XML, which every CI service and test viewer reads: a test case per scenario and check."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.check.result import CheckResult
from harness.report import parity
from harness.report.clock import Clock
from harness.report.comparison import Parity
from harness.report.outcome import VERIFIED, Outcome, called, counts_text, cut_note, invalid_note, mark, stage_text, surroundings
from harness.report.words import witnessed
from harness.units import unit_for
from harness.values import LiveRun

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def render(outcomes: Sequence[Outcome]) -> bytes:
    """The XML document. Unknown and known failures are skipped tests with their reason; a violation that only warns passes and says so.

    A verdict that no single check explains (invalid, interrupted, unknown) is a test case of its own, ``the run``, so that it turns
    a CI job red.
    """
    return document([suite_of(outcome) for outcome in outcomes])


def document(suites: Sequence[Element]) -> bytes:
    """The XML document of test suites, each of which is counted here.

    Each is valid by the schema of Maven Surefire's reports, which most readers follow. That has one suite to a file; the element around
    them, ``testsuites``, is what readers of several take.
    """
    for suite in suites:
        _count(suite)
    root = Element("testsuites", name="harness")
    root.extend(suites)
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def suite_of(outcome: Outcome) -> Element:
    """The test suite of a run."""
    suite = Element("testsuite", name=clean(outcome.scenario.name))
    properties = SubElement(suite, "properties")
    for name, value in (
        ("seed", str(outcome.scenario.seed)),
        ("verdict", outcome.judgement.verdict),
        ("harness", outcome.harness),
        ("digest", outcome.digest),
        ("command", outcome.command),
        *([("cut off", cut)] if (cut := cut_note(outcome)) else []),
        *([("verified", VERIFIED)] if outcome.verified else []),
        *([("live", stage)] if (stage := stage_text(outcome)) else []),
        *surroundings(outcome).items(),
        *([("parity", parity.verdict(outcome.parity))] if outcome.parity else []),
    ):
        SubElement(properties, "property", name=name, value=clean(value))
    clock = Clock(outcome.scenario)
    cases = [_case(outcome, result, clock) for result in outcome.judgement.checks]
    cases += [_parity_case(outcome, outcome.parity)] if outcome.parity else []
    cases.append(_run_case(outcome))
    suite.extend(cases)
    return suite


def _count(suite: Element) -> None:
    cases = suite.findall("testcase")
    for case in cases:
        # Surefire's schema demands a time. How long judging took is the machine's, and equal runs give equal files; the scenario's own
        # hours would be taken for the test's by services that rank tests, or share them out, by duration.
        case.set("time", "0")
    suite.set("tests", str(len(cases)))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(sum(case.find(tag) is not None for case in cases)))


def _case(outcome: Outcome, result: CheckResult, clock: Clock) -> Element:
    case = Element("testcase", classname=clean(f"harness.{outcome.scenario.name}"), name=clean(result.name))
    kind = mark(result)
    if kind == "fail":
        message = clock.translate(result.witness.rule) if result.witness else result.says
        SubElement(case, "failure", type=clean(result.name), message=clean(message)).text = clean(_told(result, clock, outcome.live))
    elif result.known and result.verdict == "fail":
        SubElement(case, "skipped", message=clean(f"known failure: {result.known}"))
    elif kind == "unknown":
        SubElement(case, "skipped", message=clean(f"unknown: {counts_text(result)}"))
    else:
        note = f"warning: {_told(result, clock, outcome.live)}" if kind == "warn" else counts_text(result)
        SubElement(case, "system-out").text = clean(note)
    return case


def _parity_case(outcome: Outcome, found: Parity) -> Element:
    case = Element("testcase", classname=clean(f"harness.{outcome.scenario.name}"), name="parity")
    told = clean("\n".join("".join(text for text, _ in line) for line in parity.lines(found, outcome.scenario)))
    if found.holds:
        SubElement(case, "system-out").text = told
    else:
        SubElement(case, "failure", type="parity", message=clean(parity.verdict(found))).text = told
    return case


def _run_case(outcome: Outcome) -> Element:
    case = Element("testcase", classname=clean(f"harness.{outcome.scenario.name}"), name="the run")
    judgement = outcome.judgement
    differs = outcome.parity is not None and not outcome.parity.holds
    explained = judgement.verdict == "fail" and (differs or any(mark(result) == "fail" for result in judgement.checks))
    if judgement.verdict == "pass" or explained:
        SubElement(case, "system-out").text = clean(outcome.outline.sentence(outcome.scenario))
    else:
        reasons = "\n".join(filter(None, (cut_note(outcome), invalid_note(outcome), *judgement.reasons)))
        SubElement(case, "error", type=judgement.verdict, message=clean(judgement.verdict)).text = clean(reasons)
    return case


def _told(result: CheckResult, clock: Clock, live: LiveRun | None) -> str:
    rows = [result.says, counts_text(result)]
    if result.failing:
        rows.append(f"{unit_for(len(result.failing), 'chargers')}: {', '.join(called(name, live) for name in result.failing)}")
    if result.witness:
        rows += witnessed(result.witness, clock, called(result.witness.charger, live))
    return "\n".join(rows)


def clean(text: str) -> str:
    """The text without what XML cannot hold."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
