"""Calls into storage that hang: noted from any thread, told of, and left by whoever may leave."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from processes import ENVIRONMENT

from orchestrator.errors import StorageAwayError, StorageError
from orchestrator.storage import under_way
from orchestrator.storage.location import Location
from orchestrator.storage.under_way import StorageWatch, oldest


class Hanging:
    """A call into a folder in which a file is a pipe without a writer: reading it never returns."""

    def __init__(self, folder: Path) -> None:
        self.pipe = folder / "plan.json"
        os.mkfifo(self.pipe)
        self.thread = threading.Thread(target=self._read, args=(Location.parse(folder),))
        self.thread.start()
        while oldest() is None:
            pass

    def _read(self, folder: Location) -> None:
        with contextlib.suppress(StorageError):  # a pipe has no beginning to go to
            folder.files().read("plan.json")

    def answer(self) -> None:
        """Let it return."""
        with self.pipe.open("wb"):
            pass
        self.thread.join()


def looked(watch: StorageWatch, times: int) -> None:
    for _ in range(times):
        watch.look(1.0)


@pytest.mark.parametrize(("limit_s", "until_s"), [(600.0, 600), (0.0, 60)])
def test_a_call_that_hangs_is_told_and_then_left(tmp_path: Path, limit_s: float, until_s: int):
    told: list[str] = []
    left: list[StorageAwayError] = []
    call = Hanging(tmp_path)
    watch = StorageWatch(told.append, left.append, limit_s)
    looked(watch, 10)
    assert told == []
    looked(watch, 40)
    where = f"{tmp_path}/plan.json"
    assert told == [f"storage does not answer: {where} for 10 s; it is waited for, {until_s} s at most"]
    assert left == []
    looked(watch, until_s)
    (error,) = left
    assert error.exit_code == 75
    assert str(error) == (
        f"storage does not answer: a call at {where} has not returned for {until_s} s. "
        "Nothing acknowledged is lost: try again once it answers"
    )
    call.answer()
    assert oldest() is None


def test_a_process_that_is_not_ours_is_only_told(tmp_path: Path):
    told: list[str] = []
    call = Hanging(tmp_path)
    watch = StorageWatch(told.append, None)
    looked(watch, 2000)
    assert told == [f"storage does not answer: {tmp_path}/plan.json for 10 s; it is waited for"]
    call.answer()


def test_calls_that_return_are_not_told_however_many_they_are(tmp_path: Path):
    told: list[str] = []
    watch = StorageWatch(told.append, None)
    for _ in range(50):
        with under_way.under_way("here"):
            watch.look(1.0)
        watch.look(1.0)
    assert told == []


def test_time_that_this_process_was_stopped_does_not_count(tmp_path: Path):
    told: list[str] = []
    watch = StorageWatch(told.append, None)
    with under_way.under_way("here"):
        watch.look(1.0)
        watch.look(86_400.0)
        assert told == []


def test_a_call_that_fails_is_under_way_no_more(tmp_path: Path):
    (tmp_path / "plan.json").mkdir()
    with pytest.raises(StorageError):
        Location.parse(tmp_path).files().read("plan.json")
    assert oldest() is None


@pytest.mark.thorough
@pytest.mark.parametrize(
    "command",
    [
        "status runs/a",
        "trials runs/a",
        "report runs/a",
        "ls",
        "ls runs",
        "logs runs/a",
        "resume runs/a",
        "run s.yaml",
    ],
)
def test_a_command_says_so_and_leaves_with_75(command: str, tmp_path: Path):
    (tmp_path / "runs/a/journal").mkdir(parents=True)
    os.mkfifo(tmp_path / "runs/a/plan.json")
    os.mkfifo(tmp_path / "runs/a/journal/000001.jsonl")
    (tmp_path / "s.yaml").write_text(
        "name: a\ntrainable: t.py:f\nobjective: {metric: x, goal: maximize}\nfidelity: {max: 3}\nsearch_space:\n"
        "  lr: {low: 0.1, high: 1.0, default: 0.5}\nbudget: {trials: 2}\nlimits: {storage: 3}\n"
    )
    (tmp_path / "t.py").write_text("def f(config): pass\n")
    soon = "from orchestrator.storage import under_way as u; u.TOLD_S = u.LEAST_S = 2; "
    soon += "from orchestrator.cli.storage_waits import WATCH; WATCH.limit_s = 3; "
    code = f"{soon}from orchestrator.cli.app import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, *command.split()], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    assert ended.returncode == 75, ended.stderr
    assert "warning: storage does not answer: " in ended.stderr
    assert "error: storage does not answer: a call at " in ended.stderr
    assert "Traceback" not in ended.stderr
