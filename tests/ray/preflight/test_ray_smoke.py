"""How a smoke trial is judged, from what its controller saw."""

from __future__ import annotations

import math

import pytest
from sweeps import make_plan

from orchestrator.control.answers import Done, Report, StartTrial, Verdict
from orchestrator.control.simulator import VirtualClock
from orchestrator.ray.preflight.smoke import SmokeController, judged, one_line
from orchestrator.sweep.trial import Outcome


def tried(*reports: tuple[float, float], seconds: float = 2.0) -> SmokeController:
    """Run the baseline through (epoch, score) reports, `seconds` apart."""
    clock = VirtualClock()
    controller = SmokeController(make_plan(), clock)
    step = controller.next_step()
    assert isinstance(step, StartTrial)
    controller.on_placed(0, 0)
    for epoch, score in reports:
        clock.now += seconds
        controller.on_report(Report(0, 0, epoch, {"score": score, "epoch": epoch}))
    return controller


@pytest.mark.parametrize(
    ("reports", "ok", "text"),
    [
        (
            [(1, 0.25), (2, 0.5)],
            True,
            "score 0.25 at epoch 1, 0.5 at epoch 2; 2 s a report, about 54 s a full training",
        ),
        ([(27, 0.25)], True, "score 0.25 at epoch 27; 2 s to the only report awaited"),
        ([(1, 0.25), (1, 0.5)], True, "score 0.25 at epoch 1, 0.5 at epoch 1; 2 s a report"),
        ([(2, 0.25), (1, 0.5)], False, "epoch was 2 and then 1: it must ascend"),
        ([(1, math.nan)], False, "score is nan at epoch 1 with every default"),
        ([], False, "no report within 30 s"),
    ],
)
def test_reports_are_judged(reports, ok, text):
    found = judged(tried(*reports), 30.0)
    assert (found.ok, found.text) == (ok, text)
    assert (found.remedy is None) == ok


def test_the_second_report_ends_it():
    controller = tried((1, 0.1))
    assert controller.stop_requested is None
    assert controller.on_report(Report(0, 0, 2, {"score": 0.1, "epoch": 2})) is Verdict.STOP
    controller.on_attempt_end(0, 0, Outcome.STOPPED)
    assert controller.next_step() == Done("seen")


def test_an_error_is_told_on_one_line_and_a_place_that_is_taken_is_no_failure():
    controller = tried()
    controller.on_attempt_end(0, 0, Outcome.ERROR, "train.py:3 in train: int('x')\nValueError: invalid literal")
    assert judged(controller, 30.0).text == "train.py:3: ValueError: invalid literal"
    waiting = SmokeController(make_plan(), VirtualClock())
    waiting.next_step()
    found = judged(waiting, 30.0)
    assert (found.ok, found.text) == (None, "no place for it within 30 s: the nodes that could hold a trial are taken")
    assert one_line("all on one") == "all on one"


def test_who_does_not_report_in_time_on_a_busy_node_is_not_taken_for_broken():
    found = judged(tried(), 30.0, is_busy=True)
    assert (found.ok, found.why) == (None, "no answer")
    assert found.text == "no report within 30 s, on a busy node"
    assert judged(tried(), 30.0).why == "wrong"
