"""The user's function, or class, run once in this process: its reports checked, what it raises turned into words.

A report is checked where it is made, so that a mistake raises at the user's own line. What the function raises reaches
the driver as words (see `failure`), never as a class that the driver lacks.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, cast

from ray.tune import Checkpoint
from ray.tune.result import RESULT_DUPLICATE

from orchestrator.errors import StorageError
from orchestrator.project.calling import read_calling, signature_of
from orchestrator.ray.worker.failure import ERROR, LOST, AttemptFailed, describe
from orchestrator.ray.worker.given import Configuration, TrialInfo, announce
from orchestrator.ray.worker.outside_code import imported_from_outside
from orchestrator.ray.worker.reports import FidelityCounter, ReportError, read_report
from orchestrator.ray.worker.seeds import seed_draws
from orchestrator.ray.worker.signs import waiting
from orchestrator.ray.worker.trainable import (
    TRIAL_KEY,
    Command,
    Trainable,
    TrainableFile,
    TrainableNotFoundError,
    TrainingFunction,
    load,
    name_of,
)
from orchestrator.ray.worker.tune_class import Send, Steps, class_problem, logdir_of
from orchestrator.ray.worker.workdir import enter
from orchestrator.sweep.event import FORMAT
from orchestrator.sweep.recordable import COUNTED

REPORT_KEY = "_report"
"""Where a result carries its `WorkerReport`."""
OUTSIDE_KEY = "_outside"
"""Where an attempt's first result carries what was imported from outside the sweep's code: pairs of path and hash,
since Tune takes mappings apart."""
REFUSING_TRIALS = 3
"""A fidelity that begins again fails this many of a sweep's first trials; later ones are told of."""


@dataclass(frozen=True, slots=True)
class Gang:
    """How the processes of one trial lie on nodes, where there are several."""

    nodes: int
    """Nodes of a trial."""
    per_node: int
    """Processes on each of them."""
    cpus: int
    """Whole CPUs of a process."""
    gpus: int
    """GPUs of a process."""

    @property
    def size(self) -> int:
        """Processes in all."""
        return self.nodes * self.per_node


@dataclass(frozen=True, slots=True)
class Assignment:
    """What every attempt of a sweep shares."""

    trainable: Trainable
    """The user's function or program."""
    objective: str
    """Key that every report must hold."""
    fidelity: str | None
    """Key that says how far the training is; None: it has one final score."""
    teardown_s: float
    """How long a stopped training may take to end."""
    gang: Gang | None = None
    """The processes that run the function together; None: one, the trial's own worker."""
    hyperparameters: tuple[str, ...] = ()
    """Keys of the configurations, those that do not always apply among them."""
    is_nested: bool = True
    """Whether names with dots are nested in a configuration."""
    seeding: bool = False
    """Whether what a training draws from is seeded before it is called."""
    workdir: str = "attempt"
    """Where the function runs (`SweepSpec.workdir`)."""
    begun_format: int = FORMAT
    """Format of the log that the sweep was begun in: in one of format 1, STEPLADDER_CONFIG holds `_trial` beside the
    hyperparameters, and a fidelity may begin again."""


def run_function(
    assignment: Assignment, config: dict[str, Any], session: Any, *, counts: bool = True,
    on_entry: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Call the user's function in the session's training thread; raises AttemptFailed, and SystemExit after a STOP.

    `counts` is false in a process whose reports only keep pace. `on_entry` is called once all is imported.
    """
    trainable, trial = assignment.trainable, TrialInfo.of(config[TRIAL_KEY])
    reporter = _Reporter(assignment, trial, type(session).report.__get__(session), counts=counts)
    session.report = reporter.report
    assert not isinstance(trainable, Command)
    announce(trial)
    trained: TrainingFunction | None = None
    try:
        enter(assignment.workdir, trial, _project(assignment))
        trained = load(trainable)
        if assignment.seeding:
            seed_draws(trial.seed)
        on_entry()
        if inspect.isclass(trained):
            reporter.each = "step()"
            _drive(trained, assignment, config, trial, session, reporter.report)
        else:
            reporter.take_output(_call(trained, assignment, config, trial), trial)
    except SystemExit as exit_:
        if reporter.is_stopped:
            raise
        if exit_.code not in (None, 0):
            raise _failed(exit_, trainable, is_loaded=trained is not None) from None
    except StorageError as error:  # the pinned code's: the store is away, or this node does not see it
        raise AttemptFailed(LOST, str(error)) from None
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever a training function raises ends its attempt
        raise _failed(error, trainable, is_loaded=trained is not None) from None
    reporter.close(fresh=trial.checkpoint is None)


def _project(assignment: Assignment) -> Path | None:
    """Return where relative names are looked for: with `workdir: project` the folder itself, else the code's copy too.

    None for a function without a file. Raises StorageError where a copy of the pinned code cannot be made.
    """
    trainable = assignment.trainable
    if not isinstance(trainable, TrainableFile):
        return None
    itself = trainable.user_folder()
    return itself if assignment.workdir == "project" and itself.is_dir() else trainable.found_folder()


def _given(assignment: Assignment, config: Mapping[str, Any], trial: TrialInfo) -> Configuration:
    hyperparameters = {name: value for name, value in config.items() if name != TRIAL_KEY}
    return Configuration(hyperparameters, trial, is_nested=assignment.is_nested)


def _drive(
    trained: type, assignment: Assignment, config: Mapping[str, Any], trial: TrialInfo, session: Any, send: Send
) -> None:
    """Drive a `ray.tune.Trainable` class to its end. Raises ReportError where it is none, or cannot be driven."""
    processes = 1 if assignment.gang is None else assignment.gang.size
    if (problem := class_problem(trained, processes)) is not None:
        raise ReportError(problem)
    keys = (assignment.objective, assignment.fidelity)
    steps = Steps(trained, _given(assignment, config, trial), trial, keys)
    steps.run(logdir_of(assignment.workdir, session), session, send)


def _call(function: TrainingFunction, assignment: Assignment, config: Mapping[str, Any], trial: TrialInfo) -> Any:
    given = _given(assignment, config, trial)
    signature = signature_of(function)
    calling = None if signature is None else read_calling(signature, assignment.hyperparameters or tuple(given))
    return function(given) if calling is None else calling.call(function, given, trial)


def counter_of(assignment: Assignment, trial: TrialInfo) -> FidelityCounter:
    """Return what follows the fidelity of an attempt of the trial."""
    refuses = trial.number < REFUSING_TRIALS and assignment.begun_format > 1
    counts = assignment.begun_format > 1 or assignment.fidelity == COUNTED
    return FidelityCounter(assignment.fidelity, trial.from_iteration, counts=counts, refuses=refuses)


class _Reporter:
    """Stands in for the session's `report`: checks what the user reports and remembers whether it was told to stop."""

    def __init__(self, assignment: Assignment, trial: TrialInfo, send: Callable[..., None], *, counts: bool) -> None:
        self.is_stopped = False
        self.each = "ray.tune.report(...)"
        """What messages call a report."""
        self._counter = counter_of(assignment, trial)
        self._assignment = assignment
        self._send = send
        self._counts = counts
        self._count = 0
        self._returned = "NoneType"

    def report(self, metrics: Mapping[str, Any], checkpoint: Checkpoint | None = None) -> None:
        """Send a report and wait for the verdict; ends the training thread on STOP."""
        if self.is_stopped:
            sys.exit(0)  # the function caught the first SystemExit; it must not train on
        if not self._counts:
            self._count += 1
            self._pass_on({}, None)
            return
        number = self._counter.count()
        report = read_report(metrics, self._assignment.objective, self._assignment.fidelity, number, self.each)
        self._counter.see(report.fidelity)
        self._count += 1
        self._pass_on({REPORT_KEY: report, **self._outside()}, checkpoint)

    def _outside(self) -> dict[str, Any]:
        trainable = self._assignment.trainable
        if self._count > 1 or not isinstance(trainable, TrainableFile):
            return {}
        return {OUTSIDE_KEY: tuple(imported_from_outside(trainable.code_folder()).items())}

    def take_output(self, output: Any, trial: TrialInfo) -> None:
        """Take what the function returned: a generator of reports, a last report, or the result of one without any.

        A result is a number, or a dict that holds the objective: the report of a training that is done. A function that
        has reported has said its results; what else it returns is its own.
        """
        objective, fidelity = self._assignment.objective, self._assignment.fidelity
        self._returned = type(output).__name__
        if inspect.isgenerator(output):
            for reported in output:
                self.report(cast("Mapping[str, Any]", reported))
        elif isinstance(output, Mapping) and objective in output and self._is_report(output):
            self.report(output)
        elif self._has_no_score(trial) and (output := _result(output, objective)) is not None:
            try:
                self.report(output if fidelity is None else {fidelity: trial.max_fidelity, **output})
            except ReportError as error:
                raise ReportError(f"what {name_of(self._assignment.trainable)} returned: {error}") from None

    def _is_report(self, output: Mapping[str, Any]) -> bool:
        """Say whether a returned dict is one more report, beside those that were made."""
        fidelity = self._assignment.fidelity
        return fidelity in output or (fidelity in (None, COUNTED) and self._count > 0)

    def _has_no_score(self, trial: TrialInfo) -> bool:
        """Say whether what the function returns must be its result: nothing that it, or its checkpoint, said is."""
        return not self._count and (trial.checkpoint is None or self._assignment.fidelity is None)

    def close(self, *, fresh: bool) -> None:
        """Tell Tune that the function returned. One that began anew and reported nothing is told what it lacks."""
        if fresh and self._counts and not self._count:
            raise AttemptFailed(ERROR, self._complaint())
        self._pass_on({RESULT_DUPLICATE: True}, None)

    def _complaint(self) -> str:
        objective = self._assignment.objective
        keys = [key for key in (self._assignment.fidelity, objective) if key not in (None, COUNTED)]
        names = f"{{{', '.join(f'{key!r}: ...' for key in keys)}}}"
        text = f"{name_of(self._assignment.trainable)} returned without a report; call ray.tune.report({names}) in it"
        if self._returned == "NoneType":
            return text
        return f"{text}, or return {objective!r} as a number or in a dict: what it returned is of type {self._returned}"

    def _pass_on(self, metrics: dict[str, Any], checkpoint: Checkpoint | None) -> None:
        try:
            with waiting() if self._counts else contextlib.nullcontext():  # who keeps pace waits for another rank
                self._send(metrics, checkpoint=checkpoint)
        except SystemExit:
            self.is_stopped = True
            raise


def _result(output: Any, objective: str) -> Mapping[str, Any] | None:
    """Return what a function returned as a report's numbers; None where it is no result."""
    if isinstance(output, Mapping):
        return {str(name): value for name, value in output.items()}
    return {objective: output} if isinstance(output, Real) and not isinstance(output, bool) else None


def _failed(error: BaseException, trainable: Trainable, *, is_loaded: bool) -> AttemptFailed:
    """Put into words what ended an attempt, and print the whole of it; `is_loaded` is false where importing it did.

    What is printed is kept in the sweep's logs, as all that an attempt prints.
    """
    text = "".join(traceback.format_exception(error))
    sys.stderr.write(trainable.as_users(text) if isinstance(trainable, TrainableFile) else text)
    if isinstance(error, SystemExit):  # argparse leaves so, too, where nothing guards it from an import
        who = name_of(trainable) if is_loaded else f"importing {name_of(trainable)}"
        return AttemptFailed(ERROR, _located(error, trainable, f"{who} called sys.exit({error.code!r})"))
    if isinstance(error, ReportError | TrainableNotFoundError):
        return AttemptFailed(ERROR, _located(error, trainable, str(error)))
    return _described(error, trainable)


def _described(error: BaseException, trainable: Trainable) -> AttemptFailed:
    """Put an error into words, with the user's own paths."""
    if not isinstance(trainable, TrainableFile):
        return describe(error)
    failure = describe(error, trainable.found_folder())
    return AttemptFailed(failure.outcome, trainable.as_users(failure.text))


def _located(error: BaseException, trainable: Trainable, said: str) -> str:
    frame = _described(error, trainable).text.splitlines()
    return f"{frame[-2].partition(' in ')[0]}: {said}" if len(frame) > 1 else said
