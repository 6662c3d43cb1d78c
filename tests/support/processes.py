"""Starting drivers as a user does, and killing them with everything they started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(ROOT),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "PYTHONWARNINGS": "ignore",
}


def stepladder(
    *arguments: object, cwd: Path, timeout_s: float = 280, env: Mapping[str, str] = ENVIRONMENT, **changes: object
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-c", "from orchestrator.cli.app import main; main()", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False, env=env, timeout=timeout_s, **changes,
    )  # fmt: skip


def start(*arguments: object, cwd: Path, log: Path, program: tuple[str, ...] | None = None) -> subprocess.Popen[bytes]:
    """Start the command in the background, its stderr in `log`."""
    command = program or ("-c", "from orchestrator.cli.app import main; main()")
    with log.open("ab") as stderr:
        return subprocess.Popen(
            [sys.executable, *command, *map(str, arguments)],
            cwd=cwd, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=ENVIRONMENT, start_new_session=True,
        )  # fmt: skip


def family(pid: int) -> list[int]:
    """Return a process and all its descendants, as they are now."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def kill_family(driver: subprocess.Popen[bytes], known: list[int] = []) -> None:  # noqa: B006 - read only
    """Kill -9 a driver and its Ray at once; `known` are descendants seen before."""
    for pid in {*family(driver.pid), *known}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    driver.wait()


def wait_until(condition: Callable[[], bool], driver: subprocess.Popen[bytes], timeout_s: float = 120) -> None:
    """Wait until `condition` holds or the driver ends; fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition() and driver.poll() is None:
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)


def marked(text: str) -> list[int]:
    """Return the living processes in whose environment `text` stands."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            is_dead = (environment.parent / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not is_dead and text.encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found
