"""The commands that look at sent sweeps' jobs: `ls` lists them, `logs` prints what trials, or a driver, said."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import SWEEP, AddressOption, JsonOption, SweepArgument, TrialOption
from orchestrator.cli.say import answer, answer_json, answer_piece, say
from orchestrator.cli.status import open_sweep
from orchestrator.project.address import to_send

if TYPE_CHECKING:
    from orchestrator.views.jobs import Row

LIST_S = 2.0
"""How long each cluster in the list is waited for."""


def ls(
    folder: Annotated[Path, typer.Argument(help="The folder of sweep files.", show_default=False)] = Path(),
    address: AddressOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the sweeps that were sent off from here; with --address, those that the cluster knows."""
    from orchestrator.views.jobs import jobs_answer, jobs_document

    dashboard = to_send(address, "ls")
    rows = _sent_from(folder) if dashboard is None else _known_to(dashboard)
    if as_json:
        answer_json(jobs_document(rows))
    elif rows:
        answer(jobs_answer(rows, time.time()))
    else:
        say(f"no sweep was sent off from {folder.absolute()}" if dashboard is None else f"{dashboard} knows no sweep")
    say("next: stepladder status SWEEP_FILE" if rows else "next: stepladder submit SWEEP_FILE --address URL")


def _sent_from(folder: Path) -> list[Row]:
    from orchestrator.members.outside import look_beside
    from orchestrator.project import records, sending
    from orchestrator.views.jobs import Row

    look_beside(folder)  # for launchers of the user's own
    return [
        Row(
            record.sweep,
            sending.launcher_of(record.launcher, record.target, say, LIST_S).status(record.job),
            record.target or "this machine",
            record.job,
            record.folder,
            record.submitted_t,
        )
        for record in records.records(folder)
    ]


def _known_to(dashboard: str) -> list[Row]:
    from orchestrator.project import sending
    from orchestrator.views.jobs import Row

    launcher = sending.launcher_of(*sending.choose(dashboard, None), say)
    return [Row(job.sweep, job.status, dashboard, job.job, job.folder, job.submitted_t) for job in launcher.jobs()]


def logs(
    sweep: SweepArgument = SWEEP,
    trial: TrialOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the driver ends.")] = False,
    address: AddressOption = None,
) -> None:
    """Print what all of a sweep's trials printed, or one of them; of one that was sent off, what its driver did."""
    for piece in open_sweep(sweep, to_send(address, "logs")).logs(trial, follow=follow):
        answer_piece(piece)
