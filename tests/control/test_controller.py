from __future__ import annotations

import math

import pytest
from sweeps import cliff, make_plan, smooth

from orchestrator.control.answers import Done, Report, ResumeTrial, StartTrial, Verdict, Wait
from orchestrator.control.controller import COMMIT_S, Controller
from orchestrator.control.simulator import MemoryJournal, SimulatedCluster, VirtualClock, simulate, simulate_plan
from orchestrator.errors import LeaseLostError
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState


class Desk:
    """A controller with its clock and journal."""

    def __init__(self, **changes) -> None:
        self.clock, self.journal = VirtualClock(1000.0), MemoryJournal()
        plan = make_plan(**{"searcher": "random", "search": "random", **changes})
        self.controller = Controller(
            SweepState(ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"))), self.journal, self.clock
        )

    def start(self) -> StartTrial:
        step = self.controller.next_step()
        assert isinstance(step, StartTrial | ResumeTrial)
        self.controller.on_placed(step.trial, step.attempt, "node")
        return step

    def report(self, trial: int, fidelity: float, score: float = 0.5, attempt: int = 0, **extra) -> Verdict:
        return self.controller.on_report(Report(trial, attempt, fidelity, {"score": score}, **extra))

    @property
    def waits(self) -> int:
        return len(self.journal.events) - self.journal.committed


def test_a_start_is_durable_before_it_leaves():
    desk = Desk()
    step = desk.controller.next_step()
    assert (step.trial, step.attempt, step.config) == (0, 0, desk.controller.state.plan.space.baseline)
    assert desk.waits == 0
    assert [type(event) for event in desk.journal.events] == [ev.StageEntered, ev.TrialProposed, ev.AttemptStarted]


def test_a_continue_waits_for_the_group_commit_and_a_stop_does_not():
    desk = Desk()
    desk.start()
    desk.controller.commit()
    assert desk.report(0, 1) is Verdict.CONTINUE
    assert desk.waits == 1
    desk.controller.tick()
    assert desk.waits == 1
    desk.clock.now += COMMIT_S
    desk.controller.tick()
    assert desk.waits == 0
    desk.report(0, 2)
    assert desk.report(0, 27) is Verdict.STOP
    assert desk.waits == 0
    assert desk.controller.state.trials[0].state is TrialState.COMPLETED


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_stopped_at_once_and_enters_no_rung(score: float):
    desk = Desk()
    desk.start()
    assert desk.report(0, 3, score) is Verdict.STOP
    assert desk.controller.state.trials[0].state is TrialState.DIVERGED
    assert desk.journal.events[-1].metrics == {"score": str(score)}
    assert not any(
        entries for rungs in desk.controller.state.scheduler.snapshot().values() for entries in rungs.values()
    )


def test_the_baseline_is_trained_to_the_end_and_others_are_not():
    desk = Desk()
    for _ in range(4):
        desk.start()
    for trial, score in ((3, 0.9), (2, 0.8)):
        desk.report(trial, 3, score)
    assert desk.report(1, 3, 0.1) is Verdict.STOP
    assert desk.report(0, 3, 0.0) is Verdict.CONTINUE


def test_what_is_said_too_late_changes_nothing():
    desk = Desk()
    desk.start()
    desk.report(0, 1)
    before = len(desk.journal.events)
    assert desk.report(0, 1, attempt=3) is Verdict.STOP
    desk.controller.on_attempt_end(0, 0, Outcome.RETURNED)
    desk.controller.on_attempt_end(0, 0, Outcome.ERROR, "late")
    assert desk.report(0, 2) is Verdict.STOP
    assert len(desk.journal.events) == before + 1
    assert desk.controller.state.trials[0].attempt.outcome is Outcome.RETURNED


def test_a_lost_trial_goes_before_new_ones_and_from_its_checkpoint():
    desk = Desk()
    desk.start()
    desk.report(0, 1, checkpoint="checkpoints/one")
    desk.report(0, 2)
    desk.controller.on_attempt_end(0, 0, Outcome.LOST, "node died")
    step = desk.start()
    assert (step.trial, step.attempt, step.checkpoint, step.from_fidelity) == (0, 1, "checkpoints/one", 1.0)
    assert isinstance(desk.start(), StartTrial)


def test_a_replaced_checkpoint_may_go_only_once_the_newer_one_is_acknowledged():
    desk = Desk()
    desk.start()
    desk.controller.commit()
    desk.report(0, 1, checkpoint="one")
    desk.report(0, 2, checkpoint="two")
    assert desk.controller.keeping.take() == []
    desk.controller.commit()
    assert desk.controller.keeping.take() == ["one"]
    assert desk.controller.keeping.take() == []


def test_a_checkpoint_that_is_reported_twice_replaces_nothing():
    desk = Desk()
    desk.start()
    desk.report(0, 1, checkpoint="one")
    desk.report(0, 1, checkpoint="one")
    desk.controller.commit()
    assert desk.controller.keeping.take() == []


def test_a_request_to_stop_pauses_trials_at_their_next_report():
    desk = Desk()
    desk.start()
    desk.controller.request_stop("SIGTERM")
    assert isinstance(desk.controller.next_step(), Wait)
    assert desk.report(0, 1) is Verdict.STOP
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    assert desk.controller.next_step() == Done("SIGTERM")
    desk.controller.close("SIGTERM")
    assert desk.controller.state.trials[0].state is TrialState.INTERRUPTED
    assert desk.controller.state.stopped == "SIGTERM"


def test_draining_starts_nothing_and_lets_what_runs_go_on():
    desk = Desk()
    desk.start()
    desk.start()
    desk.controller.drain("stop")
    assert isinstance(desk.controller.next_step(), Wait)
    assert desk.report(0, 3) is Verdict.CONTINUE
    assert desk.report(0, 27) is Verdict.STOP
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    desk.controller.on_attempt_end(1, 0, Outcome.LOST, "node died")
    assert desk.controller.next_step() == Done("stop"), "a lost trial is the next driver's"
    assert desk.controller.state.trials[0].state is TrialState.COMPLETED
    assert desk.controller.state.trials[1].state is TrialState.INTERRUPTED


def test_draining_does_not_wait_for_a_worker_and_a_cap_still_holds():
    desk = Desk(budget={"trials": 30, "wall": "15m"})
    desk.start()
    desk.controller.next_step()
    assert desk.controller.overdue() == []
    desk.controller.drain("stop")
    assert desk.controller.overdue() == [(1, 0)]
    desk.clock.now += 900
    assert desk.controller.overdue() == [(0, 0), (1, 0)]


def test_what_waits_for_a_worker_does_not_outlast_a_cap():
    desk = Desk(budget={"trials": 30, "wall": "15m"})
    desk.controller.next_step()
    desk.clock.now += 899
    assert desk.controller.overdue() == []
    desk.clock.now += 1
    assert desk.controller.overdue() == [(0, 0)]
    desk.controller.on_attempt_end(0, 0, Outcome.INTERRUPTED)
    assert desk.controller.state.trials[0].attempt.cause == "wall"
    assert desk.controller.next_step() == Done("wall")


def test_draining_with_nothing_left_to_start_finishes():
    desk = Desk(budget={"trials": 1})
    desk.start()
    desk.controller.drain("stop")
    assert desk.report(0, 27) is Verdict.STOP
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    assert desk.controller.next_step() == Done("finished")


def test_closing_ends_open_attempts_as_interrupted():
    desk = Desk()
    desk.start()
    desk.controller.close("SIGINT")
    assert desk.controller.state.trials[0].attempt.outcome is Outcome.INTERRUPTED
    assert desk.waits == 0


def test_what_was_told_to_stop_may_end_although_a_cap_is_reached_and_is_charged_until_it_has():
    desk = Desk(budget={"trials": 30, "wall": "15m"})
    desk.start()
    assert desk.report(0, 27) is Verdict.STOP
    desk.clock.now += 1000
    assert desk.controller.overdue() == []
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    assert desk.controller.state.trials[0].attempt.charged_s >= 1000


@pytest.mark.parametrize(
    ("budget", "resources", "reason", "seconds"),
    [
        ({"gpu_hours": 0.5}, {"gpus": 0.5}, "gpu_hours", 3600),
        ({"cpu_hours": 2.0}, {"cpus": 4}, "cpu_hours", 1800),
        ({"wall": "15m"}, {}, "wall", 900),
    ],
)
def test_a_cap_holds(budget, resources, reason, seconds):
    desk = Desk(budget={"trials": 30, **budget}, resources=resources)
    desk.start()
    desk.clock.now += seconds - 1
    assert desk.controller.overdue() == []
    assert desk.report(0, 1) is Verdict.CONTINUE
    desk.clock.now += 1
    assert desk.controller.overdue() == [(0, 0)]
    assert isinstance(desk.controller.next_step(), Wait)
    assert desk.report(0, 2) is Verdict.STOP
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    assert desk.controller.next_step() == Done(reason)
    assert desk.controller.state.trials[0].state is TrialState.INTERRUPTED


def test_a_heartbeat_names_what_is_paid_for():
    desk = Desk()
    desk.start()
    desk.clock.now += 31
    desk.controller.tick()
    assert desk.journal.events[-1] == ev.Heartbeat(desk.clock.now, [(0, 0)])


def test_nothing_is_acknowledged_once_the_lease_is_lost():
    desk = Desk()

    def lost() -> None:
        raise LeaseLostError("replaced")

    desk.controller._check_lease = lost
    with pytest.raises(LeaseLostError):
        desk.controller.next_step()
    assert desk.journal.committed == 0


def test_sparse_reports_enter_the_rungs_they_fall_on_and_no_earlier_one():
    desk = Desk(fidelity={"metric": "epoch", "min": 3, "max": 27, "every": 1})
    desk.start()
    for fidelity in (5, 9, 15):
        desk.report(0, fidelity)
    assert desk.controller.state.scheduler.snapshot() == {0: {9.0: {0: 0.5}}}


@pytest.mark.parametrize("search", ["soft-stages", "random"])
def test_the_simulator_runs_a_whole_sweep(search: str):
    state, journal = simulate_plan(make_plan(search=search), cliff, SimulatedCluster(workers=4))
    counts = state.counts()
    assert sum(counts.values()) == 30
    assert counts[TrialState.PRUNED] > 5
    assert counts[TrialState.DIVERGED] > 0
    assert journal.committed == len(journal.events)
    assert state.winner().state is TrialState.COMPLETED


def test_workers_are_used_side_by_side():
    alone, together = (
        simulate_plan(make_plan(), smooth, SimulatedCluster(workers=workers))[0].last_t for workers in (1, 8)
    )
    assert together < alone / 4


def test_a_space_that_is_exhausted_ends_the_sweep():
    space = {"a": {"type": "choice", "choices": [1, 2, 3], "default": 2}}
    state, _ = simulate_plan(make_plan(search_space=space), lambda config, _: config["a"], SimulatedCluster())
    assert sorted(trial.config["a"] for trial in state.trials) == [1, 2, 3]
    assert state.stopped == "exhausted"


class Watched(Controller):
    """Keeps what it answered."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.starts: list[StartTrial | ResumeTrial] = []

    def next_step(self):
        step = super().next_step()
        if isinstance(step, StartTrial | ResumeTrial):
            self.starts.append(step)
        return step


def simulated_starts(cluster: SimulatedCluster = SimulatedCluster(workers=4), **changes):  # noqa: B008 - frozen
    first = ev.SweepPlanned(0.0, ev.FORMAT, make_plan(**changes).model_dump(mode="json"))
    clock = VirtualClock()
    controller = Watched(SweepState(first), MemoryJournal(), clock)
    assert simulate(controller, clock, smooth, cluster) == "finished"
    return controller.starts, controller.state


@pytest.mark.parametrize(
    ("scheduler", "rungs"),
    [
        ("none", {(27.0,)}),
        ("asha", {(3.0, 9.0, 27.0)}),
        ({"name": "asha", "brackets": 2}, {(3.0, 9.0, 27.0), (9.0, 27.0)}),
        ("median", {tuple(map(float, range(3, 28)))}),
    ],
)
def test_a_start_tells_the_rungs_of_the_trials_bracket_and_the_full_training(scheduler, rungs):
    starts, state = simulated_starts(scheduler=scheduler, search="random", searcher="random")
    assert {step.rungs for step in starts} == rungs
    brackets = state.plan.brackets
    assert all(step.rungs[:-1] == brackets[state.trials[step.trial].bracket].rungs for step in starts)


def test_the_baseline_which_is_never_stopped_is_trained_as_those_it_is_compared_with():
    starts, _ = simulated_starts()
    assert starts[0].trial == 0
    assert starts[0].rungs == (3.0, 9.0, 27.0)


def test_a_resumed_trial_is_told_the_same_rungs():
    lost_once = SimulatedCluster(workers=4, loses=lambda trial, attempt, fidelity: attempt == 0 and fidelity == 5)
    starts, _ = simulated_starts(lost_once, scheduler={"name": "asha", "brackets": 2})
    resumed = [step for step in starts if step.attempt == 1]
    assert len(resumed) >= 5
    first = {step.trial: step.rungs for step in starts if step.attempt == 0}
    assert all(step.rungs == first[step.trial] for step in resumed)


def test_the_rungs_of_a_short_training_end_with_it():
    searcher = {"name": "coarse-to-fine", "coarse_fidelity": 6, "round_trials": 5}
    starts, _ = simulated_starts(searcher=searcher, search={"name": "joint", "prior_trials": 0})
    assert {(step.max_fidelity, step.rungs) for step in starts} == {(27.0, (3.0, 9.0, 27.0)), (6.0, (3.0, 6.0))}
