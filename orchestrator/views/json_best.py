"""The shape of best.json, which `run --json`, `resume --json` and `confirm --json` answer with too."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from orchestrator.curves.reading import CurveReading
from orchestrator.results.bounds import ConstraintSummary
from orchestrator.results.tested import WinnerOnTestSet
from orchestrator.sweep.confirmation import Difference, FreshScore
from orchestrator.sweep.spec import Goal


class SweepNamed(TypedDict):
    """Which sweep."""

    id: str
    """`<name>-<hash>`."""
    name: str
    """As the sweep file has it."""
    seed: int
    """Of every draw."""


class BestObjective(TypedDict):
    """What is optimised."""

    metric: str
    """Key of the reports."""
    goal: Goal
    """maximize or minimize."""
    fidelity: str
    """Key of what fidelity counts: epoch, step, tokens."""


class KeptCheckpoint(TypedDict):
    """Where the winner's weights lie."""

    path: str
    """Relative to the sweep's folder, where it lies in there."""
    absolute: str
    """As a path or URL of its own."""
    fidelity: float
    """How far it was trained."""


class EvaluatedTrial(TypedDict):
    """A trial with what it came to."""

    trial: int
    """Its number; 0 is the baseline."""
    trial_id: str
    """`<number>-<hash of the configuration>`."""
    config: dict[str, Any]
    """Its active hyperparameters, in the order of the search space."""
    metric: str
    """Key of the objective."""
    value: float | None
    """Objective at the highest fidelity; None before any."""
    fidelity: float | None
    """Where that was reported."""
    confirmed: FreshScore | None
    """What fresh seeds say of it; None where they say nothing."""
    state: str
    """running, interrupted, completed, pruned, diverged or failed."""
    rungs: list[float]
    """Fidelities at which it is judged."""


class Winner(EvaluatedTrial):
    """The winner; while no trial has been trained to the end, the leader."""

    best_value: float | None
    """The best value it ever reported, which is no estimate of anything."""
    stage: str
    """Which stage proposed it."""
    move: str
    """How it was proposed."""
    seed: int
    """What its training was seeded with."""
    checkpoint: KeptCheckpoint | None
    """None without one."""
    notes: list[str]
    """What was re-scaled or narrowed for it, and why."""
    diagnosis: CurveReading | None
    """What its learning curve shows; None while it is trained."""


class BestConfirm(TypedDict):
    """What became of confirming."""

    replicates: int
    """Trainings with fresh seeds that began."""
    is_over: bool
    """Whether none is to come."""
    difference: Difference | None
    """By how much the chosen one beats the baseline over fresh seeds; None without enough of them."""
    text: str | None
    """That in words."""


class ReachedValue(TypedDict):
    """A trial and its objective."""

    trial: int
    """Its number."""
    value: float
    """Its objective."""


class BestStage(TypedDict):
    """What a stage brought."""

    name: str
    """As in the plan."""
    block: list[str]
    """The hyperparameters that it opens."""
    planned: int
    """Trials that it has in the plan."""
    proposed: int
    """Trials that it proposed."""
    done: int
    """Those trained to the end."""
    stopped: int
    """Those stopped early."""
    failed: int
    """Those that failed or diverged."""
    before: ReachedValue | None
    """The best completed trial before it."""
    after: ReachedValue | None
    """The best completed trial up to its newest."""


class TrialCounts(TypedDict):
    """Trials by their state; a state that none is in may be left out."""

    planned: int
    """Of the budget, without what is kept back for confirming."""
    running: NotRequired[int]
    """Placed or being placed."""
    interrupted: NotRequired[int]
    """To be offered again."""
    completed: NotRequired[int]
    """Trained to the end."""
    pruned: NotRequired[int]
    """Stopped early."""
    diverged: NotRequired[int]
    """Reported a value that is not finite."""
    failed: NotRequired[int]
    """Ended by an error."""


class BestSpend(TypedDict):
    """What was paid, until the newest record."""

    gpu_hours: float
    """GPUs times hours from reservation to release."""
    cpu_hours: float
    """CPUs times hours, likewise."""
    worker_s: float
    """Seconds of all attempts together."""
    fidelity: float
    """Fidelity trained: epochs, as a rule."""


class BestProvenance(TypedDict):
    """By what it was made."""

    versions: dict[str, str]
    """Of Python and the packages that decide."""
    git_commit: str | None
    """Of the repository that the sweep file lay in; None outside one."""
    sweep_file: str | None
    """Its text's place, as it was typed."""
    overrides: list[str]
    """`key=value` beside the file."""
    code_hashes: list[str | None]
    """Of the code that drivers ran, the first first."""
    code_changed: bool
    """Whether that differed between drivers."""
    drivers: int
    """How many drivers worked on it."""


class Rerun(TypedDict):
    """How to train the winner again."""

    trainable: str
    """The training function, or the program."""
    arguments: str | None
    """The configuration as one line for a shell; None where the program wants a file."""
    command: str | None
    """The command that prints them; None without a winner."""


class Best(TypedDict):
    """best.json: the winner with everything needed to believe it, to use it and to run it again."""

    sweep: SweepNamed
    """Which sweep."""
    objective: BestObjective
    """What is optimised."""
    note: str | None
    """Why there is no winner, or what keeps it from being final; None where nothing does."""
    winner: Winner | None
    """None while no trial leads."""
    baseline: EvaluatedTrial | None
    """Trial 0; None before it began."""
    improvement: float | None
    """By how much the winner beats the baseline; positive is better, whichever the goal. None without both."""
    verdict: str | None
    """What fresh seeds say of it, in words; None without them."""
    confirm: BestConfirm
    """What became of confirming."""
    constraints: ConstraintSummary | None
    """What became of the bounds of `constraints`; None where the file has none."""
    test: WinnerOnTestSet | None
    """What the winner measured on the test set; None before anybody asked."""
    stages: list[BestStage]
    """In order."""
    trials: TrialCounts
    """How many there are."""
    spend: BestSpend
    """What was paid."""
    provenance: BestProvenance
    """By what it was made."""
    rerun: Rerun
    """How to train the winner again."""
