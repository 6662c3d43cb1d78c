"""What is kept up record by record of a sweep's course and its time is what one look at all its trials says."""

from __future__ import annotations

from dataclasses import astuple
from random import Random

import pytest

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.results.time_use import time_use
from orchestrator.results.whereabouts import whereabouts
from orchestrator.state.attempt_time import times_of
from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState
from orchestrator.testing.faults.drawing import draw


def drawn(seed: int) -> list[ev.Event]:
    """The log of a sweep by chance: lost machines, failures, trials opened again, places held beyond the end."""
    sweep, dice = draw(Random(f"{seed}/sweep")), Random(f"{seed}/fates")
    lost = {(dice.randrange(12), 0, float(dice.randint(1, 4))) for _ in range(4)}
    cluster = SimulatedCluster(
        workers=sweep.places, seconds=lambda _: sweep.pace_s, loses=lambda *where: where in lost,
        noise=sweep.task.luck, fails=sweep.task.error,
    )  # fmt: skip
    events = simulate_plan(sweep.plan, sweep.task.height, cluster)[1].events
    events = events[: dice.randrange(len(events) // 2, len(events) + 1)]
    state, last = replay(events), events[-1]
    for trial in state.trials:
        if trial.state is TrialState.FAILED and dice.random() < 0.5:
            events.append(ev.TrialReopened(last.t, trial.number, m=last.m))
        elif trial.attempts and not trial.is_open and dice.random() < 0.2:
            events.append(ev.PlaceHeld(last.t, dice.random(), trial.number, len(trial.attempts) - 1, m=last.m))
    return events


def plainly_lost(state: SweepState) -> dict[str, int]:
    """How many attempts each node lost under the present driver."""
    since, found = state.sessions[-1].t, dict[str, int]()
    for attempt in (attempt for trial in state.everyone() for attempt in trial.attempts):
        if attempt.outcome in (Outcome.LOST, Outcome.PREEMPTED) and attempt.node and attempt.ended_t >= since:
            found[attempt.node] = found.get(attempt.node, 0) + 1
    return found


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_what_is_kept_up_is_what_a_look_at_all_says(first: int):
    for seed in range(first, first + 10):
        events = drawn(seed)
        for at in (len(events), len(events) * 2 // 3):
            state = replay(events[:at])
            if not state.sessions:
                continue
            attempts = [attempt for trial in state.everyone() for attempt in trial.attempts]
            expected = astuple(times_of(attempts, state.last_clock_s))
            assert astuple(time_use(state).attempts) == pytest.approx(expected, rel=1e-9, abs=1e-9), seed
            assert {node: lost.attempts for node, lost in state.course.lost.items()} == plainly_lost(state), seed
            over = [t for t in state.trials if t.state.is_final and t.attempts and not t.is_open]
            assert state.course.ended == len(over), seed
            placed = [attempt for attempt in attempts if attempt.placed_t is not None]
            assert state.course.began_t == min((attempt.placed_t for attempt in placed), default=None), seed
            found = whereabouts(state, state.last_t + 60.0)
            trained = sum(max(0.0, attempt.fidelity - attempt.resumed_from) for attempt in placed)
            if found.fidelity_per_h is not None:
                hours = (state.last_t + 60.0 - state.course.began_t) / 3600
                assert found.fidelity_per_h == pytest.approx(trained / hours), seed


def test_no_more_places_are_told_of_than_there_were():
    for seed in range(20):
        events, most, held = drawn(seed), 0, set[tuple[int, int]]()
        for event in events:
            if isinstance(event, ev.AttemptPlaced):
                held.add((event.trial, event.attempt))
            elif isinstance(event, ev.AttemptEnded):
                held.discard((event.trial, event.attempt))
            most = max(most, len(held))
        assert time_use(replay(events)).places == most, seed


def test_another_driver_begins_anew_and_what_was_lost_before_is_not_its_own():
    events = drawn(3)
    state = replay(events)
    t = events[-1].t + 10.0
    state.apply(ev.DriverStarted(t, 2, "host:2", "c0de", {}, [], {}, m=0.0))
    assert (state.course.ended, state.course.began_t, state.course.lost) == (0, None, {})
    assert state.course.fidelity_before == state.spend.fidelity
    before = state.course.last_improvement
    assert before == replay(events).course.last_improvement
