"""`resume SWEEP_FILE` compiles the file once: one parse, one hash over the user's code, one question to git."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from processes import ENVIRONMENT

from orchestrator.control.session import create
from orchestrator.project.workspace import linted_plan, sweep_folder

FILE = """\
name: test
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {max: 9}
search_space: {a: {low: 0.0, high: 1.0, default: 0.5}}
budget: {trials: 6}
"""
COUNTING = """
import sys
from collections import Counter
from orchestrator.cli.app import main

calls, names = Counter(), {"parse_text", "code_hash", "git_commit", "compile_plan", "read_heading"}

def count(frame, event, argument):
    if event == "call" and frame.f_code.co_name in names:
        calls[frame.f_code.co_name] += 1

sys.setprofile(count)
try:
    main()
finally:
    sys.setprofile(None)
    print(dict(sorted(calls.items())))
"""


@pytest.mark.thorough
def test_resume_parses_hashes_and_asks_git_once(tmp_path: Path):
    file = tmp_path / "sweep.yaml"
    file.write_text(FILE)
    (tmp_path / "train.py").write_text("def train(config): ...\n")
    plan, _ = linted_plan(file)
    create(sweep_folder(plan, tmp_path), plan, file.read_bytes()).close("stop")
    file.write_text(FILE.replace("high: 1.0", "high: 0.9"))  # refused after the compilation: no Ray is started
    resumed = subprocess.run(
        [sys.executable, "-c", COUNTING, "resume", "sweep.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=120,
    )  # fmt: skip
    assert resumed.returncode == 2
    assert "search_space.a.high: 1.0 -> 0.9" in resumed.stderr
    assert resumed.stdout == str(
        {"code_hash": 1, "compile_plan": 1, "git_commit": 1, "parse_text": 1, "read_heading": 2}
    ) + "\n"  # fmt: skip
