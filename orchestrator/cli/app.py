"""The command `stepladder`: argv to one call to text. No decision lives here; each verb has a file in this folder.

Answers go to stdout, progress and messages to stderr; exit codes are those of `orchestrator.exitcodes`.
"""

from __future__ import annotations

import signal
import sys

import typer

from orchestrator import exitcodes
from orchestrator.cli.audit import audit
from orchestrator.cli.check import check
from orchestrator.cli.confirm import confirm
from orchestrator.cli.export import export
from orchestrator.cli.importing import import_foreign
from orchestrator.cli.init import init, schema
from orchestrator.cli.jobs import logs, ls
from orchestrator.cli.plan import plan
from orchestrator.cli.resume import resume
from orchestrator.cli.run import run
from orchestrator.cli.say import say
from orchestrator.cli.spaces import spaces_app
from orchestrator.cli.status import status
from orchestrator.cli.stop import cancel, stop
from orchestrator.cli.submit import submit
from orchestrator.errors import StepladderError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="One YAML file becomes a staged hyperparameter sweep on Ray, and the winner comes out as JSON.",
)
app.command()(init)
app.command("import")(import_foreign)
app.add_typer(spaces_app, name="spaces")
for verb in (check, plan, run, resume, confirm, submit, status, ls, logs, export, stop, cancel, audit, schema):
    app.command()(verb)


def main() -> None:
    """Run the command; a person's mistakes end in a sentence, never in a traceback."""
    try:
        app()
    except SystemExit as leaving:
        sys.exit(exitcodes.RESUMABLE if leaving.code == signal.SIGTERM else leaving.code)
    except StepladderError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)
