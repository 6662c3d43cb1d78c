"""Where a sweep goes on: sent to where it was sent last or to a cluster that is named, or else driven from here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import UsageError
from orchestrator.project import sending
from orchestrator.project.finding import find
from orchestrator.project.handle import Handle, Tell
from orchestrator.project.handle_sent import SweepSent
from orchestrator.project.places import is_folder
from orchestrator.project.workspace import more_trials


@dataclass(frozen=True, slots=True)
class NextSubmission:
    """How a sweep is sent again, to go on where it was."""

    where: tuple[str, str]
    """Launcher and target."""
    overrides: tuple[str, ...]
    """Those it was sent with last, then those just given."""
    options: sending.Options
    """What it was sent with last, as far as nothing else is said now."""


def next_submission(
    place: str, dashboard: str | None, overrides: Sequence[str], trials: str | None,
    given: sending.Options, env: Sequence[str], driver_cpus: float | None, say: Tell,
) -> NextSubmission | None:  # fmt: skip
    """Return how the sweep of `place` is sent again; None where it was never sent off and no `dashboard` is named.

    `given`, `env` and `driver_cpus` are the command line's and win over the last submission's. Raises UsageError where
    its last job still runs.
    """
    handle = find(place, None, overrides, say) if dashboard is None or not is_folder(place) else None
    last = handle if isinstance(handle, SweepSent) else None
    if last is not None:
        last.refuse_running()
    record = last.record if last is not None else None
    if dashboard is not None:
        where = sending.choose(dashboard, None)
    elif record is not None:
        where = record.launcher, record.target
    else:
        return None
    more = more_trials(trials, lambda: _planned(handle))
    options = sending.options(sending.known_options(record, where, given), env, driver_cpus)
    return NextSubmission(where, (*(record.overrides if record else ()), *overrides, *more), options)


def _planned(handle: Handle | None) -> int:
    try:
        if handle is not None:
            return handle.results().state.plan.spec.budget.trials
    except UsageError as error:
        raise UsageError(f"--trials +N: {error}; or give the new number itself") from error
    raise UsageError("--trials +N: the sweep's storage is not seen from here; give the new number itself")
