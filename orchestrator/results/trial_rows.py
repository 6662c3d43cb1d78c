"""The trials of a sweep as rows that a person filters, sorts and takes along: the trials' table, made from the log.

Columns are those of `orchestrator.results.columns`, so a name means the same here, in DuckDB and in pandas. What is
asked for is text (`learning_rate>=0.01`), and is refused with the names there are where it names none of them.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.csv

from orchestrator.errors import UsageError
from orchestrator.results.rebuilt import rebuilt_table
from orchestrator.results.trial_table import FOLDER
from orchestrator.sweep.trial import TrialState

if TYPE_CHECKING:
    from orchestrator.storage.location import Location

TrialRow: TypeAlias = dict[str, Any]
"""A trial's values by column; None where there is none."""

STATES = {
    "done": {TrialState.COMPLETED},
    "stopped": {TrialState.PRUNED},
    "failed": {TrialState.FAILED, TrialState.DIVERGED},
    "running": {TrialState.RUNNING},
    "waiting": {TrialState.INTERRUPTED},
}
"""The words of `status` for what became of trials; a state's own name is taken too."""

_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"\s*(?P<column>.+?)\s*(?P<relation><=|>=|!=|<|>|==?)\s*(?P<value>.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows, and in which order."""

    states: tuple[str, ...] = ()
    """States, or words of `STATES`, one of which must be the trial's; empty: any."""
    stages: tuple[str, ...] = ()
    """Stages, likewise."""
    conditions: tuple[str, ...] = ()
    """What must hold, all of it: `learning_rate>=0.01`, `node=n3`, `error!=null`."""
    sort: str | None = None
    """Column that sorts, smallest first; `-` before it: largest first. None: as the sweep ranks them, best first."""


def trial_table(folder: Location) -> pa.Table:
    """Return the trials of the sweep in `folder` as its log has them now, one row a trial, replicates last.

    Raises SweepNotFoundError, StorageError, JournalDamagedError as readers do.
    """
    return rebuilt_table(folder, FOLDER)


def selected(rows: Sequence[TrialRow], selection: Selection, ranks: Sequence[int]) -> list[TrialRow]:
    """Return the rows that were asked for, in order; `ranks` are trials' numbers, the best first.

    Raises UsageError for a state, a stage or a column that is not there, with those that are.
    """
    columns = list(rows[0]) if rows else []
    kept = list(rows)
    if selection.states:
        states = _states(selection.states)
        kept = [row for row in kept if row["state"] in states]
    if selection.stages:
        there = list(dict.fromkeys(row["stage"] for row in rows))
        stages = {_one_of(stage, there, "stage") for stage in selection.stages}
        kept = [row for row in kept if row["stage"] in stages]
    for condition in selection.conditions:
        holds = _condition(condition, columns)
        kept = [row for row in kept if holds(row)]
    return _ordered(kept, selection.sort, columns, ranks)


def columns_named(text: str, columns: Sequence[str]) -> list[str]:
    """Return the columns that a list with commas names. Raises UsageError for one that is not there."""
    return [_one_of(name.strip(), columns, "column") for name in text.split(",") if name.strip()]


def csv_text(table: pa.Table, rows: Sequence[TrialRow], columns: Sequence[str] | None) -> str:
    """Return rows of `table` as CSV with a head; `columns` of it, None: all."""
    sink = BytesIO()
    found = pa.Table.from_pylist(list(rows), schema=table.schema)
    pyarrow.csv.write_csv(found if columns is None else found.select(columns), sink)
    return sink.getvalue().decode()


def _states(asked: Iterable[str]) -> set[str]:
    known = {state.value: {state} for state in TrialState} | STATES
    words = [*STATES, *(state.value for state in TrialState)]
    return {state.value for word in asked for state in known[_one_of(word, list(dict.fromkeys(words)), "state")]}


def _condition(text: str, columns: Sequence[str]) -> Callable[[TrialRow], bool]:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--where {text!r}: write a column, a relation ({', '.join(_RELATIONS)}) and a value: lr>=0.01"
        )
    column, wanted = _one_of(match["column"], columns, "column"), _value(match["value"])
    relation = _RELATIONS["=" if match["relation"] == "==" else match["relation"]]
    return lambda row: _holds(relation, row[column], wanted)


def _holds(relation: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:
    """Say whether a relation holds; between what cannot be ordered, as text and a number, only `!=` does."""
    if relation in (operator.eq, operator.ne):
        return relation(str(value) if isinstance(wanted, str) and value is not None else value, wanted)
    try:
        return relation(value, wanted)
    except TypeError:
        return False


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _ordered(rows: list[TrialRow], sort: str | None, columns: Sequence[str], ranks: Sequence[int]) -> list[TrialRow]:
    if sort is None:
        place = {number: rank for rank, number in enumerate(ranks)}
        return sorted(rows, key=lambda row: (place.get(row["trial"], len(place)), row["trial"]))
    if not rows:
        return rows
    descends = sort.startswith("-") and sort not in columns
    column = _one_of(sort[1:] if descends else sort, columns, "column")
    known = [row for row in rows if row[column] is not None]
    known.sort(key=lambda row: row[column], reverse=descends)
    return known + [row for row in rows if row[column] is None]


def _one_of(name: str, names: Sequence[str], kind: str) -> str:
    if name in names:
        return name
    near = get_close_matches(name, names, 1)
    hint = f", did you mean {near[0]}" if near else ""
    raise UsageError(f"{name}: there is no such {kind}{hint}; there are: {', '.join(names)}")
