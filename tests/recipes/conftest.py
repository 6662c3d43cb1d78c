"""One local Ray for all trainings here, and a way to run a sweep file on it as `stepladder run` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.control.session import create
from orchestrator.project.workspace import plan_from_file
from orchestrator.ray.host.options import HostOptions
from orchestrator.state.fold import SweepState
from orchestrator.storage.location import Location

LOCAL = HostOptions(num_cpus=4, num_gpus=0, object_store_bytes=100 * 2**20, teardown_s=20.0)
OFFLINE = {"WANDB_MODE": "offline", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def recipe_ray() -> Iterator[None]:
    from orchestrator.ray.host.cluster import connected

    before = {name: os.environ.get(name) for name in OFFLINE}
    os.environ.update(OFFLINE)  # what a worker inherits
    with connected(LOCAL):
        yield
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture
def run_file(recipe_ray: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], SweepState]:
    """Run two trials of a sweep file; returns the state of the sweep at its end."""
    from orchestrator.ray.host.host import run_on_ray
    from orchestrator.ray.worker.trainable import named_in

    def run(file: Path) -> SweepState:
        monkeypatch.setattr(sys, "path", [*sys.path])
        plan = plan_from_file(file, ["budget={trials: 2}", "confirm=none", "scheduler=none"])
        session = create(Location.parse(file.parent / "runs" / plan.spec.name), plan, file.read_bytes())
        session.close(
            run_on_ray(session.controller, named_in(plan.spec, file.parent), session.folder, LOCAL, session.on_step)
        )
        return session.state

    return run
