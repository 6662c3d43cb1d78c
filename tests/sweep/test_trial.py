"""The state table: every (state, event) pair, exhaustively."""

from __future__ import annotations

import itertools

import pytest
from sweeps import make_plan

from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import AFTER_ATTEMPT, AFTER_STOP, Outcome, StopReason, TrialState, training_seed, trial_id

FINAL = {TrialState.COMPLETED, TrialState.PRUNED, TrialState.DIVERGED, TrialState.FAILED}


def running(**changes) -> SweepState:
    plan = make_plan(**changes)
    state = SweepState(ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")))
    state.apply(ev.TrialProposed(1.0, 0, plan.space.baseline, "tier-1", "baseline", [], None, 0))
    state.apply(ev.AttemptStarted(1.0, 0, 0))
    return state


def report(state: SweepState, fidelity: float, value: float | str = 0.5, stop: StopReason | None = None) -> None:
    state.apply(ev.Reported(2.0, 0, len(state.trials[0].attempts) - 1, fidelity, {"score": value}, None, stop))


def test_the_tables_are_complete():
    assert set(AFTER_STOP) == set(StopReason)
    assert set(AFTER_ATTEMPT) == set(Outcome)
    assert {state for state in TrialState if state.is_final} == FINAL


@pytest.mark.parametrize(("stop", "outcome"), list(itertools.product(StopReason, Outcome)))
def test_a_verdict_decides_and_the_end_of_the_attempt_does_not_overrule_it(stop, outcome):
    state = running()
    report(state, 3.0, "nan" if stop is StopReason.NOT_FINITE else 0.5, stop)
    decided = state.trials[0].state
    assert decided is AFTER_STOP[stop]
    state.apply(ev.AttemptEnded(3.0, 0, 0, outcome))
    assert state.trials[0].state is decided
    assert (0 in state.waiting) == (decided is TrialState.INTERRUPTED)
    assert state.open == {}


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("reported", [True, False])
def test_an_attempt_that_ends_by_itself(outcome, reported):
    state = running()
    if reported:
        report(state, 3.0)
    state.apply(ev.AttemptEnded(3.0, 0, 0, outcome, "text"))
    expected = AFTER_ATTEMPT[outcome]
    if outcome in {Outcome.RETURNED, Outcome.OVERTIME} and not reported:
        expected = TrialState.FAILED
    if outcome is Outcome.RETURNED and not reported:
        assert state.trials[0].attempt.error == "the training function returned without reporting a value"
    assert state.trials[0].state is expected


def test_only_lost_machines_use_up_the_attempts():
    state = running(max_attempts=2)
    for attempt, outcome in enumerate([Outcome.INTERRUPTED, Outcome.LOST, Outcome.INTERRUPTED]):
        state.apply(ev.AttemptEnded(3.0, 0, attempt, outcome))
        assert state.trials[0].state is TrialState.INTERRUPTED
        state.apply(ev.AttemptStarted(4.0, 0, attempt + 1))
        assert state.trials[0].state is TrialState.RUNNING
    state.apply(ev.AttemptEnded(5.0, 0, 3, Outcome.LOST))
    assert state.trials[0].state is TrialState.FAILED


def test_what_diverged_is_told_worse_than_the_worst_seen_even_if_nothing_was_seen_before():
    state = running()
    report(state, 1.0, "inf", StopReason.NOT_FINITE)
    assert state.trials[0].told is None
    state.apply(ev.TrialProposed(3.0, 1, state.plan.space.baseline, "tier-1", "uniform", [], None, 0))
    state.apply(ev.AttemptStarted(3.0, 1, 0))
    state.apply(ev.Reported(4.0, 1, 0, 1.0, {"score": 0.4}))
    assert state.trials[0].told < 0.4


def test_spend_runs_from_placement_to_release_and_a_crash_is_charged_to_the_last_sign_of_life():
    state = running(resources={"cpus": 2, "gpus": 0.5})
    state.apply(ev.AttemptPlaced(100.0, 0, 0, "node"))
    assert state.spend_at(1900.0).gpu_hours == 0.25
    state.apply(ev.AttemptEnded(9000.0, 0, 0, Outcome.INTERRUPTED, None, 3700.0))
    assert (state.spend.worker_s, state.spend.gpu_hours, state.spend.cpu_hours) == (3600.0, 0.5, 2.0)
    assert state.spend_at(99999.0) == state.spend


def test_repeated_epochs_are_paid_twice_and_resumed_ones_once():
    state = running()
    report(state, 1.0)
    report(state, 2.0)
    state.apply(ev.AttemptEnded(3.0, 0, 0, Outcome.LOST))
    state.apply(ev.AttemptStarted(4.0, 0, 1, "checkpoint", 1.0))
    report(state, 2.0)
    report(state, 3.0)
    assert state.spend.fidelity == 4.0
    assert state.trials[0].values == {1.0: 0.5, 2.0: 0.5, 3.0: 0.5}


def test_ids_and_seeds_follow_from_number_and_content():
    assert trial_id(7, {"a": 1, "b": 2.0}) == trial_id(7, {"b": 2.0, "a": 1})
    assert trial_id(7, {"a": 1}) != trial_id(7, {"a": 2})
    assert trial_id(7, {"a": 1}).startswith("0007-")
    assert training_seed(1, 2) == training_seed(1, 2) != training_seed(1, 3)
