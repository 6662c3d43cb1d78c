"""Which cap is reached: of the budget, which ends a sweep or a driver although work is left, or of one trial."""

from __future__ import annotations

from orchestrator.control.fold import SweepState
from orchestrator.control.spend import taken_s
from orchestrator.sweep.trial import Trial

TRIAL_LIMIT = "limits.trial"
"""Why a trial ends that took too long (`AttemptEnded.cause`)."""
SUMS_WALL = 2
"""Sweeps begun in this format or later have one wall time for all their drivers; in older ones each has its own."""


def reached_cap(state: SweepState, now_s: float, driver_since_s: float) -> str | None:
    """Return the cap that is reached at `now_s`: wall, gpu_hours or cpu_hours; None below all of them.

    `now_s` and `driver_since_s`, when this driver began, are by the clock that measures (`Event.clock_s`).
    """
    budget = state.plan.spec.budget
    worked_s = now_s - driver_since_s + (state.past_drivers_s if is_used_up(state, "wall") else 0.0)
    if budget.wall is not None and worked_s >= budget.wall:
        return "wall"
    if budget.gpu_hours is None and budget.cpu_hours is None:
        return None
    spend = state.spend_at(now_s)
    if budget.gpu_hours is not None and spend.gpu_hours >= budget.gpu_hours:
        return "gpu_hours"
    return "cpu_hours" if budget.cpu_hours is not None and spend.cpu_hours >= budget.cpu_hours else None


def is_overtime(state: SweepState, trial: Trial, now_s: float) -> bool:
    """Say whether a trial has taken what `limits.trial` allows, all its attempts together; `now_s` as above."""
    limit_s = state.plan.spec.limits.trial
    return limit_s is not None and taken_s(trial, now_s) >= limit_s


def is_used_up(state: SweepState, reason: str) -> bool:
    """Say whether a driver that left for this reason leaves nothing to the next: the cap on wall time is all drivers'.

    In sweeps begun in format 1 each driver has it anew.
    """
    return reason == "wall" and state.begun_format >= SUMS_WALL
