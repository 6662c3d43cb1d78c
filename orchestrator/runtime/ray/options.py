"""How to host a sweep on Ray."""

from __future__ import annotations

import logging
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Which Ray to use, and how patient to be with it."""

    address: str | None = None
    """Address of a cluster to join; None starts Ray on this machine, reachable from this machine alone."""
    num_cpus: int | None = None
    """CPUs of the Ray started here; None: the machine's."""
    num_gpus: int | None = None
    """GPUs of the Ray started here; None: the machine's."""
    object_store_bytes: int | None = None
    """Size of its object store; None: Ray's choice."""
    log_level: int = logging.WARNING
    """What Ray says on stderr, by `logging`'s levels."""
    teardown_s: float = 600.0
    """How long a stopped training may take to end before its process is ended."""
    stall_s: float = 600.0
    """Silence with idle resources after which the watchdog says on stderr what every attempt is doing."""
    capacity_s: float = 30.0
    """How often the cluster's size is read again."""
