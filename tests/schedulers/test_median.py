from collections import defaultdict
from statistics import mean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.schedulers.median import MedianScheduler
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.spec import Fidelity
from orchestrator.testing.scheduler_conformance import is_weak

EPOCHS = Fidelity(min=2, max=10)


def rule(fidelity=EPOCHS, goal="maximize", **options):
    chosen = MedianScheduler.Options(**options)
    return MedianScheduler(MedianScheduler.plan(fidelity, chosen), fidelity, goal, chosen, 7)


def show(scheduler, trial, *values):
    """Show reports of epochs 1, 2, ...; returns whether the trial was found weak at each."""
    return [is_weak(scheduler.show(trial, 0, float(epoch), value)) for epoch, value in enumerate(values, start=1)]


def test_by_hand():
    scheduler = rule(min_trials=3)
    show(scheduler, 0, 0.0, 1.0)  # averages at epoch 2: 0.5
    show(scheduler, 1, 1.0, 3.0)  # 2.0
    assert show(scheduler, 2, -9.0, -9.0) == [False, False]  # two others are too few
    assert show(scheduler, 3, 0.4, 0.2) == [False, True]  # its best 0.4 against the median 0.5 of 0.5, 2.0, -9.0
    assert show(scheduler, 4, 0.5, 0.0) == [False, False]  # the median is now (0.3 + 0.5) / 2
    assert scheduler.snapshot()["averages"] == {2.0: [-9.0, 0.25, pytest.approx(0.3), 0.5, 2.0]}


@pytest.mark.parametrize(("goal", "sign"), [("maximize", 1), ("minimize", -1)])
def test_the_threshold_is_the_others_median_in_the_objectives_own_unit(goal, sign):
    scheduler = rule(goal=goal, min_trials=2)
    assert scheduler.show(0, 0, 1.0, sign * 4.0) is None, "no rung"
    assert scheduler.show(0, 0, 2.0, sign * 2.0) == Judgement(False, 2.0)
    assert scheduler.show(1, 0, 2.0, sign * 5.0) == Judgement(False, 2.0, None, 1), "one other is too few"
    assert scheduler.show(2, 0, 2.0, sign * 3.9) == Judgement(True, 2.0, sign * 4.0, 2)
    assert scheduler.show(2, 0, 2.0, sign * 3.9) is None, "said again"


def test_a_good_beginning_saves_a_trial():
    scheduler = rule(min_trials=1)
    show(scheduler, 0, 1.0, 1.0, 1.0, 1.0)
    assert show(scheduler, 1, 1.5, 0.0, -5.0, -5.0) == [False] * 4


reports = st.lists(st.tuples(st.integers(0, 6), st.floats(-100, 100)), max_size=60)


@settings(deadline=None)
@given(reports, st.sampled_from(["maximize", "minimize"]), st.integers(1, 4))
def test_agrees_with_a_plain_reading_of_the_rule(reports, goal, min_trials):
    scheduler, sign = rule(goal=goal, min_trials=min_trials), 1 if goal == "maximize" else -1
    curves = defaultdict(list)
    for trial, value in reports:
        curves[trial].append(sign * value)
        epoch = len(curves[trial])
        others = [mean(curve[:epoch]) for other, curve in curves.items() if other != trial and len(curve) >= epoch]
        judged = 2 <= epoch < 10 and len(others) >= min_trials
        margin = max(curves[trial]) - median(others) if judged else 0.0
        weak = is_weak(scheduler.show(trial, 0, float(epoch), value))
        if abs(margin) > 1e-9 or not judged:  # sums of floats may tie either way
            assert weak == (margin < 0)


def test_it_judges_at_every_report_from_the_first_rung_and_at_most_a_hundred_times():
    def rungs(**fidelity):
        (bracket,) = MedianScheduler.plan(Fidelity(**fidelity), MedianScheduler.Options())
        return bracket.rungs

    assert rungs(min=3, max=9) == (3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
    assert rungs(max=1, every=0.25) == pytest.approx((0.25, 0.5, 0.75))
    long = rungs(min=1_000, max=1_000_000)
    assert len(long) == 100
    assert long[:2] == (1_000.0, 10_990.0)
    assert rungs(min=5, max=5) == ()


def test_what_a_resumed_trial_repeats_is_left_out():
    scheduler = rule()
    show(scheduler, 0, 1.0, 2.0, 3.0)
    before = scheduler.snapshot()
    scheduler.show(0, 0, 2.0, 50.0)
    assert scheduler.snapshot() == before
    scheduler.show(0, 0, 4.0, 6.0)
    assert scheduler.snapshot()["averages"][4.0] == [3.0]
