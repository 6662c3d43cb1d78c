"""An attempt as its host sees it, between its start and its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from orchestrator.control.answers import AttemptTold, HeldPlace, ResumeTrial, StartTrial
from orchestrator.ray.worker.ending import WorkerProcess
from orchestrator.ray.worker.reports import WorkerReport
from orchestrator.ray.worker.trainable import TRIAL_KEY
from orchestrator.storage.location import Location
from orchestrator.sweep.trial import Outcome


@dataclass(slots=True)
class LiveAttempt:
    """An attempt between its start and its end."""

    key: str
    """`<trial id>.<attempt>`: Tune's id of it, and the name of its folder."""
    trial: int
    """Number of the trial."""
    attempt: int
    """Number of the attempt."""
    config: dict[str, Any]
    """What the worker gets: the hyperparameters, and under `_trial` what is known of the trial."""
    since: float
    """When it was started, monotonic seconds."""
    reserved_at: float | None = None
    """Since when its place is held, or has been free for it, monotonic seconds; None where that is not known."""
    is_placed: bool = False
    """Whether a worker took it."""
    has_entered: bool = False
    """Whether its training function is known to have been entered."""
    was_told_to_stop: bool = False
    """Whether a report of it was answered with STOP."""
    processes: tuple[WorkerProcess, ...] = ()
    """The processes that run it; empty before a worker took it."""
    was_killed: bool = False
    """Whether its worker was ended because it was overdue."""
    fault: tuple[Outcome, str] | None = None
    """What it is ended for, and its text; None while it is not."""
    told: AttemptTold = field(default_factory=AttemptTold)
    """What is known of it beside its reports and its end."""
    ended_at: float | None = None
    """When its end was recorded, monotonic seconds; None before."""
    freed_at: float | None = None
    """When its place was given back, monotonic seconds; None before, and where its worker is used again."""

    def take_unread(self, names: Iterable[str]) -> None:
        """Keep what a training that returned says that it never read."""
        self.told = self.told._replace(unread=tuple(names))

    def take_use(self, report: WorkerReport) -> None:
        """Keep what its GPUs were used for so far, and what its checkpoints took, as its newest report says."""
        if (use := report.gpu_use) is not None:
            self.told = self.told._replace(gpu_memory_bytes=use.memory_bytes, gpu_busy_percent=use.busy_percent)
        if report.checkpoints_s is not None:
            self.told = self.told._replace(checkpoints_s=report.checkpoints_s)

    def end(self, now: float) -> list[HeldPlace]:
        """Take note of its end; returns what its place is to be paid for beside what it is charged, once known."""
        self.ended_at = now
        return self._beside()

    def free(self, now: float) -> list[HeldPlace]:
        """Take note that its place was given back; returns the same."""
        self.freed_at = now
        return self._beside()

    def _beside(self) -> list[HeldPlace]:
        """Return the seconds after its end, or less than none where that was recorded later than its place was free.

        One that no worker took is charged nothing: all that its place was held for is paid beside it.
        """
        if self.ended_at is None or self.freed_at is None or self.reserved_at is None:
            return []
        if not self.is_placed:
            return [HeldPlace(self.freed_at - self.reserved_at)]
        return [HeldPlace(self.freed_at - self.ended_at, self.trial, self.attempt)]


def sent(step: StartTrial | ResumeTrial, folder: Location) -> dict[str, Any]:
    """Return what the worker of an attempt is sent: the hyperparameters, and under `_trial` what is known of the trial.

    `folder` is the sweep's.
    """
    trial = {
        "trial_id": step.trial_id,
        "number": step.trial,
        "attempt": step.attempt,
        "seed": step.seed,
        "max_fidelity": step.max_fidelity,
        "rungs": list(step.rungs),
        "checkpoint": step.checkpoint,
        "from_fidelity": step.from_fidelity if isinstance(step, ResumeTrial) else 0.0,
        "from_iteration": step.from_iteration,
        "sweep_folder": str(folder),
        "purpose": step.purpose,
    }
    return {**step.config, TRIAL_KEY: trial}
