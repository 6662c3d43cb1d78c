"""The earlier trial nearest to a proposal."""

from __future__ import annotations

import math
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeps import SPACE, make_plan

from orchestrator.ladders._nearest import Neighbours
from orchestrator.sweep.domains import Choice
from orchestrator.sweep.trial import Trial

FIXED = {"type": "constant", "value": 3}
SPACE_OF_ALL = make_plan(search_space=SPACE | {"fixed": FIXED}).space


def trial(number, **values):
    return Trial(number, str(number), SPACE_OF_ALL.complete(values), "tier-1", "uniform", (), None, 0)


def nearest(trials, **values):
    return Neighbours(SPACE_OF_ALL).nearest(SPACE_OF_ALL.complete(values), trials)


def test_without_earlier_trials_there_is_none():
    assert nearest([]) is None


def test_numbers_are_compared_on_their_scale():
    trials = [trial(0, learning_rate=0.5), trial(1, learning_rate=0.0001)]
    assert nearest(trials, learning_rate=0.006) == 1, "1.8 decades from the one, 1.9 from the other"
    assert nearest(trials, learning_rate=0.008) == 0


def test_a_condition_counts_as_much_as_another_choice():
    sgd, adam = trial(0, optimizer="sgd"), trial(1, optimizer="adam", beta1=0.8)
    assert nearest([sgd, adam], optimizer="adam", beta1=0.99) == 1, "a whole range apart is nearer than two differences"
    assert nearest([sgd, adam], optimizer="sgd") == 0


def test_the_earliest_of_equals_counts():
    same = [trial(number, momentum=0.6) for number in range(4)]
    assert nearest(same, momentum=0.6) == 0
    assert nearest([trial(0, momentum=0.5), *same[1:]], momentum=0.6) == 1


def plain(config, trials):
    """The distances as the module's text has them."""

    def distance(other):
        total = 0.0
        for name, domain in SPACE_OF_ALL.items():
            if name == "fixed" or (name not in config and name not in other):
                continue
            if name not in config or name not in other:
                total += 1.0
            elif isinstance(domain, Choice):
                total += float(config[name] != other[name])
            else:
                total += (domain.to_unit(config[name]) - domain.to_unit(other[name])) ** 2
        return total

    return [distance(entry.config) for entry in trials]


units = st.fixed_dictionaries({name: st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]) for name in SPACE})


def drawn(unit):
    return {name: SPACE_OF_ALL[name].from_unit(place) for name, place in unit.items()}


@pytest.mark.thorough
@settings(deadline=None, max_examples=60)
@given(st.lists(units, min_size=2, max_size=12))
def test_agrees_with_a_plain_search_however_the_list_grew(drawn_units):
    trials = [trial(number, **drawn(unit)) for number, unit in enumerate(drawn_units)]
    grown = Neighbours(SPACE_OF_ALL)
    for count in range(1, len(trials)):
        config, earlier = trials[count].config, trials[:count]
        distances = plain(config, earlier)
        found = grown.nearest(config, earlier)
        assert found == Neighbours(SPACE_OF_ALL).nearest(config, earlier)
        assert math.isclose(distances[found], min(distances), abs_tol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_of_many_trials_the_nearest_is_the_same_as_by_a_look_at_each_in_full(seed: int):
    dice = Random(seed)
    trials = [
        Trial(n, str(n), SPACE_OF_ALL.draw(SPACE_OF_ALL.tunable, {}, dice), "all", "uniform", (), None, 0)
        for n in range(2500)
    ]
    trials += [msgspec.structs.replace(trials[n], number=len(trials) + n) for n in range(500)]  # ties
    asked = Neighbours(SPACE_OF_ALL)
    for _ in range(20):
        config = SPACE_OF_ALL.draw(SPACE_OF_ALL.tunable, {}, dice)
        distances = plain(config, trials)
        assert distances[asked.nearest(config, trials)] == pytest.approx(min(distances), abs=1e-12)
    for trial in trials[:20]:
        assert asked.nearest(trial.config, trials) == trial.number
