"""The sweep file as a checked specification, or one error that lists everything wrong with it.

Pure: the text comes in as bytes; what must be looked up (search spaces, the training function) through functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias

from orchestrator.errors import SpecError
from orchestrator.planning.compile import PACKAGES
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile import overrides as command_line
from orchestrator.sweepfile.counting import asks_for_all, counted, fill_in
from orchestrator.sweepfile.crosscheck import crosscheck
from orchestrator.sweepfile.messages import KeyPath, Problems
from orchestrator.sweepfile.spaces import Fields, FindSpace, expand, no_spaces
from orchestrator.sweepfile.supply import supply
from orchestrator.sweepfile.typed import typed
from orchestrator.sweepfile.yaml_source import Tree, UnreadableError, read

CheckProgram: TypeAlias = Callable[[SweepSpec], Iterable[tuple[KeyPath, str]]]
"""Takes a specification whose `trainable` or `command` is well-formed and inside the folder; returns what is wrong
with the files that it names, each with its key path."""

_PROGRAMS = ("trainable", "command")
"""What a sweep trains: one of these keys."""
_STAND_INS: dict[str, Any] = {
    "name": "stand-in",
    "trainable": "train.py:train",
    "objective": {"metric": "metric", "goal": "maximize"},
    "fidelity": {"max": 1},
    "search_space": {"stand_in": {"type": "constant", "value": 0}},
    "budget": {"trials": 1},
}
"""Valid values for the keys that a sweep file must have: they let the other keys be checked when one is wrong."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A checked specification and what its text tells beyond it."""

    spec: SweepSpec
    """What was asked for."""
    problems: Problems
    """Without any; knows where each key was written."""
    shipped: Mapping[str, tuple[Fields, ...]]
    """What shipped spaces define, by name, of every hyperparameter that was taken over from them."""


def parse(
    text: bytes,
    file: str,
    overrides: Sequence[str] = (),
    find_space: FindSpace = no_spaces,
    check_program: CheckProgram = lambda _: (),
) -> SweepSpec:
    """Return the specification that `text` writes, `key=value` overrides applied; see `parse_text`."""
    return parse_text(text, file, overrides, find_space, check_program).spec


def parse_text(
    text: bytes, file: str, overrides: Sequence[str], find_space: FindSpace, check_program: CheckProgram
) -> Parsed:
    """Return what `text` writes, `key=value` overrides applied.

    `file` is what messages call the file. Raises SpecError with one line for each problem:
    `sweep.yaml:14: search_space.learning_rate.scale: 'logarithmic' is not a scale; choose linear or log`.
    """
    data, problems = _read(text, file)
    command_line.apply(overrides, data, problems, {key: SweepSpec.model_fields[key].default.name for key in PACKAGES})
    shipped: Mapping[str, tuple[Fields, ...]] = {}
    if isinstance(data.get("search_space"), dict):
        expanded = expand(data["search_space"], find_space, problems)
        data["search_space"], shipped = supply(expanded.definitions, find_space), expanded.shipped
        if expanded.couplings and isinstance(data.get("couple", {}), dict):
            data["couple"] = {**expanded.couplings, **data.get("couple", {})}
        if not data["search_space"] and "search_space" in problems.keys:
            data["search_space"] = _STAND_INS["search_space"]
    _check_program(data, problems)
    is_countless = asks_for_all(data)
    fill_in(data, problems)
    spec = typed(SweepSpec, data, problems)
    broken = problems.keys
    stand_in = spec or SweepSpec.model_validate(_repaired(data, broken))
    crosscheck(stand_in, problems, broken)
    if problems.keys.isdisjoint(_PROGRAMS) and not data.keys().isdisjoint(_PROGRAMS):
        for path, complaint in check_program(stand_in):
            problems.add(path, complaint)
    if spec is not None and is_countless and spec.seeds is None and not problems:
        spec = counted(spec, problems)
    problems.raise_any()
    assert spec is not None
    return Parsed(spec, problems, shipped)


def _read(text: bytes, file: str) -> tuple[dict[str, Any], Problems]:
    try:
        tree: Tree = read(text, file)
    except UnreadableError as error:
        raise SpecError(str(error.message)) from None
    if tree.data is None and not tree.messages:
        raise SpecError(f"{file}:1: the file is empty; `stepladder init` writes one to start from")
    if not isinstance(tree.data, dict):
        problems = Problems(tree.places, tree.messages)
        problems.add((), "a sweep file is a mapping; begin with `name: ...`")
        problems.raise_any()
    return tree.data, Problems(tree.places, tree.messages)


def _check_program(data: dict[str, Any], problems: Problems) -> None:
    """Note whether there is one of `trainable` and `command`, unless a misspelt one is told of anyway."""
    written = [key for key in _PROGRAMS if data.get(key) is not None]
    if len(written) == 2:
        problems.add(("command",), "stands beside `trainable`; a sweep trains one of them, remove the other")
    elif not written and not any(get_close_matches(key, _PROGRAMS, n=1) for key in data.keys() - set(_PROGRAMS)):
        what = "write e.g. `trainable: train.py:train`, or a program as `command: [python, train.py]`"
        problems.add(("trainable",), f"is missing; {what}")


def _repaired(data: dict[str, Any], broken: set[str | int]) -> dict[str, Any]:
    sound = {key: value for key, value in data.items() if key not in broken}
    if "command" in sound:
        sound.setdefault("trainable", None)
    return {**_STAND_INS, **sound}
