"""What `stepladder ls` shows: sweeps that were sent off, and how their jobs stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rich.table import Table
from rich.text import Text

from orchestrator import wording
from orchestrator.views.render import listing


class Standing(Protocol):
    """How a job stands; `orchestrator.launchers.JobStatus` is one."""

    @property
    def state(self) -> str:
        """One word."""

    @property
    def text(self) -> str:
        """One line on that."""


@dataclass(frozen=True, slots=True)
class Row:
    """A sweep's job."""

    sweep: str
    """The sweep's name."""
    status: Standing
    """How it stands."""
    cluster: str
    """Where it runs."""
    job: str
    """What the cluster calls it."""
    folder: str
    """Where its results are, seen from the cluster."""
    submitted_t: float | None
    """When it was sent, seconds since the epoch; None where nobody says."""


def jobs_document(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as plain data for `--json`."""
    return [
        {
            "sweep": row.sweep,
            "state": str(row.status.state),
            "text": row.status.text,
            "cluster": row.cluster,
            "job": row.job,
            "folder": row.folder,
            "submitted_t": row.submitted_t,
        }
        for row in rows
    ]


def jobs_answer(rows: Sequence[Row], now: float) -> Table:
    """Return the rows for a person; `now` is in seconds since the epoch."""
    table = listing("sweep", "state", "sent", "job", "results")
    for row in rows:
        sent = f"{wording.duration(now - row.submitted_t)} ago" if row.submitted_t else ""
        table.add_row(*(Text(text) for text in (row.sweep, str(row.status.state), sent, row.job, row.folder)))
    return table
