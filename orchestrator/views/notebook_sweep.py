"""A sweep in a notebook: what a cell shows of it, its tables as pandas frames, and its page.

Everything is read from the sweep's log, living or dead, and nothing is locked.
"""

from __future__ import annotations

import html
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.results.summary import summarise
from orchestrator.state.fold import SweepState
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import Trial
from orchestrator.views.page.figures.places import stays
from orchestrator.views.page.figures.progress import improvements
from orchestrator.views.page.scene import Scene
from orchestrator.views.page.tables import winner_ranges
from orchestrator.views.page.tiles import tiles
from orchestrator.views.python_words import in_python

if TYPE_CHECKING:
    import pandas as pd

    from orchestrator.storage.location import Location

WIDTH, HEIGHT = 420, 90
"""Pixels of the line of the best so far."""


class SweepViews(ABC):
    """What a notebook looks at. Derived by `Sweep`."""

    @property
    @abstractmethod
    def sweep_folder(self) -> Location:
        """Where the sweep lies."""

    @abstractmethod
    def plan(self) -> Plan:
        """Return what the sweep compiles to."""

    def trials(self) -> pd.DataFrame:
        """Return one row a trial, replicates last, as trials/*.parquet has them; the log is read anew."""
        return self._frame("trials")

    def reports(self) -> pd.DataFrame:
        """Return one row a report, as reports/*.parquet has them; the log is read anew."""
        return self._frame("reports")

    def attempts(self) -> pd.DataFrame:
        """Return one row an attempt, as attempts/*.parquet has them; the log is read anew."""
        return self._frame("attempts")

    def report(self) -> str:
        """Write the sweep's page, report.html, into its folder; returns where that is.

        Raises SweepNotFoundError before the sweep has begun.
        """
        from orchestrator.views.page.making import FILE, keep_page

        keep_page(self.sweep_folder)
        return str(self.sweep_folder / FILE)

    def _frame(self, table: str) -> pd.DataFrame:
        from orchestrator.results.rebuilt import rebuilt_table

        frame: pd.DataFrame = rebuilt_table(self.sweep_folder, table).to_pandas()
        return frame

    def _repr_html_(self) -> str:
        """Return what a cell shows: how the sweep stands, or what is planned before it has begun."""
        if sweep_exists(self.sweep_folder):
            return state_html(read_sweep(self.sweep_folder), time.time())
        return plan_html(self.plan())


def state_html(state: SweepState, now_t: float) -> str:
    """Return a sweep's state for a notebook: its numbers, the best so far, and what the winner changed."""
    scene = Scene(state, now_t if state.stopped is None else state.last_t)
    told = [(tile.label, tile.value, tile.remark) for tile in tiles(scene, summarise(state, scene.now_t), stays(scene))]
    changed = [(row.name, row.baseline, row.winner) for row in winner_ranges(scene) if row.is_changed]
    parts = [f"<b>{html.escape(state.plan.sweep_id)}</b>", _table(("", "", ""), told), _line(scene)]
    if changed:
        parts.append(_table(("changed", "baseline", "winner"), changed))
    return "".join(parts)


def ending_html(reason: str, problems: Sequence[str], state: SweepState) -> str:
    """Return how a run ended for a notebook: why, what went wrong beside it, and how the sweep stands."""
    told = "".join(f"<br>{html.escape(in_python(problem))}" for problem in problems)
    return f"{html.escape(reason)}{told}<br>{state_html(state, state.last_t)}"


def plan_html(plan: Plan) -> str:
    """Return a plan for a notebook: its stages and what each opens."""
    trials = plan.reserve.trials
    rows = [(stage.name, ", ".join(stage.tune), f"{stage.share * trials:.0f}") for stage in plan.stages]
    head = f"<b>{html.escape(plan.sweep_id)}</b>, not begun: {plan.spec.budget.trials} trials"
    return head + _table(("stage", "opens", "trials, about"), rows)


def _shown_state(state: SweepState) -> str:
    return state_html(state, state.last_t)


# A notebook shows what these classes' objects say of themselves, and the rooms that they lie in know of no view.
setattr(Plan, "_repr_html_", plan_html)  # noqa: B010 - an attribute that the class itself does not name
setattr(SweepState, "_repr_html_", _shown_state)  # noqa: B010 - likewise


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(each)}</th>" for each in heads) if any(heads) else ""
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def _line(scene: Scene) -> str:
    """Return the best so far against spend as a line; empty where it never got better than its first."""
    found = improvements(scene)
    if len(found) < 2 or not scene.spent:
        return ""
    heights = _heights(scene, found)
    steps = []
    for trial, after in zip(found, [*found[1:], None], strict=True):
        until = scene.spent if after is None else scene.spent_by[after.number]
        steps += [(scene.spent_by[trial.number], heights[trial.number]), (until, heights[trial.number])]
    points = " ".join(f"{WIDTH * spend / scene.spent:.1f},{height:.1f}" for spend, height in steps)
    label = html.escape(f"best {scene.metric} so far against {scene.spend_unit[0]}")
    line = f'<polyline points="{points}" fill="none" stroke="#0072b2" stroke-width="2"/>'
    box = f'width="{WIDTH}" height="{HEIGHT + 6}" viewBox="0 -3 {WIDTH} {HEIGHT + 6}"'
    return f'<div><svg {box} role="img" aria-label="{label}">{line}</svg><br><small>{label}</small></div>'


def _heights(scene: Scene, found: Sequence[Trial]) -> Mapping[int, float]:
    """Return how far below the top each trial's value lies, the best at the top, in pixels."""
    scores = {trial.number: scene.sign * (trial.value or 0.0) for trial in found}
    low, high = min(scores.values()), max(scores.values())
    return {number: HEIGHT * (high - score) / (high - low or 1.0) for number, score in scores.items()}
