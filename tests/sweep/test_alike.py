"""Trials that hold the same objects are the same trials."""

from __future__ import annotations

from copy import deepcopy

from sweeps import make_plan, smooth

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.state.fold import replay
from orchestrator.state.snapshot import decoded, encoded
from orchestrator.sweep.alike import one_block, one_fidelity, share


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
            share(trial)
        assert list(one.trials) == list(before)
        places = {id(trial.block) for trial in one.trials}
        assert len(places) == len({trial.block for trial in one.trials})
        fidelities = [fidelity for trial in one.trials for fidelity in trial.values]
        assert len({id(fidelity) for fidelity in fidelities}) == len(set(fidelities))
    assert list(again.trials) == list(state.trials)
