"""The records of the log. Once written, a kind of record keeps its meaning for ever: only the format number moves.

`t` is always seconds since the epoch by the controller's clock.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from orchestrator.sweep.domains import Scalar
from orchestrator.sweep.trial import Outcome, StopReason

FORMAT = 1
"""Version of the log. A reader refuses a newer one and reads every older one."""


def as_float(metric: float | str) -> float:
    """Return a recorded metric as a float: JSON lacks nan, inf and -inf, the log spells them."""
    return float(metric)


class _Event(msgspec.Struct, frozen=True, tag_field="event", omit_defaults=True, gc=False):
    t: float


class SweepPlanned(_Event, frozen=True, tag="planned"):
    """The first record: the whole plan, so that the log alone is enough."""

    format: int
    plan: dict[str, Any]


class DriverStarted(_Event, frozen=True, tag="driver_started"):
    """A driver took the lease; everything after it was written by that driver."""

    epoch: int
    holder: str
    """host:pid of the driver, for people."""
    code_hash: str
    versions: dict[str, str]
    changes: list[str] = []
    """What differs from the driver before (budget, code, versions), said to the user as well."""
    sealed: dict[str, int] = {}
    """File of the journal to the byte up to which it counts: whatever an older driver wrote later is refused."""


class SpecAmended(_Event, frozen=True, tag="amended"):
    """A changed budget, resources or other part that may change between drivers; replaces the plan's spec."""

    spec: dict[str, Any]
    changes: list[str]
    overrides: list[str] = []
    """`key=value` overrides in force from now on."""


class StageEntered(_Event, frozen=True, tag="stage_entered"):
    """The ladder moved on: what the stage starts from (the carry)."""

    stage: str
    incumbent: int | None
    """Trial that led when the stage began; None before any report."""
    value: float | None


class TrialProposed(_Event, frozen=True, tag="proposed"):
    """A configuration was decided on."""

    trial: int
    config: dict[str, Scalar]
    stage: str
    move: str
    block: list[str]
    parent: int | None
    bracket: int
    notes: list[str] = []
    """What people should know of it: values re-scaled by a coupling, ranges that a searcher narrowed, and why."""
    max_fidelity: float | None = None
    """Where its training ends; None: at a full training."""


class AttemptStarted(_Event, frozen=True, tag="attempt_started"):
    """A trial is handed to the host, from its checkpoint or from the start."""

    trial: int
    attempt: int
    checkpoint: str | None = None
    fidelity: float = 0.0
    """Fidelity of that checkpoint."""


class AttemptPlaced(_Event, frozen=True, tag="placed"):
    """A worker took the attempt: spend begins."""

    trial: int
    attempt: int
    node: str | None = None
    gpu_ids: str | None = None


class Reported(_Event, frozen=True, tag="reported"):
    """A report and its verdict: `stop` None is CONTINUE."""

    trial: int
    attempt: int
    fidelity: float
    metrics: dict[str, float | str]
    """Numbers; those that are not finite as the strings nan, inf, -inf, which JSON lacks."""
    checkpoint: str | None = None
    stop: StopReason | None = None


class AttemptEnded(_Event, frozen=True, tag="attempt_ended"):
    """The attempt is over and its resources are free."""

    trial: int
    attempt: int
    outcome: Outcome
    error: str | None = None
    charged_until: float | None = None
    """Where spend ends if not at `t`: a crash is charged to the last sign of life plus one heartbeat."""


class Heartbeat(_Event, frozen=True, tag="heartbeat"):
    """Every 30 s: the placed attempts are still being paid for."""

    running: list[tuple[int, int]]
    """(trial, attempt) of each."""


class DriverStopped(_Event, frozen=True, tag="driver_stopped"):
    """The driver left in order: finished, signal, wall or budget."""

    reason: str


Event: TypeAlias = (
    SweepPlanned
    | DriverStarted
    | SpecAmended
    | StageEntered
    | TrialProposed
    | AttemptStarted
    | AttemptPlaced
    | Reported
    | AttemptEnded
    | Heartbeat
    | DriverStopped
)
