"""Seeding: all three generators repeat, from the trial's seed."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from orchestrator.training import TrainingConfigError, seed_everything


def draws():
    return random.random(), np.random.random(), torch.rand(1).item()


def test_the_trials_seed_repeats_every_draw():
    assert seed_everything({"number": 3, "seed": 7}) == 7
    first = draws()
    assert seed_everything(7) == 7
    assert draws() == first
    assert seed_everything({"learning_rate": 0.1, "_trial": {"seed": 7}}) == 7, "as older training code hands it over"
    assert draws() == first
    seed_everything(8)
    assert not set(draws()) & set(first)


def test_a_seed_of_64_bits_is_taken():
    assert seed_everything(2**63 - 1) == 2**63 - 1


def test_deterministic_is_asked_of_torch():
    try:
        seed_everything(1, deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(mode=False)


@pytest.mark.parametrize("trial", [{}, {"_trial": {}}, {"_trial": {"seed": "7"}}, {"seed": -1}, True])
def test_no_seed_is_an_error_not_a_random_one(trial):
    with pytest.raises(TrainingConfigError, match=r"^seed: .* is no seed; hand over the `trial` of the training"):
        seed_everything(trial)
