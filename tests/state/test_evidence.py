"""What records say beside the decision: since when, on what evidence, and because of what."""

from __future__ import annotations

import msgspec
import pytest
from sweeps import cliff, make_plan, smooth

from orchestrator.control.answers import Report, ResumeTrial, StartTrial, Verdict
from orchestrator.control.controller import Controller
from orchestrator.control.recovery import ended_by_crash
from orchestrator.control.simulator import (
    MemoryJournal,
    SimulatedCluster,
    VirtualClock,
    resume_simulation,
    simulate_plan,
)
from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.trial import Outcome, TrialState


class Desk:
    """A controller between two clocks."""

    def __init__(self, **changes) -> None:
        self.wall, self.steady, self.journal = VirtualClock(1000.0), VirtualClock(5.0), MemoryJournal()
        plan = make_plan(**{"searcher": "random", "search": "random", **changes})
        first = ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"))
        self.journal.append(first)
        self.controller = Controller(SweepState(first), self.journal, self.wall, monotonic=self.steady)

    def start(self, count: int = 1) -> None:
        for _ in range(count):
            step = self.controller.next_step()
            assert isinstance(step, StartTrial | ResumeTrial)
            self.controller.on_placed(step.trial, step.attempt)

    def report(self, trial: int, fidelity: float, score: float = 0.5, attempt: int = 0) -> Verdict:
        return self.controller.on_report(Report(trial, attempt, fidelity, {"score": score}))

    def causes(self) -> list[str | None]:
        return [event.cause for event in self.journal.events if isinstance(event, ev.AttemptEnded)]


def test_every_record_says_the_monotonic_seconds_whatever_becomes_of_the_wall_clock():
    desk = Desk()
    desk.start(2)
    desk.wall.now, desk.steady.now = -7e6, 40.0  # somebody sets the clock back
    desk.report(0, 1)
    desk.report(0, 27)
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    desk.controller.on_attempt_end(1, 0, Outcome.LOST, "node died")
    desk.start()
    desk.wall.now = 1031.0
    desk.controller.tick()
    desk.controller.close("SIGTERM")
    seen = desk.journal.events[1:]
    kinds = {
        ev.StageEntered, ev.TrialProposed, ev.AttemptStarted, ev.AttemptPlaced, ev.Reported, ev.AttemptEnded,
        ev.Heartbeat, ev.DriverStopped,
    }  # fmt: skip
    assert {type(event) for event in seen} == kinds
    assert [event.m for event in seen] == sorted(event.m for event in seen)
    assert {event.m for event in seen} == {5.0, 40.0}


def test_without_a_monotonic_clock_no_record_pretends_to_one():
    journal = MemoryJournal()
    first = ev.SweepPlanned(0.0, ev.FORMAT, make_plan().model_dump(mode="json"))
    controller = Controller(SweepState(first), journal, VirtualClock())
    controller.next_step()
    assert {event.m for event in journal.events} == {None}
    assert b'"m"' not in msgspec.json.encode(journal.events[0])


@pytest.mark.parametrize("scheduler", ["asha", "median"])
def test_a_report_at_a_rung_keeps_what_the_scheduler_found(scheduler: str):
    state, journal = simulate_plan(make_plan(scheduler=scheduler), cliff, SimulatedCluster(workers=4))
    reports = [event for event in journal.events if isinstance(event, ev.Reported)]
    rungs = {rung for bracket in state.plan.brackets for rung in bracket.rungs}
    judged = [event for event in reports if event.judgement is not None]
    assert judged
    assert {event.fidelity for event in judged} <= rungs
    assert all(event.judgement.rung == event.fidelity for event in judged)
    weak = [event for event in reports if event.stop == "weak"]
    assert weak
    for event in weak:
        assert event.judgement.weak
        assert event.metrics["score"] < event.judgement.threshold
        assert state.trials[event.trial].stopped_by == event.judgement
    assert all(t.stopped_by is None for t in state.trials if t.state is not TrialState.PRUNED)
    again = replay(msgspec.json.decode(msgspec.json.encode(journal.events), type=list[ev.Event]))
    assert [trial.judgement for trial in again.trials] == [trial.judgement for trial in state.trials]
    assert again.trials == state.trials


def test_the_baseline_is_judged_and_goes_on():
    desk = Desk()
    desk.start(3)
    desk.report(2, 3, 0.9)
    assert desk.report(0, 3, 0.1) is Verdict.CONTINUE
    baseline = desk.controller.state.trials[0]
    assert baseline.judgement == Judgement(True, 3.0, 0.9, 1)
    assert baseline.stopped_by is None
    assert desk.report(1, 3, 0.2) is Verdict.STOP
    assert desk.controller.state.trials[1].stopped_by == Judgement(True, 3.0, pytest.approx(0.1 + 0.8 * 2 / 3), 2)


def test_a_judgement_is_replayed_as_it_was_and_never_made_anew():
    _, journal = simulate_plan(make_plan(), smooth, SimulatedCluster(workers=4))
    old = [
        msgspec.structs.replace(event, judgement=None) if isinstance(event, ev.Reported) else event
        for event in journal.events
    ]
    assert all(trial.judgement is None and trial.stopped_by is None for trial in replay(old).trials)
    odd = Judgement(True, 3.0, 77.0, 5)
    told = [
        msgspec.structs.replace(event, judgement=odd)
        if isinstance(event, ev.Reported) and event.stop == "weak"
        else event
        for event in journal.events
    ]
    pruned = [trial for trial in replay(told).trials if trial.state is TrialState.PRUNED]
    assert pruned
    assert {trial.stopped_by for trial in pruned} == {odd}


@pytest.mark.parametrize(
    ("budget", "resources", "cause"),
    [
        ({"gpu_hours": 0.5}, {"gpus": 0.5}, "gpu_hours"),
        ({"cpu_hours": 1.0}, {"cpus": 1}, "cpu_hours"),
        ({"wall": "1h"}, {}, "wall"),
    ],
)
def test_what_a_cap_ends_names_the_cap(budget, resources, cause):
    desk = Desk(budget={"trials": 30, **budget}, resources=resources)
    desk.start(2)
    desk.steady.now += 3600
    assert desk.report(0, 1) is Verdict.STOP
    assert desk.controller.overdue() == [(1, 0)], "trial 0 was told at its report"
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    desk.controller.on_attempt_end(1, 0, Outcome.INTERRUPTED)
    assert desk.causes() == [cause, cause]
    assert [trial.attempt.cause for trial in desk.controller.state.trials] == [cause, cause]
    assert {trial.state for trial in desk.controller.state.trials} == {TrialState.INTERRUPTED}


@pytest.mark.parametrize("reason", ["cancel", "SIGTERM", "SIGINT"])
def test_what_a_request_or_a_signal_ends_names_it(reason: str):
    desk = Desk()
    desk.start(4)
    desk.controller.request_stop(reason)
    desk.report(0, 1)
    desk.report(1, 1)
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    desk.controller.on_attempt_end(1, 0, Outcome.RETURNED)
    desk.controller.on_attempt_end(2, 0, Outcome.INTERRUPTED)
    desk.controller.close(reason)
    assert desk.causes() == [reason] * 4


def test_what_a_drain_puts_back_names_it_and_what_runs_on_does_not():
    desk = Desk()
    desk.start()
    desk.controller.next_step()
    desk.controller.drain("stop")
    assert desk.controller.overdue() == [(1, 0)]
    desk.controller.on_attempt_end(1, 0, Outcome.INTERRUPTED)
    desk.report(0, 27)
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    assert desk.causes() == ["stop", None]


@pytest.mark.parametrize("outcome", [Outcome.RETURNED, Outcome.ERROR, Outcome.OUT_OF_MEMORY, Outcome.LOST])
def test_what_ends_by_itself_has_no_cause(outcome: Outcome):
    desk = Desk(budget={"trials": 30, "wall": "1h"})
    desk.start(2)
    desk.report(0, 1)
    desk.steady.now += 3600
    desk.controller.overdue()
    desk.controller.on_attempt_end(0, 0, outcome)
    assert desk.causes() == [None]


def test_what_dies_by_itself_after_it_was_told_to_stop_has_no_cause():
    desk = Desk()
    desk.start()
    desk.controller.request_stop("cancel")
    assert desk.report(0, 1) is Verdict.STOP
    desk.controller.on_attempt_end(0, 0, Outcome.LOST, "node died")
    assert desk.causes() == [None]


def test_a_cause_is_its_own_attempts():
    desk = Desk()
    desk.start()
    desk.controller.request_stop("cancel")
    desk.report(0, 1)
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    desk.controller.stop_requested = None
    desk.start()
    desk.report(0, 27, attempt=1)
    desk.controller.on_attempt_end(0, 1, Outcome.STOPPED)
    assert desk.causes() == ["cancel", None]


def test_what_a_dead_driver_left_says_so():
    desk = Desk()
    desk.start(2)
    ends = ended_by_crash(desk.controller.state, 2000.0, 9.0)
    assert [(end.cause, end.m, end.error) for end in ends] == [("driver_died", 9.0, "the driver died")] * 2


def test_when_resources_were_set_aside_is_kept_beside_the_placement():
    desk = Desk()
    desk.controller.next_step()
    desk.controller.on_placed(0, 0, held_s=10.0)
    desk.controller.on_placed(0, 0, "node", "0")
    attempt = desk.controller.state.trials[0].attempt
    assert (attempt.reserved_t, attempt.placed_t, attempt.node) == (990.0, 1000.0, "node")


def test_a_place_is_paid_for_from_its_reservation_to_its_release():
    desk = Desk(resources={"gpus": 2}, budget={"trials": 9, "gpu_hours": 1.0})
    desk.controller.next_step()
    desk.controller.on_placed(0, 0, held_s=10.0)
    desk.controller.on_placed(0, 0, entered=True)
    state = desk.controller.state
    assert state.spend_at(5.0).gpu_hours == pytest.approx(2 * 10 / 3600)
    desk.steady.now += 50.0
    desk.wall.now += 4000.0  # somebody sets it
    assert state.spend_at(55.0).gpu_hours == pytest.approx(2 * 60 / 3600)
    desk.controller.on_attempt_end(0, 0, Outcome.RETURNED)
    assert state.trials[0].attempt.charged_s == 60.0
    assert state.spend_at(99.0).gpu_hours == replay(desk.journal.events).spend.gpu_hours == pytest.approx(2 * 60 / 3600)


def test_a_proposal_of_a_model_says_what_it_rests_on():
    plan = make_plan(budget={"trials": 60}, searcher={"name": "tpe", "startup_trials": 5})
    state, journal = simulate_plan(plan, cliff, SimulatedCluster(workers=4))
    learned = 0
    for event in journal.events:
        if isinstance(event, ev.TrialProposed):
            if event.move in {"model", "block-model"}:
                assert learned <= event.learned_from <= event.trial
                assert event.learned_from >= 5
                learned = event.learned_from
            assert (event.learned_from == 0) == (event.move == "prior")
            assert (event.learned_from is None) == (event.move in {"baseline", "uniform", "block-uniform"})
            assert (event.nearest is None) == (event.learned_from is None)
            assert event.nearest is None or event.nearest < event.trial
    moves = {trial.move for trial in state.trials}
    assert {"model", "block-model", "prior"} <= moves
    assert learned > 20


def test_a_resumed_sweep_records_the_same_evidence():
    cluster = SimulatedCluster(workers=1)
    whole, journal = simulate_plan(make_plan(), cliff, cluster)
    for length in (20, 90, 200):
        state, _ = resume_simulation(journal.events[:length], cliff, cluster)
        for trial, other in zip(state.trials, whole.trials, strict=True):
            assert (trial.learned_from, trial.nearest) == (other.learned_from, other.nearest)
            assert trial.stopped_by == other.stopped_by
