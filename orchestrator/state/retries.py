"""Whether an attempt that ended is repeated, and whose fault it was: decided once, at its end, and then on the log.

    lost        machine, process or connection: repeated `retry.lost` times
    preempted   the machine was taken back by its owner: repeated, never counted
    hung        repeated `retry.hung` times
    error       repeated `retry.error` times where it looks transient, else never
    overtime    never repeated: a trial that took longer than `limits.trial` has had its time

A trial whose worker dies three times at the same place, each time on another node or each time with the same exit
code or signal, dies of itself: it fails, and its error says so.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orchestrator.state.gist import message_of
from orchestrator.sweep.patience import Retry
from orchestrator.sweep.trial import AFTER_ATTEMPT, AFTER_STOP, Attempt, Outcome, StopReason, Trial, TrialState

DEATHS = 3
"""Deaths at one place that make it the trial's own."""

UNREPORTED = "somebody stopped it before it had reported"
"""What the error says of a trial whose end was asked for, where there is nothing that it could count with."""

_TRANSIENT = re.compile(
    r"""
    \[Errno\ (?:5|104|110|111|113|116|121)\]  # EIO, connection reset, timed out, refused, no route, ESTALE, EREMOTEIO
    | Stale\ (?:NFS\ )?file\ handle | Input/output\ error | Remote\ I/O\ error
    | \b(?:Connection(?:Reset|Refused|Aborted)?|BrokenPipe|Timeout)Error\b
    | \b(?:Connect|Read|Write|Pool)Timeout(?:Error)?\b
    | \b(?:NewConnectionError|MaxRetryError|EndpointConnectionError|IncompleteRead|RemoteDisconnected)\b
    | [Cc]onnection\ (?:reset|refused|aborted|timed\ out|closed\ by) | [Rr]ead\ timed\ out
    | Temporary\ failure\ in\ name\ resolution
    | \bnccl(?:System|Remote|Internal|UnhandledCuda)Error\b | \bNCCL\ (?:[Ee]rror|timeout)
    | \bDistBackendError\b | Watchdog\ caught\ collective\ operation\ timeout
    | uncorrectable\ ECC | cudaErrorECCUncorrectable
    | DataLoader\ worker\ \(pid.*\)\ (?:exited\ unexpectedly|is\ killed\ by\ signal:\ (?:Killed|Terminated|Bus\ error))
    """,
    re.VERBOSE,
)
_USED_WRONGLY = re.compile(r"nccl(?:Invalid(?:Usage|Argument))|NCCL.*invalid (?:usage|argument)", re.IGNORECASE)
_DEATH = re.compile(r"(?P<how>exit(?:ed with)? code -?\d+|SIG[A-Z]+)")


class Ruling(NamedTuple):
    """What follows from how an attempt ended."""

    repeats: bool | None
    """Whether the trial is offered again; None: as the outcome says by itself (`orchestrator.sweep.trial`)."""
    why: str | None = None
    """What the error's text must say beside it; None where nothing."""


def ruling(trial: Trial, outcome: Outcome, error: str | None, retry: Retry, *, judges_deaths: bool) -> Ruling:
    """Rule on the end of the trial's current attempt.

    `judges_deaths` is false in sweeps that were begun by a version that took every death for a machine's.
    """
    if trial.withdrawn_s is not None:
        return Ruling(None, None if trial.values else UNREPORTED)
    earlier = [attempt.outcome for attempt in trial.counted_attempts[:-1]]
    if outcome is Outcome.HUNG:
        return _counted(earlier.count(Outcome.HUNG), retry.hung, "hung")
    if outcome is Outcome.ERROR and is_transient(error) and retry.error:
        return _counted(earlier.count(Outcome.ERROR), retry.error, "failed so")
    if outcome is Outcome.LOST and judges_deaths and earlier.count(Outcome.LOST) < retry.lost:
        why = _own_death(trial, error)
        return Ruling(None) if why is None else Ruling(repeats=False, why=why)
    return Ruling(None)


def state_after(trial: Trial, outcome: Outcome, repeats: bool | None, retry: Retry) -> TrialState:
    """Return the state of a running trial whose attempt ended so; `repeats` is what the record of the end rules.

    The attempt is the trial's current one, and knows its outcome.
    """
    if trial.is_test and trial.values:
        return TrialState.COMPLETED  # what was seen was seen, however the run ended
    if repeats is not None:
        return TrialState.INTERRUPTED if repeats else TrialState.FAILED
    if outcome in {Outcome.RETURNED, Outcome.OVERTIME} and not trial.values:
        return TrialState.FAILED
    if outcome is Outcome.RETURNED and trial.max_fidelity is not None:
        return AFTER_STOP[StopReason.SHORT]
    lost = sum(1 for attempt in trial.counted_attempts if attempt.outcome is Outcome.LOST)
    if outcome is Outcome.LOST and lost > retry.lost:
        return TrialState.FAILED
    return AFTER_ATTEMPT[outcome]


def is_transient(error: str | None) -> bool:
    """Say whether an error may be gone when the same is tried again: storage, network, NCCL, a GPU's memory errors."""
    message = f"{message_of(error)} {(error or '').splitlines()[-1] if error else ''}"
    return _TRANSIENT.search(message) is not None and _USED_WRONGLY.search(message) is None


def death_of(error: str | None) -> str | None:
    """Return the exit code or the signal that the text of a lost worker tells; None where it does not."""
    found = _DEATH.search(error or "")
    return found["how"] if found else None


def _counted(used: int, allowed: int, what: str) -> Ruling:
    if used < allowed:
        return Ruling(repeats=True)
    return Ruling(repeats=False, why=f"it {what} in {used + 1} attempts" if used else None)


def _own_death(trial: Trial, error: str | None) -> str | None:
    """Say why the deaths of a trial, of which this is the newest, are its own fault; None where they need not be."""
    deaths = [a for a in trial.counted_attempts[:-1] if a.outcome is Outcome.LOST][1 - DEATHS :]
    if len(deaths) < DEATHS - 1:
        return None
    last = [*deaths, trial.attempt]
    if len({_place(attempt) for attempt in last}) > 1:
        return None
    where = f"it died at the same place {DEATHS} times"
    nodes = {attempt.node for attempt in last}
    if None not in nodes and len(nodes) == DEATHS:
        return f"{where}, each time on another node: the trial's own fault"
    ways = {death_of(attempt.error) for attempt in deaths} | {death_of(error)}
    if None not in ways and len(ways) == 1:
        return f"{where}, each time by {ways.pop()}: the trial's own fault"
    return None


def _place(attempt: Attempt) -> float:
    return max(attempt.fidelity, attempt.resumed_from)
