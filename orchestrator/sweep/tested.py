"""The winner on the test set: a run that measures it once, kept apart from everything that chooses.

A score on validation data was chosen for being high; what the test set says was not, as long as nothing was chosen by
it. So the test set's metric never leaves a worker (`orchestrator.ray.worker.firewall`) but from such a run, and each
look at it is on the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, Strict

from orchestrator.sweep.record import Record
from orchestrator.sweep.trial import Trial, TrialState


class HeldOut(Record):
    """What only `stepladder test` may see."""

    metric: Annotated[str, Strict()] = Field(min_length=1)
    """Key of the number that the training function reports of the test set."""


@dataclass(slots=True)
class WinnerTest:
    """One look at the test set. Changed by the fold alone."""

    run: Trial
    """The training that looks; numbered from `FIRST_TEST` on, it repeats the trial that had won (`replicates`)."""
    begun_t: float
    """When it was decided on, seconds since the epoch."""
    reason: str | None
    """Why the test set was used again; None for the first look."""
    value: float | None = None
    """What it measured, finite or not; None before that."""
    measured_t: float | None = None
    """When that was recorded, seconds since the epoch; None before that."""

    @property
    def of(self) -> int:
        """Number of the trial that had won."""
        assert self.run.replicates is not None
        return self.run.replicates

    @property
    def is_due(self) -> bool:
        """Say whether it has still to be run, or to be run again because its machine or its driver was lost."""
        return self.value is None and self.run.state is TrialState.INTERRUPTED


def measured(tests: Sequence[WinnerTest]) -> list[WinnerTest]:
    """Return the looks that measured something, the first one first."""
    return [test for test in tests if test.value is not None]
