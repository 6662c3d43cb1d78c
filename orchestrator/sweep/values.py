"""The values of hyperparameters: whatever JSON can say, and when two of them are one.

A value is null, true or false, a number, text, a list of values, or a mapping of values by text. It is checked where
it comes in (`JsonValue`), so that everything behind may take it as it is: the log, the tables and the exports hold
each. Two values are one where they are equal and of one kind at every depth: 1 is 1.0, True is not 1.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

DEEPEST = 20
"""Levels of lists and mappings that one value may have."""

_PLAIN = frozenset({bool, int, float, str, type(None)})

Value: TypeAlias = Any
"""A value that was checked: null, a truth value, a number, text, a list of values, a mapping of values by text."""

Config: TypeAlias = dict[str, Value]
"""One configuration: the active hyperparameters by name."""


def is_number(value: Value) -> bool:
    """Say whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_plain(value: Value) -> bool:
    """Say whether a value is one number, text, true or false: neither null, nor a list, nor a mapping."""
    return isinstance(value, bool | int | float | str)


def is_same(value: Value, other: Value) -> bool:
    """Say whether two values are equal and of one kind, at every depth: True is not 1."""
    if is_plain(value) and is_plain(other):  # nearly all are, and every draw asks
        return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)
    return identity(value) == identity(other)


def identity(value: Value) -> Hashable:
    """Return what is equal, and hashed alike, for two values exactly where they are one."""
    if isinstance(value, bool):
        return bool, value
    if isinstance(value, list | tuple):
        return list, tuple(map(identity, value))
    if isinstance(value, Mapping):
        return dict, frozenset((key, identity(inner)) for key, inner in value.items())
    return value if isinstance(value, int | float | str) or value is None else (type(value), id(value))


def exact(value: Value) -> Hashable:
    """Return what is equal where two values are written alike: as `identity`, and 1 is not 1.0."""
    if isinstance(value, list | tuple):
        return list, tuple(map(exact, value))
    if isinstance(value, Mapping):
        plain = _PLAIN  # most are, and a long sweep asks for all of its configurations at once
        return dict, frozenset(
            (key, (type(inner), inner) if type(inner) in plain else exact(inner)) for key, inner in value.items()
        )
    return type(value), value


def checked(value: Any, depth: int = 0) -> Value:
    """Return a value as JSON has it, tuples as lists; raises ValueError, in words, for what JSON has not."""
    if depth > DEEPEST:
        raise ValueError(f"a value has more than {DEEPEST} levels; name a file, or a preset that your code knows")
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [checked(inner, depth + 1) for inner in value]
    if isinstance(value, Mapping) and all(type(key) is str for key in value):
        return {key: checked(inner, depth + 1) for key, inner in value.items()}
    raise ValueError(
        f"{value!r:.60} is no value that JSON can say; write null, true, false, a finite number, text, a list, "
        "or a mapping with text for keys"
    )


JsonValue = Annotated[Any, BeforeValidator(checked), WithJsonSchema({})]
"""The type of a field that takes any value."""
