"""The search space as a sweep file writes it, in shorthand and with `extends`, as the definitions that are typed next.

`{low, high}` without a type is an int where both bounds are whole numbers, else a float; `{choices}` is a choice;
`{value}` and a bare scalar are constants. What a file under `extends` defines is taken over, the sweep file's own
keys laid over it field by field. Only a default that is a shipped space's recommendation is of catalogue provenance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from orchestrator.errors import SpecError
from orchestrator.members import nearest
from orchestrator.planning.messages import SPACE_FILE, KeyPath, Place, Problems, show
from orchestrator.planning.yaml_source import UnreadableError, read
from orchestrator.sweep.spec import IDENTIFIER_PATTERN

FindSpace: TypeAlias = Callable[[str], tuple[str, bytes]]
"""Takes a name or a path under `extends`; returns the file as shown to people and its bytes. Raises SpecError."""

Fields: TypeAlias = dict[str, Any]

SPACE_KEYS = ("description", "hyperparameters")
"""The keys of a search space's own file."""
_NUMBER_KEYS = ("low", "high", "scale", "step")
_SHAPE = ("type", "choices", "value", "default", *_NUMBER_KEYS)


def no_spaces(name: str) -> tuple[str, bytes]:
    """Find nothing: for a sweep file that has nowhere to look."""
    raise SpecError(f"{name!r} cannot be looked up here; write the hyperparameters out")


def is_path(entry: str) -> bool:
    """Say whether an entry under `extends` is a path rather than the name of a shipped space."""
    return "/" in entry or "\\" in entry or entry.endswith((".yaml", ".yml"))


def leaves_folder(path: str) -> bool:
    """Say whether a path is absolute, climbs up or is none; symbolic links are for whoever opens it."""
    climbs = path.startswith(("/", "~")) or ".." in PurePosixPath(path).parts
    return climbs or "\\" in path or not path.isprintable()


@dataclass(frozen=True, slots=True)
class _Base:
    """A definition taken over from the file that `entry` under `extends` names."""

    entry: str
    fields: Fields
    places: dict[KeyPath, Place]
    """Where the definition and each of its keys was written, by the path below its name."""
    recommended: tuple[Any, ...]
    """The defaults that shipped spaces recommend; none for a file of the user's own."""


def expand(raw: dict[str, Any], find_space: FindSpace, problems: Problems) -> dict[str, Fields]:
    """Return complete definitions by name, each with its `type` where that can be told."""
    own = {name: fields for name, fields in raw.items() if name != "extends"}
    bases = _bases(raw.get("extends", []), own, find_space, problems)
    expanded = {}
    for name in {**bases, **own}:
        path = ("search_space", name)
        if re.fullmatch(IDENTIFIER_PATTERN, name) is None:
            problems.add(path, "cannot name a hyperparameter; use letters, digits and _, a letter first")
            continue
        fields = _fields(own[name], path, problems) if name in own else {}
        if fields is not None:
            expanded[name] = _complete(fields, bases.get(name), path, problems)
    return expanded


def _bases(entries: Any, own: Fields, find_space: FindSpace, problems: Problems) -> dict[str, _Base]:
    bases: dict[str, _Base] = {}
    for at, entry in _entries(entries, problems):
        for name, base in _load(entry, at, find_space, problems).items():
            earlier = bases.get(name)
            if earlier is None:
                bases[name] = base
            elif name in own:  # decides, and must be complete: neither of the two is taken over
                bases[name] = _Base(entry, {}, {}, (*earlier.recommended, *base.recommended))
            else:
                both = f"{entry!r} defines {name}, which {earlier.entry!r} defines too"
                problems.add(at, f"{both}; drop one of the two, or define {name} in full in this file")
    return bases


def _entries(entries: Any, problems: Problems) -> Iterator[tuple[KeyPath, str]]:
    path: KeyPath = ("search_space", "extends")
    if not isinstance(entries, list):
        problems.add(path, f"{show(entries)} is not a list; write [{entries if isinstance(entries, str) else 'sgd'}]")
        return
    for position, entry in enumerate(entries):
        at = (*path, position)
        if not isinstance(entry, str):
            problems.add(at, f"{show(entry)} is not a search space; write a name such as sgd, or a path")
        elif entry in entries[:position]:
            problems.add(at, f"{entry!r} is named twice; keep one")
        else:
            yield at, entry


def _load(entry: str, at: KeyPath, find_space: FindSpace, problems: Problems) -> dict[str, _Base]:
    if is_path(entry) and leaves_folder(entry):
        problems.add(at, f"{entry!r} leads out of the sweep file's folder; keep search spaces in it or below")
        return {}
    try:
        file, content = find_space(entry)
        tree = read(content, file, SPACE_FILE)
    except SpecError as error:
        problems.add(at, str(error))
        return {}
    except UnreadableError as error:
        problems.take(error.finding, at)
        return {}
    inner = Problems(tree.places, tree.findings)
    definitions = _definitions(tree.data, inner)
    for path, finding in inner.found.items():
        problems.take(finding, ("search_space", *path[1:]) if len(path) > 1 and path[0] == "hyperparameters" else at)
    places: dict[str | int, dict[KeyPath, Place]] = {}
    for path, place in tree.places.items():
        if len(path) > 1 and path[0] == "hyperparameters":
            places.setdefault(path[1], {})[path[2:]] = place
    shipped = not is_path(entry)
    return {
        name: _Base(entry, fields, places[name], (fields["default"],) if shipped and "default" in fields else ())
        for name, fields in definitions.items()
    }


def _definitions(data: Any, problems: Problems) -> dict[str, Fields]:
    if not isinstance(data, dict):
        problems.add((), "a search space is a mapping; write description: and hyperparameters:")
        return {}
    for key in data:
        if key not in SPACE_KEYS:
            problems.add((key,), f"unknown key; choose {nearest(key, list(SPACE_KEYS))}")
    if not isinstance(data.get("description", ""), str):
        problems.add(("description",), f"{show(data['description'])} is not text; put it in quotes")
    definitions = data.get("hyperparameters")
    if not isinstance(definitions, dict) or not definitions:
        problems.add(("hyperparameters",), "is missing; write the hyperparameters of this search space under it")
        return {}
    found = {name: _fields(raw, ("hyperparameters", name), problems) for name, raw in definitions.items()}
    return {name: fields for name, fields in found.items() if fields is not None}


def _fields(raw: Any, path: KeyPath, problems: Problems) -> Fields | None:
    if isinstance(raw, bool | int | float | str):
        return {"value": raw}
    if not isinstance(raw, dict):
        forms = "{low: ..., high: ..., default: ...}, {choices: [...], default: ...} or one value"
        problems.add(path, f"{'has no value' if raw is None else f'{show(raw)} defines nothing'}; write {forms}")
        return None
    if "provenance" in raw:
        problems.add((*path, "provenance"), "unknown key; it follows from where the default comes from, remove it")
    return {key: value for key, value in raw.items() if key != "provenance"}


def _complete(own: Fields, base: _Base | None, path: KeyPath, problems: Problems) -> Fields:
    inherited = {} if base is None else base.fields
    if _family(own) not in (None, _family(inherited)):
        inherited = {key: value for key, value in inherited.items() if key not in _SHAPE}
    fields = {**inherited, **own}
    for below, place in ({} if base is None else base.places).items():
        if not below or below[0] in inherited:
            problems.places.setdefault((*path, *below), place)
    kind = fields.get("type") or _kind(fields)
    if kind is None:
        problems.add(path, "has neither low and high, nor choices, nor value; write one of the three")
        return fields
    recommended = base is not None and any(_same(fields.get("default"), default) for default in base.recommended)
    return {**fields, "type": kind, "provenance": "catalogue" if recommended else "user"}


def _kind(fields: Fields) -> str | None:
    if "value" in fields:
        return "constant"
    if "choices" in fields:
        return "choice"
    if not any(key in fields for key in _NUMBER_KEYS):
        return None
    whole = all(isinstance(fields.get(key), int) and not isinstance(fields[key], bool) for key in ("low", "high"))
    return "int" if whole else "float"


def _family(fields: Fields) -> str | None:
    kind = fields.get("type") or _kind(fields)
    return "number" if kind in ("int", "float") else kind


def _same(value: Any, other: Any) -> bool:
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)
