"""Hyperparameters that a training never reads: what its worker says of it, and what becomes of that on Ray."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
from sweeps import make_spec

from orchestrator.project.pinning import take_code
from orchestrator.ray.worker import function, never_read
from orchestrator.ray.worker.assignment import Assignment
from orchestrator.ray.worker.ranks import unread_by_all
from orchestrator.ray.worker.trainable import TRIAL_KEY, PinnedPlace, TrainableFile
from orchestrator.storage.code_copy import working_copy
from orchestrator.storage.location import Location
from orchestrator.storage.pinned_code import keep_code

CONFIG = {"lr": 0.1, "momentum": 0.9, "model.width": 8}
TRIAL = {"trial_id": "0000-abc", "number": 0, "attempt": 0, "seed": 5, "max_fidelity": 3.0, "rungs": [3.0],
         "checkpoint": None}  # fmt: skip


def pinned(folder: Path, files: dict[str, str], name: str = "train") -> TrainableFile:
    """Return a training function whose code is pinned."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        (folder / path).write_text(textwrap.dedent(text))
    sweep = Location.parse(folder.parent / "pinned")
    taken = take_code(folder, make_spec(trainable=f"train.py:{name}"), 0.0)[0]
    keep_code(sweep.files(), taken)
    copy = str(working_copy(sweep, taken.code.key, folder, is_shared=True))
    return TrainableFile(folder, "train.py", name, PinnedPlace(str(sweep), taken.code.key, "", str(folder), copy))


class Session:
    """What Tune's session is to a function that returns its score."""

    def report(self, metrics, checkpoint=None):
        pass


@pytest.fixture
def unread(tmp_path, monkeypatch):
    """Run a training's code once, and return what its worker says that it never read."""
    monkeypatch.setattr(function, "announce", lambda trial: None)
    monkeypatch.chdir(tmp_path)
    for known in ("_known", "_named", "_handing"):
        monkeypatch.setattr(never_read, known, {})

    def run(code, config=CONFIG, trial=TRIAL, **files):
        trainable = pinned(
            tmp_path / "project", {"train.py": code, **{f"{name}.py": text for name, text in files.items()}}
        )
        said = []
        assignment = Assignment(trainable, "score", None, 1.0, hyperparameters=tuple(config))
        function.run_function(assignment, {**config, TRIAL_KEY: trial}, Session(), on_read=said.append)
        [found] = said
        return found

    yield run
    for name in ("train", "train__trainable", "beside"):
        sys.modules.pop(name, None)


def test_what_is_neither_read_nor_named_is_said(unread):
    code = """
        def train(config):
            return config["lr"]
    """
    assert unread(code) == ("momentum", "model.width")


def test_what_is_read_in_a_module_beside_is_read(unread):
    code = """
        from beside import build
        def train(config):
            return build(config)
    """
    assert unread(code, beside="def build(c): return c['lr'] + c['model']['width']") == ("momentum",)


@pytest.mark.parametrize(
    "line",
    [
        "if config['lr'] > 1: config['momentum']",
        "if config['lr'] > 1: read('momentum')",
        "rest = dict(config)",
        "rest = lambda lr, **rest: rest; rest(**config)",
        "import json; json.dumps(config)",
        "print(config, config['lr'])",
        "import string; string.Template('$lr').substitute(config)",
        "import shelve; lambda: shelve.open(config)",
        "lambda name: config[name]",
    ],
)
def test_what_may_be_read_another_time_is_not(unread, line):
    code = f"""
        def train(config):
            {line}
            return config["lr"]
    """
    assert unread(code, {"lr": 0.1, "momentum": 0.9}) == ()


def test_by_name_what_no_parameter_takes_is_never_read_and_what_several_take_is(unread):
    assert unread("def train(lr, heads=3): return lr") == ("momentum", "model.width")
    assert unread("def train(lr, width=3): return lr") == ("momentum",), "`width` may well be meant"
    assert unread("def train(lr, **others): return lr") == ()
    assert unread("def train(*, lr, momentum): return lr") == ("model.width",)


def test_nothing_is_said_of_a_training_that_goes_on_or_is_tested(unread):
    code = "def train(config): return config['lr']"
    assert unread(code, trial={**TRIAL, "checkpoint": "/kept", "from_iteration": 2.0}) is None


def test_nothing_is_said_of_code_that_is_not_pinned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(function, "announce", lambda trial: None)
    said = []
    assignment = Assignment(lambda config: config["lr"], "score", None, 1.0)
    function.run_function(assignment, {**CONFIG, TRIAL_KEY: TRIAL}, Session(), on_read=said.append)
    assert said == [None]


def test_of_several_processes_what_none_of_them_read_is_said():
    assert unread_by_all([("a", "b"), ("b",), ("c", "b")]) == ("b",)
    assert unread_by_all([("a",), None]) is None
    assert unread_by_all([]) is None


SPACE = {name: {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5} for name in ("lr", "momentum", "wd")}


@pytest.mark.ray
@pytest.mark.parametrize("name", ["train", "returns", "Steps"])
def test_on_ray_it_is_told_once_two_trials_are_done(host, name, caplog):
    trainable = pinned(
        host.folder,
        {
            "train.py": """
                from ray import tune

                def train(config, trial):
                    '''Takes lr, momentum and wd.'''
                    assert len(config) == 3
                    for epoch in range(1, 10):
                        tune.report({"score": config["lr"], "epoch": epoch})

                def returns(lr):
                    for epoch in (1, 2):
                        tune.report({"score": lr, "epoch": epoch})

                class Steps(tune.Trainable):
                    def setup(self, config):
                        self.lr = config["lr"]

                    def step(self):
                        return {"score": self.lr, "epoch": self.iteration + 1}
            """
        },
        name,
    )
    ran = host.run(trainable, search_space=SPACE, budget={"trials": 3})
    assert ran.error is None
    unread = [trial.attempts[-1] for trial in ran.state.trials]
    assert len(unread) == 3
    assert [found.name for found in ran.state.reading.never(ran.state.plan)] == ["momentum", "wd"]
    told = [line for line in caplog.messages if "never read" in line]
    assert told[0].startswith("momentum is never read: 2 completed trials did without it")
    assert len(told) == 2
