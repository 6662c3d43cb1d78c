"""Which examples are trained on, which one judges by, and which are kept for the very end.

How many are held out follows their number: 3 of 10 below 10^4, 2 of 10 below 10^5, 1 in 100 from 10^6 on (kinds of
hyperparameters, [B]); between 10^5 and 10^6 ours, a straight line from the one to the other on logarithmic scales.
What is held out is halved: validation, to choose by, and test, to be used once.

The seed is the data's, not a trial's: trials judged on different examples cannot be compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Split:
    """The examples' numbers, ascending, each in exactly one of the three."""

    train: Tensor
    validation: Tensor
    test: Tensor


def held_out_share(dataset_size: int) -> float:
    """Return the share of examples that is not trained on."""
    if dataset_size < 10_000:
        return 0.3
    if dataset_size < 100_000:
        return 0.2
    return max(0.01, 0.2 * math.pow(dataset_size / 100_000, math.log10(0.01 / 0.2)))


def split(
    dataset_size: int,
    *,
    labels: Tensor | None = None,
    held_out: float | None = None,
    test_share: float = 0.5,
    seed: int = 0,
) -> Split:
    """Split `dataset_size` examples into train, validation and test.

    With `labels` (dataset_size,), class numbers, each part has each class in its share to within one example.
    `held_out` is the share kept from training, None: `held_out_share`; `test_share` is the test's share of it, 0 for
    no test set. Raises ValueError for shares outside [0, 1), labels of another number, or a part that would be empty.
    """
    share = held_out_share(dataset_size) if held_out is None else held_out
    if not 0 < share < 1 or not 0 <= test_share < 1:
        raise ValueError(f"held_out {share} must lie in (0, 1) and test_share {test_share} in [0, 1)")
    if labels is not None and labels.shape != (dataset_size,):
        raise ValueError(
            f"labels have the shape {tuple(labels.shape)}, not ({dataset_size},): give one class an example"
        )
    out = round(dataset_size * share)
    tests = round(out * test_share)
    if out in (dataset_size, tests) or (tests == 0) != (test_share == 0):
        raise ValueError(
            f"{dataset_size} examples are too few to hold out {share:g} of them; give more, or other shares"
        )
    order = _order(dataset_size, labels, seed)
    train, validation, test = order[out:], order[tests:out], order[:tests]
    return Split(train.sort().values, validation.sort().values, test.sort().values)


def _order(dataset_size: int, labels: Tensor | None, seed: int) -> Tensor:
    """Return a random order in which every beginning holds the classes in proportion, to within one example."""
    shuffled = torch.randperm(dataset_size, generator=torch.Generator().manual_seed(seed))
    if labels is None:
        return shuffled
    _, classes, counts = torch.unique(labels.cpu()[shuffled], return_inverse=True, return_counts=True)
    by_class = classes.argsort(stable=True)
    begins = counts.cumsum(0) - counts
    rank = torch.empty_like(by_class)
    rank[by_class] = torch.arange(dataset_size) - begins.repeat_interleave(counts)
    # The i-th of n of a class stands at (i + 1/2) / n of the way.
    place = (rank.double() + 0.5) / counts[classes]
    return shuffled[place.argsort(stable=True)]
