"""The start of a run: Ray is up, and on a Ray of our own its workers import, before the driver imports Ray Tune itself.

On two cores half of the time to a first report is imports: Ray's, ours, and above all those of the training (torch and
what comes with it: 4 of 5.5 s of CPU a worker). They cannot be had for less, but side by side.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

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
    saved by waiting for one, and where it was not started here.
    """
    handlers = current_handlers()
    try:
        was_there = ray.is_initialized()
        modules, has_gpus = imported_ahead(trainable, resources), bool(resources.gpus)
        preloaded = PRELOADED if has_gpus else (*PRELOADED[:1], *modules)
        with cluster.connected(options, preloaded, on_deaf, prestarts=not has_gpus, forks=forks):
            if was_there or not has_gpus or not own_ray.is_own():
                yield None
                return
            from orchestrator.ray.host.spares import Spares  # gRPC, which nothing else here needs

            ahead.tell(modules, with_gpus=True)
            with contextlib.closing(Spares(of_one=1 if resources.ranks == 1 else 1 + resources.ranks)) as spares:
                spares.begin(cluster.capacity(resources))
                yield spares
    finally:
        restore(handlers)
