"""What trials failed with, and where in the search space, in words."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator import wording
from orchestrator.results.failing_region import FailingRegion
from orchestrator.state.gist import gist, message_of
from orchestrator.storage.attempt_logs import FOLDER
from orchestrator.sweep.trial import FIRST_REPLICATE, Trial, TrialState

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location


MOST_SHOWN, LAST_SHOWN = 400, 100
"""Characters of an error's last line, and how many of these come from its end."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that trials ended with."""

    error: str
    """Its last line, as the first of them had it."""
    trials: int
    """How many trials."""
    first: int
    """Number of the first of them."""


def failures(state: SweepState) -> tuple[Failure, ...]:
    """Return the errors that trials ended with, fresh seeds included, the most frequent first, three at most.

    Errors that differ in numbers and paths alone are one; what trials and fresh seeds ended with is counted apart.
    """
    counts: Counter[tuple[bool, str]] = Counter()
    first: dict[tuple[bool, str], Trial] = {}
    for trial in state.in_states(TrialState.FAILED, TrialState.DIVERGED):
        kind = trial.is_replicate, _kind(trial)
        counts[kind] += 1
        first.setdefault(kind, trial)
    return tuple(
        Failure(last_error_line(first[kind]), count, first[kind].number) for kind, count in counts.most_common(3)
    )


def failure_lines(found: tuple[Failure, ...], failed: int, folder: str) -> list[str]:
    """Write the errors one a line, and how many of all the `failed` trials of the search there ended with others."""
    lines = [f"{wording.counted(f.trials, _what(f))}, first {f.first}: {f.error}" for f in found]
    if (others := failed - sum(failure.trials for failure in found if failure.first < FIRST_REPLICATE)) > 0:
        where = shlex.quote(folder)
        lines.append(f"{wording.counted(others, 'trial')} with other errors: stepladder trials {where} --state failed")
    return lines


def _kind(trial: Trial) -> str:
    if trial.state is TrialState.DIVERGED:
        return "diverged"
    return gist(trial.attempts[-1].error if trial.attempts else None)


def first_failed(state: SweepState) -> int | None:
    """Return the number of the first trial that failed; None without one."""
    return next((trial.number for trial in state.in_states(TrialState.FAILED)), None)


def prints_of(failed: int | None, folder: Location) -> dict[str, str]:
    """Return where all that lies which a failed trial printed; nothing without one."""
    return {} if failed is None else {"prints_of_failed": str(folder / FOLDER / str(failed))}


def _what(found: Failure) -> str:
    return "fresh seed" if found.first >= FIRST_REPLICATE else "trial"


def last_error_line(trial: Trial) -> str:
    """Return what the error that a trial failed with says, in a line, or what stands for it."""
    if trial.state is TrialState.DIVERGED:
        return "reported a value that is not finite"
    error = (trial.attempts[-1].error or "").strip() if trial.attempts else ""
    return shortened(message_of(error) or error.splitlines()[-1]) if error else "no error text"


def shortened(line: str) -> str:
    """Return a line that a person is to read at a glance; `stepladder show RUN TRIAL` has the whole."""
    if len(line) <= MOST_SHOWN:
        return line
    return f"{line[: MOST_SHOWN - LAST_SHOWN]} ... {line[-LAST_SHOWN:]}"


def region_line(region: FailingRegion) -> str:
    """Write which part of the search space fails, how surely, and what it cost."""
    where = " and ".join(condition.text for condition in region.conditions)
    text = f"{region.failed} of {wording.counted(region.trials, 'trial')} with {where}"
    text += f", and {region.failed_elsewhere} of {region.trials_elsewhere} elsewhere"
    return f"{text}; these failures took {wording.duration(region.worker_s)} of workers"
