"""The Ray that is started on this machine for one sweep: what a sweep needs of it, and nothing beside.

Also without a dashboard Ray starts a server for the dashboard's modules, which `ray.init` waits for; a monitor for an
autoscaler, though nothing can be scaled; and a reader of the workers' logs for a driver that does not want them. They
take 2.3 of the 4.3 s of CPU of Ray's own processes until a first report. Two agents, for which its raylet waits before
it answers, take 1.1 and .6 s of the rest: one is left out as well, the other waited for by nobody (see `agents`).
Whoever wants the dashboard, or Ray's metrics, starts Ray with them (`ray start --head --include-dashboard=true`) and
joins that Ray: `stepladder run --address auto`.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ray
from ray._private import parameter, ray_constants, services
from ray._private import worker as ray_worker
from ray._private.node import Node
from ray._private.parameter import RayParams

from orchestrator.ray.host import agents, minder
from orchestrator.ray.host.forking import COMMAND, Forks, servers
from orchestrator.ray.host.options import HostOptions
from orchestrator.ray.worker.reaper import descendants

NEEDED = {"no_monitor": True, "include_log_monitor": False}
"""Parameters of a node that `ray.init` has no argument for."""
AGENTS = {
    "--dashboard_agent_command": ("unused", "metrics_agent_port,metrics_export_port,dashboard_agent_listen_port"),
    "--runtime_env_agent_command": ("later", "runtime_env_agent_port"),
}
"""How `agents` stands before each of a raylet's agents, by the option that a raylet takes its command from."""

REGISTER_S = 600
"""How long a worker may take to import Ray and to tell its raylet: a raylet gives up one that takes longer, 60 s by
itself, and `ray.init` waits for the first ones without end, also for those that were given up. It waits in C++ and
lets no other thread run meanwhile, so no clock of ours could end it."""

MINDER_GRACE_S = 3.0
"""How long the processes of a Ray have to end by themselves once their driver is gone."""


def start(
    options: HostOptions, preloaded: Sequence[str] = (), forks: Forks | None = None, *, prestarts: bool = True
) -> None:
    """Start a Ray that this machine alone reaches, and connect to it. Raises what `ray.init` raises.

    Its worker processes import the modules `preloaded` before they take anything, and are forked by `forks` if there
    is such a server. `prestarts` says whether Ray starts one for each CPU by itself, at once; where it does not,
    `spares` says how many.
    """
    processes = options.num_cpus or os.cpu_count() or 1
    with _loopback(), _left_out(forks), _deaf_to_terminal():
        ray.init(
            address="local",  # RAY_ADDRESS in the environment would else be joined
            num_cpus=options.num_cpus,
            num_gpus=options.num_gpus,
            object_store_memory=options.object_store_bytes,
            include_dashboard=False,
            _system_config={
                "preload_python_modules": list(preloaded),
                "prestart_worker_first_driver": prestarts,
                "enable_metrics_collection": False,
                "worker_register_timeout_seconds": REGISTER_S,
                "num_workers_soft_limit": processes,  # it would end those that wait for the baseline's first report
            },
            log_to_driver=False,
            logging_level=options.log_level,
        )


@contextlib.contextmanager
def minded() -> Iterator[Callable[[], None]]:
    """Yield what is called once a Ray is started here: its processes end with this one, however this one ends.

    Another process waits for that: Ray's agents outlive a driver that is killed by a minute.
    """
    if not Path("/proc/self/stat").exists():
        yield lambda: None
        return
    process = subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-I", "-S", minder.__file__, str(MINDER_GRACE_S)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    pipe = process.stdin

    def tell() -> None:
        with contextlib.suppress(OSError):  # it was killed: then Ray's agents end by themselves
            pipe.write("".join(f"{pid} {minder.born(pid)}\n" for pid in processes() if minder.born(pid)).encode())
            pipe.flush()

    try:
        yield tell
    finally:
        with contextlib.suppress(OSError):
            pipe.close()
        process.wait()  # it went into the background when it began


def processes() -> list[int]:
    """Return the processes of the Ray that was started here, its agents and workers included; empty without one."""
    node = ray_worker._global_node  # noqa: SLF001 - Ray tells nobody else
    if node is None or not is_own():
        return []
    started = [*(info.process.pid for infos in node.all_processes.values() for info in infos), *servers()]
    return [*started, *(child for pid in started for child in descendants(pid))]


def is_own() -> bool:
    """Say whether the Ray that this process is connected to was started by it."""
    node = ray_worker._global_node  # noqa: SLF001 - Ray tells nobody else
    return node is not None and bool(node.is_head())


@contextlib.contextmanager
def _loopback() -> Iterator[None]:
    # Ray binds to the loopback interface alone when it takes this machine for no part of a cluster; on Linux there is
    # no argument for that (`_node_ip_address="127.0.0.1"` is replaced by the host's address).
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextlib.contextmanager
def _deaf_to_terminal() -> Iterator[None]:
    # A terminal that is closed tells all that was started from it. Ray keeps Ctrl-C from its processes itself; with
    # this they live on until the driver has left in order. A signal that comes meanwhile reaches the driver afterwards.
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _left_out(forks: Forks | None) -> Iterator[None]:
    """Let a node start as `NEEDED` says, as far as this Ray has such parameters, without the dashboard's server.

    Its raylet waits for no agent, and has its workers forked. While they begin this process imports Ray Tune.
    """

    def with_needed(**given: Any) -> RayParams:
        known = inspect.signature(RayParams).parameters
        return RayParams(**given | {name: value for name, value in NEEDED.items() if name in known})

    def no_server(_node: Node, **_options: Any) -> None:
        """Start nothing."""

    def start_process(command: list[str], *given: Any, **options: Any) -> Any:
        apart = [with_agents_apart(said) for said in command]
        process = started(apart if forks is None else [forks.before(said) for said in apart], *given, **options)
        if forks is not None and any(said.startswith(COMMAND) for said in command):
            # Now its raylet asks for workers, and `ray.init` waits for the first one with no other thread at work.
            importlib.import_module("orchestrator.ray.host.host")
        return process

    before, started = Node.start_api_server, services.start_ray_process
    parameter.RayParams, Node.start_api_server, services.start_ray_process = with_needed, no_server, start_process
    try:
        yield
    finally:
        parameter.RayParams, Node.start_api_server, services.start_ray_process = RayParams, before, started


def with_agents_apart(argument: str) -> str:
    """Return an argument of a raylet with `agents` before the agent's command, if it is one; else as it is."""
    option, _, command = argument.partition("=")
    if option not in AGENTS or not command or os.name != "posix":
        return argument
    before = subprocess.list2cmdline([sys.executable, "-I", "-S", agents.__file__, *AGENTS[option]])
    return f"{option}={before} {command}"
