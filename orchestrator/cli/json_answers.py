"""What each command answers with `--json`, as types; the JSON Schemas in `orchestrator/schemas/` are made from these.

    json_schema_for("status")       as the file status.json has it

A key that is added is no break for whoever reads; one that goes, or that means something else, is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from orchestrator.benchmarks.playing import PlayedSweep
from orchestrator.planning.estimate import Estimate, StageEstimate
from orchestrator.project.clearing import Cleared
from orchestrator.project.first_word import WordState
from orchestrator.ray.preflight.findings import Finding
from orchestrator.results.audit import Audit
from orchestrator.results.summary import Summary
from orchestrator.results.tested import WinnerOnTestSet
from orchestrator.results.time_use import SweepTime
from orchestrator.state.attempt_time import AttemptsTime
from orchestrator.sweep import trial
from orchestrator.sweep.spec import Goal
from orchestrator.sweepfile.schema import Schema
from orchestrator.views.comparison import ComparedSweep
from orchestrator.views.jobs import ListedSweep
from orchestrator.views.json_best import Best
from orchestrator.views.json_shapes import json_schema_of
from orchestrator.views.status import Status


class SentJobDocument(TypedDict):
    """The job of a sweep that was sent off."""

    job: str
    """What the cluster calls it."""
    target: str
    """Which cluster; empty: the background of this machine."""
    state: str
    """How it stands, as the cluster says."""
    text: str
    """One line on that."""


@dataclass(frozen=True, kw_only=True)
class StatusDocument(Status):
    """Where a sweep stands."""

    job: SentJobDocument | None
    """The job by which it was sent off; None where it was not."""


class UnseenStatus(TypedDict):
    """Where a sweep stands whose log nobody can see from here."""

    job: SentJobDocument
    """The job by which it was sent off."""


class PlanObjective(TypedDict):
    """What is optimised."""

    metric: str
    """Key of the reports."""
    goal: Goal
    """maximize or minimize."""


class PlanDocument(TypedDict):
    """What a sweep would do and cost."""

    sweep_id: str
    """`<name>-<hash>`."""
    objective: PlanObjective
    """What is optimised."""
    fidelity: dict[str, Any]
    """The key `fidelity` of the sweep file, whole."""
    trials: int
    """Trials of the budget."""
    seconds_per_fidelity: float | None
    """What one unit of fidelity takes; None where nobody knows yet."""
    baseline: dict[str, Any]
    """The configuration of trial 0: every default."""
    estimate: Estimate
    """What it comes to."""
    plan: dict[str, Any]
    """The plan, as plan.json will hold it."""


class LintRemark(TypedDict):
    """What is known to go wrong with what a file asks for."""

    rule: str
    """Which rule remarks on it; the key under which `ignore` names it."""
    severity: str
    """warning or note."""
    place: str
    """File and line."""
    key: str
    """Path of the key."""
    seen: str
    """What is there."""
    reason: str
    """Why that goes wrong."""
    source: str
    """Where that is from."""
    fix: str
    """What to do."""


class CheckDocument(TypedDict):
    """What a sweep file says, what is known to go wrong with it, and what trying it showed."""

    sweep: str
    """The sweep's id."""
    supplied: dict[str, dict[str, Any]]
    """By hyperparameter and key what stands for what the file does not write: `value`, and `from` where."""
    remarks: list[LintRemark]
    """What is known to go wrong."""
    preflight: list[Finding]
    """What was tried; empty where nothing was."""


class RehearsalDocument(TypedDict):
    """What a sweep file finds on one benchmark."""

    benchmark: str
    """Its name."""
    workers: int
    """Trials at once."""
    default_regret: float
    """Regret of the defaults: 0 is the best configuration there is, 100 the median one."""
    sweeps: list[PlayedSweep]
    """The file's sweep, one for each seed."""
    random: list[PlayedSweep]
    """Random searches that trained as much."""


class FirstWordDocument(TypedDict):
    """What was first heard of the driver of a sweep that was sent off."""

    state: WordState
    """Whether it is at work, or what keeps it."""
    text: str
    """One line on that."""


class SentDocument(TypedDict):
    """A sweep that was sent off."""

    sweep: str
    """Its name."""
    sweep_id: str
    """Its id."""
    job: str
    """What the cluster calls the job."""
    folder: str
    """Where its results will be, seen from the cluster."""
    first_word: FirstWordDocument | None
    """None where it was not waited for."""


class TrialRowDocument(TypedDict, total=False):
    """A row of the trials' table, or the columns of it that were asked for.

    Hyperparameters and metrics are columns under names of their own; `config.` or `metric.` stands before a name that
    is another column's. docs/guides/storage.md tells of all.
    """

    trial: int
    """Its number."""
    stage: str
    """Which stage proposed it."""
    state: str
    """running, interrupted, completed, pruned, diverged or failed."""
    fidelity: float | None
    """The highest that it reported."""
    worker_s: float | None
    """Seconds that its attempts are charged."""
    node: str | None
    """Host of its newest attempt."""
    error: str | None
    """What its newest attempt ended with."""


class AttemptDocument(trial.Attempt, array_like=False):
    """One execution of a trial."""


class TrialDocument(trial.Trial, array_like=False, kw_only=True):
    """Everything about one trial."""

    attempts: list[AttemptDocument]  # type: ignore[assignment]  # the same, by the names of their fields
    """In order; the last is the current one."""
    seed: int
    """What its training is seeded with."""
    arguments: list[str] | None
    """Its configuration as arguments of a program; None where that wants them in a file."""
    time: AttemptsTime
    """Where its time went."""
    changed: dict[str, tuple[Any, Any]]
    """What differs from the trial that it held the rest from, else from the baseline: what was there, what is here."""
    printed: list[str]
    """The last lines of its newest attempt."""


@dataclass(frozen=True, kw_only=True)
class AuditDocument(Audit):
    """Whether a sweep is whole."""

    sweep: str
    """Its folder."""
    rebuilt: list[str]
    """What was made again from the log."""


@dataclass(frozen=True, kw_only=True)
class ClearedDocument(Cleared):
    """What nobody can need any more of a sweep's folder."""

    sweep: str
    """The folder."""
    is_removed: bool
    """Whether it was removed, or only looked for."""


class SpaceLine(TypedDict):
    """A search space of the catalogue."""

    space: str
    """What `extends` names."""
    description: str
    """What it is for."""


class SpaceDocument(SpaceLine):
    """A search space of the catalogue, whole."""

    hyperparameters: dict[str, dict[str, Any]]
    """Each as a sweep file writes it, with sources and cautions."""
    couple: dict[str, str]
    """Which hyperparameter follows which."""


PROPERTIES: Mapping[type, tuple[str, ...]] = {
    Summary: ("stage", "improvement"),
    SweepTime: ("idle_s",),
    StageEstimate: ("trials",),
    TrialDocument: ("value",),
}
"""What documents hold beside the fields of these."""
ANSWERS: Mapping[str, tuple[Any, ...]] = {
    "check": (CheckDocument,),
    "plan": (PlanDocument,),
    "simulate": (list[RehearsalDocument],),
    "spaces": (list[SpaceLine],),
    "spaces show": (SpaceDocument,),
    "run": (Best,),
    "resume": (Best, SentDocument),
    "submit": (SentDocument,),
    "status": (StatusDocument, UnseenStatus),
    "trials": (list[TrialRowDocument],),
    "show": (TrialDocument,),
    "ls": (list[ListedSweep],),
    "compare": (list[ComparedSweep],),
    "confirm": (Best,),
    "test": (WinnerOnTestSet | None,),
    "audit": (AuditDocument,),
    "gc": (ClearedDocument,),
}
"""By verb; of several types one."""


def json_schema_for(verb: str) -> Schema:
    """Return the schema of what a verb answers with `--json`."""
    return json_schema_of(ANSWERS[verb], f"stepladder {verb} --json", PROPERTIES, frozenset({TrialRowDocument}))
