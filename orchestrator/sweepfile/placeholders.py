"""A training program as a list of arguments, hyperparameters in braces: `[python, train.py, --lr, "{learning_rate}"]`.

`{name}` stands for the hyperparameter's value, `{trial.seed}` and its like for what is known of the trial, `{{` and
`}}` for braces. No shell reads the list. An argument with a hyperparameter that is not there in a configuration (its
`when` does not hold) is left out, and so is an option right before it: `--momentum "{momentum}"` goes as a pair.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.members import nearest

TRIAL_FIELDS = ("attempt", "checkpoint", "max_fidelity", "number", "seed", "sweep_folder", "trial_id")
"""What `{trial.…}` may name: of what a training function gets as `trial`, what is one value."""

PREFIX = "trial."
"""What names begin with that are no hyperparameters."""
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def problems(command: Sequence[str], hyperparameters: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the position of each argument that is wrong, and what is wrong with it."""
    for position, argument in enumerate(command):
        if position == 0 and (not argument or _names(argument)):
            yield position, "is no program; write its name or path first, as in [python, train.py]"
            continue
        for piece in _PIECE.finditer(argument):
            name = piece[1]
            if name is None and piece[0] in "{}":
                yield (
                    position,
                    f"a single {piece[0]!r}; write {{name}} for a hyperparameter, {piece[0] * 2} for a brace",
                )
            elif name is not None and name.startswith(PREFIX):
                known = [PREFIX + field for field in TRIAL_FIELDS]
                if name not in known:
                    yield position, f"'{{{name}}}' is nothing that a trial has; choose {nearest(name, known)}"
            elif name is not None and name not in hyperparameters:
                known = sorted(hyperparameters)
                yield position, f"'{{{name}}}' is not in the search space; choose {nearest(name, known)}"


def filled(command: Sequence[str], config: Mapping[str, Any], trial: Mapping[str, Any]) -> list[str]:
    """Return the arguments for one configuration, of which `trial` is the trial. The command has no `problems`."""
    known = {PREFIX + field: trial[field] for field in TRIAL_FIELDS if trial.get(field) is not None}
    values = {**config, **known}
    arguments: list[str] = []
    for position, argument in enumerate(command):
        if any(name not in values for name in _names(argument)):
            if arguments and position and command[position - 1] == arguments[-1] and _is_option(arguments[-1]):
                arguments.pop()
            continue
        arguments.append(_PIECE.sub(lambda piece: _text(values[piece[1]]) if piece[1] else piece[0][0], argument))
    return arguments


def _names(argument: str) -> list[str]:
    return [piece[1] for piece in _PIECE.finditer(argument) if piece[1] is not None]


def _is_option(argument: str) -> bool:
    return argument.startswith("-") and "=" not in argument


def _text(value: Any) -> str:
    """Write a value as an argument: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
