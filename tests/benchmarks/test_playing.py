"""A sweep file is played on a benchmark as its own controller would run it, and what it names is left aside."""

import pytest
from sweeps import make_spec

from orchestrator.benchmarks import Benchmark
from orchestrator.benchmarks.playing import METRIC, at_random, fitted, play
from orchestrator.sweep.domains import Int
from orchestrator.sweep.reserve import Confirm
from orchestrator.sweep.spec import Budget, Fidelity, Member


class Steps(Benchmark):
    """Twenty places; the higher the better, from the second epoch on."""

    name, goal, longest = "steps", "maximize", 9.0

    def space(self):
        return {"place": Int(low=0, high=19, default=4)}

    def mean(self, config, fidelity):
        return float(config["place"]) if fidelity > 1 else 0.0

    def regret(self, config):
        return 19.0 - config["place"]


def test_the_space_objective_and_length_are_the_benchmarks():
    spec = make_spec(fidelity=Fidelity(min=20, max=90, reduction_factor=4), budget=Budget(trials=30, wall=5.0))
    on = fitted(spec, Steps(), seed=3)
    assert (on.fidelity.max, on.fidelity.min, on.fidelity.reduction_factor) == (9, 2, 4)
    assert list(on.search_space) == ["place"]
    assert (on.objective.metric, on.objective.goal) == (METRIC, "maximize")
    assert (on.budget.trials, on.budget.wall, on.seed) == (30, None, 3)
    assert (on.search, on.searcher, on.scheduler, on.confirm) == (
        spec.search, spec.searcher, spec.scheduler, spec.confirm
    )  # fmt: skip


@pytest.mark.parametrize("asked", [Fidelity(max=100), Fidelity(min=1, max=100), "none"])
def test_a_first_rung_never_lies_before_the_first_report(asked):
    spec = make_spec(fidelity=asked, budget=Budget(trials=12))
    assert play(fitted(spec, Steps(), 0), Steps(), workers=4).trials == 12


def test_what_was_stopped_trained_and_found_is_counted():
    spec = make_spec(
        fidelity=Fidelity(min=3, max=9), budget=Budget(trials=20), searcher=Member(name="random"),
        search=Member(name="random"), confirm="none", scheduler=Member(name="asha"),
    )  # fmt: skip
    played = play(fitted(spec, Steps(), 1), Steps(), workers=2)
    assert played.of_default == 15
    assert played.regret == 0  # no place is tried twice, and the best is never among the weak
    assert 5 < played.stopped < 20
    assert 20 / 3 < played.trained == pytest.approx(20 - played.stopped * 6 / 9, abs=2)
    assert played.trained / 2 <= played.lasted < played.trained / 2 + 2


def test_a_replicate_is_trained_too():
    spec = make_spec(budget=Budget(trials=20), fidelity=Fidelity(max=9), confirm="none", scheduler=Member(name="none"))
    assert play(fitted(spec, Steps(), 0), Steps(), workers=4).trained == 20
    confirmed = spec.model_copy(update={"confirm": Confirm(trainings=4)})
    found = play(fitted(confirmed, Steps(), 0), Steps(), workers=1)
    assert (found.trials, found.trained) == (20, 22)  # two that repeat to the last digit end it


def test_chance_trains_as_much_and_stops_nobody():
    spec = fitted(make_spec(fidelity=Fidelity(max=27), budget=Budget(trials=40)), Steps(), 0)
    played = play(at_random(spec, 7.4), Steps(), workers=4)
    assert (played.trials, played.stopped, played.trained) == (7, 0, 7)
