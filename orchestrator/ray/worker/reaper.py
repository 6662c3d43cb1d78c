"""Runs one program and leaves none of its descendants behind, whatever becomes of whoever asked. Run as a script.

    python reaper.py CONTROL ANSWERS GRACE_S PROGRAM [ARGUMENT...]

CONTROL and ANSWERS are pipes. A byte in CONTROL stops the program: SIGTERM to it and all its descendants, SIGKILL
after GRACE_S. When CONTROL closes, whoever asked is gone, and all are killed at once. Into ANSWERS goes the process
group's number, then, once nothing is left, the program's exit status as `waitpid` gives it.

It detaches itself from its parent, which may be killed together with its children (Ray does that to a worker's), leads
a session of its own, and adopts orphans among its descendants (Linux). Needs the standard library alone, and little of
it: it starts in a few hundredths of a second.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LOOK_S = 0.05
_KILL_FOR_S = 10.0


def descendants(pid: int) -> list[int]:
    """Return the numbers of all living processes that come from `pid`."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib takes longer to import than this program to start
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - as above
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
            except OSError:
                continue  # it ended meanwhile
            if state != b"Z":
                children.setdefault(int(parent), []).append(int(name))
    found, waiting = [], [pid]
    while waiting:
        ours = children.get(waiting.pop(), [])
        found += ours
        waiting += ours
    return found


def _control(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _start(arguments: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.execvp(arguments[0], arguments)  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(2, f"{arguments[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _reap(program: int) -> int | None:
    """Collect all that ended; the program's status if it is among them."""
    status = None
    while True:
        try:
            ended, code = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if ended == 0:
            return status
        if ended == program:
            status = code


def _end_all(program: int, first: int, grace_s: float) -> int | None:
    """End every descendant: `first` is sent to each, SIGKILL to what is left after `grace_s`."""
    me, status, since = os.getpid(), None, time.monotonic()
    told: set[int] = set()
    while left := descendants(me):
        waited = time.monotonic() - since
        if waited > grace_s + _KILL_FOR_S:
            break  # stuck in the kernel
        for pid in left:
            if waited > grace_s or pid not in told:
                told.add(pid)
                try:
                    os.kill(pid, signal.SIGKILL if waited > grace_s else first)
                except ProcessLookupError:
                    continue
        time.sleep(_LOOK_S)
        ended = _reap(program)
        status = ended if status is None else status
    ended = _reap(program)
    return ended if status is None else status


def main(control: int, answers: int, grace_s: float, arguments: list[str]) -> None:
    """Run the program to its end."""
    if os.fork():
        os._exit(0)
    os.setsid()
    _control(_PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGTERM, lambda *_: None)  # a handler, not SIG_IGN, which the program would inherit
    signal.signal(signal.SIGINT, lambda *_: None)
    for pipe in (control, answers):
        os.set_inheritable(pipe, False)  # noqa: FBT003 - it takes no keyword
    program = _start(arguments)
    os.write(answers, f"{os.getpid()}\n".encode())
    status = None
    while status is None:
        if select.select([control], [], [], _LOOK_S)[0]:
            asked = os.read(control, 1)
            status = _end_all(program, signal.SIGTERM if asked else signal.SIGKILL, grace_s if asked else 0.0)
            status = signal.SIGKILL if status is None else status
        else:
            status = _reap(program)
    _end_all(program, signal.SIGTERM, grace_s)
    os.write(answers, f"{status}\n".encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
