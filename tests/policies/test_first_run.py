"""The first run: nothing but the baseline until it has shown that the code works, wherever the drivers die."""

from __future__ import annotations

import math

import pytest
from sweeps import make_plan, smooth

from orchestrator.control.answers import Done, Report, StartTrial, Wait
from orchestrator.control.controller import Controller
from orchestrator.control.notices import Notices, first_failure
from orchestrator.control.simulator import (
    MemoryJournal,
    SimulatedCluster,
    VirtualClock,
    resume_simulation,
    simulate_plan,
)
from orchestrator.policies.first_run import SHOWN_S, failed_at_once
from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState

SLOW = SimulatedCluster(workers=4, seconds=lambda _: 50.0)
"""An epoch takes longer than what a baseline without a report is waited for."""


def plan_of(trials: int = 8, **changes):
    fidelity = {"metric": "epoch", "min": 1, "max": 3}
    fields = {"budget": {"trials": trials}, "fidelity": fidelity, "search": "random", "searcher": "random"}
    return make_plan(**(fields | {"baseline_first": True} | changes))


def controller_of(**changes) -> tuple[Controller, VirtualClock]:
    plan, clock, journal = plan_of(**changes), VirtualClock(), MemoryJournal()
    first = ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"), m=0.0)
    journal.append(first)
    return Controller(SweepState(first), journal, clock, monotonic=clock), clock


def report_of(trial: int, value: float = 0.5) -> Report:
    return Report(trial, 0, 1.0, {"score": value, "epoch": 1.0})


def typo(config, attempt, fidelity):
    return "train.py:2 in train: x\nNameError: name 'lr' is not defined"


def test_the_others_wait_for_its_first_report():
    controller, _ = controller_of()
    assert isinstance(controller.next_step(), StartTrial)
    controller.on_placed(0, 0, entered=True)
    assert isinstance(controller.next_step(), Wait)
    controller.on_report(report_of(0))
    assert [controller.next_step().trial for _ in range(3)] == [1, 2, 3]


def test_the_others_wait_until_it_has_trained_for_long_enough_where_it_does_not_report():
    controller, clock = controller_of()
    controller.next_step()
    controller.on_placed(0, 0)
    clock.now = 1000.0
    assert isinstance(controller.next_step(), Wait), "a worker has it, and imports still"
    controller.on_placed(0, 0, entered=True)
    clock.now += SHOWN_S - 0.1
    assert isinstance(controller.next_step(), Wait)
    clock.now += 0.1
    assert controller.next_step().trial == 1


@pytest.mark.parametrize("end", ["diverged", "out of memory", "returned"])
def test_the_others_start_once_it_has_ended_in_a_way_that_says_nothing_against_the_code(end: str):
    controller, _ = controller_of()
    controller.next_step()
    controller.on_placed(0, 0, entered=True)
    if end == "diverged":
        controller.on_report(report_of(0, math.nan))
        controller.on_attempt_end(0, 0, Outcome.STOPPED)
    elif end == "returned":
        controller.on_report(report_of(0))
        controller.on_attempt_end(0, 0, Outcome.RETURNED)
    else:
        controller.on_attempt_end(0, 0, Outcome.OUT_OF_MEMORY, "CUDA out of memory")
    assert controller.next_step().trial == 1
    assert controller.brake_note is None


@pytest.mark.parametrize("brake", [True, False])
def test_a_baseline_that_fails_costs_one_trial(brake: bool):
    state, _ = simulate_plan(plan_of(brake=brake), smooth, SimulatedCluster(workers=4, fails=typo))
    assert (state.stopped, len(state.trials)) == ("brake", 1)
    assert state.stopped_note == (
        "the baseline failed before anything was reported: NameError: name 'lr' is not defined (train.py:2 in train)"
    )
    assert failed_at_once(state)


def test_a_machine_that_is_lost_is_no_failure_of_the_code():
    lost = SimulatedCluster(workers=4, loses=lambda trial, attempt, fidelity: trial == 0 and attempt == 0)
    state, journal = simulate_plan(plan_of(), smooth, lost)
    started = [event.trial for event in journal.events if isinstance(event, ev.AttemptStarted)]
    assert started[:3] == [0, 0, 1]
    assert state.stopped == "finished"


def test_one_that_fails_after_a_report_is_an_ordinary_failure():
    state, _ = simulate_plan(
        plan_of(), smooth, SimulatedCluster(workers=4, fails=lambda c, a, f: "ValueError: x" if f == 2 else None)
    )
    assert not failed_at_once(state)
    assert len(state.trials) > 1


def test_it_can_be_turned_off():
    controller, _ = controller_of(baseline_first=False)
    assert [controller.next_step().trial for _ in range(4)] == [0, 1, 2, 3]


def test_a_grid_has_its_first_trial_for_a_baseline():
    plan = {"search": "joint", "searcher": "grid", "search_space": {"x": {"type": "choice", "choices": [1, 2, 3],
            "default": 2}}, "trials": 3}  # fmt: skip
    controller, _ = controller_of(**plan)
    assert controller.next_step().trial == 0
    assert isinstance(controller.next_step(), Wait)


def alone_until_shown(events) -> None:
    """Hold, over a log, that nothing beside the baseline began before it had reported or trained for long enough."""
    entered_s = shown = None
    for event in events:
        if isinstance(event, ev.DriverStopped | ev.TrialReopened):
            entered_s = None
        if isinstance(event, ev.AttemptPlaced) and event.trial == 0 and event.entered:
            entered_s = event.m
        shown = shown or isinstance(event, ev.Reported)
        if isinstance(event, ev.AttemptStarted) and event.trial:
            assert shown or (entered_s is not None and event.m - entered_s >= SHOWN_S)
            return


@pytest.mark.parametrize("cluster", [SimulatedCluster(workers=4), SLOW])
def test_a_resume_after_a_kill_anywhere_waits_as_the_first_driver_did(cluster: SimulatedCluster):
    _, journal = simulate_plan(plan_of(), smooth, cluster)
    alone_until_shown(journal.events)
    for length in range(1, len(journal.events)):
        state, resumed = resume_simulation(journal.events[:length], smooth, cluster)
        alone_until_shown(resumed.events)
        assert replay(resumed.events).trials == state.trials
        assert len(state.trials) == 8


def test_a_sweep_under_way_goes_on_in_all_places_at_once():
    _, journal = simulate_plan(plan_of(), smooth, SimulatedCluster(workers=4))
    first = next(i for i, event in enumerate(journal.events) if isinstance(event, ev.AttemptStarted) and event.trial)
    state = replay(journal.events[: first + 1])
    controller = Controller(state, MemoryJournal(), lambda: 1e6, monotonic=lambda: 1e6)
    assert [controller.next_step().trial for _ in range(2)] == [2, 3]


def test_mended_code_is_tried_by_the_baseline_alone_again():
    plan = plan_of(baseline_first=False)
    braked, journal = simulate_plan(plan, smooth, SimulatedCluster(workers=4, fails=typo))
    assert len(braked.trials) > 1
    spec = plan.spec.model_copy(update={"baseline_first": True})
    amended = [*journal.events, ev.SpecAmended(1e3, spec.model_dump(mode="json"), [], m=1e3)]
    state, resumed = resume_simulation(amended, smooth, SimulatedCluster(workers=4), retry_failed=True)
    new = resumed.events[len(amended) :]
    begun = [i for i, event in enumerate(new) if isinstance(event, ev.AttemptStarted)]
    assert [new[i].trial for i in begun[:2]] == [0, 1]
    assert any(isinstance(event, ev.Reported) for event in new[begun[0] : begun[1]])
    assert not any(trial.state is TrialState.FAILED for trial in state.trials)
    still, _ = resume_simulation(amended, smooth, SimulatedCluster(workers=4, fails=typo), retry_failed=True)
    assert still.stopped == "brake"
    assert not failed_at_once(still), "its other trials stay"


def test_it_says_once_that_it_holds_places_back():
    controller, _ = controller_of()
    said: list[str] = []
    notices = Notices(controller, said.append)
    controller.next_step()
    notices.look()
    assert said == []
    controller.next_step()
    for _ in range(2):
        notices.look()
    assert said == [
        "the baseline runs first, by itself: the others start once it has reported, or has trained for 30s "
        "(baseline_first: false starts all at once)"
    ]


def test_a_single_trial_holds_nothing_back():
    controller, _ = controller_of(trials=1)
    controller.next_step()
    controller.next_step()
    assert controller.first_run.told() is None


def test_the_first_failure_is_said_with_its_lines_and_no_other():
    controller, _ = controller_of(baseline_first=False)
    said: list[str] = []
    notices = Notices(controller, said.append)
    for trial in range(2):
        controller.next_step()
        notices.look()
        controller.on_attempt_end(trial, 0, Outcome.ERROR, "train.py:2 in train: 1 / 0\nZeroDivisionError: by zero")
        notices.look()
    assert said == [
        "trial 0 (the baseline) failed:\n  train.py:2 in train: 1 / 0\n  ZeroDivisionError: by zero\n"
        "  all that it printed: logs/0/0 in the sweep's folder"
    ]


def test_a_long_error_is_shown_by_its_ends_where_the_whole_is_kept():
    controller, _ = controller_of(baseline_first=False)
    controller.next_step()
    controller.on_attempt_end(0, 0, Outcome.ERROR, f"train.py:2 in train: f()\nValueError: {'x' * 9_000} ends")
    trial = controller.state.trials[0]
    told = first_failure(trial)
    assert told.startswith("trial 0 (the baseline) failed:\n  train.py:2 in train: f()\n  ValueError: xxx")
    assert told.endswith("xx ends\n  all that it printed: logs/0/0 in the sweep's folder")
    assert len(told) < 2_200
    assert len(first_failure(trial, is_kept=False)) > 9_000, "nothing else will say it"


def test_a_failed_first_run_is_said_once_and_names_no_file_that_will_be_gone():
    controller, _ = controller_of()
    said: list[str] = []
    notices = Notices(controller, said.append)
    controller.next_step()
    notices.look()
    controller.on_attempt_end(0, 0, Outcome.ERROR, "train.py:1 in <module>: import gone\nModuleNotFoundError: gone")
    notices.look()
    assert said == [
        "trial 0 (the baseline) failed:\n  train.py:1 in <module>: import gone\n  ModuleNotFoundError: gone"
    ]
    assert controller.next_step() == Done("brake")
