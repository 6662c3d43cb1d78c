"""A training function that is taken from pinned code: from the copy, whatever the user's folder holds."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweeps import make_spec

from orchestrator.project.pinning import take_code
from orchestrator.ray.worker import function
from orchestrator.ray.worker.assignment import Assignment
from orchestrator.ray.worker.failure import LOST, AttemptFailed
from orchestrator.ray.worker.trainable import TRIAL_KEY, PinnedPlace, TrainableFile, TrainableNotFoundError
from orchestrator.storage import code_copy
from orchestrator.storage.code_copy import working_copy
from orchestrator.storage.location import Location
from orchestrator.storage.pinned_code import keep_code


class Pinned:
    """A project `root/exp` whose code is pinned, and edited since."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "exp"
        self.write(1)
        self.sweep = Location.parse(self.folder / "runs" / "test")
        spec = make_spec(trainable="train.py:train", code={"root": ".."})
        self.taken = take_code(self.folder, spec, 0.0)[0]
        keep_code(self.sweep.files(), self.taken)
        self.write(2)

    def write(self, version: int) -> None:
        (self.root / "src" / "lab").mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        (self.root / "src" / "lab" / "__init__.py").write_text(f"VERSION = {version}\n")
        (self.folder / "beside_pinned.py").write_text(f"VERSION = {version}\n")
        (self.folder / "train.py").write_text(
            "import beside_pinned, lab\nfrom pathlib import Path\nDATA = Path(__file__).parents[1] / 'data'\n"
            f"def train(config): return {version}, beside_pinned.VERSION, lab.VERSION, DATA.read_text()\n"
            "def fail(config): raise ValueError(f'in {__file__}')\n"
        )
        (self.root / "data").write_text("data")

    def trainable(self, function: str = "train", *, is_shared: bool) -> TrainableFile:
        key = self.taken.code.key
        copy = str(working_copy(self.sweep, key, self.root, is_shared=True)) if is_shared else None
        place = PinnedPlace(str(self.sweep), key, "exp", str(self.root), copy)
        return TrainableFile(self.folder, "train.py", function, place)


class Session:
    """What Tune's session is to a function that does not report."""

    def report(self, metrics, checkpoint=None):
        raise AssertionError(metrics)


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch) -> Iterator[Pinned]:
    monkeypatch.setattr(code_copy.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(function, "announce", lambda trial: None)
    project = Pinned(tmp_path / "project")
    monkeypatch.syspath_prepend(str(project.root / "src"))  # as PYTHONPATH, or an editable installation, does
    yield project
    for name in ("train", "train__trainable", "lab", "beside_pinned"):
        sys.modules.pop(name, None)


def failure(trainable: TrainableFile) -> AttemptFailed:
    trial = {"number": 3, "seed": 5, "max_fidelity": 9.0, "rungs": [9.0], "checkpoint": None}
    assignment = Assignment(trainable, "score", "epoch", 1.0)
    with pytest.raises(AttemptFailed) as failed:
        function.run_function(assignment, {TRIAL_KEY: trial}, Session())
    return failed.value


@pytest.mark.parametrize("is_shared", [True, False])
def test_code_comes_from_the_copy_and_data_from_the_root(pinned: Pinned, is_shared: bool):
    assert pinned.trainable(is_shared=is_shared).load()({}) == (1, 1, 1, "data")
    copies = pinned.sweep.path if is_shared else Path(tempfile.gettempdir(), f"stepladder-code-{os.getuid()}")
    assert Path(sys.modules["lab"].__file__ or "").is_relative_to(copies)
    assert str(pinned.root / "src") in sys.path, "what is not pinned is found there still"


@pytest.mark.parametrize("is_shared", [True, False])
def test_an_error_shows_the_user_s_own_path(pinned: Pinned, is_shared: bool):
    assert failure(pinned.trainable("fail", is_shared=is_shared)).text == (
        "train.py:5 in fail: def fail(config): raise ValueError(f'in {__file__}')\n"
        f"ValueError: in {pinned.folder}/train.py"
    )


def test_code_that_is_gone_is_told_as_such(pinned: Pinned):
    trainable = pinned.trainable(is_shared=True)
    copy = pinned.sweep.path / "code" / pinned.taken.code.key
    (copy / "exp" / "train.py").unlink()
    with pytest.raises(TrainableNotFoundError) as missing:
        trainable.load()
    assert str(missing.value) == (
        f"{copy}/exp/train.py is not there, the sweep's pinned code; every node must see the sweep's folder under this "
        "path"
    )
    lost = failure(pinned.trainable(is_shared=False))
    assert lost.outcome == LOST
    assert "exp/train.py: this file of the sweep's pinned code is missing or changed" in lost.text
