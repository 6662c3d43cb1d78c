"""Ends an attempt's process by force with everything that it started, on its own node, and keeps where it stood.

The driver runs these two as tasks on that node: the process itself may be deaf (stopped, or holding Python's lock), and
what it started may have left its family. py-spy tells the stacks where it is installed and may look; else the process
says them itself, by faulthandler, to a signal that needs no lock.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import ray

from orchestrator.ray.worker.signs import own_processes
from orchestrator.secrecy import mask

STACK_SIGNAL = getattr(signal, "SIGRTMIN", 0) and signal.SIGRTMIN + 11
"""To which a process writes its stacks; 0 where there are no such signals."""
PY_SPY_S, SELF_S = 10.0, 2.0
"""How long each way of asking may take."""
MOST_PROCESSES = 32
"""Of how many processes of an attempt the stacks are kept."""
KILL_S = 10.0
"""How long the processes may take to be gone."""
_FRAME = re.compile(
    r"""^\s+(?: (?P<name>\S.*?)[ ]\((?P<file>[^():]+\.py):(?P<line>\d+)\)  # py-spy
        | File[ ]"(?P<path>[^"]+)",[ ]line[ ](?P<at>\d+)[ ]in[ ](?P<function>.+) )$  # faulthandler""",
    re.VERBOSE,
)
_stack_file: TextIO | None = None


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A process that an attempt runs in."""

    node_id: str
    """Ray's id of its node."""
    pid: int
    """Its number there."""
    began: str
    """When it began, as its node's kernel counts: who else gets that number later is another one."""
    folder: str
    """The attempt's own folder on that node."""
    suffix: str = ""
    """Tells its file of stacks from those of others in that folder."""
    host: str = ""
    """Name of that node, for people."""

    @classmethod
    def current(cls, folder: str, suffix: str = "") -> WorkerProcess:
        """Describe this process."""
        return cls(
            ray.get_runtime_context().get_node_id(), os.getpid(), _began(os.getpid()), folder, suffix, platform.node()
        )

    @property
    def stack_file(self) -> Path:
        """Where it writes its stacks when it is asked to."""
        return _stack_path(Path(self.folder), self.suffix)


def _stack_path(folder: Path, suffix: str) -> Path:
    return folder / f".stack{suffix}.txt"


def offer_stacks(folder: Path, suffix: str = "") -> None:
    """Let this process write its stacks into a file of the folder whenever STACK_SIGNAL comes."""
    global _stack_file
    if not STACK_SIGNAL:
        return
    previous, _stack_file = _stack_file, _stack_path(folder, suffix).open("w")
    faulthandler.register(STACK_SIGNAL, file=_stack_file, all_threads=True)
    if previous is not None:
        previous.close()


def take_stacks(process: WorkerProcess) -> str:
    """Return where the process and those it started stand, as text; says why where that cannot be told."""
    if _began(process.pid) != process.began:
        return f"process {process.pid} is gone"
    found = [f"process {process.pid}\n{_stacks(process)}"]
    spy = _py_spy()
    for pid in sorted(own_processes(Path(process.folder), process.pid))[:MOST_PROCESSES] if spy else ():
        told = _by_py_spy(spy, pid)  # what is no Python tells nothing
        found += [f"process {pid}, which it started: {_command(pid)}\n{told}"] if told else []
    return "\n\n".join(found)


def end_processes(process: WorkerProcess) -> int:
    """Kill the process and what it started; returns how many there were. What will not die is left to the kernel."""
    if _began(process.pid) != process.began:
        return 0
    known: dict[int, str] = {process.pid: process.began}  # a child that outlives its parent is found no more
    until = time.monotonic() + KILL_S
    while time.monotonic() < until:
        known |= {pid: _began(pid) for pid in own_processes(Path(process.folder), process.pid) if pid not in known}
        alive = [pid for pid, began in known.items() if began and _began(pid) == began]
        if not alive:
            break
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return len(known)


def place_in(stacks: str, file: str) -> str | None:
    """Return where in the user's own file a process stood, as `train.py:12 in train`; None where the stacks lack it."""
    for line in stacks.splitlines():
        frame = _FRAME.match(line)
        if frame is not None and Path(frame["file"] or frame["path"]).name == Path(file).name:
            return f"{file}:{frame['line'] or frame['at']} in {frame['name'] or frame['function']}"
    return None


def _stacks(process: WorkerProcess) -> str:
    spy = _py_spy()
    told = _by_py_spy(spy, process.pid) if spy is not None else None
    return told or _by_itself(process) or "it does not say where it stands; install py-spy on the nodes for such cases"


def _py_spy() -> str | None:
    return shutil.which("py-spy", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


def _by_py_spy(spy: str | None, pid: int) -> str | None:
    for option in ([], ["--nonblocking"]):  # a process that is stopped already cannot be stopped to be looked at
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(  # noqa: S603 - arguments of our own
                [str(spy), "dump", "--pid", str(pid), *option],
                capture_output=True, text=True, errors="replace", timeout=PY_SPY_S, check=False,
            )  # fmt: skip
            if done.returncode == 0 and done.stdout.strip():
                return done.stdout.strip()
    return None


def _by_itself(process: WorkerProcess) -> str | None:
    path, until = process.stack_file, time.monotonic() + SELF_S
    if not STACK_SIGNAL or not path.exists():
        return None
    path.write_text("")
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, STACK_SIGNAL)
    while time.monotonic() < until and not path.read_text(errors="replace").strip("\0\n"):
        time.sleep(0.05)
    time.sleep(0.1)
    return path.read_text(errors="replace").strip("\0\n") or None


def _began(pid: int) -> str:
    """Return when a process began, by the kernel's count; empty where it is gone, or a corpse."""
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    return ""


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return mask(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
    return ""
