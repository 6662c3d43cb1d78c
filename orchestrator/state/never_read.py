"""Hyperparameters that the code never reads: a part of the budget goes to varying what changes nothing.

A worker says at the end of a training what its configuration was never asked for and its code never names. It is told
once two completed trials agree and none has said otherwise. Constants cost nothing, and a hyperparameter on which the
condition of another rests has done its work without being read: neither is told of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.sweep.event import AttemptEnded
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import Trial, TrialState

ENOUGH = 2
"""Completed trials that must agree."""


@dataclass(frozen=True, slots=True)
class NeverRead:
    """A hyperparameter that the code never reads."""

    name: str
    """Which."""
    trials: int
    """How many completed trials say so."""
    share: float
    """Part of the budget that goes to varying it, 0 to 1: of each stage that tunes it, an equal part."""


@dataclass(slots=True)
class ReadSoFar:
    """What trainings read of their configurations. Filled by the fold alone."""

    unread: dict[str, int] = field(default_factory=dict)
    """How many completed trials did without a hyperparameter, by its name."""
    read: set[str] = field(default_factory=set)
    """Names of those that some training read."""

    def take(self, trial: Trial, event: AttemptEnded) -> None:
        """Take in the end of an attempt that says what it read."""
        if event.unread is None:
            return
        for name in trial.config:
            if name not in event.unread:
                self.read.add(name)
            elif trial.state is TrialState.COMPLETED:
                self.unread[name] = self.unread.get(name, 0) + 1

    @property
    def is_suspected(self) -> bool:
        """Say whether anything could be told: a look several times a second costs nothing where not."""
        return any(count >= ENOUGH and name not in self.read for name, count in self.unread.items())

    def never(self, plan: Plan) -> list[NeverRead]:
        """Return what is never read, in the order of the space."""
        counts = {name: self.unread.get(name, 0) for name in plan.space.tunable if name not in self.read}
        told = [name for name, count in counts.items() if count >= ENOUGH and name not in plan.space.controlling]
        return [NeverRead(name, counts[name], sum(_shares(plan, name))) for name in told]


def describe(found: NeverRead) -> str:
    """Say it in one sentence."""
    share = f"about {found.share:.0%}" if found.share >= 0.01 else "under 1%"
    return (
        f"{found.name} is never read: {found.trials} completed trials did without it, and no file of the code names "
        f"it; {share} of the search goes to varying it"
    )


def _shares(plan: Plan, name: str) -> Iterator[float]:
    for stage in plan.stages:
        if name in stage.tune:
            yield stage.share / len(stage.tune)
