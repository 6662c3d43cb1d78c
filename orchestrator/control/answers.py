"""What a host asks of the controller, tells it, and is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from orchestrator.sweep import event as ev
from orchestrator.sweep.awaited import NOTHING_AWAITED, AwaitedPlaces
from orchestrator.sweep.domains import Config


@dataclass(frozen=True, slots=True)
class _Start:
    trial: int
    """Number of the trial."""
    trial_id: str
    """Its id."""
    attempt: int
    """Number of the attempt, 0 first."""
    config: Config
    """The hyperparameters."""
    seed: int
    """Seeds the training; the trial's own."""
    max_fidelity: float
    """Where the training ends: a full one, or a coarse round's."""
    rungs: tuple[float, ...]
    """Fidelities at which it is compared, ascending; `max_fidelity` is the last."""
    checkpoint: str | None
    """Where to go on from; None: from the start."""
    from_fidelity: float
    """Fidelity of that checkpoint; 0 from the start."""
    from_iteration: float = 0.0
    """Number of the report that it came with, in its training; 0 from the start."""
    purpose: str = "train"
    """What it runs for: `train`, or `test`, to measure the winner on the test set."""


class StartTrial(_Start):
    """Begin a new trial."""


class ResumeTrial(_Start):
    """Begin another attempt of a trial."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to start now; ask again after the next report or end."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing will be started any more."""

    reason: str
    """finished, exhausted, gpu_hours, cpu_hours, brake, or what `request_stop` or `drain` was told."""


Step: TypeAlias = StartTrial | ResumeTrial | Wait | Done


@dataclass(frozen=True, slots=True)
class Report:
    """What a training function reported."""

    trial: int
    """Number of the trial."""
    attempt: int
    """Number of the attempt."""
    fidelity: float
    """How far the training is."""
    metrics: Mapping[str, float]
    """Every number it reported, the objective among them."""
    checkpoint: str | None = None
    """Where the checkpoint of this very report lies; None without one."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Every text it reported, by name."""


class HeldPlace(NamedTuple):
    """A place that is free now, and was held for longer than attempts are charged."""

    seconds: float
    """How much longer."""
    trial: int | None = None
    """Trial that was on it last; None where none was."""
    attempt: int | None = None


class AttemptTold(NamedTuple):
    """What a host knows of an attempt beside its reports and its end; what its record says of that."""

    unread: tuple[str, ...] | None = None
    """Hyperparameters that it never read; None where that is not known."""
    gpu_memory_bytes: int | None = None
    """The most memory in use on one of its GPUs; None where that is not known."""
    gpu_busy_percent: float | None = None
    """Part of the time in which its GPUs computed, in the mean; None where that is not known."""
    checkpoints_s: float | None = None
    """Seconds that its training waited for checkpoints to be put; None where none was put, or that is not known."""


@dataclass(slots=True)
class HostView:
    """What a host sees beside reports and ends."""

    silent: dict[int, float] = field(default_factory=dict)
    """For how many seconds which trials have given no sign of life, where that is odd."""
    avoided: list[str] = field(default_factory=list)
    """Names of the nodes that it keeps away from."""
    awaited: AwaitedPlaces = NOTHING_AWAITED
    """Places that it has asked for and that are not there yet; recorded whenever it changes."""
    told: dict[int, AttemptTold] = field(default_factory=dict)
    """What is known of the attempt of a trial which is about to end."""
    held: list[HeldPlace] = field(default_factory=list)
    """What became free since the last turn; recorded with it."""

    def take_told(self, trial: int) -> dict[str, Any]:
        """Return, once, what is known of the attempt of a trial which ends, by the fields of its record."""
        return self.told.pop(trial, AttemptTold())._asdict()

    def take_news(self, awaited: AwaitedPlaces, t: float, m: float | None) -> list[ev.Event]:
        """Return, once, what is to be recorded of places, where `awaited` is recorded as what is waited for.

        `t` and `m` are the moment by both clocks, in seconds.
        """
        news: list[ev.Event] = [ev.PlaceHeld(t, *held, m=m) for held in self.held]
        self.held.clear()
        return news if self.awaited == awaited else [ev.PlacesAwaited(t, self.awaited, m=m), *news]


class Verdict(Enum):
    """The answer to a report."""

    CONTINUE = "continue"
    STOP = "stop"
