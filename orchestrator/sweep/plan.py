"""The plan: what a sweep file compiled to. Everything the controller needs, nothing it must look up."""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate

from pydantic import Field

from orchestrator.sweep.domains import Record
from orchestrator.sweep.reserve import Reserve, reserve
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Goal, Member, SweepSpec
from orchestrator.sweep.warm import WarmTrial


class StagePlan(Record):
    """One stage with its part of the trials."""

    name: str
    """What progress, tables and files call it."""
    tune: tuple[str, ...]
    """The block: the hyperparameters it opens."""
    share: float
    """Its part of all trials, 0 to 1; the shares of a plan sum to 1."""
    searcher: Member | None = None
    """What draws its block. None: the sweep's searcher."""


class Bracket(Record):
    """One successive-halving ladder of rungs."""

    rungs: tuple[float, ...]
    """Fidelities at which its trials are compared, ascending, all below the full training."""
    share: float
    """Chance of a trial to be put into it; the chances of a plan sum to 1."""

    def rungs_to(self, end: float) -> tuple[float, ...]:
        """Return where a trial of the bracket is compared whose training ends at `end`: ascending, `end` last.

        They are those of every trial of the bracket, also of one that is never stopped (the baseline): values are
        compared, and confirmed, only where the training before them was the same.
        """
        return (*(rung for rung in self.rungs if rung < end), end)


class Provenance(Record):
    """Where a plan came from, for whoever must reproduce it."""

    versions: dict[str, str]
    """Distribution name to version: stepladder, python, ray, optuna, torch."""
    members: dict[str, str] = Field(default_factory=dict)
    """Members from outside the package, `module:Class`, to the hash of their code; a plan from before them has none."""
    git_commit: str | None
    """Commit of the user's code, with `-dirty` where it has uncommitted changes; None outside a checkout."""
    code_hash: str
    """Hash over the Python files beside the training function."""
    source: str | None = None
    """Absolute path of the sweep file; None where the sweep was built in Python."""
    overrides: tuple[str, ...] = ()
    """`key=value` overrides in force; a resume applies them again."""
    owner: str | None = None
    """Who planned it; None where a plan does not say, as all of format 1."""


class Dealing(Record):
    """A number of trials that the stages shared until it was changed."""

    trials: int
    """The number, as the budget said it."""
    until: int
    """How many of them there were when it was changed."""


class Plan(Record):
    """A compiled sweep."""

    sweep_id: str
    """`<name>-<hash>`: the same content gives the same id."""
    spec: SweepSpec
    """What was asked, resolved."""
    stages: tuple[StagePlan, ...]
    """In order; the ladder's own ones (a screen, a refinement) included."""
    brackets: tuple[Bracket, ...]
    """The rungs."""
    provenance: Provenance
    """Versions and hashes at planning time."""
    trial_part: float | None = None
    """Part of a full training that one of its trials is expected to take, by the scheduler's ideal rate of survival.
    None in plans from before anything was confirmed; 1 where that follows from the curves alone."""
    is_listed: bool = False
    """Whether its search goes through a list, every entry of which is to be tried: a grid."""
    warm: tuple[WarmTrial, ...] = ()
    """What is tried first, after the baseline: the winners of earlier sweeps."""
    dealings: tuple[Dealing, ...] = Field(default=(), exclude=True)
    """How the trials before the last change of their number were dealt to the stages; kept by the fold."""

    def __repr__(self) -> str:
        return f"<Plan of {self.sweep_id}: {self.spec.budget.trials} trials in {len(self.stages)} stages>"

    def amended(self, spec: SweepSpec, overrides: tuple[str, ...], dealt: int) -> Plan:
        """Return the plan under another specification; the first `dealt` trials keep the stages that they have."""
        kept = {
            name: getattr(self, name) for name in ("sweep_id", "stages", "brackets", "trial_part", "is_listed", "warm")
        }
        provenance = self.provenance.model_copy(update={"overrides": overrides})
        anew = Plan(**kept, spec=spec, provenance=provenance, dealings=self.dealings)  # nothing cached is left over
        before = self.reserve.trials
        if not dealt or anew.reserve.trials == before:
            return anew
        return anew.model_copy(update={"dealings": (*self.dealings, Dealing(trials=before, until=dealt))})

    @cached_property
    def space(self) -> Space:
        """The search space."""
        return Space(self.spec.search_space)

    @cached_property
    def stage_ends(self) -> tuple[float, ...]:
        """Where each stage ends, as a part of all trials: sums of the shares, a hair less for their rounding."""
        return tuple(passed - 1e-9 for passed in accumulate(stage.share for stage in self.stages))

    @cached_property
    def reserve(self) -> Reserve:
        """What is kept back of the budget to confirm the winner; each report under a cap asks."""
        confirm, trials = self.spec.confirm, self.spec.budget.trials
        is_listed, is_tuned = self.is_listed, bool(self.space.tunable)
        return reserve(confirm, trials, self.trial_part or 1.0, is_listed=is_listed, is_tuned=is_tuned)

    @property
    def goal(self) -> Goal:
        """Which way is better."""
        return self.spec.objective.goal
