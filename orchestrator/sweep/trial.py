"""A trial and its attempts, and the one table that says which state follows which.

Trial and attempt are the fold's own records: they change only in `orchestrator.state.fold`. A snapshot keeps them as
their fields in order, without names. Neither refers to itself, so the collector of garbage passes them by.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from random import Random

import msgspec

from orchestrator.sweep.domains import Config
from orchestrator.sweep.judgement import Judgement

FIRST_REPLICATE = 1_000_000
"""Replicates are numbered from here on, above every trial that a search may propose (`budget.trials`)."""
FIRST_TEST = 2_000_000
"""Runs that measure the winner on the test set are numbered from here on, above every replicate."""


class TrialState(StrEnum):
    """Where a trial stands. The last four are final."""

    RUNNING = "running"
    """An attempt is being placed or executed."""
    INTERRUPTED = "interrupted"
    """Proposed and not begun, or its attempt ended without its fault: it is offered (again)."""
    COMPLETED = "completed"
    """Trained to the full fidelity, or returned by itself."""
    PRUNED = "pruned"
    """Stopped below the full training: for being weak, where a coarse round ends, or for exceeding `limits.trial`."""
    DIVERGED = "diverged"
    """Reported a value that is not finite."""
    FAILED = "failed"
    """Raised an error, ran out of memory, reported nothing, hung or died again and again, or lost too many machines."""

    @property
    def is_final(self) -> bool:
        """Say whether nothing follows."""
        return self is not TrialState.RUNNING and self is not TrialState.INTERRUPTED


class StopReason(StrEnum):
    """Why a report was answered with STOP."""

    WEAK = "weak"
    """The scheduler judged it."""
    NOT_FINITE = "not_finite"
    """The objective was NaN or infinite."""
    FULL_FIDELITY = "full_fidelity"
    """The training is complete."""
    SHORT = "short"
    """It was to be trained so far and no further: a coarse round's trial, below the full training."""
    OVERTIME = "overtime"
    """The trial has taken as long as `limits.trial` allows."""
    BUDGET = "budget"
    """A cap on hours is reached; the trial may go on if the cap is raised."""


class Outcome(StrEnum):
    """How an attempt ended."""

    RETURNED = "returned"
    """The training function returned."""
    STOPPED = "stopped"
    """It obeyed a STOP."""
    ERROR = "error"
    """The training function raised; repeated where the error looks transient, and else not."""
    OUT_OF_MEMORY = "out_of_memory"
    """GPU or host memory ran out: the configuration's fault, not repeated."""
    LOST = "lost"
    """Machine, process or connection died: nobody's fault, repeated."""
    PREEMPTED = "preempted"
    """Its machine was taken back by whoever owns it: repeated, not counted as lost."""
    HUNG = "hung"
    """It gave no sign of life for too long and was ended: repeated, counted apart."""
    OVERTIME = "overtime"
    """Its trial took longer than `limits.trial` allows and was ended: not repeated."""
    INTERRUPTED = "interrupted"
    """The driver stopped or died under it: repeated, not counted as lost."""


AFTER_STOP: dict[StopReason, TrialState] = {
    StopReason.WEAK: TrialState.PRUNED,
    StopReason.NOT_FINITE: TrialState.DIVERGED,
    StopReason.FULL_FIDELITY: TrialState.COMPLETED,
    StopReason.SHORT: TrialState.PRUNED,
    StopReason.OVERTIME: TrialState.PRUNED,
    StopReason.BUDGET: TrialState.INTERRUPTED,
}
"""State of a running trial whose report was answered with STOP."""

AFTER_ATTEMPT: dict[Outcome, TrialState] = {
    Outcome.RETURNED: TrialState.COMPLETED,
    Outcome.STOPPED: TrialState.INTERRUPTED,
    Outcome.ERROR: TrialState.FAILED,
    Outcome.OUT_OF_MEMORY: TrialState.FAILED,
    Outcome.LOST: TrialState.INTERRUPTED,
    Outcome.PREEMPTED: TrialState.INTERRUPTED,
    Outcome.HUNG: TrialState.INTERRUPTED,
    Outcome.OVERTIME: TrialState.PRUNED,
    Outcome.INTERRUPTED: TrialState.INTERRUPTED,
}
"""State of a running trial when its attempt ended so; a final state is never left. One that returned or took too long
without any report failed, as one lost more often than `retry.lost` says; `AttemptEnded.repeats` goes before this."""


class Attempt(msgspec.Struct, array_like=True, gc=False):
    """One execution of a trial."""

    number: int
    """0 first, counted within the trial."""
    started_t: float
    """When the decision to start was written, seconds since the epoch."""
    reserved_t: float | None = None
    """When the cluster had set its resources aside; None where that is not known. Seconds since the epoch."""
    placed_t: float | None = None
    """When a worker took it; None until then."""
    entered_s: float | None = None
    """When its training function was entered, by the clock that measures; None before, and where nobody asked."""
    seen_t: float | None = None
    """Last placement, report or heartbeat; what a crash is charged to in format 1."""
    placed_s: float | None = None
    """When what is charged begins, by the clock that measures (`Event.clock_s`): with its reservation, if known."""
    seen_s: float | None = None
    """As `seen_t`, by that clock."""
    reported_s: float | None = None
    """When it last reported, by that clock; None before it did."""
    silent_s: float = 0.0
    """For how long it gave no sign of life, as its driver's newest heartbeat told; 0 where that is nothing odd."""
    ended_t: float | None = None
    """When it ended; None while it is open."""
    outcome: Outcome | None = None
    """How it ended; None while it is open."""
    error: str | None = None
    """The error's text, shortened; None without one."""
    cause: str | None = None
    """What ended it from outside: a cap, a request, a signal (`AttemptEnded.cause`); None where nothing did."""
    node: str | None = None
    """Host that ran it."""
    gpu_ids: str | None = None
    """Comma-separated ids of its GPUs on that host; None without any."""
    code_hash: str | None = None
    """Hash of the code it ran where that is not the driver's: a program's, as it was found."""
    outside_hash: str | None = None
    """Hash of what it imported from outside its pinned code and the installed packages; None where nothing."""
    charged_s: float = 0.0
    """Seconds charged to the budget once ended."""
    checkpoints_s: float | None = None
    """How many of them its training waited for checkpoints; None before its end, and where that is not known."""
    resumed_from: float = 0.0
    """Fidelity of the checkpoint it was started from; 0 from the start."""
    fidelity: float = 0.0
    """Highest fidelity it reported; 0 before its first report."""
    has_reported: bool = False
    """Whether it reported: what tells a highest fidelity of 0 from none."""
    repeats: int = 0
    """Reports at the highest fidelity beyond the first, as of a training and a validation step."""
    usual_repeats: int = 0
    """The same at the fidelity before the highest: how many more are to be expected."""

    def take(self, fidelity: float) -> bool:
        """Take a report's fidelity in, and say whether it was the highest so far."""
        is_highest = self.is_highest(fidelity)
        if is_highest:
            self.fidelity, self.usual_repeats, self.repeats = fidelity, self.repeats, 0
        else:
            self.repeats += fidelity == self.fidelity
        self.has_reported = True
        return is_highest

    def is_highest(self, fidelity: float) -> bool:
        """Say whether a report at this fidelity would be the first at a new highest one, and so be judged."""
        return not self.has_reported or fidelity > self.fidelity


class Trial(msgspec.Struct, array_like=True, gc=False):
    """One configuration being evaluated."""

    number: int
    """0 is the baseline; of a replicate, from `FIRST_REPLICATE` on."""
    trial_id: str
    """`<number>-<hash of the configuration>`."""
    config: Config
    """The active hyperparameters."""
    stage: str
    """Name of the stage that proposed it."""
    move: str
    """How it was proposed: baseline, asked (for by a person), warm (won an earlier sweep), prior, uniform, model,
    block-model, block-uniform, listed, repeat; confirming, race (to choose) or confirm (to report on the chosen)."""
    block: tuple[str, ...]
    """The hyperparameters that the proposal drew; the rest was held."""
    parent: int | None
    """Trial whose other values were held; None where nothing was."""
    bracket: int
    """Which bracket of rungs judges it."""
    state: TrialState = TrialState.INTERRUPTED
    """Set by the tables above alone."""
    attempts: list[Attempt] = msgspec.field(default_factory=list)
    """In order; the last is the current one."""
    values: dict[float, float] = msgspec.field(default_factory=dict)
    """Fidelity to the objective's value, finite ones only, the latest attempt's where reported twice."""
    fidelity: float = 0.0
    """Highest fidelity reported."""
    checkpoint: str | None = None
    """Newest acknowledged checkpoint; None without one."""
    checkpoint_fidelity: float = 0.0
    """Fidelity of that checkpoint; 0 without one."""
    checkpoint_iteration: float = 0.0
    """Number of the report that it came with, in its training; 0 without one, and where the log does not say."""
    told: float | None = None
    """What a searcher is told once the trial ended badly through its own fault: finite, worse than the worst seen."""
    is_untold: bool = False
    """Whether it ended badly and a searcher is to be told later, once that says something of its configuration."""
    withdrawn_s: float | None = None
    """When a person asked for its end, by the clock that measures; None where nobody did."""
    reopened_after: int = 0
    """How many attempts it had when it was last opened again after a failure: they count for no retry."""
    report_count: int = 0
    """Reports acknowledged, all attempts."""
    notes: tuple[str, ...] = ()
    """What was re-scaled or narrowed for it, and why."""
    max_fidelity: float | None = None
    """Where its training ends; None: at a full training."""
    replicates: int | None = None
    """Trial whose configuration it repeats, also to test it; None for one of its own."""
    learned_from: int | None = None
    """How many trials its proposal rests on; None where nothing was modelled or the log does not say."""
    nearest: int | None = None
    """Number of the earlier trial nearest to it; None likewise."""
    bounded: dict[str, float] = msgspec.field(default_factory=dict)
    """Newest value of each metric that `constraints` bounds, finite or not."""
    breaks: tuple[str, ...] = ()
    """Those of them whose value lies beyond their bound."""
    unsaid: tuple[str, ...] = ()
    """Metrics that `constraints` bounds and that it has not reported."""
    judgement: Judgement | None = None
    """What the newest rung found that judged it; None before any, and where the log does not say."""

    @property
    def is_replicate(self) -> bool:
        """Say whether it confirms: it repeats a trial of the search, and is none itself."""
        return FIRST_REPLICATE <= self.number < FIRST_TEST

    @property
    def is_test(self) -> bool:
        """Say whether it measures the winner on the test set, and is no trial of the search."""
        return self.number >= FIRST_TEST

    @property
    def is_of_search(self) -> bool:
        """Say whether the search proposed it: whoever learns, ranks or counts looks at these alone."""
        return self.number < FIRST_REPLICATE

    @property
    def stopped_by(self) -> Judgement | None:
        """The judgement that stopped it early; None where none did, or the log does not say."""
        judged = self.judgement
        return judged if judged is not None and judged.weak and self.state is TrialState.PRUNED else None

    @property
    def value(self) -> float | None:
        """Objective at the highest fidelity with a finite value; None without one."""
        newest = self.values.get(self.fidelity)
        return newest if newest is not None or not self.values else self.values[max(self.values)]

    @property
    def is_learned(self) -> bool:
        """Say whether a model can learn from it: completed, pruned, or ended badly with a value to be told."""
        return self.told is not None or (self.state in {TrialState.COMPLETED, TrialState.PRUNED} and not self.is_untold)

    @property
    def attempt(self) -> Attempt:
        """The current attempt."""
        return self.attempts[-1]

    @property
    def counted_attempts(self) -> list[Attempt]:
        """The attempts that count for its retries."""
        return self.attempts[self.reopened_after :]

    @property
    def is_open(self) -> bool:
        """Say whether an attempt is being executed, wanted or not."""
        return bool(self.attempts) and self.attempts[-1].ended_t is None


def trial_id(number: int, config: Config) -> str:
    """Name a trial by number and content: `0007-3fa2b1`."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return f"{number:04d}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def training_seed(sweep_seed: int, number: int) -> int:
    """Return the seed of a trial's training, the same for every attempt: 31 bits, from sweep seed and number alone."""
    return Random(f"{sweep_seed}/{number}/training").getrandbits(31)
