"""The commands that ask a sweep's driver for something: `stop` and `cancel`, from any terminal that has the storage."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import elsewhere as cli_elsewhere
from orchestrator.cli.submit import Address

if TYPE_CHECKING:
    from orchestrator.storage.location import Location
    from orchestrator.storage.requests import DriverRequest

Sweep = Annotated[
    str,
    typer.Argument(help="The sweep file, or the sweep's folder (a path or, say, s3://...).", show_default=False),
]


def stop(sweep: Sweep, address: Address = None) -> None:
    """Let the running trials finish and start no new ones; the sweep can go on later."""
    from orchestrator.storage.requests import DriverRequest

    if (record := cli_elsewhere.find(sweep, address)) is not None:
        cli_elsewhere.ask_to_leave(record, DriverRequest.STOP, sweep)
        return
    folder, running = _ask(sweep, DriverRequest.STOP)
    where = shlex.quote(str(folder))
    typer.echo(f"stop requested: no new trials, {running} running finish, then the driver leaves")
    _say(f"next: stepladder status {where}\n      stepladder cancel {where}   # do not wait for them")


def cancel(sweep: Sweep, address: Address = None) -> None:
    """End a sweep's driver within seconds, everything saved; the sweep can go on later."""
    from orchestrator.storage.requests import DriverRequest

    if (record := cli_elsewhere.find(sweep, address)) is not None:
        cli_elsewhere.ask_to_leave(record, DriverRequest.CANCEL, sweep)
        return
    folder, running = _ask(sweep, DriverRequest.CANCEL)
    where = shlex.quote(str(folder))
    typer.echo(f"cancel requested: {running} running pause at their newest checkpoint, and the driver leaves")
    _say(f"next: stepladder status {where}\n      stepladder resume {where}")


def _ask(sweep: str, kind: DriverRequest) -> tuple[Location, str]:
    """Put the request down; returns the sweep's folder and how many trials run, in words."""
    from orchestrator.control.session import read_sweep
    from orchestrator.errors import UsageError
    from orchestrator.project.workspace import locate
    from orchestrator.storage.requests import put_request
    from orchestrator.wording import counted

    folder = locate(sweep).folder
    running = len(read_sweep(folder).open)
    try:
        put_request(folder.files(), kind, time.time())
    except UsageError as error:
        raise UsageError(f"{folder}: {error}; see `stepladder status {shlex.quote(str(folder))}`") from error
    return folder, counted(running, "trial")


def _say(message: str) -> None:
    typer.echo(message, err=True)
