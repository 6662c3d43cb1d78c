"""`promote`: the best of the trials that a rung stopped go on from their checkpoints, by a decision on the log."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sweeps import make_plan, smooth

from orchestrator.control.controller import Controller
from orchestrator.control.simulator import (
    MemoryJournal,
    SimulatedCluster,
    VirtualClock,
    resume_simulation,
    simulate,
    simulate_plan,
)
from orchestrator.policies.promoting import promotions
from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import FIRST_REPLICATE, TrialState
from orchestrator.views.event_lines import EventLines


def plan_of(promote: int = 3, trials: int = 24, **changes: Any):
    return make_plan(
        **{
            "budget": {"trials": trials},
            "fidelity": {"metric": "epoch", "min": 1, "max": 9},
            "search": "random",
            "searcher": "random",
            "promote": promote,
            **changes,
        }
    )


def promoted(events) -> list[int]:
    return [event.trial for event in events if isinstance(event, ev.TrialReopened) and event.promoted]


def better_at(state, trial, rung: float) -> float:
    """Count in the plainest way what part of those that came to a rung is better there."""
    own = trial.values[rung]
    came = [other.values[rung] for other in state.trials if rung in other.values and other.bracket == trial.bracket]
    return sum(value > own for value in came) / len(came)


def test_nobody_is_promoted_unless_the_file_says_so():
    state, journal = simulate_plan(plan_of(0), smooth, SimulatedCluster(workers=4))
    assert any(trial.stopped_by for trial in state.trials)
    assert promoted(journal.events) == []
    assert not any(isinstance(event, ev.TrialReopened) for event in journal.events)


@pytest.mark.parametrize("workers", [1, 4])
def test_the_best_of_those_that_were_stopped_go_on_from_their_checkpoints_after_the_last_trial(workers: int):
    plan = plan_of()
    state, journal = simulate_plan(plan, smooth, SimulatedCluster(workers))
    chosen = promoted(journal.events)
    at = next(i for i, event in enumerate(journal.events) if isinstance(event, ev.TrialReopened))
    before = replay(journal.events[:at])
    assert len(before.trials) == 24
    assert not before.open
    stopped = [trial for trial in before.trials if trial.stopped_by]
    order = sorted(stopped, key=lambda t: (better_at(before, t, t.judgement.rung), -t.judgement.rung, t.number))
    assert chosen == [trial.number for trial in order[:3]]
    assert all(isinstance(event, ev.TrialReopened) for event in journal.events[at : at + 3]), "one decision"
    for number in chosen:
        first, again = state.trials[number].attempts
        assert (first.resumed_from, again.resumed_from) == (0, before.trials[number].checkpoint_fidelity)
        assert state.trials[number].fidelity > before.trials[number].fidelity
    assert state.stopped == "finished"
    assert len(state.trials) == 24, "they are none of the budget's trials anew"
    assert state.promoted == set(chosen)


def test_the_lines_of_a_run_tell_it_and_count_it_once():
    _, journal = simulate_plan(plan_of(), smooth, SimulatedCluster(workers=1))
    state, lines, told = SweepState(journal.events[0]), EventLines(), []
    for event in journal.events[1:]:
        state.apply(event)
        told += lines.lines(state, event.t)
    number = promoted(journal.events)[0]
    assert f"trial {number}, stopped early for being weak, is let go on: budget is left" in told
    assert any(line.startswith(f"trial {number} goes on from epoch ") for line in told)
    assert told[-1].endswith("[24/24]")


def test_a_promoted_trial_is_judged_by_the_rungs_that_it_comes_to_and_never_promoted_twice():
    def late(config, fidelity):
        return smooth(config, fidelity) if fidelity < 3 else -smooth(config, fidelity)

    state, journal = simulate_plan(plan_of(6), late, SimulatedCluster(workers=3))
    chosen = promoted(journal.events)
    assert len(chosen) == len(set(chosen)) == 6
    again = [state.trials[number] for number in chosen]
    assert any(trial.stopped_by and trial.fidelity < 9 for trial in again)
    assert promotions(state) == []


def test_fewer_were_stopped_than_may_go_on():
    state, journal = simulate_plan(plan_of(100), smooth, SimulatedCluster(workers=4))
    assert set(promoted(journal.events)) == state.promoted
    assert len(state.promoted) < 24
    assert state.stopped == "finished"


def test_what_has_no_checkpoint_stays_stopped():
    _, journal = simulate_plan(plan_of(), smooth, SimulatedCluster(workers=4, checkpoint_every=0))
    assert promoted(journal.events) == []


def test_what_was_stopped_by_anything_but_a_rung_stays_stopped():
    plan = plan_of(scheduler="none")
    state, journal = simulate_plan(plan, smooth, SimulatedCluster(workers=4))
    assert promoted(journal.events) == []
    assert all(trial.state is TrialState.COMPLETED for trial in state.trials)


def test_a_cap_on_hours_holds_for_them_as_for_all():
    whole, journal = simulate_plan(plan_of(8), smooth, SimulatedCluster(workers=2))
    at = next(event.t for event in journal.events if isinstance(event, ev.TrialReopened))
    capped = plan_of(8, budget={"trials": 24, "wall": at + 3})
    state, records = simulate_plan(capped, smooth, SimulatedCluster(workers=2))
    assert len(promoted(records.events)) == 8
    assert state.stopped == "wall"
    assert any(trial.state is TrialState.INTERRUPTED for trial in state.trials), "as whatever is left at a cap"
    assert state.spend.fidelity < whole.spend.fidelity
    before = plan_of(8, budget={"trials": 24, "wall": at / 2})
    assert promoted(simulate_plan(before, smooth, SimulatedCluster(workers=2))[1].events) == []


def test_confirming_comes_after_them_and_may_choose_one():
    def luck(config, seed, fidelity):
        return ((seed * 2654435761) % 1000 / 1000 - 0.5) / 50

    plan = plan_of(confirm={"trainings": 8})
    state, journal = simulate_plan(plan, smooth, SimulatedCluster(workers=3, noise=luck))
    kinds = [
        "promoted" if isinstance(event, ev.TrialReopened) else "replicate"
        for event in journal.events
        if isinstance(event, ev.TrialReopened) or (isinstance(event, ev.TrialProposed) and event.replicates is not None)
    ]
    assert kinds == ["promoted"] * 3 + ["replicate"] * len(state.replicates)
    assert all(replicate.number >= FIRST_REPLICATE for replicate in state.replicates)
    first = next(e.t for e in journal.events if isinstance(e, ev.TrialProposed) and e.replicates is not None)
    ends = [e.t for e in journal.events if isinstance(e, ev.AttemptEnded) and e.trial in state.promoted]
    assert max(ends) <= first, "nothing of the search runs once confirming has begun"


def check(state, events, prefix) -> None:
    assert events[: len(prefix)] == prefix
    assert len(state.trials) == 24
    assert all(trial.state.is_final for trial in state.trials)
    assert Counter(promoted(events)).most_common(1)[0][1] == 1
    assert len(state.promoted) == 3
    reports = Counter((e.trial, e.attempt, e.fidelity) for e in events if isinstance(e, ev.Reported))
    assert set(reports.values()) == {1}
    assert replay(events).trials == state.trials
    assert replay(events).promoted == state.promoted


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [1, 5])
def test_a_sweep_that_promotes_survives_a_kill_anywhere(workers: int):
    cluster = SimulatedCluster(workers)
    whole, journal = simulate_plan(plan_of(), smooth, cluster)
    for length in range(1, len(journal.events), 1 if workers == 1 else 3):
        prefix = journal.events[:length]
        state, resumed = resume_simulation(prefix, smooth, cluster)
        check(state, resumed.events, prefix)
        if workers == 1:
            assert [(t.config, t.state, t.values) for t in state.trials] == [
                (t.config, t.state, t.values) for t in whole.trials
            ]
            assert state.promoted == whole.promoted


def test_the_checkpoints_of_those_that_may_go_on_stay_until_they_did():
    plan = plan_of(2)
    clock, journal = VirtualClock(), MemoryJournal()
    first = ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"), m=0.0)
    journal.append(first)
    controller = Controller(SweepState(first), journal, clock, monotonic=clock)
    controller.close(simulate(controller, clock, smooth, SimulatedCluster(workers=3)))
    at = next(i for i, event in enumerate(journal.events) if isinstance(event, ev.TrialReopened))
    went = [event.trial for event in journal.events[:at] if isinstance(event, ev.CheckpointRemoved)]
    assert went, "those of the others go as ever"
    assert not set(went) & controller.state.promoted
    left = {trial.number for trial in controller.state.trials if trial.checkpoint and trial.stopped_by}
    assert not left - controller.state.promoted - {controller.state.ranked()[0].number}


def test_more_may_be_asked_for_of_a_sweep_that_is_finished():
    _, journal = simulate_plan(plan_of(0, keep_checkpoints="last"), smooth, SimulatedCluster(workers=4))
    spec = plan_of(2, keep_checkpoints="last").spec
    t = journal.events[-1].t
    amended = ev.SpecAmended(t, spec.model_dump(mode="json"), ["promote: 0 -> 2"], m=t)
    state, resumed = resume_simulation([*journal.events, amended], smooth, SimulatedCluster(workers=4))
    assert len(promoted(resumed.events)) == 2
    assert state.stopped == "finished"
