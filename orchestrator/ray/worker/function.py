"""The user's function, or class, run once in this process: its reports checked, what it raises turned into words.

A report is checked where it is made, so that a mistake raises at the user's own line. What the function raises reaches
the driver as words (see `failure`), never as a class that the driver lacks.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError
from orchestrator.project.calling import read_calling, signature_of
from orchestrator.ray.worker.assignment import Assignment
from orchestrator.ray.worker.failure import ERROR, LOST, AttemptFailed, describe, words_of
from orchestrator.ray.worker.given import Configuration, TrialInfo, announce
from orchestrator.ray.worker.never_read import Recording
from orchestrator.ray.worker.reads import Reads
from orchestrator.ray.worker.reporter import Reporter
from orchestrator.ray.worker.reports import ReportError
from orchestrator.ray.worker.seeds import seed_draws
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
from orchestrator.ray.worker.tune_class import Steps, class_problem, logdir_of
from orchestrator.ray.worker.workdir import enter

OnRead = Callable[[tuple[str, ...] | None], None]


def run_function(
    assignment: Assignment, config: dict[str, Any], session: Any, *, counts: bool = True,
    on_entry: Callable[[], None] = lambda: None, on_read: OnRead = lambda _: None,
) -> None:  # fmt: skip
    """Call the user's function in the session's training thread; raises AttemptFailed, and SystemExit after a STOP.

    `counts` is false in a process whose reports only keep pace. `on_entry` is called once all is imported, `on_read`
    when the training is over and did not fail, with the hyperparameters that it never read; None where that is not
    known.
    """
    trial = TrialInfo.of(config[TRIAL_KEY])
    assignment, wall = assignment.for_purpose(trial)
    reporter = Reporter(assignment, trial, wall, session, counts=counts)
    with wall.screening():
        _run(assignment, config, trial, session, reporter, on_entry, on_read)


def _run(
    assignment: Assignment, config: Mapping[str, Any], trial: TrialInfo, session: Any, reporter: Reporter,
    on_entry: Callable[[], None], on_read: OnRead,
) -> None:  # fmt: skip
    trainable = assignment.trainable
    session.report = reporter.report
    assert not isinstance(trainable, Command)
    announce(trial)
    trained: TrainingFunction | None = None
    recording = Recording()
    try:
        enter(assignment.workdir, trial, _project(assignment))
        trained = load(trainable)
        recording.begin(trainable, trial, (name for name in config if name != TRIAL_KEY))
        if assignment.seeding:
            seed_draws(trial.seed)
        on_entry()
        if inspect.isclass(trained):
            reporter.each = "step()"
            _drive(trained, assignment, config, trial, session, reporter, recording.reads)
        else:
            reporter.take_output(_call(trained, assignment, config, trial, recording), trial)
    except SystemExit as exit_:
        if reporter.is_stopped:
            on_read(recording.unread())
            raise
        if exit_.code not in (None, 0):
            raise _failed(exit_, trainable, is_loaded=trained is not None) from None
    except StorageError as error:  # the pinned code's: the store is away, or this node does not see it
        raise AttemptFailed(LOST, str(error)) from None
    except BaseException as error:  # noqa: BLE001 - whatever a training function raises ends its attempt
        raise _failed(error, trainable, is_loaded=trained is not None) from None
    on_read(recording.unread())
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


def _given(
    assignment: Assignment, config: Mapping[str, Any], trial: TrialInfo, reads: Reads | None = None
) -> Configuration:
    hyperparameters = {name: value for name, value in config.items() if name != TRIAL_KEY}
    return Configuration(hyperparameters, trial, is_nested=assignment.is_nested, reads=reads)


def _drive(
    trained: type, assignment: Assignment, config: Mapping[str, Any], trial: TrialInfo, session: Any,
    reporter: Reporter, reads: Reads,
) -> None:  # fmt: skip
    """Drive a `ray.tune.Trainable` class to its end. Raises ReportError where it is none, or cannot be driven."""
    processes = 1 if assignment.gang is None else assignment.gang.size
    if (problem := class_problem(trained, processes)) is not None:
        raise ReportError(problem)
    keys = (assignment.objective, assignment.fidelity or assignment.length)
    is_enough = partial(reporter.is_measured, trial)
    steps = Steps(trained, _given(assignment, config, trial), trial, keys, is_enough, reads=reads)
    steps.run(logdir_of(assignment.workdir, session), session, reporter.report)


def _call(
    function: TrainingFunction, assignment: Assignment, config: Mapping[str, Any], trial: TrialInfo,
    recording: Recording,
) -> Any:  # fmt: skip
    given = _given(assignment, config, trial, recording.reads)
    signature = signature_of(function)
    names = assignment.hyperparameters or tuple(name for name in config if name != TRIAL_KEY)
    calling = None if signature is None else read_calling(signature, names)
    recording.parameter = None if calling is None else calling.whole
    return function(given) if calling is None else calling.call(function, given, trial)


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
        return AttemptFailed(ERROR, _located(error, trainable, words_of(error)))
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
