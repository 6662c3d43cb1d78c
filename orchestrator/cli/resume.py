"""The command `resume`: a sweep goes on, from here or from where it was sent."""

from __future__ import annotations

import gc
import os
import shlex
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import (
    PATIENCE_S,
    SWEEP,
    AddressOption,
    CpusOption,
    DetachOption,
    DriverCpusOption,
    EnvOption,
    GpusOption,
    IdOption,
    InsecureOption,
    JsonOption,
    NoCheckOption,
    OverridesArgument,
    OwnerOption,
    PatienceOption,
    SweepArgument,
    meant,
    set_owner,
)
from orchestrator.cli.run import drive_and_answer, run
from orchestrator.cli.say import say
from orchestrator.cli.storage_waits import WATCH
from orchestrator.cli.submit import options_of_sending, send
from orchestrator.errors import UsageError
from orchestrator.project.address import to_join, to_send

if TYPE_CHECKING:
    from orchestrator.control.session import Session
    from orchestrator.project.ownership import Meant
    from orchestrator.project.places import Target
    from orchestrator.project.resuming import NextSubmission

RetryFailedOption = Annotated[
    bool, typer.Option("--retry-failed", help="Run the trials that failed again, the baseline first.")
]


class CodeToTake(StrEnum):
    """Where a sweep that goes on takes its code from, if not from what is pinned."""

    HERE = "here"
    """From the sweep file's folder, as it is now."""


CodeOption = Annotated[
    CodeToTake | None,
    typer.Option(help="`here`: go on with the code as it is now, not as it was pinned.", show_default=False),
]


def resume(
    sweep: SweepArgument = SWEEP,
    overrides: OverridesArgument = None,
    trials: Annotated[str | None, typer.Option(help="New number of trials, or +N more.", metavar="[+]N")] = None,
    auto: Annotated[bool, typer.Option("--auto", help="Here, and start the sweep if it is not there yet.")] = False,
    retry_failed: RetryFailedOption = False,
    code: CodeOption = None,
    sweep_id: IdOption = None,
    owner: OwnerOption = None,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    env: EnvOption = None,
    driver_cpus: DriverCpusOption = None,
    no_check: NoCheckOption = False,
    patience: PatienceOption = PATIENCE_S,
    detach: DetachOption = False,
    cpus: CpusOption = None,
    gpus: GpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with an interrupted sweep, or extend a finished one.

    Without --address, where it was sent last, else on a Ray that is started here. A scheduler repeats `resume --auto`,
    perhaps as root or a user who has no name: whose the sweep is is asked there only with --owner.
    """
    from orchestrator.project import places, resuming
    from orchestrator.state.reading import sweep_exists

    sweep, overrides = meant(sweep, overrides)
    set_owner(owner)
    is_new = code is not None
    given = options_of_sending(patience, insecure=insecure, no_check=no_check, detach=detach, is_code_new=is_new)
    if not (auto or cpus is not None or gpus is not None) and (address is None or address.is_dashboard):
        at = to_send(address, "resume")
        again = resuming.next_submission(sweep, at, overrides, trials, given, env or (), driver_cpus, say)
        if again is not None:
            return _send_again(again, sweep, retry_failed=retry_failed, as_json=as_json)
    _refuse_options_of_sending(is_given=insecure or bool(env) or driver_cpus is not None or no_check or detach)
    joined = to_join(address, f"resume {'--auto' if auto else '--cpus or --gpus'}")
    target = places.locate(sweep, overrides)
    if auto and not sweep_exists(target.folder):
        return run(Path(sweep), overrides, address, cpus, gpus, as_json=as_json)
    named = _named(sweep, sweep_id, auto=auto)
    session, folder = taken_over(target, trials, named, retry_failed=retry_failed, takes_code=is_new)
    return drive_and_answer(session, folder, joined, cpus, gpus, as_json=as_json)


def _named(sweep: str, sweep_id: str | None, *, auto: bool) -> Meant | None:
    from orchestrator.project.ownership import Meant
    from orchestrator.project.provenance import is_somebody

    if auto and sweep_id is None and not is_somebody(os.environ):
        return None
    return Meant("resume", shlex.quote(sweep), sweep_id)


def taken_over(
    target: Target, trials: str | None, named: Meant | None, *, retry_failed: bool, takes_code: bool
) -> tuple[Session, Path]:
    """Take the sweep over and say what changed since its last driver; returns the folder of its sweep file too.

    Raises UsageError where it is not the one that is `named`, None: whichever lies there.
    """
    from orchestrator.control.session import reopen
    from orchestrator.project.code_in_force import code_to_go_on
    from orchestrator.project.ownership import SweepThere, refuse_other
    from orchestrator.project.workspace import plan_to_resume
    from orchestrator.state.reading import LogReading

    reading = LogReading(target.folder, target.folder.files())
    state = reading.go_on()
    WATCH.limit_s = state.plan.spec.limits.storage
    if named is not None:
        refuse_other(named, SweepThere.of(state), target.folder)
    plan, folder = plan_to_resume(target, trials, state, takes_code=takes_code)
    force = code_to_go_on(state, target.folder, plan, folder, time.time(), here=takes_code)
    session, changes = reopen(
        target.folder, force.plan, say, retry_failed=retry_failed, code=force.taken or force.key, reading=reading
    )
    gc.freeze()  # what was read is no garbage, and stays: a million objects that nobody has to look at again
    for line in (*force.said, *(f"changed since the last driver: {change}" for change in changes)):
        say(line)
    return session, folder


def _send_again(again: NextSubmission, sweep: str, *, retry_failed: bool, as_json: bool) -> None:
    """Send a sweep again. Raises UsageError where failed trials are to run again: a driver elsewhere is not told so."""
    if retry_failed:
        raise UsageError(
            f"--retry-failed is for the machine that drives the sweep, and this one is sent to {again.where[1]}; "
            f"type there: stepladder resume {sweep} --auto --retry-failed"
        )
    send(Path(sweep), again.overrides, again.where, again.options, as_json=as_json, is_begun=True)


def _refuse_options_of_sending(*, is_given: bool) -> None:
    """Raise UsageError where an option for sending is given with a sweep that is driven from here."""
    if is_given:
        raise UsageError(
            "--insecure, --env, --driver-cpus, --no-check and --detach are for a sweep that is sent to a cluster"
        )
