"""What every ladder must hold to: one class of tests, for a fixture `member` that gives the ladder's class.

Sweeps are played without a controller (see `played_ladders`): trials end in the order of their numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from orchestrator.ladders import Ladder, Proposal
from orchestrator.searchers import ProposalRequest
from orchestrator.sweep.domains import Config
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Trial
from orchestrator.testing.played_ladders import (
    CONDITIONAL,
    SMOOTH,
    TINY,
    LearningSearcher,
    ListingSearcher,
    UniformSearcher,
    completes,
    diverges,
    fails,
    make_ladder,
    make_plan,
    play,
)


class LadderConformance:
    """The suite."""

    def test_proposes_the_baseline_first(self, member: type[Ladder]) -> None:
        """Trial 0 is the default configuration."""
        plan = make_plan(member, SMOOTH)
        proposal = make_ladder(member, plan).propose(0, [])
        assert proposal == Proposal(plan.space.baseline, plan.stages[0].name, "baseline", ())

    def test_proposes_valid_configurations_and_repeats_none(self, member: type[Ladder]) -> None:
        """Every configuration is valid, none is repeated, and only the block differs from the parent."""
        for space in (SMOOTH, CONDITIONAL):
            for workers in (1, 8, 256):
                plan = make_plan(member, space)
                trials = play(make_ladder(member, plan), workers)
                assert len(trials) == 60
                _assert_valid(plan.space, trials)

    def test_goes_on_whatever_the_ending(self, member: type[Ladder]) -> None:
        """A sweep in which everything diverges or fails goes on."""
        for ending in (diverges, fails):
            for space in (SMOOTH, CONDITIONAL):
                plan = make_plan(member, space)
                trials = play(make_ladder(member, plan), 8, ending)
                assert len(trials) == 60
                _assert_valid(plan.space, trials)

    def test_proposes_from_the_trials_alone(self, member: type[Ladder]) -> None:
        """A fresh ladder, shown the trials so far, proposes what the one does that saw them grow."""
        for space in (SMOOTH, CONDITIONAL, TINY):
            plan = make_plan(member, space, 40)

            def compare(number: int, trials: Sequence[Trial], proposal: Proposal | None, plan: Plan = plan) -> None:
                assert make_ladder(member, plan).propose(number, trials) == proposal

            play(make_ladder(member, plan), 3, watch=compare)

    def test_seeds_differ(self, member: type[Ladder]) -> None:
        """Another seed gives another sweep."""
        first, second = (play(make_ladder(member, make_plan(member, SMOOTH, seed=seed))) for seed in (1, 2))
        assert [trial.config for trial in first] != [trial.config for trial in second]

    def test_gives_each_stage_its_share(self, member: type[Ladder]) -> None:
        """Each stage proposes its share of the trials, and the shares sum to 1."""
        plan = make_plan(member, SMOOTH, 200)
        assert math.isclose(sum(stage.share for stage in plan.stages), 1)
        proposed = Counter(trial.stage for trial in play(make_ladder(member, plan), 8))
        for stage in plan.stages:
            assert abs(proposed[stage.name] - 200 * stage.share) <= 1

    def test_asks_searchers_for_declared_blocks_alone(self, member: type[Ladder]) -> None:
        """A searcher is asked for declared blocks alone, and sees one list of trials, by number, that grows."""
        plan = make_plan(member, SMOOTH)
        declared = member.searcher_blocks(plan.stages)
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
            made = make_ladder(member, plan, Watching)
            play(made, 4, ending)
            seen.clear()

    def test_tries_a_finite_space_to_its_end(self, member: type[Ladder]) -> None:
        """A finite space is tried to its last configuration, and then nothing is proposed."""
        for ending in (completes, diverges):
            for workers in (1, 256):
                plan = make_plan(member, TINY, 40)
                made = make_ladder(member, plan)
                trials = play(made, workers, ending)
                assert len(trials) == 16
                _assert_valid(plan.space, trials)
                assert made.propose(16, trials) is None

    def test_follows_a_model_as_often_as_it_says(self, member: type[Ladder]) -> None:
        """`model_probability` is the frequency of moves that follow a model; 0 without learning."""
        expected, variance, seen = 0.0, 0.0, 0
        for seed in range(20):
            made = make_ladder(member, make_plan(member, SMOOTH, 80, seed))
            chances: list[float] = []

            def note(
                number: int, trials: Sequence[Trial], _: Any, made: Ladder = made, to: list[float] = chances
            ) -> None:
                ended = sum(trial.state.is_final for trial in trials)
                to.append(made.model_probability(number, ended, ended))

            seen += sum(trial.move in {"model", "block-model"} for trial in play(made, 4, watch=note))
            assert all(0 <= chance <= 1 for chance in chances)
            expected += sum(chances)
            variance += sum(chance * (1 - chance) for chance in chances)
        assert abs(seen - expected) <= 4 * math.sqrt(variance)
        unlearning = make_ladder(member, make_plan(member, SMOOTH), UniformSearcher)
        assert not any(unlearning.model_probability(number, number, number) for number in range(60))
        assert not any(trial.move in {"model", "block-model"} for trial in play(unlearning))

    def test_goes_through_lists_in_order(self, member: type[Ladder]) -> None:
        """An `enumerable` ladder tries the entries of the searcher's lists in order, and nothing else."""
        if not member.enumerable:
            return
        plan = make_plan(member, SMOOTH)
        trials = play(make_ladder(member, plan, ListingSearcher), 2)
        assert {trial.move for trial in trials[1:]} == {"listed"}
        for block in member.searcher_blocks(plan.stages):
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
