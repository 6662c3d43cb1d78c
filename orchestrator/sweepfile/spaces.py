"""The search space as a sweep file writes it, in shorthand and with `extends`, as the definitions that are typed next.

`{low, high}` without a type is an int where both bounds are whole numbers, else a float; `{choices}` is a choice;
`{value}` and a bare scalar are constants. What a file under `extends` defines is taken over, the sweep file's own
keys laid over it field by field; a file under `extends` may extend others in the same way. Only a default that is a
shipped space's recommendation is of catalogue provenance.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from orchestrator.errors import SpecError
from orchestrator.members import nearest
from orchestrator.storage.url import unexpanded
from orchestrator.sweep.described import SET_BY_PARSER
from orchestrator.sweep.spec import HYPERPARAMETER_PATTERN, NAMES_OF_HYPERPARAMETERS
from orchestrator.sweepfile.foreign import named_here
from orchestrator.sweepfile.messages import SPACE_FILE, KeyPath, Place, Problems, quote
from orchestrator.sweepfile.yaml_source import Tree, UnreadableError, read

FindSpace: TypeAlias = Callable[[str], tuple[str, bytes]]
"""Takes a name or a path under `extends`; returns the file as shown to people and its bytes. Raises SpecError."""

Fields: TypeAlias = dict[str, Any]

SPACE_KEYS = ("description", "extends", "hyperparameters", "couple")
"""The keys of a search space's own file."""
_NUMBER_KEYS = ("low", "high", "scale", "step", "mean", "sd")
_SHAPE = ("type", "choices", "ordered", "weights", "value", "default", "also", "advised", *_NUMBER_KEYS)


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
class Expanded:
    """A search space written out."""

    definitions: dict[str, Fields]
    """Complete definitions by name, each with its `type` where that can be told."""
    shipped: dict[str, tuple[Fields, ...]]
    """What shipped spaces define, by name, of everything that was taken over from them."""
    couplings: dict[str, Any]
    """What the files under `extends` couple, as far as both sides can be tuned here."""


@dataclass(frozen=True, slots=True)
class _Base:
    """A definition taken over from the file that `entry` under `extends` names."""

    entry: str
    fields: Fields
    places: dict[KeyPath, Place]
    """Where the definition and each of its keys was written, by the path below its name."""
    shipped: tuple[Fields, ...]
    """The definitions of shipped spaces that it rests on; none for a file of the user's own."""


@dataclass(frozen=True, slots=True)
class _Level:
    """The file whose `extends` is being followed."""

    find_space: FindSpace
    problems: Problems
    path: KeyPath = ("search_space", "extends")
    """Where its `extends` stands."""
    trail: tuple[str, ...] = ()
    """The entries that led to it; none for the sweep file."""
    couplings: dict[str, Any] = field(default_factory=dict)
    """Collects what the files couple; shared by all levels."""


def expand(raw: dict[str, Any], find_space: FindSpace, problems: Problems) -> Expanded:
    """Return what `raw`, the sweep file's search space, defines."""
    own = {name: fields for name, fields in raw.items() if name != "extends"}
    level = _Level(find_space, problems)
    bases = _bases(raw.get("extends", []), own, level)
    expanded = {}
    for name in {**bases, **own}:
        path = ("search_space", name)
        if re.fullmatch(HYPERPARAMETER_PATTERN, name) is None:
            problems.add(path, f"cannot name a hyperparameter; {NAMES_OF_HYPERPARAMETERS}")
            continue
        fields = _fields(own[name], path, problems) if name in own else {}
        if fields is not None:
            expanded[name] = _complete(fields, bases.get(name), path, problems)
    tunable = {name for name, fields in expanded.items() if fields.get("type") != "constant"}
    shipped = {name: base.shipped for name, base in bases.items() if base.shipped}
    couplings = {name: text for name, text in level.couplings.items() if name in tunable and _may_couple(text, tunable)}
    return Expanded(expanded, shipped, couplings)


def _may_couple(coupling: Mapping[str, Any], tunable: set[str]) -> bool:
    """Say whether what a coupling names is tuned; what is no name is kept, for whoever checks types to refuse."""
    other = coupling.get("with")
    return other in tunable if isinstance(other, str | None) else True


def _bases(entries: Any, own: Fields, level: _Level) -> dict[str, _Base]:
    bases: dict[str, _Base] = {}
    for at, entry in _entries(entries, level):
        for name, base in _load(entry, at, level).items():
            earlier = bases.get(name)
            if earlier is None:
                bases[name] = base
            elif name in own:  # decides, and must be complete: neither of the two is taken over
                bases[name] = _Base(entry, {}, {}, (*earlier.shipped, *base.shipped))
            elif earlier.fields != base.fields:
                both = f"{entry!r} defines {name}, which {earlier.entry!r} defines too"
                level.problems.add(at, f"{both}; drop one of the two, or define {name} in full in this file")
    return bases


def _entries(entries: Any, level: _Level) -> Iterator[tuple[KeyPath, str]]:
    path, problems = level.path, level.problems
    if not isinstance(entries, list):
        problems.add(path, f"{quote(entries)} is not a list; write [{entries if isinstance(entries, str) else 'sgd'}]")
        return
    for position, entry in enumerate(entries):
        at = (*path, position)
        if not isinstance(entry, str):
            problems.add(at, f"{quote(entry)} is not a search space; write a name such as sgd, or a path")
        elif entry in entries[:position]:
            problems.add(at, f"{entry!r} is named twice; keep one")
        elif entry in level.trail:
            circle = ", which extends ".join([*level.trail[level.trail.index(entry) :], entry])
            problems.add(at, f"goes in a circle: {circle}; drop one of them")
        else:
            yield at, entry


@functools.cache
def _read(content: bytes, file: str) -> Tree:
    """Read a file that several spaces extend, and that is asked again for what a sweep file leaves out, once."""
    return read(content, file, SPACE_FILE)


def _load(entry: str, at: KeyPath, level: _Level) -> dict[str, _Base]:
    problems = level.problems
    if is_path(entry) and (told := unexpanded(entry)) is not None:
        problems.add(at, told)
        return {}
    if is_path(entry) and leaves_folder(entry):
        problems.add(at, f"{quote(entry)} leads out of the sweep file's folder; keep search spaces in it or below")
        return {}
    try:
        file, content = level.find_space(entry)
        tree = copy.deepcopy(_read(content, file))
    except SpecError as error:
        problems.add(at, str(error))
        return {}
    except UnreadableError as error:
        problems.take(error.message, at)
        return {}
    inner = Problems(tree.places, tree.messages)
    definitions = _definitions(tree.data, inner)
    extends = tree.data.get("extends", []) if isinstance(tree.data, dict) else []
    couplings = tree.data.get("couple", {}) if isinstance(tree.data, dict) else {}
    for name, coupling in couplings.items() if isinstance(couplings, dict) else []:
        level.couplings.setdefault(name, coupling if isinstance(coupling, dict) else {})
    inside = _Level(level.find_space, inner, ("extends",), (*level.trail, entry), level.couplings)
    below = _bases(extends, definitions, inside)
    for path, message in inner.found.items():
        named = len(path) > 1 and path[0] in ("hyperparameters", "search_space")
        problems.take(message, ("search_space", *path[1:]) if named else at)
    for message in inner.elsewhere:
        problems.take(message)
    own = {name: _base(entry, fields, tree.places, name) for name, fields in definitions.items()}
    return {name: _over(own.get(name), below.get(name)) for name in {**below, **own}}


def _base(entry: str, fields: Fields, places: dict[KeyPath, Place], name: str) -> _Base:
    """Return what a file defines of its own."""
    own = {path[2:]: place for path, place in places.items() if path[:2] == ("hyperparameters", name)}
    return _Base(entry, fields, own, () if is_path(entry) else (fields,))


def _over(own: _Base | None, below: _Base | None) -> _Base:
    """Lay a file's definition over the one it extends."""
    if own is None or below is None:
        found = own or below
        assert found is not None
        return found
    fields = _laid_over(own.fields, below.fields)
    shipped = (fields, *below.shipped) if own.shipped else below.shipped
    return _Base(own.entry, fields, {**below.places, **own.places}, shipped)


def _definitions(data: Any, problems: Problems) -> dict[str, Fields]:
    if not isinstance(data, dict):
        problems.add((), "a search space is a mapping; write description: and hyperparameters:")
        return {}
    for key in data:
        if key not in SPACE_KEYS:
            problems.add((key,), f"unknown key; choose {nearest(key, list(SPACE_KEYS))}")
    if not isinstance(data.get("couple", {}), dict):
        problems.add(
            ("couple",), f"{quote(data['couple'])} is not a mapping; write {{learning_rate: {{with: batch_size}}}}"
        )
    if not isinstance(data.get("description", ""), str):
        problems.add(("description",), f"{quote(data['description'])} is not text; put it in quotes")
    definitions = data.get("hyperparameters", {} if "extends" in data else None)
    if not isinstance(definitions, dict) or not (definitions or "extends" in data):
        problems.add(("hyperparameters",), "is missing; write the hyperparameters of this search space under it")
        return {}
    found = {name: _fields(raw, ("hyperparameters", name), problems) for name, raw in definitions.items()}
    return {name: fields for name, fields in found.items() if fields is not None}


def _fields(raw: Any, path: KeyPath, problems: Problems) -> Fields | None:
    if isinstance(raw, bool | int | float | str):
        return {"value": raw}
    if not isinstance(raw, dict):
        forms = "{low: ..., high: ...}, {choices: [...]}, {value: ...} or one plain value"
        problems.add(path, f"{'has no value' if raw is None else f'{quote(raw)} defines nothing'}; write {forms}")
        return None
    for key in SET_BY_PARSER & raw.keys():
        problems.add((*path, key), "unknown key; it follows from where the default comes from, remove it")
    return {key: value for key, value in raw.items() if key not in SET_BY_PARSER}


_OF_A_RANGE = ("low", "high", "choices", "scale", "step", "mean", "sd")
"""What may say which values a hyperparameter has."""


def _complete(own: Fields, base: _Base | None, path: KeyPath, problems: Problems) -> Fields:
    fields = _laid_over(own, {} if base is None else base.fields)
    for below, place in ({} if base is None else base.places).items():
        if not below or (below[0] in fields and below[0] not in own):
            problems.places.setdefault((*path, *below), place)
    kind = fields.get("type") or _kind(fields)
    if kind is None:
        ours = {key: word for key in own if (word := named_here(str(key), _OF_A_RANGE)) is not None}
        meant = f"; {', '.join(f'{key!r} is written `{word}` here' for key, word in ours.items())}" if ours else ""
        problems.add(path, f"has neither low and high, nor choices, nor value; write one of the three{meant}")
        return fields
    recommended = base is not None and any(
        "default" in shipped and _same(fields.get("default"), shipped["default"]) for shipped in base.shipped
    )
    return {**fields, "type": kind, "provenance": "catalogue" if recommended else "user"}


def _laid_over(own: Fields, inherited: Fields) -> Fields:
    """Return `inherited` with `own` over it; of another kind of hyperparameter the shape is not taken over."""
    if _family(own) not in (None, _family(inherited)):
        inherited = {key: value for key, value in inherited.items() if key not in _SHAPE}
    return {**inherited, **own}


def _kind(fields: Fields) -> str | None:
    if "value" in fields:
        return "constant"
    if "choices" in fields:
        return "choice"
    if not any(key in fields for key in _NUMBER_KEYS):
        return None
    whole = all(isinstance(fields.get(key), int) and not isinstance(fields[key], bool) for key in ("low", "high"))
    return "int" if whole and "mean" not in fields else "float"


def _family(fields: Fields) -> str | None:
    kind = fields.get("type") or _kind(fields)
    return "number" if kind in ("int", "float") else kind


def _same(value: Any, other: Any) -> bool:
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)
