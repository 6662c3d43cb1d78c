"""How an attempt ended, from the exception that Ray Tune was given for it."""

from __future__ import annotations

from ray import exceptions as ray_errors

from orchestrator.errors import StorageAwayError
from orchestrator.ray.worker.failure import STORAGE_AWAY, AttemptFailed, is_out_of_memory
from orchestrator.sweep.recordable import cleaned
from orchestrator.sweep.trial import Outcome

MAX_TOLD = 300
"""Characters of what Ray says about a dead worker; the rest is the same advice every time."""
_RESET_REFUSED = "Trainable runner reuse"
_UNBORN = "error raised in its creation task"
_WHY = "The actor is dead because"


def classify(error: BaseException) -> tuple[Outcome, str]:
    """Return how an attempt ended and why, in a few lines.

    Whatever Ray itself raises is a lost worker: nobody's fault, repeated. The exceptions are a worker whose node was
    taken back (preempted), one that Ray's memory monitor ended, and what the worker's own
    code raised.
    """
    if isinstance(error, ray_errors.RayTaskError):
        return _classify_raised(error)
    if isinstance(error, ray_errors.OutOfMemoryError):
        return Outcome.OUT_OF_MEMORY, f"the node ran out of memory and Ray ended the worker: {_told_by_ray(error)}"
    if isinstance(error, ray_errors.RayActorError) and isinstance(error.__cause__, ray_errors.RayError):
        return classify(error.__cause__)
    if isinstance(error, ray_errors.RayActorError) and _UNBORN in str(error):
        return Outcome.ERROR, cleaned(f"the worker could not be set up: {_last_line(error)}")
    if isinstance(error, ray_errors.RayActorError) and error.preempted:
        return Outcome.PREEMPTED, f"the node was preempted: {_told_by_ray(error)}"
    if isinstance(error, ray_errors.RayError):
        return Outcome.LOST, f"the worker was lost: {_told_by_ray(error)}"
    if _RESET_REFUSED in str(error):
        return Outcome.LOST, "the worker could not take this trial: the one before it had not ended there"
    return Outcome.ERROR, cleaned(f"{type(error).__name__}: {error}")


def storage_away(error: BaseException) -> StorageAwayError | None:
    """Return what the driver must leave with, where an attempt ended because storage stays away for its checkpoints."""
    cause = error.cause if isinstance(error, ray_errors.RayTaskError) else error
    if isinstance(cause, AttemptFailed) and cause.outcome == STORAGE_AWAY:
        return StorageAwayError(f"storage stayed away: {cause.text}")
    return None


def _classify_raised(error: ray_errors.RayTaskError) -> tuple[Outcome, str]:
    cause = error.cause
    if isinstance(cause, AttemptFailed) and cause.outcome == STORAGE_AWAY:
        return Outcome.INTERRUPTED, cause.text
    if isinstance(cause, AttemptFailed):
        return Outcome(cause.outcome), cause.text
    if isinstance(cause, ray_errors.RayError) and not isinstance(cause, ray_errors.RayTaskError):
        return classify(cause)
    outcome = Outcome.OUT_OF_MEMORY if is_out_of_memory(cause) else Outcome.ERROR
    return outcome, cleaned(f"{type(cause).__name__}: {cause}")


def _last_line(error: BaseException) -> str:
    return [line for line in str(error).splitlines() if line.strip()][-1].strip()


def _told_by_ray(error: ray_errors.RayError) -> str:
    lines = [line for line in str(error).splitlines() if line and not line.startswith("\t")]
    why = [line for line in lines if line.startswith(_WHY)] or lines[:1]
    return f"{type(error).__name__}: {' '.join(why)[:MAX_TOLD]}"
