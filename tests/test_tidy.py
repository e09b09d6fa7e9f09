"""The rules of the house, which no reviewer should have to look for: layers, lengths, what must not be imported or called."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "harness"
MODULES = sorted(PACKAGE.rglob("*.py"))

PLAIN = {"harness", "harness.values", "harness.units", "harness.zones"}
"""What every layer may import: values without behaviour."""
RESULT = "harness.check.result"

MAY_IMPORT = {
    "harness.fault": {"harness.fault"},
    "harness.world": {"harness.world", "harness.fault", "harness.journal.records"},
    "harness.journal": {"harness.journal"},
    "harness.check": {"harness.check", "harness.journal", "harness.fault"},
    "harness.regression": {"harness.regression", "harness.scenario", "harness.check.metrics", RESULT},
    "harness.report": {
        "harness.report", "harness.journal", "harness.fault", "harness.regression.changes", "harness.regression.gate",
        "harness.search.found", "harness.search.grid", RESULT,
    },
    "harness.scenario": {
        "harness.scenario", "harness.fault", "harness.shipped", "harness.check.catalogue", "harness.check.metrics",
    },
    "harness.stage": {"harness.stage", "harness.world", "harness.fault", "harness.journal"},
    "harness.search": {
        "harness.search", "harness.scenario", "harness.stage", "harness.check", "harness.journal", "harness.fault", "harness.world.chance",
        "harness.shipped",
        "harness.search.grid", "harness.report.clock",
    },
}  # fmt: skip
"""Layer → what of the harness it may import besides plain values. Arrows go down only."""

NO_OUTSIDE_WORLD = {
    "os", "io", "pathlib", "socket", "subprocess", "threading", "asyncio", "time", "random", "secrets", "uuid", "datetime",
    "simpy", "yaml", "rich", "requests", "toxiproxy", "websockets", "tempfile", "shutil", "logging", "sys",
}  # fmt: skip
"""What the world may not import: it has no clock, no chance of its own and no way out."""
LIVE = PACKAGE / "stage" / "live"
DETERMINED = [
    path
    for path in MODULES
    if path.is_relative_to(PACKAGE / "world") or (path.is_relative_to(PACKAGE / "stage") and not path.is_relative_to(LIVE))
]
LIGHT = {
    "__future__",
    "argparse",
    "os",
    "sys",
    "collections.abc",
    "pathlib",
    "typing",
    "harness",
    "harness.cli",
    "harness.console",
    "harness.options",
}
AT_START = {
    "harness/__init__.py": LIGHT, "harness/__main__.py": LIGHT, "harness/cli.py": LIGHT,
    "harness/console.py": LIGHT, "harness/options.py": LIGHT,
    "harness/pytest_plugin.py": {*LIGHT, "itertools", "re", "pytest"},
}  # fmt: skip
"""Module → what it may import at its top."""
ORDER_DOES_NOT_MATTER = {"all", "any", "len", "max", "min", "set", "sorted", "sum"}
LONGEST_FUNCTION_LINES = 70


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Every module that a file imports, wherever in it, as the most exact name there is; not what only type checkers see."""
    unseen = {
        id(inner)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree(path)):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                yield deeper if is_module(deeper) else node.module


def is_module(name):
    place = ROOT.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def below(name, allowed):
    return any(name == layer or name.startswith(f"{layer}.") for layer in allowed)


def shown(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_arrows_between_layers_go_down_only(layer):
    wrong = [
        f"{shown(path)} imports {name}"
        for path in MODULES
        if below(name_of(path), {layer})
        for name in imports(path)
        if name.startswith("harness") and name not in PLAIN and not below(name, MAY_IMPORT[layer])
    ]
    assert not wrong


def test_the_world_has_no_way_out():
    wrong = [
        f"{shown(path)} imports {name}"
        for path in MODULES
        if below(name_of(path), {"harness.world"})
        for name in imports(path)
        if name.partition(".")[0] in NO_OUTSIDE_WORLD
    ]
    assert not wrong


def test_only_the_simulated_stage_knows_simpy():
    assert {shown(path) for path in MODULES if "simpy" in set(imports(path))} <= {"harness/stage/clock.py", "harness/stage/simulated.py"}


@pytest.mark.parametrize("path", DETERMINED, ids=shown)
def test_nothing_undetermined_where_runs_are_made(path):
    assert not set(imports(path)) & {"random", "time", "secrets", "uuid"}
    calls = {ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}
    assert not calls & {"hash", "open", "input", "datetime.now", "datetime.today", "datetime.utcnow", "date.today"}


@pytest.mark.parametrize("path", DETERMINED, ids=shown)
def test_no_set_is_iterated_where_runs_are_made(path):
    harmless = {
        id(argument)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ORDER_DOES_NOT_MATTER
        for argument in node.args
    }
    loops = [
        each.iter
        for node in ast.walk(tree(path))
        if id(node) not in harmless
        for each in ([node] if isinstance(node, ast.For) else getattr(node, "generators", []))
    ]
    assert not [f"line {loop.lineno}" for loop in loops if is_set(loop)]


def is_set(node):
    """Whether an expression is plainly a set."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.BinOp):
        return is_set(node.left) or is_set(node.right)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"set", "frozenset"}


def test_functions_are_short():
    long = [
        f"{shown(path)}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno + 1 >= LONGEST_FUNCTION_LINES
    ]
    assert not long


def test_every_module_and_public_thing_says_what_it_is():
    bare = []
    for path in MODULES:
        public = [
            node
            for node in tree(path).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
        ]
        bare += [shown(path)] if len(ast.get_docstring(tree(path)) or "") < 10 else []
        bare += [f"{shown(path)}:{node.lineno} {node.name}" for node in public if not ast.get_docstring(node)]
    assert not bare


def test_what_is_typed_often_starts_light():
    """What commands and the pytest plugin import at the top of their modules; test_start.py measures what is imported in fact."""
    for name, light in AT_START.items():
        top = [node for node in tree(ROOT / name).body if isinstance(node, ast.Import | ast.ImportFrom)]
        found = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
        found |= {node.module for node in top if isinstance(node, ast.ImportFrom)}
        assert found <= light, name


def test_the_map_of_the_house():
    for folder in ("harness", "models", "scenarios", "reports", "tests", "benchmarks", "docs", ".ci"):
        assert (ROOT / folder).is_dir(), folder
    for file in ("README.md", "LICENSE", "pyproject.toml", "harness/py.typed", "tests/README.md", ".ci/run"):
        assert (ROOT / file).is_file(), file


def test_no_stray_package():
    assert not [shown(path) for path in ROOT.glob("*/__init__.py") if path.parent.name not in {"harness", "benchmarks"}]
