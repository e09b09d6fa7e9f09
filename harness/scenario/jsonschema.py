"""JSON Schema of scenario, model, target and bench files, from the same forms that read them."""

from __future__ import annotations

from typing import Any, Literal

from harness.scenario.forms import Choice, Either, Field, Form, ListOf, MapOf, Raw, Record, Scalar
from harness.scenario.layout import SCENARIO
from harness.scenario.models import STRUCTS, file_fields, model_form
from harness.scenario.target import BENCH, TARGET
from harness.shipped import ModelKind

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KINDS: tuple[ModelKind, ...] = (*STRUCTS, "tariff")


def json_schema(kind: Literal["scenario", "model", "target", "bench"]) -> dict[str, Any]:
    """The schema of scenario files, of model files of all kinds, of target or of bench files. Raises ValueError for anything else."""
    if kind in ("target", "bench"):
        return {"$schema": DIALECT, "title": f"A {kind} of harness", **_of(TARGET if kind == "target" else BENCH)}
    if kind == "scenario":
        changes = {name: _changes(name) for name in KINDS}
        return {"$schema": DIALECT, "title": "A scenario of harness", **_of(SCENARIO), "$defs": changes}
    if kind != "model":
        raise ValueError(f"no schema for {kind!r}")
    # A branch per kind, chosen by `kind`, so that an editor complains about one kind only.
    branches = [
        {"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": {"$ref": f"#/$defs/{name}"}} for name in KINDS
    ]
    return {
        "$schema": DIALECT,
        "title": "A model of harness",
        "type": "object",
        "properties": {"kind": {"enum": list(KINDS), "description": "What the file describes."}},
        "required": ["harness", "kind", "name"],
        "allOf": branches,
        "$defs": {name: _model(name) for name in KINDS},
    }


def _model(kind: ModelKind) -> dict[str, Any]:
    """A model file: whole, or with ``extends`` any part of it."""
    form = model_form(kind)
    whole = Record(form.what, (*file_fields(kind), *form.fields))
    return {"if": {"required": ["extends"]}, "then": _of(whole, part=True), "else": _of(whole)}


def _changes(kind: ModelKind) -> dict[str, Any]:
    """A model as a scenario writes it in place: any part of it, laid over the one that it extends."""
    form = model_form(kind)
    extends = next(field for field in file_fields(kind) if field.key == "extends")
    return _of(Record(form.what, (extends, *form.fields)), part=True)


def _of(form: Form, *, part: bool = False) -> dict[str, Any]:
    """The schema of a form; as ``part`` nothing in it is required, and null takes a key away."""
    if isinstance(form, Scalar):
        return {**form.schema}
    if isinstance(form, Choice):
        return {"enum": list(form.names())}
    if isinstance(form, ListOf):
        many = {"type": "array", "items": _of(form.item)}
        return {"anyOf": [_of(form.item), many]} if form.lone else many
    if isinstance(form, MapOf):
        value = _or_null(_of(form.value, part=part)) if part else _of(form.value)
        if form.names is None:
            return {"type": "object", "additionalProperties": value}
        return {"type": "object", "properties": dict.fromkeys(form.names(), value), "additionalProperties": False}
    if isinstance(form, Either):
        return {"anyOf": [_of(below) for below in (form.scalar, form.list, form.map) if below is not None]}
    if isinstance(form, Raw):
        return _of_raw(form)
    properties = {field.key: _of_field(field, part=part) for field in form.fields}
    required = [] if part else [field.key for field in form.fields if field.required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _of_field(field: Field, *, part: bool) -> dict[str, Any]:
    schema = _of(field.form, part=part)
    schema = _or_null(schema) if part else schema
    return {**schema, "description": field.doc} if field.doc else schema


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _of_raw(form: Raw) -> dict[str, Any]:
    if not form.model:
        return {**form.schema} if form.form is None else _of(form.form)
    changes = {"$ref": f"#/$defs/{form.model}"}
    return {"anyOf": [{"type": "string"}, changes]} if form.by_name else changes
