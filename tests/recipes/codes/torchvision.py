"""Stands in for torchvision, whose data set cannot be had offline: scikit-learn's digits as images of 28 x 28."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from sklearn.datasets import load_digits


class _Digits(torch.utils.data.Dataset):
    def __init__(self, root, train=True, download=False, transform=None):
        images, labels = load_digits(return_X_y=True)
        part = slice(0, 1400) if train else slice(1400, None)
        large = images[part].reshape(-1, 8, 8).repeat(3, 1).repeat(3, 2) / 16
        self.images = np.pad(large, ((0, 0), (2, 2), (2, 2))).astype("float32")
        self.labels, self.transform = labels[part], transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(self.images[index]), int(self.labels[index])


def _compose(steps):
    def apply(image):
        for step in steps:
            image = step(image)
        return image

    return apply


datasets = SimpleNamespace(MNIST=_Digits)
transforms = SimpleNamespace(
    Compose=_compose,
    ToTensor=lambda: lambda image: torch.from_numpy(image)[None],
    Normalize=lambda mean, std: lambda image: (image - mean[0]) / std[0],
)
