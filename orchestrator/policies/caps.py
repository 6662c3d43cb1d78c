"""Which cap is reached: of the budget, which ends a sweep, its search, or a driver, or of one trial."""

from __future__ import annotations

import math

from orchestrator.policies.confirming import search_part
from orchestrator.state.fold import SweepState
from orchestrator.state.spend import seconds_per_fidelity, taken_s
from orchestrator.sweep.trial import Trial, TrialState

TRIAL_LIMIT = "limits.trial"
"""Why a trial ends that took too long (`AttemptEnded.cause`)."""
NEAR = 1e-9
"""Part of a cap within which what was spent is summed up attempt by attempt. Sums of a million floats err by less."""
SUMS_WALL = 2
"""Sweeps begun in this format or later have one wall time for all their drivers; in older ones each has its own."""


class Caps:
    """The caps of one sweep, as one driver meets them. Moments are by the clock that measures (`Event.clock_s`)."""

    def __init__(self, state: SweepState, driver_since_s: float) -> None:
        """Begin with a driver that began at `driver_since_s`."""
        self._state = state
        self._driver_since_s = driver_since_s

    def reached(self, now_s: float, *, by_replicate: bool = True) -> str | None:
        """Return the cap that is reached at `now_s`: wall, gpu_hours or cpu_hours; None below all of them.

        A driver that only measures the winner on the test set meets none: the budget is the search's. For what is no
        replicate a cap ends where the part begins that is kept back for confirming.
        """
        if self._state.is_testing:
            return None
        budget, part = self._state.plan.spec.budget, 1.0 if by_replicate else search_part(self._state)
        if budget.wall is not None and self._worked_s(now_s) >= budget.wall * part:
            return "wall"
        if budget.gpu_hours is None and budget.cpu_hours is None:
            return None
        gpus = math.inf if budget.gpu_hours is None else budget.gpu_hours * part  # asked at every report
        cpus = math.inf if budget.cpu_hours is None else budget.cpu_hours * part
        spend = self._state.spend_about(now_s)
        if spend is None or _is_near(spend.gpu_hours, gpus) or _is_near(spend.cpu_hours, cpus):
            spend = self._state.spend_at(now_s)  # to the last bit, as every writer of the log has compared it
        if spend.gpu_hours >= gpus:
            return "gpu_hours"
        return "cpu_hours" if spend.cpu_hours >= cpus else None

    def has_room(self, now_s: float) -> bool:
        """Say whether one more full training is expected to end below every cap; at first, two in turn."""
        state, budget, resources = self._state, self._state.plan.spec.budget, self._state.plan.spec.resources
        if budget.wall is None and budget.gpu_hours is None and budget.cpu_hours is None:
            return True
        attempts = [attempt for trial in state.everyone() for attempt in trial.attempts]
        each_s = (seconds_per_fidelity(attempts) or 0.0) * state.plan.spec.fidelity.max
        rounds = 1 if state.replicates else 2
        if budget.wall is not None and self._worked_s(now_s) + rounds * each_s > budget.wall:
            return False
        begun_s = [now_s - (now_s if (at := trial.attempt.placed_s) is None else at) for trial in state.open.values()]
        ahead = state.spend_at(now_s)
        ahead.charge(each_s + sum(max(0.0, each_s - begun) for begun in begun_s), resources)
        gpus, cpus = (float("inf") if cap is None else cap for cap in (budget.gpu_hours, budget.cpu_hours))
        return ahead.gpu_hours <= gpus and ahead.cpu_hours <= cpus

    def overdue(self, drains: str | None, now_s: float) -> list[tuple[Trial, str]]:
        """Return the trials whose attempts must be ended at `now_s`, each with its cause: a cap, or why it `drains`."""
        caps = {kind: self.reached(now_s, by_replicate=kind) for kind in (False, True)}
        found: list[tuple[Trial, str]] = []
        if drains is None and not any(caps.values()):
            return found
        for trial in self._state.open.values():
            cause = caps[trial.is_replicate] or (drains if trial.attempt.placed_t is None else None)
            if cause is not None and trial.state is TrialState.RUNNING:
                found.append((trial, cause))
        return found

    def _worked_s(self, now_s: float) -> float:
        past_s = self._state.past_drivers_s if is_used_up(self._state, "wall") else 0.0
        return now_s - self._driver_since_s + past_s


def _is_near(spent: float, cap: float) -> bool:
    """Say whether rounding may decide: `spend_about` rounds once, `spend_at` once for each open attempt."""
    return math.isclose(spent, cap, rel_tol=NEAR)


def is_overtime(state: SweepState, trial: Trial, now_s: float) -> bool:
    """Say whether a trial has taken what `limits.trial` allows, all its attempts together; `now_s` as above."""
    limit_s = state.plan.spec.limits.trial
    return limit_s is not None and taken_s(trial, now_s) >= limit_s


def is_used_up(state: SweepState, reason: str) -> bool:
    """Say whether a driver that left for this reason leaves nothing to the next: the cap on wall time is all drivers'.

    In sweeps begun in format 1 each driver has it anew.
    """
    return reason == "wall" and state.begun_format >= SUMS_WALL
