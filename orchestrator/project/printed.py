"""What a sweep's trials printed, as a person reads it: by trial and attempt, once or for as long as a driver lives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.storage.attempt_logs import AttemptLogs, headed
from orchestrator.storage.driver_log import read_driver_logs
from orchestrator.storage.lease import describe_holder
from orchestrator.wording import counted

if TYPE_CHECKING:
    from orchestrator.project.handle import SweepLog

LOOK_S, REMOTE_LOOK_S = 0.5, 5.0
"""How often it is looked for more, in a folder and in an object store."""


def printed(log: SweepLog, trial: int | None, typed: str, *, follow: bool) -> Iterator[str]:
    """Yield what the attempts of `trial`, of all trials where that is None, printed; `follow`: until the driver ends.

    `typed` names the sweep in a command. Raises UsageError for a trial that is not there, or that printed nothing.
    """
    trials = len(log.state.trials)
    if trial is not None and trial >= trials and not (follow and log.holder):
        raise UsageError(f"{log.folder} has no trial {trial} yet; it has {counted(trials, 'trial')}, 0 first")
    files, last = log.folder.files(), list[tuple[int, int, str]]()
    reader = AttemptLogs(files, trial)
    while True:
        is_driven = follow and describe_holder(files) is not None  # asked before: what is printed meanwhile is read
        yield from headed(reader.read_new(), last)
        if not is_driven:
            break
        time.sleep(REMOTE_LOOK_S if log.folder.is_remote else LOOK_S)
    if not last and trial is None:
        raise UsageError(f"no trial has printed anything; see `stepladder status {typed}`")
    if not last:
        raise UsageError(f"trial {trial} has printed nothing; see `stepladder show {typed} {trial}`")


def kept_of_drivers(log: SweepLog) -> Iterator[str]:
    """Yield what the drivers of a sweep said. Raises UsageError where nothing was kept."""
    pieces = list(read_driver_logs(log.folder.files()))
    if not pieces:
        raise UsageError(f"{log.folder} holds nothing that a driver said: each was watched on a terminal, or is older")
    yield from pieces
