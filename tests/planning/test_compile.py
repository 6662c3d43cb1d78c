"""From a specification to a plan: the same content gives the same plan, another search another id."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sweeps import GROUND, SPACE, make_plan, make_spec

from orchestrator.planning.compile import compile_plan, differences
from orchestrator.sweep.plan import Plan

ROOT = Path(__file__).parents[2]


def test_auto_makes_one_stage_a_tier_and_the_ladder_adds_its_own():
    plan = make_plan()
    assert [(stage.name, stage.tune) for stage in plan.stages] == [
        ("tier-1", ("learning_rate",)),
        ("tier-2", ("batch_size", "momentum")),
        ("tier-3", ("beta1", "optimizer")),
        ("refinement", ("learning_rate", "batch_size", "momentum", "beta1", "optimizer")),
    ]
    assert [stage.share for stage in plan.stages] == pytest.approx([0.85 / 3, 0.85 / 3, 0.85 / 3, 0.15])


def test_a_tier_of_constants_alone_makes_no_stage():
    space = {**SPACE, "width": {"type": "constant", "value": 3, "tier": 2}}
    space = {name: fields for name, fields in space.items() if name not in ("momentum", "batch_size")}
    assert [stage.name for stage in make_plan(search_space=space).stages] == ["tier-1", "tier-3", "refinement"]


@pytest.mark.parametrize(
    ("shares", "filled"),
    [((None, None), (0.5, 0.5)), ((0.7, None), (0.7, 0.3)), ((0.5, 0.5), (0.5, 0.5)), ((0.495, 0.495), (0.5, 0.5))],
)
def test_missing_shares_are_an_equal_part_of_what_is_left(shares, filled):
    stages = [
        {"name": name, "tune": [tune], "share": share}
        for name, tune, share in zip("ab", ("momentum", "learning_rate"), shares, strict=True)
    ]
    plan = make_plan(stages=stages, search={"name": "hard-stages"})
    staged = [stage for stage in plan.stages if stage.name in "ab"]
    total = sum(stage.share for stage in staged)
    assert [stage.share for stage in staged] == pytest.approx([share * total for share in filled])


@pytest.mark.parametrize("ladder", ["soft-stages", "hard-stages", "screen-stages-joint", "joint", "random"])
def test_the_shares_of_every_ladders_plan_sum_to_one(ladder):
    assert sum(stage.share for stage in make_plan(search=ladder).stages) == pytest.approx(1)


def test_the_brackets_are_the_schedulers():
    assert [bracket.rungs for bracket in make_plan().brackets] == [(3, 9)]
    assert [bracket.rungs for bracket in make_plan(scheduler="none").brackets] == [()]
    assert len(make_plan(scheduler={"name": "asha", "brackets": 2}).brackets) == 2


def test_the_order_of_keys_changes_nothing():
    shuffled = {name: dict(reversed(SPACE[name].items())) for name in reversed(SPACE)}
    plan, other = make_plan(), make_plan(search_space=shuffled)
    assert other == plan
    assert list(other.space) == list(plan.space)
    assert other.model_dump_json() == plan.model_dump_json()


def test_a_plan_survives_its_own_json():
    plan = make_plan(stages=[{"name": "a", "tune": ["momentum"]}], budget={"trials": 9, "wall": "2h"})
    again = Plan.model_validate_json(plan.model_dump_json())
    assert again == plan
    assert compile_plan(again.spec, GROUND) == plan


MOMENTUM = SPACE["momentum"]
SAME_SEARCH = [
    {"budget": {"trials": 99, "gpu_hours": 3, "wall": "1h"}},
    {"resources": {"cpus": 4, "gpus": 0.5}},
    {"storage": "/data/elsewhere"},
    {"max_attempts": 2, "keep_checkpoints": "all"},
    {"seeding": False, "workdir": "project"},
    {"retry": {"lost": 0}},
    {"limits": {"storage": "1h"}},
    {"searcher": {"name": "tpe", "candidates": 24}},
    {"search_space": {**SPACE, "momentum": {**MOMENTUM, "unit": "1", "source": "[B]", "cautions": ["mind it"]}}},
]
OTHER_SEARCH = [
    {"seed": 8},
    {"objective": {"metric": "score", "goal": "minimize"}},
    {"fidelity": {"metric": "epoch", "min": 3, "max": 81}},
    {"search_space": {**SPACE, "momentum": {**MOMENTUM, "high": 0.9}}},
    {"search_space": {**SPACE, "momentum": {**MOMENTUM, "provenance": "catalogue"}}},
    {"stages": [{"name": "a", "tune": ["momentum"]}]},
    {"search": "joint"},
    {"searcher": {"name": "tpe", "candidates": 25}},
    {"scheduler": "median"},
    {"trainable": "other.py:train"},
]


@pytest.mark.parametrize("changes", SAME_SEARCH, ids=lambda changes: "+".join(changes))
def test_what_may_change_between_drivers_keeps_the_id_and_is_allowed(changes):
    assert make_plan(**changes).sweep_id == make_plan().sweep_id
    assert differences(make_spec(), make_spec(**changes))[1] == []


@pytest.mark.parametrize("changes", OTHER_SEARCH, ids=lambda changes: "+".join(changes))
def test_another_search_has_another_id_and_is_refused(changes):
    assert make_plan(**changes).sweep_id != make_plan().sweep_id
    allowed, refused = differences(make_spec(), make_spec(**changes))
    assert allowed == []
    assert refused


def test_an_id_is_the_name_and_twelve_hex_digits_of_the_content():
    assert re.fullmatch(r"test-[0-9a-f]{12}", make_plan().sweep_id)
    assert make_plan(name="other").sweep_id.removeprefix("other-") == make_plan().sweep_id.removeprefix("test-")


def test_a_plan_is_the_same_in_every_process():
    script = "import sweeps; print(sweeps.make_plan().model_dump_json())"
    paths = os.pathsep.join(["tests/support", "."])
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert answers == {make_plan().model_dump_json() + "\n"}


def test_differences_say_what_was_and_what_is():
    new = make_spec(
        search_space={
            **{name: fields for name, fields in SPACE.items() if name != "beta1"},
            "learning_rate": {**SPACE["learning_rate"], "high": 0.5},
            "optimizer": {**SPACE["optimizer"], "choices": ["sgd", "lion"]},
        },
        budget={"trials": 50, "gpu_hours": 2},
        storage="/data",
        scheduler={"name": "asha", "brackets": 2},
    )
    allowed, refused = differences(make_spec(), new)
    assert allowed == ["budget.trials: 30 -> 50", "budget.gpu_hours: null -> 2.0", 'storage: "runs" -> "/data"']
    assert [line for line in refused if ".beta1." not in line] == [
        "search_space.learning_rate.high: 1.0 -> 0.5",
        'search_space.optimizer.choices: ["sgd", "adam"] -> ["sgd", "lion"]',
        "scheduler.options.brackets: 1 -> 2",
    ]
    assert "search_space.beta1.high: 0.99 -> (nothing)" in refused


def test_differences_of_stages_and_of_equal_specifications():
    stages = [{"name": "a", "tune": ["momentum", "batch_size"]}, {"name": "b", "tune": ["learning_rate"], "share": 0.5}]
    assert differences(make_spec(stages=stages), make_spec(stages=stages)) == ([], [])
    swapped = [{**stages[0], "tune": ["batch_size", "momentum"]}, stages[1]]
    assert differences(make_spec(stages=stages), make_spec(stages=swapped))[1] == [
        'stages[0].tune: ["momentum", "batch_size"] -> ["batch_size", "momentum"]'
    ]
    assert 'stages: "auto" -> (nothing)' in differences(make_spec(), make_spec(stages=stages))[1]
