"""Target and bench files: what they may say, what is wrong with one, and where."""

from __future__ import annotations

import pytest
from test_schema import check

from harness import scenario
from harness.scenario.nodes import read_file, read_text
from harness.scenario.target import load_bench, load_target
from harness.values import Bench

RIGHT = "harness: 1\nurl: ws://127.0.0.1:9000/ocpp/{station}\n"


def problems(folder, text):
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    return [str(problem).rpartition("/")[2] for problem in scenario.lint(file)]


def test_the_beginning_is_right_and_known_to_editors(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(scenario.new("target", "mine"), encoding="utf-8")
    assert scenario.lint(file) == []
    assert check("target", read_file(file, "mine.yaml")) == []
    assert load_target(file).stations(["anna", "ben"]) == {"anna": "CP-0001", "ben": "CP-0002"}


def test_so_is_that_of_a_bench(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(scenario.new("bench", "mine"), encoding="utf-8")
    assert scenario.lint(file) == []
    assert check("bench", read_file(file, "mine.yaml")) == []
    assert load_bench(file) == Bench(file=file.as_posix())


@pytest.mark.parametrize("kind", ["target", "bench"])
def test_what_is_commented_out_in_the_beginning_is_right_too(tmp_path, kind):
    text = "\n".join(line.removeprefix("# ") for line in scenario.new(kind, "mine").splitlines()[2:])
    for name in ("my-authority.pem", "server.pem", "server.key"):
        (tmp_path / name).touch()
    assert problems(tmp_path, text) == []
    assert check(kind, read_text(text, "mine.yaml")) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "harness: 1\nlisten: 127.0.0.1\n",
            ["mine.yaml:2:9: `listen` is not right: found `127.0.0.1`, expected a host and a port such as `server:9000`"],
        ),
        ("patience: 5 min\n", ["mine.yaml:1:1: `harness` is missing in the bench: expected `harness`: the version of the file format"]),
        (
            'harness: 1\nlisten: "\\xe9.\\xe9..:9000"\n',
            ["mine.yaml:2:9: `listen` is not right: found `é.é..:9000`, expected a host and a port such as `server:9000`"],
        ),
        (
            "harness: 1\nlisten: 127.0.0.1:9000\ncommands: {plugin: [x]}\n",
            [
                "mine.yaml:3:12: unknown key `plugin` in `commands`: expected `plug-in`, `unplug`, `swipe`, `power-off`, `power-on`,"
                " `restart`, `out-of-service`, `in-service`; did you mean `plug-in`?"
            ],
        ),
        ("harness: 1\nkey: server.key\n", ["mine.yaml:1:1: `certificate` and `key` go together: expected both, or neither"]),
        (
            "harness: 1\npatience: 1 s\nlissten: x:1\n",
            [
                "mine.yaml:3:1: unknown key `lissten` in the bench: expected `harness`, `listen`, `stations`, `password`, `certificate`,"
                " `key`, `patience`, `commands`; did you mean `listen`?"
            ],
        ),
    ],
)
def test_lint_says_what_is_wrong_with_a_bench(tmp_path, text, told):
    assert problems(tmp_path, text) == told


def test_a_scenario_with_a_bench_s_key_is_still_a_scenario(tmp_path):
    found = problems(tmp_path, "harness: 1\ntitle: x\nduration: 1 h\ncommands: {stop: [x]}\n")
    assert any("unknown key `commands` in a scenario" in problem for problem in found)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", []),
        (
            "toxiproxy: {port: 1}\n",
            ["mine.yaml:3:13: unknown key `port` in `toxiproxy`: expected `upstream`, `listen`, `reach`, `ports`; did you mean `ports`?"],
        ),
        ("station: '{tag}'\n", ["mine.yaml:3:10: `station` is not right: found `{tag}`, expected in braces only {charger}, {number}"]),
        ("commands: {stop: [x]}\n", ["mine.yaml:3:11: `start` is missing: expected `start`, which undoes `stop`"]),
        ("password: x\npassword_from: Y\n", ["mine.yaml:4:16: `password` is given already: expected one of the two"]),
        (
            "toxiproxy: {ports: 9-1}\n",
            ["mine.yaml:3:20: `ports` is not right: found `9-1`, expected a range of ports such as `21000-21099`"],
        ),
    ],
)
def test_lint_says_what_is_wrong_and_where(tmp_path, more, told):
    assert problems(tmp_path, RIGHT + more) == told
