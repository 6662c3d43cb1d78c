"""Imports once what every worker of a sweep imports, and forks one whenever Ray asks (see `fork_request`). A script.

    python fork_server.py LISTENER WORKER NEEDED AHEAD

LISTENER is the descriptor of a listening socket, WORKER the file of Ray's worker, NEEDED and AHEAD are modules with
commas between them: what a worker is made of, and what its training begins with. Standard input is a pipe from the
driver, and its end is this server's. Lines for the driver to tell go to standard output.

A fork has one thread, and shares what its parent holds open. So whatever a module leaves behind beside its code (a
thread that does not end for a fork, a descriptor, a GPU's device among them, a process) is not imported here: this
program starts over with the modules before that one. What the user wrote is never imported here.

A worker gets what Ray gave to the process that asks: standard input and outputs, and no other descriptors; environment,
folder, limits, priority, signals, umask; a process group of its own; draws of its own. It ends with that process, which
ends as it does. Where a worker would not be what Ray asked for, it is refused, once in words, and Ray starts it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.ray.worker.fork_imports import (
    SETTINGS,
    Imports,
    Unfit,
    draws_alike,
    import_all,
    without_draws,
    without_threads,
)
from orchestrator.ray.worker.fork_request import ENDED, REFUSED, STARTED
from orchestrator.ray.worker.forked import KNOWN, new_main, take_on

RAY = "ray"
"""The package that is imported once a worker is asked for."""
REQUEST_BYTES = 1 << 20
"""The longest request: a command line and an environment."""
MOST_DESCRIPTORS = 253
"""As many as Linux passes on at once."""


class Server:
    """Forks workers, and follows each to its end."""

    def __init__(self, listener: socket.socket, worker: str, imports: Imports, says: int) -> None:
        """Fork for whoever connects to `listener`; lines go to the descriptor `says`."""
        self._listener = listener
        self._worker = worker
        self._imports = imports
        self._says = says
        self._told: set[str] = set()
        self._asking: dict[int, socket.socket] = {}
        self._workers: dict[int, tuple[int, socket.socket, int]] = {}
        self._has_failed = False

    def take(self, connection: socket.socket, asked: bytes, descriptors: list[int]) -> dict[str, Any] | None:
        """Answer a request that was read already; returns in the fork what it was asked to be."""
        return self._fork(connection, asked, descriptors)

    def serve(self) -> dict[str, Any] | None:
        """Serve until standard input ends; returns None then, and in each fork what it was asked to be."""
        self._listener.settimeout(0)
        while True:
            waiting = [0, self._listener.fileno(), *self._asking, *self._workers]
            waiting += [theirs.fileno() for _, theirs, _ in self._workers.values() if theirs.fileno() >= 0]
            ready = set(select.select(waiting, [], [])[0])
            if 0 in ready and not os.read(0, 1024):
                return None
            for handle in ready & self._workers.keys():
                self._collect(handle)
            for handle, (_, connection, _) in self._workers.items():
                if connection.fileno() in ready:  # it says nothing more: Ray ended what it had started as this worker
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    connection.close()
            for number in ready & self._asking.keys():
                if asked := self._answer(self._asking.pop(number)):
                    return asked
            if self._listener.fileno() in ready:
                with contextlib.suppress(OSError):
                    connection = self._listener.accept()[0]
                    self._asking[connection.fileno()] = connection

    def _collect(self, handle: int) -> None:
        pid, connection, says = self._workers.pop(handle)
        status = os.waitpid(pid, 0)[1]
        is_known = os.read(says, 1) == KNOWN
        os.close(says)
        os.close(handle)
        if not is_known and connection.fileno() >= 0:  # nobody ended it
            self._has_failed = True
            self._tell("Ray starts the workers itself, which takes longer: one that was forked ended at once")
        with contextlib.suppress(OSError):
            connection.send(ENDED + str(status).encode() if is_known else REFUSED)
        connection.close()

    def _answer(self, connection: socket.socket) -> dict[str, Any] | None:
        """Read a request and answer it; returns in the fork what it was asked to be."""
        try:
            return self._fork(connection, *receive(connection))
        except OSError:
            connection.close()
            return None

    def _fork(self, connection: socket.socket, told: bytes, descriptors: list[int]) -> dict[str, Any] | None:
        """Fork, or refuse; returns in the fork what it was asked to be."""
        hears, says = os.pipe()
        try:
            asked = json.loads(told)
            self._refuse(asked, descriptors)
            child = os.fork()
            if child == 0:
                self._let_go(connection)
                return dict(asked, given=descriptors, says=says)
            self._workers[os.pidfd_open(child)] = child, connection, hears
            connection.send(STARTED + str(child).encode())
        except (OSError, ValueError, Unfit) as why:
            if isinstance(why, Unfit):
                self._tell(f"a worker is started by Ray itself, which takes longer: {why}")
            with contextlib.suppress(OSError):
                connection.send(REFUSED)
            connection.close()
            os.close(hears)
        for number in (says, *descriptors):
            os.close(number)
        return None

    def _let_go(self, connection: socket.socket) -> None:
        """Know nothing of the server's sockets, in a fork: it closes them by number, and these have other uses then."""
        others = [theirs for _, theirs, _ in self._workers.values()]
        for mine in (self._listener, connection, *self._asking.values(), *others):
            mine.detach()

    def _refuse(self, asked: dict[str, Any], descriptors: Sequence[int]) -> None:
        """Raise Unfit where a fork would not be what was asked for; else do what is done before a fork."""
        if self._has_failed:
            raise Unfit("one that was forked ended at once")
        if asked["environment"].get(SETTINGS[0]) != self._imports.environment.get(SETTINGS[0]):
            raise Unfit("it is of another Ray")
        asked["environment"] = self._imports.environment_for(asked["environment"])
        if len(descriptors) != len(asked["descriptors"]):
            raise Unfit("it is given more files than can be passed on")
        if asked["arguments"][0] != self._worker or os.getsid(0) != asked["session"]:
            raise Unfit("it is of another session")
        for kind, (_, hard) in asked["limits"].items():
            mine = resource.getrlimit(int(kind))[1]
            if mine not in (resource.RLIM_INFINITY, hard) and (hard == resource.RLIM_INFINITY or hard > mine):
                raise Unfit("its limits are higher")
        if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - a count
            raise Unfit("the process to fork has a thread")
        os.chdir(asked["folder"])

    def _tell(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            tell(self._says, line)


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Read a request, and the descriptors with it."""
    told, descriptors, *_ = socket.recv_fds(connection, REQUEST_BYTES, MOST_DESCRIPTORS)
    return told, list(descriptors)


def tell(says: int, line: str) -> None:
    """Have the driver tell a line."""
    with contextlib.suppress(OSError):
        os.write(says, f"{line}\n".encode())


def import_ahead(listener: int, worker: str, needed: Sequence[str], ahead: Sequence[str], says: int) -> None:
    """Import what trainings begin with, but for Ray. Starts over without what no fork may inherit.

    Ray's library reads when it is loaded whose worker it is in (SETTINGS), which the first request tells.
    """
    before = dict(os.environ)
    with without_threads():
        found = import_all(ahead, but_for=RAY)
    if not found:
        return
    number, left = found
    tell(says, f"each worker imports {ahead[number]}, and what follows it, by itself: it {left} when imported")
    os.dup2(says, 1)
    os.set_inheritable(listener, True)  # noqa: FBT003 - it takes no keyword
    again = [__file__, str(listener), worker, ",".join(needed), ",".join(ahead[:number])]
    os.execve(sys.executable, [sys.executable, *again], before)  # noqa: S606 - no shell is the point


def import_needed(needed: Sequence[str], settings: Mapping[str, str]) -> tuple[str, str] | None:
    """Import what workers are made of; returns what must not be forked, and what it does."""
    os.environ.update(settings)
    with without_threads(), without_draws() if RAY in needed else contextlib.nullcontext():
        found = import_all(needed)
    if not found and RAY in needed and draws_alike():
        found = len(needed) - 1, "draws ids"
    return None if found is None else (needed[found[0]], found[1])


def leave(listening: socket.socket) -> None:
    """Remove the socket and the folder made for it: a driver that was killed does not come to that."""
    path = Path(listening.getsockname())
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def main(listener: int, worker: str, needed: Sequence[str], ahead: Sequence[str]) -> None:
    """Import what trainings begin with, and Ray once it asks; serve, and be a worker in each fork."""
    says = os.dup(1)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    sys.argv, sys.path[0], before = [worker], str(Path(worker).parent), dict(os.environ)
    code = compile(Path(worker).read_bytes(), worker, "exec")
    gc.disable()
    import_ahead(listener, worker, needed, ahead, says)
    listening = socket.socket(fileno=listener)
    if 0 in select.select([0, listening.fileno()], [], [])[0]:
        return leave(listening)
    connection = listening.accept()[0]
    told, descriptors = receive(connection)
    first = json.loads(told)["environment"]
    settings = {name: first[name] for name in SETTINGS if name in first}
    if found := import_needed(needed, settings):
        tell(says, f"Ray starts the workers itself, which takes longer: {found[0]} {found[1]} when imported")
        return leave(listening)
    gc.enable()
    gc.freeze()  # what is there is shared: nobody looks through it again
    server = Server(listening, worker, Imports.done(before | settings), says)
    asked = server.take(connection, told, descriptors) or server.serve()
    if asked is None:
        return leave(listening)
    take_on(asked)
    exec(code, new_main(worker))  # noqa: S102 - Ray's own file
    return None


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], *[[name for name in said.split(",") if name] for said in sys.argv[3:5]])
