"""The command `stepladder`: argv to one call to text. No decision lives here; each verb has a file (see `verbs`).

Answers go to stdout, progress and messages to stderr; exit codes are those of `orchestrator.exitcodes`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from orchestrator import __version__, exitcodes
from orchestrator.cli.leaving import leave
from orchestrator.cli.loudness import LOG_FILE_VARIABLE, SAYS, set_loudness
from orchestrator.cli.say import answer_text, say
from orchestrator.cli.storage_waits import WATCH
from orchestrator.cli.verbs import VerbGroup
from orchestrator.errors import StepladderError

YOUNG = 50_000
"""New objects after which the collector looks for cycles: at Python's own 700 it does so hundreds of times while a
command imports, and finds none."""


def _answer_version(asked: bool) -> None:
    if asked:
        answer_text(f"stepladder {__version__} (Python {platform.python_version()})")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option("--version", is_eager=True, callback=_answer_version, help="Print the version, and leave."),
]

app = typer.Typer(
    cls=VerbGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text: whoever asks for help waits for no library
    context_settings={"help_option_names": ["-h", "--help"]},
)


VerboseOption = Annotated[
    int, typer.Option("--verbose", "-v", count=True, help="Say every event, and tracebacks; -vv: what Ray says too.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say errors and warnings alone, beside the answer.")]
LogFileOption = Annotated[
    Path | None, typer.Option(envvar=LOG_FILE_VARIABLE, help="Add to this file what is said, dated.")
]


@app.callback()
def stepladder(
    version: VersionOption = False,  # noqa: ARG001 - it has been answered by now
    verbose: VerboseOption = 0, quiet: QuietOption = False,
    log_file: LogFileOption = None,
) -> None:  # fmt: skip
    """One YAML file becomes a staged hyperparameter sweep on Ray, and the winner comes out as JSON.

    Exit codes: 0 nothing left to do, 1 failed, 2 usage or file invalid, 75 stopped with work left, 130 Ctrl-C.
    These options may stand behind the verb, too.
    """
    set_loudness(verbose, log_file, quiet=quiet)


def main() -> None:
    """Run the command; a person's mistakes end in a sentence, never in a traceback."""
    with contextlib.suppress(OSError):  # it is closed
        SAYS.began_at_byte = os.fstat(2).st_size
    gc.set_threshold(YOUNG)
    try:
        with WATCH:
            app(prog_name="stepladder")
    except SystemExit as leaving:
        code = exitcodes.RESUMABLE if leaving.code == signal.SIGTERM else leaving.code
        if isinstance(code, int):
            # All is saved and said. A Ray that a signal hit while it started may crash at the interpreter's own end.
            leave(code, at_once=code in exitcodes.WORK_LEFT and "ray" in sys.modules)
        sys.exit(code)
    except StepladderError as error:
        if SAYS.is_verbose:
            traceback.print_exception(error)
        say(f"error: {error}")
        sys.exit(error.exit_code)
