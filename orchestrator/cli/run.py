"""The command `run`, and how a sweep that was driven from here ends: for `resume` too."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.check import warn
from orchestrator.cli.loudness import SAYS
from orchestrator.cli.options import (
    SWEEP_FILE,
    AddressOption,
    CpusOption,
    FreshOption,
    GpusOption,
    JsonOption,
    OverridesArgument,
    OwnerOption,
    SweepFileArgument,
    YesOption,
    file_meant,
    set_owner,
)
from orchestrator.cli.say import answer, answer_json, say
from orchestrator.cli.storage_waits import WATCH, end_now
from orchestrator.errors import StorageAwayError, StorageError, UsageError
from orchestrator.project.address import to_join

if TYPE_CHECKING:
    from orchestrator.control.session import Session
    from orchestrator.driver import Ending
    from orchestrator.errors import StepladderError
    from orchestrator.storage.driver_log import DriverLog
    from orchestrator.storage.location import Location
    from orchestrator.sweep.plan import Plan


def run(
    sweep_file: SweepFileArgument = SWEEP_FILE,
    overrides: OverridesArgument = None,
    address: AddressOption = None,
    cpus: CpusOption = None,
    gpus: GpusOption = None,
    as_json: JsonOption = False,
    fresh: FreshOption = False,
    yes: YesOption = False,
    owner: OwnerOption = None,
) -> None:
    """Run a new sweep and write its winner to best.json.

    Without --address, on a Ray that is started on this machine. --fresh throws the sweep of this name away first.
    """
    from orchestrator.control.session import create, refuse_existing
    from orchestrator.project.code_in_force import code_to_begin
    from orchestrator.project.warming import warmed
    from orchestrator.project.workspace import linted_plan, sweep_folder

    sweep_file, overrides = file_meant(sweep_file, overrides)
    set_owner(owner)
    joined = to_join(address, "run")
    compiled, remarks = linted_plan(sweep_file, overrides)
    warn(remarks, sweep_file)
    folder = sweep_folder(compiled, sweep_file.parent)
    WATCH.limit_s = compiled.spec.limits.storage
    if fresh:
        _throw_away(folder, sweep_file, is_agreed=yes)
    _refuse_anothers(compiled, folder)
    refuse_existing(folder)
    compiled, left_out = warmed(compiled, sweep_file.parent)
    for told in left_out:
        say(f"warm_start: {told}")
    begun = code_to_begin(compiled, sweep_file.parent, time.time())
    session = create(folder, begun.plan, sweep_file.read_bytes(), begun.taken)
    for line in begun.said:
        say(line)
    drive_and_answer(session, sweep_file.parent, joined, cpus, gpus, as_json=as_json)


def _refuse_anothers(plan: Plan, folder: Location) -> None:
    """Raise UsageError where another sweep lies in `folder`, or another's; whose it is may be unreadable."""
    from orchestrator.project.ownership import SweepThere, refuse_name_in_use
    from orchestrator.state.reading import read_sweep, sweep_exists

    try:
        if sweep_exists(folder):
            refuse_name_in_use(plan, SweepThere.of(read_sweep(folder)), folder, "nothing was begun")
    except StorageAwayError:  # asked again it would be as long in answering
        raise
    except StorageError:  # what can be told of it is told by whoever reads it next
        return


def _throw_away(folder: Location, sweep_file: Path, *, is_agreed: bool) -> None:
    """Throw the sweep in `folder` away, if there is one and somebody says yes. Raises UsageError where nobody does."""
    from orchestrator.project.throwing_away import refuse_throwing_away, throw_away, what_is_thrown_away

    held = what_is_thrown_away(folder)
    if held is None:
        return
    refuse_throwing_away(folder, sweep_file)
    if not is_agreed and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"--fresh throws away {held}; where nobody can be asked, say --yes as well")
    if not is_agreed and not typer.confirm(f"throw away {held}?", err=True):
        raise UsageError(f"{folder} is kept; go on with it: stepladder resume {folder}")
    throw_away(folder)
    say(f"thrown away: {held}")


def drive_and_answer(
    session: Session, code: Path, address: str | None, cpus: int | None, gpus: int | None, *, as_json: bool
) -> None:
    """Drive a sweep, whose training code lies in the folder `code`, to where it stops; answer with its winner.

    Leaves with the exit code of how it ended.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))  # from here on there is something to go on with
    from orchestrator.driver import run_session
    from orchestrator.ray.host.options import HostOptions, job_address
    from orchestrator.storage.driver_log import DriverLog

    kept = DriverLog(session.folder, session.lease.epoch, began_at_byte=SAYS.began_at_byte)
    options = HostOptions(address or job_address(os.environ), cpus, gpus)
    with WATCH.paused():
        ending = run_session(session, code, options, partial(leave_at_once, kept))
    if ending.is_removed:
        _show_failed_start(ending)
    else:
        _show_ending(session, ending, as_json=as_json)
    kept.copy()
    raise typer.Exit(ending.exit_code)


def leave_at_once(kept: DriverLog | None, error: StepladderError) -> None:
    """End this process, whose main thread is stuck, in a Ray that is gone or in its storage: it would never end.

    What it said is `kept` with the sweep, unless that is what it is stuck in.
    """
    if kept is None or isinstance(error, StorageAwayError):
        end_now(error)
    else:
        end_now(error, kept.copy)


def _show_failed_start(ending: Ending) -> None:
    """Say why the first run failed: the trial's own words stand above, on the way."""
    from orchestrator.policies.first_run import failure_of

    for problem in ending.problems:
        say(f"warning: {problem}")
    say(f"error: {failure_of(ending.state)}")
    say("nothing is left behind: mend that, and run the same file again")


def _show_ending(session: Session, ending: Ending, *, as_json: bool) -> None:
    from orchestrator.policies.brake import REASON as BRAKED
    from orchestrator.results.best import best_document
    from orchestrator.results.diagnoses import diagnosed_winner
    from orchestrator.views.status import winner_answer

    for problem in ending.problems:
        say(f"warning: {problem}")
    diagnosis = diagnosed_winner(session.folder, ending.state)
    if as_json:
        answer_json(best_document(ending.state, session.folder, diagnosis))
    else:
        answer(winner_answer(ending.state, session.folder, ending.reason, diagnosis))
    if ending.reason == BRAKED:
        say(f"stopped: {ending.state.stopped_note}")
        say(f"mend that, then run the failed trials again: stepladder resume {session.folder} --retry-failed")
    elif ending.is_resumable:
        say(f"stopped ({ending.reason}), everything is saved; go on with: stepladder resume {session.folder}")
