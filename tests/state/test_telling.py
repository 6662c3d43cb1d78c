"""What failures teach: told while others succeed, kept back while all fail."""

from __future__ import annotations

import pytest
from sweeps import make_plan

from orchestrator.control.controller import Controller
from orchestrator.control.simulator import MemoryJournal, SimulatedCluster, VirtualClock, simulate
from orchestrator.state.fold import SweepState
from orchestrator.state.telling import Telling
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Attempt, Outcome, Trial, TrialState


def ended(state: TrialState, outcome: Outcome = Outcome.ERROR, fidelity: float = 0.0) -> Trial:
    trial = Trial(0, "0", {}, "s", "uniform", (), None, 0, state)
    trial.attempts.append(Attempt(0, 0.0, outcome=outcome))
    trial.fidelity = fidelity
    return trial


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.LOST, Outcome.HUNG, Outcome.RETURNED])
def test_any_failure_is_told_behind_everything_once_another_trial_gets_further(outcome: Outcome):
    telling, failed = Telling("maximize", tells_failures=True), ended(TrialState.FAILED, outcome, fidelity=2.0)
    telling.take_value(1.0, 0.5)
    telling.take_value(2.0, 0.3)
    telling.take_state(failed)
    assert (failed.told, failed.is_untold) == (None, True)
    telling.take_value(3.0, 0.7)
    assert failed.told == pytest.approx(0.3 - 0.1 * 0.4)
    assert not failed.is_untold


@pytest.mark.parametrize("state", [TrialState.COMPLETED, TrialState.PRUNED])
def test_or_once_one_ends_well(state: TrialState):
    telling, failed = Telling("minimize", tells_failures=True), ended(TrialState.FAILED, fidelity=9.0)
    telling.take_state(failed)
    telling.take_value(1.0, 2.0)
    assert failed.is_untold
    telling.take_state(ended(state))
    assert failed.told == pytest.approx(2.2)


def test_divergence_and_out_of_memory_are_told_as_soon_as_there_is_a_value():
    telling = Telling("maximize", tells_failures=True)
    found = [ended(TrialState.DIVERGED), ended(TrialState.FAILED, Outcome.OUT_OF_MEMORY, 5.0)]
    for trial in found:
        telling.take_state(trial)
    telling.take_value(1.0, 0.4)
    assert [trial.told for trial in found] == [pytest.approx(0.36)] * 2


def test_a_sweep_of_format_1_tells_no_other_failure():
    telling, failed = Telling("maximize", tells_failures=False), ended(TrialState.FAILED)
    telling.take_value(1.0, 0.5)
    telling.take_state(ended(TrialState.COMPLETED))
    telling.take_state(failed)
    assert (failed.told, failed.is_untold) == (None, False)


def test_what_is_opened_again_is_told_no_more():
    telling, failed = Telling("maximize", tells_failures=True), ended(TrialState.FAILED)
    telling.take_state(failed)
    telling.forget(failed)
    telling.take_value(1.0, 0.5)
    assert (failed.told, failed.is_untold) == (None, False)


SPACE = {
    "lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "default": 0.01, "tier": 1},
    "batch": {"type": "choice", "choices": [32, 64, 128, 256, 512, 1024, 2048], "default": 64, "tier": 1},
}


def share_failed_late(begun: int, seed: int) -> float:
    """The part of the last 30 of 60 proposals that lies in a region that raises."""
    plan = make_plan(
        search_space=SPACE, search="joint", searcher="tpe", budget={"trials": 60}, seed=seed, brake=False,
        fidelity={"metric": "epoch", "min": 1, "max": 3},
    )  # fmt: skip
    first = ev.SweepPlanned(0.0, begun, plan.model_dump(mode="json"))
    clock = VirtualClock()
    controller = Controller(SweepState(first), MemoryJournal([first]), clock)
    cluster = SimulatedCluster(workers=4, fails=lambda c, *_: f"ValueError: {c['batch']}" if c["batch"] > 256 else None)
    simulate(controller, clock, lambda c, f: -abs(c["batch"] - 300) * f, cluster)
    return sum(trial.config["batch"] > 256 for trial in controller.state.trials[30:]) / 30


def test_a_region_that_raises_is_avoided_and_was_not_before():
    before, after = (sum(share_failed_late(begun, seed) for seed in range(2)) / 2 for begun in (1, 2))
    assert after < 0.35
    assert after < before / 1.5
