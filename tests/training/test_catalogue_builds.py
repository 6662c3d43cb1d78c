"""The shipped spaces and the training parts speak of the same keys: whatever is drawn there is built here."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch

from orchestrator.project.spec_files import shipped_spaces, space_finder
from orchestrator.sweep.space import Space
from orchestrator.sweepfile.catalogue import catalogue_space
from orchestrator.training import build_loss, build_lr_scheduler, build_optimizer, check_keys
from orchestrator.training.keys import OPTIMIZERS, SCHEDULES, TASK_WEIGHT

SPACES = {name: Space(catalogue_space(name, space_finder(Path())).hyperparameters) for name in shipped_spaces()}
WITH_OPTIMIZER = [name for name, space in SPACES.items() if "optimizer" in space]
WITH_SCHEDULE = [name for name, space in SPACES.items() if "schedule" in space and "optimizer" not in space]
WITH_LOSS = [name for name, space in SPACES.items() if "loss" in space]


def draws(name, number=40):
    space = SPACES[name]
    random = Random(f"{name}/draws")
    return [space.baseline, *(space.draw(list(space), {}, random) for _ in range(number))]


def drawn_values(names, key):
    return {config[key] for name in names for config in draws(name)}


def optimizer(config):
    return build_optimizer(config, [torch.nn.Parameter(torch.zeros(1))])


@pytest.mark.parametrize("name", WITH_OPTIMIZER)
def test_every_optimizer_drawn_is_built_with_its_schedule(name):
    for config in draws(name):
        known = check_keys(config)
        built = optimizer(known)
        assert built.defaults["lr"] == config["learning_rate"]
        if "schedule" in config:
            build_lr_scheduler(known, built, 27, rungs=[3, 9, 27])


@pytest.mark.parametrize("name", WITH_SCHEDULE)
def test_every_schedule_drawn_is_built_and_walked(name):
    for config in draws(name):
        built = optimizer({"optimizer": "adam", "learning_rate": 0.01})
        scheduler = build_lr_scheduler(check_keys(config), built, 27, rungs=[3, 9, 27])
        for _ in range(27):
            assert 0 <= built.param_groups[0]["lr"] <= 0.01 * (1 + 1e-9)
            built.step()
            scheduler.step()


@pytest.mark.parametrize("name", WITH_LOSS)
def test_every_loss_drawn_is_built(name):
    for config in draws(name):
        known = check_keys(config)
        build_loss({key: known[key] for key in known if not key.startswith(TASK_WEIGHT)}, classes=3, features=4)


def test_the_catalogue_offers_every_optimizer_and_every_schedule():
    assert drawn_values(WITH_OPTIMIZER, "optimizer") == set(OPTIMIZERS)
    assert drawn_values(WITH_SCHEDULE, "schedule") == set(SCHEDULES)
