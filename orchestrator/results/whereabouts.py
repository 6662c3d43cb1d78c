"""Where a sweep is at work, which nodes were lost under it, and how long it will take: from its log alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.policies.confirming import search_trials
from orchestrator.sweep.trial import Attempt, Outcome

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState

LEAST_ENDED = 3
"""Trials that the present driver must have brought to an end before the rest is estimated."""


@dataclass(frozen=True, slots=True)
class NodeUse:
    """What a sweep has of one node."""

    node: str
    """Host, as its attempts name it."""
    trials: tuple[int, ...]
    """Trials at work there now."""
    gpus: tuple[str, ...]
    """Ids of the GPUs that they hold there."""
    lost: int
    """Attempts that the present driver lost there: the node, or the process, died under them."""
    lost_t: float | None
    """When the last of them was, seconds since the epoch; None without one."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a sweep that is driven is at work."""

    nodes: tuple[NodeUse, ...] = ()
    """By name; of several nodes that share a host's name nothing tells them apart."""
    left_s: float | None = None
    """Estimate of the seconds to its end; None before some trials ended under its driver."""


def whereabouts(state: SweepState, now: float) -> Whereabouts:
    """Tell of a sweep that is driven at `now`, seconds since the epoch."""
    since = state.sessions[-1].t if state.sessions else state.started_t
    at_work = {trial.number: trial.attempt for trial in state.open.values() if trial.attempt.node}
    lost = [
        attempt
        for trial in state.everyone()
        for attempt in trial.attempts
        if attempt.outcome in (Outcome.LOST, Outcome.PREEMPTED) and attempt.node and (attempt.ended_t or 0.0) >= since
    ]
    names = sorted({attempt.node or "" for attempt in (*at_work.values(), *lost)})
    return Whereabouts(tuple(_use(name, at_work, lost) for name in names), _left_s(state, since, now))


def _use(name: str, at_work: dict[int, Attempt], lost: list[Attempt]) -> NodeUse:
    here = {number: attempt for number, attempt in at_work.items() if attempt.node == name}
    gpus = {gpu for attempt in here.values() for gpu in (attempt.gpu_ids or "").split(",") if gpu}
    died = [attempt.ended_t for attempt in lost if attempt.node == name and attempt.ended_t is not None]
    return NodeUse(name, tuple(sorted(here)), tuple(sorted(gpus, key=_by_number)), len(died), max(died, default=None))


def _by_number(gpu: str) -> tuple[int, str]:
    return (int(gpu) if gpu.isdecimal() else 0, gpu)


def _left_s(state: SweepState, since: float, now: float) -> float | None:
    over = [trial for trial in state.trials if trial.state.is_final]
    own = sum(1 for trial in over if trial.attempts and (trial.attempt.ended_t or 0.0) >= since)
    placed = (attempt.placed_t for trial in state.everyone() for attempt in trial.attempts if attempt.placed_t)
    began = min((t for t in placed if t >= since), default=now)  # waiting for the first place says nothing of the pace
    if own < LEAST_ENDED or now <= began:
        return None
    return max(0, search_trials(state) - len(over)) * (now - began) / own
