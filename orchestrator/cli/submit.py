"""The command `submit`: a sweep is made ready, shown, and sent to a cluster."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.check import warn
from orchestrator.cli.options import (
    PATIENCE_S,
    SWEEP_FILE,
    AddressOption,
    ClusterOption,
    DriverCpusOption,
    EnvOption,
    InsecureOption,
    JsonOption,
    NoCheckOption,
    OverridesArgument,
    OwnerOption,
    PatienceOption,
    SweepFileArgument,
    file_meant,
    set_owner,
)
from orchestrator.cli.say import answer_json, answer_text, say
from orchestrator.project.address import to_send

if TYPE_CHECKING:
    from orchestrator.launchers import Launch
    from orchestrator.project.records import SubmissionRecord
    from orchestrator.project.sending import Options


def submit(
    sweep_file: SweepFileArgument = SWEEP_FILE,
    overrides: OverridesArgument = None,
    address: AddressOption = None,
    cluster: ClusterOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    insecure: InsecureOption = False,
    env: EnvOption = None,
    driver_cpus: DriverCpusOption = None,
    owner: OwnerOption = None,
    no_check: NoCheckOption = False,
    patience: PatienceOption = PATIENCE_S,
    as_json: JsonOption = False,
) -> None:
    """Send a sweep to a cluster and leave.

    Without --address and --cluster, into the background of this machine.
    """
    from orchestrator.project import sending

    sweep_file, overrides = file_meant(sweep_file, overrides)
    set_owner(owner)
    where = sending.choose(to_send(address, "submit"), cluster, sweep_file.parent)
    known = sending.Options(insecure=insecure, check_s=0.0 if no_check else patience)
    options = sending.options(known, env or (), driver_cpus)
    send(sweep_file, overrides, where, options, dry_run=dry_run, as_json=as_json)


def send(
    sweep_file: Path, overrides: Sequence[str], where: tuple[str, str], options: Options,
    *, dry_run: bool = False, as_json: bool = False,
) -> None:  # fmt: skip
    """Send a sweep to the launcher and target `where`, and say what was sent and what to type next.

    Raises StepladderError where the sweep, or what the cluster answers, is not as it must be.
    """
    from orchestrator.project import sending, submitting
    from orchestrator.project.warming import look_before_sending
    from orchestrator.project.workspace import linted_plan

    launcher = sending.launcher_of(*where, say)
    plan, remarks = linted_plan(sweep_file, overrides)
    warn(remarks, sweep_file)
    draw = os.urandom(2).hex()
    submission = sending.make_submission(plan, sweep_file, overrides, launcher, options, time.time(), draw)
    submission = sending.with_files(submission, plan.spec, launcher, say)
    launch = launcher.render(submission)
    sending.refuse_taken(plan, submission)
    is_seen = launcher.sees_this_machine
    for line in look_before_sending(plan, submission.folder, submission.sweep_folder, is_seen=is_seen):
        say(line)
    for line in launcher.contents(submission) or ():
        say(line)
    if dry_run:
        _show_launch(launch)
        return
    record = submitting.carry_out(where[0], launcher, submission, launch, options, say)
    _show_sent(record, sweep_file, as_json=as_json)


def _show_launch(launch: Launch) -> None:
    for name, content in launch.files.items():
        answer_text(f"# {name}\n{content}")
    lines = [shlex.quote(launch.command[0])]
    options = True
    for word in launch.command[1:]:  # an option with its value a line, and then the rest
        starts_line = options and word.startswith("--")
        options = options and word != "--"
        lines[-1:] = [lines[-1], shlex.quote(word)] if starts_line else [f"{lines[-1]} {shlex.quote(word)}"]
    answer_text(" \\\n  ".join(lines))
    for note in launch.notes:
        say(note)


def _show_sent(record: SubmissionRecord, sweep_file: Path, *, as_json: bool) -> None:
    if as_json:
        answer_json({"sweep": record.sweep, "job": record.job, "folder": record.folder})
    else:
        answer_text(f"{record.sweep} is sent to {record.target or 'the background of this machine'} as {record.job}")
    for command in next_commands(sweep_file):
        say(f"next: {command}")


def next_commands(sweep_file: Path) -> list[str]:
    """Return what is worth typing after a submission."""
    file = shlex.quote(str(sweep_file))
    return [
        f"stepladder {words.format(file)}" for words in ("status {}", "logs -f {}", "stop {}", "resume {}", "export {}")
    ]
