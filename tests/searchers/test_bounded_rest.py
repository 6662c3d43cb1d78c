"""Of a rest of many trials a sample stands for them: which it is, for how much each counts, and what it costs."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
from trials_of_every_fate import ended

from orchestrator.searchers import ProposalRequest, _columns
from orchestrator.searchers._columns import MOST_GOOD, MOST_REST, NEAR_PART, History
from orchestrator.searchers._densities import ramp
from orchestrator.searchers._rest import Branch, rest_of
from orchestrator.searchers.tpe import TpeSearcher
from orchestrator.sweep.domains import Choice, Float
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import TrialState
from orchestrator.sweep.trial_list import TrialList

NONE = np.array([], dtype=int)
FORKED = Space(
    {
        "optimizer": Choice(choices=("sgd", "adam"), default="sgd", weights=(1.0, 19.0)),
        "learning_rate": Float(low=1e-4, high=1.0, scale="log", default=0.01),
        "momentum": Float(low=0.0, high=1.0, default=0.5, when={"optimizer": ("sgd",)}),
    }
)


def branches(sizes: dict[str, tuple[int, int]], most: int) -> dict[str, Branch]:
    """Branches of so many trials that ended, and that run, their trials in turn."""
    made = {name: Branch(frozenset([name])) for name in sizes}
    order = [name for name, (over, running) in sizes.items() for _ in range(over + running)]
    Random(0).shuffle(order)
    left = {name: over for name, (over, _) in sizes.items()}
    for place, name in enumerate(order):
        made[name].begin(place)
        if left[name]:
            left[name] -= 1
            made[name].leave(place)
            made[name].learn(place, most)
    return made


def rest(made: dict[str, Branch], most: int | None, known: int):
    return rest_of(
        [b.running() for b in made.values()], [b.besides(frozenset(), 0) for b in made.values()], NONE, known, most
    )


def test_every_trial_stands_for_itself_up_to_the_bound():
    made = branches({"a": (70, 10), "b": (20, 0)}, 200)
    found = rest(made, 100, 100)
    assert (found.rows.tolist(), found.number) == (list(range(100)), 100)
    assert found.weights[-25:].tolist() == [1.0] * 25


def test_beyond_it_each_condition_keeps_its_share_and_those_that_run_a_quarter():
    sizes = {"a": (7000, 90), "b": (2000, 10), "c": (900, 0)}
    made = branches(sizes, 125)
    found = rest(made, 100, 10_000)
    running = {place for branch in made.values() for place in branch.running().places.tolist()}
    assert (len(found.rows), found.number, len(set(found.rows.tolist()) & running)) == (100, 10_000, 25)
    of = {place: name for name, branch in made.items() for place in branch.besides(frozenset(), 0).places.tolist()}
    assert Counter(of[place] for place in found.rows.tolist() if place in of) == {"a": 53, "b": 15, "c": 7}
    assert sorted(found.rows.tolist()) == found.rows.tolist()


def test_the_sample_weighs_what_it_stands_for():
    sizes = {"a": (6000, 3000), "b": (1000, 0)}
    whole, part = (rest(branches(sizes, most + 25), most, 10_000) for most in (20_000, 1_000))
    assert part.weights.sum() == pytest.approx(whole.weights.sum(), rel=0.02)


def test_with_few_that_ended_or_few_that_run_the_others_fill_the_sample():
    assert len(rest(branches({"a": (3, 5000)}, 125), 100, 5003).rows) == 100
    assert len(rest(branches({"a": (5000, 3)}, 125), 100, 5003).rows) == 100
    assert len(rest(branches({"a": (5000, 0)}, 125), 100, 5000).rows) == 100
    assert len(rest(branches({"a": (0, 5000)}, 125), 100, 5000).rows) == 100


def test_the_best_of_the_rest_are_whole_and_the_others_stand_for_all_but_them():
    made = branches({"a": (9000, 0)}, 125)
    near = frozenset(range(0, 9000, 180))
    found = rest_of([], [made["a"].besides(near, len(near))], np.array(sorted(near)), 9000, 100)
    assert near <= set(found.rows.tolist())
    assert (len(found.rows), found.number) == (100, 9000)
    whole = dict(zip(found.rows.tolist(), (found.weights / ramp(9000)[found.rows]).tolist(), strict=True))
    assert {weight for place, weight in whole.items() if place in near} == {1.0}
    assert {round(weight) for place, weight in whole.items() if place not in near} == {179}


def test_a_proposal_follows_from_the_trials_however_they_came_to_be_known():
    trials, dice = ended(FORKED, 3700, Random(5)), Random(1)
    at_once, watching, shown = (
        (TpeSearcher(FORKED, "maximize", TpeSearcher.Options()) for _ in range(2)),
        None,
        TrialList(),
    )
    once, watching = at_once
    late = []
    for trial in trials:
        final, trial.state = trial.state, TrialState.RUNNING
        shown.append(trial)
        late.append((trial, final))
        if len(late) > 400:
            ending, state = late.pop(dice.randrange(len(late)))
            ending.state = state
            shown.note(ending.number)
        if dice.random() < 0.01:
            watching.propose(ProposalRequest(len(shown), ("learning_rate",), {}, "0/0/0"), shown)
    for ending, state in late:
        ending.state = state
        shown.note(ending.number)
    for correlated in (True, False):
        request = ProposalRequest(3700, FORKED.tunable, {}, "1/2/3", correlated=correlated)
        assert watching.propose(request, shown) == once.propose(request, list(shown))


@pytest.mark.parametrize("most_rest", [40, None])
def test_trials_are_taken_in_one_go_as_they_are_one_by_one(most_rest, monkeypatch):
    trials, found = ended(FORKED, 600, Random(6)), []
    for at_once in (10_000, 1, 150):
        monkeypatch.setattr(_columns, "AT_ONCE", at_once)
        history, dice, known = History(FORKED, "maximize", most_rest), Random(7), 0
        while known < len(trials):
            known += dice.randrange(1, 200)
            history.update(trials[:known])
        pools = {b.active: (b.running(), b.besides(frozenset(), 0)) for b in history.branches.values()}
        kept = {active: [(pool.size, pool.places.tolist()) for pool in both] for active, both in pools.items()}
        apart = history.apart()
        found.append((history.learned, apart.good, apart.both, kept))
    assert found[0] == found[1] == found[2]
    assert {len(running) > 0 for (_, running), _ in found[0][3].values()} == {True}, "some run"


def test_what_is_rarely_active_has_as_many_kernels_as_there_are():
    trials = ended(FORKED, 5000, Random(2), running=0.0)
    history = History(FORKED, "maximize")
    history.update(trials)
    branch = next(branch for branch in history.branches.values() if "momentum" in branch.active)
    assert 150 < branch.ended < 400
    assert len(branch.besides(frozenset(), 0).places) == branch.ended
    kept = [len(branch.besides(frozenset(), 0).places) for branch in history.branches.values()]
    assert max(kept) == MOST_REST + MOST_REST // NEAR_PART + MOST_GOOD


def test_a_trial_that_is_opened_again_is_no_longer_learned_from():
    trials, shown = ended(FORKED, 60, Random(4)), TrialList()
    shown.extend(trials)
    history = History(FORKED, "maximize")
    history.update(shown)
    learned, good = history.learned, history.apart().good
    reopened = next(trial for trial in trials if trial.number in good)
    reopened.state, reopened.told = TrialState.INTERRUPTED, None
    shown.note(reopened.number)
    history.update(shown)
    assert history.learned == learned - 1
    assert reopened.number not in history.apart().good
