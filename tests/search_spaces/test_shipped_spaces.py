"""Every shipped space, as a sweep meets it: parsed, drawn from, written out and read again, searched by everything."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sweeps import GROUND

from orchestrator import members
from orchestrator.planning.compile import compile_plan
from orchestrator.project.spec_files import shipped_spaces, space_finder
from orchestrator.searchers import ProposalRequest
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.lint import lint
from orchestrator.sweepfile.parse import Parsed, parse_text
from orchestrator.training.keys import KEYS
from orchestrator.training.optimizers import build_optimizer
from orchestrator.training.schedules import build_lr_scheduler

SPACES = list(shipped_spaces())
READY = ["image-classifier", "image-finetuning", "text-classifier", "tabular-mlp", "detection"]
SWEEP = """\
name: shipped
trainable: train.py:train
objective: {{metric: val_accuracy, goal: maximize}}
fidelity: {{metric: epoch, min: 3, max: 27}}
search_space: {{extends: [{extends}]}}
budget: {{trials: 200}}
"""


@cache
def read(*names: str) -> Parsed:
    extends = ", ".join(["adam", *names] if names == ("schedule-none",) else names)
    return parse_text(SWEEP.format(extends=extends).encode(), "sweep.yaml", (), space_finder(Path()), lambda _: ())


@pytest.mark.thorough
@pytest.mark.parametrize("name", SPACES)
def test_a_thousand_draws_lie_in_bounds_and_honour_the_conditions(name):
    space = Space(read(name).spec.search_space)
    assert space.problems(space.baseline) == []
    seen: dict[str, set[Any]] = {}
    for number in range(1000):
        config = space.draw(space.tunable, {}, Random(f"{name}/{number}"))
        assert space.problems(config) == []
        for key, value in config.items():
            seen.setdefault(key, set()).add(value)
            domain = space[key]
            assert domain.from_unit(domain.to_unit(value)) == pytest.approx(value) if type(value) is float else True
    assert seen.keys() == set(space), "a hyperparameter that is never active"
    assert all(len(seen[key]) > 1 for key in space.tunable)


@pytest.mark.parametrize("name", SPACES)
def test_the_plan_survives_being_written_and_read(name):
    plan = compile_plan(read(name).spec, GROUND)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert (
        SweepSpec.model_validate(read(name).spec.model_dump(mode="json")).search_space == read(name).spec.search_space
    )


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("searcher", members.names("orchestrator.searchers"))
def test_every_searcher_proposes_in_it(name, searcher):
    space = Space(read(name).spec.search_space)
    member = members.load("orchestrator.searchers", searcher)
    active = [key for key in space.tunable if key in space.baseline]
    configs = {"configs": [{active[0]: space[active[0]].default}]} if searcher == "manual" else {}
    options = member.Options.model_validate(configs)
    assert not member.problems(space, [(key,) for key in space.tunable], options)
    config = member(space, "maximize", options).propose(ProposalRequest(3, space.tunable, {}, "7/3/0"), [])
    assert config is not None
    assert space.problems(config) == []


@pytest.mark.parametrize("name", READY)
def test_no_rule_fires_on_a_ready_combination(name):
    parsed = read(name)
    assert [
        (remark.rule.id, str(remark.message)) for remark in lint(parsed.spec, parsed.problems, parsed.shipped)
    ] == []


@pytest.mark.parametrize("name", READY)
def test_a_ready_combination_couples_the_learning_rate_to_the_batch_size(name):
    assert read(name).spec.couple["learning_rate"].with_ == "batch_size"


@pytest.mark.parametrize("name", [name for name in SPACES if name not in {"multi-task"}])
def test_the_training_parts_know_every_key_and_take_every_draw(name):
    import torch

    space = Space(read(name).spec.search_space)
    assert [key for key in space if key not in KEYS] == []
    for number in range(20):
        config = space.draw(space.tunable, {}, Random(f"{name}/{number}"))
        chosen = {"optimizer": "adam", "learning_rate": 0.01, **config}
        optimizer = build_optimizer(chosen, [torch.nn.Parameter(torch.zeros(2))])
        if "schedule" in config:
            build_lr_scheduler(chosen, optimizer, 120, rungs=[13, 40])


def test_a_schedule_that_swings_a_momentum_is_refused_beside_an_optimizer_without():
    from orchestrator.errors import SpecError

    for optimizer in ("adagrad", "adadelta"):
        read(optimizer, "schedules-without-momentum")
        for schedule in ("schedules", "schedule-cyclic", "schedule-one-cycle"):
            with pytest.raises(
                SpecError, match=f"swing the momentum, which {optimizer} lacks; extend schedules-without"
            ):
                read(optimizer, schedule)
