"""What `stepladder ls` shows: sweeps that lie in a storage or were sent off, whose they are, how they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from orchestrator import wording
from orchestrator.errors import StorageAwayError, StorageError
from orchestrator.results.summary import summarise
from orchestrator.views.condition import CUT_OFF, condition_of
from orchestrator.views.render import listing

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState

UNREACHABLE = "unreachable"
"""State of a sweep whose storage does not answer now."""


@dataclass(frozen=True, slots=True)
class ListedSweep:
    """A sweep in a list."""

    sweep: str
    """Its id, or its name where no more is known."""
    state: str
    """How it stands: of a job as its cluster says, of a sweep that lies here as its log does."""
    text: str = ""
    """One line on that."""
    owner: str | None = None
    """Whose it is; None where that is not known."""
    where: str | None = None
    """Where its job runs; None where it was not sent off."""
    job: str | None = None
    """What the cluster calls the job; None likewise."""
    folder: str = ""
    """Where its results are."""
    began_t: float | None = None
    """When it was sent, or planned, seconds since the epoch; None where nobody says."""
    trials: int | None = None
    """Trials that ended; None where its log is not seen."""
    planned: int | None = None
    """Trials that it plans; None likewise."""
    metric: str | None = None
    """Key of the objective; None likewise."""
    best: float | None = None
    """Objective of its best trial; None likewise, and while none leads."""


def listed(state: SweepState, folder: str, holder: str | None, now: float, left: str | None = None) -> ListedSweep:
    """Take a sweep from its log at `now`, seconds since the epoch; `holder` and `left` as `condition_of` has them."""
    condition, text = condition_of(state, holder, now, left)
    summary = summarise(state, now if condition == "running" else state.last_t)
    return ListedSweep(
        sweep=summary.sweep_id,
        state=condition,
        text=text,
        owner=state.plan.provenance.owner,
        folder=folder,
        began_t=state.started_t,
        trials=summary.tally.ended,
        planned=summary.planned,
        metric=summary.metric,
        best=None if summary.best is None else summary.best.value,
    )


def unreadable(folder: str, error: StorageError) -> ListedSweep:
    """Return the row of a sweep that cannot be read: damaged, or out of reach for now."""
    state = UNREACHABLE if isinstance(error, StorageAwayError) else "damaged"
    return ListedSweep(folder.rpartition("/")[2], state, str(error), folder=folder)


def listed_document(rows: Sequence[ListedSweep]) -> list[dict[str, Any]]:
    """Return the rows as plain data for `--json`."""
    return [asdict(row) for row in rows]


def listed_answer(rows: Sequence[ListedSweep], now: float) -> Group:
    """Return the rows for a person, and below them what is wrong with which; `now` is in seconds since the epoch."""
    table = listing("sweep", "owner", "state", "trials", "best", "age", "where")
    for row in rows:
        trials = "" if row.trials is None else f"{row.trials}/{row.planned}"
        best = "" if row.best is None else f"{wording.number(row.best, 4)} {row.metric}"
        age = f"{wording.duration(now - row.began_t)}" if row.began_t else ""
        where = f"{row.job} on {row.where}" if row.job else row.folder
        cells = (row.sweep, row.owner or "", row.state, trials, best, age, where)
        table.add_row(*(Text(text) for text in cells))
    return Group(table, *(Text(f"{row.sweep or row.folder}: {row.text}") for row in rows if _is_in_trouble(row)))


def _is_in_trouble(row: ListedSweep) -> bool:
    """Say whether what its row has no room for is worth a line: it cannot be read, or its driver is gone or cut off."""
    is_cut_off = (
        row.job is None and row.state == "running" and ("; its storage is away" in row.text or CUT_OFF in row.text)
    )
    return bool(row.text) and (row.state in ("damaged", "interrupted", UNREACHABLE) or is_cut_off)
