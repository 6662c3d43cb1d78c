"""One order for all: what leads, who wins, how trials rank, and how the trials are dealt to the stages."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterator
from typing import get_args

import pytest
from architecture import modules
from hypothesis import given
from hypothesis import strategies as st
from sweeps import make_plan

from orchestrator.sweep.plan import StagePlan
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import (
    best,
    best_completed,
    better,
    gain,
    is_loss_like,
    leader,
    numbers_of,
    ranked,
    ranked_value,
    sign_of,
    stage_of,
    winner,
)
from orchestrator.sweep.trial import Trial, TrialState

GOALS = ["maximize", "minimize"]
BAD = {TrialState.DIVERGED, TrialState.FAILED}
goals = st.sampled_from(GOALS)
finite = st.floats(-1e6, 1e6)


def trial(number, state, *values):
    made = Trial(number, f"{number:04d}", {}, "s", "model", (), None, 0, state=TrialState(state))
    made.values = {float(epoch): value for epoch, value in enumerate(values, 1)}
    made.fidelity = float(len(values))
    return made


def numbers(trials):
    return [found.number for found in trials]


few_values = st.lists(st.sampled_from([-1.0, 0.0, 0.5, 0.5, 2.0]), max_size=2)  # ties are common
histories = st.lists(st.tuples(st.sampled_from(TrialState), few_values), max_size=8).map(
    lambda fates: [trial(number, state, *values) for number, (state, values) in enumerate(fates)]
)


@given(goals, finite, finite)
def test_the_goal_turns_every_comparison(goal, value, other):
    wins = value > other if goal == "maximize" else value < other
    assert better(goal, value, other) == wins
    assert (gain(goal, value, other) > 0) == wins
    assert gain(goal, value, other) == -gain(goal, other, value)
    assert (best(goal, [other, value]) == value) == (wins or value == other)


def test_a_loss_falls():
    assert [sign_of(goal) for goal in GOALS] == [1.0, -1.0]
    assert [is_loss_like(goal) for goal in GOALS] == [False, True]


@given(goals, histories)
def test_the_ranking_agrees_with_a_plain_reading(goal, trials):
    found = ranked(goal, trials)
    assert set(numbers(found)) == {t.number for t in trials if t.values and t.state not in BAD}
    for one, other in itertools.pairwise(found):
        done, other_done = (t.state is TrialState.COMPLETED for t in (one, other))
        assert done >= other_done
        if done == other_done:
            assert not better(goal, other.value, one.value)
            assert one.value != other.value or one.number < other.number
    assert winner(goal, trials) is (found[0] if found else None)


@given(goals, histories)
def test_the_leader_is_the_best_of_all_that_lead(goal, trials):
    alive = [t for t in trials if ranked_value(goal, t) is not None]
    found = leader(goal, trials)
    if found is None:
        assert alive == []
    else:
        assert found.value == best(goal, [t.value for t in alive])
        assert found.number == min(t.number for t in alive if t.value == found.value)
    completed = [t for t in trials if t.state is TrialState.COMPLETED]
    assert best_completed(goal, trials) is leader(goal, completed)


def test_what_diverged_or_failed_leads_nothing_whatever_it_reported():
    trials = [trial(0, "running", 0.5), trial(1, "diverged", 0.95), trial(2, "failed", 0.99), trial(3, "pruned", 0.4)]
    assert numbers(ranked("maximize", trials)) == [0, 3]
    assert winner("maximize", trials) is leader("maximize", trials) is trials[0]
    assert best_completed("maximize", trials) is None
    assert winner("maximize", trials[1:3]) is None


def test_a_completed_trial_wins_over_better_values_that_are_not_final():
    trials = [trial(0, "completed", 0.5, 0.8), trial(1, "running", 0.9), trial(2, "completed", 0.9, 0.8)]
    assert numbers(ranked("maximize", trials)) == [0, 2, 1]
    assert leader("maximize", trials) is trials[1]
    assert winner("maximize", trials) is trials[0], "of equals the earlier"


shares = st.lists(st.floats(0.001, 1), min_size=1, max_size=7)


@given(shares, st.integers(1, 300))
def test_the_stages_have_each_trial_once_in_order(weights, budget):
    total = math.fsum(weights)
    stages = tuple(
        StagePlan(name=f"s{index}", tune=("momentum",), share=weight / total) for index, weight in enumerate(weights)
    )
    plan = make_plan(budget={"trials": budget}).model_copy(update={"stages": stages})
    dealt = [numbers_of(plan, stage) for stage in stages]
    assert list(itertools.chain(*dealt)) == list(range(budget))
    for stage, own in zip(stages, dealt, strict=True):
        assert {stage_of(plan, number).name for number in own} <= {stage.name}
        assert len(own) == pytest.approx(stage.share * budget, abs=1.001)
    ends = [own.stop for own in dealt]
    assert [own.start for own in dealt] == [0, *ends[:-1]], "one without trials stands where it would begin"


KNOWN = modules()
HOME = "sweep.standing"


def turned(source: str) -> list[str]:
    """Where a source decides by a goal, or picks a sign or a side: what only the home may do.

    To write the words (as a default, in a message, a type or an example) decides nothing.
    """
    return [f"{node.lineno}: {ast.unparse(node)[:80]}" for node in ast.walk(ast.parse(source)) if decides(node)]


def decides(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare):
        return any(is_goal(part) for operand in (node.left, *node.comparators) for part in parts(operand))
    if isinstance(node, ast.Dict):
        return any(is_goal(key) for key in node.keys)
    if isinstance(node, ast.MatchValue):
        return is_goal(node.value)
    if isinstance(node, ast.IfExp):
        sides = {ast.unparse(node.body), ast.unparse(node.orelse)}
        return sides in ({"1", "-1"}, {"1.0", "-1.0"}) or (sides == {"max", "min"} and "goal" in ast.unparse(node.test))
    return False


def parts(node: ast.expr) -> Iterator[ast.AST]:
    return iter(node.elts) if isinstance(node, ast.Tuple | ast.List | ast.Set) else iter([node])


def is_goal(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value in get_args(Goal)


@pytest.mark.parametrize("module", [module for module in KNOWN if module != HOME])
def test_only_the_home_knows_what_a_goal_means(module):
    assert turned(KNOWN[module].read_text()) == []


@pytest.mark.parametrize(
    "planted",
    [
        'sign = 1.0 if goal == "maximize" else -1.0',
        'if plan.goal != "minimize": pass',
        'down = goal in ("min", "minimize")',
        "sign = -1 if up else 1",
        "pick = max if goal_is_up else min",
        'sign = {"maximize": 1, "minimize": -1}[goal]',
        'match goal:\n    case "maximize": pass',
    ],
)
def test_a_planted_comparison_is_found(planted):
    assert len(turned(planted)) >= 1
    assert turned(KNOWN[HOME].read_text()) != []


@pytest.mark.parametrize(
    "written",
    ['f(goal="maximize")', 'raise ValueError("choose minimize or maximize")', "if one.goal == other.goal: pass"],
)
def test_to_write_a_goal_is_allowed(written):
    assert turned(written) == []
