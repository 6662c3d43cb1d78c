"""What a process that is to be forked imports, and what may not be: whatever leaves something behind beside its code.

A fork has one thread, and shares what its parent holds open. So a module that leaves behind a thread that does not end
for a fork, a descriptor (a GPU's device among them), a process, or a draw of Ray's library, is told here.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from orchestrator.ray.worker.fork_request import open_descriptors

LATER = frozenset(
    {
        "RAY_JOB_ID", "RAY_RAYLET_PID", "RAY_CLIENT_MODE", "RAY_LD_PRELOAD_ON_WORKERS", "PYTHONBREAKPOINT", "SPT_NOENV",
    }
)  # fmt: skip
"""Variables that Ray sets for a worker, and that no import reads."""
SETTINGS = ("RAY_RAYLET_PID", "RAY_JOB_ID")
"""But for those that Ray's library reads when it is loaded: as the first worker that Ray asks for has them."""
WITHOUT_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""Variables that keep Arrow's memory from being looked after by a thread, which no fork would have."""


class Unfit(Exception):  # noqa: N818 - no error: Ray starts the worker
    """Why a worker that was forked here would not be what Ray asked for."""


@dataclass
class Imports:
    """What was imported, and what that did to this process."""

    environment: dict[str, str]
    """The environment before."""
    set_since: dict[str, str] = field(default_factory=dict)
    """Variables that modules set."""
    removed: frozenset[str] = frozenset()
    """Variables that modules took away."""

    @classmethod
    def done(cls, before: Mapping[str, str]) -> Imports:
        """Compare the environment with what it was."""
        changed = {name: value for name, value in os.environ.items() if before.get(name) != value}
        return cls(dict(before), changed, frozenset(before.keys() - os.environ.keys()))

    def environment_for(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return what a worker has after the same imports. Raises Unfit where these may have gone otherwise."""
        names = {name for name in {*given, *self.environment} if given.get(name) != self.environment.get(name)}
        names = {name for name in names if name not in LATER and given.get(name) != self.set_since.get(name)}
        if names:
            raise Unfit(f"its environment is another one ({', '.join(sorted(names))})")
        return {name: value for name, value in given.items() if name not in self.removed} | self.set_since


def left_behind(descriptors: set[int], children: set[str]) -> str | None:
    """Say what a module did that no fork may inherit, by what there was before it."""
    if open_descriptors() - descriptors:
        return "holds a file or a device open"
    if _children() - children:
        return "starts a process"
    if is_unfit_when_forked():
        return "uses a GPU"
    return "starts a thread" if len(os.listdir("/proc/self/task")) > 1 else None  # noqa: PTH208 - a count


def is_unfit_when_forked() -> bool:
    """Fork once and say whether the fork could not use a GPU any more.

    Threads that end for a fork and come back when they are needed (OpenBLAS's) have ended after that.
    """
    child = os.fork()
    if child == 0:
        asked = [getattr(sys.modules.get(f"torch.{kind}"), "_is_in_bad_fork", bool) for kind in ("cuda", "xpu", "mtia")]
        os._exit(any(is_bad() for is_bad in asked))
    return os.waitpid(child, 0)[1] != 0


def _children() -> set[str]:
    """Return the processes that this one started, by number; none where the system does not tell."""
    try:
        return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
    except OSError:
        return set()


def import_all(names: Sequence[str], *, but_for: str | None = None) -> tuple[int, str] | None:
    """Import modules; returns the number of the first that must not be, and what it does.

    One that imports the package `but_for` must not be, either.
    """
    for number, name in enumerate(names):
        before = open_descriptors(), _children()
        with contextlib.suppress(Exception, SystemExit):  # it fails again with the trial, at the file's own line
            importlib.import_module(name)
        if left := left_behind(*before):
            return number, left
        if but_for in sys.modules:
            return number, f"imports {but_for}"
    return None


@contextlib.contextmanager
def without_draws() -> Iterator[None]:
    """Import inside the block without a draw of Ray's library, which would then draw the same ids in every fork.

    Each actor's class in a module takes one.
    """
    actor: Any = importlib.import_module("ray.actor")
    kind = actor.ActorClassID
    actor.ActorClassID = SimpleNamespace(from_random=lambda: kind(os.urandom(kind.size())))
    try:
        yield
    finally:
        actor.ActorClassID = kind


def draws_alike() -> bool:
    """Fork twice and say whether Ray would draw the same ids in both."""
    drawn = []
    for _ in range(2):
        hears, says = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(says, sys.modules["ray"].NodeID.from_random().binary())
            os._exit(0)
        os.close(says)
        drawn.append(os.read(hears, 256))
        os.close(hears)
        os.waitpid(child, 0)
    return drawn[0] == drawn[1]


@contextlib.contextmanager
def without_threads() -> Iterator[None]:
    """Import inside the block with what keeps libraries from starting threads that no fork would have."""
    added = {name: value for name, value in WITHOUT_THREADS.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
