"""No report is lost: a fidelity of 0, one that repeats, one below the highest, a counter that begins again."""

from __future__ import annotations

import pytest
from sweeps import make_plan

from orchestrator.control.answers import Report, ResumeTrial, StartTrial, Verdict
from orchestrator.control.controller import Controller
from orchestrator.control.simulator import MemoryJournal, VirtualClock
from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState


class Desk:
    """A controller that is told of one trial's reports after the other."""

    def __init__(self, written_in: int = ev.FORMAT, **changes) -> None:
        self.clock, self.journal = VirtualClock(1000.0), MemoryJournal()
        fields = {"fidelity": {"metric": "epoch", "min": 1, "max": 9}, "searcher": "random", "search": "random"}
        first = ev.SweepPlanned(0.0, written_in, make_plan(**(fields | changes)).model_dump(mode="json"))
        self.journal.append(first)
        self.controller = Controller(SweepState(first), self.journal, self.clock)

    def start(self) -> StartTrial | ResumeTrial:
        step = self.controller.next_step()
        assert isinstance(step, StartTrial | ResumeTrial)
        self.controller.on_placed(step.trial, step.attempt, "node")
        return step

    def report(self, fidelity, score=0.5, *, trial=0, attempt=0, checkpoint=None, **more) -> Verdict:
        self.clock.now += 1
        return self.controller.on_report(Report(trial, attempt, fidelity, {"score": score, **more}, checkpoint))

    @property
    def trial(self):
        return self.controller.state.trials[0]

    @property
    def logged(self):
        return [(e.fidelity, e.metrics) for e in self.journal.events if isinstance(e, ev.Reported)]

    def is_replayed(self) -> bool:
        """Whether the log alone leads to the same state."""
        again = replay(self.journal.events)
        same = again.trials == self.controller.state.trials and again.spend == self.controller.state.spend
        return same and again.scheduler.snapshot() == self.controller.state.scheduler.snapshot()


def test_a_fidelity_of_0_counts():
    desk = Desk()
    desk.start()
    assert desk.report(0.0, 0.3, checkpoint="ck/0") is Verdict.CONTINUE
    assert (desk.trial.values, desk.trial.report_count, desk.trial.checkpoint) == ({0.0: 0.3}, 1, "ck/0")
    desk.controller.on_attempt_end(0, 0, Outcome.LOST, "lost")
    assert desk.start().checkpoint == "ck/0", "a checkpoint of fidelity 0 is one"
    desk.report(1.0, 0.4, attempt=1)
    desk.controller.on_attempt_end(0, 1, Outcome.RETURNED)
    assert desk.trial.state is TrialState.COMPLETED
    assert desk.controller.remarks.take() == []
    assert desk.is_replayed()


def test_a_function_that_reports_at_0_alone_has_reported():
    desk = Desk()
    desk.start()
    desk.report(0.0, 0.3)
    desk.controller.on_attempt_end(0, 0, Outcome.RETURNED)
    assert (desk.trial.state, desk.trial.value) == (TrialState.COMPLETED, 0.3)


def test_reports_at_one_fidelity_are_all_kept_the_later_value_wins_and_the_rung_keeps_the_first():
    desk = Desk()
    desk.start()
    for epoch in range(1, 9):
        assert desk.report(float(epoch), 0.1 * epoch, train_loss=1.0) is Verdict.CONTINUE
        assert desk.report(float(epoch), 0.1 * epoch + 0.05, auc=0.7) is Verdict.CONTINUE
    assert desk.report(9.0, 0.9, train_loss=1.0) is Verdict.CONTINUE, "this training reports twice"
    assert desk.report(9.0, 0.95, auc=0.8) is Verdict.STOP
    assert (desk.trial.state, desk.trial.value, desk.trial.report_count) == (TrialState.COMPLETED, 0.95, 9)
    assert len(desk.logged) == 18
    assert desk.trial.values[3.0] == pytest.approx(0.35)
    assert desk.controller.state.scheduler.snapshot()[0][3.0][0] == pytest.approx(0.3), "what it judged stands"
    assert desk.is_replayed()


def test_a_training_that_ends_before_its_usual_repeat_is_complete():
    desk = Desk()
    desk.start()
    for fidelity in (8.0, 8.0, 9.0):
        assert desk.report(fidelity) is Verdict.CONTINUE
    desk.controller.on_attempt_end(0, 0, Outcome.RETURNED)
    assert desk.trial.state is TrialState.COMPLETED


def test_a_report_below_the_highest_is_kept_at_its_own_fidelity_and_judges_nothing():
    desk = Desk()
    desk.start()
    desk.start()
    for fidelity in (2.0, 7.0, 1.0, 3.0, 0.0):
        assert desk.report(fidelity, 0.9 if fidelity > 1 else 0.1, trial=1) is Verdict.CONTINUE
    low = desk.controller.state.trials[1]
    assert low.values == {2.0: 0.9, 7.0: 0.9, 1.0: 0.1, 3.0: 0.9, 0.0: 0.1}
    assert (low.fidelity, low.value, low.report_count) == (7.0, 0.9, 5)
    assert not any(1.0 in rungs and rungs[1.0] for rungs in desk.controller.state.scheduler.snapshot().values())
    assert desk.controller.remarks.take() == ["trial 1: epoch 1 came after 7: kept, not judged"]
    assert desk.controller.remarks.take() == []
    assert desk.is_replayed()


def test_more_repeats_than_an_epoch_has_steps_are_told_once():
    desk = Desk()
    desk.start()
    for _ in range(21):
        desk.report(1.0)
    assert desk.controller.remarks.take() == []
    desk.report(1.0)
    desk.report(1.0)
    assert desk.controller.remarks.take() == [
        "trial 0 made more than 20 reports at epoch 1, which are one row of the tables; leave out "
        "`fidelity.metric` and each report counts"
    ]


def test_the_last_report_is_the_score_of_a_training_without_fidelity():
    desk = Desk(fidelity="none")
    desk.start()
    for number in range(22):
        assert desk.report(1.0, 0.1 * number, checkpoint=f"ck/{number}", training_iteration=number + 1.0) is (
            Verdict.CONTINUE
        )
    desk.controller.on_attempt_end(0, 0, Outcome.LOST, "lost")
    assert (step := desk.start()).checkpoint == "ck/21"
    assert (step.from_fidelity, step.from_iteration, step.rungs) == (1.0, 22.0, (1.0,))
    desk.report(1.0, 7.0, attempt=1)
    desk.controller.on_attempt_end(0, 1, Outcome.RETURNED)
    assert (desk.trial.state, desk.trial.values, desk.trial.report_count) == (TrialState.COMPLETED, {1.0: 7.0}, 2)
    assert desk.controller.remarks.take() == [
        "trial 0 made more than 20 reports, of which the last is its score (`fidelity: none`); to compare trials on "
        "the way, write their number as `fidelity: {max: N}`"
    ]
    assert desk.is_replayed()


def test_reports_are_counted_on_from_the_checkpoint_that_a_trial_goes_on_from():
    desk = Desk()
    desk.start()
    for count, epoch in enumerate((1.0, 1.0, 2.0, 2.0), 1):
        desk.report(epoch, checkpoint=f"ck/{epoch:g}" if count < 4 else None, training_iteration=float(count))
    desk.controller.on_attempt_end(0, 0, Outcome.LOST, "lost")
    step = desk.start()
    assert (step.checkpoint, step.from_fidelity, step.from_iteration) == ("ck/2", 2.0, 3.0)
    assert desk.is_replayed()


def test_a_counter_that_begins_again_after_a_resume_is_told():
    desk = Desk(scheduler="none")
    desk.start()
    for epoch in range(1, 6):
        desk.report(float(epoch), 1 / epoch, checkpoint=f"ck/{epoch}")
    desk.controller.on_attempt_end(0, 0, Outcome.LOST, "lost")
    assert desk.start().from_fidelity == 5.0
    for epoch in range(1, 5):
        desk.report(float(epoch), 1 / (5 + epoch), attempt=1)
    assert desk.controller.remarks.take() == [
        "trial 0 went on from the checkpoint of epoch 5 and reports epoch 1: its counter began again; save it in the "
        "checkpoint and load it from there"
    ]
    assert desk.is_replayed()


def test_a_sweep_of_format_1_drops_what_its_writer_dropped():
    desk = Desk(written_in=1)
    desk.start()
    for fidelity in (0.0, 1.0, 1.0, 2.0, 1.0):
        assert desk.report(fidelity) is Verdict.CONTINUE
    assert [fidelity for fidelity, _ in desk.logged] == [1.0, 2.0]
    assert desk.trial.report_count == 2
