"""The plan: what a sweep file compiled to. Everything the controller needs, nothing it must look up."""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate

from pydantic import Field

from orchestrator.sweep.domains import Record
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Goal, Member, SweepSpec


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
    dealings: tuple[Dealing, ...] = Field(default=(), exclude=True)
    """How the trials before the last change of their number were dealt to the stages; kept by the fold."""

    def amended(self, spec: SweepSpec, overrides: tuple[str, ...], dealt: int) -> Plan:
        """Return the plan under another specification; the first `dealt` trials keep the stages that they have."""
        provenance = self.provenance.model_copy(update={"overrides": overrides})
        trials = self.spec.budget.trials
        is_dealt_on = dealt > 0 and spec.budget.trials != trials
        dealings = (*self.dealings, Dealing(trials=trials, until=dealt)) if is_dealt_on else self.dealings
        kept = {"sweep_id": self.sweep_id, "stages": self.stages, "brackets": self.brackets}
        return Plan(**kept, spec=spec, provenance=provenance, dealings=dealings)  # anew: nothing cached is left over

    @cached_property
    def space(self) -> Space:
        """The search space."""
        return Space(self.spec.search_space)

    @cached_property
    def stage_ends(self) -> tuple[float, ...]:
        """Where each stage ends, as a part of all trials: sums of the shares, a hair less for their rounding."""
        return tuple(passed - 1e-9 for passed in accumulate(stage.share for stage in self.stages))

    @property
    def goal(self) -> Goal:
        """Which way is better."""
        return self.spec.objective.goal
