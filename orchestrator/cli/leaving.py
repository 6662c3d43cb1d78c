"""How the process of a command ends that has answered: without letting go of what it looked at, piece by piece.

A state of a hundred thousand trials is some millions of objects. To free each takes a tenth of the time that it takes
to show them, and a process that ends gives all of it back at once.
"""

from __future__ import annotations

import contextlib
import os
import sys

_HELD: list[object] = []


def hold(looked_at: object) -> None:
    """Keep what a command looked at until its process ends, in place of what was kept before."""
    _HELD[:] = [looked_at]


def leave(code: int, *, at_once: bool) -> None:
    """End this process where something is held, or `at_once`; else, and where an answer has no reader, do nothing.

    Whatever a command writes is written by then.
    """
    if not (_HELD or at_once):
        return
    with contextlib.suppress(OSError):  # the interpreter says that at its own end
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
