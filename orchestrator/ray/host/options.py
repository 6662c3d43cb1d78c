"""How to host a sweep on Ray."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from orchestrator.sweep.environment import NOTHING, Environment


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
    capacity_s: float = 5.0
    """How often the cluster's size is read again."""
    environment: Environment = NOTHING
    """What the workers need beside the code, whole. Of a job that was sent with it nothing is asked again."""


class HostKeywords(TypedDict, total=False):
    """The same as keywords of a call, of which any may be left out."""

    address: str | None
    num_cpus: int | None
    num_gpus: int | None
    object_store_bytes: int | None
    log_level: int
    teardown_s: float
    stall_s: float
    capacity_s: float


def own_environment(options: HostOptions, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a Ray of our own is started with, beside those that are set.

    RAY_USAGE_STATS_ENABLED=0: nothing is sent to anybody.
    RAY_AUTH_MODE=disabled: unset, Ray 2.60 writes a token into the home directory, after which a `ray start` or a
    `ray.init(address)` elsewhere fails or not depending on that file. Ours listens on the loopback interface only; on a
    machine shared with people you do not trust, set RAY_AUTH_MODE=token.
    What `environment.env` of the sweep file says: its workers have what it is started with.
    """
    wanted = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    return {name: value for name, value in wanted.items() if name not in environ} | dict(options.environment.env)


def job_address(environ: Mapping[str, str]) -> str | None:
    """Return the address of the cluster whose job this process is, None where it is nobody's.

    Ray's Jobs API starts an entrypoint with RAY_ADDRESS set to its own cluster. Elsewhere that variable is left alone:
    one that happens to be set must not send a sweep to a cluster that nobody named.
    """
    is_job = "RAY_JOB_CONFIG_JSON_ENV_VAR" in environ or "RAY_JOB_ID" in environ
    return "auto" if is_job and environ.get("RAY_ADDRESS") else None
