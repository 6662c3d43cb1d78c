"""What every ladder must hold to. A member passes each function of `CHECKS`, which take its class.

    @pytest.mark.parametrize("check", ladder_conformance.CHECKS)
    def test_my_ladder(check):
        check(MyLadder)

A failure is an AssertionError. Sweeps are played without a controller: trials end in the order of their numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from typing_extensions import override

from orchestrator.ladders import Ladder, Proposal
from orchestrator.searchers import ProposalRequest, Searcher
from orchestrator.sweep.domains import Choice, Config, Float, Int
from orchestrator.sweep.plan import Plan, Provenance, StagePlan
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Budget, Fidelity, Objective, SweepSpec
from orchestrator.sweep.trial import Trial, TrialState, trial_id

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
        fidelity=Fidelity(max=9.0), search_space=space, budget=Budget(trials=trials), seed=seed,
    )  # fmt: skip
    stages = ladder.stages(blocks, ladder.Options(**options))
    provenance = Provenance(versions={}, git_commit=None, code_hash="")
    return Plan(sweep_id="conformance", spec=spec, stages=stages, brackets=(), provenance=provenance)


def make_ladder(
    ladder: type[Ladder], plan: Plan, searcher: type[Searcher] = LearningSearcher, **options: Any
) -> Ladder:
    """Build the ladder of a plan, as it stands before the first trial."""
    return ladder(plan, searcher(plan.space, plan.goal, searcher.Options()), ladder.Options(**options))


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


def check_baseline_first(ladder: type[Ladder]) -> None:
    """Check that trial 0 is the default configuration."""
    plan = make_plan(ladder, SMOOTH)
    proposal = make_ladder(ladder, plan).propose(0, [])
    assert proposal == Proposal(plan.space.baseline, plan.stages[0].name, "baseline", ())


def check_proposals_valid(ladder: type[Ladder]) -> None:
    """Check that every configuration is valid, none is repeated, and only the block differs from the parent."""
    for space in (SMOOTH, CONDITIONAL):
        for workers in (1, 8, 256):
            plan = make_plan(ladder, space)
            trials = play(make_ladder(ladder, plan), workers)
            assert len(trials) == 60
            _assert_valid(plan.space, trials)


def check_every_ending(ladder: type[Ladder]) -> None:
    """Check that a sweep in which everything diverges or fails goes on."""
    for ending in (diverges, fails):
        for space in (SMOOTH, CONDITIONAL):
            plan = make_plan(ladder, space)
            trials = play(make_ladder(ladder, plan), 8, ending)
            assert len(trials) == 60
            _assert_valid(plan.space, trials)


def check_deterministic(ladder: type[Ladder]) -> None:
    """Check that a fresh ladder, shown the trials so far, proposes what the one does that saw them grow."""
    for space in (SMOOTH, CONDITIONAL, TINY):
        plan = make_plan(ladder, space, 40)

        def compare(number: int, trials: Sequence[Trial], proposal: Proposal | None, plan: Plan = plan) -> None:
            assert make_ladder(ladder, plan).propose(number, trials) == proposal

        play(make_ladder(ladder, plan), 3, watch=compare)


def check_seeds_differ(ladder: type[Ladder]) -> None:
    """Check that another seed gives another sweep."""
    first, second = (play(make_ladder(ladder, make_plan(ladder, SMOOTH, seed=seed))) for seed in (1, 2))
    assert [trial.config for trial in first] != [trial.config for trial in second]


def check_stages_get_their_share(ladder: type[Ladder]) -> None:
    """Check that each stage proposes its share of the trials, and the shares sum to 1."""
    plan = make_plan(ladder, SMOOTH, 200)
    assert math.isclose(sum(stage.share for stage in plan.stages), 1)
    proposed = Counter(trial.stage for trial in play(make_ladder(ladder, plan), 8))
    for stage in plan.stages:
        assert abs(proposed[stage.name] - 200 * stage.share) <= 1


def check_asks_searcher_rightly(ladder: type[Ladder]) -> None:
    """Check that a searcher is asked for declared blocks alone, and sees one list of trials, by number, that grows."""
    plan = make_plan(ladder, SMOOTH)
    declared = ladder.searcher_blocks(plan.stages)
    seen: dict[int, list[int]] = {}

    class Watching(LearningSearcher):
        def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
            assert request.block in declared
            numbers, before = [trial.number for trial in trials], seen.get(id(self), [])
            assert numbers == sorted(set(numbers))
            assert numbers[: len(before)] == before
            seen[id(self)] = numbers
            return super().propose(request, trials)

    for ending in (completes, diverges):
        made = make_ladder(ladder, plan, Watching)
        play(made, 4, ending)
        seen.clear()


def check_exhausts_finite_space(ladder: type[Ladder]) -> None:
    """Check that a finite space is tried to its last configuration, and then nothing is proposed."""
    for ending in (completes, diverges):
        for workers in (1, 256):
            plan = make_plan(ladder, TINY, 40)
            made = make_ladder(ladder, plan)
            trials = play(made, workers, ending)
            assert len(trials) == 16
            _assert_valid(plan.space, trials)
            assert made.propose(16, trials) is None


def check_model_probability(ladder: type[Ladder]) -> None:
    """Check that `model_probability` is the frequency of moves that follow a model; 0 without learning."""
    expected, variance, seen = 0.0, 0.0, 0
    for seed in range(20):
        made = make_ladder(ladder, make_plan(ladder, SMOOTH, 80, seed))
        chances: list[float] = []

        def note(number: int, trials: Sequence[Trial], _: Any, made: Ladder = made, to: list[float] = chances) -> None:
            ended = sum(trial.state.is_final for trial in trials)
            to.append(made.model_probability(number, ended, ended))

        seen += sum(trial.move in {"model", "block-model"} for trial in play(made, 4, watch=note))
        assert all(0 <= chance <= 1 for chance in chances)
        expected += sum(chances)
        variance += sum(chance * (1 - chance) for chance in chances)
    assert abs(seen - expected) <= 4 * math.sqrt(variance)
    unlearning = make_ladder(ladder, make_plan(ladder, SMOOTH), UniformSearcher)
    assert not any(unlearning.model_probability(number, number, number) for number in range(60))
    assert not any(trial.move in {"model", "block-model"} for trial in play(unlearning))


def check_enumerates(ladder: type[Ladder]) -> None:
    """Check that an `enumerable` ladder tries the entries of the searcher's lists in order, and nothing else."""
    if not ladder.enumerable:
        return
    plan = make_plan(ladder, SMOOTH)
    trials = play(make_ladder(ladder, plan, ListingSearcher), 2)
    assert {trial.move for trial in trials[1:]} == {"listed"}
    for block in ladder.searcher_blocks(plan.stages):
        name = block[0]
        drawn = [trial.config[name] for trial in trials if trial.block == block]
        listed = [plan.space[name].from_unit((entry + 0.5) / 5) for entry in range(5)]
        assert drawn == [value for value in listed if value in drawn]
        assert len(drawn) >= 4  # an entry that equals the baseline is not tried twice


def _assert_valid(space: Space, trials: Sequence[Trial]) -> None:
    for trial in trials:
        assert space.problems(trial.config) == []
        if trial.parent is None:
            continue
        parent = trials[trial.parent].config
        kept = [name for name in trial.config if name in parent and name not in trial.block]
        assert all(trial.config[name] == parent[name] for name in kept)
    assert len({repr(sorted(trial.config.items())) for trial in trials}) == len(trials)


CHECKS: tuple[Callable[[type[Ladder]], None], ...] = (
    check_baseline_first,
    check_proposals_valid,
    check_every_ending,
    check_deterministic,
    check_seeds_differ,
    check_stages_get_their_share,
    check_asks_searcher_rightly,
    check_exhausts_finite_space,
    check_model_probability,
    check_enumerates,
)
"""Everything a ladder must hold to."""
