"""What the pictures of one page have in common: who is drawn, in which colours, on which axis of values.

A value at a rung and one of a full training are two different things: drawn on one axis they would mislead. So the axis
of values is for full trainings alone. Below it lies a row for each rung at which trials were stopped, and one for those
that diverged or failed. Better is up, also where the objective falls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

from orchestrator import wording
from orchestrator.sweep.domains import Constant, Hyperparameter
from orchestrator.sweep.standing import has_ended_badly, ranked, sign_of
from orchestrator.sweep.trial import Attempt, Trial, TrialState
from orchestrator.views.page.scale import label_width, plain, round_ticks, thinned

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState

Figure: TypeAlias = dict[str, Any]
"""A picture as plain data, `{"data": [traces], "layout": {...}}`, in the words of plotly.js. Text that begins with
`var(--` names a colour of the page, which is another one in the dark."""

FOREGROUND, MUTED, BAD, STAR = "var(--fg)", "var(--muted)", "var(--bad)", "var(--star)"
LEGEND_BELOW = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"}
"""A legend below its picture, however many lines it takes."""
ROOM_ONLY = "room"
"""Name of a note that is left out where a picture is narrow, as on a telephone."""
COLOURS = 8
"""How many stages have a colour of their own: `var(--c0)` to `var(--c7)`, those of Okabe and Ito."""
MOST_DRAWN = 1000
"""Trials that one picture draws: the best third, the baseline, the winner, and a sample of the others."""
MOST_IN_ALL = 5000
"""Trials that the pictures of all hyperparameters draw together: each point is work for a browser."""
LEAST_DRAWN = 200
"""Trials that the picture of one hyperparameter draws even so."""
MOST_ROWS = 4
"""Rows for rungs below an axis of values; where there are more rungs, neighbours share one."""
BAD_ROW = "diverged, failed"
"""Name of the lowest row."""
WORST_SHOWN = 0.06
"""Part of the full trainings that may lie below the axis of values, where a triangle says so."""


@dataclass(frozen=True)
class ValueAxis:
    """The axis of values, best at the top, and the rows below it."""

    sign: float
    """What values are multiplied by so that the greater is the better."""
    low: float
    """The worst value shown, times the sign."""
    high: float
    """The best value shown, with some room, times the sign."""
    rows: tuple[str, ...]
    """Names of the rows, from the top."""

    def clip(self, value: float) -> float:
        """Return where a value is drawn: at the lower end of the axis where it is worse than that."""
        return self.sign * max(self.low, self.sign * value)

    def is_below(self, value: float) -> bool:
        """Say whether a value is worse than the axis reaches."""
        return self.sign * value < self.low

    def row(self, name: str) -> float:
        """Return where a row lies."""
        return self.sign * (self.low - (self.high - self.low) * (0.09 + 0.075 * self.rows.index(name)))

    @property
    def ends(self) -> list[float]:
        """Where the axis ends, below the last row, and begins."""
        depth = 0.07 + 0.075 * len(self.rows) if self.rows else 0.0
        return [self.sign * (self.low - (self.high - self.low) * depth), self.sign * self.high]

    def layout(self) -> dict[str, Any]:
        """Return the axis with ticks at round values and at the rows."""
        values = [self.sign * tick for tick in round_ticks(self.low, self.high)]
        rows = {name: self.row(name) for name in self.rows}
        return {
            "range": self.ends,
            "tickvals": [*values, *rows.values()],
            "ticktext": [*(f"{value:.5g}" for value in values), *rows],
        }

    @property
    def width(self) -> int:
        """How many pixels its labels take. Margins that plotly.js finds out itself have everything drawn twice."""
        return label_width([*(f"{value:.5g}" for value in round_ticks(self.low, self.high)), *self.rows])


@dataclass(frozen=True)
class Scene:
    """A sweep, as the pictures of its page see it."""

    state: SweepState
    """Everything known about the sweep."""
    now_t: float
    """What the page shows as the present, seconds since the epoch: of a sweep that does not run, its newest record."""
    is_shared: bool = False
    """Whether the page goes to strangers: hosts, paths and commands are left out."""

    @cached_property
    def sign(self) -> float:
        """What values are multiplied by so that the greater is the better."""
        return sign_of(self.state.plan.goal)

    @property
    def metric(self) -> str:
        """Key of the objective."""
        return self.state.plan.spec.objective.metric

    @property
    def unit(self) -> str:
        """What fidelity counts."""
        return self.state.plan.spec.fidelity.unit

    @cached_property
    def winner(self) -> Trial | None:
        """The winner; None while no trial leads."""
        return self.state.winner()

    @cached_property
    def baseline(self) -> Trial | None:
        """Trial 0 where it has a value; None without."""
        found = self.state.baseline
        return found if found is not None and found.value is not None else None

    @cached_property
    def ranked(self) -> list[Trial]:
        """The trials that lead anything, the winner first."""
        return self.state.ranked()

    @cached_property
    def space(self) -> dict[str, Hyperparameter]:
        """The hyperparameters that are tuned, by tier, then by name."""
        tuned = {name: d for name, d in self.state.plan.space.items() if not isinstance(d, Constant)}
        return dict(sorted(tuned.items(), key=lambda entry: (entry[1].tier, entry[0])))

    @cached_property
    def stages(self) -> list[str]:
        """Names of the stages, as trials have them, in order."""
        return list(dict.fromkeys([*(s.name for s in self.state.plan.stages), *(t.stage for t in self.state.trials)]))

    def colour(self, stage: str) -> str:
        """Return the colour of a stage."""
        return f"var(--c{self.stages.index(stage) % COLOURS})"

    @cached_property
    def rungs(self) -> list[float]:
        """Every fidelity at which trials are compared, ascending, all below the full training."""
        return sorted({rung for bracket in self.state.plan.brackets for rung in bracket.rungs})

    @cached_property
    def row_rungs(self) -> list[float]:
        """The rungs that have a row of their own."""
        return thinned(self.rungs, MOST_ROWS)

    @cached_property
    def values(self) -> ValueAxis:
        """The axis of values."""
        full = [self.sign * t.value for t in self.state.trials if is_full(t) and t.value is not None]
        full.sort()
        low, high = (full[int(len(full) * WORST_SHOWN)], full[-1]) if full else (0.0, 1.0)
        if full and self.baseline is not None and is_full(self.baseline) and self.baseline.value is not None:
            low = min(low, self.sign * self.baseline.value)
        pad = (high - low or abs(high) or 1.0) * 0.08
        rows = [self.row_name(rung) for rung in reversed(self.row_rungs)] if self._has_stopped else []
        return ValueAxis(self.sign, low - pad, high + 1.6 * pad, (*rows, *([BAD_ROW] if self._has_bad else [])))

    @property
    def value_title(self) -> str:
        """Title of the axis of values."""
        return f"{plain(self.metric)} (better is up)" if self.sign < 0 else plain(self.metric)

    @cached_property
    def _has_stopped(self) -> bool:
        return any(t.state is TrialState.PRUNED for t in self.state.trials)

    @cached_property
    def _has_bad(self) -> bool:
        return any(has_ended_badly(t) for t in self.state.trials)

    def row_name(self, rung: float) -> str:
        """Return the name of the row of trials that were stopped at a rung."""
        return f"stopped {'at' if len(self.row_rungs) == len(self.rungs) else 'from'} {rung:g}"

    def height(self, trial: Trial) -> float | None:
        """Return where a trial is drawn on the axis of values or below it; None for one that is not drawn."""
        if has_ended_badly(trial):
            return self.values.row(BAD_ROW)
        if trial.state is TrialState.PRUNED:
            passed = [rung for rung in self.row_rungs if rung <= trial.fidelity] or self.row_rungs[:1]
            return self.values.row(self.row_name(passed[-1])) if passed else None
        return self.values.clip(trial.value) if is_full(trial) and trial.value is not None else None

    @cached_property
    def drawn(self) -> list[Trial]:
        """The trials that are drawn, by number."""
        return self.sample(self.state.trials, MOST_DRAWN)

    @cached_property
    def drawn_each(self) -> list[Trial]:
        """The trials that are drawn once for each hyperparameter, by number: fewer where there are many of those."""
        most = MOST_IN_ALL // max(1, len(self.space))
        return self.sample(self.state.trials, max(LEAST_DRAWN, min(MOST_DRAWN, most)))

    def sample(self, trials: Sequence[Trial], most: int) -> list[Trial]:
        """Return at most so many of the trials: the best third, baseline, winner, and some others by lot, by number."""
        if len(trials) <= most:
            return list(trials)
        among = {trial.number for trial in trials}
        best = [trial.number for trial in ranked(self.state.plan.goal, trials)[: most // 3]]
        named = {trial.number for trial in (self.baseline, self.winner) if trial is not None}
        kept = (named | set(best)) & among
        others = [trial.number for trial in trials if trial.number not in kept]
        kept |= set(Random(0).sample(others, min(len(others), most - len(kept))))
        return [trial for trial in trials if trial.number in kept]

    @cached_property
    def spend_unit(self) -> tuple[str, float]:
        """What spend is counted in, and how much of it one second of a trial is."""
        resources = self.state.plan.spec.resources
        if resources.gpus:
            return "GPU-hours", resources.gpus / 3600
        return "CPU-hours", resources.cpus / 3600

    @cached_property
    def spent_by(self) -> dict[int, float]:
        """What all attempts together had cost when a trial's newest one ended, by trial; open ones at their end."""
        rate, found, total = self.spend_unit[1], dict[int, float](), 0.0
        attempts = [(a.ended_t or self.now_t, t.number, a) for t in self.state.everyone() for a in t.attempts]
        for _, number, attempt in sorted(attempts, key=lambda entry: entry[:2]):
            total += self.taken_s(attempt) * rate
            found[number] = total
        return found

    @cached_property
    def spent(self) -> float:
        """What all attempts have cost so far."""
        return max(self.spent_by.values(), default=0.0)

    def taken_s(self, attempt: Attempt) -> float:
        """Return for how long an attempt had a worker, so far, in seconds."""
        if attempt.ended_t is not None:
            return attempt.charged_s
        return 0.0 if attempt.placed_t is None else max(0.0, self.now_t - attempt.placed_t)

    def hover(self, trial: Trial) -> str:
        """Return what a pointer on a trial is told."""
        value = f"{self.metric} {wording.number(trial.value)} at {self.unit} {trial.fidelity:g}"
        return plain(f"trial {trial.number}, {trial.stage}, {trial.move}: {trial.state}; {value}")


def is_full(trial: Trial) -> bool:
    """Say whether a trial's value is that of a full training."""
    return trial.state is TrialState.COMPLETED and trial.max_fidelity is None


def points(
    x: Iterable[object], y: Iterable[object], text: Iterable[str], marker: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Return a trace of single points, each with what a pointer on it is told."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "text": list(text),
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker,
        **more,
    }
