"""What every attempt of a sweep shares, told to its workers: what is trained, and which of its metrics count."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.ray.worker.firewall import Firewall
from orchestrator.ray.worker.given import TrialInfo
from orchestrator.ray.worker.reports import FidelityCounter
from orchestrator.ray.worker.trainable import Trainable
from orchestrator.sweep.event import FORMAT
from orchestrator.sweep.recordable import COUNTED

REPORT_KEY = "_report"
"""Where a result carries its `WorkerReport`."""
OUTSIDE_KEY = "_outside"
"""Where an attempt's first result carries what was imported from outside the sweep's code: pairs of path and hash,
since Tune takes mappings apart."""
UNREAD_KEY = "_unread"
"""Where the end of a training says which hyperparameters it never read (see `never_read`)."""
REFUSING_TRIALS = 3
"""A fidelity that begins again fails this many of a sweep's first trials; later ones are told of."""


@dataclass(frozen=True, slots=True)
class Gang:
    """How the processes of one trial lie on nodes, where there are several."""

    nodes: int
    """Nodes of a trial."""
    per_node: int
    """Processes on each of them."""
    cpus: int
    """Whole CPUs of a process."""
    gpus: int
    """GPUs of a process."""

    @property
    def size(self) -> int:
        """Processes in all."""
        return self.nodes * self.per_node


@dataclass(frozen=True, slots=True)
class Assignment:
    """What every attempt of a sweep shares."""

    trainable: Trainable
    """The user's function or program."""
    objective: str
    """Key that every report must hold."""
    fidelity: str | None
    """Key that says how far the training is; None: it has one final score."""
    teardown_s: float
    """How long a stopped training may take to end."""
    gang: Gang | None = None
    """The processes that run the function together; None: one, the trial's own worker."""
    hyperparameters: tuple[str, ...] = ()
    """Keys of the configurations, those that do not always apply among them."""
    is_nested: bool = True
    """Whether names with dots are nested in a configuration."""
    seeding: bool = False
    """Whether what a training draws from is seeded before it is called."""
    workdir: str = "attempt"
    """Where the function runs (`SweepSpec.workdir`)."""
    test: str | None = None
    """Key of what is measured on the test set, which stays in the worker but in a test; None: nothing is."""
    length: str | None = None
    """In a test, whose one score has no fidelity: key that says how far the training is; None: nothing does."""
    begun_format: int = FORMAT
    """Format of the log that the sweep was begun in: in one of format 1, STEPLADDER_CONFIG holds `_trial` beside the
    hyperparameters, and a fidelity may begin again."""

    def for_purpose(self, trial: TrialInfo) -> tuple[Assignment, Firewall]:
        """Return it as it is for one trial, and the wall around what that says.

        A test has one final score, the test set's metric, in place of the objective.
        """
        if trial.purpose != "test" or self.test is None:
            return self, Firewall(self.test)
        tested = replace(self, objective=self.test, fidelity=None, length=self.fidelity)
        return tested, Firewall(self.test, is_test=True)


def counter_of(assignment: Assignment, trial: TrialInfo) -> FidelityCounter:
    """Return what follows the fidelity of an attempt of the trial."""
    refuses = trial.number < REFUSING_TRIALS and assignment.begun_format > 1
    counts = assignment.begun_format > 1 or assignment.fidelity == COUNTED
    return FidelityCounter(assignment.fidelity, trial.from_iteration, counts=counts, refuses=refuses)
