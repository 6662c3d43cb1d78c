"""A `ray.tune.Trainable` class in place of a training function: made, stepped and cleaned up in the training's thread.

It is driven by its own methods as Ray Tune drives it, `setup`, `step`, `save_checkpoint`, `load_checkpoint`, `cleanup`,
and everything around is as for functions: each step's dict is a report, which is answered before the next step. An
instance serves one attempt; `reset_config` is never called.

Ray Tune makes checkpoints as often as an experiment asks for. Here a step that says `should_checkpoint` has its way;
else one is made whenever that costs less than a tenth of the training since the last one, after ten minutes in any
case, and when the training is done.
"""

from __future__ import annotations

import inspect
import logging
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ray.train._internal.checkpoint_manager import _TrainingResult  # what `Trainable.restore` takes
from ray.tune import Checkpoint
from ray.tune import Trainable as TuneClass
from ray.tune.result import (
    DONE,
    EPISODES_TOTAL,
    SHOULD_CHECKPOINT,
    TIME_TOTAL_S,
    TIMESTEPS_TOTAL,
    TRAINING_ITERATION,
    TRIAL_INFO,
)

from orchestrator.ray.worker.given import Configuration, TrialInfo
from orchestrator.ray.worker.reads import Reads
from orchestrator.ray.worker.reports import ReportError
from orchestrator.sweep.recordable import as_number

SAVING_SHARE = 0.1
"""Checkpoints that nobody asked for take at most about this share of a training's time."""
SAVING_S = 600.0
"""After this time one is made whatever it costs: waiting for a storage that was away looks like a cost, too."""
_KEPT = (TRAINING_ITERATION, TIME_TOTAL_S, TIMESTEPS_TOTAL, EPISODES_TOTAL)
"""What a class knows of its training beside what it saves itself; it lies in the checkpoint's metadata."""

Send = Callable[[Mapping[str, Any], Checkpoint | None], None]
"""Sends a report and waits for the verdict; raises SystemExit on STOP."""


def class_problem(trained: object, processes: int = 1) -> str | None:
    """Say why what `trainable` names cannot be trained as a class; None where it can, and for all that is no class."""
    if not inspect.isclass(trained):
        return None
    if not issubclass(trained, TuneClass):
        return (
            f"{trained.__name__} is a class, and no ray.tune.Trainable; derive it from that, "
            "or write an ordinary function of one argument, the configuration"
        )
    if getattr(trained, "step", None) is TuneClass.step:
        return f"{trained.__name__} has no method step(self); write one that trains on and returns a dict of metrics"
    if processes > 1:
        return (
            f"{trained.__name__} is a ray.tune.Trainable, which trains in one process; set `resources.processes: 1`, "
            f"or write a training function, which each of the {processes} processes calls"
        )
    return None


class _Saving:
    """Decides after which steps a checkpoint is made."""

    def __init__(self, trained: type[TuneClass], now_s: Callable[[], float]) -> None:
        self._can_save = trained.save_checkpoint is not TuneClass.save_checkpoint
        self._now_s = now_s
        self._cost_s, self._since_s = 0.0, now_s()

    def is_due(self, result: Mapping[str, Any], *, is_last: bool) -> bool:
        """Say whether one is made after a step with this result: as it says, else by what it costs."""
        said = result.get(SHOULD_CHECKPOINT)
        if said is not None:
            return bool(said)
        since_s = self._now_s() - self._since_s
        return self._can_save and (is_last or self._cost_s <= SAVING_SHARE * since_s or since_s >= SAVING_S)

    def took(self, since_s: float) -> None:
        """Take that making one, and handing it to storage, began at `since_s` and is over."""
        self._since_s = self._now_s()
        self._cost_s = self._since_s - since_s


class Steps:
    """The steps of one attempt."""

    def __init__(
        self,
        trained: type[TuneClass],
        given: Configuration,
        trial: TrialInfo,
        keys: tuple[str, str | None],
        is_enough: Callable[[Mapping[str, Any]], bool] = lambda _: False,
        now_s: Callable[[], float] = time.monotonic,
        reads: Reads | None = None,
    ) -> None:
        """`given` is the configuration; `keys` are those that the sweep file looks for in reports.

        `is_enough` says of a report whether it is the last although the class is not done. `reads` is told what the
        class reads, from `setup` on: before, Ray makes copies that nobody reads.
        """
        self._trained, self._given, self._trial = trained, given, trial
        self._keys = tuple(key for key in keys if key is not None)
        self._fidelity = keys[1]
        self._is_enough = is_enough
        self._now_s = now_s
        self._reads = Reads() if reads is None else reads
        self._said: Mapping[str, Any] = {}

    def run(self, logdir: str, session: Any, send: Send) -> None:
        """Make the instance, step it until it is done, clean it up; `logdir` is what its attribute of that name says.

        What its methods raise passes through; SystemExit, on STOP, from `send`.
        """
        instance = self._made(logdir, session)
        try:
            if (checkpoint := session.loaded_checkpoint) is not None:
                self._restore(instance, checkpoint)
                if checkpoint.get_metadata().get(DONE):
                    return  # only its end was lost
            self._step_on(instance, _Saving(self._trained, self._now_s), send)
        finally:
            self._clean_up(instance)

    def _step_on(self, instance: TuneClass, saving: _Saving, send: Send) -> None:
        is_done = False
        while not is_done:
            result = instance.train()
            named = {key: result[key] for key in (*self._keys, TRAINING_ITERATION) if key in result}
            report = {key: value for key, value in self._said.items() if key not in (DONE, SHOULD_CHECKPOINT)} | named
            is_done = bool(result.get(DONE))
            before_s = self._now_s()
            if not saving.is_due(self._said, is_last=is_done or self._is_whole(report)):
                self._send(send, report, None)
                is_done = is_done or self._is_enough(report)
                continue
            with tempfile.TemporaryDirectory() as folder:
                self._send(send, report, _saved(instance, folder, is_done=is_done))
            saving.took(before_s)
            is_done = is_done or self._is_enough(report)

    def _send(self, send: Send, report: Mapping[str, Any], checkpoint: Checkpoint | None) -> None:
        try:
            send(report, checkpoint)
        except ReportError as error:
            raise ReportError(f"what step() of {self._trained.__name__} returned: {error}") from None

    def _is_whole(self, report: Mapping[str, Any]) -> bool:
        """Say whether the training is as long as it can be asked to be."""
        reached = None if self._fidelity is None else as_number(report.get(self._fidelity))
        return reached is not None and reached >= self._trial.max_fidelity

    def _made(self, logdir: str, session: Any) -> TuneClass:
        steps = self

        class Driven(self._trained):  # type: ignore[name-defined]  # a base that is known as it runs
            def _setup_logdir(self) -> None:
                self._logdir = logdir

            def setup(self, config: dict[str, Any]) -> None:
                # Ray's copy is a plain dict, in which names with dots do not answer
                if isinstance(self.config, Configuration):
                    self.config.record(steps._reads)
                    config = self.config.apart()
                super().setup(config)

            def step(self) -> dict[str, Any]:
                steps._said = said = super().step()
                if not isinstance(said, dict):
                    name = f"step() of {steps._trained.__name__}"
                    raise ReportError(f"{name} returned a {type(said).__name__}; return a dict of metrics")
                return said

        Driven.__name__, Driven.__qualname__ = self._trained.__name__, self._trained.__qualname__
        config = self._given
        config[TRIAL_INFO] = SimpleNamespace(
            trial_id=self._trial.trial_id,
            trial_name=self._trial.trial_id,
            trial_resources=session.trial_info.resources,
            experiment_name=session.trial_info.experiment_name,
        )
        return cast("TuneClass", Driven(config))

    def _restore(self, instance: TuneClass, checkpoint: Checkpoint) -> None:
        counted = {TRAINING_ITERATION: int(self._trial.from_iteration)}
        instance.restore(_TrainingResult(checkpoint, counted | checkpoint.get_metadata()))

    def _clean_up(self, instance: TuneClass) -> None:
        try:
            instance.stop()
        except Exception:  # whatever it raises: the training is over, and its reports stand, as with Ray Tune
            logging.getLogger(__name__).exception("cleanup() of %s failed", self._trained.__name__)


def logdir_of(workdir: str, session: Any) -> str:
    """Return a class's own folder: where it works, unless that is the project, which all trials share."""
    return str(session.storage.trial_working_directory if workdir == "project" else Path.cwd())


def _saved(instance: TuneClass, folder: str, *, is_done: bool) -> Checkpoint:
    checkpoint: Checkpoint = instance.save(folder).checkpoint
    state = instance.get_state()
    known = (state["iteration"], state["time_total"], state["timesteps_total"], state["episodes_total"])
    checkpoint.set_metadata({DONE: is_done, **dict(zip(_KEPT, known, strict=True))})
    return checkpoint
