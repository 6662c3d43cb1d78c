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


def seed_everything(config: Mapping[str, Any] | int, *, deterministic: bool = False) -> int:
    """Seed Python, NumPy and torch, on every device, with the trial's seed, and return it.

    `config` is what the training function got, whose `_trial` holds the seed; or the seed itself. A DataLoader's
    workers are seeded from torch's by torch. `deterministic` makes torch refuse operations whose results may differ
    between runs, and costs speed. Raises TrainingConfigError where there is no seed.
    """
    seed = config if isinstance(config, int) else config.get("_trial", {}).get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise TrainingConfigError(
            "_trial.seed", f"{seed!r} is no seed", "hand over the config of the training function, or a whole number"
        )
    random.seed(seed)
    np.random.seed(seed % 2**32)  # the legacy state is what libraries draw from
    torch.manual_seed(seed)
    if deterministic:
        torch.use_deterministic_algorithms(mode=True)
    return seed
