"""Ladders played without a controller: spaces, searchers that are easy to predict, a sweep of proposals alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from typing_extensions import override

from orchestrator.ladders import Ladder, Proposal
from orchestrator.searchers import ProposalRequest, Searcher
from orchestrator.sweep.domains import Choice, Config, Float, Int
from orchestrator.sweep.plan import Plan, Provenance, StagePlan
from orchestrator.sweep.spec import Budget, Fidelity, Objective, SweepSpec
from orchestrator.sweep.trial import Trial, TrialState, trial_id
from orchestrator.testing.options import options_of

SMOOTH = {
    "learning_rate": Float(low=1e-4, high=1.0, scale="log", default=1e-2, tier=1, provenance="catalogue"),
    "batch_size": Int(low=16, high=512, scale="log", default=64, tier=1, provenance="catalogue"),
    "momentum": Float(low=0.0, high=0.99, default=0.9, tier=2, provenance="catalogue"),
    "weight_decay": Float(low=1e-6, high=1e-1, scale="log", default=1e-4, tier=2),
    "dropout": Float(low=0.0, high=0.8, default=0.2, tier=3),
}
"""Three blocks without conditions, too many configurations for chance to repeat one."""
CONDITIONAL = {
    "optimizer": Choice(choices=("sgd", "adam"), default="sgd", tier=1),
    "learning_rate": Float(low=1e-4, high=1.0, scale="log", default=1e-2, tier=1),
    "momentum": Float(low=0.0, high=0.99, default=0.9, tier=2, when={"optimizer": ("sgd",)}),
    "beta2": Float(low=0.9, high=0.9999, default=0.999, tier=3, when={"optimizer": ("adam",)}),
}
"""Blocks that are inactive as a whole in some configurations."""
TINY = {
    "optimizer": Choice(choices=("sgd", "adam"), default="sgd", tier=1),
    "momentum": Int(low=0, high=2, default=1, tier=2, when={"optimizer": ("sgd",)}),
    "layers": Int(low=1, high=4, default=2, tier=3),
}
"""Sixteen configurations."""

EndTrial = Callable[[Trial], None]


class UniformSearcher(Searcher):
    """Draws uniformly and learns nothing."""

    @override
    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Draw the block."""
        return self.space.draw(request.block, request.held, request.random())


class LearningSearcher(UniformSearcher):
    """Follows a model, or says so, from the sixth finished trial on."""

    startup_trials = 6
    learns = True


class ListingSearcher(Searcher):
    """Goes through five values of each block."""

    enumerates = True

    @override
    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Return the entry at the position."""
        if request.position >= 5:
            return None
        units = {name: self.space[name].from_unit((request.position + 0.5) / 5) for name in request.block}
        return self.space.complete({**request.held, **units})


def completes(trial: Trial) -> None:
    """End `trial` with a value: the nearer its numbers lie to the middles of their ranges, the higher."""
    trial.state, trial.fidelity = TrialState.COMPLETED, 9.0
    trial.values[9.0] = -sum((float(v) - 0.3) ** 2 for v in trial.config.values() if isinstance(v, float | int))


def diverges(trial: Trial) -> None:
    """End `trial` without any value."""
    trial.state = TrialState.DIVERGED


def fails(trial: Trial) -> None:
    """End `trial` by an error."""
    trial.state = TrialState.FAILED


def make_plan(ladder: type[Ladder], space: dict[str, Any], trials: int = 60, seed: int = 7, **options: Any) -> Plan:
    """Compile a plan of `trials` trials whose blocks are the tiers of `space`, equally shared."""
    tiers = sorted({domain.tier for domain in space.values()})
    blocks = [
        StagePlan(name=f"tier-{tier}", tune=tuple(n for n, d in space.items() if d.tier == tier), share=1 / len(tiers))
        for tier in tiers
    ]
    spec = SweepSpec(
        name="conformance", trainable="train.py:train", objective=Objective(metric="score", goal="maximize"),
        fidelity=Fidelity(max=9.0), search_space=space, budget=Budget(trials=trials), confirm="none", seed=seed,
    )  # fmt: skip
    stages = ladder.stages(blocks, options_of(ladder, **options))
    provenance = Provenance(versions={}, git_commit=None, code_hash="")
    return Plan(sweep_id="conformance", spec=spec, stages=stages, brackets=(), provenance=provenance)


def make_ladder(
    ladder: type[Ladder], plan: Plan, searcher: type[Searcher] = LearningSearcher, **options: Any
) -> Ladder:
    """Build the ladder of a plan, as it stands before the first trial."""
    return ladder(plan, searcher(plan.space, plan.goal, options_of(searcher)), options_of(ladder, **options))


def play(
    ladder: Ladder, workers: int = 1, ending: EndTrial = completes,
    watch: Callable[[int, Sequence[Trial], Proposal | None], None] = lambda *_: None,
) -> list[Trial]:  # fmt: skip
    """Propose until the budget or the ladder is at its end, `workers` trials at once; `watch` sees each proposal."""
    trials: list[Trial] = []
    for number in range(ladder.plan.spec.budget.trials):
        if number >= workers:
            ending(trials[number - workers])
        proposal = ladder.propose(number, trials)
        watch(number, trials, proposal)
        if proposal is None:
            break
        name = trial_id(number, proposal.config)
        made = (proposal.config, proposal.stage, proposal.move, proposal.block, proposal.parent)
        trials.append(Trial(number, name, *made, bracket=0))
    return trials
