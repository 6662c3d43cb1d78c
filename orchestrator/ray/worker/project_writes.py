"""Which files of the project a program may have changed: programs work in the folder itself, several at once.

Nothing tells who wrote a file. But a program that wrote less between two looks, by the system's count of its bytes,
than the file grew by, or than it holds where it is written anew, did not change it; the driver lays the words of all
together (`policies.shared_files`). What a person edits, source files and the like, is not looked at, nor what is
changed in its middle, as databases are, nor the folder that holds the sweeps. Needs Linux.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from orchestrator.ray.worker import reaper

MOST_FILES = 2_000
"""How many entries of the project are looked at."""
MOST_CLAIMS = 100
"""How many changes one report carries."""
LOOK_S, LOOK_SHARE = 1.0, 0.01
"""The soonest that a look follows another, and the part of the time that looks may take."""
LAST_LOOKS = 3
"""How many looks back the shortest counts: one that had to wait for a CPU says nothing of the folder."""
EDITED = (".py", ".pyi", ".ipynb", ".sh", ".md", ".rst", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".c", ".cpp", ".cu")
"""Endings of what people edit."""
IN_PLACE = (".db", ".sqlite", ".sqlite3", "-wal", "-shm", "-journal", ".mdb", ".lock")
"""Endings of what is changed in its middle."""


class Write(NamedTuple):
    """A file changed while the program wrote enough for it."""

    name: str
    """The file, relative to the project."""
    before_ns: int
    """When it had been changed last, by the file system's clock; 0 where it was not there."""
    after_ns: int
    """When it has been changed now."""


class Writes(NamedTuple):
    """What a program may have changed since the last report."""

    seen_ns: int
    """Up to when all that it may have changed is known, by the node's wall clock; 0 where that is not later."""
    writes: tuple[Write, ...]
    """Its possible changes."""


class _State(NamedTuple):
    """How a file is found."""

    changed_ns: int
    size: int
    number: int
    """Its inode: another one where it was put in place of the earlier file."""

    def bytes_since(self, before: _State) -> int:
        """Return how much was written at least to make it what it is."""
        is_appended = self.number == before.number and self.size > before.size
        return max(self.size - before.size if is_appended else self.size, 1)


_NOTHING = _State(0, 0, 0)


class ProjectWrites:
    """Looks at the project while a program runs in it."""

    def __init__(
        self,
        project: Path,
        sweep_folder: str,
        written: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`written` counts the bytes that the program wrote so far."""
        self._project, self._sweep = project.resolve(), Path(sweep_folder)
        self._written, self._now_s, self._wall_ns = written, now_s, wall_ns
        self._seen_ns = self._looked_ns = wall_ns()
        self._known = self._found()
        self._bytes = written()
        self._unclaimed: list[tuple[Write, int]] = []
        self._claims: list[Write] = []
        self._took_s: deque[float] = deque(maxlen=LAST_LOOKS)
        self._due_s = now_s() + LOOK_S

    def look(self) -> None:
        """See what changed, if it is time. What the program wrote for it may be counted at the next look only."""
        begun_s, begun_ns = self._now_s(), self._wall_ns()
        if begun_s < self._due_s:
            return
        found, written = self._found(), self._written()
        grown, waiting = written - self._bytes, self._unclaimed
        self._unclaimed = []
        for name, state in found.items():
            before = self._known.get(name, _NOTHING)
            if state != before:
                write = Write(name, before.changed_ns, state.changed_ns)
                self._unclaimed.append((write, state.bytes_since(before) - grown))
        self._claims += [write for write, lacking in waiting if lacking <= grown]
        self._claims += [write for write, lacking in self._unclaimed if lacking <= 0]
        self._unclaimed = [(write, lacking) for write, lacking in self._unclaimed if lacking > 0]
        self._seen_ns = self._looked_ns if self._unclaimed else begun_ns
        self._known, self._bytes, self._looked_ns = found, written, begun_ns
        now_s = self._now_s()
        self._took_s.append(now_s - begun_s)
        self._due_s = now_s + max(LOOK_S, min(self._took_s) / LOOK_SHARE)

    def take(self) -> Writes:
        """Return what is known and was not taken yet, for the driver."""
        taken, self._claims = self._claims[:MOST_CLAIMS], self._claims[MOST_CLAIMS:]
        return Writes(0 if self._claims else self._seen_ns, tuple(taken))  # 0: more is to come of that time

    def _found(self) -> dict[str, _State]:
        """Return how each file is found, by its name below the project."""
        found: dict[str, _State] = {}
        waiting, count = [str(self._project)], 0
        while waiting and count < MOST_FILES:
            with contextlib.suppress(OSError), os.scandir(waiting.pop(0)) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    count += 1
                    if entry.name.startswith((".", "__pycache__")) or entry.is_symlink():
                        continue
                    if not entry.is_dir():
                        if not entry.name.endswith(EDITED + IN_PLACE):
                            at = entry.stat()
                            state = _State(at.st_mtime_ns, at.st_size, at.st_ino)
                            found[os.path.relpath(entry.path, self._project)] = state
                    elif not self._sweep.is_relative_to(entry.path):
                        waiting.append(entry.path)
        return found


def bytes_written(leader: int | None) -> int:
    """Return how much a process and all that it started wrote; 0 where the system does not say."""
    total = 0
    for pid in [] if leader is None or not Path("/proc/self/io").exists() else [leader, *reaper.descendants(leader)]:
        with contextlib.suppress(
            OSError, ValueError, StopIteration
        ):  # it ended meanwhile: whoever waited has its count
            lines = Path("/proc", str(pid), "io").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("wchar:"))
    return total
