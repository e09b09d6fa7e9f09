"""JSON Schema of scenario and model files, from the same forms that read them."""

from __future__ import annotations

from typing import Any, Literal

from harness.scenario.forms import Choice, Either, Form, ListOf, MapOf, Raw, Record, Scalar
from harness.scenario.layout import SCENARIO
from harness.scenario.models import STRUCTS, file_fields, model_form
from harness.shipped import ModelKind

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KINDS: tuple[ModelKind, ...] = (*STRUCTS, "tariff")


def json_schema(kind: Literal["scenario", "model"]) -> dict[str, Any]:
    """The schema of scenario files, or of model files of all kinds. Raises ValueError for anything else."""
    if kind == "scenario":
        return {"$schema": DIALECT, "title": "A scenario of harness", **_of(SCENARIO)}
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
    form = model_form(kind)
    schema = _of(Record(form.what, (*file_fields(kind), *form.fields)))
    # What a model does not say it may have from the one that it extends.
    schema["if"] = {"required": ["extends"]}
    schema["else"] = {"required": schema.pop("required")}
    return schema


def _of(form: Form) -> dict[str, Any]:
    if isinstance(form, Scalar):
        return {**form.schema}
    if isinstance(form, Choice):
        return {"enum": list(form.names())}
    if isinstance(form, ListOf):
        many = {"type": "array", "items": _of(form.item)}
        return {"anyOf": [_of(form.item), many]} if form.lone else many
    if isinstance(form, MapOf):
        if form.names is None:
            return {"type": "object", "additionalProperties": _of(form.value)}
        value = _of(form.value)
        return {"type": "object", "properties": dict.fromkeys(form.names(), value), "additionalProperties": False}
    if isinstance(form, Either):
        return {"anyOf": [_of(below) for below in (form.scalar, form.list, form.map) if below is not None]}
    if isinstance(form, Raw):
        return {**form.schema} if form.form is None else _of(form.form)
    return {
        "type": "object",
        "properties": {field.key: {**_of(field.form), **({"description": field.doc} if field.doc else {})} for field in form.fields},
        "required": [field.key for field in form.fields if field.required],
        "additionalProperties": False,
    }
