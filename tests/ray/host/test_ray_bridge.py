from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec
import pytest
from sweeps import make_plan

from orchestrator.control.controller import Controller
from orchestrator.errors import ClusterLostError, StorageError
from orchestrator.ray.host.bridge import ASK_AGAIN_S, Bridge
from orchestrator.ray.worker.reports import WorkerReport
from orchestrator.results.summary import summarise
from orchestrator.state.fold import SweepState
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.awaited import NOTHING_AWAITED, AwaitedPlaces
from orchestrator.sweep.trial import Outcome, TrialState


class Disk:
    """A journal in memory whose disk can fill up."""

    def __init__(self) -> None:
        self.events: list[ev.Event] = []
        self.is_full = False

    def append(self, event: ev.Event) -> None:
        self.events.append(event)

    def commit(self) -> None:
        if self.is_full:
            raise StorageError("the disk is full")


class Sweep:
    def __init__(self, **changes) -> None:
        self.now = 0.0
        self.disk = Disk()
        plan = make_plan(**({"budget": {"trials": 3}, "scheduler": "none"} | changes))
        self.state = SweepState(ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")))
        clock: Callable[[], float] = lambda: self.now  # noqa: E731 - the annotation is the point
        self.controller = Controller(self.state, self.disk, clock)
        self.bridge = Bridge(self.controller, Location.parse("/sweep"), clock)

    def start(self):
        attempt = self.bridge.next_attempt()
        assert attempt is not None
        self.bridge.placed(attempt.key, "host", "0")
        return attempt

    def report(self, key: str, epoch: float, score: float = 1.0) -> bool:
        return self.bridge.must_stop(key, WorkerReport(epoch, {"epoch": epoch, "score": score}))


def test_a_whole_sweep():
    sweep = Sweep()
    first = sweep.start()
    assert first.key == f"{sweep.state.trials[0].trial_id}.0"
    assert sweep.bridge.due().startable == 2
    others = [sweep.start(), sweep.start()]
    assert sweep.bridge.next_attempt() is None
    for attempt in (first, *others):
        assert not sweep.report(attempt.key, 3)
        assert sweep.report(attempt.key, 27)
        sweep.bridge.finished(attempt.key)
    assert sweep.bridge.done is None
    assert sweep.bridge.next_attempt() is None
    assert (sweep.bridge.done, sweep.bridge.is_over, sweep.bridge.failure) == ("finished", True, None)
    assert sweep.state.counts()[TrialState.COMPLETED] == 3
    assert [trial.attempt.outcome for trial in sweep.state.trials] == [Outcome.STOPPED] * 3


def test_a_ray_that_is_gone_ends_what_is_open_and_lets_nothing_follow():
    sweep = Sweep()
    first, second = sweep.start(), sweep.start()
    sweep.report(first.key, 3)
    gone = ClusterLostError("Ray is gone")
    sweep.bridge.lose(gone)
    sweep.bridge.lose(ClusterLostError("said twice"))
    assert (sweep.bridge.failure, sweep.bridge.is_over, sweep.state.open) == (gone, True, {})
    assert [trial.attempt.outcome for trial in sweep.state.trials] == [Outcome.INTERRUPTED] * 2
    assert sweep.report(second.key, 3), "what comes late is answered with a stop"
    sweep.bridge.ended(second.key, Outcome.LOST, "its worker died with Ray")
    assert sum(isinstance(event, ev.AttemptEnded) for event in sweep.disk.events) == 2


def test_a_ray_that_is_gone_waits_for_an_answer_in_the_making():
    sweep, order = Sweep(), []
    sweep.start()

    def slow() -> None:
        thread.start()
        thread.join(0.2)
        order.append("the answer")

    thread = threading.Thread(target=lambda: (sweep.bridge.lose(ClusterLostError("gone")), order.append("the loss")))
    sweep.bridge.turn(slow)
    thread.join(240)
    assert order == ["the answer", "the loss"]


def test_an_attempt_ends_once():
    sweep = Sweep()
    key = sweep.start().key
    sweep.bridge.ended(key, Outcome.LOST, "node")
    sweep.bridge.ended(key, Outcome.ERROR, "late")
    sweep.bridge.finished(key)
    assert sweep.report(key, 3), "a report after the end is answered with a stop"
    assert [type(event).__name__ for event in sweep.disk.events][-1] == "AttemptEnded"
    assert sweep.state.trials[0].attempt.error == "node"
    again = sweep.start()
    assert (again.trial, again.attempt) == (0, 1)


def test_a_function_that_returned_on_its_own():
    sweep = Sweep()
    key = sweep.start().key
    sweep.report(key, 3)
    sweep.bridge.finished(key)
    assert sweep.state.trials[0].attempt.outcome is Outcome.RETURNED


def test_an_exception_is_kept_and_nothing_is_written_after_it():
    sweep = Sweep()
    first, second = sweep.start().key, sweep.start().key
    sweep.disk.is_full = True
    assert sweep.report(first, 27), "the verdict of a broken controller is a stop"
    written = len(sweep.disk.events)
    assert sweep.report(second, 3)
    sweep.bridge.finished(first)
    sweep.bridge.interrupt_all()
    assert sweep.bridge.next_attempt() is None
    assert len(sweep.disk.events) == written
    assert sweep.bridge.live == {}
    assert sweep.bridge.is_over
    assert isinstance(sweep.bridge.failure, StorageError)


def test_what_the_turn_raises_is_kept():
    sweep = Sweep()
    sweep.bridge.turn(lambda: None)
    assert sweep.bridge.failure is None
    sweep.bridge.turn(lambda: [][0])
    assert isinstance(sweep.bridge.failure, IndexError)


def test_leaving_interrupts_what_is_open():
    sweep = Sweep()
    sweep.start()
    sweep.bridge.leave("SIGTERM")
    assert sweep.bridge.is_over
    assert sweep.bridge.next_attempt() is None
    sweep.bridge.interrupt_all()
    assert sweep.state.trials[0].state is TrialState.INTERRUPTED
    assert sweep.state.trials[0].attempt.outcome is Outcome.INTERRUPTED


def test_a_request_to_stop_ends_the_loop_at_its_next_turn_and_draining_once_all_has_ended():
    sweep = Sweep()
    key = sweep.start().key
    waits = sweep.bridge.next_attempt()
    sweep.bridge.turn(lambda: sweep.controller.drain("stop"))
    assert not sweep.bridge.is_over
    assert sweep.bridge.overdue() == [waits], "no worker took it: it is put back"
    sweep.bridge.ended(waits.key, Outcome.INTERRUPTED)
    assert not sweep.report(key, 3)
    assert sweep.bridge.next_attempt() is None
    sweep.bridge.turn(lambda: sweep.controller.request_stop("cancel"))
    assert (sweep.bridge.leaving, sweep.bridge.is_over) == ("cancel", True)


def test_overdue_attempts_are_named_once_and_end_as_interrupted():
    sweep = Sweep(budget={"trials": 3, "wall": 60.0})
    key = sweep.start().key
    assert sweep.bridge.overdue() == []
    sweep.now = 61.0
    assert [live.key for live in sweep.bridge.overdue()] == [key]
    assert sweep.bridge.overdue() == []
    sweep.bridge.ended(key, Outcome.LOST, "the actor died")
    assert (sweep.state.trials[0].attempt.outcome, sweep.state.trials[0].attempt.error) == (Outcome.INTERRUPTED, None)
    assert sweep.bridge.next_attempt() is None
    assert sweep.bridge.done == "wall"


def test_a_controller_that_waits_is_asked_again_soon_or_after_an_end():
    sweep = Sweep(budget={"trials": 1})
    key = sweep.start().key
    assert sweep.bridge.next_attempt() is None
    sweep.bridge.ended(key, Outcome.LOST, "node")
    assert sweep.start().attempt == 1


def test_what_is_no_number_is_told_once_and_what_is_kept_without_a_judgement_too(caplog):
    sweep = Sweep()
    key, other = sweep.start().key, sweep.start().key
    for at, left_out in (
        (key, {"note": "bytes", "mask": "Tensor"}),
        (other, {"note": "bytes"}),
        (other, {"of": "list"}),
    ):
        sweep.bridge.must_stop(at, WorkerReport(1.0, {"epoch": 1.0, "score": 1.0}, left_out=left_out))
    sweep.report(key, 7)
    sweep.report(key, 2)
    sweep.report(key, 3)
    assert [record.getMessage() for record in caplog.records] == [
        "trial 0 reported what is neither a number nor text, so it is in no table: note (bytes), mask (Tensor)",
        "trial 1 reported what is neither a number nor text, so it is in no table: of (list)",
        "trial 0: epoch 2 came after 7: kept, not judged",
    ]


def silent_for(sweep: Sweep, seconds: float) -> list[str]:
    """Let time pass at a second a turn; returns the keys of those who are to be ended."""
    found = []
    for _ in range(int(seconds)):
        sweep.now += 1.0
        found += [attempt.key for attempt in sweep.bridge.faulty()]
        sweep.bridge.turn(lambda: None)
    return found


def test_one_that_hangs_ends_as_hung_and_another_goes_on_from_its_checkpoint(caplog):
    sweep = Sweep(budget={"trials": 2}, limits={"silence": 100})
    hung, other = sweep.start(), sweep.start()
    for attempt in (hung, other):
        sweep.report(attempt.key, 1)
    for _ in range(9):
        assert silent_for(sweep, 10) == []
        sweep.bridge.alive(other.key)
    assert [attempt.key for attempt in sweep.bridge.to_ask()] == [hung.key]
    heartbeat = [event for event in sweep.disk.events if isinstance(event, ev.Heartbeat)][-1]
    assert heartbeat.silent == [(0, 90.0)], "told at half of what is written, and in each heartbeat from then on"
    assert [(silent.trial, silent.node) for silent in summarise(sweep.state, sweep.now).silent] == [(0, "host")]
    assert silent_for(sweep, 15) == [hung.key]
    assert silent_for(sweep, 5) == [], "once"
    sweep.bridge.ended(hung.key, Outcome.LOST, "the worker was lost")
    attempt = sweep.state.trials[0].attempt
    assert attempt.outcome is Outcome.HUNG
    assert attempt.error.startswith("it gave no sign of life for 1m 40s (limits.silence): ")
    assert sweep.state.trials[0].state is TrialState.INTERRUPTED
    assert summarise(sweep.state, sweep.now).silent == ()
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith("trial 0 on host: silent for 50s; it is ended after 1m 40s without a sign of life")
    assert said[1].startswith("trial 0 on host is ended: it gave no sign of life for 1m 40s (limits.silence)")


def test_one_that_returns_just_before_it_is_ended_has_returned():
    sweep = Sweep(limits={"silence": 10})
    attempt = sweep.start()
    sweep.report(attempt.key, 1)
    assert silent_for(sweep, 12) == [attempt.key]
    sweep.bridge.finished(attempt.key)
    assert sweep.state.trials[0].attempt.outcome is Outcome.RETURNED


def test_one_that_was_told_to_stop_is_watched_no_more():
    sweep = Sweep(limits={"silence": 10, "trial": 20}, fidelity={"metric": "epoch", "max": 3})
    attempt = sweep.start()
    assert sweep.report(attempt.key, 3)
    assert silent_for(sweep, 100) == []


def test_a_trial_is_stopped_at_its_first_report_after_its_limit():
    sweep = Sweep(budget={"trials": 1}, limits={"trial": 60}, fidelity={"metric": "epoch", "max": 99})
    attempt = sweep.start()
    assert not sweep.report(attempt.key, 1)
    assert silent_for(sweep, 59) == []
    assert not sweep.report(attempt.key, 2)
    sweep.now += 2
    assert sweep.report(attempt.key, 3)
    sweep.bridge.finished(attempt.key)
    trial = sweep.state.trials[0]
    assert (trial.state, trial.attempt.outcome, trial.attempt.cause) == (
        TrialState.PRUNED,
        Outcome.STOPPED,
        "limits.trial",
    )


@pytest.mark.parametrize(("reports", "state"), [(0, TrialState.FAILED), (1, TrialState.PRUNED)])
def test_a_trial_that_makes_no_report_after_its_limit_is_ended_and_not_repeated(reports, state):
    sweep = Sweep(budget={"trials": 1}, limits={"trial": 60})
    attempt = sweep.start()
    for epoch in range(reports):
        sweep.report(attempt.key, epoch + 1)
    assert silent_for(sweep, 67) == [attempt.key]
    sweep.bridge.ended(attempt.key, Outcome.LOST, "the worker was lost")
    trial = sweep.state.trials[0]
    assert (trial.state, trial.attempt.outcome, trial.attempt.cause) == (state, Outcome.OVERTIME, "limits.trial")
    assert "longer than limits.trial (1m 00s)" in trial.attempt.error


def test_what_earlier_attempts_took_counts():
    sweep = Sweep(budget={"trials": 1}, limits={"trial": 60})
    attempt = sweep.start()
    silent_for(sweep, 50)
    sweep.bridge.ended(attempt.key, Outcome.LOST, "the worker was lost")
    attempt = sweep.start()
    assert silent_for(sweep, 15) == []
    assert silent_for(sweep, 2) == [attempt.key]


def test_the_slowest_interval_is_of_reports_of_one_attempt():
    sweep = Sweep(budget={"trials": 2})
    attempt, other = sweep.start(), sweep.start()
    assert sweep.state.slowest_s is None
    for key, epoch, after in ((attempt.key, 1, 100), (other.key, 1, 300), (other.key, 2, 7), (attempt.key, 2, 5)):
        sweep.now += after
        sweep.report(key, epoch)
    assert sweep.state.slowest_s == 312.0


def test_places_are_asked_for_as_many_as_trials_could_be_started():
    sweep = Sweep()
    assert sweep.bridge.due().startable == 3
    assert sweep.state.trials == [], "counting proposes nothing"
    first = sweep.start()
    assert sweep.bridge.due().startable == 2
    sweep.bridge.ended(first.key, Outcome.LOST, "its node")
    assert sweep.bridge.due().startable == 3, "what was lost goes on"
    for _ in range(3):
        sweep.bridge.finished(sweep.start().key)
    assert sweep.bridge.due().startable == 0
    assert sweep.bridge.done == "finished"


def test_none_is_asked_for_once_nothing_more_is_to_be_started():
    sweep = Sweep()
    attempt = sweep.start()
    sweep.controller.drain("stop")
    sweep.now += ASK_AGAIN_S
    assert sweep.bridge.due().startable == 0
    assert sweep.bridge.done is None, "what runs goes on"
    sweep.bridge.finished(attempt.key)
    assert sweep.bridge.due().startable == 0
    assert sweep.bridge.done == "stop"


def test_what_is_waited_for_is_recorded_when_it_changes():
    sweep = Sweep()
    sweep.bridge.awaits(AwaitedPlaces(2, "the cluster is busy"))
    for _ in range(3):
        sweep.bridge.turn(lambda: None)
    sweep.bridge.awaits(NOTHING_AWAITED)
    sweep.bridge.turn(lambda: None)
    written = [event.awaited for event in sweep.disk.events if isinstance(event, ev.PlacesAwaited)]
    assert written == [AwaitedPlaces(2, "the cluster is busy"), NOTHING_AWAITED]
    decoded = msgspec.json.decode(msgspec.json.encode(sweep.disk.events[0]), type=ev.Event)
    assert decoded == sweep.disk.events[0]


def test_one_place_is_asked_for_while_the_baseline_runs_first():
    sweep = Sweep(baseline_first=True)
    assert sweep.bridge.due().startable == 1
    baseline = sweep.start()
    assert sweep.bridge.due().startable == 0, "no place stands empty for the others"
    sweep.report(baseline.key, 3)
    sweep.now += ASK_AGAIN_S
    assert sweep.bridge.due().startable == 2


def test_an_attempt_that_ends_after_a_failure_is_not_asked_for_signs_of_life():
    sweep = Sweep(limits={"silence": 30})
    attempt = sweep.start()
    sweep.report(attempt.key, 3)
    sweep.now += 20
    assert [asked.key for asked in sweep.bridge.to_ask()] == [attempt.key]
    sweep.bridge.fail(StorageError("the disk is full"))
    sweep.bridge.ended(attempt.key, Outcome.LOST, "its worker is gone")
    sweep.now += 1_000
    assert (sweep.bridge.to_ask(), sweep.bridge.faulty()) == ([], [])
