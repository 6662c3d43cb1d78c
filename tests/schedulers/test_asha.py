import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.schedulers._rungs import percentile, rung_at
from orchestrator.schedulers.asha import AshaScheduler
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.spec import Fidelity
from orchestrator.testing.scheduler_conformance import is_weak

EPOCHS = Fidelity(min=1, max=27, reduction_factor=3)


def asha(fidelity=EPOCHS, goal="maximize", brackets=1, ranks=-1.0):
    options = AshaScheduler.Options(brackets=brackets, ranks=ranks)
    return AshaScheduler(AshaScheduler.plan(fidelity, options), fidelity, goal, options, 7)


def test_one_rung_by_hand():
    scheduler = asha()
    # eta 3, so the cutoffs, 2/3 of the way up the values before, are: none, 5, 4 + 2/3, 4.8, 4.79
    shown = [(0, 5.0, False), (1, 4.0, True), (2, 4.7, False), (3, 4.79, True), (4, 9.0, False)]
    found = [scheduler.show(trial, 0, 1.0, value) for trial, value, _ in shown]
    assert [judged.weak for judged in found] == [weak for _, _, weak in shown]
    assert [judged.threshold for judged in found] == [None, *map(pytest.approx, (5, 4 + 2 / 3, 4.8, 4.79))]
    assert [(judged.rung, judged.among) for judged in found] == [(1.0, earlier) for earlier in range(5)]
    assert scheduler.snapshot() == {0: {1.0: {0: 5.0, 1: 4.0, 2: 4.7, 3: 4.79, 4: 9.0}}}


def test_equal_to_the_cutoff_goes_on():
    scheduler = asha(goal="minimize")
    assert not any(is_weak(scheduler.show(trial, 0, 1.0, 2.0)) for trial in range(5))


def test_the_threshold_is_in_the_objectives_own_unit():
    scheduler = asha(goal="minimize")
    assert [scheduler.show(trial, 0, 1.0, value) for trial, value in enumerate((0.0, 2.0, 1.0))] == [
        Judgement(False, 1.0),
        Judgement(True, 1.0, 0.0, 1),
        Judgement(True, 1.0, pytest.approx(2 / 3), 2),  # a third of the way up from the best, where lower is better
    ]
    scheduler.show(3, 0, 3.0, 0.0)
    assert math.copysign(1.0, scheduler.show(4, 0, 3.0, 5.0).threshold) == 1.0, "not -0.0"


finite = st.floats(-1e6, 1e6)


@settings(deadline=None)
@given(st.lists(finite, min_size=1, max_size=40), st.floats(0, 1))
def test_percentile_is_numpys_to_the_last_bit(values, fraction):
    assert percentile(sorted(values), fraction) == np.quantile(values, fraction)


class Reference:
    """The rule as the module's text has it: arrivals kept in a list, the cutoff by numpy."""

    def __init__(self, brackets, eta, goal):
        self.brackets, self.eta, self.sign = brackets, eta, 1 if goal == "maximize" else -1
        self.arrivals = defaultdict(list)

    def show(self, trial, bracket, fidelity, value):
        for rung in self.brackets[bracket].rungs_to(27.0):
            arrivals = self.arrivals[bracket, rung]
            if fidelity == rung and trial not in [other for other, _ in arrivals]:
                earlier = [self.sign * other for _, other in arrivals]
                arrivals.append((trial, value))
                return rung < 27 and bool(earlier) and self.sign * value < np.quantile(earlier, 1 - 1 / self.eta)
        return False


reports = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 27).map(float), finite), max_size=80)


@settings(deadline=None)
@given(reports, st.sampled_from(["maximize", "minimize"]), st.integers(1, 3), st.sampled_from([2.0, 3.0, 4.5]))
def test_agrees_with_a_plain_reading_of_the_rule(reports, goal, brackets, eta):
    fidelity = Fidelity(min=1, max=27, reduction_factor=eta)
    scheduler = asha(fidelity, goal, brackets)
    reference = Reference(scheduler.brackets, eta, goal)
    for trial, epoch, value in reports:
        report = (trial, scheduler.bracket_of(trial), epoch, value)
        assert is_weak(scheduler.show(*report)) == reference.show(*report)
    kept = {key: dict(arrivals) for key, arrivals in reference.arrivals.items() if arrivals}
    found = scheduler.snapshot()
    assert {(b, rung): values for b, rungs in found.items() for rung, values in rungs.items()} == kept


def test_judges_as_ray_does_where_every_epoch_is_reported():
    from ray.tune.schedulers.async_hyperband import _Bracket

    class RayTrial:
        def __init__(self, number):
            self.trial_id = str(number)

    random = np.random.default_rng(0)
    scheduler, ray = asha(), _Bracket(1, 27, 3, 0)
    assert sorted(rung for rung, _ in ray._rungs) == [*scheduler.brackets[0].rungs, 27]
    alive = dict.fromkeys(range(200), 0)
    stopped = 0
    while alive:
        trial = int(random.choice(list(alive)[:16]))
        alive[trial] += 1
        value = math.sin(trial) + random.normal(0, 0.3)
        weak = is_weak(scheduler.show(trial, 0, float(alive[trial]), value))
        assert weak == (ray.on_result(RayTrial(trial), alive[trial], value) == "STOP")
        stopped += weak
        if weak or alive[trial] == 26:
            del alive[trial]
    assert 100 < stopped < 200


@pytest.mark.parametrize("reported", [(5.0, 10.0, 15.0), (10.0, 11.0, 12.0), (26.0,)])
def test_who_reports_past_a_rung_never_enters_it(reported):
    scheduler = asha()
    for epoch in reported:
        assert scheduler.show(0, 0, epoch, 100.0) is None
    assert scheduler.snapshot() == {}


def test_a_rung_is_met_within_rounding():
    tenths = Fidelity(min=0.1, max=1, every=0.1, reduction_factor=3)
    scheduler = asha(tenths)
    assert scheduler.brackets[0].rungs == pytest.approx((0.1, 0.3, 0.9))
    reached, epoch = [], 0.0
    for _ in range(10):
        epoch += 0.1  # 0.30000000000000004 and 0.8999999999999999 among them
        scheduler.show(0, 0, epoch, epoch)
        reached.append(epoch)
    assert len(scheduler.snapshot()[0]) == 4  # with the end
    assert scheduler.show(1, 0, 0.3 * (1 + 1e-8), 0.0) is None
    assert 1 not in scheduler.snapshot()[0][scheduler.brackets[0].rungs[1]]


@settings(deadline=None)
@given(st.lists(st.floats(1e-3, 1e6), max_size=8, unique=True), st.floats(1e-3, 1e6))
def test_rung_at_finds_the_rung_and_nothing_between(found, other):
    ladder = tuple(sorted(found))
    assert all(rung_at(ladder, rung) is not None for rung in ladder)
    near = [rung for rung in ladder if math.isclose(rung, other, rel_tol=1e-8)]
    assert rung_at(ladder, other) is None or near


def test_brackets_start_one_rung_later_each_and_have_hyperbands_shares():
    found = AshaScheduler.plan(EPOCHS, AshaScheduler.Options(brackets=9))
    assert [bracket.rungs for bracket in found] == [(1.0, 3.0, 9.0), (3.0, 9.0), (9.0,)]
    weights = [27 / 4, 9 / 3, 3 / 2]
    assert [bracket.share for bracket in found] == pytest.approx([weight / sum(weights) for weight in weights])


def test_trials_are_dealt_by_these_shares_and_compared_within_their_bracket():
    scheduler = asha(brackets=3)
    dealt = Counter(scheduler.bracket_of(trial) for trial in range(3_000))
    assert [dealt[index] / 3_000 for index in range(3)] == pytest.approx([0.6, 0.267, 0.133], abs=0.04)
    assert scheduler.show(0, 0, 9.0, 5.0) == Judgement(False, 9.0)
    assert scheduler.show(1, 1, 9.0, 1.0) == Judgement(False, 9.0)
    assert scheduler.show(2, 1, 9.0, 0.5) == Judgement(True, 9.0, 1.0, 1)


def test_without_room_for_a_rung_nothing_is_judged():
    assert [b.rungs for b in AshaScheduler.plan(Fidelity(min=5, max=5), AshaScheduler.Options(brackets=3))] == [()]


def test_no_brackets_are_refused():
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        AshaScheduler.Options(brackets=0)


def test_a_value_that_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="trial 3 at fidelity 9: nan cannot be compared; stop the trial instead"):
        asha().show(3, 0, 9.0, math.nan)


def come_through(scheduler, trials, later):
    """Show trials at the first rung, better from one to the next, and what they have at the second."""
    for trial in trials:
        scheduler.show(trial, 0, 1.0, float(trial))
        scheduler.show(trial, 0, 3.0, later(trial))


@pytest.mark.parametrize(("pairs", "stops"), [(5, True), (6, False), (40, False)])
def test_a_rung_whose_ranks_turn_around_stops_nobody_once_enough_have_shown_it(pairs, stops):
    scheduler = asha(ranks=0.2)
    come_through(scheduler, range(pairs), lambda trial: -float(trial))
    judged = scheduler.show(99, 0, 1.0, -1e6)
    assert judged == Judgement(weak=stops, rung=1.0, threshold=judged.threshold, among=pairs)
    assert (judged.threshold is None) is not stops
    always = asha(ranks=-1.0)
    come_through(always, range(pairs), lambda trial: -float(trial))
    assert is_weak(always.show(99, 0, 1.0, -1e6))


def test_it_stops_again_once_the_newest_pairs_agree():
    scheduler = asha(ranks=0.2)
    come_through(scheduler, range(30), lambda trial: -float(trial))
    assert not is_weak(scheduler.show(900, 0, 1.0, -1e6))
    come_through(scheduler, range(30, 50), float)
    assert is_weak(scheduler.show(901, 0, 1.0, -1e6))


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_the_last_rung_is_held_against_the_end_of_the_training(goal):
    scheduler, sign = asha(ranks=0.2, goal=goal), 1 if goal == "maximize" else -1
    for trial in range(6):
        scheduler.show(trial, 0, 9.0, sign * float(trial))
        assert scheduler.show(trial, 0, 27.0, -sign * float(trial)) is None
    assert not is_weak(scheduler.show(9, 0, 9.0, -sign * 1e6))
    assert is_weak(scheduler.show(9, 0, 1.0, 0.0)) is False  # the first there
    assert is_weak(scheduler.show(10, 0, 1.0, -sign * 1.0)), "another rung is judged by its own"


def test_ranks_are_kendalls_tau():
    from scipy.stats import kendalltau

    from orchestrator.schedulers.asha import _tau

    random = np.random.default_rng(3)
    for _ in range(20):
        pairs = list(zip(random.normal(size=12).tolist(), random.normal(size=12).tolist(), strict=True))
        assert _tau(pairs) == pytest.approx(kendalltau(*zip(*pairs, strict=True)).statistic)
