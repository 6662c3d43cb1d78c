"""Trainings that go wrong, each in its own way, on a real Ray: what is written down, and what it costs.

docs/guides/trainings-that-fail.md is the table of what is asserted here.
"""

from __future__ import annotations

import sys

import pytest

from orchestrator.ray.worker.trainable import Command
from orchestrator.sweep.trial import TrialState

pytestmark = [pytest.mark.ray, pytest.mark.long]

EACH = """
    import ctypes, os, signal, sys, tempfile, time
    from pathlib import Path
    import torch
    from torch.utils.data import DataLoader, Dataset
    from ray import tune

    class Killed(Dataset):
        def __len__(self): return 8
        def __getitem__(self, index): os.kill(os.getpid(), signal.SIGKILL)

    def train(config, trial):
        checkpoint, start, n, first = tune.get_checkpoint(), 0, trial.number, trial.attempt == 0
        if checkpoint:
            with checkpoint.as_directory() as folder: start = int(Path(folder, "epoch").read_text())
        for epoch in range(start + 1, 4):
            if epoch == 2:
                if n == 1 and first: raise OSError(116, "Stale file handle", "/data/shard-7.tar")
                if n == 2 and first: list(DataLoader(Killed(), num_workers=1))
                if n == 3: raise KeyboardInterrupt
                if n == 4: os._exit(3)
                if n == 5: ctypes.string_at(0)
                if n == 6: bytearray(10**15)
                if n == 8:
                    for _ in range(1000): print("x" * 100_000)
                if n == 9 and first: time.sleep(1000)
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "epoch").write_text(str(epoch))
                score = float("nan") if n == 7 else epoch
                tune.report({"score": score, "epoch": epoch}, checkpoint=tune.Checkpoint.from_directory(folder))
"""


def test_each_that_goes_wrong_is_told_apart_and_costs_the_others_nothing(host):
    run = host.run(EACH, budget={"trials": 10}, limits={"silence": "20s"}, resources={"cpus": 1})
    assert run.reason == "finished", run.error
    found = {trial.number: (trial.state.value, run.outcomes(trial.number)) for trial in run.state.trials}
    assert found == {
        0: ("completed", ["stopped"]),
        1: ("completed", ["error", "stopped"]),  # ESTALE once
        2: ("completed", ["error", "stopped"]),  # a killed worker of a DataLoader, once
        3: ("failed", ["error"]),  # KeyboardInterrupt
        4: ("failed", ["error"]),  # os._exit
        5: ("failed", ["lost", "lost", "lost"]),  # a segfault
        6: ("failed", ["out_of_memory"]),
        7: ("diverged", ["stopped"]),
        8: ("completed", ["stopped"]),  # prints 100 MB
        9: ("completed", ["hung", "stopped"]),
    }
    errors = {trial.number: trial.attempts[0].error or "" for trial in run.state.trials}
    assert errors[1].endswith("OSError: [Errno 116] Stale file handle: '/data/shard-7.tar'")
    assert "DataLoader worker (pid" in errors[2]
    assert errors[3].endswith("\nKeyboardInterrupt")
    assert errors[4].startswith("train.py:21 in train: os._exit(3)\n")
    assert errors[4].endswith("the training ended its own process with exit code 3 (os._exit)")
    assert errors[5] == "the worker was lost: it died by SIGSEGV at train.py:22 in train"
    assert run.state.trials[5].attempt.error.endswith(
        "it died at the same place 3 times, each time by SIGSEGV: the trial's own fault"
    )
    assert errors[6].endswith("MemoryError")
    assert "it stood at train.py:26 in train" in errors[9]
    assert run.state.trials[1].attempts[1].resumed_from == run.state.trials[9].attempts[1].resumed_from == 1.0


@pytest.mark.parametrize(
    ("dies", "attempts", "said"),
    [
        ("raise ValueError(f'no file {config}')", 1, "ValueError: no file"),
        ("ctypes.string_at(0)", 3, "SIGSEGV"),
    ],
    ids=["raises", "segfaults"],
)
def test_code_that_never_works_is_stopped_after_three_trials(host, dies, attempts, said):
    run = host.run(
        f"""
        import ctypes, os
        def train(config):
            {dies}
        """,
        budget={"trials": 40},
        resources={"cpus": 2},
    )
    assert run.reason == "brake", run.error
    failed = [trial for trial in run.state.trials if trial.state is TrialState.FAILED]
    assert 3 <= len(failed) <= 4
    assert {len(trial.attempts) for trial in failed} == {attempts}
    assert said in run.state.stopped_note


def test_a_region_that_raises_stops_nothing(host):
    run = host.run(
        """
        from ray import tune
        def train(config):
            if config["x"] > 0.55: raise ValueError(f"batch of {config['x']} is larger than the data")
            tune.report({"score": config["x"], "epoch": 3})
        """,
        budget={"trials": 8},
    )
    assert run.reason == "finished", run.error
    states = [trial.state for trial in run.state.trials]
    assert TrialState.FAILED in states
    assert TrialState.COMPLETED in states
    assert len(states) == 8


def test_a_program_that_ignores_sigterm_is_stopped_all_the_same(host):
    (host.folder / "train.py").write_text(
        """
import json, os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for epoch in range(1, 1000):
    with open(os.environ["STEPLADDER_REPORTS"], "a") as file:
        file.write(json.dumps({"score": epoch, "epoch": epoch}) + "\\n")
    time.sleep(0.2)
"""
    )
    run = host.run(Command(host.folder, (sys.executable, "train.py"), ("train.py",)), budget={"trials": 1})
    assert run.reason == "finished", run.error
    assert [trial.state.value for trial in run.state.trials] == ["completed"]
    assert run.outcomes(0) == ["stopped"]
