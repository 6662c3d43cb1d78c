"""The worker of a trial: Ray Tune's function trainable around one run of the user's function (see `attempt`).

- a resumed attempt finds its checkpoint through the user's plain `ray.tune.get_checkpoint()`;
- a trial of several processes has them started, paced and ended here (see `ranks`);
- a stopped training gets time to run its `finally` before the process is used again or ended;
- it tells the driver on which node and GPUs it sits, and when asked, beside the training, what signs of life there are.

A function's working directory is its trial's own folder (see `workdir`). OMP_NUM_THREADS is Ray's doing: the floor of
the trial's CPUs, 1 at least, unless the environment sets it.
"""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.train._internal.session import get_session
from ray.tune import Checkpoint
from ray.tune.result import RESULT_DUPLICATE, SHOULD_CHECKPOINT
from ray.tune.trainable import FunctionTrainable

from orchestrator.errors import StorageError
from orchestrator.ray.worker import ahead
from orchestrator.ray.worker.assignment import REPORT_KEY, UNREAD_KEY, Assignment
from orchestrator.ray.worker.ending import WorkerProcess, offer_stacks
from orchestrator.ray.worker.failure import ERROR, LOST, AttemptFailed
from orchestrator.ray.worker.function import run_function
from orchestrator.ray.worker.gpu_use import GpuWatch
from orchestrator.ray.worker.last_words import keep_last_words
from orchestrator.ray.worker.patient_storage import PutTime
from orchestrator.ray.worker.prints import captured
from orchestrator.ray.worker.ranks import Ranks, describe_places
from orchestrator.ray.worker.reports import WorkerReport
from orchestrator.ray.worker.signs import MARK, Signs
from orchestrator.ray.worker.trainable import TRIAL_KEY, Command, TrainableFile
from orchestrator.storage.checkpoints import recorded_checkpoint
from orchestrator.storage.location import Location


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an attempt runs."""

    node: str
    """Host name; of an attempt on several nodes their names, in the order of the ranks, with a comma between them."""
    gpu_ids: str | None
    """Comma-separated ids on that host, those of several nodes with a semicolon between them; None without GPUs."""
    processes: tuple[WorkerProcess, ...]
    """The processes that run it: this one, and its ranks."""
    code_hash: str | None = None
    """Hash of a program's code as it was found; None for a function."""


SIGNS = "signs"
"""Ray's name of what this actor answers beside its training."""


class TrialWorker(FunctionTrainable):
    """The actor of one attempt, or of several one after another."""

    _name = "stepladder"
    assignment: Assignment
    _stuck = False
    _ranks: Ranks | None = None
    _signs: Signs | None = None
    _gpus: GpuWatch | None = None
    _put_time: PutTime | None = None
    _has_entered = False
    _unread: tuple[str, ...] | None = None

    def setup(self, config: dict[str, Any]) -> None:
        """Set up the session once per process. Raises RuntimeError in one that a trial with GPUs must not run in."""
        if ahead.has_looked:
            raise RuntimeError(ahead.UNUSABLE)
        os.environ.setdefault("PL_DISABLE_FORK", "1")  # as Tune does: Lightning forking inside an actor hangs
        super().setup(config)

    def begin(self) -> Placement:
        """Get ready for the attempt in `self.config`; called once for each, before its first `train`."""
        folder = Path(get_session().storage.trial_working_directory)
        os.environ[MARK] = str(folder)
        offer_stacks(folder)
        keep_last_words(folder)
        self._signs, self._has_entered, self._unread = Signs(folder), False, None
        self._put_time = PutTime(get_session().storage)
        mine = WorkerProcess.current(str(folder))
        checkpoint = self.config[TRIAL_KEY]["checkpoint"]
        if checkpoint is not None:
            get_session().loaded_checkpoint = _opened(checkpoint)
        if self.assignment.gang is not None:
            self._ranks = Ranks(self.assignment, self.assignment.gang)
            arrivals = self._ranks.gather(self.config, get_session(), self.trial_id)
            others = tuple(arrival.process for arrival in arrivals)
            return Placement(*describe_places(self.assignment.gang, arrivals), (mine, *others))
        gpus = ray.get_gpu_ids()
        self._gpus = GpuWatch(gpus)
        program = self.assignment.trainable
        code_hash = program.code_hash() if isinstance(program, Command) else None
        return Placement(platform.node(), ",".join(map(str, gpus)) if gpus else None, (mine,), code_hash)

    @ray.method(concurrency_group=SIGNS)
    def sign_of_life(self) -> str | None:
        """Return what was seen of the attempt since the last call (see `signs`); None where nothing was."""
        mine = self._signs.seen() if self._signs is not None else None
        theirs = self._ranks.signs() if self._ranks is not None else []
        return next((sign for sign in (mine, *theirs) if sign is not None), None)

    @ray.method(concurrency_group=SIGNS)
    def has_entered(self) -> bool:
        """Say whether the training function of the present attempt was entered."""
        return self._has_entered

    def step(self) -> dict[str, Any]:
        """Wait for the next report. Its checkpoint lies in storage already: no save task need follow."""
        result: dict[str, Any] = super().step()
        result[SHOULD_CHECKPOINT] = False
        if RESULT_DUPLICATE in result:
            result[UNREAD_KEY] = self._said_unread()
        persisted = self._last_training_result.checkpoint
        report: WorkerReport | None = result.get(REPORT_KEY)
        path = persisted.path if persisted is not None else report and report.checkpoint
        if report is not None and self._ranks is None:  # of several processes rank 0 has said it
            gpu_use = self._gpus.seen() if self._gpus is not None else None
            took_s = self._put_time.seen() if self._put_time is not None else None
            report = result[REPORT_KEY] = replace(report, gpu_use=gpu_use, checkpoints_s=took_s)
        if report is not None and path:
            root, folder = get_session().storage.storage_fs_path, self.config[TRIAL_KEY]["sweep_folder"]
            result[REPORT_KEY] = replace(report, checkpoint=recorded_checkpoint(path, root, folder))
        return result

    def wind_down(self) -> tuple[str, ...] | None:
        """Stop the training and wait for its end: a `finally`, a program's grace. Raises where it is stuck.

        Returns the hyperparameters that it never read; None where that is not known.
        """
        self._end_training()
        return self._said_unread()

    def reset(self, new_config: dict[str, Any], storage: Any = None) -> bool:
        """Take the next attempt, once the training before it has ended.

        Ray Tune would fail the innocent next trial without telling anybody; raising makes it a lost attempt.
        """
        self._end_training()
        self._dismiss()
        _stand_somewhere()
        return bool(super().reset(new_config, storage))

    def cleanup(self) -> None:
        """End the training before the process ends: a stop by the scheduler runs the user's `finally`."""
        try:
            if not self._stuck:
                self._end_training()
        finally:
            self._dismiss()
        super().cleanup()

    def _end_training(self) -> None:
        session = get_session()
        if not session.training_started:
            return
        if not self._stuck:
            session.finish(timeout=self.assignment.teardown_s)
        if session.training_thread.is_alive():
            self._stuck = True
            raise AttemptFailed(
                LOST,
                f"the trial before it on this worker did not end within {self.assignment.teardown_s:g} s of its stop",
            )

    def _dismiss(self) -> None:
        """End what is left of the attempt's other processes, and of what looked after it."""
        if self._gpus is not None:
            self._gpus.close()
            self._gpus = None
        if self._ranks is not None:
            self._ranks.kill()
            self._ranks = None

    def _trainable_func(self, config: dict[str, Any]) -> None:
        session, command = get_session(), self.assignment.trainable
        if self._ranks is not None:
            self._ranks.run(session)
        elif isinstance(command, Command):
            from orchestrator.ray.worker.command import run_command  # a function needs none of it

            run_command(self.assignment, command, config, session)
        else:
            with captured(config[TRIAL_KEY], Path(session.storage.trial_working_directory)):
                run_function(self.assignment, config, session, on_entry=self._enter, on_read=self._take_unread)

    def _enter(self) -> None:
        self._has_entered = True

    def _take_unread(self, unread: tuple[str, ...] | None) -> None:
        self._unread = unread

    def _said_unread(self) -> tuple[str, ...] | None:
        return self._unread if self._ranks is None else self._ranks.unread


def _stand_somewhere() -> None:
    """Leave a working directory that the training before has removed: from there nothing goes on, Ray Tune neither."""
    try:
        Path.cwd()
    except FileNotFoundError:
        os.chdir(os.sep)


def _opened(checkpoint: str) -> Checkpoint:
    place = Location.parse(checkpoint)
    try:
        if not place.is_folder():
            raise AttemptFailed(
                ERROR,
                f"checkpoint {checkpoint} is missing on {platform.node()}: the storage must be seen by every node",
            )
        if not place.is_remote:
            return Checkpoint.from_directory(checkpoint)
        store, path = place.store()
    except StorageError as error:  # the store is away, or this node's credentials are: no fault of the trial
        raise AttemptFailed(LOST, f"{platform.node()}: {error}") from None
    return Checkpoint(path, filesystem=store)


def _take_along(function: Callable[..., Any]) -> None:
    """Let a function of the user's own module travel by value: workers could not import that module."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    if module is not None and file is not None and not Path(file).is_relative_to(sysconfig.get_path("purelib")):
        ray.cloudpickle.register_pickle_by_value(module)


def worker_class(assignment: Assignment) -> type[TrialWorker]:
    """Make the class that Tune turns into actors; it travels by pickle with the assignment in it."""
    if not isinstance(assignment.trainable, TrainableFile | Command):
        _take_along(assignment.trainable)
    return type("TrialWorker", (TrialWorker,), {"assignment": assignment})
