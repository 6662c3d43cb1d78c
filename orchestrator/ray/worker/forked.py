"""What a fork does before it is a worker: it has what Ray gave to the process that asked for it, and nothing else."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from orchestrator.ray.worker.fork_request import open_descriptors

KNOWN = b"1"
"""What a worker says once Ray knows it."""


def take_on(asked: Mapping[str, Any]) -> None:
    """Be, in a fork, what the process that asked is: all but its code."""
    told = _have(asked["descriptors"], [*asked["given"], asked["says"]])
    leads = asked["group"] == asked["pid"]
    os.setpgid(0, 0 if leads else asked["group"])
    os.umask(asked["umask"])
    for kind, limit in asked["limits"].items():
        if resource.getrlimit(int(kind)) != tuple(limit):
            resource.setrlimit(int(kind), tuple(limit))
    if os.getpriority(os.PRIO_PROCESS, 0) != asked["niceness"]:
        os.setpriority(os.PRIO_PROCESS, 0, asked["niceness"])
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        is_ignored = int(number) in asked["ignored"]
        if is_ignored != (signal.getsignal(number) == signal.SIG_IGN):
            signal.signal(number, signal.SIG_IGN if is_ignored else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, asked["blocked"])
    with contextlib.suppress(OSError):  # Ray makes its workers the first to go when memory runs out
        Path("/proc/self/oom_score_adj").write_bytes(Path(f"/proc/{asked['pid']}/oom_score_adj").read_bytes())
    os.environ.clear()
    os.environ.update(asked["environment"])
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # as in a new process: no two workers draw the same
    sys.argv = list(asked["arguments"])
    _tell_once_known(told)


def _tell_once_known(says: int) -> None:
    """Say so once Ray knows this worker, and close what that is said by."""
    worker: Any = sys.modules.get("ray._private.worker", SimpleNamespace(connect=lambda: None))

    connect = worker.connect

    def connect_and_tell(*given: Any, **options: Any) -> None:
        connect(*given, **options)
        worker.connect = connect
        os.write(says, KNOWN)
        os.close(says)

    worker.connect = connect_and_tell
    if "ray" not in sys.modules:
        connect_and_tell()


def _have(numbers: Sequence[int], given: Sequence[int]) -> int:
    """Hold what was given open under these numbers, nothing else but the last; returns what that has for a number."""
    above = max(numbers, default=0) + 1
    *apart, last = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, above) for descriptor in given]
    for number, descriptor in zip(numbers, apart, strict=True):
        os.dup2(descriptor, number)
    for number in open_descriptors() - {*numbers, last}:
        os.close(number)
    return last


def new_main(file: str) -> dict[str, Any]:
    """Return the names of a new main module, for a file that runs as a program."""
    module = ModuleType("__main__")
    module.__file__ = file
    sys.modules["__main__"] = module
    return module.__dict__
