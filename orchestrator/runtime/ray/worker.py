"""What runs in a worker process around the user's function: Ray Tune's function trainable, with five things added.

- a resumed attempt finds its checkpoint through the user's plain `ray.tune.get_checkpoint()`;
- a report is checked where it is made, so that a mistake raises at the user's own line;
- what the function raises reaches the driver as words (see `failure`), never as a class that the driver lacks;
- a stopped training gets time to run its `finally` before the process is used again or ended;
- it tells the driver on which node and GPUs it sits.

The working directory is the trial's own folder, as Ray Tune does it. OMP_NUM_THREADS is Ray's doing too: the floor of
the trial's CPUs, 1 at least, unless the environment sets it.
"""

from __future__ import annotations

import inspect
import os
import platform
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import ray
from ray.train._internal.session import get_session
from ray.tune import Checkpoint
from ray.tune.result import RESULT_DUPLICATE, SHOULD_CHECKPOINT
from ray.tune.trainable import FunctionTrainable

from orchestrator.runtime.ray.failure import ERROR, LOST, AttemptFailed, describe
from orchestrator.runtime.ray.reports import ReportError, read_report
from orchestrator.runtime.ray.trainable import (
    TRIAL_KEY,
    Trainable,
    TrainableFile,
    TrainableNotFoundError,
    load,
    name_of,
)

REPORT_KEY = "_report"
"""Where a result carries its `WorkerReport`."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What every attempt of a sweep shares."""

    trainable: Trainable
    """The user's function."""
    objective: str
    """Key that every report must hold."""
    fidelity: str
    """Key that says how far the training is."""
    teardown_s: float
    """How long a stopped training may take to end."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an attempt runs."""

    node: str
    """Host name."""
    gpu_ids: str | None
    """Comma-separated ids on that host; None without GPUs."""


class TrialWorker(FunctionTrainable):
    """The actor of one attempt, or of several one after another."""

    _name = "stepladder"
    assignment: Assignment
    _stuck = False

    def setup(self, config: dict[str, Any]) -> None:
        """Set up the session once per process."""
        os.environ.setdefault("PL_DISABLE_FORK", "1")  # as Tune does: Lightning forking inside an actor hangs
        super().setup(config)

    def begin(self) -> Placement:
        """Get ready for the attempt in `self.config`; called once for each, before its first `train`."""
        checkpoint = self.config[TRIAL_KEY]["checkpoint"]
        if checkpoint is not None:
            if not Path(checkpoint).is_dir():
                raise AttemptFailed(
                    ERROR,
                    f"checkpoint {checkpoint} is missing on {platform.node()}: the storage must be seen by every node",
                )
            get_session().loaded_checkpoint = Checkpoint.from_directory(checkpoint)
        gpus = ray.get_gpu_ids()
        return Placement(platform.node(), ",".join(map(str, gpus)) if gpus else None)

    def step(self) -> dict[str, Any]:
        """Wait for the next report. Its checkpoint lies in storage already: no save task need follow."""
        result: dict[str, Any] = super().step()
        result[SHOULD_CHECKPOINT] = False
        persisted = self._last_training_result.checkpoint
        if persisted is not None and REPORT_KEY in result:
            result[REPORT_KEY] = replace(result[REPORT_KEY], checkpoint=persisted.path)
        return result

    def reset(self, new_config: dict[str, Any], storage: Any = None) -> bool:
        """Take the next attempt, once the training before it has ended.

        Ray Tune would fail the innocent next trial without telling anybody; raising makes it a lost attempt.
        """
        self._end_training()
        return bool(super().reset(new_config, storage))

    def cleanup(self) -> None:
        """End the training before the process ends: a stop by the scheduler runs the user's `finally`."""
        if not self._stuck:
            self._end_training()
        super().cleanup()

    def _end_training(self) -> None:
        session = get_session()
        if not session.training_started:
            return
        session.finish(timeout=self.assignment.teardown_s)
        if session.training_thread.is_alive():
            self._stuck = True
            raise AttemptFailed(
                LOST,
                f"the trial before it on this worker did not end within {self.assignment.teardown_s:g} s of its stop",
            )

    def _trainable_func(self, config: dict[str, Any]) -> None:
        session = get_session()
        reporter = _Reporter(self.assignment, type(session).report.__get__(session))
        session.report = reporter.report
        trainable = self.assignment.trainable
        try:
            reporter.take_output(load(trainable)(config))
        except SystemExit as exit_:
            if reporter.is_stopped:
                raise
            if exit_.code not in (None, 0):
                raise AttemptFailed(ERROR, f"{name_of(trainable)} called sys.exit({exit_.code!r})") from None
        except (ReportError, TrainableNotFoundError) as error:
            raise AttemptFailed(ERROR, _located(error, trainable)) from None
        except Exception as error:  # noqa: BLE001 - whatever a training function raises ends its attempt
            raise describe(error, _folder(trainable)) from None
        reporter.close(fresh=config[TRIAL_KEY]["checkpoint"] is None)


class _Reporter:
    """Stands in for the session's `report`: checks what the user reports and remembers whether it was told to stop."""

    def __init__(self, assignment: Assignment, send: Callable[..., None]) -> None:
        self.is_stopped = False
        self._assignment = assignment
        self._send = send
        self._count = 0

    def report(self, metrics: Mapping[str, Any], checkpoint: Checkpoint | None = None) -> None:
        """Send a report and wait for the verdict; ends the training thread on STOP."""
        if self.is_stopped:
            sys.exit(0)  # the function caught the first SystemExit; it must not train on
        report = read_report(metrics, self._assignment.objective, self._assignment.fidelity)
        self._count += 1
        self._pass_on({REPORT_KEY: report}, checkpoint)

    def take_output(self, output: Any) -> None:
        """Take what the function returned: as Ray Tune allows, a last report or a generator of reports."""
        if inspect.isgenerator(output):
            for reported in output:
                self.report(cast("Mapping[str, Any]", reported))
        elif (
            isinstance(output, Mapping) and self._assignment.objective in output and self._assignment.fidelity in output
        ):
            self.report(output)

    def close(self, *, fresh: bool) -> None:
        """Tell Tune that the function returned. One that began anew and reported nothing is told what it lacks."""
        if fresh and not self._count:
            names = f"{{{self._assignment.fidelity!r}: ..., {self._assignment.objective!r}: ...}}"
            raise AttemptFailed(
                ERROR,
                f"{name_of(self._assignment.trainable)} returned without a report; call ray.tune.report({names}) in it",
            )
        self._pass_on({RESULT_DUPLICATE: True}, None)

    def _pass_on(self, metrics: dict[str, Any], checkpoint: Checkpoint | None) -> None:
        try:
            self._send(metrics, checkpoint=checkpoint)
        except SystemExit:
            self.is_stopped = True
            raise


def _folder(trainable: Trainable) -> Path | None:
    return trainable.found_folder() if isinstance(trainable, TrainableFile) else None


def _located(error: Exception, trainable: Trainable) -> str:
    frame = describe(error, _folder(trainable)).text.splitlines()
    return f"{frame[-2].partition(' in ')[0]}: {error}" if len(frame) > 1 else str(error)


def _take_along(function: Callable[..., Any]) -> None:
    """Let a function of the user's own module travel by value: workers could not import that module."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    if module is not None and file is not None and not Path(file).is_relative_to(sysconfig.get_path("purelib")):
        ray.cloudpickle.register_pickle_by_value(module)


def worker_class(assignment: Assignment) -> type[TrialWorker]:
    """Make the class that Tune turns into actors; it travels by pickle with the assignment in it."""
    if not isinstance(assignment.trainable, TrainableFile):
        _take_along(assignment.trainable)
    return type("TrialWorker", (TrialWorker,), {"assignment": assignment})
