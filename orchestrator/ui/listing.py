"""The list of sweeps: whose each is, how it stands, its best and its age."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import wording
from orchestrator.views.jobs import ListedSweep
from orchestrator.views.page.html import template

if TYPE_CHECKING:
    from orchestrator.storage.location import Location

HERE = Path(__file__).parent


def sweeps_body(rows: Sequence[tuple[str, ListedSweep]], words: str, now: float) -> str:
    """Return the list as HTML: each sweep with its key, those alone in which all of `words` occur; the newest first.

    `now` is in seconds since the epoch.
    """
    ordered = sorted(rows, key=lambda row: (row[1].state != "running", -(row[1].began_t or 0.0)))
    wanted = words.lower().split()
    cells = [_cells(key, row, now) for key, row in ordered]
    shown = [each for each in cells if all(word in " ".join(each.values()).lower() for word in wanted)]
    return template("sweeps.html.jinja", HERE).render(rows=shown, count=len(rows), words=words)


def unread(folder: Location) -> ListedSweep:
    """Return the row of a sweep whose log is not read yet."""
    return ListedSweep(str(folder).rpartition("/")[2], "being read", folder=str(folder))


def _cells(key: str, row: ListedSweep, now: float) -> dict[str, str]:
    return {
        "key": key,
        "sweep": row.sweep,
        "owner": row.owner or "",
        "state": row.state,
        "text": row.text,
        "trials": "" if row.trials is None else f"{row.trials:,} of {row.planned:,}",
        "best": "" if row.best is None else wording.number(row.best, 4),
        "metric": row.metric or "",
        "age": _age(now - row.began_t) if row.began_t else "",
        "folder": row.folder,
    }


def _age(seconds: float) -> str:
    """Return a duration in whole minutes, hours or days: one that changed with every look would always be news."""
    for unit, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= unit:
            return wording.counted(int(seconds // unit), name)
    return "now"
