"""JSON Schema of the types that are recorded."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from .events import AnyEvent

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def results_schema() -> dict[str, Any]:
    """The schema of a line of `results.jsonl`."""
    return schema_of(AnyEvent, "An event of a run: a line of results.jsonl")


def schema_of(kind: Any, title: str) -> dict[str, Any]:
    """The JSON Schema of a type; no object in it takes fields that are not listed."""
    (schema,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    for part in parts.values():
        clean_description(part)
        # Dataclasses too, which `infer.codec.from_json` is as strict about.
        if "properties" in part:
            part["additionalProperties"] = False
    whole = {"$schema": DIALECT, "title": title, **schema, "$defs": dict(sorted(parts.items()))}
    result: dict[str, Any] = json.loads(json.dumps(whole))  # defaults are tuples, here and there
    return result


def clean_description(part: dict[str, Any]) -> None:
    """Remove the indentation from a docstring, as Python 3.13 does."""
    if "description" in part:
        part["description"] = inspect.cleandoc(part["description"])


def render(schema: Mapping[str, Any]) -> str:
    """The text of a schema's file."""
    return json.dumps(schema, indent=1) + "\n"
