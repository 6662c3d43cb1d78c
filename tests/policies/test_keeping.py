"""Which checkpoints go while a sweep runs: those that nobody can need any more, by a record that is on disk first."""

from __future__ import annotations

import pytest
from sweeps import make_plan

from orchestrator.control.answers import Report, ResumeTrial, StartTrial, Verdict
from orchestrator.control.controller import Controller
from orchestrator.control.simulator import MemoryJournal, VirtualClock
from orchestrator.policies.keeping import named, unneeded
from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import FIRST_REPLICATE, Outcome, TrialState


class Sweep:
    """A controller whose trials keep a checkpoint with every report."""

    def __init__(self, **changes) -> None:
        self.clock, self.journal = VirtualClock(1000.0), MemoryJournal()
        fixed = {"searcher": "random", "search": "random", "scheduler": "none"}
        fixed["confirm"] = {"share": 0.2, "top": 1}
        plan = make_plan(**{**fixed, **changes})
        first = ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"))
        self.journal.append(first)
        self.controller = Controller(SweepState(first), self.journal, self.clock)
        self.state = self.controller.state

    def start(self) -> int:
        step = self.controller.next_step()
        assert isinstance(step, StartTrial | ResumeTrial)
        self.controller.on_placed(step.trial, step.attempt, "node")
        return step.trial

    def report(self, number: int, fidelity: float, score: float) -> Verdict:
        attempt = self.state.trial(number).attempt.number
        said = Report(number, attempt, fidelity, {"score": score}, checkpoint=f"c/{number}/{fidelity:g}")
        return self.controller.on_report(said)

    def end(self, number: int, outcome: Outcome = Outcome.RETURNED, error: str | None = None) -> None:
        self.controller.on_attempt_end(number, self.state.trial(number).attempt.number, outcome, error)

    def run(self, score: float, fidelity: float = 27) -> int:
        number = self.start()
        self.report(number, fidelity, score)
        self.end(number)
        return number

    def gone(self) -> list[str]:
        self.controller.tick()
        self.controller.commit()
        return self.controller.keeping.take()

    @property
    def records(self) -> list[tuple[int, str]]:
        return [(e.trial, e.checkpoint) for e in self.journal.events if isinstance(e, ev.CheckpointRemoved)]


def test_the_newest_checkpoints_of_the_baseline_and_of_the_best_trial_stay():
    sweep = Sweep()
    went = []
    for score in (0.5, 0.4, 0.7, 0.6, 0.8):
        sweep.run(score)
        went.append(sweep.gone())
    assert went == [[], [], ["c/1/27"], ["c/3/27"], ["c/2/27"]], "the best one beside the baseline races against it"
    assert sweep.records == [(1, "c/1/27"), (3, "c/3/27"), (2, "c/2/27")]
    assert [trial.checkpoint for trial in sweep.state.trials] == ["c/0/27", None, None, None, "c/4/27"]
    assert list(named(sweep.state)) == ["c/0/27", "c/4/27"]
    assert list(unneeded(sweep.state)) == [sweep.state.trials[n] for n in (1, 2, 3)]


def test_it_goes_only_once_its_record_is_on_disk():
    sweep = Sweep()
    for score in (0.5, 0.6, 0.4):
        sweep.run(score)
    sweep.controller.tick()
    assert sweep.records == [(2, "c/2/27")]
    assert sweep.controller.keeping.take() == []
    sweep.controller.commit()
    assert sweep.controller.keeping.take() == ["c/2/27"]
    assert replay(sweep.journal.events).trials[2].checkpoint is None


@pytest.mark.parametrize(("confirm", "gone"), [({"share": 0.2, "top": 2}, [1, 2, 3]), ("none", [1])])
def test_contenders_keep_theirs_until_they_are_beaten(confirm, gone):
    sweep = Sweep(confirm=confirm)
    for score in (0.1, 0.2, 0.5, 0.6, 0.7, 0.8):
        sweep.run(score)
    assert sweep.gone() == [f"c/{number}/27" for number in gone]
    assert list(named(sweep.state)) == [f"c/{number}/27" for number in range(6) if number not in gone]


def test_what_a_stopped_trial_left_goes_when_its_attempt_is_over_and_not_before():
    sweep = Sweep(scheduler={"name": "asha"}, search="joint", budget={"trials": 30})
    numbers = [sweep.start() for _ in range(5)]
    for number in numbers:
        sweep.report(number, 3, 0.9 - number / 10)
    assert sweep.state.trials[4].state is TrialState.PRUNED
    assert sweep.gone() == [], "it may be at work still"
    sweep.report(0, 27, 0.9)
    sweep.end(0)
    assert sweep.gone() == ["c/0/3"]
    sweep.end(4, Outcome.STOPPED)
    assert sweep.gone() == ["c/4/3"]


def test_while_none_has_completed_the_one_that_leads_keeps_its_own():
    sweep = Sweep(limits={"trial": 10})
    for score in (0.3, 0.6):
        number = sweep.start()
        sweep.report(number, 3, score)
        sweep.end(number, Outcome.OVERTIME)
    assert [trial.state for trial in sweep.state.trials] == [TrialState.PRUNED] * 2
    assert sweep.gone() == []
    assert sweep.state.winner() is sweep.state.trials[1]
    sweep.run(0.5)
    assert sweep.gone() == ["c/1/3"], "what completed goes before it; the baseline keeps its own"


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.OUT_OF_MEMORY])
def test_a_failed_trial_keeps_its_own_and_a_retry_goes_on_from_it(outcome):
    sweep = Sweep(retry={"error": 0}, brake=False)
    sweep.run(0.5)
    number = sweep.start()
    sweep.report(number, 3, 0.1)
    sweep.end(number, outcome, "ValueError: no")
    assert sweep.state.trials[1].state is TrialState.FAILED
    assert sweep.gone() == []
    sweep.controller.write_down(ev.TrialReopened(sweep.clock(), number))
    step = sweep.controller.next_step()
    assert (step.trial, step.checkpoint) == (1, "c/1/3")


def test_a_trial_whose_end_was_asked_for_keeps_its_own_and_one_that_diverged_does_not():
    sweep = Sweep()
    sweep.run(0.5)
    number = sweep.start()
    sweep.report(number, 3, 0.1)
    sweep.controller.write_down(ev.TrialWithdrawn(sweep.clock(), number, "wish"))
    sweep.end(number, Outcome.STOPPED)
    assert sweep.gone() == [], "`retry --trial` goes on from it"
    number = sweep.start()
    sweep.report(number, 3, 0.1)
    sweep.report(number, 4, float("nan"))
    sweep.end(number, Outcome.STOPPED)
    assert sweep.gone() == ["c/2/3", "c/2/4"], "the second by a record, the first because that replaced it"


def test_an_interrupted_trial_keeps_its_own():
    sweep = Sweep()
    sweep.run(0.5)
    number = sweep.start()
    sweep.report(number, 3, 0.1)
    sweep.end(number, Outcome.LOST, "node died")
    assert sweep.gone() == []
    assert sweep.controller.next_step().checkpoint == "c/1/3"


def test_fresh_seeds_leave_theirs_once_they_are_over():
    sweep = Sweep(budget={"trials": 2}, confirm={"trainings": 4, "top": 1}, baseline_first=False)
    for score in (0.5, 0.6):
        sweep.run(score)
    number = sweep.start()
    assert number == FIRST_REPLICATE
    sweep.report(number, 27, 0.55)
    assert sweep.gone() == []
    sweep.end(number)
    assert sweep.gone() == [f"c/{number}/27"]
    assert list(named(sweep.state)) == ["c/0/27", "c/1/27"]


@pytest.mark.parametrize(("keep", "replaced"), [("last", ["c/1/3"]), ("all", [])])
def test_the_key_turns_it_off(keep, replaced):
    sweep = Sweep(keep_checkpoints=keep)
    sweep.run(0.5)
    number = sweep.start()
    sweep.report(number, 3, 0.1)
    sweep.report(number, 27, 0.1)
    sweep.end(number)
    assert sweep.gone() == replaced
    assert sweep.records == []


def test_a_driver_that_measures_or_clears_starts_nothing_and_leaves_the_sweep_where_it_stood():
    sweep = Sweep(budget={"trials": 2})
    for score in (0.5, 0.4):
        sweep.run(score)
    sweep.controller.close("finished")
    state = replay([*sweep.journal.events, ev.DriverStarted(5.0, 2, "h:1", "c0de", {}, clears=True)])
    assert (state.is_aside, state.is_testing, state.stopped) == (True, False, "finished")
    controller = Controller(state, MemoryJournal(), VirtualClock(6.0))
    controller.tick()
    assert controller.keeping.take() == []
    controller.close("cleared")
    assert state.stopped == "finished"
