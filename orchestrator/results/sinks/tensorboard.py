"""TensorBoard: a run for each trial, in a folder of its stage, with scalars and HParams. Written by tensorboardX.

Every byte follows from the log alone, moments included. So a file that lies there from an earlier driver is a beginning
of what this one counts out, and what is missing is added behind it: a TensorBoard that has it open goes on reading.
Trials of fresh seeds are runs as others are, in the folder of what confirms.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from typing_extensions import override

from orchestrator.results.sinks import Sink
from orchestrator.results.sinks._event_file import (
    STAGE,
    STATUS,
    experiment,
    head,
    restart,
    scalars,
    session_end,
    session_start,
)
from orchestrator.results.sinks._kept_file import KeptFile, Recounted
from orchestrator.results.sinks._shown import is_shown, plain, shown_metrics, step_of
from orchestrator.sweep import event as ev

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState

_ODD = re.compile(r"[^A-Za-z0-9_.-]|^\.+")


class TensorBoard(Sink):
    """A folder of event files."""

    file = "tensorboard"

    @property
    @override
    def opened_by(self) -> str:
        return f"tensorboard --logdir {self.place}"

    @override
    def take(self, event: ev.Event, state: SweepState) -> None:
        if isinstance(event, ev.SweepPlanned):
            self._runs: dict[int, Recounted] = {}
            self._ended: set[int] = set()
            self._changed: dict[int, Recounted] = {}
            self._started_t = event.t
            self._add(_WHOLE, experiment(event.t, state.plan), "")
        elif isinstance(event, ev.TrialProposed):
            values = {name: plain(state.plan.space[name], value) for name, value in event.config.items()}
            told = session_start(event.t, state.trial(event.trial).trial_id, values | {STAGE: event.stage})
            self._add(event.trial, told, f"{_ODD.sub('_', event.stage)}/{state.trial(event.trial).trial_id}")
        elif isinstance(event, ev.AttemptStarted) and event.attempt and is_shown(event.trial):
            self._add(event.trial, restart(event.t, step_of(state.plan, event.fidelity) + 1))
        elif isinstance(event, ev.Reported) and is_shown(event.trial):
            metrics = shown_metrics(state.plan, event.metrics)
            self._add(event.trial, scalars(event.t, step_of(state.plan, event.fidelity), metrics))
        if (trial := getattr(event, "trial", None)) is not None and is_shown(trial):
            self._end(trial, event.t, state)

    def _end(self, number: int, t: float, state: SweepState) -> None:
        """Tell of a trial's end once, with the first record that finds it ended."""
        found = state.trial(number).state
        if found in STATUS and number not in self._ended:
            self._ended.add(number)
            self._add(number, session_end(t, found))

    def _add(self, number: int, data: bytes, folder: str | None = None) -> None:
        if folder is not None:
            place = self.place
            for part in filter(None, folder.split("/")):
                place = place / part
            self._runs[number] = Recounted(KeptFile(place, f"events.out.tfevents.{int(self._started_t)}.stepladder"))
            self._runs[number].add(head(self._started_t))
        self._runs[number].add(data)
        self._changed[number] = self._runs[number]

    @override
    def flush(self) -> None:
        for number, run in list(self._changed.items()):
            run.write()
            del self._changed[number]


_WHOLE = -1
"""Stands for the sweep itself among the trials' numbers: its run names the columns."""

MEMBER = TensorBoard
