"""The commands that look around: `ls` lists sweeps, here and sent, `logs` prints what trials, or a driver, said."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import SWEEP, AddressOption, JsonOption, SweepArgument, TrialOption
from orchestrator.cli.say import answer, answer_json, answer_piece, say
from orchestrator.cli.status import open_sweep
from orchestrator.errors import StorageError, UsageError
from orchestrator.project.address import to_send

if TYPE_CHECKING:
    from orchestrator.views.jobs import ListedSweep

LIST_S = 2.0
"""How long each cluster in the list is waited for."""


def ls(
    place: Annotated[
        str, typer.Argument(help="A folder of sweep files, or a storage: runs, s3://bucket/runs.", show_default=False)
    ] = ".",
    address: AddressOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the sweeps that lie here or were sent off from here; with --address, those that the cluster knows."""
    from orchestrator.views.jobs import listed_answer, listed_document

    dashboard = to_send(address, "ls")
    rows = _known_to(dashboard) if dashboard is not None else [*_sent_from(place), *_lying_in(place)]
    if as_json:
        answer_json(listed_document(rows))
    elif rows:
        answer(listed_answer(rows, time.time()))
    else:
        where = Path(place).absolute() if dashboard is None and "://" not in place else place
        say(f"no sweep lies in {where} or was sent off from it" if dashboard is None else f"{dashboard} knows no sweep")
    say("next: stepladder status SWEEP" if rows else "next: stepladder run SWEEP_FILE, or submit it to a cluster")


def _sent_from(place: str) -> list[ListedSweep]:
    from orchestrator.members.outside import look_beside
    from orchestrator.project import records, sending
    from orchestrator.views.jobs import ListedSweep

    if not Path(place).is_dir():
        return []
    look_beside(Path(place))  # for launchers of the user's own
    rows = []
    for record in records.records(Path(place)):
        found = sending.launcher_of(record.launcher, record.target, say, LIST_S).status(record.job)
        where, name = record.target or "this machine", record.sweep_id or record.sweep
        known = name, found.state.value, found.text, record.owner or None, where, record.job, record.folder
        rows.append(ListedSweep(*known, record.submitted_t))
    return sorted(rows, key=lambda row: row.state not in ("running", "pending"))


def _lying_in(place: str) -> list[ListedSweep]:
    """Return the sweeps whose folders lie there; one that cannot be read is listed with what is wrong with it."""
    from orchestrator.control.recovery import left_without_record
    from orchestrator.project.places import sweeps_in
    from orchestrator.state.reading import read_sweep, sweep_exists
    from orchestrator.storage.lease import describe_holder
    from orchestrator.storage.location import Location
    from orchestrator.views.jobs import UNREACHABLE, ListedSweep, listed, unreadable

    rows = []

    def unread(where: Location, error: StorageError) -> None:
        rows.append(ListedSweep("", UNREACHABLE, str(error), folder=str(where)))

    for folder in sweeps_in(Location.parse(place), unread):
        try:
            if sweep_exists(folder):
                state, files = read_sweep(folder), folder.files()
                left = left_without_record(state, holder := describe_holder(files), files)
                rows.append(listed(state, str(folder), holder, time.time(), left))
        except StorageError as error:
            rows.append(unreadable(str(folder), error))
    return sorted(rows, key=lambda row: -(row.began_t or 0.0))


def _known_to(dashboard: str) -> list[ListedSweep]:
    from orchestrator.project import sending
    from orchestrator.views.jobs import ListedSweep

    launcher = sending.launcher_of(*sending.choose(dashboard, None), say)
    return [
        ListedSweep(
            job.sweep_id or job.sweep, job.status.state.value, job.status.text, job.owner or None, dashboard, job.job,
            job.folder, job.submitted_t,
        )
        for job in launcher.jobs()
    ]  # fmt: skip


def logs(
    sweep: SweepArgument = SWEEP,
    trial: TrialOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the driver ends.")] = False,
    driver: Annotated[bool, typer.Option("--driver", help="What its drivers said, kept with the sweep.")] = False,
    address: AddressOption = None,
) -> None:
    """Print what all of a sweep's trials printed, or one of them; of one that was sent off, what its driver did."""
    if driver and (follow or trial is not None):
        raise UsageError("--driver is for all that its drivers said; leave out --trial and --follow")
    handle = open_sweep(sweep, to_send(address, "logs"))
    for piece in handle.driver_logs() if driver else handle.logs(trial, follow=follow):
        answer_piece(piece)
