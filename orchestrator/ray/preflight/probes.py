"""What a preflight runs on the nodes of a cluster: tasks without resources, one of each kind a node, all at once.

A node that does not answer in time, or cannot, is a finding like any other. Nothing is left running.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator import __version__
from orchestrator.errors import StorageError
from orchestrator.ray.host import cluster
from orchestrator.ray.worker.failure import shortened
from orchestrator.ray.worker.trainable import Command, Trainable, TrainableFile, TrainableNotFoundError, load
from orchestrator.ray.worker.tune_class import class_problem
from orchestrator.storage.location import Location

DRIVER_FILE = "driver"
"""What the driver wrote into the probe folder."""
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Node:
    """A node that is alive."""

    node_id: str
    """Ray's id of it."""
    name: str
    """What people call it: its host name, with the beginning of its id where two share one."""
    runs_trials: bool
    """Whether it has any CPU or GPU to give."""


@dataclass(frozen=True, slots=True)
class NodeLook:
    """What a node is and sees."""

    versions: dict[str, str]
    """Versions there of ray, python and stepladder."""
    seen: bytes = b""
    """What the driver's file held there; empty where it is not there."""
    problem: str | None = None
    """Why the storage cannot be written, read or listed there; None where it can."""
    load: float = 0.0
    """How many processes wanted each of its CPUs in the last minute, whoever started them; above 1 it is busy."""


@dataclass(frozen=True, slots=True)
class Replies(Generic[_Answer]):
    """What the nodes answered, by node."""

    answers: dict[Node, _Answer]
    """Of those that did."""
    failures: dict[Node, str]
    """Why there is none, of those where it failed."""
    silent: dict[Node, str] = field(default_factory=dict)
    """How long the others were waited for: they are busy, or hang."""


class NodeTasks(Generic[_Answer]):
    """A task on each of some nodes, under way."""

    def __init__(self, nodes: Sequence[Node], function: Callable[..., _Answer], *arguments: Any, **named: Any) -> None:
        task = ray.remote(num_cpus=0, max_retries=0, max_calls=1)(function)
        self._tasks = {
            node: task.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node.node_id, soft=False),
                name=f"stepladder-preflight-{function.__name__}",
            ).remote(*arguments, **named)
            for node in nodes
        }
        self._began = time.monotonic()

    def collect(self, patience_s: float) -> Replies[_Answer]:
        """Wait for the answers, `patience_s` seconds from the beginning at most; what is not done then is ended."""
        found: Replies[_Answer] = Replies({}, {})
        left_s = max(0.0, self._began + patience_s - time.monotonic())
        done: set[Any] = set()
        if self._tasks:
            done = set(ray.wait(list(self._tasks.values()), num_returns=len(self._tasks), timeout=left_s)[0])
        for node, task in self._tasks.items():
            if task not in done:
                ray.cancel(task, force=True)
                found.silent[node] = f"no answer within {patience_s:g} s"
                continue
            try:
                found.answers[node] = ray.get(task)
            except ray.exceptions.RayError as error:
                found.failures[node] = _said(error)
        return found


def alive_nodes() -> list[Node]:
    """List the nodes that are alive."""
    return [Node(node.node_id, node.names[0], node.runs_trials) for node in cluster.alive_nodes()]


def node_versions() -> dict[str, str]:
    """Return the versions that must be alike on all nodes. Python's is cut to what pickles depend on."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"ray": ray.__version__, "python": python, "stepladder": __version__}


def look(folder: Location) -> NodeLook:
    """Say what this node is, write a file of its own into the probe folder and read everything back."""
    own = ray.get_runtime_context().get_node_id()
    try:
        files = folder.files()
        with left_as_found(folder):  # there already, where the storage is shared
            files.replace(f"nodes/{own}", own.encode())
            is_back = files.read(f"nodes/{own}") == own.encode() and own in files.names("nodes")
            seen = files.read(DRIVER_FILE)
    except StorageError as error:
        return NodeLook(node_versions(), problem=name_cause(error), load=_load())
    lacking = None if is_back else f"what was written into {folder} is not there"
    return NodeLook(node_versions(), seen, lacking, _load())


def _load() -> float:
    return os.getloadavg()[0] / (os.cpu_count() or 1)


@contextlib.contextmanager
def left_as_found(folder: Location) -> Iterator[None]:
    """Remove `folder` after the block, and those above it, as far as they were not there before."""
    paths = () if folder.is_remote else (folder.path, *folder.path.parents)
    made = [path for path in paths if not path.exists()]
    try:
        yield
    finally:
        if made:
            shutil.rmtree(made[0], ignore_errors=True)
        for path in made[1:]:
            with contextlib.suppress(OSError):  # somebody else put something there
                path.rmdir()


def name_cause(error: StorageError) -> str:
    """Return what the operating system said of a storage that refuses."""
    return str(error.__cause__ or error)


def import_function(trainable: Trainable, *, sees_gpus: bool) -> str | None:
    """Import the training function or class as a trial would; returns what went wrong, None where nothing did.

    Of a program it is asked whether it is there.
    """
    if isinstance(trainable, Command):
        return trainable.problem()
    if sees_gpus and os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        del os.environ["CUDA_VISIBLE_DEVICES"]  # Ray hides them from a task that asks for none; a trial sees them
    try:
        return class_problem(load(trainable))
    except TrainableNotFoundError as error:
        return str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a file does when it is imported
        return shortened(error, trainable.folder if isinstance(trainable, TrainableFile) else None)


def _said(error: Exception) -> str:
    text = str(error)
    if "No module named 'orchestrator" in text:
        return "Stepladder is not installed there"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else 'no text'}"
