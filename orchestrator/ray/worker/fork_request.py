"""Stands in for Ray's start of a worker on a Ray of our own: has it forked by `fork_server`. Run as a script.

    python fork_request.py SOCKET WORKER PYTHON SETUP OPTIONS...

What follows WORKER, the file of Ray's worker, is the command that Ray would run. It is run, in the place of this
process, whenever the worker is not an ordinary one (it has a runtime environment of its own, say), nobody answers at
SOCKET, or the server refuses.

Else this process stays, as what Ray started: it lives as long as its worker, passes signals on to it, and ends as it
ended. The worker is given what this process was given: descriptors, environment, folder, limits, priority, signals.

Needs the standard library alone, and little of it: it starts in a few hundredths of a second.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

STARTED = b"started "
"""What the server's answer begins with where it forked; the worker's number follows."""
REFUSED = b"refused"
"""The answer where it did not, or where what it forked ended before Ray knew it."""
ENDED = b"ended "
"""What it begins with once the worker has ended; the status follows, as `waitpid` gives it."""
PATIENCE_S = 120.0
"""How long the server may take to import what it is to import. Ray waits longer (see `own_ray`)."""
CONTEXT, LANGUAGE = "--serialized-runtime-env-context", "--language"
"""Options for Ray's set-up of a worker; all others are the worker's own."""
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
LIMITS = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})
"""The kinds of limits that a process has."""


def worker_arguments(worker: str, command: Sequence[str]) -> list[str] | None:
    """Return the worker's own command line; None where it is not an ordinary worker in Python."""
    python, options = command[0], command[2:]
    values = dict(said.split("=", 1) for said in options if said.startswith((CONTEXT, LANGUAGE)) and "=" in said)
    own = [said for said in options if said.partition("=")[0] not in values]
    try:
        asked = {name: value for name, value in json.loads(values.get(CONTEXT) or "{}").items() if value}
    except ValueError:
        return None
    is_plain = asked.pop("py_executable", python) == python and not asked and values.get(LANGUAGE) == "PYTHON"
    typed = [said for said in own if said.startswith("--worker-type") and said != "--worker-type=WORKER"]
    return own if is_plain and not typed and own and own[0] == worker else None


def surroundings(arguments: Sequence[str]) -> dict[str, Any]:
    """Return all that a process inherits, beside descriptors, with its command line."""
    ignored = [int(number) for number in signal.valid_signals() if signal.getsignal(number) == signal.SIG_IGN]
    return {
        "arguments": list(arguments),
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes longer to import than this program to start
        "umask": _umask(),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "limits": {str(kind): resource.getrlimit(kind) for kind in LIMITS},
        "blocked": [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        "ignored": ignored,
        "session": os.getsid(0),
        "group": os.getpgid(0),
        "pid": os.getpid(),
        "descriptors": sorted(open_descriptors()),
    }


def open_descriptors() -> set[int]:
    """Return what this process holds open, by number."""
    listed = {int(name) for name in os.listdir("/proc/self/fd")}  # noqa: PTH208 - as above
    return {number for number in listed if _is_open(number)}  # not the one that the list was read through


def killed_by(status: int) -> bool:
    """Say whether a process with this status, as `waitpid` gives it, was ended by a signal."""
    return os.WIFSIGNALED(status)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


def _ask(path: str, arguments: Sequence[str]) -> tuple[socket.socket, int] | None:
    """Have a worker forked; returns the connection and its number, None where that cannot be."""
    told = surroundings(arguments)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        server.settimeout(PATIENCE_S)
        server.connect(path)
        socket.send_fds(server, [json.dumps(told).encode()], told["descriptors"])
        answer = server.recv(64)
    except OSError:  # nobody there, or more than one message holds
        server.close()
        return None
    if not answer.startswith(STARTED):
        server.close()
        return None
    server.settimeout(None)
    return server, int(answer[len(STARTED) :])


def _follow(server: socket.socket, pid: int, command: Sequence[str]) -> NoReturn:
    """Be what Ray started: end as the worker ends. Where it ended before Ray knew it, be one that was not forked."""
    handle = _handle(pid)
    for number in PASSED_ON:
        signal.signal(number, lambda which, _: _send(pid, which))
    answer = server.recv(64)
    if answer == REFUSED:
        _start_plainly(command)
    if not answer.startswith(ENDED):  # the server is gone, the worker goes on
        if handle is not None:
            select.select([handle], [], [])
        os._exit(0)
    end_as(int(answer[len(ENDED) :]))


def _handle(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:  # it has ended
        return None


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def end_as(status: int) -> NoReturn:
    """End with a status as `waitpid` gives it, by its signal where there was one; no second core is written."""
    if killed_by(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if not killed_by(status) else 1)


def _start_plainly(command: Sequence[str]) -> NoReturn:
    for number in PASSED_ON:
        signal.signal(number, signal.SIG_DFL)
    os.execv(command[0], list(command))  # noqa: S606 - no shell is the point


def main(path: str, worker: str, command: Sequence[str]) -> NoReturn:
    """Have a worker forked, or start it as Ray would."""
    arguments = worker_arguments(worker, command)
    asked = None if arguments is None else _ask(path, arguments)
    if asked is None:
        _start_plainly(command)
    _follow(*asked, command)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
