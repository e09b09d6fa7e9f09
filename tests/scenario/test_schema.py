"""The JSON Schemas: they describe what is shipped, refuse what the reader refuses, and explain every key."""

import json
import re

import pytest
from small_scenario import GOOD, SMALL

from harness import scenario, shipped
from harness.fault import KINDS
from harness.scenario.nodes import read_file, read_text

SCHEMAS = {kind: scenario.schema(kind) for kind in ("scenario", "model", "target", "bench")}


def as_json(node):
    """What an editor's YAML 1.2 reader makes of a tree."""
    if node.kind == "map":
        return {key: as_json(value) for key, (_, value) in node.entries.items()}
    if node.kind == "list":
        return [as_json(item) for item in node.items]
    if node.is_null or (node.plain and node.text in {"true", "false"}):
        return None if node.is_null else node.text == "true"
    return int(node.text) if node.plain and re.fullmatch(r"-?[0-9]+", node.text) else node.text


TYPES = {"null": type(None), "object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}


def errors(schema, value, root):
    """What is wrong with a value, by the keywords that our schemas use; an unknown keyword fails the test."""
    known = {"$schema", "$defs", "title", "description", "examples", "type", "const", "enum", "minimum", "maximum", "pattern", "properties",
             "additionalProperties", "minProperties", "required", "items", "anyOf", "allOf", "if", "then", "else", "$ref"}  # fmt: skip
    assert set(schema) <= known, set(schema) - known
    found = []
    if "$ref" in schema:
        found += errors(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root)
    if "type" in schema:
        names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        right = any(isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names)
        if not right:
            return [f"{value!r} is no {names}"]
    if "const" in schema and value != schema["const"]:
        found.append(f"{value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{value!r} is none of {schema['enum']}")
    if "minimum" in schema and not schema["minimum"] <= value <= schema["maximum"]:
        found.append(f"{value} is out of range")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{value!r} does not match")
    if isinstance(value, dict):
        found += object_errors(schema, value, root)
    if isinstance(value, list) and "items" in schema:
        found += [error for item in value for error in errors(schema["items"], item, root)]
    if "anyOf" in schema and not any(not errors(below, value, root) for below in schema["anyOf"]):
        found.append(f"{value!r} is none of the alternatives")
    for below in schema.get("allOf", ()):
        found += errors(below, value, root)
    if "if" in schema:
        found += errors(schema.get("then" if not errors(schema["if"], value, root) else "else", {}), value, root)
    return found


def object_errors(schema, value, root):
    found = [f"no {key}" for key in schema.get("required", ()) if key not in value]
    properties = schema.get("properties", {})
    for key, below in value.items():
        rest = schema.get("additionalProperties", {})
        if key in properties:
            found += errors(properties[key], below, root)
        elif rest is False:
            found.append(f"{key} is unknown")
        else:
            found += errors(rest, below, root)
    return found


def check(kind, node):
    return errors(SCHEMAS[kind], as_json(node), SCHEMAS[kind])


@pytest.mark.parametrize("name", shipped.scenario_names())
def test_shipped_scenarios(name):
    assert check("scenario", read_file(shipped.scenario_path(name), name)) == []


@pytest.mark.parametrize(
    "path", [p for kind in shipped.FOLDERS for p in sorted(shipped.models_dir(kind).glob("*.yaml"))], ids=lambda p: p.stem
)
def test_shipped_models(path):
    assert check("model", read_file(path, path.name)) == []


def test_the_documented_and_the_new():
    assert check("scenario", read_file(GOOD, "good")) == []
    assert check("scenario", read_text(scenario.new("scenario", "a"), "a")) == []
    assert check("model", read_text(scenario.new("model", "a"), "a")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: Small\n", ""),
        ("harness: 1", "harness: 2"),
        ("network:", "netwrk:"),
        ("plug_in:", "plug-in:"),
        ("model: juicebox-40", "model: juicebox-40, count: 0"),
        ("needs: 18 kWh", "needs: 18"),
        ("{charge_in: [off-peak]}", "[off-peak]"),
    ],
)
def test_what_the_reader_refuses_the_schema_does(old, new):
    assert check("scenario", read_text(SMALL, "s")) == []
    assert check("scenario", read_text(SMALL.replace(old, new), "s")) != []


def test_every_key_is_explained():
    def bare(schema, path):
        for key, below in schema.get("properties", {}).items():
            if not below.get("description") and path.rpartition(".")[2] not in {"limits"}:
                yield f"{path}.{key}"
            yield from bare(below, f"{path}.{key}")
        below_here = [schema.get(key) for key in ("additionalProperties", "items", "then", "else")]
        for below in (*below_here, *schema.get("anyOf", ()), *schema.get("$defs", {}).values()):
            if isinstance(below, dict):
                yield from bare(below, path)

    catalogues = {"contract", "limits"}  # their keys are checks and metrics, which `harness explain` tells of
    for schema in SCHEMAS.values():
        assert [path for path in bare(schema, "") if path.split(".")[-2] not in catalogues | {"claims", ""}] == []


def test_steps_complete_the_kinds():
    step = SCHEMAS["scenario"]["properties"]["plan"]["items"]["properties"]
    assert step["do"]["enum"] == list(KINDS)


def test_schemas_are_json_and_always_the_same():
    for kind, schema in SCHEMAS.items():
        assert json.loads(json.dumps(schema)) == schema == scenario.schema(kind)
    with pytest.raises(ValueError, match="no schema"):
        scenario.schema("journal")
