"""Workers of a Ray of our own are forked from one process that has imported what they import (see `fork_server`).

A worker takes seconds to start: Python, Ray, Ray Tune, torch; and each attempt has a process of its own where there are
GPUs. Forked, it takes tenths of a second, and what was imported is in memory once. The server starts before this
process itself imports Ray, so that both import side by side.

Linux alone, where trials have no GPUs or STEPLADDER_FORK=1 in the environment asks for it, and never with
STEPLADDER_FORK=0. Else, as on a cluster that is joined, Ray starts its workers. It also does whenever a fork would not
be what it asked for, and once the server is gone.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ray.host.options import HostOptions, own_environment
from orchestrator.ray.worker import fork_request, fork_server
from orchestrator.ray.worker.trainable import Trainable
from orchestrator.ray.worker.warming import PRELOADED, imported_ahead
from orchestrator.sweep.resources import Resources

SWITCH = "STEPLADDER_FORK"
"""Variable that turns forking on for trials with GPUs too, where it is 1, and off for all, where it is 0."""
COMMAND = "--python_worker_command"
"""The option that a raylet takes the command of its workers from."""
WORKER = "_private/workers/default_worker.py"
"""Ray's own program of a worker, in its package."""
NEEDED = ("ray", "ray.actor", "ray._private.node", "ray._private.runtime_env.setup_hook", PRELOADED[0])
"""What every worker imports."""
END_S = 3.0
"""How long the server may take to end."""
WITHOUT = "Ray starts the workers itself, which takes longer"

_log = logging.getLogger("stepladder")
_running: set[int] = set()


@dataclass(frozen=True, slots=True)
class Forks:
    """A server that forks workers."""

    path: Path
    """Its socket."""
    worker: Path
    """Ray's program of a worker."""

    def before(self, argument: str) -> str:
        """Return an argument of a raylet with `fork_request` before the command of the workers, if it is one."""
        option, _, command = argument.partition("=")
        if option != COMMAND or not command:
            return argument
        asks = [sys.executable, "-I", "-S", fork_request.__file__, str(self.path), str(self.worker)]
        return f"{option}={subprocess.list2cmdline(asks)} {command}"


def servers() -> list[int]:
    """Return the processes that fork workers for this one."""
    return list(_running)


@contextlib.contextmanager
def forked_workers(trainable: Trainable, resources: Resources, options: HostOptions) -> Iterator[Forks | None]:
    """Have workers forked for the Ray that is started inside the block; None where Ray is to start them itself."""
    worker = _worker()
    if worker is None or options.address is not None or not _is_wanted(resources) or not _can_fork():
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            forks = _served(stack, worker, imported_ahead(trainable, resources), options)
        except OSError as error:  # no folder, no socket, no process
            _log.warning("%s: %s", WITHOUT, error)
            forks = None
        yield forks


def _is_wanted(resources: Resources) -> bool:
    return {"0": False, "1": True}.get(os.environ.get(SWITCH, ""), not resources.gpus)


def _can_fork() -> bool:
    ray = sys.modules.get("ray")
    is_able = sys.platform == "linux" and hasattr(os, "pidfd_open")
    if not is_able or (ray is not None and ray.is_initialized()):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # an old kernel
        return False
    return True


def _worker() -> Path | None:
    spec = importlib.util.find_spec("ray")
    found = [Path(folder) / WORKER for folder in (spec and spec.submodule_search_locations) or ()]
    return next((file for file in found if file.is_file()), None)


def _served(stack: contextlib.ExitStack, worker: Path, ahead: tuple[str, ...], options: HostOptions) -> Forks:
    folder = Path(tempfile.mkdtemp(prefix="stepladder-"))  # which nobody else may enter
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    forks = Forks(folder / "fork", worker)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(forks.path))
        listener.listen(128)  # who comes while it imports waits
        first = ",".join(name for name in ahead if name.partition(".")[0] != fork_server.RAY)  # which follows anyhow
        given = [str(listener.fileno()), str(worker), ",".join(NEEDED), first]
        process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, fork_server.__file__, *given],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=os.environ | own_environment(options, os.environ), pass_fds=[listener.fileno()],
            process_group=0,  # a Ctrl-C is the driver's; of its session, as Ray's own are
        )  # fmt: skip
    _running.add(process.pid)
    leaving = threading.Event()
    teller = threading.Thread(target=_tell, args=(process, leaving), daemon=True)
    teller.start()
    stack.callback(_end, process, leaving, teller)
    return forks


def _tell(process: subprocess.Popen[bytes], leaving: threading.Event) -> None:
    """Tell the server's lines, and that it is gone where nobody asked it to go."""
    assert process.stdout is not None
    for line in process.stdout:
        _log.warning("%s", line.decode(errors="replace").rstrip())
    status = process.wait()
    if status and not leaving.is_set():
        how = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        _log.warning("%s: what forked them has ended (%s)", WITHOUT, how)


def _end(process: subprocess.Popen[bytes], leaving: threading.Event, teller: threading.Thread) -> None:
    leaving.set()
    assert process.stdin is not None
    process.stdin.close()  # which is its end
    teller.join(END_S)
    if teller.is_alive():
        process.kill()
        teller.join()
    _running.discard(process.pid)
