"""Baseline files: what is written is read, what people wrote stays, and what is wrong is told with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from suites import ROWS, facts

from harness.regression import baseline
from harness.regression.changes import Tolerance
from harness.regression.facts import Facts
from harness.scenario import ScenarioError

HEAD = """\
# Ours.
schema: 1

tolerances:
  all: 5 %
  undelivered_energy: 0.5 kWh  # a car leaves a minute earlier
  time_to_recover_max: 1 min
  extra_cost: 0.1 EUR
  messages_late: 2 messages
  port_uptime: 0.05 %
  scenarios:
    street: {all: 20 %, undelivered_energy: 10 %}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A baseline file, by its text."""
    monkeypatch.chdir(tmp_path)

    def written(text):
        Path("b.yaml").write_text(text, encoding="utf-8", newline="")
        return Path("b.yaml")

    return written


@settings(max_examples=40)
@given(rows=ROWS)
def test_what_is_written_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    text = baseline.render(baseline.NEW_HEAD, rows)
    path.write_text(text, encoding="utf-8")
    found = baseline.read(path)
    assert found.rows == rows
    assert baseline.render(found.head, found.rows) == text


@settings(max_examples=40)
@given(rows=ROWS)
def test_each_fact_is_a_line_that_no_other_is_like(rows):
    lines = baseline.render("", rows).splitlines()[1:]
    assert len(set(lines)) == len(lines)
    assert lines == [line for key in sorted(rows) for line in baseline.render("", {key: rows[key]}).splitlines()[1:]]


def test_a_file_to_the_letter():
    rows = {("live/c: 1", 2): Facts(verdict="fail"), ("a b", 1): facts(behaviours={"TOU is suspended": 2})}
    assert baseline.render(baseline.NEW_HEAD, rows) == (
        "# What `harness gate` compares runs with. `harness gate … --update` rewrites the facts; all above them is yours.\n"
        "schema: 1\n"
        "tolerances:\n"
        "  all: 0 %\n"
        "facts:\n"
        "  - [a b, 1, run, verdict, pass]\n"
        "  - [a b, 1, behaviour, TOU is suspended, 2]\n"
        "  - [a b, 1, check, clock-sane, pass]\n"
        "  - [a b, 1, check, override-kept, unknown]\n"
        "  - [a b, 1, limit, port_uptime, pass]\n"
        "  - [a b, 1, metric, port_uptime, 99.5 %]\n"
        "  - [a b, 1, metric, queue_drain_time, not measured]\n"
        "  - [a b, 1, metric, undelivered_energy, 2 kWh]\n"
        '  - ["live/c: 1", 2, run, verdict, fail]\n'
    )  # fmt: skip


def test_the_head_stays_as_it_is_and_its_tolerances_count(file):
    found = baseline.read(file(baseline.render(HEAD, {("street", 3): facts()})))
    assert baseline.render(found.head, found.rows).startswith(HEAD + "facts:\n")
    assert found.tolerances.of("lane", "undelivered_energy") == Tolerance(amount=0.5)
    assert found.tolerances.of("lane", "time_to_recover_max") == Tolerance(amount=60)
    assert found.tolerances.of("lane", "extra_cost") == Tolerance(amount=0.1)
    assert found.tolerances.of("lane", "messages_late") == Tolerance(amount=2)
    assert found.tolerances.of("lane", "port_uptime") == Tolerance(amount=0.05)
    assert found.tolerances.of("lane", "peak_energy") == Tolerance(percent=5)
    assert found.tolerances.of("street", "undelivered_energy") == Tolerance(percent=10)
    assert found.tolerances.of("street", "time_to_recover_max") == Tolerance(percent=20)


def test_line_ends_and_the_mark_of_another_system_stay(file):
    text = "\ufeffschema: 1\r\nfacts:\r\n  - [street, 3, run, verdict, pass]\r\n"
    found = baseline.read(file(text))
    assert baseline.render(found.head, found.rows) == text
    assert baseline.render(found.head, {}) == "\ufeffschema: 1\r\nfacts: []\r\n"


def test_without_tolerances_there_are_none(file):
    assert baseline.read(file("schema: 1\nfacts: []\n")).tolerances.of("street", "extra_cost") == Tolerance()


TOLERANCES = "schema: 1\ntolerances: {{{}}}\nfacts:\n  - [street, 3, run, verdict, pass]\n"
ROW = "schema: 1\nfacts:\n  - [street, 3, run, verdict, pass]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("schema: 2\nfacts: []\n", "1:9: `schema` is not right: found `2`, expected `1`, the version of the format …"),
        ("facts: []\n", "1:1: `schema` is missing in a baseline: expected `schema`: the version of the format"),
        ("schema: 1\n", "1:1: `facts` is missing in a baseline: expected `facts`: what runs came to"),
        ("schema: 1\nfact: []\n", "2:1: unknown key `fact` in a baseline: …; did you mean `facts`?"),
        ("{schema: 1, facts: []}\n", "1:13: `facts` does not begin its line: expected it at the beginning of a line, …"),
        ("schema: 1\nfacts: []\ntolerances: {}\n", "3:1: `tolerances` stands below the facts, …: expected it above `facts`"),
        ("schema: 1\nfacts: {street: pass}\n", "2:8: `facts` is not right: found a map, expected a list of facts, each …"),
        ("schema: 1\nfacts: [\n", "3:1: not YAML: …"),
        (TOLERANCES.format("peak_enregy: 1 kWh"), "2:14: unknown key `peak_enregy` in `tolerances`: …; did you mean `peak_energy`?"),
        (TOLERANCES.format("peak_energy: 1 kW"), "2:27: `peak_energy` is not right: found `1 kW`, expected an energy …, or a percentage …"),
        (TOLERANCES.format("peak_energy: -1 kWh"), "2:27: …: found `-1 kWh`, expected an amount in kWh that is not below zero, or …"),
        (TOLERANCES.format("all: 1 kWh"), "2:19: `all` is not right: found `1 kWh`, expected a percentage such as `10 %`"),
        (TOLERANCES.format("scenarios: {steet: {all: 1 %}}"), "2:26: unknown key `steet` in `scenarios`: …; did you mean `street`?"),
        (ROW + "  - [street, 3, check, x]\n", "4:5: a fact is not right: found 4 values, expected `[scenario, seed, of, name, value]`"),
        (ROW + "  - pass\n", "4:5: a fact is not right: found `pass`, expected `[scenario, seed, of, name, value]`"),
        (ROW + "  - [street, 3, chek, x, pass]\n", "4:17: `of` is not right: found `chek`, expected one of: …; did you mean `check`?"),
        (ROW + "  - [street, three, check, x, pass]\n", "4:14: `seed` is not right: found `three`, expected a whole number …"),
        (ROW + "  - [street, 3, check, x, passed]\n", "4:27: `x` …: found `passed`, expected one of `pass`, …; did you mean `pass`?"),
        (ROW + "  - [street, 3, metric, peak_enregy, 1 kWh]\n", "4:25: `name` …: found `peak_enregy`, …; did you mean `peak_energy`?"),
        (ROW + "  - [street, 3, metric, peak_energy, 1]\n", "4:38: …: found `1`, expected a figure with its unit such as `1.5 kWh`, …"),
        (ROW + "  - [street, 3, metric, peak_energy, 1 s]\n", "4:38: …: found `1 s`, expected a figure with its unit such as `1.5 kWh`, …"),
        (ROW + f"  - [street, 3, metric, peak_energy, {'9' * 16} kWh]\n", "4:38: …: found `9999999999999999 kWh`, expected a figure …"),
        (ROW + f"  - [street, 3, metric, peak_energy, {'9' * 5000} kWh]\n", "4:38: …, expected a figure with its unit such as …"),
        (ROW + f"  - [street, 3, metric, peak_energy, {'9' * 400}.5 kWh]\n", "4:38: …, expected a figure with its unit such as …"),
        (ROW + "  - [street, 3, behaviour, TOU is suspnded, 1]\n", "4:28: `name` …; did you mean `TOU is suspended`?"),
        (ROW + "  - [street, 3, run, verdict, fail]\n", "4:5: the run `verdict` of `street` with seed 3 stands here twice: …"),
        (ROW + "  - [lane, 3, check, x, pass]\n", "4:5: `lane` with seed 3 has no verdict: expected `[lane, 3, run, verdict, pass]`, too"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(file, text, told):
    with pytest.raises(ScenarioError) as caught:
        baseline.read(file(text))
    (problem,) = caught.value.problems
    assert re.fullmatch(".*".join(map(re.escape, f"b.yaml:{told}".split("…"))), str(problem)), str(problem)


def test_tolerances_are_of_the_suite_where_the_facts_are_written_anew(file):
    path = file("schema: 1\ntolerances: {scenarios: {street: {all: 1 %}}}\nfacts:\n  - [street, 3, run, verdict, pass]\n")
    assert baseline.read(path, ["lane"]).tolerances.scenarios == {"street": {"all": Tolerance(percent=1)}}
    with pytest.raises(ScenarioError, match=r"b.yaml:2:26: unknown key `street`"):
        baseline.read(path, ["lane"], anew=True)


def test_a_large_suite_has_room(file):
    rows = {("street", seed): Facts(verdict="pass") for seed in range(20_000)}
    assert len(baseline.read(file(baseline.render(baseline.NEW_HEAD, rows))).rows) == 20_000
