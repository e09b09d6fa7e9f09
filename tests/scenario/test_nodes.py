"""The strict YAML reader: everything plain is text, everything has a place, and what is not needed is refused."""

import builtins

import pytest
import yaml

from harness.scenario import ScenarioError
from harness.scenario.nodes import MAX_BYTES, MAX_DEPTH, Node, merge, read_file, read_text
from harness.scenario.overrides import override


def plain(node):
    """The tree as lists, dicts and texts."""
    if node.kind == "map":
        return {key: plain(value) for key, (_, value) in node.entries.items()}
    return [plain(item) for item in node.items] if node.kind == "list" else node.text


def refused(text):
    with pytest.raises(ScenarioError) as caught:
        read_text(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_scalars_keep_their_text():
    text = "{clock: 18:30, country: no, octal: 010, float: 1e3, date: 2026-03-12, on: yes, share: 80 %, later: +90 min}"
    assert plain(read_text(text, "f")) == {
        "clock": "18:30", "country": "no", "octal": "010", "float": "1e3", "date": "2026-03-12", "on": "yes", "share": "80 %",
        "later": "+90 min",
    }  # fmt: skip


def test_everything_has_its_place():
    root = read_text("a: 1\nb:\n  - c: {d: é, e: x}\n", "f")
    inner = root.get("b").items[0].get("c")
    assert (inner.line, inner.column) == (3, 8)
    assert (inner.get("e").line, inner.get("e").column) == (3, 18)


@pytest.mark.parametrize("text", ["a: ", "a: null", "a: ~"])
def test_nothing_is_nothing(text):
    assert read_text(text, "f").get("a").is_null
    assert not read_text("a: 'null'", "f").get("a").is_null


def test_the_pure_parser_gives_the_same(monkeypatch):
    text = "a: {plug_in: 18:10, leave: 07:00}\nb: [x, 'y', {z: 80 %}]\nc: >\n  folded\n  text\n"
    fast = read_text(text, "f")
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert read_text(text, "f") == fast


def test_all_structural_problems_at_once():
    problems = refused("a: &x 1\nb: *x\na: 2\nc: !t 3\n")
    assert [problem.split(": ")[0] for problem in problems] == ["f.yaml:1:4", "f.yaml:2:4", "f.yaml:3:1", "f.yaml:4:4"]


def test_an_alias_bomb_is_refused_before_it_unfolds():
    levels = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert len(refused("\n".join(levels))) == 12 + 11 * 9


def test_nesting_is_bounded():
    read_text("[" * MAX_DEPTH + "]" * MAX_DEPTH, "f")
    assert refused("[" * 500) == [f"f.yaml:1:{MAX_DEPTH + 1}: nested too deeply: expected at most {MAX_DEPTH} levels"]
    # PyYAML 6.0.4 refuses what is a thousand deep by itself, before it hands on anything of it.
    (problem,) = refused("[" * 5000)
    assert problem.endswith(f": nested too deeply: expected at most {MAX_DEPTH} levels")


def test_size_is_bounded(tmp_path):
    large = tmp_path / "large.yaml"
    large.write_bytes(b"a: b\n" + b"#" * MAX_BYTES)
    with pytest.raises(ScenarioError, match=r"large.yaml:1:1: the file is too large"):
        read_file(large, "large.yaml")
    assert refused("é" * (MAX_BYTES // 2 + 1))[0].startswith("f.yaml:1:1: the text is too large")


def test_a_large_file_is_not_read(tmp_path, monkeypatch):
    large = tmp_path / "large.yaml"
    large.write_bytes(b" " * (MAX_BYTES + 1))
    monkeypatch.setattr(builtins, "open", lambda *_: pytest.fail("opened"))
    with pytest.raises(ScenarioError):
        read_file(large, "large.yaml")


def test_bytes_that_are_not_utf8_have_a_place(tmp_path):
    file = tmp_path / "f.yaml"
    file.write_bytes("a: é\nb: é".encode() + b"\xff")
    with pytest.raises(ScenarioError, match=r"f.yaml:2:5: the file is not UTF-8: found the byte 0xff"):
        read_file(file, "f.yaml")


def test_a_byte_order_mark_and_windows_lines_are_fine(tmp_path):
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert plain(read_file(file, "f")) == {"a": "1", "b": "2"}


def test_merging_maps_keeps_the_rest_and_null_takes_away():
    base = read_text("{a: {x: 1, y: 2}, b: [1, 2], c: 3}", "base")
    over = read_text("{a: {y: 9, z: {k: null, l: 5}}, b: [7], c: null}", "over")
    merged = merge(base, over)
    assert plain(merged) == {"a": {"x": "1", "y": "9", "z": {"l": "5"}}, "b": ["7"]}
    assert merged.at("a", "x").file == "base"
    assert merged.at("a", "y").file == "over"


def changed(text, *overrides):
    root = read_text(text, "f")
    for number, one in enumerate(overrides, start=1):
        root = override(root, one, number)
    return plain(root)


def test_overrides_make_what_is_missing():
    assert changed("{a: 1}", "b.c.d=[x, y]") == {"a": "1", "b": {"c": {"d": ["x", "y"]}}}


def test_later_overrides_win():
    assert changed("{a: 1}", "a=2", "a=3") == {"a": "3"}


def test_overrides_find_steps_by_id_and_by_place():
    text = "plan: [{id: up, for: 1 h}, {at: 19:30}]"
    assert changed(text, "plan.up.for=3 h", "plan.2.at=20:00") == {"plan": [{"id": "up", "for": "3 h"}, {"at": "20:00"}]}
    assert changed(text, "plan.step-2.at=21:00")["plan"][1] == {"at": "21:00"}


def test_an_override_below_a_models_name_changes_a_copy():
    assert changed("{server: juicenet}", "server.shards=3") == {"server": {"extends": "juicenet", "shards": "3"}}


def test_an_override_below_a_model_that_a_charger_has_from_the_defaults_changes_a_copy_of_it():
    text = "{network: lte, defaults: {model: waybox}, chargers: {pia: {}, quinn: {}}}"
    found = changed(text, "chargers.pia.model.power_up.boot=9 s", "chargers.pia.network.latency=1 s")
    assert found["chargers"] == {
        "pia": {"model": {"extends": "waybox", "power_up": {"boot": "9 s"}}, "network": {"extends": "lte", "latency": "1 s"}}, "quinn": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "--set #1: not an override: found `a`, expected `path.to.key=value`"),
        ("a..b=1", "--set #1: not an override: found `a..b=1`, expected `path.to.key=value`"),
        ("title.x=1", "--set #1: `title` is `T` and has nothing below it: found `title.x`"),
        ("plan.upp.for=1 h", "--set #1: no `upp` in the list `plan`: expected an id in it or a place from 1 to 1; did you mean `up`?"),
        ("a=[", "--set #1: not YAML: did not find expected node content"),
    ],
)
def test_overrides_that_fit_nowhere(text, message):
    with pytest.raises(ScenarioError) as caught:
        override(read_text("{title: T, plan: [{id: up}]}", "f"), text, 1)
    assert str(caught.value.problems[0]).startswith(message)


def test_shown_nodes_are_short():
    assert Node("scalar", "f", 1, 1, text="x" * 100).shown == f"`{'x' * 57}…`"
