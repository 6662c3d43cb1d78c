from __future__ import annotations

import os
import sys

import pytest

from orchestrator.ray.worker.trainable import TrainableFile, TrainableNotFoundError, load, name_of


def test_a_file_is_imported_with_its_neighbours_once(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/my-net.py").write_text(
        "from pathlib import Path\nimport helper_beside, helper_above\n"
        "with Path(__file__).with_name('imports').open('a') as file: file.write('.')\n"
        "class Net: pass\ndef train(config): return helper_beside.ONE + helper_above.TWO\n"
    )
    (tmp_path / "src/helper_beside.py").write_text("ONE = 1\n")
    (tmp_path / "helper_above.py").write_text("TWO = 2\n")
    trainable = TrainableFile.from_spec(tmp_path, "src/my-net.py:train")
    assert trainable.load()({}) == 3
    assert trainable.load() is load(trainable)
    assert (tmp_path / "src/imports").read_text() == "."
    assert name_of(trainable) == "src/my-net.py:train"
    assert sys.modules["my-net"].Net.__module__ == "my-net", "what a checkpoint pickles can be found again"


def test_a_changed_file_is_imported_again(tmp_path):
    path = tmp_path / "changing.py"
    trainable = TrainableFile(tmp_path, "changing.py", "train")
    path.write_text("def train(config): return 1\n")
    assert trainable.load()({}) == 1
    path.write_text("def train(config): return 2\n")
    os.utime(path, ns=(1, 1))
    assert trainable.load()({}) == 2


def test_a_file_named_like_a_known_module_does_not_replace_it(tmp_path):
    (tmp_path / "json.py").write_text("def train(config): return 'mine'\n")
    assert TrainableFile(tmp_path, "json.py", "train").load()({}) == "mine"
    assert sys.modules["json"].dumps(1) == "1"


def test_an_import_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "half.py").write_text("def train(config): pass\nraise LookupError('half way')\n")
    for _ in range(2):
        with pytest.raises(LookupError, match="half way"):
            TrainableFile(tmp_path, "half.py", "train").load()
    assert "half" not in sys.modules


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(TrainableNotFoundError) as caught:
        TrainableFile(tmp_path, "train.py", "train").load()
    assert str(caught.value) == (
        f"{tmp_path}/train.py is not there, though `trainable` names it; every node must see it under this path, "
        "unless the sweep was sent by `stepladder submit`, which takes the sweep file's folder along"
    )
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(TrainableNotFoundError, match="defines no function 'train'; it defines none at all"):
        TrainableFile(tmp_path, "empty.py", "train").load()


def test_a_function_is_its_own_trainable():
    def fit(config):
        return config

    assert load(fit) is fit
    assert name_of(fit) == "fit"
