"""The command `stepladder`: argv to one call to text. No decision lives here; each verb has a file in this folder.

Answers go to stdout, progress and messages to stderr; exit codes are those of `orchestrator.exitcodes`.
"""

from __future__ import annotations

import platform
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from orchestrator import __version__, exitcodes
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
from orchestrator.cli.say import answer_text, say
from orchestrator.cli.spaces import spaces_app
from orchestrator.cli.status import status
from orchestrator.cli.stop import cancel, stop
from orchestrator.cli.submit import submit
from orchestrator.errors import StepladderError

PANELS: dict[str, dict[str, Callable[..., Any] | typer.Typer]] = {
    "Begin": {"init": init, "import": import_foreign, "spaces": spaces_app, "check": check, "plan": plan},
    "Run": {"run": run, "resume": resume, "submit": submit, "stop": stop, "cancel": cancel},
    "Look": {"status": status, "logs": logs, "ls": ls},
    "Use": {"export": export, "confirm": confirm},
    "Keep": {"audit": audit, "schema": schema},
}
"""The verbs in the order of their use, as `stepladder --help` shows them."""


def _answer_version(asked: bool) -> None:
    if asked:
        answer_text(f"stepladder {__version__} (Python {platform.python_version()})")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option("--version", is_eager=True, callback=_answer_version, help="Print the version, and leave."),
]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def stepladder(version: VersionOption = False) -> None:
    """One YAML file becomes a staged hyperparameter sweep on Ray, and the winner comes out as JSON.

    Exit codes: 0 nothing left to do, 1 failed, 2 usage or file invalid, 75 stopped with work left, 130 Ctrl-C.
    """


for panel, verbs in PANELS.items():
    for name, verb in verbs.items():
        if isinstance(verb, typer.Typer):
            app.add_typer(verb, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(verb)


def main() -> None:
    """Run the command; a person's mistakes end in a sentence, never in a traceback."""
    try:
        app(prog_name="stepladder")
    except SystemExit as leaving:
        sys.exit(exitcodes.RESUMABLE if leaving.code == signal.SIGTERM else leaving.code)
    except StepladderError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)
