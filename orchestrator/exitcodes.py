"""Exit codes: what `stepladder` leaves with, and what a launcher reads in the code of a driver that has ended.

75 is EX_TEMPFAIL of sysexits.h, which Slurm scripts and others take for "run it again"; 130 is what a shell makes of
Ctrl-C, 128 + SIGINT.
"""

from __future__ import annotations

DONE = 0
"""Nothing is left to do, or it left because it was asked to: not to be repeated."""
FAILED = 1
"""The sweep, its storage or its cluster failed."""
INVALID = 2
"""The command line or the sweep file is invalid; what click says of its own too."""
RESUMABLE = 75
"""Stopped with work left: run it again."""
INTERRUPTED = 130
"""Ctrl-C, everything saved, work left."""
WORK_LEFT = (RESUMABLE, INTERRUPTED)
"""The codes of a driver that goes on when it is started again."""
OF_LEAVING = {
    "SIGTERM": RESUMABLE,
    "SIGHUP": RESUMABLE,
    "wall": RESUMABLE,
    "SIGINT": INTERRUPTED,
    "stop": DONE,
    "cancel": DONE,
    "brake": FAILED,
    "cluster": RESUMABLE,
}
"""The code of each reason for which a driver leaves with work left."""


def leaves_work(code: int | str | None) -> bool:
    """Say whether an exit code, a number or its digits, tells of work left."""
    return str(code) in map(str, WORK_LEFT)
