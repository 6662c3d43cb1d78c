"""The places that a sweep waits for: trials could be started, and the cluster has set no room aside for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AwaitedPlaces:
    """What a driver waits for, beside the trials that run. What waits is no trial yet, and in no table."""

    waiting: int = 0
    """Places that were asked for and are not there."""
    why: str = ""
    """Why they are not there, in one sentence; empty where none is waited for."""
    is_hopeless: bool = False
    """Whether no node, as the cluster is now, could ever hold a trial: nothing frees such a place."""
    starting: int = 0
    """Places that are there, and whose worker processes are still starting."""


NOTHING_AWAITED = AwaitedPlaces()
