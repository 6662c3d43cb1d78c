"""Which reader takes a foreign file, after a look at whether it is such a file at all."""

from __future__ import annotations

from pathlib import Path

from orchestrator.imports.draft import Draft, NotSuchAFileError
from orchestrator.imports.wandb_sweep import import_wandb
from orchestrator.sweepfile.foreign import COMMANDS, foreign_kind


def read_draft(tool: str, content: bytes, file: Path, program: str | None = None) -> Draft:
    """Return what a file of `tool` says, as a draft. Raises NotSuchAFileError where it is another tool's, or nobody's.

    `program` is the training program where the file names none.
    """
    kind = foreign_kind(content, file.name)
    if kind is not None and kind != tool:
        phrase, command = COMMANDS[kind]
        raise NotSuchAFileError(f"{file}: this is {phrase}: `{command} {file}`")
    return import_wandb(content, str(file), _stem(file), program)


def _stem(file: Path) -> str:
    """Return what to call the sweep: the file's name, its folder's where the file is just called sweep."""
    return file.stem if file.stem not in ("sweep", "config", "train", "main") else file.resolve().parent.name
