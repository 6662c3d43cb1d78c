"""A real Ray cluster on pretended hosts: a head, workers with pretended GPUs, token authentication.

    with Network(folder) as network:
        cluster = RayHosts(network)
        cluster.start(["w1", "w2"])
        cluster.head.run(*STEPLADDER, "status", "sweep.yaml", cwd=folder, env=cluster.env)
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hosts import Host, Network
from processes import ROOT

STEPLADDER = (sys.executable, "-c", "from orchestrator.cli import main; main()")
"""The command, as on a host where it is installed."""
GCS, JOBS = 6379, 8265
"""Ports of the head: Ray's own, and its Jobs API's."""
STORE_BYTES = 80 * 2**20
"""The smallest object store that Ray takes is 75 MiB."""
ALERT = {"period_ms": 1000, "timeout_ms": 2000, "failure_threshold": 3, "initial_delay_ms": 1000}
"""Health checks that miss a silent host after some 8 s; Ray's own take about a minute."""
START_S = 300.0


class RayHosts:
    """A cluster; `start` it, and what is started again after a fault joins it as a new host."""

    def __init__(self, network: Network, name: str = "", *, alert: bool = False) -> None:
        """`name` goes before the hosts' names. `alert` makes Ray miss a silent host within seconds."""
        self._network = network
        self._name = name
        self.alert = alert
        """Whether Ray misses a silent host within seconds."""
        checks = {f"RAY_health_check_{key}": str(value) for key, value in ALERT.items()} if alert else {}
        token = network.folder / f"{name}token"
        token.touch(mode=0o600, exist_ok=False)
        token.write_text(secrets.token_hex(32))
        self.env: Mapping[str, str] = {
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_worker_niceness": "0",  # Ray's own is 15: on a busy machine its workers would starve
            **checks,
        }
        """Environment of whatever runs in the cluster, or talks to it."""
        self.workers: dict[str, Host] = {}
        """Workers by name, living ones."""

    @property
    def gcs(self) -> str:
        """Address that a driver joins."""
        return f"{self.head.address}:{GCS}"

    @property
    def jobs(self) -> str:
        """Address of the Jobs API."""
        return f"http://{self.head.address}:{JOBS}"

    def start(
        self, workers: Sequence[str], *options: object, hidden: Mapping[str, Sequence[Path]] | None = None
    ) -> None:
        """Start the head, `options` with it, and the workers; returns when all have joined.

        `hidden` has, by worker, the folders that it finds empty.
        """
        self.head = self._network.host(f"{self._name}head")
        head = ("--head", f"--port={GCS}", f"--dashboard-host={self.head.address}", f"--dashboard-port={JOBS}")
        self._ray(self.head, *head, "--num-cpus=1", "--num-gpus=0", *options)
        wait_for(lambda: self.head.find("/raylet/raylet "), "raylet on the head")  # a worker waits 40 s for it
        for worker in workers:
            self._launch(worker, (hidden or {}).get(worker, ()))
        wait_for(lambda: all(map(_has_joined, [self.head, *self.workers.values()])), "every host in the cluster")

    def add(self, worker: str) -> Host:
        """Start another worker; returns when it has joined."""
        host = self._launch(worker, ())
        wait_for(lambda: _has_joined(host), f"{worker} in the cluster")
        return host

    def power_off(self) -> None:
        """Pull the plug of every host."""
        for host in [self.head, *self.workers.values()]:
            host.power_off()
        self.workers.clear()

    def _launch(self, worker: str, hidden: Sequence[Path]) -> Host:
        host = self.workers[worker] = self._network.host(f"{self._name}{worker}", hidden=hidden)
        self._ray(host, f"--address={self.gcs}", "--num-cpus=2", "--num-gpus=2")
        return host

    def _ray(self, host: Host, *options: object) -> None:
        ray = (sys.executable, "-m", "ray.scripts.scripts", "start", f"--node-ip-address={host.address}", "--block")
        store = f"--object-store-memory={STORE_BYTES}"
        host.start(*ray, f"--node-name={host.name}", store, "--include-log-monitor=False", *options, cwd=host.folder, env=self.env, log="ray.log")


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = START_S) -> float:
    """Wait until `condition` holds and return how long that took, in seconds; fails, naming `what`, after `timeout_s`."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() < begun + timeout_s, f"no {what} after {timeout_s:.0f} s"
        time.sleep(0.1)
    return time.monotonic() - begun


def _has_joined(host: Host) -> bool:
    return "Ray runtime started" in (host.folder / "ray.log").read_text()
