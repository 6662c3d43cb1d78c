"""What is kept up beside the trials says what a walk over all of them says: to the last bit where it decides."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeps import cliff, make_plan

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.ladders._standings import Standings
from orchestrator.policies.caps import Caps
from orchestrator.state.fold import SweepState
from orchestrator.state.spend import OpenTime
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome

moments = st.floats(0, 2e9) | st.floats(0, 1e-3) | st.integers(0, 10**6).map(float)


def state_of(budget: dict, gpus: float) -> SweepState:
    plan = make_plan(budget={"trials": 100, **budget}, resources={"gpus": gpus}, search="random", searcher="random")
    return SweepState(ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")))


def start(state: SweepState, t: float) -> int:
    number = len(state.trials)
    state.apply(ev.TrialProposed(t, number, {"momentum": 0.9}, "all", "uniform", [], None, 0))
    state.apply(ev.AttemptStarted(t, number, 0))
    return number


def walked(state: SweepState, now_s: float) -> str | None:
    """The cap that is reached, as it was always told: by a sum over what is open."""
    budget, spend = state.plan.spec.budget, state.spend_at(now_s)
    if budget.gpu_hours is not None and spend.gpu_hours >= budget.gpu_hours:
        return "gpu_hours"
    return "cpu_hours" if budget.cpu_hours is not None and spend.cpu_hours >= budget.cpu_hours else None


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(moments, min_size=1, max_size=12), now_s=moments, ends=st.integers(0, 12), seed=st.integers(0, 99)
)
def test_a_cap_is_reached_at_the_very_moment_at_which_a_sum_over_all_that_is_open_reaches_it(times, now_s, ends, seed):
    state, dice = state_of({}, 0.25), random.Random(seed)
    for t in times:
        state.apply(ev.AttemptPlaced(t, start(state, t), 0))
    for number in dice.sample(range(len(times)), min(ends, len(times))):
        state.apply(ev.AttemptEnded(dice.choice([now_s, *times]), number, 0, Outcome.LOST, "gone"))
    exact, about = state.spend_at(now_s), state.spend_about(now_s)
    if about is not None:
        assert about.worker_s == pytest.approx(exact.worker_s, rel=1e-12)
    for kind, spent in (("gpu_hours", exact.gpu_hours), ("cpu_hours", exact.cpu_hours)):
        for part in (0.5, 1 - 1e-12, 1 - 2**-53, 1.0, 1 + 2**-52, 1 + 1e-12, 2.0):
            cap = spent * part
            if cap > 0:
                budget = state.plan.spec.budget.model_copy(update={"gpu_hours": None, "cpu_hours": None, kind: cap})
                spec = state.plan.spec.model_copy(update={"budget": budget})
                state.plan = state.plan.model_copy(update={"spec": spec})
                assert Caps(state, 0.0).reached(now_s) == walked(state, now_s)


@given(st.lists(moments, min_size=1, max_size=40), moments)
def test_what_is_open_is_summed_without_loss_however_many_come_and_go(times, now_s):
    kept, through = OpenTime(), OpenTime()
    kept.begin(times[0])
    through.begin(times[0])
    for before, after in pairwise(times):
        through.begin(after)
        through.end(before)
    kept.begin(times[-1])
    kept.end(times[0])
    whenever = max([now_s, *times])
    assert kept.until(whenever) == through.until(whenever)


def test_a_clock_that_was_set_back_charges_nobody_less_than_nothing():
    state = state_of({"gpu_hours": 1.0}, 1)
    for t in (100.0, 5000.0):
        state.apply(ev.AttemptPlaced(t, start(state, t), 0))
    assert state.spend_about(2000.0) is None
    assert state.spend_at(2000.0).worker_s == 1900
    assert Caps(state, 0.0).reached(3700.0) == "gpu_hours"
    for number in (0, 1):
        state.apply(ev.AttemptEnded(5000.0, number, 0, Outcome.LOST))
    state.apply(ev.AttemptPlaced(10.0, start(state, 10.0), 0))  # the next driver's clock begins anew
    assert state.spend_about(20.0) == state.spend_at(20.0)


@pytest.mark.parametrize("format_", [1, 2])
def test_who_is_told_what_changed_knows_what_a_look_at_all_would_say(format_: int):
    plan = make_plan(budget={"trials": 60}, brake=False)
    lost = random.Random(5)
    cluster = SimulatedCluster(
        workers=7,
        loses=lambda *_: lost.random() < 0.03,
        fails=lambda config, _attempt, fidelity: "broken" if config["momentum"] < 0.7 and fidelity > 2 else None,
    )
    _, journal = simulate_plan(plan, cliff, cluster)
    first, *events = journal.events
    state, grown, dice = SweepState(ev.SweepPlanned(first.t, format_, first.plan)), Standings(plan), random.Random(3)
    for event in events:
        state.apply(event)
        if dice.random() < 0.3:
            grown.update(state.trials)
            once = Standings(plan)
            once.update(list(state.trials))  # a plain list, which tells of no change
            assert grown.leader(state.trials) is once.leader(state.trials) is state.leader()
            assert grown.completed(state.trials, 5) == once.completed(state.trials, 5)
            assert (grown.reported, grown.finished) == (once.reported, once.finished)
    assert {"diverged", "failed", "pruned", "completed"} <= {trial.state.value for trial in state.trials}


def test_a_trial_that_is_opened_again_counts_as_what_it_is_now():
    state, standings = state_of({}, 0), Standings(make_plan())
    number = start(state, 0.0)
    state.apply(ev.Reported(1.0, number, 0, 1.0, {"score": 0.5}))
    state.apply(ev.AttemptEnded(2.0, number, 0, Outcome.ERROR, "broken"))
    standings.update(state.trials)
    assert (standings.finished.total(), standings.leader(state.trials)) == (0, None)
    state.apply(ev.TrialReopened(3.0, number))
    standings.update(state.trials)
    assert standings.leader(state.trials) is state.trials[number]
