"""The demonstrations' training files, imported as a user's file is: by its path, under its own name."""

from __future__ import annotations

import gzip
import importlib.util
import runpy
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
import torch

DEMOS = Path(__file__).parents[2] / "orchestrator" / "demos"
ByHand = Callable[..., list[str]]


@contextmanager
def imported(name: str) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location(f"{name}_train", DEMOS / name / "train.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(DEMOS / name))
    spec.loader.exec_module(module)
    sys.path.remove(str(DEMOS / name))
    yield module
    del sys.modules[spec.name]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def no_train_module() -> Iterator[None]:
    """`--model train:build_network` imports the file as `train`, which each demonstration calls its own."""
    yield
    sys.modules.pop("train", None)


@pytest.fixture(scope="session")
def digits_folder() -> Path:
    return DEMOS / "digits"


@pytest.fixture
def digits() -> Iterator[ModuleType]:
    with imported("digits") as module:
        yield module


@pytest.fixture(scope="session")
def fashion() -> Iterator[ModuleType]:
    with imported("fashion") as module:
        yield module


@pytest.fixture(scope="session")
def text() -> Iterator[ModuleType]:
    with imported("text") as module:
        yield module


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> ByHand:
    """Runs a training file as a script, in this process: a new one would spend its time importing torch."""

    def run(file: Path, *arguments: object) -> list[str]:
        monkeypatch.setattr(sys, "argv", [str(file), *map(str, arguments)])
        monkeypatch.syspath_prepend(file.parent)
        capsys.readouterr()
        runpy.run_path(str(file), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return run


def write_idx(path: Path, numbers: torch.Tensor) -> None:
    header = struct.pack(f">HBB{numbers.dim()}I", 0, 8, numbers.dim(), *numbers.shape)
    path.write_bytes(gzip.compress(header + numbers.to(torch.uint8).numpy().tobytes()))


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the dataset's own format: a bright stripe, at another height for each class, on noise."""
    folder = tmp_path_factory.mktemp("fashion-mnist")
    draws = torch.Generator().manual_seed(1)
    for name, count in (("train", 400), ("t10k", 60)):
        labels = torch.arange(count) % 10
        images = torch.randint(0, 120, (count, 28, 28), generator=draws)
        images[torch.arange(count), 2 * labels + 4] = 255
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", labels)
    return folder


REAL = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="session")
def pictures(stand_in: Path) -> Path:
    """The dataset itself where it is installed, as .ci/run does where it can; else the stand-in."""
    return REAL if REAL.is_dir() else stand_in
