"""The JSON Schema (draft 2020-12) of a Python type whose values are written as JSON: what `--json` answers with.

Types are the ones that the code has: dataclasses, named tuples, typed dictionaries, msgspec's structs, enums. Each is
described by its own docstring and the docstrings under its fields, so that a document is explained once. Unlike a
schema to read by, it says what is always written: every key is there, and no other, unless a type is said to be open.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, get_args, get_type_hints

import msgspec

from orchestrator.sweepfile.schema import DIALECT, Schema

Properties: TypeAlias = Mapping[type, Sequence[str]]
"""Properties of classes that their documents hold beside the fields."""


def json_schema_of(
    shapes: Sequence[Any], title: str, properties: Properties, open_shapes: frozenset[type] = frozenset()
) -> Schema:
    """Return the schema of a document that has one of these types; those that are open may hold other keys.

    Raises TypeError for a type that has no JSON, RuntimeError where two classes share a name.
    """
    classes = {cls for shape in shapes for cls in _classes(shape)}
    added = {cls: {name: _returned(cls, name) for name in properties.get(cls, ())} for cls in classes}
    also = [hint for hints in added.values() for hint in hints.values()]
    found, definitions = msgspec.json.schema_components([*shapes, *also], ref_template="#/$defs/{name}")
    named = {cls.__name__: cls for cls in classes}
    if len(named) != len(classes):
        raise RuntimeError(f"{title}: two classes share a name")
    of_property = iter(found[len(shapes) :])
    for cls in classes:
        properties_of = definitions[cls.__name__].setdefault("properties", {}) if added[cls] else {}
        properties_of.update(dict.fromkeys(added[cls]))
    for cls, hints in added.items():
        for name in hints:
            definitions[cls.__name__]["properties"][name] = next(of_property)
    for name, schema in definitions.items():
        if name in named and "properties" in schema:
            _tell(schema, named[name], is_open=named[name] in open_shapes)
    document = {"$schema": DIALECT, "title": title}
    whole = found[0] if len(shapes) == 1 else {"anyOf": list(found[: len(shapes)])}
    return {**document, **whole, "$defs": dict(sorted(definitions.items()))}


def _tell(schema: Schema, cls: type, *, is_open: bool) -> None:
    """Say of an object that every key is written, describe each, and allow no other unless it is open."""
    told = _told_of(cls)
    optional: frozenset[str] = getattr(cls, "__optional_keys__", frozenset())
    schema["properties"] = {
        name: {"description": told[name], **_without_default(found)} if name in told else _without_default(found)
        for name, found in schema["properties"].items()
    }
    schema["required"] = [name for name in schema["properties"] if name not in optional]
    schema["additionalProperties"] = is_open
    schema["description"] = inspect.cleandoc(cls.__doc__ or "")
    del schema["title"]


def _without_default(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "default"}


def _returned(cls: type, name: str) -> Any:
    """Return the type of a property."""
    return get_type_hints(getattr(cls, name).fget)["return"]


def _classes(hint: Any) -> Iterator[type]:
    """Return the classes of ours that a type is made of, itself included, each with what its fields are made of."""
    seen: set[type] = set()
    left = [hint]
    while left:
        found = left.pop()
        left += get_args(found)
        if isinstance(found, type) and found.__module__.startswith("orchestrator.") and found not in seen:
            seen.add(found)
            left += get_type_hints(found).values()
            yield found


def _told_of(cls: type) -> dict[str, str]:
    """Return what is written under a class's fields, and in its properties, inherited ones included."""
    told: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        bases = getattr(each, "__orig_bases__", ())
        for ancestor in (*bases, each):
            if getattr(ancestor, "__module__", "").startswith("orchestrator."):
                told |= _written_under(ancestor)
    return told


def _written_under(cls: type) -> dict[str, str]:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(node, ast.ClassDef)
    told = {}
    for field, following in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.FunctionDef) and (text := ast.get_docstring(field)) is not None:
            told[field.name] = text
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            told[field.target.id] = " ".join(str(following.value.value).split())
    return told
