"""The JSON Schema (draft 2020-12) of the sweep file, for editors: shorthands, `extends` and each member's options.

It says what an editor can complete and underline. What takes the whole file to see (a default outside its range, a
stage that names an unknown hyperparameter, a default that no extended space supplies) is said by `stepladder check`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import override

from orchestrator import members
from orchestrator.members import outside
from orchestrator.planning.compile import PACKAGES, SINKS
from orchestrator.sweep.described import SET_BY_PARSER
from orchestrator.sweep.domains import Choice, Constant, Float, Int, Record
from orchestrator.sweep.spec import HYPERPARAMETER_PATTERN, SweepSpec
from orchestrator.sweepfile.counting import ALL

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DURATIONS = (
    ("Budget", "wall"), ("SlurmSettings", "time"), ("SlurmSettings", "idle"), ("KubernetesSettings", "wait"),
)  # fmt: skip
"""Records with a key that is a span of time, beside `limits`, which has nothing else."""
_BARE: Schema = {"type": ["boolean", "number", "string"]}
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
"""Pydantic's own words for a bound, which it leaves in the schema of an optional number behind a validator."""
_DOMAINS: tuple[type[Record], ...] = (Float, Int, Choice, Constant)


class _Untitled(GenerateJsonSchema):
    """Leaves out titles, which only repeat the keys."""

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema() -> Schema:
    """Return the schema of the sweep file."""
    schema = SweepSpec.model_json_schema(schema_generator=_Untitled)
    properties, definitions = schema["properties"], schema["$defs"]
    for name in ("Member", *(domain.__name__ for domain in _DOMAINS)):
        del definitions[name]
    definitions["Hyperparameter"] = _hyperparameter()
    for record, key in [*_DURATIONS, *(("Limits", key) for key in definitions["Limits"]["properties"])]:
        _allow_units(definitions[record]["properties"][key])
    for record in ("Resources", "Machines"):
        _allow_bytes(definitions[record]["properties"]["memory"])
    trials = definitions["Budget"]["properties"]["trials"]
    number = {key: trials.pop(key) for key in [*trials] if key != "description"}
    trials["anyOf"] = [number, {"const": ALL}]
    properties["search_space"] = _search_space(properties["search_space"]["description"])
    reasons = {key: value for key, value in properties["ignore"].items() if key != "description"}
    properties["ignore"] = {**_described(properties["ignore"]), "anyOf": [reasons, {"type": "array", "items": reasons}]}
    properties["trainable"] = {
        **_described(properties["trainable"]),
        "type": "string",
        "pattern": r"^[^:]+\.py:[A-Za-z_]\w*$",
    }
    properties["rules"]["items"]["pattern"] = outside.PATTERN
    measured = {"anyOf": [{"$ref": "#/$defs/Fidelity"}, {"const": "none"}]}
    properties["fidelity"] = {**_described(properties["fidelity"]), **measured}
    for key in ("stdout", "stderr"):
        definitions["Metrics"]["properties"][key]["anyOf"].append({"type": "string", "minLength": 1})
    arguments: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    properties["command"] = {**_described(properties["command"]), **arguments}
    schema["oneOf"] = [{"required": ["trainable"]}, {"required": ["command"]}]
    for key, package in PACKAGES.items():
        properties[key] = {**_member(package, definitions), **_described(properties[key])}
        properties[key]["default"] = SweepSpec.model_fields[key].default.name
    properties["sinks"]["items"] = _member(SINKS, definitions)
    of_stage = definitions["Stage"]["properties"]
    own = _member(PACKAGES["searcher"], definitions)["anyOf"]
    of_stage["searcher"] = {"anyOf": [*own, {"type": "null"}], **_described(of_stage["searcher"])}
    return {"$schema": DIALECT, **schema, "title": "Stepladder sweep file"}


def _allow_units(duration: Schema) -> None:
    """Let a number of seconds be written with a unit, too."""
    forms = duration.get("anyOf") or [
        {key: duration.pop(key) for key in ("type", *_BOUNDS.values()) if key in duration}
    ]
    spelled = [{_BOUNDS.get(key, key): value for key, value in form.items()} for form in forms]
    duration["anyOf"] = [*spelled, {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*[smhd]\s*$"}]


def _allow_bytes(memory: Schema) -> None:
    """Let a number of bytes be written with a unit, too."""
    memory["anyOf"].append({"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*([KMGT]i?)?B?\s*$"})


def _search_space(description: str) -> Schema:
    extends: Schema = {
        "description": "Search spaces to start from: names of shipped ones, or paths from the sweep file's folder.",
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "uniqueItems": True,
    }
    return {
        "description": description,
        "type": "object",
        "properties": {"extends": extends},
        "patternProperties": {f"^(?!extends$){HYPERPARAMETER_PATTERN[1:]}": {"$ref": "#/$defs/Hyperparameter"}},
        "additionalProperties": False,
        "minProperties": 1,
    }


def _hyperparameter() -> Schema:
    """Return one schema for all domains, every key optional: `extends` may supply any of them."""
    merged: Schema = {}
    for domain in _DOMAINS:
        for key, schema in domain.model_json_schema(schema_generator=_Untitled)["properties"].items():
            merged.setdefault(key, {"description": schema.get("description", ""), **schema})
    for key in SET_BY_PARSER:
        del merged[key]
    merged["type"] = {
        "description": "Unset: int where both bounds are whole numbers, else float; choice or constant by its key.",
        "enum": ["float", "int", "choice", "constant"],
    }
    merged["default"] = {"description": "The value that you would use without tuning. Unset: the catalogue's, by name."}
    fields = {"type": "object", "properties": merged, "additionalProperties": False, "minProperties": 1}
    return {"description": "One hyperparameter; a bare value is a constant.", "anyOf": [fields, _BARE]}


def _described(schema: Schema) -> Schema:
    return {"description": schema["description"]}


def _member(package: str, definitions: Schema) -> Schema:
    """Return the schema of a key that takes a member: its name, or its name with its options beside or below it."""
    own = {"description": "Your own, as module:Class.", "type": "string", "pattern": outside.PATTERN}
    forms: list[Schema] = [
        {"enum": members.names(package)},
        own,
        {"type": "object", "properties": {"name": own}, "required": ["name"]},
    ]
    for name in members.names(package):
        prefix = f"{package.rpartition('.')[2]}.{name}."
        options = members.load(package, name).Options.model_json_schema(
            schema_generator=_Untitled, ref_template=f"#/$defs/{prefix}{{model}}"
        )
        definitions |= {f"{prefix}{inner}": schema for inner, schema in options.pop("$defs", {}).items()}
        required = options.get("required", [])
        beside = {"name": {"const": name}, **options["properties"]}
        below = {"name": {"const": name}, "options": options}
        forms += [
            {"type": "object", "properties": beside, "required": ["name", *required], "additionalProperties": False},
            {"type": "object", "properties": below, "required": ["name", "options"], "additionalProperties": False},
        ]
    return {"anyOf": forms}
