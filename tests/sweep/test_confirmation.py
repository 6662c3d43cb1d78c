"""What fresh seeds say of two configurations whose true means are known: no bias by the choice, the interval holds."""

import statistics
from random import Random

import pytest

from orchestrator.sweep.confirmation import Contender, WinnerVerdict, confirmation
from orchestrator.sweep.trial import Trial

SPREAD = 0.1


def contender(number: int, first: float, race=(), confirm=()) -> Contender:
    trial = Trial(number, f"{number}-0", {}, "joint", "prior", (), None, 0, values={1.0: first}, fidelity=1.0)
    return Contender(trial, tuple(race), tuple(confirm), {"race": 0, "confirm": 0}, is_out=False, is_alike=False)


def confirmed(dice: Random, ahead: float, fresh: tuple[int, int], goal="maximize"):
    """The baseline's mean is 0, the other's `ahead`; both were trained with `fresh` further seeds."""
    sign = 1 if goal == "maximize" else -1

    def luck(mean: float, count: int) -> list[float]:
        return [sign * dice.gauss(mean, SPREAD) for _ in range(count)]

    baseline = contender(0, *luck(0, 1), confirm=luck(0, fresh[0]))
    pick = contender(3, *luck(ahead + SPREAD, 1), race=luck(ahead, 2), confirm=luck(ahead, fresh[1]))
    return confirmation(goal, [pick, baseline])


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
@pytest.mark.parametrize("fresh", [(1, 3), (2, 6)])
@pytest.mark.parametrize("ahead", [0.0, -0.05, 0.2])
def test_the_winner_is_not_reported_too_good_for_having_been_chosen(ahead: float, fresh: tuple[int, int], goal: str):
    dice, sign, bias, held = Random(f"{ahead}{fresh}"), 1 if goal == "maximize" else -1, [], []
    for _ in range(600):
        found = confirmed(dice, ahead, fresh, goal)
        truth, score = sign * (ahead if found.winner == 3 else 0), found.scores[found.winner]
        bias.append(sign * (score.mean - truth) / SPREAD)
        held.append(score.low <= truth <= score.high)
    assert abs(statistics.fmean(bias)) < 0.15  # its standard error is 0.04 at most
    assert statistics.fmean(held) >= 0.93


def test_the_winner_is_who_has_the_better_mean_the_baselines_own_training_included():
    pick = contender(3, 1.0, race=[0.9], confirm=[0.5, 0.6])
    kept = confirmation("maximize", [pick, contender(0, 0.4, confirm=[0.72])])
    assert (kept.winner, kept.verdict) == (0, WinnerVerdict.BASELINE)
    assert kept.difference.mean == pytest.approx(0.55 - 0.56)
    better = confirmation("maximize", [pick, contender(0, 0.3, confirm=[0.72])])
    assert (better.winner, better.verdict) == (3, WinnerVerdict.ALIKE)
    assert better.scores[0].mean == pytest.approx(0.51)
    assert (better.scores[0].n, better.scores[3].n) == (2, 2)


def test_what_leads_by_far_keeps_its_mean():
    found = confirmation(
        "maximize", [contender(3, 9.3, race=[9.1], confirm=[9.0, 9.2]), contender(0, 0.1, confirm=[0.2])]
    )
    assert found.verdict is WinnerVerdict.BETTER
    assert found.scores[3].mean == pytest.approx(9.1)
    assert found.difference.mean == pytest.approx(9.1 - 0.15)


def test_equal_means_without_a_spread_are_not_corrected():
    same = confirmation("minimize", [contender(3, 1.0, race=[1.0], confirm=[1.0]), contender(0, 1.0, confirm=[1.0])])
    assert (same.winner, same.scores[0].mean, same.scores[3].mean) == (0, 1.0, 1.0)


def test_rivals_that_spread_more_do_not_widen_the_winners_interval():
    pick = contender(3, 1.3, race=[1.31, 1.29], confirm=[1.30, 1.32, 1.28, 1.31, 1.29, 1.30])
    calm, wild = contender(4, 1.2, race=[1.21, 1.19]), contender(4, 1.2, race=[2.4, 0.1])
    baseline = contender(0, 0.4, confirm=[0.42, 0.41])
    widths = []
    for rival in (calm, wild):
        score = confirmation("maximize", [pick, rival, baseline]).scores[3]
        widths.append(score.high - score.low)
    assert widths[1] < 1.3 * widths[0]


@pytest.mark.parametrize("size", [1e-320, 1e160, 1e300, 1.7e308])
def test_values_of_any_size_are_judged(size: float):
    found = confirmation(
        "minimize",
        [contender(3, -size, race=[size, -size], confirm=[-size, -size]), contender(0, size, confirm=[size / 2])],
    )
    assert found.winner == 3
