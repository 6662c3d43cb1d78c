"""A sweep's trials as a table to sort and filter: what `stepladder trials` lists, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from orchestrator.errors import UsageError
from orchestrator.results.trial_rows import STATES, Selection, TrialRow, selected, trial_table
from orchestrator.secrecy import mask
from orchestrator.ui.listing import HERE
from orchestrator.views.page.html import template
from orchestrator.views.trials import cell_text, heading, numeric_columns, preferred_columns

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.ui.sweeps import SweepReading

ON_ONE_PAGE = 100
"""Trials that one page of the table holds."""
SEPARATOR = ";"
"""What stands between two conditions."""


@dataclass(frozen=True)
class Asked:
    """What stands in a table's address."""

    state: str = ""
    """A state, or a word of `trial_rows.STATES`; empty: any."""
    stage: str = ""
    """A stage; empty: any."""
    where: str = ""
    """Conditions that all must hold: `lr>=0.01; node=n3`."""
    sort: str = ""
    """Column that sorts, `-` before it: largest first; empty: the best first."""
    page: int = 1
    """Which page, 1 first."""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """Take it from an address; a page that is no number is the first."""
        page = query.get("page", "1")
        number = int(page) if page.isdecimal() and len(page) < 10 else 1
        words = {name: query.get(name, "").strip() for name in ("state", "stage", "where", "sort")}
        return cls(**words, page=max(number, 1))

    @property
    def selection(self) -> Selection:
        """Which rows that means."""
        conditions = tuple(part.strip() for part in self.where.split(SEPARATOR) if part.strip())
        states, stages = ((word,) if word else () for word in (self.state, self.stage))
        return Selection(states, stages, conditions, self.sort or None)

    def address(self, *, sort: str | None = None, page: int = 1) -> str:
        """Return the address of the same table sorted otherwise, or of another page of it."""
        other = replace(self, sort=self.sort if sort is None else sort, page=page)
        return "?" + urlencode({name: value for name, value in vars(other).items() if value and value != 1})


class KeptRows:
    """Keeps the rows of the sweep whose table was looked at last: making them takes a second for each 2,000 trials."""

    def __init__(self) -> None:
        self._rows: tuple[str, list[TrialRow], list[str]] | None = None

    def rows(self, one: SweepReading) -> tuple[list[TrialRow], list[str]]:
        """Return a sweep's rows and columns, as its log has them now. Raises as `read_sweep`."""
        name, kept = f"{one.key} {one.version()}", self._rows
        if kept is None or kept[0] != name:
            table = trial_table(one.folder)
            kept = self._rows = name, table.to_pylist(), table.column_names
        return kept[1], kept[2]


def trials_body(state: SweepState, rows: Sequence[TrialRow], columns: Sequence[str], asked: Asked) -> str:
    """Return the table as HTML, one page of it; what was asked wrongly is said above an empty one."""
    problem, chosen = "", list[TrialRow]()
    try:
        chosen = selected(rows, asked.selection, [trial.number for trial in state.ranked()])
    except UsageError as error:
        problem = str(error).removeprefix("--where ")
    pages = max(1, -(-len(chosen) // ON_ONE_PAGE))
    asked = replace(asked, page=min(asked.page, pages))
    shown = chosen[(asked.page - 1) * ON_ONE_PAGE :][:ON_ONE_PAGE]
    wanted = preferred_columns(state.plan, columns, shown)
    return template("trials.html.jinja", HERE).render(
        asked=asked,
        states=list(STATES),
        stages=list(dict.fromkeys(row["stage"] for row in rows)),
        columns=columns,
        problem=problem,
        heads=list(_heads(wanted, shown, asked)),
        rows=[[mask(cell_text(name, row[name])) for name in wanted] for row in shown],
        count=f"{len(chosen):,} of {len(rows):,} trials",
        best=asked.address(sort=""),
        before=asked.address(page=asked.page - 1) if asked.page > 1 else "",
        after=asked.address(page=asked.page + 1) if asked.page < pages else "",
        place=f"page {asked.page:,} of {pages:,}",
    )


def _heads(columns: Sequence[str], rows: Sequence[TrialRow], asked: Asked) -> Iterator[dict[str, str]]:
    numeric = numeric_columns(columns, rows)
    for name in columns:
        order = {name: "ascending", f"-{name}": "descending"}.get(asked.sort, "none")
        turned = f"-{name}" if order == "ascending" else name
        yield {
            "text": heading(name).removeprefix("config.").removeprefix("metric."),
            "order": order,
            "address": asked.address(sort=turned),
            "kind": "n" if name in numeric else "",
        }
