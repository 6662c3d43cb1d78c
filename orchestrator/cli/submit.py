"""The command `submit`: a sweep is made ready, shown, and sent to a cluster."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator import exitcodes
from orchestrator.cli.check import warn
from orchestrator.cli.options import (
    PATIENCE_S,
    SWEEP_FILE,
    AddressOption,
    ClusterOption,
    DetachOption,
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
    from orchestrator.project.first_word import FirstWord
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
    detach: DetachOption = False,
    as_json: JsonOption = False,
) -> None:
    """Send a sweep to a cluster and leave.

    Without --address and --cluster, into the background of this machine. Its driver's first word is waited for, a
    minute at most: whether it is at work, what it waits for, or why it refuses the sweep.
    """
    from orchestrator.project import sending

    sweep_file, overrides = file_meant(sweep_file, overrides)
    set_owner(owner)
    where = sending.choose(to_send(address, "submit"), cluster, sweep_file.parent)
    overrides = [*sending.settings_of(cluster), *overrides]
    known = options_of_sending(patience, insecure=insecure, no_check=no_check, detach=detach)
    options = sending.options(known, env or (), driver_cpus)
    send(sweep_file, overrides, where, options, dry_run=dry_run, as_json=as_json)


def options_of_sending(
    patience_s: float, *, insecure: bool, no_check: bool, detach: bool, is_code_new: bool = False
) -> Options:
    """Return what the options say that `submit` and `resume` share."""
    from orchestrator.project.first_word import PATIENCE_S as HEAR_S
    from orchestrator.project.sending import Options

    hear_s = 0.0 if detach else HEAR_S
    check_s = 0.0 if no_check else patience_s
    return Options(insecure=insecure, check_s=check_s, is_code_new=is_code_new, hear_s=hear_s)


def send(
    sweep_file: Path, overrides: Sequence[str], where: tuple[str, str], options: Options,
    *, dry_run: bool = False, as_json: bool = False, is_begun: bool = False,
) -> None:  # fmt: skip
    """Send a sweep to the launcher and target `where`, and say what was sent and what to type next.

    `is_begun` says that it goes on, with whatever its file was begun with. Raises StepladderError where the sweep, or
    what the cluster answers, is not as it must be.
    """
    from orchestrator.project import sending, submitting
    from orchestrator.project.first_word import WordState
    from orchestrator.project.warming import look_before_sending
    from orchestrator.project.workspace import linted_plan

    launcher = sending.launcher_of(*where, say)
    plan, remarks = linted_plan(sweep_file, overrides, is_begun=is_begun)
    warn(remarks, sweep_file)
    draw = os.urandom(2).hex()
    submission = sending.make_submission(plan, sweep_file, overrides, launcher, options, time.time(), draw)
    submission = sending.with_files(submission, plan.spec, launcher, say)
    launch = launcher.render(submission)
    sending.refuse_taken(plan, submission)
    is_seen = launcher.sees_this_machine
    for line in look_before_sending(plan, sweep_file.absolute().parent, submission.sweep_folder, is_seen=is_seen):
        say(line)
    for line in launcher.contents(submission) or ():
        say(line)
    if dry_run:
        _show_launch(launch)
        return
    record = submitting.carry_out(where[0], launcher, submission, launch, options, say)
    if not as_json:
        answer_text(f"{record.sweep} is sent to {record.target or 'the background of this machine'} as {record.job}")
    word = _heard(sweep_file, record, options.hear_s) if options.hear_s else None
    if as_json:
        answer_json(_sent_document(record, word))
    elif word is not None:
        answer_text(word.text if word.state in (WordState.UNHEARD, WordState.LEFT) else f"accepted: {word.text}")
    for command in next_commands(sweep_file):
        say(f"next: {command}")


def _heard(sweep_file: Path, record: SubmissionRecord, patience_s: float) -> FirstWord:
    from orchestrator.project.submitting import heard

    try:
        return heard(sweep_file, record, patience_s)
    except KeyboardInterrupt:
        say(f"it is not waited for any more; {record.job} goes on there: stepladder status {sweep_file}")
        raise typer.Exit(exitcodes.INTERRUPTED) from None


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


def _sent_document(record: SubmissionRecord, word: FirstWord | None) -> dict[str, Any]:
    said = {"sweep": record.sweep, "sweep_id": record.sweep_id, "job": record.job, "folder": record.folder}
    return said | {"first_word": None if word is None else {"state": word.state.value, "text": word.text}}


def next_commands(sweep_file: Path) -> list[str]:
    """Return what is worth typing after a submission."""
    file = shlex.quote(str(sweep_file))
    return [
        f"stepladder {words.format(file)}" for words in ("status {}", "logs -f {}", "stop {}", "resume {}", "export {}")
    ]
