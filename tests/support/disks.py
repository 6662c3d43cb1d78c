"""Disks of a test's own: small, filled to the last byte, or read-only. They need root, and skip a test without it."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

TRIES = 20
"""How often a folder that is in use is bound read-only."""


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 20 MB of its own."""
    folder.mkdir()
    _mounted("-t", "tmpfs", "-o", "size=20m", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """Fill a disk to its last byte inside the block, again and again: what is removed there meanwhile is no room."""
    fill = disk / "fill"
    fill.touch()

    def grow() -> None:
        with contextlib.suppress(OSError), fill.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    try:
        for _ in range(20):
            grow()
            time.sleep(0.5)
        yield
    finally:
        fill.unlink()


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let whoever opens something by this path find a read-only disk: permission bits do not bind root.

    It can be bound read-only only while nobody has a file of it open for writing by this path, and a driver may have
    opened one right between the two commands.
    """
    for again in range(TRIES):
        _mounted("--bind", folder, folder)
        made = subprocess.run(["mount", "-o", "remount,bind,ro", folder], capture_output=True, check=again == TRIES - 1)
        if made.returncode == 0:
            break
        subprocess.run(["umount", "--lazy", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _mounted(*arguments: object) -> None:
    made = subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"may not mount here: {made.stderr.decode().strip()}")
