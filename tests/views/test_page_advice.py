"""What the page advises, and on what evidence; without any, nothing."""

from __future__ import annotations

import shlex
from random import Random

import pytest
from sweeps import SPACE, make_plan, smooth

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.state.fold import replay
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.domains import Float, Int
from orchestrator.sweep.trial import Outcome, TrialState
from orchestrator.views.confirmed import confirmed_rows
from orchestrator.views.failures import failure_lines, first_failed
from orchestrator.views.page.advice import best_at_edge, is_natural, steps
from orchestrator.views.page.scene import Scene
from orchestrator.views.page.tables import failure_grid
from orchestrator.views.status import status

RATE = {"type": "float", "low": 1e-4, "high": 1e-2, "scale": "log", "default": 1e-3, "tier": 1}


def advised(state, holder=None, folder="runs/test"):
    found = status(state, Location.parse(folder), holder, state.last_t)
    return steps(Scene(state, state.last_t), found)


def played(space, measure, seeds=True, **changes):
    plan = make_plan(
        search_space=space, budget={"trials": 120}, searcher={"name": "random"}, search={"name": "joint"},
        fidelity={"metric": "epoch", "min": 3, "max": 3}, confirm={"trainings": 12} if seeds else "none", **changes,
    )  # fmt: skip
    return simulate_plan(plan, measure, SimulatedCluster(workers=4, noise=noise))[0]


def noise(_config, seed, fidelity):
    return Random(f"{seed}/{fidelity}").gauss(0, 0.004)


def large_batches_fail(config, _attempt, _fidelity):
    return "OOM" if config["batch_size"] > 100 else None


def rising(config, _fidelity):
    """Better the higher the rate, far beyond its range."""
    from math import log10

    return 1 + 0.2 * log10(config["learning_rate"])


def test_a_range_whose_end_is_best_by_more_than_the_noise_is_told():
    state = played({"learning_rate": RATE}, rising)
    (step,) = [step for step in advised(state, folder="my runs") if "learning_rate" in step.text]
    assert "at the high end of its range (0.0001 to 0.01, log), by more than the noise between seeds" in step.text
    assert shlex.split(step.command)[2:] == [
        "sweep.yaml", "name=test-2", "search_space.learning_rate.high=0.1", "warm_start=[my runs]",
    ]  # fmt: skip


def test_nothing_is_said_of_an_edge_without_knowing_the_noise():
    assert not [step for step in advised(played({"learning_rate": RATE}, rising, seeds=False)) if "range" in step.text]


def test_an_end_that_is_level_with_its_neighbour_is_none():
    state = played({"learning_rate": RATE}, lambda _config, _fidelity: 0.5)
    scene = Scene(state, state.last_t)
    for side in ("low", "high"):
        assert best_at_edge(scene, "learning_rate", state.plan.space["learning_rate"], side) is None


def test_an_end_that_beats_its_neighbour_and_not_the_middle_is_none():
    def hollow(config, _fidelity):
        from math import log10

        return abs(log10(config["learning_rate"]) + 2.3) + (2.0 if 5e-4 < config["learning_rate"] < 2e-3 else 0.0)

    state = played({"learning_rate": RATE}, hollow)
    scene = Scene(state, state.last_t)
    assert best_at_edge(scene, "learning_rate", state.plan.space["learning_rate"], "high") is None


@pytest.mark.parametrize(
    ("domain", "side", "expected"),
    [
        (Float(low=0.0, high=0.6, default=0.1), "low", True),
        (Float(low=0.0, high=0.6, default=0.1), "high", False),
        (Float(low=0.5, high=0.99, default=0.9), "high", True),
        (Float(low=-1.0, high=1.0, default=0.0), "high", False),
        (Float(low=1e-6, high=1e-2, scale="log", default=1e-4), "low", False),
        (Float(low=1e-6, high=1e-2, scale="log", default=1e-4, also=(0.0,)), "low", True),
        (Float(low=1e-6, high=1e-2, scale="log", default=1e-4, also=(0.0,)), "high", False),
        (Float(low=1e-4, high=1.0, scale="log", default=1e-2), "high", False),
        (Int(low=1, high=8, default=2), "low", True),
        (Int(low=16, high=256, scale="log", default=32), "low", False),
    ],
)
def test_bounds_that_nothing_lies_beyond(domain, side, expected):
    assert is_natural(domain, side) is expected


def test_an_unconfirmed_winner_is_to_be_confirmed_and_a_confirmed_one_taken():
    unconfirmed = advised(played({"learning_rate": RATE}, rising, seeds=False))
    assert "stepladder confirm runs/test" in [step.command for step in unconfirmed]
    confirmed = advised(played({"learning_rate": RATE}, rising))
    commands = [step.command for step in confirmed]
    assert "stepladder confirm runs/test" not in commands
    assert commands[-1] == "stepladder export runs/test --format args"


def test_fresh_seeds_that_all_failed_are_told_wherever_a_failure_is(tmp_path):
    trained = set()

    def the_second_time(config, _attempt, fidelity):
        before = fidelity == 1 and config["learning_rate"] in trained
        trained.add(config["learning_rate"])
        return "train.py:3 in train: x\nValueError: not again" if before else None

    plan = make_plan(
        search_space={"learning_rate": RATE}, budget={"trials": 20}, searcher={"name": "random"},
        search={"name": "joint"}, fidelity={"metric": "epoch", "min": 3, "max": 3}, confirm={"trainings": 12},
    )  # fmt: skip
    state = simulate_plan(plan, rising, SimulatedCluster(workers=4, noise=noise, fails=the_second_time))[0]
    folder = Location.parse("runs/test")
    found = status(state, folder, None, state.last_t)
    first, count = state.replicates[0].number, len(state.replicates)
    assert {replicate.state for replicate in state.replicates} == {TrialState.FAILED}
    assert [(failure.trials, failure.first) for failure in found.failures] == [(count, first)]
    lines = failure_lines(found.failures, found.summary.tally.failed, "runs/test")
    assert lines == [f"{count} fresh seeds, first {first}: ValueError: not again"]
    assert first_failed(state) == first
    why_not = f"{count} of {count} trainings with fresh seeds failed, diverged or broke a bound"
    assert ("verdict", f"not confirmed: {why_not}") in confirmed_rows(found.summary)
    assert f"Nothing is confirmed: {why_not}. Mend that, then confirm again." in [s.text for s in advised(state)]
    (row,) = failure_grid(Scene(state, state.last_t)).rows
    assert (row[0], row[1], row[3:]) == ("ValueError: not again", str(count), (str(first), "with fresh seeds alone"))


def test_what_can_go_on_is_told_first_and_what_runs_is_left_alone(story):
    state = replay(story)
    dead = advised(state)[0]
    assert dead.text == "Nobody works on it, and it can go on, with 1 trial interrupted."
    assert dead.command == "stepladder resume runs/test"
    assert not [step for step in advised(state, "somebody") if "resume" in step.command]


def test_a_braked_sweep_says_why(story):
    end = story[-1].t
    note = "3 trials failed alike"
    state = replay([*story, ev.AttemptEnded(end, 5, 0, Outcome.ERROR, "E: x"), ev.DriverStopped(end, "brake", note)])
    first = advised(state)[0]
    assert first.text == "It was stopped because its trials fail alike: 3 trials failed alike. Mend that first."
    assert first.command == "stepladder resume runs/test --retry-failed"


def test_a_failing_region_is_named_with_its_cost():
    plan = make_plan(budget={"trials": 80}, searcher={"name": "random"})
    state, _ = simulate_plan(plan, smooth, SimulatedCluster(workers=4, fails=large_batches_fail))
    (step,) = [step for step in advised(state) if "search space" in step.text]
    assert "with batch_size >= 1" in step.text
    assert "of the" in step.text
    assert step.command == ""


def test_at_most_five_things_are_advised():
    assert len(advised(played(SPACE, smooth))) <= 5


@pytest.mark.parametrize(
    ("cap", "command"),
    [
        ({"wall": 60.0}, "budget.wall=2m"),
        ({"wall": 45.0}, "budget.wall=90s"),
        ({"wall": 5400.0}, "budget.wall=3h"),
        ({"cpu_hours": 0.25}, "budget.cpu_hours=0.5"),
        ({"gpu_hours": 0.25}, "budget.gpu_hours=0.5"),
    ],
)
def test_what_ended_at_a_cap_is_offered_more_of_it(cap, command):
    resources = {"cpus": 1, "gpus": 1}
    plan = make_plan(budget={"trials": 5000, **cap}, searcher={"name": "random"}, resources=resources)
    state, _ = simulate_plan(plan, smooth, SimulatedCluster(workers=2))
    assert state.stopped == next(iter(cap))
    assert status(state, Location.parse("runs/test"), None, state.last_t).next[-1] == (
        f"stepladder resume runs/test {command}"
    )
    first = advised(state)[0]
    assert (first.text[:11], first.text[-15:]) == ("The cap on ", " Twice as much:")
    assert [step.command for step in advised(state) if "resume" in step.command] == [first.command]
    assert first.command == f"stepladder resume runs/test {command}"


def test_nothing_more_is_offered_where_every_configuration_was_tried(story):
    end = story[-1].t
    state = replay([*story, ev.DriverStopped(end, "exhausted")])
    assert not [step for step in advised(state) if "resume" in step.command]
    found = status(state, Location.parse("runs/test"), None, end)
    assert not [command for command in found.next if "resume" in command]
