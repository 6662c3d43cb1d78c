"""The start of a run: Ray is up, and workers import there, before the driver imports Ray Tune itself.

On two cores half of the time to a first report is imports: Ray's, ours, and above all those of the training (torch and
what comes with it: 4 of 5.5 s of CPU a worker). They cannot be had for less, but side by side.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

import ray

from orchestrator.errors import ClusterLostError
from orchestrator.ray.host import cluster, own_ray
from orchestrator.ray.host.forking import Forks
from orchestrator.ray.host.options import HostOptions
from orchestrator.ray.host.signals import current_handlers, restore
from orchestrator.ray.worker import ahead
from orchestrator.ray.worker.trainable import Trainable
from orchestrator.ray.worker.warming import PRELOADED, imported_ahead
from orchestrator.sweep.resources import Resources

if TYPE_CHECKING:
    from orchestrator.ray.host.spares import Spares


@contextlib.contextmanager
def begun_early(
    trainable: Trainable, resources: Resources, options: HostOptions, on_deaf: Callable[[ClusterLostError], None],
    forks: Forks | None = None,
) -> Iterator[Spares | None]:  # fmt: skip
    """Be connected inside the block, as `cluster.connected` has it; signal handlers are put back at its end.

    Yields the processes that get ready meanwhile; None where Ray starts them as it does: without GPUs, when nothing is
    saved by waiting for one, on a cluster that is joined for trials of several processes, and where this process was
    connected before.
    """
    handlers = current_handlers()
    try:
        was_there, has_gpus = ray.is_initialized(), bool(resources.gpus)
        modules = imported_ahead(trainable, resources)
        preloaded = PRELOADED if has_gpus else (*PRELOADED[:1], *modules)
        has_spares = not was_there and has_gpus and (options.address is None or _may_prepare(resources))
        with contextlib.ExitStack() as stack:
            if has_spares and options.address is not None:
                stack.enter_context(_named_driver())
            stack.enter_context(cluster.connected(options, preloaded, on_deaf, prestarts=not has_gpus, forks=forks))
            yield stack.enter_context(_spares(modules, resources)) if has_spares else None
    finally:
        restore(handlers)


def _may_prepare(resources: Resources) -> bool:
    """Say whether a joined cluster may start processes ahead: for trials of one each, where nobody else has a hook."""
    return resources.ranks == 1 and "setup_hook" not in os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "").lower()


@contextlib.contextmanager
def _named_driver() -> Iterator[None]:
    """Have the processes of this driver's job import ahead, and know each other, for as long as the block lasts."""
    os.environ[ahead.DRIVER] = f"-{uuid4().hex}"
    try:
        yield
    finally:
        del os.environ[ahead.DRIVER]


@contextlib.contextmanager
def _spares(modules: Sequence[str], resources: Resources) -> Iterator[Spares]:
    from orchestrator.ray.host.spares import Spares, this_node  # gRPC, which nothing else here needs

    is_own = own_ray.is_own()
    rooms = this_node if is_own else cluster.Rooms()
    ahead.tell(modules if is_own else [PRELOADED[0], *modules], with_gpus=True)  # which Ray of our own imports before
    with contextlib.closing(Spares(rooms, 1 if resources.ranks == 1 else 1 + resources.ranks)) as spares:
        spares.begin(cluster.capacity(resources), resources)
        try:
            yield spares
        finally:
            with contextlib.suppress(ray.exceptions.RayError, OSError, RuntimeError):  # it is gone, and what it kept
                ahead.forget()
