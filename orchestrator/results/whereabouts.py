"""Where a sweep is at work, which nodes were lost under it, and how long it will take: from its log alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.policies.confirming import search_trials
from orchestrator.sweep.trial import Attempt

if TYPE_CHECKING:
    from orchestrator.state.course import LostOn
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
    at_work = {trial.number: trial.attempt for trial in state.open.values() if trial.attempt.node}
    names = sorted({attempt.node or "" for attempt in at_work.values()} | state.course.lost.keys())
    return Whereabouts(tuple(_use(name, at_work, state.course.lost.get(name)) for name in names), *_pace(state, now))


def _use(name: str, at_work: dict[int, Attempt], lost: LostOn | None) -> NodeUse:
    here = {number: attempt for number, attempt in at_work.items() if attempt.node == name}
    gpus = {gpu for attempt in here.values() for gpu in (attempt.gpu_ids or "").split(",") if gpu}
    died = (0, None) if lost is None else lost
    return NodeUse(name, tuple(sorted(here)), tuple(sorted(gpus, key=_by_number)), *died)


def _by_number(gpu: str) -> tuple[int, str]:
    return (int(gpu) if gpu.isdecimal() else 0, gpu)


def _pace(state: SweepState, now: float) -> tuple[float | None, float | None, float | None]:
    """Return the seconds that are left, and the trials and the fidelity of an hour."""
    own, began = state.course.ended, state.course.began_t  # waiting for a place is no pace
    if own < LEAST_ENDED or began is None or now <= began:
        return None, None, None
    over = sum(count for found, count in state.counts().items() if found.is_final)
    rest, hours = search_trials(state) - over, (now - began) / 3600
    trained = state.spend.fidelity - state.course.fidelity_before
    return rest * (now - began) / own if rest > 0 else None, own / hours, trained / hours
