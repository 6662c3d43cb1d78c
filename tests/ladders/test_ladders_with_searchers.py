"""Every ladder with every searcher it can serve."""

import pytest

from orchestrator import members
from orchestrator.searchers.tpe import TpeSearcher
from orchestrator.testing.played_ladders import (
    CONDITIONAL,
    SMOOTH,
    completes,
    diverges,
    make_ladder,
    make_plan,
    play,
)

LADDERS = members.names("orchestrator.ladders")
BLIND = [name for name in members.names("orchestrator.searchers") if name not in {"grid", "manual"}]


@pytest.mark.thorough
@pytest.mark.parametrize("space", [SMOOTH, CONDITIONAL], ids=["smooth", "conditional"])
@pytest.mark.parametrize("searcher", BLIND)
@pytest.mark.parametrize("name", LADDERS)
def test_a_fresh_ladder_goes_on_as_the_old_one_would(name, searcher, space):
    ladder, member = members.load("orchestrator.ladders", name), members.load("orchestrator.searchers", searcher)
    plan = make_plan(ladder, space, 40)
    old = make_ladder(ladder, plan, member)
    trials = play(old, 4, endings)
    assert len({repr(sorted(trial.config.items())) for trial in trials}) == 40
    assert all(plan.space.problems(trial.config) == [] for trial in trials)
    assert make_ladder(ladder, plan, member).propose(40, trials) == old.propose(40, trials)


@pytest.mark.parametrize("name", ["hard-stages", "joint"])
def test_a_grid_is_gone_through(name):
    ladder, grid = members.load("orchestrator.ladders", name), members.load("orchestrator.searchers", "grid")
    assert ladder.enumerable
    trials = play(make_ladder(ladder, make_plan(ladder, SMOOTH, 40), grid))
    assert len(trials) == 40
    assert {trial.move for trial in trials[1:]} == {"listed"}


@pytest.mark.thorough
@pytest.mark.parametrize("name", LADDERS)
def test_a_move_is_called_a_model_exactly_when_tpe_has_one(name):
    had_model = {}

    class Watching(TpeSearcher):
        def propose(self, request, trials):
            proposed = super().propose(request, trials)
            had_model[request.number] = self.history.learned >= self.startup_trials
            return proposed

    ladder = members.load("orchestrator.ladders", name)
    trials = play(make_ladder(ladder, make_plan(ladder, SMOOTH, 70), Watching), 4, endings)
    called = {trial.number for trial in trials if trial.move in {"model", "block-model"}}
    assert called == {number for number, had in had_model.items() if had}
    assert bool(called) == (name != "random")


def endings(trial):
    if trial.number % 5 == 3:
        diverges(trial)
        trial.told = -10.0
    else:
        completes(trial)
