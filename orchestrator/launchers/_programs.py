"""Runs a cluster's own programs (sbatch, kubectl), as a person would type them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import ClusterError

PATIENCE_S = 60.0
"""How long a program may take that asks a cluster something."""


def run(command: Sequence[str], remedy: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever its exit code; one that takes too long has exit code 124, as `timeout` has it.

    Raises ClusterError where the program is not installed, ending in `remedy`.
    """
    refuse_missing(command[0], remedy)
    try:
        return subprocess.run(  # noqa: S603 - a program that a launcher names, never a shell
            command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        told = f"{command[0]} did not answer within {PATIENCE_S:g} s"
        return subprocess.CompletedProcess(list(command), 124, "", told)


def refuse_missing(program: str, remedy: str) -> None:
    """Raise ClusterError where `program` is not installed on this machine."""
    if shutil.which(program) is None:
        raise ClusterError(f"`{program}` is not on this machine's PATH: {remedy}")


def last_line(told: subprocess.CompletedProcess[str]) -> str:
    """Return what a program said last, for a message of one line."""
    lines = [line.strip() for line in (told.stderr or told.stdout).splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {told.returncode}"
