"""A stage may name its own searcher: each ladder with stages asks it for that block, and for no other."""

import re

import pytest
from sweeps import make_plan, smooth

from orchestrator.control.answers import Report, Verdict
from orchestrator.control.controller import Controller
from orchestrator.control.simulator import (
    MemoryJournal,
    SimulatedCluster,
    VirtualClock,
    resume_simulation,
    simulate_plan,
)
from orchestrator.ladders.soft_stages import SoftStages
from orchestrator.planning.making import make_ladder
from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, StopReason, TrialState
from orchestrator.testing import played_ladders

REST = {"name": "rest", "tune": ["momentum", "batch_size"]}


def plan_of(searcher, search: str, trials: int = 40, **changes):
    first = {"name": "rate", "tune": ["learning_rate"], "searcher": searcher}
    return make_plan(stages=[first, REST], search={"name": search}, budget={"trials": trials}, **changes)


GRID = {"name": "grid", "values": {"learning_rate": [0.001, 0.003, 0.03, 0.1, 0.3]}}
CLUSTER = SimulatedCluster(workers=3)


@pytest.mark.parametrize("search", ["hard-stages", "screen-stages-joint", "soft-stages"])
def test_a_grid_in_the_first_stage_is_gone_through_in_order(search):
    state, _ = simulate_plan(plan_of(GRID, search), smooth, CLUSTER)
    listed = [trial.config["learning_rate"] for trial in state.trials if trial.move == "listed"]
    assert listed == [0.001, 0.003, 0.03, 0.1, 0.3]
    assert len(state.trials) == 40
    assert {trial.move for trial in state.trials if trial.block == ("momentum", "batch_size")} >= {"block-uniform"}


@pytest.mark.parametrize("search", ["hard-stages", "soft-stages"])
def test_coarse_to_fine_is_short_first_then_full_and_says_once_what_it_narrowed(search):
    state, journal = simulate_plan(plan_of({"name": "coarse-to-fine", "round_trials": 5}, search, 60), smooth, CLUSTER)
    block = [trial for trial in state.trials if trial.block == ("learning_rate",)]
    short = [trial for trial in block if trial.max_fidelity is not None]
    assert (5 if search == "hard-stages" else 1) <= len(short) < len(block)
    assert all(trial.max_fidelity == 3.0 == trial.fidelity and trial.state is TrialState.PRUNED for trial in short)
    assert all(trial.max_fidelity is None for trial in block[len(short) + 3 :])
    assert any(e.stop is StopReason.SHORT for e in journal.events if isinstance(e, ev.Reported))
    notes = [note for trial in state.trials for note in trial.notes]
    assert len(set(notes)) == len(notes)
    assert any(re.match(r"coarse-to-fine, round 2 of 2: learning_rate 0\.0001\.\.1 -> ", note) for note in notes)
    assert any("TPE goes on" in note for note in notes)
    assert state.winner().state is TrialState.COMPLETED


@pytest.mark.thorough
@pytest.mark.parametrize("search", ["hard-stages", "soft-stages"])
@pytest.mark.parametrize("workers", [1, 4])
def test_coupled_and_coarse_to_fine_a_killed_sweep_goes_on_as_it_would_have(search, workers):
    stages = [
        {"name": "rest", "tune": ["batch_size"], "searcher": {"name": "coarse-to-fine", "round_trials": 4}},
        {"name": "rate", "tune": ["learning_rate", "optimizer"]},
    ]
    plan = make_plan(
        stages=stages,
        search={"name": search},
        budget={"trials": 30},
        couple={"learning_rate": {"with": "batch_size"}},
        fidelity={"metric": "epoch", "min": 3, "max": 9},
    )
    cluster = SimulatedCluster(workers=workers)
    whole, journal = simulate_plan(plan, smooth, cluster)
    assert sum(len(trial.notes) for trial in whole.trials) >= 4

    def facts(state):
        return [(t.config, t.move, t.notes, t.max_fidelity, t.state, t.values) for t in state.trials]

    for length in range(1, len(journal.events), 11):
        prefix = journal.events[:length]
        state, resumed = resume_simulation(prefix, smooth, cluster)
        assert resumed.events[:length] == prefix
        assert len(state.trials) == 30
        assert all(trial.state.is_final for trial in state.trials)
        if workers == 1:
            assert facts(state) == facts(whole)
        before = replay(prefix)
        if len(before.trials) > 1:
            again = make_ladder(plan).propose(len(before.trials), before.trials)
            assert again == make_ladder(plan).propose(len(before.trials), before.trials)


def test_an_odd_coarse_fidelity_ends_where_reports_fall():
    searcher = {"name": "coarse-to-fine", "coarse_fidelity": 2.5}
    state, _ = simulate_plan(plan_of(searcher, "hard-stages", 12), smooth, CLUSTER)
    assert {trial.max_fidelity for trial in state.trials[1:6]} == {3.0}
    searcher = {"name": "coarse-to-fine", "coarse_fidelity": 500}
    state, _ = simulate_plan(plan_of(searcher, "hard-stages", 12), smooth, CLUSTER)
    assert {trial.max_fidelity for trial in state.trials} == {None}


def test_a_short_training_is_told_its_end_and_never_counts_as_complete():
    plan = plan_of("coarse-to-fine", "hard-stages")
    first = ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"))
    controller = Controller(SweepState(first), MemoryJournal(), VirtualClock())
    baseline, returned, stopped = (controller.next_step() for _ in range(3))
    assert [step.max_fidelity for step in (baseline, returned, stopped)] == [27.0, 3.0, 3.0]
    for step, reach in ((returned, 2.0), (stopped, 3.0)):
        controller.on_placed(step.trial, 0)
        verdict = controller.on_report(Report(step.trial, 0, reach, {"score": 0.5}))
        assert verdict is (Verdict.STOP if reach == 3.0 else Verdict.CONTINUE)
    controller.on_attempt_end(returned.trial, 0, Outcome.RETURNED)
    controller.on_attempt_end(stopped.trial, 0, Outcome.STOPPED)
    assert [trial.state for trial in controller.state.trials] == ["running", "pruned", "pruned"]


@pytest.mark.thorough
def test_a_stages_searcher_is_expected_about_as_often_as_it_is_asked():
    plan = plan_of({"name": "tpe", "startup_trials": 5}, "soft-stages", 300)
    ladder = make_ladder(plan)
    assert isinstance(ladder, SoftStages)
    expected = sum(ladder.model_probability(n, n, n) for n in range(1, 300))
    trials = played_ladders.play(make_ladder(plan))
    seen = sum(trial.move in {"model", "block-model"} for trial in trials)
    assert seen == pytest.approx(expected, rel=0.12)
