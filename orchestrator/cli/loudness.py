"""How much a command says beside its answer, and whether a file keeps it: `-v`, `-q`, `--log-file`, with every verb.

    -q             errors and warnings alone: no progress, no next steps; the answer stays
    -v             every event of a sweep as a line, also on a terminal, and the traceback of an error
    -vv            Ray's own messages as well
    --log-file     everything of -v, dated, added to a file; whatever is shown

Without any of them nothing is set up here, and warnings reach stderr as Python brings them there.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TextIO

from orchestrator.errors import UsageError

OWN, SAID = "stepladder", "stepladder.said"
"""Loggers: of all that we say, and of what commands tell a person."""
EVENTS, PROGRESS = "stepladder.events", "stepladder.progress"
"""Those of `orchestrator.views.progress`, which is not imported for its names: it takes Rich along."""
LOG_FILE_VARIABLE = "STEPLADDER_LOG_FILE"
"""Says the same as --log-file."""
WITH_VALUE = "--log-file"
FLAGS = frozenset({"-v", "-vv", "--verbose", "-q", "--quiet"})


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever stderr is at the moment: a picture of progress takes its place for a while."""

    def __init__(self, level: int) -> None:
        logging.Handler.__init__(self, level)
        self.setFormatter(logging.Formatter("%(message)s"))

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # it is set once there
        """Where it writes."""
        return sys.stderr

    def filter(self, record: logging.LogRecord) -> bool:
        """Leave out what is shown in another way."""
        is_shown_anyway = record.name == SAID or (record.name == EVENTS and not sys.stderr.isatty())
        return not is_shown_anyway and bool(super().filter(record))


def lifted(args: list[str]) -> tuple[list[str], list[str]]:
    """Return the options that are for every verb, wherever they stand on the command line, and the rest of it."""
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(args)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument in FLAGS or argument.startswith(f"{WITH_VALUE}="):
            front.append(argument)
        elif argument == WITH_VALUE:
            front += [argument, *([value] if (value := next(remaining, None)) is not None else [])]
        else:
            rest.append(argument)
    return front, rest


def set_loudness(verbose: int, log_file: Path | None, *, quiet: bool) -> None:
    """Say more or less from now on, and keep it in a file. Raises UsageError where both, or no file, can be."""
    if verbose and quiet:
        raise UsageError("--verbose says more and --quiet less; leave one of them out")
    if not verbose and not quiet and log_file is None:
        return
    own = logging.getLogger(OWN)
    own.setLevel(logging.WARNING if quiet and log_file is None else logging.DEBUG)
    if quiet:
        logging.getLogger(PROGRESS).setLevel(logging.ERROR)
    own.propagate = False
    own.addHandler(_Stderr(logging.DEBUG if verbose else logging.WARNING))
    if log_file is not None:
        own.addHandler(_file_handler(log_file))
    if verbose > 1:
        for name in ("ray", "optuna"):
            logging.getLogger(name).setLevel(logging.DEBUG)
    SAYS.is_quiet, SAYS.is_verbose = quiet, verbose > 0


class _Says:
    """How much is said, in this process."""

    is_quiet = False
    is_verbose = False
    began_at_byte: int | None = None
    """Where stderr ended when the command began, if it is a file: what stands before is not its own."""


SAYS = _Says()
"""What `set_loudness` was told last."""


def _file_handler(path: Path) -> logging.FileHandler:
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--log-file {path}: {error.strerror or error}; name a file that can be written") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler
