"""Stepladder: one YAML file becomes a staged hyperparameter sweep, and the winner comes out as JSON.

What stands in `__all__` is for everybody: a sweep in Python (`Sweep` and the domains of its search space), what is read
back (`read_sweep`), what members of the open sets derive from, and the errors. Each name is imported when it is asked
for, so that importing the package costs nothing. The rest is reached through the command `stepladder`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.driver import Ending
    from orchestrator.errors import (
        ClusterError,
        ClusterLostError,
        FolderLostError,
        InfeasibleError,
        JournalDamagedError,
        LeaseHeldError,
        LeaseLostError,
        SpecChangedError,
        SpecError,
        StepladderError,
        StorageAwayError,
        StorageError,
        SweepExistsError,
        SweepNotFoundError,
        UsageError,
    )
    from orchestrator.ladders import Asking, Ladder, Proposal
    from orchestrator.launchers import Job, JobState, JobStatus, Launch, Launcher, Submission
    from orchestrator.notebook import Sweep, read_sweep
    from orchestrator.results.sinks import Sink
    from orchestrator.rules import Rule, Subject, rule
    from orchestrator.schedulers import Scheduler
    from orchestrator.searchers import Guidance, ProposalRequest, Searcher
    from orchestrator.state.fold import SweepState
    from orchestrator.sweep.domains import Choice, Constant, Float, Int
    from orchestrator.sweep.judgement import Judgement
    from orchestrator.sweep.plan import Bracket, Plan, StagePlan
    from orchestrator.sweep.space import Space
    from orchestrator.sweep.spec import Fidelity, SweepSpec
    from orchestrator.sweep.trial import Attempt, Trial, TrialState

__version__ = "0.1.0"
__all__ = [
    "Asking",
    "Attempt",
    "Bracket",
    "Choice",
    "ClusterError",
    "ClusterLostError",
    "Constant",
    "Ending",
    "Fidelity",
    "Float",
    "FolderLostError",
    "Guidance",
    "InfeasibleError",
    "Int",
    "Job",
    "JobState",
    "JobStatus",
    "JournalDamagedError",
    "Judgement",
    "Ladder",
    "Launch",
    "Launcher",
    "LeaseHeldError",
    "LeaseLostError",
    "Plan",
    "Proposal",
    "ProposalRequest",
    "Rule",
    "Scheduler",
    "Searcher",
    "Sink",
    "Space",
    "SpecChangedError",
    "SpecError",
    "StagePlan",
    "StepladderError",
    "StorageAwayError",
    "StorageError",
    "Subject",
    "Submission",
    "Sweep",
    "SweepExistsError",
    "SweepNotFoundError",
    "SweepSpec",
    "SweepState",
    "Trial",
    "TrialState",
    "UsageError",
    "__version__",
    "read_sweep",
    "rule",
]

_HOMES = {
    "state.fold": ("SweepState",),
    "driver": ("Ending",),
    "errors": (
        "ClusterError", "ClusterLostError", "FolderLostError", "InfeasibleError", "JournalDamagedError",
        "LeaseHeldError", "LeaseLostError", "SpecChangedError", "SpecError", "StepladderError", "StorageAwayError",
        "StorageError", "SweepExistsError", "SweepNotFoundError", "UsageError",
    ),
    "ladders": ("Asking", "Ladder", "Proposal"),
    "launchers": ("Job", "JobState", "JobStatus", "Launch", "Launcher", "Submission"),
    "notebook": ("Sweep", "read_sweep"),
    "results.sinks": ("Sink",),
    "rules": ("Rule", "Subject", "rule"),
    "schedulers": ("Scheduler",),
    "searchers": ("Guidance", "ProposalRequest", "Searcher"),
    "sweep.domains": ("Choice", "Constant", "Float", "Int"),
    "sweep.judgement": ("Judgement",),
    "sweep.plan": ("Bracket", "Plan", "StagePlan"),
    "sweep.space": ("Space",),
    "sweep.spec": ("Fidelity", "SweepSpec"),
    "sweep.trial": ("Attempt", "Trial", "TrialState"),
}  # fmt: skip
"""Where each public name is made."""
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
