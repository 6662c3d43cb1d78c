"""What kind of place is due: it follows from what comes next, whose stage is known before it is drawn."""

from __future__ import annotations

import pytest
from sweeps import make_plan

from orchestrator.control.answers import Report, StartTrial
from orchestrator.control.controller import Controller
from orchestrator.control.simulator import MemoryJournal
from orchestrator.planning.compile import differences
from orchestrator.policies.placing import kinds_of
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.standing import stage_of, stages_of
from orchestrator.sweep.trial import Outcome

STAGES = [
    {"name": "first", "tune": ["x"], "resources": {"accelerator": "T4"}},
    {"name": "last", "tune": ["y"]},
]
SPACE = {name: {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5} for name in ("x", "y")}


def planned(**changes):
    fields = {
        "search_space": SPACE, "stages": STAGES, "search": "hard-stages", "searcher": "random", "scheduler": "none",
        "fidelity": {"metric": "epoch", "max": 2}, "budget": {"trials": 6}, "resources": {"gpus": 1},
    }  # fmt: skip
    return make_plan(**(fields | changes))


def controller(plan):
    state = SweepState(ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")))
    return Controller(state, MemoryJournal(), lambda: 0.0)


def run(driver, trial, score=1.0):
    for epoch in (1.0, 2.0):
        driver.on_report(Report(trial, 0, epoch, {"score": score, "epoch": epoch}, None))
    driver.on_attempt_end(trial, 0, Outcome.RETURNED)


def test_the_kind_follows_the_stages_and_then_confirming():
    plan = planned(confirm={"trainings": 4, "top": 1, "resources": {"accelerator": "H100"}})
    driver, seen = controller(plan), []
    while True:
        due = driver.places_due()
        step = driver.next_step()
        if not isinstance(step, StartTrial):
            break
        seen.append((due.resources.accelerator, due.startable, due.alike))
        run(driver, step.trial, score=step.trial / 100)
    assert seen[:6] == [("T4", 6, 3), ("T4", 5, 2), ("T4", 4, 1), (None, 3, 3), (None, 2, 2), (None, 1, 1)]
    assert seen[6:] == [("H100", left, left) for left in (4, 3, 2)], "with one rival the race is short"
    assert all(resources.gpus == 1 for resources in kinds_of(plan).values())


def test_a_trial_that_goes_on_has_the_machines_of_its_stage():
    driver = controller(planned())
    for _ in range(3):
        driver.next_step()
    assert driver.places_due().resources.accelerator is None
    driver.on_attempt_end(1, 0, Outcome.LOST)
    due = driver.places_due()
    assert (due.resources.accelerator, due.startable, due.alike) == ("T4", 4, 1)


@pytest.mark.parametrize("trials", [1, 7, 100, 1_001])
@pytest.mark.parametrize("before", [0, 1, 6, 50])
def test_the_trials_of_a_stage_are_one_piece(trials, before):
    plan = planned(budget={"trials": trials}, stages=[stage | {"share": 0.5} for stage in STAGES])
    numbers = range(before, trials)
    pieces = list(stages_of(plan, numbers))
    assert len(pieces) <= 2
    assert [(stage.name, n) for stage, own in pieces for n in own] == [(stage_of(plan, n).name, n) for n in numbers]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, ["stage first", ""]),
        ({"search": "soft-stages"}, ["stage first", ""]),
        ({"stages": [STAGES[0], STAGES[1] | {"resources": {"accelerator": "T4"}}]}, ["stage first"]),
        ({"stages": "auto"}, [""]),
        ({"stages": "auto", "confirm": {"resources": {"spot": "never"}}}, ["", "confirm"]),
        ({"confirm": {"resources": {"accelerator": "T4"}}}, ["stage first", ""]),
        ({"stages": "auto", "test": {"metric": "t"}}, [""]),
    ],
)
def test_the_kinds_of_place_that_a_sweep_needs(changes, named):
    assert list(kinds_of(planned(**changes))) == named


def test_where_a_stage_lies_is_no_part_of_the_search():
    plain = [{key: value for key, value in stage.items() if key != "resources"} for stage in STAGES]
    assert planned().sweep_id == planned(stages=plain).sweep_id
    allowed, refused = differences(planned(stages=plain).spec, planned().spec)
    assert refused == []
    assert 'resources.of stage first.accelerator: (nothing) -> "T4"' in allowed
