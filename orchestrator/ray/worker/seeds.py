"""Seeds what a training draws from before it is called, by the trial's own seed: the same in each of its attempts."""

from __future__ import annotations

import random
import sys


def seed_draws(seed: int) -> None:
    """Seed Python, and NumPy and torch where something imported them, on every device that torch knows.

    What a training imports later begins as its library lets it.
    """
    random.seed(seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(seed % 2**32)  # the legacy state is what libraries draw from
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(seed)
