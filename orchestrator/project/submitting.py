"""A submission is carried out: the cluster is asked, tried, and given the job, and what was sent is remembered."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.launchers import Launch, Launcher, Submission
from orchestrator.project.records import SubmissionRecord, place_of, write_record
from orchestrator.project.sending import Options


def carry_out(
    kind: str, launcher: Launcher, submission: Submission, launch: Launch, options: Options, say: Callable[[str], None]
) -> SubmissionRecord:
    """Send `launch` by `launcher`, whose name is `kind`; returns the record that was written beside the sweep file.

    `say` is told the cluster's warnings and what trying it found. Raises ClusterError where the cluster does not
    answer, would not run the sweep or refuses it; nothing is remembered then.
    """
    for warning in launcher.probe(insecure=options.insecure) or ():
        say(warning)
    if options.check_s and (found := launcher.preflight(submission, options.check_s)):
        say(found.rstrip())
    sweep_file: Path = submission.folder / submission.sweep_file
    record = SubmissionRecord(
        sweep=submission.name,
        sweep_file=submission.sweep_file,
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
