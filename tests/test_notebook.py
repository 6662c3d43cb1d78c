"""A sweep built and run in Python: the same keys, checks, messages and results as from a file."""

from __future__ import annotations

import typing

import pytest

from orchestrator import Choice, Float, Searcher, SpecError, Sweep, SweepExistsError, SweepNotFoundError, read_sweep
from orchestrator.ray.host.options import HostKeywords, HostOptions

KEYS = {
    "name": "notebook",
    "objective": {"metric": "score", "goal": "maximize"},
    "fidelity": {"min": 1, "max": 3},
    "search_space": {
        "rate": Float(low=1e-3, high=1.0, scale="log", default=0.1),
        "kind": Choice(choices=("a", "b"), default="a"),
        "fixed": 3,
    },
    "budget": {"trials": 4},
}


def train(config):
    from ray import tune

    for epoch in range(1, 4):
        tune.report({"score": config["rate"] * epoch + config["fixed"], "epoch": epoch})


@pytest.mark.ray
def test_a_function_is_swept_and_extended(tmp_path, capfd):
    sweep = Sweep(trainable=train, folder=tmp_path, **KEYS)
    assert not sweep.exists()
    ending = sweep.run(num_cpus=2)
    said = [line for line in capfd.readouterr().err.splitlines() if "Sweep" in line]
    assert said[0].startswith("warning: Sweep(...):")
    assert said[0].endswith("(thin-stage)")
    assert said[-1] == "why, and what to do instead: Sweep.check()"
    assert ending.reason == "finished"
    assert ending.exit_code == 0
    best = sweep.best()
    assert best["winner"]["config"]["fixed"] == 3
    assert best["winner"]["value"] == max(trial.value for trial in sweep.state().trials if trial.state == "completed")
    with pytest.raises(SweepExistsError, match=r"this sweep exists; go on with `sweep\.resume\(\)`, or"):
        sweep.run()
    assert "warning" not in capfd.readouterr().err, "it is said once"
    larger = Sweep(trainable=train, folder=tmp_path, **{**KEYS, "budget": {"trials": 5}})
    assert larger.resume(num_cpus=2).reason == "finished"
    assert len(larger.state().trials) == 5


def test_the_plan_is_that_of_the_same_file(tmp_path):
    plan = Sweep(trainable=train, folder=tmp_path, **KEYS).plan()
    assert [stage.name for stage in plan.stages] == ["tier-1", "refinement"]
    assert plan.space.baseline == {"rate": 0.1, "kind": "a", "fixed": 3}


def test_mistakes_are_told_as_for_a_file(tmp_path):
    with pytest.raises(SpecError, match=r"budget\.trials: 0 is too small; choose 1 or more"):
        Sweep(trainable=train, folder=tmp_path, **{**KEYS, "budget": {"trials": 0}})
    with pytest.raises(TypeError, match="cannot stand in a sweep; use plain numbers"):
        Sweep(trainable=train, folder=tmp_path, **{**KEYS, "budget": {"trials": object()}})


def test_check_says_why_and_what_to_do_instead(tmp_path, capsys):
    linear = {"learning_rate": Float(low=0.001, high=0.1, default=0.01, scale="linear"), "schedule": "none"}
    keys = {**KEYS, "search_space": linear, "budget": {"trials": 40}}
    Sweep(trainable=train, folder=tmp_path, **keys).check()
    said = capsys.readouterr().out
    assert "search_space.learning_rate.scale: 0.001 to 0.1 on a linear scale\n" in said
    assert "  fix     Write scale: log.\n" in said
    assert "  learning_rate: tier 1 (the catalogue's learning_rate, search space sgd)\n" in said
    linear["learning_rate"] = {"low": 0.001, "high": 0.1, "tier": 1, "default": 0.01, "scale": "log"}
    Sweep(trainable=train, folder=tmp_path, **keys).check()
    assert capsys.readouterr().out == "nothing is known to go wrong\n"


class Middle(Searcher):
    def propose(self, request, trials):
        drawn = {name: self.space[name].from_unit(0.5) for name in request.block}
        return self.space.complete({**request.held, **drawn})


def test_a_searcher_may_be_its_class(tmp_path):
    sweep = Sweep(trainable=train, folder=tmp_path, searcher=Middle, **KEYS)
    assert sweep.spec.searcher.name == f"{__name__}:Middle"
    assert list(sweep.plan().provenance.members) == [f"{__name__}:Middle"]


def test_a_sweep_is_read_by_its_folder(tmp_path):
    with pytest.raises(SweepNotFoundError, match="there is no sweep; start one"):
        read_sweep(tmp_path / "runs" / "none")


def test_the_keywords_of_ray_are_its_options_and_another_begins_nothing(tmp_path):
    options = typing.get_type_hints(HostOptions)
    del options["environment"]  # the sweep's own key says it
    assert typing.get_type_hints(HostKeywords) == options
    assert HostKeywords.__optional_keys__ == options.keys()
    sweep = Sweep(trainable=train, folder=tmp_path, **KEYS)
    with pytest.raises(TypeError, match="unexpected keyword argument 'cpus'"):
        sweep.run(cpus=2)
    assert not sweep.exists()
