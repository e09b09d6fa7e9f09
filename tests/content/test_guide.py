"""The field guide: complete for each shipped charger, made from runs, on somebody's word, and escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from harness import guiding, scenario, shipped
from harness.cli import main
from harness.report import guide as report
from harness.report.answers import DARK_MS, QUESTIONS
from harness.report.clock import Clock
from harness.report.guide import NOBODY, Cell, Guide, Row
from harness.report.html import guide as page
from harness.scenario import ScenarioError
from harness.values import hold_windows

CHARGERS = shipped.model_names("charger")
HOSTILE = "<script>alert(1)</script> | **b** [x](javascript:alert(1)) @all </dd>"


@cache
def whole() -> Guide:
    return guiding.made_of(CHARGERS, Path("reports"))


def row_of(name: str) -> Row:
    return next(row for row in whole().rows if row.name == name)


def cell(row: Row, key: str) -> Cell:
    return next(cell for cell in row.cells if cell.question.key == key)


def own(folder: Path, name: str, text: str) -> str:
    path = folder / f"{name}.yaml"
    path.write_text(f"harness: 1\nkind: charger\nname: {name}\n{text}", encoding="utf-8")
    return str(path)


def made(reference: str) -> Row:
    return guiding.made_of([reference], Path("reports")).rows[0]


@pytest.mark.parametrize("name", CHARGERS)
def test_each_shipped_charger_has_an_answer_to_each_question(name):
    row = row_of(name)
    assert [cell.question for cell in row.cells] == list(QUESTIONS)
    assert row.failed == ()
    for each in row.cells:
        assert 1 <= len(each.answer.split()) <= 12
        assert "not shown" not in each.answer
        assert each.cars


@pytest.mark.parametrize("name", CHARGERS)
def test_no_answer_is_without_a_source_or_the_word_assumption(name):
    for each in row_of(name).cells:
        words = (*each.promises, *each.statements)
        assert words
        assert all(word.text and (not word.assumed or report.word_text(word).startswith("assumption: ")) for word in words)


@pytest.mark.parametrize(
    ("name", "key", "answer"),
    [
        ("juicebox-40", "new-car", "yes, at once, at any price"),
        ("juicebox-40", "power-cycle", "yes, then it charges at once"),
        ("juicebox-40", "return", "in dear hours it waits again"),
        ("juicebox-40", "current", "26 A, all that the wiring bears"),
        ("juicebox-v09u", "charging", "yes, at 24 A instead of 27.5 A"),
        ("emporia", "pause", "no, it stays paused"),
        ("emporia", "replug", "yes, then it charges at once"),
        ("flexecharge", "new-car", "no, it is refused, whatever the card"),
        ("flexecharge", "replug", "no, it ends the charge"),
        ("evc-net-edge", "new-car", "yes, at once, whatever the card"),
        ("evnex", "current", "12 A; after a power cut 26 A"),
        ("ocpp16-strict", "new-car", "yes, in the cheap hours; unknown card: no"),
        ("wallbox-managed", "cheap-hours", "no, it starts by itself, at any price"),
        ("waybox", "cheap-hours", "yes, it keeps to cheap hours by itself"),
        ("pod-point", "return", "it stops for 2 min 39 s and goes on"),
        ("zappi", "cheap-hours", "no, it does not start by itself, not even in cheap hours"),
    ],
)
def test_an_answer_is_what_the_maker_says_of_it(name, key, answer):
    assert cell(row_of(name), key).answer == answer


def test_what_no_clause_speaks_of_is_at_best_inferred():
    assumed, inferred = cell(row_of("zappi"), "replug"), cell(row_of("waybox"), "pause")
    assert (assumed.promises, assumed.basis, assumed.mark) == ((), "assumption", "unknown")
    assert (inferred.promises, inferred.basis, inferred.mark) == ((), "inferred", "unknown")
    assert NOBODY in report.render(whole())


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("emporia", "If your car waits and you need it now: unplug the car and plug it in again within 10 s."),
        ("evnex", "If your car waits and you need it now: pull the station's plug, or switch off its mains, for 20 s."),
        ("zappi", "If your car waits and you need it now: unplug the car and plug it in again (assumption)."),
        ("flexecharge", "Charge elsewhere, or wait for the server: it takes no new car without it."),
        (
            "zappi",
            "A car that already waits when the server goes does not start by itself, not even in the cheap hours: to have it charged, pull"
            " the station's plug, or switch off its mains, for 20 s, or unplug the car and plug it in again (partly assumption).",
        ),
        (
            "zappi",
            "To pay less, plug in when energy is cheap: a car that comes without the server does not wait for that (assumption).",
        ),
        ("easee", "To pay less, plug in when energy is cheap: it knows no hours to wait for (assumption)."),
        (
            "wallbox-managed",
            "To pay less, unplug a car that already waits: it starts by itself once the server is gone, at any price (partly assumption).",
        ),
        ("wallbox-managed", "If it must not charge, unplug the car: a pause ends by itself once the server is gone."),
        (
            "juicebox-40",
            "To pay less, unplug when the cheap hours end: a car that waited before goes on in dear ones without the server"
            " (partly assumption).",
        ),
        ("ocpp16-strict", "Use a card that the charger knows already: an unknown one is not taken without the server."),
        (
            "waybox",
            "If your wiring bears less than the charger can draw, have that set in the charger itself: the app's limit is not kept.",
        ),
    ],
)
def test_what_an_owner_can_do_is_what_helped_and_says_how_it_is_known(name, advice):
    assert advice in report.advice_texts(row_of(name))


@pytest.mark.parametrize("name", CHARGERS)
def test_nobody_is_told_to_do_what_did_not_help(name):
    row = row_of(name)
    for key, helps in (("power-cycle", "pull the station's plug"), ("replug", "plug it in again")):
        told = any(helps in sentence for sentence in row.advice)
        assert told == (cell(row, key).answer == "yes, then it charges at once")


STUCK = "A car that already waits when the server goes does not start by itself, not even in the cheap hours: "


@pytest.mark.parametrize("name", CHARGERS)
def test_advice_about_cars_that_wait_or_are_paused_agrees_with_the_answers(name):
    row = row_of(name)
    waits, comes, pause = (cell(row, key).answer for key in ("cheap-hours", "new-car", "pause"))
    told = " ".join(row.advice)
    assert (STUCK in told) == waits.startswith("no, it does not start")
    assert ("a car that already waits: it starts" in told) == waits.startswith("no, it starts")
    assert ("a car that comes without the server does not wait" in told) == comes.startswith("yes, at once, at any price")
    assert ("a pause ends by itself" in told) == pause.startswith("yes")
    assert ("do not leave it paused" in told) == pause.startswith("no")


def test_where_nothing_helps_a_car_that_waits_it_says_to_charge_elsewhere(tmp_path):
    stuck = made(own(tmp_path, "mine", "extends: zappi\nmemory: {hold: [memory-loss]}\nserver_loss: {new_car: refused}\n"))
    assert cell(stuck, "power-cycle").answer == cell(stuck, "replug").answer == "no, it waits as before"
    assert cell(stuck, "cheap-hours").advice == (f"{STUCK}if you need it before the server is back, charge elsewhere.",)


def test_where_there_is_nothing_to_do_it_says_so():
    row = row_of("zappi")
    calm = replace(row, cells=tuple(replace(each, advice=()) for each in row.cells))
    assert report.advice_texts(calm) == [report.NOTHING]


def test_a_card_says_how_much_of_it_is_stated_and_by_whom():
    row = row_of("easee")
    assert row.known_from == "Of 9 answers: 2 partly assumed, 7 assumed."
    assert row.sources == ("developer.easee.com current-limits-and-control",)


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("support.myenergi.com: the cloud sends start and stop", "support.myenergi.com"),
        ("community.evnex.io t/115: it fails in favour of charging", "community.evnex.io"),
        ("pod-point.com", "pod-point.com"),
        ("acme.example/help/offline?page=2: it waits", "acme.example/help/offline?page=2"),
        ("acme.example/help/offline.html.", "acme.example/help/offline.html"),
        ("acme.example/a.b(c) says so", ""), ("acme.example…", ""), ("acme.example@evil.example: it waits", ""),
        ("Waybox help, 360052704872: it waits", ""), ("JuiceRescue/juicepassproxy#39: it waits", ""),
        ("manual.pdf: it waits", ""), ("juicebox_message.py: it waits", ""), ("OCPP 2.0.1 K01: it waits", ""), ("6 A", ""),
    ],
)  # fmt: skip
def test_a_source_that_begins_with_a_host_is_a_link_there_and_to_no_path_that_it_does_not_name(text, site):
    assert report.site(text) == site


def test_both_pages_link_a_source_to_its_site():
    shown = page.render(whole()).decode()
    link = '<a href="https://support.myenergi.com" rel="noreferrer">support.myenergi.com</a>'
    assert f"{link}: the cloud sends start and stop" in shown
    assert f"Sources: {link}." in shown
    assert len(re.findall(r'href="https?:', shown)) == shown.count(' rel="noreferrer"')
    told = report.render(whole())
    assert "Sources: [support.myenergi.com](https://support.myenergi.com)." in told
    assert "Sources: [community.evnex.io](https://community.evnex.io) t/115." in told


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("easee", ("Easee charger", "")), ("zappi", ("zappi", "with Octopus, myenergi")), ("waybox", ("Enel X Waybox", "")),
        ("wallbox-managed", ("Wallbox charger", "under an external manager (Charge HQ)")),
        ("ocpp201", ("A charger that follows OCPP 2.0.1", "")),
    ],
)  # fmt: skip
def test_a_charger_is_listed_by_what_its_owner_calls_it(name, called):
    assert row_of(name).called == called


def test_an_assumption_in_the_model_makes_the_answer_none_of_a_source():
    assert cell(row_of("juicebox-40"), "current").basis == "partly assumption"
    assert cell(row_of("emporia"), "pause").basis == "stated"


WRONG = "extends: zappi\nmemory: {hold: [departure, server-loss, power-cycle, memory-loss]}\n"


def test_a_charger_that_does_otherwise_has_another_answer_and_fails(tmp_path):
    wrong = made(own(tmp_path, "mine", WRONG))
    assert cell(wrong, "pause").answer.startswith("yes, ")
    assert cell(wrong, "pause").mark == "fail"
    assert cell(wrong, "cheap-hours").answer == "no, it starts by itself, at any price"
    assert wrong.failed == ("pause-kept-offline",)
    right = made(own(tmp_path, "right", "extends: zappi\n"))
    assert [each.answer for each in right.cells][:-1] == [each.answer for each in row_of("zappi").cells][:-1]


def test_a_claim_of_an_extended_model_does_not_speak_of_another_value(tmp_path):
    (word,) = cell(made(own(tmp_path, "mine", WRONG.replace("zappi", "emporia"))), "pause").statements
    assert (word.assumed, word.text) == (True, report.UNSAID)


@pytest.mark.parametrize("name", CHARGERS)
def test_a_charger_has_the_same_row_alone_as_among_the_others(name):
    assert made(name) == row_of(name)


def test_hostile_words_of_an_own_model_are_text(tmp_path):
    text = f'extends: zappi\ntitle: "{HOSTILE}"\nmaker: "{HOSTILE}"\ncontract: {{charging-continues: {{source: "{HOSTILE}"}}}}\n'
    found = guiding.made_of([own(tmp_path, "mine", text)], tmp_path)
    shown = page.render(found).decode()
    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert shown.count("</dd>") == shown.count("<dd>")
    told = report.render(found)
    assert "<script" not in told
    assert not re.search(r"(?<!\\)\]\(javascript", told)
    columns = {len(re.findall(r"(?<!\\)\|", line)) for line in told.splitlines() if line.startswith("| Does")}
    assert columns == {7}


def test_the_command_writes_both_and_says_what_failed(tmp_path, capsys):
    assert main(["guide", own(tmp_path, "mine", WRONG), "evnex", "--out", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr().out
    assert "mine: pause-kept-offline" in shown
    assert "evnex  Evnex charger" in shown
    written = (tmp_path / "out" / "guide.html").read_bytes()
    assert b'<article id="mine">' in written
    assert b'<article id="evnex">' in written
    assert b'href="../scenarios' not in written
    assert main(["guide", "evnex", "--out", str(tmp_path / "out")]) == 0
    assert "## Evnex charger" in (tmp_path / "out" / "guide.md").read_text(encoding="utf-8")


def test_what_it_says_of_the_outage_is_what_the_scenario_does():
    compared = scenario.load(guiding.SCENARIO)
    clock = Clock(compared)
    steps = {step.id: step for step in compared.plan}
    crash, pulled = steps["outage"], steps["pulled-plugs"]
    tariff = compared.tariffs[compared.chargers[0].tariff]
    (opens, _), *_ = [
        window for window in hold_windows(tariff, ("super-off-peak",), compared.duration_ms) if window[0] > crash.at.offset_ms
    ]
    closes = next(end for _, end in hold_windows(tariff, ("super-off-peak",), compared.duration_ms) if end > crash.at.offset_ms)
    comes = {entry.sessions[0].plug_in_ms for entry in compared.chargers}
    times = [
        crash.at.offset_ms, crash.at.offset_ms + crash.for_ms, closes, opens, min(comes), max(comes), pulled.at.offset_ms,
        steps["replugs"].at.offset_ms,
    ]  # fmt: skip
    assert re.findall(r"\d\d:\d\d", report.SETTING) == [clock.brief(t)[-5:] for t in times]
    assert pulled.for_ms == DARK_MS == 20_000
    assert len(comes) == 2


def test_an_unknown_charger_is_refused_with_the_nearest_one(tmp_path, capsys):
    assert main(["guide", "evnx", "--out", str(tmp_path)]) == 4
    assert "evnex" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_own_file_that_is_wrong_is_refused_where_it_is(tmp_path):
    with pytest.raises(ScenarioError, match=r"mine\.yaml:5"):
        made(own(tmp_path, "mine", "extends: zappi\ntou: never\n"))


def test_the_page_is_one_small_file_whose_parts_are_found(tmp_path):
    shown = page.render(whole())
    assert len(shown) < 300_000
    ids = re.findall(r' id="([^"]+)"', shown.decode())
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'href="#([^"]+)"', shown.decode())) <= set(ids)
    assert {"evnex", "zappi.pause"} <= set(ids)
    assert page.render(guiding.made_of(CHARGERS, Path("reports"))) == shown
