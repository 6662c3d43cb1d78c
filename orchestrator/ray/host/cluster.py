"""The cluster a sweep runs on: joined, or started on this machine; what it holds, and whether a trial fits at all."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray._private import worker as ray_worker
from ray._private.state import available_resources_per_node
from ray._private.state import state as cluster_state

from orchestrator.errors import ClusterError, ClusterLostError, InfeasibleError
from orchestrator.launchers._environment import runtime_env
from orchestrator.ray.host import autoscaler, own_ray
from orchestrator.ray.host.forking import Forks
from orchestrator.ray.host.machines import PRECISION, Nodes, infeasible, places
from orchestrator.ray.host.options import HostOptions, own_environment
from orchestrator.ray.host.remarks import without_dumps
from orchestrator.ray.worker import ahead
from orchestrator.sweep.environment import Environment
from orchestrator.sweep.resources import Resources

UNBOUNDED = 10_000
"""Nodes that a group without an upper bound is taken to have."""
CONNECT_S = 10.0
GOODBYE_S = 30.0
"""How long Ray may take to let this process go: a raylet that hangs would be waited for without end."""
MISSED_S = 30.0
"""When Ray has missed a node that left without a word: it asks every 3 s, and takes note at the fifth time in vain."""


@contextlib.contextmanager
def connected(
    options: HostOptions, preloaded: Sequence[str] = (), on_deaf: Callable[[ClusterLostError], None] = lambda _: None,
    *, prestarts: bool = True, forks: Forks | None = None,
) -> Iterator[None]:  # fmt: skip
    """Be connected to Ray inside the block. A connection found is left as it was, a cluster joined goes on.

    Of a Ray started here the workers import the modules `preloaded` ahead, and `own_ray` says what `prestarts` and
    `forks` are. What is printed goes to stderr: Ray prints there and then what it hears of dead workers. A Ray started
    here that does not let go at the end is ended without asking; of one that was joined `on_deaf` is told, from another
    thread. Raises ClusterLostError where no Ray answers at the address, ClusterError for an address that can be none.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        if not ray.is_initialized():
            stack.enter_context(_environment(options))
            stack.enter_context(without_dumps())
            tell = stack.enter_context(own_ray.minded()) if options.address is None else lambda: None
            before = ray_worker._global_node  # noqa: SLF001 - Ray tells nobody else
            try:
                _connect(options, preloaded, forks, prestarts=prestarts)
            except BaseException:
                if ray_worker._global_node is not before:  # noqa: SLF001 - a signal, say, when half of it is there
                    end_own()
                raise
            stack.callback(_part, on_deaf)
            tell()
        yield


def alive_nodes() -> list[Nodes]:
    """List the nodes that are alive, each with what people call it: its host name, with its id where two share one."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    hosts = [node["NodeManagerHostname"] for node in alive]
    return [
        Nodes.holding(node["Resources"], 1, node["Labels"], _names(node, is_unique=hosts.count(host) == 1))
        for node, host in zip(alive, hosts, strict=True)
    ]


def alive_ids() -> frozenset[str]:
    """Return Ray's ids of the nodes that are alive."""
    return frozenset(node["NodeID"] for node in ray.nodes() if node["Alive"])


def missed_s() -> float:
    """Return how many seconds after a node left Ray knows; 0 where this driver leaves with it."""
    return 0.0 if own_ray.is_own() else MISSED_S


def present_nodes(avoided: Collection[str] = ()) -> list[Nodes]:
    """List the nodes that are alive, without those whose ids are `avoided`."""
    return [node for node in alive_nodes() if node.node_id not in avoided]


def free_nodes() -> list[Nodes]:
    """List what is free now on each node that is alive."""
    free = available_resources_per_node()
    return [Nodes.holding(free.get(node.node_id, {}), 1, node.labels, node.names) for node in alive_nodes()]


def named_in(avoid: Collection[str]) -> frozenset[str]:
    """Return Ray's ids of the living nodes that people named so."""
    if not avoid:
        return frozenset()
    return frozenset(node.node_id for node in alive_nodes() if not set(avoid).isdisjoint(node.names))


@dataclass(slots=True)
class Rooms:
    """How many trials more each node could hold, by Ray's id. Where others hold all no process of ours waits."""

    every_s: float = 2.0
    """How often Ray is asked."""
    _free: list[Nodes] = field(default_factory=list)
    _read_at: float = float("-inf")

    def __call__(self, resources: Resources) -> dict[str, int]:
        """Return how many trials of `resources` are free on each node that holds one."""
        if time.monotonic() - self._read_at >= self.every_s:
            self._read_at, self._free = time.monotonic(), free_nodes()
        rooms = {node.node_id: places([node], resources) for node in self._free}
        return {node: room for node, room in rooms.items() if room}


def taken_on_nodes() -> dict[str, str]:
    """Say by Ray's ids of nodes what is taken on those where anything is: `8 of 8 CPUs and 2 of 4 GPUs taken`."""
    free, said = available_resources_per_node(), {}
    for node in ray.nodes():
        held, left = node["Resources"], free.get(node["NodeID"], {})
        kinds = [(kind, held[kind], held[kind] - left.get(kind, 0.0)) for kind in ("CPU", "GPU") if held.get(kind)]
        if node["Alive"] and any(taken > PRECISION for _, _, taken in kinds):
            amounts = " and ".join(f"{taken:g} of {there:g} {kind}s" for kind, there, taken in kinds)
            said[node["NodeID"]] = f"{amounts} taken"
    return said


def declared_nodes() -> list[Nodes]:
    """List the nodes that an autoscaler may add up to, present ones included; none where it keeps that to itself."""
    config = cluster_state.get_cluster_config()
    if config is None:
        return []
    return [
        Nodes.holding(dict(group.resources), group.max_count if group.max_count >= 0 else UNBOUNDED)
        for group in config.node_group_configs
    ]


def capacity(resources: Resources, avoided: Collection[str] = ()) -> int:
    """Return how many trials may be alive at once, 1 at least, without the nodes whose ids are `avoided`.

    Where an autoscaler may add nodes, as many as they would hold: it adds them only for trials that wait. Where it does
    not say how many it may add, `max_concurrent`; without that, one more than there is room for.
    """
    present, declared = places(present_nodes(avoided), resources), places(declared_nodes(), resources)
    held = max(present, declared, 1)
    if not declared and autoscaler.is_at_work():
        held = max(present + 1, resources.max_concurrent or 0)
    return min(held, resources.max_concurrent or held)


def refuse_infeasible(resources: Resources) -> None:
    """Raise InfeasibleError where no nodes, present or to be had from the autoscaler, could hold one trial."""
    present, declared = present_nodes(), declared_nodes()
    if places(present, resources) or places(declared, resources) or not any(n.runs_trials for n in present):
        return  # a cluster with nothing in it yet may grow
    if not declared and autoscaler.would_hold(resources):
        return
    raise InfeasibleError(infeasible(present, declared, resources))


def refuse_dead() -> None:
    """Raise ClusterLostError where Ray's process here is gone: the driver's workers ended with it for good."""
    mine = ray.get_runtime_context().get_node_id()
    if not any(node["NodeID"] == mine and node["Alive"] for node in ray.nodes()):
        raise ClusterLostError(
            "Ray ended on this machine, and every worker with it. Nothing acknowledged is lost; resume it"
        )


def doors() -> dict[str, tuple[str, int]]:
    """Return where Ray's control store and this machine's raylet listen, by their names."""
    here = ray.get_runtime_context()
    host, _, port = here.gcs_address.rpartition(":")
    found = {"control store (GCS)": (host.strip("[]"), int(port))}
    for node in ray.nodes():
        if node["NodeID"] == here.get_node_id() and node["Alive"]:
            found["raylet"] = (node["NodeManagerAddress"], node["NodeManagerPort"])
    return found


def end_own() -> None:
    """End what is left of the Ray that was started here, without asking it. A cluster that was joined goes on."""
    node = ray_worker._global_node  # noqa: SLF001 - ray.shutdown would wait for what is gone
    if node is None or not own_ray.is_own():
        return
    for pid in own_ray.processes():  # agents, too, which outlive a killed raylet by a minute
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    node.kill_all_processes(check_alive=False, allow_graceful=False)


def _part(on_deaf: Callable[[ClusterLostError], None]) -> None:
    """Leave Ray, which asks the raylet of this machine."""

    def insist() -> None:
        if own_ray.is_own():
            end_own()
        else:
            on_deaf(
                ClusterLostError(
                    f"Ray is gone: its raylet on this machine has not let the driver go for {GOODBYE_S:.0f} s. Nothing "
                    "acknowledged is lost: resume it, once that raylet answers or is started again"
                )
            )

    waits = threading.Timer(GOODBYE_S, insist)
    waits.daemon = True
    waits.start()
    try:
        ray.shutdown()
    finally:
        waits.cancel()


def has_room(resources: Resources) -> bool:
    """Say whether what is idle in the whole cluster would hold another trial."""
    idle: Mapping[str, float] = ray.available_resources()
    return idle.get("CPU", 0.0) >= resources.cpus and idle.get("GPU", 0.0) >= resources.gpus


def _names(node: Mapping[str, Any], *, is_unique: bool) -> tuple[str, ...]:
    host, node_id = node["NodeManagerHostname"], node["NodeID"]
    name = host if is_unique else f"{host} ({node_id[:6]})"
    return tuple(dict.fromkeys((name, host, node["NodeName"], node["NodeManagerAddress"], node_id)))


def _connect(options: HostOptions, preloaded: Sequence[str], forks: Forks | None, *, prestarts: bool) -> None:
    try:
        if options.address is not None:
            _refuse_unreachable(options.address)
            asked = {} if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ else _runtime_env(options.environment)
            if ahead.DRIVER in os.environ:
                asked["worker_process_setup_hook"] = ahead.HOOK
                asked["env_vars"] = {**asked.get("env_vars", {}), ahead.DRIVER: os.environ[ahead.DRIVER]}
            quiet = {"log_to_driver": False, "logging_level": options.log_level}
            ray.init(address=options.address, runtime_env=asked or None, **quiet)
            return
        own_ray.start(options, preloaded, forks, prestarts=prestarts)
    except ClusterError:
        raise
    except Exception as error:  # Ray raises a bare one where its own start takes too long
        where = f"answers at {options.address}" if options.address else "could be started on this machine"
        kind = ClusterError if isinstance(error, ValueError | TypeError) else ClusterLostError
        raise kind(f"no Ray {where}: {error}") from error


def _refuse_unreachable(address: str) -> None:
    if "://" in address:
        raise ClusterError(
            f"{address}: a sweep is driven from inside the cluster, never through a Ray client; "
            "give host:port of its head node, or start the driver there as a Ray job"
        )
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():  # ray.init would try for minutes
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()


def _runtime_env(environment: Environment) -> dict[str, Any]:
    """Return one environment for this driver's whole job on a cluster that it joins, never one for an actor."""
    variables = {"env_vars": dict(environment.env)} if environment.env else {}
    return {**variables, **runtime_env(environment)}


@contextlib.contextmanager
def _environment(options: HostOptions) -> Iterator[None]:
    """Set what Ray reads from the environment, unless the user set it, and put everything back afterwards.

    On a cluster that is joined that is RAY_USAGE_STATS_ENABLED=0 alone; for a Ray of our own see `own_environment`.
    """
    asked = options if options.address is None else HostOptions()
    own = own_environment(asked, os.environ)
    wanted = own if asked is options else {name: value for name, value in own.items() if name != "RAY_AUTH_MODE"}
    before = {name: os.environ.get(name) for name in (*wanted, "PYTHONBREAKPOINT")}  # Ray sets the last one itself
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
