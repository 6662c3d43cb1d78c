"""Signs of life of the training in this process, seen from beside it: what a driver asks when no report comes.

    printed     what this process wrote to stdout and stderr grew
    saved       a file in the trial's own folder is new or changed: a checkpoint, say
    processes   one of its processes wrote something, or computed without spinning
    waiting     it waits for the answer to its report, or for storage to take a checkpoint

What a process that waits for others burns in a loop is no work: it computes and yet reads nothing, writes nothing and
touches no new memory. This process's own computing says nothing at all: a collective of NCCL that hangs spins in it.
Processes are seen on Linux.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ray.worker import reaper

MARK = "STEPLADDER_TRIAL_FOLDER"
"""Variable that all processes of an attempt inherit: its own folder on this node."""
BUSY = 0.05
"""Part of one CPU above which a process computes."""
MOST_FILES = 2_000
"""How many files of a trial's folder are looked at."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Process:
    """What a process did since it began."""

    cpu_s: float
    """Seconds of computing."""
    moved: int
    """Bytes it read and wrote."""
    written: int
    """Bytes that it wrote."""
    faults: int
    """Pages of memory that it touched first."""


class Signs:
    """Looks at this process and at those that it started. Made when an attempt begins: what was before is no sign."""

    def __init__(self, folder: Path) -> None:
        """Look after the attempt whose own folder on this node is `folder`."""
        self._folder = folder
        self._looked_s = time.monotonic()
        self._printed = _printed()
        self._saved = _newest(folder)
        self._processes = _processes(folder)
        self._others = set(self._processes)

    def seen(self) -> str | None:
        """Return what of the above was seen since the last look; None where nothing was."""
        now_s, printed, saved, processes = time.monotonic(), _printed(), _newest(self._folder), _processes(self._folder)
        passed_s = max(now_s - self._looked_s, 1e-3)
        self._others &= processes.keys()  # the number of one that ended may come again
        found = None
        if _Waiting.depth:
            found = "waiting"
        elif printed != self._printed:
            found = "printed"
        elif saved != self._saved:
            found = "saved"
        elif any(
            is_at_work(self._processes.get(pid), now, passed_s)
            for pid, now in processes.items()
            if pid not in self._others
        ):
            found = "processes"
        self._looked_s, self._printed, self._saved, self._processes = now_s, printed, saved, processes
        return found


class _Waiting:
    depth = 0


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Tell that what follows waits for an answer or for storage. Reports come from one thread of a process."""
    _Waiting.depth += 1
    try:
        yield
    finally:
        _Waiting.depth -= 1


def is_at_work(before: _Process | None, now: _Process, passed_s: float) -> bool:
    """Say whether a process worked within `passed_s` seconds; `before` is how it stood then, None where it is new."""
    if before is None:
        return True
    if now.written > before.written:
        return True
    computes = now.cpu_s - before.cpu_s >= BUSY * passed_s
    return computes and (now.moved > before.moved or now.faults > before.faults)


def _printed() -> tuple[int, ...]:
    """Return how much lies in the files that stdout and stderr go to."""
    sizes = []
    for number in (1, 2):
        with contextlib.suppress(OSError):
            found = os.fstat(number)
            sizes.append(found.st_size if stat.S_ISREG(found.st_mode) else 0)
    return tuple(sizes)


def _newest(folder: Path) -> tuple[int, int]:
    """Return when a file below the folder was changed last, in nanoseconds, and how many bytes there are."""
    newest = size = count = 0
    waiting = [str(folder)]
    while waiting and count < MOST_FILES:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                count += 1
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    newest, size = max(newest, found.st_mtime_ns), size + found.st_size
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return newest, size


def own_processes(folder: Path, pid: int) -> set[int]:
    """Return what an attempt started from the process `pid`, which is not among them; empty where nothing tells.

    Those are its descendants, and whoever inherited the mark of its folder and left the family; with theirs.
    """
    if not Path("/proc/self/stat").exists():
        return set()
    marked = set(reaper.descendants(pid)) | _marked(folder)
    return {*marked, *(child for parent in marked for child in reaper.descendants(parent))} - {pid, os.getpid()}


def _marked(folder: Path) -> set[int]:
    mark = f"{MARK}={folder}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
    return found


def _processes(folder: Path) -> dict[int, _Process]:
    found = {}
    for pid in own_processes(folder, os.getpid()):
        with contextlib.suppress(OSError, ValueError, IndexError):
            found[pid] = _read(Path("/proc") / str(pid))
    return found


def _read(entry: Path) -> _Process:
    fields = (entry / "stat").read_text().rpartition(")")[2].split()
    counts = dict(line.split(": ") for line in (entry / "io").read_text().splitlines())
    written = int(counts["wchar"])
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS
    return _Process(cpu_s, int(counts["rchar"]) + written, written, int(fields[7]) + int(fields[9]))
