"""The command `stepladder`: argv to one call to text. No decision lives here.

Answers go to stdout, progress and messages to stderr. Exit codes: 0 nothing left to do, or left on
request; 1 failed, 2 usage or sweep file invalid, 75 stopped with work left, 130 Ctrl-C with the state saved.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import check as cli_catalogue
from orchestrator.cli import elsewhere as cli_elsewhere
from orchestrator.cli import resume as cli_resume
from orchestrator.cli import stop as cli_requests
from orchestrator.cli import submit as cli_cluster
from orchestrator.errors import StepladderError, UsageError

if TYPE_CHECKING:
    from orchestrator.control.session import Session
    from orchestrator.driver import Ending
    from orchestrator.storage.location import Location

RESUMABLE = 75
"""Exit code of what stopped with work left: run it again."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="One YAML file becomes a staged hyperparameter sweep on Ray, and the winner comes out as JSON.",
)

app.add_typer(cli_catalogue.spaces_app, name="spaces")
app.command()(cli_catalogue.check)
app.command()(cli_cluster.submit)
app.command()(cli_elsewhere.ls)
app.command()(cli_elsewhere.logs)
app.command()(cli_requests.stop)
app.command()(cli_requests.cancel)

SweepFile = Annotated[Path, typer.Argument(help="The sweep file.", show_default=False)]
Sweep = Annotated[
    str,
    typer.Argument(help="The sweep file, or the sweep's folder (a path or, say, s3://...).", show_default=False),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="key=value, e.g. budget.trials=20", metavar="[KEY=VALUE]...", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Address = Annotated[
    str | None, typer.Option(help="A running Ray cluster to join, e.g. auto or 10.0.0.1:6379. Unset: start Ray here.")
]
Cluster = Annotated[
    str | None, typer.Option(help="As for run; http://HOST:8265 sends the sweep there. Unset: where it was sent last.")
]
Cpus = Annotated[int | None, typer.Option(min=1, help="CPUs of the Ray started here. Unset: all of this machine.")]
Gpus = Annotated[int | None, typer.Option(min=0, help="GPUs of the Ray started here. Unset: all of this machine.")]


@app.command()
def init(
    demo: Annotated[str, typer.Argument(help="Which demonstration: digits, fashion or text.")] = "digits",
    to: Annotated[Path | None, typer.Option(help="Folder to make. Unset: the demonstration's name.")] = None,
) -> None:
    """Write a working example: a training function and its sweep file."""
    from orchestrator.demos import write_demo

    folder = write_demo(demo, to or Path(demo))
    _say(f"wrote {', '.join(str(path) for path in sorted(folder.iterdir()))}")
    _say(f"next: stepladder plan {folder / 'sweep.yaml'}")


@app.command()
def plan(
    sweep_file: SweepFile,
    overrides: Overrides = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Trials at once. Unset: the file's max_concurrent, or 8.")
    ] = None,
    epoch_seconds: Annotated[float | None, typer.Option(min=0, help="Seconds of one unit of fidelity.")] = None,
    as_json: Json = False,
) -> None:
    """Show what a sweep would do and cost, before anything is paid for."""
    from orchestrator.project.workspace import linted_plan, sweep_folder
    from orchestrator.views.plan import plan_answer, plan_document

    compiled, remarks = linted_plan(sweep_file, overrides or ())
    cli_catalogue.warn(remarks, sweep_file)
    folder = sweep_folder(compiled, sweep_file.parent)
    seconds = epoch_seconds or _measured_seconds(folder)
    at_once = workers or compiled.spec.resources.max_concurrent or 8
    if as_json:
        _answer_json(plan_document(compiled, at_once, seconds))
        return
    _answer(plan_answer(compiled, at_once, seconds))
    _say(f"next: stepladder run {sweep_file}")


@app.command()
def run(
    sweep_file: SweepFile,
    overrides: Overrides = None,
    address: Address = None,
    cpus: Cpus = None,
    gpus: Gpus = None,
    as_json: Json = False,
) -> None:
    """Run a new sweep and write its winner to best.json."""
    from orchestrator.control.session import create
    from orchestrator.project.workspace import linted_plan, sweep_folder

    compiled, remarks = linted_plan(sweep_file, overrides or ())
    cli_catalogue.warn(remarks, sweep_file)
    folder = sweep_folder(compiled, sweep_file.parent)
    session = create(folder, compiled, sweep_file.read_bytes())
    _finish(session, _drive(session, sweep_file.parent, address, cpus, gpus), as_json)


@app.command()
def resume(
    sweep: Sweep,
    overrides: Overrides = None,
    trials: Annotated[str | None, typer.Option(help="New number of trials, or +N more.", metavar="[+]N")] = None,
    auto: Annotated[bool, typer.Option("--auto", help="Here, and start the sweep if it is not there yet.")] = False,
    address: Cluster = None,
    insecure: cli_cluster.Insecure = False,
    env: cli_cluster.Env = None,
    driver_cpus: cli_cluster.DriverCpus = None,
    no_check: cli_cluster.NoCheck = False,
    patience: cli_catalogue.Patience = cli_catalogue.PATIENCE_S,
    cpus: Cpus = None,
    gpus: Gpus = None,
    as_json: Json = False,
) -> None:
    """Go on with an interrupted sweep, or extend a finished one."""
    from orchestrator.control.session import reopen, sweep_exists
    from orchestrator.project.workspace import locate, plan_to_resume

    here = auto or cpus is not None or gpus is not None
    if not here and cli_resume.resume(
        sweep, overrides or (), trials, address,
        insecure=insecure, env=env or (), driver_cpus=driver_cpus, check_s=0.0 if no_check else patience,
    ):  # fmt: skip
        return
    if insecure or env or driver_cpus is not None or no_check:
        raise UsageError("--insecure, --env, --driver-cpus and --no-check are for a sweep that is sent to a cluster")
    target = locate(sweep, overrides or ())
    if auto and not sweep_exists(target.folder):
        run(Path(sweep), overrides, address, cpus, gpus, as_json)
        return
    if trials is not None:
        target = _with_trials(target, trials)
    compiled = plan_to_resume(target)
    session, changes = reopen(target.folder, compiled, _say)
    for change in changes:
        _say(f"changed since the last driver: {change}")
    assert target.source is not None
    _finish(session, _drive(session, target.source.parent, address, cpus, gpus), as_json)


@app.command()
def status(sweep: Sweep, address: cli_cluster.Address = None, as_json: Json = False) -> None:
    """Show how a sweep stands, living or dead, from any terminal."""
    if (record := cli_elsewhere.find(sweep, address)) is not None:
        cli_elsewhere.show_status(record, as_json=as_json)
        return
    from orchestrator.project.workspace import locate

    cli_elsewhere.show_sweep(locate(sweep).folder, as_json=as_json)


@app.command()
def export(
    sweep: Sweep,
    form: Annotated[str, typer.Option("--format", help="json, yaml, args, env or hydra.")] = "json",
    top: Annotated[int, typer.Option(min=1, help="How many configurations, best first.")] = 1,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write. Unset: stdout.")] = None,
) -> None:
    """Print the best configurations in a form that another program takes; what the best one's curve shows to stderr."""
    from orchestrator.control.session import read_log
    from orchestrator.project.workspace import locate
    from orchestrator.results.diagnoses import winner_diagnosis
    from orchestrator.results.export import export as exported
    from orchestrator.views.diagnosis import reading_text

    state, events = read_log(locate(cli_elsewhere.results_of(sweep)).folder)
    text = exported(state, form, top)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text)
        _say(f"wrote {output}")
    if told := reading_text(state, winner_diagnosis(state, events)):
        _say(told)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the sweep file, for editors."""
    from orchestrator.sweepfile.schema import json_schema

    _answer_json(json_schema())


def main() -> None:
    """Run the command; a person's mistakes end in a sentence, never in a traceback."""
    try:
        app()
    except SystemExit as leaving:
        sys.exit(RESUMABLE if leaving.code == signal.SIGTERM else leaving.code)
    except StepladderError as error:
        _say(f"error: {error}")
        sys.exit(error.exit_code)


def _drive(session: Session, folder: Path, address: str | None, cpus: int | None, gpus: int | None) -> Ending:
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))  # from here on there is something to go on with
    from orchestrator.driver import drive
    from orchestrator.ray.host.options import HostOptions, job_address
    from orchestrator.ray.worker.trainable import named_in
    from orchestrator.views.progress import Progress
    from orchestrator.views.render import make_console

    address = address or job_address(os.environ)
    trainable = named_in(session.state.plan.spec, folder)
    with Progress(session.state.plan, make_console(sys.stderr)) as progress:
        return drive(session, trainable, HostOptions(address, cpus, gpus), progress.on_step)


def _finish(session: Session, ending: Ending, as_json: bool) -> None:
    from orchestrator.control.session import read_events
    from orchestrator.results.best import best_document
    from orchestrator.results.diagnoses import winner_diagnosis
    from orchestrator.views.status import winner_answer

    for problem in ending.problems:
        _say(f"warning: {problem}")
    diagnosis = winner_diagnosis(ending.state, read_events(session.folder))
    if as_json:
        _answer_json(best_document(ending.state, session.folder, diagnosis))
    else:
        _answer(winner_answer(ending.state, session.folder, ending.reason, diagnosis))
    if ending.is_resumable:
        _say(f"stopped ({ending.reason}), everything is saved; go on with: stepladder resume {session.folder}")
    raise typer.Exit(ending.exit_code)


def _with_trials(target: Any, trials: str) -> Any:
    from dataclasses import replace

    from orchestrator.control.session import read_sweep

    text = trials.removeprefix("+")
    if not text.isdecimal():
        raise UsageError(f"--trials {trials}: write a number, or + and a number, e.g. --trials +20")
    planned = read_sweep(target.folder).plan.spec.budget.trials if trials.startswith("+") else 0
    return replace(target, overrides=(*target.overrides, f"budget.trials={planned + int(text)}"))


def _measured_seconds(folder: Location) -> float | None:
    from orchestrator.control.session import read_sweep, sweep_exists

    return read_sweep(folder).seconds_per_fidelity() if sweep_exists(folder) else None


def _answer(renderable: Any) -> None:
    from orchestrator.views.render import make_console, show

    show(make_console(sys.stdout), renderable)


def _answer_json(document: Any) -> None:
    typer.echo(json.dumps(document, indent=2))


def _say(message: str) -> None:
    typer.echo(message, err=True)
