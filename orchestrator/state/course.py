"""How a sweep goes: which trial was the last to get better, and what its present driver has brought to an end or lost.

Kept up record by record: whoever asks walks over no trial. What is told first here is what was written down first,
whatever a wall clock says.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import sign_of
from orchestrator.sweep.trial import Attempt, Outcome, Trial, TrialState


@dataclass(frozen=True, slots=True)
class LastImprovement:
    """The newest full training that was better than all before it."""

    trial: int
    """Its number."""
    stage: str
    """Its stage."""
    ended_since: int
    """Trials that ended after it."""
    full_since: int
    """Those of them that were trained to the end."""


class LostOn(NamedTuple):
    """Attempts that the present driver lost on one node: the node, or the process, died under them."""

    attempts: int
    """How many."""
    last_t: float
    """When the last of them was, seconds since the epoch."""


class KeptCourse(NamedTuple):
    """What a `Course` knows."""

    newest: tuple[int, str, float] | None
    """Number, stage and value of the trial that was the last to get better; None before one was trained to the end."""
    since: bytes
    """Numbers of the trials that ended since, as this machine lays numbers out."""
    full: int
    """How many of them were trained to the end."""
    ended: int
    """As `Course` has it."""
    began_t: float | None
    """Likewise."""
    fidelity_before: float
    """Likewise."""
    lost: dict[str, LostOn]
    """Likewise."""


class Course:
    """Filled by the fold alone."""

    def __init__(self, goal: Goal) -> None:
        self._sign = sign_of(goal)
        self._newest: tuple[int, str, float] | None = None
        self._since = array("i")
        self._full = 0
        self.ended = 0
        """Trials of the search that the present driver brought to an end."""
        self.began_t: float | None = None
        """When a worker took the first attempt under it, seconds since the epoch; None before."""
        self.fidelity_before = 0.0
        """Fidelity that was trained before it."""
        self.lost: dict[str, LostOn] = {}
        """What it lost, by node."""

    @property
    def last_improvement(self) -> LastImprovement | None:
        """The newest full training that was better than all before it; None before a trial was trained to the end."""
        if self._newest is None:
            return None
        number, stage, _ = self._newest
        return LastImprovement(number, stage, len(self._since), self._full)

    def begin(self, fidelity: float) -> None:
        """Take note that a driver begins, before which so much fidelity was trained."""
        self.ended, self.began_t, self.fidelity_before, self.lost = 0, None, fidelity, {}

    def take_place(self, t: float) -> None:
        """Take note that a worker took an attempt at `t`, seconds since the epoch."""
        self.began_t = t if self.began_t is None else self.began_t

    def take_end(self, attempt: Attempt) -> None:
        """Take note that an attempt ended."""
        if attempt.outcome in (Outcome.LOST, Outcome.PREEMPTED) and attempt.node:
            before = self.lost.get(attempt.node)
            count = 0 if before is None else before.attempts
            self.lost[attempt.node] = LostOn(count + 1, attempt.ended_t or 0.0)

    def take_ended(self, trial: Trial) -> None:
        """Take note of a trial whose last attempt ended, or that was over before it had another: where it is over."""
        if not has_ended(trial):
            return
        self.ended += 1
        is_full = trial.state is TrialState.COMPLETED
        value = trial.value if is_full and trial.max_fidelity is None and not trial.breaks else None
        if value is not None and (self._newest is None or self._sign * value > self._sign * self._newest[2]):
            self._newest, self._since, self._full = (trial.number, trial.stage, value), array("i"), 0
        elif self._newest is not None:
            self._since.append(trial.number)
            self._full += is_full

    def take_back(self, trial: Trial, since_t: float) -> None:
        """Take note that a trial is about to be opened again; the present driver began at `since_t`."""
        if not has_ended(trial):
            return
        if (trial.attempt.ended_t or 0.0) >= since_t:
            self.ended = max(0, self.ended - 1)
        if trial.number in self._since:
            self._since.remove(trial.number)
            self._full -= trial.state is TrialState.COMPLETED

    @property
    def kept(self) -> KeptCourse:
        """All that it knows, to be kept."""
        present = self.ended, self.began_t, self.fidelity_before, self.lost
        return KeptCourse(self._newest, self._since.tobytes(), self._full, *present)

    def go_on_from(self, kept: KeptCourse) -> None:
        """Begin with what was kept."""
        self._newest, since, self._full, self.ended, self.began_t, self.fidelity_before, self.lost = kept
        self._since = array("i", since)


def has_ended(trial: Trial) -> bool:
    """Say whether nothing follows for a trial that was begun."""
    return trial.state.is_final and bool(trial.attempts) and not trial.is_open
