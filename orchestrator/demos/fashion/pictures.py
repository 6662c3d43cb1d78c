"""Fashion-MNIST's images, from the dataset's own files, in training, validation and test parts."""

from __future__ import annotations

import functools
import gzip
import struct
from pathlib import Path

import torch
from torch import Tensor

from orchestrator.training import split

DATA_SEED = 2017
"""Fixes which image is in which part. Not the trial's seed: all trials see the same images."""
IMAGES, LABELS = "{}-images-idx3-ubyte.gz", "{}-labels-idx1-ubyte.gz"
"""The dataset's files, of `train` and of `t10k`, which is the test part."""

Part = tuple[Tensor, Tensor]
"""Images, N x 1 x 28 x 28, each pixel in [0, 1]; and their labels, N."""


@functools.cache
def load_parts(data: str, images: int) -> dict[str, Part]:
    """Return the training and validation parts of the first `images` images, all 60,000 at most.

    `data` is the folder with the dataset's files; relative, it lies beside this file. Raises FileNotFoundError, which
    says where to get them, and ValueError.
    """
    pictures, labels = read_part(data, "train", images)
    parts = split(len(labels), labels=labels, test_share=0.0, seed=DATA_SEED)
    numbers = {"training": parts.train, "validation": parts.validation}
    return {name: (pictures[part], labels[part]) for name, part in numbers.items()}


def read_part(data: str, name: str, most: int | None = None) -> Part:
    """Return the first `most` images, or all, of `train` or `t10k`, the test part."""
    images, labels = (read_idx(data, file.format(name))[:most] for file in (IMAGES, LABELS))
    return images.float().unsqueeze(1) / 255, labels.long()


def read_idx(data: str, name: str) -> Tensor:
    """Return the bytes of a gzipped idx file, in its shape (format: yann.lecun.com/exdb/mnist)."""
    path = Path(__file__).parent / Path(data).expanduser() / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there. On Debian and Ubuntu: apt-get install dataset-fashion-mnist. Elsewhere: take the "
            "four .gz files from github.com/zalandoresearch/fashion-mnist, and name their folder as `data` in "
            "sweep.yaml, or --data by hand"
        )
    try:
        content = gzip.decompress(path.read_bytes())
        zero, kind, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
        numbers = torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (OSError, EOFError, struct.error, RuntimeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}); get it anew") from error
    if (zero, kind) != (0, 8):
        raise ValueError(f"{path} is no idx file of bytes; get it anew")
    return numbers
