"""A real Ray cluster on pretended hosts: a head, workers with two pretended GPUs each, token authentication.

with Network(folder / "network") as network:
    cluster = RayHosts(network)
    cluster.start("w1", "w2")
    cluster.head.run(*STEPLADDER, "run", "sweep.yaml", "--address", cluster.gcs, cwd=folder, env=cluster.env)
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hosts import Host, Network
from processes import ROOT

STEPLADDER = (sys.executable, "-c", "from orchestrator.cli.app import main; main()")
"""The command, where it is not looked up in PATH."""
GCS, JOBS = 6379, 8265
"""Ports of the head: Ray's own, and its Jobs API's."""
STORE_BYTES = 80 * 2**20
"""Ray takes no object store below 75 MiB."""
ALERT = {"period_ms": 2000, "timeout_ms": 5000, "failure_threshold": 3}
"""Health checks that miss a silent host after some 20 s; with Ray's own it takes a minute."""
STARTS = 5
"""How often a host's Ray is started: Ray ends a node that is not up within 30 s, and a busy machine may take longer."""
WAIT_S = 400.0


class RayHosts:
    """A cluster. A worker that was lost is replaced by adding another."""

    def __init__(self, network: Network, name: str = "", *, hidden: Sequence[Path] = (), alert: bool = False) -> None:
        """`name` goes before the hosts' names; the hosts find empty folders at `hidden`."""
        self.alert = alert
        """Whether Ray misses a silent host within seconds."""
        self.workers: dict[str, Host] = {}
        """The workers that live, by name without the cluster's."""
        self._network = network
        self._name = name
        self._hidden = hidden
        folder = network.folder / f"cluster-{name}"
        folder.mkdir()
        self.env: Mapping[str, str] = {
            "PATH": f"{_commands(folder)}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests/support'}",
            "PYTHONWARNINGS": "ignore",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(_token(folder)),
            "RAY_worker_niceness": "0",  # Ray's own is 15: on a busy machine its workers would starve
            **({f"RAY_health_check_{key}": str(value) for key, value in ALERT.items()} if alert else {}),
        }
        """Environment of whatever runs in the cluster or talks to it."""

    @property
    def gcs(self) -> str:
        """Address that a driver joins."""
        return f"{self.head.address}:{GCS}"

    @property
    def jobs(self) -> str:
        """Address of the Jobs API."""
        return f"http://{self.head.address}:{JOBS}"

    def start(self, *workers: str, options: Callable[[Host], Sequence[object]] = lambda _: ["--no-monitor"]) -> None:
        """Start the head, with what `options` returns for it, and the workers; returns when all have joined."""
        self.head = self._network.host(f"{self._name}head", hidden=self._hidden)
        jobs = (f"--dashboard-host={self.head.address}", f"--dashboard-port={JOBS}")
        head = (f"--port={GCS}", *jobs, "--num-cpus=1", "--num-gpus=0", *options(self.head))
        first = _Ray(self.head, self.env, "--head", *head)
        _wait_until_up(first)
        _wait_until_up(first, *(self._launch(worker, self._hidden) for worker in workers))

    def add(self, worker: str, *, hidden: Sequence[Path] = ()) -> Host:
        """Start another worker, which finds empty folders at `hidden` too; returns when it has joined."""
        _wait_until_up(self._launch(worker, [*self._hidden, *hidden]))
        return self.workers[worker]

    @property
    def is_sound(self) -> bool:
        """Say whether Ray runs on every host of it."""
        return all(host.find("/raylet/raylet ") for host in [self.head, *self.workers.values()])

    def power_off(self) -> None:
        """Pull the plug of every host."""
        for host in [self.head, *self.workers.values()]:
            host.power_off()
        self.workers.clear()

    def _launch(self, worker: str, hidden: Sequence[Path]) -> _Ray:
        host = self.workers[worker] = self._network.host(f"{self._name}{worker}", hidden=hidden)
        return _Ray(host, self.env, f"--address={self.gcs}", "--num-cpus=2", "--num-gpus=2")


class _Ray:
    """Ray on one host, being started."""

    def __init__(self, host: Host, env: Mapping[str, str], *options: object) -> None:
        self._host = host
        self._env = env
        self._options = (f"--node-ip-address={host.address}", f"--node-name={host.name}", *options)
        self._starts = 0
        self._process = self._start()

    def is_up(self) -> bool:
        """Say whether it has joined the cluster; one that gave up is started again."""
        said = (self._host.folder / f"ray-{self._starts}.log").read_text()
        if self._process.poll() is None:
            return "Ray runtime started" in said
        assert self._starts < STARTS, said
        self._process = self._start()
        return False

    def _start(self) -> subprocess.Popen[bytes]:
        self._starts += 1
        always = ("--block", "--include-log-monitor=False", f"--object-store-memory={STORE_BYTES}")
        return self._host.start(
            sys.executable, "-m", "ray.scripts.scripts", "start", *always, *self._options,
            cwd=self._host.folder, env=self._env, log=f"ray-{self._starts}.log",
        )  # fmt: skip


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = WAIT_S) -> float:
    """Wait until `condition` holds, and return for how many seconds; fails, naming `what`, after `timeout_s`."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() < begun + timeout_s, f"no {what} after {timeout_s:.0f} s"
        time.sleep(0.1)
    return time.monotonic() - begun


def _wait_until_up(*started: _Ray) -> None:
    wait_for(lambda: all([ray.is_up() for ray in started]), "Ray on every host")  # noqa: C419 - each is to be looked at


def _commands(folder: Path) -> Path:
    """Make a folder with the command in it, as an installation has."""
    commands = folder / "bin"
    commands.mkdir()
    file = commands / "stepladder"
    file.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{STEPLADDER[-1]}" "$@"\n')
    file.chmod(0o755)
    return commands


def _token(folder: Path) -> Path:
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    return token
