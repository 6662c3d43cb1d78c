"""A real Ray head with token authentication on ports of its own, started and ended by its process."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from processes import ENVIRONMENT, family

PORTS = ("--port", "--dashboard-port", "--ray-client-server-port", "--dashboard-agent-listen-port",
         "--metrics-export-port", "--runtime-env-agent-port", "--dashboard-agent-grpc-port")  # fmt: skip
ATTEMPTS = 4
"""Ray gives a node 30 s to come up, which a busy machine may miss."""


@dataclass
class Head:
    """A head that answers."""

    address: str
    """Of its dashboard."""
    token_file: Path
    """Its token, mode 0600."""
    gcs: str = ""
    """Where nodes join it."""
    temporary: Path = Path()
    """Where it keeps its files, and its nodes what was sent."""

    @property
    def environment(self) -> dict[str, str]:
        """What a laptop that knows the token has."""
        return ENVIRONMENT | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token_file)}


@contextlib.contextmanager
def ray_head(folder: Path, gpus: int = 0, cpus: int = 2) -> Iterator[Head]:
    """Start a head whose nodes have the command `stepladder`, GPUs are fake; all it started ends with the block."""
    program = folder / "bin" / "stepladder"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom orchestrator.cli.app import main\nmain()\n")
    program.chmod(0o755)
    token_file = folder / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(secrets.token_hex(32))
    for attempt in range(ATTEMPTS):
        ports = _free_ports(len(PORTS))
        head = Head(f"http://127.0.0.1:{ports[1]}", token_file, f"127.0.0.1:{ports[0]}")
        with tempfile.TemporaryDirectory(prefix="ray-") as temporary:  # its path goes into socket names: short
            head.temporary = Path(temporary)
            log = folder / f"head-{attempt}.log"
            process = _started(
                head,
                ports,
                [f"--temp-dir={temporary}", f"--num-cpus={cpus}", f"--num-gpus={gpus}"],
                log,
                program.parent,
            )
            try:
                if _answers(head.address, log, process):
                    yield head
                    return
            finally:
                _end(process)
    raise AssertionError("no head came up: " + (folder / f"head-{ATTEMPTS - 1}.log").read_text()[-2000:])


def _started(head: Head, ports: list[int], options: list[str], log: Path, programs: Path) -> subprocess.Popen[bytes]:
    environment = _environment(head, programs)
    with log.open("wb") as output:
        return subprocess.Popen(
            [Path(sys.executable).parent / "ray", "start", "--head", "--block", "--dashboard-host=127.0.0.1",
             "--object-store-memory=100000000", *options,
             *(f"{option}={port}" for option, port in zip(PORTS, ports, strict=True))],
            stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment, start_new_session=True,
        )  # fmt: skip


@contextlib.contextmanager
def ray_node(head: Head, folder: Path, cpus: int, gpus: int) -> Iterator[None]:
    """Have one more node join the head of `folder`, for as long as the block lasts."""
    names = [option for option in PORTS if "agent" in option or "metrics" in option]
    ports = [f"{name}={port}" for name, port in zip(names, _free_ports(len(names)), strict=True)]
    with (folder / "node.log").open("wb") as output:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "ray", "start", f"--address={head.gcs}", "--block", *ports,
             f"--num-cpus={cpus}", f"--num-gpus={gpus}", "--object-store-memory=100000000"],
            stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=_environment(head, folder / "bin"),
            start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        _end(process)


def _environment(head: Head, programs: Path) -> dict[str, str]:
    return head.environment | {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        "RAY_agent_register_timeout_ms": "120000",  # a raylet whose agents are slower aborts
    }


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _answers(address: str, log: Path, process: subprocess.Popen[bytes]) -> bool:
    while process.poll() is None:
        if "Ray runtime started" not in log.read_text():  # the dashboard answers before its node is up
            time.sleep(0.2)
            continue
        try:
            urllib.request.urlopen(f"{address}/api/version", timeout=60)
        except urllib.error.HTTPError as error:
            return error.code == 401
        except OSError:
            time.sleep(0.2)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    started = family(process.pid)
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(240)
    for pid in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
