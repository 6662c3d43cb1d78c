"""The brake asks whether the code works, not whether a region fails."""

from __future__ import annotations

import math
from random import Random

import pytest
from sweeps import make_plan

from orchestrator.control.controller import Controller
from orchestrator.control.simulator import MemoryJournal, SimulatedCluster, VirtualClock, simulate
from orchestrator.policies.brake import Brake
from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Attempt, Outcome, Trial, TrialState

ERROR = "train.py:7 in train: step()\nValueError: batch {} is too large"


def ended(number: int, state: TrialState = TrialState.FAILED, error: str = ERROR, outcome=Outcome.ERROR) -> Trial:
    trial = Trial(number, f"{number}", {}, "s", "uniform", (), None, 0, state)
    trial.attempts.append(Attempt(0, 0.0, outcome=outcome, error=error.format(number)))
    return trial


def fail(brake: Brake, numbers: range, **how) -> None:
    for number in numbers:
        brake.on_end(ended(number, **how))


def test_three_alike_before_anything_was_reported_are_enough():
    brake = Brake()
    fail(brake, range(2))
    assert brake.note() is None
    fail(brake, range(2, 3))
    assert brake.note() == (
        "3 trials failed alike (trials 0, 1, 2), and no trial of this driver has reported a finite objective: "
        "ValueError: batch 0 is too large (train.py:7 in train)"
    )


def test_what_runs_and_reports_lets_go():
    brake = Brake()
    fail(brake, range(3))
    brake.on_report(7, math.nan)
    assert brake.note() is not None
    brake.on_report(7, 0.5)
    assert brake.note() is None


@pytest.mark.parametrize(
    "how",
    [
        {"outcome": Outcome.OUT_OF_MEMORY},
        {"state": TrialState.DIVERGED},
        {"state": TrialState.INTERRUPTED, "outcome": Outcome.LOST},
    ],
)
def test_out_of_memory_divergence_and_what_is_repeated_never_count(how):
    brake = Brake()
    fail(brake, range(40), **how)
    assert brake.note() is None


def test_three_that_differ_are_not_enough():
    brake = Brake()
    for number, error in enumerate([ERROR, "TypeError: no", "KeyError: 'a'", ERROR]):
        brake.on_end(ended(number, error=error))
    assert brake.note() is None


def test_three_alike_say_nothing_where_an_earlier_driver_saw_the_same_code_work():
    brake = Brake(is_proven=True)
    fail(brake, range(9))
    assert brake.note() is None
    fail(brake, range(9, 40))
    assert brake.note() is not None


def worked(places: int = 1) -> Brake:
    brake = Brake()
    brake.on_open(places)
    for number in range(100, 120):
        brake.on_report(number, 0.5)
        brake.on_end(ended(number, TrialState.COMPLETED))
    return brake


@pytest.mark.parametrize(("places", "needed"), [(1, 10), (5, 10), (8, 16), (64, 128)])
def test_later_it_takes_ten_or_twice_the_places(places: int, needed: int):
    brake = worked(places)
    fail(brake, range(needed - 1))
    assert brake.note() is None
    fail(brake, range(needed - 1, needed))
    assert brake.note().startswith(f"the last {needed} trials to end failed alike, and none has reported since: ")


@pytest.mark.parametrize("other", [TrialState.COMPLETED, TrialState.PRUNED, TrialState.DIVERGED, TrialState.FAILED])
def test_anything_else_that_ends_begins_the_count_anew(other: TrialState):
    brake = worked()
    fail(brake, range(9))
    brake.on_end(ended(9, other, "KeyError: 'other'"))
    fail(brake, range(10, 19))
    assert brake.note() is None


def test_a_running_trial_that_reported_since_the_first_of_them_holds_it_off():
    brake = worked()
    brake.on_report(50, 0.1)
    fail(brake, range(4))
    brake.on_report(51, 0.2)
    fail(brake, range(4, 30))
    assert brake.note() is None
    brake.on_end(ended(51))
    assert brake.note() is not None


def test_a_failure_that_was_frequent_needs_a_longer_run():
    brake = Brake()
    for number in range(20):  # half of the trials fail so, one by one
        brake.on_end(ended(number))
        brake.on_end(ended(200 + number, TrialState.COMPLETED))
    fail(brake, range(20, 33))
    assert brake.note() is None, "13 in a row have odds of 1 to 8,192"
    fail(brake, range(33, 34))
    assert brake.note() is not None


SPACE = {"u": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.95, "tier": 1}}


def run(fails, places: int, seed: int = 0, trials: int = 40, **changes) -> tuple[str, SweepState, list[ev.Event]]:
    plan = make_plan(
        search_space=SPACE, search="random", searcher="random", budget={"trials": trials}, seed=seed,
        fidelity={"metric": "epoch", "min": 1, "max": 3}, **changes,
    )  # fmt: skip
    first = ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"))
    clock, journal = VirtualClock(), MemoryJournal([first])
    controller = Controller(SweepState(first), journal, clock)
    cluster = SimulatedCluster(workers=places, fails=lambda config, _, fidelity: fails(config, fidelity))
    reason = simulate(controller, clock, lambda config, fidelity: config["u"] * fidelity, cluster)
    controller.close(reason)
    return reason, controller.state, journal.events


@pytest.mark.parametrize(("places", "most"), [(1, 3), (8, 10), (64, 40)])
def test_code_that_never_works_stops_the_sweep_and_says_so_on_the_log(places: int, most: int):
    reason, state, events = run(lambda config, _: ERROR.format(config["u"]), places)
    if places == 64:  # all its trials had begun before any ended
        assert (reason, state.leader()) == ("finished", None)
        return
    assert reason == "brake"
    assert len(state.trials) <= most
    assert events[-1].reason == "brake"
    assert events[-1].note == state.stopped_note == replay(events).stopped_note
    assert "trials failed alike (trials 0, 1, 2" in state.stopped_note


def test_it_can_be_turned_off():
    reason, state, _ = run(lambda config, _: ERROR.format(config["u"]), 1, brake=False)
    assert (reason, len(state.trials)) == ("finished", 40)


def test_what_trains_when_it_acts_goes_on_to_its_end():
    def fails(config, fidelity):
        return None if config["u"] == 0.95 else ERROR.format(config["u"])

    reason, state, _ = run(fails, 4, trials=12)  # the baseline reports once the first three have failed
    assert reason == "finished"
    assert state.trials[0].state is TrialState.COMPLETED
    assert len(state.trials) == 12


def test_code_that_breaks_later_is_noticed():
    count = iter(range(10_000))
    reason, state, _ = run(lambda config, _: ERROR.format(1) if next(count) > 40 else None, 1, trials=60)
    assert reason == "brake"
    assert state.stopped_note.startswith("the last 1")
    assert len(state.trials) < 40


@pytest.mark.parametrize("places", [1, 8, 64])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_failing_region_is_no_brake(share: float, places: int):
    for seed in range(4):
        reason, state, _ = run(lambda c, _: ERROR.format(c["u"]) if c["u"] < share else None, places, seed, 60)
        assert (reason, len(state.trials)) == ("finished", 60), f"seed {seed}: {state.stopped_note}"


def test_random_failures_after_a_baseline_that_works_are_no_brake():
    for seed in range(4):
        dice = Random(seed)
        reason, _, _ = run(
            lambda c, f, d=dice: ERROR.format(0) if c["u"] != 0.95 and d.random() < 0.2 else None, 8, seed
        )
        assert reason == "finished"
