"""What `resume` does about a sweep that was sent off, or is to be: it is sent again, and goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import elsewhere as cli_elsewhere
from orchestrator.cli import submit as cli_cluster
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.project.records import SubmissionRecord


def resume(
    sweep: str, overrides: Sequence[str], trials: str | None, address: str | None, *,
    insecure: bool, env: Sequence[str], driver_cpus: float | None, check_s: float,
) -> bool:  # fmt: skip
    """Send a sweep again, to go on where it was; False where it was never sent off and no dashboard is named.

    What it was sent with last holds unless `insecure`, `env` and `driver_cpus` say otherwise. Raises UsageError where
    its last job still runs.
    """
    from orchestrator.project import sending

    named = address if address is not None and "://" in address else None
    record = None if address is not None and named is None else cli_elsewhere.find(sweep, None, overrides)
    if record is None and named is None:
        return False
    if record is not None:
        _refuse_running(record, sweep)
    where = _where(record, named)
    more = [*(record.overrides if record else ()), *overrides, *_trials(trials, record)]
    given = sending.Options(insecure=insecure, check_s=check_s)
    options = sending.options(sending.known_options(record, where, given), env, driver_cpus)
    cli_cluster.send(Path(sweep), more, where, options)
    return True


def _where(record: SubmissionRecord | None, named: str | None) -> tuple[str, str]:
    from orchestrator.project import sending

    if named is not None:
        return sending.choose(named, None)
    assert record is not None
    if record.launcher == "ray-job":
        return sending.choose(record.target, None)
    return sending.choose(None, record.target or None)


def _refuse_running(record: SubmissionRecord, sweep: str) -> None:
    job = cli_elsewhere.launcher_of(record, patience_s=3.0).status(record.job)
    if job.state.is_live:
        raise UsageError(
            f"{record.sweep} runs already, as {record.job} ({job.state}); watch it: stepladder status {sweep}"
        )


def _trials(text: str | None, record: SubmissionRecord | None) -> list[str]:
    """Turn `--trials` into an override; `+N` needs the sweep as it stands."""
    from orchestrator.control.session import read_sweep

    if text is None:
        return []
    planned = 0
    if text.startswith("+"):
        here = cli_elsewhere.sweep_here(record.folder) if record else None
        if here is None:
            raise UsageError(f"--trials {text}: the sweep's storage is not seen from here; give the new number itself")
        planned = read_sweep(here).plan.spec.budget.trials
    if not text.removeprefix("+").isdecimal():
        raise UsageError(f"--trials {text}: write a number, or + and a number, e.g. --trials +20")
    return [f"budget.trials={planned + int(text.removeprefix('+'))}"]
