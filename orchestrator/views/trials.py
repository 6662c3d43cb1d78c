"""`stepladder trials SWEEP`: the list of a sweep's trials, as many columns of it as a terminal has room for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from orchestrator import wording
from orchestrator.state.gist import message_of
from orchestrator.sweep.trial import TrialState
from orchestrator.views.render import listing

if TYPE_CHECKING:
    from orchestrator.results.trial_rows import TrialRow
    from orchestrator.sweep.plan import Plan

SHOWN = 20
"""Rows that a person is shown unless more are asked for."""
_GAP = 2
"""Blanks between two columns."""
_WIDEST = 24
"""Characters of a text that a column is as wide as at most."""
_WIDEST_ERROR = 48
"""The same of an error's text, of which little says nothing."""
_NUMERIC = frozenset({"trial", "fidelity", "worker_s", "gpu_s", "reports", "attempt", "parent"})


def preferred_columns(plan: Plan, columns: Sequence[str], rows: Sequence[TrialRow] = ()) -> list[str]:
    """Return the columns in the order in which a person wants them: how it went, then hyperparameters by tier.

    Where all `rows` failed, or diverged, it is why that is wanted first.
    """
    metric = plan.spec.objective.metric
    objective = f"metric.{metric}" if f"metric.{metric}" in columns else metric
    tuned = sorted(plan.space.tunable, key=lambda name: plan.space[name].tier)
    drawn = [f"config.{name}" if f"config.{name}" in columns else name for name in tuned]
    if rows and all(row["error"] or row["state"] == TrialState.DIVERGED.value for row in rows):
        return ["trial", "error", "fidelity", "worker_s", "node", *drawn, "stage"]
    return ["trial", "state", objective, "fidelity", "worker_s", *drawn, "stage", "error"]


def trials_answer(rows: Sequence[TrialRow], columns: Sequence[str], width: int, *, fits: bool, left_out: int) -> Group:
    """Return rows for a person: the first of `columns` that `width` has room for, or with `fits` off all of them.

    `left_out` rows beyond these are counted under the table.
    """
    cells = {name: [_why(row) if name == "error" else cell_text(name, row[name]) for row in rows] for name in columns}
    shown = _fitting(cells, width) if fits else list(columns)
    table = listing(
        *(heading(name) for name in shown), numeric=frozenset(heading(n) for n in numeric_columns(shown, rows))
    )
    for index in range(len(rows)):
        table.add_row(*(Text(cells[name][index]) for name in shown))
    notes = [f"{left_out:,} more: --top 0 shows all"] if left_out else []
    hidden = [heading(name) for name in columns if name not in shown and any(cells[name])]
    if hidden:
        notes.append(f"no room for {', '.join(hidden)}: --columns NAME,..., or --csv, --json for all")
    return Group(table, *(Text(note) for note in notes))


def _why(row: TrialRow) -> str:
    """Return what an error says, in a line; of a trial that diverged what it did."""
    if row["state"] == TrialState.DIVERGED.value:
        return "diverged: reported a value that is not finite"
    return message_of(row["error"]) or cell_text("error", row["error"])


def row_document(row: TrialRow) -> dict[str, Any]:
    """Return a row as JSON holds it: moments as text, in UTC."""
    return {name: f"{value.isoformat()}Z" if isinstance(value, datetime) else value for name, value in row.items()}


def _fitting(cells: dict[str, list[str]], width: int) -> list[str]:
    """Return the first columns that fit, three at least; one that is empty is left out, and a wide text folds."""
    shown: list[str] = []
    used = -_GAP
    for name, texts in cells.items():
        if len(shown) >= 3 and not any(texts):
            continue
        widest = _WIDEST_ERROR if name == "error" else _WIDEST
        need = _GAP + max(len(heading(name)), *(min(len(text), widest) for text in texts), 1)
        if len(shown) < 3 or used + need <= width:
            shown.append(name)
            used += need
    return shown


def numeric_columns(columns: Sequence[str], rows: Sequence[TrialRow]) -> set[str]:
    """Return those of the columns that hold numbers."""
    return {name for name in columns if name in _NUMERIC or any(isinstance(row[name], int | float) for row in rows)}


def heading(name: str) -> str:
    """Return what a column is called for a person."""
    return {"worker_s": "took"}.get(name, name)


def cell_text(name: str, value: Any) -> str:
    """Return a value of column `name` as a person reads it."""
    if value is None:
        return ""
    if name == "worker_s":
        return wording.duration(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, str):
        return value.strip().splitlines()[-1] if value.strip() else ""
    return wording.number(value) if isinstance(value, float) else wording.scalar(value)
