"""What a worker imports before it has a trial: installed modules with which the training file begins, and no others."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.ray.worker.trainable import Command, TrainableFile
from orchestrator.ray.worker.warming import begins_with, first_imports, imported_ahead
from orchestrator.sweep.resources import Resources

FIRST_OPTIMIZER = """
import sys
from orchestrator.ray.worker.fork_imports import import_all
from orchestrator.ray.worker.warming import LATER
assert import_all(["torch", *LATER.values()]) is None
import torch
before = set(sys.modules)
torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
print(len({name for name in sys.modules.keys() - before if name.startswith("torch")}))
"""


def of(folder: Path, text: str) -> tuple[str, ...]:
    (folder / "train.py").write_text(text)
    return begins_with(TrainableFile(folder, "train.py", "train"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            '"""A docstring."""\nfrom __future__ import annotations\nimport json, numpy.linalg as l\n',
            ["json", "numpy.linalg"],
        ),
        ("from numpy.fft import fft\nimport wave\n", ["numpy.fft", "wave"]),
        ("import os\nos.environ['A'] = '1'\nimport numpy\n", ["os"]),
        ("A = 1\nimport numpy\n", []),
        ("'text'\n'more'\nimport numpy\n", []),
        ("import json\nfrom . import own\nimport numpy\n", ["json"]),
        ("try:\n    import numpy\nexcept ImportError:\n    pass\n", []),
        ("def train(config):\n    import numpy\n", []),
    ],
)
def test_only_the_imports_before_anything_else_count(text: str, found: list[str]):
    assert list(first_imports(ast.parse(text))) == found


def test_the_users_own_modules_end_the_list(tmp_path: Path):
    assert of(tmp_path, "import numpy\nimport helpers\nimport wave\n") == ("numpy",)
    (tmp_path / "numpy.py").write_text("")
    assert of(tmp_path, "import wave\nimport numpy\nimport json\n") == ("wave",)


def test_a_file_that_is_gone_or_broken_is_left_to_the_trial(tmp_path: Path):
    assert of(tmp_path, "import numpy\ndef train(:\n") == ()
    assert begins_with(TrainableFile(tmp_path, "gone.py", "train")) == ()
    assert begins_with(Command(tmp_path, ("python", "train.py"))) == ()
    assert begins_with(lambda config: None) == ()


@pytest.mark.parametrize(
    ("text", "resources", "found"),
    [
        ("import torch.nn\nfrom torch import optim\n", Resources(cpus=1), ("torch.nn", "torch", "torch._dynamo")),
        ("import json\n", Resources(cpus=1), ("json",)),
        ("import torch\nimport os\nos.environ['A'] = '1'\n", Resources(cpus=1), ("torch", "os")),
        ("import torch\n", Resources(cpus=1, gpus=1), ("torch",)),
        ("import torch\n", Resources(cpus=8), ()),
    ],
)
def test_what_torch_imports_at_its_first_optimizer_comes_with_it_unless_the_file_may_say_how(
    tmp_path: Path, text: str, resources: Resources, found: tuple[str, ...]
):
    (tmp_path / "train.py").write_text(text)
    assert imported_ahead(TrainableFile(tmp_path, "train.py", "train"), resources) == found


@pytest.mark.thorough
def test_the_first_optimizer_imports_what_is_imported_ahead_and_that_can_be_forked():
    run = subprocess.run([sys.executable, "-c", FIRST_OPTIMIZER], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 20, "torch imports more, or something else, than LATER says"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (Resources(cpus=1), ("wave", "json")),
        (Resources(cpus=8), ()),
        (Resources(cpus=8, gpus=1), ("wave", "json")),
        (Resources(gpus=2, processes=1), ("wave", "json")),
        (Resources(gpus=2), ()),
        (Resources(cpus=2, nodes=2), ()),
    ],
)
def test_a_process_that_is_one_of_many_imports_ours_alone(
    tmp_path: Path, resources: Resources, expected: tuple[str, ...]
):
    (tmp_path / "train.py").write_text("import wave\nimport json, wave\n")
    assert imported_ahead(TrainableFile(tmp_path, "train.py", "train"), resources) == expected
