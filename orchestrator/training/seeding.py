"""One seed for everything that draws: a trial's seed is part of its identity, recorded, and never tuned.

The same seed gives the same training on the same machine and versions; across GPUs or torch releases it does not.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from orchestrator.training.keys import TrainingConfigError


def seed_everything(trial: Mapping[str, Any] | int, *, deterministic: bool = False) -> int:
    """Seed Python, NumPy and torch, on every device, with the trial's seed, and return it.

    `trial` is what the training function got under that name, or the seed itself; a configuration that holds it under
    `_trial`, as older training code hands it over, will do. A DataLoader's workers are seeded from torch's by torch.
    `deterministic` makes torch refuse operations whose results may differ between runs, and costs speed. Raises
    TrainingConfigError where there is no seed.
    """
    told = trial["_trial"] if isinstance(trial, Mapping) and "_trial" in trial else trial
    seed = told.get("seed") if isinstance(told, Mapping) else told
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise TrainingConfigError(
            "seed", f"{seed!r} is no seed", "hand over the `trial` of the training function, or a whole number"
        )
    random.seed(seed)
    np.random.seed(seed % 2**32)  # the legacy state is what libraries draw from
    torch.manual_seed(seed)
    if deterministic:
        torch.use_deterministic_algorithms(mode=True)
    return seed
