"""The last wall: what no log can hold ends its attempt by an error in words; the sweep goes on, and can be resumed."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from sweeps import make_plan

from orchestrator.control.answers import Report, StartTrial, Verdict
from orchestrator.control.border import MOST_NAMES
from orchestrator.control.controller import Controller
from orchestrator.control.simulator import MemoryJournal, VirtualClock
from orchestrator.errors import StorageError
from orchestrator.state.fold import SweepState, replay
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.sweep import event as ev
from orchestrator.sweep.recordable import LONGEST_NAME, TEXT_SUFFIX
from orchestrator.sweep.trial import Outcome, TrialState


class Desk:
    """A controller whose journal is on disk."""

    def __init__(self, folder: Path, journal=None, **changes) -> None:
        self.files, self.clock = LocalFileSystem(folder), VirtualClock(1000.0)
        self.journal = journal or JournalWriter(self.files, 1)
        plan = make_plan(**{"searcher": {"name": "random"}, "search": "random", **changes})
        first = ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"), m=0.0)
        self.journal.append(first)
        self.controller = Controller(SweepState(first), self.journal, self.clock, monotonic=self.clock)

    def start(self) -> int:
        step = self.controller.next_step()
        assert isinstance(step, StartTrial)
        self.controller.on_placed(step.trial, step.attempt, "node-\udcff", "0")
        return step.trial

    def report(
        self, trial: int, metrics: dict, fidelity: float = 1.0, checkpoint: str | None = None, **texts: str
    ) -> Verdict:
        return self.controller.on_report(Report(trial, 0, fidelity, metrics, checkpoint, texts))


@pytest.mark.parametrize("value", [10**400, "high", None, 1j, [1.0]])
def test_a_name_that_was_taken_before_does_not_let_its_values_pass(tmp_path, value):
    desk = Desk(tmp_path)
    bad, good = desk.start(), desk.start()
    for trial in (bad, good):
        assert desk.report(trial, {"score": 1.0, "loss": 2}) is Verdict.CONTINUE
        assert desk.report(trial, {"score": 1.0, "loss": 2.0}, 2.0) is Verdict.CONTINUE
    assert desk.report(bad, {"score": 1.0, "loss": value}, 3.0) is Verdict.STOP
    assert desk.report(good, {"loss": math.inf, "score": 1.0}, 2.5) is Verdict.CONTINUE


def test_the_name_of_a_texts_column_is_looked_at_where_a_metric_has_it(tmp_path):
    desk, name = Desk(tmp_path), "x" * LONGEST_NAME
    bad, good = desk.start(), desk.start()
    assert desk.report(good, {"score": 1.0}, 1.0, None, **{name: "why"}) is Verdict.CONTINUE
    assert desk.report(bad, {"score": 1.0, f"{name}{TEXT_SUFFIX}": 1.0}) is Verdict.STOP


@pytest.mark.parametrize(
    ("metrics", "fidelity", "checkpoint", "text"),
    [
        ({"score": 1.0, "m\udcff": 1.0}, 1.0, None, "the metric 'm\\udcff' has a control character"),
        ({"score": 1.0, "x" * 10**6: 1.0}, 1.0, None, "has a name of 1,000,000 characters"),
        ({"score": 1.0, **{f"m{i}": 1.0 for i in range(10_000)}}, 1.0, None, "a report holds 10,001 metrics"),
        ({"score": 10**400}, 1.0, None, "the metric 'score' is no number that a float can hold"),
        ({"score": "high"}, 1.0, None, "the metric 'score' is no number that a float can hold"),
        ({"score": 1.0, 7: 1.0}, 1.0, None, "the name of the metric '7' is no text"),
        ({"loss": 1.0}, 1.0, None, "it lacks the objective, 'score'"),
        ({"score": 1.0}, math.nan, None, "its fidelity is no finite number from 0 on"),
        ({"score": 1.0}, -1.0, None, "its fidelity is no finite number from 0 on"),
        ({"score": 1.0}, 1.0, "runs/\ud800", "its checkpoint 'runs/\\ud800' has a name that no log can hold"),
    ],
)
def test_a_report_that_no_log_can_hold_fails_its_attempt_alone(tmp_path, metrics, fidelity, checkpoint, text):
    desk = Desk(tmp_path)
    bad, good = desk.start(), desk.start()
    assert desk.report(bad, metrics, fidelity, checkpoint) is Verdict.STOP
    assert desk.report(bad, {"score": 1.0}, 2.0) is Verdict.STOP, "refused once, it is over"
    desk.controller.on_attempt_end(bad, 0, Outcome.STOPPED)
    assert desk.report(good, {"score": 0.5}) is Verdict.CONTINUE
    desk.controller.close("SIGTERM")
    again = replay(JournalReader(desk.files).read_new())
    assert [trial.state for trial in again.trials] == [TrialState.FAILED, TrialState.INTERRUPTED]
    assert again.trials[bad].attempt.outcome is Outcome.ERROR
    assert text in again.trials[bad].attempt.error
    assert again.trials[bad].attempt.error.startswith("the report at ")
    assert again.trials[bad].values == {}


@pytest.mark.parametrize(
    ("name", "said", "text"),
    [
        ("note", "half \udcff", "the text of 'note' is too long, or has characters that no log can hold"),
        ("note", "x" * 10**6, "the text of 'note' is too long"),
        ("note", 7, "the text of 'note' is too long, or has"),
        ("n\udcff", "x", "the metric 'n\\udcff' has a control character"),
    ],
)
def test_a_text_that_no_log_can_hold_fails_its_attempt_alone(tmp_path, name, said, text):
    desk = Desk(tmp_path)
    assert desk.report(desk.start(), {"score": 1.0}, **{name: said}) is Verdict.STOP
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    assert text in desk.controller.state.trials[0].attempt.error


def test_a_text_is_logged_beside_a_number_of_its_name(tmp_path):
    desk = Desk(tmp_path)
    assert desk.report(desk.start(), {"score": 1.0, "note": 7.0}, note="warm\nup") is Verdict.CONTINUE
    desk.controller.close("SIGTERM")
    (logged,) = (event for event in JournalReader(desk.files).read_new() if isinstance(event, ev.Reported))
    assert (logged.metrics, logged.texts) == ({"score": 1.0, "note": 7.0}, {"note": "warm\nup"})


def test_texts_of_hosts_are_cleaned(tmp_path):
    desk = Desk(tmp_path)
    desk.start()
    desk.controller.on_attempt_end(0, 0, Outcome.LOST, "gone \udcff\x00" + "x" * 10**7)
    attempt = replay(JournalReader(desk.files).read_new()).trials[0].attempt
    assert attempt.node == "node-\\udcff"
    assert attempt.error.startswith("gone \\udcff\\x00xx")
    assert len(attempt.error) < 11_000


def test_metrics_that_are_named_anew_at_every_report_come_to_an_end(tmp_path):
    desk = Desk(tmp_path, MemoryJournal(), fidelity={"metric": "epoch", "min": 3000, "max": 9000})
    desk.start()
    names = iter(range(10**6))
    for count in range(1, 10):
        metrics = {"score": 1.0, **{f"m{next(names)}": 1.0 for _ in range(2_000)}}
        if desk.report(0, metrics, float(count)) is Verdict.STOP:
            break
    assert count == MOST_NAMES // 2_000
    desk.controller.on_attempt_end(0, 0, Outcome.STOPPED)
    assert "10,000 different metrics were reported before 'm8000'" in desk.controller.state.trials[0].attempt.error


def test_a_record_that_no_log_can_hold_is_refused_in_words(tmp_path):
    writer = JournalWriter(LocalFileSystem(tmp_path), 1)
    with pytest.raises(StorageError, match="a record of DriverStopped holds what the log cannot"):
        writer.append(ev.DriverStopped(0.0, "\ud800"))
    writer.append(ev.DriverStopped(0.0, "SIGTERM"))
    writer.commit()
    assert len(JournalReader(LocalFileSystem(tmp_path)).read_new()) == 1


@pytest.mark.thorough
def test_a_report_and_the_next_proposal_cost_the_same_after_many_reports(tmp_path):
    """40,000 reports of each of three trials, two of them then pruned, and TPE asked for the next: 169 s once."""
    desk = Desk(
        tmp_path,
        MemoryJournal(),
        searcher={"name": "tpe", "startup_trials": 1},
        search="joint",
        fidelity={"metric": "epoch", "min": 40_000, "max": 120_000},
        scheduler={"name": "asha"},
    )
    trials, took = [desk.start() for _ in range(3)], []
    for quarter in range(4):
        begun = time.process_time()
        for step in range(10_000 * quarter + 1, 10_000 * (quarter + 1) + 1):
            for trial in trials:
                if desk.report(trial, {"score": -float(trial), "epoch": float(step)}, float(step)) is Verdict.STOP:
                    desk.controller.on_attempt_end(trial, 0, Outcome.STOPPED)
        took.append(time.process_time() - begun)
    assert [trial.state for trial in desk.controller.state.trials].count(TrialState.PRUNED) >= 1
    assert took[3] < 3 * took[1] + 0.5, took
    begun = time.process_time()
    desk.controller.next_step()
    assert time.process_time() - begun < 10, "importing Optuna included"
