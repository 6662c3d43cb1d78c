"""The commands for sweeps that run elsewhere: `submit`, `ls`, `logs`, and what the other commands do about them."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator import cli_catalogue
from orchestrator.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from orchestrator.launchers import Launch, Launcher, Submission
    from orchestrator.submitted import Record
    from orchestrator.sweep.plan import Plan

SweepFile = Annotated[Path, typer.Argument(help="The sweep file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="key=value, e.g. budget.trials=20", metavar="[KEY=VALUE]...", show_default=False),
]
Address = Annotated[
    str | None, typer.Option(help="A Ray cluster's dashboard, e.g. http://127.0.0.1:8265.", show_default=False)
]
Cluster = Annotated[
    str | None,
    typer.Option(help="A cluster definition: a file, or its name in cluster/.", show_default=False),
]
Insecure = Annotated[bool, typer.Option("--insecure", help="Also send to a cluster that asks for no token.")]
Env = Annotated[
    list[str] | None,
    typer.Option(help="NAME=VALUE for driver and trials; everybody there can read it.", show_default=False),
]
DriverCpus = Annotated[float, typer.Option(min=0, help="CPUs set aside for the driver; 0 puts it on the head node.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def submit(
    sweep_file: SweepFile,
    overrides: Overrides = None,
    address: Address = None,
    cluster: Cluster = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    insecure: Insecure = False,
    env: Env = None,
    driver_cpus: DriverCpus = 0.5,
    no_check: Annotated[bool, typer.Option("--no-check", help="Send without trying the cluster first.")] = False,
    as_json: Json = False,
) -> None:
    """Send a sweep to a cluster, or into the background of this machine, and leave."""
    from orchestrator import submitted
    from orchestrator.runtime.workspace import linted_plan

    name, target = submitted.choose(address, cluster)
    launcher = submitted.launcher_of(name, target, _say)
    plan, remarks = linted_plan(sweep_file, overrides or ())
    cli_catalogue.warn(remarks, sweep_file)
    options = submitted.Options(submitted.parse_env(env or ()), driver_cpus)
    draw = os.urandom(2).hex()
    submission = submitted.make_submission(plan, sweep_file, overrides or (), launcher, options, time.time(), draw)
    launch = launcher.render(submission)
    for line in launcher.contents(submission):
        _say(line)
    if dry_run:
        _show_launch(launch)
        return
    record = _sent(plan, sweep_file, submission, launch, launcher, name, insecure=insecure)
    _show_sent(record, sweep_file, as_json=as_json)


def ls(
    folder: Annotated[Path, typer.Argument(help="The folder of sweep files.", show_default=False)] = Path(),
    address: Address = None,
    as_json: Json = False,
) -> None:
    """List the sweeps that were sent off from here, or those that a cluster knows."""
    from orchestrator import submitted
    from orchestrator.report.jobs_view import Row, jobs_answer, jobs_document

    if address is not None:
        launcher = submitted.launcher_of("ray-job", address, _say)
        rows = [Row(j.sweep, j.status, address, j.job, j.folder, j.submitted_t) for j in launcher.jobs()]
    else:
        rows = [
            Row(
                r.sweep,
                _launcher(r, patience_s=2.0).status(r.job),
                r.target or "this machine",
                r.job,
                r.folder,
                r.submitted_t,
            )
            for r in submitted.records(folder)
        ]
    if as_json:
        typer.echo(json.dumps(jobs_document(rows), indent=2))
    elif rows:
        _answer(jobs_answer(rows, time.time()))
    else:
        _say(f"no sweep was sent off from {folder.absolute()}" if address is None else f"{address} knows no sweep")
    _say("next: stepladder status SWEEP_FILE" if rows else "next: stepladder submit SWEEP_FILE --address URL")


def logs(
    sweep: Annotated[Path, typer.Argument(help="The sweep file.", show_default=False)],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the driver ends.")] = False,
    address: Address = None,
) -> None:
    """Print what a submitted sweep's driver said."""
    record = find(sweep, address)
    if record is None:
        raise UsageError(f"{sweep} was not sent off from here; give the cluster that runs it by --address")
    for piece in _launcher(record).logs(record.job, follow=follow):
        typer.echo(piece, nl=False)
        sys.stdout.flush()


def find(sweep: Path, address: str | None) -> Record | None:
    """Return the submission that `sweep` (a sweep file) means, None where it was never sent off.

    With `address` and no record of it, the cluster there is asked for its newest job of that sweep. Raises UsageError
    where it knows none.
    """
    from orchestrator import submitted
    from orchestrator.runtime.workspace import plan_from_file

    if sweep.is_dir():
        if address is not None:
            raise UsageError(f"{sweep} is a folder; with --address give the sweep file")
        return None
    if address is None and not submitted.records(sweep.absolute().parent):
        return None
    name = plan_from_file(sweep).spec.name
    record = submitted.find_record(sweep, name)
    if address is None or (record is not None and record.target == address):
        return record
    for job in submitted.launcher_of("ray-job", address, _say).jobs():
        if job.sweep == name:
            return submitted.Record(name, sweep.name, "ray-job", address, job.job, job.folder)
    raise UsageError(
        f"{address} knows no job of the sweep {name}; `stepladder ls --address {address}` lists its sweeps"
    )


def show_status(record: Record, *, as_json: bool) -> None:
    """Show how a submitted sweep stands: from its storage where that is seen from here, else by asking the cluster."""
    from orchestrator.launchers import JobState
    from orchestrator.report.status_view import status_answer, status_document

    here = _sweep_here(record.folder)
    launcher = _launcher(record, patience_s=3.0 if here else 60.0)
    job = launcher.status(record.job)
    document: dict[str, Any] | None = None
    if here is not None:
        state, folder, holder = here
        if as_json:
            document = status_document(state, folder, holder)
        else:
            _answer(status_answer(state, folder, holder))
    elif job.state not in (JobState.UNKNOWN, JobState.GONE):
        try:
            text = launcher.run("status", record.folder, *(["--json"] if as_json else []))
        except ClusterError as error:
            _say(f"{record.folder} is not seen from here, and on the cluster: {error}")
        else:
            document = json.loads(text) if as_json else None
            typer.echo("" if as_json else text, nl=False)
    else:
        _say(f"{record.folder} is not seen from here, so the sweep's own state is not known")
    if as_json:
        told = {"job": record.job, "target": record.target, "state": job.state.value, "text": job.text}
        typer.echo(json.dumps({**(document or {}), "job": told}, indent=2))
    else:
        typer.echo(_job_line(record, job.state.value, job.text))
    if job.state is JobState.UNKNOWN and here is not None:
        _say("the cluster is gone or out of reach; what you see is what its storage holds")


def resubmit(record: Record, sweep_file: Path, overrides: Sequence[str], address: str | None = None) -> None:
    """Send a sweep again, to go on where it was, unless its last job still runs."""
    job = _launcher(record, patience_s=3.0).status(record.job)
    if job.state.is_live:
        raise UsageError(
            f"{record.sweep} runs already, as {record.job} ({job.state}); watch it: {_next(sweep_file)[1]}"
        )
    given = [*record.overrides, *overrides]
    if address is not None or record.launcher == "ray-job":
        submit(sweep_file, given, address=address or record.target)
    else:
        submit(sweep_file, given, cluster=record.target or None)


def _sent(
    plan: Plan, sweep_file: Path, submission: Submission, launch: Launch, launcher: Launcher, name: str,
    *, insecure: bool,
) -> Record:  # fmt: skip
    from orchestrator import submitted

    for warning in launcher.probe(insecure=insecure):
        _say(warning)
    job = launcher.submit(submission, launch, submitted.place_of(sweep_file))
    record = submitted.Record(
        plan.spec.name, submission.sweep_file, name, launcher.target, job, submission.sweep_folder,
        submission.overrides, time.time(),
    )  # fmt: skip
    submitted.write_record(sweep_file, record)
    return record


def _show_launch(launch: Launch) -> None:
    for name, content in launch.files.items():
        typer.echo(f"# {name}\n{content}")
    lines = [shlex.quote(launch.command[0])]
    options = True
    for word in launch.command[1:]:  # an option with its value a line, and then the rest
        starts_line = options and word.startswith("--")
        options = options and word != "--"
        lines[-1:] = [lines[-1], shlex.quote(word)] if starts_line else [f"{lines[-1]} {shlex.quote(word)}"]
    typer.echo(" \\\n  ".join(lines))
    for note in launch.notes:
        _say(note)


def _show_sent(record: Record, sweep_file: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"sweep": record.sweep, "job": record.job, "folder": record.folder}, indent=2))
    else:
        typer.echo(f"{record.sweep} is sent to {record.target or 'the background of this machine'} as {record.job}")
    for command in _next(sweep_file):
        _say(f"next: {command}")


def _next(sweep_file: Path) -> list[str]:
    file = shlex.quote(str(sweep_file))
    return [
        f"stepladder {words.format(file)}" for words in ("status {}", "logs -f {}", "stop {}", "resume {}", "export {}")
    ]


def _launcher(record: Record, patience_s: float = 60.0) -> Launcher:
    from orchestrator import submitted

    return submitted.launcher_of(record.launcher, record.target, _say, patience_s)


def _sweep_here(folder: str) -> Any:
    from orchestrator.runtime.filesystem import LocalFileSystem
    from orchestrator.runtime.lease import describe_holder
    from orchestrator.runtime.session import read_sweep, sweep_exists

    if "://" in folder or not sweep_exists(Path(folder)):
        return None
    path = Path(folder)
    return read_sweep(path), path, describe_holder(LocalFileSystem(path))


def _job_line(record: Record, state: str, text: str) -> str:
    since = datetime.fromtimestamp(record.submitted_t, UTC).strftime("%Y-%m-%d %H:%M UTC") if record.submitted_t else ""
    where = record.target or "this machine"
    return (
        f"job {record.job} on {where}"
        + (f", sent {since}" if since else "")
        + f": {state}"
        + (f", {text}" if text else "")
    )


def _answer(renderable: Any) -> None:
    from orchestrator.report.render import make_console, show

    show(make_console(sys.stdout), renderable)


def _say(message: str) -> None:
    typer.echo(message, err=True)
