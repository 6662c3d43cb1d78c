"""A submission is carried out: the cluster is asked, tried, and given the job, and what was sent is remembered."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.errors import ClusterError
from orchestrator.launchers import Launch, Launcher, Submission, Tried
from orchestrator.project.first_word import FirstWord, hear, was_accepted
from orchestrator.project.records import SubmissionRecord, forget_record, place_of, write_record
from orchestrator.project.sending import Options, launcher_at, launcher_of, make_submission, with_files
from orchestrator.sweep.plan import Plan

QUICK_S = 3.0
"""How long one question to a cluster may go unanswered while its driver's first word is waited for."""


def carry_out(
    kind: str, launcher: Launcher, submission: Submission, launch: Launch, options: Options, say: Callable[[str], None]
) -> SubmissionRecord:
    """Send `launch` by `launcher`, whose name is `kind`; returns the record that was written beside the sweep file.

    `say` is told the cluster's warnings and what trying it found. Raises ClusterError where the cluster does not
    answer, would not run the sweep or refuses it; nothing is remembered then.
    """
    for warning in launcher.probe(insecure=options.insecure) or ():
        say(warning)
    if options.check_s and (found := launcher.preflight(submission, options.check_s)) is not None:
        if not found.is_well:
            raise ClusterError(
                f"{found.text.rstrip()}\nthe cluster cannot run the sweep as it is; --no-check sends it all the same"
            )
        say(found.text.rstrip())
    sweep_file: Path = submission.folder / submission.sweep_file
    record = SubmissionRecord(
        sweep=submission.name,
        sweep_file=sweep_file.name,
        launcher=kind,
        target=launcher.target,
        job=launcher.submit(submission, launch, place_of(sweep_file)),
        folder=submission.sweep_folder,
        overrides=submission.overrides,
        submitted_t=time.time(),
        env=dict(options.env),
        driver_cpus=options.driver_cpus,
        insecure=options.insecure,
        sweep_id=submission.sweep_id,
        owner=submission.owner,
    )
    write_record(sweep_file, record)
    return record


def tried(
    plan: Plan, sweep_file: Path, overrides: Sequence[str], dashboard: str, patience_s: float,
    say: Callable[[str], None], *, insecure: bool, as_json: bool,
) -> Tried:  # fmt: skip
    """Try the cluster behind `dashboard` with the files that the sweep would be sent with; no sweep is sent.

    Raises UsageError where the sweep cannot be sent there, ClusterError where the cluster does not answer.
    """
    kind, launcher = launcher_at(dashboard, say)
    submission = make_submission(plan, sweep_file, overrides, launcher, Options(), time.time(), os.urandom(2).hex())
    submission = with_files(submission, plan.spec, launcher, say)
    for line in launcher.contents(submission) or ():
        say(line)
    for warning in launcher.probe(insecure=insecure) or ():
        say(warning)
    found = launcher.preflight(submission, patience_s, as_json=as_json)
    if found is None:
        raise ClusterError(f"{dashboard}: the launcher {kind} cannot try a cluster before a sweep is sent")
    return found


def heard(sweep_file: Path, record: SubmissionRecord, patience_s: float) -> FirstWord:
    """Wait for the first word of the driver that was sent off from `sweep_file`.

    Raises ClusterError with the driver's reason where it refused the sweep, whose record is then forgotten: what was
    sent before is what the file's commands are about. Raises it, too, where the driver failed, or left, at once.
    """
    launcher = launcher_of(record.launcher, record.target, lambda _: None, QUICK_S)
    try:
        return hear(launcher, record.job, patience_s)
    except ClusterError:
        if not was_accepted(launcher, record.job):
            forget_record(sweep_file, record)
        raise
