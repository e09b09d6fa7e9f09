"""Whole scenarios: from a file to values, with models, chargers, sessions, circuits and overrides."""

import subprocess
import sys
import time

import msgspec
import pytest
from small_scenario import GOOD, HOUR, refused, small

from harness import scenario, shipped
from harness.scenario import Problem, ScenarioError
from harness.values import Scenario, Session, Tou


def test_the_documented_scenario():
    found = scenario.load(GOOD)
    assert (found.name, found.start, found.zone, found.seed) == ("good", "2026-03-13T00:00:00Z", "America/Los_Angeles", 7)
    homes, anna, ben = found.chargers
    assert (homes.count, homes.driver, homes.sessions) == (20, "commuter", ())
    assert homes.members()[::19] == ["homes-01", "homes-20"]
    assert anna.sessions == (Session(plug_in_ms=70 * 60_000, leave_ms=14 * HOUR, needs_wh=18_000),)
    assert anna.tou == Tou(charge_in=("off-peak",))
    assert ben.settings.wire_rating_ma == 24_000
    assert found.circuits[0].members == ("homes", "anna")
    assert list(found.models) == ["juicebox-40", "waybox"]
    assert [step.id for step in found.plan] == ["upgrade", "pull-plug", "step-3"]


@pytest.mark.parametrize(("time", "revoked_ms"), [("19:30", 5 * HOUR // 2), ("+0 s", 0), ("day 2 01:00", 8 * HOUR)])
def test_what_is_said_of_a_tag(time, revoked_ms):
    (anna,) = small("anna: {", f"anna: {{tag: A1, tag_barred: true, tag_revoked: {time}, ").chargers
    assert (anna.tag, anna.tag_listed, anna.tag_barred, anna.tag_revoked_ms) == ("A1", True, True, revoked_ms)
    (plain,) = small().chargers
    assert (plain.tag, plain.tag_listed, plain.tag_barred, plain.tag_revoked_ms) == ("", True, False, None)


def test_a_scenario_goes_through_its_journal_unchanged():
    found = scenario.load(GOOD)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Scenario) == found


def test_reading_is_the_same_in_another_process():
    code = "import msgspec, sys; from harness import scenario; sys.stdout.buffer.write(msgspec.json.encode(scenario.load(sys.argv[1])))"
    run = subprocess.run([sys.executable, "-c", code, str(GOOD)], capture_output=True, check=True, env={"PYTHONHASHSEED": "12345"})
    assert run.stdout == msgspec.json.encode(scenario.load(GOOD))


@pytest.mark.parametrize("name", shipped.scenario_names())
def test_shipped_scenarios_load_by_name(name):
    assert scenario.load(name).name == name


def test_what_is_not_there():
    with pytest.raises(ScenarioError, match=r"server-upgrad: no such file.*did you mean `server-upgrade`"):
        scenario.load("server-upgrad")
    with pytest.raises(ScenarioError, match="is a folder"):
        scenario.load(GOOD.parent)


def test_the_seed_wins_over_overrides_and_those_over_the_file():
    assert scenario.load(GOOD, overrides=["seed=8", "seed=9"]).seed == 9
    assert scenario.load(GOOD, overrides=["seed=8"], seed=11).seed == 11
    assert small().seed == 1


def test_overrides():
    found = scenario.load(
        GOOD,
        overrides=[
            "models.juicebox-40.memory.hold=[departure, memory-loss]",
            "chargers.anna.settings.wire_rating=24 A",
            "plan.upgrade.for=3 h",
            "duration=2 d",
            "chargers.ben.model.power_up.boot=99 s",
            "server.accepts_per_s=5",
        ],
    )
    assert found.models["juicebox-40"].memory.hold == ("departure", "memory-loss")
    assert found.chargers[1].settings.wire_rating_ma == 24_000
    assert found.plan[0].for_ms == 3 * HOUR
    assert found.duration_ms == 48 * HOUR
    assert found.chargers[2].model == "waybox@ben"
    assert found.models["waybox@ben"].power_up.boot_ms == 99_000
    assert (found.server.name, found.server.accepts_per_s) == ("juicenet@scenario", 5)


def test_errors_in_overrides_name_the_override():
    messages = refused(overrides=["seed=3", "duration=2", "models.juicebox-40.memory.hold=[departre]"])
    assert [message.split(": ")[0] for message in messages] == ["--set #2", "--set #3"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "models.juicebox40.memory.hold=[departure]",
            "--set #1: no such charger model: found `juicebox40`, expected one of `chargepoint-home`, `easee`, `emporia`, `evc-net-edge`, "
            "`evnex`, `flexecharge`, `juicebox-40`, `juicebox-v09u`, `ocpp16-strict`, `ocpp201`, `pod-point`, `uk-smart` and 3 more; "
            "a new one begins with `models.juicebox40.extends=NAME`; did you mean `juicebox-40`?",
        ),
        (
            "chargers.bob.model=waybox",
            "--set #1: no `bob` in `chargers`: found `chargers.bob.model`, expected `anna`; a new one is given whole, as "
            "`chargers.bob={…}`",
        ),
        ("chargers.ana.model=waybox", "--set #1: no `ana` in `chargers`: found `chargers.ana.model`, expected `anna`"),
    ],
)
def test_a_misspelt_name_makes_nothing_new(override, message):
    (found,) = refused(overrides=[override])
    assert found.startswith(message)


def test_what_is_given_whole_is_new():
    bob = "chargers.bob={model: quick, session: {plug_in: 18:00, needs: 1 kWh, leave: 19:00}}"
    quick = ["models.quick.extends=waybox", "models.quick.power_up.boot=7 s"]
    found = small(overrides=[*quick, bob, "chargers.bob.tag=A1", "models.juicebox-40.power_up.boot=8 s"])
    assert [(entry.name, entry.tag) for entry in found.chargers] == [("anna", ""), ("bob", "A1")]
    assert (found.models["quick"].power_up.boot_ms, found.models["juicebox-40"].power_up.boot_ms) == (7_000, 8_000)


def test_a_wrong_end_is_wrong_once():
    plan = "plan:\n  - {id: up, at: 19:30, do: server.crash, for: 1 h}\n  - {at: up.end MORE, do: driver.override, to: anna}\n"
    for more in ("+ 1 min", "- 1 min"):
        (message,) = refused(more=plan.replace("MORE", more), overrides=["plan.up.for=3"])
        assert message.startswith("--set #1: `for` is not right: found `3`, expected a duration")


def test_the_largest_seed_may_stand_in_a_file_too():
    assert scenario.load(GOOD, overrides=[f"seed={2**53}"]).seed == 2**53


@pytest.mark.parametrize("seed", [-1, 2**53 + 1])
def test_a_seed_that_no_file_could_have(seed):
    with pytest.raises(ScenarioError, match=rf"^--seed: `seed` is not right: found `{seed}`, expected a whole number from 0 to"):
        scenario.load(GOOD, seed=seed)


@pytest.mark.parametrize(("kind", "key"), [("charger", "model"), ("vehicle", "car"), ("tariff", "tariff")])
def test_a_model_is_not_a_scenario(kind, key):
    path = next(iter(sorted(shipped.models_dir(kind).glob("*.yaml"))))
    with pytest.raises(ScenarioError) as caught:
        scenario.load(path)
    (problem,) = caught.value.problems
    assert problem.message == f"this is a {kind} model, not a scenario; name it in a scenario's `{key}:`"
    assert problem.line >= 1


def test_a_scenario_is_not_a_model():
    (message,) = refused("model: juicebox-40", "model: ./good.yaml", folder=GOOD.parent)
    assert message.endswith("good.yaml:1:1: this is a scenario, not a charger model: expected a file with `kind: charger`")


def test_problems_say_all_they_know():
    with pytest.raises(ScenarioError) as caught:
        small("24 h", "24 hours")
    assert caught.value.problems == [
        Problem(
            file="small.yaml", line=5, column=11, message="`duration` is not right", found="`24 hours`",
            expected="a duration such as `90 min`, `45 s` or `1 h 30 min`", suggestion="24 h",
        )
    ]  # fmt: skip
    assert str(caught.value).startswith("small.yaml:5:11: `duration` is not right: found `24 hours`, expected a duration")


@pytest.mark.parametrize("start", ["2026-03-12 17:00", "2026-03-12 17:00 -07:00", "2026-03-12 17:00:00"])
def test_the_start(start):
    assert small("2026-03-12 17:00", start).start == "2026-03-13T00:00:00Z"


def test_a_start_that_occurs_twice_is_told_apart_by_its_offset():
    assert small("2026-03-12 17:00", "2026-11-01 01:30 -08:00").start == "2026-11-01T09:30:00Z"


@pytest.mark.parametrize(
    ("session", "plug_in_h", "leave_h"),
    [
        ("{plug_in: 17:00, needs: 1 kWh, leave: 16:00}", 0, 23),
        ("{plug_in: day 2 18:00, needs: 1 kWh, leave: 17:00}", 25, 48),
        ("{plug_in: +90 min, needs: 1 kWh, leave: +8 h}", 1.5, 9.5),
        ("{plug_in: 18:00, needs: 1 kWh, leave: 2026-03-14 18:00}", 1, 49),
        ("{plug_in: 18:00, needs: 1 kWh, leave: 18:00}", 1, 25),
    ],
)
def test_sessions(session, plug_in_h, leave_h):
    found = small("{plug_in: 18:10, needs: 18 kWh, leave: 07:00}", session).chargers[0].sessions
    assert found == (Session(plug_in_ms=int(plug_in_h * HOUR), leave_ms=int(leave_h * HOUR), needs_wh=1000),)


def test_a_session_a_day_follows_the_clock_over_the_change():
    found = small(
        "2026-03-12 17:00", "2026-03-06 17:00", overrides=["duration=4 d", "chargers.anna.session.repeat=daily"]
    ).chargers[0].sessions  # fmt: skip
    assert [session.plug_in_ms / HOUR for session in found] == pytest.approx([70 / 60, 24 + 70 / 60, 47 + 70 / 60, 71 + 70 / 60])
    assert [(session.leave_ms - session.plug_in_ms) / HOUR for session in found] == pytest.approx([h + 50 / 60 for h in (12, 11, 12, 12)])


def test_defaults_merge_settings_and_replace_models():
    found = small(
        "chargers:\n",
        "chargers:\n  ben: {settings: {amperage: 10 A}, tou: {on: false}}\n  cleo: {tou: off, model: waybox, tag: A1, tag_listed: false}\n",
        overrides=["defaults.settings.wire_rating=32 A"],
    )
    ben, cleo, anna = found.chargers
    assert (ben.settings.wire_rating_ma, ben.settings.amperage_ma) == (32_000, 10_000)
    assert ben.tou == Tou(charge_in=("off-peak",), on=False)
    assert (cleo.tou, cleo.model, cleo.tag, cleo.tag_listed) == (None, "waybox", "A1", False)
    assert anna.settings.amperage_ma is None


def test_a_single_chargers_driver_is_only_the_one_it_names():
    found = small("chargers:\n", "chargers:\n  ben: {driver: home-all-day}\n")
    assert [entry.driver for entry in found.chargers] == ["home-all-day", ""]


def test_models_can_be_changed_defined_and_used():
    more = "models:\n  juicebox-40: {power_up: {boot: 77 s}}\n  quick: {extends: juicebox-40, power_up: {start_delay: 1 s}}\n"
    found = small("chargers:\n", more + "chargers:\n  ben: {model: quick}\n")
    assert found.models["juicebox-40"].power_up.boot_ms == 77_000
    assert (found.models["quick"].power_up.boot_ms, found.models["quick"].power_up.start_delay_ms) == (77_000, 1_000)
    assert found.models["quick"].name == "quick"


def test_a_model_by_path_is_found_beside_the_file_that_names_it(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "base.yaml").write_text(
        "harness: 1\nkind: charger\nname: base\nextends: juicebox-40\npower_up: {boot: 11 s}\n", encoding="utf-8"
    )
    (folder / "acme.yaml").write_text("harness: 1\nkind: charger\nname: acme\nextends: ./base.yaml\ntitle: Acme\n", encoding="utf-8")
    found = small("model: juicebox-40", "model: ./mine/acme.yaml", folder=tmp_path)
    assert found.chargers[0].model == "acme"
    assert (found.models["acme"].title, found.models["acme"].power_up.boot_ms) == ("Acme", 11_000)


def test_a_changed_file_is_read_again(tmp_path):
    file = tmp_path / "acme.yaml"
    for boot in (11, 222):
        file.write_text(f"harness: 1\nkind: charger\nname: acme\nextends: juicebox-40\npower_up: {{boot: {boot} s}}\n", encoding="utf-8")
        found = small("model: juicebox-40", "model: ./acme.yaml", folder=tmp_path)
        assert found.models["acme"].power_up.boot_ms == boot * 1000


def test_errors_in_a_model_stand_in_its_own_file(tmp_path):
    (tmp_path / "acme.yaml").write_text(
        "harness: 1\nkind: charger\nname: acme\nextends: juicebox-40\nlink: {keepalive: 30}\n", encoding="utf-8"
    )
    (message,) = refused("model: juicebox-40", "model: ./acme.yaml", folder=tmp_path)
    assert message.startswith(f"{tmp_path.as_posix()}/acme.yaml:5:19: `keepalive` is not right: found `30`, expected a duration")


def test_two_files_of_one_name_are_told_apart(tmp_path):
    for folder, boot in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        text = f"harness: 1\nkind: charger\nname: acme\nextends: juicebox-40\npower_up: {{boot: {boot} s}}\n"
        (tmp_path / folder / "acme.yaml").write_text(text, encoding="utf-8")
    entries = "chargers:\n  ben: {model: ./a/acme.yaml}\n  cleo: {model: ./b/acme.yaml}\n"
    (message,) = refused("chargers:\n", entries, folder=tmp_path)
    assert message.startswith("small.yaml:12:17: two different charger models are called `acme`")


def test_a_model_in_defaults_is_wrong_once():
    messages = refused("car: leaf-40", "car: leaf", more="  ben: {}\n  cleo: {}\n")
    assert len(messages) == 1


def test_shares_that_are_forgotten_must_fit_the_circuit():
    forgetful = "  ben: {model: {extends: juicebox-40, memory: {group_share: [power-cycle, memory-loss]}}, settings: {wire_rating: 20 A}}\n"
    fits = small(more=forgetful + "circuits:\n  house: {members: [anna, ben], capacity: 40 A}\n")
    assert fits.circuits[0].capacity_ma == 40_000  # 20 A each, and 20 A is all that ben's wires allow
    (message,) = refused(more=forgetful + "circuits:\n  house: {members: [anna, ben], capacity: 36 A}\n")
    assert "found up to 38 A on 36 A" in message
    assert "`juicebox-40@ben` then draws up to 20 A" in message


def test_a_crowds_members_may_be_split_over_circuits():
    crowd = (
        "  homes: {count: 12}\ncircuits:\n  a: {members: [homes-01, homes-02], capacity: 20 A}\n  b: {members: homes-12, capacity: 10 A}\n"
    )
    assert [circuit.members for circuit in small(more=crowd).circuits] == [("homes-01", "homes-02"), ("homes-12",)]
    (message,) = refused(more=crowd.replace("homes-02", "homes-2"))
    assert message.endswith("no such charger: found `homes-2`, expected `homes-01` to `homes-12`")
    (message,) = refused(more=crowd.replace("homes-12, capacity: 10 A", "homes, capacity: 90 A"))
    assert "`homes-01` is already in `a`" in message


def test_a_large_crowd_costs_nothing_to_read():
    begun = time.process_time()
    found = small(more="  homes: {count: 999999}\nplan:\n  - {at: +1 h, do: station.power-cut, to: homes-999999, for: 1 min}\n")
    assert found.plan[0].to.names == ("homes-999999",)
    assert time.process_time() - begun < 0.5  # unrolling a million names takes longer
