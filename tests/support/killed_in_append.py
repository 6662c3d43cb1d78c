"""Runs the command line, and kills its own process in the middle of the n-th append to the journal.

Usage: python killed_in_append.py N <arguments of stepladder>
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from orchestrator.cli.app import main

written = 0
limit = int(sys.argv[1])
whole_write = os.pwrite


def write(descriptor: int, data, offset: int) -> int:
    global written
    if Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".jsonl":
        written += 1
        if written > limit:
            whole_write(descriptor, bytes(data)[: len(data) // 2], offset)
            os.kill(os.getpid(), signal.SIGKILL)
    return whole_write(descriptor, data, offset)


if __name__ == "__main__":
    os.pwrite = write
    sys.argv = ["stepladder", *sys.argv[2:]]
    main()
