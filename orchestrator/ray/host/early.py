"""The start of a run: Ray is up, and on a Ray of our own its workers import, before the driver imports Ray Tune itself.

On two cores half of the time to a first report is imports: Ray's, ours, and above all those of the training (torch and
what comes with it: 4 of 5.5 s of CPU a worker). They cannot be had for less, but side by side.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from orchestrator.ray.host import cluster
from orchestrator.ray.host.options import HostOptions
from orchestrator.ray.host.signals import current_handlers, restore
from orchestrator.ray.worker.trainable import Trainable
from orchestrator.ray.worker.warming import imported_ahead
from orchestrator.sweep.resources import Resources


@contextlib.contextmanager
def begun_early(trainable: Trainable, resources: Resources, options: HostOptions) -> Iterator[None]:
    """Be connected inside the block, as `cluster.connected` has it; signal handlers are put back at its end."""
    handlers = current_handlers()
    try:
        with cluster.connected(options, imported_ahead(trainable, resources)):
            yield
    finally:
        restore(handlers)
