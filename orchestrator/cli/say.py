"""How a command speaks: the answer on stdout, whatever else there is to know on stderr."""

from __future__ import annotations

import json
import logging
import math
import sys
from typing import TYPE_CHECKING, Any

import typer

from orchestrator.cli.loudness import SAID, SAYS

if TYPE_CHECKING:
    from rich.console import ConsoleRenderable


def say(message: str) -> None:
    """Tell a person something beside the answer; with --quiet, errors and warnings alone."""
    if not SAYS.is_quiet or message.startswith(("error: ", "warning: ")):
        typer.echo(message, err=True)
    logging.getLogger(SAID).info(message)


def answer_text(text: str) -> None:
    """Answer with a line."""
    typer.echo(text)


def answer_piece(text: str) -> None:
    """Answer with text as it is, which may go on; whoever reads along sees it at once."""
    typer.echo(text, nl=False)
    sys.stdout.flush()


def answer_json(document: Any) -> None:
    """Answer with data for another program; JSON has no word for a number that is not finite, which is null."""
    typer.echo(json.dumps(_finite(document), indent=2, allow_nan=False))


def _finite(document: Any) -> Any:
    if isinstance(document, float):
        return document if math.isfinite(document) else None
    if isinstance(document, dict):
        return {key: _finite(value) for key, value in document.items()}
    return [_finite(value) for value in document] if isinstance(document, list | tuple) else document


def answer(renderable: ConsoleRenderable) -> None:
    """Answer with what Rich can show."""
    from orchestrator.views.render import make_console, show

    show(make_console(sys.stdout), renderable)
