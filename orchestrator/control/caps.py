"""Which cap of the budget is reached: what ends a sweep, or a driver, although there is work left."""

from __future__ import annotations

from orchestrator.control.fold import SweepState


def reached_cap(state: SweepState, now: float, driver_since: float) -> str | None:
    """Return the cap that is reached at `now`: wall, gpu_hours or cpu_hours; None below all of them.

    `now` and `driver_since`, when this driver began, are seconds since the epoch; `wall` counts from the latter.
    """
    budget = state.plan.spec.budget
    if budget.wall is not None and now - driver_since >= budget.wall:
        return "wall"
    if budget.gpu_hours is None and budget.cpu_hours is None:
        return None
    spend = state.spend_at(now)
    if budget.gpu_hours is not None and spend.gpu_hours >= budget.gpu_hours:
        return "gpu_hours"
    return "cpu_hours" if budget.cpu_hours is not None and spend.cpu_hours >= budget.cpu_hours else None
