"""The command `run`, and how a sweep that was driven from here ends: for `resume` too."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.check import warn
from orchestrator.cli.options import (
    SWEEP_FILE,
    AddressOption,
    CpusOption,
    GpusOption,
    JsonOption,
    OverridesArgument,
    SweepFileArgument,
    file_meant,
)
from orchestrator.cli.say import answer, answer_json, say
from orchestrator.project.address import to_join

if TYPE_CHECKING:
    from orchestrator.control.session import Session
    from orchestrator.driver import Ending
    from orchestrator.errors import ClusterLostError


def run(
    sweep_file: SweepFileArgument = SWEEP_FILE,
    overrides: OverridesArgument = None,
    address: AddressOption = None,
    cpus: CpusOption = None,
    gpus: GpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a new sweep and write its winner to best.json.

    Without --address, on a Ray that is started on this machine.
    """
    from orchestrator.control.session import create, refuse_existing
    from orchestrator.project.code_in_force import code_to_begin
    from orchestrator.project.warming import warmed
    from orchestrator.project.workspace import linted_plan, sweep_folder

    sweep_file, overrides = file_meant(sweep_file, overrides)
    joined = to_join(address, "run")
    compiled, remarks = linted_plan(sweep_file, overrides)
    warn(remarks, sweep_file)
    folder = sweep_folder(compiled, sweep_file.parent)
    refuse_existing(folder)
    compiled, left_out = warmed(compiled, sweep_file.parent)
    for told in left_out:
        say(f"warm_start: {told}")
    begun = code_to_begin(compiled, sweep_file.parent, time.time())
    session = create(folder, begun.plan, sweep_file.read_bytes(), begun.taken)
    for line in begun.said:
        say(line)
    drive_and_answer(session, sweep_file.parent, joined, cpus, gpus, as_json=as_json)


def drive_and_answer(
    session: Session, code: Path, address: str | None, cpus: int | None, gpus: int | None, *, as_json: bool
) -> None:
    """Drive a sweep, whose training code lies in the folder `code`, to where it stops; answer with its winner.

    Leaves with the exit code of how it ended.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))  # from here on there is something to go on with
    from orchestrator.driver import run_session
    from orchestrator.ray.host.options import HostOptions, job_address

    ending = run_session(session, code, HostOptions(address or job_address(os.environ), cpus, gpus), _leave_at_once)
    _show_ending(session, ending, as_json=as_json)
    raise typer.Exit(ending.exit_code)


def _leave_at_once(error: ClusterLostError) -> None:
    """End this process, whose main thread is stuck in a Ray that is gone: in order it would never end."""
    say(f"error: {error}")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(error.exit_code)


def _show_ending(session: Session, ending: Ending, *, as_json: bool) -> None:
    from orchestrator.control.brake import REASON as BRAKED
    from orchestrator.control.session import read_events
    from orchestrator.results.best import best_document
    from orchestrator.results.diagnoses import winner_diagnosis
    from orchestrator.views.status import winner_answer

    for problem in ending.problems:
        say(f"warning: {problem}")
    diagnosis = winner_diagnosis(ending.state, read_events(session.folder))
    if as_json:
        answer_json(best_document(ending.state, session.folder, diagnosis))
    else:
        answer(winner_answer(ending.state, session.folder, ending.reason, diagnosis))
    if ending.reason == BRAKED:
        say(f"stopped: {ending.state.stopped_note}")
        say(f"mend that, then run the failed trials again: stepladder resume {session.folder} --retry-failed")
    elif ending.is_resumable:
        say(f"stopped ({ending.reason}), everything is saved; go on with: stepladder resume {session.folder}")
