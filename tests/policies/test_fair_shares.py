from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.policies.fair_shares import PlaceClaim, fair_share


def claim(sweep="a", *, weight=1.0, cpus=1.0, gpus=0.0, held=0, wanted=99, is_stuck=False):
    return PlaceClaim(sweep, weight, cpus, gpus, held, wanted, is_stuck)


def shares(claims, cpus, gpus=0.0):
    return [fair_share(mine, [other for other in claims if other is not mine], cpus, gpus) for mine in claims]


@pytest.mark.parametrize(
    ("claims", "cpus", "expected"),
    [
        ([claim()], 8, [8]),
        ([claim("a", held=8), claim("b")], 8, [4, 4]),
        ([claim("a", held=8), claim("b"), claim("c")], 8, [3, 3, 2]),
        ([claim("a"), claim("b", wanted=1)], 8, [7, 1]),
        ([claim("a", weight=2), claim("b", weight=1), claim("c", weight=1)], 8, [4, 2, 2]),
        ([claim("a", weight=0.5), claim("b")], 9, [3, 6]),
        ([claim("a", cpus=3), claim("b")], 12, [2, 6]),
        ([claim("a", cpus=16), claim("b")], 8, [0, 8]),
    ],
)
def test_the_smallest_share_is_filled_up_first(claims, cpus, expected):
    assert shares(claims, cpus) == expected


def test_a_share_is_of_the_kind_that_a_place_takes_most_of():
    on_gpus, on_cpus = claim("a", cpus=1, gpus=1), claim("b", cpus=4)
    assert shares([on_gpus, on_cpus], cpus=32, gpus=8) == [8, 6], "the GPUs are of no use to the other"
    assert shares([on_gpus, on_cpus], cpus=22, gpus=8) == [6, 4], "6 of 8 GPUs, and 16 of 22 CPUs"
    assert shares([on_gpus, replace(on_cpus, wanted=2)], cpus=32, gpus=8) == [8, 2]


def test_nobody_waits_for_one_whose_places_do_not_come():
    stuck = claim("b", held=1, is_stuck=True)
    assert fair_share(claim("a", held=7), [stuck], 8, 0) == 7
    assert fair_share(stuck, [claim("a", held=7)], 8, 0) == 4, "its own turn it keeps"


@pytest.mark.parametrize("seed", range(50))
def test_what_all_may_hold_together_is_there_and_is_used(seed):
    import random

    draw = random.Random(seed)
    claims = [
        claim(name, weight=draw.choice([0.5, 1.0, 2.0]), wanted=draw.randint(0, 12), held=draw.randint(0, 4))
        for name in "abcde"[: draw.randint(2, 5)]
    ]
    total = draw.randint(0, 30)
    given = shares(claims, total)
    assert sum(given) == min(total, sum(mine.wanted for mine in claims))
    assert all(places <= mine.wanted for places, mine in zip(given, claims, strict=True))
