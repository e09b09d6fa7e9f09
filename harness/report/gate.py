"""What came of a gate: as lines for the terminal, as Markdown and annotations for a CI job, and as JUnit XML."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, SubElement

from harness.regression.changes import Change
from harness.regression.gate import Gate, Row
from harness.report import junit
from harness.report.changes import HEAD, MARKS, Mark, row, told
from harness.report.escape import annotation, annotation_property, markdown
from harness.report.line import Line
from harness.report.markdown import cut

_MOST_ROWS = 500
"""So many changes of each table are told in Markdown."""
_AS_BEFORE = ("still failing", "still unknown")


def lines(gate: Gate) -> Iterator[Line]:
    """What the terminal shows."""
    worse = MARKS["worse" if gate.exit_code else "told"]
    for each in gate.rows:
        for change in each.regressions:
            yield from _line(each, change, worse)
        if any(change.of == "run" for change in each.regressions):
            yield from (((f"    {reason}", ""),) for reason in each.reasons)
        if each.regressions and each.command and gate.exit_code:
            yield (("    repeat ", "quiet"), (each.command, ""))
    for each, change in gate.remarks:
        yield from _line(
            each, change, MARKS[change.standing], "" if gate.updating or change.kind in _AS_BEFORE else "; update the baseline"
        )
    yield ((verdict(gate), "fail" if gate.exit_code else "pass"),)


def _line(of: Row, change: Change, mark: Mark, advice: str = "") -> Iterator[Line]:
    first, *more = f"{told(change)}{advice}".splitlines()
    yield ((f"{mark.sign} ", mark.style), (of.label, "title"), (f"  {first}", ""))
    yield from (((f"    {line}", ""),) for line in more)


def verdict(gate: Gate) -> str:
    """The last line: how many runs and regressions there were, and what became of a baseline that was to be written anew."""
    better = sum(change.standing == "better" for _, change in gate.remarks)
    kinds = Counter(change.kind for _, change in gate.regressions)
    worse = kinds.total()
    if not gate.updating:
        counted = f"{_count(gate.runs, 'run')}, {_count(worse, 'regression') if worse else 'no regression'}"
        return counted + (f", {better} better" if better else "")
    new, gone = kinds["no baseline"], kinds["not run"]
    counts = {"new": new, "gone": gone, "worse": worse - new - gone, "better": better}
    counted = ", ".join([_count(gate.runs, "run"), *(f"{count} {what}" for what, count in counts.items() if count)])
    done = {True: "written anew", None: "is as it was", False: "was not written, because a run could not be made or shows nothing"}
    return f"{counted}: {gate.baseline} {done[gate.written]}"


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def render(gate: Gate) -> str:
    """The Markdown, fit for the summary of a CI job: cut where it is longer than those may be."""
    return cut("\n".join(_markdown(gate)) + "\n", "the job's log")


def _markdown(gate: Gate) -> Iterator[str]:
    yield f"# {MARKS['worse' if gate.exit_code else 'better'].emoji} harness gate: {markdown(verdict(gate))}"
    yield from _table("Worse, and accepted" if gate.updating else "Regressions", gate.regressions)
    fresh = [remark for remark in gate.remarks if remark[1].kind not in _AS_BEFORE]
    yield from _table("Better, or new" if gate.updating else "Better, or new: update the baseline", fresh)
    yield from _table("As before", [remark for remark in gate.remarks if remark not in fresh])


def _table(title: str, changes: list[tuple[Row, Change]]) -> Iterator[str]:
    if not changes:
        return
    yield from ("", f"## {title}", "", f"| scenario | seed {HEAD[0]}", f"|---|--:{HEAD[1]}")
    for each, change in changes[:_MOST_ROWS]:
        yield f"| {markdown(each.scenario)} | {'' if each.seed is None else each.seed} | {row(change)} |"
    if len(changes) > _MOST_ROWS:
        yield from ("", f"And {len(changes) - _MOST_ROWS} more.")


def workflow_commands(gate: Gate, workspace: str) -> Iterator[str]:
    """A workflow command of GitHub Actions for each regression. Files outside of the ``workspace`` are not named."""
    for each, change in gate.regressions:
        properties = {"title": f"{each.label}: {change.kind}"}
        file = _below(each.file, workspace)
        if file:
            properties = {"file": file, "line": str(change.line or 1), **properties}
        given = ",".join(f"{name}={annotation_property(value)}" for name, value in properties.items())
        yield f"::error {given}::{annotation(told(change))}"


def _below(file: str, workspace: str) -> str:
    """The file as it is called from the workspace; empty where it is not there."""
    if not file:
        return ""
    path = os.path.relpath(os.path.realpath(file), os.path.realpath(workspace))
    return "" if path.startswith("..") else path.replace(os.sep, "/")


def junit_document(rows: Iterable[tuple[Row, Element | None]]) -> bytes:
    """All runs as JUnit XML: the test suite of each, called by its scenario and seed, with a test case for the baseline."""
    suites = []
    for each, made in rows:
        suite = Element("testsuite") if made is None else made
        suite.set("name", junit.clean(each.label))
        case = SubElement(suite, "testcase", name="the baseline")
        for every in suite.iter("testcase"):
            every.set("classname", junit.clean(f"harness.{each.label}"))
        if each.regressions:
            worse = [junit.clean(told(change)) for change in each.regressions]
            SubElement(case, "failure", type="regression", message=worse[0]).text = "\n".join(worse)
        suites.append(suite)
    return junit.document(suites)
