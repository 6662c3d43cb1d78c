"""A driver's first word: that it took its sweep, and what its first trial does or waits for.

Whoever sent a sweep off waits for it. It is one line among what the driver prints, so that every kind of cluster that
shows a job's prints passes it on; it is written and read here alone:

    accepted (at work): trial 0 is at work on node7
    accepted (waiting): waiting for 2 places: the cluster is busy: 0 of 8 GPUs are free, and a trial takes 1 GPU

A driver that leaves before it said so refused the sweep, and why is the last error that it printed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator import wording
from orchestrator.errors import ClusterError, ClusterLostError
from orchestrator.launchers import JobState, JobStatus, Launcher

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.sweep.trial import Trial

PATIENCE_S = 60.0
"""How long a driver's first word is waited for."""
_LOOK_S = 1.0
_LINE = re.compile(r"^(?:\[[^\]]*\] )?accepted \((?P<state>[a-z ]+)\): (?P<text>.*)$", re.MULTILINE)
_ERROR = re.compile(r"^error: ", re.MULTILINE)


class WordState(StrEnum):
    """What is known of a driver that was sent off."""

    AT_WORK = "at work"
    """A trial of it has its place, and a worker."""
    STARTING = "starting"
    """It has a place, and the worker there is starting."""
    WAITING = "waiting"
    """It waits for places."""
    LEFT = "left"
    """It has left in order already: nothing was left to do."""
    UNHEARD = "unheard"
    """It has said nothing yet."""


@dataclass(frozen=True, slots=True)
class FirstWord:
    """What a driver said first, or that it said nothing."""

    state: WordState
    """What it comes to."""
    text: str
    """One sentence for a person."""


def first_word(state: SweepState) -> FirstWord | None:
    """Return what the driver of a sweep can say first; None while that is not known."""
    at_work = next((trial for trial in state.open.values() if trial.attempt.placed_s is not None), None)
    if at_work is not None:
        where = f" on {at_work.attempt.node}" if at_work.attempt.node else ""
        return FirstWord(WordState.AT_WORK, f"{_named(at_work)} is at work{where}")
    if state.awaited.waiting:
        return FirstWord(WordState.WAITING, wording.awaited_places(state.awaited))
    if state.awaited.starting:
        return FirstWord(WordState.STARTING, wording.awaited_places(state.awaited))
    return None


def _named(trial: Trial) -> str:
    if trial.is_test:
        return f"trial {trial.replicates}, measured on the test set,"
    return f"trial {trial.replicates} with a fresh seed" if trial.is_replicate else f"trial {trial.number}"


def written(word: FirstWord) -> str:
    """Write it as the line that a driver prints."""
    return f"accepted ({word.state}): {word.text}"


def read(printed: str) -> FirstWord | None:
    """Find it in what a driver printed; None where it is not there."""
    found = _LINE.search(printed)
    if found is None or found["state"] not in set(WordState):
        return None
    return FirstWord(WordState(found["state"]), found["text"].strip())


def hear(
    launcher: Launcher,
    job: str,
    patience_s: float = PATIENCE_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> FirstWord:
    """Wait for the first word of a job's driver, `patience_s` at most; a cluster that is silent meanwhile is no error.

    Raises ClusterError, with the driver's reason, where it left without having taken the sweep or failed at once, and
    ClusterLostError where it left with work to do.
    """
    deadline = clock() + patience_s
    while True:
        found = launcher.status(job)  # before the prints: those of a driver that has ended are whole
        printed = _printed(launcher, job)
        if found.state in (JobState.FAILED, JobState.STOPPED):
            raise _left(found, printed, job)
        if (word := read(printed)) is not None:
            return word
        if found.state is JobState.SUCCEEDED:
            last = next(iter([line for line in printed.splitlines() if line.strip()][-1:]), "it printed nothing")
            return FirstWord(WordState.LEFT, f"its driver left in order already, and said last: {last.strip()}")
        if clock() >= deadline:
            how = f"{found.state}{f' ({found.text})' if found.text else ''}"
            text = f"nothing was heard from its driver within {patience_s:.0f} s; its job is {how}"
            return FirstWord(WordState.UNHEARD, text)
        sleep(_LOOK_S)


def was_accepted(launcher: Launcher, job: str) -> bool:
    """Say whether the driver of a job that has ended had taken the sweep before."""
    return read(_printed(launcher, job)) is not None


def _printed(launcher: Launcher, job: str) -> str:
    try:
        return "".join(launcher.logs(job, follow=False))
    except ClusterError:  # there is none yet, or the cluster does not answer: it is asked again
        return ""


def _left(found: JobStatus, printed: str, job: str) -> ClusterError:
    errors = list(_ERROR.finditer(printed))
    reason = printed[errors[-1].end() :].strip() if errors else found.text or "it said nothing"
    if found.state is JobState.STOPPED:
        return ClusterLostError(f"the driver (job {job}) has left with work to do: {reason}")
    said = "failed" if read(printed) is not None else "refused the sweep"
    return ClusterError(f"the driver (job {job}) {said}: {reason}")
