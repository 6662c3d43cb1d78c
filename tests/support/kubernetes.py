"""Manifests checked as Kubernetes' API server would: against the schema of the operator's own resource definition.

Unknown fields are errors, as with `kubectl apply --validate=strict`. Rules in CEL, and what only the operator's code
checks, are not evaluated.
"""

from __future__ import annotations

import functools
import lzma
from pathlib import Path
from typing import Any

import jsonschema
import yaml

RAYJOB = Path(__file__).parents[1] / "cluster" / "data" / "ray.io_rayjobs.v1.7.0.yaml.xz"


def problems(rayjob: object) -> list[str]:
    """Return what is wrong with a RayJob, one line each: where, and what."""
    found = sorted(_validator().iter_errors(rayjob), key=lambda error: [str(part) for part in error.absolute_path])
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    definition = yaml.load(lzma.decompress(RAYJOB.read_bytes()), loader)
    (version,) = [version for version in definition["spec"]["versions"] if version["name"] == "v1"]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = _METADATA
    return jsonschema.Draft202012Validator(_as_json_schema(schema))


_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_METADATA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "labels": _STRINGS, "annotations": _STRINGS},
    "required": ["name"],
}


def _as_json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Turn a schema in Kubernetes' dialect of OpenAPI into JSON Schema, strict about unknown fields."""
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: _as_json_schema(field) for name, field in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            made[key] = _as_json_schema(value)
        elif key in ("allOf", "anyOf", "oneOf"):
            made[key] = [_as_json_schema(part) for part in value]
        elif key == "required":
            made[key] = [name for name in value if "default" not in schema["properties"][name]]  # filled in before
        elif key not in ("format", "nullable", "default") and not key.startswith("x-"):
            made[key] = value
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.get("nullable"):
        made["type"] = [made["type"], "null"]
    if _is_closed(schema):
        made["additionalProperties"] = False
    return made


def _is_closed(schema: dict[str, Any]) -> bool:
    opened = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    return schema.get("type") == "object" and "properties" in schema and not opened
