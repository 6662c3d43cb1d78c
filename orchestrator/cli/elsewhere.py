"""The commands for sweeps that were sent off: `ls`, `logs`, and what `status`, `resume` and the others do about them.

How a sweep stands is read from its storage where that is seen from here; else the cluster is asked by a small job.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.submit import Address, Json
from orchestrator.errors import ClusterError, StorageError, UsageError
from orchestrator.storage.url import is_url

if TYPE_CHECKING:
    from orchestrator.launchers import JobState, Launcher
    from orchestrator.project.records import SubmissionRecord
    from orchestrator.storage.location import Location
    from orchestrator.storage.requests import DriverRequest


CANCEL_S = 60.0
"""How long a driver that was asked to leave at once may take before the cluster ends it."""


def ls(
    folder: Annotated[Path, typer.Argument(help="The folder of sweep files.", show_default=False)] = Path(),
    address: Address = None,
    as_json: Json = False,
) -> None:
    """List the sweeps that were sent off from here, or those that a cluster knows."""
    from orchestrator.project import records, sending
    from orchestrator.views.jobs import Row, jobs_answer, jobs_document

    if address is not None:
        launcher = sending.launcher_of("ray-job", address, _say)
        rows = [Row(j.sweep, j.status, address, j.job, j.folder, j.submitted_t) for j in launcher.jobs()]
    else:
        rows = [
            Row(
                r.sweep,
                launcher_of(r, patience_s=2.0).status(r.job),
                r.target or "this machine",
                r.job,
                r.folder,
                r.submitted_t,
            )
            for r in records.records(folder)
        ]
    if as_json:
        typer.echo(json.dumps(jobs_document(rows), indent=2))
    elif rows:
        _answer(jobs_answer(rows, time.time()))
    else:
        _say(f"no sweep was sent off from {folder.absolute()}" if address is None else f"{address} knows no sweep")
    _say("next: stepladder status SWEEP_FILE" if rows else "next: stepladder submit SWEEP_FILE --address URL")


def logs(
    sweep: Annotated[str, typer.Argument(help="The sweep file.", show_default=False)],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the driver ends.")] = False,
    address: Address = None,
) -> None:
    """Print what a submitted sweep's driver said."""
    record = find(sweep, address)
    if record is None:
        raise UsageError(f"{sweep} was not sent off from here; give the cluster that runs it by --address")
    for piece in launcher_of(record).logs(record.job, follow=follow):
        typer.echo(piece, nl=False)
        sys.stdout.flush()


def find(sweep: str, address: str | None, overrides: Sequence[str] = ()) -> SubmissionRecord | None:
    """Return the submission that `sweep` (a sweep file) means, None where it was never sent off.

    `overrides` are the command line's: one of them may name the sweep. With `address` and no record of it, the cluster
    there is asked for its newest job of that sweep. Raises UsageError where it knows none.
    """
    from orchestrator.project import records, sending
    from orchestrator.project.workspace import plan_from_file

    file = Path(sweep)
    if is_url(sweep) or file.is_dir():
        if address is not None:
            raise UsageError(f"{sweep} is a folder; with --address give the sweep file")
        return None
    if address is None and not records.records(file.absolute().parent):
        return None
    name = plan_from_file(file, overrides).spec.name
    named = any(override.startswith("name=") for override in overrides)
    record = records.find_record(file, name, only=named)
    if address is None or (record is not None and record.target == address):
        return record
    for job in sending.launcher_of("ray-job", address, _say).jobs():
        if job.sweep == name:
            return records.SubmissionRecord(name, file.name, "ray-job", address, job.job, job.folder)
    raise UsageError(
        f"{address} knows no job of the sweep {name}; `stepladder ls --address {address}` lists its sweeps"
    )


def results_of(sweep: str) -> str:
    """Return what to read a sweep's results from: its folder where it was sent off, else what was given.

    Raises UsageError where that folder is not seen from here.
    """
    record = find(sweep, None)
    if record is None:
        return sweep
    if sweep_here(record.folder) is None:
        raise UsageError(f"{record.folder} is not seen from here; do this where it is, with it for the sweep file")
    return record.folder


def show_sweep(folder: Location, *, as_json: bool, more: Mapping[str, Any] | None = None) -> None:
    """Show how the sweep in `folder` stands; `more` is added to the JSON. Raises SweepNotFoundError."""
    from orchestrator.control.session import read_log
    from orchestrator.results.diagnoses import winner_diagnosis
    from orchestrator.storage.lease import describe_holder
    from orchestrator.storage.requests import requested
    from orchestrator.views.status import status_answer, status_document

    state, events = read_log(folder)
    files = folder.files()
    holder, asked, diagnosis = describe_holder(files), requested(files), winner_diagnosis(state, events)
    if as_json:
        document = status_document(state, folder, holder, requested=asked, diagnosis=diagnosis)
        typer.echo(json.dumps({**document, **(more or {})}, indent=2))
    else:
        _answer(status_answer(state, folder, holder, requested=asked, diagnosis=diagnosis))


def show_status(record: SubmissionRecord, *, as_json: bool) -> None:
    """Show how a submitted sweep stands: from its storage where that is seen from here, else by asking the cluster."""
    from rich.text import Text

    from orchestrator.launchers import JobState

    here = sweep_here(record.folder)
    launcher = launcher_of(record, patience_s=3.0 if here else 60.0)
    job = launcher.status(record.job)
    more = {"job": {"job": record.job, "target": record.target, "state": job.state.value, "text": job.text}}
    if here is not None:
        show_sweep(here, as_json=as_json, more=more)
    else:
        told = _asked(record, launcher, job.state, as_json=as_json)
        typer.echo(json.dumps({**json.loads(told or "{}"), **more}, indent=2) if as_json else told, nl=as_json)
    if not as_json:
        _answer(Text(_job_line(record, job.state.value, job.text)))
    if here is not None and job.state in (JobState.UNKNOWN, JobState.GONE):
        _say("the cluster is gone or out of reach; what you see is what the sweep's storage holds")


def _asked(record: SubmissionRecord, launcher: Launcher, state: JobState, *, as_json: bool) -> str:
    """Let the cluster read the sweep's state; empty, with the reason said, where it does not."""
    if state == "unknown":
        _say(f"{record.folder} is not seen from here, so how the sweep stands is not known")
        return ""
    try:
        return launcher.run("status", record.folder, *(["--json"] if as_json else []))
    except ClusterError as error:
        _say(f"{record.folder} is not seen from here, and from the cluster: {error}")
        return ""


def ask_to_leave(record: SubmissionRecord, kind: DriverRequest, sweep: str) -> None:
    """Put the request into the sweep's storage, from here or from the cluster; a cancel waits and sees to it.

    A driver that is not there yet, or does not obey a cancel in time, is ended by the cluster. Raises UsageError where
    nothing runs, ClusterError where the storage is seen from neither side.
    """
    from orchestrator.storage.requests import DriverRequest, put_request

    launcher = launcher_of(record)
    here = sweep_here(record.folder)
    try:
        if here is not None:
            put_request(here.files(), kind, time.time())
        else:
            launcher.run(kind.value, record.folder)
    except (UsageError, ClusterError) as error:
        job = launcher.status(record.job)
        if not job.state.is_live:
            raise UsageError(f"{record.sweep}: its job {record.job} is not running ({job.state})") from error
        if kind is DriverRequest.STOP and job.state == "running":
            raise
        launcher.stop(record.job)
        typer.echo(f"{kind} requested: the job {record.job} is being ended, everything acknowledged is saved")
    else:
        typer.echo(f"{kind} requested: " + _WHAT_HAPPENS[kind])
        if kind is DriverRequest.CANCEL:
            _see_it_leave(launcher, record.job)
    _say(f"next: stepladder status {shlex.quote(sweep)}\n      stepladder resume {shlex.quote(sweep)}")


_WHAT_HAPPENS = {
    "stop": "no new trials, the running ones finish, then the driver leaves",
    "cancel": "the running trials pause at their newest checkpoint, and the driver leaves",
}


def _see_it_leave(launcher: Launcher, job: str) -> None:
    deadline = time.monotonic() + CANCEL_S
    while launcher.status(job).state.is_live:
        if time.monotonic() > deadline:
            _say(f"the driver has not left in {CANCEL_S:.0f} s; the cluster ends it")
            launcher.stop(job)
            return
        time.sleep(1.0)


def launcher_of(record: SubmissionRecord, patience_s: float = 60.0) -> Launcher:
    """Return the launcher that sent it, which waits as long for a cluster that is away."""
    from orchestrator.project import sending

    return sending.launcher_of(record.launcher, record.target, _say, patience_s)


def sweep_here(folder: str) -> Location | None:
    """Return the sweep's folder where it can be read from here, None elsewhere."""
    from orchestrator.control.session import sweep_exists
    from orchestrator.storage.location import Location

    location = Location.parse(folder)
    try:
        return location if sweep_exists(location) else None
    except StorageError as error:
        _say(f"{folder} cannot be read from here: {error}")
        return None


def _job_line(record: SubmissionRecord, state: str, text: str) -> str:
    since = datetime.fromtimestamp(record.submitted_t, UTC).strftime("%Y-%m-%d %H:%M UTC") if record.submitted_t else ""
    where = record.target or "this machine"
    return (
        f"job {record.job} on {where}"
        + (f", sent {since}" if since else "")
        + f": {state}"
        + (f", {text}" if text else "")
    )


def _answer(renderable: Any) -> None:
    from orchestrator.views.render import make_console, show

    show(make_console(sys.stdout), renderable)


def _say(message: str) -> None:
    typer.echo(message, err=True)
