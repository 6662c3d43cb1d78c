"""Which reader takes a foreign file, after a look at whether it is such a file at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.imports.draft import Draft, NotSuchAFileError
from orchestrator.imports.hydra_sweeper import import_hydra
from orchestrator.imports.optuna_objective import draft_of_objective, draft_of_text
from orchestrator.imports.python_source import parsed
from orchestrator.imports.ray_space import draft_of_experiment, draft_of_space
from orchestrator.imports.running import recorded
from orchestrator.imports.wandb_sweep import import_wandb
from orchestrator.sweepfile.foreign import COMMANDS, foreign_kind

_OF_PYTHON: Mapping[str, tuple[Callable[..., Draft], Callable[..., Draft]]] = {
    "optuna": (draft_of_objective, draft_of_text),
    "ray": (draft_of_experiment, draft_of_space),
}
"""For a tool whose searches are Python: what makes a draft of a recorded run, and of a text alone."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a foreign file is read."""

    program: str | None = None
    """The training program, where the file names none."""
    run: bool = True
    """Whether a Python file is run to be read; no: its text alone is."""
    arguments: Sequence[str] = ()
    """What a Python file is given on its command line."""


def read_draft(tool: str, content: bytes, file: Path, reading: Reading) -> Draft:
    """Return what a file of `tool` says, as a draft.

    Raises NotSuchAFileError where it is another tool's, or nobody's; RecordingError where it was run and told nothing.
    """
    kind = foreign_kind(content, file.name)
    if kind not in (None, tool, "code" if tool in _OF_PYTHON else None):
        phrase, command = COMMANDS[kind]
        raise NotSuchAFileError(f"{file}: this is {phrase}: `{command} {file}`")
    if tool not in _OF_PYTHON:
        take = import_wandb if tool == "wandb" else import_hydra
        return take(content, str(file), _stem(file), reading.program)
    of_run, of_text = _OF_PYTHON[tool]
    module = parsed(content, str(file))
    return of_run(recorded(tool, file, reading.arguments), module, file) if reading.run else of_text(module, file)


def _stem(file: Path) -> str:
    """Return what to call the sweep: the file's name, its folder's where the file is just called sweep."""
    return file.stem if file.stem not in ("sweep", "config", "train", "main") else file.resolve().parent.name
