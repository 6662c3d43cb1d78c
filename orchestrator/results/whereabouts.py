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
    """Estimate of the seconds to the end of its search; None before some trials ended under its driver, or after it."""
    trials_per_h: float | None = None
    """Trials that its driver brings to an end in an hour; None before some did."""
    fidelity_per_h: float | None = None
    """Fidelity that is trained under its driver in an hour, epochs as a rule; None likewise."""


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
    return Whereabouts(tuple(_use(name, at_work, lost) for name in names), *_pace(state, since, now))


def _use(name: str, at_work: dict[int, Attempt], lost: list[Attempt]) -> NodeUse:
    here = {number: attempt for number, attempt in at_work.items() if attempt.node == name}
    gpus = {gpu for attempt in here.values() for gpu in (attempt.gpu_ids or "").split(",") if gpu}
    died = [attempt.ended_t for attempt in lost if attempt.node == name and attempt.ended_t is not None]
    return NodeUse(name, tuple(sorted(here)), tuple(sorted(gpus, key=_by_number)), len(died), max(died, default=None))


def _by_number(gpu: str) -> tuple[int, str]:
    return (int(gpu) if gpu.isdecimal() else 0, gpu)


def _pace(state: SweepState, since: float, now: float) -> tuple[float | None, float | None, float | None]:
    """Return the seconds that are left, and the trials and the fidelity of an hour."""
    over = [trial for trial in state.trials if trial.state.is_final]
    own = sum(1 for trial in over if trial.attempts and (trial.attempt.ended_t or 0.0) >= since)
    tried = (attempt for trial in state.everyone() for attempt in trial.attempts)
    placed = [attempt for attempt in tried if attempt.placed_t is not None and attempt.placed_t >= since]
    began = min((attempt.placed_t or now for attempt in placed), default=now)  # waiting for a place is no pace
    if own < LEAST_ENDED or now <= began:
        return None, None, None
    trained = sum(max(0.0, attempt.fidelity - attempt.resumed_from) for attempt in placed)
    rest, hours = search_trials(state) - len(over), (now - began) / 3600
    return rest * (now - began) / own if rest > 0 else None, own / hours, trained / hours
