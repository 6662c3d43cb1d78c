"""One local Ray for all tests here, and a way to run a small sweep of a training file on it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sweeps import make_plan

from orchestrator.control.session import Session, create
from orchestrator.ray.host.options import HostOptions
from orchestrator.ray.worker.trainable import Trainable, TrainableFile
from orchestrator.state.fold import SweepState
from orchestrator.storage.location import Location

LOCAL = HostOptions(num_cpus=4, num_gpus=1, object_store_bytes=100 * 2**20, teardown_s=20.0)

SPACE = {"x": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}}


@pytest.fixture(autouse=True)
def imports_restored(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take back what a training file's import leaves in this process: its folder on the path, its modules."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path_factory.getbasetemp())):
            del sys.modules[name]


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    from orchestrator.ray.host.cluster import connected

    with connected(LOCAL):
        yield


@dataclass
class Run:
    """A sweep that ran, or whose run raised `error`."""

    folder: Path
    state: SweepState
    reason: str | None
    error: Exception | None

    def outcomes(self, trial: int) -> list[str]:
        return [attempt.outcome.value for attempt in self.state.trials[trial].attempts]


class Host:
    """Runs training code as a sweep in `folder`."""

    options = LOCAL

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def session(self, **changes: Any) -> Session:
        fields = {
            "search_space": SPACE,
            "fidelity": {"metric": "epoch", "min": 1, "max": 3},
            "scheduler": "none",
            "search": "random",
            "searcher": "random",
            "budget": {"trials": 4},
        }
        return create(Location.parse(self.folder / "runs" / "test"), make_plan(**(fields | changes)), b"")

    def write(self, code: str) -> TrainableFile:
        (self.folder / "train.py").write_text(textwrap.dedent(code))
        return TrainableFile(self.folder, "train.py", "train")

    def run(
        self,
        code: str | Trainable,
        options: HostOptions = LOCAL,
        on_step: Callable[[Session], None] = lambda _: None,
        **changes: Any,
    ) -> Run:
        from orchestrator.ray.host.host import run_on_ray

        session = self.session(**changes)
        trainable = self.write(code) if isinstance(code, str) else code

        def step() -> None:
            session.on_step()
            on_step(session)

        reason, error = None, None
        try:
            reason = run_on_ray(session.controller, trainable, session.folder, options, step)
            session.close(reason)
        except Exception as raised:  # noqa: BLE001 - asserted by the test
            session.release()
            error = raised
        return Run(self.folder, session.state, reason, error)


@pytest.fixture
def host(tmp_path: Path, local_ray: None) -> Host:
    return Host(tmp_path)
