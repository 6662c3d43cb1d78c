"""`key=value` on the command line, as in Hydra: sets one key of the sweep file, and its errors name the override.

The value is YAML (`1e-3`, `[sgd, adam]`, `{low: 0, high: 1}`). A mapping is merged into a mapping that is there, all
else replaces. `searcher`, `scheduler` and `search` may be reached into where the file has their short form. Names of
hyperparameters may hold dots themselves: the longest name that the file defines is taken, `search_space.model.lr.high`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from orchestrator.sweep.domains import Choice, Constant, Float, Int
from orchestrator.sweepfile.messages import OVERRIDE, KeyPath, Message, Place, Problems, dotted, quote
from orchestrator.sweepfile.yaml_source import MAX_DEPTH, Tree, UnreadableError, read_argument

_KEY = re.compile(r"[A-Za-z_][\w/-]*(?:\.[\w/-]+|\[\d{1,6}\])*", re.ASCII)
_FIELDS = frozenset(key for domain in (Float, Int, Choice, Constant) for key in domain.model_fields)
_NUMBER = re.compile(r"[0-9]{1,6}")


def apply(overrides: Iterable[str], data: dict[str, Any], problems: Problems, members: Mapping[str, str]) -> None:
    """Apply each override to `data` in order; `members` gives the keys with a short form and their default member."""
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or _KEY.fullmatch(key) is None:
            place = Place(OVERRIDE, override)
            problems.take(Message(place, "", "this is not key=value; write it as in budget.trials=20, without + or ~"))
            continue
        path = _joined(_path(key), data)
        place = Place(OVERRIDE, override)
        if len(path) > MAX_DEPTH:
            problems.take(Message(place, "", f"reaches deeper than {MAX_DEPTH} levels; is it the right key?"))
            continue
        try:
            value = read_argument(text, place, path)
        except UnreadableError as error:
            problems.take(error.message)
            continue
        for inside, message in value.messages.items():
            problems.take(message, inside)
        _set(data, path, value, problems, members)


def _path(key: str) -> KeyPath:
    parts = re.sub(r"\[(\d+)\]", r".\1", key).split(".")
    return tuple(int(part) if _NUMBER.fullmatch(part) else part for part in parts)


def _joined(path: KeyPath, data: Mapping[str, Any]) -> KeyPath:
    """Put the parts of a path together that are one name of a hyperparameter."""
    space = data.get("search_space")
    names = frozenset(space) if isinstance(space, Mapping) else frozenset[str]()
    joined: list[str | int] = []
    start = 0
    while start < len(path):
        length = _name_length(path[start:], names)
        if length == 1 and joined == ["search_space"] and path[start] not in names:
            length = _new_name_length(path[start:])
        joined.append(path[start] if length == 1 else ".".join(map(str, path[start : start + length])))
        start += length
    return tuple(joined)


def _name_length(path: KeyPath, names: Collection[str]) -> int:
    """Return how many parts at the beginning are the longest name; 1 where none are."""
    return next((length for length in range(len(path), 1, -1) if ".".join(map(str, path[:length])) in names), 1)


def _new_name_length(path: KeyPath) -> int:
    """Return how many parts stand before a key of a hyperparameter, for a name that an extended file defines."""
    return next((place for place, part in enumerate(path) if place and part in _FIELDS), 1)


def _set(data: dict[str, Any], path: KeyPath, value: Tree, problems: Problems, members: Mapping[str, str]) -> None:
    if len(path) > 1 and path[0] in members and isinstance(data.get(str(path[0])), str | None):
        data[str(path[0])] = {"name": data.get(str(path[0])) or members[str(path[0])]}
    place = value.places[path]
    around: Any = data
    for depth, part in enumerate(path):
        if not _has_room(around, part):
            problems.take(Message(place, dotted(path), _no_room(path[:depth], part, around)))
            return
        inside = around.get(part) if isinstance(around, dict) else around[part]
        if depth == len(path) - 1:
            around[part] = _merged(inside, value.data)
        elif inside is None and isinstance(path[depth + 1], str):
            inside = around[part] = {}
            problems.places[path[: depth + 1]] = place
        around = inside
    problems.places.update(value.places)


def _has_room(around: Any, part: str | int) -> bool:
    if isinstance(around, list):
        return isinstance(part, int) and part < len(around)
    return isinstance(around, dict) and isinstance(part, str)


def _no_room(path: KeyPath, part: str | int, around: Any) -> str:
    if isinstance(around, list):
        return f"{dotted(path)} is a list of {len(around)}; {quote(part)} is no position in it, the first is 0"
    what = "is not written in the file" if around is None else f"is {quote(around)}"
    return f"{dotted(path)} {what}; {quote(part)} cannot be set inside it"


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    return new
