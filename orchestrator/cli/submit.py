"""The command `submit`: a sweep is made ready, shown, and sent to a cluster."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import check as cli_catalogue

if TYPE_CHECKING:
    from orchestrator.launchers import Launch
    from orchestrator.project.records import SubmissionRecord
    from orchestrator.project.sending import Options

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
DriverCpus = Annotated[
    float | None,
    typer.Option(min=0, help="CPUs set aside for the driver, half a one by default; 0 puts it on the head node."),
]
NoCheck = Annotated[bool, typer.Option("--no-check", help="Send without trying the cluster first.")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def submit(
    sweep_file: SweepFile,
    overrides: Overrides = None,
    address: Address = None,
    cluster: Cluster = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    insecure: Insecure = False,
    env: Env = None,
    driver_cpus: DriverCpus = None,
    no_check: NoCheck = False,
    patience: cli_catalogue.Patience = cli_catalogue.PATIENCE_S,
    as_json: Json = False,
) -> None:
    """Send a sweep to a cluster, or into the background of this machine, and leave."""
    from orchestrator.project import sending

    known = sending.Options(insecure=insecure, check_s=0.0 if no_check else patience)
    options = sending.options(known, env or (), driver_cpus)
    send(sweep_file, overrides or (), sending.choose(address, cluster), options, dry_run=dry_run, as_json=as_json)


def send(
    sweep_file: Path, overrides: Sequence[str], where: tuple[str, str], options: Options,
    *, dry_run: bool = False, as_json: bool = False,
) -> None:  # fmt: skip
    """Send a sweep to the launcher and target `where`, and say what was sent and what to type next.

    Raises StepladderError where the sweep, or what the cluster answers, is not as it must be.
    """
    from orchestrator.project import records, sending
    from orchestrator.project.workspace import linted_plan

    launcher = sending.launcher_of(*where, _say)
    plan, remarks = linted_plan(sweep_file, overrides)
    cli_catalogue.warn(remarks, sweep_file)
    draw = os.urandom(2).hex()
    submission = sending.make_submission(plan, sweep_file, overrides, launcher, options, time.time(), draw)
    launch = launcher.render(submission)
    for line in launcher.contents(submission) or ():
        _say(line)
    if dry_run:
        _show_launch(launch)
        return
    for warning in launcher.probe(insecure=options.insecure) or ():
        _say(warning)
    if options.check_s and (found := launcher.preflight(submission, options.check_s)):
        _say(found.rstrip())
    job = launcher.submit(submission, launch, records.place_of(sweep_file))
    record = records.SubmissionRecord(
        plan.spec.name, submission.sweep_file, where[0], launcher.target, job, submission.sweep_folder,
        submission.overrides, time.time(), dict(options.env), options.driver_cpus, options.insecure,
    )  # fmt: skip
    records.write_record(sweep_file, record)
    _show_sent(record, sweep_file, as_json=as_json)


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


def _show_sent(record: SubmissionRecord, sweep_file: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"sweep": record.sweep, "job": record.job, "folder": record.folder}, indent=2))
    else:
        typer.echo(f"{record.sweep} is sent to {record.target or 'the background of this machine'} as {record.job}")
    for command in next_commands(sweep_file):
        _say(f"next: {command}")


def next_commands(sweep_file: Path) -> list[str]:
    """Return what is worth typing after a submission."""
    file = shlex.quote(str(sweep_file))
    return [
        f"stepladder {words.format(file)}" for words in ("status {}", "logs -f {}", "stop {}", "resume {}", "export {}")
    ]


def _say(message: str) -> None:
    typer.echo(message, err=True)
