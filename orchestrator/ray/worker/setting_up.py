"""What the sweep file's `setup` does on a node: its lines run one after another, and what they print is kept.

    logs/setup/<node>/stdout.txt, stderr.txt    in the sweep's folder, each line above what it printed

The lines run in the folder that a training program would run in, as a task without CPUs or GPUs: no trial's place is
held meanwhile. Two drivers of one user never run the same lines on a node at once. A driver that leaves, or is killed,
ends them with all that they started.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ray.worker.prints import Prints
from orchestrator.ray.worker.program import GRACE_S, Program
from orchestrator.ray.worker.program_failure import said_last
from orchestrator.ray.worker.trainable import Command, TrainableFile
from orchestrator.secrecy import mask

FOLDER = "setup"
"""What stands for the trial in the path of the prints."""
NODE_VARIABLE = "STEPLADDER_NODE"
"""Says to the lines what their node's prints are called by."""
LOOK_S = 0.5
"""How often a line that runs is looked at."""
_SHOWN_BYTES, _SHOWN = 4096, 300


@dataclass(frozen=True, slots=True)
class NodeSetup:
    """What is to be run on one node."""

    lines: tuple[str, ...]
    """Lines for a shell, in order."""
    trained: TrainableFile | Command | None
    """What says where the sweep file's folder lies on a node; None: a function that lies nowhere."""
    folder: str
    """Where the lines run where that is not known: the driver's working folder, or home where a node has none such."""
    sweep_folder: str
    """The sweep's folder, absolute: a path or a URL."""
    node: str
    """What the node's prints are called by; a file name."""


@dataclass(frozen=True, slots=True)
class SetupEnd:
    """How it went on a node."""

    took_s: float
    """Seconds from its first line to its end, without what it waited for another driver."""
    log: str
    """Where its prints lie: a folder, as this node sees it, or a URL."""
    failed: str | None = None
    """Which line failed, how, and what it said last; None where all went well."""


def set_up(asked: NodeSetup) -> SetupEnd:
    """Run the lines here, up to the first that fails. Raises OSError where not even a temporary file can be made."""
    own = Path(tempfile.mkdtemp(prefix="stepladder-setup-"))
    prints = Prints({"sweep_folder": asked.sweep_folder, "number": FOLDER, "attempt": asked.node}, own)
    is_kept_here = prints.folder.is_relative_to(own)  # the storage is an object store, or takes no files
    try:
        with _alone(asked.lines):
            began = time.monotonic()
            folder, failed = _folder(asked), None
            for line in asked.lines:
                if (failed := _run(line, folder, prints, asked.node)) is not None:
                    break
            took_s = time.monotonic() - began
    finally:
        with contextlib.suppress(OSError):
            prints.look(final=True)
        if not is_kept_here or "://" in asked.sweep_folder:
            shutil.rmtree(own, ignore_errors=True)
    log = f"{asked.sweep_folder}/logs/{FOLDER}/{asked.node}" if "://" in asked.sweep_folder else str(prints.folder)
    return SetupEnd(took_s, log, failed)


def _run(line: str, folder: Path, prints: Prints, node: str) -> str | None:
    """Run one line; returns how it failed, None where it did not."""
    for path in (prints.stdout, prints.stderr):
        with path.open("a") as file:
            file.write(f"$ {line}\n")
    sizes = {path: path.stat().st_size for path in (prints.stderr, prints.stdout)}
    search_path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {"PYTHONUNBUFFERED": "1", **os.environ, "PATH": search_path, NODE_VARIABLE: node}
    program = Program(["/bin/sh", "-c", line], folder, environment, prints.folder, GRACE_S)
    try:
        while (status := program.status(LOOK_S)) is None:
            for cut, by in prints.look().items():
                sizes[cut] = max(0, sizes[cut] + by)
    finally:
        program.end()
    if status == 0:
        return None
    how = f"left with exit code {status}" if status > 0 else f"was ended by signal {-status}"
    said = next(filter(None, (_last_line(path, since) for path, since in sizes.items())), "it printed nothing")
    return f"`{line}` {how}: {said}"


def _last_line(path: Path, since: int) -> str:
    """Return the last line that was printed after byte `since`, without secrets; empty where there is none."""
    with path.open("rb") as file:
        file.seek(max(since, path.stat().st_size - _SHOWN_BYTES))
        lines = said_last(file.read().decode(errors="replace"))
    spoken = [line.strip() for line in lines if line.strip()]
    return mask(spoken[-1])[-_SHOWN:] if spoken else ""


def _folder(asked: NodeSetup) -> Path:
    found = Path(asked.folder) if asked.trained is None else asked.trained.found_folder()
    return found if found.is_dir() else Path.home()


@contextlib.contextmanager
def _alone(lines: tuple[str, ...]) -> Iterator[None]:
    """Wait until no other driver of this user runs the same lines on this node."""
    key = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
    path = Path(tempfile.gettempdir(), f"stepladder-setup-{os.getuid()}-{key}.lock")
    with os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
