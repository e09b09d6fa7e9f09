"""What lint warns about, and what it leaves alone."""

import pytest
from small_scenario import GOOD, SMALL

import harness
from harness import scenario, shipped
from harness.fault import KINDS

HEAD = SMALL.replace("duration: 24 h", "duration: 24 h\nseed: 1")


@pytest.fixture
def warnings(tmp_path):
    def lint(more, text=HEAD, *, places=False):
        file = tmp_path / "linted.yaml"
        file.write_text(text + more, encoding="utf-8")
        found = scenario.lint(file)
        assert all(problem.severity == "warn" for problem in found), [str(problem) for problem in found]
        return [str(problem) if places else str(problem).split(": ", 1)[1] for problem in found]

    return lint


@pytest.mark.parametrize("name", shipped.scenario_names())
def test_shipped_scenarios_are_beyond_doubt(name):
    assert [str(problem) for problem in scenario.lint(name)] == []


@pytest.mark.parametrize(
    "path", [p for kind in shipped.FOLDERS for p in sorted(shipped.models_dir(kind).glob("*.yaml"))], ids=lambda p: p.stem
)
def test_shipped_models_are_beyond_doubt(path):
    assert [str(problem) for problem in scenario.lint(path)] == []


def test_the_documented_scenario_is_beyond_doubt():
    assert scenario.lint(GOOD) == []


@pytest.mark.parametrize(
    ("step", "warning"),
    [
        ("{at: 17:30, do: driver.override, to: anna}", "warning: `anna` has no car when `step-1` comes: `driver.override` will do nothing"),
        ("{at: 20:00, do: driver.plug-in, to: anna, with: {needs: 1 kWh, stay: 1 h}}", "warning: `anna` already has a car when"),
        ("{at: 20:00, do: driver.unplug, to: homes-3}", "warning: whether `homes-3` has a car then is drawn from the seed"),
        ("{at: day 3 20:00, do: server.hang, for: 1 h}", "warning: `step-1` comes after the end of the run, which lasts 1 d"),
        (
            "{at: 20:00, do: network.expired-certificate, for: 1 h}",
            "warning: `step-1` will do nothing: none of its targets holds a connection",
        ),
        ("{at: 20:00, do: network.reset}", "warning: `step-1` will do nothing: none of its targets holds a connection"),
    ],
)
def test_steps_that_may_do_nothing(warnings, step, warning):
    (found,) = warnings(f"  homes: {{count: 5}}\nplan:\n  - {step}\n")
    assert found.startswith(warning)


@pytest.mark.parametrize(
    ("days", "warned"),
    [
        ("{red: [2026-03-11]}", []),  # its night is the first of the run
        ("{red: [2025-03-12], white: 2026-03-14}", ["warning: none of these days is in the run, which goes from 2026-03-12 to 2026-03-13"]),
        ("{red: [2025-03-12], white: [2026-03-13]}", []),
        ("{red: null, white: []}", []),
    ],
)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tariff: pge-ev2-a, driver: commuter, model: juicebox-40, tou: {charge_in: [off-peak]}",
         "tariff: TEMPO, driver: commuter, model: juicebox-40, tou: {charge_in: [blue-hc]}"),
        ("anna: {session:", "anna: {tariff: TEMPO, tou: {charge_in: [blue-hc]}, session:"),
    ],
    ids=["defaults", "charger"],
)  # fmt: skip
def test_days_of_a_colour_that_are_not_in_the_run(warnings, days, warned, old, new):
    assert old in HEAD
    text = HEAD.replace(old, new.replace("TEMPO", f"{{extends: edf-tempo, days: {days}}}"))
    assert warnings("", text) == warned


def test_datagrams_that_nobody_sends(warnings):
    ben = "  ben: {model: waybox, session: {plug_in: 18:00, needs: 1 kWh, leave: 19:00}}\n"
    lossy = ben + "plan:\n  - {at: 20:00, do: network.loss, for: 1 h, with: {share: 5 %}"
    (found,) = warnings(lossy + ", to: ben}\n")
    assert "`step-1` will do nothing: none of its targets speaks over datagrams" in found
    assert warnings(lossy + "}\n") == []


def test_steps_that_find_their_car(warnings):
    assert warnings("plan:\n  - {at: 20:00, do: driver.override, to: anna}\n") == []
    replug = (
        "plan:\n  - {id: out, at: 19:00, do: driver.unplug, to: anna}\n  - {at: out.start + 1 min, do: driver.plug-in, to: anna, with: "
    )
    assert warnings(replug + "{needs: 1 kWh, stay: 2 h}}\n  - {at: 20:00, do: driver.override, to: anna}\n") == []
    (late,) = warnings(replug + "{needs: 1 kWh, stay: 2 h}}\n  - {at: 23:00, do: driver.override, to: anna}\n")
    assert "`anna` has no car" in late


@pytest.mark.parametrize(
    ("more", "warning"),
    [
        (
            "expect: {exercised: [charging-continues]}\n",
            "nothing in the plan can trigger `charging-continues`: it takes `network.black-hole`",
        ),
        (
            "plan:\n  - {at: 20:00, do: server.hang, for: 1 h}\nexpect: {checks: {unplug-clears-schedule: {}}}\n",
            "nothing in the plan can trigger `unplug-clears-schedule`: it takes `station.power-cut`",
        ),
        ("expect: {exercised: [random-delay-applied]}\n", "no model has a `random_delay`"),
        *(
            (f"expect: {{exercised: [{check}]}}\n", f"nothing in the plan can trigger `{check}`: it takes `network.black-hole`")
            for check in (
                "pause-kept-offline",
                "new-session-refused-offline",
                "unknown-tag-charges-offline",
                "replug-overrides",
                "random-delay-at-return",
            )
        ),
        (
            "plan:\n  - {at: 20:00, do: server.hang, for: 1 h}\nexpect: {exercised: [replug-overrides]}\n",
            "nothing in the plan can trigger `replug-overrides`: it takes `driver.plug-in`, `driver.replug`",
        ),
        (
            "plan:\n  - {at: 20:00, do: server.hang, for: 1 h}\n  - {at: 20:10, do: driver.replug, to: anna}\n"
            "expect: {exercised: [replug-overrides]}\n",
            "no model has an `override_by_replug`",
        ),
        ("expect: {exercised: [load-group-within-capacity]}\n", "there are no `circuits`"),
        ("models:\n  mine: {extends: waybox}\n", "no charger is a `mine`"),
        ("  ben: {}\n", "no car ever comes to `ben`"),
        ("  ben: {session: {plug_in: day 4 18:00, needs: 1 kWh, leave: 19:00}}\n", "a session of `ben` begins after the end of the run"),
    ],
)
def test_what_cannot_happen(warnings, more, warning):
    (found,) = warnings(more)
    assert warning in found


SEVERING = {"server.slow", "server.errors", "server.brown-out", "server.failover"} | {name for name, kind in KINDS.items() if kind.outage}


@pytest.mark.parametrize("kind", sorted(SEVERING))
def test_whatever_may_sever_chargers_from_their_server_puts_what_they_do_then_to_the_test(warnings, kind):
    needed = {argument.name: "2" if argument.unit == "rate" else "1 min" for argument in KINDS[kind].arguments if argument.required}
    given = ", ".join(f"{name}: {value}" for name, value in needed.items())
    lasts = ", for: 1 h" if KINDS[kind].ends == "may" else ""
    shards = HEAD.replace("server: juicenet\n", "server: {extends: juicenet, shards: 2}\n")
    step = f"plan:\n  - {{at: 20:00, do: {kind}{lasts}, with: {{{given}}}}}\n"
    assert warnings(step + "expect: {exercised: [charging-continues]}\n", shards) == []


@pytest.mark.parametrize(
    ("more", "warning"),
    [
        (
            "plan:\n  - {at: 16:30, do: server.hang, for: 10 min}\n",
            "linted.yaml:14:10: warning: `step-1` comes on day 2 16:30, the first 16:30 after; write `day 2 16:30` if that is meant",
        ),
        ("plan:\n  - {at: 17:30, do: server.hang, until: 17:15}\n", "`step-1` ends on day 2 17:15"),
        (
            "  ben: {session: {plug_in: 18:10, needs: 1 kWh, leave: 18:00}}\n",
            "linted.yaml:13:56: warning: the car of `ben` leaves after the end of the run, on day 2 18:00: what it then has is not judged",
        ),
        ("  ben: {session: {plug_in: 16:50, needs: 1 kWh, leave: 16:59}}\n", "the car of `ben` comes on day 2 16:50"),
    ],
)
def test_clock_times_that_mean_the_next_day(warnings, more, warning):
    (found,) = warnings(more, places=True)
    assert found.endswith(warning) if warning.startswith("linted") else warning in found


def test_a_stay_of_almost_a_day(warnings):
    ben = "  ben: {session: {plug_in: 18:10, needs: 1 kWh, leave: LEAVE}}\n"
    (found,) = warnings(ben.replace("LEAVE", "18:00"), HEAD.replace("24 h", "72 h"))
    assert "the car of `ben` leaves on day 2 18:00" in found
    assert warnings(ben.replace("LEAVE", "day 2 18:00"), HEAD.replace("24 h", "72 h")) == []


def test_what_is_said_to_be_on_another_day_or_again_is_meant(warnings):
    assert warnings("plan:\n  - {at: day 2 16:30, do: server.hang, for: 10 min}\n  - {at: 04:00, do: server.hang, for: 1 h}\n") == []
    assert warnings("  ben: {session: {plug_in: 18:10, needs: 1 kWh, leave: 07:00, repeat: daily}}\n", HEAD.replace("24 h", "36 h")) == []


CONTRADICTIONS = [
    ("server_loss: {limit: offline-amperage}", "`limit: offline-amperage` without an `offline_amperage` under `ratings` limits nothing"),
    ("tou: schedule\ncontract: null", "`tou: schedule` is kept in `memory.schedule`, which nothing clears here; `memory.hold` is not used"),
    ("memory: {hold: [], schedule: [power-cycle]}\ncontract: null", "`tou: hold` is kept in `memory.hold`, which nothing clears here"),
    ("tag_refused: {transaction: suspends}", "`tag_refused` without `authorisation: required`"),
    ("server_loss: {cached_tags: true}", "`cached_tags` counts only with `authorisation: required` and `new_car: local-list`"),
    ("server_loss: {unknown_tag: charges}", "`unknown_tag` counts only with `authorisation: required` and `new_car: local-list`"),
    ("memory: {authorisation_cache: [memory-loss]}", "is not used without `cached_tags` under `server_loss`"),
]

CLAUSES = [
    ("unplug-clears-schedule", "tou: schedule", "nothing can trigger `unplug-clears-schedule` here"),
    ("unplug-clears-schedule", "memory: {hold: [departure]}", "`memory.hold` is not cleared by `power-cycle`"),
    ("hold-ends-on-time", "tou: pause", "nothing can trigger `hold-ends-on-time` here"),
    ("hold-ends-on-time", "memory: {hold: [server-loss]}", "`memory.hold` is cleared by `server-loss`"),
    ("hold-lifted-after-loss", "tou: pause\nmemory: {hold: [departure]}", "`memory.hold` is not cleared by `server-loss`"),
    ("hold-lifted-after-loss", "tou: schedule", "nothing can trigger `hold-lifted-after-loss` here"),
    ("schedule-runs-offline", "tou: none", "nothing can trigger `schedule-runs-offline` here"),
    ("schedule-runs-offline", "tou: schedule\nmemory: {schedule: [server-loss]}", "`memory.schedule` is cleared by `server-loss`"),
    ("schedule-survives-power-cycle", "tou: schedule\nmemory: {schedule: [power-cycle]}", "is cleared by `power-cycle`"),
    ("unscheduled-after-power-cut", "tou: schedule\nmemory: {schedule: [memory-loss]}", "is not cleared by `power-cycle`"),
    ("can-always-charge", "tou: schedule\nmemory: {schedule: [memory-loss]}", "it promises current whatever the tariff says"),
    ("tou-suspended", "tou: schedule\nmemory: {schedule: [memory-loss]}", "goes on holding cars without the server"),
    ("tou-suspended", "tou: none", "nothing can trigger `tou-suspended` here"),
    ("settings-remembered", "memory: {wire_rating: [power-cycle]}", "`memory.wire_rating` is cleared by `power-cycle`"),
    ("offline-limit-applies", "tou: hold", "it takes `limit: offline-amperage`"),
    ("random-delay-applied", "tou: hold", "it takes a `random_delay`"),
    ("random-delay-at-return", "tou: hold", "it takes `delay_at_return: true`"),
    ("replug-overrides", "tou: hold", "it takes a stored schedule (`tou: schedule`) and an `override_by_replug`"),
    ("replug-overrides", "tou: schedule", "it takes a stored schedule (`tou: schedule`) and an `override_by_replug`"),
    ("offline-flag", "protocol: ocpp1.6", "only OCPP 2.0.1 has the flag"),
]


@pytest.mark.parametrize(("check", "change", "warning"), CLAUSES)
def test_a_promise_that_the_model_itself_breaks_or_that_nothing_can_put_to_the_test(tmp_path, check, change, warning):
    file = tmp_path / "mine.yaml"
    claims = "claims: {tou: {source: me}, memory: {source: me}, protocol: {source: me}}"
    nothing_else = ", ".join(f"{name}: null" for name in scenario.load("faq-walkthrough").models["juicebox-40"].contract if name != check)
    contract = f"contract: {{{nothing_else}, {check}: {{source: me}}}}"
    file.write_text(f"harness: 1\nkind: charger\nname: mine\nextends: juicebox-40\n{change}\n{contract}\n{claims}\n", encoding="utf-8")
    found = [str(problem) for problem in scenario.lint(file) if "memory.schedule`, which nothing" not in str(problem)]
    assert [warning in problem for problem in found] == [True]
    (problem,) = [problem for problem in scenario.lint(file) if warning in problem.message]
    assert problem.line == file.read_text().splitlines().index(contract) + 1


@pytest.mark.parametrize(("change", "warning"), CONTRADICTIONS)
def test_a_model_that_contradicts_itself(warnings, tmp_path, change, warning):
    file = tmp_path / "mine.yaml"
    claims = "\nclaims: {server_loss: {source: me}, tou: {source: me}, memory: {source: me}, tag_refused: {source: me}}\n"
    file.write_text(f"harness: 1\nkind: charger\nname: mine\nextends: juicebox-40\n{change}{claims}", encoding="utf-8")
    (found,) = [str(problem) for problem in scenario.lint(file)]
    assert warning in found
    (found,) = warnings("  ben: {model: ./mine.yaml, session: {plug_in: 18:10, needs: 1 kWh, leave: 07:00}}\n")
    assert found.startswith("warning: the model `mine`: ")
    assert warning in found


def test_an_offline_amperage_may_be_a_setting(warnings):
    model = "{extends: juicebox-40, server_loss: {limit: offline-amperage}}"
    ben = f"  ben: {{model: {model}, SETTINGS session: {{plug_in: 18:10, needs: 1 kWh, leave: 07:00}}}}\n"
    assert warnings(ben.replace("SETTINGS", "settings: {offline_amperage: 10 A},")) == []
    assert len(warnings(ben.replace("SETTINGS ", ""))) == 1


def test_a_known_failure_of_what_nothing_judges(warnings):
    known = "expect: {known_failures: [{check: schedule-runs-offline, reason: x}], limits: {port_uptime: {min: 90 %}}}\n"
    (found,) = warnings(known)
    assert found.startswith("warning: nothing judges `schedule-runs-offline`: no contract has it, nor `checks`, nor `limits`")
    for judged in ("can-always-charge", "port_uptime", "load-group-within-capacity"):
        assert warnings(known.replace("schedule-runs-offline", judged)) == []


def test_doubts_are_lints_warnings_of_what_is_loaded(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(SMALL + "  homes: {count: 5}\nplan:\n  - {at: 19:00, do: server.hang, for: 1 h}\n", encoding="utf-8")
    assert [problem.message for problem in scenario.doubts(file)] == ["no `seed` is given, though crowds are drawn from it; 1 is used"]
    assert scenario.doubts(file) == scenario.lint(file)
    assert scenario.doubts(file, seed=3) == scenario.doubts(file, overrides=["seed=3"]) == []
    (late,) = scenario.doubts(file, ["plan.1.at=16:30"], 3)
    assert (late.file, late.severity) == ("--set #1", "warn")
    assert scenario.doubts(file, ["duration=no"]) == scenario.doubts("no-such-file") == []


def test_no_tou_no_hold(warnings):
    (found,) = warnings(
        "plan:\n  - {at: 20:00, do: server.hang, for: 1 h}\nexpect: {exercised: [tou-suspended]}\n",
        HEAD.replace(", tou: {charge_in: [off-peak]}", ""),
    )
    assert "no charger has time-of-use charging" in found


def test_a_wire_too_thin_for_the_car(warnings):
    ben = "  ben: {settings: {wire_rating: 5 A}, session: {plug_in: 18:10, needs: 1 kWh, leave: 07:00}}\n"
    assert warnings(ben) == ["warning: `ben` will never charge: its wire rating is 5 A, and `leaf-40` needs 6 A"]


def test_own_checks_that_hardly_mean_what_they_say(warnings):
    plan = "plan:\n  - {at: 20:00, id: hang, do: server.hang, for: 1 h}\nexpect:\n  checks:\n"
    (found,) = warnings(plan + "    mine: {after: hang.end, becomes: Charging}\n")
    assert found == "warning: `mine` has no `within`: it must hold at once"
    (found,) = warnings(plan + "    mine: {whenever: {state: Faulted}, then: {draws: false}, within: 1 s}\n")
    assert found == "warning: `mine` waits for `Faulted`, and no charger here ever is"


def test_a_tag_that_is_asked_for(warnings):
    ben = "  ben: {model: {extends: juicebox-40, authorisation: required}, session: {plug_in: 18:10, needs: 1 kWh, leave: 07:00}"
    (found,) = warnings(ben + "}\n")
    assert "asks for a tag and `ben` shows none" in found
    assert warnings(ben + ", tag: A1}\n") == []


REQUIRED = "authorisation: required"


def test_a_tag_that_is_revoked_later_than_its_writer_may_mean(warnings):
    model = f"{{extends: juicebox-40, {REQUIRED}}}"
    ben = f"  ben: {{model: {model}, tag: A1, tag_revoked: 16:30, session: {{plug_in: 18:10, needs: 1 kWh, leave: 07:00}}}}\n"
    (found,) = warnings(ben)
    assert found.startswith("warning: the tag of `ben` is revoked on day 2 16:30")


@pytest.mark.parametrize(
    ("model", "tag", "warning"),
    [
        ("authorisation: none", "tag: A1, tag_revoked: 19:00", "`tag_revoked` changes nothing for `ben`: `juicebox-40@ben` asks for none"),
        (f"{REQUIRED}, server_loss: {{new_car: charges}}", "tag: A1, tag_barred: true", "`juicebox-40@ben` asks no list"),
        (f"{REQUIRED}, server_loss: {{new_car: local-list}}", "tag: A1, tag_barred: true, tag_listed: false", "its tag is not on the list"),
    ],
)
def test_words_about_a_tag_that_change_nothing(warnings, model, tag, warning):
    ben = f"  ben: {{model: {{extends: juicebox-40, {model}}}, {tag}, session: {{plug_in: 18:10, needs: 1 kWh, leave: 07:00}}}}\n"
    (found,) = warnings(ben)
    assert warning in found


def test_words_about_a_tag_that_change_something(warnings):
    model = f"{{extends: juicebox-40, {REQUIRED}, server_loss: {{new_car: local-list}}}}"
    session = "session: {plug_in: 18:10, needs: 1 kWh, leave: 07:00}"
    assert warnings(f"  ben: {{model: {model}, tag: A1, tag_barred: true, tag_revoked: 19:00, {session}}}\n") == []


def test_a_crowd_without_a_seed(warnings):
    (found,) = warnings("  homes: {count: 5}\n", SMALL)
    assert "no `seed` is given" in found
    assert warnings("", SMALL) == []


def test_a_models_claims(tmp_path):
    file = tmp_path / "mine.yaml"
    text = "harness: 1\nkind: charger\nname: mine\nextends: juicebox-40\nqueue: {limit: 3, attempts: 4}\npower_up: {boot: 3 s}\n"
    file.write_text(text + "contract: {clock-sane: {}}\nclaims: {queue.limit: {source: me}}\n", encoding="utf-8")
    assert [str(problem).split(": ", 1)[1] for problem in scenario.lint(file)] == [
        "warning: no claim covers `queue.attempts`: its source, or the assumption that stands in for one",
        "warning: no claim covers `power_up`: its source, or the assumption that stands in for one",
        "warning: nobody is said to promise `clock-sane`: its `source`, or the `assumption` that stands in for one",
    ]


@pytest.mark.parametrize("kind", ["scenario", "model"])
def test_what_new_writes_is_beyond_doubt(tmp_path, kind):
    file = tmp_path / "mine-1.yaml"
    file.write_text(scenario.new(kind, "mine-1"), encoding="utf-8")
    assert [str(problem) for problem in scenario.lint(file)] == []


def test_what_new_writes_can_be_used(tmp_path):
    (tmp_path / "acme.yaml").write_text(scenario.new("model", "acme"), encoding="utf-8")
    file = tmp_path / "first.yaml"
    file.write_text(scenario.new("scenario", "first"), encoding="utf-8")
    found = scenario.load(file, overrides=[f"chargers.anna.model={tmp_path}/acme.yaml"])
    assert list(found.models) == ["juicebox-40", "acme"]


def test_what_new_writes_puts_its_own_checks_to_the_test(tmp_path):
    file = tmp_path / "first.yaml"
    file.write_text(scenario.new("scenario", "first"), encoding="utf-8")
    result = harness.run(file, twin=False)
    assert result.verdict == "pass"
    assert result.checks["unplug-clears-schedule"].met == 1
    assert result.checks["anna-charges-without-the-server"].met == 1


SERVER_STEPS = """  homes: {count: 5}
plan:
  - {id: slow, at: 20:00, do: %s}
"""


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("server.failover", "the server `csms` is in one piece, so there is nowhere to move to"),
        ("server.brown-out, with: {answers: 2000}", "the server `csms` answers 2000 a second"),
        ("server.admit, with: {accepts: 100}", "the server `csms` accepts 100 a second"),
        ("server.authorisation-down", "no charger asks for a tag and is shown one"),
        ("server.settings-wiped", "the server stores no settings: neither time-of-use charging, nor amperage, nor overrides"),
    ],
)
def test_a_step_of_the_server_that_nobody_can_feel(warnings, step, why):
    text = HEAD.replace("server: juicenet", "server: csms").replace(", tou: {charge_in: [off-peak]}", "")
    found = warnings(SERVER_STEPS % step, text)
    assert f"warning: `slow` will change nothing: {why}" in found


@pytest.mark.parametrize(
    "step",
    ["server.brown-out, with: {answers: 1.5}", "server.admit, with: {accepts: 99}", "server.failover", "server.settings-wiped"],
)
def test_a_step_of_the_server_that_somebody_may_feel(warnings, step):
    assert not any("change nothing" in line for line in warnings(SERVER_STEPS % step))
