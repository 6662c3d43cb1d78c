"""Trials that hold the same objects are the same trials."""

from __future__ import annotations

from copy import deepcopy

from sweeps import make_plan, smooth

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.state.fold import replay
from orchestrator.state.snapshot import decoded, encoded
from orchestrator.sweep.alike import one_block, one_fidelity, share
from orchestrator.sweep.constraints import Bound, take_bounded
from orchestrator.sweep.trial import Trial


def test_what_is_shared_is_what_it_was():
    made = [one_fidelity(float(f"{number}.5")) for number in (1, 2, 1)]
    assert made == [1.5, 2.5, 1.5]
    assert made[0] is made[2]
    for odd in (0.0, -0.0, 1, True, float("nan"), -2.0):
        assert one_fidelity(odd) is odd, "its sign or its kind would be lost"
    assert one_block(("a", "b")) is one_block(tuple("ab"))


def test_trials_of_a_log_and_of_a_snapshot_share_and_are_equal():
    events = simulate_plan(make_plan(budget={"trials": 12}), smooth, SimulatedCluster(workers=3))[1].events
    state = replay(events)
    again = decoded(encoded(state))
    for one in (state, again):
        before = deepcopy(one.trials)
        for trial in one.trials:
            share(trial, one.trials)
        assert list(one.trials) == list(before)
        places = {id(trial.block) for trial in one.trials}
        assert len(places) == len({trial.block for trial in one.trials})
        assert len({id(trial.bounded) for trial in one.trials}) == 1, "nothing is bounded"
        fidelities = [fidelity for trial in one.trials for fidelity in trial.values]
        assert len({id(fidelity) for fidelity in fidelities}) == len(set(fidelities))
    assert list(again.trials) == list(state.trials)


def test_a_number_of_another_trial_is_the_one_that_it_holds():
    trials = [Trial(number, "", {}, "one", "model", (), None, 0) for number in range(300)]
    asks = Trial(300, "", {}, "one", "model", (), None, 0, learned_from=int("299"), nearest=int("298"))
    share(asks, trials)
    assert (asks.learned_from, asks.nearest) == (299, 298)
    assert asks.learned_from is trials[299].number
    assert asks.nearest is trials[298].number
    for odd in (None, 10**9, -1):
        asks.learned_from = odd
        share(asks, trials)
        assert asks.learned_from is odd


def test_what_is_bounded_in_one_trial_is_not_so_in_others():
    first, second = (Trial(number, "", {}, "one", "model", (), None, 0) for number in range(2))
    for trial in (first, second):
        share(trial, [])
    take_bounded(first, {"memory": Bound(max=3.0)}, {"memory": 5.0})
    assert (first.bounded, second.bounded) == ({"memory": 5.0}, {})
    share(second, [])
    assert second.bounded == {}
