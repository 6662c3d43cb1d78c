"""Ends what is left of a Ray that was started for one sweep, once its driver is gone. Run as a script.

    python minder.py GRACE_S

Standard input is a pipe from the driver, which writes a line `PID BORN` for each process that is to end with it. When
it closes, however the driver ended, those that still live are killed, `GRACE_S` later: Ray's agents outlive a killed
driver, and its raylet, by about a minute. Needs Linux, and of the standard library little.
"""

from __future__ import annotations

import os
import signal
import sys
import time


def born(pid: int) -> str:
    """Return when a process was started, in ticks of the kernel; empty for one that has ended. Numbers are reused."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib takes longer to import than this to start
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == b"Z" else fields[19].decode()


def main(grace_s: float) -> None:
    """Wait for the driver's end, and end what is left then; whoever started this gets it back at once."""
    if os.fork():
        os._exit(0)
    told = b""
    while more := os.read(0, 65536):
        told += more
    time.sleep(grace_s)
    for line in told.decode().splitlines():
        pid, known = line.split()
        if born(int(pid)) == known:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue


if __name__ == "__main__":
    main(float(sys.argv[1]))
