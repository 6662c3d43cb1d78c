"""A cluster that is full, that frees a place, that grows from nothing, that never can: what is said at each moment."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from heads import Head, ray_head, ray_node
from processes import ENVIRONMENT

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1500)]

TRAIN = """
import time
from ray import tune

def train(config):
    time.sleep(2)
    tune.report({"score": config["x"]})
"""
SWEEP = """
name: small
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: none
search_space: {x: {low: 0.0, high: 1.0, default: 0.5}}
resources: {gpus: 1}
budget: {trials: 3}
confirm: none
"""
HOLDER = """
import sys, ray
ray.init(sys.argv[1], log_to_driver=False)
held = ray.util.placement_group([{"GPU": 1}] * 2)
assert held.wait(240)
print("held", flush=True)
sys.stdin.read()
"""


class Laptop:
    """Types commands, and shows what was said."""

    def __init__(self, head: Head, place: Path) -> None:
        self.folder, self.head, self.shared = place / "laptop", head, place / "shared"
        self.folder.mkdir()
        (self.folder / "train.py").write_text(TRAIN)
        (self.folder / "sweep.yaml").write_text(SWEEP)

    def types(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", "from orchestrator.cli.app import main; main()", *map(str, arguments)],
            cwd=self.folder, env=self.head.environment | {"HOME": str(self.folder)}, capture_output=True, text=True,
            timeout=400, check=False,
        )  # fmt: skip
        said = [line for line in done.stdout.splitlines() if line.strip()]
        print(f"$ stepladder {arguments[0]}: exit {done.returncode}", *said, sep="\n    ", flush=True)
        return done

    def submits(self, *overrides: str) -> subprocess.CompletedProcess[str]:
        at = ("--address", self.head.address, f"storage={self.shared}", "--no-check")
        return self.types("submit", "sweep.yaml", *at, *overrides)

    def told(self) -> dict[str, Any]:
        """Return what `status --json` says."""
        return json.loads(self.types("status", "--json").stdout)

    def rows(self) -> list[str]:
        """Return the state of each row of trials/."""
        import pyarrow.parquet as pq

        files = sorted((self.shared / "small" / "trials").glob("*.parquet"))
        return [row["state"] for file in files for row in pq.read_table(file).to_pylist()]


@contextlib.contextmanager
def gpus_held(head: Head) -> Iterator[Callable[[], None]]:
    """Have both GPUs held by somebody else until what is yielded is called."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, head.gcs],
        env=ENVIRONMENT | head.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield lambda: process.communicate("", timeout=240) and None
    finally:
        process.kill()
        process.wait()


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.5)


def test_a_full_cluster_one_that_frees_a_place_and_one_that_never_can(tmp_path):
    with ray_head(tmp_path, gpus=2, cpus=4) as head:
        laptop = Laptop(head, tmp_path)
        never = laptop.submits("resources.gpus=64", "resources.processes=1")
        assert never.returncode == 1
        assert "refused the sweep: no node can hold a trial: it asks for 1 CPUs and 64 GPUs" in never.stderr
        assert not (laptop.shared / "small").exists(), "what was typed wrong would count for the next submission"
        busy = "the cluster is busy: 0 of 2 GPUs and "
        with gpus_held(head) as free:
            full = laptop.submits()
            assert full.returncode == 0, full.stderr
            assert f"accepted: waiting for 1 place: {busy}" in full.stdout
            assert f"waiting for 1 place: {busy}" in " ".join(laptop.types("status").stdout.split())
            said = laptop.told()["summary"]
            assert (said["awaited"]["waiting"], said["awaited"]["is_hopeless"]) == (1, False)
            assert said["awaited"]["why"].startswith(busy)
            assert said["tally"]["running"] == 0
            assert laptop.rows() == []
            free()
        wait(lambda: bool(laptop.rows()))
        assert laptop.told()["summary"]["awaited"]["waiting"] == 0
        assert laptop.types("logs", "-f").returncode == 0
        assert laptop.told()["condition"] == "finished"
        assert laptop.rows() == ["completed"] * 3


def test_a_cluster_that_grows_from_nothing(tmp_path):
    with ray_head(tmp_path, cpus=0) as head:
        laptop = Laptop(head, tmp_path)
        alone = laptop.types(
            "submit", "sweep.yaml", "--address", head.address, f"storage={laptop.shared}", "--no-check",
            "--driver-cpus", "0",
        )  # fmt: skip
        assert alone.returncode == 0, alone.stderr
        nothing = "the cluster has no CPUs or GPUs yet; it begins when nodes join"
        assert f"accepted: waiting for 1 place: {nothing}" in alone.stdout
        assert nothing in " ".join(laptop.types("status").stdout.split())
        assert laptop.told()["summary"]["awaited"] == {
            "waiting": 1, "why": nothing, "is_hopeless": False, "starting": 0
        }  # fmt: skip
        assert laptop.rows() == []
        with ray_node(head, tmp_path, cpus=2, gpus=1):
            assert laptop.types("logs", "-f").returncode == 0
            assert laptop.told()["condition"] == "finished"
            assert laptop.rows() == ["completed"] * 3
