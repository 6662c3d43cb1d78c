"""What a process that dies leaves behind it: real processes that really die, without Ray."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.ray.worker.ending import WorkerProcess
from orchestrator.ray.worker.last_words import LastWords, last_words, read_words

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals are those of Linux"),
    pytest.mark.thorough,
]

TRAIN = """
import ctypes, os, signal, sys
from pathlib import Path
from orchestrator.ray.worker.last_words import keep_last_words

def train():
    {how}

keep_last_words(Path(sys.argv[1]))
train()
"""


def crash(signal_name: str) -> LastWords:
    return LastWords(f"it died by {signal_name} at train.py:7 in train", is_own_exit=False)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            "os._exit(3)",
            LastWords(
                "train.py:7 in train: os._exit(3)\nthe training ended its own process with exit code 3 (os._exit)",
                is_own_exit=True,
            ),
        ),
        ("ctypes.string_at(0)", crash("SIGSEGV")),
        ("os.abort()", crash("SIGABRT")),
        (
            "os.kill(os.getpid(), signal.SIGFPE)",
            crash("SIGFPE"),
        ),
        ("os.kill(os.getpid(), signal.SIGKILL)", None),
        ("os.fork() or os._exit(4)", None),
        ("return", None),
    ],
    ids=["exits", "segfaults", "aborts", "divides", "is killed", "has a child that exits", "returns"],
)
def test_it_says_how_it_died_and_where(tmp_path, how, words):
    (tmp_path / "train.py").write_text(TRAIN.format(how=how))
    process = subprocess.Popen([sys.executable, str(tmp_path / "train.py"), str(tmp_path)])
    process.wait()
    assert last_words(WorkerProcess("node", process.pid, "0", str(tmp_path))) == words


def test_one_whose_folder_is_gone_says_nothing(tmp_path):
    assert last_words(WorkerProcess("node", os.getpid(), "0", str(Path(tmp_path, "gone")))) is None


def test_frames_of_libraries_are_no_place_of_the_users():
    text = (
        "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n"
        '  File "/venv/lib/python3.11/site-packages/torch/cuda/__init__.py", line 9 in synchronize\n'
        '  File "/home/lab/model.py", line 30 in step\n'
        '  File "/home/lab/train.py", line 12 in train\n'
    )
    assert read_words(text) == LastWords("it died by SIGSEGV at model.py:30 in step", is_own_exit=False)
    assert read_words("Fatal Python error: Unheard of\n").text == "it died by Unheard of"
