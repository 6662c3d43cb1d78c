"""`resume --retry-failed`: failed trials run again, the baseline first, wherever the drivers died."""

from __future__ import annotations

from collections import Counter

import pytest
from sweeps import make_plan, smooth

from orchestrator.control.recovery import reopened
from orchestrator.control.session import create, reopen
from orchestrator.control.simulator import SimulatedCluster, resume_simulation, simulate_plan
from orchestrator.state.fold import replay
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState


def plan_of(trials: int = 16, **changes):
    return make_plan(
        budget={"trials": trials}, fidelity={"metric": "epoch", "min": 1, "max": 3}, search="random",
        searcher="random", **changes,
    )  # fmt: skip


def typo(config, attempt, fidelity):
    return "train.py:2 in train: x\nNameError: name 'lr' is not defined"


def region(config, attempt, fidelity):
    if config["momentum"] < 0.7:
        return "ValueError: momentum 0.6 is too small"
    return (
        "OSError: [Errno 116] Stale file handle"
        if attempt == 0 and fidelity == 2 and config["batch_size"] > 60
        else None
    )


def check(state, events, prefix) -> None:
    assert events[: len(prefix)] == prefix
    assert len(state.trials) == state.plan.spec.budget.trials
    assert all(trial.state.is_final for trial in state.trials)
    for kind in (ev.AttemptStarted, ev.AttemptEnded):
        counts = Counter((e.trial, e.attempt) for e in events if isinstance(e, kind))
        assert set(counts.values()) == {1}
    reports = Counter((e.trial, e.attempt, e.fidelity) for e in events if isinstance(e, ev.Reported))
    assert set(reports.values()) <= {1}


def test_mended_code_runs_the_failed_trials_again_the_baseline_first():
    braked, journal = simulate_plan(plan_of(), smooth, SimulatedCluster(workers=4, fails=typo))
    assert braked.stopped == "brake"
    state, resumed = resume_simulation(journal.events, smooth, SimulatedCluster(workers=4), retry_failed=True)
    check(state, resumed.events, journal.events)
    new = resumed.events[len(journal.events) :]
    opened = [event.trial for event in new if isinstance(event, ev.TrialReopened)]
    assert opened == [trial.number for trial in braked.trials]
    assert next(event for event in new if isinstance(event, ev.AttemptStarted)).trial == 0
    assert not any(trial.state is TrialState.FAILED for trial in state.trials)
    assert state.stopped == "finished"


def test_the_baseline_goes_before_what_waited_already():
    _, journal = simulate_plan(plan_of(), smooth, SimulatedCluster(workers=1, fails=typo))
    t = journal.events[-1].t
    added = [ev.TrialProposed(t, 3, {"momentum": 0.9}, "all", "uniform", [], None, 0)]
    state = replay([*journal.events, *added])
    for record in reopened(state, t):
        state.apply(record)
    assert list(state.waiting) == [0, 3, 1, 2]


@pytest.mark.parametrize("fails", [typo, region])
@pytest.mark.parametrize("workers", [1, 5])
def test_a_failing_sweep_survives_a_kill_anywhere(fails, workers: int):
    cluster = SimulatedCluster(workers=workers, fails=fails)
    plan = plan_of(brake=fails is region)
    whole, journal = simulate_plan(plan, smooth, cluster)
    for length in range(1, len(journal.events), 1 if workers == 1 else 2):
        prefix = journal.events[:length]
        state, resumed = resume_simulation(prefix, smooth, cluster)
        check(state, resumed.events, prefix)
        assert replay(resumed.events).trials == state.trials
        if workers == 1:
            assert [(t.config, t.state, t.told) for t in state.trials] == [
                (t.config, t.state, t.told) for t in whole.trials
            ]


def test_a_reopened_sweep_survives_a_kill_anywhere():
    _, journal = simulate_plan(plan_of(), smooth, SimulatedCluster(workers=3, fails=region))
    cluster = SimulatedCluster(workers=3)
    _, again = resume_simulation(journal.events, smooth, cluster, retry_failed=True)
    for length in range(len(journal.events), len(again.events)):
        prefix = again.events[:length]
        state, resumed = resume_simulation(prefix, smooth, cluster, retry_failed=True)
        check(state, resumed.events, prefix)
        assert not any(trial.state is TrialState.FAILED for trial in state.trials)
        assert replay(resumed.events).trials == state.trials


def test_retries_count_anew_after_a_trial_was_opened_again():
    plan = plan_of(1, retry={"lost": 1})
    _, journal = simulate_plan(plan, smooth, SimulatedCluster(loses=lambda *_: True))
    lost = SimulatedCluster(loses=lambda trial, attempt, fidelity: attempt == 2)
    state, _ = resume_simulation(journal.events, smooth, lost, retry_failed=True)
    assert [attempt.outcome for attempt in state.trials[0].attempts] == [*[Outcome.LOST] * 3, Outcome.STOPPED]
    assert state.trials[0].state is TrialState.COMPLETED


def test_a_driver_opens_them_on_the_log(tmp_path):
    folder, plan = Location.parse(tmp_path), plan_of()
    session = create(folder, plan, b"")
    step = session.controller.next_step()
    session.controller.on_attempt_end(step.trial, step.attempt, Outcome.ERROR, "NameError: lr")
    session.close("brake")
    kept, _ = reopen(folder, plan)
    assert not kept.state.waiting
    kept.close("stop")
    opened, _ = reopen(folder, plan, retry_failed=True)
    assert list(opened.state.waiting) == [0]
    opened.release()
    assert read_sweep(folder).trials[0].state is TrialState.INTERRUPTED
