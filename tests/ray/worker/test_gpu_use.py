"""What is sampled of a trial's GPUs, through a stand-in for NVIDIA's library that is loaded as the real one is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from nvml import GIB, stand_in
from processes import ENVIRONMENT

WATCH = """
import json, sys, time
from orchestrator.ray.worker.gpu_use import GpuWatch

watch = GpuWatch(json.loads(sys.argv[1]))
until = time.monotonic() + float(sys.argv[2])
while time.monotonic() < until and watch.seen() is None:
    time.sleep(0.02)
found = watch.seen()
watch.close()
print(json.dumps(found and [found.memory_bytes, found.busy_percent]))
"""
SWEEP = """
name: test
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {metric: epoch, max: 3}
search_space: {x: {low: 0.0, high: 1.0, default: 0.5}}
budget: {trials: 1}
confirm: none
resources: {cpus: 1, gpus: 1, max_concurrent: 1}
"""
TRAIN = """
import os, time
from ray import tune

def train(config):
    for epoch in range(1, 4):
        time.sleep(1)
        tune.report({"score": 1.0, "epoch": epoch})
"""


def watched(gpu_ids: list[object], environment: dict[str, str], patience_s: float) -> list[float] | None:
    done = subprocess.run(
        [sys.executable, "-c", WATCH, json.dumps(gpu_ids), str(patience_s)],
        env=ENVIRONMENT | environment, capture_output=True, text=True, check=True, timeout=400,
    )  # fmt: skip
    assert done.stderr == ""
    found: list[float] | None = json.loads(done.stdout)
    return found


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("gpu_ids", "seen"),
    [
        ([1], [5 * GIB, 60.0]),
        ([0, 1], [5 * GIB, 50.0]),
        (["GPU-5a2f"], [3 * GIB, 40.0]),
    ],
)
def test_the_most_memory_and_the_mean_of_busy_are_kept(tmp_path: Path, gpu_ids, seen):
    found = watched(gpu_ids, stand_in(tmp_path), 240)
    assert found is not None
    assert found[0] in (seen[0], 3 * GIB), "a look may fall between the samples of two devices"
    assert found[1] in (seen[1], 40.0)


@pytest.mark.thorough
def test_a_part_of_a_gpu_does_not_say_how_busy_it_is(tmp_path: Path):
    assert watched(["MIG-77"], stand_in(tmp_path, is_parted=True), 240) == [5 * GIB, None]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("gpu_ids", "has_library"), [([0], False), ([7], True), (["odd"], True), ([], True)],
    ids=["no library", "no device", "no name", "no GPU"],
)  # fmt: skip
def test_what_is_not_there_is_not_said(tmp_path: Path, gpu_ids, has_library):
    assert watched(gpu_ids, stand_in(tmp_path) if has_library else {}, 2) is None


@pytest.mark.ray
def test_it_stands_among_the_attempts_of_a_sweep(tmp_path: Path):
    """Ray itself finds the two GPUs by the same library."""
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    (tmp_path / "train.py").write_text(TRAIN)
    done = subprocess.run(
        [sys.executable, "-c", "from orchestrator.cli.app import main; main()", "run", "sweep.yaml"],
        cwd=tmp_path, env=ENVIRONMENT | stand_in(tmp_path), capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (row,) = pq.read_table(tmp_path / "runs" / "test" / "attempts").to_pylist()
    gpu = int(row["gpu_ids"])
    assert (row["gpu_memory_bytes"], row["gpu_busy_percent"]) == ((3 + 2 * gpu) * GIB, 40 + 20 * gpu)
