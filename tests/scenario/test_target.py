"""Target files: what they may say, what is wrong with one, and where."""

from __future__ import annotations

import pytest
from test_schema import check

from harness import scenario
from harness.scenario.nodes import read_file
from harness.scenario.target import load_target

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


def test_what_is_commented_out_in_the_beginning_is_right_too(tmp_path):
    text = "\n".join(line.removeprefix("# ") for line in scenario.new("target", "mine").splitlines()[2:])
    (tmp_path / "my-authority.pem").touch()
    assert problems(tmp_path, text) == []


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
