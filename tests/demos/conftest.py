"""The demonstration's training file, imported as a user's file is: by its path, under its own name."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

DIGITS = Path(__file__).parents[2] / "orchestrator" / "demos" / "digits"


@pytest.fixture(scope="session")
def digits_folder() -> Path:
    return DIGITS


@pytest.fixture
def digits() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("digits_train", DIGITS / "train.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    spec.loader.exec_module(module)
    yield module
    torch.set_num_threads(threads)
    del sys.modules[spec.name]
