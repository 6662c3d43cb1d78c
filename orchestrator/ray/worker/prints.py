"""What an attempt prints: stdout and stderr of its processes, in files of the sweep, while they print it.

    logs/<trial>/<attempt>/stdout.txt, stderr.txt                 of the only process, or of rank 0
    logs/<trial>/<attempt>/stdout.rank-1.txt, stderr.rank-1.txt   of another rank

A program writes into these files itself. A function's process has its two file descriptors led there while the function
is imported and runs: what C code, threads and child processes print comes along, and a crash takes no last word away.
Where storage is an object store, or takes no files just then, they lie on the node, and the store is sent what is
new every few seconds. A file that grows above a bound loses its middle.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import StepladderError
from orchestrator.storage.attempt_logs import FOLDER
from orchestrator.storage.location import Location

MOST_BYTES = 16 * 2**20
"""A file above this is cut."""
FIRST_BYTES, LAST_BYTES = 4 * 2**20, 8 * 2**20
"""What is left of it: its beginning and its end."""
LOOK_S = 1.0
"""How often sizes are looked at."""
SEND_S = 15.0
"""How often what is new is sent to an object store."""


class Prints:
    """The files of one process of an attempt."""

    def __init__(self, trial: Mapping[str, Any], own: Path, rank: int = 0) -> None:
        """`trial` is what the driver told of the trial, `own` the attempt's folder on this node.

        Raises OSError where the files cannot be made on this node either.
        """
        place = Location.parse(trial["sweep_folder"]) / FOLDER / str(trial["number"]) / str(trial["attempt"])
        self._store = place if place.is_remote else None
        self.folder = _made(place, own / FOLDER)
        suffix = f".rank-{rank}" if rank else ""
        self.stdout, self.stderr = (self.folder / f"{name}{suffix}.txt" for name in ("stdout", "stderr"))
        self._left_out = {self.stdout: 0, self.stderr: 0}
        self._sent: dict[Path, tuple[int, int]] = {}
        self._looked_s = self._sent_s = time.monotonic()
        for path in self._left_out:
            path.touch()

    def remark(self, text: str) -> None:
        """Tell a person something, among what was printed to stderr."""
        with self.stderr.open("a") as file:
            file.write(f"stepladder: {text}\n")

    def look(self, *, final: bool = False) -> dict[Path, int]:
        """Do what is due: cut what is too long, send what is new. Call it a few times a second; `final`: at the end.

        Returns by how many bytes the end of each file that was cut has moved: below 0.
        """
        now_s = time.monotonic()
        moved = {}
        if final or now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            moved = {path: by for path in self._left_out if (by := self._cut(path))}
        if self._store is not None and (final or now_s - self._sent_s >= SEND_S):
            self._send(self._store, final=final)
            self._sent_s = time.monotonic()
        return moved

    def _cut(self, path: Path) -> int:
        """Take the middle out of a file that is too long, whoever goes on writing to its end.

        Between the two steps a line may slip in before the remark; none is lost.
        """
        before = path.stat().st_size
        if before <= MOST_BYTES:
            return 0
        with path.open("r+b") as file, path.open("ab", buffering=0) as end:
            file.seek(before - LAST_BYTES)
            last = file.read()
            size = before - LAST_BYTES + len(last)
            self._left_out[path] += size - FIRST_BYTES - len(last)
            remark = f"\n... {self._left_out[path]:,} bytes are left out here: a log holds {MOST_BYTES:,} at most ...\n"
            file.truncate(FIRST_BYTES)
            end.write(remark.encode() + last)
        return FIRST_BYTES + len(remark.encode()) + len(last) - size

    def _send(self, store: Location, *, final: bool) -> None:
        """Send what changed. What cannot be sent now is sent later; that it never is is no failure of the trial."""
        for path in self._left_out:
            found = path.stat()
            state = found.st_size, found.st_mtime_ns
            if state == self._sent.get(path) or (not found.st_size and not final):
                continue
            try:
                store.files().replace(path.name, path.read_bytes())
                self._sent[path] = state
            except (StepladderError, OSError) as error:
                if final:
                    _log.warning("%s stays on this node: %s", path, error)


_log = logging.getLogger(__name__)


def _made(place: Location, here: Path) -> Path:
    if not place.is_remote:
        try:
            place.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _log.warning("%s: what is printed stays on this node, in %s: %s", place, here, error)
        else:
            return place.path
    here.mkdir(parents=True, exist_ok=True)
    return here


@contextlib.contextmanager
def captured(trial: Mapping[str, Any], own: Path, rank: int = 0) -> Iterator[None]:
    """Lead what this process prints into the attempt's files meanwhile.

    Where these cannot be made, on a full disk say, it goes where it went before: prints are no reason to fail.
    """
    try:
        prints = Prints(trial, own, rank)
    except OSError as error:
        _log.warning("what trial %s prints is not kept: %s", trial["number"], error)
        yield
        return
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(prints, ended), name="stepladder-prints", daemon=True)
    with _led({1: prints.stdout, 2: prints.stderr}):
        watch.start()
        try:
            yield
        finally:
            ended.set()
            watch.join()
    with contextlib.suppress(OSError):
        prints.look(final=True)


def _watch(prints: Prints, ended: threading.Event) -> None:
    while not ended.wait(LOOK_S):
        with contextlib.suppress(OSError):  # the storage is away: later
            prints.look()


@contextlib.contextmanager
def _led(targets: Mapping[int, Path]) -> Iterator[None]:
    """Lead file descriptors into files, and back."""
    _flush()
    saved = {number: os.dup(number) for number in targets}
    try:
        for number, path in targets.items():
            opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            os.dup2(opened, number)
            os.close(opened)
        yield
    finally:
        _flush()
        for number, before in saved.items():
            os.dup2(before, number)
            os.close(before)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # one that the user's code closed, or put in its place
            stream.flush()
