"""Sinks keep a sweep as another tool's data: TensorBoard, Optuna, MLflow, CSV. To add one is to add one file here.

A sink is an observer of `orchestrator.results.follower`: it is told of every record from the first one on, whether the
sweep runs (`sinks: [tensorboard]`, see `orchestrator.results.sink_keeping`) or lies there finished, dead or torn
(`stepladder export --format tensorboard`). What each of them keeps to:

- **Nothing twice.** What lies there from an earlier driver is met and gone on with: after a resume, and after a death
  between any two writes, the same entries stand there once.
- **Fates as they are.** Running, waiting, completed, stopped, diverged and failed trials are all there, and told apart.
- **No test set.** Runs that measure the winner on the test set are shown to no sink, nor is the metric.
- **Any name and value** that a sweep takes: numbers that are not finite, null, lists, names that no file may have.

A sink imports the other tool's library when it begins, not with its module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from orchestrator.sweep.domains import Record

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location
    from orchestrator.sweep import event as ev

FOLDER = "sinks"
"""The folder of a sweep in which its live sinks keep theirs."""


class Sink(ABC):
    """Keeps one sweep in one place outside."""

    class Options(Record):
        """Options of the sweep file; a member overrides it."""

    file: ClassVar[str]
    """What it keeps is called so where nobody says: in a sweep's folder, below `sinks/`, or behind the sweep's name."""

    def __init__(self, place: Location, options: Record, *, is_chosen: bool = False) -> None:
        """Keep the sweep at `place`, a file or a folder, there or not; `is_chosen` says that a person named it.

        Writes nothing yet. Raises UsageError where it cannot work at all: a library is missing, say.
        """
        self.place = place
        self.options = options
        self.is_chosen = is_chosen
        self.name = f"the sink {type(self).__module__.rpartition('.')[2]}"
        """What problems are told of."""

    @property
    def told_place(self) -> str:
        """Where it keeps the sweep, for people."""
        return str(self.place)

    @property
    @abstractmethod
    def opened_by(self) -> str:
        """The command that shows what it keeps; empty where none is needed."""

    @abstractmethod
    def take(self, event: ev.Event, state: SweepState) -> None:
        """Take one record in, in memory; `state` holds it already. An error of it ends the sink."""

    @abstractmethod
    def flush(self) -> None:
        """Bring the place up to the records taken. Raises StorageError where that does not work for now."""

    def close(self) -> None:
        """Let go of everything."""
